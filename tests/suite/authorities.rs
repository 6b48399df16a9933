//! CAs that exist already: with their keys, below another CA, or offline.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::command::{Ran, run};
use super::guides::links;
use super::live::{Cluster, all_on_each_etcd};
use super::openssl::{Openssl, Purpose};
use super::product::{Tree, program};
use super::programs::{self, Etcd, find};
use super::trial::{Missing, Outcome, named, trial, trials};

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![
        one_with_its_key_signs,
        an_intermediate_comes_with_its_chain,
        a_role_may_have_one_of_its_own,
        one_for_both_roles_is_told,
        wrong_ones_are_refused
    ];
    trials.extend(trials![
        "offline",
        a_wrong_answer_is_not_taken,
        more_than_was_asked_is_not_taken,
        answers_may_come_one_by_one,
        what_is_in_use_stays_until_there_is_another,
        a_key_stays_with_its_certificate,
        a_member_joins_once_it_has_certificates
    ]);
    for signer in [Signer::Product, Signer::Cfssl, Signer::Openssl] {
        let name = format!("authorities::offline::{signer:?}_signs_what_is_asked").to_lowercase();
        trials.push(trial(name, move || signs_what_is_asked(signer)));
    }
    trials.extend(all_on_each_etcd(&named![trusts_an_intermediate_or_its_root]));
    trials
}

const MEMBERS: [(&str, &str); 2] = [("etcd1", "127.0.0.1"), ("etcd2", "127.0.0.2")];

/// A folder with CAs: `root`, `issuing` below it, and `other`; each with its key, and `chain.pem`.
struct Authorities(TempDir);

impl Authorities {
    fn new() -> Result<Self, Missing> {
        let folder = Self(tempfile::tempdir().unwrap());
        let script = r#"
            for ca in root other issuing; do
                echo '{"CN": "The '$ca' CA", "key": {"algo": "ecdsa", "size": 256}}' > $ca.json
            done
            cfssl gencert -initca root.json | cfssljson -bare root
            cfssl gencert -initca other.json | cfssljson -bare other
            echo '{"signing": {"profiles": {"ca": {"expiry": "26280h", "usages": ["cert sign", "crl sign"],
                "ca_constraint": {"is_ca": true, "max_path_len_zero": true}}}}}' > config.json
            cfssl gencert -ca root.pem -ca-key root-key.pem -config config.json -profile ca issuing.json |
                cfssljson -bare issuing
            cat issuing.pem root.pem > chain.pem"#;
        folder.bash(links().path(), script).ok();
        Ok(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A script in the folder, with some programs first on PATH.
    fn bash(&self, programs: &Path, script: &str) -> Ran {
        let mut path = programs.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", script]).current_dir(self.0.path()).env("PATH", path);
        run(&mut bash)
    }

    /// A description with some of them.
    fn describe(&self, layout: &str, certificates: Value) -> Value {
        let mut certificates = certificates;
        for authority in certificates.as_object_mut().unwrap().values_mut() {
            for file in authority.as_object_mut().unwrap().values_mut() {
                *file = json!(self.path(file.as_str().unwrap()));
            }
        }
        let members = MEMBERS.map(|(name, address)| json!({"name": name, "address": address}));
        json!({"name": "given", "layout": layout, "certificates": certificates, "members": members})
    }

    /// A tree whose CA has no key here.
    fn offline(&self) -> Tree {
        Tree::of_value(&self.describe("single-ca", json!({"ca": {"certificate": "root.pem"}})))
    }
}

fn server(tree: &Tree, member: &str) -> PathBuf {
    tree.path(&format!("nodes/{member}/etc/etcd/pki/server.pem"))
}

