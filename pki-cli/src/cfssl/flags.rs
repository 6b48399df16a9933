//! The tables of flags: one for all commands of `cfssl`, and one for each of the other programs.

use super::goflag::{Flag, Kind};

const fn text(name: &'static str, about: &'static str) -> Flag {
    text_or(name, "", about)
}

const fn text_or(name: &'static str, default: &'static str, about: &'static str) -> Flag {
    Flag { name, kind: Kind::Text, default, about }
}

const fn switch(name: &'static str, about: &'static str) -> Flag {
    Flag { name, kind: Kind::Switch, default: "false", about }
}

const fn integer(name: &'static str, default: &'static str, about: &'static str) -> Flag {
    Flag { name, kind: Kind::Integer, default, about }
}

const fn duration(name: &'static str, default: &'static str, about: &'static str) -> Flag {
    Flag { name, kind: Kind::Duration, default, about }
}

impl Flag {
    /// The flag as one command means it.
    pub(crate) fn of_command(&self, command: &str) -> Self {
        let about = match (command, self.name) {
            ("gencrl", "crl") => "file of the previous revocation list, whose entries are kept",
            _ => self.about,
        };
        Self { about, ..*self }
    }
}

/// The flags of `cfssl` in alphabetical order. Each command accepts all of them.
pub(crate) const FLAGS: &[Flag] = &[
    text_or("address", "127.0.0.1", "address to listen on"),
    text("aki", "authority key identifier of the issuer"),
    text("authkey", "key that authenticates requests to a remote signer"),
    text("bare", "base name of the files to write, in place of printing to the standard output"),
    text("ca", "certificate of the CA: a file, file:NAME or env:NAME"),
    text("ca-bundle", "file with trusted root certificates"),
    text("ca-key", "private key of the CA: a file, file:NAME or env:NAME"),
    text("cert", "file of the certificate to work on; - is the standard input"),
    text("cn", "common name, in place of the one in the request"),
    text("config", "file with signing profiles"),
    text("crl", "URL of the revocation list, for the certificate"),
    text("csr", "file of the certificate request to work on"),
    text("csv", "file with hosts to scan, as CSV"),
    text("db-config", "file that describes the certificate database"),
    text("disable", "endpoints to switch off, separated by commas"),
    text("domain", "host whose certificate to fetch"),
    switch("encrypt", "encrypt the new key with the password in ETCDPKI_KEY_PASSWORD"),
    duration("expiry", "168h0m0s", "how long a revocation list holds"),
    text("family", "pattern of scanner families to run"),
    text_or("flavor", "ubiquitous", "how to choose a chain: ubiquitous, optimal or force"),
    switch("force", "with -bare, replace a private key that is already there"),
    text("from", "certificate to renew: the new one has its key, name, extensions and length of life"),
    switch("full", "describe every field, and all certificates of a file"),
    text("hostname", "names and addresses of the certificate, separated by commas"),
    switch("initca", "make a self-signed CA certificate"),
    text("int-bundle", "file with intermediate certificates"),
    text("int-dir", "folder with intermediate certificates"),
    text("intermediates", "file with intermediate certificates to add"),
    duration("interval", "96h0m0s", "time between two OCSP updates"),
    text("into", "folder for the files of many certificates, each named like its operand"),
    text("ip", "address to connect to for -domain"),
    text("key", "private key that belongs to the certificate or request"),
    text("label", "key label at the remote signer"),
    switch("list", "list the scanners"),
    integer(
        "loglevel",
        "1",
        "least level that is logged: 0 debug, 1 info, 2 warning, 3 error, 4 critical, 5 fatal",
    ),
    integer("max-hosts", "100", "most hosts to scan"),
    text("metadata", "file that says which platforms trust which root"),
    text("min-tls-version", "oldest TLS version to accept"),
    text("mutual-tls-ca", "CA whose clients may connect"),
    text("mutual-tls-client-cert", "certificate to show to the remote signer"),
    text("mutual-tls-client-key", "private key of -mutual-tls-client-cert"),
    text("mutual-tls-cn", "pattern of client common names that may connect"),
    integer("num-workers", "10", "hosts to scan at the same time"),
    text("number", "number of the revocation list; without it, the seconds since 1970"),
    text_or("password", "0", "password of a PKCS #12 file"),
    text_or("path", "/", "path below which to serve"),
    switch("pem", "print the revocation list as PEM, in place of base64 in one line"),
    text("pgp-name", "name of the PGP key"),
    text("pgp-private", "file with the private PGP key"),
    switch("pkcs8", "write the new key as PKCS#8, in place of SEC 1 or PKCS#1"),
    integer("port", "8888", "port to listen on"),
    text("profile", "signing profile to use"),
    text_or("reason", "0", "reason of the revocation"),
    text("remote", "address of a remote signer"),
    switch("renewca", "renew a root certificate with its own key"),
    text("responder", "certificate of the OCSP responder"),
    text("responder-key", "private key of the OCSP responder"),
    text("responses", "file with OCSP responses to serve"),
    text_or("revoked-at", "now", "date of the revocation, as YYYY-MM-DD"),
    text("scanner", "pattern of scanners to run"),
    text("serial", "serial number of the certificate"),
    text_or("status", "good", "status to sign: good, revoked or unknown"),
    switch("text", "describe it in words, for people"),
    duration("timeout", "5m0s", "longest time to scan one host"),
    text("tls-cert", "certificate to serve TLS with"),
    text("tls-key", "private key of -tls-cert"),
    text("tls-remote-ca", "CA that the remote signer must be certified by"),
    text("usage", "usage of the key"),
];

