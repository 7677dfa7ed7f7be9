//! A login step by step: the phone is chosen by its name, Ctrl-C takes the request back, and the person
//! is told of every outcome.
//!
//! With a simulated tenant in another terminal (`cargo run -p tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example steps -- localhost:8443 approve "Pixel 8" logonbox-tenant-ca.pem
//! ```
//!
//! Other accounts: `decline`, `never` (then press Ctrl-C, or wait), `wrong-key`, `keys-none`, `nobody`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use logonbox_authenticator::{Approval, Canceller, Client, Error, ErrorKind, Texts};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, phone, ca_file] = &arguments[..] else {
        eprintln!("usage: steps TENANT ACCOUNT PHONE CA_FILE");
        return ExitCode::from(2);
    };
    let canceller = Canceller::new();
    if let Err(error) = cancel_on_ctrl_c(&canceller) {
        eprintln!("Ctrl-C cannot be watched: {error}");
        return ExitCode::FAILURE;
    }
    match log_in(tenant, account, phone, ca_file, &canceller) {
        Ok(approval) => {
            println!("Welcome, {}.", approval.principal());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{}", tell(error.kind()));
            // For those who look after this program.
            eprintln!(
                "{error} (the phone may have rung: {})",
                error.request_sent()
            );
            ExitCode::FAILURE
        }
    }
}

fn log_in(
    tenant: &str,
    account: &str,
    phone: &str,
    ca_file: &str,
    canceller: &Canceller,
) -> Result<Approval, Error> {
    let client = Client::builder(tenant.parse()?)
        .texts(Texts {
            remote_name: "the wiki".to_owned(),
            prompt: "{username} wants to log in to {remoteName}.".to_owned(),
            ..Texts::default()
        })
        .connect_timeout(Duration::from_secs(5))
        .person_timeout(Duration::from_secs(60))
        .canceller(canceller)
        .ca_file(ca_file)
        .build()?;

    let keys = client.keys(account)?;
    let key = client.choose_by_comment(&keys, phone)?;
    let request = client.request(account, key)?;
    println!("Approve the request on {:?}.", key.comment());
    let response = client.sign(request)?;
    response.verify()
}

fn cancel_on_ctrl_c(canceller: &Canceller) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    let canceller = canceller.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            canceller.cancel();
        }
    });
    Ok(())
}

/// What the person is told, who need not know what TLS is.
fn tell(kind: ErrorKind) -> &'static str {
    match kind {
        // One text: whether there is such a person is nobody's business.
        ErrorKind::NoSuchAccount | ErrorKind::NoUsableKey => "There is no such phone.",
        ErrorKind::Declined => "Declined on the phone.",
        ErrorKind::Refused => "LogonBox would not ask the phone.",
        ErrorKind::TimedOut => "Nobody answered in time. Try again.",
        ErrorKind::Cancelled => "Cancelled.",
        ErrorKind::Unreachable(_) => "LogonBox cannot be reached. Try again later.",
        // An attack, or a mistake: a matter for those who look after this program.
        _ => "That did not work. Ask your administrator.",
    }
}
