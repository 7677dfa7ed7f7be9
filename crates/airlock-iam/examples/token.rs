//! A login with a hardware token: writes its QR code into a file, to be shown and scanned.
//!
//! With a simulated Airlock in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p airlock-iam --example token -- \
//!     https://localhost:8443/auth/rest devices logonbox-tenant-ca.pem code.png
//! ```
//!
//! The password is `correct-horse`. The README in `tests/tenant` has a token that reads the image.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::process::ExitCode;

use airlock_iam::{Client, Hint, LoggedIn, Next};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, user, ca_file, image] = &arguments[..] else {
        eprintln!("usage: token BASE_URL USER CA_FILE IMAGE");
        return ExitCode::from(2);
    };
    match log_in(url, user, ca_file, image).await {
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

async fn log_in(
    url: &str,
    user: &str,
    ca_file: &str,
    image: &str,
) -> Result<LoggedIn, Box<dyn Error>> {
    let client = Client::builder(url.parse()?)
        .ca_pem(fs::read(ca_file)?)
        .build()?;
    println!("Password:");
    let mut next = client.begin().await?.check(user, &line()?).await?;
    if let Next::DeviceChoice(choice) = next {
        let list = choice.devices().await?;
        let mut devices = list.devices().iter();
        let token = devices.position(|device| device.device_type() == "HWTOKEN");
        next = list.select(token.ok_or("the user has no token")?).await?;
    }
    let Next::QrChallenge(challenge) = next else {
        next.abandon().await;
        return Err("Airlock does not ask for a token".into());
    };
    let step = challenge.retrieve().await?;
    let Hint::QrCode(png) = step.hint() else {
        step.abandon().await;
        return Err("the QR code cannot be read".into());
    };
    fs::write(image, png)?;
    println!("Scan {image} and type the OTP:");
    match step.check(&line()?).await? {
        Next::Finished(finished) => Ok(finished.log_out().await),
        other => {
            other.abandon().await;
            Err("Airlock asks for more".into())
        }
    }
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
