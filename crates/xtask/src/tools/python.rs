//! The Python packages that tests need (an Ed25519 that is not ours): the machine's own, else prebuilt from PyPI at the
//! versions of `crates/xtask/tools/python.txt`, under the target directory. Nothing is installed into Python.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::place::Place;
use crate::{run, say};

/// Python's installer of packages, which Debian keeps in a package of its own.
///
/// # Errors
/// When there is none and it cannot be installed.
pub(crate) fn pip() -> Result<Command> {
    let pip = || {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip"]);
        pip
    };
    if !run::succeeds(pip().arg("--version")) {
        apt::need("pip3", &["python3-pip"])?;
    }
    Ok(pip())
}

/// Installs what is missing.
///
/// # Errors
/// When it cannot be had.
pub(crate) fn need(place: &Place) -> Result<()> {
    if run::succeeds(
        Command::new("python3").args(["-c", "import aics_tlog, aiosmtpd, cryptography, standardwebhooks"]),
    ) {
        say::found("the Python packages aics-tlog, aiosmtpd, cryptography and standardwebhooks");
        return Ok(());
    }
    install(place)
}

fn install(place: &Place) -> Result<()> {
    let list = place.root.join("crates/xtask/tools/python.txt");
    let wanted = fs::read(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let folder = place.tools().join("python");
    // Our copy of the list, written after an install that ended well.
    let installed = folder.join("assent-python.txt");
    if fs::read(&installed).is_ok_and(|have| have == wanted) {
        say::found(format_args!("Python packages in {}", place.short(&folder)));
        return Ok(());
    }
    let step = say::step(
        "installing the Python packages aics-tlog, aiosmtpd, cryptography and standardwebhooks from PyPI",
    );
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut pip = pip()?;
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--ignore-requires-python",
        "--only-binary",
        ":all:",
    ]);
    run::output(pip.arg("--target").arg(&folder).arg("--requirement").arg(&list))?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
    step.done("installed");
    Ok(())
}
