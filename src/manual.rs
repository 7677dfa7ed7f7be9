//! The manual pages say what the code does.

mod page;
mod stacks;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use airlock_iam::Hint;
use logonbox_authenticator::Unreachable;

use super::*;
use crate::config::Conversation;
use crate::host::played::{Hasty, Machine};
use crate::host::{Echo, NoAnswer, Secret, User};
use crate::login::airlock::words;
use crate::login::choice;
use crate::text::for_log;
use page::{Page, quoted};

const MODULE: &str = include_str!("../packaging/man/pam_logonbox.8");
const CONFIGURATION: &str = include_str!("../packaging/man/pam_logonbox.toml.5");
/// Where what people see cannot be had without an Airlock, it stands here.
const SOURCE: &str = concat!(
    include_str!("login/airlock.rs"),
    include_str!("login/airlock/questions.rs"),
    include_str!("login/airlock/words.rs")
);
/// The shortest file of each mode. A section may follow, or more keys of the last one.
const TENANT: &str = "[logonbox]\ntenant = \"acme.logonbox.directory\"\n";
const URL: &str = "mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/x.toml"), text).map_err(|error| error.to_string())
}

fn set<T: Into<String>>(names: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    names.into_iter().map(Into::into).collect()
}

// ---- pam_logonbox.toml(5) ----

struct Key {
    section: String,
    name: String,
    default: Option<String>,
    body: String,
}

impl Key {
    /// The shortest file in which this key counts.
    fn shortest(&self) -> &'static str {
        match self.section.as_str() {
            "airlock" => URL,
            _ => TENANT,
        }
    }

    /// The same, in which this key has `value`.
    fn with(&self, value: &str) -> String {
        let (section, name) = (&self.section, &self.name);
        let file = self.shortest();
        match (section.as_str(), name.as_str()) {
            ("", _) => format!("{name} = {value}\n{file}"),
            (_, "tenant" | "url") => {
                let (before, _) = file.split_once(name).unwrap();
                format!("{before}{name} = {value}\n")
            }
            ("logonbox" | "airlock", _) => format!("{file}{name} = {value}\n"),
            _ => format!("{file}[{section}]\n{name} = {value}\n"),
        }
    }
}

/// The keys that the page names.
fn keys() -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    let description = Page::new(CONFIGURATION).section("DESCRIPTION");
    for (heading, part) in description.subsections() {
        let section = heading
            .strip_prefix('[')
            .and_then(|heading| heading.split_once("]: "))
            .map_or("", |(section, _)| section);
        for item in part.items() {
            if item.style != "Ic" {
                // One of the values that the key can have.
                let key = keys.last_mut().unwrap();
                key.body
                    .extend([item.head.as_str(), "\n", item.body.as_str()]);
                continue;
            }
            let (name, default) = match item.head.split_once(" = ") {
                Some((name, default)) => (name.to_owned(), Some(default.to_owned())),
                None => (item.head, None),
            };
            keys.push(Key {
                section: section.to_owned(),
                name,
                default,
                body: item.body,
            });
        }
    }
    keys
}

/// What the parser itself says that it knows, here: after `known here: `.
fn known(file: &str) -> Vec<String> {
    let error = parse(file).unwrap_err();
    let (_, known) = error
        .split_once("known here: ")
        .unwrap_or_else(|| panic!("{error}"));
    known
        .split([',', ' '])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_has_the_keys_of_the_code_and_no_others() {
    let is_section = |name: &str| {
        let rest = if name == "logonbox" { "" } else { TENANT };
        parse(&format!("{name} = 1\n{rest}"))
            .is_err_and(|error| error.contains("must be a section"))
    };
    let mut in_code = BTreeSet::new();
    for name in known("nonsense = 1\n") {
        if !is_section(&name) {
            in_code.insert(format!(".{name}"));
            continue;
        }
        let file = match name.as_str() {
            // Its keys are users.
            "accounts" => continue,
            "logonbox" => format!("{TENANT}nonsense = 1\n"),
            _ => format!("{TENANT}[{name}]\nnonsense = 1\n"),
        };
        in_code.extend(known(&file).iter().map(|key| format!("{name}.{key}")));
    }
    let in_page = set(keys()
        .iter()
        .map(|key| format!("{}.{}", key.section, key.name)));
    assert_eq!(in_page, in_code);
}

/// What `logonbox config` shows, it shows in the order of the page.
#[test]
fn the_page_has_the_order_in_which_settings_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pam_logonbox.toml");
    std::fs::write(&path, TENANT).unwrap();
    let (_, settings) = Config::load_with_settings(&path).unwrap();
    let listed: Vec<_> = settings
        .iter()
        .map(|setting| format!("{}.{}", setting.section, setting.key))
        .collect();
    let in_page: Vec<_> = keys()
        .iter()
        .map(|key| format!("{}.{}", key.section, key.name))
        .collect();
    assert_eq!(listed, in_page);
    for setting in settings {
        let line = (setting.key == "tenant").then_some(2);
        assert_eq!(setting.line, line, "{}", setting.key);
    }
}

