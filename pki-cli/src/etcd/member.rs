//! `etcdpki cluster member`: adds members to a cluster that runs, removes them, and replaces them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use pki_core::base::shown;
use pki_core::etcd::observe::Running;
use pki_core::etcd::operate::{End, ListedMember, Membership, MembershipReport, RestartOptions, absent};
use pki_core::etcd::{
    Cluster, Folder, FormerCertificate, Label, Leaving, Member, Operation as Begun, Plan, Renewal,
    with_member, without_member,
};
use pki_core::x509::{SystemKeys, SystemRandomness};
use serde::Serialize;

use super::EtcdArgs;
use super::descriptions::{DEFAULT, read_text};
use super::hosts::{Here, HostArgs};
use super::observe::{LookArgs, limit};
use super::operation::{placed, show_members, show_obstacles};
use super::phase::{Phase, write_description};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, absolute, print};

pub(super) const EXAMPLE: &str = "\
  add NAME=ADDRESS            a new member joins
  remove NAME                 a member leaves, dead or alive
  replace NAME NEW=ADDRESS    a member goes, and another one takes its place; with the name and address of before, the \
member comes back with an empty disk

The description is changed first: a line comes or goes, and all others stay as they are. If you have changed it yourself, \
it stays. Then the certificates are made in DIR, and with --exec one step after the other is done, each only when the \
other members are well: a member that goes is removed; the host of a new one gets its files; it is added without a vote, \
starts, and gets its vote when it has what the leader has. A dead member goes before its successor comes, because etcd \
takes no new member while one is dead. One that is alive goes after that.

A run that was stopped goes on when it is started again. Without --exec the description and DIR are changed, and the \
commands that do the rest are printed.

Exit status:
  0  the cluster has the members of the description, and all are well
  1  the work failed, or there is no such member
  2  something waits: the commands that do it are printed
  3  it is not safe, or a host is not as described; what is in the way is said

Examples:
  etcdpki cluster member out add etcd4=10.0.0.14 --exec
  etcdpki cluster member out replace etcd3 etcd5=10.0.0.15 --exec --dry-run
  etcdpki cluster member out replace etcd3 etcd3=10.0.0.13 --exec";

/// What is done with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// A new member joins
    Add,
    /// A member leaves
    Remove,
    /// Another member takes the place of one
    Replace,
}

/// The arguments of `member`.
#[derive(Args)]
pub(crate) struct Command {
    /// The output folder of `apply`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What is done
    #[arg(value_name = "ACTION")]
    action: Action,
    /// NAME=ADDRESS of a new member, with more addresses and DNS names after commas; the NAME of one that goes
    #[arg(value_name = "MEMBER", required = true, num_args = 1..=2)]
    members: Vec<String>,
    /// The description that DIR was made from
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT)]
    file: PathBuf,
    #[command(flatten)]
    version: EtcdArgs,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    hosts: HostArgs,
    /// How long to wait for a host, and until the members are well
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = limit)]
    wait: Duration,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was done, and what is left. Serialises to the JSON of `cluster member --json`.
#[derive(Serialize, Default)]
struct Outcome {
    /// The lines that came into the description, after `+`, and the members that were taken out of it, after `-`.
    description: Vec<String>,
    #[serde(flatten)]
    members: MembershipReport,
    /// The certificates of members that left, which others accept until they end.
    still_valid: Vec<FormerCertificate>,
}

