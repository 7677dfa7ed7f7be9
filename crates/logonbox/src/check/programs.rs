//! Programs that cannot show a prompt and wait for its answer, or that lack something else which the
//! module needs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use login::clean::for_log;
use login::config::{Announce, Code, Config, Mode};

use super::configuration::Configs;
use super::files::{Root, UNITS};
use super::finding::{Area, Finding, Report, Severity};
use super::pam_files::Place;
use super::program;
use super::services::{Service, Services};
use super::stacks;

/// What a program does with a prompt.
#[derive(Debug, Clone, Copy)]
enum Answers {
    /// It answers hidden prompts with the password that it has already, and no visible ones.
    PasswordToHidden,
    /// It answers each prompt with the password that it has already.
    PasswordToAll,
    /// It answers visible prompts with the user's name, and hidden ones with the password.
    NameToVisible,
    /// It shows hidden prompts, and refuses visible ones.
    OnlyHidden,
    /// This depends on its version.
    Depends(&'static str),
}
use Answers::{Depends, NameToVisible, OnlyHidden, PasswordToAll, PasswordToHidden};

/// What a program does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Messages {
    Shown,
    Dropped,
    /// It drops them, and passes `PAM_SILENT`. `announce = "auto"` is then a prompt.
    Silent,
}
use Messages::{Dropped, Shown, Silent};

const HYPRLOCK: &str = "up to 0.9.5 it answers prompts with the password, and later it shows them";

/// Programs by the PAM service that they use unless their own configuration names another. Each was
/// read in the source: the function that is named is the conversation. tests/hosts also measures
/// i3lock, vsftpd and xrdp-sesman.
#[rustfmt::skip]
const PROGRAMS: [(&str, Answers, Messages); 17] = [
    // cinnamon-screensaver-pam-helper.c of March 2026, auth_message_handler.
    ("cinnamon-screensaver", OnlyHidden, Shown),
    // scheduler/auth.c of 2.4.10, pam_func.
    ("cups", NameToVisible, Silent),
    // passdb-pam.c of 2.3.19 and 2.4.1, pam_userpass_conv.
    ("dovecot", NameToVisible, Dropped),
    // auth.c of 4.0.0, conversation.
    ("gtklock", PasswordToAll, Shown),
    // Pam.cpp of 0.9.5, and of April 2026, conv.
    ("hyprlock", Depends(HYPRLOCK), Dropped),
    // i3lock.c of October 2025, conv_callback.
    ("i3lock", PasswordToAll, Dropped),
    // auth-pam.c of 2.6.14, my_conv. Its list of prompts and answers has no code from the phone.
    ("openvpn", NameToVisible, Dropped),
    // session.c of 2.5.2, conversation.
    ("ppp", NameToVisible, Silent),
    // mod_auth_pam.c of 1.3.8c, pam_exchange.
    ("proftpd", NameToVisible, Silent),
    // log_pam.c at 274ae05, PAM_conv.
    ("pure-ftpd", NameToVisible, Dropped),
    // pampass.c of 4.22.11, smb_pam_conv.
    ("samba", NameToVisible, Silent),
    // Display.cpp of May 2025, slotRequestChanged.
    ("sddm", NameToVisible, Shown),
    // basic_pam_auth.cc of 6.13, password_conversation. It refuses messages, too.
    ("squid", PasswordToHidden, Dropped),
    // pam.c of February 2026, handle_conversation. It answers one prompt only.
    ("swaylock", PasswordToAll, Dropped),
    // sysdeputil.c of 3.0, pam_conv_func.
    ("vsftpd", PasswordToHidden, Dropped),
    // auth.zig of May 2026, converse. It writes messages to its log.
    ("waylock", PasswordToHidden, Dropped),
    // verify_user_pam.c of October 2024, verify_pam_conv. It writes messages to its log.
    ("xrdp-sesman", PasswordToHidden, Dropped),
];

/// Whether a program in the list uses this service.
pub fn has_entry(service: &str) -> bool {
    PROGRAMS.iter().any(|(name, ..)| *name == service)
}

