//! `mode = "push"`: the phone rings, the person approves, the phone signs.

mod code;
mod gate;
mod task;

use std::sync::Arc;
use std::time::{Duration, Instant};

use logonbox_authenticator::{
    Approval, AuthorizedKeys, Client, ClientBuilder, Error, ErrorKind, PublicKey, TenantAddress,
    Wording,
};

use self::code::{Code, Typed};
use self::gate::Gate;
use self::task::{End, Event, Order, Task};
use crate::bypass::{self, BypassCode, UsedUp};
use crate::clean::{for_phone, for_terminal};
use crate::clock::later;
use crate::config::{
    self, Config, Device, Placeholder, ProxyCredentials, Template, Tls, without_domain,
};
use crate::conversation::{Context, broke_off};
use crate::delay::delay_refusal;
use crate::host::Echo;
use crate::io_thread::{Stopped, Ticket};
use crate::outcome::{Proof, Reason, Refusal};
use crate::pins;
use crate::policy::{self, Attempt, Limit, Person};
use crate::progress::Progress;
use crate::texts::{self, Text};

/// An answer that comes sooner is not a person's. A host that cannot ask fails sooner, too.
const EARLY: Duration = Duration::from_millis(250);
/// The push leaves this long after the prompt. The prompt reaches the host a moment after the gate
/// opens.
const SETTLED: Duration = Duration::from_millis(260);
/// The characters of a short fingerprint: `SHA256:` and 12 more.
const SHORT: usize = 19;
/// The time for the code.
const CODE_TIME: Duration = Duration::from_secs(300);

/// The client for the configured tenant, without the CA certificates: the I/O thread reads those.
pub fn client_builder(
    config: &Config,
    tenant: &TenantAddress,
    credentials: Option<&ProxyCredentials>,
) -> ClientBuilder {
    let mut builder = Client::builder(tenant.clone())
        .algorithms(&config.logonbox.algorithms)
        .connect_timeout(config.wait.connect_seconds)
        .person_timeout(config.wait.login_seconds);
    if let Some(proxy) = &config.tls.proxy {
        builder = builder.proxy(proxy);
    }
    if let Some(credentials) = credentials {
        builder = builder.proxy_credentials(credentials.name(), credentials.password());
    }
    builder
}

/// Adds the CA certificates of `tls.ca_file`, if it is set.
///
/// # Errors
///
/// [`ErrorKind::Local`]: the file cannot be used.
pub fn trusting(builder: ClientBuilder, tls: &Tls) -> Result<ClientBuilder, Error> {
    let pem = tls.ca_pem();
    match pem.map_err(|what| Error::new(ErrorKind::Local, what))? {
        Some((path, pem)) => Ok(builder.ca_pem_from(path, pem)),
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
        Device::Named(name) => client.choose_named(keys, name),
    }
}

/// Rings the person's phone and waits for its signature. `known` is the person's name in the user
/// database. With `debug`, the client's messages go to
/// the log of that service.
///
/// # Errors
///
/// Everything but a verified signature and a valid bypass code.
pub fn login(
    config: &Arc<Config>,
    tenant: &TenantAddress,
    builder: ClientBuilder,
    (person, known): (&Person, Result<String, Refusal>),
    debug: Option<String>,
    context: Context<'_>,
) -> Result<Proof, Refusal> {
    let system = context.system.clone();
    let code = Code::new(&*system, config.conversation.code)
        .map_err(|error| Refusal::new(Reason::LocalFailure, format!("no randomness: {error}")))?;
    let name = known.as_deref().unwrap_or(person.user.shown());
    let texts = PhoneTexts::new(config, tenant, &context, person, name, &code);
    let mut login = Login {
        config,
        texts: &texts,
        phone: match &config.logonbox.device {
            Device::Named(name) if !name.starts_with("SHA256:") => Some(name.clone()),
            Device::Named(_) | Device::First | Device::Ask => None,
        },
        bypasses_of: known.clone().ok().filter(|_| config.policy.bypass_codes),
        is_asking: false,
        context,
    };
    let task = known.and_then(|_| login.start(builder, debug));
    match config.conversation.code {
        config::Code::Type => login.typed_code(task, &code),
        config::Code::Show => login.shown_code(task, &code).map(Proof::Signature),
    }
}

