//! One change of the members of a cluster, in its description.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pki_core::disk::{self, Existing, Mode};
use pki_core::etcd::{Cluster, Label, Member, member_line, with_member, without_member};

use crate::terminal::CommandError;

/// One change of the members, after which the cluster is as a description says.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Join(Box<Member>),
    Leave(Label),
    /// A member comes back with an empty disk.
    Return(Label),
}

impl Phase {
    /// The text of the description after this change, and the line that comes or goes; `None` if it is so already.
    pub(super) fn edit(
        &self,
        text: &str,
        cluster: &Cluster,
        file: &Path,
    ) -> Result<Option<(String, String)>, CommandError> {
        let described = |name: &Label| cluster.members().iter().find(|member| member.name() == name);
        let change = match self {
            Self::Join(new) => match described(new.name()) {
                Some(known) if known.host() == new.host() => return Ok(None),
                Some(known) => {
                    return Err(CommandError::new(format!(
                        "the description has {} already, at {}",
                        known.name(),
                        known.host()
                    ))
                    .hint("use `replace` for a member that gets another address, or give the new one another name"));
                }
                None => (with_member(text, new), format!("+ {}", member_line(new))),
            },
            Self::Leave(old) if described(old).is_some() => (without_member(text, old), format!("- {old}")),
            Self::Leave(_) | Self::Return(_) => return Ok(None),
        };
        let (text, line) = change;
        let what = if line.starts_with('+') { "add this line to" } else { "take this member out of" };
        let text = text.map_err(|error| {
            CommandError::new(format!("{}: {error}", file.display()))
                .hint(format!("{what} `members`, and run the same command again: {}", error.line))
        })?;
        Ok(Some((text, line)))
    }
}

/// Replaces the text of a description. The file keeps its mode.
pub(super) fn write_description(file: &Path, text: &str) -> Result<(), CommandError> {
    let mode = file.metadata().map_or(0o644, |file| file.permissions().mode());
    disk::write(file, text.as_bytes(), Mode::Exactly(mode & 0o7777), Existing::Replace)
        .map_err(|error| CommandError::write(file, &error))
}
