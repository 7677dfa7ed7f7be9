//! The calls that are measured, and what they need.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::State::{Away, Up};
use super::{DIRECTORY, Measure, Right, Without, Wrong, measure, shell};
use crate::machine::{USER, append, command};

/// Packages that base-image has unpacked, but not installed.
const UNPACKED: &str = "/opt/modules";
/// The password of [`USER`], and Enter.
const TYPED: &str = "Tr0mbone-sextant\n";
const LOCAL: &[&str] = &["tty=/dev/tty1"];
const PASSWORD_BEFORE: &str = "auth optional pam_unix.so";
const UNIX_TWICE: &str = "auth optional pam_unix.so\nauth optional pam_unix.so";

pub const MEASURES: &[Measure] = &[
    measure(
        Right,
        "pam_access",
        "-",
        "accessfile=/srv/modules/access-all",
    )
    .items(LOCAL),
    measure(
        Wrong,
        "pam_access",
        "-",
        "accessfile=/srv/modules/access-none",
    )
    .items(LOCAL),
    measure(Wrong, "pam_access", "-", "accessfile=/srv/modules/missing").items(LOCAL),
    measure(
        Right,
        "pam_access",
        "-",
        "accessfile=/srv/modules/access-all",
    ),
    measure(Right, "pam_canonicalize_user", "-", ""),
    measure(Right, "pam_cap", "-", "config=/srv/modules/capability.conf"),
    measure(Right, "pam_cap", "-", "config=/srv/modules/capability.conf").user("other"),
    measure(Right, "pam_cap", "-", "config=/srv/modules/missing"),
    measure(Right, "pam_deny", "-", ""),
    measure(Right, "pam_echo", "-", "hello"),
    measure(Right, "pam_echo", "-", "hello").silent(),
    measure(Right, "pam_echo", "-", "file=/srv/modules/missing"),
    measure(Right, "pam_echo", "-", "file=/etc/passwd"),
    measure(Right, "pam_ecryptfs", "-", ""),
    measure(Right, "pam_ecryptfs", "-", "")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Right, "pam_ecryptfs", "-", "unwrap")
        .types(TYPED)
        .after(PASSWORD_BEFORE)
        .user("crypt"),
    measure(Right, "pam_ecryptfs", "-", "unwrap").user("crypt"),
    measure(Right, "pam_env", "-", ""),
    measure(Right, "pam_env", "-", "conffile=/srv/modules/missing"),
    measure(Right, "pam_faildelay", "-", ""),
    measure(Right, "pam_faildelay", "-", "delay=1000"),
    measure(Right, "pam_faildelay", "-", "delay=x"),
    measure(Right, "pam_faillock", "-", "dir=/srv/modules/faillock-0"),
    measure(Right, "pam_faillock", "-", "dir=/srv/modules/faillock-1"),
    measure(Wrong, "pam_faillock", "-", "dir=/srv/modules/faillock-3"),
    measure(
        Right,
        "pam_faillock",
        "preauth",
        "dir=/srv/modules/faillock-0",
    ),
    measure(
        Right,
        "pam_faillock",
        "preauth",
        "silent audit dir=/srv/modules/faillock-1",
    ),
    measure(
        Wrong,
        "pam_faillock",
        "preauth",
        "dir=/srv/modules/faillock-3",
    ),
    measure(
        Right,
        "pam_faillock",
        "authfail",
        "dir=/srv/modules/faillock-0b",
    ),
    measure(
        Right,
        "pam_faillock",
        "authfail",
        "dir=/srv/modules/faillock-1b",
    ),
    measure(
        Right,
        "pam_faillock",
        "authfail",
        "dir=/srv/modules/faillock-2b",
    ),
    measure(
        Wrong,
        "pam_faillock",
        "authfail",
        "dir=/srv/modules/faillock-3",
    ),
    measure(
        Right,
        "pam_faillock",
        "authsucc",
        "dir=/srv/modules/faillock-0c",
    ),
    measure(
        Right,
        "pam_faillock",
        "authsucc",
        "dir=/srv/modules/faillock-1c",
    ),
    measure(
        Wrong,
        "pam_faillock",
        "authsucc",
        "dir=/srv/modules/faillock-3c",
    ),
    measure(
        Right,
        "pam_faillock",
        "preauth",
        "local_users_only dir=/srv/modules/faillock-0d",
    )
    .user("other"),
    measure(Right, "pam_faillock", "preauth", "dir=/proc/none"),
    measure(Right, "pam_faillock", "authfail", "dir=/proc/none"),
    measure(Right, "pam_faillock", "authsucc", "dir=/proc/none"),
    measure(
        Wrong,
        "pam_faillock",
        "preauth",
        "conf=/srv/modules/missing dir=/srv/modules/faillock-0",
    ),
    measure(Right, "pam_gnome_keyring", "-", ""),
    measure(Right, "pam_gnome_keyring", "auto_start", ""),
    measure(Right, "pam_gnome_keyring", "auto_start", "")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Right, "pam_gnome_keyring", "-", "only_if=gdm")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Right, "pam_gnome_keyring", "-", "")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Right, "pam_google_authenticator", "-", "").types("12345678\n"),
    measure(Wrong, "pam_google_authenticator", "-", "").types("87654321\n"),
    measure(Wrong, "pam_google_authenticator", "-", "").types("\n"),
    measure(Wrong, "pam_google_authenticator", "-", "").types("x\n"),
    measure(Wrong, "pam_google_authenticator", "-", ""),
    measure(Without, "pam_google_authenticator", "-", "")
        .user("other")
        .types("87654321\n"),
    measure(Without, "pam_google_authenticator", "-", "").user("other"),
    measure(Right, "pam_google_authenticator", "nullok", "")
        .types("12345678\n")
        .user("crypt"),
    measure(Wrong, "pam_google_authenticator", "nullok", "").types("87654321\n"),
    measure(Wrong, "pam_google_authenticator", "nullok", "").types("\n"),
    measure(Wrong, "pam_google_authenticator", "nullok", ""),
    measure(Without, "pam_google_authenticator", "nullok", "")
        .user("other")
        .types("87654321\n"),
    measure(Without, "pam_google_authenticator", "nullok", "").user("other"),
    measure(Right, "pam_group", "-", ""),
    measure(Right, "pam_issue", "-", ""),
    measure(Right, "pam_issue", "-", "issue=/srv/modules/missing"),
    measure(Right, "pam_keyinit", "-", ""),
    measure(Right, "pam_krb5", "-", "").types(TYPED).when(Up),
    measure(Wrong, "pam_krb5", "-", "")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_krb5", "-", "")
        .user("locked")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_krb5", "-", "")
        .user("star")
        .types(TYPED)
        .when(Up),
    measure(Without, "pam_krb5", "-", "")
        .user("other")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_krb5", "-", "")
        .user("unheard")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_krb5", "-", "").types(TYPED).when(Away),
    measure(Right, "pam_krb5", "-", "use_first_pass")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_krb5", "-", "").types("wrong\n"),
    measure(Wrong, "pam_krb5", "-", ""),
    measure(Wrong, "pam_krb5", "-", "realm=ACME.EXAMPLE").types("wrong\n"),
    measure(Without, "pam_krb5", "-", "minimum_uid=5000").types("wrong\n"),
    measure(Right, "pam_ldap", "-", "")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_ldap", "-", "")
        .user("member")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_ldap", "-", "").user("member").when(Up),
    measure(Without, "pam_ldap", "-", "")
        .user("other")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_ldap", "-", "")
        .user("member")
        .types(TYPED)
        .when(Away),
    measure(Right, "pam_ldap", "ignore_unknown_user", "")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_ldap", "ignore_unknown_user", "")
        .user("member")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_ldap", "ignore_unknown_user", "")
        .user("member")
        .when(Up),
    measure(Without, "pam_ldap", "ignore_unknown_user", "")
        .user("other")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_ldap", "ignore_unknown_user", "")
        .user("member")
        .types(TYPED)
        .when(Away),
    measure(Right, "pam_ldap", "ignore_authinfo_unavail", "")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_ldap", "ignore_authinfo_unavail", "")
        .user("member")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_ldap", "ignore_authinfo_unavail", "")
        .user("member")
        .when(Up),
    measure(Without, "pam_ldap", "ignore_authinfo_unavail", "")
        .user("other")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_ldap", "ignore_authinfo_unavail", "")
        .user("member")
        .types(TYPED)
        .when(Away),
    measure(Wrong, "pam_ldap", "-", "use_first_pass")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_ldap", "-", "").types("wrong\n"),
    measure(Wrong, "pam_ldap", "-", ""),
    measure(Wrong, "pam_ldap", "ignore_authinfo_unavail", "").types("wrong\n"),
    measure(Wrong, "pam_ldap", "ignore_unknown_user", "").types("wrong\n"),
    measure(Without, "pam_ldap", "-", "minimum_uid=5000").types("wrong\n"),
    measure(Wrong, "pam_ldap", "ignore_unknown_user", ""),
    measure(
        Without,
        "pam_ldap",
        "ignore_unknown_user",
        "minimum_uid=5000",
    )
    .types("wrong\n"),
    measure(Wrong, "pam_ldap", "ignore_authinfo_unavail", ""),
    measure(
        Without,
        "pam_ldap",
        "ignore_authinfo_unavail",
        "minimum_uid=5000",
    )
    .types("wrong\n"),
    measure(
        Right,
        "pam_listfile",
        "-",
        "item=user sense=allow file=/srv/modules/list-lee",
    ),
    measure(
        Wrong,
        "pam_listfile",
        "-",
        "item=user sense=allow file=/srv/modules/list-lee",
    )
    .user("other"),
    measure(
        Wrong,
        "pam_listfile",
        "-",
        "item=user sense=deny file=/srv/modules/list-lee",
    ),
    measure(
        Right,
        "pam_listfile",
        "-",
        "item=user sense=deny file=/srv/modules/list-lee",
    )
    .user("other"),
    measure(
        Wrong,
        "pam_listfile",
        "-",
        "item=user sense=allow file=/srv/modules/missing",
    ),
    measure(Wrong, "pam_listfile", "-", "item=user sense=allow"),
    measure(
        Wrong,
        "pam_listfile",
        "-",
        "item=user sense=deny file=/srv/modules/missing",
    ),
    measure(
        Wrong,
        "pam_listfile",
        "-",
        "item=rhost sense=allow file=/srv/modules/list-lee",
    ),
    measure(
        Right,
        "pam_listfile",
        "onerr=succeed",
        "item=user sense=allow file=/srv/modules/list-lee",
    ),
    measure(
        Wrong,
        "pam_listfile",
        "onerr=succeed",
        "item=user sense=allow file=/srv/modules/list-lee",
    )
    .user("other"),
    measure(
        Wrong,
        "pam_listfile",
        "onerr=succeed",
        "item=user sense=allow file=/srv/modules/missing",
    ),
    measure(
        Wrong,
        "pam_listfile",
        "onerr=succeed",
        "item=rhost sense=allow file=/srv/modules/list-lee",
    ),
    measure(
        Right,
        "pam_listfile",
        "apply=",
        "apply=lee item=tty sense=allow file=/srv/modules/list-tty",
    )
    .items(LOCAL),
    measure(
        Wrong,
        "pam_listfile",
        "apply=",
        "apply=lee item=tty sense=deny file=/srv/modules/list-tty",
    )
    .items(LOCAL),
    measure(
        Without,
        "pam_listfile",
        "apply=",
        "apply=other item=tty sense=deny file=/srv/modules/list-tty",
    )
    .items(LOCAL),
    measure(Right, "pam_localuser", "-", ""),
    measure(Wrong, "pam_localuser", "-", "file=/srv/modules/list-lee").user("other"),
    measure(Wrong, "pam_localuser", "-", "file=/srv/modules/missing"),
    measure(Right, "pam_mail", "-", ""),
    measure(Right, "pam_mail", "-", "dir=/srv/modules/missing"),
    measure(Right, "pam_mount", "-", "").types(TYPED),
    measure(Right, "pam_mount", "-", "")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Right, "pam_mount", "-", ""),
    measure(Right, "pam_nologin", "-", "file=/srv/modules/missing"),
    measure(Wrong, "pam_nologin", "-", "file=/etc/passwd"),
    measure(
        Right,
        "pam_nologin",
        "successok",
        "file=/srv/modules/missing",
    ),
    measure(Wrong, "pam_nologin", "successok", "file=/etc/passwd"),
    measure(Right, "pam_oath", "-", "usersfile=/srv/modules/oath").types("755224\n"),
    measure(Wrong, "pam_oath", "-", "usersfile=/srv/modules/oath")
        .types("000000\n")
        .user("crypt"),
    measure(Wrong, "pam_oath", "-", "usersfile=/srv/modules/oath")
        .types("\n")
        .user("crypt"),
    measure(Wrong, "pam_oath", "-", "usersfile=/srv/modules/oath").user("crypt"),
    measure(Wrong, "pam_oath", "-", "usersfile=/srv/modules/oath")
        .types("x\n")
        .user("crypt"),
    measure(Without, "pam_oath", "-", "usersfile=/srv/modules/oath")
        .types("000000\n")
        .user("other"),
    measure(Without, "pam_oath", "-", "usersfile=/srv/modules/missing").types("000000\n"),
    measure(Without, "pam_oath", "-", "usersfile=/srv/modules/missing"),
    measure(Right, "pam_permit", "-", ""),
    measure(Right, "pam_pwdfile", "-", "pwdfile=/srv/modules/pwdfile").types(TYPED),
    measure(Wrong, "pam_pwdfile", "-", "pwdfile=/srv/modules/pwdfile").types("wrong\n"),
    measure(Wrong, "pam_pwdfile", "-", "pwdfile=/srv/modules/pwdfile").types("\n"),
    measure(Wrong, "pam_pwdfile", "-", "pwdfile=/srv/modules/pwdfile"),
    measure(Without, "pam_pwdfile", "-", "pwdfile=/srv/modules/pwdfile")
        .user("other")
        .types("wrong\n"),
    measure(Without, "pam_pwdfile", "-", "pwdfile=/srv/modules/missing").types("wrong\n"),
    measure(Right, "pam_rhosts", "-", "").items(&["rhost=localhost", "ruser=lee"]),
    measure(Wrong, "pam_rhosts", "-", "")
        .items(&["rhost=localhost", "ruser=lee"])
        .user("other"),
    measure(Wrong, "pam_rhosts", "-", ""),
    measure(Right, "pam_rootok", "-", ""),
    measure(Wrong, "pam_rootok", "-", "").called_by("lee"),
    measure(Right, "pam_securetty", "-", "").items(LOCAL),
    measure(Right, "pam_securetty", "-", ""),
    measure(Right, "pam_securetty", "-", "").items(&["tty=/dev/tty9"]),
    measure(Wrong, "pam_securetty", "-", "")
        .items(&["tty=/dev/pts/9"])
        .user("root"),
    measure(Right, "pam_selinux", "-", ""),
    measure(Right, "pam_sepermit", "-", ""),
    measure(Wrong, "pam_sepermit", "-", "conf=/srv/modules/missing"),
    measure(Wrong, "pam_sepermit", "-", "conf=/srv/modules/list-lee"),
    measure(Right, "pam_shells", "-", ""),
    measure(Wrong, "pam_shells", "-", "").user("crypt"),
    measure(
        Right,
        "pam_ssh_agent_auth",
        "-",
        "file=/srv/modules/key.pub",
    ),
    measure(
        Wrong,
        "pam_ssh_agent_auth",
        "-",
        "file=/srv/modules/other.pub",
    ),
    measure(Without, "pam_ssh_agent_auth", "-", "file=/srv/modules/keys"),
    measure(
        Without,
        "pam_ssh_agent_auth",
        "-",
        "file=/srv/modules/missing",
    ),
    measure(Right, "pam_ssh_add", "-", ""),
    measure(Right, "pam_ssh_add", "-", "")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Wrong, "pam_sss", "-", "use_first_pass")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_sss", "-", "").types("wrong\n"),
    measure(Wrong, "pam_sss", "-", ""),
    measure(Wrong, "pam_sss", "ignore_unknown_user", "").types("wrong\n"),
    measure(Wrong, "pam_sss", "ignore_authinfo_unavail", "").types("wrong\n"),
    measure(Right, "pam_sss", "-", "")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_sss", "-", "")
        .user("member")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_sss", "-", "")
        .user("probe")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_sss", "-", "")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_sss", "-", "")
        .user("unheard")
        .types("wrong\n")
        .when(Up),
    measure(Right, "pam_sss", "-", "")
        .user("member")
        .types(TYPED)
        .when(Away),
    measure(Wrong, "pam_sss", "-", "")
        .user("member")
        .types("wrong\n")
        .when(Away),
    measure(Wrong, "pam_sss", "-", "")
        .user("probe")
        .types(TYPED)
        .when(Away),
    measure(Right, "pam_sss", "ignore_unknown_user", "")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_sss", "ignore_unknown_user", "")
        .user("member")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_sss", "ignore_unknown_user", "")
        .user("probe")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_sss", "ignore_unknown_user", "")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_sss", "ignore_unknown_user", "")
        .user("unheard")
        .types("wrong\n")
        .when(Up),
    measure(Right, "pam_sss", "ignore_unknown_user", "")
        .user("member")
        .types(TYPED)
        .when(Away),
    measure(Wrong, "pam_sss", "ignore_unknown_user", "")
        .user("member")
        .types("wrong\n")
        .when(Away),
    measure(Wrong, "pam_sss", "ignore_unknown_user", "")
        .user("probe")
        .types(TYPED)
        .when(Away),
    measure(Right, "pam_sss", "ignore_authinfo_unavail", "")
        .user("member")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_sss", "ignore_authinfo_unavail", "")
        .user("member")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_sss", "ignore_authinfo_unavail", "")
        .user("probe")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_sss", "ignore_authinfo_unavail", "")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_sss", "ignore_authinfo_unavail", "")
        .user("unheard")
        .types("wrong\n")
        .when(Up),
    measure(Right, "pam_sss", "ignore_authinfo_unavail", "")
        .user("member")
        .types(TYPED)
        .when(Away),
    measure(Wrong, "pam_sss", "ignore_authinfo_unavail", "")
        .user("member")
        .types("wrong\n")
        .when(Away),
    measure(Wrong, "pam_sss", "ignore_authinfo_unavail", "")
        .user("probe")
        .types(TYPED)
        .when(Away),
    measure(Right, "pam_succeed_if", "-", "quiet user = lee"),
    measure(Wrong, "pam_succeed_if", "-", "quiet user = other"),
    measure(Wrong, "pam_succeed_if", "-", "quiet user ingroup nothing"),
    measure(Wrong, "pam_succeed_if", "-", "quiet user sameas other"),
    measure(Right, "pam_succeed_if", "-", "quiet"),
    measure(Wrong, "pam_timestamp", "-", "").items(&["tty=/dev/tty1", "ruser=lee"]),
    measure(Wrong, "pam_u2f", "-", "authfile=/srv/modules/u2f"),
    measure(Without, "pam_u2f", "-", "authfile=/srv/modules/u2f").user("other"),
    measure(Without, "pam_u2f", "-", "authfile=/srv/modules/missing"),
    measure(Without, "pam_u2f", "-", ""),
    measure(Wrong, "pam_u2f", "alwaysok", "authfile=/srv/modules/u2f"),
    measure(Without, "pam_u2f", "alwaysok", "authfile=/srv/modules/u2f").user("other"),
    measure(Wrong, "pam_u2f", "nouserok", "authfile=/srv/modules/u2f"),
    measure(Without, "pam_u2f", "nouserok", "authfile=/srv/modules/u2f").user("other"),
    measure(
        Without,
        "pam_u2f",
        "nouserok",
        "authfile=/srv/modules/missing",
    ),
    measure(Without, "pam_u2f", "nouserok", ""),
    measure(Right, "pam_unix", "-", "").types(TYPED),
    measure(Right, "pam_unix", "-", "try_first_pass")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Right, "pam_unix", "-", "use_first_pass")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Wrong, "pam_unix", "-", "use_first_pass")
        .types("wrong\n")
        .after(PASSWORD_BEFORE),
    measure(Wrong, "pam_unix", "-", "use_first_pass"),
    measure(Wrong, "pam_unix", "-", "").types("wrong\n"),
    measure(Wrong, "pam_unix", "-", "nodelay").types("\n"),
    measure(Wrong, "pam_unix", "-", ""),
    measure(Right, "pam_unix", "-", "")
        .types(TYPED)
        .called_by("lee"),
    measure(Wrong, "pam_unix", "-", "")
        .types("wrong\nwrong\nwrong\n")
        .after(UNIX_TWICE),
    measure(Wrong, "pam_unix", "nullok", "")
        .types("wrong\nwrong\nwrong\n")
        .after(UNIX_TWICE),
    measure(Wrong, "pam_unix", "nullok", "")
        .types("wrong\n")
        .called_by("other"),
    measure(Wrong, "pam_unix", "-", "")
        .types("wrong\n")
        .called_by("lee"),
    measure(Wrong, "pam_unix", "-", "")
        .types("wrong\n")
        .called_by("other"),
    measure(Without, "pam_unix", "-", "")
        .types("wrong\n")
        .user("away"),
    measure(Without, "pam_unix", "-", "")
        .types("wrong\n")
        .user("star"),
    measure(Without, "pam_unix", "-", "")
        .types("wrong\n")
        .user("locked"),
    measure(Without, "pam_unix", "-", "")
        .types("\n")
        .user("bare"),
    measure(Without, "pam_unix", "-", "")
        .types("wrong\n")
        .user("unheard"),
    measure(Right, "pam_unix", "nullok", "").types(TYPED),
    measure(Wrong, "pam_unix", "nullok", "").types("wrong\n"),
    measure(Wrong, "pam_unix", "nullok", "").types("\n"),
    measure(Wrong, "pam_unix", "nullok", ""),
    measure(Without, "pam_unix", "nullok", "")
        .types("wrong\n")
        .user("away"),
    measure(Without, "pam_unix", "nullok", "")
        .types("wrong\n")
        .user("locked"),
    measure(Without, "pam_unix", "nullok", "").user("bare"),
    measure(Without, "pam_unix", "nullok", "")
        .types("wrong\n")
        .user("unheard"),
    measure(Right, "pam_unix", "-", "use_first_pass")
        .types(TYPED)
        .after(PASSWORD_BEFORE),
    measure(Wrong, "pam_unix", "-", "use_first_pass")
        .types("wrong\n")
        .after(PASSWORD_BEFORE),
    measure(Wrong, "pam_unix", "-", "use_first_pass"),
    measure(Without, "pam_unix", "-", "use_first_pass")
        .types("wrong\n")
        .user("away")
        .after(PASSWORD_BEFORE),
    measure(Right, "pam_userdb", "-", "db=/srv/modules/userdb").types(TYPED),
    measure(Wrong, "pam_userdb", "-", "db=/srv/modules/userdb").types("wrong\n"),
    measure(Wrong, "pam_userdb", "-", "db=/srv/modules/userdb").types("\n"),
    measure(Wrong, "pam_userdb", "-", "db=/srv/modules/userdb"),
    measure(Without, "pam_userdb", "-", "db=/srv/modules/userdb")
        .user("other")
        .types("wrong\n"),
    measure(Without, "pam_userdb", "-", "db=/srv/modules/missing").types("wrong\n"),
    measure(Right, "pam_usertype", "-", "isregular"),
    measure(Wrong, "pam_usertype", "-", "issystem"),
    measure(Wrong, "pam_usertype", "-", ""),
    measure(Right, "pam_warn", "-", ""),
    measure(Right, "pam_wheel", "-", "use_uid group=in").called_by("lee"),
    measure(Wrong, "pam_wheel", "-", "use_uid group=in").called_by("other"),
    measure(Wrong, "pam_wheel", "-", "use_uid group=nothing").called_by("other"),
    measure(Right, "pam_wheel", "-", "use_uid group=in root_only").called_by("other"),
    measure(Right, "pam_wheel", "trust", "use_uid group=in").called_by("lee"),
    measure(Wrong, "pam_wheel", "trust", "use_uid group=in").called_by("other"),
    measure(Right, "pam_wheel", "trust", "use_uid group=in root_only").called_by("lee"),
    measure(Right, "pam_wheel", "deny", "use_uid group=in").called_by("other"),
    measure(Wrong, "pam_wheel", "deny", "use_uid group=in").called_by("lee"),
    measure(Right, "pam_winbind", "-", "").types(TYPED).when(Up),
    measure(Wrong, "pam_winbind", "-", "")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_winbind", "-", "")
        .user("locked")
        .types(TYPED)
        .when(Up),
    measure(Without, "pam_winbind", "-", "")
        .user("other")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_winbind", "-", "")
        .user("unheard")
        .types("wrong\n")
        .when(Up),
    measure(Right, "pam_winbind", "unknown_ok", "")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_winbind", "unknown_ok", "")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_winbind", "unknown_ok", "")
        .user("locked")
        .types(TYPED)
        .when(Up),
    measure(Without, "pam_winbind", "unknown_ok", "")
        .user("other")
        .types("wrong\n")
        .when(Up),
    measure(Without, "pam_winbind", "unknown_ok", "")
        .user("unheard")
        .types("wrong\n")
        .when(Up),
    measure(Wrong, "pam_winbind", "unknown_ok", "").types("wrong\n"),
    measure(Wrong, "pam_winbind", "unknown_ok", ""),
    measure(Wrong, "pam_winbind", "-", "use_first_pass")
        .types(TYPED)
        .when(Up),
    measure(Wrong, "pam_winbind", "-", "").types("wrong\n"),
    measure(Wrong, "pam_winbind", "-", ""),
];

