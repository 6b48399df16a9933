//! Compares what was seen of members with what their files say. Names are compared as bytes.

use std::collections::{BTreeMap, BTreeSet};

use time::{Duration, OffsetDateTime};

use crate::base::place::{Place, date};
use crate::etcd::check::finding::{Finding, Rule};
use crate::etcd::check::observe::expected::{Expected, ExpectedPort};
use crate::etcd::check::observe::report::{MemberObservation, Observation, PortObservation};
use crate::etcd::check::observe::{Running, rules};
use crate::etcd::cluster::path::NODES;
use crate::etcd::live::{Health, Metrics, SeenMember, SeenPort, Told};
use crate::etcd::option::version::EtcdVersion;
use crate::x509::certificate::Certificate;
use crate::x509::name::Name;

/// The greatest difference of clocks that is in order. A certificate is valid some minutes before it is issued.
const CLOCK_TOLERANCE: Duration = Duration::seconds(60);

/// How much older than a file a process may seem: the record has whole seconds, and the start of a process is known to
/// some hundredths (proc(5), `starttime`).
const START_TOLERANCE: Duration = Duration::seconds(1);

/// Collects what is wrong.
pub(super) struct Judge<'a> {
    running: &'a Running,
    seen: &'a [SeenMember],
    now: OffsetDateTime,
    /// The names of members by their identifiers.
    names: BTreeMap<&'a str, &'a str>,
    findings: Vec<Finding>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(running: &'a Running, seen: &'a [SeenMember], now: OffsetDateTime) -> Self {
        let members = running.members.iter().zip(seen);
        let names = members
            .filter_map(|(expected, seen)| Some((metrics(seen)?.id.as_deref()?, expected.name.as_str())));
        Self { running, seen, now, names: names.collect(), findings: Vec::new() }
    }

    pub(super) fn observation(mut self) -> Observation {
        let members: Vec<MemberObservation> = self
            .running
            .members
            .iter()
            .zip(self.seen)
            .map(|(expected, seen)| self.member(expected, seen))
            .collect();
        self.mesh(&members);
        self.findings.sort_by_key(|finding| (finding.severity, finding.rule));
        Observation {
            cluster: self.running.record.as_ref().map(|record| record.cluster.clone()),
            etcd: self.running.version.to_string(),
            now: self.now,
            situation: Observation::situation_of(&self.findings),
            members,
            findings: self.findings,
        }
    }

    fn find(&mut self, rule: &Rule, about: &str, problem: impl Into<String>) {
        let finding = rule.finding(Place::default(), problem).about(about);
        self.findings.push(finding);
    }

    fn member(&mut self, expected: &Expected, seen: &SeenMember) -> MemberObservation {
        let name = expected.name.as_str();
        let client = self.port(expected, &expected.client, &seen.client, "client port");
        let peer = self.port(expected, &expected.peer, &seen.peer, "peer port");
        if let Some(alert) = &seen.client.refusal {
            let problem = format!("client port: it answers with the TLS alert `{alert}`");
            self.find(rules::REFUSED, name, problem);
        }
        let told = seen.told.as_ref();
        let metrics = metrics(seen);
        let started = metrics.and_then(|metrics| metrics.started);
        let waits = self.started(expected, started);
        self.told(name, seen);
        if let Some(told) = told {
            self.health(name, told);
            self.version(name, told);
            self.clock(name, told);
        }
        let role = metrics.and_then(role);
        if role == Some("learner") {
            self.find(rules::LEARNER, name, "it has no vote yet");
        }
        MemberObservation {
            name: name.to_owned(),
            role,
            id: metrics.and_then(|metrics| metrics.id.clone()),
            version: told.and_then(|told| told.version.clone()),
            started,
            healthy: told.and_then(|told| told.health.as_ref()).map(|health| health.is_healthy),
            clock_difference: told
                .and_then(|told| told.clock_difference)
                .map(|difference| difference.whole_seconds()),
            connected: metrics.map(|metrics| self.connected(name, metrics)).unwrap_or_default(),
            applied: metrics.and_then(|metrics| metrics.applied),
            client,
            peer,
            waits_for_restart: waits,
        }
    }

    fn port(
        &mut self,
        expected: &Expected,
        port: &ExpectedPort,
        seen: &SeenPort,
        what: &str,
    ) -> PortObservation {
        let name = expected.name.as_str();
        let mut told = PortObservation {
            url: seen.endpoint.as_ref().map(ToString::to_string),
            no_answer: seen.no_answer.as_ref().map(|no_answer| no_answer.why.clone()),
            plaintext: seen.is_plaintext,
            ..PortObservation::default()
        };
        if let Some(no_answer) = &seen.no_answer {
            self.find(rules::NO_ANSWER, name, format!("{what}: {no_answer}"));
        } else if seen.endpoint.is_none() {
            self.find(rules::NO_ANSWER, name, format!("{what}: its settings name no URL of it"));
        }
        if seen.is_plaintext {
            let url = told.url.clone().unwrap_or_default().replace("https://", "http://");
            let but = if port.is_tls { ", and its files say https" } else { "" };
            self.find(rules::PLAINTEXT, name, format!("{what}: {url} answers without TLS{but}"));
        }
        let Some(greeting) = &seen.greeting else { return told };
        told.chain = greeting.chain.len();
        if let Some(shown) = greeting.chain.first().and_then(|der| Certificate::from_der(der).ok()) {
            told.serial = Some(shown.serial_decimal());
            told.issuer = Some(shown.issuer().to_string());
            told.not_after = Some(shown.not_after());
            told.serves_its_file = port.leaf.as_ref().map(|leaf| leaf.der() == shown.der());
            told.has_key_of_its_file = port.leaf.as_ref().map(|leaf| leaf.has_key_of(&shown));
            self.certificate(expected, port, &shown, what);
        }
        if let Some(names) = &greeting.accepted {
            told.accepts = Some(names.iter().map(|der| text(der)).collect());
        }
        // A server with TLS of its own making has no files.
        if port.leaf.is_some() {
            told.accepts_its_file = self.authorities(name, port, greeting.accepted.as_deref(), what);
        }
        told
    }

    fn certificate(&mut self, expected: &Expected, port: &ExpectedPort, shown: &Certificate, what: &str) {
        let name = expected.name.as_str();
        if !shown.is_valid_at(self.now) {
            let (begin, end) = (date(shown.not_before()), date(shown.not_after()));
            let problem = format!("{what}: its certificate is valid from {begin} to {end}");
            self.find(rules::ENDED, name, problem);
        }
        let Some(leaf) = &port.leaf else { return };
        if leaf.der() == shown.der() {
            return;
        }
        let (is, should) = (shown.serial_decimal(), leaf.serial_decimal());
        let problem = format!(
            "{what}: it shows the certificate with the serial number {is}, and its file has {should}"
        );
        let record = self.running.record.as_ref();
        let fingerprint = shown.fingerprint();
        // A run that was stopped may have replaced the file and not the record.
        let folder = format!("{NODES}/{name}/");
        let is_in_a_file = [&expected.client, &expected.peer]
            .iter()
            .any(|port| port.leaf.as_ref().is_some_and(|leaf| leaf.der() == shown.der()));
        let was_replaced = record.is_some_and(|record| {
            let own = record.certificates.iter().filter(|issued| issued.path.starts_with(&folder));
            let own = own.filter(|_| !is_in_a_file);
            record.former.iter().chain(own).any(|issued| issued.sha256 == fingerprint)
        });
        if was_replaced {
            return self.find(rules::FORMER_CERTIFICATE, name, problem);
        }
        let issuer = shown.issuer();
        let is_ours = port.trusted().iter().any(|ca| shown.verify_issued_by(ca).is_ok());
        let by = if is_ours { "a CA of its files" } else { "a CA that its files do not have" };
        self.find(rules::OTHER_CERTIFICATE, name, format!("{problem}; {by} has issued it ({issuer})"));
    }

    /// Whether a port accepts the CAs of its file.
    fn authorities(
        &mut self,
        name: &str,
        port: &ExpectedPort,
        accepted: Option<&[Vec<u8>]>,
        what: &str,
    ) -> Option<bool> {
        let Some(accepted) = accepted else {
            if port.demands {
                self.find(
                    rules::OTHER_AUTHORITIES,
                    name,
                    format!("{what}: it asks for no certificate, and its files say that it must"),
                );
            }
            return Some(!port.demands);
        };
        if !port.demands {
            let problem = format!("{what}: it asks for a certificate, and its files do not say so");
            self.find(rules::OTHER_AUTHORITIES, name, problem);
            return Some(false);
        }
        let file = port.authorities.is_some().then(|| port.trusted())?;
        let wanted: BTreeSet<&[u8]> = file.iter().map(|ca| ca.subject().der()).collect();
        let is: BTreeSet<&[u8]> = accepted.iter().map(Vec::as_slice).collect();
        if wanted == is {
            return Some(true);
        }
        let names = |all: BTreeSet<&[u8]>| {
            let names: Vec<String> = all.iter().map(|der| text(der)).collect();
            if names.is_empty() { "none".to_owned() } else { names.join("; ") }
        };
        let (more, less) = (&is - &wanted, &wanted - &is);
        let same_text = more.iter().any(|der| less.iter().any(|other| text(der) == text(other)));
        let mut problem =
            format!("{what}: it accepts {}, and its file has {}", names(is.clone()), names(wanted.clone()));
        if same_text {
            problem.push_str(
                "; the names look the same, but their bytes differ (for example PrintableString and UTF8String), and \
                 Go compares the bytes",
            );
        }
        self.find(rules::OTHER_AUTHORITIES, name, problem);
        Some(false)
    }

    /// Whether the member waits for a restart.
    fn started(&mut self, expected: &Expected, started: Option<OffsetDateTime>) -> bool {
        let Some(started) = started else { return false };
        let mut newer = expected.read_at_start.clone().filter(|(_, written)| is_older(started, *written));
        // A CA that did not exist when the process began cannot have been read, also without a record.
        for port in [&expected.client, &expected.peer] {
            for ca in port.trusted().iter().filter(|ca| is_older(started, ca.not_before())) {
                newer.get_or_insert_with(|| (format!("the CA {}", ca.subject()), ca.not_before()));
            }
        }
        let Some((file, written)) = newer else { return false };
        let problem =
            format!("the process began at {}, and {file} is of {}", second(started), second(written));
        self.find(rules::OLDER_THAN_FILES, &expected.name, problem);
        true
    }

    fn told(&mut self, name: &str, seen: &SeenMember) {
        let has_answered = seen.client.no_answer.is_none() && seen.client.endpoint.is_some();
        if !has_answered || seen.client.refusal.is_some() {
            return;
        }
        let problem = match (&seen.told, &seen.silence) {
            (_, Some(silence)) => silence.clone(),
            (None, None) if !self.running.has_identity() => {
                "there is no client's certificate and key to ask it with".to_owned()
            }
            (None, None) => "it has not answered /version".to_owned(),
            (Some(told), None) if told.metrics.as_ref().is_none_or(|metrics| metrics.started.is_none()) => {
                "/metrics does not have the numbers of etcd".to_owned()
            }
            _ => return,
        };
        self.find(rules::NOT_TOLD, name, problem);
    }

    fn health(&mut self, name: &str, told: &Told) {
        let leaderless = told.metrics.as_ref().is_some_and(|metrics| metrics.has_leader == Some(false));
        let problem = match &told.health {
            _ if leaderless => "it knows no leader".to_owned(),
            Some(Health { is_healthy: true, .. }) => return,
            Some(Health { reason, .. }) if reason.is_empty() => {
                "/health says that it is not healthy".to_owned()
            }
            Some(Health { reason, .. }) => format!("/health says that it is not healthy: {reason}"),
            None => "/health has not answered in time".to_owned(),
        };
        // A learner answers no linearizable read.
        if told.metrics.as_ref().is_some_and(|metrics| metrics.is_learner == Some(true)) && !leaderless {
            return;
        }
        self.find(rules::UNHEALTHY, name, problem);
    }

    fn version(&mut self, name: &str, told: &Told) {
        let Some(text) = &told.version else { return };
        let described = self.running.version;
        // A version that is not known here is another one.
        let is_same = EtcdVersion::parse(text).is_ok_and(|found| found.minor() == described.minor());
        if !is_same {
            let problem = format!("it runs etcd {text}, and its files are for etcd {described}");
            self.find(rules::OTHER_SERIES, name, problem);
        }
    }

    fn clock(&mut self, name: &str, told: &Told) {
        let Some(difference) = told.clock_difference else { return };
        if difference.abs() > CLOCK_TOLERANCE {
            let (seconds, how) =
                (difference.whole_seconds(), if difference.is_positive() { "ahead" } else { "behind" });
            self.find(rules::CLOCK, name, format!("its clock is {} seconds {how}", seconds.abs()));
        }
    }

    /// With which members this one has a connection, as it says itself.
    fn connected(&self, name: &str, metrics: &Metrics) -> BTreeMap<String, bool> {
        // Without its own identifier, these are not the numbers of etcd.
        let others = self.names.iter().filter(|(_, other)| metrics.id.is_some() && **other != name);
        others
            .map(|(id, other)| ((*other).to_owned(), metrics.peers.get(*id).copied().unwrap_or(false)))
            .collect()
    }

    fn mesh(&mut self, members: &[MemberObservation]) {
        for member in members {
            let missing: Vec<&str> =
                member.connected.iter().filter(|(_, is)| !**is).map(|(other, _)| other.as_str()).collect();
            if !missing.is_empty() {
                let problem = format!("it says that it has no connection with {}", missing.join(", "));
                self.find(rules::MESH, &member.name, problem);
            }
        }
    }
}

fn metrics(seen: &SeenMember) -> Option<&Metrics> {
    seen.told.as_ref()?.metrics.as_ref()
}

fn role(metrics: &Metrics) -> Option<&'static str> {
    match (metrics.is_leader?, metrics.is_learner) {
        (_, Some(true)) => Some("learner"),
        (true, _) => Some("leader"),
        (false, _) => Some("follower"),
    }
}

fn is_older(started: OffsetDateTime, written: OffsetDateTime) -> bool {
    started + START_TOLERANCE < written
}

/// A name in DER as text, as it is in the certificate of the CA.
fn text(der: &[u8]) -> String {
    Name::from_der(der).map_or_else(|_| "a name that cannot be read".to_owned(), |name| name.to_string())
}

/// A moment to the second, as in `2026-11-27 12:00:00 UTC`.
fn second(moment: OffsetDateTime) -> String {
    let utc = moment.to_offset(time::UtcOffset::UTC);
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    utc.format(format).unwrap_or_default()
}
