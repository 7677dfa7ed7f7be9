//! Rules for all output of the command.

use std::process::Stdio;

use crate::setup::{Setup, bare, run};
use crate::terminal::Terminal;

#[test]
fn colours_are_for_terminals_without_no_color() {
    let setup = Setup::new();
    let seen = |variable: &str, value: &str| {
        let mut command = setup.command(&["config"]);
        command.env(variable, value);
        Terminal::start(&command).end().1
    };
    assert!(seen("LANG", "C").contains('\u{1b}'));
    assert!(!seen("NO_COLOR", "1").contains('\u{1b}'));
    assert!(!seen("TERM", "dumb").contains('\u{1b}'));
}

#[test]
fn a_closed_output_is_not_a_panic() {
    let setup = Setup::new();
    for arguments in [
        &["config"][..],
        &["config", "--example"],
        &["completions", "bash"],
        &["manual"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = setup
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
    let setup = Setup::new();
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = setup
        .command(&["config"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the output cannot be written: No space left"));
    assert_eq!(output.status.code(), Some(1));
}

/// The names in the help's list of commands.
fn commands() -> Vec<String> {
    let help = run(bare(&["--help"]), "");
    let (_, list) = help.out.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names = list.lines().map(|line| {
        let name = line.split_whitespace().next();
        name.unwrap().to_owned()
    });
    names.filter(|name| name != "help").collect()
}

#[test]
fn the_page_has_every_command_and_every_option() {
    let page = run(bare(&["manual"]), "");
    page.assert(
        0,
        &[".TH LOGONBOX 8 ", ".SH \"EXIT STATUS\"", ".SH FILES"],
        &[],
    );
    let commands = commands();
    assert!(commands.contains(&"login".to_owned()), "{commands:?}");
    for command in commands {
        let heading = [format!(".SS {command}\n"), format!(".SS \"{command} ")];
        assert!(
            heading.iter().any(|text| page.out.contains(text)),
            "{command}"
        );
        let help = run(bare(&[&command, "--help"]), "");
        for option in help
            .out
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--"))
        {
            let name = option.split([' ', ',']).next().unwrap().replace('-', "\\-");
            assert!(
                page.out.contains(&format!("\\-\\-{name}")),
                "{command} {name}"
            );
        }
    }
    assert!(!page.out.contains("SS manual"), "{}", page.out);
}

#[test]
fn every_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(bare(&["completions", shell]), "");
        script.assert(0, &["pins-directory"], &[]);
        for command in commands() {
            assert!(script.out.contains(&command), "{shell} {command}");
        }
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [
        &["lgoin"][..],
        &["login"],
        &["login", "lee", "--rhost", "web1"],
        &[],
    ] {
        let run = run(bare(arguments), "");
        assert_eq!((run.code, &*run.out), (Some(2), ""), "{run:#?}");
        assert!(!run.err.is_empty());
    }
}
