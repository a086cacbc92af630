//! What remains of an erased address is a hash that nobody can make who does not have the instance's key: no hash of the address that is made
//! without a secret is in a file or in the export, no two sites or instances have the same, and it still answers.

use crate::harness::{Api, CHARITY, CLINIC, Stack, python_says, tests_folder};
use crate::s13_confirmed::signs_up;
use crate::texts::{self, NUMBER};
use assent_core::decision::Choice;
use assent_core::hash::{base64_encode, hex_decode};
use assent_core::notice::Channel;
use assent_core::wire::MayReason;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

const ADDRESS: &str = "Gwenllian@post.example.org";
/// As people type them, and as they are kept.
const EMAILS: [&str; 5] = [
    ADDRESS,
    "gwenllian@post.example.org",
    "GWENLLIAN@POST.EXAMPLE.ORG",
    "gwenllian",
    "mailto:gwenllian@post.example.org",
];
const NUMBERS: [&str; 4] = [NUMBER, "447700900123", "07700900123", "tel:+447700900123"];
/// Bytes by which a hash is known again. Not its first ones: a store may keep what neighbours have in common only once.
const KNOWN_BY: std::ops::Range<usize> = 4..20;

#[tokio::test(flavor = "multi_thread")]
async fn what_remains_of_an_erased_address_cannot_be_made_without_the_key() {
    let (mut stack, other) = (Stack::starts().await, Stack::starts().await);
    let mut hashes = Vec::new();
    for stack in [&stack, &other] {
        for (site, topic) in [(CLINIC, "email-clinic-changes"), (CHARITY, "email-news")] {
            let api = stack.api(site);
            signs_up(&api, ADDRESS, &[topic], "en").await;
            erases(&api, "email", " GWENLLIAN@post.example.org").await;
        }
        let api = stack.api(CLINIC);
        texts::signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
        erases(&api, "text", NUMBER).await;
        for (site, count) in [(CLINIC, 2), (CHARITY, 1)] {
            let found = export(&stack.api(site)).await;
            assert_eq!(found.len(), count, "{site}: {found:?}");
            hashes.push(found);
        }
    }
    let all: BTreeSet<&String> = hashes.iter().flatten().collect();
    assert_eq!(all.len(), 6, "no two sites or instances have the same hash of one address: {hashes:?}");

    let guesses = guesses(&stack);
    for hash in &all {
        assert!(!guesses.contains(*hash), "{hash} is made without a secret");
    }
    stack.assent_is_killed();
    stack.runs_well(&["reclaim"]);
    let guessed = Sought::new(&guesses);
    let kept = Sought::new(&hashes[0].iter().chain(&hashes[1]).cloned().collect());
    let (mut read, mut seen) = (0, BTreeSet::new());
    for file in files(&stack.data()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = guessed.find(&bytes);
        assert!(found.is_empty(), "{} has {found:?}", file.display());
        for clear in ["gwenllian", "7700900123"] {
            let clear = clear.as_bytes();
            assert!(
                !bytes.windows(clear.len()).any(|part| part.eq_ignore_ascii_case(clear)),
                "{}",
                file.display()
            );
        }
        seen.extend(kept.find(&bytes));
        read += bytes.len();
    }
    assert_eq!(
        seen.len(),
        3,
        "the keyed hashes are there, so that whoever looks as we do sees hashes ({read} bytes)"
    );

    stack.assent_starts().await;
    for (site, channel, address, topic) in [
        (CLINIC, Channel::Email, EMAILS[2], "clinic-changes"),
        (CHARITY, Channel::Email, EMAILS[1], "news"),
        (CLINIC, Channel::Text, "+44 7700 900123", "clinic-changes"),
    ] {
        let may = stack.api(site).may(channel, address, topic).await;
        assert_eq!((may.may, may.reason), (Choice::No, MayReason::Suppressed), "{site} {address}");
    }
    assert_eq!(export(&stack.api(CLINIC)).await, hashes[0], "and it is the same hash as before");
}

async fn erases(api: &Api, channel: &str, address: &str) {
    let body =
        json!({ "whose": { "contact": { "channel": channel, "address": address } }, "reason": "asked" });
    let answer = api.as_staff(api.post("people/erase")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.json::<Value>().await.unwrap()["records"], 1, "{address}");
}

/// The suppression export's hashes.
async fn export(api: &Api) -> Vec<String> {
    let text = api.as_staff(api.get("suppressed?format=ndjson")).send().await.unwrap().text().await.unwrap();
    let hash =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["hash"].as_str().unwrap().to_string();
    text.lines().map(hash).collect()
}

/// Every hash of the address and the number that is made without a secret: with what is public of both sites, and with what our own is made of.
fn guesses(stack: &Stack) -> BTreeSet<String> {
    let origin = |site| stack.site(site).api.replacen("http://", "", 1) + "/log";
    let made = |contexts: &[&str], texts: &[&str]| {
        let script = tests_folder().join("scenarios/unkeyed.py");
        let done = Command::new("python3")
            .arg(script)
            .args([json!(contexts).to_string(), json!(texts).to_string()])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let (clinic, charity) = (origin(CLINIC), origin(CHARITY));
    let ours = "assent/contact/v1";
    let by_email = made(&[CLINIC, CHARITY, &clinic, &charity, "email", ours], &EMAILS);
    let by_text = made(&[CLINIC, &clinic, "text", ours], &NUMBERS);
    let all: BTreeSet<String> = by_email.lines().chain(by_text.lines()).map(ToString::to_string).collect();
    let plain = "import hashlib, sys; print(hashlib.sha256(sys.argv[1].encode()).hexdigest())";
    assert!(all.contains(&python_says(plain, &[EMAILS[1]])), "the plainest one is among them");
    all
}

/// Hashes to look for: as they are, and as text.
struct Sought(HashMap<[u8; 16], String>);

impl Sought {
    fn new(hashes: &BTreeSet<String>) -> Self {
        let mut sought = HashMap::new();
        for hash in hashes {
            let raw = hex_decode(hash).unwrap();
            let base64 = base64_encode(&raw);
            let url = base64.replace('+', "-").replace('/', "_");
            for form in
                [&raw[..], hash.as_bytes(), hash.to_uppercase().as_bytes(), base64.as_bytes(), url.as_bytes()]
            {
                sought.insert(form[KNOWN_BY].try_into().unwrap(), hash.clone());
            }
        }
        Self(sought)
    }

    fn find(&self, bytes: &[u8]) -> BTreeSet<String> {
        let known = |part: &[u8]| self.0.get(part).cloned();
        bytes.windows(KNOWN_BY.len()).filter_map(known).collect()
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
