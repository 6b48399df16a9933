//! What a unit binds into its view of the files: `BindPaths=` and `BindReadOnlyPaths=` (systemd.exec(5)).

use crate::etcd::found::mounts::Mount;
use crate::etcd::found::unit::Unit;
use crate::etcd::found::words;

/// A file or folder of the host that a unit sees at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    /// The path on the host.
    pub(crate) source: String,
    /// The path that the unit sees.
    pub(crate) inside: String,
    pub(crate) is_read_only: bool,
    /// The setting, as it is written.
    pub(crate) written: String,
}

impl Unit {
    /// What the unit binds. Both settings fill one list, which an empty value of any of them empties.
    pub(crate) fn binds(&self) -> Vec<Bind> {
        let mut all = Vec::new();
        for setting in self.settings().filter(|setting| setting.section == "Service") {
            let is_read_only = match setting.key.as_str() {
                "BindPaths" => false,
                "BindReadOnlyPaths" => true,
                _ => continue,
            };
            if setting.value.text.is_empty() {
                all.clear();
            }
            for word in words::systemd(&setting.value.text) {
                let Some(text) = self.expand(&word.text) else { continue };
                // The third part, `rbind` or `norbind`, is about mounts below the source.
                let mut parts = text.trim_start_matches('-').split(':');
                let source = parts.next().unwrap_or_default().to_owned();
                let inside = parts.next().filter(|inside| !inside.is_empty()).unwrap_or(&source).to_owned();
                let written = format!("{}={}", setting.key, word.text);
                all.push(Bind { source, inside, is_read_only, written });
            }
        }
        all
    }

    /// What the unit sees of the host, and where; `None` if it sees every file where the host has it.
    pub(crate) fn mounts(&self) -> Option<Vec<Mount>> {
        let root = self.last("Service", "RootDirectory").map(|root| self.expand(&root.value.text));
        let binds = self.binds();
        if root.is_none() && binds.iter().all(|bind| bind.source == bind.inside) {
            return None;
        }
        let root = root.unwrap_or_else(|| Some("/".to_owned()));
        let mount = |inside: String, source| Mount { inside, source };
        let binds = binds.into_iter().map(|bind| mount(bind.inside, Some(bind.source)));
        Some(std::iter::once(mount("/".to_owned(), root)).chain(binds).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::etcd::found::unit::UnitFile;

    #[test]
    fn both_settings_fill_one_list() {
        let unit = |text: &str| {
            let file = UnitFile::parse(&format!("[Service]\n{text}\n"), Path::new("etcd.service"));
            Unit::new("etcd.service", Some(file), Vec::new())
        };
        let of = |text: &str| {
            let binds = unit(text).binds().into_iter();
            binds.map(|bind| (bind.source, bind.inside, bind.is_read_only)).collect::<Vec<_>>()
        };
        let bind =
            |source: &str, inside: &str, is_read_only| (source.to_owned(), inside.to_owned(), is_read_only);
        assert_eq!(
            of("BindPaths=-/a:/b:norbind \"/c d\"\nBindReadOnlyPaths=/e::rbind"),
            [bind("/a", "/b", false), bind("/c d", "/c d", false), bind("/e", "/e", true)]
        );
        assert_eq!(of("BindReadOnlyPaths=/a\nBindPaths=\nBindPaths=/b"), [bind("/b", "/b", false)]);
        assert_eq!(unit("BindPaths=/a").mounts(), None);
        let mounts = unit("RootDirectory=/x\nBindPaths=/a:/b").mounts().unwrap();
        let on_host = |path| crate::etcd::found::mounts::on_host(&mounts, path);
        assert_eq!(on_host("/b/c").as_deref(), Some("/a/c"));
        assert_eq!(on_host("/c").as_deref(), Some("/x/c"));
    }
}
