//! Every fault by its name, line and entry; every range; what a reader sees.

use super::*;
use crate::checkpoint::Checkpoint;
use crate::commitment::{Leaf, Salt};

use crate::merkle::root_of;
use crate::merkle::tests::subtrees;
use crate::merkle::{RangeError, consistency_proof, inclusion_proof};
use crate::note::tests::{LOG_KEY, ORIGIN, log_key, witness_key};
use crate::note::{Note, SignerKey};
use crate::receipt::KeyTrust;
use std::collections::BTreeSet;
use std::format;
use std::string::ToString;
use std::vec;

/// Made by another language's libraries; see `FORMAT.md`.
const FILE: &str = include_str!("../../vectors/export.ndjson");
const SIZE: u64 = 600;

#[test]
fn a_record_is_read_the_short_way_as_it_would_be_the_long_way() {
    let line = r#"{"kind":"record","index":7,"record":"{\"a\":\"\u00e9\\n\"}","salt":"AA==","covered_by":9}"#;
    for (from, to) in [
        ("", ""),
        (",\"index\"", " , \"index\" "),
        ("\"index\":7,", ""),
        ("\"index\":7", "\"index\":7,\"index\":7"),
        ("\"index\":7", "\"index\":7,\"kind\":\"gone\""),
        ("\"index\":7", "\"index\":7,\"more\":1"),
        ("\"index\":7", "\"index\":\"7\""),
        ("\\u00e9", "\\ud800"),
        ("9}", "9"),
        ("9}", "9}}"),
        ("record\",\"", "record \",\""),
    ] {
        let line = line.replacen(from, to, 1);
        match (Line::parse(&line), serde_json::from_str::<Line>(&line)) {
            (Ok(short), Ok(long)) => assert_eq!(short, long, "{line}"),
            (Err(short), Err(long)) => assert_eq!(short.to_string(), long.to_string(), "{line}"),
            (short, long) => panic!("{line}: {short:?}, {long:?}"),
        }
    }
}

fn salt(index: u64) -> Salt {
    Salt::from_bytes([index as u8; 64])
}

fn record(index: u64) -> String {
    format!("{{\"entry\":{index}}}")
}

fn leaf(index: u64) -> Leaf {
    if index % 10 == 3 {
        Leaf::notice(record(index).as_bytes())
    } else {
        Leaf::event(ORIGIN, record(index).as_bytes(), &salt(index))
    }
}

fn entry_line(index: u64) -> Line {
    if index % 7 == 5 {
        Line::Withheld(WithheldLine { index, reason: "erased".into() })
    } else if index % 10 == 3 {
        Line::Notice(NoticeLine { index, document: record(index) })
    } else {
        Line::Record(RecordLine {
            index,
            record: record(index),
            salt: salt(index).to_base64(),
            covered_by: index + 1,
        })
    }
}

/// A good export of `first..end` from a log of `size`.
fn export(size: u64, first: u64, end: u64) -> Vec<Line> {
    let leaves: Vec<Hash> = (0..size).map(|index| leaf(index).hash()).collect();
    let tiles: Vec<Hash> = leaves.chunks(256).map(root_of).collect();
    let head = Checkpoint::new(ORIGIN, size, root_of(&leaves)).unwrap();
    let mut lines = vec![Line::Header(HeaderLine {
        format: EXPORT_FORMAT.into(),
        site: "Clinic".into(),
        origin: ORIGIN.into(),
        key: LOG_KEY.into(),
        checkpoint: head.sign(&log_key()).unwrap().to_string(),
        first,
        end,
        filter: serde_json::from_str("{\"month\":\"2026-11\"}").unwrap(),
        cosigned: None,
        growth: Vec::new(),
    })];
    let mut footer = FooterLine::default();
    for index in first..end {
        if index == first || index % 256 == 0 {
            let n = index / 256;
            let path = inclusion_proof(n, tiles.len() as u64, &mut subtrees(&tiles)).unwrap();
            let hashes = leaves.chunks(256).nth(n as usize).unwrap();
            lines.push(Line::Tile(TileLine::new(n, hashes, &path)));
        }
        let line = entry_line(index);
        footer.count(&line);
        lines.push(line);
    }
    lines.push(Line::Footer(footer));
    lines
}

