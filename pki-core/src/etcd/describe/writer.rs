//! Writing descriptions: the one way in which a cluster becomes a description that people go on with.
//!
//! Words of this program stand as they are; what is data stands in double quotes and means nothing else to any
//! reader of YAML.

use std::collections::BTreeMap;
use std::fmt::Write;

use time::Duration;

use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::cluster::{
    Bootstrap, Client, Cluster, Container, HostPaths, Lifetimes, Member, Network, RoleSettings, Startup,
    SubjectFields, UnitKind,
};
use crate::etcd::safe::label::Label;
use crate::etcd::safe::yaml::quoted;
use crate::go::duration;
use crate::x509::key::KeyAlgorithm;

/// Comments beside those that every description has, by the key that they belong to: keys with `/` between
/// them, a member by its name, as in `members/etcd1`; the empty one is the description itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Remarks(BTreeMap<String, Vec<String>>);

impl Remarks {
    /// Adds a comment of one or more lines.
    pub(crate) fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.entry(key.into()).or_default().push(text.into());
    }

    fn of(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A commented description of a cluster, for a person to go on with.
///
/// ```
/// use pki_core::etcd::{Cluster, Label, Member, describe};
///
/// let members = [Member::parse("etcd1=10.0.0.11,etcd1.example")?];
/// let text = describe(&Label::parse("prod")?, &members);
/// assert_eq!(Cluster::from_yaml(&text, None).unwrap().value.members(), members);
/// # Ok::<(), pki_core::etcd::DescriptionError>(())
/// ```
pub fn describe(name: &Label, members: &[Member]) -> String {
    let mut remarks = Remarks::default();
    remarks.add(
        "",
        "An etcd cluster. `etcdpki cluster plan` shows what it needs, `etcdpki cluster apply` makes it.",
    );
    remarks.add(
        "subject",
        "What every subject says beside its common name: C, ST, L, O, OU.\nsubject: {C: CN, O: Example}",
    );
    remarks.add(
        "options",
        "More options of every member by etcd's own names.\noptions: {quota-backend-bytes: 8589934592, \
         auto-compaction-retention: 1h}",
    );
    description(&Cluster::usual(name.clone(), members.to_vec()), &remarks)
}

/// The description of a cluster. What goes without saying is left out, unless a remark is about it.
pub(crate) fn description(cluster: &Cluster, remarks: &Remarks) -> String {
    let mut text = String::new();
    for remark in remarks.of("") {
        comment(&mut text, 0, remark);
    }
    let mut top = Section::new("", remarks);
    let terms = CommonTerms::of(cluster);
    top.text("name", cluster.name.as_str());
    top.explain("The etcd that it is for: it decides which options there are.");
    top.text("version", &cluster.version.to_string());
    top.explain(
        "Who trusts whom. least-privilege: a CA for peers and one for clients; a member's key does not open the \
         database.\nsingle-ca: one CA issues every certificate. shared-cert: and a member has one certificate for \
         everything.",
    );
    top.word("layout", cluster.layout.name());
    top.startup(&cluster.startup);
    top.bootstrap(&cluster.bootstrap);
    top.network(&cluster.network);
    top.explain(
        "The kind of every key: ecdsa-256, ecdsa-384, ecdsa-521, ed25519, rsa-2048, rsa-3072, rsa-4096, rsa-8192.",
    );
    top.word("key", terms.key.name());
    top.explain("How long certificates are valid (h, d, y). None outlives the CA.");
    let mut validity = top.section("validity");
    validity.text("ca", &lifetime(terms.lifetimes.ca));
    validity.text("leaf", &lifetime(terms.lifetimes.leaf));
    top.put("validity", Value::Section(validity));
    top.subject("subject", &terms.subject, &SubjectFields::default());
    top.certificates(cluster, &terms);
    top.hosts(&cluster.hosts);
    top.options(&cluster.options.0);
    top.explain(
        "Each member listens on its addresses (on all, if it has only DNS names) and is reached at the first.\n\
         Its certificates hold all of them, and the names of the loopback interface.",
    );
    top.members(&cluster.members);
    top.explain(
        "Who connects with a certificate. The name is the user that etcd's access control sees; root is always \
         there.",
    );
    top.clients(&cluster.clients);
    top.write(&mut text, 0);
    text
}

/// What most certificates have in common. The rest is said of each kind.
struct CommonTerms {
    key: KeyAlgorithm,
    lifetimes: Lifetimes,
    subject: SubjectFields,
}

impl CommonTerms {
    fn of(cluster: &Cluster) -> Self {
        let terms =
            || described_roles(cluster.layout).map(|role| (role, cluster.certificate_settings.of(role)));
        // Nothing is said of a CA that exists.
        let made = || terms().filter(|(_, terms)| terms.given.is_none());
        let lifetime = |of_ca: bool| {
            most_common(
                made().filter(|(role, _)| role.is_authority() == of_ca).map(|(_, terms)| terms.lifetime),
            )
        };
        let usual = Lifetimes::default();
        Self {
            key: most_common(made().map(|(_, terms)| terms.key)).unwrap_or_default(),
            lifetimes: Lifetimes {
                ca: lifetime(true).unwrap_or(usual.ca),
                leaf: lifetime(false).unwrap_or(usual.leaf),
            },
            subject: most_common(made().map(|(_, terms)| terms.subject.clone())).unwrap_or_default(),
        }
    }
}

/// The kinds of certificates of a layout, in the order in which a description has them.
fn described_roles(layout: Layout) -> impl Iterator<Item = Role> {
    layout.authorities().iter().chain(layout.of_members()).copied().chain([Role::Client])
}

/// The value that is there most often; of several, the first.
pub(crate) fn most_common<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    // `max_by_key` would take the last.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

/// A mapping in the making.
struct Section<'a> {
    /// The keys that lead to it.
    path: String,
    remarks: &'a Remarks,
    entries: Vec<Entry<'a>>,
    /// What explains the next entry.
    explanation: Option<&'static str>,
}

