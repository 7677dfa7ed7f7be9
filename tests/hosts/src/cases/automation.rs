//! The ways for scripts in docs/automation.md: ssh's master connection, and remembered approvals.

use std::fs;
use std::path::Path;
use std::process::Output;

use tenant::{Press, Waiting};

use super::{approve_and_type, password, ring};
use crate::TestCase;
use crate::elsewhere::{CLIENTS, Elsewhere, HOST};
use crate::log::{lines, logged, logged_with};
use crate::machine::{
    KEY, Machine, PASSWORD, command, configure, piped, stack, terminal, wait_until,
};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("automation/control-master", control_master),
    case("automation/remembered", remembered),
    case("automation/remembered-key", remembered_key),
    case("automation/exempt-key", exempt_key),
    case("automation/match-block", match_block),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

/// A program without a terminal, as a script starts it.
fn script(program: &str, arguments: &[&str]) -> Output {
    piped(0, program, arguments, "").end()
}

#[track_caller]
fn printed_lee(output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"lee\n", "{output:?}");
}

/// One login with the phone. Then scripts use its connection, and the phone stays silent.
fn control_master(machine: &mut Machine) {
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let config = "/root/config";
    fs::write(
        config,
        "Host host\n  HostName localhost\n  HostKeyAlias localhost\n  User lee\n\
         \x20 ControlMaster auto\n  ControlPath /root/master\n  ControlPersist 600\n",
    )
    .expect(config);
    let batch = ["-F", config, "-o", "BatchMode=yes"];
    let id = [&batch[..], &["host", "id", "-un"]].concat();

    // Without the connection, a script is refused before the module is asked.
    assert!(!script("ssh", &id).status.success());
    machine.phone.is_left_alone();

    // The shell keeps the terminal, as a user's shell does.
    let background = format!("ssh -F {config} -f -N host && read -r line");
    let mut client = terminal(0, "sh", &["-c", &background]);
    password(machine, &client, "Password:", PASSWORD);
    let ring = ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    wait_until("the connection is there", || {
        Path::new("/root/master").exists()
    });

    printed_lee(&script("ssh", &id));
    fs::write("/root/batch", "put /etc/hosts by-sftp\n").expect("/root/batch");
    for (program, arguments) in [
        ("scp", &["/etc/hosts", "host:by-scp"][..]),
        ("sftp", &["-b", "/root/batch", "host"]),
    ] {
        let output = script(program, &[&batch[..], arguments].concat());
        assert!(output.status.success(), "{program}: {output:?}");
        let copy = fs::read(format!("/home/lee/by-{program}")).unwrap_or_default();
        assert_eq!(copy, fs::read("/etc/hosts").expect("/etc/hosts"));
    }
    assert_eq!(machine.phone.rings(), 1);
    logged(&[
        "pam_logonbox(sshd:auth): ringing user=\"lee\"",
        "pam_logonbox(sshd:auth): approved user=\"lee\"",
    ]);

    command("ssh", &["-F", config, "-O", "exit", "host"]);
    // OpenSSH 8.4 keeps the terminal open until then.
    client.answer("");
    assert!(client.end().success(), "{}", client.screen());
    assert!(!script("ssh", &id).status.success());
    machine.phone.stays_silent(1);
}

const REMEMBER: &str = "[policy]\nremember_minutes = 10";

/// The arguments of an ssh client at one of the other addresses.
fn from<'a>(client: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let own = ["-b", client, "-o", "HostKeyAlias=localhost"];
    [&own[..], more].concat()
}

/// Somebody logs in from there, and types the password.
fn log_in(elsewhere: &Elsewhere, client: &str) -> Terminal {
    let target = format!("lee@{HOST}");
    let arguments = from(
        client,
        &["-o", "PubkeyAuthentication=no", &target, "id", "-un"],
    );
    let client = elsewhere.run(|| ssh(&arguments));
    client.see("Password:");
    client.answer(PASSWORD);
    client
}

/// Waits for the phone, and answers.
#[track_caller]
fn answer(machine: &Machine, client: &mut Terminal, press: Press) {
    let ring: Waiting = ring(machine, client);
    machine.phone.press(&ring, press);
    client.answer(&Phone::code(&ring));
    assert_eq!(
        client.end().success(),
        press == Press::Authorize,
        "{}",
        client.screen()
    );
}

