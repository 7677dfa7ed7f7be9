//! Answers that are slow or incomplete. The other tables have the answers that come in time.

use std::time::Duration;

use tenant::KeyType;

use super::table::Code::Ignorable;
use super::table::{Row, Sends, does, key, key_list, run, signed};

#[test]
fn slow_answers_are_given_up_in_time() {
    run(&rows());
}

/// The deadlines are 1 s for the key list, and 2 s for the phone's answer.
const EACH: Duration = Duration::from_millis(100);

fn case(name: &str, sends: Sends) -> [Row; 2] {
    Row::in_both_places(name, sends, (Ignorable, "timed-out"), "timed-out")
}

pub fn rows() -> Vec<Row> {
    let rows = vec![
        case("no answer", stops_after(|_| 0)),
        case("silence in the first line", stops_after(|_| 7)),
        case(
            "silence in the headers",
            stops_after(|answer| end_of_headers(answer) - 9),
        ),
        case(
            "silence before the blank line",
            stops_after(|answer| end_of_headers(answer) - 2),
        ),
        case("silence after the headers", stops_after(end_of_headers)),
        case(
            "silence in the body",
            stops_after(|answer| end_of_headers(answer) + 30),
        ),
        case(
            "silence before the last byte",
            stops_after(|answer| answer.len() - 1),
        ),
        case("silence in a chunk's size", says_and_stops("\r\n1")),
        case(
            "silence in a chunk",
            says_and_stops("\r\n99\r\n# Authorized"),
        ),
        case(
            "silence before the last chunk",
            says_and_stops("\r\nc\r\n# Authorized\r\n"),
        ),
        case("silence in the trailers", says_and_stops("\r\n0\r\nx: ")),
        case("a byte in 100 ms from the first on", drips_after(|_| 0)),
        case(
            "a byte in 100 ms in the headers",
            drips_after(|answer| end_of_headers(answer) - 50),
        ),
        case("a byte in 100 ms in the body", drips_after(end_of_headers)),
        case(
            "a 100 Continue in 100 ms, without end",
            continues_without_end(),
        ),
    ];
    rows.into_iter().flatten().collect()
}

/// A good answer to either question.
fn good(asked: &servers::Asked) -> String {
    // Long enough that one byte every 100 ms is too slow for all of it.
    let padding = " ".repeat(64);
    let body = if asked.is_for_a_signature() {
        signed(&key(KeyType::Ed25519), asked) + &padding
    } else {
        key_list(KeyType::Ed25519) + &padding
    };
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nserver: a server\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn end_of_headers(answer: &str) -> usize {
    answer.find("\r\n\r\n").unwrap() + 4
}

fn stops_after(position: fn(&str) -> usize) -> Sends {
    does(move |wire, asked| {
        let answer = good(asked);
        wire.send(&answer[..position(&answer)])?;
        wire.stall()
    })
}

fn drips_after(position: fn(&str) -> usize) -> Sends {
    does(move |wire, asked| {
        let answer = good(asked);
        let (at_once, slowly) = answer.split_at(position(&answer));
        wire.send(at_once)?;
        for byte in slowly.bytes() {
            std::thread::sleep(EACH);
            wire.send([byte])?;
        }
        wire.stall()
    })
}

fn says_and_stops(start: &'static str) -> Sends {
    does(move |wire, _| {
        wire.send(format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{start}"
        ))?;
        wire.stall()
    })
}

/// Sends all the time, but never an answer.
fn continues_without_end() -> Sends {
    does(move |wire, _| {
        loop {
            std::thread::sleep(EACH);
            wire.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        }
    })
}
