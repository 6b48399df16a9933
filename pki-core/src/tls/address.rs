//! Hosts that are IP addresses.

use std::net::IpAddr;

/// Reads a host as an IP address, which may have brackets around it. `None` if it is a name.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_stand_in_brackets() {
        assert_eq!(address("[::1]"), address("::1"));
        assert_eq!(address("::ffff:10.0.0.1"), Some([10, 0, 0, 1].into()));
        assert_eq!(address("a"), None);
    }
}
