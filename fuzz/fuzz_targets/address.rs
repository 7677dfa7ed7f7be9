//! A tenant's address, and Airlock's base URL: what the URL parser of the HTTP library makes of them
//! is the same host, port and path.
#![no_main]

use airlock_iam::BaseUrl;
use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::TenantAddress;
use properties::assert_harmless;
use url::Url;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match text.parse::<TenantAddress>() {
        Ok(address) => {
            assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
            assert_harmless(address.host(), 254);
            assert_same(
                &address,
                "/app/api/authenticator/keys/lee%40acme.com",
                &format!("https://{address}"),
            );
        }
        Err(why) => assert_harmless(&why.to_string(), 120),
    }
    match text.parse::<BaseUrl>() {
        Ok(base) => {
            let written = base.to_string();
            assert_eq!(written.parse().as_ref(), Ok(&base));
            assert!(text.starts_with("https://") && !written.ends_with('/'));
            assert_same(base.authority(), "/public/authentication/flow/", &written);
        }
        Err(why) => assert_harmless(&why.to_string(), 120),
    }
});

fn assert_same(address: &TenantAddress, path: &str, base: &str) {
    // Names that no DNS has (RFC 5890) are refused by the library; nothing is sent then.
    let Ok(url) = Url::parse(&format!("{base}{path}")) else {
        assert!(
            address.host().to_ascii_lowercase().contains("xn--"),
            "{base}"
        );
        return;
    };
    assert_eq!(
        (url.scheme(), url.username(), url.password()),
        ("https", "", None)
    );
    assert_eq!((url.query(), url.fragment()), (None, None));
    assert_eq!(url.port_or_known_default(), Some(address.port()));
    // No part of the path is taken for another (RFC 3986, section 5.2.4).
    let before = base.strip_prefix(&format!("https://{address}")).unwrap();
    assert_eq!(url.path(), format!("{before}{path}"));
    let host = url.host_str().unwrap();
    match address.host().strip_prefix('[') {
        None => assert_eq!(host, address.host().to_ascii_lowercase()),
        Some(v6) => {
            let same = |text: &str| {
                text.trim_matches(['[', ']'])
                    .parse::<std::net::Ipv6Addr>()
                    .unwrap()
            };
            assert_eq!(same(host), same(v6));
        }
    }
}
