//! `pins`: keys that the administrator has written down, in place of those that the tenant publishes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::stage::{Login, Stage, nobody, value};
use tenant::{Account, KeyType, Options, Phone, Reaction};

/// A host whose person has an account with a `Pixel 8` and an `Old phone`, which is RSA; and which
/// has a directory for pinned keys.
fn stage(account: &Account, logonbox: &str, rest: &str) -> Stage {
    let options = Options {
        accounts: [account.clone()].into_iter().collect(),
        ..Options::default()
    };
    let stage = Stage::with(options, &account.name, logonbox, rest);
    stage.directory("keys");
    stage
}

fn allow(stage: &Stage, name: &str, mode: u32) {
    fs::set_permissions(stage.path(name), Permissions::from_mode(mode)).unwrap();
}

/// The lines of these phones of an account, as a key list has them.
fn lines(account: &Account, phones: &[usize]) -> String {
    let keys = account.all_keys();
    phones.iter().map(|n| keys[*n].line() + "\n").collect()
}

/// A login in `service`, on a host in which that directory is the one of pinned keys.
fn login(stage: &Stage, service: &str) -> Login {
    let keys = format!("keys={}", stage.path("keys").display());
    stage.login(service, &[&keys])
}

const PIXEL: usize = 0;
const OLD: usize = 1;

#[test]
fn where_keys_are_pinned_nobody_asks_for_those_that_are_published() {
    let lee = Account::new("lee");
    for (pins, there, device) in [
        ("off", true, Some("Pixel 8")),
        ("off", false, Some("Pixel 8")),
        ("if-present", true, Some("Old phone")),
        ("if-present", false, Some("Pixel 8")),
        ("required", true, Some("Old phone")),
        ("required", false, None),
    ] {
        let stage = stage(&lee, &format!("pins = {pins:?}"), "");
        if there {
            stage.write("keys/lee", &lines(&lee, &[OLD]));
        }
        // Another's file is nobody else's.
        stage.write("keys/Lee", &lines(&lee, &[PIXEL]));
        let login = login(&stage, "login");
        let asked = usize::from(device == Some("Pixel 8"));
        assert_eq!(stage.tenant.key_requests().len(), asked, "{pins} {there}");
        assert_eq!(value(login.log(), "device"), device, "{pins} {there}");
        if device.is_some() {
            assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
            continue;
        }
        login.assert_refused("PAM_AUTH_ERR", "no-key");
        let reason = value(login.log(), "reason").unwrap();
        assert_eq!(
            reason,
            "pins = 'required', but there is no /etc/security/pam_logonbox.keys/lee: run logonbox \
             pin lee"
        );
        // As anybody who has no phone.
        let (told, refused) = (login.one("info"), login.one("error"));
        assert!(told.text.starts_with("Approve the request on your phone. "));
        assert_eq!(refused.text, "Login refused.");
        assert!(refused.at - told.at >= 1900);
        assert_eq!(stage.tenant.connections(), 0);
    }
}

#[test]
fn device_and_algorithms_choose_among_pinned_keys() {
    let lee = Account::new("lee");
    for (logonbox, device) in [
        ("", Ok("Old phone")),
        ("algorithms = [\"ssh-ed25519\"]", Ok("Pixel 8")),
        ("device = \"Pixel 8\"", Ok("Pixel 8")),
        ("device = \"Tablet\"", Err("none with the comment 'Tablet'")),
        (
            "device = \"Pixel 8\"\nalgorithms = [\"ssh-rsa\"]",
            Err("none with the comment 'Pixel 8'"),
        ),
    ] {
        let stage = stage(&lee, &format!("pins = \"required\"\n{logonbox}"), "");
        stage.write("keys/lee", &lines(&lee, &[OLD, PIXEL]));
        let login = login(&stage, "login");
        match device {
            Ok(device) => {
                assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
                assert_eq!(value(login.log(), "device"), Some(device), "{logonbox}");
            }
            Err(why) => assert_no_key(&stage, &login, why),
        }
        assert_eq!(stage.tenant.key_requests().len(), 0);
    }
    for (text, why) in [("", "the list is empty"), ("# Authorized Keys\n", "empty")] {
        for pins in ["if-present", "required"] {
            let stage = stage(&lee, &format!("pins = {pins:?}"), "");
            stage.write("keys/lee", text);
            assert_no_key(&stage, &login(&stage, "login"), why);
        }
    }
}

#[track_caller]
fn assert_no_key(stage: &Stage, login: &Login, why: &str) {
    login.assert_refused("PAM_AUTH_ERR", "no-key");
    let reason = value(login.log(), "reason").unwrap();
    let file = "no usable key is pinned in /etc/security/pam_logonbox.keys/lee: ";
    assert!(
        reason.starts_with(file) && reason.contains(why),
        "{why}: {reason}"
    );
    assert!(login.took().as_secs() >= 2);
    assert_eq!(stage.tenant.connections(), 0);
}

