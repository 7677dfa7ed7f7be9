//! The page of a redirect: it shows the request and waits for the phone.

use hyper::StatusCode;

use super::{button, escape, page, phones};
use crate::ask::Chosen;
use crate::redirect::Redirect;
use crate::reply::Reply;
use crate::scenario::Reaction;

/// The end of the address that asks the phone and is answered when the phone has answered. The
/// script of the page requests it. Without scripts, the browser does.
pub(crate) const ASKS: &str = "?ask";

/// The page of a request.
pub(crate) fn waiting(redirect: &Redirect, chosen: Option<&Chosen>) -> Reply {
    let form = &redirect.form;
    let phone = chosen.map_or("your phone", |chosen| &chosen.phone);
    let at_the_page = chosen.filter(|chosen| chosen.account.reaction == Reaction::Page);
    let simulated = match at_the_page {
        // The link opens in another tab, because this one waits.
        Some(chosen) => format!(
            "<p><a href=\"{href}\" target=\"_blank\" rel=\"noopener\">Play {phone}</a> (opens in a new tab)</p>\n",
            href = escape(&phones::href(&form.username, &chosen.phone)),
            phone = escape(phone),
        ),
        None => "<p>This phone answers by itself: nobody needs to press anything.</p>\n".to_owned(),
    };
    let body = format!(
        "<h1>Confirm on your phone</h1>\n\
         <p class=\"text\"><bdi>{text}</bdi></p>\n\
         <dl>\n\
         <dt>Account</dt><dd><bdi>{account}</bdi></dd>\n\
         <dt>Asked by</dt><dd><bdi>{remote}</bdi></dd>\n\
         <dt>Then back to</dt><dd>{site}</dd>\n\
         </dl>\n\
         <p>Open the request on <b><bdi>{phone}</bdi></b> and press <b><bdi>{button}</bdi></b>.</p>\n\
         <p id=\"status\" role=\"status\">Waiting for <bdi>{phone}</bdi><span class=\"dots\" aria-hidden=\"true\"></span></p>\n\
         <p id=\"lost\" role=\"alert\" hidden>The tenant does not answer any more. <a href=\"\">Try again</a></p>\n\
         {simulated}",
        text = escape(&form.text),
        account = escape(&form.username),
        remote = escape(&form.remote_name),
        site = escape(redirect.site()),
        phone = escape(phone),
        button = escape(button(&form.authorize_text)),
    );
    let head = format!(
        "<noscript><meta http-equiv=\"refresh\" content=\"0; url={ASKS}\"></noscript>\n\
         <script src=\"/sign.js\" defer></script>\n"
    );
    page("Confirm on your phone", &head, &body)
}

/// The page of a request that cannot be answered.
pub(crate) fn unusable(problem: &str) -> Reply {
    let (first, rest) = problem.split_at(problem.chars().next().map_or(0, char::len_utf8));
    let problem = format!("{}{rest}", first.to_uppercase());
    let body = format!(
        "<h1>This request cannot be used</h1>\n\
         <p role=\"alert\">{}.</p>\n\
         <p>Go back to where you came from, and try again.</p>\n",
        escape(&problem)
    );
    page("This request cannot be used", "", &body).with_status(StatusCode::BAD_REQUEST)
}
