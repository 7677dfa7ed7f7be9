//! `logonbox report`: one text for a support case.

mod names;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use login::outcome::Reason;
use login::system::System;

use self::names::Names;
use crate::check::{self, program, sshd::SSHD};
use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{THIS_MACHINE, absolute};
use crate::terminal::{HEADING, shown};
use crate::{config, unlock};

/// How many lines of the module's log are shown.
const LINES: usize = 50;
/// How much is read from the end of a log file.
const TAIL: u64 = 1 << 20;
/// The log files of rsyslog: Debian's, and that of Fedora and RHEL.
const LOGS: [&str; 2] = ["/var/log/auth.log", "/var/log/secure"];
/// Cleaned text has at most this many characters.
const PIECE: usize = 200;

/// The settings of sshd that are shown. Others can have secrets, such as `SetEnv`.
const OF_SSHD: [&str; 26] = [
    "authenticationmethods",
    "challengeresponseauthentication",
    "clientaliveinterval",
    "exposeauthinfo",
    "gssapiauthentication",
    "gssapikeyexchange",
    "hostbasedauthentication",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "logingracetime",
    "loglevel",
    "maxauthtries",
    "maxsessions",
    "maxstartups",
    "pamservicename",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "persourcemaxstartups",
    "persourcepenalties",
    "port",
    "pubkeyauthentication",
    "strictmodes",
    "syslogfacility",
    "usedns",
    "usepam",
];

/// The words of log lines that are no reason of a refusal.
const OTHER_WORDS: [&str; 6] = [
    "ringing",
    "approved",
    "bypass",
    "remembered",
    "exempt",
    "debug",
];

const LOOK_IT_OVER: &str = "Look this report over before you send it.";

pub fn run(conf: &Path, args: &cli::Report, out: &mut dyn Write) -> Result<End, Failure> {
    let log = log();
    let sections = [
        ("Versions", Ok(versions())),
        ("Check", output(|out| check::run(conf, &CHECK, out))),
        (
            "Configuration",
            output(|out| config::run(conf, &CONFIG, out)),
        ),
        ("sshd -T", ask(&SSHD, &["-T"]).map(|text| of_sshd(&text))),
        ("Log", log.clone()),
    ];
    let mut names = None;
    if args.anonymous {
        let configs = absolute(conf).and_then(|conf| unlock::configs(&conf));
        let unread = configs.is_err();
        let (configs, settings) = configs.unwrap_or_default();
        names = Some(Names::collect(
            &configs,
            &settings,
            &THIS_MACHINE.hostname(),
            &std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
            &log.unwrap_or_default(),
        ));
        writeln!(
            out,
            "Names of hosts, tenants, domains, users and accounts, and IP addresses, are replaced by \
             stand-ins such as host-1."
        )?;
        if unread {
            writeln!(
                out,
                "The configuration could not be read, so that its names are not replaced."
            )?;
        }
        writeln!(
            out,
            "Groups, and names that are not in the configuration or in the log below, are not \
             replaced. {LOOK_IT_OVER}"
        )?;
    } else {
        writeln!(
            out,
            "This report has names of hosts, users and accounts, and IP addresses. --anonymous \
             replaces them. {LOOK_IT_OVER}"
        )?;
    }
    for (heading, text) in sections {
        writeln!(out, "\n{HEADING}== {heading} =={HEADING:#}")?;
        let text = match text {
            Ok(text) if text.trim().is_empty() => "not available: it is empty".to_owned(),
            Ok(text) => text,
            Err(why) => format!("not available: {why}"),
        };
        for line in text.trim_matches('\n').lines() {
            let line = match &mut names {
                Some(names) => names.replace(line),
                None => line.to_owned(),
            };
            writeln!(out, "{}", clean(&line))?;
        }
    }
    Ok(End::Fine)
}

const CHECK: cli::Check = cli::Check {
    user: None,
    json: false,
};
const CONFIG: cli::Config = cli::Config {
    example: false,
    service: None,
};

/// The output of another subcommand, without styles.
fn output(run: impl FnOnce(&mut dyn Write) -> Result<End, Failure>) -> Result<String, String> {
    let mut out = anstream::StripStream::new(Vec::new());
    match run(&mut out) {
        Ok(_) => Ok(String::from_utf8_lossy(&out.into_inner()).into_owned()),
        Err(failure) => Err(failure.to_string()),
    }
}

/// The output of a program.
fn ask(paths: &[&str], arguments: &[&str]) -> Result<String, String> {
    let Some(program) = program::find(paths) else {
        return Err(format!("there is no {}", paths.first().unwrap_or(&"")));
    };
    let said = program::ask(&program, arguments)?;
    if said.well {
        // ssh -V writes to the standard error.
        return Ok(if said.out.is_empty() {
            said.err
        } else {
            said.out
        });
    }
    let why = said.err.lines().next().unwrap_or("it fails");
    Err(format!("{}: {why}", program.display()))
}

