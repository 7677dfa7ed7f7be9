//! The container as a host: its users, its files below /etc, its log.
//!
//! The image that this runs in has been made by ../prepare: the package is installed, and the
//! users are there.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::phone::Phone;
use crate::terminal::{PATIENCE, Terminal};

/// The person.
pub const USER: &str = "lee";
/// The person's password.
pub const PASSWORD: &str = "Tr0mbone-sextant";
/// The person's user and group id.
pub const USER_ID: u32 = 1001;
/// Another user, who may become the person with su. Has no account with the tenant.
pub const OTHER_ID: u32 = 1002;
/// The person's private key for ssh.
pub const KEY: &str = "/etc/hosts-test/key";

/// The tenant's name, which /etc/hosts knows.
pub const TENANT: &str = "acme.logonbox.directory";

/// Where the package puts its examples.
const EXAMPLES: &str = "/usr/share/doc/libpam-logonbox/examples";
const CONFIGURATION: &str = "/etc/security/pam_logonbox.toml";

/// The host.
pub struct Machine {
    /// The program that this is about.
    pub program: &'static str,
    /// The tenant and the phone.
    pub phone: Phone,
}

impl Machine {
    /// Starts the system's log and a tenant that this host believes, and configures the module.
    pub fn set_up(program: &'static str) -> Self {
        assert!(
            fs::exists(KEY).unwrap_or_default(),
            "this changes /etc: it runs only in a container that tests/hosts/run has made"
        );
        let phone = Phone::switch_on();
        let name = fs::read_to_string("/etc/hostname").expect("a name of its own");
        append(
            "/etc/hosts",
            &format!("127.0.0.1 {TENANT}\n127.0.0.1 {name}"),
        );
        append("/etc/ssl/certs/ca-certificates.crt", phone.ca());
        command("rsyslogd", &[]);
        wait_until("the log is there", || {
            fs::exists("/dev/log").unwrap_or_default()
        });
        configure("");
        Self { program, phone }
    }
}

/// Configures the module as the shipped file does, with the tenant's name and these lines.
pub fn configure(more: &str) {
    let text = format!("[logonbox]\ntenant = {TENANT:?}\n\n{more}\n");
    // Written over, so that owner and mode are those that the package chose.
    fs::write(CONFIGURATION, text).expect("the package has installed a configuration");
}

/// Configures the module for the tenant's Airlock IAM.
pub fn configure_airlock(more: &str) {
    let url = format!("https://{TENANT}/auth/rest");
    let text = format!("mode = \"airlock\"\n\n[airlock]\nurl = {url:?}\n\n{more}\n");
    fs::write(CONFIGURATION, text).expect("the package has installed a configuration");
}

/// Installs one of the package's examples as /etc/pam.d/`service`.
pub fn stack(service: &str, example: &str) {
    install(
        &format!("pam.d/{example}"),
        &format!("/etc/pam.d/{service}"),
    );
}

/// Changes a line of /etc/pam.d/`service`.
pub fn edit_stack(service: &str, from: &str, to: &str) {
    let path = format!("/etc/pam.d/{service}");
    let text = fs::read_to_string(&path).expect("a stack");
    assert!(text.contains(from), "{path} does not say {from:?}");
    fs::write(&path, text.replace(from, to)).expect("a stack");
}

/// From now on nobody answers at the tenant's address.
pub fn tenant_goes_down() {
    let hosts = fs::read_to_string("/etc/hosts").expect("/etc/hosts");
    let elsewhere = hosts.replace(
        &format!("127.0.0.1 {TENANT}"),
        &format!("127.0.0.9 {TENANT}"),
    );
    fs::write("/etc/hosts", elsewhere).expect("/etc/hosts");
}

/// Starts a program in a terminal, for `id`, in a UTF-8 locale.
pub fn terminal(id: u32, program: &str, arguments: &[&str]) -> Terminal {
    Terminal::start(id, "C.UTF-8", program, arguments)
}

/// Copies one of the package's examples to where it belongs.
pub fn install(example: &str, path: &str) {
    let from = format!("{EXAMPLES}/{example}");
    fs::copy(&from, path).unwrap_or_else(|error| panic!("{from}: {error}"));
}

/// Runs a command that must succeed.
pub fn command(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect(program);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
}

/// A program without a terminal.
pub struct Piped(Child);

/// Starts a program as the user with this id (0: root) in a session without a terminal, with
/// this on its standard input.
pub fn piped(id: u32, program: &str, arguments: &[&str], input: &str) -> Piped {
    let mut command = Command::new("setsid");
    command
        .arg("--wait")
        .arg(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if id != 0 {
        command.uid(id).gid(id);
    }
    let mut child = command.spawn().expect(program);
    let mut stdin = child.stdin.take().expect("a pipe");
    match stdin.write_all(input.as_bytes()) {
        // It may have ended before it read anything: that is its answer.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.expect("a pipe"),
    }
    Piped(child)
}

impl Piped {
    /// Waits until it has ended.
    pub fn end(self) -> Output {
        self.0.wait_with_output().expect("a child")
    }
}

/// sudo's version: 1.9.5p2 is (1, 9, 5).
pub fn sudo_version() -> (u32, u32, u32) {
    let output = Command::new("sudo").arg("-V").output().expect("sudo");
    let output = String::from_utf8_lossy(&output.stdout);
    let version = output.split_whitespace().nth(2).unwrap_or_default();
    let mut numbers = version
        .split(|sign: char| !sign.is_ascii_digit())
        .map(|number| number.parse().expect("a version"));
    let mut next = || numbers.next().expect("three numbers");
    (next(), next(), next())
}

/// Waits for something that has no event of its own.
#[track_caller]
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "{what}: still not so");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Gives a user of this host another password.
pub fn set_password(user: &str, password: &str) {
    let line = format!("{user}:{password}\n");
    let output = piped(0, "chpasswd", &[], &line).end();
    assert!(output.status.success(), "{output:?}");
}

/// Adds lines to a file.
pub fn append(path: &str, text: &str) {
    let old = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, old + text).expect(path);
}
