//! `etcdpki cluster plan`: what `apply` would change.

use clap::Args;
use pki_core::etcd::{Folder, Plan};

use super::descriptions::DescriptionArgs;
use super::show;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal};

pub(super) const EXAMPLE: &str = "\
Exit status:
  0  there is nothing to do
  1  the plan could not be made
  2  `apply` has something to do

Examples:
  etcdpki cluster plan
  etcdpki cluster plan prod.yaml -o prod
  etcdpki cluster plan --flat";

/// The arguments of `plan`.
#[derive(Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    descriptions: DescriptionArgs,
    /// Print one JSON object whose values are all texts, as Terraform's data source `external` reads it, and end with 0
    /// also if there is something to do
    #[arg(long, conflicts_with_all = ["json", "all"])]
    flat: bool,
}

pub(super) fn run(plan: &PlanArgs, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    let args = &plan.descriptions;
    if plan.flat && args.has_several() {
        return Err(CommandError::usage("`--flat` is for one cluster").hint("name one description"));
    }
    let now = (terminal.now)();
    let mut reports = Vec::new();
    for job in args.read(terminal)? {
        let folder = Folder::open(&job.output)?;
        let lock = folder.lock_for_reading()?;
        let snapshot = folder.snapshot(&job.cluster)?;
        drop(lock);
        let plan = Plan::new(&job.cluster, &snapshot, now)?;
        reports.push((job, plan.report()));
    }
    if plan.flat {
        for (job, report) in &reports {
            show::flat(job, report, terminal)?;
        }
        return Ok(ExitStatus::Done);
    }
    if args.json {
        args.print_json(reports.iter().map(|(job, report)| (job, report)), &[], terminal)?;
    } else {
        for (job, report) in &reports {
            let name = args.has_several().then(|| job.cluster.name().as_str());
            show::warnings(name, &job.notices, report, args.shown(terminal), terminal);
            show::plan(report, args.shown(terminal), terminal)?;
        }
    }
    let is_done = reports.iter().all(|(_, report)| !report.changed && report.to_sign.is_empty());
    Ok(if is_done { ExitStatus::Done } else { ExitStatus::NotFinished })
}
