//! A tenant that misbehaves. It never lets a user in. Each login ends in time, with the right code
//! and one clean log line.
//!
//! This file has the misbehaviours of the simulated tenant. The modules below have tables for a
//! server that sends exactly the bytes of a row; [`table`] says how each row must end.

mod airlock;
mod certificates;
mod cuts;
mod framing;
mod handshake;
mod json;
mod keep_alive;
mod key_lists;
mod pictures;
mod signatures;
mod table;
mod timing;
mod vanishing;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::setup::{Login, PROMPTLY, Setup, TIMEOUT, unused_address};
use tenant::{
    Account, Accounts, Certificate, KeyType, Listing, Options, Phone, Reaction, Silence,
    TlsVersions,
};

/// A misbehaviour in another place needs a row with another name.
#[test]
fn no_two_rows_of_the_tables_are_the_same() {
    let tables = [
        names(&handshake::rows(), |row| &row.name),
        names(&certificates::rows(), |row| row.name),
        names(&framing::rows(), |row| &row.name),
        names(&timing::rows(), |row| &row.name),
        names(&keep_alive::rows(), |row| &row.name),
        names(&key_lists::rows(), |row| &row.name),
        names(&json::rows(), |row| &row.name),
        names(&signatures::rows(), |row| &row.name),
        names(&airlock::rows(), |row| &row.name),
        names(&pictures::rows(), |row| row.name),
    ];
    let rows: Vec<String> = tables.concat();
    let distinct: BTreeSet<&String> = rows.iter().collect();
    assert_eq!(distinct.len(), rows.len());
    let misbehaviours: BTreeSet<&str> = rows
        .iter()
        .map(|name| name.split_once(" (").map_or(&**name, |(what, _)| what))
        .collect();
    println!("{} rows, {} misbehaviours", rows.len(), misbehaviours.len());
    assert!(misbehaviours.len() > 100);
}

fn names<R>(rows: &[R], name: impl Fn(&R) -> &str) -> Vec<String> {
    rows.iter().map(|row| name(row).to_owned()).collect()
}

/// Longer than a busy machine needs. In seconds, for the connection and for the phone.
const PATIENT: (u64, u64) = (30, 30);
/// For tenants that never send their key list.
const NO_KEYS: (u64, u64) = (1, 30);
/// For phones that never answer.
const NO_ANSWER: (u64, u64) = (30, 2);

fn account(listing: Listing, reaction: Reaction, key: KeyType) -> Options {
    let account = Account::new("lee")
        .phones([Phone::new("Pixel 8", key)])
        .listing(listing)
        .reaction(reaction)
        .think(Duration::ZERO);
    Options {
        accounts: Accounts::from_iter([account]),
        ..Options::default()
    }
}

fn setup(options: Options) -> Setup {
    waiting(PATIENT, options)
}

fn waiting(seconds: (u64, u64), options: Options) -> Setup {
    Setup::with(options, "lee", "", &waits(seconds))
}

fn waits((connect, login): (u64, u64)) -> String {
    format!("[wait]\nconnect_seconds = {connect}\nlogin_seconds = {login}")
}

fn assert_in_time(login: &Login) {
    assert!(login.took() < PROMPTLY, "{:#?}", login.events);
}

#[test]
fn every_answer_to_a_sign_request_but_the_right_signature_is_a_refusal() {
    for reaction in Reaction::ALL.iter().copied() {
        for key in [KeyType::Ed25519, KeyType::Rsa] {
            if reaction == Reaction::Page {
                continue;
            }
            let seconds = match reaction {
                Reaction::Never | Reaction::Drip => NO_ANSWER,
                _ => PATIENT,
            };
            let setup = waiting(seconds, account(Listing::Normal, reaction, key));
            let login = setup.login("login", &[]);
            assert_in_time(&login);
            let word = match reaction {
                Reaction::Approve | Reaction::Padded => {
                    assert_eq!(login.code(), "PAM_SUCCESS", "{reaction} {key:?}");
                    continue;
                }
                // Ed25519 has only one kind of signature.
                Reaction::Sha1 if key == KeyType::Ed25519 => continue,
                Reaction::Decline => "declined",
                Reaction::Unreachable | Reaction::Refuse | Reaction::TooMany429 => "refused",
                Reaction::Never
                | Reaction::Drip
                | Reaction::Cut
                | Reaction::HangUp
                | Reaction::BadGateway502
                | Reaction::Unavailable503
                | Reaction::GatewayTimeout504 => "timed-out",
                Reaction::WrongKey
                | Reaction::WrongPayload
                | Reaction::Sha1
                | Reaction::Zeros
                | Reaction::Random
                | Reaction::Truncated
                | Reaction::Long => "bad-signature",
                _ => "bad-answer",
            };
            println!("{reaction} {key:?}: {}", login.log());
            login.assert_refused("PAM_MAXTRIES", word);
            assert_eq!(setup.pushes(), 1, "{reaction}");
            assert!(!setup.tenant.redirect_followed());
            let said = match word {
                "declined" => "Login denied on the phone.".to_owned(),
                "timed-out" => format!("No answer from the phone within {} s.", seconds.1),
                _ => "Login refused.".to_owned(),
            };
            assert_eq!(login.all("error"), [said], "{reaction}");
        }
    }
}

