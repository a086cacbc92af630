//! Rules a notice must keep before it may be published: fair asking that a file can show.
//!
//! Each finding has a rule id, the place, and one sentence with the way out. `assent site check` and publishing
//! refuse on any finding. What the software itself guarantees (nothing pre-ticked, equal buttons, a permanent way
//! back) has no rule here, because a site file has no key that could break it. Not legal advice.

use crate::notice::{
    Asked, GoogleKey, Notice, Purpose, RecipientRole, Route, SoftOptInKind, StorageKind, Tool,
};
use crate::words::Words;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Value;

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

/// Every rule's id and what it is for, in the order they are checked.
pub const RULES: &[(&str, &str)] = &[
    (
        "controller-unnamed",
        "The controller has a name, an address and a way to write to it (UK GDPR Art 13(1)(a)).",
    ),
    ("no-privacy-statement", "The full privacy statement is linked (Art 13)."),
    ("party-unnamed", "Every recipient has a name and a privacy statement (consent must name its parties)."),
    ("party-missing", "A consent purpose that stores or reads something for someone names them."),
    ("text-empty", "Every text a person needs is there in every language."),
    (
        "text-long",
        "No text is too long to be read before a choice: headings, names and buttons least of all.",
    ),
    ("text-hidden", "No text has characters that cannot be seen or that turn the reading direction round."),
    ("vague-purpose", "A purpose says what happens, not that it 'may improve your experience'."),
    ("guilt", "No emotive or blaming words around a choice (EDPB 03/2022, stirring)."),
    (
        "labels-unequal",
        "Accept and decline are worded alike: short, neither hidden in a sentence, and told apart.",
    ),
    ("placeholder-lost", "A replaced sentence keeps each `{}`: the purpose, party or number it is about."),
    ("data-missing", "A purpose with a choice says what data it takes."),
    ("retention-missing", "A purpose says how long its data is kept."),
    (
        "storage-unnamed",
        "A storage item has a name, with letters before a `*`: what a refused purpose declares is removed.",
    ),
    ("storage-lifetime", "A storage item lasts at most 400 days, as browsers allow."),
    ("necessary-shared", "A necessary purpose is not read by anyone but the controller and its processors."),
    ("memory-refusal", "A refusal is remembered at least 182 days."),
    ("memory-grant", "A grant is remembered at least a day and at most 366 days."),
    ("too-many", "At most seven choices on one screen (EDPB 03/2022, overloading)."),
    (
        "statistics-undeclared",
        "The statistics route has evidence for each condition of the exception (PECR Schedule A1 para 5).",
    ),
    (
        "statistics-shared",
        "The statistics route shares nothing: processors only, no advertising, no pixels or frames of others.",
    ),
    (
        "google-unasked",
        "Google's advertising keys follow a purpose that people agree to, and that says that it shares.",
    ),
    (
        "tool-unasked",
        "Microsoft's advertising keys follow a purpose that people agree to and that says that it shares; Clarity, which \
         records sessions, one that they agree to.",
    ),
    (
        "route-not-here",
        "Soft opt-in and service routes are for alerts, not for the banner; statistics and necessary not for alerts.",
    ),
    (
        "soft-opt-in-undeclared",
        "Soft opt-in says which it is, and has evidence for collecting details directly and for the opt-out (PECR reg 22).",
    ),
    (
        "age-limits",
        "Who is asked how old they are can consent from 13 to 16 on, as the law puts it (UK GDPR Art 8), and is talked with up to 18.",
    ),
    (
        "age-unasked",
        "Where people give substantial data, they are asked how old they are: a young person's yes needs a talk first.",
    ),
    (
        "soft-opt-in-charity",
        "Only a charity, which states its number, uses the charitable soft opt-in (reg 22(3A)).",
    ),
];

/// Ends of places whose texts are headings, names or buttons.
const SHORT: [&str; 4] = ["title", ".name", ".accept", ".decline"];
/// Longest heading or name, in characters: two lines of a phone's banner and some.
const SHORT_MAX: usize = 200;
/// Longest other text, in characters: two minutes of reading.
const LONG_MAX: usize = 2000;

