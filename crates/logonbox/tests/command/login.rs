//! `logonbox login`.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use tenant::{Account, Accounts, KeyType, Options, Phone};

use crate::setup::{NO_LIMIT, Setup, unused_address};
use crate::terminal::{TIMEOUT, Terminal, screen};

/// A user that every system has.
const USER: &str = "root";
/// A code that is typed before the phone rings. No push is sent then.
const TYPED: &str = "123456\n";
const PASSWORD: &str = tenant::PASSWORD;

fn setup(account: &str, rest: &str) -> Setup {
    let setup = Setup::new();
    setup.configure(&format!("account = {account:?}"), rest);
    setup
}

fn airlock(account: &str, more: &str) -> Setup {
    let setup = Setup::new();
    let text = format!(
        "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = {account:?}\n{more}\n[tls]\nca_file = {:?}\n[policy]\n{NO_LIMIT}\n",
        setup.tenant.airlock_url(),
        setup.path("ca.pem").display().to_string()
    );
    setup.write("pam_logonbox.toml", &text);
    setup
}

/// The names of the steps, in order.
fn steps(out: &str) -> Vec<&str> {
    let (steps, _) = out.split_once("\n\n").unwrap();
    steps
        .lines()
        .map(|line| {
            let (time, rest) = line.trim_start().split_once(" s  ").unwrap();
            assert!(time.parse::<f64>().is_ok(), "{line}");
            rest.split("  ").next().unwrap()
        })
        .collect()
}

/// As in a cron job. The user cannot read the announcement, so the phone must not ring.
#[test]
fn without_an_answer_nobody_s_phone_rings() {
    let setup = setup("approve", "");
    let run = setup.run_with("", &["login", USER]);
    run.assert(
        1,
        &["PAM    PAM_CONV_ERR", ": conversation "],
        &["Approve the request"],
    );
    assert_eq!(
        run.err.matches("Approve the request").count(),
        1,
        "{run:#?}"
    );
    assert_eq!(setup.tenant.sign_requests().len(), 0);
}

#[test]
fn an_approved_login_shows_its_steps_its_line_and_its_code() {
    let setup = setup("approve", "");
    let run = setup.run_typing_code(&["login", USER, "--rhost", "192.0.2.7"]);
    run.assert(
        0,
        &[],
        &["Approve the request on your phone, then type the code it shows: "],
    );
    assert_eq!(
        steps(&run.out),
        [
            "configuration",
            "policy",
            "prompt",
            "key list",
            "key",
            "phone",
            "signature",
            "approved"
        ]
    );
    let fingerprint = setup.tenant.sign_requests()[0].fingerprint.clone();
    let fields = format!(
        "user=\"{USER}\" account=\"approve\" rhost=\"192.0.2.7\" device=\"LogonBox Key\" \
         key=\"{fingerprint}\""
    );
    let log = "log    authpriv.info pam_logonbox(sshd:auth): ";
    run.line(&format!("{log}ringing {fields}"));
    run.line(&format!("{log}approved {fields} seconds=\""));
    run.line("PAM    PAM_SUCCESS");
    run.line("total  ");
    let text = setup.tenant.sign_requests()[0].text.clone();
    assert!(text.contains(" (sshd) from 192.0.2.7. Code: "), "{text}");
}

#[test]
fn every_end_has_its_code_and_its_exit_status() {
    for (account, service, rest, word, code, exit) in [
        ("decline", "sshd", "", "declined", "PAM_MAXTRIES", 1),
        ("decline", "sudo", "", "declined", "PAM_ABORT", 1),
        ("wrong-key", "su", "", "bad-signature", "PAM_MAXTRIES", 1),
        ("nobody", "su", "", "no-account", "PAM_MAXTRIES", 1),
        (
            "approve",
            "su",
            "[[policy.exempt]]\nusers = [\"root\"]",
            "exempt",
            "PAM_IGNORE",
            3,
        ),
        (
            "approve",
            "su",
            "[policy]\nx = 1",
            "configuration",
            "PAM_SERVICE_ERR",
            1,
        ),
    ] {
        let setup = setup(account, rest);
        let rings = matches!(word, "declined" | "bad-signature");
        let login = ["login", USER, "--service", service];
        let run = if rings {
            setup.run_typing_code(&login)
        } else {
            setup.run_with(TYPED, &login)
        };
        assert_eq!(run.code, Some(exit), "{run:#?}");
        run.line(&format!("PAM    {code}"));
        let start = format!("pam_logonbox({service}:auth): {word} ");
        assert!(run.out.contains(&start), "{run:#?}");
        assert_eq!(!setup.tenant.sign_requests().is_empty(), rings, "{word}");
    }
}

