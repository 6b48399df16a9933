//! Files that some program has still to fill in: templates of Jinja, ERB, Go, Terraform and envsubst.

use crate::etcd::found::process::{is_name, is_name_part};

/// The language of a template, for messages.
pub(crate) type Language = &'static str;

/// The text of a script in which the shell would put what is not known here.
pub(crate) const OF_A_SHELL: Language = "a here-document of a shell";

/// Values for `${NAME}` are still to come.
pub(crate) const OF_ENVSUBST: Language = "envsubst";

/// How the words before braces begin where a program fills them in when it runs: `docker inspect -f '{{.State.Pid}}'`.
const FORMATS: [&str; 8] =
    ["--format", "-f {{", "-f '{{", "-f \"{{", "-f={{", "-f='{{", "-f=\"{{", "go-template"];

/// Programs that take such a format.
const ENGINES: [&str; 7] = ["docker ", "podman ", "nerdctl ", "kubectl ", "crictl ", "helm ", "oc "];

/// The fields of docker's tags for logs: `--log-opt tag={{.Name}}` (docs.docker.com, "Customize log driver output").
const LOG_TAGS: [&str; 7] =
    [".ID", ".FullID", ".Name", ".ImageID", ".ImageFullID", ".ImageName", ".DaemonName"];

/// What the fields begin with that a swarm fills in where it starts a service (docs.docker.com, "docker service create",
/// "Create services using templates").
pub(crate) const SWARM_FIELDS: [&str; 3] = [".Service.", ".Node.", ".Task."];

/// The language of a template; `None` if the text is none, as far as its marks tell.
pub(crate) fn language(text: &str) -> Option<Language> {
    let is_script = text.starts_with("#!");
    let is_compose = text.lines().any(|line| line.starts_with("services:"));
    // What a comment has in braces fills in nothing.
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if line.contains("<%") && line.contains("%>") || line.trim_start().starts_with("<%") {
            return Some("ERB");
        }
        if has_pair(line, "{%", "%}") || has_pair(line, "{#", "#}") {
            return Some("Jinja");
        }
        if line.contains("%{ ") || line.contains("%{~") || line.contains("%{for ") || line.contains("%{if ") {
            return Some("Terraform");
        }
        if let Some(inside) = between(line, "{{", "}}")
            && !FORMATS.iter().any(|format| line.contains(format))
            && !(is_script && ENGINES.iter().any(|engine| line.contains(engine)))
            && !is_log_tag(line)
            && !(is_compose && is_of_swarm(line))
        {
            return Some(of_braces(inside));
        }
        if !is_script && is_terraform(line) {
            return Some("Terraform");
        }
    }
    None
}

/// The language of a template whose marks are two braces.
fn of_braces(inside: &str) -> Language {
    let inside = inside.trim_start_matches('-').trim();
    let words = ["if ", "range ", "with ", "template ", "include ", "end", "define ", "printf ", "else"];
    let is_go = inside.starts_with(['.', '$']) || words.iter().any(|word| inside.starts_with(word));
    match is_go {
        _ if [".Values.", ".Release.", ".Chart."].iter().any(|object| inside.contains(object)) => "Helm",
        true => "Go",
        false => "Jinja",
    }
}

/// The number of characters in which an index of a list ends.
const LONGEST_INDEX: usize = 64;

/// Whether a line has an expression of Terraform: `${var.name}`, `${each.value}`, `${join(",", x)}`. A shell has neither
/// dots nor brackets there.
fn is_terraform(line: &str) -> bool {
    line.match_indices("${").any(|(at, _)| {
        let rest = line.get(at + 2..).unwrap_or_default();
        // Twice is a text.
        let is_text = line.get(..at).is_some_and(|before| before.ends_with('$'));
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_index =
            after.starts_with('[') && after.chars().take(LONGEST_INDEX).collect::<String>().contains("].");
        !is_text && is_name && (after.starts_with(['.', '(']) || is_index)
    })
}

