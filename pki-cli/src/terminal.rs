//! How the program talks to people and scripts: its streams, colours, tables, progress bars, findings and errors.

mod error;
pub(crate) mod finding;
mod hint;
mod io;
pub(crate) mod print;
mod process;
pub(crate) mod progress;
mod stream;
mod style;
pub(crate) mod table;
mod wrap;

pub(crate) use error::{CommandError, ErrorReport};
pub(crate) use io::absolute;
pub use io::{ColourChoice, Terminal, Verbosity};
pub(crate) use style::{Style, Tone};
pub(crate) use wrap::wrap;
