//! The witness protocol: what a log asks of a witness, what the witness must answer, and how the log reads it.
//!
//! Source: c2sp.org/tlog-witness v1.1.0 (July 2026: a same size with another root is an inconsistency like a wrong
//! proof, and every conflict carries a size). The judgement is pure: given what the witness last cosigned and the
//! request, cosign or refuse, and why. Keeping that memory, the clock and HTTP are the caller's business; which
//! witnesses are enough is [`crate::policy`]'s.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointVerifyError, MAX_SIZE, SignedCheckpoint};
use crate::hash::{Hash, parse_decimal};
use crate::merkle::{ConsistencyError, EMPTY_ROOT, verify_consistency};
use crate::note::{KeyId, KeyKind, Note, NoteError, NoteSignature, NoteVerifyError, VerifierKey};

/// Most hashes a request may carry; no tree needs more.
pub const MAX_PROOF: usize = 63;
/// Longest request that is read, in bytes: 63 hashes and a checkpoint with a few dozen signature lines, post-quantum
/// ones among them.
pub const MAX_REQUEST_LEN: usize = 128 * 1024;
/// Longest answer of a witness that is read, in bytes.
pub const MAX_ANSWER_LEN: usize = 64 * 1024;

/// What a log sends to be cosigned: the body of `add-checkpoint`. Parsing checks the form only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    checkpoint: Note,
}

/// Why some bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Longer than [`MAX_REQUEST_LEN`].
    #[error("the request has {actual} bytes; at most {MAX_REQUEST_LEN} are read")]
    TooLong {
        /// Its length in bytes.
        actual: usize,
    },
    /// Not UTF-8.
    #[error("the request is not valid UTF-8")]
    NotUtf8,
    /// The first line is not `old <size>`, or the size is above [`MAX_SIZE`].
    #[error(
        "the request does not begin with \"old\" and a decimal size without leading zeros up to 2^63 - 1"
    )]
    BadOld,
    /// A line of the proof is not 32 bytes of base64.
    #[error("hash {number} of the proof is not 32 bytes of base64")]
    BadHash {
        /// Which line of the proof, from 1.
        number: usize,
    },
    /// More hashes than [`MAX_PROOF`].
    #[error("the proof has more than {MAX_PROOF} hashes")]
    ProofTooLong,
    /// The text ends before the blank line that the checkpoint follows.
    #[error("no blank line separates the proof from the checkpoint")]
    NoCheckpoint,
    /// What follows the blank line is not a signed note.
    #[error("the checkpoint is not a signed note")]
    Checkpoint(#[source] NoteError),
}

/// What a witness last cosigned of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Entries in the tree.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

impl Seen {
    /// Of a log it never cosigned: the empty tree, with which every tree is consistent.
    pub const NOTHING: Self = Seen { size: 0, root: EMPTY_ROOT };
}

impl From<&Checkpoint> for Seen {
    fn from(checkpoint: &Checkpoint) -> Self {
        Seen { size: checkpoint.size, root: checkpoint.root }
    }
}

