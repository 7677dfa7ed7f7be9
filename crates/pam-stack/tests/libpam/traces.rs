//! The helper writes no line to the log and opens no socket.

use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use pam_stack::Facility::Auth;
use pam_stack::protocol;

use crate::host::{Host, compiled, helper, question};

const LOGGED: &str = "auth required pam_missing.so\nauth nonsense pam_permit.so\n";

#[test]
fn no_line_reaches_the_log() {
    let host = Host::new(&[("test", LOGGED)]);
    let log = UnixDatagram::bind(host.path("/dev/log")).unwrap();
    log.set_nonblocking(true).unwrap();
    let mut line = [0; 1024];

    let answer = host.ask(&question("test", Auth)).unwrap();
    let expected = |text: &str| answer.messages.iter().any(|line| line.contains(text));
    assert!(expected("unable to dlopen"), "{answer:#?}");
    assert!(expected("nonsense"), "{answer:#?}");
    assert_eq!(
        log.recv(&mut line).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    host.reference().ask(Auth, "test");
    let length = log.recv(&mut line).unwrap();
    assert!(String::from_utf8_lossy(&line[..length]).contains("PAM"));
}

/// The lines that the library of sockets.c writes.
fn sockets(mut program: Command, input: &str) -> usize {
    let library = compiled("sockets.c", &["-shared", "-fPIC"]);
    let mut program = program
        .env("LD_PRELOAD", library)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap().lines().count()
}

#[test]
fn no_record_reaches_the_audit_socket() {
    let host = Host::new(&[("test", LOGGED)]);
    let mut doubles = Command::new(helper());
    doubles.arg(host.root());
    let question = protocol::write_question(&question("test", Auth)).unwrap();
    let question = String::from_utf8(question).unwrap();
    assert_eq!(sockets(doubles, &question), 0);

    let mut real = Command::new(compiled("reference.c", &["-lpam"]));
    real.arg(host.root());
    assert!(sockets(real, "auth test\n") > 0);
}
