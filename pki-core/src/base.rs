//! The ground floor: what every room uses, and what knows none of them.

pub mod parallel;
pub(crate) mod place;
pub(crate) mod suggest;

pub use place::Place;
