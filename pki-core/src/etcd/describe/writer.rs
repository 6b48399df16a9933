//! Writing a cluster as a description, with comments for the person who continues with it.

use time::Duration;

use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::cluster::{
    Bootstrap, Client, Cluster, Container, HostPaths, Lifetimes, Member, Network, RoleSettings, Startup,
    SubjectFields, UnitKind,
};
use crate::etcd::describe::mapping::{Mapping, Value};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::safe::label::Label;
use crate::go::duration;
use crate::x509::key::KeyAlgorithm;

pub(crate) use crate::etcd::describe::mapping::Remarks;

/// A commented description of a cluster with these members, which run this version of etcd, as a start for a person.
///
/// ```
/// use pki_core::etcd::{Cluster, EtcdVersion, Label, Member, describe};
///
/// let members = [Member::parse("etcd1=10.0.0.11,etcd1.example")?];
/// let text = describe(&Label::parse("prod")?, &members, EtcdVersion::NEWEST);
/// assert_eq!(Cluster::from_yaml(&text, None).unwrap().value.members(), members);
/// # Ok::<(), pki_core::etcd::DescriptionError>(())
/// ```
pub fn describe(name: &Label, members: &[Member], version: EtcdVersion) -> String {
    let mut remarks = Remarks::default();
    remarks.add(
        "",
        "An etcd cluster. `etcdpki cluster plan` shows what would be written, `etcdpki cluster apply` writes it.",
    );
    remarks.add(
        "subject",
        "Attributes of every subject in addition to the common name: C, ST, L, O, OU.\nsubject: {C: CN, O: Example}",
    );
    remarks.add(
        "options",
        "Further options of every member, by etcd's own names.\noptions: {quota-backend-bytes: 8589934592, \
         auto-compaction-retention: 1h}",
    );
    description(&Cluster { version, ..Cluster::usual(name.clone(), members.to_vec()) }, &remarks)
}

/// The description of a cluster. Defaults are left out, unless a remark is about them.
pub(crate) fn description(cluster: &Cluster, remarks: &Remarks) -> String {
    let mut top = Mapping::new("", remarks);
    let common = CommonSettings::of(cluster);
    top.text("name", cluster.name.as_str());
    top.explain("The version of etcd that the hosts have. The available options depend on it.");
    top.text("version", &cluster.version.to_string());
    top.explain(
        "Who trusts whom. least-privilege: one CA for peers and one for clients; no certificate can be used for \
         more than its role needs.\nsingle-ca: one CA for all certificates. shared-cert: one CA, and one certificate \
         per member for both ports.",
    );
    top.word("layout", cluster.layout.name());
    top.startup(&cluster.startup);
    top.bootstrap(&cluster.bootstrap);
    top.network(&cluster.network);
    top.explain(
        "The kind of every key: ecdsa-256, ecdsa-384, ecdsa-521, ed25519, rsa-2048, rsa-3072, rsa-4096, rsa-8192.",
    );
    top.word("key", common.key.name());
    top.explain(
        "How long certificates are valid, such as 8760h, 365d or 1y. No certificate outlives its CA.",
    );
    let mut validity = top.section("validity");
    validity.text("ca", &lifetime(common.lifetimes.ca));
    validity.text("leaf", &lifetime(common.lifetimes.leaf));
    top.put("validity", Value::Mapping(validity));
    top.text_unless(
        "renew-before",
        &renew_before(cluster.renew_before),
        &renew_before(RenewBefore::default()),
    );
    top.subject("subject", &common.subject, &SubjectFields::default());
    top.certificates(cluster, &common);
    top.hosts(&cluster.hosts);
    top.options(&cluster.options.0);
    top.explain(
        "A member listens on all its addresses, and others connect to the first. With DNS names only, it listens on \
         every address of its host.\nIts certificates have all its names and addresses, and those of the loopback \
         interface.",
    );
    top.members(&cluster.members);
    top.explain(
        "The clients that get a certificate. etcd's access control takes the name as the user. The client root is \
         always added.",
    );
    top.clients(&cluster.clients);
    top.to_text()
}

/// The settings that most roles have. Roles with others have a section of their own.
struct CommonSettings {
    key: KeyAlgorithm,
    lifetimes: Lifetimes,
    subject: SubjectFields,
}

