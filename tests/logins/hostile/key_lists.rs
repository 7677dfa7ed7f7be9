//! Key lists: encodings, sizes, and lines that resemble a key. They hold no good key unless a row
//! says so. A client that accepts another line rings a phone.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use tenant::{KeyType, ed25519_blob};

use super::table::Code::{NoPush, Unavail};
use super::table::{At, Row, base64, hexadecimal, key, key_list, run, text};

#[test]
fn no_key_list_but_a_good_one_rings_a_phone() {
    run(&rows());
}

pub fn rows() -> Vec<Row> {
    let good = &*key_list(KeyType::Ed25519);
    vec![
        // A good list in another encoding or behind other text.
        no_list("utf-16-le", utf_16(good, u16::to_le_bytes, true)),
        no_list("utf-16-be", utf_16(good, u16::to_be_bytes, true)),
        no_list(
            "utf-16-without-a-mark",
            utf_16(good, u16::to_le_bytes, false),
        ),
        no_list("utf-8-with-a-mark", format!("\u{feff}{good}")),
        no_list("utf-7", good.replace('#', "+ACM-")),
        no_list(
            "overlong-hash",
            [b"\xc0\xa3", &good.as_bytes()[1..]].concat(),
        ),
        no_list("nul-before-it", format!("\0{good}")),
        no_list(
            "bytes-that-are-no-utf-8-before-it",
            [b"\xff\xfe\xfd", good.as_bytes()].concat(),
        ),
        no_list("full-width-hash", good.replace('#', "\u{ff03}")),
        no_list("blank-before-it", format!(" {good}")),
        no_list("blank-line-before-it", format!("\n{good}")),
        no_list(
            "header-in-lower-case",
            good.replace("# Authorized", "# authorized"),
        ),
        no_list(
            "header-without-blank",
            good.replace("# Authorized", "#Authorized"),
        ),
        no_list("header-in-the-second-line", format!("# Keys\n{good}")),
        no_list("json", format!("{{\"keys\":{good:?}}}")),
        no_list("only-a-hash", "#"),
        no_list("empty", ""),
        // Sizes.
        no_list("a-byte-too-long", filled(good, 262_145)),
        no_list(
            "a-million-short-lines",
            format!("# Authorized\n{}", "#\n".repeat(1_000_000)),
        ),
        no_list(
            "one-line-of-10-megabytes",
            format!("# Authorized{}", "x".repeat(10 << 20)),
        ),
        no_key(
            "a-quarter-million-line-ends",
            filled("# Authorized\n", 262_144),
        ),
        no_key(
            "a-line-as-long-as-the-list",
            format!("# Authorized\nssh-rsa {}", "A".repeat(262_000)),
        ),
        no_key(
            "a-hundred-thousand-malformed-lines",
            format!("# Authorized\n{}", "x\n".repeat(100_000)),
        ),
        no_key(
            "thousands-of-keys-of-no-use",
            list(&line("ssh-dss", &named(b"ssh-dss"), "x").repeat(2_000)),
        ),
        no_key("only-carriage-returns", good.replace('\n', "\r")),
        no_key("vertical-tabs-for-line-ends", good.replace('\n', "\x0b")),
        no_key("unicode-line-ends", good.replace('\n', "\u{2028}")),
        no_key("a-list-that-is-one-comment", good.replace("ssh-", "# ssh-")),
        // Valid in an authorized_keys file of OpenSSH, but not here.
        no_key("an-option-before-the-key", options("no-pty")),
        no_key(
            "a-command-before-the-key",
            options("command=\"/bin/sh -c 'id'\""),
        ),
        no_key(
            "a-source-before-the-key",
            options("from=\"192.0.2.0/24\",no-pty"),
        ),
        no_key("a-certificate-authority", options("cert-authority")),
        no_key("a-marker-of-known-hosts", options("@revoked *")),
        kind("a-certificate", b"ssh-ed25519-cert-v01@openssh.com"),
        kind("dsa", b"ssh-dss"),
        kind("ecdsa-nistp256", b"ecdsa-sha2-nistp256"),
        kind("ecdsa-nistp521", b"ecdsa-sha2-nistp521"),
        kind("a-security-key", b"sk-ssh-ed25519@openssh.com"),
        kind("ed448", b"ssh-ed448"),
        kind("rsa-sha2-512-as-a-key", b"rsa-sha2-512"),
        kind("x509", b"x509v3-ssh-rsa"),
        kind("null", b"null"),
        kind("none", b"none"),
        kind("a-kind-in-upper-case", b"SSH-ED25519"),
        kind("a-kind-with-nul", b"ssh-ed25519\0"),
        kind("a-kind-of-nothing", b""),
        kind("a-kind-of-escape-sequences", b"\x1b[31mssh-ed25519\r\n"),
        kind("a-kind-of-100-kilobytes", &[b'x'; 100_000]),
        // Contradictory blobs.
        blob("no-blob", b""),
        blob("half-a-length", &[0, 0, 0]),
        blob("a-length-of-4-gigabytes", &[0xff, 0xff, 0xff, 0xff, 1]),
        blob("a-length-of-2-gigabytes", &[0x80, 0, 0, 0, 1]),
        blob(
            "a-length-past-the-end",
            &[&named(b"ssh-ed25519")[..], &[0, 0, 0, 33], &POINT].concat(),
        ),
        blob(
            "a-length-before-the-end",
            &[&named(b"ssh-ed25519")[..], &[0, 0, 0, 31], &POINT].concat(),
        ),
        blob("bytes-behind", &[&ed25519_blob(&POINT)[..], &[0]].concat()),
        blob(
            "a-kilobyte-behind",
            &[&ed25519_blob(&POINT)[..], &[0; 1024]].concat(),
        ),
        blob(
            "two-keys-in-a-blob",
            &[ed25519_blob(&POINT), ed25519_blob(&POINT)].concat(),
        ),
        blob("no-point", &named(b"ssh-ed25519")),
        blob(
            "a-point-of-31-bytes",
            &with(&named(b"ssh-ed25519"), &POINT[..31]),
        ),
        blob(
            "a-point-of-33-bytes",
            &with(&named(b"ssh-ed25519"), &[&POINT[..], &[0]].concat()),
        ),
        blob("a-point-of-no-bytes", &with(&named(b"ssh-ed25519"), &[])),
        blob(
            "an-rsa-key-named-ed25519",
            &[&named(b"ssh-ed25519")[..], &rsa(&E, &modulus(256))[11..]].concat(),
        ),
        blob(
            "an-ed25519-key-named-rsa",
            &with(&named(b"ssh-rsa"), &POINT),
        ),
        // Points of small order, for which anyone can sign, and invalid points.
        point("the-neutral-point", &low(1, 0)),
        point("the-neutral-point-with-a-sign", &low(1, 0x80)),
        point("the-point-of-order-2", &MINUS_ONE),
        point("a-point-of-order-4", &[0; 32]),
        point("another-point-of-order-4", &low(0, 0x80)),
        point("a-point-of-order-8", &ORDER_8),
        point(
            "its-negative",
            &[&ORDER_8[..31], &[ORDER_8[31] | 0x80]]
                .concat()
                .try_into()
                .unwrap(),
        ),
        point("not-canonical-zero", &not_canonical(0)),
        point("not-canonical-one", &not_canonical(1)),
        point("not-on-the-curve", &low(2, 0)),
        // RSA.
        rsa_key("rsa-without-a-modulus", with(&named(b"ssh-rsa"), &E)),
        rsa_key("rsa-exponent-zero", rsa(&[], &modulus(256))),
        rsa_key("rsa-exponent-one", rsa(&[1], &modulus(256))),
        rsa_key("rsa-exponent-two", rsa(&[2], &modulus(256))),
        rsa_key("rsa-exponent-even", rsa(&[1, 0, 2], &modulus(256))),
        rsa_key("rsa-exponent-below-zero", rsa(&[0xff], &modulus(256))),
        rsa_key(
            "rsa-exponent-as-large-as-the-modulus",
            rsa(&modulus(256), &modulus(256)),
        ),
        rsa_key(
            "rsa-exponent-of-40-bits",
            rsa(&[1, 0, 0, 0, 0, 1], &modulus(256)),
        ),
        rsa_key(
            "rsa-exponent-with-zeros-before",
            rsa(&[0, 1, 0, 1], &modulus(256)),
        ),
        rsa_key("rsa-modulus-zero", rsa(&E, &[])),
        rsa_key("rsa-modulus-one", rsa(&E, &[1])),
        rsa_key(
            "rsa-modulus-even",
            rsa(&E, &[&modulus(256)[..256], &[2]].concat()),
        ),
        rsa_key("rsa-modulus-below-zero", rsa(&E, &modulus(256)[1..])),
        rsa_key(
            "rsa-modulus-with-zeros-before",
            rsa(&E, &[&[0, 0], &modulus(256)[1..]].concat()),
        ),
        rsa_key("rsa-512", rsa(&E, &modulus(64))),
        rsa_key("rsa-1024", rsa(&E, &modulus(128))),
        rsa_key("rsa-2040", rsa(&E, &modulus(255))),
        rsa_key("rsa-8200", rsa(&E, &modulus(1025))),
        rsa_key("rsa-16384", rsa(&E, &modulus(2048))),
        rsa_key("rsa-65536", rsa(&E, &modulus(8192))),
        rsa_key("rsa-of-a-million-bits", rsa(&E, &modulus(131_072))),
        rsa_key(
            "rsa-that-swaps-exponent-and-modulus",
            rsa(&modulus(256), &E),
        ),
        rsa_key(
            "rsa-with-bytes-behind",
            [&rsa(&E, &modulus(256))[..], &[0, 0, 0, 0]].concat(),
        ),
        // Text that is not a key, and invalid base64.
        no_key("a-private-key", list(PRIVATE_KEY)),
        no_key(
            "a-key-of-rfc-4716",
            list(&format!(
                "---- BEGIN SSH2 PUBLIC KEY ----\n{}\n---- END SSH2 PUBLIC KEY ----\n",
                b64()
            )),
        ),
        no_key("the-kind-alone", list("ssh-ed25519\n")),
        no_key("the-blob-alone", list(&format!("{}\n", b64()))),
        no_key(
            "the-fingerprint-alone",
            list("ssh-ed25519 SHA256:hnyAknzOniCco1z8x5jSs6aL/tR+D4O8UlcGGO9VXzE\n"),
        ),
        no_key(
            "url-safe-base64",
            list(&format!(
                "ssh-rsa {}\n",
                URL_SAFE.encode(key(KeyType::Rsa).blob())
            )),
        ),
        no_key(
            "base64-in-quotes",
            list(&format!("ssh-ed25519 \"{}\" x\n", b64())),
        ),
        no_key(
            "base64-with-blanks",
            list(&format!("ssh-ed25519 {} {}\n", &b64()[..20], &b64()[20..])),
        ),
        no_key(
            "base64-with-a-zero-width-space",
            list(&format!("ssh-ed25519 \u{200b}{}\n", b64())),
        ),
        no_key(
            "base64-with-a-line-end",
            list(&format!("ssh-ed25519 {}\n{}\n", &b64()[..20], &b64()[20..])),
        ),
        no_key(
            "base64-with-too-much-padding",
            list(&format!("ssh-ed25519 {}====\n", b64())),
        ),
        no_key(
            "base64-with-spare-bits",
            list(&format!("ssh-ed25519 {}\n", spare_bits())),
        ),
        no_key(
            "hexadecimal",
            list(&format!(
                "ssh-ed25519 {}\n",
                hexadecimal(&ed25519_blob(&POINT))
            )),
        ),
        no_key(
            "base64-twice",
            list(&format!("ssh-ed25519 {}\n", base64(b64()))),
        ),
    ]
}