#[test]
fn whoever_cannot_be_reached_is_explained() {
    let setup = Setup::new();
    setup.configure_for(&unused_address(), "", "");
    let run = setup.run_with(TYPED, &["login", USER]);
    run.assert(
        1,
        &["PAM_AUTHINFO_UNAVAIL", "Check the name of the server"],
        &["The login service cannot be reached."],
    );

    // A certificate of another CA than the tenant's.
    let setup = self::setup("approve", "");
    let other = Setup::new();
    setup.write("ca.pem", other.tenant.ca_pem());
    let run = setup.run_with(TYPED, &["login", USER]);
    run.assert(1, &["tls ", "ca_file"], &["cannot be reached"]);
}

#[test]
fn a_person_who_answers_nothing_has_no_login() {
    for (rest, asked) in [
        ("", "type the code it shows: "),
        (
            "[conversation]\ncode = \"show\"\nannounce = \"enter\"",
            "Press Enter",
        ),
    ] {
        let setup = setup("approve", rest);
        // Longer than any answer through PAM.
        let long = "x".repeat(600) + "\n";
        for typed in ["", &long] {
            let run = setup.run_with(typed, &["login", USER]);
            run.assert(1, &["conversation ", "PAM_CONV_ERR"], &[asked]);
        }
        assert!(setup.tenant.sign_requests().is_empty());
    }
    let setup = setup("approve", "");
    let run = setup.run_with("123456\n", &["login", USER]);
    run.assert(
        1,
        &["wrong-code ", "reason=\"no push was sent\"", "PAM_MAXTRIES"],
        &["The code is wrong. Login refused."],
    );
    assert!(setup.tenant.sign_requests().is_empty());
}

#[test]
fn a_terminal_shows_the_wait_and_ctrl_c_ends_it_with_a_line() {
    let setup = setup("page", "");
    let mut command = setup.command(&["login", USER, "--service", "login"]);
    command.env("NO_COLOR", "1");
    let terminal = Terminal::start(&command);
    assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
    let code = setup.tenant.waiting()[0].code().unwrap();
    terminal.press(&format!("{code}\r"));
    terminal.see("waiting for the phone ... 0 s of 45 s");
    terminal.see("waiting for the phone ... 1 s of 45 s");
    assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
    terminal.press("\x03");
    let (status, raw) = terminal.end();
    // The command ends by the signal, like other programs, after it has printed the line.
    assert_eq!(status.signal(), Some(2), "{raw}");
    let screen = screen(&raw);
    assert!(screen.contains("interrupted user=\"root\""), "{screen}");
    assert!(screen.contains("reason=\"SIGINT\""), "{screen}");
    assert!(screen.contains("PAM_MAXTRIES"), "{screen}");
    assert!(!screen.contains("waiting for"), "{screen}");
    assert!(!raw.contains('\u{1b}'), "{raw:?}");
    assert!(setup.tenant.wait_for_waiting(0, TIMEOUT), "given up");
}

#[test]
fn pinned_keys_and_the_caller_of_su_count_as_in_the_module() {
    let setup = Setup::new();
    setup.configure("pins = \"required\"", "[policy]\nsu_asks = \"caller\"");
    let keys = setup.path("keys").display().to_string();
    let login = [
        "login",
        "daemon",
        "--service",
        "su",
        "--caller",
        USER,
        "--pins-directory",
        &keys,
    ];
    let run = setup.run_with(TYPED, &login);
    run.assert(
        1,
        &["no-key user=\"daemon\" caller=\"root\" ", "there is no "],
        &["The code is wrong. Login refused."],
    );
    let account = tenant::Account::new("root");
    std::fs::create_dir(&keys).unwrap();
    setup.write("keys/root", &format!("{}\n", account.all_keys()[0].line()));
    let setup_of_root = Setup::with(Options {
        accounts: Accounts::from_iter([account]),
        ..Options::default()
    });
    setup_of_root.configure("pins = \"required\"", "[policy]\nsu_asks = \"caller\"");
    let run = setup_of_root.run_typing_code(&login);
    run.assert(
        0,
        &["key list        pinned on this host", "PAM_SUCCESS"],
        &["phone"],
    );
    assert!(setup_of_root.tenant.key_requests().is_empty());
    assert_eq!(setup_of_root.tenant.sign_requests()[0].username, "root");
}

