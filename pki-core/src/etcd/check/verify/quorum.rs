//! Who can make up a majority: what raft needs, from who can dial whom.
//!
//! A message goes to a member over the stream that this member has dialled, or, while there is none, in a request of
//! its own (etcd, server/etcdserver/api/rafthttp/peer.go, `pick`). So two members talk, in both directions, as soon as
//! one of them can dial the other. A leader is whoever reaches a majority of all members, itself among them: those who
//! voted for it are those who follow it. It does not pass on what others have to say to each other.

/// Members, by number, and who can dial whom.
#[derive(Debug, Clone)]
pub(super) struct Quorum {
    runs: Vec<bool>,
    /// By the member that dials, then by the one that listens.
    dials: Vec<Vec<bool>>,
    /// How many each member reaches, itself included; 0 if it does not run.
    reach: Vec<usize>,
}

impl Quorum {
    /// `runs` tells which members start at all, `dials(a, b)` whether `a` gets through to `b`.
    pub(super) fn new(runs: Vec<bool>, dials: Vec<Vec<bool>>) -> Self {
        let reach = vec![0; runs.len()];
        let mut quorum = Self { runs, dials, reach };
        quorum.reach = (0..quorum.size())
            .map(|a| {
                let others = (0..quorum.size()).filter(|b| *b != a && quorum.talk(a, *b)).count();
                if quorum.runs(a) { others + 1 } else { 0 }
            })
            .collect();
        quorum
    }

    /// How many members there are.
    pub(super) fn size(&self) -> usize {
        self.runs.len()
    }

    /// How many of them decide.
    pub(super) fn majority(&self) -> usize {
        self.size() / 2 + 1
    }

    fn runs(&self, member: usize) -> bool {
        self.runs.get(member).copied().unwrap_or_default()
    }

    fn dials(&self, from: usize, to: usize) -> bool {
        self.dials.get(from).and_then(|row| row.get(to)).copied().unwrap_or_default()
    }

    /// Whether messages go both ways between two members.
    pub(super) fn talk(&self, a: usize, b: usize) -> bool {
        self.runs(a) && self.runs(b) && (self.dials(a, b) || self.dials(b, a))
    }

    /// Who can lead, once `lost` is gone.
    pub(super) fn leaders(&self, lost: Option<usize>) -> impl Iterator<Item = usize> {
        self.reach.iter().enumerate().filter_map(move |(member, reach)| {
            let without = lost.is_some_and(|lost| lost != member && self.talk(member, lost));
            let is_enough = reach.saturating_sub(usize::from(without)) >= self.majority();
            (self.runs(member) && lost != Some(member) && is_enough).then_some(member)
        })
    }

    /// Whether there is a cluster, with all that run.
    pub(super) fn forms(&self) -> bool {
        self.leaders(None).next().is_some()
    }

    /// Whose loss ends it.
    pub(super) fn fatal_losses(&self) -> impl Iterator<Item = usize> {
        (0..self.size()).filter(|lost| self.runs(*lost) && self.leaders(Some(*lost)).next().is_none())
    }

    /// Who runs, and hears of no member that can lead.
    pub(super) fn stranded(&self) -> impl Iterator<Item = usize> {
        let leaders: Vec<usize> = self.leaders(None).collect();
        (0..self.size()).filter(move |member| {
            let hears = leaders.iter().any(|leader| leader == member || self.talk(*member, *leader));
            self.runs(*member) && !hears
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who dials whom, a row for each member: `x` gets through. Members with `!` do not run.
    fn quorum(rows: &[&str]) -> Quorum {
        let runs = rows.iter().map(|row| !row.contains('!')).collect();
        let dials = rows.iter().map(|row| row.bytes().map(|c| c == b'x').collect()).collect();
        Quorum::new(runs, dials)
    }

    fn told(rows: &[&str]) -> (bool, Vec<usize>, Vec<usize>) {
        let quorum = quorum(rows);
        (quorum.forms(), quorum.fatal_losses().collect(), quorum.stranded().collect())
    }

    #[test]
    fn a_full_mesh_survives_any_loss() {
        assert_eq!(told(&[".xx", "x.x", "xx."]), (true, vec![], vec![]));
        assert_eq!(told(&[".xxxx", "x.xxx", "xx.xx", "xxx.x", "xxxx."]), (true, vec![], vec![]));
    }

    #[test]
    fn one_direction_is_enough_for_two_to_talk() {
        assert_eq!(told(&[".xx", "..x", "..."]), (true, vec![], vec![]));
    }

    #[test]
    fn a_star_does_not_survive_its_centre() {
        // Members on one host whose certificates have their own addresses only: everybody seems to come from the first.
        assert_eq!(told(&[".xx", "...", "..."]), (true, vec![0], vec![]));
        assert_eq!(told(&["...", "x..", "x.."]), (true, vec![0], vec![]));
        assert_eq!(told(&[".xxxx", ".....", ".....", ".....", "....."]), (true, vec![0], vec![]));
    }

    #[test]
    fn who_cannot_talk_to_a_leader_is_stranded() {
        assert_eq!(told(&[".x.", "x..", "..."]), (true, vec![0, 1], vec![2]));
        assert_eq!(told(&["...", "...", "..."]), (false, vec![0, 1, 2], vec![0, 1, 2]));
        // Two halves.
        assert_eq!(told(&[".x..", "....", "...x", "...."]), (false, vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    }

    #[test]
    fn messages_are_not_passed_on() {
        // A chain of five: without the one in the middle, nobody reaches two others.
        let chain = [".x...", "..x..", "...x.", "....x", "....."];
        assert_eq!(told(&chain), (true, vec![2], vec![]));
        let chain = [".x.....", "..x....", "...x...", "....x..", ".....x.", "......x", "......."];
        assert!(!quorum(&chain).forms());
    }

    #[test]
    fn who_does_not_run_counts_as_lost_already() {
        assert_eq!(told(&[".xx", "x.x", "!xx"]), (true, vec![0, 1], vec![]));
        assert_eq!(told(&["."]), (true, vec![0], vec![]));
        assert_eq!(told(&["!"]), (false, vec![], vec![]));
        assert!(!quorum(&["!xx", "!.x", "xx."]).forms());
    }

    #[test]
    fn two_members_need_each_other() {
        assert_eq!(told(&[".x", "x."]), (true, vec![0, 1], vec![]));
    }
}