impl CommonSettings {
    fn of(cluster: &Cluster) -> Self {
        let settings =
            || described_roles(cluster.layout).map(|role| (role, cluster.certificate_settings.of(role)));
        // The settings of an existing CA are not described.
        let made = || settings().filter(|(_, settings)| settings.given.is_none());
        let lifetime = |of_ca: bool| {
            most_common(
                made()
                    .filter(|(role, _)| role.is_authority() == of_ca)
                    .map(|(_, settings)| settings.lifetime),
            )
        };
        let usual = Lifetimes::default();
        Self {
            key: most_common(made().map(|(_, settings)| settings.key)).unwrap_or_default(),
            lifetimes: Lifetimes {
                ca: lifetime(true).unwrap_or(usual.ca),
                leaf: lifetime(false).unwrap_or(usual.leaf),
            },
            subject: most_common(made().map(|(_, settings)| settings.subject.clone())).unwrap_or_default(),
        }
    }
}

/// The roles of a layout, in the order in which a description has them.
fn described_roles(layout: Layout) -> impl Iterator<Item = Role> {
    layout.authorities().iter().chain(layout.of_members()).copied().chain([Role::Client])
}

/// The most frequent value; the first one of several.
pub(crate) fn most_common<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    // Reversed, because `max_by_key` returns the last of several maxima.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

