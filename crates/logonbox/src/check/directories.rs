//! Checks the directories above a file that decides about logins. The module checks only the file
//! itself, but a user who can write to a directory above can replace it by another file of root's.

use std::collections::BTreeSet;
use std::fs::{Metadata, canonicalize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::files::Root;
use super::finding::{Area, Finding, Report, Severity};
use super::services::Services;

/// A directory in which another user could replace a file of root's.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenDirectory {
    pub directory: PathBuf,
    /// The reason. It follows the name of the directory.
    pub why: String,
}

/// Checks the files of the services with our module, the module itself, and all directories above.
pub fn of_services(root: &Root, services: &Services, report: &mut Report) {
    let mut modules: BTreeSet<&Path> = BTreeSet::new();
    let mut files = BTreeSet::from([Path::new("/etc/pam.d/other")]);
    for service in services.with_phone() {
        modules.extend(service.our_files().map(Path::new));
        files.extend(service.lines.files.iter().map(AsRef::as_ref));
    }
    if modules.is_empty() {
        return;
    }
    let mut well = Vec::new();
    let mut add = |id, what, advice: String, file: &Path| {
        let why = "A user who can write to it decides who gets in, and can become root.";
        let finding = Finding::new(Severity::Error, id, what, why, advice);
        report.add(Area::Host, finding.in_file(file, None));
    };
    for file in files.union(&modules) {
        if let Some(open) = open_to_others(&root.path(file)) {
            let directory = open.directory.display();
            let advice = format!("Run chown root {directory} and chmod go-w {directory}.");
            let what = format!("{directory} {}", open.why);
            add("directory-open", what, advice, &open.directory);
        }
    }
    for file in files.union(&modules) {
        let Some(metadata) = root.metadata(file) else {
            continue;
        };
        let shown = file.display();
        if let Some(why) = why_open(&metadata) {
            let advice = "Check its content, then run chown root and chmod 644 on it.".to_owned();
            add("module-writable", format!("{shown} {why}"), advice, file);
        } else if modules.contains(file) {
            well.push(shown.to_string());
        }
    }
    for file in well {
        report.checked(Area::Host, file);
    }
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

fn why_open(of: &Metadata) -> Option<String> {
    if of.uid() != 0 && of.uid() != Uid::effective().as_raw() {
        return Some(format!("belongs to uid {}", of.uid()));
    }
    // With the sticky bit, as in /tmp, users cannot rename or remove the files of others.
    let mode = of.mode() & 0o7777;
    let is_sticky = of.is_dir() && mode & 0o1000 != 0;
    (mode & 0o022 != 0 && !is_sticky)
        .then(|| format!("can be written to by others (mode {mode:o})"))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::check::services::Service;
    use crate::check::test_host::{host, ids, services};

    #[test]
    fn pam_files_and_modules_that_others_can_write() {
        let phone = "@include common\nauth required pam_logonbox.so\n";
        let (_dir, root) = host(&[
            ("pam.d/common", ""),
            ("pam.d/sshd", phone),
            ("pam.d/su", ""),
        ]);
        let services = services(&root);
        let module = services.with_phone().flat_map(Service::our_files);
        let module = Path::new(module.last().unwrap()).to_owned();
        let (pam, security) = (Path::new("/etc/pam.d"), module.parent().unwrap());
        for (path, expected) in [
            (pam.join("sshd"), vec!["module-writable"]),
            (pam.join("common"), vec!["module-writable"]),
            (pam.join("other"), vec!["module-writable"]),
            (pam.join("su"), vec![]),
            (module.clone(), vec!["module-writable"]),
            (pam.to_owned(), vec!["directory-open"]),
            (security.to_owned(), vec!["directory-open"]),
        ] {
            let real = root.path(&path);
            let before = real.metadata().unwrap().permissions();
            set_permissions(&real, Permissions::from_mode(0o777)).unwrap();
            let mut report = Report::default();
            of_services(&root, &services, &mut report);
            assert_eq!(ids(&report), expected, "{path:?}");
            set_permissions(&real, before).unwrap();
        }
    }

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
