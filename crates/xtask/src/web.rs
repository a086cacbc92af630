//! Makes what browsers load, in `target/web`: the bundled loader (`loader.js`), what carries the sign-up form (`alerts.js`) and what
//! tells the tools of others (`tools/`), which the server puts into each site's scripts, the widget (`assent_bg.wasm`) and its glue
//! (`assent.js`), the last two also as `.br`.
//!
//! Cargo decides whether the widget must be compiled; a hash of everything that goes in decides whether the steps after
//! it must run. Does not serve anything and does not measure it (`size.rs` does).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::place::{self, Place};
use crate::tools::npm;
use crate::tools::widget_rustc::{self, TARGET, WidgetRustc};
use crate::{run, say};

/// What `wasm-opt` may use, one by one: with `--all-features` Chromium refuses the file.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// How `wasm-opt` shrinks: for size, again until nothing changes, without the parts only tools read. Functions with one caller stay
/// functions: what is smaller as wasm is larger as brotli. No pointer wraps around into the lowest kilobyte, the end of the stack.
const WASM_OPT: [&str; 7] = [
    "-Oz",
    "--converge",
    "--one-caller-inline-max-function-size=0",
    "--low-memory-unused",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
];

/// How `esbuild` shrinks scripts; syntax newer than the target's is rewritten for older browsers.
const ESBUILD: [&str; 5] =
    ["--minify", "--target=es2021", "--charset=utf8", "--legal-comments=none", "--log-level=warning"];

/// The loader is one function of five arguments; the server writes the call behind it (frontend/loader/README.md).
const LOADER: [&str; 4] = [
    "--bundle",
    "--format=esm",
    "--banner:js=(DATA,HTML,CSS,ASSETS,TOOLS)=>{\"use strict\";",
    "--footer:js=}",
];

/// What carries the sign-up form into sites' pages is a function of one argument.
const ALERTS: [&str; 4] =
    ["--bundle", "--format=esm", "--banner:js=(DATA)=>{\"use strict\";", "--footer:js=}"];

/// What tells one tool of others is a function of two arguments, sent only where a notice names the tool.
const TOOL: [&str; 4] =
    ["--bundle", "--format=esm", "--banner:js=(PURPOSES,HEAR)=>{\"use strict\";", "--footer:js=}"];

/// Changed when the steps below change in a way that none of their inputs shows.
const PIPELINE: &str = "2";

/// The files in `target/web`.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    /// The minified loader.
    pub(crate) loader: PathBuf,
    /// The JavaScript between browser and widget, an ES module.
    pub(crate) glue: PathBuf,
    /// The widget.
    pub(crate) widget: PathBuf,
}

/// Builds whatever is not up to date.
///
/// # Errors
/// When a tool is missing or fails.
pub(crate) fn build(place: &Place) -> Result<Web> {
    say::headline("Loader and widget");
    let rustc = widget_rustc::find_or_install()?;
    let commands = npm::commands(place)?;
    let folder = place.web();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let web = Web {
        loader: folder.join("loader.js"),
        glue: folder.join("assent.js"),
        widget: folder.join("assent_bg.wasm"),
    };
    loader(place, &commands, &web)?;
    let compiled = compile(place, &rustc)?;
    widget(place, &commands, &rustc, &compiled, &web)?;
    Ok(web)
}

