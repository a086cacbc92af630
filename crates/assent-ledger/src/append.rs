//! The append path: from waiting drafts to receipts, and what a crash at each step leaves.
//!
//! Whatever waits becomes one batch: one store commit, one flush and one signature. The story is eight steps, top to bottom: [`make`] with
//! [`compose`], then [`Made::land`] with [`commit_and_vouch`]. Who calls them, and when, is `sequence.rs`; what start-up does when the story was
//! cut short is `recover.rs`; what follows an answer, `attendant.rs`; erasing and its kin, one at a time between batches, `erase.rs`.
//!
//! Not here: whether a decision is allowed (the caller), what can be recorded at all (`judge.rs`), how a receipt is read again
//! later (`ledger/read.rs`).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use assent_core::commitment::{Leaf, SALT_LEN, Salt};
use assent_core::hash::Hash;
use assent_core::merkle::CompactTree;
use assent_core::record::{After, ContactRef, RECORD_FORMAT, Record};
use assent_core::subject::SubjectId;
use zeroize::Zeroizing;

use crate::backup::PER_PART;
use crate::changes::{About, ChangePlace};
use crate::cipher::NONCE_LEN;
use crate::draft::{Published, PublishedNotice};
use crate::error::AppendError;
use crate::growing::{Growing, Grown};
use crate::id::ReceiptId;
use crate::judge::{Accepted, AcceptedDocument, Judged, Later, judge};
use crate::keys::KeyStoreError;
use crate::outside;
use crate::recover::vouch;
use crate::request::{Answer, Request};
use crate::seal::Place;
use crate::shared::Shared;
use crate::store::{Batch, CommitError, DocumentKind, DocumentRef, Head, RecordRow, RowBody};

/// Random bytes of one record: id, salt, nonce.
const DICE: usize = 10 + SALT_LEN + NONCE_LEN;

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
    pub(crate) fn newest(&mut self, kind: DocumentKind) -> &mut Option<DocumentRef> {
        match kind {
            DocumentKind::Notice => &mut self.notice,
            DocumentKind::Change => &mut self.change,
        }
    }
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

/// A batch that was made, and who waits for it.
pub(crate) struct Made {
    judged: Judged,
    composed: Composed,
    began: Instant,
}

/// What a batch consists of.
struct Composed {
    batch: Batch,
    grown: Grown,
    records: Vec<(ReceiptId, u64, String, Salt)>,
    about: Vec<ChangePlace>,
    /// Where the log ends when it has landed.
    after: Tail,
}

/// Makes a batch of what can be recorded, and answers everybody else: the first half of the story. Nothing: there is nothing to
/// record, or it could not be made; nothing was stored.
pub(crate) fn make(shared: &Shared, tail: &Tail, requests: Vec<Request>) -> Option<Made> {
    let judged = judge(shared, tail, requests);
    if judged.drafts.is_empty() && judged.documents.is_empty() {
        return None;
    }
    let began = Instant::now();
    match compose(shared, tail, &judged) {
        Ok(composed) => Some(Made { judged, composed, began }),
        Err(error) => {
            shared.stats.commit_failed();
            shared.not_stored(&error);
            judged.refuse(&AppendError::Unavailable);
            None
        }
    }
}

