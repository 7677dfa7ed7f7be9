//! `SELinux`: the package's policy, and the port of the server.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use login::config::{Config, Mode};

use super::files::Root;
use super::finding::{Area, Finding, Report, Severity};
use super::program;

const SELINUX: &str = "/sys/fs/selinux";
/// The domains of the host programs that are confined by default. If the first of a pair exists,
/// the second does not run PAM.
const DOMAINS: [&[&str]; 2] = [&["sshd_session_t", "sshd_t"], &["local_login_t"]];

/// Checks what `SELinux` lets the module do, if it is enforcing.
pub fn check<'c>(root: &Root, configs: impl Iterator<Item = &'c Config>, report: &mut Report) {
    let enforcing = root
        .read(&Path::new(SELINUX).join("enforce"))
        .is_ok_and(|text| text.trim() == "1");
    if !enforcing {
        return;
    }
    policy(|kind| knows_type(root, kind), report);
    let ports: BTreeSet<u16> = configs.filter_map(first_hop).collect();
    let kernel = |domain: &str, kind: &str| may_connect(root, domain, kind);
    for number in ports {
        port(number, kind_of_port, kernel, report);
    }
}

/// Without the package's policy, the module cannot connect to a server. `knows` asks the kernel for a
/// type of the policy.
fn policy(knows: impl FnOnce(&str) -> Result<bool, String>, report: &mut Report) {
    const WHAT: &str = "SELinux: the package's policy";
    match knows("pam_logonbox_run_t") {
        Ok(true) => report.checked(Area::Host, WHAT),
        Ok(false) => report.add(
            Area::Host,
            Finding::new(
                Severity::Error,
                "selinux-policy-missing",
                "SELinux is enforcing, but the kernel does not have the package's policy",
                "SELinux does not allow sshd and login to connect to the server. They refuse every login, while `logonbox login` works.",
                "If `semodule -lfull` lists it as disabled, run semodule -e pam_logonbox. Otherwise run semodule -X 200 -i /usr/share/selinux/packages/pam_logonbox.cil && systemd-tmpfiles --create pam_logonbox.conf",
            ),
        ),
        Err(why) => report.skipped(Area::Host, WHAT, why),
    }
}

/// The port of the proxy or the server. `None`: another check reports a bad address.
fn first_hop(config: &Config) -> Option<u16> {
    match &config.tls.proxy {
        Some(proxy) => bounded_https::proxy_address(proxy).ok(),
        None => Some(match &config.mode {
            Mode::Push(tenant) => tenant.clone(),
            Mode::Airlock(url) => url.authority().clone(),
        }),
    }
    .map(|address| address.port())
}

/// The kernel's answer about one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    NoSuchDomain,
    Allowed,
    Denied,
}

/// Compares the type of a port with what the kernel's policy allows.
fn port(
    number: u16,
    kind_of_port: impl FnOnce(u16) -> Result<String, String>,
    may_connect: impl Fn(&str, &str) -> Result<Access, String>,
    report: &mut Report,
) {
    let what = format!("SELinux: TCP port {number}");
    let asked = kind_of_port(number).and_then(|kind| {
        let mut denied = Vec::new();
        for candidates in DOMAINS {
            for domain in candidates {
                match may_connect(domain, &kind)? {
                    Access::NoSuchDomain => continue,
                    Access::Allowed => {}
                    Access::Denied => denied.push(*domain),
                }
                break;
            }
        }
        Ok((kind, denied))
    });
    let (kind, denied) = match asked {
        Ok(answer) => answer,
        Err(why) => {
            report.skipped(Area::Host, what, why);
            return;
        }
    };
    if denied.is_empty() {
        report.checked(Area::Host, what);
        return;
    }
    report.add(
        Area::Host,
        Finding::new(
            Severity::Error,
            "selinux-port",
            format!(
                "SELinux does not allow {} to connect to TCP port {number}, which has the type {kind}",
                denied.join(" and ")
            ),
            "These programs refuse every login, while `logonbox login` works.",
            format!(
                "Run semanage port -a -t http_port_t -p tcp {number}. If the port has its own type \
                 already, use -m instead of -a."
            ),
        ),
    );
}

