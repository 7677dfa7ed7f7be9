//! The protocol of the helper, for this library and its helper alone.
//!
//! The helper writes one line when it starts, `null` or `"why not"`. Then it reads questions and
//! writes `[ANSWER, null]` or `[null, "why not"]`, as JSON, each on one line. Questions and answers
//! are arrays, so that serde is no part of the public API.

use crate::{Answer, Call, Code, Facility, Question, Rule};

/// The longest line that either side accepts, in bytes.
pub const MAX_LINE: usize = 1 << 20;

type WireRule = (Option<String>, Option<Vec<String>>, Option<usize>, i32);
type WireQuestion = (String, String, u8, i32, Vec<WireRule>, i32);
type WireCall = (String, Vec<String>, i32);
type WireAnswer = (
    i32,
    bool,
    Vec<WireCall>,
    Vec<String>,
    Vec<(String, String)>,
    Vec<String>,
);

fn line(json: serde_json::Result<Vec<u8>>) -> Result<Vec<u8>, String> {
    let mut line = json.map_err(|why| why.to_string())?;
    line.push(b'\n');
    Ok(line)
}

/// The line with a question.
pub fn write_question(question: &Question) -> Result<Vec<u8>, String> {
    let question = question.clone();
    let rules = question.rules.into_iter();
    let wire: WireQuestion = (
        question.service,
        question.user,
        match question.facility {
            Facility::Auth => 0,
            Facility::Account => 1,
            Facility::Session => 2,
        },
        question.flags,
        rules
            .map(|rule| (rule.module, rule.arguments, rule.nth, rule.code.0))
            .collect(),
        question.otherwise.0,
    );
    line(serde_json::to_vec(&wire))
}

/// Reads the line with a question.
pub fn read_question(line: &[u8]) -> Result<Question, String> {
    let (service, user, facility, flags, rules, otherwise): WireQuestion =
        serde_json::from_slice(line).map_err(|why| format!("not understood: {why}"))?;
    let rule = |(module, arguments, nth, code)| Rule {
        module,
        arguments,
        nth,
        code: Code(code),
    };
    Ok(Question {
        service,
        user,
        facility: match facility {
            0 => Facility::Auth,
            1 => Facility::Account,
            2 => Facility::Session,
            other => return Err(format!("no facility has the number {other}")),
        },
        flags,
        rules: rules.into_iter().map(rule).collect(),
        otherwise: Code(otherwise),
    })
}

/// The line that says whether the helper is ready.
pub fn write_ready(ready: &Result<(), String>) -> Result<Vec<u8>, String> {
    line(serde_json::to_vec(&ready.as_ref().err()))
}

/// Reads the line that says whether the helper is ready.
pub fn read_ready(line: &[u8]) -> Result<Result<(), String>, String> {
    let why: Option<String> = serde_json::from_slice(line).map_err(|why| why.to_string())?;
    Ok(why.map_or(Ok(()), Err))
}

/// The line with an answer.
pub fn write_answer(answer: &Result<Answer, String>) -> Result<Vec<u8>, String> {
    let why = answer.as_ref().err();
    let wire: Option<WireAnswer> = answer.clone().ok().map(|answer| {
        let calls = answer.calls.into_iter();
        (
            answer.code.0,
            answer.started,
            calls
                .map(|call| (call.path, call.arguments, call.code.0))
                .collect(),
            answer.lines,
            answer.refused,
            answer.messages,
        )
    });
    line(serde_json::to_vec(&(wire, why)))
}

/// Reads the line with an answer.
pub fn read_answer(line: &[u8]) -> Result<Result<Answer, String>, String> {
    let (wire, why): (Option<WireAnswer>, Option<String>) =
        serde_json::from_slice(line).map_err(|why| why.to_string())?;
    let call = |(path, arguments, code)| Call {
        path,
        arguments,
        code: Code(code),
    };
    match (wire, why) {
        (Some((code, started, calls, lines, refused, messages)), None) => Ok(Ok(Answer {
            code: Code(code),
            started,
            calls: calls.into_iter().map(call).collect(),
            lines,
            refused,
            messages,
        })),
        (None, Some(why)) => Ok(Err(why)),
        _ => Err("expected an answer or a reason".to_owned()),
    }
}
