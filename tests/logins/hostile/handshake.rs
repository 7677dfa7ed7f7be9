//! Servers that answer before TLS, or without it.

use std::io;
use std::time::Duration;

use servers::Wire;

use super::table::Code::{Ignorable, Unavail};
use super::table::{Row, connection, run};

#[test]
fn who_speaks_no_tls_is_asked_nothing() {
    run(&rows());
}

pub fn rows() -> Vec<Row> {
    vec![
        // Other protocols and noise instead of a handshake.
        at_once(
            "plain-http",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            "tls",
        ),
        at_once(
            "plain-http-that-says-yes",
            b"HTTP/1.1 200 OK\r\n\r\n{\"success\":true}",
            "tls",
        ),
        at_once("ssh-banner", b"SSH-2.0-OpenSSH_9.2\r\n", "tls"),
        at_once("smtp-banner", b"220 mail.example ESMTP\r\n", "tls"),
        at_once(
            "escape-sequences",
            b"\x1b]0;owned\x07\x1b[2J\r\n\x1b[31mroot@host:~# ",
            "tls",
        ),
        connection("noise", |wire| wire.send_for_ever(noise()), Unavail, "tls"),
        connection(
            "zeros-without-end",
            |wire| wire.send_for_ever([0; 4096]),
            Unavail,
            "tls",
        ),
        connection("echo", echo, Unavail, "tls"),
        // TLS alerts.
        at_once("alert-handshake-failure", &record(ALERT, &[2, 40]), "tls"),
        at_once("alert-protocol-version", &record(ALERT, &[2, 70]), "tls"),
        at_once("alert-unrecognised-name", &record(ALERT, &[2, 112]), "tls"),
        at_once("alert-of-no-known-kind", &record(ALERT, &[7, 255]), "tls"),
        connection("alert-close-notify", close_notify, Unavail, "unreachable"),
        at_once("alert-cut-in-half", &record(ALERT, &[2]), "tls"),
        connection(
            "warnings-without-end",
            |wire| wire.send_for_ever(record(ALERT, &[1, 90])),
            Unavail,
            "tls",
        ),
        // Invalid hellos.
        hello("tls-1.1", |hello| hello.version = [3, 2]),
        hello("tls-1.0", |hello| hello.version = [3, 1]),
        hello("ssl-3.0", |hello| hello.version = [3, 0]),
        hello("tls-9.9", |hello| hello.version = [9, 9]),
        hello("a-downgrade-to-tls-1.2", |hello| {
            hello.random[24..].copy_from_slice(b"DOWNGRD\x01");
        }),
        hello("a-downgrade-to-tls-1.1", |hello| {
            hello.random[24..].copy_from_slice(b"DOWNGRD\x00");
        }),
        hello("no-encryption", |hello| hello.suite = [0, 0]),
        hello("rc4", |hello| hello.suite = [0, 5]),
        hello("a-suite-of-tls-1.2-in-1.3", |hello| {
            hello.suite = [0xc0, 0x2f];
            hello.extensions.push((43, vec![3, 4]));
        }),
        hello("compression", |hello| hello.compression = 1),
        hello("an-answer-to-no-question", |hello| {
            hello.extensions.push((0xabcd, vec![0; 9]));
        }),
        hello("an-extension-twice", |hello| {
            hello.extensions.extend([(23, vec![]), (23, vec![])]);
        }),
        hello("another-session", |hello| {
            hello.tls_1_3();
            hello.session.iter_mut().for_each(|byte| *byte ^= 1);
        }),
        hello("a-key-share-of-zeros", |hello| {
            hello.tls_1_3();
            let share = [&[0, 29, 0, 32][..], &[0; 32]].concat();
            hello.extensions.push((51, share));
        }),
        hello("a-key-share-of-another-curve", |hello| {
            hello.tls_1_3();
            let share = [&[0x12, 0x34, 0, 32][..], &[9; 32]].concat();
            hello.extensions.push((51, share));
        }),
        hello("no-key-share", Hello::tls_1_3),
        hello("a-protocol-that-was-not-offered", |hello| {
            hello.extensions.push((16, b"\0\x03\x02h2".to_vec()));
        }),
        connection("retry-for-ever", retry_for_ever, Unavail, "tls"),
        // Invalid records.
        at_once(
            "a-record-too-long",
            &[22, 3, 3, 0xff, 0xff, 2, 0, 0, 0],
            "tls",
        ),
        at_once("a-record-of-no-known-kind", &[99, 3, 3, 0, 1, 0], "tls"),
        at_once(
            "a-handshake-of-16-megabytes",
            &record(HANDSHAKE, &[2, 0xff, 0xff, 0xff, 3]),
            "tls",
        ),
        connection(
            "a-handshake-of-16-megabytes-that-comes",
            |wire| {
                wire.send(record(HANDSHAKE, &[2, 0xff, 0xff, 0xff]))?;
                wire.send_for_ever(record(HANDSHAKE, &[0; 16_000]))
            },
            Unavail,
            "tls",
        ),
        at_once(
            "data-before-a-handshake",
            &record(23, b"HTTP/1.1 200 OK\r\n\r\n"),
            "tls",
        ),
        at_once(
            "a-certificate-before-a-hello",
            &record(HANDSHAKE, &[11, 0, 0, 3, 0, 0, 0]),
            "tls",
        ),
        at_once(
            "a-client-s-hello",
            &record(HANDSHAKE, &[1, 0, 0, 2, 3, 3]),
            "tls",
        ),
        connection(
            "records-of-nothing-without-end",
            |wire| wire.send_for_ever(record(HANDSHAKE, &[])),
            Unavail,
            "tls",
        ),
        connection(
            "change-cipher-specs-without-end",
            |wire| wire.send_for_ever(record(20, &[1])),
            Unavail,
            "tls",
        ),
        // Closed and silent connections.
        connection("reset-at-once", Wire::reset, Unavail, "unreachable"),
        connection(
            "closed-at-once",
            servers::Wire::close,
            Unavail,
            "unreachable",
        ),
        connection(
            "closed-after-the-hello",
            close_after_hello,
            Unavail,
            "unreachable",
        ),
        connection(
            "closed-in-a-record",
            close_in_a_record,
            Unavail,
            "unreachable",
        ),
        connection(
            "reset-after-the-hello",
            reset_after_hello,
            Unavail,
            "unreachable",
        ),
        connection("silence", Wire::stall, Ignorable, "timed-out"),
        connection(
            "silence-in-a-record",
            silence_in_a_record,
            Ignorable,
            "timed-out",
        ),
        connection(
            "a-byte-of-tls-in-100-ms",
            |wire| {
                wire.slow_down(Duration::from_millis(100));
                wire.handshake()
            },
            Ignorable,
            "timed-out",
        ),
        // After the handshake.
        connection("not-encrypted-any-more", unencrypted, Unavail, "tls"),
        connection("not-authentic", not_authentic, Unavail, "tls"),
        connection(
            "closed-after-the-handshake",
            closed_after,
            Unavail,
            "unreachable",
        ),
        connection(
            "a-farewell-after-the-handshake",
            farewell_after,
            Unavail,
            "unreachable",
        ),
        connection(
            "reset-after-the-handshake",
            reset_after,
            Unavail,
            "unreachable",
        ),
        connection(
            "silence-after-the-handshake",
            silence_after,
            Ignorable,
            "timed-out",
        ),
    ]
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// A record of TLS (RFC 8446, section 5.1).
fn record(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&[kind, 3, 3][..], &length.to_be_bytes(), bytes].concat()
}

