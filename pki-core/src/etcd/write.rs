//! Writing a description to start from.

use std::fmt::Write;

use super::address::MemberAddress;
use super::cluster::Member;
use super::label::Label;
use super::version::EtcdVersion;

/// A commented description of a cluster, for a person to go on with.
///
/// ```
/// use pki_core::etcd::{Cluster, Label, Member, describe};
///
/// let members = [Member::parse("etcd1=10.0.0.11,etcd1.example")?];
/// let text = describe(&Label::parse("prod")?, &members);
/// assert_eq!(Cluster::from_yaml(&text, None).unwrap().value.members(), members);
/// # Ok::<(), pki_core::etcd::DescriptionError>(())
/// ```
pub fn describe(name: &Label, members: &[Member]) -> String {
    let mut text = format!(
        "\
# An etcd cluster. `etcdpki cluster plan` shows what it needs, `etcdpki cluster apply` makes it.
name: \"{name}\"

# The etcd that it is for: it decides which options there are.
version: \"{}\"

# Who trusts whom. least-privilege: a CA for peers and one for clients; a member's key does not open the database.
# single-ca: one CA issues every certificate. shared-cert: and a member has one certificate for everything.
layout: least-privilege

# The kind of every key: ecdsa-256, ecdsa-384, ecdsa-521, ed25519, rsa-2048, rsa-3072, rsa-4096, rsa-8192.
key: ecdsa-256

# How long certificates are valid (h, d, y). None outlives the CA.
validity:
  ca: 10y
  leaf: 1y

# What every subject says beside its common name: C, ST, L, O, OU.
# subject: {{C: CN, O: Example}}

# More options of every member by etcd's own names.
# options: {{quota-backend-bytes: 8589934592, auto-compaction-retention: 1h}}

# Each member listens on its addresses (on all, if it has only DNS names) and is reached at the first.
# Its certificates hold all of them, and 127.0.0.1, ::1 and localhost.
members:
",
        EtcdVersion::default()
    );
    for member in members {
        let _ = writeln!(text, "  - name: \"{}\"", member.name());
        list(&mut text, "address", member.addresses().iter().map(MemberAddress::to_string).collect());
        list(&mut text, "dns", member.dns().iter().map(ToString::to_string).collect());
    }
    text.push_str(
        "
# Who connects with a certificate. The name is the user that etcd's access control sees; root is always there.
clients:
  - name: root
",
    );
    text
}

/// `key: "a"`, or `key: ["a", "b"]`, or nothing. Addresses and names need no escapes.
fn list(text: &mut String, key: &str, values: Vec<String>) {
    let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    let _ = match quoted.as_slice() {
        [] => Ok(()),
        [one] => writeln!(text, "    {key}: {one}"),
        many => writeln!(text, "    {key}: [{}]", many.join(", ")),
    };
}
