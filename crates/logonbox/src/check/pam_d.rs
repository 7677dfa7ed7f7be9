//! Reads the files of PAM as libpam does: from /etc/pam.d to complete stacks.
//!
//! The reference is Linux-PAM, `libpam/pam_handlers.c` and `libpam_internal/pam_line.c`, and
//! Debian's `@include`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::dispatch::{Control, Step, StepKind};
use super::files::{ReadError, Root};
use super::roles::{Role, role};

/// libpam searches these directories for a service. The first file that exists counts.
const DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];
/// libpam reads this file only if these directories do not exist.
pub const SINGLE_FILE: &str = "/etc/pam.conf";
/// The limit of libpam (`PAM_SUBSTACK_MAX_LEVEL`).
const DEEPEST: usize = 16;
/// More lines than any stack has, after includes.
const LONGEST: usize = 4096;

/// More files than any stack includes.
const MOST_INCLUDES: usize = 256;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file, as libpam names it.
    pub file: Rc<Path>,
    /// Counted from 1.
    pub line: usize,
}

/// The first word of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "pam.conf(5) explains them")]
pub enum Kind {
    Auth,
    Account,
    Password,
    Session,
}

impl Kind {
    fn named(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "auth" => Some(Self::Auth),
            "account" => Some(Self::Account),
            "password" => Some(Self::Password),
            "session" => Some(Self::Session),
            _ => None,
        }
    }
}

/// A module in a stack.
#[derive(Debug, Clone)]
pub struct Module {
    /// The line that names it.
    pub place: Place,
    /// The type of its line.
    pub kind: Kind,
    /// Its path, as written.
    pub path: String,
    /// Its control, as written.
    pub control: String,
    /// The arguments after the path.
    pub arguments: Vec<String>,
    /// The role of the module.
    pub role: Role,
}

/// A mistake that libpam would notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The id of the finding.
    pub id: &'static str,
    /// The line.
    pub place: Place,
    /// The mistake, in words.
    pub what: String,
}

/// The PAM configuration of one service.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The `auth` lines, after includes. Empty if the service `other` is used instead.
    pub auth: Vec<Step<Module>>,
    /// The modules of the other types.
    pub rest: Vec<Module>,
    /// The mistakes that libpam would notice.
    pub problems: Vec<Problem>,
    /// The files that it includes.
    pub includes: BTreeSet<String>,
}

impl Service {
    /// The `auth` lines that name our module.
    pub fn phones(&self) -> impl Iterator<Item = &Module> {
        self.auth
            .iter()
            .filter_map(|step| match &step.kind {
                StepKind::Module(module) => Some(module),
                StepKind::Broken | StepKind::Substack => None,
            })
            .filter(|module| module.role == Role::Phone)
    }
}

/// The names of all services that have a file.
pub fn names(root: &Root) -> BTreeSet<String> {
    DIRECTORIES
        .iter()
        .flat_map(|directory| root.names(Path::new(directory)))
        .filter(|name| !is_left_over(name))
        .collect()
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
    name.starts_with('.')
        || name.starts_with('#')
        || name.contains(".dpkg-")
        || name.contains(".ucf-")
        || name.contains(".pam-")
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether one of libpam's directories exists, so that [`SINGLE_FILE`] does not count.
pub fn has_directory(root: &Root) -> bool {
    DIRECTORIES.iter().any(|directory| {
        root.metadata(Path::new(directory))
            .is_some_and(|metadata| metadata.is_dir())
    })
}

/// The file of a service, if it has one.
fn find(root: &Root, name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        return root.metadata(Path::new(name)).map(|_| PathBuf::from(name));
    }
    DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| root.path(path).symlink_metadata().is_ok())
}

/// Reads a service as libpam does.
pub fn service(root: &Root, name: &str) -> Service {
    let mut reader = Reader::new(root, name);
    match find(root, name) {
        Some(path) => {
            reader.file(&path, None, 0, 0);
        }
        None if !has_directory(root) => reader.single_file(),
        None => {}
    }
    reader.service
}

