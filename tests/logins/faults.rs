//! Makes every call of the C library fail that the module uses: each call once, and each from then
//! on. `interposed.c` injects the faults. docs/mistakes-of-others.md says which changes made these
//! tests fail.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use libc::{
    EACCES, EADDRNOTAVAIL, EAGAIN, EINTR, EINVAL, EIO, EMFILE, ENFILE, ENOBUFS, ENOENT, ENOLCK,
    ENOMEM, ENOSPC, ENOSYS, ENOTCONN, EPERM, EPIPE, ERANGE, EROFS, SIGABRT,
};

use crate::airlock;
use crate::setup::{IGNORED, Login, Setup, USER, module, pam_host};
use tenant::Options;

const PAM_SYSTEM_ERR: i32 = 4;
const PAM_CONV_ERR: i32 = 19;

/// The functions that can fail, and their errors. Errors that mean an unreachable tenant are left
/// out: `local: on_unavailable_ignores_what_is_unavailable_and_nothing_else` tests them.
const FAULTS: &[(&str, &[i32])] = &[
    ("bind", &[ENOBUFS, EACCES]),
    ("clock_gettime", &[EINVAL]),
    ("close", &[EIO, EINTR]),
    (
        "connect",
        &[EPERM, EACCES, EAGAIN, EADDRNOTAVAIL, ENOBUFS, ENOMEM, EINTR],
    ),
    ("epoll_create1", &[EMFILE, ENOMEM]),
    ("epoll_ctl", &[ENOMEM, ENOSPC]),
    ("epoll_wait", &[EINTR, EINVAL]),
    ("eventfd", &[EMFILE, ENOMEM]),
    ("fchmod", &[EROFS, EPERM]),
    ("fcntl", &[EMFILE]),
    ("fdopendir", &[ENOMEM]),
    ("flock", &[EINTR, ENOLCK, EAGAIN]),
    ("fstat64", &[EIO, ENOMEM]),
    ("fsync", &[EIO, ENOSPC]),
    ("futex", &[EINTR]),
    // EAI_MEMORY looks the same as an unknown name; see `policy::enough_memory`.
    ("getaddrinfo", &[EMFILE, ENOMEM, EIO]),
    ("getcwd", &[ENOENT]),
    (
        "getgrgid_r",
        &[EIO, EMFILE, ENFILE, ENOMEM, EINTR, ENOENT, ERANGE],
    ),
    (
        "getgrnam_r",
        &[EIO, EMFILE, ENFILE, ENOMEM, EINTR, ENOENT, ERANGE],
    ),
    ("getgrouplist", &[ENOMEM]),
    ("gethostname", &[EPERM]),
    ("getifaddrs", &[EMFILE, ENOBUFS, ENOMEM]),
    ("getpeername", &[ENOBUFS, ENOTCONN]),
    (
        "getpwnam_r",
        &[EIO, EMFILE, ENFILE, ENOMEM, EINTR, ENOENT, ERANGE],
    ),
    (
        "getpwuid_r",
        &[EIO, EMFILE, ENFILE, ENOMEM, EINTR, ENOENT, ERANGE],
    ),
    ("getrandom", &[EINTR, EIO]),
    ("getsockname", &[ENOBUFS]),
    ("getsockopt", &[ENOBUFS]),
    ("linkat", &[ENOSPC, EROFS, EIO]),
    ("lseek64", &[EIO]),
    ("malloc", &[ENOMEM]),
    ("mkdir", &[EROFS, ENOSPC, EACCES]),
    ("mkdirat", &[EROFS, ENOSPC, EACCES]),
    ("mmap64", &[ENOMEM]),
    ("mprotect", &[ENOMEM]),
    ("open", &[EMFILE, ENFILE, ENOMEM, EIO, EACCES, EINTR]),
    ("open64", &[EMFILE, ENFILE, ENOMEM, EIO, EACCES, EINTR]),
    ("openat", &[EMFILE, ENFILE, ENOMEM, EIO, ENOSPC, EROFS]),
    ("opendir", &[EMFILE]),
    ("pam_get_item", &[PAM_SYSTEM_ERR]),
    ("pam_get_user", &[PAM_SYSTEM_ERR, PAM_CONV_ERR]),
    ("pam_set_item", &[PAM_SYSTEM_ERR]),
    ("poll", &[EINTR, EINVAL, ENOMEM]),
    ("posix_memalign", &[ENOMEM]),
    ("prctl", &[EINVAL]),
    ("pthread_attr_init", &[ENOMEM]),
    ("pthread_attr_setstacksize", &[EINVAL]),
    ("pthread_create", &[EAGAIN]),
    ("pthread_getattr_np", &[ENOMEM]),
    ("pthread_setname_np", &[ERANGE]),
    ("read", &[EIO, EINTR, SHORT]),
    ("readdir", &[EIO]),
    ("readdir64", &[EIO]),
    ("readlink", &[EACCES, ENOENT]),
    ("readv", &[EIO, EINTR, SHORT]),
    ("realpath", &[EACCES]),
    // Short results only for sockets: the event loop takes a short result for the end of the data.
    ("recv", &[EIO, EINTR, ENOMEM]),
    ("sched_getaffinity", &[EINVAL]),
    ("send", &[EPIPE, EIO, EINTR, ENOBUFS, SHORT]),
    ("sendmsg", &[EPERM, EPIPE, EIO, EINTR, ENOBUFS]),
    ("setsockopt", &[ENOMEM]),
    ("shutdown", &[ENOTCONN]),
    ("sigaltstack", &[ENOMEM]),
    ("signalfd", &[EMFILE, ENOMEM]),
    ("socket", &[EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES]),
    ("stat64", &[EIO]),
    ("statx", &[EIO, ENOSYS]),
    ("syscall", &[EIO, EINTR]),
    ("sysconf", &[EINVAL]),
    ("tcgetattr", &[EIO]),
    ("unlinkat", &[EROFS, EIO]),
    ("writev", &[EPIPE, EIO, EINTR, ENOBUFS]),
];

