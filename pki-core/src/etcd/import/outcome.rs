//! The results of an import: the description with its notices and findings, or an error.

use std::fmt;

use serde::Serialize;

use crate::base::place::Place;
use crate::etcd::check::Finding;
use crate::etcd::cluster::Cluster;
use crate::etcd::error::Error;

/// A cluster that was imported.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ImportedCluster {
    /// The description in YAML, with the notices and findings as comments beside the keys that they belong to.
    pub description: String,
    /// The cluster that the description describes.
    pub cluster: Cluster,
    /// Where the description differs from what was found.
    pub notices: Vec<ImportNotice>,
    /// What is wrong with the files that were found, errors first.
    pub findings: Vec<Finding>,
}

/// A difference between the description and what was found, or something that was not found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ImportNotice {
    /// The place of what was found.
    #[serde(flatten)]
    pub place: Place,
    /// The part of the description that the notice belongs to, as in `members/etcd1`.
    pub key: String,
    /// The notice for people, without its place.
    pub text: String,
}

/// Whether the CAs that were found are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthorityChoice {
    /// The description names the files of the CAs, so that everyone who trusts them trusts new certificates too.
    #[default]
    Keep,
    /// The description has new CAs with the subjects, keys and lifetimes of those that were found.
    Replace,
}

/// Why a cluster cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// No file sets up or names a member.
    #[error("no member of an etcd cluster was found")]
    NoMembers,
    /// The members belong to more than one cluster.
    #[error("the members that were found belong to different clusters: {}", clusters.join("; "))]
    SeveralClusters {
        /// The names of each cluster's members, with commas between them.
        clusters: Vec<String>,
    },
    /// The cluster is one that a description cannot express.
    #[error("the cluster that was found cannot be described: {0}")]
    Undescribable(Error),
}

impl ImportError {
    /// What to do about it, as an instruction; `None` if nothing is known to help.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoMembers => {
                "name what starts etcd: a unit, an environment or configuration file, a manifest or a script; \
                 certificates alone do not tell who is a member"
                    .to_owned()
            }
            Self::SeveralClusters { .. } => "name the files of one cluster only".to_owned(),
            Self::Undescribable(error) => return error.hint(),
        })
    }
}

impl fmt::Display for ImportNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_unknown() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.place, self.text)
        }
    }
}
