//! Splits the text of a shell into commands (POSIX, Shell Command Language, 2.2 "Quoting", 2.7 "Redirection").
//!
//! Nothing is run, and no expansion is carried out here. Redirections and here-documents are no words of a command.

use std::iter::Peekable;
use std::str::CharIndices;

use crate::etcd::found::process::{is_name, is_name_part};
use crate::etcd::found::words::{UNKNOWN, Word};

/// One command of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShellCommand {
    pub(crate) words: Vec<ShellWord>,
    pub(crate) end: CommandEnd,
    /// Whether something is done with its files, which keeps shells from becoming the command.
    pub(crate) is_redirected: bool,
    /// The file that its output is written to.
    pub(crate) output: Option<Output>,
    pub(crate) here_document: Option<HereDocument>,
    /// The word that it reads as its input (`<<<`).
    pub(crate) here_string: Option<ShellWord>,
}

/// A file that the output of a command is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) file: ShellWord,
    /// Whether what the file has stays before it.
    pub(crate) is_appended: bool,
}

/// A word without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShellWord {
    pub(crate) word: Word,
    /// Whether the shell puts something in the place of a part of it: a variable or the output of a command.
    pub(crate) is_expanded: bool,
    /// Whether a part of it is in quotes, so that what takes the place of a variable stays one word.
    pub(crate) is_quoted: bool,
}

/// What ends a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CommandEnd {
    /// The end of the line or of the text, `;` or a bracket.
    #[default]
    Plain,
    /// `|`: the shell waits for all commands of the pipe.
    Pipe,
    /// `&&` or `||`.
    AndOr,
    /// `&`: the shell goes on at once.
    Background,
}

/// The lines that a command reads as its input, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HereDocument {
    pub(crate) text: String,
    /// Whether the shell leaves the text as it is, because its end is quoted.
    pub(crate) is_literal: bool,
}

/// A here-document whose lines come after the line that names it.
struct Announced {
    /// The index of its command.
    command: usize,
    end: String,
    is_literal: bool,
    strips_tabs: bool,
}

/// What a redirection does with the word behind it.
enum Redirection {
    Output { is_appended: bool },
    HereDocument { strips_tabs: bool },
    HereString,
    Other,
}

/// The name of a variable in `${...}`, and what takes its place if it has no value: `NAME`, `NAME:-VALUE`, `NAME:=VALUE`
/// (POSIX, Shell Command Language, 2.6.2 "Parameter Expansion"). `None` if it stands for anything else, such as a part of
/// the value.
pub(crate) fn parameter(inside: &str) -> Option<(&str, Option<&str>)> {
    let end = inside.find(|c| !is_name_part(c)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    if !is_name(name) {
        return None;
    }
    // All words of a list of bash's.
    if matches!(rest, "" | "[@]" | "[*]") {
        return Some((name, None));
    }
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let usual = rest.strip_prefix('-').or_else(|| rest.strip_prefix('='))?;
    (!usual.contains(['$', '`'])).then_some((name, Some(usual)))
}

/// What stands in a text for a variable or the output of a command that is not known.
pub(crate) fn unknown(inside: &str) -> String {
    let parts = inside.split(|c| !is_name_part(c)).filter(|part| !part.is_empty());
    let name: String = parts.take(4).collect::<Vec<_>>().join("_").chars().take(40).collect();
    format!("{UNKNOWN}{name}}}")
}

/// The number of characters that may be between the brackets behind a `$`.
const LONGEST_REFERENCE: usize = 4096;

/// What a `$` refers to, by the text behind it, and the text behind that: a name, or what is in brackets.
pub(crate) fn reference(text: &str) -> Option<(&str, &str)> {
    let first = text.chars().next()?;
    let close = match first {
        '{' => '}',
        '(' => ')',
        c if is_name_part(c) && !c.is_ascii_digit() => {
            return Some(text.split_at(text.find(|c| !is_name_part(c)).unwrap_or(text.len())));
        }
        c if c.is_ascii_digit() || "@*#?$!-".contains(c) => return Some(text.split_at(1)),
        _ => return None,
    };
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().take(LONGEST_REFERENCE) {
        if c == first {
            depth += 1;
        } else if c == close {
            depth -= 1;
        }
        if depth == 0 {
            // The brackets of a command are a part of it, so that it is no name.
            let inside = if first == '{' { text.get(1..at)? } else { text.get(..=at)? };
            return Some((inside, text.get(at + 1..)?));
        }
    }
    None
}

/// Whether a list of bash's begins behind a text: `NAME=(` or `NAME+=(`.
fn begins_list(text: &str) -> bool {
    text.strip_suffix('=').is_some_and(|name| is_name(name.strip_suffix('+').unwrap_or(name)))
}

/// The commands of a script, in their order.
pub(crate) fn commands(text: &str) -> Vec<ShellCommand> {
    let mut lexer = Lexer {
        text,
        characters: text.char_indices().peekable(),
        commands: vec![ShellCommand::default()],
        descriptor: String::new(),
        is_in_list: false,
    };
    lexer.run();
    let mut commands = lexer.commands;
    commands.retain(|command| !command.words.is_empty() || command.here_document.is_some());
    commands
}

struct Lexer<'a> {
    text: &'a str,
    characters: Peekable<CharIndices<'a>>,
    commands: Vec<ShellCommand>,
    /// The number of the file that the next redirection is about; empty if none is written.
    descriptor: String,
    /// Whether the words of a list are read: lists have no lists in them.
    is_in_list: bool,
}

