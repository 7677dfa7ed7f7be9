//! A flood of the log by an ordinary user hides no line.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::fail2ban::{JOURNALD, start_journald, stop_rsyslog};
use crate::TestCase;
use crate::machine::{Machine, OTHER_ID, Piped, USER_ID, command, configure, piped, wait_until};

pub const CASES: &[TestCase] = &[
    TestCase {
        name: "journal/flood",
        program: JOURNALD,
        without: |_| (!Path::new(PYTHON).exists()).then_some("it has no python3"),
        run: journal,
    },
    TestCase::new("journal/flood-syslog", PYTHON, syslog),
];

const PYTHON: &str = "/usr/bin/python3";

/// Sends as fast as it can, and half of the time without waiting for room. It ends with its stdin.
const FLOOD: &str = "
import select, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect(sys.argv[1])
log.setblocking(sys.argv[2] == 'wait')
print('begins', flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(100):
        try:
            log.send(sys.argv[3].encode())
        except BlockingIOError:
            pass
";

fn flood(path: &str, line: &str) -> Vec<Piped> {
    // The machine may be busy, and the test is about the log.
    let flooder = |how| ["-n", "19", "python3", "-c", FLOOD, path, how, line];
    let flooders = ["wait", "try"].map(|how| piped(OTHER_ID, "nice", &flooder(how), ""));
    flooders.into()
}

/// Logins of each patience, one after the other, while the log is flooded.
const LOGINS: usize = 10;

fn logins() {
    let stack = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n\
                 auth required pam_permit.so\naccount required pam_permit.so\n";
    fs::write("/etc/pam.d/chsh", stack).expect("a stack");
    for (policy, success) in [
        ("[[policy.exempt]]\nusers = [\"lee\"]", true),
        ("[policy]\nunknown = 1", false),
    ] {
        configure(policy);
        for _ in 0..LOGINS {
            let output = piped(USER_ID, "chsh", &["-s", "/bin/sh"], "").end();
            assert_eq!(output.status.success(), success, "{output:?}");
        }
    }
}

/// The daemons get the lines of root's programs, and of the flood, from both sockets.
fn journal(_: &mut Machine) {
    stop_rsyslog();
    let _journald = start_journald();
    let mut flooders = flood("/dev/log", "<86>flood: x");
    flooders.extend(flood(
        "/run/systemd/journal/socket",
        "MESSAGE=flood\nPRIORITY=6\n",
    ));
    wait_until("the flood is in the journal", || {
        count(&["MESSAGE=flood"]) > 1000
    });
    logins();
    for flooder in flooders {
        flooder.end();
    }
    command("journalctl", &["--sync"]);
    for word in ["exempt", "configuration"] {
        assert_eq!(
            count(&["_UID=0", &format!("PAM_LOGONBOX_WORD={word}")]),
            LOGINS
        );
    }
}

/// The lines that match.
fn count(fields: &[&str]) -> usize {
    let output = Command::new("journalctl")
        .args(["--quiet", "--no-pager", "--output=cat"])
        .args(fields)
        .output()
        .expect("journalctl");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().count()
}

fn syslog(_: &mut Machine) {
    let flooders = flood("/dev/log", "<14>flood: x");
    wait_until("the flood is in the log", || {
        fs::read_to_string("/var/log/user.log")
            .is_ok_and(|log| log.matches("flood: x").count() > 1000)
    });
    logins();
    for flooder in flooders {
        flooder.end();
    }
    for word in ["exempt", "configuration"] {
        let word = format!("pam_logonbox(chsh:auth): {word} ");
        wait_until("the log has the lines", || {
            crate::log::all().matches(&word).count() >= LOGINS
        });
    }
}
