//! The graph: who can reach which port, and which CA the port trusts. Ports that are alike are one box.

use crate::etcd::check::ConnectionKind;
use crate::etcd::check::verify::{Accepted, Access, PortCaller, PortTrust};
use crate::etcd::report::escape::{Styled, svg_begin, svg_text};

/// Whether a picture is for a wide window or for a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Wide,
    Narrow,
}

impl Width {
    pub(crate) fn pixels(self) -> i32 {
        if self == Self::Wide { 900 } else { 320 }
    }
}

/// Boxes, and what connects them, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Those who dial.
    pub(crate) callers: Vec<Vec<String>>,
    /// Ports: their kind, and the members that have them.
    pub(crate) ports: Vec<(&'static str, Vec<String>)>,
    /// CAs.
    pub(crate) authorities: Vec<String>,
    pub(crate) opens: Vec<(usize, usize, Access)>,
    pub(crate) trusts: Vec<(usize, usize)>,
}

/// The ports that somebody dials, by their numbers.
type Opens = Vec<(usize, Access)>;

impl Graph {
    pub(crate) fn new<'a>(ports: impl Iterator<Item = &'a PortTrust>) -> Self {
        let mut groups: Vec<(&PortTrust, Vec<String>)> = Vec::new();
        for port in ports {
            let is_alike = |other: &PortTrust| {
                other.kind == port.kind && other.accepts == port.accepts && other.callers == port.callers
            };
            match groups.iter_mut().find(|(first, _)| is_alike(first)) {
                Some((_, members)) => members.push(port.member.clone()),
                None => groups.push((port, vec![port.member.clone()])),
            }
        }
        groups.sort_by_key(|(port, _)| port.kind != ConnectionKind::Client);
        let mut graph = Self::default();
        let mut callers: Vec<(String, Opens)> = Vec::new();
        for (at, (port, members)) in groups.into_iter().enumerate() {
            let title = if port.kind == ConnectionKind::Peer { "peer port" } else { "client port" };
            graph.ports.push((title, members));
            for PortCaller { name, access, .. } in &port.callers {
                match callers.iter_mut().find(|(other, _)| other == name) {
                    Some((_, opens)) => opens.push((at, *access)),
                    None => callers.push((name.clone(), vec![(at, *access)])),
                }
            }
            for authority in accepted(&port.accepts) {
                let known = graph.authorities.iter().position(|known| *known == authority);
                let number = known.unwrap_or(graph.authorities.len());
                if known.is_none() {
                    graph.authorities.push(authority);
                }
                graph.trusts.push((at, number));
            }
        }
        let mut kinds: Vec<(Opens, Vec<String>)> = Vec::new();
        for (name, opens) in callers {
            match kinds.iter_mut().find(|(other, _)| *other == opens) {
                Some((_, names)) => names.push(name),
                None => kinds.push((opens, vec![name])),
            }
        }
        for (number, (opens, names)) in kinds.into_iter().enumerate() {
            graph.opens.extend(opens.into_iter().map(|(port, access)| (number, port, access)));
            graph.callers.push(names);
        }
        graph
    }
}

/// The lines of a CA: its common name, which tells CAs apart, and its whole subject.
fn authority(subject: &str) -> Vec<String> {
    match subject.rsplit_once(", CN=") {
        Some((_, name)) => vec![format!("CN={name}"), subject.to_owned()],
        None => vec![subject.to_owned()],
    }
}

fn accepted(accepts: &Accepted) -> Vec<String> {
    match accepts {
        Accepted::DoesNotStart => vec!["nobody: it does not start".to_owned()],
        Accepted::NoTls => vec!["no TLS: anybody".to_owned()],
        Accepted::Anybody => vec!["no certificate is asked for".to_owned()],
        Accepted::System => vec!["CAs of the operating system".to_owned()],
        Accepted::Authorities(subjects) if subjects.is_empty() => vec!["no CA".to_owned()],
        Accepted::Authorities(subjects) => subjects.clone(),
    }
}

/// The sign, the class and the words for how a connection ends. Colour is never the only sign.
pub(crate) fn sign(access: Access) -> (&'static str, &'static str, &'static str) {
    match access {
        Access::Intended => ("", "intended", "connects"),
        Access::Allowed => ("~", "warn", "allowed by the layout"),
        Access::Forbidden => ("!", "bad", "connects and must not"),
        Access::Depends => ("?", "warn", "depends on what the files do not tell"),
        Access::Fails => ("×", "bad", "fails"),
    }
}

