use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ Pixel 8\n";

#[test]
fn every_account_has_a_file_of_its_own_that_tells_whose_it_is() {
    for (account, name) in [
        ("lee", "lee"),
        ("Lee", "Lee"),
        ("lee@acme.com", "lee@acme.com"),
        ("lee+web_1-a.b", "lee+web_1-a.b"),
        ("lee/../root", "lee%2F..%2Froot"),
        ("lee%2Froot", "lee%252Froot"),
        (".lee", "%2Elee"),
        ("...", "%2E.."),
        ("%2E", "%252E"),
        ("l\u{e9}e", "l%C3%A9e"),
        ("le\u{301}e", "le%CC%81e"),
        ("o'neil $(id)\n", "o%27neil%20%24%28id%29%0A"),
        ("lee~", "lee%7E"),
        ("a\0b", "a%00b"),
    ] {
        assert_eq!(file_name(account).as_deref(), Ok(name));
        assert_eq!(account_of(name).as_deref(), Some(account));
    }
    // Every pair of characters. Each must get its own file name.
    let characters: Vec<char> = ('\0'..='\u{ff}').chain(['\u{130}', '\u{202e}']).collect();
    let mut names = HashSet::new();
    for first in &characters {
        for second in &characters {
            let account = format!("{first}{second}");
            let Ok(name) = file_name(&account) else {
                assert_eq!(account, "..");
                continue;
            };
            assert!(
                name.is_ascii() && !name.contains(['/', '\0', ' ']),
                "{name}"
            );
            assert!(!name.starts_with('.'), "{name}");
            assert_eq!(account_of(&name), Some(account));
            assert!(names.insert(name));
        }
    }
}

#[test]
fn accounts_without_a_file_are_refused_and_files_without_an_account_passed_over() {
    let long = "x".repeat(255);
    assert_eq!(file_name(&long).as_deref(), Ok(&*long));
    for account in ["", ".", "..", &"x".repeat(256), &"\u{e9}".repeat(43)] {
        let error = file_name(account).unwrap_err().to_string();
        assert!(error.starts_with("no keys can be pinned for this account: "));
        assert_eq!(
            read(Path::new("/"), account),
            file_name(account).map(|_| None)
        );
    }
    for name in [
        "", ".", "..", ".lee", ".lee.new", "%2e", "%2E", "%2E%2E", "lee%2d", "lee%2Dx", "l%e9e",
        "%FF", "%", "%2", "lee~", "l\u{e9}e", "a b",
    ] {
        assert_eq!(account_of(name), None, "{name}");
    }
}

#[test]
fn every_line_is_a_key_or_named() {
    let keys = parse(&format!(
        "{KEY}\n# of the old phone\r\n{}",
        KEY.replace('\n', "\r\n")
    ));
    assert_eq!(keys.unwrap().keys().len(), 2);
    let keys = parse(&format!("# Authorized Keys of lee\n{KEY}")).unwrap();
    assert_eq!(keys.keys()[0].comment(), "Pixel 8");
    for text in ["", "\n\n", "# Authorized Keys\n"] {
        assert!(parse(text).unwrap().keys().is_empty());
    }
    for (line, what) in [
        ("ssh-dss AAAAB3NzaC1kc3M= old", "neither ssh-ed25519 nor"),
        ("ssh-ed25519", "malformed: not `ALGORITHM BASE64"),
        (
            "restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrI",
            "not base64",
        ),
        ("<html>an error page</html>", "not base64"),
        ("\u{feff}# Authorized Keys", "not base64"),
    ] {
        let (at, why) = parse(&format!("{KEY}\n{line}\n{KEY}")).unwrap_err();
        assert_eq!(at, 3, "{line}");
        assert!(why.contains(what), "{line}: {why}");
        assert_eq!(parse(line).unwrap_err().0, 1);
    }
}

#[test]
fn only_a_file_that_is_not_there_leaves_it_to_the_tenant() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("keys");
    let counts = |pins| pinned(pins, &directory, "lee");
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    // Without the directory, then without the file.
    for made in [false, true] {
        if made {
            fs::create_dir(&directory).unwrap();
            allow(&directory, 0o755);
        }
        assert_eq!(counts(Pins::Off), Ok(None));
        assert_eq!(counts(Pins::IfPresent), Ok(None));
        let refusal = counts(Pins::Required).unwrap_err();
        assert_eq!(refusal.reason, Reason::NoKey);
        let file = directory.join("lee").display().to_string();
        assert_eq!(
            refusal.detail,
            format!("pins = \"required\", but there is no {file}: run logonbox pin lee")
        );
    }
    let file = directory.join("lee");
    let refused = |what: &str| {
        assert_eq!(counts(Pins::Off), Ok(None));
        for pins in [Pins::IfPresent, Pins::Required] {
            let refusal = counts(pins).unwrap_err();
            assert_eq!(refusal.reason, Reason::Configuration);
            assert!(refusal.detail.contains(what), "{what}: {}", refusal.detail);
            assert!(refusal.detail.starts_with(&*directory.to_string_lossy()));
            assert!(!refusal.unavailable);
        }
    };
    let write = |text: &[u8]| {
        fs::write(&file, text).unwrap();
        allow(&file, 0o600);
    };
    symlink("elsewhere", &file).unwrap();
    refused("lee: is a link; name the file itself");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused("lee: is not a regular file");
    fs::remove_dir(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRUSR).unwrap();
    refused("lee: is not a regular file");
    fs::remove_file(&file).unwrap();
    write(b"\xff");
    refused("lee: is not UTF-8 text");
    write(format!("{KEY}ssh-rsa\n").as_bytes());
    refused("lee line 2: malformed");
    write(&vec![b'#'; (256 << 10) + 1]);
    refused("lee: is larger than 262144 bytes");
    write(KEY.as_bytes());
    allow(&file, 0o620);
    refused("lee: can be written to by others (mode 620)");
    allow(&file, 0o600);
    allow(&directory, 0o775);
    refused("keys: can be written to by others (mode 775)");
    allow(&directory, 0o755);
    for pins in [Pins::IfPresent, Pins::Required] {
        let pinned = counts(pins).unwrap().unwrap();
        assert_eq!(
            (pinned.path, pinned.keys),
            (file.clone(), parse(KEY).unwrap())
        );
    }
    // An administrator who moves the directory must not replace it by a symlink.
    fs::rename(&directory, dir.path().join("moved")).unwrap();
    symlink("moved", &directory).unwrap();
    refused("keys: is no directory, or a link to one");
}
