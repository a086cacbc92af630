//! Counters of one log, cheap enough to keep always. Printing them is the server's work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters since the log was opened. Each only grows.
#[derive(Debug, Default)]
pub struct Stats {
    records: AtomicU64,
    replays: AtomicU64,
    commits: AtomicU64,
    failed_commits: AtomicU64,
    commit_nanoseconds: AtomicU64,
    busy: AtomicU64,
    failed_errands: AtomicU64,
    batch_sizes: [AtomicU64; BATCH_BOUNDS.len() + 1],
}

/// Upper bounds (inclusive) of the batch size buckets; the last bucket has none.
pub const BATCH_BOUNDS: [u64; 6] = [1, 4, 16, 64, 256, 1024];

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatsNow {
    /// Leaves of decisions and documents recorded. Summaries are not counted.
    pub records: u64,
    /// Requests answered with an earlier receipt.
    pub replays: u64,
    /// Batches of decisions and documents that were committed. Erasures, purges and jobs are not counted.
    pub commits: u64,
    /// Commits of any kind that failed, and batches for which there was no randomness.
    pub failed_commits: u64,
    /// Time of batches that landed, from being made to their signed checkpoint, with the wait for the batch before. With `commits`: a mean.
    pub commit_time: Duration,
    /// Requests refused because the queue was full.
    pub busy: u64,
    /// Times that the checkpoint's own file or secrets drawn ahead could not be written.
    pub failed_errands: u64,
    /// Batches by size: bucket `i` counts sizes up to `BATCH_BOUNDS[i]` and above the one before. Not cumulative.
    pub batch_sizes: [u64; BATCH_BOUNDS.len() + 1],
}

impl Stats {
    /// Reads the counters. Each is exact; together they may be from slightly different moments.
    #[must_use]
    pub fn now(&self) -> StatsNow {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatsNow {
            records: read(&self.records),
            replays: read(&self.replays),
            commits: read(&self.commits),
            failed_commits: read(&self.failed_commits),
            commit_time: Duration::from_nanos(read(&self.commit_nanoseconds)),
            busy: read(&self.busy),
            failed_errands: read(&self.failed_errands),
            batch_sizes: self.batch_sizes.each_ref().map(read),
        }
    }

    pub(crate) fn committed(&self, records: u64, took: Duration) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.commit_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        let bucket = BATCH_BOUNDS.iter().position(|bound| records <= *bound).unwrap_or(BATCH_BOUNDS.len());
        self.batch_sizes[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn replayed(&self) {
        self.replays.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn commit_failed(&self) {
        self.failed_commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn errand_failed(&self) {
        self.failed_errands.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused_busy(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }
}
