//! `log.keys`: the log's signing seed, the contact key, and the period secrets, in one small file.
//!
//! Written whole each time; the file it replaces is overwritten before it is let go, so that a destroyed secret does not
//! live on in freed blocks. Wrapping and who may change what are in `keys.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use zeroize::Zeroizing;

use super::{KeyStoreError, Secret, draw, file_error, open_file, seal_file};
use crate::cipher::Cipher;
use crate::files;
use crate::outside::{Random, RandomError};

pub(super) const FILE: &str = "log.keys";
const MAGIC: &[u8; 16] = b"assent-keys/v1\n\0";

/// What the file holds.
#[derive(Clone)]
pub(super) struct LogKeys {
    /// Seed of the signing key.
    pub(super) seed: Secret,
    /// Key of the contact hashes.
    pub(super) contact: Secret,
    /// Period secrets, by month (year × 12 + month − 1).
    pub(super) periods: BTreeMap<u32, Secret>,
}

/// Whether the file is there.
pub(super) fn exist(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

impl LogKeys {
    pub(super) fn drawn(random: &dyn Random) -> Result<Self, RandomError> {
        Ok(LogKeys { seed: draw(random)?, contact: draw(random)?, periods: BTreeMap::new() })
    }

    pub(super) fn write(
        &self,
        folder: &Path,
        wrap: &Cipher,
        random: &dyn Random,
    ) -> Result<(), KeyStoreError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(64 + self.periods.len() * 36));
        plain.extend_from_slice(&*self.seed);
        plain.extend_from_slice(&*self.contact);
        for (period, secret) in &self.periods {
            plain.extend_from_slice(&period.to_be_bytes());
            plain.extend_from_slice(&**secret);
        }
        let path = folder.join(FILE);
        files::replace_and_scrub(&path, &seal_file(wrap, MAGIC, &plain, random)?).map_err(file_error(&path))
    }

    pub(super) fn read(folder: &Path, wrap: &Cipher) -> Result<Self, KeyStoreError> {
        let path = folder.join(FILE);
        let plain = open_file(wrap, MAGIC, &path)?;
        let plain = plain.ok_or_else(|| KeyStoreError::Missing { path: path.clone() })?;
        Self::parse(&plain).ok_or(KeyStoreError::WrongKey { path })
    }

    fn parse(plain: &[u8]) -> Option<Self> {
        let (seed, rest) = plain.split_first_chunk::<32>()?;
        let (contact, rest) = rest.split_first_chunk::<32>()?;
        let mut periods = BTreeMap::new();
        let (entries, rest) = rest.as_chunks::<36>();
        for entry in entries {
            let (period, secret) = entry.split_first_chunk::<4>()?;
            periods.insert(u32::from_be_bytes(*period), Zeroizing::new(secret.try_into().ok()?));
        }
        let keys = LogKeys { seed: Zeroizing::new(*seed), contact: Zeroizing::new(*contact), periods };
        rest.is_empty().then_some(keys)
    }
}
