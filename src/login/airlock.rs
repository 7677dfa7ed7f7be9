//! `mode = "airlock"`: through the login flow of an Airlock IAM, step by step.

pub(crate) mod questions;
pub(crate) mod words;

use std::time::{Duration, Instant};

use airlock_iam::{
    Approval, Client, DeviceList, Error, LoggedIn, Next, OtpStep, POLL_INTERVAL, PasswordStep,
    Polled, Rejected,
};
use logonbox_authenticator::Canceller;
use zeroize::Zeroizing;

use self::questions::Questions;
use super::announce::announce;
use super::ask::broke_off;
use super::hold::hold;
use super::{MakeClient, Notes, Parties, no_thread, stopped};
use crate::config::{Airlock, AirlockDevice, Config, Password};
use crate::host::{Echo, Host, Secret, Step, System};
use crate::policy::{self, Counted, Limit, Person};
use crate::text::for_terminal;
use crate::verdict::{NOT_REACHED, Refusal, Word};
use crate::wait::{GRACE, Stopped, Waiter, Worker, later, pause};

/// No flow has more steps; one that has goes round in circles.
const MOST_STEPS: usize = 12;
/// More than any sensible set-up allows before it locks an account.
const MOST_TRIES: usize = 10;
/// Longer than any farewell to Airlock takes.
const FAREWELL: Duration = Duration::from_secs(3);

/// Takes the person through Airlock's login flow.
///
/// # Errors
///
/// Why not. Everything but a flow that Airlock says is done is an error, and so is one that was
/// done without a second factor, unless the configuration allows it.
pub fn login(
    config: &Config,
    airlock: &Airlock,
    person: &Person,
    parties: Parties<'_, Client, Error>,
    notes: &mut Notes,
) -> Result<LoggedIn, Refusal> {
    let Parties {
        host,
        system,
        waiter,
        make_client,
    } = parties;
    // Whoever does not exist is asked, too.
    let typed = ask(airlock, person, host)?;
    let asked = waiter.now();
    let known = person.known(system);
    let result = known.and_then(|name| {
        let account = config.account(&name, &system.hostname());
        notes.account.clone_from(&account);
        let password = questions::password(&typed)?;
        policy::enough_memory()?;
        let mut login = Login {
            config,
            airlock,
            account,
            password,
            system,
            host: &mut *host,
            waiter: &mut *waiter,
            notes,
            has_chosen: false,
            for_approval: config.wait.person,
        };
        let proof = login.with_worker(make_client)?;
        // The modules after this one act for the user whom the host names.
        if person.becomes.is_none() {
            login.leave_password()?;
        }
        Ok(proof)
    });
    match result {
        // The same time and the same code, whatever it was: sshd asks again for some codes, and
        // would tell with it who exists here. Whoever breaks off changes nothing about it.
        Err(refusal) if could_tell_names_apart(&refusal) => {
            let _ = hold(system, waiter, asked);
            Err(refusal.after_ringing())
        }
        result => result,
    }
}

/// Refusals that are known at once: neither the time that they take nor their code must tell one
/// from the other.
fn could_tell_names_apart(refusal: &Refusal) -> bool {
    matches!(
        refusal.word,
        Word::UnknownUser | Word::Limit | Word::WrongPassword | Word::Refused | Word::Locked
    )
}

/// What the worker thread owns.
type Server = Result<Client, Error>;

/// One login.
struct Login<'a> {
    config: &'a Config,
    airlock: &'a Airlock,
    account: String,
    password: Zeroizing<String>,
    system: &'a dyn System,
    host: &'a mut dyn Host,
    waiter: &'a mut dyn Waiter,
    notes: &'a mut Notes,
    /// A device was chosen, and may have rung.
    has_chosen: bool,
    /// What is left for the phone: a flow can come back to it.
    for_approval: Duration,
}

