//! The same client for programs without async code: the methods block.
//!
//! The types have the names and methods of the async ones, with the same results and errors. They
//! start no thread. Several threads can share a client, and log users in at the same time. To
//! cancel a call, use the async client and drop the future.
//!
//! # Panics
//!
//! Inside an async runtime: use the async client there.

#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "see the async client and this module"
)]

use std::fmt;

use bounded_https::blocking::EventLoop;

use crate::{
    BaseUrl, ClientBuilder, Device, Error, Hint, LoggedIn, Next as AsyncNext,
    Polled as AsyncPolled, Rejected,
};

/// Logs users in through an Airlock IAM. See [`Client`](crate::Client).
#[derive(Debug, Clone)]
pub struct Client {
    client: crate::Client,
    event_loop: EventLoop,
}

/// A step of a login, together with the event loop that it runs on.
pub struct Blocking<S> {
    step: S,
    event_loop: EventLoop,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident)*) => {$(
        $(#[$doc])*
        pub type $step = Blocking<crate::$step>;

        impl $step {
            /// Gives up the login.
            pub fn abandon(self) {
                self.run(crate::$step::abandon);
            }
        }
    )*};
}

steps! {
    /// Airlock wants the user's name and password. See [`PasswordStep`](crate::PasswordStep).
    PasswordStep
    /// The user must choose one of several devices. See [`DeviceChoice`](crate::DeviceChoice).
    DeviceChoice
    /// The devices to choose from. See [`DeviceList`](crate::DeviceList).
    DeviceList
    /// A hardware token must scan a QR code. See [`QrChallenge`](crate::QrChallenge).
    QrChallenge
    /// The user types an OTP. See [`OtpStep`](crate::OtpStep).
    OtpStep
    /// The user's phone shows a request. See [`OneTouchStep`](crate::OneTouchStep).
    OneTouchStep
    /// Airlock accepts the password alone. See [`PasswordOnly`](crate::PasswordOnly).
    PasswordOnly
    /// A finished login. See [`Finished`](crate::Finished).
    Finished
}

macro_rules! next {
    ($($(#[$doc:meta])* $variant:ident($step:ident))*) => {
        /// The step that follows. See [`Next`](crate::Next).
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum Next {
            $($(#[$doc])* $variant($step),)*
        }

        impl Next {
            fn of(next: AsyncNext, event_loop: EventLoop) -> Self {
                match next {
                    $(AsyncNext::$variant(step) => Self::$variant(Blocking { step, event_loop }),)*
                }
            }

            /// Gives up the login.
            pub fn abandon(self) {
                match self {
                    $(Self::$variant(step) => step.abandon(),)*
                }
            }
        }
    };
}

next! {
    /// The user has several devices and must choose one.
    DeviceChoice(DeviceChoice)
    /// A hardware token must scan a QR code.
    QrChallenge(QrChallenge)
    /// The user's phone shows a request (One-Touch).
    OneTouch(OneTouchStep)
    /// The user has a code to type, or receives one.
    Otp(OtpStep)
    /// Airlock accepts the password alone.
    PasswordOnly(PasswordOnly)
    /// Airlock accepts the login, after a second factor.
    Finished(Finished)
}

/// The result of a poll. See [`Polled`](crate::Polled).
#[derive(Debug)]
pub enum Polled {
    /// The user has not answered yet.
    Pending(OneTouchStep),
    /// Airlock goes on.
    Next(Next),
}

impl Client {
    /// A client with the default settings.
    pub fn new(base: BaseUrl) -> Result<Self, Error> {
        Self::builder(base).build_blocking()
    }

    /// Begins to configure a client: end with [`build_blocking`](ClientBuilder::build_blocking).
    pub fn builder(base: BaseUrl) -> ClientBuilder {
        crate::Client::builder(base)
    }

    pub(crate) fn of(client: crate::Client) -> Result<Self, Error> {
        Ok(Self {
            client,
            event_loop: EventLoop::new()?,
        })
    }

    /// Begins a login without cookies.
    pub fn begin(&self) -> Result<PasswordStep, Error> {
        let step = self.event_loop.run(self.client.begin())?;
        Ok(Blocking {
            step,
            event_loop: self.event_loop.clone(),
        })
    }
}

impl<S> Blocking<S> {
    /// Runs a method of the step, and returns the event loop for the next one.
    fn run<F: Future>(self, method: impl FnOnce(S) -> F) -> (F::Output, EventLoop) {
        (self.event_loop.run(method(self.step)), self.event_loop)
    }

    /// The same, for a method that leads to another step.
    fn step<T, F>(self, method: impl FnOnce(S) -> F) -> Result<Blocking<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (step, event_loop) = self.run(method);
        step.map(|step| Blocking { step, event_loop })
    }

    /// The same, for a method that checks a secret.
    fn check_with<F>(self, method: impl FnOnce(S) -> F) -> Result<Next, Rejected<Self>>
    where
        F: Future<Output = Result<AsyncNext, Rejected<S>>>,
    {
        match self.run(method) {
            (Ok(next), event_loop) => Ok(Next::of(next, event_loop)),
            (Err(Rejected { error, again }), event_loop) => Err(Rejected {
                error,
                again: again.map(|step| Blocking { step, event_loop }),
            }),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Blocking<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.step.fmt(f)
    }
}

impl PasswordStep {
    /// Checks a user's password.
    pub fn check(self, username: &str, password: &str) -> Result<Next, Rejected<Self>> {
        self.check_with(|step| step.check(username, password))
    }
}

impl DeviceChoice {
    /// Fetches the list of devices.
    pub fn devices(self) -> Result<DeviceList, Error> {
        self.step(crate::DeviceChoice::devices)
    }
}

impl DeviceList {
    /// The devices, at least one.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        self.step.devices()
    }

    /// Chooses a device by its index.
    pub fn select(self, index: usize) -> Result<Next, Error> {
        let (next, event_loop) = self.run(|step| step.select(index));
        Ok(Next::of(next?, event_loop))
    }
}

impl QrChallenge {
    /// Fetches the code.
    pub fn retrieve(self) -> Result<OtpStep, Error> {
        self.step(crate::QrChallenge::retrieve)
    }
}

impl OtpStep {
    /// The hint for the user.
    #[must_use]
    pub fn hint(&self) -> Hint<'_> {
        self.step.hint()
    }

    /// Checks the OTP that the user typed.
    pub fn check(self, otp: &str) -> Result<Next, Rejected<Self>> {
        self.check_with(|step| step.check(otp))
    }
}

impl OneTouchStep {
    /// Asks whether the user has approved.
    pub fn poll(self) -> Result<Polled, Error> {
        let (polled, event_loop) = self.run(crate::OneTouchStep::poll);
        Ok(match polled? {
            AsyncPolled::Pending(step) => Polled::Pending(Blocking { step, event_loop }),
            AsyncPolled::Next(next) => Polled::Next(Next::of(next, event_loop)),
        })
    }
}

impl PasswordOnly {
    /// Accepts it as a finished login.
    #[must_use]
    pub fn accept_without_second_factor(self) -> Finished {
        Blocking {
            step: self.step.accept_without_second_factor(),
            event_loop: self.event_loop,
        }
    }
}

impl Finished {
    /// Ends the session on the server.
    pub fn log_out(self) -> LoggedIn {
        self.run(crate::Finished::log_out).0
    }
}
