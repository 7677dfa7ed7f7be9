//! How this host starts sshd: the options in its units, and those of the sshd that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::files::{ReadError, Root, UNITS};
use super::words::words;

/// Where the start script of a host without units finds the options.
const WITHOUT_UNITS: [(&str, &str); 2] = [
    ("/etc/default/ssh", "SSHD_OPTS"),
    ("/etc/sysconfig/sshd", "OPTIONS"),
];
/// sshd's options without and with a value (getopt(3)).
const PLAIN: &str = "46DdeiGqrRtTV";
const VALUED: &str = "bcCEfghkopu";
/// The options that change settings.
const USED: &str = "46cfghopu";

/// One way in which this host starts sshd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What says so.
    pub by: String,
    /// The command as it is written there.
    written: Vec<String>,
    /// sshd and the options that change settings, or why they are not known.
    pub command: Result<(PathBuf, Vec<String>), String>,
}

impl Start {
    fn new(by: impl Into<String>, written: Result<Vec<String>, String>) -> Self {
        let command = written.clone().and_then(|words| match words.split_first() {
            Some((program, arguments)) if program.ends_with("/sshd") => {
                Ok((PathBuf::from(program), options(arguments)?))
            }
            _ => Err(format!("it starts another program: {}", words.join(" "))),
        });
        Self {
            by: by.into(),
            command,
            written: written.unwrap_or_default(),
        }
    }
}

/// The ways in which this host starts sshd. At least one, the usual unit first. `sshd` is the program
/// if no unit names one.
pub fn starts(root: &Root, sshd: &str) -> Vec<Start> {
    // An alias is a link. Its drop-ins count, too.
    let mut units: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for name in unit_names(root) {
        let files = UNITS.map(|directory| root.path(&Path::new(directory).join(&name)));
        let file = files.iter().find(|path| path.symlink_metadata().is_ok());
        if let Some(real) = file.and_then(|file| file.canonicalize().ok()) {
            units.entry(real).or_default().push(name);
        }
    }
    let is_usual = |names: &[String]| {
        let kind = |name: &String| name.split(['.', '@']).next().map(str::to_owned);
        names
            .iter()
            .filter_map(kind)
            .any(|kind| kind == "ssh" || kind == "sshd")
    };
    let mut starts: Vec<Start> = Vec::new();
    for usual in [true, false] {
        for names in units.values().filter(|names| is_usual(names) == usual) {
            let unit = Unit::read(root, names);
            let by = names.join(", ");
            for command in &unit.commands {
                if usual || names_sshd(command) {
                    starts.push(Start::new(&by, unit.command(command)));
                }
            }
        }
    }
    if starts.is_empty() {
        let script = WITHOUT_UNITS.iter().find_map(|(file, name)| {
            let text = root.read(Path::new(file)).ok()?;
            let value = environment(&text).remove(*name)?;
            let mut command = vec![sshd.to_owned()];
            command.extend(words(&value));
            Some(Start::new(*file, Ok(command)))
        });
        starts.push(script.unwrap_or_else(|| Start::new("the host", Ok(vec![sshd.to_owned()]))));
    }
    let mut different: Vec<Start> = Vec::new();
    for start in starts {
        if different.iter().all(|known| known.command != start.command) {
            different.push(start);
        }
    }
    different
}

/// The services that systemd may start. Those for single connections count if systemd listens for
/// them.
fn unit_names(root: &Root) -> BTreeSet<String> {
    let mut units = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    for directory in UNITS.map(Path::new) {
        for name in root.names(directory) {
            match name.rsplit('.').next() {
                Some("service") => {
                    units.insert(name);
                }
                Some("wants" | "requires") => wanted.extend(root.names(&directory.join(name))),
                _ => {}
            }
        }
    }
    units.retain(|name| match name.split_once('@') {
        None => true,
        Some((kind, ".service")) => {
            let (socket, instance) = (format!("{kind}.socket"), format!("{kind}@"));
            wanted
                .iter()
                .any(|name| *name == socket || name.starts_with(&instance))
        }
        Some(_) => false,
    });
    units
}

