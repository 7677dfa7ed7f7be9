//! libpam reads the files.

use pam_stack::Facility::{Account, Auth};
use pam_stack::{Answer, Code, Question};

use crate::host::{Host, called, question};

const YES: &str = "auth required pam_debug.so auth=success\n";

fn debug(codes: &[&str]) -> Vec<String> {
    let line = |code: &&str| format!("pam_debug.so auth={code}");
    codes.iter().map(line).collect()
}

#[test]
fn a_service_without_a_file_is_other() {
    let host = Host::new(&[("other", "auth required pam_debug.so auth=maxtries\n")]);
    let answer = host.agreed(Auth);
    assert_eq!(answer.code, Code::MAXTRIES);
    assert_eq!(called(&answer), debug(&["maxtries"]));
}

#[test]
fn a_service_without_auth_lines_is_other() {
    let host = Host::new(&[
        ("other", "auth required pam_debug.so auth=maxtries\n"),
        ("test", "account required pam_permit.so\n"),
    ]);
    assert_eq!(called(&host.agreed(Auth)), debug(&["maxtries"]));
    assert_eq!(called(&host.agreed(Account)), ["pam_permit.so"]);
}

#[test]
fn account_lines_are_asked_apart_from_auth_lines() {
    let account = "account required pam_debug.so acct=acct_expired\n";
    let host = Host::new(&[("test", &format!("{YES}{account}"))]);
    assert_eq!(host.agreed(Auth).code, Code::SUCCESS);
    let answer = host.agreed(Account);
    assert_eq!(answer.code, Code::ACCT_EXPIRED);
    assert_eq!(called(&answer), ["pam_debug.so acct=acct_expired"]);
}

#[test]
fn the_name_of_a_service_is_lower_case_and_no_path() {
    let host = Host::new(&[("test", YES)]);
    for name in ["TEST", "/x/test"] {
        let answer = host.ask(&question(name, Auth)).unwrap();
        assert_eq!(called(&answer), debug(&["success"]), "{name}");
    }
}

#[test]
fn files_are_included() {
    let host = Host::new(&[
        (
            "test",
            "auth include one\n@include two\nauth required pam_debug.so auth=ignore\n",
        ),
        (
            "one",
            "auth optional pam_debug.so auth=cred_err\nauth sufficient pam_debug.so auth=auth_err\n",
        ),
        (
            "two",
            "auth required pam_debug.so auth=success\naccount required pam_deny.so\n",
        ),
    ]);
    // Upstream's libpam knows no @include. Then the line counts as failed.
    let answer = host.agreed(Auth);
    let (code, calls): (_, &[&str]) = if answer.code == Code::SUCCESS {
        (
            Code::SUCCESS,
            &["cred_err", "auth_err", "success", "ignore"],
        )
    } else {
        (Code::PERM_DENIED, &["cred_err", "auth_err", "ignore"])
    };
    assert_eq!(answer.code, code);
    assert_eq!(called(&answer), debug(calls));
}

#[test]
fn a_file_that_is_missing_fails_the_include() {
    let host = Host::new(&[("test", &format!("{YES}auth include nowhere\n"))]);
    let answer = host.agreed(Auth);
    assert_eq!(answer.code, Code::PERM_DENIED);
    assert!(
        answer.messages.iter().any(|line| line.contains("nowhere")),
        "{answer:?}"
    );
}

#[test]
fn files_that_include_themselves_end() {
    let host = Host::new(&[("test", &format!("{YES}auth substack test\n"))]);
    let answer = host.agreed(Auth);
    assert_ne!(answer.code, Code::SUCCESS);
}

#[test]
fn a_substack_ends_alone() {
    let sub = "auth [success=done default=die] pam_debug.so auth=auth_err\n\
               auth required pam_debug.so auth=success\n";
    let end = "auth required pam_debug.so auth=ignore\n";
    let host = Host::new(&[("test", &format!("auth substack sub\n{end}")), ("sub", sub)]);
    let answer = host.agreed(Auth);
    assert_eq!(answer.code, Code::AUTH_ERR);
    assert_eq!(called(&answer), debug(&["auth_err", "ignore"]));

    host.write("test", format!("auth include sub\n{end}"));
    assert_eq!(called(&host.agreed(Auth)), debug(&["auth_err"]));
}

