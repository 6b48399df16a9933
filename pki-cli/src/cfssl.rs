//! cfssl's commands and programs, with cfssl's flags. `docs/cfssl.md` lists what differs from cfssl.

mod bundle;
mod certinfo;
mod cfssljson;
mod command;
mod effect;
mod files;
mod flags;
mod gencert;
mod gencrl;
mod gencsr;
mod genkey;
mod goflag;
mod info;
mod initca;
mod into;
mod invocation;
mod link;
mod log;
mod mkbundle;
mod options;
mod output;
mod print_defaults;
mod read;
mod replace_keys;
mod selfsign;
mod sign;
mod tool;
mod version;

use std::ffi::OsString;

use self::command::Job;
use self::flags::{CERTINFO_FLAGS, JSON_FLAGS, LINK_FLAGS, MKBUNDLE_FLAGS, NEWKEY_FLAGS};
use self::invocation::{Invocation, refuse_misplaced};
use crate::terminal::{CommandError, Terminal, print};

pub(crate) use self::command::{Command, STATUSES};
pub(crate) use self::goflag::{Flag, Kind};
pub(crate) use self::tool::Tool;

/// cfssl's commands, and `initca`, in the order of their names.
pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "bundle",
        about: "find the chain from a certificate to a root",
        usage: "bundle -cert FILE [-ca-bundle ROOTS] [-int-bundle FILE] [-key KEY] \
                [-flavor ubiquitous | optimal | force]",
        example: "etcdpki bundle -cert server.pem -ca-bundle ca.pem -int-bundle intermediate.pem",
        job: Job::Provided(bundle::run),
    },
    Command {
        name: "certinfo",
        about: "describe a certificate or a request, as JSON or in words",
        usage: "certinfo [-full | -text] -cert FILE\n  certinfo [-text] -csr FILE\n\n\
                FILE may be - for the standard input. -full describes every field, and all certificates of a file; \
                -text tells people the same in words.",
        example: "etcdpki certinfo -full -cert server.pem",
        job: Job::Provided(certinfo::run),
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
        job: Job::Provided(gencert::run),
    },
    Command {
        name: "genkey",
        about: "make a key and a certificate request",
        usage: "genkey [-initca] CSRJSON",
        example: "etcdpki genkey csr.json | etcdpki json -bare server",
        job: Job::Provided(genkey::run),
    },
    Command {
        name: "gencrl",
        about: "make a certificate revocation list",
        usage: "gencrl [-crl OLD] [-number N] [-pem | -bare NAME [-force]] SERIALS CERT KEY [LIFETIME]\n\n\
                SERIALS is a file with a line SERIAL [REASON [DATE]] for each certificate, or the file of one\n\
                certificate. -crl names the previous revocation list, whose entries are kept.",
        example: "etcdpki gencrl -bare ca -crl ca.crl old-member.pem ca.pem ca-key.pem 30d",
        job: Job::Provided(gencrl::run),
    },
    Command {
        name: "gencsr",
        about: "make a certificate request for a key that exists",
        usage: "gencsr -key KEY [-hostname LIST] [-cn CN] CSRJSON\n  \
                gencsr -key KEY [-hostname LIST] [-cn CN] -cert CERT",
        example: "etcdpki gencsr -key server-key.pem -cert server.pem -bare server",
        job: Job::Provided(gencsr::run),
    },
    Command {
        name: "info",
        about: "print a CA's certificate and a profile's usages and expiry as JSON",
        usage: "info -config FILE -ca CERT -ca-key KEY [-profile NAME]",
        example: "etcdpki info -config ca-config.json -profile peer -ca ca.pem -ca-key ca-key.pem",
        job: Job::Provided(info::run),
    },
    Command {
        name: "initca",
        about: "make a self-signed CA, as gencert -initca does",
        usage: "initca [-ca-key KEY] [-cn CN] CSRJSON",
        example: "etcdpki initca ca-csr.json | etcdpki json -bare ca",
        job: Job::Provided(initca::run),
    },
    Command {
        name: "print-defaults",
        about: "print a template to start from",
        usage: "print-defaults config | csr | list",
        example: "etcdpki print-defaults config >ca-config.json",
        job: Job::Provided(print_defaults::run),
    },
    Command {
        name: "selfsign",
        about: "make a key and a self-signed certificate, for tests",
        usage: "selfsign [-config FILE] [-profile NAME] HOSTNAME CSRJSON",
        example: "etcdpki selfsign localhost csr.json | etcdpki json -bare test",
        job: Job::Provided(selfsign::run),
    },
    Command {
        name: "sign",
        about: "sign a certificate request",
        usage: "sign -ca CERT -ca-key KEY [-config FILE] [-profile NAME] [-hostname LIST] CSR [SUBJECT]\n  \
                sign -ca CERT -ca-key KEY ... -csr CSR [SUBJECT]\n  \
                sign -ca CERT -ca-key KEY ... -into DIR CSR...",
        example: "etcdpki sign -ca ca.pem -ca-key ca-key.pem -config ca-config.json -profile server server.csr",
        job: Job::Provided(sign::run),
    },
    Command {
        name: "version",
        about: "print the version",
        usage: "version",
        example: "etcdpki version",
        job: Job::Provided(version::run),
    },
    Command::missing(
        "crl",
        "there is no certificate database: write serial numbers into a file and give it to `gencrl`",
    ),
    Command::missing(
        "ocspdump",
        "there is no certificate database to read responses from: use `openssl ocsp`",
    ),
    Command::missing("ocsprefresh", "there is no certificate database to refresh: use `openssl ocsp`"),
    Command::missing("ocspserve", "use `openssl ocsp`"),
    Command::missing("ocspsign", "use `openssl ocsp`"),
    Command::missing(
        "revoke",
        "there is no certificate database: give the certificate, or a list of serial numbers and reasons, to `gencrl`",
    ),
    Command::missing("scan", "use `openssl s_client -connect HOST:PORT`"),
    Command::missing("serve", "etcdpki works on local files: use `gencert`"),
];

