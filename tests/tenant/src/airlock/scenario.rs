//! The parts of the names of built-in users.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use crate::scenario::named;

named! {
    /// The second factor of a built-in user.
    SecondFactor: "second factor" {
        Token "token" "one hardware token that scans a QR code, GAQT12345678"
        Lee "lee" "Lee's iPhone and the hardware tokens GAQT12345678 and GAQT87654321"
        Devices "devices" "Lee's iPhone and the hardware token GAQT12345678"
        Phone "phone" "One-Touch at once; approved at the third poll"
        PhoneNever "phone-never" "One-Touch that nobody answers"
        PhoneError "phone-error" "One-Touch; the second poll ends with AUTHENTICATION_FAILED"
        Otp "otp" "an OTP with letters: A1b2C3"
        Sms "sms" "a code by SMS: 482913"
        PasswordOnly "password-only" "none: done after the password"
        Fido "fido" "FIDO_AUTHENTICATION_CHALLENGE_RETRIEVAL_REQUIRED"
        MobileOnly "mobile-only" "AIRLOCK_2FA_MOBILE_ONLY_CHALLENGE_RETRIEVAL_REQUIRED"
    }
}

named! {
    /// A difference from a smooth login.
    Variation: "variation" {
        OneTry "one-try" "a wrong OTP ends the flow at once (without this part, the third one does)"
        LockExpiry "lock-expiry" "wrong passwords and OTPs are answered with a temporaryLockExpiry"
        Locked "locked" "403 USER_LOCKED at the password"
        LockedUntil "locked-until" "403 USER_TEMPORARILY_LOCKED at the password, for five minutes"
        Protected "protected" "AUTHENTICATION_FAILED at the password, and the session is over"
        OtpLocked "otp-locked" "403 USER_LOCKED at the OTP"
        OtpLockedUntil "otp-locked-until" "403 USER_TEMPORARILY_LOCKED at the OTP, for five minutes"
        OtpProtected "otp-protected" "AUTHENTICATION_FAILED at the OTP, and the session is over"
        Gateway "gateway" "behind an Airlock Gateway: a CSRF cookie to echo, and more cookies"
        StatusText "status-text" "the status of an error is a string"
    }
}

named! {
    /// Where in a login a [`BadAnswer`] happens.
    Place: "place" {
        Password "password" "instead of the answer to the right password"
        List "list" "instead of the device list"
        Select "select" "instead of the answer to the choice of a device"
        Challenge "challenge" "instead of the QR code"
        Poll "poll" "instead of the answer \"not yet\" to a poll"
        Last "last" "instead of the answer that would say that all is done"
        LogOut "logout" "instead of the answer to a DELETE"
    }
}

named! {
    /// A broken answer, or one that a client must not mistake for a good one.
    BadAnswer: "bad answer" {
        Html "html" "a web page with status 200"
        Empty "empty" "200 and an empty body"
        NoContent "204" "204"
        Redirect "redirect" "a Gateway's block: 302 to /elsewhere, with a web page"
        Error500 "500" "500, with a web page"
        Unavailable503 "503" "503, with a web page"
        NotJson "not-json" "text that is not JSON, but is said to be"
        HostileStep "hostile-step" "nextAuthStep is 100 kB of escape codes, line ends and bidi overrides"
        ErrorsToo "errors-too" "the right data, and an error beside it"
        ErrorsWith200 "errors-with-200" "an error with status 200"
        HostileError "hostile-error" "an error whose code is 100 kB of escape codes, line ends and bidi overrides"
        Huge "huge" "the right document below 20 MB of blanks"
        Endless "endless" "JSON that begins well and never ends"
        Drip "drip" "JSON at ten bytes a second that never ends"
        Cut "cut" "the right document, but the headers promise more than comes"
        Cookies "cookies" "the right document, with 5,000 cookies of a kilobyte"
        Never "never" "no answer, ever"
        Reset "reset" "the connection is reset"
    }
}

named! {
    /// How a device list is served.
    DeviceList: "device list" {
        Normal "normal" "as it is"
        HostileNames "hostile-names" "names with escape codes, line ends and bidi overrides"
        LongNames "long-names" "names of 10,000 characters"
        Nameless "nameless" "devices without displayName"
        Typeless "typeless" "devices without deviceType"
        Twins "twins" "each device twice, with the same name and another id"
        Many "many" "3,000 phones before the devices"
        OddIds "odd-ids" "ids with slashes, dots, percent signs, blanks, question marks and umlauts"
        DotIds "dot-ids" "ids that no path can carry: one dot, two dots, and none"
        SameIds "same-ids" "all devices have the same id"
        None "none" "no device at all"
        NotAList "not-a-list" "one device without a list around it"
    }
}

named! {
    /// How the QR code's image is made.
    Image: "image" {
        Plain "plain" "8 pixels a module, 8-bit gray, four light modules around"
        OneBit "one-bit" "1-bit gray"
        Palette "palette" "dark blue on pale yellow, from a palette"
        Rgb "rgb" "RGB"
        Rgba "rgba" "RGBA, all opaque"
        Transparent "transparent" "RGBA; the light modules are fully transparent, and black"
        SixteenBit "sixteen-bit" "16-bit gray"
        Interlaced "interlaced" "Adam7-interlaced"
        OnePixel "one-pixel" "one pixel a module"
        Uneven "uneven" "3.4 pixels a module"
        NoQuietZone "no-quiet-zone" "nothing around it"
        WideQuietZone "wide-quiet-zone" "20 light modules around it"
        OffCentre "off-centre" "in a corner of a much wider image"
        Large "large" "version 20: 97 modules a side"
        Inverted "inverted" "light modules on dark"
        DataUrl "data-url" "a data: prefix before the base64"
        NotBase64 "not-base64" "text that is not base64"
        NotPng "not-png" "the beginning of a JPEG"
        Truncated "truncated" "a PNG that stops in the middle"
        WrongCrc "wrong-crc" "a PNG with a flipped bit"
        NoCode "no-code" "a PNG without a QR code"
        Bomb "bomb" "a PNG of some 30 kilobytes with 10,000 pixels a side"
        Empty "empty" "an empty string"
        Missing "missing" "no challengeImage"
        Null "null" "challengeImage is null"
    }
}
