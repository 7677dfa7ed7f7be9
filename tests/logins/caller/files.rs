//! Special files in place of a file that decides about logins.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::setup::{PROMPTLY, Setup, module, value};
use tenant::{Account, KeyType, Options, Phone};

/// The kind of file, and the reason in the log.
const FILES: &[(&str, &str)] = &[
    ("link", "link"),
    ("FIFO", "not a regular file"),
    ("device", "not a regular file"),
    ("endless", "not a regular file"),
    ("directory", "not a regular file"),
    ("socket", ""),
    ("group", "written to by others"),
    ("others", "written to by others"),
    ("huge", "larger than"),
    ("empty", "must be set"),
    ("binary", ""),
    ("byte order mark", ""),
    ("missing", "No such file"),
];

fn put(path: &Path, what: &str, good: &str) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir(path);
    let write = |bytes: &[u8], mode: u32| {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    match what {
        "link" => {
            let target = path.with_extension("target");
            fs::write(&target, good).unwrap();
            symlink(&target, path).unwrap();
        }
        "FIFO" => nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        "directory" => fs::create_dir(path).unwrap(),
        "socket" => drop(UnixListener::bind(path).unwrap()),
        "group" => write(good.as_bytes(), 0o664),
        "others" => write(good.as_bytes(), 0o646),
        "huge" => write(&[good.as_bytes(), &b"# \n".repeat(4 << 20)].concat(), 0o644),
        "empty" => write(b"", 0o644),
        "binary" => write(&(0..=255).collect::<Vec<u8>>(), 0o644),
        "byte order mark" => write(format!("\u{feff}{good}\u{0}").as_bytes(), 0o644),
        "missing" => {}
        _ => panic!("{what}"),
    }
}

#[test]
fn whatever_stands_in_place_of_the_configuration_is_refused_at_once_and_named() {
    let setup = Setup::new("approve");
    let path = setup.path("pam_logonbox.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (what, why) in FILES {
        let named = match *what {
            "device" => Path::new("/dev/null").to_owned(),
            "endless" => Path::new("/dev/zero").to_owned(),
            _ => {
                put(&path, what, &good);
                path.clone()
            }
        };
        setup.write(
            "pam.d/login",
            &format!(
                "auth required {} conf={}\n",
                module().display(),
                named.display()
            ),
        );
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
        let reason = value(login.log(), "reason").unwrap();
        assert!(
            reason.contains(&named.display().to_string()),
            "{what}: {reason}"
        );
        assert!(reason.contains(why), "{what}: {reason}");
        assert!(login.took() < PROMPTLY, "{what}");
    }
    assert_eq!(setup.tenant.connections(), 0);
}

#[test]
fn a_file_that_belongs_to_somebody_else_is_refused() {
    let setup = Setup::new("approve");
    let login = setup.login("login", &["owner=12345"]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    let reason = value(login.log(), "reason").unwrap();
    assert!(
        reason.contains("pam_logonbox.toml: belongs to uid 12345"),
        "{reason}"
    );
}

#[test]
fn whatever_stands_in_place_of_the_ca_file_is_refused_and_named() {
    let setup = Setup::with(
        Options::default(),
        "approve",
        "",
        "[policy]\non_unavailable = \"ignore\"",
    );
    let path = setup.path("ca.pem");
    let good = fs::read_to_string(&path).unwrap();
    // A symlink is fine: distributions have them.
    for (what, why) in FILES.iter().filter(|(what, _)| *what != "link") {
        match *what {
            "device" | "endless" => {
                let device = if *what == "device" {
                    "/dev/null"
                } else {
                    "/dev/zero"
                };
                let _ = fs::remove_file(&path);
                symlink(device, &path).unwrap();
            }
            _ => put(&path, what, &good),
        }
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure");
        let reason = value(login.log(), "reason").unwrap();
        assert!(reason.contains("ca.pem"), "{what}: {reason}");
        let why = match *what {
            "empty" => "empty: no certificate",
            "byte order mark" => "line 1: a byte-order mark",
            _ => why,
        };
        assert!(reason.contains(why), "{what}: {reason}");
        assert!(login.took() < PROMPTLY, "{what}");
    }
    assert_eq!(setup.tenant.requests().len(), 0);
}

#[test]
fn a_ca_file_counts_as_a_whole() {
    let setup = Setup::new("approve");
    let path = setup.path("ca.pem");
    let good = fs::read_to_string(&path).unwrap();
    let end = good.lines().count();
    let write = |text: &str| fs::write(&path, text).unwrap();
    for (text, line, why) in [
        (
            format!("# ACME\n {good}"),
            2,
            "-----BEGIN must be at the start of the line",
        ),
        (
            good.replace(" CERTIFICATE", " TRUSTED CERTIFICATE"),
            1,
            "convert it with openssl x509",
        ),
        (
            format!("{good}{}", good.replace("CERTIFICATE", "PRIVATE KEY")),
            end + 1,
            "a private key; remove it",
        ),
        (
            format!("{}{good}", good.trim_end()),
            end,
            "a line break must follow",
        ),
        (
            good.replace("-----END CERTIFICATE-----", ""),
            1,
            "no -----END CERTIFICATE-----",
        ),
    ] {
        write(&text);
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure");
        let reason = value(login.log(), "reason").unwrap();
        let place = format!("{}: line {line}: ", path.display());
        assert!(
            reason.contains(&place) && reason.contains(why),
            "{text}: {reason}"
        );
    }
    assert_eq!(setup.tenant.connections(), 0);
    for text in [
        good.replace('\n', "\r\n"),
        good.replace(" CERTIFICATE", " X509 CERTIFICATE"),
        format!("ACME\n====\n\n{good}\n# that is all\n"),
    ] {
        write(&text);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{text}: {:#?}", login.events);
    }
}

#[test]
fn whatever_stands_in_place_of_pinned_keys_is_refused_and_named() {
    let lee = Account::new("lee").phones([Phone::new("Pixel 8", KeyType::Ed25519)]);
    let good = lee.all_keys()[0].line() + "\n";
    let options = Options {
        accounts: [lee].into_iter().collect(),
        ..Options::default()
    };
    let setup = Setup::with(options, "lee", "pins = \"required\"", "");
    setup.directory("keys");
    let path = setup.path("keys/lee");
    let keys = format!("keys={}", setup.path("keys").display());
    let of_a_file = ["device", "endless", "empty", "missing"];
    for (what, why) in FILES.iter().filter(|(what, _)| !of_a_file.contains(what)) {
        put(&path, what, &good);
        let login = setup.login("login", &[&keys]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
        let reason = value(login.log(), "reason").unwrap();
        assert!(reason.contains("pam_logonbox.keys/lee"), "{what}: {reason}");
        assert!(reason.contains(why), "{what}: {reason}");
        assert!(login.took() < PROMPTLY, "{what}");
    }
    // In place of the directory.
    for what in ["link", "FIFO", "socket", "group"] {
        put(&setup.path("other"), what, &good);
        let keys = format!("keys={}", setup.path("other").display());
        let login = setup.login("login", &[&keys]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
        let reason = value(login.log(), "reason").unwrap();
        assert!(
            reason.contains("pam_logonbox.keys: is no directory"),
            "{what}: {reason}"
        );
    }
    assert_eq!(setup.tenant.connections(), 0);
}
