//! `assent verify` of an audit bundle.

use super::{Verdict, bad, count, trust};
use crate::bundle::{BundleFault, BundleSummary, check};
use assent_core::bundle::{MANIFEST, RECORDS};
use assent_core::note::VerifierKey;
use assent_core::receipt::KeyTrust;
use indicatif::ProgressBar;
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use zip::ZipArchive;

/// How every zip archive begins.
pub(super) const BEGINS: &[u8] = b"PK\x03\x04";

/// Whether an archive that can be read is one of something else.
pub(super) fn is_another_archive(path: &Path) -> bool {
    let opened = File::open(path).ok().and_then(|file| ZipArchive::new(BufReader::new(file)).ok());
    opened
        .is_some_and(|archive| ![MANIFEST, RECORDS].iter().any(|name| archive.index_for_name(name).is_some()))
}

pub(super) fn judge(path: &Path, key: Option<VerifierKey>, bar: &ProgressBar) -> Verdict {
    let mut show = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let checked = check(&|| File::open(path), key, &mut show);
    bar.finish_and_clear();
    match checked {
        Ok(summary) => good(&summary),
        Err(fault) => {
            let (line, entry) = match &fault {
                BundleFault::Export(fault) => (Some(fault.line), fault.index),
                BundleFault::RecordUnreadable(entry)
                | BundleFault::LeafMalformed(entry)
                | BundleFault::EntryHidden(entry) => (None, Some(*entry)),
                _ => (None, None),
            };
            bad("bundle", fault.code(), &fault.to_string(), line, entry)
        }
    }
}

fn good(summary: &BundleSummary) -> Verdict {
    let BundleSummary { manifest, export, notices, checkpoints, cosigned } = summary;
    let mut lines = vec![
        "The bundle holds: every file in it is whole and says the same as the signed log.".to_string(),
        format!(
            "Log: {}, entries {} to {} (not included) of {}",
            manifest.origin, export.first, export.end, manifest.size
        ),
        format!(
            "{}, {} in the range and {} in the log, {} withheld, {} gone",
            count(export.records, "record"),
            count(export.notices, "notice"),
            notices,
            export.withheld,
            export.gone
        ),
    ];
    lines.extend(super::by_reason(export));
    lines.push(trust(export.trust).to_string());
    let witnesses = cosigned.as_ref().map(|signed| signed.note().signatures().len().saturating_sub(1));
    if let Some(witnesses) = witnesses {
        lines.push(format!(
            "It brings a checkpoint with {} by others. Whose they are was not checked.",
            count(witnesses as u64, "signature")
        ));
    }
    lines.push(
        "The page index.html is for reading: only its hash was compared with the manifest.".to_string(),
    );
    let json = json!({
        "holds": true, "kind": "bundle", "origin": manifest.origin, "site": manifest.site, "made": manifest.made,
        "first": export.first, "end": export.end, "size": manifest.size, "records": export.records,
        "notices": notices, "withheld": export.withheld, "gone": export.gone, "changes": export.changes,
        "summaries": export.summaries, "untold": export.untold, "checkpoints": checkpoints,
        "key_pinned": export.trust == KeyTrust::Pinned,
    });
    let checkpoint = Some(super::to_judge(export, cosigned.as_ref()));
    Verdict { holds: true, lines, json, checkpoint }
}
