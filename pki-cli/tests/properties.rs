//! No command line and no file makes a command panic, and every failure says why.

use std::ffi::OsString;
use std::fs;

use pki_cli::Terminal;
use proptest::prelude::*;

/// The exit status, and what was written to standard error.
fn run(args: &[String], input: &[u8]) -> (u8, String) {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let args = args.iter().map(OsString::from);
    let status = Terminal::with_buffers(&mut &*input, &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    (status, String::from_utf8_lossy(&errors).into_owned())
}

const COMMANDS: &[&str] = &[
    "bundle",
    "certinfo",
    "crl",
    "gencert",
    "gencrl",
    "gencsr",
    "genkey",
    "info",
    "initca",
    "print-defaults",
    "revoke",
    "scan",
    "selfsign",
    "serve",
    "sign",
    "version",
    "nosuch",
    "",
];

/// None of these writes a file.
const FLAGS: &[&str] = &[
    "-initca",
    "-renewca",
    "-full",
    "-pem",
    "-force",
    "-loglevel=9",
    "-loglevel",
    "-ca",
    "-ca-key",
    "-cert",
    "-csr",
    "-config",
    "-profile",
    "-hostname",
    "-cn",
    "-key",
    "-from",
    "-crl",
    "-number",
    "-flavor",
    "-ca-bundle",
    "-int-bundle",
    "-domain",
    "-remote",
    "-expiry",
    "-",
    "--",
    "---",
    "-=",
    "-h",
    "-initca=x",
];

const CONTENTS: &[&str] = &[
    r#"{"CN":"x","hosts":["10.0.0.1","a.example"]}"#,
    r#"{"CN":"x","ca":{"expiry":"1y"}}"#,
    r#"{"signing":{"default":{"expiry":"1h","usages":["signing"]}}}"#,
    "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n",
    "12\n0x7 superseded\n",
    "null",
    "",
];

fn argument(folder: String) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(FLAGS).prop_map(str::to_owned),
        4 => (0..CONTENTS.len()).prop_map(move |index| format!("{folder}/{index}")),
        1 => prop::sample::select(vec!["client", "1h", "x.example:1", "-5", "force", "config", "csr", "nofile"])
            .prop_map(str::to_owned),
        1 => any::<String>().prop_filter("no NUL, no files", |text| !text.contains(['\0', '/'])),
    ]
}

#[test]
fn no_command_line_panics() {
    let folder = tempfile::tempdir().unwrap();
    for (index, content) in CONTENTS.iter().enumerate() {
        fs::write(folder.path().join(index.to_string()), content).unwrap();
    }
    let folder = folder.path().display().to_string();
    let arguments = prop::collection::vec(argument(folder), 0..8);
    let input = prop::sample::select(CONTENTS);
    let program = prop::sample::select(vec!["cfssl", "cfssl-certinfo", "cfssl-newkey"]);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(program in program, command in prop::sample::select(COMMANDS), arguments in arguments, input in input)| {
        let mut args = vec![program.to_owned()];
        if program == "cfssl" {
            args.push(command.to_owned());
        }
        args.extend(arguments.into_iter().filter(|argument| !argument.contains("bare")));
        let (status, errors) = run(&args, input.as_bytes());
        prop_assert!(status <= 2);
        prop_assert!(status == 0 || !errors.trim().is_empty(), "{args:?} failed without a word");
    });
}

#[test]
fn what_is_not_provided_says_what_to_use_instead() {
    for command in ["crl", "ocspdump", "ocsprefresh", "ocspserve", "ocspsign", "revoke", "scan", "serve"] {
        let (status, errors) = run(&["cfssl".to_owned(), command.to_owned()], b"");
        assert_eq!(status, 1, "{command}");
        assert!(errors.contains("is not provided") && errors.contains("hint: "), "{errors}");
    }
    for flag in ["-remote", "-db-config"] {
        for command in ["gencert", "sign", "info", "gencrl"] {
            let args = ["cfssl", command, flag, "x"].map(str::to_owned);
            let (status, errors) = run(&args, b"");
            assert_eq!(status, 1, "{args:?}");
            assert!(errors.contains(&format!("{flag} is not provided")), "{errors}");
        }
    }
}

#[test]
fn what_would_need_the_network_says_what_to_use_instead() {
    for (command, flag) in [
        ("certinfo", "-domain"),
        ("certinfo", "-serial"),
        ("certinfo", "-aki"),
        ("bundle", "-domain"),
        ("bundle", "-int-dir"),
        ("bundle", "-metadata"),
    ] {
        let args = ["cfssl", command, flag, "x"].map(str::to_owned);
        let (status, errors) = run(&args, b"");
        assert_eq!(status, 1, "{args:?}");
        assert!(errors.contains(flag) && errors.contains("hint: "), "{errors}");
    }
}

#[test]
fn no_input_makes_cfssljson_panic() {
    let value = prop::sample::select(vec![
        "null",
        "5",
        "\"x\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "{\"bundle\":{\"bundle\":\"b\"}}",
        "true",
        "\"QQ==\"",
        "{",
    ]);
    let key = prop::sample::select(vec![
        "cert",
        "certificate",
        "key",
        "csr",
        "result",
        "bundle",
        "root",
        "ocspResponse",
        "success",
        "errors",
        "code",
        "message",
        "encrypted_key",
    ]);
    let object = prop::collection::vec((key, value), 0..5).prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    let input = prop_oneof![object, prop::collection::vec(any::<u8>(), 0..60)];
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(input in input, bare in any::<bool>())| {
        let mut args = vec!["cfssljson".to_owned(), "-stdout".to_owned()];
        args.extend(bare.then(|| "-bare".to_owned()));
        let (status, errors) = run(&args, &input);
        prop_assert!(status <= 1);
        prop_assert!(status == 0 || !errors.trim().is_empty());
    });
}
