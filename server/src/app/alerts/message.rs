//! The messages that Assent itself sends: to confirm a sign-up, about an alert that ends soon or goes elsewhere, with a link to everything an
//! address told us, and answers to texts.
//!
//! Plain, in the person's language, each with the controller's name and a way out; emails as text and HTML with the same words. No
//! promotion, no picture, nothing that is loaded. The words are the notice's, which the site file can replace, as it can the form (`template.rs`).

use super::job::Answer;
use super::link::{ContactKey, Link, day};
use super::template::{self, Part, Values};
use crate::app::sites::Site;
use crate::deliver::mail::Mail;
use crate::deliver::segments::segments;
use crate::deliver::text::Text as TextMessage;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Text;
use assent_core::site::MessageKind;
use assent_core::subject::SubjectId;
use assent_core::words::Words;
use assent_ledger::rfc3339;

/// The message that asks whether a sign-up was theirs.
#[must_use]
pub fn confirmation(
    site: &Site,
    language: &str,
    (subject, contact, replaces): (SubjectId, ContactKey, Option<Hash>),
    (wanted, to): (&[PurposeId], String),
    id: String,
) -> Mail {
    let (language, text, words) = words(site, language);
    let controller = &site.notice.controller.name;
    let link = Link::Confirm { subject, contact, replaces }.seal(&site.links);
    let why = if replaces.is_some() { &words.mail_move_why } else { &words.mail_confirm_why };
    let mut body = Body::of(if replaces.is_some() { MessageKind::Move } else { MessageKind::Confirm });
    body.paragraph(&fill(why, controller));
    body.list(wanted.iter().map(|id| name(text, id)));
    body.link(&words.mail_confirm_how, &format!("{}/confirm/{link}?lang={language}", site.api()));
    body.paragraph(&words.mail_confirm_not_you);
    body.ends(site, contact, &words, &language);
    body.mail(site, to, fill(&words.mail_confirm_subject, controller), language, id)
}

/// The copy of what somebody told staff.
#[must_use]
pub fn copy(
    site: &Site,
    language: &str,
    contact: ContactKey,
    (wanted, to): (&[PurposeId], String),
    id: String,
) -> Mail {
    let (language, text, words) = words(site, language);
    let controller = &site.notice.controller.name;
    let mut body = Body::of(MessageKind::Copy);
    body.paragraph(&fill(&words.mail_told_why, controller));
    body.list(wanted.iter().map(|id| name(text, id)));
    body.link(&words.mail_told_not_you, &centre(site, contact, &language));
    body.sender(site, &words);
    body.mail(site, to, fill(&words.mail_told_subject, controller), language, id)
}

/// The same as a text.
#[must_use]
pub fn copy_text(site: &Site, language: &str, contact: ContactKey, to: String, id: String) -> TextMessage {
    let (language, _, words) = words(site, language);
    text(site, &fill(&words.text_told, &centre(site, contact, &language)), to, id)
}

/// The message with a fresh link.
#[must_use]
pub fn fresh_link(site: &Site, language: &str, contact: ContactKey, to: String, id: String) -> Mail {
    let (language, _, words) = words(site, language);
    let controller = &site.notice.controller.name;
    let mut body = Body::of(MessageKind::Link);
    body.link(&fill(&words.mail_link_why, controller), &centre(site, contact, &language));
    body.paragraph(&words.mail_link_not_you);
    body.sender(site, &words);
    body.mail(site, to, fill(&words.mail_link_subject, controller), language, id)
}

/// The message to an address that another took the place of.
#[must_use]
pub fn moved(site: &Site, language: &str, contact: ContactKey, to: String, id: String) -> Mail {
    let (language, _, words) = words(site, language);
    let controller = &site.notice.controller.name;
    let mut body = Body::of(MessageKind::Moved);
    body.paragraph(&fill(&words.mail_moved_why, controller));
    body.link(&words.mail_moved_not_you, &centre(site, contact, &language));
    body.sender(site, &words);
    body.mail(site, to, fill(&words.mail_moved_subject, controller), language, id)
}

/// The same as a text.
#[must_use]
pub fn moved_text(site: &Site, language: &str, contact: ContactKey, to: String, id: String) -> TextMessage {
    let (language, _, words) = words(site, language);
    text(site, &fill(&words.text_moved, &centre(site, contact, &language)), to, id)
}

