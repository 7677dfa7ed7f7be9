//! How this host starts sshd: the options in its units, and those of the sshd that runs.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::files::{ReadError, Root};
use super::words::words;

/// The directories of units, in systemd's order: see systemd.unit(5).
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
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

/// The ways in which this host starts sshd. At least one. `sshd` is the program if no unit names one.
pub fn starts(root: &Root, sshd: &str) -> Vec<Start> {
    let mut names = vec!["ssh.service", "sshd.service"];
    for kind in ["ssh", "sshd"] {
        // Units for single connections matter only if systemd itself listens.
        let socket = format!("/etc/systemd/system/sockets.target.wants/{kind}.socket");
        if root.path(Path::new(&socket)).symlink_metadata().is_ok() {
            names.extend(["ssh@.service", "sshd@.service"]);
        }
    }
    // An alias is a link. Its drop-ins count, too.
    let mut units: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
    for name in names {
        let files = UNITS.map(|directory| root.path(&Path::new(directory).join(name)));
        let file = files.iter().find(|path| path.symlink_metadata().is_ok());
        if let Some(real) = file.and_then(|file| file.canonicalize().ok()) {
            units.entry(real).or_default().push(name);
        }
    }
    let mut starts: Vec<Start> = Vec::new();
    for names in units.values() {
        let unit = Unit::read(root, names);
        starts.extend(unit.commands.iter().map(|command| {
            let by = names.join(", ");
            Start::new(by, unit.command(command))
        }));
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

/// The way in which the sshd that runs was started, if it is none of these.
///
/// A pid file can be old, and any process can choose its title. So the kernel is asked for the
/// program and the user of the process. The title never names the program that is run.
pub fn running(root: &Root, pid_file: &str, known: &[Start]) -> Option<Start> {
    let id = root.read(Path::new(pid_file)).ok()?;
    let id: u32 = id.trim().parse().ok()?;
    let process = PathBuf::from(format!("/proc/{id}"));
    let owner = root.metadata(&process)?.uid();
    if owner != 0 && owner != nix::unistd::geteuid().as_raw() {
        return None;
    }
    let program = root.path(&process.join("exe")).read_link().ok()?;
    let is_known = |start: &Start| {
        let known = start.command.as_ref().ok();
        known.is_some_and(|(known, _)| {
            root.path(known).canonicalize().ok() == Some(root.path(&program))
        })
    };
    if !known.iter().any(is_known) {
        return None;
    }
    let title = root.read(&process.join("cmdline")).ok()?;
    let (command, _) = title.strip_prefix("sshd: ")?.split_once(" [listener]")?;
    // The title has lost the quotes.
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    let same = |start: &Start| start.written.join(" ").split_whitespace().eq(&words);
    if known.iter().any(same) {
        return None;
    }
    if let Some(first) = words.first_mut() {
        *first = program.display().to_string();
    }
    let start = Start::new(format!("the sshd that runs (process {id})"), Ok(words));
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
    fn read(root: &Root, names: &[&str]) -> Self {
        let mut drop_ins = BTreeMap::new();
        for directory in UNITS {
            for name in names.iter().chain(&["service"]) {
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
                _ if word.contains("${") => return Err(format!("{word} is not understood")),
                _ => {
                    let word = word.replace("$$", "$");
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
    fn options_of_the_sshd_that_runs() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::create_dir_all(dir.path().join("proc/7")).unwrap();
        std::fs::write(dir.path().join("sshd.pid"), "7\n").unwrap();
        std::fs::create_dir_all(dir.path().join("usr/sbin")).unwrap();
        std::fs::write(dir.path().join("usr/sbin/sshd"), "").unwrap();
        let exe = dir.path().join("proc/7/exe");
        std::os::unix::fs::symlink("/usr/sbin/sshd", &exe).unwrap();
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
            ("sh", None),
        ] {
            std::fs::write(dir.path().join("proc/7/cmdline"), title).unwrap();
            let found = running(&root, "/sshd.pid", std::slice::from_ref(&known));
            for (program, _) in found.iter().filter_map(|start| start.command.as_ref().ok()) {
                assert_eq!(program, Path::new("/usr/sbin/sshd"), "{title}");
            }
            assert_eq!(found.map(|start| start.command.is_ok()), options, "{title}");
        }
        // Another program with the title of an sshd.
        std::fs::remove_file(&exe).unwrap();
        std::os::unix::fs::symlink("/usr/bin/su", &exe).unwrap();
        let title = "sshd: /usr/sbin/sshd -o UsePAM=no [listener] 0 of 1";
        std::fs::write(dir.path().join("proc/7/cmdline"), title).unwrap();
        assert_eq!(
            running(&root, "/sshd.pid", std::slice::from_ref(&known)),
            None
        );
    }
}
