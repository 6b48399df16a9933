//! Finds out whether members make up a majority, as raft needs it, from which member can dial which.
//!
//! A message goes to a member over the stream that this member has dialled, or, while there is none, in a request of
//! its own (etcd, server/etcdserver/api/rafthttp/peer.go, `pick`). So two members talk, in both directions, as soon as
//! one of them can dial the other. A member can lead if it reaches a majority of all members, counting itself: those who
//! voted for it are those who follow it. A leader does not forward messages between others.

/// Members, by number, and which of them can dial which.
#[derive(Debug, Clone)]
pub(crate) struct Quorum {
    runs: Vec<bool>,
    /// Whether one member can dial another: by the member that dials, then by the one that listens.
    dials: Vec<Vec<bool>>,
    /// How many members each member reaches, counting itself; 0 if it does not run.
    reach: Vec<usize>,
}

impl Quorum {
    /// `runs` says which members start, and `dials` which of them can dial which.
    pub(crate) fn new(runs: Vec<bool>, dials: Vec<Vec<bool>>) -> Self {
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
    pub(crate) fn size(&self) -> usize {
        self.runs.len()
    }

    /// The number of members that make up a majority.
    pub(crate) fn majority(&self) -> usize {
        self.size() / 2 + 1
    }

    /// Whether a member starts.
    pub(crate) fn runs(&self, member: usize) -> bool {
        self.runs.get(member).copied().unwrap_or_default()
    }

    fn dials(&self, from: usize, to: usize) -> bool {
        self.dials.get(from).and_then(|row| row.get(to)).copied().unwrap_or_default()
    }

    /// Whether messages go both ways between two members.
    pub(crate) fn talk(&self, a: usize, b: usize) -> bool {
        self.runs(a) && self.runs(b) && (self.dials(a, b) || self.dials(b, a))
    }

    /// The members that can lead after `lost` is gone.
    pub(crate) fn leaders(&self, lost: Option<usize>) -> impl Iterator<Item = usize> {
        self.reach.iter().enumerate().filter_map(move |(member, reach)| {
            let without = lost.is_some_and(|lost| lost != member && self.talk(member, lost));
            let is_enough = reach.saturating_sub(usize::from(without)) >= self.majority();
            (self.runs(member) && lost != Some(member) && is_enough).then_some(member)
        })
    }

    /// Whether some member can lead while all that start are running.
    pub(crate) fn forms(&self) -> bool {
        self.leaders(None).next().is_some()
    }

    /// The members without any of which no member can lead.
    pub(crate) fn fatal_losses(&self) -> impl Iterator<Item = usize> {
        (0..self.size()).filter(|lost| self.runs(*lost) && self.leaders(Some(*lost)).next().is_none())
    }

    /// The members that run and cannot talk to any member that can lead.
    pub(crate) fn stranded(&self) -> impl Iterator<Item = usize> {
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

    /// Which member can dial which, with a row for each member that dials: `x` stands for a connection that succeeds.
    /// Members with `!` do not run.
    fn quorum(rows: &[&str]) -> Quorum {
        let runs = rows.iter().map(|row| !row.contains('!')).collect();
        let dials = rows.iter().map(|row| row.bytes().map(|c| c == b'x').collect()).collect();
        Quorum::new(runs, dials)
    }

    fn outcome(rows: &[&str]) -> (bool, Vec<usize>, Vec<usize>) {
        let quorum = quorum(rows);
        (quorum.forms(), quorum.fatal_losses().collect(), quorum.stranded().collect())
    }

    #[test]
    fn a_full_mesh_survives_any_loss() {
        assert_eq!(outcome(&[".xx", "x.x", "xx."]), (true, vec![], vec![]));
        assert_eq!(outcome(&[".xxxx", "x.xxx", "xx.xx", "xxx.x", "xxxx."]), (true, vec![], vec![]));
    }

    #[test]
    fn one_direction_is_enough_for_two_to_talk() {
        assert_eq!(outcome(&[".xx", "..x", "..."]), (true, vec![], vec![]));
    }

    #[test]
    fn a_star_does_not_survive_its_centre() {
        // Members on one host whose certificates have their own addresses only: everybody seems to come from the first.
        assert_eq!(outcome(&[".xx", "...", "..."]), (true, vec![0], vec![]));
        assert_eq!(outcome(&["...", "x..", "x.."]), (true, vec![0], vec![]));
        assert_eq!(outcome(&[".xxxx", ".....", ".....", ".....", "....."]), (true, vec![0], vec![]));
    }

    #[test]
    fn who_cannot_talk_to_a_leader_is_stranded() {
        assert_eq!(outcome(&[".x.", "x..", "..."]), (true, vec![0, 1], vec![2]));
        assert_eq!(outcome(&["...", "...", "..."]), (false, vec![0, 1, 2], vec![0, 1, 2]));
        // Two halves.
        assert_eq!(outcome(&[".x..", "....", "...x", "...."]), (false, vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    }

    #[test]
    fn messages_are_not_passed_on() {
        // A chain of five: without the one in the middle, nobody reaches two others.
        let chain = [".x...", "..x..", "...x.", "....x", "....."];
        assert_eq!(outcome(&chain), (true, vec![2], vec![]));
        let chain = [".x.....", "..x....", "...x...", "....x..", ".....x.", "......x", "......."];
        assert!(!quorum(&chain).forms());
    }

    #[test]
    fn who_does_not_run_counts_as_lost_already() {
        assert_eq!(outcome(&[".xx", "x.x", "!xx"]), (true, vec![0, 1], vec![]));
        assert_eq!(outcome(&["."]), (true, vec![0], vec![]));
        assert_eq!(outcome(&["!"]), (false, vec![], vec![]));
        assert!(!quorum(&["!xx", "!.x", "xx."]).forms());
    }

    #[test]
    fn two_members_need_each_other() {
        assert_eq!(outcome(&[".x", "x."]), (true, vec![0, 1], vec![]));
    }
}
