//! What other users of the machine can do to an output folder, and to the keys of existing CAs.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;

use nix::unistd::geteuid;

use crate::disk;
use crate::etcd::cluster::Cluster;
use crate::etcd::folder::disk::Folder;
use crate::etcd::notice::{Notice, NoticeKind};

impl Folder {
    /// What other users can do: write to the output folder or to a folder above it, and read the keys of existing CAs.
    pub fn notices(&self, cluster: &Cluster) -> Vec<Notice> {
        let mut notices = Vec::new();
        // Whoever can write to a folder above can put another output folder in the place of this one.
        let existing = self.root().ancestors().filter_map(|path| fs::canonicalize(path).ok()).next();
        let open = existing.iter().flat_map(|path| path.ancestors()).find_map(|path| {
            let why = writable_by_others(&path.metadata().ok()?, path != self.root())?;
            Some(NoticeKind::FolderForOthers { path: path.to_owned(), why })
        });
        notices.extend(open.map(Notice::new));
        let begun = self.operation().map(|operation| operation.leaving).unwrap_or_default();
        if !begun.is_empty() {
            let members = begun.into_iter().map(|leaving| leaving.member).collect();
            notices.push(Notice::new(NoticeKind::Unfinished { members }));
        }
        for path in cluster.outside_files() {
            let is_open = path.metadata().is_ok_and(|file| file.is_file() && file.mode() & 0o007 != 0);
            if is_open && disk::is_key_file(path) {
                notices.push(Notice::new(NoticeKind::KeyForOthers { path: path.to_owned() }));
            }
        }
        notices
    }
}

/// Why others than root and this process's user can write to a folder; `None` if they cannot.
fn writable_by_others(metadata: &Metadata, is_above: bool) -> Option<String> {
    let (mode, owner) = (metadata.mode(), metadata.uid());
    if owner != 0 && owner != geteuid().as_raw() {
        return Some(format!("it belongs to the user {owner}"));
    }
    // In a folder with the sticky bit, others cannot rename what is not theirs (unlink(2)), but they can add files.
    if is_above && mode & 0o1000 != 0 {
        return None;
    }
    // A group with the number of the user is that user's own on most systems.
    let by_group = mode & 0o020 != 0 && metadata.gid() != owner;
    (by_group || mode & 0o002 != 0).then(|| format!("mode {:04o}", mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    const CLUSTER: &str = "name: s\nmembers: [{name: a, address: 10.0.0.1}]\n";

    #[test]
    fn a_folder_that_others_may_write_is_told() {
        let cluster = Cluster::from_yaml(CLUSTER, None).unwrap().value;
        let temporary = tempfile::tempdir().unwrap();
        let above = temporary.path().join("above");
        let out = above.join("out");
        fs::create_dir_all(&out).unwrap();
        let told = |path: &Path| {
            let notices = Folder::open(path).unwrap().notices(&cluster);
            notices.iter().map(ToString::to_string).filter(|text| text.contains("above")).count()
        };
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        for (of_above, of_out, count) in
            [(0o755, 0o755, 0), (0o755, 0o777, 1), (0o777, 0o700, 1), (0o1777, 0o700, 0), (0o700, 0o1777, 1)]
        {
            set(&above, of_above);
            set(&out, of_out);
            assert_eq!(told(&out), count, "{of_above:o} {of_out:o}");
        }
        set(&above, 0o777);
        assert_eq!(told(&above.join("new")), 1, "a folder that does not exist yet");
    }
}
