//! Rows: what is kept about one leaf beside the leaf itself, and the one form every store keeps it in.
//!
//! Readable without any key, so nothing a person said may stand here in clear: the record is sealed, its subject is a
//! random id and its contacts are keyed hashes. A row is replaced, never changed: by the same record under another
//! period's secret, or by a tombstone. Numbers are big endian. Nothing is sealed or opened here (`seal.rs`).

use assent_core::commitment::SALT_LEN;
use assent_core::hash::Hash;
use assent_core::subject::SubjectId;

use crate::id::ReceiptId;

/// What is kept about one leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When the leaf was taken down: milliseconds since 1970 UTC. Never goes back from one index to the next.
    pub time: u64,
    /// Size of the checkpoint its receipt was given under.
    pub covering: u64,
    /// What the leaf stands for.
    pub body: RowBody,
}

/// The half of a leaf that is not public, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowBody {
    /// A record, sealed.
    Record(RecordRow),
    /// A public document: it is kept under this hash.
    Document(DocumentKind, Hash),
    /// A summary of erasures or of a purge: a document that is committed to with a salt.
    Summary(Salted),
    /// There was a record, and its private half was destroyed.
    Gone(Gone),
}

/// A sealed record, with what it is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// The receipt's id.
    pub id: ReceiptId,
    /// Whose record.
    pub subject: SubjectId,
    /// Where in the keystore the subject's secret is.
    pub secret: u64,
    /// Which period secret it is sealed under: the month (year × 12 + month − 1) after whose end it is due to be purged.
    pub period: u32,
    /// The request it was made by, so that the same request again gets the same answer.
    pub request: Option<RequestId>,
    /// Keyed hashes of the contacts it is about.
    pub contacts: Vec<Hash>,
    /// Nonce and ciphertext (`seal.rs`).
    pub sealed: Vec<u8>,
}

/// A request, by hashes cut to 16 bytes: they are only compared within one subject's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// Hash of the idempotency key.
    pub key: [u8; 16],
    /// Hash of the request's content.
    pub body: [u8; 16],
}

/// What a public document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// A notice (leaf type 0x02).
    Notice,
    /// A change of key or policy (leaf type 0x05).
    Change,
}

/// A document and the salt its leaf commits to it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salted {
    /// SHA-256 of the document, which is kept under it.
    pub document: Hash,
    /// The salt.
    pub salt: [u8; SALT_LEN],
}

/// A tombstone: what may be known of a record that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Why.
    pub reason: GoneReason,
    /// When: days since 1970-01-01 UTC.
    pub day: u32,
    /// For a record purged by retention: the period that was purged. Else 0.
    pub period: u32,
}

/// Why a record is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GoneReason {
    /// The person asked (UK GDPR Art 17).
    Asked,
    /// The controller decided so, for another reason: a duty to erase, a mistake.
    Controller,
    /// The retention rule.
    Retention,
    /// A sign-up that was never confirmed.
    Unconfirmed,
}

impl GoneReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Asked, Self::Controller, Self::Retention, Self::Unconfirmed];

    /// The reason's code in tombstones, exports and summaries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "erased-asked",
            Self::Controller => "erased-controller",
            Self::Retention => "purged-retention",
            Self::Unconfirmed => "erased-unconfirmed",
        }
    }

    /// The reason of a code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == code)
    }

    /// What a row stores for it.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Asked => 1,
            Self::Controller => 2,
            Self::Retention => 3,
            Self::Unconfirmed => 4,
        }
    }
}

const RECORD: u8 = 1;
const NOTICE: u8 = 2;
const CHANGE: u8 = 3;
const SUMMARY: u8 = 4;
const GONE: u8 = 5;
/// Set in a record's flags when a request id follows.
const HAS_REQUEST: u8 = 0x80;

impl Row {
    /// The record, if the row still is one.
    #[must_use]
    pub fn record(&self) -> Option<&RecordRow> {
        match &self.body {
            RowBody::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The form every store keeps: kind (1), time (8), covering (8), then the body.
    ///
    /// Record: flags (1: number of contacts, 0x80 with a request), id (16), subject (16), secret (8), period (4), request
    /// (32 if flagged), contacts (32 each), sealed bytes. Document: hash (32). Summary: hash (32), salt (64). Gone: reason
    /// (1), day (4), period (4).
    ///
    /// # Panics
    /// When a record names more than 127 contacts; `append` refuses such drafts.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.byte_len());
        out.push(match &self.body {
            RowBody::Record(_) => RECORD,
            RowBody::Document(DocumentKind::Notice, _) => NOTICE,
            RowBody::Document(DocumentKind::Change, _) => CHANGE,
            RowBody::Summary(_) => SUMMARY,
            RowBody::Gone(_) => GONE,
        });
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.covering.to_be_bytes());
        match &self.body {
            RowBody::Record(record) => record.write(&mut out),
            RowBody::Document(_, hash) => out.extend_from_slice(&hash.0),
            RowBody::Summary(Salted { document, salt }) => {
                out.extend_from_slice(&document.0);
                out.extend_from_slice(salt);
            }
            RowBody::Gone(Gone { reason, day, period }) => {
                out.push(reason.number());
                out.extend_from_slice(&day.to_be_bytes());
                out.extend_from_slice(&period.to_be_bytes());
            }
        }
        out
    }

