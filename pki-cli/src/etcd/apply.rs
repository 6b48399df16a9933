//! `etcdpki cluster apply`: makes what a description asks for in an output folder.

use indicatif::ProgressBar;
use pki_core::base::parallel;
use pki_core::etcd::{Folder, Plan, Progress, Report};
use pki_core::x509::{KeySource, RacingKeys, SystemKeys, SystemRandomness};
use time::OffsetDateTime;

use super::descriptions::{ClusterJob, DescriptionArgs};
use super::show;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, progress};

pub(super) const EXAMPLE: &str = "\
Keys and certificates that are right are kept, so a second run changes nothing.

Exit status:
  0  everything that the description asks for is there
  1  the work could not be done
  2  certificates are missing that a CA which is offline has to sign; the next steps are printed

Examples:
  etcdpki cluster apply
  etcdpki cluster apply prod.yaml -o prod";

pub(super) fn run(args: &DescriptionArgs, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    let jobs = args.read(terminal)?;
    let outcomes = apply(&jobs, terminal);
    let (mut made, mut errors) = (Vec::new(), Vec::new());
    for (job, outcome) in jobs.iter().zip(outcomes) {
        match outcome {
            Ok(report) => made.push((job, report)),
            Err(error) if !args.has_several() => return Err(error),
            Err(error) => errors.push((job.cluster.name().as_str(), error)),
        }
    }
    let failed: Vec<_> = errors.iter().map(|(name, error)| (*name, error)).collect();
    let printed = print(args, &made, &failed, terminal);
    // The caller reports the last error.
    let mut errors: Vec<_> = errors.into_iter().map(|(name, error)| error.about(name)).collect();
    if let Some(last) = errors.pop() {
        errors.iter().for_each(|error| error.report(terminal));
        return Err(last);
    }
    printed?;
    let is_done = made.iter().all(|(_, report)| report.to_sign.is_empty());
    Ok(if is_done { ExitStatus::Done } else { ExitStatus::NotFinished })
}

/// Makes what is missing or wrong in each cluster's folder. The results come in the order of the clusters.
fn apply(jobs: &[ClusterJob], terminal: &Terminal<'_>) -> Vec<Result<Report, CommandError>> {
    let now = (terminal.now)();
    if let [one] = jobs {
        let bar = progress::bar("making keys {bar:30} {pos}/{len} {eta}", None, terminal);
        return vec![one.apply(&RacingKeys, now, &bar)];
    }
    let template = "clusters {bar:30} {pos}/{len} {per_sec} {eta}";
    let bar = progress::bar(template, Some(jobs.len()), terminal);
    let outcomes = parallel::map(jobs, |job| {
        // Each core works on one cluster, so keys are not searched for in parallel too.
        let outcome = job.apply(&SystemKeys, now, &ProgressBar::hidden());
        bar.inc(1);
        outcome
    });
    bar.finish_and_clear();
    outcomes
}

/// Prints what was made, and the steps that follow.
fn print(
    args: &DescriptionArgs,
    made: &[(&ClusterJob, Report)],
    failed: &[(&str, &CommandError)],
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    if args.json {
        return args.print_json(made.iter().map(|(job, report)| (*job, report)), failed, terminal);
    }
    for (ClusterJob { cluster, notices, output }, report) in made {
        let name = args.has_several().then(|| cluster.name().as_str());
        show::warnings(name, notices, report, args.shown(terminal), terminal);
        match name {
            _ if !report.changed => show::nothing_to_do(report, args.shown(terminal), terminal)?,
            _ if terminal.is_quiet() => show::applied_in_a_line(report, output, terminal)?,
            None => show::applied(cluster, report, output, args.shown(terminal), terminal)?,
            Some(_) => show::applied_briefly(cluster, report, output, terminal)?,
        }
    }
    Ok(())
}

impl ClusterJob {
    /// Makes what is missing or wrong in the folder, and returns the report.
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
