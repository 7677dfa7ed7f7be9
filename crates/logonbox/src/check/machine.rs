//! The rest of the host: the log and the console.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use super::files::Root;
use super::finding::{Area, Finding, Report, Severity};

/// The journal's socket, and that of other daemons.
const LOGS: [&str; 2] = ["/run/systemd/journal/socket", "/dev/log"];
const LOGIN_DEFS: &str = "/etc/login.defs";
/// The default of login(1).
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// Checks that a daemon receives the module's log lines.
pub fn log(root: &Root, report: &mut Report) {
    if let Some(log) = LOGS.into_iter().find(|log| listens(root, Path::new(log))) {
        report.checked(Area::Host, log);
        return;
    }
    let [journal, syslog] = LOGS;
    report.add(
        Area::Host,
        Finding::new(
            Severity::Warning,
            "log-missing",
            format!("No program listens at {journal} or {syslog}"),
            "The module's lines are lost, and with them the reasons why it refuses logins.",
            "Start the system's log: systemd-journald, rsyslog or syslog-ng.",
        )
        .in_file(Path::new(syslog), None),
    );
}

/// Connects as the module does. A daemon that has ended may leave its socket behind.
fn listens(root: &Root, log: &Path) -> bool {
    let metadata = root.metadata(log);
    metadata.is_some_and(|metadata| metadata.file_type().is_socket())
        && std::os::unix::net::UnixDatagram::unbound()
            .and_then(|socket| socket.connect(root.path(log)))
            .map_or_else(
                |error| error.raw_os_error() == Some(nix::libc::EPROTOTYPE),
                |()| true,
            )
}

/// login(1) has a timeout, too. If it is shorter, it ends a login that is still in progress.
pub fn console(root: &Root, person: Duration, report: &mut Report) {
    let text = root.read(Path::new(LOGIN_DEFS)).unwrap_or_default();
    let set = (1_usize..).zip(text.lines()).filter_map(|(number, line)| {
        let mut words = line.split_whitespace();
        (words.next() == Some("LOGIN_TIMEOUT")).then_some(())?;
        Some((number, words.next()?.trim_matches('"').parse().ok()?))
    });
    // login takes the last one.
    let set = set.last();
    let timeout = set.map_or(LOGIN_TIMEOUT, |(_, seconds)| Duration::from_secs(seconds));
    if timeout.is_zero() || person < timeout {
        return;
    }
    report.add(
        Area::Host,
        Finding::new(
            Severity::Warning,
            "login-timeout",
            format!("login gives up after {} s", timeout.as_secs()),
            format!(
                "This time is for name, password and phone together. login_seconds alone is {} s.",
                person.as_secs()
            ),
            "Lower login_seconds, raise LOGIN_TIMEOUT, or leave the console without the module.",
        )
        .in_file(Path::new(LOGIN_DEFS), set.map(|(number, _)| number)),
    );
}

#[cfg(test)]
mod tests {
    use super::super::test_host::{ids, machine};
    use super::*;

    #[test]
    fn login_gives_up() {
        for (text, seconds, expected) in [
            ("", 45, vec![]),
            ("", 60, vec!["login-timeout"]),
            (
                "# LOGIN_TIMEOUT 10\nLOGIN_TIMEOUT 30\n",
                45,
                vec!["login-timeout"],
            ),
            ("LOGIN_TIMEOUT 0\n", 600, vec![]),
            // The last line counts: measured with shadow 4.13 and util-linux 2.42.
            ("LOGIN_TIMEOUT 30\nLOGIN_TIMEOUT 90\n", 45, vec![]),
            (
                "LOGIN_TIMEOUT 90\nLOGIN_TIMEOUT \"30\"\n",
                45,
                vec!["login-timeout"],
            ),
        ] {
            let (_dir, root) = machine(&[("etc/login.defs", text, 0o644)]);
            let mut report = Report::default();
            console(&root, Duration::from_secs(seconds), &mut report);
            assert_eq!(ids(&report), expected, "{text}");
        }
    }

    #[test]
    fn a_log_that_nobody_reads() {
        let (dir, root) = machine(&[("dev/x", "", 0o644)]);
        let mut report = Report::default();
        log(&root, &mut report);
        assert_eq!(ids(&report), ["log-missing"]);
        let socket = std::os::unix::net::UnixDatagram::bind(dir.path().join("dev/log")).unwrap();
        let mut report = Report::default();
        log(&root, &mut report);
        assert_eq!(ids(&report), [""; 0]);
        drop(socket);
        log(&root, &mut report);
        assert_eq!(ids(&report), ["log-missing"]);
    }
}
