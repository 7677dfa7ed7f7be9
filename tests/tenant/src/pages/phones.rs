//! The page on which a user operates the phones.

use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use hyper::StatusCode;
use serde_json::json;

use super::{button, escape, guard, page, question};
use crate::accounts::Accounts;
use crate::reply::{JSON, Reply};
use crate::scenario::Reaction;
use crate::seen::{Press, Seen, Waiting};

/// The page of a running tenant.
pub(crate) struct Phones {
    authority: String,
    accounts: Vec<String>,
    /// The account and name of each phone that waits for a user.
    played: Vec<(String, String)>,
    /// A token against cross-site requests: pages of other sites do not know it.
    token: String,
}

/// The part of the page that the user wants to see.
#[derive(Default)]
pub(crate) struct View {
    /// One phone (account and name), or all phones.
    only: Option<(String, String)>,
    /// The result of the button that the user has pressed.
    said: Option<Said>,
    /// The state that the page shows already.
    after: Option<u64>,
}

/// The result of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Pressed(Press),
    TooLate,
}

impl Said {
    const ALL: [Self; 4] = [
        Self::Pressed(Press::Authorize),
        Self::Pressed(Press::Decline),
        Self::Pressed(Press::WrongKey),
        Self::TooLate,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Pressed(Press::Authorize) => "authorize",
            Self::Pressed(Press::Decline) => "decline",
            Self::Pressed(Press::WrongKey) => "wrong-key",
            Self::TooLate => "too-late",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Pressed(Press::Authorize) => "Authorized.",
            Self::Pressed(Press::Decline) => "Declined.",
            Self::Pressed(Press::WrongKey) => "Signed with a wrong key.",
            Self::TooLate => "That request does not wait any more.",
        }
    }
}

impl View {
    pub(crate) fn read(query: &str) -> Self {
        let fields: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let field = |name: &str| fields.get(name).map(ToString::to_string);
        Self {
            only: field("account").zip(field("phone")),
            said: field("said")
                .and_then(|name| Said::ALL.into_iter().find(|said| said.name() == name)),
            after: field("after").and_then(|version| version.parse().ok()),
        }
    }

    /// Whether the page is up to date.
    pub(crate) fn is_up_to_date(&self, seen: &Seen) -> bool {
        self.after == Some(seen.version)
    }

    fn shows(&self, waiting: &Waiting) -> bool {
        self.only
            .as_ref()
            .is_none_or(|(account, phone)| *account == waiting.account && *phone == waiting.phone)
    }

    fn href(&self) -> String {
        self.only
            .as_ref()
            .map_or("/".into(), |(account, phone)| href(account, phone))
    }
}

/// The address of the page for a single phone.
pub(crate) fn href(account: &str, phone: &str) -> String {
    let query = Serializer::new(String::new())
        .append_pair("account", account)
        .append_pair("phone", phone)
        .finish();
    format!("/?{query}")
}

impl Phones {
    pub(crate) fn new(authority: String, accounts: &Accounts) -> Self {
        let mut token = [0; 16];
        getrandom::getrandom(&mut token).expect("the system has random bytes");
        let names = accounts.names();
        let played = names
            .iter()
            .filter_map(|name| accounts.find(name))
            .filter(|account| account.reaction == Reaction::Page)
            .flat_map(|account| {
                let phones = account.phones.into_iter();
                phones.map(move |phone| (account.name.clone(), phone.name))
            })
            .collect();
        Self {
            authority,
            accounts: names,
            played,
            token: crate::wire::base64url(&token),
        }
    }

    /// The tenant's name for texts, without the port.
    pub(crate) fn hostname(&self) -> &str {
        let name = self.authority.rsplit_once(':').map(|(name, _port)| name);
        name.unwrap_or(&self.authority)
    }

    /// The page.
    pub(crate) fn whole(&self, seen: &Seen, view: &View) -> Reply {
        let title = match &view.only {
            Some((account, phone)) => format!("{phone} of {account}"),
            None => format!("Phones of {}", self.authority),
        };
        let requests = shown(seen, view);
        let body = format!(
            "<h1 id=\"top\" tabindex=\"-1\"><bdi>{title}</bdi></h1>\n\
             <nav aria-label=\"Phones\" id=\"phones\">{nav}</nav>\n\
             <p id=\"lost\" role=\"alert\" hidden>The tenant does not answer any more.</p>\n\
             <p id=\"said\" role=\"status\">{said}</p>\n\
             <p id=\"news\" role=\"status\" class=\"unseen\"></p>\n\
             <div id=\"requests\" data-version=\"{version}\" data-token=\"{token}\">{html}</div>\n\
             <p id=\"nothing\"{hidden}>Nothing waits for you. {how}</p>\n\
             <details><summary>Accounts</summary>\n<ul><li><code>{accounts}</code></li></ul>\n</details>\n",
            title = escape(&title),
            nav = self.nav(seen, view),
            said = view.said.map_or("", Said::text),
            version = seen.version,
            token = self.token,
            html = requests
                .iter()
                .map(|waiting| self.request(waiting, view))
                .collect::<String>(),
            hidden = if requests.is_empty() { "" } else { " hidden" },
            how = match &view.only {
                Some(phone) if !self.played.contains(phone) && !is_defined(seen, phone) =>
                    "This phone waits for nobody.".into(),
                Some((account, _)) => {
                    let account = escape(account);
                    format!("Log in as <code>{account}</code>, and the request appears here.")
                }
                None => "Log in as <code>page</code>, or as another account whose phone is \
                         <code>page</code>, and the request appears here."
                    .into(),
            },
            accounts = self
                .accounts
                .iter()
                .map(|name| escape(name))
                .collect::<Vec<_>>()
                .join("</code></li><li><code>"),
        );
        let head = "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n\
                    <script src=\"/phones.js\" defer></script>\n";
        page(&title, head, &body)
    }

