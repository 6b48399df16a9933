//! What the library foresees of a handshake, against what real etcd and etcdctl do.
//!
//! etcd reads its certificate anew at every handshake, so one process serves all certificates, one after the other.

use std::fmt;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use libtest_mimic::Trial;
use pki_core::etcd::EtcdVersion;
use pki_core::tls::{
    AllowedPeers, Authorities, Client, Identity, Leniency, Lookup, NoLookup, NoStart, Reason, RevocationFile,
    RevocationFormat, Server, Side, Version, handshake,
};
use tempfile::TempDir;

use super::command::{Running, run, server, until};
use super::live::Test;
use super::programs::{self, Etcd};
use super::trial::{Missing, Outcome, named, trial_with_servers};

const PATIENCE: Duration = Duration::from_secs(90);

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 7] = named![
        every_kind_of_certificate,
        serials_and_keys_that_depend_on_the_build,
        keys_that_only_tls_1_2_can_use,
        chains,
        files_of_authorities,
        peers_by_name_and_address,
        revocation_lists
    ];
    let mut trials = Vec::new();
    for series in programs::SERIES {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |e| &e.version).to_owned();
        for (name, test) in tests {
            let found = found.clone();
            let name = format!("handshakes::{version}::{name}");
            trials.push(trial_with_servers(name, move || test(&found?)));
        }
    }
    trials
}

/// A certificate to try, issued by the CA in the same folder as `NAME.pem` and `NAME-key.pem`.
pub struct Case {
    pub name: &'static str,
    /// For `openssl genpkey`.
    key: &'static [&'static str],
    common_name: &'static str,
    /// Lines for `openssl x509 -extfile`.
    extensions: &'static str,
    /// For `openssl x509`.
    issue: &'static [&'static str],
    /// For `openssl ca`: from when, and until when.
    dates: Option<(&'static str, &'static str)>,
    /// The command that rewrites the key.
    rewrite: &'static [&'static str],
}

const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const HERE: &str = "subjectAltName=IP:127.0.0.1\n";
const PLAIN: Case = Case {
    name: "p-256",
    key: P256,
    common_name: "x",
    extensions: "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
    issue: &["-sha256"],
    dates: None,
    rewrite: &[],
};

