//! The container as a host: its users, its files below /etc, its log.
//!
//! The script ../prepare has made the image: the package is installed, and the users exist.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::phone::Phone;
use crate::terminal::{TIMEOUT, Terminal};

/// The user who logs in.
pub const USER: &str = "lee";
/// The password of [`USER`].
pub const PASSWORD: &str = "Tr0mbone-sextant";
/// The user and group id of [`USER`].
pub const USER_ID: u32 = 1001;
/// Another user, who may become [`USER`] with su. The tenant has no account for this user.
pub const OTHER_ID: u32 = 1002;
/// The private ssh key of [`USER`].
pub const KEY: &str = "/etc/hosts-test/key";

/// The tenant's name. /etc/hosts has its address.
pub const TENANT: &str = "acme.logonbox.directory";

/// The limit for the end of a wait after Ctrl-C. The phone would ring for 45 s.
pub const PROMPTLY: Duration = Duration::from_secs(15);

/// The directory of the package's examples.
const EXAMPLES: &str = "/usr/share/doc/libpam-logonbox/examples";
/// The configuration file of the module.
pub const CONFIGURATION: &str = "/etc/security/pam_logonbox.toml";

/// The container.
pub struct Machine {
    /// The program under test.
    pub program: &'static str,
    /// The tenant and the phone.
    pub phone: Phone,
}

impl Machine {
    /// Starts the system log and a tenant that this host trusts, and configures the module.
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
        // systemd makes it at the first start of a host.
        if !fs::exists("/etc/machine-id").unwrap_or_default() {
            let id = "0123456789abcdef0123456789abcdef\n";
            fs::write("/etc/machine-id", id).expect("/etc/machine-id");
        }
        command("rsyslogd", &[]);
        wait_until("the log is there", || {
            fs::exists("/dev/log").unwrap_or_default()
        });
        configure("");
        Self { program, phone }
    }
}

/// Writes a configuration with the tenant's name and these lines.
pub fn configure(more: &str) {
    let text = format!("[logonbox]\ntenant = {TENANT:?}\n\n{more}\n");
    // Written in place, so that owner and mode stay as the package set them.
    fs::write(CONFIGURATION, text).expect("the package has installed a configuration");
}

/// Writes a configuration for the tenant's Airlock IAM.
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

/// Replaces a text in /etc/pam.d/`service`.
pub fn edit_stack(service: &str, from: &str, to: &str) {
    let path = format!("/etc/pam.d/{service}");
    let text = fs::read_to_string(&path).expect("a stack");
    assert!(text.contains(from), "{path} does not say {from:?}");
    fs::write(&path, text.replace(from, to)).expect("a stack");
}

/// The password, and the module behind it.
const PASSWORD_AND_PHONE: &str = "@include common-auth\n\
                                  auth [success=ok ignore=ignore default=die] pam_logonbox.so";

/// Adds the module to the stack of a service, as the manual page says: behind the password, which
/// ends the stack if it is wrong.
#[track_caller]
pub fn add_module(service: &str) {
    let own = format!("/etc/pam.d/{service}");
    let vendor = format!("/usr/lib/pam.d/{service}");
    let text = fs::read_to_string(&own).or_else(|_| fs::read_to_string(vendor));
    let text = text.expect("a stack");
    let is_password = |line: &&str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["@include", "common-auth"] => true,
        ["auth", "include" | "substack", file] => file == "common-auth" || file == "login",
        _ => false,
    };
    assert_eq!(text.lines().filter(is_password).count(), 1, "{text}");
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            if is_password(&line) {
                PASSWORD_AND_PHONE
            } else {
                line
            }
        })
        .collect();
    fs::write(&own, lines.join("\n") + "\n").expect("a stack");
}

/// Moves the tenant's name to an address on which nothing listens.
pub fn tenant_goes_down() {
    let hosts = fs::read_to_string("/etc/hosts").expect("/etc/hosts");
    let elsewhere = hosts.replace(
        &format!("127.0.0.1 {TENANT}"),
        &format!("127.0.0.9 {TENANT}"),
    );
    fs::write("/etc/hosts", elsewhere).expect("/etc/hosts");
}

/// Starts a program in a terminal as user `id`, in a UTF-8 locale.
pub fn terminal(id: u32, program: &str, arguments: &[&str]) -> Terminal {
    Terminal::start(id, "C.UTF-8", program, arguments)
}

/// Copies one of the package's examples to `path`.
pub fn install(example: &str, path: &str) {
    let from = format!("{EXAMPLES}/{example}");
    fs::copy(&from, path).unwrap_or_else(|error| panic!("{from}: {error}"));
}

/// Runs a command. It must succeed.
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

/// Starts a program that runs as long as the container.
pub fn background(program: &str, arguments: &[&str]) {
    let status = Command::new("setsid")
        .args(["--fork", program])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("setsid").success(), "{program} {arguments:?}");
}

/// Starts the system bus.
pub fn system_bus() {
    fs::create_dir_all("/run/dbus").expect("/run/dbus");
    command("dbus-daemon", &["--system", "--fork"]);
}

/// A program without a terminal.
pub struct Piped {
    child: Child,
    stdin: ChildStdin,
}

/// Starts a program as user `id` (0 is root), in a session without a terminal. `input` is the
/// beginning of its standard input, which stays open.
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
    let stdin = child.stdin.take().expect("a pipe");
    let mut piped = Piped { child, stdin };
    piped.write(input);
    piped
}

impl Piped {
    /// Writes to its standard input.
    pub fn write(&mut self, input: &str) {
        match self.stdin.write_all(input.as_bytes()) {
            // The program may end before it has read everything.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.expect("a pipe"),
        }
    }

    /// Closes its standard input, and waits until the program has ended.
    pub fn end(self) -> Output {
        drop(self.stdin);
        self.child.wait_with_output().expect("a child")
    }
}

/// How many attempts are counted.
pub fn counts() -> usize {
    fs::read_dir("/run/pam_logonbox").map_or(0, Iterator::count)
}

/// The version of sudo: 1.9.5p2 is (1, 9, 5).
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

/// Waits for a condition that has no event.
#[track_caller]
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !so() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sets the password of a user of this host.
pub fn set_password(user: &str, password: &str) {
    let line = format!("{user}:{password}\n");
    let output = piped(0, "chpasswd", &[], &line).end();
    assert!(output.status.success(), "{output:?}");
}

/// Appends to a file, which may be missing.
pub fn append(path: &str, text: &str) {
    let old = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, old + text).expect(path);
}
