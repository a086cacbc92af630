//! The physical layout: which key holds what, and the fixed forms of small values. Numbers are big endian, so that
//! keys sort as they count.
//!
//! Nothing is read or written here. The table is in the README.

use assent_core::hash::Hash;
use assent_core::ids::SiteId;
use assent_core::subject::SubjectId;
use assent_ledger::ReceiptId;
use assent_ledger::store::{Head, NoticeRef, RecordRef, SubjectRow, UsedKey};

/// A key's bytes.
pub(crate) type Key = Vec<u8>;
/// A site's short number in keys, given when its log begins.
pub(crate) type SiteNumber = u32;

/// Holds the format's name.
pub(crate) const FORMAT: &[u8] = b"\0f";
/// Prefix of the list of sites.
pub(crate) const SITES: &[u8] = b"\0s";

const LOGS: u8 = 1;

fn key(number: SiteNumber, kind: u8, parts: &[&[u8]]) -> Key {
    let mut key = Vec::with_capacity(6 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(LOGS);
    key.extend_from_slice(&number.to_be_bytes());
    key.push(kind);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
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

pub(crate) fn head_value(head: &Head) -> [u8; 48] {
    join([&head.size.to_be_bytes(), &head.root.0, &head.time.to_be_bytes()])
}

pub(crate) fn parse_head(value: &[u8]) -> Option<Head> {
    let (size, rest) = value.split_first_chunk::<8>()?;
    let (root, time) = rest.split_first_chunk::<32>()?;
    Some(Head { size: u64::from_be_bytes(*size), root: Hash(*root), time: parse_u64(time)? })
}

pub(crate) fn row(number: SiteNumber, index: u64) -> Key {
    key(number, b'R', &[&index.to_be_bytes()])
}

pub(crate) fn hash(number: SiteNumber, level: u8, index: u64) -> Key {
    key(number, b'T', &[&[level], &index.to_be_bytes()])
}

/// The leaves of one commit, under the index of the first.
pub(crate) fn leaves(number: SiteNumber, first: u64) -> Key {
    key(number, b'L', &[&first.to_be_bytes()])
}

/// The index of the first of a commit's leaves; nothing for another kind of key.
pub(crate) fn parse_leaves(number: SiteNumber, found: &[u8]) -> Option<u64> {
    parse_u64(found.strip_prefix(key(number, b'L', &[]).as_slice())?)
}

pub(crate) fn records(number: SiteNumber, subject: &SubjectId) -> Key {
    key(number, b'I', &[&subject.0])
}

pub(crate) fn record(number: SiteNumber, subject: &SubjectId, id: ReceiptId) -> Key {
    key(number, b'I', &[&subject.0, &id.0])
}

pub(crate) fn record_value(row: &SubjectRow) -> [u8; 16] {
    join([&row.latest.index.to_be_bytes(), &row.secret.to_be_bytes()])
}

/// From the end of a record's key and its value.
pub(crate) fn parse_record(id: &[u8], value: &[u8]) -> Option<SubjectRow> {
    let (index, secret) = value.split_first_chunk::<8>()?;
    let latest = RecordRef { index: u64::from_be_bytes(*index), id: ReceiptId(id.try_into().ok()?) };
    Some(SubjectRow { secret: parse_u64(secret)?, latest })
}

pub(crate) fn contacts(number: SiteNumber, contact: &Hash) -> Key {
    key(number, b'C', &[&contact.0])
}

pub(crate) fn contact(number: SiteNumber, contact: &Hash, index: u64) -> Key {
    key(number, b'C', &[&contact.0, &index.to_be_bytes()])
}

pub(crate) fn used_key(number: SiteNumber, used: &Hash) -> Key {
    key(number, b'K', &[&used.0])
}

pub(crate) fn used_key_value(used: &UsedKey) -> [u8; 40] {
    join([&used.request.0, &used.index.to_be_bytes()])
}

pub(crate) fn parse_used_key(value: &[u8]) -> Option<UsedKey> {
    let (request, index) = value.split_first_chunk::<32>()?;
    Some(UsedKey { request: Hash(*request), index: parse_u64(index)? })
}

pub(crate) fn document(number: SiteNumber, hash: &Hash) -> Key {
    key(number, b'D', &[&hash.0])
}

pub(crate) fn notices(number: SiteNumber) -> Key {
    key(number, b'N', &[])
}

pub(crate) fn notice(number: SiteNumber, index: u64) -> Key {
    key(number, b'N', &[&index.to_be_bytes()])
}

pub(crate) fn notice_value(notice: &NoticeRef) -> [u8; 40] {
    join([&notice.hash.0, &notice.time.to_be_bytes()])
}

pub(crate) fn parse_notice(index: &[u8], value: &[u8]) -> Option<NoticeRef> {
    let (hash, time) = value.split_first_chunk::<32>()?;
    Some(NoticeRef { index: parse_u64(index)?, hash: Hash(*hash), time: parse_u64(time)? })
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
        let head_in = Head { size: 7, root: Hash([1; 32]), time: 9 };
        assert_eq!(parse_head(&head_value(&head_in)), Some(head_in));
        let latest = RecordRef { index: 5, id: ReceiptId([2; 16]) };
        let subject = SubjectRow { secret: 3, latest };
        assert_eq!(parse_record(&latest.id.0, &record_value(&subject)), Some(subject));
        assert_eq!(parse_leaves(3, &leaves(3, 5)), Some(5));
        assert_eq!(parse_leaves(3, &leaves(4, 5)), None);
        assert_eq!(parse_leaves(3, &row(3, 5)), None);
        let used = UsedKey { request: Hash([4; 32]), index: 6 };
        assert_eq!(parse_used_key(&used_key_value(&used)), Some(used));
        let notice = NoticeRef { index: 8, hash: Hash([5; 32]), time: 1 };
        assert_eq!(parse_notice(&8u64.to_be_bytes(), &notice_value(&notice)), Some(notice));
        let name = SiteId::new("clinic").unwrap();
        assert_eq!(parse_site(&site(&name), &3u32.to_be_bytes()), Some((name, 3)));
        for cut in 0..48 {
            assert_eq!(parse_head(&head_value(&head_in)[..cut]), None);
        }
    }
}
