//! A directory: slapd, and sssd, which asks it for users and groups. The test takes either away.

use std::fmt::Write;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

use crate::machine::{PASSWORD, command, wait_until};

pub const SSSD: &str = "/usr/sbin/sssd";

/// sssd, its child that asks slapd, and its children that programs ask. The first starts the others.
const DAEMONS: [&str; 4] = ["sssd", "sssd_be", "sssd_pam", RESPONDER];
pub const RESPONDER: &str = "sssd_nss";

const SSSD_CONF: &str = "/etc/sssd/sssd.conf";
/// The database of sssd, and the answers that programs read without asking it.
const CACHES: [&str; 2] = ["/var/lib/sss/db", "/var/lib/sss/mc"];
const SLAPD_CONF: &str = "/srv/directory/slapd.conf";
const DATABASE: &str = "/srv/directory/database";

/// The user who has the password [`PASSWORD`].
const WITH_PASSWORD: &str = "member";
const STAFF: u32 = 20000;
const PUSH: u32 = 20001;
/// The user id of the first user.
pub const FIRST_ID: u32 = 20000;
/// The users, with their primary groups.
const USERS: [(&str, u32); 6] = [
    ("member", STAFF),
    ("nested", STAFF),
    ("primary", PUSH),
    ("stranger", STAFF),
    ("alone", STAFF),
    // For the harness alone, so that the caches hold what a test wants.
    ("probe", STAFF),
];
/// The users of the second domain, with ids from 30000.
const OTHERS: [&str; 2] = ["member", "lee"];
const OTHER_STAFF: u32 = 30000;
/// The groups, with their members: users, and other groups.
const GROUPS: [(&str, u32, &[&str]); 4] = [
    ("staff", STAFF, &["uid=probe"]),
    ("push", PUSH, &["uid=member", "cn=ops"]),
    ("ops", 20002, &["uid=nested"]),
    ("eng", 20003, &["uid=member", "uid=nested", "uid=stranger"]),
];

pub struct Directory {
    slapd: Option<Child>,
    sssd: Option<Child>,
}

impl Directory {
    pub fn new() -> Self {
        let slapd = format!(
            "include /etc/ldap/schema/core.schema\n\
             include /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/nis.schema\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             database mdb\n\
             suffix dc=acme\n\
             directory {DATABASE}\n"
        );
        let entries = "/srv/directory/entries";
        fs::create_dir_all(DATABASE).expect(DATABASE);
        fs::write(SLAPD_CONF, slapd).expect(SLAPD_CONF);
        fs::write(entries, ldif()).expect(entries);
        command("slapadd", &["-f", SLAPD_CONF, "-l", entries]);
        Self {
            slapd: None,
            sssd: None,
        }
    }

    /// Starts both with empty caches. `order` is the one of nsswitch.conf. With
    /// `ignore_group_members`, a look-up of a group names no members.
    pub fn begin(&mut self, order: &str, ignore_group_members: bool) {
        let domain = domain("acme", "dc=acme", "none");
        let sssd = format!(
            "[sssd]\n\
             services = nss\n\
             domains = acme\n\
             {domain}\
             ignore_group_members = {ignore_group_members}\n"
        );
        self.begin_with(order, &sssd, "probe");
    }

    /// Starts both with empty caches. sssd checks passwords, and keeps them while slapd is away.
    pub fn begin_with_passwords(&mut self) {
        let domain = domain("acme", "dc=acme", "ldap");
        let sssd = format!(
            "[sssd]\n\
             services = nss, pam\n\
             domains = acme\n\
             {domain}\
             ldap_auth_disable_tls_never_use_in_production = true\n\
             cache_credentials = true\n"
        );
        self.begin_with("files sss", &sssd, "probe");
        wait_until("sssd listens for PAM", || {
            UnixStream::connect("/var/lib/sss/pipes/pam").is_ok()
        });
    }

    /// Starts both with empty caches, and two domains with full names: acme.test with all users, and
    /// other.test with the users in [`OTHERS`]. A name without a domain is one of acme.test. `format`
    /// is the `full_name_format` of acme.test.
    pub fn begin_with_domains(&mut self, format: &str) {
        let acme = domain("acme.test", "dc=acme", "none");
        let other = domain("other.test", "ou=other,dc=acme", "none");
        // As with Active Directory: DOMAIN\name, name@domain, name.
        let expression = r"(((?P<domain>[^\\]+)\\(?P<name>.+))|((?P<name>.+)@(?P<domain>[^@]+))|(^(?P<name>[^@\\]+)$))";
        let names = format!(
            "use_fully_qualified_names = true\n\
             case_sensitive = false\n\
             re_expression = {expression}\n"
        );
        let sssd = format!(
            "[sssd]\n\
             services = nss\n\
             domains = acme.test, other.test\n\
             default_domain_suffix = acme.test\n\
             {acme}{names}full_name_format = {format}\n\
             {other}{names}full_name_format = {format}\n"
        );
        self.begin_with("files sss", &sssd, "probe@acme.test");
    }