/// Why a witness does not cosign. Each variant is one answer of the protocol; the list is closed, so that whoever
/// turns them into statuses cannot forget one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// "Not found": no trusted key belongs to this log.
    #[error("this witness does not watch that log")]
    UnknownLog,
    /// "Forbidden": no trusted key signed it, or a trusted key's line does not fit.
    #[error("the checkpoint is not signed by a trusted key of the log")]
    NotSigned(#[source] NoteVerifyError),
    /// "Bad request": signed, but not a checkpoint.
    #[error("the signed text is not a checkpoint")]
    Malformed(#[source] CheckpointError),
    /// "Bad request": the old size is above the checkpoint's.
    #[error("the old size {old} is above the checkpoint's size {new}")]
    OldAboveNew {
        /// Old size in the request.
        old: u64,
        /// Size of the checkpoint.
        new: u64,
    },
    /// "Conflict": the witness last cosigned another size, which it tells.
    #[error("the witness last cosigned size {seen}, not {old}")]
    Conflict {
        /// Old size in the request.
        old: u64,
        /// Size the witness last cosigned; 0 when it never did.
        seen: u64,
    },
    /// "Unprocessable": size 0 with a root other than the empty tree's.
    #[error("a checkpoint of size 0 must carry the root of the empty tree")]
    EmptyTreeRoot,
    /// "Unprocessable": the proof does not hold, stands where none may stand, or the size is the same and the root
    /// another.
    #[error("the checkpoint is not shown to continue what the witness cosigned")]
    Inconsistent(#[source] ConsistencyError),
}

impl AddCheckpoint {
    /// A request to follow a tree of `old` entries by `checkpoint`, with the consistency proof between them.
    ///
    /// # Errors
    /// [`RequestError::BadOld`] above [`MAX_SIZE`], or [`RequestError::ProofTooLong`].
    pub fn new(old: u64, proof: Vec<Hash>, checkpoint: Note) -> Result<Self, RequestError> {
        if old > MAX_SIZE {
            Err(RequestError::BadOld)
        } else if proof.len() > MAX_PROOF {
            Err(RequestError::ProofTooLong)
        } else {
            Ok(AddCheckpoint { old, proof, checkpoint })
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`RequestError`], one variant per way the text can be wrong.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        if text.len() > MAX_REQUEST_LEN {
            return Err(RequestError::TooLong { actual: text.len() });
        }
        let (first, mut rest) = text.split_once('\n').ok_or(RequestError::BadOld)?;
        let old = first.strip_prefix("old ").and_then(parse_decimal).ok_or(RequestError::BadOld)?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or(RequestError::NoCheckpoint)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PROOF {
                return Err(RequestError::ProofTooLong);
            }
            let number = proof.len() + 1;
            proof.push(Hash::from_base64(line).map_err(|_| RequestError::BadHash { number })?);
        }
        let checkpoint = Note::parse(rest).map_err(RequestError::Checkpoint)?;
        Self::new(old, proof, checkpoint)
    }

    /// Reads the body of a request from bytes.
    ///
    /// # Errors
    /// [`RequestError::NotUtf8`], or as [`parse`](Self::parse).
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_REQUEST_LEN {
            return Err(RequestError::TooLong { actual: bytes.len() });
        }
        Self::parse(core::str::from_utf8(bytes).map_err(|_| RequestError::NotUtf8)?)
    }

    /// Size the log believes the witness last cosigned.
    pub const fn old(&self) -> u64 {
        self.old
    }

    /// Consistency proof from that size to the checkpoint's.
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The log's name: the first line of the checkpoint. Nothing is verified yet.
    pub fn origin(&self) -> &str {
        self.checkpoint.text().split('\n').next().unwrap_or_default()
    }

    /// The first half of the judgement, which needs no memory: is the log known, and did it sign? `trusted` are the
    /// keys of every log that is watched; a key belongs to the log of its name.
    ///
    /// # Errors
    /// [`Refusal::UnknownLog`], [`Refusal::NotSigned`], [`Refusal::Malformed`] or [`Refusal::EmptyTreeRoot`], in the
    /// protocol's order.
    pub fn authenticate(&self, trusted: &[VerifierKey]) -> Result<Submission, Refusal> {
        let origin = self.origin();
        let known: Vec<VerifierKey> = trusted
            .iter()
            .filter(|key| key.kind() == KeyKind::Ed25519 && key.name() == origin)
            .cloned()
            .collect();
        if known.is_empty() {
            return Err(Refusal::UnknownLog);
        }
        let good = self.checkpoint.verify(&known).map_err(Refusal::NotSigned)?;
        let signed_by = |key: &&VerifierKey| good.iter().any(|line| line.id == key.id());
        let Some(key) = known.iter().find(signed_by) else {
            return Err(Refusal::NotSigned(NoteVerifyError::NoKnownKey));
        };
        let note =
            self.only_lines_of(&known).map_err(|_| Refusal::Malformed(CheckpointError::MissingLine))?;
        let signed = Checkpoint::verify(&note.to_string(), key).map_err(|error| match error {
            CheckpointVerifyError::Checkpoint(CheckpointError::EmptyTreeRoot) => Refusal::EmptyTreeRoot,
            CheckpointVerifyError::Checkpoint(error) => Refusal::Malformed(error),
            // The name is the first line and the key is a log's, so only a signature is left to fail.
            _ => Refusal::NotSigned(NoteVerifyError::NoKnownKey),
        })?;
        Ok(Submission { old: self.old, proof: self.proof.clone(), signed })
    }

    /// Both halves of the judgement: may this be cosigned by a witness that last cosigned `seen`?
    ///
    /// # Errors
    /// [`Refusal`], the first that applies in the protocol's order.
    pub fn judge(&self, trusted: &[VerifierKey], seen: &Seen) -> Result<SignedCheckpoint, Refusal> {
        self.authenticate(trusted)?.judge(seen)
    }

    /// The checkpoint with each line by a known key once and nothing else, so that what a stranger adds to a request
    /// is neither kept nor shown.
    fn only_lines_of(&self, known: &[VerifierKey]) -> Result<Note, NoteError> {
        let mut note = Note::new(self.checkpoint.text().to_string())?;
        for line in self.checkpoint.signatures() {
            let ours = known.iter().any(|key| key.id() == line.id() && key.name() == line.name());
            if ours && !note.signatures().contains(line) {
                note.push(line.clone());
            }
        }
        Ok(note)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// A request whose checkpoint a trusted key signed. Only [`AddCheckpoint::authenticate`] makes one.
#[derive(Clone, Debug)]
pub struct Submission {
    old: u64,
    proof: Vec<Hash>,
    signed: SignedCheckpoint,
}

impl Submission {
    /// The checkpoint, with the lines of trusted keys only.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// Whether this checkpoint and what the witness cosigned together prove that the log has two histories: one size,
    /// two roots, both signed. Worth keeping as evidence, whatever the answer is. (A wrong proof alone proves nothing:
    /// anyone can send one.)
    pub fn contradicts(&self, seen: &Seen) -> bool {
        let head = self.signed.checkpoint();
        head.size == seen.size && head.root != seen.root
    }

    /// The second half of the judgement: does it continue what the witness last cosigned of this log? Asking and
    /// remembering the answer must be one step for the caller: two requests judged against the same `seen` could
    /// otherwise both be cosigned.
    ///
    /// # Errors
    /// [`Refusal::OldAboveNew`], [`Refusal::Conflict`] or [`Refusal::Inconsistent`].
    pub fn judge(self, seen: &Seen) -> Result<SignedCheckpoint, Refusal> {
        let head = self.signed.checkpoint();
        let (old, new) = (self.old, head.size);
        if old > new {
            return Err(Refusal::OldAboveNew { old, new });
        }
        if old != seen.size {
            return Err(Refusal::Conflict { old, seen: seen.size });
        }
        verify_consistency(old, &seen.root, new, &head.root, &self.proof).map_err(Refusal::Inconsistent)?;
        Ok(self.signed)
    }
}

/// A cosignature that was verified over the checkpoint it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    line: NoteSignature,
    time: u64,
}

impl Cosignature {
    /// The signature line, to be added to the note.
    pub const fn line(&self) -> &NoteSignature {
        &self.line
    }

    /// When the witness says it made it: seconds since 1970 UTC.
    pub const fn time(&self) -> u64 {
        self.time
    }
}

/// Why an answer of a witness is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Longer than [`MAX_ANSWER_LEN`].
    #[error("the answer has more than {MAX_ANSWER_LEN} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the answer is not valid UTF-8")]
    NotUtf8,
    /// Not one or more signature lines, each ending in a line feed.
    #[error("line {line} of the answer is not a signature line")]
    BadLine {
        /// Which line, from 1.
        line: usize,
    },
    /// Not a decimal size and a line feed.
    #[error("the answer is not a decimal size without leading zeros up to 2^63 - 1, on a line")]
    BadSize,
    /// A line says it is by a known key, but does not fit the checkpoint.
    #[error("the cosignature of {name} ({id}) does not fit the checkpoint")]
    WrongSignature {
        /// Name on the line.
        name: String,
        /// ID on the line.
        id: KeyId,
    },
    /// Every line is by a stranger.
    #[error("no line of the answer is by a known key")]
    NoKnownKey,
}

