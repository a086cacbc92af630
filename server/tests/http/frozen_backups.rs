//! Backups as releases wrote them: whatever comes later restores them, with every receipt that was answered then.

use crate::app::{HOLDER, OTHER, TestApp};
use crate::backups::{backs_up, runs};
use crate::people::{asks, by_email, receipt, signs_up};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody who was erased.
const GONE: &str = "CQkJCQkJCQkJCQkJCQkJCQ";

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stores/backup-1.tar.xz")
}

#[tokio::test]
async fn a_backup_of_the_first_format_is_restored_with_every_receipt() {
    is_restored(&frozen()).await;
}

/// `ASSENT_TEST_FREEZE` names the file to keep: how `backup-1.tar.xz` was made. For another format: another name, once before its release.
#[tokio::test]
async fn a_backup_as_it_is_made_today_could_be_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::env::var_os("ASSENT_TEST_FREEZE");
    let file = file.map_or_else(|| folder.path().join("backup.tar.xz"), PathBuf::from);
    assert!(!file.exists(), "what is frozen is not changed");
    freeze(&file).await;
    is_restored(&file).await;
}

async fn is_restored(archive: &Path) {
    let folder = TestApp::empty().stopped();
    let path = folder.path();
    fs::remove_dir_all(path.join("data")).unwrap();
    fs::remove_file(path.join("assent.key")).unwrap();
    let unpacked = Command::new("tar")
        .args(["--no-same-owner", "-xJf"])
        .arg(archive)
        .arg("-C")
        .arg(path)
        .output()
        .unwrap();
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    assert_eq!(runs(path, &["restore", "--list"], 0).lines().count(), 2);
    let said = runs(path, &["restore"], 0);
    assert!(said.contains("all is well"), "{said}");
    let kept: Value = serde_json::from_slice(&fs::read(path.join("said.json")).unwrap()).unwrap();

    let app = TestApp::on(folder);
    let mut met = [0; 3];
    for one in kept.as_array().unwrap() {
        let text = |name: &str| one[name].as_str().unwrap();
        let answer = receipt(&app, text("token"), text("place")).await;
        match text("now") {
            "kept" => {
                assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, text("receipt")));
                met[0] += 1;
            }
            "restricted" => {
                answer.is_problem(409, "restricted");
                met[1] += 1;
            }
            _ => {
                answer.is_problem(404, "not-found");
                met[2] += 1;
            }
        }
    }
    assert_eq!(met, [3, 1, 1], "kept, restricted, erased");
    // And life goes on.
    let decision = app.decision(json!({ "analytics": "no" }));
    assert_eq!(app.decides(&decision, "after-the-restore").await.status, StatusCode::CREATED);
    let checked = asks(&app, "fsck", json!({})).await.json();
    assert_eq!(checked["wrong"], Value::Null, "{checked}");
    assert!(backs_up(&app).await["run"].is_string());
}

async fn freeze(to: &Path) {
    let app = TestApp::new().await;
    let mut said = Vec::new();
    let mut keeps = async |token: &str, place: String, now: &str| {
        let text = receipt(&app, token, &place).await.text();
        said.push(json!({ "token": token, "place": place, "receipt": text, "now": now }));
    };
    let place = signs_up(&app, HOLDER, "ann@example.org").await;
    keeps(HOLDER, place, "kept").await;
    let place = signs_up(&app, OTHER, "bob@example.org").await;
    keeps(OTHER, place, "restricted").await;
    let place = signs_up(&app, GONE, "eve@example.org").await;
    keeps(GONE, place, "erased").await;
    let erase = json!({ "whose": by_email("eve@example.org"), "reason": "asked" });
    assert_eq!(asks(&app, "people/erase", erase).await.json()["records"], 1);
    assert_eq!(asks(&app, "tell-erasures", json!({})).await.text(), "1");
    let site = app.app.sites.all().remove(0);
    site.publication.publish(&site.ledger, "clinic").unwrap();
    drop(site);
    let decided = |answer: &crate::app::Answer| {
        let place = answer.header(axum::http::header::LOCATION);
        place.strip_prefix("https://privacy.example.org").unwrap().to_string()
    };
    let place = decided(&app.records(json!({ "analytics": "yes" })).await);
    keeps(HOLDER, place, "kept").await;
    backs_up(&app).await;
    let place = decided(&app.records(json!({ "analytics": "no", "surveys": "yes" })).await);
    keeps(HOLDER, place, "kept").await;
    let restrict = json!({ "whose": by_email("bob@example.org"), "reason": "dispute-1" });
    assert_eq!(asks(&app, "people/restrict", restrict).await.json()["records"], 1);
    backs_up(&app).await;
    let folder = app.stopped();
    fs::write(folder.path().join("said.json"), serde_json::to_vec_pretty(&said).unwrap()).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "-cJf"]).arg(to).arg("-C").arg(folder.path());
    let done = tar.args(["backups", "assent.key", "said.json"]).status().unwrap();
    assert!(done.success());
}
