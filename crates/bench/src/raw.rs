//! What the machine can do by itself: one fdatasync, SHA-256 of leaves. The limits that figures are measured against.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use assent_core::hash::sha256;
use assent_core::merkle::leaf_hash;

use crate::table::median;

/// Bytes of one write before an fdatasync: about one decision.
const WRITE: usize = 1024;
/// Bytes of the file: it exists before, so that nothing but data has to be written.
const FILE: usize = 16 << 20;

/// The median of so many fdatasyncs, in seconds, each after one small write into a file that is there already, with a pause
/// between them.
pub(crate) fn fdatasync(folder: &Path, count: usize, pause: Duration) -> Result<f64> {
    let path = folder.join("fdatasync");
    let file = File::create(&path)?;
    file.write_all_at(&vec![0; FILE], 0)?;
    file.sync_all()?;
    let mut took = Vec::new();
    for number in 0..count {
        crate::stop::check()?;
        std::thread::sleep(pause);
        let began = Instant::now();
        file.write_all_at(&[1; WRITE], (number * WRITE % FILE) as u64)?;
        file.sync_data()?;
        took.push(began.elapsed().as_secs_f64());
    }
    drop(file);
    std::fs::remove_file(path)?;
    Ok(median(took))
}

/// Seconds for the SHA-256 that no verifier can spare for one entry: of a record of so many bytes, and of its leaf.
pub(crate) fn leaf(record: usize) -> f64 {
    let record = vec![b'x'; record];
    let count = 500_000;
    let began = Instant::now();
    for _ in 0..count {
        let commitment = sha256(black_box(&record));
        let mut leaf = [1; 34];
        leaf[2..].copy_from_slice(&commitment.0);
        black_box(leaf_hash(&leaf));
    }
    began.elapsed().as_secs_f64() / f64::from(count)
}
