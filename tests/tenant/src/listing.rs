//! The key list of an account, served well or badly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;

use crate::keys::{PublicKey, put_string};
use crate::reply::{Reply, TEXT};
use crate::scenario::Listing;

const FILLER: &str = "# nothing to see on this line\n";

/// Serves the `keys` of `account` according to `listing`.
pub(crate) fn serve(listing: Listing, account: &str, keys: &[PublicKey]) -> Reply {
    // The header is one line, whatever the name is.
    let header = format!("# Authorized keys for {account}").replace(char::is_control, "?");
    let good = || -> Vec<String> { keys.iter().map(PublicKey::line).collect() };
    let lines = |lines: Vec<String>| list(&header, &lines, "\n");
    match listing {
        Listing::Normal | Listing::Rsa1024 | Listing::WeakEd25519 => Reply::ok(TEXT, lines(good())),
        Listing::NoComment => {
            let bare =
                |key: &PublicKey| format!("{} {}", key.algorithm, STANDARD.encode(&key.blob));
            Reply::ok(TEXT, lines(keys.iter().map(bare).collect()))
        }
        Listing::Crlf => Reply::ok(TEXT, list(&header, &good(), "\r\n") + "\r\n"),
        Listing::UnknownFirst => Reply::ok(
            TEXT,
            lines([unusable(keys), good(), vec![String::new()]].concat()),
        ),
        Listing::Mislabelled => Reply::ok(TEXT, lines(keys.iter().map(mislabelled).collect())),
        Listing::None => Reply::ok(TEXT, format!("{header}\n")),
        Listing::NoHeader => Reply::ok(TEXT, good().join("\n")),
        Listing::Html => Reply::web_page(),
        Listing::Redirect => Reply::redirect(StatusCode::FOUND, "/elsewhere"),
        Listing::Forbidden403 => Reply::status(StatusCode::FORBIDDEN),
        Listing::NotFound => Reply::status(StatusCode::NOT_FOUND),
        Listing::TooMany429 => Reply::too_many(),
        Listing::Error500 => Reply::status(StatusCode::INTERNAL_SERVER_ERROR),
        Listing::Unavailable503 => Reply::status(StatusCode::SERVICE_UNAVAILABLE),
        Listing::Never => Reply::Never,
        Listing::Endless => Reply::endless(TEXT, lines(good()) + "\n", FILLER),
        Listing::Drip => Reply::drip(TEXT, lines(good()) + "\n", FILLER),
        Listing::Cut => Reply::cut(TEXT, lines(good()).as_bytes()),
        Listing::Huge => {
            let comments = FILLER.repeat(10_000_000 / FILLER.len());
            Reply::ok(TEXT, format!("{header}\n{comments}{}", good().join("\n")))
        }
        Listing::NotUtf8 => {
            let mut body = header.clone().into_bytes();
            for line in good() {
                // A name in Latin-1.
                body.extend_from_slice(&[b"\n", line.as_bytes(), b" \xe4\xf6\xfc"].concat());
            }
            Reply::ok(TEXT, body)
        }
        Listing::Empty => Reply::ok(TEXT, ""),
    }
}

/// The last line has no line end: the Node client takes an empty last line for a key.
fn list(header: &str, lines: &[String], end: &str) -> String {
    [&[header.to_owned()], lines].concat().join(end)
}

fn mislabelled(key: &PublicKey) -> String {
    let label = if key.algorithm == "ssh-rsa" {
        "ssh-ed25519"
    } else {
        "ssh-rsa"
    };
    format!("{label} {} {}", STANDARD.encode(&key.blob), key.comment)
}

/// Lines that a client has to skip.
fn unusable(keys: &[PublicKey]) -> Vec<String> {
    let line =
        |algorithm: &str, blob: &[u8]| format!("{algorithm} {} Unusable", STANDARD.encode(blob));
    let strings = |parts: &[&[u8]]| {
        let mut blob = Vec::new();
        for part in parts {
            put_string(&mut blob, part);
        }
        blob
    };
    let mut lines = vec![
        "# A comment".to_owned(),
        String::new(),
        " \t ".to_owned(),
        line(
            "ecdsa-sha2-nistp256",
            &strings(&[b"ecdsa-sha2-nistp256", b"nistp256", &[4; 65]]),
        ),
        line(
            "ssh-from-the-future",
            &strings(&[b"ssh-from-the-future", b"key"]),
        ),
        "ssh-ed25519 this!is!not!base64 Unusable".to_owned(),
        line("ssh-ed25519", b""),
        line("ssh-ed25519", b"\0\0"),
        line("ssh-ed25519", b"\xff\xff\xff\xffssh-ed25519"),
        line("ssh-ed25519", &strings(&[b"ssh-ed25519"])),
        line("ssh-ed25519", &strings(&[b"ssh-ed25519", &[9; 31]])),
        line("ssh-ed25519", &strings(&[b"ssh-ed25519", &[9; 33]])),
        line("ssh-rsa", &strings(&[b"ssh-rsa", b"\x01\0\x01"])),
        line("ssh-rsa", &strings(&[b"ssh-rsa", b"", b""])),
        "ssh-ed25519".to_owned(),
        "garbage".to_owned(),
        "\u{1b}[31mcolourful garbage\u{1b}[0m".to_owned(),
    ];
    // A valid key without its last byte.
    lines.extend(
        keys.iter()
            .map(|key| line(key.algorithm, &key.blob[..key.blob.len() - 1])),
    );
    lines
}
