//! `assent site`: check a site file, say by which rules, publish it, or print the tags for its pages and the embed it makes.

use super::client::Server;
use crate::app::alerts::template::{HTML, TEXT};
use crate::app::embed::{integrity, script_name, texts};
use crate::app::sites::{ApplyError, LogIs, Sites, check};
use crate::assets::Assets;
use crate::config::Loaded;
use crate::data_dir::{DataDir, DataDirError};
use crate::http::SiteFileApplied;
use anyhow::Context as _;
use assent_core::hash::sha256;
use assent_core::notice::Asked;
use assent_core::site::{MessageKind, SiteFile};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say whether a site file may be published, and if not, each reason. Changes nothing. Exit code 1: not fair or not whole.
    Check {
        /// The site file.
        file: PathBuf,
    },
    /// Print the rules that a site file is checked by, as a table in Markdown: what each asks, and whose rule it is.
    Rules,
    /// Print the built-in templates of messages, as they would stand in a site file, to start from.
    Templates,
    /// Publish a site file of a site that has a log. Works beside a running server and without one.
    Apply {
        /// The site file.
        file: PathBuf,
    },
    /// Print what goes into the head of the site's pages. Changes nothing.
    Tags {
        /// The site file.
        file: PathBuf,
        /// Language, as in `cy`; else the embed follows the visitor's browser.
        #[arg(long)]
        lang: Option<String>,
        /// Google Consent Mode's advanced mode: Google's own tag may then run before anybody agreed, and sends pings without
        /// cookies. Whether that needs consent is for the controller to judge.
        #[arg(long)]
        advanced: bool,
        /// For pages that a server puts together, and the inline layout: first the question as plain markup, for people without script.
        /// It belongs right after `<body>`, the tag right behind it; leave it out where the request has a cookie `assent`. Print it anew with
        /// each notice.
        #[arg(long, conflicts_with_all = ["advanced", "pinned"])]
        markup: bool,
        /// Name the embed by its content and state its hash, so that browsers run this script and no other. Of the site as it is in
        /// force; asks the running server, if there is one. The tag must be changed with each new notice, `look` or release.
        #[arg(long)]
        pinned: bool,
    },
    /// Print the embed that a site file makes, as it would be served. Changes nothing.
    Embed {
        /// The site file.
        file: PathBuf,
        /// Language, as in `cy`.
        #[arg(long)]
        lang: Option<String>,
        /// Print the texts of the later layers instead, which the embed loads when they are needed.
        #[arg(long)]
        layers: bool,
    },
}

