//! Which program wrote a line of a log.

use super::explanation::SaidBy;

/// The program that wrote a line, as far as the line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Unknown,
    /// etcd, etcdctl, etcdutl; `is_quiet` if the line tells of no failure.
    Etcd {
        is_quiet: bool,
    },
    /// systemd, about a unit of etcd.
    Systemd,
    Kernel,
    /// What starts etcd and passes its lines on: a shell, a container engine, a supervisor.
    Carrier,
    /// Any other program.
    Other,
    /// Another program, which speaks of etcd.
    Client,
}

impl Program {
    /// This, or `inner` where this tells nothing. What is inside knows better who a carrier spoke for.
    pub(super) fn or(self, inner: Self) -> Self {
        match (self, inner) {
            (Self::Unknown, _) => inner,
            (Self::Carrier, Self::Etcd { .. } | Self::Other) => inner,
            _ => self,
        }
    }

    /// Takes into account whether the text of the line speaks of etcd. `text` is in small letters.
    pub(super) fn speaking_of(self, text: &str) -> Self {
        match self {
            Self::Other if speaks_of_etcd(text) => Self::Client,
            Self::Carrier if speaks_of_etcd(text) => Self::Etcd { is_quiet: false },
            Self::Systemd if is_of_another_unit(text) => Self::Other,
            _ => self,
        }
    }

    pub(super) fn may_say(self, said_by: SaidBy) -> bool {
        match self {
            Self::Unknown => true,
            Self::Etcd { is_quiet } => !is_quiet && matches!(said_by, SaidBy::Member | SaidBy::Client),
            Self::Systemd => said_by == SaidBy::Systemd,
            Self::Kernel => said_by == SaidBy::Kernel,
            Self::Carrier => said_by == SaidBy::Member,
            Self::Client => said_by == SaidBy::Client,
            Self::Other => false,
        }
    }
}

/// The program with a name, as journald's `SYSLOG_IDENTIFIER` has it.
pub(super) fn named(name: &str) -> Program {
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let is_backup = ["backup", "operator", "defrag", "exporter"].iter().any(|word| name.contains(word));
    match name.as_str() {
        _ if name.contains("etcd") && !is_backup => Program::Etcd { is_quiet: false },
        "(etcd)" => Program::Systemd,
        "systemd" | "systemctl" => Program::Systemd,
        "kernel" | "audit" | "auditd" | "setroubleshoot" => Program::Kernel,
        "sh" | "bash" | "dash" | "ash" | "env" | "docker" | "podman" | "conmon" | "nerdctl" | "rkt"
        | "supervisord" | "runsv" | "runsvdir" | "svlogd" | "s6-log" | "start-stop-daemon" | "daemon"
        | "logger" | "systemd-cat" | "runuser" | "chpst" | "numactl" | "nice" | "taskset" => Program::Carrier,
        _ => Program::Other,
    }
}

/// The program that a line's first words name, and the rest: as journald, syslog, Docker Compose, kubectl and container
/// runtimes begin lines.
pub(super) fn of_prefix(line: &str) -> Option<(Program, &str)> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    kubectl(line).or_else(|| compose(line)).or_else(|| container_runtime(line)).or_else(|| syslog(line))
}

/// `[pod/etcd-n1/etcd] REST`, of `kubectl logs --prefix`.
fn kubectl(line: &str) -> Option<(Program, &str)> {
    let (name, rest) = line.strip_prefix("[pod/")?.split_once("] ")?;
    Some((named(name), rest))
}

/// `etcd-1  | REST`, of Docker Compose.
fn compose(line: &str) -> Option<(Program, &str)> {
    let (name, rest) = line.split_once(" | ")?;
    let name = name.trim_end();
    // etcd 3.4 has this bar too, behind a date: `2026-01-01 00:00:00.000000 I | embed: ...`.
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name.chars().all(is_name)).then(|| (named(name), rest))
}

/// `2026-01-01T00:00:00.000000000Z stderr F REST`, of containerd and CRI-O.
fn container_runtime(line: &str) -> Option<(Program, &str)> {
    let mut words = line.splitn(4, ' ');
    let (time, stream, tag) = (words.next()?, words.next()?, words.next()?);
    let is_so = is_time(time) && matches!(stream, "stdout" | "stderr") && matches!(tag, "F" | "P");
    is_so.then_some((Program::Unknown, words.next()?))
}

/// `Jan 01 00:00:00 n1 etcd[12]: REST` in each form of journald and of syslog.
fn syslog(line: &str) -> Option<(Program, &str)> {
    let mut rest = line;
    let numbered = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    if let Some((_, after)) = numbered.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
    {
        // RFC 5424: `1 TIME HOST PROGRAM PID ID DATA MESSAGE`.
        if let Some(words) = after.strip_prefix("1 ") {
            let words: Vec<&str> = words.splitn(7, ' ').collect();
            return Some((named(words.get(2)?), words.get(6)?));
        }
        rest = after;
    }
    // At most: weekday, date, time, zone, host, program.
    for _ in 0..7 {
        let (word, after) = rest.trim_start().split_once(' ')?;
        if let Some(name) = word.strip_suffix(':') {
            let name = name.split_once('[').map_or(name, |(name, _)| name);
            let is_name =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '/' | '(' | ')');
            let is_alone = rest.len() == line.len();
            let is_program =
                !name.is_empty() && name.chars().all(is_name) && (!is_alone || word.contains('['));
            return is_program.then(|| (identifier(name), after));
        }
        let is_word = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '+' | ',' | '[' | ']' | '/')
        };
        if !word.chars().all(is_word) || (rest.len() == line.len() && !begins_a_prefix(word)) {
            return None;
        }
        rest = after;
    }
    None
}

