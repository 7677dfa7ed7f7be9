//! The settings. Each key is one entry: its type, its default and its explanation. The reader,
//! `conf/pam_logonbox.toml`, the key part of `pam_logonbox.toml(5)` and `logonbox config` come from
//! these entries; `make generate` writes the two files.
//!
//! An explanation is a doc comment. The first paragraph of a section is its heading. In backquotes
//! are literals, keys, paths, manual pages such as `pam.d(5)`, and the sections of the manual page,
//! such as `PINNED KEYS`. The end of an explanation names the values that are allowed;
//! `crates/login/tests/manual` compares limits and placeholders with the reader. A list of choices
//! follows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use airlock_iam::BaseUrl;
use logonbox_authenticator::{Algorithm, TenantAddress};
use time::Date;

use super::service::Services;
use super::table::{Choice, Given, Row, Value, Wrong, get, text, with_defaults};
use super::template::Template;
use super::values::{
    absolute_path, account_template, application, base_url, count, list, minutes, name, network,
    optional, phone_text, proxy, reason, seconds, service, tenant, until,
};
use crate::network::Network;
use crate::qr::{Background, Style};

settings! {
    /// The file.
    #[derive(Debug, Clone)]
    pub struct File {
        /// How users log in. This key must be above the first section. The section of the other mode
        /// has no effect, but must be correct.
        pub mode: ModeName = "push",

        /// The LogonBox tenant, and the texts on the phone.
        ///
        /// These keys have an effect only with `mode = "push"`.
        pub logonbox: LogonBox = {},

        /// The accounts of single users.
        ///
        /// A key in this section is a user, and its value is the account of this user, in both
        /// modes. It overrides the key `account`. Write the name that `getent(1)` prints for
        /// the user: see `NAMES OF USERS`. Write a name with a character other than letters, digits,
        /// `-` and `_` in quotes: `"lee@acme.com"`. The same name twice is an error. An account has 1 to
        /// 256 characters, and no placeholders.
        pub accounts: BTreeMap<String, String> = {},

        /// The Airlock IAM, and the account there.
        ///
        /// These keys have an effect only with `mode = "airlock"`.
        pub airlock: Airlock = {},

        /// The connection to the server.
        ///
        /// The server is the LogonBox tenant or the Airlock IAM.
        pub tls: Tls = {},

        /// Time limits.
        ///
        /// The time that a user takes to answer a prompt does not count. Only the code from the
        /// phone, and Enter with `code = "show"`, have another limit: 5 minutes. The host
        /// program limits the whole login. `login(1)` ends after 60 seconds (`LOGIN_TIMEOUT` in
        /// `login.defs(5)`), and sshd after 120 (`LoginGraceTime` in `sshd_config(5)`).
        pub wait: Wait = {},

        /// The terminal.
        pub conversation: Conversation = {},

        /// Exemptions, limits and failures.
        ///
        /// The module does not ask users who are exempt (`PAM_IGNORE`). Their login depends on the
        /// other lines of the PAM stack alone. See `EXEMPTIONS`.
        pub policy: Policy = {},

        /// Settings for single services.
        ///
        /// `[service.NAME]` and `[service.NAME.SECTION]` hold settings for the PAM service NAME, such as
        /// sudo. A key there overrides the same key above. See `SETTINGS FOR ONE SERVICE`.
        pub(super) service: Services = {},
    }
}

choices! {
    /// How users log in.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum ModeName {
        /// A LogonBox tenant sends a push. The user approves it, and the phone signs.
        Push = "push",
        /// The user goes through the login flow of an Airlock IAM, which asks for a password and
        /// then for a second factor.
        Airlock = "airlock",
    }
}