const VAGUE: [&str; 6] = [
    "improve your experience",
    "enhance your experience",
    "better experience",
    "and similar purposes",
    "gwella eich profiad",
    "among other things",
];
const GUILT: [&str; 8] = [
    "sorry to see",
    "are you sure",
    "please don't",
    "we respect you",
    "you will miss",
    "miss out",
    "sad",
    "support us by accepting",
];

/// Checks every rule; an empty answer means the notice may be published.
#[must_use]
pub fn check(notice: &Notice) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |rule: &'static str, place: String, message: &str| {
        debug_assert!(RULES.iter().any(|(id, _)| *id == rule));
        findings.push(Finding { rule, place, message: message.to_string() });
    };
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
    for (id, recipient) in &notice.recipients {
        if recipient.name.trim().is_empty() || !is_web_address(&recipient.privacy_url) {
            let message = "Name the recipient and link its privacy statement.";
            say("party-unnamed", format!("recipients.{id}"), message);
        }
    }
    for purpose in &notice.purposes {
        let place = format!("purposes.{}", purpose.id);
        let shared = purpose.storage.iter().find(|item| item.read_by != "controller");
        if purpose.route == Route::Consent && purpose.recipients.is_empty() && shared.is_some() {
            say("party-missing", place.clone(), "List who reads the storage among the purpose's recipients.");
        }
        if purpose.route == Route::Necessary {
            let frame = purpose
                .storage
                .iter()
                .any(|item| matches!(item.kind, StorageKind::Pixel | StorageKind::Frame));
            if frame || shared.is_some() {
                let message = "Pixels, frames and storage that others read are never necessary: choose the consent route.";
                say("necessary-shared", place.clone(), message);
            }
        }
        if purpose.route == Route::Statistics {
            statistics(notice, purpose, &place, &mut say);
        }
        let advertises = |key: &GoogleKey| {
            matches!(key, GoogleKey::AdStorage | GoogleKey::AdUserData | GoogleKey::AdPersonalization)
        };
        if purpose.google.iter().any(advertises) && !(purpose.route == Route::Consent && purpose.sharing) {
            let message = "Put advertising keys on a purpose with the consent route and `sharing = true`.";
            say("google-unasked", format!("{place}.google"), message);
        }
        let tool = |tool: &Tool| match tool {
            Tool::Uet | Tool::ClarityAds => purpose.route == Route::Consent && purpose.sharing,
            Tool::Clarity => purpose.route == Route::Consent,
            Tool::Gtm | Tool::Matomo => true,
        };
        if !purpose.tools.iter().all(tool) {
            let message = "Put `clarity` on a purpose with the consent route; `uet` and `clarity-ads` also need `sharing = true`.";
            say("tool-unasked", format!("{place}.tools"), message);
        }
        if purpose.asked == Asked::Banner && matches!(purpose.route, Route::SoftOptIn | Route::Service) {
            say("route-not-here", place.clone(), "On the banner, choose consent, statistics or necessary.");
        }
        if purpose.asked == Asked::AlertForm {
            route_of_alert(notice, purpose, &mut say);
        }
        for item in &purpose.storage {
            let before = item.name.strip_suffix('*').unwrap_or(&item.name);
            if !before.chars().any(char::is_alphanumeric) || before.contains('*') {
                let message = "Write the name as browsers show it; a `*` may stand at its end for the rest.";
                say("storage-unnamed", format!("{place}.storage.{}", item.name), message);
            }
        }
        for item in purpose.storage.iter().filter(|item| item.days > 400) {
            let message = "Shorten the lifetime to 400 days or less; browsers cut it there.";
            say("storage-lifetime", format!("{place}.storage.{}", item.name), message);
        }
    }
    age(notice, &mut say);
    let choices = notice.asked_at(Asked::Banner).filter(|purpose| purpose.is_choice()).count();
    if choices > 7 {
        say(
            "too-many",
            "purposes".to_string(),
            "Join purposes that people would decide alike, or drop some.",
        );
    }
    if notice.memory.refusal_days < 182 {
        say(
            "memory-refusal",
            "memory.refusal_days".to_string(),
            "Remember a refusal for six months (182 days) or longer.",
        );
    }
    if !(1..=366).contains(&notice.memory.grant_days) {
        let message =
            "Remember a grant for a day or longer, and ask again after a year (366 days) or sooner.";
        say("memory-grant", "memory.grant_days".to_string(), message);
    }
    each_text(notice, &mut |place, text| {
        // A name stands in headings, in subjects and in whom a message is from.
        let broken = place.ends_with(".name") && text.contains(['\n', '\r']);
        if broken || text.chars().any(is_hidden) {
            let message = "Take out control characters, marks of reading direction, and line breaks in a name; type it anew if need be.";
            say("text-hidden", place.to_string(), message);
        }
        let most = if SHORT.iter().any(|key| place.ends_with(key)) { SHORT_MAX } else { LONG_MAX };
        if text.chars().count() > most {
            say("text-long", place.to_string(), &format!("Shorten it to {most} characters or less."));
        }
    });
    for (language, text) in &notice.languages {
        let base = format!("text.{language}");
        for (key, value) in [("title", &text.title), ("intro", &text.intro)] {
            if value.trim().is_empty() {
                say("text-empty", format!("{base}.{key}"), "Write the text; nobody can agree to a blank.");
            }
        }
        let built_in = Words::built_in(language);
        let (accept, decline) = (text.words.accept.chars().count(), text.words.decline.chars().count());
        if accept.abs_diff(decline) > 12 || accept.max(decline) > 40 {
            let message =
                "Word accept and decline alike: both short, neither more than 12 characters longer.";
            say("labels-unequal", format!("{base}.words"), message);
        }
        let same = |one: &str, other: &str| one.trim().to_lowercase() == other.trim().to_lowercase();
        let swapped = built_in.as_ref().is_some_and(|own| {
            same(&text.words.accept, &own.decline) || same(&text.words.decline, &own.accept)
        });
        if swapped || same(&text.words.accept, &text.words.decline) {
            let message = "Word accept and decline so that each says what it does.";
            say("labels-unequal", format!("{base}.words"), message);
        }
        let holes = |sentence: &str| sentence.matches("{}").count();
        let own = built_in.iter().flat_map(Words::each);
        let own: BTreeMap<&str, usize> = own.map(|(name, word)| (name, holes(word))).collect();
        for (name, word) in text.words.each() {
            let place = format!("{base}.words.{name}");
            if !word.chars().any(char::is_alphanumeric) {
                say("text-empty", place, "Write the word, or leave the line out to keep the built-in one.");
            } else if own.get(name).is_some_and(|count| *count != holes(word)) {
                say("placeholder-lost", place, "Keep each `{}` of the built-in sentence.");
            } else if contains(word, &GUILT) {
                say("guilt", place, "Leave feelings and blame out of the choice.");
            }
        }
        for (key, value) in [("title", &text.title), ("intro", &text.intro)] {
            if contains(value, &GUILT) {
                say("guilt", format!("{base}.{key}"), "Leave feelings and blame out of the choice.");
            }
        }
        for purpose in &notice.purposes {
            let Some(own) = text.purposes.get(&purpose.id) else { continue };
            let place = format!("{base}.purposes.{}", purpose.id);
            if own.name.trim().is_empty() || own.description.trim().is_empty() {
                say("text-empty", place.clone(), "Write the name and the description.");
            }
            if contains(&own.description, &VAGUE) {
                say(
                    "vague-purpose",
                    format!("{place}.description"),
                    "Say what is done with the data and by whom.",
                );
            }
            if contains(&own.description, &GUILT) {
                say("guilt", format!("{place}.description"), "Leave feelings and blame out of the choice.");
            }
            if purpose.is_choice() && own.data.iter().all(|entry| entry.trim().is_empty()) {
                say("data-missing", format!("{place}.data"), "List what is collected, one entry each.");
            }
            if own.retention.trim().is_empty() {
                say("retention-missing", format!("{place}.retention"), "Say how long the data is kept.");
            }
        }
    }
    findings
}

