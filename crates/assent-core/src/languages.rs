//! The languages that the interface's own words come in, beside English and Welsh, which stand in [`crate::words`].
//!
//! One JSON file per language in `words/`: whether somebody who lives in it has read it, the words of the banner's layers, and
//! those of Assent's own pages. Words of pages that a file does not have are English. Nothing here is part of the widget.

use crate::words::{Words, WordsOverride};
use alloc::vec::Vec;
use serde::Deserialize;

macro_rules! files {
    ($($tag:literal)*) => {
        const FILES: &[(&str, &str)] = &[$(($tag, include_str!(concat!("../words/", $tag, ".json"))),)*];
    };
}
files! { "ar" "bn" "de" "es" "fr" "ga" "gu" "it" "lt" "pa" "pl" "pt" "ro" "so" "tr" "uk" "ur" "zh" }

/// Regions and scripts whose readers would not be served by the file of the same language.
const OTHER_SCRIPTS: &[&str] = &["pa-arab", "pa-pk", "zh-hant", "zh-hk", "zh-mo", "zh-tw"];

/// Languages that are written from right to left, among all that a notice may be in.
const RIGHT_TO_LEFT: &[&str] = &["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

/// A language that comes in the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// Its tag (BCP 47).
    pub tag: &'static str,
    /// Whether somebody who lives in it has read all of it.
    pub reviewed: bool,
    /// Words that are still English.
    pub missing: Vec<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    reviewed: bool,
    layers: WordsOverride,
    pages: WordsOverride,
}

/// Every language in the box, by tag.
#[must_use]
pub fn languages() -> Vec<Language> {
    let mut all = Vec::from([
        Language { tag: "cy", reviewed: false, missing: Vec::new() },
        Language { tag: "en", reviewed: true, missing: Vec::new() },
    ]);
    for &(tag, _) in FILES {
        let Some(file) = file(tag) else { continue };
        let missing = file.layers.missing().filter(|word| file.pages.missing().any(|other| other == *word));
        all.push(Language { tag, reviewed: file.reviewed, missing: missing.collect() });
    }
    all.sort_by_key(|language| language.tag);
    all
}

/// The words of a language that has a file; nothing for others.
pub(crate) fn words(language: &str) -> Option<Words> {
    let lower = language.to_ascii_lowercase();
    if OTHER_SCRIPTS.iter().any(|other| lower.starts_with(other)) {
        return None;
    }
    let file = file(lower.split('-').next().unwrap_or(&lower))?;
    Some(Words::built_in("en")?.with(&file.layers).with(&file.pages))
}

fn file(tag: &str) -> Option<File> {
    let (_, text) = FILES.iter().find(|(have, _)| *have == tag)?;
    serde_json::from_str(text).ok()
}

/// Whether a language is written from right to left.
#[must_use]
pub fn is_right_to_left(language: &str) -> bool {
    let base = language.split('-').next().unwrap_or(language);
    RIGHT_TO_LEFT.iter().any(|tag| tag.eq_ignore_ascii_case(base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::string::String;

    fn each(words: &Words) -> BTreeMap<&'static str, String> {
        words.each().map(|(name, word)| (name, String::from(word))).collect()
    }

    #[test]
    fn no_language_lacks_a_word_or_a_placeholder() {
        let english = Words::built_in("en").unwrap();
        let layers: Vec<_> = english
            .clone()
            .without_pages()
            .each()
            .filter(|(_, word)| !word.is_empty())
            .map(|(name, _)| name)
            .collect();
        let english = each(&english);
        for (tag, text) in FILES {
            let read: Result<File, _> = serde_json::from_str(text);
            let read = read.unwrap_or_else(|error| panic!("words/{tag}.json: {error}"));
            for name in &layers {
                assert!(
                    !read.layers.missing().any(|missing| missing == *name),
                    "words/{tag}.json has no `{name}`"
                );
            }
            for (name, word) in each(&Words::built_in(tag).unwrap()) {
                assert_eq!(
                    word.matches("{}").count(),
                    english[name].matches("{}").count(),
                    "{tag}: {name}: {word}"
                );
                assert!(
                    word.trim() == word && word.chars().any(char::is_alphanumeric),
                    "{tag}: {name}: {word:?}"
                );
            }
        }
        let lacking: Vec<_> =
            languages().into_iter().filter(|language| !language.missing.is_empty()).collect();
        assert_eq!(lacking, [], "translate these, or give them an English text here and say so");
    }

    #[test]
    fn the_way_back_is_called_by_its_name_and_answers_are_alike() {
        for language in languages() {
            let words = Words::built_in(language.tag).unwrap();
            assert!(
                words.change_any_time.contains(&words.your_choices),
                "{}: {}",
                language.tag,
                words.change_any_time
            );
            let (accept, decline) = (words.accept.chars().count(), words.decline.chars().count());
            assert!(accept.abs_diff(decline) <= 12, "{}: {} / {}", language.tag, words.accept, words.decline);
            assert_eq!(words.months.split(' ').count(), 12, "{}", language.tag);
        }
        let names: std::collections::BTreeSet<_> =
            languages().iter().map(|language| Words::built_in(language.tag).unwrap().language_name).collect();
        assert_eq!(names.len(), 20);
    }

    #[test]
    fn an_operator_replaces_any_word_in_any_language() {
        for language in languages() {
            let built_in = Words::built_in(language.tag).unwrap();
            for (name, word) in built_in.each() {
                let mut replaced = WordsOverride::default();
                replaced.set(name, "Ours: {}");
                let ours = built_in.clone().with(&replaced);
                let changed: Vec<_> = ours
                    .each()
                    .zip(built_in.each())
                    .filter(|(one, other)| one != other)
                    .map(|(one, _)| one)
                    .collect();
                assert_eq!(changed, [(name, "Ours: {}")], "{}: {word}", language.tag);
            }
        }
    }

    #[test]
    fn a_region_finds_its_language_and_another_script_does_not() {
        assert_eq!(Words::built_in("pt-BR"), Words::built_in("pt"));
        assert_eq!(Words::built_in("zh-Hans-SG"), Words::built_in("zh"));
        for other in ["zh-Hant", "zh-TW", "pa-Arab-PK", "tlh", ""] {
            assert_eq!(Words::built_in(other), None, "{other}");
        }
        for (tag, rtl) in [("ar", true), ("ur-PK", true), ("pa", false), ("en", false)] {
            assert_eq!(is_right_to_left(tag), rtl, "{tag}");
        }
    }
}
