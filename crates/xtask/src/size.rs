//! `cargo xtask size`: what a visitor downloads, in bytes, raw and as brotli, and whether it is within the budget. The
//! embed is measured as served: the server renders it for a realistic notice and each example site. Does not time anything.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::place::Place;
use crate::web::{self, br, brotli, read};
use crate::{build, run, say};

/// The embed of a realistic notice with two purposes, as brotli: every visitor pays it.
const EMBED_BUDGET: usize = 8_000;
/// The same of the example sites, which have more to say.
const LARGER_EMBED_BUDGET: usize = 9_000;
/// The widget with its glue, as brotli: paid by visitors who have a question to answer.
const WIDGET_BUDGET: usize = 50_000;
/// Everything that a first visit downloads, as brotli.
const FIRST_VISIT_BUDGET: usize = 60_000;

/// The site file of the realistic notice with two purposes.
const REALISTIC: &str = "crates/bench/widget/site.toml";

/// The languages the example sites speak; each visitor downloads one.
const LANGUAGES: [&str; 2] = ["en", "cy"];

/// The sites whose embed is measured.
pub(crate) const EXAMPLES: [&str; 2] = ["health-provider", "community-charity"];

/// Builds, measures and prints the table.
///
/// # Errors
/// When a build fails or something is over its budget.
pub(crate) fn run() -> Result<()> {
    let place = Place::find()?;
    let made = web::build(&place)?;
    build::programs(&place, &["server"], false)?;

    let mut rows = Vec::new();
    // Of the largest: raw and sent.
    let mut texts = (0, 0);
    let examples = EXAMPLES.iter().flat_map(|name| {
        LANGUAGES.map(|language| {
            (
                format!("examples/{name}/site.toml"),
                language,
                format!("{name}, {language}"),
                LARGER_EMBED_BUDGET,
            )
        })
    });
    let realistic = (REALISTIC.to_owned(), "en", "two purposes, en".to_owned(), EMBED_BUDGET);
    for (site, language, name, budget) in [realistic].into_iter().chain(examples) {
        let embed = rendered(&place, &site, language, &[])?;
        let sent = brotli(&embed)?.len();
        rows.push(Row::new(format!("embed, {name}"), &embed, sent, Some(budget)));
        let layers = rendered(&place, &site, language, &["--layers"])?;
        let layers_sent = brotli(&layers)?.len();
        rows.push(Row::new("  later layers' texts", &layers, layers_sent, None));
        texts = texts.max((embed.len() + layers.len(), sent + layers_sent));
    }
    let (widget, glue) = (read(&made.widget)?, read(&made.glue)?);
    let (widget_sent, glue_sent) = (read(&br(&made.widget))?.len(), read(&br(&made.glue))?.len());
    let loader = read(&made.loader)?;
    rows.push(Row::new("  of it the loader", &loader, brotli(&loader)?.len(), None));
    rows.push(Row::new("widget", &widget, widget_sent, None));
    rows.push(Row::new("glue", &glue, glue_sent, None));
    let together = Row {
        what: "widget with glue".into(),
        raw: widget.len() + glue.len(),
        sent: widget_sent + glue_sent,
        budget: Some(WIDGET_BUDGET),
    };
    let first_visit = Row {
        what: "first visit, largest example".into(),
        raw: texts.0 + together.raw,
        sent: texts.1 + together.sent,
        budget: Some(FIRST_VISIT_BUDGET),
    };
    rows.push(together);
    rows.push(first_visit);

    println!("{:<34} {:>9} {:>9} {:>9}", "bytes", "raw", "brotli", "budget");
    for row in &rows {
        let budget = row.budget.map(say::bytes).unwrap_or_default();
        let over = if row.over() { "  over" } else { "" };
        println!(
            "{:<34} {:>9} {:>9} {:>9}{over}",
            row.what,
            say::bytes(row.raw),
            say::bytes(row.sent),
            budget
        );
    }
    let over: Vec<&str> = rows.iter().filter(|row| row.over()).map(|row| row.what.as_str()).collect();
    if !over.is_empty() {
        bail!("over budget: {}", over.join(", "));
    }
    Ok(())
}

/// The embed of a site file as the server would send it, or what else `options` ask for.
fn rendered(place: &Place, site: &str, language: &str, options: &[&str]) -> Result<Vec<u8>> {
    let site = place.root.join(site);
    let mut command = Command::new(place.binaries(false).join("assent"));
    command
        .args(["site", "embed"])
        .arg(&site)
        .args(["--lang", language])
        .args(options)
        .env("ASSENT_SERVER_WEB_DIR", place.web());
    let text = run::output(&mut command).context("the server cannot render an embed")?;
    Ok(text.into_bytes())
}

struct Row {
    what: String,
    raw: usize,
    sent: usize,
    budget: Option<usize>,
}

impl Row {
    fn new(what: impl Into<String>, raw: &[u8], sent: usize, budget: Option<usize>) -> Self {
        Self { what: what.into(), raw: raw.len(), sent, budget }
    }

    fn over(&self) -> bool {
        self.budget.is_some_and(|budget| self.sent > budget)
    }
}
