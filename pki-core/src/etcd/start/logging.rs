//! Where etcd writes its log (etcd, server/embed/config_logging.go, `setupLogging`).

use std::collections::BTreeSet;

use crate::base::place::Place;
use crate::etcd::start::refusal::{Refusal, RefusalKind};
use crate::etcd::start::values::{Value, Values};

const OPTION: &str = "log-outputs";
const DEFAULT: &str = "default";
const JOURNAL: &str = "systemd/journal";

pub(super) fn refusals(values: &Values<'_>, member: &Place) -> Vec<Refusal> {
    let Some(outputs) = outputs(values, OPTION) else { return Vec::new() };
    let place = || values.place(OPTION, member);
    let refuse = |problem: String, message| {
        vec![Refusal::new(RefusalKind::Combination, place(), problem).saying(message)]
    };
    let outputs = match old_outputs(values, outputs) {
        Ok(outputs) => outputs,
        Err(problem) => return refuse(problem, "log-output"),
    };
    let logger = if values.version.has(5, 0) { "zap" } else { "capnslog" };
    match values.text("logger", logger) {
        Some("zap") => {}
        Some("capnslog") if !values.version.has(5, 0) => {
            return of_capnslog(&outputs).map_or_else(Vec::new, |p| refuse(p, "log-output"));
        }
        _ => return Vec::new(),
    }
    let several = outputs.len() > 1;
    if several && outputs.iter().any(|output| output == DEFAULT) {
        return refuse(
            format!("{OPTION} has {DEFAULT} and others"),
            "multi logoutput for \"default\" is not supported yet",
        );
    }
    if several && outputs.iter().any(|output| output == JOURNAL) {
        return refuse(
            format!("{OPTION} has {JOURNAL} and others"),
            "running with systemd/journal but other '--log-outputs' values",
        );
    }
    if values.is_true("enable-log-rotation", false) != Some(true) {
        return Vec::new();
    }
    let streams = [DEFAULT, "stderr", "stdout"];
    let files = outputs.iter().filter(|output| !streams.contains(&output.as_str())).count();
    if files > 1 || files == 0 && !several {
        return refuse(
            format!("enable-log-rotation is set, and {OPTION} has {files} files"),
            "--log-outputs requires a single file path when --log-rotate-config-json is defined",
        );
    }
    Vec::new()
}

/// The outputs, each once as a flag has them; `None` if they are not known.
fn outputs(values: &Values<'_>, option: &str) -> Option<Vec<String>> {
    let text = match values.value(option) {
        Value::Unset => DEFAULT,
        Value::Unknown => return None,
        // In a file, a list without items is none, and the default takes its place.
        Value::Set("", _) if values.has_file => return Some(Vec::new()),
        Value::Set(text, _) => text,
    };
    let all = text.split(',').map(str::to_owned);
    Some(if values.has_file { all.collect() } else { all.collect::<BTreeSet<_>>().into_iter().collect() })
}

/// The outputs by the option that 3.4 still has under its old name too.
fn old_outputs(values: &Values<'_>, new: Vec<String>) -> Result<Vec<String>, String> {
    if values.version.has(5, 0) {
        return Ok(new);
    }
    let Some(old) = outputs(values, "log-output") else { return Ok(new) };
    if old.len() != new.len() {
        return Ok(if old.len() > new.len() { old } else { new });
    }
    match old.as_slice() {
        [] => Err("neither log-output nor log-outputs names anything".to_owned()),
        [one] if old == new && one != DEFAULT => Err(format!("log-output and {OPTION} are both {one}")),
        [_] => Ok(new),
        _ => Err(format!("log-output and {OPTION} are both set")),
    }
}

/// The logger of 3.4 has one output, which is a stream.
fn of_capnslog(outputs: &[String]) -> Option<String> {
    match outputs {
        [one] if ["default", "stderr", "stdout"].contains(&one.as_str()) => None,
        [one] => Some(format!(
            "{OPTION} is {one:?}, and logger is capnslog, which writes to stderr and stdout only"
        )),
        _ => Some(format!("{OPTION} has {} outputs, and logger is capnslog, which has one", outputs.len())),
    }
}
