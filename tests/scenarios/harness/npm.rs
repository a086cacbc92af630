//! What the tests take from npm: installed once, from the lockfile, in this package's folder.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use super::places::tests_folder;

/// A file below `node_modules`. Tests that run side by side wait for each other's install.
pub(crate) fn npm(file: &str) -> PathBuf {
    let folder = tests_folder();
    let file = folder.join("node_modules").join(file);
    if !file.is_file() {
        let lock = File::open(folder.join("package-lock.json")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        if !file.is_file() {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(folder);
            assert!(npm.status().unwrap().success(), "npm ci failed in {}", folder.display());
        }
    }
    file
}
