//! `assent-sled/1`: one sled tree in the directory itself, with a key for each row and three indexes of their own.

use std::collections::HashMap;
use std::path::Path;

use assent_core::commitment::LEAF_LEN;
use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use assent_ledger::ReceiptId;
use assent_ledger::store::{Batch, DocumentKind, Head, LeafBytes, RecordRow, RequestId, Row, RowBody};

use super::{Earlier, Log, MigrateError};

const FORMAT: &[u8] = b"assent-sled/1";
/// See [`Earlier::kept`].
pub(super) const KEPT: &str = ".assent-sled-1";

/// Whether a store of this form may be in a directory.
pub(super) fn is_here(dir: &Path) -> bool {
    dir.join("conf").exists()
}

/// The store, open.
pub(super) struct Store1(sled::Db);

impl Store1 {
    pub(super) fn open(dir: &Path) -> Result<Self, MigrateError> {
        let old = sled::Config::new().path(dir).flush_every_ms(None).open()?;
        if old.get(b"\0f")?.is_none_or(|format| format != FORMAT) {
            return Err(MigrateError::Unknown(dir.to_path_buf()));
        }
        Ok(Store1(old))
    }
}

impl Earlier for Store1 {
    fn kept(&self) -> &'static str {
        KEPT
    }

    fn logs(&self) -> Result<Vec<Log<'_>>, MigrateError> {
        let mut logs = Vec::new();
        for entry in self.0.scan_prefix(b"\0s") {
            let (key, value) = entry?;
            let name = std::str::from_utf8(&key[2..]).ok().and_then(|name| SiteId::new(name).ok());
            let number = <[u8; 4]>::try_from(&*value).ok();
            let (site, number) = name.zip(number).ok_or(MigrateError::Damaged("its list of sites"))?;
            logs.push(Site::read(&self.0, number)?.log(&self.0, site));
        }
        Ok(logs)
    }

    fn later(&self) -> Result<Vec<Batch>, MigrateError> {
        Ok(Vec::new())
    }
}

/// One site's log in the old form, with its indexes turned round.
struct Site {
    prefix: Vec<u8>,
    head: Head,
    records: HashMap<u64, (ReceiptId, u64)>,
    requests: HashMap<u64, RequestId>,
    contacts: HashMap<u64, Vec<Hash>>,
}

impl Site {
    fn read(old: &sled::Db, number: [u8; 4]) -> Result<Self, MigrateError> {
        let damaged = |what| move || MigrateError::Damaged(what);
        let prefix = [&[1][..], &number].concat();
        let under = |kind: u8| [&prefix[..], &[kind]].concat();
        let head = old.get(under(b'H'))?.ok_or_else(damaged("a head is missing"))?;
        let head = (|| {
            let (size, rest) = head.split_first_chunk::<8>()?;
            let (root, time) = rest.split_first_chunk::<32>()?;
            let (size, time) = (u64::from_be_bytes(*size), u64::from_be_bytes(time.try_into().ok()?));
            Some(Head { size, root: Hash(*root), time, secrets: 0 })
        })();
        let mut read = Site {
            head: head.ok_or_else(damaged("a head"))?,
            records: HashMap::new(),
            requests: HashMap::new(),
            contacts: HashMap::new(),
            prefix: prefix.clone(),
        };
        for entry in old.scan_prefix(under(b'I')) {
            let (key, value) = entry?;
            let record = (|| {
                let id = ReceiptId(key.get(6 + 16..)?.try_into().ok()?);
                let (index, slot) = value.split_first_chunk::<8>()?;
                Some((u64::from_be_bytes(*index), id, u64::from_be_bytes(slot.try_into().ok()?)))
            })();
            let (index, id, slot) = record.ok_or_else(damaged("the index of subjects"))?;
            read.records.insert(index, (id, slot));
            read.head.secrets = read.head.secrets.max(slot + 1);
        }
        for entry in old.scan_prefix(under(b'K')) {
            let (key, value) = entry?;
            let request = (|| {
                let (body, index) = value.split_first_chunk::<32>()?;
                let index = u64::from_be_bytes(index.try_into().ok()?);
                let cut = |hash: &[u8]| hash.first_chunk::<16>().copied();
                Some((index, RequestId { key: cut(key.get(6..)?)?, body: cut(body)? }))
            })();
            let (index, request) = request.ok_or_else(damaged("the index of requests"))?;
            read.requests.insert(index, request);
        }
        for entry in old.scan_prefix(under(b'C')) {
            let (key, _) = entry?;
            let contact = (|| {
                let (hash, index) = key.get(6..)?.split_first_chunk::<32>()?;
                Some((Hash(*hash), u64::from_be_bytes(index.try_into().ok()?)))
            })();
            let (hash, index) = contact.ok_or_else(damaged("the index of contacts"))?;
            read.contacts.entry(index).or_default().push(hash);
        }
        Ok(read)
    }

    fn log(self, old: &sled::Db, site: SiteId) -> Log<'_> {
        let under = |kind: u8| [&self.prefix[..], &[kind]].concat();
        let documents_under = under(b'D');
        let documents = move |hash: &Hash| {
            let document = old.get([&documents_under[..], &hash.0].concat())?;
            Ok(document.map(|document| document.to_vec()))
        };
        let leaves = old.scan_prefix(under(b'L')).flat_map(|chunk| match chunk.map_err(MigrateError::from) {
            Ok((_, chunk)) => leaves(&chunk),
            Err(error) => vec![Err(error)],
        });
        let rows = old.scan_prefix(under(b'R'));
        let head = self.head;
        let entries = (0..).zip(leaves.zip(rows)).map(move |(index, (leaf, row))| {
            let (_, row) = row?;
            Ok((leaf?, self.row(index, &row).ok_or(MigrateError::Damaged("a row"))?))
        });
        Log { site, head, entries: Box::new(entries), documents: Box::new(documents), marks: Vec::new() }
    }

    /// A row of the old form: kind, time, covering size, then subject, period and sealed bytes, or a notice's hash.
    fn row(&self, index: u64, bytes: &[u8]) -> Option<Row> {
        let (kind, rest) = bytes.split_first()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (covering, rest) = rest.split_first_chunk::<8>()?;
        let body = match kind {
            1 => {
                let (subject, rest) = rest.split_first_chunk::<16>()?;
                let (period, sealed) = rest.split_first_chunk::<4>()?;
                let (id, secret) = *self.records.get(&index)?;
                RowBody::Record(RecordRow {
                    id,
                    subject: SubjectId(*subject),
                    secret,
                    period: u32::from_be_bytes(*period),
                    request: self.requests.get(&index).copied(),
                    contacts: self.contacts.get(&index).cloned().unwrap_or_default(),
                    sealed: sealed.to_vec(),
                })
            }
            2 => RowBody::Document(DocumentKind::Notice, Hash(rest.try_into().ok()?)),
            _ => return None,
        };
        Some(Row { time: u64::from_be_bytes(*time), covering: u64::from_be_bytes(*covering), body })
    }
}

/// The leaves of one value: up to 256 of them, joined.
pub(super) fn leaves(chunk: &[u8]) -> Vec<Result<LeafBytes, MigrateError>> {
    match chunk.as_chunks::<LEAF_LEN>() {
        (leaves, []) if !leaves.is_empty() => leaves.iter().copied().map(Ok).collect(),
        _ => vec![Err(MigrateError::Damaged("its leaves"))],
    }
}
