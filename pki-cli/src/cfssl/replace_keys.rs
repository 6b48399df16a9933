//! The environment variable that lets a whole script replace private keys.
//!
//! By default no private key is replaced. A script of somebody else that renews certificates by making all files anew
//! cannot be given `-force` in each of its lines.

use std::ffi::OsString;

use pki_core::go::number::parse_bool;

use crate::terminal::{CommandError, Terminal};

/// The name of the variable.
pub(crate) const VARIABLE: &str = "ETCDPKI_REPLACE_KEYS";

/// The arguments of a command, with `-force` before them if the command has this flag and the variable is true.
///
/// # Errors
///
/// The variable is neither empty nor one of Go's texts for true and false, such as `1` and `false`.
pub(crate) fn with_force(
    mut args: Vec<OsString>,
    has_force: bool,
    terminal: &Terminal<'_>,
) -> Result<Vec<OsString>, CommandError> {
    let value = (terminal.variable)(VARIABLE).unwrap_or_default();
    // Go's texts for true and false, as of the flags.
    match value.to_str().map(|text| if text.is_empty() { Some(false) } else { parse_bool(text) }) {
        Some(Some(false)) => {}
        _ if !has_force => {}
        Some(Some(true)) => args.insert(0, "-force".into()),
        _ => {
            let message =
                format!("the environment variable {VARIABLE} is {value:?}, which means neither yes nor no");
            return Err(CommandError::new(message).hint(format!("write {VARIABLE}=1, or {VARIABLE}=0")));
        }
    }
    Ok(args)
}
