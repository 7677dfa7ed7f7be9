//! `pam_logonbox(8)`, compared with the code: reasons, codes, texts, arguments. And the stacks in
//! `pam_logonbox-stacks(7)`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

mod mdoc;
mod stacks;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_iam::Hint;
use login::airlock;
use login::args::{self, Args};
use login::config::{Config, Conversation};
use login::outcome::{Outcome, Reason, Refusal};
use login::texts::{Text, Texts};
use logonbox_authenticator::Unreachable;
use mdoc::{Page, quoted};

const PAGE: &str = include_str!("../../../../packaging/man/pam_logonbox.8");

/// The words that are no refusals.
const ACCEPTED: [&str; 5] = ["approved", "bypass", "exempt", "remembered", "ringing"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn set<T: Into<String>>(names: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    names.into_iter().map(Into::into).collect()
}

fn reason(name: &str) -> Option<Reason> {
    Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == name)
}

/// The name of the code for a refusal.
fn code(reason: Reason, request_sent: bool, service: &str) -> &'static str {
    let refusal = Refusal::new(reason, "");
    let refusal = if request_sent {
        refusal.after_sending()
    } else {
        refusal
    };
    Outcome::Refused(refusal).code(service).name()
}

#[test]
fn the_page_explains_every_reason_with_its_severity() {
    let items = Page::new(PAGE).section("DIAGNOSTICS").items();
    let in_page: Vec<_> = items
        .iter()
        .filter(|item| item.style == "Sy")
        .map(|item| item.head.split_once(" Pq ").unwrap())
        .collect();
    let in_code = Reason::ALL.map(Reason::as_str);
    assert_eq!(
        set(in_page.iter().map(|(word, _)| *word)),
        set(in_code.into_iter().chain(ACCEPTED))
    );
    for (name, severity) in in_page {
        let expected = match reason(name) {
            None if name == "bypass" => "warning".to_owned(),
            None => "info".to_owned(),
            Some(reason) => format!("{:?}", reason.severity()).to_lowercase(),
        };
        assert_eq!(severity, expected, "{name}");
    }
}

#[test]
fn the_page_has_the_codes_that_the_module_returns() {
    let (before, after) = Page::new(PAGE)
        .section("RESULT CODES")
        .split_at("In all other cases:\n");
    let (mut explained, mut refused) = (BTreeSet::new(), BTreeSet::new());
    let mut codes = BTreeSet::new();
    for item in before.items() {
        codes.insert(item.head.clone());
        for name in quoted(&item.body) {
            let Some(reason) = reason(&name) else {
                continue;
            };
            explained.insert(name);
            if item.head == "PAM_IGNORE" {
                continue;
            }
            for service in ["sshd", "sudo", "sudo-i", "su", "login"] {
                assert_eq!(code(reason, false, service), item.head, "{reason:?}");
            }
        }
    }
    let (list, refusals) = after.split_at("The refusals are ");
    codes.extend(list.items().into_iter().map(|item| item.head));
    for name in refusals.quoted() {
        let reason = reason(&name).unwrap();
        // The reasons above have another code before a push has left.
        let sent: &[bool] = if explained.contains(&name) {
            &[true]
        } else {
            &[true, false]
        };
        for &request_sent in sent {
            for service in ["sudo", "sudo-i"] {
                assert_eq!(code(reason, request_sent, service), "PAM_ABORT");
            }
            for service in ["sshd", "su", "su-l", "login"] {
                assert_eq!(code(reason, request_sent, service), "PAM_MAXTRIES");
            }
        }
        refused.insert(name);
    }
    explained.extend(refused);
    assert_eq!(code(Reason::Panic, true, "sshd"), "PAM_ABORT");
    assert_eq!(explained, set(Reason::ALL.map(Reason::as_str)));

    let mut returned = set(["PAM_SUCCESS", "PAM_IGNORE"]);
    for reason in Reason::ALL {
        for (sent, service) in [(false, "sshd"), (true, "sshd"), (true, "sudo")] {
            returned.insert(code(reason, sent, service).to_owned());
        }
    }
    assert_eq!(codes, returned);
}

