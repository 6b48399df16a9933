//! The environment variable that lets a whole script replace private keys.
//!
//! By default no private key is replaced. A script of somebody else that renews certificates by making all files anew
//! cannot be given `-force` in each of its lines.

use std::ffi::OsString;

use crate::terminal::Terminal;

/// The name of the variable.
pub(crate) const VARIABLE: &str = "ETCDPKI_REPLACE_KEYS";

/// The arguments of a command, with `-force` before them if the command has this flag and the variable is set, to
/// something other than `0` or `false`.
pub(crate) fn with_force(mut args: Vec<OsString>, has_force: bool, terminal: &Terminal<'_>) -> Vec<OsString> {
    let value = (terminal.variable)(VARIABLE).unwrap_or_default();
    if has_force && !matches!(value.to_str(), Some("" | "0" | "false")) {
        args.insert(0, "-force".into());
    }
    args
}
