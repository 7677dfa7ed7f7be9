//! The users of the simulated Airlock IAM and their second factors. The names of built-in users say
//! how the login goes. A test can add its own.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::cookies::hex;
use super::scenario::{BadAnswer, DeviceList, Image, Place, SecondFactor, Variation};

/// The password of all users, unless a test sets another one.
pub const PASSWORD: &str = "correct-horse";

/// How long `locked-until` lasts.
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) factor: Factor,
    /// How many wrong answers allow another try.
    pub(crate) further_tries: u32,
    /// Whether answers to wrong passwords and OTPs have a temporaryLockExpiry.
    pub(crate) lock_expiry: bool,
    pub(crate) at_password: Option<Refusal>,
    pub(crate) at_otp: Option<Refusal>,
    pub(crate) gateway: bool,
    pub(crate) status_text: bool,
    pub(crate) bad_answers: Vec<(Place, BadAnswer)>,
    pub(crate) device_list: DeviceList,
    pub(crate) image: Image,
}

#[derive(Clone, Debug)]
pub(crate) enum Factor {
    None,
    /// A single device needs no choice.
    Devices(Vec<Device>),
    Otp(String),
    Sms {
        code: String,
        phone: String,
    },
    /// A step that this server names but does not implement.
    Step(String),
}

/// A refusal that does not depend on what the user enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 403 `USER_LOCKED`.
    Locked,
    /// 403 `USER_TEMPORARILY_LOCKED`, for this long.
    LockedFor(Duration),
    /// `AUTHENTICATION_FAILED`, and the session ends. The HTTP status is not documented, so the
    /// test chooses it.
    Failed(u16),
}

