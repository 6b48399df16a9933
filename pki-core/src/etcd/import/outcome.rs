//! What an import gives: a description with what there is to say about it, or why there is none.

use std::fmt;

use serde::Serialize;

use crate::base::place::Place;
use crate::etcd::check::Finding;
use crate::etcd::cluster::Cluster;
use crate::etcd::error::Error;

/// A description, made from what there was.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ImportedCluster {
    /// The description: YAML, with the notices and findings as comments where they belong.
    pub description: String,
    /// What it describes.
    pub cluster: Cluster,
    /// What is described otherwise than it was found.
    pub notices: Vec<ImportNotice>,
    /// What is wrong with what was found, errors first.
    pub findings: Vec<Finding>,
}

/// Something that was found and is not described as it is: it cannot be, it is contradictory, or it is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ImportNotice {
    /// Where it was found.
    #[serde(flatten)]
    pub place: Place,
    /// The part of the description that it belongs to: keys with `/` between them.
    pub key: String,
    /// What it is.
    pub text: String,
}

/// What becomes of the CAs that were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthorityChoice {
    /// They go on: the description names their files, and everybody who trusts them still does.
    #[default]
    Keep,
    /// The description has new ones made that say the same.
    Replace,
}

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Nothing tells of a member.
    #[error("nothing tells of a member of an etcd cluster")]
    NoMembers,
    /// There is more than one cluster.
    #[error("these are members of different clusters: {}", clusters.join("; "))]
    SeveralClusters {
        /// The members of each.
        clusters: Vec<String>,
    },
    /// What was found makes no cluster that could be described.
    #[error("what was found cannot be described: {0}")]
    Undescribable(Error),
}

impl ImportError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoMembers => {
                "name a unit, an environment or configuration file of a member, or a certificate of a server"
                    .to_owned()
            }
            Self::SeveralClusters { .. } => "import one cluster at a time".to_owned(),
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
