//! A host with problems, or with a hostile caller: signals, exhausted resources, a dead resolver, a
//! full log, a changed clock, panics. No user gets in by mistake, and no login is late or crashes.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::airlock;
use crate::setup::{
    Login, PROMPTLY, Running, Setup, TIMEOUT, unused_address, value, without_memory,
};
use tenant::{Options, Press};

const IGNORE: &str = "[policy]\non_unavailable = \"ignore\"\n[wait]\nconnect_seconds = 30";
/// For logins that time out.
const IGNORE_SOON: &str = "[policy]\non_unavailable = \"ignore\"\n[wait]\nconnect_seconds = 3";

/// With `code = "show"`, the module waits for the phone. With `code = "type"`, it does so after the
/// right code.
fn showing(account: &str) -> Setup {
    Setup::showing(Options::default(), account, "", "")
}

/// Sends `signal` while the phone rings, and returns how the host ended. The phone would ring for
/// 45 s.
fn interrupt(setup: &Setup, mut running: Running, signal: &str) -> Login {
    assert!(setup.tenant.wait_for_sign_requests(1, TIMEOUT));
    let before = Instant::now();
    running.signal(signal);
    let status = running.child.wait().unwrap();
    assert!(before.elapsed() < PROMPTLY, "{signal}");
    let login = running.finish();
    assert_eq!(login.status, status);
    login
}

#[test]
fn ctrl_c_ends_the_wait_in_a_host_that_blocks_it() {
    for signal in ["INT", "QUIT"] {
        let setup = showing("never");
        let running = setup.start("sudo", &["block"]);
        let login = interrupt(&setup, running, signal);
        login.assert_refused("PAM_ABORT", "interrupted");
        assert_eq!(value(login.log(), "reason"), Some(&*format!("SIG{signal}")));
        // The signal stays pending and ends the host when PAM unblocks it.
        assert!(login.status.signal().is_some(), "{:?}", login.status);
        // The connection is closed, and no other push follows.
        assert!(setup.tenant.wait_for(TIMEOUT, |seen| seen.open == 0));
        assert_eq!(setup.pushes(), 1);
    }
}

#[test]
fn ctrl_c_ends_the_wait_even_if_poll_fails() {
    let setup = showing("never");
    // ENOMEM
    let running = setup.start("sudo", &["block", "fault=poll:0:1000000:12"]);
    interrupt(&setup, running, "INT").assert_refused("PAM_ABORT", "interrupted");
}

#[test]
fn a_signal_that_the_host_catches_ends_the_wait_and_is_caught() {
    let setup = showing("never");
    let running = setup.start("sshd", &["catch"]);
    let mut running = running;
    running.wait_for("visible");
    running.type_line(b"");
    let login = interrupt(&setup, running, "INT");
    login.assert_refused("PAM_MAXTRIES", "interrupted");
    assert_eq!(login.all("caught"), ["SIGINT"]);
    assert!(login.one("state").text.ends_with("blocked=0000"));
}

#[test]
fn a_host_that_a_signal_kills_dies_only_after_the_log_line() {
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let setup = showing("never");
        let path = setup.path("log");
        let log = UnixDatagram::bind(&path).unwrap();
        log.set_read_timeout(Some(TIMEOUT)).unwrap();
        let running = setup.start("su", &[&format!("log={}", path.display())]);
        let login = interrupt(&setup, running, signal);
        assert!(login.status.signal().is_some(), "{:?}", login.status);
        assert_eq!(login.all("result"), [""; 0]);
        let receive = || {
            let mut line = [0; 2000];
            let length = log.recv(&mut line).unwrap();
            String::from_utf8_lossy(&line[..length]).into_owned()
        };
        let ringing = receive();
        assert!(ringing.contains("(su:auth): ringing user="), "{ringing}");
        let line = receive();
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
    let setup = showing("approve");
    // A hold takes 2 s or more. A busy machine may be late, and the signal may come before the hold,
    // but not every time.
    let is_short = |_| {
        let mut running = setup.start_as("no-such-user", "sudo", &["block"], &[]);
        let shown = running.wait_for("info").at;
        running.signal("INT");
        let login = running.finish();
        if login.code() == "PAM_CONV_ERR" {
            login.assert_refused("PAM_CONV_ERR", "interrupted");
            return false;
        }
        // As without Ctrl-C.
        login.assert_refused("PAM_ABORT", "unknown-user");
        login.one("result").at - shown < 1900
    };
    assert!((0..5).any(is_short), "the hold goes on");
}

