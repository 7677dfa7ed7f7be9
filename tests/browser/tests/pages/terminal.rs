//! A login in a terminal, which the user approves on the phone page.

use crate::browser::{Browser, Window};
use crate::demo::Demo;

/// A demo with a request on the phone page. Returns the code that the terminal shows.
fn ring() -> (Demo, Browser) {
    let mut demo = Demo::start();
    let phone = Browser::open(Window::Phone, &demo.url);
    let announced = demo.line("Code: ");
    let (_, code) = announced.split_once("Code: ").unwrap();
    let code: String = code
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    assert!(!code.is_empty(), "{announced}");
    let question = phone.see("section .text", "wants to log in");
    assert!(
        question.contains(&format!("Code: {code}")),
        "not {code}: {question}"
    );
    (demo, phone)
}

#[test]
fn authorize_lets_the_person_in() {
    let (mut demo, phone) = ring();
    phone.press("button[value=authorize]");
    assert!(demo.line("verdict").ends_with("PAM_SUCCESS"));
    demo.end();
    phone.see_no("section");
}

#[test]
fn decline_keeps_the_person_out() {
    let (mut demo, phone) = ring();
    phone.press("button[value=decline]");
    demo.line("Login denied on the phone.");
    assert!(demo.line("verdict").ends_with("PAM_MAXTRIES"));
    demo.end();
}
