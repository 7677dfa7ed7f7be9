//! A program in a terminal: its screen and its keyboard.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::termios::{LocalFlags, tcgetattr};
use pty_process::blocking::{Command, Pty};

/// The limit for everything that a test waits for. An emulated machine is slow.
pub const TIMEOUT: Duration = Duration::from_secs(90);

/// High enough that no line scrolls off the screen.
const ROWS: NonZero<u16> = NonZero::new(100).expect("not zero");
const COLUMNS: NonZero<u16> = NonZero::new(80).expect("not zero");
/// Wide enough for a QR code of version 6 in ASCII: two columns for each module.
pub const WIDE: NonZero<u16> = NonZero::new(2 * (41 + 8)).expect("not zero");

/// A program in a terminal of its own.
pub struct Terminal {
    pty: Arc<Pty>,
    child: Arc<Mutex<Child>>,
    shared: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// The length of `raw` at these times.
    read: Vec<(usize, Instant)>,
    ended: Option<ExitStatus>,
}

impl Terminal {
    /// Starts `program` as user `id` (0 is root), in this locale.
    pub fn start(id: u32, locale: &str, program: &str, arguments: &[&str]) -> Self {
        Self::start_wide(COLUMNS, id, locale, program, arguments)
    }

    /// Starts `program` in a terminal with this many columns.
    pub fn start_wide(
        columns: NonZero<u16>,
        id: u32,
        locale: &str,
        program: &str,
        arguments: &[&str],
    ) -> Self {
        let mut command = std::process::Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("TERM", "xterm")
            .env("LC_ALL", locale);
        let mut command = Command::from(command);
        if id != 0 {
            command = command.uid(id).gid(id);
        }
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        pty.resize(pty_process::Size::new(ROWS.get(), columns.get()))
            .expect("a size");
        let child = command.spawn(pts).expect("the program starts");
        let pty = Arc::new(pty);
        let state = State {
            parser: vt100::Parser::new(ROWS, columns, 0),
            raw: Vec::new(),
            read: Vec::new(),
            ended: None,
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let child = Arc::new(Mutex::new(child));
        thread::spawn({
            let (pty, child, shared) = (Arc::clone(&pty), Arc::clone(&child), Arc::clone(&shared));
            move || watch(&pty, &child, &shared)
        });
        Self { pty, child, shared }
    }

    /// Types a line and Enter.
    pub fn answer(&self, line: &str) {
        self.press(&format!("{line}\r"));
    }

    /// Types these keys. `\x03` is Ctrl-C.
    pub fn press(&self, keys: &str) {
        (&*self.pty)
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    /// Presses Ctrl-C until the program has ended. Between its prompt and readpassphrase(3), ssh
    /// may catch the first one and go on waiting.
    #[track_caller]
    pub fn give_up(&mut self) {
        for _ in 0..TIMEOUT.as_secs() {
            // The program may end at any moment.
            let _ = (&*self.pty).write_all(b"\x03");
            if self.wait_at_most(Duration::from_secs(1), |state| state.ended.is_some()) {
                return;
            }
        }
        panic!("it does not end:\n{}", self.screen());
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub fn see(&self, text: &str) {
        self.see_times(text, 1);
    }

    /// Waits until `text` is on the screen this many times.
    #[track_caller]
    pub fn see_times(&self, text: &str, times: usize) {
        let found = self.wait(|state| state.ended.is_some() || count(&state.parser, text) >= times);
        assert!(
            found && count(&self.lock().parser, text) >= times,
            "{text:?} has not come (time {times}):\n{}",
            self.screen()
        );
    }

    /// The screen, without the blanks at the ends of lines.
    pub fn screen(&self) -> String {
        self.lock().parser.screen().contents()
    }

    /// The screen, cell by cell.
    pub fn cells(&self) -> vt100::Screen {
        self.lock().parser.screen().clone()
    }

    /// Whether a line of the screen is exactly `text`.
    pub fn has_line(&self, text: &str) -> bool {
        self.screen().lines().any(|line| line.trim_end() == text)
    }

    /// Waits until `text` is on the screen this many times, or the program has ended.
    #[track_caller]
    pub fn see_times_or_end(&self, text: &str, times: usize) {
        let so = self.wait(|state| state.ended.is_some() || count(&state.parser, text) >= times);
        assert!(
            so,
            "neither {text:?} {times} times nor the end:\n{}",
            self.screen()
        );
    }

    /// Whether the terminal hides what is typed.
    pub fn is_silent(&self) -> bool {
        let settings = tcgetattr(&*self.pty).expect("a terminal");
        !settings.local_flags.contains(LocalFlags::ECHO)
    }

    /// All bytes that the program has written.
    pub fn raw(&self) -> Vec<u8> {
        self.lock().raw.clone()
    }

    /// Waits until the program has ended and its output has been read.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let ended = self.wait(|state| state.ended.is_some());
        assert!(ended, "it does not end:\n{}", self.screen());
        self.lock().ended.expect("it has ended")
    }

    /// When `text` came on the screen for this many times at once.
    #[track_caller]
    pub fn seen_at(&self, text: &str, times: usize) -> Instant {
        let state = self.lock();
        let (rows, columns) = state.parser.screen().size();
        let mut parser = vt100::Parser::new(rows, columns, 0);
        let mut done = 0;
        for (length, at) in &state.read {
            parser.process(state.raw.get(done..*length).unwrap_or_default());
            done = *length;
            if count(&parser, text) >= times {
                return *at;
            }
        }
        drop(state);
        panic!("{text:?} has not come (time {times}):\n{}", self.screen());
    }

    /// Ends the program with SIGKILL.
    pub fn kill(&self) {
        lock(&self.child).kill().expect("the program runs");
    }

    fn wait(&self, enough: impl FnMut(&State) -> bool) -> bool {
        self.wait_at_most(TIMEOUT, enough)
    }

    fn wait_at_most(&self, time: Duration, mut enough: impl FnMut(&State) -> bool) -> bool {
        let (_, changed) = &*self.shared;
        let (_state, result) = changed
            .wait_timeout_while(self.lock(), time, |state| !enough(state))
            .unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.0)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The program may have ended already.
        let _ = lock(&self.child).kill();
        if thread::panicking() {
            eprintln!("--- on the screen\n{}", self.screen());
        }
    }
}

/// How often `text` is on the screen.
fn count(parser: &vt100::Parser, text: &str) -> usize {
    parser.screen().contents().matches(text).count()
}

/// Reads until the program has ended. A hangup is not the end: login(1) hangs up its terminal and
/// opens it again.
fn watch(mut pty: &Pty, child: &Mutex<Child>, shared: &(Mutex<State>, Condvar)) {
    let (state, changed) = shared;
    let mut buffer = [0; 4096];
    loop {
        let read = pty.read(&mut buffer).unwrap_or(0);
        let ended = if read == 0 {
            lock(child).try_wait().expect("a child")
        } else {
            None
        };
        let mut state = lock(state);
        let bytes = buffer.get(..read).unwrap_or_default();
        state.parser.process(bytes);
        state.raw.extend_from_slice(bytes);
        let length = state.raw.len();
        state.read.push((length, Instant::now()));
        state.ended = ended;
        changed.notify_all();
        drop(state);
        if ended.is_some() {
            return;
        }
        if read == 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
