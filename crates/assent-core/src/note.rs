//! C2SP signed notes: text that carries its signatures, and the keys that make and check them.
//!
//! Source: c2sp.org/signed-note v1.0.0 and c2sp.org/tlog-cosignature v1.0.1. Known key types are
//! Ed25519 (0x01) and the Ed25519 witness cosignature (0x04); lines by other keys are carried and
//! ignored. What the text means is not decided here: see [`crate::checkpoint`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::hash::{
    EncodingError, base64_decode, base64_encode, hex_decode, hex_encode, sha256_parts, to_array,
};

/// What every signature line begins with: an em dash and a space.
const LINE_START: &str = "\u{2014} ";
const SEPARATOR: &str = "\n\n";
const PRIVATE_START: &str = "PRIVATE+KEY+";

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyKind {
    /// Type 0x01: Ed25519 over the note's text.
    Ed25519 = 0x01,
    /// Type 0x04: a witness's timestamped Ed25519 `cosignature/v1`.
    Cosignature = 0x04,
}

/// The first four bytes of H(name || 0x0A || type || public key); prints as 8 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text or some bytes are not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Empty, or with a space or `+`.
    #[error("a key name must not be empty or contain spaces or \"+\"")]
    BadName,
    /// Not `name+id+base64`.
    #[error("a key is written name+id+base64")]
    BadShape,
    /// The ID is not 8 lowercase hex digits, or the key not base64.
    #[error("the key is badly encoded")]
    Encoding(#[source] EncodingError),
    /// Neither 0x01 nor 0x04, or no private key of that type exists.
    #[error("keys of type {0:#04x} are not supported here")]
    UnsupportedType(u8),
    /// Not a point on the curve, or one of the few points anybody can sign for.
    #[error("the bytes are not a usable Ed25519 public key")]
    BadPoint,
    /// The key's name, type and bytes give another ID: a mistyped or altered key.
    #[error("the key says its ID is {stated}, but its content gives {computed}")]
    IdMismatch {
        /// ID in the text.
        stated: KeyId,
        /// ID of what the text holds.
        computed: KeyId,
    },
}

/// A public key and the name it signs under (a *vkey*).
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    id: KeyId,
    key: VerifyingKey,
}