#[test]
fn jumps() {
    let lines = "auth [success=2 default=ignore] pam_debug.so auth=success\n\
                 auth required pam_deny.so\n\
                 auth substack sub\n\
                 auth [default=1] pam_debug.so auth=authtok_err\n\
                 auth required pam_deny.so\n\
                 auth required pam_permit.so\n";
    let sub = "auth required pam_deny.so\nauth required pam_deny.so\n";
    let host = Host::new(&[("test", lines), ("sub", sub)]);
    let answer = host.agreed(Auth);
    assert_eq!(answer.code, Code::SUCCESS);
    let calls = [
        "pam_debug.so auth=success",
        "pam_debug.so auth=authtok_err",
        "pam_permit.so",
    ];
    assert_eq!(called(&answer), calls);

    host.write(
        "test",
        "auth [success=9 default=die] pam_debug.so auth=success\n",
    );
    let answer = host.agreed(Auth);
    assert_eq!(answer.code, Code::PERM_DENIED);
    assert_eq!(answer.messages, ["bad jump in stack"]);
}

#[test]
fn lines_that_libpam_cannot_read() {
    for line in [
        "auht required pam_permit.so",
        "auth",
        "auth required",
        "auth [success=okay] pam_permit.so",
        "auth [success=ok pam_permit.so",
        "auth bound pam_permit.so",
    ] {
        let host = Host::new(&[("test", &format!("{YES}{line}\n"))]);
        let answer = host.agreed(Auth);
        assert!(!answer.messages.is_empty(), "{line}: {answer:?}");
    }
}

#[test]
fn arguments() {
    let line = "auth required pam_debug.so [auth=success] [a b] [c\\]d] e#f\\\n g\n";
    let host = Host::new(&[("test", line)]);
    let arguments = &host.agreed(Auth).calls[0].arguments;
    assert_eq!(*arguments, ["auth=success", "a b", "c]d", "e"]);

    host.write("test", "auth required pam_debug.so a \\\n  b\n");
    let answer = host
        .ask(&Question::new("test", Auth, Code::SUCCESS))
        .unwrap();
    assert_eq!(answer.calls[0].arguments, ["a", "b"]);
}

/// These files lead to different answers in different versions of libpam.
#[test]
fn files_from_other_systems() {
    let long = format!("auth optional pam_deny.so {}\n", "x ".repeat(600));
    let cases = [
        (
            "CR after a module",
            "auth required pam_permit.so\r\n".to_owned(),
        ),
        ("CR after an argument", YES.replace('\n', "\r\n")),
        (
            "a backslash at the end of the file",
            format!("{YES}auth required \\"),
        ),
        (
            "a backslash and a line break there",
            format!("{YES}auth required \\\n"),
        ),
        ("no line break at the end", YES.trim_end().to_owned()),
        ("a long line", format!("{YES}{long}")),
        ("a long comment", format!("#{}\n{YES}", "x".repeat(3000))),
        (
            "a long line, continued",
            format!("{YES}{}", long.replace("x x x ", "x x x\\\n")),
        ),
        (
            "a NUL byte",
            format!("{YES}auth required pam_permit.so\0\n"),
        ),
        ("not UTF-8", YES.to_owned()),
        ("a byte order mark", format!("\u{feff}{YES}")),
        ("no line", String::new()),
    ];
    for (name, text) in cases {
        let host = Host::new(&[]);
        let mut bytes = text.into_bytes();
        if name == "not UTF-8" {
            bytes.extend(b"auth required pam_permit.so \xff\xfe\n");
        }
        host.write("test", bytes);
        host.agreed(Auth);
    }
}

#[test]
fn the_vendors_directories_and_the_single_file() {
    let host = Host::new(&[]);
    host.write(
        "/usr/lib/pam.d/test",
        "auth required pam_debug.so auth=maxtries\n",
    );
    assert_eq!(host.agreed(Auth).code, Code::MAXTRIES);
    host.write("test", YES);
    assert_eq!(host.agreed(Auth).code, Code::SUCCESS);

    let host = Host::new(&[]);
    std::fs::remove_dir_all(host.path("/etc/pam.d")).unwrap();
    host.write(
        "/etc/pam.conf",
        "test auth required pam_debug.so auth=cred_err\n",
    );
    assert_eq!(host.agreed(Auth).code, Code::CRED_ERR);
}

#[test]
fn lines_that_no_login_reaches_have_their_modules_too() {
    let host = Host::new(&[
        (
            "test",
            "auth sufficient pam_permit.so\nauth include sub\naccount required pam_permit.so\n",
        ),
        (
            "sub",
            "auth required pam_debug.so\nauth required pam_debug.so a\n",
        ),
    ]);
    let names = |answer: &Answer| {
        let name = |path: &String| path.rsplit('/').next().unwrap().to_owned();
        answer.lines.iter().map(name).collect::<Vec<_>>()
    };
    let answer = host.agreed(Auth);
    assert_eq!(called(&answer), ["pam_permit.so"]);
    // The last one is the line of `other`.
    let lines = [
        "pam_permit.so",
        "pam_debug.so",
        "pam_debug.so",
        "pam_deny.so",
    ];
    assert_eq!(names(&answer), lines);
    assert_eq!(names(&host.agreed(Account)), ["pam_permit.so"]);
}
