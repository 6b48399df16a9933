//! cfssl's CSR JSON: the subject, the hosts and the kind of key of a new certificate or CA.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::ObjectIdentifier;
use time::Duration;

use crate::cfssl::error::{Error, ErrorKind};
use crate::cfssl::notice::{Notice, NoticeKind, WithNotices};
use crate::go::duration;
use crate::go::json::Node;
use crate::x509;
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::csr::CertificateRequest;
use crate::x509::der::object_identifier;
use crate::x509::extension::{BasicConstraints, Extension, Extensions};
use crate::x509::key::{KeyAlgorithm, UnknownKeyAlgorithm};
use crate::x509::name::{Attribute, Name, Subject};
use crate::x509::oid;
use crate::x509::sign::SigningKey;
use crate::x509::validity::BACKDATE;

/// The contents of cfssl's CSR JSON.
///
/// ```
/// use pki_core::x509::KeyAlgorithm;
/// use pki_core::cfssl::Request;
///
/// let json = r#"{"CN": "etcd1", "hosts": ["10.0.0.1"], "key": {"algo": "rsa", "size": 2048}}"#;
/// let request = Request::from_json(json, None)?.value;
/// assert_eq!(request.common_name, "etcd1");
/// assert_eq!(request.key, KeyAlgorithm::Rsa2048);
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `CN`: the common name.
    pub common_name: String,
    /// `names`: the other attributes of the subject.
    pub names: Vec<NameEntry>,
    /// `serialnumber`: the attribute serialNumber of the subject.
    pub serial_number: String,
    /// `hosts`: the subject alternative names, of any kind.
    pub hosts: Vec<String>,
    /// `key`: the kind of key to generate.
    pub key: KeyAlgorithm,
    /// `ca`: the settings of a CA. They are used for its own certificate only.
    pub ca: Option<CaSection>,
    /// `crl_url`: the URL of the revocation list in the certificate of a CA.
    pub crl_url: Option<String>,
    /// `delegation_enabled`: whether to ask for the extension id-pe-delegationUsage (RFC 9345).
    pub delegation_enabled: bool,
    /// `extensions`: extensions that are copied into the request.
    pub extensions: Vec<Extension>,
}

/// One entry of `names`. An empty text means that the attribute is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameEntry {
    /// `C`: countryName.
    pub c: String,
    /// `ST`: stateOrProvinceName.
    pub st: String,
    /// `L`: localityName.
    pub l: String,
    /// `O`: organizationName.
    pub o: String,
    /// `OU`: organizationalUnitName.
    pub ou: String,
    /// `E`: emailAddress.
    pub e: String,
    /// `OID`: attributes of any type, by object identifier.
    pub oid: Vec<Attribute>,
}

/// The `ca` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaSection {
    /// `expiry`: the lifetime of the CA; cfssl's default is five years.
    pub expiry: Duration,
    /// `backdate`: how long before the present it begins; cfssl's default is five minutes.
    pub backdate: Duration,
    /// `pathlen` and `pathlenzero`: how many further CAs may stand between the CA and a leaf. `None` means no limit.
    pub path_len: Option<u8>,
}

/// The default lifetime of a CA: `CAPolicy` in cfssl's `initca/initca.go`.
const CA_EXPIRY: Duration = Duration::hours(43_800);

impl Default for CaSection {
    fn default() -> Self {
        Self { expiry: CA_EXPIRY, backdate: BACKDATE, path_len: None }
    }
}

impl Request {
    /// Reads CSR JSON. `file` is only for error messages. An unknown key is a notice.
    ///
    /// # Errors
    /// [`ErrorKind::JsonSyntax`] if the text is not JSON, [`ErrorKind::JsonType`] if a value has the wrong type, and other
    /// kinds if a value is not allowed; each with its place.
    pub fn from_json(text: &str, file: Option<&Path>) -> Result<WithNotices<Self>, Error> {
        Self::parse(text, file, CaDates::Needed)
    }

    /// Reads CSR JSON of which only a certification request is made. That has no dates, so a lifetime in the `ca` section
    /// that cannot be read is a notice.
    ///
    /// # Errors
    /// What [`Request::from_json`] says of everything else.
    pub fn from_json_without_dates(text: &str, file: Option<&Path>) -> Result<WithNotices<Self>, Error> {
        Self::parse(text, file, CaDates::Unused)
    }