/// The first and the last port, and their type.
type Range = (u16, u16, String);

/// Asks a program of the host for the type of a TCP port.
fn kind_of_port(number: u16) -> Result<String, String> {
    let seinfo = program::find(&["/usr/bin/seinfo"]);
    let semanage = program::find(&["/usr/sbin/semanage", "/usr/bin/semanage"]);
    let (program, arguments, read): (_, _, fn(&str) -> Vec<Range>) = match (seinfo, semanage) {
        (Some(seinfo), _) => (seinfo, vec![format!("--portcon={number}")], portcons),
        (None, Some(semanage)) => {
            let arguments = ["port", "--list", "--noheading"].map(str::to_owned);
            (semanage, arguments.to_vec(), listed)
        }
        (None, None) => {
            return Err(
                "no program tells the type of a port: install setools (seinfo) or \
                            policycoreutils-python-utils (semanage)"
                    .to_owned(),
            );
        }
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = program::ask(&program, &arguments)?;
    if !output.well {
        let error = output.err.lines().last().unwrap_or_default();
        return Err(format!("{}: {error}", program.display()));
    }
    narrowest(&read(&output.out), number)
        .ok_or_else(|| format!("{} names no single type for it", program.display()))
}

/// The ranges of TCP ports in the output of seinfo, such as
/// `portcon tcp 1-511 system_u:object_r:reserved_port_t:s0`.
fn portcons(output: &str) -> Vec<Range> {
    let range = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "portcon" && words.next()? == "tcp").then_some(())?;
        let (low, high) = range(words.next()?)?;
        Some((low, high, words.next()?.split(':').nth(2)?.to_owned()))
    };
    output.lines().filter_map(range).collect()
}

/// The ranges of TCP ports in the output of semanage, such as `http_port_t  tcp  80, 81, 443`.
fn listed(output: &str) -> Vec<Range> {
    let mut ranges = Vec::new();
    for line in output.lines() {
        let mut words = line.split_whitespace();
        let (Some(kind), Some("tcp")) = (words.next(), words.next()) else {
            continue;
        };
        let all = words.filter_map(|word| range(word.trim_end_matches(',')));
        ranges.extend(all.map(|(low, high)| (low, high, kind.to_owned())));
    }
    ranges
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some((low.parse().ok()?, high.parse().ok()?))
}

/// The type of the smallest range with this port, which is the one that counts. `None` if two types
/// have equally small ranges.
fn narrowest(ranges: &[Range], port: u16) -> Option<String> {
    let size = |(low, high, _): &&Range| high.saturating_sub(*low);
    let around = || {
        let all = ranges.iter();
        all.filter(|(low, high, _)| (*low..=*high).contains(&port))
    };
    let smallest = around().map(|range| size(&range)).min()?;
    let mut kinds: Vec<_> = around().filter(|range| size(range) == smallest).collect();
    kinds.dedup_by(|(.., one), (.., other)| one == other);
    match &kinds[..] {
        [(.., kind)] => Some(kind.clone()),
        _ => None,
    }
}

/// The ending of a context. Policies without levels refuse a context that has one.
fn level(root: &Root) -> Result<&'static str, String> {
    Ok(if number(root, "mls")? == 1 { ":s0" } else { "" })
}

fn number(root: &Root, name: &str) -> Result<u32, String> {
    let path = Path::new(SELINUX).join(name);
    let text = root.read(&path).unwrap_or_default();
    let number = text.trim().parse();
    number.map_err(|_| format!("{} cannot be read", path.display()))
}

