//! What the tests of this package share: one notice, one log, and receipts made in it.

use assent_core::checkpoint::Checkpoint;
use assent_core::commitment::{Leaf, SALT_LEN, Salt};
use assent_core::decision::{Act, Decision};
use assent_core::hash::{Hash, sha256};
use assent_core::ids::PurposeId;
use assent_core::merkle::{leaf_hash, node_hash};
use assent_core::note::SignerKey;
use assent_core::proof::TlogProof;
use assent_core::receipt::Receipt;
use assent_core::record::{After, RECORD_FORMAT, Record, Signals, Surface};
use assent_core::subject::SubjectToken;
use assent_core::wire::LayerData;
use assent_core::words::Words;
use serde_json::json;
use ui::BannerData;

pub(crate) const TOKEN: &str = "BwcHBwcHBwcHBwcHBwcHBw";

pub(crate) fn id(text: &str) -> PurposeId {
    PurposeId::new(text).unwrap()
}

pub(crate) fn key() -> SignerKey {
    SignerKey::from_seed("privacy.example.org/v1/clinic/log", &[7; 32]).unwrap()
}

pub(crate) fn data() -> BannerData {
    BannerData::from(&layer_data())
}

/// A purpose of each kind that matters here: consent, statistics, necessary.
pub(crate) fn layer_data() -> LayerData {
    let said = |name: &str| json!({ "name": name, "description": "Why.", "data": ["Pages"], "retention": "A year." });
    serde_json::from_value(json!({
        "site": "clinic",
        "notice": Hash([5; 32]),
        "language": "en",
        "log_key": key().verifier().to_string(),
        "controller": "Example Health",
        "privacy_url": "https://www.example.org/privacy",
        "purposes": [
            { "id": "choices", "route": "necessary", "asked": "banner" },
            { "id": "analytics", "route": "consent", "asked": "banner" },
            { "id": "search", "route": "statistics", "asked": "banner" },
        ],
        "css": "",
        "recipients": {},
        "text": {
            "title": "Your choices",
            "intro": "We would like to count visits.",
            "purposes": { "choices": said("Choices"), "analytics": said("Visits"), "search": said("Search") },
            "words": Words::built_in("en"),
        },
    }))
    .unwrap()
}

/// The receipt file of "declined everything", after `change`.
pub(crate) fn receipt(key: &SignerKey, change: impl FnOnce(&mut Record)) -> String {
    let mut record = Record {
        format: RECORD_FORMAT.into(),
        id: "0190".into(),
        site: layer_data().site,
        subject: SubjectToken::parse(TOKEN).unwrap().id(),
        time: "2026-07-01T10:00:00.000Z".into(),
        acted: None,
        notice: layer_data().notice,
        language: "en".into(),
        act: Act::RejectAll,
        surface: Surface::FirstLayer,
        origin: None,
        decisions: [(id("analytics"), Decision::Refused), (id("search"), Decision::Objected)].into(),
        signals: Signals::default(),
        age: None,
        contacts: Vec::new(),
        told: None,
        previous: None,
        after: After { size: 0, root: sha256(b"") },
    };
    change(&mut record);
    let bytes = record.to_bytes();
    let salt = Salt::from_bytes([9; SALT_LEN]);
    let before = leaf_hash(b"before");
    let leaf = Leaf::event(key.name(), &bytes, &salt).hash();
    let checkpoint = Checkpoint::new(key.name(), 2, node_hash(&before, &leaf)).unwrap().sign(key).unwrap();
    let proof = TlogProof {
        extra: Some(salt.as_bytes().to_vec()),
        index: 1,
        path: vec![before],
        checkpoint: checkpoint.to_string(),
    };
    Receipt::new(String::from_utf8(bytes).unwrap(), proof, key.verifier()).to_json()
}
