//! Where things are on the hosts, and where etcd is told its options.

use crate::etcd::cluster::{Container, ContainerEngine, HostPaths, Style, UnitKind};
use crate::etcd::describe as description;
use crate::etcd::describe::writer::most_common;
use crate::etcd::found::Source;
use crate::etcd::import::importer::Importer;
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;

impl<'a> Importer<'a> {
    /// Where most options are set.
    pub(crate) fn style(&self) -> Style {
        // A container has no other way.
        let told = self.told().filter(|(_, member)| member.process.container.is_none());
        let sources = told.flat_map(|(_, member)| &member.settings.used);
        let sources = sources.filter(|setting| setting.option != "config-file").map(|setting| setting.source);
        match most_common(sources) {
            Some(Source::Flag) => Style::Flags,
            Some(Source::File) => Style::Yaml,
            Some(Source::Variable) | None => Style::Env,
        }
    }

    /// A drop-in over a unit that was not found is one; where there is no unit at all, a whole one comes, unless
    /// containers have none.
    pub(crate) fn unit(&self) -> UnitKind {
        let kinds = self.told().filter_map(|(host, member)| {
            let unit = host.unit(member)?;
            Some(if unit.main.is_some() { UnitKind::Service } else { UnitKind::DropIn })
        });
        let without = if self.container().is_some() { UnitKind::None } else { UnitKind::default() };
        most_common(kinds).unwrap_or(without)
    }

    /// What most members' containers are made from.
    pub(crate) fn container(&self) -> Option<Container> {
        let containers = self.found.members().filter_map(|(_, member)| member.process.container.as_ref());
        let container = most_common(containers)?;
        let engine = ContainerEngine::ALL.into_iter().find(|known| known.name() == container.engine)?;
        Some(Container { engine, image: description::image(&container.image).ok()? })
    }

    pub(crate) fn hosts(&self) -> HostPaths {
        let usual = HostPaths::default();
        let path = |text: Option<&str>| text.and_then(|text| HostPath::parse(text).ok());
        let binary = self.told().filter_map(|(host, member)| {
            // Where no unit is, the command is only a name.
            host.unit(member)?;
            member.process.arguments.first()?.text.as_deref()
        });
        let user = self.told().filter_map(|(host, member)| {
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
        without_foreign_folders(hosts)
    }

    /// The folder of the environment or configuration file that units name.
    fn config_folder(&self) -> Option<HostPath> {
        let files = self.told().filter_map(|(host, member)| match self.style() {
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

/// What etcd's user is given must hold nothing else.
fn without_foreign_folders(mut hosts: HostPaths) -> HostPaths {
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
    // etcd makes it under another name beside it: where that folder is everybody's, it gets one of its own.
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
