//! The pages.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use logonbox_authenticator::ErrorKind;
use tower_sessions::session;

pub fn log_in() -> Html<String> {
    page(
        "Log in",
        "<form method=\"post\" action=\"/start\"><label for=\"user\">User name</label>\
         <input id=\"user\" name=\"user\" required maxlength=\"200\" autocomplete=\"username\" \
         autocapitalize=\"none\" spellcheck=\"false\"><button>Log in with your phone</button></form>",
    )
}

pub fn welcome(user: &str) -> Html<String> {
    let user = escape(user);
    page(
        "Welcome",
        &format!(
            "<p role=\"status\">You are logged in as <b>{user}</b>.</p>\
             <form method=\"post\" action=\"/logout\"><button>Log out</button></form>"
        ),
    )
}

/// A message for the user.
pub struct Problem(StatusCode, &'static str);

impl Problem {
    pub const ELSEWHERE: Self = Self(
        StatusCode::FORBIDDEN,
        "That did not come from a page of this site.",
    );
    pub const NOT_ASKED: Self = Self(
        StatusCode::FORBIDDEN,
        "No login waits for this response: it was used before, or belongs to another browser.",
    );
    pub const BROKEN: Self = Self(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something is broken here.",
    );
}

impl From<logonbox_authenticator::Error> for Problem {
    fn from(error: logonbox_authenticator::Error) -> Self {
        eprintln!("not logged in: {error}");
        match error.kind() {
            ErrorKind::Declined => Self(StatusCode::FORBIDDEN, "You declined on your phone."),
            ErrorKind::Expired => Self(StatusCode::FORBIDDEN, "That took too long."),
            ErrorKind::Mismatch | ErrorKind::BadSignature | ErrorKind::NotUnderstood => Self(
                StatusCode::FORBIDDEN,
                "The response does not fit what was asked.",
            ),
            // One text for both, so that it does not reveal which users exist.
            ErrorKind::NoSuchAccount | ErrorKind::NoUsableKey | ErrorKind::InvalidInput => Self(
                StatusCode::FORBIDDEN,
                "There is no phone to ask for that name.",
            ),
            _ => Self(
                StatusCode::BAD_GATEWAY,
                "Phones cannot be asked at the moment.",
            ),
        }
    }
}

impl From<session::Error> for Problem {
    fn from(error: session::Error) -> Self {
        eprintln!("session: {error}");
        Self::BROKEN
    }
}

impl From<tokio::task::JoinError> for Problem {
    fn from(error: tokio::task::JoinError) -> Self {
        eprintln!("asking the tenant: {error}");
        Self::BROKEN
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(status, why) = self;
        let body = format!("<p role=\"alert\">{why}</p><p><a href=\"/\">Try again</a></p>");
        (status, page("The login did not work", &body)).into_response()
    }
}

/// `body` is HTML.
fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} - Example wiki</title><link rel=\"stylesheet\" href=\"/style.css\">\
         <main><h1>{title}</h1>{body}</main></html>"
    ))
}

fn escape(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

pub const STYLE: &str = "
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
main { max-width: 26rem; margin: 0 auto; padding: 0 1rem; overflow-wrap: anywhere; }
input, button { box-sizing: border-box; width: 100%; min-height: 3rem; margin: .5rem 0; font: inherit; }
";
