//! Pinned keys: the program keeps a user's keys in a file, so that the tenant cannot name another
//! phone.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! mkdir pins
//! cargo run -p logonbox-authenticator --example pinned -- \
//!     pin localhost:8443 approve pins logonbox-tenant-ca.pem
//! cargo run -p logonbox-authenticator --example pinned -- \
//!     login localhost:8443 approve pins logonbox-tenant-ca.pem
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use logonbox_authenticator::{AuthorizedKeys, BoxFuture, Client, Error, ErrorKind, KeySource};

/// A directory with a key list for each user.
struct Pins(PathBuf);

impl Pins {
    fn file(&self, principal: &str) -> Result<PathBuf, Error> {
        // A name must not lead out of the directory.
        let allowed = |c: char| c.is_ascii_alphanumeric() || "@.-_".contains(c);
        if principal.starts_with('.') || !principal.chars().all(allowed) {
            return Err(Error::new(ErrorKind::InvalidInput, "not a user's name"));
        }
        Ok(self.0.join(format!("{principal}.keys")))
    }
}

impl KeySource for Pins {
    fn list_keys<'a>(&'a self, principal: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            fs::read_to_string(self.file(principal)?).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Error::new(ErrorKind::NoSuchAccount, "no pinned keys"),
                _ => Error::new(ErrorKind::Local, "").with_source(error),
            })
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["pin", tenant, account, directory, ca_file] => {
            pin(tenant, account, directory.as_ref(), ca_file).await
        }
        ["login", tenant, account, directory, ca_file] => {
            log_in(tenant, account, directory.as_ref(), ca_file).await
        }
        _ => {
            eprintln!("usage: pinned pin|login TENANT ACCOUNT DIRECTORY CA_FILE");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pinned: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Saves the keys that the tenant publishes now.
async fn pin(tenant: &str, account: &str, directory: &Path, ca_file: &str) -> Result<(), Error> {
    let client = Client::builder(tenant.parse()?).ca_file(ca_file).build()?;
    let listing = client.listing(account).await?;
    let file = Pins(directory.to_owned()).file(account)?;
    for key in AuthorizedKeys::parse(&listing)?.keys() {
        println!("{} {}", key.algorithm(), key.fingerprint());
    }
    fs::write(file, listing)
        .map_err(|error| Error::new(ErrorKind::Local, "").with_source(error))?;
    println!("Compare these fingerprints with the user's before the first login.");
    Ok(())
}

/// Asks the phone of a pinned key. The tenant only carries the request.
async fn log_in(tenant: &str, account: &str, directory: &Path, ca_file: &str) -> Result<(), Error> {
    let client = Client::builder(tenant.parse()?)
        .key_source(Pins(directory.to_owned()))
        .ca_file(ca_file)
        .build()?;
    let approval = client.authenticate(account).await?.verify()?;
    println!("{} approved", approval.principal());
    Ok(())
}
