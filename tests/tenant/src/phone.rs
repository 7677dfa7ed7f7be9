//! A phone's answer to a sign request, right or wrong.

use hyper::StatusCode;

use crate::keys::{Hash, KeyPair};
use crate::reply::{JSON, Reply};
use crate::scenario::Reaction;
use crate::wire::{Answer, padded_base64url};

/// Published clients take exactly this reason for a decline, and every other one for a failure.
pub(crate) const DECLINED: &str = "The keystore rejected the signature request.";
pub(crate) const UNREACHABLE: &str = "The device could not be reached.";
pub(crate) const REFUSED: &str = "The phone cannot be reached.";

/// The signature that the phone with `key` returns for `payload`, right or wrong. None if the
/// answer fails in another way.
pub(crate) fn signature(
    reaction: Reaction,
    key: &KeyPair,
    payload: &[u8],
    hash: Hash,
) -> Option<Vec<u8>> {
    let right = || key.sign(payload, hash);
    Some(match reaction {
        Reaction::Approve | Reaction::Padded => right(),
        Reaction::WrongKey => key.stranger().sign(payload, hash),
        Reaction::WrongPayload => key.sign(&[payload, b"?"].concat(), hash),
        Reaction::Sha1 => key.sign(payload, Hash::Sha1),
        Reaction::Zeros => vec![0; right().len()],
        Reaction::Random => random(right().len()),
        Reaction::Truncated => {
            let mut signature = right();
            signature.pop();
            signature
        }
        Reaction::Long => [&right(), "and more".as_bytes()].concat(),
        _ => return None,
    })
}

/// The answer of the phone with `key` to the request to sign `payload`.
pub(crate) fn answer(reaction: Reaction, key: &KeyPair, payload: &[u8], hash: Hash) -> Reply {
    let right = || key.sign(payload, hash);
    let signed = |signature: &[u8]| json(&Answer::signed(signature));
    match reaction {
        Reaction::Approve
        | Reaction::WrongKey
        | Reaction::WrongPayload
        | Reaction::Sha1
        | Reaction::Zeros
        | Reaction::Random
        | Reaction::Truncated
        | Reaction::Long => {
            signed(&signature(reaction, key, payload, hash).expect("these sign something"))
        }
        Reaction::Decline => json(&Answer::unsigned(false, DECLINED)),
        Reaction::Unreachable => json(&Answer::unsigned(false, UNREACHABLE)),
        Reaction::Refuse => json(&Answer::refused(REFUSED)),
        // The server waits for a user first, and then calls this with the user's reaction.
        Reaction::Page | Reaction::Never => Reply::Never,
        Reaction::Padded => json(&Answer {
            success: true,
            signature: padded_base64url(&right()),
            ..Answer::default()
        }),
        Reaction::Empty => json(&Answer {
            success: true,
            ..Answer::default()
        }),
        Reaction::YesWithoutSignature => json(&Answer::unsigned(true, "")),
        Reaction::MissingFields => Reply::ok(JSON, "{}"),
        Reaction::HostileReason => json(&Answer::unsigned(false, &hostile_reason())),
        Reaction::Html => Reply::web_page(),
        Reaction::Redirect => Reply::redirect(StatusCode::FOUND, "/elsewhere"),
        Reaction::NotFound => Reply::status(StatusCode::NOT_FOUND),
        Reaction::TooMany429 => Reply::too_many(),
        Reaction::Error500 => Reply::status(StatusCode::INTERNAL_SERVER_ERROR),
        Reaction::BadGateway502 => Reply::status(StatusCode::BAD_GATEWAY),
        Reaction::Unavailable503 => Reply::status(StatusCode::SERVICE_UNAVAILABLE),
        Reaction::GatewayTimeout504 => Reply::status(StatusCode::GATEWAY_TIMEOUT),
        Reaction::HangUp => Reply::Raw(Vec::new()),
        Reaction::NotJson => Reply::ok(JSON, "success = true\n"),
        Reaction::Cut => Reply::cut(JSON, Answer::signed(&right()).json().as_bytes()),
        Reaction::Endless => Reply::endless(JSON, endless_json(&right()), "x"),
        Reaction::Drip => Reply::drip(JSON, endless_json(&right()), "x"),
    }
}

pub(crate) fn json(answer: &Answer) -> Reply {
    Reply::ok(JSON, answer.json())
}

/// Everything that a client needs, followed by a string without end.
fn endless_json(signature: &[u8]) -> String {
    let mut text = Answer::signed(signature).json();
    text.pop();
    text + r#","more":""#
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    getrandom::getrandom(&mut bytes).expect("the system has random bytes");
    bytes
}

/// Text that must not reach a terminal or a log unchanged.
pub(crate) fn hostile_reason() -> String {
    let nasty = "\u{1b}[2J\u{1b}]0;title\u{7}\r\n\nApproved. \u{202e}moc.elpmaxe\u{2066}\u{9b}31m\u{0}%s%n ";
    nasty.repeat(100_000 / nasty.len() + 1)
}