/// The parts of a description.
impl Mapping<'_> {
    fn startup(&mut self, startup: &Startup) {
        let usual = Startup::default();
        self.word_unless("style", startup.style.name(), usual.style.name());
        self.word_unless("unit", startup.unit.name(), UnitKind::usual(startup.container.as_ref()).name());
        if let Some(Container { engine, image }) = &startup.container {
            let mut container = self.section("container");
            container.word("engine", engine.name());
            container.text("image", image);
            self.put("container", Value::Mapping(container));
        }
    }

    fn bootstrap(&mut self, bootstrap: &Bootstrap) {
        self.optional_text("token", bootstrap.token.as_ref().map(Label::as_str));
        self.put_or_remark("state", bootstrap.state.map(|state| Value::Word(state.name())));
        self.optional_text("discovery-srv", bootstrap.discovery_srv.as_ref().map(|domain| domain.as_str()));
    }

    fn network(&mut self, network: &Network) {
        let usual = Network::default();
        self.text_unless("client-port", &network.client_port.to_string(), &usual.client_port.to_string());
        self.text_unless("peer-port", &network.peer_port.to_string(), &usual.peer_port.to_string());
        if network.loopback != usual.loopback || self.has_remarks("loopback") {
            self.texts("loopback", &network.loopback);
        }
        let truth = |value| if value { "true" } else { "false" };
        self.word_unless("listen-loopback", truth(network.listen_loopback), truth(usual.listen_loopback));
    }

    fn subject(&mut self, key: &str, subject: &SubjectFields, usual: &SubjectFields) {
        let fields = [
            ("C", &subject.country),
            ("ST", &subject.province),
            ("L", &subject.locality),
            ("O", &subject.organization),
            ("OU", &subject.organizational_unit),
        ];
        let fields = fields.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect();
        self.put_or_remark(key, (subject != usual).then_some(Value::Flow(fields)));
    }

    fn certificates(&mut self, cluster: &Cluster, common: &CommonSettings) {
        let mut all = self.section("certificates");
        for role in described_roles(cluster.layout) {
            let mut section = all.section(role.name());
            section.certificate_settings(role, cluster.certificate_settings.of(role), common);
            all.section_if_any(role.name(), section);
        }
        if !all.is_empty() {
            self.explain("Settings for single kinds of certificates.");
        }
        self.section_if_any("certificates", all);
    }

    fn certificate_settings(&mut self, role: Role, settings: &RoleSettings, common: &CommonSettings) {
        if let Some(given) = &settings.given {
            self.text("certificate", &given.certificate.to_string_lossy());
            let key = given.private_key.as_ref().map(|path| path.to_string_lossy());
            self.optional_text("private-key", key.as_deref());
        } else {
            let usual = if role.is_authority() { common.lifetimes.ca } else { common.lifetimes.leaf };
            self.optional_text("common-name", settings.common_name.as_deref());
            self.subject("subject", &settings.subject, &common.subject);
            self.word_unless("key", settings.key.name(), common.key.name());
            self.text_unless("validity", &lifetime(settings.lifetime), &lifetime(usual));
        }
        self.optional_text("file", settings.file.as_ref().map(Label::as_str));
        self.texts_if_any("names", &settings.names);
    }

    fn hosts(&mut self, hosts: &HostPaths) {
        let usual = HostPaths::default();
        let mut section = self.section("host");
        section.text_unless("binary", hosts.binary.as_str(), usual.binary.as_str());
        section.text_unless("user", hosts.user.as_str(), usual.user.as_str());
        section.text_unless("config", hosts.config.as_str(), usual.config.as_str());
        section.text_unless("pki", hosts.pki.as_str(), usual.pki.as_str());
        section.text_unless("data-dir", hosts.data_dir.as_str(), usual.data_dir.as_str());
        section.optional_text("wal-dir", hosts.wal_dir.as_ref().map(|path| path.as_str()));
        if !section.is_empty() {
            self.explain("The paths of etcd's files on the hosts, and its user.");
        }
        self.section_if_any("host", section);
    }

    fn options(&mut self, options: &[(&'static str, String)]) {
        let mut section = self.section("options");
        for (option, value) in options {
            section.text(option, value);
        }
        if !options.is_empty() && self.is_top() {
            self.explain("Further options of every member, by etcd's own names.");
        }
        self.section_if_any("options", section);
    }

    fn members(&mut self, members: &[Member]) {
        let list = self.section("members");
        let members = members.iter().map(|member| {
            let mut section = list.section(member.name().as_str());
            section.text("name", member.name().as_str());
            section.texts_if_any("address", member.addresses());
            section.texts_if_any("dns", member.dns());
            let overrides = &member.overrides;
            section.texts_if_any("names", &overrides.names);
            section.optional_text("common-name", overrides.common_name.as_deref());
            section.put_or_remark("state", overrides.state.map(|state| Value::Word(state.name())));
            section.optional_text("ssh", overrides.ssh.as_ref().map(ToString::to_string).as_deref());
            section.texts_if_any("listen-client-urls", &overrides.urls.listen_client);
            section.texts_if_any("advertise-client-urls", &overrides.urls.advertise_client);
            section.texts_if_any("listen-peer-urls", &overrides.urls.listen_peer);
            section.texts_if_any("initial-advertise-peer-urls", &overrides.urls.initial_advertise_peer);
            section.options(&overrides.options.0);
            section
        });
        self.put("members", Value::List(members.collect()));
    }

    fn clients(&mut self, clients: &[Client]) {
        let list = self.section("clients");
        let clients = clients.iter().map(|client| {
            let mut section = list.section(client.name.as_str());
            section.text("name", client.name.as_str());
            section.word_unless("kubeadm", if client.kubeadm { "true" } else { "false" }, "false");
            section
        });
        self.put("clients", Value::List(clients.collect()));
    }
}

/// A lifetime in the largest unit that it is a whole number of.
fn lifetime(lifetime: Duration) -> String {
    let seconds = lifetime.whole_seconds();
    let units = [(Duration::days(365), "y"), (Duration::DAY, "d"), (Duration::HOUR, "h")];
    let unit = units.into_iter().find(|(unit, _)| seconds % unit.whole_seconds() == 0);
    match unit {
        Some((unit, name)) => format!("{}{name}", seconds / unit.whole_seconds()),
        None => duration::format(lifetime),
    }
}

/// When certificates are due, as a description has it.
fn renew_before(before: RenewBefore) -> String {
    match before {
        RenewBefore::Fraction { numerator, denominator } => format!("{numerator}/{denominator}"),
        RenewBefore::Seconds(seconds) => lifetime(Duration::seconds(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The cluster without what a description does not have: notices, and the settings of roles that the layout lacks.
    fn described(mut cluster: Cluster) -> Cluster {
        let layout = cluster.layout;
        cluster.notices.clear();
        let settings = cluster.certificate_settings.clone();
        cluster.certificate_settings = crate::etcd::cluster::CertificateSettings::each(|role| {
            let is_said = described_roles(layout).any(|other| other == role);
            let mut settings = if is_said { settings.of(role).clone() } else { RoleSettings::default() };
            if settings.given.is_some() {
                settings =
                    RoleSettings { given: settings.given, file: settings.file, ..RoleSettings::default() };
            }
            Ok::<_, std::convert::Infallible>(settings)
        })
        .unwrap();
        cluster
    }

    #[test]
    fn every_description_is_read_back_as_it_was() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
        let guides = (0..5).map(|guide| fixtures.join(format!("guides/{guide}/cluster.yaml")));
        let clusters = fs::read_dir(fixtures.join("cluster")).unwrap().map(|entry| entry.unwrap().path());
        let mut count = 0;
        for path in guides.chain(clusters).filter(|path| path.is_file()) {
            let cluster = Cluster::from_yaml(&fs::read_to_string(&path).unwrap(), None).unwrap().value;
            let text = description(&cluster, &Remarks::default());
            let again = Cluster::from_yaml(&text, None).unwrap_or_else(|error| panic!("{error}:\n{text}"));
            assert_eq!(described(again.value), described(cluster), "{}:\n{text}", path.display());
            count += 1;
        }
        assert!(count > 5);
    }

    #[test]
    fn every_key_is_written() {
        let text = r#"
name: prod
version: 3.5.30
style: flags
unit: drop-in
container: {engine: podman, image: "quay.io/coreos/etcd:v3.5.30"}
token: other
state: existing
discovery-srv: example.com
client-port: 1
peer-port: 2
loopback: []
listen-loopback: true
key: rsa-2048
validity: {ca: 20y, leaf: 36h}
renew-before: 2/5
subject: {C: CN, O: "a: \"b\" # c"}
certificates:
  client-ca: {certificate: a/ca.pem, private-key: a/ca-key.pem, file: clients}
  peer-ca: {common-name: "x\\y", subject: {}, validity: 1h30m, key: ed25519}
  server: {common-name: s, names: [a.example, "::1"], validity: 5y}
host: {binary: /b, user: u, config: /c, pki: /p/p, data-dir: /d/d, wal-dir: /w/w/w}
options: {host-whitelist: ["a b", "yes", "\"q\"", "名"], snapshot-count: 5}
members:
  - name: a
    address: [10.0.0.1, "2001:db8::1"]
    dns: [a.example]
    names: b.example
    common-name: Member A
    state: new
    ssh: me@a.example
    listen-client-urls: ["https://10.0.0.1:1", "https://127.0.0.1:1"]
    advertise-client-urls: https://a.example:1
    listen-peer-urls: https://10.0.0.1:2
    initial-advertise-peer-urls: https://a.example:2
    options: {log-level: debug}
clients: [{name: root}, {name: k, kubeadm: true}]
"#;
        let cluster = Cluster::from_yaml(text, None).unwrap().value;
        let again = description(&cluster, &Remarks::default());
        assert_eq!(described(Cluster::from_yaml(&again, None).unwrap().value), described(cluster), "{again}");
    }

    #[test]
    fn remarks_are_comments_whatever_they_say() {
        let mut remarks = Remarks::default();
        let evil = "a\rname: b\u{2028}c\u{85}d \u{1b}[31m # e";
        for key in ["", "host", "host/pki", "members/a", "members/a/dns", "options", "state"] {
            remarks.add(key, evil);
        }
        let cluster = Cluster::usual(Label::known("prod"), vec![Member::parse("a=10.0.0.1").unwrap()]);
        let text = description(&cluster, &remarks);
        assert_eq!(described(Cluster::from_yaml(&text, None).unwrap().value), described(cluster), "{text}");
        assert!(text.is_ascii() && !text.contains('\u{1b}'));
        assert!(text.contains("pki: \"/etc/etcd/pki\""), "what a remark is about is described: {text}");
    }

    #[test]
    fn lifetimes_have_the_largest_unit() {
        for (text, hours) in [("2y", 17520), ("30d", 720), ("8h", 8)] {
            assert_eq!(lifetime(Duration::hours(hours)), text);
        }
        assert_eq!(lifetime(Duration::minutes(90)), "1h30m0s");
    }

    #[test]
    fn the_most_common_is_the_first_of_equals() {
        assert_eq!(most_common([1, 2, 2, 1]), Some(1));
        assert_eq!(most_common([1, 2, 2]), Some(2));
        assert_eq!(most_common::<u8>([]), None);
    }
}
