//! Somebody who writes while others change the cluster: writers of six kinds. Each tries one value for 1 second, and again
//! until it is acknowledged, but not longer than 10 seconds, or 10 attempts if the machine is so busy that they last longer.
//!
//! The suite takes two of them. `ETCDPKI_WRITERS=all` takes all six.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::command::{Running, until};
use super::live::{Cluster, PATIENCE};
use super::programs::{Etcd, find};

/// What every writer does. The settings are read for each attempt, because they name the members.
const WRITE: &str = r#"
n=0 failed=0 erred=0
ctl() { "$ETCDCTL" --command-timeout=1s --dial-timeout=1s "$@"; }
begin
until test -e "$HOME/stop"; do
    n=$((n + 1)) done= tries=0
    end=$(($(date +%s) + 10))
    # A busy machine may stop all of this for seconds.
    while test "$(date +%s)" -le "$end" || test "$tries" -lt 10; do
        tries=$((tries + 1))
        if (cd "$CLIENT" && . ./etcdctl.env && attempt "$KIND/$n" "$n") > /dev/null 2>> "$HOME/errors.$KIND"; then
            done=yes
            break
        fi
        erred=$((erred + 1))
    done
    if test "$done"; then echo "$KIND/$n" >> "$HOME/acknowledged.$KIND"; else failed=$((failed + 1)); fi
    sleep 0.5
done
echo "$n $failed $erred"
"#;

/// The kinds: the name, how it begins, and an attempt to write the value `$2` at the key `$1`.
const KINDS: [(&str, &str, &str); 6] = [
    // A process for each attempt, hence a connection.
    ("put", "", r#"ctl put "$1" "$2""#),
    // A watch that stays open makes a stop of etcd 3.5 last 8 seconds.
    (
        "watch",
        r#"(cd "$CLIENT" && . ./etcdctl.env && exec setpriv --pdeathsig=KILL "$ETCDCTL" watch watch/ --prefix) > "$HOME/seen" 2> /dev/null &"#,
        r#"ctl put "$1" "$2""#,
    ),
    ("txn", "", r#"printf 'ver("%s") = "0"\n\nput %s %s\n\nget %s\n\n' "$1" "$1" "$2" "$1" | ctl txn"#),
    ("lease", "", r#"ctl put "$1" "$2" --lease="$(ctl lease grant 3600 | cut -d " " -f 2)""#),
    // JSON over HTTP, at one member after the other.
    (
        "gateway",
        "",
        r#"
            data="{\"key\":\"$(printf %s "$1" | base64)\",\"value\":\"$(printf %s "$2" | base64)\"}"
            for endpoint in $(echo "$ETCDCTL_ENDPOINTS" | tr , " "); do
                curl -sf --max-time 1 --cacert "$ETCDCTL_CACERT" --cert "$ETCDCTL_CERT" --key "$ETCDCTL_KEY" \
                    "$endpoint/v3/kv/put" -d "$data" && exit 0
            done
            exit 1"#,
    ),
    // One member only: such a client sees the outage of this member, which is only told.
    (
        "pinned",
        "",
        r#"ETCDCTL_ENDPOINTS="${ETCDCTL_ENDPOINTS%%,*}"; export ETCDCTL_ENDPOINTS; ctl put "$1" "$2""#,
    ),
];

/// How many of the kinds the suite takes without being asked for all.
const USUAL: usize = 2;

pub struct Writers {
    processes: Vec<(&'static str, Running)>,
    version: String,
    home: TempDir,
}

impl Writers {
    /// Begins, and returns when each has written something.
    #[track_caller]
    pub fn begin(cluster: &Cluster, etcd: &Etcd) -> Self {
        let home = tempfile::tempdir().unwrap();
        let is_all = std::env::var_os("ETCDPKI_WRITERS").is_some_and(|value| value == "all");
        // In the layout of these clusters, etcd 3.4 has no gateway.
        let is_there =
            |kind: &str| kind != "gateway" || !etcd.version.starts_with("3.4.") && find("curl").is_ok();
        let kinds = KINDS.iter().take(if is_all { KINDS.len() } else { USUAL });
        let spawn = |(kind, begin, attempt): &(&'static str, &str, &str)| {
            let script = format!("begin() {{ :; {begin}\n}}\nattempt() {{ {attempt}\n}}\n{WRITE}");
            let mut command = Command::new("sh");
            command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.path()).env("KIND", kind);
            command.env("CLIENT", cluster.tree.path("clients/root")).env("ETCDCTL", &etcd.etcdctl);
            command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped());
            (*kind, Running::spawn(&mut command))
        };
        let processes = kinds.filter(|(kind, ..)| is_there(kind)).map(spawn).collect();
        let writers = Self { processes, version: etcd.version.clone(), home };
        for (kind, _) in &writers.processes {
            let begun = until(PATIENCE, || writers.at("acknowledged", kind).exists().then_some(()));
            assert!(begun.is_some(), "{kind} writes nothing: {}", writers.note("errors", kind));
        }
        writers
    }

    fn at(&self, what: &str, kind: &str) -> PathBuf {
        self.home.path().join(format!("{what}.{kind}"))
    }

    fn note(&self, what: &str, kind: &str) -> String {
        fs::read_to_string(self.at(what, kind)).unwrap_or_default()
    }

    /// Ends: nothing failed but at a single member, and every member has what was acknowledged.
    #[track_caller]
    pub fn end(mut self, cluster: &Cluster) {
        fs::write(self.home.path().join("stop"), "").unwrap();
        let mut processes = std::mem::take(&mut self.processes);
        for (kind, process) in &mut processes {
            let ended = until(PATIENCE, || process.0.try_wait().unwrap());
            assert!(ended.is_some(), "{kind} goes on");
            let mut said = String::new();
            process.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            let [written, failed, erred] = numbers(&said)[..] else { panic!("{kind}: {said:?}") };
            eprintln!(
                "etcd {}: {kind}: {written} values, {failed} failed, {erred} attempts erred",
                self.version
            );
            let told = self.note("errors", kind);
            assert!(failed == 0 || *kind == "pinned", "{kind}: {failed} of {written} failed: {told}");
            let acknowledged = self.note("acknowledged", kind);
            assert!(acknowledged.lines().count() > 1, "{kind} wrote nothing");
            for which in 0..cluster.members.len() {
                let endpoint = cluster.endpoints(|member| member == which);
                let get = ["get", &format!("{kind}/"), "--prefix", "--keys-only"];
                let keys = cluster.etcdctl_at(&endpoint, &get).ok().stdout;
                let keys: BTreeSet<&str> = keys.lines().collect();
                let lost: Vec<&str> = acknowledged.lines().filter(|key| !keys.contains(key)).collect();
                assert!(lost.is_empty(), "{kind}: {endpoint} lacks {lost:?}");
            }
        }
    }
}

fn numbers(text: &str) -> Vec<u32> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}
