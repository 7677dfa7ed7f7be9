//! `logonbox unlock`: removes the counted attempts of an account.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use login::config::{Config, Mode, Setting};
use login::policy::Limit;
use login::system::{Directories, System};

use crate::check::service_sections;
use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{THIS_MACHINE, absolute, unreadable};
use crate::terminal::{GOOD, shown};

pub fn run(conf: &Path, args: &cli::Unlock, out: &mut dyn Write) -> Result<End, Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::new(
            "only root may remove counted attempts. Run this command as root (sudo).",
        ));
    }
    let servers = servers(&absolute(conf)?)?;
    let uptime = THIS_MACHINE.uptime();
    let uptime = uptime.map_err(|error| Failure::new(format!("the clock: {error}")))?;
    let directories = THIS_MACHINE.directories();
    let account = &args.account;
    if unlock(&servers, account, directories, uptime, out)? {
        return Ok(End::Fine);
    }
    writeln!(
        out,
        "There is nothing to unlock: this host has counted no attempt of {}.",
        shown(account)
    )?;
    // The name of a user in place of the account's.
    if let Ok(Some(user)) = THIS_MACHINE.name_of(account) {
        for config in servers.values() {
            let of_user = config.account(&user, &THIS_MACHINE.hostname());
            if of_user != *account {
                let [user, of_user] = [&user, &of_user].map(|name| shown(name));
                writeln!(out, "The account of the user {user} is {of_user}.")?;
            }
        }
    }
    Ok(End::Fine)
}

/// The servers that this host asks, each with a configuration. A service can have another server.
fn servers(conf: &Path) -> Result<BTreeMap<String, Config>, Failure> {
    let (configs, _) = configs(conf)?;
    let server = |config: &Config| match &config.mode {
        Mode::Push(tenant) => tenant.to_string(),
        Mode::Airlock(url) => url.to_string(),
    };
    let servers = configs.into_iter().map(|config| (server(&config), config));
    Ok(servers.collect())
}

/// The configuration of the whole host and those of the services, and all settings.
pub fn configs(conf: &Path) -> Result<(Vec<Config>, Vec<Setting>), Failure> {
    let wrong = |error| unreadable(conf, &error);
    let (config, settings) = Config::load_with_settings(conf, None).map_err(wrong)?;
    let mut configs = vec![config];
    for service in service_sections::names(&settings) {
        configs.push(Config::load(conf, &service).map_err(wrong)?);
    }
    Ok((configs, settings))
}

/// Returns whether there was an attempt.
fn unlock(
    servers: &BTreeMap<String, Config>,
    account: &str,
    directories: Directories<'_>,
    uptime: Duration,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let mut is_locked = false;
    for (server, config) in servers {
        let limit = Limit::of(config, account);
        let removed = limit.unlock(directories, uptime).map_err(Failure::new)?;
        if removed.all() == 0 {
            continue;
        }
        is_locked = true;
        writeln!(
            out,
            "{} at {}: {} without success removed. {GOOD}The account is free.{GOOD:#}",
            shown(account),
            shown(server),
            match removed.all() {
                1 => "1 attempt".to_owned(),
                many => format!("{many} attempts"),
            }
        )?;
    }
    Ok(is_locked)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, DirBuilder};
    use std::os::unix::fs::DirBuilderExt;

    use super::*;

    const PUSH: &str = "[logonbox]\ntenant = \"acme.logonbox.directory\"\n\
                        account = \"{user}@acme.com\"\n";
    /// lee@acme.com at this tenant. The name of the directory must stay, so that an upgrade of the
    /// module frees no account.
    const LEE: &str = "210f48221e83618c2bc5d1805f133b50ec700dd294687647906f337968b88b03";
    /// The same at Airlock.
    const AIRLOCK_LEE: &str = "4017aa851a1c186d3daef487e08a79f0bc519837f4d5544d123610d781ef413a";

    struct Host {
        directory: tempfile::TempDir,
        servers: BTreeMap<String, Config>,
    }

    impl Host {
        fn new(text: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("pam_logonbox.toml");
            fs::write(&file, text).unwrap();
            let servers = servers(&file).unwrap();
            Self { directory, servers }
        }

        /// Counts attempts as the module does.
        fn count(&self, digest: &str, in_a_row: usize, recent: usize) {
            let lib = self.directory.path().join("lib/attempts").join(digest);
            let run = self.directory.path().join("run");
            for path in [&lib, &run] {
                let mut builder = DirBuilder::new();
                builder.mode(0o700).recursive(true).create(path).unwrap();
            }
            for number in 1..=in_a_row {
                fs::write(lib.join(number.to_string()), "").unwrap();
            }
            for time in 1..=recent {
                fs::write(run.join(format!("{digest}.{time}")), "").unwrap();
            }
        }

        fn unlock(&self, account: &str) -> String {
            let [run, lib] = ["run", "lib"].map(|name| self.directory.path().join(name));
            let directories = Directories {
                run: &run,
                lib: &lib,
                ..Directories::usual()
            };
            let mut out = anstream::StripStream::new(Vec::new());
            let now = Duration::from_secs(9);
            let found = unlock(&self.servers, account, directories, now, &mut out).unwrap();
            let out = String::from_utf8(out.into_inner()).unwrap();
            assert_eq!(found, !out.is_empty());
            out
        }
    }

    #[test]
    fn both_counts_are_removed() {
        let host = Host::new(PUSH);
        let kim = "00000000000000000000000000000000";
        host.count(kim, 3, 3);
        for (in_a_row, recent, removed) in [
            (100, 6, "100 attempts"),
            (0, 6, "6 attempts"),
            (1, 0, "1 attempt"),
        ] {
            host.count(LEE, in_a_row, recent);
            assert_eq!(
                host.unlock("Lee@acme.com"),
                format!(
                    "Lee@acme.com at acme.logonbox.directory: {removed} without success removed. \
                     The account is free.\n"
                )
            );
            assert_eq!(host.unlock("lee@acme.com"), "");
        }
        let lib = host.directory.path().join("lib/attempts");
        let names = fs::read_dir(&lib).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [kim]);
        assert_eq!(
            fs::read_dir(host.directory.path().join("run"))
                .unwrap()
                .count(),
            3
        );
    }

    #[test]
    fn the_servers_of_single_services_are_unlocked_too() {
        let text = format!(
            "{PUSH}[airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n\
             [service.sudo]\nmode = \"airlock\"\n"
        );
        let host = Host::new(&text);
        host.count(AIRLOCK_LEE, 100, 0);
        assert_eq!(
            host.unlock("lee@acme.com"),
            "lee@acme.com at https://iam.acme.com/auth/rest: 100 attempts without success removed. \
             The account is free.\n"
        );
    }
}
