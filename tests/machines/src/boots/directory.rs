//! slapd and sssd, over TLS and with cached passwords: the directory answers, is away, or hangs.

use std::fmt::Write;

use hosts::machine::PASSWORD;
use hosts::person::PROMPT;
use hosts::terminal::Terminal;

use super::{approve, log_in};
use crate::guest::Guest;
use crate::{Boot, test};

pub const BOOT: Boot = Boot {
    command_line: "",
    set_up,
    tests: &[
        test("directory/answers", answers),
        test("directory/away", away),
        test("directory/hangs", hangs),
        test("directory/names", names),
    ],
};

/// How many members the largest group has.
const MANY: u32 = 10_000;

/// A user of the directory, in the group `push`, and one who is not.
const USERS: [&str; 2] = ["member", "stranger"];

fn set_up(guest: &mut Guest) {
    let mut ldif =
        String::from("dn: dc=acme\nobjectClass: dcObject\nobjectClass: organization\no: acme\n");
    for (id, user) in (20_000..).zip(USERS) {
        let _ = write!(
            ldif,
            "\ndn: uid={user},dc=acme\nobjectClass: account\nobjectClass: posixAccount\n\
             cn: {user}\nuidNumber: {id}\ngidNumber: 100\nhomeDirectory: /\n\
             loginShell: /bin/sh\nuserPassword: {PASSWORD}\n"
        );
    }
    let mut many = String::from("memberUid: member\n");
    for number in 0..MANY {
        let _ = writeln!(many, "memberUid: user{number}");
    }
    for (id, group, members) in [
        (30_000, "push", "memberUid: member\n"),
        (30_001, "eng", "memberUid: member\nmemberUid: stranger\n"),
        (30_002, "many", &many),
    ] {
        let _ = write!(
            ldif,
            "\ndn: cn={group},dc=acme\nobjectClass: posixGroup\ncn: {group}\ngidNumber: {id}\n{members}"
        );
    }
    guest.sh("mkdir -p /srv/directory/database");
    guest.write("/srv/directory/entries", &ldif);
    guest.write(
        "/srv/directory/slapd.conf",
        "include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/nis.schema\n\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         TLSCertificateFile /srv/directory/cert\n\
         TLSCertificateKeyFile /srv/directory/key\n\
         database mdb\n\
         suffix dc=acme\n\
         directory /srv/directory/database",
    );
    guest.sh("cd /srv/directory\n\
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=door \
             -addext subjectAltName=DNS:door -days 30 -keyout key -out cert 2>/dev/null\n\
         slapadd -q -f slapd.conf -l entries");
    start_slapd(guest);
    sssd(guest, "acme", "");
}

fn start_slapd(guest: &Guest) {
    guest.sh("systemd-run --quiet --unit=directory \
         slapd -d 0 -h ldap://127.0.0.1 -f /srv/directory/slapd.conf");
    guest.eventually("slapd listens", |guest| {
        guest
            .run("ldapsearch -x -H ldap://127.0.0.1 -b dc=acme -s base -LLL")
            .status
            .success()
    });
}

/// Starts sssd with empty caches.
fn sssd(guest: &Guest, domain: &str, more: &str) {
    guest.write(
        "/etc/sssd/sssd.conf",
        &format!(
            "[sssd]\nservices = nss, pam\ndomains = {domain}\n\
             [domain/{domain}]\nid_provider = ldap\nldap_uri = ldap://door\n\
             ldap_search_base = dc=acme\nldap_id_use_start_tls = true\n\
             ldap_tls_cacert = /srv/directory/cert\ncache_credentials = true\n\
             # sssd ends a part of itself that works for three times this long.\n\
             timeout = 60\n{more}"
        ),
    );
    guest.sh("chmod 600 /etc/sssd/sssd.conf\n\
         systemctl stop sssd\n\
         rm -f /var/lib/sss/db/* /var/lib/sss/mc/*\n\
         systemctl start sssd");
    guest.eventually("sssd has asked slapd", |guest| {
        guest
            .run(&format!("getent passwd member@{domain}"))
            .status
            .success()
    });
}

fn su(guest: &Guest, user: &str) -> Terminal {
    guest.terminal("other", &format!("su {user} -c 'echo in-$((40+2))'"))
}

