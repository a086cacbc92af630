//! Sorting out what waits: what can be recorded, and what is answered without writing (replays, reused keys, subjects that moved,
//! drafts that can never be recorded).
//!
//! Reads the store and writes nothing. Whether a decision is allowed is the caller's business; making records of it is `append.rs`.

use std::collections::HashMap;

use assent_core::decision::Decision;
use assent_core::hash::{Hash, sha256, sha256_parts};
use assent_core::subject::SubjectId;
use tokio::sync::oneshot;

use crate::append::Tail;
use crate::complaint::Complaint;
use crate::draft::{Draft, PublishedNotice};
use crate::error::{AppendError, ReadError};
use crate::keys::{KeyStoreError, Secret, Slot};
use crate::request::{Answer, Request};
use crate::shared::{Returned, Shared};
use crate::store::{DocumentKind, RecordRef, RequestId};

/// A draft that will be recorded, and what the store knows about its subject.
pub(crate) struct Accepted {
    pub(crate) draft: Box<Draft>,
    pub(crate) request: Option<RequestId>,
    /// The subject's newest record.
    pub(crate) previous: Option<RecordRef>,
    /// The subject's secret and its slot, where it has one that may be used.
    pub(crate) secret: Option<(u64, Secret)>,
    pub(crate) reply: oneshot::Sender<Result<Answer, AppendError>>,
}

impl Accepted {
    /// Under what they come back who said something before: whoever looks out for them must know.
    pub(crate) fn returns(&self, shared: &Shared) -> Vec<Returned> {
        let contacts = self.draft.contacts.iter();
        let contacts =
            contacts.map(|one| shared.keys.contact_hash(one.channel, &one.address)).map(Returned::Contact);
        contacts.chain(self.previous.map(|_| Returned::Subject(self.draft.subject))).collect()
    }
}

/// A document that will be published.
pub(crate) struct AcceptedDocument {
    pub(crate) kind: DocumentKind,
    pub(crate) hash: Hash,
    pub(crate) document: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Result<PublishedNotice, AppendError>>,
}

/// A batch, sorted out. Leaves are numbered in this order: documents, then drafts.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) documents: Vec<AcceptedDocument>,
    pub(crate) drafts: Vec<Accepted>,
    /// Requests that are answered with the outcome of another one in this batch: nobody may hear of a record
    /// before it is durable.
    pub(crate) later: Vec<(Request, Later)>,
}

/// Which of the batch it is answered with.
#[derive(Clone, Copy)]
pub(crate) enum Later {
    SameDraft(usize),
    SameDocument(usize),
    Moved(usize),
}

/// Sorts a batch out. Replays, reused keys, moved subjects and impossible drafts are answered without writing.
pub(crate) fn judge(shared: &Shared, tail: &Tail, requests: Vec<Request>) -> Judged {
    let mut judged = Judged::default();
    // One draft of a subject a batch: by subject, its position and request.
    let mut subjects: HashMap<SubjectId, (usize, Option<RequestId>)> = HashMap::new();
    let mut complaint = Complaint::default();
    for request in requests {
        let (draft, reply) = match request {
            Request::Publish(kind, document, reply) => {
                judge_document(&mut judged, tail, (kind, document), reply);
                continue;
            }
            Request::Append(draft, reply) => (draft, reply),
            Request::Change(change) => {
                change.refuse(AppendError::Unavailable);
                continue;
            }
        };
        let request = draft.idempotency.as_ref().map(|key| request_id(&key.key, &key.request));
        let before = match read_before(shared, &draft, request) {
            Ok(before) => before,
            Err(error) => {
                complaint.tell(&shared.config.site, "what somebody said before could not be read", &error);
                drop(reply.send(Err(AppendError::Unavailable)));
                continue;
            }
        };
        let in_batch = subjects.get(&draft.subject).copied();
        let same_key = in_batch.filter(|(_, other)| {
            request.is_some_and(|request| other.is_some_and(|other| other.key == request.key))
        });
        // The key is looked at first: whoever asks again must get the same answer, however the history went on.
        if let Some(answer) = before.replay {
            drop(reply.send(answer));
        } else if let Some((first, other)) = same_key {
            if other == request {
                judged.later.push((Request::Append(draft, reply), Later::SameDraft(first)));
            } else {
                drop(reply.send(Err(AppendError::KeyReused)));
            }
        } else if let Some(reason) = impossible(&draft) {
            drop(reply.send(Err(AppendError::Invalid { reason })));
        } else if let Some((first, _)) = in_batch {
            judged.later.push((Request::Append(draft, reply), Later::Moved(first)));
        } else if draft.expect_previous != before.previous.map(|previous| previous.id) {
            let latest = before.previous.map(|previous| previous.id);
            drop(reply.send(Err(AppendError::SubjectMoved { latest })));
        } else if before.previous.is_none() && withdraws(&draft) {
            let reason = "it withdraws, and nothing was said before";
            drop(reply.send(Err(AppendError::Invalid { reason })));
        } else {
            subjects.insert(draft.subject, (judged.drafts.len(), request));
            let Before { previous, secret, .. } = before;
            judged.drafts.push(Accepted { draft, request, previous, secret, reply });
        }
    }
    judged
}