/// Reads the answer to a request that was granted: the cosignatures on `checkpoint` by `known` keys, one for each
/// key that made one, in their order. Lines by other keys are dropped.
///
/// # Errors
/// [`AnswerError`]; one wrong line by a known key spoils the whole answer, as it would spoil the note.
pub fn read_cosignatures(
    answer: &[u8],
    checkpoint: &Note,
    known: &[VerifierKey],
) -> Result<Vec<Cosignature>, AnswerError> {
    let text = read_text(answer)?;
    let lines =
        text.strip_suffix('\n').ok_or(AnswerError::BadLine { line: text.matches('\n').count() + 1 })?;
    let mut kept: Vec<Cosignature> = Vec::new();
    for (position, line) in lines.split('\n').enumerate() {
        let line = NoteSignature::parse(line).map_err(|_| AnswerError::BadLine { line: position + 1 })?;
        let mut alone = Note::new(checkpoint.text().to_string()).map_err(|_| AnswerError::NoKnownKey)?;
        alone.push(line.clone());
        match alone.verify(known) {
            Ok(verified) => {
                let time = verified.first().and_then(|signature| signature.time);
                let repeated = kept.iter().any(|other| same_key(&other.line, &line));
                // A plain signature by a known key is no cosignature, and states no time.
                if let (Some(time), false) = (time, repeated) {
                    kept.push(Cosignature { line, time });
                }
            }
            Err(NoteVerifyError::WrongSignature { name, id }) => {
                return Err(AnswerError::WrongSignature { name, id });
            }
            Err(NoteVerifyError::NoKnownKey) => {}
        }
    }
    if kept.is_empty() { Err(AnswerError::NoKnownKey) } else { Ok(kept) }
}

