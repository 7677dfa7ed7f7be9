//! The login flow, as types: each step can do what Airlock allows there, and is used up by doing
//! it. Which step comes next is Airlock's `nextAuthStep`, read in one place, [`Flow::next`].
//!
//! All of it is from vendor documentation, but for the SMS code, clearing a flow and logging out,
//! which were seen in public clients of live systems.

use std::fmt;
use std::time::Duration;

use bounded_https::Reply;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::{self, Device};
use crate::error::{Error, ErrorKind, Rejected};
use crate::session::Session;

/// How often [`Approval::poll`] should be called.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);

const PASSWORD: &str = "PASSWORD_REQUIRED";
const DEVICE_CHOICE: &str = "AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED";
const QR_CODE: &str = "AIRLOCK_2FA_QR_CODE_OTP_REQUIRED";
const POLLING: &str = "AIRLOCK_2FA_POLLING_OR_OFFLINE_REQUIRED";
const OTP: &str = "OTP_REQUIRED";
const MTAN: &str = "MTAN_OTP_REQUIRED";

/// All but the unreserved characters of RFC 3986, section 2.3.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What comes after a step.
#[derive(Debug)]
pub enum Next {
    /// The person has several devices: one must be chosen.
    DeviceChoice(DeviceChoice),
    /// A QR code is to be shown to a hardware token.
    QrChallenge(QrChallenge),
    /// The person's phone shows a request (One-Touch).
    Approval(Approval),
    /// The person has, or gets, a code to type.
    Otp(OtpStep),
    /// Airlock is satisfied with the password.
    PasswordOnly(PasswordOnly),
    /// Airlock is satisfied, after a second factor.
    Finished(Finished),
}

impl Next {
    /// Gives up, whatever comes next.
    pub fn abandon(self) {
        match self {
            Self::DeviceChoice(DeviceChoice { flow })
            | Self::QrChallenge(QrChallenge { flow })
            | Self::Approval(Approval { flow })
            | Self::Otp(OtpStep { flow, .. }) => flow.session.abandon(),
            Self::PasswordOnly(PasswordOnly { flow }) | Self::Finished(Finished { flow }) => {
                flow.session.log_out();
            }
        }
    }
}

/// The session of a login, and whether a second factor is behind it.
pub(crate) struct Flow {
    session: Box<Session>,
    second_factor: bool,
}

impl Flow {
    /// The one place where a login is taken for finished, and where `nextAuthStep` is obeyed.
    fn next(self, session: answer::Session) -> Result<Next, Error> {
        log::debug!("Airlock answers {}", step_name(&session));
        let answer::Session::Next { step, phone_number } = session else {
            return Ok(if self.second_factor {
                Next::Finished(Finished { flow: self })
            } else {
                Next::PasswordOnly(PasswordOnly { flow: self })
            });
        };
        Ok(match &*step {
            DEVICE_CHOICE => Next::DeviceChoice(DeviceChoice { flow: self }),
            QR_CODE => Next::QrChallenge(QrChallenge { flow: self }),
            POLLING => Next::Approval(Approval { flow: self }),
            OTP => Next::Otp(OtpStep {
                flow: self,
                kind: Kind::Plain,
            }),
            MTAN => Next::Otp(OtpStep {
                flow: self,
                kind: Kind::Sms(phone_number),
            }),
            _ => {
                self.session.abandon();
                return Err(sent(Error::new(ErrorKind::UnsupportedStep, step)));
            }
        })
    }

    /// What has just been answered is about a second factor. That alone decides nothing: what
    /// follows is read from the answer.
    fn passed(self) -> Self {
        Self {
            second_factor: true,
            ..self
        }
    }
}

/// The user's name and password are wanted.
pub struct PasswordStep {
    flow: Flow,
}

