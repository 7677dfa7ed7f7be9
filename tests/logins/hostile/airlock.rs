//! An Airlock IAM that misbehaves: documents, cookies, lists of devices. The simulated one has more
//! of this (`BadAnswer`, in airlock/refused.rs). pictures.rs has the images.

use std::io;
use std::thread;

use servers::{Scripted, Wire};
use tenant::Options;

use super::table::{IGNORE, MORE_KILOBYTES, Sends, assert_end, does, is_harmless, run_all, text};
use crate::airlock::{PASSWORD, configure_at};
use crate::setup::{Login, PROMPTLY, Setup};

#[test]
fn no_document_but_the_right_one_lets_in() {
    run_all(
        &rows(),
        |row| &row.name,
        |row| matches!(row.word, "refused" | "locked"),
        |row| assert_refused(row, &log_in(row.at, row.sends.clone())),
    );
}

/// A row. All rows end in `PAM_MAXTRIES`, because Airlock has been asked.
pub struct Row {
    pub name: String,
    at: At,
    sends: Sends,
    word: &'static str,
}

/// The request whose answer is hostile. The answers before are good, and the answers after would
/// complete the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The first request. Only its cookies matter.
    First,
    /// The password. The user has no second factor.
    Password,
    /// The device list, which has one device.
    Devices,
    /// The image. The OTP that is typed then is wrong.
    Picture,
    /// The poll whether the phone has approved.
    Poll,
    /// The OTP.
    Otp,
}

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = documents().into_iter().flatten().collect();
    rows.extend(others());
    rows
}

/// Answers that do not complete a login.
fn document(name: &str, document: impl Into<Vec<u8>>) -> [Row; 3] {
    document_ending_in(name, document, "bad-answer")
}

fn document_ending_in(name: &str, document: impl Into<Vec<u8>>, word: &'static str) -> [Row; 3] {
    let sends = text(document);
    [
        ("password", At::Password),
        ("poll", At::Poll),
        ("OTP", At::Otp),
    ]
    .map(|(place, at)| row(format!("{name} ({place})"), at, sends.clone(), word))
}