/// Bundles and minifies the loader.
fn loader(place: &Place, commands: &Path, web: &Web) -> Result<()> {
    let folder = place.root.join("frontend/loader/src");
    let source = folder.join("embed.js");
    if !source.is_file() {
        bail!("{} is missing: it is the script behind the one tag", place.short(&source));
    }
    let tools = sorted_files(&folder.join("tools"))?;
    let options = [&ESBUILD[..], &LOADER[..], &ALERTS[..], &TOOL[..]].concat().join(" ");
    let mut parts = vec![PIPELINE.as_bytes().to_vec(), options.into(), lock(place)?];
    for file in sorted_files(&folder)?.iter().chain(&tools) {
        parts.push(file.to_string_lossy().into_owned().into());
        parts.push(read(file)?);
    }
    let stamp = hash(&parts);
    let alerts = place.web().join("alerts.js");
    if current(&stamp, &web.loader, &[&web.loader, &alerts]) {
        say::line("ok", "the loader is up to date");
        return Ok(());
    }
    let step = say::step("bundling the loader");
    minify(commands, &source, &web.loader, &LOADER)?;
    minify(commands, &folder.join("alerts.js"), &alerts, &ALERTS)?;
    for tool in tools.iter().filter(|tool| !tool.ends_with("shared.js")) {
        let name = tool.file_name().context("a tool has a name")?;
        minify(commands, tool, &place.web().join("tools").join(name), &TOOL)?;
    }
    remember(&stamp, &web.loader)?;
    let made = read(&web.loader)?;
    step.done(format_args!(
        "{} bytes, {} as brotli",
        say::bytes(made.len()),
        say::bytes(brotli(&made)?.len())
    ));
    Ok(())
}

fn sorted_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// Compiles the widget and returns the wasm file that rustc made.
fn compile(place: &Place, rustc: &WidgetRustc) -> Result<PathBuf> {
    let target = place.target.join("wasm");
    let mut command = place::cargo();
    command
        .args(["build", "--package", "widget", "--profile", "widget", "--target", TARGET, "--target-dir"])
        .arg(&target);
    // Flags of the host's build would replace those below, and no wrapper knows this compiler.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    command.env("RUSTC", &rustc.rustc);
    if let Some(linker) = &rustc.linker {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", sparing(&target, linker)?);
    }
    if rustc.std_from_source {
        command.args(["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"]);
        // Unstable options of an ordinary compiler.
        command.env("RUSTC_BOOTSTRAP", "1");
        // A panic ends the widget at once, without words: formatting code and source locations would be a tenth of
        // the download. So `{:?}` prints nothing in the widget; text that people read goes through Display.
        let mut flags =
            "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none".to_owned();
        // Rolled-up hash functions: a receipt is a few kilobytes, so their size matters and their speed does not.
        flags.push_str(" --cfg sha2_backend=\"soft\" --cfg sha2_backend_soft=\"compact\"");
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
    }
    say::line("..", "compiling the widget (some minutes the first time)");
    let began = Instant::now();
    run::loud(&mut command)?;
    let file = target.join(TARGET).join("widget/widget.wasm");
    if !file.is_file() {
        bail!(
            "cargo built no widget.wasm: frontend/widget/Cargo.toml must have `[lib] crate-type = [\"cdylib\", \"rlib\"]`"
        );
    }
    say::line("ok", format_args!("the widget is compiled ({})", say::time(began.elapsed())));
    Ok(file)
}

/// Exported by libraries for pages that use them. Nothing of ours does, and what is exported is never left out by itself: the
/// streams that Leptos' server functions can answer with were an eighth of the widget.
const UNUSED_EXPORTS: &str = "intounderlying";

/// A linker that exports nothing of [`UNUSED_EXPORTS`]: rustc has no option for it.
fn sparing(target: &Path, linker: &Path) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let script = target.join("wasm-ld");
    let text = format!(
        "#!/bin/sh\nleft=$#\nwhile [ $left -gt 0 ]; do\n  word=$1; shift; left=$((left - 1))\n  \
         if [ \"$word\" = --export ]; then case $1 in *{UNUSED_EXPORTS}*) shift; left=$((left - 1)); continue;; esac; fi\n  \
         set -- \"$@\" \"$word\"\ndone\nexec '{}' \"$@\"\n",
        linker.display()
    );
    fs::create_dir_all(target).with_context(|| format!("cannot create {}", target.display()))?;
    if fs::read_to_string(&script).ok().as_ref() != Some(&text) {
        fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    Ok(script)
}

