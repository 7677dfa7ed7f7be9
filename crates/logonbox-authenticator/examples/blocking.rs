//! The login without async code.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example blocking -- \
//!     localhost:8443 approve logonbox-tenant-ca.pem
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::process::ExitCode;

use logonbox_authenticator::blocking::Client;
use logonbox_authenticator::{Approval, Error};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, ca_file] = &arguments[..] else {
        eprintln!("usage: blocking TENANT ACCOUNT CA_FILE");
        return ExitCode::from(2);
    };
    match login(tenant, account, ca_file) {
        Ok(approval) => {
            println!("{} approved", approval.principal());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no login: {error}");
            ExitCode::FAILURE
        }
    }
}

fn login(tenant: &str, account: &str, ca_file: &str) -> Result<Approval, Error> {
    let client = Client::builder(tenant.parse()?)
        .ca_file(ca_file)
        .build_blocking()?;
    client.authenticate(account)?.verify()
}
