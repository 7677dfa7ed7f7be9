//! docs/automation.md: what programs do when the module asks without a person, and the advice for each.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tenant::{Press, Waiting};

use super::{approve_and_type, ring};
use crate::TestCase;
use crate::elsewhere::{CLIENTS, Elsewhere, HOST};
use crate::log::{lines, logged, logged_with};
use crate::machine::{
    CONFIGURATION, KEY, Machine, PASSWORD, USER_ID, append, command, configure, piped, stack,
    terminal, wait_until,
};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

/// Within this time each script ends, says docs/automation.md.
const IN_TIME: Duration = Duration::from_secs(40);

const SSH: &str = "/usr/bin/ssh";
const SFTP: &str = "/usr/bin/sftp";
const GIT: &str = "/usr/bin/git";
const ANSIBLE: &str = "/usr/local/bin/ansible";

pub const CASES: &[TestCase] = &[
    TestCase::new("automation/ssh", SSH, over_ssh),
    TestCase::new("automation/scp", "/usr/bin/scp", over_ssh),
    TestCase::new("automation/sftp", SFTP, over_ssh),
    TestCase::new("automation/rsync", "/usr/bin/rsync", over_ssh),
    TestCase::new("automation/git", GIT, over_ssh),
    TestCase::new("automation/ansible", ANSIBLE, ansible_connects),
    TestCase::new("automation/ansible-password", ANSIBLE, ansible_password),
    TestCase::new("automation/ansible-become", ANSIBLE, ansible_become),
    TestCase::new("automation/ansible-role", ANSIBLE, role),
    TestCase::new("automation/cron", "/usr/sbin/cron", cron),
    case("automation/remembered", remembered),
    case("automation/remembered-key", remembered_key),
    case("automation/exempt-key", exempt_key),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

/// A program without a terminal, as a script starts it. It ends in time.
#[track_caller]
fn script(elsewhere: &Elsewhere, program: &str, arguments: &[&str]) -> Output {
    let output = |arguments: &[&str]| {
        let start = Instant::now();
        let output = elsewhere.run(|| piped(0, program, arguments, "").end());
        (output, start.elapsed())
    };
    // On a busy machine, Ansible needs some seconds before it does anything.
    let (_, start) = output(&["--version"]);
    let (output, took) = output(arguments);
    let in_time = took < IN_TIME + 10 * start;
    assert!(in_time, "{program}: {took:?}, start {start:?}: {output:?}");
    output
}

#[track_caller]
fn printed_lee(output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"lee\n", "{output:?}");
}

/// The client's settings for `host`: one of [`CLIENTS`], and these lines.
fn client(address: Ipv4Addr, more: &str) {
    fs::create_dir_all("/root/.ssh").expect("/root/.ssh");
    let text = format!(
        "Host host\n  HostName {HOST}\n  HostKeyAlias localhost\n  User lee\n  \
         BindAddress {address}\n  IdentityFile {KEY}\n  IdentitiesOnly yes\n  {more}\n"
    );
    fs::write("/root/.ssh/config", text).expect("/root/.ssh/config");
}

/// sshd asks for a key and the phone. From [`CLIENTS`]`[0]`, the key is enough.
fn key_is_enough_from_one_address() -> (Sshd, Elsewhere) {
    stack("sshd", "sshd-publickey");
    let sshd = Sshd::start_changed("00-logonbox-publickey.conf", |text| {
        let address = CLIENTS[0];
        format!("{text}\nMatch User lee Address {address}\n    AuthenticationMethods publickey\n")
    });
    (sshd, Elsewhere::set_up())
}

/// Logs in with the phone, and keeps the connection for scripts.
fn open_connection(machine: &Machine, elsewhere: &Elsewhere) -> Terminal {
    let master = "ControlMaster auto\n  ControlPath ~/.ssh/master-%C\n  ControlPersist 8h";
    client(CLIENTS[1], master);
    // The shell keeps the terminal, as a user's shell does.
    let background = "ssh -f -N host && echo it is open && read -r line";
    let terminal = elsewhere.run(|| terminal(0, "sh", &["-c", background]));
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    terminal.see("it is open");
    client(CLIENTS[1], &format!("{master}\n  BatchMode yes"));
    terminal
}

/// What the log has after a login with the phone.
const APPROVED: [&str; 2] = [
    "pam_logonbox(sshd:auth): ringing user=\"lee\"",
    "pam_logonbox(sshd:auth): approved user=\"lee\"",
];

