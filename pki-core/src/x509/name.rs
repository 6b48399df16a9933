//! Distinguished names (RFC 5280 section 4.1.2.4): names that were read, and new ones encoded as cfssl does.

use std::fmt::{self, Write};

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Sequence, Tag, Tagged};

use crate::x509::der as encode;
use crate::x509::error::Error;
use crate::x509::oid;

/// A distinguished name with its DER. The bytes are kept because a CA's name has to be copied into the certificates that
/// it issues exactly, with its string types and its grouping of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    der: Vec<u8>,
    attributes: Vec<Attribute>,
}

/// One attribute of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The type of the attribute, such as commonName.
    pub oid: ObjectIdentifier,
    /// The value of the attribute as text.
    pub value: String,
}

#[derive(Sequence)]
struct AttributeTypeAndValue<'a> {
    oid: ObjectIdentifier,
    value: AnyRef<'a>,
}

impl Name {
    /// Reads an RDNSequence in DER.
    ///
    /// # Errors
    /// [`ErrorKind::Der`](crate::x509::ErrorKind::Der) if it is malformed.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let rdns = AnyRef::from_der(der)?;
        rdns.tag().assert_eq(Tag::Sequence)?;
        let mut attributes = Vec::new();
        for rdn in encode::elements::<AnyRef<'_>>(rdns.value())? {
            rdn.tag().assert_eq(Tag::Set)?;
            for attribute in encode::elements::<AttributeTypeAndValue<'_>>(rdn.value())? {
                attributes.push(Attribute { oid: attribute.oid, value: text(attribute.value) });
            }
        }
        Ok(Self { der: der.to_vec(), attributes })
    }

    /// The name with another common name, encoded as a [`Subject`] is.
    ///
    /// # Errors
    /// [`ErrorKind::Der`](crate::x509::ErrorKind::Der) if it cannot be encoded.
    pub fn with_common_name(&self, common_name: &str) -> Result<Self, Error> {
        let mut subject = Subject::from(self);
        subject.replace_with(&Subject::common_name(common_name));
        subject.to_name()
    }

    /// The RDNSequence in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Every attribute, in the order of the bytes.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Whether it has no attributes.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The values of one attribute type, in order.
    pub fn values(&self, oid: ObjectIdentifier) -> impl Iterator<Item = &str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.oid == oid)
            .map(|attribute| attribute.value.as_str())
    }

    /// The last commonName, if there is one.
    pub fn common_name(&self) -> Option<&str> {
        self.values(oid::COMMON_NAME).last()
    }
}

/// Writes the name as RFC 4514 does, but in the order of the DER, as OpenSSL does. Control characters are escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for Attribute { oid, value } in &self.attributes {
            f.write_str(separator)?;
            write!(f, "{}=", type_name(*oid))?;
            for c in value.chars() {
                match c {
                    ',' | '\\' => write!(f, "\\{c}")?,
                    // A terminal would interpret them.
                    _ if c.is_control() => write!(f, "{}", c.escape_default())?,
                    _ => f.write_char(c)?,
                }
            }
            separator = ", ";
        }
        Ok(())
    }
}

impl Attribute {
    /// The short name of its type, as in `CN`, or the object identifier if the type has no short name.
    pub fn type_name(&self) -> String {
        type_name(self.oid)
    }
}

fn type_name(oid: ObjectIdentifier) -> String {
    short_name(oid).map_or_else(|| oid.to_string(), str::to_owned)
}

fn short_name(oid: ObjectIdentifier) -> Option<&'static str> {
    Some(match oid {
        oid::COMMON_NAME => "CN",
        oid::COUNTRY_NAME => "C",
        oid::DOMAIN_COMPONENT => "DC",
        oid::EMAIL_ADDRESS => "emailAddress",
        oid::LOCALITY_NAME => "L",
        oid::ORGANIZATION_NAME => "O",
        oid::ORGANIZATION_IDENTIFIER => "organizationIdentifier",
        oid::ORGANIZATIONAL_UNIT_NAME => "OU",
        oid::POSTAL_CODE => "postalCode",
        oid::SERIAL_NUMBER => "serialNumber",
        oid::STATE_OR_PROVINCE_NAME => "ST",
        oid::STREET_ADDRESS => "street",
        oid::TITLE => "title",
        oid::USER_ID => "UID",
        _ => return None,
    })
}