/// The message about an alert that ends by itself at `end` (Unix milliseconds), unless it is kept.
#[must_use]
pub fn reminder(
    site: &Site,
    language: &str,
    contact: ContactKey,
    (purpose, end): (&PurposeId, u64),
    (to, id): (String, String),
) -> Mail {
    let (language, text, words) = words(site, language);
    let controller = &site.notice.controller.name;
    let mut body = Body::of(MessageKind::Remind);
    body.paragraph(&ending(&words.keep_what, text, &words, (purpose, end)));
    body.link(&words.mail_keep_how, &keep(site, contact, (purpose, end), &language));
    body.paragraph(&words.mail_keep_else);
    body.ends(site, contact, &words, &language);
    body.mail(site, to, format!("{controller}: {}", words.keep_title), language, id)
}

/// The same as a text.
#[must_use]
pub fn reminder_text(
    site: &Site,
    language: &str,
    contact: ContactKey,
    (purpose, end): (&PurposeId, u64),
    (to, id): (String, String),
) -> TextMessage {
    let (language, notice, words) = words(site, language);
    let said = ending(&words.text_keep, notice, &words, (purpose, end));
    text(site, &fill(&said, &keep(site, contact, (purpose, end), &language)), to, id)
}

/// A sentence that names an alert and the day it ends on.
fn ending(sentence: &str, text: &Text, words: &Words, (purpose, end): (&PurposeId, u64)) -> String {
    fill(&fill(sentence, name(text, purpose)), &ui::pages::when::day(&rfc3339(end), &words.months))
}

fn keep(site: &Site, contact: ContactKey, (purpose, end): (&PurposeId, u64), language: &str) -> String {
    let link = Link::Keep { contact, purpose: purpose.clone(), end: day(end) }.seal(&site.links);
    format!("{}/keep/{link}?lang={language}", site.api())
}

/// Most segments of a text with a code, as far as its names of alerts decide that.
const CODE_SEGMENTS: usize = 2;

/// The text with the code that confirms a sign-up. It names what the code says yes to: all of it, or the first and how many more.
#[must_use]
pub fn code(
    site: &Site,
    language: &str,
    (code, wanted, replies): (&str, &[PurposeId], bool),
    to: String,
    id: String,
) -> TextMessage {
    let (language, notice, words) = words(site, language);
    let page = |name: &str| format!("{}/{name}?lang={language}", site.api());
    let way_out =
        if replies { words.text_reply_stop.clone() } else { fill(&words.text_way_out, &page("your-alerts")) };
    let where_to = fill(&words.text_code_where, &page("code"));
    let names: Vec<&str> = wanted.iter().map(|id| name(notice, id)).collect();
    let said = as_many(&names, |names| {
        let says = [fill(&words.text_code, code), fill(&words.text_code_for, names)];
        let rest = [where_to.clone(), words.text_not_you.clone(), way_out.clone()];
        signed(site, &[&says[..], &rest].concat().join(" "))
    });
    from_site(site, said, to, id)
}

/// As many of the names as make a text of [`CODE_SEGMENTS`] at most, and how many more there are: `News, Visits +3`. One at least.
#[must_use]
fn as_many(names: &[&str], sentence: impl Fn(&str) -> String) -> String {
    let first = |shown: usize| {
        let left = names.len() - shown;
        let said = names[..shown].join(", ");
        if left == 0 { said } else { format!("{said} +{left}") }
    };
    let fewer = (1..=names.len()).rev().map(first);
    let mut fitting = fewer.map(|said| sentence(&said)).filter(|said| segments(said) <= CODE_SEGMENTS);
    fitting.next().unwrap_or_else(|| sentence(&first(names.len().min(1))))
}

/// The text with a fresh link.
#[must_use]
pub fn fresh_link_text(
    site: &Site,
    language: &str,
    contact: ContactKey,
    to: String,
    id: String,
) -> TextMessage {
    let (language, _, words) = words(site, language);
    text(site, &fill(&words.text_link, &centre(site, contact, &language)), to, id)
}

/// The answer to a text that came in.
#[must_use]
pub fn answer(site: &Site, language: &str, answer: Answer, to: String, id: String) -> TextMessage {
    let (language, _, words) = words(site, language);
    let page = |name: &str| format!("{}/{name}?lang={language}", site.api());
    let controller = &site.notice.controller;
    let said = match answer {
        Answer::Stopped => words.text_stopped.clone(),
        Answer::Start => fill(&words.text_start, &page("alerts")),
        Answer::Help => {
            let reach = [controller.phone.clone(), Some(controller.email.clone())];
            let reach = reach.into_iter().flatten().collect::<Vec<_>>().join(", ");
            let ends = fill(&words.text_way_out, &page("your-alerts"));
            format!("{} {ends}", fill(&words.text_help, &reach))
        }
    };
    text(site, &said, to, id)
}

