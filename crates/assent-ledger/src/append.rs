//! The append path: from waiting drafts to receipts, and what a crash at each step leaves.
//!
//! One thread per log, the sequencer, does everything that writes. It takes whatever waits (no artificial pause) and
//! gives it one store commit, one flush and one signature. [`record`] is the story, top to bottom; [`recover`] is
//! what happens when the story was cut short, at start-up and after an unknown outcome alike.
//!
//! Not here: whether a decision is allowed (the caller), how a receipt is read again later (`ledger.rs`).

use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use assent_core::checkpoint::Checkpoint;
use assent_core::commitment::{Leaf, SALT_LEN, Salt};
use assent_core::hash::{Hash, sha256, sha256_parts};
use assent_core::merkle::{self, CompactTree, RangeError};
use assent_core::record::{After, ContactRef, RECORD_FORMAT, Record};
use assent_core::subject::SubjectId;
use assent_core::tile::TILE_HEIGHT;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::draft::{Draft, PublishedNotice};
use crate::error::{AppendError, OpenError, ReadError};
use crate::id::ReceiptId;
use crate::keys::{self, Secret};
use crate::ledger::{Published, Shared};
use crate::outside;
use crate::seal::{NONCE_LEN, Place};
use crate::store::{Batch, CommitError, Head, NoticeRef, RecordRef, Row, RowBody, SubjectRow, UsedKey};
use crate::tree::StoredTree;

/// Most requests in one commit: bounds memory, and how long the first of them waits for the last.
const MAX_BATCH: usize = 1024;
/// Leaves read at once when what was stored is hashed again.
const CHUNK: u64 = 4096;
/// Random bytes of one record: id, salt, nonce.
const DICE: usize = 10 + SALT_LEN + NONCE_LEN;

/// What callers put into the queue.
#[derive(Debug)]
pub(crate) enum Request {
    /// A decision.
    Append(Box<Draft>, oneshot::Sender<Result<Answer, AppendError>>),
    /// A notice document.
    Notice(Vec<u8>, oneshot::Sender<Result<PublishedNotice, AppendError>>),
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
    head: Head,
    tree: CompactTree,
    notice: Option<NoticeRef>,
}

/// Runs until every sender is gone and the queue is empty.
pub(crate) fn sequence(shared: &Shared, queue: &Receiver<Request>, tail: Tail) {
    let mut tail = Some(tail);
    while let Ok(first) = queue.recv() {
        let mut requests = vec![first];
        while requests.len() < MAX_BATCH
            && let Ok(next) = queue.try_recv()
        {
            requests.push(next);
        }
        // After an unknown outcome the log was stopped. Whoever comes next has it looked at again.
        let at = match tail.take() {
            Some(tail) => Ok(tail),
            None => recover(shared),
        };
        match at {
            Ok(at) => tail = append(shared, at, requests),
            Err(_) => requests.into_iter().for_each(|request| request.refuse(AppendError::Unavailable)),
        }
    }
}

impl Request {
    fn refuse(self, error: AppendError) {
        // A caller that has gone away needs no answer.
        match self {
            Request::Append(_, reply) => drop(reply.send(Err(error))),
            Request::Notice(_, reply) => drop(reply.send(Err(error))),
        }
    }
}

/// A draft that will be recorded, and what the store knows about its subject.
struct Accepted {
    draft: Box<Draft>,
    /// Hashes of its idempotency key and request.
    key: Option<(Hash, Hash)>,
    known: Option<Known>,
    reply: oneshot::Sender<Result<Answer, AppendError>>,
}

/// A subject that decided before.
struct Known {
    row: SubjectRow,
    secret: Secret,
}

/// A notice that will be published.
struct AcceptedNotice {
    hash: Hash,
    document: Vec<u8>,
    reply: oneshot::Sender<Result<PublishedNotice, AppendError>>,
}

/// A batch, sorted out. Leaves are numbered in this order: notices, then drafts.
#[derive(Default)]
struct Judged {
    notices: Vec<AcceptedNotice>,
    drafts: Vec<Accepted>,
    /// Requests that are answered with the outcome of another one in this batch: nobody may hear of a record
    /// before it is durable.
    later: Vec<(Request, Later)>,
}

#[derive(Clone, Copy)]
enum Later {
    SameDraft(usize),
    SameNotice(usize),
    Moved(usize),
}

