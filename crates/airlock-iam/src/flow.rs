//! The login flow as types. Each step has the methods that Airlock allows there, and they use it
//! up. The next step is Airlock's `nextAuthStep`, which only [`Flow::next`] reads.
//!
//! All of this is from the vendor's documentation, with three exceptions: the SMS code, clearing a
//! flow, and logging out. These were seen in public clients of live systems.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Reply;
use crate::answer::{self, Device};
use crate::error::{Error, ErrorKind, Rejected, not_understood};
use crate::session::Session;

/// The time between two calls of [`OneTouchStep::poll`].
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

/// The step that follows.
#[derive(Debug)]
#[non_exhaustive]
pub enum Next {
    /// The user has several devices and must choose one.
    DeviceChoice(DeviceChoice),
    /// A hardware token must scan a QR code.
    QrChallenge(QrChallenge),
    /// The user's phone shows a request (One-Touch).
    OneTouch(OneTouchStep),
    /// The user has a code to type, or receives one.
    Otp(OtpStep),
    /// Airlock accepts the password alone.
    PasswordOnly(PasswordOnly),
    /// Airlock accepts the login, after a second factor.
    Finished(Finished),
}

impl Next {
    /// Gives up the login.
    pub async fn abandon(self) {
        match self {
            Self::DeviceChoice(step) => step.abandon().await,
            Self::QrChallenge(step) => step.abandon().await,
            Self::OneTouch(step) => step.abandon().await,
            Self::Otp(step) => step.abandon().await,
            Self::PasswordOnly(step) => step.abandon().await,
            Self::Finished(step) => step.abandon().await,
        }
    }
}

/// The session of a login, and whether it has passed a second factor.
pub(crate) struct Flow {
    session: Box<Session>,
    second_factor: bool,
}

impl Flow {
    /// Decides what comes next. No other function decides that a login is finished or follows
    /// `nextAuthStep`.
    async fn next(self, session: answer::Session) -> Result<Next, Error> {
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
            POLLING => Next::OneTouch(OneTouchStep { flow: self }),
            OTP => Next::Otp(OtpStep {
                flow: self,
                kind: Kind::Plain,
            }),
            MTAN => Next::Otp(OtpStep {
                flow: self,
                kind: Kind::Sms(phone_number),
            }),
            _ => {
                self.session.abandon().await;
                return Err(sent(Error::new(ErrorKind::UnsupportedStep, step)));
            }
        })
    }

    /// The last answer was about a second factor. The answer itself decides what
    /// follows.
    fn passed(self) -> Self {
        Self {
            second_factor: true,
            ..self
        }
    }
}

/// Airlock wants the user's name and password.
pub struct PasswordStep {
    flow: Flow,
}

