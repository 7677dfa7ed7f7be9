//! The time is scripted; the files are real.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::host::User;
use crate::policy::known_user;
use crate::scripted::ScriptedSystem;

const MINUTE: Duration = Duration::from_secs(60);
const FILE: &str = "[logonbox]\ntenant = \"acme\"\n[policy]\nremember_minutes = 10\n";

/// A machine with its own /run.
fn machine() -> (TempDir, ScriptedSystem) {
    let directory = tempfile::tempdir().unwrap();
    let system = ScriptedSystem {
        users: &["lee", "kim"],
        aliases: &[("LEE", "lee")],
        run_directory: directory.path().join("run"),
        ..ScriptedSystem::default()
    };
    (directory, system)
}

/// A login, as the text of the configuration and what the host tells.
#[derive(Clone, Copy)]
struct Login<'l> {
    file: &'l str,
    user: &'l str,
    service: &'l str,
    rhost: &'l str,
}

const LOGIN: Login<'_> = Login {
    file: FILE,
    user: "lee",
    service: "sshd",
    rhost: "192.0.2.7",
};

fn remember(system: &ScriptedSystem, login: Login<'_>) -> Option<Remember> {
    let config = Config::parse(Path::new("test"), login.file, login.service).unwrap();
    let user = User::Named(login.user.to_owned());
    let user = known_user(system, &user).ok()?;
    Remember::new(&config, system, &user, login.service, login.rhost)
}

/// The minutes since the login was approved.
fn ago(system: &ScriptedSystem, login: Login<'_>) -> Option<u64> {
    let ago = remember(system, login)?.approved_ago(system).unwrap()?;
    Some(ago.as_secs() / 60)
}

fn approve(system: &ScriptedSystem, login: Login<'_>) {
    remember(system, login).unwrap().approved(system).unwrap();
}

fn later(system: &ScriptedSystem, time: Duration) {
    let mut uptime = system.uptime.lock().unwrap();
    *uptime = uptime.saturating_add(time);
}

#[test]
fn an_approval_counts_for_the_same_login_and_some_minutes() {
    let (_directory, system) = machine();
    assert_eq!(ago(&system, LOGIN), None);
    approve(&system, LOGIN);
    assert_eq!(ago(&system, LOGIN), Some(0));
    later(&system, 9 * MINUTE);
    assert_eq!(ago(&system, LOGIN), Some(9));
    // Logins that use the approval do not extend it.
    later(&system, MINUTE);
    assert_eq!(ago(&system, LOGIN), None);
    approve(&system, LOGIN);
    assert_eq!(ago(&system, LOGIN), Some(0));
    let files = fs::read_dir(path(&system)).unwrap();
    assert_eq!(files.count(), 1, "the old approval is removed");
}

#[test]
fn another_login_needs_another_approval() {
    let (_directory, system) = machine();
    approve(&system, LOGIN);
    let services = "remember_services = [\"sshd\", \"cockpit\"]\n";
    let both = format!("{FILE}{services}");
    let comment = format!("{FILE}#");
    let account = format!("[accounts]\nlee = \"kim\"\n{FILE}");
    for (what, other) in [
        (
            "user",
            Login {
                user: "kim",
                ..LOGIN
            },
        ),
        (
            "address",
            Login {
                rhost: "192.0.2.8",
                ..LOGIN
            },
        ),
        (
            "address",
            Login {
                rhost: "2001:db8::7",
                ..LOGIN
            },
        ),
        (
            "file",
            Login {
                file: &comment,
                ..LOGIN
            },
        ),
        (
            "file",
            Login {
                file: &account,
                ..LOGIN
            },
        ),
        (
            "service",
            Login {
                file: &both,
                service: "cockpit",
                ..LOGIN
            },
        ),
    ] {
        assert_eq!(ago(&system, other), None, "{what}");
    }
    // The same login in another form.
    for same in [
        Login {
            user: "LEE",
            ..LOGIN
        },
        Login {
            rhost: "::ffff:192.0.2.7",
            ..LOGIN
        },
    ] {
        assert_eq!(ago(&system, same), Some(0));
    }
    approve(
        &system,
        Login {
            file: &both,
            ..LOGIN
        },
    );
    let cockpit = Login {
        file: &both,
        service: "cockpit",
        ..LOGIN
    };
    assert_eq!(ago(&system, cockpit), None, "service");
}

#[test]
fn a_reboot_ends_it() {
    let (_directory, mut system) = machine();
    approve(&system, LOGIN);
    system.boot_id = "second";
    assert_eq!(ago(&system, LOGIN), None);
    // A kept /run, and a clock that begins again.
    let (_directory, system) = machine();
    approve(&system, LOGIN);
    *system.uptime.lock().unwrap() = MINUTE;
    assert_eq!(ago(&system, LOGIN), None);
}

#[test]
fn some_logins_are_never_remembered() {
    let (_directory, mut system) = machine();
    let never = |system: &ScriptedSystem, login| remember(system, login).is_none();
    assert!(!never(&system, LOGIN));
    let off = FILE.replace("10", "0");
    let airlock = format!("mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com\"\n{FILE}");
    for login in [
        Login {
            file: &off,
            ..LOGIN
        },
        Login {
            file: &airlock,
            ..LOGIN
        },
        Login {
            service: "cockpit",
            ..LOGIN
        },
        Login {
            user: "no-such-user",
            ..LOGIN
        },
        Login { rhost: "", ..LOGIN },
        Login {
            rhost: "laptop.acme.com",
            ..LOGIN
        },
        Login {
            rhost: "127.0.0.1",
            ..LOGIN
        },
        Login {
            rhost: "::1",
            ..LOGIN
        },
        Login {
            rhost: "::ffff:127.0.0.1",
            ..LOGIN
        },
        Login {
            rhost: "fe80::1%eth0",
            ..LOGIN
        },
        Login {
            rhost: "192.0.2.7 ",
            ..LOGIN
        },
    ] {
        let Login {
            user,
            service,
            rhost,
            ..
        } = login;
        assert!(never(&system, login), "{user} {service} {rhost:?}");
    }
    system.is_setuid = true;
    assert!(never(&system, LOGIN));
}

#[test]
fn all_approvals_of_a_user_are_forgotten() {
    let (_directory, system) = machine();
    let kim = Login {
        user: "kim",
        ..LOGIN
    };
    let elsewhere = Login {
        rhost: "192.0.2.8",
        ..LOGIN
    };
    let all = [LOGIN, elsewhere, kim];
    assert_eq!(forget(&system, "lee").unwrap(), 0);
    for login in all {
        approve(&system, login);
    }
    assert_eq!(forget(&system, "lee").unwrap(), 2);
    assert_eq!(all.map(|login| ago(&system, login)), [None, None, Some(0)]);
}

/// A directory that another user could write proves no approval.
#[test]
fn a_directory_of_others_is_not_used() {
    let (_directory, system) = machine();
    approve(&system, LOGIN);
    let directory = path(&system);
    let moved = directory.with_extension("moved");
    let mode = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o755);
    let hint = remember(&system, LOGIN)
        .unwrap()
        .approved_ago(&system)
        .unwrap_err();
    assert!(
        hint.starts_with("approvals are not remembered: /"),
        "{hint}"
    );
    assert!(hint.contains("chmod 700"), "{hint}");
    assert!(remember(&system, LOGIN).unwrap().approved(&system).is_err());
    mode(0o700);
    fs::rename(&directory, &moved).unwrap();
    symlink(&moved, &directory).unwrap();
    assert!(
        remember(&system, LOGIN)
            .unwrap()
            .approved_ago(&system)
            .is_err()
    );
}
