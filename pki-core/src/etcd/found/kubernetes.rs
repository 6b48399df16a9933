//! Kubernetes' workloads whose containers run etcd: static pods as kubeadm writes them, StatefulSets, lists.

use std::path::Path;

use crate::etcd::found::document::Node;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::mounts::Mount;
use crate::etcd::found::process::{Argument, LONGEST_WORD, Process, is_name_part};
use crate::etcd::found::started::{Started, within_container};

/// How deep lists of lists are followed.
const DEEPEST: usize = 8;

/// The number of a container's variables that are read. Each may use all that are before it.
const MOST_VARIABLES: usize = 2000;

/// Whether a document is an object of Kubernetes.
pub(crate) fn is_object(document: &Node) -> bool {
    document.text_at("apiVersion").is_some() && document.text_at("kind").is_some()
}

/// The processes of etcd in a document.
pub(crate) fn read(document: &Node, path: &Path) -> Vec<Started> {
    let mut all = Vec::new();
    add_object(document, path, DEEPEST, &mut all);
    all
}

fn add_object(object: &Node, path: &Path, depth: usize, all: &mut Vec<Started>) {
    let items = object.get("items").filter(|_| depth > 0);
    for item in items.iter().flat_map(|items| items.items()) {
        add_object(item, path, depth - 1, all);
    }
    // Pod; StatefulSet, Deployment, DaemonSet, Job and others; CronJob.
    let specs: [&[&str]; 3] =
        [&["spec"], &["spec", "template", "spec"], &["spec", "jobTemplate", "spec", "template", "spec"]];
    let pod = specs.iter().filter_map(|keys| object.at(keys)).find(|spec| spec.get("containers").is_some());
    let Some(pod) = pod else { return };
    let containers = pod.get("containers").map(Node::items).unwrap_or_default();
    all.extend(containers.iter().filter_map(|container| process(container, pod, path)));
}

/// The etcd that a container runs; `None` if it runs something else.
fn process(container: &Node, pod: &Node, path: &Path) -> Option<Started> {
    let mut process = Process { environment_is_known: true, ..Process::default() };
    for item in container.get("env").map(Node::items).unwrap_or_default().iter().take(MOST_VARIABLES) {
        let Some(name) = item.text_at("name") else { continue };
        let value = match (item.get("value"), item.get("valueFrom")) {
            (Some(value), _) => {
                Some(value.text().unwrap_or_default()).and_then(|text| expand(text, &process))
            }
            (None, Some(_)) => None,
            (None, None) => Some(String::new()),
        };
        process.set(Variable { name: name.to_owned(), value, place: item.place(path) });
    }
    for from in container.get("envFrom").map(Node::items).unwrap_or_default() {
        let named = |kind: &str| from.at(&[kind, "name"]).and_then(Node::text);
        let what = match (named("secretRef"), named("configMapRef")) {
            (Some(name), _) => format!("the Secret `{name}`"),
            (None, Some(name)) => format!("the ConfigMap `{name}`"),
            (None, None) => "what `envFrom` names".to_owned(),
        };
        process.not_seen(what, from.place(path));
    }
    let words = |key: &str| -> Vec<Argument> {
        let words = container.get(key).map(|node| node.words(path)).unwrap_or_default();
        let expanded = |word: Argument| Argument { text: expand(&word.written, &process), ..word };
        words.into_iter().map(expanded).collect()
    };
    let (mut command, arguments) = (words("command"), words("args"));
    let entrypoint = (!command.is_empty()).then(|| command.remove(0));
    command.extend(arguments);
    let image = container.get("image");
    let place = image.unwrap_or(container).place(path);
    let image = Argument::plain(image.and_then(Node::text).unwrap_or_default(), place);
    process.mounts = Some(mounts(container, pod));
    within_container(process, None, &image, entrypoint, command)
}

/// The folders and files of the host that a container sees.
fn mounts(container: &Node, pod: &Node) -> Vec<Mount> {
    let volumes = pod.get("volumes").map(Node::items).unwrap_or_default();
    let mounts = container.get("volumeMounts").map(Node::items).unwrap_or_default();
    let mount = |mount: &Node| {
        let volume = volumes.iter().find(|volume| volume.text_at("name") == mount.text_at("name"));
        let source = volume.and_then(|volume| volume.at(&["hostPath", "path"])?.text());
        let source = source.map(|source| match mount.text_at("subPath") {
            Some(below) => format!("{}/{below}", source.trim_end_matches('/')),
            None => source.to_owned(),
        });
        Some(Mount { inside: mount.text_at("mountPath")?.to_owned(), source })
    };
    mounts.iter().filter_map(mount).collect()
}

