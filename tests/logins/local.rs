//! A host in trouble, or in bad hands: signals, starvation, a dead resolver, a log that nobody reads, a
//! clock that is set, panics. Never a login that should not be, never late, never a crash.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::airlock;
use crate::stage::{Login, PATIENCE, Running, Stage, USER, but_memory, nobody, value};
use tenant::{Account, Accounts, KeyType, Listing, Options, Phone, Press};

const IGNORE: &str = "[policy]\non_unavailable = \"ignore\"\n[wait]\nconnect_seconds = 1";

/// Sends `signal` while the phone rings, and returns how the host ended within a second.
fn interrupt(stage: &Stage, mut running: Running, signal: &str) -> Login {
    assert!(stage.tenant.wait_for_sign_requests(1, PATIENCE));
    let before = Instant::now();
    running.signal(signal);
    let status = running.child.wait().unwrap();
    assert!(before.elapsed() < Duration::from_secs(1), "{signal}");
    let login = running.finish();
    assert_eq!(login.status, status);
    login
}

#[test]
fn ctrl_c_ends_the_wait_in_a_host_that_blocks_it() {
    for signal in ["INT", "QUIT"] {
        let stage = Stage::new("never");
        let running = stage.start("sudo", &["block"]);
        let login = interrupt(&stage, running, signal);
        login.assert_refused("PAM_ABORT", "interrupted");
        assert_eq!(value(login.log(), "reason"), Some(&*format!("SIG{signal}")));
        // It was left pending: unblocked after PAM, it ends the host.
        assert!(login.status.signal().is_some(), "{:?}", login.status);
        // And the tenant is left alone.
        assert!(stage.tenant.wait_for(PATIENCE, |seen| seen.open == 0));
        assert_eq!(stage.pushes(), 1);
    }
}

#[test]
fn ctrl_c_ends_the_wait_also_where_nothing_can_be_waited_for() {
    let stage = Stage::new("never");
    // ENOMEM
    let running = stage.start("sudo", &["block", "fault=poll:0:1000000:12"]);
    interrupt(&stage, running, "INT").assert_refused("PAM_ABORT", "interrupted");
}

#[test]
fn a_signal_that_the_host_catches_ends_the_wait_and_is_caught() {
    let stage = Stage::new("never");
    let running = stage.start("sshd", &["catch"]);
    let mut running = running;
    running.wait_for("visible");
    running.type_line(b"");
    let login = interrupt(&stage, running, "INT");
    login.assert_refused("PAM_MAXTRIES", "interrupted");
    assert_eq!(login.all("caught"), ["SIGINT"]);
    assert!(login.one("state").text.ends_with("blocked=0000"));
}

#[test]
fn a_host_that_a_signal_kills_dies_only_after_the_log_line() {
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let stage = Stage::new("never");
        let path = stage.path("log");
        let log = UnixDatagram::bind(&path).unwrap();
        log.set_read_timeout(Some(PATIENCE)).unwrap();
        let running = stage.start("su", &[&format!("log={}", path.display())]);
        let login = interrupt(&stage, running, signal);
        assert!(login.status.signal().is_some(), "{:?}", login.status);
        assert_eq!(login.all("result"), [""; 0]);
        let mut line = [0; 2000];
        let length = log.recv(&mut line).unwrap();
        let line = String::from_utf8_lossy(&line[..length]);
        assert!(
            line.contains("pam_logonbox(su:auth): interrupted user="),
            "{line}"
        );
        // authpriv.notice
        assert!(line.starts_with("<85>pam_host["), "{line}");
    }
}

#[test]
fn ctrl_c_also_ends_the_hold_of_an_unknown_user() {
    let stage = Stage::new("approve");
    let mut running = stage.start_as("no-such-user", "sudo", &["block"], &[]);
    running.wait_for("info");
    running.signal("INT");
    let login = running.finish();
    login.assert_refused("PAM_CONV_ERR", "interrupted");
    assert!(
        login.took() < Duration::from_millis(1900),
        "{:?}",
        login.took()
    );
}

#[test]
fn timers_that_the_caller_made_lazy_keep_their_deadlines() {
    let waits = "[wait]\nlogin_seconds = 1";
    let stage = Stage::with(Options::default(), "never.ed25519", "", waits);
    let login = stage.login("sudo", &["slack=10000000000"]);
    login.assert_refused("PAM_ABORT", "timed-out");
    assert!(login.took() < Duration::from_secs(2), "{:?}", login.took());
}

#[test]
fn a_sigchld_or_sigwinch_interrupts_nobody() {
    let stage = Stage::new("page");
    let running = stage.start("login", &[]);
    assert!(stage.tenant.wait_for_waiting(1, PATIENCE));
    running.signal("WINCH");
    running.signal("CHLD");
    assert!(
        stage
            .tenant
            .answer(stage.tenant.waiting()[0].id, Press::Authorize)
    );
    assert_eq!(running.finish().code(), "PAM_SUCCESS");
}

