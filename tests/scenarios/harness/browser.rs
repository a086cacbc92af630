//! A real browser behind its WebDriver: started empty, ended with its owner.
//!
//! One row per browser says all that differs: how it is started, which names its options have, and how script is
//! switched off. Everything else is in [`super::visitor`].

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

use super::process::Process;
use super::stack::free_port;
use super::{places, until_so};

/// The browsers that scenarios are run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Chromium, by chromedriver.
    Chromium,
    /// Firefox ESR, by geckodriver.
    Firefox,
    /// WebKitGTK's own small browser, by `WebKitWebDriver` on a virtual screen: the engine that Safari has.
    WebKit,
}

/// How the visitor's browser is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    /// The language it asks for.
    pub(crate) language: &'static str,
    /// Whether it prefers dark colours.
    pub(crate) dark: bool,
    /// Whether the system forces its own few colours (Chromium).
    pub(crate) forced: bool,
    /// Width and height of the page in CSS pixels.
    pub(crate) size: (u32, u32),
}

impl Default for Looks {
    fn default() -> Self {
        Self { language: "en-GB", dark: false, forced: false, size: (1280, 900) }
    }
}

/// A browser with one window, and the driver it hangs on.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) browser: Browser,
    http: reqwest::Client,
    port: u16,
    id: String,
    // Dropped in this order: the driver before the profile's folder.
    _driver: Process,
    _profile: TempDir,
}

impl Session {
    /// Starts driver and browser with an empty profile.
    pub(crate) async fn starts(browser: Browser, looks: Looks) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let wanted = free_port();
        let mut driver = Process::start("the browser's driver", &mut driver(browser, wanted, &profile));
        let port = match browser {
            Browser::Chromium | Browser::Firefox => driver.says("its port", port).await,
            // Says nothing.
            Browser::WebKit => {
                until_so("WebKit's driver to answer", async || {
                    TcpStream::connect(("127.0.0.1", wanted)).is_ok()
                })
                .await;
                wanted
            }
        };
        let capabilities = capabilities(browser, looks, &profile);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("cannot start {browser:?}: {error}\n{}", driver.output()));
        let id = client.session_id().await.unwrap().expect("a started session has an id");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { client, browser, http, port, id, _driver: driver, _profile: profile }
    }

    /// A command that only this driver knows.
    pub(crate) async fn command(&self, path: &str, body: Value) -> Value {
        let address = format!("http://127.0.0.1:{}/session/{}/{path}", self.port, self.id);
        let answer: Value = self.http.post(address).json(&body).send().await.unwrap().json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {}", answer["value"]);
        answer["value"].clone()
    }

    /// A command of the Chrome DevTools Protocol.
    pub(crate) async fn devtools(&self, command: &str, params: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    /// Switches script on pages on or off, from the next page on.
    pub(crate) async fn allows_script(&self, allowed: bool) {
        match self.browser {
            Browser::Chromium => {
                self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !allowed })).await;
            }
            Browser::Firefox => {
                self.command("moz/context", json!({ "context": "chrome" })).await;
                let script = "Services.prefs.setBoolPref('javascript.enabled', arguments[0])";
                self.command("execute/sync", json!({ "script": script, "args": [allowed] })).await;
                self.command("moz/context", json!({ "context": "content" })).await;
            }
            Browser::WebKit => assert!(allowed, "WebKit's driver cannot switch script off"),
        }
    }
}

impl Drop for Session {
    /// Asks the driver to end the browser; a killed driver would leave it. Without a runtime, because a failing test has
    /// none any more.
    fn drop(&mut self) {
        if std::thread::panicking() && self.browser == Browser::Chromium {
            eprintln!("──── the page said:\n{}\n────", self.asks("POST", "/se/log", r#"{"type":"browser"}"#));
        }
        self.asks("DELETE", "", "");
    }
}

impl Session {
    /// A command without a runtime. Gives the whole answer, or nothing when there is none.
    fn asks(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = String::new();
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return answer };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let (id, port, length) = (&self.id, self.port, body.len());
        let head =
            format!("{method} /session/{id}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close");
        let _ = write!(
            stream,
            "{head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let _ = stream.read_to_string(&mut answer);
        answer
    }
}

fn driver(browser: Browser, port: u16, profile: &TempDir) -> Command {
    let mut command = match browser {
        Browser::Chromium => {
            let mut command = Command::new("chromedriver");
            command.arg("--port=0");
            command
        }
        Browser::Firefox => {
            let mut command = Command::new(places::geckodriver());
            command.args(["--port", "0", "--websocket-port", "0", "--allow-system-access", "--profile-root"]);
            command.arg(profile.path());
            command
        }
        Browser::WebKit => {
            let mut command = Command::new("xvfb-run");
            command.args(["--auto-servernum", "WebKitWebDriver", &format!("--port={port}")]);
            command.env("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1");
            // The virtual screen and the driver outlive the script that starts them.
            command.process_group(0);
            command
        }
    };
    // What browsers leave behind goes with the folder.
    command.env("TMPDIR", profile.path()).env("HOME", profile.path());
    command
}

/// The port in the line with which a driver says that it listens.
fn port(line: &str) -> Option<u16> {
    let said = line
        .split_once("started successfully on port ")
        .or_else(|| line.split_once("Listening on 127.0.0.1:"));
    let digits = said?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Debian keeps it beside the library, under the machine's own name.
fn minibrowser() -> PathBuf {
    let libraries = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut places = libraries
        .flat_map(|folder| ["4.1", "4.0"].map(|api| folder.join(format!("webkit2gtk-{api}/MiniBrowser"))));
    places.find(|path| path.is_file()).expect("WebKitGTK's MiniBrowser is installed")
}

fn capabilities(browser: Browser, looks: Looks, profile: &TempDir) -> Map<String, Value> {
    let (width, height) = looks.size;
    let capabilities = match browser {
        Browser::Chromium => {
            let folder = profile.path().join("profile");
            json!({
                "browserName": "chrome",
                "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
                "goog:chromeOptions": {
                    "args": [
                        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync",
                        "--disable-dev-shm-usage", "--hide-scrollbars",
                        format!("--window-size={width},{height}"),
                        format!("--lang={}", looks.language),
                        format!("--user-data-dir={}", folder.display()),
                    ],
                    "prefs": { "intl.accept_languages": looks.language },
                },
            })
        }
        Browser::WebKit => json!({
            "webkitgtk:browserOptions": { "binary": minibrowser(), "args": ["--automation"] },
        }),
        Browser::Firefox => json!({
            "browserName": "firefox",
            "moz:firefoxOptions": {
                "args": ["-headless", format!("--width={width}"), format!("--height={height}")],
                "prefs": {
                    "intl.accept_languages": looks.language,
                    "ui.systemUsesDarkTheme": i32::from(looks.dark),
                    "layout.css.prefers-color-scheme.content-override": i32::from(!looks.dark),
                    // An empty browser that talks to nobody by itself.
                    "app.update.auto": false,
                    "browser.newtabpage.enabled": false,
                    "browser.startup.homepage_override.mstone": "ignore",
                    "datareporting.policy.dataSubmissionEnabled": false,
                    "network.captive-portal-service.enabled": false,
                    "network.connectivity-service.enabled": false,
                    "extensions.getAddons.cache.enabled": false,
                },
            },
        }),
    };
    let Value::Object(capabilities) = capabilities else { unreachable!("written as an object above") };
    capabilities
}