fn print(lines: &[Line]) -> Vec<String> {
    lines.iter().map(Line::to_json).collect()
}

fn verify<T: AsRef<str>>(lines: &[T]) -> Result<ExportSummary, ExportFault> {
    let mut verifier = ExportVerifier::new(Some(log_key().verifier()));
    for line in lines {
        verifier.line(line.as_ref())?;
    }
    verifier.finish()
}

/// Line, entry and code of the fault.
fn fault<T: AsRef<str>>(lines: &[T]) -> (u64, Option<u64>, &'static str) {
    let fault = verify(lines).expect_err("a fault");
    (fault.line, fault.index, fault.code())
}

/// The tile line's path is an ordinary inclusion path in a tree of tiles, and that tree is the
/// upper part of the log's own: the path is the tail of any of its leaves' paths.
#[test]
fn a_tile_s_path_is_the_end_of_its_leaves_paths() {
    for size in [1, 255, 256, 257, 511, 512, 513, 600, 1024, 1025, 1300] {
        let leaves: Vec<Hash> = (0..size).map(|index| leaf(index).hash()).collect();
        let tiles: Vec<Hash> = leaves.chunks(256).map(root_of).collect();
        assert_eq!(root_of(&tiles), root_of(&leaves), "size {size}");
        for n in 0..tiles.len() as u64 {
            let of_tile = inclusion_proof::<RangeError>(n, tiles.len() as u64, &mut subtrees(&tiles));
            let of_leaf = inclusion_proof::<RangeError>(n * 256, size, &mut subtrees(&leaves));
            assert!(of_leaf.unwrap().ends_with(&of_tile.unwrap()), "tile {n} of {size}");
        }
    }
}

#[test]
fn the_vector_verifies() {
    let lines: Vec<&str> = FILE.lines().collect();
    let summary = verify(&lines).unwrap();
    assert_eq!((summary.records, summary.notices, summary.withheld), (1, 1, 1));
    assert_eq!((summary.first, summary.end), (1, 4));
    for line in lines {
        let parsed: Line = serde_json::from_str(line).unwrap();
        assert_eq!(parsed.to_json(), line, "one spelling for each line");
    }
}

#[test]
fn ranges_of_every_kind_verify() {
    for (size, first, end) in [
        (0, 0, 0),
        (1, 0, 1),
        (1, 1, 1),
        (256, 0, 256),
        (257, 255, 257),
        (SIZE, 0, SIZE),
        (SIZE, 100, 530),
        (SIZE, 256, 512),
        (SIZE, 300, 300),
        (SIZE, 512, 513),
    ] {
        let lines = export(size, first, end);
        let summary = verify(&print(&lines)).unwrap();
        assert_eq!(summary.records + summary.notices + summary.withheld, end - first);
        let reasons = summary.withheld_by_reason.values().sum::<u64>();
        assert_eq!(reasons, summary.withheld);
        assert_eq!(summary.checkpoint.checkpoint().size, size);
        assert_eq!(summary.trust, KeyTrust::Pinned);
        assert_eq!(summary.filter["month"], "2026-11");
    }
}

#[test]
fn readers_see_proven_lines_only() {
    let lines = export(SIZE, 250, 260);
    let mut verifier = ExportVerifier::new(None);
    let mut seen = Vec::new();
    for line in print(&lines) {
        seen.extend(verifier.line(&line).unwrap());
    }
    assert_eq!(verifier.finish().unwrap().trust, KeyTrust::SelfAsserted);
    let expected: Vec<Line> = lines.into_iter().filter(|line| !matches!(line, Line::Tile(_))).collect();
    assert_eq!(seen, expected);
    assert!(!format!("{seen:?}").contains("salt"), "salts and records stay out of debug output");
}

/// Line 1 is the header, 2 tile 0, 3 to 158 entries 100 to 255, 159 tile 1, 160 entry 256, ...
fn good() -> Vec<Line> {
    export(SIZE, 100, 530)
}

fn changed(change: impl FnOnce(&mut Vec<Line>)) -> Vec<String> {
    let mut lines = good();
    change(&mut lines);
    print(&lines)
}