impl PasswordStep {
    pub(crate) fn begin(mut session: Session, application: Option<&str>) -> Result<Self, Error> {
        session.clear_stale_flow()?;
        if let Some(path) = application {
            let reply = session.post(path)?;
            // Its normal answer is an error, which says how to go on.
            match (answer::code(&reply).as_deref(), answer::next_step(&reply)) {
                (Some("NOT_AUTHORIZED"), Some(step)) if step == PASSWORD => {}
                (Some("NOT_AUTHORIZED"), Some(step)) => {
                    session.abandon();
                    return Err(sent(Error::new(ErrorKind::UnsupportedStep, step)));
                }
                _ => {
                    return Err(sent(match answer::session(&reply) {
                        Err(error) => error,
                        Ok(_) => answer::not_understood("access without a login"),
                    }));
                }
            }
        }
        Ok(Self {
            flow: Flow {
                session: Box::new(session),
                second_factor: false,
            },
        })
    }

    /// Checks a user's password.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongPassword`], with the step once more where Airlock allows another try;
    /// [`ErrorKind::Locked`], [`ErrorKind::Refused`], or why there is no answer.
    pub fn check(mut self, username: &str, password: &str) -> Result<Next, Rejected<Self>> {
        let members = [("username", username), ("password", password)];
        let reply = self.flow.session.post_json("password/check/", &members)?;
        again(
            &reply,
            PASSWORD,
            ErrorKind::WrongPassword,
            self,
            |step, session| step.flow.next(session),
        )
    }

    /// Gives up.
    pub fn abandon(self) {
        self.flow.session.abandon();
    }
}

/// One of several devices must be chosen.
pub struct DeviceChoice {
    flow: Flow,
}

impl DeviceChoice {
    /// Fetches the list.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn devices(mut self) -> Result<DeviceList, Error> {
        let reply = self.flow.session.post("airlock-2fa/devices/retrieve/")?;
        Ok(DeviceList {
            devices: answer::devices(&reply).map_err(sent)?,
            flow: self.flow,
        })
    }
}

/// The devices to choose from.
pub struct DeviceList {
    flow: Flow,
    devices: Vec<Device>,
}

impl DeviceList {
    /// The devices, at least one.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Chooses one of [`devices`](Self::devices), by its place there from 0. Where it is a phone
    /// with One-Touch, it rings now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when there is none; or why there is no answer.
    pub fn select(mut self, index: usize) -> Result<Next, Error> {
        let Some(device) = self.devices.get(index) else {
            return Err(sent(Error::new(ErrorKind::InvalidInput, "no such device")));
        };
        let id = utf8_percent_encode(&device.id, RESERVED);
        let path = format!("airlock-2fa/devices/{id}/select/");
        let reply = self.flow.session.post(&path)?;
        self.flow.next(answer::session(&reply).map_err(sent)?)
    }

    /// Gives up.
    pub fn abandon(self) {
        self.flow.session.abandon();
    }
}

/// A QR code is to be shown to a hardware token.
///
/// An OTP cannot be checked before it has been fetched:
///
/// ```compile_fail,E0599
/// fn too_early(challenge: airlock_iam::QrChallenge) {
///     let _ = challenge.check("123456");
/// }
/// ```
pub struct QrChallenge {
    flow: Flow,
}

impl QrChallenge {
    /// Fetches the code. Only what comes of this can check an OTP.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn retrieve(mut self) -> Result<OtpStep, Error> {
        let reply = self
            .flow
            .session
            .post_for_image("airlock-2fa/offline-qr-code/challenge/retrieve/")?;
        Ok(OtpStep {
            kind: Kind::Qr(answer::challenge(&reply).map_err(sent)?),
            flow: self.flow,
        })
    }
}

/// The person types an OTP.
pub struct OtpStep {
    flow: Flow,
    kind: Kind,
}

/// Where the OTP comes from.
enum Kind {
    /// A token, from an image; nothing where that cannot be read.
    Qr(Option<Vec<u8>>),
    /// An SMS, perhaps to this number.
    Sms(Option<String>),
    Plain,
}