/// Panics unless every certificate is good for what it is used for, trusting what its host trusts.
#[track_caller]
fn verify(openssl: &Openssl, tree: &Tree, members: &[(&str, &str)]) {
    for (member, address) in members {
        for role in ["server", "peer"] {
            let certificate = server(tree, member).with_file_name(format!("{role}.pem"));
            let (ca, key) =
                (certificate.with_file_name("ca.pem"), certificate.with_file_name(format!("{role}-key.pem")));
            openssl.belong_together(&certificate, &key);
            openssl.verify(&ca, &certificate, Purpose::Server, &["-verify_ip", address, "-partial_chain"]);
            openssl.verify(&ca, &certificate, Purpose::Client, &["-partial_chain"]);
        }
    }
    let client = tree.path("clients/root/client.pem");
    openssl.belong_together(&client, &tree.path("clients/root/client-key.pem"));
    openssl.verify(&tree.path("clients/root/ca.pem"), &client, Purpose::Client, &["-partial_chain"]);
}

fn one_with_its_key_signs() -> Outcome {
    let (openssl, authorities) = (Openssl::find()?, Authorities::new()?);
    let ca = json!({"ca": {"certificate": "root.pem", "private-key": "root-key.pem"}});
    let tree = Tree::of_value(&authorities.describe("single-ca", ca)).applied();
    verify(&openssl, &tree, &MEMBERS);
    openssl.verify(&authorities.path("root.pem"), &server(&tree, "etcd1"), Purpose::Server, &[]);
    assert!(!tree.path("ca").exists(), "a CA of its own");
    let key = fs::read(authorities.path("root-key.pem")).unwrap();
    assert!(tree.files().values().all(|bytes| *bytes != key), "the CA's key was copied");
    tree.plan().ends_with(0);
    Ok(())
}

fn with_chain(authorities: &Authorities) -> Tree {
    let ca = json!({"ca": {"certificate": "chain.pem", "private-key": "issuing-key.pem"}});
    Tree::of_value(&authorities.describe("single-ca", ca))
}

fn an_intermediate_comes_with_its_chain() -> Outcome {
    let (openssl, authorities) = (Openssl::find()?, Authorities::new()?);
    let tree = with_chain(&authorities).applied();
    verify(&openssl, &tree, &MEMBERS);
    let (certificate, issuing) = (server(&tree, "etcd1"), fs::read(authorities.path("issuing.pem")).unwrap());
    assert_eq!(fs::read(certificate.with_file_name("ca.pem")).unwrap(), issuing, "trusted by the host");
    let text = fs::read(&certificate).unwrap();
    assert!(text.ends_with(&issuing), "the chain is not behind the certificate");
    assert_eq!(String::from_utf8(text).unwrap().matches("BEGIN CERTIFICATE").count(), 2, "not two");

    // Who trusts the root alone needs what stands behind the certificate; who trusts the intermediate does not.
    let (root, alone) = (authorities.path("root.pem"), authorities.path("alone.pem"));
    fs::write(&alone, openssl.x509(&["-outform", "PEM"], &certificate)).unwrap();
    let shown = certificate.to_str().unwrap();
    openssl.verify(&root, &certificate, Purpose::Server, &["-untrusted", shown]);
    assert_ne!(openssl.verification(&root, &certificate, Purpose::Server, &[]).code, Some(0));
    tree.plan().ends_with(0);

    // The root alone is no chain, and needs none.
    let ca = json!({"ca": {"certificate": "issuing.pem", "private-key": "issuing-key.pem"}});
    let tree = Tree::of_value(&authorities.describe("single-ca", ca)).applied();
    verify(&openssl, &tree, &MEMBERS);
    Ok(())
}

fn a_role_may_have_one_of_its_own() -> Outcome {
    let (openssl, authorities) = (Openssl::find()?, Authorities::new()?);
    let ca = json!({"client-ca": {"certificate": "root.pem", "private-key": "root-key.pem"}});
    let tree = Tree::of_value(&authorities.describe("least-privilege", ca)).applied();
    let pki = server(&tree, "etcd1");
    let (root, own) = (authorities.path("root.pem"), tree.path("ca/peer-ca.pem"));
    openssl.verify(&root, &pki, Purpose::Server, &[]);
    openssl.verify(&root, &tree.path("clients/root/client.pem"), Purpose::Client, &[]);
    openssl.verify(&own, &pki.with_file_name("peer.pem"), Purpose::Client, &[]);
    assert_ne!(
        openssl.verification(&root, &pki.with_file_name("peer.pem"), Purpose::Client, &[]).code,
        Some(0)
    );
    assert!(!tree.path("ca/client-ca.pem").exists(), "another CA for clients");
    tree.plan().ends_with(0);
    Ok(())
}

