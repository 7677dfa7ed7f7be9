#![allow(clippy::arithmetic_side_effects, reason = "times of the test's own")]

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use servers::Scripted;
use tenant::{Account, Certificate, Options, Reaction, Tenant};

use super::super::test_host::ids;
use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Stage {
    tenant: Tenant,
    dir: tempfile::TempDir,
}

impl Stage {
    fn new(certificate: Certificate) -> Self {
        let options = Options {
            certificate,
            accounts: [Account::new("root").reaction(Reaction::Page)]
                .into_iter()
                .collect(),
            ..Options::default()
        };
        let stage = Self {
            tenant: Tenant::start(options).unwrap(),
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::write(stage.ca(), stage.tenant.ca_pem()).unwrap();
        stage
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Checks a configuration. Replaces `TENANT`, `AIRLOCK` and `CA` by their values.
    fn found(&self, text: &str, user: Option<&str>, now: SystemTime) -> Report {
        self.found_for(text, user.map(|user| (user, &[""][..])), now)
    }

    fn found_for(&self, text: &str, person: Option<(&str, &[&str])>, now: SystemTime) -> Report {
        let text = text
            .replace("TENANT", self.tenant.authority())
            .replace("AIRLOCK", &self.tenant.airlock_url())
            .replace("CA", &self.ca().display().to_string());
        let path = Path::new("/etc/security/pam_logonbox.toml");
        let config = Config::parse(path, &text, "").unwrap();
        let mut report = Report::default();
        check(path, &config, person, now, &mut |_| {}, &mut report);
        report
    }

    fn ids(&self, text: &str, user: Option<&str>) -> Vec<&'static str> {
        ids(&self.found(text, user, now()))
    }
}

const PUSH: &str = "[logonbox]\ntenant = \"TENANT\"\n[tls]\nca_file = \"CA\"\n";

#[test]
fn certificates() {
    for (certificate, expected) in [
        (Certificate::Good, vec![]),
        (Certificate::OtherCa, vec!["tls-unknown-ca"]),
        (Certificate::Expired, vec!["tls-expired"]),
        (Certificate::NotYetValid, vec!["tls-not-yet-valid"]),
        (Certificate::SelfSigned, vec!["tls-self-signed"]),
        (Certificate::SelfSignedCa, vec!["tls-ca-as-server"]),
    ] {
        let stage = Stage::new(certificate);
        assert_eq!(stage.ids(PUSH, None), expected, "{certificate:?}");
        let report = stage.found(PUSH, None, now());
        let dated = report.findings.iter().all(|(_, finding)| {
            !finding.id.contains("valid") && !finding.id.contains("expired")
                || finding.what.contains("202")
        });
        assert!(dated, "{report:#?}");
    }
    let stage = Stage::new(Certificate::Good);
    // No CA of the system has signed it.
    assert_eq!(
        stage.ids("[logonbox]\ntenant = \"TENANT\"\n", None),
        ["tls-unknown-ca"]
    );
    let port = stage.tenant.port();
    let other = PUSH.replace("TENANT", &format!("127.0.0.2:{port}"));
    let stage_elsewhere = Options {
        listen: "127.0.0.2:0".parse().unwrap(),
        ..Options::default()
    };
    let elsewhere = Tenant::start(stage_elsewhere).unwrap();
    std::fs::write(stage.ca(), elsewhere.ca_pem()).unwrap();
    let other = other.replace(&port.to_string(), &elsewhere.port().to_string());
    let report = stage.found(&other, None, now());
    assert_eq!(ids(&report), ["tls-wrong-name"], "{report:#?}");
    let what = &report.findings[0].1.what;
    assert!(
        what.contains("another name: localhost, 127.0.0.1"),
        "{what}"
    );
}

#[test]
fn time() {
    let stage = Stage::new(Certificate::Good);
    for (ahead, expected) in [
        (Duration::ZERO, vec![]),
        (Duration::from_secs(50), vec![]),
        (Duration::from_secs(70), vec!["clock-off"]),
        (DAY * 350, vec!["clock-off"]),
        (DAY * 352, vec!["tls-expires-soon", "clock-off"]),
        (DAY * 366, vec!["tls-expired", "clock-off"]),
    ] {
        let report = stage.found(PUSH, None, now() + ahead);
        assert_eq!(ids(&report), expected, "{ahead:?} {report:#?}");
    }
    let report = stage.found(PUSH, None, now() - Duration::from_secs(200));
    let what = &report.findings[0].1.what;
    assert!(
        what.contains(" s behind that of ") && what.contains("200 s")
            || what.contains("199 s")
            || what.contains("201 s"),
        "{what}"
    );
}

#[test]
fn the_way_there() {
    let stage = Stage::new(Certificate::Good);
    let nobody = servers::vacant().unwrap();
    // The kernel accepts the connection, but no program reads from it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        for stream in plain.incoming().flatten() {
            let answer = |mut stream: TcpStream| stream.write_all(b"HTTP/1.1 403 No\r\n\r\n");
            let _ = answer(stream);
        }
    });
    // Sends bytes without end.
    let dribble = TcpListener::bind("127.0.0.1:0").unwrap();
    let dribble_address = dribble.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        let (_open, pause) = std::sync::mpsc::channel::<()>();
        for mut stream in dribble.incoming().flatten() {
            while stream.write_all(b"x").is_ok() {
                let _ = pause.recv_timeout(Duration::from_millis(100));
            }
        }
    });
    let to = |address: &dyn std::fmt::Display| format!("[logonbox]\ntenant = \"{address}\"\n");
    let wait = "[wait]\nconnect_seconds = 1\n";
    let proxy =
        |address: &dyn std::fmt::Display| format!("{PUSH}proxy = \"http://{address}\"\n{wait}");
    for (text, expected) in [
        (to(&"no-such-host.invalid"), "server-name"),
        (to(&nobody), "server-unreachable"),
        (
            format!("{}{wait}", to(&silent.local_addr().unwrap())),
            "server-late",
        ),
        (to(&plain_address), "tls-failed"),
        (proxy(&nobody), "server-proxy"),
        (proxy(&plain_address), "server-proxy"),
        (proxy(&silent.local_addr().unwrap()), "server-late"),
        (proxy(&dribble_address), "server-proxy"),
    ] {
        assert_eq!(stage.ids(&text, None), [expected], "{text}");
    }
}