/// Steps 1 to 3 of the story. A crash at any step leaves what its comment says; so does an error.
fn compose(shared: &Shared, tail: &Tail, judged: &Judged) -> Result<Composed, KeyStoreError> {
    let (site, origin) = (&shared.config.site, shared.config.origin.as_str());
    let random = &*shared.outside.random;

    // 1. The time, later than the batch before even when the clock went back, so that a subject's receipt ids
    //    (UUID v7) grow with its records; and the dice: ids, salts, nonces.
    //    Crash: nothing was written. Callers ask again.
    let time = time_after(shared, tail);
    let mut dice = Zeroizing::new(vec![0; DICE * judged.drafts.len()]);
    random.fill(&mut dice)?;

    // 2. Secrets, each durable before a row is sealed under it, which could never be opened again without. A month's is drawn and
    //    written here, the first time that a record goes with it. Subjects' were drawn and written ahead by the attendant; only if more
    //    people are new at once than it drew for are some written here.
    //    Crash: secrets that no row uses. A month's waits for its first row. Of the subjects' the store's head says which were
    //    given out; the next start gives out the others. (After an error those that were taken are passed over for good.)
    let mut months = BTreeMap::new();
    for accepted in &judged.drafts {
        let month = outside::purge_month(accepted.draft.retain_until, time);
        if let Entry::Vacant(vacant) = months.entry(month) {
            vacant.insert(shared.keys.period_or_new(month, random)?);
        }
    }
    let new_subjects = judged.drafts.iter().filter(|accepted| accepted.secret.is_none()).count();
    let mut fresh = shared.keys.take(new_subjects, random)?.into_iter();
    let mut secrets = tail.head.secrets;

    // 3. Complete the records, seal them, build leaves and tree. All in memory, and nothing can fail.
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
        let (slot, secret) = secret.expect("as many were taken as subjects are new");
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
        let sealed = place.seal(&secret, &months[&period], &nonce, content);
        let request = accepted.request;
        let row = RecordRow { id, subject: draft.subject, secret: slot, period, request, contacts, sealed };
        growing.add(&leaf, RowBody::Record(row));
        records.push((id, index, record, salt));
    }
    let (batch, grown) = growing.finish(secrets);
    (after.head, after.tree) = (batch.head, grown.tree.clone());
    Ok(Composed { batch, grown, records, about, after })
}

/// Steps 4 to 7 of the story, of whatever adds leaves: puts a batch at the end of the log that it was made for. Answers where the log
/// ends then, and the checkpoint that says so.
pub(crate) fn commit_and_vouch(
    shared: &Shared,
    before: &Tail,
    batch: Batch,
) -> Result<(Tail, Arc<str>), Stopped> {
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
    let (checkpoint, tree) = vouch(shared, before.tree.clone(), head).map_err(|error| {
        shared.log_failure("what was stored could not be vouched for", &error);
        Stopped::Unknown
    })?;

    // 7. Readers may see it, and the attendant writes the checkpoint's own file, a moment behind the answer.
    //    Crash: as in step 5. The file tells a store that was rolled back; it is never ahead of the store.
    let published = Published { size: head.size, root: head.root, checkpoint: Arc::clone(&checkpoint) };
    shared.publish(published);
    shared.errands.checkpoint(Arc::clone(&checkpoint));
    Ok((Tail { head, tree, ..before.clone() }, checkpoint))
}

impl Made {
    /// How many requests are answered with it.
    pub(crate) fn len(&self) -> usize {
        self.judged.drafts.len() + self.judged.documents.len() + self.judged.later.len()
    }

    /// Where the log ends when it has landed.
    pub(crate) fn after(&self) -> &Tail {
        &self.composed.after
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
        let Made { judged, composed: Composed { batch, grown, records, about, after }, began } = self;
        // Until readers see it, nobody answers from what was worked out before.
        let changing = shared.changes.begin(About::Places(about));
        shared.note_returns(|| judged.drafts.iter().flat_map(|accepted| accepted.returns(shared)).collect());

        // 4. to 7. The store commit, the read back, the signature, the errand.
        let landed = commit_and_vouch(shared, &before, batch).and_then(|(tail, checkpoint)| {
            // 8. Proofs for everybody, out of what is in memory. Answers go out after this.
            //    Crash: all is durable. Callers who ask again with their key get these same receipts.
            let recorded = records.into_iter().map(|(id, index, record, salt)| {
                let path = grown.path(index).map_err(|_| Stopped::Unknown)?;
                Ok(Recorded { id, index, record, salt, path, checkpoint: Arc::clone(&checkpoint) })
            });
            let tail = Tail { notice: after.notice, change: after.change, ..tail };
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

/// The time of the next batch.
pub(crate) fn time_after(shared: &Shared, tail: &Tail) -> u64 {
    shared.outside.clock.now().max(tail.head.time + 1)
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
            shared.not_stored(&error);
            return Err(Stopped::NothingStored);
        }
        Err(error @ (CommitError::HeadMoved { .. } | CommitError::OutcomeUnknown(_))) => {
            shared.log_failure("whether it was stored is not known", &error);
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

/// The draft as a whole record, in its canonical bytes. At most some 40 kB, see `judge.rs`.
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
