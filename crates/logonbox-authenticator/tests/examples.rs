//! The example programs against a simulated tenant.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bounded_https::blocking::EventLoop;
use bounded_https::http::Request;
use bounded_https::{Body, HttpClient, Https, Limits, Roots};
use logonbox_authenticator::PublicKey;
use tenant::{Options, Tenant};

const PATIENCE: Duration = Duration::from_secs(30);
/// These are tested here.
const HERE: [&str; 9] = [
    "blocking",
    "http_client",
    "keys",
    "logging",
    "login",
    "pinned",
    "redirect",
    "sources",
    "steps",
];
/// These are tested with a browser.
const IN_A_BROWSER: [&str; 1] = ["web"];

/// A tenant, and its CA in a file.
struct Stage {
    tenant: Tenant,
    directory: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self {
            tenant: Tenant::start(Options::default()).unwrap(),
            directory: tempfile::tempdir().unwrap(),
        };
        fs::write(stage.ca_file(), stage.tenant.ca_pem()).unwrap();
        stage
    }

    fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// `NAME TENANT [WORDS] CA_FILE`.
    fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = program(name);
        command
            .arg(self.tenant.authority())
            .args(words)
            .arg(self.ca_file());
        command
    }

    fn run(&self, name: &str, words: &[&str]) -> Ended {
        Ended::from(&self.command(name, words).output().unwrap())
    }

    /// The address to which `url` redirects a browser.
    fn browse(&self, url: &str) -> String {
        let browser = Https::builder()
            .roots(Roots::Pem(self.tenant.ca_pem().into()))
            .build()
            .unwrap();
        let request = Request::get(url).body(Body::default()).unwrap();
        let answer = browser.send(request, Limits::new(PATIENCE, 64 << 10));
        let answer = EventLoop::new().unwrap().run(answer).unwrap();
        let location = answer.headers().get("location").unwrap();
        location.to_str().unwrap().to_owned()
    }
}

/// An example, as `cargo test` builds it. `cargo test --test examples` builds no examples, so an
/// old one could be there.
fn program(name: &str) -> Command {
    let tests = env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap();
    let program = folder.join("examples").join(name);
    let remedy = "run: cargo build --examples -p logonbox-authenticator";
    let Ok(made) = fs::metadata(&program).and_then(|file| file.modified()) else {
        panic!("{} is not there; {remedy}", program.display());
    };
    // Cargo's list of its sources, after its own name.
    let list = fs::read_to_string(program.with_extension("d")).unwrap();
    let list = list.replace("\\ ", "\0");
    for source in list.split_whitespace().skip(1) {
        let source = source.replace('\0', " ");
        let changed = fs::metadata(&source).and_then(|file| file.modified());
        assert!(
            changed.is_ok_and(|changed| changed <= made),
            "{source} is newer; {remedy}"
        );
    }
    Command::new(program)
}

/// The exit code and the output of a program.
#[derive(Debug, PartialEq)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<&Output> for Ended {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

fn ended(code: i32, out: &str, err: &str) -> Ended {
    Ended {
        code: Some(code),
        out: out.to_owned(),
        err: err.to_owned(),
    }
}

fn fingerprint(tenant: &Tenant, account: &str) -> String {
    let account = tenant.account(account).unwrap();
    account.public_keys().first().unwrap().fingerprint()
}

/// The comment of the first key of each account.
fn comment(tenant: &Tenant) -> String {
    let account = tenant.account("approve").unwrap();
    account.public_keys().first().unwrap().comment.clone()
}

#[test]
fn every_example_is_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let name = entry.unwrap().path();
            name.file_stem().unwrap().to_string_lossy().into_owned()
        })
        .collect();
    for name in HERE {
        assert!(there.contains(name), "{name}");
    }
    for name in there {
        let known = HERE.iter().chain(&IN_A_BROWSER).any(|known| *known == name);
        assert!(known, "no test runs examples/{name}");
    }
}

