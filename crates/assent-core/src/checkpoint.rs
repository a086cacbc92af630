//! Checkpoints: the signed head of a log, and the witnesses' cosignatures on it.
//!
//! Source: c2sp.org/tlog-checkpoint v1.0.0, c2sp.org/tlog-cosignature v1.0.1. A checkpoint says
//! "the log called `origin` has `size` entries with this root". Whether two of them belong to one
//! history is [`crate::merkle::verify_consistency`]'s question; which witnesses are enough is the
//! reader's policy.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::hash::{Hash, parse_decimal};
use crate::merkle::EMPTY_ROOT;
use crate::note::{
    KeyKind, Note, NoteError, NoteSignature, NoteVerifyError, SignerKey, VerifiedSignature, VerifierKey,
    is_key_name,
};

/// Largest tree size a checkpoint may name, 2^63 - 1, so that every reader can hold it.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// A log's head, signed or not. [`SignedCheckpoint`] is one whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log: a URL without scheme or trailing slash, equal to its key's name.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
    /// Further lines, usually none. Each is non-empty and without control characters.
    pub extensions: Vec<String>,
}

/// Why a text is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Fewer than three lines, or no final line feed.
    #[error("a checkpoint has an origin, a size and a root, each on a line")]
    MissingLine,
    /// Empty, or with a space or `+`.
    #[error("a checkpoint's origin must not be empty or contain spaces or \"+\"")]
    BadOrigin,
    /// Not a decimal number without leading zeros, or above [`MAX_SIZE`].
    #[error("the size is not a decimal number without leading zeros up to 2^63 - 1")]
    BadSize,
    /// Not 32 bytes of base64.
    #[error("the root is not 32 bytes of base64")]
    BadRoot,
    /// Size 0 with a root other than the hash of nothing.
    #[error("a checkpoint of size 0 must carry the root of the empty tree")]
    EmptyTreeRoot,
    /// An empty extension line, or one with a control character.
    #[error("an extension line is empty or holds a control character")]
    BadExtension,
}

/// Why a checkpoint cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointSignError {
    /// The checkpoint's own fields are not valid.
    #[error("the checkpoint is not valid")]
    Invalid(#[source] CheckpointError),
    /// A log's key must carry the log's origin as its name.
    #[error("the checkpoint is of {origin}, but the key signs for {key_name}")]
    OriginMismatch {
        /// The checkpoint's origin.
        origin: String,
        /// The key's name.
        key_name: String,
    },
}

