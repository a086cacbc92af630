//! One small fair site, for this package's tests.

use crate::decision::{Act, Decision};
use crate::hash::Hash;
use crate::ids::{PurposeId, SiteId};
use crate::notice::{Notice, Recipient, RecipientRole};
use crate::record::{After, RECORD_FORMAT, Record, Signals, Surface};
use crate::site::SiteFile;
use crate::subject::SubjectToken;
use serde_json::json;
use std::string::ToString;
use std::vec::Vec;

pub(crate) fn site_file() -> SiteFile {
    let text = |title: &str| {
        let purpose = |name: &str| {
            json!({
                "name": name, "description": "Counts which pages are read.",
                "data": ["pages viewed"], "retention": "13 months",
            })
        };
        json!({
            "title": title, "intro": "We would like to count visits.",
            "alerts_title": "Alerts", "alerts_intro": "Choose what to hear about.",
            "purposes": {
                "session": purpose("Session"), "analytics": purpose("Analytics"),
                "surveys": purpose("Surveys"), "counting": purpose("Counting"),
            },
            "alerts": { "news": purpose("News") },
        })
    };
    serde_json::from_value(json!({
        "id": "clinic",
        "public_url": "https://privacy.example.org",
        "origins": ["https://www.example.org", "https://example.org"],
        "cookie_domain": "example.org",
        "default_language": "en",
        "controller": {
            "name": "Example Health", "address": "1 High Street, Exampleton", "email": "data@example.org",
            "privacy_url": "https://www.example.org/privacy",
            "regulator": { "name": "Information Commission", "url": "https://ico.example" },
        },
        "recipients": {
            "wayfinder": {
                "name": "Wayfinder Analytics Ltd", "role": "processor", "location": "United Kingdom",
                "privacy_url": "https://wayfinder.example/privacy",
            },
        },
        "purposes": [
            { "id": "session", "route": "necessary",
              "storage": [{ "name": "assent", "kind": "cookie", "days": 365, "read_by": "controller" }] },
            { "id": "analytics", "route": "consent", "recipients": ["wayfinder"],
              "storage": [{ "name": "_wf*", "kind": "cookie", "days": 395, "read_by": "wayfinder" }],
              "google": ["analytics_storage"] },
            { "id": "surveys", "route": "consent" },
            { "id": "counting", "route": "statistics" },
        ],
        "alerts": [{ "topic": "news", "channels": ["email", "text"] }],
        "text": { "en": text("Cookies on this site"), "cy": text("Cwcis ar y wefan hon") },
    }))
    .unwrap()
}

/// The same site with every key that exports in standard forms ask for, and one recipient of each role.
pub(crate) fn full_site_file() -> SiteFile {
    let mut file = site_file();
    file.controller.phone = Some("01632 960000".to_string());
    file.controller.jurisdiction = Vec::from(["GB".to_string()]);
    file.controller.location = Some("United Kingdom".to_string());
    file.controller.regulator.address = Some("2 Water Street, Exampleton".to_string());
    for (id, role) in [("joint", RecipientRole::Joint), ("film", RecipientRole::Independent)] {
        let recipient = Recipient { role, ..file.recipients["wayfinder"].clone() };
        file.recipients.insert(id.to_string(), recipient);
    }
    for recipient in file.recipients.values_mut() {
        recipient.address = Some("3 Mill Lane, Exampleton".to_string());
    }
    let analytics = &mut file.purposes[1];
    analytics.recipients.extend(["joint".to_string(), "film".to_string()]);
    analytics.storage[0].days = 0;
    file.purposes.iter_mut().for_each(|purpose| purpose.special_categories = Some(Vec::new()));
    file.purposes[2].special_categories = Some(Vec::from(["health".to_string()]));
    file.alerts[0].special_categories = Some(Vec::new());
    file.alerts[0].ends_after_days = Some(730);
    file
}

pub(crate) fn notice() -> Notice {
    site_file().notice().unwrap()
}

pub(crate) fn record() -> Record {
    Record {
        format: RECORD_FORMAT.to_string(),
        id: "019a0000-0000-7000-8000-000000000001".to_string(),
        site: SiteId::new("clinic").unwrap(),
        subject: SubjectToken::from_random([7; 16]).id(),
        time: "2026-11-22T10:00:00.000Z".to_string(),
        acted: None,
        notice: Hash([1; 32]),
        language: "cy".to_string(),
        act: Act::Save,
        surface: Surface::Preferences,
        origin: Some("https://www.example.org".to_string()),
        decisions: [
            (PurposeId::new("analytics").unwrap(), Decision::Given),
            (PurposeId::new("surveys").unwrap(), Decision::Refused),
        ]
        .into(),
        signals: Signals { gpc: true, dnt: false },
        age: None,
        contacts: Vec::new(),
        told: None,
        previous: None,
        after: After { size: 3, root: Hash([2; 32]) },
    }
}