/// Replaces `$(NAME)`; `None` if a value is not known. `$$` is a dollar sign, and a name that is not set stays as it
/// is (Kubernetes, "Define Dependent Environment Variables").
fn expand(text: &str, process: &Process) -> Option<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let reference = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some((name, after)) = reference.filter(|(name, _)| name.chars().all(is_name_part)) {
            match process.variables.iter().find(|variable| variable.name == name) {
                Some(variable) => result.push_str(variable.value.as_deref()?),
                None if !process.environment_is_known => return None,
                None => result.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            result.push('$');
            rest = after;
        }
        if result.len() > LONGEST_WORD {
            return None;
        }
    }
    result.push_str(rest);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Vec<Started> {
        Node::documents(text).iter().flat_map(|document| read(document, Path::new("pod.yaml"))).collect()
    }

    fn words(started: &Started) -> Vec<Option<&str>> {
        started.process.arguments.iter().map(|word| word.text.as_deref()).collect()
    }

    #[test]
    fn a_static_pod_has_its_command_and_the_folders_of_its_host() {
        let all = read_all(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}\nspec:\n  containers:\n  - command:\n    - etcd\n    - --name=$(NODE)\n    - --data-dir=$$(NODE)/$(NONE)\n    image: registry.k8s.io/etcd:3.5.15-0\n    env:\n    - {name: NODE, value: n1}\n    - name: IP\n      valueFrom: {fieldRef: {fieldPath: status.podIP}}\n    - {name: ETCD_LISTEN_PEER_URLS, value: \"https://$(IP):2380\"}\n    volumeMounts:\n    - {mountPath: /certs, name: certs}\n    - {mountPath: /data, name: data}\n  volumes:\n  - {name: certs, hostPath: {path: /etc/kubernetes/pki/etcd}}\n  - {name: data, emptyDir: {}}\n",
        );
        let [etcd] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(words(etcd), [Some("etcd"), Some("--name=n1"), Some("--data-dir=$(NODE)/$(NONE)")]);
        assert_eq!(etcd.process.arguments[1].place.to_string(), "pod.yaml:8:7");
        assert_eq!(etcd.process.variables.last().unwrap().value, None);
        assert_eq!(etcd.process.on_host("/certs/ca.crt").as_deref(), Some("/etc/kubernetes/pki/etcd/ca.crt"));
        assert_eq!(etcd.process.on_host("/data/x"), None);
        assert_eq!(etcd.process.on_host("/elsewhere"), None);
    }

    #[test]
    fn workloads_have_a_template_and_lists_have_items() {
        let container = "{image: quay.io/coreos/etcd:v3.5.9, args: [--name=a]}";
        for text in [
            format!("apiVersion: apps/v1\nkind: StatefulSet\nspec: {{template: {{spec: {{containers: [{container}]}}}}}}\n"),
            format!("apiVersion: v1\nkind: List\nitems: [{{kind: Pod, spec: {{containers: [{{image: x, command: [/x]}}, {container}]}}}}]\n"),
            "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\"containers\": [{\"image\": \"busybox\", \"command\": [\"sh\", \"-ec\", \"exec etcd \\\\\\n --name=a\\n\"]}]}}".to_owned(),
        ] {
            let all = read_all(&format!("kind: x\n---\n{text}"));
            let [etcd] = all.as_slice() else { panic!("{text}: {all:?}") };
            assert_eq!(words(etcd), [Some("etcd"), Some("--name=a")], "{text}");
        }
        assert!(read_all("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: kube-apiserver, command: [kube-apiserver, --etcd-servers=x]}]}\n").is_empty());
    }

    /// Each value is twice as long as the one before.
    #[test]
    fn values_that_grow_without_end_are_not_known() {
        let mut text = String::from(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: quay.io/coreos/etcd:v3.5.9\n    env:\n    \
             - {name: A0, value: xxxxxxxx}\n",
        );
        for number in 1..60 {
            let before = number - 1;
            text += &format!("    - {{name: A{number}, value: \"$(A{before})$(A{before})\"}}\n");
        }
        let all = read_all(&text);
        let [etcd] = all.as_slice() else { panic!("{all:?}") };
        let value = |number: usize| etcd.process.variables[number].value.as_ref().map(String::len);
        assert_eq!((value(0), value(10), value(59)), (Some(8), Some(8 << 10), None));
    }
}