/// Why a signed checkpoint does not convince.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointVerifyError {
    /// Not a signed note.
    #[error("the checkpoint is not a signed note")]
    Note(#[source] NoteError),
    /// The log's key made no line, or its line does not fit the text.
    #[error("the checkpoint's signature does not hold")]
    Signature(#[source] NoteVerifyError),
    /// The text is not a checkpoint's.
    #[error("the signed text is not a checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// The key signs for another log.
    #[error("the checkpoint is of {origin}, but the key signs for {key_name}")]
    OriginMismatch {
        /// The checkpoint's origin.
        origin: String,
        /// The key's name.
        key_name: String,
    },
    /// A cosignature key cannot stand for the log.
    #[error("the key given for the log is a witness's key")]
    NotALogKey,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    ///
    /// # Errors
    /// [`CheckpointError::BadOrigin`], [`CheckpointError::BadSize`] above [`MAX_SIZE`], or
    /// [`CheckpointError::EmptyTreeRoot`].
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint { origin: origin.to_string(), size, root, extensions: Vec::new() };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// Reads a note's text, with its final line feed.
    ///
    /// # Errors
    /// [`CheckpointError`], one variant per way the text can be wrong.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let text = text.strip_suffix('\n').ok_or(CheckpointError::MissingLine)?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::MissingLine);
        };
        let checkpoint = Checkpoint {
            origin: origin.to_string(),
            size: parse_decimal(size).ok_or(CheckpointError::BadSize)?,
            root: Hash::from_base64(root).map_err(|_| CheckpointError::BadRoot)?,
            extensions: lines.map(ToString::to_string).collect(),
        };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// Signs it as the log's head.
    ///
    /// # Errors
    /// [`CheckpointSignError`].
    pub fn sign(&self, key: &SignerKey) -> Result<Note, CheckpointSignError> {
        self.check().map_err(CheckpointSignError::Invalid)?;
        if self.origin != key.name() {
            return Err(CheckpointSignError::OriginMismatch {
                origin: self.origin.clone(),
                key_name: key.name().to_string(),
            });
        }
        let text = self.to_string();
        let signature = key.sign(&text);
        // `check` saw every field, so the text cannot hold what a note forbids.
        let mut note =
            Note::new(text).map_err(|_| CheckpointSignError::Invalid(CheckpointError::BadExtension))?;
        note.push(signature);
        Ok(note)
    }

    /// Reads a signed checkpoint and checks that the log's own key signed it. Lines by other keys
    /// are kept but not looked at; see [`SignedCheckpoint::cosignatures`].
    ///
    /// # Errors
    /// [`CheckpointVerifyError`]. The signature is checked before the text is read.
    pub fn verify(note: &str, log_key: &VerifierKey) -> Result<SignedCheckpoint, CheckpointVerifyError> {
        let note = Note::parse(note).map_err(CheckpointVerifyError::Note)?;
        if log_key.kind() != KeyKind::Ed25519 {
            return Err(CheckpointVerifyError::NotALogKey);
        }
        note.verify(core::slice::from_ref(log_key)).map_err(CheckpointVerifyError::Signature)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(CheckpointVerifyError::Checkpoint)?;
        if checkpoint.origin != log_key.name() {
            return Err(CheckpointVerifyError::OriginMismatch {
                origin: checkpoint.origin,
                key_name: log_key.name().to_string(),
            });
        }
        Ok(SignedCheckpoint { checkpoint, note, log_key: log_key.clone() })
    }

    fn check(&self) -> Result<(), CheckpointError> {
        if !is_key_name(&self.origin) {
            Err(CheckpointError::BadOrigin)
        } else if self.size > MAX_SIZE {
            Err(CheckpointError::BadSize)
        } else if self.size == 0 && self.root != EMPTY_ROOT {
            Err(CheckpointError::EmptyTreeRoot)
        } else if self.extensions.iter().any(|line| line.is_empty() || line.bytes().any(|byte| byte < 0x20)) {
            Err(CheckpointError::BadExtension)
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Checkpoint {
    /// The text a note carries, with its final line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.root.to_base64();
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)?;
        for line in &self.extensions {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// A checkpoint whose log signature was checked. Only [`Checkpoint::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    log_key: VerifierKey,
}

impl SignedCheckpoint {
    /// What was signed.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, with every signature line it carried.
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The key the log signed with.
    pub const fn log_key(&self) -> &VerifierKey {
        &self.log_key
    }

    /// The same checkpoint carrying these lines as well. They are not looked at.
    #[must_use]
    pub fn with_signatures(&self, lines: impl IntoIterator<Item = NoteSignature>) -> Self {
        let mut signed = self.clone();
        for line in lines {
            signed.note.push(line);
        }
        signed
    }

    /// The cosignatures by these witnesses; empty when none of them signed.
    ///
    /// # Errors
    /// [`NoteVerifyError::WrongSignature`] when a line carries one of their names and IDs but does
    /// not fit.
    pub fn cosignatures(&self, witnesses: &[VerifierKey]) -> Result<Vec<VerifiedSignature>, NoteVerifyError> {
        match self.note.verify(witnesses) {
            Err(NoteVerifyError::NoKnownKey) => Ok(Vec::new()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;
    use crate::note::KeyId;
    use crate::note::tests::{ORIGIN, WITNESS, log_key, witness_key};
    use proptest::prelude::*;
    use std::format;
    use std::vec;

    const ROOT: &str = "OPST/SZzqeWVW7bZVsPZ8gr18w4skv9Lpj5RbB5bg+g=";
    /// `FORMAT.md`, "Vectors"; computed there with another language's libraries.
    const SIGNED: &str = "log.example.org/clinic\n5\nOPST/SZzqeWVW7bZVsPZ8gr18w4skv9Lpj5RbB5bg+g=\n\n\u{2014} log.example.org/clinic 6u0UaC6D/nDHtdNpTwYiqY+OGwxVSntiQRyg7aOonDwZ0nZc3+JJg5xZ6lqIp+T8S/g4dv3R0GhSp/6mM0RmN3XdSgc=\n";
    const COSIGNATURE: &str = "\u{2014} witness.example.org DqEmZAAAAABlU/EAd7p0IghuopDLQs3MrIYfbW057qzZGrda95bJncg8fnBsLvbcI5/T5htaqBiHx6F3xQ/nsw/Dl1YAfFVWUfVzDQ==\n";
    const COSIGNED_AT: u64 = 1_700_000_000;

    fn checkpoint() -> Checkpoint {
        Checkpoint::new(ORIGIN, 5, Hash::from_base64(ROOT).unwrap()).unwrap()
    }

    #[test]
    fn signs_and_verifies_the_vector() {
        assert_eq!(checkpoint().sign(&log_key()).unwrap().to_string(), SIGNED);
        let signed = Checkpoint::verify(SIGNED, &log_key().verifier()).unwrap();
        assert_eq!(*signed.checkpoint(), checkpoint());
        assert_eq!(signed.note().to_string(), SIGNED);
        assert_eq!(*signed.log_key(), log_key().verifier());
    }

    #[test]
    fn malformed_texts_are_named() {
        use CheckpointError as E;
        let empty = EMPTY_ROOT.to_base64();
        for (text, expected) in [
            (String::new(), E::MissingLine),
            (format!("{ORIGIN}\n5\n"), E::MissingLine),
            (format!("{ORIGIN}\n5\n{ROOT}"), E::MissingLine),
            (format!("\n5\n{ROOT}\n"), E::BadOrigin),
            (format!("a b\n5\n{ROOT}\n"), E::BadOrigin),
            (format!("a+b\n5\n{ROOT}\n"), E::BadOrigin),
            (format!("{ORIGIN}\n\n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n05\n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n+5\n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n-5\n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n5 \n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n0x5\n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n9223372036854775808\n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n18446744073709551616\n{ROOT}\n"), E::BadSize),
            (format!("{ORIGIN}\n5\n{}\n", ROOT.trim_end_matches('=')), E::BadRoot),
            (format!("{ORIGIN}\n5\nAAAA\n"), E::BadRoot),
            (format!("{ORIGIN}\n5\n\n"), E::BadRoot),
            (format!("{ORIGIN}\n0\n{ROOT}\n"), E::EmptyTreeRoot),
            (format!("{ORIGIN}\n00\n{empty}\n"), E::BadSize),
            (format!("{ORIGIN}\n5\n{ROOT}\n\n"), E::BadExtension),
            (format!("{ORIGIN}\n5\n{ROOT}\n\nx\n"), E::BadExtension),
            (format!("{ORIGIN}\n5\n{ROOT}\n\r\n"), E::BadExtension),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(expected), "{text:?}");
        }
        assert!(Checkpoint::parse(&format!("{ORIGIN}\n0\n{empty}\n")).is_ok());
        let extended =
            Checkpoint::parse(&format!("{ORIGIN}\n9223372036854775807\n{ROOT}\none\ntwo 2\n")).unwrap();
        assert_eq!((extended.size, extended.extensions.len()), (MAX_SIZE, 2));
        assert_eq!(Checkpoint::new(ORIGIN, MAX_SIZE + 1, EMPTY_ROOT), Err(E::BadSize));
    }

    #[test]
    fn what_does_not_convince() {
        use CheckpointVerifyError as E;
        let key = log_key().verifier();
        let verify = |note: &str| Checkpoint::verify(note, &key).map(|_| ());
        for changed in [SIGNED.replacen("\n5\n", "\n6\n", 1), SIGNED.replacen("OPST", "OPSU", 1)] {
            assert!(matches!(verify(&changed), Err(E::Signature(NoteVerifyError::WrongSignature { .. }))));
        }
        assert!(matches!(verify("x"), Err(E::Note(NoteError::NoSeparator))));
        let other = SignerKey::from_seed("other.example.org", &[9; 32]).unwrap();
        assert_eq!(
            Checkpoint::verify(SIGNED, &other.verifier()),
            Err(E::Signature(NoteVerifyError::NoKnownKey))
        );
        assert_eq!(Checkpoint::verify(SIGNED, &witness_key().verifier()), Err(E::NotALogKey));

        let sign_any = |text: &str| {
            let mut note = Note::new(text.to_string()).unwrap();
            note.push(log_key().sign(text));
            note.to_string()
        };
        assert_eq!(verify(&sign_any("hello\n")), Err(E::Checkpoint(CheckpointError::MissingLine)));
        assert_eq!(
            verify(&sign_any(&checkpoint().to_string().replace(ORIGIN, "log.example.org/other"))),
            Err(E::OriginMismatch { origin: "log.example.org/other".into(), key_name: ORIGIN.into() })
        );
    }

    #[test]
    fn only_the_log_s_own_valid_heads_are_signed() {
        let mut other = checkpoint();
        other.origin = "log.example.org/other".into();
        assert!(matches!(other.sign(&log_key()), Err(CheckpointSignError::OriginMismatch { .. })));
        let mut bad = checkpoint();
        bad.extensions = vec!["a\nb".into()];
        let refused = Err(CheckpointSignError::Invalid(CheckpointError::BadExtension));
        assert_eq!(bad.sign(&log_key()), refused);
        bad.extensions = vec!["a".into()];
        assert!(bad.sign(&log_key()).is_ok());
    }

    #[test]
    fn witnesses() {
        let witness = [witness_key().verifier()];
        let text = checkpoint().to_string();
        assert_eq!(witness_key().cosign(&text, COSIGNED_AT).to_string(), COSIGNATURE);

        let open = |note: &str| Checkpoint::verify(note, &log_key().verifier()).unwrap();
        assert_eq!(open(SIGNED).cosignatures(&witness), Ok(Vec::new()));
        let cosigned = format!("{SIGNED}{COSIGNATURE}");
        assert_eq!(open(SIGNED).with_signatures([witness_key().cosign(&text, COSIGNED_AT)]), open(&cosigned));
        let found = open(&cosigned).cosignatures(&witness).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].time), (WITNESS, Some(COSIGNED_AT)));
        assert_eq!(open(&cosigned).cosignatures(&[]), Ok(Vec::new()));

        let id = witness[0].id();
        let wrong = Err(NoteVerifyError::WrongSignature { name: WITNESS.into(), id });
        let good = witness_key().cosign(&text, COSIGNED_AT);
        let with = |payload: Vec<u8>| {
            let line = NoteSignature::new(WITNESS, id, payload).unwrap();
            open(&format!("{SIGNED}{line}")).cosignatures(&witness)
        };
        assert!(with(good.signature().to_vec()).is_ok());
        let mut other_time = good.signature().to_vec();
        other_time[7] ^= 1;
        assert_eq!(with(other_time), wrong, "the time is signed");
        assert_eq!(with(good.signature()[8..].to_vec()), wrong, "a signature without its time");
        assert_eq!(with(vec![1; 7]), wrong);
        let other_text = witness_key().cosign(&text.replace('5', "6"), COSIGNED_AT);
        assert_eq!(with(other_text.signature().to_vec()), wrong);
        // The latest time there is; one more second does not fit the format.
        let last = witness_key().cosign(&text, u64::MAX);
        assert_eq!(with(last.signature().to_vec()).unwrap()[0].time, Some(i64::MAX as u64));
        // A witness's key ID on a plain signature is a stranger's line.
        let plain = NoteSignature::new(WITNESS, KeyId([0; 4]), vec![1; 64]).unwrap();
        assert_eq!(open(&format!("{SIGNED}{plain}")).cosignatures(&witness), Ok(Vec::new()));
    }

    #[test]
    fn agrees_with_tlog_tiles() {
        let text = checkpoint().to_string();
        let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size()), (ORIGIN, 5));
        assert_eq!(theirs.hash().0, checkpoint().root.0);
        assert_eq!(theirs.to_bytes(), text.as_bytes());
    }

    proptest! {
        #[test]
        fn print_and_parse(
            origin in "[a-z0-9./é-]{1,30}",
            size in 0..=MAX_SIZE,
            seed: u8,
            extensions in prop::collection::vec("[ -~é]{1,20}", 0..3),
        ) {
            let root = if size == 0 { EMPTY_ROOT } else { sha256(&[seed]) };
            let checkpoint = Checkpoint { origin, size, root, extensions };
            let text = checkpoint.to_string();
            prop_assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
        }

        #[test]
        fn what_parses_prints_the_same(text in "[a+ ]{0,2}\n[0-9+]{0,3}\nOPST/SZzqeWVW7bZVsPZ8gr18w4skv9Lpj5RbB5bg\\+[ghi]=\n[a\n]{0,3}") {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.to_string(), text);
            }
        }
    }
}
