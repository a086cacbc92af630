//! `cargo xtask fuzz`: builds and runs the fuzz targets of `fuzz/`, each for a while, beginning from the vectors. A crash is
//! a failure, and its input is kept. Where a tool is missing that nothing here can install, it says what is needed and ends
//! well: fuzzing finds more, it is no condition. Does not decide what a target checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::place::{self, Place};
use crate::tools::wheels;
use crate::{run, say};

/// How long, and which.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// How many run at a time; as many as there are processors when left out
    #[arg(long)]
    jobs: Option<usize>,
    /// The targets to run; all of them when none is named
    targets: Vec<String>,
}

/// Builds, seeds and runs.
///
/// # Errors
/// When a target is not there, does not build, or found something.
pub(crate) fn run(args: &Args) -> Result<()> {
    let place = Place::find()?;
    let all = targets(&place.root)?;
    if let Some(unknown) = args.targets.iter().find(|target| !all.contains(target)) {
        bail!("there is no fuzz target `{unknown}`; there are {}", all.join(", "));
    }
    let wanted = if args.targets.is_empty() { &all } else { &args.targets };
    let Some(fuzzer) = Fuzzer::find(&place)? else { return Ok(()) };
    fuzzer.run(&["build"], &[])?;
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    say::headline(format_args!(
        "Fuzzing {} targets for {} s each, {jobs} at a time",
        wanted.len(),
        args.seconds
    ));
    let waiting = Mutex::new(wanted.iter());
    let failed = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let Some(target) = lock(&waiting).next() else { return Ok(()) };
            let corpus = seeds(&place, target)?;
            let seconds = format!("-max_total_time={}", args.seconds);
            let corpus = corpus.to_string_lossy();
            let rest = [target, &*corpus, "--", &seconds, "-timeout=10", "-verbosity=0"];
            match fuzzer.run(&["run"], &rest) {
                Ok(()) => say::line("ok", target),
                Err(_) => lock(&failed).push(target.as_str()),
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker broke down"))?)
    })?;
    let failed = lock(&failed);
    if failed.is_empty() {
        say::line("ok", format_args!("{} targets found nothing", wanted.len()));
        return Ok(());
    }
    bail!("found something: {}; the inputs are in fuzz/artifacts", failed.join(", "))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The names of the files in `fuzz/fuzz_targets`, sorted.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// cargo-fuzz and what the compiler can do.
struct Fuzzer {
    root: PathBuf,
    target: PathBuf,
    program: PathBuf,
    sanitizer: &'static str,
}

impl Fuzzer {
    /// Nothing when something is missing that cannot be installed here; then it was said.
    fn find(place: &Place) -> Result<Option<Self>> {
        if !["c++", "g++", "clang++"].iter().any(|name| run::which(name).is_some()) {
            say::note(
                "skipped: libFuzzer is compiled with a C++ compiler, and there is none (Debian: apt-get install g++)",
            );
            return Ok(None);
        }
        let ours = place.tools().join("bin/cargo-fuzz");
        let program = match run::which("cargo-fuzz").or_else(|| run::is_program(&ours).then(|| ours.clone()))
        {
            Some(program) => program,
            None => {
                let step = say::step("compiling cargo-fuzz from crates.io");
                if let Err(error) = wheels::cargo_install(place, "cargo-fuzz") {
                    drop(step);
                    say::note(format_args!(
                        "skipped: cargo-fuzz is missing and cannot be installed: {error:#}"
                    ));
                    return Ok(None);
                }
                step.done("installed");
                ours
            }
        };
        // Without the sanitizer's library panics and broken promises are still found; memory is safe by the language.
        let library = run::output(Command::new("rustc").args(["--print", "target-libdir"]))?;
        let has_asan = fs::read_dir(library.trim()).is_ok_and(|mut list| {
            list.any(|file| file.is_ok_and(|f| f.file_name().to_string_lossy().contains("_rt.asan.")))
        });
        let sanitizer = if has_asan { "address" } else { "none" };
        say::found(format_args!("cargo-fuzz; sanitizer: {sanitizer}"));
        let target = place.target.join("fuzz");
        Ok(Some(Self { root: place.root.clone(), target, program, sanitizer }))
    }

    fn run(&self, command: &[&str], rest: &[&str]) -> Result<()> {
        let mut fuzz = Command::new(&self.program);
        fuzz.current_dir(&self.root)
            .arg("fuzz")
            .args(command)
            .args(["--sanitizer", self.sanitizer])
            .args(rest);
        // An ordinary compiler with its unstable options, so that nobody installs a nightly one.
        fuzz.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &self.target);
        fuzz.env("CARGO", place::cargo().get_program());
        run::loud(&mut fuzz)
    }
}

/// A list in a file of vectors, and the field of each case that is an input.
const FROM_VECTORS: [(&str, &str, &str, &str); 10] = [
    ("note", "made/notes.json", "notes", "note"),
    ("note", "made/checkpoints.json", "checkpoints", "note"),
    ("checkpoint", "made/checkpoints.json", "checkpoints", "note"),
    ("vkey", "made/notes.json", "keys", "vkey"),
    ("tile_path", "made/tiles.json", "good", "path"),
    ("tlog_proof", "made/proofs.json", "proofs", "proof"),
    ("receipt", "made/receipts.json", "receipts", "receipt"),
    ("choice_cookie", "choice-cookies.json", "good", "value"),
    ("choice_cookie", "choice-cookies.json", "bad", "value"),
    ("subject_token", "choice-cookies.json", "good", "token"),
];

