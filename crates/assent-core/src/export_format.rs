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

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

pub use crate::accounting::GoneLine;
use crate::accounting::{AccountFault, Accounts};
use crate::checkpoint::{Checkpoint, CheckpointVerifyError, SignedCheckpoint};
use crate::commitment::{Leaf, Salt};
use crate::hash::{Hash, base64_decode, base64_encode};
use crate::merkle::{InclusionError, inclusion_proof_len, root_of, verify_consistency, verify_inclusion};
use crate::note::{KeyError, NoteVerifyError, VerifierKey};
use crate::receipt::KeyTrust;
use crate::tile::{TILE_WIDTH, Tile, decode_hashes, encode_hashes};
use crate::withdrawals::{WithdrawalFault, Withdrawals};

/// Value of the header's `format` field.
pub const EXPORT_FORMAT: &str = "assent-export/v1";
/// Longest line the verifier reads, in bytes (8 MiB). Readers should stop collecting a line there.
pub const MAX_LINE_BYTES: usize = 8 << 20;

/// Why a record is withheld that the filter leaves out.
pub const NOT_ASKED_FOR: &str = "not-asked-for";

/// Most different reasons for withholding that one export may use.
const MAX_REASONS: usize = 64;
/// Longest reason, in characters.
const MAX_REASON_LEN: usize = 64;
const WIDTH: u64 = TILE_WIDTH as u64;

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

/// The first thing that is wrong with an export, in one sentence: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFault {
    /// Line it was found on, from 1. For something missing at the end, the line that should follow.
    pub line: u64,
    /// Entry it is about, when it is about one.
    pub index: Option<u64>,
    /// What is wrong.
    pub reason: ExportFaultReason,
}

impl fmt::Display for ExportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(index) = self.index {
            write!(f, ", entry {index}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl core::error::Error for ExportFault {
    /// What lies behind the reason; the reason itself is part of the sentence.
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.reason.source()
    }
}

impl ExportFault {
    /// A stable name for programs and translations, in kebab case.
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }
}

/// The ways an export can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportFaultReason {
    /// Not one JSON object of a known kind with exactly its fields.
    #[error("this line is not a line of an export (problem at column {column})")]
    Malformed {
        /// Where in the line, from 1; 0 when the line as a whole is not one.
        column: usize,
    },
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("this line is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong,
    /// The export does not begin with a header.
    #[error("the export does not begin with its header")]
    HeaderMissing,
    /// A second header.
    #[error("the header is repeated")]
    HeaderRepeated,
    /// Another format or a later version.
    #[error("this file is not in the format {EXPORT_FORMAT}")]
    UnknownFormat,
    /// The header's key cannot be read.
    #[error("the header's key cannot be read")]
    KeyMalformed(#[source] KeyError),
    /// Signed with another key than the reader trusts.
    #[error("the export is signed with the key {found}, which is not the trusted key {trusted}")]
    KeyNotTrusted {
        /// The reader's key.
        trusted: String,
        /// The header's key.
        found: String,
    },
    /// The checkpoint's signature does not fit its text.
    #[error("the checkpoint or its signature was changed: the signature does not fit")]
    CheckpointSignatureWrong,
    /// The checkpoint is not signed by the log's key.
    #[error("the checkpoint is not signed by the log's key")]
    CheckpointSignatureMissing,
    /// The checkpoint is not a well-formed one.
    #[error("the checkpoint cannot be used")]
    CheckpointMalformed(#[source] CheckpointVerifyError),
    /// Header, checkpoint and key do not name the same log.
    #[error("the header is of {header}, but the checkpoint and key are of {signed}")]
    OriginMismatch {
        /// Origin in the header.
        header: String,
        /// Origin that was signed, or the key's name.
        signed: String,
    },
    /// The cosigned checkpoint is not this log's, or the exported tree did not grow from it.
    #[error(
        "the cosigned checkpoint is not of this log, or it is not shown how the exported tree grew from it"
    )]
    CosignedWrong,
    /// The range ends before it begins, or beyond the checkpoint.
    #[error("the range {first}..{end} is not within the {size} entries of the checkpoint")]
    RangeWrong {
        /// First entry.
        first: u64,
        /// One past the last entry.
        end: u64,
        /// Size of the checkpoint's tree.
        size: u64,
    },
    /// Entries follow without the tile that proves them, or a tile was skipped.
    #[error("tile {expected} is missing")]
    TileMissing {
        /// Tile that should be here.
        expected: u64,
    },
    /// A tile that was already there, or comes too late.
    #[error("tile {n} is here again; tile {expected} or later was expected")]
    TileRepeated {
        /// Tile on this line.
        n: u64,
        /// Lowest tile that could follow.
        expected: u64,
    },
    /// A tile after the last one of the range.
    #[error("tile {n} is not needed for the range")]
    TileNotNeeded {
        /// Tile on this line.
        n: u64,
    },
    /// Not base64, or not as many hashes as the tile has.
    #[error("tile {n} must hold {width} hashes in base64")]
    TileMalformed {
        /// Tile on this line.
        n: u64,
        /// Leaf hashes it has at the checkpoint's size.
        width: u16,
    },
    /// The path is not base64 hashes, or too long or too short.
    #[error("the path of tile {n} is not the {expected} hashes in base64 it must be")]
    TilePathWrong {
        /// Tile on this line.
        n: u64,
        /// Hashes the path of this tile has.
        expected: usize,
    },
    /// The tile's hashes and path do not lead to the signed root.
    #[error("the hashes of tile {n} or its path were changed: they do not lead to the checkpoint")]
    TileChanged {
        /// Tile on this line.
        n: u64,
    },
    /// An entry of the range is neither shown nor withheld.
    #[error("this entry is missing: it is neither shown nor marked as withheld")]
    EntryMissing,
    /// Two neighbouring entries changed places.
    #[error("this entry comes after the one that should follow it")]
    EntryOutOfOrder,
    /// An entry that was already accounted for.
    #[error("this entry is here a second time")]
    EntryRepeated,
    /// An entry outside the header's range.
    #[error("this entry is outside the range of the export")]
    EntryOutOfRange,
    /// The content is genuine, but of another entry of the same tile.
    #[error("what is shown here is genuine, but it is entry {belongs_at}")]
    EntryMisplaced {
        /// Entry the content belongs to.
        belongs_at: u64,
    },
    /// The salt is not 64 bytes of base64.
    #[error("the salt is not 64 bytes of base64")]
    SaltMalformed,
    /// Record and salt do not give the logged leaf.
    #[error("the record or its salt was changed: they do not give what was logged")]
    RecordChanged,
    /// The document does not give the logged leaf.
    #[error("the notice was changed: it does not give what was logged")]
    NoticeChanged,
    /// The document, or its salt, does not give the logged leaf.
    #[error("the document or its salt was changed: they do not give what was logged")]
    DocumentChanged,
    /// What a summary tells and what is shown do not agree.
    #[error("the accounts do not add up")]
    AccountsWrong(#[source] AccountFault),
    /// A proven record takes back what nobody gave, as far as it says.
    #[error("this record says that consent was withdrawn, and that does not stand")]
    WithdrawalWrong(#[source] WithdrawalFault),
    /// The filter leaves nothing out, and the entry is said to be left out by it.
    #[error("this entry is said not to have been asked for, and the export asked for every record")]
    NothingLeftOut,
    /// No tree of that size both covers the entry and is part of the exported one.
    #[error("a tree of {covered_by} entries cannot be the first under this checkpoint to cover the entry")]
    CoveredByWrong {
        /// Size on the line.
        covered_by: u64,
    },
    /// The reason is not a short code, or there are too many different ones.
    #[error(
        "the reason why it is not shown is not a short code of lowercase letters, digits and hyphens, or there are more than {MAX_REASONS} different ones"
    )]
    ReasonMalformed,
    /// The export ends without its footer: it was cut off.
    #[error("the export ends without its footer: it was cut off")]
    FooterMissing,
    /// The footer counts other lines than there were.
    #[error("the footer counts {stated} {what}, but there are {counted}")]
    CountWrong {
        /// `records`, `notices`, `withheld`, `changes`, `summaries` or `gone`.
        what: &'static str,
        /// Number in the footer.
        stated: u64,
        /// Number of lines.
        counted: u64,
    },
    /// Something follows the footer.
    #[error("something follows the footer")]
    AfterFooter,
}

