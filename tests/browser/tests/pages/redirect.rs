//! From the example application to the tenant, to the phone, and back.

use tenant::{Account, Options, Tenant};
use thirtyfour::prelude::*;

use crate::application::Application;
use crate::browser::{Accessible, Browser, Window};

const NOT_ASKED: &str = "No login waits for this response";

/// A tenant, an application, and a user's computer.
struct Setup {
    laptop: Browser,
    application: Application,
    tenant: Tenant,
}

impl Setup {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let tenant = Tenant::start(options).unwrap();
        let application = Application::start(&tenant);
        let laptop = Browser::open(Window::Desktop, &application.url);
        Self {
            laptop,
            application,
            tenant,
        }
    }

    fn log_in_as(&self, user: &str) {
        self.laptop.write("input[name=user]", user);
        self.laptop.press("button");
    }

    fn phone(&self) -> Browser {
        let url = format!("https://{}/", self.tenant.authority());
        Browser::open(Window::Phone, &url)
    }

    /// A login whose response has reached a different browser. Returns the session of the login,
    /// the browser, and the address with the response.
    fn answered(&self, user: &str) -> (Cookie, Browser, String) {
        let started = self.application.start_login(user);
        let other = Browser::open(Window::Desktop, &started.location);
        other.see("[role=alert]", NOT_ASKED);
        let finish = other.url();
        // The Host header has no influence.
        let application = format!("{}/finish/", self.application.url);
        assert!(finish.starts_with(&application), "{finish}");
        let (name, value) = started.session;
        (Cookie::new(name, value), other, finish)
    }

    fn session(&self) -> Cookie {
        let mut cookies = self.laptop.cookies();
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        cookies.remove(0)
    }
}

#[test]
fn a_person_logs_in_and_out() {
    let setup = Setup::new();
    let laptop = &setup.laptop;
    setup.log_in_as("page");

    laptop.see("h1", "Confirm on your phone");
    laptop.see(".text", "page wants to log in to the example wiki.");
    laptop.see("dl", &setup.application.url);
    laptop.see("main", "press Authorize");
    laptop.see("#status", "Waiting for Pixel 8");
    let phone = setup.phone();
    phone.see("section .text", "page wants to log in to the example wiki.");
    phone.press("button[value=authorize]");

    laptop.see("[role=status]", "You are logged in as page.");
    // The response is removed from the address, so that it is not bookmarked.
    assert_eq!(laptop.url(), format!("{}/", setup.application.url));
    let session = setup.session();
    assert_eq!(session.http_only, Some(true));
    assert_eq!(session.same_site, Some(SameSite::Lax));

    laptop.press("button");
    laptop.see("label", "User name");
    laptop.add_cookie(session);
    laptop.go(&setup.application.url);
    laptop.see("label", "User name");
}

/// The page of the tenant stays on the screen here. The browser waits for the next page and does
/// not answer its driver meanwhile.
#[test]
fn it_works_without_script() {
    let setup = Setup::new();
    setup.laptop.switch_script_off();
    setup.laptop.go(&setup.application.url);
    setup.log_in_as("page");
    setup.phone().press("button[value=authorize]");
    setup
        .laptop
        .see("[role=status]", "You are logged in as page.");
}

#[test]
fn declined_is_said_and_a_second_try_works() {
    let setup = Setup::new();
    let (laptop, phone) = (&setup.laptop, setup.phone());
    setup.log_in_as("page");
    phone.press("button[value=decline]");
    laptop.see("[role=alert]", "You declined on your phone.");

    laptop.press("main a");
    laptop.see("label", "User name");
    setup.log_in_as("page");
    phone.press("button[value=authorize]");
    laptop.see("[role=status]", "You are logged in as page.");
}

/// The second browser belongs to an attacker who knows the address of the request.
#[test]
fn a_response_is_good_for_one_session_and_once() {
    let setup = Setup::new();
    let laptop = &setup.laptop;
    let (session, other, finish) = setup.answered("approve");
    laptop.add_cookie(session.clone());
    laptop.go(&finish);
    laptop.see("[role=status]", "You are logged in as approve.");
    // An attacker may know an id from before.
    assert_ne!(session.value, setup.session().value);
    laptop.go(&finish);
    laptop.see("[role=alert]", NOT_ASKED);

    other.add_cookie(session);
    other.go(&finish);
    other.see("[role=alert]", NOT_ASKED);
}

#[test]
fn a_refusal_is_good_once_too() {
    let setup = Setup::new();
    let (session, other, finish) = setup.answered("decline");
    for said in ["You declined on your phone.", NOT_ASKED] {
        other.add_cookie(session.clone());
        other.go(&finish);
        other.see("[role=alert]", said);
    }
}

