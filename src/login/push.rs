//! `mode = "push"`: the phone rings, the person approves, the phone signs.

use std::io;
use std::time::{Duration, Instant};

use logonbox_authenticator::{
    Approval, AuthorizedKeys, Canceller, Client, Error, ErrorKind, PublicKey, Response,
    SignRequest, Wording,
};

use super::announce::announce;
use super::ask::{AT_ONCE, ask};
use super::choice::choose;
use super::hold::{below, hold, no_randomness};
use super::{MakeClient, Notes, Parties, no_thread, stopped};
use crate::config::{Config, Device, LogonBox, Placeholder, Template};
use crate::host::{Echo, Host, Step, System};
use crate::pins::{self, Pinned};
use crate::policy::{self, Limit, Person};
use crate::text::{for_phone, for_terminal};
use crate::verdict::{Refusal, Unavailable};
use crate::wait::{GRACE, Pending, Stopped, Waiter, Worker, later, pause};

/// Rings the person's phone and waits for its signature.
///
/// # Errors
///
/// Why not. Everything but a verified signature is an error.
pub fn login(
    config: &Config,
    logonbox: &LogonBox,
    person: &Person,
    parties: Parties<'_, Client, Error>,
    notes: &mut Notes,
) -> Result<Approval, Refusal> {
    let Parties {
        host,
        system,
        waiter,
        make_client,
    } = parties;
    let code = code(system).map_err(|error| no_randomness(&error))?;
    let known = person.known(system);
    let name = known.as_deref().unwrap_or(person.user.shown());
    let texts = Texts::new(config, logonbox, host, system, person, name, code);
    let mut login = Login {
        config,
        logonbox,
        texts: &texts,
        on: match &logonbox.device {
            Device::Named(name) => Some(for_terminal(name)),
            Device::First | Device::Ask => None,
        },
        host,
        system,
        announced: waiter.now(),
        waiter,
        notes,
        pinned: None,
    };
    let result = match known {
        Ok(_) => login.known_user(make_client),
        Err(refusal) => login.announce().and(Err(refusal)),
    };
    let announced = login.announced;
    if result.as_ref().is_err_and(Refusal::is_about_the_account) {
        hold(system, waiter, announced)?;
    }
    result
}

/// What the worker thread owns.
type Tenant = Result<Client, Error>;

/// One login.
struct Login<'a> {
    config: &'a Config,
    logonbox: &'a LogonBox,
    texts: &'a Texts<'a>,
    /// The phone, where it was configured by name or chosen.
    on: Option<String>,
    host: &'a mut dyn Host,
    system: &'a dyn System,
    waiter: &'a mut dyn Waiter,
    notes: &'a mut Notes,
    /// When the person had been told to look at the phone.
    announced: Instant,
    /// The keys that count in place of those that the tenant publishes.
    pinned: Option<Pinned>,
}

