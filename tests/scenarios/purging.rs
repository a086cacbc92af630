//! Retention as an operator meets it: records that a server made years ago are purged by command, and by night, with the built
//! binary; what is in use on another site of the controller, held, or new stays; and whoever checks afterwards finds everything accounted for.

use crate::hand_over::makes_one_controller_of;
use crate::harness::{Api, CHARITY, CLINIC, Holder, Stack, offline, until_so};
use assent_core::decision::Act;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A record with nothing to find its person by is due 730 + 365 days later, one with an address 2,922 days: on the first of March 2019
/// and 2024. They are sealed under the months before.
const THEN: &str = "2016-03-01 10:00:00";
/// Eight years and a day later, seconds before the night's work.
const NIGHT: &str = "2024-03-02 02:59:55";
const PURGED: &str = "2019-02: 1 record(s) purged\n2024-02: 1 record(s) purged\n";

/// What somebody said on paper, with evidence: it counts at once. Said yesterday, by any clock.
async fn is_told(api: &Api, email: &str, said: &str) {
    let body = json!({
        "by": "paper", "script": "Form 7", "staff": "M. Rees", "said": said, "language": "en",
        "evidence": { "kind": "signed-form", "reference": "file B-1" }, "email": email,
        "choices": { "email-clinic-changes": "yes" },
    });
    let request = api.as_staff(api.post("told")).header("idempotency-key", email).json(&body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await.unwrap());
}

