//! The preference layer: one switch per purpose, with everything that is said about it.
//!
//! A consent purpose is off until the person puts it on. What is only told (necessary) has no switch.

use crate::html::Html;
use crate::parts::button;
use crate::purpose_details::{details, route};
use crate::{BannerData, BannerPurpose, State};

/// One switch per purpose.
pub(crate) fn preferences(data: &BannerData, now: &State) -> String {
    let words = &data.words;
    let mut html = Html::default();
    html.put(
        "<section class=\"bar sheet\" role=\"dialog\" aria-labelledby=\"title\" lang=\"{}\">\
            <div class=\"head\"><h2 id=\"title\" tabindex=\"-1\">{}</h2>",
        &[&data.language, words.your_choices()],
    );
    button(&mut html, "close", "close", words.close());
    html.put("</div><div class=\"list\"><p class=\"heard\">{}</p>", &[&data.heard]);
    for purpose in &data.purposes {
        one(&mut html, data, purpose, now);
    }
    if now.has_receipt {
        button(&mut html, "link", "receipt", words.receipt());
    }
    // Accept and decline as on the first layer (`first_layer.rs`).
    html.put("</div><div class=\"acts\">", &[]);
    button(&mut html, "act", "accept-all", words.accept());
    button(&mut html, "act", "reject-all", words.decline());
    button(&mut html, "act quiet", "save", words.save());
    html.put("</div></section>", &[]);
    html.finish()
}

fn one(html: &mut Html, data: &BannerData, purpose: &BannerPurpose, now: &State) {
    let (words, text, id) = (&data.words, &purpose.text, purpose.id.as_str());
    html.put(
        "<div class=\"purpose\"><div class=\"switch\"><label for=\"p-{}\">{}</label>",
        &[id, &text.name],
    );
    if purpose.is_choice() {
        html.put("<input type=\"checkbox\" role=\"switch\" id=\"p-{}\" aria-describedby=\"r-{}\"", &[id, id]);
        html.put(if now.is_on(&purpose.id) { " checked>" } else { ">" }, &[]);
        html.put(
            "<span class=\"on\" aria-hidden=\"true\">{}</span><span class=\"off\" aria-hidden=\"true\">{}</span>",
            &[words.on(), words.off()],
        );
    } else {
        html.put("<span class=\"fixed\">{}</span>", &[words.always_on()]);
    }
    html.put(
        "</div><p class=\"route\" id=\"r-{}\">{}</p><p>{}</p><details><summary>{}</summary>",
        &[id, route(words, purpose), &text.description, words.details()],
    );
    details(html, data, purpose);
    html.put("</details></div>", &[]);
}
