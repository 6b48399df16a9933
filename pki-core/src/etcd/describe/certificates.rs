//! Reading the settings of certificates, for all roles and for each.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_saphyr::{Location, Spanned};

use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::cluster::{CertificateSettings, GivenAuthority, Lifetimes, RoleSettings, SubjectFields};
use crate::etcd::describe::limits::{
    UB_COMMON_NAME, UB_LOCALITY_NAME, UB_ORGANIZATION_NAME, UB_ORGANIZATIONAL_UNIT_NAME, UB_STATE_NAME,
};
use crate::etcd::describe::reader::Reader;
use crate::etcd::describe::typed::{
    Text, TypedAuthority, TypedCertificate, TypedCertificates, TypedCluster, TypedSubject,
};
use crate::etcd::describe::words::{attribute, country, key, lifetime};
use crate::etcd::error::Error;
use crate::etcd::error::description::DescriptionError;
use crate::etcd::safe::address::HostName;
use crate::etcd::safe::label::Label;

impl Reader<'_> {
    /// The settings of each role: those in the role's own section, and otherwise those of the whole cluster.
    pub(crate) fn certificate_settings(
        &self,
        typed: &TypedCluster,
        layout: Layout,
    ) -> Result<CertificateSettings, Error> {
        let key = self.parse_option(typed.key.as_ref(), key)?.unwrap_or_default();
        let lifetimes = self.lifetimes(typed)?;
        let subject = self.subject(typed.subject.as_ref())?.unwrap_or_default();
        let used = |role: Role| {
            role == Role::Client
                || layout.authorities().contains(&role)
                || layout.of_members().contains(&role)
        };
        let mut files: HashMap<String, (Role, Option<Location>)> = HashMap::new();
        CertificateSettings::each(|role| {
            let lifetime = if role.is_authority() { lifetimes.ca } else { lifetimes.leaf };
            let usual = RoleSettings { key, lifetime, subject: subject.clone(), ..RoleSettings::default() };
            let section = typed.certificates.as_ref().and_then(|typed| typed.section(role));
            let place = section.as_ref().map(Section::place);
            if !used(role) {
                let roles = layout.authorities().iter().chain(layout.of_members()).chain(&[Role::Client]);
                let error = DescriptionError::NoSuchCertificate {
                    role: role.name(),
                    layout: layout.name(),
                    roles: roles.map(|role| role.name()).collect(),
                };
                return place.map_or(Ok(usual), |place| Err(self.error(place, error)));
            }
            let settings = match section {
                Some(Section::Authority(typed)) => self.authority(&typed.value, usual)?,
                Some(Section::Certificate(typed)) => self.certificate(&typed.value, usual)?,
                None => usual,
            };
            // Files with the same name would overwrite each other. The key of NAME.pem is NAME-key.pem.
            let file = settings.file.as_ref().map_or(role.name(), Label::as_str).to_ascii_lowercase();
            for name in [format!("{file}-key.pem"), format!("{file}.pem")] {
                let other = files.insert(name.clone(), (role, place));
                if let Some((other, other_place)) = other
                    && let Some(at) = place.or(other_place)
                {
                    let owner = if place.is_none() { role } else { other };
                    let (what, owner) = ("the file", format!("the {} certificate", owner.name()));
                    return Err(self.error(at, DescriptionError::Clash { what, text: name, owner }));
                }
            }
            Ok(settings)
        })
    }

    /// The settings of a CA. `usual` are those without a section.
    fn authority(&self, typed: &TypedAuthority, usual: RoleSettings) -> Result<RoleSettings, Error> {
        let path = |text: &Text<PathBuf>| {
            self.folder().map_or_else(|| PathBuf::from(&text.value), |folder| folder.join(&text.value))
        };
        let file = self.parse_option(typed.file.as_ref(), Label::parse)?;
        if let Some(certificate) = &typed.certificate {
            let new = [place(&typed.common_name), place(&typed.key), place(&typed.validity)];
            let subject = typed.subject.as_ref().and_then(TypedSubject::place);
            if let Some(place) = new.into_iter().flatten().next().or(subject) {
                return Err(self.error(place, DescriptionError::GivenAuthority));
            }
            let given = GivenAuthority {
                certificate: path(certificate),
                private_key: typed.private_key.as_ref().map(path),
            };
            return Ok(RoleSettings { file, given: Some(given), ..usual });
        }
        if let Some(key) = &typed.private_key {
            return Err(self.error(key.referenced, DescriptionError::MissingKey { key: "certificate" }));
        }
        Ok(RoleSettings {
            common_name: self.common_name(typed.common_name.as_ref())?,
            subject: self.subject(typed.subject.as_ref())?.unwrap_or(usual.subject),
            key: self.parse_option(typed.key.as_ref(), key)?.unwrap_or(usual.key),
            lifetime: self.parse_option(typed.validity.as_ref(), lifetime)?.unwrap_or(usual.lifetime),
            file,
            ..RoleSettings::default()
        })
    }

    /// The settings of a role that is not a CA. `usual` are those without a section.
    fn certificate(&self, typed: &TypedCertificate, usual: RoleSettings) -> Result<RoleSettings, Error> {
        Ok(RoleSettings {
            common_name: self.common_name(typed.common_name.as_ref())?,
            subject: self.subject(typed.subject.as_ref())?.unwrap_or(usual.subject),
            key: self.parse_option(typed.key.as_ref(), key)?.unwrap_or(usual.key),
            lifetime: self.parse_option(typed.validity.as_ref(), lifetime)?.unwrap_or(usual.lifetime),
            file: self.parse_option(typed.file.as_ref(), Label::parse)?,
            names: self.parse_list(typed.names.as_ref(), HostName::parse)?,
            given: None,
        })
    }

    fn lifetimes(&self, typed: &TypedCluster) -> Result<Lifetimes, Error> {
        let usual = Lifetimes::default();
        let Some(typed) = &typed.validity else { return Ok(usual) };
        Ok(Lifetimes {
            ca: self.parse_option(typed.ca.as_ref(), lifetime)?.unwrap_or(usual.ca),
            leaf: self.parse_option(typed.leaf.as_ref(), lifetime)?.unwrap_or(usual.leaf),
        })
    }

    pub(crate) fn common_name(&self, text: Option<&Text>) -> Result<Option<String>, Error> {
        self.parse_option(text, |text| attribute(text, UB_COMMON_NAME))
    }

    fn subject(&self, typed: Option<&TypedSubject>) -> Result<Option<SubjectFields>, Error> {
        let Some(typed) = typed else { return Ok(None) };
        let field =
            |text: &Option<Text>, longest| self.parse_option(text.as_ref(), |text| attribute(text, longest));
        Ok(Some(SubjectFields {
            country: self.parse_option(typed.country.as_ref(), country)?,
            province: field(&typed.province, UB_STATE_NAME)?,
            locality: field(&typed.locality, UB_LOCALITY_NAME)?,
            organization: field(&typed.organization, UB_ORGANIZATION_NAME)?,
            organizational_unit: field(&typed.organizational_unit, UB_ORGANIZATIONAL_UNIT_NAME)?,
        }))
    }
}