static CFSSLJSON: Tool = Tool {
    name: "json",
    programs: &["cfssljson", "cfssl-json"],
    called: "cfssljson",
    about: "write the JSON of cfssl's commands to files, as cfssljson does",
    usage: "cfssl ... | cfssljson -bare [flags] [NAME]",
    example: "cfssl gencert -initca ca-csr.json | cfssljson -bare ca",
    flags: JSON_FLAGS,
    job: cfssljson::run,
};

static LINK: Tool = Tool {
    name: "link",
    programs: &[],
    called: "etcdpki link",
    about: "put links with the names of cfssl's programs into a folder",
    usage: "etcdpki link [-force] DIR",
    example: "etcdpki link /usr/local/bin",
    flags: LINK_FLAGS,
    job: link::run,
};

static MKBUNDLE: Tool = Tool {
    name: "mkbundle",
    programs: &["mkbundle", "cfssl-mkbundle"],
    called: "mkbundle",
    about: "put the certificates of files and folders into one file",
    usage: "mkbundle [-f FILE] FILE|FOLDER...",
    example: "mkbundle -f cert-bundle.crt /etc/ssl/certs/corporate",
    flags: MKBUNDLE_FLAGS,
    job: mkbundle::run,
};

static CFSSL_CERTINFO: Tool = Tool {
    name: "cfssl-certinfo",
    programs: &["cfssl-certinfo"],
    called: "cfssl-certinfo",
    about: "describe a certificate or a request, as JSON or in words",
    usage: "cfssl-certinfo [-text] -cert FILE",
    example: "cfssl-certinfo -cert server.pem",
    flags: CERTINFO_FLAGS,
    job: |flags, terminal| {
        refuse_misplaced(&flags)?;
        certinfo::run(&Invocation::without_config("certinfo", flags, terminal), terminal)
    },
};

static CFSSL_NEWKEY: Tool = Tool {
    name: "cfssl-newkey",
    programs: &["cfssl-newkey"],
    called: "cfssl-newkey",
    about: "make a key and a certificate request",
    usage: "cfssl-newkey [-initca] CSRJSON",
    example: "cfssl-newkey csr.json | cfssljson -bare server",
    flags: NEWKEY_FLAGS,
    job: |flags, terminal| {
        refuse_misplaced(&flags)?;
        genkey::run(&Invocation::without_config("genkey", flags, terminal), terminal)
    },
};

/// The programs that are commands of etcdpki too, under names of their own.
pub(crate) static TOOLS: [&Tool; 3] = [&CFSSLJSON, &LINK, &MKBUNDLE];

/// The programs that do what one of cfssl's commands does.
pub(crate) static PROGRAMS: [&Tool; 2] = [&CFSSL_CERTINFO, &CFSSL_NEWKEY];

/// Runs `cfssl` with `args`, which do not include the program's name.
pub(crate) fn run(args: Vec<OsString>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let mut args = args.into_iter();
    let Some(first) = args.next() else {
        return Err(CommandError::new("No command is given.").help(command::overview()));
    };
    let name = first.to_string_lossy();
    if matches!(&*name, "-h" | "-help" | "--help") {
        return print::help(terminal, &command::overview_with_example());
    }
    if name.starts_with('-') {
        return Err(CommandError::usage(format!("flag provided but not defined: {name}"))
            .hint("write flags after the command: etcdpki COMMAND -flag"));
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        let near = pki_core::base::near(&name, COMMANDS.iter().map(|command| command.name));
        let error = CommandError::new(format!("Command {name} is not defined."));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.help(command::overview()),
        });
    };
    command.run(args.collect(), terminal)
}
