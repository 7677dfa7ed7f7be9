//! The page where a person plays the phone.

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};

use crate::reply::{HTML, JSON, Reply};
use crate::seen::{Press, Seen, Waiting};

/// Where a press that came too late leads.
pub(crate) const TOO_LATE: &str = "/?too-late";

/// The page of one running tenant.
pub(crate) struct Page {
    authority: String,
    accounts: Vec<String>,
    /// Another site's page cannot know it, so it cannot press buttons here.
    token: String,
}

impl Page {
    pub(crate) fn new(authority: String, accounts: Vec<String>) -> Self {
        let mut token = [0; 16];
        getrandom::getrandom(&mut token).expect("the system has random bytes");
        Self {
            authority,
            accounts,
            token: crate::wire::base64url(&token),
        }
    }

    /// The page.
    pub(crate) fn whole(&self, seen: &Seen, too_late: bool) -> Reply {
        let accounts: Vec<_> = self.accounts.iter().map(|name| escape(name)).collect();
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Phones of {authority}</title>\n\
             <noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n\
             <link rel=\"stylesheet\" href=\"/page.css\">\n<script src=\"/page.js\" defer></script>\n</head>\n<body>\n<main>\n<h1>Phones of {authority}</h1>\n\
             <p id=\"lost\" role=\"alert\" hidden>The tenant does not answer any more.</p>\n{late}\
             <div id=\"waiting\" aria-live=\"polite\" data-version=\"{version}\">{waiting}</div>\n\
             <details><summary>Accounts</summary>\n<ul><li><code>{accounts}</code></ul>\n</details>\n\
             <p>This is a simulation. Its keys are known to everybody.</p>\n</main>\n\
             </body>\n</html>\n",
            authority = escape(&self.authority),
            late = if too_late {
                "<p role=\"alert\">That request does not wait any more.</p>\n"
            } else {
                ""
            },
            accounts = accounts.join("</code><li><code>"),
            version = seen.version,
            waiting = self.fragment(seen),
        );
        guard(Reply::ok(HTML, html))
    }

    /// The part of the page that changes, for its script.
    pub(crate) fn waiting(&self, seen: &Seen) -> Reply {
        let state = serde_json::json!({
            "version": seen.version,
            "waiting": seen.waiting().len(),
            "html": self.fragment(seen),
        });
        guard(Reply::ok(JSON, state.to_string()))
    }

    fn fragment(&self, seen: &Seen) -> String {
        let waiting = seen.waiting();
        if waiting.is_empty() {
            return "<p>Nothing waits for you. Log in as <code>page</code>, or as another account \
                    whose phone is <code>page</code>, and the request appears here.</p>"
                .into();
        }
        waiting
            .iter()
            .map(|waiting| self.request(waiting))
            .collect()
    }

    fn request(&self, waiting: &Waiting) -> String {
        let button = match waiting.authorize_text.trim() {
            "" => "Authorize",
            text => text,
        };
        format!(
            "<section aria-labelledby=\"r{id}\">\n<h2 id=\"r{id}\"><bdi>{account}</bdi></h2>\n\
             <p class=\"text\"><bdi>{text}</bdi></p>\n\
             <p class=\"from\">From <bdi>{remote}</bdi>, on <bdi>{phone}</bdi></p>\n\
             <form method=\"post\" action=\"/press\">\n\
             <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
             <input type=\"hidden\" name=\"id\" value=\"{id}\">\n\
             <button class=\"yes\" name=\"press\" value=\"authorize\" aria-describedby=\"r{id}\"><bdi>{button}</bdi></button>\n\
             <button class=\"no\" name=\"press\" value=\"decline\" aria-describedby=\"r{id}\">Decline</button>\n\
             <button class=\"odd\" name=\"press\" value=\"wrong-key\" aria-describedby=\"r{id}\">Sign with a wrong key</button>\n\
             </form>\n</section>\n",
            id = waiting.id,
            account = escape(&waiting.account),
            text = escape(&waiting.text),
            remote = escape(&waiting.remote_name),
            phone = escape(&waiting.phone),
            token = self.token,
            button = escape(button),
        )
    }

    /// Which button of which request a form says was pressed.
    pub(crate) fn read_press(&self, body: &[u8]) -> Result<(u64, Press), StatusCode> {
        let field = |name: &str| {
            let mut fields = form_urlencoded::parse(body);
            fields
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        if field("token") != self.token {
            return Err(StatusCode::FORBIDDEN);
        }
        let press = match field("press").as_str() {
            "authorize" => Press::Authorize,
            "decline" => Press::Decline,
            "wrong-key" => Press::WrongKey,
            _ => return Err(StatusCode::BAD_REQUEST),
        };
        Ok((
            field("id").parse().map_err(|_| StatusCode::BAD_REQUEST)?,
            press,
        ))
    }
}

pub(crate) fn style() -> Reply {
    guard(Reply::ok("text/css", include_str!("page.css")))
}

pub(crate) fn script() -> Reply {
    guard(Reply::ok("text/javascript", include_str!("page.js")))
}

/// Nobody may frame the page, keep it, or load anything into it.
fn guard(reply: Reply) -> Reply {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let set =
        |reply: Reply, name: HeaderName, value| reply.header(name, HeaderValue::from_static(value));
    let reply = set(reply, header::CONTENT_SECURITY_POLICY, POLICY);
    let reply = set(reply, header::CACHE_CONTROL, "no-store");
    set(reply, header::X_CONTENT_TYPE_OPTIONS, "nosniff")
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
