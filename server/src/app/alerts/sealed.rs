//! Small sealed texts, under keys of the site's: links that travel in messages, and numbers that wait in jobs.
//!
//! The nonce is made from what is sealed (as AES-SIV does), so that the same thing is sealed the same again and nobody can forge
//! one; whoever looks sees that two are the same, and nothing else.

use assent_ledger::{Cipher, Ledger, NONCE_LEN};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What is sealed for one use does not open as another.
#[derive(Debug)]
pub(super) struct Use {
    /// Name of the key it is sealed under.
    pub(super) key: &'static str,
    /// Name of the key its nonces are made with.
    pub(super) nonces: &'static str,
    /// What it is.
    pub(super) label: &'static str,
}

/// Seals and opens for one use of one site.
pub struct Sealer {
    cipher: Cipher,
    nonces: Hmac<Sha256>,
    label: &'static str,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Sealer {
    pub(super) fn new(ledger: &Ledger, usage: &Use) -> Self {
        let key = ledger.derived_key(usage.nonces);
        let nonces = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*key);
        Self {
            cipher: Cipher::new(&ledger.derived_key(usage.key)),
            nonces: nonces.expect("HMAC takes keys of any length"),
            label: usage.label,
        }
    }

    /// Seals: letters, digits, `-` and `_`.
    pub(super) fn seal(&self, plain: &[u8]) -> String {
        let nonce = self.nonce(plain);
        let sealed = self.cipher.seal(&nonce, plain, self.label.as_bytes());
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// What was sealed here for this use. Nothing for anything else, whatever is wrong with it.
    pub(super) fn open(&self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        self.cipher.open(nonce, sealed, self.label.as_bytes())
    }

    fn nonce(&self, plain: &[u8]) -> [u8; NONCE_LEN] {
        let mut mac = self.nonces.clone();
        mac.update(plain);
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&hash[..NONCE_LEN]);
        nonce
    }
}
