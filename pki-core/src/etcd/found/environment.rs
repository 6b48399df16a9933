//! Environment files (systemd.exec(5), `EnvironmentFile=`).

use std::path::{Path, PathBuf};

use crate::base::place::Place;

/// A file of variables, as systemd reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its assignments, in order.
    pub variables: Vec<Variable>,
    /// The lines that are no assignment.
    pub faults: Vec<(usize, String)>,
}

/// A variable of a service's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; none if it depends on the host, as a specifier such as `%H` does.
    pub value: Option<String>,
    /// Where it is set.
    pub place: Place,
}

/// Where the reader is within a line.
enum At {
    Start,
    Comment,
    Key(String),
    /// Before a value, or between its quoted parts
    Between,
    Plain,
    Single,
    Double,
}

impl EnvironmentFile {
    /// Reads a file by systemd's rules: quotes, backslashes, comments only at the beginning of a line, no
    /// expansion (systemd, src/basic/env-file.c, `parse_env_file_internal`).
    pub fn parse(text: &str, path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), variables: Vec::new(), faults: Vec::new() };
        let (mut key, mut value) = (String::new(), String::new());
        let (mut line, mut began, mut column) = (1, (1, 1), 0);
        let mut at = At::Start;
        let mut characters = text.chars().chain(['\n']);
        while let Some(c) = characters.next() {
            column += 1;
            let here = (line, column);
            if c == '\n' {
                line += 1;
                column = 0;
            }
            at = match (at, c) {
                (At::Start, c) if c.is_whitespace() => At::Start,
                (At::Start | At::Comment, '\n') => At::Start,
                (At::Start, '#' | ';') => At::Comment,
                (At::Start, c) => {
                    began = here;
                    At::Key(c.into())
                }
                (At::Comment, _) => At::Comment,
                (At::Key(text), '\n') => {
                    file.faults.push((began.0, text));
                    At::Start
                }
                (At::Key(text), '=') => {
                    key = text.trim_end().to_owned();
                    value.clear();
                    At::Between
                }
                (At::Key(mut text), c) => {
                    text.push(c);
                    At::Key(text)
                }
                (at @ (At::Between | At::Plain), '\n') => {
                    let end = if matches!(at, At::Plain) { value.trim_end().len() } else { value.len() };
                    value.truncate(end);
                    let place = Place::file(path).at(began.0, began.1);
                    let (name, value) = (std::mem::take(&mut key), Some(std::mem::take(&mut value)));
                    file.variables.push(Variable { name, value, place });
                    At::Start
                }
                (At::Between, '\'') => At::Single,
                (At::Between, '"') => At::Double,
                (At::Between, c) if c.is_whitespace() => At::Between,
                (At::Between | At::Plain, '\\') => {
                    match characters.next() {
                        Some('\n') => {
                            line += 1;
                            column = 0;
                        }
                        escaped => {
                            column += 1;
                            value.extend(escaped);
                        }
                    }
                    At::Plain
                }
                (At::Between | At::Plain, c) => {
                    value.push(c);
                    At::Plain
                }
                (At::Single, '\'') | (At::Double, '"') => At::Between,
                (At::Double, '\\') => {
                    match characters.next() {
                        Some('\n') => {
                            line += 1;
                            column = 0;
                        }
                        Some(escaped) => {
                            column += 1;
                            if !"\"\\`$".contains(escaped) {
                                value.push('\\');
                            }
                            value.push(escaped);
                        }
                        None => {}
                    }
                    At::Double
                }
                (at @ (At::Single | At::Double), c) => {
                    value.push(c);
                    at
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
    fn files_are_read_by_systemds_rules() {
        let text = "# c\n\n; c\nA=1\n B = two words \nC=\"q \\\" \\$ \\n\"'s'\nD=a\\ b\nE=\nF=x#y\njunk\nG=\"1\n2\"\nH=a\\\nb\n";
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
        assert_eq!(file.faults, [(10, "junk".to_owned())]);
        assert_eq!(file.variables[1].place.to_string(), "etcd.env:5:2");
        assert_eq!(file.variables[7].place.to_string(), "etcd.env:13:1");
    }
}