/// The text of an attribute value with any string type. TeletexString is read as Latin-1, as OpenSSL does.
fn text(value: AnyRef<'_>) -> String {
    let bytes = value.value();
    match value.tag() {
        Tag::TeletexString => bytes.iter().map(|&byte| char::from(byte)).collect(),
        Tag::BmpString => {
            let units =
                bytes.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, &b| unit << 8 | u16::from(b)));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The attributes of a new name, which is encoded as Go's `pkix.Name` does: types in a fixed order, all values of one
/// type in one multi-valued RDN, then the extra attributes one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The values of countryName (C).
    pub country: Vec<String>,
    /// The values of stateOrProvinceName (ST).
    pub province: Vec<String>,
    /// The values of localityName (L).
    pub locality: Vec<String>,
    /// The values of streetAddress.
    pub street_address: Vec<String>,
    /// The values of postalCode.
    pub postal_code: Vec<String>,
    /// The values of organizationName (O).
    pub organization: Vec<String>,
    /// The values of organizationalUnitName (OU).
    pub organizational_unit: Vec<String>,
    /// commonName (CN). If it is empty, the name has none.
    pub common_name: String,
    /// serialNumber, which is not that of the certificate. If it is empty, the name has none.
    pub serial_number: String,
    /// Attributes of any type, encoded last. An attribute of a type above replaces the values of that field.
    pub extra: Vec<Attribute>,
}

impl Subject {
    /// A subject with commonName only.
    pub fn common_name(common_name: impl Into<String>) -> Self {
        Self { common_name: common_name.into(), ..Self::default() }
    }

    /// Replaces the values of each type for which `other` has values. The other types keep their values.
    pub fn replace_with(&mut self, other: &Self) {
        for (ours, theirs) in [
            (&mut self.country, &other.country),
            (&mut self.province, &other.province),
            (&mut self.locality, &other.locality),
            (&mut self.street_address, &other.street_address),
            (&mut self.postal_code, &other.postal_code),
            (&mut self.organization, &other.organization),
            (&mut self.organizational_unit, &other.organizational_unit),
        ] {
            if !theirs.is_empty() {
                ours.clone_from(theirs);
            }
        }
        for (ours, theirs) in
            [(&mut self.common_name, &other.common_name), (&mut self.serial_number, &other.serial_number)]
        {
            if !theirs.is_empty() {
                ours.clone_from(theirs);
            }
        }
        self.extra.retain(|ours| !other.extra.iter().any(|theirs| theirs.oid == ours.oid));
        self.extra.extend(other.extra.iter().cloned());
    }

    /// Encodes the name.
    ///
    /// # Errors
    /// [`ErrorKind::Der`](crate::x509::ErrorKind::Der) if a value cannot be encoded.
    pub fn to_name(&self) -> Result<Name, Error> {
        let one = |value: &String| if value.is_empty() { Vec::new() } else { vec![value.clone()] };
        let standard = [
            (oid::COUNTRY_NAME, self.country.clone()),
            (oid::STATE_OR_PROVINCE_NAME, self.province.clone()),
            (oid::LOCALITY_NAME, self.locality.clone()),
            (oid::STREET_ADDRESS, self.street_address.clone()),
            (oid::POSTAL_CODE, self.postal_code.clone()),
            (oid::ORGANIZATION_NAME, self.organization.clone()),
            (oid::ORGANIZATIONAL_UNIT_NAME, self.organizational_unit.clone()),
            (oid::COMMON_NAME, one(&self.common_name)),
            (oid::SERIAL_NUMBER, one(&self.serial_number)),
        ];
        let mut rdns = Vec::new();
        for (oid, values) in standard {
            if !values.is_empty() && !self.extra.iter().any(|extra| extra.oid == oid) {
                rdns.push(relative_distinguished_name(oid, &values)?);
            }
        }
        for Attribute { oid, value } in &self.extra {
            rdns.push(relative_distinguished_name(*oid, std::slice::from_ref(value))?);
        }
        Name::from_der(&encode::sequence(&rdns)?)
    }
}