impl Login<'_> {
    fn with_worker(&mut self, make_client: MakeClient<Client, Error>) -> Result<LoggedIn, Refusal> {
        let canceller = Canceller::new();
        let making = canceller.clone();
        let worker: Worker<Server> =
            Worker::start(self.waiter, canceller, move || make_client(&making))
                .map_err(|error| no_thread(&error))?;
        let limit = Limit::new(
            self.config.policy.unapproved_pushes_per_10_minutes,
            &self.airlock.url.to_string(),
            &self.account,
        );
        let result = self.flow(&worker, &limit);
        worker.end();
        result
    }

    /// For the modules after this one. Only now: where this one takes no part, they ask.
    fn leave_password(&mut self) -> Result<(), Refusal> {
        if self.airlock.password == Password::Stack {
            return Ok(());
        }
        self.host.leave_password(&self.password).map_err(|_| {
            let reason = "PAM does not take the password";
            Refusal::new(Word::LocalFailure, reason).after_ringing()
        })
    }

    /// From step to step, as Airlock says.
    fn flow(&mut self, worker: &Worker<Server>, limit: &Limit) -> Result<LoggedIn, Refusal> {
        let (mut next, password) = self.first_factor(worker, limit)?;
        self.host.reached(Step::Flow("password"));
        for _ in 0..MOST_STEPS {
            next = match next {
                Next::DeviceChoice(choice) => {
                    let list = self.call(worker, |_| choice.devices())?;
                    self.choose(worker, list, limit)?
                }
                Next::QrChallenge(challenge) => {
                    Next::Otp(self.call(worker, |_| challenge.retrieve())?)
                }
                Next::Otp(step) => self.otp(worker, step)?,
                Next::Approval(approval) => self.approval(worker, approval)?,
                Next::PasswordOnly(done) if self.airlock.allow_password_only => {
                    Next::Finished(done.accept_without_second_factor())
                }
                Next::PasswordOnly(done) => {
                    self.give_up(worker, |_| done.abandon());
                    let reason = "Airlock asked for no second factor, and allow_password_only is \
                                  not set";
                    return Err(Refusal::new(Word::Refused, reason).after_ringing());
                }
                // Logged out at once: the session has proven what it is for.
                Next::Finished(finished) => {
                    let proof = self.call(worker, |_| Ok(finished.log_out()))?;
                    password.approved();
                    return Ok(proof);
                }
            };
        }
        self.give_up(worker, |_| next.abandon());
        let reason = "Airlock's flow does not come to an end";
        Err(Refusal::new(Word::BadAnswer, reason).after_ringing())
    }

    /// Checks the password, which counts as a try before Airlock would lock the account.
    fn first_factor<'l>(
        &mut self,
        worker: &Worker<Server>,
        limit: &'l Limit,
    ) -> Result<(Next, Counted<'l>), Refusal> {
        // A Ctrl-C in the conversation: nothing has left yet, and that is what the host is told.
        pause(self.waiter, Duration::ZERO).map_err(stopped)?;
        let begun = self.waiter.now();
        let step: PasswordStep = self
            .call(worker, |server| {
                server.as_ref().map_err(Clone::clone)?.begin()
            })
            .map_err(|refusal| Refusal {
                after: Some(self.waiter.now().saturating_duration_since(begun)),
                ..refusal
            })?;
        self.host.reached(Step::Flow("session"));
        let counted = match limit.count(self.system, self.waiter) {
            Ok(counted) => counted,
            Err(refusal) => {
                self.give_up(worker, |_| step.abandon());
                return Err(refusal.after_ringing());
            }
        };
        self.notes.hint(&counted.hint);
        let (account, password) = (self.account.clone(), self.password.clone());
        let checked = self.call(worker, move |_| Ok(step.check(&account, &password)))?;
        match checked {
            Ok(next) => Ok((next, counted)),
            Err(Rejected { error, again }) => {
                if let Some(step) = again {
                    self.give_up(worker, |_| step.abandon());
                }
                Err(words::refusal(error))
            }
        }
    }

    /// Which device, by the configuration or by the person.
    fn choose(
        &mut self,
        worker: &Worker<Server>,
        list: DeviceList,
        limit: &Limit,
    ) -> Result<Next, Refusal> {
        let devices = list.devices();
        let wanted = match &self.airlock.device {
            AirlockDevice::Ask => (0..devices.len()).collect(),
            AirlockDevice::Named(name) => words::wanted(devices, name),
        };
        let chosen = match (&*wanted, &self.airlock.device) {
            ([], AirlockDevice::Named(name)) => {
                let reason = words::no_such_device(devices, name);
                Err(Refusal::new(Word::NoKey, reason).after_ringing())
            }
            ([only], AirlockDevice::Named(_)) => Ok(*only),
            _ => {
                let names = words::described_at(devices, &wanted);
                let place = self.questions().device(&names);
                place.map(|place| wanted.get(place).copied().unwrap_or_default())
            }
        };
        // A flow can come back here, and ring again.
        let counted = chosen.and_then(|index| self.count_another(limit).map(|()| index));
        let index = match counted {
            Ok(index) => index,
            Err(refusal) => {
                self.give_up(worker, |_| list.abandon());
                return Err(refusal);
            }
        };
        if let Some(device) = devices.get(index) {
            device.display_name().clone_into(&mut self.notes.device);
        }
        let next = self.call(worker, move |_| list.select(index))?;
        self.host.reached(Step::Flow("device"));
        Ok(next)
    }

    /// Counts a choice, but for the first: that is of the try that was counted with the password.
    fn count_another(&mut self, limit: &Limit) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.has_chosen, true) {
            let counted = limit.count(self.system, self.waiter);
            let _ = counted.map_err(Refusal::after_ringing)?;
        }
        Ok(())
    }

    /// Asks for the OTP, again only where Airlock allows it.
    fn otp(&mut self, worker: &Worker<Server>, step: OtpStep) -> Result<Next, Refusal> {
        let mut step = step;
        let mut prompt = words::otp(step.hint(), self.config.conversation, &mut self.notes.hint);
        for _ in 0..MOST_TRIES {
            let otp = match self.questions().otp(&prompt) {
                Ok(otp) => otp,
                Err(refusal) => {
                    self.give_up(worker, |_| step.abandon());
                    return Err(refusal);
                }
            };
            match self.call(worker, move |_| Ok(step.check(&otp)))? {
                Ok(next) => {
                    self.host.reached(Step::Flow("OTP"));
                    return Ok(next);
                }
                Err(Rejected {
                    again: Some(again), ..
                }) => step = again,
                Err(rejected) => return Err(words::refusal(rejected.error)),
            }
            prompt = format!("That OTP was wrong. Try again.\n{}", words::OTP);
        }
        self.give_up(worker, |_| step.abandon());
        let reason = format!("wrong {MOST_TRIES} times");
        Err(Refusal::new(Word::WrongOtp, reason).after_ringing())
    }

    /// Waits until the phone has answered.
    fn approval(&mut self, worker: &Worker<Server>, approval: Approval) -> Result<Next, Refusal> {
        let on_device = match &*self.notes.device {
            "" => String::new(),
            name => format!(" on {}", for_terminal(name)),
        };
        let line = format!("Approve the request on your phone{on_device}.");
        let configured = self.config.conversation.announce;
        let end = "Press Enter to go on: ";
        match announce(self.host, self.waiter, configured, &line, end) {
            Ok(None) => {}
            Ok(Some(hint)) => hint.clone_into(&mut self.notes.hint),
            Err(refusal) => {
                self.give_up(worker, |_| approval.abandon());
                return Err(refusal.after_ringing());
            }
        }
        self.host.reached(Step::Announced);
        self.host.reached(Step::Ringing);
        let begun = self.waiter.now();
        let until = later(begun, self.for_approval);
        let mut approval = approval;
        loop {
            let deadline = self.deadline().min(later(until, GRACE));
            match self.wait_for(worker, deadline, move |_| approval.poll()) {
                Ok(Ok(Polled::Next(next))) => {
                    self.host.reached(Step::Answered);
                    let waited = self.waiter.now().saturating_duration_since(begun);
                    self.for_approval = self.for_approval.saturating_sub(waited);
                    return Ok(next);
                }
                Ok(Ok(Polled::Pending(pending))) => approval = pending,
                Ok(Err(error)) => return Err(words::refusal(error)),
                Err(Stopped::Deadline) => return Err(nobody_approved()),
                Err(why) => return Err(stopped(why).after_ringing()),
            }
            let left = until.saturating_duration_since(self.waiter.now());
            if left.is_zero() {
                self.give_up(worker, |_| approval.abandon());
                return Err(nobody_approved());
            }
            pause(self.waiter, left.min(POLL_INTERVAL))
                .map_err(|why| stopped(why).after_ringing())?;
        }
    }

    /// Has something done by the worker. Whatever ends that early, a request may have left.
    fn call<T: Send + 'static>(
        &mut self,
        worker: &Worker<Server>,
        work: impl FnOnce(&Server) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        let until = self.deadline();
        self.wait_for(worker, until, work)
            .map_err(no_answer)?
            .map_err(words::refusal)
    }

    fn wait_for<T: Send + 'static>(
        &mut self,
        worker: &Worker<Server>,
        until: Instant,
        work: impl FnOnce(&Server) -> Result<T, Error> + Send + 'static,
    ) -> Result<Result<T, Error>, Stopped> {
        // A Ctrl-C in the conversation, which the host has blocked: nothing more is sent.
        pause(self.waiter, Duration::ZERO)?;
        worker.run(self.waiter, until, work)
    }

    /// The client's own deadlines come first: two calls at most, and a farewell.
    fn deadline(&self) -> Instant {
        let connect = self.config.wait.connect;
        let time = connect.saturating_mul(2).saturating_add(FAREWELL);
        later(later(self.waiter.now(), time), GRACE)
    }

    /// Tells Airlock that this flow is not gone on with. That it hears it is not needed.
    fn give_up(&mut self, worker: &Worker<Server>, work: impl FnOnce(&Server) + Send + 'static) {
        let until = later(self.waiter.now(), FAREWELL);
        let _ = worker.run(self.waiter, until, work);
    }

    fn questions(&mut self) -> Questions<'_> {
        Questions {
            host: &mut *self.host,
            waiter: &*self.waiter,
            echo: self.config.conversation.otp_echo,
            password: &self.password,
            hint: &mut self.notes.hint,
        }
    }
}