impl Outcome {
    /// Whether nothing was done yet.
    fn is_empty(&self) -> bool {
        self.description.is_empty() && self.members == MembershipReport::default()
    }
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        if self.file == Path::new("-") {
            return Err(CommandError::new("the description is changed, so it cannot be the standard input")
                .hint("name its file with -f"));
        }
        let folder = absolute(&self.folder)?;
        let text = read_text(&self.file, terminal)?;
        let cluster = Cluster::from_yaml(&text, Some(&self.file))?.value;
        let mut work = Work { args: self, folder, text, cluster, outcome: Outcome::default() };
        let end = work.all(terminal);
        // What was done is told, also before an error.
        if end.is_err() && work.outcome.is_empty() {
            return end;
        }
        if self.json {
            print::json(terminal, &work.outcome)?;
        } else {
            let is_done = end.as_ref().is_ok_and(|status| *status == ExitStatus::Done);
            show(&work.outcome, self.dry_run, is_done, terminal)?;
        }
        end
    }

    fn options(&self, folder: &Path) -> RestartOptions {
        let mut options = RestartOptions::default();
        options.wait = self.wait;
        options.only_print = self.dry_run || self.hosts.exec.is_none();
        options.template = self.hosts.exec.clone().unwrap_or_default();
        options.client = Some(folder.join("clients").join(&self.look.client));
        options
    }
}

struct Work<'a> {
    args: &'a Command,
    folder: PathBuf,
    /// The text of the description, as it is by now.
    text: String,
    cluster: Cluster,
    outcome: Outcome,
}

