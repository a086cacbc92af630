//! `assent-sled/2`: one sled tree in a folder `main-N`, with 256 leaves or 16 rows in one value, behind the journal that there is
//! still.

use std::fs;
use std::path::{Path, PathBuf};

use assent_core::hash::Hash;
use assent_ledger::store::{Batch, Mark, MarkKind, Row};

use super::sled_1::leaves;
use super::{Earlier, Log, MigrateError};
use crate::database::SEGMENT;
use crate::journal::Journal;
use crate::{FORMAT_BEFORE, keys};

/// See [`Earlier::kept`].
pub(super) const KEPT: &str = ".assent-sled-2";

/// Whether a store of this form may be in a directory.
pub(super) fn is_here(dir: &Path) -> bool {
    main_in_force(dir).join("conf").exists()
}

fn main_in_force(dir: &Path) -> PathBuf {
    let current = fs::read_to_string(dir.join("current"));
    dir.join(current.ok().map_or("main-0".to_owned(), |name| name.trim().to_owned()))
}

/// The store, open.
pub(super) struct Store2 {
    main: sled::Db,
    /// What the tree had not absorbed.
    later: Vec<Vec<u8>>,
}

impl Store2 {
    pub(super) fn open(dir: &Path) -> Result<Self, MigrateError> {
        let main = main_in_force(dir);
        let main = sled::Config::new().path(main).segment_size(SEGMENT).flush_every_ms(None).open()?;
        if main.get(keys::FORMAT)?.is_none_or(|format| format != FORMAT_BEFORE) {
            return Err(MigrateError::Unknown(dir.to_path_buf()));
        }
        let absorbed = main.get(keys::ABSORBED)?;
        let absorbed = absorbed.map_or(Some(0), |value| keys::parse_u64(&value));
        let absorbed = absorbed.ok_or(MigrateError::Damaged("the last sequence"))?;
        let journal = Journal::open(&dir.join("journal"), absorbed);
        let (_, later) = journal.map_err(|error| MigrateError::Old(error.into()))?;
        Ok(Store2 { main, later: later.into_iter().map(|record| record.content).collect() })
    }

    fn log(&self, site: &[u8], number: &[u8]) -> Result<Log<'_>, MigrateError> {
        let site = keys::parse_site(site, number);
        let (site, number) = site.ok_or(MigrateError::Damaged("its list of sites"))?;
        let head = self.main.get(keys::head(number))?;
        let head = head.and_then(|head| keys::parse_head(&head)).ok_or(MigrateError::Damaged("a head"))?;
        let documents = move |hash: &Hash| {
            let document = self.main.get(keys::document(number, hash))?;
            Ok(document.map(|document| document.to_vec()))
        };
        let chunks = |kind| {
            let chunks = self.main.scan_prefix(keys::kind(number, kind));
            chunks.map(|chunk| chunk.map(|(_, chunk)| chunk).map_err(MigrateError::from))
        };
        let leaves = chunks(b'L').flat_map(|chunk| match chunk {
            Ok(chunk) => leaves(&chunk),
            Err(error) => vec![Err(error)],
        });
        let rows = chunks(b'R').flat_map(|chunk| match chunk {
            Ok(chunk) => rows(&chunk),
            Err(error) => vec![Err(error)],
        });
        let entries = leaves.zip(rows).map(|(leaf, row)| Ok((leaf?, row?)));
        let mut marks = Vec::new();
        for kind in MarkKind::ALL {
            let prefix = keys::marks(number, kind);
            for entry in self.main.scan_prefix(&prefix) {
                let (key, value) = entry?;
                marks.push(Mark { kind, key: key[prefix.len()..].to_vec(), value: Some(value.to_vec()) });
            }
        }
        Ok(Log { site, head, entries: Box::new(entries), documents: Box::new(documents), marks })
    }
}

impl Earlier for Store2 {
    fn kept(&self) -> &'static str {
        KEPT
    }

    fn logs(&self) -> Result<Vec<Log<'_>>, MigrateError> {
        let sites = self.main.scan_prefix(keys::SITES);
        sites
            .map(|site| site.map_err(MigrateError::from).and_then(|(site, number)| self.log(&site, &number)))
            .collect()
    }

    fn later(&self) -> Result<Vec<Batch>, MigrateError> {
        let batches = self.later.iter().map(|bytes| Batch::from_bytes(bytes));
        batches.map(|batch| batch.ok_or(MigrateError::Damaged("a batch of the journal"))).collect()
    }
}

/// The rows of one value: up to 16, each after its length (4).
fn rows(mut chunk: &[u8]) -> Vec<Result<Row, MigrateError>> {
    let mut rows = Vec::new();
    while !chunk.is_empty() {
        let row = (|| {
            let (len, rest) = chunk.split_first_chunk::<4>()?;
            let (row, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
            chunk = rest;
            Row::from_bytes(row)
        })();
        let is_row = row.is_some();
        rows.push(row.ok_or(MigrateError::Damaged("a row")));
        if !is_row {
            break;
        }
    }
    rows
}
