//! `etcdpki explain` as a process: while its input goes on, and what it counts.

// A failure of these is an error in this test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes on a machine that does other work too.
const PATIENCE: Duration = Duration::from_secs(120);

const REFUSED: &str = r#"{"level":"warn","caller":"rafthttp/probing_status.go:68","msg":"prober detected unhealthy status","error":"dial tcp 10.0.0.2:2380: connect: connection refused"}"#;
const NO_AUTHORITY: &str = "remote error: tls: unknown certificate authority";

fn explain(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_etcdpki"))
        .arg("explain")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn explained(arguments: &[&str], input: &str) -> Output {
    let mut child = explain(arguments);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The lines of an explanation, up to the empty one behind it.
fn next_explanation(lines: &Receiver<String>) -> Vec<String> {
    let next = || lines.recv_timeout(PATIENCE).expect("an answer while the input goes on");
    std::iter::repeat_with(next).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn answers_come_while_the_input_goes_on() {
    let mut child = explain(&["-"]);
    let mut input = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    let reader = thread::spawn(move || output.lines().try_for_each(|line| sender.send(line.unwrap())));

    writeln!(input, "all is well\n{REFUSED}").unwrap();
    let first = next_explanation(&lines);
    assert_eq!(first[0], REFUSED);
    assert!(first.contains(&"  number: L514".to_owned()), "{first:?}");
    // A kind that was explained is only counted.
    writeln!(input, "{REFUSED}\n{REFUSED}\n{NO_AUTHORITY}").unwrap();
    let second = next_explanation(&lines);
    assert_eq!(second[0], NO_AUTHORITY);
    drop(input);
    let rest: Vec<String> = lines.iter().collect();
    assert_eq!(rest.len(), 3, "{rest:?}");
    assert!(rest[1].trim_start().starts_with("3  L514"), "{rest:?}");
    assert!(rest[2].trim_start().starts_with("1  L102"), "{rest:?}");
    assert!(child.wait().unwrap().success());
    reader.join().unwrap().unwrap();
}

#[test]
fn nothing_is_counted_if_every_line_came_once() {
    let output = explained(&["-"], &format!("{REFUSED}\n{NO_AUTHORITY}\n"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("number: L102") && !text.contains("How many"), "{text}");
    assert_eq!(explained(&["-"], "all is well\n").status.code(), Some(1));
}

#[test]
fn json_has_the_numbers_and_the_counts() {
    let output = explained(&["--json", "-"], &format!("{REFUSED}\n{NO_AUTHORITY}\n{REFUSED}\n"));
    let items: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let of = |key: &str| items.iter().map(|item| item[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("id"), ["L514", "L102"]);
    assert_eq!(of("lines"), [2, 1]);
    assert_eq!(of("said_by"), ["client", "client"]);
}

#[test]
fn numbers_are_explained() {
    let output = explained(&["l514", "E501"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("  connection refused\n") && text.contains("error E501: "),
        "{text}"
    );
    assert_eq!(explained(&["L514", "L000"], "").status.code(), Some(1));
    let output = explained(&["--json", "L514", "E501"], "");
    let items: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&items[0]["id"], items.len()), (&"L514".into(), 2));
}
