//! How Go reads text: the rules of its standard library, and of the packages beside it, that decide what cfssl and
//! etcd make of what people write.
//!
//! A rule is here once, whoever needs it. Nothing here knows what a text is for.

pub mod duration;
#[cfg(feature = "cfssl")]
pub(crate) mod json;
pub(crate) mod mail;
pub(crate) mod net;
pub mod number;
pub(crate) mod url;
pub mod yaml;