pub const CASES: [Case; 30] = [
    PLAIN,
    Case { name: "p-384", key: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], ..PLAIN },
    Case { name: "p-521", key: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], ..PLAIN },
    Case { name: "ed25519", key: &["-algorithm", "Ed25519"], ..PLAIN },
    Case { name: "rsa-1024", key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], ..PLAIN },
    Case { name: "rsa-2048", key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ..PLAIN },
    Case { name: "rsa-4096", key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"], ..PLAIN },
    Case { name: "sha-512", issue: &["-sha512"], ..PLAIN },
    Case { name: "sec-1", rewrite: &["ec"], ..PLAIN },
    Case {
        name: "pkcs-1",
        key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        rewrite: &["rsa", "-traditional"],
        ..PLAIN
    },
    Case { name: "serial-zero", issue: &["-set_serial", "0"], ..PLAIN },
    Case { name: "no-extended-key-usage", extensions: HERE, ..PLAIN },
    Case {
        name: "any-extended-key-usage",
        extensions: "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=2.5.29.37.0\n",
        ..PLAIN
    },
    Case {
        name: "key-cert-sign-only",
        extensions: "subjectAltName=IP:127.0.0.1\nkeyUsage=critical,keyCertSign\n",
        ..PLAIN
    },
    Case {
        name: "a-ca",
        extensions: "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:TRUE\n",
        ..PLAIN
    },
    Case {
        name: "unknown-critical-extension",
        extensions: "subjectAltName=IP:127.0.0.1\n1.2.3.4=critical,ASN1:NULL\n",
        ..PLAIN
    },
    Case { name: "another-address", extensions: "subjectAltName=IP:127.0.0.2,DNS:localhost\n", ..PLAIN },
    Case { name: "other-names", extensions: "subjectAltName=DNS:etcd1.example\n", ..PLAIN },
    Case { name: "address-as-dns", extensions: "subjectAltName=DNS:127.0.0.1\n", ..PLAIN },
    Case { name: "common-name-only", common_name: "127.0.0.1", extensions: "", ..PLAIN },
    Case {
        name: "client-only",
        extensions: "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=clientAuth\n",
        ..PLAIN
    },
    Case {
        name: "server-only",
        extensions: "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        ..PLAIN
    },
    Case { name: "sha-1", issue: &["-sha1"], ..PLAIN },
    Case { name: "expired", dates: Some(("20200101000000Z", "20210101000000Z")), ..PLAIN },
    Case { name: "not-yet-valid", dates: Some(("20900101000000Z", "20910101000000Z")), ..PLAIN },
    Case { name: "p-224", key: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"], ..PLAIN },
    Case { name: "rsa-512", key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"], ..PLAIN },
    Case {
        name: "secp256k1",
        key: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
        ..PLAIN
    },
    Case { name: "ed448", key: &["-algorithm", "Ed448"], ..PLAIN },
    Case { name: "encrypted", rewrite: &["pkcs8", "-topk8", "-passout", "pass:secret"], ..PLAIN },
];

/// Whose judgement depends on how etcd was built.
const BUILD_DEPENDENT: [Case; 2] = [
    Case { name: "serial-negative", issue: &["-set_serial", "-5"], ..PLAIN },
    Case { name: "rsa-768", key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:768"], ..PLAIN },
];

/// The certificates, made once.
pub static CASES_ISSUED: LazyLock<Result<Workshop, Missing>> = LazyLock::new(|| {
    let workshop = Workshop::new()?;
    for case in CASES.iter().chain(&BUILD_DEPENDENT) {
        workshop.issue(case, "ca");
    }
    Ok(workshop)
});

fn every_kind_of_certificate(etcd: &Etcd) -> Outcome {
    let workshop = CASES_ISSUED.as_ref().map_err(Clone::clone)?;
    let setting = Setting::of(etcd, Leniency::DEBIAN);
    let member = Member::start(etcd, workshop, &setting, &[]);
    compare(&CASES, |case| member.both_roles(case.name));
    Ok(())
}

fn serials_and_keys_that_depend_on_the_build(etcd: &Etcd) -> Outcome {
    let workshop = CASES_ISSUED.as_ref().map_err(Clone::clone)?;
    for leniency in [Leniency::DEBIAN, Leniency::default()] {
        let setting = Setting::of(etcd, leniency);
        let member = Member::start(etcd, workshop, &setting, &[]);
        compare(&BUILD_DEPENDENT, |case| member.both_roles(case.name));
    }
    Ok(())
}

fn keys_that_only_tls_1_2_can_use(etcd: &Etcd) -> Outcome {
    let workshop = CASES_ISSUED.as_ref().map_err(Clone::clone)?;
    let options = run(Command::new(&etcd.etcd).arg("--help")).said();
    if !options.contains("--tls-max-version") {
        return Err(Missing(format!("etcd {} has no --tls-max-version", etcd.version)));
    }
    let setting = Setting { max_version: Version::Tls12, ..Setting::of(etcd, Leniency::DEBIAN) };
    let member = Member::start(etcd, workshop, &setting, &["--tls-max-version=TLS1.2"]);
    let of_tls_12 = |case: &&Case| matches!(case.name, "p-256" | "p-224" | "p-521" | "rsa-512" | "ed25519");
    compare(CASES.iter().filter(of_tls_12), |case| member.both_roles(case.name));
    Ok(())
}

const CA: &str = "basicConstraints=critical,CA:TRUE\n";

/// Intermediate CAs under `ca`.
const INTERMEDIATES: [Case; 6] = [
    Case { name: "plain-ca", common_name: "plain-ca", extensions: CA, ..PLAIN },
    Case {
        name: "rsa-1024-ca",
        common_name: "rsa-1024-ca",
        key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
        extensions: CA,
        ..PLAIN
    },
    Case {
        name: "clients-ca",
        common_name: "clients-ca",
        extensions: "basicConstraints=critical,CA:TRUE\nextendedKeyUsage=clientAuth\n",
        ..PLAIN
    },
    Case {
        name: "network-10-ca",
        common_name: "network-10-ca",
        extensions: "basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;IP:10.0.0.0/255.0.0.0\n",
        ..PLAIN
    },
    Case {
        name: "network-127-ca",
        common_name: "network-127-ca",
        extensions: "basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;IP:127.0.0.0/255.0.0.0\n",
        ..PLAIN
    },
    Case {
        name: "last-ca",
        common_name: "last-ca",
        extensions: "basicConstraints=critical,CA:TRUE,pathlen:0\n",
        ..PLAIN
    },
];

fn chains(etcd: &Etcd) -> Outcome {
    let workshop = Workshop::new()?;
    for case in &INTERMEDIATES {
        workshop.issue(case, "ca");
    }
    workshop.issue(&Case { name: "beyond-ca", common_name: "beyond-ca", extensions: CA, ..PLAIN }, "last-ca");
    workshop.authority("stranger", "/CN=stranger");
    workshop.authority("namesake", "/CN=ca");
    const PSS: &[&str] = &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
    workshop.issue(&Case { name: "rsa-ca", common_name: "rsa-ca", extensions: CA, ..CASES[5] }, "ca");
    // The leaf, who issues it, and what it shows after itself.
    let chains: [(Case, &str, &[&str]); 12] = [
        (Case { name: "whole", ..PLAIN }, "plain-ca", &["plain-ca"]),
        (Case { name: "with-the-root", ..PLAIN }, "plain-ca", &["plain-ca", "ca"]),
        (Case { name: "without-its-ca", ..PLAIN }, "plain-ca", &[]),
        (Case { name: "by-rsa-1024", ..PLAIN }, "rsa-1024-ca", &["rsa-1024-ca"]),
        (Case { name: "by-pss", issue: PSS, ..PLAIN }, "rsa-ca", &["rsa-ca"]),
        (Case { name: "by-a-ca-for-clients", ..PLAIN }, "clients-ca", &["clients-ca"]),
        (Case { name: "outside-of-the-network", ..PLAIN }, "network-10-ca", &["network-10-ca"]),
        (Case { name: "inside-of-the-network", ..PLAIN }, "network-127-ca", &["network-127-ca"]),
        (Case { name: "too-long", ..PLAIN }, "beyond-ca", &["beyond-ca", "last-ca"]),
        (Case { name: "by-no-ca", ..PLAIN }, "good", &["good"]),
        (Case { name: "by-a-stranger", ..PLAIN }, "stranger", &["stranger"]),
        (Case { name: "by-a-namesake", ..PLAIN }, "namesake", &["namesake"]),
    ];
    for (case, issuer, shown) in &chains {
        workshop.issue(case, issuer);
        let files =
            std::iter::once(&case.name).chain(*shown).map(|name| workshop.read(&format!("{name}.pem")));
        let chain = files.collect::<Vec<_>>().concat();
        fs::write(workshop.path(&format!("{}.pem", case.name)), chain).unwrap();
    }
    let setting = Setting::of(etcd, Leniency::DEBIAN);
    let member = Member::start(etcd, &workshop, &setting, &[]);
    compare(chains.iter().map(|(case, ..)| case), |case| member.both_roles(case.name));
    Ok(())
}

fn files_of_authorities(etcd: &Etcd) -> Outcome {
    let workshop = Workshop::new()?;
    workshop.authority("other", "/CN=other");
    let der = ["x509", "-in", "ca.pem", "-outform", "DER", "-out", "der"];
    workshop.openssl(&der);
    let [ca, other, key] = ["ca.pem", "other.pem", "ca-key.pem"].map(|name| workshop.read(name));
    let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec();
    let files = [
        ("both", [other.clone(), ca.clone()].concat()),
        ("junk-around", [b"junk\n".to_vec(), broken, ca.clone(), b"junk".to_vec()].concat()),
        ("empty", Vec::new()),
        ("bare-der", workshop.read("der")),
        ("another", other),
        ("the-certificate-itself", workshop.read("good.pem")),
        ("with-its-key", [ca, key].concat()),
    ];
    let setting = Setting::of(etcd, Leniency::DEBIAN);
    let mut server = workshop.server("good", &setting).unwrap();
    let client = workshop.client("good", &setting).unwrap();
    let mut differences = Vec::new();
    let mut hold = |name: &str, foreseen: Verdict, happened: Happening| {
        if !happened.is(&foreseen) {
            differences.push(format!("{name}:\n  foreseen {foreseen}\n  happened {happened}"));
        }
    };
    let mut start = |trusted: Result<Option<Authorities>, NoStart>, options: &[&str]| {
        let foreseen = match trusted {
            Ok(authorities) => {
                server.client_authorities = authorities;
                verdict(&client, &server)
            }
            Err(why) => Verdict::NoStart(Side::Server, why),
        };
        let happened = match Member::try_start(etcd, &workshop, &setting, options) {
            Ok(member) => member.dial("good"),
            Err(server) => Happening { kind: Kind::NoStart(Side::Server), client: String::new(), server },
        };
        (foreseen, happened)
    };
    for (name, contents) in &files {
        let path = workshop.path(name);
        fs::write(&path, contents).unwrap();
        let trusted = Authorities::of_clients(Some(contents), false, setting.leniency);
        let (foreseen, happened) = start(trusted, &["--trusted-ca-file", path.to_str().unwrap()]);
        hold(name, foreseen, happened);
    }
    for (name, option, is_demanded) in
        [("none", "--client-cert-auth=false", false), ("system", "--client-cert-auth", true)]
    {
        let (foreseen, happened) =
            start(Authorities::of_clients(None, is_demanded, setting.leniency), &[option]);
        hold(name, foreseen, happened);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

/// The file /etc/hosts, as it is everywhere.
struct Hosts;

impl Lookup for Hosts {
    fn names(&self, address: IpAddr) -> Vec<String> {
        if address == IpAddr::from(Ipv4Addr::LOCALHOST) { vec!["localhost".to_owned()] } else { Vec::new() }
    }

    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        if name == "localhost" { vec![Ipv4Addr::LOCALHOST.into()] } else { Vec::new() }
    }
}

fn peers_by_name_and_address(etcd: &Etcd) -> Outcome {
    let workshop = CASES_ISSUED.as_ref().map_err(Clone::clone)?;
    let setting = Setting::of(etcd, Leniency::DEBIAN);
    let names = |name: &str| vec![name.to_owned()];
    let rules = [
        (vec![], AllowedPeers::All),
        (vec!["--peer-cert-allowed-cn=127.0.0.1"], AllowedPeers::CommonNames(names("127.0.0.1"))),
        (vec!["--peer-cert-allowed-hostname=etcd1.example"], AllowedPeers::Hostnames(names("etcd1.example"))),
    ];
    let mut differences = Vec::new();
    for (options, allowed) in rules {
        let member = Member::start(etcd, workshop, &setting, &options);
        let mut server = workshop.server("good", &setting).unwrap();
        server.checks_source = true;
        server.allowed = allowed;
        for name in ["good", "common-name-only", "another-address", "other-names", "server-only"] {
            for source in [[127, 0, 0, 1], [127, 0, 0, 2]] {
                let mut client = workshop.client(name, &setting).unwrap();
                client.source = source.into();
                let foreseen = match handshake(&client, &server, &Hosts, SystemTime::now().into()) {
                    Ok(()) => Verdict::Connects,
                    Err(refusal) => Verdict::Refused(refusal.by, refusal.reason),
                };
                let happened = member.visit_as_peer(name, client.source);
                if !happened.is(&foreseen) {
                    differences.push(format!(
                        "{name} from {}, {options:?}:\n  foreseen {foreseen}\n  happened {happened}",
                        client.source
                    ));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

fn revocation_lists(etcd: &Etcd) -> Outcome {
    let workshop = Workshop::new()?;
    workshop.issue(&Case { name: "revoked", ..PLAIN }, "ca");
    workshop.authority("stranger", "/CN=stranger");
    const NOW: &[&str] = &["-crldays", "1"];
    const LONG_AGO: &[&str] = &["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z"];
    let sign = |name: &str, ca: &str, form: CrlForm, when: &[&str], revoked: &[&str]| {
        workshop.sign_revocation_list(ca, &format!("{name}.pem"), form, when, revoked);
        let (pem, der) = (format!("{name}.pem"), format!("{name}.der"));
        workshop.openssl(&["crl", "-in", &pem, "-outform", "DER", "-out", &der]);
    };
    sign("version-1", "ca", CrlForm::Version1, NOW, &["revoked.pem"]);
    sign("version-2", "ca", CrlForm::Version2, NOW, &["revoked.pem"]);
    sign("of-a-stranger", "stranger", CrlForm::Version2, NOW, &["revoked.pem"]);
    sign("expired", "ca", CrlForm::Version2, LONG_AGO, &["revoked.pem"]);
    sign("nothing-revoked", "ca", CrlForm::Version2, NOW, &[]);
    fs::write(workshop.path("empty"), "").unwrap();

    let setting = Setting::of(etcd, Leniency::DEBIAN);
    let file = workshop.path("list");
    let member = Member::start(etcd, &workshop, &setting, &["--client-crl-file", file.to_str().unwrap()]);
    let mut differences = Vec::new();
    // From 3.6 on etcd reads lists with Go's `ParseRevocationList` (client/pkg/transport/listener_tls.go, `checkCRL`).
    let version = EtcdVersion::parse(&etcd.version).unwrap();
    let format = if version.has(6, 0) { RevocationFormat::DerVersion2 } else { RevocationFormat::Any };
    let lists = [
        "version-1.pem",
        "version-1.der",
        "version-2.pem",
        "version-2.der",
        "of-a-stranger.der",
        "expired.der",
        "nothing-revoked.der",
        "empty",
        "missing",
    ];
    for list in lists {
        let contents = fs::read(workshop.path(list)).ok();
        match &contents {
            Some(contents) => fs::write(&file, contents).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let mut server = workshop.server("good", &setting).unwrap();
        server.revocation = Some(RevocationFile::read(contents.as_deref(), format));
        for name in ["good", "revoked"] {
            let foreseen = verdict(&workshop.client(name, &setting).unwrap(), &server);
            let happened = member.dial(name);
            if !happened.is(&foreseen) {
                differences.push(format!("{list}, {name}:\n  foreseen {foreseen}\n  happened {happened}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

/// What was foreseen and what happened, in both roles.
struct Comparison {
    foreseen: [Verdict; 2],
    happened: [Happening; 2],
}

/// Fails with all differences at once.
fn compare<'a>(cases: impl IntoIterator<Item = &'a Case>, judge: impl Fn(&Case) -> Comparison) {
    let mut differences = Vec::new();
    for case in cases {
        let Comparison { foreseen, happened } = judge(case);
        for ((role, foreseen), happened) in ["server", "client"].into_iter().zip(foreseen).zip(happened) {
            if !happened.is(&foreseen) {
                differences
                    .push(format!("{} as {role}:\n  foreseen {foreseen}\n  happened {happened}", case.name));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What the library says of a connection.
#[derive(Debug)]
pub enum Verdict {
    Connects,
    NoStart(Side, NoStart),
    Refused(Side, Reason),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connects => f.write_str("a connection"),
            Self::NoStart(side, why) => write!(f, "the {side} does not start: {why} ({:?})", why.log()),
            Self::Refused(by, why) => write!(f, "the {by} refuses: {why} ({:?})", why.log()),
        }
    }
}

/// What etcd and etcdctl did, with what each logged.
struct Happening {
    kind: Kind,
    client: String,
    server: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Connects,
    NoStart(Side),
    Refused(Side),
}

impl Happening {
    /// The same end by the same side, which says so in the words that were foreseen.
    fn is(&self, foreseen: &Verdict) -> bool {
        let said = |side: &Side, words: &str| match side {
            Side::Client => self.client.contains(words),
            Side::Server => self.server.contains(words),
        };
        match foreseen {
            Verdict::Connects => self.kind == Kind::Connects,
            Verdict::NoStart(side, why) => self.kind == Kind::NoStart(*side) && said(side, why.log()),
            Verdict::Refused(by, why) => self.kind == Kind::Refused(*by) && said(by, why.log()),
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}\n  etcdctl: {}\n  etcd: {}", self.kind, self.client.trim(), self.server.trim())
    }
}

/// How the programs are run, and how the library is told about it.
pub struct Setting {
    pub leniency: Leniency,
    godebug: String,
    max_version: Version,
}

impl Setting {
    /// As Go does by itself.
    pub fn plain() -> Self {
        Self { leniency: Leniency::default(), godebug: String::new(), max_version: Version::Tls13 }
    }

    /// Go learnt of these settings in 1.23 and 1.24, and was lenient before.
    fn of(etcd: &Etcd, wanted: Leniency) -> Self {
        let said = run(Command::new(&etcd.etcd).arg("--version")).ok().stdout;
        let minor = said.split("Go Version: go1.").nth(1).and_then(|rest| rest.split(['.', '\n']).next());
        let is_lenient =
            minor.and_then(|minor| minor.trim().parse::<u32>().ok()).is_some_and(|minor| minor < 23);
        let leniency = if is_lenient { Leniency::DEBIAN } else { wanted };
        let negative_serials = u8::from(leniency.negative_serials);
        let minimum = u8::from(!leniency.small_rsa_keys);
        let godebug = format!("x509negativeserial={negative_serials},rsa1024min={minimum}");
        Self { leniency, godebug, max_version: Version::Tls13 }
    }
}

/// The version of a revocation list; extensions make it 2.
#[derive(Clone, Copy)]
enum CrlForm {
    Version1,
    Version2,
}

/// CAs and certificates in a folder of their own, by openssl.
pub struct Workshop {
    folder: TempDir,
    openssl: PathBuf,
}

impl Workshop {
    /// With the CA `ca`, and the certificate `good`.
    fn new() -> Result<Self, Missing> {
        let workshop = Self { folder: TempDir::new().unwrap(), openssl: programs::find("openssl")? };
        workshop.authority("ca", "/CN=ca");
        workshop.issue(&Case { name: "good", ..PLAIN }, "ca");
        Ok(workshop)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn openssl(&self, arguments: &[&str]) {
        run(Command::new(&self.openssl).args(arguments).current_dir(self.folder.path())).ok();
    }

    /// A root.
    fn authority(&self, name: &str, subject: &str) {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}-key.pem"));
        self.openssl(&[&["genpkey", "-out", &key], P256].concat());
        self.openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            &key,
            "-subj",
            subject,
            "-days",
            "30",
            "-out",
            &certificate,
        ]);
    }

    /// A certificate by one of the CAs.
    fn issue(&self, case: &Case, ca: &str) {
        let [certificate, key, request, extensions] =
            ["pem", "key", "csr", "ext"].map(|end| format!("{}.{end}", case.name));
        let key_file = format!("{}-key.pem", case.name);
        self.openssl(&[&["genpkey", "-out", &key], case.key].concat());
        let subject = format!("/CN={}", case.common_name);
        self.openssl(&["req", "-new", "-key", &key, "-subj", &subject, "-out", &request]);
        fs::write(self.path(&extensions), format!("# none\n{}", case.extensions)).unwrap();
        let (authority, authority_key) = (format!("{ca}.pem"), format!("{ca}-key.pem"));
        let by = ["-in", &request, "-out", &certificate, "-extfile", &extensions];
        match case.dates {
            None => {
                let serial: &[&str] =
                    if case.issue.contains(&"-set_serial") { &[] } else { &["-CAcreateserial"] };
                let from = ["x509", "-req", "-days", "20", "-CA", &authority, "-CAkey", &authority_key];
                self.openssl(&[&from, &by[..], serial, case.issue].concat());
            }
            Some((from, until)) => {
                self.configure_ca();
                let signer = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", &authority];
                let dates = ["-keyfile", &authority_key, "-startdate", from, "-enddate", until];
                self.openssl(&[&signer[..], &dates, &by].concat());
            }
        }
        match case.rewrite.split_first() {
            None => fs::rename(self.path(&key), self.path(&key_file)).map(|()| 0),
            Some((command, options)) => {
                self.openssl(&[&[*command, "-in", &key, "-out", &key_file], options].concat());
                Ok(0)
            }
        }
        .unwrap();
    }

    /// A revocation list, as `openssl ca` makes it.
    fn sign_revocation_list(&self, ca: &str, list: &str, form: CrlForm, when: &[&str], revoked: &[&str]) {
        self.configure_ca();
        let (authority, key) = (format!("{ca}.pem"), format!("{ca}-key.pem"));
        let by = ["ca", "-config", "ca.cnf", "-cert", &authority, "-keyfile", &key];
        for certificate in revoked {
            self.openssl(&[&by[..], &["-revoke", certificate]].concat());
        }
        let extensions: &[&str] = match form {
            CrlForm::Version1 => &[],
            CrlForm::Version2 => &["-crlexts", "crl"],
        };
        self.openssl(&[&by[..], &["-gencrl", "-out", list], when, extensions].concat());
    }

    fn configure_ca(&self) {
        let config = "[ca]\ndefault_ca=c\n[c]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\n\
                      default_md=sha256\nunique_subject=no\n[p]\ncommonName=supplied\n\
                      [crl]\nauthorityKeyIdentifier=keyid\n";
        fs::write(self.path("ca.cnf"), config).unwrap();
        fs::write(self.path("index"), "").unwrap();
    }

    fn identity(&self, name: &str, setting: &Setting) -> Result<Identity, NoStart> {
        Identity::read(
            &self.read(&format!("{name}.pem")),
            &self.read(&format!("{name}-key.pem")),
            setting.leniency,
        )
    }

    fn authorities(&self, file: &str, setting: &Setting) -> Authorities {
        Authorities::read(&self.read(file), setting.leniency).unwrap()
    }

    fn server(&self, name: &str, setting: &Setting) -> Result<Server, NoStart> {
        let mut server = Server::new(self.identity(name, setting)?);
        server.client_authorities = Some(self.authorities("ca.pem", setting));
        server.leniency = setting.leniency;
        server.versions.max = setting.max_version;
        Ok(server)
    }

    fn client(&self, name: &str, setting: &Setting) -> Result<Client, NoStart> {
        let mut client = Client::new("127.0.0.1", self.authorities("ca.pem", setting));
        client.identity = Some(self.identity(name, setting)?);
        client.leniency = setting.leniency;
        Ok(client)
    }

    /// What the library foresees if a client with one certificate dials a server with another.
    pub fn foresee(&self, client: &str, server: &str, setting: &Setting) -> Verdict {
        match (self.client(client, setting), self.server(server, setting)) {
            (_, Err(why)) => Verdict::NoStart(Side::Server, why),
            (Err(why), _) => Verdict::NoStart(Side::Client, why),
            (Ok(client), Ok(server)) => verdict(&client, &server),
        }
    }
}

fn verdict(client: &Client, server: &Server) -> Verdict {
    match handshake(client, server, &NoLookup, SystemTime::now().into()) {
        Ok(()) => Verdict::Connects,
        Err(refusal) => Verdict::Refused(refusal.by, refusal.reason),
    }
}

/// A cluster of one, which serves with the certificates that stand in its folder at the time.
struct Member<'a> {
    etcd: &'a Etcd,
    workshop: &'a Workshop,
    setting: &'a Setting,
    folder: TempDir,
    client_port: u16,
    peer_port: u16,
    _process: Running,
}

impl<'a> Member<'a> {
    fn start(etcd: &'a Etcd, workshop: &'a Workshop, setting: &'a Setting, options: &[&str]) -> Self {
        let trusted = workshop.path("ca.pem");
        let options = [options, &["--trusted-ca-file", trusted.to_str().unwrap()]].concat();
        Self::try_start(etcd, workshop, setting, &options)
            .unwrap_or_else(|log| panic!("etcd has ended:\n{log}"))
    }

    /// None but its log if it ends instead of serving.
    fn try_start(
        etcd: &'a Etcd,
        workshop: &'a Workshop,
        setting: &'a Setting,
        options: &[&str],
    ) -> Result<Self, String> {
        let folder = TempDir::new().unwrap();
        for (from, into) in [("good.pem", "cert.pem"), ("good-key.pem", "key.pem"), ("ca.pem", "ca.pem")] {
            fs::copy(workshop.path(from), folder.path().join(into)).unwrap();
        }
        let (client_port, peer_port, mut process) = spawn(etcd, setting, folder.path(), options);
        let ended = until(PATIENCE, || {
            let ended = process.0.try_wait().unwrap().map(|_| true);
            ended.or_else(|| log(folder.path()).contains("serving client traffic securely").then_some(false))
        });
        match ended {
            Some(false) => {
                Ok(Self { etcd, workshop, setting, folder, client_port, peer_port, _process: process })
            }
            _ => Err(log(folder.path())),
        }
    }

    fn log(&self) -> String {
        log(self.folder.path())
    }

    /// Serves with another certificate from now on.
    fn show(&self, name: &str) {
        fs::copy(self.workshop.path(&format!("{name}.pem")), self.folder.path().join("cert.pem")).unwrap();
        fs::copy(self.workshop.path(&format!("{name}-key.pem")), self.folder.path().join("key.pem")).unwrap();
    }

    fn both_roles(&self, name: &str) -> Comparison {
        let foreseen = [
            self.workshop.foresee("good", name, self.setting),
            self.workshop.foresee(name, "good", self.setting),
        ];
        let as_server = if matches!(foreseen[0], Verdict::NoStart(..)) {
            self.start_another(name)
        } else {
            self.show(name);
            let happened = self.dial("good");
            self.show("good");
            happened
        };
        Comparison { foreseen, happened: [as_server, self.dial(name)] }
    }

    /// Starts another member with this certificate, until it serves or has ended.
    fn start_another(&self, name: &str) -> Happening {
        let folder = TempDir::new().unwrap();
        for (from, into) in [(format!("{name}.pem"), "cert.pem"), (format!("{name}-key.pem"), "key.pem")] {
            fs::copy(self.workshop.path(&from), folder.path().join(into)).unwrap();
        }
        fs::copy(self.workshop.path("ca.pem"), folder.path().join("ca.pem")).unwrap();
        let (_, _, mut process) =
            spawn(self.etcd, self.setting, folder.path(), &["--trusted-ca-file=ca.pem"]);
        let kind = until(PATIENCE, || {
            let serves =
                || log(folder.path()).contains("serving client traffic securely").then_some(Kind::Connects);
            let ended = process.0.try_wait().unwrap();
            ended.map(|_| Kind::NoStart(Side::Server)).or_else(serves)
        });
        let kind = kind.unwrap_or_else(|| panic!("neither started nor ended:\n{}", log(folder.path())));
        Happening { kind, client: String::new(), server: log(folder.path()) }
    }

    /// Asks the peer port for its version, as a peer from this address would. openssl does it, because etcdctl cannot
    /// be told where to come from; what etcd makes of it is the same.
    fn visit_as_peer(&self, name: &str, source: IpAddr) -> Happening {
        let before = self.log().len();
        let (request, said) = (self.folder.path().join("request"), self.folder.path().join("openssl.log"));
        fs::write(&request, "GET /version HTTP/1.0\r\n\r\n").unwrap();
        let output = File::create(&said).unwrap();
        let mut command = Command::new(&self.workshop.openssl);
        command.args(["s_client", "-quiet", "-connect"]).arg(format!("127.0.0.1:{}", self.peer_port));
        command.arg("-bind").arg(format!("{source}:0"));
        command.arg("-cert").arg(self.workshop.path(&format!("{name}.pem")));
        command.arg("-key").arg(self.workshop.path(&format!("{name}-key.pem")));
        command.stdin(File::open(request).unwrap()).stdout(output.try_clone().unwrap()).stderr(output);
        let process = Running::spawn(&mut command);
        let happened = until(PATIENCE, || {
            let client = fs::read_to_string(&said).unwrap();
            let server = self.log().split_off(before);
            let kind = match server.lines().find(|line| is_refusal(line)) {
                Some(_) => Kind::Refused(Side::Server),
                None if client.contains("200 OK") => Kind::Connects,
                None => return None,
            };
            Some(Happening { kind, client, server })
        });
        drop(process);
        happened.unwrap_or_else(|| panic!("no answer to a peer; etcd:\n{}", self.log()))
    }

    /// Dials the client port with etcdctl, until it has an answer or says that the handshake failed.
    fn dial(&self, name: &str) -> Happening {
        let before = self.log().len();
        let said = self.folder.path().join("etcdctl.log");
        let output = File::create(&said).unwrap();
        let mut command = Command::new(&self.etcd.etcdctl);
        let endpoint = format!("https://127.0.0.1:{}", self.client_port);
        command.env_clear().env("GODEBUG", &self.setting.godebug);
        // Without --debug it keeps the reason to itself until its time is up.
        command.args([
            "get",
            "x",
            "--debug",
            "--endpoints",
            &endpoint,
            "--dial-timeout=60s",
            "--command-timeout=60s",
            "--cacert",
        ]);
        command.arg(self.workshop.path("ca.pem"));
        command.arg("--cert").arg(self.workshop.path(&format!("{name}.pem")));
        command.arg("--key").arg(self.workshop.path(&format!("{name}-key.pem")));
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut process = Running::spawn(&mut command);
        let happened = until(PATIENCE, || {
            let ended = process.0.try_wait().unwrap();
            let client = fs::read_to_string(&said).unwrap();
            let server = self.log().split_off(before);
            // With TLS 1.3 a client knows nothing of a refusal, but the server is told why the client refuses.
            let kind = match (ended, server.lines().find(|line| is_refusal(line))) {
                (Some(status), _) if status.success() => Kind::Connects,
                (_, Some(line)) if !line.contains("remote error: ") => Kind::Refused(Side::Server),
                (_, Some(_)) if client.contains("handshake failed: ") => Kind::Refused(Side::Client),
                (Some(_), None) => Kind::NoStart(Side::Client),
                _ => return None,
            };
            Some(Happening { kind, client, server })
        });
        drop(process);
        happened.unwrap_or_else(|| {
            panic!("no answer; etcdctl:\n{}\netcd:\n{}", fs::read_to_string(&said).unwrap(), self.log())
        })
    }
}

/// What etcd logs when a handshake fails, unless somebody just went away.
fn is_refusal(line: &str) -> bool {
    line.contains("rejected connection")
        && !line.contains("EOF")
        && !line.contains("connection reset by peer")
}

/// Starts etcd with what stands in `folder`: its client port, its peer port, and the process.
fn spawn(etcd: &Etcd, setting: &Setting, folder: &Path, options: &[&str]) -> (u16, u16, Running) {
    let [client_port, peer_port] = free_ports();
    let (client, peer) =
        (format!("https://127.0.0.1:{client_port}"), format!("https://127.0.0.1:{peer_port}"));
    let log = File::create(folder.join("etcd.log")).unwrap();
    let mut command = server(&etcd.etcd);
    command.env_clear().env("GODEBUG", &setting.godebug).current_dir(folder);
    command.args(["--data-dir=data", "--unsafe-no-fsync", "--logger=zap", "--enable-grpc-gateway=false"]);
    command.args(["--cert-file=cert.pem", "--key-file=key.pem"]);
    command.args(["--peer-cert-file=cert.pem", "--peer-key-file=key.pem", "--peer-trusted-ca-file=ca.pem"]);
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.arg(format!("--initial-cluster=default={peer}")).args(options);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    (client_port, peer_port, Running::spawn(&mut command))
}

/// The lines that etcd has written whole: a reader may meet one in the middle.
fn log(folder: &Path) -> String {
    let mut log = fs::read_to_string(folder.join("etcd.log")).unwrap_or_default();
    log.truncate(log.rfind('\n').map_or(0, |end| end + 1));
    log
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
