//! The names of the files that stand for tries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pam_logonbox::fuzz::counted_try;

fuzz_target!(|data: &[u8]| {
    // As the directory is read.
    let name = String::from_utf8_lossy(data);
    if let Some((account, time)) = counted_try(&name) {
        assert!(!account.contains('.'));
        let written = format!("{account}.{}", time.as_nanos());
        assert_eq!(counted_try(&written), Some((account, time)));
        let (_, digits) = name.split_once('.').unwrap();
        assert!(
            digits
                .trim_start_matches('+')
                .bytes()
                .all(|byte| byte.is_ascii_digit())
        );
    }
});
