//! Small sealed texts, under keys of the site's: links that travel in messages, and numbers that wait in jobs.
//!
//! The nonce is made from what is sealed (as AES-SIV does), so that the same thing is sealed the same again and nobody can forge
//! one; whoever looks sees that two are the same, and nothing else.

use assent_ledger::Ledger;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

const NONCE_LEN: usize = 12;

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

/// Seals: letters, digits, `-` and `_`.
pub(super) fn seal(ledger: &Ledger, usage: &Use, plain: &[u8]) -> String {
    let nonce = nonce(ledger, usage, plain);
    let payload = Payload { msg: plain, aad: usage.label.as_bytes() };
    // Fails only for texts of gigabytes.
    let sealed = cipher(ledger, usage).encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
    URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
}

/// What was sealed here for this use. Nothing for anything else, whatever is wrong with it.
pub(super) fn open(ledger: &Ledger, usage: &Use, text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let payload = Payload { msg: sealed, aad: usage.label.as_bytes() };
    cipher(ledger, usage).decrypt(&Nonce::from(*nonce), payload).ok()
}

fn cipher(ledger: &Ledger, usage: &Use) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&(*ledger.derived_key(usage.key)).into())
}

fn nonce(ledger: &Ledger, usage: &Use, plain: &[u8]) -> [u8; NONCE_LEN] {
    let key = ledger.derived_key(usage.nonces);
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(plain);
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&hash[..NONCE_LEN]);
    nonce
}