/// The PAM thread's side of one login.
struct Login<'l, 'c> {
    config: &'l Arc<Config>,
    texts: &'l PhoneTexts<'l>,
    /// The comment of the key, if it was configured or chosen.
    phone: Option<String>,
    /// The user whose bypass codes are accepted. `None` for unknown users.
    bypasses_of: Option<String>,
    /// The task waits for the key list of the tenant.
    is_asking: bool,
    context: Context<'c>,
}

type PushTicket = Ticket<Event, Order>;
/// A running task, or the reason why there is none.
type Started = Result<PushTicket, Refusal>;

impl Login<'_, '_> {
    fn start(
        &mut self,
        builder: ClientBuilder,
        debug: Option<String>,
    ) -> Result<PushTicket, Refusal> {
        let account = &self.texts.account;
        self.context.fields.account.clone_from(account);
        policy::enough_memory()?;
        let directory = self.context.system.directories().pins;
        let task = Task {
            config: self.config.clone(),
            builder,
            debug,
            pinned: pins::pinned(self.config.logonbox.pins, directory, account)?,
            wording: self.texts.wording(),
            limit: Limit::of(self.config, account),
            system: self.context.system.clone(),
            log: self.context.log.clone(),
            fields: self.context.fields.clone(),
        };
        let connect = self.config.wait.connect_seconds;
        Ticket::start(self.context.clock, connect, |line| task.run(line))
    }

    /// `code = "type"`: the phone shows the code, and the person types it. A login needs the
    /// signature and the code, or a bypass code.
    fn typed_code(&mut self, task: Started, code: &Code) -> Result<Proof, Refusal> {
        let (task, key) = self.chosen_key(task)?;
        let gate = Gate::default();
        if let Ok(ticket) = &task {
            let order = Order {
                key,
                gate: gate.clone(),
            };
            ticket.answer(self.context.clock, order);
        }
        // This also unblocks the signals, so that a Ctrl-C at the prompt reaches the host.
        self.context.look_for_signal()?;
        let asked = self.context.clock.now();
        let echo = if self.config.conversation.echo {
            Echo::On
        } else {
            Echo::Off
        };
        let prompt = Text::ApproveAndType(self.phone.clone());
        let prompt = self.context.texts.say(&prompt);
        gate.open_from(later(asked, SETTLED));
        let answer = self.context.host.ask(&prompt, echo).ok();
        let is_sent = gate.close();
        let answered = self.context.clock.now();
        let after = answered.saturating_duration_since(asked);
        let is_early = after < EARLY;
        let answer = answer.filter(|answer| {
            // sshd's password method, and some lockers, answer each hidden prompt with the password.
            echo == Echo::On || (!is_early && Some(answer) != self.context.host.authtok().as_ref())
        });
        let bypass = answer
            .as_deref()
            .and_then(|answer| BypassCode::parse(answer));
        // The answer is compared here alone. It is not kept.
        let typed = answer.map(|answer| code.compare(&answer));
        if is_early && matches!(typed, None | Some(Typed::Empty)) {
            self.context.hint_at_password_method();
            return Err(broke_off());
        }
        if typed.is_none() {
            let signal = self.context.look_for_signal();
            signal.map_err(Refusal::after_sending)?;
        }
        if let Some(bypass) = bypass.filter(|_| !is_early)
            && let Some(used_up) = self.use_up(&bypass)
        {
            return Ok(Proof::Bypass(used_up));
        }
        self.context.progress(Progress::Announced);

        // The right code waits for the phone. If no push was sent, the task ends soon.
        let is_right = typed == Some(Typed::Right) && !is_early && after < CODE_TIME;
        let (end, ticket) = match task {
            Err(refusal) => (Some(Err(End::Refused(refusal))), None),
            Ok(ticket) if is_right || !is_sent => (Some(self.end(ticket, is_sent)), None),
            Ok(ticket) => (None, Some(ticket)),
        };
        match end {
            Some(Ok((approval, attempt))) if is_right => {
                attempt.succeeded();
                Ok(Proof::Signature(approval))
            }
            Some(Err(End::Refused(refusal))) if refusal.reason == Reason::Interrupted => {
                Err(refusal.after_sending())
            }
            // A task that ended before a push left decides, whatever was typed.
            Some(Err(End::Refused(refusal)))
                if (is_right || (typed.is_some() && !refusal.request_sent))
                    && !refusal.is_about_the_account() =>
            {
                Err(refusal)
            }
            end => Err(self.wrong_code(typed, after, answered, end, ticket)),
        }
    }

