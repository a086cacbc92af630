//! Stores that earlier releases wrote are opened and hold what was answered then; `tests/stores/README.md` says how they were made.

use std::path::{Path, PathBuf};
use std::process::Command;

use assent_core::ids::SiteId;
use assent_core::note::VerifierKey;
use assent_core::receipt::Receipt;
use assent_core::subject::SubjectId;
use assent_ledger::testing::block_on;
use assent_ledger::{ExportFilter, Ledger, LogConfig, Outside};
use assent_store_sled::{Migrated, OpenError, SledStore, migrate};

use crate::life::{self, decide, draft, erase, open, subject};

fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stores")
}

/// Unpacks a frozen store.
fn thaw(name: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let packed = stores().join(name);
    let done = Command::new("tar").arg("-xJf").arg(&packed).arg("-C").arg(home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "tar and xz unpack {}: {said}", packed.display());
    home
}

/// Exports everything and verifies it as an auditor would.
fn audit(ledger: &Ledger) -> assent_core::export_format::ExportSummary {
    let mut out = Vec::new();
    ledger.export(&ExportFilter::default(), &mut out, &mut |_| {}).unwrap();
    let mut verifier = assent_core::export_format::ExportVerifier::new(Some(ledger.vkey().clone()));
    std::str::from_utf8(&out).unwrap().lines().for_each(|line| drop(verifier.line(line).unwrap()));
    verifier.finish().unwrap()
}