    fn begin_with(&mut self, order: &str, sssd: &str, probe: &str) {
        let nsswitch = format!("passwd: {order}\ngroup: {order}\nshadow: files\nhosts: files\n");
        fs::write("/etc/nsswitch.conf", nsswitch).expect("/etc/nsswitch.conf");
        fs::write(SSSD_CONF, sssd).expect(SSSD_CONF);
        fs::set_permissions(SSSD_CONF, fs::Permissions::from_mode(0o600)).expect(SSSD_CONF);
        self.start_slapd();
        self.start_sssd();
        wait_until("sssd has asked slapd", || {
            let getent = Command::new("getent").args(["passwd", probe]).output();
            getent.expect("getent").status.success()
        });
    }

    fn start_slapd(&mut self) {
        if self.slapd.is_some() {
            return;
        }
        let arguments = ["-d", "0", "-h", "ldap://127.0.0.1", "-f", SLAPD_CONF];
        let slapd = Command::new("slapd").args(arguments).spawn();
        self.slapd = Some(slapd.expect("slapd"));
        wait_until("slapd listens", || {
            TcpStream::connect("127.0.0.1:389").is_ok()
        });
    }

    pub fn stop_slapd(&mut self) {
        let mut slapd = self.slapd.take().expect("slapd runs");
        slapd.kill().expect("slapd runs");
        slapd.wait().expect("slapd ends");
    }

    /// Starts sssd, with empty caches.
    pub fn start_sssd(&mut self) {
        self.end_sssd("KILL");
        forget();
        let sssd = Command::new(SSSD).args(["-i", "--logger=files"]).spawn();
        self.sssd = Some(sssd.expect(SSSD));
        wait_until("sssd listens", || {
            UnixStream::connect("/var/lib/sss/pipes/nss").is_ok()
        });
    }

    /// Ends sssd with this signal. Its caches stay.
    pub fn end_sssd(&mut self, signal: &str) {
        let Some(mut sssd) = self.sssd.take() else {
            return;
        };
        for daemon in DAEMONS {
            send(signal, daemon);
        }
        sssd.wait().expect("sssd ends");
        wait_until("sssd has ended", || {
            DAEMONS.into_iter().all(|daemon| running(daemon).is_empty())
        });
    }
}

/// Empties the caches of sssd.
pub fn forget() {
    for directory in CACHES {
        for file in fs::read_dir(directory).expect(directory) {
            let path = file.expect(directory).path();
            fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// A daemon that is alive and does not answer, until this is dropped.
pub struct Frozen(&'static str);

impl Frozen {
    pub fn new(daemon: &'static str) -> Self {
        send("STOP", daemon);
        Self(daemon)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        send("CONT", self.0);
    }
}

fn send(signal: &str, daemon: &str) {
    for id in running(daemon) {
        // It may have ended by itself, as the children of sssd do.
        let _ = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\" 2>&-", signal, &id])
            .status();
    }
}

/// The process ids. A zombie does not count: some of these have no parent that waits for them.
fn running(daemon: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let named = format!(" ({daemon}) ");
    ids.filter(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let state = stat.split_once(&named).map(|(_, rest)| rest);
        state.is_some_and(|state| !state.starts_with('Z'))
    })
    .collect()
}

/// A section of sssd.conf. The users are right below `base`. `auth` checks passwords.
fn domain(name: &str, base: &str, auth: &str) -> String {
    format!(
        "[domain/{name}]\n\
         id_provider = ldap\n\
         auth_provider = {auth}\n\
         ldap_uri = ldap://127.0.0.1\n\
         ldap_id_use_start_tls = false\n\
         ldap_search_base = {base}?onelevel?\n\
         ldap_schema = rfc2307bis\n\
         ldap_group_object_class = groupOfNames\n"
    )
}

fn ldif() -> String {
    let mut text = "dn: dc=acme\n\
                    objectClass: dcObject\n\
                    objectClass: organization\n\
                    o: acme\n\n\
                    dn: ou=other,dc=acme\n\
                    objectClass: organizationalUnit\n"
        .to_owned();
    let acme = USERS.map(|(user, group)| (user, group, "dc=acme"));
    let other = OTHERS.map(|user| (user, OTHER_STAFF, "ou=other,dc=acme"));
    let users = (FIRST_ID..).zip(acme).chain((30000..).zip(other));
    for (number, (user, group, base)) in users {
        let _ = write!(
            text,
            "\ndn: uid={user},{base}\n\
             objectClass: account\n\
             objectClass: posixAccount\n\
             objectClass: extensibleObject\n\
             mail: {user}.smith@mail.test\n\
             cn: {user}\n\
             uidNumber: {number}\n\
             gidNumber: {group}\n\
             homeDirectory: /\n\
             loginShell: /bin/sh\n"
        );
        if user == WITH_PASSWORD {
            let _ = writeln!(text, "userPassword: {PASSWORD}");
        }
    }
    for (group, number, members) in GROUPS {
        let _ = write!(
            text,
            "\ndn: cn={group},dc=acme\n\
             objectClass: groupOfNames\n\
             objectClass: extensibleObject\n\
             gidNumber: {number}\n"
        );
        for member in members {
            let _ = writeln!(text, "member: {member},dc=acme");
        }
    }
    text
}
