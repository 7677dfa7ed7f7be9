//! The configuration file.
#![no_main]

use std::path::Path;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use login::config::Config;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let config = match Config::parse(Path::new("/etc/security/pam_logonbox.toml"), text, "") {
        Ok(config) => config,
        Err(error) => {
            let line = error.line().unwrap_or(1);
            assert!(
                (1..=text.matches('\n').count() + 1).contains(&line),
                "line {line}"
            );
            let said = error.to_string();
            assert!(!said.contains(char::is_control), "{said:?}");
            assert!(said.starts_with("/etc/security/pam_logonbox.toml"));
            // Names are quoted once.
            assert!(said.len() <= 1500 + 10 * text.len());
            return;
        }
    };
    let seconds = |from, to| Duration::from_secs(from)..=Duration::from_secs(to);
    assert!(seconds(1, 60).contains(&config.wait.connect_seconds));
    assert!(seconds(1, 600).contains(&config.wait.login_seconds));
    assert!(config.policy.failed_attempts_per_10_minutes <= 1000);
    for account in config.accounts.values() {
        assert!(!account.is_empty() && account.chars().count() <= 256);
        assert!(!account.contains(char::is_control));
    }
    if let Some(proxy) = &config.tls.proxy {
        assert!(proxy.starts_with("http://") && !proxy.contains('@'));
    }
    let tls = &config.tls;
    for path in [&tls.ca_file, &tls.proxy_credentials_file] {
        assert!(path.as_ref().is_none_or(|path| path.is_absolute()));
    }
    assert!(tls.proxy_credentials_file.is_none() || tls.proxy.is_some());
    assert!(!config.logonbox.algorithms.is_empty());
    // A user's name is filled in unchanged, also if it looks like a placeholder.
    let named = config.account("{tenant}", "{user}");
    let other = config
        .account("\u{1}", "\u{2}")
        .replace('\u{1}', "{tenant}")
        .replace('\u{2}', "{user}");
    if !config.accounts.contains_key("{tenant}") && !text.contains(['\u{1}', '\u{2}', '\\']) {
        assert_eq!(named, other);
    }
});
