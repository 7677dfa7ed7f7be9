//! `logonbox unlock`. The counts of this machine stay as they are: no account has these names.

use std::os::unix::process::CommandExt;

use crate::setup::{LOGONBOX, Setup, bare, run};

const NOTHING: &str = "There is nothing to unlock: this host has counted no attempt of";

#[test]
#[expect(clippy::print_stderr, reason = "says that it tests less")]
fn an_account_without_attempts_is_no_error() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT TESTED: logonbox unlock, because this is not root");
        return;
    }
    let setup = Setup::new();
    setup.configure("account = \"{user}@acme.example\"", "");
    let account = "nobody-has-this-name@acme.example";
    let run = setup.run(&["unlock", account]);
    run.assert(0, &[], &[]);
    assert_eq!(run.out, format!("{NOTHING} {account}.\n"));
    // The name of a user.
    let run = setup.run(&["unlock", "root"]);
    run.assert(0, &[], &[]);
    assert_eq!(
        run.out,
        format!("{NOTHING} root.\nThe account of the user root is root@acme.example.\n")
    );
    setup.configure("devcie = \"ask\"", "");
    let run = setup.run(&["unlock", account]);
    run.assert(1, &[], &["logonbox.devcie: unknown key"]);
}

#[test]
fn only_root_may_remove_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = bare(&["unlock", "lee@acme.example"]);
    if nix::unistd::geteuid().is_root() {
        // The user may not be able to read the directory of the build.
        let program = dir.path().join("logonbox");
        std::fs::copy(LOGONBOX, &program).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).unwrap();
        command = std::process::Command::new(program);
        command.args(["unlock", "lee@acme.example"]).env_clear();
        command.uid(65534).gid(65534);
    }
    let run = run(command, "");
    run.assert(
        1,
        &[],
        &["only root may remove counted attempts. Run this command as root"],
    );
}
