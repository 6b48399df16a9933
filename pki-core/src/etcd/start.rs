//! What etcd would do with the settings of one member: whether it starts, where it listens, what it advertises and
//! whom it dials.
//!
//! Only the settings are judged. What is in the files that they name, the data folder, the machine's addresses and its
//! name servers are not looked at. What was not seen is not judged: it is unknown, and refuses nothing.

mod combinations;
mod features;
mod listeners;
mod logging;
mod members;
mod reading;
mod refusal;
mod tokens;
mod values;

use crate::base::place::Place;
use crate::etcd::found::{ConfigFile, Member, Process, Settings};
pub use crate::etcd::option::FoundUrl;
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::option::version::EtcdVersion;
pub use listeners::{Listener, Service};
pub use refusal::{Refusal, RefusalKind};
use values::Values;

/// What etcd does with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// Why it does not start. Empty if, as far as its settings tell, it starts.
    pub refusals: Vec<Refusal>,
    /// What it listens on.
    pub listeners: Vec<Listener>,
    /// The services whose URLs are not known, since not all settings were seen.
    pub unknown: Vec<Service>,
    /// Its name; `None` if it is not known.
    pub name: Option<String>,
    /// The URLs that it sends clients to; `None` if they are not known.
    pub client_urls: Option<Vec<FoundUrl>>,
    /// The URLs that it tells the other members; `None` if they are not known.
    pub peer_urls: Option<Vec<FoundUrl>>,
    /// The members, with their peer URLs, of which a member without data founds or joins a cluster; its own are among
    /// them. `None` if they are not known, or if a discovery service names them.
    pub members: Option<Vec<(String, FoundUrl)>>,
    /// Whether the gRPC gateway is on; `None` if that is not known.
    pub has_gateway: Option<bool>,
}

impl Start {
    /// What etcd of a version does with the settings of a member that was found.
    pub fn of_member(member: &Member, version: EtcdVersion) -> Self {
        Self::of(&member.settings, &member.place, version)
    }

    /// What etcd of a version does with a command line, an environment and, if they name one, a configuration file.
    ///
    /// ```
    /// use pki_core::etcd::EtcdVersion;
    /// use pki_core::etcd::start::Start;
    ///
    /// let arguments = ["--listen-peer-urls=https://10.0.0.1:2380".to_owned()];
    /// let start = Start::of_command(&arguments, &[], None, EtcdVersion::V3_5);
    /// assert!(start.refusals[0].problem.contains("neither peer-cert-file nor peer-key-file is set"));
    /// ```
    pub fn of_command(
        arguments: &[String],
        environment: &[(String, String)],
        config: Option<&ConfigFile>,
        version: EtcdVersion,
    ) -> Self {
        let process = Process::of_command(arguments, environment);
        Self::of(&Settings::of_process(&process, version, |_| config), &Place::default(), version)
    }

    /// What etcd of a version does with settings. `member` is the place of the file that sets up the member, for what
    /// is missing.
    pub(crate) fn of(settings: &Settings, member: &Place, version: EtcdVersion) -> Self {
        let values = Values::new(settings, version);
        let (listeners, unknown) = listeners::listeners(&values);
        let peer_urls = values.urls(PEER.advertise, PEER.usual_url);
        let members = members::members(&values, peer_urls.as_deref());
        let mut refusals = reading::refusals(settings, &values);
        refusals.extend(combinations::refusals(&values, &listeners, member));
        refusals.extend(features::refusals(&values, member));
        refusals.extend(logging::refusals(&values, member));
        refusals.extend(tokens::refusal(&values));
        refusals.extend(listeners::refusals(&values, &listeners, member));
        let is_lacking = refusals.iter().any(|refusal| refusal.kind == RefusalKind::NotAdvertised);
        let default = if is_lacking { "" } else { SERVER.usual_url };
        let client_urls = values.urls(SERVER.advertise, default);
        if let Some(members) = &members {
            refusals.extend(members::refusals(&values, members, peer_urls.as_deref(), member));
        }
        Self {
            refusals,
            unknown,
            name: values.text("name", "default").map(str::to_owned),
            client_urls,
            peer_urls,
            members,
            has_gateway: gateway(&values),
            listeners,
        }
    }

    /// Whether it starts, as far as its settings tell.
    pub fn is_accepted(&self) -> bool {
        self.refusals.is_empty()
    }

    /// The URLs that it listens on for somebody.
    pub fn listens(&self, service: Service) -> impl Iterator<Item = &FoundUrl> {
        self.listeners
            .iter()
            .filter(move |listener| listener.service == service)
            .map(|listener| &listener.url)
    }
}

/// Whether the gRPC gateway is on with these settings; `None` if that is not known.
pub(crate) fn has_gateway(settings: &Settings, version: EtcdVersion) -> Option<bool> {
    gateway(&Values::new(settings, version))
}

/// It is on unless an option turns it off. etcd 3.4 leaves it off if there is a configuration file that does not mention
/// it (embed/config.go, `NewConfig`).
fn gateway(values: &Values<'_>) -> Option<bool> {
    values.is_true("enable-grpc-gateway", !values.has_file || values.version.has(5, 0))
}
