//! The export: a range of the log with its records, one JSON object a line, checked in one pass.
//!
//! Lines come in this order (`FORMAT.md` has every field): a header with the signed checkpoint;
//! for each tile of 256 leaves that the range touches, the tile's leaf hashes and their path to the
//! root, then one line for each entry of the range in it: opened, withheld, or gone; a footer that
//! counts them. So every entry is either shown and proven, or accounted for: what was erased or purged
//! is told in leaves of its own ([`accounting`](crate::accounting)).
//!
//! It proves that what is shown is what was logged and that nothing in the range was left out
//! silently, and that withdrawals name what was said before ([`withdrawals`](crate::withdrawals)). It does not judge why else an
//! entry was withheld or erased, or what a record means. Memory: a tile, and some 24 bytes for each record.

mod fault;
#[cfg(test)]
mod tests;
mod verifier;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

pub use crate::accounting::GoneLine;
use crate::hash::{Hash, base64_encode};
use crate::tile::encode_hashes;

pub use fault::{ExportFault, ExportFaultReason};
pub use verifier::{ExportSummary, ExportVerifier};

/// Value of the header's `format` field.
pub const EXPORT_FORMAT: &str = "assent-export/v1";
/// Longest line the verifier reads, in bytes (8 MiB). Readers should stop collecting a line there.
pub const MAX_LINE_BYTES: usize = 8 << 20;

/// Why a record is withheld that the filter leaves out.
pub const NOT_ASKED_FOR: &str = "not-asked-for";

/// One line of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Line {
    /// The first line.
    Header(HeaderLine),
    /// Before the entries of each tile.
    Tile(TileLine),
    /// An entry opened: an event (leaf type 0x01).
    Record(RecordLine),
    /// An entry opened: a published notice (leaf type 0x02).
    Notice(NoticeLine),
    /// An entry opened: a change of key or policy (leaf type 0x05).
    Change(NoticeLine),
    /// An entry opened: what was erased (leaf type 0x03).
    Erasures(SummaryLine),
    /// An entry opened: what was purged (leaf type 0x04).
    Purge(SummaryLine),
    /// An entry that is there but not opened.
    Withheld(WithheldLine),
    /// An entry whose record is gone.
    Gone(GoneLine),
    /// The last line.
    Footer(FooterLine),
}

/// What is exported, from which log, under which head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderLine {
    /// Always [`EXPORT_FORMAT`].
    pub format: String,
    /// Name of the site, for people.
    pub site: String,
    /// The log's origin.
    pub origin: String,
    /// The log's key, as text.
    pub key: String,
    /// The signed checkpoint, a whole note.
    pub checkpoint: String,
    /// First entry of the range.
    pub first: u64,
    /// One past its last entry; at most the checkpoint's size.
    pub end: u64,
    /// What was asked for, in the exporter's own words. Not checked.
    pub filter: serde_json::Map<String, serde_json::Value>,
    /// The newest checkpoint of the log that witnesses cosigned, a whole note: of the same tree, or of one it grew from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosigned: Option<String>,
    /// Base64 hashes: the RFC 6962 consistency proof from the cosigned tree to the checkpoint's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<String>,
}

/// All leaf hashes of one tile and the way from it to the root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileLine {
    /// Number of the level-0 tile.
    pub n: u64,
    /// Base64 of 32 bytes for each leaf the tile has at the checkpoint's size (1 to 256).
    pub hashes: String,
    /// Base64 hashes: the inclusion path of the tile's root as item `n` of `ceil(size / 256)`.
    pub path: Vec<String>,
}

/// An opened event.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordLine {
    /// Number of the entry.
    pub index: u64,
    /// The record's exact bytes.
    pub record: String,
    /// Base64 of the 64 salt bytes.
    pub salt: String,
    /// Size of the first tree that covered the entry: above `index`, at most the checkpoint's size.
    pub covered_by: u64,
}

