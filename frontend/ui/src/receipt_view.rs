//! The receipt view: what was checked, what it does not prove, and the file to keep.
//!
//! What the record says is in that file and on the choices page, an age band too: where the banner asks for one, the page is where it
//! is said, so this view has nothing of it.

use crate::app::Check;
use crate::html::Html;
use crate::parts::{button, entry};
use crate::{BannerData, State, fill};

/// The receipt of the last decision.
pub(crate) fn receipt_view(data: &BannerData, now: &State) -> String {
    let words = &data.words;
    let mut html = Html::default();
    html.put(
        "<section class=\"bar\" aria-labelledby=\"title\" lang=\"{}\"><div class=\"say\">\
            <h2 id=\"title\" tabindex=\"-1\">{}</h2>",
        &[&data.language, words.receipt()],
    );
    if let Some(receipt) = &now.receipt {
        html.put("<ul class=\"checks\">", &[]);
        for (check, said) in [
            (receipt.record, words.checked_record()),
            (receipt.signature, words.checked_signature()),
            (receipt.wording, words.checked_wording()),
        ] {
            match check {
                Check::Passed => entry(&mut html, "yes", "✓", said),
                // The sentence is what was hoped for; that it is not so must be read and heard, not only seen.
                Check::Failed => entry(&mut html, "no", "✗", &fill(words.check_failed(), said)),
            }
        }
        html.put(
            "</ul><p><code>{}</code> <time>{}</time></p><p>{}</p>\
                <p><a href=\"{}\" download=\"assent-receipt-{}.json\">{}</a></p>",
            &[
                &receipt.id,
                &receipt.time,
                words.receipt_limits(),
                &file_address(&receipt.text),
                &receipt.id,
                words.download(),
            ],
        );
    }
    html.put("</div><div class=\"acts\">", &[]);
    button(&mut html, "act", "close", words.close());
    html.put("</div></section>", &[]);
    html.finish()
}

/// The receipt as a `data:` address, so that keeping it needs no script and no further request.
fn file_address(text: &str) -> String {
    let mut address = String::from("data:application/json,");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push('%');
            for digit in [byte >> 4, byte & 15] {
                address.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::file_address;

    #[test]
    fn a_file_keeps_every_byte_in_its_address() {
        assert_eq!(file_address("{\"a\": 1~}\né"), "data:application/json,%7B%22a%22%3A%201~%7D%0A%C3%A9");
    }
}