    /// The part of the page that changes, for the script.
    pub(crate) fn changes(&self, seen: &Seen, view: &View) -> Reply {
        let requests: Vec<_> = shown(seen, view)
            .iter()
            .map(|waiting| {
                json!({
                    "id": waiting.id.to_string(),
                    "account": waiting.account,
                    "phone": waiting.phone,
                    "text": waiting.text,
                    "code": waiting.code(),
                    "news": format!("New request for {} on {}: {}", waiting.account, waiting.phone, waiting.text),
                    "html": self.request(waiting, view),
                })
            })
            .collect();
        let state = json!({
            "token": self.token,
            "version": seen.version,
            "nav": self.nav(seen, view),
            "requests": requests,
        });
        guard(Reply::ok(JSON, state.to_string()))
    }

    /// Links to the phones, with the number of requests that wait for each.
    fn nav(&self, seen: &Seen, view: &View) -> String {
        let mut counts: BTreeMap<(&str, &str), usize> = self
            .played
            .iter()
            .map(|(account, phone)| ((account.as_str(), phone.as_str()), 0))
            .collect();
        let waiting = seen.waiting();
        for waiting in &waiting {
            *counts
                .entry((&waiting.account, &waiting.phone))
                .or_default() += 1;
        }
        let here = view.href();
        let link = |to: String, name: &str, count: usize| {
            let current = if to == here {
                " aria-current=\"page\""
            } else {
                ""
            };
            let count = match count {
                0 => String::new(),
                count => format!(" <strong>{count}</strong>"),
            };
            format!(
                "<li><a href=\"{}\"{current}>{name}{count}</a></li>",
                escape(&to)
            )
        };
        let all = link("/".into(), "All phones", waiting.len());
        let each: String = counts
            .into_iter()
            .map(|((account, phone), count)| {
                let name = format!(
                    "<bdi>{}</bdi> <span><bdi>{}</bdi></span>",
                    escape(phone),
                    escape(account)
                );
                link(href(account, phone), &name, count)
            })
            .collect();
        format!("<ul>{all}{each}</ul>")
    }

    fn request(&self, waiting: &Waiting, view: &View) -> String {
        format!(
            "<section data-request=\"{id}\" aria-labelledby=\"r{id}\">\n\
             <h2 id=\"r{id}\" tabindex=\"-1\"><bdi>{account}</bdi> on <bdi>{phone}</bdi></h2>\n\
             <p class=\"text\" id=\"t{id}\"><bdi>{text}</bdi></p>\n\
             <p class=\"from\">From <bdi>{remote}</bdi></p>\n\
             <form method=\"post\" action=\"/press\">\n\
             <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
             <input type=\"hidden\" name=\"id\" value=\"{id}\">\n\
             <input type=\"hidden\" name=\"back\" value=\"{back}\">\n\
             <button class=\"yes\" name=\"press\" value=\"authorize\" aria-describedby=\"t{id}\"><bdi>{button}</bdi></button>\n\
             <button class=\"no\" name=\"press\" value=\"decline\" aria-describedby=\"t{id}\">Decline</button>\n\
             <button class=\"odd\" name=\"press\" value=\"wrong-key\" aria-describedby=\"t{id}\">Sign with a wrong key</button>\n\
             </form>\n</section>\n",
            id = waiting.id,
            account = escape(&waiting.account),
            text = question(&waiting.text),
            remote = escape(&waiting.remote_name),
            phone = escape(&waiting.phone),
            token = self.token,
            back = escape(&view.href()),
            button = escape(button(&waiting.authorize_text)),
        )
    }

    /// The button and request that a form names, and the view in which it was pressed.
    pub(crate) fn read_press(&self, body: &[u8]) -> Result<(u64, Press, View), StatusCode> {
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
        let id = field("id").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
        let back = field("back");
        Ok((id, press, View::read(back.strip_prefix("/?").unwrap_or(""))))
    }

    /// The result of a press: data for the script, or a page without one.
    pub(crate) fn pressed(said: Said, view: &View, for_script: bool) -> Reply {
        if for_script {
            return guard(Reply::ok(JSON, json!({ "said": said.text() }).to_string()));
        }
        let href = view.href();
        let and = if href.contains('?') { '&' } else { '?' };
        Reply::see_other(&format!("{href}{and}said={}", said.name()))
    }
}

/// Whether the API has defined this phone, and a user answers.
fn is_defined(seen: &Seen, (account, phone): &(String, String)) -> bool {
    seen.defined.get(account).is_some_and(|account| {
        account.reaction == Reaction::Page && account.phones.iter().any(|one| one.name == *phone)
    })
}

fn shown(seen: &Seen, view: &View) -> Vec<Waiting> {
    let mut waiting = seen.waiting();
    waiting.retain(|waiting| view.shows(waiting));
    waiting
}
