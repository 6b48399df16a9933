//! The page: HTML that loads nothing, works offline and prints.

use time::OffsetDateTime;

use crate::base::place::date;
use crate::etcd::check::verify::{Link, Verification};
use crate::etcd::check::{Finding, Severity, groups};
use crate::etcd::found::Omission;
use crate::etcd::report::escape::{STYLE, Styled, markup};
use crate::etcd::report::graph::{self, Graph, Width};
use crate::etcd::report::judgement::{Judgement, open_things, sentence};
use crate::etcd::report::timeline::{self, day};
use crate::etcd::report::{ClusterReport, IssuedCertificate};

const PAGE_STYLE: &str = include_str!("page.css");

/// The most entries of the record that are shown.
const MOST_ISSUED: usize = 20;

/// The page about these clusters, made at `now`.
pub fn page(reports: &[ClusterReport], now: OffsetDateTime) -> String {
    let title = match reports {
        [one] => format!("etcd cluster {}", one.cluster()),
        many => format!("{} etcd clusters", many.len()),
    };
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n\
         <style>\n{STYLE}{PAGE_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n\
         <p class=\"note\">As of {1}, from the files of the output folder. No member was asked.</p>\n",
        markup(&title),
        date(now)
    );
    if reports.len() > 1 {
        html += &overview(reports);
    }
    for (number, report) in reports.iter().enumerate() {
        html += &cluster(report, number);
    }
    html + "</main>\n</body>\n</html>\n"
}

/// A row for each cluster.
fn overview(reports: &[ClusterReport]) -> String {
    let rows = reports.iter().enumerate().map(|(number, report)| {
        let (first, when) = match report.status.first_end() {
            Some((what, end)) => (what.to_owned(), day(end)),
            None => Default::default(),
        };
        let verdict = match report.verified.as_slice() {
            [] => "not verified".to_owned(),
            all => all.iter().map(|(verified, _)| verified.summary.as_str()).collect::<Vec<_>>().join("; "),
        };
        let (class, sign) = Judgement::of(report).shown();
        let verdict = format!("<span class=\"{class}\">{sign}</span> {}", markup(&verdict));
        let name = format!("<a href=\"#cluster-{number}\">{}</a>", markup(report.cluster()));
        let findings = report.findings.len().to_string();
        vec![name, markup(&first), when, findings, open_things(report).to_string(), verdict]
    });
    table(&["Cluster", "Ends first", "On", "Findings", "Not judged", "Verdict"], rows)
}

