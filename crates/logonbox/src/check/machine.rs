//! The rest of the host: the module's file, the log, the console.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use login::clean::for_log;
use login::config::{self, Announce, Config, Mode};

use super::dispatch::{Action, Code, StepKind};
use super::files::{ReadError, Root};
use super::finding::{Area, Finding, Report, Severity};
use super::pam_d::Module;
use super::roles::Role;
use super::walk::Stack;

/// Every libpam has these modules. Their directory is the one in which libpam searches.
const EVERYWHERE: [&str; 2] = ["pam_deny.so", "pam_permit.so"];
const SUDOERS: &str = "/etc/sudoers";
const SUDOERS_DIRECTORY: &str = "/etc/sudoers.d";
/// The journal's socket, and that of other daemons.
const LOGS: [&str; 2] = ["/run/systemd/journal/socket", "/dev/log"];
const LOGIN_DEFS: &str = "/etc/login.defs";
/// The default of login(1).
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// The directories in which libpam searches for modules.
fn module_directories(root: &Root) -> Vec<PathBuf> {
    let mut candidates = Vec::new();
    for lib in ["/lib", "/lib64", "/usr/lib", "/usr/lib64"] {
        let lib = Path::new(lib);
        candidates.push(lib.join("security"));
        for name in root
            .names(lib)
            .iter()
            .filter(|name| name.contains("-linux-"))
        {
            candidates.push(lib.join(name).join("security"));
        }
    }
    candidates.retain(|directory| {
        EVERYWHERE
            .iter()
            .any(|name| root.metadata(&directory.join(name)).is_some())
    });
    candidates
}

/// The file of a line's module. An error if libpam's directory is unknown.
fn file_of(root: &Root, module: &Module) -> Result<Option<(PathBuf, Metadata)>, ()> {
    let written = Path::new(&module.path);
    if written.is_absolute() {
        // libpam replaces `$ISA` so that the path leads to the directory of this architecture.
        let path = PathBuf::from(module.path.replace("$ISA/", ""));
        return Ok(root.metadata(&path).map(|metadata| (path, metadata)));
    }
    let directories = module_directories(root);
    if directories.is_empty() {
        return Err(());
    }
    Ok(directories.iter().find_map(|directory| {
        let path = directory.join(written);
        root.metadata(&path).map(|metadata| (path, metadata))
    }))
}

/// Reports lines that refuse all users because the module's file is missing. Usually its name is
/// mistyped.
pub fn missing_modules(root: &Root, stack: &Stack, report: &mut Report) {
    for step in stack {
        let StepKind::Module(module) = &step.kind else {
            continue;
        };
        let refuses = matches!(
            step.control.action(Code::MODULE_UNKNOWN),
            Action::Bad | Action::Die
        );
        // [`module_file`] checks our module, with any control.
        if module.role == Role::Phone || !refuses || !matches!(file_of(root, module), Ok(None)) {
            continue;
        }
        report.add(
            Area::Host,
            Finding::new(
                Severity::Error,
                "module-missing",
                format!("The module is not there: {}", for_log(&module.path)),
                "libpam cannot load it, and refuses everybody in each service that asks this line.",
                "Correct the name (that of the phone is pam_logonbox.so), or install the package that brings it.",
            )
            .at(&module.place),
        );
    }
}

/// Checks the file of our module, as a line of a stack names it.
pub fn module_file(root: &Root, module: &Module, report: &mut Report) {
    let Ok(found) = file_of(root, module) else {
        report.skipped(
            Area::Host,
            "The module's file",
            "libpam's directory of modules is not in any usual place",
        );
        return;
    };
    let Some((path, metadata)) = found else {
        report.add(
            Area::Host,
            Finding::new(
                Severity::Error,
                "module-missing",
                format!("The module is not there: {}", module.path),
                "libpam cannot load it, and refuses everybody in each service that names it.",
                "Install the package again, or write just pam_logonbox.so.",
            )
            .at(&module.place),
        );
        return;
    };
    let mode = metadata.permissions().mode();
    if !metadata.is_file() || mode & 0o444 == 0 {
        report.add(
            Area::Host,
            Finding::new(
                Severity::Error,
                "module-unreadable",
                format!(
                    "libpam cannot load {} (mode {:o})",
                    path.display(),
                    mode & 0o7777
                ),
                "It refuses everybody in each service that names it.",
                "Install the package again.",
            )
            .in_file(&path, None),
        );
    } else if mode & 0o022 != 0 || metadata.uid() != 0 {
        report.add(
            Area::Host,
            Finding::new(
                Severity::Error,
                "module-writable",
                format!(
                    "{} belongs to uid {} and has mode {:o}",
                    path.display(),
                    metadata.uid(),
                    mode & 0o7777
                ),
                "Whoever can write to it is root as soon as somebody logs in.",
                "Run chown root and chmod 644 on it, after a look at what is in it.",
            )
            .in_file(&path, None),
        );
    } else {
        report.checked(Area::Host, format!("{}", path.display()));
    }
}