/// Begins like a list, but has no usable key.
fn no_key(name: &'static str, list: impl Into<Vec<u8>>) -> Row {
    Row::new(name, At::Keys, text(list), (NoPush, "no-key"))
}

/// Not a list.
fn no_list(name: &'static str, list: impl Into<Vec<u8>>) -> Row {
    Row::new(name, At::Keys, text(list), (Unavail, "bad-answer"))
}

fn list(lines: &str) -> String {
    format!("# Authorized Keys of lee\n{lines}")
}

fn line(kind: &str, blob: &[u8], comment: &str) -> String {
    format!("{kind} {} {comment}\n", base64(blob))
}

/// A good key behind this text.
fn options(options: &str) -> String {
    key_list(KeyType::Ed25519).replace("ssh-", &format!("{options} ssh-"))
}

/// A good key of 32 bytes that claims another type, also in the blob.
fn kind(name: &'static str, kind: &[u8]) -> Row {
    let label = String::from_utf8_lossy(kind).into_owned();
    no_key(name, list(&line(&label, &with(&named(kind), &POINT), "x")))
}

fn blob(name: &'static str, blob: &[u8]) -> Row {
    no_key(name, list(&line("ssh-ed25519", blob, "x")))
}

fn point(name: &'static str, point: &[u8; 32]) -> Row {
    blob(name, &ed25519_blob(point))
}

