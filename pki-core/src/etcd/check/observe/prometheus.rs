//! Observations in Prometheus' text format, for the node exporter's textfile collector.

use crate::etcd::check::observe::report::{MemberObservation, Observation, PortObservation, Situation};
use crate::etcd::check::status::PrometheusText;

/// A value of a port, if it is known.
type PortValue = fn(&PortObservation) -> Option<i64>;

/// The values of ports: the name of the metric, what it means, and where it is.
const OF_PORTS: [(&str, &str, PortValue); 4] = [
    ("etcdpki_port_answers", "Whether the port of the member has answered.", |port| {
        Some(i64::from(port.no_answer.is_none() && port.url.is_some()))
    }),
    ("etcdpki_port_plaintext", "Whether the port speaks without TLS.", |port| {
        Some(i64::from(port.plaintext))
    }),
    (
        "etcdpki_served_certificate_as_recorded",
        "Whether the running member shows the certificate of its file.",
        |port| port.serves_its_file.map(i64::from),
    ),
    (
        "etcdpki_accepted_authorities_as_recorded",
        "Whether the running member accepts the CAs of its file.",
        |port| port.accepts_its_file.map(i64::from),
    ),
];

/// A value of a member, if it is known.
type MemberValue = fn(&MemberObservation) -> Option<i64>;

/// The values of members: the name of the metric, what it means, and where it is.
const OF_MEMBERS: [(&str, &str, MemberValue); 4] = [
    ("etcdpki_process_start_timestamp_seconds", "When the process of the member began.", |member| {
        Some(member.started?.unix_timestamp())
    }),
    ("etcdpki_member_healthy", "Whether the member is healthy by its own words.", |member| {
        member.healthy.map(i64::from)
    }),
    (
        "etcdpki_member_waits_for_restart",
        "Whether files have changed that the member has not read.",
        |member| Some(i64::from(member.waits_for_restart)),
    ),
    ("etcdpki_clock_difference_seconds", "How much later the clock of the member is.", |member| {
        member.clock_difference
    }),
];

/// An observation as metrics (prometheus.io, exposition formats, text format 0.0.4). They are true at the moment of
/// looking, which is one of them.
pub fn prometheus(observation: &Observation) -> String {
    let mut text = PrometheusText::default();
    let cluster = observation.cluster.clone().unwrap_or_default();
    let of_cluster = [("cluster", cluster.as_str())];
    text.metric("etcdpki_observation_timestamp_seconds", "When the members were looked at.");
    text.sample(&of_cluster, observation.now.unix_timestamp());
    text.metric(
        "etcdpki_observation_situation",
        "0 if all is as recorded, 2 if something waits, 3 if it is not safe to stop a member.",
    );
    let situation = match observation.situation {
        Situation::AsRecorded => 0,
        Situation::Waits => 2,
        Situation::NotSafe => 3,
    };
    text.sample(&of_cluster, situation);
    for (metric, help, value) in OF_PORTS {
        text.metric(metric, help);
        for member in &observation.members {
            for (port, seen) in [("client", &member.client), ("peer", &member.peer)] {
                if let Some(value) = value(seen) {
                    text.sample(&[("cluster", &cluster), ("member", &member.name), ("port", port)], value);
                }
            }
        }
    }
    text.metric(
        "etcdpki_served_certificate_expiry_timestamp_seconds",
        "When the certificate ends that the running member shows.",
    );
    for member in &observation.members {
        for (port, seen) in [("client", &member.client), ("peer", &member.peer)] {
            if let (Some(end), Some(serial)) = (seen.not_after, &seen.serial) {
                let labels = [
                    ("cluster", cluster.as_str()),
                    ("member", &member.name),
                    ("port", port),
                    ("serial", serial),
                ];
                text.sample(&labels, end.unix_timestamp());
            }
        }
    }
    for (metric, help, value) in OF_MEMBERS {
        text.metric(metric, help);
        for member in &observation.members {
            if let Some(value) = value(member) {
                text.sample(&[("cluster", &cluster), ("member", &member.name)], value);
            }
        }
    }
    text.metric(
        "etcdpki_members_connected",
        "Whether a member has a connection with another, by its own words.",
    );
    for member in &observation.members {
        for (other, is) in &member.connected {
            let labels = [("cluster", cluster.as_str()), ("member", &member.name), ("other", other)];
            text.sample(&labels, i64::from(*is));
        }
    }
    text.into_lines()
}
