//! Runs other programs, with limits on time and output.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Longer than any of these programs takes.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Enough to read the output of a program that has ended.
const MOMENT: Duration = Duration::from_secs(2);
/// More than any of these programs prints, also getent(1) with 100,000 users.
const LIMIT: u64 = 1 << 24;

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
/// The reason why there is no whole output.
pub fn ask(program: &Path, arguments: &[&str]) -> Result<Output, String> {
    ask_within(program, arguments, TIMEOUT, LIMIT)
}

fn ask_within(
    program: &Path,
    arguments: &[&str],
    timeout: Duration,
    limit: u64,
) -> Result<Output, String> {
    let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", program.display());
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let out = child.stdout.take().map(|stream| read(stream, limit));
    let err = child.stderr.take().map(|stream| read(stream, limit));
    let id = child.id();
    let (sender, ended) = channel();
    thread::spawn(move || sender.send(child.wait()));
    let Ok(status) = ended.recv_timeout(timeout) else {
        if let Ok(id) = i32::try_from(id) {
            // The child has not been waited for, so its process ID is still valid. It is also the ID
            // of its process group.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
        return Err(failed(&"it does not end"));
    };
    let status = status.map_err(|error| failed(&error))?;
    let hear = |heard: Option<Receiver<Option<String>>>| {
        let heard = heard.map(|heard| heard.recv_timeout(MOMENT));
        match heard {
            Some(Ok(Some(text))) => Ok(text),
            Some(Ok(None)) => Err(failed(&format!("it prints more than {limit} bytes"))),
            // A descendant may hold the output open.
            Some(Err(_)) | None => Err(failed(&"it does not close its output")),
        }
    };
    Ok(Output {
        well: status.success(),
        killed: status.code().is_none(),
        out: hear(out)?,
        err: hear(err)?,
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

/// The primary groups of the users that getent(1) lists.
///
/// # Errors
///
/// The reason why getent does not tell.
pub fn primary_groups() -> Result<BTreeSet<u32>, String> {
    let getent = find(&["/usr/bin/getent", "/bin/getent"]).ok_or("getent is not installed")?;
    let said = ask(&getent, &["passwd"])?;
    if !said.well {
        return Err(format!("{} fails", getent.display()));
    }
    let group = |line: &str| line.split(':').nth(3)?.parse().ok();
    Ok(said.out.lines().filter_map(group).collect())
}

/// The text of a stream. `None` if it is too long.
fn read(stream: impl Read + Send + 'static, limit: u64) -> Receiver<Option<String>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        let is_whole = u64::try_from(bytes.len()).is_ok_and(|length| length <= limit);
        let _ = sender.send(is_whole.then(|| String::from_utf8_lossy(&bytes).into_owned()));
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
        let flood = ["-c", "while echo flood; do :; done"];
        let said = ask_within(&shell, &flood, TIMEOUT, 1 << 10);
        assert!(said.is_err_and(|why| why.ends_with("it prints more than 1024 bytes")));
        assert!(ask(Path::new("/nowhere"), &[]).is_err());
        let other = has_package(&["/etc/pam.d/no-such-service"]);
        assert_ne!(other, Some(true));
        // The package manager has a package itself.
        assert_eq!(
            has_package(&["/usr/bin/dpkg-query", "/usr/bin/rpm"]),
            other.map(|_| true)
        );
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id");
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        let said = ask_within(
            Path::new("/bin/sh"),
            &["-c", &script],
            Duration::from_secs(5),
            LIMIT,
        );
        assert!(said.is_err_and(|why| why.ends_with("it does not end")));
        let id = std::fs::read_to_string(file).unwrap();
        let command = Path::new("/proc").join(id.trim()).join("cmdline");
        // A process that is dead has no command, and soon no directory.
        let runs = || std::fs::read(&command).is_ok_and(|command| !command.is_empty());
        let (_sender, never) = channel::<()>();
        for _ in 0..100 {
            if !runs() {
                return;
            }
            let _ = never.recv_timeout(Duration::from_millis(50));
        }
        panic!("{} still runs", id.trim());
    }
}
