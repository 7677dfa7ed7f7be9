use std::path::Path;

use super::*;

const MINIMAL: &str = "[logonbox]\ntenant = \"acme.logonbox.directory\"\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/etc/x.toml"), text).map_err(|error| error.to_string())
}

#[test]
fn a_tenant_is_enough() {
    let config = parse(MINIMAL).unwrap();
    let Mode::Push(logonbox) = config.mode else {
        panic!("{:?}", config.mode);
    };
    assert_eq!(logonbox.tenant.to_string(), "acme.logonbox.directory");
    assert_eq!(logonbox.device, Device::First);
    assert_eq!(logonbox.algorithms, Algorithm::ALL);
    assert_eq!(logonbox.pins, Pins::Off);
    assert_eq!(config.wait.connect, Duration::from_secs(5));
    assert_eq!(config.wait.person, Duration::from_secs(45));
    assert_eq!(config.conversation.announce, Announce::Auto);
    assert_eq!(config.policy.on_unavailable, OnUnavailable::Deny);
    assert_eq!(config.policy.su_asks, SuAsks::User);
}

#[test]
fn the_shipped_file_says_what_the_defaults_are() {
    let shipped = include_str!("../../conf/pam_logonbox.toml");
    let uncommented: String = shipped
        .lines()
        .map(|line| {
            line.strip_prefix("#")
                .filter(|line| !line.starts_with(' '))
                .unwrap_or(line)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(
        format!("{:?}", parse(&uncommented).unwrap()),
        format!("{:?}", parse(MINIMAL).unwrap()),
    );
    let (push, airlock) = ("mode = \"push\"", "mode = \"airlock\"");
    assert!(uncommented.contains(push));
    let url = "[airlock]\nurl = \"https://iam.acme.com/auth/rest\"";
    assert_eq!(
        format!("{:?}", parse(&uncommented.replace(push, airlock)).unwrap()),
        format!("{:?}", parse(&format!("{airlock}\n{url}\n")).unwrap()),
    );
    // As it is, it sends nothing anywhere.
    let error = parse(shipped).unwrap_err();
    assert!(error.contains("logonbox.tenant: must be set"), "{error}");
}

/// Each file with what its error must name.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors_name_file_line_and_key() {
    for (text, expected) in [
        ("", "/etc/x.toml, logonbox.tenant: must be set"),
        (
            "[logonbox]\ntennant = \"acme\"\n",
            "line 2, logonbox.tennant: unknown key",
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
            "line 4, wiat: unknown key",
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
            "line 4, tls.proxy",
        ),
        ("[tls]\nverify = false", "line 4, tls.verify: unknown key"),
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
            "[conversation]\notp_echo = \"no\"",
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
            "[policy]\nexempt_users = [\n\"lee\",\n\"\"]",
            "line 6, policy.exempt_users: \"\" is nobody's name",
        ),
        (
            "[policy]\nexempt_groups = [\"a,b\"]",
            "policy.exempt_groups: \"a,b\" is nobody's name",
        ),
        (
            "[policy]\nexempt_networks = [\"192.0.2.7/24\"]",
            "policy.exempt_networks: \"192.0.2.7/24\" has bits beyond its prefix: write 192.0.2.0/24",
        ),
        (
            "[policy]\nunapproved_pushes_per_10_minutes = 1001",
            "policy.unapproved_pushes_per_10_minutes: must be from 0 to 1000",
        ),
        (
            "[policy]\nsu_asks = \"target\"",
            "line 4, policy.su_asks: must be \"user\" or \"caller\"",
        ),
        // The section of the other mode must be right, too.
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
            "line 4, airlock.urls: unknown key; known here: url,",
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

/// Each line of `[accounts]` with what its error must say.
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
        ("\"\" = \"lee\"", "5, accounts.: \"\" is nobody's name"),
        (
            "\"a:b\" = \"lee\"",
            "5, accounts.a:b: \"a:b\" is nobody's name",
        ),
        (
            "\"a\\nb\" = \"lee\"",
            "5, accounts.a?b: \"a\\nb\" is nobody's name",
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
        // Exactly this name.
        assert_eq!(config.account("Lee", "web1"), other.replace("kim", "Lee"));
    }
}

#[test]
fn a_url_is_enough_for_airlock() {
    let url = "https://iam.acme.com/auth/rest";
    let text = format!("mode = \"airlock\"\n[airlock]\nurl = {url:?}\n");
    let config = parse(&text).unwrap();
    let Mode::Airlock(airlock) = config.mode else {
        panic!("{:?}", config.mode);
    };
    assert_eq!(airlock.url.to_string(), url);
    assert_eq!(airlock.application, None);
    // Never by default: it would send the host's password to Airlock.
    assert_eq!(airlock.password, Password::Ask);
    assert_eq!(airlock.device, AirlockDevice::Ask);
    assert!(!airlock.allow_password_only);
    assert_eq!(config.conversation.qr, Some(Style::HalfBlocks));
    assert_eq!(config.conversation.qr_background, Background::Dark);
    assert_eq!(config.conversation.otp_echo, Echo::On);
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
fn errors_do_not_quote_a_file_that_may_be_the_wrong_one() {
    let shadow = "root:$6$secret:19000:0:99999:7:::\n";
    let error = parse(shadow).unwrap_err();
    assert!(!error.contains("secret"), "{error}");
}
