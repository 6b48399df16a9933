//! Generated settings of one etcd: flags, variables and a configuration file.

use std::collections::BTreeMap;
use std::fmt;

use pki_core::etcd::{Availability, EtcdOption, EtcdVersion, ValueKind, YamlKind};
use serde_json::json;

use super::damage;
use crate::suite::product::Tree;
use crate::suite::random::Random;

/// The files of a certificate for the loopback, its key and its CA.
pub struct Files {
    _tree: Tree,
    pub server: [String; 2],
    pub peer: [String; 2],
    pub ca: String,
}

impl Files {
    pub fn new() -> Self {
        let tree =
            Tree::of("layout: single-ca\nname: c\nmembers:\n  - {name: a, address: 127.0.0.1}\n").applied();
        let file = |name: &str| tree.path(&format!("nodes/a/etc/etcd/pki/{name}")).display().to_string();
        let pair = |name: &str| [file(&format!("{name}.pem")), file(&format!("{name}-key.pem"))];
        Self { server: pair("server"), peer: pair("peer"), ca: file("ca.pem"), _tree: tree }
    }
}

/// What one etcd is given.
pub struct Case {
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// The configuration file, which is called `etcd.yaml`.
    pub config: Option<String>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            writeln!(f, "  {name}={value}")?;
        }
        writeln!(f, "  etcd {}", self.arguments.join(" "))?;
        self.config.iter().flat_map(|text| text.lines()).try_for_each(|line| writeln!(f, "    | {line}"))
    }
}

/// How etcd is told its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Flags,
    Variables,
    Both,
    File,
}

/// Settings that are not written yet.
pub struct Draft<'a> {
    pub version: EtcdVersion,
    pub files: &'a Files,
    pub way: Way,
    pub settings: Vec<(String, String)>,
    /// Words of the command line as they are, after the flags.
    pub words: Vec<String>,
    pub variables: Vec<(String, String)>,
    /// Lines before and after those of the file.
    pub lines_before: Vec<String>,
    pub lines_after: Vec<String>,
    /// Options whose value in the file is written as a type of another kind.
    pub mistyped: Vec<(String, String)>,
}

/// Options whose effect depends on the machine or the network, or that end without a start.
const LEFT_OUT: [&str; 14] = [
    "config-file",
    "version",
    "memory-mlock",
    "experimental-memory-mlock",
    "discovery",
    "discovery-srv",
    "discovery-endpoints",
    "discovery-token",
    "client-crl-file",
    "peer-crl-file",
    "proxy",
    "discovery-proxy",
    "log-rotation-config-json",
    "wal-dir",
];

impl Case {
    pub fn new(seed: u64, number: u64, version: EtcdVersion, files: &Files) -> Self {
        let series = u64::from(version.minor());
        let mut random = Random::new(seed, number, series);
        let way = match random.below(100) {
            0..35 => Way::Flags,
            35..55 => Way::Variables,
            55..65 => Way::Both,
            _ => Way::File,
        };
        let mut draft = Draft {
            version,
            files,
            way,
            settings: Vec::new(),
            words: Vec::new(),
            variables: Vec::new(),
            lines_before: Vec::new(),
            lines_after: Vec::new(),
            mistyped: Vec::new(),
        };
        draft.addresses(&mut random);
        for _ in 0..random.below(5) {
            draft.add_valid(&mut random);
        }
        if random.percent(65) {
            for _ in 0..=random.below(2) {
                damage::apply(&mut draft, &mut random);
            }
        }
        draft.write(&mut random)
    }
}