/// Whether a command runs sshd, or a program that may run it.
fn names_sshd(command: &str) -> bool {
    let is_end = |sign: char| !sign.is_ascii_alphanumeric() && !"/._-".contains(sign);
    command.split(is_end).any(|word| word.ends_with("/sshd"))
}

/// The ways in which the sshds that run were started, if these are none of the known ones.
///
/// Any process can choose its title, so the kernel is asked for the program and the user of the
/// process. The title never names the program that is run.
pub fn running(root: &Root, known: &[Start]) -> Vec<Start> {
    let processes = root.path(Path::new("/proc")).read_dir();
    let mut ids: Vec<u32> = (processes.into_iter().flatten().flatten())
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    ids.sort_unstable();
    let mut found: Vec<Start> = Vec::new();
    for start in ids.into_iter().filter_map(|id| process(root, id, known)) {
        if found.iter().all(|other| other.command != start.command) {
            found.push(start);
        }
    }
    found
}

fn process(root: &Root, id: u32, known: &[Start]) -> Option<Start> {
    let process = PathBuf::from(format!("/proc/{id}"));
    let owner = root.metadata(&process)?.uid();
    if owner != 0 && owner != nix::unistd::geteuid().as_raw() {
        return None;
    }
    // The name of the program would be the same in a container.
    let file = |path: &Path| root.metadata(path).map(|file| (file.dev(), file.ino()));
    let exe = file(&process.join("exe"))?;
    let mut programs = known.iter().filter_map(|start| start.command.as_ref().ok());
    let (program, _) = programs.find(|(program, _)| file(program) == Some(exe))?;
    let title = root.read(&process.join("cmdline")).ok()?;
    let mut words: Vec<String> = match title.strip_prefix("sshd: ") {
        // The title has lost the quotes.
        Some(title) => {
            let (command, _) = title.split_once(" [listener]")?;
            command.split_whitespace().map(str::to_owned).collect()
        }
        // An old sshd leaves the title of its listener as it is.
        None => title.split_terminator('\0').map(str::to_owned).collect(),
    };
    let same = |start: &Start| start.written.join(" ").split_whitespace().eq(&words);
    if known.iter().any(same) {
        return None;
    }
    *words.first_mut()? = program.display().to_string();
    let start = Start::new(format!("another command (process {id})"), Ok(words));
    let is_new = known.iter().all(|known| known.command != start.command);
    is_new.then_some(start)
}

/// The options that change settings, each with its value.
fn options(arguments: &[String]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut letters = match word.strip_prefix('-') {
            Some(letters) if !letters.is_empty() => letters.chars(),
            _ => return Err(format!("{word} is no option of sshd")),
        };
        while let Some(letter) = letters.next() {
            let value = if PLAIN.contains(letter) {
                String::new()
            } else if VALUED.contains(letter) {
                let rest: String = letters.by_ref().collect();
                let next = if rest.is_empty() {
                    words.next()
                } else {
                    Some(&rest)
                };
                next.ok_or_else(|| format!("the value of -{letter} is missing"))?
                    .clone()
            } else {
                return Err(format!("the option -{letter} is not known"));
            };
            if USED.contains(letter) {
                found.push(format!("-{letter}{value}"));
            }
        }
    }
    Ok(found)
}

/// The parts of a unit that decide about sshd's options.
#[derive(Debug, Default)]
struct Unit {
    commands: Vec<String>,
    variables: BTreeMap<String, String>,
    /// Why the variables are not known.
    unknown: Option<String>,
}

impl Unit {
    fn read(root: &Root, names: &[String]) -> Self {
        let mut drop_ins = BTreeMap::new();
        for directory in UNITS {
            for name in names.iter().map(String::as_str).chain(["service"]) {
                let directory = Path::new(directory).join(format!("{name}.d"));
                for file in root.names(&directory) {
                    if Path::new(&file)
                        .extension()
                        .is_some_and(|end| end == "conf")
                    {
                        let path = directory.join(&file);
                        drop_ins.entry(file).or_insert(path);
                    }
                }
            }
        }
        let main = names.iter().find_map(|name| {
            let files = UNITS.map(|directory| Path::new(directory).join(name));
            files
                .into_iter()
                .find(|file| root.path(file).symlink_metadata().is_ok())
        });
        let mut unit = Self::default();
        let mut files = Vec::new();
        for path in main.into_iter().chain(drop_ins.into_values()) {
            // A link to /dev/null takes a unit or a drop-in out.
            let text = root.read(&path).unwrap_or_default();
            unit.lines(&text, &mut files);
        }
        for file in files {
            let path = Path::new(file.trim_start_matches('-'));
            // systemd expands these, and this command does not.
            if file.contains(['*', '?', '[', '%']) {
                unit.unknown = Some(format!("EnvironmentFile={file} is not followed"));
                continue;
            }
            match root.read(path) {
                Ok(text) => unit.variables.extend(environment(&text)),
                Err(ReadError::Missing) => {}
                Err(ReadError::Other(why)) => {
                    unit.unknown = Some(format!("{} {why}", path.display()));
                }
            }
        }
        unit
    }

