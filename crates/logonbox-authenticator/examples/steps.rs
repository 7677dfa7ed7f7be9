//! A login step by step: it chooses a key by its comment or fingerprint, cancels on Ctrl-C, and
//! explains each outcome to the user.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example steps -- \
//!     localhost:8443 approve "LogonBox Key" logonbox-tenant-ca.pem
//! ```
//!
//! Other accounts: `decline`, `never` (then press Ctrl-C, or wait), `wrong-key`, `keys-none`,
//! `nobody`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use logonbox_authenticator::{Approval, Client, Error, ErrorKind, Texts};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use tokio::sync::oneshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, key, ca_file] = &arguments[..] else {
        eprintln!("usage: steps TENANT ACCOUNT KEY CA_FILE");
        return ExitCode::from(2);
    };
    let ctrl_c = match ctrl_c() {
        Ok(ctrl_c) => ctrl_c,
        Err(error) => {
            eprintln!("Ctrl-C cannot be caught: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The future that is not ready is dropped. If it is the login, this closes the connection.
    let login = tokio::select! {
        login = log_in(tenant, account, key, ca_file) => login,
        _ = ctrl_c => {
            println!("Cancelled.");
            return ExitCode::FAILURE;
        }
    };
    match login {
        Ok(approval) => {
            println!("Welcome, {}.", approval.principal());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{}", tell(error.kind()));
            // For the administrator of this program.
            eprintln!(
                "{error} (the phone may have rung: {})",
                error.request_sent()
            );
            ExitCode::FAILURE
        }
    }
}

async fn log_in(tenant: &str, account: &str, key: &str, ca_file: &str) -> Result<Approval, Error> {
    let client = Client::builder(tenant.parse()?)
        .texts(Texts {
            remote_name: "the wiki".to_owned(),
            prompt: "{username} wants to log in to {remoteName}.".to_owned(),
            ..Texts::default()
        })
        .connect_timeout(Duration::from_secs(5))
        .person_timeout(Duration::from_secs(60))
        .ca_file(ca_file)
        .build()?;

    let keys = client.keys(account).await?;
    let key = client.choose_named(&keys, key)?;
    let request = client.request(account, key)?;
    println!("Approve the request on your phone.");
    let response = client.sign(request).await?;
    response.verify()
}

/// Becomes ready when the user presses Ctrl-C.
fn ctrl_c() -> io::Result<oneshot::Receiver<()>> {
    let mut signals = Signals::new([SIGINT])?;
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        signals.forever().next();
        sender.send(())
    });
    Ok(receiver)
}

/// The message for the user, who need not know about TLS.
fn tell(kind: ErrorKind) -> &'static str {
    match kind {
        // One text for both, so that it does not reveal which users exist.
        ErrorKind::NoSuchAccount | ErrorKind::NoUsableKey => "There is no phone to ask.",
        ErrorKind::Declined => "Declined on the phone.",
        ErrorKind::Refused => "LogonBox could not ask the phone.",
        ErrorKind::TimedOut => "No answer in time. Try again.",
        ErrorKind::Unreachable(_) => "LogonBox cannot be reached. Try again later.",
        // An attack or a fault: the administrator has to look at it.
        _ => "That did not work. Ask your administrator.",
    }
}
