//! The person at the terminal: shows text, reads input, and waits.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use login::clock::{Clock as _, SystemClock, Woken, later};
use login::host::{ConversationError, Echo, Secret};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::read;

/// The longest answer through PAM (`PAM_MAX_RESP_SIZE`).
const LONGEST: usize = 512;
/// The timeout for input.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

/// The person. Uses the terminal of this process if the standard input is a terminal. Otherwise
/// uses the standard input and the standard error.
pub struct Person {
    input: OwnedFd,
    screen: Box<dyn Write>,
    /// Whether the screen is a terminal, on which a line can be overwritten.
    rewrites: bool,
    clock: SystemClock,
    phone: Option<Phone>,
}

/// The wait for a phone.
struct Phone {
    since: Instant,
    limit: Duration,
    /// The width of its line on the screen.
    drawn: usize,
}

impl Person {
    pub fn at_hand() -> io::Result<Self> {
        let stdin = io::stdin();
        let clock = SystemClock::new();
        let terminal = || -> io::Result<(File, File)> {
            let file = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
            Ok((file.try_clone()?, file))
        };
        if stdin.is_terminal()
            && let Ok((input, output)) = terminal()
        {
            return Ok(Self {
                input: input.into(),
                screen: Box::new(output),
                rewrites: true,
                clock,
                phone: None,
            });
        }
        Ok(Self {
            input: stdin.as_fd().try_clone_to_owned()?,
            screen: Box::new(io::stderr()),
            rewrites: io::stderr().is_terminal(),
            clock,
            phone: None,
        })
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Shows a line. Output errors are ignored.
    pub fn tell(&mut self, text: &str) {
        self.phone_done();
        let _ = writeln!(self.screen, "{text}");
    }

    /// Shows a prompt and waits for a line.
    pub fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, ConversationError> {
        self.phone_done();
        let hidden = match echo {
            Echo::On => None,
            Echo::Off => Hidden::on(&self.input),
        };
        let written = write!(self.screen, "{prompt}").and_then(|()| self.screen.flush());
        let answer = written
            .map_err(|_| ConversationError)
            .and_then(|()| self.line());
        // The Enter of the person was not echoed, so the cursor is still on the prompt's line.
        if hidden.is_some() || answer.is_err() || !self.input.is_terminal() {
            let _ = writeln!(self.screen);
        }
        answer
    }

    /// Reads one line, without its end. Reads byte by byte, because the next line belongs to the
    /// next prompt.
    fn line(&mut self) -> Result<Secret, ConversationError> {
        // Allocated once: growing would leave a copy that is not wiped.
        let mut line = Secret::new(Vec::with_capacity(LONGEST));
        loop {
            let until = later(self.now(), A_DAY);
            let Woken::Event = self.clock.wait(Some(self.input.as_fd()), until) else {
                return Err(ConversationError);
            };
            let mut byte = Secret::new(vec![0]);
            match read(&self.input, &mut byte) {
                Ok(1) if **byte == *b"\n" => return Ok(line),
                Ok(1) if line.len() < LONGEST => line.extend_from_slice(&byte),
                _ => return Err(ConversationError),
            }
        }
    }

    /// Starts the wait for a phone.
    pub fn phone_rings(&mut self, limit: Duration) {
        let since = self.now();
        self.phone = Some(Phone {
            since,
            limit,
            drawn: 0,
        });
    }

    /// Ends the wait for a phone, and removes its line.
    pub fn phone_done(&mut self) {
        if let Some(phone) = self.phone.take()
            && phone.drawn > 0
        {
            let _ = write!(self.screen, "\r{:1$}\r", "", phone.drawn);
            let _ = self.screen.flush();
        }
    }

    /// Overwrites the line with the waiting time. Uses no escape codes.
    fn draw(&mut self) {
        let now = self.now();
        if let Some(phone) = self.phone.as_mut().filter(|_| self.rewrites) {
            let seconds = now.saturating_duration_since(phone.since).as_secs();
            let limit = phone.limit.as_secs();
            let line = format!("  waiting for the phone ... {seconds} s of {limit} s");
            phone.drawn = phone.drawn.max(line.len());
            let _ = write!(self.screen, "\r{line}");
            let _ = self.screen.flush();
        }
    }
}

/// Turns off the echo of a terminal, until dropped.
struct Hidden {
    terminal: OwnedFd,
    before: Termios,
}

impl Hidden {
    /// `None` if the input is not a terminal.
    fn on(input: &OwnedFd) -> Option<Self> {
        let before = tcgetattr(input).ok()?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        // Drops earlier input, which the terminal may have echoed already.
        tcsetattr(input, SetArg::TCSAFLUSH, &hidden).ok()?;
        Some(Self {
            terminal: input.try_clone().ok()?,
            before,
        })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

/// The module's clock. While a phone rings, shows the waiting time.
pub struct Clock<'p>(pub &'p RefCell<Person>);

impl login::clock::Clock for Clock<'_> {
    fn now(&self) -> Instant {
        self.0.borrow().now()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        let mut person = self.0.borrow_mut();
        loop {
            person.draw();
            let slice = match person.phone {
                Some(_) => later(person.now(), SECOND).min(until),
                None => until,
            };
            match person.clock.wait(event, slice) {
                Woken::Deadline if slice < until => {}
                woken => return woken,
            }
        }
    }

    fn block_signals(&mut self) {
        self.0.borrow_mut().clock.block_signals();
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        self.0.borrow().clock.spawn(thread, body)
    }
}
