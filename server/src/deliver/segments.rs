//! How long a text is where it is carried: in segments, each of which costs. Reads nothing, sends nothing.
//!
//! The alphabet is GSM 03.38's (3GPP TS 23.038); a text with one letter that is none of it is carried in UTF-16. A long text's
//! segments lose a few letters each to what joins them.

/// These, letters and digits take one place.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// These take two.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";
/// Letters of a text that is alone, and of each segment of a longer one: of GSM's, and in UTF-16.
const GSM: (usize, usize) = (160, 153);
const WIDE: (usize, usize) = (70, 67);

/// How many segments a text takes.
#[must_use]
pub fn segments(text: &str) -> usize {
    let (length, (alone, each)) = match septets(text) {
        Some(length) => (length, GSM),
        None => (text.encode_utf16().count(), WIDE),
    };
    if length <= alone { 1 } else { length.div_ceil(each) }
}

/// Whether a text can be sent with seven bits a letter.
#[must_use]
pub fn is_gsm7(text: &str) -> bool {
    septets(text).is_some()
}

/// How many places of GSM's a text takes; nothing when one letter has none.
fn septets(text: &str) -> Option<usize> {
    let place = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || BASIC.contains(letter) => Some(1),
        letter if EXTENDED.contains(letter) => Some(2),
        _ => None,
    };
    text.chars().map(place).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_bits_are_known() {
        assert!(is_gsm7("Your code is 123456. Reply STOP; £1 = €1.15 [ok]\n"));
        for text in ["Glanmôr", "ŵ", "“quoted”", "`", "日本"] {
            assert!(!is_gsm7(text), "{text}");
        }
    }

    #[test]
    fn a_text_is_counted_as_it_is_carried() {
        for (text, takes) in [
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("ŵ".repeat(70), 1),
            ("ŵ".repeat(71), 2),
            ("a".repeat(134) + "ŵ", 3),
            ("😀".repeat(35), 1),
            ("😀".repeat(36), 2),
        ] {
            assert_eq!(segments(&text), takes, "{text}");
        }
    }
}