fn one_for_both_roles_is_told() -> Outcome {
    let authorities = Authorities::new()?;
    let root = json!({"certificate": "root.pem", "private-key": "root-key.pem"});
    let other = json!({"certificate": "other.pem", "private-key": "other-key.pem"});
    for (peer_ca, told) in [(root.clone(), true), (other, false)] {
        let cas = json!({"client-ca": root, "peer-ca": peer_ca});
        let said = Tree::of_value(&authorities.describe("least-privilege", cas)).apply().ok().stderr;
        assert_eq!(said.contains("client-ca and peer-ca have the same key"), told, "{said}");
    }
    Ok(())
}

fn wrong_ones_are_refused() -> Outcome {
    let authorities = Authorities::new()?;
    let prepare = r#"
        openssl pkcs8 -topk8 -in root-key.pem -out encrypted-key.pem -passout pass:secret
        cat root.pem issuing.pem > reversed.pem
        cat issuing.pem other.pem > strangers.pem
        echo '{"CN": "leaf", "hosts": ["leaf.example"]}' > leaf.json
        cfssl gencert -ca root.pem -ca-key root-key.pem leaf.json | cfssljson -bare leaf
        echo '{"signing": {"profiles": {"ca": {"not_before": "2020-01-01T00:00:00Z", "not_after": "2021-01-01T00:00:00Z",
            "usages": ["cert sign"], "expiry": "1h", "ca_constraint": {"is_ca": true}}}}}' > past.json
        cfssl gencert -ca root.pem -ca-key root-key.pem -config past.json -profile ca issuing.json | cfssljson -bare past
        echo nothing > nothing.pem"#;
    authorities.bash(links().path(), prepare).ok();
    for (certificate, key, file, says, hint) in [
        ("gone.pem", "root-key.pem", "gone.pem", "there is no file", "relative to its folder"),
        ("root.pem", "gone-key.pem", "gone-key.pem", "there is no file", "relative to its folder"),
        ("nothing.pem", "root-key.pem", "nothing.pem", "no PEM certificate", ""),
        ("leaf.pem", "leaf-key.pem", "leaf.pem", "is not a CA", "CA's own certificate"),
        ("past.pem", "past-key.pem", "past.pem", "not now", "correct the clock"),
        ("root.pem", "other-key.pem", "other-key.pem", "does not belong", "private key of one CA"),
        ("reversed.pem", "root-key.pem", "reversed.pem", "do not form a chain", "that signs first"),
        ("strangers.pem", "issuing-key.pem", "strangers.pem", "do not form a chain", "that signs first"),
        ("root.pem", "encrypted-key.pem", "encrypted-key.pem", "is encrypted", "leave out `private-key`"),
        ("root.pem", "root.pem", "root.pem", "this is a certificate, not a private key", "interchanged"),
    ] {
        let ca = json!({"ca": {"certificate": certificate, "private-key": key}});
        let tree = Tree::of_value(&authorities.describe("single-ca", ca));
        for refused in [tree.plan(), tree.apply()] {
            let refused = refused.ends_with(1);
            for part in [file, says, hint] {
                assert!(refused.stderr.contains(part), "{certificate} and {key}: no {part:?} in {refused}");
            }
            assert!(hint.is_empty() || refused.stderr.contains("hint: "), "{refused}");
        }
        assert!(tree.files().is_empty(), "something was written for {certificate} and {key}");
    }
    Ok(())
}

/// What the CA that is offline signs with.
#[derive(Debug, Clone, Copy)]
enum Signer {
    Product,
    Cfssl,
    Openssl,
}

