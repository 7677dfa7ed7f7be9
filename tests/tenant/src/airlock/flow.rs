//! The login flow: the order of its steps.

use std::collections::HashMap;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;

use super::answer::{self, Answer, Meta};
use super::call::Call;
use super::cookies::Jar;
use super::scenario::{DeviceList, Image, Place};
use super::token::Token;
use super::users::{Behaviour, Device, Factor, Refusal, User};
use super::{Airlock, devices, image};

const PASSWORD_REQUIRED: &str = "PASSWORD_REQUIRED";
const DEVICE_CHOICE_REQUIRED: &str = "AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED";
const QR_OTP_REQUIRED: &str = "AIRLOCK_2FA_QR_CODE_OTP_REQUIRED";
const POLLING_REQUIRED: &str = "AIRLOCK_2FA_POLLING_OR_OFFLINE_REQUIRED";
const OTP_REQUIRED: &str = "OTP_REQUIRED";
const SMS_OTP_REQUIRED: &str = "MTAN_OTP_REQUIRED";

/// The time until the temporaryLockExpiry of a wrong answer.
const DELAY: Duration = Duration::from_secs(30);

/// A login session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: Option<User>,
    pub(crate) jar: Jar,
    pub(crate) gateway: bool,
    status_text: bool,
    step: Step,
}

/// The step for which a session waits.
#[derive(Debug)]
enum Step {
    /// The access to an application if it is required, else the password.
    Start,
    Password,
    Choice(Vec<Device>),
    /// The request for a challenge, and then the OTP.
    Qr(Token, Option<Vec<u8>>),
    /// The number of polls so far.
    Push(Behaviour, u32),
    Otp(String),
    SmsOtp {
        code: String,
        phone: String,
    },
    /// A step that this server names but does not implement.
    Other(String),
    Done,
    /// The flow has ended without a login.
    Over,
}

impl Step {
    /// The step's name on the wire, or the reason why there is none.
    fn name(&self) -> &str {
        match self {
            Self::Start | Self::Password => PASSWORD_REQUIRED,
            Self::Choice(_) => DEVICE_CHOICE_REQUIRED,
            Self::Qr(..) => QR_OTP_REQUIRED,
            Self::Push(..) => POLLING_REQUIRED,
            Self::Otp(_) => OTP_REQUIRED,
            Self::SmsOtp { .. } => SMS_OTP_REQUIRED,
            Self::Other(name) => name,
            Self::Done => "none: the login is done",
            Self::Over => "none: the flow has ended",
        }
    }

    fn of(device: &Device) -> Self {
        match device.behaviour {
            Behaviour::Scans => Self::Qr(Token::new(&device.name), None),
            behaviour => Self::Push(behaviour, 0),
        }
    }
}

/// The result of a call.
pub(crate) struct Move {
    pub(crate) answer: Answer,
    /// The text for the log.
    pub(crate) did: String,
    /// Where a bad answer may replace the answer.
    pub(crate) place: Option<Place>,
    /// Whether the session ends.
    pub(crate) ends: bool,
}

impl Move {
    fn new(answer: Answer, did: impl Into<String>) -> Self {
        Self {
            answer,
            did: did.into(),
            place: None,
            ends: false,
        }
    }

    fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
}

/// The number of wrong answers since the last login, by user.
type Wrong = HashMap<String, u32>;

impl Session {
    pub(crate) fn new(options: &Airlock) -> Self {
        Self {
            user: None,
            jar: Jar::default(),
            gateway: options.gateway,
            status_text: options.status_text,
            step: Step::Start,
        }
    }

    /// Carries out the call. A call out of turn changes nothing.
    pub(crate) fn take(
        &mut self,
        call: Call,
        options: &Airlock,
        wrong: &mut Wrong,
    ) -> Result<Move, String> {
        match (call, &mut self.step) {
            (Call::ClearFlow, _) => {
                self.step = Step::Start;
                Ok(Move::new(Answer::NoContent, "cleared the flow").at(Place::LogOut))
            }
            (Call::LogOut, _) => Ok(Move {
                ends: true,
                ..Move::new(Answer::NoContent, "logged out").at(Place::LogOut)
            }),
            (Call::Access(id), Step::Start | Step::Password) => self.access(id, options),
            (Call::Password { username, password }, Step::Start | Step::Password) => {
                if options.application.is_some() && matches!(self.step, Step::Start) {
                    return Err("a password before the access to the application".into());
                }
                Ok(self.password(&username, &password, options, wrong))
            }
            (Call::Devices, Step::Choice(listed)) => {
                let list = self.user.as_ref().map(|user| user.device_list);
                let answer = devices::answer(listed, list.unwrap_or(DeviceList::Normal));
                Ok(Move::new(answer, "listed the devices").at(Place::List))
            }
            (Call::Select(id), Step::Choice(listed)) => {
                let chosen = listed.iter().find(|device| device.id == id);
                let chosen = chosen.ok_or_else(|| format!("{id:?} is no device of the user"))?;
                self.step = Step::of(chosen);
                Ok(self.told().at(Place::Select))
            }
            (Call::Challenge, Step::Qr(token, challenge)) => {
                let payload = challenge.insert(token.challenge());
                let kind = self.user.as_ref().map(|user| user.image);
                let answer = image::answer(payload, kind.unwrap_or(Image::Plain));
                Ok(Move::new(answer, "drew a QR code").at(Place::Challenge))
            }
            (Call::QrOtp(_), Step::Qr(_, None)) => {
                Err("an OTP before its QR code was retrieved".into())
            }
            (Call::QrOtp(otp), Step::Qr(token, Some(challenge))) => {
                let right = token.otp(challenge) == otp;
                Ok(self.otp(right, wrong))
            }
            (Call::Otp(otp), Step::Otp(code)) | (Call::SmsOtp(otp), Step::SmsOtp { code, .. }) => {
                let right = *code == otp;
                Ok(self.otp(right, wrong))
            }
            (Call::Poll, Step::Push(behaviour, polls)) => {
                let (behaviour, now) = (*behaviour, *polls);
                *polls += 1;
                Ok(self.poll(behaviour, now, wrong))
            }
            (call, step) => Err(format!(
                "{} is out of turn: the next step is {}",
                call.name(),
                step.name()
            )),
        }
    }