const UNREACHABLE: [Unreachable; 7] = [
    Unreachable::Lookup,
    Unreachable::Refused,
    Unreachable::NoRoute,
    Unreachable::Cut,
    Unreachable::Proxy,
    Unreachable::ProxyCredentials,
    Unreachable::ServerError,
];

/// A refusal for each error of the LogonBox client.
fn logonbox_refusals() -> Vec<Refusal> {
    use logonbox_authenticator::{Error, ErrorKind as Kind};
    [
        Kind::NoSuchAccount,
        Kind::Forbidden,
        Kind::TooManyRequests,
        Kind::NoUsableKey,
        Kind::Declined,
        Kind::Refused,
        Kind::TimedOut,
        Kind::Tls,
        Kind::NotUnderstood,
        Kind::BadSignature,
        Kind::Local,
        Kind::InvalidInput,
    ]
    .into_iter()
    .chain(UNREACHABLE.map(Kind::Unreachable))
    .map(|kind| Refusal::from(Error::new(kind, "")))
    .collect()
}

/// A refusal for each error of the Airlock client, with its message.
fn airlock_refusals() -> Vec<Refusal> {
    use airlock_iam::{Error, ErrorKind as Kind};
    [
        Kind::WrongPassword,
        Kind::WrongOtp,
        Kind::Locked,
        Kind::TemporarilyLocked,
        Kind::Refused,
        Kind::UnsupportedStep,
        Kind::NotUnderstood,
        Kind::TimedOut,
        Kind::Tls,
        Kind::Local,
        Kind::InvalidInput,
    ]
    .into_iter()
    .chain(UNREACHABLE.map(Kind::Unreachable))
    .map(|kind| airlock::refusal(Error::new(kind, "")))
    .collect()
}

#[test]
fn the_page_names_the_reasons_that_on_unavailable_covers() {
    let items = Page::new(PAGE).section("RESULT CODES").items();
    let ignore = items.iter().find(|item| item.head == "PAM_IGNORE").unwrap();
    let named = quoted(&ignore.body);
    let named = set(named.iter().filter(|name| reason(name).is_some()));
    for refusals in [logonbox_refusals(), airlock_refusals()] {
        let covered = refusals
            .iter()
            .filter(|refusal| refusal.unavailable)
            .map(|refusal| refusal.reason.as_str());
        assert_eq!(named, set(covered));
    }
    // After a request it covers none.
    for refusal in logonbox_refusals().into_iter().chain(airlock_refusals()) {
        assert!(!refusal.after_sending().unavailable);
    }
}

/// A part of "WHAT USERS SEE", by its heading.
fn part(heading: &str) -> Page<'static> {
    let parts = Page::new(PAGE).section("WHAT USERS SEE").subsections();
    let (_, part) = parts.into_iter().find(|part| part.0 == heading).unwrap();
    part
}

/// The texts in a list of the page.
fn listed(page: Page<'_>) -> BTreeSet<String> {
    let items = page.items().into_iter().filter(|item| item.style == "Ic");
    set(items.map(|item| item.head))
}

#[test]
fn the_page_has_the_messages_after_a_refusal() {
    let plain = Reason::ALL
        .into_iter()
        .map(|reason| Refusal::new(reason, ""));
    let shown = plain.chain(airlock_refusals()).flat_map(|refusal| {
        [refusal.clone(), refusal.after_sending()].map(|refusal| {
            let outcome = Outcome::Refused(refusal);
            outcome.message(Duration::from_secs(45)).unwrap()
        })
    });
    let (left, until) = (
        Duration::from_secs(12 * 60),
        "2026-11-22 14:05 UTC".to_owned(),
    );
    let of_locks = [
        Text::LockedFor(left, until.clone()),
        Text::LockedUntil(until),
        Text::TryAgain,
    ];
    let all = shown.chain(of_locks).chain([Text::WrongCode]);
    let all = all.map(|text| Texts::ENGLISH.say(&text));
    assert_eq!(listed(part("After a refusal")), set(all));
}

