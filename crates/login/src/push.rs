//! `mode = "push"`: the phone rings, the person approves, the phone signs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logonbox_authenticator::{
    Approval, AuthorizedKeys, Client, ClientBuilder, Error, ErrorKind, PublicKey, SignRequest,
    TenantAddress, Wording,
};

use crate::clean::{for_phone, for_terminal};
use crate::config::{Config, Device, LogonBox, Placeholder, Template, Tls};
use crate::conversation::{AT_ONCE, Context};
use crate::delay::{below, delay_refusal};
use crate::io_thread::{Line, Stopped, Ticket};
use crate::log;
use crate::outcome::{Reason, Refusal, Unavailable};
use crate::pins::{self, Pinned};
use crate::policy::{self, Attempt, Limit, Person};
use crate::progress::Progress;
use crate::system::System;
use crate::texts;

/// The most keys that a person chooses from, besides the first.
const MOST_OTHERS: usize = 19;

/// The client for the configured tenant, without the CA certificates: the I/O thread reads those.
pub fn client_builder(config: &Config, tenant: &TenantAddress) -> ClientBuilder {
    let builder = Client::builder(tenant.clone())
        .algorithms(&config.logonbox.algorithms)
        .connect_timeout(config.wait.connect_seconds)
        .person_timeout(config.wait.login_seconds);
    match &config.tls.proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    }
}

/// Adds the CA certificates of `tls.ca_file`, if it is set.
///
/// # Errors
///
/// [`ErrorKind::Local`]: the file cannot be used.
pub fn trusting(builder: ClientBuilder, tls: &Tls) -> Result<ClientBuilder, Error> {
    let pem = tls.ca_pem();
    match pem.map_err(|what| Error::new(ErrorKind::Local, what))? {
        Some(pem) => Ok(builder.ca_pem(pem)),
        None => Ok(builder),
    }
}

/// The key that `device` chooses. If the person is asked, the first.
///
/// # Errors
///
/// [`ErrorKind::NoUsableKey`].
pub fn configured_key<'k>(
    client: &Client,
    device: &Device,
    keys: &'k AuthorizedKeys,
) -> Result<&'k PublicKey, Error> {
    match device {
        Device::First | Device::Ask => client.choose(keys),
        Device::Named(name) => client.choose_by_comment(keys, name),
    }
}

/// Rings the person's phone and waits for its signature. With `debug`, the client's messages go to
/// the log of that service.
///
/// # Errors
///
/// Everything but a verified signature.
pub fn login(
    config: &Arc<Config>,
    tenant: &TenantAddress,
    builder: ClientBuilder,
    person: &Person,
    debug: Option<String>,
    context: Context<'_>,
) -> Result<Approval, Refusal> {
    let system = context.system.clone();
    let code = below(&*system, 10_000)
        .map_err(|error| Refusal::new(Reason::LocalFailure, format!("no randomness: {error}")))?;
    let known = person.known(&*system);
    let name = known.as_deref().unwrap_or(person.user.shown());
    let texts = PhoneTexts::new(config, tenant, &context, person, name, format!("{code:04}"));
    let announced = context.clock.now();
    let mut login = Login {
        config,
        texts: &texts,
        phone: match &config.logonbox.device {
            Device::Named(name) => Some(name.clone()),
            Device::First | Device::Ask => None,
        },
        announced,
        is_task_waiting: false,
        context,
    };
    let result = match &known {
        Ok(_) => login.of_known_user(builder, debug),
        Err(refusal) => login.announce().and(Err(refusal.clone())),
    };
    if result.as_ref().is_err_and(Refusal::is_about_the_account) {
        delay_refusal(&*system, login.context.clock, login.announced)?;
    }
    result
}

/// The PAM thread's side of one login.
struct Login<'l, 'c> {
    config: &'l Arc<Config>,
    texts: &'l PhoneTexts<'l>,
    /// The phone's name, if it was configured or chosen.
    phone: Option<String>,
    /// When the person had been told to look at the phone.
    announced: Instant,
    /// The task waits for an [`Order`].
    is_task_waiting: bool,
    context: Context<'c>,
}

