//! What a member has logged about its cluster.

use std::fs;
use std::path::Path;

/// The log of a member, or a part of it.
pub struct Log(String);

/// What a member says that hears of a leader, or is the leader.
const LEADERS: [&str; 2] = [" became leader at term", " elected leader "];

const ELECTION: &str = " is starting a new election";

impl Log {
    pub fn of(file: &Path) -> Self {
        Self(String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned())
    }

    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// What comes after the first bytes.
    pub fn after(&self, bytes: usize) -> Self {
        Self(self.0.get(bytes..).unwrap_or_default().to_owned())
    }

    pub fn says(&self, words: &str) -> bool {
        self.0.contains(words)
    }

    /// How many elections it has begun since it last heard of a leader.
    pub fn elections(&self) -> usize {
        let last = LEADERS.iter().filter_map(|words| self.0.rfind(words)).max();
        self.0[last.unwrap_or_default()..].matches(ELECTION).count()
    }

    /// Whether it has heard of a leader, and has begun no election since.
    pub fn knows_a_leader(&self) -> bool {
        LEADERS.iter().any(|words| self.0.contains(words)) && self.elections() == 0
    }

    /// The ID of the cluster that it is a member of.
    pub fn cluster(&self) -> Option<String> {
        let id = |before: &str| {
            let (_, rest) = self.0.split_once(before)?;
            let id: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            (!id.is_empty()).then_some(id)
        };
        id("\"cluster-id\":\"").or_else(|| id(" in cluster "))
    }

    /// Its last lines.
    pub fn end(&self) -> String {
        let lines: Vec<&str> = self.0.lines().filter(|line| !line.contains("stacktrace")).collect();
        let last = &lines[lines.len().saturating_sub(12)..];
        last.iter()
            .map(|line| format!("    {}", line.chars().take(330).collect::<String>()))
            .collect::<Vec<_>>()
            .join("\n")
    }
}