#[test]
fn timers_that_the_caller_made_lazy_keep_their_deadlines() {
    let waits = "[wait]\nlogin_seconds = 1";
    let setup = Setup::with(Options::default(), "never.ed25519", "", waits);
    let login = setup.login("sudo", &["slack=100000000000"]);
    login.assert_refused("PAM_ABORT", "timed-out");
    assert!(login.took() < PROMPTLY, "{:?}", login.took());
}

#[test]
fn sigchld_and_sigwinch_do_not_interrupt_the_wait() {
    let setup = showing("page");
    let running = setup.start("login", &[]);
    assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
    running.signal("WINCH");
    running.signal("CHLD");
    assert!(
        setup
            .tenant
            .answer(setup.tenant.waiting()[0].id, Press::Authorize)
    );
    assert_eq!(running.finish().code(), "PAM_SUCCESS");
}

#[test]
fn nothing_lives_on_after_a_login() {
    for account in ["approve", "decline", "wrong-key", "cut", "nobody-here"] {
        let setup = Setup::new(account);
        let login = setup.login("login", &[]);
        let kept = |kind| without_memory(&login.one(kind).text);
        assert_eq!(kept("state"), kept("before"), "{account}");
    }
}

#[test]
fn a_dead_resolver_holds_up_nobody() {
    let setup = showing("approve");
    setup.configure("tenant.example", "approve", "", IGNORE_SOON);
    let login = setup.login("login", &["lookup=25"]);
    assert!(login.took() < PROMPTLY, "{:?}", login.took());
    // The stuck thread outlives the login, so the library must stay loaded.
    assert!(
        login.one("state").text.contains("threads=2"),
        "{:?}",
        login.events
    );
    // The configuration has on_unavailable = "ignore".
    assert_eq!(login.code(), "PAM_IGNORE");
    assert!(login.log().contains(": timed-out "), "{}", login.log());
}

#[test]
fn on_unavailable_ignores_what_is_unavailable_and_nothing_else() {
    for (tenant, options, word) in [
        (&*unused_address(), &[][..], "unreachable"),
        (
            "tenant.example",
            &["lookup=0", "interface=eth0"],
            "unreachable",
        ),
    ] {
        let setup = Setup::new("approve");
        setup.configure(tenant, "approve", "", IGNORE);
        let login = setup.login("login", options);
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

        setup.configure(tenant, "approve", "", "");
        let login = setup.login("login", options);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", word);
    }
    for (account, code) in [
        ("keys-error-500", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-unavailable-503", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-never.ed25519", "PAM_IGNORE"),
        ("keys-cut", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-html", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-redirect", "PAM_AUTHINFO_UNAVAIL"),
        ("keys-not-found", "PAM_MAXTRIES"),
        ("keys-none", "PAM_MAXTRIES"),
        ("decline", "PAM_MAXTRIES"),
        ("error-500", "PAM_MAXTRIES"),
        ("cut", "PAM_MAXTRIES"),
    ] {
        let waits_in_vain = account.starts_with("keys-never");
        let rest = if waits_in_vain { IGNORE_SOON } else { IGNORE };
        let setup = Setup::with(Options::default(), account, "", rest);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), code, "{account}: {:#?}", login.events);
    }
}

/// polkit's helper may run in such a sandbox. It is no outage, so it is never ignored.
#[test]
fn a_sandbox_without_a_network_is_a_failure_of_this_host() {
    let setup = Setup::new("approve");
    for (tenant, options) in [
        ("tenant.example", &["interface=lo", "lookup=0"]),
        // The kernel has no route to it: ENETUNREACH.
        ("192.0.2.1", &["interface=lo", "fault=connect:0:1:101"]),
    ] {
        setup.configure(tenant, "approve", "", IGNORE);
        let login = setup.login("polkit-1", options);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure");
        let logged = value(login.log(), "reason").unwrap();
        let reason = "no network interface but lo (a sandbox with PrivateNetwork?)";
        assert!(logged.contains(reason), "{logged}");
        let outside = setup.login("polkit-1", &["interface=eth0", options[1]]);
        assert_eq!(outside.code(), "PAM_IGNORE", "{:#?}", outside.events);
    }
    setup.configure("tenant.example", "approve", "", IGNORE);
    let options = ["lookup=0", "fault=socket:0:2:97"];
    let login = setup.login("polkit-1", &options);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure");
    let logged = value(login.log(), "reason").unwrap();
    assert!(logged.contains("no Internet sockets"), "{logged}");
}