#[track_caller]
fn is_in(mut su: Terminal) {
    assert!(su.end().success(), "{}", su.screen());
    assert!(su.has_line("in-42"), "{}", su.screen());
}

#[track_caller]
fn is_asked(guest: &Guest, user: &str) -> String {
    let rings = guest.rings();
    let su = su(guest, user);
    log_in(guest, &su);
    is_in(su);
    assert_eq!(guest.rings(), rings + 1);
    let line = guest.lines().pop().unwrap_or_default();
    assert!(
        line.starts_with("pam_logonbox(su:auth): approved"),
        "{line}"
    );
    line
}

#[track_caller]
fn is_exempt(guest: &Guest, user: &str) {
    let rings = guest.rings();
    let su = su(guest, user);
    su.see("assword");
    su.answer(PASSWORD);
    is_in(su);
    assert_eq!(guest.rings(), rings);
    let line = guest.lines().pop().unwrap_or_default();
    assert!(line.starts_with("pam_logonbox(su:auth): exempt"), "{line}");
}

fn policy(guest: &Guest, policy: &str) {
    guest.stack("su", "su");
    guest.configure(&format!(
        "[policy]\nfailed_attempts_per_10_minutes = 0\n{policy}"
    ));
}

/// The members are asked, also those of a group with ten thousand.
fn answers(guest: &mut Guest) {
    for group in ["push", "many"] {
        policy(guest, &format!("only_groups = [{group:?}]"));
        is_asked(guest, "member");
        is_exempt(guest, "stranger");
    }
    // And so in sshd, which asks sssd for the password.
    guest.sshd();
    guest.sh("systemctl restart ssh");
    let mut ssh = guest.ssh("member", &["echo in-$((40+2))"]);
    log_in(guest, &ssh);
    assert!(ssh.end().success(), "{}", ssh.screen());
    assert!(ssh.has_line("in-42"), "{}", ssh.screen());
}

/// sssd answers from its cache, also for the password. Without sssd, everybody who gets in is asked.
fn away(guest: &mut Guest) {
    policy(guest, "only_groups = [\"push\"]");
    is_asked(guest, "member");
    is_exempt(guest, "stranger");
    guest.sh("systemctl stop directory");
    is_asked(guest, "member");
    is_exempt(guest, "stranger");
    guest.sh("systemctl stop sssd");
    let line = is_asked(guest, "lee");
    assert!(line.contains("hint=\"only_groups: "), "{line}");
    let su = su(guest, "stranger");
    su.see_times_or_end("assword", 1);
    su.answer(PASSWORD);
    su.see_times_or_end(PROMPT, 1);
    assert!(!su.has_line("in-42"), "{}", su.screen());
    drop(su);
    start_slapd(guest);
    guest.sh("systemctl start sssd");
}

/// A login waits for a sssd that hangs, and asks when it answers.
fn hangs(guest: &mut Guest) {
    policy(guest, "only_groups = [\"push\"]");
    is_asked(guest, "member");
    // With empty caches, each question goes to sssd.
    sssd(guest, "acme", "");
    let su = su(guest, "member");
    su.see("assword");
    // Each program of the machine that starts now waits, too, so the end begins first.
    guest.sh("systemd-run --quiet sh -c 'sleep 15; pkill -CONT sssd_nss'; pkill -STOP sssd_nss");
    su.answer(PASSWORD);
    guest.phone.stays_silent(guest.phone.rings());
    approve(guest, &su);
    // The session may wait for the user's systemd, which has waited for sssd, too.
    guest.eventually("the approval", |guest| {
        let line = guest.lines().pop().unwrap_or_default();
        line.starts_with("pam_logonbox(su:auth): approved")
    });
    assert_eq!(guest.rings(), 2);
}

/// Each spelling is one user with one account.
fn names(guest: &mut Guest) {
    sssd(
        guest,
        "acme.test",
        "use_fully_qualified_names = true\ncase_sensitive = false\n",
    );
    policy(guest, "only_groups = [\"push@acme.test\"]");
    guest.sh("sed -i '/^tenant/a account = \"{name}\"' /etc/security/pam_logonbox.toml");
    for user in ["member@acme.test", "MEMBER@ACME.TEST"] {
        let line = is_asked(guest, user);
        assert!(
            line.contains("user=\"member@acme.test\" account=\"member\""),
            "{line}"
        );
    }
    is_exempt(guest, "Stranger@acme.test");
}
