//! Scenario 15: a list from a spreadsheet. Rows without evidence, or of suppressed addresses, are refused with their numbers and reasons;
//! the same list again adds nothing; and its length costs no memory.

use crate::harness::{CLINIC, Stack};
use crate::s13_confirmed::stack_entries;
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use assent_core::wire::MayReason;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const HEADER: &str = "channel,address,topic,said,how,script,staff,evidence,reference,choice\n";

/// A report's rows by their number: what became of each, and why.
fn report(text: &str) -> BTreeMap<u64, (String, String)> {
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let word = |name: &str| line[name].as_str().unwrap_or_default().to_string();
        rows.insert(line["row"].as_u64().unwrap(), (word("result"), word("reason")));
    }
    rows
}

fn imports<'a>(file: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["alerts", "import", file.to_str().unwrap(), "--site", CLINIC, "--json"][..], more].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_taken_or_refused_by_number_and_once() {
    let mut stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let erase = json!({ "whose": { "contact": { "channel": "email", "address": "gone@post.example.org" } }, "reason": "asked" });
    // Signed up once, then erased and suppressed.
    let body = json!({
        "by": "paper", "script": "Form 7", "staff": "M. Rees", "said": "2026-01-05", "language": "en",
        "evidence": { "kind": "signed-form", "reference": "file B-1" }, "email": "gone@post.example.org",
        "choices": { "email-clinic-changes": "yes" },
    });
    let told =
        api.as_staff(api.post("told")).header("idempotency-key", "k").json(&body).send().await.unwrap();
    assert_eq!(told.status(), 201);
    assert_eq!(api.as_staff(api.post("people/erase")).json(&erase).send().await.unwrap().status(), 200);

    let good = |address: &str| {
        format!("email,{address},clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file B-12,\n")
    };
    let mut text = HEADER.to_string();
    text.push_str(&good("one@post.example.org"));
    text.push_str("email,two@post.example.org,clinic-changes,2026-03-02,paper,Form 7,M. Rees,,,\n");
    text.push_str(&good("gone@post.example.org"));
    text.push_str(&good("=HYPERLINK(1)"));
    text.push_str(
        "text,+12125550123,clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file B-12,\n",
    );
    text.push_str(
        "email,three@post.example.org,teleport,2026-03-02,paper,Form 7,M. Rees,signed-form,file B-12,\n",
    );
    text.push_str(
        "email,four@post.example.org,clinic-changes,2999-01-01,paper,Form 7,M. Rees,signed-form,file B-12,\n",
    );
    text.push_str(&good("one@post.example.org"));
    text.push_str("email,five@post.example.org,clinic-changes,2026-03-02,paper,Form 7,M. Rees,,,no\n");
    text.push_str("email,six@post.example.org\n");
    let file = stack.path("spring.csv");
    std::fs::write(&file, &text).unwrap();
    let expected = |good: &str| -> BTreeMap<u64, (String, String)> {
        let rows = [
            (good, ""),
            ("refused", "no-evidence"),
            ("refused", "suppressed"),
            ("refused", "bad-email"),
            ("refused", "phone-elsewhere"),
            ("refused", "unknown-purpose"),
            ("refused", "said-in-future"),
            ("refused", "duplicate"),
            (good, ""),
            ("refused", "bad-row"),
        ];
        (2..).zip(rows.map(|(result, reason)| (result.into(), reason.into()))).collect()
    };

    let before = stack_entries(&api).await;
    let output = stack.runs(&imports(&file, &["--dry-run"]));
    assert_eq!(
        output.status.code(),
        Some(1),
        "rows were refused: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(report(&String::from_utf8(output.stdout).unwrap()), expected("good"));
    assert_eq!(stack_entries(&api).await, before, "a dry run records nothing");

    let output = stack.runs(&imports(&file, &[]));
    let (told, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(report(&told), expected("recorded"), "through the running server");
    assert!(said.contains("2 recorded, 8 refused"), "{said}");
    assert!(!told.contains('@') && !said.contains('@'), "no address in the report");
    let may = api.may(Channel::Email, "one@post.example.org", "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::Yes, MayReason::Granted));
    assert_eq!(api.may(Channel::Email, "two@post.example.org", "clinic-changes").await.may, Choice::No);
    let after = stack_entries(&api).await;

    stack.assent_is_killed();
    let output = stack.runs(&imports(&file, &[]));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        report(&told),
        expected("already"),
        "straight in the log: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    stack.assent_starts().await;
    assert_eq!(stack_entries(&stack.api(CLINIC)).await, after, "the second time adds nothing");
    assert_eq!(after, before + 2);

    std::fs::write(&file, "channel,address,topic,said,how,script\n").unwrap();
    let output = stack.runs(&imports(&file, &[]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing: staff"));
    std::fs::write(&file, format!("mood,{HEADER}")).unwrap();
    assert!(String::from_utf8_lossy(&stack.runs(&imports(&file, &[])).stderr).contains("`mood`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_broke_off_is_brought_again() {
    let mut stack = Stack::starts().await;
    let mut text = HEADER.to_string();
    for number in 0..2000 {
        writeln!(text, "email,p{number}@post.example.org,clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file {number},").unwrap();
    }
    let (file, half) = (stack.path("all.csv"), stack.path("half.csv"));
    std::fs::write(&file, &text).unwrap();
    let lines: Vec<&str> = text.lines().take(701).collect();
    std::fs::write(&half, lines.join("\n") + "\nemail,broken").unwrap();
    let broken = stack.runs(&imports(&half, &["--list", "all.csv"]));
    assert_eq!(broken.status.code(), Some(1));
    let output = stack.runs(&imports(&file, &[]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1300 recorded, 700 already"));
    stack.assent_is_killed();
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    for address in ["p0@post.example.org", "p699@post.example.org", "p1999@post.example.org"] {
        assert_eq!(api.may(Channel::Email, address, "clinic-changes").await.may, Choice::Yes, "{address}");
    }
}

// Spreadsheets end lines as Windows does, leave rows empty, and have line ends within cells.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_numbered_as_a_spreadsheet_numbers_them() {
    let stack = Stack::starts().await;
    let row = |address: &str, script: &str, more: &str| {
        format!(
            "email,{address}@post.example.org,clinic-changes,2026-03-02,paper,{script},M. Rees,signed-form,file B-12,{more}\r\n"
        )
    };
    let mut text = HEADER.replace('\n', "\r\n").into_bytes();
    text.extend(row("one", "Form 7", "").bytes()); // 2
    text.extend(b"\r\n"); // 3
    text.extend(row("two", "\"Form\n7\"", "").bytes()); // 4, on two lines
    text.extend(row("three", "Form 7", ",and,more").bytes()); // 5
    text.extend(b"\r\n\r\n"); // 6 and 7
    text.extend(row("four", "Form 7", "maybe").bytes()); // 8
    let latin_1 = row("five", "Form \u{e9}", "");
    text.extend(latin_1.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap())); // 9
    text.extend(row("six", "\"Form, \"\"7\"\"\"", "").trim_end().bytes()); // 10, without an end
    let file = stack.path("windows.csv");
    std::fs::write(&file, &text).unwrap();
    let output = stack.runs(&imports(&file, &[]));
    let expected = [
        (2, "recorded", ""),
        (4, "refused", "told-incomplete"),
        (5, "refused", "bad-row"),
        (8, "refused", "bad-value"),
        (9, "refused", "bad-row"),
        (10, "recorded", ""),
    ];
    let expected: BTreeMap<u64, (String, String)> =
        expected.map(|(row, result, reason)| (row, (result.into(), reason.into()))).into();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(report(&String::from_utf8(output.stdout).unwrap()), expected, "{error}");
}

/// A million of them take minutes: `ASSENT_TEST_ROWS=1000000`.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_with_every_kind_of_fault_are_each_answered() {
    use std::io::{BufWriter, Write as _};
    let rows_in_all: u64 = std::env::var("ASSENT_TEST_ROWS").map_or(20_000, |rows| rows.parse().unwrap());
    assert!(rows_in_all.is_multiple_of(10), "each kind of row as often");
    let stack = Stack::starts().await;
    let faults: [&str; 10] = [
        "email,p{}@post.example.org,clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file {},",
        "email,p{}@post.example.org,clinic-changes,2026-03-02,paper,Form 7,M. Rees,,,",
        "email,=p{},clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file {},",
        "text,+1212555{},clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file {},",
        "email,p{}@post.example.org,teleport,2026-03-02,paper,Form 7,M. Rees,signed-form,file {},",
        "email,p{}@post.example.org,clinic-changes,2999-01-01,paper,Form 7,M. Rees,signed-form,file {},",
        "email,p{}@post.example.org,clinic-changes,2026-03-02,pigeon,Form 7,M. Rees,signed-form,file {},",
        "email,p{}@post.example.org,clinic-changes,2026-03-02,phone,Form 7,M. Rees,signed-form,file {},",
        "email,p{}@post.example.org",
        "email,p{}@post.example.org,clinic-changes,2026-03-02,paper,Form 7,M. Rees,signed-form,file {},,,,,,,,",
    ];
    let file = stack.path("million.csv");
    let mut out = BufWriter::new(std::fs::File::create(&file).unwrap());
    out.write_all(HEADER.as_bytes()).unwrap();
    for number in 0..rows_in_all {
        let fault = faults[usize::try_from(number % 10).unwrap()];
        writeln!(out, "{}", fault.replace("{}", &format!("{number:07}"))).unwrap();
    }
    out.into_inner().unwrap().sync_all().unwrap();
    let before = stack_entries(&stack.api(CLINIC)).await;
    let dry = stack.runs(&imports(&file, &["--dry-run"]));
    let error = String::from_utf8_lossy(&dry.stderr).into_owned();
    assert!(
        error.contains(&format!("{} good, {} refused", rows_in_all / 10, rows_in_all / 10 * 9)),
        "{error}"
    );
    assert_eq!(stack_entries(&stack.api(CLINIC)).await, before, "nothing is written");
    let output = stack.runs(&imports(&file, &[]));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains(&format!("{} recorded, {} refused", rows_in_all / 10, rows_in_all / 10 * 9)),
        "{error}"
    );
    let reasons = [
        "",
        "no-evidence",
        "bad-email",
        "bad-phone",
        "unknown-purpose",
        "said-in-future",
        "bad-value",
        "recording-unanswered",
        "bad-row",
        "bad-row",
    ];
    let mut rows = 0;
    let mut foretold = report(&String::from_utf8(dry.stdout).unwrap());
    for (row, (result, reason)) in report(&String::from_utf8(output.stdout).unwrap()) {
        let (before, why) = foretold.remove(&row).unwrap();
        assert_eq!((before == "good", &why), (result == "recorded", &reason), "{row}: as it was foretold");
        assert_eq!(reason, reasons[usize::try_from((row - 2) % 10).unwrap()], "{row}: {result}");
        rows += 1;
    }
    assert_eq!(rows, rows_in_all);
}
