//! The files of a plan, compared with those in the output folder.

use std::collections::{BTreeSet, HashMap};

use zeroize::Zeroizing;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::certificates::CertificateId;
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path;
use crate::etcd::cluster::path::{OPERATION, Pair, RECORD, REGISTRY};
use crate::etcd::cluster::{Client, Cluster, Member};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::operation::Operation;
use crate::etcd::folder::output::is_secret;
use crate::etcd::folder::snapshot::{Entry, FileKind, Owner, Snapshot};
use crate::etcd::plan::authority::{Authority, CaSource};
use crate::etcd::plan::change::{
    Change, Content, PROGRAM, PUBLIC, PUBLIC_FOLDER, PlannedCertificate, PlannedFile, Reason, SECRET,
    SECRET_FOLDER,
};
use crate::etcd::plan::decisions::Decisions;
use crate::etcd::plan::difference::difference;
use crate::etcd::plan::offline;
use crate::etcd::render;
use crate::etcd::render::TextFile;
use crate::etcd::render::{env, kubeadm};
use crate::etcd::safe::host_path::HostPath;
use crate::x509::digest::sha256;

/// Collects the files of a plan. Each is compared with the snapshot when it is added.
pub(crate) struct Files<'a> {
    snapshot: &'a Snapshot,
    decisions: &'a Decisions,
    /// The index of each certificate in the plan.
    places: HashMap<&'a CertificateId, usize>,
    files: Vec<PlannedFile>,
}

impl<'a> Files<'a> {
    /// The files and folders of a plan, in the order in which they have to be made.
    pub(crate) fn plan(decisions: &'a Decisions, snapshot: &'a Snapshot) -> Result<Vec<PlannedFile>, Error> {
        let places = decisions.certificates.iter().enumerate().map(|(index, planned)| (planned.id(), index));
        let mut files = Self { snapshot, decisions, places: places.collect(), files: Vec::new() };
        files.registry()?;
        files.authorities()?;
        let cluster = &decisions.cluster;
        files.folder(path::NODES, PUBLIC_FOLDER, &Owner::Operator)?;
        for (member, start) in cluster.members().iter().zip(&decisions.starts) {
            files.node(cluster, member, start)?;
        }
        files.folder(path::CLIENTS, PUBLIC_FOLDER, &Owner::Operator)?;
        for client in cluster.clients() {
            files.client(cluster, client)?;
        }
        files.rendered(render::cluster(cluster, &decisions.starts), &Owner::Operator)?;
        files.requests()?;
        files.operation()?;
        files.record()?;
        Ok(files.files)
    }

    /// The registry, which is written first: no certificate is in the folder that it does not have.
    fn registry(&mut self) -> Result<(), Error> {
        let decisions = self.decisions;
        let grows = decisions.certificates.iter().any(PlannedCertificate::is_issued)
            || !decisions.unregistered(&decisions.existing()).is_empty();
        if grows || self.snapshot.entry(REGISTRY)?.is_some() {
            self.add(REGISTRY, PUBLIC, &Owner::Operator, Content::Registry { grows }, &[])?;
        }
        Ok(())
    }

    /// Which members have to be removed: the record will not know them any more.
    fn operation(&mut self) -> Result<(), Error> {
        let decisions = self.decisions;
        let before = Operation::read(self.snapshot)?;
        let leaving = decisions.cluster.leaving(&decisions.record.members);
        let next =
            before.with(&leaving, &decisions.cluster, |member| decisions.record.ssh.get(member).cloned());
        if next != before {
            self.add(OPERATION, PUBLIC, &Owner::Operator, Content::Bytes(next.to_json()), &[])?;
        }
        Ok(())
    }

    fn authorities(&mut self) -> Result<(), Error> {
        let own: Vec<usize> = self.decisions.authorities.iter().filter_map(Authority::place).collect();
        if !own.is_empty() {
            self.folder(path::AUTHORITIES, SECRET_FOLDER, &Owner::Operator)?;
        }
        for index in own {
            self.pair(index, &Owner::Operator)?;
        }
        Ok(())
    }

