//! Runs many logins in one process, for each kind of end. They must not leak, and must leave the
//! host unchanged.
//!
//! `make soak` runs ten thousand of each and some under valgrind. docs/mistakes-of-others.md says
//! which changes made this fail.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, iter};

use crate::airlock;
use crate::faults::side_by_side;
use crate::setup::{Login, Running, Setup, unused_address, without_memory};
use tenant::{Certificate, Options};

/// A kind of end.
struct End {
    /// The mode, and the account, which selects the tenant's behaviour.
    name: String,
    /// The first word of the log line.
    word: &'static str,
    code: &'static str,
    setup: Setup,
    user: &'static str,
    options: Vec<String>,
}

/// How much faster time runs, so that holds and timeouts are short: `connect_seconds` is 2 s for a busy
/// machine, and 0.6 s for the many logins of `make soak`.
fn speed() -> &'static str {
    if env::var_os("LOGINS").is_some() {
        "speed=100"
    } else {
        "speed=30"
    }
}

const WAITS: &str = "[wait]\nconnect_seconds = 60\nlogin_seconds = 60\n";
const NO_LIMIT: &str = "failed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = 0\n";

fn push(word: &'static str, code: &'static str, account: &str) -> End {
    push_with(word, code, account, Options::default(), "")
}

fn push_with(
    word: &'static str,
    code: &'static str,
    account: &str,
    options: Options,
    rest: &str,
) -> End {
    let rest = format!("{WAITS}[policy]\n{NO_LIMIT}{rest}");
    // The logins of a series do not read stdin, so no user could type a code.
    let setup = Setup::showing(options, account, "", &rest);
    End {
        name: format!("push {account}"),
        word,
        code,
        setup,
        user: "root",
        options: Vec::new(),
    }
}

/// With `code = "type"`. `pam_host` answers at once, or after `pause=MILLISECONDS`.
fn typed(word: &'static str, code: &'static str, user: &'static str, options: &[&str]) -> End {
    let rest = format!("{WAITS}[policy]\n{NO_LIMIT}");
    End {
        name: format!("type {}", options.join(" ")),
        setup: Setup::with(Options::default(), "approve", "", &rest),
        user,
        options: options.iter().map(|&option| option.to_owned()).collect(),
        ..push(word, code, "approve")
    }
}

fn airlock(word: &'static str, code: &'static str, account: &str, types: &str, otp: &str) -> End {
    let only = "allow_password_only = true";
    let setup = airlock::setup(account, only, &format!("{WAITS}[policy]\n{NO_LIMIT}"));
    End {
        name: format!("airlock {account}"),
        word,
        code,
        setup,
        user: "root",
        options: vec![format!("types={types}"), format!("otp={otp}")],
    }
}

