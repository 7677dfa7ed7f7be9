//! `logonbox check`: finds errors that lock users out or admit them without their phone.
//!
//! It changes no files, logs no user in, and rings no phone.

mod accounts;
mod configuration;
mod directories;
mod exemptions;
mod files;
mod finding;
pub mod ids;
mod machine;
mod modules;
mod pam_files;
mod print;
pub mod program;
mod programs;
mod questions;
mod roles;
mod selinux;
mod server;
pub mod service_sections;
mod services;
mod spelling;
pub mod sshd;
mod stacks;
mod sudo;
#[cfg(test)]
mod test_host;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use login::pins;
use login::system::System;

use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{THIS_MACHINE, absolute};
use crate::terminal;

use configuration::Configs;
use files::Root;
use finding::{Area, Report, Severity};
use pam_files::Place;
use services::{Service, Services};
use stacks::Context;
use sudo::Sudo;

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
    let sudos = Sudo::ask(root, report);
    let of_sudo: BTreeSet<String> = sudos.iter().flat_map(Sudo::services).collect();
    let services = Services::ask(root, None, &of_sudo);
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
        after_key: settings
            .first()
            .filter(|settings| settings.is_after_key())
            .map(|settings| settings.service().to_ascii_lowercase()),
        sshd_unknown: settings.is_empty() && program::find(&sshd::SSHD).is_some(),
        named: settings
            .iter()
            .map(|settings| settings.service().to_ascii_lowercase())
            .chain(of_sudo.iter().cloned())
            .collect(),
        sudos: &sudos,
        has_package: program::has_package,
    };
    stacks::check(&services, &around, report);
    for settings in &settings {
        // libpam looks for the name in lower case, and takes `other` if it has no such service.
        let name = settings.service().to_ascii_lowercase();
        let service = services.get(&name).or_else(|| services.get("other"));
        if let Some(service) = service.filter(|service| service.has_phone()) {
            let path = stacks::configuration(service, conf);
            let expected = sshd::Expected {
                by_key: stacks::is_by_key(service),
                phone_alone: around.after_key.as_ref() == Some(&name)
                    && !stacks::asks_for_a_factor(service),
                config: path.and_then(|path| configs.get(&path, &name)),
            };
            sshd::check(settings, &expected, report);
        } else if services.get("sshd").is_some_and(Service::has_phone) {
            sshd::without_phone(settings, report);
        }
    }

    directories::of_services(root, &services, report);
    let config_of = |name: &str| {
        let service = services.get(name)?;
        let path = stacks::configuration(service, conf)?;
        Some((service.phone_place(), configs.get(&path, name)?))
    };
    for sudo in &sudos {
        sudo.check(&services, report);
        let names = sudo.services();
        let configs: Vec<_> = names.iter().filter_map(|name| config_of(name)).collect();
        sudo.shows_code(&configs, report);
        for (_, config) in configs {
            sudo.prompts(config, report);
        }
    }
    programs::check(root, &services, conf, &configs, report);
    if let Some((_, config)) = config_of("login") {
        machine::console(root, config.wait.login_seconds, report);
    }
    machine::log(root, report);
    let different = configs.different();
    let of_all = different.iter().map(|(.., config)| *config);
    selinux::check(root, of_all, report);

    let mut waiting = Waiting::default();
    for (path, services, config) in different {
        configuration::pinned(config, Path::new(pins::DIRECTORY), report);
        // The settings of the file are for all services that have no others.
        let services: &[&str] = if services.contains(&"") {
            &[""]
        } else {
            &services
        };
        let person = user.map(|user| (user, services));
        let mut progress = |what: &str| waiting.say(what);
        server::check(path, config, person, server::now(), &mut progress, report);
    }
}

/// sshd may ask any service but those of other programs: see `PAMServiceName`.
fn may_be_of_sshd(service: &str) -> bool {
    !["login", "su", "su-l", "sudo", "sudo-i"].contains(&service)
}

/// The configurations that the stacks name, or else `conf`.
fn configurations(services: &Services, conf: &Path, report: &mut Report) -> Configs {
    let mut paths: BTreeMap<PathBuf, Option<Place>> = stacks::configurations(services, conf)
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
        if let Some(path) = stacks::configuration(service, conf) {
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
