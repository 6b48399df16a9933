//! The least that many certificates can cost: a key, a signature and three files each, and nothing else.
//! `floor --leaves N DIR` does it once; compare.sh times it as a process.
//!
//! `floor --peak FILE PROGRAM ARGS...` runs a program and adds its largest resident set, in KiB, to FILE: a
//! process counts what its parent had too, and this parent is small.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use nix::sys::resource::{UsageWho, getrusage};

/// As long as a P-256 certificate, request and key in PEM.
const SIZES: [(&str, usize); 3] = [("pem", 750), ("csr", 430), ("key", 227)];
/// As long as what is signed in a P-256 certificate.
const TO_BE_SIGNED: [u8; 400] = [0x30; 400];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args.as_slice() {
        ["--leaves", leaves, folder] => make(leaves.parse().unwrap(), Path::new(folder)),
        ["--peak", file, program, ref args @ ..] => measure(file, program, args),
        // `cargo bench` calls every bench; this one does something only when told what.
        _ => {}
    }
}

fn measure(file: &str, program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status().unwrap();
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
    writeln!(file, "{peak}").unwrap();
    std::process::exit(status.code().unwrap_or(1));
}

fn make(leaves: usize, folder: &Path) {
    let ca = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let next = AtomicUsize::new(0);
    let work = || {
        let random = SystemRandom::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && index < leaves
        {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
            // The request's signature, and the certificate's.
            key.sign(&random, &TO_BE_SIGNED).unwrap();
            ca.sign(&random, &TO_BE_SIGNED).unwrap();
            for (suffix, size) in SIZES {
                std::fs::write(folder.join(format!("{index}.{suffix}")), vec![b'x'; size]).unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
        work();
    });
    nix::unistd::syncfs(std::fs::File::open(folder).unwrap()).unwrap();
}
