//! A small ledger's life, in this process or in a child that will be killed, and the check of all that was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assent_core::hash::sha256;
use assent_core::notice::Channel;
use assent_ledger::store::{GoneReason, Store};
use assent_ledger::testing::block_on;
use assent_ledger::{Appended, Contact, Draft, Ledger, OpenError, Outside};
use assent_store_sled::SledStore;

use crate::common;
pub(crate) use crate::common::{config, folder, operator, subject};

/// Names the directory in a child process.
const CHILD: &str = "ASSENT_TEST_HARDSHIP_CHILD";

/// How many times as much as in continuous integration is to be done.
pub(crate) fn times() -> usize {
    std::env::var("ASSENT_TEST_HARDSHIP").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Chance that can be repeated (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

pub(crate) fn draft(number: u64) -> Draft {
    let contact = Contact { channel: Channel::Email, address: format!("ada-{number}@example.org") };
    Draft { contacts: vec![contact], retain_until: 0, ..common::draft(number, None) }
}

pub(crate) fn decide(ledger: &Ledger, number: u64) -> Appended {
    block_on(ledger.append(draft(number))).unwrap()
}

pub(crate) fn erase(ledger: &Ledger, number: u64) {
    block_on(ledger.erase(subject(number), GoneReason::Asked, false)).unwrap();
}

/// Why a directory did not open.
#[derive(Debug)]
#[expect(dead_code, reason = "shown when a test fails")]
pub(crate) enum Closed {
    Store(assent_store_sled::OpenError),
    Ledger(OpenError),
}

/// Opens, or begins, the log in a directory. The store is kept for whoever wants to reclaim.
pub(crate) fn open_both(dir: &Path) -> Result<(Arc<dyn Store>, Ledger), Closed> {
    let store = SledStore::open_with_cache(&dir.join("store"), 8 << 20).map_err(Closed::Store)?;
    let store: Arc<dyn Store> = Arc::new(store);
    let begun = dir.join("checkpoints").exists();
    let ledger = if begun {
        Ledger::open(config(dir), Arc::clone(&store), &operator(), Outside::system())
    } else {
        return match Ledger::create(config(dir), Arc::clone(&store), &operator(), Outside::system()) {
            Ok(ledger) => Ok((store, ledger)),
            Err(_) => Ledger::open(config(dir), Arc::clone(&store), &operator(), Outside::system())
                .map(|ledger| (store, ledger))
                .map_err(Closed::Ledger),
        };
    };
    ledger.map(|ledger| (store, ledger)).map_err(Closed::Ledger)
}

pub(crate) fn open(dir: &Path) -> Result<Ledger, Closed> {
    open_both(dir).map(|(_, ledger)| ledger)
}

/// Waits until the checkpoint's own file, which follows answers, has the newest one.
pub(crate) fn settle(dir: &Path, ledger: &Ledger) {
    let newest = ledger.checkpoint();
    let began = Instant::now();
    let has_it = || {
        let file = std::fs::read(dir.join("checkpoints").join("clinic")).unwrap();
        file.windows(newest.len()).any(|window| window == newest.as_bytes())
    };
    while !has_it() {
        assert!(began.elapsed() < Duration::from_secs(60), "the checkpoint's own file follows");
        std::thread::yield_now();
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// The directory, if this process is a child.
pub(crate) fn child() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// This program again, for one test, as a child that works in `dir`. `before` are words to put before it, as `strace`.
pub(crate) fn again(test: &str, dir: &Path, before: &[String]) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match before.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(CHILD, dir);
    command
}

pub(crate) fn spawn(test: &str, dir: &Path) -> Child {
    again(test, dir, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// What a child says on the disk: a folder's name for each answer, because no test makes `mkdir` fail. Nothing is synced: a
/// killed process loses no names.
pub(crate) fn say(dir: &Path, what: &str) {
    std::fs::create_dir(dir.join("said").join(what)).unwrap();
}

pub(crate) fn said(dir: &Path) -> BTreeSet<String> {
    let Ok(names) = std::fs::read_dir(dir.join("said")) else { return BTreeSet::new() };
    names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect()
}

/// Decides and says so.
pub(crate) fn decide_aloud(dir: &Path, ledger: &Ledger, number: u64) -> bool {
    let Ok(appended) = block_on(ledger.append(draft(number))) else { return false };
    let receipt = sha256(appended.receipt.to_json().as_bytes());
    say(dir, &format!("answered {number} {} {receipt}", appended.id));
    true
}

/// Erases, and says so before and after.
pub(crate) fn erase_aloud(dir: &Path, ledger: &Ledger, number: u64) -> bool {
    say(dir, &format!("erasing {number}"));
    let done = block_on(ledger.erase(subject(number), GoneReason::Asked, false)).is_ok();
    if done {
        say(dir, &format!("erased {number}"));
    }
    done
}

/// Everything that was said is so, and the whole log is sound. Answers how many answers were looked at.
#[track_caller]
pub(crate) fn verify(dir: &Path, ledger: &Ledger, context: &str) -> usize {
    ledger.check(&mut |_| {}).unwrap_or_else(|error| panic!("{context}: {error}"));
    let said = said(dir);
    let mut answered: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
    for line in &said {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["answered", number, id, receipt] = words[..] {
            answered.insert(number.parse().unwrap(), (id, receipt));
        }
    }
    for (number, (id, receipt)) in &answered {
        let found = ledger.receipt(&subject(*number), id.parse().unwrap()).unwrap();
        let found = found.map(|found| sha256(found.receipt.to_json().as_bytes()).to_string());
        if said.contains(&format!("erased {number}")) {
            assert!(found.is_none(), "{context}: {number} was erased and is there");
        } else if found.is_none() {
            assert!(
                said.contains(&format!("erasing {number}")),
                "{context}: {number} was answered and is gone"
            );
        }
        assert!(found.is_none_or(|found| found == *receipt), "{context}: {number} has another receipt");
    }
    answered.len()
}

/// The most often that one thread made each call, in what strace wrote.
pub(crate) fn calls_by_thread(trace: &str) -> BTreeMap<String, usize> {
    let mut by_thread = BTreeMap::<(&str, &str), usize>::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        *by_thread.entry((thread, call)).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((_, call), times) in by_thread {
        let most: &mut usize = most.entry(call.to_string()).or_default();
        *most = times.max(*most);
    }
    most
}
