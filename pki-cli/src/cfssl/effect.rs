//! What each flag does in each job of cfssl's commands.
//!
//! cfssl accepts every flag in every command and passes over those that a command does not use. Here such a flag is told,
//! and one that asks for what etcdpki cannot do is refused. This table decides about each pair, and the help and the
//! warnings follow it.

/// What a flag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It counts.
    Acts,
    /// It is an error, with a message of its own.
    Refused,
    /// It changes nothing, and this is told.
    None,
}

/// What a command does, as far as its flags decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Job {
    command: &'static str,
    /// The flags that select it.
    by: &'static [&'static str],
}

/// The jobs of all commands. Of the jobs of a command the first counts whose flags are given.
const JOBS: [Job; 23] = [
    Job { command: "bundle", by: &["cert"] },
    Job { command: "bundle", by: &[] },
    Job { command: "certinfo", by: &["cert"] },
    Job { command: "certinfo", by: &["csr"] },
    Job { command: "certinfo", by: &[] },
    Job { command: "gencert", by: &["renewca"] },
    Job { command: "gencert", by: &["from"] },
    Job { command: "gencert", by: &["initca", "ca-key"] },
    Job { command: "gencert", by: &["initca"] },
    Job { command: "gencert", by: &["into"] },
    Job { command: "gencert", by: &[] },
    Job { command: "gencrl", by: &[] },
    Job { command: "gencsr", by: &[] },
    Job { command: "genkey", by: &["initca"] },
    Job { command: "genkey", by: &[] },
    Job { command: "info", by: &[] },
    Job { command: "initca", by: &["ca-key"] },
    Job { command: "initca", by: &[] },
    Job { command: "print-defaults", by: &[] },
    Job { command: "selfsign", by: &[] },
    Job { command: "sign", by: &["into"] },
    Job { command: "sign", by: &[] },
    Job { command: "version", by: &[] },
];

