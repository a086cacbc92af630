//! Every page in English and Welsh as a snapshot, and the rules that hold for all of them.
//!
//! To look at the pages, name a folder: `ASSENT_PAGES_DIR=… cargo test -p ui --features ssr pages` leaves them there
//! with their stylesheet. How a browser lays them out is seen in `tests/`.

use super::alerts::{AlertError, AlertsProps, DoneProps};
use super::choices::{ChoicesProps, Outcome};
use super::hand_over::{HandOverProps, Onward};
use super::layout::SiteFrame;
use super::link::{About, AskError, LinkProps};
use super::log::{LogHead, LogProps};
use super::message::MessageProps;
use super::notice::NoticeProps;
use super::problem::ProblemProps;
use super::reference::ReferenceProps;
use super::schedule::ScheduleProps;
use super::your_alerts::YourAlertsProps;
use super::{
    alerts, choices, hand_over, link, log, message, notice, problem, reference, schedule, your_alerts,
};
use assent_core::age::AgeBand;
use assent_core::decision::{Choice, Standing};
use assent_core::hash::sha256;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::Record;
use assent_core::retention::RetentionClass;
use assent_core::site::SiteFile;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const LANGUAGES: [&str; 2] = ["en", "cy"];

fn site_file() -> Value {
    json!({
        "id": "clinic",
        "public_url": "https://privacy.example.org",
        "origins": ["https://www.example.org"],
        "cookie_domain": "example.org",
        "default_language": "en",
        "controller": {
            "name": "Riverside Health", "address": "1 Quay Street, Exampleton EX1 2AB",
            "email": "privacy@example.org", "phone": "01632 960 001",
            "privacy_url": "https://www.example.org/privacy",
            "regulator": { "name": "the Information Commission", "url": "https://ico.org.uk/make-a-complaint/" },
        },
        "recipients": {
            "measure": {
                "name": "Measure Ltd", "role": "processor", "location": "United Kingdom",
                "privacy_url": "https://measure.example/privacy",
            },
        },
        "purposes": [
            { "id": "choices", "route": "necessary",
              "storage": [{ "name": "assent", "kind": "cookie", "days": 365, "read_by": "controller" }] },
            { "id": "analytics", "route": "consent", "recipients": ["measure"],
              "storage": [
                { "name": "_m_id.*", "kind": "cookie", "days": 395, "read_by": "measure" },
                { "name": "_m_ses", "kind": "session-storage", "days": 0, "read_by": "measure" },
                { "name": "_m_day", "kind": "cookie", "days": 1, "read_by": "measure" },
                { "name": "dot.gif", "kind": "pixel", "days": 0, "read_by": "measure" },
              ] },
            { "id": "surveys", "route": "consent" },
            { "id": "site-search", "route": "statistics" },
        ],
        "alerts": [
            { "topic": "clinic-changes", "channels": ["email", "text"] },
            { "topic": "news", "channels": ["email"] },
        ],
        "text": {
            "en": {
                "title": "Cookies on Riverside Health",
                "intro": "We would like to use cookies to see how the site is used. Nothing optional is on until you say yes.",
                "alerts_title": "Email and text alerts",
                "alerts_intro": "Tick only what you want to hear about.",
                "purposes": {
                    "choices": { "name": "Remembering your choices", "description": "Keeps your answer so that you are not asked on every page.", "data": ["your answer to each question"], "retention": "12 months" },
                    "analytics": { "name": "Visit statistics by Measure Ltd", "description": "Counts visits and shows us which pages people read and where they leave.", "data": ["pages you open", "your type of browser", "the town your connection suggests"], "retention": "13 months" },
                    "surveys": { "name": "Surveys", "description": "Shows some visitors a short survey about the page they are on.", "data": ["your answers"], "retention": "Until the survey is evaluated, at most 6 months" },
                    "site-search": { "name": "Search statistics", "description": "Counts which words are searched for on this site, without knowing by whom.", "data": ["words searched for"], "retention": "Totals only" },
                },
                "alerts": {
                    "clinic-changes": { "name": "Clinic changes", "description": "When a clinic moves, closes or changes its hours.", "data": ["your address or number"], "retention": "Until you stop the alert" },
                    "news": { "name": "Monthly news", "description": "What is new, once a month.", "data": ["your email address"], "retention": "Until you stop the alert" },
                },
            },
            "cy": {
                "title": "Cwcis ar Riverside Health",
                "intro": "Hoffem ddefnyddio cwcis i weld sut y defnyddir y wefan. Nid oes dim dewisol ymlaen nes i chi ddweud “ie”.",
                "alerts_title": "Hysbysiadau e-bost a thestun",
                "alerts_intro": "Ticiwch yr hyn yr hoffech glywed amdano yn unig.",
                "purposes": {
                    "choices": { "name": "Cofio eich dewisiadau", "description": "Yn cadw eich ateb fel na ofynnir i chi ar bob tudalen.", "data": ["eich ateb i bob cwestiwn"], "retention": "12 mis" },
                    "analytics": { "name": "Ystadegau ymweld gan Measure Ltd", "description": "Yn cyfrif ymweliadau ac yn dangos i ni pa dudalennau y mae pobl yn eu darllen.", "data": ["y tudalennau rydych yn eu hagor", "eich math o borwr"], "retention": "13 mis" },
                    "surveys": { "name": "Arolygon", "description": "Yn dangos arolwg byr am y dudalen i rai ymwelwyr.", "data": ["eich atebion"], "retention": "6 mis ar y mwyaf" },
                    "site-search": { "name": "Ystadegau chwilio", "description": "Yn cyfrif y geiriau y chwilir amdanynt, heb wybod gan bwy.", "data": ["geiriau y chwilir amdanynt"], "retention": "Cyfansymiau yn unig" },
                },
                "alerts": {
                    "clinic-changes": { "name": "Newidiadau i glinigau", "description": "Pan fydd clinig yn symud, yn cau neu’n newid ei oriau.", "data": ["eich cyfeiriad neu rif"], "retention": "Nes i chi atal yr hysbysiad" },
                    "news": { "name": "Newyddion misol", "description": "Yr hyn sy’n newydd, unwaith y mis.", "data": ["eich cyfeiriad e-bost"], "retention": "Nes i chi atal yr hysbysiad" },
                },
            },
        },
    })
}

