//! What a row of the tables is, and what each of them must end in.
//!
//! Every row is a login through libpam, with a server that does what the row says. Whatever that
//! is: the login is refused, with the row's code and word; in time; with one clean line in the log, and
//! nothing but the module's own words on the screen; no phone rings that should not, and none twice;
//! the host lives, has no more descriptors and threads than before, and never had much more memory
//! than a login takes that goes well.
//!
//! Which rows fail when a defence is taken out: docs/mistakes-of-others.md.

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
use tenant::{Asked, Hash, KeyPair, KeyType, Options, Scripted, Wire};

use crate::stage::{Login, Stage, but_memory};

/// One misbehaviour.
pub struct Row {
    /// What a reader calls it; no two have the same.
    pub name: String,
    at: At,
    sends: Sends,
    end: End,
}

/// What the host is told, and the first word of the log line.
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

    /// A misbehaviour in place of the key list, and of the phone's answer, where it ends in
    /// `PAM_MAXTRIES` and this word.
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

/// Instead of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The whole connection, from its first byte.
    Connection,
    /// The answer with the keys.
    Keys,
    /// The answer of a phone that has such a key.
    Sign(KeyType),
}

#[derive(Clone)]
pub enum Sends {
    /// These bytes, and then the end that TLS wants.
    Bytes(Cow<'static, [u8]>),
    /// A good answer with this body, on a connection that is kept.
    Body(Arc<Bodies>),
    /// Whatever this does.
    Does(Arc<Deeds>),
}

type Bodies = dyn Fn(&Asked) -> Vec<u8> + Send + Sync;
type Deeds = dyn Fn(&mut Wire, &Asked) -> io::Result<()> + Send + Sync;

/// What the host is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `PAM_AUTHINFO_UNAVAIL`, also with `on_unavailable = "ignore"`.
    Unavail,
    /// `PAM_AUTHINFO_UNAVAIL`; with `on_unavailable = "ignore"`, `PAM_IGNORE`.
    Ignorable,
    /// `PAM_AUTH_ERR`, after a hold of 2 to 5 s.
    AuthErr,
    /// `PAM_MAXTRIES`: a phone may have rung.
    MaxTries,
}

impl Code {
    fn name(self, ignore: bool) -> &'static str {
        match self {
            Self::Ignorable if ignore => "PAM_IGNORE",
            Self::Unavail | Self::Ignorable => "PAM_AUTHINFO_UNAVAIL",
            Self::AuthErr => "PAM_AUTH_ERR",
            Self::MaxTries => "PAM_MAXTRIES",
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

/// The list that a tenant would send.
pub fn key_list(kind: KeyType) -> String {
    let key = key(kind);
    let blob = base64(key.blob());
    format!(
        "# Authorized Keys of lee\n{} {blob} Pixel 8\n",
        key.algorithm()
    )
}

/// The answer that a tenant would send.
pub fn signed(key: &KeyPair, asked: &Asked) -> String {
    with_signature(&key.sign(&asked.payload(), Hash::Sha512))
}

/// A good answer with another signature.
pub fn with_signature(signature: &[u8]) -> String {
    let signature = URL_SAFE_NO_PAD.encode(signature);
    format!(r#"{{"success":true,"message":"","signature":"{signature}","response":""}}"#)
}

/// Speaks TLS and HTTP, and does what a tenant would where the row does not say otherwise.
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
            // Whoever has taken the hostile key list for a good one is let in, and fails the test.
            wire.answer("200 OK", signed(&key(kind), &asked))?;
        } else {
            wire.answer("200 OK", key_list(kind))?;
        }
    }
}

pub const IGNORE: &str = "on_unavailable = \"ignore\"";
pub const DENY: &str = "on_unavailable = \"deny\"";

/// A login of a host that is set up for this server.
pub fn log_in(server: &Scripted, (connect, person): (u64, u64), policy: &str) -> Login {
    let stage = Stage::with(Options::default(), "lee", "", "");
    stage.write("ca.pem", server.ca_pem());
    let rest = format!(
        "[wait]\nconnect_seconds = {connect}\nlogin_seconds = {person}\n[policy]\n{policy}"
    );
    stage.configure(&server.authority(), "lee", "", &rest);
    stage.login("login", &[])
}

