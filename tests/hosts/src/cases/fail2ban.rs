//! The shipped fail2ban filter with the log of real logins: the right addresses count, and a
//! crafted user name does not ban another address.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;

use tenant::Press;

use super::operating::bypass_code;
use super::{BY_HAND, PROMPT, approve_and_type, ring, type_without_a_ring, wrong_code};
use crate::TestCase;
use crate::log::logged;
use crate::machine::{
    Machine, PASSWORD, USER_ID, append, command, configure, configure_airlock, install, piped,
    stack, terminal, wait_until,
};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

const REGEX: &str = "/usr/bin/fail2ban-regex";
pub const JOURNALD: &str = "/lib/systemd/systemd-journald";

pub const CASES: &[TestCase] = &[
    TestCase::new("fail2ban/phone", REGEX, phone),
    TestCase::new("fail2ban/let-in", REGEX, let_in),
    TestCase::new("fail2ban/airlock", REGEX, airlock),
    TestCase::new("fail2ban/names", REGEX, names),
    TestCase::new("fail2ban/names-of-login", REGEX, names_of_login),
    TestCase::new("fail2ban/journal", REGEX, journal),
    TestCase::new("fail2ban/jail", REGEX, jail),
];

/// A second log in the format of older distributions.
const CLASSIC: &str = "/var/log/classic.log";
/// An address that must not be banned, because no client uses it.
const VICTIM: &str = "6.6.6.6";

/// A client at another address of this host, `127.0.0.LAST`.
pub fn from(last: u8, user: &str) -> Terminal {
    let file = format!("/root/ssh_config-{last}");
    // Not on the command line, because ssh refuses names there that are unsafe in a shell.
    let escaped = user.replace('\\', "\\\\").replace('"', "\\\"");
    let text = format!(
        "Host *\n  User \"{escaped}\"\n  BindAddress 127.0.0.{last}\n  HostKeyAlias localhost\n\
         \x20 PreferredAuthentications keyboard-interactive\n"
    );
    fs::write(&file, text).expect(&file);
    ssh(&["-F", &file, "127.0.0.1"])
}

fn filter() -> String {
    let shipped = "/usr/share/doc/libpam-logonbox/examples/fail2ban/filter.d/pam_logonbox.conf";
    fs::read_to_string(shipped).expect(shipped)
}

/// The addresses that this filter finds, in the order of the lines.
fn found_by(filter: &str, log: &str, more: &[&str]) -> Vec<String> {
    let path = "/etc/fail2ban/filter.d/under-test.conf";
    fs::write(path, filter).expect(path);
    found_in(path, log, more)
}

