//! ChaCha20-Poly1305 (RFC 8439): what rows, secrets, links and backups are sealed with.
//!
//! ring's, which TLS brings anyway, because most of what is sealed here is short: for a record it takes a quarter of the time of
//! the RustCrypto crate's, whose Poly1305 with AVX2 is slow to begin. Not here: which key, which nonce, what it is bound to.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;
/// Bytes by which what is sealed is longer.
pub const TAG_LEN: usize = 16;

/// Seals and opens under one key. Whoever seals must not use a nonce twice, but for the same content.
pub struct Cipher(LessSafeKey);

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    /// Under this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Cipher(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has its length")))
    }

    /// Ciphertext and tag, bound to bytes that are not in it. Nothing for texts of more than 256 GiB.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], plain: &[u8], bound: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plain.len() + TAG_LEN);
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        match self.0.seal_in_place_append_tag(nonce, Aad::from(bound), &mut sealed) {
            Ok(()) => sealed,
            Err(_) => Vec::new(),
        }
    }

    /// What was sealed; nothing when key, nonce, content or `bound` is not what it was.
    #[must_use]
    pub fn open(&self, nonce: &[u8; NONCE_LEN], sealed: &[u8], bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::from(bound), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20poly1305::ChaCha20Poly1305;
    use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};

    #[test]
    fn another_implementation_seals_the_same_bytes() {
        for length in (0..300).chain([1000, 4096, 70_000]) {
            let (key, nonce) = ([length as u8; 32], [(length / 7) as u8; NONCE_LEN]);
            let plain: Vec<u8> = (0..length).map(|number| (number * 31) as u8).collect();
            let bound = &plain[..length / 3];
            let ours = Cipher::new(&key);
            let sealed = ours.seal(&nonce, &plain, bound);
            let theirs = ChaCha20Poly1305::new(&key.into());
            let same = theirs.encrypt(&nonce.into(), Payload { msg: &plain, aad: bound }).unwrap();
            assert_eq!(sealed, same, "{length}");
            assert_eq!(ours.open(&nonce, &sealed, bound).as_deref(), Some(&plain), "{length}");
            assert_eq!(ours.open(&nonce, &sealed, b"else"), None);
            let mut flipped = sealed.clone();
            flipped[length / 2] ^= 1;
            assert_eq!(ours.open(&nonce, &flipped, bound), None);
        }
        assert_eq!(Cipher::new(&[0; 32]).open(&[0; NONCE_LEN], &[0; TAG_LEN - 1], b""), None);
    }
}
