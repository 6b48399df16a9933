//! Files that were not understood, and what is known about them.

use std::path::PathBuf;

use crate::etcd::found::files::Unread;

/// A file that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotUnderstood {
    pub(crate) path: PathBuf,
    pub(crate) what: NotUnderstoodKind,
}

/// What is known about a file that was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotUnderstoodKind {
    /// A template, by its language.
    Template(&'static str),
    /// It starts etcd as a proxy, by the name of that command.
    Proxy(&'static str),
    /// It was not read.
    Unread(Unread),
    /// It is written in another file in a form that is not read here, which the text is about.
    Encoded(&'static str),
    /// A part of it was not understood.
    Part(&'static str),
    /// A file of some other kind; `None` if nothing tells which.
    Foreign(Option<&'static str>),
}

impl NotUnderstood {
    /// What the file seems to be, as the end of a sentence.
    pub(crate) fn reason(&self) -> String {
        match self.what {
            NotUnderstoodKind::Template(language) => {
                format!("it is a template ({language}), and what will stand in it is not known")
            }
            NotUnderstoodKind::Proxy(command) => {
                format!("it starts etcd's {command}, which is no member of a cluster, and was not judged")
            }
            NotUnderstoodKind::Unread(why) => format!("it was {why}"),
            NotUnderstoodKind::Encoded(how) => format!("it is not understood: {how}"),
            NotUnderstoodKind::Part(part) => format!("a part of it is not understood: {part}"),
            NotUnderstoodKind::Foreign(Some(seems)) => {
                format!(
                    "it is not understood: it seems to be {seems}, and no setting of etcd's was found in it"
                )
            }
            NotUnderstoodKind::Foreign(None) => {
                "it is not understood: no setting of etcd's was found in it".to_owned()
            }
        }
    }

    pub(crate) fn remedy(&self) -> &'static str {
        match self.what {
            NotUnderstoodKind::Template(_) => "render the template first, and name what it makes",
            NotUnderstoodKind::Proxy(_) => {
                "check its certificates by naming them, and its other options by hand"
            }
            NotUnderstoodKind::Unread(why) => why.remedy(),
            NotUnderstoodKind::Encoded(_) => "name the file as it is on the host",
            NotUnderstoodKind::Part(_) => "name the files that it makes on the host",
            NotUnderstoodKind::Foreign(_) => {
                "name the unit, the environment or configuration file, the manifest or the script that gives etcd its \
                 options"
            }
        }
    }
}