/// A message from the task to the PAM thread.
enum Event {
    /// The keys of the account. The task waits for an [`Order`].
    Keys(Result<Keys, Error>),
    /// The attempt is counted, possibly with a hint for the log. The phone may ring from here on.
    Ringing(String),
    Answered,
    Done(Result<(Approval, Attempt), Refusal>),
}

/// A message from the PAM thread to the task.
enum Order {
    FetchAgain,
    Push(PublicKey),
}

/// The keys of an account.
struct Keys {
    /// The one that the configuration chooses. If the person is asked, the first.
    chosen: PublicKey,
    /// If the person is asked: the other keys that may be chosen.
    others: Vec<PublicKey>,
}

type PushTicket = Ticket<Event, Order>;

impl Login<'_, '_> {
    fn of_known_user(
        &mut self,
        builder: ClientBuilder,
        debug: Option<String>,
    ) -> Result<Approval, Refusal> {
        let account = &self.texts.account;
        self.context.fields.account.clone_from(account);
        policy::enough_memory()?;
        let directory = self.context.system.pins_directory();
        let pinned = match pins::pinned(self.config.logonbox.pins, directory, account) {
            Ok(pinned) => pinned,
            // Show the usual announcement, so that a missing pin is not revealed.
            Err(refusal) if refusal.is_about_the_account() => {
                return self.announce().and(Err(refusal));
            }
            Err(refusal) => return Err(refusal),
        };
        let task = Task {
            config: self.config.clone(),
            builder,
            debug,
            pinned: pinned.as_ref().map(|pinned| pinned.keys.clone()),
            account: account.clone(),
            wording: self.texts.wording(),
            limit: Limit::new(
                self.config.policy.unapproved_pushes_per_10_minutes,
                &self.texts.tenant.to_string(),
                account,
            ),
            system: self.context.system.clone(),
        };
        let connect = self.config.wait.connect_seconds;
        let started = self.context.clock.now();
        let mut ticket = Ticket::start(self.context.clock, connect, |line| task.run(line))?;
        let key = match self.config.logonbox.device {
            Device::Ask => self.chosen_key(&mut ticket, started, pinned.as_ref())?,
            Device::First | Device::Named(_) => {
                self.configured_key(&mut ticket, started, pinned.as_ref())?
            }
        };
        key.comment().clone_into(&mut self.context.fields.device);
        self.context.fields.key = key.fingerprint();
        self.context.progress(Progress::Chosen(&key));
        // After a Ctrl-C during the conversation, no phone may ring.
        self.context.look_for_signal()?;
        self.push(ticket, key)
    }

    /// The key that the configuration chooses. The task fetches the keys during the announcement.
    fn configured_key(
        &mut self,
        ticket: &mut PushTicket,
        started: Instant,
        pinned: Option<&Pinned>,
    ) -> Result<PublicKey, Refusal> {
        self.announce()?;
        let in_conversation = self.announced.saturating_duration_since(started);
        let keys = match self.keys(ticket, started, pinned) {
            // The person's time must not use up a deadline. Ctrl-Z in the conversation also stops
            // the fetch, so the task fetches again.
            Err(late)
                if self.is_task_waiting
                    && in_conversation >= AT_ONCE
                    && late.unavailable.is_some() =>
            {
                let started = self.context.clock.now();
                ticket.answer(self.context.clock, Order::FetchAgain);
                self.keys(ticket, started, pinned)?
            }
            keys => keys?,
        };
        Ok(keys.chosen)
    }

    /// The key that the person chooses if there are several. The announcement then names its
    /// phone.
    fn chosen_key(
        &mut self,
        ticket: &mut PushTicket,
        started: Instant,
        pinned: Option<&Pinned>,
    ) -> Result<PublicKey, Refusal> {
        let keys = match self.keys(ticket, started, pinned) {
            // Show the usual announcement, so that a missing account is not revealed.
            Err(refusal) if refusal.is_about_the_account() => {
                return self.announce().and(Err(refusal));
            }
            keys => keys?,
        };
        let mut all = keys.others;
        all.insert(0, keys.chosen);
        let mut index = 0;
        if all.len() > 1 {
            index = self.context.choose(&names(&all))?;
            self.phone = all.get(index).map(name);
        }
        self.announce()?;
        Ok(all.swap_remove(index))
    }

