//! Networks in CIDR notation, for exemptions.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A network in CIDR notation (RFC 4632, RFC 4291 section 2.3), or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether `address` is in this network. An IPv4 address that is mapped into IPv6 (RFC 4291,
    /// section 2.5.5.2) counts as IPv4: sshd reports such addresses on a dual-stack socket.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "{text:?} is no network: write 192.0.2.0/24, 2001:db8::/32, or a single address"
            )
        };
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wanted())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let length: u8 = match length {
            // `+8` and `08` are errors: their meaning is not certain.
            Some(length) => all_digits(length)
                .and_then(|()| length.parse().ok())
                .filter(|length| *length <= all)
                .ok_or_else(wanted)?,
            None => all,
        };
        let (address, length) = match (address.to_canonical(), address) {
            (mapped @ IpAddr::V4(_), IpAddr::V6(_)) => {
                let length = length
                    .checked_sub(96)
                    .ok_or_else(|| format!("{text:?} is mapped IPv4: its prefix is 96 or more"))?;
                (mapped, length)
            }
            (address, _) => (address, length),
        };
        let network = IpNet::new(address, length).map_err(|_| wanted())?;
        if network.trunc() != network {
            return Err(format!(
                "{text:?} has bits beyond its prefix: write {} for the network, or the address alone",
                network.trunc()
            ));
        }
        Ok(Self(network))
    }
}

fn all_digits(text: &str) -> Option<()> {
    let plain = text == "0" || !text.starts_with('0');
    (plain && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        let network: Network = network.parse().unwrap();
        network.holds(address.parse().unwrap())
    }

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/24", "::ffff:192.0.2.1", "::ffff:192.0.3.1"),
            ("::ffff:192.0.2.0/120", "192.0.2.1", "192.0.3.1"),
            ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("::/0", "2001:db8::1", "::ffff:192.0.2.1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ] {
            assert!(holds(network, inside), "{network} {inside}");
            assert!(!holds(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn ambiguous_networks_are_errors() {
        for (text, why) in [
            ("", "no network"),
            ("office.acme.com", "no network"),
            ("192.0.2.0/", "no network"),
            ("192.0.2.0/33", "no network"),
            ("192.0.2.0/+24", "no network"),
            ("192.0.2.0/024", "no network"),
            ("192.0.2.0/255.255.255.0", "no network"),
            ("192.0.2", "no network"),
            ("192.0.2.010/32", "no network"),
            (" 192.0.2.0/24", "no network"),
            ("2001:db8::/129", "no network"),
            ("fe80::1%eth0/64", "no network"),
            ("192.0.2.7/24", "write 192.0.2.0/24 for"),
            ("2001:db8::1/32", "write 2001:db8::/32 for"),
            ("::ffff:0.0.0.0/0", "96 or more"),
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