/// The section of one role.
enum Section<'a> {
    Authority(&'a Spanned<TypedAuthority>),
    Certificate(&'a Spanned<TypedCertificate>),
}

impl Section<'_> {
    fn place(&self) -> Location {
        match self {
            Self::Authority(typed) => typed.referenced,
            Self::Certificate(typed) => typed.referenced,
        }
    }
}

impl TypedCertificates {
    fn section(&self, role: Role) -> Option<Section<'_>> {
        match role {
            Role::Ca => self.ca.as_ref().map(Section::Authority),
            Role::ClientCa => self.client_ca.as_ref().map(Section::Authority),
            Role::PeerCa => self.peer_ca.as_ref().map(Section::Authority),
            Role::Client => self.client.as_ref().map(Section::Certificate),
            Role::Gateway => self.gateway.as_ref().map(Section::Certificate),
            Role::Member => self.member.as_ref().map(Section::Certificate),
            Role::Peer => self.peer.as_ref().map(Section::Certificate),
            Role::Server => self.server.as_ref().map(Section::Certificate),
        }
    }
}

impl TypedSubject {
    /// The place of the first attribute.
    fn place(&self) -> Option<Location> {
        let fields =
            [&self.country, &self.province, &self.locality, &self.organization, &self.organizational_unit];
        fields.into_iter().find_map(place)
    }
}

/// The place of a text, if there is one.
fn place<T>(text: &Option<Text<T>>) -> Option<Location> {
    text.as_ref().map(|text| text.referenced)
}
