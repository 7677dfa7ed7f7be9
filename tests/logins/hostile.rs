//! A tenant that misbehaves: never a login, always in time, always the right code and one clean
//! line in the log.
//!
//! Here are the ways in which the simulated tenant can be told to misbehave. Below are the tables of
//! a server that a row of a table tells every byte; [`table`] says what each row must end in.

mod airlock;
mod certificates;
mod cuts;
mod framing;
mod handshake;
mod json;
mod kept;
mod key_lists;
mod pictures;
mod signatures;
mod table;
mod timing;
mod vanishing;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::stage::{Login, Stage, nobody};
use tenant::{
    Account, Accounts, Certificate, KeyType, Listing, Options, Phone, Reaction, Silence,
    TlsVersions,
};

/// A misbehaviour in another place is a row more, and no other misbehaviour.
#[test]
fn no_two_rows_of_the_tables_are_the_same() {
    let tables = [
        names(&handshake::rows(), |row| &row.name),
        names(&certificates::rows(), |row| row.name),
        names(&framing::rows(), |row| &row.name),
        names(&timing::rows(), |row| &row.name),
        names(&kept::rows(), |row| &row.name),
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

const WAITS: &str = "[wait]\nconnect_seconds = 1\nlogin_seconds = 2";
/// What is left to the module once its time is up.
const SLACK: Duration = Duration::from_millis(500);

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

fn stage(options: Options) -> Stage {
    Stage::with(options, "lee", "", WAITS)
}

fn assert_in_time(login: &Login, limit: Duration) {
    assert!(login.took() < limit + SLACK, "{:#?}", login.events);
}

#[test]
fn every_answer_to_a_sign_request_but_the_right_signature_is_a_refusal() {
    for reaction in Reaction::ALL.iter().copied() {
        for key in [KeyType::Ed25519, KeyType::Rsa] {
            if reaction == Reaction::Page {
                continue;
            }
            let stage = stage(account(Listing::Normal, reaction, key));
            let login = stage.login("login", &[]);
            assert_in_time(&login, Duration::from_secs(2));
            let word = match reaction {
                Reaction::Approve | Reaction::Padded => {
                    assert_eq!(login.code(), "PAM_SUCCESS", "{reaction} {key:?}");
                    continue;
                }
                // Ed25519 has but one kind of signature.
                Reaction::Sha1 if key == KeyType::Ed25519 => continue,
                Reaction::Decline => "declined",
                Reaction::Refuse => "refused",
                Reaction::Never | Reaction::Drip => "timed-out",
                Reaction::WrongKey
                | Reaction::WrongPayload
                | Reaction::Sha1
                | Reaction::Zeros
                | Reaction::Random
                | Reaction::Truncated
                | Reaction::Long => "bad-signature",
                Reaction::Cut => "unreachable",
                _ => "bad-answer",
            };
            println!("{reaction} {key:?}: {}", login.log());
            login.assert_refused("PAM_MAXTRIES", word);
            assert_eq!(stage.pushes(), 1, "{reaction}");
            assert!(!stage.tenant.redirect_followed());
            let said = match word {
                "declined" => "Login denied on the phone.",
                "timed-out" => "No answer from the phone within 2 s.",
                _ => "Login refused.",
            };
            assert_eq!(login.all("error"), [said], "{reaction}");
        }
    }
}

#[test]
fn every_key_list_without_a_good_key_rings_nobody() {
    for listing in Listing::ALL.iter().copied() {
        let stage = stage(account(listing, Reaction::Approve, KeyType::Ed25519));
        let login = stage.login("login", &[]);
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
            Listing::Rsa1024 | Listing::WeakEd25519 | Listing::None => ("PAM_AUTH_ERR", "no-key"),
            Listing::NotFound => ("PAM_AUTH_ERR", "no-account"),
            Listing::Never | Listing::Drip => ("PAM_AUTHINFO_UNAVAIL", "timed-out"),
            Listing::Cut | Listing::Error500 | Listing::Unavailable503 => {
                ("PAM_AUTHINFO_UNAVAIL", "unreachable")
            }
            _ => ("PAM_AUTHINFO_UNAVAIL", "bad-answer"),
        };
        login.assert_refused(code, word);
        if code == "PAM_AUTHINFO_UNAVAIL" {
            assert_in_time(&login, Duration::from_secs(1));
        }
        assert_eq!(stage.pushes(), 0, "{listing}");
        assert!(!stage.tenant.redirect_followed());
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
        let stage = stage(Options {
            certificate,
            ..Options::default()
        });
        let login = stage.login("login", &[]);
        println!("{certificate:?}: {}", login.log());
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "tls");
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
        assert_eq!(stage.tenant.requests().len(), 0);
    }
    let stage = stage(Options {
        names: vec!["acme.logonbox.directory".to_owned()],
        ..Options::default()
    });
    let login = stage.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "tls");
    assert!(
        login.log().contains("acme.logonbox.directory"),
        "{}",
        login.log()
    );
    assert_eq!(stage.tenant.requests().len(), 0);
}

