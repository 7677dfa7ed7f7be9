//! Programs that run cargo.

use std::process::Command;

/// A command that does not know that cargo runs these tests: what cargo tells them by environment
/// variables would have the nested cargo build some crates anew, there and back, each time.
pub fn outside_of_cargo(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let of_this_package = ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
        if of_this_package {
            command.env_remove(name);
        }
    }
    command
}
