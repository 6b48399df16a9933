//! Programs that start another program: their options, and then the command.

/// A program whose last words are another program's command line.
pub(crate) struct Wrapper {
    names: &'static [&'static str],
    /// The letters of the options that have a value.
    short: &'static str,
    /// The names of the options whose value may be the next word.
    long: &'static [&'static str],
    /// The number of words between the options and the command.
    pub(crate) operands: usize,
}

const fn plain(names: &'static [&'static str]) -> Wrapper {
    with_options(names, "", &[])
}

const fn with_options(
    names: &'static [&'static str],
    short: &'static str,
    long: &'static [&'static str],
) -> Wrapper {
    Wrapper { names, short, long, operands: 0 }
}

const fn behind(
    operands: usize,
    names: &'static [&'static str],
    short: &'static str,
    long: &'static [&'static str],
) -> Wrapper {
    Wrapper { names, short, long, operands }
}

/// The programs, by the synopses of their manuals. `env`, `su`, shells and container engines are read apart.
const WRAPPERS: &[Wrapper] = &[
    plain(&[
        "builtin",
        "busybox",
        "catatonit",
        "catchsegv",
        "command",
        "dbus-run-session",
        "nohup",
        "setsid",
    ]),
    plain(&["fghack", "ltrace", "pgrphack", "linux32", "linux64", "valgrind", "authbind", "systemd-inhibit"]),
    with_options(&["nice"], "n", &["adjustment"]),
    with_options(&["ionice"], "cnpPu", &["class", "classdata", "pid", "pgid", "uid"]),
    with_options(
        &["numactl"],
        "ipPNCmw",
        &[
            "interleave",
            "preferred",
            "cpunodebind",
            "physcpubind",
            "membind",
            "weighted-interleave",
            "preferred-many",
        ],
    ),
    with_options(
        &["sudo"],
        "ugpCDRThUrtac",
        &[
            "user",
            "group",
            "prompt",
            "close-from",
            "chdir",
            "chroot",
            "command-timeout",
            "host",
            "other-user",
            "role",
            "type",
        ],
    ),
    with_options(&["doas"], "uC", &[]),
    with_options(
        &["setpriv"],
        "",
        &[
            "reuid",
            "regid",
            "ruid",
            "rgid",
            "euid",
            "egid",
            "groups",
            "inh-caps",
            "ambient-caps",
            "bounding-set",
            "securebits",
            "selinux-label",
            "apparmor-profile",
            "pdeathsig",
        ],
    ),
    with_options(&["chpst"], "uUbe/nlLmdopfctCr", &[]),
    with_options(&["softlimit"], "acdflmoprst", &[]),
    with_options(&["stdbuf"], "ioe", &["input", "output", "error"]),
    with_options(
        &["systemd-cat"],
        "tp",
        &["identifier", "priority", "stderr-priority", "level-prefix", "namespace"],
    ),
    with_options(
        &["systemd-run"],
        "pEuHM",
        &[
            "property",
            "setenv",
            "unit",
            "slice",
            "description",
            "uid",
            "gid",
            "nice",
            "working-directory",
            "service-type",
            "host",
            "machine",
        ],
    ),
    with_options(&["screen"], "cehLpsStT", &[]),
    with_options(&["daemon", "start_daemon"], "nuUpN", &["user", "pidfile", "check", "name", "output"]),
    with_options(&["exec"], "a", &[]),
    with_options(&["time"], "of", &["output", "format"]),
    with_options(&["tini", "tini-static"], "pe", &[]),
    with_options(&["dumb-init"], "r", &["rewrite"]),
    with_options(&["unshare"], "SGRw", &["setuid", "setgid", "root", "wd"]),
    with_options(&["nsenter"], "tSGW", &["target", "setuid", "setgid"]),
    with_options(&["cgexec"], "g", &[]),
    with_options(&["cpulimit"], "lpeP", &["limit", "pid", "exe", "path"]),
    with_options(&["strace"], "abeEopsSuOPXI", &[]),
    with_options(&["daemonize"], "aceopulE", &[]),
    with_options(&["prlimit"], "p", &["pid"]),
    behind(1, &["su-exec", "gosu", "setuidgid", "s6-setuidgid", "s6-envdir", "envdir", "faketime"], "", &[]),
    behind(1, &["envuidgid", "s6-envuidgid", "setarch"], "", &[]),
    behind(1, &["setlock"], "", &[]),
    behind(1, &["chroot"], "", &["userspec", "groups"]),
    behind(1, &["timeout"], "ks", &["kill-after", "signal"]),
    behind(1, &["taskset"], "", &[]),
    behind(1, &["chrt"], "TPD", &["sched-runtime", "sched-period", "sched-deadline"]),
    behind(1, &["flock"], "wE", &["timeout", "wait", "conflict-exit-code"]),
];

impl Wrapper {
    /// The program with a name; `None` if it starts no other program, as far as is known here.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&name))
    }

    /// The number of words from the program's name to the end of its options.
    pub(crate) fn options<'a>(&self, words: impl Iterator<Item = &'a str>) -> usize {
        options(words, self.short, self.long)
    }
}

/// The number of words from a program's name to the end of its options, by the rules of getopt(3): `--` ends them,
/// letters may stand together, and a value may follow its letter or be the next word.
pub(crate) fn options<'a>(words: impl Iterator<Item = &'a str>, short: &str, long: &[&str]) -> usize {
    let mut count = 1;
    let mut words = words.skip(1).peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            return count + 1;
        }
        let takes_next = match (word.strip_prefix("--"), word.strip_prefix('-')) {
            (Some(name), _) => long.contains(&name),
            (None, Some(letters)) if !letters.is_empty() => {
                let with_value = letters.char_indices().find(|(_, letter)| short.contains(*letter));
                with_value.is_some_and(|(at, letter)| at + letter.len_utf8() == letters.len())
            }
            _ => return count,
        };
        count += 1;
        if takes_next && words.next().is_some() {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words behind the options and operands of the wrapper that begins the line.
    fn command(line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let wrapper = Wrapper::find(words[0]).unwrap();
        words[wrapper.options(words.iter().copied()) + wrapper.operands..].join(" ")
    }

    #[test]
    fn the_options_of_a_wrapper_are_not_those_of_the_command() {
        for line in [
            "nice -n 5 etcd -x",
            "nice -n5 etcd -x",
            "nice -5 etcd -x",
            "nice --adjustment=5 -- etcd -x",
            "ionice -c2 -n0 -t etcd -x",
            "numactl --interleave all --cpunodebind=0 etcd -x",
            "numactl -N 0 -m 0 -- etcd -x",
            "setpriv --reuid=1 --regid 1 --init-groups etcd -x",
            "chpst -v -u etcd:etcd -e ./env -o 65536 etcd -x",
            "chroot --userspec=1:1 /srv/root etcd -x",
            "timeout -k 5s --signal TERM 1h etcd -x",
            "taskset -c 0,1 etcd -x",
            "stdbuf -oL -e 0 etcd -x",
            "systemd-cat -t etcd --priority=info etcd -x",
            "su-exec etcd:etcd etcd -x",
            "exec -a name etcd -x",
            "sudo -E -u etcd -- etcd -x",
            "flock -n /run/lock etcd -x",
        ] {
            assert_eq!(command(line), "etcd -x", "{line}");
        }
        assert_eq!(options(["nice", "-n"].into_iter(), "n", &[]), 2);
    }
}