impl Login<'_> {
    fn known_user(&mut self, make_client: MakeClient<Client, Error>) -> Result<Approval, Refusal> {
        self.notes.account.clone_from(&self.texts.account);
        policy::enough_memory()?;
        let directory = self.system.pins_directory();
        match pins::counting(self.logonbox.pins, directory, &self.texts.account) {
            Ok(pinned) => self.pinned = pinned,
            // Who has no pinned key sees what others see.
            Err(refusal) if refusal.is_about_the_account() => {
                return self.announce().and(Err(refusal));
            }
            Err(refusal) => return Err(refusal),
        }
        let canceller = Canceller::new();
        let making = canceller.clone();
        let worker: Worker<Tenant> =
            Worker::start(self.waiter, canceller, move || make_client(&making))
                .map_err(|error| no_thread(&error))?;
        let result = self.ask_tenant(&worker);
        worker.end();
        result
    }

    fn ask_tenant(&mut self, worker: &Worker<Tenant>) -> Result<Approval, Refusal> {
        let key = match self.logonbox.device {
            Device::Ask => self.chosen_key(worker)?,
            Device::First | Device::Named(_) => self.configured_key(worker)?,
        };
        key.comment().clone_into(&mut self.notes.device);
        self.notes.key = key.fingerprint();
        self.host.reached(Step::Chosen(&key));
        // A Ctrl-C in the conversation, which the host has blocked: nobody's phone shall ring.
        pause(self.waiter, Duration::ZERO).map_err(stopped)?;
        let limit = Limit::new(
            self.config.policy.unapproved_pushes_per_10_minutes,
            &self.logonbox.tenant.to_string(),
            &self.texts.account,
        );
        let push = limit.count(self.system, self.waiter)?;
        self.notes.hint(&push.hint);
        let result = self.ring(worker, key);
        match &result {
            Ok(_) => push.approved(),
            Err(refusal) if !refusal.rung => push.take_back(),
            Err(_) => {}
        }
        result
    }

    /// The key that the configuration chooses. While the person reads the announcement, it is
    /// already being fetched, unless it is pinned.
    fn configured_key(&mut self, worker: &Worker<Tenant>) -> Result<PublicKey, Refusal> {
        let fetch = self.begin_fetch(worker);
        self.announce()?;
        let unwatched = self.announced.saturating_duration_since(fetch.begun);
        let keys = match self.finish_fetch(&fetch) {
            // The person's time counts towards nothing: this process may have been stopped in the
            // conversation (with Ctrl-Z), and the fetch with it.
            Err(late) if unwatched >= AT_ONCE && late.unavailable.is_some() => {
                let fetch = self.begin_fetch(worker);
                self.finish_fetch(&fetch)?
            }
            keys => keys?,
        };
        Ok(keys.chosen)
    }

    /// The key that the person chooses, where there are several, before the announcement, which
    /// then names its phone.
    fn chosen_key(&mut self, worker: &Worker<Tenant>) -> Result<PublicKey, Refusal> {
        let fetch = self.begin_fetch(worker);
        let keys = match self.finish_fetch(&fetch) {
            // Who has no phone sees what others see.
            Err(refusal) if refusal.is_about_the_account() => {
                return self.announce().and(Err(refusal));
            }
            keys => keys?,
        };
        let chosen = if keys.others.is_empty() {
            keys.chosen
        } else {
            let mut every = keys.others;
            every.insert(0, keys.chosen);
            let (host, waiter) = (&mut *self.host, &*self.waiter);
            let hint = &mut self.notes.hint;
            let place = choose(&names(&every), |prompt| {
                ask(host, waiter, hint, prompt, Echo::On)
            })?;
            let key = every.swap_remove(place);
            self.on = Some(for_terminal(&name(&key)));
            key
        };
        self.announce()?;
        Ok(chosen)
    }

    fn begin_fetch(&self, worker: &Worker<Tenant>) -> Fetch {
        let account = self.texts.account.clone();
        let device = self.logonbox.device.clone();
        let algorithms = self.logonbox.algorithms.clone();
        let pinned = self.pinned.as_ref().map(|pinned| pinned.keys.clone());
        let keys = worker.begin(move |tenant| {
            let client = tenant.as_ref().map_err(Error::clone)?;
            let keys = pinned.map_or_else(|| client.keys(&account), Ok)?;
            let chosen = configured(client, &device, &keys)?;
            let others = keys
                .keys()
                .iter()
                .filter(|key| *key != chosen && algorithms.contains(&key.algorithm()));
            let asked_for = if device == Device::Ask {
                MOST_OTHERS
            } else {
                0
            };
            Ok(Keys {
                chosen: chosen.clone(),
                others: others.take(asked_for).cloned().collect(),
            })
        });
        let begun = self.waiter.now();
        Fetch {
            keys,
            begun,
            until: later(later(begun, self.config.wait.connect), GRACE),
        }
    }

    fn finish_fetch(&mut self, fetch: &Fetch) -> Result<Keys, Refusal> {
        let refusal = match fetch.keys.wait(self.waiter, fetch.until) {
            Ok(Ok(keys)) => {
                self.host.reached(Step::Listed {
                    pinned: self.pinned.is_some(),
                });
                return Ok(keys);
            }
            Ok(Err(error)) => match &self.pinned {
                Some(pinned) if error.kind() == ErrorKind::NoUsableKey => {
                    pinned.none_usable(error.detail())
                }
                _ => Refusal::from(error),
            },
            Err(Stopped::Deadline) => Refusal {
                // Pinned keys are nothing that the tenant was asked for.
                unavailable: self.pinned.is_none().then_some(Unavailable::Unheard),
                ..stopped(Stopped::Deadline)
            },
            Err(why) => stopped(why),
        };
        Err(Refusal {
            after: Some(self.waiter.now().saturating_duration_since(fetch.begun)),
            ..refusal
        })
    }

    /// From here on the phone may ring.
    fn ring(&mut self, worker: &Worker<Tenant>, key: PublicKey) -> Result<Approval, Refusal> {
        let account = self.texts.account.clone();
        let wording = self.texts.wording();
        self.host.reached(Step::Ringing);
        let begun = self.waiter.now();
        let until = later(later(begun, self.config.wait.person), GRACE);
        let response = worker
            .run(
                self.waiter,
                until,
                move |tenant| -> Result<Response, Error> {
                    let client = tenant.as_ref().map_err(Error::clone)?;
                    let payload = client.payload()?;
                    client.sign(SignRequest::new(&account, &key, wording, payload))
                },
            )
            .map_err(|why| stopped(why).after_ringing())?
            // With pinned keys, this is where it shows that the tenant cannot be reached.
            .map_err(|error| Refusal {
                after: Some(self.waiter.now().saturating_duration_since(begun)),
                ..Refusal::from(error)
            })?;
        self.host.reached(Step::Answered);
        let approval = response.verify()?;
        self.host.reached(Step::Verified);
        Ok(approval)
    }

    /// Tells the person to look at the phone, before it rings.
    fn announce(&mut self) -> Result<(), Refusal> {
        let line = self.texts.announcement(self.on.as_deref());
        let configured = self.config.conversation.announce;
        let end = "Press Enter to send it: ";
        let told = announce(self.host, self.waiter, configured, &line, end);
        self.announced = self.waiter.now();
        if let Some(hint) = told? {
            self.notes.hint(hint);
        }
        self.host.reached(Step::Announced);
        Ok(())
    }
}

