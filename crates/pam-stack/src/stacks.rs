//! Starts the helper and asks it.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::protocol::{self, MAX_LINE};
use crate::{Answer, Error, Question};

const DEADLINE: Duration = Duration::from_secs(10);
/// The part of the helper's standard error that an error quotes, in bytes.
const MAX_STDERR: usize = 4096;

/// The PAM stacks of this host, or of the system below a directory.
///
/// The helper process ends when this value is dropped.
#[derive(Debug)]
pub struct Stacks {
    helper: Child,
    stream: UnixStream,
    stderr: UnixStream,
    deadline: Duration,
}

impl Stacks {
    /// Starts the helper, the program `pam-stack-helper` at the path `helper`, without the
    /// environment of this process.
    ///
    /// For a `root` other than `/`, the helper changes its root directory with chroot(2). A process
    /// without `CAP_SYS_CHROOT` needs a kernel that allows user namespaces for that. The libpam is
    /// the one that the helper is linked with, and not that below `root`.
    ///
    /// # Errors
    ///
    /// [`Error::Start`], [`Error::NotReady`], or the helper does not get ready: [`Error::Timeout`],
    /// [`Error::Broken`].
    pub fn open(helper: &Path, root: &Path) -> Result<Self, Error> {
        let (ours, theirs) = UnixStream::pair().map_err(Error::Start)?;
        let theirs = OwnedFd::from(theirs);
        let stdout = theirs.try_clone().map_err(Error::Start)?;
        let (stderr, their_stderr) = UnixStream::pair().map_err(Error::Start)?;
        stderr.set_nonblocking(true).map_err(Error::Start)?;
        let helper = Command::new(helper)
            .arg(root)
            .env_clear()
            .stdin(theirs)
            .stdout(stdout)
            .stderr(OwnedFd::from(their_stderr))
            .spawn()
            .map_err(Error::Start)?;
        let mut stacks = Self {
            helper,
            stream: ours,
            stderr,
            deadline: DEADLINE,
        };
        let ready = stacks.exchange(&[], protocol::read_ready)?;
        ready.map_err(Error::NotReady)?;
        Ok(stacks)
    }

    /// Sets the time in which the helper must answer each question. The default is 10 seconds.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// Asks libpam.
    ///
    /// # Errors
    ///
    /// [`Error::Unanswerable`] if the question itself cannot be answered, [`Error::Timeout`] or
    /// [`Error::Broken`] if the helper fails.
    pub fn ask(&mut self, question: &Question) -> Result<Answer, Error> {
        let line = protocol::write_question(question)
            .map_err(|why| Error::Unanswerable(format!("the question cannot be written: {why}")))?;
        if line.len() > MAX_LINE {
            return Err(Error::Unanswerable("the question is too long".to_owned()));
        }
        let answer = self.exchange(&line, protocol::read_answer)?;
        answer.map_err(Error::Unanswerable)
    }

    /// Sends a line, and reads one.
    fn exchange<T>(
        &mut self,
        line: &[u8],
        read: fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, Error> {
        let answer = match self.try_exchange(line) {
            Ok(answer) => answer,
            Err(why) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&why.kind()) => {
                self.end();
                return Err(Error::Timeout);
            }
            Err(why) => return Err(self.broken(&why.to_string())),
        };
        read(&answer).map_err(|why| self.broken(&why))
    }

    fn try_exchange(&mut self, line: &[u8]) -> io::Result<Vec<u8>> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this crate has no clock of its own"
        )]
        let now = Instant::now;
        let end = now().checked_add(self.deadline);
        let left = || match end.map(|end| end.saturating_duration_since(now())) {
            Some(Duration::ZERO) => Err(io::Error::from(ErrorKind::TimedOut)),
            left => Ok(left),
        };
        let mut unsent = line;
        while !unsent.is_empty() {
            self.stream.set_write_timeout(left()?)?;
            let sent = uninterrupted(self.stream.write(unsent))?;
            unsent = unsent.get(sent.unwrap_or(0)..).unwrap_or_default();
        }
        let mut answer = Vec::new();
        let mut buffer = [0; 8192];
        while answer.last() != Some(&b'\n') {
            self.stream.set_read_timeout(left()?)?;
            match uninterrupted(self.stream.read(&mut buffer))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(read) => answer.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                None => {}
            }
            if answer.len() > MAX_LINE {
                return Err(io::Error::other("the answer is too long"));
            }
        }
        Ok(answer)
    }

    /// Ends the helper, and says how it ended.
    fn broken(&mut self, why: &str) -> Error {
        let mut said = why.to_owned();
        if let Some(status) = self.end() {
            said = format!("{said}, {status}");
        }
        let mut text = [0; MAX_STDERR];
        let read = self.stderr.read(&mut text).unwrap_or(0);
        let text = String::from_utf8_lossy(text.get(..read).unwrap_or_default());
        if !text.trim().is_empty() {
            said = format!("{said}: {}", text.trim());
        }
        Error::Broken(said)
    }

    /// Kills the helper, unless it has ended by itself.
    fn end(&mut self) -> Option<ExitStatus> {
        let _ = self.helper.kill();
        self.helper.wait().ok()
    }
}

/// `None` if a signal came first.
fn uninterrupted(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(why) if why.kind() == ErrorKind::Interrupted => Ok(None),
        result => result.map(Some),
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        self.end();
    }
}