impl VerifierKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// [`KeyError::BadName`] or [`KeyError::BadPoint`].
    pub fn new(name: &str, kind: KeyKind, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::BadName);
        }
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::BadPoint)?;
        if key.is_weak() {
            return Err(KeyError::BadPoint);
        }
        Ok(Self::from_valid(name, kind, key))
    }

    /// Reads `name+XXXXXXXX+base64(type || public key)`.
    ///
    /// # Errors
    /// [`KeyError`], one variant per way the text can be wrong.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, stated, bytes) = split_key(text)?;
        let (kind, public_key) = bytes.split_first().ok_or(KeyError::BadShape)?;
        let kind = match *kind {
            0x01 => KeyKind::Ed25519,
            0x04 => KeyKind::Cosignature,
            other => return Err(KeyError::UnsupportedType(other)),
        };
        let public_key = to_array(public_key).map_err(KeyError::Encoding)?;
        let key = Self::new(name, kind, &public_key)?;
        if key.id == stated { Ok(key) } else { Err(KeyError::IdMismatch { stated, computed: key.id }) }
    }

    /// Name signatures by this key carry; for a log's key, its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// ID signatures by this key carry.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What the key signs.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The 32 bytes of the Ed25519 public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    fn from_valid(name: &str, kind: KeyKind, key: VerifyingKey) -> Self {
        VerifierKey { name: name.to_string(), kind, id: key_id(name, kind, key.as_bytes()), key }
    }

    /// Checks one signature line's payload over `text`; the time it states, for a cosignature.
    fn check(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        match self.kind {
            KeyKind::Ed25519 => self.check_bytes(text.as_bytes(), signature).then_some(None),
            KeyKind::Cosignature => {
                let (time, signature) = signature.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                let signed = cosignature_message(time, text);
                (time <= MAX_TIME && self.check_bytes(signed.as_bytes(), signature)).then_some(Some(time))
            }
        }
    }

    /// Strict on purpose: also refuses the small-order points that would let one signature stand
    /// for many messages.
    fn check_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        match Signature::from_slice(signature) {
            Ok(signature) => self.key.verify_strict(message, &signature).is_ok(),
            Err(_) => false,
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [self.kind as u8; 33];
        bytes[1..].copy_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, base64_encode(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

/// A log's private key: a name and a 32-byte Ed25519 seed, wiped from memory when dropped.
pub struct SignerKey {
    name: String,
    key: SigningKey,
}

impl SignerKey {
    /// A key that signs notes (type 0x01) under `name`.
    ///
    /// # Errors
    /// [`KeyError::BadName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        if is_key_name(name) {
            Ok(SignerKey { name: name.to_string(), key: SigningKey::from_bytes(seed) })
        } else {
            Err(KeyError::BadName)
        }
    }

    /// Reads `PRIVATE+KEY+name+XXXXXXXX+base64(0x01 || seed)`, the form other tools write. The ID
    /// is that of the public key.
    ///
    /// # Errors
    /// [`KeyError`]; its text never holds any part of the key.
    pub fn parse_private(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_prefix(PRIVATE_START).ok_or(KeyError::BadShape)?;
        let (name, stated, bytes) = split_key(text)?;
        let bytes = Zeroizing::new(bytes);
        let (kind, seed) = bytes.split_first().ok_or(KeyError::BadShape)?;
        if *kind != KeyKind::Ed25519 as u8 {
            return Err(KeyError::UnsupportedType(*kind));
        }
        let mut seed = to_array(seed).map_err(KeyError::Encoding)?;
        let key = Self::from_seed(name, &seed);
        seed.zeroize();
        let key = key?;
        let computed = key.verifier().id;
        if computed == stated { Ok(key) } else { Err(KeyError::IdMismatch { stated, computed }) }
    }

    /// The form [`parse_private`](Self::parse_private) reads. It is the secret itself.
    pub fn to_private(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([KeyKind::Ed25519 as u8; 33]);
        bytes[1..].copy_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(base64_encode(&*bytes));
        let mut text =
            Zeroizing::new(String::with_capacity(PRIVATE_START.len() + self.name.len() + 10 + encoded.len()));
        for part in [PRIVATE_START, &self.name, "+", &hex_encode(&self.verifier().id.0), "+", &encoded] {
            text.push_str(part);
        }
        text
    }

    /// Name signatures carry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::from_valid(&self.name, KeyKind::Ed25519, self.key.verifying_key())
    }

    /// A signature line over the text of a note (which ends in a line feed).
    pub fn sign(&self, text: &str) -> NoteSignature {
        let verifier = self.verifier();
        NoteSignature {
            name: verifier.name,
            id: verifier.id,
            signature: self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({}, redacted)", self.name)
    }
}

/// A witness's private key (type 0x04). The same seed as a [`SignerKey`] gives another key ID.
pub struct WitnessKey(SignerKey);

impl WitnessKey {
    /// A key that cosigns checkpoints under `name`.
    ///
    /// # Errors
    /// [`KeyError::BadName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        SignerKey::from_seed(name, seed).map(WitnessKey)
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::from_valid(&self.0.name, KeyKind::Cosignature, self.0.key.verifying_key())
    }

    /// A cosignature line over a checkpoint's text, made at `time` (seconds since 1970 UTC, at
    /// most 2^63 - 1; larger values are signed as that maximum).
    pub fn cosign(&self, text: &str, time: u64) -> NoteSignature {
        let time = time.min(MAX_TIME);
        let verifier = self.verifier();
        let mut signature = time.to_be_bytes().to_vec();
        let signed = cosignature_message(time, text);
        signature.extend_from_slice(&self.0.key.sign(signed.as_bytes()).to_bytes());
        NoteSignature { name: verifier.name, id: verifier.id, signature }
    }
}

impl From<SignerKey> for WitnessKey {
    /// The witness's key of the same name and seed: there is no private text form of its own, so a witness's key is
    /// kept in that of a [`SignerKey`], as other witnesses do.
    fn from(key: SignerKey) -> Self {
        WitnessKey(key)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({}, redacted)", self.0.name)
    }
}

