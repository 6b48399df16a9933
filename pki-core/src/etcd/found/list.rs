//! Files of variables that are not systemd's: those of container engines, of compose, and of shells.

use std::path::Path;

use crate::base::place::Place;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::process::ListForm;
use crate::etcd::found::script;
use crate::etcd::found::words::UNKNOWN;

impl ListForm {
    /// The variables of a file. The second list has those of a shell that are in no environment.
    pub(crate) fn read(self, text: &str, path: &Path) -> (Vec<Variable>, Vec<Variable>) {
        match self {
            Self::Plain => (lines(text, path, false), Vec::new()),
            Self::Quoted => (lines(text, path, true), Vec::new()),
            Self::Shell => script::assignments(text, path, false),
            Self::ShellExported => script::assignments(text, path, true),
        }
    }
}

/// The lines `NAME=value` of a file; those that begin with `#` are comments.
fn lines(text: &str, path: &Path, is_quoted: bool) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let name = name.strip_prefix("export ").filter(|_| is_quoted).unwrap_or(name).trim();
        let value = if is_quoted { unquoted(value.trim()) } else { value };
        let place = Place::file(path).at(index + 1, 1);
        let value = Some(value.to_owned()).filter(|value| !value.contains(UNKNOWN));
        variables.push(Variable { name: name.to_owned(), value, place });
    }
    variables
}

/// The text without the quotes around it.
fn unquoted(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: ListForm, text: &str) -> Vec<(String, String)> {
        let (variables, _) = form.read(text, Path::new("e"));
        let mut pairs: Vec<_> = variables
            .into_iter()
            .map(|variable| (variable.name, variable.value.unwrap_or_default()))
            .collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn each_program_reads_quotes_in_its_way() {
        let text = "# c\nA=\"1 2\"\nexport B='x'\n\nnothing\n";
        let pairs = |all: &[(&str, &str)]| {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(read(ListForm::Plain, text), pairs(&[("A", "\"1 2\""), ("export B", "'x'")]));
        assert_eq!(read(ListForm::Quoted, text), pairs(&[("A", "1 2"), ("B", "x")]));
        assert_eq!(read(ListForm::Shell, text), pairs(&[("B", "x")]));
        assert_eq!(read(ListForm::ShellExported, text), pairs(&[("A", "1 2"), ("B", "x")]));
    }
}
