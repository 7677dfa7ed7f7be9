//! A login through a browser, by hand: open the URL that this prints, then paste the browser's last
//! address.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example redirect -- \
//!     localhost:8443 page logonbox-tenant-ca.pem
//! ```
//!
//! The browser comes back to a page that does not exist; only its address matters.
//! `examples/web.rs` is a web application.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::io;
use std::process::ExitCode;

use logonbox_authenticator::{Approval, Client, Error, Redirect, RedirectRequest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, ca_file] = &arguments[..] else {
        eprintln!("usage: redirect TENANT ACCOUNT CA_FILE");
        return ExitCode::from(2);
    };
    match by_hand(tenant, account, ca_file).await {
        Ok(approval) => {
            println!("Welcome, {}.", approval.principal());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no login: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn by_hand(
    tenant: &str,
    account: &str,
    ca_file: &str,
) -> Result<Approval, Box<dyn std::error::Error>> {
    let client = Client::builder(tenant.parse()?).ca_file(ca_file).build()?;
    let redirect = start(&client, account).await?;
    println!("Open in a browser: {}", redirect.url);
    println!("Paste its last address:");
    // A web application keeps this in the browser's session.
    let saved = redirect.request.save();
    let mut address = String::new();
    io::stdin().read_line(&mut address)?;
    let (_, response) = address
        .trim()
        .split_once("?response=")
        .ok_or("this address holds no response")?;
    Ok(finish(saved.as_str(), response)?)
}

/// A user wants to log in. Send the browser to `redirect.url`, and keep `redirect.request.save()`
/// in its session.
async fn start(client: &Client, user: &str) -> Result<Redirect, Error> {
    let keys = client.keys(user).await?;
    let key = client.choose(&keys)?;
    client.redirect(
        user,
        key,
        "https://wiki.acme.com/finish?response={response}",
    )
}

/// The browser is back with `?response=...`. `saved` was removed from its session: a request is
/// valid for one response.
fn finish(saved: &str, response: &str) -> Result<Approval, Error> {
    RedirectRequest::restore(saved)?.finish(response)
}