#[allow(clippy::needless_pass_by_value, reason = "made for this call")]
fn rsa_key(name: &'static str, blob: Vec<u8>) -> Row {
    no_key(name, list(&line("ssh-rsa", &blob, "x")))
}

/// A blob up to the name of its type.
fn named(kind: &[u8]) -> Vec<u8> {
    with(&[], kind)
}

/// Appends a string (RFC 4251, section 5).
fn with(blob: &[u8], string: &[u8]) -> Vec<u8> {
    let length = u32::try_from(string.len()).unwrap().to_be_bytes();
    [blob, &length, string].concat()
}

/// A blob of exactly these bytes.
fn rsa(exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    with(&with(&named(b"ssh-rsa"), exponent), modulus)
}

const E: [u8; 3] = [1, 0, 1];

/// An odd number of this many bytes, with the zero in front that makes it positive.
fn modulus(bytes: usize) -> Vec<u8> {
    let mut modulus = vec![0xc5; bytes + 1];
    modulus[0] = 0;
    modulus
}

/// A valid point: the base point of the curve.
const POINT: [u8; 32] = {
    let mut point = [0x66; 32];
    point[0] = 0x58;
    point
};

/// y = -1.
const MINUS_ONE: [u8; 32] = {
    let mut point = [0xff; 32];
    point[0] = 0xec;
    point[31] = 0x7f;
    point
};

const ORDER_8: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];

fn low(first: u8, last: u8) -> [u8; 32] {
    let mut point = [0; 32];
    (point[0], point[31]) = (first, last);
    point
}

/// y = 2^255 - 19 + this.
fn not_canonical(more: u8) -> [u8; 32] {
    let mut point = MINUS_ONE;
    point[0] = 0xed + more;
    point
}

fn b64() -> String {
    base64(key(KeyType::Ed25519).blob())
}

/// The blob has 51 bytes and padding. With one byte less, some bits are unused.
fn spare_bits() -> String {
    let blob = key(KeyType::Ed25519).blob();
    let mut text = STANDARD_NO_PAD.encode(&blob[..50]);
    let last = text.pop().unwrap();
    let more = if last == 'A' { 'B' } else { 'Z' };
    text.push(more);
    text
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2], mark: bool) -> Vec<u8> {
    let mark = mark.then_some(0xfeff);
    let units = mark.into_iter().chain(text.encode_utf16());
    units.flat_map(order).collect()
}

/// This many bytes in all.
fn filled(start: &str, bytes: usize) -> String {
    format!("{start}{}", "\n".repeat(bytes - start.len()))
}

const PRIVATE_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
-----END OPENSSH PRIVATE KEY-----
";