fn header(change: impl FnOnce(&mut HeaderLine)) -> Vec<String> {
    changed(|lines| {
        if let Line::Header(line) = &mut lines[0] {
            change(line);
        }
    })
}

fn tile(change: impl FnOnce(&mut TileLine)) -> Vec<String> {
    changed(|lines| {
        if let Line::Tile(line) = &mut lines[158] {
            change(line);
        }
    })
}

fn record_100(change: impl FnOnce(&mut RecordLine)) -> Vec<String> {
    changed(|lines| {
        if let Line::Record(line) = &mut lines[2] {
            change(line);
        }
    })
}

fn footer(change: impl FnOnce(&mut FooterLine)) -> Vec<String> {
    changed(|lines| {
        if let Some(Line::Footer(line)) = lines.last_mut() {
            change(line);
        }
    })
}

/// With a checkpoint of 300 entries, or of another tree; the range is wrong, so that it is the next thing that is found.
fn cosigned(other: u64, change: impl FnOnce(&mut HeaderLine)) -> Vec<String> {
    let leaves: Vec<Hash> = (0..SIZE).map(|index| leaf(index).hash()).collect();
    let old = Checkpoint::new(ORIGIN, 300, root_of(&leaves[other as usize..300 + other as usize])).unwrap();
    let growth = consistency_proof::<RangeError>(300, SIZE, &mut subtrees(&leaves)).unwrap();
    header(|line| {
        line.first = 531;
        line.cosigned = Some(old.sign(&log_key()).unwrap().to_string());
        line.growth = growth.iter().map(Hash::to_base64).collect();
        change(line);
    })
}

/// What somebody said, and the receipt that they name, by number: each is one second after the one before.
fn said(who: u8, decision: &str, previous: Option<u64>) -> impl Fn(u64) -> String {
    let (subject, decision) = (crate::subject::SubjectId([who; 16]), decision.to_string());
    let id = |number: u64| format!("019a0000-{:04x}-7000-8000-{number:012x}", number * 1000);
    move |number| {
        let previous = previous.map(|number| format!(",\"previous\":\"{}\"", id(number))).unwrap_or_default();
        let decided = format!("{{\"decisions\":{{\"analytics\":\"{decision}\"}},\"id\":\"{}\"", id(number));
        format!("{decided}{previous},\"subject\":\"{subject}\"}}")
    }
}

/// An export of a log of these records.
fn export_of(records: &[impl Fn(u64) -> String]) -> Vec<String> {
    let records: Vec<String> = (0..).zip(records).map(|(number, record)| record(number)).collect();
    let leaf =
        |(number, record): (u64, &String)| Leaf::event(ORIGIN, record.as_bytes(), &salt(number)).hash();
    let leaves: Vec<Hash> = (0..).zip(&records).map(leaf).collect();
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint::new(ORIGIN, size, root_of(&leaves)).unwrap();
    let mut lines = export(1, 1, 1);
    if let Line::Header(header) = &mut lines[0] {
        (header.checkpoint, header.first, header.end) =
            (checkpoint.sign(&log_key()).unwrap().to_string(), 0, size);
    }
    let records = (0..).zip(records).map(|(index, record)| {
        Line::Record(RecordLine { index, record, salt: salt(index).to_base64(), covered_by: size })
    });
    let entries = [Line::Tile(TileLine::new(0, &leaves, &[]))].into_iter().chain(records);
    lines.splice(1..1, entries);
    *lines.last_mut().unwrap() = Line::Footer(FooterLine { records: size, ..FooterLine::default() });
    print(&lines)
}

fn resigned(text: &str) -> Vec<String> {
    let mut note = Note::new(text.to_string()).unwrap();
    note.push(log_key().sign(text));
    header(|line| line.checkpoint = note.to_string())
}

