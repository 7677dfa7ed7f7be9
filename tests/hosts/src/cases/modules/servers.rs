//! Servers that check passwords: slapd with sssd and nslcd, a Kerberos server, and winbindd, which
//! knows the users of this host's own Samba.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};

use super::shell;
use crate::directory::{Directory, SSSD};
use crate::machine::{PASSWORD, background, wait_until};

const NSLCD: &str = "/usr/sbin/nslcd";
const KRB5KDC: &str = "/usr/sbin/krb5kdc";
const WINBINDD: &str = "/usr/sbin/winbindd";

fn is_there(program: &str) -> bool {
    Path::new(program).exists()
}

/// Whether this suite has the server of the module.
pub fn has_server(module: &str) -> bool {
    match module {
        "pam_krb5" => is_there(KRB5KDC),
        "pam_ldap" => is_there(NSLCD),
        "pam_sss" => is_there(SSSD),
        "pam_winbind" => is_there(WINBINDD),
        _ => panic!("{module} has no server"),
    }
}

pub struct Servers {
    directory: Option<Directory>,
    kdc: Option<Child>,
}

impl Servers {
    pub fn start() -> Self {
        let directory = is_there(SSSD).then(|| {
            let mut directory = Directory::new();
            directory.begin_with_passwords();
            directory
        });
        if is_there(NSLCD) {
            nslcd();
        }
        if is_there(WINBINDD) {
            winbindd();
        }
        Self {
            directory,
            kdc: is_there(KRB5KDC).then(kdc),
        }
    }

    /// Ends slapd and the Kerberos server. sssd and nslcd go on.
    pub fn end(&mut self) {
        if let Some(directory) = &mut self.directory {
            directory.stop_slapd();
        }
        if let Some(kdc) = &mut self.kdc {
            kdc.kill().expect(KRB5KDC);
            kdc.wait().expect(KRB5KDC);
        }
    }
}

fn nslcd() {
    let conf = "/etc/nslcd.conf";
    let text = "uri ldap://127.0.0.1\nbase dc=acme\nreconnect_sleeptime 1\nreconnect_retrytime 1\n";
    fs::write(conf, text).expect(conf);
    fs::set_permissions(conf, fs::Permissions::from_mode(0o600)).expect(conf);
    fs::create_dir_all("/run/nslcd").expect("/run/nslcd");
    background(NSLCD, &["--nofork"]);
    wait_until("nslcd listens", || {
        UnixStream::connect("/run/nslcd/socket").is_ok()
    });
}

/// A realm in which the principal of `locked` is disabled, and the password of `star` has expired.
fn kdc() -> Child {
    let realm = "ACME.TEST";
    let client = format!(
        "[libdefaults]\ndefault_realm = {realm}\ndns_lookup_kdc = false\n\
         [realms]\n{realm} = {{\n kdc = 127.0.0.1\n}}\n"
    );
    fs::write("/etc/krb5.conf", client).expect("/etc/krb5.conf");
    let server = format!(
        "[realms]\n{realm} = {{\n database_name = /srv/kdc/principal\n\
         key_stash_file = /srv/kdc/stash\n}}\n"
    );
    fs::create_dir_all("/srv/kdc").expect("/srv/kdc");
    fs::create_dir_all("/etc/krb5kdc").expect("/etc/krb5kdc");
    fs::write("/etc/krb5kdc/kdc.conf", server).expect("kdc.conf");
    shell(&format!("kdb5_util create -s -r {realm} -P master"));
    for (user, more) in [
        ("lee", ""),
        ("locked", "-allow_tix"),
        ("star", "-pwexpire yesterday"),
    ] {
        shell(&format!(
            "kadmin.local -q 'addprinc -pw {PASSWORD} {more} {user}'"
        ));
    }
    let kdc = Command::new(KRB5KDC).arg("-n").spawn().expect(KRB5KDC);
    wait_until("the Kerberos server listens", || {
        // The port is taken.
        UdpSocket::bind("127.0.0.1:88").is_err()
    });
    kdc
}

/// winbindd asks no domain: it knows the users whom smbpasswd has added. `locked` is disabled.
fn winbindd() {
    fs::create_dir_all("/etc/samba").expect("/etc/samba");
    let conf = "/etc/samba/smb.conf";
    let text = "[global]\nnetbios name = DOOR\nserver role = standalone server\n\
                passdb backend = tdbsam\ninterfaces = 127.0.0.1\nbind interfaces only = yes\n\
                idmap config * : backend = tdb\nidmap config * : range = 40000-49999\n";
    fs::write(conf, text).expect(conf);
    shell("mkdir -p /run/samba /var/log/samba /var/lib/samba/private /var/cache/samba");
    for user in ["lee", "locked"] {
        shell(&format!(
            "printf '{PASSWORD}\\n{PASSWORD}\\n' | smbpasswd -s -a {user}"
        ));
    }
    shell("smbpasswd -d locked");
    background(WINBINDD, &["--foreground", "--no-process-group"]);
    wait_until("winbindd answers", || {
        let ping = Command::new("wbinfo").arg("--ping").output();
        ping.expect("wbinfo").status.success()
    });
}
