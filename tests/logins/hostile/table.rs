//! The rows of the tables, and how each must end.
//!
//! Each row is a login through libpam, with a server that does what the row says. The login must be
//! refused with the row's code and word, in time, and with one clean log line. The screen must show
//! only the module's own texts. A phone rings at most once, and only if the row allows it. The host
//! must live. It must have as many descriptors and threads as before, and little more memory than a
//! good login needs.
//!
//! docs/mistakes-of-others.md says which rows fail when a defence is removed.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use servers::{Asked, Scripted, Wire};
use tenant::{Hash, KeyPair, KeyType, Options};

use crate::setup::{Login, SHOWN, Setup, TYPE_THE_CODE, without_memory};

/// A misbehaviour.
pub struct Row {
    /// A unique name.
    pub name: String,
    at: At,
    sends: Sends,
    end: End,
}

/// The result, and the first word of the log line.
pub type End = (Code, &'static str);

impl Row {
    pub fn new(name: impl Into<String>, at: At, sends: Sends, end: End) -> Self {
        let name = name.into();
        Self {
            name,
            at,
            sends,
            end,
        }
    }

    /// The same misbehaviour in place of the key list, and in place of the phone's answer. The
    /// latter ends in `PAM_MAXTRIES` and this word.
    pub fn in_both_places(name: &str, sends: Sends, keys: End, sign: &'static str) -> [Self; 2] {
        let at_sign = At::Sign(KeyType::Ed25519);
        [
            Self::new(format!("{name} (keys)"), At::Keys, sends.clone(), keys),
            Self::new(
                format!("{name} (sign)"),
                at_sign,
                sends,
                (Code::MaxTries, sign),
            ),
        ]
    }
}

/// The answer that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The whole connection, from its first byte.
    Connection,
    /// The key list.
    Keys,
    /// The answer of a phone that has such a key.
    Sign(KeyType),
}

#[derive(Clone)]
pub enum Sends {
    /// These bytes, and then a proper end of TLS.
    Bytes(Cow<'static, [u8]>),
    /// A good answer with this body. The connection stays open.
    Body(Arc<Bodies>),
    /// Anything else.
    Does(Arc<Deeds>),
}

type Bodies = dyn Fn(&Asked) -> Vec<u8> + Send + Sync;
type Deeds = dyn Fn(&mut Wire, &Asked) -> io::Result<()> + Send + Sync;

/// The result of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `PAM_AUTHINFO_UNAVAIL`, even with `on_unavailable = "ignore"`.
    Unavail,
    /// `PAM_AUTHINFO_UNAVAIL`, or `PAM_IGNORE` with `on_unavailable = "ignore"`.
    Ignorable,
    /// `PAM_MAXTRIES`, and no phone has rung.
    NoPush,
    /// `PAM_MAXTRIES`: a phone may have rung.
    MaxTries,
}

impl Code {
    fn name(self, ignore: bool) -> &'static str {
        match self {
            Self::Ignorable if ignore => "PAM_IGNORE",
            Self::Unavail | Self::Ignorable => "PAM_AUTHINFO_UNAVAIL",
            Self::NoPush | Self::MaxTries => "PAM_MAXTRIES",
        }
    }
}

/// A row in which the connection itself is hostile.
pub fn connection(
    name: &'static str,
    does: impl Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static,
    code: Code,
    word: &'static str,
) -> Row {
    let sends = self::does(move |wire, _| does(wire));
    Row::new(name, At::Connection, sends, (code, word))
}

pub fn bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Sends {
    Sends::Bytes(bytes.into())
}