fn text(site: &Site, said: &str, to: String, id: String) -> TextMessage {
    from_site(site, signed(site, said), to, id)
}

/// What a text says, with who says it.
fn signed(site: &Site, said: &str) -> String {
    format!("{}: {said}", site.notice.controller.name)
}

fn from_site(site: &Site, text: String, to: String, id: String) -> TextMessage {
    TextMessage { from: site.file.text_from.clone().unwrap_or_default(), to, text, id }
}

/// What an alert is called.
fn name<'a>(text: &'a Text, id: &'a PurposeId) -> &'a str {
    text.purposes.get(id).map_or(id.as_str(), |text| text.name.as_str())
}

/// Address of everything about an address, as a link of today.
#[must_use]
pub fn centre(site: &Site, contact: ContactKey, language: &str) -> String {
    let link = Link::Centre { contact, day: day(crate::app::now()) }.seal(&site.links);
    format!("{}/your-alerts/{link}?lang={language}", site.api())
}

/// Address that stops one alert: a POST stops it (RFC 8058), a GET shows a page.
#[must_use]
pub fn stop(site: &Site, contact: ContactKey, purpose: PurposeId) -> String {
    format!("{}/stop/{}", site.api(), Link::Stop { contact, purpose }.seal(&site.links))
}

fn words<'a>(site: &'a Site, language: &str) -> (String, &'a Text, Words) {
    let (language, text) = site.notice.text([language]);
    (language.to_string(), text, text.words.clone().filled(language))
}

fn fill(sentence: &str, with: &str) -> String {
    sentence.replacen("{}", with, 1)
}

/// What an email says, in order. Both bodies are made of it by templates.
struct Body {
    kind: MessageKind,
    parts: Vec<Part>,
}

impl Body {
    /// Of a kind that may have a template of its own.
    fn of(kind: MessageKind) -> Self {
        Self { kind, parts: Vec::new() }
    }

    fn paragraph(&mut self, text: &str) {
        self.parts.push(Part { paragraph: Some(text.into()), ..Part::default() });
    }

    fn list<'a>(&mut self, items: impl Iterator<Item = &'a str>) {
        self.parts.push(Part { list: Some(items.map(ToString::to_string).collect()), ..Part::default() });
    }

    /// The whole address is shown: people should see where a link leads.
    fn link(&mut self, why: &str, address: &str) {
        self.parts.push(Part { why: Some(why.into()), link: Some(address.into()), ..Part::default() });
    }

    fn ends(&mut self, site: &Site, contact: ContactKey, words: &Words, language: &str) {
        self.link(&words.mail_way_out, &centre(site, contact, language));
        self.sender(site, words);
    }

    fn sender(&mut self, site: &Site, words: &Words) {
        let controller = &site.notice.controller;
        self.paragraph(&fill(&words.mail_sender, &controller.name));
        let parts = [Some(&controller.address), Some(&controller.email), controller.phone.as_ref()];
        self.paragraph(&parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(", "));
    }

    fn mail(self, site: &Site, to: String, subject: String, language: String, id: String) -> Mail {
        let controller = &site.notice.controller;
        let from = site.file.mail_from.clone().unwrap_or_else(|| controller.email.clone());
        let values = Values::new(self.kind, (&subject, &language), controller, &self.parts);
        let (text, html) = template::render(&site.file.messages, &values);
        Mail { from: (controller.name.clone(), from), to, subject, text, html, language, id }
    }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out_for_a_count_and_never_all_of_them() {
        let long = "x".repeat(100);
        let names = ["News", long.as_str(), "Visits"];
        let said = |rest: usize| as_many(&names, |names| format!("{names}{}", ".".repeat(rest)));
        assert_eq!(said(150), format!("News, {long}, Visits{}", ".".repeat(150)));
        assert_eq!(said(200), format!("News +2{}", ".".repeat(200)));
        assert_eq!(said(400), format!("News +2{}", ".".repeat(400)), "what is too long anyhow has one name");
    }
}
