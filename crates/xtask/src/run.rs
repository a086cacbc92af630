//! Runs other programs: quietly, keeping what they print for the error message, or in the open. Does not decide what to
//! run and hides no failure.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How many lines of a failed program's output an error repeats.
const TAIL: usize = 40;

/// Runs a program without showing its output and returns what it printed on stdout.
///
/// # Errors
/// When it cannot be started or fails; the error repeats the end of what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let told = tell(command);
    let done = command.stdin(Stdio::null()).output().with_context(|| {
        format!("cannot start `{told}`; is {} installed?", command.get_program().to_string_lossy())
    })?;
    if !done.status.success() {
        let printed = [&done.stdout[..], b"\n", &done.stderr[..]].concat();
        let printed = String::from_utf8_lossy(&printed);
        let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n    ");
        bail!("`{told}` failed ({}) and printed:\n    {tail}", done.status);
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Runs a program that prints its own progress.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn loud(command: &mut Command) -> Result<()> {
    let told = tell(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{told}`"))?;
    if !status.success() {
        bail!("`{told}` failed ({status}); its own message is above");
    }
    Ok(())
}

/// Whether a program runs and succeeds; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where a program is on the path.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

/// Whether a file can be run.
pub(crate) fn is_program(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
}

/// The path with xtask's own tools in front, for programs that look there for theirs.
pub(crate) fn path_with(folder: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path)))
        .context("the target directory's path has a colon in it, which PATH cannot hold")
}

/// The command as one would type it.
fn tell(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