#[test]
fn nothing_lives_on_after_a_login() {
    for account in ["approve", "decline", "wrong-key", "cut", "nobody-here"] {
        let stage = Stage::new(account);
        let login = stage.login("login", &[]);
        let kept = |kind| but_memory(&login.one(kind).text);
        assert_eq!(kept("state"), kept("before"), "{account}");
    }
}

#[test]
fn a_dead_resolver_holds_up_nobody() {
    let stage = Stage::new("approve");
    stage.configure("tenant.example", "approve", "", IGNORE);
    let login = stage.login("login", &["lookup=20"]);
    assert!(
        login.took() < Duration::from_millis(1500),
        "{:?}",
        login.took()
    );
    // The thread that is stuck outlives the login, and the library is still there for it.
    assert!(
        login.one("state").text.contains("threads=2"),
        "{:?}",
        login.events
    );
    // on_unavailable = "ignore"
    assert_eq!(login.code(), "PAM_IGNORE");
    assert!(login.log().contains(": timed-out "), "{}", login.log());
}

#[test]
fn on_unavailable_ignores_what_is_unavailable_and_nothing_else() {
    for (tenant, options, word) in [
        (&*nobody(), &[][..], "unreachable"),
        ("tenant.example", &["lookup=0"], "unreachable"),
    ] {
        let stage = Stage::new("approve");
        stage.configure(tenant, "approve", "", IGNORE);
        let login = stage.login("login", options);
        assert_eq!(login.code(), "PAM_IGNORE", "{:#?}", login.events);
        assert!(
            login.log().contains(&format!(": {word} ")),
            "{}",
            login.log()
        );
        assert!(login.log().contains("on_unavailable"), "{}", login.log());
        // authpriv.warning
        assert!(login.one("log").text.starts_with("<84>"));
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);

        stage.configure(tenant, "approve", "", "");
        let login = stage.login("login", options);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", word);
    }
    for (account, code) in [
        ("keys-error-500", "PAM_IGNORE"),
        ("keys-unavailable-503", "PAM_IGNORE"),
        ("keys-never", "PAM_IGNORE"),
        ("keys-cut", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-html", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-redirect", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-not-found", "PAM_AUTH_ERR"),
        ("keys-none", "PAM_AUTH_ERR"),
        ("decline", "PAM_MAXTRIES"),
        ("error-500", "PAM_MAXTRIES"),
        ("cut", "PAM_MAXTRIES"),
    ] {
        let stage = Stage::with(Options::default(), account, "", IGNORE);
        let login = stage.login("login", &[]);
        assert_eq!(login.code(), code, "{account}: {:#?}", login.events);
    }
}

#[test]
fn a_caller_who_starves_the_host_opens_no_door() {
    let stage = Stage::with(Options::default(), "approve", "", IGNORE);
    let mut approved = 0;
    for files in 4..40 {
        let login = stage.login("sudo", &[&format!("files={files}")]);
        // With too few, libpam itself fails to load anything.
        match login.code() {
            "PAM_SUCCESS" => approved += 1,
            code => assert_ne!(code, "PAM_IGNORE", "{files}: {:#?}", login.events),
        }
    }
    assert!((1..36).contains(&approved), "{approved}");
    stage.configure(&nobody(), "approve", "", IGNORE);
    for threads in 0..4 {
        let stage = Stage::with(Options::default(), "approve", "", IGNORE);
        let login = stage.login("sudo", &[&format!("threads={threads}")]);
        match threads {
            0..=2 => login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure"),
            _ => assert_eq!(login.code(), "PAM_SUCCESS"),
        }
    }
    for (name, value) in [
        ("RES_OPTIONS", "ndots:15"),
        ("LOCALDOMAIN", "evil.example"),
        ("HOSTALIASES", "/tmp/aliases"),
    ] {
        let login = stage.start_as(USER, "sudo", &[], &[(name, value)]).finish();
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "unreachable");
        assert!(login.log().contains("environment"), "{}", login.log());
    }
}

/// Anybody can take all ports of a host; a look-up then fails at once.
#[test]
fn a_host_without_ports_opens_no_door() {
    let stage = Stage::with(Options::default(), "approve", "", IGNORE);
    stage.configure("tenant.example", "approve", "", IGNORE);
    assert_eq!(stage.login("sudo", &["lookup=0"]).code(), "PAM_IGNORE");
    // EADDRINUSE
    let login = stage.login("sudo", &["lookup=0", "fault=bind:0:1000:98"]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "unreachable");
    assert!(login.log().contains("no ports left"), "{}", login.log());
}

#[test]
fn a_host_that_is_short_of_memory_refuses_and_lives() {
    let push = Stage::with(Options::default(), "approve", "", IGNORE);
    let through_airlock = airlock::stage("otp", "", IGNORE);
    let password = format!("types={}", airlock::PASSWORD);
    for stage in [&push, &through_airlock] {
        let mut refused = 0;
        for megabytes in (8..32).chain((32..128).step_by(16)) {
            let memory = format!("memory={megabytes}");
            let login = stage.login("sudo", &[&memory, &password]);
            assert!(login.status.code().is_some(), "{megabytes} MB: {login:#?}");
            assert_ne!(login.code(), "PAM_IGNORE", "{megabytes} MB: {login:#?}");
            refused += usize::from(login.all("log").iter().any(|line| line.contains("memory")));
        }
        assert!(refused > 5, "{refused}");
    }
}

