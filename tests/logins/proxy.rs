//! Connections through a proxy (RFC 9110, section 9.3.6: CONNECT).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tenant::Options;

use crate::setup::{Setup, TIMEOUT, USER};

/// A proxy that answers every request with `answer` and reports the requests. After a success it
/// connects.
fn proxy(answer: &str) -> (u16, Receiver<String>) {
    let answer = answer.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, asked) = channel();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (tell, answer) = (tell.clone(), answer.clone());
            thread::spawn(move || {
                let mut reader = BufReader::new(client.try_clone()?);
                let mut request = String::new();
                while reader.read_line(&mut request)? > 2 {}
                let _ = tell.send(request.clone());
                let mut client = client;
                if answer.is_empty() {
                    // No answer. This ends when the client hangs up.
                    return reader.read_to_string(&mut request);
                }
                client.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes())?;
                if !answer.starts_with('2') {
                    return Ok(0);
                }
                let authority = request.split(' ').nth(1).unwrap_or_default();
                let tenant = TcpStream::connect(authority)?;
                let mut up = tenant.try_clone()?;
                thread::spawn(move || {
                    let _ = io::copy(&mut reader, &mut up);
                    up.shutdown(std::net::Shutdown::Write)
                });
                let mut tenant = tenant;
                io::copy(&mut tenant, &mut client).map(|_| 0)
            });
        }
    });
    (port, asked)
}

const IGNORE: &str = "[policy]\non_unavailable = \"ignore\"";

#[test]
fn the_configured_proxy_is_used_and_sees_nothing_but_the_name() {
    let (port, asked) = proxy("200 OK");
    let rest = format!("proxy = \"http://127.0.0.1:{port}\"");
    let setup = Setup::with(Options::default(), "approve", "", &rest);
    let login = setup.login("login", &[]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let request = asked.recv_timeout(TIMEOUT).unwrap();
    let authority = setup.tenant.authority();
    assert!(
        request.starts_with(&format!("CONNECT {authority} HTTP/1.1\r\n")),
        "{request}"
    );
    assert!(!request.contains("approve"), "{request}");
    assert_eq!(asked.try_iter().count(), 0, "one tunnel");
}

#[test]
fn every_success_of_the_proxy_is_one() {
    let line = format!("\r\nX-Reason: {}", "x".repeat(1000));
    for answer in [
        "204 No Content".to_owned(),
        "204 No Content\r\nConnection: close".to_owned(),
        "200 Connection established\r\nContent-Length: 5".to_owned(),
        format!("200 OK{}", line.repeat(60)),
        format!("200 OK{}", line.repeat(280)),
        format!("200 OK\r\nX-Reason: {}", "x".repeat(100_000)),
    ] {
        let (port, _asked) = proxy(&answer);
        let rest = format!("proxy = \"http://127.0.0.1:{port}\"");
        let setup = Setup::with(Options::default(), "approve", "", &rest);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    }
}

/// Only a failure on the way to the tenant itself is an outage of the tenant.
#[test]
fn a_dead_proxy_is_not_an_outage_of_the_tenant() {
    let vacant = tenant::vacant().unwrap().to_string();
    for (proxy, what) in [
        (&*vacant, "the proxy refused the connection"),
        (
            "proxy.invalid:3128",
            "the proxy's name could not be looked up",
        ),
    ] {
        let rest = format!("proxy = \"http://{proxy}\"\n{IGNORE}");
        let setup = Setup::with(Options::default(), "approve", "", &rest);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), "PAM_AUTHINFO_UNAVAIL", "{:#?}", login.events);
        let log = login.log();
        assert!(log.contains(": unreachable "), "{log}");
        assert_eq!(log.matches(what).count(), 1, "{log}");
    }
}

#[test]
fn a_proxy_that_refuses_is_told_from_a_silent_one() {
    for (answer, word, code) in [
        ("403 Forbidden", "status 403", "PAM_AUTHINFO_UNAVAIL"),
        (
            "407 Proxy Authentication Required",
            "status 407",
            "PAM_AUTHINFO_UNAVAIL",
        ),
        (
            "302 Found\r\nLocation: http://127.0.0.1/",
            "status 302",
            "PAM_AUTHINFO_UNAVAIL",
        ),
        (
            "503 Service Unavailable",
            "status 503",
            "PAM_AUTHINFO_UNAVAIL",
        ),
        // A silent proxy cannot be told from a silent tenant.
        ("", ": timed-out ", "PAM_IGNORE"),
    ] {
        let (port, _asked) = proxy(answer);
        let seconds = if answer.is_empty() { 1 } else { 30 };
        let rest = format!(
            "proxy = \"http://127.0.0.1:{port}\"\n{IGNORE}\n[wait]\nconnect_seconds = {seconds}"
        );
        let setup = Setup::with(Options::default(), "approve", "", &rest);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), code, "{:#?}", login.events);
        assert!(login.log().contains(word), "{}", login.log());
        assert_eq!(setup.tenant.connections(), 0);
    }
}

#[test]
fn a_proxy_from_the_environment_is_not_used() {
    let (port, asked) = proxy("200 OK");
    let url = format!("http://127.0.0.1:{port}");
    let setup = Setup::new("approve");
    let variables = [
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ]
    .map(|name| (name, url.as_str()));
    let login = setup.start_as(USER, "sudo", &[], &variables).finish();
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(asked.try_iter().count(), 0);
}
