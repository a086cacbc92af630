//! Reading a bundle that was checked, entry by entry, for taking its log over. Nothing is judged again here.

use assent_core::accounting::month_number;
use assent_core::bundle::{CHECKPOINTS, CheckpointLine, LOG, RECORDS};
use assent_core::commitment::{LEAF_LEN, Leaf, Salt};
use assent_core::export_format::Line;
use assent_core::record::Record;
use assent_core::retention::{RetentionClass, RetentionRules};
use assent_core::tile::{Bundle, TILE_WIDTH, decode_bundle};
use assent_ledger::store::{DocumentKind, Gone, GoneReason};
use assent_ledger::{ImportError, Imported, ImportedBody};
use std::io::{self, BufRead, BufReader, Read, Seek};
use zip::ZipArchive;

/// The checkpoints of receipts: size and note.
///
/// # Errors
/// When the archive cannot be read.
pub fn checkpoints<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
) -> io::Result<impl Iterator<Item = Result<(u64, String), ImportError>>> {
    let lines = BufReader::new(zip.by_name(CHECKPOINTS)?).lines();
    Ok(lines.map(|line| {
        let line: CheckpointLine = serde_json::from_str(&line.map_err(source)?).map_err(source)?;
        Ok((line.size, line.checkpoint))
    }))
}

/// Every entry of a bundle over a whole log, in order. `size` is the log's; `rules` say when records are due to go; `leaves` is
/// the same archive a second time.
///
/// # Errors
/// When the archive cannot be read.
pub fn entries<'a, R: Read + Seek>(
    zip: &'a mut ZipArchive<R>,
    leaves: &'a mut ZipArchive<R>,
    size: u64,
    rules: &'a RetentionRules,
) -> io::Result<impl Iterator<Item = Result<Imported, ImportError>> + 'a> {
    let lines = BufReader::new(zip.by_name(RECORDS)?).lines();
    let (mut origin, mut tile) = (String::new(), (None, Vec::new()));
    Ok(lines.filter_map(move |line| {
        let read = || -> Result<Option<Imported>, ImportError> {
            let line: Line = serde_json::from_str(&line.map_err(source)?).map_err(source)?;
            if let Line::Header(header) = &line {
                origin.clone_from(&header.origin);
            }
            let Some(index) = line.index() else { return Ok(None) };
            let n = index / u64::from(TILE_WIDTH);
            if tile.0 != Some(n) {
                tile = (Some(n), bundle(leaves, n, size)?);
            }
            let leaf = tile.1.get((index % u64::from(TILE_WIDTH)) as usize).copied();
            let leaf = leaf.ok_or(ImportError::Differs { index })?;
            Ok(Some(Imported { leaf, body: body(line, rules)?.ok_or(ImportError::Differs { index })? }))
        };
        read().transpose()
    }))
}

fn body(line: Line, rules: &RetentionRules) -> Result<Option<ImportedBody>, ImportError> {
    Ok(Some(match line {
        Line::Record(line) => {
            let read = Record::from_bytes(line.record.as_bytes()).map_err(source)?;
            let time: jiff::Timestamp = read.time.parse().map_err(source)?;
            let time = u64::try_from(time.as_millisecond()).map_err(source)?;
            let due = rules.due(RetentionClass::of(read.contacts.len()), time);
            let salt = Salt::from_base64(&line.salt).map_err(source)?;
            ImportedBody::Record { record: line.record, salt, covering: line.covered_by, due }
        }
        Line::Notice(line) => ImportedBody::Document(DocumentKind::Notice, line.document.into_bytes()),
        Line::Change(line) => ImportedBody::Document(DocumentKind::Change, line.document.into_bytes()),
        Line::Erasures(line) | Line::Purge(line) => {
            let salt = Salt::from_base64(&line.salt).map_err(source)?;
            ImportedBody::Summary(line.document.into_bytes(), salt)
        }
        Line::Gone(line) => {
            let day: jiff::civil::Date = line.day.parse().map_err(source)?;
            let days = jiff::civil::date(1970, 1, 1).until(day).map_err(source)?.get_days();
            let Some(reason) = GoneReason::parse(&line.reason) else { return Ok(None) };
            let period = line.period.as_deref().map_or(Some(0), month_number);
            let (Ok(day), Some(period)) = (u32::try_from(days), period) else { return Ok(None) };
            ImportedBody::Gone(Gone { reason, day, period })
        }
        Line::Header(_) | Line::Tile(_) | Line::Withheld(_) | Line::Footer(_) => return Ok(None),
    }))
}

fn bundle<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    n: u64,
    size: u64,
) -> Result<Vec<[u8; LEAF_LEN]>, ImportError> {
    let differs = || ImportError::Differs { index: n * u64::from(TILE_WIDTH) };
    let bundle = Bundle::at_size(n, size).ok_or_else(differs)?;
    let mut bytes = Vec::new();
    let mut file = zip.by_name(&format!("{LOG}{bundle}")).map_err(source)?;
    file.read_to_end(&mut bytes).map_err(source)?;
    let entries = decode_bundle(&bytes, bundle.width).map_err(source)?;
    entries.into_iter().map(|entry| Ok(Leaf::parse(entry).map_err(source)?.to_bytes())).collect()
}

fn source(error: impl std::error::Error + Send + Sync + 'static) -> ImportError {
    ImportError::Source(Box::new(error))
}
