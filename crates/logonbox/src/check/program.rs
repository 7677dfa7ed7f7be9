//! Runs other programs, with limits on time and output.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than any of these programs takes.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Enough to read the output of a program that has ended.
const MOMENT: Duration = Duration::from_secs(2);
/// More than any of these programs prints.
const LIMIT: u64 = 1 << 20;

/// The result of a program.
pub struct Output {
    /// Its status was 0.
    pub well: bool,
    /// A signal ended it.
    pub killed: bool,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// The first of these paths that is a file. `PATH` is not used, because the caller controls it.
pub fn find(paths: &[&str]) -> Option<PathBuf> {
    paths
        .iter()
        .map(PathBuf::from)
        .find(|path| path.metadata().is_ok_and(|metadata| metadata.is_file()))
}

/// Runs a program with a clean environment.
///
/// # Errors
///
/// The reason why the program did not end.
pub fn ask(program: &Path, arguments: &[&str]) -> Result<Output, String> {
    let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", program.display());
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let out = child.stdout.take().map(read);
    let err = child.stderr.take().map(read);
    let id = child.id();
    let (sender, ended) = channel();
    thread::spawn(move || sender.send(child.wait()));
    let Ok(status) = ended.recv_timeout(TIMEOUT) else {
        if let Ok(id) = i32::try_from(id) {
            // The child has not been waited for, so its process ID is still valid.
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        return Err(failed(&"it does not end"));
    };
    let status = status.map_err(|error| failed(&error))?;
    // A descendant may hold the output open.
    let hear = |heard: Option<Receiver<String>>| {
        heard
            .and_then(|heard| heard.recv_timeout(MOMENT).ok())
            .unwrap_or_default()
    };
    Ok(Output {
        well: status.success(),
        killed: status.code().is_none(),
        out: hear(out),
        err: hear(err),
    })
}

/// Whether a package of this host has one of these files. `None` if no package manager tells.
pub fn has_package(files: &[&str]) -> Option<bool> {
    const DPKG: [&str; 1] = ["/usr/bin/dpkg-query"];
    const RPM: [&str; 1] = ["/usr/bin/rpm"];
    // Both fail if one of the files has no package.
    let told = |program: &Path, arguments: &[&str]| {
        let said = ask(program, &[arguments, files].concat());
        said.is_ok_and(|said| said.out.lines().any(|line| line.contains(": ")))
    };
    let dpkg = find(&DPKG).map(|program| told(&program, &["--search"]));
    let rpm = find(&RPM).map(|program| {
        told(
            &program,
            &["--query", "--queryformat", "%{NAME}: \n", "--file"],
        )
    });
    dpkg.into_iter()
        .chain(rpm)
        .reduce(|one, other| one || other)
}

/// The first users of this host who are persons, as far as getent(1) tells. Most others have no
/// password.
pub fn people() -> Vec<String> {
    const MOST: usize = 200;
    const FIRST: u32 = 1000;
    const NOBODY: u32 = 65534;
    let getent = find(&["/usr/bin/getent", "/bin/getent"]);
    let said = getent.and_then(|getent| ask(&getent, &["passwd"]).ok());
    let is_person = |id: &str| id.parse().is_ok_and(|id: u32| id >= FIRST && id != NOBODY);
    said.map_or_else(String::new, |said| said.out)
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            fields.nth(1).filter(|id| is_person(id))?;
            Some(name.to_owned())
        })
        .take(MOST)
        .collect()
}

fn read(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.take(LIMIT).read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_asked_in_an_environment_of_their_own() {
        let shell = find(&["/nowhere/sh", "/bin", "/bin/sh"]).unwrap();
        assert_eq!(shell, Path::new("/bin/sh"));
        let said = ask(&shell, &["-c", "echo $HOME-$PATH; echo no >&2; exit 1"]).unwrap();
        assert!(!said.well && !said.killed);
        assert!(ask(&shell, &["-c", "kill -9 $$"]).unwrap().killed);
        assert_eq!(said.out, "-/usr/sbin:/usr/bin:/sbin:/bin\n");
        assert_eq!(said.err, "no\n");
        // Too much output ends the program.
        let said = ask(&shell, &["-c", "while echo flood; do :; done"]).unwrap();
        assert_eq!(u64::try_from(said.out.len()), Ok(LIMIT));
        assert!(ask(Path::new("/nowhere"), &[]).is_err());
        let other = has_package(&["/etc/pam.d/no-such-service"]);
        assert_ne!(other, Some(true));
        // The package manager has a package itself.
        assert_eq!(
            has_package(&["/usr/bin/dpkg-query", "/usr/bin/rpm"]),
            other.map(|_| true)
        );
    }
}