fn edge_class(access: Access) -> &'static str {
    match access {
        Access::Intended => "edge",
        Access::Allowed => "edge allowed",
        Access::Forbidden => "edge forbidden",
        Access::Depends => "edge depends",
        Access::Fails => "edge fails",
    }
}

/// The most names in one box.
const MOST_NAMES: usize = 12;

/// The names of a box: the first of them, and how many more there are.
pub(crate) fn lines(names: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = names.iter().take(MOST_NAMES).cloned().collect();
    if let more @ 1.. = names.len().saturating_sub(MOST_NAMES) {
        shown.push(format!("and {more} more"));
    }
    shown
}

const LINE: i32 = 20;
const PAD: i32 = 12;
const BOX: i32 = 250;
const GAP: i32 = 75;
/// A letter of the font, which is 13 pixels high, with some room to spare.
const CELL: i32 = 8;

fn cells(pixels: i32) -> usize {
    usize::try_from((pixels - 2 * PAD) / CELL).unwrap_or_default()
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX / 1000).min(100_000)
}

/// A box with a heading.
struct Shape {
    heading: String,
    lines: Vec<String>,
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

impl Shape {
    fn new(heading: &str, lines: Vec<String>, edges: usize) -> Self {
        let height = PAD + LINE * (count(lines.len()) + 1) + PAD / 2;
        let height = height.max((count(edges) + 1) * 18);
        Self { heading: heading.to_owned(), lines, x: 0, y: 0, width: BOX, height }
    }

    fn draw(&self) -> String {
        let Self { x, y, width, height, .. } = *self;
        let mut svg = format!(
            "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n"
        );
        let cells = cells(width);
        svg += &svg_text(x + PAD, y + LINE, "head", &self.heading, cells);
        for (at, line) in self.lines.iter().enumerate() {
            svg += &svg_text(x + PAD, y + LINE * (count(at) + 2), "name", line, cells);
        }
        svg
    }

