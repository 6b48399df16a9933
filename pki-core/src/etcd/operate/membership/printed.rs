//! The lines that change the members of a cluster, for a person.

use crate::etcd::cluster::UnitKind;
use crate::etcd::cluster::bootstrap::id_at;
use crate::etcd::operate::members::{ListedMember, Next, listed, next};
use crate::etcd::operate::membership::{MOST_STEPS, Membership};
use crate::etcd::operate::rolling::RESTART;
use crate::etcd::safe::shell::word;

/// It does not wait for the start to finish, because a member waits for other members.
const START: &str = "systemctl daemon-reload && systemctl enable etcd && systemctl restart --no-block etcd";

/// A word of a shell for the identifier of a member.
fn id_of(listed: &ListedMember) -> String {
    listed.known_id().unwrap_or_else(|| id_at(&listed.peer_urls))
}

impl Membership<'_> {
    /// The members for which something is left to do.
    pub(super) fn names_left(&self, list: &[ListedMember]) -> Vec<String> {
        let (mut names, mut list) = (Vec::new(), list.to_vec());
        for _ in 0..MOST_STEPS {
            let name = match next(self.cluster, self.operation, &list) {
                Next::Nothing | Next::Unknown(_) => break,
                Next::Remove(gone) => gone.shown(),
                Next::Move(name) | Next::Add(name) | Next::Finish(name) => name,
            };
            self.pretend(&mut list);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Does the next step with a list only.
    fn pretend(&self, list: &mut Vec<ListedMember>) {
        match next(self.cluster, self.operation, list) {
            Next::Nothing | Next::Unknown(_) => {}
            Next::Remove(gone) => list.retain(|one| *one != gone),
            Next::Move(name) | Next::Add(name) | Next::Finish(name) => {
                let Some(member) = self.member(&name) else { return };
                list.retain(|one| {
                    one.name != name && !one.peer_urls.iter().any(|url| self.urls(member).contains(url))
                });
                list.push(ListedMember::started(&name, self.urls(member)));
            }
        }
    }

    /// The lines that do what is left, in their order.
    pub(super) fn commands(&self, list: &[ListedMember]) -> Vec<String> {
        let (mut commands, mut list) = (Vec::new(), list.to_vec());
        for _ in 0..MOST_STEPS {
            let step = next(self.cluster, self.operation, &list);
            commands.extend(self.commands_of(&step, &list));
            if matches!(step, Next::Nothing | Next::Unknown(_)) {
                break;
            }
            self.pretend(&mut list);
        }
        commands
    }

    fn commands_of(&self, step: &Next, list: &[ListedMember]) -> Vec<String> {
        let client = self.options.client.clone().unwrap_or_default();
        let etcdctl = |words: String| {
            format!("(cd {} && . ./etcdctl.env && etcdctl {words})", word(&client.to_string_lossy()))
        };
        let copy = |name: &str| {
            format!("{} --copy {}", word(&self.folder.join("deploy.sh").to_string_lossy()), word(name))
        };
        let promote = |name: &str| {
            let urls = self.member(name).map(|member| self.urls(member)).unwrap_or_default();
            etcdctl(format!("member promote {}", id_at(&urls)))
        };
        let start = |name: &str, command: &str| {
            let has_unit = self.cluster.unit() != UnitKind::None;
            let host = self.host(name).filter(|_| has_unit);
            host.map(|host| self.options.template.line(&host, &host.as_root(command)))
        };
        match step {
            Next::Nothing | Next::Unknown(_) => Vec::new(),
            Next::Remove(gone) => {
                let mut lines = vec![etcdctl(format!("member remove {}", id_of(gone)))];
                lines.extend(self.leaving(gone).and_then(|leaving| self.stopping(leaving)));
                lines
            }
            Next::Move(name) => {
                let member = self.member(name).map(|member| self.urls(member)).unwrap_or_default();
                let id = listed(self.cluster, list, name).map(id_of).unwrap_or_default();
                let update = etcdctl(format!("member update {id} --peer-urls={}", member.join(",")));
                [update, copy(name)].into_iter().chain(start(name, RESTART)).collect()
            }
            Next::Add(name) => {
                let urls = self.member(name).map(|member| self.urls(member)).unwrap_or_default();
                let add =
                    etcdctl(format!("member add {} --learner --peer-urls={}", word(name), urls.join(",")));
                [copy(name), add].into_iter().chain(start(name, START)).chain([promote(name)]).collect()
            }
            Next::Finish(name) => {
                [copy(name)].into_iter().chain(start(name, START)).chain([promote(name)]).collect()
            }
        }
    }
}
