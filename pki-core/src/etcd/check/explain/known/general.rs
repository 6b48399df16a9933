//! What says little by itself, and comes last: ends of connections and of time, files that are not there.

use crate::etcd::check::explain::explanation::Explanation;
use crate::etcd::check::explain::explanation::SaidBy::{Client, Member};

pub(super) const TABLE: &[Explanation] = &[
    Explanation {
        id: "L902",
        said_by: Client,
        signs: &[
            "context deadline exceeded",
            "DeadlineExceeded",
            "DEADLINE_EXCEEDED",
            "received context error while waiting for new LB policy update",
            "latest balancer error",
            "etcd cluster is unavailable or misconfigured",
            "failed to connect to all addresses",
            "MaxRetryError",
            "UNAVAILABLE: io exception",
            "cluster may be unhealthy: failed to list members",
        ],
        cause: "the client never says why TLS failed: no certificate, one of a CA that the member does not trust, a host that the member's certificate is not for, http instead of https, or a list of revocations that the member cannot read; or the member has no quorum",
        remedy: "look for `rejected connection` in the member's log and explain that; `etcdctl --debug` shows which certificate was used",
        rules: &["E501", "E509", "E512", "E305", "E701", "E702"],
        sources: &["etcd#13485"],
    },
    Explanation {
        id: "L903",
        said_by: Member,
        signs: &[
            "open …no such file or directory",
            "stat …no such file or directory",
            "not found…cert-file",
            "failed to find…cert files",
        ],
        cause: "a file that an option names is not there",
        remedy: "put it there, or correct the path; in a container, see which folders of the host are mounted into it",
        rules: &["E604", "E103"],
        sources: &["kubespray#4040"],
    },
    Explanation {
        id: "L904",
        said_by: Member,
        signs: &["rejected connection"],
        cause: "a connection ended before TLS was done, for the reason that `error` has",
        remedy: "look at what the program at `remote-addr` says at that moment",
        rules: &["E818"],
        sources: &["etcd, client/pkg/transport/listener_tls.go"],
    },
];
