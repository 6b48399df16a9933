//! What a command made, as text that is the same on every run: what is random or depends on the time is
//! replaced by what has to hold for it. openssl reads the certificates, requests and keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::suite::command::{Ran, run};

/// Texts by the name of the file that they are recorded in.
pub type Description = BTreeMap<String, String>;

const BEGIN: &str = "-----BEGIN ";
/// What is longer than this goes over several lines, if it has parts.
const WIDTH: usize = 100;

/// Turns what a case made into text. It remembers what it has seen, so that the same key or identifier in two
/// places is known to be the same.
pub struct Describer {
    openssl: PathBuf,
    scratch: TempDir,
    /// The PEM blocks of the inputs, with the input's name, and without line breaks.
    inputs: Vec<(String, String)>,
    keys: Vec<Vec<u8>>,
    identifiers: Vec<Vec<u8>>,
}

impl Describer {
    /// `inputs` are names and files whose blocks are recognised, and whose identifiers are not random.
    pub fn new(openssl: PathBuf, inputs: &[(String, PathBuf)]) -> Self {
        let mut known = Vec::new();
        for (name, path) in inputs {
            let Ok(text) = fs::read_to_string(path) else { continue };
            for block in Text::of(&text).blocks {
                known.push((name.clone(), block.body));
            }
        }
        let scratch = tempfile::tempdir().unwrap();
        Self { openssl, scratch, inputs: known, keys: Vec::new(), identifiers: Vec::new() }
    }

    /// The exit status, standard output and the files, given by name and path.
    pub fn describe(mut self, ran: &Ran, files: &[(String, PathBuf)]) -> Description {
        let mut described = Description::new();
        let mut outcome = match ran.code {
            Some(code) => format!("exit status {code}\n"),
            None => "ended by a signal\n".into(),
        };
        if !ran.stdout.is_empty() {
            described.insert("stdout".into(), self.text(&ran.stdout));
        }
        for (name, path) in files {
            let mode = fs::metadata(path).unwrap().permissions().mode() & 0o7777;
            writeln!(outcome, "{mode:04o} {name}").unwrap();
            let text = self.text(&fs::read_to_string(path).unwrap());
            described.insert(format!("{name}.txt"), text);
        }
        described.insert("outcome".into(), outcome);
        described
    }

    /// The text with a name in place of each PEM block, and the blocks behind it.
    fn text(&mut self, text: &str) -> String {
        let Text { mut rest, blocks } = Text::of(text);
        if !rest.is_empty() && !rest.ends_with('\n') {
            rest.push_str("\n<no line break at the end>\n");
        }
        for (number, block) in blocks.iter().enumerate() {
            let known = self.inputs.iter().find(|(_, body)| *body == block.body);
            let described = match known {
                Some((name, _)) => format!("that of {name}\n"),
                None => self.block(block),
            };
            write!(rest, "\n<{}>: {}{described}", number + 1, block.layout()).unwrap();
        }
        rest
    }

    fn block(&mut self, block: &Block) -> String {
        let path = self.scratch.path().join("block.pem");
        let Block { label, body, .. } = block;
        fs::write(&path, format!("{BEGIN}{label}-----\n{body}\n-----END {label}-----\n")).unwrap();
        match label.as_str() {
            "CERTIFICATE" | "CERTIFICATE REQUEST" => self.signed(label, &path, &base64(body)),
            label if label.ends_with("PRIVATE KEY") => self.private_key(label, &path, &base64(body)),
            other => panic!("no description of {other}"),
        }
    }

    fn signed(&mut self, label: &str, path: &Path, der: &[u8]) -> String {
        let mut nodes = self.nodes(path, der);
        let mut start = None;
        let mut named = String::new();
        for node in &mut nodes {
            node.value = match node.kind.as_str() {
                "BIT STRING" if node.depth == 1 => "<signature>".into(),
                "BIT STRING" => self.key(&node.bytes),
                "INTEGER" => integer(&node.value),
                "UTCTIME" | "GENERALIZEDTIME" => time(&node.value, &mut start),
                "OCTET STRING" => self.extension(&named, &node.bytes),
                "OBJECT" => {
                    // It stands before the extension's value.
                    named.clone_from(&node.value);
                    continue;
                }
                _ => continue,
            };
        }
        format!("{label}\n{}", tree(&nodes))
    }

