//! Where things are: the project's root, cargo's target directory (which `CARGO_TARGET_DIR` may put elsewhere), and the
//! folders below it that xtask fills. Does not create anything.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

/// The project's folders.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// What `cargo metadata --no-deps` says about the workspace.
    pub(crate) metadata: Value,
}

impl Place {
    /// Asks cargo.
    ///
    /// # Errors
    /// When cargo cannot read the workspace.
    pub(crate) fn find() -> Result<Self> {
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = crate::run::output(&mut command)?;
        let metadata: Value =
            serde_json::from_str(&text).context("cargo metadata printed something that is not JSON")?;
        let folder = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("cargo metadata names no {key}"))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")?, metadata })
    }

    /// What browsers load: `loader.js`, `assent.js`, `assent_bg.wasm` and their brotli forms.
    pub(crate) fn web(&self) -> PathBuf {
        self.target.join("web")
    }

    /// Tools that xtask installed for itself.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Where cargo leaves binaries of a profile.
    pub(crate) fn binaries(&self, release: bool) -> PathBuf {
        self.target.join(if release { "release" } else { "debug" })
    }

    /// A path as a person in the project's root would type it.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// The cargo that runs this program, or the one on the path, at work in the project's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Two checkouts may share a target directory: cargo says which of them runs this program; the one that built it may be gone.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    command.current_dir(PathBuf::from(package).join("../.."));
    // Cargo tells its children about the package being run; a nested cargo must not take that for its own.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}
