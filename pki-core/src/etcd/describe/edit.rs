//! Adding a member to the text of a description, and taking one out. All other bytes of the text stay as they are, so
//! comments stay too.

use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::describe::read;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::yaml::quoted;

/// The text of a description cannot be changed in this way. A person has to do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the description is not changed, because its list of members is not written one member after the other"
)]
pub struct EditError {
    /// The line of the member that has to be added or taken out.
    pub line: String,
}

/// The description with one more member, at the end of the list.
///
/// ```
/// use pki_core::etcd::{Member, with_member};
///
/// let text = "name: prod\nmembers:\n  - {name: etcd1, address: 10.0.0.11}  # the first\n";
/// let more = with_member(text, &Member::parse("etcd2=10.0.0.12")?).unwrap();
/// assert_eq!(more, format!("{text}  - {{name: etcd2, address: 10.0.0.12}}\n"));
/// # Ok::<(), pki_core::etcd::DescriptionError>(())
/// ```
///
/// # Errors
/// [`EditError`] if the members are not written in lines of their own.
pub fn with_member(text: &str, member: &Member) -> Result<String, EditError> {
    let line = member_line(member);
    let refused = || EditError { line: line.clone() };
    let before = read(text, None).map_err(|_| refused())?;
    let list = List::find(text).ok_or_else(refused)?;
    let at = list.items.last().map(|item| item.end).ok_or_else(refused)?;
    let (head, tail) = text.split_at(at);
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if head.ends_with('\n') { "" } else { end };
    let edited = format!("{head}{gap}{}- {line}{end}{tail}", list.indent);
    let mut wanted = before;
    wanted.members.push(member.clone());
    checked(edited, &wanted).ok_or_else(refused)
}

/// The description without one of its members.
///
/// # Errors
/// [`EditError`] if there is no such member, or the members are not written in lines of their own.
pub fn without_member(text: &str, name: &Label) -> Result<String, EditError> {
    let refused = || EditError { line: format!("{{name: {}, ...}}", plain(name.as_str())) };
    let before = read(text, None).map_err(|_| refused())?;
    let at = before.members.iter().position(|member| member.name() == name).ok_or_else(refused)?;
    let list = List::find(text).ok_or_else(refused)?;
    let item = list.items.get(at).ok_or_else(refused)?;
    let (head, tail) = (text.get(..item.start), text.get(item.end..));
    let edited = format!("{}{}", head.unwrap_or_default(), tail.unwrap_or_default());
    let mut wanted = before;
    wanted.members.remove(at);
    checked(edited, &wanted).ok_or_else(refused)
}

/// The text, if it describes this cluster.
fn checked(text: String, wanted: &Cluster) -> Option<String> {
    read(&text, None).is_ok_and(|is| is == *wanted).then_some(text)
}

/// A member as one line of a list.
pub fn member_line(member: &Member) -> String {
    let list = |key: &str, texts: Vec<String>| match texts.as_slice() {
        [] => String::new(),
        [one] => format!(", {key}: {one}"),
        several => format!(", {key}: [{}]", several.join(", ")),
    };
    let addresses = member.addresses().iter().map(|address| plain(&address.to_string()));
    let names = member.dns().iter().map(|name| plain(name.as_str()));
    format!(
        "{{name: {}{}{}}}",
        plain(member.name().as_str()),
        list("address", addresses.collect()),
        list("dns", names.collect())
    )
}

/// A word of YAML, in quotes if some reader would not take it for a text.
fn plain(text: &str) -> String {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_simple = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    let is_address = text.parse::<std::net::Ipv4Addr>().is_ok();
    if is_address || begins && is_simple && !is_word { text.to_owned() } else { quoted(text) }
}

/// The list of members in a text.
struct List {
    /// What stands before the dash of each member.
    indent: String,
    items: Vec<Item>,
}

/// The lines of a member: where they begin and end in the text.
struct Item {
    start: usize,
    end: usize,
}

