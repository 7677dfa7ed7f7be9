//! The measured programs: the module in a host, and programs to compare with.

use std::process::{Command, Stdio};

use crate::setup::{Setup, Trust};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The host with `pam_permit` only.
    Host,
    /// The host with the module.
    Module,
    /// The host with the module and pinned keys: one request fewer.
    Pinned,
    /// The C program on libcurl.
    Least,
    /// curl, twice.
    Curl,
}

impl Client {
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host alone (`pam_permit`)",
            Self::Module => "host with `pam_logonbox`",
            Self::Pinned => "the same, keys pinned",
            Self::Least => "program on libcurl",
            Self::Curl => "`curl` twice",
        }
    }

    /// The programs to run one after the other, with their arguments.
    pub fn programs(
        self,
        setup: &Setup,
        authority: &str,
        account: &str,
        trust: Trust,
    ) -> Vec<Vec<String>> {
        let host = |service: String| {
            vec![
                [
                    setup.path("host"),
                    setup.services(),
                    service,
                    "root".to_owned(),
                ]
                .into(),
            ]
        };
        let api = format!("https://{authority}/app/api/authenticator");
        let keys = format!("{api}/keys/{account}");
        let sign = format!("{api}/signPayload");
        let ca = setup.path("ca.pem");
        match self {
            Self::Host => host("permit".to_owned()),
            Self::Module => host(setup.service(authority, account, trust, false)),
            Self::Pinned => host(setup.service(authority, account, trust, true)),
            Self::Least => {
                let mut least = vec![setup.path("least"), keys, sign, form(setup, account)];
                if trust == Trust::OneFile {
                    least.push(ca);
                }
                vec![least]
            }
            Self::Curl => {
                let curl = |more: Vec<String>| {
                    let mut curl: Vec<String> =
                        ["curl", "-sS", "-o", "/dev/null"].map(String::from).into();
                    if trust == Trust::OneFile {
                        curl.extend(["--cacert".to_owned(), ca.clone()]);
                    }
                    curl.extend(more);
                    curl
                };
                vec![
                    curl(vec![keys]),
                    curl(vec!["--data".to_owned(), form(setup, account), sign]),
                ]
            }
        }
    }

    /// Runs the program once and returns its cost. `spawn` and `host` print names and values.
    pub fn run(self, setup: &Setup, authority: &str, trust: Trust) -> Cost {
        let programs = self.programs(setup, authority, "approve", trust);
        let output = Command::new(setup.path("spawn"))
            .args(programs.join(&"--then".to_owned()))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("spawn");
        let output = String::from_utf8(output.stdout).unwrap();
        let value = |wanted: &str| {
            output.lines().find_map(|line| {
                let (name, value) = line.split_once(' ')?;
                (name == wanted).then(|| value.parse().expect("a number"))
            })
        };
        let must = |wanted| value(wanted).unwrap_or_else(|| panic!("{} fails", self.name()));
        Cost {
            wall: must("wall"),
            cpu: must("cpu"),
            peak: must("peak"),
            announced: value("announced"),
        }
    }
}

/// The cost of one run: times in microseconds, memory in kibibytes.
pub struct Cost {
    pub wall: f64,
    pub cpu: f64,
    pub peak: f64,
    pub announced: Option<f64>,
}

/// The form with which a client asks the account's first phone to sign. It is computed before the
/// measurement of the smallest client.
fn form(setup: &Setup, account: &str) -> String {
    let keys = setup
        .tenant
        .account(account)
        .expect("an account")
        .public_keys();
    let fingerprint = keys[0]
        .fingerprint()
        .replace('+', "%2B")
        .replace('/', "%2F");
    // 128 bytes.
    let payload = "QUJD".repeat(42) + "QUI%3D";
    format!(
        "username={account}&fingerprint={fingerprint}&remoteName=host&\
         text=approve+wants+to+log+in+to+host.+Code%3A+1234&authorizeText=Authorize&flags=0&\
         payload={payload}"
    )
}
