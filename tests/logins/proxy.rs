//! Connections through a proxy (RFC 9110, section 9.3.6: CONNECT).

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tenant::Options;

use crate::setup::{PROMPTLY, Setup, TIMEOUT, USER, value};

/// A proxy that answers every request with `answer` and reports the requests. After a success it
/// connects.
fn proxy(answer: &str) -> (u16, Receiver<String>) {
    let answer = answer.to_owned();
    proxy_that(move |_| answer.clone())
}

/// A proxy that answers each request, with its header, as `answer` says.
fn proxy_that(answer: impl Fn(&str) -> String + Clone + Send + 'static) -> (u16, Receiver<String>) {
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
                let answer = answer(&request);
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
    let vacant = servers::vacant().unwrap().to_string();
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
            "status 407; see tls.proxy_credentials_file",
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

const KEYS: &str = "lee:s3cr3t";
/// `KEYS` as RFC 7617 sends them, in lower case.
const HEADER: &str = "\r\nproxy-authorization: basic bgvlonmzy3izda==\r\n";

/// A proxy that asks for `KEYS`, and a configuration with this file.
fn with_credentials(mode: &str, file: &str) -> (Setup, Receiver<String>) {
    let (port, asked) = proxy_that(|request| {
        let is_right = request.to_lowercase().contains(HEADER);
        if is_right {
            "200 OK"
        } else {
            "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\""
        }
        .to_owned()
    });
    let setup = Setup::new("approve");
    let rest = format!("proxy = \"http://127.0.0.1:{port}\"\n{file}");
    let rest = rest.replace(
        "FILE",
        &format!(
            "proxy_credentials_file = \"{}\"",
            setup.path("proxy").display()
        ),
    );
    let tenant = setup.tenant.authority().to_owned();
    setup.configure(&tenant, "approve", "", &format!("{rest}\n{mode}"));
    (setup, asked)
}

fn write_credentials(setup: &Setup, text: &str, mode: u32) {
    setup.write("proxy", text);
    fs::set_permissions(setup.path("proxy"), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_proxy_gets_the_user_name_and_the_password_of_the_file() {
    let (setup, asked) = with_credentials("", "FILE");
    for text in ["lee:s3cr3t", "lee:s3cr3t\n"] {
        write_credentials(&setup, text, 0o600);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        let request = asked.recv_timeout(TIMEOUT).unwrap();
        assert!(request.to_lowercase().contains(HEADER), "{request}");
    }
    write_credentials(&setup, "lee:s3cr3t\u{f6}", 0o600);
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "unreachable");
    let reason = value(login.log(), "reason").unwrap();
    let expected = "status 407; see tls.proxy_credentials_file";
    assert!(reason.ends_with(expected), "{reason}");
    setup.service("login", "debug");
    let events = format!("{:?}", setup.login("login", &[]).events);
    assert!(
        events.contains("see tls.proxy_credentials_file"),
        "{events}"
    );
    for secret in ["s3cr3t", "bGVlOnMz", "Basic"] {
        assert!(!events.contains(secret), "{events}");
    }
}

#[test]
fn a_proxy_that_asks_for_a_password_is_told_from_one_that_does_not() {
    let (setup, asked) = with_credentials(IGNORE, "");
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_AUTHINFO_UNAVAIL", "unreachable");
    let reason = value(login.log(), "reason").unwrap();
    assert!(
        reason.contains("see tls.proxy_credentials_file"),
        "{reason}"
    );
    let request = asked.recv_timeout(TIMEOUT).unwrap().to_lowercase();
    assert!(!request.contains("proxy-authorization"), "{request}");
}

#[test]
fn a_file_of_credentials_that_is_not_secret_is_refused_and_named() {
    let (setup, asked) = with_credentials(IGNORE, "FILE");
    let path = setup.path("proxy");
    let expect = |why: &str| {
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
        let reason = value(login.log(), "reason").unwrap();
        let place = format!("tls.proxy_credentials_file: {}: ", path.display());
        assert!(reason.contains(&place) && reason.contains(why), "{reason}");
        assert!(!login.log().contains("s3cr3t"), "{}", login.log());
        assert!(login.took() < PROMPTLY, "{why}");
    };
    expect("No such file");
    for mode in [0o640, 0o604, 0o666] {
        write_credentials(&setup, KEYS, mode);
        expect(&format!("run chmod 600 {}", path.display()));
    }
    for (text, why) in [
        ("", "the colon is missing"),
        ("s3cr3t", "the colon is missing"),
        ("lee:s3cr3t\n\n", "one line"),
        ("\u{feff}lee:s3cr3t", "byte-order mark"),
    ] {
        write_credentials(&setup, text, 0o600);
        expect(why);
    }
    write_credentials(&setup, &"lee:s3cr3t".repeat(1000), 0o600);
    expect("larger than 4096 bytes");
    fs::rename(&path, setup.path("other")).unwrap();
    symlink(setup.path("other"), &path).unwrap();
    expect("is a link");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    expect("not a regular file");
    assert_eq!(asked.try_iter().count(), 0);
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