/// Checks the programs whose stacks name the module.
pub fn check(
    root: &Root,
    services: &Services,
    conf: &Path,
    configs: &Configs,
    report: &mut Report,
) {
    for service in services.with_phone() {
        let (name, place) = (&service.name, service.phone_place());
        if name == "polkit-1" {
            polkit(root, polkit_is_private, &place, report);
        }
        if let Some(path) = stacks::configuration(service, conf)
            && let Some(config) = configs.get(&path, name)
        {
            prompts(name, config, &place, report);
            locker(root, service, &path, config, &place, report);
        }
    }
}

/// Reports that `service` cannot show the prompts that `config` makes the module ask. `place` is the
/// line of the stack.
fn prompts(service: &str, config: &Config, place: &Place, report: &mut Report) {
    let is_push = matches!(config.mode, Mode::Push(_));
    let Some((_, answers, messages)) = PROGRAMS.iter().find(|(name, ..)| *name == service) else {
        return;
    };
    // These programs have the password, which is Airlock's first prompt. One-Touch has no other.
    let types = is_push && config.conversation.code == Code::Type;
    let needs = match config.conversation.announce {
        _ if types => "code = \"type\"",
        Announce::Enter => "announce = \"enter\"",
        Announce::Auto if *messages == Silent => "announce = \"auto\", without PAM's messages,",
        _ => return,
    };
    let instead = match answers {
        PasswordToHidden => {
            "answers with the password that it has already, and not if the prompt shows what is typed"
        }
        PasswordToAll => "answers with the password that it has already",
        NameToVisible => {
            "answers with the password that it has already, or with the user's name if the prompt \
             shows what is typed"
        }
        OnlyHidden if types && !config.conversation.echo => return,
        OnlyHidden => "refuses prompts that show what is typed",
        Depends(why) => {
            let what = format!("whether {service} shows prompts, as {needs} needs");
            report.skipped(Area::Stacks, what, *why);
            return;
        }
    };
    let set = match answers {
        OnlyHidden if types => "echo = false. The code is then not shown while it is typed.",
        OnlyHidden => "announce = \"info\".",
        _ if *messages == Shown => {
            "code = \"show\" and announce = \"info\". Users then compare two codes, and must decline \
             other pushes."
        }
        _ if !is_push => "announce = \"none\".",
        _ => {
            "code = \"show\" and announce = \"none\". Users then approve without a code, so they \
             must decline each push that they did not cause."
        }
    };
    let effect = match answers {
        // The module ignores the text, because Enter is all that the prompt asks for.
        PasswordToAll | NameToVisible if !types => {
            "The push leaves, and users do not see the announcement"
        }
        _ => "The login is refused",
    };
    let finding = Finding::new(
        Severity::Warning,
        "service-cannot-prompt",
        format!("{needs} needs a prompt, and {service} cannot show it"),
        format!("As the source of this program shows, it {instead}. {effect}."),
        format!("Below [service.{service}.conversation], set {set}"),
    );
    report.add(Area::Stacks, finding.at(place));
}

/// Screen lockers that run as the user, as their source shows.
const LOCKERS: [&str; 6] = [
    "gtklock",
    "i3lock",
    "kde",
    "mate-screensaver",
    "swaylock",
    "waylock",
];

/// Reports that a locker cannot read the files of its stack, `path`, its configuration, or a file that
/// the configuration names. `place` is the line of the stack.
fn locker(
    root: &Root,
    service: &Service,
    path: &Path,
    config: &Config,
    place: &Place,
    report: &mut Report,
) {
    if !LOCKERS.contains(&service.name.as_str()) {
        return;
    }
    let mode = |file: &Path| {
        let metadata = root.metadata(file);
        metadata.map(|metadata| metadata.permissions().mode())
    };
    let is_closed = |file: &Path| {
        let mut directories = file.ancestors().skip(1);
        mode(file).is_some_and(|mode| mode & 0o004 == 0)
            || directories.any(|above| mode(above).is_some_and(|mode| mode & 0o001 == 0))
    };
    let tls = &config.tls;
    let of_config = [
        Some(path),
        tls.ca_file.as_deref(),
        tls.proxy_credentials_file.as_deref(),
    ];
    let stack = service.lines.files.iter().map(AsRef::as_ref);
    let modules = service.modules.iter().map(Path::new);
    let of_config = of_config.into_iter().flatten();
    let Some(file) = stack
        .chain(modules)
        .chain(of_config)
        .find(|file| is_closed(file))
    else {
        return;
    };
    let shown = file.display();
    let is_secret = Some(file) == tls.proxy_credentials_file.as_deref();
    let why = if service.lines.file.as_deref() == Some(file) {
        "libpam takes the lines of the service other there."
    } else {
        "Every login is refused there, so users cannot unlock the screen."
    };
    let advice = if is_secret {
        format!(
            "Use a proxy without a password, or write {} without the module.",
            place.file.display()
        )
    } else {
        format!("Run chmod o+r {shown}, and chmod o+x on its directories. It holds no secret.")
    };
    let finding = Finding::new(
        Severity::Error,
        "service-cannot-read",
        format!("{} runs as the user, who cannot read {shown}", service.name),
        why,
        advice,
    );
    report.add(Area::Stacks, finding.at(place));
}

