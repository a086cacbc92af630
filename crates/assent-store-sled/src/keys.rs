//! The layout in sled: which key holds what, and the fixed forms of small values. Numbers are big endian, so
//! that keys sort as they count.
//!
//! Nothing is read or written here. The table is in the README.

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use assent_ledger::ReceiptId;
use assent_ledger::store::{DocumentKind, DocumentRef, Head, MarkKind, RecordRow, RequestId};

/// A key's bytes.
pub(crate) type Key = Vec<u8>;
/// A site's short number in keys, given when its log begins.
pub(crate) type SiteNumber = u32;

/// Holds the format's name.
pub(crate) const FORMAT: &[u8] = b"\0f";
/// Holds the sequence of the last batch of the journal that is here.
pub(crate) const ABSORBED: &[u8] = b"\0j";
/// Prefix of the list of sites.
pub(crate) const SITES: &[u8] = b"\0s";

/// Begins every key of a log.
pub(crate) const LOGS: u8 = 1;
/// Prefix of a kind of keys of a site.
pub(crate) fn kind(number: SiteNumber, kind: u8) -> Key {
    key(number, kind, &[])
}

fn key(number: SiteNumber, kind: u8, parts: &[&[u8]]) -> Key {
    let mut key = Vec::with_capacity(6 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(LOGS);
    key.extend_from_slice(&number.to_be_bytes());
    key.push(kind);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// The site's number, the kind, and the rest of a key of a log.
pub(crate) fn parse(key: &[u8]) -> Option<(SiteNumber, u8, &[u8])> {
    let rest = key.strip_prefix(&[LOGS])?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first()?;
    Some((SiteNumber::from_be_bytes(*number), *kind, rest))
}

pub(crate) fn site(site: &SiteId) -> Key {
    [SITES, site.as_str().as_bytes()].concat()
}

pub(crate) fn parse_site(key: &[u8], value: &[u8]) -> Option<(SiteId, SiteNumber)> {
    let name = std::str::from_utf8(key.strip_prefix(SITES)?).ok()?;
    Some((SiteId::new(name).ok()?, SiteNumber::from_be_bytes(value.try_into().ok()?)))
}

pub(crate) fn head(number: SiteNumber) -> Key {
    key(number, b'H', &[])
}

pub(crate) fn head_value(head: &Head) -> [u8; 56] {
    join([&head.size.to_be_bytes(), &head.root.0, &head.time.to_be_bytes(), &head.secrets.to_be_bytes()])
}

pub(crate) fn parse_head(value: &[u8]) -> Option<Head> {
    let (size, rest) = value.split_first_chunk::<8>()?;
    let (root, rest) = rest.split_first_chunk::<32>()?;
    let (time, secrets) = rest.split_first_chunk::<8>()?;
    let (size, time) = (u64::from_be_bytes(*size), u64::from_be_bytes(*time));
    Some(Head { size, root: Hash(*root), time, secrets: parse_u64(secrets)? })
}

pub(crate) fn hash(number: SiteNumber, level: u8, index: u64) -> Key {
    key(number, b'T', &[&[level], &index.to_be_bytes()])
}

pub(crate) fn records(number: SiteNumber, subject: &SubjectId) -> Key {
    key(number, b'I', &[&subject.0])
}

pub(crate) fn record(number: SiteNumber, subject: &SubjectId, id: ReceiptId) -> Key {
    key(number, b'I', &[&subject.0, &id.0])
}

/// The part of a record's key that says whose it is; nothing for other keys.
pub(crate) fn whose(index: &[u8]) -> Option<&[u8]> {
    let (_, _, rest) = parse(index).filter(|(_, kind, _)| *kind == b'I')?;
    index.get(..index.len() - rest.len() + size_of::<SubjectId>())
}

/// Index (8), then the request (32) if there was one.
pub(crate) fn record_value(index: u64, record: &RecordRow) -> Vec<u8> {
    let mut value = index.to_be_bytes().to_vec();
    if let Some(RequestId { key, body }) = &record.request {
        value.extend_from_slice(key);
        value.extend_from_slice(body);
    }
    value
}

/// What a record's key and value say: receipt id, index, request.
pub(crate) fn parse_record(id: &[u8], value: &[u8]) -> Option<(ReceiptId, u64, Option<RequestId>)> {
    let id = ReceiptId(id.try_into().ok()?);
    let (index, rest) = value.split_first_chunk::<8>()?;
    let request = match rest.split_first_chunk::<16>() {
        Some((key, body)) => Some(RequestId { key: *key, body: body.try_into().ok()? }),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some((id, u64::from_be_bytes(*index), request))
}

/// The index at the beginning of a record's value.
pub(crate) fn parse_index(value: &[u8]) -> Option<u64> {
    value.first_chunk::<8>().map(|index| u64::from_be_bytes(*index))
}

pub(crate) fn contacts(number: SiteNumber, contact: &Hash) -> Key {
    key(number, b'C', &[&contact.0])
}

/// Where the contacts of a site begin.
pub(crate) fn every_contact(number: SiteNumber) -> Key {
    kind(number, b'C')
}

/// The first key after them.
pub(crate) fn after_contacts(number: SiteNumber) -> Key {
    kind(number, b'C' + 1)
}

/// The contact of a key under it.
pub(crate) fn parse_contact(key: &[u8]) -> Option<Hash> {
    let (_, _, rest) = parse(key).filter(|(_, kind, _)| *kind == b'C')?;
    rest.first_chunk::<32>().map(|contact| Hash(*contact))
}

pub(crate) fn contact(number: SiteNumber, contact: &Hash, index: u64) -> Key {
    key(number, b'C', &[&contact.0, &index.to_be_bytes()])
}

pub(crate) fn document(number: SiteNumber, hash: &Hash) -> Key {
    key(number, b'D', &[&hash.0])
}

pub(crate) fn published(number: SiteNumber) -> Key {
    key(number, b'N', &[])
}

pub(crate) fn publication(number: SiteNumber, index: u64) -> Key {
    key(number, b'N', &[&index.to_be_bytes()])
}

/// Kind (1), hash (32), time (8).
pub(crate) fn published_value(kind: DocumentKind, hash: &Hash, time: u64) -> [u8; 41] {
    let kind = match kind {
        DocumentKind::Notice => b'n',
        DocumentKind::Change => b'c',
    };
    join([&[kind], &hash.0, &time.to_be_bytes()])
}

pub(crate) fn parse_published(index: &[u8], value: &[u8]) -> Option<DocumentRef> {
    let (kind, rest) = value.split_first()?;
    let kind = match kind {
        b'n' => DocumentKind::Notice,
        b'c' => DocumentKind::Change,
        _ => return None,
    };
    let (hash, time) = rest.split_first_chunk::<32>()?;
    Some(DocumentRef { kind, index: parse_u64(index)?, hash: Hash(*hash), time: parse_u64(time)? })
}

pub(crate) fn marks(number: SiteNumber, kind: MarkKind) -> Key {
    key(number, b'M', &[&[kind as u8]])
}

pub(crate) fn mark(number: SiteNumber, kind: MarkKind, of: &[u8]) -> Key {
    key(number, b'M', &[&[kind as u8], of])
}

pub(crate) fn parse_u64(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

/// Parts whose lengths add up to `N`, joined.
fn join<const N: usize, const P: usize>(parts: [&[u8]; P]) -> [u8; N] {
    let mut joined = [0; N];
    let mut rest = joined.as_mut_slice();
    for part in parts {
        let (place, after) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let head_in = Head { size: 7, root: Hash([1; 32]), time: 9, secrets: 4 };
        assert_eq!(parse_head(&head_value(&head_in)), Some(head_in));
        for cut in 0..56 {
            assert_eq!(parse_head(&head_value(&head_in)[..cut]), None);
        }
        let request = Some(RequestId { key: [1; 16], body: [2; 16] });
        let mut record_in = RecordRow {
            id: ReceiptId([3; 16]),
            subject: SubjectId([4; 16]),
            secret: 0,
            period: 0,
            request,
            contacts: Vec::new(),
            sealed: Vec::new(),
        };
        let value = record_value(5, &record_in);
        assert_eq!(parse_record(&[3; 16], &value), Some((record_in.id, 5, request)));
        assert_eq!(parse_index(&value), Some(5));
        assert_eq!(parse_record(&[3; 16], &value[..20]), None);
        record_in.request = None;
        assert_eq!(parse_record(&[3; 16], &record_value(5, &record_in)), Some((record_in.id, 5, None)));
        for kind in [DocumentKind::Notice, DocumentKind::Change] {
            let document = DocumentRef { kind, index: 8, hash: Hash([5; 32]), time: 1 };
            let value = published_value(kind, &document.hash, document.time);
            assert_eq!(parse_published(&8u64.to_be_bytes(), &value), Some(document));
        }
        let name = SiteId::new("clinic").unwrap();
        assert_eq!(parse_site(&site(&name), &3u32.to_be_bytes()), Some((name, 3)));
        assert_eq!(parse(&publication(7, 9)), Some((7, b'N', &9u64.to_be_bytes()[..])));
    }
}
