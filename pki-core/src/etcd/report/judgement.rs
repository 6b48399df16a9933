//! The judgement of a cluster, which is never better than that of the worst check.

use crate::etcd::check::Severity;
use crate::etcd::check::verify::Verification;
use crate::etcd::report::ClusterReport;

/// What is to be thought of a cluster, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Judgement {
    /// Everything was judged, and nothing is wrong.
    Right,
    /// Nothing was found wrong, but something could not be judged.
    Open,
    /// There are warnings.
    Warned,
    /// Something is wrong.
    Wrong,
}

impl Judgement {
    /// Of everything that is told of a cluster.
    pub(crate) fn of(report: &ClusterReport) -> Self {
        let findings = report.findings.iter().map(|finding| match finding.severity {
            Severity::Error => Self::Wrong,
            Severity::Warning => Self::Warned,
            Severity::Notice => Self::Right,
        });
        let verified = report.verified.iter().map(|(verified, _)| Self::of_verified(verified));
        let is_open = open_things(report) > 0;
        findings.chain(verified).chain(is_open.then_some(Self::Open)).max().unwrap_or(Self::Right)
    }

    /// Of what the handshakes showed.
    pub(crate) fn of_verified(verified: &Verification) -> Self {
        let verdict = &verified.verdict;
        match verdict.forms && verdict.survives_any_one && verified.is_healthy() {
            false => Self::Wrong,
            true if !verified.is_certain() => Self::Open,
            true => Self::Right,
        }
    }

    /// The class of the page's style, and a sign that can be read without colours.
    pub(crate) fn shown(self) -> (&'static str, char) {
        match self {
            Self::Right => ("good", '✓'),
            Self::Open => ("warn", '?'),
            Self::Warned => ("warn", '!'),
            Self::Wrong => ("bad", '×'),
        }
    }
}

/// How many things could not be judged.
pub(crate) fn open_things(report: &ClusterReport) -> usize {
    let reasons = [&report.not_examined, &report.not_verified];
    report.not_judged.len() + reasons.iter().filter(|reason| reason.is_some()).count()
}

/// The judgement in one sentence.
pub(crate) fn sentence(report: &ClusterReport) -> String {
    let of = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let open = open_things(report);
    let counts = [
        (of(Severity::Error), "error", ""),
        (of(Severity::Warning), "warning", ""),
        (of(Severity::Notice), "notice", ""),
        (open, "thing", " that could not be judged"),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, what, more)| format!("{number} {what}{}{more}", if *number == 1 { "" } else { "s" }))
        .collect();
    match Judgement::of(report) {
        Judgement::Right if told.is_empty() => "Nothing is wrong".to_owned(),
        Judgement::Right => format!("Nothing is wrong; {}", told.join(", ")),
        Judgement::Open if open > 0 => format!("Nothing was found wrong, but there are {}", told.join(", "))
            .replace("there are 1 ", "there is 1 "),
        Judgement::Open => "Nothing was found wrong, but not everything could be judged".to_owned(),
        Judgement::Wrong if told.is_empty() => {
            "The cluster does not survive the loss of any one member".to_owned()
        }
        Judgement::Warned | Judgement::Wrong => format!("Found {}", told.join(", ")),
    }
}
