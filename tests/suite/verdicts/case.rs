//! A generated cluster: the folder that `cluster apply` makes of its description, and what is damaged in it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use pki_core::etcd::EtcdVersion;
use serde_json::{Value, json};

use super::damage;
use crate::suite::product::Tree;
use crate::suite::random::Random;
use crate::suite::systemd::environment_file;

/// Where etcd's files are on a host.
const ON_HOST: &str = "/etc/etcd/";

/// A cluster, as it lies in a folder.
pub struct Case {
    pub tree: Tree,
    pub version: EtcdVersion,
    pub layout: &'static str,
    pub members: Vec<Member>,
    /// What was damaged, in words.
    pub damages: Vec<String>,
}

/// A member that is to run.
#[derive(Debug, Clone)]
pub struct Member {
    /// The name of its files.
    pub name: String,
    /// The address of its host.
    pub address: String,
}

/// The address of a host by its number, which begins with 1.
pub fn address(number: usize) -> String {
    format!("10.77.0.{number}")
}

impl Case {
    pub fn new(seed: u64, number: u64, version: &str) -> Self {
        let version = EtcdVersion::parse(version).unwrap();
        let mut random = Random::new(seed, number, u64::from(version.minor()));
        let size = match random.below(100) {
            0..6 => 1,
            6..90 => 3,
            _ => 5,
        };
        let layout = random.pick(&["least-privilege", "least-privilege", "single-ca", "shared-cert"]);
        let member = |number: usize| Member { name: format!("etcd{number}"), address: address(number) };
        let members: Vec<Member> = (1..=size).map(member).collect();
        let tree = Tree::of_value(&description(layout, version, &members)).applied();
        let mut case = Self { tree, version, layout, members, damages: Vec::new() };
        let damages = match random.below(100) {
            0..4 => 0,
            4..60 => 1,
            _ => 2,
        };
        for _ in 0..damages {
            damage::apply(&mut case, &mut random);
        }
        case
    }

    /// Has `apply` make the folder again, for these members only.
    pub fn apply_again(&self, members: &[Member]) {
        self.tree.describe(&description(self.layout, self.version, members).to_string());
        self.tree.apply().ok();
    }

    pub fn tell(&mut self, damage: String) {
        self.damages.push(damage);
    }

    /// The folder that takes the place of a member's host.
    pub fn host(&self, member: &Member) -> PathBuf {
        self.tree.path("nodes").join(&member.name)
    }

    fn environment(&self, member: &Member) -> PathBuf {
        self.host(member).join("etc/etcd/etcd.env")
    }

    /// The variables of a member, with the files in the folder in place of those on a host.
    pub fn variables(&self, member: &Member) -> Vec<(String, String)> {
        let here = format!("{}/", self.host(member).join("etc/etcd").display());
        let text = fs::read_to_string(self.environment(member)).unwrap();
        let variables = environment_file(&text).into_iter();
        variables.map(|(name, value)| (name, value.replace(ON_HOST, &here))).collect()
    }

    /// What a member has for an option.
    pub fn value(&self, member: &Member, option: &str) -> Option<String> {
        let variable = variable(option);
        let found = self.variables(member).into_iter().rev().find(|(name, _)| *name == variable);
        found.map(|(_, value)| value)
    }

    /// The file that an option of a member names, as a path in the folder.
    pub fn file(&self, member: &Member, option: &str) -> Option<PathBuf> {
        self.value(member, option).map(PathBuf::from)
    }

    pub fn set(&self, member: &Member, option: &str, value: &str) {
        self.unset(member, option);
        let file = self.environment(member);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{text}{}={value}\n", variable(option))).unwrap();
    }

    pub fn unset(&self, member: &Member, option: &str) {
        let file = self.environment(member);
        let begin = format!("{}=", variable(option));
        let text = fs::read_to_string(&file).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with(&begin));
        fs::write(file, kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    /// Replaces a part of what a member has for an option.
    pub fn replace(&self, member: &Member, option: &str, from: &str, to: &str) {
        if let Some(value) = self.value(member, option) {
            self.set(member, option, &value.replace(from, to));
        }
    }

    /// The file of a client's certificate, its key, and the CA that it trusts.
    pub fn client(&self) -> [PathBuf; 3] {
        let folder = self.tree.path("clients/root");
        let authority = ["client-ca.pem", "ca.pem"].map(|name| folder.join(name));
        let authority = authority.into_iter().find(|file| file.is_file()).expect("a file of CAs");
        [folder.join("client.pem"), folder.join("client-key.pem"), authority]
    }

    /// The certificate and key of a CA, by the name of the file that members have of it.
    pub fn authority(&self, file: &Path) -> [PathBuf; 2] {
        let name = file.file_stem().unwrap().to_str().unwrap();
        [format!("ca/{name}.pem"), format!("ca/{name}-key.pem")].map(|file| self.tree.path(&file))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} members, {}", self.members.len(), self.layout)?;
        self.damages.iter().try_for_each(|damage| writeln!(f, "  - {damage}"))
    }
}

fn variable(option: &str) -> String {
    format!("ETCD_{}", option.to_uppercase().replace('-', "_"))
}

fn description(layout: &str, version: EtcdVersion, members: &[Member]) -> Value {
    let member = |member: &Member| json!({"name": member.name, "address": member.address});
    json!({
        "name": "c", "version": version.to_string(), "layout": layout,
        "options": {"heartbeat-interval": 50, "election-timeout": 500},
        "members": members.iter().map(member).collect::<Vec<_>>(), "clients": [{"name": "root"}],
    })
}
