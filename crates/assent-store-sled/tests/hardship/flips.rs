//! One bit flipped, a page lost, or a file cut short, anywhere in the directory: it is named when the log is opened or checked, or it does no
//! harm. Nothing panics, and nobody is shown other content.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use assent_ledger::testing::block_on;
use assent_ledger::{Ledger, ReadError};

use crate::life::{self, Dice, copy, decide, draft, erase, files_below, open, open_both, subject, times};

const PEOPLE: u64 = 60;

/// What a log tells: everybody's receipt, the notice, the size.
fn told(ledger: &Ledger) -> Result<BTreeMap<u64, String>, ReadError> {
    let mut told = BTreeMap::new();
    for who in 0..PEOPLE {
        for opened in ledger.history(&subject(who))? {
            let receipt = ledger.receipt(&subject(who), opened.id)?.map(|kept| kept.receipt.to_json());
            told.insert(who, receipt.unwrap_or_default());
        }
    }
    told.insert(
        PEOPLE,
        format!("{:?} {}", ledger.current_notice()?.map(|(_, document)| document), ledger.size()),
    );
    Ok(told)
}

/// How a damaged directory was met.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    /// It did not open, and said why.
    Refused,
    /// It opened, and the check, or reading, named what is wrong.
    Named,
    /// Everything is as it was.
    Harmless,
}

fn meet(dir: &Path, expected: &BTreeMap<u64, String>, context: &str) -> Met {
    let met = catch_unwind(AssertUnwindSafe(|| {
        let Ok(ledger) = open(dir) else { return Met::Refused };
        if ledger.check(&mut |_| {}).is_err() {
            return Met::Named;
        }
        let Ok(found) = told(&ledger) else { return Met::Named };
        assert_eq!(&found, expected, "{context}: other content was accepted");
        // A log that opened and is sound goes on, and what it takes is there.
        let appended = decide(&ledger, 1_000_000);
        assert!(ledger.receipt(&subject(1_000_000), appended.id).unwrap().is_some(), "{context}");
        Met::Harmless
    }));
    met.unwrap_or_else(|_| panic!("{context}: it panicked"))
}

/// A log on the disk, and what it tells.
type Begun = (tempfile::TempDir, BTreeMap<u64, String>);

/// One with some segments of sled's, rewritten and closed.
fn large() -> Begun {
    let home = life::folder();
    let (store, ledger) = open_both(home.path()).unwrap();
    let decides = |numbers: std::ops::Range<u64>| {
        let futures: Vec<_> = numbers.map(|number| ledger.append(draft(number))).collect();
        futures.into_iter().for_each(|future| drop(block_on(future).unwrap()));
    };
    (0..6).for_each(|round| decides(round * 1000..(round + 1) * 1000));
    store.reclaim(&|_, _, row| ledger.replaces(row)).unwrap();
    (6..12).for_each(|round| decides(round * 1000..(round + 1) * 1000));
    let told = told(&ledger).unwrap();
    drop((ledger, store));
    (home, told)
}

/// Two logs: one that was closed, all of it in sled; one that was killed, some of it only in the journal.
fn begun() -> [Begun; 2] {
    [true, false].map(|closed| {
        let (home, killed) = (life::folder(), life::folder());
        let ledger = open(home.path()).unwrap();
        block_on(ledger.publish_notice(b"{}".to_vec())).unwrap();
        (0..PEOPLE / 2).for_each(|number| drop(decide(&ledger, number)));
        drop(ledger);
        let ledger = open(home.path()).unwrap();
        (PEOPLE / 2..PEOPLE).for_each(|number| drop(decide(&ledger, number)));
        erase(&ledger, 3);
        block_on(ledger.tell_erasures()).unwrap();
        let told = told(&ledger).unwrap();
        if closed {
            drop(ledger);
            return (home, told);
        }
        life::settle(home.path(), &ledger);
        copy(home.path(), killed.path());
        (killed, told)
    })
}

/// A place in a file; most have something in them.
fn places(file: &Path, count: usize, dice: &mut Dice) -> Vec<usize> {
    let bytes = std::fs::read(file).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut places: Vec<usize> =
        (0..count).filter(|_| !used.is_empty()).map(|_| used[dice.below(used.len())]).collect();
    // Headers are where readers are led astray.
    places.extend(used.iter().take(count / 4));
    places.extend((0..count / 8).filter(|_| !bytes.is_empty()).map(|_| dice.below(bytes.len())));
    places
}

#[test]
fn a_flipped_bit_is_named_or_does_no_harm() {
    let mut dice = Dice(77);
    let mut met: BTreeMap<(String, Met), usize> = BTreeMap::new();
    for (home, expected) in &begun() {
        for file in files_below(home.path()) {
            let name = file.strip_prefix(home.path()).unwrap().to_path_buf();
            for place in places(&file, 8 * times(), &mut dice) {
                let damaged = life::folder();
                copy(home.path(), damaged.path());
                let harm = Harm::Flipped(place);
                harm.befalls(&damaged.path().join(&name), &std::fs::read(&file).unwrap(), &mut dice);
                let context = format!("{} at {place}", name.display());
                *met.entry((kind(&name), meet(damaged.path(), expected, &context))).or_default() += 1;
            }
        }
    }
    println!("{met:#?}");
    assert!(met.iter().any(|((_, met), count)| *met != Met::Harmless && *count > 0));
}

