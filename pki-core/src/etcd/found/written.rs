//! The files that a script writes: with here-documents, `echo`, `printf`, `tee` and redirections, on its own host and on
//! others by ssh.
//!
//! Nothing is run. What a shell would put into a text and is not known here stays in it as [`UNKNOWN`](crate::etcd::found::words::UNKNOWN) says.

use base64::Engine;

use crate::base::place::Place;
use crate::etcd::found::command::SHELLS;
use crate::etcd::found::foreign;
use crate::etcd::found::process::{Argument, Process, base_name};
use crate::etcd::found::shell::{self, CommandEnd, HereDocument, ShellCommand};
use crate::etcd::found::shell_state::{KEYWORDS, ShellState, assignment};
use crate::etcd::found::wrapper::{Wrapper, options};

/// The number of commands that are looked at, those of the scripts in scripts too. More are no accident.
const MOST_COMMANDS: usize = 5000;

/// How deep scripts in scripts are followed.
const DEEPEST: usize = 4;

/// The length of all texts together that are kept, in bytes. Without a limit, a short script that uses a long variable
/// many times would fill the memory.
const LONGEST: usize = 8 << 20;

/// The number of brackets in a text that are not closed, so that looking for their ends takes a bounded time.
const MOST_OPEN: usize = 100;

/// The number of files that are kept.
const MOST_FILES: usize = 1000;

/// A file that a script writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenFile {
    /// What tells hosts apart: the host that ssh reaches, and a number if the script writes the path again; empty for
    /// the host of the script.
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether the script changes the file afterwards, in a way that is not read here.
    pub(crate) is_changed: bool,
}

/// What a script writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) files: Vec<WrittenFile>,
    /// Whether it gives a text that speaks of etcd to a program of which nothing is known here, or is too long.
    pub(crate) has_more: bool,
}

/// The files that a script writes.
pub(crate) fn files(script: &str) -> Written {
    if !script.contains("<<") && !script.contains('>') && !script.contains("tee") {
        return Written::default();
    }
    let process = Process { environment_is_known: true, ..Process::default() };
    let mut walk = Walk { process, ..Walk::default() };
    walk.run(script, None, DEEPEST);
    walk.written
}

/// A walk through the commands of a script.
#[derive(Default)]
struct Walk {
    /// The shell's variables.
    process: Process,
    /// The host that the commands run on; empty for that of the script.
    host: String,
    /// The working folder; empty if it is not known.
    folder: String,
    written: Written,
    commands: usize,
    length: usize,
}

impl Walk {
    /// Goes through the commands of a script, and gives what it prints last. `input` is what it reads.
    fn run(&mut self, script: &str, input: Option<&str>, depth: usize) -> Option<String> {
        let mut shell = ShellState::default();
        let (mut piped, mut is_piped) = (None, false);
        // What the commands between braces have printed so far.
        let mut groups: Vec<String> = Vec::new();
        for command in shell::commands(script) {
            self.commands += 1;
            if self.commands > MOST_COMMANDS || self.length > LONGEST || depth == 0 {
                self.written.has_more |= foreign::speaks_of_etcd(script);
                return None;
            }
            let own = self.own_input(&command);
            let from_pipe = std::mem::take(&mut piped).filter(|_| is_piped);
            let input = own.or(from_pipe).or_else(|| input.filter(|_| !is_piped).map(str::to_owned));
            let mut words = Vec::new();
            for word in &command.words {
                shell.expand(word, Place::default(), &self.process, &mut words);
            }
            let mut words: Vec<Argument> = words.into_iter().map(|(word, _)| word).collect();
            let first = words.first().map(|word| word.shown().to_owned()).unwrap_or_default();
            if first == "{" {
                groups.push(String::new());
            }
            let after = words.iter().position(|word| !KEYWORDS.contains(&word.shown()));
            words.drain(..after.unwrap_or(words.len()));
            let output = match first.as_str() {
                "}" => groups.pop().filter(|text| !text.is_empty()),
                _ if command.here_document.is_none() && shell.take(&words, &mut self.process) => None,
                _ => self.command(&words, input, depth),
            };
            self.length += output.as_ref().map_or(0, String::len);
            is_piped = command.end == CommandEnd::Pipe;
            match (&command.output, output) {
                (Some(to), Some(text)) => {
                    let mut file = Vec::new();
                    shell.expand(&to.file, Place::default(), &self.process, &mut file);
                    if let Some((file, _)) = file.first() {
                        self.write(file, text, to.is_appended);
                    }
                }
                (None, Some(text)) if !is_piped && !groups.is_empty() => {
                    groups.last_mut().into_iter().for_each(|group| group.push_str(&text));
                }
                (_, output) => piped = output,
            }
        }
        piped
    }

