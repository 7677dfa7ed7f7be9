//! The I/O thread's side: takes the steps that Airlock requires.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use airlock_iam::{
    Client, ClientBuilder, DeviceChoice, DeviceList, Error, LoggedIn, Next, OneTouchStep, OtpStep,
    POLL_INTERVAL, Polled, Rejected,
};
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

use super::{client, patience, prompts};
use crate::config::{AirlockDevice, Config};
use crate::io_thread::Line;
use crate::log::{self, Log, LogFields, PATIENCE, Severity};
use crate::outcome::{Reason, Refusal};
use crate::policy::{Attempt, Limit};
use crate::progress::Progress;
use crate::system::System;
use crate::texts::{Text, Texts};

/// The module gives up a flow with more steps: it is probably a loop.
const MOST_STEPS: usize = 12;
/// The most wrong OTPs in one step. A sensible server locks the account earlier.
const MOST_TRIES: usize = 10;
/// Longer than the client takes to end a flow.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);

/// A message from the task to the PAM thread.
pub(super) enum Event {
    Progress(Progress<'static>),
    Hint(String),
    /// The display name of the device that was chosen.
    DeviceChosen(String),
    /// Wants [`Answer::Device`]. The names are cleaned for a terminal.
    ChooseDevice(Vec<String>),
    /// Wants [`Answer::Otp`]. The prompt may begin with a QR code.
    AskOtp(String),
    /// Wants [`Answer::Announced`].
    Announce(Text),
    Done(Result<(LoggedIn, Attempt), Refusal>),
}

/// An answer of the PAM thread.
pub(super) enum Answer {
    /// An index into the names.
    Device(usize),
    Otp(Zeroizing<String>),
    Announced,
    /// The conversation failed: give up the flow.
    Refused(Refusal),
}

pub(super) struct Task {
    pub(super) config: Arc<Config>,
    pub(super) builder: ClientBuilder,
    pub(super) debug: Option<String>,
    pub(super) account: String,
    /// The refusal of a user who is unknown here, or of a password that cannot be one. Airlock gets
    /// no name and no password. A session there takes as long as for others, so that the time does
    /// not reveal user names.
    pub(super) unasked: Option<Refusal>,
    pub(super) texts: Texts,
    pub(super) password: Zeroizing<String>,
    pub(super) limit: Limit,
    pub(super) system: Arc<dyn System>,
    pub(super) log: Arc<dyn Log>,
    pub(super) fields: LogFields,
}

impl Task {
    pub(super) async fn run(self, line: Line<Event, Answer>) {
        if let Some(service) = &self.debug {
            log::debug_to(service);
        }
        let mut flow = Flow {
            config: &self.config,
            limit: &self.limit,
            system: &*self.system,
            line,
            log: &*self.log,
            fields: self.fields,
            texts: self.texts,
            device: String::new(),
            one_touch_left: self.config.wait.login_seconds,
        };
        let client = client(self.builder, &self.config.tls);
        // Reading the CA certificates can take long on a network file system.
        flow.line.stop_if_cancelled().await;
        let result = match self.unasked {
            None => flow.run(client, &self.account, &self.password).await,
            Some(refusal) => {
                if let Ok(client) = client
                    && let Ok(step) = client.begin().await
                {
                    step.abandon().await;
                }
                Err(refusal)
            }
        };
        flow.line.tell(Event::Done(result), Duration::ZERO);
    }
}

struct Flow<'f> {
    config: &'f Config,
    limit: &'f Limit,
    system: &'f dyn System,
    line: Line<Event, Answer>,
    log: &'f dyn Log,
    fields: LogFields,
    texts: Texts,
    /// The display name of the chosen device. Empty until one was chosen.
    device: String,
    /// The rest of `login_seconds`: a flow can come back to One-Touch.
    one_touch_left: Duration,
}

