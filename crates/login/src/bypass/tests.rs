//! The time is scripted; the files are real.
#![allow(clippy::arithmetic_side_effects, reason = "an overflow fails a test")]
#![allow(
    clippy::unchecked_time_subtraction,
    reason = "an overflow fails a test"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::thread;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use super::*;
use crate::scripted::ScriptedSystem;

const HOUR: Duration = Duration::from_secs(3600);

/// A machine with its own `/var/lib/pam_logonbox`.
fn machine() -> (TempDir, ScriptedSystem) {
    let directory = tempfile::tempdir().unwrap();
    let system = ScriptedSystem {
        lib_directory: directory.path().join("lib"),
        ..ScriptedSystem::default()
    };
    (directory, system)
}

fn make_for(system: &ScriptedSystem, user: &str) -> BypassCode {
    make(system, user, 4 * HOUR, "lost phone").unwrap().0
}

/// Another code for the same machine.
fn other_code(system: &mut ScriptedSystem, user: &str) -> BypassCode {
    system.random = system.random.wrapping_add(1);
    make_for(system, user)
}

fn try_code(system: &ScriptedSystem, user: &str, code: &BypassCode) -> Result<String, String> {
    use_up(system, user, code).map(|used_up| used_up.reason)
}

fn refused(why: &str) -> Result<String, String> {
    Err(why.to_owned())
}

const UNKNOWN: &str = "this user has no such bypass code";

#[test]
fn a_code_has_65_random_bits_and_may_be_typed_in_any_way() {
    let (_directory, mut system) = machine();
    system.random = 0xff;
    let code = BypassCode::new(&system).unwrap();
    assert_eq!(*code.in_groups(), "7777-7777-77777");
    system.random = 0x20;
    let code = BypassCode::new(&system).unwrap();
    assert_eq!(*code.in_groups(), "AAAA-AAAA-AAAAA");
    for typed in [
        "ABCD-EFGH-IJ234",
        "abcdefghij234",
        " abcd efgh ij234\r",
        "A-B-C-D-E-F-G-H-I-J-2-3-4",
    ] {
        let code = BypassCode::parse(typed.as_bytes()).unwrap();
        assert_eq!(*code.in_groups(), "ABCD-EFGH-IJ234", "{typed:?}");
    }
    for other in [
        "",
        "123456",
        "ABCD-EFGH-IJ23",
        "ABCD-EFGH-IJ2345",
        "ABCD-EFGH-IJ230",
        "ABCD-EFGH-IJ231",
        "ABCD.EFGH.IJ234",
        "ABCD-EFGH-IJ23\u{e9}",
    ] {
        assert!(BypassCode::parse(other.as_bytes()).is_none(), "{other:?}");
    }
    assert!(BypassCode::parse(&vec![b'A'; 100_000]).is_none());
}

#[test]
fn a_code_works_once_for_its_user_on_its_host() {
    let (_directory, system) = machine();
    let code = make_for(&system, "lee");
    assert_eq!(try_code(&system, "kim", &code), refused(UNKNOWN));
    assert_eq!(try_code(&system, "le", &code), refused(UNKNOWN));
    let other = ScriptedSystem {
        lib_directory: system.lib_directory.clone(),
        machine_id: "ffffffffffffffffffffffffffffffff",
        ..ScriptedSystem::default()
    };
    assert_eq!(try_code(&other, "lee", &code), refused(UNKNOWN));
    assert!(has_code(&system, "lee") && !has_code(&system, "kim"));
    assert_eq!(try_code(&system, "lee", &code), Ok("lost phone".to_owned()));
    assert!(!has_code(&system, "lee"));
    assert_eq!(try_code(&system, "lee", &code), refused(UNKNOWN));
}

/// The file of another user's code has no effect under another name.
#[test]
fn a_file_counts_for_the_user_in_it() {
    let (_directory, system) = machine();
    let code = make_for(&system, "lee");
    let id = system.machine_id().unwrap();
    let place = system.lib_directory.join(DIRECTORY);
    let for_kim = place.join(code.file_name("kim", &id));
    fs::rename(place.join(code.file_name("lee", &id)), for_kim).unwrap();
    assert_eq!(try_code(&system, "kim", &code), refused(UNKNOWN));
}

