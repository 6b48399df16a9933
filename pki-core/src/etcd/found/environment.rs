//! Environment files of systemd (systemd.exec(5), `EnvironmentFile=`).

use std::path::{Path, PathBuf};
use std::str::Chars;

use crate::base::place::Place;
use crate::etcd::found::words::UNKNOWN;

/// The variables of an environment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvironmentFile {
    pub(crate) path: PathBuf,
    /// The assignments, in the order of the file.
    pub(crate) variables: Vec<Variable>,
    /// The lines that are not assignments, with their numbers: the whole line, or what stands before `=` and is no
    /// name of a variable.
    pub(crate) faults: Vec<(usize, String)>,
}

/// A variable of a process's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// The value; `None` if it depends on the host, as a specifier such as `%H` does.
    pub(crate) value: Option<String>,
    /// The place of the assignment.
    pub(crate) place: Place,
}

/// Variables that systemd sets itself (systemd.exec(5), "Environment Variables Set or Propagated by the Service
/// Manager").
pub(crate) const INHERITED: &[&str] = &[
    "PATH",
    "LANG",
    "USER",
    "LOGNAME",
    "HOME",
    "SHELL",
    "INVOCATION_ID",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "CACHE_DIRECTORY",
    "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "MAINPID",
    "NOTIFY_SOCKET",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
];

/// The characters of a file, each with its line and column.
struct Characters<'a> {
    rest: Chars<'a>,
    line: usize,
    column: usize,
}

impl Iterator for Characters<'_> {
    type Item = (char, (usize, usize));

    fn next(&mut self) -> Option<Self::Item> {
        let c = self.rest.next()?;
        let position = (self.line, self.column);
        (self.line, self.column) = if c == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        Some((c, position))
    }
}

/// Whether systemd takes a text for the name of a variable (systemd, src/basic/env-util.c, `env_name_is_valid`).
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The state of the parser, as in systemd's.
enum State {
    LineStart,
    Comment,
    /// In the name of a variable, with what was read of it.
    Name(String),
    /// After the `=` or a closing quote, where a value, its next part or the end of the line may follow.
    Between,
    Unquoted,
    SingleQuoted,
    DoubleQuoted,
}

impl EnvironmentFile {
    /// Parses a file by systemd's rules: with quotes and backslashes, comments only at the beginning of a line, and no
    /// expansion (systemd, src/basic/env-file.c, `parse_env_file_internal`).
    pub(crate) fn parse(text: &str, path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), variables: Vec::new(), faults: Vec::new() };
        let (mut name, mut value, mut began) = (String::new(), String::new(), (1, 1));
        let mut state = State::LineStart;
        // The last line may lack its end.
        let text = format!("{text}\n");
        let mut characters = Characters { rest: text.chars(), line: 1, column: 1 };
        while let Some((c, position)) = characters.next() {
            state = match (state, c) {
                (State::LineStart, c) if c.is_whitespace() => State::LineStart,
                (State::LineStart, '#' | ';') => State::Comment,
                (State::LineStart, c) => {
                    began = position;
                    State::Name(c.into())
                }
                (State::Comment, '\n') => State::LineStart,
                (State::Comment, _) => State::Comment,
                (State::Name(text), '\n') => {
                    file.faults.push((began.0, text));
                    State::LineStart
                }
                (State::Name(text), '=') => {
                    name = text.trim_end().to_owned();
                    State::Between
                }
                (State::Name(mut text), c) => {
                    text.push(c);
                    State::Name(text)
                }
                (state @ (State::Between | State::Unquoted), '\n') => {
                    if matches!(state, State::Unquoted) {
                        value.truncate(value.trim_end().len());
                    }
                    let place = Place::file(path).at(began.0, began.1);
                    let value = Some(std::mem::take(&mut value)).filter(|value| !value.contains(UNKNOWN));
                    let name = std::mem::take(&mut name);
                    if is_name(&name) {
                        file.variables.push(Variable { name, value, place });
                    } else {
                        // `export NAME=value` is a line of a shell's. systemd passes over it.
                        file.faults.push((began.0, name));
                    }
                    State::LineStart
                }
                (State::Between, '\'') => State::SingleQuoted,
                (State::Between, '"') => State::DoubleQuoted,
                (State::Between, c) if c.is_whitespace() => State::Between,
                (State::Between | State::Unquoted, '\\') => {
                    value.extend(characters.next().map(|(escaped, _)| escaped).filter(|c| *c != '\n'));
                    State::Unquoted
                }
                (State::Between | State::Unquoted, c) => {
                    value.push(c);
                    State::Unquoted
                }
                (State::SingleQuoted, '\'') | (State::DoubleQuoted, '"') => State::Between,
                (State::DoubleQuoted, '\\') => {
                    if let Some((escaped, _)) = characters.next().filter(|(c, _)| *c != '\n') {
                        value.extend(Some('\\').filter(|_| !"\"\\`$".contains(escaped)));
                        value.push(escaped);
                    }
                    State::DoubleQuoted
                }
                (state @ (State::SingleQuoted | State::DoubleQuoted), c) => {
                    value.push(c);
                    state
                }
            };
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_parsed_as_systemd_does() {
        let text = "# c\n\n; c\nA=1\n B = two words \nC=\"q \\\" \\$ \\n\"'s'\nD=a\\ b\nE=\nF=x#y\njunk\nexport X=1\nG=\"1\n2\"\nH=a\\\nb\n";
        let file = EnvironmentFile::parse(text, Path::new("etcd.env"));
        let found: Vec<_> =
            file.variables.iter().map(|v| (v.name.as_str(), v.value.as_deref().unwrap())).collect();
        assert_eq!(
            found,
            [
                ("A", "1"),
                ("B", "two words"),
                ("C", "q \" $ \\ns"),
                ("D", "a b"),
                ("E", ""),
                ("F", "x#y"),
                ("G", "1\n2"),
                ("H", "ab"),
            ]
        );
        assert_eq!(file.faults, [(10, "junk".to_owned()), (11, "export X".to_owned())]);
        assert_eq!(file.variables[1].place.to_string(), "etcd.env:5:2");
        assert_eq!(file.variables[7].place.to_string(), "etcd.env:14:1");
    }
}
