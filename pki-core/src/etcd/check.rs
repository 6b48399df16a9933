//! Checks of what exists: files of members, the connections between them, and an output folder.
//!
//! Every check ends in a list of [`Finding`]s of one shape, each by a [`Rule`] that has a number.

pub mod doctor;
pub mod explain;
pub mod status;
pub mod verify;