fn frame_of(site_file: Value, language: &str) -> SiteFrame {
    let site_file: SiteFile = serde_json::from_value(site_file).unwrap();
    let notice = site_file.notice().unwrap();
    SiteFrame {
        hash: notice.hash(),
        notice: Arc::new(notice),
        language: language.into(),
        api: "https://privacy.example.org/v1/clinic".into(),
        stylesheet: "pages.css".into(),
        back: Some("https://www.example.org".into()),
    }
}

fn frame(language: &str) -> SiteFrame {
    frame_of(site_file(), language)
}

/// Of a site that asks how old people are.
fn asking(language: &str) -> SiteFrame {
    let mut file = site_file();
    file["age"] = json!({ "asked": ["banner", "alert-form"] });
    frame_of(file, language)
}

fn purpose(id: &str) -> PurposeId {
    PurposeId::new(id).unwrap()
}

fn standings(all: &[(&str, Standing)]) -> BTreeMap<PurposeId, Standing> {
    all.iter().map(|(id, standing)| (purpose(id), *standing)).collect()
}

fn record(frame: &SiteFrame, number: u8, act: &str, surface: &str, decisions: Value) -> Record {
    serde_json::from_value(json!({
        "format": "assent-record/v1",
        "id": format!("019ab000-0000-7000-8000-0000000000{number:02}"),
        "site": "clinic",
        "subject": "00112233445566778899aabbccddeeff",
        "time": format!("2026-11-{:02}T05:56:05.123Z", number + 10),
        "notice": frame.hash,
        "language": "en",
        "act": act,
        "surface": surface,
        "decisions": decisions,
        "after": { "size": 0, "root": sha256(b"") },
    }))
    .unwrap()
}

fn first_visit(frame: SiteFrame) -> ChoicesProps {
    ChoicesProps {
        frame,
        key: "019ab000-0000-7000-8000-00000000aaaa".into(),
        standings: BTreeMap::new(),
        onward: Vec::new(),
        history: Vec::new(),
        age: None,
        outcome: None,
        gpc: false,
        browser_help: None,
    }
}

fn taken_over() -> Vec<(PurposeId, Choice)> {
    vec![(purpose("analytics"), Choice::No), (purpose("surveys"), Choice::Yes)]
}

