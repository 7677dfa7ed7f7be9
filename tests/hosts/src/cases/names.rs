//! Users of a directory whose names have a domain.

use std::fs;
use std::path::Path;

use tenant::{Account, Press};

use super::check::run;
use super::{PROMPT, approve_and_type, ring, type_nothing, type_without_a_ring};
use crate::TestCase;
use crate::directory::{Directory, FIRST_ID, SSSD};
use crate::log::lines;
use crate::machine::{Machine, OTHER_ID, configure, counts, terminal, wait_until};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("names/account", account),
    case("names/account-with-backslash", account_with_backslash),
    case("names/account-without-domain", account_without_domain),
    case("names/limit", limit),
    case("names/pins", pins),
    case("names/same-name-in-two-domains", same_name_in_two_domains),
    case("names/exempt-users", exempt_users),
    case("names/exempt-groups", exempt_groups),
    case("names/only-groups", only_groups),
    case("names/check", check),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase {
        name,
        program: "/usr/bin/sudo",
        without: |_| (!Path::new(SSSD).exists()).then_some("it has no sssd"),
        run,
    }
}

/// Names that lead to the same user of acme.test.
const SPELLINGS: [&str; 4] = [
    "member@acme.test",
    "ACME.TEST\\member",
    "Member@ACME.test",
    "member",
];
/// A user of the other domain, with the same name there.
const OTHER: &str = "OTHER.TEST\\member";
/// `full_name_format`: name@domain, domain\name, and the name alone.
const AT: &str = "%1$s@%2$s";
const BACKSLASH: &str = "%2$s\\%1$s";
const ALONE: &str = "%1$s";
const SHOWN: &str = "prompt = \"{user}|{name}|{account}|Code: {code}\"\n";

struct Host {
    directory: Directory,
    _sshd: Sshd,
}

/// sshd, su and sudo without a password, and users with this form of names.
fn set_up(format: &str) -> Host {
    let stack = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n\
                 auth required pam_permit.so\n\
                 account required pam_permit.so\n\
                 session required pam_permit.so\n";
    for service in ["sshd", "su", "sudo"] {
        let path = format!("/etc/pam.d/{service}");
        fs::write(&path, stack).expect(&path);
    }
    fs::write("/etc/sudoers.d/all", "ALL ALL=(ALL) ALL\n").expect("sudoers");
    let mut directory = Directory::new();
    directory.begin_with_domains(format);
    Host {
        directory,
        _sshd: Sshd::start("00-logonbox.conf"),
    }
}

const COMMAND: &str = "echo in-$((40+2))";

fn by_ssh(user: &str) -> Terminal {
    ssh(&[
        "-o",
        "PubkeyAuthentication=no",
        "-l",
        user,
        "localhost",
        COMMAND,
    ])
}

fn by_su(user: &str) -> Terminal {
    terminal(OTHER_ID, "su", &[user, "-c", COMMAND])
}

/// sudo names the user who calls, by the user id.
fn by_sudo() -> Terminal {
    terminal(FIRST_ID, "sudo", &["sh", "-c", COMMAND])
}

/// The first line with this word, from the lines that came after the first `before`.
#[track_caller]
fn line(before: usize, word: &str) -> String {
    let mut found = String::new();
    wait_until(word, || {
        let new = lines().into_iter().skip(before);
        let mut with_word = new.filter(|line| line.contains(&format!(": {word} user=")));
        with_word.next().map(|line| found = line).is_some()
    });
    found
}

#[track_caller]
fn gets_in(mut terminal: Terminal) {
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.has_line("in-42"), "{}", terminal.screen());
}