/// One signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: KeyId,
    signature: Vec<u8>,
}

impl NoteSignature {
    /// A line from its parts, for signatures made elsewhere. `signature` excludes the key ID.
    ///
    /// # Errors
    /// [`NoteError::BadSignatureLine`] with line 1 for a bad name or an empty signature.
    pub fn new(name: &str, id: KeyId, signature: Vec<u8>) -> Result<Self, NoteError> {
        if is_key_name(name) && !signature.is_empty() {
            Ok(NoteSignature { name: name.to_string(), id, signature })
        } else {
            Err(NoteError::BadSignatureLine { line: 1 })
        }
    }

    /// Reads one line, with or without its final line feed.
    ///
    /// # Errors
    /// [`NoteError::BadSignatureLine`] with line 1.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        Self::parse_line(line.strip_suffix('\n').unwrap_or(line))
            .ok_or(NoteError::BadSignatureLine { line: 1 })
    }

    /// Name of the key that is said to have made it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// ID of the key that is said to have made it.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes after the key ID: 64 for Ed25519, 72 for a cosignature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    fn parse_line(line: &str) -> Option<Self> {
        let (name, payload) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let payload = base64_decode(payload).ok()?;
        let (id, signature) = payload.split_first_chunk::<4>()?;
        Self::new(name, KeyId(*id), signature.to_vec()).ok()
    }
}

impl fmt::Display for NoteSignature {
    /// The line including its final line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = self.id.0.to_vec();
        payload.extend_from_slice(&self.signature);
        writeln!(f, "{LINE_START}{} {}", self.name, base64_encode(&payload))
    }
}

/// Why some bytes are not a signed note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not UTF-8.
    #[error("the note is not valid UTF-8")]
    NotUtf8,
    /// A byte below 0x20 other than a line feed.
    #[error("the note holds the control byte {byte:#04x} at offset {offset}")]
    ControlByte {
        /// The byte.
        byte: u8,
        /// Where, from 0.
        offset: usize,
    },
    /// The text is empty or does not end in a line feed.
    #[error("the text of a note must end in a line feed")]
    TextNotTerminated,
    /// No blank line between text and signatures.
    #[error("no blank line separates the text from the signatures")]
    NoSeparator,
    /// Nothing after the blank line.
    #[error("the note has no signature line")]
    NoSignatures,
    /// The last signature line does not end in a line feed.
    #[error("the last signature line does not end in a line feed")]
    SignaturesNotTerminated,
    /// Not `— name base64(key ID || signature)`.
    #[error("signature line {line} is not well formed")]
    BadSignatureLine {
        /// Which signature line, from 1.
        line: usize,
    },
}

/// Why a note's signatures do not convince.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteVerifyError {
    /// A line carries a known key's name and ID but was not made by it over this text: the text or
    /// the signature was changed. This rejects the whole note.
    #[error("the signature of {name} ({id}) does not fit the text")]
    WrongSignature {
        /// Name on the line.
        name: String,
        /// ID on the line.
        id: KeyId,
    },
    /// No line is by a known key.
    #[error("the note is not signed by any known key")]
    NoKnownKey,
}

/// A signature line that a known key made over the note's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// Name of the key.
    pub name: String,
    /// ID of the key.
    pub id: KeyId,
    /// For a cosignature, when it was made: seconds since 1970 UTC, at most 2^63 - 1.
    pub time: Option<u64>,
}

