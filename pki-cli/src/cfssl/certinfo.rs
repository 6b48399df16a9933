//! `certinfo`: what a certificate or a request says.

use pki_core::cfssl::{CertificateInfo, Error, FullCertificateInfo, RequestInfo};
use pki_core::x509::{Certificate, CertificateRequest};

use super::command::{Call, read_or_input};
use super::output;
use crate::failure::Failure;
use crate::io::Io;

pub(crate) fn run(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let operand = call.flags.operands().first().map(String::as_str);
    if let Some(file) = call.given("cert") {
        return certificate(file, call, io);
    }
    if let Some(file) = call.given("csr") {
        let request = CertificateRequest::read_any_label(&read_or_input(file, io)?);
        let info = request.map_err(Error::from).and_then(|request| RequestInfo::new(&request));
        return output::print_indented(io, &info.map_err(|error| error.in_file(file.as_ref()))?);
    }
    if call.given("domain").is_some() {
        return Err(Failure::user("-domain is not provided: etcdpki reads local files").hint(
            "openssl s_client -connect HOST:443 -showcerts </dev/null | etcdpki certinfo -full -cert -",
        ));
    }
    for flag in ["serial", "aki", "db-config"] {
        if call.given(flag).is_some() {
            return Err(Failure::user(format!("-{flag} is not provided: there is no certificate database"))
                .hint("give the certificate's file with -cert"));
        }
    }
    match operand {
        Some(file) => certificate(file, call, io),
        None => Err(Failure::user("Must specify certinfo target through -cert or -csr")
            .hint("etcdpki certinfo -cert FILE, or - for standard input")),
    }
}

fn certificate(file: &str, call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let bytes = read_or_input(file, io)?;
    if call.flags.switch("full") {
        let all = Certificate::read_all(&bytes).map_err(|error| error.in_file(file.as_ref()))?;
        return print_full(&all, io);
    }
    let certificate = Certificate::read(&bytes).map_err(|error| error.in_file(file.as_ref()))?;
    output::print_indented(io, &CertificateInfo::from(&certificate))
}

/// One description, or a list of them.
fn print_full(certificates: &[Certificate], io: &mut Io<'_>) -> Result<(), Failure> {
    match certificates {
        [one] => output::print_indented(io, &FullCertificateInfo::from(one)),
        several => {
            let all: Vec<_> = several.iter().map(FullCertificateInfo::from).collect();
            output::print_indented(io, &all)
        }
    }
}
