//! Where the built things are: named by the environment, or beside the test binary in cargo's target directory.

use std::path::{Path, PathBuf};

/// The `assent` binary: `ASSENT_BIN`, or the one cargo built.
pub(crate) fn assent() -> PathBuf {
    built("ASSENT_BIN", "assent")
}

/// The server of the example sites: `EXAMPLE_SITES_BIN`, or the one cargo built.
pub(crate) fn example_sites() -> PathBuf {
    built("EXAMPLE_SITES_BIN", "example-sites")
}

/// The folder with the built loader and widget: `ASSENT_WEB`, or `web` in the target directory.
pub(crate) fn web() -> PathBuf {
    let folder = std::env::var_os("ASSENT_WEB").map_or_else(|| target().join("web"), PathBuf::from);
    assert!(folder.is_dir(), "{} is not there: `cargo xtask build` makes it", folder.display());
    folder
}

/// Firefox's driver: `GECKODRIVER`, the one xtask installed, or the machine's.
pub(crate) fn geckodriver() -> PathBuf {
    if let Some(path) = std::env::var_os("GECKODRIVER") {
        return path.into();
    }
    let own = target().join("tools/bin/geckodriver");
    if own.is_file() { own } else { "geckodriver".into() }
}

/// Where pictures go.
pub(crate) fn screenshots() -> PathBuf {
    target().join("screenshots")
}

/// The Python packages xtask installed.
pub(crate) fn python_packages() -> PathBuf {
    target().join("tools/python")
}

/// Debian's library that gives a program another time.
pub(crate) fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let library = |folder: PathBuf| folder.join("faketime/libfaketimeMT.so.1");
    folders.filter_map(|folder| Some(library(folder.ok()?.path()))).find(|path| path.is_file())
}

/// Where xtask unpacked Exim.
pub(crate) fn exim() -> PathBuf {
    target().join("tools/exim")
}

/// The folder of this package.
pub(crate) fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the whole project.
pub(crate) fn project() -> &'static Path {
    tests_folder().parent().expect("the package lies in the project")
}

fn built(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| profile().join(name), PathBuf::from);
    assert!(path.is_file(), "{} is not there: `cargo xtask test` builds it first", path.display());
    path
}

/// `target/debug`: this binary is in `target/debug/deps`.
fn profile() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    own.ancestors().nth(2).expect("cargo puts test binaries two folders deep").to_path_buf()
}

fn target() -> PathBuf {
    profile().parent().expect("a profile lies in the target directory").to_path_buf()
}