impl Signer {
    /// Takes the requests to the CA, signs what `apply` said, and brings the certificates back.
    #[track_caller]
    fn sign(self, authorities: &Authorities, tree: &Tree, said: &Ran) -> Outcome {
        let there = TempDir::new_in(authorities.0.path()).unwrap();
        let at_ca = |name: &str| there.path().join(name);
        fs::copy(authorities.path("root.pem"), at_ca("ca.pem")).unwrap();
        fs::copy(authorities.path("root-key.pem"), at_ca("ca-key.pem")).unwrap();
        fs::create_dir(at_ca("requests")).unwrap();
        super::guides::copy(&tree.path("requests"), &at_ca("requests"));
        let commands: Vec<_> =
            said.stdout.lines().map(str::trim).filter(|line| line.starts_with("etcdpki sign")).collect();
        assert!(!commands.is_empty(), "no command: {said}");
        let mut script = format!("cd {}\n", there.path().display());
        let (programs, own) = match self {
            Self::Product => {
                script += &commands.join("\n");
                let folder = links();
                std::os::unix::fs::symlink(
                    fs::canonicalize(program()).unwrap(),
                    folder.path().join("etcdpki"),
                )
                .unwrap();
                (folder.path().to_owned(), Some(folder))
            }
            Self::Cfssl => {
                script += r#"for request in requests/*.csr; do
                    base="${request%.csr}"
                    cfssl sign -ca ca.pem -ca-key ca-key.pem -config requests/ca-config.json \
                        -profile "${base##*-}" "$request" | cfssljson -bare "$base"
                done"#;
                (programs::cfssl()?.folder, None)
            }
            Self::Openssl => {
                script += r#"for request in requests/*.csr; do
                    openssl x509 -req -in "$request" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 90 \
                        -copy_extensions copy -out "${request%.csr}.pem"
                done"#;
                (find("openssl")?.parent().unwrap().to_owned(), None)
            }
        };
        authorities.bash(&programs, &script).ok();
        drop(own);
        super::guides::copy(&at_ca("requests"), &tree.path("requests"));
        Ok(())
    }
}

fn signs_what_is_asked(signer: Signer) -> Outcome {
    let (openssl, authorities) = (Openssl::find()?, Authorities::new()?);
    let tree = authorities.offline();
    tree.plan().ends_with(2);
    let asked = tree.apply().ends_with(2);
    let files = tree.files();
    let requests: Vec<_> = files.keys().filter(|path| path.ends_with(".csr")).collect();
    let all = ["etcd1-peer", "etcd1-server", "etcd2-peer", "etcd2-server", "root-client"];
    assert_eq!(requests, all.map(|name| format!("requests/{name}.csr")).iter().collect::<Vec<_>>());
    assert!(files.contains_key("requests/ca-config.json"));
    assert!(files.contains_key("nodes/etcd1/etc/etcd/pki/server-key.pem"));
    assert!(!server(&tree, "etcd1").exists(), "a certificate from nowhere");

    // Asking again is asking the same.
    let before = tree.entries();
    let again = tree.apply().ends_with(2);
    assert!(again.stdout.contains("still has to sign"), "{again}");
    assert!(tree.entries() == before, "asking twice changed something");

    signer.sign(&authorities, &tree, &asked)?;
    let taken = tree.apply().ok();
    assert!(!taken.stderr.contains("requests/"), "{taken}");
    verify(&openssl, &tree, &MEMBERS);
    let before = tree.entries();
    tree.plan().ends_with(0);
    let nothing = tree.apply().ok();
    assert!(nothing.stdout.contains("nothing to do") && tree.entries() == before, "{nothing}");

    // What was lost is still there among the answers.
    fs::remove_file(server(&tree, "etcd2")).unwrap();
    tree.apply().ok();
    verify(&openssl, &tree, &MEMBERS);
    Ok(())
}