fn handed_over(frame: SiteFrame, failed: bool) -> String {
    let about = hand_over::About::Asks {
        from: "www.example.net".into(),
        choices: taken_over(),
        ticket: "a-ticket".into(),
        failed,
    };
    hand_over::render(&HandOverProps { frame, about })
}

fn later_visit(frame: SiteFrame) -> ChoicesProps {
    let history = vec![
        record(
            &frame,
            1,
            "accept-all",
            "first-layer",
            json!({ "analytics": "given", "surveys": "given", "site-search": "given" }),
        ),
        record(
            &frame,
            2,
            "save",
            "alert-form",
            json!({ "email-news": "given", "text-clinic-changes": "given" }),
        ),
        record(
            &frame,
            3,
            "save",
            "choices-page",
            json!({ "text-clinic-changes": "withdrawn", "an-old-one": "expired" }),
        ),
        record(&frame, 4, "save", "choices-page", json!({ "analytics": "withdrawn" })),
    ];
    ChoicesProps {
        standings: standings(&[
            ("analytics", Standing::Withdrawn),
            ("surveys", Standing::Granted),
            ("site-search", Standing::Granted),
            ("email-news", Standing::Unconfirmed),
            ("text-clinic-changes", Standing::Withdrawn),
        ]),
        onward: vec![Onward {
            name: "www.example.net".into(),
            address: "https://privacy.example.net/v1/shop/hand-over".into(),
            choices: taken_over(),
            ticket: "a-ticket".into(),
        }],
        history,
        outcome: Some(Outcome::Recorded),
        gpc: true,
        browser_help: Some("https://www.example.org/help/cookies".into()),
        ..first_visit(frame)
    }
}

fn sign_up(frame: SiteFrame) -> AlertsProps {
    AlertsProps {
        frame,
        key: "019ab000-0000-7000-8000-00000000bbbb".into(),
        wanted: Vec::new(),
        objected: Vec::new(),
        email: String::new(),
        phone: String::new(),
        age: None,
        errors: Vec::new(),
    }
}

fn sign_up_failed(frame: SiteFrame) -> AlertsProps {
    AlertsProps {
        wanted: vec![purpose("email-news")],
        objected: Vec::new(),
        email: "me at example".into(),
        errors: vec![AlertError::EmailWrong],
        ..sign_up(frame)
    }
}

fn linked(frame: SiteFrame, about: About) -> String {
    link::render(&LinkProps { frame, path: "confirm/sealed".into(), about })
}

fn your_alerts_of(frame: SiteFrame, outcome: Option<your_alerts::Outcome>) -> YourAlertsProps {
    let said = [
        ("save", "alert-form", json!({ "email-news": "given" })),
        ("link", "message", json!({ "email-news": "confirmed" })),
    ];
    let history = (1..).zip(said).map(|(n, (act, surface, said))| record(&frame, n, act, surface, said));
    YourAlertsProps {
        history: history.collect(),
        path: "your-alerts/sealed".into(),
        address: "me+<news>@example.org".into(),
        key: "019ab000-0000-7000-8000-00000000cccc".into(),
        ages: Vec::new(),
        standings: standings(&[("email-news", Standing::Granted)]),
        channel: Channel::Email,
        old: None,
        outcome,
        frame,
    }
}

fn notice_of(frame: SiteFrame) -> String {
    notice::render(&NoticeProps {
        shown_hash: frame.hash,
        shown: frame.notice.clone(),
        published: Some("2026-11-01T09:00:00.000Z".into()),
        replaced: None,
        frame,
    })
}

fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Assent", "version": "0.1.0", "description": "What programs say to Assent.\n\nErrors are `application/problem+json`." },
        "tags": [{ "name": "visitors", "description": "For the visitor's browser." }, { "name": "unused" }],
        "paths": {
            "/v1/{site}/decisions": {
                "parameters": [{ "name": "site", "in": "path", "required": true, "description": "The site's name.", "schema": { "type": "string" } }],
                "post": {
                    "tags": ["visitors"],
                    "summary": "Record a decision",
                    "description": "Answered when it is on disk.",
                    "parameters": [{ "$ref": "#/components/parameters/Key" }],
                    "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Decision" } } } },
                    "responses": {
                        "201": { "description": "Recorded; the body is the receipt.", "headers": { "Location": {} }, "content": { "text/plain": { "schema": { "type": "string" } } } },
                        "422": { "description": "Not taken.", "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Missing" }, "examples": { "notice-unknown": {}, "purpose-unknown": {} } } } },
                    },
                    "x-problem-codes": ["purpose-unknown", "body-malformed"],
                },
            },
            "/healthz": { "get": { "summary": "Alive", "responses": { "200": { "description": "Yes." } } } },
            "/v1/{site}/export": { "get": { "tags": ["staff"], "summary": "Export", "security": [{ "staff": [] }], "responses": {} } },
        },
        "components": {
            "parameters": { "Key": { "name": "Idempotency-Key", "in": "header", "required": true, "schema": { "type": "string", "format": "uuid" } } },
            "schemas": {
                "Decision": {
                    "type": "object", "description": "What a visitor pressed.", "required": ["act", "choices"],
                    "properties": {
                        "act": { "enum": ["accept-all", "reject-all", "save"], "description": "What was pressed." },
                        "choices": { "type": "object", "additionalProperties": { "$ref": "#/components/schemas/Choice" } },
                        "acted": { "type": ["string", "null"], "format": "date-time" },
                        "signals": { "oneOf": [{ "type": "null" }, { "type": "array", "items": { "const": "gpc" } }] },
                    },
                },
                "Choice": { "type": "string", "enum": ["yes", "no"] },
            },
        },
    })
}

/// Every page of one language, by name.
fn pages(language: &str) -> Vec<(&'static str, String)> {
    let log_head = LogHead {
        size: 12_345,
        root: sha256(b"root"),
        checkpoint: format!(
            "privacy.example.org/v1/clinic/log\n12345\n{}\n\n— privacy.example.org/v1/clinic/log c2lnbmF0dXJlIHRoYXQgaXMgbm90IG9uZQ==\n",
            sha256(b"root").to_base64()
        ),
    };
    let log_props = |head| LogProps {
        frame: frame(language),
        origin: "privacy.example.org/v1/clinic/log".into(),
        vkey: "privacy.example.org/v1/clinic/log+1a2b3c4d+AfLJ0x0ZxWZPmXo0Nq0cH0m1m6r3cVx5b3m1Yk0m4d5e"
            .into(),
        head,
    };
    let mut older = site_file();
    older["purposes"].as_array_mut().unwrap().remove(3);
    for text in ["en", "cy"] {
        older["text"][text]["purposes"].as_object_mut().unwrap().remove("site-search");
    }
    let older = frame_of(older, language);
    let mut refused = later_visit(frame(language));
    refused.outcome = Some(Outcome::QuestionsChanged);
    refused.standings = standings(&[("analytics", Standing::Expired), ("site-search", Standing::Objected)]);
    vec![
        ("choices-first", choices::render(&first_visit(frame(language)))),
        ("choices-later", choices::render(&later_visit(frame(language)))),
        ("choices-refused", choices::render(&refused)),
        ("hand-over", handed_over(frame(language), false)),
        ("hand-over-failed", handed_over(frame(language), true)),
        (
            "hand-over-over",
            hand_over::render(&HandOverProps { frame: frame(language), about: hand_over::About::Over }),
        ),
        (
            "hand-over-used",
            hand_over::render(&HandOverProps { frame: frame(language), about: hand_over::About::Used }),
        ),
        ("alerts", alerts::render(&sign_up(frame(language)))),
        ("alerts-failed", alerts::render(&sign_up_failed(frame(language)))),
        (
            "alerts-nothing",
            alerts::render(&AlertsProps {
                errors: vec![AlertError::NothingWanted, AlertError::PhoneMissing],
                ..sign_up(frame(language))
            }),
        ),
        (
            "alerts-done",
            alerts::render_done(&DoneProps {
                frame: frame(language),
                wanted: vec![purpose("email-news"), purpose("text-clinic-changes")],
                receipt: Some((
                    "019ab000-0000-7000-8000-000000000009".into(),
                    "https://privacy.example.org/v1/clinic/receipts/019ab000-0000-7000-8000-000000000009"
                        .into(),
                )),
                time: "2026-11-22T05:56:05.123Z".into(),
                talk: false,
            }),
        ),
        (
            "link-confirm",
            linked(
                frame(language),
                About::Confirm(vec![purpose("email-news")], "me+<news>@example.org".into()),
            ),
        ),
        ("link-confirmed", linked(frame(language), About::Confirmed(vec![purpose("email-news")]))),
        ("link-stop", linked(frame(language), About::Stop(purpose("email-news")))),
        ("link-stopped", linked(frame(language), About::Stopped(purpose("email-news")))),
        ("link-over", linked(frame(language), About::Over)),
        ("link-ask", linked(frame(language), About::AskForLink(AskError::None))),
        ("link-ask-failed", linked(frame(language), About::AskForLink(AskError::Address))),
        ("link-ask-failed-phone", linked(frame(language), About::AskForLink(AskError::Phone))),
        ("code", linked(frame(language), About::Code("+447700900123".into(), false))),
        ("code-wrong", linked(frame(language), About::Code("+44 7700 900123".into(), true))),
        ("link-sent", linked(frame(language), About::LinkSent)),
        ("link-talk", linked(frame(language), About::ToTalk(vec![purpose("email-news")]))),
        ("choices-age", choices::render(&first_visit(asking(language)))),
        (
            "choices-young",
            choices::render(&ChoicesProps { age: Some(AgeBand::Under(13)), ..first_visit(asking(language)) }),
        ),
        (
            "alerts-young",
            alerts::render(&AlertsProps {
                age: Some(AgeBand::Under(13)),
                errors: vec![AlertError::TooYoung],
                ..sign_up(asking(language))
            }),
        ),
        ("your-alerts", your_alerts::render(&your_alerts_of(frame(language), None))),
        (
            "your-alerts-failed",
            your_alerts::render(&your_alerts_of(frame(language), Some(your_alerts::Outcome::BadAddress))),
        ),
        (
            "your-alerts-old",
            your_alerts::render(&YourAlertsProps {
                old: Some(30),
                ..your_alerts_of(frame(language), Some(your_alerts::Outcome::TooOld))
            }),
        ),
        (
            "your-alerts-number",
            your_alerts::render(&YourAlertsProps {
                channel: Channel::Text,
                address: "+447700900123".into(),
                ..your_alerts_of(frame(language), Some(your_alerts::Outcome::MoveAsked))
            }),
        ),
        ("notice-age", notice_of(asking(language))),
        (
            "notice",
            notice::render(&NoticeProps {
                frame: frame(language),
                shown_hash: frame(language).hash,
                shown: frame(language).notice,
                published: Some("2026-11-01T09:00:00.000Z".into()),
                replaced: None,
            }),
        ),
        (
            "notice-old",
            notice::render(&NoticeProps {
                frame: frame(language),
                shown_hash: older.hash,
                shown: older.notice,
                published: Some("2026-10-01T09:00:00.000Z".into()),
                replaced: Some("2026-11-01T09:00:00.000Z".into()),
            }),
        ),
        ("log", log::render(&log_props(Some(log_head)))),
        ("log-empty", log::render(&log_props(None))),
        (
            "schedule",
            schedule::render(&ScheduleProps {
                frame: frame(language),
                rows: vec![(RetentionClass::Anonymous, 1095), (RetentionClass::Linked, 1)],
            }),
        ),
        ("message", message::render(&MessageProps::not_found(frame(language)))),
    ]
}