/// The flags of `cfssljson`.
pub(crate) const JSON_FLAGS: &[Flag] = &[
    switch("bare", "read cfssl's own output, without the envelope of its network interface"),
    text_or("f", "-", "file to read; - is the standard input"),
    switch("force", "replace a private key that is already there"),
    switch("stdout", "print the contents in place of writing files"),
    switch("version", "print the version and stop"),
];

/// The flags of `cfssl-newkey`.
pub(crate) const NEWKEY_FLAGS: &[Flag] = &[
    text("bare", "base name of the files to write, in place of printing to the standard output"),
    text("config", "file with signing profiles"),
    switch("encrypt", "encrypt the new key with the password in ETCDPKI_KEY_PASSWORD"),
    switch("force", "with -bare, replace a private key that is already there"),
    switch("initca", "make a self-signed CA certificate"),
    integer("loglevel", "1", "least level that is logged"),
    switch("pkcs8", "write the new key as PKCS#8, in place of SEC 1 or PKCS#1"),
];

/// The flags of `mkbundle`.
pub(crate) const MKBUNDLE_FLAGS: &[Flag] = &[
    text_or("f", "cert-bundle.crt", "file to write"),
    integer("loglevel", "1", "least level that is logged"),
    integer("nw", "4", "accepted because cfssl's mkbundle has it: files are read one after the other"),
];

/// The flags of `link`.
pub(crate) const LINK_FLAGS: &[Flag] = &[
    switch("force", "replace files that have the name of a link; a folder is never replaced"),
    switch("replace-keys", "let the programs replace private keys, for scripts that renew certificates"),
];

/// The flags of `cfssl-certinfo`.
pub(crate) const CERTINFO_FLAGS: &[Flag] = &[
    text("aki", "authority key identifier of the issuer"),
    text("cert", "certificate to describe; - is the standard input"),
    text("csr", "file of the certificate request to describe"),
    text("db-config", "file that describes the certificate database"),
    text("domain", "host whose certificate to fetch"),
    switch("full", "describe every field, and all certificates of a file"),
    integer("loglevel", "1", "least level that is logged"),
    text("serial", "serial number of the certificate"),
    switch("text", "describe it in words, for people"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfssl::goflag::parse;

    #[test]
    fn every_default_is_a_good_value() {
        for table in [FLAGS, JSON_FLAGS, CERTINFO_FLAGS, NEWKEY_FLAGS, MKBUNDLE_FLAGS, LINK_FLAGS] {
            parse(table, Vec::<String>::new()).unwrap();
        }
    }

    #[test]
    fn tables_are_sorted_plain_and_without_repetitions() {
        for table in [FLAGS, JSON_FLAGS, CERTINFO_FLAGS, NEWKEY_FLAGS, MKBUNDLE_FLAGS, LINK_FLAGS] {
            assert!(table.is_sorted_by(|a, b| a.name < b.name));
            assert!(table.iter().all(|flag| flag.about.is_ascii() && !flag.about.is_empty()));
        }
    }

    #[test]
    fn flags_have_their_defaults() {
        let parsed = parse(FLAGS, Vec::<String>::new()).unwrap();
        assert_eq!(parsed.integer("loglevel"), 1);
        assert_eq!(parsed.text("timeout"), "5m0s");
        assert_eq!(parsed.text("flavor"), "ubiquitous");
        assert!(!parsed.switch("renewca"));
    }
}