#[test]
fn a_stopped_process_does_not_make_the_tenant_unavailable() {
    // No RSA key, which the tenant would first have to make.
    let stage = Stage::with(Options::default(), "keys-never.ed25519", "", IGNORE);
    let running = stage.start("sudo", &[]);
    assert!(stage.tenant.wait_for_key_requests(1, PATIENCE));
    running.signal("STOP");
    // The stop must outlast connect_seconds, which is what it is about.
    std::thread::sleep(Duration::from_millis(1500));
    running.signal("CONT");
    let login = running.finish();
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "timed-out");
    assert!(login.log().contains("stopped"), "{}", login.log());
}

#[test]
fn a_process_that_was_stopped_in_the_conversation_fetches_the_keys_again() {
    for (announce, kind) in [("enter", "visible"), ("info", "info")] {
        let rest = format!("[conversation]\nannounce = \"{announce}\"\n{IGNORE}");
        let account = Account::new("slow")
            .phones([Phone::new("Pixel 8", KeyType::Ed25519)])
            .listing(Listing::Never);
        let options = Options {
            accounts: Accounts::from_iter([account]),
            ..Options::default()
        };
        let stage = Stage::with(options, "slow", "", &rest);
        // Information is held up by Ctrl-S, a prompt by the person.
        let mut running = stage.start("sudo", &["slow"]);
        running.wait_for(kind);
        // The first fetch times out meanwhile; the second is watched.
        assert!(stage.tenant.wait_for_key_requests(1, PATIENCE));
        assert!(stage.tenant.wait_for(PATIENCE, |seen| seen.open == 0));
        running.type_line(b"");
        let login = running.finish();
        assert_eq!(stage.tenant.key_requests().len(), 2, "{announce}");
        assert_eq!(login.code(), "PAM_IGNORE", "{:#?}", login.events);
    }
}

#[test]
fn a_log_that_is_not_there_or_does_not_read_holds_up_nobody() {
    let stage = Stage::new("approve");
    let nowhere = format!("log={}", stage.path("nowhere").display());
    let login = stage.login("login", &[&nowhere]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    // Nobody reads this one, and its queue is full.
    let path = stage.path("log");
    let _log = UnixDatagram::bind(&path).unwrap();
    let writer = UnixDatagram::unbound().unwrap();
    writer.set_nonblocking(true).unwrap();
    while writer.send_to(b"full", &path).is_ok() {}
    for service in ["login", "sudo"] {
        let full = format!("log={}", path.display());
        let login = stage.login(service, &[&full]);
        assert_eq!(login.code(), "PAM_SUCCESS");
        assert!(login.took() < Duration::from_secs(2), "{:?}", login.took());
    }
}

/// By the network, by an administrator, by a battery.
#[test]
fn a_clock_that_is_set_in_the_middle_changes_no_deadline() {
    for (account, seconds) in [
        ("page", 31_536_000),
        ("page", -31_536_000),
        ("never", 31_536_000),
    ] {
        let stage = Stage::with(Options::default(), account, "", "[wait]\nlogin_seconds = 2");
        let mut running = stage.start("login", &[&format!("jump={seconds}")]);
        assert!(stage.tenant.wait_for_sign_requests(1, PATIENCE));
        running.signal("USR1");
        running.wait_for("jumped");
        if account == "page" {
            let ring = stage.tenant.waiting()[0].id;
            assert!(stage.tenant.answer(ring, Press::Authorize));
            assert_eq!(running.finish().code(), "PAM_SUCCESS");
        } else {
            let login = running.finish();
            login.assert_refused("PAM_MAXTRIES", "timed-out");
            let took = login.took();
            assert!(took > Duration::from_millis(1900) && took < Duration::from_secs(4));
        }
    }
}

#[test]
fn a_panic_anywhere_is_a_refusal_and_the_host_lives() {
    // Rust panics when it cannot read the clock. Each reading fails once: on the thread of the
    // host, in the client, in its event loop. `finish` sees that nothing is written to stderr.
    let waits = "[wait]\nconnect_seconds = 1\nlogin_seconds = 1";
    let stage = Stage::with(Options::default(), "approve", "", waits);
    let mut panics = 0;
    for reading in 0.. {
        let login = stage.login("login", &[&format!("clock={reading}")]);
        assert!(
            login.status.code().is_some(),
            "the host lives: {:#?}",
            login.events
        );
        println!("{reading}: {}", login.log());
        match login.code() {
            "PAM_SUCCESS" => break,
            "PAM_ABORT" => {
                panics += 1;
                assert!(login.log().contains(": panic "), "{}", login.log());
            }
            code => assert!(
                ["PAM_AUTHINFO_UNAVAIL", "PAM_MAXTRIES"].contains(&code),
                "{code}"
            ),
        }
        assert!(login.one("state").text.ends_with("blocked=0000"));
        assert!(reading < 500, "every reading fails");
    }
    assert!(panics > 3, "{panics}");
}
