//! cfssl's commands with cfssl's flags.

mod bundle;
mod certinfo;
mod command;
mod flags;
mod gencert;
mod gencrl;
mod input;
mod into;
pub(crate) mod json;
pub(crate) mod link;
mod log;
pub(crate) mod mkbundle;
mod output;
mod print_defaults;
mod sign;

use std::ffi::OsString;

use crate::failure::Failure;
use crate::goflag::{self, FlagError};
use crate::io::Io;
use command::{Call, Command, Run};

/// cfssl's commands, and `initca`, in the order of their names.
pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "bundle",
        about: "find the chain from a certificate to a root",
        usage: "bundle -cert FILE [-ca-bundle ROOTS] [-int-bundle FILE] [-key KEY] \
                [-flavor ubiquitous | optimal | force]",
        example: "etcdpki bundle -cert server.pem -ca-bundle ca.pem -int-bundle intermediate.pem",
        flags: &["cert", "ca-bundle", "int-bundle", "key", "flavor"],
        run: Run::Provided(bundle::run),
    },
    Command {
        name: "certinfo",
        about: "describe a certificate or a request as JSON",
        usage: "certinfo [-full] -cert FILE\n  certinfo -csr FILE\n\n\
                FILE may be - for standard input. -full describes everything, and a bundle as a list.",
        example: "etcdpki certinfo -full -cert server.pem",
        flags: &["cert", "csr", "full"],
        run: Run::Provided(certinfo::run),
    },
    Command {
        name: "gencert",
        about: "make a key and a certificate",
        usage: "gencert -initca [-ca-key KEY] [-cn CN] CSRJSON\n  \
                gencert -renewca -ca CERT -ca-key KEY\n  \
                gencert -ca CERT -ca-key KEY [-config FILE] [-profile NAME] [-hostname LIST] [-cn CN] CSRJSON\n  \
                gencert -from OLDCERT -ca CERT -ca-key KEY\n  \
                gencert -into DIR -ca CERT -ca-key KEY [-config FILE] [-profile NAME] CSRJSON...",
        example: "etcdpki gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=peer peer.json \
                  | etcdpki json -bare peer",
        flags: &[
            "initca", "renewca", "from", "key", "ca", "ca-key", "config", "profile", "hostname", "cn", "crl",
            "bare", "into", "force", "encrypt",
        ],
        run: Run::Provided(gencert::run),
    },
    Command {
        name: "genkey",
        about: "make a key and a certificate request",
        usage: "genkey [-initca] CSRJSON",
        example: "etcdpki genkey csr.json | etcdpki json -bare server",
        flags: &["initca", "config", "bare", "force", "encrypt"],
        run: Run::Provided(gencert::run_genkey),
    },
    Command {
        name: "gencrl",
        about: "make a certificate revocation list",
        usage: "gencrl [-crl OLD] [-number N] [-pem | -bare NAME] SERIALS CERT KEY [LIFETIME]\n\n\
                A line of SERIALS is: SERIAL [REASON [DATE]]; a certificate's own file will do too.\n\
                -crl names the list before, which is taken over.",
        example: "etcdpki gencrl -bare ca -crl ca.crl old-member.pem ca.pem ca-key.pem 30d",
        flags: &["crl", "number", "pem", "bare"],
        run: Run::Provided(gencrl::run),
    },
    Command {
        name: "gencsr",
        about: "make a certificate request for a key that exists",
        usage: "gencsr -key KEY [-hostname LIST] CSRJSON\n  gencsr -key KEY -cert CERT",
        example: "etcdpki gencsr -key server-key.pem -cert server.pem -bare server",
        flags: &["key", "cert", "hostname", "cn", "bare", "force"],
        run: Run::Provided(sign::run_gencsr),
    },
    Command {
        name: "info",
        about: "tell a CA's certificate and what a profile says, as JSON",
        usage: "info -config FILE -ca CERT -ca-key KEY [-profile NAME]",
        example: "etcdpki info -config ca-config.json -profile peer -ca ca.pem -ca-key ca-key.pem",
        flags: &["config", "ca", "ca-key", "profile"],
        run: Run::Provided(sign::run_info),
    },
    Command {
        name: "initca",
        about: "make a self-signed CA: gencert -initca",
        usage: "initca [-ca-key KEY] [-cn CN] CSRJSON",
        example: "etcdpki initca ca-csr.json | etcdpki json -bare ca",
        flags: &["ca-key", "cn", "bare", "force", "encrypt"],
        run: Run::Provided(gencert::run_initca),
    },
    Command {
        name: "print-defaults",
        about: "print a template to start from",
        usage: "print-defaults config | csr | list",
        example: "etcdpki print-defaults config >ca-config.json",
        flags: &[],
        run: Run::Provided(print_defaults::run),
    },
    Command {
        name: "selfsign",
        about: "make a key and a self-signed certificate, for tests",
        usage: "selfsign [-config FILE] [-profile NAME] HOSTNAME CSRJSON",
        example: "etcdpki selfsign localhost csr.json | etcdpki json -bare test",
        flags: &["config", "profile", "hostname", "bare", "force", "encrypt"],
        run: Run::Provided(sign::run_selfsign),
    },
    Command {
        name: "sign",
        about: "sign a certificate request",
        usage: "sign -ca CERT -ca-key KEY [-config FILE] [-profile NAME] [-hostname LIST] CSR [SUBJECT]\n  \
                sign -ca CERT -ca-key KEY ... -csr CSR [SUBJECT]\n  \
                sign -ca CERT -ca-key KEY ... -into DIR CSR...",
        example: "etcdpki sign -ca ca.pem -ca-key ca-key.pem -config ca-config.json -profile server server.csr",
        flags: &["ca", "ca-key", "config", "profile", "hostname", "csr", "crl", "bare", "into", "force"],
        run: Run::Provided(sign::run),
    },
    Command {
        name: "version",
        about: "print the version",
        usage: "version",
        example: "etcdpki version",
        flags: &[],
        run: Run::Provided(output::version),
    },
    Command::missing(
        "crl",
        "there is no certificate database: list serial numbers in a file and use `gencrl`",
    ),
    Command::missing("ocspdump", "there is no certificate database"),
    Command::missing("ocsprefresh", "there is no certificate database"),
    Command::missing("ocspserve", "use `openssl ocsp`"),
    Command::missing("ocspsign", "use `openssl ocsp`"),
    Command::missing(
        "revoke",
        "there is no certificate database: give the certificate, or a list of serial numbers and reasons, to `gencrl`",
    ),
    Command::missing("scan", "use `openssl s_client -connect`"),
    Command::missing("serve", "etcdpki works on local files: use `gencert`"),
];