/// A program that starts ssh, without a person and with one, and with the advice for each.
fn over_ssh(machine: &mut Machine) {
    let program = machine.program;
    let arguments = match program {
        SSH => ["host", "true"],
        SFTP => ["host:/etc/hostname", "/root/copy"],
        GIT => ["ls-remote", "host:repository"],
        _ => ["/etc/hostname", "host:copy"],
    };
    if program == GIT {
        command("su", &["-", "lee", "-c", "git init --bare repository"]);
    }
    let (_sshd, elsewhere) = key_is_enough_from_one_address();
    let run = || script(&elsewhere, program, &arguments).status.success();

    client(CLIENTS[1], "BatchMode yes");
    assert!(!run());
    machine.phone.is_left_alone();

    client(CLIENTS[1], "");
    let mut person = elsewhere.run(|| terminal(0, program, &arguments));
    let ring = ring(machine, &person);
    approve_and_type(machine, &person, &ring);
    assert!(person.end().success(), "{}", person.screen());

    let connection = open_connection(machine, &elsewhere);
    assert!(run());
    command("ssh", &["-O", "exit", "host"]);
    // OpenSSH 8.4 keeps the terminal open until then.
    connection.answer("");
    assert!(!run());

    client(CLIENTS[0], "BatchMode yes");
    assert!(run());
    logged(&[APPROVED, APPROVED].concat());
    machine.phone.stays_silent(2);

    // ssh answers the prompt with nothing.
    client(CLIENTS[1], "");
    assert!(!run());
    wait_until("the log has a line", || lines().len() > 4);
    assert!(machine.phone.rings() <= 3, "two logins before");
}

/// On a busy machine, a program may answer the prompt with nothing after the push.
#[track_caller]
fn rings_at_most_once(machine: &Machine) {
    let rings = machine.phone.rings();
    assert!(rings <= 1, "{rings}");
}

/// Ansible's settings.
fn ansible_settings(text: &str) {
    fs::write("/root/.ansible.cfg", text).expect("/root/.ansible.cfg");
}

/// Runs one task of Ansible's on `host`: it succeeds or not, and its output has this text.
#[track_caller]
fn ansible(elsewhere: &Elsewhere, task: &[&str], succeeds: bool, text: &str) {
    let python = "ansible_python_interpreter=/usr/bin/python3";
    let arguments = [&["-i", "host,", "-e", python, "host"], task].concat();
    let output = script(elsewhere, "ansible", &arguments);
    let printed = [&output.stdout[..], &output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let as_expected = output.status.success() == succeeds && printed.contains(text);
    assert!(as_expected, "{printed}");
}

/// Ansible turns keyboard-interactive off. The advice for a person and for a machine, and remembered
/// approvals.
fn ansible_connects(machine: &mut Machine) {
    let (_sshd, elsewhere) = key_is_enough_from_one_address();
    let ping = |succeeds, text| ansible(&elsewhere, &["-m", "ping"], succeeds, text);

    client(CLIENTS[1], "");
    ping(false, "UNREACHABLE");
    machine.phone.is_left_alone();

    let connection = open_connection(machine, &elsewhere);
    ansible_settings(
        "[ssh_connection]\nssh_args = -o ControlMaster=auto -o ControlPersist=8h \
         -o ControlPath=~/.ssh/master-%C\n",
    );
    ping(true, "pong");
    command("ssh", &["-O", "exit", "host"]);
    connection.answer("");

    ansible_settings("");
    client(CLIENTS[0], "");
    ping(true, "pong");
    logged(&APPROVED);
    machine.phone.stays_silent(1);

    configure(REMEMBER);
    client(CLIENTS[1], "");
    let mut person = elsewhere.run(|| ssh(&["host", "true"]));
    answer(machine, &mut person, Press::Authorize);
    // A connection of its own, and not that of the key.
    ansible_settings(
        "[ssh_connection]\ncontrol_path = %(directory)s/remembered\n\
         ssh_args = -o ControlMaster=auto -o ControlPersist=60s \
         -o KbdInteractiveAuthentication=yes\n    \
         -o PreferredAuthentications=publickey,keyboard-interactive\n",
    );
    ping(true, "pong");
    let remembered = "pam_logonbox(sshd:auth): remembered user=\"lee\"";
    logged(&[&APPROVED[..], &APPROVED, &[remembered]].concat());
    machine.phone.stays_silent(2);
}

/// An exemption of lee for this service.
fn exempt(service: &str) {
    configure(&format!(
        "[[policy.exempt]]\nusers = [\"lee\"]\nservices = [{service:?}]\nuntil = 9999-12-31\n\
         reason = \"a script\""
    ));
}

/// Ansible has a password, and answers the prompt for the password alone.
fn ansible_password(machine: &mut Machine) {
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let elsewhere = Elsewhere::set_up();
    client(CLIENTS[1], "PubkeyAuthentication no");
    let password = format!("ansible_password={PASSWORD}");
    let task = ["-m", "raw", "-a", "id -un", "-e", &password];

    ansible(&elsewhere, &task, false, "UNREACHABLE");
    rings_at_most_once(machine);
    exempt("sshd");
    ansible(&elsewhere, &task, true, "lee");
    logged_with("pam_logonbox(sshd:auth): exempt user=\"lee\"");
    rings_at_most_once(machine);
}

/// The role of packaging/ansible: a second run changes nothing, a mistake in the configuration keeps the
/// old file, and a finding of the check takes the lines back.
fn role(machine: &mut Machine) {
    let directory = Path::new("/srv/ansible");
    fs::create_dir_all(directory).expect("a directory");
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).expect(name);
    fs::copy(CONFIGURATION, directory.join("pam_logonbox.toml")).expect("the configuration");
    write(
        "logonbox.yml",
        "- hosts: all\n  roles: [/in/packaging/ansible/pam_logonbox]\n",
    );
    let sudo = || fs::read_to_string("/etc/pam.d/sudo").expect("the stack");
    let run = |succeeds: bool, text: &str| {
        let arguments = [
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            "pam_logonbox_package=",
            "--skip-tags",
            "package",
            "/srv/ansible/logonbox.yml",
        ];
        let output = piped(0, "ansible-playbook", &arguments, "").end();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() == succeeds && printed.contains(text),
            "{output:?}"
        );
    };
    let before = sudo();
    run(true, "failed=0");
    assert!(sudo().contains("pam_logonbox.so"), "{}", sudo());
    run(true, "changed=0");

    let mut terminal = terminal(USER_ID, "/usr/bin/sudo", &["id", "-un"]);
    terminal.see("[sudo] password");
    terminal.answer(PASSWORD);
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    assert!(terminal.end().success(), "{}", terminal.screen());

    let kept = fs::read_to_string(CONFIGURATION).expect("the configuration");
    write("pam_logonbox.toml", "[logonbox]\ntennant = \"acme\"\n");
    run(false, "did you mean");
    assert_eq!(
        fs::read_to_string(CONFIGURATION).expect("the configuration"),
        kept
    );

    // A line that ends the stack when the password is right.
    write("pam_logonbox.toml", &kept);
    fs::write("/etc/pam.d/sudo", &before).expect("the stack");
    let common = "/etc/pam.d/common-auth";
    let unix = fs::read_to_string(common).expect("the stack");
    fs::write(common, format!("auth sufficient pam_unix.so\n{unix}")).expect("the stack");
    run(false, "stack-phone-skipped");
    assert_eq!(sudo(), before);
    // A line that was there before the run stays.
    let own = format!("{before}auth required pam_logonbox.so\n");
    fs::write("/etc/pam.d/sudo", &own).expect("the stack");
    run(false, "stack-phone-skipped");
    assert_eq!(sudo(), own);
}