    fn parse(text: &str, file: Option<&Path>, dates: CaDates) -> Result<WithNotices<Self>, Error> {
        let node = Node::parse(text, file)?;
        let mut notices = Vec::new();
        if node.is_null() {
            return Ok(WithNotices { value: Self::default(), notices });
        }
        let mut object = node.object()?;
        let mut value = Self {
            common_name: object.last("CN", name)?.unwrap_or_default(),
            serial_number: object.last("serialnumber", name)?.unwrap_or_default(),
            hosts: object.last("hosts", names)?.unwrap_or_default(),
            crl_url: object.text("crl_url")?.filter(|url| !url.is_empty()),
            delegation_enabled: object.boolean("delegation_enabled")?,
            ..Self::default()
        };
        value.key = key(&object.all("key"), &mut notices)?;
        value.ca = ca(&object.all("ca"), dates, &mut notices)?;
        for node in object.all("names") {
            value.names.clear();
            for entry in node.items()?.iter().filter(|entry| !entry.is_null()) {
                value.names.push(name_entry(entry, &mut notices)?);
            }
        }
        for node in object.all("extensions") {
            value.extensions.clear();
            for entry in node.items()? {
                value.extensions.push(extension(&entry, &mut notices)?);
            }
        }
        notices.extend(object.unknown().map(Notice::from));
        Ok(WithNotices { value, notices })
    }

    /// The subject, encoded as cfssl does.
    ///
    /// # Errors
    /// [`x509::ErrorKind::Der`] if a value cannot be encoded.
    pub fn subject(&self) -> Result<Name, Error> {
        Ok(self.attributes().to_name()?)
    }

    /// The attributes of the subject.
    pub fn attributes(&self) -> Subject {
        let mut subject = Subject::common_name(&self.common_name);
        subject.serial_number.clone_from(&self.serial_number);
        let add = |values: &mut Vec<String>, value: &String| {
            if !value.is_empty() {
                values.push(value.clone());
            }
        };
        for entry in &self.names {
            add(&mut subject.country, &entry.c);
            add(&mut subject.province, &entry.st);
            add(&mut subject.locality, &entry.l);
            add(&mut subject.organization, &entry.o);
            add(&mut subject.organizational_unit, &entry.ou);
            subject.extra.extend(entry.oid.iter().cloned());
            if !entry.e.is_empty() {
                subject.extra.push(Attribute { oid: oid::EMAIL_ADDRESS, value: entry.e.clone() });
            }
        }
        subject
    }

    /// The certification request (RFC 2986), signed by `key`. The notices are those of
    /// [`SubjectAltNames::from_hosts`].
    ///
    /// # Errors
    /// What [`SubjectAltNames::from_hosts`] says, [`x509::ErrorKind::Der`] if something cannot be encoded, and what the
    /// key says.
    pub fn sign(&self, key: &dyn SigningKey) -> Result<WithNotices<CertificateRequest>, Error> {
        let WithNotices { value: names, mut notices } = SubjectAltNames::from_hosts(&self.hosts)?;
        if self.extensions.subject_alt_names().is_err() {
            notices.push(Notice::new(NoticeKind::MalformedSubjectAltName));
        }
        let mut extensions = Vec::new();
        if !names.is_empty()
            && !self.extensions.iter().any(|extension| extension.oid == oid::SUBJECT_ALT_NAME)
        {
            extensions.push(Extension::subject_alt_name(&names, false)?);
        }
        if let Some(ca) = &self.ca {
            let constraints = BasicConstraints { ca: true, path_len: ca.path_len };
            extensions.push(Extension::basic_constraints(constraints)?);
        }
        if self.delegation_enabled {
            extensions.push(Extension::delegation_usage()?);
        }
        extensions.extend(self.extensions.iter().cloned());
        let value = CertificateRequest::new(&self.subject()?, &extensions, key)?;
        Ok(WithNotices { value, notices })
    }
}

