//! A store that went back behind what was public: the file of the public checkpoint tells, and the server does not start.

use crate::app::{SITE, TestApp};
use assent_core::checkpoint::Checkpoint;
use assent_core::note::VerifierKey;
use serde_json::json;
use server::app::App;
use server::config::load;
use server::data_dir::DataDir;
use std::fs;
use std::path::Path;

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() { copy(&from, &to) } else { assert!(fs::copy(&from, &to).is_ok()) }
    }
}

#[tokio::test]
async fn a_log_that_ends_before_what_was_public_is_not_served() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes" })).await;
    let before = app.entries();
    let folder = app.stopped();
    let (data, kept) = (folder.path().join("data"), folder.path().join("kept"));
    for part in ["store", "checkpoints"] {
        copy(&data.join(part), &kept.join(part));
    }
    // Since then somebody decided, and the rules became others.
    let app = TestApp::on(folder);
    app.records(json!({ "analytics": "no" })).await;
    let next = format!("{SITE}\n[retention]\nlinked_days = 100\n");
    fs::write(app.path("data/sites/clinic/next.toml"), next).unwrap();
    let app = app.restarted();
    let site = app.app.sites.all().remove(0);
    site.publication.publish(&site.ledger, "clinic").unwrap();
    assert_eq!(site.publication.size(), site.ledger.size());
    drop(site);
    let folder = app.restarted().stopped();

    for part in ["store", "checkpoints"] {
        fs::remove_dir_all(data.join(part)).unwrap();
        copy(&kept.join(part), &data.join(part));
    }
    let config = load(Some(&folder.path().join("assent.toml")), &[].into()).unwrap().config;
    let refused = App::open(config.clone(), DataDir::open(&config).unwrap()).map(drop).unwrap_err();
    let said = format!("{refused:#}");
    assert!(said.contains("was rolled back") && said.contains("published"), "{said}");
    for file in fs::read_dir(data.join("checkpoints")).unwrap() {
        let signed = fs::read(file.unwrap().path()).unwrap();
        let another = format!("/clinic/log\n{}\n", before + 1);
        assert!(!String::from_utf8_lossy(&signed).contains(&another), "signed for another history");
    }

    // Whoever has nothing newer says so by taking the proof away.
    fs::remove_dir_all(data.join("published")).unwrap();
    let app = TestApp::on(folder);
    assert_eq!(app.entries(), before + 1, "the rules are told again");
}

#[tokio::test]
async fn a_damaged_public_checkpoint_is_never_served_and_is_published_anew() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes" })).await;
    let publish = |app: &TestApp| {
        let site = app.app.sites.all().remove(0);
        site.publication.publish(&site.ledger, "clinic").unwrap();
    };
    publish(&app);
    let key = VerifierKey::parse(app.get("/v1/clinic/log/key").await.text().trim()).unwrap();
    let mut folder = app.stopped();
    let path = folder.path().join("data/published/clinic");
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        let app = TestApp::on(folder);
        let served = app.get("/v1/clinic/log/checkpoint").await;
        if served.status.is_success() {
            Checkpoint::verify(&served.text(), &key).unwrap();
        }
        publish(&app);
        assert_eq!(app.get("/v1/clinic/log/checkpoint").await.body, whole, "byte {at}");
        folder = app.stopped();
    }
}
