//! Groups: who is a member, and when it is certain that a user is none.
//!
//! A directory that does not answer hides groups: getgrouplist(3) then returns fewer of them and no
//! error (measured with sssd, stopped and killed). So "not a member" needs a witness.

use std::env;

use super::{enough_memory, has_spare_files};
use crate::system::{Group, System, UserGroups};

/// The relation of a user to some groups.
#[derive(Debug, PartialEq, Eq)]
pub enum Membership {
    /// The user is a member of this group.
    Member(String),
    /// It is certain that the user is in none of them.
    None,
    /// It is not certain, for this reason.
    Unknown(String),
}

/// Looks for `user` in `groups`.
pub fn membership(system: &dyn System, user: &str, groups: &[String]) -> Membership {
    find(system, user, groups).unwrap_or_else(Membership::Unknown)
}

fn find(system: &dyn System, user: &str, groups: &[String]) -> Result<Membership, String> {
    let of_user = system
        .groups_of(user)
        .map_err(|error| format!("the groups of the user cannot be looked up: {error}"))?;
    let name = of_user.as_ref().map_or(user, |groups| &groups.name);
    let has = |id| of_user.as_ref().is_some_and(|groups| groups.has(id));
    let is_in = |group: &Group| has(group.id) || group.members.iter().any(|member| member == name);

    let file = system
        .group_file()
        .map_err(|error| format!("/etc/group cannot be read: {error}"))?;
    let in_file = local_groups(&file)?;
    let mut all_in_file = true;
    let mut unknown = None;
    for group in groups {
        let mut found: Vec<_> = in_file
            .iter()
            .filter(|local| local.name == *group)
            .collect();
        all_in_file &= !found.is_empty();
        let in_database = system.group(group);
        match &in_database {
            Ok(group) => found.extend(group),
            Err(error) => {
                unknown = Some(format!("the group {group} cannot be looked up: {error}"));
            }
        }
        if found.is_empty() {
            unknown.get_or_insert_with(|| format!("there is no group {group}"));
        }
        if found.into_iter().any(is_in) {
            return Ok(Membership::Member(group.clone()));
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
    if !(all_in_file && names_no_directory) {
        let of_user = of_user.as_ref();
        if let Some(group) = answered(system, of_user, &in_file, groups)? {
            return Ok(Membership::Member(group));
        }
    }
    if env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_for_groups)) {
        return Err("the environment changes how groups are looked up".to_owned());
    }
    // Without file descriptors, the user database reports fewer groups and no error.
    if !has_spare_files() {
        return Err("too few file descriptors left to look up groups".to_owned());
    }
    enough_memory().map_err(|refusal| refusal.detail)?;
    Ok(Membership::None)
}

/// The second witness: the directory has just reported a group of this user. Returns one of `groups`
/// if the user is in it.
fn answered(
    system: &dyn System,
    of_user: Option<&UserGroups>,
    in_file: &[Group],
    groups: &[String],
) -> Result<Option<String>, String> {
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
            Ok(Some(name)) if groups.contains(&name) => return Ok(Some(name)),
            Ok(Some(_)) => {}
            Ok(None) => return Err(format!("the group {id} of this user has no name")),
            Err(error) => return Err(format!("the group {id} cannot be looked up: {error}")),
        }
    }
    Ok(None)
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

    fn of(system: &ScriptedSystem, groups: &[&str]) -> Membership {
        let groups: Vec<_> = groups.iter().map(|&name| name.to_owned()).collect();
        membership(system, "lee", &groups)
    }

    fn unknown(why: &str) -> Membership {
        Membership::Unknown(why.to_owned())
    }

    const NOT_REPORTED: &str = "no directory has reported a group of this user";

    #[test]
    fn local_groups_need_no_directory() {
        let file = "root:x:0:\npush:x:500:kim\n";
        let none = |file, sources, of_user| of(&system(file, sources, of_user), &["push"]);
        assert_eq!(none(file, LOCAL, Some(lee(&[]))), Membership::None);
        assert_eq!(none(file, LOCAL, None), Membership::None);
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
        assert_eq!(
            none(file, known_elsewhere, Some(lee(&[]))),
            Membership::None
        );
        let mut unreadable = system(file, LOCAL, Some(lee(&[700])));
        unreadable.group_file = None;
        assert!(matches!(of(&unreadable, &["push"]), Membership::Unknown(_)));
    }

    #[test]
    fn a_directory_that_has_just_answered_is_believed() {
        let file = "root:x:0:\nlocal:x:700:lee\n";
        let of_user =
            |ids: &[u32]| of(&system(file, DIRECTORY, Some(lee(ids))), &["push", "staff"]);
        assert_eq!(of_user(&[800]), Membership::None);
        // Neither a local group nor the primary group comes from the directory.
        for ids in [&[][..], &[700], &[100]] {
            assert_eq!(of_user(ids), unknown(NOT_REPORTED), "{ids:?}");
        }
        assert_eq!(of_user(&[800, 600]), Membership::Member("staff".to_owned()));
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
        assert_eq!(of_user(&[(800, "staff"), (100, "users")]), Membership::None);
        let member = Membership::Member("push".to_owned());
        assert_eq!(of_user(&[(800, "push"), (100, "users")]), member);
        assert_eq!(of_user(&[(800, "staff"), (100, "push")]), member);
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
        let member = Membership::Member("push".to_owned());
        let empty = "push:x:500:\n";
        assert_eq!(
            of(&system(empty, LOCAL, Some(lee(&[500]))), &["push"]),
            member
        );
        let in_file = "push:x:500:kim,lee\n";
        assert_eq!(
            of(&system(in_file, LOCAL, Some(lee(&[]))), &["push"]),
            member
        );
        assert_eq!(of(&system(in_file, LOCAL, None), &["push"]), member);
        let mut in_list = system(empty, LOCAL, Some(lee(&[])));
        in_list.groups = vec![group("push", 500, &["lee"])];
        assert_eq!(of(&in_list, &["push"]), member);
        let mut primary = system(empty, LOCAL, Some(lee(&[])));
        primary.groups = vec![group("push", 100, &[])];
        assert_eq!(of(&primary, &["push"]), member);
        // The answer of the file counts if the database fails.
        in_list.groups_of = None;
        in_list.groups.clear();
        in_list.group_file = Some(in_file.to_owned());
        assert_eq!(of(&in_list, &["push"]), member);
    }

    #[test]
    fn a_group_that_does_not_exist_is_not_known() {
        for (sources, ids) in [(LOCAL, &[][..]), (DIRECTORY, &[800])] {
            let system = system("push:x:500:\n", sources, Some(lee(ids)));
            let missing = unknown("there is no group pusk");
            assert_eq!(of(&system, &["push", "pusk"]), missing);
        }
    }
}
