//! Operations on a cluster that runs: their order, the guards between their steps, and the lines that reach hosts. What
//! is done, is done by an [`Operator`].

mod deploy;
mod facts;
mod operator;
mod reach;
mod renew;
mod restart;
mod rolling;

pub use deploy::{Deploy, DeployReport};
pub use operator::{End, OperationError, Operator};
pub use reach::{Host, Template, TemplateError};
pub use renew::{behind, placing, renewal_obstacles, unproved};
pub use restart::{missing, obstacles, order, waiting};
pub use rolling::{RESTART, Restart, RestartOptions, RestartReport};