impl Kind {
    /// The name of the step, and what checks its OTP.
    fn step(&self) -> (&'static str, &'static str) {
        match self {
            Self::Qr(_) => (QR_CODE, "airlock-2fa/offline-qr-code/otp/check/"),
            Self::Sms(_) => (MTAN, "mtan/otp/check"),
            Self::Plain => (OTP, "otp/check"),
        }
    }
}

/// What tells the person which OTP to type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint<'a> {
    /// A hardware token shows it once it has seen this QR code, a PNG image in the server's bytes.
    QrCode(&'a [u8]),
    /// The same, but the server's image cannot be read at all.
    UnreadableQrCode,
    /// It comes by SMS, perhaps to this number, which is in the server's words.
    Sms(Option<&'a str>),
    /// The person knows.
    None,
}

impl OtpStep {
    /// What to show the person.
    #[must_use]
    pub fn hint(&self) -> Hint<'_> {
        match &self.kind {
            Kind::Qr(Some(image)) => Hint::QrCode(image),
            Kind::Qr(None) => Hint::UnreadableQrCode,
            Kind::Sms(number) => Hint::Sms(number.as_deref()),
            Kind::Plain => Hint::None,
        }
    }

    /// Checks what the person typed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongOtp`], with the step once more where Airlock allows another try; a QR
    /// code stays the same then. [`ErrorKind::Locked`], [`ErrorKind::Refused`], or why there is
    /// no answer.
    pub fn check(mut self, otp: &str) -> Result<Next, Rejected<Self>> {
        let (name, path) = self.kind.step();
        let reply = self.flow.session.post_json(path, &[("otp", otp)])?;
        again(&reply, name, ErrorKind::WrongOtp, self, |step, session| {
            step.flow.passed().next(session)
        })
    }

    /// Gives up.
    pub fn abandon(self) {
        self.flow.session.abandon();
    }
}

/// The person's phone shows a request (One-Touch).
pub struct Approval {
    flow: Flow,
}

/// What a poll found.
#[derive(Debug)]
pub enum Polled {
    /// The person has not answered yet: poll again, in [`POLL_INTERVAL`].
    Pending(Approval),
    /// Airlock goes on: the login is done, or something else is wanted.
    Next(Next),
}

impl Approval {
    /// Asks whether the person has approved.
    ///
    /// # Errors
    ///
    /// Any error ends the login. Which one tells that the person declined is not documented.
    pub fn poll(mut self) -> Result<Polled, Error> {
        let reply = self.flow.session.post("airlock-2fa/status/poll/")?;
        self.answered(&reply)
    }

    fn answered(self, reply: &Reply) -> Result<Polled, Error> {
        let session = answer::session(reply).map_err(sent)?;
        let flow = match &session {
            answer::Session::Next { step, .. } if step == POLLING => {
                return Ok(Polled::Pending(self));
            }
            // Nobody knows what a person who declined is offered: this is no second factor yet.
            answer::Session::Next { .. } => self.flow,
            answer::Session::Done => self.flow.passed(),
        };
        flow.next(session).map(Polled::Next)
    }

    /// Gives up.
    pub fn abandon(self) {
        self.flow.session.abandon();
    }
}

/// Airlock is satisfied, and has asked for nothing but a password.
pub struct PasswordOnly {
    flow: Flow,
}

impl PasswordOnly {
    /// Takes that for a finished login.
    #[must_use]
    pub fn accept_without_second_factor(self) -> Finished {
        Finished { flow: self.flow }
    }

    /// Does not, and logs out.
    pub fn abandon(self) {
        self.flow.session.log_out();
    }
}

/// A finished login: there is no other way to get one than through Airlock's own word that it is
/// done.
///
/// ```compile_fail,E0451
/// fn forged(flow: airlock_iam::Finished) -> airlock_iam::LoggedIn {
///     airlock_iam::LoggedIn { second_factor: true }
/// }
/// ```
pub struct Finished {
    flow: Flow,
}

