//! The instructions in docs/operating.md, as they are written there.

use std::fs;
use std::process::Command;
use std::thread;

use tenant::Press;

use super::fail2ban::{JOURNALD, from, start_journald, stop_rsyslog};
use super::{BY_HAND, PROMPT, password, ring, type_nothing, type_without_a_ring, wrong_code};
use crate::TestCase;
use crate::log::logged;
use crate::machine::{
    Machine, PASSWORD, USER_ID, command, configure, piped, stack, tenant_goes_down, terminal,
    wait_until,
};
use crate::phone::Phone;
use crate::sshd::Sshd;
use crate::terminal::Terminal;

const PAGE: &str = include_str!("../../../../docs/operating.md");

pub const CASES: &[TestCase] = &[
    TestCase::new("operating/go-back", "/usr/sbin/sshd", go_back),
    TestCase::new("operating/queries", "/usr/sbin/rsyslogd", of_the_file),
    TestCase::new("operating/queries-journal", JOURNALD, of_the_journal),
    TestCase::new("operating/queries-programs", JOURNALD, of_all_programs),
];

/// A single step turns the module off for all users.
fn go_back(machine: &mut Machine) {
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let (_, step) = PAGE
        .split_once("\n    [[policy.exempt]]\n")
        .expect("the step");
    let (step, _) = step.split_once("\n\n").expect("its end");
    // The day in the page passes.
    let step = step
        .replace("\n    ", "\n")
        .replace("2027-03-31", "9999-12-31");
    configure(&format!("[[policy.exempt]]\n{step}\n"));
    let mut client = from(2, "lee");
    password(machine, &client, "Password:", PASSWORD);
    is_in(&mut client);
    machine.phone.is_left_alone();
    logged(&["pam_logonbox(sshd:auth): exempt user=\"lee\""]);
}

#[track_caller]
fn is_in(client: &mut Terminal) {
    client.see("$ ");
    client.answer("exit");
    assert!(client.end().success(), "{}", client.screen());
}

/// The shell code below `### Queries` that contains `what`.
#[track_caller]
fn code(what: &str) -> &'static str {
    let (_, queries) = PAGE.split_once("\n### Queries\n").expect("the queries");
    let mut blocks = queries
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split_once("\n```").expect("its end").0);
    blocks.find(|block| block.contains(what)).expect(what)
}

fn of_the_file(machine: &mut Machine) {
    queries(machine, code("# From rsyslog's file"));
}

fn of_the_journal(machine: &mut Machine) {
    stop_rsyslog();
    let _journald = start_journald();
    // Another user can write any field, but not the user id.
    for word in ["wrong-code", "exempt", "declined", "approved"] {
        forge(word);
    }
    queries(machine, code("# From the journal."));
    ask(
        "",
        "# All decisions with one word",
        &[": wrong-code user=\"lee\""],
    );
    ask(
        "",
        "# The same as the first",
        &[": wrong-code user=\"lee\""],
    );
    ask(
        "",
        "# Who declined, as JSON",
        &["\"PAM_LOGONBOX_RHOST\":\"127.0.0.2\""],
    );
    ask(
        "",
        "# All lines of one user",
        &[
            ": ringing user=\"lee\" account=\"lee\" rhost=\"127.0.0.2\"",
            ": ringing user=\"lee\" account=\"lee\" rhost=\"127.0.0.2\"",
            ": ringing user=\"lee\" account=\"lee\" rhost=\"127.0.0.5\"",
            ": approved ",
            ": declined ",
            ": limit ",
            ": bypass ",
            ": exempt ",
            ": wrong-code ",
            ": unreachable ",
        ],
    );
}

/// An ordinary user writes a line of the module into the log, with fields and as text.
fn forge(word: &str) {
    let text = format!("pam_logonbox(sshd:auth): {word} user=\"lee\" account=\"lee\"");
    let (_, id) = PAGE.split_once(&format!("| `{word}` | `")).expect(word);
    let (id, _) = id.split_once('`').expect("its end");
    let fields = format!(
        "MESSAGE={text}\nPRIORITY=6\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=sshd\n_UID=0\n\
         PAM_LOGONBOX_WORD={word}\nPAM_LOGONBOX_USER=lee\nMESSAGE_ID={id}\n"
    );
    for (arguments, input) in [
        (&["--journald"][..], &*fields),
        (&["-t", "sshd[14]", "-p", "authpriv.info", &*text], ""),
    ] {
        let output = piped(USER_ID, "logger", arguments, input).end();
        assert!(output.status.success(), "{output:?}");
    }
}

