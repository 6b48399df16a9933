//! Operations on a cluster that runs: their order, the guards between their steps, and the lines that reach hosts. What
//! is done, is done by an [`Operator`].

mod deploy;
mod etcdctl;
mod facts;
mod left;
mod members;
mod membership;
mod operator;
mod reach;
mod renew;
mod restart;
mod rolling;

pub use deploy::{Deploy, DeployReport};
pub use left::{LeftKind, LeftStep, left};
pub use members::{ListedMember, Next, absent, next};
pub use membership::{Membership, MembershipReport};
pub use operator::{End, OperationError, Operator};
pub use reach::{Host, Template, TemplateError};
pub use renew::{behind, placing, renewal_obstacles, unproved};
pub use restart::{
    authority_obstacles, has_healthy_majority, missing, obstacles, order, unrecovered, waiting,
};
pub use rolling::{RESTART, Restart, RestartOptions, RestartReport};
