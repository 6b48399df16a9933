//! `etcdpki cluster apply`

use indicatif::ProgressBar;
use pki_core::base::parallel;
use pki_core::etcd::{Folder, Plan, Progress, Report};
use pki_core::x509::{KeySource, RacingKeys, SystemKeys, SystemRandomness};
use time::OffsetDateTime;

use super::show;
use super::target::{Described, Target};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, progress};

pub(super) const EXAMPLE: &str = "\
Keys and certificates that are right are kept, so a second run changes nothing.

Exit status: 0 if everything is there, 2 if a CA that is offline has to sign certificates first, 1 if it failed.

Example:
  etcdpki cluster apply -f cluster.yaml -o out";

pub(super) fn run(target: &Target, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    let described = target.read(terminal)?;
    let outcomes = apply(&described, terminal);
    let (mut made, mut errors) = (Vec::new(), Vec::new());
    for (described, outcome) in described.iter().zip(outcomes) {
        match outcome {
            Ok(report) => made.push((described, report)),
            Err(error) if !target.has_several() => return Err(error),
            Err(error) => errors.push(error.about(described.cluster.name().as_str())),
        }
    }
    let told = tell(target, &made, terminal);
    // The caller tells the last error.
    if let Some(last) = errors.pop() {
        errors.iter().for_each(|error| error.report(terminal));
        return Err(last);
    }
    told?;
    let is_done = made.iter().all(|(_, report)| report.to_sign.is_empty());
    Ok(if is_done { ExitStatus::Done } else { ExitStatus::NotFinished })
}

/// Makes what is not right yet, of every cluster.
fn apply(described: &[Described], terminal: &Terminal<'_>) -> Vec<Result<Report, CommandError>> {
    let now = (terminal.now)();
    if let [one] = described {
        let bar = progress::bar("making keys {bar:30} {pos}/{len} {eta}", None, terminal);
        return vec![one.apply(&RacingKeys, now, &bar)];
    }
    let template = "clusters {bar:30} {pos}/{len} {per_sec} {eta}";
    let bar = progress::bar(template, Some(described.len()), terminal);
    let outcomes = parallel::map(described, |described| {
        // Each core has a cluster of its own.
        let outcome = described.apply(&SystemKeys, now, &ProgressBar::hidden());
        bar.inc(1);
        outcome
    });
    bar.finish_and_clear();
    outcomes
}

/// What was made, and how to go on.
fn tell(
    target: &Target,
    made: &[(&Described, Report)],
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    if target.json {
        let reports = made.iter().map(|(described, report)| (report, described.notices.as_slice()));
        return target.print_json(reports, terminal);
    }
    for (Described { cluster, notices, output }, report) in made {
        let name = target.has_several().then(|| cluster.name().as_str());
        show::warnings(name, notices, report, terminal);
        match name {
            _ if !report.changed => show::nothing_to_do(report, terminal)?,
            None => show::applied(cluster, report, output, terminal)?,
            Some(_) => show::applied_briefly(cluster, report, output, terminal)?,
        }
    }
    Ok(())
}

impl Described {
    /// Makes what is not right yet.
    fn apply(
        &self,
        keys: &dyn KeySource,
        now: OffsetDateTime,
        bar: &ProgressBar,
    ) -> Result<Report, CommandError> {
        let folder = Folder::lock(&self.output)?;
        let plan = Plan::new(&self.cluster, &folder.snapshot(&self.cluster)?, now)?;
        if plan.is_done() {
            return Ok(plan.report());
        }
        bar.set_length(u64::try_from(plan.keys_to_make()).unwrap_or(u64::MAX));
        let outcome = plan.issue(keys, &SystemRandomness, now, &|progress| {
            if let Progress::Keys { .. } = progress {
                bar.inc(1);
            }
        });
        bar.finish_and_clear();
        let outcome = outcome?;
        folder.apply(&outcome)?;
        Ok(outcome.report().clone())
    }
}
