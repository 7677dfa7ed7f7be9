//! What rustdoc says of a crate, as lines.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The public API of one crate.
pub struct Api {
    /// As it is called in Rust.
    name: String,
    lines: Vec<String>,
    reexports: Vec<Reexport>,
}

/// An item of another crate that this one shows as its own.
struct Reexport {
    /// Where the other crate defines it, as in the types of functions here.
    defined: String,
    /// Where the other crate shows it.
    shown: String,
    /// Where this one does.
    own: String,
}

impl Api {
    /// Reads what rustdoc wrote. Implementations of Rust's auto traits and of blanket ones are left
    /// out: they are the same for everything, or a test's matter.
    pub fn read(json: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let lines = public_api::Builder::from_rustdoc_json(json)
            .omit_auto_trait_impls(true)
            .omit_blanket_impls(true)
            .build()?
            .items()
            .map(ToString::to_string)
            .collect();
        let description: Value = serde_json::from_str(&fs::read_to_string(json)?)?;
        let root = description.get("root").ok_or("no root")?.to_string();
        let name = pointer(&description, &["index", &root, "name"]).ok_or("no name")?;
        Ok(Self {
            reexports: reexports(&description, name),
            name: name.to_owned(),
            lines,
        })
    }

    /// The lines, each once. What comes from `shared` stands at the end, under the names that it
    /// has here.
    pub fn with(&self, shared: Option<&Self>) -> Vec<String> {
        let (shown_as_own, others): (Vec<_>, Vec<_>) = self
            .reexports
            .iter()
            .partition(|one| shared.is_some_and(|shared| one.is_of(&shared.name)));
        let mut seen = HashSet::new();
        let of_shared = shared.iter().flat_map(|shared| {
            shared.lines.iter().filter(|line| {
                subject(line, &shared.name)
                    .is_some_and(|item| shown_as_own.iter().any(|one| one.shown == item))
            })
        });
        self.lines
            .iter()
            .chain(of_shared)
            .map(|line| {
                shown_as_own.iter().fold(line.clone(), |line, one| {
                    let line = replace_path(&line, &one.defined, &one.own);
                    replace_path(&line, &one.shown, &one.own)
                })
            })
            // The name alone would not tell that it is not the crate's own.
            .chain(
                others
                    .iter()
                    .map(|one| format!("pub use {} as {}", one.defined, one.own)),
            )
            .filter(|line| seen.insert(line.clone()))
            .collect()
    }
}

impl Reexport {
    fn is_of(&self, krate: &str) -> bool {
        self.defined
            .strip_prefix(krate)
            .is_some_and(|rest| rest.starts_with("::"))
    }
}

fn pointer<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter()
        .try_fold(value, |value, step| value.get(step))?
        .as_str()
}

fn reexports(description: &Value, own: &str) -> Vec<Reexport> {
    let items = description.get("index").and_then(Value::as_object);
    items
        .into_iter()
        .flat_map(|items| items.values())
        .filter_map(|item| {
            let used = item.get("inner")?.get("use")?;
            let shown = pointer(used, &["source"])?;
            // An item of this crate has a path that starts with the crate; a crate's name is no
            // path.
            let id = used.get("id").map(ToString::to_string);
            let path =
                id.and_then(|id| description.get("paths")?.get(&id)?.get("path")?.as_array());
            let path: Vec<&str> = path
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let reexport = Reexport {
                defined: match path[..] {
                    [] => format!("{shown}::*"),
                    [krate] => format!("{krate}::*"),
                    _ => path.join("::"),
                },
                shown: shown.to_owned(),
                own: format!("{own}::{}", pointer(used, &["name"])?),
            };
            (path.first() != Some(&own)).then_some(reexport)
        })
        .collect()
}

/// The words of a line that may be paths, with what stands between them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_inclusive(|c: char| !is_path(c))
        .flat_map(|piece| {
            let end = piece.find(|c| !is_path(c)).unwrap_or(piece.len());
            let (word, between) = piece.split_at(end);
            [word, between]
                .into_iter()
                .filter(|piece| !piece.is_empty())
        })
}

fn is_path(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

/// Puts `new` where `line` says `old`, or something in it.
fn replace_path(line: &str, old: &str, new: &str) -> String {
    words(line)
        .map(|word| match word.strip_prefix(old) {
            Some(rest) if rest.is_empty() || rest.starts_with("::") || rest == ":" => {
                format!("{new}{rest}")
            }
            _ => word.to_owned(),
        })
        .collect()
}

/// The item `krate::Item` that a line is about: what is implemented for it, or the first that it
/// names.
fn subject<'l>(line: &'l str, krate: &str) -> Option<&'l str> {
    let about = match line.split_once(" for ") {
        Some((start, about)) if start.starts_with("impl") => about,
        _ => line,
    };
    let path = words(about).find(|word| {
        word.strip_prefix(krate)
            .is_some_and(|rest| rest.starts_with("::"))
    })?;
    let end = path
        .match_indices("::")
        .nth(1)
        .map_or(path.len(), |(end, _)| end);
    path.get(..end).map(|item| item.trim_end_matches(':'))
}

/// The crates that an API may show: Rust's own, and two small ones whose types many libraries
/// share.
const COMMON: [&str; 5] = ["alloc", "core", "http", "std", "zeroize"];

/// Whether a line names a crate that is neither `own` nor one of [`COMMON`].
pub fn foreign(line: &str, own: &str) -> bool {
    words(line)
        .filter_map(|word| word.split_once("::"))
        .map(|(krate, _)| krate)
        // A generic parameter's name starts with a capital letter.
        .any(|krate| {
            krate.starts_with(|c: char| c.is_lowercase())
                && krate != own
                && !COMMON.contains(&krate)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_another_crate_is_known() {
        for (line, is) in [
            (
                "pub fn a::B::c(&self) -> core::option::Option<&a::D>",
                false,
            ),
            ("pub fn a::B::c<T>(T::Item, Self::Err) -> Self", false),
            ("pub a::B::c: std::path::PathBuf", false),
            ("impl core::convert::From<hyper::Error> for a::B", true),
            ("pub fn a::B::c(http::Request<a::D>)", false),
            ("pub fn a::B::c(&mut [zeroize::Zeroizing<u8>])", false),
            ("pub fn a::B::c(ab::C)", true),
        ] {
            assert_eq!(foreign(line, "a"), is, "{line}");
        }
    }

    #[test]
    fn what_is_shown_as_ones_own_is_called_so() {
        let call = |line| replace_path(line, "b::net::Address", "a::Tenant");
        assert_eq!(
            call("pub fn a::c(&b::net::Address)"),
            "pub fn a::c(&a::Tenant)"
        );
        assert_eq!(
            call("pub fn b::net::Address::host()"),
            "pub fn a::Tenant::host()"
        );
        assert_eq!(
            call("pub fn a::c(b::net::Addresses)"),
            "pub fn a::c(b::net::Addresses)"
        );
    }

    #[test]
    fn lines_belong_to_what_they_are_about() {
        for (line, item) in [
            ("pub struct b::Address", Some("b::Address")),
            ("pub struct b::Address(_)", Some("b::Address")),
            ("pub b::Options::to: b::Address", Some("b::Options")),
            ("impl core::fmt::Debug for b::Address", Some("b::Address")),
            (
                "impl core::convert::From<b::Failure> for b::Address",
                Some("b::Address"),
            ),
            ("pub const b::FILES: &[&str]", Some("b::FILES")),
            ("pub mod b", None),
        ] {
            assert_eq!(subject(line, "b"), item, "{line}");
        }
    }
}
