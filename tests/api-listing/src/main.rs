//! Compares the public API of a crate in this workspace with `public-api.txt` beside its manifest,
//! so that no change to it goes unnoticed, and keeps the types of other crates out of it.
//!
//! ```sh
//! cargo run -p api-listing -- logonbox-authenticator            # as `make lint` does, for each client crate
//! cargo run -p api-listing -- logonbox-authenticator --renew    # write the listing anew
//! ```

#![forbid(unsafe_code)]

mod listing;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use listing::{Api, foreign};

type Result<T> = std::result::Result<T, String>;

const LISTING: &str = "public-api.txt";
/// The crate whose types the others may show, under names of their own.
const SHARED: &str = "bounded-https";
/// Set where cargo runs this program in rustdoc's place.
const IN_RUSTDOCS_PLACE: &str = "API_LISTING_IN_RUSTDOCS_PLACE";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if env::var_os(IN_RUSTDOCS_PLACE).is_some() {
        return rustdoc(&arguments);
    }
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [package] => compare(package),
        [package, "--renew"] => renew(package),
        _ => Err("usage: api-listing PACKAGE [--renew]".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

/// Rustdoc's JSON is not stable. Were cargo told so, it would build all dependencies anew, since
/// their build scripts look at that variable: only rustdoc is.
fn rustdoc(arguments: &[String]) -> ExitCode {
    let error = Command::new("rustdoc")
        .args(arguments)
        .env("RUSTC_BOOTSTRAP", "1")
        .exec();
    let _ = writeln!(io::stderr(), "rustdoc: {error}");
    ExitCode::FAILURE
}

fn compare(package: &str) -> Result<()> {
    let file = listing_file(package);
    let known =
        fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let current = checked(package)?;
    let (known, current) = (lines(&known), lines(&current));
    let mut changes = String::new();
    for (sign, these, those) in [('-', &known, &current), ('+', &current, &known)] {
        for line in these.iter().filter(|line| !those.contains(line)) {
            let _ = writeln!(changes, "{sign} {line}");
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    Err(format!(
        "The public API of {package} is not what {} says:\n\n{changes}\n\
         A line that is gone or different breaks programs that use it: the next release of {package} is a \
         0.(x+1).0.\nA line that is only new breaks none: a 0.x.(y+1) will do; except a method without \
         a body in a trait that others implement.\nIf this is what you want: \
         cargo run -p api-listing -- {package} --renew",
        file.display()
    ))
}

fn renew(package: &str) -> Result<()> {
    let file = listing_file(package);
    fs::write(workspace().join(&file), checked(package)?)
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The listing, if it names no crate but the package and Rust's own.
fn checked(package: &str) -> Result<String> {
    let shared = (package != SHARED).then(|| api(SHARED)).transpose()?;
    let lines = api(package)?.with(shared.as_ref());
    let own = package.replace('-', "_");
    let foreign: Vec<&str> = lines
        .iter()
        .filter(|line| foreign(line, &own))
        .map(String::as_str)
        .collect();
    if foreign.is_empty() {
        return Ok(lines.join("\n") + "\n");
    }
    Err(format!(
        "The public API of {package} shows what belongs to another crate, and would break with it:\n\n{}\n\n\
         Give it a type of its own, or make it `pub(crate)`.",
        foreign.join("\n")
    ))
}

fn api(package: &str) -> Result<Api> {
    let json = json(package)?;
    Api::read(&json).map_err(|error| {
        format!(
            "{}: {error}\nIf the toolchain is a new one: take the release of the crate public-api that reads \
             what its rustdoc writes (tests/api-listing/Cargo.toml)",
            json.display()
        )
    })
}

/// Has rustdoc describe a package.
fn json(package: &str) -> Result<PathBuf> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(workspace());
        command
    };
    let this = env::current_exe().map_err(|error| format!("this program's path: {error}"))?;
    let ended = cargo(&["rustdoc", "--quiet", "--locked", "--all-features", "--lib"])
        .args([
            "--package",
            package,
            "--",
            "-Z",
            "unstable-options",
            "--output-format",
            "json",
        ])
        .env("RUSTDOC", this)
        .env(IN_RUSTDOCS_PLACE, "1")
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !ended.success() {
        return Err(format!("rustdoc could not describe {package}"));
    }
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let target = metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str)
        .ok_or("cargo metadata names no target directory")?;
    Ok(Path::new(target)
        .join("doc")
        .join(package.replace('-', "_"))
        .with_extension("json"))
}

fn workspace() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

fn listing_file(package: &str) -> PathBuf {
    Path::new("crates").join(package).join(LISTING)
}