/// The pages that are in English only.
fn plain_pages() -> Vec<(&'static str, String)> {
    let stylesheet = || "pages.css".to_string();
    vec![
        ("message-no-site", message::render(&MessageProps::no_site(stylesheet()))),
        (
            "problem",
            problem::render(&ProblemProps {
                stylesheet: stylesheet(),
                code: "notice-stale".into(),
                status: 409,
                title: "The notice has been replaced".into(),
                meaning: vec!["The decision names a notice that is no longer the current one.".into()],
                to_do: vec![
                    "Fetch the current notice, ask again, and send what the person says then.".into(),
                ],
                reference: "https://privacy.example.org/reference".into(),
            }),
        ),
        (
            "reference",
            reference::render(&ReferenceProps {
                stylesheet: stylesheet(),
                openapi: openapi(),
                openapi_url: "https://privacy.example.org/openapi.json".into(),
                problems_url: "https://privacy.example.org/problems".into(),
            }),
        ),
    ]
}

fn all_pages() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for language in LANGUAGES {
        all.extend(pages(language).into_iter().map(|(name, html)| (format!("{name}.{language}"), html)));
    }
    all.extend(plain_pages().into_iter().map(|(name, html)| (name.to_string(), html)));
    all
}

/// Every start tag of a kind, as text from `<` to `>`.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("<{name}");
    html.match_indices(&start)
        .filter(|(at, _)| html[at + start.len()..].starts_with([' ', '>', '/']))
        .map(|(at, _)| &html[at..=at + html[at..].find('>').unwrap()])
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// One tag a line, and without what changes with every new word: a notice's hash and its bytes.
fn lines(html: &str) -> String {
    let mut shown = String::new();
    for word in html.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        shown.push_str(if digits.len() == 64 { "{hash}" } else { digits });
        shown.push_str(&word[digits.len()..]);
    }
    if let Some((before, document)) = shown.split_once("<code>{") {
        let after = document.split_once("</code>").map_or("", |(_, after)| after);
        shown = format!("{before}<code>{{document}}</code>{after}");
    }
    shown.replace("><", ">\n<")
}

