//! `pins`: keys that the administrator has pinned replace the keys that the tenant publishes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::setup::{Login, Setup, TYPE_THE_CODE, unused_address, value};
use tenant::{Account, KeyType, Options, Phone, Reaction};

/// A host with a directory for pinned keys. The user's account has a `Pixel 8` and an `Old phone`,
/// which uses RSA.
fn setup(account: &Account, logonbox: &str, rest: &str) -> Setup {
    let options = Options {
        accounts: [account.clone()].into_iter().collect(),
        ..Options::default()
    };
    let setup = Setup::with(options, &account.name, logonbox, rest);
    setup.directory("keys");
    setup
}

fn account(name: &str) -> Account {
    Account::new(name).phones([
        Phone::new("Pixel 8", KeyType::Ed25519),
        Phone::new("Old phone", KeyType::Rsa),
    ])
}

fn allow(setup: &Setup, name: &str, mode: u32) {
    fs::set_permissions(setup.path(name), Permissions::from_mode(mode)).unwrap();
}

/// The lines of these phones in a key list.
fn lines(account: &Account, phones: &[usize]) -> String {
    let keys = account.all_keys();
    phones.iter().map(|n| keys[*n].line() + "\n").collect()
}

/// A login through `service`, with the directory of pinned keys.
fn login(setup: &Setup, service: &str) -> Login {
    let keys = format!("keys={}", setup.path("keys").display());
    setup.login(service, &[&keys])
}

const PIXEL: usize = 0;
const OLD: usize = 1;

#[test]
fn where_keys_are_pinned_nobody_asks_for_those_that_are_published() {
    let lee = account("lee");
    for (pins, there, device) in [
        ("off", true, Some("Pixel 8")),
        ("off", false, Some("Pixel 8")),
        ("if-present", true, Some("Old phone")),
        ("if-present", false, Some("Pixel 8")),
        ("required", true, Some("Old phone")),
        ("required", false, None),
    ] {
        let setup = setup(&lee, &format!("pins = {pins:?}"), "");
        if there {
            setup.write("keys/lee", &lines(&lee, &[OLD]));
        }
        // The pins of another account do not count.
        setup.write("keys/Lee", &lines(&lee, &[PIXEL]));
        let login = login(&setup, "login");
        let asked = usize::from(device == Some("Pixel 8"));
        assert_eq!(setup.tenant.key_requests().len(), asked, "{pins} {there}");
        assert_eq!(value(login.log(), "device"), device, "{pins} {there}");
        if device.is_some() {
            assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
            continue;
        }
        login.assert_refused("PAM_MAXTRIES", "no-key");
        let reason = value(login.log(), "reason").unwrap();
        assert_eq!(
            reason,
            "pins = 'required', but there is no /etc/security/pam_logonbox.keys/lee: run logonbox \
             pin lee"
        );
        // The refusal looks the same as for a user without a phone.
        let (told, refused) = (login.one("visible"), login.one("error"));
        assert_eq!(told.text, TYPE_THE_CODE);
        assert_eq!(refused.text, "Login refused.");
        assert!(refused.at - told.at >= 1900);
        assert_eq!(setup.tenant.connections(), 0);
    }
}

#[test]
fn device_and_algorithms_choose_among_pinned_keys() {
    let lee = account("lee");
    for (logonbox, device) in [
        ("", Ok("Pixel 8")),
        ("algorithms = [\"ssh-ed25519\"]", Ok("Pixel 8")),
        ("device = \"Pixel 8\"", Ok("Pixel 8")),
        ("device = \"Tablet\"", Err("none is named 'Tablet'")),
        (
            "device = \"Pixel 8\"\nalgorithms = [\"ssh-rsa\"]",
            Err("none is named 'Pixel 8'"),
        ),
    ] {
        let setup = setup(&lee, &format!("pins = \"required\"\n{logonbox}"), "");
        setup.write("keys/lee", &lines(&lee, &[OLD, PIXEL]));
        let login = login(&setup, "login");
        match device {
            Ok(device) => {
                assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
                assert_eq!(value(login.log(), "device"), Some(device), "{logonbox}");
            }
            Err(why) => assert_no_key(&setup, &login, why),
        }
        assert_eq!(setup.tenant.key_requests().len(), 0);
    }
    for (text, why) in [("", "the list is empty"), ("# Authorized Keys\n", "empty")] {
        for pins in ["if-present", "required"] {
            let setup = setup(&lee, &format!("pins = {pins:?}"), "");
            setup.write("keys/lee", text);
            assert_no_key(&setup, &login(&setup, "login"), why);
        }
    }
}

#[track_caller]
fn assert_no_key(setup: &Setup, login: &Login, why: &str) {
    login.assert_refused("PAM_MAXTRIES", "no-key");
    let reason = value(login.log(), "reason").unwrap();
    let file = "no usable key is pinned in /etc/security/pam_logonbox.keys/lee: ";
    assert!(
        reason.starts_with(file) && reason.contains(why),
        "{why}: {reason}"
    );
    assert!(login.took().as_secs() >= 2);
    assert_eq!(setup.tenant.connections(), 0);
}