pub(super) fn run(
    arguments: Arguments,
    load: impl FnOnce() -> anyhow::Result<Loaded>,
) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Check { file } => says(&file),
        Command::Templates => {
            let kinds = MessageKind::EACH.map(MessageKind::as_str).join(", ");
            super::data(&format!(
                "# Of each message that has none of its own. For one kind alone: one of {kinds}.\n\
                 [messages.all]\ntext = '''\n{TEXT}'''\nhtml = '''\n{HTML}'''\n"
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Rules => {
            super::data(&assent_core::lint::table())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Apply { file } => publish(&file, load()?, LogIs::There),
        Command::Tags { file, lang, markup: true, .. } => question(&file, lang.as_deref()),
        Command::Tags { file, lang, advanced, pinned, .. } => {
            tags(&file, lang.as_deref(), advanced, pinned.then(load).transpose()?)
        }
        Command::Embed { file, lang, layers } => embed(&file, lang.as_deref(), layers, load()?),
    }
}

/// 0: may be published. 1: may not. 2: cannot be read.
fn says(path: &Path) -> anyhow::Result<ExitCode> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            super::note(format_args!("assent: {error:#}"));
            return Ok(ExitCode::from(2));
        }
    };
    let (file, notice) = match check(&text) {
        Ok(good) => good,
        Err(ApplyError::Unfair(findings)) => {
            for finding in &findings {
                super::data(&format!("{}: {}: {}\n", finding.rule, finding.place, finding.message))?;
            }
            let count = findings.len();
            super::note(format_args!("{}: {count} finding(s); it would not be published", path.display()));
            return Ok(ExitCode::from(1));
        }
        Err(error) => {
            super::note(format_args!("{}: {error}", path.display()));
            return Ok(ExitCode::from(1));
        }
    };
    let languages: Vec<&str> = notice.languages.keys().map(String::as_str).collect();
    let (banner, alerts) =
        (notice.asked_at(Asked::Banner).count(), notice.asked_at(Asked::AlertForm).count());
    super::data(&format!(
        "{}: good. Site `{}`, {banner} purposes, {alerts} alerts, languages {}, notice {}\n",
        path.display(),
        file.id,
        languages.join(", "),
        notice.hash()
    ))?;
    for language in assent_core::languages::languages() {
        let is_used = |tag: &&String| tag.split('-').next() == Some(language.tag);
        let Some(tag) = notice.languages.keys().find(is_used).filter(|_| !language.reviewed) else {
            continue;
        };
        super::note(format_args!(
            "Have the words of `{tag}` read by somebody who lives in that language: nobody has told us that it was done. Any \
             of them can be replaced under [text.{tag}.words]"
        ));
    }
    let gaps = assent_core::view::gaps(&notice);
    if !gaps.is_empty() {
        super::note(format_args!(
            "Not said, and exported as not available in the forms of ISO/IEC TS 27560: {}",
            gaps.join(", ")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Publishes a site file, through the running server or straight into the store.
pub(super) fn publish(path: &Path, loaded: Loaded, log: LogIs) -> anyhow::Result<ExitCode> {
    let text = read(path)?;
    let config = loaded.config;
    // Read before anything is touched, so that a bad file is refused at once and in the same words.
    let (file, _) = check(&text)?;
    let applied = match DataDir::open(&config) {
        Ok(data) => {
            let assets = Arc::new(Assets::load(&config.server.web_dir.relative())?);
            let sites = Sites::open(data, &config, assets)?;
            let runtime = super::runtime()?;
            let applied = runtime.block_on(sites.apply(&text, None, log))?;
            SiteFileApplied::new(&file.id, &applied)
        }
        Err(DataDirError::InUse(_)) => {
            let create = if log == LogIs::New { "?log=create" } else { "" };
            let path = format!("/v1/{}/site-file{create}", file.id);
            serde_json::from_str(&Server::of(&config)?.put(&path, "application/toml", &text)?)?
        }
        Err(error) => return Err(error.into()),
    };
    let what = match (applied.begun, applied.changed) {
        (true, _) => "published; its log was begun",
        (false, true) => "published; the notice changed",
        (false, false) => "in force; the notice is as before",
    };
    super::data(&format!("{}: {what}. Notice {}\n", applied.site, applied.notice))?;
    Ok(ExitCode::SUCCESS)
}

/// Google's default state, which its documentation wants before any of its commands, and so inline: all seven keys denied, a
/// real `arguments` object, and half a second for the embed to tell what was chosen before.
const ADVANCED: &str = "window.dataLayer=window.dataLayer||[];function gtag(){dataLayer.push(arguments)}gtag('consent','default',\
    {ad_storage:'denied',ad_user_data:'denied',ad_personalization:'denied',analytics_storage:'denied',\
    functionality_storage:'denied',personalization_storage:'denied',security_storage:'denied',wait_for_update:500});\
    gtag('set','ads_data_redaction',true)";

fn tags(path: &Path, lang: Option<&str>, advanced: bool, pinned: Option<Loaded>) -> anyhow::Result<ExitCode> {
    let (file, notice) = check(&read(path)?)?;
    if let Some(lang) = lang.filter(|lang| !notice.languages.contains_key(*lang)) {
        anyhow::bail!("the site file has no [text.{lang}]");
    }
    let uses_google = notice.purposes.iter().any(|purpose| !purpose.google.is_empty());
    if advanced && !uses_google {
        anyhow::bail!(
            "no purpose of the site file has `google` keys, so Google would never be told anything"
        );
    }
    if advanced {
        super::data(&format!("<script>{ADVANCED}</script>\n"))?;
        let hash = assent_core::hash::base64_encode(&sha256(ADVANCED.as_bytes()).0);
        super::note(format_args!(
            "With a strict CSP, script-src 'sha256-{hash}' lets the inline script run."
        ));
    }
    let api = format!("{}/v1/{}", file.public_url, file.id);
    if let Some(loaded) = pinned {
        let (language, _) = notice.text(lang);
        let script = in_force(&file, language, &loaded)?;
        if !script.windows(64).any(|part| part == notice.hash().to_hex().as_bytes()) {
            anyhow::bail!("another notice is in force: publish the file first (assent site apply)");
        }
        super::data(&format!(
            "<script async crossorigin=\"anonymous\" integrity=\"{}\" src=\"{api}/embed/{}\"></script>\n",
            integrity(&script),
            script_name(&script)
        ))?;
        super::note(format_args!(
            "In `{language}`, whatever the visitor's browser prefers. Change the tag with each new notice, look or release: the address \
             then ends, nobody is asked, and nothing runs."
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let query = lang.map(|lang| format!("?lang={lang}")).unwrap_or_default();
    super::data(&format!("<script async src=\"{api}/embed.js{query}\"></script>\n"))?;
    if notice.asked_at(Asked::AlertForm).next().is_some() {
        super::note(format_args!(
            "The sign-up form for alerts can stand in a page: <div data-assent=\"alerts\"><a href=\"{api}/alerts{query}\">…</a></div> and <script \
             async src=\"{api}/alerts.js{query}\"></script>."
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The question as markup, with the tag that stands right behind it.
fn question(path: &Path, lang: Option<&str>) -> anyhow::Result<ExitCode> {
    let (file, notice) = check(&read(path)?)?;
    let (language, _) = notice.text(lang);
    super::data(&super::markup::markup(&file, &notice, language))?;
    let api = format!("{}/v1/{}", file.public_url, file.id);
    super::data(&format!("<script src=\"{api}/embed.js?lang={language}\"></script>\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The embed as it is served: by the running server, or as a server would make it of what is published.
fn in_force(file: &SiteFile, language: &str, loaded: &Loaded) -> anyhow::Result<Vec<u8>> {
    let config = &loaded.config;
    match DataDir::open(config) {
        Ok(data) => {
            let assets = Arc::new(Assets::load(&config.server.web_dir.relative())?);
            let sites = Sites::open(data, config, assets)?;
            let site =
                sites.get(&file.id).with_context(|| format!("the site `{}` is not published", file.id))?;
            let script = site.embeds.as_ref().and_then(|embeds| embeds.get(language));
            Ok(script.context("no built loader and widget (server.web_dir)")?.plain.clone())
        }
        Err(DataDirError::InUse(_)) => {
            let mut script = Vec::new();
            Server::of(config)?
                .get(&format!("/v1/{}/embed.js?lang={language}", file.id))?
                .read_to_end(&mut script)?;
            Ok(script)
        }
        Err(error) => Err(error.into()),
    }
}

fn embed(path: &Path, lang: Option<&str>, layers: bool, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let (file, notice) = check(&read(path)?)?;
    let web_dir = loaded.config.server.web_dir.relative();
    let assets = Assets::load(&web_dir)?;
    let (language, _) = notice.text(lang);
    let made = texts(&file, &notice, notice.hash(), language, &sample_key(&file.log_origin())?, &assets);
    let made = made
        .with_context(|| format!("no built loader and widget in {} (server.web_dir)", web_dir.display()))?;
    super::data(if layers { &made.layers } else { &made.script })?;
    Ok(ExitCode::SUCCESS)
}

/// A log key of the right form and length: the real one exists only once the site is published.
fn sample_key(origin: &str) -> anyhow::Result<String> {
    Ok(assent_core::note::SignerKey::from_seed(origin, &[7; 32])?.verifier().to_string())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