#[test]
fn the_system_s_certificates_do_not_vouch_for_this_tenant() {
    let stage = stage(account(
        Listing::Normal,
        Reaction::Approve,
        KeyType::Ed25519,
    ));
    let text = std::fs::read_to_string(stage.path("pam_logonbox.toml")).unwrap();
    let without: String = text
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .flat_map(|line| [line, "\n"])
        .collect();
    stage.write("pam_logonbox.toml", &without);
    let login = stage.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "tls");
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    for tls_versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let options = Options {
            tls_versions,
            ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
        };
        assert_eq!(stage(options).login("login", &[]).code(), "PAM_SUCCESS");
    }
}

#[test]
fn a_tenant_that_falls_silent_is_given_up_in_time() {
    for silence in [Silence::BeforeTls, Silence::AfterTls] {
        let stage = stage(Options {
            silence: Some(silence),
            ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
        });
        let login = stage.login("login", &[]);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "timed-out");
        assert_in_time(&login, Duration::from_secs(1));
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
    }
}

#[test]
fn a_tenant_that_is_down_is_unreachable() {
    let stage = stage(account(
        Listing::Normal,
        Reaction::Approve,
        KeyType::Ed25519,
    ));
    stage.configure(&nobody(), "lee", "", WAITS);
    let login = stage.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "unreachable");
    assert_eq!(login.all("error"), ["The login service cannot be reached."]);

    // A name that nobody has (RFC 6761, section 6.4).
    stage.configure("tenant.invalid", "lee", "", WAITS);
    let login = stage.login("login", &[]);
    assert_eq!(login.code(), "PAM_AUTHINFO_UNAVAIL");
    assert_in_time(&login, Duration::from_secs(1));
}

#[test]
fn a_kept_connection_that_was_closed_in_time_costs_nothing() {
    let stage = stage(Options {
        close_after_keys: Some(Duration::ZERO),
        ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
    });
    let mut running = stage.start("sshd", &[]);
    running.wait_for("visible");
    // The connection has gone when the person presses Enter.
    assert!(
        stage
            .tenant
            .wait_for(crate::stage::PATIENCE, |seen| seen.connections == 1
                && seen.open == 0)
    );
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(stage.pushes(), 1);
    assert_eq!(stage.tenant.connections(), 2);
}

#[test]
fn a_sign_request_is_never_sent_twice() {
    let stage = stage(Options {
        reset_on_sign: true,
        ..account(Listing::Normal, Reaction::Approve, KeyType::Ed25519)
    });
    let login = stage.login("login", &[]);
    login.assert_refused("PAM_MAXTRIES", "unreachable");
    assert_eq!(stage.pushes(), 1);
    assert_eq!(stage.tenant.connections(), 1);
}
