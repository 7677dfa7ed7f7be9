//! `mode = "push"`: the phone rings, the person approves, the phone signs.

use std::io;
use std::time::{Duration, Instant};

use logonbox_authenticator::{
    Approval, Canceller, Client, Error, PublicKey, Response, SignRequest, Wording,
};

use crate::config::{Announce, Config, Device, Placeholder, Template};
use crate::host::{Host, System, User};
use crate::policy;
use crate::text::{for_phone, for_terminal};
use crate::verdict::{Refusal, Unavailable, Word};
use crate::wait::{GRACE, Pending, Stopped, Waiter, Worker, later, pause};

/// A conversation that takes no longer was none: a host that fails a prompt so soon has not shown
/// it (sshd's `password` method).
const AT_ONCE: Duration = Duration::from_millis(500);
/// The shortest and the longest hold before a refusal that is about the account, in
/// milliseconds.
const HOLD: (u32, u32) = (2000, 5000);

/// Makes the client, on the thread that will own it.
pub type MakeClient = Box<dyn FnOnce(&Canceller) -> Result<Client, Error> + Send>;

/// Everybody who takes part in a login.
pub struct Parties<'a> {
    /// The person, through the host program.
    pub host: &'a mut dyn Host,
    /// This machine.
    pub system: &'a dyn System,
    /// The clock.
    pub waiter: &'a mut dyn Waiter,
    /// The way to the tenant.
    pub make_client: MakeClient,
}

/// What became known on the way, for the log.
#[derive(Debug, Default)]
pub struct Notes {
    /// The tenant's name for the user.
    pub account: String,
    /// The comment of the key that was asked.
    pub device: String,
    /// Its fingerprint.
    pub key: String,
    /// Something that the administrator should know, however the login ended.
    pub hint: &'static str,
}