/// Reads the size in the answer to a request that met another one: decimal, then a line feed.
///
/// # Errors
/// [`AnswerError::TooLong`], [`AnswerError::NotUtf8`] or [`AnswerError::BadSize`].
pub fn read_size(answer: &[u8]) -> Result<u64, AnswerError> {
    let size = read_text(answer)?.strip_suffix('\n').and_then(parse_decimal);
    size.filter(|size| *size <= MAX_SIZE).ok_or(AnswerError::BadSize)
}

fn read_text(answer: &[u8]) -> Result<&str, AnswerError> {
    if answer.len() > MAX_ANSWER_LEN {
        return Err(AnswerError::TooLong);
    }
    core::str::from_utf8(answer).map_err(|_| AnswerError::NotUtf8)
}

fn same_key(one: &NoteSignature, other: &NoteSignature) -> bool {
    one.id() == other.id() && one.name() == other.name()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;
    use crate::merkle::tests::subtrees;
    use crate::merkle::{consistency_proof, leaf_hash, root_of};
    use crate::note::tests::{ORIGIN, log_key, witness_key};
    use crate::note::{SignerKey, WitnessKey};
    use proptest::prelude::*;
    use std::format;
    use std::vec;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn head(n: u64) -> Checkpoint {
        Checkpoint::new(ORIGIN, n, root_of(&leaves(n))).unwrap()
    }

    fn seen(n: u64) -> Seen {
        Seen::from(&head(n))
    }

    /// A request of the test log to grow from `old` to `new`.
    fn request(old: u64, new: u64) -> AddCheckpoint {
        let proof = consistency_proof(old, new, &mut subtrees(&leaves(new))).unwrap();
        AddCheckpoint::new(old, proof, head(new).sign(&log_key()).unwrap()).unwrap()
    }

    fn judge(request: &AddCheckpoint, seen: &Seen) -> Result<SignedCheckpoint, Refusal> {
        request.judge(&[log_key().verifier()], seen)
    }

    /// Text signed by the test log, whatever it says.
    fn sign_any(text: &str) -> Note {
        let mut note = Note::new(text.to_string()).unwrap();
        note.push(log_key().sign(text));
        note
    }

    /// The specification's example.
    const EXAMPLE: &str = "\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";

    #[test]
    fn the_specification_s_example() {
        let request = AddCheckpoint::parse(EXAMPLE).unwrap();
        assert_eq!((request.old(), request.proof().len()), (20_852_014, 4));
        assert_eq!(request.origin(), "example.com/behind-the-sofa");
        assert_eq!(request.to_string(), EXAMPLE);
        assert_eq!(Checkpoint::parse(request.checkpoint.text()).unwrap().size, 20_852_163);
        assert_eq!(request.checkpoint.signatures().len(), 2);
        let answer = "\
\u{2014} witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
\u{2014} witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
\u{2014} witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
";
        // It reads as an answer; its keys are not published, so its lines are strangers'.
        assert_eq!(
            read_cosignatures(answer.as_bytes(), &request.checkpoint, &[witness_key().verifier()]),
            Err(AnswerError::NoKnownKey)
        );
    }

    /// Requests signed by another implementation: the three of torchwood's race test, whose log is a Sigsum log with a
    /// published test key. One log cannot be at 3 and at 5 on the way from 1 without a proof between them.
    #[test]
    fn requests_of_another_implementation() {
        let origin = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
        let key = crate::hash::hex_decode("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f");
        let key = crate::hash::to_array(&key.unwrap()).unwrap();
        let trusted = [VerifierKey::new(origin, KeyKind::Ed25519, &key).unwrap()];
        let with = |old: u64, proof: &[&str], size: u64, root: &str, signature: &str| {
            let proof: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
            let text =
                format!("old {old}\n{proof}\n{origin}\n{size}\n{root}\n\n\u{2014} {origin} {signature}\n");
            AddCheckpoint::parse(&text).unwrap()
        };
        let first = with(
            0,
            &[],
            1,
            "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
        );
        let to_3 = with(
            1,
            &["KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],
            3,
            "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=",
            "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
        );
        let to_5 = with(
            1,
            &[
                "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=",
                "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ],
            5,
            "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=",
            "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
        );
        let at = |request: &AddCheckpoint, seen: &Seen| {
            request.judge(&trusted, seen).map(|signed| Seen::from(signed.checkpoint()))
        };
        let at_1 = at(&first, &Seen::NOTHING).unwrap();
        assert_eq!(at_1.size, 1);
        assert_eq!(at(&to_3, &at_1).unwrap().size, 3);
        let at_5 = at(&to_5, &at_1).unwrap();
        assert_eq!(at(&to_3, &at_5), Err(Refusal::Conflict { old: 1, seen: 5 }));
        assert_eq!(at(&to_5, &Seen::NOTHING), Err(Refusal::Conflict { old: 1, seen: 0 }));
        let mixed = AddCheckpoint::new(1, to_3.proof.clone(), to_5.checkpoint.clone()).unwrap();
        assert!(matches!(at(&mixed, &at_1), Err(Refusal::Inconsistent(_))));
    }

    #[test]
    fn malformed_requests_are_named() {
        use RequestError as E;
        let good = request(3, 7).to_string();
        let hash = request(3, 7).proof[0].to_base64();
        let proof_of = |n: usize| good.replacen(&format!("{hash}\n"), &format!("{hash}\n").repeat(n), 1);
        let others = request(3, 7).proof.len() - 1;
        assert!(AddCheckpoint::parse(&good).is_ok());
        assert!(AddCheckpoint::parse(&proof_of(MAX_PROOF - others)).is_ok());
        for (text, expected) in [
            (String::new(), E::BadOld),
            ("old 3".into(), E::BadOld),
            (good.replacen("old 3", "Old 3", 1), E::BadOld),
            (good.replacen("old 3", "old  3", 1), E::BadOld),
            (good.replacen("old 3", "old 03", 1), E::BadOld),
            (good.replacen("old 3", "old -3", 1), E::BadOld),
            (good.replacen("old 3", "old 3\r", 1), E::BadOld),
            (good.replacen("old 3", "old 9223372036854775808", 1), E::BadOld),
            (good.replacen("old 3", "old 18446744073709551616", 1), E::BadOld),
            (good.replacen(&hash, &hash[1..], 1), E::BadHash { number: 1 }),
            (good.replacen(&hash, "AAAA", 1), E::BadHash { number: 1 }),
            (proof_of(MAX_PROOF - others + 1), E::ProofTooLong),
            ("old 3\n".into(), E::NoCheckpoint),
            (format!("old 3\n{hash}\n"), E::NoCheckpoint),
            ("old 3\n\n".into(), E::Checkpoint(NoteError::NoSeparator)),
            (good.trim_end().into(), E::Checkpoint(NoteError::SignaturesNotTerminated)),
            (good.replace('\u{2014}', "-"), E::Checkpoint(NoteError::BadSignatureLine { line: 1 })),
        ] {
            assert_eq!(AddCheckpoint::parse(&text), Err(expected), "{text:?}");
        }
        assert_eq!(AddCheckpoint::parse_bytes(b"old 3\n\n\xff"), Err(E::NotUtf8));
        let long = vec![b'x'; MAX_REQUEST_LEN + 1];
        assert_eq!(AddCheckpoint::parse_bytes(&long), Err(E::TooLong { actual: long.len() }));
        let note = || sign_any("x\n");
        assert_eq!(AddCheckpoint::new(MAX_SIZE + 1, Vec::new(), note()), Err(E::BadOld));
        assert_eq!(AddCheckpoint::new(0, vec![EMPTY_ROOT; 64], note()), Err(E::ProofTooLong));
    }

    #[test]
    fn grows_and_repeats() {
        for old in 0..=9 {
            for new in old..=9 {
                let signed = judge(&request(old, new), &seen(old)).unwrap();
                assert_eq!((signed.checkpoint().size, signed.checkpoint().root), (new, seen(new).root));
            }
        }
        // What another witness or a stranger wrote on the note is left out; a repeated line is kept once.
        let mut note = head(7).sign(&log_key()).unwrap();
        let text = note.text().to_string();
        note.push(log_key().sign(&text));
        note.push(witness_key().cosign(&text, 1));
        note.push(SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap().sign("something else\n"));
        let crowded = AddCheckpoint::new(3, request(3, 7).proof, note).unwrap();
        let signed = judge(&crowded, &seen(3)).unwrap();
        assert_eq!(signed.note(), &head(7).sign(&log_key()).unwrap());
    }

    #[test]
    fn a_log_with_two_keys_may_sign_with_either() {
        let newer = SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
        let trusted = [log_key().verifier(), newer.verifier()];
        let by_newer = AddCheckpoint::new(0, Vec::new(), head(4).sign(&newer).unwrap()).unwrap();
        assert_eq!(by_newer.judge(&trusted, &Seen::NOTHING).unwrap().log_key(), &newer.verifier());
        assert!(request(0, 4).judge(&trusted, &Seen::NOTHING).is_ok());
        let mut both = head(4).sign(&newer).unwrap();
        both.push(log_key().sign("another text\n"));
        let both = AddCheckpoint::new(0, Vec::new(), both).unwrap();
        let refused = both.judge(&trusted, &Seen::NOTHING);
        assert!(matches!(refused, Err(Refusal::NotSigned(NoteVerifyError::WrongSignature { .. }))));
    }

    #[test]
    fn each_refusal_in_the_protocol_s_order() {
        let name = |result: Result<SignedCheckpoint, Refusal>| match result {
            Ok(_) => "cosigned",
            Err(Refusal::UnknownLog) => "unknown log",
            Err(Refusal::NotSigned(_)) => "not signed",
            Err(Refusal::Malformed(_)) => "malformed",
            Err(Refusal::OldAboveNew { .. }) => "old above new",
            Err(Refusal::Conflict { .. }) => "conflict",
            Err(Refusal::EmptyTreeRoot) => "empty tree root",
            Err(Refusal::Inconsistent(_)) => "inconsistent",
        };
        let with = |old: u64, proof: Vec<Hash>, note: Note| AddCheckpoint::new(old, proof, note).unwrap();
        let signed = |n: u64| head(n).sign(&log_key()).unwrap();
        let stranger = SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
        let elsewhere = SignerKey::from_seed("log.example.org/other", &[9; 32]).unwrap();
        let other_log = Checkpoint::new("log.example.org/other", 4, root_of(&leaves(4))).unwrap();
        let spoiled = Note::parse(&signed(4).to_string().replacen("\n4\n", "\n5\n", 1)).unwrap();
        let leaf = leaves(1)[0];
        let empty = |root: Hash| sign_any(&format!("{ORIGIN}\n0\n{}\n", root.to_base64()));
        let other_head = Checkpoint::new(ORIGIN, 3, root_of(&leaves(4)[1..])).unwrap();
        let other_root = || other_head.sign(&log_key()).unwrap();
        let mut wrong_proof = request(3, 7).proof;
        wrong_proof[1] = leaf;
        let cases = [
            ("unknown log", with(0, vec![], other_log.sign(&elsewhere).unwrap()), Seen::NOTHING),
            ("unknown log", with(9, vec![leaf], other_log.sign(&elsewhere).unwrap()), seen(3)),
            ("unknown log", with(0, vec![], sign_any("hello\n")), Seen::NOTHING),
            ("not signed", with(0, vec![], head(4).sign(&stranger).unwrap()), Seen::NOTHING),
            ("not signed", with(0, vec![], spoiled.clone()), Seen::NOTHING),
            ("not signed", with(9, vec![leaf], spoiled), seen(3)),
            ("malformed", with(0, vec![], sign_any(&format!("{ORIGIN}\nhello\n"))), Seen::NOTHING),
            ("malformed", with(9, vec![leaf], sign_any(&format!("{ORIGIN}\n04\n"))), seen(3)),
            ("empty tree root", with(0, vec![], empty(leaf)), Seen::NOTHING),
            ("empty tree root", with(0, vec![], empty(Hash([0; 32]))), Seen::NOTHING),
            ("cosigned", with(0, vec![], empty(EMPTY_ROOT)), Seen::NOTHING),
            ("inconsistent", with(0, vec![leaf], empty(EMPTY_ROOT)), Seen::NOTHING),
            ("cosigned", with(0, vec![], signed(1)), Seen::NOTHING),
            ("inconsistent", with(0, vec![leaf], signed(1)), Seen::NOTHING),
            ("old above new", with(1, vec![], empty(EMPTY_ROOT)), seen(1)),
            ("old above new", with(5, vec![leaf], signed(4)), seen(3)),
            ("conflict", with(0, vec![leaf], signed(1)), seen(1)),
            ("conflict", request(2, 4), seen(3)),
            ("conflict", request(3, 4), Seen::NOTHING),
            ("conflict", request(3, 3), seen(4)),
            ("cosigned", request(3, 3), seen(3)),
            ("inconsistent", with(3, vec![leaf], signed(3)), seen(3)),
            ("inconsistent", with(3, vec![], other_root()), seen(3)),
            ("inconsistent", with(3, vec![], signed(7)), seen(3)),
            ("inconsistent", with(3, wrong_proof, signed(7)), seen(3)),
            ("inconsistent", request(3, 7), Seen::from(&other_head)),
        ];
        for (expected, request, seen) in &cases {
            assert_eq!(name(judge(request, seen)), *expected, "{request} against {seen:?}");
        }

        let submission = |note| with(0, vec![], note).authenticate(&[log_key().verifier()]).unwrap();
        assert!(submission(other_root()).contradicts(&seen(3)));
        assert!(!submission(signed(3)).contradicts(&seen(3)));
        assert!(!submission(other_root()).contradicts(&seen(4)), "other sizes need a proof");
        // A witness's key does not make a log.
        let witness = [WitnessKey::from_seed(ORIGIN, &[1; 32]).unwrap().verifier()];
        assert_eq!(request(0, 4).judge(&witness, &Seen::NOTHING), Err(Refusal::UnknownLog));
    }

    #[test]
    fn answers() {
        let note = head(7).sign(&log_key()).unwrap();
        let text = note.text();
        let known = [witness_key().verifier(), log_key().verifier()];
        let line = witness_key().cosign(text, 1_700_000_000);
        let stranger = WitnessKey::from_seed("witness.example.org", &[9; 32]).unwrap();
        let stranger = stranger.cosign(text, 1).to_string();
        let read = |answer: &str| read_cosignatures(answer.as_bytes(), &note, &known);

        let kept = read(&format!("{stranger}{line}{line}{stranger}")).unwrap();
        assert_eq!(kept.len(), 1, "strangers are dropped, and a key counts once");
        assert_eq!((kept[0].line(), kept[0].time()), (&line, 1_700_000_000));
        let mut cosigned = note.clone();
        cosigned.push(kept[0].line().clone());
        assert_eq!(cosigned.verify(&known).unwrap().len(), 2);

        let wrong = witness_key().cosign("another text\n", 1);
        let (name, id) = (wrong.name().to_string(), wrong.id());
        let plain = log_key().sign(text);
        for (answer, expected) in [
            (String::new(), AnswerError::BadLine { line: 1 }),
            ("\n".into(), AnswerError::BadLine { line: 1 }),
            (line.to_string().trim_end().into(), AnswerError::BadLine { line: 1 }),
            (format!("{line}<html>"), AnswerError::BadLine { line: 2 }),
            (format!("{line}\n"), AnswerError::BadLine { line: 2 }),
            ("<html>\n".into(), AnswerError::BadLine { line: 1 }),
            (stranger.clone(), AnswerError::NoKnownKey),
            (plain.to_string(), AnswerError::NoKnownKey),
            (format!("{line}{wrong}"), AnswerError::WrongSignature { name: name.clone(), id }),
            (format!("{wrong}{line}"), AnswerError::WrongSignature { name: name.clone(), id }),
        ] {
            assert_eq!(read(&answer), Err(expected), "{answer:?}");
        }
        assert_eq!(read_cosignatures(b"\xff\n", &note, &known), Err(AnswerError::NotUtf8));
        let long = line.to_string().repeat(MAX_ANSWER_LEN);
        assert_eq!(read(&long), Err(AnswerError::TooLong));

        assert_eq!(read_size(b"0\n"), Ok(0));
        assert_eq!(read_size(b"9223372036854775807\n"), Ok(MAX_SIZE));
        for answer in ["", "\n", "5", "05\n", "5\n\n", "-5\n", "9223372036854775808\n", "five\n"] {
            assert_eq!(read_size(answer.as_bytes()), Err(AnswerError::BadSize), "{answer:?}");
        }
        assert_eq!(read_size(b"\xff\n"), Err(AnswerError::NotUtf8));
        assert_eq!(read_size(long.as_bytes()), Err(AnswerError::TooLong));
    }

    /// A second implementation judges the same bytes, and each accepts what the other makes.
    #[test]
    fn agrees_with_doubleentry() {
        use doubleentry::testing::TestWitness;
        use doubleentry::transparency::{AddCheckpoint as Theirs, Vkey};

        let theirs_of = |seen: u64| {
            let log: Vkey = log_key().verifier().to_string().parse().unwrap();
            let mut witness = TestWitness::new("witness.example/w1", [9; 32]).unwrap().log(log);
            if seen > 0 {
                assert_eq!(witness.post(request(0, seen).to_string().as_bytes()).status, 200);
            }
            witness
        };
        let mut met = std::collections::BTreeSet::new();
        let mut compare = |text: &str, held: u64| {
            let mut theirs = theirs_of(held);
            let reply = theirs.post(text.as_bytes());
            let ours = AddCheckpoint::parse(text).map_err(|_| None);
            let ours = ours.and_then(|ours| judge(&ours, &seen(held)).map_err(Some));
            let status = match &ours {
                Ok(_) => 200,
                Err(None | Some(Refusal::Malformed(_) | Refusal::OldAboveNew { .. })) => 400,
                Err(Some(Refusal::NotSigned(_))) => 403,
                Err(Some(Refusal::UnknownLog)) => 404,
                Err(Some(Refusal::Conflict { .. })) => 409,
                Err(Some(Refusal::EmptyTreeRoot | Refusal::Inconsistent(_))) => 422,
            };
            assert_eq!(reply.status, status, "{ours:?} for {text}");
            met.insert(status);
            if let Err(Some(Refusal::Conflict { seen, .. })) = ours {
                assert_eq!(read_size(&reply.body), Ok(seen));
            }
            if let Ok(signed) = ours {
                let known = [VerifierKey::parse(&theirs.vkey().to_string()).unwrap()];
                assert_eq!(read_cosignatures(&reply.body, signed.note(), &known).unwrap().len(), 1);
            }
            let (ours, theirs) = (AddCheckpoint::parse(text), Theirs::parse(text.as_bytes()));
            if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
                assert_eq!(ours.to_string().as_bytes(), theirs.to_bytes());
            }
        };
        for held in 0..=9 {
            for old in 0..=9 {
                for new in old..=9 {
                    let good = request(old, new).to_string();
                    compare(&good, held);
                    compare(&good.replacen(&format!("\n{new}\n"), "\n10\n", 1), held);
                    compare(&good.replacen(&format!("old {old}"), &format!("old {}", old + 1), 1), held);
                    compare(
                        &good.replacen(
                            &format!("old {old}\n"),
                            &format!("old {old}\n{}\n", EMPTY_ROOT.to_base64()),
                            1,
                        ),
                        held,
                    );
                    compare(&good.replace(ORIGIN, "log.example.org/other"), held);
                    compare(&good.replacen("old ", "old 0", 1), held);
                }
            }
        }
        assert_eq!(met.into_iter().collect::<Vec<_>>(), [200, 400, 403, 404, 409, 422]);
    }

    proptest! {
        #[test]
        fn print_and_parse(
            old in 0..=MAX_SIZE,
            proof in 0_u8..=63,
            text in "([ -~é\n]{0,20}\n){1,3}",
            signature in prop::collection::vec(any::<u8>(), 1..80),
        ) {
            let mut note = Note::new(text).unwrap();
            note.push(NoteSignature::new("name", KeyId([1; 4]), signature).unwrap());
            let request = AddCheckpoint::new(old, (0..proof).map(|i| sha256(&[i])).collect(), note).unwrap();
            prop_assert_eq!(AddCheckpoint::parse(&request.to_string()), Ok(request));
        }

        #[test]
        fn what_parses_prints_the_same(
            text in "old [0-9]{1,3}\n(PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n){0,2}\n?[a-z\n]{0,9}\n\n(\u{2014} [a-z+]{1,3} [A-Za-z0-9+/]{8}\n){0,3}"
        ) {
            if let Ok(request) = AddCheckpoint::parse(&text) {
                prop_assert_eq!(request.to_string(), text);
            }
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = AddCheckpoint::parse_bytes(&bytes);
            let _ = read_size(&bytes);
            let note = sign_any("text\n");
            let _ = read_cosignatures(&bytes, &note, &[witness_key().verifier()]);
        }

        /// Bytes of a good request, each part of it cut, doubled or changed: no panic, and never a cosignature on
        /// anything but the signed checkpoint.
        #[test]
        fn damaged_requests_are_refused_or_say_the_same(at in 0_usize..400, value: u8, cut: bool) {
            let good = request(3, 7);
            let mut bytes = good.to_string().into_bytes();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = value }
            let judged = AddCheckpoint::parse_bytes(&bytes).map_err(|_| ());
            let judged = judged.and_then(|request| judge(&request, &seen(3)).map_err(|_| ()));
            if let Ok(signed) = judged {
                prop_assert_eq!(signed.checkpoint(), &head(7));
            }
        }
    }
}