/// Whether the question for an age makes sense.
fn age(notice: &Notice, say: &mut dyn FnMut(&'static str, String, &str)) {
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

/// The route of an alert, as far as a file can show that it may be used.
fn route_of_alert(notice: &Notice, alert: &Purpose, say: &mut dyn FnMut(&'static str, String, &str)) {
    let place = format!("alerts.{}", alert.topic.as_deref().unwrap_or_default());
    if matches!(alert.route, Route::Statistics | Route::Necessary) {
        say("route-not-here", place, "For an alert, choose consent, soft-opt-in or service.");
        return;
    }
    let declared = alert.soft_opt_in.as_ref();
    let whole = declared.is_some_and(|it| {
        [&it.collected, &it.opt_out].iter().all(|text| text.chars().any(char::is_alphanumeric))
    });
    if (alert.route == Route::SoftOptIn) != declared.is_some() || declared.is_some() && !whole {
        let message = "Set `route = \"soft-opt-in\"` together with `soft_opt_in`: its `kind`, how details are `collected`, and the `opt_out`.";
        say("soft-opt-in-undeclared", format!("{place}.soft_opt_in"), message);
    } else if declared.is_some_and(|it| it.kind == SoftOptInKind::Charitable) && !notice.may_send(alert) {
        let message =
            "State `controller.charity`, the number in the register; who is no charity needs consent.";
        say("soft-opt-in-charity", format!("{place}.soft_opt_in.kind"), message);
    }
}

/// The conditions of the statistical exception, as far as a file can show them.
fn statistics(
    notice: &Notice,
    purpose: &Purpose,
    place: &str,
    say: &mut dyn FnMut(&'static str, String, &str),
) {
    let conditions = purpose.statistics.clone().unwrap_or_default();
    for (key, evidence) in conditions.each() {
        if !evidence.chars().any(char::is_alphanumeric) {
            let message = "Say why this condition holds, or choose the consent route.";
            say("statistics-undeclared", format!("{place}.statistics.{key}"), message);
        }
    }
    let readers = purpose.storage.iter().map(|item| &item.read_by);
    let mut parties = purpose.recipients.iter().chain(readers).filter_map(|id| notice.recipients.get(id));
    let fetched = |kind| matches!(kind, StorageKind::Pixel | StorageKind::Frame);
    if purpose.sharing
        || parties.any(|party| party.role != RecipientRole::Processor)
        || purpose.storage.iter().any(|item| fetched(item.kind) && item.read_by != "controller")
    {
        let message =
            "Take out everyone who is not a processor, and pixels and frames of others, or choose consent.";
        say("statistics-shared", place.to_string(), message);
    }
}

/// Shows `see` every text of the notice with its place in the site file.
fn each_text(notice: &Notice, see: &mut dyn FnMut(&str, &str)) {
    let Ok(mut document) = serde_json::to_value(notice) else { return };
    // The file has texts by language under `text`, and a channel's alert has its topic's.
    if let Some(all) = document.as_object_mut()
        && let Some(languages) = all.remove("languages")
    {
        all.insert("text".to_string(), languages);
    }
    walk("", &document, see);
}

fn walk(place: &str, value: &Value, see: &mut dyn FnMut(&str, &str)) {
    let inside = |key: &str| if place.is_empty() { key.to_string() } else { format!("{place}.{key}") };
    match value {
        Value::String(text) => see(place, text),
        Value::Array(all) => all.iter().enumerate().for_each(|(at, one)| {
            let name = one.get("id").and_then(Value::as_str).map_or_else(|| at.to_string(), String::from);
            walk(&inside(&name), one, see);
        }),
        Value::Object(all) => all.iter().for_each(|(key, one)| {
            // Languages and recipients are the file's own words, too.
            let shown: String = key.chars().filter(|c| !is_hidden(*c)).collect();
            see(&inside(&shown), key);
            walk(&inside(&shown), one, see);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Control characters, and those that embed, override or isolate a reading direction (UAX 9): a text with them can show
/// something else than it says.
fn is_hidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a link may lead there. Anything else that begins with `http` is no address at all.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(char::is_alphanumeric) && !rest.contains(char::is_whitespace))
}

fn contains(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    // Whole words: `sad` is not in `sadly`'s neighbour `ambassador`.
    words.iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(char::is_alphabetic) && !after.is_some_and(char::is_alphabetic)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::notice::{SoftOptIn, StatisticsConditions, StorageItem};
    use crate::site::SiteFile;
    use std::collections::BTreeSet;
    use std::println;

    /// Breaks the fair fixture one way and expects exactly that rule to speak.
    #[track_caller]
    fn breaks(rule: &'static str, change: impl FnOnce(&mut SiteFile)) -> &'static str {
        let mut file = fixture::site_file();
        file.purposes.retain(|purpose| purpose.route != Route::Statistics);
        for text in file.text.values_mut() {
            text.purposes.retain(|id, _| id.as_str() != "counting");
        }
        assert_eq!(check(&file.notice().unwrap()), []);
        change(&mut file);
        let findings = check(&file.notice().unwrap());
        for finding in &findings {
            println!("{}: {}: {}", finding.rule, finding.place, finding.message);
        }
        let found: BTreeSet<_> = findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, BTreeSet::from([rule]));
        rule
    }

    fn declared() -> StatisticsConditions {
        serde_json::from_value(serde_json::json!({
            "own_service": "Our own website.", "only_statistics": "Counts pages, nothing else.",
            "not_shared": "Wayfinder is our processor.", "information": "The banner says so first.",
            "objection": "A switch on the banner's second layer.",
        }))
        .unwrap()
    }

    #[test]
    fn statistics_need_every_condition() {
        let statistics = |change: fn(&mut StatisticsConditions)| {
            let mut conditions = declared();
            change(&mut conditions);
            let mut file = fixture::site_file();
            file.purposes.last_mut().unwrap().statistics = Some(conditions);
            check(&file.notice().unwrap()).into_iter().map(|finding| finding.place).collect::<Vec<_>>()
        };
        assert_eq!(statistics(|_| ()), Vec::<String>::new());
        assert_eq!(statistics(|it| it.objection = " ".into()), ["purposes.counting.statistics.objection"]);
        assert_eq!(statistics(|it| *it = StatisticsConditions::default()).len(), 5);
        breaks("statistics-shared", |file| {
            file.purposes[2].route = Route::Statistics;
            file.purposes[2].statistics = Some(declared());
            file.purposes[2].sharing = true;
        });
        breaks("google-unasked", |file| {
            file.purposes[1].google = Vec::from([GoogleKey::AdUserData]);
            file.purposes[1].sharing = false;
        });
        breaks("tool-unasked", |file| {
            file.purposes[0].tools = Vec::from([Tool::Clarity]);
        });
    }

    /// Replaces a word of the interface.
    fn say(file: &mut SiteFile, word: &'static str, text: &str) {
        first_text(file).words.set(word, text);
    }

    fn first_text(file: &mut SiteFile) -> &mut crate::site::TextFile {
        file.text.get_mut("en").unwrap()
    }

    #[test]
    fn every_rule_has_a_failing_example() {
        let analytics = crate::ids::PurposeId::new("analytics").unwrap();
        let seen = BTreeSet::from([
            breaks("controller-unnamed", |file| file.controller.address = " ".into()),
            breaks("no-privacy-statement", |file| file.controller.privacy_url = "soon".into()),
            breaks("party-unnamed", |file| file.recipients.get_mut("wayfinder").unwrap().name.clear()),
            breaks("party-missing", |file| file.purposes[1].recipients.clear()),
            breaks("text-empty", |file| first_text(file).intro.clear()),
            breaks("text-long", |file| first_text(file).intro = "Long. ".repeat(400)),
            breaks("text-hidden", |file| first_text(file).intro.push_str("\u{202e}oN")),
            breaks("vague-purpose", |file| {
                first_text(file).purposes.get_mut(&analytics).unwrap().description =
                    "Cookies may improve your experience.".into();
            }),
            breaks("guilt", |file| first_text(file).title = "Please don't leave us without cookies".into()),
            breaks("labels-unequal", |file| {
                say(file, "decline", "No thanks, I do not want this site to work well");
            }),
            breaks("data-missing", |file| {
                first_text(file).purposes.get_mut(&analytics).unwrap().data.clear();
            }),
            breaks("retention-missing", |file| {
                first_text(file).purposes.get_mut(&analytics).unwrap().retention.clear();
            }),
            breaks("placeholder-lost", |file| say(file, "withdraw", "Take it back")),
            breaks("storage-unnamed", |file| file.purposes[1].storage[0].name = "*".into()),
            breaks("storage-lifetime", |file| file.purposes[1].storage[0].days = 401),
            breaks("necessary-shared", |file| {
                let pixel = StorageItem {
                    name: "p.gif".into(),
                    kind: StorageKind::Pixel,
                    days: 0,
                    read_by: "controller".into(),
                };
                file.purposes[0].storage.push(pixel);
            }),
            breaks("memory-refusal", |file| file.memory.refusal_days = 30),
            breaks("memory-grant", |file| file.memory.grant_days = 400),
            breaks("too-many", |file| {
                for number in 0..7 {
                    let mut more = file.purposes[2].clone();
                    more.id = crate::ids::PurposeId::new(&format!("more-{number}")).unwrap();
                    for text in file.text.values_mut() {
                        let own = text.purposes[&file.purposes[2].id].clone();
                        text.purposes.insert(more.id.clone(), own);
                    }
                    file.purposes.push(more);
                }
            }),
            breaks("statistics-undeclared", |file| file.purposes[2].route = Route::Statistics),
            breaks("statistics-shared", |file| {
                file.purposes[1].route = Route::Statistics;
                file.purposes[1].statistics = Some(declared());
                file.recipients.get_mut("wayfinder").unwrap().role = RecipientRole::Independent;
            }),
            breaks("google-unasked", |file| file.purposes[1].google = Vec::from([GoogleKey::AdStorage])),
            breaks("tool-unasked", |file| file.purposes[1].tools = Vec::from([Tool::Uet])),
            breaks("route-not-here", |file| file.purposes[2].route = Route::SoftOptIn),
            breaks("soft-opt-in-undeclared", |file| file.alerts[0].route = Route::SoftOptIn),
            breaks("age-limits", |file| asks_age(file, 12, 16)),
            breaks("age-unasked", |file| file.purposes[1].substantial_data = true),
            breaks("soft-opt-in-charity", |file| soft_opt_in(file, SoftOptInKind::Charitable)),
        ]);
        let all: BTreeSet<_> = RULES.iter().map(|(id, _)| *id).collect();
        assert_eq!(seen, all);
    }

    fn asks_age(file: &mut SiteFile, consent_from: u8, contact_under: u8) {
        let asked = Vec::from([Asked::Banner, Asked::AlertForm]);
        file.age = Some(crate::age::AgeQuestion { asked, consent_from, contact_under });
    }

    #[test]
    fn ages_are_asked_with_limits_that_the_law_knows_and_where_they_matter() {
        for (from, under) in [(17, 18), (13, 12), (14, 13), (13, 19), (0, 0), (255, 255)] {
            breaks("age-limits", |file| asks_age(file, from, under));
        }
        breaks("age-limits", |file| {
            asks_age(file, 13, 16);
            file.age.as_mut().unwrap().asked.clear();
        });
        breaks("age-unasked", |file| {
            asks_age(file, 13, 16);
            file.age.as_mut().unwrap().asked = Vec::from([Asked::Banner]);
            file.alerts[0].substantial_data = true;
        });
        let mut file = fixture::site_file();
        file.purposes.retain(|purpose| purpose.route != Route::Statistics);
        file.text.values_mut().for_each(|text| text.purposes.retain(|id, _| id.as_str() != "counting"));
        file.purposes[1].substantial_data = true;
        for (from, under) in [(13, 16), (13, 13), (16, 16), (16, 18)] {
            asks_age(&mut file, from, under);
            assert_eq!(check(&file.notice().unwrap()), [], "{from}, {under}");
        }
        file.cookie_domain = None;
        let domain = file.notice().unwrap_err();
        assert!(matches!(domain, crate::site::SiteFileError::AgeOnBanner), "{domain}");
    }

    fn soft_opt_in(file: &mut SiteFile, kind: SoftOptInKind) {
        let (collected, opt_out) = ("On our donation form.".into(), "A box below the address.".into());
        file.alerts[0].route = Route::SoftOptIn;
        file.alerts[0].soft_opt_in = Some(SoftOptIn { kind, collected, opt_out });
    }

    #[test]
    fn soft_opt_in_needs_its_conditions() {
        let mut file = fixture::site_file();
        file.purposes.retain(|purpose| purpose.route != Route::Statistics);
        file.text.values_mut().for_each(|text| text.purposes.retain(|id, _| id.as_str() != "counting"));
        soft_opt_in(&mut file, SoftOptInKind::Commercial);
        assert_eq!(check(&file.notice().unwrap()), []);
        soft_opt_in(&mut file, SoftOptInKind::Charitable);
        file.controller.charity = Some("1234567".into());
        assert_eq!(check(&file.notice().unwrap()), []);
        breaks("soft-opt-in-charity", |file| {
            soft_opt_in(file, SoftOptInKind::Charitable);
            file.controller.charity = Some(" ".into());
        });
        breaks("soft-opt-in-undeclared", |file| {
            soft_opt_in(file, SoftOptInKind::Commercial);
            file.alerts[0].soft_opt_in.as_mut().unwrap().opt_out = "...".into();
        });
        breaks("soft-opt-in-undeclared", |file| {
            soft_opt_in(file, SoftOptInKind::Commercial);
            file.alerts[0].route = Route::Consent;
        });
        breaks("route-not-here", |file| file.alerts[0].route = Route::Necessary);
    }

    // Each of these was published: a button that cannot be read, two that say the same, and one that says the opposite.
    #[test]
    fn replaced_words_cannot_hide_the_choice() {
        breaks("text-empty", |file| say(file, "decline", "\u{200b} "));
        breaks("text-empty", |file| say(file, "choose", ""));
        breaks("labels-unequal", |file| say(file, "decline", "accept "));
        breaks("labels-unequal", |file| {
            say(file, "accept", "Decline");
            say(file, "decline", "Accept");
        });
        breaks("guilt", |file| say(file, "choose", "Are you sure?"));
        breaks("no-privacy-statement", |file| file.controller.privacy_url = "http:evil".into());
        breaks("party-unnamed", |file| {
            file.recipients.get_mut("wayfinder").unwrap().privacy_url = "httpx://a.example".into();
        });
    }

    #[test]
    fn limits_are_where_they_are_said_to_be() {
        breaks("text-long", |file| first_text(file).title = "x".repeat(201));
        breaks("text-long", |file| file.controller.name = "x".repeat(201));
        breaks("text-long", |file| say(file, "choose", &"x".repeat(2001)));
        breaks("text-hidden", |file| file.controller.address = "1 Street\u{7}".into());
        breaks("text-hidden", |file| say(file, "choose", "C\u{2066}hoose"));
        breaks("text-hidden", |file| file.controller.name = "Example Health\r\nBcc: eve@example.org".into());
        breaks("memory-grant", |file| file.memory.grant_days = 0);
        let mut file = fixture::site_file();
        file.purposes.retain(|purpose| purpose.route != Route::Statistics);
        file.text.values_mut().for_each(|text| text.purposes.retain(|id, _| id.as_str() != "counting"));
        first_text(&mut file).intro = "é".repeat(1999) + "\n";
        assert_eq!(check(&file.notice().unwrap()), []);
    }

    #[test]
    fn words_are_matched_whole() {
        assert!(contains("You will miss out!", &GUILT));
        assert!(!contains("The ambassador sadly left", &GUILT));
    }
}
