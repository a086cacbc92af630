//! What an operator does by command, with the built binary: one server for a directory, an earlier release's directory brought up to
//! date, and a log that caches may keep.

use crate::harness::{CLINIC, Holder, Stack, assent, key, tests_folder, until_so};
use assent_core::decision::Act;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use std::path::Path;
use std::process::Command;

/// Exit code and what was said.
fn runs(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let done = assent(folder, arguments).output().unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (done.status.code(), said.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_directory_does_not_start() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let folder = stack.path("");
    let (code, said) = runs(&folder, &["serve", "--config", "assent.toml"]);
    assert!(code == Some(1) && said.contains("in use by another assent process"), "{code:?}: {said}");
    for command in [&["migrate"][..], &["keys", "rotate"]] {
        let (code, said) = runs(&folder, &[command, &["--config", "assent.toml"]].concat());
        assert!(code == Some(1) && said.contains("in use"), "{command:?}, {code:?}: {said}");
    }
    let decision = api.says(Act::RejectAll).await;
    let answer = api.decides(&Holder::new(), &key(), &decision).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "the first one goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_release_s_directory_is_migrated_by_one_command() {
    let home = tempfile::tempdir().unwrap();
    let packed = tests_folder().join("stores/sled-1.tar.xz");
    let done = Command::new("tar").arg("-xJf").arg(packed).arg("-C").arg(home.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let config =
        "[server]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n[ledger]\nkey_file = \"operator.key\"\n";
    std::fs::write(home.path().join("assent.toml"), config).unwrap();
    let run = |command: &[&str]| runs(home.path(), &[command, &["--config", "assent.toml"]].concat());

    let (code, said) = run(&["serve"]);
    assert!(code == Some(1) && said.contains("assent migrate"), "the way out is named: {code:?}: {said}");
    // Whoever has the log's key, the operator's, and the directory judges it without a server; not before this release can read it.
    let verify = ["verify", "data", "--key", "log.key", "--operator-key", "operator.key", "--json"];
    let (code, said) = runs(home.path(), &verify);
    assert!(code == Some(2) && said.contains("\"holds\":null"), "it is not judged: {code:?}: {said}");
    assert!(said.contains("`data/store`") && said.contains("assent migrate"), "{said}");
    let (code, said) = run(&["migrate"]);
    assert!(code == Some(0) && said.contains("entries migrated"), "{code:?}: {said}");
    let (code, said) = run(&["migrate"]);
    assert!(code == Some(0) && said.contains("nothing to migrate"), "{code:?}: {said}");
    let (code, said) = run(&["fsck", "--site", "clinic"]);
    assert!(code == Some(0) && said.contains("all is well"), "{code:?}: {said}");

    let (code, said) = runs(home.path(), &verify);
    assert!(code == Some(0) && said.contains("\"holds\":true"), "{code:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_says_what_caches_may_keep() {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let decision = api.says(Act::RejectAll).await;
    api.decides(&Holder::new(), &key(), &decision).send().await.unwrap();
    let asks = async |path: &str| api.request(Method::GET, &format!("log/{path}")).send().await.unwrap();
    let kept = "public, max-age=31536000, immutable";
    until_so("a tile of two entries", async || asks("tile/0/000.p/2").await.status() == StatusCode::OK).await;
    for (path, kind, cache) in [
        ("checkpoint", "text/plain; charset=utf-8", "no-cache"),
        ("tile/0/000.p/2", "application/octet-stream", kept),
        ("tile/entries/000.p/2", "application/octet-stream", kept),
    ] {
        let answer = asks(path).await;
        let header = |name| answer.headers()[name].to_str().unwrap();
        assert_eq!((header(CONTENT_TYPE), header(CACHE_CONTROL)), (kind, cache), "{path}");
    }
    // A tile that is not there yet may be there in a moment.
    let missing = asks("tile/0/000").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let cache = missing.headers().get(CACHE_CONTROL).map(|value| value.to_str().unwrap());
    assert!(cache.is_none_or(|cache| cache.contains("no-store")), "{cache:?}");
}