/// Sorts the attributes of a name into the fields. Of several common names or serial numbers, the last is kept.
impl From<&Name> for Subject {
    fn from(name: &Name) -> Self {
        let mut subject = Self::default();
        for attribute in name.attributes() {
            let value = attribute.value.clone();
            match attribute.oid {
                oid::COUNTRY_NAME => subject.country.push(value),
                oid::STATE_OR_PROVINCE_NAME => subject.province.push(value),
                oid::LOCALITY_NAME => subject.locality.push(value),
                oid::STREET_ADDRESS => subject.street_address.push(value),
                oid::POSTAL_CODE => subject.postal_code.push(value),
                oid::ORGANIZATION_NAME => subject.organization.push(value),
                oid::ORGANIZATIONAL_UNIT_NAME => subject.organizational_unit.push(value),
                oid::COMMON_NAME => subject.common_name = value,
                oid::SERIAL_NUMBER => subject.serial_number = value,
                _ => subject.extra.push(attribute.clone()),
            }
        }
        subject
    }
}

/// Encodes one SET with all values of one type, in the order of SET OF in DER (X.690 section 11.6). A repeated value is
/// kept.
fn relative_distinguished_name(oid: ObjectIdentifier, values: &[String]) -> Result<Vec<u8>, Error> {
    let mut attributes = Vec::new();
    for value in values {
        let tag = if value.bytes().all(is_printable) { Tag::PrintableString } else { Tag::Utf8String };
        let value = AnyRef::new(tag, value.as_bytes())?;
        attributes.push(AttributeTypeAndValue { oid, value }.to_der()?);
    }
    attributes.sort();
    encode::element(Tag::Set, &attributes.concat())
}