/// What may befall a file.
#[derive(Debug)]
enum Harm {
    Gone,
    Cut(usize),
    /// A page of noise here.
    Garbled(usize),
    /// A page of zeros here.
    Lost(usize),
    /// A bit of this byte.
    Flipped(usize),
}

impl Harm {
    fn befalls(&self, path: &Path, whole: &[u8], dice: &mut Dice) {
        let mut bytes = whole.to_vec();
        match self {
            Harm::Gone => return std::fs::remove_file(path).unwrap(),
            Harm::Cut(length) => bytes.truncate(*length),
            Harm::Garbled(at) => {
                let page = bytes.iter_mut().skip(*at).take(4096);
                page.for_each(|byte| *byte = dice.below(256) as u8);
            }
            Harm::Flipped(at) => bytes[*at] ^= 1 << dice.below(8),
            Harm::Lost(at) => bytes.iter_mut().skip(*at).take(4096).for_each(|byte| *byte = 0),
        }
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_file_cut_short_garbled_or_gone_is_named_or_does_no_harm() {
    let mut dice = Dice(5);
    let mut met: BTreeMap<(String, Met), usize> = BTreeMap::new();
    for (home, expected) in &begun() {
        for file in files_below(home.path()) {
            let name = file.strip_prefix(home.path()).unwrap().to_path_buf();
            let whole = std::fs::read(&file).unwrap();
            // Where something is: files are longer than what is in them.
            let used = whole.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let mut harms =
                vec![Harm::Gone, Harm::Cut(0), Harm::Cut(used / 2), Harm::Cut(used.saturating_sub(1))];
            for _ in 0..3 * times() {
                harms.push(Harm::Cut(dice.below(used.max(1))));
                harms.push(Harm::Garbled(dice.below(used.max(1)) / 4096 * 4096));
                harms.push(Harm::Lost(dice.below(used.max(1)) / 4096 * 4096));
            }
            for harm in harms {
                let damaged = life::folder();
                copy(home.path(), damaged.path());
                harm.befalls(&damaged.path().join(&name), &whole, &mut dice);
                let context = format!("{}: {harm:?}", name.display());
                *met.entry((kind(&name), meet(damaged.path(), expected, &context))).or_default() += 1;
            }
        }
    }
    println!("{met:#?}");
}

/// Damage in the middle of what is large: sled's files, also when they are worth a snapshot, and rows.
#[test]
fn damage_in_a_large_store_is_named_or_does_no_harm() {
    let (mut dice, mut met, (home, expected)) = (Dice(3), BTreeMap::<(String, Met), usize>::new(), large());
    let files = files_below(&home.path().join("store"));
    let is_large = |file: &&std::path::PathBuf| std::fs::metadata(file).unwrap().len() > 1 << 20;
    let large: Vec<_> = files
        .iter()
        .filter(|file| file.extension().is_none_or(|end| end != "journal"))
        .filter(is_large)
        .collect();
    assert!(large.iter().any(|file| file.ends_with("index/db")), "{large:?}");
    assert!(large.iter().any(|file| file.ends_with("rows/0/0000000.rows")), "{large:?}");
    for file in large {
        let name = file.strip_prefix(home.path()).unwrap();
        let whole = std::fs::read(file).unwrap();
        let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
        for round in 0..5 * times() {
            let at = used[dice.below(used.len())];
            let harm = match round % 5 {
                0 => Harm::Cut(at),
                1 => Harm::Garbled(at / 4096 * 4096),
                2 => Harm::Lost(at / 4096 * 4096),
                _ => Harm::Flipped(at),
            };
            // Without the snapshot sled reads its whole file again.
            for snapshot in [true, false] {
                let damaged = life::folder();
                copy(home.path(), damaged.path());
                harm.befalls(&damaged.path().join(name), &whole, &mut dice);
                for snap in
                    files.iter().filter(|_| !snapshot).filter(|file| file.to_string_lossy().contains("snap."))
                {
                    std::fs::remove_file(damaged.path().join(snap.strip_prefix(home.path()).unwrap()))
                        .unwrap();
                }
                let context = format!("{}: {harm:?}, with the snapshot: {snapshot}", name.display());
                *met.entry((kind(name), meet(damaged.path(), &expected, &context))).or_default() += 1;
            }
        }
    }
    println!("{met:?}");
}

/// The name without its numbers.
fn kind(name: &Path) -> String {
    let name = name.to_string_lossy();
    name.split('.')
        .map(|part| part.trim_end_matches(|c: char| c.is_ascii_hexdigit() || c == '-'))
        .collect::<Vec<_>>()
        .join(".")
}
