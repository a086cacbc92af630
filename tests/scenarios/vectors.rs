//! What was handed out once must be read for ever: cookies in people's browsers, receipts in their downloads.
//!
//! The files in `vectors/` are frozen. A version that reads one of them differently breaks a promise; new behaviour
//! gets new vectors. They hold nothing of this program's own types, so that other programs can use them. Those that
//! another implementation made are read in [`made`].

pub(crate) mod made;

use crate::harness::{offline, tests_folder};
use assent_core::choice_cookie::ChoiceCookie;
use assent_core::decision::Choice;
use assent_core::note::VerifierKey;
use assent_core::receipt::Receipt;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cookies {
    good: Vec<GoodCookie>,
    bad: Vec<BadCookie>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoodCookie {
    value: String,
    token: String,
    subject: String,
    notice: String,
    decided: u64,
    choices: BTreeMap<String, Choice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BadCookie {
    value: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Receipts {
    key: String,
    another_key: String,
    receipts: Vec<FrozenReceipt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrozenReceipt {
    what: String,
    receipt: String,
    /// `good`, or the stable code of what is wrong.
    outcome: String,
}

#[test]
fn cookies_of_every_version_are_read() {
    let cookies: Cookies = read("choice-cookies.json");
    for GoodCookie { value, token, subject, notice, decided, choices } in cookies.good {
        let cookie = ChoiceCookie::parse(&value).unwrap_or_else(|| panic!("no longer read: {value}"));
        assert_eq!(cookie.token.reveal(), token);
        assert_eq!(cookie.token.id().to_string(), subject);
        assert_eq!((cookie.notice.as_str(), cookie.decided), (notice.as_str(), decided));
        let found: BTreeMap<_, _> =
            cookie.choices.iter().map(|(id, choice)| (id.to_string(), *choice)).collect();
        assert_eq!(found, choices);
        assert_eq!(cookie.to_value(), value);
    }
    for BadCookie { value, why } in cookies.bad {
        assert_eq!(ChoiceCookie::parse(&value), None, "{why}: {value}");
    }
}

#[test]
fn receipts_of_every_version_are_judged_alike() {
    let Receipts { key, another_key, receipts } = read("receipts.json");
    let key = VerifierKey::parse(&key).unwrap();
    let another = VerifierKey::parse(&another_key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("receipt.json");
    for FrozenReceipt { what, receipt, outcome } in receipts {
        std::fs::write(&file, &receipt).unwrap();
        let found = Receipt::parse(&receipt).and_then(|receipt| receipt.verify(Some(&key)));
        match found {
            Ok(_) => assert_eq!(outcome, "good", "{what}"),
            Err(error) => assert_eq!(error.code(), outcome, "{what}"),
        }
        if outcome == "good" {
            let doubted = Receipt::parse(&receipt).unwrap().verify(Some(&another)).unwrap_err();
            assert_eq!(doubted.code(), "key-not-trusted", "{what}");
        }
        let program = offline(&["verify", file.to_str().unwrap(), "--key", &key.to_string()]);
        assert_eq!(
            program.status.success(),
            outcome == "good",
            "{what}: {}",
            String::from_utf8_lossy(&program.stderr)
        );
    }
}

/// The log's key of `vectors/bundle.zip`.
const BUNDLE_KEY: &str =
    "privacy.example.org/v1/clinic/log+d47bfeaf+ATyU2GoUj2ZUCKyuFnI1DhhLmeLt375iF23wqNgo2eVd";

#[test]
fn a_bundle_of_the_first_version_holds_for_ever() {
    let bundle = tests_folder().join("vectors/bundle.zip");
    let done = offline(&["verify", bundle.to_str().unwrap(), "--key", BUNDLE_KEY, "--json"]);
    let verdict: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((done.status.code(), &verdict["holds"]), (Some(0), &true.into()), "{verdict}");
    assert_eq!((&verdict["records"], &verdict["gone"]), (&5.into(), &1.into()), "{verdict}");
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(tests_folder().join("vectors").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}
