//! Broken answers, and answers that a client must not mistake for good ones.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};

use super::answer::{Answer, JSON_API, Meta, error};
use super::devices::HOSTILE;
use super::scenario::BadAnswer;
use crate::reply::{HTML, Reply};

/// Replaces the good answer by a bad one.
pub(crate) fn instead(good: &Answer, bad_answer: BadAnswer) -> Reply {
    let document = match good {
        Answer::Document(_, document) => document.clone(),
        Answer::NoContent => json!({}),
    };
    let text = document.to_string();
    match bad_answer {
        BadAnswer::Html => Reply::web_page(),
        BadAnswer::Empty => ok(""),
        BadAnswer::NoContent => Answer::NoContent.reply(),
        BadAnswer::Redirect => blocked(),
        BadAnswer::Error500 => Reply::web_page().with_status(StatusCode::INTERNAL_SERVER_ERROR),
        BadAnswer::Unavailable503 => Reply::web_page().with_status(StatusCode::SERVICE_UNAVAILABLE),
        BadAnswer::NotJson => ok("data = done\n"),
        BadAnswer::HostileError => {
            error(StatusCode::BAD_REQUEST, &hostile(), false, Meta::default()).reply()
        }
        BadAnswer::Huge => ok(&format!("{}{text}", " ".repeat(20_000_000))),
        BadAnswer::Endless => Reply::endless(JSON_API, unfinished(&text), "x"),
        BadAnswer::Drip => Reply::drip(JSON_API, unfinished(&text), "x"),
        BadAnswer::Cut => Reply::cut(JSON_API, text.as_bytes()),
        BadAnswer::Cookies => {
            let cookie = |nth| format!("C{nth}={}; Path=/", "x".repeat(1_000));
            good.reply().cookies((0..5_000).map(cookie))
        }
        BadAnswer::Never => Reply::Never,
        BadAnswer::Reset => Reply::Reset,
        BadAnswer::HostileStep => ok(&json!({
            "data": {
                "type": "authentication.session",
                "attributes": { "nextAuthStep": hostile() },
            },
        })
        .to_string()),
        BadAnswer::ErrorsToo => {
            let mut document = document;
            document["errors"] = failed();
            ok(&document.to_string())
        }
        BadAnswer::ErrorsWith200 => ok(&json!({ "errors": failed() }).to_string()),
    }
}

/// The reply with which a Gateway refuses a request.
pub(crate) fn blocked() -> Reply {
    Reply::web_page()
        .with_status(StatusCode::FOUND)
        .header(header::LOCATION, HeaderValue::from_static("/elsewhere"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static(HTML))
}

fn ok(text: &str) -> Reply {
    Reply::ok(JSON_API, text.to_owned())
}

fn failed() -> Value {
    json!([{ "id": "0", "status": 400, "code": "AUTHENTICATION_FAILED" }])
}

/// Everything that a client needs, followed by the beginning of a string.
fn unfinished(text: &str) -> String {
    let begun = text.strip_suffix('}').unwrap_or(text);
    format!(r#"{begun},"more":""#)
}

fn hostile() -> String {
    HOSTILE.repeat(100_000 / HOSTILE.len() + 1)
}