/// Reads the `key` section. Its defaults are cfssl's: ecdsa, 256.
fn key(nodes: &[Node<'_>], notices: &mut Vec<Notice>) -> Result<KeyAlgorithm, Error> {
    let (mut algo, mut size) = ("ecdsa".to_owned(), 256);
    for node in nodes {
        let mut object = node.object()?;
        algo = object.text("algo")?.unwrap_or(algo);
        size = object.integer("size")?.unwrap_or(size);
        notices.extend(object.unknown().map(Notice::from));
    }
    // As in Go, repeated sections are merged. The result has to be a kind of key, and not each of them.
    let Some(last) = nodes.last() else { return Ok(KeyAlgorithm::default()) };
    key_algorithm(&algo, size).map_err(|kind| kind.at(last.place()))
}

/// The kind of key for `"key": {"algo": ..., "size": ...}`. For Ed25519, the size is not used.
fn key_algorithm(algo: &str, size: i64) -> Result<KeyAlgorithm, ErrorKind> {
    match (algo, size) {
        ("ecdsa", 256) => Ok(KeyAlgorithm::EcdsaP256),
        ("ecdsa", 384) => Ok(KeyAlgorithm::EcdsaP384),
        ("ecdsa", 521) => Ok(KeyAlgorithm::EcdsaP521),
        ("ed25519", _) => Ok(KeyAlgorithm::Ed25519),
        ("rsa", 2048) => Ok(KeyAlgorithm::Rsa2048),
        ("rsa", 3072) => Ok(KeyAlgorithm::Rsa3072),
        ("rsa", 4096) => Ok(KeyAlgorithm::Rsa4096),
        ("rsa", 8192) => Ok(KeyAlgorithm::Rsa8192),
        ("rsa", _) => Err(ErrorKind::KeySize { algorithm: "rsa", size, allowed: "2048, 3072, 4096 or 8192" }),
        ("ecdsa", _) => Err(ErrorKind::KeySize { algorithm: "ecdsa", size, allowed: "256, 384 or 521" }),
        _ => Err(x509::ErrorKind::from(UnknownKeyAlgorithm { name: algo.to_owned() }).into()),
    }
}

/// Whether the dates of the `ca` section are used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CaDates {
    Needed,
    Unused,
}

fn ca(nodes: &[Node<'_>], dates: CaDates, notices: &mut Vec<Notice>) -> Result<Option<CaSection>, Error> {
    let mut section = None;
    for node in nodes {
        let mut object = node.object()?;
        let mut ca = section.unwrap_or_else(CaSection::default);
        let mut duration = |field| match object.last(field, duration_unless_empty) {
            Err(error) if dates == CaDates::Unused => {
                let kind = NoticeKind::UnusedMistake { reason: error.kind().to_string() };
                notices.push(Notice::new(kind).at(error.place().clone()));
                Ok(None)
            }
            other => other.map(Option::flatten),
        };
        if let Some(expiry) = duration("expiry")? {
            ca.expiry = expiry;
        }
        if let Some(backdate) = duration("backdate")?.filter(|backdate| !backdate.is_zero()) {
            ca.backdate = backdate;
        }
        let zero = object.boolean("pathlenzero")?;
        ca.path_len = object.last("pathlen", path_len)?.flatten().or(zero.then_some(0));
        notices.extend(object.unknown().map(Notice::from));
        section = Some(ca);
    }
    Ok(section)
}

/// Reads a path length. -1 means no limit, and so does 0, for which cfssl has another key (`pathlenzero`).
pub(crate) fn path_len(node: &Node<'_>) -> Result<Option<u8>, Error> {
    match node.integer()? {
        -1 | 0 => Ok(None),
        length => match u8::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) => Err(ErrorKind::PathLen { length }.at(node.place())),
        },
    }
}

/// Reads a duration. `None` if the text is empty.
pub(crate) fn duration_unless_empty(node: &Node<'_>) -> Result<Option<Duration>, Error> {
    let text = node.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    duration::parse(&text).map(Some).map_err(|error| ErrorKind::Duration(error).at(node.place()))
}

/// Reads a name. No name may have a control character ([`x509::ErrorKind::ControlCharacter`]).
fn name(node: &Node<'_>) -> Result<String, Error> {
    let text = node.text()?;
    if text.chars().any(char::is_control) {
        return Err(Error::from(x509::ErrorKind::ControlCharacter { name: text }).at(node.place()));
    }
    Ok(text)
}

/// Reads a list of names. As in Go, an element that is `null` is the empty string. Spaces and line ends around a name are
/// left to [`SubjectAltNames::from_hosts`], which removes them.
fn names(node: &Node<'_>) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for item in node.items()?.iter() {
        let text = if item.is_null() { String::new() } else { item.text()? };
        if text.trim().chars().any(char::is_control) {
            return Err(Error::from(x509::ErrorKind::ControlCharacter { name: text }).at(item.place()));
        }
        names.push(text);
    }
    Ok(names)
}