/// Modules, users and files.
pub fn prepare() {
    shell(&format!(
        "tar -C {UNPACKED} -c . | tar -C / -x --keep-directory-symlink && ldconfig"
    ));
    // Some modules distrust directories that others can write to.
    fs::create_dir_all(DIRECTORY).expect(DIRECTORY);
    for user in ["away", "star", "locked", "bare", "crypt"] {
        let shell = if user == "crypt" {
            "/bin/odd"
        } else {
            "/bin/sh"
        };
        command("useradd", &["--create-home", "--shell", shell, user]);
    }
    // As a directory would answer.
    command(
        "sed",
        &[
            "-i",
            "/^away:/d; s/^bare:[^:]*/bare:/; s/^star:[^:]*/star:*/",
            "/etc/shadow",
        ],
    );
    command("groupadd", &["in"]);
    command("usermod", &["--append", "--groups", "in", USER]);
    let hash = fs::read_to_string("/etc/shadow").expect("shadow");
    let hash = hash
        .lines()
        .find_map(|line| line.strip_prefix("lee:")?.split(':').next())
        .expect("a hash");
    for (name, mode, text) in [
        ("access-all", 0o644, "+:ALL:ALL\n"),
        ("access-none", 0o644, "-:ALL:ALL\n"),
        ("capability.conf", 0o600, "cap_net_raw lee\nnone *\n"),
        ("list-lee", 0o644, "lee\n"),
        ("list-tty", 0o644, "/dev/tty1\n"),
        // The secret of RFC 4226, so the first code is 755224.
        (
            "oath",
            0o600,
            "HOTP lee - 3132333435363738393031323334353637383930\n\
             HOTP crypt - 3132333435363738393031323334353637383930\n",
        ),
        ("pwdfile", 0o600, &format!("lee:{hash}\n")),
        // A key that is not plugged in.
        (
            "u2f",
            0o600,
            "lee:9hXoRCRRVCQmVBwXHKTSgXcTYg5bTj1QEzDSGKYHhXk=,BKKgDSWYcJ8JKUMgw7LFhqVSDEQq0R2jYKBvQZ1xQN\
             XCgB2FnVdQkLdfSAuqXBeJLbcYwNUkYHyVQTMQ7ySXXDg=,es256,+presence\n",
        ),
        ("userdb.txt", 0o600, "lee\nTr0mbone-sextant\n"),
        ("keys", 0o600, ""),
    ] {
        let path = format!("{DIRECTORY}/{name}");
        fs::write(&path, text).expect(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect(&path);
    }
    shell("db5.3_load -T -t hash -f /srv/modules/userdb.txt /srv/modules/userdb.db");
    // With an emergency code. The module refuses if the file changes while it reads it, so each of
    // the two calls that use the code up has a file of its own.
    fs::write(
        "/srv/modules/totp",
        "AAAAAAAAAAAAAAAA\n\" TOTP_AUTH\n12345678\n",
    )
    .expect("a secret");
    for user in ["lee", "crypt"] {
        shell(&format!(
            "install -o {user} -m 400 /srv/modules/totp ~{user}/.google_authenticator"
        ));
    }
    shell("echo localhost lee >~lee/.rhosts && chown lee ~lee/.rhosts");
    shell(
        "mkdir ~crypt/.ecryptfs && cd ~crypt/.ecryptfs &&
         touch auto-mount wrapped-passphrase && chown -R crypt .",
    );
    for key in ["key", "other"] {
        command(
            "ssh-keygen",
            &[
                "-q",
                "-t",
                "rsa",
                "-N",
                "",
                "-f",
                &format!("{DIRECTORY}/{key}"),
            ],
        );
    }
    command("ssh-agent", &["-a", &format!("{DIRECTORY}/agent")]);
    shell("SSH_AUTH_SOCK=/srv/modules/agent ssh-add -q /srv/modules/key");
    append("/etc/securetty", "tty1\n");
    fail();
}

/// Failures for `pam_faillock`, in one directory for each call that changes their number.
fn fail() {
    for (directory, failures) in [
        ("1", 1),
        ("1b", 1),
        ("1c", 1),
        ("2b", 2),
        ("3", 3),
        ("3c", 3),
    ] {
        fs::write(
            "/etc/pam.d/fail",
            format!(
                "auth required pam_faillock.so authfail nodelay dir={DIRECTORY}/faillock-{directory}\n"
            ),
        )
        .expect("a stack");
        for _ in 0..failures {
            let failure = Command::new("pamtester")
                .args(["fail", USER, "authenticate"])
                .output();
            assert!(!failure.expect("pamtester").status.success());
        }
    }
}
