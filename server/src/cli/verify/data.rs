//! `assent verify` of a data directory, or of a copy of one: every site's log in it.
//!
//! It works on a temporary copy, because opening a store tidies it up; so nothing in the directory changes, and it may be a backup
//! on a disk that cannot be written to. Without the operator's key, records stay sealed and all else is checked; with it, they are
//! opened and compared with their leaves.

use super::{Verdict, bad};
use crate::app::publish::has_grown;
use crate::app::site_text::{self, SiteTextError};
use crate::data_dir::{DataDirError, lock};
use crate::operator_key;
use anyhow::{Context as _, bail};
use assent_core::checkpoint::Checkpoint;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::note::VerifierKey;
use assent_core::site::SiteFile;
use assent_ledger::{
    CheckReport, KeyStoreError, Ledger, LogConfig, OpenError, OperatorKey, Outside, Progress, Store,
    check_unopened,
};
use assent_store_sled::{OpenError as StoreOpenError, SledStore};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What a data directory has that matters here, but for its keys, which are of use only with the operator's.
const FOLDERS: [&str; 4] = ["store", "checkpoints", "published", "sites"];

/// The code of a site whose keys do not open at all with the operator's key.
const KEYS_UNOPENED: &str = "keys-unopened";

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
    let key_file = operator;
    let operator = match key_file {
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
    let copy = copied(folder, operator.is_some())?;
    // Whoever reads it has the directory, not the copy.
    let in_place = |sentence: String| {
        sentence.replace(&copy.path().display().to_string(), &folder.display().to_string())
    };
    let opened = SledStore::open(&copy.path().join("store"));
    let store: Arc<dyn Store> = match opened {
        Ok(store) => Arc::new(store),
        // It may hold or not: this release does not read it.
        Err(error @ (StoreOpenError::Earlier { .. } | StoreOpenError::OtherFormat { .. })) => {
            bail!(in_place(error.to_string()))
        }
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            let sentence = format!("its store cannot be opened: {}", in_place(error));
            return Ok(bad("data directory", "store-unreadable", &sentence, None, None));
        }
    };
    let sites = sites(folder, &*store)?;
    if sites.is_empty() {
        bail!("no site was ever published in {}", folder.display());
    }
    let mut verdict = Verdict { holds: true, lines: Vec::new(), json: Value::Null, checkpoint: None };
    let mut told = Vec::new();
    let mut unopened = 0;
    for site in sites {
        let (holds, line, json) = match one(&store, copy.path(), &site, key, operator.as_ref(), bar) {
            Ok((line, json)) => (true, line, json),
            Err((code, sentence)) => {
                let sentence = in_place(sentence);
                unopened += usize::from(code == KEYS_UNOPENED);
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
    if let Some(path) = key_file.filter(|_| unopened == told.len()) {
        // Where it opens the keys of another site it is the right one, and these are damaged.
        bail!(
            "no keys in {} open with the key in {}: it is another operator's key, or the keys are damaged. Without \
             --operator-key all else is checked",
            folder.display(),
            path.display()
        );
    }
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

/// The copy that is worked on. Without the operator's key, no secret leaves the directory, not even wrapped.
fn copied(folder: &Path, with_keys: bool) -> anyhow::Result<tempfile::TempDir> {
    let copy = tempfile::tempdir().context("cannot make a folder for a copy")?;
    for name in FOLDERS.into_iter().chain(with_keys.then_some("keys")) {
        let from = folder.join(name);
        if from.is_dir() {
            copy_folder(&from, &copy.path().join(name))
                .with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(copy)
}

/// Every site of which something lies here, by name: also one whose site file is gone.
fn sites(folder: &Path, store: &dyn Store) -> anyhow::Result<BTreeSet<SiteId>> {
    let names = |name: &str| -> anyhow::Result<BTreeSet<SiteId>> {
        let folder = folder.join(name);
        if !folder.is_dir() {
            return Ok(BTreeSet::new());
        }
        let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        let ids = entries.iter().filter_map(|entry| SiteId::new(entry.file_name().to_str()?).ok());
        Ok(ids.collect())
    };
    let mut sites = BTreeSet::new();
    for name in ["sites", "checkpoints", "published"] {
        sites.extend(names(name)?);
    }
    for site in names("keys")? {
        // Keys alone are what a beginning that failed leaves.
        if store.head(&site)?.is_some() {
            sites.insert(site);
        }
    }
    Ok(sites)
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
    let [checkpoint, published] =
        ["checkpoints", "published"].map(|name| folder.join(name).join(site.as_str()));
    if !folder.join("sites").join(site.as_str()).is_dir() {
        return Err(("site-file-missing", "its log is here, and its site file is not".to_string()));
    }
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
        let checked = check_unopened(&**store, site, (&checkpoint, &published), key, &mut show);
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
    let ledger = opened.map_err(|error| {
        // What else is sealed is opened with what this one holds.
        let code = match &error {
            OpenError::Keys(KeyStoreError::WrongKey { path }) if path.ends_with("log.keys") => KEYS_UNOPENED,
            _ => "log-unopened",
        };
        (code, format!("{:#}", anyhow::Error::from(error)))
    })?;
    if let Some(key) = key.filter(|key| **key != *ledger.vkey()) {
        return Err(("key-not-trusted", format!("it is signed with {}, not with {key}", ledger.vkey())));
    }
    let note = match fs::read(&published) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(("checkpoint-unreadable", format!("cannot read {}: {error}", published.display())));
        }
        Ok(bytes) => Some(bytes),
    };
    if let Some(note) = note {
        let note = String::from_utf8_lossy(&note);
        let foreign = || ("published-foreign", "what was public last is none of this log".to_string());
        let public = Checkpoint::verify(&note, ledger.vkey()).map_err(|_| foreign())?;
        has_grown(&ledger, public.checkpoint(), &published)
            .map_err(|error| ("rolled-back", format!("{error:#}")))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A data directory with the logs of two sites, as far as it is looked at without the operator's key.
    fn made() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&path("store")).unwrap());
        for name in ["clinic", "shop"] {
            fs::create_dir_all(path("sites").join(name)).unwrap();
            let config = LogConfig {
                site: SiteId::new(name).unwrap(),
                origin: format!("privacy.example.org/v1/{name}/log"),
                keys: path("keys").join(name),
                checkpoint: path("checkpoints").join(name),
                queue: 1,
                accept_clock: false,
            };
            let key = OperatorKey::from_bytes([7; 32]);
            drop(Ledger::create(config, Arc::clone(&store), &key, Outside::system()).unwrap());
        }
        folder
    }

    fn judged(folder: &Path) -> (bool, Vec<(String, String)>) {
        let Verdict { holds, json, .. } = judge(folder, None, None, &ProgressBar::hidden()).unwrap();
        let text = |site: &Value, name: &str| site[name].as_str().unwrap_or_default().to_string();
        let sites = json["sites"].as_array().unwrap().iter();
        (holds, sites.map(|site| (text(site, "site"), text(site, "code"))).collect())
    }

    /// It held, and not a word was said of the other site.
    #[test]
    fn a_site_whose_file_is_gone_is_not_passed_over() {
        let folder = made();
        let is = |name: &str, code: &str| (name.to_string(), code.to_string());
        assert_eq!(judged(folder.path()), (true, vec![is("clinic", ""), is("shop", "")]));
        fs::remove_dir(folder.path().join("sites/shop")).unwrap();
        let missing = (false, vec![is("clinic", ""), is("shop", "site-file-missing")]);
        assert_eq!(judged(folder.path()), missing);
        fs::remove_file(folder.path().join("checkpoints/shop")).unwrap();
        assert_eq!(judged(folder.path()), missing, "its keys and its part of the store are still there");
        // What a beginning that failed leaves is no site.
        fs::create_dir(folder.path().join("keys/begun")).unwrap();
        assert_eq!(judged(folder.path()), missing);
    }

    #[test]
    fn secrets_are_copied_only_for_whoever_can_open_them() {
        let folder = made();
        for (with_keys, is_there) in [(false, false), (true, true)] {
            let copy = copied(folder.path(), with_keys).unwrap();
            assert_eq!(copy.path().join("keys").exists(), is_there);
            assert!(copy.path().join("store").is_dir() && copy.path().join("checkpoints/clinic").is_file());
        }
    }
}
