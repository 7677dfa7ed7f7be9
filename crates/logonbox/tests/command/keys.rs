//! `logonbox keys`.

use tenant::{Account, Accounts, KeyType, Listing, Options, Phone};

use crate::pins::{OLD, PIXEL, lee};
use crate::setup::{Run, Setup, unused_address};

fn keys(setup: &Setup, account: &str) -> Run {
    let directory = setup.path("keys").display().to_string();
    setup.run(&["keys", account, "--pins-directory", &directory])
}

#[test]
fn every_key_is_shown_with_its_use_and_the_one_that_rings() {
    let (setup, account) = lee("");
    let run = keys(&setup, "lee");
    let fingerprints: Vec<_> = account
        .all_keys()
        .iter()
        .map(tenant::PublicKey::fingerprint)
        .collect();
    run.assert(
        0,
        &[
            &format!("{} publishes 2 keys for lee.\n", setup.tenant.authority()),
            &format!(
                "\nPixel 8\n  ssh-ed25519 256 bits {}\n  usable\n",
                fingerprints[PIXEL]
            ),
            &format!(
                "\nOld phone\n  ssh-rsa 2048 bits {}\n  usable\n",
                fingerprints[OLD]
            ),
            &format!(
                "\nA login rings Pixel 8 ({}): device = \"first\".\n",
                fingerprints[PIXEL]
            ),
        ],
        &[],
    );
    assert!(!run.out.contains("pinned"), "{}", run.out);
    assert!(setup.tenant.sign_requests().is_empty());

    for (setting, code, ending) in [
        ("device = \"Old phone\"", 0, "rings Old phone ("),
        ("device = \"ask\"", 0, "rings Pixel 8 ("),
        (
            "device = \"Nokia\"",
            1,
            "refused: no usable key is published: none is named \"Nokia\"",
        ),
        ("algorithms = [\"ssh-rsa\"]", 0, "rings Old phone ("),
        (
            "pins = \"required\"",
            1,
            "refused: pins = \"required\", but there is no ",
        ),
    ] {
        setup.configure(setting, "");
        let run = keys(&setup, "lee");
        assert_eq!(run.code, Some(code), "{run:#?}");
        let last = run
            .out
            .lines()
            .find(|line| line.starts_with("A login "))
            .unwrap();
        assert!(last.contains(ending), "{last}");
    }
    setup.configure("algorithms = [\"ssh-rsa\"]", "");
    let why = "not usable: ssh-ed25519 is not in `algorithms`";
    keys(&setup, "lee").assert(0, &[why], &[]);
}

#[test]
fn keys_of_no_use_say_why() {
    for (listing, why) in [
        (
            Listing::Rsa1024,
            "not usable: an RSA key of 1024 bits (allowed: 2048 to 8192)",
        ),
        (
            Listing::WeakEd25519,
            "not usable: a weak key: an Ed25519 point of small order",
        ),
        (Listing::None, "publishes 0 keys for lee."),
    ] {
        let account = Account::new("lee").listing(listing);
        let setup = Setup::with(Options {
            accounts: Accounts::from_iter([account]),
            ..Options::default()
        });
        keys(&setup, "lee").assert(1, &[why, "A login is refused: no usable key"], &[]);
    }
    // Every kind of invalid line, and escape codes in place of an algorithm.
    let account = Account::new("lee").listing(Listing::UnknownFirst);
    let setup = Setup::with(Options {
        accounts: Accounts::from_iter([account]),
        ..Options::default()
    });
    keys(&setup, "lee").assert(
        0,
        &[
            "ecdsa-sha2-nistp256 SHA256:",
            "not usable: neither ssh-ed25519 nor ssh-rsa",
            "?[31mcolourful (no key)",
            "A login rings LogonBox Key (",
        ],
        &[],
    );
}

#[test]
fn what_the_tenant_calls_a_phone_is_stripped() {
    let hostile = "Pixel\u{1b}]0;x\u{7}\u{202e}8";
    let account = Account::new("lee").phones([Phone::new(hostile, KeyType::Ed25519)]);
    let setup = Setup::with(Options {
        accounts: Accounts::from_iter([account]),
        ..Options::default()
    });
    // Every run is checked for control characters.
    keys(&setup, "lee").assert(0, &["\nPixel?]0;x??8\n"], &[]);
}

#[test]
fn errors_say_what_to_do() {
    let (setup, _) = lee("");
    keys(&setup, "kim\u{1b}").assert(
        1,
        &[],
        &[
            "logonbox: kim?: the tenant knows no such account\n",
            "`account` in [logonbox]",
        ],
    );
    setup.configure_for(&unused_address(), "", "");
    keys(&setup, "lee").assert(1, &[], &["logonbox: lee: the tenant ", "proxy"]);
    let other = Setup::new();
    setup.write("ca.pem", other.tenant.ca_pem());
    setup.configure("", "");
    keys(&setup, "lee").assert(1, &[], &["logonbox: lee: TLS failed", "`ca_file` in [tls]"]);
    let url = setup.tenant.airlock_url();
    setup.write(
        "pam_logonbox.toml",
        &format!("mode = \"airlock\"\n[airlock]\nurl = {url:?}\n"),
    );
    keys(&setup, "lee").assert(1, &[], &["there are no keys"]);
}
