//! Puts the files of a host together to its members.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::place::Place;
use crate::etcd::found::environment::EnvironmentFile;
use crate::etcd::found::error::ReadError;
use crate::etcd::found::files::{Files, entry, in_copy, is_folder, names};
use crate::etcd::found::foreign;
use crate::etcd::found::host::{FILE_OPTIONS, FileLookup, Host, Member, file_name};
use crate::etcd::found::instances;
use crate::etcd::found::needed;
use crate::etcd::found::not_understood::{NotUnderstood, NotUnderstoodKind};
use crate::etcd::found::process::{Argument, Opaque, Process};
use crate::etcd::found::related;
use crate::etcd::found::settings::Settings;
use crate::etcd::found::template;
use crate::etcd::found::unit::Unit;
use crate::etcd::found::yaml::ConfigFile;
use crate::etcd::option::version::EtcdVersion;

impl Host {
    /// Puts units, environment files and configuration files together to members.
    pub(crate) fn assemble(&mut self, version: EtcdVersion, files: &dyn Files) -> Result<(), ReadError> {
        self.units = instances::of(std::mem::take(&mut self.units), &self.enabled);
        self.read_environments(files)?;
        self.add_members_of_units(files)?;
        if self.root.as_deref() == Some(Path::new("/")) {
            let users = self.units.iter().filter_map(|unit| unit.last("Service", "User"));
            let names = users.map(|setting| setting.value.text.clone());
            self.users = names.filter_map(|name| files.user(&name).map(|id| (name, id))).collect();
        }
        self.read_lists(files)?;
        self.leave_out_parts();
        if self.units.is_empty() {
            self.add_members_of_environments();
        }
        self.read_settings(version, files)?;
        self.look_for_paths(files)?;
        if self.root.is_some() {
            related::keep(
                &mut self.pems,
                &self.named,
                |path| self.lookups.values().any(|lookup| lookup.is_at(path)),
                self.root.as_deref(),
                !self.members.is_empty(),
            );
        }
        Ok(())
    }

    /// Reads the environment files that units name, which the user may not have named.
    fn read_environments(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let names = self.units.iter().flat_map(Unit::environment_files);
        let names: Vec<String> = names.filter(|name| name.is_known).map(|name| name.path).collect();
        for name in names {
            if let (FileLookup::Present(path), Some(entry)) = self.look_up(&name, files)? {
                let text = String::from_utf8_lossy(&entry.bytes);
                if template::language(&text).is_some() {
                    continue;
                }
                self.environments.insert(path.clone(), EnvironmentFile::parse(&text, &path));
            }
        }
        Ok(())
    }

    /// Keeps the units that run etcd, and adds a member for each.
    fn add_members_of_units(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let units = std::mem::take(&mut self.units);
        let mut processes = Vec::new();
        for unit in &units {
            let process = self.process(unit);
            processes.push(self.follow_script(process, files)?);
        }
        let has_etcd = processes.iter().any(|process| process.is_etcd() && process.proxy().is_none());
        for (unit, process) in units.into_iter().zip(processes) {
            if self.leave_out_proxy(&process, &unit.place()) {
                continue;
            }
            if !is_member(&unit, &process, has_etcd) {
                continue;
            }
            let place = unit.place();
            // What is before etcd's name is not etcd's.
            let process =
                if process.opaque.is_some() { Process { arguments: Vec::new(), ..process } } else { process };
            let unit_index = Some(self.units.len());
            self.members.push(Member { unit: unit_index, process, settings: Settings::default(), place });
            self.units.push(unit);
        }
        Ok(())
    }

    /// If a process starts a script that is on the host, goes on with the etcd that the script starts.
    fn follow_script(&mut self, process: Process, files: &dyn Files) -> Result<Process, ReadError> {
        let Some(Opaque { .. }) = process.opaque else { return Ok(process) };
        // The script itself, or the one that a shell is told to read.
        let words = process.arguments.iter().map(|word| word.shown().to_owned());
        let script = words.into_iter().find(|word| word.starts_with('/') && !is_shell(word));
        let Some(script) = script else { return Ok(process) };
        if let (FileLookup::Present(path), Some(entry)) = self.look_up(&script, files)?
            && let Ok(text) = std::str::from_utf8(&entry.bytes)
            && let Some(found) = process.clone().in_script(text, &path)
        {
            return Ok(found);
        }
        Ok(process)
    }