impl PasswordStep {
    pub(crate) async fn begin(mut session: Session) -> Result<Self, Error> {
        session.clear_stale_flow().await?;
        if let Some(reply) = session.choose_application().await? {
            // The normal answer is an error that names the next step.
            match (answer::code(&reply).as_deref(), answer::next_step(&reply)) {
                (Some("NOT_AUTHORIZED"), Some(step)) if step == PASSWORD => {}
                (Some("NOT_AUTHORIZED"), Some(step)) => {
                    session.abandon().await;
                    return Err(sent(Error::new(ErrorKind::UnsupportedStep, step)));
                }
                _ => {
                    return Err(sent(match answer::session(&reply) {
                        Err(error) => error,
                        Ok(_) => not_understood("access without a login"),
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
    /// [`ErrorKind::WrongPassword`], with the same step if Airlock allows another try;
    /// [`ErrorKind::Locked`], [`ErrorKind::Refused`], or the reason why there is no answer.
    pub async fn check(mut self, username: &str, password: &str) -> Result<Next, Rejected<Self>> {
        let members = [("username", username), ("password", password)];
        let session = &mut self.flow.session;
        let reply = session.post_json("password/check/", &members).await?;
        let (step, session) = accepted(&reply, PASSWORD, ErrorKind::WrongPassword, self)?;
        Ok(step.flow.next(session).await?)
    }
}

/// The user must choose one of several devices.
pub struct DeviceChoice {
    flow: Flow,
}

impl DeviceChoice {
    /// Fetches the list of devices.
    ///
    /// # Errors
    ///
    /// The reason why there is no list.
    pub async fn devices(mut self) -> Result<DeviceList, Error> {
        let session = &mut self.flow.session;
        let reply = session.post("airlock-2fa/devices/retrieve/").await?;
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

    /// Chooses one of [`devices`](Self::devices) by its index. A phone with One-Touch rings now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a wrong index, or the reason why there is no answer.
    pub async fn select(mut self, index: usize) -> Result<Next, Error> {
        let Some(device) = self.devices.get(index) else {
            return Err(sent(Error::new(ErrorKind::InvalidInput, "no such device")));
        };
        let id = utf8_percent_encode(&device.id, RESERVED);
        let path = format!("airlock-2fa/devices/{id}/select/");
        let reply = self.flow.session.post(&path).await?;
        let session = answer::session(&reply).map_err(sent)?;
        self.flow.next(session).await
    }
}

/// A hardware token must scan a QR code.
///
/// An OTP cannot be checked before the code has been fetched:
///
/// ```compile_fail,E0599
/// async fn too_early(challenge: airlock_iam::QrChallenge) {
///     let _ = challenge.check("123456").await;
/// }
/// ```
pub struct QrChallenge {
    flow: Flow,
}

impl QrChallenge {
    /// Fetches the code. Only the result of this can check an OTP.
    ///
    /// # Errors
    ///
    /// The reason why there is no code.
    pub async fn retrieve(mut self) -> Result<OtpStep, Error> {
        let path = "airlock-2fa/offline-qr-code/challenge/retrieve/";
        let reply = self.flow.session.post_for_image(path).await?;
        Ok(OtpStep {
            kind: Kind::Qr(answer::challenge(&reply).map_err(sent)?),
            flow: self.flow,
        })
    }
}

/// The user types an OTP.
pub struct OtpStep {
    flow: Flow,
    kind: Kind,
}

/// The origin of the OTP.
enum Kind {
    /// A token that scans this image. `None` if the image cannot be read.
    Qr(Option<Vec<u8>>),
    /// An SMS, perhaps to this number.
    Sms(Option<String>),
    Plain,
}

impl Kind {
    /// The name of the step, and the path that checks its OTP.
    fn step(&self) -> (&'static str, &'static str) {
        match self {
            Self::Qr(_) => (QR_CODE, "airlock-2fa/offline-qr-code/otp/check/"),
            Self::Sms(_) => (MTAN, "mtan/otp/check"),
            Self::Plain => (OTP, "otp/check"),
        }
    }
}

/// Tells the user which OTP to type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint<'a> {
    /// A hardware token shows the OTP after it has scanned this QR code, a PNG image as the server
    /// sent it.
    QrCode(&'a [u8]),
    /// The same, but the image of the server cannot be read.
    UnreadableQrCode,
    /// The OTP comes by SMS, perhaps to this number. The number is the server's text.
    Sms(Option<&'a str>),
    /// The user knows where the OTP comes from.
    None,
}

impl OtpStep {
    /// The hint for the user.
    #[must_use]
    pub fn hint(&self) -> Hint<'_> {
        match &self.kind {
            Kind::Qr(Some(image)) => Hint::QrCode(image),
            Kind::Qr(None) => Hint::UnreadableQrCode,
            Kind::Sms(number) => Hint::Sms(number.as_deref()),
            Kind::Plain => Hint::None,
        }
    }

    /// Checks the OTP that the user typed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongOtp`], with the same step if Airlock allows another try; its QR code stays
    /// the same. [`ErrorKind::Locked`], [`ErrorKind::Refused`], or the reason why there is no
    /// answer.
    pub async fn check(mut self, otp: &str) -> Result<Next, Rejected<Self>> {
        let (name, path) = self.kind.step();
        let reply = self.flow.session.post_json(path, &[("otp", otp)]).await?;
        let (step, session) = accepted(&reply, name, ErrorKind::WrongOtp, self)?;
        Ok(step.flow.passed().next(session).await?)
    }
}

/// The user's phone shows a request (One-Touch). This is a pending request, not a proof.
pub struct OneTouchStep {
    flow: Flow,
}

/// The result of a poll.
#[derive(Debug)]
pub enum Polled {
    /// The user has not answered yet. Poll again after [`POLL_INTERVAL`].
    Pending(OneTouchStep),
    /// Airlock goes on: the login is done, or another step is needed.
    Next(Next),
}

impl OneTouchStep {
    /// Asks whether the user has approved.
    ///
    /// # Errors
    ///
    /// Any error ends the login. The vendor does not document the error after a decline.
    pub async fn poll(mut self) -> Result<Polled, Error> {
        let reply = self.flow.session.post("airlock-2fa/status/poll/").await?;
        self.answered(&reply).await
    }

    async fn answered(self, reply: &Reply) -> Result<Polled, Error> {
        let session = answer::session(reply).map_err(sent)?;
        let flow = match &session {
            answer::Session::Next { step, .. } if step == POLLING => {
                return Ok(Polled::Pending(self));
            }
            // It is not known what Airlock offers after a decline, so this is no second factor yet.
            answer::Session::Next { .. } => self.flow,
            answer::Session::Done => self.flow.passed(),
        };
        flow.next(session).await.map(Polled::Next)
    }
}

/// Airlock accepts the login after the password alone.
pub struct PasswordOnly {
    flow: Flow,
}

impl PasswordOnly {
    /// Accepts it as a finished login.
    #[must_use]
    pub fn accept_without_second_factor(self) -> Finished {
        Finished { flow: self.flow }
    }
}

/// A finished login. Only Airlock's answer that the login is done makes one.
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
    /// Ends the session on the server, which is no longer needed. An error of the server does not
    /// matter.
    pub async fn log_out(self) -> LoggedIn {
        let second_factor = self.flow.second_factor;
        self.flow.session.log_out().await;
        LoggedIn { second_factor }
    }
}

/// The proof of a [`Finished`] login.
#[derive(Debug)]
#[must_use = "this is the answer to whether the user is logged in"]
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

/// The session after a check. After a wrong secret, `step` may be tried again only if Airlock names
/// it again.
fn accepted<S>(
    reply: &Reply,
    name: &str,
    wrong: ErrorKind,
    step: S,
) -> Result<(S, answer::Session), Rejected<S>> {
    match answer::session(reply).map_err(sent) {
        Ok(session) => Ok((step, session)),
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

/// The error of an answer: a request was sent.
fn sent(error: Error) -> Error {
    error.after_sending(true)
}

macro_rules! abandon {
    ($($step:ident: $end:ident)*) => {$(
        impl $step {
            /// Gives up the login.
            pub async fn abandon(self) {
                self.flow.session.$end().await;
            }
        }
    )*};
}

abandon!(PasswordStep: abandon DeviceChoice: abandon DeviceList: abandon QrChallenge: abandon);
abandon!(OtpStep: abandon OneTouchStep: abandon PasswordOnly: log_out Finished: log_out);

macro_rules! opaque {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

// Their fields must not be logged.
opaque!(PasswordStep DeviceChoice DeviceList QrChallenge OtpStep OneTouchStep PasswordOnly Finished);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bounded_https::http::{Request, Response};
    use bounded_https::{Body, Limits};

    use super::*;
    use crate::session::Server;

    /// A login at One-Touch, with a server that is never asked.
    fn one_touch() -> OneTouchStep {
        let unused = |_: Request<Body>, _: Limits| async { Ok(Response::new(Body::default())) };
        let server = Server {
            base: "https://iam.acme.com/auth/rest".parse().unwrap(),
            application: None,
            http: Arc::new(unused),
            timeout: Duration::from_secs(1),
        };
        OneTouchStep {
            flow: Flow {
                session: Box::new(Session::new(Arc::new(server))),
                second_factor: false,
            },
        }
    }

    async fn polled(attributes: &str) -> Polled {
        let body =
            format!(r#"{{"data":{{"type":"authentication.session","attributes":{attributes}}}}}"#);
        let reply = Response::new(Body::from(body.into_bytes()));
        one_touch().answered(&reply).await.unwrap()
    }

    #[tokio::test]
    async fn one_touch_is_a_second_factor_only_if_it_ends_the_login() {
        assert!(matches!(
            polled(&format!(r#"{{"nextAuthStep":"{POLLING}"}}"#)).await,
            Polled::Pending(_)
        ));
        assert!(matches!(
            polled("{}").await,
            Polled::Next(Next::Finished(_))
        ));
        let Polled::Next(Next::DeviceChoice(choice)) =
            polled(&format!(r#"{{"nextAuthStep":"{DEVICE_CHOICE}"}}"#)).await
        else {
            panic!("no choice");
        };
        let next = choice.flow.next(answer::Session::Done).await.unwrap();
        assert!(matches!(next, Next::PasswordOnly(_)), "{next:?}");
    }
}
