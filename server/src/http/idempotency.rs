//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header): a repeated request is recorded once.
//!
//! The draft asks for a structured-field string, in quotes; many clients leave the quotes out, so both are taken.
//! How long keys are remembered and what a replay answers is the ledger's business.

use super::error::{Code, Problem};
use super::extract::only_header;
use axum::http::HeaderMap;

/// The header's name.
pub(super) const HEADER: &str = "idempotency-key";
/// Set to `true` on the answer to a request that was recorded before.
pub(super) const REPLAYED: &str = "idempotent-replayed";
const LONGEST: usize = 128;

/// The key, without quotes: 1 to 128 visible ASCII characters.
pub(super) fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let (missing, wrong) = (Code::IdempotencyKeyMissing, Code::IdempotencyKeyMalformed);
    parse(only_header(headers, HEADER, missing, wrong)?).ok_or_else(|| wrong.into())
}

/// The key in a header's or form field's text.
pub(super) fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => unescape(rest.strip_suffix('"')?)?,
        None => text.to_string(),
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=LONGEST).contains(&key.len())).then_some(key)
}

/// RFC 9651 strings escape only the quote and the backslash.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => plain.push(chars.next().filter(|next| matches!(next, '"' | '\\'))?),
            '"' => return None,
            other => plain.push(other),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quoted_and_unquoted() {
        let long = "k".repeat(129);
        for (text, key) in [
            ("\"8e03-a\"", Some("8e03-a")),
            ("8e03-a", Some("8e03-a")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            ("", None),
            ("\"\"", None),
            ("\"open", None),
            ("a b", None),
            ("é", None),
            (r#""a\n""#, None),
            (long.as_str(), None),
        ] {
            assert_eq!(parse(text).as_deref(), key, "{text}");
        }
    }
}
