//! The session in the README, with curl.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use serde_json::Value;
use tenant::{Options, Tenant};

/// A command, and what the README says that it prints.
struct Step {
    command: String,
    output: String,
}

/// The steps of all blocks that are marked as `console`.
fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.into(),
                output: String::new(),
            });
        } else if let Some(more) = line.strip_prefix("> ") {
            let command = &mut steps.last_mut().unwrap().command;
            *command = format!("{command}\n{more}");
        } else {
            steps.last_mut().unwrap().output += line;
        }
    }
    steps
}

/// Without blanks, as the README breaks long lines. Each number becomes a zero: times differ.
fn normal(text: &str) -> String {
    let mut normal = String::new();
    for character in text.chars().filter(|one| !one.is_whitespace()) {
        let character = if character.is_ascii_digit() {
            '0'
        } else {
            character
        };
        if character != '0' || !normal.ends_with('0') {
            normal.push(character);
        }
    }
    normal
}

/// JSON has no order.
fn read(text: &str) -> Value {
    let text = normal(text);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

#[test]
fn the_session_with_curl_is_as_written() {
    let directory = tempfile::tempdir().unwrap();
    let tenant = Tenant::start(Options::default()).unwrap();
    std::fs::write(directory.path().join("ca.pem"), tenant.ca_pem()).unwrap();
    let steps = steps(include_str!("../README.md"));
    assert!(
        steps.len() > 10,
        "the README has only {} steps",
        steps.len()
    );

    let mark = "the next step\n";
    let commands = steps.iter().map(|step| step.command.as_str());
    let script = commands
        .collect::<Vec<_>>()
        .join(&format!("\nprintf '{}'\n", mark.escape_default()));
    let script = script.replace("localhost:8443", tenant.authority());
    let tools = "for tool in curl cmp; do command -v $tool >/dev/null || { \
                 echo \"$tool is missing: apt-get install curl diffutils\"; exit 1; }; done\n";
    let run = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{tools}{script}")])
        .current_dir(directory.path())
        .output()
        .expect("bash is needed");
    let output = String::from_utf8(run.stdout).unwrap();
    let mut outputs = output.split(mark);
    for step in steps {
        let printed = outputs.next().unwrap_or("nothing: the session has ended");
        assert_eq!(
            read(printed),
            read(&step.output),
            "{}: {printed}",
            step.command
        );
    }
}

#[test]
fn the_test_in_python_is_one_of_the_example() {
    let (_, rest) = include_str!("../README.md")
        .split_once("```python\n")
        .unwrap();
    let (test, _) = rest.split_once("```").unwrap();
    assert!(include_str!("../examples/pytest/test_login.py").contains(test));
}
