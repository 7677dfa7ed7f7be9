//! The ids of all findings. The manual page is made from this table.

use super::finding::Area::{self, Configuration, Host, Server, Sshd, Stacks};
use super::finding::Severity::{self, Error, Note, Warning};

const E: &[Severity] = &[Error];
const W: &[Severity] = &[Warning];
const N: &[Severity] = &[Note];
const E_W: &[Severity] = &[Error, Warning];
const E_N: &[Severity] = &[Error, Note];
const W_N: &[Severity] = &[Warning, Note];
const E_W_N: &[Severity] = &[Error, Warning, Note];

type Row = (&'static str, &'static [Severity], &'static str);

/// The ids of one area with their severities.
#[expect(clippy::too_many_lines, reason = "one line for each id")]
#[rustfmt::skip]
fn rows(area: Area) -> &'static [Row] {
    match area {
        Configuration => &[
            ("accounts-shared", W, "Several users have the same account."),
            ("config-ca-file", E, "The module cannot use the CA certificates in ca_file."),
            ("config-invalid", E, "The module cannot use the configuration file."),
            ("config-missing", E, "The configuration file does not exist."),
            ("config-proxy-credentials", E, "The module cannot use proxy_credentials_file."),
            ("configurations-differ", N, "Two configuration files differ in settings about users."),
            ("directory-open", E_W, "Users other than root can replace a file that decides about logins."),
            ("exempt-ended", W, "An exemption has ended, and has no effect."),
            ("exempt-everyone", W, "An exemption is for all users of a service or network."),
            ("exempt-without-end", N, "An exemption has no last day."),
            ("name-spelling", W_N, "The user database spells a name of the configuration in another way."),
            ("on-unavailable-ignore", N, "Logins go on without the phone during an outage."),
            ("only-groups-empty", W, "No user of this host is in the groups in only_groups."),
            ("only-groups-witness", W, "The host cannot prove that root is in none of the groups in only_groups."),
            ("pins-invalid", E, "The module cannot use a file of pinned keys."),
            ("pins-missing", E, "The configuration requires pinned keys, but none are pinned."),
            ("remember-no-effect", W, "A setting of remembered approvals has no effect."),
            ("service-unknown", W_N, "A section or a list names a PAM service that has no file."),
            ("service-without-twin", W, "Only one of sudo and sudo-i, or of su and su-l, has a setting."),
            ("unknown-account-user", W, "The host does not know a user in [accounts]."),
            ("unknown-group", E, "The host does not know a group in [policy]."),
            ("unknown-user", E, "The host does not know a user in [policy]."),
        ],
        Stacks => &[
            ("module-missing", E, "libpam cannot load a module."),
            ("service-cannot-prompt", W, "A program cannot show the prompts that the configuration needs."),
            ("service-cannot-read", E, "A program that runs as the user cannot read the configuration."),
            ("service-without-network", E, "A program that asks the module cannot reach the server."),
            ("stack-account-by-file", N, "A module of the account lines refuses users by a file that the command does not read."),
            ("stack-account-refuses", E, "The account lines refuse users whom each module accepts."),
            ("stack-asks-after-refusal", W, "The stack goes on to ask users after a refusal."),
            ("stack-asks-nothing", E_W, "The stack accepts users without any factor."),
            ("stack-bad-argument", E, "The module does not know an argument."),
            ("stack-capitals", W, "libpam does not read the file of a service whose name has capital letters."),
            ("stack-example-name", W, "A file has the name of an example, which no program uses."),
            ("stack-exempt-nothing-left", E_W, "No line of the stack accepts exempt users."),
            ("stack-exempt-refused", E_W, "The control of the module's line refuses exempt users."),
            ("stack-exempt-without-password", E_W, "Exempt users get in without a password."),
            ("stack-file", E, "libpam cannot read the service, or does not answer about it."),
            ("stack-first-factor-optional", W, "Users who have not set up the first factor need the phone alone."),
            ("stack-include-missing", E, "An include names a file that libpam cannot open."),
            ("stack-key-alone-while-away", W, "A key alone is enough during an outage."),
            ("stack-key-not-checked", W, "Only sshd's settings require a key, and the stack does not check for it."),
            ("stack-line-not-taken", E_W, "libpam reads a line with the module as a part of another line."),
            ("stack-loop", E, "Files include each other without end."),
            ("stack-no-earlier-password", E_W, "A line uses the password of an earlier line, and no earlier line asks for one."),
            ("stack-no-first-factor", E_W, "The stack asks for no first factor, so the phone alone is enough."),
            ("stack-no-password-for-airlock", E_W, "No line asks for the password that the module should send to Airlock."),
            ("stack-nobody-gets-in", E_W, "The stack refuses every login."),
            ("stack-none", W, "No auth line names the module."),
            ("stack-pair-differs", E, "Only one of sudo and sudo-i, or of su and su-l, asks for the phone."),
            ("stack-pam-conf", W, "/etc/pam.conf names the module, but libpam does not read this file."),
            ("stack-phone-instead-of-password", E_W, "The phone is enough after a wrong password."),
            ("stack-phone-skipped", E_W, "The stack accepts users without asking for the phone."),
            ("stack-phone-skipped-for-some", W, "The stack accepts some users without asking for the phone."),
            ("stack-reaches-others", W, "A file that several services include makes other programs than login, sshd, su and sudo ask for the phone."),
            ("stack-refusal-does-not-count", E_W, "The stack accepts users whom the module refuses."),
            ("stack-refuses-some", E_W, "The stack refuses users of one module, or users who meet a condition."),
            ("stack-rings-after-wrong-password", E_W, "The phone rings after a wrong password."),
            ("stack-rings-before-password", E_W, "The phone rings before the stack asks for the password."),
            ("stack-rings-twice", E_W, "The stack calls the module twice in one login."),
            ("stack-session-refuses", E, "The session lines refuse users whom each module accepts."),
            ("stack-syntax", E, "libpam cannot read a line."),
            ("stack-takes-other", E, "The file of a service has no auth lines, so libpam takes those of the service other."),
            ("stack-unknown-service", W_N, "A file names the module for a service that no package of this host has."),
            ("stack-way-around", N, "A service without the phone gives what another service guards."),
            ("stack-wrong-module", E, "An auth line names a module that cannot authenticate."),
            ("stack-wrong-type", E_W, "A line of another type than auth names the module."),
        ],
        Sshd => &[
            ("sshd-does-not-tell", E, "sshd -T fails, usually because of a mistake in sshd_config."),
            ("sshd-gssapi-skips-phone", W_N, "A login with a Kerberos ticket skips the phone."),
            ("sshd-hostbased-skips-phone", W, "A login from a trusted host skips the phone."),
            ("sshd-kerberos-skips-phone", W, "A login with a Kerberos password skips the phone."),
            ("sshd-key-skips-phone", E_W_N, "A login with a public key skips the phone."),
            ("sshd-keyboard-interactive-off", E_W, "sshd cannot carry the module's questions."),
            ("sshd-login-grace-time", W, "LoginGraceTime is shorter than the time for the phone."),
            ("sshd-match-never", W, "No connection meets a Match block."),
            ("sshd-methods-disabled", E_N, "No login can complete a list of AuthenticationMethods."),
            ("sshd-methods-without-key", E_W, "AuthenticationMethods asks PAM without a key, which the stack needs."),
            ("sshd-no-keys", W, "AuthenticationMethods requires a key, but sshd accepts none."),
            ("sshd-not-started", W, "sshd has not been started on this host, so it does not tell its settings."),
            ("sshd-password-method-on", E_W, "sshd's password method is on, which shows no prompts of the module."),
            ("sshd-pubkey-off", E, "The stack wants a key first, but sshd accepts none."),
            ("sshd-rings-twice", W, "AuthenticationMethods asks PAM twice in one login."),
            ("sshd-root-refused", N, "sshd refuses root after the key and the phone."),
            ("sshd-service-name", E, "PAMServiceName names a stack without the module."),
            ("sshd-usedns-on", W, "UseDNS hides the addresses that exemptions compare."),
            ("sshd-usepam-off", E, "sshd does not use PAM."),
        ],
        Server => &[
            ("airlock-answer", E, "The Loginapp's REST API gives no answer, or an unusual one."),
            ("airlock-redirects", E, "The Loginapp's REST API redirects requests."),
            ("airlock-wrong-path", E, "The Loginapp's REST API is not at airlock.url."),
            ("clock-off", W, "The clocks of this host and the server differ by more than a minute."),
            ("server-late", E, "The server does not answer within connect_seconds."),
            ("server-local", E, "This host's network or limits prevent the connection."),
            ("server-name", E, "The server's name cannot be looked up."),
            ("server-not-tenant", W, "The server does not answer like a LogonBox tenant."),
            ("server-proxy", E, "The proxy does not connect to the server."),
            ("server-unreachable", E, "The server cannot be reached."),
            ("tls-algorithm", E, "A certificate has a key or an algorithm that the module does not accept."),
            ("tls-ca-as-server", E, "The server uses the certificate of a CA as its own."),
            ("tls-expired", E, "The server's certificate has expired."),
            ("tls-expires-soon", W, "The server's certificate, or one above it, expires soon."),
            ("tls-failed", E, "TLS fails for another reason."),
            ("tls-not-yet-valid", E, "The server's certificate is not valid yet."),
            ("tls-self-signed", E, "The server's certificate is signed by itself."),
            ("tls-unknown-ca", E, "The server's certificate is not signed by a trusted CA."),
            ("tls-version-1", E, "A certificate has version 1."),
            ("tls-wrong-name", E, "The server's certificate has another name."),
            ("user-alias", N, "The host knows the user of --user under another name, too."),
            ("user-exempt", N, "The user of --user is exempt."),
            ("user-keys", E_N, "The user's keys cannot be fetched or used."),
            ("user-limit", E_N, "The user's account is over the limit."),
            ("user-no-account", E_N, "The tenant does not know the user's account."),
            ("user-no-key", E_N, "The user's account has no key that the module can use."),
            ("user-pins", E_N, "The module cannot use the user's pinned keys."),
            ("user-unclear", N, "It is not certain that the user is exempt, so the user is asked."),
            ("user-unknown", E, "The host does not know the user of --user."),
        ],
        Host => &[
            ("log-missing", W, "No program receives the module's log lines."),
            ("login-timeout", W, "login(1) gives up before the time for the phone is over."),
            ("module-writable", E, "Users other than root can change the module's file, or a PAM file that names it."),
            ("selinux-policy-missing", E, "SELinux is enforcing, but the kernel does not have the package's policy."),
            ("selinux-port", E, "SELinux does not allow sshd or login to connect to the server's port."),
            ("sudo-asks-nothing", W_N, "sudo asks users for neither password nor phone."),
            ("sudo-asks-other-user", W, "sudo asks for the phone of the target user."),
            ("sudo-remembers", W_N, "After a login, sudo asks for nothing for long, or on all terminals."),
            ("sudo-replaces-prompt", W, "sudo shows its own prompt in place of the one for the code."),
            ("sudo-service-name", E_W, "sudo asks a PAM service without the module."),
            ("sudo-shows-no-code", N, "sudo does not show the announcement and its code."),
            ("sudo-timeout", W, "sudo closes the prompt for the code before the time for the phone is over."),
        ],
    }
}

