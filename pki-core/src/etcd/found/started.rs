//! What the readers of all kinds of files give: the processes of etcd that a file starts.

use crate::base::place::Place;
use crate::etcd::found::engine::is_etcd_image;
use crate::etcd::found::process::{Argument, Opaque, Process, base_name};

/// The most processes of etcd that a file may start. A file that starts more is not understood: there are no such hosts, and
/// each process takes some kilobytes.
pub(crate) const MOST_STARTED: usize = 1000;

/// A process of etcd that a file starts, whatever kind of file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) place: Place,
}

/// The etcd that runs in a container; `None` if something else does. `engine` is the name of a container engine that a
/// command line asks, and the process has the environment and the mounts of the container.
pub(crate) fn within_container(
    mut process: Process,
    engine: Option<&str>,
    image: &Argument,
    entrypoint: Option<Argument>,
    command: Vec<Argument>,
) -> Option<Started> {
    let mounts = process.mounts.take();
    process.run_in(engine.unwrap_or_default(), image, entrypoint, command);
    if engine.is_none() {
        process.container = None;
    }
    process.unwrap_command();
    process.mounts = mounts;
    process.fill();
    let place = process.arguments.first().map_or_else(|| image.place.clone(), |word| word.place.clone());
    if !process.is_etcd() && !is_etcd_image(image.shown()) {
        if !process.arguments.is_empty() || !has_variables_of_members(&process) {
            return None;
        }
        // An image of another name, whose own command starts etcd.
        let program = Some(image.shown()).filter(|image| !image.is_empty()).unwrap_or("build").to_owned();
        process.opaque = Some(Opaque { program, place: place.clone() });
    }
    let program = process.arguments.first().map(|word| base_name(word.shown())).unwrap_or_default();
    if process.asks_only() || matches!(program, "etcdctl" | "etcdutl") {
        return None;
    }
    Some(Started { process, place })
}

/// Whether variables are set that only a member of a cluster has a use for.
fn has_variables_of_members(process: &Process) -> bool {
    const OF_MEMBERS: [&str; 5] = [
        "ETCD_LISTEN_CLIENT_URLS",
        "ETCD_LISTEN_PEER_URLS",
        "ETCD_ADVERTISE_CLIENT_URLS",
        "ETCD_INITIAL_ADVERTISE_PEER_URLS",
        "ETCD_INITIAL_CLUSTER",
    ];
    process.variables.iter().any(|variable| OF_MEMBERS.contains(&variable.name.as_str()))
}

impl Started {
    /// The etcd that a command line starts on the host; `None` if something else is started.
    pub(crate) fn of_command(mut process: Process, command: Vec<Argument>) -> Option<Self> {
        process.arguments = command;
        let place = process.arguments.first()?.place.clone();
        process.unwrap_command();
        process.fill();
        (process.opaque.is_none() && !process.asks_only()).then_some(Self { process, place })
    }
}
