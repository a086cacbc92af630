//! Rules of the words: what each text must have, and what must not stand in one.

use super::{Say, phrases};
use crate::notice::{Asked, Notice, Purpose, PurposeText, Route, Text};
use crate::words::Words;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use serde_json::Value;

/// Ends of places whose texts are headings, names or buttons.
const SHORT: [&str; 4] = ["title", ".name", ".accept", ".decline"];
/// Longest heading or name, in characters: two lines of a phone's banner and some.
const SHORT_MAX: usize = 200;
/// Longest other text, in characters: two minutes of reading.
const LONG_MAX: usize = 2000;
/// From how many characters on the same text in two languages is one that nobody translated.
const SENTENCE: usize = 40;

/// Rules of each text, wherever it stands.
pub(super) fn everywhere(notice: &Notice, say: &mut Say<'_>) {
    each_text(notice, &mut |place, text| {
        // A name stands in headings, in subjects and in whom a message is from.
        let one_line = place.ends_with(".name") || place.ends_with("_subject");
        let broken = one_line && text.contains(['\n', '\r']);
        if broken || text.chars().any(is_hidden) {
            let message = "Take out control characters, marks of reading direction, and line breaks in a name or a subject; type it anew if need be.";
            say("text-hidden", place.to_string(), message);
        }
        let most = if SHORT.iter().any(|key| place.ends_with(key)) { SHORT_MAX } else { LONG_MAX };
        if text.chars().count() > most {
            say("text-long", place.to_string(), &format!("Shorten it to {most} characters or less."));
        }
    });
}

/// Rules of one language's texts.
pub(super) fn language(notice: &Notice, language: &str, text: &Text, say: &mut Say<'_>) {
    let base = format!("text.{language}");
    for (key, value) in [("title", &text.title), ("intro", &text.intro)] {
        let place = format!("{base}.{key}");
        if value.trim().is_empty() {
            say("text-empty", place.clone(), "Write the text; nobody can agree to a blank.");
        }
        tone(&place, value, say);
        claims(&place, value, say);
    }
    tone(&format!("{base}.alerts_intro"), &text.alerts_intro, say);
    words(&base, language, &text.words, say);
    for purpose in &notice.purposes {
        let Some(own) = text.purposes.get(&purpose.id) else { continue };
        of_purpose(&format!("{base}.purposes.{}", purpose.id), purpose, own, say);
    }
}

/// What must not stand around a choice.
fn tone(place: &str, text: &str, say: &mut Say<'_>) {
    let found = |phrases| phrases::contains(text, phrases);
    if found(phrases::GUILT) {
        say("guilt", place.to_string(), "Leave feelings and blame out of the choice.");
    }
    if phrases::has_face(text) {
        say("faces", place.to_string(), "Leave faces and hearts out of the choice.");
    }
    if found(phrases::IMPLIED) {
        let message = "Ask for a press: going on, scrolling or closing says nothing.";
        say("no-press", place.to_string(), message);
    }
}

/// What nobody can claim for storing and reading on a device. Messages are another matter: soft opt-in rests on an interest, and says so.
fn claims(place: &str, text: &str, say: &mut Say<'_>) {
    if phrases::contains(text, phrases::LEGITIMATE) {
        let message = "Take it out: storing and reading need consent, the statistics route or necessity, and no interest makes up for it.";
        say("legitimate-interest", place.to_string(), message);
    }
}

