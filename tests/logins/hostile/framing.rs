//! Answers that are not HTTP, and HTTP that contradicts itself. Each replaces the key list once and
//! the phone's answer once.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::Compression;
use flate2::write::GzEncoder;
use servers::{Asked, Wire};
use tenant::KeyType;

use super::table::Code::{Ignorable, NoPush, Unavail};
use super::table::{End, Row, Sends, bytes, does, key, key_list, run, signed};

#[test]
fn http_that_lies_is_a_refusal() {
    run(&rows());
}

const BAD: End = (Unavail, "bad-answer");
const CUT: End = (Unavail, "unreachable");
const REFUSED: End = (NoPush, "refused");
const LATE: End = (Ignorable, "timed-out");

/// A row with the same word in both places, except that a phone does not answer if the connection
/// is cut.
fn case(name: &str, sends: Sends, keys: End) -> [Row; 2] {
    let sign = if keys == CUT { LATE.1 } else { keys.1 };
    Row::in_both_places(name, sends, keys, sign)
}

pub fn rows() -> Vec<Row> {
    let rows = vec![
        // The first line.
        case("no-status-line", around("", ""), BAD),
        case("http-0.9", bytes(b"<html>Welcome</html>".as_slice()), BAD),
        case(
            "http-2-settings",
            bytes(b"\0\0\0\x04\0\0\0\0\0".as_slice()),
            BAD,
        ),
        case(
            "http-2-preface",
            bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice()),
            BAD,
        ),
        case("http-3.7", status("HTTP/3.7 200 OK"), BAD),
        case("http-in-lower-case", status("http/1.1 200 OK"), BAD),
        case("a-request", status("GET / HTTP/1.1"), BAD),
        case("another-protocol", status("ICY 200 OK"), BAD),
        case("status-000", status("HTTP/1.1 000 OK"), BAD),
        case("status-99", status("HTTP/1.1 99 OK"), BAD),
        case("status-1000", status("HTTP/1.1 1000 OK"), BAD),
        case("status-with-letters", status("HTTP/1.1 2OO OK"), BAD),
        case("status-below-zero", status("HTTP/1.1 -200 OK"), BAD),
        case("status-of-many-digits", status("HTTP/1.1 00000200 OK"), BAD),
        case(
            "status-in-other-digits",
            status("HTTP/1.1 \u{ff12}\u{ff10}\u{ff10} OK"),
            BAD,
        ),
        case("no-status", status("HTTP/1.1"), BAD),
        case(
            "escape-sequences-for-a-reason",
            status("HTTP/1.1 418 \x1b[2J\x1b]0;x\x07"),
            BAD,
        ),
        case(
            "a-reason-of-a-megabyte",
            status(&format!("HTTP/1.1 418 {}", "x".repeat(1 << 20))),
            BAD,
        ),
        case("blank-lines-without-end", endless("", "\r\n"), BAD),
        case(
            "a-first-line-without-end",
            endless("HTTP/1.1 200 ", "OK"),
            BAD,
        ),
        // Statuses that require an action, or announce no body.
        case(
            "100-without-end",
            endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
            LATE,
        ),
        case(
            "103-without-end",
            endless("", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
            LATE,
        ),
        case(
            "100-and-an-end",
            bytes(b"HTTP/1.1 100 Continue\r\n\r\n".as_slice()),
            CUT,
        ),
        case(
            "101-to-another-protocol",
            status("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket"),
            BAD,
        ),
        case(
            "201",
            status("HTTP/1.1 201 Created\r\nlocation: /elsewhere"),
            BAD,
        ),
        case("204-with-a-body", status("HTTP/1.1 204 No Content"), BAD),
        case("205", status("HTTP/1.1 205 Reset Content"), BAD),
        case(
            "206",
            status("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-9/100"),
            BAD,
        ),
        case("226", status("HTTP/1.1 226 IM Used\r\nim: range"), BAD),
        case("299", status("HTTP/1.1 299 Good Enough"), BAD),
        case(
            "300",
            status("HTTP/1.1 300 Multiple Choices\r\nlocation: /elsewhere"),
            BAD,
        ),
        case(
            "301-to-many-places",
            status(
                "HTTP/1.1 301 Moved Permanently\r\nlocation: /a\r\nlocation: /b\r\nlocation: http://127.0.0.1:1/",
            ),
            BAD,
        ),
        case(
            "303-to-plain-http",
            status("HTTP/1.1 303 See Other\r\nlocation: http://localhost/"),
            BAD,
        ),
        case(
            "304",
            status("HTTP/1.1 304 Not Modified\r\netag: \"x\""),
            BAD,
        ),
        case(
            "305-to-a-proxy",
            status("HTTP/1.1 305 Use Proxy\r\nlocation: http://127.0.0.1:1/"),
            BAD,
        ),
        case(
            "307-that-would-ring-again",
            status(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: /app/api/authenticator/signPayload",
            ),
            BAD,
        ),
        case(
            "308-to-a-file",
            status("HTTP/1.1 308 Permanent Redirect\r\nlocation: file:///etc/passwd"),
            BAD,
        ),
        case(
            "401-that-asks-who",
            status(
                "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"\r\nwww-authenticate: Negotiate",
            ),
            BAD,
        ),
        case(
            "407-that-asks-who",
            status(
                "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"x\"",
            ),
            BAD,
        ),
        case(
            "408",
            status("HTTP/1.1 408 Request Timeout\r\nconnection: close"),
            BAD,
        ),
        case("421", status("HTTP/1.1 421 Misdirected Request"), BAD),
        case("425", status("HTTP/1.1 425 Too Early"), BAD),
        case(
            "426",
            status("HTTP/1.1 426 Upgrade Required\r\nconnection: upgrade\r\nupgrade: HTTP/2.0"),
            BAD,
        ),
        case(
            "429-to-try-again-at-once",
            status("HTTP/1.1 429 Too Many Requests\r\nretry-after: 0"),
            REFUSED,
        ),
        Row::in_both_places(
            "403",
            status("HTTP/1.1 403 Forbidden"),
            (NoPush, "no-account"),
            "refused",
        ),
        Row::in_both_places(
            "404",
            status("HTTP/1.1 404 Not Found"),
            (NoPush, "no-account"),
            "bad-answer",
        ),
        Row::in_both_places(
            "500",
            status("HTTP/1.1 500 Internal Server Error"),
            CUT,
            "bad-answer",
        ),
        Row::in_both_places(
            "503-to-try-again-at-once",
            status("HTTP/1.1 503 Service Unavailable\r\nretry-after: 0"),
            CUT,
            "timed-out",
        ),
        Row::in_both_places("599", status("HTTP/1.1 599 x"), CUT, "bad-answer"),
        case("600", status("HTTP/1.1 600 x"), BAD),
        case("999", status("HTTP/1.1 999 x"), BAD),
        // Lengths.
        case("length-below-zero", length("-1"), BAD),
        case("length-with-a-plus", length("+10"), BAD),
        case("length-in-hexadecimal", length("0x10"), BAD),
        case("length-of-no-number", length("NaN"), BAD),
        case("length-of-2-to-the-64", length("18446744073709551616"), BAD),
        case(
            "length-of-2-to-the-64-less-one",
            length("18446744073709551615"),
            BAD,
        ),
        case("two-lengths", length("10\r\ncontent-length: 20"), BAD),
        case("two-lengths-in-a-list", length("10, 20"), BAD),
        case(
            "length-of-a-terabyte-that-comes",
            endless(
                "HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n",
                "# Authorized\n",
            ),
            BAD,
        ),
        case(
            "less-than-the-length",
            bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n# Authorized".as_slice()),
            CUT,
        ),
        case(
            "no-length-and-no-end",
            endless("HTTP/1.1 200 OK\r\n\r\n", "# Authorized\n"),
            BAD,
        ),
        case("no-length-and-no-farewell", does(no_farewell), CUT),
        // Chunks.
        case("chunk-of-no-number", chunked("zz\r\nxx\r\n0\r\n\r\n"), BAD),
        case("chunk-of-nothing", chunked("\r\nxx\r\n0\r\n\r\n"), BAD),
        case("chunk-below-zero", chunked("-1\r\nxx\r\n0\r\n\r\n"), BAD),
        case(
            "chunk-of-2-to-the-68",
            chunked("fffffffffffffffff\r\nxx"),
            BAD,
        ),
        case(
            "chunk-of-2-to-the-64-less-one",
            chunked("ffffffffffffffff\r\nxx"),
            CUT,
        ),
        case(
            "chunk-longer-than-it-says",
            chunked("2\r\nxxxxxxxx\r\n0\r\n\r\n"),
            BAD,
        ),
        case("chunk-with-bare-line-ends", chunked("2\nxx\n0\n\n"), BAD),
        case("chunks-without-a-last", chunked("2\r\n# \r\n"), CUT),
        case(
            "chunk-extensions-without-end",
            endless(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;",
                "x=y;",
            ),
            BAD,
        ),
        case(
            "chunks-of-a-byte-without-end",
            endless(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                "1\r\n#\r\n",
            ),
            BAD,
        ),
        case(
            "trailers-without-end",
            endless(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
                "x: y\r\n",
            ),
            BAD,
        ),
        case(
            "chunks-and-a-length",
            around("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n", ""),
            BAD,
        ),
        case(
            "chunks-not-last",
            bytes(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n2\r\n# \r\n0\r\n\r\n"
                    .as_slice(),
            ),
            BAD,
        ),
        case(
            "chunks-in-http-1.0",
            bytes(
                b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n# \r\n0\r\n\r\n"
                    .as_slice(),
            ),
            BAD,
        ),
        case(
            "chunks-of-vertical-tabs",
            around("HTTP/1.1 200 OK\r\ntransfer-encoding: \x0bchunked\r\n", ""),
            BAD,
        ),
        // Headers.
        case(
            "header-with-nul",
            around("HTTP/1.1 200 OK\r\nx: a\0b\r\n", ""),
            BAD,
        ),
        case(
            "header-with-carriage-return",
            around("HTTP/1.1 200 OK\r\nx: a\rb\r\n", ""),
            BAD,
        ),
        case(
            "header-folded",
            around("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n", ""),
            BAD,
        ),
        case(
            "header-without-colon",
            around("HTTP/1.1 200 OK\r\nnonsense\r\n", ""),
            BAD,
        ),
        case(
            "header-with-blank-before-colon",
            around("HTTP/1.1 200 OK\r\ncontent-length : 5\r\n", ""),
            BAD,
        ),
        case(
            "header-without-name",
            around("HTTP/1.1 200 OK\r\n: x\r\n", ""),
            BAD,
        ),
        case(
            "header-name-with-escape",
            around("HTTP/1.1 200 OK\r\n\x1b[31mx: y\r\n", ""),
            BAD,
        ),
        case(
            "header-name-not-ascii",
            around("HTTP/1.1 200 OK\r\nn\u{e4}me: y\r\n", ""),
            BAD,
        ),
        case(
            "headers-without-end",
            endless("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
            BAD,
        ),
        case(
            "header-without-end",
            endless("HTTP/1.1 200 OK\r\nx: ", "y"),
            BAD,
        ),
        case(
            "header-name-without-end",
            endless("HTTP/1.1 200 OK\r\n", "x"),
            BAD,
        ),
        case(
            "cookies-without-end",
            endless("HTTP/1.1 200 OK\r\n", "set-cookie: a=b\r\n"),
            BAD,
        ),
        case(
            "cookies-a-thousand",
            around(
                &format!("HTTP/1.1 200 OK\r\n{}", "set-cookie: a=b\r\n".repeat(1000)),
                "",
            ),
            BAD,
        ),
        case(
            "headers-that-just-end",
            bytes(b"HTTP/1.1 200 OK\r\nx: y\r\n".as_slice()),
            CUT,
        ),
        // Compressed bodies.
        case("gzip", packed(0), BAD),
        case("gzip-bomb", packed(16 << 20), BAD),
        case(
            "a-part-of-many",
            around(
                "HTTP/1.1 200 OK\r\ncontent-type: multipart/mixed; boundary=x\r\n",
                "--x\r\n\r\n",
            ),
            BAD,
        ),
        case(
            "a-web-page",
            around(
                "HTTP/1.1 200 OK\r\nrefresh: 0; url=/elsewhere\r\n",
                "<script>location='/elsewhere'</script>",
            ),
            BAD,
        ),
    ];
    rows.into_iter().flatten().collect()
}

/// A head, followed by a good answer below `junk`.
fn around(head: &str, junk: &str) -> Sends {
    let (head, junk) = (head.to_owned(), junk.to_owned());
    does(move |wire, asked| {
        let good = good(asked);
        // If the head does not give a length, this does.
        let length = good.len() + junk.len();
        let end = if head.is_empty() {
            String::new()
        } else {
            format!("content-length: {length}\r\n\r\n")
        };
        wire.send(format!("{head}{end}{junk}{good}"))?;
        wire.close()
    })
}

fn good(asked: &Asked) -> String {
    if asked.is_for_a_signature() {
        signed(&key(KeyType::Ed25519), asked)
    } else {
        key_list(KeyType::Ed25519)
    }
}

/// A status line and more headers, followed by a good answer.
fn status(line: &str) -> Sends {
    around(&format!("{line}\r\n"), "")
}

/// A good answer with another length.
fn length(value: &'static str) -> Sends {
    does(move |wire, asked| {
        let good = good(asked);
        wire.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {value}\r\n\r\n{good}"
        ))?;
        wire.close()
    })
}

fn chunked(chunks: &str) -> Sends {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    bytes(Cow::Owned(format!("{head}{chunks}").into_bytes()))
}

/// A beginning, followed by endless repetition.
fn endless(start: &'static str, again: &'static str) -> Sends {
    does(move |wire, _| {
        wire.send(start)?;
        wire.send_for_ever(again.repeat(16_384 / again.len()))
    })
}

/// A good answer that ends only with the connection. An attacker on the network could have cut it.
fn no_farewell(wire: &mut Wire, asked: &Asked) -> io::Result<()> {
    wire.send(format!("HTTP/1.1 200 OK\r\n\r\n{}", good(asked)))
}

/// A good answer for clients that decompress, behind zeros that would fill their memory.
fn packed(zeros: u64) -> Sends {
    does(move |wire, asked| {
        let good = good(asked);
        let mut all = good.as_bytes().chain(io::repeat(0).take(zeros));
        let mut body = GzEncoder::new(Vec::new(), Compression::best());
        io::copy(&mut all, &mut body)?;
        let body = body.finish()?;
        let length = body.len();
        wire.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
        ))?;
        wire.send(body)?;
        wire.close()
    })
}
