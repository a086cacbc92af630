//! A whole service on a folder of its own, asked without a socket.

use assent_core::hash::Hash;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use server::app::App;
use server::app::sites::LogIs;
use server::config::load;
use server::data_dir::DataDir;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const SITE: &str = include_str!("site.toml");
pub(crate) const ORIGIN: &str = "https://www.example.org";
pub(crate) const STAFF: &str = "test-staff-token-test-staff-token";
/// A holder's token, and another's.
pub(crate) const HOLDER: &str = "BwcHBwcHBwcHBwcHBwcHBw";
pub(crate) const OTHER: &str = "CAgICAgICAgICAgICAgICA";

/// The service and its folder.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) folder: TempDir,
    router: Router,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl TestApp {
    /// With the test site published.
    pub(crate) async fn new() -> Self {
        let app = Self::empty();
        app.app.sites.apply(SITE, None, LogIs::New).await.unwrap();
        app
    }

    /// Without any site.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_config(&folder);
        Self::on(folder)
    }

    /// The same folder after the process ended.
    pub(crate) fn restarted(self) -> Self {
        Self::on(self.stopped())
    }

    /// The same folder with these lines more in its configuration.
    pub(crate) fn configured(self, lines: &str) -> Self {
        let folder = self.stopped();
        let path = folder.path().join("assent.toml");
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + lines).unwrap();
        Self::on(folder)
    }

    /// Its folder, once nothing runs on it.
    pub(crate) fn stopped(self) -> TempDir {
        let Self { app, folder, router } = self;
        drop(router);
        assert_eq!(Arc::strong_count(&app), 1, "nothing else holds the store");
        drop(app);
        folder
    }

    pub(crate) fn on(folder: TempDir) -> Self {
        Self::starts(folder).unwrap()
    }

    /// The same, which may be refused.
    pub(crate) fn starts(folder: TempDir) -> anyhow::Result<Self> {
        let loaded = load(Some(&folder.path().join("assent.toml")), &[].into())?;
        let data = DataDir::open(&loaded.config)?;
        let app = Arc::new(App::open(loaded.config, data)?);
        let router = server::http::router(Arc::clone(&app));
        Ok(Self { app, folder, router })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Entries in the site's log.
    pub(crate) fn entries(&self) -> u64 {
        self.app.sites.all()[0].ledger.size()
    }

    pub(crate) fn notice(&self) -> Hash {
        self.app.sites.all()[0].hash
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(to(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// A good decision's body.
    pub(crate) fn decision(&self, choices: Value) -> Value {
        json!({ "notice": self.notice(), "language": "en", "act": "save", "surface": "preferences", "choices": choices })
    }

    /// Sends a decision as the site's page would.
    pub(crate) async fn decides(&self, body: &Value, key: &str) -> Answer {
        self.ask(decision(body).header("idempotency-key", key).body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// The same with a key of its own; it must be recorded.
    pub(crate) async fn records(&self, choices: Value) -> Answer {
        let answer = self.decides(&self.decision(choices), &key()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// It is a problem document with this code.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!((self.status.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/problems/{code}"));
    }
}

/// A request to this machine.
pub(crate) fn to(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "localhost:8700")
}

/// A decision's head, without its idempotency key.
pub(crate) fn decision(_: &Value) -> axum::http::request::Builder {
    to(Method::POST, "/v1/clinic/decisions")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", HOLDER)
}

/// A key that was not used yet.
pub(crate) fn key() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn write_config(folder: &TempDir) {
    let web = folder.path().join("web");
    std::fs::create_dir(&web).unwrap();
    std::fs::write(web.join("alerts.js"), "(DATA)=>{};\n").unwrap();
    std::fs::write(web.join("loader.js"), "(DATA,HTML,CSS,ASSETS)=>{};\n").unwrap();
    std::fs::write(web.join("assent.js"), "export default 1").unwrap();
    std::fs::write(web.join("assent_bg.wasm"), "\0asm").unwrap();
    std::fs::write(folder.path().join("staff.token"), format!("{STAFF}\n")).unwrap();
    let text = "[server]\ndata_dir = \"data\"\nweb_dir = \"web\"\n[ledger]\nkey_file = \"assent.key\"\n\
                [staff]\ntoken_file = \"staff.token\"\n[backup]\ndir = \"backups\"\n";
    std::fs::write(folder.path().join("assent.toml"), text).unwrap();
}
