//! The ground floor: what every room uses, and what knows none of them.

pub mod error;
pub mod notice;
pub mod parallel;
pub(crate) mod place;
pub(crate) mod suggest;

pub use error::Error;
pub use notice::Notice;
pub use place::Place;
pub use suggest::near;