impl User {
    /// A user with one hardware token, `GAQT12345678`, and the password
    /// [`PASSWORD`].
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            password: PASSWORD.into(),
            factor: Factor::Devices(vec![Device::token("GAQT12345678")]),
            further_tries: 2,
            lock_expiry: false,
            at_password: None,
            at_otp: None,
            gateway: false,
            status_text: false,
            bad_answers: Vec::new(),
            device_list: DeviceList::Normal,
            image: Image::Plain,
        }
    }

    /// Sets the password.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = password.into();
        self
    }

    /// Sets the devices. A single device needs no choice.
    #[must_use]
    pub fn devices(mut self, devices: impl IntoIterator<Item = Device>) -> Self {
        self.factor = Factor::Devices(devices.into_iter().collect());
        self
    }

    /// Sets the OTP.
    #[must_use]
    pub fn otp(mut self, code: impl Into<String>) -> Self {
        self.factor = Factor::Otp(code.into());
        self
    }

    /// Sets the code, which is sent to a phone with this number.
    #[must_use]
    pub fn sms(mut self, code: impl Into<String>, phone: impl Into<String>) -> Self {
        self.factor = Factor::Sms {
            code: code.into(),
            phone: phone.into(),
        };
        self
    }

    /// Removes the second factor.
    #[must_use]
    pub fn password_only(mut self) -> Self {
        self.factor = Factor::None;
        self
    }

    /// Adds a step of this name after the password, which this server does not implement.
    #[must_use]
    pub fn step(mut self, name: impl Into<String>) -> Self {
        self.factor = Factor::Step(name.into());
        self
    }

    /// Sets how many wrong answers allow another try. The next one ends the flow and locks the
    /// user.
    #[must_use]
    pub fn further_tries(mut self, tries: u32) -> Self {
        self.further_tries = tries;
        self
    }

    /// Adds a `temporaryLockExpiry` to the answers to wrong passwords and OTPs.
    #[must_use]
    pub fn lock_expiry(mut self) -> Self {
        self.lock_expiry = true;
        self
    }

    /// Refuses the user at the password.
    #[must_use]
    pub fn refused_at_password(mut self, refusal: Refusal) -> Self {
        self.at_password = Some(refusal);
        self
    }

    /// Refuses the user at the OTP.
    #[must_use]
    pub fn refused_at_otp(mut self, refusal: Refusal) -> Self {
        self.at_otp = Some(refusal);
        self
    }

    /// Puts an Airlock Gateway in front, from the password on.
    #[must_use]
    pub fn gateway(mut self) -> Self {
        self.gateway = true;
        self
    }

    /// Sends errors whose `status` is a string.
    #[must_use]
    pub fn status_text(mut self) -> Self {
        self.status_text = true;
        self
    }

    /// Sends a bad answer at this place.
    #[must_use]
    pub fn bad_answer(mut self, place: Place, bad_answer: BadAnswer) -> Self {
        self.bad_answers.push((place, bad_answer));
        self
    }

    /// Sets how the device list is served.
    #[must_use]
    pub fn device_list(mut self, list: DeviceList) -> Self {
        self.device_list = list;
        self
    }

    /// Sets the kind of image.
    #[must_use]
    pub fn image(mut self, image: Image) -> Self {
        self.image = image;
        self
    }

    pub(crate) fn bad_answer_at(&self, place: Place) -> Option<BadAnswer> {
        let mut bad_answers = self.bad_answers.iter();
        bad_answers.find_map(|(at, bad_answer)| (*at == place).then_some(*bad_answer))
    }

    /// The built-in user of that name, if all parts of the name are known.
    pub(crate) fn built_in(name: &str) -> Option<Self> {
        let (parts, _domain) = name.split_once('@').unwrap_or((name, ""));
        let mut user = Self::new(name);
        let mut factor = None;
        let mut default = SecondFactor::Token;
        for part in parts.split('.') {
            if let Some(step) = part.strip_prefix("step-") {
                user = user.step(step);
                factor.is_none().then_some(())?;
                factor = Some(None);
            } else if let Ok(one) = part.parse::<SecondFactor>() {
                factor.is_none().then_some(())?;
                factor = Some(Some(one));
            } else if let Ok(variation) = part.parse() {
                user = user.varied(variation);
            } else if let Some(list) = part.strip_prefix("devices-") {
                user.device_list = list.parse().ok()?;
                default = SecondFactor::Lee;
            } else if let Some(image) = part.strip_prefix("image-") {
                user.image = image.parse().ok()?;
            } else {
                let (place, bad_answer) = part.split_once('-')?;
                let place = place.parse().ok()?;
                user.bad_answers.push((place, bad_answer.parse().ok()?));
                default = match place {
                    Place::List | Place::Select => SecondFactor::Lee,
                    Place::Poll => SecondFactor::Phone,
                    _ => default,
                };
            }
        }
        Some(match factor.unwrap_or(Some(default)) {
            Some(factor) => user.with(factor),
            None => user,
        })
    }

    fn with(self, factor: SecondFactor) -> Self {
        let iphone = || Device::phone("Lee's iPhone");
        let token = || Device::token("GAQT12345678");
        match factor {
            SecondFactor::Token => self.devices([token()]),
            SecondFactor::Lee => self.devices([iphone(), token(), Device::token("GAQT87654321")]),
            SecondFactor::Devices => self.devices([iphone(), token()]),
            SecondFactor::Phone => self.devices([iphone()]),
            SecondFactor::PhoneNever => self.devices([iphone().never()]),
            SecondFactor::PhoneError => self.devices([iphone().fails_after(1)]),
            SecondFactor::Otp => self.otp("A1b2C3"),
            SecondFactor::Sms => self.sms("482913", "+41 ** *** ** 12"),
            SecondFactor::PasswordOnly => self.password_only(),
            SecondFactor::Fido => self.step("FIDO_AUTHENTICATION_CHALLENGE_RETRIEVAL_REQUIRED"),
            SecondFactor::MobileOnly => {
                self.step("AIRLOCK_2FA_MOBILE_ONLY_CHALLENGE_RETRIEVAL_REQUIRED")
            }
        }
    }

    fn varied(self, variation: Variation) -> Self {
        match variation {
            Variation::OneTry => self.further_tries(0),
            Variation::LockExpiry => self.lock_expiry(),
            Variation::Locked => self.refused_at_password(Refusal::Locked),
            Variation::LockedUntil => self.refused_at_password(Refusal::LockedFor(FIVE_MINUTES)),
            Variation::Protected => self.refused_at_password(Refusal::Failed(400)),
            Variation::OtpLocked => self.refused_at_otp(Refusal::Locked),
            Variation::OtpLockedUntil => self.refused_at_otp(Refusal::LockedFor(FIVE_MINUTES)),
            Variation::OtpProtected => self.refused_at_otp(Refusal::Failed(401)),
            Variation::Gateway => self.gateway(),
            Variation::StatusText => self.status_text(),
        }
    }
}

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) behaviour: Behaviour,
}