fn answers_may_come_one_by_one() -> Outcome {
    let authorities = Authorities::new()?;
    let tree = authorities.offline();
    let asked = tree.apply().ends_with(2);
    Signer::Openssl.sign(&authorities, &tree, &asked)?;
    let answers: Vec<_> =
        tree.files().into_iter().filter(|(path, _)| path.starts_with("requests/")).collect();
    let answers = answers.iter().filter(|(path, _)| path.ends_with(".pem"));
    for (path, _) in answers.clone() {
        fs::remove_file(tree.path(path)).unwrap();
    }
    for (place, (path, bytes)) in answers.enumerate() {
        fs::write(tree.path(path), bytes).unwrap();
        tree.apply().ends_with(if place == 4 { 0 } else { 2 });
        tree.apply().ends_with(if place == 4 { 0 } else { 2 });
    }
    verify(&Openssl::find()?, &tree, &MEMBERS);
    Ok(())
}

/// An answer made with a profile of the product's own signer.
fn profile(more: Value) -> String {
    let mut profile =
        json!({"expiry": "2160h", "usages": ["digital signature", "server auth", "client auth"]});
    profile.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"signing": {"profiles": {"x": profile}}}).to_string()
}

fn a_wrong_answer_is_not_taken() -> Outcome {
    let authorities = Authorities::new()?;
    let tree = authorities.offline();
    let asked = tree.apply().ends_with(2);
    Signer::Openssl.sign(&authorities, &tree, &asked)?;
    let answer = tree.path("requests/etcd1-server.pem");
    let right = fs::read(&answer).unwrap();
    let signed = |ca: &str, more: Value, hosts: &str| {
        fs::write(authorities.path("x.json"), profile(more)).unwrap();
        let (request, answer) = (answer.with_extension("csr"), answer.with_extension(""));
        format!(
            "cfssl sign -ca {ca}.pem -ca-key {ca}-key.pem -config x.json -profile x {hosts} {} | cfssljson -bare {}",
            request.display(),
            answer.display()
        )
    };
    let past = json!({"not_before": "2020-01-01T00:00:00Z", "not_after": "2021-01-01T00:00:00Z"});
    let future = json!({"not_before": "2095-01-01T00:00:00Z", "not_after": "2096-01-01T00:00:00Z"});
    let wrong = [
        (
            format!("cp {} {}", tree.path("requests/etcd1-peer.pem").display(), answer.display()),
            "the key beside it",
        ),
        (
            signed("root", json!({}), "-hostname 127.0.0.9"),
            "it is for 127.0.0.9, not for localhost, 127.0.0.1",
        ),
    ];
    for (script, says) in wrong {
        refuse(&authorities, &tree, &script, says);
    }
    for (ca, more, says) in [
        ("other", json!({}), "the cluster's CA did not issue it"),
        ("root", past, "it ended at 2021-01-01"),
        ("root", future, "it is not valid before 2095-01-01"),
        (
            "root",
            json!({"usages": ["digital signature", "client auth"]}),
            "it may be used for digital signature, client auth, not for",
        ),
        (
            "root",
            json!({"usages": ["cert sign"], "ca_constraint": {"is_ca": true}}),
            "it is a CA certificate",
        ),
    ] {
        let script = signed(ca, more, "");
        refuse(&authorities, &tree, &script, says);
    }
    refuse(&authorities, &tree, &format!("echo nothing > {}", answer.display()), "it cannot be read");
    fs::write(&answer, right).unwrap();
    tree.apply().ok();
    verify(&Openssl::find()?, &tree, &MEMBERS);
    Ok(())
}

/// Panics unless what a script makes of an answer is not taken, twice, with the reason and the way out.
#[track_caller]
fn refuse(authorities: &Authorities, tree: &Tree, script: &str, says: &str) {
    authorities.bash(links().path(), script).ok();
    for _ in 0..2 {
        let refused = tree.apply().ends_with(2);
        for part in ["requests/etcd1-server.pem", says, "sign requests/etcd1-server.csr again"] {
            assert!(refused.stderr.contains(part), "no {part:?} in {refused}");
        }
        assert!(!server(tree, "etcd1").exists(), "it was taken: {refused}");
        assert!(server(tree, "etcd2").exists(), "another one was not taken: {refused}");
    }
}