#[test]
fn the_prompt_does_not_wait_for_the_tenant_and_a_person_can_choose() {
    let lee = Account::new("lee").phones([
        Phone::new("Pixel 8", KeyType::Ed25519),
        Phone::new("Old phone", KeyType::Ed25519),
    ]);
    let setup = setup(&lee, "pins = \"required\"\ndevice = \"ask\"", "");
    setup.write("keys/lee", &lines(&lee, &[PIXEL, OLD]));
    let keys = format!("keys={}", setup.path("keys").display());
    let mut running = setup.start("sshd", &[&keys]);
    let list = running.wait_for("visible").text;
    assert!(
        list.contains("1. Pixel 8\\x0a  2. Old phone\\x0a"),
        "{list}"
    );
    running.type_line(b"2");
    let told = running.wait_for("visible").text;
    assert!(told.starts_with("Approve the request on your phone on Old phone, then type "));
    assert_eq!(setup.tenant.connections(), 0);
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(setup.tenant.requests().len(), 1);
}

/// An attacker who controls the tenant can publish a key and sign with it.
#[test]
fn a_tenant_cannot_sign_with_a_key_of_its_own() {
    let lee = account("lee");
    let theirs = Account::new("lee").phones([
        Phone::new("Pixel 8", KeyType::Ed25519).unpublished(),
        Phone::new("Pixel 8", KeyType::Ed25519),
    ]);
    for (account, pins, code) in [
        (theirs.clone(), "off", "PAM_SUCCESS"),
        (
            theirs.clone().reaction(Reaction::WrongKey),
            "if-present",
            "PAM_MAXTRIES",
        ),
        (
            theirs.reaction(Reaction::WrongKey),
            "required",
            "PAM_MAXTRIES",
        ),
    ] {
        let setup = setup(&account, &format!("pins = {pins:?}"), "");
        setup.write("keys/lee", &lines(&lee, &[PIXEL]));
        let login = login(&setup, "login");
        assert_eq!(login.code(), code, "{:#?}", login.events);
        let pinned = lee.all_keys()[PIXEL].fingerprint();
        let asked = &setup.tenant.sign_requests()[0].fingerprint;
        assert_eq!(*asked == pinned, pins != "off", "{pins}");
        if pins != "off" {
            login.assert_refused(code, "bad-signature");
        }
    }
}

#[test]
fn a_file_that_cannot_be_relied_on_refuses_and_names_itself() {
    let lee = account("lee");
    let ignore = "[policy]\non_unavailable = \"ignore\"";
    for pins in ["if-present", "required"] {
        let setup = setup(&lee, &format!("pins = {pins:?}"), ignore);
        let refused = |why: &str| {
            let login = login(&setup, "login");
            login.assert_refused("PAM_SERVICE_ERR", "configuration");
            let reason = value(login.log(), "reason").unwrap();
            let expected = format!("/etc/security/pam_logonbox.keys{why}");
            assert!(reason.starts_with(&expected), "{reason}");
            assert_eq!(login.screen(), ["Login refused."]);
            assert_eq!(setup.tenant.connections(), 0);
        };
        let good = lines(&lee, &[PIXEL]);
        setup.write("keys/lee", &format!("{good}ssh-ed25519 AAAA\n"));
        refused("/lee line 2: malformed: ");
        setup.write("keys/lee", &good);
        allow(&setup, "keys/lee", 0o666);
        refused("/lee: can be written to by others (mode 666); run chmod go-w");
        allow(&setup, "keys/lee", 0o600);
        allow(&setup, "keys", 0o777);
        refused(": can be written to by others (mode 777); run chmod go-w");
        allow(&setup, "keys", 0o700);
        assert_eq!(login(&setup, "login").code(), "PAM_SUCCESS");
    }
}

#[test]
fn account_names_in_file_names_are_encoded() {
    for (account, file) in [
        ("lee@acme.com", Some("lee@acme.com")),
        ("../lee", Some("%2E.%2Flee")),
        ("l\u{e9}e", Some("l%C3%A9e")),
        ("..", None),
        (&"\u{e9}".repeat(43), None),
    ] {
        let account = self::account(account);
        let setup = setup(&account, "pins = \"if-present\"", "");
        setup.write("lee", "no key\n");
        let Some(file) = file else {
            let login = login(&setup, "login");
            login.assert_refused("PAM_MAXTRIES", "no-key");
            let reason = value(login.log(), "reason").unwrap();
            assert!(reason.starts_with("no keys can be pinned for this account: "));
            assert_eq!(setup.tenant.connections(), 0);
            continue;
        };
        setup.write(&format!("keys/{file}"), &lines(&account, &[OLD]));
        let login = login(&setup, "login");
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        assert_eq!(value(login.log(), "device"), Some("Old phone"));
    }
}

/// The failure shows later than without pins: when the phone is to ring.
#[test]
fn a_tenant_that_is_down_is_unreachable_all_the_same() {
    let lee = account("lee");
    for (policy, code) in [("deny", "PAM_AUTHINFO_UNAVAIL"), ("ignore", "PAM_IGNORE")] {
        let rest = format!("[policy]\non_unavailable = {policy:?}\n");
        let pins = "pins = \"required\"";
        let setup = setup(&lee, pins, &rest);
        setup.write("keys/lee", &lines(&lee, &[PIXEL]));
        setup.configure(&unused_address(), "lee", pins, &rest);
        let login = login(&setup, "login");
        login.assert_refused(code, "unreachable");
        assert_eq!(
            login.one("error").text,
            "The login service cannot be reached."
        );
    }
}
