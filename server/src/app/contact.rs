//! Email addresses and phone numbers as people write them, in the one form they are kept and found by.
//!
//! Whether the address reaches anyone is for a confirmation to find out, not for this.

use assent_core::notice::Channel;
use assent_ledger::Contact;
use email_address::{EmailAddress, Options};
use phonenumber::Mode;
use phonenumber::metadata::DATABASE;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization as _;

/// Longest address that SMTP can carry (RFC 5321, 4.5.3.1.3).
const EMAIL_MAX: usize = 254;

/// The text is no address of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address for {}", .0.as_str())]
pub struct NotAnAddress(pub Channel);

/// The contact as it is kept: equal addresses have equal texts.
///
/// Email: lower case, because no mail provider people use tells capitals apart, and a withdrawal that missed its
/// address by a capital would be worse than two mailboxes taken for one; NFC, because a letter with an accent is one
/// character from some keyboards and two from others; the domain as it is looked up (A-labels, UTS 46), because it can be typed in more
/// ways than one; and without quotes that are not needed (RFC 5321, 4.1.2). Text: E.164.
pub fn normalise(channel: Channel, text: &str) -> Result<Contact, NotAnAddress> {
    let address = match channel {
        Channel::Email => email(text),
        Channel::Text => phone(text),
    };
    Ok(Contact { channel, address: address.ok_or(NotAnAddress(channel))? })
}

fn email(text: &str) -> Option<String> {
    let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
    // As it was written, and once more as it is kept: making it one form must not make another address of it.
    let text = composed(text.trim());
    EmailAddress::parse_with_options(&text, options).ok()?;
    let (local, domain) = text.rsplit_once('@')?;
    let local = local.to_lowercase();
    let local = composed(&local);
    let domain = idna::domain_to_ascii(domain).ok()?;
    let bare = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let unquoted = bare.map(|bare| format!("{bare}@{domain}"));
    let kept = unquoted
        .filter(|text| EmailAddress::parse_with_options(text, options).is_ok())
        .unwrap_or_else(|| format!("{local}@{domain}"));
    if kept != text {
        EmailAddress::parse_with_options(&kept, options).ok()?;
    }
    (kept.len() <= EMAIL_MAX).then_some(kept)
}

/// In NFC. ASCII is; most addresses are that.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
}

fn phone(text: &str) -> Option<String> {
    // The 0 in brackets is dialled only within the country: `+44 (0)7700 900123`.
    let text = text.trim().replacen("(0)", "", 1);
    // Letters stand for digits on old telephones, and are mistakes here: an O for a nought would be somebody else's number.
    if !text.starts_with('+') || text.chars().any(char::is_alphabetic) {
        return None;
    }
    let number = phonenumber::parse(None, &text).ok()?;
    // By calling code, not by number: the table finds no country for a number outside the ranges it knows.
    let country = DATABASE.by_code(&number.country().code())?.into_iter().next()?;
    let plan = country.descriptors();
    let lengths = plan.mobile().unwrap_or(plan.general()).possible_length();
    let lengths = if lengths.is_empty() { plan.general().possible_length() } else { lengths };
    let national = u16::try_from(number.national().to_string().len()).ok()?;
    let possible = lengths.contains(&national) && number.extension().is_none();
    possible.then(|| number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_one_form() {
        for (channel, text, form) in [
            (Channel::Email, " Ann.Other@Example.ORG ", Some("ann.other@example.org")),
            (Channel::Email, "ann+clinic@example.org", Some("ann+clinic@example.org")),
            (Channel::Email, "Zoe\u{308}@example.org", Some("zo\u{eb}@example.org")),
            (Channel::Email, "ZO\u{cb}@example.org", Some("zo\u{eb}@example.org")),
            (Channel::Email, "ann@b\u{fc}cher.example", Some("ann@xn--bcher-kva.example")),
            (Channel::Email, "ann@xn--bcher-kva.example", Some("ann@xn--bcher-kva.example")),
            (Channel::Email, "ann@\u{ff45}xample.org", Some("ann@example.org")),
            (Channel::Email, "\"ann\"@example.org", Some("ann@example.org")),
            (Channel::Email, "\"ann other\"@example.org", Some("\"ann other\"@example.org")),
            // In lower case it is none that is taken: then neither is it in upper case.
            (Channel::Email, "\u{130}x@example.org", None),
            (Channel::Email, "i\u{307}x@example.org", None),
            (Channel::Text, "+44 7700 9O0160", None),
            // A Cyrillic letter that looks like a Latin one makes another domain of it, and is seen to.
            (Channel::Email, "ann@ex\u{430}mple.org", Some("ann@xn--exmple-4nf.org")),
            (Channel::Email, "ann@localhost", None),
            (Channel::Email, "Ann <ann@example.org>", None),
            (Channel::Email, "ann@[127.0.0.1]", None),
            (Channel::Email, "ann", None),
            (Channel::Email, "ann@example.org\nbcc: b@example.org", None),
            (Channel::Text, "+44 7700 900123", Some("+447700900123")),
            (Channel::Text, "+44 (0)7700 900-123", Some("+447700900123")),
            (Channel::Text, "07700 900123", None),
            (Channel::Text, "+44", None),
            (Channel::Text, "+44 7700 900123 x5", None),
            (Channel::Text, "call me", None),
        ] {
            let found = normalise(channel, text).ok().map(|contact| contact.address);
            assert_eq!(found.as_deref(), form, "{text}");
        }
    }
}