fn say(text: &Text) -> String {
    Texts::ENGLISH.say(text)
}

fn prompt(display: &str) -> String {
    format!("{} ", display.trim_end())
}

#[test]
fn the_page_has_the_texts_of_mode_push() {
    let part = part("With the phone");
    let displays = part.displays();
    let [typed, announcement, enter] = &displays[..] else {
        panic!("{displays:?}")
    };
    assert_eq!(say(&Text::ApproveAndType(None)), prompt(typed));
    let announcement = announcement.trim_end();
    let with_code = |phone| say(&Text::ApproveWithCode(phone, "4821".to_owned()));
    assert_eq!(with_code(None), announcement);
    let on_phone = announcement.replace("phone", "phone on LogonBox Key");
    assert_eq!(with_code(Some("LogonBox Key".to_owned())), on_phone);
    assert!(part.quoted().contains(&"on LogonBox Key".to_owned()));
    assert_eq!(say(&Text::SendOnEnter), prompt(enter));
}

#[test]
fn the_page_has_the_texts_of_mode_airlock() {
    let part = part("With Airlock");
    let displays = part.displays();
    let [password, devices, qr, one_touch] = &displays[..] else {
        panic!("{displays:?}")
    };
    assert_eq!(say(&Text::Password), prompt(password));
    let names = ["Joe's iPhone (IOS)", "GAQT12345678 (HWTOKEN)"].map(str::to_owned);
    assert_eq!(Texts::ENGLISH.device_list(&names), prompt(devices));
    assert_eq!(say(&Text::Scan) + &say(&Text::Otp), prompt(qr));
    let (line, enter) = one_touch.split_once('\n').unwrap();
    assert_eq!(say(&Text::Approve(Some("Joe's iPhone".to_owned()))), line);
    assert_eq!(say(&Text::GoOnOnEnter), prompt(enter));

    let conversation = |qr: &str| -> Conversation {
        let file = format!("[logonbox]\ntenant = \"acme\"\n[conversation]\nqr = \"{qr}\"\n");
        let config = Config::parse(Path::new("/x.toml"), &file, "").unwrap();
        config.conversation
    };
    let otp = |hint, qr| {
        let (prompt, _) = airlock::otp_prompt(hint, conversation(qr), Texts::ENGLISH);
        let text = prompt.strip_suffix(&format!("\n{}", say(&Text::Otp)));
        text.unwrap().to_owned()
    };
    let before_otp = [
        otp(Hint::QrCode(b"no picture"), "none"),
        otp(Hint::QrCode(b"no picture"), "ascii"),
        otp(Hint::UnreadableQrCode, "unicode"),
        otp(Hint::Sms(None), "unicode").replace("SMS.", "SMS to"),
        say(&Text::WrongOtp).trim_end().to_owned(),
        say(&Text::NotAnOtp).trim_end().to_owned(),
    ];
    assert_eq!(listed(part), set(before_otp));
    assert!(otp(Hint::Sms(Some("*** 123")), "none").starts_with("A code was sent by SMS to "));
}

#[test]
fn the_page_has_the_arguments() {
    let error = Args::parse([c"nonsense"]).unwrap_err();
    let (_, known) = error.split_once("known are ").unwrap();
    let description = Page::new(PAGE).section("DESCRIPTION");
    let (_, arguments) = description.split_at("The arguments are:");
    let in_page = arguments.items().into_iter().map(|item| item.head);
    assert_eq!(set(in_page), set(known.split(" and ")));
    assert!(PAGE.contains(&format!("Pa {}\n", args::DEFAULT_PATH)));
}