#[test]
fn the_page_has_the_defaults_of_the_code() {
    let mut without = Vec::new();
    for key in keys() {
        let Some(default) = &key.default else {
            without.push(key);
            continue;
        };
        let config = parse(&key.with(default)).unwrap();
        let shortest = parse(key.shortest()).unwrap();
        assert_eq!(
            format!("{config:?}"),
            format!("{shortest:?}"),
            "{}",
            key.name
        );
    }
    assert_eq!(
        set(without.iter().map(|key| &*key.name)),
        set(["tenant", "url"])
    );
    for key in without {
        let error = parse(&key.with("\"\"")).unwrap_err();
        let must_be_set = format!("{}.{}: must be set", key.section, key.name);
        assert!(error.contains(&must_be_set), "{error}");
        assert!(key.body.contains("Must be set"), "{}", key.name);
    }
}

/// What the parser demands when it refuses a value, the page demands, too.
#[test]
fn the_page_has_the_limits_of_the_code() {
    let mut checked = 0;
    let long = format!("\"{}\"", "x".repeat(501));
    for key in keys() {
        for value in ["-1", "\"nonsense\"", "[\"nonsense\"]", "[]", "\"\"", &long] {
            let Err(error) = parse(&key.with(value)) else {
                continue;
            };
            let demanded: Vec<String> = if let Some((_, range)) = error.split_once("must be from") {
                vec![format!("from{range}.")]
            } else if error.contains("500 characters") {
                vec!["to 500 characters".to_owned()]
            } else if error.contains("must not be empty") {
                assert!(
                    key.body.contains("not empty") || key.body.contains("of 1 to"),
                    "{}: {error}",
                    key.name
                );
                checked += 1;
                continue;
            } else if error.contains("must be \"") {
                error
                    .split('"')
                    .skip(1)
                    .step_by(2)
                    .map(|word| format!("\"{word}\""))
                    .collect()
            } else {
                continue;
            };
            let text = format!("{} {}", key.default.as_deref().unwrap_or(""), key.body)
                .replace("\\(dq", "\"");
            for demanded in demanded {
                assert!(text.contains(&demanded), "{}: {demanded}", key.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn the_page_has_the_placeholders_of_the_code() {
    let items = Page::new(CONFIGURATION).section("PLACEHOLDERS").items();
    let in_page = set(items.into_iter().map(|item| item.head));
    assert_eq!(
        in_page,
        set(known(&format!("{TENANT}prompt = \"{{x}}\"\n")))
    );
    let mut accounts = 0;
    for account in keys().into_iter().filter(|key| key.name == "account") {
        let in_page = quoted(&account.body);
        let in_page = in_page.iter().filter(|name| name.starts_with('{'));
        assert_eq!(set(in_page), set(known(&account.with("\"{x}\""))));
        accounts += 1;
    }
    assert_eq!(accounts, 2);
}

#[test]
fn every_file_in_the_page_is_a_configuration() {
    let files: Vec<_> = Page::new(CONFIGURATION)
        .displays()
        .into_iter()
        .filter(|display| display.starts_with('[') || display.starts_with("mode"))
        .collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        // A section alone, as in a file that is there.
        let file = match file.strip_prefix("[accounts]") {
            Some(_) => format!("{TENANT}{file}"),
            None => file,
        };
        parse(&file).unwrap_or_else(|error| panic!("{file}\n{error}"));
    }
}

#[test]
fn the_complaints_in_the_page_are_those_of_the_code() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let devise = write("devise", "[logonbox]\n\n\ndevise = 1\n", 0o600);
    symlink(&devise, dir.path().join("link")).unwrap();
    write("open", "", 0o664);
    write("large", &"#".repeat((64 << 10) + 1), 0o600);
    let mut complaints: Vec<String> = ["absent", "link", ".", "open", "large"]
        .map(|name| {
            Config::load(&dir.path().join(name))
                .unwrap_err()
                .to_string()
        })
        .into();
    for file in [
        String::new(),
        format!("{TENANT}[wait]\nconnect_seconds = 0\n"),
        format!("{TENANT}[wait]\nconnect_seconds = \"5\"\n"),
        format!("{TENANT}[policy]\non_unavailable = \"allow\"\n"),
        format!("{TENANT}account = \"{{usr}}\"\n"),
        "mode = \"airlock\"\n".to_owned(),
        "[airlock]\nurl = \"iam.acme.com\"\n".to_owned(),
        format!("{TENANT}[accounts]\nlee = \"{{user}}@acme.com\"\n"),
        format!("{TENANT}[accounts]\nlee.smith = \"ls@acme.com\"\n"),
        URL.replace("mode = \"airlock\"\n", ""),
        format!("{TENANT}mode = \"airlock\"\n"),
    ] {
        complaints.push(parse(&file).unwrap_err());
    }
    let linked = crate::pins::read(&dir.path().join("link"), "lee").unwrap_err();
    complaints.push(linked.to_string());
    // These need root, or must not be root.
    complaints.push(io::Error::from_raw_os_error(13).to_string());
    complaints
        .push(include_str!("config/file.rs").replace("belongs to uid {}", "belongs to uid 1000"));
    let section = Page::new(CONFIGURATION).section("DIAGNOSTICS");
    let items = section.items();
    assert!(items.len() > 10);
    for item in items {
        assert!(
            complaints.iter().any(|complaint| {
                let logged = complaint.replace('"', "'");
                logged.ends_with(&item.head) || complaint.contains(&format!("\"{}\"", item.head))
            }),
            "{}\n{complaints:#?}",
            item.head
        );
    }
    // The example, which stands on two lines in the page.
    let example = section.displays()[0].trim_end().replace('\n', " ");
    let complaint = Config::load(&devise).unwrap_err().to_string();
    let complaint = complaint.replace(devise.to_str().unwrap(), args::DEFAULT_PATH);
    assert_eq!(example, for_log(&complaint));
}

// ---- pam_logonbox(8) ----

const WORDS: [Word; 20] = [
    Word::Declined,
    Word::Refused,
    Word::TimedOut,
    Word::BadSignature,
    Word::BadAnswer,
    Word::NoAccount,
    Word::NoKey,
    Word::UnknownUser,
    Word::WrongPassword,
    Word::WrongOtp,
    Word::Locked,
    Word::UnsupportedStep,
    Word::Unreachable,
    Word::Tls,
    Word::LocalFailure,
    Word::Configuration,
    Word::Conversation,
    Word::Interrupted,
    Word::Panic,
    Word::Limit,
];

/// Compiles only while [`WORDS`] is complete: a new word needs a place here, and there.
#[test]
fn the_list_of_words_is_complete() {
    for (place, word) in WORDS.into_iter().enumerate() {
        let expected = match word {
            Word::Declined => 0,
            Word::Refused => 1,
            Word::TimedOut => 2,
            Word::BadSignature => 3,
            Word::BadAnswer => 4,
            Word::NoAccount => 5,
            Word::NoKey => 6,
            Word::UnknownUser => 7,
            Word::WrongPassword => 8,
            Word::WrongOtp => 9,
            Word::Locked => 10,
            Word::UnsupportedStep => 11,
            Word::Unreachable => 12,
            Word::Tls => 13,
            Word::LocalFailure => 14,
            Word::Configuration => 15,
            Word::Conversation => 16,
            Word::Interrupted => 17,
            Word::Panic => 18,
            Word::Limit => 19,
        };
        assert_eq!(place, expected);
    }
}

fn word(name: &str) -> Option<Word> {
    WORDS.into_iter().find(|word| word.as_str() == name)
}

/// The code for a refusal, by its name.
fn refused(word: Word, rung: bool, service: &str) -> String {
    let refusal = Refusal::new(word, "");
    let refusal = if rung {
        refusal.after_ringing()
    } else {
        refusal
    };
    format!("{:?}", code(&Outcome::Refused(refusal), service))
}

#[test]
fn the_page_explains_every_word_of_the_log_with_its_priority() {
    let items = Page::new(MODULE).section("DIAGNOSTICS").items();
    let in_page: Vec<_> = items
        .iter()
        .filter(|item| item.style == "Sy")
        .map(|item| item.head.split_once(" Pq ").unwrap())
        .collect();
    let in_code = WORDS.map(Word::as_str);
    assert_eq!(
        set(in_page.iter().map(|(word, _)| *word)),
        set(in_code.into_iter().chain(["approved", "exempt"]))
    );
    for (name, priority) in in_page {
        let severity = match word(name) {
            None if name == "exempt" => {
                let exempt = Outcome::Exempt(String::new());
                Report::default().line(&exempt, "", Duration::ZERO).0
            }
            None => Severity::Info,
            Some(word) => {
                let outcome = Outcome::Refused(Refusal::new(word, ""));
                Report::default().line(&outcome, "", Duration::ZERO).0
            }
        };
        assert_eq!(format!("{severity:?}").to_lowercase(), priority, "{name}");
    }
}

#[test]
fn the_page_has_the_codes_that_the_module_returns() {
    let (before, after) = Page::new(MODULE)
        .section("RESULT CODES")
        .split_at("From the moment");
    let mut explained = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for item in before.items() {
        codes.insert(item.head.clone());
        for name in quoted(&item.body) {
            let Some(word) = word(&name) else { continue };
            explained.insert(name);
            if item.head == "PAM_IGNORE" {
                continue;
            }
            for service in ["sshd", "sudo", "sudo-i", "su", "login"] {
                assert_eq!(refused(word, false, service), item.head, "{word:?}");
            }
        }
    }
    let (list, everything_else) = after.split_at("Everything else is\n");
    codes.extend(list.items().into_iter().map(|item| item.head));
    for name in everything_else.quoted() {
        let word = word(&name).unwrap();
        for service in ["sudo", "sudo-i"] {
            assert_eq!(refused(word, true, service), "PAM_ABORT");
        }
        for service in ["sshd", "su", "su-l", "login"] {
            assert_eq!(refused(word, true, service), "PAM_MAXTRIES");
        }
        explained.insert(name);
    }
    assert_eq!(refused(Word::Panic, true, "sshd"), "PAM_ABORT");
    assert_eq!(explained, set(WORDS.map(Word::as_str)));

    let mut returned = set(["PAM_SUCCESS", "PAM_IGNORE"]);
    for word in WORDS {
        for (rung, service) in [(false, "sshd"), (true, "sshd"), (true, "sudo")] {
            returned.insert(refused(word, rung, service));
        }
    }
    assert_eq!(codes, returned);
}

/// Every way in which the server cannot be talked to.
const UNREACHABLE: [Unreachable; 6] = [
    Unreachable::Lookup,
    Unreachable::Refused,
    Unreachable::NoRoute,
    Unreachable::Cut,
    Unreachable::Proxy,
    Unreachable::ServerError,
];

/// What each error of LogonBox's client is here.
fn logonbox_refusals() -> Vec<Refusal> {
    use logonbox_authenticator::{Error, ErrorKind as Kind};
    [
        Kind::NoSuchAccount,
        Kind::NoUsableKey,
        Kind::Declined,
        Kind::Refused,
        Kind::TimedOut,
        Kind::Tls,
        Kind::NotUnderstood,
        Kind::BadSignature,
        Kind::Local,
        Kind::Panicked,
        Kind::Cancelled,
        Kind::InvalidInput,
    ]
    .into_iter()
    .chain(UNREACHABLE.map(Kind::Unreachable))
    .map(|kind| Refusal::from(Error::new(kind, "")))
    .collect()
}

/// The same for Airlock's, with the words for the person.
fn airlock_refusals() -> Vec<Refusal> {
    use airlock_iam::{Error, ErrorKind as Kind};
    [
        Kind::WrongPassword,
        Kind::WrongOtp,
        Kind::Locked,
        Kind::TemporarilyLocked,
        Kind::Refused,
        Kind::UnsupportedStep,
        Kind::NotUnderstood,
        Kind::TimedOut,
        Kind::Tls,
        Kind::Local,
        Kind::Panicked,
        Kind::Cancelled,
        Kind::InvalidInput,
    ]
    .into_iter()
    .chain(UNREACHABLE.map(Kind::Unreachable))
    .map(|kind| words::refusal(Error::new(kind, "")))
    .collect()
}

#[test]
fn the_page_names_what_on_unavailable_covers() {
    let items = Page::new(MODULE).section("RESULT CODES").items();
    let ignore = items.iter().find(|item| item.head == "PAM_IGNORE").unwrap();
    let named = quoted(&ignore.body);
    let named = set(named.iter().filter(|name| word(name).is_some()));
    for refusals in [logonbox_refusals(), airlock_refusals()] {
        let covered = refusals
            .iter()
            .filter(|refusal| refusal.unavailable.is_some())
            .map(|refusal| refusal.word.as_str());
        assert_eq!(named, set(covered));
    }
    // Nothing is, once the phone may have rung, or Airlock been asked.
    for refusal in logonbox_refusals().into_iter().chain(airlock_refusals()) {
        assert_eq!(refusal.after_ringing().unavailable, None);
    }
}

/// A part of what people see, by its heading.
fn seen(heading: &str) -> Page<'static> {
    let parts = Page::new(MODULE).section("WHAT PEOPLE SEE").subsections();
    let (_, part) = parts.into_iter().find(|part| part.0 == heading).unwrap();
    part
}

/// The items of a list of words that people see.
fn words_in(page: Page<'_>) -> BTreeSet<String> {
    let items = page.items().into_iter().filter(|item| item.style == "Ql");
    set(items.map(|item| item.head))
}

#[test]
fn the_page_has_the_words_after_a_refusal() {
    let report = Report {
        person: Duration::from_secs(45),
        ..Report::default()
    };
    let plain = WORDS.into_iter().map(|word| Refusal::new(word, ""));
    let said = plain.chain(airlock_refusals()).flat_map(|refusal| {
        [refusal.clone(), refusal.after_ringing()]
            .map(|refusal| report.words(&Outcome::Refused(refusal)).unwrap())
    });
    let in_page = words_in(seen("After a refusal"));
    let (timed, in_page): (BTreeSet<_>, BTreeSet<_>) = in_page
        .into_iter()
        .partition(|words| words.contains(" until ") || words.contains("try again"));
    assert_eq!(in_page, set(said));
    // A lock with its end: Airlock alone can make one.
    assert_eq!(timed.len(), 3);
    for words in timed {
        let words = words
            .replace("12 minutes", "{}")
            .replace("2026-11-22 14:05 UTC", "{until}");
        let literal = format!("\"{words}\"");
        assert!(SOURCE.contains(&literal), "{literal}");
    }
}

#[test]
fn the_page_has_the_words_of_mode_push() {
    let section = seen("With the phone");
    let displays = section.displays();
    let [announcement, enter] = &displays[..] else {
        panic!("{displays:?}")
    };
    let announcement = announcement.trim_end().replace("4821", "0000");
    let on_device = announcement.replace("phone", "phone on Pixel 8");
    assert!(section.quoted().contains(&"on Pixel 8".to_owned()));
    let named = format!("{TENANT}device = \"Pixel 8\"\n");
    assert_eq!(
        Screen::of("login", TENANT),
        [&*announcement, "Login refused."]
    );
    assert_eq!(Screen::of("login", &named), [&*on_device, "Login refused."]);
    let prompt = format!("{announcement}\n{} ", enter.trim_end());
    assert_eq!(Screen::of("sshd", TENANT), [&*prompt, "Login refused."]);
}

#[test]
fn the_page_has_the_words_of_mode_airlock() {
    let section = seen("With Airlock");
    let displays = section.displays();
    let [password, devices, qr, approval] = &displays[..] else {
        panic!("{displays:?}")
    };
    let prompt = |display: &str| format!("{} ", display.trim_end());
    assert_eq!(
        Screen::with("sshd", URL, &PamResultCode::PAM_MAXTRIES),
        [&*prompt(password), "Login refused."]
    );

    let (heading, list) = devices.split_at(devices.find('\n').unwrap() + 1);
    assert_eq!(choice::list(&[]), heading);
    let (_, question) = list.split_at(list.find("Device (").unwrap());
    assert_eq!(prompt(question), choice::question(2));

    let conversation = |qr: &str| -> Conversation {
        let file = format!("{TENANT}[conversation]\nqr = \"{qr}\"\n");
        parse(&file).unwrap().conversation
    };
    let otp = |hint, qr| words::otp(hint, conversation(qr), &mut String::new());
    let (scan, question) = qr.split_once('\n').unwrap();
    assert!(
        SOURCE.contains(&format!("\"{scan}\\n{{picture}}{{OTP}}\"")),
        "{scan}"
    );
    assert_eq!(prompt(question), words::OTP);

    let mut said = set([
        otp(Hint::QrCode(b"no picture"), "none"),
        otp(Hint::QrCode(b"no picture"), "ascii"),
        otp(Hint::UnreadableQrCode, "unicode"),
        otp(Hint::Sms(None), "unicode"),
    ]
    .map(|words| {
        words
            .strip_suffix(&format!("\n{}", words::OTP))
            .unwrap()
            .to_owned()
    }));
    assert!(otp(Hint::Sms(Some("*** 123")), "none").starts_with("A code was sent by SMS to "));
    said.remove("A code was sent by SMS.");
    said.insert("A code was sent by SMS to".to_owned());
    let in_page = words_in(section);
    for again in in_page.difference(&said) {
        assert!(again.ends_with("Try again."), "{again}");
        let literal = format!("\"{again}\\n{{}}\"");
        assert!(SOURCE.contains(&literal), "{literal}");
    }
    assert_eq!(in_page.len(), said.len() + 2);
    assert!(said.is_subset(&in_page), "{said:?}");

    // What is said to a phone needs an Airlock that rings one.
    let (line, end) = approval.split_once('\n').unwrap();
    let line = line.replace(" on Joe's iPhone", "{on_device}");
    for literal in [format!("\"{line}\""), format!("\"{}\"", prompt(end))] {
        assert!(SOURCE.contains(&literal), "{literal}");
    }
}

#[test]
fn the_page_has_the_arguments() {
    let error = Args::parse([c"nonsense"]).unwrap_err();
    let (_, known) = error.split_once("known are ").unwrap();
    let description = Page::new(MODULE).section("DESCRIPTION");
    let (_, arguments) = description.split_at("The arguments are:");
    let in_page = arguments
        .items()
        .into_iter()
        .map(|item| item.head.replace(" Ns Ar path", "PATH"));
    assert_eq!(set(in_page), set(known.split(" and ")));
    for page in [MODULE, CONFIGURATION] {
        assert!(page.contains(&format!("Pa {}\n", args::DEFAULT_PATH)));
    }
}

/// A host that writes down what a user sees whom the system does not know.
struct Screen {
    service: &'static str,
    shown: Vec<String>,
}

impl Screen {
    fn of(service: &'static str, file: &str) -> Vec<String> {
        Self::with(service, file, &PamResultCode::PAM_AUTH_ERR)
    }

    fn with(service: &'static str, file: &str, expected: &PamResultCode) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.toml");
        fs::write(&path, file).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let argument = format!("conf={}\0", path.display());
        let mut screen = Self {
            service,
            shown: Vec::new(),
        };
        let code = run(
            &[CStr::from_bytes_with_nul(argument.as_bytes()).unwrap()],
            &mut screen,
            &Machine {
                users: &[],
                ..Machine::default()
            },
            &mut Hasty::default(),
            &Silent,
        );
        assert_eq!(code, *expected);
        screen.shown
    }
}

impl Host for Screen {
    fn service(&self) -> String {
        self.service.to_owned()
    }

    fn rhost(&self) -> String {
        String::new()
    }

    fn tty(&self) -> String {
        String::new()
    }

    fn user(&mut self) -> Result<User, NoAnswer> {
        Ok(User::Named("lee".to_owned()))
    }

    fn inform(&mut self, text: &str) {
        self.shown.push(text.to_owned());
    }

    fn complain(&mut self, text: &str) {
        self.shown.push(text.to_owned());
    }

    fn ask(&mut self, prompt: &str, _: Echo) -> Result<Secret, NoAnswer> {
        self.shown.push(prompt.to_owned());
        Ok(Secret::new(b"an answer".to_vec()))
    }

    fn password(&self) -> Option<Secret> {
        None
    }

    fn leave_password(&mut self, _: &str) -> Result<(), NoAnswer> {
        Ok(())
    }
}

struct Silent;

impl Log for Silent {
    fn write(&self, _: Severity, _: &str) {}
}
