//! A double stands only for a module that the dynamic linker would load.

use std::fs;
use std::os::unix::fs::symlink;

use pam_stack::Facility::{Account, Auth, Session};
use pam_stack::{Code, Question, Rule};

use crate::host::{Host, called, compiled, modules};

const X: &str = "/lib/pam_x.so";

/// The answer to a stack with `pam_permit.so` and the module [`X`], which the caller writes.
fn with_module(facility: &str, write: impl FnOnce(&Host)) -> (Code, Vec<String>, String) {
    let lines = format!("{facility} required pam_permit.so\n{facility} required {X}\n");
    let host = Host::new(&[("test", &lines)]);
    write(&host);
    let facility = if facility.ends_with("auth") {
        Auth
    } else {
        Account
    };
    let answer = host.agreed(facility);
    (answer.code, called(&answer), answer.messages.join("\n"))
}

fn permit() -> Vec<u8> {
    fs::read(modules().join("pam_permit.so")).unwrap()
}

#[test]
fn a_module_that_cannot_be_loaded_is_unknown() {
    let unknown = |what: &str, why: &str, write: &dyn Fn(&Host)| {
        let (code, calls, messages) = with_module("auth", write);
        assert_eq!(code, Code::MODULE_UNKNOWN, "{what}");
        assert_eq!(calls, ["pam_permit.so"], "{what}");
        assert!(messages.contains(why), "{what}: {messages}");
    };
    unknown("missing", "No such file", &|_| {});
    unknown("empty", "pam_x.so", &|host| host.write(X, b""));
    unknown("text", "pam_x.so", &|host| host.write(X, b"#!/bin/sh\n"));
    unknown("cut off", "pam_x.so", &|host| {
        host.write(X, &permit()[..100]);
    });
    unknown("a directory", "not a regular file", &|host| {
        fs::create_dir(host.path(X)).unwrap();
    });
    unknown("a link to nowhere", "No such file", &|host| {
        symlink("pam_y.so", host.path(X)).unwrap();
    });
    unknown("another machine", "another machine", &|host| {
        let mut bytes = permit();
        // e_machine: SPARC, with the byte order and the word size of this machine.
        bytes[18..20].copy_from_slice(&43_u16.to_ne_bytes());
        host.write(X, &bytes);
    });
    unknown("another byte order", "pam_x.so", &|host| {
        let mut bytes = permit();
        bytes[5] = 3 - bytes[5];
        host.write(X, &bytes);
    });
    unknown("a program", "not a shared object", &|host| {
        let mut bytes = permit();
        // e_type: ET_EXEC
        bytes[16..18].copy_from_slice(&2_u16.to_ne_bytes());
        host.write(X, bytes);
    });
    unknown(
        "undefined",
        "resolve symbol: pam_sm_authenticate",
        &|host| {
            let library = compiled("imports.c", &["-shared", "-fPIC"]);
            host.write(X, fs::read(library).unwrap());
        },
    );
    unknown("not a module", "pam_sm_authenticate", &|host| {
        let bytes = fs::read(modules().join("pam_limits.so")).unwrap();
        host.write(X, &bytes);
    });
}

#[test]
fn a_dash_only_keeps_the_missing_module_out_of_the_log() {
    let (code, calls, messages) = with_module("-auth", |_| {});
    assert_eq!(code, Code::MODULE_UNKNOWN);
    assert_eq!(calls, ["pam_permit.so"]);
    assert_eq!(messages, "");

    // The answer has it, and not what another directory has.
    let lines = format!("-auth optional {X}\nauth required pam_permit.so\n");
    let answer = Host::new(&[("test", &lines)]).agreed(Auth);
    let [(path, why)] = answer.refused.as_slice() else {
        panic!("{:?}", answer.refused);
    };
    assert_eq!(path, X);
    assert!(why.contains("No such file"), "{why}");
}

#[test]
fn each_facility_has_its_own_function() {
    let module = fs::read(modules().join("pam_limits.so")).unwrap();
    let (code, ..) = with_module("account", |host| host.write(X, &module));
    assert_eq!(code, Code::MODULE_UNKNOWN);
    let (code, calls, _) = with_module("account", |host| host.write(X, permit()));
    assert_eq!(code, Code::SUCCESS);
    assert_eq!(calls, ["pam_permit.so", "pam_x.so"]);
}