/// What is to be the password, from the person or from the module before.
fn ask(airlock: &Airlock, person: &Person, host: &mut dyn Host) -> Result<Secret, Refusal> {
    match airlock.password {
        Password::Ask => {
            // Where another module has asked for one already, this is not that one.
            let prompt = match host.password() {
                None => "Password: ",
                Some(_) => "Airlock password: ",
            };
            host.ask(prompt, Echo::Off).map_err(|_| broke_off())
        }
        Password::Stack if person.becomes.is_some() => {
            let reason = "airlock.password = \"stack\" does not go with policy.su_asks = \
                          \"caller\": su has asked for the password of the user one becomes";
            Err(Refusal::new(Word::Configuration, reason))
        }
        Password::Stack => host.password().ok_or_else(|| {
            let reason = "airlock.password = \"stack\", but no module before this one has asked \
                          for a password";
            Refusal::new(Word::Configuration, reason)
        }),
    }
}

fn nobody_approved() -> Refusal {
    Refusal::new(Word::TimedOut, "nobody approved in time").after_ringing()
}

/// Airlock has not answered, which says nothing about a phone.
fn no_answer(why: Stopped) -> Refusal {
    let refusal = stopped(why).after_ringing();
    match why {
        Stopped::Deadline => Refusal {
            say: Some(NOT_REACHED.to_owned()),
            ..refusal
        },
        Stopped::Interrupted(_) | Stopped::Panicked => refusal,
    }
}

#[cfg(test)]
mod tests;
