//! openssl as the judge of certificates.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use super::command::{Ran, run};
use super::programs::find;
use super::trial::Missing;

pub struct Openssl(PathBuf);

/// What a certificate has to be good for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    Server,
    Client,
}

impl Openssl {
    pub fn find() -> Result<Self, Missing> {
        find("openssl").map(Self)
    }

    /// Panics unless `certificate` is valid under `ca` for the purpose; `extra` may hold `-verify_ip` and
    /// the like.
    #[track_caller]
    pub fn verify(&self, ca: &Path, certificate: &Path, purpose: Purpose, extra: &[&str]) {
        self.verification(ca, certificate, purpose, extra).ok();
    }

    pub fn verification(&self, ca: &Path, certificate: &Path, purpose: Purpose, extra: &[&str]) -> Ran {
        let purpose = match purpose {
            Purpose::Server => "sslserver",
            Purpose::Client => "sslclient",
        };
        ask(self.verify_under(ca).args(["-purpose", purpose]).args(extra).arg(certificate))
    }

    /// Panics unless all certificates are valid under `ca`, for whatever purpose.
    #[track_caller]
    pub fn verify_chains(&self, ca: &Path, certificates: &[PathBuf]) {
        ask(self.verify_under(ca).args(certificates)).ok();
    }

    fn verify_under(&self, ca: &Path) -> Command {
        let mut verify = Command::new(&self.0);
        // Without the three -no options the system's own CAs would count as well.
        verify.args(["verify", "-x509_strict", "-no-CAfile", "-no-CApath", "-no-CAstore", "-CAfile"]).arg(ca);
        verify
    }

    /// Panics unless the private key is the certificate's.
    #[track_caller]
    pub fn belong_together(&self, certificate: &Path, key: &Path) {
        let theirs = self.call(&["x509", "-noout", "-pubkey", "-in"], certificate);
        assert_eq!(theirs, self.public_key(key), "{} and {}", certificate.display(), key.display());
    }

    /// The public half of a private key.
    #[track_caller]
    pub fn public_key(&self, key: &Path) -> String {
        self.call(&["pkey", "-pubout", "-in"], key)
    }

    /// The kind of a certificate's key, and its size.
    #[track_caller]
    pub fn key(&self, certificate: &Path) -> Vec<String> {
        let said = self.x509(&["-text"], certificate);
        let about = ["Public Key Algorithm:", "Public-Key:", "NIST CURVE:"];
        let lines = said.lines().map(str::trim).filter(|line| about.iter().any(|a| line.starts_with(a)));
        lines.map(str::to_owned).collect()
    }

    /// The subject, one attribute a line, `C=CN` first or last as the certificate has it.
    #[track_caller]
    pub fn subject(&self, certificate: &Path) -> Vec<String> {
        let format = "utf8,sep_multiline,sname";
        let said = self.call(&["x509", "-noout", "-subject", "-nameopt", format, "-in"], certificate);
        said.lines().skip(1).map(|l| l.trim().to_owned()).collect()
    }

    /// The subject alternative names, as openssl prints them: `DNS:localhost`, `IP Address:127.0.0.1`.
    #[track_caller]
    pub fn names(&self, certificate: &Path) -> Vec<String> {
        let said = self.call(&["x509", "-noout", "-ext", "subjectAltName", "-in"], certificate);
        let names = said.lines().nth(1).unwrap_or_default();
        names.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
    }

    /// The whole days from the certificate's first moment to its last.
    #[track_caller]
    pub fn days(&self, certificate: &Path) -> i64 {
        let dates = self.x509(&["-startdate", "-enddate"], certificate);
        let seconds = dates.lines().map(|line| {
            let date = line.split_once('=').unwrap().1;
            let said = run(Command::new("date").args(["-u", "+%s", "-d", date])).ok().stdout;
            said.trim().parse::<i64>().unwrap()
        });
        match seconds.collect::<Vec<_>>()[..] {
            [first, last] => (last - first) / 86_400,
            _ => panic!("not two dates: {dates}"),
        }
    }

    /// `x509` with the given options: what it printed.
    #[track_caller]
    pub fn x509(&self, options: &[&str], certificate: &Path) -> String {
        self.call(&[&["x509", "-noout"], options, &["-in"]].concat(), certificate)
    }

    #[track_caller]
    fn call(&self, arguments: &[&str], file: &Path) -> String {
        ask(Command::new(&self.0).args(arguments).arg(file)).ok().stdout
    }
}

/// Runs a command whose answer depends on nothing but its words and the files that they name: once for the same.
#[track_caller]
fn ask(command: &mut Command) -> Ran {
    static ANSWERS: LazyLock<Mutex<HashMap<Vec<Vec<u8>>, Ran>>> = LazyLock::new(Mutex::default);
    let content = |word: &OsStr| fs::read(word).unwrap_or_else(|_| word.as_encoded_bytes().to_vec());
    let question: Vec<_> = command.get_args().map(content).collect();
    let known = ANSWERS.lock().unwrap().get(&question).cloned();
    known.unwrap_or_else(|| {
        let answer = run(command);
        ANSWERS.lock().unwrap().insert(question, answer.clone());
        answer
    })
}
