//! Values that are wiped when dropped, and never in the `Debug` output.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes. Callers must wipe their own copies.
macro_rules! wiped_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(Zeroizing<Vec<u8>>);

        impl $name {
            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<Vec<u8>> for $name {
            /// Takes the bytes without a copy.
            fn from(bytes: Vec<u8>) -> Self {
                Self(Zeroizing::new(bytes))
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

wiped_bytes! {
    /// The bytes that the phone signs. They are wiped when dropped, and not in the `Debug` output.
    ///
    /// [`Client::payload`](crate::Client::payload) makes one of 128 random bytes, and
    /// `From<Vec<u8>>` makes your own. It cannot be cloned, because a payload is for one request.
    ///
    /// The same phone may sign for SSH, too. Set the first bit of your own payload, so that it
    /// cannot be SSH user-authentication data.
    Payload
}

wiped_bytes! {
    /// A signature of the phone that was not verified yet. It is wiped when dropped, and not in the
    /// `Debug` output.
    ///
    /// It has 64 bytes for an Ed25519 key (RFC 8032, section 5.1.6), and the length of the modulus
    /// for an RSA key (RFC 8017, section 8.2). Any bytes can be a `Signature`:
    /// [`Response::verify`](crate::Response::verify) checks them.
    Signature
}

/// A [`RedirectRequest`](crate::RedirectRequest) as text: the letters, digits, `-`, `_` and `=` of
/// base64url. It is wiped when dropped, and not in the `Debug` output.
pub struct SavedRequest(Zeroizing<String>);

impl SavedRequest {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text. Wipe your copies of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SavedRequest {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SavedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedRequest").finish_non_exhaustive()
    }
}