#[test]
fn a_store_of_the_first_format_is_migrated_with_every_receipt() {
    let home = thaw("sled-1.tar.xz");
    let dir = home.path().join("data");
    let refused = SledStore::open(&dir.join("store")).unwrap_err();
    assert!(matches!(refused, OpenError::Earlier { .. }), "{refused:?}");
    let Migrated::From { entries, kept } = migrate(&dir.join("store"), &mut |_, _| {}).unwrap() else {
        panic!("it is of an earlier format")
    };
    assert!(kept.join("db").exists(), "the old one is kept");
    let key: VerifierKey =
        std::fs::read_to_string(home.path().join("log.key")).unwrap().trim().parse().unwrap();
    let operator = std::fs::read_to_string(home.path().join("operator.key")).unwrap();
    let operator = assent_core::hash::Hash::from_base64(operator.trim()).unwrap();
    let config = LogConfig {
        site: SiteId::new("clinic").unwrap(),
        origin: key.name().into(),
        keys: dir.join("keys/clinic"),
        checkpoint: dir.join("checkpoints/clinic"),
        queue: LogConfig::DEFAULT_QUEUE,
        accept_clock: true,
    };
    let store = std::sync::Arc::new(SledStore::open(&dir.join("store")).unwrap());
    let operator = assent_ledger::OperatorKey::from_bytes(operator.0);
    let ledger = Ledger::open(config, store, &operator, Outside::system()).unwrap();
    assert_eq!(ledger.vkey(), &key);
    assert_eq!(ledger.check(&mut |_| {}).unwrap().entries, entries);
    let note = std::fs::read_to_string(home.path().join("checkpoint.note")).unwrap();
    assert_eq!(ledger.checkpoint().as_ref(), note, "the head that was signed then");
    let said = std::fs::read_to_string(home.path().join("said.json")).unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let mut seen = 0;
    for decision in said["decisions"].as_array().unwrap() {
        let text = decision["receipt"].as_str().unwrap();
        let receipt = Receipt::parse(text).unwrap();
        receipt.verify(Some(&key)).unwrap();
        let record: serde_json::Value = serde_json::from_str(receipt.unverified_record()).unwrap();
        let subject: SubjectId = serde_json::from_value(record["subject"].clone()).unwrap();
        let id = record["id"].as_str().unwrap().parse().unwrap();
        let kept = ledger.receipt(&subject, id).unwrap().expect("it was answered");
        assert_eq!(kept.receipt.to_json(), receipt.to_json());
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    drop(decide(&ledger, 5));
    audit(&ledger);
}

const SECOND: &str = "sled-2.tar.xz";
const THIRD: &str = "sled-3.tar.xz";
const PEOPLE: u64 = 200;

#[test]
fn a_store_of_the_second_format_is_migrated_with_every_receipt() {
    let home = thaw(SECOND);
    let store = home.path().join("data/store");
    let refused = SledStore::open(&store).unwrap_err();
    assert!(matches!(refused, OpenError::Earlier { .. }), "{refused:?}");
    let migrated = migrate(&store, &mut |_, _| {}).unwrap();
    assert!(
        matches!(&migrated, Migrated::From { kept, .. } if kept.join("main-0/db").exists()),
        "{migrated:?}"
    );
    // A crash before the last move.
    std::fs::rename(&store, store.with_file_name("store.migrating")).unwrap();
    assert!(matches!(SledStore::open(&store), Err(OpenError::Earlier { .. })));
    migrate(&store, &mut |_, _| {}).unwrap();
    assert_eq!(migrate(&store, &mut |_, _| {}).unwrap(), Migrated::NotNeeded);
    has_every_receipt(home.path());
}

#[test]
fn a_store_of_the_third_format_opens_with_every_receipt() {
    has_every_receipt(thaw(THIRD).path());
}

fn has_every_receipt(home: &Path) {
    let dir = home.join("data");
    let ledger = open(&dir).unwrap();
    let report = ledger.check(&mut |_| {}).unwrap();
    assert_eq!((report.records, report.gone, report.restricted), (PEOPLE - 2, 1, 1));
    let said = std::fs::read_to_string(home.join("said.json")).unwrap();
    let receipts: Vec<String> = serde_json::from_str(&said).unwrap();
    assert_eq!(receipts.len() as u64, PEOPLE);
    for (number, text) in (0..).zip(&receipts) {
        let receipt = Receipt::parse(text).unwrap();
        receipt.verify(Some(ledger.vkey())).unwrap();
        let record: serde_json::Value = serde_json::from_str(receipt.unverified_record()).unwrap();
        let kept = ledger.receipt(&subject(number), record["id"].as_str().unwrap().parse().unwrap());
        match number {
            3 => assert!(kept.unwrap().is_none(), "it was erased"),
            4 => assert!(kept.is_err(), "it is restricted"),
            _ => assert_eq!(kept.unwrap().unwrap().receipt.to_json(), *text),
        }
    }
    assert_eq!(audit(&ledger).records, PEOPLE - 2);
    assert!(ledger.hold_of(&subject(5)).unwrap().is_some());
    drop(decide(&ledger, PEOPLE));
    block_on(ledger.release(subject(4))).unwrap();
    assert_eq!(ledger.history(&subject(4)).unwrap().len(), 1);
    ledger.check(&mut |_| {}).unwrap();
}

/// Makes `sled-3.tar.xz` anew, as `tests/stores/README.md` says. Only for a format that was not released yet.
#[test]
#[ignore = "writes into tests/stores"]
fn freeze_the_third_format() {
    let (home, frozen) = (life::folder(), life::folder());
    let dir = home.path();
    let ledger = open(dir).unwrap();
    block_on(ledger.publish_notice(b"{\"notice\":1}".to_vec())).unwrap();
    let mut receipts = Vec::new();
    let mut decides = |ledger: &Ledger, numbers: std::ops::Range<u64>| {
        for number in numbers {
            // Due in the year 2500: it must open for as long as anybody runs this.
            let draft = assent_ledger::Draft { retain_until: 16_725_225_600_000, ..draft(number) };
            receipts.push(block_on(ledger.append(draft)).unwrap().receipt.to_json());
        }
    };
    decides(&ledger, 0..PEOPLE / 2);
    erase(&ledger, 3);
    block_on(ledger.tell_erasures()).unwrap();
    block_on(ledger.restrict(subject(4), "dispute".into())).unwrap();
    let hold = assent_ledger::Hold { reason: "claim".into(), review: "2500-01-01".into() };
    block_on(ledger.hold(subject(5), hold)).unwrap();
    drop(ledger);
    // The second half is in the journal only: the copy is made while the log is open.
    let ledger = open(dir).unwrap();
    decides(&ledger, PEOPLE / 2..PEOPLE);
    life::settle(dir, &ledger);
    life::copy(dir, &frozen.path().join("data"));
    std::fs::write(frozen.path().join("said.json"), serde_json::to_string(&receipts).unwrap()).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-cJf").arg(stores().join(THIRD)).arg("-C").arg(frozen.path()).args(["data", "said.json"]);
    assert!(tar.status().unwrap().success());
}