/// By default, sudo shows only the prompts of modules. An announcement as information is not shown.
pub fn silent_sudo(root: &Root, line: &Module, config: &Config, report: &mut Report) {
    let conversation = config.conversation;
    let announces =
        conversation.code == config::Code::Show && conversation.announce == Announce::Info;
    if !announces || !matches!(config.mode, Mode::Push(_)) {
        return;
    }
    let directory = Path::new(SUDOERS_DIRECTORY);
    let names = root.names(directory);
    let files = names.iter().map(|name| directory.join(name));
    for file in std::iter::once(PathBuf::from(SUDOERS)).chain(files) {
        match root.read(&file) {
            Ok(text) if text.lines().any(shows_all) => return,
            Ok(_) | Err(ReadError::Missing) => {}
            // The unreadable file may have the setting.
            Err(ReadError::Other(_)) => return,
        }
    }
    report.add(
        Area::Host,
        Finding::new(
            Severity::Note,
            "sudo-shows-no-code",
            "sudo shows prompts only: people see neither the announcement nor its code",
            "Their phone rings, and they cannot compare the code with the one that it shows.",
            "Leave announce at \"auto\", or set code = \"type\". From sudo 1.9.16 on, Defaults !pam_silent in sudoers shows announcements, too.",
        )
        .at(&line.place),
    );
}

fn shows_all(line: &str) -> bool {
    let setting = line.split('#').next().unwrap_or_default();
    setting.contains("!pam_silent")
}

/// Checks that a daemon receives the module's log lines.
pub fn log(root: &Root, report: &mut Report) {
    if let Some(log) = LOGS.into_iter().find(|log| listens(root, Path::new(log))) {
        report.checked(Area::Host, log);
        return;
    }
    let [journal, syslog] = LOGS;
    report.add(
        Area::Host,
        Finding::new(
            Severity::Warning,
            "log-missing",
            format!("No program listens at {journal} or {syslog}"),
            "The module's lines are lost, and with them the reasons why it refuses logins.",
            "Start the system's log: systemd-journald, rsyslog or syslog-ng.",
        )
        .in_file(Path::new(syslog), None),
    );
}

/// Connects as the module does. A daemon that has ended may leave its socket behind.
fn listens(root: &Root, log: &Path) -> bool {
    let metadata = root.metadata(log);
    metadata.is_some_and(|metadata| metadata.file_type().is_socket())
        && std::os::unix::net::UnixDatagram::unbound()
            .and_then(|socket| socket.connect(root.path(log)))
            .map_or_else(
                |error| error.raw_os_error() == Some(nix::libc::EPROTOTYPE),
                |()| true,
            )
}