#[test]
fn look_as_before() {
    let folder = std::env::var_os("ASSENT_PAGES_DIR").map(std::path::PathBuf::from);
    if let Some(folder) = &folder {
        std::fs::write(folder.join("pages.css"), super::PAGES_CSS).unwrap();
    }
    for (name, html) in all_pages() {
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{name}.html")), &html).unwrap();
        }
        insta::assert_snapshot!(name, lines(&html));
    }
}

#[test]
fn strict_policy_is_enough() {
    for (name, html) in all_pages() {
        for forbidden in [" style=", "<style", "<script", "javascript:", " onclick=", "<!>", "<!--"] {
            assert!(!html.contains(forbidden), "{name} has {forbidden}");
        }
        assert!(html.starts_with("<!doctype html>\n<html lang=\""), "{name}");
        assert_eq!(tags(&html, "link").len(), 1, "{name}");
        assert_eq!(tags(&html, "h1").len(), 1, "{name}");
        // The notice's own document holds the sentences as they are.
        let said = html.split("<pre").next().unwrap();
        assert!(!said.contains("{}"), "{name} has an unfilled sentence");
    }
}

#[test]
fn every_field_has_a_label_and_every_reference_its_target() {
    for (name, html) in all_pages() {
        for input in tags(&html, "input") {
            if attribute(input, "type") == Some("hidden") {
                continue;
            }
            let id = attribute(input, "id").unwrap();
            assert!(html.contains(&format!("<label for=\"{id}\"")), "{name}: {input}");
        }
        for (at, _) in html.match_indices(" id=\"") {
            let id = html[at + 5..].split('"').next().unwrap();
            assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{name}: {id}");
        }
        for reference in [" aria-labelledby=\"", " aria-describedby=\"", " href=\"#"] {
            for (at, _) in html.match_indices(reference) {
                let ids = html[at + reference.len()..].split('"').next().unwrap();
                for id in ids.split(' ').filter(|id| *id != "schema-Missing") {
                    assert!(html.contains(&format!(" id=\"{id}\"")), "{name}: {reference}{id}");
                }
            }
        }
    }
}

#[test]
fn accept_and_decline_are_the_same_element() {
    let html = choices::render(&first_visit(frame("en")));
    let pair = html.split("<div class=\"pair\">").nth(1).unwrap().split("</div>").next().unwrap();
    let (accept, decline) = pair.split_once("</form>").unwrap();
    let alike = |html: &str| {
        html.replace("accept-all", "…")
            .replace("reject-all", "…")
            .replace("Accept", "…")
            .replace("Decline", "…")
            .replace("value=\"yes\"", "value=\"…\"")
            .replace("value=\"no\"", "value=\"…\"")
    };
    assert_eq!(alike(&format!("{accept}</form>")), alike(decline));
}

#[test]
fn one_press_for_each_change() {
    let html = choices::render(&later_visit(frame("en")));
    for (label, field, value) in [
        ("Agree: Visit statistics by Measure Ltd", "choice.analytics", "yes"),
        ("Take back: Surveys", "choice.surveys", "no"),
        ("Object: Search statistics", "choice.site-search", "no"),
        ("Take back: Monthly news (by email)", "choice.email-news", "no"),
    ] {
        let form = html
            .split("<form ")
            .find(|form| form.contains(&format!(">{label}</button>")))
            .unwrap_or_else(|| panic!("no form for {label}"));
        let form = form.split("</form>").next().unwrap();
        assert_eq!(form.matches("name=\"choice.").count(), 1, "{form}");
        assert!(form.contains(&format!("name=\"{field}\" value=\"{value}\"")), "{form}");
        for name in ["notice", "language", "act", "surface", "key"] {
            assert!(form.contains(&format!("name=\"{name}\"")), "{form}");
        }
        assert_eq!(form.matches("<button").count(), 1, "{form}");
    }
    let keys: Vec<&str> =
        tags(&html, "input").into_iter().filter(|tag| attribute(tag, "name") == Some("key")).collect();
    let mut different = keys.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(keys.len(), different.len(), "two forms share a key");
}