/// Whether a PrintableString may have the character (X.680 section 41.4).
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_type_share_an_rdn_in_der_order() {
        let subject = Subject {
            organizational_unit: vec!["B".into(), "A".into(), "*".into()],
            common_name: "x".into(),
            ..Subject::default()
        };
        let name = subject.to_name().unwrap();
        assert_eq!(name.to_string(), "OU=*, OU=A, OU=B, CN=x");
        let rdns = AnyRef::from_der(name.der()).unwrap();
        assert_eq!(encode::elements::<AnyRef<'_>>(rdns.value()).unwrap().len(), 2);
    }

    #[test]
    fn an_extra_attribute_replaces_the_standard_one_and_stands_last() {
        let subject = Subject {
            organization: vec!["gone".into()],
            common_name: "x".into(),
            extra: vec![Attribute { oid: oid::ORGANIZATION_NAME, value: "O2".into() }],
            ..Subject::default()
        };
        assert_eq!(subject.to_name().unwrap().to_string(), "CN=x, O=O2");
    }

    #[test]
    fn a_name_survives_the_way_through_its_attributes() {
        let subject = Subject {
            country: vec!["CN".into()],
            organization: vec!["k8s".into()],
            common_name: "etcd".into(),
            ..Subject::default()
        };
        let name = subject.to_name().unwrap();
        assert_eq!(Subject::from(&name).to_name().unwrap(), name);
    }

    #[test]
    fn the_order_of_types_is_that_of_go() {
        let one = |text: &str| vec![text.to_owned()];
        let subject = Subject {
            country: one("c"),
            province: one("st"),
            locality: one("l"),
            street_address: one("street"),
            postal_code: one("1"),
            organization: one("o"),
            organizational_unit: one("ou"),
            common_name: "cn".into(),
            serial_number: "2".into(),
            extra: vec![Attribute { oid: oid::EMAIL_ADDRESS, value: "e".into() }],
        };
        let all =
            "C=c, ST=st, L=l, street=street, postalCode=1, O=o, OU=ou, CN=cn, serialNumber=2, emailAddress=e";
        let name = subject.to_name().unwrap();
        assert_eq!(name.to_string(), all);
        assert_eq!(Subject::from(&name), subject);
        assert_eq!(name.values(oid::ORGANIZATION_NAME).collect::<Vec<_>>(), ["o"]);
        assert!(!name.is_empty() && Subject::default().to_name().unwrap().is_empty());
        assert_eq!(name.attributes()[9].type_name(), "emailAddress");
        let odd = Attribute { oid: "1.2.3".parse().unwrap(), value: String::new() };
        assert_eq!(odd.type_name(), "1.2.3");
    }

    #[test]
    fn what_replaces_a_subject_does_so_type_by_type() {
        let attribute = |oid: ObjectIdentifier, value: &str| Attribute { oid, value: value.into() };
        let mut subject = Subject {
            country: vec!["C1".into()],
            organization: vec!["O1".into(), "O2".into()],
            organizational_unit: vec!["U1".into()],
            common_name: "x".into(),
            serial_number: "1".into(),
            extra: vec![attribute(oid::EMAIL_ADDRESS, "e1"), attribute(oid::DOMAIN_COMPONENT, "d1")],
            ..Subject::default()
        };
        let before = subject.clone();
        subject.replace_with(&Subject::default());
        assert_eq!(subject, before);
        subject.replace_with(&Subject {
            organization: vec!["O3".into()],
            locality: vec!["L3".into()],
            serial_number: "3".into(),
            extra: vec![attribute(oid::EMAIL_ADDRESS, "e3")],
            ..Subject::default()
        });
        let expected = Subject {
            organization: vec!["O3".into()],
            locality: vec!["L3".into()],
            serial_number: "3".into(),
            extra: vec![attribute(oid::DOMAIN_COMPONENT, "d1"), attribute(oid::EMAIL_ADDRESS, "e3")],
            ..before
        };
        assert_eq!(subject, expected);
        subject.replace_with(&Subject::common_name("y"));
        assert_eq!(subject, Subject { common_name: "y".into(), ..expected });
    }

    #[test]
    fn of_several_common_names_the_last_counts() {
        let rdn = |text: &str| relative_distinguished_name(oid::COMMON_NAME, &[text.to_owned()]).unwrap();
        let name = Name::from_der(&encode::sequence(&[rdn("a"), rdn("b")]).unwrap()).unwrap();
        assert_eq!((name.common_name(), Subject::from(&name).common_name.as_str()), (Some("b"), "b"));
        assert_eq!(name.to_string(), "CN=a, CN=b");
        assert_eq!(Subject::default().to_name().unwrap().common_name(), None);
    }

    #[test]
    fn strings_of_every_type_are_read() {
        let name = |tag, bytes: &[u8]| {
            let value = AnyRef::new(tag, bytes).unwrap();
            let attribute = AttributeTypeAndValue { oid: oid::COMMON_NAME, value }.to_der().unwrap();
            let rdn = encode::element(Tag::Set, &attribute).unwrap();
            Name::from_der(&encode::sequence(&[rdn]).unwrap()).unwrap().common_name().unwrap().to_owned()
        };
        assert_eq!(name(Tag::PrintableString, b"a b"), "a b");
        assert_eq!(name(Tag::Utf8String, "\u{fc}".as_bytes()), "\u{fc}");
        assert_eq!(name(Tag::TeletexString, b"\xfc"), "\u{fc}");
        assert_eq!(name(Tag::BmpString, b"\x00\xfc\x4f\x8b"), "\u{fc}\u{4f8b}");
        assert_eq!(name(Tag::BmpString, b"\xd8\x00"), "\u{fffd}");
    }

    /// X.680 section 41.4: `*`, `@` and `_` are not in it.
    #[test]
    fn a_value_is_a_printable_string_if_it_can_be() {
        let tag = |value: &str| {
            let name = Subject::common_name(value).to_name().unwrap();
            // SEQUENCE, SET, SEQUENCE and the identifier come before.
            AnyRef::from_der(&name.der()[11..]).unwrap().tag()
        };
        for value in ["azAZ09", " '()+,-./:=?"] {
            assert_eq!(tag(value), Tag::PrintableString, "{value}");
        }
        for value in ["*", "@", "_", "&", "!", "\"", ";", "<", "\u{fc}"] {
            assert_eq!(tag(value), Tag::Utf8String, "{value}");
        }
    }

    /// Other CAs exceed the lengths of RFC 5280 appendix A.1 too.
    #[test]
    fn values_may_be_of_any_length() {
        let (long, country) = ("x".repeat(200), "China".to_owned());
        let subject = Subject { country: vec![country], ..Subject::common_name(&long) };
        assert_eq!(subject.to_name().unwrap().to_string(), format!("C=China, CN={long}"));
    }

    #[test]
    fn names_are_shown_without_what_a_terminal_interprets() {
        let name = Subject::common_name("a,b\\c\u{1b}[1m\n").to_name().unwrap();
        assert_eq!(name.to_string(), "CN=a\\,b\\\\c\\u{1b}[1m\\n");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for der in [&b"\x31\x00"[..], b"\x30\x02\x30\x00", b"\x30\x04\x31\x02\x30\x00", b""] {
            let error = Name::from_der(der).unwrap_err();
            assert!(error.to_string().starts_with("ASN.1: "), "{error}");
        }
    }
}
