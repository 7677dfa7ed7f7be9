//! A key list, as a tenant publishes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::{AuthorizedKeys, PublicKey};
use properties::{assert_harmless, ssh};

fuzz_target!(|data: &[u8]| {
    // As the client does.
    let listing = String::from_utf8_lossy(data);
    let parsed = AuthorizedKeys::parse(&listing);
    assert_eq!(parsed.is_ok(), listing.starts_with("# Authorized"));
    let Ok(parsed) = parsed else { return };

    let lines: Vec<&str> = listing.lines().map(str::trim).collect();
    let count = lines
        .iter()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .count();
    // As many as are remembered.
    let skipped = (count - parsed.keys().len()).min(1000);
    assert_eq!(parsed.skipped().len(), skipped);
    let mut last = 0;
    for skipped in parsed.skipped() {
        assert!(skipped.line > last && skipped.line <= lines.len());
        last = skipped.line;
        assert_eq!(
            PublicKey::from_line(lines[last - 1]).as_ref(),
            Err(&skipped.why)
        );
        assert_harmless(&skipped.to_string(), 120);
    }
    for key in parsed.keys() {
        ssh::assert_key(key);
        assert_eq!(parsed.by_fingerprint(&key.fingerprint()), Some(key));
    }
});