/// From polkit 127 on, the helper is a service of systemd.
const POLKIT_UNIT: &str = "polkit-agent-helper@.service";

/// Asks systemd, which reads the drop-ins of the unit, too.
fn polkit_is_private() -> Result<bool, String> {
    let systemctl = program::find(&["/usr/bin/systemctl", "/bin/systemctl"]);
    let systemctl = systemctl.ok_or("there is no systemctl to ask")?;
    let unit = POLKIT_UNIT.replace('@', "@0");
    let said = program::ask(&systemctl, &["show", "--property=PrivateNetwork", &unit])?;
    match said.out.trim() {
        "PrivateNetwork=yes" => Ok(true),
        "PrivateNetwork=no" => Ok(false),
        _ => {
            let why = said.err.lines().next().unwrap_or_default();
            Err(format!("systemctl does not tell: {}", for_log(why)))
        }
    }
}

/// Reports that polkit's helper cannot reach the server. `place` is the line of the stack.
fn polkit(
    root: &Root,
    is_private: impl FnOnce() -> Result<bool, String>,
    place: &Place,
    report: &mut Report,
) {
    let is_there = |directory: &&str| {
        root.metadata(&Path::new(directory).join(POLKIT_UNIT))
            .is_some()
    };
    if !UNITS.iter().any(is_there) {
        return;
    }
    match is_private() {
        Ok(true) => {}
        Ok(false) => return,
        Err(why) => {
            report.skipped(Area::Stacks, format!("the network of {POLKIT_UNIT}"), why);
            return;
        }
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
    use super::super::test_host;
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
            prompts(service, &config, &place(), &mut report);
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
        for service in PROGRAMS.map(|(service, ..)| service) {
            let expected = if service == "hyprlock" {
                &[][..]
            } else {
                &warned
            };
            assert_eq!(found(service, ""), expected, "{service}");
        }
        for service in ["sshd", "sudo", "xsecurelock", "mate-screensaver", "i3lock2"] {
            assert_eq!(found(service, ""), [], "{service}");
        }
        // This program can show a hidden prompt.
        assert_eq!(found("cinnamon-screensaver", "echo = false"), []);
        assert_eq!(found("i3lock", "echo = false"), warned);
        // It asks for no messages, so the announcement is a prompt.
        assert_eq!(found("cups", "code = \"show\""), warned);
        assert_eq!(found("cups", "code = \"show\"\nannounce = \"info\""), []);
        assert_eq!(found("i3lock", "code = \"show\""), []);
        assert_eq!(found("i3lock", "code = \"show\"\nannounce = \"none\""), []);
        assert_eq!(
            found("i3lock", "code = \"show\"\nannounce = \"enter\""),
            warned
        );
        // The settings of the service count.
        assert_eq!(found("vsftpd", "code = \"show\""), warned);
    }

    #[test]
    fn an_answer_to_the_announcement_is_enter() {
        let effect = |service: &str, conversation: &str| {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[conversation]\n{conversation}\n");
            let config = Config::parse(Path::new("/x"), &text, service).unwrap();
            let mut report = Report::default();
            prompts(service, &config, &place(), &mut report);
            report.findings.remove(0).1.why
        };
        let enter = "code = \"show\"\nannounce = \"enter\"";
        for service in ["i3lock", "dovecot"] {
            let effect = effect(service, enter);
            assert!(effect.contains("The push leaves"), "{service}: {effect}");
        }
        for (service, conversation) in [("i3lock", ""), ("vsftpd", enter)] {
            let effect = effect(service, conversation);
            assert!(effect.contains("login is refused"), "{service}: {effect}");
        }
    }

    /// With One-Touch, the password is all that the program has to answer.
    #[test]
    fn airlock_asks_for_the_password() {
        let text = "mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com/rest\"\n";
        let config = Config::parse(Path::new("/x"), text, "vsftpd").unwrap();
        let mut report = Report::default();
        prompts("vsftpd", &config, &place(), &mut report);
        assert!(report.findings.is_empty());
        // The announcement of One-Touch is a prompt.
        prompts("samba", &config, &place(), &mut report);
        assert_eq!(report.findings.len(), 1);
    }

    #[test]
    fn a_program_whose_version_decides() {
        let text = "[logonbox]\ntenant = \"acme\"\n";
        let config = Config::parse(Path::new("/x"), text, "hyprlock").unwrap();
        let mut report = Report::default();
        prompts("hyprlock", &config, &place(), &mut report);
        assert!(report.has_gaps());
    }

    #[test]
    fn a_locker_reads_what_its_user_may_read() {
        let stack = "@include common-auth\nauth required pam_logonbox.so\n";
        let auth = "auth required pam_unix.so\n";
        let files = ["pam.d/i3lock", "pam.d/sshd", "pam.d/common-auth"];
        let texts = [stack, stack, auth];
        let host_files: Vec<_> = files.into_iter().zip(texts).collect();
        let (dir, root) = test_host::host(&host_files);
        let services = test_host::services(&root);
        let etc = dir.path().join("etc");
        let text = "[logonbox]\ntenant = \"acme\"\n[tls]\nproxy = \"http://proxy:3128\"\n\
                    ca_file = \"/etc/x/ca\"\nproxy_credentials_file = \"/etc/x/proxy\"\n";
        let config = Config::parse(Path::new("/x"), text, "i3lock").unwrap();
        std::fs::create_dir(etc.join("x")).unwrap();
        for name in ["conf", "ca", "proxy"] {
            std::fs::write(etc.join("x").join(name), "").unwrap();
        }
        let found = |service: &str, name: &str, mode: u32| {
            let path = etc.join(name);
            let set = |mode| {
                std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            };
            let before = std::fs::metadata(&path).unwrap().permissions().mode();
            set(mode);
            let mut report = Report::default();
            let service = services.get(service).unwrap();
            let conf = Path::new("/etc/x/conf");
            locker(&root, service, conf, &config, &place(), &mut report);
            set(before);
            let found = report.findings.into_iter();
            found.map(|(_, finding)| finding.what).collect::<Vec<_>>()
        };
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let cannot = |file| {
            vec![format!(
                "i3lock runs as the user, who cannot read /etc/{file}"
            )]
        };
        assert_eq!(found("i3lock", "x/conf", 0o644), [""; 0]);
        for name in [
            "x/conf",
            "x/ca",
            "x/proxy",
            "pam.d/i3lock",
            "pam.d/common-auth",
        ] {
            assert_eq!(found("i3lock", name, 0o640), cannot(name), "{name}");
            assert_eq!(found("sshd", name, 0o640), [""; 0], "{name}");
        }
        assert_eq!(found("i3lock", "x", 0o750), cannot("x/conf"));
        assert_eq!(found("i3lock", "pam.d", 0o750), cannot("pam.d/common-auth"));
    }

    #[test]
    fn polkit_without_a_network() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let found = |is_private: Result<bool, &str>| {
            let mut report = Report::default();
            let is_private = || is_private.map_err(str::to_owned);
            polkit(&root, is_private, &place(), &mut report);
            (report.findings.len(), report.has_gaps())
        };
        assert_eq!(found(Ok(true)), (0, false), "an older polkit");
        let directory = dir.path().join("usr/lib/systemd/system");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(POLKIT_UNIT), "").unwrap();
        assert_eq!(found(Ok(true)), (1, false));
        assert_eq!(found(Ok(false)), (0, false));
        assert_eq!(found(Err("no systemd")), (0, true));
    }
}
