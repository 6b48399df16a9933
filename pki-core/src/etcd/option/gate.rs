//! The features that `feature-gates` switches.

use crate::etcd::option::version::EtcdVersion;

/// The features with the first series that has them (etcd, server/features/etcd_features.go), and the two names for
/// all features of a stage (pkg/featuregate/feature_gate.go). No series has lost one.
const GATES: [(&str, u8); 11] = [
    ("AllAlpha", 6),
    ("AllBeta", 6),
    ("CompactHashCheck", 6),
    ("FastLeaseKeepAlive", 7),
    ("InitialCorruptCheck", 6),
    ("LeaseCheckpoint", 6),
    ("LeaseCheckpointPersist", 6),
    ("PriorityRequest", 7),
    ("SetMemberLocalAddr", 6),
    ("StopGRPCServiceOnDefrag", 6),
    ("TxnModeWriteWithSharedBuffer", 6),
];

/// The names of the features of a version.
pub(crate) fn known(version: EtcdVersion) -> impl Iterator<Item = &'static str> {
    GATES.into_iter().filter(move |(_, since)| version.has(*since, 0)).map(|(name, _)| name)
}
