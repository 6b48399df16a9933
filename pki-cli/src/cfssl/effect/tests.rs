use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

use pki_core::x509::{Certificate, CertificateRequest};
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::*;
use crate::cfssl::COMMANDS;
use crate::cfssl::flags::FLAGS;
use crate::cfssl::goflag::Kind;
use crate::terminal::{ColourChoice, Terminal, Verbosity};

#[test]
fn each_flag_has_an_effect_in_each_job() {
    let names: Vec<&str> = FLAGS.iter().map(|flag| flag.name).collect();
    assert_eq!(EFFECTS.map(|(name, _)| name).to_vec(), names);
    for (name, letters) in EFFECTS {
        let groups: Vec<&str> = letters.split(' ').collect();
        let commands: Vec<&[Job]> = JOBS.chunk_by(|a, b| a.command == b.command).collect();
        assert_eq!(groups.len(), commands.len(), "{name}");
        for (group, jobs) in groups.iter().zip(commands) {
            assert_eq!(group.len(), jobs.len(), "{name} in {}", jobs[0].command);
            assert!(group.bytes().all(|letter| b"ar.".contains(&letter)), "{name}: {letters}");
        }
    }
}

#[test]
fn each_command_that_is_provided_has_a_job_without_flags() {
    for command in COMMANDS.iter().filter(|command| command.is_provided()) {
        assert!(Job::of(command.name, |_| false).is_some(), "{}", command.name);
    }
    for job in JOBS {
        assert!(COMMANDS.iter().any(|command| command.name == job.command), "{}", job.command);
        assert_eq!(Job::of(job.command, |flag| job.is_by(flag)), Some(&job), "{}", job.name());
        assert!(job.by.iter().all(|flag| job.effect(flag) == Effect::Acts), "{}", job.name());
    }
}
/// Words of a command that does a job, before and after the flag that is tried. `@` stands for a folder.
fn words(job: &Job) -> (&'static str, &'static str) {
    match &*job.name() {
        "bundle -cert" => ("-cert @leaf.pem -ca-bundle @ca.pem", ""),
        "certinfo -cert" => ("-cert @leaf.pem", ""),
        "certinfo -csr" => ("-csr @leaf.csr", ""),
        "gencert" => ("-ca @ca.pem -ca-key @ca-key.pem", "@leaf.json"),
        "gencert -renewca" => ("-renewca -ca @ca.pem -ca-key @ca-key.pem", ""),
        "gencert -from" => ("-from @leaf.pem -ca @ca.pem -ca-key @ca-key.pem", ""),
        "gencert -initca" => ("-initca", "@ca.json"),
        "gencert -initca -ca-key" => ("-initca -ca-key @ca-key.pem", "@ca.json"),
        "gencert -into" => ("-into @out -ca @ca.pem -ca-key @ca-key.pem", "@leaf.json"),
        "gencrl" => ("", "@empty @ca.pem @ca-key.pem"),
        "gencsr" => ("-key @leaf-key.pem", "@leaf.json"),
        "genkey" => ("", "@leaf.json"),
        "genkey -initca" => ("-initca", "@ca.json"),
        "info" => ("-config @config.json -ca @ca.pem -ca-key @ca-key.pem", ""),
        "initca" => ("", "@ca.json"),
        "initca -ca-key" => ("-ca-key @ca-key.pem", "@ca.json"),
        "print-defaults" => ("", "csr"),
        "selfsign" => ("", "a.example @leaf.json"),
        "sign" => ("-ca @ca.pem -ca-key @ca-key.pem", "@leaf.csr"),
        "sign -into" => ("-into @out -ca @ca.pem -ca-key @ca-key.pem", "@leaf.csr"),
        _ => ("", ""),
    }
}

/// A value that shows whether a flag acts.
fn value(flag: &str, kind: Kind) -> &'static str {
    match (flag, kind) {
        ("hostname", _) => "=z.example",
        ("profile", _) => "=other",
        ("config", _) => "=@other.json",
        ("crl" | "cn" | "bare", _) => "=@new",
        ("number", _) => "=123456789012345678901234567890123456789",
        (_, Kind::Switch) => "",
        (_, Kind::Integer) => "=1",
        (_, Kind::Duration) => "=1h",
        (_, Kind::Text) => "=@nofile",
    }
}

struct Folder(TempDir);

