//! A host in trouble, or in bad hands: signals, starvation, a dead resolver, an environment that
//! somebody else chose, panics. Never a login, never late, never a crash.

mod support;

use std::time::Duration;

use support::{PATIENCE, Stage, value};
use tenant::{Options, Silence};

const IGNORE: &str = "[policy]\non_unavailable = \"ignore\"\n[wait]\nconnect_seconds = 1";

#[test]
fn ctrl_c_ends_the_wait_at_once_and_is_left_to_the_host() {
    for (options, signal) in [
        (&["block"][..], "INT"),
        (&["block"], "QUIT"),
        (&["block"], "TERM"),
        (&["catch"], "INT"),
        (&[], "HUP"),
    ] {
        let stage = Stage::new("never");
        let mut running = stage.start("sudo", options);
        assert!(stage.tenant.wait_for_sign_requests(1, PATIENCE));
        let before = std::time::Instant::now();
        running.signal(signal);
        let log = running.wait_for("result_or_end");
        assert!(before.elapsed() < Duration::from_secs(1), "{options:?}");
        drop(log);
    }
}

#[test]
fn nothing_lives_on_after_a_login() {
    for account in ["approve", "decline", "wrong-key", "cut", "nobody-here"] {
        let stage = Stage::new(account);
        let login = stage.login("login", &[]);
        let state = &login.one("state").text;
        assert!(state.starts_with("files=2 threads=1 "), "{account}: {state}");
        assert!(state.ends_with("blocked=0000"), "{account}: {state}");
    }
}
