//! The witness's memory: what is kept, what is noticed, and what happens when the disk says no.

use super::*;
use crate::witness::state::Damage;
use assent_core::checkpoint::Checkpoint;
use assent_core::hash::Hash;
use assent_core::merkle::{RangeError, consistency_proof, leaf_hash, root_of};
use assent_core::note::SignerKey;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const ORIGIN: &str = "log.example.org/clinic";
const OTHER: &str = "log.example.org/charity";
const NOW: u64 = 1_700_000_000;

fn leaves(n: u64, history: u8) -> Vec<Hash> {
    // The two histories part after five entries.
    (0..n).map(|i| leaf_hash(&[if i < 5 { 0 } else { history }, i as u8])).collect()
}

/// A request of a log to grow, in one of its histories.
fn request_of(origin: &str, history: u8, old: u64, new: u64) -> Vec<u8> {
    let leaves = leaves(new, history);
    let mut subtree = |level: u8, index: u64| -> Result<Hash, RangeError> {
        Ok(root_of(&leaves[(index << level) as usize..((index + 1) << level) as usize]))
    };
    let proof = consistency_proof(old, new, &mut subtree).unwrap();
    let key = SignerKey::from_seed(origin, &[1; 32]).unwrap();
    let head = Checkpoint::new(origin, new, root_of(&leaves)).unwrap();
    AddCheckpoint::new(old, proof, head.sign(&key).unwrap()).unwrap().to_string().into_bytes()
}

fn request(old: u64, new: u64) -> Vec<u8> {
    request_of(ORIGIN, 0, old, new)
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        State::create(&place.data(), &place.key().verifier()).unwrap();
        place
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("witness")
    }

    fn file(&self, origin: &str) -> PathBuf {
        self.data().join("logs").join(state::origin_hash(origin))
    }

    fn key(&self) -> WitnessKey {
        WitnessKey::from_seed("witness.example.org", &[2; 32]).unwrap()
    }

    fn opened(&self) -> Result<Witness, OpenError> {
        let log = SignerKey::from_seed(ORIGIN, &[1; 32]).unwrap().verifier();
        let policy = Policy::parse(&format!("log {log}\nquorum none\n")).unwrap();
        Witness::open(&self.data(), self.key(), &policy)
    }

    fn open(&self) -> Witness {
        self.opened().unwrap()
    }
}

#[test]
fn what_was_cosigned_is_there_after_a_restart() {
    let place = Place::new();
    let witness = place.open();
    let hash = state::origin_hash(ORIGIN);
    assert_eq!(witness.latest(&hash), None);
    assert_eq!(witness.add_checkpoint(&request(0, 7), NOW).unwrap().size, 7);
    let kept = witness.latest(&hash).unwrap();
    assert_eq!(fs::read_to_string(place.file(ORIGIN)).unwrap(), kept);
    let keys = [witness.verifier(), SignerKey::from_seed(ORIGIN, &[1; 32]).unwrap().verifier()];
    assert_eq!(Note::parse(&kept).unwrap().verify(&keys).unwrap().len(), 2, "the log's line and ours");
    drop(witness);

    let witness = place.open();
    assert_eq!(witness.latest(&hash), Some(kept));
    let conflict = witness.add_checkpoint(&request(0, 9), NOW);
    assert!(matches!(conflict, Err(AddError::Refused(Refusal::Conflict { seen: 7, .. }))));
    assert_eq!(witness.add_checkpoint(&request(7, 9), NOW).unwrap().size, 9);
}

#[test]
fn a_leftover_of_a_crash_is_no_memory() {
    let place = Place::new();
    place.open().add_checkpoint(&request(0, 7), NOW).unwrap();
    fs::write(place.file(ORIGIN).with_extension("new"), "half a no").unwrap();
    let witness = place.open();
    assert_eq!(witness.add_checkpoint(&request(7, 9), NOW).unwrap().size, 9);
    assert!(place.opened().is_err_and(|error| matches!(error, OpenError::InUse(_))));
}

#[test]
fn a_witness_without_its_own_memory_does_not_start() {
    let place = Place::new();
    place.open().add_checkpoint(&request(0, 7), NOW).unwrap();
    let other = WitnessKey::from_seed("witness.example.org", &[3; 32]).unwrap();
    let policy = Policy::parse("quorum none\n").unwrap();
    let opened = Witness::open(&place.data(), other, &policy);
    assert!(opened.is_err_and(|error| matches!(error, OpenError::OtherKey { .. })));
    assert!(matches!(State::create(&place.data(), &place.key().verifier()), Err(OpenError::Taken(_))));
    fs::remove_dir_all(place.data()).unwrap();
    let error = place.opened().unwrap_err();
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert!(error.to_string().contains("retire this witness"));
}

