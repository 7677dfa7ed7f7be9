//! Programs and libraries of other packages. `cargo test` does not build them.

use std::path::PathBuf;
use std::process::Command;

/// Builds what `arguments` name. Returns the directory with the results.
pub fn build(arguments: &[&str]) -> PathBuf {
    // This program is in `debug/deps` in the target directory.
    let exe = std::env::current_exe().unwrap();
    let target = exe.ancestors().nth(3).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // Crates are compiled anew when these change.
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR"];
        if ours.iter().any(|begin| shown.starts_with(begin)) {
            cargo.env_remove(&name);
        }
    }
    let built = cargo
        .args(["build", "--quiet", "--locked", "--target-dir"])
        .arg(target)
        .args(arguments)
        .status()
        .unwrap();
    assert!(built.success(), "cargo build: {built}");
    target.join("debug")
}
