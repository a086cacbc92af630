//! The tlog-proof text: one inclusion proof together with the checkpoint it leads to.
//!
//! Source: c2sp.org/tlog-proof. The `extra` field is not authenticated; receipts keep the salt in
//! it. What the leaf is made of is the caller's business: see [`crate::receipt`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::checkpoint::{Checkpoint, CheckpointVerifyError, SignedCheckpoint};
use crate::hash::{Hash, base64_decode, base64_encode, parse_decimal};
use crate::merkle::{InclusionError, verify_inclusion};
use crate::note::VerifierKey;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// No tree has a longer inclusion proof.
const MAX_PATH: usize = 63;

/// An inclusion proof and a signed checkpoint, as text. Parsing checks the form only.
#[derive(Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Data needed to rebuild the leaf, here the salt. Not covered by any signature.
    pub extra: Option<Vec<u8>>,
    /// Number of the entry, from 0.
    pub index: u64,
    /// RFC 6962 inclusion proof, leaf's sibling first.
    pub path: Vec<Hash>,
    /// The checkpoint note, verbatim with all its signature lines.
    pub checkpoint: String,
}

/// Why a text is not a tlog-proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofParseError {
    /// The first line is not `c2sp.org/tlog-proof@v1`.
    #[error("the proof does not begin with {FIRST_LINE}")]
    UnknownFormat,
    /// The `extra` line is not base64.
    #[error("the extra line is not base64")]
    BadExtra,
    /// No `index` line where one must be, or not a decimal number without leading zeros.
    #[error("the index line is missing or not a decimal number without leading zeros")]
    BadIndex,
    /// A line of the path is not 32 bytes of base64.
    #[error("hash {number} of the path is not 32 bytes of base64")]
    BadHash {
        /// Which line of the path, from 1.
        number: usize,
    },
    /// More hashes than any tree needs.
    #[error("the path has more than {MAX_PATH} hashes")]
    PathTooLong,
    /// The text ends before the blank line or right after it.
    #[error("the proof holds no checkpoint")]
    NoCheckpoint,
}