/// The second login from the same address needs no phone. Another address does, and so does each
/// login after `logonbox forget`, after a decline and with another configuration.
fn remembered(machine: &mut Machine) {
    stack("sshd", "sshd");
    configure(REMEMBER);
    let _sshd = Sshd::start("00-logonbox.conf");
    let elsewhere = Elsewhere::set_up();
    let [here, there] = CLIENTS.map(|client| client.to_string());

    let mut rings = 0;
    let mut asked = |client: &str, press| {
        answer(machine, &mut log_in(&elsewhere, client), press);
        rings += 1;
        assert_eq!(machine.phone.rings(), rings);
    };
    let not_asked = |client: &str| {
        let rings = machine.phone.rings();
        let mut client = log_in(&elsewhere, client);
        assert!(client.end().success(), "{}", client.screen());
        machine.phone.stays_silent(rings);
    };
    asked(&here, Press::Authorize);
    not_asked(&here);
    logged(&[
        "pam_logonbox(sshd:auth): ringing user=\"lee\" account=\"lee\" rhost=\"192.0.2.7\"",
        "pam_logonbox(sshd:auth): approved user=\"lee\" account=\"lee\" rhost=\"192.0.2.7\"",
        "pam_logonbox(sshd:auth): remembered user=\"lee\" account=\"lee\" rhost=\"192.0.2.7\"",
    ]);
    logged_with("reason=\"approved 0 min ago\"");
    // Not from another address, and a decline there ends what is remembered here.
    asked(&there, Press::Decline);
    asked(&here, Press::Authorize);
    not_asked(&here);
    command("logonbox", &["forget", "lee"]);
    asked(&here, Press::Authorize);
    configure("[policy]\nremember_minutes = 11");
    asked(&here, Press::Authorize);
}

/// sshd asks for a key and the phone. The arguments of a client with this key.
fn key_then_phone(policy: &str) -> (Sshd, Elsewhere, Vec<String>) {
    stack("sshd", "sshd-publickey");
    configure(policy);
    let sshd = Sshd::start("00-logonbox-publickey.conf");
    let [client, target] = [CLIENTS[0].to_string(), format!("lee@{HOST}")];
    let key = ["-i", KEY, "-o", "IdentitiesOnly=yes", &target, "id", "-un"];
    let id = from(&client, &key).into_iter().map(str::to_owned).collect();
    (sshd, Elsewhere::set_up(), id)
}

/// A script gets in without a terminal. With `BatchMode`, ssh does not try the method that PAM needs.
#[track_caller]
fn only_without_batch_mode(elsewhere: &Elsewhere, id: &[&str], word: &str) {
    let before = lines().len();
    printed_lee(&elsewhere.run(|| script("ssh", id)));
    let batch = [&["-o", "BatchMode=yes"], id].concat();
    assert!(!elsewhere.run(|| script("ssh", &batch)).status.success());
    wait_until("the log has a line", || lines().len() > before);
    let lines = lines().split_off(before);
    let start = format!("pam_logonbox(sshd:auth): {word} user=\"lee\"");
    let is_it = |line: &String| line.starts_with(&start);
    assert!(lines.len() == 1 && lines.iter().all(is_it), "{lines:#?}");
}

fn remembered_key(machine: &mut Machine) {
    let (_sshd, elsewhere, id) = key_then_phone(REMEMBER);
    let id: Vec<&str> = id.iter().map(String::as_str).collect();
    let mut terminal = elsewhere.run(|| ssh(&id));
    answer(machine, &mut terminal, Press::Authorize);
    wait_until("the log has both lines", || lines().len() == 2);
    only_without_batch_mode(&elsewhere, &id, "remembered");
    machine.phone.stays_silent(1);
}

fn exempt_key(machine: &mut Machine) {
    let exempt = "[[policy.exempt]]\nusers = [\"lee\"]\nnetworks = [\"192.0.2.7\"]\n\
                  services = [\"sshd\"]\nuntil = 9999-12-31\nreason = \"a script\"";
    let (_sshd, elsewhere, id) = key_then_phone(exempt);
    let id: Vec<&str> = id.iter().map(String::as_str).collect();
    only_without_batch_mode(&elsewhere, &id, "exempt");
    machine.phone.is_left_alone();
    logged_with("a script");
}

/// A key that is enough from one address. It works with `BatchMode`, and the module is not asked.
fn match_block(machine: &mut Machine) {
    stack("sshd", "sshd-publickey");
    let [here, there] = CLIENTS.map(|client| client.to_string());
    let _sshd = Sshd::start_changed("00-logonbox-publickey.conf", |text| {
        format!("{text}\nMatch User lee Address {here}\n    AuthenticationMethods publickey\n")
    });
    let elsewhere = Elsewhere::set_up();
    let target = format!("lee@{HOST}");
    let options = ["-i", KEY, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
    let id = [&options[..], &[&*target, "id", "-un"]].concat();
    printed_lee(&elsewhere.run(|| script("ssh", &from(&here, &id))));
    assert!(
        !elsewhere
            .run(|| script("ssh", &from(&there, &id)))
            .status
            .success()
    );
    machine.phone.is_left_alone();
    logged(&[]);
}
