//! Backups and the operator's key: everything comes back as it was, to whoever has the key and to nobody else.

use crate::app::{HOLDER, OTHER, STAFF, TestApp, to};
use crate::command_line::{assent, out};
use crate::people::{asks, by_email, receipt, signs_up};
use crate::staff::staff;
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use server::operator_key::OperatorKey;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) async fn backs_up(app: &TestApp) -> Value {
    let answer = staff(app, Method::POST, "/v1/backup", "application/json", String::new()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// Runs a command; its exit code must be this.
#[track_caller]
pub(crate) fn runs(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = assent(folder, arguments);
    let said = out(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test]
async fn a_backup_becomes_the_data_directory_again() {
    let app = TestApp::new().await;
    let hers = signs_up(&app, HOLDER, "ann@example.org").await;
    let before = receipt(&app, HOLDER, &hers).await.text();
    let first = backs_up(&app).await;
    let later = signs_up(&app, OTHER, "bob@example.org").await;
    let second = backs_up(&app).await;
    assert!(first["run"].as_str() < second["run"].as_str());
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("assent_backup_failed 0"), "{metrics}");
    let folder = app.stopped();
    let path = folder.path();

    let listed = runs(path, &["restore", "--list"], 0);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    // The newest, and nothing is written over.
    assert!(runs(path, &["restore"], 1).contains("is not empty"));
    assert!(runs(path, &["restore", "--dry-run"], 0).contains("can be restored"));
    fs::rename(path.join("data"), path.join("lost")).unwrap();
    let said = runs(path, &["restore"], 0);
    assert!(said.contains("all is well") && said.contains("Erase again"), "{said}");
    let app = TestApp::on(folder);
    assert_eq!(receipt(&app, HOLDER, &hers).await.text(), before);
    assert_eq!(receipt(&app, OTHER, &later).await.status, StatusCode::OK);
    app.records(json!({ "analytics": "yes" })).await;
    let folder = app.stopped();
    let path = folder.path();

    // An older one: what came later is not in it.
    fs::remove_dir_all(path.join("data")).unwrap();
    runs(path, &["restore", "--run", first["run"].as_str().unwrap()], 0);
    let app = TestApp::on(folder);
    assert_eq!(receipt(&app, HOLDER, &hers).await.text(), before);
    receipt(&app, OTHER, &later).await.is_problem(404, "not-found");
    let folder = app.stopped();
    assert!(runs(folder.path(), &["restore", "--run", "yesterday"], 1).contains("no backup `yesterday`"));
    assert!(runs(folder.path(), &["backup"], 1).contains("--fewer"), "what came later is still in a backup");
    assert!(runs(folder.path(), &["backup", "--fewer"], 0).contains("entries"));
}

#[tokio::test]
async fn nobody_reads_a_backup_without_the_key_or_changes_it_unseen() {
    let app = TestApp::new().await;
    signs_up(&app, HOLDER, "ann@example.org").await;
    let run = backs_up(&app).await;
    let folder = app.stopped();
    let path = folder.path();
    let backups = files(&path.join("backups"));
    assert!(backups.len() > 5, "{backups:?}");
    for file in &backups {
        let bytes = fs::read(file).unwrap();
        for clear in ["ann@example.org", "clinic", "analytics", "privacy.example"] {
            assert!(!contains(&bytes, clear), "{clear} in {}", file.display());
        }
    }
    fs::rename(path.join("data"), path.join("lost")).unwrap();
    // What a run names in clear is for letting go of it, and nothing is restored by it.
    let in_clear =
        |file: &&PathBuf| file.ends_with("lock") || file.extension().is_some_and(|kind| kind == "parts");
    for file in backups.iter().filter(|file| !in_clear(file)) {
        let good = fs::read(file).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        fs::write(file, &bad).unwrap();
        let said = runs(path, &["restore"], 1);
        assert!(said.contains("damaged"), "{}: {said}", file.display());
        if path.join("data").exists() {
            // What was begun is opened by nobody.
            assert!(runs(path, &["fsck"], 1).contains("restore that was cut short"));
            fs::remove_dir_all(path.join("data")).unwrap();
        }
        fs::write(file, &good).unwrap();
    }
    // Another key opens nothing, and no key is drawn for a restore.
    fs::rename(path.join("assent.key"), path.join("mine")).unwrap();
    assert!(runs(path, &["restore"], 1).contains("is missing"));
    let key_file = path.join("assent.key");
    fs::write(&key_file, OperatorKey::draw().unwrap().to_text().as_bytes()).unwrap();
    fs::set_permissions(&key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(runs(path, &["restore"], 1).contains("no backup that was made with this operator's key"));
    fs::rename(path.join("mine"), path.join("assent.key")).unwrap();
    assert!(runs(path, &["restore"], 0).contains(run["run"].as_str().unwrap()));
}

#[tokio::test]
async fn backups_forget() {
    let app = TestApp::new().await;
    let hers = signs_up(&app, HOLDER, "ann@example.org").await;
    let record = receipt(&app, HOLDER, &hers).await.json()["record"].as_str().unwrap().to_string();
    let first = backs_up(&app).await["run"].as_str().unwrap().to_string();
    let erase = json!({ "whose": by_email("ann@example.org"), "reason": "asked" });
    assert_eq!(asks(&app, "people/erase", erase).await.json()["records"], 1);
    let backups = app.path("backups");
    let of_run = |run: &str| files(&backups).into_iter().find(|file| file.ends_with(format!("{run}.run")));
    let mut before = files(&backups);
    backs_up(&app).await;
    assert!(before.iter().all(|file| file.exists()), "the first is young");
    // It grows old: by its name, which is all that is looked at.
    let file = of_run(&first).unwrap();
    fs::rename(&file, file.with_file_name("2026-01-01T030000.000Z.run")).unwrap();
    let third = backs_up(&app).await;
    assert!(third["removed"].as_u64() > Some(0));
    assert!(!files(&backups).iter().any(|file| file.to_string_lossy().contains("2026-01-01")));
    before.retain(|file| file.exists());
    let left = |kind: &str| before.iter().filter(|file| file.to_string_lossy().contains(kind)).count();
    // Her secret was in the one part of secrets that there was.
    assert_eq!((left("/keys/"), left(".run")), (1, 0), "{before:?}");

    // What the newest run makes has nothing of her: not her record, not her address, not the id that both were found by.
    let folder = app.stopped();
    fs::rename(folder.path().join("data"), folder.path().join("lost")).unwrap();
    runs(folder.path(), &["restore"], 0);
    let subject = SubjectToken::parse(HOLDER).unwrap().id();
    for file in files(&folder.path().join("data")) {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(16).any(|window| window == subject.0);
        assert!(!found && !contains(&bytes, "ann@example.org") && !contains(&bytes, &record), "{file:?}");
    }
    let app = TestApp::on(folder);
    assert_eq!(receipt(&app, HOLDER, &hers).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_new_key_takes_the_old_ones_place() {
    let app = TestApp::new().await;
    let hers = signs_up(&app, HOLDER, "ann@example.org").await;
    let before = receipt(&app, HOLDER, &hers).await.text();
    backs_up(&app).await;
    assert!(runs(app.folder.path(), &["keys", "rotate"], 1).contains("in use"));
    let folder = app.stopped();
    let path = folder.path();
    let key = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    let old = key("assent.key");
    let said = runs(path, &["keys", "rotate"], 0);
    assert!(said.contains("clinic: ") && said.contains("under the new key"), "{said}");
    assert_ne!(key("assent.key"), old);
    let kept = files(path).into_iter().find(|file| file.to_string_lossy().contains(".until-")).unwrap();
    assert_eq!(fs::read_to_string(&kept).unwrap(), old);
    runs(path, &["fsck"], 0);
    // The old one opens old backups, and the data no more.
    assert_eq!(runs(path, &["--config", "assent.toml", "restore", "--list"], 1).lines().count(), 1);
    let with_old = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_assent"));
        let command = command.env_clear().env("ASSENT_LEDGER_KEY", old.trim());
        command.current_dir(path).args(arguments).output().unwrap()
    };
    assert_eq!(with_old(&["restore", "--list"]).status.code(), Some(0));
    assert_eq!(with_old(&["fsck"]).status.code(), Some(1));
    let shown = out(&with_old(&["config"]));
    assert!(!shown.contains(old.trim()), "{shown}");
    // Cut short: the new key waits, nothing starts, and the same command goes on with it.
    let next = OperatorKey::draw().unwrap().to_text();
    let waiting = path.join("assent.key.next");
    fs::write(&waiting, next.as_bytes()).unwrap();
    fs::set_permissions(&waiting, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(runs(path, &["fsck"], 1).contains("run `assent keys rotate` again"));
    runs(path, &["keys", "rotate"], 0);
    assert!(key("assent.key") == *next && !waiting.exists());
    // Keys that do not open are named before a new key waits, so that what started goes on starting. Those of a log that was never
    // begun are none.
    let foreign = path.join("data/keys/elsewhere");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("log.keys"), b"of another instance").unwrap();
    let said = runs(path, &["keys", "rotate"], 1);
    assert!(said.contains("no secret was changed") && said.contains("data/keys/elsewhere"), "{said}");
    assert!(key("assent.key") == *next && !waiting.exists());
    runs(path, &["fsck"], 0);
    fs::remove_file(foreign.join("log.keys")).unwrap();
    // What fails later leaves some under one key and some under the other.
    let in_the_way = path.join("data/keys/clinic/subjects-00001.keys");
    fs::create_dir(&in_the_way).unwrap();
    let said = runs(path, &["keys", "rotate"], 1);
    assert!(said.contains("keep both keys") && waiting.exists(), "{said}");
    fs::remove_dir(&in_the_way).unwrap();
    runs(path, &["keys", "rotate"], 0);
    // The next rotation of a day leaves the old keys of those before where they are.
    let kept = files(path).into_iter().filter(|file| file.to_string_lossy().contains(".until-"));
    let kept: Vec<_> = kept.map(|file| fs::read_to_string(file).unwrap()).collect();
    assert!(kept.contains(&old) && kept.len() == 3, "{} keys", kept.len());
    let app = TestApp::on(folder);
    assert_eq!(receipt(&app, HOLDER, &hers).await.text(), before);
}

#[tokio::test]
async fn the_key_may_come_from_a_command_and_then_stays_the_operators() {
    let folder = TestApp::new().await.stopped();
    let path = folder.path();
    let config = |more: &str| {
        let text = format!("[server]\ndata_dir = \"data\"\n[ledger]\n{more}\n[staff]\ntoken_sha256 = \"\"\n");
        fs::write(path.join("assent.toml"), text).unwrap();
    };
    fs::rename(path.join("assent.key"), path.join("vault")).unwrap();
    config("key_command = \"cat vault\"");
    runs(path, &["fsck"], 0);
    assert!(runs(path, &["keys", "rotate"], 1).contains("assent keys new"));
    fs::write(path.join("new"), runs(path, &["keys", "new"], 0)).unwrap();
    fs::set_permissions(path.join("new"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(runs(path, &["keys", "rotate", "--to", "new"], 0).contains("before the next start"));
    assert!(runs(path, &["fsck"], 1).contains("key"));
    config("key_command = \"cat new\"");
    runs(path, &["fsck"], 0);
    config("key_command = \"false\"");
    assert!(runs(path, &["fsck"], 1).contains("gave no key"));
    config("key = \"AAAA\"\nkey_command = \"cat new\"");
    assert!(runs(path, &["fsck"], 2).contains("keep one"));
}

#[tokio::test]
async fn a_backup_is_staffs_work() {
    let app = TestApp::new().await;
    let request = to(Method::POST, "/v1/backup").body(Body::empty()).unwrap();
    app.ask(request).await.is_problem(401, "unauthorised");
    assert!(!app.path("backups").exists() && STAFF.len() > 20);
}
