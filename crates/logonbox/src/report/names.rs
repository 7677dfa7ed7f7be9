//! Replaces names by stand-ins.

use std::collections::BTreeMap;
use std::net::IpAddr;

use airlock_iam::BaseUrl;
use login::config::{Config, Setting, Template};
use logonbox_authenticator::TenantAddress;

/// Users with a smaller id are those of programs.
const FIRST_USER: u32 = 1000;
const NOBODY: u32 = 65534;
/// An IPv6 address with all its digits, and the last four bytes as IPv4.
const LONGEST_ADDRESS: usize = 45;
/// These names mean the same on every host. The last two are kinds of keys.
const OF_EVERY_HOST: [&str; 5] = [
    "root",
    "localhost",
    "localdomain",
    "LogonBox Key",
    "Legacy RSA",
];

/// Names and their stand-ins. The same name has the same stand-in everywhere.
#[derive(Default)]
pub struct Names {
    /// The names are in lower case.
    stand_ins: BTreeMap<String, String>,
    /// How many there are of each kind.
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    /// Collects the names of this host. `passwd` is the text of /etc/passwd.
    pub fn collect(
        configs: &[Config],
        settings: &[Setting],
        hostname: &str,
        passwd: &str,
        log: &str,
    ) -> Self {
        let mut names = Self::default();
        names.host(hostname);
        // As in the lines of the log. Short names of other hosts, such as proxy, are also words.
        names.add("host", hostname.split('.').next().unwrap_or_default());
        // A configuration has only the server of its mode.
        for setting in settings {
            let section = setting.section.rsplit('.').next().unwrap_or_default();
            let value = setting.value.trim_matches('"');
            match (section, setting.key.as_str()) {
                ("logonbox", "tenant") => {
                    if let Ok(tenant) = value.parse::<TenantAddress>() {
                        names.add("tenant", tenant.host());
                    }
                }
                ("airlock", "url") => {
                    if let Ok(url) = value.parse::<BaseUrl>() {
                        names.add("tenant", url.authority().host());
                    }
                }
                _ => {}
            }
        }
        for config in configs {
            if let Some(proxy) = &config.tls.proxy {
                let proxy = proxy.trim_start_matches("http://");
                names.host(proxy.rsplit_once(':').map_or(proxy, |(host, _)| host));
            }
            for (user, account) in &config.accounts {
                names.add("user", user);
                names.account(account);
            }
            for user in config.policy.exempt.iter().flat_map(|exempt| &exempt.users) {
                names.add("user", user);
            }
            names.template(&config.logonbox.account);
            names.template(&config.airlock.account);
        }
        for line in passwd.lines() {
            let mut fields = line.split(':');
            let (user, id) = (fields.next(), fields.nth(1));
            if let (Some(user), Some(Ok(id))) = (user, id.map(str::parse::<u32>))
                && id >= FIRST_USER
                && id != NOBODY
            {
                names.add("user", user);
            }
        }
        for line in log.lines().filter(|line| line.contains("pam_logonbox(")) {
            for (name, value) in fields(line) {
                match name {
                    "user" | "caller" => names.add("user", value),
                    "account" => names.account(value),
                    "rhost" => names.host(value),
                    "device" => names.add("device", value),
                    _ => {}
                }
            }
        }
        names
    }

    fn account(&mut self, account: &str) {
        // A user often has the account of the same name.
        if !self.stand_ins.contains_key(&account.to_lowercase()) {
            self.add("account", account);
        }
        if let Some((name, domain)) = account.rsplit_once('@') {
            self.add("account", name);
            self.add("domain", domain);
        }
    }

    /// The domain in a template such as `{user}@acme.com` or `ACME\{user}`.
    fn template(&mut self, template: &Template) {
        let filled = template.fill(|_| "@".to_owned());
        for piece in filled.split(['@', '\\']) {
            let piece = piece.trim_start_matches('.');
            if piece.contains(char::is_alphanumeric) {
                self.add("domain", piece);
            }
        }
    }

    fn host(&mut self, host: &str) {
        if address(host).is_some() {
            return;
        }
        self.add("host", host);
        if let Some((_, domain)) = host.split_once('.') {
            self.add("domain", domain);
        }
    }

    fn add(&mut self, kind: &'static str, name: &str) {
        if !name.is_empty() && !OF_EVERY_HOST.contains(&name) {
            let name = name.to_lowercase();
            let stand_in = self.stand_in(kind, &name);
            // As in a TOML string.
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            self.stand_ins.insert(escaped, stand_in);
        }
    }

