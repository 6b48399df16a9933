//! What the program says and how: its streams, its one palette, tables, progress, and errors.

mod error;
pub(crate) mod finding;
mod hint;
mod io;
pub(crate) mod print;
pub(crate) mod progress;
mod style;
pub(crate) mod table;

pub(crate) use error::CommandError;
pub use io::Terminal;
pub(crate) use io::absolute;
pub(crate) use style::{Style, Tone};
