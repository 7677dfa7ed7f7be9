//! The words in a pam.d file, each ended by a NUL.
#![no_main]

use std::ffi::CStr;

use libfuzzer_sys::fuzz_target;
use login::args::Args;

fuzz_target!(|data: &[u8]| {
    let words: Vec<&CStr> = data
        .split_inclusive(|byte| *byte == 0)
        .filter_map(|word| CStr::from_bytes_with_nul(word).ok())
        .collect();
    let is = |word: &&&CStr, start: &str| word.to_bytes().starts_with(start.as_bytes());
    match Args::parse(words.iter().copied()) {
        Ok(args) => {
            assert!(args.path.is_absolute());
            let named = words.iter().filter(|word| is(word, "conf=")).count();
            assert!(named <= 1);
            let debug = words
                .iter()
                .filter(|word| word.to_bytes() == b"debug")
                .count();
            assert_eq!(args.debug, debug > 0);
            assert_eq!(named + debug, words.len());
        }
        Err(why) => assert!(!why.contains(char::is_control), "{why:?}"),
    }
});
