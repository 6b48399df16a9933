//! `pki-cli/packaging/release`: what is given to others, made from the program under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use libtest_mimic::Trial;
use serde_json::Value;

use super::command::run;
use super::product::program;
use super::programs::{can_isolate, find, workspace};
use super::trial::{Missing, Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![same_program_gives_same_bytes, lintian_finds_no_error, image_runs, materials_name_every_crate,]
}

/// The folder of a release, made once.
pub fn release() -> Result<&'static Path, Missing> {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    for needed in ["python3", "dpkg-deb", "dpkg-shlibdeps", "strip"] {
        find(needed)?;
    }
    Ok(MADE.get_or_init(|| {
        let out = super::product::target().join("suite-release");
        make(&out);
        out
    }))
}

fn make(out: &Path) {
    let _ = fs::remove_dir_all(out);
    let mut command = Command::new(workspace().join("pki-cli/packaging/release"));
    command.arg("--program").arg(program()).arg("--out").arg(out);
    command.env("SOURCE_DATE_EPOCH", "1700000000").env("DEBEMAIL", "packages@etcdpki.org");
    run(&mut command).ok();
}

/// The file of a release whose name ends so.
pub fn file(release: &Path, end: &str) -> PathBuf {
    let mut items = fs::read_dir(release).unwrap().map(|item| item.unwrap().path());
    items.find(|path| path.to_str().unwrap().ends_with(end)).unwrap_or_else(|| panic!("no file {end}"))
}

fn same_program_gives_same_bytes() -> Outcome {
    let first = release()?;
    run(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(first)).ok();
    let again = tempfile::tempdir_in(first.parent().unwrap()).unwrap();
    make(again.path());
    let sums = |folder: &Path| fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(first), sums(again.path()));
    let named = sums(first).lines().count();
    assert_eq!(fs::read_dir(first).unwrap().count(), named + 1, "SHA256SUMS does not name every file");
    Ok(())
}

fn lintian_finds_no_error() -> Outcome {
    let release = release()?;
    let mut lintian = Command::new(find("lintian")?);
    lintian.args(["--fail-on", "error", "--allow-root"]);
    run(lintian.arg(file(release, "_all.deb")).arg(only_program(release))).ok();
    Ok(())
}

fn only_program(release: &Path) -> PathBuf {
    let all = fs::read_dir(release).unwrap().map(|item| item.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("etcdpki_"))
        .expect("a package with the program")
}

/// The image's files are all that the program needs, and its manifest names them rightly.
fn image_runs() -> Outcome {
    can_isolate()?;
    let release = release()?;
    let folder = tempfile::tempdir_in(release.parent().unwrap()).unwrap();
    let layout = folder.path().join("layout");
    let root = folder.path().join("root");
    let unpack = |archive: &Path, to: &Path| {
        fs::create_dir(to).unwrap();
        run(Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(to)).ok();
    };
    unpack(&file(release, ".oci.tar"), &layout);
    let read = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let path = layout.join("blobs/sha256").join(digest);
        assert_eq!(descriptor["size"], fs::metadata(&path).unwrap().len());
        let sum = run(Command::new("sha256sum").arg(&path)).ok().stdout;
        assert!(sum.starts_with(digest), "{sum}");
        path
    };
    let manifest = read(&blob(&read(&layout.join("index.json"))["manifests"][0]));
    let config = read(&blob(&manifest["config"]));
    let layer = blob(&manifest["layers"][0]);
    unpack(&layer, &root);
    let gzip = "gzip --decompress --stdout \"$0\" | sha256sum";
    let sum = run(Command::new("sh").args(["-c", gzip]).arg(&layer)).ok().stdout;
    let id = config["rootfs"]["diff_ids"][0].as_str().unwrap().strip_prefix("sha256:").unwrap();
    assert!(sum.starts_with(id), "{sum} is not {id}");

    let entrypoint = config["config"]["Entrypoint"][0].as_str().unwrap();
    let within = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.arg("--root").arg(&root).args(["--wd", config["config"]["WorkingDir"].as_str().unwrap()]);
        run(command.arg(entrypoint).args(arguments)).ok()
    };
    let described = within(&["cluster", "new", "--name", "prod", "--member", "etcd1=10.0.0.11"]).stdout;
    fs::write(root.join("work/cluster.yaml"), described).unwrap();
    within(&["cluster", "apply"]);
    assert!(root.join("work/out/cluster.lock.json").is_file());
    Ok(())
}

fn materials_name_every_crate() -> Outcome {
    let release = release()?;
    let materials: Value = serde_json::from_slice(&fs::read(file(release, ".cdx.json")).unwrap()).unwrap();
    assert_eq!(materials["bomFormat"], "CycloneDX");
    let components = materials["components"].as_array().unwrap();
    let named: Vec<String> = components
        .iter()
        .map(|c| format!("{} v{}", c["name"].as_str().unwrap(), c["version"].as_str().unwrap()))
        .collect();
    // Another reader of the same graph.
    let mut tree = Command::new("cargo");
    tree.args(["tree", "--locked", "-p", "pki-cli", "-e", "normal", "--prefix", "none", "-f", "{p}"]);
    let tree = run(tree.current_dir(workspace())).ok().stdout;
    let mut wanted: Vec<String> =
        tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    wanted.sort();
    wanted.dedup();
    wanted.retain(|name| !name.is_empty() && !name.starts_with("pki-cli "));
    let missing: Vec<_> = wanted.iter().filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "not in the bill of materials: {missing:?}");
    for component in components {
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        let is_ours = component["name"] == "pki-core";
        assert!(is_ours || component["hashes"][0]["content"].is_string(), "{component}");
    }
    Ok(())
}