#[test]
fn examples_explain_their_usage() {
    for name in HERE {
        let output = program(name).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with(&format!("usage: {name} ")), "{told}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn login() {
    let stage = Stage::new();
    let key = fingerprint(&stage.tenant, "approve");
    assert_eq!(
        stage.run("login", &["approve"]),
        ended(0, &format!("approve approved with {key}\n"), "")
    );
    for (account, why) in [
        (
            "decline",
            "declined on the phone: The keystore rejected the signature request.",
        ),
        ("nobody", "the tenant knows no such account"),
        ("wrong-key", "the signature is wrong"),
        (
            "..",
            "the request makes no sense: an account's name cannot be empty, a dot or two dots",
        ),
    ] {
        let expected = ended(1, "", &format!("no login: {why}\n"));
        assert_eq!(stage.run("login", &[account]), expected);
    }
    // Without the file, only the system's CA certificates are trusted.
    let stranger = program("login")
        .args([stage.tenant.authority(), "approve"])
        .output()
        .unwrap();
    let ended = Ended::from(&stranger);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(
        ended.err.starts_with(
            "no login: TLS failed: the certificate is not signed by a trusted CA\n  caused by: "
        ),
        "{}",
        ended.err
    );
    assert_eq!(stage.tenant.sign_requests().len(), 3);
}

#[test]
fn blocking() {
    let stage = Stage::new();
    assert_eq!(
        stage.run("blocking", &["approve"]),
        ended(0, "approve approved\n", "")
    );
    let why = "no login: the tenant knows no such account\n";
    assert_eq!(stage.run("blocking", &["nobody"]), ended(1, "", why));
}

#[test]
fn http_client() {
    let stage = Stage::new();
    assert_eq!(
        stage.run("http_client", &["approve"]),
        ended(0, "approve approved\n", "")
    );
    let why = "no login: the tenant knows no such account\n";
    assert_eq!(stage.run("http_client", &["nobody"]), ended(1, "", why));
    let why = "no login: the answer was not understood: HTTP status 302 on the sign request\n";
    assert_eq!(stage.run("http_client", &["redirect"]), ended(1, "", why));
    assert!(!stage.tenant.redirect_followed());
    // Ten megabytes, and then good keys.
    let why = "no login: the answer was not understood\n";
    assert_eq!(stage.run("http_client", &["keys-huge"]), ended(1, "", why));
}

#[test]
fn logging() {
    let stage = Stage::new();
    let key = fingerprint(&stage.tenant, "approve");
    let lines = format!(
        "DEBUG: the server answers with HTTP status 200\n\
         DEBUG: key list: 2 usable keys, 0 lines skipped\n\
         DEBUG: asking for a signature with {key}\n\
         DEBUG: the server answers with HTTP status 200\n"
    );
    assert_eq!(
        stage.run("logging", &["approve"]),
        ended(0, "approve approved\n", &lines)
    );
}

#[test]
fn pinned() {
    let stage = Stage::new();
    let pins = stage.directory.path().to_str().unwrap().to_owned();
    let pinned = |what: &str, account: &str| {
        let mut command = program("pinned");
        command.args([what, stage.tenant.authority(), account, &pins]);
        Ended::from(&command.arg(stage.ca_file()).output().unwrap())
    };
    let why = "pinned: the tenant knows no such account: no pinned keys\n";
    assert_eq!(pinned("login", "approve"), ended(1, "", why));

    let account = stage.tenant.account("approve").unwrap();
    let mut told: Vec<String> = account
        .public_keys()
        .iter()
        .map(|key| format!("{} {}", key.algorithm, key.fingerprint()))
        .collect();
    told.push("Compare these fingerprints with the user's before the first login.\n".to_owned());
    let told = told.join("\n");
    assert_eq!(pinned("pin", "approve"), ended(0, &told, ""));
    let lists = stage.tenant.key_requests().len();
    assert_eq!(
        pinned("login", "approve"),
        ended(0, "approve approved\n", "")
    );
    // The tenant was not asked which keys Approve has.
    assert_eq!(stage.tenant.key_requests().len(), lists);

    // Another phone of the tenant does not have the pinned key.
    let files = stage.directory.path();
    fs::copy(files.join("approve.keys"), files.join("decline.keys")).unwrap();
    assert_eq!(pinned("login", "decline").code, Some(1));
    assert_eq!(pinned("login", "../approve").code, Some(1));
}

#[test]
fn keys() {
    let stage = Stage::new();
    let account = stage.tenant.account("approve").unwrap();
    let published = account.public_keys();
    let [first, second] = &published[..] else {
        panic!("{published:?}");
    };
    let lines = format!(
        "ssh-ed25519 256 {} {:?}\nssh-rsa {} {} {:?}\n",
        first.fingerprint(),
        first.comment,
        PublicKey::from_blob(second.blob.clone(), "")
            .unwrap()
            .bits(),
        second.fingerprint(),
        second.comment
    );
    assert_eq!(stage.run("keys", &["approve"]), ended(0, &lines, ""));
    let weak = stage.run("keys", &["keys-rsa-1024"]);
    let why = "skipped: line 2: an RSA key of 1024 bits (allowed: 2048 to 8192)\n";
    assert_eq!(weak, ended(0, "", why));
    assert_eq!(
        stage.run("keys", &["nobody"]),
        ended(1, "", "no keys: the tenant knows no such account\n")
    );
}

#[test]
fn steps() {
    let stage = Stage::new();
    let asked = "Approve the request on your phone.\n";
    let key = comment(&stage.tenant);
    let run = |account| stage.run("steps", &[account, &key]);
    assert_eq!(
        run("approve"),
        ended(0, &format!("{asked}Welcome, approve.\n"), "")
    );
    let seen = stage.tenant.sign_requests();
    assert_eq!(
        seen.first().unwrap().text,
        "approve wants to log in to the wiki."
    );
    for (account, asked, told, why) in [
        (
            "decline",
            asked,
            "Declined on the phone.",
            "declined on the phone: The keystore rejected the signature request. \
             (the phone may have rung: true)",
        ),
        (
            "nobody",
            "",
            "There is no phone to ask.",
            "the tenant knows no such account (the phone may have rung: false)",
        ),
        (
            "wrong-key",
            asked,
            "That did not work. Ask your administrator.",
            "the signature is wrong (the phone may have rung: true)",
        ),
    ] {
        let expected = ended(1, &format!("{asked}{told}\n"), &format!("{why}\n"));
        assert_eq!(run(account), expected);
    }
    let key = fingerprint(&stage.tenant, "approve");
    let by_fingerprint = stage.run("steps", &["approve", &key]);
    assert_eq!(by_fingerprint.code, Some(0), "{by_fingerprint:?}");
    let no_such = stage.run("steps", &["approve", "Nokia 3310"]);
    assert_eq!(
        (no_such.code, no_such.out.as_str()),
        (Some(1), "There is no phone to ask.\n")
    );
}

#[test]
fn steps_ends_at_once_with_ctrl_c() {
    let stage = Stage::new();
    let child = stage
        .command("steps", &["never", &comment(&stage.tenant)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(stage.tenant.wait_for_sign_requests(1, PATIENCE));
    interrupt(&child);
    let ended_with = Ended::from(&child.wait_with_output().unwrap());
    assert_eq!(
        ended_with,
        ended(1, "Approve the request on your phone.\nCancelled.\n", "")
    );
}

/// As Ctrl-C does.
fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn redirect() {
    let stage = Stage::new();
    for (account, last, err) in [
        ("approve", "Welcome, approve.\n", ""),
        (
            "decline",
            "",
            "no login: declined on the phone: The keystore rejected the signature request.\n",
        ),
        ("wrong-key", "", "no login: the signature is wrong\n"),
        (
            "redirect-other-user",
            "",
            "no login: the response is for another request: another user\n",
        ),
    ] {
        let mut child = stage
            .command("redirect", &[account])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line.strip_prefix("Open in a browser: ").unwrap().trim();
        let back = stage.browse(url);
        assert!(
            back.starts_with("https://wiki.acme.com/finish?response="),
            "{back}"
        );
        writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(
            rest,
            format!("Paste its last address:\n{last}"),
            "{account}"
        );
        let came = Ended::from(&child.wait_with_output().unwrap());
        assert_eq!(
            came,
            ended(i32::from(last.is_empty()), "", err),
            "{account}"
        );
    }
    assert_eq!(
        stage.run("redirect", &["nobody"]),
        ended(1, "", "no login: the tenant knows no such account\n")
    );
}

#[test]
fn sources() {
    let run = |account| Ended::from(&program("sources").arg(account).output().unwrap());
    assert_eq!(run("lee"), ended(0, "lee approved\n", ""));
    assert_eq!(
        run("kim"),
        ended(1, "", "no login: declined on the phone: not now\n")
    );
    assert_eq!(
        run("root"),
        ended(1, "", "no login: the tenant knows no such account\n")
    );
}
