//! `mode = "airlock"`: the login flow of an Airlock IAM, step by step.

mod answers;
mod prompts;
mod task;

use std::sync::Arc;
use std::time::Duration;

use airlock_iam::{Application, BaseUrl, Client, ClientBuilder, Error, ErrorKind, LoggedIn};
use zeroize::Zeroizing;

pub use self::answers::{Unfit, otp_to_send, password_to_send};
pub use self::prompts::{otp as otp_prompt, refusal};
use self::task::{Answer, Event, FAREWELL, Task};
use crate::config::{Airlock, Config, Password, ProxyCredentials, Tls};
use crate::conversation::{CHANCES, Context, broke_off};
use crate::delay::delay_refusal;
use crate::host::{Echo, Secret};
use crate::io_thread::{Stopped, Ticket};
use crate::outcome::{Reason, Refusal};
use crate::policy::{self, Limit, Person};
use crate::texts::Text;

/// The client for the configured server, without the CA certificates: the I/O thread reads those.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`]: no application can have the configured id.
pub fn client_builder(
    config: &Config,
    url: &BaseUrl,
    credentials: Option<&ProxyCredentials>,
) -> Result<ClientBuilder, Error> {
    let application = config.airlock.application.as_deref();
    let mut builder = Client::builder(url.clone())
        .application(application.map_or(Application::None, Application::Id))?
        .timeout(config.wait.connect_seconds);
    if let Some(proxy) = &config.tls.proxy {
        builder = builder.proxy(proxy);
    }
    if let Some(credentials) = credentials {
        builder = builder.proxy_credentials(credentials.name(), credentials.password());
    }
    Ok(builder)
}

fn client(builder: ClientBuilder, tls: &Tls) -> Result<Client, Error> {
    let pem = tls.ca_pem();
    match pem.map_err(|what| Error::new(ErrorKind::Local, what))? {
        Some((path, pem)) => builder.ca_pem_from(path, pem).build(),
        None => builder.build(),
    }
}

/// Takes the person through Airlock's login flow. With `debug`, the client's messages go to the log
/// of that service.
///
/// # Errors
///
/// Everything but a finished flow. A flow without a second factor is an error unless the
/// configuration accepts it.
pub fn login(
    config: &Arc<Config>,
    builder: ClientBuilder,
    person: &Person,
    debug: Option<String>,
    mut context: Context<'_>,
) -> Result<LoggedIn, Refusal> {
    // Unknown users are asked, too, so that user names cannot be enumerated.
    let typed = ask_password(&config.airlock, person, &mut context)?;
    let system = context.system.clone();
    let log_in = || {
        let (account, known) = match person.known(&*system) {
            Ok(name) => (config.account(&name, &system.hostname()), Ok(())),
            Err(refusal) if refusal.reason == Reason::UnknownUser => (String::new(), Err(refusal)),
            Err(refusal) => return Err(refusal),
        };
        // The first word in the log is the user's: sshd changes the passwords of unknown users.
        let (password, unasked) = match known.and_then(|()| password_to_send(&typed)) {
            Ok(password) => (password, None),
            Err(refusal) => (Zeroizing::default(), Some(refusal)),
        };
        context.fields.account.clone_from(&account);
        policy::enough_memory()?;
        let task = Task {
            config: config.clone(),
            builder,
            debug,
            password: password.clone(),
            limit: Limit::of(config, &account),
            account,
            unasked,
            texts: context.texts,
            system: system.clone(),
            log: context.log.clone(),
            fields: context.fields.clone(),
        };
        let mut login = Login {
            config,
            password,
            context: &mut context,
        };
        let proof = login.flow(task)?;
        // If su asks its caller, this is the caller's password. Later modules need the target
        // user's.
        if person.becomes.is_none() {
            login.set_authtok()?;
        }
        Ok(proof)
    };
    match log_in() {
        // The same delay and the same code for all of these. The delay begins at Airlock's answer: a
        // slow Airlock must not reveal user names. A Ctrl-C does not change the code.
        Err(refusal) if reveals_user_names(&refusal) => {
            let answered = context.clock.now();
            let _ = delay_refusal(&*system, context.clock, answered);
            Err(refusal.after_sending())
        }
        result => result,
    }
}

/// The module knows some of these reasons early. Time and code must be the same for all of them.
fn reveals_user_names(refusal: &Refusal) -> bool {
    matches!(
        refusal.reason,
        Reason::UnknownUser
            | Reason::Limit
            | Reason::WrongPassword
            | Reason::Refused
            | Reason::Locked
    )
}

/// Takes the password from the person or from an earlier module.
fn ask_password(
    airlock: &Airlock,
    person: &Person,
    context: &mut Context<'_>,
) -> Result<Secret, Refusal> {
    match airlock.password {
        Password::Ask => {
            let prompt = match context.host.authtok() {
                None => Text::Password,
                Some(_) => Text::AirlockPassword,
            };
            let prompt = context.texts.say(&prompt);
            context
                .host
                .ask(&prompt, Echo::Off)
                .map_err(|_| broke_off())
        }
        Password::Stack if person.becomes.is_some() => {
            let detail = "airlock.password = \"stack\" does not go with policy.su_asks = \
                          \"caller\": su has asked for the password of the user one becomes";
            Err(Refusal::new(Reason::Configuration, detail))
        }
        Password::Stack => context.host.authtok().ok_or_else(|| {
            let detail = "airlock.password = \"stack\", but no module before this one has asked \
                          for a password";
            Refusal::new(Reason::Configuration, detail)
        }),
    }
}