settings! {
    /// `[logonbox]`, except `tenant`, which is in [`Mode`](super::Mode).
    #[derive(Debug, Clone)]
    pub struct LogonBox {
        /// The LogonBox tenant: a host name or an IP address, and `:port` if the port is not 443. An
        /// IPv6 address is in brackets. With `mode = "push"`, this key must be set. The connection
        /// uses HTTPS (TLS 1.2 or 1.3), and the certificate must be valid for this name.
        pub(super) tenant: Option<TenantAddress> = "" => optional(tenant),

        /// The account: the name that the tenant has for the user, such as `"{user}@acme.com"`.
        /// Not empty. Placeholders: `{user}` `{name}` `{hostname}` `{tenant}`.
        pub account: Template = "{user}" => account_template,

        /// The key that must sign. The phone with this key gets the push.
        pub device: Device = "first",

        /// The sender of the push, as the phone shows it.
        /// 1 to 500 characters. Placeholders: `{user}` `{name}` `{account}` `{hostname}` `{tenant}`
        /// `{service}` `{rhost}` `{tty}` `{code}`.
        pub remote_name: Template = "{hostname}" => phone_text,

        /// The question on the phone, on one line. With `code = "type"`, it must hold `{code}`: users
        /// type the six digits that they read there. With `code = "show"`, keep `{code}` in it, so that
        /// users recognize their own login.
        /// 1 to 500 characters. Placeholders: `{user}` `{name}` `{account}` `{hostname}` `{tenant}`
        /// `{service}` `{rhost}` `{tty}` `{code}`.
        pub prompt: Template =
            "{account} wants to log in to {hostname} ({service}) from {rhost}. Code: {code}"
            => phone_text,

        /// The button on the phone that approves.
        /// 1 to 500 characters. Placeholders: `{user}` `{name}` `{account}` `{hostname}` `{tenant}`
        /// `{service}` `{rhost}` `{tty}` `{code}`.
        pub button: Template = "Authorize" => phone_text,

        /// The keys that may sign. The module skips all other keys. The order has no effect.
        /// List of at least one.
        pub algorithms: Vec<Algorithm> = ["ssh-ed25519", "ssh-rsa"],

        /// The source of the keys that may sign. See `PINNED KEYS`.
        pub pins: Pins = "off",
    }
}

choices! {
    /// The key that must sign.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Device {
        /// The first Ed25519 key in the tenant's list, or else the first RSA key.
        /// `algorithms` can exclude either kind.
        First = "first",
        /// If there are several keys of that kind, the user chooses from a list of at most 20. If
        /// comments repeat, the list shows fingerprints, too. Programs that cannot show a prompt
        /// refuse users who must choose (`conversation`). The list reveals that the account exists, so
        /// ask for the password first.
        Ask = "ask",
        ..
        /// The comment of a key, or its fingerprint (`SHA256:...`). Upper and lower case must match.
        /// LogonBox publishes two keys for each phone. Their comments are `LogonBox Key` (Ed25519) and
        /// `Legacy RSA`: the kind of the key, and not the phone. A user who has no such key is refused
        /// (`no-key`), and no other phone gets the push.
        Named(String) = "the comment of a key",
    }
}

choices! {
    impl Algorithm {
        /// Ed25519 keys.
        "ssh-ed25519" => Algorithm::Ed25519,
        /// RSA keys of 2048 to 8192 bits. They sign with SHA-512.
        "ssh-rsa" => Algorithm::Rsa,
    }
}

choices! {
    /// The source of the keys that may sign.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Pins {
        /// The keys that the tenant publishes for the account.
        Off = "off",
        /// The keys in the account's file on this host. For an account without a file, the keys that
        /// the tenant publishes.
        IfPresent = "if-present",
        /// The keys in the account's file on this host. A user without a file is refused
        /// (`no-key`).
        Required = "required",
    }
}

settings! {
    /// `[airlock]`, except `url`, which is in [`Mode`](super::Mode).
    #[derive(Debug, Clone)]
    pub struct Airlock {
        /// The address of the Loginapp's REST API, without `/public` and the rest of the path. It is
        /// for instance `"https://iam.acme.com/auth/rest"` behind an Airlock Gateway, or
        /// `"https://iam.acme.com:8443/auth-login/rest"`. With `mode = "airlock"`, this key must be
        /// set. The connection uses HTTPS (TLS 1.2 or 1.3), and the certificate must be valid for
        /// this name. A redirect refuses the login (`bad-answer`).
        pub(super) url: Option<BaseUrl> = "" => optional(base_url),

        /// The id of the application that the module chooses before the password. Most
        /// installations need no application and leave this key empty. Every login is refused if
        /// Airlock does not know the id, or if the application does not begin with a password.
        pub application: Option<String> = "" => optional(application),

        /// The account: the name that Airlock has for the user, such as `"{user}@acme.com"`.
        /// Not empty. Placeholders: `{user}` `{name}` `{hostname}` `{tenant}`.
        pub account: Template = "{user}" => account_template,

        /// The source of the Airlock password.
        pub password: Password = "ask",

        /// The second factor of users who have several devices. Airlock does not ask users who have
        /// one device.
        pub device: AirlockDevice = "ask",

        /// Whether to accept logins that Airlock completes without a second factor. If not, they are
        /// refused (`refused`). Set this only if another line of the PAM stack, or an SSH key, is the
        /// other factor, or if Airlock decides which users need no second factor.
        pub allow_password_only: bool = false,
    }
}