/// How a device behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It scans QR codes; its serial number is its name.
    Scans,
    /// It approves after this many polls that answer "not yet".
    Approves(u32),
    Never,
    Fails(u32),
}

impl Device {
    /// A hardware token with this serial number.
    #[must_use]
    pub fn token(serial: impl Into<String>) -> Self {
        Self::new(serial.into(), "HWTOKEN", Behaviour::Scans)
    }

    /// A phone with this name, which approves at the third poll.
    #[must_use]
    pub fn phone(name: impl Into<String>) -> Self {
        Self::new(name.into(), "IOS", Behaviour::Approves(2))
    }

    fn new(name: String, kind: &str, behaviour: Behaviour) -> Self {
        // The same id in every run.
        let hash = Sha256::digest(format!("device {name}"));
        let id = hex(&hash[..6]);
        Self {
            id,
            name,
            kind: kind.into(),
            behaviour,
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets the deviceType.
    #[must_use]
    pub fn device_type(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// The phone approves after this many polls that answer "not yet".
    #[must_use]
    pub fn approves_after(mut self, polls: u32) -> Self {
        self.behaviour = Behaviour::Approves(polls);
        self
    }

    /// The phone never answers.
    #[must_use]
    pub fn never(mut self) -> Self {
        self.behaviour = Behaviour::Never;
        self
    }

    /// The phone fails after this many polls that answer "not yet".
    #[must_use]
    pub fn fails_after(mut self, polls: u32) -> Self {
        self.behaviour = Behaviour::Fails(polls);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_part_is_a_name_and_no_two_are_the_same() {
        let mut parts: Vec<String> = vec!["step-A_STEP".into()];
        parts.extend(SecondFactor::ALL.iter().map(ToString::to_string));
        parts.extend(Variation::ALL.iter().map(ToString::to_string));
        parts.extend(DeviceList::ALL.iter().map(|list| format!("devices-{list}")));
        parts.extend(Image::ALL.iter().map(|image| format!("image-{image}")));
        for place in Place::ALL {
            let bad_answers = BadAnswer::ALL.iter();
            parts.extend(bad_answers.map(|bad_answer| format!("{place}-{bad_answer}")));
        }
        let different: BTreeSet<&String> = parts.iter().collect();
        assert_eq!(different.len(), parts.len());
        for part in &parts {
            assert!(User::built_in(part).is_some(), "{part}");
            let user = User::built_in(&format!("gateway.{part}@acme.example"));
            assert!(user.is_some_and(|user| user.gateway), "{part}");
        }
    }

    #[test]
    fn other_names_are_unknown() {
        for name in [
            "",
            "root",
            "lee.",
            ".lee",
            "lee.token",
            "step-A.fido",
            "last-",
            "password-",
        ] {
            assert!(User::built_in(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_bad_answer_selects_the_second_factor_that_it_needs() {
        let devices = |name: &str| match User::built_in(name).map(|user| user.factor) {
            Some(Factor::Devices(devices)) => devices.len(),
            _ => 0,
        };
        assert_eq!(devices("select-html"), 3);
        assert_eq!(devices("devices-many"), 3);
        assert_eq!(devices("devices.devices-many"), 2);
        assert_eq!(devices("last-html"), 1);
        assert_eq!(devices("otp.last-html"), 0);
    }
}
