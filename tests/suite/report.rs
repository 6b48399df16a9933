//! The page of `cluster report` in a real browser: nothing overlaps, nothing is cut off, nothing is run.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use super::command::run;
use super::product::{Tree, etcdpki};
use super::programs::find;
use super::trial::{Missing, Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![fits_at_360_and_1280_pixels, names_stay_text, what_does_not_fit_is_noticed]
}

/// Measures a page in a frame of a given width. Its answer is the text of the element `seen`.
const MEASURE: &str = r#"
frame.onload = () => {
  const page = frame.contentDocument, wrong = [];
  const wide = page.documentElement.scrollWidth;
  if (wide > WIDTH) wrong.push("scrolls to " + wide);
  for (const kind of ["svg text", "svg rect.box"]) {
    const all = [...page.querySelectorAll(kind)].filter(e => e.getClientRects().length);
    const boxes = all.map(e => [e.getBoundingClientRect(), e.textContent]);
    if (!boxes.length) wrong.push("no " + kind);
    boxes.forEach(([a, text], at) => {
      if (a.left < -1 || a.right > WIDTH + 1) wrong.push("outside: " + text);
      for (const [b, other] of boxes.slice(at + 1)) {
        // The boxes of letters have some room above and below.
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4)
          wrong.push("overlap: " + text + " and " + other);
      }
    });
  }
  if (page.querySelector("script")) wrong.push("a script");
  seen.textContent = "[[" + (wrong.join("; ") || "fits") + "]]";
};
"#;

fn browser() -> Result<std::path::PathBuf, Missing> {
    find("chromium").or_else(|_| find("google-chrome"))
}

/// What the browser finds wrong with a page at a width, or `fits`.
fn measured(page: &str, width: u32) -> Result<String, Missing> {
    let folder = tempfile::tempdir().unwrap();
    let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
    let script = MEASURE.replace("WIDTH", &width.to_string());
    let html = format!(
        "<!DOCTYPE html><meta charset=utf-8><body style=\"margin:0\">\
         <iframe id=frame width={width} height=9000 style=\"border:0\" srcdoc=\"{quoted}\"></iframe>\
         <pre id=seen></pre><script>{script}</script>"
    );
    let file = folder.path().join("frame.html");
    fs::write(&file, html).unwrap();
    let shown = open(&file, folder.path(), &["--virtual-time-budget=5000", "--dump-dom"])?;
    let seen = shown.split_once("<pre id=\"seen\">[[").and_then(|(_, rest)| rest.split_once("]]"));
    Ok(seen.unwrap_or_else(|| panic!("the page was not measured: {shown:.500}")).0.to_owned())
}

/// Opens a file in the browser, and returns what it prints. The page must say nothing on the console.
fn open(file: &Path, home: &Path, arguments: &[&str]) -> Result<String, Missing> {
    let mut command = Command::new(browser()?);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]);
    command.arg(format!("--user-data-dir={}", home.join("profile").display())).args(arguments);
    command.arg(format!("file://{}", file.display()));
    let ran = run(&mut command);
    if ran.code != Some(0) {
        return Err(Missing(format!("the browser does not run here: {}", ran.stderr.trim())));
    }
    let console: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "the console has: {console:?}");
    Ok(ran.stdout)
}

fn page(folder: &Path) -> String {
    let ran = run(etcdpki(["cluster", "report"]).arg(folder));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

fn fits_at_360_and_1280_pixels() -> Outcome {
    browser()?;
    let members = (1..=9).map(|at| {
        format!("  - {{name: etcd-with-a-very-long-name-in-the-north-{at}, address: 10.0.0.{at}}}\n")
    });
    let nine = format!("name: nine\nlayout: single-ca\nmembers:\n{}", members.collect::<String>());
    let trees = [
        Tree::of_fixture("three-members.yaml").applied(),
        Tree::of_fixture("single-ca.yaml").applied(),
        Tree::of_fixture("one-member.yaml").applied(),
        Tree::of(&nine).applied(),
    ];
    let damaged = Tree::of_fixture("three-members.yaml").applied();
    fs::remove_file(damaged.path("nodes/etcd2/etc/etcd/pki/peer.pem")).unwrap();
    for tree in trees.iter().chain([&damaged]) {
        let page = page(&tree.root);
        for width in [360, 1280] {
            assert_eq!(measured(&page, width)?, "fits", "{} at {width}", tree.description.display());
        }
    }
    Ok(())
}

/// The record is a file, and may say anything.
fn names_stay_text() -> Outcome {
    browser()?;
    let tree = Tree::of_fixture("three-members.yaml").applied();
    let record = tree.read("cluster.lock.json");
    let name = "</title></text><script>document.body.textContent='run'</script>";
    let changed = record.replacen("\"cluster\": \"prod\"", &format!("\"cluster\": \"{name}\""), 1);
    assert_ne!(record, changed);
    fs::write(tree.path("cluster.lock.json"), changed).unwrap();
    let page = page(&tree.root);
    assert!(page.contains("&lt;script&gt;"));
    for width in [360, 1280] {
        assert_eq!(measured(&page, width)?, "fits");
    }
    Ok(())
}

/// The judge has to be awake.
fn what_does_not_fit_is_noticed() -> Outcome {
    browser()?;
    let tree = Tree::of_fixture("three-members.yaml").applied();
    let page = page(&tree.root);
    let wide = page.replace("<main>", "<main><div style=\"width:2000px\">x</div>");
    assert!(measured(&wide, 360)?.contains("scrolls"));
    let large = page.replace("font:13px", "font:60px");
    assert!(measured(&large, 1280)?.contains("overlap"));
    let script = page.replace("<main>", "<main><script></script>");
    let script = script.replace("<meta http-equiv=\"Content-Security-Policy\"", "<meta name=\"none\"");
    assert!(measured(&script, 1280)?.contains("a script"));
    Ok(())
}