impl ExportFaultReason {
    /// See [`ExportFault::code`].
    pub const fn code(&self) -> &'static str {
        use ExportFaultReason as R;
        match self {
            R::Malformed { .. } => "malformed",
            R::LineTooLong => "line-too-long",
            R::HeaderMissing => "header-missing",
            R::HeaderRepeated => "header-repeated",
            R::UnknownFormat => "unknown-format",
            R::KeyMalformed(_) => "key-malformed",
            R::KeyNotTrusted { .. } => "key-not-trusted",
            R::CheckpointSignatureWrong => "checkpoint-signature-wrong",
            R::CheckpointSignatureMissing => "checkpoint-signature-missing",
            R::CheckpointMalformed(_) => "checkpoint-malformed",
            R::OriginMismatch { .. } => "origin-mismatch",
            R::CosignedWrong => "cosigned-wrong",
            R::RangeWrong { .. } => "range-wrong",
            R::TileMissing { .. } => "tile-missing",
            R::TileRepeated { .. } => "tile-repeated",
            R::TileNotNeeded { .. } => "tile-not-needed",
            R::TileMalformed { .. } => "tile-malformed",
            R::TilePathWrong { .. } => "tile-path-wrong",
            R::TileChanged { .. } => "tile-changed",
            R::EntryMissing => "entry-missing",
            R::EntryOutOfOrder => "entry-out-of-order",
            R::EntryRepeated => "entry-repeated",
            R::EntryOutOfRange => "entry-out-of-range",
            R::EntryMisplaced { .. } => "entry-misplaced",
            R::SaltMalformed => "salt-malformed",
            R::RecordChanged => "record-changed",
            R::NoticeChanged => "notice-changed",
            R::DocumentChanged => "document-changed",
            R::AccountsWrong(_) => "accounts-wrong",
            R::WithdrawalWrong(_) => "withdrawal-wrong",
            R::NothingLeftOut => "nothing-left-out",
            R::CoveredByWrong { .. } => "covered-by-wrong",
            R::ReasonMalformed => "reason-malformed",
            R::FooterMissing => "footer-missing",
            R::CountWrong { .. } => "count-wrong",
            R::AfterFooter => "after-footer",
        }
    }
}

/// What a whole, verified export holds. Only [`ExportVerifier::finish`] makes one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExportSummary {
    /// Name of the site, as the exporter wrote it; not signed.
    pub site: String,
    /// The head the export was checked against. It names the origin, size and key.
    pub checkpoint: SignedCheckpoint,
    /// A checkpoint with lines of witnesses that the exported tree grew from, if there is one. Whose lines they are was not checked.
    pub cosigned: Option<SignedCheckpoint>,
    /// Whether the reader brought the log's key.
    pub trust: KeyTrust,
    /// First entry of the range.
    pub first: u64,
    /// One past its last entry.
    pub end: u64,
    /// What was asked for, as the exporter wrote it; not signed.
    pub filter: serde_json::Map<String, serde_json::Value>,
    /// Events opened and proven.
    pub records: u64,
    /// Notices opened and proven.
    pub notices: u64,
    /// Entries withheld.
    pub withheld: u64,
    /// Entries withheld, by reason.
    pub withheld_by_reason: BTreeMap<String, u64>,
    /// Changes of key or policy opened and proven.
    pub changes: u64,
    /// Summaries of erasures and purges opened and proven.
    pub summaries: u64,
    /// Entries whose records are gone.
    pub gone: u64,
    /// Entries whose records are gone, by reason.
    pub gone_by_reason: BTreeMap<String, u64>,
    /// Entries whose records are gone and that no summary of the export tells of one by one: it lies beyond the range, or is to
    /// come, or counts entries before the range, too.
    pub untold: u64,
}

/// Checks an export line by line. After a fault it answers the same fault for ever.
#[derive(Debug)]
pub struct ExportVerifier {
    trusted: Option<VerifierKey>,
    line: u64,
    stage: Stage,
    /// Filled by the header; counts grow as entries pass.
    summary: Option<ExportSummary>,
    /// Entry that must come next.
    next: u64,
    /// Leaf hashes of the tile that holds entry `next`, once its line was seen.
    tile: Vec<Hash>,
    accounts: Accounts,
    /// Line and entry are a withdrawal's place. Nothing when they are not judged.
    withdrawals: Option<Withdrawals<(u64, u64)>>,
    fault: Option<ExportFault>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Header,
    /// Entry `next` needs a tile line first.
    Tile,
    Entry,
    /// Entry `next` was skipped on this line; the line after decides whether it is missing or late.
    Gap {
        line: u64,
    },
    Footer,
    Done,
}

impl ExportVerifier {
    /// A verifier. Without a trusted key the export is checked against the key in its own header,
    /// which anyone can make; [`ExportSummary::trust`] tells them apart.
    pub fn new(trusted: Option<VerifierKey>) -> Self {
        ExportVerifier {
            trusted,
            line: 0,
            stage: Stage::Header,
            summary: None,
            next: 0,
            tile: Vec::new(),
            accounts: Accounts::default(),
            withdrawals: Some(Withdrawals::default()),
            fault: None,
        }
    }