impl Flow<'_> {
    async fn run(
        &mut self,
        client: Result<Client, Error>,
        account: &str,
        password: &str,
    ) -> Result<(LoggedIn, Attempt), Refusal> {
        let (mut next, attempt) = boxed(self.first_factor(client, account, password)).await?;
        self.progress("password");
        let mut has_chosen = false;
        for _ in 0..MOST_STEPS {
            next = match next {
                Next::DeviceChoice(choice) => {
                    let again = std::mem::replace(&mut has_chosen, true);
                    boxed(self.device(choice, again)).await?
                }
                Next::QrChallenge(challenge) => {
                    Next::Otp(challenge.retrieve().await.map_err(prompts::refusal)?)
                }
                Next::Otp(step) => boxed(self.otp(step)).await?,
                Next::OneTouch(step) => boxed(self.one_touch(step)).await?,
                Next::PasswordOnly(done) if self.config.airlock.allow_password_only => {
                    Next::Finished(done.accept_without_second_factor())
                }
                Next::PasswordOnly(done) => {
                    done.abandon().await;
                    let detail = "Airlock asked for no second factor, and allow_password_only is \
                                  not set";
                    return Err(Refusal::new(Reason::Refused, detail).after_sending());
                }
                // The login is proven, so the session has no further use.
                Next::Finished(finished) => {
                    return Ok((finished.log_out().await, attempt));
                }
                _ => {
                    let detail = "a step that this module does not know";
                    return Err(Refusal::new(Reason::UnsupportedStep, detail).after_sending());
                }
            };
        }
        next.abandon().await;
        let detail = "Airlock's flow does not come to an end";
        Err(Refusal::new(Reason::BadAnswer, detail).after_sending())
    }

    /// Counts an attempt, then checks the password. The limit can stop attempts before Airlock
    /// locks the account.
    async fn first_factor(
        &mut self,
        client: Result<Client, Error>,
        account: &str,
        password: &str,
    ) -> Result<(Next, Attempt), Refusal> {
        let step = client.map_err(prompts::refusal)?;
        let step = step.begin().await.map_err(prompts::refusal)?;
        self.progress("session");
        let mut attempt = match self.limit.count(self.system).await {
            Ok(attempt) => attempt,
            Err(refusal) => {
                step.abandon().await;
                return Err(refusal.after_sending());
            }
        };
        self.hint(&attempt.hint);
        self.line.stop_if_cancelled().await;
        attempt.leaves(true);
        match step.check(account, password).await {
            Ok(next) => Ok((next, attempt)),
            Err(Rejected { error, again, .. }) => {
                if let Some(step) = again {
                    step.abandon().await;
                }
                Err(prompts::refusal(error))
            }
        }
    }

    /// Chooses a device. The first choice belongs to the attempt that was counted with the
    /// password. If the flow asks `again`, the phone may ring again, so this counts another
    /// attempt.
    async fn device(&mut self, choice: DeviceChoice, again: bool) -> Result<Next, Refusal> {
        let list = choice.devices().await.map_err(prompts::refusal)?;
        let counted = match self.choose(&list).await {
            Ok(index) if again => {
                let counted = self.limit.count(self.system).await;
                counted
                    .map(|mut attempt| attempt.leaves(true))
                    .map(|()| index)
                    .map_err(Refusal::after_sending)
            }
            index => index,
        };
        match counted {
            Ok(index) => self.select(list, index).await,
            Err(refusal) => {
                list.abandon().await;
                Err(refusal)
            }
        }
    }

    /// The index of the device that the configuration or the person chooses.
    async fn choose(&mut self, list: &DeviceList) -> Result<usize, Refusal> {
        let devices = list.devices();
        let candidates = match &self.config.airlock.device {
            AirlockDevice::Ask => (0..devices.len()).collect(),
            AirlockDevice::Named(name) => prompts::matching(devices, name),
        };
        match (&*candidates, &self.config.airlock.device) {
            ([], AirlockDevice::Named(name)) => {
                let detail = prompts::no_such_device(devices, name);
                Err(Refusal::new(Reason::NoKey, detail).after_sending())
            }
            ([only], AirlockDevice::Named(_)) => Ok(*only),
            _ => {
                let names = prompts::names(devices, &candidates);
                match self.ask(Event::ChooseDevice(names)).await {
                    Answer::Device(index) => Ok(candidates.get(index).copied().unwrap_or_default()),
                    answer => Err(refusal_of(answer)),
                }
            }
        }
    }

    async fn select(&mut self, list: DeviceList, index: usize) -> Result<Next, Refusal> {
        if let Some(device) = list.devices().get(index) {
            device.display_name().clone_into(&mut self.device);
            self.tell(Event::DeviceChosen(self.device.clone()));
        }
        self.line.stop_if_cancelled().await;
        let next = list.select(index).await.map_err(prompts::refusal)?;
        self.progress("device");
        Ok(next)
    }

    /// Asks for the OTP. Asks again only if Airlock allows it.
    async fn otp(&mut self, mut step: OtpStep) -> Result<Next, Refusal> {
        let (mut prompt, hint) = prompts::otp(step.hint(), self.config.conversation, self.texts);
        self.hint(&hint);
        for _ in 0..MOST_TRIES {
            let otp = match self.ask(Event::AskOtp(prompt)).await {
                Answer::Otp(otp) => otp,
                answer => {
                    step.abandon().await;
                    return Err(refusal_of(answer));
                }
            };
            self.line.stop_if_cancelled().await;
            match step.check(&otp).await {
                Ok(next) => {
                    self.progress("OTP");
                    return Ok(next);
                }
                Err(Rejected {
                    again: Some(again), ..
                }) => step = again,
                Err(rejected) => return Err(prompts::refusal(rejected.error)),
            }
            prompt = self.texts.say(&Text::WrongOtp) + &self.texts.say(&Text::Otp);
        }
        step.abandon().await;
        let detail = format!("wrong {MOST_TRIES} times");
        Err(Refusal::new(Reason::WrongOtp, detail).after_sending())
    }

    /// Waits until the phone has answered.
    async fn one_touch(&mut self, mut step: OneTouchStep) -> Result<Next, Refusal> {
        self.fields.device.clone_from(&self.device);
        let ringing = self.fields.line("ringing");
        self.log.write(Severity::Info, &ringing, PATIENCE);
        let device = Some(self.device.clone()).filter(|name| !name.is_empty());
        match self.ask(Event::Announce(Text::Approve(device))).await {
            Answer::Announced => {}
            answer => {
                step.abandon().await;
                return Err(refusal_of(answer));
            }
        }
        // The end of the flow comes after the wait for the phone.
        let patience = self.one_touch_left.saturating_add(self.patience());
        self.line.tell(Event::Progress(Progress::Ringing), patience);
        let begun = Instant::now();
        let until = begun.checked_add(self.one_touch_left).unwrap_or(begun);
        loop {
            // poll() consumes the step. After a timeout, no step is left to abandon.
            let polled = timeout_at(until, step.poll()).await;
            match polled.map_err(|_| not_approved())? {
                Ok(Polled::Next(next)) => {
                    self.one_touch_left = self.one_touch_left.saturating_sub(begun.elapsed());
                    self.tell(Event::Progress(Progress::Answered));
                    return Ok(next);
                }
                Ok(Polled::Pending(pending)) => step = pending,
                Err(error) => return Err(prompts::refusal(error)),
            }
            if timeout_at(until, sleep(POLL_INTERVAL)).await.is_err() {
                step.abandon().await;
                return Err(not_approved());
            }
        }
    }

    fn tell(&self, event: Event) {
        self.line.tell(event, self.patience());
    }

    async fn ask(&mut self, question: Event) -> Answer {
        let patience = self.patience();
        self.line.ask(question, patience).await
    }

    fn progress(&self, step: &'static str) {
        self.tell(Event::Progress(Progress::Flow(step)));
    }

    fn hint(&self, hint: &str) {
        if !hint.is_empty() {
            self.tell(Event::Hint(hint.to_owned()));
        }
    }

    fn patience(&self) -> Duration {
        patience(self.config.wait.connect_seconds)
    }
}

fn not_approved() -> Refusal {
    Refusal::new(Reason::TimedOut, "nobody approved in time").after_sending()
}

/// The PAM thread refuses, or answers another question, which would be a bug.
fn refusal_of(answer: Answer) -> Refusal {
    match answer {
        Answer::Refused(refusal) => refusal,
        Answer::Device(_) | Answer::Otp(_) | Answer::Announced => {
            Refusal::new(Reason::Panic, "an answer to another question").after_sending()
        }
    }
}

/// Boxes the future of a step. One state machine for all steps needs more code.
fn boxed<'f, T>(
    step: impl Future<Output = T> + Send + 'f,
) -> Pin<Box<dyn Future<Output = T> + Send + 'f>> {
    Box::pin(step)
}
