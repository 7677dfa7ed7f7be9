//! The generated files, and `pam_logonbox.toml(5)` and `conf/pam_logonbox.toml` compared with the code.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

mod generated;
mod mdoc;

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use login::config::file::TrustedDir;
use login::config::{Config, Mode, table};
use login::push;
use logonbox_authenticator::ClientBuilder;

const PAGE: &str = "packaging/man/pam_logonbox.toml.5";
/// What the page is made from.
const SOURCE: &str = "docs/man/pam_logonbox.toml.5.md";
const EXAMPLE: &str = "conf/pam_logonbox.toml";
/// The lines of the source around the part that is made from the table of settings.
const MARKS: [&str; 2] = ["<!-- settings: begin -->\n", "<!-- settings: end -->\n"];

/// The shortest file of each mode. A section may follow, or more keys of the last one.
const TENANT: &str = "[logonbox]\ntenant = \"acme.logonbox.directory\"\n";
const URL: &str = "mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn page() -> String {
    fs::read_to_string(repository(PAGE)).unwrap()
}

/// The part of the page below `.Sh name`.
fn section(name: &str) -> String {
    let page = page();
    let (_, rest) = page.split_once(&format!("\n.Sh {name}\n")).unwrap();
    rest.split("\n.Sh ").next().unwrap().to_owned()
}

/// The heads of the items in a list, without the macro `Ic`.
fn items(section: &str) -> Vec<String> {
    let items = section.lines().filter_map(|line| line.strip_prefix(".It "));
    items
        .map(|head| plain(head.strip_prefix("Ic ").unwrap_or(head)))
        .collect()
}

/// The texts between `.Bd -literal` and `.Ed`.
fn displays(section: &str) -> Vec<String> {
    let displays = section.split(".Bd -literal").skip(1);
    displays
        .map(|display| {
            let (_, display) = display.split_once('\n').unwrap();
            plain(display.split_once("\n.Ed").unwrap().0) + "\n"
        })
        .collect()
}

/// Without the escapes of roff(7).
fn plain(text: &str) -> String {
    text.replace("\\(dq", "\"")
        .replace("\\(aq", "'")
        .replace("\\-", "-")
        .replace("\\&", "")
}

fn complaint(text: &str) -> String {
    let error = Config::parse(Path::new("/x.toml"), text, "").unwrap_err();
    error.to_string()
}

/// `make generate` runs this test with `GENERATE=1`, which writes the files first.
#[test]
fn the_generated_files_are_up_to_date() {
    let compare = |path: &str, expected: &str| {
        let file = repository(path);
        if env::var_os("GENERATE").is_some() {
            fs::write(&file, expected).unwrap();
        }
        let is_same = fs::read_to_string(&file).is_ok_and(|text| text == expected);
        assert!(is_same, "{path} is out of date: run make generate");
    };
    let source = fs::read_to_string(repository(SOURCE)).unwrap();
    let (before, rest) = source.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let [begin, end] = MARKS;
    compare(
        SOURCE,
        &format!("{before}{begin}{}{end}{after}", generated::manual()),
    );
    compare(EXAMPLE, &generated::example());
    let mut pages = 0;
    for file in fs::read_dir(repository("docs/man")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        compare(&format!("packaging/man/{name}"), &mdoc::page(&path));
        pages += 1;
    }
    // A page without a source would never change again.
    assert_eq!(
        fs::read_dir(repository("packaging/man")).unwrap().count(),
        pages
    );
}

