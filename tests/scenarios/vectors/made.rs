//! The vectors that Python made without any code of ours: every case of every file in `vectors/made` is judged as it says.
//!
//! What each file holds is described in `vectors/README.md`.

use super::read;
use crate::harness::{offline, python, tests_folder};
use assent_core::checkpoint::{Checkpoint, CheckpointVerifyError};
use assent_core::commitment::{Leaf, Salt};
use assent_core::export_format::ExportVerifier;
use assent_core::hash::{Hash, hex_decode, sha256};
use assent_core::merkle::{CompactTree, leaf_hash, root_of, verify_consistency, verify_inclusion};
use assent_core::note::{Note, NoteVerifyError, VerifierKey};
use assent_core::proof::TlogProof;
use assent_core::receipt::Receipt;
use assent_core::tile::{TilePath, decode_bundle, decode_hashes, encode_bundle, encode_hashes, tiles_at};
use serde::Deserialize;
use serde_json::Value;
use std::fs;

fn base64(text: &str) -> Hash {
    Hash::from_base64(text).unwrap()
}

fn all(list: &[String]) -> Vec<Hash> {
    list.iter().map(|text| base64(text)).collect()
}

fn key(text: &str) -> VerifierKey {
    VerifierKey::parse(text).unwrap()
}

#[test]
fn made_again_they_are_the_same() {
    let script = tests_folder().join("vectors/make.py");
    let Some(mut make) = python(&script, "making the vectors again") else { return };
    let folder = tempfile::tempdir().unwrap();
    let done = make.arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut count = 0;
    for entry in fs::read_dir(tests_folder().join("vectors/made")).unwrap() {
        let name = entry.unwrap().file_name();
        let ours = fs::read(tests_folder().join("vectors/made").join(&name)).unwrap();
        let again = fs::read(folder.path().join(&name)).unwrap();
        assert!(ours == again, "{} is not what make.py makes", name.display());
        count += 1;
    }
    assert_eq!(count, fs::read_dir(folder.path()).unwrap().count(), "make.py makes a file that is not kept");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaves {
    leaves: Vec<GoodLeaf>,
    bad: Vec<BadLeaf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoodLeaf {
    what: String,
    r#type: u8,
    origin: Option<String>,
    content: String,
    salt: Option<String>,
    leaf: String,
    hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BadLeaf {
    what: String,
    leaf: String,
}

#[test]
fn leaves() {
    let Leaves { leaves, bad } = read("made/leaves.json");
    for case in leaves {
        let content = case.content.as_bytes();
        let origin = case.origin.unwrap_or_default();
        let salt = case.salt.map(|salt| Salt::from_slice(&hex_decode(&salt).unwrap()).unwrap());
        let leaf = match (case.r#type, &salt) {
            (1, Some(salt)) => Leaf::event(&origin, content, salt),
            (2, None) => Leaf::notice(content),
            (3, Some(salt)) => Leaf::erasure_summary(&origin, content, salt),
            (4, Some(salt)) => Leaf::purge_summary(&origin, content, salt),
            (5, None) => Leaf::change(content),
            other => panic!("{}: {other:?}", case.what),
        };
        let bytes = hex_decode(&case.leaf).unwrap();
        assert_eq!(leaf.to_bytes().as_slice(), bytes, "{}", case.what);
        assert_eq!(leaf.hash().to_hex(), case.hash, "{}", case.what);
        assert_eq!(Leaf::parse(&bytes), Ok(leaf), "{}", case.what);
    }
    for case in bad {
        assert!(Leaf::parse(&hex_decode(&case.leaf).unwrap()).is_err(), "{}", case.what);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    leaf_hashes: Vec<String>,
    roots: Vec<String>,
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inclusion {
    what: String,
    index: u64,
    size: u64,
    leaf: String,
    path: Vec<String>,
    root: String,
    holds: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consistency {
    what: String,
    old: u64,
    old_root: String,
    new: u64,
    new_root: String,
    proof: Vec<String>,
    holds: bool,
}

#[test]
fn trees_and_proofs() {
    let Tree { leaf_hashes, roots, inclusion, consistency } = read("made/tree.json");
    let (hashes, roots) = (all(&leaf_hashes), all(&roots));
    let mut tree = CompactTree::new();
    for (size, root) in roots.iter().enumerate() {
        assert_eq!((tree.root(), root_of(&hashes[..size])), (*root, *root), "size {size}");
        hashes.get(size).into_iter().for_each(|leaf| tree.append(*leaf));
    }
    let counted =
        |holds: &[bool]| (holds.iter().filter(|it| **it).count(), holds.iter().filter(|it| !**it).count());
    let holds: Vec<bool> = inclusion.iter().map(|case| case.holds).collect();
    assert_eq!(counted(&holds).0, 20 * 21 / 2, "every leaf of every tree");
    assert!(counted(&holds).1 > 200);
    for Inclusion { what, index, size, leaf, path, root, holds } in inclusion {
        let found = verify_inclusion(index, size, &base64(&leaf), &all(&path), &base64(&root));
        assert_eq!(found.is_ok(), holds, "leaf {index} of {size}: {what}: {found:?}");
    }
    let holds: Vec<bool> = consistency.iter().map(|case| case.holds).collect();
    assert_eq!(counted(&holds).0, 21 * 22 / 2, "every two sizes");
    assert!(counted(&holds).1 > 200);
    for Consistency { what, old, old_root, new, new_root, proof, holds } in consistency {
        let found = verify_consistency(old, &base64(&old_root), new, &base64(&new_root), &all(&proof));
        assert_eq!(found.is_ok(), holds, "{old} to {new}: {what}: {found:?}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    known: Vec<String>,
    keys: Vec<KeyCase>,
    notes: Vec<NoteCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyCase {
    vkey: String,
    outcome: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteCase {
    what: String,
    note: String,
    outcome: String,
}

#[test]
fn notes_and_their_keys() {
    let Notes { known, keys, notes } = read("made/notes.json");
    for KeyCase { vkey, outcome } in keys {
        let found = VerifierKey::parse(&vkey);
        assert_eq!(found.is_ok(), outcome == "good", "{outcome}: {vkey}: {found:?}");
        if let Ok(key) = found {
            assert_eq!(key.to_string(), vkey);
        }
    }
    let known: Vec<VerifierKey> = known.iter().map(|text| key(text)).collect();
    for NoteCase { what, note, outcome } in notes {
        let parsed = Note::parse(&note);
        if let Ok(parsed) = &parsed {
            assert_eq!(parsed.to_string(), note, "{what}");
        }
        let found = match parsed.map(|note| note.verify(&known)) {
            Err(_) => "malformed",
            Ok(Err(NoteVerifyError::NoKnownKey)) => "no-known-key",
            Ok(Err(NoteVerifyError::WrongSignature { .. })) => "wrong-signature",
            Ok(other) => other.map_or("another error", |_| "good"),
        };
        assert_eq!(found, outcome, "{what}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoints {
    key: String,
    witnesses: Vec<String>,
    checkpoints: Vec<CheckpointCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointCase {
    what: String,
    note: String,
    outcome: String,
    cosignatures: Option<Vec<(String, u64)>>,
}

#[test]
fn checkpoints_and_cosignatures() {
    let Checkpoints { key: log, witnesses, checkpoints } = read("made/checkpoints.json");
    let log = key(&log);
    let witnesses: Vec<VerifierKey> = witnesses.iter().map(|text| key(text)).collect();
    for CheckpointCase { what, note, outcome, cosignatures } in checkpoints {
        let checked = Checkpoint::verify(&note, &log);
        let found = match &checked {
            Ok(_) => "good",
            Err(CheckpointVerifyError::Note(_)) => "malformed",
            Err(CheckpointVerifyError::Signature(NoteVerifyError::NoKnownKey)) => "signature-missing",
            Err(CheckpointVerifyError::Signature(_)) => "signature-wrong",
            Err(CheckpointVerifyError::Checkpoint(_)) => "not-a-checkpoint",
            Err(CheckpointVerifyError::OriginMismatch { .. }) => "origin-mismatch",
            Err(other) => panic!("{what}: {other}"),
        };
        assert_eq!(found, outcome, "{what}");
        let Ok(signed) = checked else { continue };
        assert_eq!(
            (signed.note().to_string(), signed.checkpoint().to_string().as_str()),
            (note, signed.note().text())
        );
        let times = signed.cosignatures(&witnesses).ok().map(|lines| {
            lines.into_iter().map(|line| (line.name, line.time.unwrap())).collect::<Vec<(String, u64)>>()
        });
        assert_eq!(times, cosignatures, "{what}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tiles {
    good: Vec<GoodPath>,
    bad: Vec<String>,
    tree_of_70000: BigTree,
    bundles: Vec<BundleCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoodPath {
    path: String,
    level: Value,
    n: String,
    width: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BigTree {
    #[serde(rename = "entry")]
    _entry: String,
    root: String,
    tiles: Vec<BigTile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BigTile {
    path: String,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleCase {
    what: String,
    width: u16,
    bytes: String,
    entries: Option<Vec<String>>,
}

#[test]
fn tiles_and_bundles() {
    let Tiles { good, bad, tree_of_70000, bundles } = read("made/tiles.json");
    for GoodPath { path, level, n, width } in good {
        let parsed = TilePath::parse(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (found, index, found_width) = match parsed {
            TilePath::Hashes(tile) => (Value::from(tile.level), tile.index, tile.width),
            TilePath::Entries(bundle) => (Value::from("entries"), bundle.index, bundle.width),
        };
        assert_eq!((found, index.to_string(), found_width), (level, n, width), "{path}");
        assert_eq!(parsed.to_string(), path);
    }
    for path in bad {
        assert!(TilePath::parse(&path).is_err(), "{path}");
    }

    let leaves: Vec<Hash> = (0..70_000).map(|i| leaf_hash(format!("entry {i}").as_bytes())).collect();
    assert_eq!(root_of(&leaves).to_base64(), tree_of_70000.root);
    let mut levels = vec![leaves];
    while let Some(below) = levels.last().filter(|below| below.len() >= 256) {
        levels.push(below.chunks_exact(256).map(root_of).collect());
    }
    let made: Vec<(String, String)> = tiles_at(70_000)
        .map(|tile| {
            let start = usize::try_from(tile.index).unwrap() * 256;
            let items = &levels[usize::from(tile.level)][start..start + usize::from(tile.width)];
            let content = encode_hashes(items);
            assert_eq!(decode_hashes(&content, tile.width).unwrap(), items);
            (tile.to_string(), sha256(&content).to_hex())
        })
        .collect();
    let expected: Vec<(String, String)> =
        tree_of_70000.tiles.into_iter().map(|tile| (tile.path, tile.sha256)).collect();
    assert_eq!(made, expected);

    for BundleCase { what, width, bytes, entries } in bundles {
        let bytes = hex_decode(&bytes).unwrap();
        let found = decode_bundle(&bytes, width).ok();
        let entries: Option<Vec<Vec<u8>>> =
            entries.map(|list| list.iter().map(|entry| hex_decode(entry).unwrap()).collect());
        let slices = entries.as_ref().map(|list| list.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(found, slices, "{what}");
        if let Some(entries) = entries {
            assert_eq!(encode_bundle(&entries).unwrap(), bytes, "{what}");
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proofs {
    key: String,
    leaf_hash: Hash,
    leaf_hash_of_the_tree_of_one: Hash,
    proofs: Vec<ProofCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofCase {
    what: String,
    proof: String,
    outcome: String,
}

#[test]
fn tlog_proofs() {
    let Proofs { key: log, leaf_hash, leaf_hash_of_the_tree_of_one, proofs } = read("made/proofs.json");
    let log = key(&log);
    for ProofCase { what, proof, outcome } in proofs {
        let leaf = if what == "of a tree of one" { &leaf_hash_of_the_tree_of_one } else { &leaf_hash };
        let found = match TlogProof::parse(&proof) {
            Err(_) => "malformed",
            Ok(parsed) => {
                assert_eq!(parsed.to_string(), proof, "{what}");
                parsed.verify(leaf, &log).map_or("refused", |_| "good")
            }
        };
        assert_eq!(found, outcome, "{what}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MadeReceipts {
    pub(crate) key: String,
    pub(crate) another_key: String,
    pub(crate) receipts: Vec<ReceiptCase>,
    pub(crate) without_a_trusted_key: Vec<ReceiptCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptCase {
    pub(crate) what: String,
    pub(crate) receipt: String,
    pub(crate) outcome: String,
}

impl MadeReceipts {
    pub(crate) fn read() -> Self {
        read("made/receipts.json")
    }
}

#[test]
fn receipts() {
    let made = MadeReceipts::read();
    let log = key(&made.key);
    let judged = |text: &str, trusted: Option<&VerifierKey>| {
        Receipt::parse(text)
            .and_then(|receipt| receipt.verify(trusted))
            .map_or_else(|error| error.code(), |_| "good")
    };
    let mut codes = std::collections::BTreeSet::new();
    for case in &made.receipts {
        assert_eq!(judged(&case.receipt, Some(&log)), case.outcome, "{}", case.what);
        codes.insert(case.outcome.as_str());
    }
    for case in &made.without_a_trusted_key {
        assert_eq!(judged(&case.receipt, None), case.outcome, "{}", case.what);
        codes.insert(case.outcome.as_str());
    }
    assert_eq!(codes.len(), 15, "`good` and each way a receipt can be bad: {codes:?}");
    assert_eq!(judged(&made.receipts[0].receipt, Some(&key(&made.another_key))), "key-not-trusted");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exports {
    key: String,
    size: u64,
    first: u64,
    end: u64,
    records: u64,
    notices: u64,
    withheld: u64,
    edits: Vec<ExportCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportCase {
    what: String,
    edits: Vec<Vec<Value>>,
    outcome: String,
    line: Option<u64>,
    index: Option<u64>,
}

/// Carries out the edits as `vectors/README.md` describes them.
fn edited(good: &[String], edits: &[Vec<Value>]) -> Vec<String> {
    let mut lines = good.to_vec();
    for edit in edits {
        let at = |place: usize| usize::try_from(edit[place].as_u64().unwrap()).unwrap() - 1;
        let text = |place: usize| edit[place].as_str().unwrap();
        match text(0) {
            "drop" => drop(lines.remove(at(1))),
            "double" => lines.insert(at(1), lines[at(1)].clone()),
            "swap" => lines.swap(at(1), at(2)),
            "cut" => lines.truncate(at(1) + 1),
            "line" => lines[at(1)] = text(2).to_string(),
            "replace" => {
                assert!(lines[at(1)].contains(text(2)), "nothing to replace: {edit:?}");
                lines[at(1)] = lines[at(1)].replacen(text(2), text(3), 1);
            }
            other => panic!("no such edit: {other}"),
        }
    }
    lines
}

#[test]
fn exports() {
    let made: Exports = read("made/exports.json");
    let text = fs::read_to_string(tests_folder().join("vectors/made/export.ndjson")).unwrap();
    let good: Vec<String> = text.lines().map(String::from).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.ndjson");
    for ExportCase { what, edits, outcome, line, index } in made.edits {
        let lines = edited(&good, &edits);
        let mut verifier = ExportVerifier::new(Some(key(&made.key)));
        let fault =
            lines.iter().find_map(|line| verifier.line(line).err()).map_or_else(|| verifier.finish(), Err);
        match fault {
            Ok(summary) => {
                assert_eq!("good", outcome, "{what}");
                let counted =
                    (summary.first, summary.end, summary.records, summary.notices, summary.withheld);
                assert_eq!(counted, (made.first, made.end, made.records, made.notices, made.withheld));
                assert_eq!(summary.checkpoint.checkpoint().size, made.size);
            }
            Err(fault) => {
                assert_eq!(
                    (fault.code(), Some(fault.line), fault.index),
                    (outcome.as_str(), line, index),
                    "{what}"
                );
            }
        }
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let program = offline(&["verify", file.to_str().unwrap(), "--key", &made.key]);
        assert_eq!(program.status.success(), outcome == "good", "{what}");
    }
}
