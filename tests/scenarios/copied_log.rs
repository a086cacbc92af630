//! The log's public files, copied as any mirror would: checked by `assent verify`, and by a verifier that is not ours.

use crate::harness::{CLINIC, Holder, Part, Stack, offline, python, tests_folder, until_so};
use assent_core::checkpoint::Checkpoint;
use assent_core::decision::Act;
use assent_core::tile::{Bundle, tiles_at};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Enough people for a full tile and a part of the next.
const PEOPLE: usize = 300;

async fn many_decide(stack: &Stack) {
    let api = stack.api(CLINIC);
    let body = api.says(Act::RejectAll).await;
    for _ in 0..PEOPLE / 20 {
        let twenty: Vec<_> = (0..20)
            .map(|_| {
                let request = api.decides(&Holder::new(), &crate::harness::key(), &body);
                tokio::spawn(async move { request.send().await.unwrap().status() })
            })
            .collect();
        for one in twenty {
            assert_eq!(one.await.unwrap(), 201);
        }
    }
}

/// Copies every file that the checkpoint's size asks for.
pub(crate) async fn copy(stack: &Stack, folder: &Path) -> Checkpoint {
    let api = stack.api(CLINIC);
    let take = async |path: &str| {
        let answer = api.get(&format!("log/{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, answer.bytes().await.unwrap()).unwrap();
    };
    take("checkpoint").await;
    let note = fs::read_to_string(folder.join("checkpoint")).unwrap();
    let head = Checkpoint::verify(&note, &api.log_key().await).unwrap().checkpoint().clone();
    for tile in tiles_at(head.size) {
        take(&tile.to_string()).await;
        if tile.level == 0 {
            take(&Bundle { index: tile.index, width: tile.width }.to_string()).await;
        }
    }
    head
}

fn verdict(folder: &Path, more: &[&str]) -> (i32, Value) {
    let output = offline(&[&["verify", "--json", folder.to_str().unwrap()][..], more].concat());
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_log_is_checked_by_us_and_by_a_stranger() {
    let stack = Stack::starts().await;
    many_decide(&stack).await;
    let key = stack.api(CLINIC).log_key().await.to_string();
    let kept = tempfile::tempdir().unwrap();
    let head = copy(&stack, kept.path()).await;
    assert!(head.size > 300, "{}", head.size);
    let (code, said) = verdict(kept.path(), &["--key", &key]);
    assert_eq!(
        (code, said["size"].as_u64(), said["key_pinned"].as_bool()),
        (0, Some(head.size), Some(true)),
        "{said:#}"
    );
    let (code, said) = verdict(kept.path(), &[]);
    assert_eq!((code, said["signature_checked"].as_bool()), (0, Some(false)), "{said:#}");

    // A stranger's program reads the running log, and the copy.
    let script = tests_folder().join("scenarios/read_log.py");
    let stranger = |source: &str| {
        let what = "reading the log by a tlog-tiles verifier that is not ours";
        let done = python(&script, what)?.args([source, key.as_str()]).output().unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        Part::Python.is_here(done.status.code() != Some(3), &format!("{what} ({said})"));
        Some((done.status.code(), said))
    };
    for source in [stack.address(&format!("/v1/{CLINIC}/log")), kept.path().to_str().unwrap().to_string()] {
        if let Some((code, said)) = stranger(&source) {
            assert_eq!(code, Some(0), "{said}");
            assert!(said.trim_end().ends_with(&format!("/v1/{CLINIC}/log {}", head.size)), "{said}");
        }
    }

    // Any file that differs is named, by us and by them.
    let tile = format!("tile/0/001.p/{}", head.size - 256);
    for (path, code) in [
        ("checkpoint", "checkpoint-signature-wrong"),
        ("tile/0/000", "tile-differs"),
        (tile.as_str(), "tile-differs"),
        ("tile/1/000.p/1", "tile-differs"),
        ("tile/entries/000", "tile-differs"),
    ] {
        let good = fs::read(kept.path().join(path)).unwrap();
        let mut bad = good.clone();
        // A letter of the origin, or any byte of a hash or leaf.
        bad[good.len() / 2 % 20 + 3] ^= 1;
        fs::write(kept.path().join(path), &bad).unwrap();
        let (exit, said) = verdict(kept.path(), &["--key", &key]);
        assert_eq!(exit, 1, "{path}: {said:#}");
        assert!(
            [code, "checkpoint-malformed", "origin-mismatch"].contains(&said["code"].as_str().unwrap()),
            "{path}: {said:#}"
        );
        if let Some((theirs, said)) = stranger(kept.path().to_str().unwrap()) {
            assert_ne!(theirs, Some(0), "{path}: {said}");
        }
        fs::remove_file(kept.path().join(path)).unwrap();
        let (exit, said) = verdict(kept.path(), &["--key", &key]);
        let expected =
            if path == "checkpoint" { (2, Some("not-judged")) } else { (1, Some("log-file-missing")) };
        assert_eq!((exit, said["code"].as_str()), expected, "{path}: {said:#}");
        fs::write(kept.path().join(path), good).unwrap();
    }
    assert_eq!(verdict(kept.path(), &["--key", &key]).0, 0);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_is_checked_with_and_without_the_operators_key() {
    let mut stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let key = api.log_key().await.to_string();
    api.records(&Holder::new(), &api.says(Act::AcceptAll).await).await;
    let data = stack.data();
    assert_eq!(verdict(&data, &[]).0, 2, "a running server's data cannot be judged");
    stack.assent_is_killed();
    let old = stack.path("store.old");
    copy_folder(&data.join("store"), &old);
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    for _ in 0..3 {
        api.records(&Holder::new(), &api.says(Act::RejectAll).await).await;
    }
    let leaves = Holder::new();
    let newest = api.records(&leaves, &api.says(Act::RejectAll).await).await.verify(None).unwrap();
    stack.runs_well(&["people", "erase", "--site", CLINIC, "--subject", &leaves.0.id().to_string()]);
    // The checkpoint's own file follows answers by some milliseconds; without the key, only what it covers can be judged.
    let root = newest.checkpoint().root.to_base64();
    until_so("the newest checkpoint to be in its own file", async || {
        let file = fs::read(data.join("checkpoints").join(CLINIC)).unwrap();
        file.windows(root.len()).any(|window| window == root.as_bytes())
    })
    .await;
    stack.assent_is_killed();

    let operator = stack.path("assent.key");
    let operator = ["--operator-key", operator.to_str().unwrap()];
    let site = |said: &Value, name: &str| {
        said["sites"].as_array().unwrap().iter().find(|site| site["site"] == name).unwrap().clone()
    };
    for (more, records, sealed) in [
        (vec![], 0, 4),
        (operator.to_vec(), 4, 0),
        ([&operator[..], &["--key", key.as_str()][..]].concat(), 4, 0),
    ] {
        let (code, said) = verdict(&data, &more);
        // The charity's log has another key than the one that is given.
        let expected = i32::from(more.contains(&"--key"));
        assert_eq!(code, expected, "{more:?}: {said:#}");
        let clinic = site(&said, CLINIC);
        let counts = ["records", "sealed", "gone"].map(|name| clinic[name].as_u64().unwrap());
        assert_eq!(counts, [records, sealed, 1], "{more:?}: {said:#}");
    }
    // An older store under a newer checkpoint.
    fs::rename(data.join("store"), stack.path("store.new")).unwrap();
    copy_folder(&old, &data.join("store"));
    for (more, code) in [(&[][..], "entry-wrong"), (&operator[..], "log-unopened")] {
        let (exit, said) = verdict(&data, more);
        assert_eq!((exit, site(&said, CLINIC)["code"].as_str()), (1, Some(code)), "{said:#}");
        assert_eq!(site(&said, crate::harness::CHARITY)["holds"], true, "{said:#}");
    }
    fs::remove_dir_all(data.join("store")).unwrap();
    fs::rename(stack.path("store.new"), data.join("store")).unwrap();
    // Another log's checkpoint.
    let checkpoints = data.join("checkpoints");
    fs::copy(checkpoints.join(crate::harness::CHARITY), checkpoints.join(CLINIC)).unwrap();
    let (exit, said) = verdict(&data, &[]);
    assert_eq!((exit, site(&said, CLINIC)["holds"].as_bool()), (1, Some(false)), "{said:#}");
}
