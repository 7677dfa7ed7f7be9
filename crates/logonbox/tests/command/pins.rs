//! `logonbox pin`, `unpin` and `pins`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use tenant::{Account, Accounts, KeyType, Options, Phone};

use crate::setup::{Run, Setup, unused_address};
use crate::terminal::Terminal;

pub const PIXEL: usize = 0;
pub const OLD: usize = 1;

/// Starts a tenant and configures a host. The tenant's account lee has a `Pixel 8` and an `Old
/// phone`. `logonbox` is added to `[logonbox]`.
pub fn lee(logonbox: &str) -> (Setup, Account) {
    let account = Account::new("lee").phones([
        Phone::new("Pixel 8", KeyType::Ed25519),
        Phone::new("Old phone", KeyType::Rsa),
    ]);
    let setup = Setup::with(Options {
        accounts: Accounts::from_iter([account.clone(), Account::new("o'neil/..")]),
        ..Options::default()
    });
    setup.configure(logonbox, "");
    (setup, account)
}

fn with_directory(setup: &Setup, arguments: &[&str]) -> Vec<String> {
    let directory = setup.path("keys").display().to_string();
    let mut all: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    all.extend(["--pins-directory".to_owned(), directory]);
    all
}

fn run(setup: &Setup, arguments: &[&str]) -> Run {
    let all = with_directory(setup, arguments);
    setup.run(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

fn fingerprint(account: &Account, place: usize) -> String {
    account.all_keys()[place].fingerprint()
}

fn file(setup: &Setup, name: &str) -> String {
    fs::read_to_string(setup.path("keys").join(name)).unwrap()
}

/// The files in the directory, including hidden ones.
fn files(setup: &Setup) -> Vec<String> {
    let entries = fs::read_dir(setup.path("keys")).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn keys_are_pinned_compared_and_unpinned() {
    let (setup, account) = lee("pins = \"if-present\"");
    let (pixel, old) = (fingerprint(&account, PIXEL), fingerprint(&account, OLD));

    run(&setup, &["pins"]).assert(0, &["Nothing is pinned in "], &[]);
    let pinned = run(&setup, &["pin", "lee", "--yes", "--key", &pixel]);
    pinned.assert(
        0,
        &[
            "Pixel 8\n  ssh-ed25519 256 bits SHA256:",
            "1 pinned for lee",
        ],
        &[],
    );
    assert_eq!(files(&setup), ["lee"]);
    let text = file(&setup, "lee");
    let line = account.all_keys()[PIXEL].line();
    assert!(text.ends_with(&format!("\n{line}\n")), "{text}");
    let modes =
        ["keys", "keys/lee"].map(|path| fs::metadata(setup.path(path)).unwrap().mode() & 0o7777);
    assert_eq!(modes, [0o755, 0o644]);

    let compared = run(&setup, &["pins", "lee"]);
    compared.assert(3, &["lee\n"], &[]);
    assert!(compared.line("pinned and published").contains(&pixel));
    assert!(compared.line("published, not pinned").contains(&old));

    // The administrator's comments are kept.
    let text = format!("# from Lee, by telephone\n{}", text.trim_end());
    setup.write("keys/lee", &text);
    // A temporary file of a killed process does not disturb.
    setup.write("keys/.new", "half");
    let pinned = run(&setup, &["pin", "lee", "--yes"]);
    pinned.assert(
        0,
        &[
            &format!("pinned already: Pixel 8 {pixel}"),
            "1 pinned for lee",
        ],
        &[],
    );
    assert_eq!(files(&setup), ["lee"]);
    let text = file(&setup, "lee");
    assert!(text.starts_with("# from Lee, by telephone\n"), "{text}");
    assert_eq!(text.matches(&line).count(), 1, "{text}");
    run(&setup, &["pins"]).assert(0, &["lee\n"], &[]);
    run(&setup, &["pin", "lee", "--yes"]).assert(0, &["There is nothing to do."], &[]);
    let login = run(&setup, &["keys", "lee"]);
    login.assert(
        0,
        &["  usable, pinned\n", "chosen among the pinned keys alone"],
        &[],
    );

    let out = run(&setup, &["unpin", "lee", &pixel]);
    out.assert(
        0,
        &[
            &format!("no longer pinned: Pixel 8 {pixel}"),
            "Still pinned: 1, in ",
        ],
        &[],
    );
    let text = file(&setup, "lee");
    assert!(
        text.starts_with("# from Lee") && !text.contains(&line),
        "{text}"
    );
    // The last key. The file stays, so logins are refused.
    let out = run(&setup, &["unpin", "lee", &old]);
    out.assert(0, &["Logins of lee are refused until a key is pinned"], &[]);
    assert_eq!(files(&setup), ["lee"]);
    run(&setup, &["keys", "lee"]).assert(1, &["A login is refused: no usable key"], &[]);
    run(&setup, &["pins"]).assert(3, &["holds no key: logins are refused"], &[]);
    run(&setup, &["unpin", "lee", "--forget"]).assert(
        0,
        &["From now on every key that the tenant publishes for lee counts again: pins = \"if-present\"."],
        &[],
    );
    assert!(files(&setup).is_empty());
}

#[test]
fn every_kind_of_pins_says_what_follows() {
    for (pins, pin, exit, emptied, forgotten) in [
        (
            "off",
            "It has no effect while pins = \"off\"",
            3,
            "have no effect here",
            "have no effect here",
        ),
        (
            "required",
            "1 pinned",
            0,
            "Logins of lee are refused",
            "are refused until a key is pinned: pins = \"required\"",
        ),
    ] {
        let (setup, account) = lee(&format!("pins = {pins:?}"));
        let pixel = fingerprint(&account, PIXEL);
        run(&setup, &["pin", "lee", "--yes", "--key", &pixel]).assert(exit, &[pin], &[]);
        run(&setup, &["unpin", "lee"]).assert(0, &[emptied], &[]);
        run(&setup, &["unpin", "lee", "--forget"]).assert(0, &[forgotten], &[]);
    }
}

#[test]
fn nothing_is_half_done() {
    let (setup, account) = lee("pins = \"required\"");
    let (pixel, old) = (fingerprint(&account, PIXEL), fingerprint(&account, OLD));
    let unknown = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    run(
        &setup,
        &["pin", "lee", "--yes", "--key", &pixel, "--key", unknown],
    )
    .assert(
        1,
        &[],
        &[&format!(
            "publishes no key {unknown} for this account. Nothing was done."
        )],
    );
    // Without a confirmation.
    run(&setup, &["pin", "lee"]).assert(1, &[&pixel, &old], &["no terminal to ask on", "--yes"]);
    run(&setup, &["pin", "kim", "--yes"]).assert(
        1,
        &[],
        &["kim: the tenant knows no such account"],
    );
    run(&setup, &["pin", "..", "--yes"]).assert(
        1,
        &[],
        &["no keys can be pinned for this account"],
    );
    run(&setup, &["unpin", "lee"]).assert(1, &[], &["nothing is pinned for lee in "]);
    let warning = "lee\n  nothing is pinned: logins are refused\n";
    run(&setup, &["pins", "lee"]).assert(3, &[warning], &[]);
    assert!(!setup.path("keys").exists());

    run(&setup, &["pin", "lee", "--yes"]).assert(0, &["2 pinned"], &[]);
    let before = file(&setup, "lee");
    run(&setup, &["unpin", "lee", &pixel, unknown]).assert(
        1,
        &[],
        &[&format!("no key {unknown} is pinned"), "Nothing was done"],
    );
    assert_eq!(file(&setup, "lee"), before);
    // A file that the module would refuse is not changed.
    setup.write("keys/lee", "rubbish\n");
    for arguments in [&["pin", "lee", "--yes"][..], &["unpin", "lee"]] {
        run(&setup, arguments).assert(1, &[], &["keys/lee line 1: malformed"]);
    }
    run(&setup, &["pins"]).assert(1, &["keys/lee line 1: malformed"], &[]);
    assert_eq!(file(&setup, "lee"), "rubbish\n");
    let open = Permissions::from_mode(0o777);
    fs::set_permissions(setup.path("keys"), open).unwrap();
    run(&setup, &["pin", "lee", "--yes"]).assert(1, &[], &["run chmod go-w"]);
    assert_eq!(files(&setup), ["lee"]);
}

#[test]
fn an_account_s_name_is_no_path() {
    let (setup, _) = lee("pins = \"required\"");
    run(&setup, &["pin", "o'neil/..", "--yes"]).assert(0, &["2 pinned for o'neil/.."], &[]);
    assert_eq!(files(&setup), ["o%27neil%2F.."]);
    run(&setup, &["pins"]).assert(0, &["o'neil/..\n"], &[]);
    setup.write("keys/lee%2dx", "");
    setup.write("keys/.swp", "rubbish");
    let compared = run(&setup, &["pins"]);
    compared.assert(3, &["keys/lee%2dx is no account's file"], &[]);
    assert!(!compared.out.contains(".swp"), "{}", compared.out);
}

#[test]
fn pins_go_on_without_a_tenant() {
    let (setup, account) = lee("pins = \"required\"");
    let pixel = fingerprint(&account, PIXEL);
    run(&setup, &["pin", "lee", "--yes"]).assert(0, &[], &[]);
    run(&setup, &["pin", "o'neil/..", "--yes"]).assert(0, &[], &[]);
    let lines: String = account
        .all_keys()
        .iter()
        .map(|key| key.line() + "\n")
        .collect();
    setup.write("keys/gone", &lines);
    run(&setup, &["pins", "gone"]).assert(3, &[&pixel, "the tenant knows no such account"], &[]);
    setup.configure_for(&unused_address(), "pins = \"required\"", "");
    let compared = run(&setup, &["pins"]);
    compared.assert(
        3,
        &[
            "lee\n",
            "gone\n",
            &pixel,
            "Nothing was compared with the tenant: ",
        ],
        &[],
    );
    assert_eq!(compared.out.matches("Nothing was compared").count(), 1);
    // Unpinning a key needs no tenant and no configuration.
    fs::remove_file(setup.path("pam_logonbox.toml")).unwrap();
    run(&setup, &["unpin", "lee", &pixel]).assert(0, &["Still pinned: 1"], &[]);
}

#[test]
fn keys_that_are_no_longer_published_are_told() {
    let (setup, account) = lee("pins = \"required\"");
    let other = Account::new("other");
    let line = other.all_keys()[PIXEL].line();
    fs::create_dir(setup.path("keys")).unwrap();
    setup.write("keys/lee", &format!("{line}\n"));
    let compared = run(&setup, &["pins"]);
    assert_eq!(compared.code, Some(3), "{compared:#?}");
    let theirs = compared.line("pinned, not published");
    assert!(theirs.contains(&fingerprint(&other, PIXEL)), "{theirs}");
    let own = compared.line("published, not pinned");
    assert!(own.contains(&fingerprint(&account, PIXEL)), "{own}");
    let keys = run(&setup, &["keys", "lee"]);
    keys.assert(0, &["pinned, but not published", "usable, not pinned"], &[]);
    let rings = keys.line("A login rings");
    assert!(rings.contains(&fingerprint(&other, PIXEL)), "{rings}");
}

#[test]
fn a_terminal_is_asked_and_only_yes_pins() {
    let (setup, account) = lee("pins = \"required\"");
    for (typed, code, count) in [("\r", 1, 0), ("n\r", 1, 0), ("y\r", 0, 1)] {
        let all = with_directory(&setup, &["pin", "lee"]);
        let terminal =
            Terminal::start(&setup.command(&all.iter().map(String::as_str).collect::<Vec<_>>()));
        terminal.see(&fingerprint(&account, PIXEL));
        terminal.see("in person, or by telephone");
        terminal.see("Pin these keys? [y/N] ");
        terminal.press(typed);
        let (status, raw) = terminal.end();
        assert_eq!(status.code(), Some(code), "{raw}");
        assert_eq!(files(&setup).len(), count, "{raw}");
    }
}

#[test]
fn what_is_agreed_to_is_what_was_shown() {
    let (setup, account) = lee("pins = \"required\"");
    let all = with_directory(&setup, &["pin", "lee"]);
    let terminal =
        Terminal::start(&setup.command(&all.iter().map(String::as_str).collect::<Vec<_>>()));
    terminal.see("[y/N] ");
    run(
        &setup,
        &["pin", "lee", "--yes", "--key", &fingerprint(&account, OLD)],
    )
    .assert(0, &[], &[]);
    let before = file(&setup, "lee");
    terminal.press("y\r");
    let (status, raw) = terminal.end();
    assert_eq!(status.code(), Some(1), "{raw}");
    assert!(raw.contains("changed by somebody else"), "{raw}");
    assert_eq!(file(&setup, "lee"), before);
}

#[test]
fn files_are_for_every_reader_and_names_of_phones_are_stripped() {
    let hostile = "Pixel\u{1b}[2J\r8";
    let lee = Account::new("lee").phones([Phone::new(hostile, KeyType::Ed25519)]);
    let setup = Setup::with(Options {
        accounts: Accounts::from_iter([lee]),
        ..Options::default()
    });
    setup.configure("pins = \"required\"", "");
    let all = with_directory(&setup, &["pin", "lee", "--yes"]);
    let command = setup.command(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let mut careful = Command::new("sh");
    careful
        .args(["-c", "umask 077; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    crate::setup::run(careful, "").assert(0, &["1 pinned for lee"], &[]);
    let mode = |path: &str| fs::metadata(setup.path(path)).unwrap().mode() & 0o7777;
    assert_eq!((mode("keys"), mode("keys/lee")), (0o755, 0o644));
    let text = file(&setup, "lee");
    assert!(text.ends_with(" Pixel?[2J?8\n"), "{text:?}");
    run(&setup, &["pins"]).assert(0, &["pinned and published"], &[]);
}

#[test]
fn only_keys_that_can_be_used_are_pinned() {
    let (setup, account) = lee("pins = \"required\"\nalgorithms = [\"ssh-rsa\"]");
    let why = "ssh-ed25519 is not in `algorithms`";
    let pixel = fingerprint(&account, PIXEL);
    run(&setup, &["pin", "lee", "--yes", "--key", &pixel]).assert(
        1,
        &[],
        &[why, "Nothing was done"],
    );
    let passed_over = format!("passed over: Pixel 8: {why}");
    run(&setup, &["pin", "lee", "--yes"]).assert(0, &[&passed_over, "1 pinned for lee"], &[]);
    assert!(!file(&setup, "lee").contains("ssh-ed25519"));
    setup.configure("pins = \"required\"\nalgorithms = [\"ssh-ed25519\"]", "");
    run(&setup, &["keys", "lee"]).assert(1, &["A login is refused: no usable key"], &[]);
}