/// Sends these bytes at once, and then stays silent.
fn at_once(name: &'static str, bytes: &[u8], word: &'static str) -> Row {
    let bytes = bytes.to_vec();
    let does = move |wire: &mut Wire| {
        wire.send(&bytes)?;
        wire.stall()
    };
    connection(name, does, Unavail, word)
}

/// A server hello (RFC 8446, section 4.1.3) with a mistake.
struct Hello {
    version: [u8; 2],
    random: [u8; 32],
    session: Vec<u8>,
    suite: [u8; 2],
    compression: u8,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    /// The TLS 1.3 hello without its key.
    fn tls_1_3(&mut self) {
        self.suite = [0x13, 1];
        self.extensions.push((43, vec![3, 4]));
    }

    /// The answer to this client hello.
    fn record(mut self, client: &[u8], wrong: impl Fn(&mut Self)) -> Vec<u8> {
        let session = usize::from(client[43]);
        self.session = client[44..44 + session].to_vec();
        wrong(&mut self);
        let mut extensions = Vec::new();
        for (kind, bytes) in &self.extensions {
            extensions.extend(kind.to_be_bytes());
            extensions.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
            extensions.extend(bytes);
        }
        let body = [
            &self.version[..],
            &self.random,
            &[u8::try_from(session).unwrap()],
            &self.session,
            &self.suite,
            &[self.compression],
            &u16::try_from(extensions.len()).unwrap().to_be_bytes(),
            &extensions,
        ]
        .concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        record(HANDSHAKE, &[&[2], &length[1..], &body].concat())
    }
}

