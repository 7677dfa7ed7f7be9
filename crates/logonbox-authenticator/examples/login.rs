//! A login in three lines, from the command line.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example login -- \
//!     localhost:8443 approve logonbox-tenant-ca.pem
//! ```
//!
//! For a real tenant, leave the file out: the program then trusts the system's CA certificates.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::error::Error as _;
use std::process::ExitCode;

use logonbox_authenticator::{Approval, Client, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (tenant, account, ca_file) = match &arguments[..] {
        [tenant, account] => (tenant, account, None),
        [tenant, account, ca_file] => (tenant, account, Some(ca_file)),
        _ => {
            eprintln!("usage: login TENANT ACCOUNT [CA_FILE]");
            return ExitCode::from(2);
        }
    };
    match login(tenant, account, ca_file).await {
        Ok(approval) => {
            let fingerprint = approval.key().fingerprint();
            println!("{} approved with {fingerprint}", approval.principal());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no login: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn login(tenant: &str, account: &str, ca_file: Option<&String>) -> Result<Approval, Error> {
    let client = match ca_file {
        Some(file) => Client::builder(tenant.parse()?).ca_file(file).build()?,
        None => Client::new(tenant)?,
    };
    // Sends the push and waits for the user.
    let response = client.authenticate(account).await?;
    // Only this proves that the phone has signed.
    response.verify()
}