/// The value in `interposed.c`.
const SHORT: i32 = 10_000;

/// The other functions that the module calls. They cannot fail with valid arguments.
const CANNOT_FAIL: &[&str] = &[
    // Memory and strings.
    "bcmp",
    "free",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "munmap",
    "strlen",
    "environ",
    "pow",
    // Counted together with malloc.
    "calloc",
    "realloc",
    // User and process.
    "dirfd",
    // Only for the text of an error.
    "eaccess",
    "getauxval",
    "getegid",
    "getenv",
    "geteuid",
    "getpid",
    "gettid",
    "getuid",
    "gnu_get_libc_version",
    // Only to eventfds, which accept every value that is written here.
    "write",
    // Errors.
    "__errno_location",
    "__xpg_strerror_r",
    "abort",
    "gai_strerror",
    // Functions that free or rewind.
    "closedir",
    "freeaddrinfo",
    "freeifaddrs",
    "rewinddir",
    // Only for glibc before 2.26.
    "__res_init",
    // Signal sets and the mask: these fail only for an invalid set or verb.
    "pthread_sigmask",
    "raise",
    "sigaddset",
    "sigemptyset",
    "sigfillset",
    "sigismember",
    // Existing threads.
    "pause",
    "pthread_attr_destroy",
    "pthread_attr_getguardsize",
    "pthread_attr_getstack",
    "pthread_detach",
    "pthread_join",
    "pthread_mutex_lock",
    "pthread_mutex_unlock",
    "pthread_self",
    "pthread_setspecific",
    "sched_yield",
    // Called when the library is loaded. A host with 1024 keys has none left.
    "pthread_key_create",
    "pthread_key_delete",
    // The language's runtime.
    "__cxa_finalize",
    "__cxa_thread_atexit_impl",
    "__gmon_start__",
    "__tls_get_addr",
    "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable",
    "dl_iterate_phdr",
    "dlsym",
];

/// The dynamic symbols of a file.
fn symbols(which: &str, file: &Path) -> Vec<String> {
    let output = Command::new("nm")
        .args(["--dynamic", which])
        .arg(file)
        .output()
        .expect("nm: apt-get install binutils");
    let names = String::from_utf8(output.stdout).unwrap();
    let names = names.lines().map(|line| {
        let name = line.rsplit(' ').next().unwrap();
        name.split('@').next().unwrap().to_owned()
    });
    names.collect()
}

#[test]
fn every_function_that_the_module_calls_is_among_those_that_fail() {
    let called = symbols("--undefined-only", &module());
    let mut unknown = called.iter().map(String::as_str).filter(|name| {
        !name.starts_with("_Unwind_")
            && !CANNOT_FAIL.contains(name)
            && !FAULTS.iter().any(|(function, _)| function == name)
    });
    assert_eq!(unknown.next(), None, "add it to FAULTS or to CANNOT_FAIL");
    // A function that the host does not wrap would never fail. `syscall` includes the futex wait.
    let stands_in = symbols("--defined-only", pam_host());
    let mut in_vain = FAULTS
        .iter()
        .map(|(function, _)| *function)
        .filter(|name| *name != "futex" && !stands_in.iter().any(|there| there == name));
    assert_eq!(in_vain.next(), None, "interposed.c does not wrap it");
}

