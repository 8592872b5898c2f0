//! `NO_PROXY`: which servers are reached without a proxy.
//!
//! There is no standard; this is what curl and Go have in common, and where they differ what
//! matches more: a name stands for itself and for all names below it, with or without a leading dot.

use std::net::IpAddr;

/// The servers that are reached directly.
#[derive(Debug, Default)]
pub(super) struct NoProxy(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    what: What,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug)]
enum What {
    Everything,
    /// In lower case, without a leading dot.
    Name(String),
    Network {
        address: IpAddr,
        bits: u32,
    },
}

impl NoProxy {
    /// Reads names, addresses and networks, each with or without a port, divided by commas or spaces.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty());
        Self(entries.map(Rule::parse).collect())
    }

    /// Whether a server is reached directly; IPv6 addresses stand in brackets, as in a URL.
    pub(super) fn contains(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host
            .parse()
            .ok()
            .map(|address: IpAddr| address.to_canonical());
        self.0.iter().any(|rule| {
            rule.port.is_none_or(|only| only == port) && rule.what.matches(&name, address)
        })
    }
}

impl Rule {
    fn parse(entry: &str) -> Self {
        // An IPv6 address has colons of its own, unless it stands in brackets.
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().ok())
            }
            _ => (entry, None),
        };
        let host = if port.is_some() { host } else { entry };
        Self {
            what: What::parse(host),
            port,
        }
    }
}

impl What {
    fn parse(host: &str) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (address, bits) = host.split_once('/').unwrap_or((host, "128"));
        if let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse()) {
            let address = address.to_canonical();
            return Self::Network { address, bits };
        }
        match host.trim_start_matches('*').trim_matches('.') {
            "" => Self::Everything,
            name => Self::Name(name.to_ascii_lowercase()),
        }
    }

    fn matches(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::Everything => true,
            Self::Name(name) => {
                let above = host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Network {
                address: network,
                bits,
            } => address.is_some_and(|address| begin_alike(*network, address, *bits)),
        }
    }
}

/// Whether the first `bits` of two addresses of one family are the same.
fn begin_alike(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let (alike, len) = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            ((one.to_bits() ^ other.to_bits()).leading_zeros(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            ((one.to_bits() ^ other.to_bits()).leading_zeros(), 128)
        }
        _ => return false,
    };
    alike >= bits.min(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(list: &str, host: &str, port: u16) -> bool {
        NoProxy::parse(list).contains(host, port)
    }

    #[test]
    fn names_stand_for_themselves_and_for_what_is_below() {
        for list in [
            "example.com",
            ".example.com",
            "*.example.com",
            "a, EXAMPLE.com",
        ] {
            assert!(contains(list, "example.com", 443), "{list}");
            assert!(contains(list, "o2.Example.com.", 443), "{list}");
            assert!(!contains(list, "notexample.com", 443), "{list}");
            assert!(!contains(list, "example.com.evil.net", 443), "{list}");
        }
        assert!(contains("*", "anything", 1) && contains("a *", "10.0.0.1", 1));
        assert!(!contains("", "anything", 1) && !contains(" , ", "anything", 1));
    }

    #[test]
    fn addresses_and_networks_are_compared_as_numbers() {
        let list = "10.0.0.0/8 192.168.1.7,fd00::/16,::1,[fe80::1],172.16.0.0/99";
        for direct in [
            "10.255.0.1",
            "192.168.1.7",
            "[fd00:1::2]",
            "[::1]",
            "[fe80::1]",
            "172.16.0.0",
        ] {
            assert!(contains(list, direct, 80), "{direct}");
        }
        assert!(contains(list, "[::ffff:10.1.2.3]", 80));
        for proxied in [
            "11.0.0.1",
            "192.168.1.70",
            "[fd01::1]",
            "[::2]",
            "172.16.0.1",
            "10.example.com",
        ] {
            assert!(!contains(list, proxied, 80), "{proxied}");
        }
        assert!(contains("0.0.0.0/0", "8.8.8.8", 80) && !contains("0.0.0.0/0", "[::1]", 80));
    }

    #[test]
    fn a_port_narrows_a_rule() {
        let list = "example.com:4318,10.0.0.1:80,[::2]:8080,::3";
        assert!(contains(list, "o2.example.com", 4318) && !contains(list, "example.com", 443));
        assert!(contains(list, "10.0.0.1", 80) && !contains(list, "10.0.0.1", 81));
        assert!(contains(list, "[::2]", 8080) && !contains(list, "[::2]", 80));
        assert!(contains(list, "[::3]", 80));
        assert!(contains("*:80", "a", 80) && !contains("*:80", "a", 81));
    }
}