choices! {
    /// The source of the Airlock password.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Password {
        /// The module asks for it. The prompt is `Password:`, or `Airlock password:` if another
        /// module has asked for a password before. When Airlock has completed the login, the modules
        /// after this one can use the password.
        Ask = "ask",
        /// The module takes the password that a module before it has asked for. The password of this
        /// host is then sent to Airlock. Set this only if both passwords are the same, as in a common
        /// directory. If no module has asked for a password, the login is refused (`configuration`).
        Stack = "stack",
    }
}

choices! {
    /// The second factor of users who have several devices.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum AirlockDevice {
        /// The user chooses from a list.
        Ask = "ask",
        ..
        /// The name of a device as Airlock shows it, or else a type of devices, such as `"HWTOKEN"`.
        /// Upper and lower case must match. If several devices match, the user chooses one of them.
        /// If no device matches, the login is refused (`no-key`).
        Named(String) = "the name or the type of a device",
    }
}

settings! {
    /// `[tls]`.
    #[derive(Debug, Clone)]
    pub struct Tls {
        /// A file of CA certificates (PEM) that the module trusts instead of the system's. The
        /// module reads it at every login. If it cannot use a part of the file, it refuses every
        /// login (`local-failure`). See `FILES`.
        /// Absolute path, or empty.
        pub ca_file: Option<PathBuf> = "" => optional(absolute_path),

        /// An HTTP proxy that passes connections on (CONNECT). The HTTPS connection to the server goes
        /// through it unchanged. The environment is never read for a proxy. A user name and a password
        /// belong into the file that `proxy_credentials_file` names.
        /// `http://name:port`, or empty.
        pub proxy: Option<String> = "" => optional(proxy),

        /// A file with the user name and the password for the proxy. It has one line,
        /// `user:password`, in UTF-8. The module sends it to the proxy without encryption
        /// (`Proxy-Authorization: Basic`). Only the owner of the file may read it (`chmod 600`), so
        /// that programs that run as the user, such as screen lockers, cannot use this proxy. See
        /// `FILES`.
        /// Absolute path, or empty.
        pub proxy_credentials_file: Option<PathBuf> = "" => optional(absolute_path),
    }
}

settings! {
    /// `[wait]`.
    #[derive(Debug, Clone, Copy)]
    pub struct Wait {
        /// For everything before the push that needs no action of the user: name lookup, connection
        /// and the list of keys together. With Airlock, for each answer, including the connection.
        /// Whole number from 1 to 60.
        pub connect_seconds: Duration = 5 => seconds(1, 60),

        /// For the user, from the moment that the push is sent. With Airlock, for all approvals on the
        /// phone (One-Touch) in a login together, from the announcement on. A one-time code has no
        /// limit here.
        /// Whole number from 1 to 600.
        pub login_seconds: Duration = 45 => seconds(1, 600),
    }
}

