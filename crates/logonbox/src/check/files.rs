//! Reads files safely: of any type and size.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// Larger than any expected file.
const LIMIT: u64 = 1 << 20;

/// The directories of units, in systemd's order: see systemd.unit(5).
pub const UNITS: [&str; 11] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// The files of the host, below a directory that tests choose.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

/// Why a file could not be read.
#[derive(Debug, Default)]
pub enum ReadError {
    /// It does not exist.
    #[default]
    Missing,
    /// Another reason. It follows the name of the file.
    Other(String),
}

impl Root {
    /// This machine.
    pub fn this() -> Self {
        Self(PathBuf::from("/"))
    }

    #[cfg(test)]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The real path of a path on the host.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a regular file, up to a limit. A FIFO does not block.
    pub fn read(&self, path: &Path) -> Result<String, ReadError> {
        let other = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => ReadError::Missing,
            _ => ReadError::Other(format!("cannot be read: {error}")),
        };
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits())
            .open(self.path(path))
            .map_err(other)?;
        if !file.metadata().map_err(other)?.is_file() {
            return Err(ReadError::Other("is not a regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(LIMIT.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(other)?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > LIMIT) {
            return Err(ReadError::Other(format!("is larger than {LIMIT} bytes")));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The metadata of a file, through symlinks.
    pub fn metadata(&self, path: &Path) -> Option<Metadata> {
        self.path(path).metadata().ok()
    }

    /// The sorted names in a directory. Empty if it does not exist.
    pub fn names(&self, directory: &Path) -> Vec<String> {
        /// More than any host has services.
        const MANY: usize = 4096;
        let Ok(entries) = self.path(directory).read_dir() else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .take(MANY)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waits_and_nothing_is_endless() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let why = |name: &str| match root.read(&Path::new("/").join(name)) {
            Err(ReadError::Other(what)) => what,
            Err(ReadError::Missing) => "missing".to_owned(),
            Ok(text) => format!("read: {text}"),
        };
        nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(why("fifo").contains("regular"));
        std::fs::File::create(dir.path().join("huge"))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        assert!(why("huge").contains("larger"));
        std::os::unix::fs::symlink("loop", dir.path().join("loop")).unwrap();
        assert!(why("loop").contains("cannot be read"));
        assert_eq!(why("absent"), "missing");
        std::fs::write(dir.path().join("latin"), b"caf\xe9").unwrap();
        assert_eq!(why("latin"), "read: caf\u{fffd}");
    }
}