#[test]
fn a_proxy_gets_the_credentials() {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new(Certificate::Good);
    let file = stage.dir.path().join("proxy");
    std::fs::write(&file, "user:password\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
            request.push(byte[0]);
        }
        client.write_all(b"HTTP/1.1 407 Again\r\n\r\n").unwrap();
        String::from_utf8(request).unwrap()
    });
    let text = format!("{PUSH}proxy = \"http://{address}\"\nproxy_credentials_file = {file:?}\n");
    assert_eq!(stage.ids(&text, None), ["server-proxy"]);
    let request = proxy.join().unwrap();
    let header = "\r\nproxy-authorization: Basic dXNlcjpwYXNzd29yZA==\r\n";
    assert!(request.contains(header), "{request}");
}

#[test]
fn a_person() {
    let stage = Stage::new(Certificate::Good);
    let checked = |text: &str, user: &str| {
        let report = stage.found(text, Some(user), now());
        (ids(&report), report.checked.last().unwrap().1.what.clone())
    };
    let (found, last) = checked(PUSH, "root");
    assert_eq!(found, [""; 0]);
    assert!(
        last.starts_with("root: account root, 2 usable keys; the phone LogonBox Key (SHA256:"),
        "{last}"
    );
    assert_eq!(checked(PUSH, "no-such-user").0, ["user-unknown"]);
    let account = PUSH.replace("[tls]", "account = \"{user}.nobody\"\n[tls]");
    assert_eq!(checked(&account, "root").0, ["user-no-account"]);
    let device = PUSH.replace("[tls]", "device = \"Other phone\"\n[tls]");
    assert_eq!(checked(&device, "root").0, ["user-no-key"]);
    let exempt = format!("{PUSH}[[policy.exempt]]\nusers = [\"root\"]\n");
    assert_eq!(checked(&exempt, "root").0, ["user-exempt"]);
    // Exempt users need no account.
    let early = format!("{account}[[policy.exempt]]\nusers = [\"root\"]\n");
    let report = stage.found(&early, Some("root"), now());
    assert_eq!(report.count(Severity::Error), 0, "{report:#?}");
    assert!(ids(&report).contains(&"user-no-account"), "{report:#?}");
    // They need one if a service asks them.
    let early = early.replace("users = [\"root\"]", "services = [\"sudo\"]");
    for (services, errors) in [(&["sudo"][..], 0), (&["sudo", "sshd"], 1)] {
        let report = stage.found_for(&early, Some(("root", services)), now());
        assert_eq!(report.count(Severity::Error), errors, "{report:#?}");
    }
    let unclear = format!("{PUSH}[policy]\nonly_groups = [\"no-such-group\"]\n");
    assert_eq!(checked(&unclear, "root").0, ["user-unclear"]);
    // No phone has rung.
    assert_eq!(stage.tenant.sign_requests().len(), 0);
}