/// Rings the user's phone and waits for its signature.
///
/// # Errors
///
/// Why not. Everything but a verified signature is an error.
pub fn login(
    config: &Config,
    user: &User,
    parties: Parties<'_>,
    notes: &mut Notes,
) -> Result<Approval, Refusal> {
    let Parties {
        host,
        system,
        waiter,
        make_client,
    } = parties;
    let code = code(system).map_err(|error| no_randomness(&error))?;
    let texts = Texts::new(config, host, system, user, code);
    let mut login = Login {
        config,
        texts: &texts,
        host,
        announced: waiter.now(),
        waiter,
        notes,
    };
    let result = match policy::known_user(system, user) {
        Ok(()) => login.known_user(make_client),
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
    texts: &'a Texts<'a>,
    host: &'a mut dyn Host,
    waiter: &'a mut dyn Waiter,
    notes: &'a mut Notes,
    /// When the person had been told to look at the phone.
    announced: Instant,
}

impl Login<'_> {
    fn known_user(&mut self, make_client: MakeClient) -> Result<Approval, Refusal> {
        self.notes.account.clone_from(&self.texts.account);
        policy::enough_memory()?;
        let canceller = Canceller::new();
        let making = canceller.clone();
        let worker: Worker<Tenant> =
            Worker::start(self.waiter, canceller, move || make_client(&making))
                .map_err(|error| Refusal::new(Word::LocalFailure, format!("no thread: {error}")))?;
        let result = self.ask_tenant(&worker);
        worker.end();
        result
    }

    fn ask_tenant(&mut self, worker: &Worker<Tenant>) -> Result<Approval, Refusal> {
        // While the person reads the announcement, the key is already being fetched.
        let fetch = self.begin_fetch(worker);
        self.announce()?;
        let unwatched = self.announced.saturating_duration_since(fetch.begun);
        let key = match self.finish_fetch(&fetch) {
            // The person's time counts towards nothing: this process may have been stopped in the
            // conversation (with Ctrl-Z), and the fetch with it.
            Err(late) if unwatched >= AT_ONCE && late.unavailable.is_some() => {
                let fetch = self.begin_fetch(worker);
                self.finish_fetch(&fetch)?
            }
            key => key?,
        };
        key.comment().clone_into(&mut self.notes.device);
        self.notes.key = key.fingerprint();
        // A Ctrl-C in the conversation, which the host has blocked: nobody's phone shall ring.
        pause(self.waiter, Duration::ZERO).map_err(stopped)?;
        self.ring(worker, key)
    }

    fn begin_fetch(&self, worker: &Worker<Tenant>) -> Fetch {
        let account = self.texts.account.clone();
        let device = self.config.logonbox.device.clone();
        let key = worker.begin(move |tenant| {
            let client = tenant.as_ref().map_err(Error::clone)?;
            let keys = client.keys(&account)?;
            match &device {
                Device::First => client.choose(&keys),
                Device::Named(name) => client.choose_by_comment(&keys, name),
            }
            .cloned()
        });
        let begun = self.waiter.now();
        Fetch {
            key,
            begun,
            until: later(later(begun, self.config.wait.connect), GRACE),
        }
    }

    fn finish_fetch(&mut self, fetch: &Fetch) -> Result<PublicKey, Refusal> {
        let refusal = match fetch.key.wait(self.waiter, fetch.until) {
            Ok(Ok(key)) => return Ok(key),
            Ok(Err(error)) => Refusal::from(error),
            Err(Stopped::Deadline) => Refusal {
                unavailable: Some(Unavailable::Unheard),
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
        let response = worker.begin(move |tenant| -> Result<Response, Error> {
            let client = tenant.as_ref().map_err(Error::clone)?;
            let payload = client.payload()?;
            client.sign(SignRequest::new(&account, &key, wording, payload))
        });
        let until = later(later(self.waiter.now(), self.config.wait.person), GRACE);
        let response = response
            .wait(self.waiter, until)
            .map_err(|why| stopped(why).after_ringing())??;
        Ok(response.verify()?)
    }

    /// Tells the person to look at the phone, before it rings.
    fn announce(&mut self) -> Result<(), Refusal> {
        let told = self.tell();
        self.announced = self.waiter.now();
        told
    }

    fn tell(&mut self) -> Result<(), Refusal> {
        let line = self.texts.announcement();
        let announce = match self.config.conversation.announce {
            Announce::Auto if self.texts.service == "sshd" => Announce::Enter,
            Announce::Auto => Announce::Info,
            chosen => chosen,
        };
        match announce {
            Announce::None => Ok(()),
            Announce::Auto | Announce::Info => {
                self.host.inform(&line);
                Ok(())
            }
            Announce::Enter => {
                let asked_at = self.waiter.now();
                let prompt = format!("{line}\nPress Enter to send it: ");
                if self.host.press_enter(&prompt).is_ok() {
                    return Ok(());
                }
                let at_once = self.waiter.now() < later(asked_at, AT_ONCE);
                if self.config.conversation.announce == Announce::Enter || !at_once {
                    let reason = "the person could not be asked, or broke off";
                    return Err(Refusal::new(Word::Conversation, reason));
                }
                self.notes.hint = "sshd's password method shows the announcement too late; \
                                   keyboard-interactive shows it in time";
                self.host.inform(&line);
                Ok(())
            }
        }
    }
}

/// A key on its way.
struct Fetch {
    key: Pending<Result<PublicKey, Error>>,
    begun: Instant,
    until: Instant,
}

/// The same for everybody who cannot get in, however fast the reason is known.
fn hold(system: &dyn System, waiter: &mut dyn Waiter, announced: Instant) -> Result<(), Refusal> {
    let (shortest, longest) = HOLD;
    let extra =
        below(system, longest.saturating_sub(shortest)).map_err(|error| no_randomness(&error))?;
    let time = Duration::from_millis(u64::from(shortest.saturating_add(extra)));
    let left = later(announced, time).saturating_duration_since(waiter.now());
    pause(waiter, left).map_err(stopped)
}

fn stopped(why: Stopped) -> Refusal {
    match why {
        Stopped::Deadline => Refusal::new(Word::TimedOut, "no answer in time"),
        Stopped::Interrupted(signal) => Refusal::new(Word::Interrupted, signal),
        Stopped::Panicked => Refusal::new(Word::Panic, "a thread of the module panicked"),
    }
}

fn no_randomness(error: &io::Error) -> Refusal {
    Refusal::new(Word::LocalFailure, format!("no randomness: {error}"))
}

/// Four digits on both screens, so that a person can tell their own request from a stranger's.
fn code(system: &dyn System) -> io::Result<String> {
    Ok(format!("{:04}", below(system, 10_000)?))
}

/// A random number below `bound`. The bias of the remainder is under one in 400,000 here.
fn below(system: &dyn System, bound: u32) -> io::Result<u32> {
    let mut bytes = [0; 4];
    system.random(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes).checked_rem(bound).unwrap_or(0))
}

/// The words of one login, on both screens.
struct Texts<'a> {
    config: &'a Config,
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
        config: &'a Config,
        host: &dyn Host,
        system: &dyn System,
        user: &User,
        code: String,
    ) -> Self {
        let (User::Named(user) | User::Unreadable(user)) = user;
        let mut texts = Self {
            config,
            service: host.service(),
            user: user.clone(),
            account: String::new(),
            hostname: system.hostname(),
            rhost: host.rhost(),
            tty: host.tty(),
            code,
        };
        // The tenant needs the name as it is; everything else is made harmless.
        texts.account = config
            .logonbox
            .account
            .fill(|placeholder| match placeholder {
                Placeholder::User => texts.user.clone(),
                Placeholder::Hostname => texts.hostname.clone(),
                Placeholder::Tenant => config.logonbox.tenant.host().to_owned(),
                _ => String::new(),
            });
        texts
    }

    fn announcement(&self) -> String {
        let on_device = match &self.config.logonbox.device {
            Device::First => String::new(),
            Device::Named(name) => format!(" on {}", for_terminal(name)),
        };
        format!(
            "Approve the request on your phone{on_device}. Code: {}",
            self.code
        )
    }

    fn wording(&self) -> Wording {
        Wording {
            remote_name: self.fill(&self.config.logonbox.remote_name),
            question: self.fill(&self.config.logonbox.prompt),
            authorize: self.fill(&self.config.logonbox.button),
        }
    }

    fn fill(&self, template: &Template) -> String {
        template.fill(|placeholder| {
            for_phone(match placeholder {
                Placeholder::User => &self.user,
                Placeholder::Account => &self.account,
                Placeholder::Hostname => &self.hostname,
                Placeholder::Tenant => self.config.logonbox.tenant.host(),
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
