//! Lists the keys that a tenant publishes for a user.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example keys -- \
//!     localhost:8443 approve logonbox-tenant-ca.pem
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::process::ExitCode;

use logonbox_authenticator::{Client, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, ca_file] = &arguments[..] else {
        eprintln!("usage: keys TENANT ACCOUNT CA_FILE");
        return ExitCode::from(2);
    };
    match list(tenant, account, ca_file).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("no keys: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn list(tenant: &str, account: &str, ca_file: &str) -> Result<(), Error> {
    let client = Client::builder(tenant.parse()?).ca_file(ca_file).build()?;
    let keys = client.keys(account).await?;
    for key in keys.keys() {
        // The comment comes from the tenant. Debug escapes the characters that control a terminal.
        let (algorithm, comment) = (key.algorithm(), key.comment());
        println!(
            "{algorithm} {} {} {comment:?}",
            key.bits(),
            key.fingerprint()
        );
    }
    for skipped in keys.skipped() {
        eprintln!("skipped: {skipped}");
    }
    Ok(())
}