    /// Length of [`Self::to_bytes`].
    #[must_use]
    pub fn byte_len(&self) -> usize {
        17 + match &self.body {
            RowBody::Record(record) => {
                let request = if record.request.is_some() { 32 } else { 0 };
                45 + request + record.contacts.len() * 32 + record.sealed.len()
            }
            RowBody::Document(..) => 32,
            RowBody::Summary(_) => 32 + SALT_LEN,
            RowBody::Gone(_) => 9,
        }
    }

    /// Reads [`Self::to_bytes`]; nothing when the bytes are not a row.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (covering, rest) = rest.split_first_chunk::<8>()?;
        let body = match *kind {
            RECORD => RowBody::Record(RecordRow::read(rest)?),
            NOTICE => RowBody::Document(DocumentKind::Notice, Hash(rest.try_into().ok()?)),
            CHANGE => RowBody::Document(DocumentKind::Change, Hash(rest.try_into().ok()?)),
            SUMMARY => {
                let (document, salt) = rest.split_first_chunk::<32>()?;
                RowBody::Summary(Salted { document: Hash(*document), salt: salt.try_into().ok()? })
            }
            GONE => {
                let (reason, rest) = rest.split_first()?;
                let reason = GoneReason::ALL.into_iter().find(|known| known.number() == *reason)?;
                let (day, period) = rest.split_first_chunk::<4>()?;
                let period = u32::from_be_bytes(period.try_into().ok()?);
                RowBody::Gone(Gone { reason, day: u32::from_be_bytes(*day), period })
            }
            _ => return None,
        };
        Some(Row { time: u64::from_be_bytes(*time), covering: u64::from_be_bytes(*covering), body })
    }
}

impl RecordRow {
    fn write(&self, out: &mut Vec<u8>) {
        assert!(self.contacts.len() < usize::from(HAS_REQUEST), "a record names a few contacts at most");
        out.push(self.contacts.len() as u8 | if self.request.is_some() { HAS_REQUEST } else { 0 });
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.subject.0);
        out.extend_from_slice(&self.secret.to_be_bytes());
        out.extend_from_slice(&self.period.to_be_bytes());
        if let Some(RequestId { key, body }) = &self.request {
            out.extend_from_slice(key);
            out.extend_from_slice(body);
        }
        self.contacts.iter().for_each(|contact| out.extend_from_slice(&contact.0));
        out.extend_from_slice(&self.sealed);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (flags, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (subject, rest) = rest.split_first_chunk::<16>()?;
        let (secret, rest) = rest.split_first_chunk::<8>()?;
        let (period, mut rest) = rest.split_first_chunk::<4>()?;
        let mut request = None;
        if flags & HAS_REQUEST != 0 {
            let (key, after) = rest.split_first_chunk::<16>()?;
            let (body, after) = after.split_first_chunk::<16>()?;
            request = Some(RequestId { key: *key, body: *body });
            rest = after;
        }
        let contacts = usize::from(flags & !HAS_REQUEST) * 32;
        let (contacts, sealed) = rest.split_at_checked(contacts)?;
        Some(RecordRow {
            id: ReceiptId(*id),
            subject: SubjectId(*subject),
            secret: u64::from_be_bytes(*secret),
            period: u32::from_be_bytes(*period),
            request,
            contacts: contacts.as_chunks::<32>().0.iter().map(|hash| Hash(*hash)).collect(),
            sealed: sealed.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body() -> impl Strategy<Value = RowBody> {
        let request = prop::option::of(any::<([u8; 16], [u8; 16])>());
        let record = (
            any::<([u8; 16], [u8; 16], u64, u32)>(),
            request,
            prop::collection::vec(any::<[u8; 32]>(), 0..4),
            prop::collection::vec(any::<u8>(), 0..80),
        );
        let record = record.prop_map(|((id, subject, secret, period), request, contacts, sealed)| {
            RowBody::Record(RecordRow {
                id: ReceiptId(id),
                subject: SubjectId(subject),
                secret,
                period,
                request: request.map(|(key, body)| RequestId { key, body }),
                contacts: contacts.into_iter().map(Hash).collect(),
                sealed,
            })
        });
        let kind = prop_oneof![Just(DocumentKind::Notice), Just(DocumentKind::Change)];
        let document = (kind, any::<[u8; 32]>()).prop_map(|(kind, hash)| RowBody::Document(kind, Hash(hash)));
        let summary = any::<([u8; 32], [u8; 32], [u8; 32])>().prop_map(|(document, a, b)| {
            let mut salt = [0; SALT_LEN];
            salt[..32].copy_from_slice(&a);
            salt[32..].copy_from_slice(&b);
            RowBody::Summary(Salted { document: Hash(document), salt })
        });
        let reason = prop::sample::select(GoneReason::ALL.to_vec());
        let gone = (reason, any::<(u32, u32)>())
            .prop_map(|(reason, (day, period))| RowBody::Gone(Gone { reason, day, period }));
        prop_oneof![record, document, summary, gone]
    }

    proptest! {
        #[test]
        fn rows_come_back(time: u64, covering: u64, body in body()) {
            let row = Row { time, covering, body };
            let bytes = row.to_bytes();
            prop_assert_eq!(bytes.len(), row.byte_len());
            prop_assert_eq!(Row::from_bytes(&bytes), Some(row));
        }

        #[test]
        fn other_bytes_are_no_row_or_the_row_they_say(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(row) = Row::from_bytes(&bytes) {
                prop_assert_eq!(row.to_bytes(), bytes);
            }
        }
    }
}
