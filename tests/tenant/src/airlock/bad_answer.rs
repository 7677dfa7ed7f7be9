//! Broken answers, and answers that a client must not mistake for good ones.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};

use super::answer::{Answer, JSON_API, Meta, error};
use super::devices::HOSTILE;
use super::scenario::BadAnswer;
use crate::reply::{HTML, Reply};

/// A step that a client must not mistake for the end.
const OTHER_STEP: &str = "TERMS_OF_SERVICES_CONFIRMATION_REQUIRED";

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
        BadAnswer::Truncated => ok(&text[..text.len() / 2]),
        BadAnswer::Trailing => ok(&format!("{text}{text}")),
        BadAnswer::Deep => ok(&"{\"data\":".repeat(100_000)),
        BadAnswer::Array => ok(&format!("[{text}]")),
        BadAnswer::Nothing => ok("{}"),
        BadAnswer::TwoData => ok(&format!(
            r#"{{"data":{},"data":{}}}"#,
            stepping(&json!(OTHER_STEP))["data"],
            document["data"]
        )),
        BadAnswer::TwoAttributes => ok(&format!(
            r#"{{"data":{{"type":"authentication.session","attributes":{{"nextAuthStep":"{OTHER_STEP}"}},"attributes":{{}}}}}}"#
        )),
        BadAnswer::HostileError => {
            error(StatusCode::BAD_REQUEST, &hostile(), false, Meta::default()).reply()
        }
        BadAnswer::NoErrors => ok(r#"{"errors":[]}"#).with_status(StatusCode::BAD_REQUEST),
        BadAnswer::Huge => ok(&format!("{}{text}", " ".repeat(20_000_000))),
        BadAnswer::Endless => Reply::endless(JSON_API, unfinished(&text), "x"),
        BadAnswer::Drip => Reply::drip(JSON_API, unfinished(&text), "x"),
        BadAnswer::Cut => Reply::cut(JSON_API, text.as_bytes()),
        BadAnswer::Cookies => {
            let cookie = |nth| format!("C{nth}={}; Path=/", "x".repeat(1_000));
            good.reply().cookies((0..5_000).map(cookie))
        }
        BadAnswer::BadHttp => {
            Reply::Raw(b"SSH-2.0-tenant\r\n\x00\xff\x1b[31mnot HTTP\r\n\r\n".to_vec())
        }
        BadAnswer::Never => Reply::Never,
        BadAnswer::Reset => Reply::Reset,
        _ => ok(&varied(document, bad_answer).to_string()),
    }
}

/// The reply with which a Gateway refuses a request.
pub(crate) fn blocked() -> Reply {
    Reply::web_page()
        .with_status(StatusCode::FOUND)
        .header(header::LOCATION, HeaderValue::from_static("/elsewhere"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static(HTML))
}

/// A document with one thing wrong.
fn varied(mut document: Value, bad_answer: BadAnswer) -> Value {
    let failed = json!([{ "id": "0", "status": 400, "code": "AUTHENTICATION_FAILED" }]);
    match bad_answer {
        BadAnswer::OtherType => set(
            &mut document,
            "type",
            Some(&json!("authentication.something")),
        ),
        BadAnswer::NoType => set(&mut document, "type", None),
        BadAnswer::NullData => document["data"] = Value::Null,
        BadAnswer::NoAttributes => set(&mut document, "attributes", None),
        BadAnswer::NullAttributes => set(&mut document, "attributes", Some(&Value::Null)),
        BadAnswer::MetaStep => {
            document = json!({
                "data": { "type": "authentication.session", "attributes": {} },
                "meta": { "nextAuthStep": OTHER_STEP },
            });
        }
        BadAnswer::NullStep => document = stepping(&Value::Null),
        BadAnswer::EmptyStep => document = stepping(&json!("")),
        BadAnswer::NumberStep => document = stepping(&json!(0)),
        BadAnswer::HostileStep => document = stepping(&json!(hostile())),
        BadAnswer::ErrorsToo => document["errors"] = failed,
        _ => document = json!({ "errors": failed }),
    }
    document
}

fn ok(text: &str) -> Reply {
    Reply::ok(JSON_API, text.to_owned())
}

fn stepping(step: &Value) -> Value {
    json!({ "data": { "type": "authentication.session", "attributes": { "nextAuthStep": step } } })
}

/// Sets or removes a member of the data, or of each entry if the data is a list.
fn set(document: &mut Value, member: &str, value: Option<&Value>) {
    let objects = match &mut document["data"] {
        Value::Array(entries) => entries.iter_mut().collect(),
        data => vec![data],
    };
    for members in objects.into_iter().filter_map(Value::as_object_mut) {
        match value {
            Some(value) => drop(members.insert(member.into(), value.clone())),
            None => drop(members.remove(member)),
        }
    }
}

/// Everything that a client needs, followed by the beginning of a string.
fn unfinished(text: &str) -> String {
    let begun = text.strip_suffix('}').unwrap_or(text);
    format!(r#"{begun},"more":""#)
}

fn hostile() -> String {
    HOSTILE.repeat(100_000 / HOSTILE.len() + 1)
}
