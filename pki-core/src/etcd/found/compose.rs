//! Compose files (`docker-compose.yml`): services that run etcd in a container.

use std::path::Path;

use crate::etcd::found::document::{Node, NodeValue};
use crate::etcd::found::environment::Variable;
use crate::etcd::found::mounts::Mount;
use crate::etcd::found::process::{Argument, ListFile, ListForm, Process, last_of_each};
use crate::etcd::found::shell;
use crate::etcd::found::started::{Started, within_container};
use crate::etcd::found::template::SWARM_FIELDS;

/// Whether a document is a compose file: it has services, each of which has an image or is built.
pub(crate) fn is_compose(document: &Node) -> bool {
    let services = document.get("services").map(Node::entries).unwrap_or_default();
    let keys = ["image", "build", "extends", "command", "environment"];
    services.iter().any(|(_, service)| keys.iter().any(|key| service.get(key).is_some()))
}

/// The processes of etcd that the services of a document start.
pub(crate) fn read(document: &Node, path: &Path) -> Vec<Started> {
    let services = document.get("services").map(Node::entries).unwrap_or_default();
    services.iter().filter_map(|(_, service)| process(service, path)).collect()
}

fn process(service: &Node, path: &Path) -> Option<Started> {
    let mut process = Process { environment_is_known: true, ..Process::default() };
    let mut variables = Vec::new();
    if let Some(environment) = service.get("environment") {
        for (name, value) in environment.entries() {
            let text = match &value.value {
                NodeValue::Null => None,
                _ => value.text().and_then(interpolated),
            };
            variables.push(Variable { name: name.clone(), value: text, place: value.place(path) });
        }
        for item in environment.items() {
            let Some(text) = item.text() else { continue };
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, interpolated(value)),
                None => (text, None),
            };
            variables.push(Variable { name: name.to_owned(), value, place: item.place(path) });
        }
    }
    process.variables = last_of_each(variables);
    if let Some(files) = service.get("env_file") {
        let all = if files.items().is_empty() { std::slice::from_ref(files) } else { files.items() };
        for file in all {
            let name = file.text().or_else(|| file.text_at("path"));
            process.lists.extend(name.map(|name| ListFile::new(name, ListForm::Quoted, file.place(path))));
        }
    }
    process.mounts =
        Some(service.get("volumes").map(Node::items).unwrap_or_default().iter().filter_map(mount).collect());
    let mut command = words(service.get("command"), path);
    let mut entrypoint = words(service.get("entrypoint"), path);
    let first = (!entrypoint.is_empty()).then(|| entrypoint.remove(0));
    entrypoint.append(&mut command);
    let image = service.get("image");
    let place = image.unwrap_or(service).place(path);
    let text = image.and_then(Node::text).unwrap_or_default();
    // `${REGISTRY}/etcd:${TAG}` is an image of etcd too.
    let image = Argument::new(interpolated(text), text.replace(['$', '{', '}'], ""), place);
    within_container(process, None, &image, first, entrypoint)
}

fn mount(volume: &Node) -> Option<Mount> {
    match volume.text() {
        Some(text) => interpolated(text).map(|text| Mount::of_volume(&text)),
        None => {
            let source = volume.text_at("source").filter(|_| volume.text_at("type") == Some("bind"));
            Some(Mount {
                inside: volume.text_at("target")?.to_owned(),
                source: source.and_then(interpolated),
            })
        }
    }
}

/// The words of a command, which is a list, or a text that is split as a shell does.
fn words(node: Option<&Node>, path: &Path) -> Vec<Argument> {
    let Some(node) = node else { return Vec::new() };
    let place = node.place(path);
    let words = match node.text() {
        Some(text) => {
            // Only quotes and blanks mean something here, and `;` is a part of a word.
            let commands = shell::commands(text);
            let words = commands.into_iter().flat_map(|command| command.words);
            words.map(|word| Argument::plain(word.word.text, place.clone())).collect()
        }
        None => node.words(path),
    };
    words.into_iter().map(|word: Argument| Argument { text: interpolated(&word.written), ..word }).collect()
}

/// The text with `$$` as a dollar sign and `${NAME:-VALUE}` as the value; `None` if a variable of the caller's
/// environment or of a file `.env` is in it.
fn interpolated(text: &str) -> Option<String> {
    // What a swarm fills in when it starts the service.
    if SWARM_FIELDS.iter().any(|field| text.contains(field)) && text.contains("{{") {
        return None;
    }
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else {
            let (name, after) = after.strip_prefix('{')?.split_once('}')?;
            let (_, usual) = shell::parameter(name)?;
            result.push_str(usual?);
            rest = after;
        }
    }
    result.push_str(rest);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Vec<Started> {
        let documents = Node::documents(text);
        assert!(documents.iter().all(is_compose));
        documents.iter().flat_map(|document| read(document, Path::new("compose.yml"))).collect()
    }

    #[test]
    fn services_are_read_in_each_form() {
        for (service, name) in [
            ("{image: 'quay.io/coreos/etcd:v3.5.9', environment: {ETCD_NAME: a}}", None),
            ("{image: 'quay.io/coreos/etcd:v3.5.9', environment: ['ETCD_NAME=a'], command: [etcd]}", None),
            ("{image: x, command: etcd --name 'a'}", Some("a")),
            ("{image: x, entrypoint: [/usr/local/bin/etcd], command: [--name, a]}", Some("a")),
            ("{image: '${R}/etcd:${T:-v3.5}', command: ['--name', '${N:-a}']}", Some("a")),
        ] {
            let all = read_all(&format!("services:\n  other: {{image: nginx}}\n  etcd: {service}\n"));
            let [etcd] = all.as_slice() else { panic!("{service}: {all:?}") };
            assert!(etcd.process.is_etcd(), "{service}");
            assert_eq!(
                etcd.process.arguments.get(2).and_then(|word| word.text.as_deref()),
                name,
                "{service}"
            );
            assert_eq!(etcd.process.variables.len(), usize::from(name.is_none()), "{service}");
        }
    }

    #[test]
    fn files_and_volumes_are_relative_to_the_compose_file() {
        let all = read_all(
            "services:\n  e:\n    image: etcd\n    env_file: [a.env, {path: b.env}]\n    volumes: ['./certs:/certs:ro', {type: bind, source: /srv, target: /srv2}]\n    environment: {ETCD_NAME: '${HOSTNAME}', ETCD_X: 'e-{{.Task.Slot}}'}\n",
        );
        let process = &all[0].process;
        assert_eq!(
            process.lists.iter().map(|list| list.path.as_str()).collect::<Vec<_>>(),
            ["a.env", "b.env"]
        );
        assert_eq!(process.on_host("/certs/ca.pem").as_deref(), Some("./certs/ca.pem"));
        assert_eq!(process.on_host("/srv2/x").as_deref(), Some("/srv/x"));
        assert!(process.variables.len() == 2 && process.variables.iter().all(|v| v.value.is_none()));
    }
}
