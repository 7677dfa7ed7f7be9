//! systemd as process 1: services, sessions, the console, the journal, sandboxes.

use hosts::machine::PASSWORD;
use hosts::person::{PROMPT, approve_and_type, ring};
use hosts::phone::Phone;
use tenant::Press;

use super::{approve, log_in, type_by_hand};
use crate::guest::Guest;
use crate::{Boot, Test, test};

pub const BOOT: Boot = Boot {
    command_line: "",
    set_up: |_| {},
    tests: &[
        test("systemd/sshd-service", sshd_service),
        test("systemd/sshd-socket", sshd_socket),
        test("systemd/sshd-restarted", sshd_restarted),
        test("systemd/console", console),
        test("systemd/sudo-su", sudo_su),
        Test {
            name: "systemd/run0",
            run: run0,
            without: Some(("bookworm", "its systemd has no run0")),
        },
        test("systemd/pkexec", pkexec),
        test("systemd/cron", cron),
        test("systemd/units", units),
        test("systemd/journal", journal),
        test("systemd/sandboxes", sandboxes),
    ],
};

const SSHD_RINGING: &str = "pam_logonbox(sshd:auth): ringing user=\"lee\"";
const SSHD_APPROVED: &str = "pam_logonbox(sshd:auth): approved user=\"lee\"";

/// The scopes of lee's sessions, which logind makes.
fn sessions(guest: &Guest) -> usize {
    let list = "systemctl list-units --no-legend --state=running 'session-*.scope'";
    let count = guest.sh(&format!("{list} | grep -c 'User lee' || true"));
    count.parse().expect("a number")
}

/// The session is one of logind's, and ends with the login.
fn sshd_service(guest: &mut Guest) {
    guest.sshd();
    guest.sh("systemctl restart ssh");
    let before = sessions(guest);
    let mut ssh = guest.ssh("lee", &[]);
    log_in(guest, &ssh);
    ssh.see("$");
    ssh.answer(
        "echo in-$((40+2)); loginctl --no-pager show-session \"$XDG_SESSION_ID\" -p Service",
    );
    ssh.see("in-42");
    ssh.see("Service=sshd");
    assert_eq!(sessions(guest), before + 1);
    ssh.answer("exit");
    assert!(ssh.end().success());
    assert_eq!(guest.rings(), 1);
    guest.logged(&[SSHD_RINGING, SSHD_APPROVED]);
    guest.eventually("the session has ended", |guest| sessions(guest) == before);
}

/// Each connection is a unit of its own.
fn sshd_socket(guest: &mut Guest) {
    guest.sshd();
    guest.sh("systemctl stop ssh; systemctl start ssh.socket");
    let mut ssh = guest.ssh("lee", &["echo in-$((40+2))"]);
    log_in(guest, &ssh);
    assert!(ssh.end().success(), "{}", ssh.screen());
    assert!(ssh.has_line("in-42"), "{}", ssh.screen());
    assert_eq!(guest.rings(), 1);
    guest.logged(&[SSHD_RINGING, SSHD_APPROVED]);
    guest.sh("systemctl stop ssh.socket; systemctl stop ssh; systemctl start ssh");
}

/// A restart of sshd ends no login that waits.
fn sshd_restarted(guest: &mut Guest) {
    guest.sshd();
    guest.sh("systemctl restart ssh");
    let mut ssh = guest.ssh("lee", &["echo in-$((40+2))"]);
    ssh.see("assword");
    ssh.answer(PASSWORD);
    let ring = ring(&guest.phone, &ssh);
    guest.sh("systemctl restart ssh");
    approve_and_type(&guest.phone, &ssh, &ring);
    assert!(ssh.end().success(), "{}", ssh.screen());
    assert!(ssh.has_line("in-42"), "{}", ssh.screen());
    guest.logged(&[SSHD_RINGING, SSHD_APPROVED]);
}