struct Entry<'a> {
    comments: Vec<String>,
    key: String,
    /// None: there are only comments.
    value: Option<Value<'a>>,
}

enum Value<'a> {
    /// A word of this program's.
    Word(&'static str),
    Text(String),
    Texts(Vec<String>),
    Section(Section<'a>),
    /// In one line.
    Flow(Vec<(&'static str, String)>),
    /// Sections, each with the remarks about it.
    List(Vec<(Vec<String>, Section<'a>)>),
}

impl<'a> Section<'a> {
    fn new(path: &str, remarks: &'a Remarks) -> Self {
        Self { path: path.to_owned(), remarks, entries: Vec::new(), explanation: None }
    }

    /// A section of this one.
    fn section(&self, key: &str) -> Self {
        Self::new(&self.path_of(key), self.remarks)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}/{key}", self.path) }
    }

    fn explain(&mut self, text: &'static str) {
        self.explanation = Some(text);
    }

    fn has_remarks(&self, key: &str) -> bool {
        !self.remarks.of(&self.path_of(key)).is_empty()
    }

    fn put(&mut self, key: &str, value: Value<'a>) {
        self.put_or_remark(key, Some(value));
    }

    fn put_or_remark(&mut self, key: &str, value: Option<Value<'a>>) {
        let mut comments: Vec<String> = self.explanation.take().map(str::to_owned).into_iter().collect();
        comments.extend(self.remarks.of(&self.path_of(key)).iter().cloned());
        if value.is_some() || !comments.is_empty() {
            self.entries.push(Entry { comments, key: key.to_owned(), value });
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, Value::Text(text.to_owned()));
    }

    fn word(&mut self, key: &str, word: &'static str) {
        self.put(key, Value::Word(word));
    }

    /// One text as itself, several as a list.
    fn texts(&mut self, key: &str, texts: impl IntoIterator<Item = impl ToString>) {
        let texts: Vec<String> = texts.into_iter().map(|text| text.to_string()).collect();
        let value = match texts.as_slice() {
            [one] => Value::Text(one.clone()),
            _ => Value::Texts(texts),
        };
        self.put(key, value);
    }

    /// The same, if there are any.
    fn texts_if_any(&mut self, key: &str, texts: impl IntoIterator<Item = impl ToString>) {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_some() {
            self.texts(key, texts);
        } else {
            self.put_or_remark(key, None);
        }
    }

    /// A text that goes without saying if it is the usual one.
    fn text_unless(&mut self, key: &str, text: &str, usual: &str) {
        let is_said = text != usual || self.has_remarks(key);
        self.put_or_remark(key, is_said.then(|| Value::Text(text.to_owned())));
    }

    fn word_unless(&mut self, key: &str, word: &'static str, usual: &str) {
        let is_said = word != usual || self.has_remarks(key);
        self.put_or_remark(key, is_said.then_some(Value::Word(word)));
    }

    fn optional_text(&mut self, key: &str, text: Option<&str>) {
        self.put_or_remark(key, text.map(|text| Value::Text(text.to_owned())));
    }

    fn section_if_any(&mut self, key: &str, section: Self) {
        let is_said = !section.entries.is_empty();
        self.put_or_remark(key, is_said.then_some(Value::Section(section)));
    }
}

/// The parts of a description.
impl Section<'_> {
    fn startup(&mut self, rendering: &Startup) {
        let usual = Startup::default();
        self.word_unless("style", rendering.style.name(), usual.style.name());
        self.word_unless("unit", rendering.unit.name(), UnitKind::usual(rendering.container.as_ref()).name());
        if let Some(Container { engine, image }) = &rendering.container {
            let mut container = self.section("container");
            container.word("engine", engine.name());
            container.text("image", image);
            self.put("container", Value::Section(container));
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

    fn certificates(&mut self, cluster: &Cluster, common: &CommonTerms) {
        let mut all = self.section("certificates");
        for role in described_roles(cluster.layout) {
            let mut section = all.section(role.name());
            section.certificate_settings(role, cluster.certificate_settings.of(role), common);
            all.section_if_any(role.name(), section);
        }
        if !all.entries.is_empty() {
            self.explain("What is different for one kind of certificate.");
        }
        self.section_if_any("certificates", all);
    }

    fn certificate_settings(&mut self, role: Role, terms: &RoleSettings, common: &CommonTerms) {
        if let Some(given) = &terms.given {
            self.text("certificate", &given.certificate.to_string_lossy());
            let key = given.private_key.as_ref().map(|path| path.to_string_lossy());
            self.optional_text("private-key", key.as_deref());
        } else {
            let usual = if role.is_authority() { common.lifetimes.ca } else { common.lifetimes.leaf };
            self.optional_text("common-name", terms.common_name.as_deref());
            self.subject("subject", &terms.subject, &common.subject);
            self.word_unless("key", terms.key.name(), common.key.name());
            self.text_unless("validity", &lifetime(terms.lifetime), &lifetime(usual));
        }
        self.optional_text("file", terms.file.as_ref().map(Label::as_str));
        self.texts_if_any("names", &terms.names);
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
        if !section.entries.is_empty() {
            self.explain("Where things are on the hosts.");
        }
        self.section_if_any("host", section);
    }

    fn options(&mut self, options: &[(&'static str, String)]) {
        let mut section = self.section("options");
        for (option, value) in options {
            section.text(option, value);
        }
        if !options.is_empty() && self.path.is_empty() {
            self.explain("More options of every member by etcd's own names.");
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
            (list.remarks.of(&section.path).to_vec(), section)
        });
        let members = members.collect();
        self.put("members", Value::List(members));
    }

    fn clients(&mut self, clients: &[Client]) {
        let list = self.section("clients");
        let clients = clients.iter().map(|client| {
            let mut section = list.section(client.name.as_str());
            section.text("name", client.name.as_str());
            section.word_unless("kubeadm", if client.kubeadm { "true" } else { "false" }, "false");
            (list.remarks.of(&section.path).to_vec(), section)
        });
        let clients = clients.collect();
        self.put("clients", Value::List(clients));
    }
}

impl Section<'_> {
    fn write(&self, text: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        let mut was_apart = false;
        for Entry { comments, key, value } in &self.entries {
            let is_apart = depth == 0 && !comments.is_empty();
            if !text.is_empty() && (is_apart || was_apart) {
                text.push('\n');
            }
            was_apart = is_apart;
            for remark in comments {
                comment(text, depth, remark);
            }
            let _ = match value {
                None => Ok(()),
                Some(Value::Word(word)) => writeln!(text, "{indent}{key}: {word}"),
                Some(Value::Text(value)) => writeln!(text, "{indent}{key}: {}", quoted(value)),
                Some(Value::Texts(values)) => {
                    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                    writeln!(text, "{indent}{key}: [{}]", values.join(", "))
                }
                Some(Value::Flow(entries)) => {
                    let entries = entries.iter().map(|(key, value)| format!("{key}: {}", quoted(value)));
                    let entries: Vec<String> = entries.collect();
                    writeln!(text, "{indent}{key}: {{{}}}", entries.join(", "))
                }
                Some(Value::Section(section)) => {
                    let written = writeln!(text, "{indent}{key}:");
                    section.write(text, depth + 1);
                    written
                }
                Some(Value::List(sections)) => {
                    let written = writeln!(text, "{indent}{key}:");
                    for (remarks, section) in sections {
                        section.write_item(text, depth + 1, remarks);
                    }
                    written
                }
            };
        }
    }

    /// An item of a list, which begins with a key that nothing is said about.
    fn write_item(&self, text: &mut String, depth: usize, remarks: &[String]) {
        for remark in remarks {
            comment(text, depth, remark);
        }
        let mut item = String::new();
        self.write(&mut item, depth + 1);
        let indent = "  ".repeat(depth);
        let _ = write!(text, "{indent}- {}", item.trim_start());
    }
}

/// The longest line of a comment.
const WIDTH: usize = 120;

/// Lines of comment. Nothing in them ends a line or steers a terminal.
fn comment(text: &mut String, depth: usize, remark: &str) {
    let indent = "  ".repeat(depth);
    for line in remark.lines() {
        let mut width = 0;
        for (index, word) in line.split(' ').enumerate() {
            let word: String = word.chars().flat_map(shown).collect();
            let length = word.chars().count() + 1;
            if index == 0 || width + length > WIDTH {
                let end = if index == 0 { "" } else { "\n" };
                let _ = write!(text, "{end}{indent}# {word}");
                width = indent.len() + 1 + length;
            } else {
                let _ = write!(text, " {word}");
                width += length;
            }
        }
        text.push('\n');
    }
}

/// A character that may end a line, or change how others look, as its escape.
fn shown(c: char) -> Vec<char> {
    let is_plain = c.is_ascii_graphic() || c.is_alphanumeric();
    if is_plain { vec![c] } else { c.escape_default().collect() }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What a description says, but for the terms of kinds of certificates that its layout does not have.
    fn said(mut cluster: Cluster) -> Cluster {
        let layout = cluster.layout;
        cluster.notices.clear();
        let terms = cluster.certificate_settings.clone();
        cluster.certificate_settings = crate::etcd::cluster::CertificateSettings::each(|role| {
            let is_said = described_roles(layout).any(|other| other == role);
            let mut terms = if is_said { terms.of(role).clone() } else { RoleSettings::default() };
            if terms.given.is_some() {
                terms = RoleSettings { given: terms.given, file: terms.file, ..RoleSettings::default() };
            }
            Ok::<_, std::convert::Infallible>(terms)
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
            assert_eq!(said(again.value), said(cluster), "{}:\n{text}", path.display());
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
        assert_eq!(said(Cluster::from_yaml(&again, None).unwrap().value), said(cluster), "{again}");
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
        assert_eq!(said(Cluster::from_yaml(&text, None).unwrap().value), said(cluster), "{text}");
        assert!(text.is_ascii() && !text.contains('\u{1b}'));
        assert!(text.contains("pki: \"/etc/etcd/pki\""), "what a remark is about is said: {text}");
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
