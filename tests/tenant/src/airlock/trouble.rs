//! Answers that are none, or that must not be taken for what they look like.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};

use super::answer::{Answer, JSON_API, Meta, error};
use super::devices::HOSTILE;
use super::scenario::Trouble;
use crate::reply::{HTML, Reply};

/// A step that a client must not take for done.
const OTHER_STEP: &str = "TERMS_OF_SERVICES_CONFIRMATION_REQUIRED";

/// What comes instead of the good answer.
pub(crate) fn instead(good: &Answer, trouble: Trouble) -> Reply {
    let document = match good {
        Answer::Document(_, document) => document.clone(),
        Answer::NoContent => json!({}),
    };
    let text = document.to_string();
    match trouble {
        Trouble::Html => Reply::web_page(),
        Trouble::Empty => ok(""),
        Trouble::NoContent => Answer::NoContent.reply(),
        Trouble::Redirect => blocked(),
        Trouble::Error500 => Reply::web_page().with_status(StatusCode::INTERNAL_SERVER_ERROR),
        Trouble::Unavailable503 => Reply::web_page().with_status(StatusCode::SERVICE_UNAVAILABLE),
        Trouble::NotJson => ok("data = done\n"),
        Trouble::Truncated => ok(&text[..text.len() / 2]),
        Trouble::Trailing => ok(&format!("{text}{text}")),
        Trouble::Deep => ok(&"{\"data\":".repeat(100_000)),
        Trouble::Array => ok(&format!("[{text}]")),
        Trouble::Nothing => ok("{}"),
        Trouble::TwoData => ok(&format!(
            r#"{{"data":{},"data":{}}}"#,
            stepping(&json!(OTHER_STEP))["data"],
            document["data"]
        )),
        Trouble::TwoAttributes => ok(&format!(
            r#"{{"data":{{"type":"authentication.session","attributes":{{"nextAuthStep":"{OTHER_STEP}"}},"attributes":{{}}}}}}"#
        )),
        Trouble::HostileError => {
            error(StatusCode::BAD_REQUEST, &hostile(), false, Meta::default()).reply()
        }
        Trouble::NoErrors => ok(r#"{"errors":[]}"#).with_status(StatusCode::BAD_REQUEST),
        Trouble::Huge => ok(&format!("{}{text}", " ".repeat(20_000_000))),
        Trouble::Endless => Reply::endless(JSON_API, unfinished(&text), "x"),
        Trouble::Drip => Reply::drip(JSON_API, unfinished(&text), "x"),
        Trouble::Cut => Reply::cut(JSON_API, text.as_bytes()),
        Trouble::Cookies => {
            let cookie = |nth| format!("C{nth}={}; Path=/", "x".repeat(1_000));
            good.reply().cookies((0..5_000).map(cookie))
        }
        Trouble::BadHttp => {
            Reply::Raw(b"SSH-2.0-tenant\r\n\x00\xff\x1b[31mnot HTTP\r\n\r\n".to_vec())
        }
        Trouble::Never => Reply::Never,
        Trouble::Reset => Reply::Reset,
        _ => ok(&twisted(document, trouble).to_string()),
    }
}

/// How a Gateway refuses a request.
pub(crate) fn blocked() -> Reply {
    Reply::web_page()
        .with_status(StatusCode::FOUND)
        .header(header::LOCATION, HeaderValue::from_static("/elsewhere"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static(HTML))
}

/// Documents in which one thing is not as it should be.
fn twisted(mut document: Value, trouble: Trouble) -> Value {
    let failed = json!([{ "id": "0", "status": 400, "code": "AUTHENTICATION_FAILED" }]);
    match trouble {
        Trouble::OtherType => set(
            &mut document,
            "type",
            Some(&json!("authentication.something")),
        ),
        Trouble::NoType => set(&mut document, "type", None),
        Trouble::NullData => document["data"] = Value::Null,
        Trouble::NoAttributes => set(&mut document, "attributes", None),
        Trouble::NullAttributes => set(&mut document, "attributes", Some(&Value::Null)),
        Trouble::MetaStep => {
            document = json!({
                "data": { "type": "authentication.session", "attributes": {} },
                "meta": { "nextAuthStep": OTHER_STEP },
            });
        }
        Trouble::NullStep => document = stepping(&Value::Null),
        Trouble::EmptyStep => document = stepping(&json!("")),
        Trouble::NumberStep => document = stepping(&json!(0)),
        Trouble::HostileStep => document = stepping(&json!(hostile())),
        Trouble::ErrorsToo => document["errors"] = failed,
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

/// Sets or removes a member of the data, or of each entry where they are a list.
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

/// All that a client needs, and then the beginning of a string.
fn unfinished(text: &str) -> String {
    let begun = text.strip_suffix('}').unwrap_or(text);
    format!(r#"{begun},"more":""#)
}

fn hostile() -> String {
    HOSTILE.repeat(100_000 / HOSTILE.len() + 1)
}