/// A program by its identifier: `(etcd)` is systemd's own child before it becomes etcd, `etcd.service` is a unit.
fn identifier(name: &str) -> Program {
    match name.starts_with('(') && name.contains("etcd") {
        true => Program::Systemd,
        false => named(name),
    }
}

/// Whether a line's first word is how a journal's line begins: a month, a weekday, a date, a number of seconds, a host.
fn begins_a_prefix(word: &str) -> bool {
    const NAMES: [&str; 19] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue",
        "Wed", "Thu", "Fri", "Sat", "Sun",
    ];
    let is_host = word.chars().any(|c| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    NAMES.contains(&word) || is_time(word) || word.starts_with('[') || is_host
}

/// Whether a word is a moment, as in `2026-01-01T00:00:00Z`.
fn is_time(word: &str) -> bool {
    word.len() > 18 && word.contains('T') && word.bytes().take(4).all(|byte| byte.is_ascii_digit())
}

/// The program that a text without such words is of: Kubernetes' programs begin lines like `E0101 00:00:00.000000`, and
/// write `http: TLS handshake error`, as every server in Go but etcd. `text` is in small letters.
pub(super) fn of_text(text: &str) -> Program {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut letters = first.chars();
    let is_klog = matches!(letters.next(), Some('i' | 'w' | 'e' | 'f'))
        && first.len() == 5
        && letters.all(|c| c.is_ascii_digit())
        && second.len() > 8
        && second.matches(':').count() == 2;
    if is_klog || text.contains("http: tls handshake error from") {
        return Program::Other;
    }
    // etcd 3.4: `2026-01-01 00:00:00.000000 I | embed: rejected connection ...`.
    let package =
        text.split_once(" | ").and_then(|(_, rest)| rest.split_once(": ")).map(|(package, _)| package);
    match package.is_some_and(|package| is_source_of_etcd(package.trim_start_matches("pkg/"))) {
        true => Program::Etcd { is_quiet: false },
        false => Program::Unknown,
    }
}

/// Whether a text names etcd, or one of its ports. `text` is in small letters.
fn speaks_of_etcd(text: &str) -> bool {
    let has_port = |port: &str| {
        text.match_indices(port).any(|(at, _)| {
            !text.get(at + port.len()..).unwrap_or_default().starts_with(|c: char| c.is_ascii_digit())
        })
    };
    !text.contains("http: tls handshake error from")
        && (text.contains("etcd") || has_port(":2379") || has_port(":2380") || has_port(":4001"))
}

/// Whether systemd speaks of a unit, and it is not etcd's.
fn is_of_another_unit(text: &str) -> bool {
    const SUFFIXES: [&str; 6] = [".service", ".socket", ".mount", ".timer", ".slice", ".scope"];
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '\\' | ':');
    let units = || {
        text.split(|c| !is_name(c))
            .map(|word| word.trim_end_matches([':', '.']))
            .filter(|word| SUFFIXES.iter().any(|suffix| word.ends_with(suffix)))
    };
    units().next().is_some() && !units().any(|unit| unit.contains("etcd")) && !text.contains("etcd")
}

/// Whether a place in a source, such as `embed/config_logging.go:177`, is one of etcd's.
pub(super) fn is_source_of_etcd(caller: &str) -> bool {
    const FOLDERS: [&str; 38] = [
        "adapters",
        "auth",
        "backend",
        "balancer",
        "client",
        "clientv3",
        "command",
        "concurrency",
        "embed",
        "etcdhttp",
        "etcdmain",
        "etcdserver",
        "fileutil",
        "flags",
        "grpclog",
        "grpcproxy",
        "lease",
        "leasehttp",
        "membership",
        "mvcc",
        "naming",
        "netutil",
        "osutil",
        "picker",
        "rafthttp",
        "schema",
        "snap",
        "snapshot",
        "srv",
        "storage",
        "transport",
        "txn",
        "v2discovery",
        "v3compactor",
        "v3discovery",
        "v3rpc",
        "verify",
        "wal",
    ];
    let folder = caller.split(['/', '@', ':']).next().unwrap_or_default();
    let is_version = folder.strip_prefix('v').is_some_and(|rest| rest.parse::<u8>().is_ok());
    is_version
        || FOLDERS.contains(&folder)
        || matches!(
            folder,
            "apply" | "logutil" | "netutil" | "read" | "version" | "zapgrpc" | "zap" | "raft" | "contention"
        )
        || caller.contains("etcd")
}
