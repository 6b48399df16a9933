//! Looking at members that run: what they show in TLS handshakes, and what they tell at `/version`, `/metrics` and
//! `/health`. Nothing is changed, nothing is judged, and every question has a time limit.

mod connect;
mod http;
mod metrics;
mod port;

use std::time::{Duration, Instant};

use time::OffsetDateTime;

pub use connect::Endpoint;
pub use metrics::Metrics;
pub use port::{NoAnswer, SeenPort};

use crate::tls::{Identity, Show};
use http::Answer;

/// A member to look at.
#[derive(Debug, Clone)]
pub struct Target {
    /// The endpoints at which clients reach it.
    pub client: Vec<Endpoint>,
    /// The endpoints at which other members reach it.
    pub peer: Vec<Endpoint>,
    /// The endpoints of `--listen-client-http-urls`, if it has some: then the others do not speak HTTP/1.1.
    pub http: Vec<Endpoint>,
}

/// What was seen of a member.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SeenMember {
    /// The port for clients.
    pub client: SeenPort,
    /// The port for other members.
    pub peer: SeenPort,
    /// What `/version` and `/metrics` say. `None` without an answer.
    pub told: Option<Told>,
    /// Why `told` is missing although the client port has answered.
    pub silence: Option<String>,
}

/// What a member tells about itself.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Told {
    /// The version of etcd, as in `3.5.30`.
    pub version: Option<String>,
    /// The version of the cluster, as in `3.5.0`.
    pub cluster_version: Option<String>,
    /// The numbers of `/metrics`; `None` if they could not be read.
    pub metrics: Option<Metrics>,
    /// Whether the member could read through the leader; `None` if it did not say so in time.
    pub health: Option<Health>,
    /// How much later the member's clock is than the one here, to the second.
    pub clock_difference: Option<time::Duration>,
}

/// The answer of `/health`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether the member is healthy.
    pub is_healthy: bool,
    /// What the member gives as the reason, such as `ALARM NOSPACE`.
    pub reason: String,
}

/// Looks at one member. `identity` is shown to it where it asks for a certificate, and `now` is the moment at which this
/// is called. Both ports are tried at once, and the answer comes within `limit`, or shortly after it.
pub fn look_at(
    target: &Target,
    identity: Option<&Identity>,
    now: OffsetDateTime,
    limit: Duration,
) -> SeenMember {
    let start = Instant::now();
    let clock = Clock { now, start, deadline: start + limit };
    std::thread::scope(|scope| {
        let peer = scope.spawn(|| {
            // A certificate of a CA that the port does not know would only make noise in the log of the member.
            let show = identity.map_or(Show::Nothing, Show::IfNamed);
            port::look_at(&target.peer, show, &clock)
        });
        let show = identity.map_or(Show::Nothing, Show::Always);
        let (client, told, silence) = client(target, show, &clock);
        let peer = peer.join().unwrap_or_else(|_| SeenPort::default());
        SeenMember { client, peer, told, silence }
    })
}

/// Looks at many members at once, each as [`look_at`] does it.
pub fn look_at_all(
    targets: &[Target],
    identity: Option<&Identity>,
    now: OffsetDateTime,
    limit: Duration,
) -> Vec<SeenMember> {
    std::thread::scope(|scope| {
        let looking: Vec<_> =
            targets.iter().map(|target| scope.spawn(move || look_at(target, identity, now, limit))).collect();
        let nobody = || SeenMember {
            client: SeenPort::default(),
            peer: SeenPort::default(),
            told: None,
            silence: None,
        };
        looking.into_iter().map(|one| one.join().unwrap_or_else(|_| nobody())).collect()
    })
}

/// Whether the peer port of a running member accepts a certificate that a member shows.
///
/// The member that runs decides by what it has read at its start, so its answer tells what it trusts, and not only what
/// the files say. After the handshake it also compares the address of the caller with the certificate, and hangs up: that
/// is no answer about trust.
///
/// # Errors
/// [`NoAnswer`] if the port does not answer in time or does not speak TLS.
pub fn accepts(target: &Target, shown: &Identity, limit: Duration) -> Result<Verdict, NoAnswer> {
    let start = Instant::now();
    let clock = Clock { now: OffsetDateTime::UNIX_EPOCH, start, deadline: start + limit };
    port::try_certificate(&target.peer, shown, &clock)
}

/// What a running member makes of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It accepts the certificate.
    Accepted,
    /// It refuses the certificate.
    Refused {
        /// The TLS alert, as in `unknown CA`.
        alert: String,
    },
}

/// The moment at which looking began, and until when it may last.
#[derive(Debug, Clone, Copy)]
struct Clock {
    now: OffsetDateTime,
    start: Instant,
    deadline: Instant,
}

impl Clock {
    fn now(&self) -> OffsetDateTime {
        self.now + self.start.elapsed()
    }
}

fn client(target: &Target, show: Show<'_>, clock: &Clock) -> (SeenPort, Option<Told>, Option<String>) {
    let (mut seen, mut connection) = port::open(&target.client, show, clock);
    let mut silence = None;
    if !target.http.is_empty() {
        let (http, other) = port::open(&target.http, show, clock);
        connection = other;
        silence = http.problem();
    }
    let Some(connection) = connection.as_mut() else {
        return (seen, None, silence);
    };
    let mut told = Told::default();
    let version = match connection.get("/version") {
        Ok(answer) => answer,
        Err(error) => {
            // The refusal of a certificate comes with the first answer in TLS 1.3.
            let lost = || port::refusal(seen.endpoint.as_ref()?, show, clock);
            seen.refusal = connection.alert(&error).or_else(lost);
            let silence = seen.refusal.is_none().then(|| format!("/version: {}", connect::words(&error)));
            return (seen, None, silence);
        }
    };
    let here = clock.now();
    told.clock_difference = version.date().map(|there| there - here.replace_nanosecond(0).unwrap_or(here));
    (told.version, told.cluster_version) = versions(&version);
    match connection.get("/metrics") {
        Ok(answer) if answer.status == 200 => told.metrics = Some(Metrics::parse(&answer.text())),
        Ok(answer) => silence = Some(format!("/metrics: status {}", answer.status)),
        Err(error) => silence = Some(format!("/metrics: {}", connect::words(&error))),
    }
    // Last, because a member without a leader keeps silent for some seconds.
    told.health = connection.get("/health").ok().and_then(|answer| health(&answer));
    (seen, Some(told), silence)
}

fn versions(answer: &Answer) -> (Option<String>, Option<String>) {
    #[derive(serde::Deserialize)]
    struct Version {
        etcdserver: Option<String>,
        etcdcluster: Option<String>,
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Version { etcdserver, etcdcluster }) => (etcdserver, etcdcluster),
        Err(_) => (None, None),
    }
}

/// etcd writes the boolean as a text (etcd, server/etcdserver/api/etcdhttp/health.go).
fn health(answer: &Answer) -> Option<Health> {
    #[derive(serde::Deserialize)]
    struct Written {
        health: String,
        #[serde(default)]
        reason: String,
    }
    let Written { health, reason } = serde_json::from_slice(&answer.body).ok()?;
    Some(Health { is_healthy: answer.status == 200 && health == "true", reason })
}

#[cfg(test)]
mod tests;