#[test]
fn the_announcement_does_not_wait_for_the_tenant_and_a_person_can_choose() {
    let lee = Account::new("lee");
    let stage = stage(&lee, "pins = \"required\"\ndevice = \"ask\"", "");
    stage.write("keys/lee", &lines(&lee, &[PIXEL, OLD]));
    let keys = format!("keys={}", stage.path("keys").display());
    let mut running = stage.start("sshd", &[&keys]);
    let list = running.wait_for("visible").text;
    assert!(
        list.contains("1. Pixel 8\\x0a  2. Old phone\\x0a"),
        "{list}"
    );
    running.type_line(b"2");
    let told = running.wait_for("visible").text;
    assert!(told.starts_with("Approve the request on your phone on Old phone. "));
    assert_eq!(stage.tenant.connections(), 0);
    running.type_line(b"");
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(stage.tenant.requests().len(), 1);
}

/// Whoever has taken over the tenant can publish a key, and sign with it.
#[test]
fn a_tenant_cannot_sign_with_a_key_of_its_own() {
    let lee = Account::new("lee");
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
        let stage = stage(&account, &format!("pins = {pins:?}"), "");
        stage.write("keys/lee", &lines(&lee, &[PIXEL]));
        let login = login(&stage, "login");
        assert_eq!(login.code(), code, "{:#?}", login.events);
        let pinned = lee.all_keys()[PIXEL].fingerprint();
        let asked = &stage.tenant.sign_requests()[0].fingerprint;
        assert_eq!(*asked == pinned, pins != "off", "{pins}");
        if pins != "off" {
            login.assert_refused(code, "bad-signature");
        }
    }
}

#[test]
fn a_file_that_cannot_be_relied_on_refuses_and_names_itself() {
    let lee = Account::new("lee");
    let ignore = "[policy]\non_unavailable = \"ignore\"";
    for pins in ["if-present", "required"] {
        let stage = stage(&lee, &format!("pins = {pins:?}"), ignore);
        let refused = |why: &str| {
            let login = login(&stage, "login");
            login.assert_refused("PAM_SERVICE_ERR", "configuration");
            let reason = value(login.log(), "reason").unwrap();
            let expected = format!("/etc/security/pam_logonbox.keys{why}");
            assert!(reason.starts_with(&expected), "{reason}");
            assert_eq!(login.screen(), ["Login refused."]);
            assert_eq!(stage.tenant.connections(), 0);
        };
        let good = lines(&lee, &[PIXEL]);
        stage.write("keys/lee", &format!("{good}ssh-ed25519 AAAA\n"));
        refused("/lee line 2: malformed: ");
        stage.write("keys/lee", &good);
        allow(&stage, "keys/lee", 0o666);
        refused("/lee: can be written to by others (mode 666); run chmod go-w");
        allow(&stage, "keys/lee", 0o600);
        allow(&stage, "keys", 0o777);
        refused(": can be written to by others (mode 777); run chmod go-w");
        allow(&stage, "keys", 0o700);
        assert_eq!(login(&stage, "login").code(), "PAM_SUCCESS");
    }
}

#[test]
fn accounts_are_spelled_in_a_way_that_leads_nowhere_else() {
    for (account, file) in [
        ("lee@acme.com", Some("lee@acme.com")),
        ("../lee", Some("%2E.%2Flee")),
        ("l\u{e9}e", Some("l%C3%A9e")),
        ("..", None),
        (&"\u{e9}".repeat(43), None),
    ] {
        let account = Account::new(account);
        let stage = stage(&account, "pins = \"if-present\"", "");
        stage.write("lee", "no key\n");
        let Some(file) = file else {
            let login = login(&stage, "login");
            login.assert_refused("PAM_AUTH_ERR", "no-key");
            let reason = value(login.log(), "reason").unwrap();
            assert!(reason.starts_with("no keys can be pinned for this account: "));
            assert_eq!(stage.tenant.connections(), 0);
            continue;
        };
        stage.write(&format!("keys/{file}"), &lines(&account, &[OLD]));
        let login = login(&stage, "login");
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        assert_eq!(value(login.log(), "device"), Some("Old phone"));
    }
}

/// It shows later than it does without: when the phone is to ring.
#[test]
fn a_tenant_that_is_down_is_unreachable_all_the_same() {
    let lee = Account::new("lee");
    for (policy, code) in [("deny", "PAM_AUTHINFO_UNAVAIL"), ("ignore", "PAM_IGNORE")] {
        let rest = format!("[policy]\non_unavailable = {policy:?}\n");
        let pins = "pins = \"required\"";
        let stage = stage(&lee, pins, &rest);
        stage.write("keys/lee", &lines(&lee, &[PIXEL]));
        stage.configure(&nobody(), "lee", pins, &rest);
        let login = login(&stage, "login");
        login.assert_refused(code, "unreachable");
        assert_eq!(
            login.one("error").text,
            "The login service cannot be reached."
        );
    }
}
