//! The behaviour of a phone, a redirect and a key list. The names are also the parts of the names
//! of built-in accounts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// An enum whose variants have a name and an explanation, so that the help, the account file and
/// the documentation agree.
macro_rules! named {
    ($(#[$meta:meta])* $type:ident: $noun:literal { $($variant:ident $name:literal $about:literal)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $(#[doc = concat!("`", $name, "`: ", $about, ".")] $variant,)*
        }

        impl $type {
            /// All variants, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in an account file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// A short explanation.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|one| one.name() == name).ok_or_else(|| {
                    let all: Vec<_> = Self::ALL.iter().map(|one| one.name()).collect();
                    format!(concat!("unknown ", $noun, " `{}`; known are: {}"), name, all.join(", "))
                })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    };
}
pub(crate) use named;

named! {
    /// What a phone does with a sign request, or the tenant before the phone gets it.
    Reaction: "phone behaviour" {
        Approve "approve" "the person authorizes, the phone signs"
        Decline "decline" "the person declines"
        Unreachable "unreachable" "the phone cannot be reached: answered like a decline, with another reason"
        Refuse "refuse" "the tenant refuses: success is false, with a message"
        Page "page" "a person answers on the tenant's page in a browser"
        Never "never" "nobody answers, ever"
        WrongKey "wrong-key" "a valid signature, of another key"
        WrongPayload "wrong-payload" "a signature over something else"
        Sha1 "sha1" "RSA signs with SHA-1, whatever was asked; Ed25519 as ever"
        Zeros "zeros" "a signature of zero bytes, of the right length"
        Random "random" "a signature of random bytes, of the right length"
        Truncated "truncated" "the right signature less its last byte"
        Long "long" "the right signature and some bytes more"
        Padded "padded" "the right signature, in padded base64url"
        Empty "empty" "success is true, all strings are empty"
        YesWithoutSignature "yes-without-signature" "says that the person authorized, but has no signature"
        MissingFields "missing-fields" "an empty JSON object"
        HostileReason "hostile-reason" "declines, with 100 kB of escape codes, line ends and bidi overrides as the reason"
        Html "html" "a web page with status 200"
        Redirect "redirect" "302 to /elsewhere"
        NotFound "not-found" "404"
        TooMany429 "too-many-429" "429, with Retry-After"
        Error500 "error-500" "500"
        BadGateway502 "bad-gateway-502" "502"
        Unavailable503 "unavailable-503" "503"
        GatewayTimeout504 "gateway-timeout-504" "504"
        HangUp "hang-up" "the connection ends while the phone rings"
        NotJson "not-json" "text that is not JSON, but is said to be"
        Cut "cut" "a right answer, but the headers promise more than comes"
        Endless "endless" "JSON that begins well and never ends"
        Drip "drip" "JSON at ten bytes a second that never ends"
    }
}

named! {
    /// The answer that a browser takes back from a redirect.
    Comeback: "redirect behaviour" {
        Normal "normal" "as it was"
        OtherUser "other-user" "the signature is said to be another user's, who has the same phone"
        OtherKey "other-key" "another phone of the account signs, and its key is named"
        LowerFlags "lower-flags" "RSA signs with SHA-1, and the flags say so: published clients believe them"
        TrailingBytes "trailing-bytes" "a byte follows the response"
        SpareBits "spare-bits" "base64url whose spare bits are not zero"
    }
}

named! {
    /// How a key list is served.
    Listing: "key list behaviour" {
        Normal "normal" "as a tenant does"
        NoComment "no-comment" "keys without comments"
        Crlf "crlf" "lines that end in CR LF"
        UnknownFirst "unknown-first" "unknown types, malformed lines, blanks and comments before the good keys"
        Mislabelled "mislabelled" "the word before a key names another type than the key has"
        Rsa1024 "rsa-1024" "one RSA key, of 1024 bits"
        WeakEd25519 "weak-ed25519" "one Ed25519 key of small order, for which anybody can sign"
        None "none" "no key, only the header line"
        NoHeader "no-header" "the keys without the header line"
        Html "html" "a web page with status 200"
        Redirect "redirect" "302 to /elsewhere"
        Forbidden403 "forbidden-403" "403"
        NotFound "not-found" "404"
        TooMany429 "too-many-429" "429, with Retry-After"
        Error500 "error-500" "500"
        Unavailable503 "unavailable-503" "503"
        Never "never" "no answer, ever"
        Endless "endless" "good keys, then comments without end"
        Drip "drip" "ten bytes a second, without end"
        Cut "cut" "good keys, but the headers promise more than comes"
        Huge "huge" "10 MB of comment lines before the good keys"
        NotUtf8 "not-utf8" "good keys whose comments are not UTF-8"
        Empty "empty" "an empty body"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for one in Reaction::ALL {
            assert_eq!(one.name().parse(), Ok(*one));
        }
        for one in Listing::ALL {
            assert_eq!(one.name().parse(), Ok(*one));
        }
        for one in Comeback::ALL {
            assert_eq!(one.name().parse(), Ok(*one));
        }
        let error = "aprove".parse::<Reaction>().expect_err("no such name");
        assert!(
            error.contains("`aprove`") && error.contains("approve"),
            "{error}"
        );
    }
}
