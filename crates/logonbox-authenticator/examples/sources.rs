//! A phone in this program, for your tests: no tenant, no network, and yet a signature that verifies.
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example sources -- lee
//! ```
//!
//! Lee has a phone and approves, Kim has one and declines; nobody else is known.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use logonbox_authenticator::{
    Client, Error, ErrorKind, KeySource, SignRequest, Signature, SignatureSource,
};

/// Every person's phone.
struct Phone {
    key: SigningKey,
}

impl KeySource for Phone {
    /// As a tenant publishes keys: `# Authorized`, and a line with an SSH key.
    fn list_keys(&self, principal: &str) -> Result<String, Error> {
        if !["lee", "kim"].contains(&principal) {
            return Err(Error::new(ErrorKind::NoSuchAccount, ""));
        }
        let key = self.key.verifying_key();
        let blob = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20", &key.to_bytes()[..]].concat();
        Ok(format!(
            "# Authorized\nssh-ed25519 {} Pixel 8\n",
            STANDARD.encode(blob)
        ))
    }
}

impl SignatureSource for Phone {
    fn request_signature(&self, request: &SignRequest) -> Result<Signature, Error> {
        if request.principal() == "kim" {
            return Err(Error::new(ErrorKind::Declined, "not now").after_sending());
        }
        let signature = self.key.sign(request.payload());
        Ok(Signature::from(signature.to_vec()))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [account] = &arguments[..] else {
        eprintln!("usage: sources ACCOUNT");
        return ExitCode::from(2);
    };
    match log_in(account) {
        Ok(who) => {
            println!("{who} approved");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no login: {error}");
            ExitCode::FAILURE
        }
    }
}

fn log_in(account: &str) -> Result<String, Error> {
    // The same key in every run, which everybody knows: for tests alone.
    let phone = Arc::new(Phone {
        key: SigningKey::from_bytes(&[7; 32]),
    });
    let client = Client::builder("tenant.invalid".parse()?)
        .key_source(phone.clone())
        .signature_source(phone)
        .build()?;
    let approval = client.authenticate(account)?.verify()?;
    Ok(approval.principal().to_owned())
}