impl Finished {
    /// Ends the session on the server, which is of no more use. Whether that works does not
    /// matter.
    #[must_use]
    pub fn log_out(self) -> LoggedIn {
        let second_factor = self.flow.second_factor;
        self.flow.session.log_out();
        LoggedIn { second_factor }
    }
}

/// A [`Finished`] login whose session has been ended.
#[derive(Debug)]
pub struct LoggedIn {
    second_factor: bool,
}

impl LoggedIn {
    /// Whether there was a second factor.
    #[must_use]
    pub fn had_second_factor(&self) -> bool {
        self.second_factor
    }
}

/// Goes on, or tells whether `step` may be tried once more: only where Airlock names it again.
fn again<S>(
    reply: &Reply,
    name: &str,
    wrong: ErrorKind,
    step: S,
    on: impl FnOnce(S, answer::Session) -> Result<Next, Error>,
) -> Result<Next, Rejected<S>> {
    match answer::session(reply).map_err(sent) {
        Ok(session) => Ok(on(step, session)?),
        Err(error)
            if error.kind() == wrong && answer::next_step(reply).as_deref() == Some(name) =>
        {
            Err(Rejected {
                error,
                again: Some(step),
            })
        }
        Err(error) => Err(error.into()),
    }
}

fn step_name(session: &answer::Session) -> &str {
    match session {
        answer::Session::Done => "that the login is done",
        answer::Session::Next { step, .. } => step,
    }
}

/// The errors of answers: something was sent.
fn sent(error: Error) -> Error {
    error.after_sending(true)
}

macro_rules! opaque {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

// None of their insides is for a log.
opaque!(PasswordStep DeviceChoice DeviceList QrChallenge OtpStep Approval PasswordOnly Finished);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bounded_https::{Canceller, Options, Roots, Transport};
    use tenant::Tenant;
    use zeroize::Zeroizing;

    use super::*;
    use crate::session::Server;

    /// A login that has come to One-Touch, with a server that is not asked.
    fn approval() -> Approval {
        let tenant = Tenant::start(tenant::Options::default()).unwrap();
        let server = Server {
            base: tenant.airlock_url().parse().unwrap(),
            transport: Transport::start(Options {
                roots: Roots::Pem(tenant.ca_pem().into()),
                proxy: None,
                connect_timeout: Duration::from_secs(1),
                canceller: Canceller::new(),
                user_agent: "test",
            })
            .unwrap(),
            timeout: Duration::from_secs(1),
        };
        Approval {
            flow: Flow {
                session: Box::new(Session::new(Arc::new(server))),
                second_factor: false,
            },
        }
    }

    fn session(attributes: &str) -> Reply {
        let body =
            format!(r#"{{"data":{{"type":"authentication.session","attributes":{attributes}}}}}"#);
        Reply {
            status: 200,
            headers: Vec::new(),
            body: Zeroizing::new(body.into_bytes()),
        }
    }

    #[test]
    fn one_touch_is_a_second_factor_only_where_it_ends_the_login() {
        let polled = |attributes: &str| approval().answered(&session(attributes)).unwrap();
        assert!(matches!(
            polled(&format!(r#"{{"nextAuthStep":"{POLLING}"}}"#)),
            Polled::Pending(_)
        ));
        assert!(matches!(polled("{}"), Polled::Next(Next::Finished(_))));
        let Polled::Next(Next::DeviceChoice(choice)) =
            polled(&format!(r#"{{"nextAuthStep":"{DEVICE_CHOICE}"}}"#))
        else {
            panic!("no choice");
        };
        let next = choice.flow.next(answer::Session::Done).unwrap();
        assert!(matches!(next, Next::PasswordOnly(_)), "{next:?}");
    }
}