    /// The folder that stands for the root of a member's host.
    fn node(&mut self, cluster: &Cluster, member: &Member, start: &Start) -> Result<(), Error> {
        let node = path::node(member.name());
        let rendered = render::member(cluster, member, start);
        let hosts = &cluster.hosts;
        let paths = rendered.iter().flat_map(|file| file.path.ancestors()).chain(hosts.pki.ancestors());
        // The order of the set puts a folder before those in it.
        let folders: BTreeSet<&str> = paths.collect();
        self.folder(&node, PUBLIC_FOLDER, &Owner::Root)?;
        for folder in folders {
            self.folder(&format!("{node}{folder}"), PUBLIC_FOLDER, &Owner::Root)?;
        }
        let user = Owner::User(hosts.user.clone());
        let pki = path::on_node(member.name(), &hosts.pki);
        self.folder(&pki, SECRET_FOLDER, &user)?;
        for role in cluster.layout().authorities() {
            let path = path::certificate(&pki, &cluster.file(*role));
            self.trusted(*role, &path, &user)?;
        }
        for role in cluster.member_roles() {
            self.pair_of(&CertificateId::of(role, member.name()), &user)?;
        }
        for file in rendered {
            let path = path::on_node(member.name(), &file.path);
            self.text(&path, file.text, if file.is_program { PROGRAM } else { PUBLIC }, &Owner::Root)?;
        }
        Ok(())
    }

    fn client(&mut self, cluster: &Cluster, client: &Client) -> Result<(), Error> {
        let folder = path::client_folder(&client.name);
        self.folder(&folder, SECRET_FOLDER, &Owner::Operator)?;
        let authority = cluster.layout().issuer(cluster.layout().server());
        let path = path::certificate(&folder, &cluster.file(authority));
        self.trusted(authority, &path, &Owner::Operator)?;
        let id = CertificateId::of(Role::Client, &client.name);
        self.pair_of(&id, &Owner::Operator)?;
        if client.kubeadm {
            self.kubeadm(cluster, &folder, &id, authority)?;
        }
        let text = env::client(cluster);
        self.text(&format!("{folder}/{}", path::ETCDCTL), text, PUBLIC, &Owner::Operator)
    }

    /// The folder that stands for the root of a control plane's host, with copies of a client's files, and the
    /// configuration of kubeadm that names them.
    fn kubeadm(
        &mut self,
        cluster: &Cluster,
        folder: &str,
        id: &CertificateId,
        authority: Role,
    ) -> Result<(), Error> {
        let overlay = format!("{folder}/kubeadm");
        let on_host = |path: &HostPath| format!("{overlay}{path}");
        let kubeadm::Files { authority: authority_path, certificate, key } = kubeadm::Files::new();
        let paths = [&authority_path, &certificate, &key];
        let folders: BTreeSet<&str> = paths.iter().flat_map(|path| path.ancestors()).collect();
        self.folder(&overlay, PUBLIC_FOLDER, &Owner::Root)?;
        for folder in folders {
            self.folder(&format!("{overlay}{folder}"), PUBLIC_FOLDER, &Owner::Root)?;
        }
        self.trusted(authority, &on_host(&authority_path), &Owner::Root)?;
        if let Some(index) = self.places.get(id).copied() {
            let pair = Pair { certificate: on_host(&certificate), key: on_host(&key) };
            self.pair_at(index, &pair, &Owner::Root)?;
        }
        let text = kubeadm::configuration(cluster);
        self.text(&format!("{folder}/kubeadm-etcd.yaml"), text, PUBLIC, &Owner::Operator)
    }

    /// The text files in the output folder.
    fn rendered(&mut self, rendered: Vec<TextFile<String>>, owner: &Owner) -> Result<(), Error> {
        // They are in the output folder itself or one folder below.
        let folders = rendered.iter().filter_map(|file| file.path.rsplit_once('/').map(|(folder, _)| folder));
        for folder in folders.collect::<BTreeSet<_>>() {
            self.folder(folder, PUBLIC_FOLDER, owner)?;
        }
        for file in rendered {
            self.text(&file.path, file.text, if file.is_program { PROGRAM } else { PUBLIC }, owner)?;
        }
        Ok(())
    }