/// The PAM thread's side of one login.
struct Login<'l, 'c> {
    config: &'l Config,
    password: Zeroizing<String>,
    context: &'l mut Context<'c>,
}

impl Login<'_, '_> {
    /// Answers the task's questions until the flow ends.
    fn flow(&mut self, task: Task) -> Result<LoggedIn, Refusal> {
        // After a Ctrl-C during the conversation, no request is sent.
        self.context.look_for_signal()?;
        let patience = patience(self.config.wait.connect_seconds);
        self.context.clock.block_signals();
        let mut ticket = Ticket::start(self.context.clock, patience, |line| task.run(line))?;
        loop {
            let event = match ticket.next(self.context.clock) {
                Ok(event) => event,
                Err(why) => {
                    for event in ticket.cancel().into_iter().flatten() {
                        self.note(event);
                    }
                    return Err(no_answer(why));
                }
            };
            let Some(question) = self.note(event) else {
                continue;
            };
            if let Event::Done(result) = question {
                let (proof, attempt) = result?;
                attempt.succeeded();
                return Ok(proof);
            }
            // This also unblocks the signals, so that a Ctrl-C at the prompt reaches the host.
            self.look_for_signal()?;
            let answer = match question {
                Event::ChooseDevice(names) => self.context.choose(&names).map(Answer::Device),
                Event::AskOtp(prompt) => self.otp(&prompt).map(Answer::Otp),
                Event::Announce(text) => self
                    .context
                    .announce(self.config.conversation.announce, &text, &Text::GoOnOnEnter)
                    .map(|_| Answer::Announced),
                _ => continue,
            };
            if answer.is_ok() {
                // After a Ctrl-C during the conversation, which the host blocks, no further request
                // is sent.
                self.look_for_signal()?;
            }
            let answer = answer.unwrap_or_else(|refusal| Answer::Refused(refusal.after_sending()));
            ticket.answer(self.context.clock, answer);
        }
    }

    /// Notes an event for the log or the observer. Returns all other events.
    fn note(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Progress(step) => self.context.progress(step),
            Event::Hint(hint) => self.context.fields.add_hint(&hint),
            Event::DeviceChosen(name) => self.context.fields.device = name,
            other => return Some(other),
        }
        None
    }

    fn look_for_signal(&mut self) -> Result<(), Refusal> {
        self.context
            .look_for_signal()
            .map_err(Refusal::after_sending)
    }

    /// Asks for an OTP that can be sent. `prompt` ends in the question.
    fn otp(&mut self, prompt: &str) -> Result<Zeroizing<String>, Refusal> {
        let echo = if self.config.conversation.echo {
            Echo::On
        } else {
            Echo::Off
        };
        let mut prompt = prompt.to_owned();
        let mut last = "";
        for _ in 0..CHANCES {
            let answer = self.context.ask(&prompt, echo)?;
            match otp_to_send(&answer, &self.password) {
                Ok(otp) => return Ok(Zeroizing::new(otp.to_owned())),
                Err(Unfit::Other(why)) => last = why,
                Err(Unfit::ThePassword) => {
                    self.context.hint_at_password_method();
                    let detail = "the answer was the password, and was not sent";
                    return Err(Refusal::new(Reason::WrongOtp, detail));
                }
            }
            let texts = self.context.texts;
            prompt = texts.say(&Text::NotAnOtp) + &texts.say(&Text::Otp);
        }
        let detail = format!("{last}, and was not sent");
        Err(Refusal::new(Reason::WrongOtp, detail))
    }

    /// Sets the password for later modules, only after success. If this module fails open, they ask
    /// for the password.
    fn set_authtok(&mut self) -> Result<(), Refusal> {
        if self.config.airlock.password == Password::Stack {
            return Ok(());
        }
        self.context.host.set_authtok(&self.password).map_err(|_| {
            let detail = "PAM does not take the password";
            Refusal::new(Reason::LocalFailure, detail).after_sending()
        })
    }
}

/// Longer than the client's own deadlines: at most two calls, and a farewell.
fn patience(connect: Duration) -> Duration {
    connect.saturating_mul(2).saturating_add(FAREWELL)
}

/// Airlock has not answered, so a message about the phone would be wrong.
fn no_answer(why: Stopped) -> Refusal {
    let refusal = Refusal::from(why).after_sending();
    match why {
        Stopped::Deadline => Refusal {
            message: Some(Text::NotReached),
            ..refusal
        },
        Stopped::Interrupted(_) | Stopped::Panicked => refusal,
    }
}

#[cfg(test)]
mod tests;
