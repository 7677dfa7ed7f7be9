//! The page on which a user operates the phones.

use std::thread::{self, JoinHandle};

use logonbox_authenticator::{Approval, Client, Error, ErrorKind, Texts};
use tenant::{Options, Tenant};
use thirtyfour::prelude::*;
use tokio::task::AbortHandle;

use crate::browser::{Accessible, Browser, TIMEOUT, Window};

/// A client whose login waits for a phone.
struct Ring {
    /// Nothing if the login was cancelled.
    login: JoinHandle<Option<Result<Approval, Error>>>,
    task: AbortHandle,
}

/// The comments of a phone's keys.
const KEY: &str = "LogonBox Key";
const RSA_KEY: &str = "Legacy RSA";

/// Rings the phone with the key of that comment, and waits until the tenant has noticed.
fn ring(tenant: &Tenant, account: &'static str, comment: &'static str) -> Ring {
    ring_asking(tenant, account, comment, Texts::default())
}

fn ring_asking(
    tenant: &Tenant,
    account: &'static str,
    comment: &'static str,
    texts: Texts,
) -> Ring {
    let waiting = tenant.waiting().len();
    let client = Client::builder(tenant.authority().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .texts(texts)
        .build()
        .unwrap();
    let event_loop = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let login = event_loop.spawn(async move {
        let keys = client.keys(account).await?;
        let request = client.request(account, client.choose_named(&keys, comment)?)?;
        client.sign(request).await?.verify()
    });
    let task = login.abort_handle();
    let login = thread::spawn(move || event_loop.block_on(login).ok());
    assert!(tenant.wait_for_waiting(waiting + 1, TIMEOUT));
    Ring { login, task }
}

impl Ring {
    fn end(self) -> Result<Approval, ErrorKind> {
        let result = self.login.join().unwrap().expect("not cancelled");
        result.map_err(|error| error.kind())
    }
}

fn start(window: Window) -> (Tenant, Browser) {
    let tenant = Tenant::start(Options::default()).unwrap();
    let browser = Browser::open(window, &format!("https://{}/", tenant.authority()));
    browser.see("#nothing", "Nothing waits for you");
    (tenant, browser)
}

#[test]
fn a_request_comes_and_goes_without_a_reload() {
    let (tenant, phone) = start(Window::Phone);
    phone.script("window.mark = 'the same page'");
    let first = ring(&tenant, "page", KEY);
    phone.see("section h2", "page on Pixel 8");
    phone.see(
        "section .text",
        "page wants to authenticate from LogonBox Authenticator API",
    );
    phone.press("button[value=authorize]");
    phone.see("#said", "page on Pixel 8: Authorized.");
    phone.see_no("section");
    assert_eq!(first.end().unwrap().principal(), "page");

    let second = ring(&tenant, "page", KEY);
    phone.press("button[value=decline]");
    phone.see("#said", "page on Pixel 8: Declined.");
    assert_eq!(second.end().unwrap_err(), ErrorKind::Declined);

    let third = ring(&tenant, "page", RSA_KEY);
    phone.press("button[value=wrong-key]");
    phone.see("#said", "page on Pixel 8: Signed with a wrong key.");
    assert_eq!(third.end().unwrap_err(), ErrorKind::BadSignature);

    phone.see("#nothing", "Nothing waits for you");
    assert_eq!(phone.script("return window.mark"), "the same page");
}

#[test]
fn a_request_whose_client_is_gone_disappears() {
    let (tenant, phone) = start(Window::Phone);
    let login = ring(&tenant, "page", KEY);
    phone.see("section h2", "page on Pixel 8");
    login.task.abort();
    phone.see_no("section");
    phone.see("#said", "The request for page on Pixel 8 is over.");
    assert!(login.login.join().unwrap().is_none());
}

#[test]
fn a_code_is_larger_than_the_question_and_has_no_blank() {
    let (tenant, phone) = start(Window::Phone);
    let texts = Texts {
        prompt: "Does <i>{username}</i> log in? Code: 482913".to_owned(),
        ..Texts::default()
    };
    let login = ring_asking(&tenant, "page", KEY, texts);
    phone.see("section .text", "Does <i>page</i> log in? Code: 482913");
    assert_eq!(phone.see("section strong.code", ""), "482913");
    let size = |css: &str| {
        let script = format!("return getComputedStyle(document.querySelector({css:?})).fontSize");
        let size = phone.script(&script);
        let size = size.as_str().unwrap().trim_end_matches("px").to_owned();
        size.parse::<f64>().unwrap()
    };
    assert!(size("section strong.code") >= 1.5 * size("section .text"));
    assert_eq!(tenant.waiting().remove(0).code().unwrap(), "482913");
    phone.press("button[value=authorize]");
    assert!(login.end().is_ok());
}

#[test]
fn each_phone_is_asked_for_itself() {
    let (tenant, phone) = start(Window::Phone);
    let lee = ring(&tenant, "page.ed25519.rsa@lee", "Pixel 8");
    let lees_old = ring(&tenant, "page.ed25519.rsa@lee", "Old phone");
    let kim = ring(&tenant, "page@kim", KEY);
    phone.see("nav li:first-child strong", "3");
    // The waiting requests, in the order of arrival.
    phone.see(
        "section:nth-of-type(1) h2",
        "page.ed25519.rsa@lee on Pixel 8",
    );
    phone.see(
        "section:nth-of-type(2) h2",
        "page.ed25519.rsa@lee on Old phone",
    );
    phone.see("section:nth-of-type(3) h2", "page@kim on Pixel 8");

    // The page of a single phone.
    phone.press("nav a[href='/?account=page.ed25519.rsa%40lee&phone=Old+phone']");
    phone.see("h1", "Old phone of page.ed25519.rsa@lee");
    phone.see_no("section:nth-of-type(2)");
    phone.see("section h2", "page.ed25519.rsa@lee on Old phone");
    phone.press("button[value=decline]");
    phone.see("#said", "page.ed25519.rsa@lee on Old phone: Declined.");
    assert_eq!(lees_old.end().unwrap_err(), ErrorKind::Declined);

    phone.press("nav a[href='/']");
    phone.see("nav li:first-child strong", "2");
    phone.see("section:nth-of-type(2) h2", "page@kim on Pixel 8");
    phone.press("section:nth-of-type(2) button[value=authorize]");
    phone.see("#said", "page@kim on Pixel 8: Authorized.");
    assert_eq!(kim.end().unwrap().principal(), "page@kim");
    phone.press("button[value=authorize]");
    phone.see("#said", "page.ed25519.rsa@lee on Pixel 8: Authorized.");
    assert_eq!(lee.end().unwrap().principal(), "page.ed25519.rsa@lee");
}

#[test]
fn a_keyboard_is_enough() {
    let (tenant, page) = start(Window::Desktop);
    let first = ring(&tenant, "page@lee", KEY);
    let second = ring(&tenant, "page@kim", KEY);
    page.see("section:nth-of-type(2) h2", "page@kim");
    tab_to(&page, "section:nth-of-type(1) button[value=authorize]");
    // A third request must not move the focus.
    let third = ring(&tenant, "page@max", KEY);
    page.see("section:nth-of-type(3) h2", "page@max");
    assert!(is_focused(
        &page,
        "section:nth-of-type(1) button[value=authorize]"
    ));
    page.key(Key::Enter);
    page.see("#said", "page@lee on Pixel 8: Authorized.");
    assert!(first.end().is_ok());

    // The focus is on the next request, but not on a button: another Enter has no effect.
    page.wait_script(
        "focus on the next request's heading",
        "return document.activeElement.matches('section:nth-of-type(1) h2')",
    );
    page.key(Key::Enter);
    tab_to(&page, "section:nth-of-type(1) button[value=decline]");
    assert_eq!(tenant.waiting().len(), 2);
    page.key(Key::Space);
    page.see("#said", "page@kim on Pixel 8: Declined.");
    assert_eq!(second.end().unwrap_err(), ErrorKind::Declined);

    tab_to(&page, "section button[value=authorize]");
    page.key(Key::Enter);
    assert!(third.end().is_ok());
    page.wait_script(
        "focus on the page's heading, as nothing is left",
        "return document.activeElement.matches('h1')",
    );
}

/// Presses Tab until this element has the focus.
fn tab_to(page: &Browser, css: &str) {
    for _ in 0..20 {
        if is_focused(page, css) {
            return;
        }
        page.key(Key::Tab);
    }
    panic!("Tab does not lead to {css}");
}

fn is_focused(page: &Browser, css: &str) -> bool {
    page.script(&format!("return document.activeElement.matches({css:?})")) == true
}

#[test]
fn a_screen_reader_is_told_who_asks_what() {
    let (tenant, page) = start(Window::Desktop);
    let login = ring(&tenant, "page", KEY);
    let question = page.see("section .text", "wants to authenticate");
    // New requests and results are announced.
    let news = format!("New request for page on Pixel 8: {question}");
    page.see("#news", &news);
    for status in ["#news", "#said"] {
        let status = page.accessible(status);
        assert_eq!(
            (status.role.as_str(), status.live.as_str()),
            ("status", "polite")
        );
    }
    let region = page.accessible("section");
    assert_eq!(
        (region.role.as_str(), region.name.as_str()),
        ("region", "page on Pixel 8")
    );
    for (value, name) in [
        ("authorize", "Authorize"),
        ("decline", "Decline"),
        ("wrong-key", "Sign with a wrong key"),
    ] {
        let button = page.accessible(&format!("button[value={value}]"));
        let expected = Accessible {
            role: "button".to_owned(),
            name: name.to_owned(),
            description: question.clone(),
            live: button.live.clone(),
        };
        assert_eq!(button, expected);
    }
    let phones = page.accessible("nav");
    assert_eq!(
        (phones.role.as_str(), phones.name.as_str()),
        ("navigation", "Phones")
    );
    let title = page.script("return document.title");
    assert!(
        title.as_str().unwrap().starts_with("(1) Phones of "),
        "{title}"
    );

    page.press("button[value=decline]");
    assert!(login.end().is_err());
    drop(tenant);
    page.see("#lost", "The tenant does not answer any more.");
    let lost = page.accessible("#lost");
    assert_eq!(
        (lost.role.as_str(), lost.live.as_str()),
        ("alert", "assertive")
    );
}

#[test]
fn it_works_without_script() {
    let (tenant, phone) = start(Window::Phone);
    phone.switch_script_off();
    phone.go(&format!(
        "https://{}/?account=page&phone=Pixel+8",
        tenant.authority()
    ));
    let login = ring(&tenant, "page", KEY);
    phone.press("button[value=authorize]");
    phone.see("#said", "Authorized.");
    phone.see("h1", "Pixel 8 of page");
    assert!(login.end().is_ok());
}