#[test]
fn every_fault_is_named_with_its_line_and_entry() {
    let text = |lines: &[Line]| match &lines[0] {
        Line::Header(line) => Note::parse(&line.checkpoint).unwrap().text().to_string(),
        _ => String::new(),
    };
    let head = text(&good());
    let last = good().len() as u64;
    let stranger = SignerKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    let zero = Hash::default().to_base64();
    let text_line = |at: usize, line: &str| {
        let mut lines = print(&good());
        lines[at] = line.into();
        lines
    };

    type Case = (Vec<String>, (u64, Option<u64>, &'static str));
    let cases: Vec<Case> = vec![
        // The header.
        (vec![], (1, None, "header-missing")),
        (changed(|lines| drop(lines.remove(0))), (1, None, "header-missing")),
        (changed(|lines| lines.insert(5, lines[0].clone())), (6, None, "header-repeated")),
        (header(|line| line.format = "assent-export/v2".into()), (1, None, "unknown-format")),
        (header(|line| line.key = LOG_KEY.replace("eaed", "eaee")), (1, None, "key-malformed")),
        (header(|line| line.key = stranger.verifier().to_string()), (1, None, "key-not-trusted")),
        (header(|line| line.origin = "log.example.org/other".into()), (1, None, "origin-mismatch")),
        (resigned(&head.replace(ORIGIN, "log.example.org/other")), (1, None, "origin-mismatch")),
        (resigned("hello\n"), (1, None, "checkpoint-malformed")),
        (header(|line| line.checkpoint = "hello".into()), (1, None, "checkpoint-malformed")),
        (
            header(|line| line.checkpoint = line.checkpoint.replace("\n600\n", "\n601\n")),
            (1, None, "checkpoint-signature-wrong"),
        ),
        (
            header(|line| line.checkpoint = line.checkpoint.replace("\u{2014} log", "\u{2014} lag")),
            (1, None, "checkpoint-signature-missing"),
        ),
        (cosigned(0, |_| ()), (1, None, "range-wrong")),
        (cosigned(1, |_| ()), (1, None, "cosigned-wrong")),
        (cosigned(0, |line| line.growth.clear()), (1, None, "cosigned-wrong")),
        (cosigned(0, |line| line.growth.swap(0, 1)), (1, None, "cosigned-wrong")),
        (cosigned(0, |line| line.growth[0] = "-".into()), (1, None, "cosigned-wrong")),
        (cosigned(0, |line| line.cosigned = None), (1, None, "cosigned-wrong")),
        (header(|line| line.first = 531), (1, None, "range-wrong")),
        (header(|line| line.end = SIZE + 1), (1, None, "range-wrong")),
        // Lines as such.
        (text_line(4, ""), (5, None, "malformed")),
        (text_line(4, "{}"), (5, None, "malformed")),
        (text_line(4, "{\"kind\":\"other\"}"), (5, None, "malformed")),
        (text_line(4, "{\"kind\":\"withheld\",\"index\":102}"), (5, None, "malformed")),
        (
            text_line(4, "{\"kind\":\"withheld\",\"index\":102,\"reason\":\"x\",\"more\":1}"),
            (5, None, "malformed"),
        ),
        (
            text_line(4, "{\"kind\":\"withheld\",\"index\":102,\"index\":102,\"reason\":\"x\"}"),
            (5, None, "malformed"),
        ),
        (text_line(4, &" ".repeat(MAX_LINE_BYTES + 1)), (5, None, "line-too-long")),
        // Tiles.
        (changed(|lines| drop(lines.remove(1))), (2, Some(100), "tile-missing")),
        (changed(|lines| drop(lines.remove(158))), (159, Some(256), "tile-missing")),
        (changed(|lines| lines[1] = lines[158].clone()), (2, None, "tile-missing")),
        (changed(|lines| lines.insert(2, lines[1].clone())), (3, None, "tile-repeated")),
        (changed(|lines| lines[158] = lines[1].clone()), (159, None, "tile-repeated")),
        (changed(|lines| lines.insert(last as usize - 1, lines[1].clone())), (last, None, "tile-repeated")),
        (
            changed(|lines| {
                lines.insert(last as usize - 1, Line::Tile(TileLine::new(3, &[], &[])));
            }),
            (last, None, "tile-not-needed"),
        ),
        (tile(|line| line.hashes.truncate(40)), (159, None, "tile-malformed")),
        (tile(|line| line.hashes = "-".into()), (159, None, "tile-malformed")),
        (tile(|line| line.path.clear()), (159, None, "tile-path-wrong")),
        (tile(|line| line.path.push(zero.clone())), (159, None, "tile-path-wrong")),
        (tile(|line| line.path[0] = "AAAA".into()), (159, None, "tile-path-wrong")),
        (tile(|line| line.path[0] = zero.clone()), (159, None, "tile-changed")),
        (tile(|line| line.path.swap(0, 1)), (159, None, "tile-changed")),
        (tile(|line| line.hashes.replace_range(..43, &zero[..43])), (159, None, "tile-changed")),
        // Entries left out, repeated or moved.
        (changed(|lines| drop(lines.remove(2))), (3, Some(100), "entry-missing")),
        (changed(|lines| drop(lines.remove(10))), (11, Some(108), "entry-missing")),
        (changed(|lines| drop(lines.remove(157))), (158, Some(255), "entry-missing")),
        (changed(|lines| drop(lines.remove(159))), (160, Some(256), "entry-missing")),
        (changed(|lines| drop(lines.remove(last as usize - 2))), (last - 1, Some(529), "entry-missing")),
        (
            changed(|lines| {
                lines.truncate(last as usize - 1);
                lines.remove(last as usize - 3);
            }),
            (last - 2, Some(528), "entry-missing"),
        ),
        (changed(|lines| lines.swap(10, 11)), (12, Some(108), "entry-out-of-order")),
        (changed(|lines| lines.swap(10, 20)), (11, Some(108), "entry-missing")),
        (changed(|lines| lines.insert(10, lines[9].clone())), (11, Some(107), "entry-repeated")),
        (changed(|lines| lines.insert(160, lines[2].clone())), (161, Some(100), "entry-repeated")),
        (changed(|lines| lines.insert(2, entry_line(99))), (3, Some(99), "entry-out-of-range")),
        (
            changed(|lines| lines.insert(last as usize - 1, entry_line(530))),
            (last, Some(530), "entry-out-of-range"),
        ),
        // Entries changed.
        (record_100(|line| line.record.push(' ')), (3, Some(100), "record-changed")),
        (record_100(|line| line.record.clear()), (3, Some(100), "record-changed")),
        (record_100(|line| line.salt = salt(7).to_base64()), (3, Some(100), "record-changed")),
        (record_100(|line| line.salt.truncate(8)), (3, Some(100), "salt-malformed")),
        (record_100(|line| line.salt = "-".into()), (3, Some(100), "salt-malformed")),
        (export_of(&[said(1, "given", None), said(1, "withdrawn", None)]), (4, Some(1), "withdrawal-wrong")),
        (export_of(&[said(1, "withdrawn", Some(0))]), (3, Some(0), "withdrawal-wrong")),
        (
            export_of(&[said(1, "given", None), said(2, "withdrawn", Some(0)), said(3, "given", None)]),
            (4, Some(1), "withdrawal-wrong"),
        ),
        (
            changed(|lines| {
                if let Line::Header(line) = &mut lines[0] {
                    line.filter = serde_json::from_str("{\"from\":\"2026-11-01T00:00:00.000Z\"}").unwrap();
                }
                lines[2] = Line::Withheld(WithheldLine { index: 100, reason: NOT_ASKED_FOR.into() });
            }),
            (3, Some(100), "nothing-left-out"),
        ),
        (record_100(|line| line.covered_by = 100), (3, Some(100), "covered-by-wrong")),
        (record_100(|line| line.covered_by = SIZE + 1), (3, Some(100), "covered-by-wrong")),
        (
            record_100(|line| {
                line.record = record(101);
                line.salt = salt(101).to_base64();
            }),
            (3, Some(100), "entry-misplaced"),
        ),
        (
            changed(|lines| {
                lines[5] = Line::Notice(NoticeLine { index: 103, document: record(104) });
            }),
            (6, Some(103), "notice-changed"),
        ),
        (
            changed(|lines| {
                lines[2] = Line::Withheld(WithheldLine { index: 100, reason: "No reason".into() });
            }),
            (3, Some(100), "reason-malformed"),
        ),
        (
            changed(|lines| {
                lines[2] = Line::Withheld(WithheldLine { index: 100, reason: "erased".into() });
            }),
            (last, None, "count-wrong"),
        ),
        // The end.
        (changed(|lines| lines.truncate(20)), (21, Some(118), "footer-missing")),
        (changed(|lines| lines.truncate(2)), (3, Some(100), "footer-missing")),
        (changed(|lines| drop(lines.pop())), (last, None, "footer-missing")),
        (footer(|line| line.records += 1), (last, None, "count-wrong")),
        (footer(|line| line.notices -= 1), (last, None, "count-wrong")),
        (footer(|line| line.withheld = 0), (last, None, "count-wrong")),
        (changed(|lines| lines.push(lines[2].clone())), (last + 1, None, "after-footer")),
        (changed(|lines| lines.push(lines[last as usize - 1].clone())), (last + 1, None, "after-footer")),
    ];
    assert_eq!(
        verify(&export_of(&[said(1, "given", None), said(1, "withdrawn", Some(0))])).unwrap().records,
        2
    );
    let mut seen = BTreeSet::new();
    for (lines, expected) in &cases {
        assert_eq!(fault(lines), *expected);
        seen.insert(expected.2);
    }
    assert_eq!(seen.len(), 34, "one code for each variant: {seen:?}");
    let witness = witness_key().verifier();
    let with_witness_key = header(|line| {
        line.key = witness.to_string();
        line.origin = witness.name().into();
    });
    let mut verifier = ExportVerifier::new(None);
    let refused = verifier.line(&with_witness_key[0]).expect_err("not a log's key");
    assert_eq!(refused.code(), "checkpoint-malformed");
}

#[test]
fn a_fault_says_where_and_what_and_stays() {
    let lines = changed(|lines| lines.swap(10, 11));
    let mut verifier = ExportVerifier::new(None);
    let mut faults = Vec::new();
    for line in &lines {
        faults.extend(verifier.line(line).err());
    }
    assert!(faults.iter().all(|fault| *fault == faults[0]));
    assert_eq!(
        faults[0].to_string(),
        "line 12, entry 108: this entry comes after the one that should follow it"
    );
    assert_eq!(verifier.finish(), Err(faults[0].clone()));
}

#[test]
fn reasons_are_bounded() {
    let mut lines = export(SIZE, 0, 100);
    for line in &mut lines {
        if let Some(index) = line.index() {
            *line = Line::Withheld(WithheldLine { index, reason: format!("reason-{index}") });
        }
    }
    assert_eq!(fault(&print(&lines)), (67, Some(64), "reason-malformed"));
}

/// All lines a reader would see, without the words nobody signed.
fn signed_content(lines: &[&str]) -> Result<Vec<Line>, ExportFault> {
    let mut verifier = ExportVerifier::new(Some(log_key().verifier()));
    let mut seen = Vec::new();
    for line in lines {
        seen.extend(verifier.line(line)?);
    }
    verifier.finish()?;
    for line in &mut seen {
        match line {
            Line::Header(line) => line.site.clear(),
            Line::Withheld(line) => line.reason.clear(),
            Line::Record(line) => line.covered_by = 0,
            _ => {}
        }
    }
    Ok(seen)
}

/// Drops, doubles and swaps the lines of the vector, and changes each of its bytes.
#[test]
fn no_single_change_to_the_vector_passes_unnoticed() {
    let lines: Vec<&str> = FILE.lines().collect();
    let good = signed_content(&lines).unwrap();
    for at in 0..lines.len() {
        let mut changed = lines.clone();
        changed.remove(at);
        assert!(verify(&changed).is_err(), "dropped line {}", at + 1);
        changed.insert(at, lines[at]);
        changed.insert(at, lines[at]);
        assert!(verify(&changed).is_err(), "doubled line {}", at + 1);
        for other in 0..at {
            let mut changed = lines.clone();
            changed.swap(at, other);
            assert!(verify(&changed).is_err(), "swapped lines {} and {}", other + 1, at + 1);
        }
        for position in 0..lines[at].len() {
            let mut bytes = lines[at].as_bytes().to_vec();
            bytes[position] ^= 1;
            let Ok(line) = core::str::from_utf8(&bytes) else { continue };
            let mut changed = lines.clone();
            changed[at] = line;
            if let Ok(content) = signed_content(&changed) {
                assert_eq!(content, good, "line {}, byte {position}", at + 1);
            }
        }
    }
}
