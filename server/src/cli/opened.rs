//! Where a command's work is done: here, when nobody owns the data directory, or in the running server.

use super::client::Server;
use crate::app::App;
use crate::app::sites::Site;
use crate::config::Loaded;
use crate::data_dir::{DataDir, DataDirError};
use anyhow::Context as _;
use assent_core::ids::SiteId;
use assent_ledger::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::future::Future;
use std::sync::Arc;

/// The data, or the server that owns them.
pub(super) enum Opened {
    /// Nobody else has the data directory.
    Here(Here),
    /// A running server has it.
    There(Server),
}

/// Everything opened in this process.
pub(super) struct Here {
    pub(super) app: Arc<App>,
    runtime: tokio::runtime::Runtime,
}

impl Opened {
    pub(super) fn of(loaded: Loaded) -> anyhow::Result<Self> {
        let config = loaded.config;
        match DataDir::open(&config) {
            Ok(data) => {
                let app = Arc::new(App::open(config, data)?);
                let runtime = super::runtime()?;
                Ok(Self::Here(Here { app, runtime }))
            }
            Err(DataDirError::InUse(_)) => Ok(Self::There(Server::of(&config)?)),
            Err(error) => Err(error.into()),
        }
    }
}

impl Here {
    /// The site of this name.
    pub(super) fn site(&self, name: &str) -> anyhow::Result<Arc<Site>> {
        let id = SiteId::new(name)?;
        self.app.sites.get(&id).with_context(|| format!("no site `{id}` is published here"))
    }

    /// The sites that a command is about: the named one, or all.
    pub(super) fn sites(&self, name: Option<&str>) -> anyhow::Result<Vec<Arc<Site>>> {
        name.map_or_else(|| Ok(self.app.sites.all()), |name| Ok(vec![self.site(name)?]))
    }

    /// Runs an asynchronous use-case for a site.
    pub(super) fn run<F: Future>(
        &self,
        name: &str,
        work: impl FnOnce(Arc<Site>) -> F,
    ) -> anyhow::Result<F::Output> {
        let site = self.site(name)?;
        Ok(self.runtime.block_on(work(site)))
    }
}

/// A progress bar on stderr, shown only where a person looks on.
pub(super) fn bar(unit: &str) -> ProgressBar {
    let template = format!("{{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

/// Moves a bar along.
pub(super) fn along(bar: &ProgressBar) -> impl FnMut(Progress) {
    |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }
}
