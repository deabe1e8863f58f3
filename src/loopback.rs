//! Recognises hosts that are this machine itself. Requests to this machine do not use a proxy. Otherwise a proxy that
//! is configured for the internet would get the client secret and the token in clear text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns whether `host`, the host part of a URL, is by its form alone this machine. That is an address in
/// `127.0.0.0/8`, `::1`, `0.0.0.0` or `::` (the last two also lead to this machine), such an IPv4 address mapped into
/// IPv6, `localhost`, or any name that ends in `.localhost`.
///
/// A name that only *resolves* to this machine does not count, because its address may change.
pub fn is_loopback(host: &str) -> bool {
    is_localhost(host) || address(host).is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// Returns whether `host` is `localhost` or ends in `.localhost`, with or without a final dot. These names are
/// reserved for this machine (RFC 6761). A resolver may still send them elsewhere, so callers use [`ADDRESSES`] for
/// them.
pub fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Returns whether a request to `host` stays on this machine or its local link: a loopback address, or an address at
/// which a cloud provider serves the machine's own credentials over plain HTTP.
pub fn is_near(host: &str) -> bool {
    is_loopback(host)
        || address(host).is_some_and(|ip| match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            // Amazon's metadata and credentials: fd00:ec2::254 and fd00:ec2::23.
            IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0x0ec2],
        })
}

/// The addresses that are used for the names that [`is_localhost`] accepts.
pub const ADDRESSES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Returns `host` as an IP address, or `None` if it is a name. An IPv4 address inside an IPv6 one is returned as
/// IPv4.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_by_its_form() {
        for host in [
            "127.0.0.1",
            "127.255.3.4",
            "[::1]",
            "::1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:5]",
            "0.0.0.0",
            "[::]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "api.localhost",
            "a.b.localhost.",
        ] {
            assert!(is_loopback(host) && is_near(host), "{host}");
        }
        for host in [
            "",
            "api.qpien.com",
            "localhost.example",
            "notlocalhost",
            "localhost..",
            "10.0.0.1",
            "128.0.0.1",
            "[::2]",
            "[::ffff:10.0.0.1]",
            "127.0.0.1.example",
            "1270.0.0.1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
        for host in ["169.254.169.254", "169.254.170.2", "[fd00:ec2::254]", "[fe80::1]"] {
            assert!(is_near(host) && !is_loopback(host), "{host}");
        }
        assert!(!is_near("[fd00:ec3::1]") && !is_near("192.168.0.1"));
    }
}