/// The end of an explanation names limits and placeholders.
#[test]
fn the_values_that_explanations_allow_are_those_of_the_code() {
    let mut compared = 0;
    for section in table() {
        for row in section.keys {
            let text = row.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = text.trim_end_matches('.');
            let mut compare = |value: &str, expected: &str| {
                let complaint = complaint(&format!("[{}]\n{} = {value}\n", section.key, row.key));
                assert!(complaint.ends_with(expected), "{complaint}\n{expected}");
                compared += 1;
            };
            if let Some((_, limits)) = text.split_once("Whole number from ") {
                let (min, max) = limits.split_once(" to ").unwrap();
                for other in [
                    min.parse::<i64>().unwrap() - 1,
                    max.parse::<i64>().unwrap() + 1,
                ] {
                    compare(&other.to_string(), &format!("must be from {limits}"));
                }
            }
            if let Some((before, _)) = text.split_once(" characters.") {
                let limit = before.rsplit(' ').next().unwrap();
                let long = format!("{:?}", "x".repeat(limit.parse::<usize>().unwrap() + 1));
                compare(
                    &long,
                    &format!("must not be longer than {limit} characters"),
                );
            }
            if let Some((_, placeholders)) = text.split_once("Placeholders: ") {
                let known = placeholders.replace('`', "");
                compare("\"{x}\"", &format!("known here: {known}"));
            }
        }
    }
    assert_eq!(compared, 18);
    let accounts = table().iter().find(|row| row.key == "accounts").unwrap();
    let words = accounts
        .text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(words.contains(" 1 to 256 characters"), "{words}");
    let long = format!("[accounts]\nlee = {:?}\n", "x".repeat(257));
    assert!(complaint(&long).ends_with("must not be longer than 256 characters"));
}

#[test]
fn the_placeholders_are_those_of_the_code() {
    let complaint = complaint(&format!("{TENANT}prompt = \"{{x}}\"\n"));
    let (_, known) = complaint.split_once("known here: ").unwrap();
    let in_page = items(&section("PLACEHOLDERS"));
    let in_code: BTreeSet<_> = known.split(' ').collect();
    assert_eq!(
        in_page.iter().map(|name| &**name).collect::<BTreeSet<_>>(),
        in_code
    );
}

#[test]
fn every_file_in_the_page_is_a_configuration() {
    let displays: Vec<_> = ["DESCRIPTION", "SETTINGS", "EXAMPLES"]
        .iter()
        .flat_map(|name| displays(&section(name)))
        .collect();
    assert!(displays.len() > 5, "{displays:?}");
    for file in displays {
        // The examples of these sections are without the rest of their file.
        let parts = ["[accounts]", "[service.", "[[policy."];
        let rest = if parts.iter().any(|part| file.starts_with(part)) {
            TENANT
        } else {
            ""
        };
        let file = format!("{rest}{file}");
        Config::parse(Path::new("/x.toml"), &file, "")
            .unwrap_or_else(|error| panic!("{file}{error}"));
    }
}

/// Complaints that need a file. The first one is the example in the page.
fn complaints_about_files(dir: &Path) -> Vec<String> {
    let write = |name: &str, text: &str, mode| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("devise", "[logonbox]\n\n\ndevise = 1\n", 0o600);
    symlink(dir.join("devise"), dir.join("link")).unwrap();
    write("open", "", 0o664);
    write("large", &"#".repeat((64 << 10) + 1), 0o600);
    write("foreign", "", 0o600);
    let mut complaints = Vec::new();
    for name in ["devise", "absent", "link", ".", "open", "large", "foreign"] {
        if name == "foreign" && chown(dir.join(name), Some(1000), None).is_err() {
            eprintln!("NOT TESTED: files of other users, because this test does not run as root");
            complaints.push("belongs to uid 1000; it must belong to root (chown root)".to_owned());
            continue;
        }
        let error = Config::load(&dir.join(name), "").unwrap_err().to_string();
        let path = dir.join("devise");
        complaints.push(error.replace(path.to_str().unwrap(), "/etc/security/pam_logonbox.toml"));
    }
    complaints.push(TrustedDir::open(&dir.join("link")).unwrap_err());
    // Root may read everything.
    complaints.push(io::Error::from_raw_os_error(13).to_string());
    complaints
}

