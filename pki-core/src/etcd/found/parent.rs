//! Which program is the service's main process in the place of etcd, and whether etcd can tell systemd that it is ready.

/// A program that started etcd, and did not become etcd itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// What a program does once it has started another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It waits for the other.
    Stays,
    /// It waits, or becomes the other: that depends on which shell `sh` is.
    MayStay,
    /// It ends.
    Leaves,
}

/// What a program does once it has started another; `None` if it becomes the other. `own` has its own options.
pub(crate) fn role(name: &str, own: &[&str]) -> Option<Role> {
    let has = |letter: char, names: &[&str]| {
        own.iter().any(|word| match word.strip_prefix("--") {
            Some(long) => names.contains(&long.split('=').next().unwrap_or_default()),
            None => word.strip_prefix('-').is_some_and(|letters| letters.contains(letter)),
        })
    };
    let stays = |stays: bool| stays.then_some(Role::Stays);
    match name {
        "timeout" | "tini" | "tini-static" | "dumb-init" | "catatonit" | "ltrace" | "time" | "cpulimit" => {
            stays(true)
        }
        "sudo" | "su" | "runuser" | "dbus-run-session" | "systemd-inhibit" | "catchsegv" => stays(true),
        "flock" => stays(!has('F', &["no-fork"])),
        "unshare" => stays(has('f', &["fork", "kill-child"])),
        "nsenter" => stays(has('p', &["pid"]) && !has('F', &["no-fork"])),
        "strace" => stays(!has('D', &["daemonize"])),
        "systemd-run" if has('\0', &["scope"]) => None,
        // Else etcd is a service of its own.
        "systemd-run" if has('t', &["wait", "pty", "pipe"]) || has('P', &[]) => Some(Role::Stays),
        "systemd-run" => Some(Role::Leaves),
        // systemd makes each service the leader of a group of processes, so setsid(1) always forks.
        "setsid" if has('w', &["wait"]) => Some(Role::Stays),
        "setsid" | "daemonize" => Some(Role::Leaves),
        "start-stop-daemon" => has('b', &["background"]).then_some(Role::Leaves),
        _ => None,
    }
}

/// What a shell does with the last of its commands, if nothing more is to be done after it.
pub(crate) fn role_of_shell(name: &str) -> Option<Role> {
    match name {
        "bash" | "zsh" | "ksh" => None,
        "dash" => Some(Role::Stays),
        _ => Some(Role::MayStay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As util-linux 2.38, coreutils 9.1 and dpkg 1.21 were seen to do it below systemd 252.
    #[test]
    fn some_programs_become_what_they_start() {
        for (line, expected) in [
            ("timeout --foreground 10", Some(Role::Stays)),
            ("flock /run/l", Some(Role::Stays)),
            ("flock -nF /run/l", None),
            ("flock --no-fork /run/l", None),
            ("unshare --uts", None),
            ("unshare --uts --fork", Some(Role::Stays)),
            ("unshare -pf", Some(Role::Stays)),
            ("unshare --pid --kill-child=TERM", Some(Role::Stays)),
            ("nsenter -t 1 -m", None),
            ("nsenter -t 1 -p", Some(Role::Stays)),
            ("nsenter -t 1 -p -F", None),
            ("setsid", Some(Role::Leaves)),
            ("setsid -w", Some(Role::Stays)),
            ("start-stop-daemon --start", None),
            ("start-stop-daemon --start -b", Some(Role::Leaves)),
            ("systemd-run --scope", None),
            ("setpriv --reuid=0", None),
            ("env -i", None),
            ("nice -n 5", None),
            ("runuser -u etcd", Some(Role::Stays)),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(role(words[0], &words[1..]), expected, "{line}");
        }
    }
}