/// The services in [`SINGLE_FILE`].
pub fn names_in_single_file(root: &Root) -> BTreeSet<String> {
    let text = root.read(Path::new(SINGLE_FILE)).unwrap_or_default();
    lines(&text)
        .filter_map(|(_, line)| Some(line.split_whitespace().next()?.to_ascii_lowercase()))
        .collect()
}

struct Reader<'r> {
    root: &'r Root,
    service: Service,
    included: usize,
}

impl<'r> Reader<'r> {
    fn new(root: &'r Root, name: &str) -> Self {
        let service = Service {
            name: name.to_owned(),
            auth: Vec::new(),
            rest: Vec::new(),
            problems: Vec::new(),
            includes: BTreeSet::new(),
        };
        Self {
            root,
            service,
            included: 0,
        }
    }

    /// Adds the lines of the type `only`, or all lines. Returns whether libpam could read the file.
    fn file(&mut self, path: &Path, only: Option<Kind>, depth: usize, level: usize) -> bool {
        let file: Rc<Path> = path.into();
        match self.root.read(path) {
            Ok(text) => {
                for (line, text) in lines(&text) {
                    let place = Place {
                        file: file.clone(),
                        line,
                    };
                    self.line(&text, &place, only, depth, level);
                }
                true
            }
            Err(why) => {
                let what = match why {
                    ReadError::Missing => {
                        "cannot be read: it is a link that leads nowhere".to_owned()
                    }
                    ReadError::Other(what) => what,
                };
                self.problem("stack-file", &Place { file, line: 0 }, what);
                false
            }
        }
    }

    fn single_file(&mut self) {
        let text = self.root.read(Path::new(SINGLE_FILE)).unwrap_or_default();
        let file: Rc<Path> = Path::new(SINGLE_FILE).into();
        for (line, text) in lines(&text) {
            let text = text.trim_start();
            let (name, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
            if name.eq_ignore_ascii_case(&self.service.name) {
                let place = Place {
                    file: file.clone(),
                    line,
                };
                self.line(rest, &place, None, 0, 0);
            }
        }
    }

    fn problem(&mut self, id: &'static str, place: &Place, what: String) {
        let problem = Problem {
            id,
            place: place.clone(),
            what,
        };
        if !self.service.problems.contains(&problem) {
            self.service.problems.push(problem);
        }
    }

    fn line(&mut self, text: &str, place: &Place, only: Option<Kind>, depth: usize, level: usize) {
        if self.service.auth.len() >= LONGEST || self.service.rest.len() >= LONGEST {
            let what = format!("more than {LONGEST} lines after includes");
            return self.problem("stack-too-long", place, what);
        }
        let mut words = Words(text);
        let Some(first) = words.next() else {
            return;
        };
        if first == "@include" {
            let name = words.next().unwrap_or_default();
            if !self.include(&name, place, only, depth, level) {
                self.broken(only.unwrap_or(Kind::Auth), level);
            }
            return;
        }
        let word = first.strip_prefix('-').unwrap_or(&first);
        let Some(kind) = Kind::named(word) else {
            let what = format!("no type is called {word:?}: auth, account, password or session");
            self.problem("stack-syntax", place, what);
            return self.broken(only.unwrap_or(Kind::Auth), level);
        };
        if only.is_some_and(|only| only != kind) {
            return;
        }
        let Some(control) = words.next() else {
            self.problem("stack-syntax", place, "the control is missing".to_owned());
            return self.broken(kind, level);
        };
        let module = words.next();
        let substack = control.eq_ignore_ascii_case("substack");
        if substack || control.eq_ignore_ascii_case("include") {
            let name = module.unwrap_or_default();
            if substack && kind == Kind::Auth {
                self.service.auth.push(Step {
                    level,
                    kind: StepKind::Substack,
                    control: Control::BAD,
                });
            }
            let inside = level.saturating_add(usize::from(substack));
            if !self.include(&name, place, Some(kind), depth, inside) {
                self.broken(kind, level);
            }
            return;
        }
        let (actions, wrong) = Control::parse(&control);
        if let Some(what) = wrong {
            let what = format!("the control [{control}] makes no sense: {what}");
            self.problem("stack-syntax", place, what);
        }
        let Some(path) = module else {
            self.problem("stack-syntax", place, "the module is missing".to_owned());
            return self.broken(kind, level);
        };
        let arguments: Vec<String> = words.collect();
        let module = Module {
            place: place.clone(),
            kind,
            role: role(&path, &arguments, &self.service.name),
            path,
            control,
            arguments,
        };
        if kind == Kind::Auth {
            self.service.auth.push(Step {
                level,
                kind: StepKind::Module(module),
                control: actions,
            });
        } else {
            self.service.rest.push(module);
        }
    }

    fn broken(&mut self, kind: Kind, level: usize) {
        if kind == Kind::Auth {
            self.service.auth.push(Step {
                level,
                kind: StepKind::Broken,
                control: Control::BAD,
            });
        }
    }

    fn include(
        &mut self,
        name: &str,
        place: &Place,
        only: Option<Kind>,
        depth: usize,
        level: usize,
    ) -> bool {
        let depth = depth.saturating_add(1);
        if name.is_empty() {
            self.problem("stack-syntax", place, "includes no file".to_owned());
            return false;
        }
        if depth >= DEEPEST {
            let what = format!("includes {name}, {DEEPEST} files deep: is that a loop?");
            self.problem("stack-loop", place, what);
            return false;
        }
        self.included = self.included.saturating_add(1);
        if self.included > MOST_INCLUDES {
            let what = format!("more than {MOST_INCLUDES} includes");
            self.problem("stack-too-long", place, what);
            return false;
        }
        self.service.includes.insert(name.to_owned());
        let Some(path) = find(self.root, name) else {
            self.problem(
                "stack-include-missing",
                place,
                format!("includes {name}, which is not there"),
            );
            return false;
        };
        self.file(&path, only, depth, level)
    }
}

/// The logical lines of a file, with their numbers: without comments, and with continued lines
/// joined.
fn lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut physical = (1_usize..).zip(text.lines());
    std::iter::from_fn(move || {
        let mut joined: Option<(usize, String)> = None;
        for (number, line) in physical.by_ref() {
            let line = line.trim_start_matches([' ', '\t']);
            let (kept, comment) = match line.split_once('#') {
                Some((kept, _)) => (kept, true),
                None => (line, false),
            };
            let (_, whole) = joined.get_or_insert_with(|| (number, String::new()));
            let trimmed = kept.trim_end_matches([' ', '\t']);
            if let Some(before) = trimmed.strip_suffix('\\').filter(|_| !comment) {
                whole.push_str(before);
                whole.push(' ');
                continue;
            }
            whole.push_str(kept);
            if !whole.is_empty() {
                return joined;
            }
            joined = None;
        }
        // A file that ends in a continued line.
        joined.filter(|(_, line)| !line.trim().is_empty())
    })
}

