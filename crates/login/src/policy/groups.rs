//! Groups: when it is certain that a user is a member, and when it is certain that a user is none.
//!
//! A directory that does not answer hides groups: getgrouplist(3) then returns fewer of them and no
//! error (measured with sssd, stopped and killed). So "not a member" needs a witness.

use std::env;

use super::person::keeps_domain;
use super::{enough_memory, has_spare_files};
use crate::system::{Group, System, UserGroups};

/// Whether it is certain that `user` is in `group`, as getgrnam(3) finds it.
///
/// # Errors
///
/// This is not known. The text says why.
pub fn is_member(system: &dyn System, user: &str, group: &str) -> Result<bool, String> {
    let group = look_up(system, group)?.ok_or_else(|| missing(group))?;
    let of_user = groups_of(system, user)?;
    Ok(of_user.is_some_and(|of_user| group.has(&of_user.name, Some(&of_user))))
}

/// Whether it is certain that `user` is in none of `groups`. `false` if the user is in one of them.
///
/// # Errors
///
/// This is not known. The text says why.
pub fn is_in_none(system: &dyn System, user: &str, groups: &[String]) -> Result<bool, String> {
    let of_user = groups_of(system, user)?;
    let of_user = of_user.as_ref();
    let name = of_user.map_or(user, |of_user| &of_user.name);
    let file = system
        .group_file()
        .map_err(|error| format!("/etc/group cannot be read: {error}"))?;
    let in_file = local_groups(&file)?;
    let mut all_in_file = true;
    let mut unknown = None;
    for group in groups {
        let local: Vec<_> = in_file
            .iter()
            .filter(|local| local.name == *group)
            .collect();
        let in_database = look_up(system, group).unwrap_or_else(|why| {
            unknown = Some(why);
            None
        });
        if local.is_empty() && in_database.is_none() {
            unknown.get_or_insert_with(|| missing(group));
        }
        all_in_file &= !local.is_empty();
        let mut found = local.into_iter().chain(&in_database);
        if found.any(|group| group.has(name, of_user)) {
            return Ok(false);
        }
    }
    if let Some(unknown) = unknown {
        return Err(unknown);
    }

    // The first witness: these groups are in the file, and no directory can have more members.
    let sources = system.name_services().unwrap_or_default();
    let names_no_directory = !has_nis_lines(&file)
        && is_local(&sources, "group") == Some(true)
        // glibc uses the line `group` if there is no other.
        && is_local(&sources, "initgroups") != Some(false)
        // A user that this host does not know could have one of the groups as the primary group.
        && (of_user.is_some() || is_local(&sources, "passwd") == Some(true));
    let is_outside =
        all_in_file && names_no_directory || directory_denies(system, of_user, &in_file, groups)?;
    if !is_outside {
        return Ok(false);
    }
    if env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_for_groups)) {
        return Err("the environment changes how groups are looked up".to_owned());
    }
    // Without file descriptors, the user database reports fewer groups and no error.
    if !has_spare_files() {
        return Err("too few file descriptors left to look up groups".to_owned());
    }
    enough_memory().map_err(|refusal| refusal.detail)?;
    Ok(true)
}

/// The second witness: the directory has just reported a group of this user. Returns whether none of
/// the user's groups has one of these names.
fn directory_denies(
    system: &dyn System,
    of_user: Option<&UserGroups>,
    in_file: &[Group],
    groups: &[String],
) -> Result<bool, String> {
    let is_in_file = |id: &u32| in_file.iter().any(|local| local.id == *id);
    let of_directory = of_user.into_iter().flat_map(UserGroups::supplementary);
    let of_directory: Vec<_> = of_directory.filter(|id| !is_in_file(id)).collect();
    if of_directory.is_empty() {
        return Err("no directory has reported a group of this user".to_owned());
    }
    // A local group hides a group of the directory that has the same name.
    let primary = of_user.map(|of_user| of_user.primary);
    for id in of_directory.into_iter().chain(primary) {
        match system.group_name(id) {
            Ok(Some(name)) if groups.contains(&name) => return Ok(false),
            Ok(Some(_)) => {}
            Ok(None) => return Err(format!("the group {id} of this user has no name")),
            Err(error) => return Err(format!("the group {id} cannot be looked up: {error}")),
        }
    }
    Ok(true)
}

fn look_up(system: &dyn System, group: &str) -> Result<Option<Group>, String> {
    let found = system.group(group);
    found.map_err(|error| format!("the group {group} cannot be looked up: {error}"))
}

fn groups_of(system: &dyn System, user: &str) -> Result<Option<UserGroups>, String> {
    let failed = |error| format!("the groups of the user cannot be looked up: {error}");
    let found = system.groups_of(user).map_err(failed)?;
    if let Some(of_user) = &found {
        let name = &of_user.name;
        let id_of = |name| system.id_of(name).map_err(failed);
        if name != user && (!keeps_domain(user, name) || id_of(name)? != id_of(user)?) {
            return Err(format!("the user {name} may be another one than {user}"));
        }
    }
    Ok(found)
}

fn missing(group: &str) -> String {
    format!("there is no group {group}")
}

