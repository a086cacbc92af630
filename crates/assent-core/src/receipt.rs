//! The receipt a person downloads: a record with everything needed to check it offline.
//!
//! It proves that the record was logged, **not** that it is the latest thing the person said. The
//! record is bytes here; what they mean is read elsewhere, and only after
//! [`Receipt::verify`] has turned them into a [`VerifiedReceipt`].

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointVerifyError, SignedCheckpoint};
use crate::commitment::{Leaf, SALT_LEN, Salt};
use crate::merkle::InclusionError;
use crate::note::{KeyError, NoteError, NoteVerifyError, VerifierKey};
use crate::proof::{ProofParseError, ProofVerifyError, TlogProof};

/// Value of the `format` field.
pub const RECEIPT_FORMAT: &str = "assent-receipt/v1";

/// A receipt as handed out, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    record: String,
    proof: TlogProof,
    key: VerifierKey,
}

/// The file's JSON object, in the order it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptFile {
    format: String,
    record: String,
    proof: String,
    key: String,
}

/// Whose word the key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTrust {
    /// The reader brought the log's key.
    Pinned,
    /// Only the receipt itself names the key: it shows that nothing was changed since signing, not
    /// who signed.
    SelfAsserted,
}

/// A receipt that was checked. Only [`Receipt::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedReceipt {
    record: String,
    index: u64,
    checkpoint: SignedCheckpoint,
    trust: KeyTrust,
}

