//! A redirect with known random bytes, and its phone.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use ed25519_dalek::{Signer, SigningKey};
use logonbox_authenticator::{
    Client, Error, HttpError, HttpErrorKind, PublicKey, RandomSource, RedirectRequest,
};

use crate::ssh::encoded;

pub const PRINCIPAL: &str = "lee@acme.com";
const SECRET: [u8; 32] = [7; 32];

struct Zeros;

impl RandomSource for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(0);
        Ok(())
    }
}

pub static KEY: LazyLock<PublicKey> = LazyLock::new(|| {
    let public = SigningKey::from_bytes(&SECRET).verifying_key();
    let blob = [encoded(b"ssh-ed25519"), encoded(public.as_bytes())].concat();
    PublicKey::from_blob(blob, "Pixel 8").unwrap()
});

/// A request that is always the same, except for its end, and its URL.
fn asked() -> (RedirectRequest, String) {
    let client = Client::builder("acme.logonbox.directory".parse().unwrap())
        .http_client(|_, _| async { Err(HttpError::new(HttpErrorKind::Local, "no network")) })
        .random_source(Zeros)
        .redirect_time(Duration::from_secs(1 << 33))
        .build()
        .unwrap();
    let back = "https://wiki.acme.com/back?r={response}";
    let redirect = client.redirect(PRINCIPAL, &KEY, back).unwrap();
    (redirect.request, redirect.url)
}

/// Such a request in its saved form.
pub static SAVED: LazyLock<String> = LazyLock::new(|| asked().0.save().as_str().to_owned());

/// The only valid response.
pub static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (_, url) = asked();
    let request = URL_SAFE.decode(url.rsplit('/').next().unwrap()).unwrap();
    let signature = SigningKey::from_bytes(&SECRET).sign(&request);
    [
        vec![1],
        encoded(PRINCIPAL.as_bytes()),
        encoded(KEY.fingerprint().as_bytes()),
        vec![0; 4],
        encoded(&signature.to_bytes()),
    ]
    .concat()
});

pub fn request() -> RedirectRequest {
    RedirectRequest::restore(&SAVED).unwrap()
}
