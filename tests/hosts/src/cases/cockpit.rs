//! cockpit: the requests that its login page sends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use tenant::{Press, Waiting};

use super::check::check_finds;
use super::{CANNOT_PROMPT, PROMPT, SHOW, wrong_code};
use crate::TestCase;
use crate::log::{logged, logged_with};
use crate::machine::{
    Machine, PASSWORD, add_module, background, command, configure, counts, edit_stack, piped,
    wait_until,
};
use crate::phone::Phone;

pub const CASES: &[TestCase] = &[
    case("cockpit/type", typed),
    case("cockpit/show", show),
    case("cockpit/shipped-stack", shipped_stack),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/lib/cockpit/cockpit-ws", run)
}

const RINGING: &str = "pam_logonbox(cockpit:auth): ringing user=\"lee\"";
const PORT: &str = "9090";

/// An answer of cockpit-ws.
struct Answer {
    status: String,
    /// The id of the conversation, and the prompt.
    conversation: Option<(String, String)>,
}

/// Starts cockpit without systemd.
fn cockpit() {
    // A session of a user needs the bridge, which this image does not have.
    let bridge = "/usr/bin/cockpit-bridge";
    let text = "#!/bin/sh\ninit='{\"command\":\"init\",\"version\":1}'\n\
                printf '%d\\n\\n%s' $((${#init} + 1)) \"$init\"\nexec sleep 100\n";
    fs::write(bridge, text).expect(bridge);
    fs::set_permissions(bridge, PermissionsExt::from_mode(0o755)).expect(bridge);
    // These lines need a running SELinux.
    command("sed", &["-i", "/pam_selinux/d", "/etc/pam.d/cockpit"]);

    fs::create_dir_all("/run/cockpit").expect("/run/cockpit");
    let socket = "/run/cockpit/session";
    let session = "/usr/lib/cockpit/cockpit-session";
    background(
        "systemd-socket-activate",
        &["--accept", "--inetd", "-l", socket, session],
    );
    let ws = "/usr/lib/cockpit/cockpit-ws";
    background(ws, &["--no-tls", "--address", "127.0.0.1", "--port", PORT]);
    wait_until("cockpit listens", || {
        fs::exists(socket).unwrap_or_default()
            && std::net::TcpStream::connect(format!("127.0.0.1:{PORT}")).is_ok()
    });
}

/// Sends a request with this header. The request is over when PAM asks, or has decided.
fn request(authorization: &str) -> Child {
    Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--header"])
        .arg(format!("Authorization: {authorization}"))
        .arg(format!("http://127.0.0.1:{PORT}/cockpit/login"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl")
}

#[track_caller]
fn answer(request: Child) -> Answer {
    let output = request.wait_with_output().expect("curl");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let conversation = text
        .lines()
        .find_map(|line| line.strip_prefix("WWW-Authenticate: X-Conversation "))
        .map(|line| {
            let mut words = line.split_whitespace();
            let (id, prompt) = (words.next(), words.next());
            let prompt = base64(&["--decode"], prompt.expect("a prompt"));
            (id.expect("an id").to_owned(), prompt)
        });
    Answer {
        status: text.lines().next().unwrap_or_default().to_owned(),
        conversation,
    }
}

fn base64(arguments: &[&str], text: &str) -> String {
    let output = piped(0, "base64", arguments, text).end();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim_end_matches('\n')
        .to_owned()
}

/// Sends the name and the password.
fn log_in(password: &str) -> Child {
    let both = base64(&["--wrap=0"], &format!("lee:{password}"));
    request(&format!("Basic {both}"))
}

/// Answers the prompt.
fn reply(id: &str, text: &str) -> Child {
    request(&format!(
        "X-Conversation {id} {}",
        base64(&["--wrap=0"], text)
    ))
}

/// Logs in with the password, up to the prompt.
#[track_caller]
fn prompted(password: &str) -> (String, String) {
    let answer = answer(log_in(password));
    assert!(answer.status.contains(" 401 "), "{}", answer.status);
    answer.conversation.expect("a prompt")
}

fn typed(machine: &mut Machine) {
    add_module("cockpit");
    assert!(!check_finds(CANNOT_PROMPT));
    cockpit();
    let refused = answer(log_in("wrong"));
    assert!(refused.status.contains(" 401 "), "{}", refused.status);
    assert!(refused.conversation.is_none());
    machine.phone.is_left_alone();

    let (id, prompt) = prompted(PASSWORD);
    assert_eq!(prompt, format!("{PROMPT} "));
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    let refused = answer(reply(&id, &wrong_code(&ring)));
    assert!(
        refused
            .status
            .ends_with("The code is wrong. Login refused."),
        "{}",
        refused.status
    );
    assert_eq!((machine.phone.rings(), counts()), (1, 1));

    let (id, _) = prompted(PASSWORD);
    let ring = machine.phone.ring();
    assert!(
        ring.text.contains(" (cockpit) from 127.0.0.1."),
        "{}",
        ring.text
    );
    machine.phone.press(&ring, Press::Authorize);
    let accepted = answer(reply(&id, &Phone::code(&ring)));
    assert!(accepted.status.contains(" 200 "), "{}", accepted.status);
    assert_eq!(machine.phone.rings(), 2);
    logged(&[
        RINGING,
        "pam_logonbox(cockpit:auth): wrong-code user=\"lee\"",
        RINGING,
        "pam_logonbox(cockpit:auth): approved user=\"lee\"",
    ]);
    logged_with("reason=\"the phone had approved\"");
}

/// The announcement is a prompt, and the push leaves after Enter.
fn show(machine: &mut Machine) {
    configure(SHOW);
    add_module("cockpit");
    assert!(!check_finds(CANNOT_PROMPT));
    cockpit();
    let start = |machine: &Machine| -> (Child, Waiting) {
        let (id, prompt) = prompted(PASSWORD);
        assert!(prompt.ends_with("Press Enter to send it: "), "{prompt}");
        machine.phone.stays_silent(machine.phone.rings());
        let request = reply(&id, "");
        let ring = machine.phone.ring();
        let code = ring.code().expect("a code");
        assert!(prompt.contains(&format!(" Code: {code}\n")), "{prompt}");
        (request, ring)
    };
    let (request, ring) = start(machine);
    machine.phone.press(&ring, Press::Decline);
    let refused = answer(request);
    assert!(
        refused.status.ends_with("Login denied on the phone."),
        "{}",
        refused.status
    );
    assert_eq!(machine.phone.rings(), 1);

    let (request, ring) = start(machine);
    machine.phone.press(&ring, Press::Authorize);
    let accepted = answer(request);
    assert!(accepted.status.contains(" 200 "), "{}", accepted.status);
    assert_eq!(machine.phone.rings(), 2);
}

/// Debian's stack has the password in a substack, which does not end the stack.
fn shipped_stack(machine: &mut Machine) {
    edit_stack(
        "cockpit",
        "common-auth\n",
        "common-auth\nauth [success=ok ignore=ignore default=die] pam_logonbox.so\n",
    );
    cockpit();
    let (_, prompt) = prompted("wrong");
    assert_eq!(prompt, format!("{PROMPT} "));
    machine.phone.ring();
    assert!(check_finds("stack-rings-after-wrong-password"));
}
