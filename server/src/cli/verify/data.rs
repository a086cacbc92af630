//! `assent verify` of a data directory, or of a copy of one: every site's log in it.
//!
//! It works on a temporary copy, because opening a store tidies it up; so nothing in the directory changes, and it may be a backup
//! on a disk that cannot be written to. Without the operator's key, records stay sealed and all else is checked; with it, they are
//! opened and compared with their leaves.

use super::{Verdict, bad};
use crate::app::site_text::{self, SiteTextError};
use crate::data_dir::{DataDirError, lock};
use crate::operator_key;
use anyhow::{Context as _, bail};
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::note::VerifierKey;
use assent_core::site::SiteFile;
use assent_ledger::{CheckReport, Ledger, LogConfig, OperatorKey, Outside, Progress, Store, check_unopened};
use assent_store_sled::SledStore;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What a data directory has that matters here.
const FOLDERS: [&str; 4] = ["store", "keys", "checkpoints", "sites"];

/// Whether the folder looks like a data directory.
pub(super) fn is_one(folder: &Path) -> bool {
    ["store", "checkpoints", "sites"].iter().all(|name| folder.join(name).is_dir())
}

pub(super) fn judge(
    folder: &Path,
    key: Option<&VerifierKey>,
    operator: Option<&Path>,
    bar: &ProgressBar,
) -> anyhow::Result<Verdict> {
    let operator = match operator {
        Some(path) => {
            let key = operator_key::read_file(path)?;
            Some(key.with_context(|| format!("there is no file {}", path.display()))?.for_ledger())
        }
        None => None,
    };
    // A running server writes on; what is read meanwhile would not fit together.
    let _lock = match folder.join("lock").exists().then(|| lock(folder)) {
        Some(Err(error @ DataDirError::InUse(_))) => return Err(error.into()),
        // A backup may be on a disk that cannot be written to.
        other => other.and_then(Result::ok),
    };
    let copy = tempfile::tempdir().context("cannot make a folder for a copy")?;
    for name in FOLDERS {
        let from = folder.join(name);
        if from.is_dir() {
            copy_folder(&from, &copy.path().join(name))
                .with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    let opened = SledStore::open(&copy.path().join("store"));
    let store: Arc<dyn Store> = match opened {
        Ok(store) => Arc::new(store),
        Err(error) => {
            let sentence = format!("its store cannot be opened: {:#}", anyhow::Error::from(error));
            return Ok(bad("data directory", "store-unreadable", &sentence, None, None));
        }
    };
    let mut sites = Vec::new();
    for site in fs::read_dir(copy.path().join("sites"))? {
        let name = site?.file_name();
        if let Some(id) = name.to_str().and_then(|name| SiteId::new(name).ok()) {
            sites.push(id);
        }
    }
    sites.sort();
    if sites.is_empty() {
        bail!("no site was ever published in {}", folder.display());
    }
    let mut verdict = Verdict { holds: true, lines: Vec::new(), json: Value::Null, checkpoint: None };
    let mut told = Vec::new();
    for site in sites {
        let (holds, line, json) = match one(&store, copy.path(), &site, key, operator.as_ref(), bar) {
            Ok((line, json)) => (true, line, json),
            Err((code, sentence)) => {
                let json =
                    json!({ "site": site.to_string(), "holds": false, "code": code, "message": sentence });
                (false, format!("Site {site} does not hold: {sentence} ({code})"), json)
            }
        };
        verdict.holds &= holds;
        verdict.lines.push(line);
        told.push(json);
    }
    bar.finish_and_clear();
    if operator.is_none() {
        let line = "Records were not opened: give the operator's key with --operator-key to compare them with the log.";
        verdict.lines.push(line.to_string());
    }
    if key.is_none() && operator.is_none() {
        let line = "The checkpoints' signatures were NOT checked: that needs --key or --operator-key.";
        verdict.lines.push(line.to_string());
    }
    verdict.json = json!({ "holds": verdict.holds, "kind": "data-directory", "sites": told });
    Ok(verdict)
}

/// One site: a line for people and the same for programs, or a code and a sentence.
fn one(
    store: &Arc<dyn Store>,
    folder: &Path,
    site: &SiteId,
    key: Option<&VerifierKey>,
    operator: Option<&OperatorKey>,
    bar: &ProgressBar,
) -> Result<(String, Value), (&'static str, String)> {
    let checkpoint = folder.join("checkpoints").join(site.as_str());
    let mut show = |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    };
    let wrong =
        |error: assent_ledger::CheckError| (error.code(), format!("{:#}", anyhow::Error::from(error)));
    let said = |origin: &str, size: u64, root: Hash, report: CheckReport, signature: &str| {
        let CheckReport { records, sealed, documents, gone, restricted, .. } = report;
        let line = format!(
            "Site {site} holds: {size} entries of {origin} ({records} records opened, {sealed} sealed, {restricted} restricted, \
             {gone} gone, {documents} documents)"
        );
        let json = json!({
            "site": site.to_string(), "holds": true, "origin": origin, "size": size, "root": root.to_base64(),
            "records": records, "sealed": sealed, "restricted": restricted, "gone": gone, "documents": documents,
            "signature_checked": signature,
        });
        (line, json)
    };
    let unreadable = |why: String| ("site-file-unreadable", format!("its site file cannot be read: {why}"));
    let text = site_text::read(&folder.join("sites").join(site.as_str()).join("site.toml"));
    let text = text.map_err(|error| match error {
        SiteTextError::Altered(_) => {
            ("site-file-altered", "its site file was altered since it was applied".to_string())
        }
        SiteTextError::Unreadable { source, .. } => unreadable(source.to_string()),
    })?;
    let Some(operator) = operator else {
        let checked = check_unopened(&**store, site, &checkpoint, key, &mut show);
        let (head, report) = checked.map_err(wrong)?;
        let signature = if key.is_some() { "with-key" } else { "no" };
        return Ok(said(&head.origin, head.size, head.root, report, signature));
    };
    let text = text.ok_or_else(|| unreadable("there is none".to_string()))?;
    let file: SiteFile = toml::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let config = LogConfig {
        site: site.clone(),
        origin: file.log_origin(),
        keys: folder.join("keys").join(site.as_str()),
        checkpoint,
        queue: 1,
        accept_clock: true,
    };
    let opened = Ledger::open(config, Arc::clone(store), operator, Outside::system());
    let ledger = opened.map_err(|error| ("log-unopened", format!("{:#}", anyhow::Error::from(error))))?;
    if let Some(key) = key.filter(|key| **key != *ledger.vkey()) {
        return Err(("key-not-trusted", format!("it is signed with {}, not with {key}", ledger.vkey())));
    }
    let report = ledger.check(&mut show).map_err(wrong)?;
    let head = ledger.published();
    Ok(said(ledger.origin(), head.size, head.root, report, "with-operator-key"))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
