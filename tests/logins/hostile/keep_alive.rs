//! Attacks of a tenant on the connection that is kept between the two requests, on the connection
//! that replaces it, and with both answers together.

use std::io;
use std::sync::Mutex;

use servers::{Asked, Scripted, Wire};
use tenant::KeyType::Ed25519;

use super::table::Code::{MaxTries, Unavail};
use super::table::{
    DENY, QUICK, Row, assert_row, base64, connection, key, key_list, log_in, run, signed,
};

#[test]
fn two_answers_are_not_taken_for_one() {
    run(&rows());
}

/// The answer to an earlier login, with the right signature for that login.
#[test]
fn an_earlier_answer_is_refused() {
    let first = Mutex::new(None);
    let server = Scripted::start(move |wire| {
        wire.handshake()?;
        loop {
            let asked = wire.request()?;
            if asked.is_for_a_signature() {
                let mut first = first.lock().unwrap();
                let answer = first.get_or_insert_with(|| signed(&key(Ed25519), &asked));
                wire.answer("200 OK", answer)?;
            } else {
                wire.answer("200 OK", keys(&asked))?;
            }
        }
    })
    .unwrap();
    assert_eq!(log_in(&server, QUICK, DENY).code(), "PAM_SUCCESS");
    let login = log_in(&server, QUICK, DENY);
    assert_row(
        "an earlier answer",
        &login,
        "PAM_MAXTRIES",
        "bad-signature",
        QUICK.1,
    );
}

pub fn rows() -> Vec<Row> {
    vec![
        connection(
            "a yes before the question",
            yes_before,
            MaxTries,
            "bad-signature",
        ),
        connection(
            "the answers the wrong way round",
            wrong_way,
            Unavail,
            "bad-answer",
        ),
        connection(
            "the key list for both",
            |wire| both(wire, keys),
            MaxTries,
            "bad-answer",
        ),
        connection(
            "the second connection in plain text",
            plain_then,
            Unavail,
            "tls",
        ),
        connection(
            "the second connection cut",
            cut_then,
            Unavail,
            "unreachable",
        ),
        connection(
            "the second connection silent",
            silent_then,
            // Only a timeout of the key list is an outage.
            Unavail,
            "timed-out",
        ),
        connection(
            "a sign request that is reset",
            |wire| on_sign(wire, Wire::reset),
            MaxTries,
            "timed-out",
        ),
        connection(
            "a sign request that is closed",
            |wire| on_sign(wire, Wire::close),
            MaxTries,
            "timed-out",
        ),
        connection(
            "a sign request that is cut",
            |wire| on_sign(wire, |_| Ok(())),
            MaxTries,
            "timed-out",
        ),
        connection(
            "a sign request in plain text",
            |wire| on_sign(wire, plain),
            MaxTries,
            "tls",
        ),
        // Phone names, which the log contains. The phone then refuses.
        phone("a name of escape sequences", "\x1b[2J\x1b]0;x\x07\x08\x7f"),
        phone(
            "a name that turns the text",
            "\u{202e}\u{2066}8 lexiP\u{200f}",
        ),
        phone(
            "a name that ends its quotes",
            "x\" user=\"nobody\" reason=\"approved",
        ),
        phone("a name that is another line", "x\rNov 22 sshd[1]: Accepted"),
        phone("a name of unicode line ends", "x\u{2028}y\u{2029}z\u{85}"),
        phone("a name of c1 controls", "\u{9b}31m\u{9d}0;x\u{9c}"),
        phone("a name of percent signs", "%s%n%999999d"),
        phone("a name with nul", "x\0y"),
        phone("a name that is not seen", "\u{200b}\u{feff}\u{2060}\u{ad}"),
        connection(
            "a name of 200 kilobytes",
            |wire| refused(wire, &"\u{1f4f1}".repeat(50_000)),
            MaxTries,
            "refused",
        ),
        connection("three thousand keys", three_thousand, MaxTries, "refused"),
        connection(
            "the same key three thousand times",
            the_same,
            MaxTries,
            "refused",
        ),
    ]
}