#[test]
fn airlock() {
    let stage = Stage::new(Certificate::Good);
    let text = "mode = \"airlock\"\n[airlock]\nurl = \"AIRLOCK\"\n[tls]\nca_file = \"CA\"\n";
    assert_eq!(stage.ids(text, Some("root")), [""; 0]);
    assert_eq!(stage.tenant.airlock_problems(), [""; 0]);
    let calls = stage.tenant.airlock_requests();
    let calls: Vec<_> = calls.iter().map(|call| call.method.as_str()).collect();
    assert_eq!(calls, ["DELETE"]);
    let wrong = text.replace("AIRLOCK", "https://TENANT/nothing/here");
    assert_eq!(stage.ids(&wrong, None), ["airlock-wrong-path"]);
}

/// The findings about this server: ids and texts.
fn about(server: &Scripted) -> Vec<(&'static str, String)> {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, server.ca_pem()).unwrap();
    let text = format!(
        "[logonbox]\ntenant = \"{}\"\n[tls]\nca_file = {ca:?}\n",
        server.authority()
    );
    let path = Path::new("/etc/security/pam_logonbox.toml");
    let config = Config::parse(path, &text, "").unwrap();
    let mut report = Report::default();
    check(path, &config, None, now(), &mut |_| {}, &mut report);
    let found = report.findings.into_iter();
    found
        .map(|(_, finding)| (finding.id, finding.what))
        .collect()
}

/// A web server with these answers to the two questions for a tenant: status and body.
fn other_server(
    discover: (&'static str, &'static str),
    ping: (&'static str, &'static str),
) -> Vec<(&'static str, String)> {
    let server = Scripted::start(move |wire| {
        wire.handshake()?;
        let asked = wire.request()?;
        match asked.path.as_str() {
            "/discover" => wire.answer(discover.0, discover.1),
            "/app/api/server/ping" => wire.answer(ping.0, ping.1),
            _ => wire.answer("200 OK", ""),
        }
    })
    .unwrap();
    about(&server)
}

#[test]
fn another_web_server_is_not_a_tenant() {
    const PAGE: (&str, &str) = ("200 OK", "<!doctype html><title>Welcome</title>");
    const MISSING: (&str, &str) = ("404 Not Found", "");
    const DESCRIPTION: (&str, &str) = ("200 OK", "{\"version\": \"2.4\"}");
    for (discover, ping, is_tenant) in [
        (DESCRIPTION, MISSING, true),
        (MISSING, ("200 OK", "OK"), true),
        (MISSING, ("200 OK", ""), true),
        (PAGE, PAGE, false),
        (MISSING, MISSING, false),
        (("200 OK", "[]"), ("502 Bad Gateway", ""), false),
        (("500 Oops", "{}"), MISSING, false),
    ] {
        let found = other_server(discover, ping);
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        let expected: &[&str] = if is_tenant {
            &[]
        } else {
            &["server-not-tenant"]
        };
        assert_eq!(ids, expected, "{discover:?} {ping:?} {found:?}");
    }
    let found = other_server(MISSING, PAGE);
    assert!(
        found[0].1.contains("(/discover: HTTP status 404; "),
        "{found:?}"
    );
}

/// With TLS 1.3, the handshake is over for the client before the server refuses it.
#[test]
fn a_server_that_wants_a_client_certificate() {
    use rustls::server::WebPkiClientVerifier;
    use std::sync::Arc;

    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();

    let provider = Arc::new(bounded_https::crypto_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca_certificate.der().clone()).unwrap();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(ca_certificate.der())
    );
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    let server = Scripted::with(pem, Arc::new(tls), |wire| {
        wire.handshake()?;
        wire.answer("200 OK", "{}")
    })
    .unwrap();
    let what = format!(
        "{}: TLS: the server asks for a client certificate",
        server.authority()
    );
    assert_eq!(about(&server), [("tls-failed", what)]);
}