/// Appends what can be appended and answers everybody. Nothing: the outcome is unknown and the log stands still.
fn append(shared: &Shared, tail: Tail, requests: Vec<Request>) -> Option<Tail> {
    let judged = judge(shared, &tail, requests);
    if judged.drafts.is_empty() && judged.notices.is_empty() {
        return Some(tail);
    }
    let began = Instant::now();
    match record(shared, &tail, &judged) {
        Ok((grown, recorded)) => {
            shared.stats.committed(grown.head.size - tail.head.size, began.elapsed());
            answer(judged, tail.head.size, recorded);
            Some(grown)
        }
        Err(stopped) => {
            shared.stats.commit_failed();
            let (error, tail) = match stopped {
                Stopped::NothingStored => (AppendError::Unavailable, Some(tail)),
                Stopped::Unknown => {
                    shared.stop();
                    (AppendError::OutcomeUnknown, None)
                }
            };
            judged.drafts.into_iter().for_each(|draft| drop(draft.reply.send(Err(error.clone()))));
            judged.notices.into_iter().for_each(|notice| drop(notice.reply.send(Err(error.clone()))));
            judged.later.into_iter().for_each(|(request, _)| request.refuse(error.clone()));
            tail
        }
    }
}

/// Sorts a batch out. Replays, reused keys, moved subjects and impossible drafts are answered without writing.
fn judge(shared: &Shared, tail: &Tail, requests: Vec<Request>) -> Judged {
    let mut judged = Judged::default();
    let mut keys = HashMap::new();
    let mut subjects: HashMap<SubjectId, usize> = HashMap::new();
    for request in requests {
        let (draft, reply) = match request {
            Request::Notice(document, reply) => {
                judge_notice(&mut judged, tail, document, reply);
                continue;
            }
            Request::Append(draft, reply) => (draft, reply),
        };
        let key = draft.idempotency.as_ref().map(|key| (hash_key(&key.key), key.request));
        let (used, known) = match read_before(shared, &draft, key) {
            Ok(read) => read,
            Err(_) => {
                drop(reply.send(Err(AppendError::Unavailable)));
                continue;
            }
        };
        // The key is looked at first: whoever asks again must get the same answer, however the history went on.
        let same_key = key.and_then(|(key, _)| keys.get(&key));
        if let (Some((_, request)), Some(used)) = (key, used) {
            let same = used.request == request;
            let answer = if same { Ok(Answer::Replay(used.index)) } else { Err(AppendError::KeyReused) };
            drop(reply.send(answer));
        } else if let (Some((_, request)), Some((first_request, first))) = (key, same_key) {
            if *first_request == request {
                judged.later.push((Request::Append(draft, reply), Later::SameDraft(*first)));
            } else {
                drop(reply.send(Err(AppendError::KeyReused)));
            }
        } else if let Some(reason) = impossible(&draft) {
            drop(reply.send(Err(AppendError::Invalid { reason })));
        } else if let Some(first) = subjects.get(&draft.subject) {
            judged.later.push((Request::Append(draft, reply), Later::Moved(*first)));
        } else if draft.expect_previous != known.as_ref().map(|known| known.row.latest.id) {
            let latest = known.map(|known| known.row.latest.id);
            drop(reply.send(Err(AppendError::SubjectMoved { latest })));
        } else {
            let position = judged.drafts.len();
            if let Some((key, request)) = key {
                keys.insert(key, (request, position));
            }
            subjects.insert(draft.subject, position);
            judged.drafts.push(Accepted { draft, key, known, reply });
        }
    }
    judged
}

fn judge_notice(
    judged: &mut Judged,
    tail: &Tail,
    document: Vec<u8>,
    reply: oneshot::Sender<Result<PublishedNotice, AppendError>>,
) {
    let hash = sha256(&document);
    match (judged.notices.last(), tail.notice) {
        (Some(last), _) if last.hash == hash => {
            let same = Later::SameNotice(judged.notices.len() - 1);
            judged.later.push((Request::Notice(document, reply), same));
        }
        (None, Some(current)) if current.hash == hash => {
            let current = PublishedNotice { hash, index: current.index, changed: false };
            drop(reply.send(Ok(current)));
        }
        _ => judged.notices.push(AcceptedNotice { hash, document, reply }),
    }
}

