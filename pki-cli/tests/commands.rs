//! cfssl's commands on local files: flags and files in, messages and files out, without starting a process.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pki_cli::Terminal;
use pki_core::x509::{Certificate, CertificateRequest, Crl, PrivateKey, RevocationReason, RevokedSerial};
use tempfile::TempDir;

/// A temporary folder with a CA, a CSR JSON and a config.
struct Folder(TempDir);

struct Outcome {
    status: u8,
    output: String,
    errors: String,
}

const CONFIG: &str = r#"{"signing": {"default": {"expiry": "1d", "usages": ["signing", "server auth"]}, "profiles": {
    "copy": {"expiry": "1d", "usages": ["signing"], "copy_extensions": true},
    "intermediate": {"expiry": "1d", "usages": ["cert sign", "crl sign"], "ca_constraint": {"is_ca": true}}}}}"#;

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(
            "ca.json",
            r#"{"CN": "CA", "names": [{"O": "Org", "OU": "A"}, {"OU": "B", "E": "a@b.c"}]}"#,
        );
        folder.write("leaf.json", r#"{"CN": "leaf", "hosts": ["a.example", "10.0.0.1"]}"#);
        folder.write("config.json", CONFIG);
        folder.good("gencert -initca -bare @ca @ca.json");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn certificate(&self, name: &str) -> Certificate {
        Certificate::read(&self.read(name)).unwrap()
    }

    /// Runs `cfssl`; `@` in a word stands for this folder.
    fn run(&self, words: &str) -> Outcome {
        self.run_program(&format!("cfssl {words}"))
    }

    /// Runs the program that the first word names.
    fn run_program(&self, words: &str) -> Outcome {
        let folder = format!("{}/", self.0.path().display());
        let args = words.split(' ').map(|word| OsString::from(word.replace('@', &folder)));
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
            pki_cli::run(args, terminal)
        });
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Outcome { status, output: text(output), errors: text(errors) }
    }

    fn good(&self, words: &str) -> Outcome {
        let outcome = self.run(words);
        assert_eq!(outcome.status, 0, "{words}: {}", outcome.errors);
        outcome
    }

    /// Runs a command that must fail with `message`.
    fn bad(&self, words: &str, message: &str) {
        let outcome = self.run(words);
        assert_eq!(outcome.status, 1, "{words}: {}", outcome.errors);
        assert!(outcome.errors.contains(message), "{words}: {}", outcome.errors);
        assert!(outcome.output.is_empty(), "{words}");
    }
}

const CA: &str = "-ca @ca.pem -ca-key @ca-key.pem";