/// Why a receipt is not good. Every variant has a stable [`code`](Self::code).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not JSON, or not with exactly the receipt's fields.
    #[error("this is not a receipt file (line {line}, column {column})")]
    Malformed {
        /// Line of the first problem, from 1.
        line: usize,
        /// Column of the first problem, from 1.
        column: usize,
    },
    /// The file says it is something else, or of a later version.
    #[error("this file is not in the format {RECEIPT_FORMAT}")]
    UnknownFormat,
    /// The log's key cannot be read.
    #[error("the receipt's key cannot be read")]
    KeyMalformed(#[source] KeyError),
    /// The proof cannot be read.
    #[error("the receipt's proof cannot be read")]
    ProofMalformed(#[source] ProofParseError),
    /// The proof carries no salt, or one of the wrong length.
    #[error("the receipt's proof must carry a salt of {SALT_LEN} bytes, not {actual}")]
    SaltMalformed {
        /// Bytes in the proof's `extra` field.
        actual: usize,
    },
    /// The checkpoint is not a signed note.
    #[error("the receipt's checkpoint cannot be read")]
    CheckpointMalformed(#[source] NoteError),
    /// The log signed something that is not a checkpoint.
    #[error("what the log signed is not a checkpoint")]
    CheckpointInvalid(#[source] CheckpointError),
    /// The receipt was signed with another key than the reader trusts.
    #[error("the receipt is signed with the key {found}, which is not the trusted key {trusted}")]
    KeyNotTrusted {
        /// The reader's key.
        trusted: Box<VerifierKey>,
        /// The receipt's key.
        found: Box<VerifierKey>,
    },
    /// The checkpoint belongs to another log than the key.
    #[error("the checkpoint is of {origin}, but the key belongs to {key_name}")]
    OriginMismatch {
        /// Log the checkpoint names.
        origin: String,
        /// Log the key signs for.
        key_name: String,
    },
    /// The key is of a kind that cannot sign for a log.
    #[error("the receipt's key is a witness's key, not a log's")]
    NotALogKey,
    /// The checkpoint carries no signature by the log's key.
    #[error("the checkpoint is not signed by the log's key")]
    SignatureMissing,
    /// The checkpoint or its signature was changed.
    #[error("the checkpoint or its signature was changed: the signature does not fit")]
    SignatureWrong,
    /// The proof's index or its number of hashes cannot belong to the checkpoint.
    #[error("the proof's index or length does not fit the checkpoint")]
    ProofWrong(#[source] InclusionError),
    /// Record, salt and proof do not lead to the signed root. Which of them was changed cannot be
    /// told from the receipt: the commitment hides exactly that.
    #[error("the record, its salt or its proof was changed: they do not lead to the signed checkpoint")]
    RecordChanged,
}

impl ReceiptError {
    /// A stable name for programs and translations, in kebab case.
    pub const fn code(&self) -> &'static str {
        match self {
            ReceiptError::Malformed { .. } => "malformed",
            ReceiptError::UnknownFormat => "unknown-format",
            ReceiptError::KeyMalformed(_) => "key-malformed",
            ReceiptError::ProofMalformed(_) => "proof-malformed",
            ReceiptError::SaltMalformed { .. } => "salt-malformed",
            ReceiptError::CheckpointMalformed(_) => "checkpoint-malformed",
            ReceiptError::CheckpointInvalid(_) => "checkpoint-invalid",
            ReceiptError::KeyNotTrusted { .. } => "key-not-trusted",
            ReceiptError::OriginMismatch { .. } => "origin-mismatch",
            ReceiptError::NotALogKey => "not-a-log-key",
            ReceiptError::SignatureMissing => "signature-missing",
            ReceiptError::SignatureWrong => "signature-wrong",
            ReceiptError::ProofWrong(_) => "proof-wrong",
            ReceiptError::RecordChanged => "record-changed",
        }
    }
}

impl Receipt {
    /// A receipt from its parts. `record` is the record's exact bytes, `proof` carries the salt in
    /// its `extra`.
    pub const fn new(record: String, proof: TlogProof, key: VerifierKey) -> Self {
        Receipt { record, proof, key }
    }

    /// Reads a receipt file. Form only; [`verify`](Self::verify) does the checking.
    ///
    /// # Errors
    /// [`ReceiptError`]: `malformed`, `unknown-format`, `key-malformed` or `proof-malformed`.
    pub fn parse(json: &str) -> Result<Self, ReceiptError> {
        let file: ReceiptFile = serde_json::from_str(json)
            .map_err(|error| ReceiptError::Malformed { line: error.line(), column: error.column() })?;
        if file.format != RECEIPT_FORMAT {
            return Err(ReceiptError::UnknownFormat);
        }
        Ok(Receipt {
            record: file.record,
            proof: TlogProof::parse(&file.proof).map_err(ReceiptError::ProofMalformed)?,
            key: VerifierKey::parse(&file.key).map_err(ReceiptError::KeyMalformed)?,
        })
    }

    /// The file's content: one JSON object on one line, without a final line feed.
    pub fn to_json(&self) -> String {
        let file = ReceiptFile {
            format: RECEIPT_FORMAT.to_string(),
            record: self.record.clone(),
            proof: self.proof.to_string(),
            key: self.key.to_string(),
        };
        // Four strings cannot fail to serialise.
        serde_json::to_string(&file).unwrap_or_default()
    }

    /// The record's exact bytes, not yet checked.
    pub fn unverified_record(&self) -> &str {
        &self.record
    }

    /// The proof, with the salt in `extra`.
    pub const fn proof(&self) -> &TlogProof {
        &self.proof
    }

    /// The key the receipt claims. A reader who knows the log's key passes it to
    /// [`verify`](Self::verify).
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Checks key, signature, origin and inclusion, in this order.
    ///
    /// Without `trusted_key` the receipt is checked against the key it brings along; anyone can
    /// make such a receipt, so show [`VerifiedReceipt::trust`].
    ///
    /// # Errors
    /// [`ReceiptError`], one variant per way a receipt can be wrong.
    pub fn verify(&self, trusted_key: Option<&VerifierKey>) -> Result<VerifiedReceipt, ReceiptError> {
        let trust = match trusted_key {
            Some(trusted) if *trusted != self.key => {
                return Err(ReceiptError::KeyNotTrusted {
                    trusted: Box::new(trusted.clone()),
                    found: Box::new(self.key.clone()),
                });
            }
            Some(_) => KeyTrust::Pinned,
            None => KeyTrust::SelfAsserted,
        };
        let extra = self.proof.extra.as_deref().unwrap_or_default();
        let salt =
            Salt::from_slice(extra).map_err(|_| ReceiptError::SaltMalformed { actual: extra.len() })?;
        let leaf = Leaf::event(self.key.name(), self.record.as_bytes(), &salt).hash();
        let checkpoint = self.proof.verify(&leaf, &self.key).map_err(|error| match error {
            ProofVerifyError::Checkpoint(error) => checkpoint_error(error),
            ProofVerifyError::Inclusion(InclusionError::RootMismatch { .. }) => ReceiptError::RecordChanged,
            ProofVerifyError::Inclusion(error) => ReceiptError::ProofWrong(error),
        })?;
        Ok(VerifiedReceipt { record: self.record.clone(), index: self.proof.index, checkpoint, trust })
    }
}

impl VerifiedReceipt {
    /// The record's exact bytes, as they were logged.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// Number of the entry in the log, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The head of the log the record is under.
    pub const fn checkpoint(&self) -> &Checkpoint {
        self.checkpoint.checkpoint()
    }

    /// The same with its signatures, for looking at witnesses.
    pub const fn signed_checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The key the log signed with.
    pub const fn key(&self) -> &VerifierKey {
        self.checkpoint.log_key()
    }

    /// Whether the reader brought the key.
    pub const fn trust(&self) -> KeyTrust {
        self.trust
    }
}

fn checkpoint_error(error: CheckpointVerifyError) -> ReceiptError {
    match error {
        CheckpointVerifyError::Note(error) => ReceiptError::CheckpointMalformed(error),
        CheckpointVerifyError::Signature(NoteVerifyError::NoKnownKey) => ReceiptError::SignatureMissing,
        CheckpointVerifyError::Signature(NoteVerifyError::WrongSignature { .. }) => {
            ReceiptError::SignatureWrong
        }
        CheckpointVerifyError::Checkpoint(error) => ReceiptError::CheckpointInvalid(error),
        CheckpointVerifyError::OriginMismatch { origin, key_name } => {
            ReceiptError::OriginMismatch { origin, key_name }
        }
        CheckpointVerifyError::NotALogKey => ReceiptError::NotALogKey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::tests::{LOG_KEY, ORIGIN, log_key, witness_key};
    use crate::note::{Note, SignerKey};
    use std::collections::BTreeSet;
    use std::format;
    use std::vec;
    use std::vec::Vec;

    /// Made by another language's libraries; see `FORMAT.md`.
    const FILE: &str = include_str!("../vectors/receipt.json");
    const RECORD: &str = r#"{"entry":2,"note":"café"}"#;

    fn verify(json: &str) -> Result<VerifiedReceipt, ReceiptError> {
        Receipt::parse(json)?.verify(Some(&log_key().verifier()))
    }

    fn code(json: &str) -> &'static str {
        verify(json).map_or_else(|error| error.code(), |_| "good")
    }

    /// The vector with its proof text changed.
    fn with_proof(change: impl Fn(&str) -> String) -> String {
        let mut file: ReceiptFile = serde_json::from_str(FILE).unwrap();
        file.proof = change(&file.proof);
        serde_json::to_string(&file).unwrap()
    }

    #[test]
    fn the_vector_verifies_and_round_trips() {
        let receipt = Receipt::parse(FILE).unwrap();
        assert_eq!(receipt.to_json(), FILE);
        assert_eq!(receipt.unverified_record(), RECORD);
        assert_eq!(receipt.key().to_string(), LOG_KEY);
        let rebuilt = Receipt::new(RECORD.into(), receipt.proof().clone(), receipt.key().clone());
        assert_eq!(rebuilt, receipt);

        let verified = verify(FILE).unwrap();
        assert_eq!(verified.record(), RECORD);
        assert_eq!((verified.index(), verified.checkpoint().size), (2, 5));
        assert_eq!(verified.checkpoint().origin, ORIGIN);
        assert_eq!(verified.key(), receipt.key());
        assert_eq!(verified.trust(), KeyTrust::Pinned);
        assert_eq!(receipt.verify(None).unwrap().trust(), KeyTrust::SelfAsserted);
    }

    #[test]
    fn spelling_of_the_json_does_not_matter() {
        let spaced = FILE.replace("\",\"", "\" ,\n \"");
        assert_eq!(verify(&spaced), verify(FILE));
        let escaped = FILE.replace('é', "\\u00e9");
        assert_ne!(escaped, FILE);
        assert_eq!(verify(&escaped), verify(FILE));
    }

    #[test]
    fn every_way_to_be_wrong_has_its_code() {
        let hash = "fPyAJW624GI1L9xUobTPNt9n2qbTHgXg2g09aOekScc=\n";
        let salt = crate::hash::base64_encode(&[2; 64]);
        let short_salt = crate::hash::base64_encode(&[2; 32]);
        let resigned = |text: &str| {
            let mut note = Note::new(text.to_string()).unwrap();
            note.push(log_key().sign(text));
            let note = note.to_string();
            with_proof(|proof| format!("{}{note}", &proof[..proof.find(ORIGIN).unwrap()]))
        };
        let head = Receipt::parse(FILE).unwrap().verify(None).unwrap().checkpoint().to_string();
        assert_eq!(code(&resigned(&head)), "good");
        let witness = witness_key().verifier().to_string();
        let other = SignerKey::from_seed("log.example.org/other", &[9; 32]).unwrap().verifier();

        let cases = vec![
            ("malformed", String::new()),
            ("malformed", FILE[..FILE.len() - 1].into()),
            ("malformed", format!("{FILE}x")),
            ("malformed", FILE.replace("\"record\"", "\"Record\"")),
            ("malformed", FILE.replacen('{', "{\"more\":1,", 1)),
            ("malformed", FILE.replacen('{', "{\"key\":\"x\",", 1)),
            ("unknown-format", FILE.replace("receipt/v1", "receipt/v2")),
            ("key-malformed", FILE.replace("+eaed1468+", "+eaed1469+")),
            ("proof-malformed", FILE.replace("tlog-proof@v1", "tlog-proof@v2")),
            ("proof-malformed", FILE.replace("index 2", "index 02")),
            ("salt-malformed", FILE.replace(&format!("extra {salt}\\n"), "")),
            ("salt-malformed", FILE.replace(&salt, &short_salt)),
            ("checkpoint-malformed", with_proof(|proof| proof.trim_end().into())),
            ("checkpoint-malformed", with_proof(|proof| proof.replace('\u{2014}', "-"))),
            ("checkpoint-invalid", resigned("hello\n")),
            ("checkpoint-invalid", resigned(&head.replace("\n5\n", "\n05\n"))),
            ("origin-mismatch", resigned(&head.replace(ORIGIN, "log.example.org/other"))),
            ("signature-missing", with_proof(|proof| proof.replace("\u{2014} log.", "\u{2014} lag."))),
            ("signature-missing", with_proof(|proof| proof.replace(" 6u0UaC", " 6u0UbC"))),
            ("signature-wrong", with_proof(|proof| proof.replace("\n5\n", "\n6\n"))),
            ("signature-wrong", with_proof(|proof| proof.replace("OPST", "OPSU"))),
            ("signature-wrong", with_proof(|proof| proof.replace("0nZc", "0nZd"))),
            ("proof-wrong", FILE.replace("index 2", "index 5")),
            ("proof-wrong", FILE.replace("index 2", "index 4")),
            ("proof-wrong", with_proof(|proof| proof.replace(hash, ""))),
            ("proof-wrong", with_proof(|proof| proof.replace(hash, &hash.repeat(2)))),
            ("record-changed", FILE.replace("\\\"entry\\\":2", "\\\"entry\\\":3")),
            ("record-changed", FILE.replace("café", "cafe")),
            ("record-changed", FILE.replace(&salt, &salt.replacen('A', "B", 1))),
            ("record-changed", FILE.replace("index 2", "index 3")),
            ("record-changed", with_proof(|proof| proof.replace("fPyA", "fPyB"))),
            ("key-not-trusted", FILE.replace(LOG_KEY, &other.to_string())),
            ("key-not-trusted", FILE.replace(LOG_KEY, &witness)),
        ];
        let mut seen = BTreeSet::new();
        for (expected, json) in &cases {
            assert_ne!(json, FILE, "{expected}: the case changes nothing");
            assert_eq!(code(json), *expected, "{json}");
            seen.insert(*expected);
        }
        let self_asserted = |json: &str| Receipt::parse(json).unwrap().verify(None);
        assert_eq!(self_asserted(&FILE.replace(LOG_KEY, &witness)), Err(ReceiptError::NotALogKey));
        assert_eq!(
            self_asserted(&FILE.replace(LOG_KEY, &other.to_string())),
            Err(ReceiptError::SignatureMissing)
        );
        seen.insert(ReceiptError::NotALogKey.code());
        assert_eq!(seen.len(), 14, "one code for each variant");
    }

    /// Flips every bit of every byte, puts characters with a meaning in its place, drops it and
    /// doubles it. Whatever still verifies must say exactly the same.
    #[test]
    fn no_single_byte_change_passes_unnoticed() {
        let good = verify(FILE).unwrap();
        let bytes = FILE.as_bytes();
        let mut harmless = 0;
        let mut check = |changed: Vec<u8>| {
            let Ok(json) = core::str::from_utf8(&changed) else { return };
            if let Ok(verified) = verify(json) {
                assert_eq!(verified, good, "{json}");
                harmless += 1;
            }
        };
        for position in 0..bytes.len() {
            let values: Vec<u8> =
                (0..7).map(|bit| bytes[position] ^ 1 << bit).chain(*b" \n\"\\0=A").collect();
            for value in values {
                if value != bytes[position] {
                    let mut changed = bytes.to_vec();
                    changed[position] = value;
                    check(changed);
                }
            }
            let mut dropped = bytes.to_vec();
            dropped.remove(position);
            check(dropped);
            let mut doubled = bytes.to_vec();
            doubled.insert(position, bytes[position]);
            check(doubled);
        }
        // Nothing: this file has no spaces, and no signature by a key nobody knows.
        assert_eq!(harmless, 0);
    }
}
