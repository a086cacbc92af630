//! Checks an export line by line, in one pass; what it answers once the last line has passed. Reads no file: lines are handed in.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{
    EXPORT_FORMAT, ExportFault, ExportFaultReason, FooterLine, HeaderLine, Line, MAX_LINE_BYTES,
    NOT_ASKED_FOR, SummaryLine, TileLine,
};
use crate::accounting::Accounts;
use crate::checkpoint::{Checkpoint, CheckpointVerifyError, SignedCheckpoint};
use crate::commitment::{Leaf, Salt};
use crate::hash::{Hash, base64_decode};
use crate::merkle::{InclusionError, inclusion_proof_len, root_of, verify_consistency, verify_inclusion};
use crate::note::{NoteVerifyError, VerifierKey};
use crate::receipt::KeyTrust;
use crate::tile::{TILE_WIDTH, Tile, decode_hashes};
use crate::withdrawals::Withdrawals;

/// Most different reasons for withholding that one export may use.
pub(super) const MAX_REASONS: usize = 64;
/// Longest reason, in characters.
const MAX_REASON_LEN: usize = 64;
const WIDTH: u64 = TILE_WIDTH as u64;

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