#[test]
fn bare_writes_files_and_never_over_a_key() {
    let folder = Folder::new();
    let outcome = folder.good(&format!("gencert {CA} -bare @leaf @leaf.json"));
    assert!(outcome.output.is_empty());
    let mode = fs::metadata(folder.path("leaf-key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = PrivateKey::read(&folder.read("leaf-key.pem"), None).unwrap();
    assert!(folder.certificate("leaf.pem").is_for(key.public_key()));
    CertificateRequest::read(&folder.read("leaf.csr")).unwrap();

    let before = folder.read("leaf-key.pem");
    folder.bad(&format!("gencert {CA} -bare @leaf @leaf.json"), "leaf-key.pem is already there");
    folder.bad("genkey -bare @leaf @leaf.json", "leaf-key.pem is already there");
    assert_eq!(folder.read("leaf-key.pem"), before);
    folder.good(&format!("gencert {CA} -bare @leaf -force @leaf.json"));
    assert_ne!(folder.read("leaf-key.pem"), before);
}

#[test]
fn from_keeps_the_key_and_everything_else() {
    let folder = Folder::new();
    folder.good(&format!("gencert {CA} -bare @leaf @leaf.json"));
    let old = folder.certificate("leaf.pem");
    folder.good(&format!("gencert {CA} -from @leaf.pem -key @leaf-key.pem -bare @leaf"));
    let new = folder.certificate("leaf.pem");
    assert_ne!(new.serial(), old.serial());
    assert_eq!(new.extensions(), old.extensions());
    assert_eq!((new.subject(), new.issuer()), (old.subject(), old.issuer()));
    new.verify_issued_by(&folder.certificate("ca.pem")).unwrap();
    folder
        .bad(&format!("gencert {CA} -from @leaf.pem -hostname x"), "-hostname cannot be combined with -from");
    folder.bad(&format!("gencert {CA} -from @leaf.pem -key @ca-key.pem"), "is not that of");
}

#[test]
fn a_renewed_root_still_stands_above_what_it_issued() {
    let folder = Folder::new();
    folder.good(&format!("gencert {CA} -bare @leaf @leaf.json"));
    let intermediate =
        format!("gencert {CA} -config @config.json -profile intermediate -bare @sub @leaf.json");
    folder.good(&intermediate);
    folder.good(&format!("gencert -renewca {CA} -bare @new"));
    folder.certificate("leaf.pem").verify_issued_by(&folder.certificate("new.pem")).unwrap();
    folder.bad("gencert -renewca -ca @leaf.pem -ca-key @leaf-key.pem", "is not a CA");
    folder.bad("gencert -renewca -ca @sub.pem -ca-key @sub-key.pem", "is not a root CA");
    folder.bad("gencert -renewca -ca @ca.pem -ca-key @leaf-key.pem", "does not belong");
}

#[test]
fn sign_takes_der_and_a_subject_and_keeps_what_the_subject_does_not_say() {
    let folder = Folder::new();
    folder.write(
        "full.json",
        r#"{"CN": "x", "names": [{"O": "Old", "E": "a@b.c", "OID": {"1.2.3": "kept"}}]}"#,
    );
    folder.write("subject.json", r#"{"CN": "new", "names": [{"E": "n@b.c"}], "hosts": ["ignored"]}"#);
    folder.good("genkey -bare @x @full.json");
    let request = CertificateRequest::read(&folder.read("x.csr")).unwrap();
    fs::write(folder.path("x.der"), request.der()).unwrap();
    let outcome = folder.good(&format!("sign {CA} -hostname b.example -bare @x @x.der @subject.json"));
    assert!(outcome.errors.contains("`hosts` is ignored"), "{}", outcome.errors);
    let certificate = folder.certificate("x.pem");
    assert_eq!(certificate.subject().to_string(), "O=Old, CN=new, 1.2.3=kept, emailAddress=n@b.c");
    assert_eq!(certificate.subject_alt_names().to_string(), "b.example");
}

#[test]
fn copied_extensions_give_no_power_away_unseen() {
    let folder = Folder::new();
    // keyUsage: keyCertSign; keyUsage: digitalSignature
    for (name, usage) in [("power", "AwICBA=="), ("plain", "AwIHgA==")] {
        let json = r#"{"CN": "x", "hosts": ["csr.example"], "extensions": [{"Id": [2, 5, 29, 15], "Value": "USAGE"}]}"#;
        folder.write("x.json", &json.replace("USAGE", usage));
        folder.good(&format!("genkey -bare @{name} @x.json"));
    }
    let sign = format!("sign {CA} -config @config.json -profile copy");
    let warned = folder.good(&format!("{sign} -bare @power @power.csr")).errors;
    assert!(warned.contains("has the usage keyCertSign"), "{warned}");
    folder.certificate("power.pem").check_ca().unwrap_err();
    folder.good(&format!("{sign} -hostname given.example -bare @plain @plain.csr"));
    assert_eq!(folder.certificate("plain.pem").subject_alt_names().to_string(), "given.example");
}

#[test]
fn lists_go_on_from_the_list_before() {
    let folder = Folder::new();
    folder.good(&format!("gencert {CA} -bare @leaf @leaf.json"));
    folder.write("serials", "4711 superseded\n");
    folder.good("gencrl -number 5 -bare @ca @serials @ca.pem @ca-key.pem 30d");
    folder.good("gencrl -crl @ca.crl -bare @ca @leaf.pem @ca.pem @ca-key.pem");
    let crl = Crl::read(&folder.read("ca.crl")).unwrap();
    crl.verify_issued_by(&folder.certificate("ca.pem")).unwrap();
    assert!(crl.number().is_some_and(|number| number > 5));
    assert_eq!(crl.revocations().len(), 2);
    let reason =
        crl.revocation(&RevokedSerial::parse("4711").unwrap()).and_then(|revocation| revocation.reason);
    assert_eq!(reason, Some(RevocationReason::Superseded));
    assert!(crl.revocation(&RevokedSerial::from(&folder.certificate("leaf.pem"))).is_some());
    folder.bad("gencrl -crl @ca.crl -number 5 @serials @ca.pem @ca-key.pem", "is not greater");
    folder.bad("gencrl @serials @leaf.pem @leaf-key.pem", "is not a CA");
    folder.bad("gencrl @serials @ca.pem @ca-key.pem -5", "is not a lifetime");
    folder.write("serials", "12\nx\n");
    folder.bad("gencrl @serials @ca.pem @ca-key.pem", "serials:2:1: \"x\" is not a serial number");
}

#[test]
fn chains_are_found_and_bundles_described() {
    let folder = Folder::new();
    folder.good(&format!("gencert {CA} -config @config.json -profile intermediate -bare @sub @leaf.json"));
    folder.good("gencert -ca @sub.pem -ca-key @sub-key.pem -bare @leaf @leaf.json");
    let bundled = folder.good("bundle -cert @leaf.pem -int-bundle @sub.pem -ca-bundle @ca.pem");
    assert_eq!(bundled.output.matches("BEGIN CERTIFICATE").count(), 4);
    folder.bad("bundle -cert @leaf.pem -ca-bundle @ca.pem", "there is no chain from CN=leaf");
    folder.bad("bundle -cert @leaf.pem -flavor best", "no flavor");
    let of_root = folder.good("bundle -cert @ca.pem -ca-bundle @ca.pem").output;
    assert!(of_root.contains("\"untrusted_root_stores\":[]"), "{of_root}");
    let both = [folder.read("leaf.pem"), folder.read("sub.pem")].concat();
    fs::write(folder.path("both.pem"), both).unwrap();
    let full = folder.good("certinfo -full -cert @both.pem").output;
    assert!(full.starts_with("[\n") && full.contains("\"kind\": \"dns\""), "{full}");
    folder.bad("certinfo -cert @both.pem", "should contain only one object");
}

#[test]
fn requests_are_made_from_certificates_and_for_old_keys() {
    let folder = Folder::new();
    folder.good(&format!("gencert {CA} -bare @leaf @leaf.json"));
    folder.good("gencsr -key @leaf-key.pem -cert @leaf.pem -bare @again");
    let request = CertificateRequest::read(&folder.read("again.csr")).unwrap();
    assert_eq!(request.subject_alt_names().unwrap().to_string(), "a.example, 10.0.0.1");
    assert!(!folder.path("again-key.pem").exists());
    folder.bad("gencsr @leaf.json", "private key file is required");
    folder.good("gencsr -key @ca-key.pem -cert @ca.pem -bare @ca-again");
    let request = CertificateRequest::read(&folder.read("ca-again.csr")).unwrap();
    assert_eq!(request.subject(), folder.certificate("ca.pem").subject());
}

#[test]
fn a_key_that_everybody_can_read_is_told() {
    let folder = Folder::new();
    let told = |folder: &Folder| {
        folder.good(&format!("gencert {CA} @leaf.json")).errors.contains("ca-key.pem: run chmod 600")
    };
    assert!(!told(&folder));
    fs::set_permissions(folder.path("ca-key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(told(&folder));
}

#[test]
fn many_certificates_are_made_in_one_go() {
    let folder = Folder::new();
    fs::create_dir(folder.path("out")).unwrap();
    let names: Vec<String> = (0..600).map(|i| format!("m{i}")).collect();
    for name in &names {
        folder.write(&format!("{name}.json"), &format!(r#"{{"CN": "{name}", "hosts": ["10.0.0.1"]}}"#));
    }
    let operands: Vec<String> = names.iter().map(|name| format!("@{name}.json")).collect();
    let sign = "-loglevel 5 -into @out -ca @ca.pem -ca-key @ca-key.pem";
    let all = format!("gencert {sign} {}", operands.join(" "));
    folder.good(&all);
    for name in &names {
        let certificate = folder.certificate(&format!("out/{name}.pem"));
        assert_eq!(certificate.subject().common_name(), Some(name.as_str()));
        let key = PrivateKey::read(&folder.read(&format!("out/{name}-key.pem")), None).unwrap();
        assert!(certificate.is_for(key.public_key()));
    }
    let mode = fs::metadata(folder.path("out/m0-key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // A second run keeps what is there.
    let before = folder.read("out/m599.pem");
    folder.good(&all);
    assert_eq!(folder.read("out/m599.pem"), before);
    folder.good(&all.replace("gencert", "gencert -force"));
    assert_ne!(folder.read("out/m599.pem"), before);

    // Requests are signed in the same way.
    fs::create_dir(folder.path("signed")).unwrap();
    let requests: Vec<String> = names.iter().map(|name| format!("@out/{name}.csr")).collect();
    folder.good(&format!("sign {} {}", sign.replace("@out", "@signed"), requests.join(" ")));
    assert_eq!(folder.certificate("signed/m7.pem").subject().common_name(), Some("m7"));
    assert!(!folder.path("signed/m7-key.pem").exists());
}

#[test]
fn what_is_wrong_with_one_of_many_is_told() {
    let folder = Folder::new();
    let sign = "gencert -loglevel 5 -into @ -ca @ca.pem -ca-key @ca-key.pem";
    folder.write("bad.json", r#"{"hosts": ["a:2379"]}"#);
    folder.bad(&format!("{sign} @leaf.json @bad.json"), "bad.json");
    folder
        .bad(&format!("{sign} @leaf.json @bad.json"), "hint: write \"a\"; 0 of 2 certificates were written");
    assert!(!folder.path("leaf.pem").exists(), "a chunk is written whole or not at all");
    folder.bad(&format!("{sign} @leaf.json @./leaf.json"), "the same files");
    folder.bad(sign, "-into needs the files");
    folder.bad(&format!("{sign} -encrypt @leaf.json"), "-encrypt cannot be combined with -into");
    assert!(!folder.path("leaf-key.pem").exists());
    folder.bad(&format!("{} @leaf.json", sign.replace("-into @", "-into @nowhere")), "is not a folder");
    folder.bad(&format!("{} @leaf.json", sign.replace("-into", "-cn x -into")), "-cn is for one certificate");
}

#[test]
fn no_key_is_lost_to_a_list_or_a_bundle() {
    let folder = Folder::new();
    let key = folder.read("ca-key.pem");
    for name in ["list.crl", "all.pem", "etcdpki.prom"] {
        fs::copy(folder.path("ca-key.pem"), folder.path(name)).unwrap();
    }
    folder.write("serials", "1\n");
    let message = "the file has a private key, which would be lost";
    folder.bad("gencrl -bare @list @serials @ca.pem @ca-key.pem", message);
    assert_eq!(folder.read("list.crl"), key);
    let outcome = folder.run_program("mkbundle -f @all.pem @ca.pem");
    assert!(outcome.status == 1 && outcome.errors.contains(message), "{}", outcome.errors);
    assert_eq!(folder.read("all.pem"), key);
    folder.write("one.yaml", "name: one\nmembers: [{name: etcd1, address: 10.0.0.1}]\n");
    let outcome = folder.run_program("etcdpki cluster apply -f @one.yaml -o @out");
    assert_eq!(outcome.status, 0, "{}", outcome.errors);
    let outcome = folder.run_program("etcdpki cluster status @out --prometheus @etcdpki.prom");
    assert!(outcome.status == 1 && outcome.errors.contains(message), "{}", outcome.errors);
    assert_eq!(folder.read("etcdpki.prom"), key);
    folder.good("gencrl -force -bare @list @serials @ca.pem @ca-key.pem");
    assert_ne!(folder.read("list.crl"), key);
}

#[test]
fn no_key_is_lost_to_a_certificate_and_no_ca_to_a_leaf() {
    let folder = Folder::new();
    let many = "gencert -loglevel 5 -into @ -ca @ca.pem -ca-key @ca-key.pem";
    let request = String::from_utf8(folder.read("leaf.json")).unwrap();
    for name in ["leaf-key.json", "ca.json"] {
        folder.write(name, &request);
    }
    // The certificate of leaf-key would have the name of leaf's key.
    folder.bad(&format!("{many} @leaf.json @leaf-key.json"), "would be written to the same files");
    folder.good(&format!("gencert {CA} -bare @leaf @leaf.json"));
    let key = folder.read("leaf-key.pem");
    folder.bad(&format!("{many} @leaf-key.json"), "leaf-key.pem is already there; nothing was made");
    folder.bad(&format!("gencert {CA} -bare @leaf-key @leaf.json"), "leaf-key.pem is already there");
    assert_eq!(folder.read("leaf-key.pem"), key);

    let ca = folder.read("ca.pem");
    for force in ["", " -force"] {
        folder.bad(&format!("{many}{force} @ca.json"), "ca.pem is the CA's certificate");
        folder.bad(&format!("gencert {CA}{force} -bare @ca @leaf.json"), "ca.pem is the CA's certificate");
        folder.bad(&format!("sign {CA}{force} -bare @ca @leaf.csr"), "ca.pem is the CA's certificate");
    }
    assert_eq!(folder.read("ca.pem"), ca);
    // A symbolic link to the CA's certificate counts as the certificate.
    fs::rename(folder.path("ca.pem"), folder.path("ca-2026.pem")).unwrap();
    std::os::unix::fs::symlink("ca-2026.pem", folder.path("ca.pem")).unwrap();
    folder.bad(&format!("gencert {CA} -force -bare @ca @leaf.json"), "ca.pem is the CA's certificate");

    folder.bad("gencert -initca -into @ @leaf.json", "-initca makes one certificate");
    folder.bad("genkey -into @ @leaf.json", "-into is for gencert and sign");
}

#[test]
fn a_killed_run_is_finished_by_the_same_command() {
    let folder = Folder::new();
    fs::create_dir(folder.path("out")).unwrap();
    let into = "gencert -loglevel 5 -into @out -ca @ca.pem -ca-key @ca-key.pem";
    for name in ["a", "b", "c"] {
        let text = format!(r#"{{"CN": "{name}", "hosts": ["10.0.0.1", "{name}.example"]}}"#);
        folder.write(&format!("{name}.json"), &text);
    }
    let all = format!("{into} @a.json @b.json @c.json");
    folder.good(&all);
    let files = ["a-key.pem", "a.pem", "a.csr", "b-key.pem"];
    let before = files.map(|name| folder.read(&format!("out/{name}")));
    // The run was killed after the key of b.
    for name in ["b.pem", "b.csr", "c-key.pem", "c.pem", "c.csr"] {
        fs::remove_file(folder.path(&format!("out/{name}"))).unwrap();
    }
    folder.write("out/.etcdpki-a1b2c3", "half of a key");
    folder.good(&all);
    assert_eq!(files.map(|name| folder.read(&format!("out/{name}"))), before);
    assert!(!folder.path("out/.etcdpki-a1b2c3").exists());
    for name in ["b", "c"] {
        let key = PrivateKey::read(&folder.read(&format!("out/{name}-key.pem")), None).unwrap();
        assert!(folder.certificate(&format!("out/{name}.pem")).is_for(key.public_key()));
    }
    // A set that the command would not make is not touched.
    folder.write("b.json", r#"{"CN": "b", "hosts": ["10.0.0.9"]}"#);
    folder.bad(&all, "b-key.pem is already there; nothing was made");
    folder.write(
        "b.json",
        r#"{"CN": "b", "hosts": ["10.0.0.1", "b.example"], "key": {"algo": "ecdsa", "size": 384}}"#,
    );
    folder.bad(&all, "b-key.pem is already there; nothing was made");
    folder.write("out/c-key.pem", "nothing");
    folder.bad(&format!("{into} @c.json"), "c-key.pem is already there; nothing was made");
}

#[test]
fn certinfo_tells_people_in_words() {
    let folder = Folder::new();
    let policies = r#"[{"id": "2.23.140.1.2.1", "qualifiers": [{"type": "id-qt-cps", "value": "https://a.example/cps"},
        {"type": "id-qt-unotice", "value": "For tests only"}]}]"#;
    folder.write(
        "config.json",
        &format!(
            r#"{{"signing": {{"default": {{"expiry": "30d", "usages": ["signing", "server auth", "client auth"],
            "crl_url": "http://a.example/ca.crl", "policies": {policies}}}}}}}"#
        ),
    );
    folder.good(&format!("gencert {CA} -config @config.json -bare @leaf @leaf.json"));
    let text = folder.good("certinfo -text -cert @leaf.pem").output;
    for line in [
        "Subject:            CN=leaf",
        "Names:              DNS a.example",
        "                    IP 10.0.0.1",
        "Key usage:          digital signature (critical)",
        "For:                TLS servers, TLS clients",
        "CA:                 no (critical)",
        "Revocation lists:   http://a.example/ca.crl",
        "Policies:           2.23.140.1.2.1 (the domain was validated); practice statement https://a.example/cps; notice \
         \"For tests only\"",
        "Key:                ecdsa-256",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line:?} in {text}");
    }
    assert!(text.contains(": 30 days, 29 days are left") && text.contains("SHA-256:"), "{text}");
    assert_eq!(folder.run_program("cfssl-certinfo -text -cert @leaf.pem").output, text);
    // The JSON stays cfssl's under both names.
    for program in ["cfssl certinfo", "cfssl-certinfo"] {
        assert!(
            folder.run_program(&format!("{program} -cert @leaf.pem")).output.starts_with("{\n"),
            "{program}"
        );
    }
    let ca = folder.good("certinfo -text -cert @ca.pem").output;
    assert!(ca.contains("(itself)") && ca.contains("CA:                 yes, with any number"), "{ca}");
    let request = folder.good("certinfo -text -csr @leaf.csr").output;
    assert!(request.contains("DNS a.example") && request.contains("Proves its key:     yes"), "{request}");
    let both = [folder.read("leaf.pem"), folder.read("ca.pem")].concat();
    fs::write(folder.path("both.pem"), both).unwrap();
    let both = folder.good("certinfo -text -cert @both.pem").output;
    assert!(both.starts_with("Certificate 1 of 2\n") && both.contains("\n\nCertificate 2 of 2\n"), "{both}");
}

#[test]
fn what_is_no_pem_is_read_or_named() {
    let folder = Folder::new();
    // PKCS #7 (RFC 2315 section 9.1) with one certificate and no signature.
    let der = |tag: u8, parts: &[&[u8]]| {
        let value = parts.concat();
        let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
        let length = match (high, low) {
            (0, 0..0x80) => vec![low],
            (0, _) => vec![0x81, low],
            _ => vec![0x82, high, low],
        };
        [[tag].as_slice(), &length, &value].concat()
    };
    let oid = |last: u8| [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last];
    let ca = folder.certificate("ca.pem");
    let signed_data = der(
        0x30,
        &[&[2, 1, 1], &der(0x31, &[]), &der(0x30, &[&oid(1)]), &der(0xa0, &[ca.der()]), &der(0x31, &[])],
    );
    fs::write(folder.path("ca.p7b"), der(0x30, &[&oid(2), &der(0xa0, &[&signed_data])])).unwrap();
    let text = folder.good("certinfo -text -cert @ca.p7b").output;
    assert_eq!(text, folder.good("certinfo -text -cert @ca.pem").output);
    // PKCS #12 (RFC 7292 section 4).
    let pfx = der(0x30, &[&[2, 1, 3], &der(0x30, &[&oid(1), &der(0xa0, &[&[4, 1, 0]])])]);
    fs::write(folder.path("ca.p12"), pfx).unwrap();
    folder.bad("certinfo -text -cert @ca.p12", "this is PKCS #12");
    folder.bad("certinfo -cert @ca.p12", "openssl pkcs12");
}