    /// Identifiers of keys are random where their keys are.
    fn extension(&mut self, named: &str, value: &[u8]) -> String {
        let is_identifier =
            matches!(named, "X509v3 Subject Key Identifier" | "X509v3 Authority Key Identifier");
        match value.len().checked_sub(20) {
            Some(head) if is_identifier && !self.is_given(&value[head..]) => {
                let number = place(&mut self.identifiers, &value[head..]);
                format!("{}<identifier {number}>", shown(&value[..head]))
            }
            _ => shown(value),
        }
    }

    /// Whether an input holds these bytes.
    fn is_given(&self, bytes: &[u8]) -> bool {
        self.inputs.iter().any(|(_, body)| base64(body).windows(bytes.len()).any(|w| w == bytes))
    }

    fn key(&mut self, public: &[u8]) -> String {
        format!("<public key {} of {} bytes>", place(&mut self.keys, public), public.len())
    }

    fn private_key(&mut self, label: &str, path: &Path, der: &[u8]) -> String {
        let mut nodes = self.nodes(path, der);
        for node in &mut nodes {
            match node.kind.as_str() {
                "INTEGER" if node.value.len() > 6 => node.value = "<secret>".into(),
                "OCTET STRING" => node.value = format!("<secret of {} bytes>", node.bytes.len()),
                "BIT STRING" => node.value = self.key(&node.bytes),
                _ => {}
            }
        }
        let public = self.scratch.path().join("public.pem");
        run(Command::new(&self.openssl).args(["pkey", "-pubout", "-in"]).arg(path).arg("-out").arg(&public))
            .ok();
        let text = fs::read_to_string(&public).unwrap();
        let der = base64(&Text::of(&text).blocks[0].body);
        let nodes_of_public = self.nodes(&public, &der);
        let bits = nodes_of_public.iter().find(|n| n.kind == "BIT STRING").expect("a public key");
        format!("{label}, whose other half is {}\n{}", self.key(&bits.bytes), tree(&nodes))
    }

    /// The structure as openssl reads it, with the bytes of each value.
    fn nodes(&self, path: &Path, der: &[u8]) -> Vec<Node> {
        let mut command = Command::new(&self.openssl);
        command.args(["asn1parse", "-in"]).arg(path);
        run(&mut command).ok().stdout.lines().map(|line| Node::read(line, der)).collect()
    }
}

/// Text with PEM blocks in it, either as they are or within JSON, whose line breaks are written `\n`.
struct Text {
    /// The text with `<1: LABEL>` in place of the first block, and so on.
    rest: String,
    blocks: Vec<Block>,
}

struct Block {
    label: String,
    /// The lines between the marks, without the line break behind the last.
    body: String,
}

impl Text {
    fn of(text: &str) -> Self {
        let (mut rest, mut blocks) = (String::new(), Vec::new());
        let mut from = text;
        while let Some(at) = from.find(BEGIN) {
            rest.push_str(&from[..at]);
            let (label, behind) = from[at + BEGIN.len()..].split_once("-----").expect("a whole mark");
            let (body, behind) = behind.split_once(&format!("-----END {label}-----")).expect("an end");
            let body = body.replace("\\n", "\n").trim_matches('\n').to_owned();
            blocks.push(Block { label: label.to_owned(), body });
            write!(rest, "<{}: {label}>", blocks.len()).unwrap();
            from = behind;
        }
        rest.push_str(from);
        Self { rest, blocks }
    }
}

impl Block {
    /// Says so where the block is not in lines of 64.
    fn layout(&self) -> &'static str {
        let lines: Vec<_> = self.body.lines().collect();
        let (last, whole) = lines.split_last().expect("a block with something in it");
        let usual = whole.iter().all(|l| l.len() == 64) && (1..=64).contains(&last.len());
        if usual { "" } else { "(not in lines of 64) " }
    }
}

/// One line of `openssl asn1parse`.
struct Node {
    depth: usize,
    constructed: bool,
    kind: String,
    value: String,
    bytes: Vec<u8>,
}

impl Node {
    /// `   47:d=4  hl=2 l=   9 prim: OBJECT            :commonName`
    fn read(line: &str, der: &[u8]) -> Self {
        let number = |label: &str| -> usize {
            let behind = line.split_once(label).unwrap_or_else(|| panic!("no {label} in {line}")).1;
            behind.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        };
        let offset: usize = line.split_once(':').unwrap().0.trim().parse().unwrap();
        let (constructed, about) = match line.split_once("cons: ") {
            Some((_, about)) => (true, about),
            None => (false, line.split_once("prim: ").expect("one of the two").1),
        };
        let (kind, value) = about.split_once(':').unwrap_or((about, ""));
        let kind = kind.trim().trim_end_matches("[HEX DUMP]").trim().to_owned();
        let start = offset + number(" hl=");
        let bytes = der[start..start + number(" l=")].to_vec();
        let value = if kind.starts_with("cont") && !constructed { shown(&bytes) } else { value.to_owned() };
        Self { depth: number(":d="), constructed, kind, value, bytes }
    }
}

