//! The layout on a small screen, and pictures of all pages.

use std::thread;

use logonbox_authenticator::Texts;
use logonbox_authenticator::blocking::Client;
use tenant::{Options, Tenant};

use crate::application::Application;
use crate::browser::{Browser, TIMEOUT, Window};

/// The longest possible name, without a place for a line break.
const ACCOUNT: &str = "page@a-department-with-a-very-long-name-indeed.of-a-company.example";

/// Expects that everything fits the width, and that buttons are large enough for a finger.
fn fits(browser: &Browser, page: &str) {
    let wide = browser.script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    assert_eq!(wide, 0, "{page} is wider than the window");
    let small = browser.script(
        "return [...document.querySelectorAll('button, input:not([type=hidden]), nav a, summary')] \
           .map((element) => [element.outerHTML, element.getBoundingClientRect()]) \
           .filter(([, at]) => at.height < 44 || at.width < 44) \
           .map(([html, at]) => `${html}: ${at.width} x ${at.height}`).join('\\n')",
    );
    assert_eq!(small, "", "too small for a finger on {page}");
}

fn pictures(browser: &Browser, page: &str, window: Window) {
    if matches!(window, Window::Phone) {
        fits(browser, page);
    }
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.picture(&format!("{page}-{window:?}-{scheme}").to_lowercase());
    }
}

fn all(window: Window) {
    let tenant = Tenant::start(Options::default()).unwrap();
    let application = Application::start(&tenant);
    let browser = Browser::open(window, &application.url);
    browser.see("label", "User name");
    pictures(&browser, "application-start", window);
    browser.write("input", ACCOUNT);
    browser.press("button");
    browser.see("#status", "Waiting for");
    pictures(&browser, "sign", window);

    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    let client = Client::builder(tenant.authority().parse().unwrap());
    let client = client.ca_pem(tenant.ca_pem()).texts(Texts {
        prompt: "{username} wants to log in to the host. Code: 482913".to_owned(),
        ..Texts::default()
    });
    let client = client.build_blocking().unwrap();
    let push = thread::spawn(move || client.authenticate("page").is_ok());
    assert!(tenant.wait_for_waiting(2, TIMEOUT));
    let phone = Browser::open(window, &format!("https://{}/", tenant.authority()));
    phone.see("section:nth-of-type(2)", "");
    pictures(&phone, "phones", window);
    phone.press("section:nth-of-type(2) button[value=decline]");
    phone.see("#said", "Declined");
    pictures(&phone, "phones-said", window);
    assert!(!push.join().unwrap());
    phone.press("button[value=authorize]");
    phone.see("#nothing", "Nothing waits");
    pictures(&phone, "phones-nothing", window);

    browser.see("[role=status]", ACCOUNT);
    pictures(&browser, "application-welcome", window);
    browser.go(&format!("{}/finish/1", application.url));
    browser.see("[role=alert]", "No login waits");
    pictures(&browser, "application-refused", window);
    browser.go(&format!(
        "https://{}/authenticator/sign/AAAA",
        tenant.authority()
    ));
    browser.see("[role=alert]", "request");
    pictures(&browser, "sign-unusable", window);
}

#[test]
fn on_a_desktop() {
    all(Window::Desktop);
}

#[test]
fn on_a_phone() {
    all(Window::Phone);
}