/// Whether a text is a template of envsubst's, or of another program that puts values for `${NAME}`: a variable stands
/// where neither etcd nor systemd nor the engine of containers fills one in.
pub(crate) fn has_variables<'a>(
    values: impl IntoIterator<Item = &'a str>,
    is_set: impl Fn(&str) -> bool,
) -> bool {
    values.into_iter().any(|value| {
        value.match_indices("${").any(|(at, _)| {
            let inside = value.get(at + 2..).unwrap_or_default();
            let end = inside.find(|c| !is_name_part(c)).unwrap_or(inside.len());
            let (name, after) = inside.split_at(end);
            is_name(name) && after.starts_with(['}', ':', '-', '=']) && !is_set(name)
        })
    })
}

/// Whether all that is in braces on a line is what an engine of containers fills in for the tag of its logs.
fn is_log_tag(line: &str) -> bool {
    line.contains("tag") && fields(line).all(|field| LOG_TAGS.contains(&field))
}

/// Whether all that is in braces on a line is what a swarm fills in.
fn is_of_swarm(line: &str) -> bool {
    fields(line).all(|field| SWARM_FIELDS.iter().any(|start| field.starts_with(start)))
}

/// What is between each pair of braces.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default().trim())
}

fn has_pair(line: &str, open: &str, close: &str) -> bool {
    between(line, open, close).is_some()
}

/// What is between the first opening mark and the next closing one.
fn between<'a>(line: &'a str, open: &str, close: &str) -> Option<&'a str> {
    line.split_once(open)?.1.split_once(close).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_nothing_sets_is_one_of_envsubst() {
        for (value, expected) in
            [("https://${IP}:1", true), ("${A}", false), ("${A:-b}${B-}", true), ("$B ${} ${1} $${", false)]
        {
            assert_eq!(has_variables([value], |name| name == "A"), expected, "{value}");
        }
    }

    #[test]
    fn a_template_has_its_marks() {
        for (text, expected) in [
            ("ETCD_NAME={{ inventory_hostname }}", Some("Jinja")),
            ("a: 1\nETCD_X={% for h in groups %}", Some("Jinja")),
            ("ETCD_NAME=\"<%= @name %>\"", Some("ERB")),
            ("<%- @hosts.each do |h| -%>", Some("ERB")),
            ("name: {{ .Values.name }}", Some("Helm")),
            ("name: {{ .name }}", Some("Go")),
            ("name: {{- if .x }}", Some("Go")),
            ("A=%{ for x in y ~}${x}%{ endfor }", Some("Terraform")),
            ("ExecStartPre=/usr/bin/docker inspect --format '{{.State.Pid}}' etcd", None),
            ("ExecStart=/usr/bin/etcd --name=%H --x=${Y} $OPTS", None),
            ("  --log-opt tag={{.ImageName}}/{{.Name}} \\", None),
            ("      tag: \"{{.Name}}\"", None),
            ("      tag: \"{{ .Values.tag }}\"", Some("Helm")),
            (
                "#!/bin/sh\nIP=$(docker inspect -f='{{.Id}}' x)\nN=$(docker ps -a --filter x | grep '{{.}}')\n",
                None,
            ),
            ("# made from {{ etcd.j2 }}\nETCD_NAME=a", None),
            ("ETCD_NAME=${var.name}", Some("Terraform")),
            ("ETCD_INITIAL_CLUSTER=${join(\",\", local.all)}", Some("Terraform")),
            ("name: ${each[0].name}", Some("Terraform")),
            ("name: $${var.name} ${name} ${A:-b.c}", None),
            ("services:\n  e:\n    hostname: \"{{.Node.Hostname}}-{{.Task.Slot}}\"", None),
            ("hostname: \"{{.Node.Hostname}}\"", Some("Go")),
            ("a: {b: {c: d}}", None),
            ("{\"a\": {\"b\": {}}}", None),
        ] {
            assert_eq!(language(text), expected, "{text}");
        }
    }
}