/// From rustc's file to what is served.
fn widget(place: &Place, commands: &Path, rustc: &WidgetRustc, compiled: &Path, web: &Web) -> Result<()> {
    let options = [&WASM_OPT[..], &WASM_FEATURES[..], &ESBUILD[..]].concat().join(" ");
    let stamp =
        hash(&[PIPELINE.into(), options.into(), rustc.version.clone().into(), lock(place)?, read(compiled)?]);
    if current(&stamp, &web.widget, &[&web.widget, &web.glue, &br(&web.widget), &br(&web.glue)]) {
        say::line("ok", "widget and glue are up to date");
        return Ok(());
    }

    let step = say::step("making the glue");
    let raw = place.target.join("wasm/bindgen");
    let mut bindgen = Bindgen::new();
    // The loader imports the module and passes the wasm's address, so the glue looks for it nowhere itself.
    bindgen
        .input_path(compiled)
        .out_name("assent")
        .web(true)
        .context("wasm-bindgen has no web target")?
        .omit_default_module_path(true)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    bindgen.generate(&raw).context("wasm-bindgen cannot read the widget")?;
    let (raw_glue, raw_widget) = (raw.join("assent.js"), raw.join("assent_bg.wasm"));
    minify(commands, &raw_glue, &web.glue, &["--format=esm"])?;
    step.done(format_args!("{} bytes", say::bytes(read(&web.glue)?.len())));

    let step = say::step("shrinking the widget");
    let mut command = Command::new(commands.join("wasm-opt"));
    command.args(WASM_OPT).args(WASM_FEATURES).arg(&raw_widget).arg("--output").arg(&web.widget);
    run::output(&mut command)?;
    for file in [&web.widget, &web.glue] {
        fs::write(br(file), brotli(&read(file)?)?)
            .with_context(|| format!("cannot write {}", br(file).display()))?;
    }
    remember(&stamp, &web.widget)?;
    let (before, after) = (read(&raw_widget)?.len(), read(&web.widget)?.len());
    let sent = read(&br(&web.widget))?.len();
    step.done(format_args!(
        "{} → {} bytes, {} as brotli",
        say::bytes(before),
        say::bytes(after),
        say::bytes(sent)
    ));
    Ok(())
}

fn minify(commands: &Path, from: &Path, to: &Path, more: &[&str]) -> Result<()> {
    let mut command = Command::new(commands.join("esbuild"));
    command.arg(from).args(ESBUILD).args(more).arg(format!("--outfile={}", to.display()));
    run::output(&mut command).map(drop)
}

/// Brotli as a server would precompress: the slowest and smallest.
///
/// # Errors
/// Never in practice: it writes to memory.
pub(crate) fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: bytes.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &parameters).context("cannot compress")?;
    Ok(out)
}

/// The precompressed neighbour of a file.
pub(crate) fn br(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".br");
    name.into()
}

/// Reads a file; the error names it.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn lock(place: &Place) -> Result<Vec<u8>> {
    read(&place.root.join("crates/xtask/tools/package-lock.json"))
}

fn hash(parts: &[Vec<u8>]) -> String {
    let mut all = Sha256::new();
    for part in parts {
        all.update((part.len() as u64).to_be_bytes());
        all.update(part);
    }
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stamp_file(product: &Path) -> PathBuf {
    let mut name = product.as_os_str().to_owned();
    name.push(".made-from");
    name.into()
}

fn current(stamp: &str, product: &Path, all: &[&Path]) -> bool {
    all.iter().all(|file| file.is_file())
        && fs::read_to_string(stamp_file(product)).is_ok_and(|was| was == stamp)
}

fn remember(stamp: &str, product: &Path) -> Result<()> {
    let file = stamp_file(product);
    fs::write(&file, stamp).with_context(|| format!("cannot write {}", file.display()))
}
