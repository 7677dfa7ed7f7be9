//! `logonbox config`.

use crate::setup::{Setup, bare, run};

const EXAMPLE: &str = include_str!("../../../../conf/pam_logonbox.toml");

#[test]
fn every_setting_has_its_origin() {
    let stage = Setup::new();
    stage.configure(
        "# a comment\ndevice = \"ask\"\nalgorithms = [\n \"ssh-rsa\",\n]",
        "[wait]\nlogin_seconds = 0x20\n[conversation]\necho = false\n\
         [policy]\nonly_groups = [\"push\", \"l\u{e9}a\"]",
    );
    let file = stage.path("pam_logonbox.toml");
    let run = stage.run(&["config"]);
    run.assert(0, &[], &[]);
    for (setting, line) in [
        (format!("tenant = {:?}", stage.tenant.authority()), 2),
        ("device = \"ask\"".to_owned(), 4),
        ("algorithms = [\"ssh-rsa\"]".to_owned(), 5),
        ("login_seconds = 32".to_owned(), 11),
        ("echo = false".to_owned(), 13),
        ("only_groups = [\"push\", \"l\u{e9}a\"]".to_owned(), 15),
    ] {
        let shown = run.line(&setting);
        let origin = format!(" # {}:{line}", file.display());
        assert!(shown.ends_with(&origin), "{shown}");
    }
    let defaults = [
        "mode = \"push\"",
        "account = \"{user}\"",
        "connect_seconds = 5",
    ];
    for setting in defaults {
        let shown = run.line(setting);
        assert!(shown.ends_with(" # default"), "{shown}");
    }
}

/// The printed text is a configuration with the same settings.
#[test]
fn what_is_printed_is_a_configuration() {
    let stage = Setup::new();
    let strange = r#"a "phone" \\ of l\u00e9a\u202E\u001B[2J"#;
    let accounts = "[accounts]\nlee = \"ls@acme.com\"\n\"o'neil x.y\" = \"on\"\n";
    stage.configure(&format!("device = '''{strange}'''"), accounts);
    let toml = |text: &str| toml::de::DeTable::parse(text).map(|table| format!("{table:?}"));
    let first = stage.run(&["config"]);
    first.assert(0, &[], &[]);
    assert!(toml(&first.out).is_ok(), "{}", first.out);
    let again = |text: &str| {
        stage.write("pam_logonbox.toml", text);
        let run = stage.run(&["config"]);
        run.assert(0, &[], &[]);
        let settings = run.out.lines().map(|line| {
            let (setting, _) = line.split_once(" # ").unwrap_or((line, ""));
            format!("{}\n", setting.trim_end())
        });
        settings.collect::<String>()
    };
    let once = again(&first.out);
    assert!(once.contains("phone"), "{once}");
    let accounts = accounts.lines().find(|line| line.contains("o'neil"));
    assert!(once.contains(accounts.unwrap()), "{once}");
    assert_eq!(once, again(&once));

    // Control characters in a value do not reach the terminal.
    stage.configure("device = \"x\\u001B[2J\\u202E\"", "");
    let run = stage.run(&["config"]);
    run.assert(0, &["device = \"x\\U0000001B[2J\\U0000202E\""], &[]);
}

#[test]
fn what_is_wrong_is_what_the_module_logs() {
    let stage = Setup::new();
    let file = stage.path("pam_logonbox.toml").display().to_string();
    stage.configure("devcie = \"ask\"", "");
    let run_it = || stage.run(&["config"]);
    run_it().assert(
        1,
        &[],
        &[&format!(
            "logonbox: {file} line 3, logonbox.devcie: unknown key; did you mean \"device\"? \
             known here: tenant,"
        )],
    );
    std::fs::remove_file(&file).unwrap();
    run_it().assert(1, &[], &[&file, "logonbox config --example"]);
    std::fs::create_dir(&file).unwrap();
    run_it().assert(1, &[], &["is not a regular file"]);
}

#[test]
fn the_example_is_the_file_that_is_shipped() {
    let run = run(bare(&["config", "--example"]), "");
    assert_eq!((run.code, &*run.out), (Some(0), EXAMPLE));
}

#[test]
fn a_service_has_its_own_settings() {
    let stage = Setup::new();
    stage.configure("", "[service.sudo.wait]\nlogin_seconds = 9\n");
    let file = stage.path("pam_logonbox.toml");
    let origin = format!(" # {}:7", file.display());
    let run = stage.run(&["config", "--service", "sudo"]);
    run.assert(0, &["\n[wait]\n"], &[]);
    let line = run.line("login_seconds = 9");
    assert!(line.ends_with(&origin), "{line}");
    let run = stage.run(&["config", "--service", "sshd"]);
    run.assert(0, &["login_seconds = 45"], &[]);
    assert!(!run.out.contains("login_seconds = 9"), "{run:#?}");
    let run = stage.run(&["config"]);
    run.assert(
        0,
        &[
            "\n[service.sudo.wait]\nlogin_seconds = 9",
            "login_seconds = 45",
        ],
        &[],
    );
}