/// The caller of a setuid program can cause a timeout. The module must not fail open after one.
#[test]
fn a_service_that_users_start_with_more_rights_is_taken_for_one() {
    let rest = "[wait]\nconnect_seconds = 2\n[policy]\non_unavailable = \"ignore\"";
    for (service, code, exit) in [
        ("login", "PAM_IGNORE (the module takes no part", 3),
        ("sudo", "PAM_AUTHINFO_UNAVAIL", 1),
        ("su", "PAM_AUTHINFO_UNAVAIL", 1),
    ] {
        let setup = setup("approve.keys-never", rest);
        let run = setup.run_with(TYPED, &["login", USER, "--service", service]);
        run.assert(
            exit,
            &["timed-out ", &format!("PAM    {code}")],
            &["cannot be reached"],
        );
    }
}

#[test]
fn without_a_terminal_no_wait_is_shown() {
    let setup = setup("never", "[wait]\nlogin_seconds = 1");
    let run = setup.run_typing_code(&["login", USER, "--service", "login"]);
    run.assert(1, &["timed-out"], &["No answer from the phone within 1 s."]);
    assert!(!run.err.contains("waiting"), "{run:#?}");
}

#[test]
fn what_is_hidden_stays_hidden_and_the_terminal_is_left_as_it_was() {
    let setup = airlock("otp", "");
    let terminal = Terminal::start(&setup.command(&["login", USER, "--service", "login"]));
    terminal.see("Password: ");
    assert!(!terminal.echoes());
    terminal.press(&format!("{PASSWORD}\r"));
    terminal.see("OTP: ");
    assert!(terminal.echoes());
    terminal.press("A1b2C3\r");
    let (status, raw) = terminal.end();
    assert!(status.success(), "{raw}");
    assert!(!raw.contains(PASSWORD), "{raw}");
    assert_eq!(
        raw.matches("A1b2C3").count(),
        1,
        "the terminal's echo: {raw}"
    );

    let login = setup.command(&["login", USER, "--service", "login"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap : INT; \"$0\" \"$@\"; echo status $?; stty -a"])
        .arg(login.get_program())
        .args(login.get_args());
    let terminal = Terminal::start(&shell);
    terminal.see("Password: ");
    assert!(!terminal.echoes());
    terminal.press("half\x03");
    let (_, raw) = terminal.end();
    assert!(raw.contains("PAM_CONV_ERR"), "{raw}");
    assert!(raw.contains("status 130"), "{raw}");
    assert!(raw.contains(" echo "), "{raw}");
    assert!(!raw.contains("half"), "{raw}");
}

#[test]
fn a_password_of_the_stack_is_asked_for_as_another_module_would() {
    let setup = airlock("otp", "password = \"stack\"");
    let typed = format!("{PASSWORD}\nA1b2C3\n");
    let run = setup.run_with(&typed, &["login", USER]);
    run.assert(
        0,
        &["PAM_SUCCESS"],
        &["another module of the stack would ask for: ", "OTP: "],
    );
    assert_eq!(
        steps(&run.out),
        [
            "configuration",
            "policy",
            "session",
            "password",
            "OTP",
            "approved"
        ]
    );
    assert!(!run.out.contains(PASSWORD) && !run.err.contains(PASSWORD));
    assert!(!run.out.contains("A1b2C3") && !run.err.contains("A1b2C3"));
}

#[test]
fn what_the_tenant_says_is_stripped() {
    let hostile = "Pixel\u{1b}[2J\u{9b}1m\u{202e}8 of l\u{e9}a";
    let lee = Account::new("lee").phones([Phone::new(hostile, KeyType::Ed25519)]);
    let setup = Setup::with(Options {
        accounts: Accounts::from_iter([lee]),
        ..Options::default()
    });
    setup.configure("account = \"lee\"", "");
    // Every run is checked for control characters.
    let run = setup.run_typing_code(&["login", USER]);
    run.assert(
        0,
        &["key             Pixel?[2J?1m?8 of l\u{e9}a (ssh-ed25519 SHA256:"],
        &["phone"],
    );
}

#[test]
fn a_login_in_a_terminal_reads_from_it_and_reports_to_a_file() {
    let setup = setup("approve", "");
    let report = std::fs::File::create(setup.path("report")).unwrap();
    let command = setup.command(&["login", USER]);
    let terminal = Terminal::start_changed(&command, |command| command.stdout(report));
    terminal.see("type the code it shows: ");
    assert!(setup.tenant.wait_for_sign_requests(1, TIMEOUT));
    let code = setup.tenant.sign_requests()[0].code().unwrap();
    terminal.press(&format!("{code}\r"));
    let (status, raw) = terminal.end();
    assert!(status.success(), "{raw}");
    assert!(!raw.contains("PAM_SUCCESS"), "{raw}");
    let report = std::fs::read_to_string(setup.path("report")).unwrap();
    assert!(
        report.contains("PAM_SUCCESS") && !report.contains('\u{1b}'),
        "{report}"
    );
    assert!(setup.tenant.wait_for_sign_requests(1, Duration::ZERO));
}
