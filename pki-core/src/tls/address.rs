//! Hosts that are addresses.

use std::net::IpAddr;

/// The address that a host is, if it is one; it may stand in brackets.
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
