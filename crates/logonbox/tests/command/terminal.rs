//! The command in a terminal.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use pty_process::blocking::{Command, Pty};

/// The limit for everything that a test waits for.
pub const TIMEOUT: Duration = Duration::from_secs(30);

const ROWS: NonZero<u16> = NonZero::new(50).expect("not zero");
const COLUMNS: NonZero<u16> = NonZero::new(100).expect("not zero");

pub struct Terminal {
    pty: Arc<Pty>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

#[derive(Default)]
struct Seen {
    raw: Vec<u8>,
    ended: Option<ExitStatus>,
}

impl Terminal {
    pub fn start(command: &std::process::Command) -> Self {
        Self::start_changed(command, |command| command)
    }

    /// Starts the command after a change, such as another standard output.
    pub fn start_changed(
        command: &std::process::Command,
        change: impl FnOnce(Command) -> Command,
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        pty.resize(pty_process::Size::new(ROWS.get(), COLUMNS.get()))
            .expect("a size");
        // Ctrl-C drops the output that is being written, before and right after the signal.
        let mut settings = tcgetattr(&pty).expect("settings");
        settings.local_flags.insert(LocalFlags::NOFLSH);
        tcsetattr(&pty, SetArg::TCSANOW, &settings).expect("settings");
        let mut child = change(Command::from(attended(command)))
            .spawn(pts)
            .expect("it starts");
        let pty = Arc::new(pty);
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        std::thread::spawn({
            let (pty, seen) = (Arc::clone(&pty), Arc::clone(&seen));
            move || {
                let mut buffer = [0; 4096];
                // An error is the hangup: the terminal is closed.
                while let Ok(read @ 1..) = (&*pty).read(&mut buffer) {
                    let mut state = seen.0.lock().unwrap();
                    state.raw.extend_from_slice(&buffer[..read]);
                    seen.1.notify_all();
                }
                let status = child.wait().expect("it ends");
                seen.0.lock().unwrap().ended = Some(status);
                seen.1.notify_all();
            }
        });
        Self { pty, seen }
    }

    /// Types these keys; `\x03` is Ctrl-C.
    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this text has been written.
    #[track_caller]
    pub fn see(&self, text: &str) {
        let enough = |seen: &Seen| seen.text().contains(text) || seen.ended.is_some();
        let text_is_there = self.wait(enough).contains(text);
        assert!(text_is_there, "{text:?} has not come: {:#?}", self.raw());
    }

    /// Waits for the end. Returns the status and the whole output.
    #[track_caller]
    pub fn end(self) -> (ExitStatus, String) {
        let raw = self.wait(|seen| seen.ended.is_some());
        let ended = self.seen.0.lock().unwrap().ended;
        (ended.unwrap_or_else(|| panic!("no end: {raw:#?}")), raw)
    }

    /// Whether the terminal echoes typed text.
    pub fn echoes(&self) -> bool {
        let settings = tcgetattr(&*self.pty).unwrap();
        settings.local_flags.contains(LocalFlags::ECHO)
    }

    pub fn raw(&self) -> String {
        self.seen.0.lock().unwrap().text()
    }

    fn wait(&self, enough: impl Fn(&Seen) -> bool) -> String {
        let (seen, changed) = &*self.seen;
        let guard = seen.lock().unwrap();
        let (seen, _) = changed
            .wait_timeout_while(guard, TIMEOUT, |seen| !enough(seen))
            .unwrap();
        seen.text()
    }
}

/// Like a shell: a script that runs tests in the background ignores Ctrl-C.
fn attended(command: &std::process::Command) -> std::process::Command {
    let mut attended = std::process::Command::new("env");
    attended
        .arg("--default-signal=INT,QUIT")
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    attended
}

impl Seen {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

/// The screen after the whole output.
pub fn screen(raw: &str) -> String {
    let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
    parser.process(raw.as_bytes());
    parser.screen().contents()
}