/// The nodes as an indented tree, with short structures on one line.
fn tree(nodes: &[Node]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        let below = nodes[at + 1..].iter().take_while(|n| n.depth > node.depth).count();
        let line = on_one_line(&nodes[at..=at + below]);
        let whole = line.len() <= WIDTH || !node.constructed;
        let line = if whole { &line } else { &node.kind };
        writeln!(text, "{:indent$}{line}", "", indent = 2 * node.depth + 2).unwrap();
        at += if whole { below + 1 } else { 1 };
    }
    text
}

/// The first node with everything below it.
fn on_one_line(nodes: &[Node]) -> String {
    let node = &nodes[0];
    if !node.constructed {
        return format!("{} {}", node.kind, node.value).trim_end().to_owned();
    }
    let mut parts = Vec::new();
    let mut at = 1;
    while let Some(child) = nodes.get(at) {
        let below = nodes[at + 1..].iter().take_while(|n| n.depth > child.depth).count();
        parts.push(on_one_line(&nodes[at..=at + below]));
        at += below + 1;
    }
    format!("{} {{{}}}", node.kind, parts.join(", "))
}

/// Its number among those seen, from 1.
fn place(seen: &mut Vec<Vec<u8>>, wanted: &[u8]) -> usize {
    let found = seen.iter().position(|s| s == wanted);
    found.unwrap_or_else(|| {
        seen.push(wanted.to_vec());
        seen.len() - 1
    }) + 1
}

/// Hexadecimal, with runs of plain characters as they are.
fn shown(bytes: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_graphic() && *b != b'"' || *b == b' ';
    let mut text = String::new();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|b| plain(b)).count();
        // A tag and a length may look like letters, so a run has to be long enough to be a word.
        if run >= 4 {
            write!(text, "\"{}\"", String::from_utf8_lossy(&rest[..run])).unwrap();
            rest = &rest[run..];
        } else {
            write!(text, "{first:02X}").unwrap();
            rest = &rest[1..];
        }
    }
    text
}

/// Serial numbers are random, and the only long integers in what is signed.
fn integer(hexadecimal: &str) -> String {
    let (sign, digits) = match hexadecimal.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", hexadecimal),
    };
    let size = match digits.len() {
        0..=8 => return hexadecimal.to_owned(),
        9..=16 => "at most 8",
        17..=40 => "at most 20",
        _ => "more than 20",
    };
    format!("{sign}<random, {size} bytes>")
}

/// The first time is told as the distance from now, in steps of five minutes because cfssl rounds to the
/// minute, or as it is when it is far away; all others as the distance from the first.
fn time(text: &str, start: &mut Option<i64>) -> String {
    let seconds = seconds(text);
    match start {
        Some(start) => format!("{} s after the first", seconds - *start),
        None => {
            *start = Some(seconds);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed();
            let distance = seconds - now;
            if distance.abs() > 7 * 86_400 {
                return text.to_owned();
            }
            format!("{} min from now", (distance + 150).div_euclid(300) * 5)
        }
    }
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` in seconds since 1970.
fn seconds(text: &str) -> i64 {
    let digits = text.strip_suffix('Z').unwrap_or_else(|| panic!("a time without Z: {text}"));
    let (year, rest) = digits.split_at(digits.len() - 10);
    let two = |at: usize| rest[at..at + 2].parse::<i64>().unwrap();
    let year = match (year.len(), year.parse::<i64>().unwrap()) {
        (2, year @ 0..50) => 2000 + year,
        (2, year) => 1900 + year,
        (_, year) => year,
    };
    // Years begin in March here, so that the leap day is the last.
    let (month, day) = (two(0), two(2));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    ((days * 24 + two(4)) * 60 + two(6)) * 60 + two(8)
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let values: Vec<_> = text.bytes().filter_map(value).collect();
    let mut bytes = Vec::new();
    for group in values.chunks(4) {
        let bits = (0..4).fold(0_u32, |bits, i| bits << 6 | u32::from(group.get(i).copied().unwrap_or(0)));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}