/// What is known about a draft's key and subject.
fn read_before(
    shared: &Shared,
    draft: &Draft,
    key: Option<(Hash, Hash)>,
) -> Result<(Option<UsedKey>, Option<Known>), ReadError> {
    let site = &shared.config.site;
    let used = match key {
        Some((key, _)) => shared.store.used_key(site, &key)?,
        None => None,
    };
    let known = match shared.store.subject(site, &draft.subject)? {
        Some(row) => Some(Known { row, secret: shared.subject_secret(&row)? }),
        None => None,
    };
    Ok((used, known))
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
fn hash_key(key: &str) -> Hash {
    sha256_parts(&[b"assent/idempotency/v1\0", key.as_bytes()])
}

/// Why a batch was not recorded.
enum Stopped {
    /// Nothing is in the store, and nothing will be.
    NothingStored,
    /// It may be in the store, or is there but could not be vouched for.
    Unknown,
}

/// Records a batch: the whole story. A crash (or an error) at any step leaves what its comment says.
fn record(shared: &Shared, tail: &Tail, judged: &Judged) -> Result<(Tail, Vec<Recorded>), Stopped> {
    let (site, origin) = (&shared.config.site, shared.config.origin.as_str());
    let random = &*shared.outside.random;

    // 1. The time, later than the batch before even when the clock went back, so that a subject's receipt ids
    //    (UUID v7) grow with its records; and the dice: ids, salts, nonces, new subjects' secrets.
    //    Crash: nothing was written. Callers ask again.
    let time = shared.outside.clock.now().max(tail.head.time + 1);
    let mut dice = Zeroizing::new(vec![0; DICE * judged.drafts.len()]);
    random.fill(&mut dice).map_err(|_| Stopped::NothingStored)?;
    let new_subjects = judged.drafts.iter().filter(|accepted| accepted.known.is_none()).count();
    let secrets = keys::draw_many(random, new_subjects).map_err(|_| Stopped::NothingStored)?;

    // 2. Secrets become durable before anything sealed with them: a row whose secret were lost could never be
    //    opened again. One fdatasync for all new subjects, none if there are none; one small file a month.
    //    Crash: secrets that no row uses. Their slots are skipped for ever; the month's secret is used later.
    let period = outside::month(time);
    let period_secret = shared.keys.period_or_new(period, random).map_err(|_| Stopped::NothingStored)?;
    let first_slot = if secrets.is_empty() {
        0
    } else {
        shared.keys.add_subjects(&secrets, random).map_err(|_| Stopped::NothingStored)?
    };
    let mut fresh = secrets.into_iter().zip(first_slot..);

    // 3. Complete the records, seal them, build leaves and tree. All in memory.
    //    Crash: as after step 2.
    let size = tail.head.size + (judged.notices.len() + judged.drafts.len()) as u64;
    let mut tree = Growing::new(tail.tree.clone());
    let mut batch = Batch::new(site.clone(), tail.head);
    let mut notice = tail.notice;
    for accepted in &judged.notices {
        let index = tree.append(Leaf::notice(&accepted.document).hash());
        let published = NoticeRef { index, hash: accepted.hash, time };
        let row = Row { time, covering: size, body: RowBody::Notice(accepted.hash) };
        batch.entries.push((Leaf::notice(&accepted.document).to_bytes(), row));
        batch.notices.push((published, accepted.document.clone()));
        notice = Some(published);
    }
    let mut recorded = Vec::with_capacity(judged.drafts.len());
    for (accepted, dice) in judged.drafts.iter().zip(dice.chunks_exact(DICE)) {
        let (id, salt, nonce) = throw(time, dice);
        let subject = accepted.draft.subject;
        let (secret, slot) = match &accepted.known {
            Some(known) => (known.secret.clone(), known.row.secret),
            None => fresh.next().ok_or(Stopped::NothingStored)?,
        };
        let record = complete(shared, accepted, id, time, tail.head);
        let leaf = Leaf::event(origin, record.as_bytes(), &salt);
        let index = tree.append(leaf.hash());
        let place = Place { origin, index, time, covering: size, subject, period };
        let content = (record.as_str(), &salt, accepted.draft.contacts.as_slice());
        let bytes = place.seal(&secret, &period_secret, &nonce, content);
        let body = RowBody::Sealed { subject, period, bytes };
        batch.entries.push((leaf.to_bytes(), Row { time, covering: size, body }));
        let latest = RecordRef { index, id };
        batch.records.push((subject, SubjectRow { secret: slot, latest }));
        for contact in &accepted.draft.contacts {
            batch.contacts.push((shared.keys.contact_hash(contact.channel, &contact.address), index));
        }
        if let Some((key, request)) = accepted.key {
            batch.keys.push((key, UsedKey { request, index }));
        }
        recorded.push((id, index, record, salt));
    }
    batch.hashes = std::mem::take(&mut tree.tile_hashes);
    batch.head = Head { size, root: tree.tree.root(), time };
    let head = batch.head;

    // 4. The store commit: everything together or nothing, durable when it returns, and only if the head is still
    //    the one this was built on. From here on the tree is decided.
    //    Crash before or in it: none of it is there, or all of it and the store is ahead of the checkpoint file;
    //    then the next start does steps 5 to 7 for it (`recover`). Callers who ask again with their key hear the
    //    same either way.
    //    Another writer (`HeadMoved`) should not exist. Nothing was stored, but what there is must be read again.
    shared.store.commit(batch).map_err(|error| match error {
        CommitError::Failed(_) => Stopped::NothingStored,
        CommitError::HeadMoved { .. } | CommitError::OutcomeUnknown(_) => Stopped::Unknown,
    })?;

    // 5. to 7. Read back, sign, write the checkpoint.
    let checkpoint = vouch(shared, tail.tree.clone(), head).map_err(|_| Stopped::Unknown)?;

    // 8. Proofs for everybody, out of what is in memory. Answers go out after this.
    //    Crash: all is durable and vouched for. Callers who ask again with their key get these same receipts.
    let recorded = recorded.into_iter().map(|(id, index, record, salt)| {
        let path = tree.path(index).map_err(|_| Stopped::Unknown)?;
        Ok(Recorded { id, index, record, salt, path, checkpoint: Arc::clone(&checkpoint) })
    });
    let recorded = recorded.collect::<Result<_, Stopped>>()?;
    Ok((Tail { head, tree: tree.tree, notice }, recorded))
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
fn complete(shared: &Shared, accepted: &Accepted, id: ReceiptId, time: u64, head: Head) -> String {
    let draft = &accepted.draft;
    let contacts = draft.contacts.iter().map(|contact| ContactRef {
        channel: contact.channel,
        hash: shared.keys.contact_hash(contact.channel, &contact.address),
    });
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
        contacts: contacts.collect(),
        previous: accepted.known.as_ref().map(|known| known.row.latest.id.to_string()),
        after: After { size: head.size, root: head.root },
    };
    String::from_utf8(record.to_bytes()).expect("JSON is UTF-8")
}

/// A tree that grows by a batch and remembers every subtree root a proof of a new leaf can need: those complete
/// before it began, and those the batch completed.
struct Growing {
    tree: CompactTree,
    known: HashMap<(u8, u64), Hash>,
    tile_hashes: Vec<(u8, u64, Hash)>,
}

impl Growing {
    fn new(tree: CompactTree) -> Self {
        let (mut known, mut start) = (HashMap::new(), 0);
        for root in tree.frontier() {
            let level = (tree.size() - start).ilog2();
            known.insert((level as u8, start >> level), *root);
            start += 1 << level;
        }
        Growing { tree, known, tile_hashes: Vec::new() }
    }

    /// Adds a leaf; answers its index.
    fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.tree.size();
        self.tree.append_with(leaf, &mut |level, index, root| {
            self.known.insert((level, index), root);
            if level > 0 && level % TILE_HEIGHT == 0 {
                self.tile_hashes.push((level / TILE_HEIGHT, index, root));
            }
        });
        index
    }

    /// The inclusion path of a leaf of this batch in the whole tree.
    fn path(&self, index: u64) -> Result<Vec<Hash>, RangeError> {
        let size = self.tree.size();
        merkle::inclusion_proof(index, size, &mut |level, index| {
            let known = self.known.get(&(level, index)).copied();
            known.ok_or(RangeError::IndexOutOfRange { index: index << level, size })
        })
    }
}

