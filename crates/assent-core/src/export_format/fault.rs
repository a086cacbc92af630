//! What can be wrong with an export: the place, a stable code and a sentence. How it is found is `verifier.rs`.

use alloc::string::String;
use core::fmt;

use super::verifier::MAX_REASONS;
use super::{EXPORT_FORMAT, MAX_LINE_BYTES};
use crate::accounting::AccountFault;
use crate::checkpoint::CheckpointVerifyError;
use crate::note::KeyError;
use crate::withdrawals::WithdrawalFault;

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
