//! Where cfssl's commands differ here from cfssl: the rows of docs/cfssl.md that the library alone cannot show.
//! `pki-core/tests/promises.rs` has the list of all rows.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use pki_cli::Terminal;
use pki_core::x509::{BasicConstraints, Certificate, CertificateRequest, Crl, PrivateKey};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// A temporary folder with a CA, and what the commands see of the world.
struct Folder {
    folder: TempDir,
    variables: Vec<(&'static str, &'static str)>,
    later: Duration,
}

struct Outcome {
    status: u8,
    output: String,
    errors: String,
}

const CONFIG: &str = r#"{"signing": {"default": {"expiry": "1d", "usages": ["signing", "server auth"]}, "profiles": {
    "peer": {"expiry": "1d", "usages": ["signing", "server auth", "client auth"]},
    "ca": {"expiry": "1d", "usages": ["cert sign"], "ca_constraint": {"is_ca": true, "max_path_len_zero": true}}}}}"#;

impl Folder {
    fn new() -> Self {
        let folder =
            Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new(), later: Duration::ZERO };
        folder.write("ca.json", r#"{"CN": "CA", "ca": {"expiry": "10d"}}"#);
        folder.write("leaf.json", r#"{"CN": "leaf", "hosts": ["a.example"]}"#);
        folder.write("config.json", CONFIG);
        folder.good("cfssl gencert -initca -bare @ca @ca.json");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn certificate(&self, name: &str) -> Certificate {
        Certificate::read(self.read(name).as_bytes()).unwrap()
    }

    /// Runs a program; `@` in a word stands for this folder, and `_` for a space.
    fn run(&self, words: &str) -> Outcome {
        let folder = format!("{}/", self.folder.path().display());
        let args = words.split(' ').map(|word| OsString::from(word.replace('_', " ").replace('@', &folder)));
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let variable = |name: &str| {
            let found = self.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let now = || OffsetDateTime::now_utc() + self.later;
        let status = pki_cli::run(
            args,
            &mut Terminal {
                input: &mut [].as_slice(),
                output: &mut output,
                errors: &mut errors,
                output_is_terminal: false,
                errors_is_terminal: false,
                output_is_closed: false,
                colour: pki_cli::ColourChoice::Auto,
                verbosity: pki_cli::Verbosity::Normal,
                variable: &variable,
                now: &now,
            },
        );
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Outcome { status, output: text(output), errors: text(errors) }
    }

    #[track_caller]
    fn good(&self, words: &str) -> Outcome {
        let outcome = self.run(words);
        assert_eq!(outcome.status, 0, "{words}: {}", outcome.errors);
        outcome
    }

    /// Runs a command that must fail with this status and message, and without any result.
    #[track_caller]
    fn bad(&self, words: &str, status: u8, message: &str) {
        let outcome = self.run(words);
        assert_eq!(outcome.status, status, "{words}: {}", outcome.errors);
        assert!(outcome.errors.contains(message), "{words}: no {message:?} in {}", outcome.errors);
        assert!(outcome.errors.ends_with('\n') && outcome.output.is_empty(), "{words}: {}", outcome.output);
    }
}

const CA: &str = "-ca @ca.pem -ca-key @ca-key.pem";

#[test]
fn a_ca_is_needed_to_sign() {
    let folder = Folder::new();
    folder.good("cfssl genkey -bare @leaf @leaf.json");
    for command in ["gencert", "sign"] {
        let operand = if command == "sign" { "@leaf.csr" } else { "@leaf.json" };
        for ca in ["", "-ca @ca.pem ", "-ca-key @ca-key.pem "] {
            folder.bad(&format!("cfssl {command} {ca}{operand}"), 1, "hint: ");
        }
        folder.good(&format!("cfssl {command} {CA} {operand}"));
    }
}

#[test]
fn errors_are_seen_in_the_status() {
    let folder = Folder::new();
    folder.bad("cfssl-certinfo -cert @nothing.pem", 1, "nothing.pem");
    folder.bad("cfssl-newkey @nothing.json", 1, "nothing.json");
    folder.bad("cfssl-newkey", 1, "hint: ");
    for program in ["cfssl-certinfo", "cfssl-newkey", "cfssl"] {
        let words = if program == "cfssl" { "cfssl gencert -bogus" } else { &format!("{program} -bogus") };
        assert_eq!(folder.run(words).status, 2, "{program}");
    }
}

#[test]
fn a_profile_is_one_of_the_config() {
    let folder = Folder::new();
    let gencert = format!("cfssl gencert {CA}");
    let wrong = format!("{gencert} -config @config.json -profile per @leaf.json");
    folder.bad(&wrong, 1, "did you mean `peer`?");
    let without = folder.good(&format!("{gencert} -profile peer -bare @other @leaf.json"));
    assert!(without.errors.contains("there are no profiles"), "{}", without.errors);
    folder.good(&format!("{gencert} -config @config.json -profile peer -bare @leaf @leaf.json"));
    assert_eq!(folder.certificate("leaf.pem").extended_key_usage().unwrap().len(), 2);
}

/// The hint at the clock is of use to whoever does not know why.
#[test]
fn a_ca_that_has_ended_signs_nothing() {
    let mut folder = Folder::new();
    folder.good("cfssl genkey -bare @x @leaf.json");
    folder.good(&format!("cfssl gencert {CA} -bare @leaf @leaf.json"));
    let all = [
        format!("cfssl gencert {CA} @leaf.json"),
        format!("cfssl sign {CA} @x.csr"),
        format!("cfssl gencert {CA} -from @leaf.pem"),
    ];
    for later in [Duration::days(11), Duration::days(-1)] {
        folder.later = later;
        for words in &all {
            folder.bad(words, 1, "the CA certificate is valid from ");
            folder.bad(words, 1, "hint: check the clock of this host");
        }
    }
    folder.later = Duration::days(9);
    for words in &all {
        folder.good(words);
    }
    // A certificate that may not sign others does not do so either.
    folder.bad("cfssl gencert -ca @leaf.pem -ca-key @leaf-key.pem @leaf.json", 1, "is not a CA");
    folder.bad("cfssl sign -ca @leaf.pem -ca-key @leaf-key.pem @x.csr", 1, "is not a CA");
}

#[test]
fn a_path_length_of_zero_allows_no_ca_below() {
    let folder = Folder::new();
    let ca = "-config @config.json -profile ca";
    folder.good(&format!("cfssl gencert {CA} {ca} -bare @sub @leaf.json"));
    let constraints = BasicConstraints { ca: true, path_len: Some(0) };
    assert_eq!(folder.certificate("sub.pem").basic_constraints(), Some(constraints));
    let below = format!("cfssl gencert -ca @sub.pem -ca-key @sub-key.pem {ca} @leaf.json");
    folder.bad(&below, 1, "the CA's path length of 0 does not allow such a CA below it");
    folder.good("cfssl gencert -ca @sub.pem -ca-key @sub-key.pem @leaf.json");
}

#[test]
fn hosts_of_the_command_line_are_trimmed_and_told() {
    let folder = Folder::new();
    let told =
        folder.good(&format!("cfssl gencert {CA} -hostname _b.example,10.0.0.1_, -bare @x @leaf.json"));
    assert_eq!(folder.certificate("x.pem").subject_alt_names().to_string(), "b.example, , 10.0.0.1");
    assert_eq!(told.errors.matches("spaces around the host").count(), 2, "{}", told.errors);
    assert_eq!(told.errors.matches("an empty host becomes an empty DNS name").count(), 1, "{}", told.errors);
}

#[test]
fn an_old_key_gets_what_the_request_says() {
    let folder = Folder::new();
    folder.write(
        "again.json",
        r#"{"CN": "again", "key": {"algo": "rsa", "size": 2048}, "crl_url": "http://crl.example/",
            "ca": {"expiry": "2d", "backdate": "1h", "pathlen": 1}}"#,
    );
    folder.good("cfssl gencert -initca -ca-key @ca-key.pem -bare @again @again.json");
    let (old, new) = (folder.certificate("ca.pem"), folder.certificate("again.pem"));
    assert!(new.has_key_of(&old), "the section `key` is for new keys");
    assert_eq!(new.crl_urls(), ["http://crl.example/"]);
    assert_eq!(new.not_after() - new.not_before(), Duration::days(2));
    let backdate = old.not_before() - new.not_before();
    assert!(backdate >= Duration::minutes(50) && backdate <= Duration::HOUR, "{backdate}");
    folder.write("nameless.json", r#"{"names": [{"O": ""}]}"#);
    folder.bad("cfssl gencert -initca -ca-key @ca-key.pem @nameless.json", 1, "the CA has no name");
}

#[test]
fn selfsign_takes_the_host_and_the_profile() {
    let folder = Folder::new();
    folder.write("bare.json", r#"{"CN": "x", "names": [{"E": "a@b.c", "OID": {"1.2.3": "y"}}]}"#);
    folder.good("cfssl selfsign -bare @x b.example,10.0.0.1 @bare.json");
    let certificate = folder.certificate("x.pem");
    assert_eq!(certificate.subject_alt_names().to_string(), "b.example, 10.0.0.1");
    assert_eq!(certificate.subject().to_string(), "CN=x, 1.2.3=y, emailAddress=a@b.c");
    let told = folder.good("cfssl selfsign -bare @y other.example @leaf.json").errors;
    assert!(told.contains("other.example is ignored: the certificate is for the hosts of"), "{told}");
    let quiet = folder.good("cfssl selfsign -bare @z a.example @leaf.json").errors;
    assert!(!quiet.contains("is ignored"), "{quiet}");
    assert_eq!(folder.certificate("y.pem").subject_alt_names().to_string(), "a.example");
    folder.bad("cfssl selfsign x @ca.json", 1, "ca section only permitted in initca");
}

#[test]
fn everything_is_read_before_a_key_is_made() {
    let folder = Folder::new();
    folder.write("profiles.json", r#"{"signing": {"default": {"expiry": "1h"}}}"#);
    for (words, message) in [
        ("-ca @nothing.pem -ca-key @ca-key.pem", "nothing.pem"),
        ("-ca @ca.pem -ca-key @nothing.pem", "nothing.pem"),
        ("-ca @ca.pem -ca-key @leaf.json", "private key"),
        ("-ca @ca.pem -ca-key @ca-key.pem -config @profiles.json", "the profile has no usages"),
    ] {
        folder.bad(&format!("cfssl gencert {words} -bare @new @leaf.json"), 1, message);
        let made = folder.folder.path().read_dir().unwrap();
        let made =
            made.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("new"));
        assert_eq!(made.count(), 0, "{words}");
    }
}

#[test]
fn a_broken_config_is_found_by_every_command() {
    let folder = Folder::new();
    folder.write("broken.json", "{");
    for words in ["genkey @leaf.json", "gencert -initca @ca.json", "gencsr -key @ca-key.pem @leaf.json"] {
        let (command, rest) = words.split_once(' ').unwrap();
        folder.bad(&format!("cfssl {command} -config @broken.json {rest}"), 1, "broken.json:1:");
        folder.good(&format!("cfssl {words}"));
    }
}

/// `openssl pkcs8 -topk8 -iter 1 -v2 aes-256-cbc -v2prf hmacWithSHA256`, with the password "secret".
const PKCS8: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAjLuZho3gQ4ZQIBATAM
BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQOE1OJPbZnF/MQ7Yaa9wZ4gSBkJGh
GIzoZBEYzOjk/e7wmbtU2nwjYxxzKfce+kCUqhHjioq5Q/lZmvbxny+mj6Fz74OL
Wg+GN9Kr4YrrMmIyMlkgWQ7GpDQWyU/8h98r0NLaICk0a356sDzSxpPYAwrLm2Zv
PoeTMCs6JFTOczdzZ4FhhQ8IMgeOxaTn6NxZ2cwl9AKORfB/o1uWl12NQaEDDA==
-----END ENCRYPTED PRIVATE KEY-----
";

#[test]
fn encrypted_keys_are_read_by_every_command() {
    let mut folder = Folder::new();
    folder.variables = vec![("CFSSL_CA_PK_PASSWORD", "secret")];
    folder.write("safe-key.pem", PKCS8);
    folder.good("cfssl gencert -initca -ca-key @safe-key.pem @ca.json");
    folder.good("cfssl gencert -initca -ca-key @safe-key.pem -force -bare @safe @ca.json");
    folder.write("serials", "1\n");
    let all = [
        "gencert -ca @safe.pem -ca-key @safe-key.pem @leaf.json",
        "sign -ca @safe.pem -ca-key @safe-key.pem @x.csr",
        "gencert -renewca -ca @safe.pem -ca-key @safe-key.pem",
        "gencert -initca -ca-key @safe-key.pem @ca.json",
        "gencsr -key @safe-key.pem @leaf.json",
        "gencrl @serials @safe.pem @safe-key.pem",
        "bundle -cert @safe.pem -key @safe-key.pem -ca-bundle @safe.pem",
    ];
    folder.good("cfssl genkey -bare @x @leaf.json");
    for words in all {
        folder.variables = Vec::new();
        folder.bad(&format!("cfssl {words}"), 1, "the private key is encrypted");
        folder.variables = vec![("CFSSL_CA_PK_PASSWORD", "wrong")];
        folder.bad(&format!("cfssl {words}"), 1, "the password does not open the private key");
        folder.variables = vec![("CFSSL_CA_PK_PASSWORD", "secret")];
        folder.good(&format!("cfssl {words}"));
    }
    folder.variables = vec![("ETCDPKI_KEY_PASSWORD", "")];
    folder.bad("cfssl genkey -encrypt @leaf.json", 1, "ETCDPKI_KEY_PASSWORD");
    folder.variables = vec![("ETCDPKI_KEY_PASSWORD", "secret")];
    folder.good("cfssl genkey -encrypt -bare @locked @leaf.json");
    let text = folder.read("locked-key.pem");
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "{text}");
    assert!(PrivateKey::read(text.as_bytes(), Some("secret")).is_ok());
}

#[test]
fn ed25519_keys_have_the_label_that_openssl_reads() {
    let folder = Folder::new();
    folder.write("ed.json", r#"{"CN": "x", "key": {"algo": "ed25519"}}"#);
    folder.good("cfssl genkey -bare @ed @ed.json");
    assert!(folder.read("ed-key.pem").starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(folder.read("ca-key.pem").starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
}

#[test]
fn lists_are_refused_for_the_wrong_key_and_without_a_life() {
    let folder = Folder::new();
    folder.write("serials", "4711 keyCompromise\n# nothing else\n12 4\n");
    folder.write("none", "\n");
    folder.good(&format!("cfssl gencert {CA} -bare @leaf @leaf.json"));
    folder.bad("cfssl gencrl @serials @ca.pem @leaf-key.pem", 1, "does not belong to the CA certificate");
    for life in ["-1h", "-5"] {
        folder.bad(&format!("cfssl gencrl @serials @ca.pem @ca-key.pem {life}"), 1, "lifetime");
    }
    folder.good("cfssl gencrl -bare @list @serials @ca.pem @ca-key.pem");
    let list = Crl::read(&fs::read(folder.path("list.crl")).unwrap()).unwrap();
    assert_eq!(list.issuer().der(), folder.certificate("ca.pem").subject().der());
    assert_eq!((list.revocations().len(), list.number().is_some()), (2, true));
    let reasons: Vec<String> =
        list.revocations().iter().map(|entry| entry.reason.unwrap().to_string()).collect();
    assert_eq!(reasons, ["keyCompromise", "superseded"]);
    folder.good("cfssl gencrl -bare @empty @none @ca.pem @ca-key.pem");
    let empty = Crl::read(&fs::read(folder.path("empty.crl")).unwrap()).unwrap();
    assert!(empty.revocations().is_empty());
}

#[test]
fn flags_stand_before_the_files() {
    let folder = Folder::new();
    folder.bad("cfssl genkey @leaf.json -initca", 1, "-initca");
    folder.bad("cfssl genkey -initcaa @ca.json", 2, "-initca");
    // Flags of other commands are taken, and have no effect.
    folder.good("cfssl genkey -profile x -ca-bundle y @leaf.json");
    folder.good("cfssl genkey -- @leaf.json");
}

#[test]
fn defaults_are_printed_in_a_fixed_order() {
    let folder = Folder::new();
    folder.bad("cfssl print-defaults bogus", 1, "bogus");
    let list = folder.good("cfssl print-defaults list").output;
    assert_eq!(list, folder.good("cfssl print-defaults list").output);
    assert!(list.contains("config") && list.contains("csr"), "{list}");
    for words in ["cfssl gencert -h", "cfssl --help"] {
        let help = folder.good(words);
        assert!(help.errors.is_empty() && help.output.contains("Example"), "{words}: {}", help.errors);
    }
    // The default profile of what is printed cannot sign, and the others can.
    folder.write("printed.json", &folder.good("cfssl print-defaults config").output);
    let gencert = format!("cfssl gencert {CA} -config @printed.json");
    folder.bad(&format!("{gencert} @leaf.json"), 1, "hint: add \"usages\": ");
    folder.good(&format!("{gencert} -profile www @leaf.json"));
}

#[test]
fn requests_that_nobody_should_sign_are_refused() {
    let folder = Folder::new();
    folder.write("weak.json", r#"{"CN": "x", "key": {"algo": "rsa", "size": 1024}}"#);
    folder.bad("cfssl genkey @weak.json", 1, "rsa keys have 2048, 3072, 4096 or 8192 bits, not 1024");
    folder.good("cfssl genkey -bare @x @leaf.json");
    let request = CertificateRequest::read(folder.read("x.csr").as_bytes()).unwrap();
    let mut der = request.der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    fs::write(folder.path("forged.csr"), der).unwrap();
    folder.bad(&format!("cfssl sign {CA} @forged.csr"), 1, "the signature is wrong");
}

#[test]
fn certificates_of_servers_without_names_and_of_the_name_of_their_ca_are_told() {
    let folder = Folder::new();
    folder.write("nameless.json", r#"{"CN": "CA"}"#);
    let told = folder.good(&format!("cfssl gencert {CA} -bare @x @nameless.json")).errors;
    assert!(told.contains("no hosts: clients refuse a server certificate"), "{told}");
    assert!(told.contains("is also the name of the CA"), "{told}");
    assert_eq!(folder.certificate("x.pem").authority_key_identifier(), None);
    let outlives = folder.good(&format!("cfssl gencert {CA} @leaf.json")).errors;
    assert!(outlives.contains("but its CA only until"), "{outlives}");
}

/// docs/cfssl.md, "What is new".
#[test]
fn a_whole_script_may_replace_keys() {
    let mut folder = Folder::new();
    let script = format!("cfssl gencert {CA} -bare @leaf @leaf.json");
    folder.good(&script);
    folder.bad(&script, 1, "ETCDPKI_REPLACE_KEYS=1, or make its links with `etcdpki link -replace-keys DIR`");
    for (value, is_replaced) in [("0", false), ("FALSE", false), ("", false), ("True", true), ("1", true)] {
        let old = folder.read("leaf-key.pem");
        folder.variables = vec![("ETCDPKI_REPLACE_KEYS", value)];
        if is_replaced {
            drop(folder.good(&script));
        } else {
            folder.bad(&script, 1, "leaf-key.pem");
        }
        assert_eq!(folder.read("leaf-key.pem") != old, is_replaced, "{value:?}");
    }

    folder.variables = vec![("ETCDPKI_REPLACE_KEYS", "off")];
    folder.bad(&script, 1, "neither yes nor no");
    folder.good("cfssl version");

    folder.variables = Vec::new();
    folder.good("etcdpki link -replace-keys @");
    let wrapper = folder.read("cfssljson");
    assert!(
        wrapper.starts_with("#!/bin/sh\n") && wrapper.contains("ETCDPKI_REPLACE_KEYS=1 exec "),
        "{wrapper}"
    );
    // Twice is the same, and links take the place of the scripts.
    folder.good("etcdpki link -replace-keys @");
    assert_eq!(folder.read("cfssljson"), wrapper);
    folder.good("etcdpki link @");
    assert!(fs::read_link(folder.path("cfssljson")).is_ok());
}

#[test]
fn a_new_key_may_be_pkcs8() {
    let folder = Folder::new();
    folder.good("cfssl genkey -pkcs8 -bare @x @leaf.json");
    let text = folder.read("x-key.pem");
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n"), "not PKCS#8");
    // The same key in another form is no other key.
    let key = PrivateKey::read(text.as_bytes(), None).unwrap();
    folder.write("same.json", &format!(r#"{{"key": "{}"}}"#, key.to_pem().replace('\n', "\\r\\n")));
    folder.good("cfssljson -bare -f @same.json @x");
    assert_eq!(folder.read("x-key.pem"), text);
}

#[test]
fn usages_may_be_identifiers_and_keys_comments() {
    let folder = Folder::new();
    folder.write(
        "own.json",
        r#"{"signing": {"_note": 1, "default": {"_why": [], "expiry": "1d", "usages": ["signing", "1.3.6.1.5.5.7.3.17"]}}}"#,
    );
    let ran = folder.good(&format!("cfssl gencert {CA} -config @own.json -bare @leaf @leaf.json"));
    assert!(!ran.errors.contains("unknown key"), "{}", ran.errors);
    let usages = folder.certificate("leaf.pem").extended_key_usage().unwrap().to_vec();
    assert_eq!(usages.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.3.6.1.5.5.7.3.17"]);
}

#[test]
fn a_bundle_becomes_files() {
    let folder = Folder::new();
    folder.good(&format!("cfssl gencert {CA} -bare @leaf @leaf.json"));
    let bundle =
        folder.good("cfssl bundle -cert @leaf.pem -ca-bundle @ca.pem -key @leaf-key.pem -domain a.example");
    assert!(bundle.errors.contains("-domain has no effect"), "{}", bundle.errors);
    folder.write("bundle.json", &bundle.output);
    folder.good("cfssljson -bare -f @bundle.json @leaf");
    assert!(folder.read("leaf-bundle.pem").starts_with(folder.read("leaf.pem").trim_end()));
    assert_eq!(folder.read("leaf-root.pem").trim_end(), folder.read("ca.pem").trim_end());
    folder.write("list", &folder.good("cfssl gencrl @leaf.pem @ca.pem @ca-key.pem").output);
    folder.bad("cfssljson -bare -f @list @x", 1, "revocation list");
    // What an answer of cfssl's HTTP API has under this name is no file.
    let answer =
        r#"{"success": true, "result": {"certificate": "c", "bundle": {"bundle": "b", "root": "r"}}}"#;
    folder.write("answer.json", answer);
    folder.good("cfssljson -f @answer.json @y");
    assert_eq!(folder.read("y.pem"), "c");
    assert!(!folder.path("y-bundle.pem").exists());
    // -force acts, so it is not told to have no effect.
    let forced = folder.good("cfssl gencrl -force -bare @leaf @leaf.pem @ca.pem @ca-key.pem");
    assert!(!forced.errors.contains("no effect"), "{}", forced.errors);
}

#[test]
fn requests_are_utf8_and_marks_are_no_part_of_them() {
    let folder = Folder::new();
    let bytes = |name: &str, bytes: &[u8]| fs::write(folder.path(name), bytes).unwrap();
    bytes("latin1.json", b"{\"CN\": \"x\", \"names\": [{\"O\": \"M\xfcller\"}]}");
    folder.bad("cfssl genkey @latin1.json", 1, "latin1.json:1:31: ");
    bytes("wide.json", &"{}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    folder.bad("cfssl genkey @wide.json", 1, "UTF-16");
    bytes("marked.json", b"\xef\xbb\xbf{\"CN\": \"x\"}");
    folder.good("cfssl genkey -bare @x @marked.json");
}

#[test]
fn what_is_of_no_use_when_it_is_made_is_told() {
    let folder = Folder::new();
    folder.write(
        "past.json",
        r#"{"signing": {"default": {"expiry": "1h", "usages": ["signing"],
        "not_before": "2019-01-01T00:00:00Z", "not_after": "2020-01-01T00:00:00Z"}}}"#,
    );
    folder.write("short.json", r#"{"CN": "x", "ca": {"expiry": "240s"}}"#);
    folder
        .write("san.json", r#"{"CN": "x", "extensions": [{"Id": [2, 5, 29, 17], "Value": "bm9uc2Vuc2U="}]}"#);
    for (words, told) in [
        (format!("cfssl gencert {CA} -config @past.json @leaf.json"), "the certificate ended on 2020-01-01"),
        ("cfssl gencert -initca @short.json".to_owned(), "the certificate ended on "),
        ("cfssl genkey -bare @san @san.json".to_owned(), "(subjectAltName) in `extensions` is malformed"),
    ] {
        let ran = folder.good(&words);
        assert!(ran.errors.contains(told), "{words}: {}", ran.errors);
    }
    folder.bad(&format!("cfssl sign {CA} @san.csr"), 1, "its extension subjectAltName is malformed");
}

#[test]
fn errors_have_the_numbers_of_cfssl() {
    let folder = Folder::new();
    folder.good(&format!("cfssl gencert {CA} -bare @leaf @leaf.json"));
    for (name, text) in [
        ("uri.json", r#"{"CN": "x", "hosts": ["http://a..b/"]}"#),
        ("null.json", r#"{"signing": {"profiles": {"x": null}}}"#),
        ("none.json", r#"{"signing": {"profiles": {"x": {"expiry": "1h"}}}}"#),
        ("default.json", r#"{"signing": {"default": {"expiry": "1h"}}}"#),
        (
            "client.json",
            r#"{"signing": {"default": {"remote": "r", "expiry": "1h"}}, "remotes": {"r": "127.0.0.1:1"}}"#,
        ),
        ("junk", "junk"),
    ] {
        folder.write(name, text);
    }
    let signed = format!("cfssl gencert {CA}");
    for (words, number) in [
        (format!("{signed} @uri.json"), Some(9003)),
        (format!("{signed} -config @null.json -profile x @leaf.json"), Some(5200)),
        (format!("{signed} -config @none.json -profile x @leaf.json"), Some(5200)),
        (format!("{signed} -config @default.json @leaf.json"), Some(5100)),
        (format!("{signed} -config @client.json @leaf.json"), Some(5300)),
        ("cfssl gencert -ca @ca.pem @leaf.json".to_owned(), None),
        ("cfssl gencert -ca @ca.pem -config @config.json @leaf.json".to_owned(), Some(2000)),
        ("cfssl info -config @config.json".to_owned(), Some(2000)),
        ("cfssl gencert -renewca -ca @ca.pem -ca-key @leaf-key.pem".to_owned(), Some(2300)),
        ("cfssl gencert -renewca -ca @leaf.pem -ca-key @leaf-key.pem".to_owned(), None),
        ("cfssl certinfo -csr @leaf.pem".to_owned(), None),
        ("cfssl certinfo -csr @junk".to_owned(), Some(9002)),
        ("cfssl bundle -cert @nofile".to_owned(), Some(1001)),
        ("cfssl bundle -cert @leaf-key.pem".to_owned(), Some(1003)),
        ("cfssl bundle -cert @leaf.pem -ca-bundle @nofile".to_owned(), Some(4001)),
        ("cfssl bundle -cert @leaf.pem -ca-bundle @junk".to_owned(), Some(4003)),
        ("cfssl bundle -cert @leaf.pem -int-bundle @nofile".to_owned(), Some(3001)),
        ("cfssl bundle -cert @leaf.pem -int-bundle @junk".to_owned(), Some(3003)),
        ("cfssl bundle -cert @leaf.pem -ca-bundle @ca.pem -key @nofile".to_owned(), Some(2001)),
        ("cfssl bundle -cert @leaf.pem -ca-bundle @ca.pem -key @ca-key.pem".to_owned(), Some(2300)),
    ] {
        let ran = folder.run(&words);
        let last = ran.errors.trim_end().lines().last().unwrap_or_default();
        let found = last.strip_prefix("{\"code\":").and_then(|rest| rest.split(',').next()?.parse().ok());
        assert_eq!((ran.status, found), (1, number), "{words}: {}", ran.errors);
    }
}

#[test]
fn a_bundle_keeps_the_issuer_that_a_responder_is_asked_with() {
    let folder = Folder::new();
    folder.write(
        "ocsp.json",
        r#"{"signing": {"default": {"expiry": "1d", "usages": ["signing"], "ocsp_url": "http://o.example"}}}"#,
    );
    folder.good(&format!("cfssl gencert {CA} -bare @plain @leaf.json"));
    folder.good(&format!("cfssl gencert {CA} -config @ocsp.json -bare @ocsp @leaf.json"));
    for (name, certificates) in [("plain", 1), ("ocsp", 2)] {
        let bundle = folder.good(&format!("cfssl bundle -cert @{name}.pem -ca-bundle @ca.pem")).output;
        let chain = bundle.split("\"crl_support\"").next().unwrap().matches("BEGIN").count();
        assert_eq!(chain, certificates, "{name}");
        assert_eq!(bundle.contains("\"rebundled\":true"), certificates == 2, "{name}: {bundle}");
    }
}

#[test]
fn parts_of_uris_in_requests_are_those_of_go() {
    let folder = Folder::new();
    folder.write("uri.json", r#"{"CN": "x", "hosts": ["https://u@a.example/p?q", "urn:a:b"]}"#);
    folder.good("cfssl genkey -bare @uri @uri.json");
    let all = folder.good("cfssl certinfo -csr @uri.csr").output;
    let parts: Vec<&str> = all.lines().map(str::trim).filter(|line| line.contains("User\"")).collect();
    assert_eq!(parts, ["\"User\": {},", "\"User\": null,"]);
    assert!(all.contains("\"Host\": \"a.example\""), "{all}");
}

#[test]
fn flags_without_a_say_are_told() {
    let folder = Folder::new();
    folder.good(&format!("cfssl gencert {CA} -bare @leaf @leaf.json"));
    let request =
        "cfssl gencsr -key @leaf-key.pem -cert @leaf.pem -hostname b.example,10.0.0.1 -cn other -bare @new";
    let ran = folder.good(request);
    assert!(!ran.errors.contains("no effect"), "{}", ran.errors);
    let csr = CertificateRequest::read(folder.read("new.csr").as_bytes()).unwrap();
    assert_eq!(csr.subject_alt_names().unwrap().to_string(), "b.example, 10.0.0.1");
    assert_eq!(csr.subject().to_string(), "CN=other");
    for (words, told) in [
        ("cfssl gencert -initca -config @config.json @ca.json", "\"ca\": {\"expiry\": \"87600h\"}"),
        ("cfssl gencert -initca -hostname h.example @ca.json", "-hostname has no effect in gencert -initca"),
        ("cfssl genkey -initca -profile peer @ca.json", "-profile has no effect in genkey -initca"),
        ("cfssl genkey -hostname h.example @leaf.json", "-hostname has no effect in genkey"),
        ("cfssl certinfo -cert @leaf.pem -domain a.example", "-domain has no effect"),
    ] {
        let ran = folder.good(words);
        assert!(ran.errors.contains(told), "{words}: {}", ran.errors);
    }
}
