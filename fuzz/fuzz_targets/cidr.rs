//! A network, and whether an address is in it. The address is the first 16 bytes.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use login::network::Network;

fuzz_target!(|data: &[u8]| {
    let Some((address, text)) = data.split_first_chunk::<16>() else {
        return;
    };
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    let network: Network = match text.parse() {
        Ok(network) => network,
        Err(why) => {
            assert!(!why.contains(char::is_control), "{why:?}");
            return;
        }
    };
    let written = network.to_string();
    assert_eq!(written.parse().as_ref(), Ok(&network), "{written}");
    let (base, length) = written.split_once('/').unwrap();
    let (base, length): (IpAddr, u32) = (base.parse().unwrap(), length.parse().unwrap());
    assert!(network.holds(base), "{written} without its first address");

    // Bit by bit, of which an IPv4 address has the last 32.
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (true, u128::from(address.to_bits())),
        IpAddr::V6(address) => (false, address.to_bits()),
    };
    let (is_v4, start) = bits(base);
    let host = if is_v4 { 32 } else { 128 } - length;
    assert_eq!(
        start
            .checked_shr(host)
            .unwrap_or(0)
            .checked_shl(host)
            .unwrap_or(0),
        start,
        "{written}"
    );
    let same = |address: IpAddr| {
        let (v4, bits) = bits(address.to_canonical());
        v4 == is_v4 && (bits ^ start).checked_shr(host).unwrap_or(0) == 0
    };
    let v4 = Ipv4Addr::from(*address.first_chunk::<4>().unwrap());
    let v6 = Ipv6Addr::from(*address);
    // Near, too: with one bit of the base turned.
    let bit = u32::from(address[0]);
    let near: IpAddr = match base {
        IpAddr::V4(base) => Ipv4Addr::from_bits(base.to_bits() ^ 1 << (bit % 32)).into(),
        IpAddr::V6(base) => Ipv6Addr::from_bits(base.to_bits() ^ 1 << (bit % 128)).into(),
    };
    for address in [v4.into(), v4.to_ipv6_mapped().into(), v6.into(), near] {
        assert_eq!(network.holds(address), same(address), "{written} {address}");
    }
});
