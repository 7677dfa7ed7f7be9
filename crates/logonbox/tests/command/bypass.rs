//! `logonbox bypass`.

use crate::setup::{Run, Setup};

/// Runs the command with a state directory of its own.
fn run(setup: &Setup, arguments: &[&str]) -> Run {
    let directory = setup.path("state").display().to_string();
    let state = ["--state-directory", &directory];
    setup.run(&[&["bypass"], arguments, &state].concat())
}

/// The code, without its hyphens.
fn made(run: &Run) -> String {
    assert_eq!((run.code, &*run.err), (Some(0), ""), "{run:?}");
    let code = run.out.lines().next().unwrap();
    let groups: Vec<usize> = code.split('-').map(str::len).collect();
    assert_eq!(groups, [4, 4, 5], "{code}");
    code.replace('-', "")
}

#[test]
fn a_code_is_made_listed_and_revoked() {
    let setup = Setup::new();
    let list = |expected: &[&str]| {
        let listed = run(&setup, &["--list"]);
        assert_eq!((listed.code, &*listed.err), (Some(0), ""));
        assert_eq!(listed.out.lines().count(), expected.len(), "{listed:?}");
        for (line, expected) in listed.out.lines().zip(expected) {
            let (user, reason) = expected.split_once(' ').unwrap();
            assert!(line.starts_with(&format!("{user}  until 20")), "{line}");
            assert!(line.ends_with(&format!(" UTC: {reason}")), "{line}");
        }
        listed.out
    };
    assert_eq!(run(&setup, &["--list"]).out, "No bypass code is valid.\n");
    let one = made(&run(&setup, &["root", "--reason", "lost phone"]));
    let other = made(&run(
        &setup,
        &["root", "--hours", "72", "--reason", "a second"],
    ));
    assert_ne!(one, other);
    made(&run(
        &setup,
        &["daemon", "--hours", "1", "--reason", " none "],
    ));
    let listed = list(&["daemon none", "root lost phone", "root a second"]);
    let listed = listed.replace('-', "");
    assert!(!listed.contains(&one) && !listed.contains(&other));
    let revoked = run(&setup, &["root", "--revoke"]);
    assert_eq!(revoked.out, "2 bypass codes of root are revoked.\n");
    list(&["daemon none"]);
    let revoked = run(&setup, &["root", "--revoke"]);
    assert_eq!(revoked.out, "root has no bypass code.\n");
}

#[test]
fn the_code_works_in_a_login_once() {
    let setup = Setup::new();
    setup.configure("account = \"never.ed25519\"", "");
    let directory = setup.path("state").display().to_string();
    let code = made(&run(&setup, &["root", "--reason", "lost phone"]));
    let login = || {
        let login = [
            "login",
            "root",
            "--service",
            "login",
            "--state-directory",
            &directory,
        ];
        setup.run_typing(&login, |_| code.clone())
    };
    let first = login();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.out.contains("bypass user=\"root\""), "{first:?}");
    assert!(first.out.contains("reason=\"lost phone\""), "{first:?}");
    assert!(!first.out.contains(&code));
    let second = login();
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.out.contains("wrong-code"), "{second:?}");
}

#[test]
fn codes_that_would_not_work_are_not_made() {
    let setup = Setup::new();
    let refused = |arguments: &[&str], code: i32, what: &str| {
        let refused = run(&setup, arguments);
        assert_eq!(refused.code, Some(code), "{refused:?}");
        assert!(refused.err.contains(what), "{what}: {refused:?}");
        assert!(!setup.path("state").exists());
    };
    let make = ["root", "--reason", "lost phone"];
    refused(
        &["no-such-user", "--reason", "x"],
        1,
        "the system knows no such user",
    );
    refused(&["root"], 2, "--reason <TEXT>");
    refused(&["root", "--reason", " "], 2, "say why");
    refused(&["root", "--reason", &"x".repeat(201)], 2, "at most 200");
    refused(&["root", "--reason", "x", "--hours", "0"], 2, "1..=72");
    refused(&["root", "--reason", "x", "--hours", "73"], 2, "1..=72");
    refused(&[], 2, "<USER>");
    setup.configure("", "[policy]\nbypass_codes = false");
    refused(
        &make,
        1,
        "policy.bypass_codes is false, so no code would work",
    );
    setup.write(
        "pam_logonbox.toml",
        "mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com\"\n",
    );
    refused(&make, 1, "mode = \"airlock\" has no bypass codes");
    setup.write("pam_logonbox.toml", "[logonbox]\n");
    refused(&make, 1, "logonbox.tenant");
}

#[test]
fn a_service_without_a_prompt_is_named() {
    let setup = Setup::new();
    setup.configure("", "[conversation]\ncode = \"show\"");
    let run = run(&setup, &["root", "--reason", "lost phone"]);
    made(&run);
    assert!(run.out.contains("Services with code = \"show\""), "{run:?}");
}

#[test]
fn a_remembered_approval_is_forgotten() {
    let setup = Setup::new();
    let directory = setup.path("run").display().to_string();
    let policy = "[policy]\nremember_minutes = 10";
    setup.configure("account = \"approve\"", policy);
    let state = ["--run-directory", &directory];
    let rhost = ["--rhost", "192.0.2.7"];
    let login = || setup.run_typing_code(&[&["login", "root"][..], &rhost, &state].concat());
    let forget = || setup.run(&[&["forget", "root"][..], &state].concat());
    forget().assert(0, &["No approval of root is remembered."], &[]);
    login().assert(0, &["PAM_SUCCESS"], &["Approve the request"]);
    let remembered = setup.run(&[&["login", "root"][..], &rhost, &state].concat());
    remembered.assert(3, &["PAM_IGNORE", ": remembered user=\"root\""], &[]);
    forget().assert(0, &["1 approval of root is forgotten."], &[]);
    login().assert(0, &["PAM_SUCCESS"], &["Approve the request"]);
}
