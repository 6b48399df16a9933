//! The shape of errors and notices, places in files, suggestions for misspelt words, text that a
//! terminal may show, buffers for secrets, secrets in texts, YAML with its places, and work on all cores. It knows nothing of PKI.
//!
//! Each module has an alias of [`Error`] with its own kinds, such as [`x509::Error`](crate::x509::Error). The generic
//! types here are for code that handles the errors of several modules in one way.

pub(crate) mod error;
pub(crate) mod notice;
pub mod parallel;
pub(crate) mod place;
#[cfg(feature = "etcd")]
pub(crate) mod secret;
pub(crate) mod suggest;
pub(crate) mod text;
pub(crate) mod wiped;
#[cfg(feature = "etcd")]
pub(crate) mod yaml;

pub use error::{Error, Kind};
pub use notice::{Notice, WithNotices};
pub use place::Place;
pub use suggest::near;
pub use text::{is_unshowable, shown, shown_lines};
pub use wiped::WipedBuffer;
