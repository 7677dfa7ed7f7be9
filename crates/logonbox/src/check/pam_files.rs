//! Points at the file and the line of a module. libpam alone says what a stack does: see
//! [`services`](super::services).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::files::Root;
use super::roles::{OURS, file_name};

/// Where services have their files. libpam also reads those of the vendor.
pub const DIRECTORIES: [&str; 4] = [
    "/etc/pam.d",
    "/usr/lib/pam.d",
    "/usr/etc/pam.d",
    "/usr/share/pam.d",
];
/// libpam reads this file only if the directories do not exist.
pub const SINGLE_FILE: &str = "/etc/pam.conf";
/// The types of lines.
const KINDS: [&str; 4] = ["account", "auth", "password", "session"];
/// More files than any stack includes.
const MOST_FILES: usize = 64;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub file: Rc<Path>,
    /// Counted from 1. `None` for the whole file.
    pub line: Option<usize>,
}

/// `FILE:LINE`
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// A line that names a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub place: Place,
    /// Its first word in lower case, without a `-` in front: `auth`, for example.
    pub kind: String,
    /// As written, without the brackets.
    pub control: String,
    pub module: String,
    pub arguments: Vec<String>,
}

/// The lines of a service, after includes.
#[derive(Debug, Default)]
pub struct Lines {
    pub all: Vec<Line>,
    /// The files that it includes, with the first line that does so.
    pub includes: BTreeMap<String, Place>,
    /// The first line without a known type, or with too few words.
    pub odd: Option<Place>,
    /// The file of the service, if it has one.
    pub file: Option<Rc<Path>>,
    /// All its files, with those that it includes.
    pub files: BTreeSet<Rc<Path>>,
    /// The lines of the files that name our module for `auth`. `true` if the line before ends with
    /// a backslash.
    pub ours: Vec<(Place, bool)>,
    /// The first FIFO in place of a file.
    pub fifo: Option<Rc<Path>>,
    /// The first file with Windows line ends.
    pub carriage_returns: Option<Place>,
    seen: usize,
}

impl Lines {
    /// Reads the files of a service.
    pub fn read(root: &Root, service: &str) -> Self {
        let mut lines = Self::default();
        if let Some(path) = find(root, service) {
            lines.file = Some(path.as_path().into());
            lines.add(root, &path, None, None);
        } else if !has_directory(root) {
            lines.add(root, Path::new(SINGLE_FILE), Some(service), None);
        }
        lines
    }

    /// The lines for `auth`.
    pub fn auth(&self) -> Vec<Line> {
        let lines = self.all.iter();
        lines.filter(|line| line.kind == "auth").cloned().collect()
    }

    /// `service` is given for [`SINGLE_FILE`], where it is the first word. An include can take the
    /// lines of one type `only`.
    fn add(&mut self, root: &Root, path: &Path, service: Option<&str>, only: Option<&str>) {
        self.seen = self.seen.saturating_add(1);
        if self.seen > MOST_FILES {
            return;
        }
        let file: Rc<Path> = path.into();
        self.files.insert(Rc::clone(&file));
        let metadata = root.metadata(path);
        if metadata.is_some_and(|metadata| metadata.file_type().is_fifo()) {
            self.fifo.get_or_insert_with(|| Rc::clone(&file));
        }
        let text = root.read(path).unwrap_or_default();
        if service.is_none() && only.is_none_or(|only| only == "auth") {
            self.ours.extend(naming_ours(&file, &text));
        }
        for (number, text) in logical_lines(&text) {
            let place = Place {
                file: Rc::clone(&file),
                line: Some(number),
            };
            if text.contains('\r') {
                self.carriage_returns.get_or_insert_with(|| place.clone());
            }
            let mut words = Words(&text);
            if let Some(service) = service
                && !words
                    .next()
                    .is_some_and(|word| word.eq_ignore_ascii_case(service))
            {
                continue;
            }
            let Some(first) = words.next() else {
                continue;
            };
            let first = first.trim_start_matches('-').to_ascii_lowercase();
            let (second, third) = (words.next().unwrap_or_default(), words.next());
            if first != "@include" && (!KINDS.contains(&&*first) || third.is_none()) {
                self.odd.get_or_insert_with(|| place.clone());
            }
            if only.is_some_and(|only| first != only && first != "@include") {
                continue;
            }
            let included = match (first.as_str(), second.as_str()) {
                ("@include", name) => Some((name, only)),
                (kind, "include" | "substack") => third.as_deref().map(|name| (name, Some(kind))),
                _ => None,
            };
            if let Some((name, only)) = included {
                self.includes
                    .entry(name.to_owned())
                    .or_insert_with(|| place.clone());
                if let Some(path) = find(root, name) {
                    self.add(root, &path, None, only);
                }
            } else if let Some(module) = third {
                self.all.push(Line {
                    place,
                    kind: first,
                    control: second,
                    module,
                    arguments: words.collect(),
                });
            }
        }
    }
}