const REFUSAL: &str = r#"{"success":false,"message":"no"}"#;

fn keys(_: &Asked) -> String {
    key_list(Ed25519)
}

/// Sends the same answer to every request.
fn both(wire: &mut Wire, body: fn(&Asked) -> String) -> io::Result<()> {
    wire.handshake()?;
    loop {
        let asked = wire.request()?;
        wire.answer("200 OK", body(&asked))?;
    }
}

/// Repeats the same approval. Its signature belongs to another payload.
fn yes_before(wire: &mut Wire) -> io::Result<()> {
    wire.handshake()?;
    loop {
        let asked = wire.request()?;
        let yes = signed(
            &key(Ed25519),
            &Asked {
                body: b"payload=AAAA".into(),
                ..asked.clone()
            },
        );
        if !asked.is_for_a_signature() {
            wire.answer("200 OK", keys(&asked))?;
        }
        wire.answer("200 OK", yes)?;
    }
}

fn wrong_way(wire: &mut Wire) -> io::Result<()> {
    both(wire, |asked| {
        if asked.is_for_a_signature() {
            keys(asked)
        } else {
            signed(&key(Ed25519), asked)
        }
    })
}

/// A good key list on a connection that closes after it, and then something else.
fn then(wire: &mut Wire, second: impl FnOnce(&mut Wire) -> io::Result<()>) -> io::Result<()> {
    if wire.number > 0 {
        return second(wire);
    }
    wire.handshake()?;
    let list = keys(&wire.request()?);
    let length = list.len();
    wire.send(format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{list}"
    ))?;
    wire.close()
}

fn plain_then(wire: &mut Wire) -> io::Result<()> {
    then(wire, |wire| {
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        wire.stall()
    })
}

fn cut_then(wire: &mut Wire) -> io::Result<()> {
    then(wire, |_| Ok(()))
}

fn silent_then(wire: &mut Wire) -> io::Result<()> {
    then(wire, Wire::stall)
}

/// A good key list, and this once the phone is to ring.
fn on_sign(wire: &mut Wire, act: impl FnOnce(&mut Wire) -> io::Result<()>) -> io::Result<()> {
    wire.handshake()?;
    loop {
        let asked = wire.request()?;
        if asked.is_for_a_signature() {
            return act(wire);
        }
        wire.answer("200 OK", keys(&asked))?;
    }
}

fn plain(wire: &mut Wire) -> io::Result<()> {
    wire.send_below("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    wire.stall()
}

fn phone(name: &'static str, comment: &'static str) -> Row {
    connection(
        name,
        move |wire| refused(wire, comment),
        MaxTries,
        "refused",
    )
}

/// A list with a good key that has this comment. Its phone refuses.
fn refused(wire: &mut Wire, comment: &str) -> io::Result<()> {
    refuse(wire, &key_list(Ed25519).replace("Pixel 8", comment))
}

fn refuse(wire: &mut Wire, list: &str) -> io::Result<()> {
    wire.handshake()?;
    loop {
        let asked = wire.request()?;
        let body = if asked.is_for_a_signature() {
            REFUSAL
        } else {
            list
        };
        wire.answer("200 OK", body)?;
    }
}

fn three_thousand(wire: &mut Wire) -> io::Result<()> {
    let mut list = "# Authorized\n".to_owned();
    for phone in 0..3_000 {
        let blob = tenant::KeyPair::of_phone("lee", phone, Ed25519).blob();
        list += "ssh-ed25519 ";
        list += &base64(blob);
        list += "\n";
    }
    refuse(wire, &list)
}

fn the_same(wire: &mut Wire) -> io::Result<()> {
    let line = format!("ssh-ed25519 {}\n", base64(key(Ed25519).blob()));
    refuse(wire, &format!("# Authorized\n{}", line.repeat(3_000)))
}
