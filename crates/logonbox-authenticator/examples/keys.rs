//! Lists the keys that a tenant publishes of a person: one of each phone.
//!
//! With a simulated tenant in another terminal (`cargo run -p tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example keys -- localhost:8443 approve logonbox-tenant-ca.pem
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::process::ExitCode;

use logonbox_authenticator::{Client, Error};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, ca_file] = &arguments[..] else {
        eprintln!("usage: keys TENANT ACCOUNT CA_FILE");
        return ExitCode::from(2);
    };
    match list(tenant, account, ca_file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("no keys: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list(tenant: &str, account: &str, ca_file: &str) -> Result<(), Error> {
    let client = Client::builder(tenant.parse()?).ca_file(ca_file).build()?;
    let keys = client.keys(account)?;
    for key in keys.keys() {
        // The comment is the tenant's word: Debug escapes what would steer a terminal.
        let (algorithm, comment) = (key.algorithm(), key.comment());
        println!(
            "{algorithm} {} {} {comment:?}",
            key.bits(),
            key.fingerprint()
        );
    }
    for skipped in keys.skipped() {
        eprintln!("of no use: {skipped}");
    }
    Ok(())
}