    /// The height at which the edge `at` of `all` meets the box.
    fn meets(&self, at: usize, all: usize) -> i32 {
        self.y + self.height * (count(at) + 1) / (count(all) + 1)
    }
}

/// Sets boxes below each other, in the middle of a column.
fn stack(column: &mut [Shape], x: i32, height: i32) {
    let all = total(column);
    let mut y = 30 + (height - all) / 2;
    for shape in column {
        (shape.x, shape.y) = (x, y);
        y += shape.height + LINE;
    }
}

fn total(column: &[Shape]) -> i32 {
    column.iter().map(|shape| shape.height + LINE).sum()
}

/// The graph as SVG.
pub(crate) fn svg(graph: &Graph, width: Width, styled: Styled) -> String {
    if width == Width::Wide { wide(graph, styled) } else { narrow(graph, styled) }
}

const TITLE: &str = "Who can reach which port, and which CA each port trusts";

fn wide(graph: &Graph, styled: Styled) -> String {
    let of_caller = |at| graph.opens.iter().filter(move |(caller, ..)| *caller == at).count();
    let of_port = |at| graph.opens.iter().filter(move |(_, port, _)| *port == at).count();
    let trusts = |at| graph.trusts.iter().filter(move |(port, _)| *port == at).count();
    let trusted = |at| graph.trusts.iter().filter(move |(_, ca)| *ca == at).count();
    let callers = graph.callers.iter().enumerate();
    let mut callers: Vec<Shape> =
        callers.map(|(at, names)| Shape::new("Who dials", lines(names), of_caller(at))).collect();
    let ports = graph.ports.iter().enumerate();
    let mut ports: Vec<Shape> = ports
        .map(|(at, (title, members))| {
            Shape::new(&format!("{title} of"), lines(members), of_port(at).max(trusts(at)))
        })
        .collect();
    let authorities = graph.authorities.iter().enumerate();
    let mut authorities: Vec<Shape> =
        authorities.map(|(at, name)| Shape::new("CA", authority(name), trusted(at))).collect();
    let height = total(&callers).max(total(&ports)).max(total(&authorities));
    let columns = [0, BOX + GAP, 2 * (BOX + GAP)];
    for (column, x) in [&mut callers, &mut ports, &mut authorities].into_iter().zip(columns) {
        stack(column, x, height);
    }
    let mut svg = svg_begin(Width::Wide.pixels(), height + 40, TITLE, styled);
    svg += &svg_text(BOX + GAP / 2, 18, "soft middle", "reaches", 9);
    svg += &svg_text(2 * BOX + GAP + GAP / 2, 18, "soft middle", "trusts", 9);
    let (mut left, mut entered) = (vec![0; callers.len()], vec![0; ports.len()]);
    for (from, to, access) in &graph.opens {
        let (Some(a), Some(b)) = (callers.get(*from), ports.get(*to)) else { continue };
        let y1 = a.meets(next(&mut left, *from), of_caller(*from));
        let y2 = b.meets(next(&mut entered, *to), of_port(*to));
        svg += &edge(a.x + a.width, y1, b.x, y2, edge_class(*access));
        let (text, class, words) = sign(*access);
        if !text.is_empty() {
            let x = a.x + a.width + 6;
            svg += &format!(
                "<text x=\"{x}\" y=\"{}\" class=\"{class}\">{text}<title>{words}</title></text>\n",
                y1 - 3
            );
        }
    }
    let (mut left, mut entered) = (vec![0; ports.len()], vec![0; authorities.len()]);
    for (from, to) in &graph.trusts {
        let (Some(a), Some(b)) = (ports.get(*from), authorities.get(*to)) else { continue };
        let y1 = a.meets(next(&mut left, *from), trusts(*from));
        let y2 = b.meets(next(&mut entered, *to), trusted(*to));
        svg += &edge(a.x + a.width, y1, b.x, y2, "edge trust");
    }
    svg.extend(callers.iter().chain(&ports).chain(&authorities).map(Shape::draw));
    svg + "</svg>\n"
}

fn next(counts: &mut [usize], at: usize) -> usize {
    let Some(count) = counts.get_mut(at) else { return 0 };
    *count += 1;
    *count - 1
}

/// A line that leaves a box at its right side and ends with an arrow at the left side of another.
fn edge(x1: i32, y1: i32, x2: i32, y2: i32, class: &str) -> String {
    let (middle, tip) = (i32::midpoint(x1, x2), x2 - 8);
    format!(
        "<path class=\"{class}\" d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {tip} {y2}\"/>\
         <path class=\"tip\" d=\"M{tip} {}L{x2} {y2}L{tip} {}Z\"/>\n",
        y2 - 4,
        y2 + 4
    )
}

/// A panel for each port: who reaches it, the port, the CAs.
fn narrow(graph: &Graph, styled: Styled) -> String {
    let width = Width::Narrow.pixels();
    let (mut y, mut drawn) = (4, String::new());
    for (at, (title, members)) in graph.ports.iter().enumerate() {
        let mut callers = Vec::new();
        for (caller, _, access) in graph.opens.iter().filter(|(_, port, _)| *port == at) {
            let (sign, ..) = sign(*access);
            let names = graph.callers.get(*caller).into_iter().flat_map(|names| lines(names));
            callers.extend(names.map(|name| format!("{sign} {name}").trim_start().to_owned()));
        }
        if callers.is_empty() {
            callers.push("nobody".to_owned());
        }
        let trusted = graph.trusts.iter().filter(|(port, _)| *port == at);
        let trusted = trusted
            .filter_map(|(_, ca)| graph.authorities.get(*ca))
            .flat_map(|name| authority(name))
            .collect();
        let panel = [
            Shape::new("Who dials", callers, 0),
            Shape::new(&format!("{title} of"), lines(members), 0),
            Shape::new("CA", trusted, 0),
        ];
        let words = ["reaches", "trusts"];
        for (place, mut shape) in panel.into_iter().enumerate() {
            (shape.x, shape.y, shape.width) = (1, y, width - 2);
            drawn += &shape.draw();
            y += shape.height;
            if let Some(word) = words.get(place) {
                let (x, class) = (width / 2, if place == 0 { "edge" } else { "edge trust" });
                drawn += &format!("<path class=\"{class}\" d=\"M{x} {y}V{}\"/>", y + 20);
                drawn +=
                    &format!("<path class=\"tip\" d=\"M{} {}H{}L{x} {}Z\"/>\n", x - 4, y + 20, x + 4, y + 28);
                drawn += &svg_text(x + PAD, y + 19, "soft", word, 9);
                y += 28;
            }
        }
        y += 2 * LINE;
    }
    svg_begin(width, y - LINE, TITLE, styled) + &drawn + "</svg>\n"
}
