//! Many logins in one process, of each kind of end: nothing is left behind, and the host is as it was.
//!
//! `make soak` has ten thousand of each, and looks into a few with valgrind. What this was seen to fail
//! for: docs/mistakes-of-others.md.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, iter};

use crate::airlock;
use crate::faults::side_by_side;
use crate::stage::{Login, Running, Stage, but_memory, nobody};
use tenant::{Certificate, Options};

/// One kind of end.
struct End {
    /// The mode, and the account, which tells the tenant what to do.
    name: String,
    /// The first word of its line in the log.
    word: &'static str,
    code: &'static str,
    stage: Stage,
    user: &'static str,
    options: Vec<String>,
}

/// Time runs this much faster, so that holds and time-outs take no time, and the network does.
const SPEED: &str = "speed=100";

/// `connect_seconds` is 0.6 s then, for machines that are busy.
const WAITS: &str = "[wait]\nconnect_seconds = 60\nlogin_seconds = 60\n";
const NO_LIMIT: &str = "unapproved_pushes_per_10_minutes = 0\n";

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
    let stage = Stage::with(options, account, "", &rest);
    End {
        name: format!("push {account}"),
        word,
        code,
        stage,
        user: "root",
        options: Vec::new(),
    }
}

fn airlock(word: &'static str, code: &'static str, account: &str, types: &str, otp: &str) -> End {
    let only = "allow_password_only = true";
    let stage = airlock::stage(account, only, &format!("{WAITS}[policy]\n{NO_LIMIT}"));
    End {
        name: format!("airlock {account}"),
        word,
        code,
        stage,
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

    fn configured(self, change: impl FnOnce(&Stage)) -> Self {
        change(&self.stage);
        self
    }

    /// For that long, and not for the minute.
    fn waiting(self, seconds: &str) -> Self {
        let (key, _) = seconds.split_once(" = ").unwrap();
        self.configured(|stage| {
            let text = fs::read_to_string(stage.path("pam_logonbox.toml")).unwrap();
            let text = text.replace(&format!("{key} = 60"), seconds);
            stage.write("pam_logonbox.toml", &text);
        })
    }

    /// A few logins. Time is as it is: the program is slow enough.
    fn under_valgrind(&self, times: usize, log: &Path) -> Login {
        let times = format!("times={times}");
        let own = self.options.iter().map(String::as_str);
        let options: Vec<&str> = iter::once(&*times).chain(own).collect();
        let mut command = self.stage.command(self.user, "login", &options, &[]);
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = Command::new("valgrind");
        // The ciphers are written in assembler, whose bytes it takes for undefined.
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
        let options: Vec<&str> = [SPEED, &times]
            .into_iter()
            .chain(own)
            .chain(more.iter().copied())
            .collect();
        // Else what the allocator keeps for a thread counts as held.
        let exact = [("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")];
        let login = self.stage.start_as(self.user, "login", &options, &exact);
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
        push("unreachable", "PAM_MAXTRIES", "cut"),
        push("unreachable", "PAM_AUTHINFO_UNAVAIL", "approve").configured(|stage| {
            stage.configure(
                &nobody(),
                "approve",
                "",
                &format!("{WAITS}[policy]\n{NO_LIMIT}"),
            );
        }),
        push("unreachable", "PAM_IGNORE", "approve").configured(|stage| {
            let ignore = format!("{WAITS}[policy]\n{NO_LIMIT}on_unavailable = \"ignore\"");
            stage.configure(&nobody(), "approve", "", &ignore);
        }),
        push("timed-out", "PAM_AUTHINFO_UNAVAIL", "keys-never").waiting("connect_seconds = 1"),
        push_with("tls", "PAM_AUTHINFO_UNAVAIL", "approve", bad, ""),
        push("no-account", "PAM_AUTH_ERR", "nobody-here"),
        push("no-key", "PAM_AUTH_ERR", "keys-none"),
        push("unknown-user", "PAM_AUTH_ERR", "approve").of("no-such-user"),
        push_with(
            "exempt",
            "PAM_IGNORE",
            "approve",
            Options::default(),
            "exempt_users = [\"root\"]\n",
        ),
        push("configuration", "PAM_SERVICE_ERR", "approve")
            .configured(|stage| stage.write("pam_logonbox.toml", "[logonbox]\n")),
        push("conversation", "PAM_CONV_ERR", "approve")
            .configured(|stage| {
                let enter =
                    format!("{WAITS}[policy]\n{NO_LIMIT}[conversation]\nannounce = \"enter\"");
                stage.configure(stage.tenant.authority(), "approve", "", &enter);
            })
            .with("answers=none"),
        push("limit", "PAM_AUTH_ERR", "decline").configured(|stage| {
            let limit = format!("{WAITS}[policy]\nunapproved_pushes_per_10_minutes = 1\n");
            stage.configure(stage.tenant.authority(), "decline", "", &limit);
            stage.login("login", &[]);
        }),
        push("local-failure", "PAM_AUTHINFO_UNAVAIL", "approve")
            .with("fault=pthread_create:0:1000000000:11"),
        push("panic", "PAM_ABORT", "approve").with("fault=clock_gettime:0:1000000000:22"),
        push("interrupted", "PAM_CONV_ERR", "approve")
            .with("block")
            .with("catch")
            .with("interrupt"),
        airlock("approved", "PAM_SUCCESS", "password-only", right, ""),
        airlock("approved", "PAM_SUCCESS", "otp", right, "A1b2C3"),
        airlock("wrong-password", "PAM_MAXTRIES", "nobody-here", "wrong", ""),
        End {
            stage: airlock::patient_stage(&format!("{WAITS}[policy]\n{NO_LIMIT}")),
            ..airlock("wrong-otp", "PAM_MAXTRIES", "", right, "000000")
        },
        airlock("locked", "PAM_MAXTRIES", "locked", right, ""),
        airlock("unsupported-step", "PAM_MAXTRIES", "step-A_STEP", right, ""),
        airlock("conversation", "PAM_MAXTRIES", "otp", right, "").with("answers=password"),
    ]
}

/// In bytes: what is set up once, which may come late where logins end before they come that far.
/// Seen: 2368.
const ONCE: u64 = 3 << 10;

/// What is held after a tenth, a half, and all of the logins.
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
        assert_eq!(but_memory(state), but_memory(before));
    }
    Held {
        kilobytes: all("kilobytes="),
        bytes: all("heap="),
    }
}

