//! etcdpki.
fn main() {}
