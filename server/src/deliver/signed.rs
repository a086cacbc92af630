//! Signatures of Standard Webhooks 1.0.0: on what is posted to the generic text gateway and to endpoints, and the keys by which what
//! others sign is known.
//!
//! Nothing is sent here.

use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use std::time::{SystemTime, UNIX_EPOCH};

/// One key, or several while one takes the place of another: each signs, and one that fits is enough for whoever checks.
pub struct Signer(Vec<Webhook>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("keys", &self.0.len()).finish()
    }
}

impl Signer {
    /// Signs with these secrets, the newest first.
    ///
    /// # Errors
    /// As [`key`].
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        secrets.into_iter().map(key).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The headers of a body that is sent now. `id` stays the same when it is sent again.
    pub(super) fn headers(&self, id: &str, body: &str) -> [(&'static str, String); 3] {
        let seconds = unix_seconds();
        let timestamp = i64::try_from(seconds).unwrap_or(i64::MAX);
        // Signing fails only for bodies that are not text.
        let signatures = self.0.iter().filter_map(|key| key.sign(id, timestamp, body.as_bytes()).ok());
        let signatures: Vec<String> = signatures.collect();
        [
            (HEADER_WEBHOOK_ID, id.to_string()),
            (HEADER_WEBHOOK_TIMESTAMP, seconds.to_string()),
            (HEADER_WEBHOOK_SIGNATURE, signatures.join(" ")),
        ]
    }
}

/// The key of a `whsec_` secret.
///
/// # Errors
/// It is not one, or is not of the 24 to 64 bytes that Standard Webhooks asks for.
pub fn key(secret: &str) -> anyhow::Result<Webhook> {
    let bytes = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    match bytes {
        Some(bytes) if (24..=64).contains(&bytes.len()) => Ok(Webhook::from_bytes(bytes)?),
        _ => bail!("a webhook secret must be whsec_ and 24 to 64 random bytes in base64"),
    }
}

/// Seconds since 1970 UTC.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    #[test]
    fn keys_are_read_or_refused() {
        assert!(key(SECRET).is_ok());
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", "whsec_c2hvcnQ="] {
            assert!(key(bad).is_err(), "{bad}");
        }
        assert!(Signer::new([SECRET, "whsec_c2hvcnQ="]).is_err());
    }

    #[test]
    fn a_signature_is_the_specifications() {
        let signature = key(SECRET).unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let headers = Signer::new([OTHER, SECRET]).unwrap().headers("id", "{}");
        let mut map = axum::http::HeaderMap::new();
        for (name, value) in headers {
            map.insert(name, value.parse().unwrap());
        }
        for secret in [SECRET, OTHER] {
            assert!(key(secret).unwrap().verify(b"{}", &map).is_ok());
            assert!(key(secret).unwrap().verify(b"{ }", &map).is_err());
        }
        assert!(Webhook::from_bytes(vec![7; 24]).unwrap().verify(b"{}", &map).is_err());
        map.insert("webhook-id", "other".parse().unwrap());
        assert!(key(SECRET).unwrap().verify(b"{}", &map).is_err());
    }
}