/// A host that uses every feature: groups, pinned keys, the push limit.
fn setup(account: &str) -> Setup {
    let rest = "[wait]\nconnect_seconds = 3\nlogin_seconds = 3\n[policy]\nsu_asks = \"caller\"\n\
                on_unavailable = \"ignore\"\nonly_groups = [\"root\"]\n";
    let setup = Setup::showing(Options::default(), account, "pins = \"if-present\"", rest);
    setup.directory("keys");
    setup
}

/// When an allocation fails, Rust would spend a second on the backtrace.
const SHORTLY: &[(&str, &str)] = &[("RUST_BACKTRACE", "0")];

/// Logs in with a remote host that no other login has, so that `number` identifies it.
fn login(setup: &Setup, number: usize, options: &[&str]) -> Login {
    let run = format!("run={}", setup.path(&format!("run-{number}")).display());
    let lib = format!("lib={}", setup.path(&format!("lib-{number}")).display());
    let keys = format!("keys={}", setup.path("keys").display());
    let from = from(number);
    let names = [format!("rhost={from}"), format!("hostname={from}")];
    let items = [&*names[0], &names[1], &run, &lib, &keys, "caller=0"];
    setup
        .start_as(USER, "su", &[&items[..], options].concat(), SHORTLY)
        .end()
}

fn from(number: usize) -> String {
    format!("host-{number}.example")
}

/// How often a login calls each function.
fn calls(login: &Login) -> BTreeMap<String, usize> {
    let counts = login.one("calls").text.split(' ');
    let counts = counts.map(|count| count.split_once('=').unwrap());
    counts
        .map(|(name, count)| (name.to_owned(), count.parse().unwrap()))
        .collect()
}

/// The limit of calls to try for each function.
const MOST_CALLS: usize = 24;

/// The faults for every function that the login has called.
fn faults(calls: &BTreeMap<String, usize>) -> Vec<String> {
    let mut faults = Vec::new();
    for (function, errors) in FAULTS {
        let count = calls.get(*function).copied().unwrap_or_default();
        // With many calls, try some of them, in a step that does not match their pattern.
        let step = 1 + count / MOST_CALLS;
        for first in (0..count).step_by(step) {
            for (place, error) in errors.iter().enumerate() {
                let error = match *error {
                    SHORT => "short".to_owned(),
                    error => error.to_string(),
                };
                faults.push(format!("{function}:{first}:1:{error}"));
                // An endless series of interrupted or short calls is not a realistic fault.
                let more = if [EINTR.to_string(), "short".to_owned()].contains(&error) {
                    50
                } else {
                    1_000_000
                };
                if place == 0 || first == 0 {
                    faults.push(format!("{function}:{first}:{more}:{error}"));
                }
            }
        }
    }
    faults
}

/// Calls `work` for each item, eight at a time, because a login mostly waits.
pub fn side_by_side<T: Sync>(all: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(number) else { break };
                    work(number, one);
                }
            });
        }
    });
}

/// Checks that the host lives, is unchanged, and admits no one by mistake.
fn assert_sound(login: &Login, fault: &str) {
    let seen = format!("{fault}: {:#?}", login.events);
    if fault.starts_with("malloc") || fault.starts_with("posix_memalign") {
        // When an allocation fails, Rust prints a message and aborts.
        if login.status.signal() == Some(SIGABRT) {
            let result = login.all("result");
            assert!(result != ["PAM_SUCCESS"] && result != [IGNORED], "{seen}");
            assert!(login.stderr[0].starts_with("memory allocation of "));
            return;
        }
    }
    assert_eq!(login.stderr, [""; 0], "{seen}");
    assert!(login.status.code().is_some(), "{:?} {seen}", login.status);
    assert_ne!(login.code(), "PAM_IGNORE", "{seen}");
    // A line that was cut short has no name of the module.
    let whole = login
        .all("log")
        .into_iter()
        .filter(|line| line.contains("pam_logonbox("));
    let decisions = whole.count() - login.ringing().len();
    assert!(decisions <= 1 && login.ringing().len() <= 1, "{seen}");
    assert!(login.all("log").len() <= 2, "{seen}");
    if login.code() != "PAM_SUCCESS" && decisions > 0 {
        let log = login.log();
        assert!(!log.contains("\\x") && log.len() < 2000, "{seen}");
    }
    // A panic inside a library may leak descriptors, but no threads.
    let panicked = fault.starts_with("clock_gettime")
        || login
            .all("log")
            .iter()
            .any(|line| line.contains(": panic "));
    let skipped = if panicked { "threads=" } else { "files=" };
    let count = |kind: &str| {
        let state = &login.one(kind).text;
        let counts = state.split(" kilobytes=").next().unwrap();
        counts.split_once(skipped).unwrap().1.to_owned()
    };
    assert_eq!(count("state"), count("before"), "{seen}");
}

