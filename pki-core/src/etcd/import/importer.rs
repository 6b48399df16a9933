//! The state of an import: what was found, and the notices and findings so far.

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::base::place::Place;
use crate::etcd::check::Finding;
use crate::etcd::describe::writer::most_common;
use crate::etcd::found;
use crate::etcd::found::Found;
use crate::etcd::import::members::KnownMember;
use crate::etcd::import::outcome::{AuthorityChoice, ImportNotice};
use crate::etcd::option::version::EtcdVersion;

/// The state of an import.
pub(crate) struct Importer<'a> {
    pub(crate) found: &'a Found,
    pub(crate) version: EtcdVersion,
    pub(crate) authorities: AuthorityChoice,
    pub(crate) now: OffsetDateTime,
    pub(crate) members: Vec<KnownMember<'a>>,
    pub(crate) notices: Vec<ImportNotice>,
    /// The notices as a set, so that none is given twice.
    pub(crate) noticed: HashSet<ImportNotice>,
    /// The findings of the import itself, each with its key in the description. Those of the doctor come later.
    pub(crate) findings: Vec<(String, Finding)>,
}

impl<'a> Importer<'a> {
    /// The key in the description for a finding: that of the member whose host has the place, or else the empty key,
    /// which is the whole description.
    pub(crate) fn key_of(&self, place: &Place) -> String {
        let is_on = |known: &&KnownMember<'a>| {
            let root = known.best_source().and_then(|(host, _)| host.root.as_ref());
            root.zip(place.path()).is_some_and(|(root, path)| path.starts_with(root))
        };
        let mut on = self.members.iter().filter(is_on);
        match (on.next(), on.next()) {
            (Some(known), None) => format!("members/{}", known.name),
            _ => String::new(),
        }
    }

    /// Adds a notice, unless it was given already. `key` is the part of the description that the notice belongs to.
    pub(crate) fn notice(&mut self, key: impl Into<String>, place: Place, text: impl Into<String>) {
        let notice = ImportNotice { place, key: key.into(), text: text.into() };
        if self.noticed.insert(notice.clone()) {
            self.notices.push(notice);
        }
    }

    /// The members that were found on a host, each as its best source sets it up.
    pub(crate) fn members_on_hosts(
        &self,
    ) -> impl Iterator<Item = (&'a found::Host, &'a found::Member)> + use<'a, '_> {
        self.members.iter().filter_map(KnownMember::best_source)
    }

    /// The most common value of an option; `None` if no member sets it.
    pub(crate) fn common(&self, option: &str) -> Option<&'a str> {
        most_common(self.members_on_hosts().filter_map(|(_, member)| member.settings.value(option)))
    }
}