fn judge_document(
    judged: &mut Judged,
    tail: &Tail,
    (kind, document): (DocumentKind, Vec<u8>),
    reply: oneshot::Sender<Result<PublishedNotice, AppendError>>,
) {
    let hash = sha256(&document);
    let last = judged.documents.iter().rposition(|other| other.kind == kind);
    match (last, *tail.clone().newest(kind)) {
        (Some(last), _) if judged.documents[last].hash == hash => {
            judged.later.push((Request::Publish(kind, document, reply), Later::SameDocument(last)));
        }
        (None, Some(current)) if current.hash == hash => {
            let current = PublishedNotice { hash, index: current.index, changed: false };
            drop(reply.send(Ok(current)));
        }
        _ => judged.documents.push(AcceptedDocument { kind, hash, document, reply }),
    }
}

/// What the store knows about a draft's request and subject.
struct Before {
    replay: Option<Result<Answer, AppendError>>,
    previous: Option<RecordRef>,
    secret: Option<(u64, Secret)>,
}

fn read_before(shared: &Shared, draft: &Draft, request: Option<RequestId>) -> Result<Before, ReadError> {
    let (store, site) = (&shared.store, &shared.config.site);
    let mut before = Before { replay: None, previous: store.newest(site, &draft.subject)?, secret: None };
    // Most people are new, and say it once.
    let Some(previous) = before.previous else { return Ok(before) };
    if let Some(request) = request
        && let Some((index, body)) = store.request(site, &draft.subject, &request.key)?
    {
        let same = body == request.body;
        before.replay = Some(if same { Ok(Answer::Replay(index)) } else { Err(AppendError::KeyReused) });
        return Ok(before);
    }
    // What is damaged must keep nobody from a no: they decide on, under a secret of their own.
    let row = match shared.row(previous.index) {
        Err(error) if error.is_damage() => return Ok(before),
        row => row?,
    };
    if let Some(record) = row.record() {
        match shared.keys.subject(record.secret) {
            Ok(Slot::Secret(secret)) => before.secret = Some((record.secret, secret)),
            // So does a restricted subject: what was frozen stays frozen.
            Ok(_) | Err(KeyStoreError::WrongKey { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(before)
}

/// Whether it takes back what its subject said before. Staff who are told of it write it down as somebody new.
fn withdraws(draft: &Draft) -> bool {
    draft.told.is_none() && draft.decisions.values().any(|decision| *decision == Decision::Withdrawn)
}

/// Why a draft can never be recorded.
fn impossible(draft: &Draft) -> Option<&'static str> {
    if draft.decisions.is_empty() {
        Some("it decides nothing")
    } else if draft.language.len() > 64 || draft.acted.as_ref().is_some_and(|acted| acted.len() > 64) {
        Some("its language or time is too long")
    } else if draft.origin.as_ref().is_some_and(|origin| origin.len() > 512) {
        Some("its origin is too long")
    } else if draft.contacts.len() > 16 || draft.contacts.iter().any(|contact| contact.address.len() > 512) {
        Some("it has too many contacts or a contact that is too long")
    } else if draft.decisions.len() > 256 {
        Some("it decides about too many purposes")
    } else {
        None
    }
}

/// Keys are kept as hashes: some callers put names into them.
fn request_id(key: &str, body: &Hash) -> RequestId {
    let key = sha256_parts(&[b"assent/idempotency/v1\0", key.as_bytes()]);
    let cut = |hash: &Hash| {
        let mut cut = [0; 16];
        cut.copy_from_slice(&hash.0[..16]);
        cut
    };
    RequestId { key: cut(&key), body: cut(body) }
}

impl Judged {
    pub(crate) fn refuse(self, error: &AppendError) {
        self.drafts.into_iter().for_each(|draft| drop(draft.reply.send(Err(error.clone()))));
        self.documents.into_iter().for_each(|document| drop(document.reply.send(Err(error.clone()))));
        self.later.into_iter().for_each(|(request, _)| request.refuse(error.clone()));
    }
}