/// The file of a service, or a file that is included. libpam also opens a directory or a FIFO in its
/// place. `/dev/null` masks a service.
fn find(root: &Root, name: &str) -> Option<PathBuf> {
    let is_file = |path: &PathBuf| {
        let metadata = root.metadata(path);
        metadata.is_some_and(|file| !file.file_type().is_char_device())
    };
    if name.starts_with('/') {
        return Some(PathBuf::from(name)).filter(is_file);
    }
    DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(is_file)
}

/// Whether a service has a file of its own.
pub fn has_file(root: &Root, service: &str) -> bool {
    find(root, service).is_some()
}

/// The first link in place of a service's file that leads nowhere.
pub fn dangling(root: &Root, service: &str) -> Option<PathBuf> {
    DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(service))
        .find(|path| root.path(path).is_symlink() && root.metadata(path).is_none())
}

/// The names of all services that have a file, or a line in [`SINGLE_FILE`]. libpam turns the names
/// that programs give into lower case.
pub fn names(root: &Root) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = DIRECTORIES
        .iter()
        .flat_map(|directory| root.names(Path::new(directory)))
        .filter(|name| !is_left_over(name) && *name == name.to_lowercase())
        .collect();
    if !has_directory(root) {
        let text = root.read(Path::new(SINGLE_FILE)).unwrap_or_default();
        let first = |(_, line): (usize, String)| Words(&line).next();
        names.extend(logical_lines(&text).filter_map(first));
    }
    names
}

/// Files of services with capital letters in their names. libpam reads them only for an include.
pub fn with_capitals(root: &Root) -> Vec<PathBuf> {
    let below = |directory: &&str| {
        let directory = Path::new(*directory);
        let names = root.names(directory).into_iter();
        let capitals = names.filter(|name| !is_left_over(name) && *name != name.to_lowercase());
        capitals
            .map(|name| directory.join(name))
            .collect::<Vec<_>>()
    };
    DIRECTORIES.iter().flat_map(below).collect()
}

/// Files that editors and package managers leave behind.
fn is_left_over(name: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        "~",
        ".bak",
        ".orig",
        ".old",
        ".save",
        ".swp",
        ".rpmnew",
        ".rpmsave",
        ".rpmorig",
        ".disabled",
    ];
    name.starts_with(['.', '#'])
        || [".dpkg-", ".ucf-", ".pam-"]
            .iter()
            .any(|part| name.contains(part))
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether [`SINGLE_FILE`] has no effect.
pub fn has_directory(root: &Root) -> bool {
    DIRECTORIES.iter().any(|directory| {
        let metadata = root.metadata(Path::new(directory));
        metadata.is_some_and(|metadata| metadata.is_dir())
    })
}

/// The lines of a file with their numbers: without comments, and with continued lines joined.
fn logical_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut physical = (1_usize..).zip(text.split('\n'));
    std::iter::from_fn(move || {
        let (number, first) = physical.next()?;
        let mut whole = first.split('#').next().unwrap_or_default().to_owned();
        while !first.contains('#') && whole.ends_with('\\') {
            whole.pop();
            whole.push(' ');
            match physical.next() {
                Some((_, next)) => whole.push_str(next.split('#').next().unwrap_or_default()),
                None => break,
            }
        }
        Some((number, whole))
    })
}

