//! Exports, checked by the verifier that auditors use.

#![allow(clippy::unwrap_used, reason = "tests may panic, and so may what they share")]

mod common;

use std::num::NonZero;

use assent_core::age::AgeBand;
use assent_core::decision::Decision;
use assent_core::export_format::{ExportSummary, ExportVerifier};
use assent_core::notice::Channel;
use assent_ledger::testing::block_on;
use assent_ledger::{CSV_COLUMNS, Contact, Draft, ExportFilter, Ledger};
use common::{World, append, decide, draft, purpose};

fn exported(ledger: &Ledger, filter: &ExportFilter) -> String {
    let mut bytes = Vec::new();
    let mut last = None;
    let summary = ledger.export(filter, &mut bytes, &mut |progress| last = Some(progress)).unwrap();
    if let Some(last) = last {
        assert_eq!((last.done, last.total), (summary.entries, summary.entries));
    }
    let (mut by_three, three) = (Vec::new(), NonZero::new(3).unwrap());
    assert_eq!(ledger.export_by(three, filter, &mut by_three, &mut |_| ()).unwrap(), summary);
    assert!(by_three == bytes, "as many threads as one likes write the same");
    String::from_utf8(bytes).unwrap()
}

fn verified(ledger: &Ledger, export: &str) -> Result<ExportSummary, String> {
    let mut verifier = ExportVerifier::new(Some(ledger.vkey().clone()));
    for line in export.lines() {
        verifier.line(line).map_err(|fault| fault.to_string())?;
    }
    verifier.finish().map_err(|fault| fault.to_string())
}

/// 2 notices and 700 records over seven days, some of them only about alerts.
fn week() -> (World, Ledger) {
    let world = World::new();
    let ledger = world.create();
    for day in 0..7u64 {
        if day % 4 == 0 {
            block_on(ledger.publish_notice(format!("{{\"day\":{day}}}").into_bytes())).unwrap();
        }
        let futures: Vec<_> = (0..100)
            .map(|n| {
                let mut draft = draft(day * 100 + n, None);
                if n % 10 == 0 {
                    draft.decisions = [(purpose("news"), Decision::Given)].into();
                }
                ledger.append(draft)
            })
            .collect();
        futures.into_iter().for_each(|future| drop(block_on(future).unwrap()));
        world.advance(86_400_000);
    }
    (world, ledger)
}

#[test]
fn an_export_verifies_whole_and_in_parts() {
    let (_world, ledger) = week();
    let everything = exported(&ledger, &ExportFilter::default());
    let summary = verified(&ledger, &everything).unwrap();
    assert_eq!((summary.records, summary.notices, summary.withheld), (700, 2, 0));

    let day = 86_400_000;
    let from = common::START + 2 * day;
    let two_days = ExportFilter { from: Some(from), to: Some(from + 2 * day), ..ExportFilter::default() };
    let summary = verified(&ledger, &exported(&ledger, &two_days)).unwrap();
    assert_eq!((summary.records, summary.notices, summary.first), (200, 0, 201));
    assert_eq!(summary.filter["from"], "2026-11-24T00:00:00.000Z");

    let news = ExportFilter { purpose: Some(purpose("news")), ..two_days.clone() };
    let summary = verified(&ledger, &exported(&ledger, &news)).unwrap();
    assert_eq!((summary.records, summary.withheld), (20, 180));
    assert_eq!(summary.withheld_by_reason["not-asked-for"], 180);

    let never = ExportFilter { from: Some(1), to: Some(2), ..ExportFilter::default() };
    let summary = verified(&ledger, &exported(&ledger, &never)).unwrap();
    assert_eq!((summary.records, summary.first, summary.end), (0, 0, 0));
    let backwards = ExportFilter { from: Some(from + day), to: Some(from), ..ExportFilter::default() };
    assert_eq!(verified(&ledger, &exported(&ledger, &backwards)).unwrap().records, 0);
}

#[test]
fn a_dropped_changed_or_swapped_record_is_named() {
    let (_world, ledger) = week();
    let export = exported(&ledger, &ExportFilter::default());
    let lines: Vec<&str> = export.lines().collect();
    let dropped = [&lines[..50], &lines[51..]].concat().join("\n");
    let swapped = [&lines[..50], &[lines[51], lines[50]], &lines[52..]].concat().join("\n");
    let changed = export.replacen("\\\"language\\\":\\\"cy\\\"", "\\\"language\\\":\\\"en\\\"", 1);
    for bad in [dropped, swapped, changed] {
        let fault = verified(&ledger, &bad).unwrap_err();
        assert!(fault.contains("entry"), "{fault}");
    }
    assert!(verified(&ledger, &lines[..lines.len() - 1].join("\n")).unwrap_err().contains("footer"));
}

#[test]
fn an_export_holds_still_while_the_log_grows() {
    let (_world, ledger) = week();
    let mut bytes = Vec::new();
    let mut grown = 0;
    ledger
        .export(&ExportFilter::default(), &mut bytes, &mut |_| {
            decide(&ledger, 10_000 + grown);
            grown += 1;
        })
        .unwrap();
    assert!(grown >= 3);
    assert_eq!(verified(&ledger, std::str::from_utf8(&bytes).unwrap()).unwrap().end, 702);
}

#[test]
fn csv_has_a_row_per_purpose_and_runs_no_formulas() {
    let world = World::new();
    let ledger = world.create();
    decide(&ledger, 1);
    let email = Contact { channel: Channel::Email, address: "ada@example.org".into() };
    let language = "=cmd|' /C calc'!A0\"".to_string();
    let age = Some(AgeBand::Between(13, 15));
    append(&ledger, Draft { contacts: vec![email], language, age, ..draft(2, None) }).unwrap();
    let mut bytes = Vec::new();
    let summary = ledger.export_csv(&ExportFilter::default(), &mut bytes, &mut |_| {}).unwrap();
    assert_eq!((summary.entries, summary.records), (2, 2));
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.ends_with("\"\r\n") && text.starts_with("\"index\",\"record\","));
    assert!(!text.contains("ada@"));
    let rows: Vec<csv::StringRecord> = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(&*bytes)
        .records()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0], CSV_COLUMNS.to_vec());
    assert_eq!((&rows[1][5], &rows[1][6], &rows[1][12]), ("analytics", "given", "yes"));
    assert_eq!((&rows[2][5], &rows[2][6]), ("email-tracking", "refused"));
    assert_eq!(&rows[3][9], "'=cmd|' /C calc'!A0\"");
    assert!(rows[3][13].starts_with("email:"));
    assert_eq!((&rows[1][15], &rows[3][15]), ("", "13-15"), "last, as each column that came later");

    let mut bytes = Vec::new();
    let filter = ExportFilter { purpose: Some(purpose("analytics")), ..ExportFilter::default() };
    ledger.export_csv(&filter, &mut bytes, &mut |_| {}).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap().lines().count(), 3);
}