/// The most memory that a login takes that goes well, in kilobytes.
fn usual_peak() -> u64 {
    static PEAK: OnceLock<u64> = OnceLock::new();
    *PEAK.get_or_init(|| {
        let server = Scripted::start(|wire| play_good(wire, KeyType::Rsa)).unwrap();
        let login = log_in(&server, QUICK, DENY);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        peak(&login)
    })
}

/// For rows that end before any deadline; in seconds.
pub const QUICK: (u64, u64) = (4, 4);
/// For those that do not.
pub const SLOW: (u64, u64) = (1, 2);
/// The longest that a refusal is held.
const HELD: u64 = 5;
/// What is left to the module when its time is up.
const SLACK: Duration = Duration::from_secs(1);
/// A login may keep a key list of 256 KiB as bytes, text and keys at once, and what HTTP has read of
/// headers (400 KiB). Those who send without end send hundreds of megabytes in that time.
pub const MORE_KILOBYTES: u64 = 3 << 10;

fn peak(login: &Login) -> u64 {
    let (_, rest) = login.one("state").text.split_once(" peak=").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Runs all rows, and tells of all that do not end as they must.
pub fn run(rows: &[Row]) {
    let waits = |row: &Row| row.end.0 == Code::AuthErr || row.end.1 == "timed-out";
    run_all(rows, |row| &row.name, waits, check);
}

/// Checks each of these, some at a time: more where most of a login's time is spent waiting.
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

fn check(row: &Row) {
    let (code, word) = row.end;
    let waits = match word {
        "timed-out" => SLOW,
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
        let server = Scripted::start(script).unwrap();
        let login = log_in(&server, waits, policy);
        let longest = match code {
            Code::AuthErr => HELD,
            Code::MaxTries => waits.1,
            Code::Unavail | Code::Ignorable => waits.0,
        };
        let code = code.name(*policy == IGNORE);
        assert_row(&row.name, &login, code, word, longest);
        let pushes = pushes(&server);
        assert!(
            pushes <= most_pushes,
            "{}: {pushes} sign requests",
            row.name
        );
    }
}

/// Sign requests that a server has got.
pub fn pushes(server: &Scripted) -> usize {
    let asked = server.asked();
    asked
        .iter()
        .filter(|asked| asked.is_for_a_signature())
        .count()
}

/// What a row asks for, where its login may take so many seconds.
pub fn assert_row(name: &str, login: &Login, code: &str, word: &str, longest: u64) {
    assert_end(name, login, code, word, longest, MORE_KILOBYTES);
    // The last is that of the stage, where the module is ignored.
    let all = login.screen();
    for line in all.strip_suffix(&["auth=acct_expired"]).unwrap_or(&all) {
        assert!(is_own(line), "{name}: on the screen: {line}");
    }
}

/// What holds for every refusal, but for the screen.
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
    let kept = |kind| but_memory(&login.one(kind).text);
    assert_eq!(kept("state"), kept("before"));
    let limit = Duration::from_secs(longest) + SLACK;
    assert!(login.took() < limit, "{name}: too late");
    assert!(more < more_kilobytes, "{name}: {more} kB more");
}

/// Speaks TLS and HTTP as a tenant would, whose phone has this key.
pub fn play_good(wire: &mut Wire, kind: KeyType) -> io::Result<()> {
    play(
        wire,
        At::Sign(kind),
        &body(move |asked| signed(&key(kind), asked).into()),
    )
}

/// Neither a control character nor one that turns the direction of a text, or is not seen.
pub fn is_harmless(c: char) -> bool {
    let hidden = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}');
    !c.is_control() && !hidden
}

/// The module's own words.
fn is_own(line: &str) -> bool {
    let announced = line
        .strip_prefix("Approve the request on your phone. Code: ")
        .is_some_and(|code| code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()));
    let said = [
        "Login denied on the phone.",
        "No answer from the phone within 2 s.",
        "Login refused.",
        "The login service cannot be reached.",
    ];
    announced || said.contains(&line)
}