#[test]
fn a_code_ends_whatever_the_clock_says() {
    let ended = refused("the bypass code has ended");
    let behind = refused("the clock is behind the time at which the bypass code was made");
    let second = Duration::from_secs(1);
    let zero = Duration::ZERO;
    // The time since the code was made: of the wall clock, negative or not, and since boot.
    for (boot, back, wall, uptime, expected) in [
        (
            "first",
            zero,
            4 * HOUR - second,
            zero,
            Ok("lost phone".to_owned()),
        ),
        ("first", zero, 4 * HOUR, zero, ended.clone()),
        (
            "first",
            zero,
            zero,
            4 * HOUR - second,
            Ok("lost phone".to_owned()),
        ),
        ("first", zero, HOUR, 4 * HOUR, ended.clone()),
        ("first", second, zero, HOUR, behind.clone()),
        (
            "second",
            zero,
            HOUR,
            1000 * HOUR,
            Ok("lost phone".to_owned()),
        ),
        ("second", zero, 4 * HOUR, zero, ended),
        ("second", second, zero, zero, behind),
    ] {
        let (_directory, mut system) = machine();
        let code = make_for(&system, "lee");
        system.now = system.now - back + wall;
        system.boot_id = boot;
        *system.uptime.get_mut().unwrap() += uptime;
        assert_eq!(has_code(&system, "lee"), expected.is_ok());
        assert_eq!(try_code(&system, "lee", &code), expected, "{boot} {wall:?}");
    }
}

#[test]
fn codes_are_listed_and_revoked() {
    let (_directory, mut system) = machine();
    assert_eq!(list(&system).unwrap().0, []);
    assert_eq!(revoke(&system, "lee").unwrap().0, 0);
    let first = make_for(&system, "lee");
    let second = other_code(&mut system, "lee");
    let kims = other_code(&mut system, "kim");
    let users = |system: &ScriptedSystem| {
        let (entries, _) = list(system).unwrap();
        let users = entries.into_iter().map(|entry| entry.user);
        users.collect::<Vec<_>>()
    };
    assert_eq!(users(&system), ["kim", "lee", "lee"]);
    assert_eq!(revoke(&system, "lee").unwrap().0, 2);
    for code in [first, second] {
        assert_eq!(try_code(&system, "lee", &code), refused(UNKNOWN));
    }
    assert_eq!(users(&system), ["kim"]);
    system.now += 4 * HOUR;
    assert_eq!(users(&system), [""; 0]);
    system.now -= HOUR;
    assert_eq!(try_code(&system, "kim", &kims), refused(UNKNOWN), "removed");
}

#[test]
fn the_files_tell_no_code_and_belong_to_the_owner_alone() {
    let (_directory, system) = machine();
    let reason = "lost\nphone\u{202e} \"x\"";
    let (code, entry) = make(&system, "lee", HOUR, reason).unwrap();
    assert_eq!(entry.reason, "lost?phone? 'x'");
    assert_eq!(list(&system).unwrap().0, [entry]);
    let lib = &system.lib_directory;
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(lib), mode(&lib.join(DIRECTORY))), (0o700, 0o700));
    let file = the_file(&system);
    assert_eq!(mode(&file), 0o600);
    let all = format!("{file:?} {}", fs::read_to_string(&file).unwrap());
    assert!(!all.contains(&**code.in_groups()) && !all.contains(&*code.0));
}

fn the_file(system: &ScriptedSystem) -> PathBuf {
    let mut files = fs::read_dir(system.lib_directory.join(DIRECTORY)).unwrap();
    files.next().unwrap().unwrap().path()
}

