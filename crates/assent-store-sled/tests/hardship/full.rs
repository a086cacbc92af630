//! A disk that fills up: writes are refused and nothing else happens; when there is room again, everything goes on.
//!
//! Needs a small file system of its own, mounted in memory; where that is forbidden it says so and passes. A disk that says "no
//! space" at any single call is in `kills.rs`.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use assent_ledger::AppendError;
use assent_ledger::testing::block_on;

use crate::life::{decide, draft, erase, open, subject};

/// A mounted file system, taken away when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(done) if done.status.success() => Some(Small(dir)),
            _ => {
                crate::common::skipped_without("mount", "no file system may be mounted here");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes until nothing fits, but for these bytes.
    fn fill(&self, left: usize) {
        let mut ballast = File::create(self.path().join("ballast")).unwrap();
        let block = vec![1; 64 << 10];
        while ballast.write_all(&block).is_ok() {}
        let length = ballast.metadata().unwrap().len();
        ballast.set_len(length.saturating_sub(left as u64)).unwrap();
        if left == 0 {
            // To the last page.
            let mut at = length;
            while ballast.write_all_at(&[1; 512], at).is_ok() {
                at += 512;
            }
        }
    }

    fn empty(&self) {
        drop(std::fs::remove_file(self.path().join("ballast")));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).output());
    }
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(small) = Small::mount(220) else { return };
    let dir = small.path().join("data");
    std::fs::create_dir(&dir).unwrap();
    let ledger = open(&dir).unwrap();
    let mut receipts: Vec<_> = (0..300).map(|number| (number, decide(&ledger, number))).collect();
    let sound = |ledger: &assent_ledger::Ledger, receipts: &[(u64, assent_ledger::Appended)]| {
        ledger.check(&mut |_| {}).unwrap();
        for (number, appended) in receipts {
            let kept = ledger.receipt(&subject(*number), appended.id).unwrap().unwrap();
            assert_eq!(kept.receipt.to_json(), appended.receipt.to_json());
        }
    };
    // Less than is kept free is left, then nothing at all: refused beforehand, so that nothing is half done.
    for (round, left) in [80 << 20, 1 << 20, 0].into_iter().enumerate() {
        small.fill(left);
        for number in 1000..1010 {
            assert_eq!(block_on(ledger.append(draft(number))).unwrap_err(), AppendError::Unavailable);
        }
        assert!(block_on(ledger.erase(subject(1), assent_ledger::store::GoneReason::Asked, false)).is_err());
        sound(&ledger, &receipts);
        small.empty();
        let number = 2000 + round as u64;
        receipts.push((number, decide(&ledger, number)));
    }
    // It is full while something waits to be absorbed, and while it is closed: what is in the journal is enough.
    let more = 3000..3200;
    receipts.extend(more.map(|number| (number, decide(&ledger, number))));
    small.fill(0);
    assert!(block_on(ledger.append(draft(1000))).is_err());
    drop(ledger);
    match open(&dir) {
        Ok(ledger) => sound(&ledger, &receipts),
        Err(refused) => println!("a start on a full disk: {refused:?}"),
    }
    small.empty();
    let ledger = open(&dir).unwrap();
    sound(&ledger, &receipts);
    erase(&ledger, 1);
    receipts.retain(|(number, _)| *number != 1);
    drop(decide(&ledger, 1000));
    drop(ledger);
    sound(&open(&dir).unwrap(), &receipts);
}