/// A whole file that is an input.
const FROM_FILES: [(&str, &str); 6] = [
    ("bundle", "tests/vectors/bundle.zip"),
    ("export", "crates/assent-core/vectors/export.ndjson"),
    ("notice", "crates/assent-core/vectors/notice.json"),
    ("site_file", "examples/health-provider/site.toml"),
    ("site_file", "examples/community-charity/site.toml"),
    ("receipt", "crates/assent-core/vectors/receipt.json"),
];

const DECISION: &str = r#"{"notice":"b2874e7fcd96d5fd851a0d147507196b1b68a90de69875faee3365bdfa53c0f7","language":"cy","act":"save","surface":"preferences","choices":{"analytics":"yes","surveys":"no"},"signals":{"gpc":true},"acted":"2026-11-22T10:00:00.000Z"}"#;

/// The folder of a target's inputs, with the vectors in it. What earlier runs found stays there.
fn seeds(place: &Place, target: &str) -> Result<PathBuf> {
    let folder = place.target.join("fuzz/corpus").join(target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    for (_, file, list, field) in FROM_VECTORS.iter().filter(|(name, ..)| *name == target) {
        let cases = vectors(&place.root, file)?;
        let texts = cases[list].as_array().into_iter().flatten().filter_map(|case| case[field].as_str());
        inputs.extend(texts.map(|text| text.as_bytes().to_vec()));
    }
    for (_, file) in FROM_FILES.iter().filter(|(name, _)| *name == target) {
        inputs.push(read(&place.root.join(file))?);
    }
    match target {
        "checkpoint" => {
            let texts: Vec<Vec<u8>> = inputs.iter().filter_map(|note| before_blank_line(note)).collect();
            inputs.extend(texts);
        }
        "add_checkpoint" => {
            let checkpoints = vectors(&place.root, "made/checkpoints.json")?;
            let note = checkpoints["checkpoints"][0]["note"].as_str().unwrap_or_default();
            inputs.push(format!("old 0\n\n{note}").into_bytes());
            let hash = "idGsiktyj5h7f5WmCGezx7nYGJQJvswv4TNHHTSDiXk=";
            inputs.push(format!("old 3\n{hash}\n{hash}\n\n{note}").into_bytes());
            inputs.push(b"5\n".to_vec());
        }
        "policy" => {
            let checkpoints = vectors(&place.root, "made/checkpoints.json")?;
            let [log, one, two] =
                [&checkpoints["key"], &checkpoints["witnesses"][0], &checkpoints["witnesses"][1]]
                    .map(|key| key.as_str().unwrap_or_default());
            inputs.push(format!("log {log}\nquorum none\n").into_bytes());
            let parties =
                format!("witness a {one} https://witness.example/1\nwitness b {two}\ngroup both all a b\n");
            inputs.push(format!("# Two\nlog {log} https://log.example\n{parties}quorum both\n").into_bytes());
        }
        // One edit, which takes nothing away and adds nothing, of each file.
        "bundle_file" => inputs.extend((0..32).map(|file| vec![file, 0, 0, 0, 0])),
        "entry_bundle" => inputs.push([&[0, 2][..], &[0, 1], b"a", &[0, 0]].concat()),
        "tile_hashes" => inputs.push([&[0, 1][..], &[7; 32]].concat()),
        "decision_request" => inputs.push(DECISION.as_bytes().to_vec()),
        "views" => {
            let receipts = vectors(&place.root, "made/receipts.json")?;
            let receipt: Value =
                serde_json::from_str(receipts["receipts"][0]["receipt"].as_str().unwrap_or_default())?;
            let record = receipt["record"].as_str().unwrap_or_default().as_bytes().to_vec();
            inputs.push(
                [record, vec![0], read(&place.root.join("crates/assent-core/vectors/notice.json"))?].concat(),
            );
        }
        _ => {}
    }
    if inputs.is_empty() {
        bail!("the fuzz target {target} has no seeds: add some to crates/xtask/src/fuzz.rs");
    }
    for (number, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("vector-{number}")), input)?;
    }
    Ok(folder)
}

fn vectors(root: &Path, file: &str) -> Result<Value> {
    let path = root.join("tests/vectors").join(file);
    serde_json::from_slice(&read(&path)?).with_context(|| format!("cannot understand {}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A note's text: up to its last blank line, with one line feed.
fn before_blank_line(note: &[u8]) -> Option<Vec<u8>> {
    let at = note.windows(2).rposition(|pair| pair == b"\n\n")?;
    Some(note[..=at].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that begins from nothing finds nothing, and a seed for no target is never used.
    #[test]
    fn every_target_has_seeds_and_every_seed_a_target() {
        let place = Place::find().unwrap();
        let all = targets(&place.root).unwrap();
        assert_eq!(all.len(), 19);
        for target in &all {
            let folder = seeds(&place, target).unwrap();
            assert!(fs::read_dir(folder).unwrap().count() > 0, "{target}");
        }
        let named = FROM_VECTORS.iter().map(|(name, ..)| name).chain(FROM_FILES.iter().map(|(name, _)| name));
        for name in named {
            assert!(all.iter().any(|target| target == name), "{name}");
        }
    }
}