impl Default for Hello {
    fn default() -> Self {
        Self {
            version: [3, 3],
            random: [7; 32],
            session: Vec::new(),
            // ECDHE_RSA_WITH_AES_128_GCM_SHA256.
            suite: [0xc0, 0x2f],
            compression: 0,
            extensions: Vec::new(),
        }
    }
}

fn hello(name: &'static str, wrong: fn(&mut Hello)) -> Row {
    let does = move |wire: &mut Wire| {
        let client = client_hello(wire)?;
        wire.send(Hello::default().record(&client, wrong))?;
        wire.stall()
    };
    connection(name, does, Unavail, "tls")
}

/// The client's first record.
fn client_hello(wire: &mut Wire) -> io::Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = wire.read(&mut buffer)?;
        all.extend_from_slice(&buffer[..length]);
        let whole = all
            .get(3..5)
            .map(|two| 5 + usize::from(two[0]) * 256 + usize::from(two[1]));
        if length == 0 || whole.is_some_and(|whole| all.len() >= whole) {
            return Ok(all);
        }
    }
}

/// `HelloRetryRequest` without end (RFC 8446, section 4.1.4 allows one).
fn retry_for_ever(wire: &mut Wire) -> io::Result<()> {
    /// SHA-256 of `HelloRetryRequest`.
    const RETRY: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
        0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
        0x33, 0x9c,
    ];
    let client = client_hello(wire)?;
    wire.send_for_ever(Hello::default().record(&client, |hello| {
        hello.tls_1_3();
        hello.random = RETRY;
        hello.extensions.push((44, b"\0\x04cook".to_vec()));
    }))
}

fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(16_384).collect()
}

fn echo(wire: &mut Wire) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match wire.read(&mut buffer)? {
            0 => return Ok(()),
            length => wire.send(&buffer[..length])?,
        }
    }
}

fn close_after_hello(wire: &mut Wire) -> io::Result<()> {
    client_hello(wire).map(drop)
}

fn close_notify(wire: &mut Wire) -> io::Result<()> {
    client_hello(wire)?;
    wire.send(record(ALERT, &[1, 0]))
}

fn reset_after_hello(wire: &mut Wire) -> io::Result<()> {
    client_hello(wire)?;
    wire.reset()
}

fn close_in_a_record(wire: &mut Wire) -> io::Result<()> {
    wire.send([22, 3, 3, 0, 99, 2, 0, 0])
}

fn silence_in_a_record(wire: &mut Wire) -> io::Result<()> {
    wire.send([22, 3, 3, 0, 99, 2, 0, 0])?;
    wire.stall()
}

fn unencrypted(wire: &mut Wire) -> io::Result<()> {
    wire.handshake()?;
    wire.request()?;
    wire.send_below("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    wire.stall()
}

/// Changes by an attacker on the network.
fn not_authentic(wire: &mut Wire) -> io::Result<()> {
    wire.handshake()?;
    wire.request()?;
    wire.send_below(record(23, &[42; 64]))?;
    wire.stall()
}

fn closed_after(wire: &mut Wire) -> io::Result<()> {
    wire.handshake()?;
    wire.request().map(drop)
}

fn farewell_after(wire: &mut Wire) -> io::Result<()> {
    wire.handshake()?;
    wire.request()?;
    wire.close()
}

fn reset_after(wire: &mut Wire) -> io::Result<()> {
    wire.handshake()?;
    wire.reset()
}

fn silence_after(wire: &mut Wire) -> io::Result<()> {
    wire.handshake()?;
    wire.stall()
}
