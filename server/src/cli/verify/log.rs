//! `assent verify` of a folder with a copy of a log's public files (C2SP tlog-tiles), as any mirror has it.

use super::{Verdict, bad, trust};
use crate::copied_log::{LogFault, check, head};
use anyhow::Context as _;
use assent_core::note::VerifierKey;
use assent_core::receipt::KeyTrust;
use indicatif::ProgressBar;
use serde_json::json;
use std::io::{self, Read as _};
use std::path::Path;

/// Longest file of a log: a full bundle of the longest entries.
const FILE_MAX: u64 = 256 * (65_535 + 2);

/// Whether the folder looks like a copied log.
pub(super) fn is_one(folder: &Path) -> bool {
    folder.join("checkpoint").is_file()
}

pub(super) fn judge(folder: &Path, key: Option<VerifierKey>, bar: &ProgressBar) -> anyhow::Result<Verdict> {
    // Our own logs serve their key beside the tiles; a copy may have it.
    let (key, trusted) = match key {
        Some(key) => (Some(key), Some(KeyTrust::Pinned)),
        None => match std::fs::read_to_string(folder.join("key")) {
            Ok(text) => {
                let key =
                    VerifierKey::parse(text.trim()).context("its file `key` holds no log's key (vkey)")?;
                (Some(key), Some(KeyTrust::SelfAsserted))
            }
            Err(_) => (None, None),
        },
    };
    let mut read = |path: &str| match std::fs::File::open(folder.join(path)) {
        Ok(file) => {
            let mut content = Vec::new();
            file.take(FILE_MAX + 1).read_to_end(&mut content)?;
            Ok(Some(content))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let judged = head(&mut read, key.as_ref()).and_then(|head| {
        let mut show = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        check::<LogFault>(&mut read, &head.checkpoint, &mut |_, _, _| Ok(()), &mut show)?;
        Ok(head)
    });
    bar.finish_and_clear();
    let head = match judged {
        Ok(head) => head,
        Err(fault) => return Ok(bad("log", fault.code(), &fault.to_string(), None, None)),
    };
    let (origin, size) = (&head.checkpoint.origin, head.checkpoint.size);
    let mut lines = vec![
        format!("The log holds: all entries ({size}) lead to the root of its checkpoint, at every level."),
        format!("Log: {origin}, root {}", head.checkpoint.root.to_base64()),
    ];
    lines.push(match trusted {
        Some(trusted) => trust(trusted).to_string(),
        None => "Its signature was NOT checked: give the log's key with --key.".to_string(),
    });
    lines.push("It says nothing about what entries mean: receipts and exports open them.".to_string());
    let json = json!({
        "holds": true, "kind": "log", "origin": origin, "size": size, "root": head.checkpoint.root.to_base64(),
        "signature_checked": trusted.is_some(), "key_pinned": trusted == Some(KeyTrust::Pinned),
    });
    Ok(Verdict { holds: true, lines, json, checkpoint: Some(head.note) })
}
