//! The environment of the caller, and the data that users can change about themselves.

use std::fs;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::setup::{Login, Setup, USER};
use tenant::{Account, Options};

#[test]
fn the_caller_s_environment_decides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let in_dir = |name: &str| dir.path().join(name).display().to_string();
    let key_log = in_dir("keys.log");
    let variables = [
        ("http_proxy", "http://127.0.0.1:9"),
        ("https_proxy", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("NO_PROXY", "evil.example"),
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_CERT_DIR", dir.path().to_str().unwrap()),
        ("SSLKEYLOGFILE", &key_log),
        ("RES_OPTIONS", "use-vc timeout:1 attempts:1"),
        ("LOCALDOMAIN", "evil.example"),
        ("HOSTALIASES", &in_dir("aliases")),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_MIN_STACK", "1"),
        ("TMPDIR", dir.path().to_str().unwrap()),
        ("TZ", ":/etc/shadow"),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "C"),
        ("HOME", dir.path().to_str().unwrap()),
        ("XDG_CONFIG_HOME", dir.path().to_str().unwrap()),
        ("USER", "daemon"),
        ("LOGNAME", "daemon"),
        ("MALLOC_ARENA_MAX", "1"),
        ("TOKIO_WORKER_THREADS", "x"),
        ("SSH_CONNECTION", "203.0.113.1 1 203.0.113.2 22"),
        ("PAM_USER", "daemon"),
        ("PATH", "/nonexistent"),
    ];
    let setup = Setup::showing(Options::default(), "approve", "", "");
    let plain = setup.login("sudo", &[]);
    let dressed = setup.start_as(USER, "sudo", &[], &variables).finish();
    same(&setup, &plain, &dressed);
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing was written"
    );

    // A CA from the environment is not trusted either.
    let ca = setup.path("ca.pem");
    let text = std::fs::read_to_string(setup.path("pam_logonbox.toml")).unwrap();
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .collect();
    setup.write("pam_logonbox.toml", &without.join("\n"));
    let login = setup
        .start_as(
            USER,
            "sudo",
            &[],
            &[("SSL_CERT_FILE", ca.to_str().unwrap())],
        )
        .finish();
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "tls");
}

/// In sudo, the loader has removed the variables that it obeys. Other programs keep them, so the
/// host sets them once it runs.
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
    ("ALL_PROXY", "http://127.0.0.1:9"),
    ("CURL_CA_BUNDLE", "/dev/null"),
    ("KRB5_CONFIG", "DIR/krb5.conf"),
    ("XDG_RUNTIME_DIR", "DIR"),
    ("TMPDIR", "DIR"),
    ("HOME", "DIR"),
];

#[test]
fn nothing_that_a_caller_can_set_changes_a_byte_or_writes_a_file() {
    let setup = Setup::showing(Options::default(), "approve", "", "");
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().display().to_string();
    let plain = setup.login("sudo", &[]);
    let late: Vec<String> = LATE
        .iter()
        .map(|(name, value)| format!("env={name}={}", value.replace("DIR", &there)))
        .collect();
    let late: Vec<&str> = late.iter().map(String::as_str).collect();
    let dressed = setup.login("sudo", &late);
    same(&setup, &plain, &dressed);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Compares two logins. Only the code may differ.
fn same(setup: &Setup, plain: &Login, other: &Login) {
    assert_eq!(plain.code(), "PAM_SUCCESS", "{:#?}", plain.events);
    assert_eq!(other.code(), "PAM_SUCCESS", "{:#?}", other.events);
    let asked = setup.tenant.sign_requests();
    assert_eq!(asked.len(), 2);
    let words = |n: usize| asked[n].text.rsplit_once(' ').unwrap().0;
    assert_eq!(words(0), words(1));
    assert_eq!(asked[0].http.headers, asked[1].http.headers);
    assert_eq!(asked[0].fingerprint, asked[1].fingerprint);
    assert_eq!(asked[0].username, asked[1].username);
    assert_eq!(asked[0].remote_name, asked[1].remote_name);
}

/// Users can change their GECOS field (chfn(1)) and the files in their home.
#[test]
fn what_a_person_may_change_about_themselves_is_not_read() {
    let account = Account::new(USER);
    let options = Options {
        accounts: [account, Account::new("evil")].into_iter().collect(),
        ..Options::default()
    };
    let setup = Setup::showing(options, "{user}", "", "");
    let plain = setup.login("sudo", &[]);
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
    let other = setup
        .start_as(USER, "sudo", &[&in_home, gecos], &[("HOME", &environment)])
        .finish();
    same(&setup, &plain, &other);
    // The files were not even opened.
    assert!(watch.read_events().is_err(), "a file was opened");
    // The watch works.
    fs::read(home.path().join(".netrc")).unwrap();
    assert!(watch.read_events().is_ok());
}
