//! The roles of other modules in an auth stack.

use super::dispatch::Code;

/// The role of a module, which determines its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Our module.
    Phone,
    /// Asks for a first factor, usually a password.
    Factor,
    /// Checks whether sshd has verified a key.
    Key,
    /// The same result for every valid user.
    Fixed(Code),
    /// Accepts some users and refuses others, without asking them.
    Condition,
    /// An unknown module.
    Unknown,
}

/// The file name of our module.
pub const OURS: &str = "pam_logonbox.so";

/// Modules that authenticate a user, or trust another program that did.
const FACTORS: &[&str] = &[
    "pam_duo",
    "pam_fprintd",
    "pam_google_authenticator",
    "pam_himmelblau",
    "pam_kanidm",
    "pam_krb5",
    "pam_ldap",
    "pam_oath",
    "pam_pkcs11",
    "pam_pwdfile",
    "pam_radius_auth",
    "pam_rssh",
    "pam_ssh_agent_auth",
    "pam_sss",
    "pam_sss_gss",
    "pam_systemd_home",
    "pam_tacplus",
    "pam_tcb",
    "pam_u2f",
    "pam_unix",
    "pam_userdb",
    "pam_winbind",
    "pam_yubico",
];

/// Modules that accept every valid user without a proof.
const PASSES: &[&str] = &[
    "pam_cap",
    "pam_faildelay",
    "pam_nologin",
    "pam_permit",
    "pam_securetty",
    "pam_selinux",
    "pam_sepermit",
    "pam_shells",
    "pam_tally2",
    "pam_warn",
];

/// Modules that return `PAM_IGNORE`.
const BYSTANDERS: &[&str] = &[
    "pam_echo",
    "pam_ecryptfs",
    "pam_env",
    "pam_gnome_keyring",
    "pam_group",
    "pam_issue",
    "pam_keyinit",
    "pam_kwallet",
    "pam_kwallet5",
    "pam_mount",
    "pam_tty_audit",
];

/// Modules that accept some users.
const CONDITIONS: &[&str] = &[
    "pam_access",
    "pam_listfile",
    "pam_localuser",
    "pam_rhosts",
    "pam_succeed_if",
    "pam_time",
    "pam_timestamp",
    "pam_usertype",
    "pam_wheel",
];

/// The role of `module` with these arguments in a stack of `service`.
pub fn role(module: &str, arguments: &[String], service: &str) -> Role {
    let name = file_name(module);
    if name == OURS || name == "pam_logonbox" {
        return Role::Phone;
    }
    let name = name.strip_suffix(".so").unwrap_or(name);
    match name {
        // pam_rootok: root needs no phone to become another user. It refuses everybody else.
        "pam_deny" | "pam_rootok" => Role::Fixed(Code::AUTH_ERR),
        "pam_faillock" if has(arguments, "authfail") => Role::Fixed(Code::AUTH_ERR),
        "pam_faillock" => Role::Fixed(Code::SUCCESS),
        "pam_exec"
            if arguments
                .iter()
                .any(|word| word.contains("SSH_AUTH_INFO_0")) =>
        {
            Role::Key
        }
        "pam_succeed_if" => match service_alone(arguments, service) {
            Some(true) => Role::Fixed(Code::SUCCESS),
            Some(false) => Role::Fixed(Code::AUTH_ERR),
            None => Role::Condition,
        },
        _ if FACTORS.contains(&name) => Role::Factor,
        _ if PASSES.contains(&name) => Role::Fixed(Code::SUCCESS),
        _ if BYSTANDERS.contains(&name) => Role::Fixed(Code::IGNORE),
        _ if CONDITIONS.contains(&name) => Role::Condition,
        _ => Role::Unknown,
    }
}

/// The last part of a module's path.
pub fn file_name(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

fn has(arguments: &[String], word: &str) -> bool {
    arguments.iter().any(|argument| argument == word)
}

/// The result of `pam_succeed_if` if it tests only the service.
fn service_alone(arguments: &[String], service: &str) -> Option<bool> {
    const OPTIONS: [&str; 6] = [
        "debug",
        "quiet",
        "quiet_fail",
        "quiet_success",
        "use_uid",
        "audit",
    ];
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|word| !OPTIONS.contains(word))
        .collect();
    let listed = |list: &str| list.split(':').any(|one| one == service);
    words
        .chunks(3)
        .map(|test| match test {
            ["service", "in", list] => Some(listed(list)),
            ["service", "notin", list] => Some(!listed(list)),
            ["service", "=", one] => Some(*one == service),
            ["service", "!=", one] => Some(*one != service),
            _ => None,
        })
        .collect::<Option<Vec<bool>>>()
        .filter(|tests| !tests.is_empty())
        .map(|tests| tests.iter().all(|test| *test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_real_lines() {
        let condition = Role::Condition;
        let (yes, no) = (Role::Fixed(Code::SUCCESS), Role::Fixed(Code::AUTH_ERR));
        for (line, expected) in [
            ("pam_logonbox.so conf=/x", Role::Phone),
            ("/opt/pam/pam_logonbox.so", Role::Phone),
            ("pam_logonbox", Role::Phone),
            ("pam_unix.so nullok", Role::Factor),
            ("/usr/lib64/security/pam_sss.so forward_pass", Role::Factor),
            ("pam_deny.so", no.clone()),
            ("pam_faillock.so authfail", no.clone()),
            ("pam_faillock.so preauth silent", yes.clone()),
            ("pam_env.so", Role::Fixed(Code::IGNORE)),
            (
                "pam_exec.so quiet /usr/bin/grep -qz ^SSH_AUTH_INFO_0=publickey /proc/self/environ",
                Role::Key,
            ),
            ("pam_exec.so /usr/local/bin/check", Role::Unknown),
            (
                "pam_succeed_if.so quiet service notin sshd:sudo",
                no.clone(),
            ),
            ("pam_succeed_if.so quiet service notin sudo:su", yes.clone()),
            ("pam_succeed_if.so service in sshd:sudo", yes.clone()),
            ("pam_succeed_if.so service = sudo", no),
            ("pam_succeed_if.so service = sshd service != cron", yes),
            (
                "pam_succeed_if.so service = sshd user ingroup nopush",
                condition.clone(),
            ),
            ("pam_succeed_if.so", condition.clone()),
            ("pam_succeed_if.so uid >= 1000 quiet", condition),
            ("pam_acme.so", Role::Unknown),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let (module, arguments) = words.split_first().unwrap();
            assert_eq!(role(module, arguments, "sshd"), expected, "{line}");
        }
    }
}