impl Draft<'_> {
    pub fn get(&self, option: &str) -> Option<&str> {
        self.settings.iter().rfind(|(name, _)| name == option).map(|(_, value)| value.as_str())
    }

    /// Sets an option that this version has.
    pub fn set(&mut self, option: &str, value: impl Into<String>) {
        let is_there = EtcdOption::find(option).is_some_and(|o| o.availability(self.version).is_accepted());
        if is_there {
            self.settings.retain(|(name, _)| name != option);
            self.settings.push((option.to_owned(), value.into()));
        }
    }

    pub fn unset(&mut self, option: &str) {
        self.settings.retain(|(name, _)| name != option);
    }

    /// Where it listens, what it advertises, and with which certificates.
    fn addresses(&mut self, random: &mut Random) {
        let name = random.pick(&["a", "a", "n-1", "default"]);
        if random.percent(75) {
            self.set("name", name);
        }
        for (listen, advertise, usual) in [
            ("listen-peer-urls", "initial-advertise-peer-urls", 2380),
            ("listen-client-urls", "advertise-client-urls", 2379),
        ] {
            if random.percent(20) {
                continue;
            }
            let scheme = random.pick(&["http", "https"]);
            let host = random.pick(&[
                "127.0.0.1",
                "127.0.0.1",
                "localhost",
                "0.0.0.0",
                "[::1]",
                "[::]",
                "127.0.0.2",
            ]);
            let port = if random.percent(85) { usual } else { random.pick(&[4001, 7001, 12379]) };
            let url = format!("{scheme}://{host}:{port}");
            let told = format!(
                "{scheme}://{}:{port}",
                if host.contains("0.0.0.0") || host == "[::]" { "127.0.0.1" } else { host }
            );
            let more = random.percent(15).then(|| format!("{scheme}://127.0.0.3:{port}"));
            let all: Vec<String> = std::iter::once(url).chain(more).collect();
            self.set(listen, all.join(","));
            if random.percent(92) {
                self.set(advertise, told);
            }
        }
        let own = self.get("name").unwrap_or("default").to_owned();
        let peer = self.get("initial-advertise-peer-urls").unwrap_or("http://localhost:2380").to_owned();
        if random.percent(80) {
            self.set("initial-cluster", format!("{own}={peer}"));
        }
        if random.percent(15) {
            let scheme = random.pick(&["http", "http", "https"]);
            self.set(
                "listen-metrics-urls",
                format!("{scheme}://127.0.0.1:{}", random.pick(&[2381, 2381, 2379])),
            );
        }
        if random.percent(8) {
            let scheme = random.pick(&["http", "https"]);
            self.set(
                "listen-client-http-urls",
                format!("{scheme}://127.0.0.1:{}", random.pick(&[2382, 2382, 2379])),
            );
        }
        if random.percent(85) {
            self.set("heartbeat-interval", "10");
            self.set("election-timeout", random.pick(&["100", "50", "200"]));
        }
        self.certificates(random);
    }

    fn certificates(&mut self, random: &mut Random) {
        let files = self.files;
        for (prefix, pair) in [("", &files.server), ("peer-", &files.peer)] {
            let listen = if prefix.is_empty() { "listen-client-urls" } else { "listen-peer-urls" };
            let is_tls = self.get(listen).is_some_and(|urls| urls.contains("https"));
            if random.percent(if is_tls { 92 } else { 30 }) {
                self.set(&format!("{prefix}cert-file"), pair[0].clone());
                self.set(&format!("{prefix}key-file"), pair[1].clone());
            }
            if random.percent(50) {
                self.set(&format!("{prefix}trusted-ca-file"), files.ca.clone());
                self.set(&format!("{prefix}client-cert-auth"), random.pick(&["true", "1", "false"]));
            }
            if random.percent(6) {
                self.set(&format!("{prefix}auto-tls"), "true");
            }
            if random.percent(6) {
                let client = if prefix.is_empty() { "client-" } else { "peer-client-" };
                self.set(&format!("{client}cert-file"), pair[0].clone());
                self.set(&format!("{client}key-file"), pair[1].clone());
            }
        }
    }

    /// The options that may be set at random.
    pub fn options(&self) -> Vec<&'static EtcdOption> {
        let is_usable = |option: &&EtcdOption| {
            matches!(
                option.availability(self.version),
                Availability::Available | Availability::Deprecated { .. } | Availability::Ignored
            ) && !LEFT_OUT.contains(&option.name())
                && !option.name().starts_with("discovery-")
                && self.get(option.name()).is_none()
        };
        EtcdOption::all().filter(is_usable).collect()
    }

    /// Sets an option to a value that etcd takes, as far as the option alone tells.
    pub fn add_valid(&mut self, random: &mut Random) {
        let option = random.pick(&self.options());
        let values: &[&str] = match (option.name(), option.kind(self.version)) {
            ("auth-token", _) => &["simple", "", "simple,a=b"],
            ("metrics", _) => &["basic", "extensive"],
            ("log-outputs" | "log-output", _) => &["stderr", "stdout", "default", "stderr,stdout"],
            ("logger", _) => &["zap"],
            ("data-dir", _) => &["data", "d/e"],
            ("cors", _) => &["*", "http://a.example:1", "http://a.example:1,https://b.example:2"],
            ("max-request-bytes", _) => &["1572864", "10_000_000"],
            ("self-signed-cert-validity", _) => &["1", "10"],
            ("backend-bbolt-freelist-type" | "experimental-backend-bbolt-freelist-type", _) => {
                &["map", "array", "x"]
            }
            ("cipher-suites", _) => &[
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            ],
            ("auto-compaction-retention", _) => &["0", "1", "1h", "30m"],
            (_, ValueKind::Bool) => &["true", "false", "1", "F", "TRUE", "t"],
            (_, ValueKind::Integer { .. } | ValueKind::Unsigned { .. }) => {
                &["1", "5", "100", "10_000", "0x10"]
            }
            (_, ValueKind::Duration | ValueKind::PositiveDuration) => &["1s", "100ms", "1h30m"],
            (_, ValueKind::Choice(choices) | ValueKind::Choices(choices)) => choices,
            (_, ValueKind::Text | ValueKind::List | ValueKind::Single) => &["a", "b-1", "a.example"],
            (_, ValueKind::Ignored) => &["x", ""],
            (_, ValueKind::FeatureGates) => return self.add_gates(random),
            _ => return,
        };
        let value = random.pick(values);
        self.set(option.name(), value);
    }

    fn add_gates(&mut self, random: &mut Random) {
        let features: Vec<&str> = EtcdOption::features(self.version).collect();
        let mut gates = Vec::new();
        for _ in 0..=random.below(2) {
            gates.push(format!("{}={}", random.pick(&features), random.pick(&["true", "false", "T"])));
        }
        self.set("feature-gates", gates.join(","));
    }

    fn write(self, random: &mut Random) -> Case {
        let mut case = Case { arguments: Vec::new(), environment: self.variables.clone(), config: None };
        let variable =
            |option: &str| EtcdOption::find(option).map_or_else(|| option.to_owned(), EtcdOption::variable);
        match self.way {
            Way::File => {
                case.config = Some(self.file(random));
                if random.percent(70) {
                    case.arguments.push("--config-file=etcd.yaml".to_owned());
                } else {
                    case.environment.push(("ETCD_CONFIG_FILE".to_owned(), "etcd.yaml".to_owned()));
                }
                // What is beside the file does not count, but Go reads the flags.
                if random.percent(20) {
                    let values = ["", "x", "1", "true", "10s", "http://127.0.0.1:1", "new"];
                    let option = random.pick(&self.options());
                    case.arguments.push(format!("--{}={}", option.name(), random.pick(&values)));
                }
            }
            way => {
                for (option, value) in &self.settings {
                    if way == Way::Variables || way == Way::Both && random.percent(50) {
                        case.environment.push((variable(option), value.clone()));
                        continue;
                    }
                    let is_switch = EtcdOption::find(option).is_some_and(|o| {
                        matches!(o.kind(self.version), ValueKind::Bool | ValueKind::Ignored)
                    });
                    if is_switch || random.percent(80) {
                        let dashes = random.pick(&["--", "--", "-"]);
                        case.arguments.push(format!("{dashes}{option}={value}"));
                    } else {
                        case.arguments.extend([format!("--{option}"), value.clone()]);
                    }
                }
            }
        }
        case.arguments.extend(self.words);
        case
    }

    /// The configuration file. Options that have no place there are left out.
    fn file(&self, random: &mut Random) -> String {
        let mut sections: BTreeMap<Vec<&str>, Vec<String>> = BTreeMap::new();
        for (option, value) in &self.settings {
            let Some(place) = EtcdOption::find(option).and_then(|option| option.yaml(self.version)) else {
                continue;
            };
            let written = match self.mistyped.iter().find(|(name, _)| name == option) {
                Some((_, written)) => written.clone(),
                None => scalar(place.kind, value, random),
            };
            let indent = "  ".repeat(place.section.len());
            sections
                .entry(place.section.to_vec())
                .or_default()
                .push(format!("{indent}{}: {written}", place.key));
        }
        let mut lines = self.lines_before.clone();
        let mut open: Vec<&str> = Vec::new();
        for (section, entries) in sections {
            for (depth, key) in section.iter().enumerate() {
                if open.get(depth) != Some(key) {
                    open.truncate(depth);
                    open.push(key);
                    lines.push(format!("{}{key}:", "  ".repeat(depth)));
                }
            }
            lines.extend(entries);
        }
        lines.extend(self.lines_after.iter().cloned());
        lines.join("\n") + "\n"
    }
}