    /// Reads the files of variables that command lines and scripts name.
    fn read_lists(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let mut members = std::mem::take(&mut self.members);
        for member in &mut members {
            for list in std::mem::take(&mut member.process.lists) {
                match self.look_up(&list.path, files)? {
                    (FileLookup::Present(path), Some(entry)) => {
                        let text = String::from_utf8_lossy(&entry.bytes);
                        let (variables, of_shell) = list.form.read(&text, &path);
                        member.process.add_list(variables, of_shell);
                    }
                    (FileLookup::Absent(_), _) => {}
                    _ => member.process.not_seen(format!("the file of variables {}", list.path), list.place),
                }
            }
            member.process.fill();
        }
        self.members = members;
        Ok(())
    }

    /// Notes a process that is etcd's proxy. Whether it is one.
    fn leave_out_proxy(&mut self, process: &Process, place: &Place) -> bool {
        let proxy = process.proxy();
        if let (Some(command), Some(path)) = (proxy, place.path()) {
            let (path, what) = (path.to_owned(), NotUnderstoodKind::Proxy(command));
            self.not_understood.push(NotUnderstood { path, what });
        }
        proxy.is_some()
    }

    /// Leaves out what is a part of another member: a script that a unit starts, variables that a script reads, and
    /// the script of an older init system beside the unit of the same name.
    fn leave_out_parts(&mut self) {
        let mut members = std::mem::take(&mut self.members);
        let units = &self.units;
        members.retain(|member| {
            let Some(path) = member.place.path().filter(|_| member.unit.is_none()) else { return true };
            let service = format!("{}.service", file_name(path));
            let is_replaced = path.parent().is_some_and(|folder| folder.ends_with("init.d"))
                && units.iter().any(|unit| unit.name == service);
            !is_replaced && !self.is_named(path)
        });
        members.retain(|member| !self.leave_out_proxy(&member.process, &member.place));
        self.members = members;
    }

    /// Adds a member for each environment file, as if a unit with no options of its own would read the file.
    fn add_members_of_environments(&mut self) {
        for (path, file) in &self.environments {
            if self.is_named(path) {
                continue;
            }
            let has = |start: &str| file.variables.iter().any(|variable| variable.name.starts_with(start));
            if !has("ETCD_") {
                // The variables of etcdctl are a client's.
                if self.named.contains(path) && !has("ETCDCTL_") {
                    let text = file.variables.iter().map(|variable| format!("{}=\n", variable.name));
                    let seems = foreign::seems(&text.collect::<String>(), path);
                    let what = NotUnderstoodKind::Foreign(seems);
                    self.not_understood.push(NotUnderstood { path: path.clone(), what });
                }
                continue;
            }
            let place = Place::file(path);
            let program = Argument::plain("etcd", place.clone());
            let process = Process {
                arguments: vec![program],
                variables: file.variables.clone(),
                environment_is_known: true,
                ..Process::default()
            };
            self.members.push(Member { unit: None, process, settings: Settings::default(), place });
        }
    }