/// For the manual page: the heading of each area, and for each id its severities and its sentence.
pub fn by_area() -> impl Iterator<Item = (&'static str, Vec<(&'static str, String)>)> {
    Area::ALL.into_iter().map(|area| {
        let explained = |&(id, severities, sentence): &Row| {
            let words: Vec<_> = severities.iter().map(|severity| severity.word()).collect();
            (id, format!("({}) {sentence}", words.join(" or ")))
        };
        (area.heading(), rows(area).iter().map(explained).collect())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Other words with a hyphen in the files that make findings.
    const OTHERS: [&str; 13] = [
        "cinnamon-screensaver",
        "gssapi-keyex",
        "gssapi-with-mic",
        "keyboard-interactive",
        "mate-screensaver",
        "polkit-1",
        "prohibit-password",
        "pure-ftpd",
        "sudo-i",
        "sudo-rs",
        "without-password",
        "x-same-domain",
        "xrdp-sesman",
    ];

    /// The words in quotes that have the form of an id, in the sources that make findings.
    fn words_of_sources(directory: &Path, words: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                words_of_sources(&path, words);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.extension().is_none_or(|kind| kind != "rs")
                || ["ids.rs", "tests.rs"].contains(&name)
            {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let (text, _) = text
                .split_once("#[cfg(test)]\nmod tests")
                .unwrap_or((&text, ""));
            if !text.contains("Finding") {
                continue;
            }
            let is_id = |word: &&str| {
                let mut parts = word.split('-');
                word.contains('-')
                    && parts.all(|part| {
                        let mut signs = part.bytes();
                        !part.is_empty()
                            && signs.all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit())
                    })
            };
            words.extend(text.split('"').filter(is_id).map(str::to_owned));
        }
    }

    #[test]
    fn the_table_has_the_ids_of_the_sources() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check");
        let mut words = BTreeSet::new();
        words_of_sources(&directory, &mut words);
        let rows = Area::ALL.into_iter().flat_map(rows);
        let mut expected: BTreeSet<String> = OTHERS.map(str::to_owned).into();
        for (id, ..) in rows {
            assert!(expected.insert((*id).to_owned()), "{id} has two rows");
        }
        let missing: Vec<_> = words.difference(&expected).collect();
        assert!(missing.is_empty(), "no row in ids.rs: {missing:?}");
        let unused: Vec<_> = expected.difference(&words).collect();
        assert!(unused.is_empty(), "not in the sources: {unused:?}");
    }

    #[test]
    fn the_sentences_are_short() {
        for (id, _, sentence) in Area::ALL.into_iter().flat_map(rows) {
            assert!(sentence.ends_with('.'), "{id}");
            assert!(sentence.split_whitespace().count() <= 25, "{id}");
        }
    }
}