/// getty and login on the serial console.
fn console(guest: &mut Guest) {
    guest.stack("login", "login");
    guest.getty();
    let console = &guest.console;
    console.answer("lee");
    console.see("Password:");
    console.answer(PASSWORD);
    let declined = ring(&guest.phone, console);
    guest.phone.press(&declined, Press::Decline);
    console.answer(&Phone::code(&declined));
    console.see("Login denied on the phone.");
    // login asks for another name.
    console.see_times("login:", 2);
    console.answer("lee");
    console.see_times("Password:", 2);
    console.answer(PASSWORD);
    console.see_times(PROMPT, 2);
    let ring = guest.phone.ring();
    approve_and_type(&guest.phone, console, &ring);
    console.see("lee@door");
    console.answer("echo in-$((40+2)) $(tty); exit");
    console.see("in-42 /dev/ttyS0");
    // Ctrl-C ends login at once, and getty begins again.
    guest.getty();
    console.answer("lee");
    console.see("Password:");
    console.answer(PASSWORD);
    let _ = self::ring(&guest.phone, console);
    console.press("\x03");
    console.see_times("door login:", 2);
    guest.phone.hung_up();
    let login = "pam_logonbox(login:auth): ";
    let ringing = format!("{login}ringing user=\"lee\"");
    guest.logged(&[
        &ringing,
        &format!("{login}declined user=\"lee\""),
        &ringing,
        &format!("{login}approved user=\"lee\""),
        &ringing,
    ]);
    assert_eq!(guest.rings(), 3);
}

fn sudo_su(guest: &mut Guest) {
    guest.stack("sudo", "sudo");
    guest.stack("su", "su");
    let mut sudo = guest.terminal("lee", "sudo id -un");
    log_in(guest, &sudo);
    assert!(sudo.end().success(), "{}", sudo.screen());
    assert!(sudo.has_line("root"), "{}", sudo.screen());
    let mut su = guest.terminal("other", "su lee -c 'id -un'");
    log_in(guest, &su);
    assert!(su.end().success(), "{}", su.screen());
    assert!(su.has_line("lee"), "{}", su.screen());
    guest.logged(&[
        "pam_logonbox(sudo:auth): ringing user=\"lee\"",
        "pam_logonbox(sudo:auth): approved user=\"lee\"",
        "pam_logonbox(su:auth): ringing user=\"lee\"",
        "pam_logonbox(su:auth): approved user=\"lee\"",
    ]);
    assert_eq!(guest.rings(), 2);
}

/// A stack of polkit: password, then the phone of the administrator who is asked.
fn polkit(guest: &Guest) {
    guest.write(
        "/etc/pam.d/polkit-1",
        "auth requisite pam_unix.so\n\
         auth [success=ok ignore=ignore default=die] pam_logonbox.so\n\
         auth required pam_permit.so\n\
         account required pam_unix.so\n\
         session required pam_permit.so",
    );
    guest.sh("gpasswd -a lee sudo");
}

#[track_caller]
fn asks_polkit(guest: &Guest, command: &str) {
    polkit(guest);
    // In a session, as people do. The phone is in polkit's stack alone.
    let mut terminal = guest.ssh("lee", &["-tt", command]);
    terminal.see("assword");
    terminal.answer(PASSWORD);
    terminal.see_times("assword", 2);
    terminal.answer(PASSWORD);
    approve(guest, &terminal);
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.screen().contains("in-0"), "{}", terminal.screen());
    let line = "pam_logonbox(polkit-1:auth): ";
    guest.logged(&[
        &format!("{line}ringing user=\"lee\""),
        &format!("{line}approved user=\"lee\""),
    ]);
    assert_eq!(guest.rings(), 1);
}

fn run0(guest: &mut Guest) {
    asks_polkit(guest, "run0 --background= sh -c 'echo in-$(id -u)'");
}

