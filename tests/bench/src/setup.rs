//! A tenant, and a host with a service for each measurement.

use std::fmt::Write as _;
use std::io::{Seek, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use tenant::{Options, Tenant};

/// The account that approves at once, and the account that waits for a user.
pub const ACCOUNTS: [&str; 2] = ["approve", "page"];

/// The CA certificates that a client trusts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The system's bundle, with the tenant's CA at the end.
    System,
    /// A file with the tenant's CA alone.
    OneFile,
}

impl Trust {
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system's CA bundle",
            Self::OneFile => "one CA file",
        }
    }
}

pub struct Setup {
    pub tenant: Tenant,
    pub module: PathBuf,
    pub work: PathBuf,
}

impl Setup {
    pub fn new(module: PathBuf, work: PathBuf) -> Self {
        let mut options = Options::default();
        options
            .names
            .extend(["ipv4.example", "ipv6.example"].map(String::from));
        let tenant = Tenant::start(options).expect("a tenant on loopback");
        let setup = Self {
            tenant,
            module,
            work,
        };
        setup.write("ca.pem", setup.tenant.ca_pem());
        // In place, because it is mounted over the system's bundle.
        let mut bundle = std::fs::OpenOptions::new()
            .append(true)
            .open(setup.work.join("bundle.pem"))
            .expect("the copy of the system's bundle");
        bundle.write_all(setup.tenant.ca_pem().as_bytes()).unwrap();
        println!(
            "The system's CA bundle, with the tenant's: {} bytes",
            bundle.stream_position().unwrap()
        );
        for account in ACCOUNTS {
            let account_of = setup.tenant.account(account).unwrap();
            let lines = account_of
                .public_keys()
                .iter()
                .fold(String::new(), |mut lines, key| {
                    let _ = writeln!(lines, "{}", key.line());
                    lines
                });
            std::fs::write(format!("/etc/security/pam_logonbox.keys/{account}"), lines).unwrap();
        }
        std::fs::create_dir_all(setup.work.join("pam.d")).unwrap();
        setup.write("pam.d/other", "auth required pam_deny.so\n");
        setup.write("pam.d/permit", "auth required pam_permit.so\n");
        setup
    }

    /// The name and port of the tenant.
    pub fn authority(&self) -> String {
        format!("ipv4.example:{}", self.tenant.port())
    }

    pub fn address(&self) -> SocketAddr {
        self.tenant.address()
    }

    /// The directory of PAM services.
    pub fn services(&self) -> String {
        self.path("pam.d")
    }

    pub fn path(&self, name: &str) -> String {
        self.work.join(name).display().to_string()
    }

    /// Writes a PAM service and its configuration, and returns the service's name.
    pub fn service(&self, authority: &str, account: &str, trust: Trust, pinned: bool) -> String {
        // In lower case, as libpam searches for it.
        let service = format!(
            "{}{}-{}",
            account.split('@').next().unwrap_or_default(),
            if trust == Trust::OneFile { "-file" } else { "" },
            if pinned { "pinned" } else { "published" },
        );
        let pins = if pinned { "required" } else { "off" };
        // The host answers no prompt.
        let mut configuration = "[conversation]\ncode = \"show\"\n".to_owned();
        let _ = write!(
            configuration,
            "[logonbox]\ntenant = {authority:?}\naccount = {account:?}\npins = {pins:?}\n"
        );
        if trust == Trust::OneFile {
            let _ = write!(
                configuration,
                "[tls]\nca_file = {:?}\n",
                self.path("ca.pem")
            );
        }
        self.write(&format!("{service}.toml"), &configuration);
        let line = format!(
            "auth required {} conf={}\n",
            self.module.display(),
            self.path(&format!("{service}.toml"))
        );
        self.write(&format!("pam.d/{service}"), &line);
        service
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.work.join(name), text).unwrap();
    }
}
