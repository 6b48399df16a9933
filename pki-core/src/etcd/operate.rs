//! Operations on a cluster that runs: their order, and the guards between their steps. Nothing here reaches a host.

mod reach;
mod restart;

pub use reach::{Host, Template, TemplateError};
pub use restart::{missing, obstacles, order};
