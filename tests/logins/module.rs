//! The module as a shared library.

use std::process::Command;

use crate::setup::module;

fn run(tool: &str, options: &[&str]) -> String {
    let output = Command::new(tool)
        .args(options)
        .arg(module())
        .output()
        .unwrap_or_else(|error| panic!("{tool}: {error}; apt-get install binutils"));
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_exports_only_the_functions_that_pam_calls() {
    let mut names: Vec<String> = run("nm", &["--dynamic", "--defined-only"])
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "pam_sm_acct_mgmt",
            "pam_sm_authenticate",
            "pam_sm_chauthtok",
            "pam_sm_close_session",
            "pam_sm_open_session",
            "pam_sm_setcred",
        ]
    );
}

#[test]
fn it_is_never_unloaded_and_bound_at_load_time() {
    let dynamic = run("readelf", &["--dynamic", "--wide"]);
    let flags = dynamic
        .lines()
        .find(|line| line.contains("(FLAGS_1)"))
        .unwrap();
    assert!(
        flags.contains("NODELETE") && flags.contains("NOW"),
        "{flags}"
    );
    assert!(!dynamic.contains("TEXTREL"));
    assert!(!dynamic.contains("RUNPATH") && !dynamic.contains("RPATH"));
    let segments = run("readelf", &["--segments", "--wide"]);
    assert!(segments.contains("GNU_RELRO"));
    let stack = segments
        .lines()
        .find(|line| line.contains("GNU_STACK"))
        .unwrap();
    assert!(!stack.contains("RWE"), "{stack}");
}

#[test]
fn it_needs_only_what_every_linux_has() {
    let dynamic = run("readelf", &["--dynamic", "--wide"]);
    for line in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        let known = [
            "libpam.so.0",
            "libc.so.6",
            "libgcc_s.so.1",
            "libm.so.6",
            // Parts of libc.so.6 since glibc 2.34. Packages are linked for 2.28.
            "libpthread.so.0",
            "libdl.so.2",
            "ld-linux",
        ];
        assert!(known.iter().any(|name| line.contains(name)), "{line}");
    }
}
