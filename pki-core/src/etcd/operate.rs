//! Operations on a cluster that runs: their order, and the guards between their steps. Nothing here reaches a host.

mod reach;
mod renew;
mod restart;

pub use reach::{Host, Template, TemplateError};
pub use renew::{behind, placing, renewal_obstacles, unproved};
pub use restart::{authority_obstacles, has_healthy_majority, missing, obstacles, order, unrecovered};
