//! Measures a log on sled, for `cargo xtask bench`, which builds it and prints its table. Two commands:
//!
//! - `append FOLDER`: whole receipts (sealed, committed, signed, proven) per second, by how many callers wait.
//! - `fill DATA_DIR SITE ORIGIN KEY_FILE COUNT`: adds COUNT records to an existing site's log.
//!
//! Not a test: it fails on errors, never on a figure.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program: it prints, and stops on any error"
)]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use assent_core::decision::{Act, Decision};
use assent_core::hash::{Hash, base64_decode, sha256};
use assent_core::ids::{PurposeId, SiteId};
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectId;
use assent_ledger::store::Store;
use assent_ledger::testing::block_on;
use assent_ledger::{Draft, Ledger, LogConfig, OperatorKey, Outside};
use assent_store_sled::SledStore;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["append", folder] => append(Path::new(folder)),
        ["fill", data_dir, site, origin, key_file, count] => {
            fill(Path::new(data_dir), (site, origin), Path::new(key_file), count.parse().unwrap());
        }
        _ => panic!("measure append FOLDER | measure fill DATA_DIR SITE ORIGIN KEY_FILE COUNT"),
    }
}

/// One accept-all decision of a subject of its own.
fn draft(number: u64, notice: Hash) -> Draft {
    let mut subject = [0; 16];
    subject.copy_from_slice(&sha256(&number.to_be_bytes()).0[..16]);
    Draft {
        subject: SubjectId(subject),
        acted: None,
        notice,
        language: "en".into(),
        act: Act::AcceptAll,
        surface: Surface::FirstLayer,
        origin: Some("https://www.example.org".into()),
        decisions: [(PurposeId::new("analytics").unwrap(), Decision::Given)].into(),
        signals: Signals::default(),
        contacts: Vec::new(),
        retain_until: 0,
        expect_previous: None,
        idempotency: None,
    }
}

/// Adds `count` records, keeping `waiting` of them in the queue at any time.
fn run(ledger: &Ledger, notice: Hash, count: u64, waiting: usize) {
    let mut queue = VecDeque::new();
    for number in 0..count {
        queue.push_back(ledger.append(draft(number, notice)));
        if queue.len() == waiting {
            block_on(queue.pop_front().unwrap()).unwrap();
        }
    }
    queue.into_iter().for_each(|future| drop(block_on(future).unwrap()));
}

fn config(data_dir: &Path, site: &str, origin: &str) -> LogConfig {
    LogConfig {
        site: SiteId::new(site).unwrap(),
        origin: origin.into(),
        keys: data_dir.join("keys").join(site),
        checkpoint: data_dir.join("checkpoints").join(site),
        queue: LogConfig::DEFAULT_QUEUE,
        accept_clock: false,
    }
}

fn append(folder: &Path) {
    for waiting in [1, 64, 256, 1024] {
        let place = folder.join(waiting.to_string());
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&place.join("store")).unwrap());
        let config = config(&place, "clinic", "privacy.example.org/v1/clinic/log");
        let operator = OperatorKey::from_bytes([42; 32]);
        let ledger = Ledger::create(config, store, &operator, Outside::system()).unwrap();
        let count = if waiting == 1 { 1000 } else { 50_000 };
        let began = Instant::now();
        run(&ledger, Hash([9; 32]), count, waiting);
        let seconds = began.elapsed().as_secs_f64();
        let stats = ledger.stats().now();
        let disk = bytes_below(&place);
        println!(
            "{waiting:>8} {:>12.0} {:>12.0} {:>14.2} {:>12.0}",
            count as f64 / seconds,
            stats.records as f64 / stats.commits as f64,
            stats.commit_time.as_secs_f64() * 1000.0 / stats.commits as f64,
            disk as f64 / count as f64,
        );
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(
            |entry| {
                if entry.path().is_dir() {
                    bytes_below(&entry.path())
                } else {
                    entry.metadata().unwrap().len()
                }
            },
        )
        .sum()
}

fn fill(data_dir: &Path, (site, origin): (&str, &str), key_file: &Path, count: u64) {
    let key = base64_decode(std::fs::read_to_string(key_file).unwrap().trim()).unwrap();
    let operator = OperatorKey::from_bytes(key.try_into().unwrap());
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&data_dir.join("store")).unwrap());
    let ledger = Ledger::open(config(data_dir, site, origin), store, &operator, Outside::system()).unwrap();
    let notice = ledger.current_notice().unwrap().unwrap().0.hash;
    run(&ledger, notice, count, LogConfig::DEFAULT_QUEUE / 2);
}
