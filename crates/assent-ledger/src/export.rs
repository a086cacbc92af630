//! Exports as NDJSON, with proofs (core `export_format`): a tile of the log at a time, so that memory does not grow.
//!
//! Everything is written against one checkpoint, the newest when the export began; the log may grow meanwhile. What is erased
//! or purged meanwhile is left out of the rest.
//! Checking an export is `assent_core::export_format::ExportVerifier`, which shares no code with this.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZero;
use std::ops::Range;

use assent_core::checkpoint::Checkpoint;
use assent_core::commitment::{Leaf, LeafType, Salt};
use assent_core::export_format::{
    EXPORT_FORMAT, FooterLine, GoneLine, HeaderLine, Line, NOT_ASKED_FOR, NoticeLine, RecordLine,
    SummaryLine, TileLine, WithheldLine,
};
use assent_core::hash::Hash;
use assent_core::merkle;
use assent_core::record::Record;
use assent_core::subject::SubjectId;
use assent_core::tile::TILE_WIDTH;
use serde_json::{Map, Value};

use crate::draft::{ExportFilter, ExportSummary, Progress, Published, Shown};
use crate::error::{ExportError, ReadError};
use crate::follow::first_since;
use crate::in_order::each_in_order;
use crate::outside::{date, month_name, rfc3339};
use crate::seal::Content;
use crate::shared::{Inside, Shared, read_record};
use crate::store::{DocumentKind, Gone, GoneReason, Row, RowBody, Salted};
use crate::tree::StoredTree;

const WIDTH: u64 = TILE_WIDTH as u64;
/// Why a record is not opened while it is restricted.
const RESTRICTED: &str = "restricted";
/// Why a record is not opened whose purge is told of only after the checkpoint of this export: the next one tells of it.
const PURGED_SINCE: &str = "purged-since";