/// The key that `device` chooses, or the first, where the person is asked.
///
/// # Errors
///
/// There is none.
pub fn configured<'k>(
    client: &Client,
    device: &Device,
    keys: &'k AuthorizedKeys,
) -> Result<&'k PublicKey, Error> {
    match device {
        Device::First | Device::Ask => client.choose(keys),
        Device::Named(name) => client.choose_by_comment(keys, name),
    }
}

/// The most phones that a person chooses from, besides the first.
const MOST_OTHERS: usize = 19;

/// The keys of an account.
struct Keys {
    /// The one that the configuration chooses, or the first.
    chosen: PublicKey,
    /// Where the person is asked: those that could be chosen as well.
    others: Vec<PublicKey>,
}

/// Keys on their way.
struct Fetch {
    keys: Pending<Result<Keys, Error>>,
    begun: Instant,
    until: Instant,
}

/// What a person calls the phone with this key.
fn name(key: &PublicKey) -> String {
    match key.comment() {
        "" => key.fingerprint(),
        name => name.to_owned(),
    }
}

/// The same for a list, in which no two are alike.
fn names(keys: &[PublicKey]) -> Vec<String> {
    keys.iter()
        .map(|key| {
            let alike = keys.iter().filter(|other| name(other) == name(key));
            for_terminal(&match alike.count() {
                1 => name(key),
                _ => format!("{} ({})", name(key), key.fingerprint()),
            })
        })
        .collect()
}

/// Four digits on both screens, so that a person can tell their own request from a stranger's.
fn code(system: &dyn System) -> io::Result<String> {
    Ok(format!("{:04}", below(system, 10_000)?))
}

/// The words of one login, on both screens.
struct Texts<'a> {
    logonbox: &'a LogonBox,
    service: String,
    user: String,
    account: String,
    hostname: String,
    rhost: String,
    tty: String,
    code: String,
}

impl<'a> Texts<'a> {
    fn new(
        config: &Config,
        logonbox: &'a LogonBox,
        host: &dyn Host,
        system: &dyn System,
        person: &Person,
        name: &str,
        code: String,
    ) -> Self {
        let service = host.service();
        let mut texts = Self {
            logonbox,
            // The phone in the caller's hand must say what they are about to become.
            service: match &person.becomes {
                Some(target) => format!("{service} to {}", target.shown()),
                None => service,
            },
            user: person.user.shown().to_owned(),
            account: String::new(),
            hostname: system.hostname(),
            rhost: host.rhost(),
            tty: host.tty(),
            code,
        };
        texts.account = config.account(name, &texts.hostname);
        texts
    }

    fn announcement(&self, on: Option<&str>) -> String {
        let on = on.map_or_else(String::new, |name| format!(" on {name}"));
        format!("Approve the request on your phone{on}. Code: {}", self.code)
    }

    fn wording(&self) -> Wording {
        Wording {
            remote_name: self.fill(&self.logonbox.remote_name),
            question: self.fill(&self.logonbox.prompt),
            authorize: self.fill(&self.logonbox.button),
        }
    }

    fn fill(&self, template: &Template) -> String {
        template.fill(|placeholder| {
            for_phone(match placeholder {
                Placeholder::User => &self.user,
                Placeholder::Account => &self.account,
                Placeholder::Hostname => &self.hostname,
                Placeholder::Tenant => self.logonbox.tenant.host(),
                Placeholder::Service => &self.service,
                Placeholder::Rhost => first_of([&self.rhost, &self.tty, "this machine"]),
                Placeholder::Tty => first_of([&self.tty, "no terminal", ""]),
                Placeholder::Code => &self.code,
            })
        })
    }
}

/// The first that says something.
fn first_of(texts: [&str; 3]) -> &str {
    texts
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