/// Splits a line at blanks, and keeps brackets together.
struct Words<'l>(&'l str);

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let blank = [' ', '\n', '\t'];
        self.0 = self.0.trim_start_matches(blank);
        if self.0.is_empty() {
            return None;
        }
        let Some(inner) = self.0.strip_prefix('[') else {
            let (word, rest) = self.0.split_once(blank).unwrap_or((self.0, ""));
            self.0 = rest;
            return Some(word.to_owned());
        };
        let mut word = String::new();
        let mut signs = inner.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                ']' => break,
                '\\' if signs.peek() == Some(&']') => word.extend(signs.next()),
                sign => word.push(sign),
            }
        }
        let left: usize = signs.map(char::len_utf8).sum();
        let start = inner.len().saturating_sub(left);
        self.0 = inner.get(start..).unwrap_or_default();
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = Root::at(dir.path());
        (dir, root)
    }

    fn told(service: &Service) -> Vec<String> {
        service
            .auth
            .iter()
            .map(|step| match &step.kind {
                StepKind::Module(module) => format!(
                    "{} {}:{} {} {}",
                    step.level,
                    module.place.file.display(),
                    module.place.line,
                    module.path,
                    module.arguments.join("|")
                ),
                StepKind::Broken => format!("{} broken", step.level),
                StepKind::Substack => format!("{} substack", step.level),
            })
            .collect()
    }

    #[test]
    fn words_and_lines_are_libpams() {
        let words = |line| Words(line).collect::<Vec<_>>();
        assert_eq!(
            words("auth [success=ok  default=die]\tpam_x.so a [b c] d[e"),
            [
                "auth",
                "success=ok  default=die",
                "pam_x.so",
                "a",
                "b c",
                "d[e"
            ]
        );
        assert_eq!(words(r"[a\]b [c]d"), ["a]b [c", "d"]);
        assert_eq!(words("[open"), ["open"]);
        assert_eq!(words(" \t "), Vec::<String>::new());

        let lines = |text| lines(text).collect::<Vec<_>>();
        let text = "# c\n\n  auth \\\n required \\  \n # in\nx #y\\\nz\nlast\\";
        assert_eq!(
            lines(text),
            [
                (3, "auth  required  ".to_owned()),
                (6, "x ".to_owned()),
                (7, "z".to_owned()),
                (8, "last ".to_owned()),
            ]
        );
    }

    #[test]
    fn includes_are_resolved_and_keep_their_type() {
        let (_dir, root) = host(&[
            (
                "etc/pam.d/su-l",
                "auth include su\nAUTH Required pam_b.so x\n-auth optional pam_c.so\n",
            ),
            (
                "etc/pam.d/su",
                "@include common\nsession required pam_s.so\naccount required pam_a.so\n",
            ),
            (
                "usr/lib/pam.d/common",
                "account required pam_a.so\nauth substack sub\n",
            ),
            ("etc/pam.d/sub", "auth required /lib/pam_d.so y z\n"),
        ]);
        let service = service(&root, "su-l");
        assert_eq!(
            told(&service),
            [
                "0 substack",
                "1 /etc/pam.d/sub:1 /lib/pam_d.so y|z",
                "0 /etc/pam.d/su-l:2 pam_b.so x",
                "0 /etc/pam.d/su-l:3 pam_c.so ",
            ]
        );
        assert_eq!(service.problems, []);
        assert!(service.rest.is_empty());
    }

    #[test]
    fn what_libpam_stumbles_over() {
        let (dir, root) = host(&[
            ("etc/pam.d/a", "auth include a\n"),
            ("etc/pam.d/b", "@include nowhere\nauth substack nowhere\n"),
            (
                "etc/pam.d/c",
                "auht required pam_x.so\nauth\nauth required\n",
            ),
            (
                "etc/pam.d/d",
                "auth [success=okay] pam_x.so\nauth include\n",
            ),
            // Each line doubles the work.
            ("etc/pam.d/f", "auth include f\nauth include f\n"),
            ("etc/pam.d/e", "auth include fifo\nauth include dangling\n"),
        ]);
        let fifo = dir.path().join("etc/pam.d/fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        std::os::unix::fs::symlink("gone", dir.path().join("etc/pam.d/dangling")).unwrap();
        for (name, expected) in [
            ("a", vec!["stack-loop"]),
            ("b", vec!["stack-include-missing"; 2]),
            ("c", vec!["stack-syntax"; 3]),
            ("d", vec!["stack-syntax"; 2]),
            ("e", vec!["stack-file"; 2]),
            ("f", vec!["stack-too-long", "stack-loop"]),
        ] {
            let service = service(&root, name);
            let mut ids: Vec<_> = service.problems.iter().map(|problem| problem.id).collect();
            if name == "f" {
                ids.sort_unstable_by(|one, other| other.cmp(one));
                ids.dedup();
            }
            assert_eq!(ids, expected, "{name}: {:?}", service.problems);
            assert!(told(&service).last().unwrap().contains("broken") || name == "d");
        }
    }

    #[test]
    fn one_file_for_all_where_there_is_no_directory() {
        let text = "SSHD auth required pam_x.so\nsu auth required pam_y.so\n";
        let (_dir, root) = host(&[("etc/pam.conf", text)]);
        assert_eq!(
            told(&service(&root, "sshd")),
            ["0 /etc/pam.conf:1 pam_x.so "]
        );
        let names: Vec<_> = names_in_single_file(&root).into_iter().collect();
        assert_eq!(names, ["sshd", "su"]);

        let (_dir, root) = host(&[("etc/pam.conf", text), ("etc/pam.d/su", "")]);
        assert!(service(&root, "sshd").auth.is_empty());
    }
}