#[test]
fn a_caller_who_starves_the_host_opens_no_door() {
    let setup = Setup::with(Options::default(), "approve", "", IGNORE);
    let mut approved = 0;
    for files in 4..40 {
        let login = setup.login("sudo", &[&format!("files={files}")]);
        // With too few descriptors, libpam itself cannot load a module.
        match login.code() {
            "PAM_SUCCESS" => approved += 1,
            code => assert_ne!(code, "PAM_IGNORE", "{files}: {:#?}", login.events),
        }
    }
    assert!((1..36).contains(&approved), "{approved}");
    for threads in 0..4 {
        let setup = Setup::with(Options::default(), "approve", "", IGNORE);
        let login = setup.login("sudo", &[&format!("threads={threads}")]);
        match threads {
            // One for I/O, one for the name look-up.
            0..=1 => login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure"),
            _ => assert_eq!(login.code(), "PAM_SUCCESS"),
        }
    }
}

/// The caller of a setuid program can make the tenant unreachable, for instance by taking all ports.
#[test]
fn a_program_with_more_rights_than_its_caller_never_fails_open() {
    for (tenant, word) in [
        (&*unused_address(), "unreachable"),
        ("tenant.example", "unreachable"),
    ] {
        let setup = Setup::new("approve");
        setup.configure(tenant, "approve", "", IGNORE);
        for service in ["sudo", "su", "login"] {
            let options = ["caller=3999999999", "lookup=0", "interface=eth0"];
            let login = setup.login(service, &options);
            login.assert_refused("PAM_AUTHINFO_UNAVAIL", word);
            let reason = value(login.log(), "reason").unwrap();
            let why = "; not ignored: this program has more rights than its caller";
            assert!(reason.ends_with(why), "{reason}");
        }
        let by_root = setup.login("sudo", &["lookup=0", "interface=eth0"]);
        assert_eq!(by_root.code(), "PAM_IGNORE");
    }
}

#[test]
fn a_host_that_is_short_of_memory_refuses_and_lives() {
    let push = Setup::with(Options::default(), "approve", "", IGNORE);
    let through_airlock = airlock::setup("otp", "", IGNORE);
    let password = format!("types={}", airlock::PASSWORD);
    for setup in [&push, &through_airlock] {
        let mut refused = 0;
        for megabytes in (8..32).chain((32..128).step_by(16)) {
            let memory = format!("memory={megabytes}");
            let login = setup.login("sudo", &[&memory, &password]);
            assert!(login.status.code().is_some(), "{megabytes} MB: {login:#?}");
            assert_ne!(login.code(), "PAM_IGNORE", "{megabytes} MB: {login:#?}");
            refused += usize::from(login.all("log").iter().any(|line| line.contains("memory")));
        }
        assert!(refused > 5, "{refused}");
    }
}

/// A log that is full, because its daemon does not read.
fn full(path: &Path) -> UnixDatagram {
    let log = UnixDatagram::bind(path).unwrap();
    log.set_read_timeout(Some(TIMEOUT)).unwrap();
    let writer = UnixDatagram::unbound().unwrap();
    writer.set_nonblocking(true).unwrap();
    while writer.send_to(b"full", path).is_ok() {}
    log
}