    fn use_up(&mut self, code: &BypassCode) -> Option<UsedUp> {
        let user = self.bypasses_of.as_ref()?;
        let used_up = bypass::use_up(&*self.context.system, user, code);
        used_up
            .inspect_err(|why| self.context.fields.add_hint(why))
            .ok()
    }

    /// Whether the prompt helps although there will be no push: the user may have a bypass code.
    fn may_bypass(&self, refusal: &Refusal) -> bool {
        use Reason::{Configuration, Conversation, Interrupted, Panic};
        let reason = refusal.reason;
        let is_over = matches!(reason, Configuration | Conversation | Interrupted | Panic);
        let types = self.config.conversation.code == config::Code::Type;
        let user = self.bypasses_of.as_ref().filter(|_| !is_over && types);
        user.is_some_and(|user| bypass::has_code(&*self.context.system, user))
    }

    /// Refuses after a wrong answer, after a hold. Users whose phone was not asked see the same.
    fn wrong_code(
        &mut self,
        typed: Option<Typed>,
        after: Duration,
        answered: Instant,
        end: Option<Result<(Approval, Attempt), End>>,
        ticket: Option<PushTicket>,
    ) -> Refusal {
        let system = self.context.system.clone();
        // A Ctrl-C during the hold changes neither the reason nor the code.
        let _ = delay_refusal(&*system, self.context.clock, answered);
        // The phone may have approved in the meantime.
        let end = match end.or_else(|| ticket.and_then(|ticket| self.last_look(ticket))) {
            // The push could not be sent. With pinned keys, this is the first connection.
            Some(Err(End::Refused(refusal)))
                if typed.is_some() && !refusal.request_sent && !refusal.is_about_the_account() =>
            {
                return refusal;
            }
            Some(Err(End::Refused(refusal))) if refusal.reason == Reason::Panic => {
                return refusal;
            }
            end => end,
        };
        let phone = match &end {
            Some(Ok(_)) => "the phone had approved",
            Some(Err(End::NotSent)) => "no push was sent",
            Some(Err(End::Refused(refusal))) if !refusal.request_sent => "no push was sent",
            Some(Err(End::Refused(refusal))) if refusal.reason == Reason::Declined => {
                "the phone had declined"
            }
            _ => "the phone had not approved",
        };
        let login_seconds = self.config.wait.login_seconds;
        let mut message = match typed {
            Some(Typed::Right | Typed::Wrong | Typed::SshdJunk) => Text::WrongCode,
            // By the clock alone, as for users whose phone was not asked.
            Some(Typed::Empty) if after > login_seconds => Text::NoAnswerFromPhone(login_seconds),
            Some(Typed::Empty) | None => Text::Refused,
        };
        let wrong = |reason, what| Refusal::new(reason, format!("{what}{phone}"));
        let refusal = match (typed, end) {
            (_, Some(Err(End::Refused(refusal)))) if refusal.is_about_the_account() => refusal,
            (Some(Typed::SshdJunk), _) => {
                wrong(Reason::Refused, "sshd does not let this user in; ")
            }
            (None, _) => wrong(Reason::Conversation, "the person broke off; "),
            (Some(Typed::Empty), Some(Err(End::Refused(refusal)))) => {
                if refusal.reason == Reason::Declined {
                    message = Text::DeniedOnPhone;
                }
                refusal
            }
            (Some(Typed::Empty), _) => wrong(Reason::WrongCode, "no code was typed; "),
            (Some(Typed::Right), _) if after >= CODE_TIME => wrong(
                Reason::TimedOut,
                "the code came after more than 5 minutes; ",
            ),
            (Some(Typed::Right | Typed::Wrong), _) => wrong(Reason::WrongCode, ""),
        };
        Refusal {
            message: Some(message),
            ..refusal.after_sending()
        }
    }