/// Variables that make a user database answer "not found". `libnss_sss` and `libnss_winbind` obey
/// theirs in setuid programs, too (measured with su and sssd 2.8); `libnss_systemd` may.
fn is_for_groups(name: &str) -> bool {
    matches!(
        name,
        "_SSS_LOOPS" | "_NO_WINBINDD" | "SYSTEMD_BYPASS_USERDB" | "SYSTEMD_ONLY_USERDB"
    )
}

/// The groups in a text such as /etc/group (group(5)). The C library accepts more than this reader,
/// so a line that is not understood is an error.
fn local_groups(file: &str) -> Result<Vec<Group>, String> {
    let group = |line: &str| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        let members = fields.next().unwrap_or_default().split(',');
        Some(Group {
            name: name.to_owned(),
            id: id.parse().ok()?,
            members: members.map(|name| name.trim().to_owned()).collect(),
        })
    };
    let lines = file
        .lines()
        .zip(1..)
        .map(|(line, number)| (line.trim_start(), number));
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with(['#', '+', '-']))
        .map(|(line, number)| {
            group(line).ok_or_else(|| format!("/etc/group line {number} is not understood"))
        })
        .collect()
}

/// Whether the file has lines for NIS, which the source `compat` obeys (nsswitch.conf(5)).
fn has_nis_lines(file: &str) -> bool {
    file.lines()
        .any(|line| line.trim_start().starts_with(['+', '-']))
}

