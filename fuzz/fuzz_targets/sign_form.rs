//! A sign request's form, and the words in it: who asks for what can be chosen by whoever logs in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::{Payload, SignRequest, Texts, Wording, fuzz};
use properties::redirect::KEY;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (principal, remote_name, prompt) = (next(), next(), next());

    let texts = Texts {
        remote_name: "{remoteName}".to_owned(),
        prompt: prompt.to_owned(),
        ..Texts::default()
    };
    // What is filled in is not looked at again.
    assert_eq!(texts.question("{username}", "{hostname}"), prompt);

    let wording = Wording {
        remote_name: remote_name.to_owned(),
        question: texts.question(principal, "acme.logonbox.directory"),
        authorize: "Authorize".to_owned(),
    };
    let question = wording.question.clone();
    let request = SignRequest::new(principal, &KEY, wording, Payload::from(vec![0; 128]));
    let form = fuzz::sign_form(&request);
    assert!(
        form.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%&=".contains(byte))
    );
    let read: Vec<(String, String)> = url::form_urlencoded::parse(&form).into_owned().collect();
    let read: Vec<(&str, &str)> = read
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let payload = format!("{}=", "A".repeat(171));
    assert_eq!(
        read,
        [
            ("username", principal),
            ("fingerprint", &KEY.fingerprint()),
            ("remoteName", remote_name),
            ("text", &question),
            ("authorizeText", "Authorize"),
            ("flags", "0"),
            ("payload", &*payload),
        ]
    );
});