/// Whether cfssl has a command of that name.
pub(crate) fn is_command(name: &str) -> bool {
    COMMANDS.iter().any(|command| command.name == name)
}

/// Runs `cfssl` with `args`, which do not hold the program's name.
pub(crate) fn run(args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
    let mut args = args.into_iter();
    let Some(first) = args.next() else {
        return Err(Failure::user("No command is given.").hint(command::overview()));
    };
    let name = first.to_string_lossy();
    if matches!(&*name, "-h" | "-help" | "--help") {
        return output::print(io, command::overview().as_bytes());
    }
    if name.starts_with('-') {
        return Err(Failure::usage(format!("flag provided but not defined: {name}"))
            .hint("flags stand behind the command: etcdpki COMMAND -flag"));
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        let near = pki_core::base::near(&name, COMMANDS.iter().map(|command| command.name));
        let hint = near.map_or_else(command::overview, |near| format!("did you mean {near}?"));
        return Err(Failure::user(format!("Command {name} is not defined.")).hint(hint));
    };
    command.call(args.collect(), io)
}

/// Runs `cfssl-certinfo`.
pub(crate) fn run_certinfo(args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
    match parsed("cfssl-certinfo -cert FILE", flags::CERTINFO_FLAGS, args, io)? {
        Some(flags) => certinfo::run(&Call::without_config(flags), io),
        None => Ok(()),
    }
}

/// Runs `cfssl-newkey`.
pub(crate) fn run_newkey(args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
    match parsed("cfssl-newkey [-initca] CSRJSON", flags::NEWKEY_FLAGS, args, io)? {
        Some(flags) => gencert::run_genkey(&Call::without_config(flags), io),
        None => Ok(()),
    }
}

/// The flags of a program of its own; nothing if only the help was wanted, which is printed.
fn parsed(
    usage: &str,
    table: &[goflag::Flag],
    args: Vec<OsString>,
    io: &mut Io<'_>,
) -> Result<Option<goflag::Parsed>, Failure> {
    match goflag::parse(table, args) {
        Ok(flags) => match flags.misplaced() {
            Some(flag) => Err(command::misplaced(flag)),
            None => Ok(Some(flags)),
        },
        Err(FlagError::HelpRequested) => {
            let help = format!("Usage: {usage}\n\nFlags:\n{}", goflag::render_help(table));
            output::print(io, help.as_bytes())?;
            Ok(None)
        }
        Err(error) => Err(command::flag_failure(&error, usage.split(' ').next().unwrap_or_default())),
    }
}