/// Three seconds each for the keys and the phone, and some more for a busy machine.
fn is_late(login: &Login) -> bool {
    let result = login.events.iter().find(|event| event.kind == "result");
    result.is_some_and(|result| Duration::from_millis(result.at) > Duration::from_secs(10))
}

/// Logs in once for each fault, and again if the login is late: a busy machine may be late once,
/// but the module must not be late three times.
fn try_all(faults: &[String], attempt: impl Fn(usize, &[&str]) -> Login + Sync, check: Check<'_>) {
    let met = AtomicUsize::new(0);
    side_by_side(faults, |number, fault| {
        let mut number = number + 1;
        let fail = format!("fault={fault}");
        let mut login = attempt(number, &[&fail]);
        for again in 1..4 {
            if !is_late(&login) {
                break;
            }
            assert!(again < 3, "{fault}: late: {:#?}", login.events);
            number += again * 100_000;
            login = attempt(number, &[&fail]);
        }
        assert_sound(&login, fault);
        let is_met = login.all("faults").iter().any(|count| *count != "0");
        met.fetch_add(usize::from(is_met), Ordering::Relaxed);
        check(number, fault, &login);
    });
    let met = met.into_inner();
    println!("{met} of {} faults were met", faults.len());
    assert!(met > faults.len() / 2);
}

type Check<'a> = &'a (dyn Fn(usize, &str, &Login) + Sync);

fn is_approved(login: &Login) -> bool {
    login.all("result") == ["PAM_SUCCESS"]
}

/// The first faults of each call of a function.
fn one_each(faults: &[String]) -> Vec<String> {
    let call = |fault: &String| fault.rsplitn(3, ':').nth(2).map(str::to_owned);
    let mut faults = faults.to_vec();
    faults.dedup_by_key(|fault| call(fault));
    faults
}

#[test]
fn whatever_fails_nobody_is_let_by_and_the_host_lives() {
    let setup = setup("approve.ed25519");
    let well = login(&setup, 0, &["calls"]);
    assert!(is_approved(&well), "{:#?}", well.events);
    let all = faults(&calls(&well));
    let approved = AtomicUsize::new(0);
    let log_in = |number: usize, options: &[&str]| login(&setup, number, options);
    try_all(&all, log_in, &|number, fault, login| {
        // The phone rings once at most, and every approved login has a signature.
        let from = format!(" {}", from(number));
        let asked = setup.tenant.sign_requests();
        let asked = asked.iter().filter(|asked| asked.text.contains(&from));
        let asked = asked.count();
        assert!(asked <= 1, "{fault}: rung {asked} times");
        if is_approved(login) {
            assert_eq!(asked, 1, "{fault}: {:#?}", login.events);
            approved.fetch_add(1, Ordering::Relaxed);
        }
        // An interrupted call is repeated.
        let [function, .., error] = fault.split(':').collect::<Vec<_>>()[..] else {
            panic!("{fault}");
        };
        let again = ["epoll_wait", "futex", "getrandom", "open64", "poll", "read"];
        if error == EINTR.to_string() && again.contains(&function) {
            assert!(is_approved(login), "{fault}: {:#?}", login.events);
        }
    });
    println!("{approved:?} of them did no harm");

    let setup = self::setup("wrong-key.ed25519");
    let log_in = |number: usize, options: &[&str]| login(&setup, number, options);
    try_all(&one_each(&all), log_in, &|_, fault, login| {
        assert!(!is_approved(login), "{fault}: {:#?}", login.events);
    });
}

#[test]
fn whatever_fails_nobody_is_let_by_through_airlock_either() {
    // Time runs twenty times as fast, because some of these logins are held.
    let rest = "[wait]\nconnect_seconds = 40\n[policy]\nfailed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = 0";
    let setup = airlock::patient_setup(rest);
    for (otp, right) in [("otp=A1b2C3", true), ("otp=wrong", false)] {
        let log_in = |_: usize, options: &[&str]| {
            let password = format!("types={}", airlock::PASSWORD);
            let options = [&[&*password, otp, "speed=20"], options].concat();
            setup.start_as(USER, "login", &options, SHORTLY).end()
        };
        let well = log_in(0, &["calls"]);
        assert_eq!(is_approved(&well), right, "{:#?}", well.events);
        let faults = one_each(&faults(&calls(&well)));
        try_all(&faults, log_in, &|_, fault, login| {
            assert!(right || !is_approved(login), "{fault}: {:#?}", login.events);
        });
    }
}
