//! Reading a description: YAML into the shape that was typed, and that into a [`Cluster`].

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_saphyr::{Location, Options, Spanned};
use time::Duration;

use super::address::{DnsName, MemberAddress};
use super::cluster::{Client, Cluster, Layout, Lifetimes, Member, SubjectFields};
use super::error::DescriptionError;
use super::label::Label;
use crate::duration;
use crate::error::{Error, ErrorKind};
use crate::key::KeyAlgorithm;
use crate::place::Place;
use crate::suggest;

type Text = Spanned<String>;

/// A description as typed.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    name: Text,
    layout: Option<Text>,
    key: Option<Text>,
    validity: Option<TypedValidity>,
    subject: Option<TypedSubject>,
    members: Spanned<Vec<TypedMember>>,
    clients: Option<Vec<TypedClient>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedValidity {
    ca: Option<Text>,
    leaf: Option<Text>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedSubject {
    #[serde(rename = "C")]
    country: Option<Text>,
    #[serde(rename = "ST")]
    province: Option<Text>,
    #[serde(rename = "L")]
    locality: Option<Text>,
    #[serde(rename = "O")]
    organization: Option<Text>,
    #[serde(rename = "OU")]
    organizational_unit: Option<Text>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedMember {
    name: Text,
    address: Option<Spanned<OneOrMany>>,
    dns: Option<Spanned<OneOrMany>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedClient {
    name: Text,
}

/// A text, or a list of texts.
enum OneOrMany {
    One(String),
    Many(Vec<Text>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany::Many(texts))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Each text with its place.
fn texts(either: Option<Spanned<OneOrMany>>) -> Vec<Text> {
    match either {
        None => Vec::new(),
        Some(Spanned { value: OneOrMany::One(text), referenced, defined }) => {
            vec![Spanned::new(text, referenced, defined)]
        }
        Some(Spanned { value: OneOrMany::Many(texts), .. }) => texts,
    }
}

/// Turns what is wrong at a place of the file into an error.
struct Reader<'a> {
    file: Option<&'a Path>,
}

/// The cluster that `text` describes.
pub(super) fn read(text: &str, file: Option<&Path>) -> Result<Cluster, Error> {
    let reader = Reader { file };
    let typed: Typed = serde_saphyr::from_str_with_options(text, Options::default())
        .map_err(|error| reader.syntax(error))?;
    reader.cluster(typed)
}

impl Reader<'_> {
    fn place(&self, location: Location) -> Place {
        let mut place = Place::default();
        if let (Ok(line @ 1..), Ok(column)) =
            (usize::try_from(location.line()), usize::try_from(location.column()))
        {
            place = place.at(line, column);
        }
        match self.file {
            Some(file) => place.or_file(file),
            None => place,
        }
    }

    fn error(&self, location: Location, error: DescriptionError) -> Error {
        Error::from(ErrorKind::Description(error)).at(self.place(location))
    }

    fn syntax(&self, error: serde_saphyr::Error) -> Error {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let kind = match error {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
                let near = suggest::near(field, expected.iter().copied()).map(str::to_owned);
                DescriptionError::UnknownKey { key: field.clone(), near, expected: expected.clone() }
            }
            serde_saphyr::Error::SerdeMissingField { field, .. } => {
                DescriptionError::MissingKey { key: field }
            }
            serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
                DescriptionError::DuplicateKey { key: key.clone().unwrap_or_default() }
            }
            serde_saphyr::Error::Unexpected { expected, .. } => {
                DescriptionError::Syntax { message: format!("expected {}", in_words(expected)) }
            }
            serde_saphyr::Error::MultipleDocuments { .. } => {
                DescriptionError::Syntax { message: "a second document begins here".to_owned() }
            }
            serde_saphyr::Error::Eof { .. } => DescriptionError::Syntax { message: "it is empty".to_owned() },
            other => DescriptionError::Syntax { message: without_position(&other.to_string()) },
        };
        self.error(location, kind)
    }

    /// What `parse` makes of a text, or its error at the text's place.
    fn parse<T>(
        &self,
        text: &Text,
        parse: impl FnOnce(&str) -> Result<T, DescriptionError>,
    ) -> Result<T, Error> {
        parse(&text.value).map_err(|error| self.error(text.referenced, error))
    }

    fn cluster(&self, typed: Typed) -> Result<Cluster, Error> {
        let name = self.parse(&typed.name, Label::parse)?;
        let layout = typed.layout.map(|text| self.parse(&text, layout)).transpose()?.unwrap_or_default();
        let key = typed.key.map(|text| self.parse(&text, key)).transpose()?.unwrap_or_default();
        let lifetimes = self.lifetimes(typed.validity)?;
        let subject = self.subject(typed.subject)?;
        if typed.members.value.is_empty() {
            return Err(self.error(typed.members.referenced, DescriptionError::NoMembers));
        }
        let members = self.members(typed.members.value)?;
        let clients = self.clients(typed.clients)?;
        Ok(Cluster { name, layout, key, lifetimes, subject, members, clients })
    }

    fn lifetimes(&self, typed: Option<TypedValidity>) -> Result<Lifetimes, Error> {
        let mut lifetimes = Lifetimes::default();
        let Some(typed) = typed else { return Ok(lifetimes) };
        if let Some(text) = typed.ca {
            lifetimes.ca = self.parse(&text, lifetime)?;
        }
        if let Some(text) = typed.leaf {
            lifetimes.leaf = self.parse(&text, lifetime)?;
        }
        Ok(lifetimes)
    }

    fn subject(&self, typed: Option<TypedSubject>) -> Result<SubjectFields, Error> {
        let Some(typed) = typed else { return Ok(SubjectFields::default()) };
        let field = |text: Option<Text>, longest| {
            text.map(|text| self.parse(&text, |text| attribute(text, longest))).transpose()
        };
        // The upper bounds of RFC 5280 appendix A.1.
        Ok(SubjectFields {
            country: typed.country.map(|text| self.parse(&text, country)).transpose()?,
            province: field(typed.province, 128)?,
            locality: field(typed.locality, 128)?,
            organization: field(typed.organization, 64)?,
            organizational_unit: field(typed.organizational_unit, 64)?,
        })
    }

    fn members(&self, typed: Vec<TypedMember>) -> Result<Vec<Member>, Error> {
        let mut members = Vec::new();
        // Case does not count: there are file systems and resolvers that do not see it.
        let mut owners: HashMap<(&'static str, String), String> = HashMap::new();
        let mut claim = |what, text: &Text, owner: &str| {
            let owned = owners.insert((what, text.value.to_ascii_lowercase()), owner.to_owned());
            owned.map_or(Ok(()), |owner| {
                let text_value = text.value.clone();
                Err(self.error(text.referenced, DescriptionError::Clash { what, text: text_value, owner }))
            })
        };
        for typed in typed {
            let name = self.parse(&typed.name, Label::parse)?;
            claim("the name", &typed.name, name.as_str())?;
            let (mut addresses, mut dns) = (Vec::new(), Vec::new());
            for mut text in texts(typed.address) {
                let address = self.parse(&text, MemberAddress::parse)?;
                text.value = address.to_string();
                claim("the address", &text, name.as_str())?;
                addresses.push(address);
            }
            for text in texts(typed.dns) {
                claim("the DNS name", &text, name.as_str())?;
                dns.push(self.parse(&text, DnsName::parse)?);
            }
            let member = Member::new(name, addresses, dns);
            members.push(member.map_err(|error| self.error(typed.name.referenced, error))?);
        }
        Ok(members)
    }

    fn clients(&self, typed: Option<Vec<TypedClient>>) -> Result<Vec<Client>, Error> {
        let mut clients: Vec<Client> = Vec::new();
        for TypedClient { name: text } in typed.unwrap_or_default() {
            let name = self.parse(&text, Label::parse)?;
            if let Some(owner) = clients.iter().find(|c| c.name.as_str().eq_ignore_ascii_case(name.as_str()))
            {
                let (what, owner) = ("the client's name", owner.name.to_string());
                return Err(
                    self.error(text.referenced, DescriptionError::Clash { what, text: text.value, owner })
                );
            }
            clients.push(Client { name });
        }
        // Somebody has to be able to administer the cluster.
        if !clients.iter().any(|client| client.name.as_str() == "root") {
            let name = Label::parse("root").map_err(ErrorKind::Description)?;
            clients.insert(0, Client { name });
        }
        Ok(clients)
    }
}

fn layout(text: &str) -> Result<Layout, DescriptionError> {
    Layout::ALL.into_iter().find(|layout| layout.name() == text).ok_or_else(|| {
        let near = suggest::near(text, Layout::ALL.map(Layout::name)).map(str::to_owned);
        DescriptionError::Layout { text: text.to_owned(), near }
    })
}

fn key(text: &str) -> Result<KeyAlgorithm, DescriptionError> {
    text.parse().map_err(|_| {
        let near = suggest::near(text, KeyAlgorithm::ALL.map(KeyAlgorithm::name)).map(str::to_owned);
        DescriptionError::Key { text: text.to_owned(), near }
    })
}

/// Long enough to be of use, short enough that a date in it has four digits.
fn lifetime(text: &str) -> Result<Duration, DescriptionError> {
    let lifetime = duration::parse(text).map_err(DescriptionError::Duration)?;
    let wrong = |reason| DescriptionError::Lifetime { text: text.to_owned(), reason };
    if lifetime < Duration::HOUR {
        Err(wrong("a certificate must live an hour at least"))
    } else if lifetime > Duration::days(100 * 365) {
        Err(wrong("a certificate must not live longer than 100 years"))
    } else {
        Ok(lifetime)
    }
}

fn attribute(text: &str, longest: usize) -> Result<String, DescriptionError> {
    let wrong = |reason| DescriptionError::Subject { text: text.to_owned(), reason };
    if text.trim().is_empty() {
        Err(wrong("it is empty"))
    } else if text.chars().any(char::is_control) {
        Err(wrong("it has control characters"))
    } else if text.chars().count() > longest {
        Err(wrong("it is too long (RFC 5280 appendix A.1)"))
    } else {
        Ok(text.to_owned())
    }
}

fn country(text: &str) -> Result<String, DescriptionError> {
    if text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic()) {
        return Ok(text.to_owned());
    }
    let reason = "a country has two letters (ISO 3166)";
    Err(DescriptionError::Subject { text: text.to_owned(), reason })
}