impl End {
    fn with(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    fn of(self, user: &'static str) -> Self {
        Self { user, ..self }
    }

    fn configured(self, change: impl FnOnce(&Setup)) -> Self {
        change(&self.setup);
        self
    }

    /// Replaces the wait of 60 seconds.
    fn waiting(self, seconds: &str) -> Self {
        let (key, _) = seconds.split_once(" = ").unwrap();
        self.configured(|setup| {
            let text = fs::read_to_string(setup.path("pam_logonbox.toml")).unwrap();
            let text = text.replace(&format!("{key} = 60"), seconds);
            setup.write("pam_logonbox.toml", &text);
        })
    }

    /// Runs a few logins at normal speed, because valgrind is slow.
    fn under_valgrind(&self, times: usize, log: &Path) -> Login {
        let times = format!("times={times}");
        let own = self.options.iter().map(String::as_str);
        let options: Vec<&str> = iter::once(&*times).chain(own).collect();
        let mut command = self.setup.command(self.user, "login", &options, &[]);
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = Command::new("valgrind");
        // The ciphers are in assembler. valgrind takes their output for undefined.
        command
            .args([
                "--leak-check=full",
                "--errors-for-leak-kinds=none",
                "--undef-value-errors=no",
            ])
            .arg(format!("--log-file={}", log.display()))
            .arg(program)
            .args(arguments);
        Running::start(command).end_within(Duration::from_secs(600))
    }

    fn log_in(&self, times: usize, more: &[&str]) -> Login {
        let times = format!("times={times}");
        let own = self.options.iter().map(String::as_str);
        let options: Vec<&str> = [speed(), &times]
            .into_iter()
            .chain(own)
            .chain(more.iter().copied())
            .collect();
        // Otherwise memory that the allocator caches for a thread would count as leaked.
        let exact = [("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")];
        let login = self.setup.start_as(self.user, "login", &options, &exact);
        let login = login.end_within(Duration::from_secs(7200));
        assert_eq!(login.stderr, [""; 0]);
        login
    }
}

fn ends() -> Vec<End> {
    let right = airlock::PASSWORD;
    let bad = Options {
        certificate: Certificate::OtherCa,
        ..Options::default()
    };
    vec![
        push("approved", "PAM_SUCCESS", "approve"),
        push("declined", "PAM_MAXTRIES", "decline"),
        push("refused", "PAM_MAXTRIES", "refuse"),
        push("timed-out", "PAM_MAXTRIES", "never").waiting("login_seconds = 1"),
        push("bad-signature", "PAM_MAXTRIES", "wrong-key"),
        push("bad-answer", "PAM_MAXTRIES", "not-json"),
        push("timed-out", "PAM_MAXTRIES", "cut"),
        push("unreachable", "PAM_AUTHINFO_UNAVAIL", "approve").configured(|setup| {
            setup.configure(
                &unused_address(),
                "approve",
                "",
                &format!("{WAITS}[policy]\n{NO_LIMIT}"),
            );
        }),
        push("unreachable", "PAM_IGNORE", "approve").configured(|setup| {
            let ignore = format!("{WAITS}[policy]\n{NO_LIMIT}on_unavailable = \"ignore\"");
            setup.configure(&unused_address(), "approve", "", &ignore);
        }),
        push("timed-out", "PAM_AUTHINFO_UNAVAIL", "keys-never").waiting("connect_seconds = 1"),
        push_with("tls", "PAM_AUTHINFO_UNAVAIL", "approve", bad, ""),
        push("no-account", "PAM_MAXTRIES", "nobody-here"),
        push("no-key", "PAM_MAXTRIES", "keys-none"),
        push("unknown-user", "PAM_MAXTRIES", "approve").of("no-such-user"),
        push_with(
            "exempt",
            "PAM_IGNORE",
            "approve",
            Options::default(),
            "[[policy.exempt]]\nusers = [\"root\"]\n",
        ),
        push("configuration", "PAM_SERVICE_ERR", "approve")
            .configured(|setup| setup.write("pam_logonbox.toml", "[logonbox]\n")),
        push("conversation", "PAM_CONV_ERR", "approve")
            .configured(|setup| {
                let enter =
                    format!("{WAITS}[policy]\n{NO_LIMIT}[conversation]\nannounce = \"enter\"");
                setup.configure(setup.tenant.authority(), "approve", "", &enter);
            })
            .with("answers=none"),
        push("limit", "PAM_MAXTRIES", "decline").configured(|setup| {
            let limit = format!("{WAITS}[policy]\nfailed_attempts_per_10_minutes = 1\n");
            setup.configure(setup.tenant.authority(), "decline", "", &limit);
            setup.login("login", &[]);
        }),
        push("local-failure", "PAM_AUTHINFO_UNAVAIL", "approve")
            .with("fault=pthread_create:0:1000000000:11"),
        push("panic", "PAM_ABORT", "approve").with("fault=clock_gettime:0:1000000000:22"),
        push("interrupted", "PAM_CONV_ERR", "approve")
            .with("block")
            .with("catch")
            .with("interrupt"),
        // At the usual speed, 250 ms are enough for a busy machine.
        typed(
            "conversation",
            "PAM_CONV_ERR",
            "root",
            &["answers=none", "speed=1"],
        ),
        typed(
            "conversation",
            "PAM_CONV_ERR",
            "no-such-user",
            &["types=", "speed=1"],
        ),
        typed("wrong-code", "PAM_MAXTRIES", "root", &["types=early"]),
        typed(
            "wrong-code",
            "PAM_MAXTRIES",
            "root",
            &["types=late", "pause=100"],
        ),
        typed(
            "unknown-user",
            "PAM_MAXTRIES",
            "no-such-user",
            &["types=late", "pause=100"],
        ),
        airlock("approved", "PAM_SUCCESS", "password-only", right, ""),
        airlock("approved", "PAM_SUCCESS", "otp", right, "A1b2C3"),
        airlock("wrong-password", "PAM_MAXTRIES", "nobody-here", "wrong", ""),
        End {
            setup: airlock::patient_setup(&format!("{WAITS}[policy]\n{NO_LIMIT}")),
            ..airlock("wrong-otp", "PAM_MAXTRIES", "", right, "000000")
        },
        airlock("locked", "PAM_MAXTRIES", "locked", right, ""),
        airlock("unsupported-step", "PAM_MAXTRIES", "step-A_STEP", right, ""),
        airlock("conversation", "PAM_MAXTRIES", "otp", right, "").with("answers=password"),
    ]
}

/// Bytes that are allocated only once, but late if the logins end early. Seen: 2368.
const ONCE: u64 = 3 << 10;

/// The memory in use after a tenth, after half, and after all of the logins.
struct Held {
    kilobytes: [u64; 3],
    bytes: [u64; 3],
}

fn held(login: &Login, logins: usize) -> Held {
    let states = login.all("state");
    assert_eq!(states.len(), 3, "{logins}: {:#?}", login.events);
    let number = |state: &str, name: &str| -> u64 {
        let (_, rest) = state.split_once(name).unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let all = |name| [0, 1, 2].map(|n| number(states[n], name));
    let before = login.one("before").text.as_str();
    for state in states.iter().copied() {
        assert_eq!(without_memory(state), without_memory(before));
    }
    Held {
        kilobytes: all("kilobytes="),
        bytes: all("heap="),
    }
}

/// `LOGINS`, or enough to show a leak.
fn logins() -> usize {
    env::var("LOGINS").map_or(100, |logins| logins.parse().expect("LOGINS is a number"))
}

#[test]
fn many_logins_in_one_process_leave_nothing_behind_however_they_end() {
    let logins = logins();
    let table = Mutex::new(Vec::new());
    side_by_side(&ends(), |number, end| {
        let begun = Instant::now();
        let login = end.log_in(logins, &[]);
        let took = begun.elapsed().as_secs_f64();
        let (word, code) = (end.word, end.code);
        assert_eq!(login.code(), code, "{word}: {:#?}", login.events);
        let logged = format!(": {word} ");
        assert!(login.log().contains(&logged), "{}", login.log());
        // Every login ended in the same way.
        assert_eq!(login.all("changed"), [""; 0], "{word}");
        let Held { kilobytes, bytes } = held(&login, logins);
        let name = &end.name;
        let line =
            format!("{word:16} {code:21} {name:24} {kilobytes:?} kB  {bytes:?} bytes  {took:.1} s");
        // Compare from the first tenth on: most one-time allocations come earlier.
        let [early, _, late] = bytes;
        let kept = late.saturating_sub(early);
        // The payload of a panic is leaked on purpose: dropping it could panic again.
        let per_login = if word == "panic" { 512 } else { 16 };
        let most = (per_login * u64::try_from(logins).unwrap()).max(ONCE);
        assert!(kept < most, "{line}");
        let [_, half_way, late] = kilobytes;
        // A thread may allocate once more when it gets further than before.
        assert!(word == "panic" || late < half_way + 4096, "{line}");
        table.lock().unwrap().push((number, line));
    });
    let mut table = table.into_inner().unwrap();
    table.sort();
    for (_, line) in table {
        println!("{line}");
    }
}

/// The report is the same after few logins and after more, and every read and write is valid.
#[test]
#[ignore = "takes minutes; make soak"]
fn valgrind_finds_nothing_however_they_end() {
    side_by_side(&ends(), |_, end| {
        let lost = [2, 6].map(|logins| {
            let log = end.setup.path("valgrind");
            let login = end.under_valgrind(logins, &log);
            assert_eq!(login.code(), end.code, "{}: {:#?}", end.word, login.events);
            let text = fs::read_to_string(log).unwrap();
            let summary = text.lines().find(|line| line.contains("ERROR SUMMARY: "));
            assert!(
                summary.is_some_and(|line| line.contains(": 0 errors ")),
                "{text}"
            );
            let lost = text.lines().filter(|line| line.contains(" lost: "));
            let lost: Vec<_> = lost
                .map(|line| line.rsplit("== ").next().unwrap().to_owned())
                .collect();
            lost
        });
        println!("{} {}: {:?}", end.word, end.code, lost[1]);
        // The payload of a panic is leaked on purpose: dropping it could panic again.
        assert!(
            end.word == "panic" || lost[0] == lost[1],
            "{}: {lost:?}",
            end.word
        );
    });
}
