//! A failing example for every rule, and that nothing fair is refused.

use super::{RULES, check, check_keys, phrases, table};
use crate::fixture;
use crate::ids::PurposeId;
use crate::notice::{
    Asked, GoogleKey, RecipientRole, Route, SoftOptIn, SoftOptInKind, StatisticsConditions, StorageItem,
    StorageKind, Tool,
};
use crate::site::SiteFile;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::string::{String, ToString as _};
use std::vec::Vec;
use std::{format, println};

/// The fixture without its statistics purpose, whose conditions nobody declared.
fn fair() -> SiteFile {
    let mut file = fixture::site_file();
    file.purposes.retain(|purpose| purpose.route != Route::Statistics);
    for text in file.text.values_mut() {
        text.purposes.retain(|id, _| id.as_str() != "counting");
    }
    file
}

/// Breaks the fair fixture one way and expects exactly that rule to speak.
#[track_caller]
fn breaks(rule: &'static str, change: impl FnOnce(&mut SiteFile)) -> &'static str {
    let mut file = fair();
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
    serde_json::from_value(json!({
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
    let analytics = analytics();
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
        breaks("memory-grant", |file| remembers(file, 400)),
        breaks("too-many", |file| {
            for number in 0..7 {
                let mut more = file.purposes[2].clone();
                more.id = PurposeId::new(&format!("more-{number}")).unwrap();
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
        breaks("tool-unasked", |file| file.purposes[2].tools = Vec::from([Tool::Uet])),
        breaks("route-not-here", |file| file.purposes[2].route = Route::SoftOptIn),
        breaks("soft-opt-in-undeclared", |file| file.alerts[0].route = Route::SoftOptIn),
        breaks("age-limits", |file| asks_age(file, 12, 16)),
        breaks("age-unasked", |file| file.purposes[1].substantial_data = true),
        breaks("soft-opt-in-charity", |file| soft_opt_in(file, SoftOptInKind::Charitable)),
        breaks("regulator-unnamed", |file| file.controller.regulator.url = "by post".into()),
        breaks("bundled", |file| {
            file.purposes[1].sharing = true;
            file.purposes[1].google.push(GoogleKey::AdStorage);
        }),
        breaks("storage-conflict", |file| {
            let mut item = file.purposes[1].storage[0].clone();
            item.days = 30;
            file.purposes[1].storage.push(item);
        }),
        breaks("own-cookie", |file| file.purposes[0].storage[0].days = 30),
        breaks("necessary-not", |file| file.purposes[0].google = Vec::from([GoogleKey::AnalyticsStorage])),
        breaks("legitimate-interest", |file| {
            first_text(file).intro = "We count visits, for which we have a legitimate interest.".into();
        }),
        breaks("sharing-undeclared", |file| {
            file.recipients.get_mut("wayfinder").unwrap().role = RecipientRole::Independent;
        }),
        breaks("statistics-fingerprint", |file| {
            file.purposes[1].route = Route::Statistics;
            file.purposes[1].statistics = Some(declared());
            let own = first_text(file).purposes.get_mut(&analytics).unwrap();
            own.data.push("A fingerprint of your device".into());
        }),
        breaks("language-switches", |file| {
            for text in file.text.values_mut() {
                text.intro = "We would like to count visits to every page of this website.".into();
            }
        }),
        breaks("faces", |file| first_text(file).title = "We love cookies \u{1f60d}".into()),
        breaks("label-unclear", |file| say(file, "accept", "Got it!")),
        breaks("no-press", |file| {
            first_text(file).intro = "By continuing to use the site you agree.".into();
        }),
        has_no_place(
            "pre-ticked",
            &json!({ "purposes": [{ "id": "ads", "route": "consent", "default": true }] }),
        ),
        has_no_place("no-decline", &json!({ "look": { "hide_decline": true } })),
        has_no_place("no-way-back", &json!({ "look": { "way_back": false } })),
        has_no_place("wall", &json!({ "mustConsent": true })),
        has_no_place(
            "storage-unsaid",
            &json!({ "purposes": [{ "id": "ads", "storage": [
            { "name": "_bb", "kind": "cookie", "read_by": "billboard" }] }] }),
        ),
    ]);
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(seen, all);
    assert_eq!(RULES.len(), all.len(), "each id is there once");
    assert_eq!(table().lines().count(), all.len() + 2);
}

fn analytics() -> PurposeId {
    PurposeId::new("analytics").unwrap()
}

/// A grant is remembered so long, and the cookie is declared so.
fn remembers(file: &mut SiteFile, days: u16) {
    file.memory.grant_days = days;
    file.purposes[0].storage[0].days = days.max(file.memory.refusal_days).into();
}

/// A key that there is no place for is told by exactly this rule.
#[track_caller]
fn has_no_place(rule: &'static str, file: &Value) -> &'static str {
    let findings = check_keys(file);
    for finding in &findings {
        println!("{}: {}: {}", finding.rule, finding.place, finding.message);
    }
    assert_eq!(findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [rule]);
    rule
}

// The switches with which other banners are made unfair (Klaro, vanilla-cookieconsent, tarteaucitron, Osano).
#[test]
fn switches_of_other_banners_are_told_why_there_are_none() {
    let purpose = |key: &str| json!({ "purposes": [{ "id": "ads", key: true }] });
    for key in ["default", "enabled", "optOut", "checked", "pre_selected"] {
        has_no_place("pre-ticked", &purpose(key));
    }
    has_no_place("pre-ticked", &json!({ "alerts": [{ "topic": "news", "checked": true }] }));
    for key in ["dismiss_on_scroll", "dismissOnTimeout", "acceptOnScroll", "implied_consent"] {
        has_no_place("no-press", &json!({ key: true }));
    }
    for key in ["hideDeclineAll", "DenyAllCta", "show_reject", "accept_colour"] {
        has_no_place("no-decline", &json!({ "look": { key: true } }));
    }
    for key in ["showIcon", "revocable"] {
        has_no_place("no-way-back", &json!({ key: false }));
    }
    for key in ["days", "read_by", "kind", "name"] {
        let mut item = json!({ "name": "_bb", "kind": "cookie", "days": 3, "read_by": "billboard" });
        item.as_object_mut().unwrap().remove(key);
        has_no_place("storage-unsaid", &json!({ "purposes": [{ "id": "ads", "storage": [item] }] }));
    }
    // What is somebody's own name, and what is ours.
    let mut file = fixture::site_file();
    let wall = file.recipients["wayfinder"].clone();
    file.recipients.insert("wall".into(), wall);
    soft_opt_in(&mut file, SoftOptInKind::Commercial);
    say(&mut file, "withdraw", "Take back: {}");
    assert_eq!(check_keys(&serde_json::to_value(&file).unwrap()), []);
}

#[test]
fn what_a_purpose_is_must_fit_what_is_said_of_it() {
    breaks("party-missing", |file| {
        let other = file.recipients["wayfinder"].clone();
        file.recipients.insert("other".into(), other);
        file.purposes[1].storage[0].read_by = "other".into();
    });
    for name in ["Our partners", "Advertising partners", "third parties", "Unsere Partner"] {
        breaks("party-unnamed", |file| file.recipients.get_mut("wayfinder").unwrap().name = name.into());
    }
    breaks("regulator-unnamed", |file| file.controller.regulator.name.clear());
    breaks("necessary-shared", |file| file.purposes[0].sharing = true);
    breaks("necessary-shared", |file| {
        file.purposes[1].sharing = true;
        file.purposes[0].recipients = Vec::from(["wayfinder".into()]);
        file.recipients.get_mut("wayfinder").unwrap().role = RecipientRole::Independent;
    });
    breaks("necessary-not", |file| file.purposes[0].tools = Vec::from([Tool::Matomo]));
    for name in ["_ga", "_ga_*", "_gcl_au", "_hjSession_12", "_pk_id*", "IDE"] {
        breaks("necessary-not", |file| file.purposes[0].storage[0].name = name.into());
    }
    for name in ["identity", "ide_theme", "muid-2", "_gallery", "_garden*"] {
        let mut file = fair();
        file.purposes[0].storage[0].name = name.into();
        assert_eq!(check(&file.notice().unwrap()), [], "{name}");
    }
    for name in ["Essential cookies", "Strictly necessary", "Hanfodol", "Notwendige Cookies"] {
        breaks("necessary-not", |file| {
            first_text(file).purposes.get_mut(&analytics()).unwrap().name = name.into();
        });
    }
    breaks("bundled", |file| {
        file.purposes[2].sharing = true;
        file.purposes[2].tools = Vec::from([Tool::Clarity, Tool::ClarityAds]);
    });
    // The same cookie is never both necessary and a choice (one technology, two purposes: the stricter counts).
    breaks("storage-conflict", |file| {
        let mut item = file.purposes[0].storage[0].clone();
        item.name = "both".into();
        file.purposes[0].storage.push(item.clone());
        file.purposes[2].storage.push(item);
    });
    breaks("own-cookie", |file| {
        let item = file.purposes[0].storage.remove(0);
        file.purposes[2].storage.push(item);
    });
}

#[test]
fn unfair_words_are_found_in_many_languages_and_fair_ones_left_alone() {
    for (rule, text) in [
        ("guilt", "Êtes-vous sûr de vouloir refuser ?"),
        ("guilt", "您确定要拒绝吗？"),
        ("no-press", "En continuant votre navigation, vous acceptez."),
        ("no-press", "Durch die weitere Nutzung stimmen Sie zu."),
        ("no-press", "Продовжуючи перегляд, ви погоджуєтеся."),
        ("legitimate-interest", "Aufgrund unseres berechtigten Interesses."),
        ("legitimate-interest", "بناءً على المصلحة المشروعة"),
        ("faces", "Tell us :-)"),
    ] {
        breaks(rule, |file| first_text(file).intro = text.into());
    }
    for text in ["We may share it with others.", "Pour améliorer votre expérience.", "用于改善您的体验"]
    {
        breaks("vague-purpose", |file| {
            first_text(file).purposes.get_mut(&analytics()).unwrap().description = text.into();
        });
    }
    for label in ["OK", "Continue", "Verstanden", "知道了"] {
        breaks("label-unclear", |file| say(file, "accept", label));
    }
    for label in ["Not now", "Settings", "Maybe later…", "Später"] {
        breaks("label-unclear", |file| say(file, "decline", label));
    }
    for text in ["You may say no. In May we count again.", "Nothing is counted if you go on reading."] {
        let mut file = fair();
        first_text(&mut file).intro = text.into();
        first_text(&mut file).purposes.get_mut(&analytics()).unwrap().description = text.into();
        first_text(&mut file).purposes.get_mut(&analytics()).unwrap().name =
            "Non-essential statistics".into();
        assert_eq!(check(&file.notice().unwrap()), [], "{text}");
    }
}

#[test]
fn lawful_names_and_messages_are_left_alone() {
    for name in [
        "Zorunlu olmayan çerezler",
        "非必要",
        "غير ضرورية",
        "Cwcis nad ydynt yn hanfodol",
        "Pliki inne niż niezbędne",
        "Nu sunt strict necesare",
        "Не необхідні",
    ] {
        let mut file = fair();
        first_text(&mut file).purposes.get_mut(&analytics()).unwrap().name = name.into();
        assert_eq!(check(&file.notice().unwrap()), [], "{name}");
    }
    breaks("necessary-not", |file| {
        first_text(file).purposes.get_mut(&analytics()).unwrap().name = "Casino necessary cookies".into();
    });
    // What is written in a message is not stored on a device.
    let mut file = fair();
    let text = first_text(&mut file);
    text.alerts_intro = "We rest on our legitimate interest in telling our donors about events.".into();
    let own = text.alerts.get_mut("news").unwrap();
    own.name = "Essential works on your street, and help with seasonal affective disorder (SAD)".into();
    own.description = "Messages may include a link to book.".into();
    assert_eq!(check(&file.notice().unwrap()), []);
}

/// The interface's own words keep every rule, in each language of the box; a language that is given in part is told so.
#[test]
fn every_language_of_the_box_is_fair() {
    for language in crate::languages::languages() {
        let mut file = fair();
        let mut text = file.text["en"].clone();
        text.intro = format!("{}: {}", language.tag, text.intro);
        file.text = [(language.tag.to_string(), text)].into();
        file.default_language = language.tag.into();
        assert_eq!(check(&file.notice().unwrap()), [], "{}", language.tag);
    }
    let mut file = fair();
    let mut text = file.text["en"].clone();
    for (name, word) in crate::words::Words::built_in("en").unwrap().without_pages().each() {
        // Words of the pages are left out.
        if !word.is_empty() {
            text.words.set(name, &format!("tlh {word}"));
        }
    }
    let mut lost = file.clone();
    for (name, word) in [("withdraw", "tlh take it back"), ("mail_sender", "tlh sent by us.")] {
        let mut text = text.clone();
        text.words.set(name, word);
        lost.text.insert("tlh".into(), text);
        let findings = check(&lost.notice().unwrap());
        assert!(findings.iter().any(|finding| finding.rule == "placeholder-lost"), "{name}: {findings:?}");
    }
    file.text.insert("tlh".into(), text);
    let findings = check(&file.notice().unwrap());
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].rule, "language-switches");
    assert!(findings[0].place.starts_with("text.tlh.words."), "{findings:?}");
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
    let mut file = fair();
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
    let mut file = fair();
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
    breaks("text-hidden", |file| say(file, "mail_confirm_subject", "{} asks\r\nBcc: eve@example.org"));
    breaks("memory-grant", |file| remembers(file, 181));
    let mut file = fair();
    first_text(&mut file).intro = "é".repeat(1999) + "\n";
    assert_eq!(check(&file.notice().unwrap()), []);
}

#[test]
fn words_are_matched_whole() {
    assert!(phrases::contains("You will miss out!", phrases::GUILT));
    assert!(!phrases::contains("The ambassador sadly left", phrases::GUILT));
}