settings! {
    /// `[conversation]`.
    #[derive(Debug, Clone, Copy)]
    pub struct Conversation {
        /// Whether users type the code that the phone shows, or compare it. See `THE CODE`. With
        /// Airlock, this key has no effect.
        pub code: Code = "type",

        /// How users are told to look at the phone. This key has an effect with `code = "show"`, and
        /// with approvals on the phone in Airlock (One-Touch). Airlock sends its push before the
        /// announcement. With `"enter"`, the module then asks Airlock for the result after the user has
        /// pressed Enter.
        ///
        /// Do not set `"enter"` for all services, because some programs cannot answer a prompt. See
        /// `SETTINGS FOR ONE SERVICE`.
        pub announce: Announce = "auto",

        /// The language of prompts and messages. If the kernel knows that the terminal uses UTF-8
        /// (`stty iutf8`), they have accents and umlauts. In other cases, as over ssh, they are ASCII.
        /// The texts on the phone are settings of `[logonbox]`. The log is in English.
        pub language: Language = "en",

        /// How the QR code for a hardware token is drawn, in the prompt for the one-time code. A QR
        /// code of version 6 takes 49 columns and 25 lines, or 98 columns and 49 lines with
        /// `"ascii"`. A narrower terminal breaks the lines, and tokens cannot read the code.
        pub qr: Option<Style> = "unicode",

        /// The background of the terminal. If it is wrong, light and dark are exchanged, and many
        /// tokens cannot read the QR code.
        pub qr_background: Background = "dark",

        /// Whether the terminal shows a code while it is typed: the code from the phone, and a
        /// one-time code. Programs that can show only hidden prompts need `false`. Some programs
        /// answer a hidden prompt with the password. With `false`, an answer counts as a failed
        /// conversation if it is the password, or if it comes within 250 ms.
        pub echo: bool = true,
    }
}

choices! {
    /// Whether users type the code that the phone shows, or compare it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Code {
        /// Only the phone shows the code of six digits, and the user types it at the prompt. The login
        /// needs the approval and the code. A user who approves a stranger's push does not let the
        /// stranger in. In programs that cannot show a prompt, the login is refused (`conversation`),
        /// and no push is sent.
        Type = "type",
        /// The terminal and the phone show the same four digits, and the user compares them. This is
        /// weaker, because users approve without comparing. Use it only for programs that cannot show
        /// a prompt.
        Show = "show",
    }
}

choices! {
    /// How users are told to look at the phone.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Announce {
        /// Like `"enter"` for the services sshd and cockpit, and for programs that ask for silence
        /// (`PAM_SILENT`), such as sudo. Like `"info"` for all other services. If sshd cannot show the
        /// prompt, as in its password method, the announcement follows as information, and the login
        /// goes on.
        Auto = "auto",
        /// As information. sshd before OpenSSH 10.3 shows it only when the login is over. sudo shows
        /// it only with `Defaults !pam_silent` (1.9.16 or later).
        Info = "info",
        /// As a prompt that waits for Enter. Every program and every ssh client shows it in time, and
        /// the push is sent only when the user has pressed Enter. Programs that cannot answer a
        /// prompt are refused (`conversation`).
        Enter = "enter",
        /// Not at all. The users do not see the code of the login, and cannot compare it.
        None = "none",
    }
}

choices! {
    /// The language of prompts and messages.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Language {
        /// English.
        English = "en",
        /// German.
        German = "de",
        /// French.
        French = "fr",
        /// Italian.
        Italian = "it",
    }
}

choices! {
    impl Option<Style> {
        /// With block characters, for terminals and ssh clients in a UTF-8 locale.
        "unicode" => Some(Style::HalfBlocks),
        /// With letters or brackets and blanks, twice as wide and twice as high. Cameras read it less
        /// well, above all on a light background. This is for consoles without block characters and
        /// for ssh clients in other locales. In the locale C, ssh shows block characters as numbers
        /// (`\342\226\210`). In a locale of 8 bits, such as ISO 8859-1, OpenSSH's ssh may end.
        "ascii" => Some(Style::Ascii),
        /// Not at all. Users who have only a QR token cannot log in.
        "none" => None,
    }
}

choices! {
    impl Background {
        /// Light text on a dark background.
        "dark" => Background::Dark,
        /// Dark text on a light background.
        "light" => Background::Light,
    }
}

