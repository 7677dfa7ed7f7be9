//! Reads files that decide about logins, and opens their directories. Each is opened once and
//! checked through its file descriptor, so that a rename in between has no effect.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::Uid;
use zeroize::Zeroizing;

/// How a symlink at the end of a path is treated. Distributions link their CA bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symlinks {
    /// A symlink is an error.
    Refuse,
    /// A symlink is followed, and its target is checked.
    Follow,
}

/// Reads a regular file of at most `limit` bytes. It must be owned by root or the effective user,
/// and not writable by group and others.
///
/// # Errors
///
/// Names the problem and the fix.
pub fn read_trusted(path: &Path, symlinks: Symlinks, limit: u64) -> Result<Vec<u8>, String> {
    let flags = match symlinks {
        Symlinks::Refuse => OFlag::O_NOFOLLOW,
        Symlinks::Follow => OFlag::empty(),
    };
    let opened = open(path, FLAGS | flags, Mode::empty());
    read(opened.map_err(not_opened)?.into(), limit)
}

/// Reads a secret by the rules of [`read_trusted`], without symlinks. Group and others must not be
/// able to read the file.
///
/// # Errors
///
/// Names the problem and the fix.
pub fn read_secret(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let opened = open(path, FLAGS | OFlag::O_NOFOLLOW, Mode::empty());
    let file = File::from(opened.map_err(|error| match error {
        Errno::EACCES if !Uid::effective().is_root() => format!(
            "{}: this program runs as uid {}, and only the owner may read this file",
            not_opened(error),
            Uid::effective()
        ),
        error => not_opened(error),
    })?);
    let metadata = regular(&file)?;
    if metadata.mode() & 0o066 != 0 {
        return Err(format!(
            "is open to group or others (mode {:o}); run chmod 600 {}",
            metadata.mode() & 0o7777,
            path.display()
        ));
    }
    only_owner_writes(&metadata)?;
    // Growing would leave copies behind that are not wiped, and the standard library wants room to
    // see the end.
    let room = usize::try_from(limit).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(64)));
    read_into(&mut bytes, file, limit)?;
    Ok(bytes)
}

/// A directory that is owned by root or the effective user. Group and others cannot create, rename
/// or remove files in it.
#[derive(Debug)]
pub struct TrustedDir(File);

impl TrustedDir {
    /// Opens the directory. Returns `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Names the problem and the fix.
    pub fn open(path: &Path) -> Result<Option<Self>, String> {
        let flags = FLAGS | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let directory = match open(path, flags, Mode::empty()) {
            Ok(directory) => File::from(directory),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                return Err("is no directory, or a link to one".to_owned());
            }
            Err(error) => return Err(not_opened(error)),
        };
        let metadata = directory.metadata().map_err(|error| error.to_string())?;
        only_owner_writes(&metadata)?;
        Ok(Some(Self(directory)))
    }

    /// Reads the file `name` in this directory, as [`read_trusted`] does. Returns `None` if it does
    /// not exist.
    ///
    /// # Errors
    ///
    /// As [`read_trusted`].
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
        match openat(&self.0, name, FLAGS | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(file) => read(file.into(), limit).map(Some),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(not_opened(error)),
        }
    }
}

/// A FIFO without a writer must not block.
const FLAGS: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_CLOEXEC);

fn not_opened(error: Errno) -> String {
    match error {
        Errno::ELOOP => "is a link; name the file itself".to_owned(),
        error => std::io::Error::from(error).to_string(),
    }
}

fn only_owner_writes(metadata: &Metadata) -> Result<(), String> {
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
    Ok(())
}

fn regular(file: &File) -> Result<Metadata, String> {
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.is_file() {
        Ok(metadata)
    } else {
        Err("is not a regular file".to_owned())
    }
}

fn read(file: File, limit: u64) -> Result<Vec<u8>, String> {
    only_owner_writes(&regular(&file)?)?;
    let mut bytes = Vec::new();
    read_into(&mut bytes, file, limit)?;
    Ok(bytes)
}

fn read_into(bytes: &mut Vec<u8>, file: File, limit: u64) -> Result<(), String> {
    // One byte more than allowed, to detect a larger file.
    file.take(limit.saturating_add(1))
        .read_to_end(bytes)
        .map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(())
    } else {
        Err(format!("is larger than {limit} bytes"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn read(path: &Path) -> Result<Vec<u8>, String> {
        read_trusted(path, Symlinks::Refuse, 10)
    }

    #[test]
    fn a_trusted_file_is_regular_and_only_its_owner_can_write() {
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
        assert!(read_trusted(&link, Symlinks::Follow, 11).is_ok());

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

    #[test]
    fn only_the_owner_of_a_secret_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "0123456789").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read_secret(&path, 10).unwrap_err();
            let fix = format!("run chmod 600 {}", path.display());
            assert!(error.ends_with(&fix), "{mode:o}: {error}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(*read_secret(&path, 10).unwrap(), b"0123456789");
        }
        assert!(read_secret(&path, 9).unwrap_err().contains("larger"));
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read_secret(&link, 10).unwrap_err().contains("link"));
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(read_secret(&fifo, 10).unwrap_err().contains("regular"));
    }

    #[test]
    fn only_the_owner_of_a_trusted_directory_can_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        assert!(TrustedDir::open(&path).unwrap().is_none());
        fs::create_dir(&path).unwrap();
        let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o720, 0o702, 0o1777] {
            allow(mode);
            assert!(TrustedDir::open(&path).unwrap_err().contains("chmod"));
        }
        allow(0o755);
        let opened = TrustedDir::open(&path).unwrap().unwrap();
        assert_eq!(opened.read("file", 10), Ok(None));
        fs::write(path.join("file"), "0123456789").unwrap();
        fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("file", path.join("link")).unwrap();
        symlink("absent", path.join("dangling")).unwrap();
        // The open directory stays the same after another directory takes its name.
        let (moved, other) = (dir.path().join("moved"), dir.path().join("other"));
        fs::rename(&path, &moved).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("file"), "another").unwrap();
        symlink(&other, &path).unwrap();
        assert_eq!(opened.read("file", 10), Ok(Some(b"0123456789".to_vec())));
        assert!(opened.read("file", 9).unwrap_err().contains("larger"));
        for link in ["link", "dangling"] {
            assert!(opened.read(link, 10).unwrap_err().contains("link"));
        }
        let endless = "x/".repeat(5000);
        assert!(TrustedDir::open(Path::new(&endless)).is_err());
        for link in [&path, &moved.join("file"), Path::new("/dev/null")] {
            let error = TrustedDir::open(link).unwrap_err();
            assert!(error.contains("no directory"), "{error}");
        }
    }
}
