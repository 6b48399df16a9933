//! The graph as a flowchart of Mermaid.

use crate::etcd::report::escape::label;
use crate::etcd::report::graph::{Graph, lines, sign};

/// The flowchart. Its names are quoted labels, and its nodes have numbers.
pub(crate) fn flowchart(graph: &Graph) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (at, names) in graph.callers.iter().enumerate() {
        text += &format!("  d{at}[\"{}\"]\n", joined(names));
    }
    for (at, (title, members)) in graph.ports.iter().enumerate() {
        text += &format!("  p{at}[\"{title} of<br>{}\"]\n", joined(members));
    }
    for (at, name) in graph.authorities.iter().enumerate() {
        text += &format!("  c{at}([\"{}\"])\n", label(name));
    }
    for (from, to, access) in &graph.opens {
        text += &format!("  d{from} -->|\"{}\"| p{to}\n", sign(*access).2);
    }
    for (from, to) in &graph.trusts {
        text += &format!("  p{from} -.->|\"trusts\"| c{to}\n");
    }
    text
}

fn joined(names: &[String]) -> String {
    lines(names).iter().map(|name| label(name)).collect::<Vec<_>>().join("<br>")
}
