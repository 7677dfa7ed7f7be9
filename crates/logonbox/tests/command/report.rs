//! `logonbox report`, with the configuration of the test and the host that runs it.

use crate::setup::Setup;

const HEADINGS: [&str; 5] = ["Versions", "Check", "Configuration", "sshd -T", "Log"];

/// The sections of a report, without their headings.
fn sections(out: &str) -> Vec<&str> {
    let mut rest = out;
    let mut sections = Vec::new();
    for heading in HEADINGS {
        let (section, after) = rest
            .split_once(&format!("\n== {heading} ==\n"))
            .unwrap_or_else(|| panic!("{heading}: {out}"));
        sections.push(section);
        rest = after;
    }
    sections.push(rest);
    sections
}

#[test]
fn every_part_is_there_or_says_why_not() {
    let setup = Setup::new();
    let secret = "proxy-user:proxy-password-7";
    setup.write("credentials", secret);
    let file = setup.path("credentials").display().to_string();
    let proxy = "proxy = \"http://127.0.0.1:1\"";
    setup.configure("", &format!("{proxy}\nproxy_credentials_file = {file:?}"));
    let run = setup.run(&["report"]);
    run.assert(
        0,
        &["--anonymous replaces them.", "Look this report over"],
        &[],
    );
    let sections = sections(&run.out);
    let version = format!("logonbox: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(sections[1].starts_with(&version), "{run:#?}");
    assert!(sections[1].contains("\nkernel: "), "{run:#?}");
    assert!(sections[3].contains(&format!("tenant = {:?}", setup.tenant.authority())));
    assert!(sections[3].contains(&file));
    for section in &sections[1..] {
        assert!(!section.trim().is_empty(), "{run:#?}");
    }
    assert!(!run.out.contains("proxy-password-7"), "{run:#?}");

    setup.write("pam_logonbox.toml", "[logonbox]\ndevcie = 1");
    let run = setup.run(&["report"]);
    run.assert(0, &["not available: ", "logonbox.devcie: unknown key"], &[]);
}

#[test]
fn names_and_addresses_are_replaced() {
    let setup = Setup::new();
    setup.configure_for(
        "acme-inc.invalid",
        "account = \"{user}@acme-inc.example\"",
        "[accounts]\nsmith = \"lee.smith@acme-inc.example\"\n\
         [[policy.exempt]]\nnetworks = [\"192.0.2.7\"]\n[policy]",
    );
    let run = setup.run(&["report", "--anonymous"]);
    run.assert(
        0,
        &[
            "are replaced",
            "Look this report over",
            "tenant = \"tenant-1\"",
            "account = \"{user}@domain-",
        ],
        &[],
    );
    for name in ["acme-inc", "smith", "192.0.2.7"] {
        assert!(!run.out.contains(name), "{name}: {run:#?}");
    }
    setup.write("pam_logonbox.toml", "[logonbox]\ndevcie = 1");
    let run = setup.run(&["report", "--anonymous"]);
    run.assert(0, &["The configuration could not be read, so that"], &[]);
}