    /// Reads the settings of every member, and looks up every file that they name. If there are no units, adds a
    /// member for each configuration file that no other member reads.
    fn read_settings(&mut self, version: EtcdVersion, files: &dyn Files) -> Result<(), ReadError> {
        let mut members = std::mem::take(&mut self.members);
        let mut used = BTreeSet::new();
        for member in &mut members {
            let without_file = Settings::of_process(&member.process, version, |_| None);
            let name = without_file.value("config-file").and_then(|name| member.process.on_host(name));
            if let Some(name) = name
                && let (FileLookup::Present(path), Some(entry)) = self.look_up(&name, files)?
            {
                let text = String::from_utf8_lossy(&entry.bytes);
                self.configs.insert(path.clone(), ConfigFile::parse(&text, &path));
                used.insert(path);
            }
            let settings = Settings::of_process(&member.process, version, |name| {
                match member.process.on_host(name).map(|name| self.lookup(&name)) {
                    Some(FileLookup::Present(path)) => self.configs.get(path),
                    _ => None,
                }
            });
            member.settings = settings;
            if let Some(setting) = member.settings.setting("config-file")
                && let Some(name) = setting.value.as_deref()
                && let FileLookup::Absent(_) = self.lookup_of(member, name)
            {
                let problem = format!("{name} is not there");
                member.settings.config_fault = Some((setting.place.clone(), problem));
            }
            member.settings.is_complete &= member.process.opaque.is_none();
        }
        if self.units.is_empty() {
            for (path, config) in self.configs.iter().filter(|(path, _)| !used.contains(*path)) {
                members.push(Member {
                    unit: None,
                    process: Process::default(),
                    settings: Settings::of_config(config, version),
                    place: Place::file(path),
                });
            }
        }
        for member in &members {
            let names = FILE_OPTIONS.iter().filter_map(|option| member.settings.value(option));
            let names = names.map(str::to_owned).chain(member.made_by_itself());
            for name in names.filter_map(|name| member.process.on_host(&name)) {
                if let (FileLookup::Present(path), Some(entry)) = self.look_up(&name, files)?
                    && !self.pems.contains_key(&path)
                {
                    self.add_pem(path, &entry);
                }
            }
        }
        self.members = members;
        Ok(())
    }

    /// Looks for the programs and folders that units name.
    fn look_for_paths(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let Some(root) = self.root.clone().filter(|_| !self.is_partial) else { return Ok(()) };
        let programs = self.members.iter().filter_map(|member| Some(member.process.program()?.path));
        let units = self.units.iter();
        let of_units = units.flat_map(|unit| unit.programs(None).into_iter().chain(unit.working_folder()));
        let names: BTreeSet<String> = programs.chain(of_units.map(|needed| needed.path)).collect();
        for name in names.into_iter().filter(|name| name.starts_with('/') && !name.contains("/../")) {
            let Some(path) = in_copy(&root, Path::new(&name), files)? else { continue };
            // Only where the folder around it was copied too, something can be missing in it.
            let around = match path.parent() {
                Some(folder) if folder != root => !files.names_or_none(folder)?.is_empty(),
                _ => false,
            };
            let is_there = entry(&path, files)?.map_or(true, |entry| entry.is_some());
            let known = match is_there {
                true => Some(true),
                false if around && !needed::is_made_at_start(&root, &name, files)? => Some(false),
                false => None,
            };
            self.paths.insert(name, known);
        }
        Ok(())
    }
}

/// Whether a unit is one that runs a member. A drop-in without its unit has no command, and a unit may start etcd
/// through another program. `has_etcd` says that another unit of the host surely does.
fn is_member(unit: &Unit, process: &Process, has_etcd: bool) -> bool {
    if process.is_etcd() {
        return !process.asks_only();
    }
    if process.has_etcd_variables() {
        return true;
    }
    let name = unit.name.as_str();
    let is_named_etcd = name.starts_with("etcd") && !name.starts_with("etcdpki");
    let stem = name.split(['.', '@']).next().unwrap_or_default();
    let is_plain = matches!(stem, "etcd" | "etcd2" | "etcd3" | "etcd-member" | "etcd-server" | "etcd-events");
    // `etcd-backup.service` and the like are jobs beside a member.
    let is_job = unit.last("Service", "Type").is_some_and(|setting| setting.value.text == "oneshot")
        || process.opaque.as_ref().is_some_and(|opaque| JOBS.iter().any(|job| opaque.program.ends_with(job)));
    is_named_etcd && (is_plain || process.opaque.is_none() || !has_etcd && !is_job)
}

/// Programs that look after a member, and start none.
const JOBS: [&str; 7] = ["etcdctl", "etcdutl", "etcdpki", "/curl", "/tar", "/rsync", "-exporter"];

fn is_shell(word: &str) -> bool {
    ["/sh", "/bash", "/dash", "/ash", "/env"].iter().any(|shell| word.ends_with(shell))
}

impl dyn Files + '_ {
    /// The names in a folder; none if it is not there.
    fn names_or_none(&self, path: &Path) -> Result<Vec<String>, ReadError> {
        Ok(if is_folder(path, self)? { names(path, self)?.unwrap_or_default() } else { Vec::new() })
    }
}
