use std::path::Path;

use std::time::Duration;

use logonbox_authenticator::Algorithm;

use super::*;
use crate::qr::{Background, Style};

/// `make generate` writes it from the table.
const EXAMPLE: &str = include_str!("../../../../conf/pam_logonbox.toml");

const MINIMAL: &str = "[logonbox]\ntenant = \"acme.logonbox.directory\"\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/etc/x.toml"), text, "").map_err(|error| error.to_string())
}

#[test]
fn a_tenant_is_enough() {
    let config = parse(MINIMAL).unwrap();
    let Mode::Push(tenant) = config.mode else {
        panic!("{:?}", config.mode);
    };
    assert_eq!(tenant.to_string(), "acme.logonbox.directory");
    let logonbox = config.logonbox;
    assert_eq!(logonbox.device, Device::First);
    assert_eq!(logonbox.algorithms, Algorithm::ALL);
    assert_eq!(logonbox.pins, Pins::Off);
    assert_eq!(config.wait.connect_seconds, Duration::from_secs(5));
    assert_eq!(config.wait.login_seconds, Duration::from_secs(45));
    assert_eq!(config.conversation.announce, Announce::Auto);
    assert_eq!(config.policy.on_unavailable, OnUnavailable::Deny);
    assert_eq!(config.policy.su_asks, SuAsks::User);
}

#[test]
fn the_example_shows_the_defaults() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| {
            line.strip_prefix("#")
                .filter(|line| !line.starts_with(' '))
                .unwrap_or(line)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let settings = |text: &str| {
        let config = Config {
            digest: String::new(),
            ..parse(text).unwrap()
        };
        format!("{config:?}")
    };
    assert_eq!(settings(&uncommented), settings(MINIMAL));
    let (push, airlock) = ("mode = \"push\"", "mode = \"airlock\"");
    assert!(uncommented.contains(push));
    let url = "[airlock]\nurl = \"https://iam.acme.com/auth/rest\"";
    assert_eq!(
        settings(&uncommented.replace(push, airlock)),
        settings(&format!("{airlock}\n{url}\n")),
    );
    // Without a server, every login is refused.
    let error = parse(EXAMPLE).unwrap_err();
    assert!(error.contains("logonbox.tenant: must be set"), "{error}");
}