/// Answers everybody in a batch that was recorded.
fn answer(judged: Judged, first_notice: u64, recorded: Vec<Recorded>) {
    let notices: Vec<_> = (first_notice..)
        .zip(&judged.notices)
        .map(|(index, notice)| PublishedNotice { hash: notice.hash, index, changed: true })
        .collect();
    let drafts: Vec<_> = recorded.iter().map(|recorded| (recorded.index, recorded.id)).collect();
    for (accepted, recorded) in judged.drafts.into_iter().zip(recorded) {
        drop(accepted.reply.send(Ok(Answer::Recorded(Box::new(recorded)))));
    }
    for (accepted, notice) in judged.notices.into_iter().zip(&notices) {
        drop(accepted.reply.send(Ok(*notice)));
    }
    for (request, later) in judged.later {
        match (request, later) {
            (Request::Append(_, reply), Later::SameDraft(first)) => {
                drop(reply.send(Ok(Answer::Replay(drafts[first].0))));
            }
            (Request::Append(_, reply), Later::Moved(first)) => {
                drop(reply.send(Err(AppendError::SubjectMoved { latest: Some(drafts[first].1) })));
            }
            (Request::Notice(_, reply), Later::SameNotice(first)) => {
                drop(reply.send(Ok(PublishedNotice { changed: false, ..notices[first] })));
            }
            (request, _) => request.refuse(AppendError::Unavailable),
        }
    }
}