    fn lines(&mut self, text: &str, files: &mut Vec<String>) {
        let mut section = String::new();
        for line in text.replace("\\\n", " ").lines().map(str::trim) {
            if line.starts_with('[') {
                line.clone_into(&mut section);
            }
            let Some((key, value)) = line.split_once('=').filter(|_| section == "[Service]") else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            match (key, value) {
                ("ExecStart", "") => self.commands.clear(),
                ("ExecStart", _) => self.commands.push(value.to_owned()),
                ("EnvironmentFile", "") => files.clear(),
                ("EnvironmentFile", _) => files.push(value.to_owned()),
                ("Environment", "") => self.variables.clear(),
                ("Environment", _) => {
                    let words = words(value);
                    let pairs = words.iter().filter_map(|word| word.split_once('='));
                    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
                    self.variables.extend(pairs);
                }
                _ => {}
            }
        }
    }

    /// A word with the values of its variables. One that is not set is empty.
    fn expanded(&self, word: &str) -> Result<String, String> {
        let mut parts = word.split("${");
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let ended = part.split_once('}').filter(|_| !expanded.ends_with('$'));
            let (name, rest) = ended.ok_or_else(|| format!("{word} is not understood"))?;
            if let Some(why) = &self.unknown {
                return Err(why.clone());
            }
            expanded.push_str(self.variables.get(name).map_or("", String::as_str));
            expanded.push_str(rest);
        }
        Ok(expanded)
    }

    /// The words of a command: see systemd.service(5).
    fn command(&self, command: &str) -> Result<Vec<String>, String> {
        let mut arguments = Vec::new();
        for word in words(command.trim_start_matches(['@', '-', ':', '+', '!'])) {
            match word.strip_prefix('$') {
                Some(name) if !name.starts_with(['{', '$']) => {
                    if let Some(why) = &self.unknown {
                        return Err(why.clone());
                    }
                    let value = self.variables.get(name);
                    arguments.extend(words(value.map_or("", String::as_str)));
                }
                _ => {
                    let word = self.expanded(&word)?.replace("$$", "$");
                    if word.replace("%%", "").contains('%') {
                        return Err(format!("{word} is not understood"));
                    }
                    arguments.push(word.replace("%%", "%"));
                }
            }
        }
        Ok(arguments)
    }
}