    /// The requests for an offline CA, and the ca-config for signing them.
    fn requests(&mut self) -> Result<(), Error> {
        let decisions = self.decisions;
        let requested = || decisions.certificates.iter().filter(|planned| planned.is_requested());
        if requested().next().is_none() {
            return Ok(());
        }
        self.folder(path::REQUESTS, PUBLIC_FOLDER, &Owner::Operator)?;
        for (index, planned) in decisions.certificates.iter().enumerate() {
            let Some(pending) = &planned.pending else { continue };
            let content = match &pending.request {
                Some(request) => Content::Bytes(request.clone()),
                None => Content::Request(index),
            };
            self.add(&offline::request(planned.id()), PUBLIC, &Owner::Operator, content, &[])?;
        }
        let config = offline::config(requested().map(|planned| &planned.spec));
        self.text(offline::CONFIG, config, PUBLIC, &Owner::Operator)
    }

    fn folder(&mut self, path: &str, mode: u32, owner: &Owner) -> Result<(), Error> {
        self.add(path, mode, owner, Content::Folder, &[])
    }

    fn text(&mut self, path: &str, text: String, mode: u32, owner: &Owner) -> Result<(), Error> {
        self.add(path, mode, owner, Content::Bytes(Zeroizing::new(text.into_bytes())), &[])
    }

    fn pair_of(&mut self, id: &CertificateId, owner: &Owner) -> Result<(), Error> {
        let place = self.places.get(id).copied();
        place.map_or(Ok(()), |index| self.pair(index, owner))
    }

    fn pair(&mut self, index: usize, owner: &Owner) -> Result<(), Error> {
        let Some(planned) = self.planned(index) else { return Ok(()) };
        self.pair_at(index, &planned.spec.pair, owner)
    }

    /// The two files of a certificate, or copies of them. The key comes first: if a run is stopped after writing it,
    /// the next plan issues the certificate for this key.
    fn pair_at(&mut self, index: usize, pair: &Pair, owner: &Owner) -> Result<(), Error> {
        let Some(planned) = self.planned(index) else { return Ok(()) };
        self.key(index, &pair.key, owner)?;
        match (planned.is_requested(), &planned.certificate) {
            (false, _) => self.certificate(index, &pair.certificate, owner),
            (true, None) => Ok(()),
            // Until the new one is signed, the file stays as it is, with the CAs after the certificate.
            (true, Some(_)) => match self.snapshot.entry(&planned.spec.pair.certificate)? {
                Some(entry) => {
                    self.add(&pair.certificate, PUBLIC, owner, Content::Bytes(entry.bytes.clone()), &[])
                }
                None => Ok(()),
            },
        }
    }