    /// `code = "show"`: the terminal and the phone show the code.
    fn shown_code(&mut self, mut task: Started, code: &Code) -> Result<Approval, Refusal> {
        // A person who sees a code has used an attempt.
        if let Ok(ticket) = &mut task {
            match self.next(ticket)? {
                Event::Counted(hint) => self.context.fields.add_hint(&hint),
                Event::Done(Err(End::Refused(refusal))) => task = Err(refusal),
                _ => return Err(Stopped::Panicked.into()),
            }
        }
        let (task, key) = self.chosen_key(task)?;
        let text = Text::ApproveWithCode(self.phone.clone(), code.as_str().to_owned());
        let announce = self.config.conversation.announce;
        let counted = self.context.clock.now();
        let announced = self.context.announce(announce, &text, &Text::SendOnEnter)?;
        // After a Ctrl-C during the conversation, no phone may ring.
        self.context.look_for_signal()?;
        let end = match task {
            Err(refusal) => Err(End::Refused(refusal)),
            // Otherwise pushes could be saved up until their attempts no longer count.
            Ok(_) if announced.saturating_duration_since(counted) >= CODE_TIME => {
                let what = "Enter came after more than 5 minutes";
                let refusal = Refusal::new(Reason::TimedOut, what).after_sending();
                return Err(Refusal {
                    message: Some(Text::Refused),
                    ..refusal
                });
            }
            Ok(ticket) => {
                let gate = Gate::default();
                gate.open_from(announced);
                let order = Order { key, gate };
                ticket.answer(self.context.clock, order);
                self.end(ticket, true)
            }
        };
        match end {
            Ok((approval, attempt)) => {
                attempt.succeeded();
                Ok(approval)
            }
            Err(End::Refused(refusal)) if refusal.is_about_the_account() => {
                let system = self.context.system.clone();
                let _ = delay_refusal(&*system, self.context.clock, announced);
                Err(refusal)
            }
            Err(End::Refused(refusal)) => Err(refusal),
            Err(End::NotSent) => Err(Stopped::Panicked.into()),
        }
    }

    /// With `device = "ask"`, the key that the person chooses if there are several. The prompt then
    /// names its phone. A refusal that is about the account comes later, after the usual prompt.
    fn chosen_key(&mut self, task: Started) -> Result<(Started, Option<PublicKey>), Refusal> {
        let mut ticket = match task {
            Ok(ticket) if self.config.logonbox.device == Device::Ask => ticket,
            Err(refusal) if !refusal.is_about_the_account() && !self.may_bypass(&refusal) => {
                return Err(refusal);
            }
            task => return Ok((task, None)),
        };
        let offered = match self.next(&mut ticket) {
            Ok(Event::Keys(mut keys)) => {
                let offered = std::mem::take(&mut keys.offered);
                self.note(Event::Keys(keys));
                offered
            }
            Ok(Event::Done(Err(End::Refused(refusal)))) | Err(refusal)
                if refusal.is_about_the_account() || self.may_bypass(&refusal) =>
            {
                return Ok((Err(refusal), None));
            }
            Ok(Event::Done(Err(End::Refused(refusal)))) | Err(refusal) => return Err(refusal),
            Ok(_) => return Err(Stopped::Panicked.into()),
        };
        let mut key = None;
        if offered.len() > 1 {
            let index = self.context.choose(&names(&offered))?;
            key = offered.get(index).cloned();
            self.phone = key.as_ref().map(name);
        }
        Ok((Ok(ticket), key))
    }

    /// Waits for the next event that is not for [`note`](Self::note) alone.
    fn next(&mut self, ticket: &mut PushTicket) -> Result<Event, Refusal> {
        loop {
            match ticket.next(self.context.clock) {
                Ok(Event::Asking) => self.is_asking = true,
                Ok(event) => return Ok(event),
                Err(why) => return Err(self.stopped(why)),
            }
        }
    }

    /// A tenant that was asked and is silent cannot be reached.
    fn stopped(&self, why: Stopped) -> Refusal {
        Refusal {
            unavailable: why == Stopped::Deadline && self.is_asking,
            ..why.into()
        }
    }