/// The variables in an environment file.
fn environment(text: &str) -> BTreeMap<String, String> {
    let text = text.replace("\\\n", "");
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            let value = value.trim();
            let quoted = ['"', '\''].iter().find_map(|quote| {
                value
                    .strip_prefix(*quote)
                    .and_then(|value| value.strip_suffix(*quote))
            });
            (name.trim().to_owned(), quoted.unwrap_or(value).to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Result<String, String>> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let alias = dir.path().join("etc/systemd/system/sshd.service");
        std::fs::create_dir_all(alias.parent().unwrap()).unwrap();
        let unit = dir.path().join("usr/lib/systemd/system/ssh.service");
        if unit.exists() {
            std::os::unix::fs::symlink(unit, alias).unwrap();
        }
        let starts = starts(&Root::at(dir.path()), "/usr/sbin/sshd");
        let shown = |(program, options): (PathBuf, Vec<String>)| {
            format!("{} {}", program.display(), options.join("|"))
        };
        starts
            .into_iter()
            .map(|start| start.command.map(shown))
            .collect()
    }

    const UNIT: (&str, &str) = (
        "usr/lib/systemd/system/ssh.service",
        "[Unit]\nExecStart=/bin/no\n[Service]\nEnvironmentFile=-/etc/default/ssh\n\
         ExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n[Install]\n",
    );

    #[test]
    fn options_of_units() {
        let plain = "/usr/sbin/sshd ";
        let with = |options: &str| vec![Ok(format!("{plain}{options}"))];
        assert_eq!(found(&[]), with(""));
        assert_eq!(found(&[UNIT]), with(""));
        let default = |text| [UNIT, ("etc/default/ssh", text)];
        assert_eq!(
            found(&default("# SSHD_OPTS=-4\nSSHD_OPTS=\"-o UsePAM=no -4\"\n")),
            with("-oUsePAM=no|-4")
        );
        assert_eq!(
            found(&default("SSHD_OPTS='-De -E/x -o \"UsePAM no\" -p22'")),
            with("-oUsePAM no|-p22")
        );
        assert_eq!(found(&default("SSHD_OPTS=-Z")).len(), 1);
        assert!(found(&default("SSHD_OPTS=-Z")).iter().all(Result::is_err));
        assert!(found(&default("SSHD_OPTS=x")).iter().all(Result::is_err));
        assert!(found(&default("SSHD_OPTS=-o")).iter().all(Result::is_err));

        // A drop-in of the alias, in a directory that hides the other one.
        let reset = "[Service]\nEnvironment=\"A=-o X=1\" B=2\nExecStart=\n\
             ExecStart=-/usr/sbin/sshd -D \\\n  -o \"AuthorizedKeysCommand /bin/keys %%u\" -f /etc/o $A\n";
        let drop_in = ("etc/systemd/system/sshd.service.d/a.conf", reset);
        let hidden = (
            "usr/lib/systemd/system/ssh.service.d/a.conf",
            "[Service]\nExecStart=/bin/sh\n",
        );
        assert_eq!(
            found(&[UNIT, drop_in, hidden]),
            with("-oAuthorizedKeysCommand /bin/keys %u|-f/etc/o|-oX=1")
        );
        let mut two = found(&[UNIT, hidden]);
        assert_eq!(two.remove(0), Ok(plain.to_owned()));
        assert!(two.iter().all(Result::is_err) && two.len() == 1);

        // Without units.
        let script = ("etc/sysconfig/sshd", "OPTIONS=\"-o UsePAM=no\"\n");
        assert_eq!(found(&[script]), with("-oUsePAM=no"));
        // Only systemd's own listener uses the unit for single connections.
        let single = (
            "usr/lib/systemd/system/ssh@.service",
            "[Service]\nExecStart=-/usr/sbin/sshd -i -f /etc/o\n",
        );
        assert_eq!(found(&[UNIT, single]), with(""));
        let socket = ("etc/systemd/system/sockets.target.wants/ssh.socket", "");
        assert_eq!(found(&[UNIT, single, socket]).len(), 2);
    }

    #[test]
    fn other_units_that_start_sshd() {
        let vpn = (
            "etc/systemd/system/a-vpn.service",
            "[Service]\nExecStart=/usr/sbin/sshd -D -f /etc/ssh/vpn -o PAMServiceName=vpn\n",
        );
        let with = |options: &[&str]| -> Vec<_> {
            let all = [""].iter().chain(options);
            all.map(|options| Ok(format!("/usr/sbin/sshd {options}")))
                .collect()
        };
        // The usual unit comes first.
        let options = "-f/etc/ssh/vpn|-oPAMServiceName=vpn";
        assert_eq!(found(&[UNIT, vpn]), with(&[options]));
        let drop_in = (
            "etc/systemd/system/x.service.d/a.conf",
            "[Service]\nExecStart=/usr/sbin/sshd -f /etc/x\n",
        );
        let x = (
            "usr/lib/systemd/system/x.service",
            "[Service]\nExecStart=/bin/x\n",
        );
        assert_eq!(found(&[UNIT, x, drop_in]), with(&["-f/etc/x"]));
        // systemd-ssh-generator(8) writes such units.
        let variables = (
            "run/systemd/generator/local@.service",
            "[Service]\nEnvironment=A=1\nExecStart=-/usr/sbin/sshd -i -o \"K ${NO}/k ${A} .ssh/k\"\n",
        );
        let local = (
            "run/systemd/generator/sockets.target.wants/local.socket",
            "",
        );
        assert_eq!(found(&[UNIT, variables, local]), with(&["-oK /k 1 .ssh/k"]));
        // A shell may run sshd with any options.
        let shell = (
            "etc/systemd/system/s.service",
            "[Service]\nExecStart=/bin/sh -c \"exec /usr/sbin/sshd -f /etc/y\"\n",
        );
        let found_by_shell = found(&[UNIT, shell]);
        assert_eq!(found_by_shell.len(), 2);
        assert!(found_by_shell.iter().any(Result::is_err));
        for (name, text) in [
            (
                "usr/lib/systemd/system/k.service",
                "[Service]\nExecStart=/usr/sbin/sshd-keygen\n",
            ),
            (
                "usr/lib/systemd/system/t.service",
                "[Service]\nExecStartPre=/usr/sbin/sshd -t\n",
            ),
            (
                "etc/systemd/system/t.timer",
                "[Service]\nExecStart=/usr/sbin/sshd -4\n",
            ),
        ] {
            assert_eq!(found(&[UNIT, (name, text)]), with(&[]), "{name}");
        }
        // systemd starts units for single connections, and instances.
        let single = (
            "run/systemd/generator/v@.service",
            "[Service]\nExecStart=/usr/sbin/sshd -i -f /v\n",
        );
        assert_eq!(found(&[UNIT, single]), with(&[]));
        for wants in [
            "run/systemd/generator/sockets.target.wants/v.socket",
            "etc/systemd/system/multi-user.target.wants/v@1.service",
        ] {
            assert_eq!(
                found(&[UNIT, single, (wants, "")]),
                with(&["-f/v"]),
                "{wants}"
            );
        }
    }

    #[test]
    fn options_of_the_sshd_that_runs() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        for directory in ["proc/7", "proc/self", "usr/sbin"] {
            std::fs::create_dir_all(dir.path().join(directory)).unwrap();
        }
        std::fs::write(dir.path().join("usr/sbin/sshd"), "").unwrap();
        std::fs::write(dir.path().join("usr/sbin/other"), "").unwrap();
        let exe = dir.path().join("proc/7/exe");
        std::os::unix::fs::symlink("../../usr/sbin/sshd", &exe).unwrap();
        let known = Start::new("unit", Ok(words("/usr/sbin/sshd -D -o 'UsePAM no'")));
        for (title, options) in [
            (
                "sshd: /usr/sbin/sshd -D -o UsePAM no [listener] 0 of 1",
                None,
            ),
            (
                "sshd: /usr/sbin/sshd -D -e -oUsePAM no [listener] 0 of 1",
                Some(false),
            ),
            (
                "sshd: /usr/sbin/sshd -o UsePAM=no [listener] 0 of 1",
                Some(true),
            ),
            // The title does not name the program that is run.
            ("sshd: /tmp/sshd -o UsePAM=no [listener] 0 of 1", Some(true)),
            ("sshd: lee [priv]", None),
            // An old sshd.
            ("/usr/sbin/sshd\0-D\0-o\0UsePAM no\0", None),
            ("/usr/sbin/sshd\0-D\0-o\0UsePAM yes\0", Some(true)),
        ] {
            std::fs::write(dir.path().join("proc/7/cmdline"), title).unwrap();
            let found = running(&root, std::slice::from_ref(&known)).pop();
            for (program, _) in found.iter().filter_map(|start| start.command.as_ref().ok()) {
                assert_eq!(program, Path::new("/usr/sbin/sshd"), "{title}");
            }
            assert_eq!(found.map(|start| start.command.is_ok()), options, "{title}");
        }
        // Another program with the title of an sshd.
        std::fs::remove_file(&exe).unwrap();
        std::os::unix::fs::symlink("../../usr/sbin/other", &exe).unwrap();
        let title = "sshd: /usr/sbin/sshd -o UsePAM=no [listener] 0 of 1";
        std::fs::write(dir.path().join("proc/7/cmdline"), title).unwrap();
        assert_eq!(running(&root, std::slice::from_ref(&known)), []);
    }
}
