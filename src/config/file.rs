//! Files that decide over logins: opened once, and checked on the descriptor.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::Uid;

/// Whether the last part of the path may be a link. Distributions link their CA bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// A link is refused.
    Refuse,
    /// A link is followed; what it leads to is checked.
    Follow,
}

/// Reads a regular file of at most `limit` bytes that belongs to root or to the effective user,
/// and that nobody else can write to.
///
/// # Errors
///
/// Says what is wrong with the file and what to do about it.
pub fn read_trusted(path: &Path, links: Links, limit: u64) -> Result<Vec<u8>, String> {
    let file = open(path, links).map_err(|error| match error.raw_os_error() {
        Some(nix::libc::ELOOP) => "is a link; name the file itself".to_owned(),
        _ => error.to_string(),
    })?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if metadata.uid() != 0 && metadata.uid() != Uid::effective().as_raw() {
        return Err(format!(
            "belongs to uid {}; it must belong to root (chown root)",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!(
            "can be written to by others (mode {:o}); run chmod go-w",
            metadata.mode() & 0o7777
        ));
    }
    let mut bytes = Vec::new();
    // One byte more than allowed: the file may have grown since.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(format!("is larger than {limit} bytes"))
    }
}

/// Without blocking on a FIFO that waits for a writer.
fn open(path: &Path, links: Links) -> io::Result<File> {
    let mut flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    if links == Links::Refuse {
        flags |= OFlag::O_NOFOLLOW;
    }
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn read(path: &Path) -> Result<Vec<u8>, String> {
        read_trusted(path, Links::Refuse, 10)
    }

    #[test]
    fn only_a_regular_file_that_nobody_else_can_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "0123456789").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap(), b"0123456789");

        for mode in [0o620, 0o602, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(read(&path).unwrap_err().contains("chmod"), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, "0123456789x").unwrap();
        assert!(read(&path).unwrap_err().contains("larger"));

        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read(&link).unwrap_err().contains("link"));
        assert!(read_trusted(&link, Links::Follow, 11).is_ok());

        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(read(&fifo).unwrap_err().contains("regular"));
        assert!(read(dir.path()).unwrap_err().contains("regular"));
        assert!(
            read(Path::new("/dev/null"))
                .unwrap_err()
                .contains("regular")
        );
        assert!(read(&dir.path().join("absent")).is_err());
    }
}
