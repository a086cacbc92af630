//! The append path: from waiting drafts to receipts, and what a crash at each step leaves.
//!
//! Whatever waits becomes one batch: one store commit, one flush and one signature. The story is [`make`] and then [`Made::land`],
//! top to bottom. Who calls them, and when, is `sequence.rs`; what start-up does when the story was cut short is `recover.rs`; what follows an answer,
//! `attendant.rs`; erasing and its kin, one at a time between batches, `erase.rs`.
//!
//! Not here: whether a decision is allowed (the caller), how a receipt is read again later (`ledger.rs`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use assent_core::commitment::{Leaf, SALT_LEN, Salt};
use assent_core::decision::Decision;
use assent_core::hash::{Hash, sha256, sha256_parts};
use assent_core::merkle::CompactTree;
use assent_core::record::{After, ContactRef, RECORD_FORMAT, Record};
use assent_core::subject::SubjectId;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::backup::PER_PART;
use crate::changes::{About, ChangePlace};
use crate::cipher::NONCE_LEN;
use crate::draft::Published;
use crate::draft::{Draft, PublishedNotice};
use crate::error::{AppendError, ReadError};
use crate::growing::{Growing, Grown};
use crate::id::ReceiptId;
use crate::keys::{Secret, Slot};
use crate::ledger::Shared;
use crate::outside;
use crate::recover::vouch;
use crate::seal::Place;
use crate::store::{
    Batch, CommitError, DocumentKind, DocumentRef, Head, RecordRef, RecordRow, RequestId, RowBody,
};

/// Random bytes of one record: id, salt, nonce.
const DICE: usize = 10 + SALT_LEN + NONCE_LEN;

/// What callers put into the queue.
pub(crate) enum Request {
    /// A decision.
    Append(Box<Draft>, oneshot::Sender<Result<Answer, AppendError>>),
    /// A document to publish.
    Publish(DocumentKind, Vec<u8>, oneshot::Sender<Result<PublishedNotice, AppendError>>),
    /// Anything else that changes the log: done by itself, between two batches.
    Change(Box<dyn Change>),
}

/// A change of the log that is not a decision.
pub(crate) trait Change: Send {
    /// About whom it is.
    fn about(&self) -> About;
    /// Does it and answers whoever asked. Nothing: the outcome is unknown and the log stands still.
    fn run(self: Box<Self>, shared: &Shared, tail: Tail) -> Option<Tail>;
    /// Answers whoever asked that it was not done.
    fn refuse(self: Box<Self>, error: AppendError);
}

/// What a caller makes its receipt of, on its own thread.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It was recorded just now.
    Recorded(Box<Recorded>),
    /// It had been recorded before, as this leaf.
    Replay(u64),
}

/// A record that is durable and under a signed checkpoint.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) id: ReceiptId,
    pub(crate) index: u64,
    pub(crate) record: String,
    pub(crate) salt: Salt,
    pub(crate) path: Vec<Hash>,
    pub(crate) checkpoint: Arc<str>,
}

/// Where the log ends: everything the sequencer remembers between batches.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    pub(crate) head: Head,
    pub(crate) tree: CompactTree,
    /// The newest notice and the newest change, so that neither is published twice over.
    pub(crate) notice: Option<DocumentRef>,
    pub(crate) change: Option<DocumentRef>,
}

impl Tail {
    fn newest(&mut self, kind: DocumentKind) -> &mut Option<DocumentRef> {
        match kind {
            DocumentKind::Notice => &mut self.notice,
            DocumentKind::Change => &mut self.change,
        }
    }
}

impl Request {
    pub(crate) fn refuse(self, error: AppendError) {
        // A caller that has gone away needs no answer.
        match self {
            Request::Append(_, reply) => drop(reply.send(Err(error))),
            Request::Publish(_, _, reply) => drop(reply.send(Err(error))),
            Request::Change(change) => change.refuse(error),
        }
    }
}

