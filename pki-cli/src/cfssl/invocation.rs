//! What a command of cfssl was called with: its flags and operands, and the config that they name.

use std::path::Path;

use pki_core::cfssl::{Config, Error, ErrorKind, Notice};

use super::goflag::{FlagError, Parsed};
use super::log::Log;
use super::read::read_text;
use crate::terminal::CommandError;

/// cfssl's number for a config that cannot be used.
const CONFIG_UNUSABLE: u32 = 5200;

/// What a command was called with. Each command makes a struct of its own from it, which says what the flags mean.
pub(crate) struct Invocation {
    flags: Parsed,
    config: Option<Config>,
    config_notices: Vec<Notice>,
}

impl Invocation {
    /// The flags of a program that reads no config.
    pub(crate) fn without_config(flags: Parsed) -> Self {
        Self { flags, config: None, config_notices: Vec::new() }
    }

    /// The flags, and the config of `-config`.
    pub(crate) fn with_config(flags: Parsed) -> Result<Self, CommandError> {
        let mut invocation = Self::without_config(flags);
        if let Some(file) = invocation.given("config").map(Path::new) {
            let text = read_text(file).map_err(|error| error.code(CONFIG_UNUSABLE))?;
            let config = Config::from_json(&text, Some(file)).map_err(config_error)?;
            invocation.config = Some(config.value);
            invocation.config_notices = config.notices;
        }
        Ok(invocation)
    }

    /// A flag that is given and not empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        Some(self.flags.text(name)).filter(|text| !text.is_empty())
    }

    /// Whether a switch is on.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.flags.switch(name)
    }

    /// What follows the flags.
    pub(crate) fn operands(&self) -> &[String] {
        self.flags.operands()
    }

    /// The single operand.
    pub(crate) fn operand(&self) -> Result<&str, CommandError> {
        match self.operands() {
            [one] => Ok(one),
            [] => Err(CommandError::new("not enough arguments are supplied --- please refer to the usage")
                .hint("name the CSR JSON file, or - for standard input")),
            _ => Err(CommandError::new("only one argument is accepted, please check with usage")),
        }
    }

    /// Where `-loglevel` lets log lines through.
    pub(crate) fn log(&self) -> Log {
        Log::new(self.flags.integer("loglevel"))
    }

    /// The config of `-config`, if it is given.
    pub(crate) fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// What the user should know about the config.
    pub(crate) fn config_notices(&self) -> &[Notice] {
        &self.config_notices
    }
}

/// cfssl has a number for every config that cannot be used, but for one that lacks `signing`.
fn config_error(error: Error) -> CommandError {
    match error.kind() {
        ErrorKind::MissingKey { key: "signing" } => error.into(),
        _ => CommandError::from(error).code(CONFIG_UNUSABLE),
    }
}

/// The error of a command line that cannot be read.
pub(super) fn flag_error(error: &FlagError, program: &str) -> CommandError {
    let hint = error.hint().unwrap_or_else(|| format!("{program} -h lists the flags"));
    CommandError::usage(error.to_string()).hint(hint)
}

/// Refuses a flag that stands where Go does not look for one.
pub(super) fn refuse_misplaced(flags: &Parsed) -> Result<(), CommandError> {
    match flags.misplaced() {
        Some(flag) => {
            Err(CommandError::new(format!("{flag} stands behind the file name, where flags are not read"))
                .hint("put all flags before the file name"))
        }
        None => Ok(()),
    }
}
