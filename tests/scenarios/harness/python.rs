//! The machine's Python with the package `cryptography`: the independent reader and maker of vectors need both.

use std::path::Path;
use std::process::{Command, Stdio};

use super::places::python_packages;

/// `python3 SCRIPT`, or nothing where Python or its package cannot be had; then `what` is skipped, and it says so.
pub(crate) fn python(script: &Path, what: &str) -> Option<Command> {
    let python = || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", python_packages()).stdin(Stdio::null());
        command
    };
    let there = python().args(["-c", "import cryptography"]).output().is_ok_and(|done| done.status.success());
    if !there {
        eprintln!(
            "skipped: {what}: no python3 with the package cryptography (`cargo xtask test browser` installs it)"
        );
        return None;
    }
    let mut command = python();
    command.arg(script);
    Some(command)
}
