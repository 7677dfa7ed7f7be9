//! A login with an OTP, without async code.
//!
//! With a simulated Airlock in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p airlock-iam --example flow_blocking -- \
//!     https://localhost:8443/auth/rest otp logonbox-tenant-ca.pem
//! ```
//!
//! The password is `correct-horse` and the OTP is `A1b2C3`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use airlock_iam::blocking::{Client, Next};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, user, ca_file] = &arguments[..] else {
        eprintln!("usage: flow_blocking BASE_URL USER CA_FILE");
        return ExitCode::from(2);
    };
    match log_in(url, user, ca_file) {
        Ok(true) => {
            println!("{user} is logged in");
            ExitCode::SUCCESS
        }
        Ok(false) => {
            eprintln!("no login: Airlock asked for something other than an OTP");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("no login: {error}");
            ExitCode::FAILURE
        }
    }
}

fn log_in(url: &str, user: &str, ca_file: &str) -> Result<bool, Box<dyn Error>> {
    let client = Client::builder(url.parse()?)
        .ca_pem(fs::read(ca_file)?)
        .build_blocking()?;
    let mut next = client.begin()?.check(user, &ask("Password: ")?)?;
    if let Next::Otp(step) = next {
        next = step.check(&ask("OTP: ")?)?;
    }
    match next {
        Next::Finished(finished) => Ok(finished.log_out().had_second_factor()),
        other => {
            other.abandon();
            Ok(false)
        }
    }
}

fn ask(question: &str) -> io::Result<String> {
    print!("{question}");
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
