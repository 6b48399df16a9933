//! What every command of cfssl has: flags, help, a config that is read first.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use pki_core::cfssl::{Config, Error, ErrorKind, Notice};
use zeroize::Zeroizing;

use super::flags::FLAGS;
use super::{COMMANDS, output};
use crate::failure::Failure;
use crate::goflag::{self, FlagError, Parsed};
use crate::io::Io;

/// A command of cfssl.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) example: &'static str,
    /// The flags that it makes use of; all of cfssl's are accepted.
    pub(crate) flags: &'static [&'static str],
    pub(crate) run: Run,
}

/// What a command does.
pub(crate) enum Run {
    Provided(fn(&Call, &mut Io<'_>) -> Result<(), Failure>),
    /// What to use instead.
    Missing(&'static str),
}

/// A call of a command: its flags and operands, and the config that they name.
pub(crate) struct Call {
    pub(crate) flags: Parsed,
    config: Option<Config>,
    notices: Vec<Notice>,
}

impl Command {
    pub(crate) const fn missing(name: &'static str, instead: &'static str) -> Self {
        Self { name, about: "not provided", usage: "", example: "", flags: &[], run: Run::Missing(instead) }
    }

    pub(crate) fn is_provided(&self) -> bool {
        matches!(self.run, Run::Provided(_))
    }

    /// Reads the flags, then the config, then runs: cfssl's own order.
    pub(crate) fn call(&self, args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
        let run = match self.run {
            Run::Provided(run) => run,
            Run::Missing(instead) => {
                return Err(Failure::user(format!("{} is not provided by etcdpki", self.name)).hint(instead));
            }
        };
        let flags = match goflag::parse(FLAGS, args) {
            Ok(flags) => flags,
            Err(FlagError::HelpRequested) => return output::print(io, self.help().as_bytes()),
            Err(error) => return Err(flag_failure(&error, &format!("etcdpki {}", self.name))),
        };
        if let Some(flag) = flags.misplaced() {
            return Err(misplaced(flag));
        }
        // cfssl accepts flags that a command does not use. This one is not cfssl's, and says where a key is to go.
        if !flags.text("into").is_empty() && !self.flags.contains(&"into") {
            return Err(Failure::user(format!("-into is for gencert and sign, not for {}", self.name))
                .hint("name the files: -bare NAME"));
        }
        let mut call = Call::without_config(flags);
        let file = call.flags.text("config").to_owned();
        if !file.is_empty() {
            let path = Path::new(&file);
            let text = read_text(path).map_err(|failure| failure.code(5200))?;
            let config = Config::from_json(&text, Some(path)).map_err(config_failure)?;
            call.config = Some(config.value);
            call.notices = config.notices;
        }
        run(&call, io)
    }

    fn help(&self) -> String {
        let used = FLAGS.iter().filter(|flag| self.flags.contains(&flag.name) || flag.name == "loglevel");
        format!(
            "{} - {}\n\nUsage:\n  {}\n\nFlags:\n{}\nExample:\n  {}\n",
            self.name,
            self.about,
            self.usage,
            goflag::render_help(used),
            self.example
        )
    }
}

/// cfssl has a number for every config that cannot be used, but for one that lacks `signing`.
fn config_failure(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::MissingKey { key: "signing" } => error.into(),
        _ => Failure::from(error).code(5200),
    }
}

impl Call {
    pub(crate) fn without_config(flags: Parsed) -> Self {
        Self { flags, config: None, notices: Vec::new() }
    }

    /// What the config's reader should know.
    pub(crate) fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The config of `-config`, if given.
    pub(crate) fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// A flag that is given and not empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        Some(self.flags.text(name)).filter(|text| !text.is_empty())
    }

    /// The single operand.
    pub(crate) fn operand(&self) -> Result<&str, Failure> {
        match self.flags.operands() {
            [one] => Ok(one),
            [] => Err(Failure::user("not enough arguments are supplied --- please refer to the usage")
                .hint("name the CSR JSON file, or - for standard input")),
            _ => Err(Failure::user("only one argument is accepted, please check with usage")),
        }
    }
}

/// A flag where Go does not look for one.
pub(crate) fn misplaced(flag: &str) -> Failure {
    Failure::user(format!("{flag} stands behind the file name, where flags are not read"))
        .hint("put all flags before the file name")
}

/// A command line that cannot be read.
pub(crate) fn flag_failure(error: &FlagError, program: &str) -> Failure {
    let hint = error.hint().unwrap_or_else(|| format!("{program} -h lists the flags"));
    Failure::usage(error.to_string()).hint(hint)
}

/// The commands, a line each.
pub(crate) fn overview() -> String {
    let mut text = "Usage: etcdpki COMMAND [flags] [arguments]\n\nCommands:\n".to_owned();
    for command in COMMANDS.iter().filter(|command| command.is_provided()) {
        let _ = writeln!(text, "  {:<15} {}", command.name, command.about);
    }
    text.push_str("\netcdpki COMMAND -h tells more.\n");
    text
}

/// The bytes of a file that may be a secret.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| Failure::user(format!("cannot read {}: {source}", path.display())))
}

/// A text file; what is not UTF-8 in it becomes U+FFFD, as in Go.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

/// A file, or standard input for `-`.
pub(crate) fn read_or_input(name: &str, io: &mut Io<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if name != "-" {
        return read(Path::new(name));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    io.input
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::user(format!("cannot read the standard input: {error}")))?;
    Ok(bytes)
}

/// A file, or what `env:NAME` and `file:PATH` name; and what to call it in messages.
pub(crate) fn read_prefixed(name: &str, io: &Io<'_>) -> Result<(PathBuf, Zeroizing<Vec<u8>>), Failure> {
    let path = match name.split_once(':') {
        None => name,
        Some(("file", path)) => path,
        Some(("env", variable)) => {
            let value = (io.variable)(variable).unwrap_or_default();
            return Ok((name.into(), Zeroizing::new(value.into_encoded_bytes())));
        }
        Some((prefix, _)) => {
            return Err(Failure::user(format!("unknown prefix: {prefix}"))
                .hint(format!("a path with a colon is written file:{name}")));
        }
    };
    Ok((path.into(), read(Path::new(path))?))
}
