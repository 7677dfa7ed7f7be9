//! The real sshd and ssh.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::machine::{install, terminal, wait_until};
use crate::terminal::Terminal;

/// A running sshd. It ends when dropped.
pub struct Sshd {
    child: Child,
}

impl Sshd {
    /// Starts sshd with the distribution's `sshd_config` and one of the package's examples.
    pub fn start(example: &str) -> Self {
        Self::start_changed(example, ToOwned::to_owned)
    }

    /// Starts sshd with a changed example.
    pub fn start_changed(example: &str, change: impl FnOnce(&str) -> String) -> Self {
        let path = format!("/etc/ssh/sshd_config.d/{example}");
        install(&format!("sshd_config.d/{example}"), &path);
        let text = fs::read_to_string(&path).expect(&path);
        fs::write(&path, change(&text)).expect(&path);
        Self::start_as_it_is()
    }

    /// Starts sshd with these lines.
    pub fn start_with(lines: &str) -> Self {
        fs::write("/etc/ssh/sshd_config.d/00-test.conf", lines).expect("sshd_config.d");
        Self::start_as_it_is()
    }

    fn start_as_it_is() -> Self {
        // On a host, systemd creates this directory.
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
        // sshd executes itself again, so it needs its absolute path.
        let child = Command::new("/usr/sbin/sshd")
            .arg("-D")
            .stdin(Stdio::null())
            .spawn()
            .expect("sshd");
        wait_until("sshd listens", || {
            TcpStream::connect("127.0.0.1:22").is_ok()
        });
        Self { child }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `ssh` with these arguments, as root, in a terminal. It knows the host's key.
pub fn ssh(arguments: &[&str]) -> Terminal {
    terminal(0, "ssh", arguments)
}
