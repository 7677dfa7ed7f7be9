//! The JSON documents of an Airlock IAM.
#![no_main]

use airlock_iam::{Error, fuzz};
use libfuzzer_sys::fuzz_target;
use properties::{assert_harmless, json, reply, split};
use serde_json::Value;

const STATUSES: [u16; 12] = [200, 201, 204, 299, 300, 302, 400, 401, 403, 404, 500, 503];

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = split(data) else {
        return;
    };
    let status = STATUSES[usize::from(status) % STATUSES.len()];
    let reply = reply(status, body);
    for error in [
        fuzz::session(&reply).err(),
        fuzz::devices(&reply).err(),
        fuzz::challenge(&reply).err(),
    ] {
        error.as_ref().into_iter().for_each(assert_error);
    }
    let Some(read) = json(body) else { return };
    let object = |at: &str| read.pointer(at).is_some_and(Value::is_object);
    let none = |at: &str| read.pointer(at).is_none();
    let good = (200..300).contains(&status)
        && read.is_object()
        && read.get("errors").is_none_or(Value::is_null);
    let session = good
        && read.pointer("/data/type") == Some(&"authentication.session".into())
        && object("/data/attributes")
        && (object("/meta") || none("/meta"))
        && none("/meta/nextAuthStep");

    match fuzz::session(&reply) {
        Ok(None) => assert!(session && none("/data/attributes/nextAuthStep")),
        Ok(Some((step, _))) => {
            assert!(session && !none("/data/attributes/nextAuthStep"));
            assert!(!step.is_empty());
            assert_harmless(&step, 200);
        }
        Err(_) => {}
    }
    if let Ok(devices) = fuzz::devices(&reply) {
        assert!(good && (1..=100).contains(&devices.len()));
        for (id, device) in devices {
            assert!(!["", ".", ".."].contains(&&*id) && id.len() <= 200);
            assert!(device.display_name().chars().count() <= 200);
            assert!(device.device_type().chars().count() <= 200);
        }
    }
    if let Ok(image) = fuzz::challenge(&reply) {
        assert!(good && object("/data/attributes"));
        assert!(image.is_none_or(|image| image.len() <= body.len() / 4 * 3));
    }
    let errors = read.get("errors").is_some_and(Value::is_array);
    if let Some(step) = fuzz::next_step(&reply) {
        assert!(errors && !step.is_empty());
        assert_harmless(&step, 200);
    }
    if let Some(code) = fuzz::code(&reply) {
        assert!(errors && !code.is_empty());
    }
});

fn assert_error(error: &Error) {
    assert_harmless(error.detail(), 300);
    // With all that it says beside the detail.
    assert_harmless(&error.to_string(), 500);
}