/// Whether the sources of `database` in nsswitch.conf(5) are on this host alone. `None` if there is
/// no such line.
fn is_local(sources: &str, database: &str) -> Option<bool> {
    let lines = sources.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default().trim_start();
        // glibc also accepts a blank in place of the colon (nss_database.c).
        let (name, sources) = line.split_once(|c: char| c.is_whitespace() || c == ':')?;
        (name == database).then_some(sources)
    });
    lines
        .map(|sources| {
            // Actions such as [NOTFOUND=return] cannot add a source. Blanks around them are optional.
            let parts = sources
                .split('[')
                .enumerate()
                .map(|(place, part)| match place {
                    0 => part,
                    _ => part.split_once(']').map_or("[", |(_, names)| names),
                });
            let names = parts.flat_map(|part| part.split(|c: char| c.is_whitespace() || c == ':'));
            names
                .filter(|name| !name.is_empty())
                .all(|name| matches!(name, "files" | "systemd" | "compat"))
        })
        .reduce(|all, line| all && line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::ScriptedSystem;

    const LOCAL: &str = "passwd: files\ngroup: files [SUCCESS=merge] systemd # sss\n";
    const DIRECTORY: &str = "passwd: files sss\ngroup: files sss\n";

    fn group(name: &str, id: u32, members: &[&str]) -> Group {
        Group {
            name: name.to_owned(),
            id,
            members: members.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// A user with the primary group 100 and these supplementary groups.
    fn lee(ids: &[u32]) -> UserGroups {
        UserGroups {
            name: "lee".to_owned(),
            primary: 100,
            all: [&[100], ids].concat(),
        }
    }

    fn system(file: &str, sources: &str, of_user: Option<UserGroups>) -> ScriptedSystem {
        ScriptedSystem {
            groups: vec![group("push", 500, &[]), group("staff", 600, &[])],
            group_names: &[(100, "users"), (600, "staff"), (700, "local"), (800, "eng")],
            groups_of: of_user,
            group_file: Some(file.to_owned()),
            name_services: sources.to_owned(),
            ..ScriptedSystem::default()
        }
    }

    fn of(system: &ScriptedSystem, groups: &[&str]) -> Result<bool, String> {
        let groups: Vec<_> = groups.iter().map(|&name| name.to_owned()).collect();
        is_in_none(system, "lee", &groups)
    }

    fn unknown(why: &str) -> Result<bool, String> {
        Err(why.to_owned())
    }

    const NONE: Result<bool, String> = Ok(true);
    const MEMBER: Result<bool, String> = Ok(false);

    const NOT_REPORTED: &str = "no directory has reported a group of this user";

    #[test]
    fn local_groups_need_no_directory() {
        let file = "root:x:0:\npush:x:500:kim\n";
        let none = |file, sources, of_user| of(&system(file, sources, of_user), &["push"]);
        assert_eq!(none(file, LOCAL, Some(lee(&[]))), NONE);
        assert_eq!(none(file, LOCAL, None), NONE);
        for (file, sources) in [
            (file, DIRECTORY),
            (file, "passwd: files\ngroup: files\ninitgroups: files sss\n"),
            (file, "group: files\ngroup: sss files\n"),
            (file, "passwd: files\n"),
            (file, ""),
            ("root:x:0:\n", LOCAL),
            ("push:x:500:\n+\n", "group: compat\n"),
            ("push:x:500:\n +:::\n", "group: compat\n"),
            (file, "group: files [SUCCESS=merge]sss\n"),
            (file, "group: files[SUCCESS=merge] sss\n"),
            (file, "group: files [SUCCESS=merge\n"),
            (file, "group: files\ninitgroups sss\n"),
            (file, " group\tfiles\n\tinitgroups :sss\n"),
        ] {
            let unknown = unknown(NOT_REPORTED);
            assert_eq!(
                none(file, sources, Some(lee(&[]))),
                unknown,
                "{file} {sources}"
            );
        }
        // The directory knows this user's primary group.
        let known_elsewhere = "passwd: files sss\ngroup: files\n";
        assert_eq!(none(file, known_elsewhere, None), unknown(NOT_REPORTED));
        assert_eq!(none(file, known_elsewhere, Some(lee(&[]))), NONE);
        let mut unreadable = system(file, LOCAL, Some(lee(&[700])));
        unreadable.group_file = None;
        assert!(of(&unreadable, &["push"]).is_err());
    }

    #[test]
    fn a_directory_that_has_just_answered_is_believed() {
        let file = "root:x:0:\nlocal:x:700:lee\n";
        let of_user =
            |ids: &[u32]| of(&system(file, DIRECTORY, Some(lee(ids))), &["push", "staff"]);
        assert_eq!(of_user(&[800]), NONE);
        // Neither a local group nor the primary group comes from the directory.
        for ids in [&[][..], &[700], &[100]] {
            assert_eq!(of_user(ids), unknown(NOT_REPORTED), "{ids:?}");
        }
        assert_eq!(of_user(&[800, 600]), MEMBER);
    }

    /// A local group hides a group of the directory that has the same name.
    #[test]
    fn groups_of_the_directory_count_by_their_names() {
        let of_user = |names| {
            let mut system = system("push:x:900:\n", DIRECTORY, Some(lee(&[800])));
            system.groups = vec![group("push", 900, &[])];
            system.group_names = names;
            of(&system, &["push"])
        };
        assert_eq!(of_user(&[(800, "staff"), (100, "users")]), NONE);
        assert_eq!(of_user(&[(800, "push"), (100, "users")]), MEMBER);
        assert_eq!(of_user(&[(800, "staff"), (100, "push")]), MEMBER);
        let nameless = unknown("the group 800 of this user has no name");
        assert_eq!(of_user(&[(100, "users")]), nameless);
    }

    /// The C library accepts a blank before the number, and uses the line.
    #[test]
    fn a_line_that_is_not_understood_is_no_witness() {
        let file = "# a comment\n\npush:x:500:\ntools:x: 700:lee\n";
        let not_understood = unknown("/etc/group line 4 is not understood");
        let system = system(file, DIRECTORY, Some(lee(&[700])));
        assert_eq!(of(&system, &["push"]), not_understood);
    }

    #[test]
    fn a_member_is_found_in_the_file_the_list_of_the_group_and_the_lists_of_the_user() {
        let empty = "push:x:500:\n";
        assert_eq!(
            of(&system(empty, LOCAL, Some(lee(&[500]))), &["push"]),
            MEMBER
        );
        let in_file = "push:x:500:kim,lee\n";
        assert_eq!(
            of(&system(in_file, LOCAL, Some(lee(&[]))), &["push"]),
            MEMBER
        );
        assert_eq!(of(&system(in_file, LOCAL, None), &["push"]), MEMBER);
        let mut in_list = system(empty, LOCAL, Some(lee(&[])));
        in_list.groups = vec![group("push", 500, &["lee"])];
        assert_eq!(of(&in_list, &["push"]), MEMBER);
        let mut primary = system(empty, LOCAL, Some(lee(&[])));
        primary.groups = vec![group("push", 100, &[])];
        assert_eq!(of(&primary, &["push"]), MEMBER);
        // The answer of the file counts if the database fails.
        in_list.groups_of = None;
        in_list.groups.clear();
        in_list.group_file = Some(in_file.to_owned());
        assert_eq!(of(&in_list, &["push"]), MEMBER);
    }

    #[test]
    fn a_group_that_does_not_exist_is_not_known() {
        for (sources, ids) in [(LOCAL, &[][..]), (DIRECTORY, &[800])] {
            let system = system("push:x:500:\n", sources, Some(lee(ids)));
            let missing = unknown("there is no group pusk");
            assert_eq!(of(&system, &["push", "pusk"]), missing);
        }
    }

    /// Otherwise a directory could make a group with the name of a local one, and exempt its members.
    #[test]
    fn an_exempt_member_is_in_the_group_that_the_host_finds() {
        let mut system = system("push:x:900:\n", DIRECTORY, Some(lee(&[800])));
        system.groups = vec![group("push", 900, &[])];
        system.group_names = &[(800, "push"), (100, "users")];
        assert_eq!(is_member(&system, "lee", "push"), Ok(false));
        assert_eq!(
            is_member(&system, "lee", "absent"),
            unknown("there is no group absent")
        );
        system.groups_of = Some(lee(&[900]));
        assert_eq!(is_member(&system, "lee", "push"), Ok(true));
        system.groups_of = Some(lee(&[]));
        system.groups = vec![group("push", 900, &["lee"])];
        assert_eq!(is_member(&system, "lee", "push"), Ok(true));
        system.groups_of = None;
        assert_eq!(is_member(&system, "lee", "push"), Ok(false));
    }
}