/// login(1) has a timeout, too. If it is shorter, it ends a login that is still in progress.
pub fn console(root: &Root, person: Duration, report: &mut Report) {
    let text = root.read(Path::new(LOGIN_DEFS)).unwrap_or_default();
    let set = (1_usize..).zip(text.lines()).find_map(|(number, line)| {
        let mut words = line.split_whitespace();
        (words.next() == Some("LOGIN_TIMEOUT")).then_some(())?;
        Some((number, words.next()?.parse().ok()?))
    });
    let timeout = set.map_or(LOGIN_TIMEOUT, |(_, seconds)| Duration::from_secs(seconds));
    if timeout.is_zero() || person < timeout {
        return;
    }
    report.add(
        Area::Host,
        Finding::new(
            Severity::Warning,
            "login-timeout",
            format!("login gives up after {} s", timeout.as_secs()),
            format!(
                "Name, password and phone together: login_seconds is {} by itself.",
                person.as_secs()
            ),
            "Lower login_seconds, raise LOGIN_TIMEOUT, or leave the console without the module.",
        )
        .in_file(Path::new(LOGIN_DEFS), set.map(|(number, _)| number)),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::rc::Rc;

    use super::super::pam_d::{self, Kind, Place};
    use super::*;

    fn machine(files: &[(&str, &str, u32)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text, mode) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let root = Root::at(dir.path());
        (dir, root)
    }

    fn ids(report: &Report) -> Vec<&'static str> {
        report
            .findings
            .iter()
            .map(|(_, finding)| finding.id)
            .collect()
    }

    #[test]
    fn the_modules_file() {
        let line = |path: &str| Module {
            place: Place {
                file: Rc::from(Path::new("/etc/pam.d/sshd")),
                line: 1,
            },
            kind: Kind::Auth,
            path: path.to_owned(),
            control: "required".to_owned(),
            arguments: Vec::new(),
            role: Role::Phone,
        };
        let security = "usr/lib/x86_64-linux-gnu/security";
        let deny = &format!("{security}/pam_deny.so");
        let ours = &format!("{security}/pam_logonbox.so");
        let owner = nix::unistd::geteuid().is_root();
        for (mode, path, expected) in [
            (
                0o644,
                "pam_logonbox.so",
                (!owner).then_some("module-writable"),
            ),
            (0o666, "pam_logonbox.so", Some("module-writable")),
            (0o000, "pam_logonbox.so", Some("module-unreadable")),
            (0o644, "pam_logonbox", Some("module-missing")),
            (
                0o644,
                "/lib/security/pam_logonbox.so",
                Some("module-missing"),
            ),
            (0o666, &format!("/{ours}"), Some("module-writable")),
        ] {
            let (_dir, root) = machine(&[(deny, "", 0o644), (ours, "", mode)]);
            let mut report = Report::default();
            module_file(&root, &line(path), &mut report);
            assert_eq!(ids(&report), Vec::from_iter(expected), "{mode:o} {path}");
        }
        let (_dir, root) = machine(&[]);
        let mut report = Report::default();
        module_file(&root, &line("pam_logonbox.so"), &mut report);
        assert!(report.checked[0].1.skipped.is_some());
    }

    #[test]
    fn a_line_whose_module_is_not_there() {
        let deny = "usr/lib/security/pam_deny.so";
        for (line, expected) in [
            ("auth required pam_deny.so", None),
            ("auth required pam_dney.so", Some("module-missing")),
            (
                "auth [success=ok ignore=ignore default=die] pam_logonbx.so",
                Some("module-missing"),
            ),
            ("auth sufficient pam_sss.so", None),
            ("-auth optional pam_gnome_keyring.so", None),
        ] {
            let (_dir, root) = machine(&[(deny, "", 0o644), ("etc/pam.d/sshd", line, 0o644)]);
            let service = pam_d::service(&root, "sshd");
            let mut report = Report::default();
            missing_modules(&root, &service.auth, &mut report);
            assert_eq!(ids(&report), Vec::from_iter(expected), "{line}");
        }
    }

    #[test]
    fn sudo_shows_prompts_only() {
        let module = "auth required pam_logonbox.so";
        for (announce, sudoers, expected) in [
            ("info", "", Some("sudo-shows-no-code")),
            (
                "info",
                "# Defaults !pam_silent\n",
                Some("sudo-shows-no-code"),
            ),
            ("info", "Defaults !pam_silent\n", None),
            ("auto", "", None),
            ("enter", "", None),
            ("none", "", None),
        ] {
            let files = [
                ("etc/pam.d/sudo", module, 0o644),
                ("etc/sudoers", "root ALL=(ALL) ALL\n", 0o644),
                ("etc/sudoers.d/logonbox", sudoers, 0o644),
            ];
            let (_dir, root) = machine(&files);
            let text = format!(
                "[logonbox]\ntenant = \"acme\"\n[conversation]\ncode = \"show\"\nannounce = \"{announce}\"\n"
            );
            let config = Config::parse(Path::new("/x"), &text, "").unwrap();
            let service = pam_d::service(&root, "sudo");
            let mut report = Report::default();
            silent_sudo(
                &root,
                service.phones().next().unwrap(),
                &config,
                &mut report,
            );
            assert_eq!(
                ids(&report),
                Vec::from_iter(expected),
                "{announce} {sudoers}"
            );
        }
    }

    #[test]
    fn login_gives_up() {
        for (text, seconds, expected) in [
            ("", 45, vec![]),
            ("", 60, vec!["login-timeout"]),
            (
                "# LOGIN_TIMEOUT 10\nLOGIN_TIMEOUT 30\n",
                45,
                vec!["login-timeout"],
            ),
            ("LOGIN_TIMEOUT 0\n", 600, vec![]),
        ] {
            let (_dir, root) = machine(&[("etc/login.defs", text, 0o644)]);
            let mut report = Report::default();
            console(&root, Duration::from_secs(seconds), &mut report);
            assert_eq!(ids(&report), expected, "{text}");
        }
    }

    #[test]
    fn a_log_that_nobody_reads() {
        let (dir, root) = machine(&[("dev/x", "", 0o644)]);
        let mut report = Report::default();
        log(&root, &mut report);
        assert_eq!(ids(&report), ["log-missing"]);
        let socket = std::os::unix::net::UnixDatagram::bind(dir.path().join("dev/log")).unwrap();
        let mut report = Report::default();
        log(&root, &mut report);
        assert_eq!(ids(&report), [""; 0]);
        drop(socket);
        log(&root, &mut report);
        assert_eq!(ids(&report), ["log-missing"]);
    }
}