/// Complaints about CA certificates.
fn complaints_about_certificates(dir: &Path) -> Vec<String> {
    let file = dir.join("ca.pem");
    let text = format!("{TENANT}[tls]\nca_file = \"{}\"\n", file.display());
    let config = Config::parse(Path::new("/x.toml"), &text, "").unwrap();
    let Mode::Push(tenant) = &config.mode else {
        panic!("a tenant");
    };
    let begin = "-----BEGIN CERTIFICATE-----\n";
    [
        format!("\u{feff}{begin}"),
        format!(" {begin}"),
        format!("{begin}-----END CERTIFICATE-----{begin}"),
        begin.replace("CERT", "TRUSTED CERT"),
        begin.replace("CERTIFICATE", "PRIVATE KEY"),
        begin.replace("CERTIFICATE", "PKCS7"),
        begin.to_owned(),
        "0".to_owned(),
    ]
    .map(|pem| {
        fs::write(&file, pem).unwrap();
        let builder = push::client_builder(&config, tenant, None);
        let built = push::trusting(builder, &config.tls).and_then(ClientBuilder::build);
        built.unwrap_err().detail().to_owned()
    })
    .into()
}

/// Complaints about the credentials for a proxy.
fn complaints_about_credentials(dir: &Path) -> Vec<String> {
    let file = dir.join("proxy");
    let text = format!(
        "{TENANT}[tls]\nproxy = \"http://proxy:1\"\nproxy_credentials_file = \"{}\"\n",
        file.display()
    );
    let config = Config::parse(Path::new("/x.toml"), &text, "").unwrap();
    [
        ("user:password", 0o644),
        ("password", 0o600),
        ("user:password\n\n", 0o600),
        ("\u{feff}user:password", 0o600),
    ]
    .map(|(text, mode)| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let complaint = config.tls.proxy_credentials().unwrap_err();
        // The page has one word for the file.
        complaint.replace(&format!("chmod 600 {}", file.display()), "chmod 600 file")
    })
    .into()
}

#[test]
fn the_complaints_in_the_page_are_those_of_the_code() {
    let dir = tempfile::tempdir().unwrap();
    let mut complaints = complaints_about_files(dir.path());
    complaints.extend(complaints_about_certificates(dir.path()));
    complaints.extend(complaints_about_credentials(dir.path()));
    for file in [
        String::new(),
        format!("{TENANT}[wait]\nconnect_seconds = 0\n"),
        format!("{TENANT}[wait]\nconnect_seconds = \"5\"\n"),
        format!("{TENANT}[policy]\non_unavailable = \"allow\"\n"),
        format!("{TENANT}account = \"{{usr}}\"\n"),
        "mode = \"airlock\"\n".to_owned(),
        "[airlock]\nurl = \"iam.acme.com\"\n".to_owned(),
        format!("{TENANT}prompt = \"Yes?\"\n"),
        format!("{TENANT}[service.sudo.policy]\nsu_asks = \"user\"\n"),
        format!("{TENANT}[accounts]\nlee = \"{{user}}@acme.com\"\n"),
        format!("{TENANT}[accounts]\nlee.smith = \"ls@acme.com\"\n"),
        URL.replace("mode = \"airlock\"\n", ""),
        format!("{TENANT}mode = \"airlock\"\n"),
        format!("{TENANT}[tls]\nproxy = \"http://user:password@proxy:1\"\n"),
        format!("{TENANT}[tls]\nproxy_credentials_file = \"/proxy\"\n"),
    ] {
        complaints.push(complaint(&file));
    }
    // As in the log.
    let complaints: Vec<_> = complaints
        .iter()
        .map(|text| text.replace('"', "'"))
        .collect();
    let section = section("DIAGNOSTICS");
    let items = items(&section);
    assert!(items.len() > 10);
    for item in items {
        let is_there = complaints
            .iter()
            .any(|complaint| complaint.ends_with(&item));
        assert!(is_there, "{item}\n{complaints:#?}");
    }
    let example = displays(&section)[0].trim_end().replace('\n', " ");
    assert_eq!(example, complaints[0]);
}
