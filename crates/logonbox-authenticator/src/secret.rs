//! What is wiped when it is dropped, and never shown.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that stay within this program: their copies as `Vec` are for their owner to wipe.
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
            /// Takes the bytes over, and wipes them in the end.
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
    /// What the phone signs. Wiped when dropped, and not in its `Debug` output.
    ///
    /// [`Client::payload`](crate::Client::payload) makes one of 128 random bytes; one of your own
    /// comes from a `Vec<u8>`. It cannot be cloned: a payload is for one request.
    Payload
}

wiped_bytes! {
    /// A signature as the phone made it, which nobody has verified yet. Wiped when dropped, and
    /// not in its `Debug` output.
    ///
    /// 64 bytes of an Ed25519 key (RFC 8032, section 5.1.6), or as many as the modulus has of an RSA
    /// key (RFC 8017, section 8.2). [`Response::verify`](crate::Response::verify) judges it; so any
    /// bytes can be made one.
    Signature
}

/// A [`RedirectRequest`](crate::RedirectRequest) as text: the letters, digits, `-`, `_` and `=` of
/// base64url. Wiped when dropped, and not in its `Debug` output.
pub struct SavedRequest(Zeroizing<String>);

impl SavedRequest {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the place where it is kept. Copies of it are yours to wipe.
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