/// A draft that will be recorded, and what the store knows about its subject.
struct Accepted {
    draft: Box<Draft>,
    request: Option<RequestId>,
    /// The subject's newest record.
    previous: Option<RecordRef>,
    /// The subject's secret and its slot, where it has one that may be used.
    secret: Option<(u64, Secret)>,
    reply: oneshot::Sender<Result<Answer, AppendError>>,
}

/// A document that will be published.
struct AcceptedDocument {
    kind: DocumentKind,
    hash: Hash,
    document: Vec<u8>,
    reply: oneshot::Sender<Result<PublishedNotice, AppendError>>,
}

/// A batch, sorted out. Leaves are numbered in this order: documents, then drafts.
#[derive(Default)]
struct Judged {
    documents: Vec<AcceptedDocument>,
    drafts: Vec<Accepted>,
    /// Requests that are answered with the outcome of another one in this batch: nobody may hear of a record
    /// before it is durable.
    later: Vec<(Request, Later)>,
}

#[derive(Clone, Copy)]
enum Later {
    SameDraft(usize),
    SameDocument(usize),
    Moved(usize),
}

/// Sorts a batch out. Replays, reused keys, moved subjects and impossible drafts are answered without writing.
fn judge(shared: &Shared, tail: &Tail, requests: Vec<Request>) -> Judged {
    let mut judged = Judged::default();
    // One draft of a subject a batch: by subject, its position and request.
    let mut subjects: HashMap<SubjectId, (usize, Option<RequestId>)> = HashMap::new();
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
        let Ok(before) = read_before(shared, &draft, request) else {
            drop(reply.send(Err(AppendError::Unavailable)));
            continue;
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
    let row = shared.row(previous.index)?;
    if let Some(record) = row.record() {
        // A restricted subject decides on, under a secret of its own: what was frozen stays frozen.
        if let Slot::Secret(secret) = shared.keys.subject(record.secret)? {
            before.secret = Some((record.secret, secret));
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

/// Why a batch was not recorded.
pub(crate) enum Stopped {
    /// Nothing is in the store, and nothing will be.
    NothingStored,
    /// It may be in the store, or is there but could not be vouched for.
    Unknown,
}

impl Stopped {
    /// What callers hear, and where the log ends if that is known.
    pub(crate) fn heard(self, shared: &Shared, tail: Tail) -> (AppendError, Option<Tail>) {
        shared.stats.commit_failed();
        match self {
            Stopped::NothingStored => (AppendError::Unavailable, Some(tail)),
            Stopped::Unknown => {
                shared.stop();
                (AppendError::OutcomeUnknown, None)
            }
        }
    }
}

/// A batch that was made in memory, and who waits for it.
pub(crate) struct Made {
    judged: Judged,
    batch: Batch,
    grown: Grown,
    records: Vec<(ReceiptId, u64, String, Salt)>,
    about: Vec<ChangePlace>,
    /// Where the log ends when it has landed.
    pub(crate) after: Tail,
    began: Instant,
}

/// Makes a batch of what can be recorded, and answers everybody else: the first half of the story. A crash (or an error) at
/// any step leaves what its comment says. Nothing: there is nothing to record, or it could not be made; nothing was stored.
pub(crate) fn make(shared: &Shared, tail: &Tail, requests: Vec<Request>) -> Option<Made> {
    let judged = judge(shared, tail, requests);
    if judged.drafts.is_empty() && judged.documents.is_empty() {
        return None;
    }
    let (site, origin) = (&shared.config.site, shared.config.origin.as_str());
    let random = &*shared.outside.random;
    let began = Instant::now();
    let failed = |judged: Judged| {
        shared.stats.commit_failed();
        judged.refuse(&AppendError::Unavailable);
    };

    // 1. The time, later than the batch before even when the clock went back, so that a subject's receipt ids
    //    (UUID v7) grow with its records; and the dice: ids, salts, nonces.
    //    Crash: nothing was written. Callers ask again.
    let time = time_after(shared, tail);
    let mut dice = Zeroizing::new(vec![0; DICE * judged.drafts.len()]);
    if random.fill(&mut dice).is_err() {
        failed(judged);
        return None;
    }

    // 2. Secrets for new subjects, out of those that the attendant drew and made durable before: a row whose secret were
    //    lost could never be opened again. Only a month's secret may have to be written here, once a month.
    //    Crash: secrets that no row uses. The store's head says which were given out; the others wait for the next start.
    let new_subjects = judged.drafts.iter().filter(|accepted| accepted.secret.is_none()).count();
    let Ok(fresh) = shared.keys.take(new_subjects, random) else {
        failed(judged);
        return None;
    };
    let mut fresh = fresh.into_iter();
    let mut secrets = tail.head.secrets;

    // 3. Complete the records, seal them, build leaves and tree. All in memory.
    //    Crash: as after step 2.
    let count = (judged.documents.len() + judged.drafts.len()) as u64;
    let mut growing = Growing::new(site, tail.head, tail.tree.clone(), time, count);
    let mut after = tail.clone();
    for AcceptedDocument { kind, hash, document, .. } in &judged.documents {
        let leaf = match kind {
            DocumentKind::Notice => Leaf::notice(document),
            DocumentKind::Change => Leaf::change(document),
        };
        let index = growing.add(&leaf, RowBody::Document(*kind, *hash));
        growing.batch().documents.push((*hash, document.clone()));
        *after.newest(*kind) = Some(DocumentRef { kind: *kind, index, hash: *hash, time });
    }
    let mut records = Vec::with_capacity(judged.drafts.len());
    let mut about = Vec::new();
    for (accepted, dice) in judged.drafts.iter().zip(dice.chunks_exact(DICE)) {
        let draft = &accepted.draft;
        let (id, salt, nonce) = throw(time, dice);
        let period = outside::purge_month(draft.retain_until, time);
        let secret = accepted.secret.clone().or_else(|| fresh.next());
        let (Some((slot, secret)), Ok(period_secret)) = (secret, shared.keys.period_or_new(period, random))
        else {
            failed(judged);
            return None;
        };
        secrets = secrets.max(slot + 1);
        let hashes = draft.contacts.iter().map(|one| shared.keys.contact_hash(one.channel, &one.address));
        let contacts: Vec<Hash> = hashes.collect();
        about.extend(contacts.iter().map(ChangePlace::of_contact));
        // Of somebody new nothing was worked out yet.
        about.extend(accepted.previous.map(|_| ChangePlace::of_subject(&draft.subject)));
        let record = complete(shared, accepted, &contacts, (id, time, tail.head));
        let leaf = Leaf::event(origin, record.as_bytes(), &salt);
        let (index, covering) = (growing.next(), growing.covering());
        let place = Place { origin, index, time, covering, subject: draft.subject, period };
        let content = (record.as_str(), &salt, draft.contacts.as_slice());
        let sealed = place.seal(&secret, &period_secret, &nonce, content);
        let request = accepted.request;
        let row = RecordRow { id, subject: draft.subject, secret: slot, period, request, contacts, sealed };
        growing.add(&leaf, RowBody::Record(row));
        records.push((id, index, record, salt));
    }
    let (batch, grown) = growing.finish(secrets);
    (after.head, after.tree) = (batch.head, grown.tree.clone());
    Some(Made { judged, batch, grown, records, about, after, began })
}

impl Made {
    /// How many requests are answered with it.
    pub(crate) fn len(&self) -> usize {
        self.judged.drafts.len() + self.judged.documents.len() + self.judged.later.len()
    }

    /// Whom it is about.
    pub(crate) fn subjects(&self) -> HashSet<SubjectId> {
        self.judged.drafts.iter().map(|accepted| accepted.draft.subject).collect()
    }

    /// Answers everybody that it was not recorded.
    pub(crate) fn refuse(self, error: &AppendError) {
        self.judged.refuse(error);
    }

    /// Records it at the end of the log that it was made for, and answers everybody: the other half of the story. Nothing: the
    /// outcome is unknown and the log stands still.
    pub(crate) fn land(self, shared: &Shared, before: Tail) -> Option<Tail> {
        let Made { judged, batch, grown, records, about, after, began } = self;
        // Until readers see it, nobody answers from what was worked out before.
        let changing = shared.changes.begin(About::Places(about));
        let after = Tail { tree: before.tree.clone(), ..after };
        let returned = judged.drafts.iter().filter(|accepted| accepted.previous.is_some());
        shared.note_returns(returned.map(|accepted| accepted.draft.subject));

        // 4. to 7. The store commit, the read back, the signature, the errand.
        let landed = land(shared, &after, batch).and_then(|(tail, checkpoint)| {
            // 8. Proofs for everybody, out of what is in memory. Answers go out after this.
            //    Crash: all is durable. Callers who ask again with their key get these same receipts.
            let recorded = records.into_iter().map(|(id, index, record, salt)| {
                let path = grown.path(index).map_err(|_| Stopped::Unknown)?;
                Ok(Recorded { id, index, record, salt, path, checkpoint: Arc::clone(&checkpoint) })
            });
            Ok((tail, recorded.collect::<Result<_, Stopped>>()?))
        });
        match landed {
            Ok((tail, recorded)) => {
                shared.stats.committed(tail.head.size - before.head.size, began.elapsed());
                drop(changing);
                answer(judged, before.head.size, recorded);
                Some(tail)
            }
            Err(stopped) => {
                let (error, tail) = stopped.heard(shared, before);
                judged.refuse(&error);
                tail
            }
        }
    }
}

impl Judged {
    fn refuse(self, error: &AppendError) {
        self.drafts.into_iter().for_each(|draft| drop(draft.reply.send(Err(error.clone()))));
        self.documents.into_iter().for_each(|document| drop(document.reply.send(Err(error.clone()))));
        self.later.into_iter().for_each(|(request, _)| request.refuse(error.clone()));
    }
}

/// The time of the next batch.
pub(crate) fn time_after(shared: &Shared, tail: &Tail) -> u64 {
    shared.outside.clock.now().max(tail.head.time + 1)
}

/// Commits a batch that adds leaves, and vouches for it: steps 4 to 7 of the story.
pub(crate) fn land(shared: &Shared, tail: &Tail, batch: Batch) -> Result<(Tail, Arc<str>), Stopped> {
    let head = batch.head;
    // Nothing can be signed for a log that was taken over.
    if !shared.takes_leaves() {
        return Err(Stopped::NothingStored);
    }

    // 4. The store commit: everything together or nothing, durable when it returns, and only if the head is still
    //    the one this was built on. From here on the tree is decided.
    //    Crash before or in it: none of it is there, or all of it and the store is ahead of the checkpoint file;
    //    then the next start does steps 5 to 7 for it (`recover`). Callers who ask again with their key hear the
    //    same either way.
    //    Another writer (`HeadMoved`) should not exist. Nothing was stored, but what there is must be read again.
    commit(shared, batch)?;

    // 5. Hash again what was stored, and 6. sign that.
    //    Crash: the store is ahead of the checkpoint file; `recover` comes here again.
    let (checkpoint, tree) = vouch(shared, tail.tree.clone(), head).map_err(|_| Stopped::Unknown)?;

    // 7. Readers may see it, and the attendant writes the checkpoint's own file, a moment behind the answer.
    //    Crash: as in step 5. The file tells a store that was rolled back; it is never ahead of the store.
    let published = Published { size: head.size, root: head.root, checkpoint: Arc::clone(&checkpoint) };
    shared.publish(published);
    shared.errands.checkpoint(Arc::clone(&checkpoint));
    Ok((Tail { head, tree, ..tail.clone() }, checkpoint))
}

/// The store's commit, with its errors split by what the sequencer does next.
pub(crate) fn commit(shared: &Shared, batch: Batch) -> Result<(), Stopped> {
    let replaced: Vec<u64> = batch.replaced.iter().map(|(index, _)| index / PER_PART).collect();
    match shared.store.commit(batch) {
        Ok(()) => {
            shared.stored();
            replaced.into_iter().for_each(|part| shared.touched.note(part));
        }
        Err(error @ CommitError::Failed(_)) => {
            shared.failed(&error);
            return Err(Stopped::NothingStored);
        }
        Err(error @ (CommitError::HeadMoved { .. } | CommitError::OutcomeUnknown(_))) => {
            shared.failed(&error);
            shared.touched.end();
            return Err(Stopped::Unknown);
        }
    }
    Ok(())
}

/// One record's share of the dice.
fn throw(time: u64, dice: &[u8]) -> (ReceiptId, Salt, [u8; NONCE_LEN]) {
    let (mut id, mut salt, mut nonce) = ([0; 10], Zeroizing::new([0; SALT_LEN]), [0; NONCE_LEN]);
    id.copy_from_slice(&dice[..10]);
    salt.copy_from_slice(&dice[10..10 + SALT_LEN]);
    nonce.copy_from_slice(&dice[10 + SALT_LEN..]);
    (ReceiptId::from_parts(time, &id), Salt::from_bytes(*salt), nonce)
}

/// The draft as a whole record, in its canonical bytes. At most some 40 kB, see [`impossible`].
fn complete(
    shared: &Shared,
    accepted: &Accepted,
    contacts: &[Hash],
    (id, time, head): (ReceiptId, u64, Head),
) -> String {
    let draft = &accepted.draft;
    let named = draft.contacts.iter().zip(contacts);
    let record = Record {
        format: RECORD_FORMAT.into(),
        id: id.to_string(),
        site: shared.config.site.clone(),
        subject: draft.subject,
        time: outside::rfc3339(time),
        acted: draft.acted.clone(),
        notice: draft.notice,
        language: draft.language.clone(),
        act: draft.act,
        surface: draft.surface,
        origin: draft.origin.clone(),
        decisions: draft.decisions.clone(),
        signals: draft.signals,
        age: draft.age,
        contacts: named.map(|(one, hash)| ContactRef { channel: one.channel, hash: *hash }).collect(),
        told: draft.told.clone(),
        previous: accepted.previous.map(|previous| previous.id.to_string()),
        after: After { size: head.size, root: head.root },
    };
    String::from_utf8(record.to_bytes()).expect("JSON is UTF-8")
}

/// Answers everybody in a batch that was recorded.
fn answer(judged: Judged, first: u64, recorded: Vec<Recorded>) {
    let documents: Vec<_> = (first..)
        .zip(&judged.documents)
        .map(|(index, document)| PublishedNotice { hash: document.hash, index, changed: true })
        .collect();
    let drafts: Vec<_> = recorded.iter().map(|recorded| (recorded.index, recorded.id)).collect();
    for (accepted, recorded) in judged.drafts.into_iter().zip(recorded) {
        drop(accepted.reply.send(Ok(Answer::Recorded(Box::new(recorded)))));
    }
    for (accepted, document) in judged.documents.into_iter().zip(&documents) {
        drop(accepted.reply.send(Ok(*document)));
    }
    for (request, later) in judged.later {
        match (request, later) {
            (Request::Append(_, reply), Later::SameDraft(first)) => {
                drop(reply.send(Ok(Answer::Replay(drafts[first].0))));
            }
            (Request::Append(_, reply), Later::Moved(first)) => {
                drop(reply.send(Err(AppendError::SubjectMoved { latest: Some(drafts[first].1) })));
            }
            (Request::Publish(_, _, reply), Later::SameDocument(first)) => {
                drop(reply.send(Ok(PublishedNotice { changed: false, ..documents[first] })));
            }
            (request, _) => request.refuse(AppendError::Unavailable),
        }
    }
}
