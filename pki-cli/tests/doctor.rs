//! `etcdpki doctor`: where etcd's settings are found, what is told of what was not understood, and the exit statuses.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use pki_cli::Terminal;

/// Writes the files, and runs `etcdpki doctor` for a path among them.
fn doctor(files: &[(&str, &str)], path: &str) -> (u8, String) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    run(&folder.path().join(path), &[])
}

fn run(path: &Path, more: &[&str]) -> (u8, String) {
    let args = ["etcdpki".into(), "doctor".into(), path.as_os_str().to_owned()];
    let args = args.into_iter().chain(more.iter().map(OsString::from));
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    output.extend(errors);
    (status, String::from_utf8(output).unwrap())
}

/// The flags of a member, two of which are wrong.
const FLAGS: &str = "--name=n7 --listen-client-urls=http://0.0.0.0:2379 --bogus-flag=1 --data-dir=/d";

#[test]
fn settings_are_found_wherever_they_are() {
    let list = FLAGS.replace(' ', "\n");
    let yaml = FLAGS.replace("--", "'--").replace(' ', "', ") + "'";
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: x\n    command: [etcd, {yaml}]\n"
    );
    for (name, text) in [
        ("a.service", format!("[Service]\nExecStart=/usr/bin/podman run --rm -v /a:/b e/etcd:v3 {FLAGS}\n")),
        ("b.service", format!("[Service]\nExecStart=ionice -c2 -n0 env -u X A=1 /usr/bin/etcd {FLAGS}\n")),
        ("c.service", format!("[Service]\nExecStart=/bin/su -s /bin/sh etcd -c \"exec etcd {FLAGS} >/x\"\n")),
        (
            "d.service",
            format!(
                "[Service]\nExecStartPre=/bin/docker run -d x etcd {FLAGS}\nExecStart=/bin/docker logs -f etcd\n"
            ),
        ),
        ("pod.yaml", pod.clone()),
        (
            "pods.json",
            format!(
                "{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{{\"spec\": {{\"containers\": [{{\"image\": \"x\", \"command\": [\"etcd\", {}]}}]}}}}]}}",
                yaml.replace('\'', "\"")
            ),
        ),
        ("compose.yaml", format!("services:\n  e: {{image: etcd, command: [{yaml}]}}\n")),
        ("etcd.container", format!("[Container]\nImage=quay.io/coreos/etcd:v3\nExec={FLAGS}\n")),
        ("programs.ini", format!("[program:e]\ncommand=/usr/bin/etcd {FLAGS}\n")),
        ("args", list),
        ("etc/rc.conf", format!("etcd_flags=\"{FLAGS}\"\n")),
        ("etc/conf.d/etcd", format!("export ETCD_NAME=n7\nETCD_OPTS=\"{FLAGS}\"\n")),
        ("run", format!("#!/bin/sh\nexec 2>&1\nexec chpst -u etcd:etcd etcd {FLAGS}\n")),
        ("Procfile", format!("e: bin/etcd {FLAGS} &\n")),
        (
            "user-data",
            format!(
                "#cloud-config\nwrite_files:\n- path: /etc/systemd/system/etcd.service\n  content: |\n    [Service]\n    ExecStart=/usr/bin/etcd {FLAGS}\n"
            ),
        ),
        (
            "make.sh",
            format!(
                "cat >/etc/systemd/system/etcd.service <<EOF\n[Service]\nExecStart=/usr/bin/etcd {}\nEOF\n",
                FLAGS.replace(' ', " \\\\\n")
            ),
        ),
    ] {
        let (status, output) = doctor(&[(name, &text)], name);
        let has = |text: &str| assert!(output.contains(text), "{name}: no {text}: {output}");
        has("bogus-flag");
        has("http://0.0.0.0:2379");
        has("1 member ");
        assert_eq!(status, 1, "{name}: {output}");
        assert!(!output.contains("is no flag") && !output.contains("means nothing"), "{name}: {output}");
    }
}

#[test]
fn what_is_not_understood_is_told() {
    for (name, text, said) in [
        ("list.conf", "milk\nbread\n", "not understood"),
        ("hosts.env", "A=1\n", "not understood"),
        ("app.yaml", "global: {interval: 15s}\nname: x\n", "YAML of another program"),
        (
            "pod.yaml",
            "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: nginx}]}\n",
            "an object of Kubernetes",
        ),
        ("install.sh", "#!/bin/sh\nETCD_VER=v3.5.9\n/opt/etcd/etcd --version\n", "a script"),
        ("etcd.env", "ETCD_NAME={{ name }}\nETCD_INITIAL_CLUSTER_STATE={{ state }}\n", "a template (Jinja)"),
        ("etcd.service", "[Service]\nExecStart=/usr/bin/etcd --name=<%= @name %>\n", "a template (ERB)"),
        ("etcd.yaml", "name: {{ .Values.name }}\nlisten-peer-urls: x\n", "a template (Go)"),
    ] {
        let (status, output) = doctor(&[(name, text)], name);
        assert!(output.contains(said), "{name}: {output}");
        assert!(
            !output.contains("Nothing is wrong") && !output.contains("means nothing"),
            "{name}: {output}"
        );
        assert_eq!(status, 2, "{name}: {output}");
    }
}