    fn planned(&self, index: usize) -> Option<&'a PlannedCertificate> {
        self.decisions.certificates.get(index)
    }

    /// A copy of a CA certificate, for a member or client that trusts the CA.
    fn trusted(&mut self, role: Role, path: &str, owner: &Owner) -> Result<(), Error> {
        let decisions = self.decisions;
        match decisions.authorities.iter().find(|authority| authority.role == role).map(|a| &a.source) {
            Some(CaSource::Own(place)) => self.certificate(*place, path, owner),
            Some(CaSource::Existing(given)) => self.text(path, given.certificate.to_pem(), PUBLIC, owner),
            None => Ok(()),
        }
    }

    /// The file of a certificate, or a copy of it.
    fn certificate(&mut self, index: usize, path: &str, owner: &Owner) -> Result<(), Error> {
        let Some(planned) = self.planned(index) else { return Ok(()) };
        let content = match &planned.certificate {
            Some(certificate) if !planned.is_renewed => {
                let text = certificate.to_pem() + &self.decisions.chain(planned.id().role());
                Content::Bytes(Zeroizing::new(text.into_bytes()))
            }
            _ => Content::Certificate(index),
        };
        self.add(path, PUBLIC, owner, content, planned.change.reasons())
    }

    /// The file of a key, or a copy of it.
    fn key(&mut self, index: usize, path: &str, owner: &Owner) -> Result<(), Error> {
        let Some(planned) = self.planned(index) else { return Ok(()) };
        let content = if planned.key.is_some() {
            // The bytes stay as they are, because a key can be encoded in several ways.
            match self.snapshot.entry(&planned.spec.pair.key)? {
                Some(entry) => Content::Bytes(entry.bytes.clone()),
                None => return Ok(()),
            }
        } else if planned.needs_key() {
            Content::Key(index)
        } else {
            // The key of a CA may be kept elsewhere while there is nothing to issue.
            return Ok(());
        };
        self.add(path, SECRET, owner, content, planned.change.reasons())
    }

    /// The record, which is written last because it is about the other files.
    fn record(&mut self) -> Result<(), Error> {
        let decisions = self.decisions;
        let made = |file: &PlannedFile| matches!(file.content, Content::Certificate(_) | Content::Request(_));
        let content = if self.files.iter().any(made) {
            Content::Record
        } else {
            let pairs = decisions.existing();
            let known = self.files.iter().filter_map(PlannedFile::known);
            // What was begun is done without the record.
            let known = known.filter(|(path, _)| *path != OPERATION);
            let hashes = known.map(|(path, bytes)| (path.to_owned(), sha256(bytes))).collect();
            let (cluster, recorded) = (&decisions.cluster, &decisions.recorded);
            let text = decisions.record.next(cluster, recorded, &pairs, hashes, decisions.now).to_json();
            Content::Bytes(Zeroizing::new(text.into_bytes()))
        };
        self.add(RECORD, PUBLIC, &Owner::Operator, content, &[])
    }

    /// Adds a file or folder. `reasons` are those of its certificate.
    fn add(
        &mut self,
        path: &str,
        mode: u32,
        owner: &Owner,
        content: Content,
        reasons: &[Reason],
    ) -> Result<(), Error> {
        let change = match self.snapshot.entry(path)? {
            None => Change::New,
            Some(entry) => {
                let reasons = self.differences(entry, mode, owner, &content, reasons, path)?;
                if reasons.is_empty() { Change::Kept } else { Change::Changed(reasons) }
            }
        };
        let lines = match (&change, &content, self.snapshot.entry(path)?) {
            (Change::Changed(_), Content::Bytes(new), Some(old)) if !is_secret(mode) => {
                difference(path, &old.bytes, new)
            }
            _ => Vec::new(),
        };
        let (path, owner) = (path.to_owned(), owner.clone());
        self.files.push(PlannedFile { path, mode, owner, change, content, lines });
        Ok(())
    }

    /// Why an existing file or folder is not right.
    fn differences(
        &self,
        entry: &Entry,
        mode: u32,
        owner: &Owner,
        content: &Content,
        reasons: &[Reason],
        path: &str,
    ) -> Result<Vec<Reason>, Error> {
        let mut found = Vec::new();
        match content {
            Content::Folder if entry.kind != FileKind::Folder => {
                return Err(ErrorKind::NotAFolder { path: self.snapshot.root().join(path) }.into());
            }
            Content::Folder | Content::Registry { grows: false } => {}
            _ if entry.kind != FileKind::File => {
                return Err(ErrorKind::NotAFile { path: self.snapshot.root().join(path) }.into());
            }
            Content::Bytes(bytes) if *bytes == entry.bytes => {}
            Content::Bytes(_) | Content::Record | Content::Registry { .. } | Content::Request(_) => {
                found.push(Reason::Contents);
            }
            Content::Certificate(_) | Content::Key(_) => {
                found.extend(reasons.iter().cloned());
                if found.is_empty() {
                    found.push(Reason::Contents);
                }
            }
        }
        if entry.mode != mode {
            found.push(Reason::Mode { found: entry.mode, wanted: mode });
        }
        if let (Some(ids), Some(wanted)) = (self.snapshot.users().ids(owner), owner.name())
            && ids != entry.ids
        {
            found.push(Reason::Owner { wanted: wanted.to_owned() });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
