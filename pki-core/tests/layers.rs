//! The layers of the library: a room (a module with a purpose) imports only from the rooms below it, and no two files
//! import each other. Both are checked by reading the `use` lines of the source.
//!
//! The unit tests in the files are left out, since they may import anything.

// A failure of these is an error in this test.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms from which it may import. A change here is a change of the design (docs/design.md).
#[rustfmt::skip] // One line a room.
const ROOMS: [(&str, &[&str]); 22] = [
    ("base", &[]),
    ("go", &["base"]),
    ("x509", &["base"]),
    ("disk", &["base"]),
    ("tls", &["base", "x509"]),
    ("cfssl", &["base", "go", "x509"]),
    // The files directly in `etcd`: errors, notices and re-exports.
    ("etcd", &["base", "go", "x509", "cfssl", "disk", "etcd::safe"]),
    ("etcd::safe", &["base", "go"]),
    ("etcd::option", &["base", "go", "etcd", "etcd::safe"]),
    ("etcd::cluster", &["base", "x509", "etcd", "etcd::safe", "etcd::option"]),
    ("etcd::describe", &["base", "go", "x509", "etcd", "etcd::safe", "etcd::option", "etcd::cluster"]),
    ("etcd::folder", &["base", "x509", "disk", "etcd", "etcd::safe", "etcd::cluster"]),
    ("etcd::render", &["base", "go", "etcd", "etcd::safe", "etcd::option", "etcd::cluster", "etcd::folder"]),
    ("etcd::plan", &["base", "x509", "cfssl", "etcd", "etcd::safe", "etcd::option", "etcd::cluster", "etcd::folder", "etcd::render"]),
    ("etcd::found", &["base", "go", "x509", "cfssl", "etcd", "etcd::safe", "etcd::option", "etcd::cluster", "etcd::folder"]),
    ("etcd::start", &["base", "go", "etcd", "etcd::safe", "etcd::option", "etcd::found"]),
    ("etcd::live", &["base", "tls"]),
    ("etcd::check", &["base", "go", "x509", "cfssl", "tls", "etcd", "etcd::safe", "etcd::option", "etcd::cluster", "etcd::folder", "etcd::found", "etcd::start", "etcd::live"]),
    ("etcd::operate", &["x509", "disk", "etcd", "etcd::safe", "etcd::option", "etcd::cluster", "etcd::folder", "etcd::render", "etcd::plan", "etcd::found", "etcd::check"]),
    ("etcd::export", &["base", "x509", "etcd", "etcd::safe", "etcd::cluster", "etcd::folder"]),
    ("etcd::report", &["base", "etcd", "etcd::cluster", "etcd::folder", "etcd::found", "etcd::check"]),
    ("etcd::import", &["base", "go", "x509", "cfssl", "etcd", "etcd::safe", "etcd::option", "etcd::cluster", "etcd::describe", "etcd::render", "etcd::found", "etcd::check"]),
];

/// The imports of one file.
#[derive(Default)]
struct Module {
    /// The names that it re-exports, and their paths.
    re_exports: BTreeMap<String, String>,
    /// The paths that it uses.
    uses: BTreeSet<String>,
}

type Modules = BTreeMap<String, Module>;

#[test]
fn rooms_import_only_from_rooms_below() {
    let modules = modules(&source());
    let wrong = upward(&edges(&modules));
    assert!(wrong.is_empty(), "imports that no line of ROOMS allows:\n{}", wrong.join("\n"));
}

#[test]
fn no_two_files_import_each_other() {
    let cycles = cycles(&edges(&modules(&source())));
    assert!(cycles.is_empty(), "files that import each other in a cycle:\n{}", cycles.join("\n"));
}

#[test]
fn an_upward_import_and_a_cycle_are_found() {
    let planted = |text: &str| {
        let mut modules = modules(&source());
        read("x509::pem", text, &mut modules);
        edges(&modules)
    };
    assert_eq!(upward(&planted("use crate::cfssl::Config;\n")), ["x509::pem -> cfssl::config"]);
    let cycles = cycles(&planted("use crate::x509::csr::CertificateRequest;\n"));
    assert!(cycles.concat().contains("x509::csr") && cycles.concat().contains("x509::pem"), "{cycles:?}");
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All modules of the library by their paths, as in `x509::key`.
fn modules(source: &Path) -> Modules {
    let mut modules = Modules::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(source).unwrap().with_extension("");
                let parts: Vec<_> = relative.iter().map(|part| part.to_str().unwrap()).collect();
                if parts != ["lib"] && !parts.contains(&"tests") {
                    read(&parts.join("::"), &fs::read_to_string(&path).unwrap(), &mut modules);
                }
            }
        }
    }
    modules
}