#[derive(Debug, PartialEq)]
struct Outcome {
    status: u8,
    errors: String,
    output: String,
    files: Vec<String>,
}

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let leaf = r#"{"CN": "leaf", "hosts": ["a.example"]}"#;
        let profile = r#"{"expiry": "1h", "usages": ["server auth"]}"#;
        let named = profile.replace("1h", "3h");
        let config = format!(r#"{{"signing": {{"default": {profile}, "profiles": {{"other": {named}}}}}}}"#);
        let other = config.replace("server auth", "client auth").replace("1h", "2h");
        let files = [("ca.json", r#"{"CN": "CA"}"#), ("leaf.json", leaf), ("empty", "")];
        for (name, text) in files.into_iter().chain([("config.json", &*config), ("other.json", &*other)]) {
            fs::write(folder.0.path().join(name), text).unwrap();
        }
        fs::create_dir(folder.0.path().join("out")).unwrap();
        assert_eq!(folder.run("gencert -initca -bare @ca @ca.json").status, 0);
        assert_eq!(folder.run("gencert -ca @ca.pem -ca-key @ca-key.pem -bare @leaf @leaf.json").status, 0);
        folder
    }

    /// Runs a command. What is random in its outcome is left out, and files that it makes are deleted.
    fn run(&self, words: &str) -> Outcome {
        let path = format!("{}/", self.0.path().display());
        let words = format!("cfssl {words}");
        let args = words.split_whitespace().map(|word| OsString::from(word.replace('@', &path)));
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let status = crate::run(
            args,
            &mut Terminal {
                input: &mut [].as_slice(),
                output: &mut output,
                errors: &mut errors,
                output_is_terminal: false,
                errors_is_terminal: false,
                output_is_closed: false,
                colour: ColourChoice::Auto,
                verbosity: Verbosity::Normal,
                variable: &|_| None,
                now: &OffsetDateTime::now_utc,
            },
        );
        let errors = String::from_utf8(errors).unwrap();
        // Log lines begin with a date, and a serial number is random.
        let errors = errors.lines().map(|line| line.find('[').map_or(line, |at| &line[at..]));
        let errors =
            errors.map(|line| line.split("serial number").next().unwrap().to_owned() + "\n").collect();
        Outcome { status, errors, output: described(&output), files: self.made() }
    }

    /// The files of `out` and those whose names begin with `new`, which are deleted.
    fn made(&self) -> Vec<String> {
        let mut made = Vec::new();
        for folder in [self.0.path().to_owned(), self.0.path().join("out")] {
            for item in fs::read_dir(&folder).unwrap().map(|item| item.unwrap()) {
                let name = item.file_name().into_string().unwrap();
                if folder.ends_with("out") || name.starts_with("new") {
                    let bytes = fs::read(item.path()).unwrap();
                    made.push(format!("{name}: {}", pem(&String::from_utf8_lossy(&bytes))));
                    fs::remove_file(item.path()).unwrap();
                }
            }
        }
        made.sort();
        made
    }
}

/// The output of a command without what is random in it.
fn described(output: &[u8]) -> String {
    let text = String::from_utf8(output.to_vec()).unwrap();
    match serde_json::from_str::<BTreeMap<String, Value>>(&text) {
        Ok(members) => members
            .iter()
            .map(|(key, value)| {
                let random = ["serial_number", "subject_key_id"].contains(&key.as_str());
                let value = value.as_str().filter(|_| !random).map_or_else(|| value.to_string(), pem);
                format!("{key}: {}\n", if random { "" } else { &value })
            })
            .collect(),
        // A revocation list in base64 has a random signature.
        Err(_) if !text.contains('-') => format!("{} characters", text.len() / 8),
        Err(_) => pem(&text),
    }
}

/// What a text in PEM says, without keys and signatures.
fn pem(text: &str) -> String {
    let label = text.lines().next().unwrap_or_default();
    if let Ok(certificate) = Certificate::read(text.as_bytes()) {
        let length = certificate.not_after() - certificate.not_before();
        let extensions = certificate.extensions().iter();
        let extensions: Vec<_> =
            extensions.map(|extension| (extension.oid, extension.value.as_bytes().len())).collect();
        let (subject, names) = (certificate.subject(), certificate.subject_alt_names());
        return format!(
            "{label} {subject} {names} {length} {:?} {extensions:?}",
            certificate.extended_key_usage()
        );
    }
    if let Ok(request) = CertificateRequest::read(text.as_bytes()) {
        return format!("{label} {} {}", request.subject(), request.subject_alt_names().unwrap());
    }
    if label.starts_with("-----BEGIN") { label.to_owned() } else { text.to_owned() }
}

/// Whether `flag` beside the flags of a job selects another one.
fn selects_another(job: &Job, flag: &str) -> bool {
    Job::of(job.command, |given| job.is_by(given) || given == flag) != Some(job)
}

#[test]
fn flags_without_an_effect_are_told() {
    let folder = Folder::new();
    for job in JOBS {
        let (flags, operands) = words(&job);
        let is_idle = |flag: &str| job.effect(flag) == Effect::None;
        let given = FLAGS.iter().filter(|flag| is_idle(flag.name) && !selects_another(&job, flag.name));
        let given: Vec<_> =
            given.map(|flag| format!("-{}{}", flag.name, value(flag.name, flag.kind))).collect();
        assert!(given.len() > 20, "{}: {given:?}", job.name());
        let ran = folder.run(&format!("{} {flags} {} {operands}", job.command, given.join(" ")));
        for flag in FLAGS.iter().filter(|flag| !selects_another(&job, flag.name)) {
            let told = format!("[WARNING] -{} has no effect in {}", flag.name, job.name());
            let is_told = ran.errors.lines().any(|line| {
                line.strip_prefix(&told).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            });
            assert_eq!(is_told, is_idle(flag.name), "-{} in {}: {}", flag.name, job.name(), ran.errors);
        }
    }
}

#[test]
fn flags_act_or_are_refused() {
    let folder = Folder::new();
    for job in JOBS {
        let (flags, operands) = words(&job);
        let run = |flag: &str| folder.run(&format!("{} {flags} {flag} {operands}", job.command));
        let without = run("");
        for flag in FLAGS {
            let given = format!("-{}{}", flag.name, value(flag.name, flag.kind));
            // What selects the job is given already, -force acts beside -bare, and not every job logs. `bundle` and
            // `certinfo` have nothing to do without a flag that selects a job.
            let is_seen = !job.is_by(flag.name)
                && !["force", "loglevel"].contains(&flag.name)
                && (without.status == 0 || selects_another(&job, flag.name));
            match job.effect(flag.name) {
                Effect::Refused => {
                    let ran = run(&given);
                    let is_named = ran.errors.contains(&format!("-{}", flag.name));
                    assert!(ran.status != 0 && is_named, "{given} in {}: {}", job.name(), ran.errors);
                }
                Effect::Acts if is_seen => assert_ne!(run(&given), without, "{given} in {}", job.name()),
                Effect::Acts | Effect::None => {}
            }
        }
    }
}