    fn access(&mut self, id: Option<String>, options: &Airlock) -> Result<Move, String> {
        let id = id.unwrap_or_default();
        if options
            .application
            .as_ref()
            .is_some_and(|right| *right != id)
        {
            return Err(format!("{id:?} is not the application"));
        }
        self.step = Step::Password;
        let meta = Meta::default().step(Some(PASSWORD_REQUIRED));
        let answer = self.error(StatusCode::UNAUTHORIZED, "NOT_AUTHORIZED", meta);
        Ok(Move::new(answer, format!("next {PASSWORD_REQUIRED}")))
    }

    fn password(
        &mut self,
        username: &str,
        password: &str,
        options: &Airlock,
        wrong: &mut Wrong,
    ) -> Move {
        self.step = Step::Password;
        let Some(user) = options.find(username) else {
            return self.wrong_password(None);
        };
        self.gateway |= user.gateway;
        self.status_text = options.status_text || user.status_text;
        let user = self.user.insert(user).clone();
        let count = wrong.entry(user.name.clone()).or_default();
        if *count > user.further_tries {
            return self.refuse(Refusal::Locked);
        }
        if user.password != password {
            *count += 1;
            return self.wrong_password(user.lock_expiry.then_some(DELAY));
        }
        if let Some(refusal) = user.at_password {
            return self.refuse(refusal);
        }
        self.step = match user.factor {
            Factor::None => return self.done(wrong),
            Factor::Devices(all) => match all.as_slice() {
                [one] => Step::of(one),
                all => Step::Choice(devices::listed(all, user.device_list)),
            },
            Factor::Otp(code) => Step::Otp(code),
            Factor::Sms { code, phone } => Step::SmsOtp { code, phone },
            Factor::Step(name) => Step::Other(name),
        };
        self.told().at(Place::Password)
    }

    fn wrong_password(&self, delay: Option<Duration>) -> Move {
        let meta = Meta::default();
        let meta = meta.step(Some(PASSWORD_REQUIRED)).lock_expiry(delay);
        let code = "USERNAME_PASSWORD_WRONG";
        let answer = self.error(StatusCode::BAD_REQUEST, code, meta);
        Move::new(answer, "wrong user or password")
    }

    fn otp(&mut self, right: bool, wrong: &mut Wrong) -> Move {
        let Some(user) = self.user.clone() else {
            return self.refuse(Refusal::Locked);
        };
        if let Some(refusal) = user.at_otp {
            return self.refuse(refusal);
        }
        if right {
            return self.done(wrong);
        }
        let count = wrong.entry(user.name).or_default();
        *count += 1;
        let again = *count <= user.further_tries;
        let meta = Meta::default().step(again.then(|| self.step.name()));
        let meta = meta.lock_expiry(user.lock_expiry.then_some(DELAY));
        let answer = self.error(StatusCode::BAD_REQUEST, "OTP_WRONG", meta);
        if !again {
            self.step = Step::Over;
        }
        Move::new(answer, "wrong OTP")
    }

    fn poll(&mut self, behaviour: Behaviour, polls: u32, wrong: &mut Wrong) -> Move {
        match behaviour {
            Behaviour::Approves(after) if polls >= after => self.done(wrong),
            Behaviour::Fails(after) if polls >= after => self.refuse(Refusal::Failed(401)),
            _ => Move::new(answer::next(POLLING_REQUIRED), "not yet").at(Place::Poll),
        }
    }

    fn done(&mut self, wrong: &mut Wrong) -> Move {
        self.step = Step::Done;
        if let Some(user) = &self.user {
            wrong.remove(&user.name);
        }
        Move::new(answer::session(&json!({})), "done").at(Place::Last)
    }

    /// Names the next step.
    fn told(&self) -> Move {
        let name = self.step.name();
        let answer = match &self.step {
            Step::SmsOtp { phone, .. } => {
                answer::session(&json!({ "nextAuthStep": name, "phoneNumber": phone }))
            }
            _ => answer::next(name),
        };
        Move::new(answer, format!("next {name}"))
    }

    /// Ends the flow.
    fn refuse(&mut self, refusal: Refusal) -> Move {
        self.step = Step::Over;
        let (status, code, lasts) = match refusal {
            Refusal::Locked => (StatusCode::FORBIDDEN, "USER_LOCKED", None),
            Refusal::LockedFor(lasts) => (
                StatusCode::FORBIDDEN,
                "USER_TEMPORARILY_LOCKED",
                Some(lasts),
            ),
            Refusal::Failed(status) => (
                StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
                "AUTHENTICATION_FAILED",
                None,
            ),
        };
        let answer = self.error(status, code, Meta::default().lock_expiry(lasts));
        Move {
            ends: matches!(refusal, Refusal::Failed(_)),
            ..Move::new(answer, format!("refused: {code}"))
        }
    }

    fn error(&self, status: StatusCode, code: &str, meta: Meta) -> Answer {
        answer::error(status, code, self.status_text, meta)
    }
}
