//! A closure as HTTP client: it adds a header to each request, for the log of a reverse proxy, and
//! sends it with the client of bounded-https.
//!
//! With a simulated Airlock in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p airlock-iam --example closure -- \
//!     https://localhost:8443/auth/rest phone logonbox-tenant-ca.pem
//! ```
//!
//! The password is `correct-horse`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::process::ExitCode;

use airlock_iam::http::{HeaderValue, Request};
use airlock_iam::{Body, Client, HttpClient, Limits, LoggedIn, Next, POLL_INTERVAL, Polled};
use bounded_https::{Https, Roots};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, user, ca_file] = &arguments[..] else {
        eprintln!("usage: closure BASE_URL USER CA_FILE");
        return ExitCode::from(2);
    };
    match log_in(url, user, ca_file).await {
        Ok(_proof) => {
            println!("{user} is logged in");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no login: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn log_in(url: &str, user: &str, ca_file: &str) -> Result<LoggedIn, Box<dyn Error>> {
    let roots = Roots::PemFile(ca_file.into(), fs::read(ca_file)?);
    let https = Https::builder().roots(roots).build()?;
    let client = Client::builder(url.parse()?)
        .http_client(move |mut request: Request<Body>, limits: Limits| {
            let value = HeaderValue::from_static("the wiki");
            request.headers_mut().insert("x-requested-by", value);
            let https = https.clone();
            async move { https.send(request, limits).await }
        })
        .build()?;
    let mut password = String::new();
    println!("Password:");
    io::stdin().read_line(&mut password)?;
    let mut next = client
        .begin()
        .await?
        .check(user, password.trim_end())
        .await?;
    while let Next::OneTouch(step) = next {
        next = match step.poll().await? {
            Polled::Next(next) => next,
            Polled::Pending(step) => {
                tokio::time::sleep(POLL_INTERVAL).await;
                Next::OneTouch(step)
            }
        };
    }
    match next {
        Next::Finished(finished) => Ok(finished.log_out().await),
        other => {
            other.abandon().await;
            Err("Airlock asked for something other than One-Touch".into())
        }
    }
}