    /// What a command reads by its own redirection.
    fn own_input(&self, command: &ShellCommand) -> Option<String> {
        let document = command.here_document.as_ref().map(|document| self.rendered(document));
        let word = || {
            let word = command.here_string.as_ref()?;
            let document = HereDocument { text: word.word.text.clone(), is_literal: !word.is_expanded };
            Some(format!("{}\n", self.rendered(&document)))
        };
        document.or_else(word)
    }

    /// The text of a here-document, with the values of variables.
    fn rendered(&self, document: &HereDocument) -> String {
        if document.is_literal {
            return document.text.clone();
        }
        let mut result = String::new();
        let mut rest = document.text.as_str();
        let mut open = 0;
        while let Some(at) = rest.find(['\\', '$', '`']) {
            let (before, after) = rest.split_at(at);
            result.push_str(before);
            if result.len() > LONGEST || open > MOST_OPEN {
                return result + &shell::unknown("");
            }
            let next = after.get(1..).unwrap_or_default();
            if let Some(escaped) = after.strip_prefix('\\') {
                rest = match escaped.chars().next() {
                    Some(c @ ('\\' | '$' | '`')) => {
                        result.push(c);
                        escaped.get(1..).unwrap_or_default()
                    }
                    Some('\n') => escaped.get(1..).unwrap_or_default(),
                    _ => {
                        result.push('\\');
                        escaped
                    }
                };
                continue;
            }
            let is_command = after.starts_with('`');
            let found = if is_command { next.split_once('`') } else { shell::reference(next) };
            let Some((inside, behind)) = found else {
                result.push_str(after.get(..1).unwrap_or_default());
                rest = next;
                open += usize::from(next.starts_with(['{', '(']));
                continue;
            };
            match self.process.shell_value(inside).filter(|_| !is_command) {
                Some(value) => result.push_str(value),
                None => result.push_str(&shell::unknown(inside)),
            }
            rest = behind;
        }
        result.push_str(rest);
        result
    }

    /// The text of a word, with what is not known marked.
    fn text_of(&self, word: &Argument) -> String {
        let written = || HereDocument { text: word.written.clone(), is_literal: false };
        word.text.clone().unwrap_or_else(|| self.rendered(&written()))
    }

