//! The size of the module, and the number of its crates.

use std::collections::BTreeSet;
use std::process::Command;

use crate::figures::table;
use crate::setup::Setup;

pub fn measure(setup: &Setup) {
    let stripped = setup.path("stripped.so");
    let status = Command::new("strip")
        .args(["-o", &stripped])
        .arg(&setup.module)
        .status()
        .expect("strip");
    assert!(status.success());
    let bytes = std::fs::metadata(stripped).unwrap().len();
    let crates = crates().unwrap_or_else(|why| format!("NOT COUNTED: cargo tree: {why}"));
    let rows = [vec![format!("{:.2}", bytes as f64 / 1e6), crates]];
    table(
        "Size",
        &["stripped, MB", "crates in it, with its own"],
        &rows,
    );
}

/// The number of crates that are linked into the module.
fn crates() -> Result<String, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "tree",
            "--locked",
            "--package",
            "pam_logonbox",
            "--edges",
            "normal,no-proc-macro",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let output = String::from_utf8(output.stdout).unwrap();
    // `name version (*)`, or with a path.
    let crates: BTreeSet<&str> = output
        .lines()
        .filter_map(|line| line.split(" (").next())
        .filter(|line| !line.is_empty())
        .collect();
    Ok(crates.len().to_string())
}
