//! Logins from async code, as README has them.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a panic here fails a test")]

use std::time::Duration;

use logonbox_authenticator::{Approval, Canceller, ClientBuilder, Error, ErrorKind};
use tenant::{Options, Tenant};

/// Cancels when it is dropped, and so when the future is that holds it.
struct CancelOnDrop(Canceller);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn log_in(builder: ClientBuilder, user: String) -> Result<Approval, Error> {
    let canceller = Canceller::new();
    let builder = builder.canceller(&canceller);
    let _guard = CancelOnDrop(canceller);
    tokio::task::spawn_blocking(move || builder.build()?.authenticate(&user)?.verify())
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Panicked, "")))
}

const PATIENCE: Duration = Duration::from_secs(30);

fn builder(tenant: &Tenant) -> ClientBuilder {
    logonbox_authenticator::Client::builder(tenant.authority().parse().unwrap())
        .ca_pem(tenant.ca_pem())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

#[test]
fn a_login_can_be_awaited() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let login = |user: &str| runtime().block_on(log_in(builder(&tenant), user.to_owned()));
    assert_eq!(login("approve").unwrap().principal(), "approve");
    assert_eq!(login("decline").unwrap_err().kind(), ErrorKind::Declined);
}

#[test]
fn a_future_that_is_dropped_takes_its_request_with_it() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let runtime = runtime();
    // Ends when the tenant has been asked, which drops the other: what a timeout does, or a browser
    // that hangs up.
    let asked = runtime.block_on(async {
        let mut login = std::pin::pin!(log_in(builder(&tenant), "never".to_owned()));
        std::future::poll_fn(|context| {
            assert!(login.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(tenant.wait_for_sign_requests(1, PATIENCE))
        })
        .await
    });
    assert!(asked);
    assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
}