pub fn body(body: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Sends {
    Sends::Body(Arc::new(body))
}

pub fn text(text: impl Into<Vec<u8>>) -> Sends {
    let text = text.into();
    body(move |_| text.clone())
}

pub fn does(does: impl Fn(&mut Wire, &Asked) -> io::Result<()> + Send + Sync + 'static) -> Sends {
    Sends::Does(Arc::new(does))
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The key of the phone.
pub fn key(kind: KeyType) -> KeyPair {
    KeyPair::of_phone("lee", 0, kind)
}

/// The key list of a tenant.
pub fn key_list(kind: KeyType) -> String {
    let key = key(kind);
    let blob = base64(key.blob());
    format!(
        "# Authorized Keys of lee\n{} {blob} Pixel 8\n",
        key.algorithm()
    )
}

/// The answer of a tenant.
pub fn signed(key: &KeyPair, asked: &Asked) -> String {
    with_signature(&key.sign(&asked.payload(), Hash::Sha512))
}

/// A good answer with another signature.
pub fn with_signature(signature: &[u8]) -> String {
    let signature = URL_SAFE_NO_PAD.encode(signature);
    format!(r#"{{"success":true,"message":"","signature":"{signature}","response":""}}"#)
}

/// Plays a tenant, with the hostile answer in its place.
fn play(wire: &mut Wire, at: At, sends: &Sends) -> io::Result<()> {
    let kind = match at {
        At::Sign(kind) => kind,
        At::Connection | At::Keys => KeyType::Ed25519,
    };
    if let (At::Connection, Sends::Does(does)) = (at, sends) {
        let nothing = Asked {
            method: String::new(),
            path: String::new(),
            body: Vec::new(),
        };
        return does(wire, &nothing);
    }
    wire.handshake()?;
    loop {
        let asked = wire.request()?;
        let sign = asked.is_for_a_signature();
        if sign == matches!(at, At::Sign(_)) {
            match sends {
                Sends::Bytes(bytes) => {
                    wire.send(bytes)?;
                    return wire.close();
                }
                Sends::Body(body) => wire.answer("200 OK", body(&asked))?,
                Sends::Does(does) => return does(wire, &asked),
            }
        } else if sign {
            // A client that accepts the hostile key list is let in here, and fails the test.
            wire.answer("200 OK", signed(&key(kind), &asked))?;
        } else {
            wire.answer("200 OK", key_list(kind))?;
        }
    }
}

pub const IGNORE: &str = "on_unavailable = \"ignore\"";
pub const DENY: &str = "on_unavailable = \"deny\"";

/// A login on a host that is configured for this server.
pub fn log_in(server: &Scripted, waits: (u64, u64), policy: &str) -> Login {
    host(Setup::showing, server, waits, policy).login("login", &[])
}

/// The same with `code = "type"`. The user types the code of the push.
fn log_in_typing(server: &Arc<Scripted>, waits: (u64, u64), policy: &str) -> Login {
    let setup = host(Setup::with, server, waits, policy);
    let mut running = setup.start("login", &[]);
    let server = server.clone();
    running.reads(move || {
        let asked = server.asked();
        let push = asked.iter().find(|asked| asked.is_for_a_signature())?;
        code(&push.body)
    });
    running.finish()
}

/// The code in a form: `Code: 123456`, encoded.
fn code(form: &[u8]) -> Option<String> {
    let form = String::from_utf8_lossy(form);
    let form = form.replace("%3A", ":").replace("%20", "+");
    let (_, after) = form.rsplit_once("Code:+")?;
    after.get(..6).map(str::to_owned)
}

fn host(
    start: fn(Options, &str, &str, &str) -> Setup,
    server: &Scripted,
    (connect, person): (u64, u64),
    policy: &str,
) -> Setup {
    let setup = start(Options::default(), "lee", "", "");
    setup.write("ca.pem", server.ca_pem());
    let rest = format!(
        "[wait]\nconnect_seconds = {connect}\nlogin_seconds = {person}\n[policy]\n{policy}"
    );
    setup.configure(&server.authority(), "lee", "", &rest);
    setup
}

/// The peak memory of a good login, in kilobytes.
fn usual_peak() -> u64 {
    static PEAK: OnceLock<u64> = OnceLock::new();
    *PEAK.get_or_init(|| {
        let server = Scripted::start(|wire| play_good(wire, KeyType::Rsa)).unwrap();
        let login = log_in(&server, QUICK, DENY);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        peak(&login)
    })
}

/// The deadlines of rows that end earlier, in seconds: for the connection and for the phone.
pub const QUICK: (u64, u64) = (10, 10);
/// The deadlines of rows whose key list never ends, and of rows whose signature never ends.
const SLOW_KEYS: (u64, u64) = (1, 10);
const SLOW_SIGN: (u64, u64) = (10, 2);
/// The longest hold of a refusal.
const HELD: u64 = 5;
/// The extra time that a busy machine may need.
const SLACK: Duration = Duration::from_secs(8);
/// A login may hold a key list of 256 KiB as bytes, text and keys together, and headers of 400 KiB.
/// A server that sends without end sends hundreds of megabytes in that time.
pub const MORE_KILOBYTES: u64 = 3 << 10;

fn peak(login: &Login) -> u64 {
    let (_, rest) = login.one("state").text.split_once(" peak=").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Runs all rows with `code = "show"`, some of them also with `code = "type"`, and lists those that
/// end wrongly.
pub fn run(rows: &[Row]) {
    let waits = |row: &Row| row.end.0 == Code::NoPush || row.end.1 == "timed-out";
    run_all(
        rows,
        |row| &row.name,
        waits,
        |row| check(row, log_in_showing),
    );
    let answers = rows.iter().filter(|row| row.at != At::Connection);
    let some: Vec<&Row> = answers.step_by(8).collect();
    let typed = |row: &&Row| check(row, log_in_typing);
    run_all(&some, |row| &row.name, |row| waits(row), typed);
}

type LogIn = fn(&Arc<Scripted>, (u64, u64), &str) -> Login;

fn log_in_showing(server: &Arc<Scripted>, waits: (u64, u64), policy: &str) -> Login {
    log_in(server, waits, policy)
}

/// Checks the rows in parallel, and more of them at a time if they mostly wait.
pub fn run_all<R: Sync>(
    rows: &[R],
    name: impl Fn(&R) -> &str + Sync,
    waits: impl Fn(&R) -> bool,
    check: impl Fn(&R) + Sync,
) {
    let (waiting, busy): (Vec<&R>, Vec<&R>) = rows.iter().partition(|row| waits(row));
    let wrong = Mutex::new(Vec::new());
    for (rows, at_a_time) in [(busy, 8), (waiting, 24)] {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..at_a_time {
                scope.spawn(|| {
                    while let Some(row) = rows.get(next.fetch_add(1, SeqCst)) {
                        if catch_unwind(AssertUnwindSafe(|| check(row))).is_err() {
                            wrong.lock().unwrap().push(name(row));
                        }
                    }
                });
            }
        });
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {} rows: {wrong:#?}",
        wrong.len(),
        rows.len()
    );
}

fn check(row: &Row, run: LogIn) {
    let (code, word) = row.end;
    let waits = match (word, row.at) {
        ("timed-out", At::Sign(_)) => SLOW_SIGN,
        ("timed-out", _) => SLOW_KEYS,
        _ => QUICK,
    };
    let most_pushes = usize::from(code == Code::MaxTries);
    let policies = match code {
        Code::Ignorable => &[IGNORE, DENY][..],
        _ => &[IGNORE],
    };
    for policy in policies {
        let (at, sends) = (row.at, row.sends.clone());
        let script = move |wire: &mut Wire| play(wire, at, &sends);
        let server = Arc::new(Scripted::start(script).unwrap());
        let login = run(&server, waits, policy);
        let longest = match code {
            Code::NoPush => HELD,
            Code::MaxTries => waits.1,
            Code::Unavail | Code::Ignorable => waits.0,
        };
        let code = code.name(*policy == IGNORE);
        assert_row(&row.name, &login, code, word, longest);
        let pushes = pushes(&server);
        assert!(pushes <= login.ringing().len(), "{}: not logged", row.name);
        assert!(
            pushes <= most_pushes,
            "{}: {pushes} sign requests",
            row.name
        );
    }
}

/// The sign requests that a server has received.
pub fn pushes(server: &Scripted) -> usize {
    let asked = server.asked();
    asked
        .iter()
        .filter(|asked| asked.is_for_a_signature())
        .count()
}

/// Checks a login that may take this many seconds.
pub fn assert_row(name: &str, login: &Login, code: &str, word: &str, longest: u64) {
    assert_end(name, login, code, word, longest, MORE_KILOBYTES);
    // The last message comes from the stack, when the module is ignored.
    let all = login.screen();
    for line in all.strip_suffix(&["auth=acct_expired"]).unwrap_or(&all) {
        assert!(is_own(line), "{name}: on the screen: {line}");
    }
}

/// Checks everything except the screen.
pub fn assert_end(
    name: &str,
    login: &Login,
    code: &str,
    word: &str,
    longest: u64,
    more_kilobytes: u64,
) {
    let more = peak(login).saturating_sub(usual_peak());
    println!(
        "{name}: {} after {} ms, {more} kB more: {}",
        login.code(),
        login.took().as_millis(),
        login.log(),
    );
    login.assert_refused(code, word);
    let log = login.log();
    assert!(log.chars().all(is_harmless), "{log}");
    assert!(log.chars().count() < 700, "{log}");
    assert_eq!(login.status.code(), Some(1), "the host lives");
    let kept = |kind| without_memory(&login.one(kind).text);
    assert_eq!(kept("state"), kept("before"));
    let limit = Duration::from_secs(longest) + SLACK;
    assert!(login.took() < limit, "{name}: too late");
    assert!(more < more_kilobytes, "{name}: {more} kB more");
}

/// Plays a tenant whose phone has this type of key.
pub fn play_good(wire: &mut Wire, kind: KeyType) -> io::Result<()> {
    play(
        wire,
        At::Sign(kind),
        &body(move |asked| signed(&key(kind), asked).into()),
    )
}

/// Neither a control character, nor invisible, nor one that changes the text direction.
pub fn is_harmless(c: char) -> bool {
    let hidden = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}');
    !c.is_control() && !hidden
}

/// Whether the text is one of the module's own.
fn is_own(line: &str) -> bool {
    let announced = line
        .strip_prefix(SHOWN)
        .is_some_and(|code| code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()));
    let said = [
        "Login denied on the phone.",
        "No answer from the phone within 2 s.",
        // A connection that ends while the phone rings.
        "No answer from the phone within 10 s.",
        "Login refused.",
        "The login service cannot be reached.",
    ];
    announced || line == TYPE_THE_CODE || said.contains(&line)
}
