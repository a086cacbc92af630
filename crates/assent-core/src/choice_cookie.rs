//! The one cookie: the choice itself, and the token that lets its holder change it.
//!
//! Form, one line: `v1.{token}.{notice}.{decided}.{choices}` with the subject token (22 characters), the first 16
//! hex digits of the notice's hash, the time of the decision in Unix seconds, and `purpose:y` or `purpose:n` for
//! each decided purpose of the banner, joined by `~`. What was said earlier than the rest has `-` and the whole days that it
//! is older than `decided`, rounded up (`purpose:y-30`), so that one decision does not prolong another. Strictly necessary (it keeps "a record of selections"), used
//! for nothing else. The loader (`frontend/loader`) reads and writes the same form; the server sets it again, so
//! that browsers which forget script-set cookies keep it. Anything malformed counts as no cookie: everything off.

use crate::decision::Choice;
use crate::ids::PurposeId;
use crate::subject::SubjectToken;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

/// The cookie's name; one site's choice, for the site's whole cookie domain.
pub const COOKIE_NAME: &str = "assent";

/// The most days that a choice can be older than the newest one. Older ones are said to be so old.
pub const OLDEST: u16 = 999;

/// What the cookie says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceCookie {
    /// The holder's token.
    pub token: SubjectToken,
    /// First 16 hex digits of the notice the choice was made on.
    pub notice: String,
    /// When, in Unix seconds.
    pub decided: u64,
    /// The choice per purpose. Only a yes lets a consent purpose run.
    pub choices: BTreeMap<PurposeId, Choice>,
    /// Days by which a choice is older than `decided`, 1 to [`OLDEST`]; of the same time where nothing stands.
    pub older: BTreeMap<PurposeId, u16>,
}

impl ChoiceCookie {
    /// Reads a cookie value; `None` for anything that is not exactly the form above.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split('.');
        if parts.next()? != "v1" {
            return None;
        }
        let token = SubjectToken::parse(parts.next()?).ok()?;
        let notice = parts.next()?;
        if notice.len() != 16 || !notice.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let decided = parts.next()?;
        if decided.is_empty() || decided.len() > 12 || !decided.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (mut choices, mut older) = (BTreeMap::new(), BTreeMap::new());
        let list = parts.next()?;
        for item in list.split('~').filter(|_| !list.is_empty()) {
            let (purpose, said) = item.split_once(':')?;
            let (choice, days) =
                said.split_once('-').map_or((said, None), |(choice, days)| (choice, Some(days)));
            let purpose = PurposeId::new(purpose).ok()?;
            if let Some(days) = days {
                let number = days.parse::<u16>().ok()?;
                if !(1..=OLDEST).contains(&number) || number.to_string() != days {
                    return None;
                }
                older.insert(purpose.clone(), number);
            }
            let choice = match choice {
                "y" => Choice::Yes,
                "n" => Choice::No,
                _ => return None,
            };
            choices.insert(purpose, choice);
        }
        if parts.next().is_some() {
            return None;
        }
        Some(Self { token, notice: notice.to_string(), decided: decided.parse().ok()?, choices, older })
    }

    /// The cookie value. Only characters that RFC 6265 allows unquoted.
    #[must_use]
    pub fn to_value(&self) -> String {
        let mut value = alloc::format!("v1.{}.{}.{}.", self.token.reveal(), self.notice, self.decided);
        for (index, (purpose, choice)) in self.choices.iter().enumerate() {
            if index > 0 {
                value.push('~');
            }
            value.push_str(purpose.as_str());
            value.push_str(match choice {
                Choice::Yes => ":y",
                Choice::No => ":n",
            });
            if let Some(days) = self.older.get(purpose) {
                value.push_str(&alloc::format!("-{days}"));
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_it_writes() {
        let value = "v1.BwcHBwcHBwcHBwcHBwcHBw.0123456789abcdef.1790000000.analytics:y~surveys:n";
        let cookie = ChoiceCookie::parse(value).unwrap();
        assert_eq!(cookie.to_value(), value);
        assert_eq!(cookie.choices.len(), 2);
        let older = "v1.BwcHBwcHBwcHBwcHBwcHBw.0123456789abcdef.1790000000.analytics:y-30~surveys:n";
        let cookie = ChoiceCookie::parse(older).unwrap();
        assert_eq!(cookie.to_value(), older);
        assert_eq!(cookie.older[&PurposeId::new("analytics").unwrap()], 30);
        for bad in ["y-", "y-0", "y-030", "y-1000", "y--1", "y-1-1", "y-+1", "x-1"] {
            assert_eq!(ChoiceCookie::parse(&older.replace("y-30", bad)), None, "{bad}");
        }
        let none = "v1.BwcHBwcHBwcHBwcHBwcHBw.0123456789abcdef.1790000000.";
        assert_eq!(ChoiceCookie::parse(none).unwrap().to_value(), none);
    }

    proptest! {
        #[test]
        fn never_panics_and_never_guesses(text in "\\PC{0,80}", cut in 0usize..80, with in "[.:~yn0-9a-z-]") {
            let _ = ChoiceCookie::parse(&text);
            let value = "v1.BwcHBwcHBwcHBwcHBwcHBw.0123456789abcdef.1790000000.analytics:y~surveys:n";
            let mut changed = value.to_string();
            if changed.is_char_boundary(cut) && cut < changed.len() {
                changed.replace_range(cut..=cut, &with);
            }
            if let Some(cookie) = ChoiceCookie::parse(&changed) {
                prop_assert_eq!(ChoiceCookie::parse(&cookie.to_value()), Some(cookie));
            }
        }
    }
}