/// An opened public document: a notice or a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeLine {
    /// Number of the entry.
    pub index: u64,
    /// The document's exact bytes.
    pub document: String,
}

/// An opened summary of what went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SummaryLine {
    /// Number of the entry.
    pub index: u64,
    /// The document's exact bytes ([`accounting`](crate::accounting)).
    pub document: String,
    /// Base64 of the 64 salt bytes.
    pub salt: String,
}

/// An entry that is not opened, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithheldLine {
    /// Number of the entry.
    pub index: u64,
    /// A code of lowercase letters, digits and hyphens, at most 64 characters, such as `restricted`.
    pub reason: String,
}

/// How many lines of each kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FooterLine {
    /// Opened events.
    pub records: u64,
    /// Opened notices.
    pub notices: u64,
    /// Entries withheld.
    pub withheld: u64,
    /// Opened changes of key or policy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changes: u64,
    /// Opened summaries, of erasures and of purges.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub summaries: u64,
    /// Entries whose records are gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl FooterLine {
    /// Counts one more entry line; other lines are none.
    pub fn count(&mut self, line: &Line) {
        match line {
            Line::Record(_) => self.records += 1,
            Line::Notice(_) => self.notices += 1,
            Line::Withheld(_) => self.withheld += 1,
            Line::Change(_) => self.changes += 1,
            Line::Erasures(_) | Line::Purge(_) => self.summaries += 1,
            Line::Gone(_) => self.gone += 1,
            Line::Header(_) | Line::Tile(_) | Line::Footer(_) => {}
        }
    }

    /// Adds what was counted elsewhere.
    pub const fn add(&mut self, more: &FooterLine) {
        self.records += more.records;
        self.notices += more.notices;
        self.withheld += more.withheld;
        self.changes += more.changes;
        self.summaries += more.summaries;
        self.gone += more.gone;
    }
}

impl fmt::Debug for RecordLine {
    /// Without the record and its salt, which are a person's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordLine").field("index", &self.index).finish_non_exhaustive()
    }
}

impl TileLine {
    /// The line for tile `n`, from its leaf hashes and its path.
    pub fn new(n: u64, hashes: &[Hash], path: &[Hash]) -> Self {
        TileLine {
            n,
            hashes: base64_encode(&encode_hashes(hashes)),
            path: path.iter().map(Hash::to_base64).collect(),
        }
    }
}

/// A record's line with its kind as a field like any other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeRecordLine<'a> {
    kind: &'a str,
    index: u64,
    record: String,
    salt: String,
    covered_by: u64,
}

impl Line {
    /// Reads a line.
    ///
    /// Nearly all lines are records, and serde copies everything that stands in a tagged enum once more before it knows what
    /// it is: so a record as we write it is read directly, and what is not one takes the long way, which names the fault.
    fn parse(text: &str) -> serde_json::Result<Line> {
        if text.starts_with(r#"{"kind":"record","#)
            && let Ok(WholeRecordLine { kind: "record", index, record, salt, covered_by }) =
                serde_json::from_str(text)
        {
            return Ok(Line::Record(RecordLine { index, record, salt, covered_by }));
        }
        serde_json::from_str(text)
    }

    /// The line's JSON, without a line feed.
    pub fn to_json(&self) -> String {
        // Strings, numbers and a map with string keys cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Line {
    /// Number of the entry, if the line is one.
    pub const fn index(&self) -> Option<u64> {
        match self {
            Line::Record(RecordLine { index, .. })
            | Line::Notice(NoticeLine { index, .. })
            | Line::Change(NoticeLine { index, .. })
            | Line::Erasures(SummaryLine { index, .. })
            | Line::Purge(SummaryLine { index, .. })
            | Line::Withheld(WithheldLine { index, .. })
            | Line::Gone(GoneLine { index, .. }) => Some(*index),
            Line::Header(_) | Line::Tile(_) | Line::Footer(_) => None,
        }
    }
}
