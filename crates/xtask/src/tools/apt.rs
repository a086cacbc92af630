//! Debian's packages, for what no other registry has: a compiler with its own std source, and browsers. Where it lacks
//! the right to install it prints the exact command and stops.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

use crate::{run, say};

/// Whether this machine has apt.
pub(crate) fn here() -> bool {
    run::which("apt-get").is_some()
}

/// Installs packages. `what` says what they are for: "a compiler with its std source".
///
/// # Errors
/// When apt fails, or when this user may not install: then the message has the command for one who may.
pub(crate) fn install(packages: &[&str], what: &str) -> Result<()> {
    let list = packages.join(" ");
    let manual = format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {list}");
    let Some(prefix) = rights() else {
        bail!(
            "{what} is missing and this user may not install it. Run\n\n    {manual}\n\nand then this command again."
        );
    };
    let step = say::step(format!("installing {what} from Debian's packages ({list})"));
    static UPDATED: AtomicBool = AtomicBool::new(false);
    if !UPDATED.swap(true, Ordering::Relaxed) {
        run::output(&mut apt_get(prefix, &["update"]))?;
    }
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend_from_slice(packages);
    run::output(&mut apt_get(prefix, &arguments))?;
    step.done("installed");
    Ok(())
}

/// Installs a program that a check cannot do without, with the packages that have it. Without apt that is the check's to say.
///
/// # Errors
/// As [`install`].
pub(crate) fn need(program: &str, packages: &[&str]) -> Result<()> {
    match run::which(program) {
        None if here() => install(packages, program),
        _ => Ok(()),
    }
}

/// What to put before `apt-get` so that it may install: nothing for root, sudo where it asks no password.
fn rights() -> Option<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        Some(&[])
    } else if run::succeeds(Command::new("sudo").args(["-n", "true"])) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> Command {
    let mut words = prefix.to_vec();
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
    words.extend_from_slice(arguments);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}
