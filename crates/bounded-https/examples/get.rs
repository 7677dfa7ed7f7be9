//! Fetches a URL within limits, and tells whether a failed request may have left this host.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p bounded-https --example get -- https://localhost:8443/discover logonbox-tenant-ca.pem
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use bounded_https::http::Request;
use bounded_https::{Body, HttpClient, Https, Limits, Roots};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, ca_file] = &arguments[..] else {
        eprintln!("usage: get URL CA_FILE");
        return ExitCode::from(2);
    };
    match get(url, ca_file).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn get(url: &str, ca_file: &str) -> Result<(), Box<dyn Error>> {
    let roots = Roots::PemFile(ca_file.into(), std::fs::read(ca_file)?);
    let https = Https::builder().roots(roots).build()?;
    let request = Request::get(url).body(Body::default())?;
    let limits = Limits::new(Duration::from_secs(5), 64 << 10);
    let answer = https
        .send(request, limits)
        .await
        .map_err(|error| format!("{error} (sent: {})", error.request_sent()))?;
    println!("{}", answer.status());
    println!("{} bytes", answer.body().as_bytes().len());
    Ok(())
}