/// Reads the imports and re-exports in `text`, which is the source of `module`.
fn read(module: &str, text: &str, modules: &mut Modules) {
    let code: String = text
        .lines()
        .take_while(|line| !line.ends_with("mod tests {"))
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{}\n", line.split(" // ").next().unwrap_or_default()))
        .collect();
    let entry = modules.entry(module.to_owned()).or_default();
    let mut rest = code.as_str();
    while let Some(start) = rest.find("use ") {
        let before = &rest[..start];
        let line = before.rsplit('\n').next().unwrap_or_default();
        rest = &rest[start + 4..];
        let is_public = line.trim_start().starts_with("pub");
        if !line.trim().is_empty() && !is_public {
            continue;
        }
        let end = rest.find(';').unwrap_or(rest.len());
        for leaf in leaves(&rest[..end].split_whitespace().collect::<Vec<_>>().join(" ")) {
            let (path, name) = leaf.split_once(" as ").unwrap_or((&leaf, ""));
            let Some(path) = absolute(module, path) else { continue };
            let name = if name.is_empty() { path.rsplit("::").next().unwrap_or_default() } else { name };
            if is_public {
                entry.re_exports.insert(name.to_owned(), path);
            } else {
                entry.uses.insert(path);
            }
        }
        rest = &rest[end..];
    }
    // Paths that are written in full where they are used.
    for (start, _) in code.match_indices("crate::") {
        let path: String =
            code[start..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
        entry.uses.extend(absolute(module, path.trim_end_matches(':')));
    }
}

/// Expands a `use` tree: `a::{b, c::{d, e}}` becomes `a::b`, `a::c::d` and `a::c::e`.
fn leaves(tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else { return vec![tree.trim().to_owned()] };
    let (prefix, inner) = (&tree[..open], &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())]);
    let (mut depth, mut item, mut all) = (0, String::new(), Vec::new());
    for c in inner.chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !item.trim().is_empty() {
                    all.extend(leaves(item.trim()).into_iter().map(|leaf| format!("{prefix}{leaf}")));
                }
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    all
}

/// Makes a path absolute, without `crate::`. `None` for a path into another crate.
fn absolute(module: &str, path: &str) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut parts = path.trim_end_matches("::self").split("::").peekable();
    match parts.peek() {
        Some(&"crate") => {
            parts.next();
            base.clear();
        }
        Some(&"self") => drop(parts.next()),
        Some(&"super") => {
            while parts.next_if(|part| *part == "super").is_some() {
                base.pop();
            }
        }
        // A child of this module, or another crate.
        Some(first) if source().join(module.replace("::", "/")).join(format!("{first}.rs")).exists() => {}
        _ => return None,
    }
    base.extend(parts.filter(|part| *part != "*"));
    Some(base.join("::"))
}

/// The module that defines the item at `path`, found through up to `depth` re-exports.
fn defined_in(modules: &Modules, path: &str, depth: usize) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    let known =
        (1..=parts.len()).rev().map(|end| parts[..end].join("::")).find(|path| modules.contains_key(path))?;
    let name = parts.get(known.split("::").count())?;
    match modules[&known].re_exports.get(*name) {
        Some(given) if depth > 0 => defined_in(modules, given, depth - 1).or(Some(known)),
        _ => Some(known),
    }
}

/// All pairs of files of which the first imports from the second.
fn edges(modules: &Modules) -> BTreeSet<(String, String)> {
    let mut edges = BTreeSet::new();
    for (module, Module { uses, .. }) in modules {
        for path in uses {
            let target = match modules.contains_key(path) {
                true => Some(path.clone()),
                false => defined_in(modules, path, 8),
            };
            edges.extend(target.filter(|target| target != module).map(|target| (module.clone(), target)));
        }
    }
    edges
}

fn room(module: &str) -> &str {
    let rooms = ROOMS.iter().map(|(room, _)| *room);
    let within = |room: &&str| module == *room || module.starts_with(&format!("{room}::"));
    rooms.filter(within).max_by_key(|room| room.len()).unwrap_or("?")
}

/// The imports that [`ROOMS`] does not allow.
fn upward(edges: &BTreeSet<(String, String)>) -> Vec<String> {
    let allowed = |from: &str, to: &str| {
        from == to || ROOMS.iter().any(|(room, knows)| *room == from && knows.contains(&to))
    };
    let wrong = edges.iter().filter(|(from, to)| !allowed(room(from), room(to)));
    wrong.map(|(from, to)| format!("{from} -> {to}")).collect()
}

/// The sets of files that import each other, directly or through others.
fn cycles(edges: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in edges {
        reach.entry(from).or_default().insert(to);
    }
    loop {
        let mut grown = reach.clone();
        for (from, to) in &reach {
            let further = to.iter().filter_map(|next| reach.get(next)).flatten().copied();
            grown.get_mut(from).unwrap().extend(further);
        }
        if grown == reach {
            break;
        }
        reach = grown;
    }
    let needs = |from: &str, to: &str| reach.get(from).is_some_and(|all| all.contains(to));
    let mut cycles = BTreeSet::new();
    for from in reach.keys().filter(|from| needs(from, from)) {
        let cycle: Vec<_> = reach.keys().copied().filter(|to| needs(from, to) && needs(to, from)).collect();
        cycles.insert(cycle.join(", "));
    }
    cycles.into_iter().collect()
}
