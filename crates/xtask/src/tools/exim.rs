//! Exim, the mail server that Debian comes with, for tests: its packages are fetched and unpacked under the target directory, and not
//! installed, because a machine may have a mail server of its own, which an installed one would push out. With it comes a
//! library by which a program finds a user that this machine does not have. Where there is no apt, the tests that need it say that it is missing.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::place::Place;
use crate::{run, say};

/// Exim itself, what it needs and small systems lack, and the library.
const PACKAGES: [&str; 6] =
    ["exim4-daemon-light", "libgnutls-dane0", "libidn12", "libnsl2", "libunbound8", "libnss-wrapper"];

/// Fetches and unpacks it. Without apt that is the tests' to say.
///
/// # Errors
/// When it cannot be fetched or unpacked.
pub(crate) fn need(place: &Place) -> Result<()> {
    let folder = place.tools().join("exim");
    if run::is_program(&folder.join("usr/sbin/exim4")) {
        say::found(format_args!("Exim in {}", place.short(&folder)));
    } else if apt::here() {
        unpack(place)?;
    }
    Ok(())
}

fn unpack(place: &Place) -> Result<()> {
    let (folder, fetched) = (place.tools().join("exim"), place.tools().join("exim-packages"));
    let step = say::step("fetching the mail server Exim from Debian's packages");
    for folder in [&folder, &fetched] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut fetch = Command::new("apt-get");
    run::output(fetch.args(["-q", "download"]).args(PACKAGES).current_dir(&fetched))?;
    let mut packages: Vec<_> = fs::read_dir(&fetched)?.collect::<Result<_, _>>()?;
    // Exim last: it is there only when everything is.
    packages.sort_by_key(|package| package.file_name().to_string_lossy().starts_with("exim4"));
    for package in packages {
        run::output(Command::new("dpkg").arg("-x").arg(package.path()).arg(&folder))?;
    }
    let _ = fs::remove_dir_all(&fetched);
    step.done("unpacked");
    Ok(())
}