#[test]
fn altered_memory_is_noticed() {
    let place = Place::new();
    place.open().add_checkpoint(&request(0, 7), NOW).unwrap();
    let file = place.file(ORIGIN);
    let good = fs::read_to_string(&file).unwrap();
    let log = SignerKey::from_seed(ORIGIN, &[1; 32]).unwrap();
    let stranger = WitnessKey::from_seed("witness.example.org", &[3; 32]).unwrap();
    let mut by_stranger = Checkpoint::new(ORIGIN, 7, root_of(&leaves(7, 1))).unwrap().sign(&log).unwrap();
    let line = stranger.cosign(by_stranger.text(), NOW);
    by_stranger.push(line);
    for (text, expected) in [
        (String::new(), "not a signed note"),
        (good[..good.len() - 1].to_string(), "not a signed note"),
        (good.replacen("\n7\n", "\n6\n", 1), "our cosignature does not hold"),
        (by_stranger.to_string(), "our cosignature does not hold"),
    ] {
        fs::write(&file, &text).unwrap();
        match place.opened() {
            Err(OpenError::Damaged { path, source }) => {
                assert_eq!(path, file);
                assert!(source.to_string().contains(expected), "{source}: {text}");
            }
            other => panic!("{other:?} for {text}"),
        }
    }
    // A good file under another log's name.
    fs::write(&file, &good).unwrap();
    fs::rename(&file, place.file(OTHER)).unwrap();
    let swapped = place.opened();
    assert!(matches!(swapped, Err(OpenError::Damaged { source: Damage::OtherLog { .. }, .. })));
}

/// Every byte of the kept file changed: it is refused, or says the same.
#[test]
fn no_changed_byte_is_believed() {
    let place = Place::new();
    place.open().add_checkpoint(&request(0, 7), NOW).unwrap();
    let file = place.file(ORIGIN);
    let good = fs::read(&file).unwrap();
    let root = root_of(&leaves(7, 0));
    let mut refused = 0;
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).unwrap();
        match place.opened() {
            Err(OpenError::Damaged { .. }) => refused += 1,
            Ok(witness) => {
                let seen = witness.state.log(&state::origin_hash(ORIGIN)).unwrap().lock().seen;
                assert_eq!(seen, Seen { size: 7, root }, "byte {at}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > good.len() / 2, "only the log's own line is not ours to check: {refused}");
}

/// The rename may have happened or not: nothing is answered until the disk has been read again.
#[test]
fn after_a_failed_write_the_log_stops_until_a_restart() {
    let place = Place::new();
    let witness = place.open();
    witness.add_checkpoint(&request(0, 5), NOW).unwrap();
    let in_the_way = place.file(ORIGIN).with_extension("new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(witness.add_checkpoint(&request(5, 7), NOW), Err(AddError::Write(_))));
    assert!(!witness.is_ready());
    fs::remove_dir(&in_the_way).unwrap();
    assert!(matches!(witness.add_checkpoint(&request(5, 7), NOW), Err(AddError::Stopped)));
    drop(witness);
    let witness = place.open();
    assert!(witness.is_ready());
    assert_eq!(witness.add_checkpoint(&request(5, 7), NOW).unwrap().size, 7);
}

#[test]
fn no_time_is_signed_that_the_clock_does_not_show() {
    let place = Place::new();
    let witness = place.open();
    witness.add_checkpoint(&request(0, 5), NOW).unwrap();
    let behind = witness.add_checkpoint(&request(5, 7), NOW - 1);
    assert!(matches!(behind, Err(AddError::ClockBehind { last: NOW, .. })));
    drop(witness);
    let witness = place.open();
    assert!(witness.add_checkpoint(&request(5, 7), NOW - 1).is_err(), "the time is remembered too");
    assert!(witness.add_checkpoint(&request(5, 7), NOW).is_ok());
}

#[test]
fn a_fork_is_refused_and_kept_as_evidence_once() {
    let place = Place::new();
    let witness = place.open();
    witness.add_checkpoint(&request(0, 7), NOW).unwrap();
    let files = || fs::read_dir(place.data().join("evidence")).unwrap().count();
    // Whatever old size comes with it, and however often.
    for (old, conflict) in [(7, false), (7, false), (5, true)] {
        match witness.add_checkpoint(&request_of(ORIGIN, 1, old, 7), NOW) {
            Err(AddError::Refused(Refusal::Inconsistent(_))) => assert!(!conflict),
            Err(AddError::Refused(Refusal::Conflict { seen: 7, .. })) => assert!(conflict),
            other => panic!("{other:?}"),
        }
        assert_eq!(files(), 2);
    }
    // A longer tree of the other history: its proof cannot hold.
    let longer = witness.add_checkpoint(&request_of(ORIGIN, 1, 7, 12), NOW);
    assert!(matches!(longer, Err(AddError::Refused(Refusal::Inconsistent(_)))));
    assert_eq!(files(), 2, "a wrong proof alone proves nothing");
    assert!(witness.add_checkpoint(&request(7, 9), NOW).is_ok(), "the first history goes on");
    // Both sides are there, also once the log's own file has another.
    let key = SignerKey::from_seed(ORIGIN, &[1; 32]).unwrap().verifier();
    for file in fs::read_dir(place.data().join("evidence")).unwrap() {
        let path = file.unwrap().path();
        let note = Note::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(note.verify(std::slice::from_ref(&key)).is_ok());
        let head = Checkpoint::parse(note.text()).unwrap();
        let history = u8::from(path.extension().is_none());
        assert_eq!((head.size, head.root), (7, root_of(&leaves(7, history))), "{}", path.display());
        assert_eq!(note.verify(&[witness.verifier()]).is_ok(), history == 0, "only one was cosigned");
    }
}

#[test]
fn one_log_does_not_take_another_ones_room_for_evidence() {
    let place = Place::new();
    let witness = place.open();
    witness.add_checkpoint(&request(0, 7), NOW).unwrap();
    let folder = place.data().join("evidence");
    for n in 0..200 {
        fs::write(folder.join(format!("{}-{n:016x}", state::origin_hash(OTHER))), "").unwrap();
    }
    assert!(witness.add_checkpoint(&request_of(ORIGIN, 1, 7, 7), NOW).is_err());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 202);
}

/// Monitors were kept waiting, and with them everybody, while a cosignature was on its way to the disk.
#[test]
fn what_was_cosigned_is_read_while_the_next_is_written() {
    let place = Place::new();
    let witness = place.open();
    witness.add_checkpoint(&request(0, 7), NOW).unwrap();
    let hash = state::origin_hash(ORIGIN);
    let _being_written = witness.state.log(&hash).unwrap().lock();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(witness.latest(&hash)).unwrap());
        let read = receiver.recv_timeout(std::time::Duration::from_secs(20));
        drop(_being_written);
        assert!(read.unwrap().is_some());
    });
}

