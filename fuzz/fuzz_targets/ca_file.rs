//! A file of CA certificates.
#![no_main]

use bounded_https::fuzz;
use libfuzzer_sys::fuzz_target;
use properties::assert_harmless;

fuzz_target!(|data: &[u8]| {
    match fuzz::ca_certificates(data) {
        Ok(count) => {
            let begun = data
                .split(|byte| *byte == b'\n')
                .filter(|line| line.starts_with(b"-----BEGIN "))
                .count();
            assert!(count > 0 && count == begun, "{count} of {begun}");
        }
        Err(why) => assert_harmless(why.detail(), 300),
    }
});
