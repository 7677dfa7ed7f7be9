//! A login through a browser, by hand: open the URL that this prints, and paste where the browser ends up.
//!
//! With a simulated tenant in another terminal (`cargo run -p tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example redirect -- localhost:8443 page logonbox-tenant-ca.pem
//! ```
//!
//! The browser comes back to a page that is not there: its address is what counts. `examples/web.rs` is a
//! web application.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::io;
use std::process::ExitCode;

use logonbox_authenticator::{Approval, Client, Error, Redirect, RedirectRequest};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, ca_file] = &arguments[..] else {
        eprintln!("usage: redirect TENANT ACCOUNT CA_FILE");
        return ExitCode::from(2);
    };
    match by_hand(tenant, account, ca_file) {
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

fn by_hand(
    tenant: &str,
    account: &str,
    ca_file: &str,
) -> Result<Approval, Box<dyn std::error::Error>> {
    let client = Client::builder(tenant.parse()?).ca_file(ca_file).build()?;
    let redirect = start(&client, account)?;
    println!("Open in a browser: {}", redirect.url);
    println!("Where did it end up?");
    // What a web application keeps in the browser's session.
    let saved = redirect.request.save();
    let mut address = String::new();
    io::stdin().read_line(&mut address)?;
    let (_, response) = address
        .trim()
        .split_once("?response=")
        .ok_or("there is no response in that")?;
    Ok(finish(saved.as_str(), response)?)
}

/// The person wants to log in. The browser goes to `redirect.url`, and `redirect.request.save()` into
/// its session.
fn start(client: &Client, user: &str) -> Result<Redirect, Error> {
    let keys = client.keys(user)?;
    let key = client.choose(&keys)?;
    client.redirect(
        user,
        key,
        "https://wiki.acme.com/finish?response={response}",
    )
}

/// The browser is back with `?response=...`. `saved` has been taken out of its session: a request is good
/// for one response.
fn finish(saved: &str, response: &str) -> Result<Approval, Error> {
    RedirectRequest::restore(saved)?.finish(response)
}