/// Vouches for what the store holds up to `head`, given the tree that was vouched for before: steps 5 to 7 of
/// [`record`], used by [`recover`] too.
fn vouch(shared: &Shared, mut tree: CompactTree, head: Head) -> Result<Arc<str>, OpenError> {
    let site = &shared.config.site;
    let from = tree.size();

    // 5. Hash again what was stored, not what is in memory: a bit that flipped on the way must not be signed.
    //    Crash: the store is ahead of the checkpoint file; `recover` comes here again.
    let damaged = || OpenError::StoreDamaged { site: site.to_string(), from, to: head.size };
    while tree.size() < head.size {
        let range = tree.size()..head.size.min(tree.size() + CHUNK);
        let leaves = shared.store.leaves(site, range.clone())?;
        if leaves.len() as u64 != range.end - range.start {
            return Err(damaged());
        }
        leaves.iter().for_each(|leaf| tree.append(merkle::leaf_hash(leaf)));
    }
    if tree.root() != head.root || shared.store.head(site)? != Some(head) {
        return Err(damaged());
    }

    // 6. Sign. Deterministic (Ed25519): signing the same head again gives the same bytes.
    //    Crash: as in step 5.
    let checkpoint: Arc<str> = shared.sign(head.size, head.root).into();

    // 7. The checkpoint's own file, synced; then readers may see it.
    //    Crash in the write: the file's other slot still holds the checkpoint before, so the store is ahead again.
    let mut file = shared.checkpoint_file.lock().unwrap_or_else(PoisonError::into_inner);
    file.write(&checkpoint)
        .map_err(|source| OpenError::CheckpointFile { path: shared.config.checkpoint.clone(), source })?;
    shared.publish(Published { size: head.size, root: head.root, checkpoint: Arc::clone(&checkpoint) });
    Ok(checkpoint)
}

/// Compares the store with the checkpoint file, and vouches for what a crash left between them.
pub(crate) fn recover(shared: &Shared) -> Result<Tail, OpenError> {
    let site = shared.config.site.to_string();
    let head = shared.store.head(&shared.config.site)?.ok_or(OpenError::NoLog { site: site.clone() })?;
    let newest = {
        let path = &shared.config.checkpoint;
        let opened = crate::checkpoint_file::CheckpointFile::open(path);
        let (file, newest) =
            opened.map_err(|source| OpenError::CheckpointFile { path: path.clone(), source })?;
        *shared.checkpoint_file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        newest
    };
    // An empty log without a checkpoint is one whose creation was cut short.
    let (signed_size, signed_root) = match newest {
        Some(text) => {
            let signed = Checkpoint::verify(&text, &shared.vkey)
                .map_err(|source| OpenError::CheckpointForeign { site: site.clone(), source })?;
            (signed.checkpoint().size, signed.checkpoint().root)
        }
        None if head.size == 0 => (0, merkle::EMPTY_ROOT),
        None => {
            let path = shared.config.checkpoint.clone();
            return Err(OpenError::CheckpointMissing { site, store: head.size, path });
        }
    };
    if head.size < signed_size {
        return Err(OpenError::StoreBehind { site, store: head.size, signed: signed_size });
    }
    let signed_tree = StoredTree::new(&*shared.store, &shared.config.site).frontier(signed_size);
    let signed_tree = signed_tree.ok().filter(|tree| tree.root() == signed_root);
    let signed_tree = signed_tree.ok_or(OpenError::StoreDiffers { site, signed: signed_size })?;
    vouch(shared, signed_tree, head)?;
    let mut tree = StoredTree::new(&*shared.store, &shared.config.site);
    let tree = tree.frontier(head.size).map_err(|_| OpenError::StoreDamaged {
        site: shared.config.site.to_string(),
        from: signed_size,
        to: head.size,
    })?;
    let notice = shared.store.notices(&shared.config.site)?.last().copied();
    Ok(Tail { head, tree, notice })
}