    /// Waits for the keys.
    fn keys(
        &mut self,
        ticket: &mut PushTicket,
        started: Instant,
        pinned: Option<&Pinned>,
    ) -> Result<Keys, Refusal> {
        let event = ticket.next(self.context.clock);
        self.is_task_waiting = matches!(event, Ok(Event::Keys(_)));
        let refusal = match event {
            Ok(Event::Keys(Ok(keys))) => {
                let pinned = pinned.is_some();
                self.context.progress(Progress::Listed { pinned });
                return Ok(keys);
            }
            Ok(Event::Keys(Err(error))) => match pinned {
                Some(pinned) if error.kind() == ErrorKind::NoUsableKey => {
                    pinned.none_usable(error.detail())
                }
                _ => Refusal::from(error),
            },
            Err(Stopped::Deadline) => Refusal {
                // With pinned keys, no request has been sent yet, so this deadline says nothing
                // about the tenant.
                unavailable: pinned.is_none().then_some(Unavailable::Silent),
                ..Stopped::Deadline.into()
            },
            Err(why) => why.into(),
            Ok(_) => Stopped::Panicked.into(),
        };
        Err(Refusal {
            after: Some(self.context.clock.now().saturating_duration_since(started)),
            ..refusal
        })
    }

    /// Tells the task to count the attempt and to send the push. Waits for the result.
    fn push(&mut self, mut ticket: PushTicket, key: PublicKey) -> Result<Approval, Refusal> {
        let mut started = self.context.clock.now();
        ticket.answer(self.context.clock, Order::Push(key));
        let mut is_sent = false;
        loop {
            match ticket.next(self.context.clock) {
                Ok(Event::Ringing(hint)) => {
                    is_sent = true;
                    started = self.context.clock.now();
                    self.context.fields.add_hint(&hint);
                    self.context.progress(Progress::Ringing);
                }
                Ok(Event::Answered) => self.context.progress(Progress::Answered),
                Ok(Event::Done(Ok((approval, attempt)))) => {
                    self.context.progress(Progress::Verified);
                    attempt.succeeded();
                    return Ok(approval);
                }
                Ok(Event::Done(Err(refusal))) => {
                    // With pinned keys, the push is the first request to the tenant.
                    let after = self.context.clock.now().saturating_duration_since(started);
                    return Err(Refusal {
                        after: Some(after),
                        ..refusal
                    });
                }
                Ok(Event::Keys(_)) => return Err(Refusal::from(Stopped::Panicked).after_sending()),
                Err(why) => {
                    // The push may have left in the meantime, or may still leave.
                    let rest = ticket.cancel();
                    is_sent |= rest.is_none();
                    for event in rest.into_iter().flatten() {
                        if let Event::Ringing(hint) = event {
                            is_sent = true;
                            self.context.fields.add_hint(&hint);
                        }
                    }
                    let refusal = Refusal::from(why);
                    return Err(if is_sent {
                        refusal.after_sending()
                    } else {
                        refusal
                    });
                }
            }
        }
    }

    /// Tells the person to look at the phone, before it rings.
    fn announce(&mut self) -> Result<(), Refusal> {
        let line = texts::approve_with_code(self.phone.as_deref(), &self.texts.code);
        let configured = self.config.conversation.announce;
        let end = texts::SEND_ON_ENTER;
        self.announced = self.context.announce(configured, &line, end)?;
        Ok(())
    }
}

/// The I/O thread's side of one login: fetch the keys, count the attempt, push, verify.
struct Task {
    config: Arc<Config>,
    builder: ClientBuilder,
    debug: Option<String>,
    /// Keys that replace the tenant's.
    pinned: Option<AuthorizedKeys>,
    account: String,
    wording: Wording,
    limit: Limit,
    system: Arc<dyn System>,
}

impl Task {
    async fn run(self, mut line: Line<Event, Order>) {
        let result = self.login(&mut line).await;
        line.tell(Event::Done(result), Duration::ZERO);
    }

