//! The names of the files that count attempts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use login::policy::attempt_of;

fuzz_target!(|data: &[u8]| {
    let name = String::from_utf8_lossy(data);
    if let Some((account, time)) = attempt_of(&name) {
        assert!(!account.contains('.'));
        let written = format!("{account}.{}", time.as_nanos());
        assert_eq!(attempt_of(&written), Some((account, time)));
        let (_, digits) = name.split_once('.').unwrap();
        assert!(
            digits
                .trim_start_matches('+')
                .bytes()
                .all(|byte| byte.is_ascii_digit())
        );
    }
});
