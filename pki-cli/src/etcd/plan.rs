//! `etcdpki cluster plan`

use pki_core::etcd::{Folder, Plan};

use super::show;
use super::target::Target;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal};

pub(super) const EXAMPLE: &str = "\
Exit status: 0 if there is nothing to do, 2 if there is something to do, 1 if it failed.

Example:
  etcdpki cluster plan -f cluster.yaml -o out";

pub(super) fn run(target: &Target, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    let now = (terminal.now)();
    let mut reports = Vec::new();
    for described in target.read(terminal)? {
        let snapshot = Folder::open(&described.output)?.snapshot(&described.cluster)?;
        let plan = Plan::new(&described.cluster, &snapshot, now)?;
        reports.push((described, plan.report()));
    }
    if target.json {
        let reports = reports.iter().map(|(described, report)| (report, described.notices.as_slice()));
        target.print_json(reports, terminal)?;
    } else {
        for (described, report) in &reports {
            let name = target.has_several().then(|| described.cluster.name().as_str());
            show::warnings(name, &described.notices, report, terminal);
            show::plan(report, terminal)?;
        }
    }
    let is_done = reports.iter().all(|(_, report)| !report.changed && report.to_sign.is_empty());
    Ok(if is_done { ExitStatus::Done } else { ExitStatus::NotFinished })
}
