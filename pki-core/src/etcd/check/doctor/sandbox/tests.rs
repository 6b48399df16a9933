//! What a unit sees, as `fixtures/systemd/sandbox.txt` has it. The suite asks a real systemd the same.

use super::*;
use crate::etcd::found::UnitFile;

fn sandbox(lines: &str) -> Sandbox {
    let text = format!("[Service]\n{}\n", lines.replace("; ", "\n"));
    Sandbox::of(&Unit::new(
        "etcd.service",
        Some(UnitFile::parse(&text, Path::new("etcd.service"))),
        Vec::new(),
    ))
}

#[test]
fn a_unit_sees_what_systemd_lets_it_see() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/systemd/sandbox.txt");
    for line in std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let [path, lines, expected] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
        let view = sandbox(lines).view(path).unwrap_or_else(View::of_host);
        let letter = |is: bool, letter| if is { letter } else { "" };
        // A folder that is not seen is no folder to write to, unless it is itself the empty one.
        let found = [
            letter(view.is_seen, "s"),
            letter(view.is_writable, "w"),
            letter(view.is_writable && !view.is_fleeting, "l"),
        ];
        if found.concat() != expected {
            wrong.push(format!("{line}: {}", found.concat()));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 60, "{count}");
}

#[test]
fn programs_run_where_they_may() {
    for (lines, expected) in [
        ("NoExecPaths=/", false),
        ("NoExecPaths=/srv", true),
        ("NoExecPaths=/; ExecPaths=/usr", true),
        ("NoExecPaths=/; ExecPaths=/usr/bin/etcd -/usr/lib", true),
        ("NoExecPaths=/usr/bin; ExecPaths=/usr", false),
        ("NoExecPaths=/usr/bin/etcd; ExecPaths=/usr/bin/etcd", false),
        ("NoExecPaths=/; NoExecPaths=", true),
        ("ExecPaths=/usr", true),
    ] {
        assert_eq!(sandbox(lines).may_run("/usr/bin/etcd"), expected, "{lines}");
    }
}