#[test]
fn what_does_not_fit_logs_nobody_in() {
    let setup = Setup::new();
    let laptop = &setup.laptop;
    for (user, said) in [
        ("wrong-key", "does not fit"),
        ("approve.redirect-other-user", "does not fit"),
        ("approve.redirect-lower-flags", "does not fit"),
        ("not-json", "does not fit"),
        // The page does not reveal whether the account exists.
        ("lee", "There is no phone to ask for that name."),
        ("keys-none", "There is no phone to ask for that name."),
        ("keys-error-500", "Phones cannot be asked at the moment."),
    ] {
        setup.log_in_as(user);
        laptop.see("[role=alert]", said);
        laptop.press("main a");
        laptop.see("label", "User name");
    }
    laptop.go(&format!("{}/finish/1?response=AA", setup.application.url));
    laptop.see("[role=alert]", NOT_ASKED);
    // Other addresses have no page.
    for place in ["start", "finish", "nowhere"] {
        laptop.go(&format!("{}/{place}", setup.application.url));
        laptop.see("label", "User name");
    }
}

/// Both logins belong to the same user. Each accepts only its own response.
#[test]
fn two_tabs_do_not_disturb_each_other() {
    let setup = Setup::new();
    let laptop = &setup.laptop;
    let (session, _, first) = setup.answered("approve");
    laptop.add_cookie(session);
    laptop.go(&setup.application.url);
    setup.log_in_as("page");
    laptop.see("h1", "Confirm on your phone");
    // An address to which another site may redirect the browser.
    laptop.go(&format!("{}/finish/1?response=AA", setup.application.url));
    laptop.see("[role=alert]", NOT_ASKED);
    laptop.go(&first);
    laptop.see("[role=status]", "You are logged in as approve.");
}

#[test]
fn another_site_logs_nobody_in() {
    let setup = Setup::new();
    let laptop = &setup.laptop;
    laptop.go(&format!(
        "data:text/html,<form method=post action={}/start><input name=user value=approve>\
         <button id=elsewhere>Win</button></form>",
        setup.application.url
    ));
    laptop.press("#elsewhere");
    laptop.see("[role=alert]", "did not come from a page of this site");
    laptop.go(&setup.application.url);
    laptop.see("label", "User name");
}

#[test]
fn behind_https_the_cookie_goes_nowhere_else() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let application = Application::start_behind_proxy(&tenant, "https://wiki.example/");
    let started = application.start_login("page");
    // Browsers accept this prefix only with Secure and Path=/, and only from the site itself.
    assert!(started.cookie.starts_with("__Host-"), "{}", started.cookie);
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        let attributes = started.cookie.split("; ");
        assert!(
            attributes.skip(1).any(|one| one == attribute),
            "{}",
            started.cookie
        );
    }
    let laptop = Browser::open(Window::Desktop, &started.location);
    laptop.see("dl", "https://wiki.example");
}

#[test]
fn names_are_text() {
    let name = "<i>lee</i> & \"co\"";
    let setup = Setup::with(Options {
        accounts: [Account::new(name)].into_iter().collect(),
        ..Options::default()
    });
    setup.log_in_as(name);
    setup
        .laptop
        .see("[role=status]", &format!("You are logged in as {name}."));
}

#[test]
fn a_screen_reader_is_told_what_to_do() {
    let setup = Setup::new();
    let laptop = &setup.laptop;
    let told = |css: &str| {
        let Accessible { role, name, .. } = laptop.accessible(css);
        (role, name)
    };
    let is = |role: &str, name: &str| (role.to_owned(), name.to_owned());
    assert_eq!(told("input"), is("textbox", "User name"));
    assert_eq!(told("button"), is("button", "Log in with your phone"));
    assert_eq!(told("h1"), is("heading", "Log in"));

    setup.log_in_as("page");
    laptop.see("#status", "Waiting for Pixel 8");
    assert_eq!(told("h1"), is("heading", "Confirm on your phone"));
    let status = laptop.accessible("#status");
    assert_eq!(
        (status.role.as_str(), status.live.as_str()),
        ("status", "polite")
    );
    let language = laptop.script("return document.documentElement.lang");
    assert_eq!(language, "en");

    setup.phone().press("button[value=decline]");
    laptop.see("[role=alert]", "You declined");
    let alert = laptop.accessible("[role=alert]");
    assert_eq!(
        (alert.role.as_str(), alert.live.as_str()),
        ("alert", "assertive")
    );
}
