//! A PNG to a QR code in a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use properties::drawing::drawn;

fuzz_target!(|data: &[u8]| {
    let _ = drawn(data);
});