/// A table whose rows become blocks in a narrow window. The cells are markup.
fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut html = "<table class=\"stacked\">\n<thead><tr>".to_owned();
    for column in columns {
        html += &format!("<th scope=\"col\">{column}</th>");
    }
    html += "</tr></thead>\n<tbody>\n";
    for row in rows {
        html += "<tr>";
        for (column, cell) in columns.iter().zip(row) {
            html += &format!("<td data-name=\"{column}\">{cell}</td>");
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table>\n"
}

fn cluster(report: &ClusterReport, number: usize) -> String {
    let name = markup(report.cluster());
    let mut html = format!("<section id=\"cluster-{number}\">\n<h2>Cluster {name}</h2>\n");
    let judgement = Judgement::of(report);
    let (class, sign) = judgement.shown();
    html += &format!("<p class=\"verdict {class}\">{sign} {}.</p>\n", markup(&sentence(report)));
    for (verified, _) in &report.verified {
        html += &verdict(verified, judgement);
    }
    if let Some(reason) = &report.not_verified {
        html += &format!(
            "<p class=\"verdict warn\">? The connections could not be tried: {}</p>\n",
            markup(reason)
        );
    }
    let shown = Graph::new(report.ports());
    if !shown.ports.is_empty() {
        html += "<h3>Who trusts whom</h3>\n";
        html += &picture(|width| graph::svg(&shown, width, Styled::InPage));
        html += "<p class=\"note\">Full line: connects as it should. Dotted: the port trusts this CA. ~ allowed by the \
                 layout, ! connects and must not, ? depends on what the files do not tell, × fails.</p>\n";
    }
    html += "<h3>When everything ends</h3>\n";
    html += &picture(|width| timeline::svg(&report.status, width, Styled::InPage));
    html += "<p class=\"note\">Thin bar: valid. Thick bar: the time in which it should be renewed. ✓ valid, ↻ renewal is \
             due, … not valid yet, × ended, ! its file is missing or not as recorded. What reaches the right border may end later; its date is told.</p>\n";
    for (verified, _) in &report.verified {
        html += &mesh(verified);
    }
    html += &not_judged(report);
    html += &findings(report);
    html += &issued(&report.issued, report.status.now);
    html + "</section>\n"
}

fn picture(draw: impl Fn(Width) -> String) -> String {
    format!(
        "<figure>\n<div class=\"wide\">{}</div>\n<div class=\"narrow\">{}</div>\n</figure>\n",
        draw(Width::Wide),
        draw(Width::Narrow)
    )
}

/// What the handshakes showed. Its sign is not better than that of the whole, or a reader would stop there.
fn verdict(verified: &Verification, judgement: Judgement) -> String {
    let (class, sign) = judgement.max(Judgement::of_verified(verified)).shown();
    format!(
        "<p class=\"verdict {class}\">{sign} Verdict (etcd {}): {}.</p>\n",
        markup(&verified.etcd),
        markup(&verified.summary)
    )
}

/// Which member can dial which. The columns have the numbers of the rows.
fn mesh(verified: &Verification) -> String {
    if verified.members.len() < 2 {
        return String::new();
    }
    let mut html =
        "<h3>Which member can dial which</h3>\n<div class=\"mesh\" tabindex=\"0\" role=\"region\" \
                    aria-label=\"Which member can dial which\">\n<table>\n<tr><th scope=\"col\">from, to</th>"
            .to_owned();
    for (number, member) in verified.members.iter().enumerate() {
        html += &format!("<th scope=\"col\" title=\"{}\">{}</th>", markup(&member.name), number + 1);
    }
    html += "</tr>\n";
    for (number, (member, row)) in verified.members.iter().zip(&verified.mesh).enumerate() {
        html += &format!("<tr><th scope=\"row\">{} {}</th>", number + 1, markup(&member.name));
        for link in row {
            let (class, word) = match link {
                Link::Connects => ("good", "yes"),
                Link::Depends => ("warn", "perhaps"),
                Link::Fails => ("bad", "no"),
                Link::NotThere => ("bad", "does not start"),
                Link::Itself => ("", "–"),
            };
            html += &format!("<td class=\"{class}\">{word}</td>");
        }
        html += "</tr>\n";
    }
    html + "</table>\n</div>\n"
}

/// The most findings of one kind that are told one by one.
const MOST_ALIKE: usize = 8;

/// What could not be judged, and once what to do about those of one kind.
fn not_judged(report: &ClusterReport) -> String {
    if report.not_judged.is_empty() && report.not_examined.is_none() {
        return String::new();
    }
    let mut html = format!("<h3>What could not be judged ({})</h3>\n", open_things(report));
    if let Some(reason) = &report.not_examined {
        html += &format!("<p class=\"warn\">? The files could not be examined: {}</p>\n", markup(reason));
    }
    let mut rest: Vec<&Omission> = report.not_judged.iter().collect();
    while let Some(first) = rest.first().copied() {
        let (alike, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|other| other.remedy == first.remedy);
        html += "<div class=\"finding\">\n<ul>\n";
        for omission in alike.iter().take(MOST_ALIKE) {
            html += &format!("<li>{}</li>\n", markup(&omission.to_string()));
        }
        if let more @ 1.. = alike.len().saturating_sub(MOST_ALIKE) {
            html += &format!("<li>and {more} more</li>\n");
        }
        html += &format!("</ul>\n<p><strong>What to do:</strong> {}</p>\n</div>\n", markup(&first.remedy));
        rest = others;
    }
    html
}

fn findings(report: &ClusterReport) -> String {
    let findings: &[Finding] = &report.findings;
    let mut html = format!("<h3>Findings ({})</h3>\n", findings.len());
    if findings.is_empty() && Judgement::of(report) != Judgement::Right {
        return html
            + "<p class=\"warn\">? Nothing was found to be wrong, but not everything could be judged.</p>\n";
    }
    if findings.is_empty() {
        return html + "<p class=\"good\">✓ Nothing was found to be wrong.</p>\n";
    }
    for group in groups(findings) {
        let Some(first) = group.first() else { continue };
        let (class, word) = match first.severity {
            Severity::Error => ("bad", "× error"),
            Severity::Warning => ("warn", "! warning"),
            Severity::Notice => ("warn", "i notice"),
        };
        html += &format!(
            "<div class=\"finding\">\n<p><strong class=\"{class}\">{word} {}</strong> {}</p>\n<ul>\n",
            first.rule,
            markup(first.title)
        );
        for finding in group.iter().take(MOST_ALIKE) {
            let place = (!finding.place.is_unknown()).then(|| finding.place.to_string());
            let about: Vec<String> = place.into_iter().chain(finding.subject.clone()).collect();
            html += &format!("<li>{}: {}</li>\n", markup(&about.join(", ")), markup(&finding.problem));
        }
        if let more @ 1.. = group.len().saturating_sub(MOST_ALIKE) {
            html += &format!("<li>and {more} more</li>\n");
        }
        html += &format!(
            "</ul>\n<p>{}</p>\n<p><strong>What to do:</strong> {}</p>\n</div>\n",
            markup(&first.consequence),
            markup(&first.remedy)
        );
    }
    html
}

fn issued(issued: &[IssuedCertificate], now: OffsetDateTime) -> String {
    let rows = issued.iter().take(MOST_ISSUED).map(|one| {
        let state = match (one.is_former, one.ends < now) {
            (false, false) => "in use",
            (false, true) => "in use, ended",
            (true, false) => "replaced, valid until its end",
            (true, true) => "replaced, ended",
        };
        let serial = markup(&one.serial);
        vec![day(one.begins), markup(&one.certificate), day(one.ends), state.to_owned(), serial]
    });
    let mut html = "<h3>What was issued last</h3>\n".to_owned();
    html += &table(&["Valid from", "Certificate", "Ends", "State", "Serial number"], rows);
    if let more @ 1.. = issued.len().saturating_sub(MOST_ISSUED) {
        html += &format!("<p class=\"note\">The record has {more} more.</p>\n");
    }
    html
}
