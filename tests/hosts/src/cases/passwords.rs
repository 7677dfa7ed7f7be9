//! Programs that can answer with a password only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use tenant::Press;

use super::check::check_finds;
use super::{CANNOT_PROMPT, nothing_rang};
use crate::TestCase;
use crate::display::xvfb;
use crate::log::logged;
use crate::machine::{
    Machine, PASSWORD, USER, add_module, background, command, configure, wait_until,
};

pub const CASES: &[TestCase] = &[
    TestCase::new("vsftpd/type", "/usr/sbin/vsftpd", |machine| {
        typed(machine, &VSFTPD);
    }),
    TestCase::new("vsftpd/show", "/usr/sbin/vsftpd", |machine| {
        show(machine, &VSFTPD);
    }),
    TestCase::new("xrdp-sesman/type", "/usr/sbin/xrdp-sesman", |machine| {
        typed(machine, &SESMAN);
    }),
    TestCase::new("xrdp-sesman/show", "/usr/sbin/xrdp-sesman", |machine| {
        show(machine, &SESMAN);
    }),
];

/// A program, and a client that logs in with a password.
struct Server {
    service: &'static str,
    start: fn(),
    client: fn(&str) -> Command,
    refused: &'static str,
}

const VSFTPD: Server = Server {
    service: "vsftpd",
    start: start_vsftpd,
    client: ftp,
    refused: "Access denied: 530",
};

const SESMAN: Server = Server {
    service: "xrdp-sesman",
    start: start_sesman,
    client: sesrun,
    refused: "Login failed; User does not exist, or could not be authenticated",
};

fn start_vsftpd() {
    fs::create_dir_all("/run/vsftpd/empty").expect("/run");
    background("vsftpd", &["-olisten=YES", "-olisten_ipv6=NO"]);
    wait_until("vsftpd listens", || {
        std::net::TcpStream::connect("127.0.0.1:21").is_ok()
    });
}

fn ftp(password: &str) -> Command {
    let mut command = Command::new("curl");
    let user = format!("{USER}:{password}");
    command.args([
        "--silent",
        "--show-error",
        "--user",
        &user,
        "ftp://127.0.0.1/",
    ]);
    command
}

fn start_sesman() {
    // In place of Xvnc: it has the display first, and the file with the cookie third.
    let server = "/usr/local/bin/xserver";
    fs::write(server, format!("#!/bin/sh\n{}\n", xvfb("$1 -auth $3"))).expect(server);
    let session = "/etc/xrdp/startwm.sh";
    fs::write(session, "#!/bin/sh\nexec sleep 100\n").expect(session);
    for script in [server, session] {
        fs::set_permissions(script, PermissionsExt::from_mode(0o755)).expect(script);
    }
    // The client would try again with an empty password.
    let edit = format!("s,^param=Xvnc,param={server},; s,^MaxLoginRetry=.*,MaxLoginRetry=1,");
    command("sed", &["-i", &edit, "/etc/xrdp/sesman.ini"]);
    command("xrdp-sesman", &[]);
    wait_until("sesman listens", || {
        fs::exists("/run/xrdp/sockdir/sesman.socket").unwrap_or_default()
    });
}

fn sesrun(password: &str) -> Command {
    let mut command = Command::new("xrdp-sesrun");
    command.args(["-t", "Xvnc", "-p", password, USER]);
    command
}

impl Server {
    fn log_in(&self, password: &str) -> Child {
        let mut client = (self.client)(password);
        client
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect(self.service)
    }

    fn logs(&self, word: &str) -> String {
        format!("pam_logonbox({}:auth): {word} user=\"lee\"", self.service)
    }

    #[track_caller]
    fn refuses(&self, client: Child) {
        let output = client.wait_with_output().expect("a child");
        let text = both(&output);
        assert!(
            !output.status.success() && text.contains(self.refused),
            "{text}"
        );
    }

    fn configure(&self, conversation: &str) {
        configure(&format!(
            "[service.{}.conversation]\n{conversation}",
            self.service
        ));
    }
}

fn both(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text))
        .concat()
}

/// The program answers no visible prompt, and a hidden one with the password. Neither is a code.
fn typed(machine: &mut Machine, server: &Server) {
    add_module(server.service);
    (server.start)();
    server.refuses(server.log_in("wrong"));
    machine.phone.is_left_alone();
    for conversation in ["", "echo = false"] {
        server.configure(conversation);
        assert!(check_finds(CANNOT_PROMPT));
        server.refuses(server.log_in(PASSWORD));
    }
    nothing_rang(machine);
    server.configure("code = \"show\"\nannounce = \"enter\"");
    assert!(check_finds(CANNOT_PROMPT));
    server.refuses(server.log_in(PASSWORD));
    machine.phone.stays_silent(0);
    let line = server.logs("conversation");
    logged(&[line.as_str(); 3]);
}

/// With `code = "show"`, the user approves without a code.
fn show(machine: &mut Machine, server: &Server) {
    server.configure("code = \"show\"\nannounce = \"none\"");
    add_module(server.service);
    assert!(!check_finds(CANNOT_PROMPT));
    (server.start)();
    let client = server.log_in(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Decline);
    server.refuses(client);
    assert_eq!(machine.phone.rings(), 1);

    let client = server.log_in(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    let output = client.wait_with_output().expect("a child");
    assert!(output.status.success(), "{}", both(&output));
    assert_eq!(machine.phone.rings(), 2);
    let lines = ["ringing", "declined", "ringing", "approved"].map(|word| server.logs(word));
    logged(&lines.each_ref().map(String::as_str));
}