/// In least-privilege a server must not become a client.
fn more_than_was_asked_is_not_taken() -> Outcome {
    let authorities = Authorities::new()?;
    let ca = json!({"client-ca": {"certificate": "root.pem"}});
    let tree = Tree::of_value(&authorities.describe("least-privilege", ca));
    let asked = tree.apply().ends_with(2);
    assert!(asked.stdout.contains("-ca client-ca.pem -ca-key client-ca-key.pem"), "{asked}");
    for (usages, status) in [
        (json!(["digital signature", "server auth", "client auth"]), 2),
        (json!(["signing", "server auth"]), 0),
    ] {
        fs::write(authorities.path("x.json"), profile(json!({"usages": usages}))).unwrap();
        let script = format!(
            "cd {}; for request in *.csr; do
                case $request in *-server.csr) profile='-config {} -profile x';; *) profile='-config client.json -profile x';; esac
                cfssl sign -ca {root}.pem -ca-key {root}-key.pem $profile $request | cfssljson -bare ${{request%.csr}}
            done",
            tree.path("requests").display(),
            authorities.path("x.json").display(),
            root = authorities.path("root").display(),
        );
        let clients = profile(json!({"usages": ["signing", "client auth"]}));
        fs::write(tree.path("requests/client.json"), clients).unwrap();
        authorities.bash(links().path(), &script).ok();
        let ran = tree.apply().ends_with(status);
        let says = "it may be used for digital signature, server auth, client auth, not for digital signature, server auth";
        assert_eq!(ran.stderr.contains(says), status == 2, "{ran}");
    }
    Ok(())
}

fn recorded(tree: &Tree, list: &str) -> Vec<String> {
    let lock: Value = serde_json::from_str(&tree.read("cluster.lock.json")).unwrap();
    let issued = lock[list].as_array().unwrap().iter();
    issued.map(|issued| issued["certificate"].as_str().unwrap().to_owned()).collect()
}

fn what_is_in_use_stays_until_there_is_another() -> Outcome {
    let (openssl, authorities) = (Openssl::find()?, Authorities::new()?);
    let tree = authorities.offline();
    let asked = tree.apply().ends_with(2);
    Signer::Product.sign(&authorities, &tree, &asked)?;
    tree.apply().ok();
    let before = tree.files();

    let mut described: Value = serde_json::from_str(&fs::read_to_string(&tree.description).unwrap()).unwrap();
    described["members"][0]["dns"] = json!("etcd1.example");
    tree.describe(&described.to_string());
    let asked = tree.apply().ends_with(2);
    assert!(!asked.stderr.contains("requests/"), "the answer of before is no wrong one: {asked}");
    for command in asked.stdout.lines().filter(|line| line.contains("etcdpki sign")) {
        assert!(command.contains("etcd1-") && !command.contains("etcd2-"), "{command}");
    }
    let after = tree.files();
    for (path, bytes) in before.iter().filter(|(path, _)| path.starts_with("nodes/")) {
        assert!(after.get(path) == Some(bytes), "{path} has changed before there is another certificate");
    }
    assert_eq!(recorded(&tree, "certificates").len(), 5, "what is in use is recorded");
    assert_eq!(recorded(&tree, "former").len(), 0);
    tree.apply().ends_with(2);
    assert!(after == tree.files(), "asking twice changed something");

    Signer::Product.sign(&authorities, &tree, &asked)?;
    tree.apply().ok();
    verify(&openssl, &tree, &MEMBERS);
    let names = openssl.names(&server(&tree, "etcd1"));
    assert!(names.contains(&"DNS:etcd1.example".to_owned()), "{names:?}");
    let after = tree.files();
    for (path, bytes) in before.iter().filter(|(path, _)| path.ends_with("-key.pem")) {
        assert!(after[path] == *bytes, "{path} was made anew");
    }
    assert_eq!(recorded(&tree, "former"), ["etcd1 server", "etcd1 peer"]);
    tree.plan().ends_with(0);
    Ok(())
}

