//! Command lines of programs that write nothing but their output.
//!
//! The first line is the command line, its arguments one space apart; the rest is the standard input.

#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::{Corpus, fuzz_target};
use pki_cli::Terminal;

fuzz_target!(|data: &[u8]| -> Corpus {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, input) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let mut args: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    match args[..] {
        [b"cfssl", b"version" | b"print-defaults" | b"certinfo", ..] => {}
        // Without -stdout it writes files.
        [b"cfssljson", ref rest @ ..] if !contains(rest, b"stdout") => args.insert(1, b"-stdout"),
        _ => return Corpus::Reject,
    }
    // Paths may lead to devices, which never end.
    if contains(&args, b"/") {
        return Corpus::Reject;
    }
    let args: Vec<OsString> = args.into_iter().map(|arg| OsString::from_vec(arg.to_vec())).collect();
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut &*input, &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    assert!(status <= 2);
    assert!(status == 0 || !errors.trim_ascii().is_empty(), "it failed without a word");
    Corpus::Keep
});

fn contains(args: &[&[u8]], part: &[u8]) -> bool {
    args.iter().any(|arg| arg.windows(part.len()).any(|window| window == part))
}
