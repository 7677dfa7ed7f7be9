//! Who can log in at the simulated Airlock IAM, with which second factor: the
//! built-in users, whose names say what happens, or a test's own.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::cookies::hex;
use super::scenario::{DeviceList, Image, Place, Trouble, Twist, Way};

/// The password of all users, unless a test sets another.
pub const PASSWORD: &str = "correct-horse";

/// How long `locked-until` lasts.
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// Somebody who logs in.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) factor: Factor,
    /// How many wrong answers have another try.
    pub(crate) further_tries: u32,
    /// Whether wrong answers name a temporaryLockExpiry.
    pub(crate) lock_expiry: bool,
    pub(crate) at_password: Option<Refusal>,
    pub(crate) at_otp: Option<Refusal>,
    pub(crate) gateway: bool,
    pub(crate) status_text: bool,
    pub(crate) troubles: Vec<(Place, Trouble)>,
    pub(crate) device_list: DeviceList,
    pub(crate) image: Image,
}

#[derive(Clone, Debug)]
pub(crate) enum Factor {
    None,
    /// With one there is no choice.
    Devices(Vec<Device>),
    Otp(String),
    Sms {
        code: String,
        phone: String,
    },
    /// A step that this server only names.
    Step(String),
}

/// An end that comes whatever the person enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 403 `USER_LOCKED`.
    Locked,
    /// 403 `USER_TEMPORARILY_LOCKED`, for this long.
    LockedFor(Duration),
    /// `AUTHENTICATION_FAILED`, and the session is over. Its HTTP status is
    /// documented nowhere, so here it is whatever the test says.
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
            troubles: Vec::new(),
            device_list: DeviceList::Normal,
            image: Image::Plain,
        }
    }

    /// With another password.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = password.into();
        self
    }

    /// With these devices; with a single one there is no choice.
    #[must_use]
    pub fn devices(mut self, devices: impl IntoIterator<Item = Device>) -> Self {
        self.factor = Factor::Devices(devices.into_iter().collect());
        self
    }

    /// With this OTP.
    #[must_use]
    pub fn otp(mut self, code: impl Into<String>) -> Self {
        self.factor = Factor::Otp(code.into());
        self
    }

    /// With this code, sent to a phone of this number.
    #[must_use]
    pub fn sms(mut self, code: impl Into<String>, phone: impl Into<String>) -> Self {
        self.factor = Factor::Sms {
            code: code.into(),
            phone: phone.into(),
        };
        self
    }

    /// Without a second factor.
    #[must_use]
    pub fn password_only(mut self) -> Self {
        self.factor = Factor::None;
        self
    }

    /// With a step of this name after the password, which goes no further.
    #[must_use]
    pub fn step(mut self, name: impl Into<String>) -> Self {
        self.factor = Factor::Step(name.into());
        self
    }

    /// With this many wrong answers that have another try. The next one ends
    /// the flow and locks the user.
    #[must_use]
    pub fn further_tries(mut self, tries: u32) -> Self {
        self.further_tries = tries;
        self
    }

    /// With a `temporaryLockExpiry` in the answers to wrong passwords and OTPs.
    #[must_use]
    pub fn lock_expiry(mut self) -> Self {
        self.lock_expiry = true;
        self
    }

    /// Refused at the password.
    #[must_use]
    pub fn refused_at_password(mut self, refusal: Refusal) -> Self {
        self.at_password = Some(refusal);
        self
    }

    /// Refused at the OTP.
    #[must_use]
    pub fn refused_at_otp(mut self, refusal: Refusal) -> Self {
        self.at_otp = Some(refusal);
        self
    }

    /// Behind an Airlock Gateway from the password on.
    #[must_use]
    pub fn gateway(mut self) -> Self {
        self.gateway = true;
        self
    }

    /// With errors whose `status` is a string.
    #[must_use]
    pub fn status_text(mut self) -> Self {
        self.status_text = true;
        self
    }

    /// With trouble at this place.
    #[must_use]
    pub fn trouble(mut self, place: Place, trouble: Trouble) -> Self {
        self.troubles.push((place, trouble));
        self
    }

    /// With this way of serving the device list.
    #[must_use]
    pub fn device_list(mut self, list: DeviceList) -> Self {
        self.device_list = list;
        self
    }

    /// With this kind of image.
    #[must_use]
    pub fn image(mut self, image: Image) -> Self {
        self.image = image;
        self
    }

    pub(crate) fn trouble_at(&self, place: Place) -> Option<Trouble> {
        let mut troubles = self.troubles.iter();
        troubles.find_map(|(at, trouble)| (*at == place).then_some(*trouble))
    }

    /// The built-in user of that name, if it is made of known parts.
    pub(crate) fn built_in(name: &str) -> Option<Self> {
        let (parts, _domain) = name.split_once('@').unwrap_or((name, ""));
        let mut user = Self::new(name);
        let mut way = None;
        let mut usual = Way::Token;
        for part in parts.split('.') {
            if let Some(step) = part.strip_prefix("step-") {
                user = user.step(step);
                way.is_none().then_some(())?;
                way = Some(None);
            } else if let Ok(one) = part.parse::<Way>() {
                way.is_none().then_some(())?;
                way = Some(Some(one));
            } else if let Ok(twist) = part.parse() {
                user = user.twisted(twist);
            } else if let Some(list) = part.strip_prefix("devices-") {
                user.device_list = list.parse().ok()?;
                usual = Way::Lee;
            } else if let Some(image) = part.strip_prefix("image-") {
                user.image = image.parse().ok()?;
            } else {
                let (place, trouble) = part.split_once('-')?;
                let place = place.parse().ok()?;
                user.troubles.push((place, trouble.parse().ok()?));
                usual = match place {
                    Place::List | Place::Select => Way::Lee,
                    Place::Poll => Way::Phone,
                    _ => usual,
                };
            }
        }
        Some(match way.unwrap_or(Some(usual)) {
            Some(way) => user.with(way),
            None => user,
        })
    }

    fn with(self, way: Way) -> Self {
        let iphone = || Device::phone("Lee's iPhone");
        let token = || Device::token("GAQT12345678");
        match way {
            Way::Token => self.devices([token()]),
            Way::Lee => self.devices([iphone(), token(), Device::token("GAQT87654321")]),
            Way::Devices => self.devices([iphone(), token()]),
            Way::Phone => self.devices([iphone()]),
            Way::PhoneNever => self.devices([iphone().never()]),
            Way::PhoneError => self.devices([iphone().fails_after(1)]),
            Way::Otp => self.otp("A1b2C3"),
            Way::Sms => self.sms("482913", "+41 ** *** ** 12"),
            Way::PasswordOnly => self.password_only(),
            Way::Fido => self.step("FIDO_AUTHENTICATION_CHALLENGE_RETRIEVAL_REQUIRED"),
            Way::MobileOnly => self.step("AIRLOCK_2FA_MOBILE_ONLY_CHALLENGE_RETRIEVAL_REQUIRED"),
        }
    }

    fn twisted(self, twist: Twist) -> Self {
        match twist {
            Twist::OneTry => self.further_tries(0),
            Twist::LockExpiry => self.lock_expiry(),
            Twist::Locked => self.refused_at_password(Refusal::Locked),
            Twist::LockedUntil => self.refused_at_password(Refusal::LockedFor(FIVE_MINUTES)),
            Twist::Protected => self.refused_at_password(Refusal::Failed(400)),
            Twist::OtpLocked => self.refused_at_otp(Refusal::Locked),
            Twist::OtpLockedUntil => self.refused_at_otp(Refusal::LockedFor(FIVE_MINUTES)),
            Twist::OtpProtected => self.refused_at_otp(Refusal::Failed(401)),
            Twist::Gateway => self.gateway(),
            Twist::StatusText => self.status_text(),
        }
    }
}

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) works: Works,
}

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Works {
    /// It scans QR codes; its serial number is its name.
    Scans,
    /// Approved after this many polls that say "not yet".
    Approves(u32),
    Never,
    Fails(u32),
}

