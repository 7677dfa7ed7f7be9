//! A hostile local user: the environment, the names, the fields of the user database, the files in
//! place of the configuration, and what is typed. What each was seen to fail for:
//! docs/mistakes-of-others.md.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::airlock;
use crate::stage::{Login, Running, Stage, USER, value};
use tenant::{Account, KeyType, Options, Phone};

/// In sudo, the loader has thrown away what it would have obeyed; the others see them in the
/// environment all the same, and so these come into it once the program runs.
const LATE: &[(&str, &str)] = &[
    ("LD_PRELOAD", "/nonexistent/evil.so"),
    ("LD_AUDIT", "/nonexistent/evil.so"),
    ("LD_LIBRARY_PATH", "/nonexistent"),
    ("LD_DEBUG", "all"),
    ("LD_DEBUG_OUTPUT", "DIR/ld"),
    ("LD_PROFILE", "pam_logonbox.so"),
    ("LD_PROFILE_OUTPUT", "DIR"),
    ("LD_BIND_NOW", "1"),
    ("LD_ORIGIN_PATH", "DIR"),
    ("LD_SHOW_AUXV", "1"),
    (
        "GLIBC_TUNABLES",
        "glibc.malloc.check=3:glibc.malloc.perturb=165",
    ),
    ("MALLOC_CHECK_", "3"),
    ("MALLOC_PERTURB_", "165"),
    ("MALLOC_TRACE", "DIR/malloc"),
    ("MALLOC_TOP_PAD_", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "1"),
    ("MALLOC_TRIM_THRESHOLD_", "0"),
    ("GCONV_PATH", "DIR"),
    ("NLSPATH", "DIR/%N"),
    ("LOCPATH", "DIR"),
    ("RESOLV_HOST_CONF", "DIR/host.conf"),
    ("RESOLV_ADD_TRIM_DOMAINS", "evil.example"),
    ("RES_OPTIONS", "debug use-vc timeout:1"),
    ("NIS_PATH", "DIR"),
    ("TZDIR", "DIR"),
    ("LANGUAGE", "tr"),
    ("LC_ALL", "tr_TR.ISO-8859-9"),
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
    ("RUST_LIB_BACKTRACE", "1"),
    ("TOKIO_CONSOLE_BIND", "127.0.0.1:9"),
    ("RUSTLS_LOG", "trace"),
    ("SSLKEYLOGFILE", "DIR/keys.log"),
    ("SSL_CERT_FILE", "/dev/null"),
    ("SSL_CERT_DIR", "DIR"),
    ("OPENSSL_CONF", "DIR/openssl.cnf"),
    ("HTTPS_PROXY", "http://127.0.0.1:9"),
    ("REQUEST_METHOD", "GET"),
    ("CURL_CA_BUNDLE", "/dev/null"),
    ("KRB5_CONFIG", "DIR/krb5.conf"),
    ("XDG_RUNTIME_DIR", "DIR"),
    ("TMPDIR", "DIR"),
    ("HOME", "DIR"),
];