fn name_entry(node: &Node<'_>, notices: &mut Vec<Notice>) -> Result<NameEntry, Error> {
    let mut object = node.object()?;
    let mut text = |field| Ok::<_, Error>(object.last(field, name)?.unwrap_or_default());
    let mut entry = NameEntry {
        c: text("C")?,
        st: text("ST")?,
        l: text("L")?,
        o: text("O")?,
        ou: text("OU")?,
        e: text("E")?,
        oid: Vec::new(),
    };
    // cfssl decodes a serial number here, and does not use it.
    object.ignore("SerialNumber");
    for attributes in object.all("OID") {
        for (text, value) in attributes.members()? {
            let oid = object_identifier(&text).map_err(|kind| Error::from(kind).at(value.place()))?;
            entry.oid.push(Attribute { oid, value: name(&value)? });
        }
    }
    notices.extend(object.unknown().map(Notice::from));
    Ok(entry)
}

fn extension(node: &Node<'_>, notices: &mut Vec<Notice>) -> Result<Extension, Error> {
    let mut object = node.object()?;
    let oid = object.last("Id", arcs)?.ok_or_else(|| ErrorKind::MissingKey { key: "Id" }.at(node.place()))?;
    let critical = object.boolean("Critical")?;
    let value = object.last("Value", bytes)?.unwrap_or_default();
    notices.extend(object.unknown().map(Notice::from));
    Ok(Extension::new(oid, critical, value)?)
}

fn arcs(node: &Node<'_>) -> Result<ObjectIdentifier, Error> {
    let arcs = node.items()?.iter().map(Node::integer).collect::<Result<Vec<_>, _>>()?;
    let dotted: Vec<String> = arcs.iter().map(i64::to_string).collect();
    object_identifier(&dotted.join(".")).map_err(|kind| Error::from(kind).at(node.place()))
}

