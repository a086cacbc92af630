//! Good backups stay good, whatever is damaged or lost beside them: it is mended or named, and pushes nothing out.

use crate::app::{HOLDER, OTHER, SITE, TestApp};
use crate::backups::{backs_up, files, runs};
use crate::command_line::out;
use crate::people::signs_up;
use crate::rolled_back::copy;
use crate::staff::staff;
use axum::http::Method;
use serde_json::json;
use std::fs;
use std::path::Path;

fn damages(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_part_is_written_anew_and_a_damaged_run_is_named() {
    let app = TestApp::new().await;
    signs_up(&app, HOLDER, "ann@example.org").await;
    let first = backs_up(&app).await["run"].as_str().unwrap().to_string();
    let (all, is_run) =
        (files(&app.path("backups")), |file: &Path| file.extension().is_some_and(|kind| kind == "run"));
    for part in all.iter().filter(|file| file.extension().is_none() && !file.ends_with("lock")) {
        damages(part);
    }
    backs_up(&app).await;
    damages(all.iter().find(|file| is_run(file)).unwrap());
    assert_eq!(backs_up(&app).await["damaged"], json!([first]));
    let folder = app.stopped();
    let path = folder.path();
    let listed = runs(path, &["restore", "--list"], 1);
    assert!(listed.contains(&format!("{first}  DAMAGED")) && listed.lines().count() == 3, "{listed}");
    assert!(runs(path, &["restore", "--dry-run"], 0).contains("can be restored"));
    // Where there is no room to try it, it says why.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_assent"));
    command.env_clear().env("TMPDIR", path.join("assent.toml")).current_dir(path);
    let output = command.args(["restore", "--dry-run"]).output().unwrap();
    let said = out(&output);
    assert!(output.status.code() == Some(1) && said.contains("cannot use"), "{said}");
}

#[tokio::test]
async fn a_backup_lets_go_of_nobody_elses() {
    let app = TestApp::new().await;
    backs_up(&app).await;
    let backups = app.path("backups");
    let ours =
        files(&backups).iter().find(|file| file.ends_with("lock")).unwrap().parent().unwrap().to_path_buf();
    // Another instance's first, while it is being written, and another's only one.
    let others = ["0011223344556677", "8899aabbccddeeff"].map(|name| backups.join(name));
    for other in &others {
        fs::create_dir_all(other.join("runs")).unwrap();
        fs::write(other.join("lock"), b"").unwrap();
    }
    let old = "2026-01-01T030000.000Z.run";
    fs::write(others[1].join("runs").join(old), b"theirs").unwrap();
    let folder = app.stopped();
    let path = folder.path();
    runs(path, &["keys", "rotate"], 0);
    runs(path, &["backup"], 0);
    assert!(ours.exists(), "what was made under the key before is young");
    let run =
        files(&ours).into_iter().find(|file| file.extension().is_some_and(|kind| kind == "run")).unwrap();
    fs::rename(&run, run.with_file_name(old)).unwrap();
    runs(path, &["backup"], 0);
    assert!(!ours.exists(), "and goes when it is old");
    assert!(others[0].join("runs").exists() && others[1].join("runs").join(old).exists());
}

#[tokio::test]
async fn what_was_lost_pushes_nothing_good_out() {
    let app = TestApp::new().await;
    signs_up(&app, HOLDER, "ann@example.org").await;
    signs_up(&app, OTHER, "bob@example.org").await;
    let good = backs_up(&app).await["run"].as_str().unwrap().to_string();
    let folder = app.stopped();
    let path = folder.path();
    fs::write(path.join("site.toml"), SITE).unwrap();
    let data = path.join("data");

    // The site files.
    fs::rename(data.join("sites"), path.join("lost-sites")).unwrap();
    for arguments in [&["fsck"][..], &["fsck", "--site", "clinic"], &["backup"]] {
        let said = runs(path, arguments, 1);
        assert!(said.contains("its site file is not") && said.contains("assent site apply"), "{said}");
    }
    runs(path, &["site", "apply", "site.toml"], 0);
    assert!(runs(path, &["fsck"], 0).contains("clinic: all is well"));
    runs(path, &["backup"], 0);

    // Everything.
    fs::rename(&data, path.join("lost-data")).unwrap();
    assert!(runs(path, &["fsck"], 1).contains("nothing to check"));
    let said = runs(path, &["backup"], 1);
    assert!(said.contains("`clinic` has 0 entries here") && said.contains("--fewer"), "{said}");
    runs(path, &["log", "create", "site.toml"], 0);
    assert!(runs(path, &["backup"], 1).contains("no backup was made"));
    let app = TestApp::on(folder);
    let refused = staff(&app, Method::POST, "/v1/backup", "application/json", String::new());
    refused.await.is_problem(409, "no-backup");
    let folder = app.stopped();
    let path = folder.path();
    assert_eq!(runs(path, &["restore", "--list"], 0).lines().count(), 2);
    runs(path, &["backup", "--fewer"], 0);
    assert!(runs(path, &["restore", "--list"], 0).contains(&good));

    // A folder with anything in it is not restored into.
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    fs::write(data.join("important.txt"), b"mine").unwrap();
    assert!(runs(path, &["restore"], 1).contains("is not empty"));
    assert_eq!(files(&data).iter().filter(|file| !file.ends_with("lock")).count(), 1);
    fs::remove_file(data.join("important.txt")).unwrap();
    runs(path, &["restore", "--run", &good], 0);
}

#[tokio::test]
async fn another_history_pushes_nothing_good_out() {
    let app = TestApp::new().await;
    let folder = app.stopped();
    let path = folder.path();
    copy(&path.join("data"), &path.join("older"));
    let app = TestApp::on(folder);
    signs_up(&app, HOLDER, "ann@example.org").await;
    backs_up(&app).await;
    let folder = app.stopped();
    let path = folder.path();
    // An older copy was put back whole, and grew past the backup.
    fs::remove_dir_all(path.join("data")).unwrap();
    fs::rename(path.join("older"), path.join("data")).unwrap();
    let app = TestApp::on(folder);
    signs_up(&app, OTHER, "bob@example.org").await;
    let folder = app.stopped();
    let path = folder.path();
    let said = runs(path, &["backup"], 1);
    assert!(said.contains("is not the one in the backup") && said.contains("--fewer"), "{said}");
    runs(path, &["backup", "--fewer"], 0);
    runs(path, &["backup"], 0);
}

#[tokio::test]
async fn a_site_file_that_was_altered_is_what_stops_a_backup() {
    let app = TestApp::new().await;
    let file = app.path("data/sites/clinic/site.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("clinic", "Clinic")).unwrap();
    let answer = staff(&app, Method::POST, "/v1/backup", "application/json", String::new()).await;
    answer.is_problem(409, "no-backup");
    assert!(answer.text().contains("site.toml was altered or lost"), "{}", answer.text());
}

#[tokio::test]
async fn a_backup_whose_elders_cannot_go_is_made_all_the_same() {
    let app = TestApp::new().await;
    backs_up(&app).await;
    // A former key's folder that cannot be looked through.
    fs::write(app.path("data/former-backups"), [0xff]).unwrap();
    let done = backs_up(&app).await;
    assert!(done["unpruned"].is_string(), "{done}");
    let folder = app.stopped();
    assert_eq!(runs(folder.path(), &["restore", "--list"], 0).lines().count(), 2);
}
