//! Audit bundles: exactly the files of the format, whatever the manifest lists, which nobody signed.

use crate::app::{SITE, TestApp};
use crate::backups::{files, runs};
use assent_core::bundle::{BundleFile, LOG, MANIFEST, Manifest, PAGE, SCHEMAS};
use assent_core::hash::sha256;
use serde_json::{Value, json};
use server::app::sites::TakeOverError;
use std::cell::RefCell;
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};
use std::path::Path;
use std::rc::Rc;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

pub(crate) type Files = Vec<(String, Vec<u8>)>;

pub(crate) fn unpacked(bundle: &[u8]) -> Files {
    let mut archive = ZipArchive::new(Cursor::new(bundle)).unwrap();
    let mut files = Files::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.push((file.name().unwrap().to_string(), content));
    }
    files
}

/// An archive of these files, with all of them in the manifest; one of them as a symbolic link.
pub(crate) fn packed(files: &Files, link: Option<&str>) -> Vec<u8> {
    let (_, manifest) = files.iter().find(|(name, _)| name == MANIFEST).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(manifest).unwrap();
    // Those of the log are never listed.
    let of_log =
        |name: &str| name == "log/checkpoint" || name.starts_with("log/tile/0/") || name.contains("entries");
    let listed = files.iter().filter(|(name, _)| name != MANIFEST && !of_log(name));
    let entry = |(name, content): &(String, Vec<u8>)| BundleFile {
        name: name.clone(),
        bytes: content.len() as u64,
        sha256: sha256(content),
    };
    manifest.files = listed.map(entry).collect();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, content) in files.iter().filter(|(name, _)| name != MANIFEST) {
        if link == Some(name) {
            archive.add_symlink(name.clone(), String::from_utf8_lossy(content), options).unwrap();
            continue;
        }
        archive.start_file(name.clone(), options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.start_file(MANIFEST, options).unwrap();
    archive.write_all(&serde_json::to_vec(&manifest).unwrap()).unwrap();
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn a_bundle_has_exactly_the_files_of_the_format() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes" })).await;
    let folder = app.stopped();
    let path = folder.path();
    runs(path, &["export", "--site", "clinic", "--format", "bundle", "--output", "bundle.zip"], 0);
    let good = unpacked(&fs::read(path.join("bundle.zip")).unwrap());
    let judged = |bundle: Vec<u8>, code: i32| -> Value {
        fs::write(path.join("file.zip"), bundle).unwrap();
        serde_json::from_str(&runs(path, &["verify", "--json", "file.zip"], code)).unwrap()
    };
    judged(packed(&good, None), 0);
    for name in [
        "READ-FIRST.html",
        "../../etc/cron.d/x",
        "/abs/x",
        "a\\..\\b",
        "records.CSV",
        "schemas/more.json",
        "notices/x.json",
        "log/tile/9/000",
        "log/key",
    ] {
        let mut files = good.clone();
        files.push((name.into(), b"<h1>All of them agreed</h1>".to_vec()));
        assert_eq!(judged(packed(&files, None), 1)["code"], "file-unknown", "{name}");
    }
    for name in [PAGE.to_string(), format!("{SCHEMAS}record.schema.json"), format!("{LOG}checkpoint")] {
        let mut files = good.clone();
        files.retain(|(there, _)| *there != name);
        let said = judged(packed(&files, None), 1);
        assert!(said["code"].as_str().unwrap().ends_with("-missing"), "{name}: {said}");
    }
    let mut files = good.clone();
    files.iter_mut().find(|(name, _)| name == PAGE).unwrap().1 = b"/etc/passwd".to_vec();
    assert_eq!(judged(packed(&files, Some(PAGE)), 1)["code"], "file-unknown", "a link");
}

/// A bundle that is read until something happens.
struct Watched<'a> {
    bundle: Cursor<&'a [u8]>,
    /// Asked before each read.
    look: Rc<RefCell<dyn FnMut() -> io::Result<()> + 'a>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (self.look.borrow_mut())()?;
        self.bundle.read(into)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bundle.seek(to)
    }
}

#[tokio::test]
async fn an_import_that_was_cut_short_stands_in_no_starts_way() {
    let app = TestApp::new().await;
    for _ in 0..150 {
        app.records(json!({ "analytics": "yes" })).await;
    }
    let (key, size) = (app.app.sites.all()[0].ledger.vkey().clone(), app.entries());
    let folder = app.stopped();
    let path = folder.path();
    runs(path, &["export", "--site", "clinic", "--format", "bundle", "--output", "bundle.zip"], 0);
    let bundle = fs::read(path.join("bundle.zip")).unwrap();

    let mut app = TestApp::empty();
    let [next, secrets, checkpoint] =
        ["data/sites/clinic/next.toml", "data/keys/clinic", "data/checkpoints/clinic"]
            .map(|name| app.path(name));
    let take_over = |app: &TestApp, look: Rc<RefCell<dyn FnMut() -> io::Result<()>>>| {
        let open = || Ok(Watched { bundle: Cursor::new(&bundle[..]), look: Rc::clone(&look) });
        app.app.sites.take_over(SITE, key.clone(), &open, &mut |_, _| ())
    };

    // The machine was switched off: what stands there when the first entry is read is what is left.
    let left = Rc::new(RefCell::new(None));
    let (at, seen) = (next.clone(), Rc::clone(&left));
    let cut = Rc::new(RefCell::new(move || match fs::read(&at) {
        Ok(text) => {
            *seen.borrow_mut() = Some(text);
            Err(io::Error::other("the cable was pulled"))
        }
        Err(_) => Ok(()),
    }));
    assert!(take_over(&app, cut).is_err());
    fs::write(&next, left.take().unwrap()).unwrap();
    app = app.restarted();
    assert!(app.app.sites.all().is_empty() && app.app.sites.lost().unwrap().is_empty());

    // What was brought in is damaged before it is looked at.
    let damages = |secrets: &Path| -> io::Result<()> {
        for file in files(secrets).iter().filter(|file| file.to_str().unwrap().contains("subjects-")) {
            fs::write(file, vec![7; fs::metadata(file)?.len() as usize])?;
        }
        Ok(())
    };
    let error = take_over(&app, Rc::new(RefCell::new(move || damages(&secrets)))).unwrap_err();
    assert!(matches!(error, TakeOverError::Check(_)), "{error:?}");
    assert!(!next.exists() && !checkpoint.exists(), "no start takes it up");
    app = app.restarted();
    assert!(app.app.sites.all().is_empty() && app.app.sites.lost().unwrap().is_empty());

    // Nor is what cannot be taken back to its end.
    let app = TestApp::empty();
    let [next, secrets, checkpoint] =
        ["data/sites/clinic/next.toml", "data/keys/clinic", "data/checkpoints/clinic"]
            .map(|name| app.path(name));
    let in_the_way = Rc::new(RefCell::new(move || {
        if next.is_file() {
            fs::remove_file(&next)?;
            fs::create_dir(&next)?;
        }
        if secrets.is_dir() { damages(&secrets) } else { Ok(()) }
    }));
    assert!(take_over(&app, in_the_way).is_err());
    assert!(!checkpoint.exists(), "its checkpoint goes first");

    let app = TestApp::empty();
    take_over(&app, Rc::new(RefCell::new(|| Ok(())))).unwrap();
    assert_eq!(app.restarted().entries(), size);
}