impl Lexer<'_> {
    fn run(&mut self) {
        let mut announced = Vec::new();
        while let Some((offset, c)) = self.characters.peek().copied() {
            match c {
                '\n' => {
                    self.characters.next();
                    self.end_command(CommandEnd::Plain);
                    self.here_documents(&mut announced);
                }
                c if c.is_whitespace() => drop(self.characters.next()),
                '#' => while self.characters.next_if(|(_, c)| *c != '\n').is_some() {},
                ';' | '(' | ')' => {
                    self.characters.next();
                    self.end_command(CommandEnd::Plain);
                }
                '|' => {
                    self.characters.next();
                    let is_or = self.characters.next_if(|(_, c)| *c == '|').is_some();
                    // `|&` sends the errors through the pipe too.
                    self.characters.next_if(|(_, c)| *c == '&');
                    self.end_command(if is_or { CommandEnd::AndOr } else { CommandEnd::Pipe });
                }
                '&' => {
                    self.characters.next();
                    if self.characters.next_if(|(_, c)| *c == '>').is_some() {
                        let is_appended = self.characters.next_if(|(_, c)| *c == '>').is_some();
                        self.redirect(Redirection::Output { is_appended }, &mut announced);
                    } else {
                        let is_and = self.characters.next_if(|(_, c)| *c == '&').is_some();
                        self.end_command(if is_and { CommandEnd::AndOr } else { CommandEnd::Background });
                    }
                }
                '<' | '>' => {
                    let redirection = self.redirection();
                    self.redirect(redirection, &mut announced);
                }
                _ => {
                    let word = self.word(offset);
                    // A number right before a redirection is that of a file, and no word.
                    let is_number = word.word.text.chars().all(|c| c.is_ascii_digit()) && !word.is_quoted;
                    let is_descriptor =
                        is_number && self.characters.peek().is_some_and(|(_, c)| matches!(c, '<' | '>'));
                    // A continued line alone makes no word.
                    let is_empty = word.word.text.is_empty() && !word.is_quoted;
                    if is_descriptor {
                        self.descriptor = word.word.text;
                    } else if !is_empty && let Some(command) = self.commands.last_mut() {
                        command.words.push(word);
                    }
                }
            }
        }
    }

    fn end_command(&mut self, end: CommandEnd) {
        if let Some(command) = self.commands.last_mut() {
            if command.words.is_empty() && command.here_document.is_none() && command.output.is_none() {
                return;
            }
            command.end = end;
        }
        self.commands.push(ShellCommand::default());
    }

    /// Reads the operator of a redirection.
    fn redirection(&mut self) -> Redirection {
        let first = self.characters.next().map(|(_, c)| c);
        let mut next = |wanted: char| self.characters.next_if(|(_, c)| *c == wanted).is_some();
        if first == Some('<') {
            if next('<') {
                if next('<') {
                    return Redirection::HereString;
                }
                return Redirection::HereDocument { strips_tabs: next('-') };
            }
            let _ = next('&') || next('>');
            return Redirection::Other;
        }
        if next('&') {
            return Redirection::Other;
        }
        let is_appended = next('>');
        let _ = is_appended || next('|');
        Redirection::Output { is_appended }
    }

    /// Reads the word behind a redirection.
    fn redirect(&mut self, redirection: Redirection, announced: &mut Vec<Announced>) {
        let is_of_errors = std::mem::take(&mut self.descriptor).trim_start_matches('0') == "2";
        while self.characters.next_if(|(_, c)| *c == ' ' || *c == '\t').is_some() {}
        let Some((offset, c)) = self.characters.peek().copied() else { return };
        if c == '\n' || ";|&()<>".contains(c) {
            return;
        }
        let target = self.word(offset);
        if let Some(command) = self.commands.last_mut() {
            command.is_redirected = true;
        }
        let number = self.commands.len().saturating_sub(1);
        match redirection {
            Redirection::Other => {}
            Redirection::HereString => {
                if let Some(command) = self.commands.last_mut() {
                    command.here_string = Some(target);
                }
            }
            Redirection::Output { is_appended } => {
                if let Some(command) = self.commands.last_mut().filter(|_| !is_of_errors) {
                    command.output = Some(Output { file: target, is_appended });
                }
            }
            Redirection::HereDocument { strips_tabs } => announced.push(Announced {
                command: number,
                end: target.word.text,
                is_literal: target.is_quoted,
                strips_tabs,
            }),
        }
    }

    /// Reads the lines of the here-documents that the line before has announced.
    fn here_documents(&mut self, announced: &mut Vec<Announced>) {
        for Announced { command, end, is_literal, strips_tabs } in announced.drain(..) {
            let begin = self.characters.peek().map_or(self.text.len(), |(offset, _)| *offset);
            let rest = self.text.get(begin..).unwrap_or_default();
            let (mut text, mut length) = (String::new(), 0);
            for line in rest.split_inclusive('\n') {
                length += line.len();
                let content = if strips_tabs { line.trim_start_matches('\t') } else { line };
                if content.trim_end_matches(['\n', '\r']) == end {
                    break;
                }
                text.push_str(content);
            }
            while self.characters.next_if(|(offset, _)| *offset < begin + length).is_some() {}
            if let Some(command) = self.commands.get_mut(command) {
                command.here_document = Some(HereDocument { text, is_literal });
            }
        }
    }

    /// Reads a word, which begins at `offset`.
    fn word(&mut self, offset: usize) -> ShellWord {
        let mut word =
            ShellWord { word: Word { text: String::new(), offset }, is_expanded: false, is_quoted: false };
        let mut quote = None;
        while let Some((_, c)) = self.characters.peek().copied() {
            if quote.is_none() && c == '(' && !self.is_in_list && begins_list(&word.word.text) {
                self.list(&mut word);
                continue;
            }
            if quote.is_none() && (c.is_whitespace() || ";|&()<>".contains(c)) {
                break;
            }
            self.characters.next();
            let text = &mut word.word.text;
            match (c, quote) {
                ('"' | '\'', None) => (quote, word.is_quoted) = (Some(c), true),
                (c, Some(open)) if c == open => quote = None,
                (c, Some('\'')) => text.push(c),
                ('\\', None) => match self.characters.next() {
                    Some((_, '\n')) | None => {}
                    Some((_, c)) => text.push(c),
                },
                ('\\', _) => match self.characters.next_if(|(_, c)| "\\\"$`\n".contains(*c)) {
                    Some((_, '\n')) => {}
                    Some((_, c)) => text.push(c),
                    None => text.push('\\'),
                },
                ('$', _) => {
                    text.push('$');
                    word.is_expanded |= self.expansion(&mut word.word.text);
                }
                ('`', _) => {
                    word.is_expanded = true;
                    text.push('`');
                    self.until_closed('`', '`', text);
                }
                (c, _) => text.push(c),
            }
        }
        word
    }

    /// Reads the words of `NAME=(WORD...)`, of which bash makes a list; they become one text, as with `NAME="WORD..."`.
    fn list(&mut self, word: &mut ShellWord) {
        self.characters.next();
        self.is_in_list = true;
        let mut is_first = true;
        while let Some((offset, c)) = self.characters.peek().copied() {
            match c {
                ')' => {
                    self.characters.next();
                    break;
                }
                '#' => while self.characters.next_if(|(_, c)| *c != '\n').is_some() {},
                c if c.is_whitespace() || ";|&(<>".contains(c) => drop(self.characters.next()),
                _ => {
                    let item = self.word(offset);
                    if !is_first {
                        word.word.text.push(' ');
                    }
                    is_first = false;
                    word.word.text.push_str(&item.word.text);
                    word.is_expanded |= item.is_expanded;
                }
            }
        }
        self.is_in_list = false;
    }

    /// Reads what follows a `$`. Whether the shell puts something in its place.
    fn expansion(&mut self, text: &mut String) -> bool {
        match self.characters.peek().map(|(_, c)| *c) {
            Some(open @ ('(' | '{')) => {
                self.characters.next();
                text.push(open);
                self.until_closed(open, if open == '(' { ')' } else { '}' }, text);
                true
            }
            Some(c) => c.is_ascii_alphanumeric() || "_@*#?$!-".contains(c),
            None => false,
        }
    }

    /// Reads to the bracket that closes the one before.
    fn until_closed(&mut self, open: char, close: char, text: &mut String) {
        let mut depth = 1_usize;
        for (_, c) in self.characters.by_ref() {
            text.push(c);
            if c == close {
                depth -= 1;
            } else if c == open {
                depth += 1;
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expansion_is_a_variable_or_something_else() {
        for (inside, expected) in [
            ("A", Some(("A", None))),
            ("A:-b-c", Some(("A", Some("b-c")))),
            ("A-", Some(("A", Some("")))),
            ("A:=b", Some(("A", Some("b")))),
            ("A[@]", Some(("A", None))),
            ("A[0]", None),
            ("A##*-", None),
            ("A:?must-be-set", None),
            ("A:+b", None),
            ("A:-$B", None),
            ("#A", None),
            ("", None),
            ("@", None),
        ] {
            assert_eq!(parameter(inside), expected, "{inside}");
        }
    }

    fn texts(script: &str) -> Vec<Vec<String>> {
        let words = |command: ShellCommand| command.words.into_iter().map(|word| word.word.text).collect();
        commands(script).into_iter().map(words).collect()
    }

    #[test]
    fn a_shell_quotes_and_separates_commands() {
        let script = "etcd --name \"a\\$b\\n\" 'c;d' e\\ f \\\n  --x # comment\n--y 2>&1 && z;";
        let first = ["etcd", "--name", "a$b\\n", "c;d", "e f", "--x"];
        assert_eq!(texts(script), [&first[..], &["--y"], &["z"]]);
    }

    #[test]
    fn a_list_is_a_text_of_its_words() {
        let script = "A=(--x 'b c' # d\n  \"$E\"\n) B+=(f); g(h) i=(\n";
        assert_eq!(texts(script), [&["A=--x b c $E", "B+=f"][..], &["g"], &["h"], &["i="]]);
    }

    #[test]
    fn redirections_are_no_words() {
        for script in [
            "etcd -x 2>&1 >> /f",
            "etcd >/f -x </dev/null",
            "etcd -x &>/f",
            "etcd -x >& /f",
            "etcd -x 2>/dev/null 1>&2",
            "<in etcd -x >|/f",
            "etcd -x <<<word",
            "etcd -x 2> >(cat)",
        ] {
            assert_eq!(texts(script).first().unwrap(), &["etcd", "-x"], "{script}");
        }
        assert_eq!(texts("etcd --n 2 >f"), [["etcd", "--n", "2"]]);
        let all = commands("etcd 2>&1 | logger -t etcd || x & y && z");
        let ends: Vec<CommandEnd> = all.iter().map(|command| command.end).collect();
        use CommandEnd::{AndOr, Background, Pipe, Plain};
        assert_eq!(ends, [Pipe, AndOr, Background, AndOr, Plain]);
        let redirected: Vec<bool> = all.iter().map(|command| command.is_redirected).collect();
        assert_eq!(redirected, [true, false, false, false, false]);
    }

    #[test]
    fn here_documents_are_input() {
        let script = "cat <<EOF >/etc/a && cat > /b <<-'END'\nA=\\$b\\\\\nEOF\n\tB=$c\n\tEND\nexec etcd\n";
        let all = commands(script);
        assert_eq!(all[0].here_document.as_ref().unwrap().text, "A=\\$b\\\\\n");
        assert_eq!(all[0].output.as_ref().unwrap().file.word.text, "/etc/a");
        assert_eq!(all[1].here_document, Some(HereDocument { text: "B=$c\n".to_owned(), is_literal: true }));
        assert_eq!(all[2].words[0].word.text, "exec");
        assert_eq!(commands("cat <<E\nno end").len(), 1);
        let all = commands("a 2>/e >>/o\nb &>/o\nc 2>>/e <<<\"$x y\"\n");
        let outputs: Vec<_> = all
            .iter()
            .map(|command| command.output.as_ref().map(|o| (o.file.word.text.as_str(), o.is_appended)))
            .collect();
        assert_eq!(outputs, [Some(("/o", true)), Some(("/o", false)), None]);
        assert_eq!(all[2].here_string.as_ref().unwrap().word.text, "$x y");
    }

    #[test]
    fn expansions_are_whole() {
        let all = commands("x $(a | b; c) \"${y:-d e}\" '$z' $((1 + 2))-`date +%s` \\$q");
        let words: Vec<_> =
            all[0].words.iter().map(|word| (word.word.text.as_str(), word.is_expanded)).collect();
        let expected = [
            ("x", false),
            ("$(a | b; c)", true),
            ("${y:-d e}", true),
            ("$z", false),
            ("$((1 + 2))-`date +%s`", true),
            ("$q", false),
        ];
        assert_eq!(words, expected);
    }
}