/// The interface's own words, with the operator's among them.
fn words(base: &str, language: &str, words: &Words, say: &mut Say<'_>) {
    let built_in = Words::built_in(language);
    let place = format!("{base}.words");
    let (accept, decline) = (words.accept.chars().count(), words.decline.chars().count());
    if accept.abs_diff(decline) > 12 || accept.max(decline) > 40 {
        let message = "Word accept and decline alike: both short, neither more than 12 characters longer.";
        say("labels-unequal", place.clone(), message);
    }
    let same = |one: &str, other: &str| one.trim().to_lowercase() == other.trim().to_lowercase();
    let swapped = built_in
        .as_ref()
        .is_some_and(|own| same(&words.accept, &own.decline) || same(&words.decline, &own.accept));
    if swapped || same(&words.accept, &words.decline) {
        let message = "Word accept and decline so that each says what it does.";
        say("labels-unequal", place.clone(), message);
    }
    for (key, word, unclear) in
        [("accept", &words.accept, phrases::NO_YES), ("decline", &words.decline, phrases::NO_NO)]
    {
        if phrases::is_one(word, unclear) {
            say("label-unclear", format!("{place}.{key}"), "Say yes or no in the button: it is read alone.");
        }
    }
    let holes = |sentence: &str| sentence.matches("{}").count();
    // A language that does not come in the box keeps those of English, which stands where it has no word.
    let own = built_in.or_else(|| Words::built_in("en"));
    let own = own.iter().flat_map(Words::each);
    let own: BTreeMap<&str, usize> = own.map(|(name, word)| (name, holes(word))).collect();
    for (name, word) in words.each() {
        let place = format!("{place}.{name}");
        if !word.chars().any(char::is_alphanumeric) {
            say("text-empty", place, "Write the word, or leave the line out to keep the built-in one.");
        } else if own.get(name).is_some_and(|count| *count != holes(word)) {
            say("placeholder-lost", place, "Keep each `{}` of the built-in sentence.");
        } else {
            tone(&place, word, say);
            claims(&place, word, say);
        }
    }
}

fn of_purpose(place: &str, purpose: &Purpose, own: &PurposeText, say: &mut Say<'_>) {
    if own.name.trim().is_empty() || own.description.trim().is_empty() {
        say("text-empty", place.to_string(), "Write the name and the description.");
    }
    let on_banner = purpose.asked == Asked::Banner;
    if on_banner && phrases::contains(&own.description, phrases::VAGUE) {
        let message = "Say what is done with the data and by whom.";
        say("vague-purpose", format!("{place}.description"), message);
    }
    for (key, text) in [("name", &own.name), ("description", &own.description)] {
        tone(&format!("{place}.{key}"), text, say);
        if on_banner {
            claims(&format!("{place}.{key}"), text, say);
        }
    }
    let claims_need = phrases::contains(&own.name, phrases::ESSENTIAL) && !phrases::denies(&own.name);
    if on_banner && purpose.is_choice() && claims_need {
        let message = "Name it after what it does: it can be refused, so it is not necessary.";
        say("necessary-not", format!("{place}.name"), message);
    }
    if purpose.is_choice() && own.data.iter().all(|entry| entry.trim().is_empty()) {
        say("data-missing", format!("{place}.data"), "List what is collected, one entry each.");
    }
    if own.retention.trim().is_empty() {
        say("retention-missing", format!("{place}.retention"), "Say how long the data is kept.");
    }
    let mut taken = own.data.iter().chain([&own.description]);
    if purpose.route == Route::Statistics && taken.any(|text| phrases::contains(text, phrases::FINGERPRINT)) {
        let message = "Choose the consent route: the exception is not for telling devices apart.";
        say("statistics-fingerprint", format!("{place}.data"), message);
    }
}

/// Texts that are in another language than the others of theirs.
pub(super) fn switches(notice: &Notice, say: &mut Say<'_>) {
    let message = "Translate it: it is the same text as in another language.";
    let base = |tag: &str| tag.split('-').next().unwrap_or(tag).to_lowercase();
    let is_same = |one: &str, other: &str| one.chars().count() >= SENTENCE && one == other;
    for (at, (language, text)) in notice.languages.iter().enumerate() {
        let others = || notice.languages.iter().take(at).filter(|(other, _)| base(other) != base(language));
        if others().any(|(_, other)| is_same(&text.intro, &other.intro)) {
            say("language-switches", format!("text.{language}.intro"), message);
        }
        for (id, own) in &text.purposes {
            let other = others().filter_map(|(_, other)| other.purposes.get(id));
            if other.into_iter().any(|other| is_same(&own.description, &other.description)) {
                say("language-switches", format!("text.{language}.purposes.{id}.description"), message);
            }
        }
        // Of a language that does not come in the box, what the file leaves out is English.
        let english = Words::built_in("en").filter(|_| Words::built_in(language).is_none());
        let left = english.iter().flat_map(|english| english.each().zip(text.words.each()));
        let mut left = left.filter(|((_, english), (_, own))| is_same(own, english));
        if let Some(((name, _), _)) = left.next() {
            let message = "Give every word of this language, those of Assent's own pages too: what is left out is English.";
            say("language-switches", format!("text.{language}.words.{name}"), message);
        }
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