/// Text with its signature lines. Parsing checks the form only; [`Note::verify`] the signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// An unsigned note. It cannot be parsed back before a signature is [added](Self::push).
    ///
    /// # Errors
    /// [`NoteError::TextNotTerminated`] or [`NoteError::ControlByte`].
    pub fn new(text: String) -> Result<Self, NoteError> {
        check_control_bytes(&text)?;
        if text.ends_with('\n') {
            Ok(Note { text, signatures: Vec::new() })
        } else {
            Err(NoteError::TextNotTerminated)
        }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError`], one variant per way the form can be wrong.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        check_control_bytes(note)?;
        let separator = note.rfind(SEPARATOR).ok_or(NoteError::NoSeparator)?;
        let text = &note[..=separator];
        let lines = &note[separator + SEPARATOR.len()..];
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::SignaturesNotTerminated)?;
        let mut signatures = Vec::new();
        for (number, line) in lines.split('\n').enumerate() {
            let signature =
                NoteSignature::parse_line(line).ok_or(NoteError::BadSignatureLine { line: number + 1 })?;
            signatures.push(signature);
        }
        Ok(Note { text: text.to_string(), signatures })
    }

    /// Reads a note from bytes.
    ///
    /// # Errors
    /// [`NoteError::NotUtf8`], or as [`parse`](Self::parse).
    pub fn parse_bytes(note: &[u8]) -> Result<Self, NoteError> {
        Self::parse(core::str::from_utf8(note).map_err(|_| NoteError::NotUtf8)?)
    }

    /// The signed text, with its final line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, in order, verified or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line at the end.
    pub fn push(&mut self, signature: NoteSignature) {
        self.signatures.push(signature);
    }

    /// Checks the signatures by `known` keys and ignores all others. Answers the good lines in
    /// their order; never an empty list.
    ///
    /// # Errors
    /// [`NoteVerifyError::WrongSignature`] as soon as one known key's line is bad, even when
    /// another is good; [`NoteVerifyError::NoKnownKey`] when there is none.
    pub fn verify(&self, known: &[VerifierKey]) -> Result<Vec<VerifiedSignature>, NoteVerifyError> {
        let mut verified = Vec::new();
        for line in &self.signatures {
            let Some(key) = known.iter().find(|key| key.id == line.id && key.name == line.name) else {
                continue;
            };
            match key.check(&self.text, &line.signature) {
                Some(time) => verified.push(VerifiedSignature { name: line.name.clone(), id: line.id, time }),
                None => {
                    return Err(NoteVerifyError::WrongSignature { name: line.name.clone(), id: line.id });
                }
            }
        }
        if verified.is_empty() { Err(NoteVerifyError::NoKnownKey) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str("\n")?;
        for signature in &self.signatures {
            fmt::Display::fmt(signature, f)?;
        }
        Ok(())
    }
}

/// Latest time a cosignature may state.
const MAX_TIME: u64 = i64::MAX as u64;

/// What a witness signs: the time, then the whole text of the note.
fn cosignature_message(time: u64, text: &str) -> String {
    ["cosignature/v1\ntime ", &time.to_string(), "\n", text].concat()
}

fn check_control_bytes(note: &str) -> Result<(), NoteError> {
    match note.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        Some(offset) => Err(NoteError::ControlByte { byte: note.as_bytes()[offset], offset }),
        None => Ok(()),
    }
}

/// Whether a name may be a key's name, and with it a log's origin: not empty, no Unicode space, no
/// `+`, no control character.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c < ' ')
}

fn key_id(name: &str, kind: KeyKind, public_key: &[u8; 32]) -> KeyId {
    let hash = sha256_parts(&[name.as_bytes(), &[b'\n', kind as u8], public_key]);
    KeyId([hash.0[0], hash.0[1], hash.0[2], hash.0[3]])
}

/// Splits `name+id+base64`; base64 may itself hold `+`.
fn split_key(text: &str) -> Result<(&str, KeyId, Vec<u8>), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::BadShape);
    };
    if !is_key_name(name) {
        return Err(KeyError::BadName);
    }
    let id = hex_decode(id).and_then(|id| to_array(&id)).map_err(KeyError::Encoding)?;
    let bytes = base64_decode(bytes).map_err(KeyError::Encoding)?;
    Ok((name, KeyId(id), bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::boxed::Box;
    use std::format;
    use std::vec;

    /// Spec vector (c2sp.org/signed-note).
    const SPEC_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const SPEC_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    pub(crate) const ORIGIN: &str = "log.example.org/clinic";
    pub(crate) const WITNESS: &str = "witness.example.org";
    pub(crate) const LOG_KEY: &str =
        "log.example.org/clinic+eaed1468+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    const WITNESS_KEY: &str = "witness.example.org+0ea12664+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X";

    /// The seed 00 01 02 ... 1f, as in `FORMAT.md`.
    pub(crate) fn log_key() -> SignerKey {
        SignerKey::from_seed(ORIGIN, &core::array::from_fn(|i| i as u8)).unwrap()
    }

    /// The seed 20 21 22 ... 3f.
    pub(crate) fn witness_key() -> WitnessKey {
        WitnessKey::from_seed(WITNESS, &core::array::from_fn(|i| i as u8 + 32)).unwrap()
    }

    fn signed(text: &str) -> Note {
        let mut note = Note::new(text.to_string()).unwrap();
        note.push(log_key().sign(text));
        note
    }

    /// Changes the last character of the last signature's bytes.
    fn spoiled(signature: NoteSignature) -> NoteSignature {
        let mut signature = signature;
        *signature.signature.last_mut().unwrap() ^= 1;
        signature
    }

    #[test]
    fn spec_vector() {
        let key = VerifierKey::parse(SPEC_KEY).unwrap();
        assert_eq!(key.to_string(), SPEC_KEY);
        let note = Note::parse(SPEC_NOTE).unwrap();
        assert_eq!(note.to_string(), SPEC_NOTE);
        assert_eq!(note.text(), "This is an example message.\n");
        let verified = note.verify(&[key]).unwrap();
        assert_eq!(verified.len(), 1);
        assert_eq!((verified[0].name.as_str(), verified[0].time), ("example.com/foo", None));
    }

    /// `FORMAT.md`, "Vectors"; computed there with another language's libraries.
    #[test]
    fn keys_of_the_vectors() {
        assert_eq!(log_key().verifier().to_string(), LOG_KEY);
        assert_eq!(witness_key().verifier().to_string(), WITNESS_KEY);
        assert_eq!(VerifierKey::parse(WITNESS_KEY).unwrap().kind(), KeyKind::Cosignature);
        // One seed, two kinds, two IDs.
        let same_seed = WitnessKey::from_seed(ORIGIN, log_key().key.as_bytes()).unwrap().verifier();
        assert_eq!(same_seed, WitnessKey::from(log_key()).verifier());
        assert_eq!(same_seed.public_key(), log_key().verifier().public_key());
        assert_ne!(same_seed.id(), log_key().verifier().id());
    }

    #[test]
    fn wrong_keys_are_named() {
        let parse = |text: &str| VerifierKey::parse(text).map(|_| ());
        assert_eq!(parse(""), Err(KeyError::BadShape));
        assert_eq!(parse("name+530d903a"), Err(KeyError::BadShape));
        assert_eq!(parse(&LOG_KEY.replace("log.", "log .")), Err(KeyError::BadName));
        assert_eq!(parse("+530d903a+AekyeRrm"), Err(KeyError::BadName));
        assert!(matches!(parse(&LOG_KEY.replace("eaed", "EAED")), Err(KeyError::Encoding(_))));
        assert!(matches!(parse(&LOG_KEY.replace("eaed1468", "eaed14")), Err(KeyError::Encoding(_))));
        assert!(matches!(parse(LOG_KEY.trim_end_matches('4')), Err(KeyError::Encoding(_))));
        assert!(matches!(parse(&LOG_KEY.replace("log.", "lag.")), Err(KeyError::IdMismatch { .. })));
        assert!(matches!(parse(&LOG_KEY.replace("eaed", "eaee")), Err(KeyError::IdMismatch { .. })));
        for kind in [0_u8, 2, 6, 0xff] {
            let mut bytes = vec![kind];
            bytes.extend(log_key().verifier().public_key());
            let text = format!("name+00000000+{}", base64_encode(&bytes));
            assert_eq!(parse(&text), Err(KeyError::UnsupportedType(kind)));
        }
        let new = |bytes| VerifierKey::new("name", KeyKind::Ed25519, bytes).map(|_| ());
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(new(&identity), Err(KeyError::BadPoint), "anyone can sign for it");
        assert_eq!(new(&[2; 32]), Err(KeyError::BadPoint), "not on the curve");
        assert!(matches!(SignerKey::from_seed("a b", &[0; 32]), Err(KeyError::BadName)));
        assert!(matches!(SignerKey::from_seed("a\u{a0}b", &[0; 32]), Err(KeyError::BadName)));
    }

    #[test]
    fn private_keys_round_trip_and_stay_out_of_debug_output() {
        let key = log_key();
        let text = key.to_private();
        let again = SignerKey::parse_private(&text).unwrap();
        assert_eq!(again.verifier(), key.verifier());
        let mut theirs = signed_note::StandardSigner::new(&text).unwrap();
        let _: &mut dyn signed_note::Signer = &mut theirs;
        assert_eq!(format!("{key:?}"), "SignerKey(log.example.org/clinic, redacted)");
        assert_eq!(format!("{:?}", witness_key()), "WitnessKey(witness.example.org, redacted)");
        let parse = |text: &str| SignerKey::parse_private(text).map(|_| ());
        assert_eq!(parse(LOG_KEY), Err(KeyError::BadShape));
        assert!(matches!(parse(&text.replace("eaed", "eaee")), Err(KeyError::IdMismatch { .. })));
        let witness = text.replace("+AQ", "+BA");
        assert_eq!(parse(&witness), Err(KeyError::UnsupportedType(4)));
    }

    #[test]
    fn malformed_notes_are_named() {
        let good = signed("text\n").to_string();
        assert!(Note::parse(&good).is_ok());
        let line = log_key().sign("text\n").to_string();
        let bad_line = |line| Err(NoteError::BadSignatureLine { line });
        for (note, expected) in [
            (String::new(), Err(NoteError::NoSeparator)),
            ("text\n".into(), Err(NoteError::NoSeparator)),
            ("text\n\n".into(), Err(NoteError::NoSignatures)),
            (good[..good.len() - 1].into(), Err(NoteError::SignaturesNotTerminated)),
            (good.replace("text", "te\txt"), Err(NoteError::ControlByte { byte: 9, offset: 2 })),
            (good.replace("text", "te\rxt"), Err(NoteError::ControlByte { byte: 13, offset: 2 })),
            (good.replace('\u{2014}', "-"), bad_line(1)),
            (format!("{good}x\n"), bad_line(2)),
            (format!("{good}{}", line.replacen("\u{2014} ", "\u{2014}", 1)), bad_line(2)),
            (format!("{good}\u{2014} name AAAAAA==\n"), bad_line(2)),
            (format!("{good}\u{2014} name\n"), bad_line(2)),
            (format!("{good}\u{2014}  AAAAAAAA\n"), bad_line(2)),
            (format!("{good}\u{2014} na+me AAAAAAAA\n"), bad_line(2)),
            (format!("{good}\u{2014} name AAAAAAAA \n"), bad_line(2)),
        ] {
            assert_eq!(Note::parse(&note).map(|_| ()), expected, "{note:?}");
        }
        assert_eq!(Note::parse_bytes(b"\xff\n\n"), Err(NoteError::NotUtf8));
        assert_eq!(Note::new("text".into()), Err(NoteError::TextNotTerminated));
        assert_eq!(Note::new(String::new()), Err(NoteError::TextNotTerminated));
        assert!(NoteSignature::new("name", KeyId([0; 4]), Vec::new()).is_err());
        assert_eq!(NoteSignature::parse(&line).map(|s| s.to_string()), Ok(line));
    }

    #[test]
    fn the_last_blank_line_separates() {
        let note = signed("one\n\ntwo\n");
        let again = Note::parse(&note.to_string()).unwrap();
        assert_eq!(again.text(), "one\n\ntwo\n");
        assert!(again.verify(&[log_key().verifier()]).is_ok());
    }

    #[test]
    fn known_bad_rejects_unknown_is_ignored_none_rejects() {
        let known = [log_key().verifier()];
        let text = "text\n";
        let stranger = SignerKey::from_seed("stranger", &[9; 32]).unwrap();
        let wrong =
            Err(NoteVerifyError::WrongSignature { name: ORIGIN.to_string(), id: log_key().verifier().id() });

        let mut note = signed(text);
        note.push(spoiled(stranger.sign(text)));
        assert_eq!(note.verify(&known).map(|good| good.len()), Ok(1), "strangers do not matter");
        // Same name, other ID: still a stranger.
        note.push(SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap().sign("other"));
        assert_eq!(note.verify(&known).map(|good| good.len()), Ok(1));
        note.push(spoiled(log_key().sign(text)));
        assert_eq!(note.verify(&known), wrong, "a bad line after a good one");

        assert_eq!(note.verify(&[]), Err(NoteVerifyError::NoKnownKey));
        let mut unsigned = Note::new(text.to_string()).unwrap();
        assert_eq!(unsigned.verify(&known), Err(NoteVerifyError::NoKnownKey));
        unsigned.push(stranger.sign(text));
        assert_eq!(unsigned.verify(&known), Err(NoteVerifyError::NoKnownKey));

        let changed = signed(text).to_string().replace("text", "test");
        assert_eq!(Note::parse(&changed).unwrap().verify(&known), wrong);
        let mut short = Note::new(text.to_string()).unwrap();
        let id = known[0].id();
        short.push(NoteSignature::new(ORIGIN, id, vec![1; 63]).unwrap());
        assert_eq!(short.verify(&known), wrong);
    }

    #[test]
    fn many_and_long_signature_lines() {
        let mut note = Note::new("text\n".to_string()).unwrap();
        for i in 0..200_u8 {
            // As long as an ML-DSA-44 cosignature and more.
            note.push(NoteSignature::new("grease", KeyId([i; 4]), vec![i; 5000]).unwrap());
        }
        note.push(log_key().sign("text\n"));
        let again = Note::parse(&note.to_string()).unwrap();
        assert_eq!(again, note);
        assert!(again.verify(&[log_key().verifier()]).is_ok());
    }

    #[test]
    fn agrees_with_signed_note() {
        let text = "log.example.org/clinic\n5\ntext\n";
        let ours = signed(text).to_string();
        let verifiers = |key: &str| {
            let verifier = signed_note::StandardVerifier::new(key).unwrap();
            signed_note::VerifierList::new(vec![Box::new(verifier)])
        };
        let theirs = signed_note::Note::from_bytes(ours.as_bytes()).unwrap();
        assert_eq!(theirs.text(), text.as_bytes());
        theirs.verify(&verifiers(LOG_KEY)).unwrap();
        assert_eq!(theirs.to_bytes(), ours.as_bytes());

        let signer = signed_note::StandardSigner::new(&log_key().to_private()).unwrap();
        let mut made = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        made.add_sigs(&[&signer]).unwrap();
        assert_eq!(made.to_bytes(), ours.as_bytes(), "Ed25519 signatures are deterministic");

        let changed = ours.replace("text", "test");
        let theirs = signed_note::Note::from_bytes(changed.as_bytes()).unwrap();
        assert!(theirs.verify(&verifiers(LOG_KEY)).is_err());
    }

    proptest! {
        #[test]
        fn print_and_parse(
            text in "([ -~é—\n]{0,40}\n){1,4}",
            lines in prop::collection::vec(("[a-z./é-]{1,20}", any::<[u8; 4]>(), prop::collection::vec(any::<u8>(), 1..80)), 1..5),
        ) {
            let mut note = Note::new(text).unwrap();
            for (name, id, signature) in lines {
                note.push(NoteSignature::new(&name, KeyId(id), signature).unwrap());
            }
            prop_assert_eq!(Note::parse(&note.to_string()), Ok(note));
        }

        #[test]
        fn what_parses_prints_the_same(note in "[a-z\n]{0,9}\n\n(\u{2014} [a-z+]{1,3} [A-Za-z0-9+/]{8}\n){0,3}") {
            let ours = Note::parse(&note);
            let theirs = signed_note::Note::from_bytes(note.as_bytes());
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "signed_note disagrees");
            if let Ok(parsed) = ours {
                prop_assert_eq!(parsed.to_string(), note);
            }
        }

        #[test]
        fn keys_round_trip(name in "[a-z0-9./é-]{1,30}", seed: [u8; 32]) {
            let key = SignerKey::from_seed(&name, &seed).unwrap();
            let text = key.verifier().to_string();
            prop_assert_eq!(VerifierKey::parse(&text), Ok(key.verifier()));
            prop_assert_eq!(SignerKey::parse_private(&key.to_private()).unwrap().verifier(), key.verifier());
        }
    }
}
