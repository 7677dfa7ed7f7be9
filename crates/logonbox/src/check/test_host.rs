//! A directory with PAM files, below which this machine's libpam answers.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::files::Root;
use super::finding::Report;
use super::services::Services;

#[path = "../../../../tests/logins/build.rs"]
mod build;

/// The modules that tests name. They are copies of `pam_permit.so`: doubles stand for them.
const MODULES: [&str; 34] = [
    "pam_access.so",
    "pam_acme.so",
    "pam_cap.so",
    "pam_debug.so",
    "pam_deny.so",
    "pam_env.so",
    "pam_exec.so",
    "pam_faildelay.so",
    "pam_faillock.so",
    "pam_google_authenticator.so",
    "pam_group.so",
    "pam_keyinit.so",
    "pam_krb5.so",
    "pam_ldap.so",
    "pam_limits.so",
    "pam_localuser.so",
    "pam_loginuid.so",
    "pam_logonbox.so",
    "pam_mail.so",
    "pam_motd.so",
    "pam_namespace.so",
    "pam_nologin.so",
    "pam_permit.so",
    "pam_rootok.so",
    "pam_selinux.so",
    "pam_sepermit.so",
    "pam_sss.so",
    "pam_succeed_if.so",
    "pam_u2f.so",
    "pam_unix.so",
    "pam_usertype.so",
    "pam_wheel.so",
    "pam_winbind.so",
    "pam_xauth.so",
];

/// The helper of `pam-stack`.
fn helper() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build::build(&["--package=pam-stack", "--bins"]).join("pam-stack-helper"))
}

/// Where this machine's libpam has its modules.
fn security() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let machine = std::env::consts::ARCH;
        [
            format!("/usr/lib/{machine}-linux-gnu/security"),
            "/usr/lib64/security".to_owned(),
            "/usr/lib/security".to_owned(),
        ]
        .into_iter()
        .map(PathBuf::from)
        .find(|directory| directory.join("pam_permit.so").exists())
        .expect("pam_permit.so: apt-get install libpam-modules")
    })
}

/// A host with these files in /etc.
pub fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let below = |path: &Path| dir.path().join(path.strip_prefix("/").unwrap());
    for directory in ["lib", "lib64"] {
        let merged = Path::new("usr").join(directory);
        fs::create_dir_all(dir.path().join(&merged)).unwrap();
        symlink(merged, dir.path().join(directory)).unwrap();
    }
    fs::create_dir_all(below(security())).unwrap();
    for module in MODULES {
        let permit = security().join("pam_permit.so");
        fs::copy(permit, below(&security().join(module))).unwrap();
    }
    let other = [(
        "pam.d/other",
        "auth required pam_deny.so\naccount required pam_permit.so\n\
         session required pam_permit.so\n",
    )];
    for (name, text) in other.iter().chain(files) {
        let path = dir.path().join("etc").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = Root::at(dir.path());
    (dir, root)
}

/// A module with our note, as a copy of our module has it.
pub fn copy_of_ours(root: &Root, name: &str) {
    let source = "int pam_sm_authenticate(void) { return 0; }\n\
                  int pam_sm_acct_mgmt(void) { return 0; }\n\
                  const int note[] __attribute__((used, section(\".note.pam_logonbox\"))) = \
                  {13, 0, 1, 0, 0, 0, 0};\n";
    build_module(root, name, source);
}

/// A module for `account` lines alone.
pub fn account_module(root: &Root, name: &str) {
    build_module(root, name, "int pam_sm_acct_mgmt(void) { return 0; }\n");
}

fn build_module(root: &Root, name: &str, source: &str) {
    let file = root.path(Path::new("/etc/note.c"));
    fs::write(&file, source).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-nostdlib", "-o"])
        .arg(root.path(&security().join(name)))
        .arg(file)
        .status()
        .unwrap();
    assert!(built.success(), "cc: {built}");
}

/// The services of such a host.
pub fn services(root: &Root) -> Services {
    let services = Services::ask(root, Some(helper()), &BTreeSet::new());
    assert_eq!(services.trouble, None);
    services
}

/// A host with these files, their texts and modes.
pub fn machine(files: &[(&str, &str, u32)]) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text, mode) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
    }
    let root = Root::at(dir.path());
    (dir, root)
}

/// The ids of the findings.
pub fn ids(report: &Report) -> Vec<&'static str> {
    let findings = report.findings.iter();
    findings.map(|(_, finding)| finding.id).collect()
}

/// Writes a program for /bin/sh.
pub fn program(path: &Path, script: &str) {
    // Another process writes it. In this one, a fork of another test may hold it open.
    let mut write = Command::new("/bin/sh");
    write.args(["-c", "printf '#!/bin/sh\n%s\n' \"$1\" >$0; chmod 700 $0"]);
    assert!(write.arg(path).arg(script).status().unwrap().success());
}