    async fn login(self, line: &mut Line<Event, Order>) -> Result<(Approval, Attempt), Refusal> {
        if let Some(service) = &self.debug {
            log::debug_to(service);
        }
        let config = self.config;
        let wait = config.wait;
        let client = trusting(self.builder, &config.tls).and_then(ClientBuilder::build);
        // Reading the CA certificates can take long on a network file system.
        line.stop_if_cancelled().await;
        let key = loop {
            let keys = match &client {
                Ok(client) => keys(client, &config, self.pinned.as_ref(), &self.account).await,
                Err(error) => Err(error.clone()),
            };
            match line.ask(Event::Keys(keys), wait.connect_seconds).await {
                Order::FetchAgain => {}
                Order::Push(key) => break key,
            }
        };
        let client = client?;
        let attempt = self.limit.count(&*self.system).await?;
        line.tell(Event::Ringing(attempt.hint.clone()), wait.login_seconds);
        line.stop_if_cancelled().await;
        let request = client
            .payload()
            .map(|payload| SignRequest::new(&self.account, &key, self.wording, payload));
        let response = match request {
            Ok(request) => client.sign(request).await,
            Err(error) => Err(error),
        };
        let result = response.and_then(|response| {
            line.tell(Event::Answered, wait.connect_seconds);
            response.verify()
        });
        match result {
            Ok(approval) => Ok((approval, attempt)),
            Err(error) => {
                if !error.request_sent() {
                    attempt.take_back();
                }
                Err(error.into())
            }
        }
    }
}

async fn keys(
    client: &Client,
    config: &Config,
    pinned: Option<&AuthorizedKeys>,
    account: &str,
) -> Result<Keys, Error> {
    let fetched;
    let keys = if let Some(pinned) = pinned {
        pinned
    } else {
        fetched = client.keys(account).await?;
        &fetched
    };
    let LogonBox {
        device, algorithms, ..
    } = &config.logonbox;
    let chosen = configured_key(client, device, keys)?;
    let most = if *device == Device::Ask {
        MOST_OTHERS
    } else {
        0
    };
    let others = keys
        .keys()
        .iter()
        .filter(|key| *key != chosen && algorithms.contains(&key.algorithm()));
    Ok(Keys {
        chosen: chosen.clone(),
        others: others.take(most).cloned().collect(),
    })
}

/// The name of the phone with this key.
fn name(key: &PublicKey) -> String {
    match key.comment() {
        "" => key.fingerprint(),
        name => name.to_owned(),
    }
}

/// The names of phones, cleaned for a terminal. A name that occurs twice gets its fingerprint.
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

/// The values of the placeholders in one login.
struct PhoneTexts<'t> {
    config: &'t Config,
    tenant: &'t TenantAddress,
    service: String,
    user: String,
    account: String,
    hostname: String,
    rhost: String,
    tty: String,
    /// Four digits on both screens: the person sees that the request is their own.
    code: String,
}

impl<'t> PhoneTexts<'t> {
    /// The account is made from `name`: the name in the user database, or the host's name for an
    /// unknown user.
    fn new(
        config: &'t Config,
        tenant: &'t TenantAddress,
        context: &Context<'_>,
        person: &Person,
        name: &str,
        code: String,
    ) -> Self {
        let service = context.host.service();
        let hostname = context.system.hostname();
        Self {
            config,
            tenant,
            // The caller's phone must say which user they are about to become.
            service: match &person.becomes {
                Some(target) => texts::service_to_target(&service, target.shown()),
                None => service,
            },
            user: person.user.shown().to_owned(),
            account: config.account(name, &hostname),
            hostname,
            rhost: context.host.rhost(),
            tty: context.host.tty(),
            code,
        }
    }

    fn wording(&self) -> Wording {
        let texts = &self.config.logonbox;
        Wording {
            remote_name: self.fill(&texts.remote_name),
            question: self.fill(&texts.prompt),
            authorize: self.fill(&texts.button),
        }
    }

    fn fill(&self, template: &Template) -> String {
        template.fill(|placeholder| {
            for_phone(match placeholder {
                Placeholder::User => &self.user,
                Placeholder::Account => &self.account,
                Placeholder::Hostname => &self.hostname,
                Placeholder::Tenant => self.tenant.host(),
                Placeholder::Service => &self.service,
                Placeholder::Rhost => first_of([&self.rhost, &self.tty, texts::THIS_MACHINE]),
                Placeholder::Tty => first_of([&self.tty, texts::NO_TERMINAL, ""]),
                Placeholder::Code => &self.code,
            })
        })
    }
}

/// The first text that is not empty.
fn first_of(texts: [&str; 3]) -> &str {
    let mut texts = texts.into_iter();
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