    /// What a command prints, as far as it is known. Files that it writes by itself are added.
    fn command(&mut self, words: &[Argument], input: Option<String>, depth: usize) -> Option<String> {
        let words = bare(words);
        let (program, operands) = words.split_first()?;
        let name = base_name(program.shown()).to_owned();
        let plain = || operands.iter().filter(|word| !word.shown().starts_with('-') || word.shown() == "-");
        match name.as_str() {
            "cat" if plain().all(|word| is_input(word.shown())) => input,
            "echo" => Some(self.echo(operands)),
            "printf" => self.printf(operands),
            "tee" | "sponge" => {
                let is_appended =
                    operands.iter().any(|word| word.shown() == "--append" || word.shown().starts_with("-a"));
                let input = input?;
                for file in plain() {
                    self.write(file, input.clone(), is_appended);
                }
                Some(input)
            }
            "dd" => {
                let file = operands.iter().find_map(|word| word.shown().strip_prefix("of="))?.to_owned();
                self.write(&Argument::plain(file, Place::default()), input?, false);
                None
            }
            "cp" | "install" if operands.iter().any(|word| word.shown() == "/dev/stdin") => {
                self.write(operands.last()?, input?, false);
                None
            }
            "mv" | "cp" | "install" => {
                self.move_files(&plain().collect::<Vec<_>>(), name == "mv");
                None
            }
            "sed" | "perl" | "yq" if operands.iter().any(|word| word.shown().contains("-i")) => {
                let paths: Vec<String> = plain().map(|word| self.path_of(word)).collect();
                let files = self.written.files.iter_mut().filter(|file| paths.contains(&file.path));
                files.for_each(|file| file.is_changed = true);
                None
            }
            "cd" => {
                self.folder = plain().next().map(|word| self.path_of(word)).unwrap_or_default();
                None
            }
            "envsubst" => Some(self.rendered(&HereDocument { text: input?, is_literal: false })),
            "base64" if operands.iter().any(|word| ["-d", "--decode", "-D"].contains(&word.shown())) => {
                let text: String = input?.split_whitespace().collect();
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
                String::from_utf8(bytes).ok()
            }
            "ssh" => self.ssh(&words, input, depth),
            "su" | "runuser" => self.shell(operands, input, depth),
            name if SHELLS.contains(&name) => self.shell(operands, input, depth),
            _ => {
                self.other(&name, operands, input);
                None
            }
        }
    }

    /// `sh -c COMMANDS`, or a shell that reads its commands.
    fn shell(&mut self, operands: &[Argument], input: Option<String>, depth: usize) -> Option<String> {
        let is_command = |word: &Argument| {
            let text = word.shown();
            text == "--command" || text.starts_with('-') && !text.starts_with("--") && text.ends_with('c')
        };
        if let Some(at) = operands.iter().position(is_command) {
            return self.run(operands.get(at + 1)?.shown(), input.as_deref(), depth - 1);
        }
        self.run(&input?, None, depth - 1)
    }

    /// `ssh [OPTIONS] HOST [COMMAND...]`
    fn ssh(&mut self, words: &[Argument], input: Option<String>, depth: usize) -> Option<String> {
        let number = options(words.iter().map(Argument::shown), "bcDEeFIiJLlmOopQRSWw", &[]);
        let host = words.get(number)?;
        let host = host.shown().replace(|c: char| !(c.is_ascii_alphanumeric() || "-.@_".contains(c)), "_");
        let command: Vec<String> =
            words.iter().skip(number + 1).map(|word| word.shown().to_owned()).collect();
        let around = std::mem::replace(&mut self.host, host);
        let output = match command.is_empty() {
            true => input.and_then(|script| self.run(&script, None, depth - 1)),
            false => self.run(&command.join(" "), input.as_deref(), depth - 1),
        };
        self.host = around;
        output
    }

    /// A program that is given a text: an engine or a client of Kubernetes that reads it as a file, or another one.
    fn other(&mut self, name: &str, operands: &[Argument], input: Option<String>) {
        let Some(input) = input.filter(|input| foreign::speaks_of_etcd(input)) else { return };
        let reads = ["kubectl", "oc", "k3s", "microk8s", "docker", "docker-compose", "podman", "nerdctl"];
        let is_input = operands.iter().any(|word| {
            let text = word.shown();
            is_input(text) || ["-f-", "--filename=-", "-c-", "--file=-"].contains(&text)
        });
        if reads.contains(&name) && is_input {
            let file = format!("{name}-{}.yaml", self.written.files.len() + 1);
            self.write(&Argument::plain(file, Place::default()), input, false);
        } else {
            self.written.has_more = true;
        }
    }

    fn echo(&self, operands: &[Argument]) -> String {
        let is_option = |word: &&Argument| ["-n", "-e", "-E", "-ne", "-en"].contains(&word.shown());
        let own: Vec<&str> = operands.iter().take_while(is_option).map(Argument::shown).collect();
        let words: Vec<String> = operands.iter().skip(own.len()).map(|word| self.text_of(word)).collect();
        let has = |letter: char| own.iter().any(|option| option.contains(letter));
        let text = words.join(" ");
        let text = if has('e') { unescaped(&text) } else { text };
        if has('n') { text } else { format!("{text}\n") }
    }

