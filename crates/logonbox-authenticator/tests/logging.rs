//! What a program's log may show: logins at the level `trace`, also of the libraries below.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bounded_https::{Https, Roots};
use log::{LevelFilter, Log, Metadata, Record};
use logonbox_authenticator::http::{Request, Response};
use logonbox_authenticator::{
    Body, Client, ClientBuilder, ErrorKind, HttpClient, HttpError, Limits, Texts,
};
use tenant::{Options, Tenant};

const CODE: &str = "482913";
const PROXY_PASSWORD: &str = "geheim-am-proxy";

/// Keeps all lines: `LEVEL TARGET: MESSAGE`.
struct Recorder(Mutex<Vec<String>>);

static RECORDER: Recorder = Recorder(Mutex::new(Vec::new()));

impl Log for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    fn flush(&self) {}
}

/// Sends with the client of bounded-https, and keeps the bodies of the answers.
struct Tap {
    https: Https,
    answers: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl HttpClient for Tap {
    fn send(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> logonbox_authenticator::BoxFuture<'_, Result<Response<Body>, HttpError>> {
        Box::pin(async move {
            let answer = self.https.send(request, limits).await?;
            let body = answer.body().as_bytes().to_vec();
            self.answers.lock().unwrap().push(body);
            Ok(answer)
        })
    }
}

fn https(tenant: &Tenant) -> Https {
    let roots = Roots::Pem(tenant.ca_pem().into());
    Https::builder().roots(roots).build().unwrap()
}

fn builder(tenant: &Tenant) -> ClientBuilder {
    Client::builder(tenant.authority().parse().unwrap()).texts(Texts {
        prompt: format!("{{username}} logs in. Code: {CODE}"),
        ..Texts::default()
    })
}

/// The forms in which bytes could be logged. A part of each is enough to find them.
fn forms(bytes: &[u8]) -> Vec<String> {
    let part = &bytes[..24];
    let hex = part.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    vec![
        STANDARD_NO_PAD.encode(part),
        URL_SAFE_NO_PAD.encode(part),
        hex.to_uppercase(),
        hex,
        format!("{part:?}").trim_matches(['[', ']']).to_owned(),
    ]
}

#[tokio::test]
async fn no_secret_is_logged_even_at_trace() {
    log::set_logger(&RECORDER).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let tenant = Tenant::start(Options::default()).unwrap();
    let answers = Arc::default();
    let client = builder(&tenant)
        .http_client(Tap {
            https: https(&tenant),
            answers: Arc::clone(&answers),
        })
        .build()
        .unwrap();

    // Logins of all kinds.
    let response = client.authenticate("approve").await.unwrap();
    let _approval = response.verify().unwrap();
    for account in ["decline", "not-json", "nobody", "keys-rsa-1024"] {
        client.authenticate(account).await.unwrap_err();
    }
    let response = client.authenticate("wrong-key").await.unwrap();
    let error = response.verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadSignature);

    // Through a browser.
    let keys = client.keys("approve").await.unwrap();
    let key = client.choose(&keys).unwrap();
    let redirect = client
        .redirect("approve", key, "https://wiki.example/?response={response}")
        .unwrap();
    let saved = redirect.request.save().as_str().to_owned();
    let request = Request::get(&redirect.url).body(Body::default()).unwrap();
    let limits = Limits::new(Duration::from_secs(30), 64 << 10);
    let back = https(&tenant).send(request, limits).await.unwrap();
    let back = back.headers()["location"].to_str().unwrap().to_owned();
    let (_, response) = back.split_once("?response=").unwrap();
    let _approval = redirect.request.finish(response).unwrap();

    // Through a proxy that is not there.
    let proxied = builder(&tenant)
        .proxy(&format!("http://lee:{PROXY_PASSWORD}@127.0.0.1:1"))
        .build()
        .unwrap();
    proxied.authenticate("approve").await.unwrap_err();

    let lines = RECORDER.0.lock().unwrap().join("\n");
    for told in [
        "DEBUG bounded_https::https: the server answers with HTTP status 200",
        "DEBUG bounded_https::https: no answer from the server: Unreachable(",
        "DEBUG logonbox_authenticator::client: key list: 2 usable keys, 0 lines skipped",
        "DEBUG logonbox_authenticator::client: asking for a signature with SHA256:",
        "DEBUG logonbox_authenticator::authorized_keys: key list: line 2: an RSA key of 1024",
        // The libraries below are recorded, too.
        "TRACE rustls::",
    ] {
        assert!(lines.contains(told), "{told}\nis not in\n{lines}");
    }

    let mut secrets = vec![CODE.to_owned(), PROXY_PASSWORD.to_owned()];
    let asked = tenant.sign_requests();
    assert!(asked.iter().all(|request| request.text.contains(CODE)));
    for request in &asked {
        secrets.extend(forms(&request.payload));
    }
    let answers = answers.lock().unwrap();
    let signatures: Vec<String> = answers.iter().filter_map(|body| signature(body)).collect();
    // Approved, and with a wrong key.
    assert_eq!(signatures.len(), 2);
    for signature in signatures {
        let blob = signature.trim_end_matches('=');
        secrets.extend(forms(&URL_SAFE_NO_PAD.decode(blob).unwrap()));
        secrets.push(blob.to_owned());
    }
    for text in [&saved, response] {
        // Both begin with what is not secret.
        let half = text.len() / 2;
        secrets.push(text[half..half + 24].to_owned());
        secrets.push(text[text.len() - 28..text.len() - 4].to_owned());
    }
    for secret in secrets {
        assert!(secret.len() >= CODE.len());
        assert!(!lines.contains(&secret), "{secret} is logged:\n{lines}");
    }
}

/// The signature in an answer, in base64.
fn signature(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(answer.get("signature")?.as_str()?.to_owned()).filter(|text| !text.is_empty())
}
