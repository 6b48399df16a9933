//! `certinfo`: describes a certificate or a request as JSON or in words.

use std::path::Path;

use pki_core::cfssl::{
    CertificateInfo, Error, ErrorKind, FullCertificateInfo, RequestInfo, certificate_text, request_text,
};
use pki_core::x509::{self, Certificate, CertificateRequest};

use super::invocation::Invocation;
use super::read::read_or_input;
use crate::terminal::{CommandError, Terminal, print};

/// cfssl's number for the error of a file without a request.
const NO_REQUEST: u32 = 9002;

/// What `certinfo` describes, with the name of its file.
enum Certinfo<'a> {
    /// One certificate, as cfssl describes it.
    Certificate(&'a str),
    /// All certificates of the file, with every field: `-full`.
    AllCertificates(&'a str),
    /// All certificates of the file, in words: `-text`.
    Text(&'a str),
    /// A certification request: `-csr`.
    Request(&'a str),
    /// A certification request, in words: `-csr` and `-text`.
    RequestText(&'a str),
}

impl<'a> Certinfo<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let is_text = invocation.switch("text");
        let of_certificate = |file| match (is_text, invocation.switch("full")) {
            (true, _) => Self::Text(file),
            (false, true) => Self::AllCertificates(file),
            (false, false) => Self::Certificate(file),
        };
        if let Some(file) = invocation.given("cert") {
            return Ok(of_certificate(file));
        }
        if let Some(file) = invocation.given("csr") {
            return Ok(if is_text { Self::RequestText(file) } else { Self::Request(file) });
        }
        if invocation.given("domain").is_some() {
            return Err(CommandError::new("-domain is not provided: etcdpki reads local files").hint(
                "openssl s_client -connect HOST:443 -showcerts </dev/null | etcdpki certinfo -full -cert -",
            ));
        }
        for flag in ["serial", "aki", "db-config"] {
            if invocation.given(flag).is_some() {
                let message = format!("-{flag} is not provided: there is no certificate database");
                return Err(CommandError::new(message).hint("give the certificate's file with -cert"));
            }
        }
        match invocation.operands().first() {
            Some(file) => Ok(of_certificate(file)),
            None => Err(CommandError::new("Must specify certinfo target through -cert or -csr")
                .hint("name the file: etcdpki certinfo -cert server.pem, or -cert - for the standard input")),
        }
    }
}

/// Runs `certinfo`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    match Certinfo::new(invocation)? {
        Certinfo::Certificate(file) => {
            let certificate = Certificate::read(&read_or_input(file, terminal)?);
            let certificate = certificate.map_err(|error| error.in_file(Path::new(file)))?;
            print::go_json(terminal, &CertificateInfo::from(&certificate))
        }
        Certinfo::AllCertificates(file) => {
            let all = Certificate::read_all(&read_or_input(file, terminal)?);
            let all = all.map_err(|error| error.in_file(Path::new(file)))?;
            print_full(&all, terminal)
        }
        Certinfo::Text(file) => {
            let all = Certificate::read_all(&read_or_input(file, terminal)?);
            print_text(&all.map_err(|error| error.in_file(Path::new(file)))?, terminal)
        }
        Certinfo::RequestText(file) => {
            let request = CertificateRequest::read_any_label(&read_or_input(file, terminal)?);
            let request = request.map_err(|error| error.in_file(Path::new(file)))?;
            print::text(terminal, &request_text(&request))
        }
        Certinfo::Request(file) => {
            let request = CertificateRequest::read_any_label(&read_or_input(file, terminal)?);
            let info = request.map_err(Error::from).and_then(|request| RequestInfo::new(&request));
            // cfssl has a number only for a file without PEM.
            let info = info.map_err(|error| {
                let number =
                    matches!(error.kind(), ErrorKind::X509(x509::ErrorKind::NoRequest)).then_some(NO_REQUEST);
                CommandError::from(error.in_file(Path::new(file))).numbered(number)
            })?;
            print::go_json(terminal, &info)
        }
    }
}

/// Prints every certificate in words, with its number if there are several.
fn print_text(certificates: &[Certificate], terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let now = (terminal.now)();
    for (index, certificate) in certificates.iter().enumerate() {
        if certificates.len() > 1 {
            let before = if index == 0 { "" } else { "\n" };
            let number = format!("{before}Certificate {} of {}\n", index + 1, certificates.len());
            print::text(terminal, &number)?;
        }
        print::text(terminal, &certificate_text(certificate, now))?;
    }
    Ok(())
}

/// Prints one certificate as an object, and several as a list.
fn print_full(certificates: &[Certificate], terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    match certificates {
        [one] => print::go_json(terminal, &FullCertificateInfo::from(one)),
        several => {
            let all: Vec<_> = several.iter().map(FullCertificateInfo::from).collect();
            print::go_json(terminal, &all)
        }
    }
}
