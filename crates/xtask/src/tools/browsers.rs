//! The browsers that black-box tests drive, and the drivers that drive them: Chromium with chromedriver, Firefox with
//! geckodriver. The machine's own are taken; missing ones come from Debian's packages (geckodriver from crates.io).
//! Starts none of them.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{apt, wheels};
use crate::place::Place;
use crate::{run, say};

/// The names a browser or driver goes by, the Debian package that has it, and what to call it.
const NEEDED: [(&[&str], &str); 3] = [
    (&["chromium", "chromium-browser", "google-chrome"], "chromium"),
    (&["chromedriver"], "chromium-driver"),
    (&["firefox-esr", "firefox"], "firefox-esr"),
];

/// Makes sure that all of them are there and returns the folder to put on the path for those that xtask installed.
///
/// # Errors
/// When one is missing and cannot be installed; the message has the command that installs it.
pub(crate) fn find_or_install(place: &Place) -> Result<PathBuf> {
    let mut missing = Vec::new();
    for (names, package) in NEEDED {
        match names.iter().find_map(|name| run::which(name)) {
            Some(program) => say::found(program.display()),
            None => missing.push(package),
        }
    }
    if !missing.is_empty() {
        if !apt::here() {
            bail!("tests in real browsers need {}; install them and run this again", missing.join(", "));
        }
        apt::install(&missing, "what the browser tests drive")?;
    }
    let bin = place.tools().join("bin");
    if let Some(program) = run::which("geckodriver") {
        say::found(program.display());
    } else if run::is_program(&bin.join("geckodriver")) {
        say::found(place.short(&bin.join("geckodriver")));
    } else {
        let step = say::step("installing geckodriver from crates.io (compiled once, some minutes)");
        wheels::cargo_install(place, "geckodriver")?;
        step.done("installed");
    }
    Ok(bin)
}