/// The lines of a session, also with modules that are missing.
#[test]
fn sessions() {
    let permit = "session required pam_permit.so\n";
    for (line, expected) in [
        ("auth required pam_deny.so", Code::SUCCESS),
        ("session optional pam_missing.so", Code::SUCCESS),
        ("-session optional pam_missing.so", Code::SUCCESS),
        ("session required pam_missing.so", Code::MODULE_UNKNOWN),
        ("-session required pam_missing.so", Code::MODULE_UNKNOWN),
        (
            "session required pam_debug.so open_session=session_err",
            Code::SESSION_ERR,
        ),
    ] {
        let host = Host::new(&[("test", &format!("{permit}{line}\n"))]);
        assert_eq!(host.agreed(Session).code, expected, "{line}");
    }
}

#[test]
fn rules() {
    let lines = "auth optional pam_debug.so a\nauth optional pam_debug.so b\n\
                 auth optional pam_debug.so a\nauth optional pam_permit.so a\n\
                 auth optional /lib/pam_y.so a\n";
    let host = Host::new(&[("test", lines)]);
    host.write("/lib/pam_y.so", permit());
    let mut stacks = host.stacks();
    let mut codes = |rules: &[Rule]| {
        let mut question = Question::new("test", Auth, Code::IGNORE);
        question.rules = rules.to_vec();
        let answer = stacks.ask(&question).unwrap();
        answer
            .calls
            .iter()
            .map(|call| call.code.0)
            .collect::<Vec<_>>()
    };
    let other = Code::IGNORE.0;
    let rule = |module: Option<&str>, argument: Option<&str>, nth, code| Rule {
        module: module.map(str::to_owned),
        arguments: argument.map(|argument| vec![argument.to_owned()]),
        nth,
        code: Code(code),
    };
    let debug = Some("pam_debug.so");
    assert_eq!(codes(&[]), [other; 5]);
    assert_eq!(codes(&[rule(None, None, None, 9)]), [9; 5]);
    assert_eq!(
        codes(&[rule(debug, None, None, 9)]),
        [9, 9, 9, other, other]
    );
    assert_eq!(
        codes(&[rule(Some("pam_y.so"), None, None, 9)]),
        [other, other, other, other, 9]
    );
    assert_eq!(
        codes(&[rule(None, Some("a"), None, 9)]),
        [9, other, 9, 9, 9]
    );
    assert_eq!(
        codes(&[rule(debug, Some("a"), Some(1), 9)]),
        [other, other, 9, other, other]
    );
    assert_eq!(
        codes(&[Rule::nth(3, Code(9))]),
        [other, other, other, 9, other]
    );
    let both = [rule(debug, None, Some(0), 8), rule(debug, None, None, 9)];
    assert_eq!(codes(&both), [8, 9, 9, other, other]);
}

#[test]
fn a_call_names_the_file_that_libpam_loads() {
    let host = Host::new(&[("test", "auth required pam_permit.so\n")]);
    let answer = host
        .ask(&Question::new("test", Auth, Code::SUCCESS))
        .unwrap();
    let [call] = answer.calls.try_into().unwrap();
    let loaded = host.path(&call.path).canonicalize().unwrap();
    let module = host.path(modules().join("pam_permit.so"));
    assert_eq!(loaded, module.canonicalize().unwrap());
}

#[test]
fn a_module_that_is_a_link_is_one() {
    let host = Host::new(&[("test", "auth required pam_x.so\n")]);
    symlink("pam_permit.so", host.path(modules().join("pam_x.so"))).unwrap();
    let answer = host
        .ask(&Question::new("test", Auth, Code::SUCCESS))
        .unwrap();
    assert_eq!(called(&answer), ["pam_x.so"]);
}

#[test]
fn no_code_of_a_module_runs() {
    let host = Host::new(&[("test", "auth required pam_deny.so\n")]);
    let answer = host
        .ask(&Question::new("test", Auth, Code::SUCCESS))
        .unwrap();
    assert_eq!(answer.code, Code::SUCCESS);
    assert_eq!(host.reference().ask(Auth, "test"), Code::AUTH_ERR);
}