/// `become` with sudo: refused, and the advice.
fn ansible_become(machine: &mut Machine) {
    let (_sshd, elsewhere) = key_is_enough_from_one_address();
    client(CLIENTS[0], "");
    stack("sudo", "sudo");
    let password = format!("ansible_become_password={PASSWORD}");
    let task = ["-m", "raw", "-a", "id -un", "--become"];
    let with_password = [&task[..], &["-e", &password]].concat();

    ansible(&elsewhere, &task, false, "Missing sudo password");
    machine.phone.is_left_alone();
    logged(&[]);

    ansible(&elsewhere, &with_password, false, "Incorrect sudo password");
    rings_at_most_once(machine);
    exempt("sudo");
    ansible(&elsewhere, &with_password, true, "root");
    logged_with("pam_logonbox(sudo:auth): exempt user=\"lee\"");

    configure("");
    append("/etc/sudoers.d/lee", "lee ALL = NOPASSWD: ALL\n");
    let before = lines();
    ansible(&elsewhere, &task, true, "root");
    assert_eq!(lines(), before);
    rings_at_most_once(machine);
}

/// cron starts jobs without a login, also with the module in the stacks of all services. A job with
/// sudo or ssh needs the advice for these.
fn cron(machine: &mut Machine) {
    command("pam-auth-update", &["--package", "--enable", "logonbox"]);
    let _sshd = Sshd::start_changed("00-logonbox-publickey.conf", |text| {
        format!("{text}\nMatch User lee Address 127.0.0.1\n    AuthenticationMethods publickey\n")
    });
    append(
        "/etc/sudoers.d/lee",
        "other ALL = NOPASSWD: /usr/bin/id -un\n",
    );
    let ssh =
        format!("ssh -o BatchMode=yes -i {KEY} -o HostKeyAlias=localhost lee@127.0.0.1 id -un");
    let jobs = [
        ("plain", "lee", "id -un", "lee\n0\n"),
        ("sudo", "lee", "sudo id -un 2>&-", "1\n"),
        ("allowed", "other", "sudo -n id -un", "root\n0\n"),
        ("ssh", "root", &ssh, "lee\n0\n"),
    ];
    for (name, user, job, _) in jobs {
        // Others start at the next full minute.
        let line = format!(
            "@reboot {user} ({job}; echo $?) >/tmp/{name}.part; mv /tmp/{name}.part /tmp/{name}\n"
        );
        fs::write(format!("/etc/cron.d/{name}"), line).expect("/etc/cron.d");
    }
    let mut cron = Command::new(machine.program)
        .arg("-f")
        .spawn()
        .expect("cron");
    for (name, _, _, printed) in jobs {
        let path = format!("/tmp/{name}");
        wait_until(name, || Path::new(&path).exists());
        assert_eq!(fs::read_to_string(&path).expect(&path), printed, "{name}");
    }
    cron.kill().expect("cron");
    cron.wait().expect("cron");
    machine.phone.is_left_alone();
    logged(&[]);
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
    printed_lee(&script(elsewhere, "ssh", id));
    let batch = [&["-o", "BatchMode=yes"], id].concat();
    assert!(!script(elsewhere, "ssh", &batch).status.success());
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