impl Device {
    /// A hardware token with this serial number.
    #[must_use]
    pub fn token(serial: impl Into<String>) -> Self {
        Self::new(serial.into(), "HWTOKEN", Works::Scans)
    }

    /// A phone with this name, approved at the third poll.
    #[must_use]
    pub fn phone(name: impl Into<String>) -> Self {
        Self::new(name.into(), "IOS", Works::Approves(2))
    }

    fn new(name: String, kind: &str, works: Works) -> Self {
        // The same from run to run.
        let hash = Sha256::digest(format!("device {name}"));
        let id = hex(&hash[..6]);
        Self {
            id,
            name,
            kind: kind.into(),
            works,
        }
    }

    /// With another id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// With another deviceType.
    #[must_use]
    pub fn device_type(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// A phone that is approved after this many polls that say "not yet".
    #[must_use]
    pub fn approves_after(mut self, polls: u32) -> Self {
        self.works = Works::Approves(polls);
        self
    }

    /// A phone that nobody looks at.
    #[must_use]
    pub fn never(mut self) -> Self {
        self.works = Works::Never;
        self
    }

    /// A phone on which it fails, after this many polls that say "not yet".
    #[must_use]
    pub fn fails_after(mut self, polls: u32) -> Self {
        self.works = Works::Fails(polls);
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
        parts.extend(Way::ALL.iter().map(ToString::to_string));
        parts.extend(Twist::ALL.iter().map(ToString::to_string));
        parts.extend(DeviceList::ALL.iter().map(|list| format!("devices-{list}")));
        parts.extend(Image::ALL.iter().map(|image| format!("image-{image}")));
        for place in Place::ALL {
            let troubles = Trouble::ALL.iter();
            parts.extend(troubles.map(|trouble| format!("{place}-{trouble}")));
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
    fn other_names_are_nobodys() {
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
    fn what_goes_wrong_brings_the_second_factor_that_it_needs() {
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