#[test]
fn nothing_is_on_or_ticked_by_itself() {
    let html = choices::render(&first_visit(frame("en")));
    assert_eq!(html.matches("class=\"state on\"").count(), 1, "only the statistics route may start on");
    assert!(html.contains("You have not told us anything yet."));
    let form = alerts::render(&sign_up(frame("en")));
    assert!(!form.contains(" checked"));
    let failed = alerts::render(&sign_up_failed(frame("en")));
    assert_eq!(failed.matches(" checked").count(), 1);
    assert!(failed.contains("value=\"me at example\""));
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = "<img src=x onerror=alert(1)> \"'& <!> </title>";
    let mut file = site_file();
    file["controller"]["name"] = hostile.into();
    file["controller"]["privacy_url"] = "javascript:alert(1)".into();
    for language in LANGUAGES {
        let text = &mut file["text"][language];
        text["intro"] = hostile.into();
        text["alerts_title"] = hostile.into();
        for (table, id) in [("purposes", "analytics"), ("alerts", "news")] {
            text[table][id]["name"] = hostile.into();
            text[table][id]["description"] = hostile.into();
            text[table][id]["data"] = json!([hostile]);
        }
        text["words"] = json!({ "agree": format!("{hostile} {{}}"), "receipt_of": hostile });
    }
    let frame = frame_of(file, "en");
    let failed = AlertsProps { email: hostile.into(), ..sign_up_failed(frame.clone()) };
    let notice_props = NoticeProps {
        shown_hash: frame.hash,
        shown: frame.notice.clone(),
        frame: frame.clone(),
        published: Some(hostile.into()),
        replaced: None,
    };
    for html in [
        choices::render(&first_visit(frame.clone())),
        choices::render(&later_visit(frame.clone())),
        alerts::render(&failed),
        notice::render(&notice_props),
        message::render(&MessageProps::not_found(frame)),
    ] {
        assert!(!html.contains("<img"), "{html}");
        assert!(!html.contains("href=\"javascript:"), "{html}");
        for input in tags(&html, "input") {
            assert_eq!(input.matches('"').count() % 2, 0, "{input}");
            assert!(!input.contains(" onerror=alert(1)&gt; \""), "{input}");
        }
        assert_eq!(html.matches("</title>").count(), 1);
    }
}

/// The relative luminance of `#rrggbb` (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let value = u32::from_str_radix(&colour[1..7], 16).unwrap();
    let part = |shift: u32| {
        let part = f64::from((value >> shift) & 0xff) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
}

#[test]
fn colours_contrast_enough_in_light_and_dark() {
    let blocks: Vec<&str> = super::PAGES_CSS.split(":root {").skip(1).take(2).collect();
    for block in blocks {
        let colour = |name: &str| {
            let (_, rest) = block.split_once(&format!("--{name}: #")).unwrap();
            format!("#{}", &rest[..6])
        };
        for (front, back, least) in [
            ("ink", "ground", 7.0),
            ("ink", "surface", 7.0),
            ("ink", "accent-soft", 7.0),
            ("ink", "bad-soft", 7.0),
            ("quiet", "ground", 4.5),
            ("quiet", "surface", 4.5),
            ("accent", "ground", 4.5),
            ("accent", "surface", 4.5),
            ("accent", "accent-soft", 4.5),
            ("accent-strong", "accent-soft", 4.5),
            ("on-accent", "accent", 4.5),
            ("on-accent", "accent-strong", 4.5),
            ("bad", "bad-soft", 4.5),
            ("bad", "surface", 4.5),
            ("edge", "surface", 3.0),
            ("edge", "ground", 3.0),
        ] {
            let (one, other) = (luminance(&colour(front)), luminance(&colour(back)));
            let ratio = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(ratio >= least, "{front} on {back}: {ratio:.2}");
        }
    }
}
