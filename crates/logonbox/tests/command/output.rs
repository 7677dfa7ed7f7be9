//! What holds for all that the command says.

use std::process::Stdio;

use crate::stage::Stage;
use crate::terminal::Terminal;

#[test]
fn colours_are_for_terminals_without_no_color() {
    let stage = Stage::new();
    let seen = |variable: &str, value: &str| {
        let mut command = stage.command(&["config"]);
        command.env(variable, value);
        Terminal::start(command).end().1
    };
    assert!(seen("LANG", "C").contains('\u{1b}'));
    assert!(!seen("NO_COLOR", "1").contains('\u{1b}'));
    assert!(!seen("TERM", "dumb").contains('\u{1b}'));
}

#[test]
fn a_closed_output_is_not_a_panic() {
    let stage = Stage::new();
    for arguments in [
        &["config"][..],
        &["config", "--example"],
        &["completions", "bash"],
        &["manual"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = stage
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "{arguments:?}");
        let code = output.status.code();
        assert!(code.is_some_and(|code| code < 3), "{arguments:?}: {code:?}");
    }
}

#[test]
fn an_output_that_takes_nothing_is_an_error() {
    let stage = Stage::new();
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = stage
        .command(&["config"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the output cannot be written: No space left"));
    assert_eq!(output.status.code(), Some(1));
}
