//! A full disk as callers meet it: nothing is taken and that is said, everything that is there can be read, and when there is room again
//! the same request is recorded once.
//!
//! Needs a small file system of its own, mounted in memory; where that is forbidden it says so and passes. What the store does at each
//! step is in `crates/assent-store-sled/tests/hardship/full.rs`.

use crate::app::{HOLDER, SITE, TestApp, key};
use crate::people::{asks, receipt};
use crate::staff::staff;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::sites::LogIs;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A mounted file system, taken away when dropped.
struct Small(TempDir);

impl Small {
    fn mounted() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=220m", "tmpfs"])
            .arg(folder.path())
            .output();
        if mount.is_ok_and(|done| done.status.success()) {
            return Some(Self(folder));
        }
        None
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    fn fills(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let block = vec![1; 64 << 10];
        while ballast.write_all(&block).is_ok() {}
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).output());
    }
}

#[tokio::test]
async fn a_full_disk_takes_nothing_says_so_and_loses_nothing() {
    let Some(small) = Small::mounted() else {
        let without = std::env::var("ASSENT_TEST_WITHOUT").unwrap_or_default();
        let is_left_out = without.split(',').any(|name| name.trim() == "mount");
        assert!(is_left_out, "no file system may be mounted here; ASSENT_TEST_WITHOUT=mount leaves it out");
        return println!("skipped: no file system may be mounted here");
    };
    let folder = TestApp::empty().stopped();
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    let config = folder.path().join("assent.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let data = format!("data_dir = {:?}", small.0.path().join("data"));
    std::fs::write(&config, text.replace("data_dir = \"data\"", &data)).unwrap();
    let app = TestApp::on(folder);
    app.app.sites.apply(SITE, None, LogIs::New).await.unwrap();
    let first = app.records(json!({ "analytics": "yes" })).await;
    let place =
        first.header(header::LOCATION).strip_prefix("https://privacy.example.org").unwrap().to_string();
    let writable = async |ready: StatusCode, gauge: u8| {
        assert_eq!(app.get("/readyz").await.status, ready);
        let metrics = app.get("/metrics").await.text();
        assert!(metrics.contains(&format!("assent_log_writable{{site=\"clinic\"}} {gauge}")), "{metrics}");
    };
    writable(StatusCode::OK, 1).await;
    let entries = app.entries();

    small.fills();
    let again = key();
    let decision = app.decision(json!({ "analytics": "no" }));
    let refused = app.decides(&decision, &again).await;
    refused.is_problem(503, "ledger-stopped");
    assert_eq!(refused.header(header::RETRY_AFTER), "2");
    writable(StatusCode::SERVICE_UNAVAILABLE, 0).await;
    assert_eq!(app.get("/healthz").await.status, StatusCode::OK, "nothing is damaged");
    // What is there can be read, by everybody.
    let kept = receipt(&app, HOLDER, &place).await;
    assert_eq!((kept.status, &kept.body), (StatusCode::OK, &first.body));
    assert_eq!(
        receipt(&app, HOLDER, "/v1/clinic/state").await.json()["receipts"].as_array().unwrap().len(),
        1
    );
    for path in ["log/checkpoint", "log/tile/entries/000.p/2", "notices/current", "choices"] {
        assert_eq!(app.get(&format!("/v1/clinic/{path}")).await.status, StatusCode::OK, "{path}");
    }
    let export = staff(&app, Method::GET, "/v1/clinic/export", "text/plain", String::new()).await;
    assert_eq!((export.status, app.entries()), (StatusCode::OK, entries));

    std::fs::remove_file(small.ballast()).unwrap();
    let taken = app.decides(&decision, &again).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text());
    assert_eq!(app.decides(&decision, &again).await.body, taken.body, "it is recorded once");
    writable(StatusCode::OK, 1).await;
    assert_eq!(app.entries(), entries + 1);
    assert_eq!(asks(&app, "fsck", json!({})).await.json()["wrong"], Value::Null);
    drop(app.stopped());
}
