//! The users of this machine, from passwd(5).

#![expect(clippy::disallowed_methods, reason = "it looks up users of the system")]

use std::fs;

/// The user ID and group ID of the user `name` in `/etc/passwd`.
///
/// Other sources, such as LDAP, are not read: the users of services are in this file, and a statically linked program
/// cannot safely load the modules of nsswitch.conf(5).
pub(crate) fn ids(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read("/etc/passwd").ok()?;
    ids_in(&String::from_utf8_lossy(&passwd), name)
}

fn ids_in(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = passwd.lines().map(|line| line.split(':')).find_map(|mut fields| {
        let is_found = fields.next() == Some(name);
        is_found.then_some(fields)
    })?;
    // The second field, after the name, is the password.
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_its_line() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnot-etcd:x:1:2::/:\n# etcd\n\netcd:x:102:105::/var/lib/etcd/:\n";
        assert_eq!(ids_in(passwd, "etcd"), Some((102, 105)));
        assert_eq!(ids_in(passwd, "root"), Some((0, 0)));
        for absent in ["tcd", "", "x", "ETCD"] {
            assert_eq!(ids_in(passwd, absent), None, "{absent}");
        }
        for broken in ["etcd", "etcd:x", "etcd:x:1", "etcd:x:-1:2", "etcd:x::2"] {
            assert_eq!(ids_in(broken, "etcd"), None, "{broken}");
        }
    }

    #[test]
    fn every_machine_has_a_root() {
        assert_eq!(ids("root"), Some((0, 0)));
        assert_eq!(ids("no such user"), None);
    }
}
