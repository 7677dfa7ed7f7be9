//! Programs that cannot show a prompt and wait for its answer.

use std::path::Path;

use login::config::{Announce, Code, Config, Mode};

use super::files::Root;
use super::finding::{Area, Finding, Report, Severity};
use super::pam_files::Place;

/// A program, by the PAM service that it uses unless its own configuration names another.
struct Program {
    service: &'static str,
    /// What its conversation does with a prompt.
    answers: Answers,
}

/// What a program answers, without a question to the user.
enum Answers {
    /// The password that it has already. It refuses visible prompts.
    PasswordToHidden,
    /// The password that it has already, to each prompt.
    PasswordToAll,
    /// The user's name to visible prompts, the password that it has already to hidden ones.
    NameToVisible,
}

/// Each was read in the source, and not measured: the function that is named is the conversation.
const PROGRAMS: [Program; 5] = [
    // passdb-pam.c of 2.3.19, pam_userpass_conv.
    Program {
        service: "dovecot",
        answers: Answers::NameToVisible,
    },
    // i3lock.c of October 2025, conv_callback. It drops messages.
    Program {
        service: "i3lock",
        answers: Answers::PasswordToAll,
    },
    // pam.c of February 2026, handle_conversation. It drops messages, and answers one prompt only.
    Program {
        service: "swaylock",
        answers: Answers::PasswordToAll,
    },
    // sysdeputil.c of 3.0, pam_conv_func. It drops messages.
    Program {
        service: "vsftpd",
        answers: Answers::PasswordToHidden,
    },
    // verify_user_pam.c of October 2024, verify_pam_conv. It writes messages to its log.
    Program {
        service: "xrdp-sesman",
        answers: Answers::PasswordToHidden,
    },
];

/// Reports that `service` cannot show the prompts that `config` makes the module ask. `place` is the
/// line of the stack.
pub fn check(service: &str, config: &Config, place: &Place, report: &mut Report) {
    if !matches!(config.mode, Mode::Push(_)) {
        // The first prompt is for the password, which these programs have. One-Touch needs no other.
        return;
    }
    let needs = match (config.conversation.code, config.conversation.announce) {
        (Code::Type, _) => "code = \"type\"",
        (Code::Show, Announce::Enter) => "announce = \"enter\"",
        (Code::Show, _) => return,
    };
    let Some(program) = PROGRAMS.iter().find(|program| program.service == service) else {
        return;
    };
    let instead = match program.answers {
        Answers::PasswordToHidden => {
            "the password that it has already, and refuses prompts that show what is typed"
        }
        Answers::PasswordToAll => "the password that it has already",
        Answers::NameToVisible => {
            "the password that it has already, or the user's name if the prompt shows what is typed"
        }
    };
    let finding = Finding::new(
        Severity::Warning,
        "service-cannot-prompt",
        format!("{needs} needs a prompt, and {service} cannot show one"),
        format!(
            "As the source of this program shows, it answers with {instead}. The login is refused."
        ),
        format!(
            "Below [service.{service}.conversation], set code = \"show\" and announce = \"none\". \
             Users then approve without a code, so they must decline each push that they did not \
             cause."
        ),
    );
    report.add(Area::Stacks, finding.at(place));
}

/// Where systemd looks for the unit of polkit's helper, the first directory first.
const UNITS: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// From polkit 127 on, the helper is a service of systemd.
const POLKIT_UNIT: &str = "polkit-agent-helper@.service";

/// Reports that polkit's helper cannot reach the server. `place` is the line of the stack.
pub fn polkit(root: &Root, place: &Place, report: &mut Report) {
    let unit = UNITS
        .iter()
        .find_map(|directory| root.read(&Path::new(directory).join(POLKIT_UNIT)).ok());
    let is_on = |line: &str| {
        line.trim()
            .strip_prefix("PrivateNetwork=")
            .is_some_and(|value| ["1", "on", "true", "yes"].contains(&value.trim()))
    };
    if !unit.is_some_and(|unit| unit.lines().any(is_on)) {
        return;
    }
    let finding = Finding::new(
        Severity::Error,
        "service-without-network",
        format!("polkit's helper has no network: {POLKIT_UNIT} has PrivateNetwork=yes"),
        "The module cannot reach the server from it, and refuses all users there.",
        "Write /etc/pam.d/polkit-1 with another factor and without this module.",
    );
    report.add(Area::Stacks, finding.at(place));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            file: Path::new("/etc/pam.d/x").into(),
            line: Some(3),
        }
    }

    #[test]
    fn a_program_that_answers_by_itself() {
        let found = |service: &str, conversation: &str| {
            let text = format!(
                "[logonbox]\ntenant = \"acme\"\n[conversation]\n{conversation}\n\
                 [service.vsftpd.conversation]\ncode = \"type\"\n"
            );
            let config = Config::parse(Path::new("/x"), &text, service).unwrap();
            let mut report = Report::default();
            check(service, &config, &place(), &mut report);
            let found = report.findings.into_iter();
            found
                .map(|(_, finding)| (finding.id, finding.file, finding.line))
                .collect::<Vec<_>>()
        };
        let warned = [(
            "service-cannot-prompt",
            Some("/etc/pam.d/x".to_owned()),
            Some(3),
        )];
        for service in ["dovecot", "i3lock", "swaylock", "vsftpd", "xrdp-sesman"] {
            assert_eq!(found(service, ""), warned, "{service}");
        }
        for service in ["sshd", "sudo", "xsecurelock", "mate-screensaver", "i3lock2"] {
            assert_eq!(found(service, ""), [], "{service}");
        }
        assert_eq!(found("i3lock", "code = \"show\""), []);
        assert_eq!(found("i3lock", "code = \"show\"\nannounce = \"none\""), []);
        assert_eq!(
            found("i3lock", "code = \"show\"\nannounce = \"enter\""),
            warned
        );
        // The settings of the service count.
        assert_eq!(found("vsftpd", "code = \"show\""), warned);
    }

    /// With One-Touch, the password is all that the program has to answer.
    #[test]
    fn airlock_asks_for_the_password() {
        let text = "mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com/rest\"\n";
        let config = Config::parse(Path::new("/x"), text, "vsftpd").unwrap();
        let mut report = Report::default();
        check("vsftpd", &config, &place(), &mut report);
        assert!(report.findings.is_empty());
    }

    #[test]
    fn polkit_without_a_network() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let found = || {
            let mut report = Report::default();
            polkit(&root, &place(), &mut report);
            report.findings.len()
        };
        assert_eq!(found(), 0, "an older polkit");
        for (directory, text, expected) in [
            (
                "usr/lib/systemd/system",
                "[Service]\nPrivateNetwork=yes\n",
                1,
            ),
            ("etc/systemd/system", "[Service]\n#PrivateNetwork=yes\n", 0),
        ] {
            let directory = dir.path().join(directory);
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(POLKIT_UNIT), text).unwrap();
            assert_eq!(found(), expected, "{text}");
        }
    }
}