/// The prompt of pkexec itself does not work with polkit 122: "No session for cookie", also without
/// the module. So the agent is a program of its own, as on a desktop.
fn pkexec(guest: &mut Guest) {
    // It closes the FIFO when polkit knows it.
    let agent = "mkfifo /tmp/agent-$$; pkttyagent --process $$ --notify-fd 3 3>/tmp/agent-$$ &";
    let command = format!(
        "{agent} cat /tmp/agent-$$; pkexec sh -c 'echo in-$(id -u)'; code=$?; kill $!; exit $code"
    );
    asks_polkit(guest, &command);

    // From polkit 127 on, the helper is a unit without a network. Its drop-ins count.
    let units = "/etc/systemd/system";
    let helper = "polkit-agent-helper@.service";
    guest.sh(&format!("mkdir {units}/{helper}.d"));
    for (file, text, is_found) in [
        (helper, "ExecStart=/bin/true\nPrivateNetwork=yes\n", true),
        (
            &format!("{helper}.d/network.conf"),
            "PrivateNetwork=no\n",
            false,
        ),
    ] {
        guest.write(&format!("{units}/{file}"), &format!("[Service]\n{text}"));
        guest.sh("systemctl daemon-reload");
        let check = guest.check();
        assert_eq!(
            check.contains("service-without-network"),
            is_found,
            "{check}"
        );
        assert!(!check.contains("the network of polkit"), "{check}");
    }
    guest.sh(&format!("rm -r {units}/{helper}*; systemctl daemon-reload"));
}

/// Puts the module into the stack that all services share. su asks, so the line counts.
fn in_all_stacks(guest: &Guest) {
    guest.sh("echo 'auth requisite pam_logonbox.so' >>/etc/pam.d/common-auth");
    let mut su = guest.terminal("other", "su lee -c true");
    log_in(guest, &su);
    assert!(su.end().success(), "{}", su.screen());
}

/// A job of cron's starts without a login.
fn cron(guest: &mut Guest) {
    in_all_stacks(guest);
    guest.sh("rm -f /tmp/cron; echo '* * * * * lee id -un >/tmp/cron' >/etc/cron.d/test");
    guest.eventually("cron has run", |guest| {
        guest.sh("cat /tmp/cron 2>&1 || true") == "lee"
    });
    guest.sh("rm /etc/cron.d/test");
    assert_eq!(guest.rings(), 1);
}

/// Units start without a login, also those that open a PAM session.
fn units(guest: &mut Guest) {
    in_all_stacks(guest);
    let run = "systemd-run --quiet --wait --pipe --uid=lee";
    assert_eq!(guest.sh(&format!("{run} id -un")), "lee");
    assert_eq!(guest.sh(&format!("{run} -p PAMName=login id -un")), "lee");
    let timer = "--on-active=1s --uid=lee sh -c 'id -un >/tmp/timer'";
    guest.sh(&format!("rm -f /tmp/timer; systemd-run --quiet {timer}"));
    guest.eventually("the timer has run", |guest| {
        guest.sh("cat /tmp/timer 2>&1 || true") == "lee"
    });
    assert_eq!(guest.rings(), 1);
}