/// Whether the policy that the kernel has loaded knows this type, as `security_check_context(3)` asks.
fn knows_type(root: &Root, kind: &str) -> Result<bool, String> {
    let context = format!("system_u:object_r:{kind}{}", level(root)?);
    let path = Path::new(SELINUX).join("context");
    let opened = OpenOptions::new().write(true).open(root.path(&path));
    match opened.and_then(|mut file| file.write_all(context.as_bytes())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(false),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Asks the kernel as `security_compute_av(3)` does.
fn may_connect(root: &Root, domain: &str, kind: &str) -> Result<Access, String> {
    let level = level(root)?;
    let class = number(root, "class/tcp_socket/index")?;
    let permission = number(root, "class/tcp_socket/perms/name_connect")?;
    let question =
        format!("system_u:system_r:{domain}{level} system_u:object_r:{kind}{level} {class}");
    let access = Path::new(SELINUX).join("access");
    let failed = |error: std::io::Error| format!("{}: {error}", access.display());
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(root.path(&access))
        .map_err(failed)?;
    match file.write_all(question.as_bytes()) {
        Ok(()) => {}
        // The policy has no such type, or this role may not have it.
        Err(error) if error.kind() == ErrorKind::InvalidInput => return Ok(Access::NoSuchDomain),
        Err(error) => return Err(failed(error)),
    }
    let mut answer = String::new();
    file.take(4096)
        .read_to_string(&mut answer)
        .map_err(failed)?;
    verdict(&answer, permission)
        .ok_or_else(|| format!("{}: the answer is not understood", access.display()))
}

/// Reads `allowed decided auditallow auditdeny seqno flags`; all but `seqno` are hexadecimal.
fn verdict(answer: &str, permission: u32) -> Option<Access> {
    /// `SELINUX_AVD_FLAGS_PERMISSIVE`: this domain may do all.
    const PERMISSIVE: u32 = 1;
    let mut words = answer.split_whitespace();
    let allowed = u32::from_str_radix(words.next()?, 16).ok()?;
    let flags = u32::from_str_radix(words.nth(4)?, 16).ok()?;
    let bit = 1_u32.checked_shl(permission.checked_sub(1)?)?;
    Some(if allowed & bit != 0 || flags & PERMISSIVE != 0 {
        Access::Allowed
    } else {
        Access::Denied
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_host::{ids, machine};
    use super::*;

    #[test]
    fn the_policy_is_looked_for_only_if_selinux_enforces() {
        let enforcing = ("sys/fs/selinux/enforce", "1", 0o644);
        let mls = ("sys/fs/selinux/mls", "1", 0o644);
        let context = ("sys/fs/selinux/context", "", 0o644);
        for (files, skipped) in [
            (vec![], None),
            (vec![("sys/fs/selinux/enforce", "0", 0o644)], None),
            (vec![enforcing], Some(true)),
            (vec![enforcing, mls, context], Some(false)),
        ] {
            let (_dir, root) = machine(&files);
            let mut report = Report::default();
            check(&root, std::iter::empty(), &mut report);
            let checked = report.checked.first();
            let found = checked.map(|(_, checked)| checked.skipped.is_some());
            assert_eq!(found, skipped, "{files:?}");
        }
    }

    #[test]
    fn the_kernel_says_whether_it_has_the_policy() {
        for (answer, expected, skipped) in [
            (Ok(true), vec![], false),
            (Ok(false), vec!["selinux-policy-missing"], false),
            (Err("no".to_owned()), vec![], true),
        ] {
            let mut report = Report::default();
            policy(|_| answer.clone(), &mut report);
            assert_eq!(ids(&report), expected, "{answer:?}");
            assert_eq!(report.has_gaps(), skipped, "{answer:?}");
        }
    }

    /// As seinfo 4.4 and semanage 3.4 print them.
    #[test]
    fn the_type_of_a_port() {
        const SEINFO: &str = "\nPortcon: 4\n   \
            portcon sctp 1024-65535 system_u:object_r:unreserved_port_t:s0\n   \
            portcon tcp 1024-65535 system_u:object_r:unreserved_port_t:s0\n   \
            portcon tcp 8443 system_u:object_r:http_port_t:s0\n   \
            portcon udp 1024-65535 system_u:object_r:unreserved_port_t:s0\n";
        const SEMANAGE: &str = "\
            http_port_t                    tcp      80, 81, 443, 488, 8008, 8443\n\
            pegasus_https_port_t           tcp      5989\n\
            my_port_t                      tcp      5989\n\
            unreserved_port_t              tcp      61001-65535, 1024-32767\n\
            unreserved_port_t              udp      61001-65535, 1024-32767\n";
        for (ranges, port, kind) in [
            (portcons(SEINFO), 8443, Some("http_port_t")),
            (portcons(SEINFO), 9443, Some("unreserved_port_t")),
            (portcons(SEINFO), 443, None),
            (listed(SEMANAGE), 443, Some("http_port_t")),
            (listed(SEMANAGE), 9443, Some("unreserved_port_t")),
            (listed(SEMANAGE), 5989, None),
            (listed(SEMANAGE), 40000, None),
        ] {
            assert_eq!(narrowest(&ranges, port).as_deref(), kind, "{port}");
        }
    }

    #[test]
    fn the_kernel_says_which_programs_may_connect() {
        use Access::{Allowed, Denied, NoSuchDomain};
        let found = |kind: Result<&str, &str>, domains: [Result<Access, &str>; 3]| {
            let mut report = Report::default();
            let kind = kind.map(str::to_owned).map_err(str::to_owned);
            let may_connect = |domain: &str, _: &str| {
                let names = ["sshd_session_t", "sshd_t", "local_login_t"];
                let at = names.iter().position(|name| *name == domain).unwrap();
                domains[at].map_err(str::to_owned)
            };
            port(9443, |_| kind, may_connect, &mut report);
            let what = report.findings.first().map(|(_, found)| found.what.clone());
            let skipped = report
                .checked
                .first()
                .and_then(|(_, what)| what.skipped.clone());
            (what, skipped)
        };
        let denied = |who: &str| {
            let what = format!(
                "SELinux does not allow {who} to connect to TCP port 9443, which has the type x_port_t"
            );
            (Some(what), None)
        };
        let kind = Ok("x_port_t");
        let fine = (None, None);
        assert_eq!(
            found(kind, [Ok(NoSuchDomain), Ok(Allowed), Ok(Allowed)]),
            fine
        );
        // A split sshd runs PAM in its session's domain alone.
        assert_eq!(found(kind, [Ok(Allowed), Ok(Denied), Ok(Allowed)]), fine);
        assert_eq!(
            found(kind, [Ok(NoSuchDomain), Ok(Denied), Ok(Denied)]),
            denied("sshd_t and local_login_t")
        );
        assert_eq!(
            found(kind, [Ok(Denied), Ok(Allowed), Ok(NoSuchDomain)]),
            denied("sshd_session_t")
        );
        let skipped = (None, Some("no".to_owned()));
        assert_eq!(found(Err("no"), [Ok(Allowed); 3]), skipped);
        assert_eq!(found(kind, [Err("no"), Ok(Allowed), Ok(Allowed)]), skipped);
    }

    #[test]
    fn the_answer_of_the_kernel() {
        use Access::{Allowed, Denied};
        for (answer, verdict_of) in [
            ("200000 ffffffff 0 ffffffff 12 0", Some(Allowed)),
            ("100000 ffffffff 0 ffffffff 12 0", Some(Denied)),
            ("0 ffffffff 0 ffffffff 12 1", Some(Allowed)),
            ("0 ffffffff", None),
            ("", None),
        ] {
            assert_eq!(verdict(answer, 22), verdict_of, "{answer}");
        }
    }
}
