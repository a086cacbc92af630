//! The machine's Python, alone and with packages: independent readers and makers need it.

use std::path::Path;
use std::process::{Command, Stdio};

use super::places::python_packages;

/// `python3 SCRIPT`, or nothing where Python or its package cannot be had; then `what` is skipped, and it says so.
pub(crate) fn python(script: &Path, what: &str) -> Option<Command> {
    python_with("cryptography", script, what)
}

/// The same with another package.
pub(crate) fn python_with(package: &str, script: &Path, what: &str) -> Option<Command> {
    let python = || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", python_packages()).stdin(Stdio::null());
        command
    };
    let import = format!("import {package}");
    let there = python().args(["-c", &import]).output().is_ok_and(|done| done.status.success());
    if !there {
        eprintln!(
            "skipped: {what}: no python3 with the package {package} (`cargo xtask test browser` installs it)"
        );
        return None;
    }
    let mut command = python();
    command.arg(script);
    Some(command)
}

/// What a few lines of Python print. They need nothing but Python itself.
pub(crate) fn python_says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new("python3").arg("-c").arg(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_string()
}
