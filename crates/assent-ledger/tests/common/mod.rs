//! A small world for the ledger's tests: a folder, a store, a clock that tests turn, and drafts to append.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic and say what they skip, and so may what they share"
)]

pub mod faulty;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assent_core::decision::{Act, Decision};
use assent_core::hash::{Hash, sha256};
use assent_core::ids::{PurposeId, SiteId};
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectId;
use assent_ledger::store::Store;
use assent_ledger::store::memory::MemoryStore;
use assent_ledger::testing::block_on;
use assent_ledger::{
    AppendError, Appended, Clock, Draft, Idempotency, Ledger, LogConfig, OpenError, OperatorKey, Outside,
    ReceiptId, SystemRandom,
};

/// Says that a test is skipped because a program, or the right to use it, is missing. Only whoever named it in `ASSENT_TEST_WITHOUT`
/// wants that; for others the test fails.
pub fn skipped_without(part: &str, why: &str) {
    let without = std::env::var("ASSENT_TEST_WITHOUT").unwrap_or_default();
    let may = without.split(',').any(|name| name.trim() == part);
    assert!(may, "{why}: make that right, or leave it out with ASSENT_TEST_WITHOUT={part}");
    println!("skipped: {why}");
}

pub const START: u64 = 1_795_305_600_000; // 2026-11-22T00:00:00Z
pub const DAY: u64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Default)]
pub struct TestClock(pub Arc<AtomicU64>);

impl Clock for TestClock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub store: Arc<MemoryStore>,
    pub clock: TestClock,
}

impl World {
    pub fn new() -> Self {
        let clock = TestClock::default();
        clock.0.store(START, Ordering::Relaxed);
        World { dir: folder(), store: Arc::new(MemoryStore::new()), clock }
    }

    pub fn create(&self) -> Ledger {
        let store: Arc<dyn Store> = self.store.clone();
        Ledger::create(config(self.dir.path()), store, &operator(), self.outside()).unwrap()
    }

    pub fn open(&self) -> Result<Ledger, OpenError> {
        let store: Arc<dyn Store> = self.store.clone();
        Ledger::open(config(self.dir.path()), store, &operator(), self.outside())
    }

    pub fn outside(&self) -> Outside {
        Outside { clock: Box::new(self.clock.clone()), random: Box::new(SystemRandom) }
    }

    pub fn advance(&self, milliseconds: u64) {
        self.clock.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

/// In memory where there is such a place: that the disk is asked to keep things is not looked at here.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn site() -> SiteId {
    SiteId::new("clinic").unwrap()
}

pub fn operator() -> OperatorKey {
    OperatorKey::from_bytes([42; 32])
}

pub fn config(dir: &Path) -> LogConfig {
    LogConfig {
        site: site(),
        origin: "privacy.example.org/v1/clinic/log".into(),
        keys: dir.join("keys").join("clinic"),
        checkpoint: dir.join("checkpoints").join("clinic"),
        queue: LogConfig::DEFAULT_QUEUE,
        accept_clock: false,
    }
}

pub fn subject(n: u64) -> SubjectId {
    let mut id = [0; 16];
    id.copy_from_slice(&sha256(&n.to_be_bytes()).0[..16]);
    SubjectId(id)
}

pub fn purpose(name: &str) -> PurposeId {
    PurposeId::new(name).unwrap()
}

pub fn draft(subject_number: u64, expect_previous: Option<ReceiptId>) -> Draft {
    Draft {
        subject: subject(subject_number),
        acted: None,
        notice: Hash([9; 32]),
        language: "cy".into(),
        act: Act::Save,
        surface: Surface::Preferences,
        origin: Some("https://www.example.org".into()),
        decisions: [(purpose("analytics"), Decision::Given), (purpose("email-tracking"), Decision::Refused)]
            .into(),
        signals: Signals { gpc: true, dnt: false },
        age: None,
        told: None,
        contacts: Vec::new(),
        retain_until: START + 400 * DAY,
        expect_previous,
        idempotency: None,
    }
}

pub fn keyed(draft: Draft, key: &str, request: &str) -> Draft {
    let idempotency = Idempotency { key: key.into(), request: sha256(request.as_bytes()) };
    Draft { idempotency: Some(idempotency), ..draft }
}

pub fn append(ledger: &Ledger, draft: Draft) -> Result<Appended, AppendError> {
    block_on(ledger.append(draft))
}

/// Appends for a subject as a server would: on top of its history.
pub fn decide(ledger: &Ledger, subject_number: u64) -> Appended {
    let previous = ledger.newest(&subject(subject_number)).unwrap();
    let appended = append(ledger, draft(subject_number, previous)).unwrap();
    assert_good(ledger, &appended);
    appended
}

/// The receipt verifies against the log's key, after a trip through its text.
pub fn assert_good(ledger: &Ledger, appended: &Appended) {
    let text = appended.receipt.to_json();
    let receipt = assent_core::receipt::Receipt::parse(&text).unwrap();
    let verified = receipt.verify(Some(ledger.vkey())).unwrap();
    assert_eq!(verified.index(), appended.index);
    assert_eq!(verified.checkpoint().origin, ledger.origin());
    let record = assent_core::record::Record::from_bytes(verified.record().as_bytes()).unwrap();
    assert_eq!(record.id, appended.id.to_string());
    assert!(record.after.size <= appended.index);
}