/// See [`Ledger::export`](crate::Ledger::export).
pub(crate) fn write(
    shared: &Shared,
    filter: &ExportFilter,
    threads: NonZero<usize>,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, ExportError> {
    let published = filter.under.clone().unwrap_or_else(|| shared.published());
    let range = range(shared, &published, filter)?;
    let (cosigned, growth) = cosigned(shared, &published, filter)?.unzip();
    let header = Line::Header(HeaderLine {
        format: EXPORT_FORMAT.into(),
        site: shared.config.site.to_string(),
        origin: shared.config.origin.clone(),
        key: shared.vkey.to_string(),
        checkpoint: published.checkpoint.to_string(),
        first: range.start,
        end: range.end,
        filter: describe(filter),
        cosigned,
        growth: growth.unwrap_or_default().iter().map(Hash::to_base64).collect(),
    });
    let mut text = Vec::new();
    put(&mut text, &header);
    out.write_all(&text)?;
    let mut footer = FooterLine::default();
    let begin = || {
        let tree = StoredTree::new(&*shared.store, &shared.config.site);
        move |part| tile(shared, (filter, published.size), &tree, part)
    };
    each_in_order(parts(&range), threads, begin, |tile| {
        let Tile { part, text, counts } = tile?;
        out.write_all(&text)?;
        footer.add(&counts);
        progress(Progress { done: part.end - range.start, total: range.end - range.start });
        Ok::<_, ExportError>(())
    })?;
    text.clear();
    put(&mut text, &Line::Footer(footer));
    out.write_all(&text)?;
    out.flush()?;
    let entries = range.end - range.start;
    Ok(ExportSummary { entries, records: footer.records, withheld: footer.withheld + footer.gone })
}

/// The checkpoint that witnesses cosigned and how the exported tree grew from it; nothing when it is later.
fn cosigned(
    shared: &Shared,
    published: &Published,
    filter: &ExportFilter,
) -> Result<Option<(String, Vec<Hash>)>, ReadError> {
    let Some(note) = &filter.cosigned else { return Ok(None) };
    let head = Checkpoint::verify(note, &shared.vkey).ok().map(|signed| signed.checkpoint().clone());
    let Some(head) = head.filter(|head| head.size <= published.size) else { return Ok(None) };
    let growth =
        StoredTree::new(&*shared.store, &shared.config.site).consistency(head.size, published.size)?;
    merkle::verify_consistency(head.size, &head.root, published.size, &published.root, &growth).map_err(
        |_| ReadError::Damaged {
            index: head.size,
            reason: "the tree below it is not the one that witnesses saw",
        },
    )?;
    Ok(Some((note.to_string(), growth)))
}

/// The lines of one tile.
struct Tile {
    /// The entries in them.
    part: Range<u64>,
    text: Vec<u8>,
    /// How many there are of each kind.
    counts: FooterLine,
}

fn tile(
    shared: &Shared,
    under: (&ExportFilter, u64),
    tree: &StoredTree<'_>,
    part: Range<u64>,
) -> Result<Tile, ExportError> {
    let (n, size) = (part.start / WIDTH, under.1);
    let path = tree.tile_path(n, size)?;
    let width = WIDTH.min(size - n * WIDTH) as u16;
    let hashes = tree.tile(0, n, width)?;
    if hashes.len() < usize::from(width) {
        let reason = "it or an entry after it is missing";
        return Err(ReadError::Damaged { index: n * WIDTH, reason }.into());
    }
    let (mut text, mut counts) = (Vec::new(), FooterLine::default());
    put(&mut text, &Line::Tile(TileLine::new(n, &hashes, &path)));
    each_row(shared, &part, |index, row| {
        let line = entry(shared, under, index, &row)?;
        counts.count(&line);
        put(&mut text, &line);
        Ok(())
    })?;
    Ok(Tile { part, text, counts })
}

/// One entry of an export of this size.
fn entry(
    shared: &Shared,
    (filter, size): (&ExportFilter, u64),
    index: u64,
    row: &Row,
) -> Result<Line, ExportError> {
    let withheld = |reason: &str| Line::Withheld(WithheldLine { index, reason: reason.into() });
    Ok(match &row.body {
        RowBody::Document(DocumentKind::Notice, hash) => {
            Line::Notice(NoticeLine { index, document: document(shared, index, hash)? })
        }
        RowBody::Document(DocumentKind::Change, hash) => {
            Line::Change(NoticeLine { index, document: document(shared, index, hash)? })
        }
        RowBody::Summary(salted) => summary(shared, index, salted)?,
        RowBody::Record(_) | RowBody::Gone(_) => match record(shared, filter, index, row)? {
            Found::Record(content, _) => {
                let salt = content.salt.to_base64();
                Line::Record(RecordLine { index, record: content.record, salt, covered_by: row.covering })
            }
            Found::NotAskedFor => withheld(NOT_ASKED_FOR),
            Found::Restricted => withheld(RESTRICTED),
            Found::Gone(Gone { reason: GoneReason::Retention, period, .. })
                if shared.purged_month(period).is_some_and(|month| month.leaf >= size) =>
            {
                withheld(PURGED_SINCE)
            }
            Found::Gone(Gone { reason, day, period }) => {
                let period = (reason == GoneReason::Retention).then(|| month_name(period));
                let reason = reason.as_str().into();
                Line::Gone(GoneLine { index, reason, day: date(day), period })
            }
        },
    })
}

fn document(shared: &Shared, index: u64, hash: &Hash) -> Result<String, ReadError> {
    let document = shared.store.document(&shared.config.site, hash)?;
    let document = document.and_then(|document| String::from_utf8(document).ok());
    document.ok_or(ReadError::Damaged { index, reason: "its document is missing or not text" })
}

fn summary(shared: &Shared, index: u64, salted: &Salted) -> Result<Line, ReadError> {
    let document = document(shared, index, &salted.document)?;
    let leaf = shared.store.leaves(&shared.config.site, index..index + 1)?;
    let kind = leaf.first().and_then(|leaf| Leaf::parse(leaf).ok()).map(|leaf| leaf.leaf_type);
    let line = SummaryLine { index, document, salt: Salt::from_bytes(salted.salt).to_base64() };
    match kind {
        Some(LeafType::ErasureSummary) => Ok(Line::Erasures(line)),
        Some(LeafType::PurgeSummary) => Ok(Line::Purge(line)),
        _ => Err(ReadError::Damaged { index, reason: "its leaf is no summary's" }),
    }
}

/// What a record's row comes to in an export.
enum Found {
    /// It is shown.
    Record(Content, Box<Record>),
    /// The filter leaves it out.
    NotAskedFor,
    /// It may not be shown now.
    Restricted,
    /// It is gone.
    Gone(Gone),
}

/// Opens a row that is a record, or was one.
fn record(shared: &Shared, filter: &ExportFilter, index: u64, row: &Row) -> Result<Found, ReadError> {
    // Whoever's it was: the summary of its month counts it.
    if let Some(gone) = row.record().and_then(|record| shared.is_purged(record.period)) {
        return Ok(Found::Gone(gone));
    }
    // The subject stands in the row, so that nobody's record is opened for somebody else's export.
    let others = |wanted: &BTreeSet<SubjectId>| row.record().is_some_and(|it| !wanted.contains(&it.subject));
    if filter.subjects.as_ref().is_some_and(others) {
        return Ok(Found::NotAskedFor);
    }
    let content = match shared.inside(index, row)? {
        Inside::Record(content) => content,
        Inside::Restricted => return Ok(Found::Restricted),
        Inside::Gone(gone) => return Ok(Found::Gone(gone)),
        Inside::NoRecord => return Err(ReadError::Damaged { index, reason: "its row is not a record" }),
    };
    let (_, record) = read_record(index, &content.record)?;
    let asked_for = filter.purpose.as_ref().is_none_or(|purpose| record.decisions.contains_key(purpose));
    Ok(if asked_for { Found::Record(content, Box::new(record)) } else { Found::NotAskedFor })
}

/// See [`Ledger::export_each`](crate::Ledger::export_each).
pub(crate) fn each_record(
    shared: &Shared,
    filter: &ExportFilter,
    each: &mut dyn FnMut(Shown<'_>) -> Result<(), ExportError>,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportSummary, ExportError> {
    let published = filter.under.clone().unwrap_or_else(|| shared.published());
    let range = range(shared, &published, filter)?;
    let mut summary = ExportSummary { entries: range.end - range.start, ..ExportSummary::default() };
    for part in parts(&range) {
        each_row(shared, &part, |index, row| {
            if !matches!(row.body, RowBody::Record(_) | RowBody::Gone(_)) {
                return Ok(());
            }
            let Found::Record(content, record) = record(shared, filter, index, &row)? else {
                summary.withheld += 1;
                return Ok(());
            };
            summary.records += 1;
            each(Shown { index, covering: row.covering, bytes: &content.record, record: &record })
        })?;
        progress(Progress { done: part.end - range.start, total: range.end - range.start });
    }
    Ok(summary)
}

/// The entries whose times lie in the filter's period.
fn range(shared: &Shared, published: &Published, filter: &ExportFilter) -> Result<Range<u64>, ReadError> {
    let first_from = |time: u64| first_since(shared, published.size, time);
    let start = filter.from.map_or(Ok(0), first_from)?;
    let end = filter.to.map_or(Ok(published.size), first_from)?;
    Ok(start..end.max(start))
}

/// The range, cut where tiles begin.
fn parts(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + Clone + Send + use<> {
    let Range { mut start, end } = range.clone();
    std::iter::from_fn(move || {
        let part = start..end.min((start / WIDTH + 1) * WIDTH);
        start = part.end;
        (!part.is_empty()).then_some(part)
    })
}

/// Hands over every row of a short range, or names the first that is missing.
fn each_row(
    shared: &Shared,
    part: &Range<u64>,
    mut each: impl FnMut(u64, Row) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut expected = part.start;
    for (index, row) in shared.store.rows(&shared.config.site, part.clone())? {
        if index != expected {
            break;
        }
        each(index, row)?;
        expected += 1;
    }
    if expected == part.end {
        Ok(())
    } else {
        Err(ReadError::Damaged { index: expected, reason: "its row is missing" }.into())
    }
}

/// What was asked for, for people; nothing is checked against it.
fn describe(filter: &ExportFilter) -> Map<String, Value> {
    let mut words = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.insert(name.into(), value.into());
        }
    };
    put("from", filter.from.map(rfc3339));
    put("to", filter.to.map(rfc3339));
    put("purpose", filter.purpose.as_ref().map(ToString::to_string));
    if let Some(subjects) = &filter.subjects {
        words.insert("subjects".into(), subjects.iter().map(ToString::to_string).collect());
    }
    words
}

fn put(out: &mut Vec<u8>, line: &Line) {
    out.extend_from_slice(line.to_json().as_bytes());
    out.push(b'\n');
}
