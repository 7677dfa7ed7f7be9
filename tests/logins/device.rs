//! `device = "ask"`: the user chooses between several phones.

use crate::setup::{Login, SHOWN, Setup, TYPE_THE_CODE, value};
use tenant::{Account, KeyType, Listing, Options, Phone, Reaction};

type Start = fn(Options, &str, &str, &str) -> Setup;

/// A host whose user has these phones.
fn setup(phones: &[(&str, KeyType)], more: &str) -> Setup {
    with(phones, more, Setup::with)
}

fn with(phones: &[(&str, KeyType)], more: &str, start: Start) -> Setup {
    let phones = phones.iter().map(|(name, key)| Phone::new(*name, *key));
    let lee = Account::new("lee").phones(phones);
    let options = Options {
        accounts: [lee].into_iter().collect(),
        ..Options::default()
    };
    start(options, "lee", &format!("device = \"ask\"\n{more}"), "")
}

/// A login in which the user types these lines.
fn typing(setup: &Setup, service: &str, lines: &[&str]) -> (Login, Vec<String>) {
    let mut running = setup.start(service, &[]);
    let mut prompts = Vec::new();
    for line in lines {
        let prompt = running.wait_for("visible").text.replace("\\x0a", "\n");
        prompts.push(prompt);
        assert_eq!(setup.pushes(), 0);
        running.type_line(line.as_bytes());
    }
    (running.finish(), prompts)
}

const TWO: [(&str, KeyType); 3] = [
    ("Pixel 8", KeyType::Ed25519),
    ("Legacy RSA", KeyType::Rsa),
    ("Old phone", KeyType::Ed25519),
];

#[test]
fn the_chosen_phone_rings_and_is_named() {
    for (answer, phone) in [("1", "Pixel 8"), (" 2 ", "Old phone")] {
        let setup = setup(&TWO, "");
        let (login, prompts) = typing(&setup, "login", &[answer]);
        assert_eq!(
            prompts,
            ["Which device?\n  1. Pixel 8\n  2. Old phone\nDevice (1-2): "]
        );
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        let told =
            format!("Approve the request on your phone on {phone}, then type the code it shows: ");
        assert_eq!(login.screen()[1], told);
        assert_eq!(value(login.log(), "device"), Some(phone));
        let asked = setup.tenant.sign_requests().remove(0);
        assert_eq!(value(login.log(), "key"), Some(&*asked.fingerprint));
    }
}

#[test]
fn in_sshd_the_announcement_follows_the_choice() {
    let setup = with(&TWO, "", Setup::showing);
    let (login, prompts) = typing(&setup, "sshd", &["2", ""]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert!(prompts[1].starts_with("Approve the request on your phone on Old phone. Code: "));
    assert!(prompts[1].ends_with("\nPress Enter to send it: "));
}

#[test]
fn a_user_with_one_phone_is_not_asked() {
    // A phone has a key of each algorithm, and only the better one is offered.
    for (phones, more, device) in [
        (&TWO[2..], "", "Old phone"),
        (&TWO[..2], "", "Pixel 8"),
        (&TWO[..], "algorithms = [\"ssh-rsa\"]", "Legacy RSA"),
    ] {
        let setup = setup(phones, more);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        assert_eq!(login.screen(), [TYPE_THE_CODE]);
        assert_eq!(value(login.log(), "device"), Some(device));
    }
}

#[test]
fn an_invalid_choice_rings_no_phone() {
    let setup = setup(&TWO, "");
    let (login, prompts) = typing(&setup, "login", &["0", "3", "Pixel 8"]);
    login.assert_refused("PAM_CONV_ERR", "conversation");
    assert_eq!(
        prompts[1],
        "Please type one of the numbers.\nDevice (1-2): "
    );
    assert_eq!(setup.pushes(), 0);
    // sshd's password method fails prompts at once.
    let login = setup.login("sshd", &["answers=none"]);
    login.assert_refused("PAM_CONV_ERR", "conversation");
    assert!(value(login.log(), "hint").is_some_and(|hint| hint.contains("keyboard-interactive")));
    assert_eq!(setup.pushes(), 0);
}

#[test]
fn names_from_the_tenant_are_made_harmless_and_told_apart() {
    let phones = [
        ("Pixel 8", KeyType::Ed25519),
        ("Pixel 8", KeyType::Ed25519),
        ("\u{202e}8 lexiP", KeyType::Ed25519),
        ("", KeyType::Ed25519),
    ];
    let setup = setup(&phones, "");
    let keys = setup.tenant.account("lee").unwrap().public_keys();
    let (login, prompts) = typing(&setup, "login", &["4"]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    // `SHA256:` and 12 characters.
    let short = |index: usize| keys[index].fingerprint()[..19].to_owned();
    let first = format!("  1. Pixel 8 ({})\n", short(0));
    let second = format!("  2. Pixel 8 ({})\n", short(1));
    let last = format!("  4. {}\n", keys[3].fingerprint());
    for part in [first, second, last] {
        assert!(prompts[0].contains(&part), "{part} in {}", prompts[0]);
    }
    assert!(prompts[0].is_ascii(), "{:?}", prompts[0]);
}

#[test]
fn the_list_of_devices_is_limited() {
    let phones: Vec<_> = (0..100).map(|_| ("Phone", KeyType::Ed25519)).collect();
    let setup = setup(&phones, "");
    let (_, prompts) = typing(&setup, "login", &["21"]);
    assert_eq!(prompts[0].lines().count(), 22, "{}", prompts[0]);
    assert!(prompts[0].ends_with("Device (1-20): "));
}

#[test]
fn a_user_without_a_phone_sees_the_usual_prompt_and_waits() {
    let account = Account::new("lee")
        .listing(Listing::None)
        .reaction(Reaction::Approve);
    let options = Options {
        accounts: [account].into_iter().collect(),
        ..Options::default()
    };
    for account in ["lee", "kim"] {
        let both: [(Start, &str); 2] = [(Setup::with, TYPE_THE_CODE), (Setup::showing, SHOWN)];
        for (start, told) in both {
            let setup = start(options.clone(), account, "device = \"ask\"", "");
            let login = setup.login("login", &[]);
            assert_eq!(login.code(), "PAM_MAXTRIES");
            assert!(login.took().as_secs() >= 2);
            assert!(login.screen()[0].starts_with(told));
            assert_eq!(login.screen()[1..], ["Login refused."]);
        }
    }
}