#[test]
fn a_log_that_is_not_there_or_does_not_read_holds_up_nobody() {
    let setup = Setup::new("approve");
    let nowhere = format!("log={}", setup.path("nowhere").display());
    let login = setup.login("login", &[&nowhere]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    let _log = full(&setup.path("log"));
    for service in ["login", "sudo"] {
        let full = format!("log={}", setup.path("log").display());
        let login = setup.login(service, &[&full]);
        assert_eq!(login.code(), "PAM_SUCCESS");
        assert!(login.took() < PROMPTLY, "{:?}", login.took());
    }
}

/// The journal and the syslog daemon get the same line. `Login` compares it with the fields.
#[test]
fn the_journal_gets_the_line_and_without_it_the_syslog_daemon() {
    let setup = Setup::new("decline");
    let line = |options: &[&str], fields: usize| {
        let login = setup.login("sudo", &[&["rhost=192.0.2.7"], options].concat());
        login.assert_refused("PAM_ABORT", "declined");
        assert_eq!(login.all("fields").len(), fields, "{:#?}", login.events);
        let line = login.all("log").pop().unwrap();
        assert!(line.starts_with("<85>pam_host["), "{line}");
        let (line, _) = login.log().split_once(" seconds=").unwrap();
        line.to_owned()
    };
    // `ringing` and the decision.
    let expected = line(&[], 2);
    assert_eq!(line(&["syslog"], 0), expected);
    // The journal is stuck.
    let _stuck = full(&setup.path("stuck"));
    let stuck = format!("journal={}", setup.path("stuck").display());
    assert_eq!(line(&[&stuck], 0), expected);
    let dead = format!("journal={}", setup.path("ca.pem").display());
    assert_eq!(line(&[&dead], 0), expected);
    // Some user namespaces allow no credentials.
    assert_eq!(line(&["fault=sendmsg:0:1:1"], 2), expected);
}

/// Any user can fill the log for a moment. That must not hide a push or a login.
#[test]
fn lines_wait_for_room_in_the_log() {
    let setup = Setup::new("approve");
    for (option, words) in [
        ("log", ["(login:auth): ringing ", "(login:auth): approved "]),
        ("journal", ["_WORD=ringing\n", "_WORD=approved\n"]),
    ] {
        let path = setup.path(option);
        let log = full(&path);
        let mut running = setup.start("login", &[&format!("{option}={}", path.display())]);
        running.wait_for("visible");
        // The module finds it full, and then there is room.
        std::thread::sleep(Duration::from_millis(900));
        let mut buffer = [0; 2000];
        for word in words {
            let line = loop {
                let length = log.recv(&mut buffer).unwrap();
                if &buffer[..length] != b"full" {
                    break String::from_utf8_lossy(&buffer[..length]).into_owned();
                }
            };
            assert!(line.contains(word), "{line}");
            if word.contains("ringing") {
                let code = running.code();
                running.type_line(code.as_bytes());
            }
        }
        assert_eq!(running.finish().code(), "PAM_SUCCESS");
    }
}

/// NTP, an administrator or an empty battery may change the clock.
#[test]
fn a_clock_that_is_set_in_the_middle_changes_no_deadline() {
    for (account, seconds, waits) in [
        ("page", 31_536_000, "login_seconds = 45"),
        ("page", -31_536_000, "login_seconds = 45"),
        ("never", 31_536_000, "login_seconds = 2"),
    ] {
        let setup = Setup::with(Options::default(), account, "", &format!("[wait]\n{waits}"));
        let mut running = setup.start("login", &[&format!("jump={seconds}")]);
        assert!(setup.tenant.wait_for_sign_requests(1, TIMEOUT));
        running.signal("USR1");
        running.wait_for("jumped");
        if account == "page" {
            // A push is recorded before it waits for a press.
            assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
            let ring = setup.tenant.waiting()[0].id;
            assert!(setup.tenant.answer(ring, Press::Authorize));
            assert_eq!(running.finish().code(), "PAM_SUCCESS");
        } else {
            let login = running.finish();
            login.assert_refused("PAM_MAXTRIES", "timed-out");
            let took = login.took();
            assert!(
                took > Duration::from_millis(1900) && took < PROMPTLY,
                "{took:?}"
            );
        }
    }
}

#[test]
fn a_panic_anywhere_is_a_refusal_and_the_host_lives() {
    // Rust panics when it cannot read the clock. Each reading fails once: on the PAM thread, and on
    // the I/O thread in the client and in the event loop. `finish` checks that stderr stays empty.
    let rest = "[wait]\nconnect_seconds = 2\nlogin_seconds = 2\n\
                [policy]\nfailed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = 0";
    for start in [Setup::with, Setup::showing] {
        let setup = start(Options::default(), "approve.ed25519", "", rest);
        panics_at_each_reading(&setup);
    }
}

fn panics_at_each_reading(setup: &Setup) {
    let mut panics = 0;
    for reading in 0.. {
        let login = setup.login("login", &[&format!("clock={reading}")]);
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