/// Reads bytes as Go does: in base64, or as a list of numbers.
fn bytes(node: &Node<'_>) -> Result<Vec<u8>, Error> {
    match node.text() {
        Ok(text) => STANDARD.decode(text).map_err(|_| ErrorKind::Base64.at(node.place())),
        Err(_) => node
            .items()?
            .iter()
            .map(|item| u8::try_from(item.integer()?).map_err(|_| ErrorKind::NotAByte.at(item.place())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{KeySource, SystemKeys};

    fn read(json: &str) -> Result<Request, String> {
        Request::from_json(json, None).map(|read| read.value).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_in_a_request_is_read() {
        let json = r#"{"CN": "cn", "serialnumber": "7", "hosts": ["a", null], "crl_url": "c", "delegation_enabled": true,
            "key": {"algo": "rsa", "size": 3072}, "ca": {"expiry": "2h", "backdate": "1h", "pathlen": 3},
            "names": [null, {"C": "c", "ST": "st", "L": "l", "O": "o", "OU": "ou", "E": "e", "OID": {"1.2.3": "x"}},
                {"O": "o2", "SerialNumber": "unused"}],
            "extensions": [{"Id": [1, 2, 3], "Critical": true, "Value": "BQA="}, {"Id": [1, 2, 4], "Value": [5, 0]}]}"#;
        let read = Request::from_json(json, None).unwrap();
        assert_eq!(read.notices, []);
        let oid = |text| object_identifier(text).unwrap();
        let text = |text: &str| text.to_owned();
        let full = NameEntry {
            c: text("c"),
            st: text("st"),
            l: text("l"),
            o: text("o"),
            ou: text("ou"),
            e: text("e"),
            oid: vec![Attribute { oid: oid("1.2.3"), value: text("x") }],
        };
        let expected = Request {
            common_name: text("cn"),
            serial_number: text("7"),
            hosts: vec![text("a"), String::new()],
            crl_url: Some(text("c")),
            delegation_enabled: true,
            key: KeyAlgorithm::Rsa3072,
            ca: Some(CaSection { expiry: Duration::hours(2), backdate: Duration::HOUR, path_len: Some(3) }),
            names: vec![full, NameEntry { o: text("o2"), ..NameEntry::default() }],
            extensions: vec![
                Extension::new(oid("1.2.3"), true, vec![5, 0]).unwrap(),
                Extension::new(oid("1.2.4"), false, vec![5, 0]).unwrap(),
            ],
        };
        assert_eq!(read.value, expected);
        let subject = expected.subject().unwrap().to_string();
        assert_eq!(
            subject,
            "C=c, ST=st, L=l, O=o, O=o2, OU=ou, CN=cn, serialNumber=7, 1.2.3=x, emailAddress=e"
        );
        assert_eq!(self::read("null"), Ok(Request::default()));
        assert_eq!(self::read(r#"{"crl_url": "", "hosts": null, "CN": null}"#), Ok(Request::default()));
    }

    #[test]
    fn what_a_request_may_not_say_is_told_with_its_place() {
        for (json, message) in [
            ("{", "1:1: EOF while parsing an object"),
            ("1", "1:1: expected an object, found a number"),
            (r#"{"CN": 1}"#, "1:8: CN: expected a string, found a number"),
            (r#"{"hosts": ["a", 1]}"#, "1:17: hosts[1]: expected a string, found a number"),
            (r#"{"key": {"size": "256"}}"#, "1:18: key.size: expected a whole number, found a string"),
            (r#"{"key": {"size": 512}}"#, "1:9: key: ecdsa keys have 256, 384 or 521 bits, not 512"),
            (r#"{"key": {"algo": "rsa"}}"#, "1:9: key: rsa keys have 2048, 3072, 4096 or 8192 bits, not 256"),
            (
                r#"{"key": {"algo": "rsa", "size": 1024}}"#,
                "1:9: key: rsa keys have 2048, 3072, 4096 or 8192 bits, not 1024",
            ),
            (r#"{"key": {"algo": "dsa", "size": 1024}}"#, "1:9: key: \"dsa\" is not a kind of key"),
            (r#"{"key": {"algo": "RSA", "size": 2048}}"#, "1:9: key: \"RSA\" is not a kind of key"),
            (r#"{"ca": {"expiry": "1"}}"#, "1:19: ca.expiry: missing unit in duration \"1\""),
            (r#"{"ca": {"pathlen": 256}}"#, "1:20: ca.pathlen: 256 is not a path length"),
            (r#"{"ca": {"pathlen": -2}}"#, "1:20: ca.pathlen: -2 is not a path length"),
            (r#"{"names": {"O": "o"}}"#, "1:11: names: expected a list, found an object"),
            (r#"{"names": [{"O": 1}]}"#, "1:18: names[0].O: expected a string, found a number"),
            (
                r#"{"names": [{"OID": {"x": "y"}}]}"#,
                "1:26: names[0].OID.x: \"x\" is not an object identifier",
            ),
            (
                r#"{"names": [{"OID": {"1.-2": "y"}}]}"#,
                "1:29: names[0].OID.1.-2: \"1.-2\" is not an object identifier",
            ),
            (r#"{"extensions": [{}]}"#, "1:17: extensions[0]: the key `Id` is missing"),
            (
                r#"{"extensions": [{"Id": [1, -2]}]}"#,
                "1:24: extensions[0].Id: \"1.-2\" is not an object identifier",
            ),
            (
                r#"{"extensions": [{"Id": [9, 9]}]}"#,
                "1:24: extensions[0].Id: \"9.9\" is not an object identifier",
            ),
            (
                r#"{"extensions": [{"Id": [1, 2], "Value": "!"}]}"#,
                "1:41: extensions[0].Value: this is not base64",
            ),
            (
                r#"{"extensions": [{"Id": [1, 2], "Value": [0, 256]}]}"#,
                "1:45: extensions[0].Value[1]: a byte is a number from 0 to 255",
            ),
        ] {
            assert_eq!(read(json).unwrap_err(), message);
        }
    }

    /// docs/cfssl.md, 14.
    #[test]
    fn identifiers_keep_the_order_of_the_file() {
        let json = r#"{"names": [{"OID": {"1.2.5": "a", "1.2.3": "b", "1.2.4": "c"}}]}"#;
        assert_eq!(read(json).unwrap().subject().unwrap().to_string(), "1.2.5=a, 1.2.3=b, 1.2.4=c");
    }

    #[test]
    fn unknown_keys_are_told_at_every_depth() {
        let json = r#"{"host": [], "key": {"algos": "x"}, "ca": {"expire": "1h"}, "names": [{"CC": "x", "OU": "y"}],
            "extensions": [{"Id": [1, 2], "critcal": true}]}"#;
        let read = Request::from_json(json, None).unwrap();
        let texts: Vec<_> = read.notices.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 5, "{texts:?}");
        for part in
            ["did you mean `hosts`", "key.algos: ", "ca.expire: ", "names[0].CC: ", "extensions[0].critcal: "]
        {
            assert!(texts.iter().any(|text| text.contains(part)), "{part}: {texts:?}");
        }
    }

    #[test]
    fn every_kind_of_key_has_its_algo_and_size() {
        for kind in KeyAlgorithm::ALL {
            let (algo, size) = kind.name().split_once('-').unwrap_or((kind.name(), "0"));
            let json = format!(r#"{{"key": {{"algo": "{algo}", "size": {size}}}}}"#);
            let size: usize = size.parse().unwrap();
            // cfssl calls the curve by its bits.
            assert_eq!(read(&json).map(|request| request.key), Ok(kind), "{algo} {size}");
        }
        assert_eq!(read("{}").unwrap().key, KeyAlgorithm::EcdsaP256);
        assert_eq!(read(r#"{"key": {}}"#).unwrap().key, KeyAlgorithm::EcdsaP256);
        assert_eq!(read(r#"{"key": {"size": 384}}"#).unwrap().key, KeyAlgorithm::EcdsaP384);
        // Go merges repeated sections.
        let merged = r#"{"key": {"algo": "rsa", "size": 1}, "Key": {"size": 4096}}"#;
        assert_eq!(read(merged).unwrap().key, KeyAlgorithm::Rsa4096);
    }

    #[test]
    fn the_ca_section_has_the_defaults_of_cfssl() {
        let section = |text: &str| read(&format!(r#"{{"ca": {text}}}"#)).unwrap().ca.unwrap();
        let default =
            CaSection { expiry: Duration::hours(43_800), backdate: Duration::minutes(5), path_len: None };
        assert_eq!((section("{}"), CaSection::default()), (default.clone(), default.clone()));
        assert_eq!(section(r#"{"expiry": "", "backdate": ""}"#), default);
        assert_eq!(section(r#"{"backdate": "0"}"#), default);
        assert_eq!(section(r#"{"expiry": "0"}"#).expiry, Duration::ZERO);
        assert_eq!(read("{}").unwrap().ca, None);
        for (text, path_len) in [
            (r#"{"pathlen": 0}"#, None),
            (r#"{"pathlen": -1}"#, None),
            (r#"{"pathlenzero": true}"#, Some(0)),
            (r#"{"pathlen": 0, "pathlenzero": true}"#, Some(0)),
            (r#"{"pathlen": 4, "pathlenzero": true}"#, Some(4)),
            (r#"{"pathlen": 255}"#, Some(255)),
        ] {
            assert_eq!(section(text).path_len, path_len, "{text}");
        }
    }

    #[test]
    fn a_request_asks_for_names_ca_and_extensions() {
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let asked = |json: &str| {
            let request = read(json).unwrap().sign(&key).unwrap().value;
            request.extensions().iter().map(|e| (e.oid.to_string(), e.critical)).collect::<Vec<_>>()
        };
        let found = |list: &[(&str, bool)]| {
            list.iter().map(|(oid, critical)| ((*oid).to_owned(), *critical)).collect::<Vec<_>>()
        };
        assert_eq!(asked("{}"), []);
        assert_eq!(asked(r#"{"hosts": ["a"]}"#), found(&[("2.5.29.17", false)]));
        // docs/cfssl.md, 17.
        let all = r#"{"hosts": ["a"], "ca": {"pathlen": 2}, "delegation_enabled": true,
            "extensions": [{"Id": [1, 2, 3], "Critical": true}]}"#;
        let delegation = "1.3.6.1.4.1.44363.44";
        let expected = [("2.5.29.17", false), ("2.5.29.19", true), (delegation, false), ("1.2.3", true)];
        assert_eq!(asked(all), found(&expected));
        let request = read(all).unwrap().sign(&key).unwrap().value;
        let constraints = BasicConstraints { ca: true, path_len: Some(2) };
        assert_eq!(request.basic_constraints().unwrap(), Some(constraints));
        // An extension of its own takes the place of `hosts`.
        let own = r#"{"hosts": ["a"], "extensions": [{"Id": [2, 5, 29, 17], "Value": "MAOCAWI="}]}"#;
        let request = read(own).unwrap().sign(&key).unwrap().value;
        assert_eq!(
            (request.subject_alt_names().unwrap().to_string(), request.extensions().len()),
            ("b".into(), 1)
        );
        let error = read(r#"{"hosts": ["a:1"]}"#).unwrap().sign(&key).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::HostWithPort { .. }));
    }
}