    /// The same without a look at what withdrawals name: then memory does not grow with the records.
    #[must_use]
    pub fn without_withdrawals(self) -> Self {
        ExportVerifier { withdrawals: None, ..self }
    }

    /// Checks the next line, given without its line feed.
    ///
    /// Answers the line if it is proven and worth a reader's attention: the header, each entry and
    /// the footer. Tile lines answer `None`, and so does a line whose fault the next line decides.
    ///
    /// # Errors
    /// [`ExportFault`], the first thing that is wrong.
    pub fn line(&mut self, line: &str) -> Result<Option<Line>, ExportFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        self.line += 1;
        self.check(line).map_err(|fault| self.fail(fault))
    }

    /// Checks that the export is complete.
    ///
    /// # Errors
    /// [`ExportFault`]: an earlier one, `header-missing`, `entry-missing` or `footer-missing`.
    pub fn finish(mut self) -> Result<ExportSummary, ExportFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.line += 1;
        match (self.stage, self.summary) {
            (Stage::Done, Some(mut summary)) => {
                let whole = summary.end == summary.checkpoint.checkpoint().size;
                let untold = self.accounts.finish(whole);
                summary.untold = untold.map_err(|fault| ExportFault {
                    line: self.line - 1,
                    index: None,
                    reason: ExportFaultReason::AccountsWrong(fault),
                })?;
                let named = self.withdrawals.map_or(Ok(()), Withdrawals::finish);
                named.map_err(|((line, index), fault)| ExportFault {
                    line,
                    index: Some(index),
                    reason: ExportFaultReason::WithdrawalWrong(fault),
                })?;
                Ok(summary)
            }
            (Stage::Header, _) | (_, None) => {
                Err(ExportFault { line: self.line, index: None, reason: ExportFaultReason::HeaderMissing })
            }
            (Stage::Gap { line }, _) => {
                Err(ExportFault { line, index: Some(self.next), reason: ExportFaultReason::EntryMissing })
            }
            (Stage::Footer, _) => {
                Err(ExportFault { line: self.line, index: None, reason: ExportFaultReason::FooterMissing })
            }
            (Stage::Tile | Stage::Entry, Some(_)) => Err(ExportFault {
                line: self.line,
                index: Some(self.next),
                reason: ExportFaultReason::FooterMissing,
            }),
        }
    }

    fn fail(&mut self, fault: ExportFault) -> ExportFault {
        self.tile = Vec::new();
        self.fault = Some(fault.clone());
        fault
    }

    fn fault(&self, index: Option<u64>, reason: ExportFaultReason) -> ExportFault {
        ExportFault { line: self.line, index, reason }
    }

    fn check(&mut self, text: &str) -> Result<Option<Line>, ExportFault> {
        if text.len() > MAX_LINE_BYTES {
            return Err(self.fault(None, ExportFaultReason::LineTooLong));
        }
        let parsed = Line::parse(text);
        if let Stage::Gap { line } = self.stage {
            let late = parsed.is_ok_and(|parsed| parsed.index() == Some(self.next));
            let (line, reason) = if late {
                (self.line, ExportFaultReason::EntryOutOfOrder)
            } else {
                (line, ExportFaultReason::EntryMissing)
            };
            return Err(ExportFault { line, index: Some(self.next), reason });
        }
        let line = parsed
            .map_err(|error| self.fault(None, ExportFaultReason::Malformed { column: error.column() }))?;

        // Only the header may come before there is a summary, so the rest can rely on one.
        let Some(mut summary) = self.summary.take() else {
            let Line::Header(header) = &line else {
                return Err(self.fault(None, ExportFaultReason::HeaderMissing));
            };
            let summary = self.header(header).map_err(|reason| self.fault(None, reason))?;
            self.next = summary.first;
            self.accounts = Accounts::new(summary.first);
            self.stage = if summary.first < summary.end { Stage::Tile } else { Stage::Footer };
            self.summary = Some(summary);
            return Ok(Some(line));
        };
        let checked = self.body(&line, &mut summary);
        self.summary = Some(summary);
        Ok(if checked? { Some(line) } else { None })
    }

    /// Checks a line after the header; whether the reader should see it.
    fn body(&mut self, line: &Line, summary: &mut ExportSummary) -> Result<bool, ExportFault> {
        if let Stage::Done = self.stage {
            return Err(self.fault(None, ExportFaultReason::AfterFooter));
        }
        match line {
            Line::Header(_) => Err(self.fault(None, ExportFaultReason::HeaderRepeated)),
            Line::Tile(tile) => {
                self.tile(tile, summary)?;
                Ok(false)
            }
            Line::Footer(footer) => {
                if self.next < summary.end {
                    return Err(self.fault(Some(self.next), ExportFaultReason::EntryMissing));
                }
                count(footer, summary).map_err(|reason| self.fault(None, reason))?;
                self.stage = Stage::Done;
                Ok(true)
            }
            entry => match entry.index() {
                Some(index) => self.entry(line, index, summary),
                None => Ok(false),
            },
        }
    }

    fn header(&self, header: &HeaderLine) -> Result<ExportSummary, ExportFaultReason> {
        use ExportFaultReason as R;
        if header.format != EXPORT_FORMAT {
            return Err(R::UnknownFormat);
        }
        let key = VerifierKey::parse(&header.key).map_err(R::KeyMalformed)?;
        let trust = match &self.trusted {
            Some(trusted) if *trusted != key => {
                return Err(R::KeyNotTrusted { trusted: trusted.to_string(), found: header.key.clone() });
            }
            Some(_) => KeyTrust::Pinned,
            None => KeyTrust::SelfAsserted,
        };
        if header.origin != key.name() {
            return Err(R::OriginMismatch { header: header.origin.clone(), signed: key.name().to_string() });
        }
        let checkpoint = Checkpoint::verify(&header.checkpoint, &key).map_err(|error| match error {
            CheckpointVerifyError::Signature(NoteVerifyError::NoKnownKey) => R::CheckpointSignatureMissing,
            CheckpointVerifyError::Signature(NoteVerifyError::WrongSignature { .. }) => {
                R::CheckpointSignatureWrong
            }
            CheckpointVerifyError::OriginMismatch { origin, .. } => {
                R::OriginMismatch { header: header.origin.clone(), signed: origin }
            }
            other => R::CheckpointMalformed(other),
        })?;
        let cosigned = cosigned(header, &key, checkpoint.checkpoint())?;
        let size = checkpoint.checkpoint().size;
        if header.first > header.end || header.end > size {
            return Err(R::RangeWrong { first: header.first, end: header.end, size });
        }
        Ok(ExportSummary {
            site: header.site.clone(),
            checkpoint,
            cosigned,
            trust,
            first: header.first,
            end: header.end,
            filter: header.filter.clone(),
            records: 0,
            notices: 0,
            withheld: 0,
            withheld_by_reason: BTreeMap::new(),
            changes: 0,
            summaries: 0,
            gone: 0,
            gone_by_reason: BTreeMap::new(),
            untold: 0,
        })
    }

    fn tile(&mut self, line: &TileLine, summary: &ExportSummary) -> Result<(), ExportFault> {
        use ExportFaultReason as R;
        let n = line.n;
        let expected = self.next / WIDTH;
        match self.stage {
            Stage::Tile if n == expected => {}
            Stage::Tile if n > expected => return Err(self.fault(None, R::TileMissing { expected })),
            Stage::Entry if n > expected => return Err(self.fault(Some(self.next), R::EntryMissing)),
            Stage::Footer if n >= summary.end.div_ceil(WIDTH) => {
                return Err(self.fault(None, R::TileNotNeeded { n }));
            }
            _ => return Err(self.fault(None, R::TileRepeated { n, expected })),
        }
        let head = summary.checkpoint.checkpoint();
        let hashes = tile_hashes(line, head).map_err(|reason| self.fault(None, reason))?;
        self.tile = hashes;
        self.stage = Stage::Entry;
        Ok(())
    }

    fn entry(&mut self, line: &Line, index: u64, summary: &mut ExportSummary) -> Result<bool, ExportFault> {
        use ExportFaultReason as R;
        if index < summary.first || index >= summary.end {
            return Err(self.fault(Some(index), R::EntryOutOfRange));
        }
        if index < self.next {
            return Err(self.fault(Some(index), R::EntryRepeated));
        }
        if let Stage::Tile = self.stage {
            let expected = self.next / WIDTH;
            return Err(self.fault(Some(index), R::TileMissing { expected }));
        }
        if index > self.next {
            self.stage = Stage::Gap { line: self.line };
            return Ok(false);
        }
        self.open(line, index, summary).map_err(|reason| self.fault(Some(index), reason))?;
        self.next += 1;
        if self.next == summary.end {
            self.stage = Stage::Footer;
        } else if self.next.is_multiple_of(WIDTH) {
            self.stage = Stage::Tile;
        }
        Ok(true)
    }

    /// Checks an entry's content against its leaf hash and counts it.
    fn open(
        &mut self,
        line: &Line,
        index: u64,
        summary: &mut ExportSummary,
    ) -> Result<(), ExportFaultReason> {
        use ExportFaultReason as R;
        let head = summary.checkpoint.checkpoint();
        let origin = head.origin.as_str();
        let salted = |line: &SummaryLine| Salt::from_base64(&line.salt).map_err(|_| R::SaltMalformed);
        let (leaf, changed) = match line {
            Line::Record(line) => {
                let covered_by = line.covered_by;
                if covered_by <= index || covered_by > head.size {
                    return Err(R::CoveredByWrong { covered_by });
                }
                let salt = Salt::from_base64(&line.salt).map_err(|_| R::SaltMalformed)?;
                (Leaf::event(origin, line.record.as_bytes(), &salt), R::RecordChanged)
            }
            Line::Notice(line) => (Leaf::notice(line.document.as_bytes()), R::NoticeChanged),
            Line::Change(line) => (Leaf::change(line.document.as_bytes()), R::DocumentChanged),
            Line::Erasures(line) => {
                let salt = salted(line)?;
                (Leaf::erasure_summary(origin, line.document.as_bytes(), &salt), R::DocumentChanged)
            }
            Line::Purge(line) => {
                let salt = salted(line)?;
                (Leaf::purge_summary(origin, line.document.as_bytes(), &salt), R::DocumentChanged)
            }
            Line::Withheld(line) => {
                if line.reason == NOT_ASKED_FOR && asks_for_all(&summary.filter) {
                    return Err(R::NothingLeftOut);
                }
                reason(&line.reason, &mut summary.withheld_by_reason)?;
                summary.withheld += 1;
                return Ok(());
            }
            Line::Gone(line) => {
                reason(&line.reason, &mut summary.gone_by_reason)?;
                summary.gone += 1;
                self.accounts.gone(line).map_err(R::AccountsWrong)?;
                return Ok(());
            }
            Line::Header(_) | Line::Tile(_) | Line::Footer(_) => return Ok(()),
        };
        self.in_tile(index, &leaf.hash(), changed)?;
        match line {
            Line::Record(line) => {
                summary.records += 1;
                if let Some(withdrawals) = &mut self.withdrawals {
                    withdrawals.record((self.line, index), &line.record).map_err(R::WithdrawalWrong)?;
                }
            }
            Line::Notice(_) => summary.notices += 1,
            Line::Change(_) => summary.changes += 1,
            Line::Erasures(line) => {
                summary.summaries += 1;
                self.accounts.erasures(index, line.document.as_bytes()).map_err(R::AccountsWrong)?;
            }
            Line::Purge(line) => {
                summary.summaries += 1;
                self.accounts.purge(line.document.as_bytes()).map_err(R::AccountsWrong)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the leaf is the one in the entry's place.
    fn in_tile(&self, index: u64, leaf: &Hash, changed: ExportFaultReason) -> Result<(), ExportFaultReason> {
        let within = (index % WIDTH) as usize;
        if self.tile.get(within) == Some(leaf) {
            return Ok(());
        }
        Err(match self.tile.iter().position(|hash| hash == leaf) {
            Some(other) => {
                ExportFaultReason::EntryMisplaced { belongs_at: index - within as u64 + other as u64 }
            }
            None => changed,
        })
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

/// The header's cosigned checkpoint, if it has one, once it is shown that the exported tree grew from it.
fn cosigned(
    header: &HeaderLine,
    key: &VerifierKey,
    head: &Checkpoint,
) -> Result<Option<SignedCheckpoint>, ExportFaultReason> {
    let wrong = || ExportFaultReason::CosignedWrong;
    let Some(note) = &header.cosigned else {
        return if header.growth.is_empty() { Ok(None) } else { Err(wrong()) };
    };
    let signed = Checkpoint::verify(note, key).map_err(|_| wrong())?;
    let growth: Result<Vec<Hash>, _> = header.growth.iter().map(|hash| Hash::from_base64(hash)).collect();
    let growth = growth.map_err(|_| wrong())?;
    let Checkpoint { size, root, .. } = signed.checkpoint();
    verify_consistency(*size, root, head.size, &head.root, &growth).map_err(|_| wrong())?;
    Ok(Some(signed))
}

/// A tile's leaf hashes, once they are shown to lead to the signed root.
///
/// 256 is a power of two, so RFC 6962's splits fall between tiles until one tile is left: the tree
/// over tile roots, `ceil(size / 256)` of them, is the upper part of the tree itself.
fn tile_hashes(line: &TileLine, head: &Checkpoint) -> Result<Vec<Hash>, ExportFaultReason> {
    use ExportFaultReason as R;
    let n = line.n;
    let width = Tile::at_size(0, n, head.size).map_or(0, |tile| tile.width);
    let hashes = base64_decode(&line.hashes)
        .ok()
        .and_then(|bytes| decode_hashes(&bytes, width).ok())
        .ok_or(R::TileMalformed { n, width })?;
    let tiles = head.size.div_ceil(WIDTH);
    let path = line
        .path
        .iter()
        .map(|hash| Hash::from_base64(hash))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| R::TilePathWrong { n, expected: inclusion_proof_len(n, tiles) })?;
    verify_inclusion(n, tiles, &root_of(&hashes), &path, &head.root).map_err(|error| match error {
        InclusionError::WrongLength { expected, .. } => R::TilePathWrong { n, expected },
        _ => R::TileChanged { n },
    })?;
    Ok(hashes)
}

/// Whether the filter names nothing but the period, which the range says.
fn asks_for_all(filter: &serde_json::Map<String, serde_json::Value>) -> bool {
    filter.keys().all(|key| matches!(key.as_str(), "from" | "to"))
}

/// Counts one more entry that is not shown for this reason.
fn reason(reason: &str, reasons: &mut BTreeMap<String, u64>) -> Result<(), ExportFaultReason> {
    let short_code = (1..=MAX_REASON_LEN).contains(&reason.len())
        && reason.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !short_code || (reasons.len() == MAX_REASONS && !reasons.contains_key(reason)) {
        return Err(ExportFaultReason::ReasonMalformed);
    }
    *reasons.entry(reason.to_string()).or_default() += 1;
    Ok(())
}

fn count(footer: &FooterLine, summary: &ExportSummary) -> Result<(), ExportFaultReason> {
    for (what, stated, counted) in [
        ("records", footer.records, summary.records),
        ("notices", footer.notices, summary.notices),
        ("withheld", footer.withheld, summary.withheld),
        ("changes", footer.changes, summary.changes),
        ("summaries", footer.summaries, summary.summaries),
        ("gone", footer.gone, summary.gone),
    ] {
        if stated != counted {
            return Err(ExportFaultReason::CountWrong { what, stated, counted });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::tests::subtrees;
    use crate::merkle::{RangeError, consistency_proof, inclusion_proof};
    use crate::note::tests::{LOG_KEY, ORIGIN, log_key, witness_key};
    use crate::note::{Note, SignerKey};
    use std::collections::BTreeSet;
    use std::format;
    use std::vec;

    /// Made by another language's libraries; see `FORMAT.md`.
    const FILE: &str = include_str!("../vectors/export.ndjson");
    const SIZE: u64 = 600;

    #[test]
    fn a_record_is_read_the_short_way_as_it_would_be_the_long_way() {
        let line =
            r#"{"kind":"record","index":7,"record":"{\"a\":\"\u00e9\\n\"}","salt":"AA==","covered_by":9}"#;
        for (from, to) in [
            ("", ""),
            (",\"index\"", " , \"index\" "),
            ("\"index\":7,", ""),
            ("\"index\":7", "\"index\":7,\"index\":7"),
            ("\"index\":7", "\"index\":7,\"kind\":\"gone\""),
            ("\"index\":7", "\"index\":7,\"more\":1"),
            ("\"index\":7", "\"index\":\"7\""),
            ("\\u00e9", "\\ud800"),
            ("9}", "9"),
            ("9}", "9}}"),
            ("record\",\"", "record \",\""),
        ] {
            let line = line.replacen(from, to, 1);
            match (Line::parse(&line), serde_json::from_str::<Line>(&line)) {
                (Ok(short), Ok(long)) => assert_eq!(short, long, "{line}"),
                (Err(short), Err(long)) => assert_eq!(short.to_string(), long.to_string(), "{line}"),
                (short, long) => panic!("{line}: {short:?}, {long:?}"),
            }
        }
    }

    fn salt(index: u64) -> Salt {
        Salt::from_bytes([index as u8; 64])
    }

    fn record(index: u64) -> String {
        format!("{{\"entry\":{index}}}")
    }

    fn leaf(index: u64) -> Leaf {
        if index % 10 == 3 {
            Leaf::notice(record(index).as_bytes())
        } else {
            Leaf::event(ORIGIN, record(index).as_bytes(), &salt(index))
        }
    }

    fn entry_line(index: u64) -> Line {
        if index % 7 == 5 {
            Line::Withheld(WithheldLine { index, reason: "erased".into() })
        } else if index % 10 == 3 {
            Line::Notice(NoticeLine { index, document: record(index) })
        } else {
            Line::Record(RecordLine {
                index,
                record: record(index),
                salt: salt(index).to_base64(),
                covered_by: index + 1,
            })
        }
    }

    /// A good export of `first..end` from a log of `size`.
    fn export(size: u64, first: u64, end: u64) -> Vec<Line> {
        let leaves: Vec<Hash> = (0..size).map(|index| leaf(index).hash()).collect();
        let tiles: Vec<Hash> = leaves.chunks(256).map(root_of).collect();
        let head = Checkpoint::new(ORIGIN, size, root_of(&leaves)).unwrap();
        let mut lines = vec![Line::Header(HeaderLine {
            format: EXPORT_FORMAT.into(),
            site: "Clinic".into(),
            origin: ORIGIN.into(),
            key: LOG_KEY.into(),
            checkpoint: head.sign(&log_key()).unwrap().to_string(),
            first,
            end,
            filter: serde_json::from_str("{\"month\":\"2026-11\"}").unwrap(),
            cosigned: None,
            growth: Vec::new(),
        })];
        let mut footer = FooterLine::default();
        for index in first..end {
            if index == first || index % 256 == 0 {
                let n = index / 256;
                let path = inclusion_proof(n, tiles.len() as u64, &mut subtrees(&tiles)).unwrap();
                let hashes = leaves.chunks(256).nth(n as usize).unwrap();
                lines.push(Line::Tile(TileLine::new(n, hashes, &path)));
            }
            let line = entry_line(index);
            footer.count(&line);
            lines.push(line);
        }
        lines.push(Line::Footer(footer));
        lines
    }

    fn print(lines: &[Line]) -> Vec<String> {
        lines.iter().map(Line::to_json).collect()
    }

    fn verify<T: AsRef<str>>(lines: &[T]) -> Result<ExportSummary, ExportFault> {
        let mut verifier = ExportVerifier::new(Some(log_key().verifier()));
        for line in lines {
            verifier.line(line.as_ref())?;
        }
        verifier.finish()
    }

    /// Line, entry and code of the fault.
    fn fault<T: AsRef<str>>(lines: &[T]) -> (u64, Option<u64>, &'static str) {
        let fault = verify(lines).expect_err("a fault");
        (fault.line, fault.index, fault.code())
    }

    /// The tile line's path is an ordinary inclusion path in a tree of tiles, and that tree is the
    /// upper part of the log's own: the path is the tail of any of its leaves' paths.
    #[test]
    fn a_tile_s_path_is_the_end_of_its_leaves_paths() {
        for size in [1, 255, 256, 257, 511, 512, 513, 600, 1024, 1025, 1300] {
            let leaves: Vec<Hash> = (0..size).map(|index| leaf(index).hash()).collect();
            let tiles: Vec<Hash> = leaves.chunks(256).map(root_of).collect();
            assert_eq!(root_of(&tiles), root_of(&leaves), "size {size}");
            for n in 0..tiles.len() as u64 {
                let of_tile = inclusion_proof::<RangeError>(n, tiles.len() as u64, &mut subtrees(&tiles));
                let of_leaf = inclusion_proof::<RangeError>(n * 256, size, &mut subtrees(&leaves));
                assert!(of_leaf.unwrap().ends_with(&of_tile.unwrap()), "tile {n} of {size}");
            }
        }
    }

    #[test]
    fn the_vector_verifies() {
        let lines: Vec<&str> = FILE.lines().collect();
        let summary = verify(&lines).unwrap();
        assert_eq!((summary.records, summary.notices, summary.withheld), (1, 1, 1));
        assert_eq!((summary.first, summary.end), (1, 4));
        for line in lines {
            let parsed: Line = serde_json::from_str(line).unwrap();
            assert_eq!(parsed.to_json(), line, "one spelling for each line");
        }
    }

    #[test]
    fn ranges_of_every_kind_verify() {
        for (size, first, end) in [
            (0, 0, 0),
            (1, 0, 1),
            (1, 1, 1),
            (256, 0, 256),
            (257, 255, 257),
            (SIZE, 0, SIZE),
            (SIZE, 100, 530),
            (SIZE, 256, 512),
            (SIZE, 300, 300),
            (SIZE, 512, 513),
        ] {
            let lines = export(size, first, end);
            let summary = verify(&print(&lines)).unwrap();
            assert_eq!(summary.records + summary.notices + summary.withheld, end - first);
            let reasons = summary.withheld_by_reason.values().sum::<u64>();
            assert_eq!(reasons, summary.withheld);
            assert_eq!(summary.checkpoint.checkpoint().size, size);
            assert_eq!(summary.trust, KeyTrust::Pinned);
            assert_eq!(summary.filter["month"], "2026-11");
        }
    }

    #[test]
    fn readers_see_proven_lines_only() {
        let lines = export(SIZE, 250, 260);
        let mut verifier = ExportVerifier::new(None);
        let mut seen = Vec::new();
        for line in print(&lines) {
            seen.extend(verifier.line(&line).unwrap());
        }
        assert_eq!(verifier.finish().unwrap().trust, KeyTrust::SelfAsserted);
        let expected: Vec<Line> = lines.into_iter().filter(|line| !matches!(line, Line::Tile(_))).collect();
        assert_eq!(seen, expected);
        assert!(!format!("{seen:?}").contains("salt"), "salts and records stay out of debug output");
    }

    /// Line 1 is the header, 2 tile 0, 3 to 158 entries 100 to 255, 159 tile 1, 160 entry 256, ...
    fn good() -> Vec<Line> {
        export(SIZE, 100, 530)
    }

    fn changed(change: impl FnOnce(&mut Vec<Line>)) -> Vec<String> {
        let mut lines = good();
        change(&mut lines);
        print(&lines)
    }

    fn header(change: impl FnOnce(&mut HeaderLine)) -> Vec<String> {
        changed(|lines| {
            if let Line::Header(line) = &mut lines[0] {
                change(line);
            }
        })
    }

    fn tile(change: impl FnOnce(&mut TileLine)) -> Vec<String> {
        changed(|lines| {
            if let Line::Tile(line) = &mut lines[158] {
                change(line);
            }
        })
    }

    fn record_100(change: impl FnOnce(&mut RecordLine)) -> Vec<String> {
        changed(|lines| {
            if let Line::Record(line) = &mut lines[2] {
                change(line);
            }
        })
    }

    fn footer(change: impl FnOnce(&mut FooterLine)) -> Vec<String> {
        changed(|lines| {
            if let Some(Line::Footer(line)) = lines.last_mut() {
                change(line);
            }
        })
    }

    /// With a checkpoint of 300 entries, or of another tree; the range is wrong, so that it is the next thing that is found.
    fn cosigned(other: u64, change: impl FnOnce(&mut HeaderLine)) -> Vec<String> {
        let leaves: Vec<Hash> = (0..SIZE).map(|index| leaf(index).hash()).collect();
        let old =
            Checkpoint::new(ORIGIN, 300, root_of(&leaves[other as usize..300 + other as usize])).unwrap();
        let growth = consistency_proof::<RangeError>(300, SIZE, &mut subtrees(&leaves)).unwrap();
        header(|line| {
            line.first = 531;
            line.cosigned = Some(old.sign(&log_key()).unwrap().to_string());
            line.growth = growth.iter().map(Hash::to_base64).collect();
            change(line);
        })
    }

    /// What somebody said, and the receipt that they name, by number: each is one second after the one before.
    fn said(who: u8, decision: &str, previous: Option<u64>) -> impl Fn(u64) -> String {
        let (subject, decision) = (crate::subject::SubjectId([who; 16]), decision.to_string());
        let id = |number: u64| format!("019a0000-{:04x}-7000-8000-{number:012x}", number * 1000);
        move |number| {
            let previous =
                previous.map(|number| format!(",\"previous\":\"{}\"", id(number))).unwrap_or_default();
            let decided =
                format!("{{\"decisions\":{{\"analytics\":\"{decision}\"}},\"id\":\"{}\"", id(number));
            format!("{decided}{previous},\"subject\":\"{subject}\"}}")
        }
    }

    /// An export of a log of these records.
    fn export_of(records: &[impl Fn(u64) -> String]) -> Vec<String> {
        let records: Vec<String> = (0..).zip(records).map(|(number, record)| record(number)).collect();
        let leaf =
            |(number, record): (u64, &String)| Leaf::event(ORIGIN, record.as_bytes(), &salt(number)).hash();
        let leaves: Vec<Hash> = (0..).zip(&records).map(leaf).collect();
        let size = leaves.len() as u64;
        let checkpoint = Checkpoint::new(ORIGIN, size, root_of(&leaves)).unwrap();
        let mut lines = export(1, 1, 1);
        if let Line::Header(header) = &mut lines[0] {
            (header.checkpoint, header.first, header.end) =
                (checkpoint.sign(&log_key()).unwrap().to_string(), 0, size);
        }
        let records = (0..).zip(records).map(|(index, record)| {
            Line::Record(RecordLine { index, record, salt: salt(index).to_base64(), covered_by: size })
        });
        let entries = [Line::Tile(TileLine::new(0, &leaves, &[]))].into_iter().chain(records);
        lines.splice(1..1, entries);
        *lines.last_mut().unwrap() = Line::Footer(FooterLine { records: size, ..FooterLine::default() });
        print(&lines)
    }

    fn resigned(text: &str) -> Vec<String> {
        let mut note = Note::new(text.to_string()).unwrap();
        note.push(log_key().sign(text));
        header(|line| line.checkpoint = note.to_string())
    }

    #[test]
    fn every_fault_is_named_with_its_line_and_entry() {
        let text = |lines: &[Line]| match &lines[0] {
            Line::Header(line) => Note::parse(&line.checkpoint).unwrap().text().to_string(),
            _ => String::new(),
        };
        let head = text(&good());
        let last = good().len() as u64;
        let stranger = SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
        let zero = Hash::default().to_base64();
        let text_line = |at: usize, line: &str| {
            let mut lines = print(&good());
            lines[at] = line.into();
            lines
        };

        type Case = (Vec<String>, (u64, Option<u64>, &'static str));
        let cases: Vec<Case> = vec![
            // The header.
            (vec![], (1, None, "header-missing")),
            (changed(|lines| drop(lines.remove(0))), (1, None, "header-missing")),
            (changed(|lines| lines.insert(5, lines[0].clone())), (6, None, "header-repeated")),
            (header(|line| line.format = "assent-export/v2".into()), (1, None, "unknown-format")),
            (header(|line| line.key = LOG_KEY.replace("eaed", "eaee")), (1, None, "key-malformed")),
            (header(|line| line.key = stranger.verifier().to_string()), (1, None, "key-not-trusted")),
            (header(|line| line.origin = "log.example.org/other".into()), (1, None, "origin-mismatch")),
            (resigned(&head.replace(ORIGIN, "log.example.org/other")), (1, None, "origin-mismatch")),
            (resigned("hello\n"), (1, None, "checkpoint-malformed")),
            (header(|line| line.checkpoint = "hello".into()), (1, None, "checkpoint-malformed")),
            (
                header(|line| line.checkpoint = line.checkpoint.replace("\n600\n", "\n601\n")),
                (1, None, "checkpoint-signature-wrong"),
            ),
            (
                header(|line| line.checkpoint = line.checkpoint.replace("\u{2014} log", "\u{2014} lag")),
                (1, None, "checkpoint-signature-missing"),
            ),
            (cosigned(0, |_| ()), (1, None, "range-wrong")),
            (cosigned(1, |_| ()), (1, None, "cosigned-wrong")),
            (cosigned(0, |line| line.growth.clear()), (1, None, "cosigned-wrong")),
            (cosigned(0, |line| line.growth.swap(0, 1)), (1, None, "cosigned-wrong")),
            (cosigned(0, |line| line.growth[0] = "-".into()), (1, None, "cosigned-wrong")),
            (cosigned(0, |line| line.cosigned = None), (1, None, "cosigned-wrong")),
            (header(|line| line.first = 531), (1, None, "range-wrong")),
            (header(|line| line.end = SIZE + 1), (1, None, "range-wrong")),
            // Lines as such.
            (text_line(4, ""), (5, None, "malformed")),
            (text_line(4, "{}"), (5, None, "malformed")),
            (text_line(4, "{\"kind\":\"other\"}"), (5, None, "malformed")),
            (text_line(4, "{\"kind\":\"withheld\",\"index\":102}"), (5, None, "malformed")),
            (
                text_line(4, "{\"kind\":\"withheld\",\"index\":102,\"reason\":\"x\",\"more\":1}"),
                (5, None, "malformed"),
            ),
            (
                text_line(4, "{\"kind\":\"withheld\",\"index\":102,\"index\":102,\"reason\":\"x\"}"),
                (5, None, "malformed"),
            ),
            (text_line(4, &" ".repeat(MAX_LINE_BYTES + 1)), (5, None, "line-too-long")),
            // Tiles.
            (changed(|lines| drop(lines.remove(1))), (2, Some(100), "tile-missing")),
            (changed(|lines| drop(lines.remove(158))), (159, Some(256), "tile-missing")),
            (changed(|lines| lines[1] = lines[158].clone()), (2, None, "tile-missing")),
            (changed(|lines| lines.insert(2, lines[1].clone())), (3, None, "tile-repeated")),
            (changed(|lines| lines[158] = lines[1].clone()), (159, None, "tile-repeated")),
            (
                changed(|lines| lines.insert(last as usize - 1, lines[1].clone())),
                (last, None, "tile-repeated"),
            ),
            (
                changed(|lines| {
                    lines.insert(last as usize - 1, Line::Tile(TileLine::new(3, &[], &[])));
                }),
                (last, None, "tile-not-needed"),
            ),
            (tile(|line| line.hashes.truncate(40)), (159, None, "tile-malformed")),
            (tile(|line| line.hashes = "-".into()), (159, None, "tile-malformed")),
            (tile(|line| line.path.clear()), (159, None, "tile-path-wrong")),
            (tile(|line| line.path.push(zero.clone())), (159, None, "tile-path-wrong")),
            (tile(|line| line.path[0] = "AAAA".into()), (159, None, "tile-path-wrong")),
            (tile(|line| line.path[0] = zero.clone()), (159, None, "tile-changed")),
            (tile(|line| line.path.swap(0, 1)), (159, None, "tile-changed")),
            (tile(|line| line.hashes.replace_range(..43, &zero[..43])), (159, None, "tile-changed")),
            // Entries left out, repeated or moved.
            (changed(|lines| drop(lines.remove(2))), (3, Some(100), "entry-missing")),
            (changed(|lines| drop(lines.remove(10))), (11, Some(108), "entry-missing")),
            (changed(|lines| drop(lines.remove(157))), (158, Some(255), "entry-missing")),
            (changed(|lines| drop(lines.remove(159))), (160, Some(256), "entry-missing")),
            (changed(|lines| drop(lines.remove(last as usize - 2))), (last - 1, Some(529), "entry-missing")),
            (
                changed(|lines| {
                    lines.truncate(last as usize - 1);
                    lines.remove(last as usize - 3);
                }),
                (last - 2, Some(528), "entry-missing"),
            ),
            (changed(|lines| lines.swap(10, 11)), (12, Some(108), "entry-out-of-order")),
            (changed(|lines| lines.swap(10, 20)), (11, Some(108), "entry-missing")),
            (changed(|lines| lines.insert(10, lines[9].clone())), (11, Some(107), "entry-repeated")),
            (changed(|lines| lines.insert(160, lines[2].clone())), (161, Some(100), "entry-repeated")),
            (changed(|lines| lines.insert(2, entry_line(99))), (3, Some(99), "entry-out-of-range")),
            (
                changed(|lines| lines.insert(last as usize - 1, entry_line(530))),
                (last, Some(530), "entry-out-of-range"),
            ),
            // Entries changed.
            (record_100(|line| line.record.push(' ')), (3, Some(100), "record-changed")),
            (record_100(|line| line.record.clear()), (3, Some(100), "record-changed")),
            (record_100(|line| line.salt = salt(7).to_base64()), (3, Some(100), "record-changed")),
            (record_100(|line| line.salt.truncate(8)), (3, Some(100), "salt-malformed")),
            (record_100(|line| line.salt = "-".into()), (3, Some(100), "salt-malformed")),
            (
                export_of(&[said(1, "given", None), said(1, "withdrawn", None)]),
                (4, Some(1), "withdrawal-wrong"),
            ),
            (export_of(&[said(1, "withdrawn", Some(0))]), (3, Some(0), "withdrawal-wrong")),
            (
                export_of(&[said(1, "given", None), said(2, "withdrawn", Some(0)), said(3, "given", None)]),
                (4, Some(1), "withdrawal-wrong"),
            ),
            (
                changed(|lines| {
                    if let Line::Header(line) = &mut lines[0] {
                        line.filter =
                            serde_json::from_str("{\"from\":\"2026-11-01T00:00:00.000Z\"}").unwrap();
                    }
                    lines[2] = Line::Withheld(WithheldLine { index: 100, reason: NOT_ASKED_FOR.into() });
                }),
                (3, Some(100), "nothing-left-out"),
            ),
            (record_100(|line| line.covered_by = 100), (3, Some(100), "covered-by-wrong")),
            (record_100(|line| line.covered_by = SIZE + 1), (3, Some(100), "covered-by-wrong")),
            (
                record_100(|line| {
                    line.record = record(101);
                    line.salt = salt(101).to_base64();
                }),
                (3, Some(100), "entry-misplaced"),
            ),
            (
                changed(|lines| {
                    lines[5] = Line::Notice(NoticeLine { index: 103, document: record(104) });
                }),
                (6, Some(103), "notice-changed"),
            ),
            (
                changed(|lines| {
                    lines[2] = Line::Withheld(WithheldLine { index: 100, reason: "No reason".into() });
                }),
                (3, Some(100), "reason-malformed"),
            ),
            (
                changed(|lines| {
                    lines[2] = Line::Withheld(WithheldLine { index: 100, reason: "erased".into() });
                }),
                (last, None, "count-wrong"),
            ),
            // The end.
            (changed(|lines| lines.truncate(20)), (21, Some(118), "footer-missing")),
            (changed(|lines| lines.truncate(2)), (3, Some(100), "footer-missing")),
            (changed(|lines| drop(lines.pop())), (last, None, "footer-missing")),
            (footer(|line| line.records += 1), (last, None, "count-wrong")),
            (footer(|line| line.notices -= 1), (last, None, "count-wrong")),
            (footer(|line| line.withheld = 0), (last, None, "count-wrong")),
            (changed(|lines| lines.push(lines[2].clone())), (last + 1, None, "after-footer")),
            (changed(|lines| lines.push(lines[last as usize - 1].clone())), (last + 1, None, "after-footer")),
        ];
        assert_eq!(
            verify(&export_of(&[said(1, "given", None), said(1, "withdrawn", Some(0))])).unwrap().records,
            2
        );
        let mut seen = BTreeSet::new();
        for (lines, expected) in &cases {
            assert_eq!(fault(lines), *expected);
            seen.insert(expected.2);
        }
        assert_eq!(seen.len(), 34, "one code for each variant: {seen:?}");
        let witness = witness_key().verifier();
        let with_witness_key = header(|line| {
            line.key = witness.to_string();
            line.origin = witness.name().into();
        });
        let mut verifier = ExportVerifier::new(None);
        let refused = verifier.line(&with_witness_key[0]).expect_err("not a log's key");
        assert_eq!(refused.code(), "checkpoint-malformed");
    }

    #[test]
    fn a_fault_says_where_and_what_and_stays() {
        let lines = changed(|lines| lines.swap(10, 11));
        let mut verifier = ExportVerifier::new(None);
        let mut faults = Vec::new();
        for line in &lines {
            faults.extend(verifier.line(line).err());
        }
        assert!(faults.iter().all(|fault| *fault == faults[0]));
        assert_eq!(
            faults[0].to_string(),
            "line 12, entry 108: this entry comes after the one that should follow it"
        );
        assert_eq!(verifier.finish(), Err(faults[0].clone()));
    }

    #[test]
    fn reasons_are_bounded() {
        let mut lines = export(SIZE, 0, 100);
        for line in &mut lines {
            if let Some(index) = line.index() {
                *line = Line::Withheld(WithheldLine { index, reason: format!("reason-{index}") });
            }
        }
        assert_eq!(fault(&print(&lines)), (67, Some(64), "reason-malformed"));
    }

    /// All lines a reader would see, without the words nobody signed.
    fn signed_content(lines: &[&str]) -> Result<Vec<Line>, ExportFault> {
        let mut verifier = ExportVerifier::new(Some(log_key().verifier()));
        let mut seen = Vec::new();
        for line in lines {
            seen.extend(verifier.line(line)?);
        }
        verifier.finish()?;
        for line in &mut seen {
            match line {
                Line::Header(line) => line.site.clear(),
                Line::Withheld(line) => line.reason.clear(),
                Line::Record(line) => line.covered_by = 0,
                _ => {}
            }
        }
        Ok(seen)
    }

    /// Drops, doubles and swaps the lines of the vector, and changes each of its bytes.
    #[test]
    fn no_single_change_to_the_vector_passes_unnoticed() {
        let lines: Vec<&str> = FILE.lines().collect();
        let good = signed_content(&lines).unwrap();
        for at in 0..lines.len() {
            let mut changed = lines.clone();
            changed.remove(at);
            assert!(verify(&changed).is_err(), "dropped line {}", at + 1);
            changed.insert(at, lines[at]);
            changed.insert(at, lines[at]);
            assert!(verify(&changed).is_err(), "doubled line {}", at + 1);
            for other in 0..at {
                let mut changed = lines.clone();
                changed.swap(at, other);
                assert!(verify(&changed).is_err(), "swapped lines {} and {}", other + 1, at + 1);
            }
            for position in 0..lines[at].len() {
                let mut bytes = lines[at].as_bytes().to_vec();
                bytes[position] ^= 1;
                let Ok(line) = core::str::from_utf8(&bytes) else { continue };
                let mut changed = lines.clone();
                changed[at] = line;
                if let Ok(content) = signed_content(&changed) {
                    assert_eq!(content, good, "line {}, byte {position}", at + 1);
                }
            }
        }
    }
}
