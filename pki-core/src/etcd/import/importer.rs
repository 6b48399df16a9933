//! An import under way: what was found, and what was noticed so far.

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::base::place::Place;
use crate::etcd::check::Finding;
use crate::etcd::describe::writer::most_common;
use crate::etcd::found;
use crate::etcd::found::Found;
use crate::etcd::import::known::Known;
use crate::etcd::import::outcome::{AuthorityChoice, ImportNotice};
use crate::etcd::option::version::EtcdVersion;

/// An import under way.
pub(crate) struct Importer<'a> {
    pub(crate) found: &'a Found,
    pub(crate) version: EtcdVersion,
    pub(crate) authorities: AuthorityChoice,
    pub(crate) now: OffsetDateTime,
    pub(crate) known: Vec<Known<'a>>,
    pub(crate) notices: Vec<ImportNotice>,
    /// The notices again, to be looked up.
    pub(crate) noticed: HashSet<ImportNotice>,
    /// What is wrong with what was found, beside what doctor finds: each with its key in the description.
    pub(crate) findings: Vec<(String, Finding)>,
}

impl<'a> Importer<'a> {
    /// The member whose host a place is on, or else the description.
    pub(crate) fn key_of(&self, place: &Place) -> String {
        let is_on = |known: &&Known<'a>| {
            let root = known.told().and_then(|(host, _)| host.root.as_ref());
            root.zip(place.path()).is_some_and(|(root, path)| path.starts_with(root))
        };
        let mut on = self.known.iter().filter(is_on);
        match (on.next(), on.next()) {
            (Some(known), None) => format!("members/{}", known.name),
            _ => String::new(),
        }
    }

    pub(crate) fn notice(&mut self, key: impl Into<String>, place: Place, text: impl Into<String>) {
        let notice = ImportNotice { place, key: key.into(), text: text.into() };
        if self.noticed.insert(notice.clone()) {
            self.notices.push(notice);
        }
    }

    /// Members of which more is known than their names.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&'a found::Host, &'a found::Member)> + use<'a, '_> {
        self.known.iter().filter_map(Known::told)
    }

    /// The value of an option that most members have.
    pub(crate) fn common(&self, option: &str) -> Option<&'a str> {
        most_common(self.told().filter_map(|(_, member)| member.settings.value(option)))
    }
}