/// `LOGINS`, or as many as show a leak.
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
        // Each of them ended so.
        assert_eq!(login.all("changed"), [""; 0], "{word}");
        let Held { kilobytes, bytes } = held(&login, logins);
        let name = &end.name;
        let line =
            format!("{word:16} {code:21} {name:24} {kilobytes:?} kB  {bytes:?} bytes  {took:.1} s");
        // From a tenth on. Most of what is set up once comes before.
        let [early, _, late] = bytes;
        let kept = late.saturating_sub(early);
        // What was thrown in a panic is left alone: dropping it could panic again.
        let per_login = if word == "panic" { 512 } else { 16 };
        let most = (per_login * u64::try_from(logins).unwrap()).max(ONCE);
        assert!(kept < most, "{line}");
        let [_, half_way, late] = kilobytes;
        // What a thread needs now and then, where it comes further than before, is no leak.
        assert!(word == "panic" || late < half_way + 4096, "{line}");
        table.lock().unwrap().push((number, line));
    });
    let mut table = table.into_inner().unwrap();
    table.sort();
    for (_, line) in table {
        println!("{line}");
    }
}

/// What it reports is the same after few logins and after more, and no read or write is wrong.
#[test]
#[ignore = "takes minutes; make soak"]
fn valgrind_finds_nothing_however_they_end() {
    side_by_side(&ends(), |_, end| {
        let lost = [2, 6].map(|logins| {
            let log = end.stage.path("valgrind");
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
        // What was thrown in a panic is left alone: dropping it could panic again.
        assert!(
            end.word == "panic" || lost[0] == lost[1],
            "{}: {lost:?}",
            end.word
        );
    });
}
