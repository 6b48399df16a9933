//! Output folders that an earlier version made, in `fixtures/folders`: this version reads them, and changes nothing in
//! them but what is known to be written in another way.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::command::run;
use super::guides::copy;
use super::openssl::{Openssl, Purpose};
use super::product::{Tree, etcdpki};
use super::programs::fixture;
use super::trial::{Outcome, trial, trials};

/// The ends of files that are written in another way since, and why; a folder's record follows them.
const WRITTEN_ANEW: [(&str, &str); 4] = [
    ("/etcdctl.env", "its paths follow it when its folder is moved"),
    ("deploy.sh", "it follows no link of etcd's user, and leaves a host its folders"),
    (".service", "the folders that it may write to are made before it starts"),
    (".service.d/10-etcdpki.conf", "the folders that it may write to are made before it starts"),
];
const RECORD: &str = "cluster.lock.json";
/// What earlier versions did not write.
const REGISTRY: &str = "registry.jsonl";
/// What cfssl's commands made, in place of an output folder.
const CFSSL: &str = "cfssl";

pub fn trials() -> Vec<Trial> {
    let mut trials = trials!["cfssl", its_files_are_used];
    let kept = fs::read_dir(fixture("folders")).unwrap().map(|item| item.unwrap());
    let mut names: Vec<_> = kept.filter(|item| item.path().is_dir()).map(|item| item.file_name()).collect();
    names.sort();
    for name in names.into_iter().map(|name| name.into_string().unwrap()).filter(|name| name != CFSSL) {
        let again = name.clone();
        trials.push(trial(format!("folders::{name}::is_kept"), move || is_kept(&name)));
        trials.push(trial(format!("folders::{again}::is_read"), move || is_read(&again)));
    }
    trials
}

/// A copy of what was kept, as it was made.
fn kept(name: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    copy(&fixture("folders").join(name), home.path());
    restore_modes(home.path());
    home
}

/// Git keeps neither modes nor owners, so they were written down: `700 root out/ca`. Owners are those of hosts, and
/// are set by root alone, where the user is known.
fn restore_modes(home: &Path) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let user = |name: &str| -> Option<(u32, u32)> {
        let mut fields =
            users.lines().map(|line| line.split(':')).find(|f| f.clone().next() == Some(name))?.skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let is_root = fs::metadata(home).unwrap().uid() == 0;
    for line in fs::read_to_string(home.join("modes")).unwrap().lines() {
        let [mode, owner, path] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().expect("three words");
        let path = home.join(path);
        fs::set_permissions(&path, Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap())).unwrap();
        if let Some((user, group)) = user(owner).filter(|_| is_root) {
            chown(&path, Some(user), Some(group)).unwrap();
        }
    }
}

/// No certificate and no key is replaced, and of the rest only what is known to be written anew.
fn is_kept(name: &str) -> Outcome {
    let tree = Tree::in_folder(kept(name));
    let before = tree.entries();
    let recorded = recorded_certificates(&tree.read(RECORD));
    let plan = run(tree.command("plan").arg("--json"));
    let report: Value = serde_json::from_str(&plan.stdout).unwrap_or_else(|e| panic!("{e}: {plan}"));
    for certificate in report["certificates"].as_array().expect("a list") {
        assert_eq!(certificate["change"], "kept", "{certificate}");
    }

    let applied = tree.apply().ok();
    let mut after = tree.entries();
    assert!(before.contains_key(REGISTRY) || after.remove(REGISTRY).is_some(), "no registry was begun");
    assert!(before.keys().eq(after.keys()), "other files than before: {applied}");
    let is_written_anew = |path: &str| WRITTEN_ANEW.iter().any(|(end, _)| path.ends_with(end));
    let changed: Vec<_> = after.iter().filter(|(path, entry)| before[*path] != **entry).collect();
    for (path, entry) in &changed {
        assert!(is_written_anew(path) || *path == RECORD, "{path} was changed: {applied}");
        assert_eq!(entry.mode, before[*path].mode, "{path}");
    }
    assert_eq!(
        plan.code,
        Some(if changed.is_empty() && before.contains_key(REGISTRY) { 0 } else { 2 }),
        "{changed:?} were changed: {plan}"
    );
    assert_eq!(recorded_certificates(&tree.read(RECORD)), recorded, "the record has other certificates");
    tree.plan().ends_with(0);
    Ok(())
}

fn recorded_certificates(record: &str) -> Value {
    let record: Value = serde_json::from_str(record).unwrap();
    json!([record["certificates"], record["former"], record["members"], record["layout"]])
}

fn is_read(name: &str) -> Outcome {
    let home = kept(name);
    let folder = home.path().join("out");
    let record: Value = serde_json::from_str(&fs::read_to_string(folder.join(RECORD)).unwrap()).unwrap();
    let status = run(etcdpki(["cluster", "status", "--json"]).arg(&folder)).ok();
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let listed = status["certificates"].as_array().expect("a list");
    let recorded = record["certificates"].as_array().expect("a list");
    assert!(!recorded.is_empty(), "the record is empty");
    for item in recorded {
        let same = |other: &&Value| ["certificate", "sha256"].iter().all(|key| other[*key] == item[*key]);
        let listed = listed.iter().find(same).unwrap_or_else(|| panic!("status does not list {item}"));
        assert_eq!(listed["state"], "valid", "{listed}");
    }

    let verified = run(etcdpki(["cluster", "verify"]).arg(&folder));
    assert!(verified.stdout.contains("survives the loss of any one member"), "{verified}");
    // What depends on name servers is taken for granted.
    let is_certain = !verified.stdout.contains(", if ");
    verified.ends_with(if is_certain { 0 } else { 2 });
    Ok(())
}

/// The CA goes on signing under the profiles that are there, and what it signed before is still good.
fn its_files_are_used() -> Outcome {
    let openssl = Openssl::find()?;
    let home = kept(CFSSL);
    let at = |file: &str| home.path().join(file);
    for arguments in [
        "gencert -initca -bare new-ca ca-csr.json",
        "gencert -initca -ca-key ca-key.pem -bare same-key ca-csr.json",
        "gencert -renewca -ca ca.pem -ca-key ca-key.pem -bare renewed",
    ] {
        run(etcdpki(arguments.split(' ')).current_dir(home.path())).ok();
    }
    for ca in ["new-ca", "same-key", "renewed"] {
        let (new, old) = (at(&format!("{ca}.pem")), at("ca.pem"));
        assert_eq!(openssl.subject(&new), openssl.subject(&old), "{ca}");
    }
    for (name, purpose) in [("server", Purpose::Server), ("client", Purpose::Client)] {
        let sign = format!(
            "gencert -ca ca.pem -ca-key ca-key.pem -config ca-config.json -profile {name} -bare new-{name} {name}.json"
        );
        run(etcdpki(sign.split(' ')).current_dir(home.path())).ok();
        let (new, old) = (at(&format!("new-{name}.pem")), at(&format!("{name}.pem")));
        for (certificate, ca) in
            [(&new, "ca.pem"), (&old, "ca.pem"), (&old, "same-key.pem"), (&old, "renewed.pem")]
        {
            openssl.verify(&at(ca), certificate, purpose, &[]);
        }
        assert_eq!(openssl.subject(&new), openssl.subject(&old));
        assert_eq!(openssl.names(&new), openssl.names(&old));
        assert_eq!(openssl.key(&new), openssl.key(&old));
    }
    Ok(())
}
