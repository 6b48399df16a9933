//! Findings: what is wrong with what exists. Every check tells it in this one shape.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use crate::base::place::Place;
use crate::base::secret::without_user_info;
use crate::etcd::check::connection::Connection;
use crate::etcd::option::version::EtcdVersion;

/// One thing that can be wrong, and what everybody should know about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The number of the rule, which never changes.
    pub id: &'static str,
    /// How bad it usually is.
    pub severity: Severity,
    /// What is wrong, in general.
    pub title: &'static str,
    /// What follows from it. `{etcd}` stands for the version of etcd in question.
    pub consequence: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// Documents, discussions and source files to read more in.
    pub sources: &'static [&'static str],
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something does not start, refuses connections, or lets in somebody who should be kept out.
    Error,
    /// It works, but not as it should, or not forever, or it could not be checked.
    Warning,
    /// Nothing is wrong with what was looked at, but it should be known: it is about the release of etcd.
    Notice,
}

/// Something that is wrong with what exists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// The number of the rule, as in `E501`.
    #[cfg_attr(test, schemars(extend("pattern" = "^E[0-9]{3,4}$")))]
    pub rule: &'static str,
    /// What is wrong, in general: the title of the rule.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where it was found. Unknown if it is about no file, but about a subject.
    #[serde(flatten)]
    pub place: Place,
    /// The member, certificate or connection that it is about; `null` if the place says enough.
    pub subject: Option<String>,
    /// What is wrong, with the facts.
    pub problem: String,
    /// What follows from it.
    pub consequence: Cow<'static, str>,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
    /// Documents, discussions and source files to read more in.
    pub sources: &'static [&'static str],
    /// The connection that it is about; `null` if it is about none.
    pub connection: Option<Connection>,
}

/// A rule as `--json` prints it, for one version of etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleReport {
    /// The number of the rule.
    pub id: &'static str,
    /// How bad it usually is.
    pub severity: Severity,
    /// What is wrong, in general.
    pub title: &'static str,
    /// What follows from it.
    pub consequence: String,
    /// What to do about it.
    pub remedy: &'static str,
    /// Documents, discussions and source files to read more in.
    pub sources: &'static [&'static str],
}

/// Puts together the findings that differ in nothing but place, subject and problem, so that what follows from them
/// and what to do about them has to be read only once. The groups come in the order of their first findings.
pub fn groups(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut numbers: HashMap<_, usize> = HashMap::new();
    for finding in findings {
        let key = (finding.rule, finding.severity, &*finding.consequence, &*finding.remedy);
        let number = *numbers.entry(key).or_insert(groups.len());
        match groups.get_mut(number) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

impl Rule {
    /// What follows from it with a version of etcd.
    pub fn consequence(&self, version: EtcdVersion) -> String {
        self.consequence.replace("{etcd}", &format!("etcd {version}"))
    }

    /// The rule, with what follows from it with a version of etcd.
    pub fn report(&self, version: EtcdVersion) -> RuleReport {
        let Self { id, severity, title, remedy, sources, .. } = *self;
        RuleReport { id, severity, title, consequence: self.consequence(version), remedy, sources }
    }

    /// A finding of this rule. The users and passwords of URLs are left out of the problem. A rule whose consequence depends on the version of etcd needs
    /// [`of_version`](Finding::of_version) too.
    pub(crate) fn finding(&self, place: Place, problem: impl Into<String>) -> Finding {
        Finding {
            rule: self.id,
            title: self.title,
            severity: self.severity,
            place,
            subject: None,
            problem: without_user_info(&problem.into()).into_owned(),
            consequence: Cow::Borrowed(self.consequence),
            remedy: Cow::Borrowed(self.remedy),
            sources: self.sources,
            connection: None,
        }
    }
}

impl Finding {
    /// Whether it says that something is wrong. A notice does not.
    pub fn is_wrong(&self) -> bool {
        self.severity != Severity::Notice
    }

    /// The same finding, about a member, certificate or connection.
    #[must_use]
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same finding, with a remedy that knows the facts; the one of the rule if there is none.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: Option<impl Into<Cow<'static, str>>>) -> Self {
        if let Some(remedy) = remedy {
            self.remedy = remedy.into();
        }
        self
    }

    /// The same finding, with what a version of etcd does.
    #[must_use]
    pub(crate) fn of_version(mut self, version: EtcdVersion) -> Self {
        if self.consequence.contains("{etcd}") {
            self.consequence = self.consequence.replace("{etcd}", &format!("etcd {version}")).into();
        }
        self
    }
}

/// Where it is and what it is about, then the problem.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_unknown() {
            write!(f, "{}: ", self.place)?;
        }
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        f.write_str(&self.problem)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        })
    }
}
