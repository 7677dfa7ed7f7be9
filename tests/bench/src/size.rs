//! The size of the module, and of how many crates it is made.

use std::collections::BTreeSet;
use std::process::Command;

use crate::figures::table;
use crate::stage::Stage;

pub fn measure(stage: &Stage) {
    let stripped = stage.path("stripped.so");
    let status = Command::new("strip")
        .args(["-o", &stripped])
        .arg(&stage.module)
        .status()
        .expect("strip");
    assert!(status.success());
    let bytes = std::fs::metadata(stripped).unwrap().len();
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
        .expect("cargo tree");
    assert!(output.status.success(), "cargo tree");
    let output = String::from_utf8(output.stdout).unwrap();
    // `name version (*)`, or with a path.
    let crates: BTreeSet<&str> = output
        .lines()
        .filter_map(|line| line.split(" (").next())
        .filter(|line| !line.is_empty())
        .collect();
    let rows = [vec![
        format!("{:.2}", bytes as f64 / 1e6),
        crates.len().to_string(),
    ]];
    table(
        "Size",
        &["stripped, MB", "crates in it, with its own"],
        &rows,
    );
}