impl Work<'_> {
    fn all(&mut self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let phases = self.phases(terminal)?;
        let last = phases.len();
        // The host of a successor is asked before the member goes.
        if let [Phase::Leave(old), Phase::Join(new)] = phases.as_slice()
            && !self.host_is_right(old, new, terminal)?
        {
            return Ok(ExitStatus::NotSafeNow);
        }
        for (number, phase) in (1..).zip(phases) {
            let status = self.phase(&phase, terminal)?;
            // What was only printed is not done, so what comes after it cannot be prepared.
            let goes_on =
                status == ExitStatus::Done || self.args.dry_run && status == ExitStatus::NotFinished;
            if !goes_on || number == last {
                if !goes_on && number < last && status == ExitStatus::NotFinished {
                    self.outcome.members.notices.push(
                        "this is the first of two changes: run the same command again when it is done"
                            .to_owned(),
                    );
                }
                return Ok(status);
            }
        }
        Ok(ExitStatus::Done)
    }

    fn described(&self, name: &str) -> Option<&Member> {
        self.cluster.members().iter().find(|member| member.name().as_str() == name)
    }

    /// The changes that the arguments ask for, in an order in which each is safe.
    fn phases(&self, terminal: &mut Terminal<'_>) -> Result<Vec<Phase>, CommandError> {
        let one = |text: &String| Member::parse(text).map_err(CommandError::from);
        let name = |text: &String| Label::parse(text).map_err(CommandError::from);
        match (self.args.action, self.args.members.as_slice()) {
            (Action::Add, [new]) => Ok(vec![Phase::Join(Box::new(one(new)?))]),
            (Action::Remove, [old]) => Ok(vec![Phase::Leave(name(old)?)]),
            (Action::Replace, [old, new]) => {
                let (old, new) = (name(old)?, one(new)?);
                let before = self.described(old.as_str());
                let is_same = |member: &Member| *new.name() == old && member.host() == new.host();
                if before.is_some_and(is_same) {
                    return Ok(vec![Phase::Return(old)]);
                }
                let has_new = *new.name() != old && self.described(new.name().as_str()).is_some();
                // Two members cannot have one name or one address, and none joins while another is dead.
                let may_come_first =
                    before.is_some_and(|before| *new.name() != old && before.host() != new.host());
                if has_new && before.is_some() || may_come_first && self.is_healthy(&old, terminal)? {
                    return Ok(vec![Phase::Join(Box::new(new)), Phase::Leave(old)]);
                }
                Ok(vec![Phase::Leave(old), Phase::Join(Box::new(new))])
            }
            (Action::Add | Action::Remove, _) => Err(CommandError::new("one member is named at a time")
                .hint("write one, as in `etcdpki cluster member out add etcd4=10.0.0.14`")),
            (Action::Replace, _) => Err(CommandError::new("the member that takes the place is missing")
                .hint("name both, as in `etcdpki cluster member out replace etcd3 etcd5=10.0.0.15`")),
        }
    }

    /// Whether the host of a new member is as described. One that is described was asked before.
    fn host_is_right(
        &mut self,
        old: &Label,
        new: &Member,
        terminal: &mut Terminal<'_>,
    ) -> Result<bool, CommandError> {
        let name = new.name().to_string();
        let is_described = self.described(&name).is_some_and(|known| known.host() == new.host());
        if self.args.hosts.exec.is_none() || is_described {
            return Ok(true);
        }
        let after = match self.described(old.as_str()) {
            Some(_) => without_member(&self.text, old),
            None => Ok(self.text.clone()),
        };
        // What cannot be changed is told when it is to be changed.
        let Ok(after) = after.and_then(|text| with_member(&text, new)) else { return Ok(true) };
        let cluster = Cluster::from_yaml(&after, Some(&self.args.file))?.value;
        let (running, options, begun) = (self.running()?, self.args.options(&self.folder), Begun::default());
        let members = Membership::new(&cluster, &running, &self.folder, &options, &begun);
        let found = members.hosts_of(&[name], &mut Here::new(terminal, self.args.look.timeout))?;
        self.outcome.members.obstacles = found;
        Ok(self.outcome.members.obstacles.is_empty())
    }

    fn running(&self) -> Result<Running, CommandError> {
        self.args.look.read(&self.folder, &self.args.version)
    }

    fn is_healthy(&self, name: &Label, terminal: &Terminal<'_>) -> Result<bool, CommandError> {
        let seen = self.running()?.observe((terminal.now)(), self.args.look.timeout);
        Ok(seen.member(name.as_str()).is_some_and(|member| member.healthy == Some(true)))
    }

    /// Carries out one change.
    fn phase(&mut self, phase: &Phase, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let edited = phase.edit(&self.text, &self.cluster, &self.args.file)?;
        let is_edited = edited.is_some();
        let before = self.running()?;
        let folder = Folder::open(&self.folder)?;
        let begun = folder.operation()?;
        let options = self.args.options(&self.folder);
        let list = Membership::new(&self.cluster, &before, &self.folder, &options, &begun)
            .list(&mut Here::new(terminal, self.args.look.timeout));
        let list = match list {
            Ok(list) => Some(list),
            // What is only printed needs nobody who answers.
            Err(_) if self.args.hosts.exec.is_none() => None,
            Err(error) => return Err(error.into()),
        };
        let is_asked = list.is_some();
        let list = list.unwrap_or_else(|| {
            Membership::new(&self.cluster, &before, &self.folder, &options, &begun).recorded()
        });
        if !is_asked {
            self.outcome.members.notices.push(
                "the cluster has not said which members it has, so those of before are supposed".to_owned(),
            );
        }
        let begun = match self.begun(phase, begun, &before, &list, terminal)? {
            Ok(begun) => begun,
            Err(status) => return Ok(status),
        };
        if edited.is_some() {
            self.refuse_other_changes(&folder, terminal)?;
        }
        if let Some((text, line)) = edited {
            self.cluster = Cluster::from_yaml(&text, Some(&self.args.file))?.value;
            self.outcome.description.push(line);
            self.text = text;
        }
        if !self.args.dry_run {
            if is_edited {
                write_description(&self.args.file, &self.text)?;
            }
            let to_sign = self.issue(&begun, &list, terminal)?;
            if !to_sign.is_empty() {
                self.outcome.members.commands = to_sign;
                self.outcome.members.notices.push(
                    "a CA that is offline has to sign first; then run the same command again".to_owned(),
                );
                return Ok(ExitStatus::NotFinished);
            }
        }
        if self.args.hosts.exec.is_some() {
            return self.change(&begun, &options, terminal);
        }
        let running = self.running()?;
        let mut membership = Membership::new(&self.cluster, &running, &self.folder, &options, &begun);
        let end = membership.print(&list);
        let report = membership.report().clone();
        self.outcome.members.add(report);
        match end {
            // What nobody has seen is not known to be done.
            End::Done if !is_asked => return Ok(ExitStatus::NotFinished),
            End::Done if !self.args.dry_run => Folder::lock(&self.folder)?.begin(&Begun::default())?,
            _ => {}
        }
        Ok(end.into())
    }

    /// If the description is changed here, nothing else may have changed: `apply` comes first.
    fn refuse_other_changes(&self, folder: &Folder, terminal: &Terminal<'_>) -> Result<(), CommandError> {
        let snapshot = folder.snapshot(&self.cluster)?;
        let plan = Plan::renewing(&self.cluster, &snapshot, (terminal.now)(), &Renewal::Named(Vec::new()))?;
        let other = plan.other_changes();
        let Some(first) = other.first() else { return Ok(()) };
        let more = if other.len() > 1 { format!(", and {} more", other.len() - 1) } else { String::new() };
        Err(CommandError::new(format!(
            "{} has changes that were not applied: {first}{more}",
            self.args.file.display()
        ))
        .hint("see them with `etcdpki cluster plan`, and run `etcdpki cluster apply` first"))
    }

    /// What has to go, with what is known of it in the cluster. With a status there is nothing to do.
    fn begun(
        &mut self,
        phase: &Phase,
        mut begun: Begun,
        running: &Running,
        list: &[ListedMember],
        terminal: &Terminal<'_>,
    ) -> Result<Result<Begun, ExitStatus>, CommandError> {
        let name = match phase {
            Phase::Join(new) => {
                // Who was removed and comes again is a new member.
                let is_back = |leaving: &Leaving| {
                    leaving.member == new.name().as_str()
                        && !list.iter().any(|one| leaving.id == Some(one.id()))
                };
                begun.leaving.retain(|leaving| !is_back(leaving));
                return Ok(Ok(begun));
            }
            Phase::Leave(name) | Phase::Return(name) => name.as_str(),
        };
        let known = begun.leaving.iter().find(|leaving| leaving.member == name);
        if known.is_some_and(|leaving| leaving.id.is_some()) {
            return Ok(Ok(begun));
        }
        let is_described = self.described(name).is_some();
        let urls = known.map(|leaving| leaving.peer_urls.clone()).or_else(|| running.peer_urls(name));
        let urls = urls.unwrap_or_default();
        let is_it = |one: &&ListedMember| {
            one.name == name || !one.has_started() && one.peer_urls.iter().any(|url| urls.contains(url))
        };
        let Some(listed) = list.iter().find(is_it) else {
            if !is_described && known.is_none() {
                self.outcome.members.notices.push(format!("the cluster has no member {name}"));
                return Ok(Err(ExitStatus::Done));
            }
            return Ok(Ok(begun));
        };
        if matches!(phase, Phase::Return(_)) {
            let seen = running.observe((terminal.now)(), self.args.look.timeout);
            if listed.is_learner || !listed.has_started() {
                return Ok(Ok(begun));
            }
            if seen.member(name).is_some_and(|member| member.healthy == Some(true)) {
                self.outcome.members.notices.push(format!(
                    "{name} is healthy, so it is not started anew; if it is to go, use `remove`"
                ));
                return Ok(Err(ExitStatus::Done));
            }
        }
        if matches!(phase, Phase::Return(_)) && listed.known_id().is_none() {
            return Err(CommandError::new(format!(
                "the cluster does not say which members it has, so nobody can tell {name} from the one that comes back"
            ))
            .hint("let `etcdctl` be on the PATH, and run this where a majority of the members is reached"));
        }
        let host = known.and_then(|leaving| leaving.host.clone()).or_else(|| running.destination(name));
        begun.leave(Leaving {
            member: name.to_owned(),
            peer_urls: listed.peer_urls.clone(),
            host,
            id: listed.known_id(),
        });
        Ok(Ok(begun))
    }

    /// Writes what has begun, and makes what the new description asks for. Returns the commands for a CA that is offline.
    fn issue(
        &self,
        begun: &Begun,
        list: &[ListedMember],
        terminal: &Terminal<'_>,
    ) -> Result<Vec<String>, CommandError> {
        let locked = Folder::lock(&self.folder)?;
        locked.begin(begun)?;
        let now = (terminal.now)();
        let mut snapshot = locked.snapshot(&self.cluster)?;
        // Who was not there when its files were made may name members that have gone since.
        let mut anew = absent(&self.cluster, begun, list);
        let urls = |name: &str| self.described(name).map(|member| self.cluster.peer_urls_of(member));
        anew.extend(self.cluster.members().iter().map(|member| member.name().to_string()).filter(|name| {
            let urls = urls(name).unwrap_or_default();
            list.iter().any(|one| !one.has_started() && one.peer_urls.iter().any(|url| urls.contains(url)))
        }));
        snapshot.forget_starts(&anew)?;
        let plan = Plan::renewing(&self.cluster, &snapshot, now, &Renewal::Named(Vec::new()))?;
        if plan.is_done() {
            return Ok(Vec::new());
        }
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
        locked.apply(&outcome)?;
        Ok(outcome.report().to_sign.clone())
    }

    /// Changes the members of the cluster, and remembers what is left.
    fn change(
        &mut self,
        begun: &Begun,
        options: &RestartOptions,
        terminal: &mut Terminal<'_>,
    ) -> Result<ExitStatus, CommandError> {
        let folder = Folder::open(&self.folder)?;
        // Nobody may change the files meanwhile.
        let mut lock = folder.lock_for_reading()?;
        let running = self.running()?;
        let mut membership = Membership::new(&self.cluster, &running, &self.folder, options, begun);
        let end = membership.carry_out(&mut Here::new(terminal, self.args.look.timeout));
        let report = membership.report().clone();
        let events = placed(&self.cluster, report.placed.keys(), &folder)?;
        if !events.is_empty() {
            folder.register(&mut lock, &events, (terminal.now)())?;
            let seen = running.observe((terminal.now)(), self.args.look.timeout);
            folder.register(&mut lock, &seen.proofs(), (terminal.now)())?;
        }
        drop(lock);
        self.outcome.still_valid.extend(folder.valid_certificates_of(&report.removed, (terminal.now)())?);
        self.outcome.members.add(report);
        let end = end?;
        if end == End::Done && !options.only_print {
            Folder::lock(&self.folder)?.begin(&Begun::default())?;
        }
        Ok(end.into())
    }
}

fn show(
    outcome: &Outcome,
    is_dry_run: bool,
    is_done: bool,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let report = &outcome.members;
    print::warnings(terminal, &report.notices);
    show_obstacles(&report.obstacles, terminal)?;
    for line in &outcome.description {
        let what = if is_dry_run { "the description would change" } else { "the description changed" };
        writeln!(terminal.output, "{what}: {}", shown(line))?;
    }
    let done: [(&str, &[String]); 6] = [
        ("removed", &report.removed),
        ("added", &report.added),
        ("moved", &report.moved),
        ("started", &report.started),
        ("got a vote", &report.promoted),
        ("proved", &report.proved),
    ];
    show_members(&done, terminal)?;
    for valid in &outcome.still_valid {
        let day = valid.not_after.date();
        let line = format!(
            "still valid: {} with the serial number {}, until {day}: whoever has its key can use it until a revocation list \
             names it",
            valid.certificate, valid.serial
        );
        writeln!(terminal.output, "{}", shown(&line))?;
    }
    if is_done {
        writeln!(terminal.output, "The cluster has the members of the description.")?;
    }
    print::next(terminal, &report.commands)
}
