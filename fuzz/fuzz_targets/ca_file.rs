//! A file of CA certificates.
#![no_main]

use bounded_https::fuzz;
use libfuzzer_sys::fuzz_target;
use properties::assert_harmless;

fuzz_target!(|data: &[u8]| {
    match fuzz::ca_certificates(data) {
        Ok(count) => {
            let begin = b"-----BEGIN CERTIFICATE";
            let begun = data
                .windows(begin.len())
                .filter(|window| window == begin)
                .count();
            assert!((1..=begun).contains(&count), "{count} of {begun}");
        }
        Err(why) => assert_harmless(why.detail(), 300),
    }
});