/// A value in the file, nearly always of the type that etcd has there.
fn scalar(kind: YamlKind, value: &str, random: &mut Random) -> String {
    let is_plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || ":/._-=,+[]".contains(c))
            && !text.starts_with(['[', ',', '-', ':'])
            && !text.ends_with(':')
    };
    match kind {
        YamlKind::Bool => match value {
            "1" | "t" | "T" | "TRUE" | "True" => random.pick(&["true", "yes", "on", "True"]).to_owned(),
            "0" | "f" | "F" | "FALSE" | "False" => random.pick(&["false", "no", "off", "FALSE"]).to_owned(),
            _ => value.to_owned(),
        },
        YamlKind::Integer => value.to_owned(),
        YamlKind::Nanoseconds => match value {
            "1s" => "1000000000".to_owned(),
            "100ms" => random.pick(&["100000000", "1e8", "100_000_000"]).to_owned(),
            "1h30m" => "5400000000000".to_owned(),
            _ => value.to_owned(),
        },
        YamlKind::List => {
            let items: Vec<String> = value.split(',').map(|item| json!(item).to_string()).collect();
            format!("[{}]", items.join(", "))
        }
        YamlKind::Text if is_plain(value) && random.percent(50) => value.to_owned(),
        YamlKind::Text => json!(value).to_string(),
    }
}
