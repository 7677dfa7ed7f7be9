//! A client that shows the exact bytes of the connection.

#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use tenant::{PublicKey, Tenant};

/// Long enough for a busy machine. Only a failing test waits this long.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Long enough to see that no byte arrives.
pub const MOMENT: Duration = Duration::from_millis(200);

pub const SIGN: &str = "/app/api/authenticator/signPayload";
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const PAYLOAD: [u8; 128] = [0xfb; 128];

pub struct Client(StreamOwned<ClientConnection, TcpStream>);

pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The signature in the answer to a sign request.
    pub fn signature(&self) -> Vec<u8> {
        let json = self.json();
        URL_SAFE_NO_PAD
            .decode(json["signature"].as_str().unwrap())
            .unwrap()
    }

    /// The boolean and the reason in the answer to a sign request.
    pub fn verdict(&self) -> (bool, String) {
        let json = self.json();
        let blob = URL_SAFE.decode(json["response"].as_str().unwrap()).unwrap();
        let length = u32::from_be_bytes(blob[1..5].try_into().unwrap());
        assert_eq!(blob.len(), 5 + length as usize);
        (blob[0] == 1, String::from_utf8(blob[5..].to_vec()).unwrap())
    }
}

impl Client {
    pub fn new(tenant: &Tenant) -> Self {
        Self::try_new(tenant, "localhost", rustls::ALL_VERSIONS, TIMEOUT).unwrap()
    }

    pub fn try_new(
        tenant: &Tenant,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
        timeout: Duration,
    ) -> io::Result<Self> {
        Self::connect(tenant.ca_pem(), tenant.address(), name, versions, timeout)
    }

    /// A client that trusts this CA, at a server that it knows by this name.
    pub fn trusting(ca: &str, address: SocketAddr, name: &str) -> io::Result<Self> {
        Self::connect(ca, address, name, rustls::ALL_VERSIONS, TIMEOUT)
    }

    fn connect(
        ca: &str,
        address: SocketAddr,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
        timeout: Duration,
    ) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = name.to_owned().try_into().unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(timeout))?;
        connection.complete_io(&mut stream)?;
        Ok(Self(StreamOwned::new(connection, stream)))
    }

    pub fn timeout(&self, timeout: Duration) {
        self.0.sock.set_read_timeout(Some(timeout)).unwrap();
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.send_get(path);
        self.response().unwrap()
    }

    pub fn post(&mut self, path: &str, content_type: &str, body: &str) -> Response {
        self.send_post(path, content_type, body);
        self.response().unwrap()
    }

    pub fn sign(&mut self, account: &str, key: &PublicKey) -> Response {
        self.post(SIGN, FORM, &form(account, key))
    }

    pub fn send_get(&mut self, path: &str) {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Test: one\r\n\r\n"
        ));
    }

    pub fn send_post(&mut self, path: &str, content_type: &str, body: &str) {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }

    pub fn send_sign(&mut self, account: &str, key: &PublicKey) {
        self.send_post(SIGN, FORM, &form(account, key));
    }

    /// Sends these bytes, usually a request.
    pub fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
        self.0.flush().unwrap();
    }

    /// Reads an answer with a Content-Length.
    pub fn response(&mut self) -> io::Result<Response> {
        let head = self.head()?;
        let status = head.get(9..12).unwrap().parse().unwrap();
        let length = match status {
            204 => 0,
            _ => header(&head, "content-length").unwrap().parse().unwrap(),
        };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Response { status, head, body })
    }

    /// Reads the status line and the headers.
    pub fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(String::from_utf8(head).unwrap())
    }

    /// Reads the next bytes unchanged, including chunk sizes.
    pub fn some(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads up to a proper end of the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

pub fn form(account: &str, key: &PublicKey) -> String {
    let flags = if key.algorithm == "ssh-rsa" { 4 } else { 0 };
    form_with(account, &key.fingerprint(), flags, &PAYLOAD)
}

/// The form with this question.
pub fn form_asking(text: &str, account: &str, key: &PublicKey) -> String {
    let flags = if key.algorithm == "ssh-rsa" { 4 } else { 0 };
    form_of(account, &key.fingerprint(), flags, &PAYLOAD, text)
}

pub fn form_with(account: &str, fingerprint: &str, flags: u32, payload: &[u8]) -> String {
    let text = "May a test log in? <b>&\"'";
    form_of(account, fingerprint, flags, payload, text)
}

fn form_of(account: &str, fingerprint: &str, flags: u32, payload: &[u8], text: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("username", account)
        .append_pair("fingerprint", fingerprint)
        .append_pair("remoteName", "A <test>")
        .append_pair("text", text)
        .append_pair("authorizeText", "Let it")
        .append_pair("flags", &flags.to_string())
        .append_pair("payload", &URL_SAFE.encode(payload))
        .finish()
}

pub fn key_path(account: &str) -> String {
    format!("/app/api/authenticator/keys/{account}")
}
