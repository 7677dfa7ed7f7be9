//! Typed names that no user has.

use std::fs;
use std::path::Path;

use crate::airlock;
use crate::faults::side_by_side;
use crate::setup::Setup;
use tenant::Options;

/// Names that no user has. Files are named after accounts, so no file may appear for such a name.
#[test]
fn a_name_that_is_none_leads_nowhere_and_to_one_clean_line() {
    let endless = "x".repeat(10_000);
    let names = [
        "",
        ".",
        "..",
        "/",
        "../../etc/passwd",
        "/etc/shadow",
        "root/../root",
        "-",
        "--help",
        "a\nb",
        "a\r\nroot",
        "\n",
        "%s%n%x",
        "%2e%2e%2f",
        "{user}",
        "{account}{code}",
        "root\u{202e}",
        "\u{2028}root",
        "\u{feff}root",
        "root\u{1}",
        "\u{7f}",
        "\x1b[2J",
        "root ",
        " root",
        "root:x:0",
        "$(id)",
        "`id`",
        "root\" user=\"lee",
        "*",
        "\u{e9}\u{301}",
        &endless,
    ];
    let policy = "[policy]\nfailed_attempts_per_10_minutes = 6";
    let pins = "pins = \"if-present\"";
    let push = Setup::with(Options::default(), "{user}", pins, policy);
    let through_airlock = airlock::setup("{user}", "", policy);
    for (setup, is_airlock) in [(&push, false), (&through_airlock, true)] {
        setup.directory("keys");
        let keys = format!("keys={}", setup.path("keys").display());
        let before = everything(setup.dir.path());
        side_by_side(&names, |_, name| {
            let options = ["speed=20", &keys, "types=Passw0rd"];
            let login = setup.start_as(name, "login", &options, &[]).finish();
            let code = login.code().to_owned();
            assert!(code == "PAM_MAXTRIES");
            login.assert_refused(&code, "unknown-user");
            let log = login.log();
            assert!(!log.contains("user=\"root\""), "{log}");
            assert!(log.matches(" user=\"").count() <= 1, "{log}");
            assert_eq!(log.matches('"').count() % 2, 0, "{log}");
            assert!(!log.contains(['\u{202e}', '\u{2028}', '\u{feff}']), "{log}");
        });
        if is_airlock {
            airlock::assert_begun_and_abandoned(setup);
        } else {
            assert_eq!(setup.tenant.connections(), 0);
        }
        assert_eq!(everything(setup.dir.path()), before);
    }
}

/// All files below a directory, with the ends of their names.
fn everything(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        }
        found.push(path.display().to_string());
    }
    found.sort();
    found
}