/// In place of each of the three answers that can complete a login.
fn documents() -> Vec<[Row; 3]> {
    vec![
        // Sessions that are missing or not complete.
        document("attributes as a list", session("[]")),
        document("attributes as text", session("\"\"")),
        document("attributes as false", session("false")),
        document("a step that is false", session(r#"{"nextAuthStep":false}"#)),
        document("a step that is null", session(r#"{"nextAuthStep":null}"#)),
        document("a step that is a list", session(r#"{"nextAuthStep":[]}"#)),
        document(
            "a step that is an object",
            session(r#"{"nextAuthStep":{}}"#),
        ),
        document_ending_in(
            "a step of a blank",
            session(r#"{"nextAuthStep":" "}"#),
            "unsupported-step",
        ),
        document_ending_in(
            "a step in lower case",
            session(r#"{"nextAuthStep":"otp_required"}"#),
            "unsupported-step",
        ),
        document_ending_in(
            "a step with nul",
            session(r#"{"nextAuthStep":"OTP_REQUIRED\u0000"}"#),
            "unsupported-step",
        ),
        document_ending_in(
            "a step named done",
            session(r#"{"nextAuthStep":"DONE"}"#),
            "unsupported-step",
        ),
        document_ending_in(
            "a step of escape sequences",
            session(r#"{"nextAuthStep":"\u001b[2J\u001b]0;x\u0007"}"#),
            "unsupported-step",
        ),
        document_ending_in(
            "a step that turns the text",
            session("{\"nextAuthStep\":\"\u{202e}x\u{2066}\"}"),
            "unsupported-step",
        ),
        document("a step of nothing", session(r#"{"nextAuthStep":""}"#)),
        document("a step that is a number", session(r#"{"nextAuthStep":0}"#)),
        document(
            "a step of 50 kilobytes",
            session(&format!("{{\"nextAuthStep\":\"{}\"}}", "X".repeat(50_000))),
        ),
        document(
            "a step twice",
            session(r#"{"nextAuthStep":"X","nextAuthStep":null}"#),
        ),
        document(
            "a step twice, once escaped",
            session(r#"{"nextAuthStep":"X","nextAuth\u0053tep":"Y"}"#),
        ),
        document(
            "a step in meta",
            r#"{"data":{"type":"authentication.session","attributes":{}},"meta":{"nextAuthStep":"X"}}"#,
        ),
        document(
            "a step in meta that is null",
            r#"{"data":{"type":"authentication.session","attributes":{}},"meta":{"nextAuthStep":null}}"#,
        ),
        document(
            "a step in meta as a number",
            r#"{"data":{"type":"authentication.session","attributes":{}},"meta":{"nextAuthStep":0}}"#,
        ),
        document(
            "meta as a list",
            r#"{"data":{"type":"authentication.session","attributes":{}},"meta":[]}"#,
        ),
        document("attributes that are null", session("null")),
        document(
            "attributes that are missing",
            r#"{"data":{"type":"authentication.session"}}"#,
        ),
        document(
            "attributes twice",
            DONE.replace("{}", r#"{"nextAuthStep":"X"},"attributes":{}"#),
        ),
        document("a type that is missing", r#"{"data":{"attributes":{}}}"#),
        document("another type", DONE.replace("session", "something")),
        document("a type in capitals", DONE.replace("session", "SESSION")),
        document("a type with a blank", DONE.replace("session", "session ")),
        document(
            "a type as a list",
            DONE.replace("\"authentication.session\"", "[\"authentication.session\"]"),
        ),
        document(
            "a type twice",
            DONE.replace("\"type\"", "\"type\":\"x\",\"type\""),
        ),
        document(
            "data as a list",
            r#"{"data":[{"type":"authentication.session","attributes":{}}]}"#,
        ),
        document(
            "data twice",
            DONE.replace(
                r#"{"data""#,
                r#"{"data":{"type":"authentication.session","attributes":{"nextAuthStep":"X"}},"data""#,
            ),
        ),
        document("data that are null", r#"{"data":null}"#),
        document("data that nest", "{\"data\":".repeat(7_000)),
        document("data as text", r#"{"data":"authentication.session"}"#),
        document("data as true", r#"{"data":true}"#),
        document(
            "data as fields in a list",
            r#"{"data":["authentication.session","",{}]}"#,
        ),
        document(
            "a document as fields in a list",
            r#"[{"type":"authentication.session","attributes":{}},{},null]"#,
        ),
        document("a document of nothing", "{}"),
        document("a document in a list", format!("[{DONE}]")),
        document("a document twice", format!("{DONE}{DONE}")),
        document("a document in a document", format!("{{\"data\":{DONE}}}")),
        document("a document in a text", format!("{DONE:?}")),
        document(
            "a document in utf-16",
            DONE.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>(),
        ),
        document(
            "a document behind a byte order mark",
            format!("\u{feff}{DONE}"),
        ),
        document("a document before nul", format!("{DONE}\0")),
        document("a document and a comma", format!("{DONE},")),
        document(
            "a document with a comma too many",
            DONE.replace("{}", "{},"),
        ),
        document("a document in comments", format!("/**/{DONE}")),
        document("a document in a function", format!("f({DONE})")),
        document("a document less its end", &DONE[..DONE.len() - 1]),
        document("errors alone, as an empty list", r#"{"errors":[]}"#),
        document(
            "errors as an empty list",
            format!("{},\"errors\":[]}}", &DONE[..DONE.len() - 1]),
        ),
        document(
            "errors as an object",
            format!("{},\"errors\":{{}}}}", &DONE[..DONE.len() - 1]),
        ),
        document(
            "errors as false",
            format!("{},\"errors\":false}}", &DONE[..DONE.len() - 1]),
        ),
        document(
            "an error of lists",
            format!("{},\"errors\":[[]]}}", &DONE[..DONE.len() - 1]),
        ),
        document_ending_in(
            "an error of escape sequences",
            error(r"\u001b[2J\r\nuser=root"),
            "refused",
        ),
        document_ending_in(
            "an error that ends the quotes",
            error(r#"x\" user=\"nobody\" reason=\"approved"#),
            "refused",
        ),
        document_ending_in(
            "an error of 50 kilobytes",
            error(&"\u{1f512}".repeat(12_000)),
            "refused",
        ),
        document_ending_in(
            "an error that is locked for ever",
            locked("9999-12-31T23:59:59-23:59"),
            "locked",
        ),
        document_ending_in(
            "an error that was locked",
            locked("-9999-01-01T00:00:00+23:59"),
            "locked",
        ),
        document_ending_in(
            "an error that is locked until text",
            locked(r"\u001b[31msoon\u202e"),
            "locked",
        ),
        document_ending_in(
            "an error that is locked until 50 kilobytes",
            locked(&"9".repeat(50_000)),
            "locked",
        ),
        document(
            "a document of 65 kilobytes",
            format!("{}{DONE}", " ".repeat(65_536)),
        ),
        document(
            "a document of a megabyte",
            format!("{}{DONE}", " ".repeat(1 << 20)),
        ),
        document("lists that nest", session(&"[".repeat(30_000))),
        document(
            "a number without end",
            session(&format!("{{\"nextAuthStep\":{}}}", "9".repeat(60_000))),
        ),
    ]
}

fn others() -> Vec<Row> {
    vec![
        // Cookies.
        row(
            "51 cookies",
            At::First,
            cookies(|nth| format!("c{nth}=x"), 51),
            "bad-answer",
        ),
        row(
            "a cookie of five kilobytes",
            At::First,
            cookies(|_| format!("c={}", "x".repeat(5_000)), 1),
            "bad-answer",
        ),
        row(
            "a cookie of escape sequences",
            At::Password,
            cookies(|_| "c=\x1b[2J".to_owned(), 1),
            "bad-answer",
        ),
        row(
            "a thousand cookies of one name",
            At::First,
            cookies(|_| "c=x".to_owned(), 1_000),
            "bad-answer",
        ),
        row(
            "cookies with their last answer",
            At::Otp,
            cookies(|nth| format!("c{nth}=x"), 60),
            "bad-answer",
        ),
        // Lists of devices.
        row(
            "no device",
            At::Devices,
            text(r#"{"data":[]}"#),
            "bad-answer",
        ),
        row(
            "no list of devices",
            At::Devices,
            text(device("1", "x", "IOS")),
            "bad-answer",
        ),
        row(
            "devices as null",
            At::Devices,
            text(r#"{"data":null}"#),
            "bad-answer",
        ),
        row(
            "101 devices",
            At::Devices,
            devices((0..101).map(|nth| device(&nth.to_string(), "x", "y"))),
            "bad-answer",
        ),
        row(
            "10000 devices",
            At::Devices,
            devices((0..10_000).map(|_| "{}".to_owned())),
            "bad-answer",
        ),
        row(
            "a device without an id",
            At::Devices,
            devices([device("", "x", "y")]),
            "bad-answer",
        ),
        row(
            "a device with a dot for an id",
            At::Devices,
            devices([device(".", "x", "y")]),
            "bad-answer",
        ),
        row(
            "a device with two dots for an id",
            At::Devices,
            devices([device("..", "x", "y")]),
            "bad-answer",
        ),
        row(
            "a device with an id of a kilobyte",
            At::Devices,
            devices([device(&"x".repeat(1_000), "x", "y")]),
            "bad-answer",
        ),
        row(
            "a device with an id of numbers",
            At::Devices,
            devices([device("1", "x", "y").replace("\"1\"", "1")]),
            "bad-answer",
        ),
        row(
            "a device of another type",
            At::Devices,
            devices([device("1", "x", "y").replace("2fa.device", "2fa.token")]),
            "bad-answer",
        ),
        row(
            "a device without a name",
            At::Devices,
            devices([device("1", "x", "y").replace("displayName", "name")]),
            "bad-answer",
        ),
        row(
            "a device with a list for a name",
            At::Devices,
            devices([device("1", "x", "y").replace("\"x\"", "[]")]),
            "bad-answer",
        ),
        row(
            "a device that is a list",
            At::Devices,
            devices([r#"["authentication.airlock-2fa.device","1",{}]"#.to_owned()]),
            "bad-answer",
        ),
        row(
            "devices of hostile names",
            At::Devices,
            devices([
                device("1", r"\u001b[2J\u202ex", "y"),
                device("2", r#"x\" user=\"root"#, r"\r\n"),
            ]),
            "no-key",
        ),
        row(
            "a device with a name of 50 kilobytes",
            At::Devices,
            devices([device("1", &"\u{1f4f1}".repeat(12_000), "y")]),
            "no-key",
        ),
        // Flows.
        row(
            "a flow that goes round",
            At::Poll,
            text(session(
                r#"{"nextAuthStep":"AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED"}"#,
            )),
            "no-key",
        ),
        row(
            "a password that is asked again",
            At::Password,
            text(session(r#"{"nextAuthStep":"PASSWORD_REQUIRED"}"#)),
            "unsupported-step",
        ),
        row(
            "an OTP that never ends",
            At::Otp,
            text(session(r#"{"nextAuthStep":"OTP_REQUIRED"}"#)),
            "bad-answer",
        ),
        row(
            "a number of escape sequences",
            At::Password,
            text(session(
                r#"{"nextAuthStep":"MTAN_OTP_REQUIRED","phoneNumber":"\u001b[2J\r\n\u202e+41"}"#,
            )),
            "wrong-otp",
        ),
        row(
            "a number of 50 kilobytes",
            At::Password,
            text(session(&format!(
                r#"{{"nextAuthStep":"MTAN_OTP_REQUIRED","phoneNumber":"{}"}}"#,
                "4".repeat(50_000)
            ))),
            "wrong-otp",
        ),
        row(
            "a number that is a number",
            At::Password,
            text(session(
                r#"{"nextAuthStep":"MTAN_OTP_REQUIRED","phoneNumber":41}"#,
            )),
            "bad-answer",
        ),
        // Other statuses with a document that completes the login.
        status("302", "302 Found\r\nlocation: /elsewhere", "bad-answer"),
        status(
            "401",
            "401 Unauthorized\r\nwww-authenticate: Basic realm=x",
            "bad-answer",
        ),
        status("403", "403 Forbidden", "bad-answer"),
        status("404", "404 Not Found", "bad-answer"),
        status("407", "407 Proxy Authentication Required", "bad-answer"),
        status("418", "418 \u{7f}", "bad-answer"),
        status("500", "500 Internal Server Error", "unreachable"),
        status("999", "999 x", "bad-answer"),
    ]
}

const DONE: &str = r#"{"data":{"type":"authentication.session","attributes":{}}}"#;

fn session(attributes: &str) -> String {
    DONE.replace("{}", attributes)
}

fn error(code: &str) -> String {
    format!(r#"{{"errors":[{{"id":"0","status":400,"code":"{code}"}}]}}"#)
}

fn locked(until: &str) -> String {
    let errors = error("USER_TEMPORARILY_LOCKED");
    format!(
        r#"{},"meta":{{"temporaryLockExpiry":"{until}"}}}}"#,
        &errors[..errors.len() - 1]
    )
}

fn device(id: &str, name: &str, kind: &str) -> String {
    format!(
        r#"{{"type":"authentication.airlock-2fa.device","id":"{id}","attributes":{{"displayName":"{name}","deviceType":"{kind}"}}}}"#
    )
}

fn devices(devices: impl IntoIterator<Item = String>) -> Sends {
    let devices: Vec<String> = devices.into_iter().collect();
    text(format!(r#"{{"data":[{}]}}"#, devices.join(",")))
}

fn row(name: impl Into<String>, at: At, sends: Sends, word: &'static str) -> Row {
    let name = name.into();
    Row {
        name,
        at,
        sends,
        word,
    }
}

/// A document that completes the login, with this many cookies.
fn cookies(cookie: fn(usize) -> String, count: usize) -> Sends {
    does(move |wire, _| {
        let cookies =
            (0..count).flat_map(|nth| ["set-cookie: ".into(), cookie(nth), "\r\n".into()]);
        let cookies: String = cookies.collect();
        let length = DONE.len();
        wire.send(format!(
            "HTTP/1.1 200 OK\r\n{cookies}content-length: {length}\r\n\r\n{DONE}"
        ))?;
        wire.stall()
    })
}

fn status(name: &'static str, status: &'static str, word: &'static str) -> Row {
    let sends = does(move |wire, _| {
        wire.answer(status, DONE)?;
        wire.stall()
    });
    row(name, At::Otp, sends, word)
}

/// The flow up to the hostile answer. The answers after it would complete the login.
fn play(wire: &mut Wire, at: At, sends: &Sends) -> io::Result<()> {
    wire.handshake()?;
    let mut first = true;
    loop {
        let asked = wire.request()?;
        let asks = |what: &str| asked.path.ends_with(what);
        let step = |step| session(&format!("{{\"nextAuthStep\":\"{step}\"}}"));
        let (here, good) = if asked.method == "DELETE" {
            (at == At::First && first, String::new())
        } else if asks("/password/check/") {
            let next = match at {
                At::Devices => step("AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED"),
                At::Picture => step("AIRLOCK_2FA_QR_CODE_OTP_REQUIRED"),
                At::Poll => step("AIRLOCK_2FA_POLLING_OR_OFFLINE_REQUIRED"),
                At::Otp => step("OTP_REQUIRED"),
                At::First | At::Password => DONE.to_owned(),
            };
            (at == At::Password, next)
        } else if asks("/devices/retrieve/") {
            (
                at == At::Devices,
                format!(r#"{{"data":[{}]}}"#, device("1", "other", "")),
            )
        } else if asks("/challenge/retrieve/") {
            (at == At::Picture, String::new())
        } else if asks("/status/poll/") {
            (at == At::Poll, DONE.to_owned())
        } else if at == At::Picture || at == At::Password {
            (false, error("OTP_WRONG"))
        } else {
            (at == At::Otp && asks("otp/check"), DONE.to_owned())
        };
        first = false;
        match (here, sends) {
            (false, _) => wire.answer("200 OK", good)?,
            (true, Sends::Bytes(bytes)) => wire.send(bytes)?,
            (true, Sends::Body(body)) => wire.answer("200 OK", body(&asked))?,
            (true, Sends::Does(does)) => return does(wire, &asked),
        }
    }
}

/// The real flow after a decline is not known. Each choice of a phone rings it.
#[test]
fn a_flow_that_goes_round_in_circles_rings_no_more_than_may_and_ends() {
    // The limit, the number of polls before the next choice, the word, and the number of rings.
    let cases = [
        (1, 1, "limit", 1..=1),
        (3, 1, "limit", 3..=3),
        (0, 1, "bad-answer", 6..=6),
        // Each takes a second. On a busy machine there may be fewer.
        (0, 2, "timed-out", 1..=3),
    ];
    thread::scope(|scope| {
        for (most, polls, word, rings) in cases {
            scope.spawn(move || {
                let server = Scripted::start(move |wire| circle(wire, polls)).unwrap();
                let seconds = if word == "timed-out" { 2 } else { 30 };
                let rest = format!(
                    "login_seconds = {seconds}\n[policy]\nfailed_attempts_per_10_minutes = {most}"
                );
                let login = log_in_to(&server, &rest);
                login.assert_refused("PAM_MAXTRIES", word);
                let asked = server.asked();
                let rung = asked
                    .iter()
                    .filter(|asked| asked.path.ends_with("/select/"));
                let rung = rung.count();
                assert!(rings.contains(&rung), "{most} {polls}: {rung}");
                assert!(login.took() < PROMPTLY, "{most} {polls}");
            });
        }
    });
}

/// Makes the client choose a phone again and again.
fn circle(wire: &mut Wire, polls: usize) -> io::Result<()> {
    let step = |step| session(&format!("{{\"nextAuthStep\":\"{step}\"}}"));
    wire.handshake()?;
    let mut polled = 0;
    loop {
        let asked = wire.request()?;
        let asks = |what: &str| asked.path.ends_with(what);
        let answer = if asks("/devices/retrieve/") {
            format!(r#"{{"data":[{}]}}"#, device("1", "phone", ""))
        } else if asks("/select/") {
            polled = 0;
            step("AIRLOCK_2FA_POLLING_OR_OFFLINE_REQUIRED")
        } else if asks("/status/poll/") && polled + 1 < polls {
            polled += 1;
            step("AIRLOCK_2FA_POLLING_OR_OFFLINE_REQUIRED")
        } else {
            step("AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED")
        };
        wire.answer("200 OK", answer)?;
    }
}

/// With `allow_password_only`, so that a client that is too lenient lets the user in.
pub fn log_in(at: At, sends: Sends) -> Login {
    let server = Scripted::start(move |wire| play(wire, at, &sends)).unwrap();
    log_in_to(&server, &format!("login_seconds = 4\n[policy]\n{IGNORE}"))
}

fn log_in_to(server: &Scripted, rest: &str) -> Login {
    let setup = Setup::with(Options::default(), "lee", "", "");
    setup.write("ca.pem", server.ca_pem());
    let url = format!("https://{}/auth/rest", server.authority());
    let lines = "device = \"phone\"\nallow_password_only = true";
    let rest = format!("[wait]\nconnect_seconds = 4\n{rest}");
    configure_at(&url, &setup, "lee", lines, &rest);
    let mut running = setup.start("login", &[]);
    running.type_line(PASSWORD.as_bytes());
    for _ in 0..12 {
        running.type_line(b"123456");
    }
    running.finish()
}

/// The hold for some words takes 2 to 5 s. All other logins end within two calls.
const LONGEST: u64 = 9;

fn assert_refused(row: &Row, login: &Login) {
    assert_end(
        &row.name,
        login,
        "PAM_MAXTRIES",
        row.word,
        LONGEST,
        MORE_KILOBYTES,
    );
    for line in login.screen() {
        assert!(is_own(line), "{}: on the screen: {line}", row.name);
    }
}

/// The module's own texts, with at most a name or a time from the server, made harmless.
pub fn is_own(line: &str) -> bool {
    let begins = [
        "Password: ",
        "OTP: ",
        "A code was sent by SMS to ",
        "That OTP was wrong. Try again.\\x0aOTP: ",
        "Approve the request on your phone",
        "Login refused.",
        "The login service cannot be reached.",
    ];
    begins.iter().any(|begin| line.starts_with(begin))
        && line.replace("\\x0aOTP: ", "").chars().all(is_harmless)
        && !line.replace("\\x0aOTP: ", "").contains('\\')
        && line.chars().count() < 400
}
