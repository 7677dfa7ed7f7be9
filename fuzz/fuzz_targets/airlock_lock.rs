//! The end of a lock, and the server's clock: the first line is a Date header.
#![no_main]

use airlock_iam::fuzz;
use libfuzzer_sys::fuzz_target;
use properties::{assert_harmless, reply};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (date, expiry) = text.split_once('\n').unwrap_or(("", &text));
    let mut reply = reply(403, b"");
    // A date that no header can hold is like no date.
    match date.parse() {
        Ok(date) => reply.headers_mut().insert("date", date),
        Err(_) => reply.headers_mut().remove("date"),
    };
    let lock = fuzz::lock(expiry, &reply);
    let shown = lock.to_string();
    assert_harmless(&shown, 40);
    // A time that could be read is shown in full, and is the same when it is read again.
    if lock.remaining().is_some() {
        let [day, time, zone] = shown.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{shown}");
        };
        assert_eq!(zone, "UTC");
        let again = fuzz::lock(&format!("{day}T{time}:00Z"), &reply);
        assert_eq!(again.to_string(), shown);
        let apart = lock
            .remaining()
            .unwrap()
            .abs_diff(again.remaining().unwrap());
        assert!(apart.as_secs() < 60, "{apart:?}");
    }
});
