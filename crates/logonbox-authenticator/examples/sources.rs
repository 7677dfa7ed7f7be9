//! A phone in this program, for your tests: its signatures verify without a tenant and a network.
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example sources -- lee
//! ```
//!
//! Lee has a phone and approves, Kim has one and declines. There are no other users.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use logonbox_authenticator::{
    BoxFuture, Client, Error, ErrorKind, KeySource, SignRequest, Signature, SignatureSource,
};

/// The phone of all users.
struct Phone {
    key: SigningKey,
}

impl KeySource for Phone {
    /// In the form in which a tenant publishes keys: `# Authorized`, and a line with an SSH key.
    fn list_keys<'a>(&'a self, principal: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            if !["lee", "kim"].contains(&principal) {
                return Err(Error::new(ErrorKind::NoSuchAccount, ""));
            }
            let key = self.key.verifying_key();
            let blob = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20", &key.to_bytes()[..]].concat();
            let blob = STANDARD.encode(blob);
            Ok(format!("# Authorized\nssh-ed25519 {blob} LogonBox Key\n"))
        })
    }
}

impl SignatureSource for Phone {
    fn request_signature<'a>(
        &'a self,
        request: &'a SignRequest,
    ) -> BoxFuture<'a, Result<Signature, Error>> {
        Box::pin(async move {
            if request.principal() == "kim" {
                return Err(Error::new(ErrorKind::Declined, "not now").after_sending());
            }
            let signature = self.key.sign(request.payload());
            Ok(Signature::from(signature.to_vec()))
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [account] = &arguments[..] else {
        eprintln!("usage: sources ACCOUNT");
        return ExitCode::from(2);
    };
    match log_in(account).await {
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

async fn log_in(account: &str) -> Result<String, Error> {
    // A public constant is the private key: for tests only.
    let phone = Arc::new(Phone {
        key: SigningKey::from_bytes(&[7; 32]),
    });
    let client = Client::builder("tenant.invalid".parse()?)
        .key_source(phone.clone())
        .signature_source(phone)
        .build()?;
    let approval = client.authenticate(account).await?.verify()?;
    Ok(approval.principal().to_owned())
}