#[test]
fn nothing_that_a_caller_can_set_changes_a_byte_or_writes_a_file() {
    let stage = Stage::new("approve");
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().display().to_string();
    let plain = stage.login("sudo", &[]);
    let late: Vec<String> = LATE
        .iter()
        .map(|(name, value)| format!("env={name}={}", value.replace("DIR", &there)))
        .collect();
    let late: Vec<&str> = late.iter().map(String::as_str).collect();
    let dressed = stage.login("sudo", &late);
    same(&stage, &plain, &dressed);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Both are logins, and the tenant cannot tell one from the other but by the code.
fn same(stage: &Stage, plain: &Login, other: &Login) {
    assert_eq!(plain.code(), "PAM_SUCCESS", "{:#?}", plain.events);
    assert_eq!(other.code(), "PAM_SUCCESS", "{:#?}", other.events);
    let asked = stage.tenant.sign_requests();
    assert_eq!(asked.len(), 2);
    let words = |n: usize| asked[n].text.rsplit_once(' ').unwrap().0;
    assert_eq!(words(0), words(1));
    assert_eq!(asked[0].http.headers, asked[1].http.headers);
    assert_eq!(asked[0].fingerprint, asked[1].fingerprint);
    assert_eq!(asked[0].username, asked[1].username);
    assert_eq!(asked[0].remote_name, asked[1].remote_name);
}

/// A person may change their GECOS (chfn(1)), and has whatever they like in their home.
#[test]
fn what_a_person_may_change_about_themselves_is_not_read() {
    let account = Account::new(USER);
    let options = Options {
        accounts: [account, Account::new("evil")].into_iter().collect(),
        ..Options::default()
    };
    let stage = Stage::with(options, "{user}", "", "");
    let plain = stage.login("sudo", &[]);
    let home = tempfile::tempdir().unwrap();
    let files = [
        ".pam_logonbox",
        ".pam_logonbox.toml",
        ".logonbox",
        ".ssh/authorized_keys",
        ".config/pam_logonbox.toml",
        ".netrc",
        ".curlrc",
        ".hosts",
        ".pam_environment",
    ];
    let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
    for file in files {
        let path = home.path().join(file);
        let directory = path.parent().unwrap();
        fs::create_dir_all(directory).unwrap();
        fs::write(&path, "[logonbox]\naccount = \"evil\"\n").unwrap();
    }
    for directory in ["", ".ssh", ".config"] {
        let all = AddWatchFlags::IN_ALL_EVENTS;
        watch.add_watch(&home.path().join(directory), all).unwrap();
    }
    let in_home = format!("home={}", home.path().display());
    let environment = home.path().display().to_string();
    let gecos = "gecos=evil,{user},%s\n\u{202e}\x1b[2J,evil@acme.com,logonbox=evil";
    let other = stage
        .start_as(USER, "sudo", &[&in_home, gecos], &[("HOME", &environment)])
        .finish();
    same(&stage, &plain, &other);
    // Nobody has as much as looked into it.
    assert!(watch.read_events().is_err(), "somebody has opened a file");
    // The watch does see it.
    fs::read(home.path().join(".netrc")).unwrap();
    assert!(watch.read_events().is_ok());
}

/// Names that no user has. Files are named after accounts: none may appear, wherever it leads.
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
    let policy = "[policy]\nunapproved_pushes_per_10_minutes = 6";
    let pins = "pins = \"if-present\"";
    let push = Stage::with(Options::default(), "{user}", pins, policy);
    let through_airlock = airlock::stage("{user}", "", policy);
    for stage in [&push, &through_airlock] {
        stage.directory("keys");
        let keys = format!("keys={}", stage.path("keys").display());
        let before = everything(stage.dir.path());
        crate::faults::side_by_side(&names, |_, name| {
            let options = ["speed=20", &keys, "types=Passw0rd"];
            let login = stage.start_as(name, "login", &options, &[]).finish();
            let code = login.code().to_owned();
            assert!(["PAM_AUTH_ERR", "PAM_MAXTRIES"].contains(&&*code));
            login.assert_refused(&code, "unknown-user");
            let log = login.log();
            assert!(!log.contains("user=\"root\""), "{log}");
            assert!(log.matches(" user=\"").count() <= 1, "{log}");
            assert_eq!(log.matches('"').count() % 2, 0, "{log}");
            assert!(!log.contains(['\u{202e}', '\u{2028}', '\u{feff}']), "{log}");
        });
        assert_eq!(stage.tenant.connections(), 0);
        assert_eq!(everything(stage.dir.path()), before);
    }
}

/// Every file below, and how it ends.
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

/// What stands in place of a file, and what the log says of it.
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
    let stage = Stage::new("approve");
    let path = stage.path("pam_logonbox.toml");
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
        stage.write(
            "pam.d/login",
            &format!(
                "auth required {} conf={}\n",
                crate::stage::module().display(),
                named.display()
            ),
        );
        let login = stage.login("login", &[]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
        let reason = value(login.log(), "reason").unwrap();
        assert!(
            reason.contains(&named.display().to_string()),
            "{what}: {reason}"
        );
        assert!(reason.contains(why), "{what}: {reason}");
        assert!(login.took() < Duration::from_secs(1), "{what}");
    }
    assert_eq!(stage.tenant.connections(), 0);
}

