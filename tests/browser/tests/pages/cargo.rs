//! Programs that run cargo.

use std::process::Command;

/// A command without the environment variables of cargo. With them, the nested cargo would rebuild
/// some crates each time.
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
