//! Names of files of pinned keys, and what is in them. The first line is an account and a name of a
//! file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use login::pins::{account_of, file_name, parse};
use properties::ssh;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (name, file) = text.split_once('\n').unwrap_or((&text, ""));
    if let Ok(written) = file_name(name) {
        assert!((1..=255).contains(&written.len()) && written.is_ascii());
        assert!(
            !written.starts_with('.') && !written.contains(['/', '\0', ' ']),
            "{written}"
        );
        assert_eq!(account_of(&written).as_deref(), Some(name));
    }
    // One account, one name.
    if let Some(account) = account_of(name) {
        assert_eq!(file_name(&account).as_deref(), Ok(name));
    }
    let lines = file.lines().count();
    match parse(file) {
        Ok(keys) => {
            let text = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
            assert_eq!(keys.keys().len(), file.lines().filter(text).count());
            keys.keys().iter().for_each(ssh::assert_key);
        }
        Err((line, _)) => assert!((1..=lines).contains(&line), "line {line} of {lines}"),
    }
});