/// YAML's events by what a person writes.
fn in_words(event: &str) -> &str {
    match event {
        "mapping start" => "keys and values",
        "sequence start" => "a list",
        "string scalar" => "a text",
        other => other,
    }
}

/// The reader's messages end with the position, which [`Place`] already tells.
fn without_position(message: &str) -> String {
    let end = message.find(" at line ").or_else(|| message.find("\n"));
    end.and_then(|end| message.get(..end)).unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text, Some(Path::new("cluster.yaml"))).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_told_with_place_and_near_miss() {
        assert_eq!(
            error("name: prod\nmembers:\n  - name: etcd1\n    adress: 10.0.0.1\n"),
            "cluster.yaml:4:5: `adress`: did you mean `address`?"
        );
        assert!(
            error("name: prod\ncolour: red\n").starts_with("cluster.yaml:2:1: `colour` means nothing here")
        );
    }

    #[test]
    fn repeated_keys_are_errors() {
        assert_eq!(error("name: a\nname: b\n"), "cluster.yaml:2:1: `name` is written twice");
    }

    #[test]
    fn wrong_values_are_told_where_they_stand() {
        let members = |text: &str| format!("name: prod\nmembers: [{text}]\n");
        assert_eq!(
            error(&members("{name: a, address: [10.0.0.1, 0.0.0.0]}")),
            "cluster.yaml:2:41: \"0.0.0.0\" cannot be a member's address: \
             it stands for every address, so nobody can be sent to it"
        );
        assert_eq!(
            error(&members("{name: a, address: 10.0.0.1}, {name: b, address: \"::ffff:10.0.0.1\"}")),
            "cluster.yaml:2:60: the address \"10.0.0.1\" is that of a already"
        );
        assert_eq!(error(&members("")), "cluster.yaml:2:10: a cluster has at least one member");
    }

    #[test]
    fn json_is_a_description_too() {
        let cluster =
            read(r#"{"name": "p", "members": [{"name": "a", "address": "10.0.0.1"}]}"#, None).unwrap();
        assert_eq!(cluster.members()[0].addresses()[0].to_string(), "10.0.0.1");
        assert_eq!(cluster.clients()[0].name.as_str(), "root");
    }
}