/// Why a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofVerifyError {
    /// The checkpoint does not convince.
    #[error("the proof's checkpoint does not hold")]
    Checkpoint(#[source] CheckpointVerifyError),
    /// The leaf is not shown to be in the checkpoint's tree.
    #[error("the proof does not show the entry in the log")]
    Inclusion(#[source] InclusionError),
}

impl TlogProof {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`ProofParseError`], one variant per way the text can be wrong.
    pub fn parse(text: &str) -> Result<Self, ProofParseError> {
        let rest = text
            .strip_prefix(FIRST_LINE)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(ProofParseError::UnknownFormat)?;
        let mut rest = rest;
        let mut next_line = || -> Option<&str> {
            let (line, after) = rest.split_once('\n')?;
            rest = after;
            Some(line)
        };

        let mut line = next_line().ok_or(ProofParseError::BadIndex)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = Some(base64_decode(encoded).map_err(|_| ProofParseError::BadExtra)?);
            line = next_line().ok_or(ProofParseError::BadIndex)?;
        }
        let index = line.strip_prefix("index ").and_then(parse_decimal).ok_or(ProofParseError::BadIndex)?;
        let mut path = Vec::new();
        loop {
            let line = next_line().ok_or(ProofParseError::NoCheckpoint)?;
            if line.is_empty() {
                break;
            }
            if path.len() == MAX_PATH {
                return Err(ProofParseError::PathTooLong);
            }
            let hash =
                Hash::from_base64(line).map_err(|_| ProofParseError::BadHash { number: path.len() + 1 })?;
            path.push(hash);
        }
        if rest.is_empty() {
            return Err(ProofParseError::NoCheckpoint);
        }
        Ok(TlogProof { extra, index, path, checkpoint: rest.to_string() })
    }

    /// Checks that the log signed its checkpoint and that `leaf` (a leaf hash) is entry
    /// [`index`](Self::index) under it.
    ///
    /// # Errors
    /// [`ProofVerifyError`]; the checkpoint is judged first.
    pub fn verify(&self, leaf: &Hash, log_key: &VerifierKey) -> Result<SignedCheckpoint, ProofVerifyError> {
        let signed = Checkpoint::verify(&self.checkpoint, log_key).map_err(ProofVerifyError::Checkpoint)?;
        let head = signed.checkpoint();
        verify_inclusion(self.index, head.size, leaf, &self.path, &head.root)
            .map_err(ProofVerifyError::Inclusion)?;
        Ok(signed)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64_encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl fmt::Debug for TlogProof {
    /// Without `extra`, which is a person's salt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlogProof")
            .field("index", &self.index)
            .field("path", &self.path)
            .field("checkpoint", &self.checkpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;
    use crate::merkle::tests::subtrees;
    use crate::merkle::{inclusion_proof, leaf_hash, root_of};
    use crate::note::tests::{ORIGIN, log_key};
    use proptest::prelude::*;
    use std::format;
    use std::vec;

    fn proof() -> (TlogProof, Hash) {
        let leaves: Vec<Hash> = (0..7_u8).map(|i| leaf_hash(&[i])).collect();
        let head = Checkpoint::new(ORIGIN, 7, root_of(&leaves)).unwrap();
        let proof = TlogProof {
            extra: Some(vec![1, 2, 3]),
            index: 4,
            path: inclusion_proof(4, 7, &mut subtrees(&leaves)).unwrap(),
            checkpoint: head.sign(&log_key()).unwrap().to_string(),
        };
        (proof, leaves[4])
    }

    #[test]
    fn verifies() {
        let (proof, leaf) = proof();
        let key = log_key().verifier();
        let signed = proof.verify(&leaf, &key).unwrap();
        assert_eq!(signed.checkpoint().size, 7);
        assert!(matches!(
            proof.verify(&leaf_hash(b"other"), &key),
            Err(ProofVerifyError::Inclusion(InclusionError::RootMismatch { .. }))
        ));
        let mut changed = proof.clone();
        changed.index = 7;
        assert!(matches!(
            changed.verify(&leaf, &key),
            Err(ProofVerifyError::Inclusion(InclusionError::IndexOutOfRange { index: 7, size: 7 }))
        ));
        let mut changed = proof;
        changed.checkpoint = changed.checkpoint.replace("\n7\n", "\n8\n");
        assert!(matches!(changed.verify(&leaf, &key), Err(ProofVerifyError::Checkpoint(_))));
    }

    #[test]
    fn the_salt_stays_out_of_debug_output() {
        assert!(!format!("{:?}", proof().0).contains("extra"));
    }

    #[test]
    fn malformed_texts_are_named() {
        use ProofParseError as E;
        let good = proof().0.to_string();
        assert!(good.starts_with("c2sp.org/tlog-proof@v1\nextra AQID\nindex 4\n"));
        let hash = proof().0.path[0].to_base64();
        let many = format!("index 4\n{}", format!("{hash}\n").repeat(61));
        for (text, expected) in [
            (String::new(), E::UnknownFormat),
            (good.replace("@v1", "@v2"), E::UnknownFormat),
            (good.replace("@v1\n", "@v1 \n"), E::UnknownFormat),
            (good.replace("AQID", "AQI"), E::BadExtra),
            (good.replace("AQID\n", "AQID"), E::BadExtra),
            (good.replace("extra", "Extra"), E::BadIndex),
            (good.replace("index 4", "index 04"), E::BadIndex),
            (good.replace("index 4", "index -4"), E::BadIndex),
            (good.replace("index 4", "index"), E::BadIndex),
            (good.replace("index 4", "index 18446744073709551616"), E::BadIndex),
            ("c2sp.org/tlog-proof@v1\n".into(), E::BadIndex),
            ("c2sp.org/tlog-proof@v1\nextra AQID\n".into(), E::BadIndex),
            (good.replacen(&hash, &hash[1..], 1), E::BadHash { number: 1 }),
            (good.replacen(&hash, "AAAA", 1), E::BadHash { number: 1 }),
            (good.replacen("index 4\n", &many, 1), E::PathTooLong),
            (good[..good.find("\n\n").unwrap() + 1].into(), E::NoCheckpoint),
            (good[..good.find("\n\n").unwrap() + 2].into(), E::NoCheckpoint),
        ] {
            assert_eq!(TlogProof::parse(&text), Err(expected), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn print_and_parse(
            extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..70)),
            index: u64,
            path in 0_u8..=63,
            checkpoint in "[ -~\n]{1,60}",
        ) {
            let path = (0..path).map(|i| sha256(&[i])).collect();
            let proof = TlogProof { extra, index, path, checkpoint };
            let text = proof.to_string();
            let again = TlogProof::parse(&text);
            prop_assert_eq!(again.map(|proof| proof.to_string()), Ok(text.clone()));
            prop_assert_eq!(TlogProof::parse(&text), Ok(proof));
        }
    }
}
