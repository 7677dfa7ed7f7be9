//! The bytes that a phone signs must mean nothing elsewhere: the vendor's SSH agent sends SSH
//! user-authentication data to the same phone, and the signature covers nothing else.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a panic here fails a test")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use logonbox_authenticator::{Client, Error, PublicKey, RandomSource};

const ED25519: &str = "ssh-ed25519 \
     AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ LogonBox Key";

/// Whether `bytes` begin as SSH user-authentication data (RFC 4252, section 7): a string, the
/// session identifier, and `SSH_MSG_USERAUTH_REQUEST`.
fn is_user_authentication(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return false;
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
    rest.get(length) == Some(&50)
}

/// User-authentication data for a session identifier of that many bytes.
fn ssh(session: u8) -> Vec<u8> {
    let session = [vec![0, 0, 0, session], vec![1; session.into()]].concat();
    let rest = b"\x32\0\0\0\x04root\0\0\0\x0essh-connection\0\0\0\x09publickey\x01";
    [&session, &rest[..]].concat()
}

/// Repeats these bytes.
struct Crafted(Vec<u8>);

impl RandomSource for Crafted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        for (byte, crafted) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *crafted;
        }
        Ok(())
    }
}

fn client(random: &[u8]) -> Client {
    Client::builder("acme.logonbox.directory".parse().unwrap())
        .random_source(Crafted(random.to_vec()))
        .build()
        .unwrap()
}

#[test]
fn a_payload_is_no_user_authentication() {
    let key = PublicKey::from_line(ED25519).unwrap();
    for random in [vec![0], vec![50], vec![0xff], ssh(20), ssh(32), ssh(64)] {
        assert_eq!(is_user_authentication(&random), random.len() > 1);
        let client = client(&random);
        let mut expected = vec![0; 128];
        Crafted(random).fill(&mut expected).unwrap();
        *expected.first_mut().unwrap() |= 0x80;
        let payload = client.payload().unwrap();
        assert_eq!(payload.as_bytes(), expected, "all bits but one are random");
        assert!(!is_user_authentication(payload.as_bytes()));
        assert_eq!(client.request("lee", &key).unwrap().payload(), expected);
    }
}

/// A redirect request begins with the principal as a string. After it comes the length of the
/// fingerprint, whose first byte is 0, and not `SSH_MSG_USERAUTH_REQUEST`. The principal cannot
/// change this.
#[test]
fn a_redirect_request_is_no_user_authentication() {
    let client = client(&ssh(32));
    let key = PublicKey::from_line(ED25519).unwrap();
    let crafted = String::from_utf8(ssh(32)).unwrap();
    for principal in ["", "lee@acme.com", &"2".repeat(50), &crafted] {
        let back = "https://wiki.acme.com/{response}";
        let redirect = client.redirect(principal, &key, back).unwrap();
        let (_, blob) = redirect.url.rsplit_once('/').unwrap();
        assert!(!is_user_authentication(&URL_SAFE.decode(blob).unwrap()));
    }
}
