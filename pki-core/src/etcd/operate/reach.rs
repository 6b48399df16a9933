//! How a host is reached: a command of the operator's own, in which names and commands are words of a shell.

use std::fmt;

use crate::etcd::safe::shell::word;

/// A host of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host {
    /// The name of the member.
    pub name: String,
    /// The user that commands run as.
    pub user: String,
    /// The name or address of the host.
    pub address: String,
}

impl Host {
    /// The host of a member, from a destination of ssh: `[USER@]HOST`. Without a user it is root.
    pub fn new(member: &str, destination: &str) -> Self {
        let (user, address) = destination.rsplit_once('@').unwrap_or(("root", destination));
        Self { name: member.to_owned(), user: user.to_owned(), address: address.to_owned() }
    }

    /// A command as root on the host.
    pub fn as_root(&self, command: &str) -> String {
        if self.user == "root" { command.to_owned() } else { format!("sudo sh -c {}", word(command)) }
    }
}

/// A line for a shell that runs a command on a host. `{user}`, `{address}`, `{name}` and `{command}` stand for values,
/// which are put in as words of the shell. Without `{command}` the command is the last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    User,
    Address,
    Name,
    Command,
}

/// A template has a word in braces that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{{{word}}} stands for nothing; {{user}}, {{address}}, {{name}} and {{command}} stand for values")]
pub struct TemplateError {
    /// The word.
    pub word: String,
}

impl Template {
    /// How hosts are reached if nobody says otherwise.
    pub const USUAL: &str = "ssh {user}@{address}";

    /// Reads a template.
    ///
    /// ```
    /// use pki_core::etcd::operate::{Host, Template};
    ///
    /// let host = Host::new("etcd1", "root@10.0.0.11");
    /// let template = Template::parse("ssh -o BatchMode=yes {user}@{address}")?;
    /// assert_eq!(template.line(&host, "echo 'a'"), r"ssh -o BatchMode=yes root@10.0.0.11 'echo '\''a'\'''");
    /// assert!(Template::parse("ssh {host}").is_err());
    /// # Ok::<(), pki_core::etcd::operate::TemplateError>(())
    /// ```
    ///
    /// # Errors
    /// [`TemplateError`] for another word in braces. `{}` and `${NAME}` are the shell's.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let (before, after) = rest.split_at(start);
            let inside = after.strip_prefix('{').unwrap_or_default();
            let Some((name, behind)) = inside.split_once('}') else { break };
            let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if before.ends_with('$') || !is_word {
                parts.push(Part::Text(format!("{before}{{")));
                rest = inside;
                continue;
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name {
                "user" => Part::User,
                "address" => Part::Address,
                "name" => Part::Name,
                "command" => Part::Command,
                other => return Err(TemplateError { word: other.to_owned() }),
            });
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        if !parts.contains(&Part::Command) {
            parts.push(Part::Text(" ".to_owned()));
            parts.push(Part::Command);
        }
        Ok(Self(parts))
    }

    /// The line that runs `command` on a host.
    pub fn line(&self, host: &Host, command: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::User => word(&host.user),
            Part::Address => word(&host.address),
            Part::Name => word(&host.name),
            Part::Command => word(command),
        });
        parts.collect()
    }
}

impl Default for Template {
    /// [`Template::USUAL`].
    fn default() -> Self {
        let text = |text: &str| Part::Text(text.to_owned());
        Self(vec![text("ssh "), Part::User, text("@"), Part::Address, text(" "), Part::Command])
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            f.write_str(match part {
                Part::Text(text) => text,
                Part::User => "{user}",
                Part::Address => "{address}",
                Part::Name => "{name}",
                Part::Command => "{command}",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_words_of_the_shell() {
        let host = Host::new("a;b", "adm$in@h`x`");
        assert_eq!((host.user.as_str(), host.address.as_str()), ("adm$in", "h`x`"));
        let line = |text: &str| Template::parse(text).unwrap().line(&host, "x 'y'");
        assert_eq!(line("run {name} {command} end"), r"run 'a;b' 'x '\''y'\''' end");
        assert_eq!(line("ssh {user}@{address}"), r"ssh 'adm$in'@'h`x`' 'x '\''y'\'''");
        assert_eq!(line("f() { ${SSH} {}; }"), r"f() { ${SSH} {}; } 'x '\''y'\'''");
        assert_eq!(Template::parse("a {hots}").unwrap_err().word, "hots");
    }

    #[test]
    fn the_usual_template_is_the_one_that_is_written() {
        assert_eq!(Template::default().to_string(), format!("{} {{command}}", Template::USUAL));
        assert_eq!(Template::parse(Template::USUAL).unwrap().to_string(), Template::default().to_string());
    }

    #[test]
    fn who_is_not_root_becomes_root() {
        assert_eq!(Host::new("a", "10.0.0.1").as_root("x y"), "x y");
        assert_eq!(Host::new("a", "me@10.0.0.1").as_root("x y"), "sudo sh -c 'x y'");
    }
}
