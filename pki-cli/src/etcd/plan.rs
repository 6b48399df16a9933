//! `etcdpki cluster plan`: what `apply` would change.

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
  etcdpki cluster plan prod.yaml -o prod";

pub(super) fn run(args: &DescriptionArgs, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
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
    if args.json {
        args.print_json(reports.iter().map(|(job, report)| (job, report)), terminal)?;
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
