//! The JSON:API documents that Airlock IAM answers with.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::cookies;
use crate::reply::{Flow, Reply};

pub(crate) const JSON_API: &str = "application/vnd.api+json";

/// A correct answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Document(StatusCode, Value),
    NoContent,
}

impl Answer {
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::Document(status, document) => {
                let reply = Reply::ok(JSON_API, document.to_string());
                reply.with_status(*status)
            }
            Self::NoContent => Reply::Http({
                let mut response = hyper::Response::new(Flow::Whole(None));
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }),
        }
    }
}

/// The state of the login: the next step, or none.
pub(crate) fn session(attributes: &Value) -> Answer {
    data(&json!({ "type": "authentication.session", "attributes": attributes }))
}

pub(crate) fn next(step: &str) -> Answer {
    session(&json!({ "nextAuthStep": step }))
}

pub(crate) fn data(data: &Value) -> Answer {
    Answer::Document(StatusCode::OK, json!({ "data": data }))
}

/// An error. Its `status` is a number or a string.
pub(crate) fn error(status: StatusCode, code: &str, status_text: bool, meta: Meta) -> Answer {
    let number = status.as_u16();
    let told = if status_text {
        json!(number.to_string())
    } else {
        json!(number)
    };
    let mut document = json!({
        "errors": [{ "id": cookies::random(), "status": told, "code": code }],
    });
    if !meta.0.is_empty() {
        document["meta"] = Value::Object(meta.0);
    }
    Answer::Document(status, document)
}

/// The details beside an error's code.
#[derive(Default)]
pub(crate) struct Meta(Map<String, Value>);

impl Meta {
    pub(crate) fn step(mut self, step: Option<&str>) -> Self {
        if let Some(step) = step {
            self.0.insert("nextAuthStep".into(), step.into());
        }
        self
    }

    pub(crate) fn lock_expiry(mut self, lasts: Option<Duration>) -> Self {
        if let Some(lasts) = lasts {
            let expiry = iso_8601(OffsetDateTime::now_utc() + lasts);
            self.0.insert("temporaryLockExpiry".into(), expiry.into());
        }
        self
    }
}

fn iso_8601(time: OffsetDateTime) -> String {
    let (hour, minute, second) = time.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", time.date())
}