fn a_key_stays_with_its_certificate() -> Outcome {
    let (openssl, authorities) = (Openssl::find()?, Authorities::new()?);
    let tree = authorities.offline();
    let asked = tree.apply().ends_with(2);
    Signer::Product.sign(&authorities, &tree, &asked)?;
    tree.apply().ok();
    let mut described: Value = serde_json::from_str(&fs::read_to_string(&tree.description).unwrap()).unwrap();
    described["key"] = json!("rsa-2048");
    tree.describe(&described.to_string());
    let kept = tree.apply().ok();
    let key = "nodes/etcd1/etc/etcd/pki/server-key.pem";
    // What is said of several certificates is said once.
    assert!(kept.stderr.contains("etcd1 server, etcd1 peer, "), "{kept}");
    assert!(kept.stderr.contains("keep their keys") && kept.stderr.contains("delete a key"), "{kept}");
    verify(&openssl, &tree, &MEMBERS);

    fs::remove_file(tree.path(key)).unwrap();
    let asked = tree.apply().ends_with(2);
    Signer::Product.sign(&authorities, &tree, &asked)?;
    tree.apply().ok();
    verify(&openssl, &tree, &MEMBERS);
    assert!(openssl.key(&server(&tree, "etcd1")).concat().contains("rsaEncryption"));
    Ok(())
}

fn a_member_joins_once_it_has_certificates() -> Outcome {
    let (openssl, authorities) = (Openssl::find()?, Authorities::new()?);
    let tree = authorities.offline();
    let asked = tree.apply().ends_with(2);
    Signer::Product.sign(&authorities, &tree, &asked)?;
    tree.apply().ok();
    let before = tree.files();

    let mut described: Value = serde_json::from_str(&fs::read_to_string(&tree.description).unwrap()).unwrap();
    described["members"].as_array_mut().unwrap().push(json!({"name": "etcd3", "address": "127.0.0.3"}));
    tree.describe(&described.to_string());
    let asked = tree.apply().ends_with(2);
    assert!(!asked.stdout.contains("etcdctl member add"), "it cannot start yet: {asked}");
    tree.apply().ends_with(2);
    Signer::Product.sign(&authorities, &tree, &asked)?;
    let joins = tree.apply().ok();
    assert!(
        joins.stdout.contains("etcdctl member add etcd3 --learner --peer-urls=https://127.0.0.3:2380"),
        "{joins}"
    );
    let env = tree.read("nodes/etcd3/etc/etcd/etcd.env");
    assert!(env.contains("ETCD_INITIAL_CLUSTER_STATE=existing"), "{env}");
    let after = tree.files();
    for (path, bytes) in before.iter().filter(|(path, _)| path.starts_with("nodes/")) {
        assert!(after[path] == *bytes, "{path} was changed for a new member");
    }
    verify(&openssl, &tree, &[MEMBERS[0], MEMBERS[1], ("etcd3", "127.0.0.3")]);
    Ok(())
}

/// Members and clients may trust the issuing CA alone, as is rendered, or the root alone.
fn trusts_an_intermediate_or_its_root(etcd: &Etcd) -> Outcome {
    let authorities = Authorities::new()?;
    for members_trust_root in [false, true] {
        let tree = with_chain(&authorities).applied();
        if members_trust_root {
            for (member, _) in MEMBERS {
                let trusted = server(&tree, member).with_file_name("ca.pem");
                fs::copy(authorities.path("root.pem"), trusted).unwrap();
            }
        }
        let mut cluster = Cluster::start(etcd, tree)?;
        cluster.wait_until_healthy();
        cluster.etcdctl(&["put", "by", "the issuing CA"]).ok();
        let mut by_root = cluster.etcdctl_command(&["ETCDCTL_CACERT"], &["get", "by"]);
        by_root.arg("--cacert").arg(authorities.path("root.pem"));
        assert!(run(&mut by_root).ok().stdout.contains("the issuing CA"));
        for member in &cluster.members {
            member.assert_no_complaint();
        }
    }
    Ok(())
}