/// The lines of `sshd -T` that are shown.
fn of_sshd(text: &str) -> String {
    let mut shown =
        "Only the settings that matter to logins. The others are left out.\n".to_owned();
    for line in text.lines() {
        let key = line.split(' ').next().unwrap_or_default();
        if OF_SSHD.contains(&key.to_ascii_lowercase().as_str()) {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}

fn versions() -> String {
    let os = std::fs::read_to_string("/etc/os-release").map_err(|error| error.to_string());
    let os = os.map(|text| {
        let name = text
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="));
        name.unwrap_or("unknown").trim_matches('"').to_owned()
    });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let rows = [
        ("logonbox", Ok(env!("CARGO_PKG_VERSION").to_owned())),
        ("packages", packages()),
        ("distribution", os),
        ("kernel", kernel.map_err(|error| error.to_string())),
        ("OpenSSH", ask(&["/usr/bin/ssh"], &["-V"])),
        ("sudo", ask(&["/usr/bin/sudo"], &["-V"])),
    ];
    let rows = rows.into_iter().map(|(name, version)| {
        let version = version.unwrap_or_else(|why| format!("not available: {why}"));
        match name {
            // Below the version are settings.
            "sudo" => format!("{name}: {}\n", version.lines().next().unwrap_or_default()),
            _ => format!("{name}: {}\n", version.trim()),
        }
    });
    rows.collect()
}

/// The packages of the module, libpam, OpenSSH and sudo, as dpkg or rpm knows them.
fn packages() -> Result<String, String> {
    let dpkg = ["/usr/bin/dpkg-query"];
    let rpm = ["/usr/bin/rpm"];
    let (paths, arguments): (&[&str], &[&str]) = if program::find(&dpkg).is_some() {
        let form = "${Package} ${Version}, ";
        let names = [
            "-W",
            "-f",
            form,
            "libpam-logonbox",
            "libpam0g",
            "openssh-server",
            "sudo",
        ];
        (&dpkg, &names.clone())
    } else {
        let names = ["-q", "pam_logonbox", "pam", "openssh-server", "sudo"];
        (&rpm, &names.clone())
    };
    let Some(program) = program::find(paths) else {
        return Err("there is neither dpkg-query nor rpm".to_owned());
    };
    // The status tells only that one of them is not installed.
    let said = program::ask(&program, arguments)?;
    let out = said.out.trim().trim_end_matches(',').replace('\n', ", ");
    let not_installed = said.err.lines().map(|line| format!("; {line}"));
    Ok(out + &not_installed.collect::<String>())
}

/// The last lines that the module has written.
fn log() -> Result<String, String> {
    let journal = journal();
    if let Ok(lines) = &journal
        && !lines.is_empty()
    {
        return journal;
    }
    let why = journal
        .err()
        .unwrap_or_else(|| "the journal has no line".to_owned());
    let mut whys = vec![why];
    for path in LOGS {
        match tail(Path::new(path)) {
            Ok(text) => {
                let lines: Vec<&str> = text
                    .lines()
                    .filter(|line| line.contains(": pam_logonbox("))
                    .collect();
                if let Some(last) = lines.rchunks(LINES).next() {
                    return Ok(format!("{path}\n{}", last.join("\n")));
                }
                whys.push(format!("{path} has no line"));
            }
            Err(error) => whys.push(format!("{path}: {error}")),
        }
    }
    Err(whys.join("; "))
}

fn journal() -> Result<String, String> {
    let arguments = of_journal();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    ask(&["/usr/bin/journalctl", "/bin/journalctl"], &arguments)
}

/// The arguments of journalctl for the module's lines. Every user can write lines with the same
/// fields, but not as root.
fn of_journal() -> Vec<String> {
    let lines = format!("--lines={LINES}");
    let options = [
        "--quiet",
        "--no-pager",
        "--output=short-iso",
        &lines,
        "_UID=0",
    ];
    let words = Reason::ALL.iter().map(|reason| reason.as_str());
    let words = words.chain(OTHER_WORDS);
    let words = words.map(|word| format!("PAM_LOGONBOX_WORD={word}"));
    options
        .map(str::to_owned)
        .into_iter()
        .chain(words)
        .collect()
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Makes a line harmless for a terminal, however long it is.
fn clean(line: &str) -> String {
    let line = line.replace('\t', " ");
    let signs: Vec<char> = line.chars().collect();
    signs
        .chunks(PIECE)
        .map(|piece| shown(&piece.iter().collect::<String>()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_sshd_that_can_have_secrets_are_left_out() {
        let text = "port 22\nusepam yes\nSetEnv API_TOKEN=hidden\nsetenv API_TOKEN=hidden\n\
                    banner /etc/hidden\nauthenticationmethods publickey,keyboard-interactive:pam\n\
                    KbdInteractiveAuthentication yes\n";
        assert_eq!(
            of_sshd(text),
            "Only the settings that matter to logins. The others are left out.\n\
             port 22\nusepam yes\nauthenticationmethods publickey,keyboard-interactive:pam\n\
             KbdInteractiveAuthentication yes\n"
        );
    }

    #[test]
    fn the_journal_is_asked_for_the_words_of_the_module_and_lines_of_root() {
        let arguments = of_journal();
        for argument in [
            "_UID=0",
            "PAM_LOGONBOX_WORD=approved",
            "PAM_LOGONBOX_WORD=ringing",
            "PAM_LOGONBOX_WORD=declined",
            "PAM_LOGONBOX_WORD=panic",
        ] {
            assert!(
                arguments.iter().any(|one| one == argument),
                "{argument}: {arguments:?}"
            );
        }
        let words = arguments
            .iter()
            .filter(|one| one.starts_with("PAM_LOGONBOX_WORD="));
        assert_eq!(words.count(), Reason::ALL.len() + OTHER_WORDS.len());
    }
}