#[test]
fn a_log_that_is_no_longer_watched_is_not_forgotten() {
    let place = Place::new();
    place.open().add_checkpoint(&request(0, 7), NOW).unwrap();
    let policy = Policy::parse("quorum none\n").unwrap();
    let witness = Witness::open(&place.data(), place.key(), &policy).unwrap();
    assert!(matches!(
        witness.add_checkpoint(&request(7, 9), NOW),
        Err(AddError::Refused(Refusal::UnknownLog))
    ));
    assert!(witness.latest(&state::origin_hash(ORIGIN)).is_some());
    drop(witness);
    let conflict = place.open().add_checkpoint(&request(0, 9), NOW);
    assert!(matches!(conflict, Err(AddError::Refused(Refusal::Conflict { seen: 7, .. }))));
}

#[test]
fn requests_at_once_advance_one_history() {
    let place = Place::new();
    let witness = place.open();
    witness.add_checkpoint(&request(0, 5), NOW).unwrap();
    // From size 5 in both histories and to many sizes, all at once. One may win each size it starts from.
    let cosigned: Vec<(u8, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32_u64)
            .map(|n| {
                let witness = &witness;
                let (history, new) = ((n % 2) as u8, 6 + n / 2);
                scope.spawn(move || {
                    let answer = witness.add_checkpoint(&request_of(ORIGIN, history, 5, new), NOW);
                    answer.is_ok().then_some((history, new))
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(cosigned.len(), 1, "from one size there is one step: {cosigned:?}");
    let kept = witness.latest(&state::origin_hash(ORIGIN)).unwrap();
    let (history, size) = cosigned[0];
    let head = Checkpoint::parse(Note::parse(&kept).unwrap().text()).unwrap();
    assert_eq!((head.size, head.root), (size, root_of(&leaves(size, history))));
}

#[test]
fn keys_are_made_once_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.key");
    assert!(matches!(key::read(&path), Err(key::WitnessKeyError::Missing(_))));
    assert!(matches!(key::create(&path, "two words"), Err(key::WitnessKeyError::Name { .. })));
    let made = key::create(&path, "witness.example.org").unwrap();
    assert_eq!(key::read(&path).unwrap().verifier(), made.verifier());
    assert!(matches!(key::create(&path, "witness.example.org"), Err(key::WitnessKeyError::Io { .. })));
    assert_eq!(key::read(&path).unwrap().verifier(), made.verifier());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(key::read(&path), Err(key::WitnessKeyError::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(&path, "PRIVATE+KEY+x").unwrap();
    assert!(matches!(key::read(&path), Err(key::WitnessKeyError::Malformed { .. })));
}