    /// Waits for the end of the task. `may_send`: the gate is open, or was passed.
    fn end(&mut self, mut ticket: PushTicket, may_send: bool) -> Result<(Approval, Attempt), End> {
        let mut is_sent = false;
        loop {
            let why = match ticket.next(self.context.clock) {
                Ok(event) => {
                    is_sent |= matches!(event, Event::Ringing(..));
                    match self.note(event) {
                        Some(end) => return end,
                        None => continue,
                    }
                }
                Err(why) => why,
            };
            // The push may have left in the meantime, or may still leave.
            let rest = ticket.cancel();
            is_sent |= may_send && rest.is_none();
            for event in rest.into_iter().flatten() {
                is_sent |= matches!(event, Event::Ringing(..));
                self.note(event);
            }
            let refusal = self.stopped(why);
            return Err(End::Refused(if is_sent {
                refusal.after_sending()
            } else {
                refusal
            }));
        }
    }

    /// The end of the task, if it has ended. Cancels it otherwise.
    fn last_look(&mut self, mut ticket: PushTicket) -> Option<Result<(Approval, Attempt), End>> {
        loop {
            match ticket.try_next() {
                Ok(Some(event)) => {
                    if let Some(end) = self.note(event) {
                        return Some(end);
                    }
                }
                Ok(None) => break,
                Err(why) => return Some(Err(End::Refused(Refusal::from(why).after_sending()))),
            }
        }
        let rest = ticket.cancel();
        let mut events = rest.into_iter().flatten();
        events.find_map(|event| self.note(event))
    }

    /// Notes an event for the log and the observer. Returns the end.
    fn note(&mut self, event: Event) -> Option<Result<(Approval, Attempt), End>> {
        match event {
            Event::Counted(hint) => self.context.fields.add_hint(&hint),
            Event::Asking => self.is_asking = true,
            Event::Keys(keys) => {
                self.is_asking = false;
                self.context.fields.chosen(&keys.chosen);
                let pinned = keys.pinned;
                self.context.progress(Progress::Listed { pinned });
            }
            Event::Ringing(key, hint) => {
                self.context.fields.chosen(&key);
                self.context.fields.add_hint(&hint);
                self.context.progress(Progress::Chosen(&key));
                self.context.progress(Progress::Ringing);
            }
            Event::Answered => self.context.progress(Progress::Answered),
            Event::Done(end) => {
                if end.is_ok() {
                    self.context.progress(Progress::Verified);
                }
                return Some(end);
            }
        }
        None
    }
}

/// The name of a key for the person: its comment, or else its fingerprint.
fn name(key: &PublicKey) -> String {
    match key.comment() {
        "" => key.fingerprint(),
        name => name.to_owned(),
    }
}

/// The names of keys, cleaned for a terminal. A name that occurs twice gets the start of its
/// fingerprint.
fn names(keys: &[PublicKey]) -> Vec<String> {
    keys.iter()
        .map(|key| {
            let alike = keys.iter().filter(|other| name(other) == name(key));
            let mut name = name(key);
            if alike.count() > 1 {
                let fingerprint: String = key.fingerprint().chars().take(SHORT).collect();
                name = format!("{name} ({fingerprint})");
            }
            for_terminal(&name)
        })
        .collect()
}

/// The values of the placeholders in one login.
struct PhoneTexts<'t> {
    config: &'t Config,
    tenant: &'t TenantAddress,
    service: String,
    user: String,
    name: String,
    account: String,
    hostname: String,
    rhost: String,
    tty: String,
    code: &'t Code,
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
        code: &'t Code,
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
            name: without_domain(name).to_owned(),
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
                Placeholder::Name => &self.name,
                Placeholder::Account => &self.account,
                Placeholder::Hostname => &self.hostname,
                Placeholder::Tenant => self.tenant.host(),
                Placeholder::Service => &self.service,
                Placeholder::Rhost => first_of([&self.rhost, &self.tty, texts::THIS_MACHINE]),
                Placeholder::Tty => first_of([&self.tty, texts::NO_TERMINAL, ""]),
                Placeholder::Code => self.code.as_str(),
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