#[test]
fn files_and_directories_that_others_could_write_do_not_count() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 9] = [
        ("mode", |file| allow(file, 0o640)),
        ("mode", |file| allow(file, 0o602)),
        ("link", |file| {
            fs::rename(file, file.with_file_name("x")).unwrap();
            symlink("x", file).unwrap();
        }),
        ("FIFO", |file| {
            fs::remove_file(file).unwrap();
            mkfifo(file, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        }),
        ("directory", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
            allow(file, 0o700);
        }),
        ("empty", |file| fs::write(file, "").unwrap()),
        ("a line too many", |file| {
            let text = fs::read_to_string(file).unwrap();
            fs::write(file, format!("{text}x\n")).unwrap();
        }),
        ("large", |file| {
            let text = fs::read_to_string(file).unwrap();
            fs::write(file, text.repeat(1000)).unwrap();
        }),
        ("open directory", |file| {
            allow(file.parent().unwrap(), 0o755);
        }),
    ];
    for (name, change) in changes {
        let (_directory, system) = machine();
        let code = make_for(&system, "lee");
        change(&the_file(&system));
        assert!(try_code(&system, "lee", &code).is_err(), "{name}");
        assert!(!has_code(&system, "lee"), "{name}");
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn of_many_logins_at_once_one_succeeds() {
    for _ in 0..50 {
        let (_directory, system) = machine();
        let code = make_for(&system, "lee");
        let succeeded = thread::scope(|scope| {
            let logins = [(); 8].map(|()| scope.spawn(|| use_up(&system, "lee", &code).is_ok()));
            let results = logins.map(|login| login.join().unwrap());
            results.into_iter().filter(|is_in| *is_in).count()
        });
        assert_eq!(succeeded, 1);
    }
}

/// One file that cannot be read keeps no other code valid.
#[test]
fn an_unreadable_file_is_reported_after_the_others() {
    let (_directory, mut system) = machine();
    make_for(&system, "kim");
    allow(&the_file(&system), 0o644);
    let code = other_code(&mut system, "lee");
    let (listed, unread) = list(&system).unwrap();
    assert_eq!(listed.len(), 1);
    assert!(
        unread
            .unwrap()
            .to_string()
            .contains("is not a file of root alone")
    );
    assert!(has_code(&system, "lee"));
    let (revoked, unread) = revoke(&system, "lee").unwrap();
    assert_eq!((revoked, unread.is_some()), (1, true));
    assert_eq!(try_code(&system, "lee", &code), refused(UNKNOWN));
}

/// A code that was made in the future counts again when the clock is right.
#[test]
fn a_clock_that_is_behind_removes_no_code() {
    let (_directory, mut system) = machine();
    let code = make_for(&system, "lee");
    system.now -= HOUR;
    assert_eq!(list(&system).unwrap().0.len(), 1);
    system.now += HOUR;
    assert_eq!(try_code(&system, "lee", &code), Ok("lost phone".to_owned()));
}

/// The manual says to leave the directory out of backups: a restored code works again, on this host and
/// until it ends.
#[test]
fn a_restored_file_is_a_code_again_until_it_ends() {
    let (_directory, mut system) = machine();
    let code = make_for(&system, "lee");
    let file = the_file(&system);
    let text = fs::read_to_string(&file).unwrap();
    let restore = || {
        fs::write(&file, &text).unwrap();
        allow(&file, 0o600);
    };
    assert_eq!(try_code(&system, "lee", &code), Ok("lost phone".to_owned()));
    restore();
    assert_eq!(try_code(&system, "lee", &code), Ok("lost phone".to_owned()));
    restore();
    system.machine_id = "ffffffffffffffffffffffffffffffff";
    assert_eq!(try_code(&system, "lee", &code), refused(UNKNOWN));
    system.machine_id = "0123456789abcdef0123456789abcdef";
    system.now += 4 * HOUR;
    let ended = refused("the bypass code has ended");
    assert_eq!(try_code(&system, "lee", &code), ended);
}

/// The caller of su stops the process right after it has looked at the clock.
#[test]
fn a_login_that_was_stopped_does_not_use_a_code_after_its_end() {
    let (_directory, mut system) = machine();
    let code = make_for(&system, "lee");
    *system.meanwhile.get_mut().unwrap() = Some(Box::new(|uptime| *uptime += 5 * HOUR));
    let ended = refused("the bypass code has ended");
    assert_eq!(try_code(&system, "lee", &code), ended);
}
