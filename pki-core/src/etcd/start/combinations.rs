//! Options that etcd refuses together (etcd, server/embed/config.go, `Validate`, and what is called after it).

use crate::base::place::Place;
use crate::etcd::found::Source;
use crate::etcd::option::EtcdOption;
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::start::listeners::{Listener, Service};
use crate::etcd::start::refusal::{Refusal, RefusalKind};
use crate::etcd::start::values::{Value, Values};
use crate::go::duration;
use crate::go::number::{Base, parse_int};

/// A rule about several options.
type Rule = fn(&Values<'_>, &Place) -> Option<Refusal>;

const RULES: [Rule; 12] = [
    bootstrap,
    discovery_settings,
    discovery_pair,
    proxy_fallback,
    timing,
    tls_versions,
    suites_of_tls_13,
    not_advertised,
    compaction,
    version_2,
    unary_duration,
    tls_of_no_time,
];

pub(super) fn refusals(values: &Values<'_>, listeners: &[Listener], member: &Place) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = RULES.iter().filter_map(|rule| rule(values, member)).collect();
    refusals.extend(both_names(values));
    refusals.extend(suites_of_http_2(values, listeners));
    refusals
}

fn combination(values: &Values<'_>, option: &str, member: &Place, problem: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Combination, values.place(option, member), problem)
}

/// The ways to name the other members, of which etcd takes one.
fn bootstrap(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    const DEFAULT: &str = "default=http://localhost:2380";
    let services = ["discovery", "discovery-endpoints", "discovery-srv"];
    let mut given: Vec<&str> = services.into_iter().filter(|option| values.given(option).is_some()).collect();
    // In a file the default does not count as set.
    let cluster = values.given("initial-cluster").filter(|(text, _)| !values.has_file || *text != DEFAULT);
    if cluster.is_some() {
        given.push("initial-cluster");
    }
    let [first, .., last] = given.as_slice() else { return None };
    let problem = format!("{last} and {first} are both set, and etcd takes one way to find the members");
    Some(combination(values, first, member, problem).saying("multiple discovery or bootstrap flags are set"))
}

fn discovery_settings(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    let third = [
        "discovery-endpoints",
        "discovery-token",
        "discovery-cert",
        "discovery-key",
        "discovery-cacert",
        "discovery-user",
        "discovery-password",
    ];
    values.given("discovery-proxy")?;
    let other = third.into_iter().find(|option| values.given(option).is_some())?;
    let problem = format!("{other} is of the discovery of etcd 3, and discovery-proxy of that of etcd 2");
    Some(combination(values, other, member, problem).saying("both v2 discovery settings"))
}

fn discovery_pair(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    let (token, endpoints) = ("discovery-token", "discovery-endpoints");
    for (set, unset) in [(token, endpoints), (endpoints, token)] {
        if values.given(set).is_some() && values.lacks(unset) {
            let problem = format!("{set} is set, and {unset} is not");
            let refusal = combination(values, set, member, problem);
            return Some(refusal.saying("both --discovery-token and --discovery-endpoints must be set"));
        }
    }
    let (text, setting) = values.given(endpoints)?;
    let is_empty = text.split(',').any(|endpoint| endpoint.trim().is_empty());
    let message = "--discovery-endpoints must not contain empty endpoints";
    is_empty.then(|| {
        Refusal::of(RefusalKind::Combination, setting, format!("{endpoints} has an empty endpoint"))
            .saying(message)
    })
}

fn proxy_fallback(values: &Values<'_>, _: &Place) -> Option<Refusal> {
    let (text, setting) = values.given("discovery-fallback")?;
    let problem = "discovery-fallback is proxy, and this version of etcd has no proxy";
    (text == "proxy" && values.version.has(6, 0) && !values.has_file)
        .then(|| Refusal::of(RefusalKind::Combination, setting, problem).saying("v2 proxy is deprecated"))
}

/// What is 0 or too great is a fault of the value itself.
fn timing(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    let heartbeat = values.number("heartbeat-interval", 100)?;
    let election = values.number("election-timeout", 1000)?;
    let is_too_short = heartbeat != 0 && election != 0 && heartbeat.saturating_mul(5) > election;
    let is_set = |option| values.setting(option).is_some();
    let option = if is_set("heartbeat-interval") { "heartbeat-interval" } else { "election-timeout" };
    let problem = format!(
        "heartbeat-interval is {heartbeat} ms and election-timeout {election} ms, which has to be 5 times as long \
         at least"
    );
    is_too_short.then(|| {
        combination(values, option, member, problem)
            .saying("should be at least as 5 times as --heartbeat-interval")
    })
}

fn tls_versions(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    let (least, most) = (values.given("tls-min-version")?, values.given("tls-max-version")?);
    let is_wrong = least.0 == "TLS1.3" && most.0 == "TLS1.2";
    is_wrong.then(|| {
        let problem = "tls-min-version is TLS1.3, and tls-max-version is TLS1.2";
        combination(values, "tls-min-version", member, problem).saying("is greater than max version")
    })
}

fn suites_of_tls_13(values: &Values<'_>, _: &Place) -> Option<Refusal> {
    let (_, setting) = values.given("cipher-suites")?;
    let (least, _) = values.given("tls-min-version")?;
    let problem = "tls-min-version is TLS1.3";
    (least == "TLS1.3").then(|| {
        Refusal::of(RefusalKind::SuitesOfTls13, setting, problem)
            .saying("cipher suites cannot be configured when only TLS1.3 is enabled")
    })
}

/// Only for flags and variables: with a file the default URL stays.
fn not_advertised(values: &Values<'_>, _: &Place) -> Option<Refusal> {
    let listen = values.setting(SERVER.listen)?;
    let is_proxy = values.text("proxy", "off").is_none_or(|proxy| proxy != "off")
        || !values.lacks("discovery") && values.text("discovery-fallback", "proxy") != Some("exit");
    let is_missing = !values.has_file && matches!(values.value(SERVER.advertise), Value::Unset);
    let may_be_proxy = is_proxy && !values.version.has(6, 0);
    let message = "--advertise-client-urls is required when --listen-client-urls is set explicitly";
    (is_missing && !may_be_proxy).then(|| {
        let problem = format!("{} is not set", SERVER.advertise);
        Refusal::of(RefusalKind::NotAdvertised, listen, problem).saying(message)
    })
}

/// The mode has a default as a flag; before 3.6 it has none in a file. A retention without a unit then is none.
fn compaction(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    let default = if values.has_file && !values.version.has(6, 0) { "" } else { "periodic" };
    let (retention, _) = values.given("auto-compaction-retention")?;
    let mode = values.text("auto-compaction-mode", default)?;
    let is_period = parse_int(retention, Base::Decimal).is_err()
        && duration::parse(retention).is_ok_and(|period| !period.is_zero());
    (mode.is_empty() && is_period).then(|| {
        let problem =
            format!("auto-compaction-retention is {retention}, and auto-compaction-mode is not set");
        combination(values, "auto-compaction-retention", member, problem)
            .saying("unsupported compaction mode")
    })
}

fn version_2(values: &Values<'_>, _: &Place) -> Option<Refusal> {
    let (stage, setting) = values.given("v2-deprecation")?;
    let is_on = values.is_true("enable-v2", false) == Some(true);
    (is_on && stage != "not-yet").then(|| {
        let problem = format!("enable-v2 is set, and v2-deprecation is {stage}");
        Refusal::of(RefusalKind::Combination, setting, problem).saying("are mutually exclusive")
    })
}

/// Whether a duration is set to something, as a flag or in nanoseconds.
fn is_some_time(values: &Values<'_>, option: &str) -> bool {
    values.given(option).is_some_and(|(text, setting)| match setting.source {
        Source::File => parse_int(text, Base::Decimal).is_ok_and(|number| number != 0),
        _ => duration::parse(text).is_ok_and(|time| !time.is_zero()),
    })
}

fn unary_duration(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    let (old, new) = ("experimental-warning-unary-request-duration", "warning-unary-request-duration");
    (is_some_time(values, old) && is_some_time(values, new)).then(|| {
        let problem = format!("{old} and {new} are both set");
        combination(values, old, member, problem)
            .saying("flags are set. Use only --warning-unary-request-duration")
    })
}

/// etcd makes certificates that are valid for at least a year. A file that says 0 means 1.
fn tls_of_no_time(values: &Values<'_>, _: &Place) -> Option<Refusal> {
    let (_, setting) = values.given("self-signed-cert-validity")?;
    let is_none = values.number("self-signed-cert-validity", 1) == Some(0) && !values.has_file;
    let makes = |port: &crate::etcd::option::port::Port| {
        values.is_true(port.auto_tls, false) == Some(true)
            && values.lacks(port.certificate)
            && values.lacks(port.key)
    };
    let port = [&PEER, &SERVER].into_iter().find(|port| makes(port)).filter(|_| is_none)?;
    let problem = format!("{} is set, and self-signed-cert-validity is 0 years", port.auto_tls);
    Some(Refusal::of(RefusalKind::Combination, setting, problem).saying("selfSignedCertValidity is invalid"))
}

/// An option under its old and its new name (`experimentalFlagMigrationMap` of 3.6).
fn both_names(values: &Values<'_>) -> Vec<Refusal> {
    if !values.version.has(6, 0) || values.version.has(7, 0) {
        return Vec::new();
    }
    let renamed = EtcdOption::all().filter_map(|option| {
        let new = option
            .successor()
            .filter(|new| option.name().starts_with("experimental-") && !new.contains('='))?;
        Some((option.name(), new))
    });
    let both = renamed.filter(|(old, _)| *old != "experimental-warning-unary-request-duration").filter_map(
        |(old, new)| {
            values.setting(new)?;
            let setting = values.setting(old)?;
            let problem = format!("{old} and {new} are both set, and are one option");
            Some(Refusal::of(RefusalKind::Combination, setting, problem).saying("at the same time"))
        },
    );
    both.collect()
}

/// HTTP/2 needs one of two suites (RFC 7540 section 9.2.2; Go, x/net/http2, `ConfigureServer`).
fn suites_of_http_2(values: &Values<'_>, listeners: &[Listener]) -> Option<Refusal> {
    let (text, setting) = values.given("cipher-suites")?;
    if values.text("tls-min-version", "") == Some("TLS1.3") {
        return None;
    }
    let needed = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    let has_it = text.split(',').any(|suite| needed.contains(&suite));
    // A socket for gRPC alone is not HTTP's.
    let splits = listeners.iter().any(|listener| listener.service == Service::HttpClients);
    let service = if splits { Service::HttpClients } else { Service::Clients };
    let serves = listeners.iter().any(|listener| listener.service == service && listener.url.is_tls());
    let problem = format!("cipher-suites has neither {} nor {}, which HTTP/2 requires", needed[0], needed[1]);
    (serves && !has_it).then(|| {
        Refusal::of(RefusalKind::Combination, setting, problem)
            .saying("http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher")
    })
}
