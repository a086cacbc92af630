//! The browsers that black-box tests drive, and the drivers that drive them: Chromium with chromedriver, Firefox with
//! geckodriver, WebKitGTK with its own driver on a virtual screen. The machine's own are taken; missing ones come from
//! Debian's packages (geckodriver from crates.io). Starts none of them.

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

/// The engine that Safari has, and the screen its browser needs. Only Debian's kind of machine has these.
const WEBKIT: [(&str, &str); 3] =
    [("WebKitWebDriver", "webkit2gtk-driver"), ("xvfb-run", "xvfb"), ("xauth", "xauth")];

/// What the browser tests can count on.
#[derive(Debug, Clone)]
pub(crate) struct Browsers {
    /// The folder to put on the path for drivers that xtask installed.
    pub(crate) bin: PathBuf,
    /// Whether WebKit can be driven too.
    pub(crate) webkit: bool,
}

/// Chromium, where it is installed.
pub(crate) fn chromium() -> Option<PathBuf> {
    NEEDED[0].0.iter().find_map(|name| run::which(name))
}

/// Makes sure that Chromium and Firefox are there, and WebKit where apt has it.
///
/// # Errors
/// When one is missing and cannot be installed; the message has the command that installs it.
pub(crate) fn find_or_install(place: &Place) -> Result<Browsers> {
    let mut missing: Vec<&str> = Vec::new();
    for (names, package) in NEEDED {
        match names.iter().find_map(|name| run::which(name)) {
            Some(program) => say::found(program.display()),
            None => missing.push(package),
        }
    }
    let (have, lack): (Vec<(&str, &str)>, Vec<_>) =
        WEBKIT.into_iter().partition(|(program, _)| run::which(program).is_some());
    have.iter().for_each(|(program, _)| say::found(program));
    let webkit = lack.is_empty() || apt::here();
    if webkit {
        missing.extend(lack.into_iter().map(|(_, package)| package));
    } else {
        say::note("no WebKitGTK on this kind of machine, so scenarios run in Chromium and Firefox only");
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
    Ok(Browsers { bin, webkit })
}
