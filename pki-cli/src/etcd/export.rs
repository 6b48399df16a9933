//! `etcdpki cluster export`: the files of a cluster for other tools.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pki_core::disk::{self, Existing, Mode};
use pki_core::etcd::Folder;
use pki_core::etcd::export::{ExportFormat, Holder, export};

use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, absolute, print};

pub(super) const EXAMPLE: &str = "\
cloud-init, butane and kubernetes-secrets have private keys: they are written to a file that only its owner can read, and \
printed only with `-o -`.

Exit status:
  0  the text was written
  1  the folder cannot be read, there is no such member or client, or the file cannot be written

Examples:
  etcdpki cluster export --as cloud-init --member etcd1 -o etcd1.user-data
  etcdpki cluster export --as kubernetes-secrets --client kube-apiserver -o - | kubectl apply -f -
  etcdpki cluster export --as cert-manager --namespace etcd >certificates.yaml
  etcdpki cluster export --as kubeadm >kubeadm-etcd.yaml";

/// The arguments of `export`.
#[derive(Args)]
pub(crate) struct Command {
    /// The output folder of `apply`
    #[arg(value_name = "DIR", default_value = "out", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
    /// For which tool
    #[arg(long = "as", value_name = "FORMAT")]
    format: Format,
    /// The files of this member
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// The files of this client
    #[arg(long, value_name = "NAME", conflicts_with = "member")]
    client: Option<String>,
    /// The namespace of Kubernetes' objects; if it is absent, that of the one who applies them
    #[arg(long, value_name = "NAME", value_parser = namespace)]
    namespace: Option<String>,
    /// Write to this file, which is for its owner only if it has private keys; `-` prints them
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// User data that makes a new host a member
    CloudInit,
    /// A configuration of Fedora CoreOS that makes a new host a member
    Butane,
    /// Secrets with certificates and keys
    KubernetesSecrets,
    /// Issuers and Certificates that say what was issued
    CertManager,
    /// `etcd.external` of kubeadm v1beta4
    Kubeadm,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::CloudInit => Self::CloudInit,
            Format::Butane => Self::Butane,
            Format::KubernetesSecrets => Self::KubernetesSecrets,
            Format::CertManager => Self::CertManager,
            Format::Kubeadm => Self::Kubeadm,
        }
    }
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let format = ExportFormat::from(self.format);
        if format.has_keys() && self.output.is_none() {
            return Err(CommandError::usage("the text has private keys, and no file for it is named")
                .hint("write -o FILE, or -o - to print it"));
        }
        let folder = Folder::open(&absolute(&self.folder)?)?;
        let lock = folder.lock_for_reading()?;
        let snapshot = if format.has_keys() { folder.holders_snapshot() } else { folder.public_snapshot() };
        drop(lock);
        let member = self.member.as_deref().map(Holder::Member);
        let holder = member.or(self.client.as_deref().map(Holder::Client));
        let text = export(&snapshot, format, holder, self.namespace.as_deref())?;
        match &self.output {
            Some(file) if file != Path::new("-") => {
                let mode = if format.has_keys() { 0o600 } else { 0o644 };
                disk::write(file, text.as_bytes(), Mode::Exactly(mode), Existing::Replace)
                    .map_err(|error| CommandError::write(file, &error))?;
            }
            _ => print::text(terminal, &text)?,
        }
        Ok(ExitStatus::Done)
    }
}

/// A name of a namespace (RFC 1123 label).
fn namespace(text: &str) -> Result<String, String> {
    let is_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let has_right_ends = !text.starts_with('-') && !text.ends_with('-');
    if text.is_empty() || text.len() > 63 || !text.chars().all(is_right) || !has_right_ends {
        return Err(
            "a namespace has small letters, digits and `-` between them, such as kube-system".to_owned()
        );
    }
    Ok(text.to_owned())
}
