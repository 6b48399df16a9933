//! Files that some program has still to fill in: templates of Jinja, ERB, Go, Terraform and envsubst.

/// The language of a template, for messages.
pub(crate) type Language = &'static str;

/// Whether words of a unit or a script may have braces of their own: `docker inspect --format '{{.State.Pid}}'`.
const FORMATS: [&str; 5] = ["--format", "-f {{", "-f '{{", "go-template", "-f \"{{"];

/// The fields of docker's tags for logs: `--log-opt tag={{.Name}}` (docs.docker.com, "Customize log driver output").
const LOG_TAGS: [&str; 7] =
    [".ID", ".FullID", ".Name", ".ImageID", ".ImageFullID", ".ImageName", ".DaemonName"];

/// The language of a template; `None` if the text is none, as far as its marks tell.
pub(crate) fn language(text: &str) -> Option<Language> {
    for line in text.lines() {
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
            && !is_log_tag(line)
        {
            let inside = inside.trim_start_matches('-').trim();
            let words =
                ["if ", "range ", "with ", "template ", "include ", "end", "define ", "printf ", "else"];
            let is_go = inside.starts_with(['.', '$']) || words.iter().any(|word| inside.starts_with(word));
            return Some(if is_go { "Go" } else { "Jinja" });
        }
    }
    None
}

/// Whether all that is in braces on a line is what an engine of containers fills in for the tag of its logs.
fn is_log_tag(line: &str) -> bool {
    let mut inside = line.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default().trim());
    line.contains("tag") && inside.all(|field| LOG_TAGS.contains(&field))
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
    fn a_template_has_its_marks() {
        for (text, expected) in [
            ("ETCD_NAME={{ inventory_hostname }}", Some("Jinja")),
            ("a: 1\nETCD_X={% for h in groups %}", Some("Jinja")),
            ("ETCD_NAME=\"<%= @name %>\"", Some("ERB")),
            ("<%- @hosts.each do |h| -%>", Some("ERB")),
            ("name: {{ .Values.name }}", Some("Go")),
            ("name: {{- if .x }}", Some("Go")),
            ("A=%{ for x in y ~}${x}%{ endfor }", Some("Terraform")),
            ("ExecStartPre=/usr/bin/docker inspect --format '{{.State.Pid}}' etcd", None),
            ("ExecStart=/usr/bin/etcd --name=%H --x=${Y} $OPTS", None),
            ("  --log-opt tag={{.ImageName}}/{{.Name}} \\", None),
            ("      tag: \"{{.Name}}\"", None),
            ("      tag: \"{{ .Values.tag }}\"", Some("Go")),
            ("a: {b: {c: d}}", None),
            ("{\"a\": {\"b\": {}}}", None),
        ] {
            assert_eq!(language(text), expected, "{text}");
        }
    }
}