impl List {
    /// Finds the list below the key `members`, if each member begins a line with a dash.
    fn find(text: &str) -> Option<Self> {
        let (mut indent, mut items, mut at, mut is_inside) = (None::<String>, Vec::<Item>::new(), 0, false);
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let content = line.trim();
            if !is_inside {
                let value = line.strip_prefix("members:").map(str::trim);
                is_inside = value.is_some_and(|value| value.is_empty() || value.starts_with('#'));
                continue;
            }
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let before: String = line.chars().take_while(|c| *c == ' ').collect();
            let is_item = content == "-" || content.starts_with("- ");
            match &indent {
                None if is_item => indent = Some(before.clone()),
                None => return None,
                Some(_) => {}
            }
            let known = indent.as_deref().unwrap_or_default();
            if before == known && is_item {
                items.push(Item { start, end: at });
            } else if before.len() > known.len() {
                items.last_mut()?.end = at;
            } else {
                break;
            }
        }
        Some(Self { indent: indent?, items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# top\nname: prod # the name\nmembers: # three\n  # rack 1\n  - {name: a, address: 10.0.0.1} # one\n\n  \
                        # rack 2\n  - name: b\n    # inner\n    address: 10.0.0.2\n  -  name: c\n     address:\n       - \
                        10.0.0.3\n\n# the rest\nversion: 3.5.30\n";

    fn with(text: &str, member: &str) -> Result<String, EditError> {
        with_member(text, &Member::parse(member).unwrap())
    }

    fn without(text: &str, name: &str) -> Result<String, EditError> {
        without_member(text, &Label::parse(name).unwrap())
    }

    #[test]
    fn a_member_comes_after_the_last_and_everything_else_stays() {
        let more = with(TEXT, "d=10.0.0.4,d.example.com").unwrap();
        let line = "  - {name: d, address: 10.0.0.4, dns: d.example.com}\n";
        assert_eq!(more, TEXT.replace("- 10.0.0.3\n", &format!("- 10.0.0.3\n{line}")));
        // Taken out again, it is the text of before.
        assert_eq!(without(&more, "d").unwrap(), TEXT);
    }

    #[test]
    fn a_member_goes_and_the_comments_of_others_stay() {
        assert_eq!(without(TEXT, "a").unwrap(), TEXT.replace("  - {name: a, address: 10.0.0.1} # one\n", ""));
        let of_b = "  - name: b\n    # inner\n    address: 10.0.0.2\n";
        assert_eq!(without(TEXT, "b").unwrap(), TEXT.replace(of_b, ""));
        let of_c = "  -  name: c\n     address:\n       - 10.0.0.3\n";
        assert_eq!(without(TEXT, "c").unwrap(), TEXT.replace(of_c, ""));
        assert!(without(TEXT, "d").is_err());
    }

    #[test]
    fn lists_without_indentation_line_ends_and_texts_without_an_end_are_kept() {
        let text = "members:\r\n- {name: a, address: 10.0.0.1}\r\nname: prod\r\n";
        let more = with(text, "b=fd00::1").unwrap();
        assert_eq!(more, text.replace("name: prod", "- {name: b, address: \"fd00::1\"}\r\nname: prod"));
        let text = "name: prod\nmembers:\n - {name: a, address: 10.0.0.1}";
        assert_eq!(
            with(text, "no=10.0.0.2").unwrap(),
            format!("{text}\n - {{name: \"no\", address: 10.0.0.2}}\n")
        );
    }

    #[test]
    fn what_would_say_something_else_is_refused() {
        for text in [
            "name: prod\nmembers: [{name: a, address: 10.0.0.1}]\n",
            "{\"name\": \"prod\", \"members\": [{\"name\": \"a\", \"address\": \"10.0.0.1\"}]}",
            "name: prod\nmembers:\n  [{name: a, address: 10.0.0.1}]\n",
            "name: prod\n\"members\":\n  - {name: a, address: 10.0.0.1}\n",
            // The member that follows is the same one.
            "name: prod\nmembers:\n  - &a {name: a, address: 10.0.0.1}\nsubject: *a\n",
        ] {
            let error = with(text, "b=10.0.0.2").unwrap_err();
            assert_eq!(error.line, "{name: b, address: 10.0.0.2}", "{text}");
        }
        // A name that is there, and the last member.
        assert!(with(TEXT, "a=10.0.0.9").is_err());
        assert!(without("name: prod\nmembers:\n  - {name: a, address: 10.0.0.1}\n", "a").is_err());
        // An anchor that others need.
        let text = "name: prod\nmembers:\n  - {name: a, address: &x 10.0.0.1}\n  - {name: b, address: 10.0.0.2, names: *x}\n";
        assert!(read(text, None).is_ok() && without(text, "a").is_err());
    }
}
