//! Rules a notice must keep before it may be published: fair asking that a file can show.
//!
//! Each finding has a rule id, the place, and one sentence with the way out. `assent site check` and publishing refuse on any
//! finding. What the software itself guarantees (equal buttons, a permanent way back) a file cannot break; where other banners have
//! a switch for it, [`check_keys`] says why there is none. Not legal advice.

mod keys;
mod parts;
mod phrases;
mod rules;
#[cfg(test)]
mod tests;
mod text;

pub use keys::check_keys;
pub use rules::{RULES, Rule, table};

use crate::notice::{Asked, Notice, Purpose};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One thing that keeps a notice from being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable id of the rule, as `vague-purpose`.
    pub rule: &'static str,
    /// Where in the site file, as `text.en.purposes.analytics.description`.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Takes a finding: rule, place, message.
type Say<'a> = dyn FnMut(&'static str, String, &str) + 'a;

/// Checks every rule of a notice; an empty answer means that it may be published.
#[must_use]
pub fn check(notice: &Notice) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |rule: &'static str, place: String, message: &str| {
        debug_assert!(RULES.iter().any(|known| known.id == rule));
        findings.push(Finding { rule, place, message: message.to_string() });
    };
    who(notice, &mut say);
    for purpose in &notice.purposes {
        parts::purpose(notice, purpose, &mut say);
    }
    parts::storage_twice(notice, &mut say);
    age(notice, &mut say);
    if notice.asked_at(Asked::Banner).count() > 7 {
        let message = "Join purposes that people would decide alike, or drop some.";
        say("too-many", "purposes".to_string(), message);
    }
    if notice.memory.refusal_days < 182 {
        let message = "Remember a refusal for six months (182 days) or longer.";
        say("memory-refusal", "memory.refusal_days".to_string(), message);
    }
    if !(182..=366).contains(&notice.memory.grant_days) {
        let message = "Remember a grant for six months (182 days) or longer, and ask again after a year (366 days) or sooner.";
        say("memory-grant", "memory.grant_days".to_string(), message);
    }
    text::everywhere(notice, &mut say);
    for (language, own) in &notice.languages {
        text::language(notice, language, own, &mut say);
    }
    text::switches(notice, &mut say);
    findings
}

/// Who asks, who supervises them, and who else receives anything.
fn who(notice: &Notice, say: &mut Say<'_>) {
    let controller = &notice.controller;
    for (key, value) in
        [("name", &controller.name), ("address", &controller.address), ("email", &controller.email)]
    {
        if value.trim().is_empty() {
            say("controller-unnamed", format!("controller.{key}"), "Say who decides and how to reach them.");
        }
    }
    if !is_web_address(&controller.privacy_url) {
        say("no-privacy-statement", "controller.privacy_url".to_string(), "Link the full privacy statement.");
    }
    if controller.regulator.name.trim().is_empty() || !is_web_address(&controller.regulator.url) {
        let message = "Name the regulator and link the page where people can complain.";
        say("regulator-unnamed", "controller.regulator".to_string(), message);
    }
    for (id, recipient) in &notice.recipients {
        let name = &recipient.name;
        if name.trim().is_empty()
            || phrases::is_one(name, phrases::GROUPS)
            || !is_web_address(&recipient.privacy_url)
        {
            let message = "Name the recipient itself, each by its own name, and link its privacy statement.";
            say("party-unnamed", format!("recipients.{id}"), message);
        }
    }
}

/// Whether the question for an age makes sense.
fn age(notice: &Notice, say: &mut Say<'_>) {
    if let Some(question) = &notice.age {
        let (from, under) = (question.consent_from, question.contact_under);
        if !(13..=16).contains(&from) || !(from..=18).contains(&under) {
            let message = "Set consent_from to 13, or up to 16 where the law says so, and contact_under from there to 18.";
            say("age-limits", "age".to_string(), message);
        }
        if question.asked.is_empty() {
            let message = "Say where it is asked: `asked = [\"alert-form\"]`, `[\"banner\"]` or both.";
            say("age-limits", "age.asked".to_string(), message);
        }
    }
    let unasked = |purpose: &&Purpose| {
        purpose.substantial_data && purpose.is_choice() && notice.age_bands(purpose.asked).is_empty()
    };
    for purpose in notice.purposes.iter().filter(unasked) {
        let message = "Ask for an age where this is asked: `[age]` with `asked`.";
        say("age-unasked", format!("purposes.{}.substantial_data", purpose.id), message);
    }
}

/// Whether a link may lead there. Anything else that begins with `http` is no address at all.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(char::is_alphanumeric) && !rest.contains(char::is_whitespace))
}
