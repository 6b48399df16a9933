//! Operations on a cluster that runs: their order, the guards between their steps, and the lines that reach hosts. What
//! is done, is done by an [`Operator`].

mod authority_renewal;
mod cluster_folder;
mod deploy;
mod etcdctl;
mod facts;
mod hosts;
mod left;
mod members;
mod membership;
mod new_keys;
mod operator;
mod reach;
mod recovery;
mod renew;
mod renewal;
mod restart;
mod rolling;

pub use authority_renewal::{AuthorityRenewalReport, RenewAuthorities};
pub use cluster_folder::{ClusterFolder, Renewed};
pub use deploy::{Deploy, DeployReport};
pub use left::{LeftKind, LeftStep, left};
pub use members::{ListedMember, Next, absent, next};
pub use membership::{Membership, MembershipReport};
pub use operator::{End, OperationError, Operator};
pub use reach::{Host, Template, TemplateError};
pub use recovery::{Recover, RecoverReport};
pub use renew::{behind, placing, renewal_obstacles, unproved};
pub use renewal::{Renew, RenewReport};
pub use restart::{
    authority_obstacles, has_healthy_majority, missing, obstacles, order, unrecovered, waiting,
};
pub use rolling::{RESTART, RenewalOptions, Restart, RestartOptions, RestartReport};

#[cfg(test)]
mod tests;
