//! `logonbox check`: finds errors that lock users out or admit them without their phone.
//!
//! It changes no files, logs no user in, and rings no phone.

mod configuration;
mod directories;
mod dispatch;
mod exemptions;
mod files;
mod finding;
mod machine;
mod pam_d;
mod print;
mod program;
mod questions;
mod roles;
mod server;
mod sshd;
mod stacks;
mod walk;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use login::system::System;

use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{THIS_MACHINE, absolute};
use crate::terminal;

use configuration::Configs;
use files::Root;
use finding::{Area, Report, Severity};
use pam_d::{Place, Service};
use roles::Role;
use stacks::{Context, Services};

pub fn run(conf: &Path, args: &cli::Check, out: &mut dyn Write) -> Result<End, Failure> {
    let conf = absolute(conf)?;
    let mut report = Report::default();
    host(&Root::this(), &conf, args.user.as_deref(), &mut report);
    if args.json {
        print::json(&report, &THIS_MACHINE.hostname(), out)?;
    } else {
        print::text(&report, out)?;
    }
    Ok(if report.count(Severity::Error) > 0 {
        End::Wrong
    } else if report.count(Severity::Warning) > 0 || report.has_gaps() {
        End::Warnings
    } else {
        End::Fine
    })
}

fn host(root: &Root, conf: &Path, user: Option<&str>, report: &mut Report) {
    if !nix::unistd::geteuid().is_root() {
        report.skipped(
            Area::Host,
            "What only root may read",
            "run this as root (sudo) to have it looked at",
        );
    }
    let services = Services::read(root);
    let configs = configurations(&services, conf, report);

    let mut settings = Vec::new();
    if services
        .with_phone()
        .any(|service| may_be_of_sshd(&service.name))
    {
        let exempt = configs.files().values();
        let exempt: Vec<_> = exempt.flat_map(|config| &config.policy.exempt).collect();
        settings = sshd::ask(root, user, &exempt, report);
    }
    let around = Context {
        root,
        conf,
        configs: &configs,
        sshd_after_key: settings.first().is_some_and(sshd::Settings::is_after_key),
    };
    stacks::check(&services, &around, report);
    for settings in &settings {
        // libpam looks for the name in lower case.
        let name = settings.service().to_ascii_lowercase();
        let has_phone = |name: &str| services.with_phone().any(|service| service.name == name);
        if has_phone(&name) {
            let path = services.configuration(&name, conf);
            let config = path.and_then(|path| configs.get(&path, &name));
            let by_key = services.get(&name).is_some_and(starts_with_key);
            sshd::check(settings, &sshd::Expected { by_key, config }, report);
        } else if has_phone("sshd") {
            sshd::without_phone(settings, report);
        }
    }

    for service in services.with_phone() {
        for phone in service.phones() {
            machine::module_file(root, phone, report);
        }
    }
    for service in services.it_is_made_for() {
        machine::missing_modules(root, &service.auth, report);
    }
    let sudo = ["sudo", "sudo-i"].into_iter().find_map(|name| {
        let path = services.configuration(name, conf)?;
        let line = services.get(name)?.phones().next()?;
        Some((line, configs.get(&path, name)?))
    });
    if let Some((line, config)) = sudo {
        machine::silent_sudo(root, line, config, report);
    }
    let login = services.configuration("login", conf);
    if let Some(config) = login.and_then(|path| configs.get(&path, "login")) {
        machine::console(root, config.wait.login_seconds, report);
    }
    machine::log(root, report);
    machine::selinux(root, report);

    let mut waiting = Waiting::default();
    let mut asked = Vec::new();
    for (path, config) in configs.files() {
        // Several files may name the same server. Files with the same settings are checked once.
        let key = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            config.mode,
            config.logonbox,
            config.airlock,
            config.accounts,
            config.tls,
            config.policy
        );
        if !asked.contains(&key) {
            asked.push(key);
            let mut progress = |what: &str| waiting.say(what);
            server::check(path, config, user, server::now(), &mut progress, report);
        }
    }
}

/// sshd may ask any service but those of other programs: see `PAMServiceName`.
fn may_be_of_sshd(service: &str) -> bool {
    !["login", "su", "su-l", "sudo", "sudo-i"].contains(&service)
}

/// Whether the first factor is the key that sshd has verified.
fn starts_with_key(service: &Service) -> bool {
    let has = |role| walk::modules(&service.auth).any(|module| module.role == role);
    has(Role::Key) && !has(Role::Factor)
}

/// The configurations that the stacks name, or else `conf`.
fn configurations(services: &Services, conf: &Path, report: &mut Report) -> Configs {
    let mut paths: BTreeMap<PathBuf, Option<Place>> = services
        .configurations(conf)
        .into_iter()
        .map(|(path, place)| (path, Some(place)))
        .collect();
    if paths.is_empty() {
        paths.insert(conf.to_owned(), None);
    }
    let mut configs = Configs::default();
    for (path, place) in paths {
        let place = place.filter(|_| path != conf);
        if let Some(config) = configuration::load(&path, place.as_ref(), report) {
            configs.insert(path, config);
        }
    }
    configuration::compare(configs.files(), report);
    for service in services.with_phone() {
        if let Some(path) = services.configuration(&service.name, conf) {
            configs.add_service(&path, &service.name);
        }
    }
    configs
}

/// Shows the current request on a terminal, and clears the line at the end.
#[derive(Default)]
struct Waiting {
    said: bool,
}

const CLEAR_LINE: &str = "\r\u{1b}[2K";

impl Waiting {
    fn say(&mut self, what: &str) {
        if io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
        {
            self.said = true;
            let what = terminal::shown(what);
            // An output error must not end the check.
            let _ = write!(io::stderr(), "{CLEAR_LINE}{what}");
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.said {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }
}