/// The effect of each flag: one letter for each of the `JOBS`, those of a command together. `a`: the flag acts, `r`: it is
/// refused, `.`: it has no effect. A flag that selects a job acts in the command itself too.
#[rustfmt::skip]
const EFFECTS: [(&str, &str); 68] = [
    ("address",                ".. ... ...... . . .. . .. . . .. ."),
    ("aki",                    ".. ..r ...... . . .. . .. . . .. ."),
    ("authkey",                ".. ... ...... . . .. . .. . . .. ."),
    ("bare",                   ".. ... aaaara a a aa . aa . a ra ."),
    ("ca",                     ".. ... aa..aa . . .. a .. . . aa ."),
    ("ca-bundle",              "aa ... ...... . . .. . .. . . .. ."),
    ("ca-key",                 ".. ... aaaaaa . . .. a aa . . aa ."),
    ("cert",                   "aa a.a ...... . a .. . .. . . .. ."),
    ("cn",                     ".. ... .raara . a .. . aa . . r. ."),
    ("config",                 ".. ... ....aa . . .. a .. . a aa ."),
    ("crl",                    ".. ... .r..aa a . .. . .. . . aa ."),
    ("csr",                    ".. .aa ...... . . .. . .. . . .a ."),
    ("csv",                    ".. ... ...... . . .. . .. . . .. ."),
    ("db-config",              ".. ..r rrrrrr r . .. r .. . . rr ."),
    ("disable",                ".. ... ...... . . .. . .. . . .. ."),
    ("domain",                 ".r ..r ...... . . .. . .. . . .. ."),
    ("encrypt",                ".. ... ...ara . . aa . .a . a r. ."),
    ("expiry",                 ".. ... ...... . . .. . .. . . .. ."),
    ("family",                 ".. ... ...... . . .. . .. . . .. ."),
    ("flavor",                 "aa ... ...... . . .. . .. . . .. ."),
    ("force",                  ".. ... aaaaaa a a aa . aa . a aa ."),
    ("from",                   ".. ... .a...a . . .. . .. . . .. ."),
    ("full",                   ".. a.a ...... . . .. . .. . . .. ."),
    ("hostname",               ".. ... .r..ra . a .. . .. . a ra ."),
    ("initca",                 ".. ... ..aa.a . . aa . .. . . .. ."),
    ("int-bundle",             "aa ... ...... . . .. . .. . . .. ."),
    ("int-dir",                "rr ... ...... . . .. . .. . . .. ."),
    ("intermediates",          ".. ... ...... . . .. . .. . . .. ."),
    ("interval",               ".. ... ...... . . .. . .. . . .. ."),
    ("into",                   "rr rrr rrrraa r r rr r rr r r aa r"),
    ("ip",                     ".. ... ...... . . .. . .. . . .. ."),
    ("key",                    "aa ... .a.... . a .. . .. . . .. ."),
    ("label",                  ".. ... ...... . . .. . .. . . .. ."),
    ("list",                   ".. ... ...... . . .. . .. . . .. ."),
    ("loglevel",               "aa aaa aaaaaa a a aa a aa a a aa a"),
    ("max-hosts",              ".. ... ...... . . .. . .. . . .. ."),
    ("metadata",               "rr ... ...... . . .. . .. . . .. ."),
    ("min-tls-version",        ".. ... ...... . . .. . .. . . .. ."),
    ("mutual-tls-ca",          ".. ... ...... . . .. . .. . . .. ."),
    ("mutual-tls-client-cert", ".. ... ...... . . .. . .. . . .. ."),
    ("mutual-tls-client-key",  ".. ... ...... . . .. . .. . . .. ."),
    ("mutual-tls-cn",          ".. ... ...... . . .. . .. . . .. ."),
    ("num-workers",            ".. ... ...... . . .. . .. . . .. ."),
    ("number",                 ".. ... ...... a . .. . .. . . .. ."),
    ("password",               ".. ... ...... . . .. . .. . . .. ."),
    ("path",                   ".. ... ...... . . .. . .. . . .. ."),
    ("pem",                    ".. ... ...... a . .. . .. . . .. ."),
    ("pgp-name",               ".. ... ...... . . .. . .. . . .. ."),
    ("pgp-private",            ".. ... ...... . . .. . .. . . .. ."),
    ("pkcs8",                  ".. ... ...a.a . . aa . .a . a .. ."),
    ("port",                   ".. ... ...... . . .. . .. . . .. ."),
    ("profile",                ".. ... .r..aa . . .. a .. . a aa ."),
    ("reason",                 ".. ... ...... . . .. . .. . . .. ."),
    ("remote",                 ".. ... rrrrrr r . .. r .. . . rr ."),
    ("renewca",                ".. ... a....a . . .. . .. . . .. ."),
    ("responder",              ".. ... ...... . . .. . .. . . .. ."),
    ("responder-key",          ".. ... ...... . . .. . .. . . .. ."),
    ("responses",              ".. ... ...... . . .. . .. . . .. ."),
    ("revoked-at",             ".. ... ...... . . .. . .. . . .. ."),
    ("scanner",                ".. ... ...... . . .. . .. . . .. ."),
    ("serial",                 ".. ..r ...... . . .. . .. . . .. ."),
    ("status",                 ".. ... ...... . . .. . .. . . .. ."),
    ("text",                   ".. aaa ...... . . .. . .. . . .. ."),
    ("timeout",                ".. ... ...... . . .. . .. . . .. ."),
    ("tls-cert",               ".. ... ...... . . .. . .. . . .. ."),
    ("tls-key",                ".. ... ...... . . .. . .. . . .. ."),
    ("tls-remote-ca",          ".. ... ...... . . .. . .. . . .. ."),
    ("usage",                  ".. ... ...... . . .. . .. . . .. ."),
];

impl Job {
    /// The job of a command whose flags `is_on` knows. `None` if there is no such command.
    pub(crate) fn of(command: &str, is_on: impl Fn(&str) -> bool) -> Option<&'static Self> {
        JOBS.iter().find(|job| job.command == command && job.by.iter().all(|flag| is_on(flag)))
    }

    /// Its name for messages, as in `gencert -initca`.
    pub(crate) fn name(&self) -> String {
        let flags = self.by.iter().map(|flag| format!(" -{flag}"));
        std::iter::once(self.command.to_owned()).chain(flags).collect()
    }

    /// Whether this flag is one of those that select it.
    pub(crate) fn is_by(&self, flag: &str) -> bool {
        self.by.contains(&flag)
    }

    /// What `flag` does in it.
    pub(crate) fn effect(&self, flag: &str) -> Effect {
        let column = JOBS.iter().position(|job| job == self);
        let row = EFFECTS.iter().find(|(name, _)| *name == flag);
        let letter = row
            .zip(column)
            .and_then(|((_, letters), column)| letters.chars().filter(|letter| *letter != ' ').nth(column));
        match letter {
            Some('a') => Effect::Acts,
            Some('r') => Effect::Refused,
            _ => Effect::None,
        }
    }
}

/// Whether a flag acts in any job of a command.
pub(crate) fn acts(command: &str, flag: &str) -> bool {
    JOBS.iter().any(|job| job.command == command && job.effect(flag) == Effect::Acts)
}

#[cfg(test)]
mod tests;