    fn stand_in(&mut self, kind: &'static str, name: &str) -> String {
        if let Some(known) = self.stand_ins.get(name) {
            return known.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        let stand_in = format!("{kind}-{count}");
        self.stand_ins.insert(name.to_owned(), stand_in.clone());
        stand_in
    }

    /// Replaces the names that are whole words, and all IP addresses.
    pub fn replace(&mut self, line: &str) -> String {
        let mut replaced = String::new();
        let mut rest = line;
        let mut before = ' ';
        while let Some(first) = rest.chars().next() {
            let mut found = self.address(before, rest);
            if found.is_none() && !is_of_word(before) {
                found = self.name(rest);
            }
            let length = if let Some((length, stand_in)) = found {
                replaced.push_str(&stand_in);
                length
            } else {
                replaced.push(first);
                first.len_utf8()
            };
            let (taken, left) = rest.split_at(length);
            before = taken.chars().next_back().unwrap_or(' ');
            rest = left;
        }
        replaced
    }

    /// The longest name at the start of a text.
    fn name(&self, text: &str) -> Option<(usize, String)> {
        let names = self.stand_ins.iter().filter(|(name, _)| {
            let start = text.get(..name.len());
            let next = text.get(name.len()..).and_then(|rest| rest.chars().next());
            start.is_some_and(|start| start.to_lowercase() == **name)
                && !next.is_some_and(is_of_word)
        });
        let (name, stand_in) = names.max_by_key(|(name, _)| name.len())?;
        Some((name.len(), stand_in.clone()))
    }

    /// The longest IP address at the start of a text. It can stand directly behind a letter.
    fn address(&mut self, before: char, text: &str) -> Option<(usize, String)> {
        let is_of_address = |c: &u8| c.is_ascii_hexdigit() || matches!(c, b'.' | b':');
        let bytes = text.bytes().take(LONGEST_ADDRESS);
        let most = bytes.take_while(is_of_address).count();
        let (address, length) = (1..=most).rev().find_map(|length| {
            let (start, rest) = text.split_at_checked(length)?;
            let address = address(start)?;
            let is_digit = |c: char| c.is_digit(if address.is_ipv4() { 10 } else { 16 });
            let is_torn = is_digit(before) || rest.starts_with(is_digit);
            (!is_torn).then_some((address, length))
        })?;
        if address.is_loopback() || address.is_unspecified() {
            return None;
        }
        let stand_in = self.stand_in("ip", &address.to_string());
        Some((length, stand_in))
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The fields of a log line: name and value.
fn fields(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = line.split('"');
    std::iter::from_fn(move || {
        let name = parts.next()?.strip_suffix('=')?;
        let name = name.rsplit(' ').next().unwrap_or(name);
        Some((name, parts.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-11-30T10:00:00+00:00 door sshd[7]: pam_logonbox(sshd:auth): declined \
                       user=\"kim\" account=\"kim@acme.com\" rhost=\"192.0.2.7\" \
                       device=\"Kim's phone\" key=\"SHA256:x\" reason=\"no\"\n\
                       pam_logonbox(su:auth): exempt user=\"root\" rhost=\"away.acme.com\"";
    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/:/bin/sh\n\
                          sam:x:1001:1001::/home/sam:/bin/sh\nnobody:x:65534:1::/:/bin/sh\n\
                          jo:x:65535:1::/:/bin/sh\nmax:x:200001:1::/:/bin/sh\n";
    const CONF: &str = "[logonbox]\ntenant = \"acme.logonbox.directory\"\n\
                        account = \"{user}@acme.com\"\n[accounts]\nlee = \"l.smith@acme.org\"\n\
                        [tls]\nproxy = \"http://proxy.inner.test:3128\"\n\
                        [[policy.exempt]]\nusers = [\"backup\", 'ACME\\svc']\n";

    fn names() -> Names {
        names_of(CONF)
    }

    fn names_of(conf: &str) -> Names {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pam_logonbox.toml");
        std::fs::write(&file, conf).unwrap();
        let (configs, settings) = crate::unlock::configs(&file).unwrap();
        Names::collect(&configs, &settings, "door.inner.test", PASSWD, LOG)
    }

    #[test]
    fn every_name_has_one_stand_in() {
        let mut names = names();
        for (text, expected) in [
            ("door, DOOR.inner.test, door", "host-2, host-1, host-2"),
            (
                "tenant = \"acme.logonbox.directory\"",
                "tenant = \"tenant-1\"",
            ),
            (
                "account = \"{user}@acme.com\"",
                "account = \"{user}@domain-3\"",
            ),
            ("lee = \"l.smith@acme.org\"", "user-1 = \"account-1\""),
            ("x@acme.org x@sub.ACME.org", "x@domain-2 x@sub.domain-2"),
            ("http://proxy.inner.test:3128", "http://host-3:3128"),
            ("[\"backup\"]", "[\"user-2\"]"),
            (
                "/home/sam/x sam's sam-1 sams",
                "/home/user-4/x user-4's sam-1 sams",
            ),
            (
                "user=\"kim\" account=\"kim@acme.com\"",
                "user=\"user-7\" account=\"account-3\"",
            ),
            ("device=\"Kim's phone\"", "device=\"device-1\""),
            ("root mail nobody /usr/bin", "root mail nobody /usr/bin"),
            ("from away.acme.com", "from host-4"),
            ("[\"ACME\\\\svc\"] ACME\\svc", "[\"user-3\"] user-3"),
            ("l.smith", "account-2"),
            ("allowusers jo max", "allowusers user-5 user-6"),
        ] {
            assert_eq!(names.replace(text), expected, "{text}");
            // The same again.
            assert_eq!(names.replace(text), expected, "{text}");
        }
    }

    #[test]
    fn every_address_has_one_stand_in() {
        let mut names = names();
        for (text, expected) in [
            ("192.0.2.7 192.0.2.70, 192.0.2.7.", "ip-1 ip-2, ip-1."),
            ("192.0.2.7:22 192.0.2.0/24", "ip-1:22 ip-3/24"),
            ("[2001:db8::1]:22 2001:DB8::1", "[ip-4]:22 ip-4"),
            (
                "[\"2001:db8::/32\"] 2001:db8::. fe80::: 2001:db8::1:",
                "[\"ip-5/32\"] ip-5. ip-6: ip-4:",
            ),
            (
                "192.0.2.7-192.0.2.70 2001:db8::1-2001:db8::",
                "ip-1-ip-2 ip-4-ip-5",
            ),
            (
                "x192.0.2.7 node192.0.2.7 _192.0.2.7 192.0.2.7eth0",
                "xip-1 nodeip-1 _ip-1 ip-1eth0",
            ),
            ("from:192.0.2.7 from:2001:db8::1", "from:ip-1 from:ip-4"),
            ("192.0.2.256 1192.0.2.1", "192.0.2.256 1192.0.2.1"),
            ("127.0.0.1 ::1 0.0.0.0:22 ::", "127.0.0.1 ::1 0.0.0.0:22 ::"),
            ("12:30:45 1.5.2-6 6.1.0 beef", "12:30:45 1.5.2-6 6.1.0 beef"),
        ] {
            assert_eq!(names.replace(text), expected, "{text}");
        }
    }

    #[test]
    fn names_of_servers_and_modes_that_are_not_used_are_replaced() {
        let text = "mode = \"airlock\"\n[logonbox]\ntenant = \"push.acme.com:8443\"\n\
                    account = \"{user}@push.test\"\n\
                    [airlock]\nurl = \"https://iam.acme.org/auth/rest\"\n\
                    account = \"{user}@{hostname}.lock.test\"\n\
                    [service.su.airlock]\nurl = \"https://su.acme.net/rest\"\n\
                    account = 'WORK\\{user}'\n";
        let mut names = names_of(text);
        for (text, expected) in [
            ("push.acme.com:8443", "tenant-1:8443"),
            (
                "https://iam.acme.org/auth/rest",
                "https://tenant-2/auth/rest",
            ),
            ("https://su.acme.net/rest", "https://tenant-3/rest"),
            ("{user}@push.test", "{user}@domain-2"),
            ("{user}@{hostname}.lock.test", "{user}@{hostname}.domain-3"),
            ("\"WORK\\\\{user}\"", "\"domain-4\\\\{user}\""),
        ] {
            assert_eq!(names.replace(text), expected, "{text}");
        }
    }

    #[test]
    fn the_name_in_an_account_is_not_cut_at_the_user() {
        let log = "pam_logonbox(sshd:auth): declined user=\"kim\" account=\"kim.k@acme.com\"";
        let mut names = Names::collect(&[], &[], "", "", log);
        assert_eq!(
            names.replace("kim kim.k kim.k@acme.com"),
            "user-1 account-2 account-1"
        );
    }

    #[test]
    fn what_a_stranger_has_written_does_no_harm() {
        let mut names = names();
        for text in [
            "",
            "\"",
            "=\"\"",
            "\u{e9}\u{301}door\u{1f600}",
            "user=\"",
            "::::",
            "...",
        ] {
            let _ = names.replace(text);
            let log = format!("pam_logonbox({text}");
            let _ = Names::collect(&[], &[], text, text, &log);
        }
    }
}
