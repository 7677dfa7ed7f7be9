//! A logger of this program: it shows the lines of this crate, and of no other.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example logging -- \
//!     localhost:8443 approve logonbox-tenant-ca.pem
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::process::ExitCode;

use log::{LevelFilter, Log, Metadata, Record};
use logonbox_authenticator::{Approval, Client, Error};

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // A target is the path of a module, such as `bounded_https::https`.
        let target = metadata.target().split("::").next().unwrap_or_default();
        ["logonbox_authenticator", "bounded_https"].contains(&target)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}: {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, ca_file] = &arguments[..] else {
        eprintln!("usage: logging TENANT ACCOUNT CA_FILE");
        return ExitCode::from(2);
    };
    // Fails if the program has a logger already.
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
    match log_in(tenant, account, ca_file).await {
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

async fn log_in(tenant: &str, account: &str, ca_file: &str) -> Result<Approval, Error> {
    let client = Client::builder(tenant.parse()?).ca_file(ca_file).build()?;
    client.authenticate(account).await?.verify()
}