#[test]
fn a_file_that_belongs_to_somebody_else_is_refused() {
    let stage = Stage::new("approve");
    let login = stage.login("login", &["owner=12345"]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    let reason = value(login.log(), "reason").unwrap();
    assert!(
        reason.contains("pam_logonbox.toml: belongs to uid 12345"),
        "{reason}"
    );
}

#[test]
fn whatever_stands_in_place_of_the_ca_file_is_refused_and_named() {
    let stage = Stage::with(
        Options::default(),
        "approve",
        "",
        "[policy]\non_unavailable = \"ignore\"",
    );
    let path = stage.path("ca.pem");
    let good = fs::read_to_string(&path).unwrap();
    // A link is fine: distributions have them.
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
            "byte order mark" => continue,
            _ => put(&path, what, &good),
        }
        let login = stage.login("login", &[]);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure");
        let reason = value(login.log(), "reason").unwrap();
        assert!(reason.contains("ca.pem"), "{what}: {reason}");
        let why = if *what == "empty" {
            "no certificate"
        } else {
            why
        };
        assert!(reason.contains(why), "{what}: {reason}");
        assert!(login.took() < Duration::from_secs(2), "{what}");
    }
    assert_eq!(stage.tenant.requests().len(), 0);
}

#[test]
fn whatever_stands_in_place_of_pinned_keys_is_refused_and_named() {
    let lee = Account::new("lee").phones([Phone::new("Pixel 8", KeyType::Ed25519)]);
    let good = lee.all_keys()[0].line() + "\n";
    let options = Options {
        accounts: [lee].into_iter().collect(),
        ..Options::default()
    };
    let stage = Stage::with(options, "lee", "pins = \"required\"", "");
    stage.directory("keys");
    let path = stage.path("keys/lee");
    let keys = format!("keys={}", stage.path("keys").display());
    let of_a_file = ["device", "endless", "empty", "missing"];
    for (what, why) in FILES.iter().filter(|(what, _)| !of_a_file.contains(what)) {
        put(&path, what, &good);
        let login = stage.login("login", &[&keys]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
        let reason = value(login.log(), "reason").unwrap();
        assert!(reason.contains("pam_logonbox.keys/lee"), "{what}: {reason}");
        assert!(reason.contains(why), "{what}: {reason}");
        assert!(login.took() < Duration::from_secs(1), "{what}");
    }
    // And in place of their directory.
    for what in ["link", "FIFO", "socket", "group"] {
        put(&stage.path("other"), what, &good);
        let keys = format!("keys={}", stage.path("other").display());
        let login = stage.login("login", &[&keys]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
        let reason = value(login.log(), "reason").unwrap();
        assert!(
            reason.contains("pam_logonbox.keys: is no directory"),
            "{what}: {reason}"
        );
    }
    assert_eq!(stage.tenant.connections(), 0);
}

/// What may be typed at a prompt, or come in place of an answer.
fn typed() -> Vec<Vec<u8>> {
    vec![
        b"".to_vec(),
        b"\0".to_vec(),
        b"1\0junk".to_vec(),
        b"\xff\xfe\x80".to_vec(),
        b"\x1b[2J\x1b]0;title\x07".to_vec(),
        "\u{202e}1".into(),
        b"x".repeat(100_000),
        b"%s%n".to_vec(),
        b"{user}".to_vec(),
        b"-1".to_vec(),
        b"18446744073709551617".to_vec(),
    ]
}

/// Types this at every prompt that comes.
fn types(mut running: Running, line: &[u8]) -> Login {
    for _ in 0..12 {
        running.type_line(line);
    }
    running.finish()
}

#[test]
fn whatever_is_typed_at_any_prompt_is_no_crash_and_no_way_in() {
    let phones = ["Pixel 8", "Old phone"].map(|name| Phone::new(name, KeyType::Ed25519));
    let lee = Account::new("lee").phones(phones);
    let options = Options {
        accounts: [lee].into_iter().collect(),
        ..Options::default()
    };
    let no_limit = "[policy]\nunapproved_pushes_per_10_minutes = 0";
    let choice = Stage::with(options, "lee", "device = \"ask\"", no_limit);
    let at_airlock = airlock::patient_stage(no_limit);
    let otp = [&*format!("types={}", airlock::PASSWORD)].map(str::to_owned);
    for line in typed() {
        let shown = String::from_utf8_lossy(&line[..line.len().min(20)]).into_owned();
        // The choice of a device: `1`, before a NUL, is one.
        let login = types(choice.start("login", &["speed=20"]), &line);
        if line.starts_with(b"1\0") {
            assert_eq!(login.code(), "PAM_SUCCESS", "{shown:?}");
        } else {
            login.assert_refused("PAM_CONV_ERR", "conversation");
        }
        // Airlock's password, and its OTP.
        let login = types(at_airlock.start("login", &["speed=20"]), &line);
        assert_ne!(login.code(), "PAM_SUCCESS", "{shown:?}");
        assert!(!login.log().contains("x".repeat(300).as_str()));
        let options: Vec<&str> = otp.iter().map(String::as_str).collect();
        let line_of_text = String::from_utf8_lossy(&line).replace('\0', "");
        let given = format!("otp={line_of_text}");
        let login = at_airlock.login("login", &[&options[..], &[&given, "speed=20"]].concat());
        assert_ne!(login.code(), "PAM_SUCCESS", "{shown:?}");
        assert_ne!(login.code(), "PAM_IGNORE", "{shown:?}");
    }
    for answers in ["null", "none", "nothing", "nobody"] {
        let answers = format!("answers={answers}");
        let pushes = choice.pushes();
        let login = choice.login("login", &[&answers]);
        login.assert_refused("PAM_CONV_ERR", "conversation");
        assert_eq!(choice.pushes(), pushes);
        let checked = airlock::paths(&at_airlock).len();
        let login = at_airlock.login("login", &[&answers]);
        assert_ne!(login.code(), "PAM_SUCCESS");
        assert!(login.log().contains(": conversation "), "{}", login.log());
        assert_eq!(airlock::paths(&at_airlock).len(), checked);
    }
    // The announcement in a prompt.
    let enter = Stage::with(
        Options::default(),
        "approve",
        "",
        "[conversation]\nannounce = \"enter\"",
    );
    for answers in ["null", "none", "nothing", "nobody"] {
        let login = enter.login("login", &[&format!("answers={answers}")]);
        login.assert_refused("PAM_CONV_ERR", "conversation");
    }
    assert_eq!(enter.pushes(), 0);
}

#[test]
fn a_log_that_is_not_there_or_does_not_read_holds_up_nobody() {
    let stage = Stage::new("approve");
    let nowhere = format!("log={}", stage.path("nowhere").display());
    let login = stage.login("login", &[&nowhere]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    // Nobody reads this one, and its queue is full.
    let path = stage.path("log");
    let _log = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let writer = std::os::unix::net::UnixDatagram::unbound().unwrap();
    writer.set_nonblocking(true).unwrap();
    while writer.send_to(b"full", &path).is_ok() {}
    for service in ["login", "sudo"] {
        let full = format!("log={}", path.display());
        let login = stage.login(service, &[&full]);
        assert_eq!(login.code(), "PAM_SUCCESS");
        assert!(login.took() < Duration::from_secs(2), "{:?}", login.took());
    }
}

/// By the network, by an administrator, by a battery.
#[test]
fn a_clock_that_is_set_in_the_middle_changes_no_deadline() {
    for (account, seconds) in [
        ("page", 31_536_000),
        ("page", -31_536_000),
        ("never", 31_536_000),
    ] {
        let stage = Stage::with(Options::default(), account, "", "[wait]\nlogin_seconds = 2");
        let mut running = stage.start("login", &[&format!("jump={seconds}")]);
        assert!(
            stage
                .tenant
                .wait_for_sign_requests(1, crate::stage::PATIENCE)
        );
        running.signal("USR1");
        running.wait_for("jumped");
        if account == "page" {
            let ring = stage.tenant.waiting()[0].id;
            assert!(stage.tenant.answer(ring, tenant::Press::Authorize));
            assert_eq!(running.finish().code(), "PAM_SUCCESS");
        } else {
            let login = running.finish();
            login.assert_refused("PAM_MAXTRIES", "timed-out");
            let took = login.took();
            assert!(took > Duration::from_millis(1900) && took < Duration::from_secs(4));
        }
    }
}