settings! {
    /// `[policy]`.
    #[derive(Debug, Clone)]
    pub struct Policy {
        /// If this list is not empty, only members of these groups are asked, also if the group is their
        /// primary group. A user is exempt if it is certain that the user is in none of them. If it is
        /// not certain, or if one of the groups does not exist, the user is asked, and the log says why.
        /// Use this key to roll out in stages. See `EXEMPTIONS`.
        /// List of names.
        pub only_groups: Vec<String> = [] => list(name),

        /// The result of a login while the server cannot be reached.
        pub on_unavailable: OnUnavailable = "deny",

        /// How many pushes this host sends for an account within 10 minutes if no login succeeds. With
        /// Airlock, how many passwords. Further logins are refused (`limit`), until enough of these
        /// attempts are more than 10 minutes old. A login that succeeds clears the count. 0 means no
        /// limit. See `LIMIT`.
        /// Whole number from 0 to 1000.
        pub failed_attempts_per_10_minutes: usize = 6 => count(0, 1000),

        /// How many pushes this host sends for an account in a row if no login succeeds. With Airlock,
        /// how many passwords. Further logins are refused (`limit`), also after a reboot, until an
        /// administrator runs `logonbox unlock ACCOUNT`. A login that succeeds clears the count. 0 means
        /// no limit. See `LIMIT`.
        /// Whole number from 0 to 1000.
        pub failed_attempts_in_a_row: usize = 100 => count(0, 1000),

        /// For how many minutes a verified push is remembered. The same user then logs in without
        /// another push, with the same account, to the same service, from the same address
        /// (`PAM_IGNORE`). 0 turns this off. See `REMEMBERED APPROVALS`.
        /// Whole number from 0 to 1440.
        pub remember_minutes: Duration = 0 => minutes(0, 1440),

        /// The PAM services for which approvals are remembered. Programs that have more rights than
        /// their caller, such as sudo and su, never remember.
        /// List of at least one.
        pub remember_services: Vec<String> = ["sshd"] => list(service),

        /// Whether users may type a bypass code, which `logonbox bypass` makes, instead of the code from
        /// the phone. With Airlock, and with `code = "show"`, this key has no effect. See
        /// `BYPASS CODES`.
        pub bypass_codes: bool = true,

        /// The user who is asked by the services su and su-l. Other services do not use this key. See
        /// `CALLERS OF SU`.
        pub su_asks: SuAsks = "user",

        /// An exemption. There can be any number of them, below all other keys of `[policy]`. An
        /// exemption has at least one of `users`, `groups`, `networks` and `services`. It exempts a
        /// login if all its conditions are true. See `EXEMPTIONS`.
        pub exempt: Vec<Exempt> = [],
    }
}

settings! {
    /// One `[[policy.exempt]]`.
    #[derive(Debug, Clone)]
    pub struct Exempt {
        /// Users. Write the names that `getent(1)` prints for them: see `NAMES OF USERS`. If this host
        /// does not know a user, the exemption does not match.
        /// List of at least one.
        pub users: Vec<String> = [] => list(name),

        /// Groups, also if the group is the primary group of the user. If it is not certain that the
        /// user is a member, the exemption does not match.
        /// List of at least one.
        pub groups: Vec<String> = [] => list(name),

        /// The networks from which users log in, such as `192.0.2.0/24` or `2001:db8::/32`, and single
        /// addresses. The module compares them with the address in `PAM_RHOST`, and never with a name.
        /// So sshd needs `UseDNS no`.
        /// List of at least one.
        pub networks: Vec<Network> = [] => list(network),

        /// PAM services, such as sshd.
        /// List of at least one.
        pub services: Vec<String> = [] => list(service),

        /// The last day, such as `2027-03-31`, without quotes. The exemption ends when this day ends in
        /// UTC. An exemption without this key does not end.
        pub until: Option<Date> = "" => until,

        /// Why the exemption exists. The log shows it at each login that it exempts.
        /// At most 200 characters.
        pub reason: String = "" => reason,
    }
}

choices! {
    /// The result of a login while the server cannot be reached.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum OnUnavailable {
        /// The login is refused.
        Deny = "deny",
        /// The module takes no part in the login (`PAM_IGNORE`), and logs a warning. The login then
        /// depends on the other lines of the PAM stack alone. Users who have an account on this host,
        /// and attackers on its network, can cause an outage and then log in without the second
        /// factor. Never use it in a stack that has no other factor. See `UNREACHABLE SERVERS`.
        Ignore = "ignore",
    }
}

choices! {
    /// The user who is asked by the services su and su-l.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum SuAsks {
        /// The target: the user that the caller wants to become.
        User = "user",
        /// The user who calls su.
        Caller = "caller",
    }
}
