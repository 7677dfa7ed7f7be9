//! Answers to a sign request that are not JSON, or not the right JSON. Most hold the phone's right
//! signature, so that a lenient reader lets the user in.

use tenant::KeyType::Ed25519;

use super::table::Code::MaxTries;
use super::table::{At, Row, Sends, base64, body, key, run, signed, text};

#[test]
fn no_other_json_is_a_yes() {
    run(&rows());
}

pub fn rows() -> Vec<Row> {
    vec![
        // Wrong values of `success`.
        bad("success-as-text", with("true", "\"true\"")),
        bad("success-as-1", with("true", "1")),
        bad("success-as-1.0", with("true", "1.0")),
        bad("success-as-null", with("true", "null")),
        bad("success-as-list", with("true", "[true]")),
        bad("success-as-object", with("true", "{\"true\":true}")),
        bad("success-as-empty-text", with("true", "\"\"")),
        bad("success-in-upper-case", with("true", "TRUE")),
        bad("success-as-yes", with("true", "yes")),
        bad("success-missing", with("\"success\":true,", "")),
        bad("success-by-another-name", with("success", "Success")),
        bad(
            "success-with-a-blank-in-its-name",
            with("success", "success "),
        ),
        bad(
            "success-with-nul-in-its-name",
            with("success", "success\\u0000"),
        ),
        bad("success-below-something-else", around("{\"data\":", "}")),
        row(
            "success-false-with-a-signature",
            with("true", "false"),
            "refused",
        ),
        // Duplicate members, with the value that another reader would take.
        bad(
            "success-twice-false-first",
            with("\"success\":true", "\"success\":false,\"success\":true"),
        ),
        bad(
            "success-twice-true-first",
            with("\"success\":true", "\"success\":true,\"success\":false"),
        ),
        bad(
            "success-twice-once-escaped",
            with(
                "\"success\":true",
                "\"success\":false,\"succe\\u0073s\":true",
            ),
        ),
        bad(
            "success-twice-the-same",
            with("\"success\":true", "\"success\":true,\"success\":true"),
        ),
        bad(
            "signature-twice",
            with("\"response\"", "\"signature\":\"AAAA\",\"response\""),
        ),
        bad(
            "message-twice",
            with("\"response\"", "\"message\":\"\",\"response\""),
        ),
        bad(
            "response-twice",
            with("\"response\"", "\"response\":\"\",\"response\""),
        ),
        // Wrong values of the other members.
        bad("signature-as-number", says("\"signature\":1")),
        bad("signature-as-list", says("\"signature\":[1,2,3]")),
        bad("signature-as-object", says("\"signature\":{}")),
        bad("signature-as-true", says("\"signature\":true")),
        bad("signature-null", says("\"signature\":null")),
        bad("signature-missing", says("\"message\":\"\"")),
        bad(
            "signature-empty",
            says("\"signature\":\"\",\"response\":\"\""),
        ),
        bad(
            "signature-in-the-message",
            with("\"signature\"", "\"x\":\"\",\"response\":\"\",\"message2\""),
        ),
        bad(
            "message-as-number",
            with("\"message\":\"\"", "\"message\":0"),
        ),
        bad(
            "message-as-list",
            with("\"message\":\"\"", "\"message\":[]"),
        ),
        bad(
            "response-as-number",
            with("\"response\":\"\"", "\"response\":0"),
        ),
        // A response instead of a signature.
        bad("response-yes", says("\"response\":\"AQ==\"")),
        bad(
            "response-yes-with-a-reason",
            says("\"response\":\"AQAAAAJPSw==\""),
        ),
        bad(
            "response-neither-yes-nor-no",
            says("\"response\":\"AgAAAAA=\""),
        ),
        bad("response-of-255", says("\"response\":\"_wAAAAA=\"")),
        bad("response-of-no-bytes", says("\"response\":\"=\"")),
        bad("response-without-a-reason", says("\"response\":\"AA==\"")),
        bad(
            "response-with-a-reason-of-4-gigabytes",
            says("\"response\":\"AP____8=\""),
        ),
        bad(
            "response-with-half-a-reason",
            says("\"response\":\"AAAAAAlCeWU=\""),
        ),
        bad("response-that-is-no-base64", says("\"response\":\"!!!!\"")),
        bad(
            "response-in-the-other-base64",
            says("\"response\":\"AP////8=\""),
        ),
        row(
            "response-no-and-bytes-behind",
            says("\"response\":\"AAAAAANCeWVtb3Jl\""),
            "refused",
        ),
        row(
            "response-no-with-escape-sequences",
            says("\"response\":\"AAAAAAkbWzMxbQ0KBwA=\""),
            "refused",
        ),
        row(
            "response-no-that-is-no-utf-8",
            says("\"response\":\"AAAAAAT__v38\""),
            "refused",
        ),
        row(
            "response-no-that-turns-the-text",
            says("\"response\":\"AAAAAAbigK5hYmM=\""),
            "refused",
        ),
        // Refusals of a tenant.
        row(
            "message-with-escape-sequences",
            refuses("\\u001b[2J\\u001b]0;x\\u0007\\r\\nJan 1 sshd: Accepted"),
            "refused",
        ),
        row(
            "message-that-ends-the-quotes",
            refuses("\\\" user=\\\"nobody\\\" device=\\\"x"),
            "refused",
        ),
        row(
            "message-that-turns-the-text",
            refuses("\u{202e}\u{2066}txet\u{200f}"),
            "refused",
        ),
        row(
            "message-of-c1-controls",
            refuses("\u{9b}31m\u{85}\u{90}"),
            "refused",
        ),
        row("message-with-nul", refuses("a\\u0000b"), "refused"),
        row(
            "message-with-percent-signs",
            refuses("%s%s%n%n%p"),
            "refused",
        ),
        row(
            "message-that-is-not-seen",
            refuses("\u{200b}\u{feff}\u{ad}\u{2060}"),
            "refused",
        ),
        row(
            "message-of-60-kilobytes",
            refuses(&"\u{1f512}".repeat(15_000)),
            "refused",
        ),
        row(
            "message-of-one-letter-and-many-accents",
            refuses(&format!("a{}", "\u{301}".repeat(20_000))),
            "refused",
        ),
        // Texts that are not JSON.
        bad(
            "message-with-half-a-pair",
            with("\"message\":\"\"", "\"message\":\"\\ud800\""),
        ),
        bad(
            "message-with-a-pair-the-wrong-way",
            with("\"message\":\"\"", "\"message\":\"\\udc00\\ud800\""),
        ),
        bad(
            "message-with-a-bare-line-end",
            with("\"message\":\"\"", "\"message\":\"\n\""),
        ),
        bad(
            "message-with-a-bare-nul",
            with("\"message\":\"\"", "\"message\":\"\0\""),
        ),
        bad(
            "message-with-a-made-up-escape",
            with("\"message\":\"\"", "\"message\":\"\\x41\""),
        ),
        bad("signature-of-surrogates", says("\"signature\":\"\\ud800\"")),
        // Encodings.
        bad(
            "json-utf-16-le",
            made(|json| json.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ),
        bad(
            "json-utf-16-be",
            made(|json| json.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ),
        bad(
            "json-utf-32",
            made(|json| {
                json.chars()
                    .flat_map(|c| (c as u32).to_le_bytes())
                    .collect()
            }),
        ),
        bad("json-with-a-byte-order-mark", around("\u{feff}", "")),
        bad("json-in-latin-1", made(|json| replaced(json, b"\xe9"))),
        bad(
            "json-with-an-overlong-quote",
            made(|json| replaced(json, b"\xc0\xa2")),
        ),
        bad(
            "json-with-a-surrogate-in-utf-8",
            made(|json| replaced(json, b"\xed\xa0\x80")),
        ),
        bad("json-behind-nul", around("\0", "")),
        bad("json-before-nul", around("", "\0")),
        bad("json-in-base64", made(|json| base64(json).into_bytes())),
        bad(
            "json-in-a-json-text",
            made(|json| format!("{json:?}").into_bytes()),
        ),
        bad("json-in-a-form", around("answer=", "")),
        // Shapes.
        bad(
            "fields-in-a-list",
            made(|json| in_a_list(json).into_bytes()),
        ),
        bad("an-object-in-a-list", around("[", "]")),
        bad("two-objects", made(|json| json.repeat(2).into_bytes())),
        bad("an-object-and-a-comma", around("", ",")),
        bad("a-bracket-too-many", around("", "}")),
        bad(
            "a-bracket-too-few",
            made(|json| json[..json.len() - 1].into()),
        ),
        bad("half-an-object", made(|json| json[..json.len() / 2].into())),
        bad(
            "a-comma-at-the-end",
            with("\"response\":\"\"", "\"response\":\"\","),
        ),
        bad("comments", around("/* yes */", "")),
        bad(
            "single-quotes",
            made(|json| json.replace('"', "'").into_bytes()),
        ),
        bad("names-without-quotes", with("\"success\"", "success")),
        bad("a-function-around-it", around("callback(", ");")),
        bad("a-guard-before-it", around(")]}',\n", "")),
        bad("a-byte-of-json-text-sequences", around("\u{1e}", "\n")),
        bad("true-alone", text("true")),
        bad("null-alone", text("null")),
        bad("a-text-alone", text("\"success\"")),
        bad("a-number-alone", text("1")),
        bad("an-empty-object", text("{}")),
        bad("an-empty-list", text("[]")),
        bad("nothing", text("")),
        bad("blanks-alone", text(" \r\n\t ")),
        bad("xml", text("<answer><success>true</success></answer>")),
        bad("yaml", text("success: true\nsignature: AAAA\n")),
        bad("a-signature-alone", made(|json| signature_of(json).into())),
        // Sizes and depths.
        bad(
            "lists-nested-30000-times",
            says(&format!(
                "\"x\":{}{}",
                "[".repeat(30_000),
                "]".repeat(30_000)
            )),
        ),
        bad(
            "objects-nested-10000-times",
            says(&format!(
                "\"x\":{}1{}",
                "{\"x\":".repeat(10_000),
                "}".repeat(10_000)
            )),
        ),
        bad(
            "lists-nested-in-the-message",
            with(
                "\"message\":\"\"",
                &format!("\"message\":{}{}", "[".repeat(30_000), "]".repeat(30_000)),
            ),
        ),
        bad("lists-that-only-open", text("[".repeat(60_000))),
        bad(
            "objects-that-only-open",
            text("{\"success\":".repeat(5_000)),
        ),
        bad(
            "a-number-of-60000-digits-for-success",
            with("true", &"9".repeat(60_000)),
        ),
        bad("a-number-too-large", with("true", "1e999999")),
        bad("not-a-number", with("true", "NaN")),
        bad("infinity", with("\"message\":\"\"", "\"x\":Infinity")),
        bad(
            "a-number-with-zeros-before",
            with("\"message\":\"\"", "\"x\":007"),
        ),
        row(
            "a-signature-of-64-kilobytes",
            says(&format!("\"signature\":\"{}\"", "A".repeat(65_000))),
            "bad-signature",
        ),
        bad(
            "a-signature-of-a-megabyte",
            says(&format!("\"signature\":\"{}\"", "A".repeat(1 << 20))),
        ),
        bad(
            "blanks-of-a-megabyte-before-it",
            around(&" ".repeat(1 << 20), ""),
        ),
        bad(
            "blanks-of-a-megabyte-behind-it",
            around("", &" ".repeat(1 << 20)),
        ),
        bad(
            "a-message-of-a-megabyte",
            with(
                "\"message\":\"\"",
                &format!("\"message\":\"{}\"", "x".repeat(1 << 20)),
            ),
        ),
    ]
}

fn bad(name: &'static str, sends: Sends) -> Row {
    row(name, sends, "bad-answer")
}

fn row(name: &'static str, sends: Sends, word: &'static str) -> Row {
    Row::new(name, At::Sign(Ed25519), sends, (MaxTries, word))
}

/// Changes the right answer.
fn made(make: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Sends {
    body(move |asked| make(&signed(&key(Ed25519), asked)))
}

/// The right answer with this replaced by that.
fn with(this: &'static str, that: &str) -> Sends {
    let that = that.to_owned();
    made(move |json| {
        assert!(json.contains(this), "{json}");
        json.replace(this, &that).into_bytes()
    })
}

/// The right answer between these texts.
fn around(before: &str, after: &str) -> Sends {
    let (before, after) = (before.to_owned(), after.to_owned());
    made(move |json| format!("{before}{json}{after}").into_bytes())
}

/// An answer that says yes, with this.
fn says(members: &str) -> Sends {
    text(format!("{{\"success\":true,{members}}}"))
}

fn refuses(message: &str) -> Sends {
    text(format!(
        "{{\"success\":false,\"message\":\"{message}\",\"signature\":\"\",\"response\":\"\"}}"
    ))
}

/// The right answer with these bytes as the message.
fn replaced(json: &str, message: &[u8]) -> Vec<u8> {
    let (before, after) = json.split_once("\"message\":\"").unwrap();
    [
        before.as_bytes(),
        b"\"message\":\"",
        message,
        after.as_bytes(),
    ]
    .concat()
}

fn signature_of(json: &str) -> &str {
    let (_, rest) = json.split_once("\"signature\":\"").unwrap();
    rest.split_once('"').unwrap().0
}

/// Text that some readers take for an object.
fn in_a_list(json: &str) -> String {
    format!("[true,\"\",{:?},\"\"]", signature_of(json))
}
