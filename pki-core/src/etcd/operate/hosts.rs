//! Commands on several hosts at the same time, and what the hosts say about themselves before anything is changed.

use std::time::Duration;

use crate::etcd::cluster::Cluster;
use crate::etcd::operate::facts::Facts;
use crate::etcd::operate::operator::{OperationError, Operator};
use crate::etcd::operate::reach::{Host, Template};
use crate::etcd::render::deploy::check_command;
use crate::etcd::safe::shell::word;

/// How hosts are reached, and for how long they are waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hosts<'a> {
    pub(super) template: &'a Template,
    pub(super) wait: Duration,
}

/// Runs a command as root on each host, on all at the same time. Returns what each wrote.
///
/// # Errors
/// The first that failed; what the others wrote is lost.
pub(super) fn run_on(
    hosts: &[Host],
    commands: &[String],
    how: &Hosts<'_>,
    operator: &mut dyn Operator,
) -> Result<Vec<String>, OperationError> {
    let lines = hosts.iter().zip(commands).map(|(host, command)| {
        let command = host.as_root(&format!("exec sh -c {}", word(command)));
        how.template.line(host, &command)
    });
    all_of(hosts, &lines.collect::<Vec<_>>(), how.wait, operator)
}

/// Runs the lines, all at once.
///
/// # Errors
/// The first that failed; what the others wrote is lost.
pub(super) fn all_of(
    hosts: &[Host],
    lines: &[String],
    limit: Duration,
    operator: &mut dyn Operator,
) -> Result<Vec<String>, OperationError> {
    let answers = operator.run(lines, limit);
    let answers = hosts.iter().zip(answers).map(|(host, answer)| {
        let line = format!("a command on {}", host.address);
        answer.map_err(|why| OperationError::Command { member: host.name.clone(), line, why })
    });
    answers.collect()
}

/// Asks the hosts of members what is on them, and what time it is there. Nothing is changed.
///
/// # Errors
/// If a host does not run commands.
pub(super) fn ask(
    cluster: &Cluster,
    hosts: &[Host],
    how: &Hosts<'_>,
    operator: &mut dyn Operator,
) -> Result<Vec<Facts>, OperationError> {
    let commands = hosts.iter().filter_map(|host| {
        let member = cluster.members().iter().find(|member| member.name().as_str() == host.name)?;
        Some(format!("echo \"clock $(date +%s)\"\n{}", check_command(cluster, member)))
    });
    let before = operator.now();
    let answers = run_on(hosts, &commands.collect::<Vec<_>>(), how, operator)?;
    let after = operator.now();
    let asked = hosts.iter().zip(answers);
    Ok(asked.map(|(host, answer)| Facts::read(cluster, host, &answer, before, after)).collect())
}