/// The files of a host with one member, in which nothing is wrong, whichever version it runs.
fn host(root: &Path) {
    let description = "name: one\nmembers:\n  - {name: a, address: 127.0.0.1}\n";
    fs::write(root.join("one.yaml"), description).unwrap();
    let [file, out] = ["one.yaml", "out"].map(|name| root.join(name).into_os_string());
    let args = ["etcdpki", "cluster", "apply", "-q"].map(OsString::from).into_iter();
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        pki_cli::run(args.chain([file, "-o".into(), out]), terminal)
    });
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&errors));
    fs::rename(root.join("out/nodes/a"), root.join("h")).unwrap();
    // etcd 3.4 has no certificate of its own for the gateway.
    let environment = root.join("h/etc/etcd/etcd.env");
    let text = fs::read_to_string(&environment).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("ETCD_CLIENT_CERT_FILE="));
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("ETCD_CLIENT_KEY_FILE=")).collect();
    assert_eq!(lines.len() + 2, text.lines().count());
    fs::write(environment, lines.join("\n") + "\nETCD_ENABLE_GRPC_GATEWAY=false\n").unwrap();
}

#[test]
fn what_is_told_of_the_release_changes_no_status() {
    let folder = tempfile::tempdir().unwrap();
    host(folder.path());
    let root = folder.path().join("h");
    let (status, output) = run(&root, &["--etcd", "3.5"]);
    assert!(status == 0 && output.contains("Nothing is wrong. Examined"), "{output}");
    let (status, output) = run(&root, &["--etcd", "3.4"]);
    assert!(output.contains("notice E216: ") && output.contains("notice E217: "), "{output}");
    assert!(output.contains("Nothing is wrong; 3 notices. Examined"), "{output}");
    assert_eq!(status, 0, "{output}");
    let (_, output) = run(&root, &["--etcd", "3.4", "-q"]);
    assert!(!output.contains("notice E216: "), "{output}");
    let (_, output) = run(&root, &["--etcd", "3.4", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.len() == 3 && findings.iter().all(|one| one["severity"] == "notice"), "{output}");

    let unit = root.join("etc/systemd/system/etcd.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, text.replace("User=etcd\n", "")).unwrap();
    let (status, output) = run(&root, &["--etcd", "3.4"]);
    assert!(status == 1 && output.contains("Found 1 warning, 3 notices. Examined"), "{output}");
    fs::write(&unit, text).unwrap();
    fs::write(root.join("etc/etcd.nix"), "services.etcd.extraConf = {}; # --initial-cluster\n").unwrap();
    let (status, output) = run(&root, &["--etcd", "3.4"]);
    assert!(status == 2 && output.contains("Found no error, 3 notices, and 1 thing that"), "{output}");
}

#[test]
fn a_tree_is_clean_only_if_all_of_it_was_understood() {
    let folder = tempfile::tempdir().unwrap();
    host(folder.path());
    let root = folder.path().join("h");
    fs::write(root.join("etc/passwd"), "etcd:x:9:9::/var/lib/etcd:/bin/false\n").unwrap();
    let (status, output) = run(&root, &[]);
    assert!(status == 0 && output.contains("Nothing is wrong"), "{output}");
    fs::create_dir(root.join("etc/nixos")).unwrap();
    let nix = "services.etcd.extraConf = { \"LISTEN\" = 1; } # --initial-cluster\n";
    fs::write(root.join("etc/nixos/etcd.nix"), nix).unwrap();
    let (status, output) = run(&root, &[]);
    assert!(
        output.contains("etcd.nix: it is not understood: it seems to be a configuration of NixOS"),
        "{output}"
    );
    assert!(status == 2 && !output.contains("Nothing is wrong"), "{output}");
    let script = (
        "h/etc/systemd/system/etcd.service",
        "[Service]\nUser=etcd\nProtectSystem=full\nExecStart=/opt/start-it\n",
    );
    let (status, output) = doctor(&[script], "h");
    assert!(output.contains("`/opt/start-it` is started"), "{output}");
    assert_eq!(status, 2, "{output}");
    let (status, output) = doctor(&[("h/etc/x.conf", "ETCD\n"), ("h/ca-csr.json", "{\"CN\": \"a\"}")], "h");
    assert!(status == 2 && output.contains("no member of etcd"), "{output}");
    let (status, output) = doctor(&[("h/ca-csr.json", "{\"CN\": \"a\"}")], "h");
    assert_eq!(status, 0, "{output}");
}

#[test]
fn what_could_not_be_judged_is_in_the_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h/etc/systemd/system");
    fs::create_dir_all(&path).unwrap();
    let unit = "[Service]\nUser=etcd\nProtectSystem=full\nExecStart=/usr/bin/etcd --name=%i\n";
    fs::write(path.join("etcd@.service"), unit).unwrap();
    let (_, output) = run(&folder.path().join("h"), &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    let reason = report["not_judged"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("template unit"), "{output}");
    fs::create_dir(path.join("multi-user.target.wants")).unwrap();
    fs::write(path.join("multi-user.target.wants/etcd@n1.service"), "").unwrap();
    let (_, output) = run(&folder.path().join("h"), &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert!(report["not_judged"].as_array().unwrap().is_empty(), "{output}");
}
