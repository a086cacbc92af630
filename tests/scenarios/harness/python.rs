//! The machine's Python, alone and with packages: independent readers and makers need it.

use std::path::Path;
use std::process::{Command, Stdio};

use super::part::Part;
use super::places::python_packages;

/// `python3 SCRIPT` with the package `cryptography`, which must be here; nothing where Python's packages are left out, and then `what` is
/// skipped, which is told.
pub(crate) fn python(script: &Path, what: &str) -> Option<Command> {
    python_with("cryptography", script, what)
}

/// The same with another package.
pub(crate) fn python_with(package: &str, script: &Path, what: &str) -> Option<Command> {
    if !Part::Python.is_wanted(what) {
        return None;
    }
    Part::Python.is_here(has(package), &format!("{what} (the package {package})"));
    let mut command = python3();
    command.arg(script);
    Some(command)
}

/// Whether Python has a package: the machine's own, or what xtask installed.
pub(super) fn has(package: &str) -> bool {
    python3().args(["-c", &format!("import {package}")]).output().is_ok_and(|done| done.status.success())
}

fn python3() -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", python_packages()).stdin(Stdio::null());
    command
}

/// What a few lines of Python print. They need nothing but Python itself.
pub(crate) fn python_says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new("python3").arg("-c").arg(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_string()
}
