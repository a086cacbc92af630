//! What only the inside of a log can be made to do.

use crate::store::memory::MemoryStore;
use crate::testing::block_on;

use super::*;

/// One request heard of the failure, and the next one went on from before it: a roll-back of the store would have gone unnoticed.
#[test]
fn nothing_is_taken_while_the_checkpoints_file_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogConfig {
        site: SiteId::new("clinic").unwrap(),
        origin: "privacy.example.org/v1/clinic/log".into(),
        keys: dir.path().join("keys"),
        checkpoint: dir.path().join("checkpoint"),
        queue: LogConfig::DEFAULT_QUEUE,
        accept_clock: false,
    };
    let (path, away) = (config.checkpoint.clone(), dir.path().join("away"));
    let (store, key) = (Arc::new(MemoryStore::new()), OperatorKey::from_bytes([1; 32]));
    let ledger = Ledger::create(config, store, &key, Outside::system()).unwrap();
    let publish = |number: u8| block_on(ledger.publish_change(vec![number]));

    *ledger.shared.checkpoint_file.lock().unwrap() = CheckpointFile::that_fails(&path);
    std::fs::rename(&path, &away).unwrap();
    std::fs::create_dir(&path).unwrap();
    publish(1).unwrap();
    while ledger.stats().now().failed_errands == 0 {
        std::thread::yield_now();
    }
    for number in 2..6 {
        assert_eq!(publish(number).unwrap_err(), AppendError::Unavailable);
        assert!(!ledger.is_writable());
    }
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&away, &path).unwrap();
    assert_eq!(publish(6).unwrap().index, 1);
    assert!(ledger.is_writable());
}