/// The addresses that a filter in a file, or one of fail2ban's, finds.
fn found_in(path: &str, log: &str, more: &[&str]) -> Vec<String> {
    let output = Command::new(REGEX)
        .args(["--out", "ip"])
        .args(more)
        .args([log, path])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect(REGEX);
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

/// Expects that the shipped filter finds exactly the addresses `127.0.0.LAST`, in both formats.
/// Waits for the last line that counts.
#[track_caller]
fn found(lasts: &[u8]) {
    found_with(&filter(), lasts);
}

#[track_caller]
fn found_with(filter: &str, lasts: &[u8]) {
    let expected: Vec<_> = lasts.iter().map(|last| format!("127.0.0.{last}")).collect();
    for log in ["/var/log/auth.log", CLASSIC] {
        wait_until("the log has the last decision", || {
            found_by(filter, log, &[]).len() >= expected.len()
        });
        let text = fs::read_to_string(log).unwrap_or_default();
        assert_eq!(found_by(filter, log, &[]), expected, "{log}\n{text}");
    }
}

/// Makes rsyslog write a second file.
fn classic_too() {
    append(
        "/etc/rsyslog.d/00-classic.conf",
        &format!("auth,authpriv.* {CLASSIC};RSYSLOG_TraditionalFileFormat\n"),
    );
    stop_rsyslog();
    command("rsyslogd", &[]);
    wait_until("the log is there", || {
        fs::exists("/dev/log").unwrap_or_default()
    });
}

pub fn stop_rsyslog() {
    let pid = fs::read_to_string("/run/rsyslogd.pid").expect("rsyslog runs");
    command("kill", &[pid.trim()]);
    wait_until("rsyslog has ended", || {
        !fs::exists("/run/rsyslogd.pid").unwrap_or(true)
    });
    let _ = fs::remove_file("/dev/log");
}

/// How a login of the test ends.
#[derive(Clone, Copy)]
enum End {
    /// The user presses this, and types the right code.
    Press(Press),
    /// The right code, but the phone is off.
    Silent,
    /// The stranger guesses the code.
    Guess,
    /// The phone stays silent, and somebody presses Enter.
    Enter,
    /// The client goes away while the phone rings.
    Abandoned,
}

/// The approved login has cleared the count: a decline fills it up again.
fn over_the_limit(machine: &Machine) {
    configure("[policy]\nfailed_attempts_per_10_minutes = 1");
    for (last, answer) in [(10, ""), (11, "123456")] {
        let fetches = machine.phone.fetches();
        let mut client = from(last, "lee");
        client.see("Password:");
        client.answer(PASSWORD);
        if last == 10 {
            let ring = ring(machine, &client);
            machine.phone.press(&ring, Press::Decline);
            client.answer(answer);
        } else {
            type_without_a_ring(machine, &client, fetches, answer);
        }
        assert!(!client.end().success());
    }
}

/// A client that rings another user's phone counts, and one that guesses a code. A client does not
/// count if the phone is off, if the client has gone away, if others have used up the limit, or if
/// its address has a name or belongs to this host.
fn phone(machine: &mut Machine) {
    classic_too();
    for service in ["sshd", "sudo"] {
        stack(service, service);
    }
    append("/etc/hosts", "\n127.0.0.4 stranger.example\n");
    let with_names = |text: &str| format!("UseDNS yes\n{text}");
    let _sshd = Sshd::start_changed("00-logonbox.conf", with_names);
    let decline = End::Press(Press::Decline);
    for (last, end) in [
        (2, decline),
        (3, End::Press(Press::WrongKey)),
        (4, decline),
        (0, decline),
        (5, End::Silent),
        (6, End::Guess),
        (7, End::Enter),
        (8, End::Abandoned),
        // A silent `ringing`: this login is approved.
        (9, End::Press(Press::Authorize)),
    ] {
        let seconds = if matches!(end, End::Silent) { 5 } else { 45 };
        configure(&format!(
            "[wait]\nlogin_seconds = {seconds}\n[policy]\nfailed_attempts_per_10_minutes = 9"
        ));
        let mut client = if last == 0 {
            terminal(USER_ID, "/usr/bin/sudo", &["-k", "id"])
        } else {
            from(last, "lee")
        };
        client.see("assword");
        client.answer(PASSWORD);
        let ring = ring(machine, &client);
        match end {
            End::Press(Press::Authorize) => {
                approve_and_type(machine, &client, &ring);
                client.see("$ ");
                continue;
            }
            End::Press(press) => {
                machine.phone.press(&ring, press);
                client.answer(&Phone::code(&ring));
            }
            End::Silent => client.answer(&Phone::code(&ring)),
            End::Guess => client.answer(&wrong_code(&ring)),
            End::Enter => client.answer(""),
            End::Abandoned => client.give_up(),
        }
        assert!(!client.end().success());
    }
    over_the_limit(machine);
    let mut expected = Vec::new();
    for (word, last) in [
        ("declined", 2),
        ("bad-signature", 3),
        ("declined", 4),
        ("declined", 0),
        ("timed-out", 5),
        ("wrong-code", 6),
        ("wrong-code", 7),
        ("", 8),
        ("approved", 9),
        ("declined", 10),
    ] {
        let (service, rhost) = match last {
            0 => ("sudo", "device=".to_owned()),
            4 => ("sshd", "rhost=\"stranger.example\"".to_owned()),
            _ => ("sshd", format!("rhost=\"127.0.0.{last}\"")),
        };
        for word in ["ringing", word]
            .into_iter()
            .filter(|word| !word.is_empty())
        {
            expected.push(format!(
                "pam_logonbox({service}:auth): {word} user=\"lee\" account=\"lee\" {rhost}"
            ));
        }
    }
    expected.push(
        "pam_logonbox(sshd:auth): limit user=\"lee\" account=\"lee\" rhost=\"127.0.0.11\""
            .to_owned(),
    );
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    logged(&expected);
    found(&[2, 6, 10]);
    // fail2ban's own jail ignores these lines, except in its strictest modes.
    let own = |filter| found_in(filter, "/var/log/auth.log", &[]);
    assert_eq!(own("sshd"), Vec::<String>::new());
    let phone_is_off = "127.0.0.5".to_owned();
    for strict in ["sshd[mode=ddos]", "sshd[mode=aggressive]"] {
        assert!(own(strict).contains(&phone_is_off), "{strict}");
    }
}

/// Users who are in do not count, whatever let them in. A wrong bypass code does.
fn let_in(_: &mut Machine) {
    classic_too();
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    for (last, code) in [(2, bypass_code()), (3, "AAAA-BBBB-CCCCC".to_owned())] {
        let mut client = from(last, "lee");
        client.see("Password:");
        client.answer(PASSWORD);
        client.see(PROMPT);
        thread::sleep(BY_HAND);
        client.answer(&code);
        if last == 2 {
            client.see("$ ");
            client.answer("exit");
        }
        assert_eq!(client.end().success(), last == 2, "{}", client.screen());
    }
    found(&[3]);
    // The lines of logins from this host are never `remembered`.
    for log in ["/var/log/auth.log", CLASSIC] {
        let text = fs::read_to_string(log).expect(log);
        assert!(text.contains(": bypass user=\"lee\""), "{text}");
        for word in ["remembered", "exempt", "approved"] {
            let lines = text.replace(": wrong-code ", &format!(": {word} "));
            fs::write("/var/log/other.log", lines).expect("/var/log");
            assert_eq!(found_by(&filter(), "/var/log/other.log", &[]), [""; 0]);
        }
    }
}

/// Starts sshd with Airlock's password as the first factor.
fn start_airlock() -> Sshd {
    stack("sshd", "sshd-airlock");
    configure_airlock("");
    Sshd::start("00-logonbox.conf")
}

/// A login that ends with the password.
fn guess(last: u8, user: &str) {
    let mut client = from(last, user);
    client.see("Password:");
    client.answer("guess");
    assert!(!client.end().success());
}

/// Guessed names, passwords and OTPs count.
fn airlock(_: &mut Machine) {
    classic_too();
    let _sshd = start_airlock();
    guess(2, "lee");
    guess(3, "nobody-such");
    let mut client = from(4, "lee");
    client.see("Password:");
    client.answer("correct-horse");
    client.see("Device (1-3):");
    client.answer("2");
    // The third wrong try in all.
    for times in 1..=2 {
        client.see_times("OTP:", times);
        client.answer("000000");
    }
    assert!(!client.end().success());
    // The account is locked now. Its owner sees the same answer and may have typed nothing wrong.
    guess(5, "lee");
    guess(6, "nobody-such");
    let words = [
        "wrong-password",
        "unknown-user",
        "wrong-otp",
        "locked",
        "unknown-user",
    ];
    logged(
        &words
            .map(|word| format!("pam_logonbox(sshd:auth): {word} user="))
            .each_ref()
            .map(String::as_str),
    );
    found(&[2, 3, 4, 6]);
}

/// Names that imitate the rest of a line, or a line.
const VALUES: &str = "x\" rhost=\"6.6.6.6\" seconds=\"0.0";
const LINES: [&str; 3] = [
    "pam_logonbox(sshd:auth): declined user=\"x\" rhost=\"6.6.6.6\" seconds=\"0.0\"",
    "door sshd[14]: pam_logonbox(sshd:auth): declined user=\"x\" rhost=\"6.6.6.6\" seconds=\"0.0\"",
    "Nov 22 17:38:17 door sshd[14]: pam_logonbox(sshd:auth): declined rhost=\"6.6.6.6\" seconds=\"0\"",
];

/// Typed text does not ban another address. sshd logs names unchanged up to a colon, and sudo logs
/// whole commands.
fn names(_: &mut Machine) {
    classic_too();
    let _sshd = start_airlock();
    guess(2, VALUES);
    for line in LINES {
        let arguments: Vec<&str> = ["-n", "id"].into_iter().chain(line.split(' ')).collect();
        let output = piped(USER_ID, "/usr/bin/sudo", &arguments, "").end();
        assert!(!output.status.success(), "{output:?}");
    }
    guess(3, "nobody-such");
    found(&[2, 3]);

    // The log has the crafted lines, and a looser filter would be fooled.
    let log = crate::log::all();
    for text in LINES.into_iter().chain([VALUES]) {
        assert!(log.contains(text), "the log lacks {text}\n{log}");
    }
    let prefix = r"^\s*(?:\S+ )?<program>\[\d+\]: ";
    for (start, fooled) in [("", 3), (r"<program>\[\d+\]: ", 2)] {
        assert!(filter().contains(prefix));
        let loose = filter().replace(prefix, start);
        let victims = found_by(&loose, CLASSIC, &[])
            .iter()
            .filter(|address| *address == VICTIM)
            .count();
        assert_eq!(victims, fooled, "{start}");
    }
}

/// The same for names with colons, and for another service.
fn names_of_login(_: &mut Machine) {
    classic_too();
    let services = ["login", "remote"];
    for service in services {
        fs::write(
            format!("/etc/pam.d/{service}"),
            "auth required pam_logonbox.so\n",
        )
        .expect(service);
    }
    configure_airlock("");
    for (last, name) in (2..).zip(LINES.into_iter().chain([VALUES])) {
        let mut terminal = terminal(0, "login", &["-h", &format!("127.0.0.{last}")]);
        terminal.see("login:");
        terminal.answer(name);
        terminal.see("assword:");
        terminal.answer("guess");
        terminal.see("Login refused.");
        terminal.press("\x03");
        terminal.end();
    }
    let other = filter()
        .replace("service = sshd\n", "service = (?:login|remote)\n")
        .replace("program = sshd(?:-session)?\n", "program = login\n");
    found_with(&other, &[2, 3, 4, 5]);
    // These lines are not from sshd.
    found(&[]);
}

/// In the journal, only lines that root has written count.
fn journal(_: &mut Machine) {
    stop_rsyslog();
    let _journald = start_journald();
    let _sshd = start_airlock();
    let forged = format!(
        "pam_logonbox(sshd:auth): declined user=\"lee\" rhost=\"{VICTIM}\" seconds=\"1.0\""
    );
    let arguments = ["-t", "sshd[14]", "-p", "authpriv.info", &*forged];
    assert!(
        piped(USER_ID, "logger", &arguments, "")
            .end()
            .status
            .success()
    );
    guess(2, "lee");
    guess(3, VALUES);
    let from_root = ["127.0.0.2", "127.0.0.3"];
    wait_until("journald has the lines", || {
        found_by(&filter(), "systemd-journal", &[]).len() >= from_root.len()
    });
    assert_eq!(found_by(&filter(), "systemd-journal", &[]), from_root);
    // The forged line fools a looser filter.
    let any = ["--journalmatch", "SYSLOG_FACILITY=10"];
    let fooled = found_by(&filter(), "systemd-journal", &any);
    assert!(fooled.iter().any(|address| address == VICTIM), "{fooled:?}");
}

/// Installs both files where the page says.
fn jail(_: &mut Machine) {
    for folder in ["filter.d", "jail.d"] {
        let file = format!("{folder}/pam_logonbox.conf");
        install(
            &format!("fail2ban/{file}"),
            &format!("/etc/fail2ban/{file}"),
        );
    }
    let output = Command::new("fail2ban-client")
        .arg("-d")
        .output()
        .expect("fail2ban");
    assert!(output.status.success(), "{output:?}");
    let commands = String::from_utf8_lossy(&output.stdout);
    for command in [
        "['add', 'pam_logonbox', 'systemd']",
        "['set', 'pam_logonbox', 'addjournalmatch', '_UID=0', 'SYSLOG_FACILITY=10']",
        "['set', 'pam_logonbox', 'maxretry', 5]",
        "['start', 'pam_logonbox']",
    ] {
        assert!(commands.lines().any(|line| line == command), "{commands}");
    }
}

/// Ends when dropped.
pub struct Journald(Child);

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn start_journald() -> Journald {
    command("systemd-machine-id-setup", &[]);
    fs::create_dir_all("/run/systemd/journal").expect("/run/systemd/journal");
    let journald = Command::new(JOURNALD)
        .stdin(Stdio::null())
        .spawn()
        .expect("journald");
    let socket = "/run/systemd/journal/dev-log";
    wait_until("journald listens", || {
        fs::exists(socket).unwrap_or_default()
    });
    // A reader that opens the journal before its first file exists never finds that file.
    wait_until("journald has opened its journal", || {
        ["/run/log/journal", "/var/log/journal"]
            .iter()
            .any(|journal| {
                let machines = fs::read_dir(journal).into_iter().flatten().flatten();
                machines
                    .map(|machine| machine.path().join("system.journal"))
                    .any(|file| file.exists())
            })
    });
    std::os::unix::fs::symlink(socket, "/dev/log").expect("/dev/log");
    Journald(journald)
}