    /// `printf FORMAT WORD...`, with `%s` and what is like it; the format is used again while there are words.
    fn printf(&self, operands: &[Argument]) -> Option<String> {
        let operands = if operands.first()?.shown() == "--" { operands.get(1..)? } else { operands };
        let (format, words) = operands.split_first()?;
        let format = unescaped(&self.text_of(format));
        let mut words = words.iter().peekable();
        let mut result = String::new();
        loop {
            let before = words.len();
            let mut rest = format.as_str();
            while let Some((plain, after)) = rest.split_once('%') {
                result.push_str(plain);
                rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
                match after.chars().next() {
                    Some('%') => result.push('%'),
                    Some('s' | 'd' | 'i' | 'u' | 'q') => {
                        result.extend(words.next().map(|word| self.text_of(word)));
                    }
                    Some('b') => result.extend(words.next().map(|word| unescaped(&self.text_of(word)))),
                    _ => return None,
                }
            }
            result.push_str(rest);
            if words.peek().is_none() || words.len() == before || result.len() > LONGEST {
                return Some(result);
            }
        }
    }

    /// The path of a file; where a folder of it is not known, the path below that.
    fn path_of(&self, word: &Argument) -> String {
        let below = || {
            let parts = word.written.rsplit('/').take_while(|part| !part.contains(['$', '`', ')', '}']));
            let parts: Vec<&str> = parts.collect();
            let path = parts.into_iter().rev().collect::<Vec<_>>().join("/");
            Some(path).filter(|path| !path.is_empty()).map(|path| format!("/{path}"))
        };
        let path = word.text.clone().or_else(below);
        let path = path.unwrap_or_else(|| format!("file-{}", self.written.files.len() + 1));
        let path = if path.starts_with('/') { path } else { format!("{}/{path}", self.folder) };
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "." | ".." | "~"));
        parts.fold(String::new(), |path, part| format!("{path}/{part}"))
    }

    fn write(&mut self, file: &Argument, text: String, is_appended: bool) {
        let path = self.path_of(file);
        if path.starts_with("/dev/") || path.is_empty() {
            return;
        }
        self.length += text.len();
        if self.written.files.len() >= MOST_FILES {
            self.written.has_more = true;
            return;
        }
        let is_here = |host: &str| host.split('#').next() == Some(self.host.as_str());
        let mut same = self.written.files.iter_mut().filter(|file| file.path == path && is_here(&file.host));
        match same.next_back() {
            Some(file) if is_appended => file.text.push_str(&text),
            Some(file) if file.text == text => {}
            // It may be for another case, or for another host.
            Some(_) => {
                let host = format!("{}#{}", self.host, self.written.files.len() + 1);
                self.written.files.push(WrittenFile { host, path, text, is_changed: false });
            }
            None => {
                let host = self.host.clone();
                self.written.files.push(WrittenFile { host, path, text, is_changed: false });
            }
        }
    }

    /// `mv`, `cp` and `install` of files that the script has written before.
    fn move_files(&mut self, operands: &[&Argument], is_moved: bool) {
        let Some((to, from)) = operands.split_last().filter(|(_, from)| !from.is_empty()) else { return };
        let is_folder = to.shown().ends_with('/') || from.len() > 1;
        let target = self.path_of(to);
        for word in from {
            let path = self.path_of(word);
            let name = base_name(&path).to_owned();
            let last = path.rsplit('/').next().unwrap_or_default();
            let is_folder = is_folder || !base_name(&target).contains('.') && last.contains('.');
            let target = if is_folder { format!("{target}/{name}") } else { target.clone() };
            let Some(file) = self.written.files.iter_mut().rfind(|file| file.path == path) else { continue };
            // Of a file and its copy, the one at the place where programs look for it counts.
            if is_moved || !file.path.starts_with("/etc/") {
                file.path = target;
            }
        }
    }
}