/// The phone of `account` rings, the user gets in, and the log has the account. Returns the text on
/// the phone, without the code.
#[track_caller]
fn rings(machine: &Machine, terminal: Terminal, account: &str) -> String {
    let before = lines().len();
    let ring = ring(machine, &terminal);
    assert_eq!(ring.account, account);
    approve_and_type(machine, &terminal, &ring);
    gets_in(terminal);
    let line = line(before, "approved");
    let logged = format!(" account=\"{account}\" ");
    assert!(line.contains(&logged), "{line}");
    ring.text
        .split("Code: ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// No phone rings, and the user gets in.
#[track_caller]
fn is_exempt(machine: &Machine, start: impl FnOnce() -> Terminal) {
    let (before, rings) = (lines().len(), machine.phone.rings());
    gets_in(start());
    line(before, "exempt");
    assert_eq!(machine.phone.rings(), rings);
}

/// The user is asked in each program, whatever the spelling, and this account rings.
#[track_caller]
fn one_account(machine: &Machine, account: &str) {
    for user in SPELLINGS {
        rings(machine, by_ssh(user), account);
        rings(machine, by_su(user), account);
    }
    rings(machine, by_sudo(), account);
}

fn account(machine: &mut Machine) {
    let _host = set_up(AT);
    one_account(machine, "member@acme.test");
    rings(machine, by_ssh(OTHER), "member@other.test");
    rings(machine, by_su(OTHER), "member@other.test");
    // The line of the name that getent prints counts for all spellings, and no other line does.
    configure("[accounts]\n\"member@acme.test\" = \"lee\"\nmember = \"nobody-such\"\n");
    one_account(machine, "lee");
    rings(machine, by_ssh(OTHER), "member@other.test");
    // sssd finds the user by the mail address, too. That is not the user's name in other letters.
    configure("[accounts]\n\"member@acme.test\" = \"lee\"\n");
    let before = lines().len();
    let mut client = by_ssh("member.smith@mail.test");
    client.see(PROMPT);
    type_nothing(&client);
    assert!(!client.end().success(), "{}", client.screen());
    let line = line(before, "no-account");
    let account = " account=\"member.smith@mail.test\" ";
    assert!(line.contains(account), "{line}");
}

fn account_with_backslash(machine: &mut Machine) {
    let _host = set_up(BACKSLASH);
    one_account(machine, "acme.test\\member");
}

fn account_without_domain(machine: &mut Machine) {
    let mut host = set_up(AT);
    for format in [AT, BACKSLASH] {
        host.directory.begin_with_domains(format);
        configure(&format!("account = \"{{name}}\"\n{SHOWN}"));
        one_account(machine, "member");
        let typed = "ACME.TEST\\MEMBER";
        let text = rings(machine, by_ssh(typed), "member");
        assert_eq!(text, format!("{typed}|member|member|"));
    }
}

/// Attempts count for the user, however the name is typed.
fn limit(machine: &mut Machine) {
    let _host = set_up(AT);
    configure("[policy]\nfailed_attempts_per_10_minutes = 3\n");
    let (last, first) = SPELLINGS.split_last().expect("spellings");
    for user in first {
        let mut client = by_ssh(user);
        let ring = ring(machine, &client);
        machine.phone.press(&ring, Press::Decline);
        client.answer(&Phone::code(&ring));
        assert!(!client.end().success(), "{}", client.screen());
    }
    assert_eq!(counts(), 3);
    let starts: [&dyn Fn() -> Terminal; 3] = [&|| by_ssh(last), &|| by_su(SPELLINGS[0]), &by_sudo];
    for start in starts {
        let (before, fetches) = (lines().len(), machine.phone.fetches());
        let mut refused = start();
        type_without_a_ring(machine, &refused, fetches, "");
        assert!(!refused.end().success(), "{}", refused.screen());
        let line = line(before, "limit");
        assert!(line.contains(" account=\"member@acme.test\" "), "{line}");
    }
    assert_eq!(machine.phone.rings(), 3);
    // Not by ssh: after four refusals, sshd drops connections from this address for a time.
    rings(machine, by_su(OTHER), "member@other.test");
}

/// One file of pinned keys is the user's, and the tenant's list is not fetched.
fn pins(machine: &mut Machine) {
    let directory = "/etc/security/pam_logonbox.keys";
    fs::create_dir_all(directory).expect(directory);
    let mut host = set_up(AT);
    for (format, account, file) in [
        (AT, "member@acme.test", "member@acme.test"),
        (BACKSLASH, "acme.test\\member", "acme.test%5Cmember"),
    ] {
        host.directory.begin_with_domains(format);
        configure("pins = \"required\"\n");
        let keys = Account::new(account).all_keys();
        let keys: String = keys.iter().map(|key| key.line() + "\n").collect();
        fs::write(format!("{directory}/{file}"), keys).expect(file);
        one_account(machine, account);
    }
    let asked = machine.phone.account();
    assert!(!asked.contains("keys of"), "{asked}");
}

/// Here both domains give their user the same name, and sssd's cache the id of the last one. A name
/// that was typed with a domain is not exempt.
fn same_name_in_two_domains(machine: &mut Machine) {
    let _host = set_up(ALONE);
    configure("[[policy.exempt]]\nusers = [\"member\"]\n");
    is_exempt(machine, || by_ssh("member"));
    for user in ["member@other.test", OTHER, "member@acme.test"] {
        let client = by_ssh(user);
        let ring = ring(machine, &client);
        approve_and_type(machine, &client, &ring);
        gets_in(client);
    }
}

fn exempt_users(machine: &mut Machine) {
    let _host = set_up(AT);
    configure("[[policy.exempt]]\nusers = [\"member@acme.test\"]\n");
    for user in SPELLINGS {
        is_exempt(machine, || by_ssh(user));
        is_exempt(machine, || by_su(user));
    }
    is_exempt(machine, by_sudo);
    rings(machine, by_ssh(OTHER), "member@other.test");
    rings(machine, by_su(OTHER), "member@other.test");
    // None of these is the name of the user.
    configure(
        "[[policy.exempt]]\nusers = [\"member\", \"MEMBER@acme.test\", \"acme.test\\\\member\", \"lee\"]\n",
    );
    one_account(machine, "member@acme.test");
    // The local user lee is exempt, and not the one of a domain.
    is_exempt(machine, || by_su("lee"));
    configure("[accounts]\n\"lee@other.test\" = \"lee\"\n[[policy.exempt]]\nusers = [\"lee\"]\n");
    rings(machine, by_su("OTHER.TEST\\lee"), "lee");
}

fn exempt_groups(machine: &mut Machine) {
    let _host = set_up(AT);
    for group in ["eng@acme.test", "eng", "ACME.TEST\\\\eng"] {
        configure(&format!("[[policy.exempt]]\ngroups = [\"{group}\"]\n"));
        for user in SPELLINGS {
            is_exempt(machine, || by_ssh(user));
        }
        is_exempt(machine, by_sudo);
        rings(machine, by_ssh(OTHER), "member@other.test");
    }
}

fn only_groups(machine: &mut Machine) {
    let _host = set_up(AT);
    for group in ["push@acme.test", "push", "ACME.TEST\\\\push"] {
        configure(&format!("[policy]\nonly_groups = [\"{group}\"]\n"));
        for user in SPELLINGS {
            rings(machine, by_ssh(user), "member@acme.test");
        }
        rings(machine, by_sudo(), "member@acme.test");
        for user in ["stranger@acme.test", "ACME.TEST\\stranger", "stranger"] {
            is_exempt(machine, || by_ssh(user));
            is_exempt(machine, || by_su(user));
        }
    }
}

/// Each of these entries has another spelling than the user database.
fn check(_: &mut Machine) {
    let _host = set_up(AT);
    let text = "[accounts]\n\
                \"member@acme.test\" = \"a\"\n\
                stranger = \"b\"\n\
                \"nested.smith@mail.test\" = \"c\"\n\
                [policy]\n\
                only_groups = [\"push@acme.test\", \"eng\"]\n\
                [[policy.exempt]]\n\
                users = [\"alone@acme.test\", \"ACME.TEST\\\\primary\", \"root\"]\n\
                groups = [\"ops\"]\n";
    configure(text);
    let document = run().document;
    let findings = ["findings", "notes"].iter().flat_map(|kind| {
        document
            .get(kind)
            .and_then(|list| list.as_array())
            .expect(kind)
    });
    let word = |finding: &serde_json::Value, key: &str| {
        let word = finding.get(key).and_then(|word| word.as_str());
        word.unwrap_or_default().to_owned()
    };
    let mut found: Vec<_> = findings
        .filter(|finding| word(finding, "id") == "name-spelling")
        .map(|finding| (word(finding, "severity"), word(finding, "what")))
        .collect();
    let expected = [
        (
            "warning",
            "accounts: the user database knows stranger as stranger@acme.test",
        ),
        (
            "warning",
            "policy.exempt.users: the user database knows ACME.TEST\\primary as primary@acme.test",
        ),
        (
            "note",
            "accounts: the user database knows nested.smith@mail.test as nested@acme.test",
        ),
        (
            "note",
            "policy.only_groups: the user database knows the group eng as eng@acme.test",
        ),
        (
            "note",
            "policy.exempt.groups: the user database knows the group ops as ops@acme.test",
        ),
    ];
    found.sort();
    let mut expected = expected.map(|(severity, what)| (severity.to_owned(), what.to_owned()));
    expected.sort();
    assert_eq!(found, expected, "{document:#}");
}
