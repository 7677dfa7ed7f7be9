//! The codes that other modules return in `auth`.
//!
//! `modules.table` has them, as tests/hosts measures them with the real modules.

use pam_stack::Code;

use super::roles::{Kind, Role, add, file_name};

const TABLE: &str = include_str!("modules.table");

/// The codes of the module `name`, with or without `.so`. `None` if the table does not have the
/// module: it may return any code.
pub fn entry(name: &str, arguments: &[String]) -> Option<Role> {
    let name = file_name(name);
    let name = name.strip_suffix(".so").unwrap_or(name);
    let rows: Vec<Row> = rows().filter(|row| row.module == name).collect();
    let mut fitting: Vec<&Row> = rows.iter().filter(|row| row.names(arguments)).collect();
    if fitting.is_empty() {
        fitting = rows.iter().filter(|row| row.argument == "-").collect();
    }
    let (first, others) = fitting.split_first()?;
    let mut role = first.role.clone();
    for other in others {
        add(&mut role.right, &other.role.right);
        add(&mut role.wrong, &other.role.wrong);
        add(&mut role.without, &other.role.without);
    }
    Some(role)
}

struct Row {
    module: &'static str,
    argument: &'static str,
    role: Role,
}

impl Row {
    /// Whether the row is about one of these arguments.
    fn names(&self, arguments: &[String]) -> bool {
        arguments.iter().any(|argument| {
            argument == self.argument
                || self.argument.ends_with('=') && argument.starts_with(self.argument)
        })
    }
}

fn rows() -> impl Iterator<Item = Row> {
    lines().filter_map(row)
}

/// The lines without comments.
fn lines() -> impl Iterator<Item = &'static str> {
    TABLE
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
}

fn row(line: &'static str) -> Option<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [module, argument, kind, right, wrong, without] = *words.as_slice() else {
        return None;
    };
    let kind = match kind {
        "factor" => Kind::Factor,
        "condition" => Kind::Condition,
        "other" => Kind::Other,
        _ => return None,
    };
    let role = Role {
        kind,
        right: codes(right)?,
        wrong: codes(wrong)?,
        without: codes(without)?,
    };
    Some(Row {
        module,
        argument,
        role,
    })
}

fn codes(text: &str) -> Option<Vec<Code>> {
    if text == "-" {
        return Some(Vec::new());
    }
    text.split(',').map(Code::named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Option<Role> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (module, arguments) = words.split_first().unwrap();
        entry(module, arguments)
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let mut seen = Vec::new();
        for line in lines() {
            let row = row(line).unwrap_or_else(|| panic!("{line}"));
            assert!(!row.role.right.is_empty(), "{line}");
            assert_eq!(
                row.role.kind == Kind::Other,
                row.role.wrong.is_empty(),
                "{line}"
            );
            let key = (row.module, row.argument);
            assert!(!seen.contains(&key), "twice: {line}");
            seen.push(key);
        }
        for (module, _) in &seen {
            assert!(seen.contains(&(module, "-")), "{module} without arguments");
        }
    }

    #[test]
    fn the_codes_of_real_lines() {
        for (line, right, wrong, without) in [
            ("pam_deny.so", "AUTH_ERR", "-", "-"),
            ("pam_deny", "AUTH_ERR", "-", "-"),
            ("/usr/lib64/security/pam_warn.so", "IGNORE", "-", "-"),
            // IGNORE until the account is locked, and the password does not matter.
            ("pam_faillock.so authfail deny=3", "IGNORE", "AUTH_ERR", "-"),
            ("pam_faillock.so deny=3", "SUCCESS", "AUTH_ERR", "-"),
            (
                "pam_google_authenticator.so",
                "SUCCESS",
                "AUTH_ERR",
                "AUTH_ERR",
            ),
            (
                "pam_google_authenticator.so secret=/x nullok",
                "SUCCESS",
                "AUTH_ERR",
                "IGNORE",
            ),
            // A word, not the beginning of one.
            (
                "pam_google_authenticator.so nullok2",
                "SUCCESS",
                "AUTH_ERR",
                "AUTH_ERR",
            ),
            (
                "pam_listfile.so onerr=succeed",
                "SUCCESS",
                "AUTH_ERR,SUCCESS",
                "-",
            ),
            (
                "pam_listfile.so onerr=fail",
                "SUCCESS",
                "AUTH_ERR,SERVICE_ERR",
                "-",
            ),
            // The beginning of one.
            (
                "pam_listfile.so apply=lee",
                "SUCCESS,IGNORE",
                "AUTH_ERR,IGNORE",
                "IGNORE",
            ),
            // The codes of both, and not those without arguments.
            (
                "pam_listfile.so onerr=succeed apply=lee",
                "SUCCESS,IGNORE",
                "AUTH_ERR,SUCCESS,IGNORE",
                "IGNORE",
            ),
        ] {
            let found = ask(line).unwrap();
            let expected = |text| codes(text).unwrap();
            assert_eq!(found.right, expected(right), "{line}");
            assert_eq!(found.wrong, expected(wrong), "{line}");
            assert_eq!(found.without, expected(without), "{line}");
        }
        let nullok = ask("pam_unix.so nullok").unwrap();
        assert_eq!(nullok.kind, Kind::Factor);
        assert!(nullok.without.contains(&Code::SUCCESS));
        assert!(!ask("pam_unix.so").unwrap().without.contains(&Code::SUCCESS));
        assert_eq!(ask("pam_shells.so").unwrap().kind, Kind::Condition);
    }

    #[test]
    fn a_module_that_is_not_in_the_table() {
        assert_eq!(ask("pam_acme.so"), None);
        assert_eq!(ask("pam_duo.so"), None);
        // It has no pam_sm_authenticate.
        assert_eq!(ask("pam_time.so"), None);
    }
}