/// A command without the programs before it and without assignments.
fn bare(words: &[Argument]) -> Vec<Argument> {
    let mut words = words;
    for _ in 0..DEEPEST {
        let own = words.iter().take_while(|word| assignment(word).is_some()).count();
        words = words.get(own..).unwrap_or_default();
        let Some(name) = words.first().map(|word| base_name(word.shown())) else { break };
        let number = match (name, Wrapper::find(name)) {
            ("env", _) => options(words.iter().map(Argument::shown), "uCS", &["unset", "chdir"]),
            (_, Some(wrapper)) => wrapper.options(words.iter().map(Argument::shown)) + wrapper.operands,
            _ => break,
        };
        words = words.get(number..).unwrap_or_default();
    }
    words.to_vec()
}

/// Whether a word stands for what a program reads as its input.
fn is_input(word: &str) -> bool {
    matches!(word, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// The text with the escapes of `printf` and of `echo -e`.
fn unescaped(text: &str) -> String {
    let mut result = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, c == '\\') {
            (_, true) => match characters.next() {
                Some('n') => result.push('\n'),
                Some('t') => result.push('\t'),
                Some('r') => result.push('\r'),
                Some('\\') | None => result.push('\\'),
                Some(c @ ('"' | '\'')) => result.push(c),
                Some(other) => result.extend(['\\', other]),
            },
            _ => result.push(c),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `HOST:PATH=TEXT` for each file.
    fn written(script: &str) -> Vec<String> {
        let line = |file: &WrittenFile| format!("{}:{}={}", file.host, file.path, file.text);
        files(script).files.iter().map(line).collect()
    }

    #[test]
    fn files_are_written_in_each_way() {
        for script in [
            "cat >/f <<EOF\nA=1\nEOF\n",
            "cat <<EOF >/f\nA=1\nEOF\n",
            "cat <<'EOF' > '/f' 2>/dev/null\nA=1\nEOF\n",
            "cat > /f <<-EOF\n\tA=1\n\tEOF\n",
            "cat <<EOF | sudo tee /f\nA=1\nEOF\n",
            "cat << EOF | sudo tee /f > /dev/null\nA=1\nEOF\n",
            "sudo tee /f <<EOF >/dev/null\nA=1\nEOF\n",
            "sudo -u root tee -- /f <<\"EOF\"\nA=1\nEOF\n",
            "sudo bash -c \"cat > /f\" <<EOF\nA=1\nEOF\n",
            "sudo sh -c 'cat <<EOF > /f\nA=1\nEOF\n'\n",
            "sudo su -c 'tee /f' <<EOF\nA=1\nEOF\n",
            "bash <<'OUTER'\ncat >/f <<EOF\nA=1\nEOF\nOUTER\n",
            "tee /f <<< A=1\n",
            "echo A=1 > /f\n",
            "echo 'A=1' | sudo tee /f >/dev/null\n",
            "echo -e 'A=1' | sudo tee -a /f\n",
            "printf 'A=%s\\n' 1 >/f\n",
            "printf '%s\\n' 'A=1' | tee /f\n",
            "echo QT0xCg== | base64 -d > /f\n",
            "cat <<EOF | sudo dd of=/f\nA=1\nEOF\n",
            "install -m 600 /dev/stdin /f <<EOF\nA=1\nEOF\n",
            "N=1\ncat >/f <<EOF\nA=$N\nEOF\n",
            "N=1; D=/\nif true; then\n  cat >${D}f <<EOF\nA=${N}\nEOF\nfi\n",
            "cat >/f <<EOF\nA=${N:-1}\nEOF\n",
            "N=1\ncat <<'EOF' | envsubst > /f\nA=${N}\nEOF\n",
            "f() {\n  sudo tee /f <<EOF\nA=1\nEOF\n}\n",
            "{ echo -n A; echo =1; } > /f\n",
            "cd /x\ncat >f <<EOF\nA=1\nEOF\nsudo mv f /f\n",
            "cat >etcd.x <<EOF\nA=1\nEOF\nmv etcd.x /f.d/\n",
        ] {
            let expected = if script.contains("f.d") { ":/f.d/etcd.x=A=1\n" } else { ":/f=A=1\n" };
            assert_eq!(written(script), [expected], "{script}");
        }
    }

    #[test]
    fn what_a_shell_puts_in_is_known_or_marked() {
        let script = "A=x\nB=$(hostname -s)\nfor i in 1 2; do\ncat >/f$i <<EOF\n$A ${A}y \\$A \\\\ $B ${C} $1 `id -u` $i $ $$(c) \\\n.\nEOF\ndone\n";
        let expected = ":/file-1=x xy $A \\ ${?B} ${?C} ${?1} ${?id_u} ${?i} $ ${?}(c) .\n";
        assert_eq!(written(script), [expected]);
        assert_eq!(written("cat >$D/e.service <<'EOF'\n$A\nEOF\n"), [":/e.service=$A\n"]);
        assert_eq!(written("echo a >\"$host/etc/etcd/$N\"\n"), [":/file-1=a\n"]);
        assert_eq!(written("echo a >\"${D:-/x}/$(y z/w)/etc/etcd/e\"\n"), [":/etc/etcd/e=a\n"]);
    }

    #[test]
    fn what_is_written_again_is_kept_apart_and_what_is_appended_is_not() {
        let script = "echo a >/f\necho b >>/f\nsudo tee -a /f <<EOF\nc\nEOF\necho d >/f\necho e >>/f\n";
        assert_eq!(written(script), [":/f=a\nb\nc\n", "#2:/f=d\ne\n"]);
        let script = "for h in a b; do :; done\nssh -i k root@n1 'cat > /f' <<EOF\n1\nEOF\nssh n2 <<'END'\ncat >/f <<EOF\n2\nEOF\nEND\n";
        assert_eq!(written(script), ["root@n1:/f=1\n", "n2:/f=2\n"]);
    }

    #[test]
    fn what_no_program_is_known_to_read_is_told() {
        let changed = |script: &str| files(script).files[0].is_changed;
        assert!(changed("echo a >/f\nsudo sed -i.bak 's/a/b/' /f\n"));
        assert!(!changed("echo a >/f\nsed 's/a/b/' /f\nsed -i 's/a/b/' /g\n"));
        let text = "image: quay.io/coreos/etcd:v3.5.9\n";
        let yaml = format!("kubectl -n x apply -f - <<EOF\n{text}EOF\n");
        assert_eq!(written(&yaml), [format!(":/kubectl-1.yaml={text}")]);
        assert!(!files(&yaml).has_more);
        assert!(files(&yaml.replace("kubectl", "python3")).has_more);
        assert!(!files("python3 - <<EOF\nprint(1)\nEOF\n").has_more);
        assert!(written("cat <<EOF\nusage\nEOF\ncat /x >/dev/null\n").is_empty());
    }

    #[test]
    fn a_script_takes_a_bounded_time() {
        let long = format!("A={}\ncat >/f <<EOF\n{}\nEOF\n", "x".repeat(100_000), "$A".repeat(10_000));
        assert!(files(&long).files[0].text.len() < 9 << 20);
        let many = format!("{}# --initial-cluster\n", "echo a >/f\necho b >/g\n".repeat(10_000));
        let written = files(&many);
        assert!(written.has_more && written.files.len() <= MOST_FILES);
        let open = files(&format!("cat >/f <<EOF\n{}\nEOF\n", "${".repeat(200_000)));
        assert!(open.files[0].text.contains("${?}"), "{}", open.files[0].text.len());
        files(&format!("export {}\necho x >/f\n", "A=1 ".repeat(100_000)));
        files(&format!("echo x >/f\n{}", "a=(".repeat(100_000)));
        let deep = (0..10).fold("x".to_owned(), |inner, _| format!("sh -c {}", quoted(&inner)));
        files(&deep);
        for text in
            ["cat <<", "tee <<<", "printf %", "echo >", "cat >/f <<E\n`\n$\n${\n$(\n\\", "ssh", "}", "> <<A"]
        {
            files(text);
        }
    }

    fn quoted(text: &str) -> String {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