/// Files, with a part of their error.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors_name_file_line_and_key() {
    for (text, expected) in [
        ("", "/etc/x.toml, logonbox.tenant: must be set"),
        (
            "[logonbox]\ntennant = \"acme\"\n",
            "line 2, logonbox.tennant: unknown key; did you mean \"tenant\"? known here: tenant, account,",
        ),
        ("[logonbox]\n", "/etc/x.toml, logonbox.tenant: must be set"),
        (
            "[logonbox]\ntenant = 7\n",
            "line 2, logonbox.tenant: must be a string in quotes, not integer",
        ),
        (
            "[logonbox]\ntenant = \"https://acme\"\n",
            "line 2, logonbox.tenant: must be a host",
        ),
        ("[logonbox\n", "line 1"),
        (
            "logonbox = 1\n",
            "line 1, logonbox: must be a section, not integer",
        ),
        (
            "x = 1\n[logonbox]\ntenant = \"acme\"\n",
            "line 1, x: unknown key",
        ),
        (
            "[logonbox]\ntenant = \"acme\"\n\n[wiat]\n",
            "line 4, wiat: unknown key; did you mean \"wait\"? known here: mode,",
        ),
        (
            "[logonbox]\ntenant = \"acme\"\ntenant = \"acme\"\n",
            "line 3",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    for (line, expected) in [
        (
            "account = \"{usr}\"",
            "line 3, logonbox.account: unknown placeholder {usr}",
        ),
        (
            "account = \"{rhost}\"",
            "line 3, logonbox.account: unknown placeholder {rhost}",
        ),
        ("account = \"\"", "must not be empty"),
        ("device = \"\"", "line 3, logonbox.device"),
        ("prompt = \"{code\"", "logonbox.prompt"),
        ("algorithms = []", "must not be empty"),
        (
            "algorithms = \"ssh-rsa\"",
            "must be a list of strings, not string",
        ),
        (
            "algorithms = [\"ssh-rsa\",\n \"ssh-dss\"]",
            "line 4, logonbox.algorithms: must be \"ssh-ed25519\" or \"ssh-rsa\"",
        ),
        (
            "pins = \"on\"",
            "line 3, logonbox.pins: must be \"off\" or \"if-present\" or \"required\"",
        ),
        (
            "pins = true",
            "line 3, logonbox.pins: must be a string in quotes, not boolean",
        ),
        (
            "[tls]\nca_file = \"ca.pem\"",
            "line 4, tls.ca_file: must be an absolute path",
        ),
        (
            "[tls]\nproxy = \"proxy:3128\"",
            "line 4, tls.proxy: must be http://name:port",
        ),
        (
            "[tls]\nproxy = \"http://user:pw@proxy:3128\"",
            "line 4, tls.proxy: must be http://name:port; put user:password into a file, and name this \
             file in proxy_credentials_file",
        ),
        (
            "[tls]\nproxy = \"http://proxy:1\"\nproxy_credentials_file = \"proxy\"",
            "line 5, tls.proxy_credentials_file: must be an absolute path",
        ),
        (
            "[tls]\nproxy_credentials_file = \"/etc/security/proxy\"",
            "tls.proxy_credentials_file: has no effect without tls.proxy",
        ),
        (
            "[tls]\nverify = false",
            "line 4, tls.verify: unknown key; known here: ca_file, proxy, proxy_credentials_file",
        ),
        (
            "[wait]\nconnect_seconds = 0",
            "line 4, wait.connect_seconds: must be from 1 to 60",
        ),
        (
            "[wait]\nlogin_seconds = -1",
            "line 4, wait.login_seconds: must be from 1 to 600",
        ),
        (
            "[wait]\nlogin_seconds = 99999999999999999999",
            "wait.login_seconds: must be from",
        ),
        (
            "[wait]\nlogin_seconds = 4.5",
            "must be a whole number, not float",
        ),
        (
            "[wait]\nlogin_seconds = \"45\"",
            "must be a whole number, not string",
        ),
        (
            "[conversation]\nannounce = \"yes\"",
            "line 4, conversation.announce: must be \"auto\"",
        ),
        ("[conversation]\nqr = \"png\"", "conversation.qr"),
        (
            "[conversation]\necho = \"no\"",
            "must be true or false, not string",
        ),
        (
            "[policy]\non_unavailable = \"allow\"",
            "must be \"deny\" or \"ignore\"",
        ),
        (
            "[policy]\nonly_groups = \"push\"",
            "line 4, policy.only_groups: must be a list of strings, not string",
        ),
        (
            "[[policy.exempt]]\nusers = [\n\"lee\",\n\"\"]",
            "line 6, policy.exempt.users: not a valid user or group name: \"\"",
        ),
        (
            "[[policy.exempt]]\ngroups = [\"a,b\"]",
            "line 4, policy.exempt.groups: not a valid user or group name: \"a,b\"",
        ),
        (
            "[[policy.exempt]]\nservices = [\"Sshd\"]",
            "line 4, policy.exempt.services: no PAM service has this name; names are in lower case",
        ),
        (
            "[[policy.exempt]]\nusers = [\"lee\"]\nnetworks = []",
            "line 5, policy.exempt.networks: must not be empty; leave the key out, or name at least one",
        ),
        (
            "[[policy.exempt]]\nreason = \"all\"",
            "line 3, policy.exempt: needs at least one of users, groups, networks, services",
        ),
        (
            "[policy.exempt]\nusers = [\"lee\"]",
            "line 3, policy.exempt: must begin with [[policy.exempt]]",
        ),
        (
            "[[policy.exempt]]\nuser = [\"lee\"]",
            "line 4, policy.exempt.user: unknown key; did you mean \"users\"? known here: users, groups,",
        ),
        (
            "[[policy.exempt]]\nusers = [\"lee\"]\nreason = \"a\\nb\"",
            "line 5, policy.exempt.reason: must not hold control characters",
        ),
        (
            "[[policy.exempt]]\nnetworks = [\"192.0.2.7/24\"]",
            "line 4, policy.exempt.networks: \"192.0.2.7/24\" has bits beyond its prefix: write 192.0.2.0/24",
        ),
        (
            "[policy]\nfailed_attempts_per_10_minutes = 1001",
            "policy.failed_attempts_per_10_minutes: must be from 0 to 1000",
        ),
        (
            "[policy]\nfailed_attempts_in_a_row = -1",
            "policy.failed_attempts_in_a_row: must be from 0 to 1000",
        ),
        (
            "[policy]\nsu_asks = \"target\"",
            "line 4, policy.su_asks: must be \"user\" or \"caller\"",
        ),
        // The section of the other mode is checked, too.
        (
            "[airlock]\nurl = \"http://iam.acme.com/auth/rest\"",
            "line 4, airlock.url: must be an HTTPS URL that ends right before /public: it must begin with https://",
        ),
        (
            "[airlock]\npassword = \"asked\"",
            "line 4, airlock.password: must be \"ask\" or \"stack\"",
        ),
        (
            "[airlock]\nallow_password_only = 1",
            "line 4, airlock.allow_password_only: must be true or false, not integer",
        ),
        (
            "[airlock]\ndevice = \"\"",
            "line 4, airlock.device: must be",
        ),
        (
            "[airlock]\naccount = \"\"",
            "line 4, airlock.account: must not be empty",
        ),
        (
            "[airlock]\napplication = \"..\"",
            "line 4, airlock.application: no application",
        ),
        (
            "[airlock]\nurls = \"\"",
            "line 4, airlock.urls: unknown key; did you mean \"url\"? known here: url,",
        ),
    ] {
        let error = parse(&format!("{MINIMAL}{line}\n")).unwrap_err();
        assert!(error.contains(expected), "{line:?}: {error}");
    }
    let error = parse("mode = \"pull\"").unwrap_err();
    assert!(
        error.contains("line 1, mode: must be \"push\" or \"airlock\""),
        "{error}"
    );
}

/// Lines of `[accounts]`, with a part of their error.
#[test]
fn errors_in_the_table_of_accounts_name_the_user() {
    let long = format!("lee = \"{}\"", "x".repeat(257));
    for (lines, expected) in [
        (
            "lee = \"\"",
            "5, accounts.lee: must not be empty, a dot or two dots",
        ),
        (
            "lee = \"..\"",
            "5, accounts.lee: must not be empty, a dot or two dots",
        ),
        (
            "lee = \"{user}@acme.com\"",
            "5, accounts.lee: must be the account itself: there are no placeholders here",
        ),
        (
            "lee = \"a}\"",
            "5, accounts.lee: must be the account itself",
        ),
        (
            "lee = \"a\\u0000b\"",
            "5, accounts.lee: must not hold control characters",
        ),
        (
            &long,
            "5, accounts.lee: must not be longer than 256 characters",
        ),
        (
            "lee = 7",
            "5, accounts.lee: must be a string in quotes, not integer",
        ),
        (
            "lee = [\"lee\"]",
            "5, accounts.lee: must be a string in quotes, not array",
        ),
        (
            "lee.smith = \"ls\"",
            "5, accounts.lee: must be a string in quotes; a name with a dot stands in quotes, too",
        ),
        (
            "\"\" = \"lee\"",
            "5, accounts.: not a valid user or group name: \"\"",
        ),
        (
            "\"a:b\" = \"lee\"",
            "5, accounts.a:b: not a valid user or group name: \"a:b\"",
        ),
        (
            "\"a\\nb\" = \"lee\"",
            "5, accounts.a?b: not a valid user or group name: \"a\\nb\"",
        ),
        ("kim = \"k\"\nkim = \"m\"", "6"),
        ("kim = \"k\"\n\"kim\" = \"m\"", "6"),
    ] {
        for mode in ["push", "airlock"] {
            let text = format!("mode = {mode:?}\n{MINIMAL}[accounts]\n{lines}\n");
            let error = parse(&text).unwrap_err();
            assert!(
                error.contains(&format!(" line {expected}")),
                "{lines}: {error}"
            );
        }
    }
    let error = parse(&format!("accounts = \"lee\"\n{MINIMAL}")).unwrap_err();
    assert!(
        error.contains("line 1, accounts: must be a section, not string"),
        "{error}"
    );
}

#[test]
fn the_table_of_accounts_wins_over_the_template() {
    let accounts = "[accounts]\nlee = \"ls@acme.com\"\n\"o'neil.x\" = \"\u{fc} %/?\"\n";
    for (file, other) in [
        (
            format!("{MINIMAL}account = \"{{user}}@{{tenant}}\"\n"),
            "kim@acme.logonbox.directory",
        ),
        (
            "mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n\
             account = \"{hostname}/{user}@{tenant}\"\n"
                .to_owned(),
            "web1/kim@iam.acme.com",
        ),
    ] {
        let config = parse(&format!("{file}{accounts}")).unwrap();
        assert_eq!(config.account("lee", "web1"), "ls@acme.com");
        assert_eq!(config.account("o'neil.x", "web1"), "\u{fc} %/?");
        assert_eq!(config.account("kim", "web1"), other);
        // Names must match exactly.
        assert_eq!(config.account("Lee", "web1"), other.replace("kim", "Lee"));
    }
}

#[test]
fn a_url_is_enough_for_airlock() {
    let url = "https://iam.acme.com/auth/rest";
    let text = format!("mode = \"airlock\"\n[airlock]\nurl = {url:?}\n");
    let config = parse(&text).unwrap();
    let Mode::Airlock(configured) = config.mode else {
        panic!("{:?}", config.mode);
    };
    assert_eq!(configured.to_string(), url);
    let airlock = config.airlock;
    assert_eq!(airlock.application, None);
    // The default must not send the host's password to Airlock.
    assert_eq!(airlock.password, Password::Ask);
    assert_eq!(airlock.device, AirlockDevice::Ask);
    assert!(!airlock.allow_password_only);
    assert_eq!(config.conversation.qr, Some(Style::HalfBlocks));
    assert_eq!(config.conversation.qr_background, Background::Dark);
    assert!(config.conversation.echo);
    for text in [
        "mode = \"airlock\"",
        &format!("mode = \"airlock\"\n{MINIMAL}"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(
            error,
            "/etc/x.toml, airlock.url: must be set, for instance \"https://iam.acme.com/auth/rest\""
        );
    }
    let error = parse("mode = \"airlock\"\n[logonbox]\ntenant = \"//\"\n").unwrap_err();
    assert!(error.contains("line 3, logonbox.tenant"), "{error}");
}

#[test]
fn a_mode_that_is_not_at_the_top_is_found() {
    let airlock = "[airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n";
    let error = parse(airlock).unwrap_err();
    assert!(
        error.ends_with("; or set mode = \"airlock\", above the first section"),
        "{error}"
    );
    let error = parse(&format!("{airlock}[policy]\nmode = \"airlock\"\n")).unwrap_err();
    assert_eq!(
        error,
        "/etc/x.toml line 4, policy.mode: belongs above the first section"
    );
}

#[test]
fn errors_do_not_quote_the_file() {
    // The path may lead to a file of another program.
    let shadow = "root:$6$secret:19000:0:99999:7:::\n";
    let error = parse(shadow).unwrap_err();
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn settings_are_listed_with_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pam_logonbox.toml");
    let text = format!(
        "{MINIMAL}device = '''a \"b\" \\ \u{202e}'''\nalgorithms = [\n \"ssh-rsa\",\n]\n\
         [accounts]\n\"kim.w\" = 'k'\nlee = \"l\"\n\
         [wait]\nlogin_seconds = 0x20\n[conversation]\necho = false\n\
         [[policy.exempt]]\nuntil = 2027-03-31\nusers = [\"kim\"]\n\
         [[policy.exempt]]\nservices = [\"su\"]\n"
    );
    std::fs::write(&path, text).unwrap();
    let (_, settings) = Config::load_with_settings(&path, None).unwrap();
    let set: Vec<_> = settings
        .iter()
        .filter_map(|setting| Some((&*setting.section, setting.to_string(), setting.line?)))
        .collect();
    let expected = [
        ("logonbox", "tenant = \"acme.logonbox.directory\"", 2),
        ("logonbox", r#"device = "a \"b\" \\ \U0000202E""#, 3),
        ("logonbox", "algorithms = [\"ssh-rsa\"]", 4),
        ("accounts", "\"kim.w\" = \"k\"", 8),
        ("accounts", "lee = \"l\"", 9),
        ("wait", "login_seconds = 32", 11),
        ("conversation", "echo = false", 13),
        ("policy.exempt", "users = [\"kim\"]", 16),
        ("policy.exempt", "until = 2027-03-31", 15),
        ("policy.exempt", "services = [\"su\"]", 18),
    ];
    let expected = expected.map(|(section, setting, line)| (section, setting.to_owned(), line));
    assert_eq!(set, expected);
    // All others are defaults, in the order of the example.
    let mut rest = EXAMPLE;
    let mut defaults = 0;
    for setting in settings.iter().filter(|setting| setting.line.is_none()) {
        // The URL has an example, but no default.
        if setting.key != "url" {
            (_, rest) = rest.split_once(&format!("\n#{setting}\n")).unwrap();
            defaults += 1;
        }
    }
    assert!(defaults > 20, "{defaults}");
}

#[test]
fn a_service_has_settings_of_its_own() {
    let text = format!(
        "{MINIMAL}button = \"Yes\"\n[conversation]\ncode = \"show\"\nqr = \"ascii\"\n\
         [service.i3lock.conversation]\nannounce = \"none\"\n\
         [service.sudo]\nmode = \"airlock\"\n\
         [service.sudo.airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n\
         [service.sudo.wait]\nlogin_seconds = 9\n\
         [service.sudo.logonbox]\nbutton = \"No\"\n\
         [service.sudo.policy]\non_unavailable = \"ignore\"\n"
    );
    let of = |service| Config::parse(Path::new("/etc/x.toml"), &text, service).unwrap();
    let (host, i3lock, sudo) = (of("sshd"), of("i3lock"), of("sudo"));
    assert!(matches!(host.mode, Mode::Push(_)));
    assert!(matches!(sudo.mode, Mode::Airlock(_)));
    assert_eq!(host.conversation.announce, Announce::Auto);
    assert_eq!(i3lock.conversation.announce, Announce::None);
    // All other settings are those of the whole host.
    assert_eq!(i3lock.conversation.code, Code::Show);
    assert_eq!(i3lock.conversation.qr, Some(Style::Ascii));
    assert_eq!(sudo.wait.login_seconds.as_secs(), 9);
    assert_eq!(sudo.wait.connect_seconds, host.wait.connect_seconds);
    assert_eq!(sudo.policy.on_unavailable, OnUnavailable::Ignore);
    assert_eq!(host.policy.on_unavailable, OnUnavailable::Deny);
    for prefix in ["sud", "sudo-i", ""] {
        assert!(matches!(of(prefix).mode, Mode::Push(_)), "{prefix:?}");
    }
}

/// An error in the settings of one service refuses the logins of all.
#[test]
fn errors_in_the_settings_of_a_service_name_their_place() {
    for (text, error) in [
        (
            "[service.sudo.wait]\nlogin_seconds = 0",
            "line 4, service.sudo.wait.login_seconds: must be from 1 to 600",
        ),
        (
            "[service.sudo.wait]\nlogin_second = 9",
            "line 4, service.sudo.wait.login_second: unknown key; did you mean \"login_seconds\"? \
             known here: connect_seconds, login_seconds",
        ),
        (
            "[service.sudo.logonbox]\ntenant = \"other\"",
            "line 4, service.sudo.logonbox.tenant: cannot be set for one service; allowed here: \
             remote_name, prompt, button",
        ),
        (
            "[service.sudo.policy]\nfailed_attempts_in_a_row = 0",
            "line 4, service.sudo.policy.failed_attempts_in_a_row: cannot be set for one service; \
             allowed here: only_groups, on_unavailable",
        ),
        (
            "[service.sudo.policy]\nfailed_attempts_per_10_minutes = 0",
            "line 4, service.sudo.policy.failed_attempts_per_10_minutes: cannot be set for one \
             service; allowed here: only_groups, on_unavailable",
        ),
        (
            "[service.sudo.tls]\nca_file = \"\"",
            "line 3, service.sudo.tls: unknown key; known here: mode, conversation, wait, airlock, \
             logonbox, policy",
        ),
        (
            "[service]\nsudo = 1",
            "line 4, service.sudo: must be a section, not integer",
        ),
        (
            "[service.sudo]\nwait = 1",
            "line 4, service.sudo.wait: must be a section, not integer",
        ),
        (
            "[service.\"a/b\"]",
            "line 3, service.a/b: no PAM service has this name; names are in lower case",
        ),
        (
            "[service.Sudo]",
            "line 3, service.Sudo: no PAM service has this name; names are in lower case",
        ),
        (
            "[service.sudo.logonbox]\nprompt = \"Yes?\"",
            "line 3, service.sudo.logonbox.prompt: must hold {code}: users read it on the phone and type it \
             (conversation.code = \"type\")",
        ),
    ] {
        let complaint = parse(&format!("{MINIMAL}{text}\n")).unwrap_err();
        assert!(complaint.ends_with(error), "{complaint}");
    }
}

#[test]
fn a_code_that_is_typed_must_be_in_the_question() {
    let prompt = format!("{MINIMAL}prompt = \"Log in?\"\n");
    let error = parse(&prompt).unwrap_err();
    assert!(
        error.starts_with("/etc/x.toml, logonbox.prompt: must hold {code}"),
        "{error}"
    );
    parse(&format!("{prompt}[conversation]\ncode = \"show\"\n")).unwrap();
    // The section of the other mode has no effect.
    parse(&format!(
        "mode = \"airlock\"\n{prompt}[airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n"
    ))
    .unwrap();
}

#[test]
fn settings_are_listed_as_a_service_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pam_logonbox.toml");
    let text = format!(
        "{MINIMAL}[service.sudo]\nmode = \"push\"\n[service.sudo.wait]\nlogin_seconds = 9\n"
    );
    std::fs::write(&path, text).unwrap();
    let set = |service| {
        let (_, settings) = Config::load_with_settings(&path, service).unwrap();
        let settings = settings.into_iter().filter_map(|setting| {
            let line = setting.line?;
            Some(format!("{line} [{}] {setting}", setting.section))
        });
        settings.collect::<Vec<_>>()
    };
    let tenant = "2 [logonbox] tenant = \"acme.logonbox.directory\"";
    assert_eq!(set(Some("sshd")), [tenant]);
    let wait = "6 [wait] login_seconds = 9";
    assert_eq!(set(Some("sudo")), ["4 [] mode = \"push\"", tenant, wait]);
    let [mode, wait] = [
        "4 [service.sudo] mode = \"push\"",
        "6 [service.sudo.wait] login_seconds = 9",
    ];
    assert_eq!(set(None), [tenant, mode, wait]);
}

#[test]
fn an_exemption_ends_on_a_day_alone() {
    let until = |value: &str| {
        parse(&format!(
            "{MINIMAL}[[policy.exempt]]\nusers = [\"lee\"]\nuntil = {value}\n"
        ))
    };
    let config = until("2028-02-29").unwrap();
    let date = config.policy.exempt[0].until.unwrap();
    assert_eq!(date.to_string(), "2028-02-29");
    for value in [
        "2027-02-29",
        "\"2027-03-31\"",
        "2027-03-31T12:00:00",
        "2027-03-31T12:00:00Z",
        "12:00:00",
        "2027",
        "[2027-03-31]",
    ] {
        let error = until(value).unwrap_err();
        assert!(error.contains("line 5"), "{value}: {error}");
    }
    let error = until("\"2027-03-31\"").unwrap_err();
    let expected = "policy.exempt.until: must be a day without quotes, such as 2027-03-31";
    assert!(error.ends_with(expected), "{error}");
}