/// The lines of an export, which must hold, by their index.
fn export(stack: &Stack, name: &str) -> Vec<Value> {
    let file = stack.path(name);
    stack.runs_well(&["export", "--site", CLINIC, "--output", file.to_str().unwrap()]);
    let done = offline(&["verify", file.to_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["index"].is_number()).collect()
}

/// Reason and month of the entries that are gone.
fn gone(lines: &[Value]) -> Vec<(String, String)> {
    let word = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_string();
    let gone = lines.iter().filter(|line| line["kind"] == "gone");
    gone.map(|line| (word(line, "reason"), word(line, "period"))).collect()
}

fn holds(stack: &Stack, name: &str, receipt: &str, key: &str) {
    let file = stack.path(name);
    std::fs::write(&file, receipt).unwrap();
    let done = offline(&["verify", file.to_str().unwrap(), "--key", key]);
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_years_ago_are_purged_by_command() {
    let Some(mut stack) = Stack::starts_in(THEN, "purging what is years old by command").await else {
        return;
    };
    makes_one_controller_of(&stack);
    let api = stack.api(CLINIC);
    let key = api.log_key().await.to_string();
    let (old, new) = (Holder::new(), Holder::new());
    let of_old = api.records(&old, &api.says(Act::AcceptAll).await).await.to_json();
    for email in ["gone@post.example.org", "held@post.example.org", "active@post.example.org"] {
        is_told(&api, email, "2016-02-29").await;
    }
    let held = ["--email", "held@post.example.org", "--reason", "dispute-7", "--review", "2030-01-01"];
    stack.runs_well(&[&["people", "hold", "--site", CLINIC], &held[..]].concat());
    let listed = stack.runs_well(&["people", "holds", "--site", CLINIC]);
    assert!(listed.contains("is held (dispute-7), to be looked at again on 2030-01-01\n1 held"), "{listed}");
    stack.assent_is_killed();

    // Today somebody new says something, and one of then uses the controller's other site.
    stack.time_is(None);
    stack.assent_starts().await;
    let of_new = api.records(&new, &api.says(Act::RejectAll).await).await.to_json();
    is_told(&stack.api(CHARITY), "active@post.example.org", "2024-01-01").await;
    let before = export(&stack, "before.ndjson");
    assert!(gone(&before).is_empty());

    // What would go, asked of the running server and of the data; asking changes nothing.
    let purge =
        |stack: &Stack, more: &[&str]| stack.runs_well(&[&["purge", "--site", CLINIC], more].concat());
    let rest = "1 record(s) in use again, carried over; 1 held or restricted\n";
    let would = format!("{PURGED}{rest}").replace(" purged", " would be purged");
    assert_eq!(purge(&stack, &["--dry-run"]), would);
    stack.assent_is_killed();
    assert_eq!(purge(&stack, &["--dry-run"]), would);
    assert_eq!(export(&stack, "dry.ndjson"), before);

    assert_eq!(purge(&stack, &[]), format!("{PURGED}{rest}"));
    assert!(purge(&stack, &[]).starts_with("nothing is due\n"));
    let elsewhere = stack.runs_well(&["purge", "--site", CHARITY]);
    assert!(elsewhere.starts_with("nothing is due\n"), "{elsewhere}");

    // Everything is accounted for, to whoever has an export, a bundle, or the data.
    let after = export(&stack, "after.ndjson");
    let purged = |month: &str| ("purged-retention".to_string(), month.to_string());
    assert_eq!(gone(&after), [purged("2019-02"), purged("2024-02")]);
    assert_eq!(after.iter().filter(|line| line["kind"] == "purge").count(), 2, "a leaf for each month");
    assert_eq!(after.len(), before.len() + 2);
    assert!(!serde_json::to_string(&after).unwrap().contains(&old.0.id().to_string()));
    let bundle = stack.path("bundle.zip");
    let to = ["--format", "bundle", "--output", bundle.to_str().unwrap()];
    stack.runs_well(&[&["export", "--site", CLINIC], &to[..]].concat());
    assert!(offline(&["verify", bundle.to_str().unwrap(), "--key", &key]).status.success());
    assert!(stack.runs_well(&["fsck"]).contains("clinic: all is well"));
    let (data, operator) = (stack.data(), stack.path("assent.key"));
    let judged =
        offline(&["verify", data.to_str().unwrap(), "--operator-key", operator.to_str().unwrap(), "--json"]);
    let verdict: Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert_eq!((judged.status.code(), &verdict["holds"]), (Some(0), &json!(true)), "{verdict}");

    // Receipts are their holders': also that of a record which the site has no more.
    holds(&stack, "new.json", &of_new, &key);
    holds(&stack, "old.json", &of_old, &key);
    stack.assent_starts().await;
    let id = |receipt: &str| {
        let receipt: Value = serde_json::from_str(receipt).unwrap();
        let record: Value = serde_json::from_str(receipt["record"].as_str().unwrap()).unwrap();
        record["id"].as_str().unwrap().to_string()
    };
    assert_eq!(api.receipt(&old, &id(&of_old)).await.status(), StatusCode::NOT_FOUND);
    let found = api.receipt(&new, &id(&of_new)).await;
    assert_eq!((found.status(), found.text().await.unwrap()), (StatusCode::OK, of_new));
    assert!(api.state(&old).await.receipts.is_empty());

    // And people are told the rules that this went by.
    let page = api.get("schedule").send().await.unwrap().text().await.unwrap();
    let table = api.get("schedule.csv").send().await.unwrap().text().await.unwrap();
    for days in ["1095", "2922"] {
        assert!(table.contains(&format!("\"{days}\",\"purged\"")), "{table}");
        assert!(page.contains(days), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_years_ago_are_purged_by_night() {
    let Some(mut stack) = Stack::starts_in(THEN, "purging what is years old by night").await else { return };
    let api = stack.api(CLINIC);
    let old = Holder::new();
    api.records(&old, &api.says(Act::AcceptAll).await).await;
    is_told(&api, "gone@post.example.org", "2016-02-29").await;
    stack.assent_is_killed();

    stack.time_is(Some(NIGHT));
    stack.assent_starts().await;
    until_so("the night's work to be done", async || stack.said().contains("reclaimed space")).await;
    assert!(stack.said().contains("\"records\":2"), "{}", stack.said());
    assert!(
        stack.said().contains("checked: all is well"),
        "the night reads everything again: {}",
        stack.said()
    );
    let gone = gone(&export(&stack, "after.ndjson"));
    let months: Vec<&str> = gone.iter().map(|(_, month)| month.as_str()).collect();
    assert_eq!(months, ["2019-02", "2024-02"]);
    assert!(api.state(&old).await.receipts.is_empty());
    let health = api.get_address(&stack.address("/healthz")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
}