#[test]
fn every_key_list_without_a_good_key_rings_nobody() {
    for listing in Listing::ALL.iter().copied() {
        let seconds = match listing {
            Listing::Never | Listing::Drip => NO_KEYS,
            _ => PATIENT,
        };
        let options = account(listing, Reaction::Approve, KeyType::Ed25519);
        let setup = waiting(seconds, options);
        let login = setup.login("login", &[]);
        println!("{listing}: {}", login.log());
        let (code, word) = match listing {
            Listing::Normal
            | Listing::NoComment
            | Listing::Crlf
            | Listing::UnknownFirst
            | Listing::Mislabelled
            | Listing::NotUtf8 => {
                assert_eq!(login.code(), "PAM_SUCCESS", "{listing}");
                continue;
            }
            Listing::Rsa1024 | Listing::WeakEd25519 | Listing::None => ("PAM_MAXTRIES", "no-key"),
            Listing::NotFound | Listing::Forbidden403 => ("PAM_MAXTRIES", "no-account"),
            Listing::TooMany429 => ("PAM_MAXTRIES", "refused"),
            Listing::Never | Listing::Drip => ("PAM_AUTHINFO_UNAVAIL", "timed-out"),
            Listing::Cut | Listing::Error500 | Listing::Unavailable503 => {
                ("PAM_AUTHINFO_UNAVAIL", "unreachable")
            }
            _ => ("PAM_AUTHINFO_UNAVAIL", "bad-answer"),
        };
        login.assert_refused(code, word);
        if code == "PAM_AUTHINFO_UNAVAIL" {
            assert_in_time(&login);
        }
        assert_eq!(setup.pushes(), 0, "{listing}");
        assert!(!setup.tenant.redirect_followed());
    }
}

#[test]
fn who_cannot_prove_to_be_the_tenant_is_asked_nothing() {
    for certificate in [
        Certificate::OtherCa,
        Certificate::SelfSigned,
        Certificate::Expired,
        Certificate::NotYetValid,
    ] {
        let setup = setup(Options {
            certificate,
            ..Options::default()
        });
        let login = setup.login("login", &[]);
        println!("{certificate:?}: {}", login.log());
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "tls");
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
        assert_eq!(setup.tenant.requests().len(), 0);
    }
    let setup = setup(Options {
        names: vec!["acme.logonbox.directory".to_owned()],
        ..Options::default()
    });
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "tls");
    assert!(
        login.log().contains("acme.logonbox.directory"),
        "{}",
        login.log()
    );
    assert_eq!(setup.tenant.requests().len(), 0);
}

#[test]
fn the_system_s_certificates_do_not_vouch_for_this_tenant() {
    let setup = setup(account(
        Listing::Normal,
        Reaction::Approve,
        KeyType::Ed25519,
    ));
    let text = std::fs::read_to_string(setup.path("pam_logonbox.toml")).unwrap();
    let without: String = text
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .flat_map(|line| [line, "\n"])
        .collect();
    setup.write("pam_logonbox.toml", &without);
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "tls");
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    for tls_versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let options = Options {
            tls_versions,
            ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
        };
        assert_eq!(setup(options).login("login", &[]).code(), "PAM_SUCCESS");
    }
}

#[test]
fn a_tenant_that_falls_silent_is_given_up_in_time() {
    for silence in [Silence::BeforeTls, Silence::AfterTls] {
        let options = Options {
            silence: Some(silence),
            ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
        };
        let setup = waiting(NO_KEYS, options);
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "timed-out");
        assert_in_time(&login);
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
    }
}

#[test]
fn a_tenant_that_is_down_is_unreachable() {
    let setup = setup(account(
        Listing::Normal,
        Reaction::Approve,
        KeyType::Ed25519,
    ));
    setup.configure(&unused_address(), "lee", "", &waits(PATIENT));
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "unreachable");
    assert_eq!(login.all("error"), ["The login service cannot be reached."]);

    // A reserved name (RFC 6761, section 6.4).
    setup.configure("tenant.invalid", "lee", "", &waits(NO_KEYS));
    let login = setup.login("login", &[]);
    assert_eq!(login.code(), "PAM_AUTHINFO_UNAVAIL");
    assert_in_time(&login);
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced() {
    let options = Options {
        close_after_keys: Some(Duration::ZERO),
        ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
    };
    let setup = Setup::showing(options, "lee", "", &waits(PATIENT));
    let mut running = setup.start("sshd", &[]);
    running.wait_for("visible");
    // The connection has ended before the user presses Enter.
    assert!(
        setup
            .tenant
            .wait_for(TIMEOUT, |seen| seen.connections == 1 && seen.open == 0)
    );
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(setup.pushes(), 1);
    assert_eq!(setup.tenant.connections(), 2);
}

#[test]
fn a_sign_request_is_never_sent_twice() {
    let setup = setup(Options {
        reset_on_sign: true,
        ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
    });
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_MAXTRIES", "timed-out");
    assert_eq!(setup.pushes(), 1);
    assert_eq!(setup.tenant.connections(), 1);
}
