//! The paths of a host, its unit, and how etcd is given its options.

use crate::etcd::cluster::{Container, ContainerEngine, HostPaths, Style, UnitKind};
use crate::etcd::describe as description;
use crate::etcd::describe::writer::most_common;
use crate::etcd::found::Source;
use crate::etcd::import::importer::Importer;
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;

impl<'a> Importer<'a> {
    /// How most options are set.
    pub(crate) fn style(&self) -> Style {
        // In a container, flags are the only way, so that they tell nothing about the rest.
        let members = self.members_on_hosts().filter(|(_, member)| member.process.container.is_none());
        let sources = members.flat_map(|(_, member)| &member.settings.used);
        let sources = sources.filter(|setting| setting.option != "config-file").map(|setting| setting.source);
        match most_common(sources) {
            Some(Source::Flag) => Style::Flags,
            Some(Source::File) => Style::Yaml,
            Some(Source::Variable) | None => Style::Env,
        }
    }

    /// The kind of the unit: a drop-in if the unit itself was not found; `UnitKind::None` if containers run without
    /// a unit; or else a whole service.
    pub(crate) fn unit(&self) -> UnitKind {
        let kinds = self.members_on_hosts().filter_map(|(host, member)| {
            let unit = host.unit(member)?;
            Some(if unit.main.is_some() { UnitKind::Service } else { UnitKind::DropIn })
        });
        let without = if self.container().is_some() { UnitKind::None } else { UnitKind::default() };
        most_common(kinds).unwrap_or(without)
    }

    /// The most common container; `None` if no member runs in a container of a known engine.
    pub(crate) fn container(&self) -> Option<Container> {
        let containers = self.found.members().filter_map(|(_, member)| member.process.container.as_ref());
        let container = most_common(containers)?;
        let engine = ContainerEngine::ALL.into_iter().find(|known| known.name() == container.engine)?;
        Some(Container { engine, image: description::image(&container.image).ok()? })
    }

    /// The paths and the user that most hosts have, or else the usual ones.
    pub(crate) fn hosts(&self) -> HostPaths {
        let usual = HostPaths::default();
        let path = |text: Option<&str>| text.and_then(|text| HostPath::parse(text).ok());
        let binary = self.members_on_hosts().filter_map(|(host, member)| {
            // Without a unit, the program has no path.
            host.unit(member)?;
            member.process.arguments.first()?.text.as_deref()
        });
        let user = self.members_on_hosts().filter_map(|(host, member)| {
            let user = host.unit(member)?.last("Service", "User")?.value.text.as_str();
            Label::parse(user).ok().filter(|user| !["root", "0"].contains(&user.as_str()))
        });
        let data_dir = path(self.common("data-dir"));
        let wal_dir = path(self.common("wal-dir"));
        let hosts = HostPaths {
            binary: path(most_common(binary)).unwrap_or(usual.binary),
            user: most_common(user).unwrap_or(usual.user),
            config: self.config_folder().unwrap_or(usual.config),
            pki: path(self.pki_folder()).unwrap_or(usual.pki),
            data_dir: data_dir.unwrap_or(usual.data_dir),
            wal_dir,
        };
        without_shared_folders(hosts)
    }

    /// The folder of the environment or configuration files that most members read.
    fn config_folder(&self) -> Option<HostPath> {
        let files = self.members_on_hosts().filter_map(|(host, member)| match self.style() {
            Style::Env => Some(host.unit(member)?.environment_files().first()?.path.clone()),
            Style::Yaml => member.settings.value("config-file").map(str::to_owned),
            Style::Flags => None,
        });
        let folders = files.filter_map(|path| {
            let (folder, _) = path.rsplit_once('/')?;
            HostPath::parse(folder).ok()
        });
        most_common(folders)
    }
}

/// Replaces folders that hold more than etcd's files, since etcd's user becomes their owner.
fn without_shared_folders(mut hosts: HostPaths) -> HostPaths {
    let usual = HostPaths::default();
    let holds = |folder: &HostPath, others: &[&HostPath]| {
        folder.is_shared() || others.iter().any(|other| other.below(folder.as_str()).is_some())
    };
    if holds(&hosts.pki, &[&hosts.binary, &hosts.config, &hosts.data_dir])
        || hosts.wal_dir.as_ref().is_some_and(|wal_dir| holds(&hosts.pki, &[wal_dir]))
    {
        hosts.pki = usual.pki;
    }
    if holds(&hosts.data_dir, &[&hosts.binary, &hosts.config, &hosts.pki]) {
        hosts.data_dir = usual.data_dir;
    }
    let wal_dir = hosts.wal_dir.clone();
    // etcd creates the folder of the WAL under another name beside it, and so writes into the folder around it. If
    // others use that one, the WAL gets a folder below its own.
    let inside = wal_dir.as_ref().map(|wal_dir| wal_dir.join("wal"));
    let is_possible = |wal_dir: &HostPath| {
        let others = [&hosts.binary, &hosts.config, &hosts.pki];
        let folder = HostPaths { wal_dir: Some(wal_dir.clone()), ..hosts.clone() }.wal_home();
        let is_taken = |folder: HostPath| holds(&folder, &others) || others.contains(&&folder);
        !holds(wal_dir, &others) && !folder.is_some_and(is_taken)
    };
    hosts.wal_dir = wal_dir.into_iter().chain(inside).find(is_possible);
    hosts
}
