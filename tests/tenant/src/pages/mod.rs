//! The pages for a browser. They are served as they are here, without a build step.

use hyper::header::{self, HeaderName, HeaderValue};

use crate::code::codes;
use crate::reply::{HTML, Reply};

pub(crate) mod phones;
pub(crate) mod sign;

/// The files that the pages share, by path.
pub(crate) fn file(path: &str) -> Option<Reply> {
    let (content_type, text) = match path {
        "/page.css" => ("text/css", include_str!("page.css")),
        "/sign.js" => ("text/javascript", include_str!("sign.js")),
        "/phones.js" => ("text/javascript", include_str!("phones.js")),
        "/icon.svg" => ("image/svg+xml", include_str!("icon.svg")),
        _ => return None,
    };
    Some(guard(Reply::ok(content_type, text)))
}

/// A complete page. `head` and `body` are HTML, `title` is text.
fn page(title: &str, head: &str, body: &str) -> Reply {
    let title = escape(title);
    guard(Reply::ok(
        HTML,
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/page.css">
{head}</head>
<body>
<main>
{body}</main>
<footer>This is a simulation. Its keys are known to everybody.</footer>
</body>
</html>
"#
        ),
    ))
}

/// A page must not be framed, cached or extended with other content, and links must not send a
/// referrer.
fn guard(reply: Reply) -> Reply {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                          img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value): (HeaderName, _)| {
        reply.header(name, HeaderValue::from_static(value))
    })
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            _ => out.push(character),
        }
    }
    out
}

/// The question on a phone, as HTML. Codes stand out, so that they can be read at a glance.
fn question(text: &str) -> String {
    let mut html = String::new();
    let mut end = 0;
    for range in codes(text) {
        html += &escape(&text[end..range.start]);
        html += &stand_out(&text[range.clone()]);
        end = range.end;
    }
    html + &escape(&text[end..])
}

/// A code in large type. Six digits form two groups. No blank separates them, so that a copy of the
/// code has none either.
fn stand_out(code: &str) -> String {
    let digits = match code.len() {
        6 => {
            let (first, second) = code.split_at(3);
            format!("<span>{first}</span><span>{second}</span>")
        }
        _ => code.to_owned(),
    };
    format!("<strong class=\"code\">{digits}</strong>")
}

/// The text of the button that approves.
fn button(authorize_text: &str) -> &str {
    match authorize_text.trim() {
        "" => "Authorize",
        text => text,
    }
}