/// The fields by which a person finds lines.
fn journal(guest: &mut Guest) {
    guest.stack("su", "su");
    let mut su = guest.terminal("other", "su lee -c true");
    log_in(guest, &su);
    assert!(su.end().success(), "{}", su.screen());
    guest.logged(&[
        "pam_logonbox(su:auth): ringing user=\"lee\"",
        "pam_logonbox(su:auth): approved user=\"lee\"",
    ]);
    for (query, lines) in [
        ("PAM_LOGONBOX_WORD=approved", 1),
        ("PAM_LOGONBOX_USER=lee", 2),
        ("PAM_LOGONBOX_ACCOUNT=lee PAM_LOGONBOX_WORD=ringing", 1),
        (
            "PAM_LOGONBOX_SERVICE=su SYSLOG_FACILITY=10 SYSLOG_IDENTIFIER=su",
            2,
        ),
        ("PAM_LOGONBOX_WORD=declined", 0),
    ] {
        let found = guest.journal(&format!("--output cat {query}"));
        assert_eq!(found.lines().count(), lines, "{query}: {found}");
    }
    // journald says on its own who has sent the line.
    let fields = guest.journal("--output export PAM_LOGONBOX_WORD=approved");
    for field in [
        "_UID=0",
        "_COMM=su",
        "_TRANSPORT=journal",
        "PRIORITY=6",
        "PAM_LOGONBOX_KEY=SHA256:",
    ] {
        assert!(fields.contains(field), "{field}: {fields}");
    }
    let seconds = fields
        .lines()
        .find(|line| line.starts_with("PAM_LOGONBOX_SECONDS="));
    assert!(seconds.is_some(), "{fields}");
    assert_eq!(
        fields
            .lines()
            .filter(|line| line.starts_with("MESSAGE_ID="))
            .count(),
        1,
        "{fields}"
    );
}

/// What administrators put around sshd.
const HARMLESS: &[&str] = &[
    "ProtectSystem=strict\nReadWritePaths=-/run/pam_logonbox -/var/lib/pam_logonbox\nReadWritePaths=/run /var/log",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallFilter=@system-service @privileged",
    "MemoryDenyWriteExecute=yes\nNoNewPrivileges=yes\nLockPersonality=yes\nProtectHome=read-only\nPrivateTmp=yes",
];

fn sandboxes(guest: &mut Guest) {
    guest.sshd();
    for sandbox in HARMLESS {
        guest.sandbox(sandbox);
        let mut ssh = guest.ssh("lee", &["echo in-$((40+2))"]);
        log_in(guest, &ssh);
        assert!(ssh.end().success(), "{sandbox}: {}", ssh.screen());
        assert!(ssh.has_line("in-42"), "{sandbox}: {}", ssh.screen());
    }
    let lines = guest.lines();
    assert_eq!(lines.len(), 2 * HARMLESS.len(), "{lines:#?}");
    assert!(
        lines.iter().all(|line| !line.contains("hint=")),
        "{lines:#?}"
    );
    // The login goes on where the count cannot be kept, and the log names the setting.
    guest.sandbox("ProtectSystem=strict\nReadWritePaths=/run/sshd /run/systemd /run/user /var/log");
    guest.sh("rm -rf /run/pam_logonbox");
    let mut ssh = guest.ssh("lee", &["true"]);
    log_in(guest, &ssh);
    assert!(ssh.end().success(), "{}", ssh.screen());
    let line = guest.lines().pop().unwrap_or_default();
    assert!(
        line.contains("approved") && line.contains("ProtectSystem=strict needs ReadWritePaths="),
        "{line}"
    );
    // Without a network, or without a thread, no push leaves: a failure of this machine. The phone is the
    // only factor, because pam_unix needs a process for its helper.
    guest.write(
        "/etc/pam.d/sshd",
        "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n\
         auth required pam_permit.so\n\
         account required pam_permit.so",
    );
    let rang = guest.rings();
    for (sandbox, reason) in [
        ("PrivateNetwork=yes", "no network interface but lo"),
        ("TasksMax=4", "no thread: "),
    ] {
        guest.sandbox(sandbox);
        let mut ssh = guest.ssh("lee", &["true"]);
        guest.eventually("the prompt, or the refusal", |_| {
            let screen = ssh.screen();
            screen.contains(PROMPT) || screen.contains("refused")
        });
        type_by_hand(&ssh, "");
        guest.eventually(reason, |guest| {
            let line = guest.lines().pop().unwrap_or_default();
            line.contains("auth): local-failure user=\"lee\"") && line.contains(reason)
        });
        ssh.give_up();
    }
    assert_eq!(guest.rings(), rang);
    guest.sandbox("");
}
