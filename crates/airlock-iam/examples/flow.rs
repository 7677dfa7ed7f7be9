//! A login with all the steps that Airlock may ask for.
//!
//! With a simulated Airlock in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p airlock-iam --example flow -- \
//!     https://localhost:8443/auth/rest otp logonbox-tenant-ca.pem
//! ```
//!
//! The password is `correct-horse` and the OTP is `A1b2C3`. Other users: `devices`, `phone`,
//! `password-only`, `locked`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use airlock_iam::{Client, Error, Hint, LoggedIn, Next, POLL_INTERVAL, Polled};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, user, ca_file] = &arguments[..] else {
        eprintln!("usage: flow BASE_URL USER CA_FILE");
        return ExitCode::from(2);
    };
    match run(url, user, ca_file).await {
        Ok(Some(_proof)) => {
            println!("{user} is logged in");
            ExitCode::SUCCESS
        }
        Ok(None) => {
            eprintln!("no login: Airlock asked for no second factor");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("no login: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(
    url: &str,
    user: &str,
    ca_file: &str,
) -> Result<Option<LoggedIn>, Box<dyn std::error::Error>> {
    let client = Client::builder(url.parse()?)
        .ca_pem(fs::read(ca_file)?)
        .build()?;
    let password = ask("Password: ").await;
    Ok(log_in(&client, user, &password).await?)
}

async fn log_in(client: &Client, user: &str, password: &str) -> Result<Option<LoggedIn>, Error> {
    let mut next = client.begin().await?.check(user, password).await?;
    loop {
        next = match next {
            Next::DeviceChoice(choice) => {
                let list = choice.devices().await?;
                for (number, device) in list.devices().iter().enumerate() {
                    // The server's text: Debug escapes the characters that control a terminal.
                    println!("{number}: {:?}", device.display_name());
                }
                let number = ask("Device: ").await.parse().unwrap_or(usize::MAX);
                list.select(number).await?
            }
            Next::QrChallenge(challenge) => Next::Otp(challenge.retrieve().await?),
            Next::Otp(step) => {
                match step.hint() {
                    Hint::QrCode(png) => println!("(a QR code of {} bytes)", png.len()),
                    Hint::Sms(number) => println!("An SMS was sent to {number:?}"),
                    _ => {}
                }
                match step.check(&ask("OTP: ").await).await {
                    Ok(next) => next,
                    // Ask again only if Airlock allows it: each wrong OTP counts towards a lock.
                    Err(rejected) => Next::Otp(rejected.again.ok_or(rejected.error)?),
                }
            }
            // A real program stops after some time, with `step.abandon()`.
            Next::OneTouch(step) => match step.poll().await? {
                Polled::Next(next) => next,
                Polled::Pending(step) => {
                    tokio::time::sleep(POLL_INTERVAL).await;
                    Next::OneTouch(step)
                }
            },
            Next::Finished(finished) => return Ok(Some(finished.log_out().await)),
            // Airlock asked only for the password, or for a step that this program does not know.
            other => {
                other.abandon().await;
                return Ok(None);
            }
        };
    }
}

/// Reads a line. It uses a separate thread, so that the event loop does not stop.
async fn ask(question: &'static str) -> String {
    let line = tokio::task::spawn_blocking(move || {
        print!("{question}");
        io::stdout().flush()?;
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok::<_, io::Error>(line.trim().to_owned())
    });
    line.await.ok().and_then(Result::ok).unwrap_or_default()
}