/// Real lines of programs with all kinds of names, and forged ones.
fn of_all_programs(_: &mut Machine) {
    stop_rsyslog();
    let _journald = start_journald();
    // rsyslog as the page says.
    let (_, filter) = PAGE.split_once("```rsyslog\n").expect("the filter");
    let (filter, _) = filter.split_once("```").expect("its end");
    let path = "/etc/rsyslog.conf";
    let text = fs::read_to_string(path).expect(path);
    let input = "module(load=\"imuxsock\")";
    assert!(text.contains(input), "{text}");
    fs::write(path, text.replace(input, filter)).expect(path);
    command("rsyslogd", &[]);

    configure("[[policy.exempt]]\nusers = [\"lee\", \"other\"]");
    for service in ["chsh", "login", "su", "sudo"] {
        let path = format!("/etc/pam.d/{service}");
        let text = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n\
                    auth required pam_permit.so\naccount required pam_permit.so\n\
                    session required pam_permit.so\n";
        fs::write(&path, text).expect(&path);
    }
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut client = from(4, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    is_in(&mut client);
    let mut terminal = terminal(0, "login", &["lee"]);
    is_in(&mut terminal);
    for (program, arguments) in [
        ("su", &["other", "-c", "id"][..]),
        ("sudo", &["id"]),
        ("chsh", &["-s", "/bin/sh"]),
    ] {
        let output = piped(USER_ID, program, arguments, "").end();
        assert!(output.status.success(), "{output:?}");
    }
    // The name of polkit's helper, which has a digit.
    let helper = "/usr/local/bin/polkit-agent-helper-1";
    fs::copy("/usr/bin/chsh", helper).expect(helper);
    command("chmod", &["4755", helper]);
    let output = piped(USER_ID, helper, &["-s", "/bin/sh"], "").end();
    assert!(output.status.success(), "{output:?}");
    // gdm renames itself.
    let line = "pam_logonbox(gdm-password:auth): exempt user=\"lee\"";
    command(
        "logger",
        &[
            "--id=77",
            "-t",
            "gdm-password]",
            "-p",
            "authpriv.info",
            line,
        ],
    );
    let own = [
        ("sshd", 1),
        ("login", 1),
        ("su", 1),
        ("sudo", 1),
        ("chsh", 2),
        ("gdm-password", 1),
    ]
    .map(|(service, lines)| format!("{{service=\"{service}\",word=\"exempt\"}} {lines}"));
    let own = own.each_ref().map(String::as_str);

    forge("approved");
    let journal = code("# From the journal.");
    let filtered = code("# From the file of the filter");
    let file = code("# From rsyslog's file");
    for lines in [journal, filtered, file] {
        wait_for(lines, "(gdm-password:auth)");
    }
    wait_for(file, "): approved ");
    for lines in [journal, filtered] {
        ask(lines, "pam_logonbox_last_day", &own);
    }
    let forged = "{service=\"sshd\",word=\"approved\"} 2";
    ask(
        file,
        "pam_logonbox_last_day",
        &[&own[..], &[forged]].concat(),
    );
    // The user finds the forged lines alone in the user's own journal.
    let output = Command::new("journalctl")
        .args([
            "--quiet",
            "--output=cat",
            &format!("_UID={USER_ID}"),
            "PAM_LOGONBOX_WORD=exempt",
        ])
        .output()
        .expect("journalctl");
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
}

/// Waits until the log has this text. The daemon writes later.
#[track_caller]
fn wait_for(lines: &str, text: &str) {
    wait_until(&format!("the log has {text} in {lines}"), || {
        let script = format!("{lines}\nlines");
        let output = Command::new("bash")
            .args(["-c", &script])
            .output()
            .expect("bash");
        String::from_utf8_lossy(&output.stdout).contains(text)
    });
}

/// A bypass code of lee.
pub fn bypass_code() -> String {
    let output = Command::new("logonbox")
        .args(["bypass", "lee", "--reason", "lost phone"])
        .output()
        .expect("logonbox");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().expect("a code").to_owned()
}

/// Makes logins of each kind that the queries find, and a line that another user has caused. The
/// sshd ends when dropped.
fn logins(machine: &Machine) -> Sshd {
    stack("sshd", "sshd");
    let policy = |more: &str| {
        configure(&format!(
            "[policy]\nfailed_attempts_per_10_minutes = 1\n{more}"
        ));
    };
    policy("");
    let sshd = Sshd::start("00-logonbox.conf");
    for press in [Press::Authorize, Press::Decline] {
        let mut client = from(2, "lee");
        client.see("Password:");
        client.answer(PASSWORD);
        let ring = ring(machine, &client);
        machine.phone.press(&ring, press);
        client.answer(&Phone::code(&ring));
        match press {
            Press::Authorize => is_in(&mut client),
            _ => assert!(!client.end().success()),
        }
    }
    let fetches = machine.phone.fetches();
    let mut client = from(3, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    type_without_a_ring(machine, &client, fetches, "123456");
    assert!(!client.end().success());
    // A bypass code works over the limit. No push leaves.
    let mut client = from(7, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    client.see(PROMPT);
    thread::sleep(BY_HAND);
    client.answer(&bypass_code());
    is_in(&mut client);
    // The line that sudo logs is not the module's.
    let forged = "pam_logonbox(sshd:auth): exempt user=\"lee\" account=\"lee\" reason=\"x; ignored by \
                  on_unavailable\" hint=\"cannot be counted\"";
    let arguments: Vec<&str> = ["-n", "id"].into_iter().chain(forged.split(' ')).collect();
    assert!(
        !piped(USER_ID, "/usr/bin/sudo", &arguments, "")
            .end()
            .status
            .success()
    );
    policy("[[policy.exempt]]\nusers = [\"lee\"]");
    let mut client = from(4, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    is_in(&mut client);
    // A file in place of the directory, so that no attempt can be counted.
    let _ = fs::remove_dir_all("/run/pam_logonbox");
    fs::write("/run/pam_logonbox", "").expect("/run");
    policy("on_unavailable = \"ignore\"");
    let mut client = from(5, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    let ring = ring(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    client.answer(&wrong_code(&ring));
    assert!(!client.end().success());
    tenant_goes_down();
    let mut client = from(6, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    client.see(PROMPT);
    type_nothing(&client);
    is_in(&mut client);
    sshd
}

/// Runs the query that contains `what`, and counts the lines with each text. Other lines are an
/// error.
#[track_caller]
fn ask(lines: &str, what: &str, texts: &[&str]) {
    let script = format!("set -eu\n{lines}\n{}\n", code(what));
    let file = "/root/pam_logonbox.prom";
    let _ = fs::remove_file(file);
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("OUT", file)
        .output()
        .expect("bash");
    assert!(output.status.success(), "{script}{output:?}");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&fs::read_to_string(file).unwrap_or_default());
    assert_eq!(said.lines().count(), texts.len(), "{said}");
    let mut left: Vec<&str> = said.lines().collect();
    for text in texts {
        let found = left.iter().position(|line| line.contains(text));
        left.remove(found.unwrap_or_else(|| panic!("{text}: {said}")));
    }
}

/// Each query finds its lines, and no text that a user has typed.
fn queries(machine: &mut Machine, lines: &str) {
    let _sshd = logins(machine);
    wait_for(lines, "ignored by on_unavailable\"");
    ask(
        lines,
        "# How often which word.",
        &[
            "3 ringing",
            "1 declined",
            "1 wrong-code",
            "1 approved",
            "1 limit",
            "1 bypass",
            "1 exempt",
            "1 unreachable",
        ],
    );
    ask(
        lines,
        "# Who got in without the phone",
        &[
            ": bypass user=\"lee\" account=\"lee\" rhost=\"127.0.0.7\"",
            ": exempt user=\"lee\" rhost=\"127.0.0.4\"",
            ": unreachable user=\"lee\"",
        ],
    );
    ask(
        lines,
        "# Who used a bypass code",
        &["reason=\"lost phone\""],
    );
    let ending = "[[policy.exempt]]\nusers = [\"lee\"]\nuntil = 9999-12-31\n";
    configure(&format!(
        "{ending}[[policy.exempt]]\nusers = [\"other\"]\n{ending}"
    ));
    ask(
        lines,
        "# Exemptions that do not end",
        &["[[policy.exempt]]", "users = [\"other\"]"],
    );
    ask(
        lines,
        "# Accounts with a password that",
        &[" 3  account=\"lee\""],
    );
    ask(
        lines,
        "# Where pushes are not",
        &[": wrong-code user=\"lee\""],
    );
    ask(
        lines,
        "pam_logonbox_last_day",
        &[
            "{service=\"sshd\",word=\"approved\"} 1",
            "{service=\"sshd\",word=\"bypass\"} 1",
            "{service=\"sshd\",word=\"declined\"} 1",
            "{service=\"sshd\",word=\"exempt\"} 1",
            "{service=\"sshd\",word=\"limit\"} 1",
            "{service=\"sshd\",word=\"ringing\"} 3",
            "{service=\"sshd\",word=\"unreachable\"} 1",
            "{service=\"sshd\",word=\"wrong-code\"} 1",
        ],
    );
}
