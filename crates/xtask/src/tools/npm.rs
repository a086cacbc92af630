//! The build tools that come from npm (`wasm-opt`, `esbuild`), at the versions of `crates/xtask/tools`, installed under
//! the target directory so that the checkout stays as it is. Runs no install script of any package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::place::Place;
use crate::{run, say};

const LOCK: &str = "package-lock.json";
const FILES: [&str; 3] = ["package.json", LOCK, ".npmrc"];

/// The folder with the tools' commands, installed when missing or when the lock file changed.
///
/// # Errors
/// When node or npm is missing or npm fails.
pub(crate) fn commands(place: &Place) -> Result<PathBuf> {
    let from = place.root.join("crates/xtask/tools");
    let to = place.tools().join("npm");
    let commands = to.join("node_modules/.bin");
    if FILES.iter().all(|file| same(&from.join(file), &to.join(file))) && commands.join("wasm-opt").exists() {
        say::found(format_args!("wasm-opt and esbuild in {}", place.short(&to)));
        return Ok(commands);
    }
    let step = say::step("installing wasm-opt and esbuild from npm");
    fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
    // The lock file goes last: an interrupted install is done again.
    let _ = fs::remove_file(to.join(LOCK));
    copy(&from, &to, &["package.json", ".npmrc"])?;
    let _ = fs::remove_dir_all(to.join("node_modules"));
    copy(&from, &to, &[LOCK])?;
    if let Err(error) = clean_install(&to) {
        let _ = fs::remove_file(to.join(LOCK));
        return Err(error);
    }
    step.done("installed");
    Ok(commands)
}

/// Installs what a `package.json` of the project asks for, in its own folder, as a person would with `npm ci`.
///
/// # Errors
/// When node or npm is missing or npm fails.
pub(crate) fn install_in(place: &Place, folder: &Path) -> Result<()> {
    if !folder.join(LOCK).is_file() {
        return Ok(());
    }
    // Our copy of the lock file, written after an install that ended well.
    let installed = folder.join("node_modules/.assent-lock.json");
    if same(&folder.join(LOCK), &installed) {
        return Ok(());
    }
    let step = say::step(format!("installing what {} serves from npm", place.short(folder)));
    clean_install(folder)?;
    fs::copy(folder.join(LOCK), &installed)
        .with_context(|| format!("cannot write {}", installed.display()))?;
    step.done("installed");
    Ok(())
}

fn clean_install(folder: &Path) -> Result<()> {
    for (program, package) in [("node", "nodejs"), ("npm", "npm")] {
        if run::which(program).is_none() {
            bail!(
                "{program} is missing: it brings what browsers load and makes it small. Install Node.js 18 or later with \
                 npm, on Debian:\n\n    sudo apt-get install {package}\n\nand then run this command again."
            );
        }
    }
    run::output(
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder),
    )
    .map(drop)
}

fn copy(from: &Path, to: &Path, files: &[&str]) -> Result<()> {
    for file in files {
        fs::copy(from.join(file), to.join(file))
            .with_context(|| format!("cannot copy {file} to {}", to.display()))?;
    }
    Ok(())
}

fn same(left: &Path, right: &Path) -> bool {
    matches!((fs::read(left), fs::read(right)), (Ok(left), Ok(right)) if left == right)
}
