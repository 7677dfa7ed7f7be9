//! The person at the terminal: what they are shown, what they type, and how they are waited for.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::read;
use pam_logonbox::host::{Echo, NoAnswer, Secret};
use pam_logonbox::pam::Poller;
use pam_logonbox::wait::{Waiter, Woken, later};

/// As long as an answer through PAM can be (`PAM_MAX_RESP_SIZE`).
const LONGEST: usize = 512;
/// Nobody types for longer.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);
/// The module takes a prompt that fails sooner for one that was not shown, and goes on without it.
const BREAKING_OFF: Duration = Duration::from_secs(1);

/// Whoever sits there: at the terminal of this process where it reads from one, else at the other
/// ends of the standard input and the standard error.
pub struct Person {
    input: OwnedFd,
    screen: Box<dyn Write>,
    /// Whether a line on the screen can be written over.
    rewrites: bool,
    poller: Poller,
    phone: Option<Phone>,
}

/// A phone that is waited for.
struct Phone {
    since: Instant,
    limit: Duration,
    /// How wide the line about it on the screen is.
    drawn: usize,
}

impl Person {
    pub fn at_hand() -> io::Result<Self> {
        let stdin = io::stdin();
        let poller = Poller::new();
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
                poller,
                phone: None,
            });
        }
        Ok(Self {
            input: stdin.as_fd().try_clone_to_owned()?,
            screen: Box::new(io::stderr()),
            rewrites: io::stderr().is_terminal(),
            poller,
            phone: None,
        })
    }

    pub fn now(&self) -> Instant {
        self.poller.now()
    }

    /// Shows a line. Whether it is seen cannot be known.
    pub fn tell(&mut self, text: &str) {
        self.phone_done();
        let _ = writeln!(self.screen, "{text}");
    }

    /// Shows a prompt and waits for a line.
    pub fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, NoAnswer> {
        self.phone_done();
        let hidden = match echo {
            Echo::On => None,
            Echo::Off => Hidden::on(&self.input),
        };
        let written = write!(self.screen, "{prompt}").and_then(|()| self.screen.flush());
        let answer = written.map_err(|_| NoAnswer).and_then(|()| self.line());
        // Nobody's Enter is seen where no terminal shows it.
        if hidden.is_some() || answer.is_err() || !self.input.is_terminal() {
            let _ = writeln!(self.screen);
        }
        answer
    }

    /// One line, without its end. Byte by byte: what follows belongs to the next.
    fn line(&mut self) -> Result<Secret, NoAnswer> {
        // In one piece: growing would leave a copy behind that is not wiped.
        let mut line = Secret::new(Vec::with_capacity(LONGEST));
        loop {
            let until = later(self.now(), A_DAY);
            let Woken::Event = self.poller.wait(Some(self.input.as_fd()), until) else {
                return Err(NoAnswer);
            };
            let mut byte = Secret::new(vec![0]);
            match read(&self.input, &mut byte) {
                Ok(1) if **byte == *b"\n" => return Ok(line),
                Ok(1) if line.len() < LONGEST => line.extend_from_slice(&byte),
                Ok(0) => {
                    let until = later(self.now(), BREAKING_OFF);
                    self.poller.wait(None, until);
                    return Err(NoAnswer);
                }
                _ => return Err(NoAnswer),
            }
        }
    }

    /// From now on, a phone is waited for.
    pub fn phone_rings(&mut self, limit: Duration) {
        let since = self.now();
        self.phone = Some(Phone {
            since,
            limit,
            drawn: 0,
        });
    }

    /// Nothing is waited for any more: its line disappears.
    pub fn phone_done(&mut self) {
        if let Some(phone) = self.phone.take()
            && phone.drawn > 0
        {
            let _ = write!(self.screen, "\r{:1$}\r", "", phone.drawn);
            let _ = self.screen.flush();
        }
    }

    /// Says how long the phone has been waited for, in the place of what was said before. Without
    /// escape codes.
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

/// A terminal that does not show what is typed, until dropped.
struct Hidden {
    terminal: OwnedFd,
    before: Termios,
}

impl Hidden {
    /// Nothing where the input is no terminal.
    fn on(input: &OwnedFd) -> Option<Self> {
        let before = tcgetattr(input).ok()?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        // What was typed too early would have been shown.
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

/// The module's clock, with something to see while a phone is waited for.
pub struct Clock<'p>(pub &'p RefCell<Person>);

impl Waiter for Clock<'_> {
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
            match person.poller.wait(event, slice) {
                Woken::Deadline if slice < until => {}
                woken => return woken,
            }
        }
    }

    fn keep_signals(&mut self) {
        self.0.borrow_mut().poller.keep_signals();
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        self.0.borrow().poller.spawn(thread, body)
    }

    fn was_held_up(&self) -> bool {
        self.0.borrow().poller.was_held_up()
    }
}