/// The lines that name our module for `auth`: see [`Lines::ours`]. They are told apart without
/// libpam's rules for continued lines.
fn naming_ours(file: &Rc<Path>, text: &str) -> Vec<(Place, bool)> {
    let mut ours = Vec::new();
    let (mut kind, mut continues) = (String::new(), false);
    for (number, line) in (1..).zip(text.lines()) {
        let (line, has_comment) = match line.split_once('#') {
            Some((line, _)) => (line, true),
            None => (line, false),
        };
        let words: Vec<String> = Words(line).collect();
        let Some(first) = words.first() else {
            continue;
        };
        let first = first.trim_start_matches('-').to_ascii_lowercase();
        if !continues || KINDS.contains(&&*first) {
            kind = first;
        }
        let names_ours = words.iter().any(|word| file_name(word.trim()) == OURS);
        if names_ours && kind == "auth" {
            let place = Place {
                file: Rc::clone(file),
                line: Some(number),
            };
            ours.push((place, continues));
        }
        continues = !has_comment && line.trim_end().ends_with('\\');
    }
    ours
}

/// Splits a line at blanks, and keeps brackets together.
struct Words<'l>(&'l str);

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        const BLANK: [char; 2] = [' ', '\t'];
        self.0 = self.0.trim_start_matches(BLANK);
        let word = if let Some((word, rest)) = self.0.strip_prefix('[').map(end_of_brackets) {
            self.0 = rest;
            word.replace("\\]", "]")
        } else {
            let (word, rest) = self.0.split_once(BLANK).unwrap_or((self.0, ""));
            self.0 = rest;
            word.to_owned()
        };
        Some(word).filter(|word| !word.is_empty())
    }
}

/// The text up to the `]` that has no backslash before it, and the rest.
fn end_of_brackets(inner: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = inner.find(|sign: char| {
        let ends = sign == ']' && !escaped;
        escaped = sign == '\\';
        ends
    });
    end.and_then(|end| Some((inner.get(..end)?, inner.get(end..)?.strip_prefix(']')?)))
        .unwrap_or((inner, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_kinds() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "etc/pam.d/sshd",
                "# a comment\n@include common\n-auth [success=1 default=ignore] pam_a.so x \\\n [y z\\]] # end\n\
                 auth include nowhere\naccount substack /etc/pam.d/sub\nauth required\n",
            ),
            (
                "etc/pam.d/common",
                "AUTH required /lib/security/pam_b.so\r\n",
            ),
            ("usr/lib/pam.d/sub", "account required pam_wrong.so\n"),
            (
                "etc/pam.d/sub",
                "account required pam_c.so\nauth include sshd\n",
            ),
            ("etc/pam.d/old.dpkg-old", ""),
            ("etc/pam.d/SSHD", ""),
            ("usr/lib/pam.d/vendor", ""),
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = Root::at(dir.path());
        let lines = Lines::read(&root, "sshd");
        let told: Vec<_> = lines
            .all
            .iter()
            .take(3)
            .map(|line| {
                let Line {
                    place,
                    kind,
                    control,
                    module,
                    arguments,
                } = line;
                format!("{place} {kind} [{control}] {module} {arguments:?}")
            })
            .collect();
        assert_eq!(
            told,
            [
                "/etc/pam.d/common:1 auth [required] /lib/security/pam_b.so\r []",
                "/etc/pam.d/sshd:3 auth [success=1 default=ignore] pam_a.so [\"x\", \"y z]\"]",
                "/etc/pam.d/sub:1 account [required] pam_c.so []",
            ]
        );
        let common = lines.carriage_returns.map(|place| place.to_string());
        assert_eq!(common.as_deref(), Some("/etc/pam.d/common:1"));
        let names: Vec<_> = names(&root).into_iter().collect();
        assert_eq!(names, ["common", "sshd", "sub", "vendor"]);

        std::fs::remove_dir_all(dir.path().join("etc/pam.d")).unwrap();
        std::fs::remove_dir_all(dir.path().join("usr")).unwrap();
        let text = "SSHD auth required pam_x.so\nsu auth required pam_y.so\n";
        std::fs::write(dir.path().join("etc/pam.conf"), text).unwrap();
        let lines = Lines::read(&root, "sshd");
        assert_eq!(lines.all.len(), 1);
        assert_eq!(lines.all[0].module, "pam_x.so");
    }
}
