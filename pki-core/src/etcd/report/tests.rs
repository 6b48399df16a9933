#![allow(clippy::unwrap_used)]

use super::escape::{Styled, label, markup, shortened};
use super::graph::{Graph, Width, svg};
use super::mermaid::flowchart;
use crate::etcd::check::ConnectionKind;
use crate::etcd::check::verify::{Accepted, Access, PortCaller, PortTrust};
use proptest::prelude::*;

fn ports(names: &[String], authority: &str) -> Vec<PortTrust> {
    let port = |name: &String, kind| PortTrust {
        member: name.clone(),
        kind,
        accepts: Accepted::Authorities(vec![authority.to_owned()]),
        callers: vec![PortCaller { name: format!("client {name}"), access: Access::Fails }],
    };
    let kinds = [ConnectionKind::Client, ConnectionKind::Peer];
    kinds.iter().flat_map(|kind| names.iter().map(|name| port(name, *kind))).collect()
}

/// The boxes of an SVG: x, y, width, height.
fn boxes(svg: &str) -> Vec<[i32; 4]> {
    let number = |tag: &str, name: &str| -> i32 {
        let rest = tag.split(&format!(" {name}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    svg.split("<rect class=\"box\"")
        .skip(1)
        .map(|tag| [number(tag, "x"), number(tag, "y"), number(tag, "width"), number(tag, "height")])
        .collect()
}

#[test]
fn boxes_never_overlap_and_stay_in_the_picture() {
    for size in 1..=9 {
        let names: Vec<String> = (0..size).map(|at| format!("etcd{at}.{}", "long".repeat(20))).collect();
        let ports = ports(&names, &"CN=a".repeat(60));
        for width in [Width::Wide, Width::Narrow] {
            let svg = svg(&Graph::new(ports.iter()), width, Styled::Alone);
            let boxes = boxes(&svg);
            assert!(boxes.len() > 2);
            for (at, [x, y, w, h]) in boxes.iter().enumerate() {
                assert!(*x >= 0 && *y >= 0 && x + w <= width.pixels());
                for [x2, y2, w2, h2] in boxes.iter().skip(at + 1) {
                    let apart = x + w <= *x2 || x2 + w2 <= *x || y + h <= *y2 || y2 + h2 <= *y;
                    assert!(apart, "{size} members, {width:?}: boxes overlap");
                }
            }
        }
    }
}

#[test]
fn ports_that_are_alike_are_one_box() {
    let mut ports = ports(&["a".to_owned(), "b".to_owned()], "CN=ca");
    for port in &mut ports {
        port.callers = vec![PortCaller { name: "client root".to_owned(), access: Access::Intended }];
    }
    let graph = Graph::new(ports.iter());
    assert_eq!(graph.ports.len(), 2);
    assert_eq!(graph.authorities, ["CN=ca"]);
    assert_eq!(graph.callers, [["client root"]]);
    let text = flowchart(&graph);
    assert!(text.contains("p0[\"client port of<br>a<br>b\"]"), "{text}");
}

#[test]
fn a_port_that_nobody_dials_says_so() {
    let mut ports = ports(&["a".to_owned()], "CN=ca");
    let svg = |ports: &[PortTrust]| svg(&Graph::new(ports.iter()), Width::Narrow, Styled::Alone);
    assert!(!svg(&ports).contains("nobody"));
    ports.iter_mut().for_each(|port| port.callers.clear());
    assert!(svg(&ports).contains("nobody"));
}

#[test]
fn names_stay_text() {
    let names = ["<script>alert(1)</script>".to_owned(), "\"];A-->B".to_owned()];
    let graph_of = ports(&names, "CN=</text><script>");
    let graph = Graph::new(graph_of.iter());
    let picture = svg(&graph, Width::Wide, Styled::InPage);
    assert!(!picture.contains("<script") && picture.contains("&lt;script&gt;"), "{picture}");
    let chart = flowchart(&graph);
    assert!(!chart.contains("A-->B") && !chart.contains("<script"), "{chart}");
}

proptest! {
    #[test]
    fn markup_has_nothing_that_markup_reads(text in any::<String>()) {
        let escaped = markup(&text);
        let is_read = escaped.contains(['<', '>', '"', '\'', '\n', '\u{202e}']);
        prop_assert!(!is_read);
        let plain = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
        let plain = plain.replace("&amp;", "&");
        prop_assert!(plain.chars().count() >= text.chars().count());
    }

    #[test]
    fn labels_have_nothing_that_mermaid_reads(text in any::<String>()) {
        let escaped = label(&text);
        prop_assert!(escaped.chars().all(|c| c.is_ascii_alphanumeric() || " .,-_=#;?".contains(c)));
        prop_assert!(!escaped.contains('"'));
    }

    #[test]
    fn shortened_text_fits(text in any::<String>(), cells in 2_usize..60) {
        let width: usize = shortened(&text, cells).chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        prop_assert!(width <= cells);
    }
}
