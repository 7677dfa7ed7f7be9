//! A login in a terminal, which the user approves on the phone page.

use crate::browser::{Browser, Window};
use crate::demo::Demo;

/// A demo with a request on the phone page. Returns the code that the page shows.
fn ring() -> (Demo, Browser, String) {
    let demo = Demo::start();
    let phone = Browser::open(Window::Phone, &demo.url);
    let question = phone.see("section .text", "wants to log in");
    let (_, code) = question.split_once("Code: ").unwrap();
    let code: String = code.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(code.len(), 6, "{question}");
    (demo, phone, code)
}

#[test]
fn authorize_lets_the_person_in() {
    let (mut demo, phone, code) = ring();
    phone.press("button[value=authorize]");
    demo.answer(&code);
    assert!(demo.line("verdict").ends_with("PAM_SUCCESS"));
    demo.end();
    phone.see_no("section");
}

#[test]
fn decline_keeps_the_person_out() {
    let (mut demo, phone, code) = ring();
    phone.press("button[value=decline]");
    demo.answer(&code);
    demo.line("Login denied on the phone.");
    assert!(demo.line("verdict").ends_with("PAM_MAXTRIES"));
    demo.end();
}
