//! Checks the directories above a file that decides about logins. The module checks only the file
//! itself, but a user who can write to a directory above can replace it by another file of root's.

use std::collections::BTreeSet;
use std::fs::{Metadata, canonicalize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

/// A directory in which another user could replace a file of root's.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenDirectory {
    pub directory: PathBuf,
    /// The reason. It follows the name of the directory.
    pub why: String,
}

/// The topmost such directory above `path`, both as written and with symlinks resolved.
pub fn open_to_others(path: &Path) -> Option<OpenDirectory> {
    let written = path.ancestors().skip(1);
    let real = canonicalize(path).unwrap_or_default();
    let all: BTreeSet<&Path> = written.chain(real.ancestors().skip(1)).collect();
    all.into_iter().find_map(|directory| {
        let why = why_open(&directory.metadata().ok()?)?;
        Some(OpenDirectory {
            directory: directory.to_owned(),
            why,
        })
    })
}

fn why_open(directory: &Metadata) -> Option<String> {
    if directory.uid() != 0 && directory.uid() != Uid::effective().as_raw() {
        return Some(format!("belongs to uid {}", directory.uid()));
    }
    // With the sticky bit, as in /tmp, users cannot rename or remove the files of others.
    let mode = directory.mode() & 0o7777;
    (mode & 0o022 != 0 && mode & 0o1000 == 0)
        .then(|| format!("can be written to by others (mode {mode:o})"))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_directory_that_others_can_write_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let top = canonicalize(dir.path()).unwrap();
        let (upper, lower) = (top.join("upper"), top.join("upper/lower"));
        let file = lower.join("file");
        create_dir(&upper).unwrap();
        create_dir(&lower).unwrap();
        write(&file, "").unwrap();
        let allow = |directory: &Path, mode| {
            set_permissions(directory, Permissions::from_mode(mode)).unwrap();
        };
        for (upper_mode, lower_mode, found) in [
            (0o755, 0o755, None),
            (0o755, 0o775, Some(&lower)),
            (0o757, 0o755, Some(&upper)),
            (0o775, 0o757, Some(&upper)),
            (0o1777, 0o755, None),
        ] {
            allow(&upper, upper_mode);
            allow(&lower, lower_mode);
            let open = open_to_others(&file).map(|open| open.directory);
            assert_eq!(open.as_ref(), found, "{upper_mode:o} {lower_mode:o}");
        }
        // The target of a symlink, and the directory of the symlink.
        allow(&upper, 0o755);
        let elsewhere = top.join("elsewhere");
        create_dir(&elsewhere).unwrap();
        symlink(&file, elsewhere.join("link")).unwrap();
        for (directory, mode) in [(&elsewhere, 0o777), (&lower, 0o777)] {
            allow(&elsewhere, 0o755);
            allow(&lower, 0o755);
            assert_eq!(open_to_others(&elsewhere.join("link")), None);
            allow(directory, mode);
            let open = open_to_others(&elsewhere.join("link")).unwrap();
            assert_eq!(open.directory, *directory);
            assert_eq!(open.why, "can be written to by others (mode 777)");
        }
    }
}
