//! A real browser behind its WebDriver: started empty, ended with its owner.
//!
//! All that differs between browsers is here: how each is started, how its looks and its size are set, how script is switched
//! off. Everything else is in [`super::visitor`].

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
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

/// Makes one test of each browser from an `async fn(Browser)`: `the_test::in_chromium` and so on, so that a failure says which
/// browser it was. Where something cannot be done in all of them, those where it can are named, and the test says why.
macro_rules! in_every_browser {
    ($test:ident) => {
        crate::harness::in_every_browser!($test: in_chromium Chromium, in_firefox Firefox, in_webkit WebKit);
    };
    ($test:ident: $($name:ident $browser:ident),+) => {
        mod $test {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$test(crate::harness::Browser::$browser).await;
            })+
        }
    };
}
pub(crate) use in_every_browser;

/// How the visitor's browser is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    /// The language it asks for.
    pub(crate) language: &'static str,
    /// Whether it prefers dark colours.
    pub(crate) dark: bool,
    /// Whether the system forces its own few colours (not WebKit).
    pub(crate) forced: bool,
    /// Whether scripts of pages run.
    pub(crate) script: bool,
    /// Whether pages may keep anything: cookies and, in Chromium and Firefox, every other storage.
    pub(crate) keeps: bool,
    /// Width and height of the page in CSS pixels.
    pub(crate) size: (u32, u32),
}

impl Default for Looks {
    fn default() -> Self {
        Self { language: "en-GB", dark: false, forced: false, script: true, keeps: true, size: (1280, 900) }
    }
}

impl Browser {
    /// The colours that it can show, by name.
    pub(crate) fn colours(self) -> Vec<(&'static str, Looks)> {
        let [light, dark, forced] = [(false, false), (true, false), (false, true)]
            .map(|(dark, forced)| Looks { dark, forced, ..Looks::default() });
        match self {
            Self::Chromium | Self::Firefox => vec![("light", light), ("dark", dark), ("forced", forced)],
            // It knows no forced colours: the media feature is there, and no system makes it true.
            Self::WebKit => vec![("light", light), ("dark", dark)],
        }
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
        let mut driver =
            Process::start("the browser's driver", &mut driver(browser, looks, wanted, &profile));
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

    /// Runs a script in Firefox's own window, where it may do everything.
    pub(crate) async fn chrome(&self, script: &str, args: Value) -> Value {
        self.command("moz/context", json!({ "context": "chrome" })).await;
        let value = self.command("execute/sync", json!({ "script": script, "args": args })).await;
        self.command("moz/context", json!({ "context": "content" })).await;
        value
    }

    /// Switches script on pages on or off, from the next page on (WebKit: [`Looks::script`], before it starts).
    pub(crate) async fn allows_script(&self, allowed: bool) {
        match self.browser {
            Browser::Chromium => {
                self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !allowed })).await;
            }
            Browser::Firefox => {
                let script = "Services.prefs.setBoolPref('javascript.enabled', arguments[0])";
                self.chrome(script, json!([allowed])).await;
            }
            Browser::WebKit => panic!("WebKit's driver cannot switch script on or off"),
        }
    }

    /// Makes the page this large, in CSS pixels.
    pub(crate) async fn has_size(&self, (width, height): (u32, u32)) {
        match self.browser {
            Browser::Chromium => {
                let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
                self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
            }
            // A window of Firefox is never as narrow as a phone; the page in it may be.
            Browser::Firefox => {
                let script = "const [width, height] = arguments, { style } = gBrowser.selectedBrowser;
                    style.minWidth = style.maxWidth = width + 'px'; style.minHeight = style.maxHeight = height + 'px'";
                self.chrome(script, json!([width, height])).await;
            }
            // The window has a bar above the page.
            Browser::WebKit => {
                let (_, outer) = self.client.get_window_size().await.unwrap();
                let inner = self.client.execute("return innerHeight", Vec::new()).await.unwrap();
                let bar = outer.saturating_sub(inner.as_u64().unwrap());
                self.client.set_window_size(width, height + u32::try_from(bar).unwrap()).await.unwrap();
            }
        }
        if self.browser != Browser::Chromium {
            self.sees_size((width, height)).await;
        }
    }

    /// Zooms until a page has a quarter of a window of 1280 by 1024 in either direction: 400 %. Firefox really zooms; to a page it
    /// is the same as a window of that size.
    pub(crate) async fn zooms(&self) {
        let size = (320, 256);
        if self.browser == Browser::Firefox {
            self.has_size((1280, 1024)).await;
            self.chrome("gBrowser.selectedBrowser.fullZoom = 4", json!([])).await;
            self.sees_size(size).await;
        } else {
            self.has_size(size).await;
        }
    }

    async fn sees_size(&self, (width, height): (u32, u32)) {
        until_so("the page to have its size", async || {
            let size = self.client.execute("return [innerWidth, innerHeight]", Vec::new()).await.unwrap();
            size == json!([width, height])
        })
        .await;
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
    /// A command without a runtime. Gives what is answered, or nothing when nothing is.
    fn asks(&self, method: &str, path: &str, body: &str) -> String {
        let asked = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            let (id, port, length) = (&self.id, self.port, body.len());
            let head = format!("{method} /session/{id}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}");
            write!(
                stream,
                "{head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )?;
            // As long as it says that it is: a driver may keep the connection.
            let mut answer = BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                answer.read_line(&mut line)?;
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            answer.read_exact(&mut body)?;
            Ok(String::from_utf8_lossy(&body).into_owned())
        };
        asked().unwrap_or_default()
    }
}

fn driver(browser: Browser, looks: Looks, port: u16, profile: &TempDir) -> Command {
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
            for (name, value) in webkit_settings(looks.language, profile.path()) {
                command.env(name, value);
            }
            // The virtual screen and the driver outlive the script that starts them.
            command.process_group(0);
            command
        }
    };
    // What browsers leave behind goes with the folder.
    command.env("TMPDIR", profile.path()).env("HOME", profile.path());
    command
}

/// What WebKit takes from files and the environment: the language, from a locale that needs no more than a name; nothing that moves by
/// itself; and a bar above the page that a narrow window has room for.
fn webkit_settings(language: &str, profile: &Path) -> [(&'static str, OsString); 3] {
    let (locales, config) = (profile.join("locales"), profile.join("config"));
    let gtk = config.join("gtk-3.0");
    fs::create_dir(&locales).unwrap();
    fs::create_dir_all(&gtk).unwrap();
    let locale = language.replace('-', "_");
    symlink("/usr/lib/locale/C.utf8", locales.join(&locale)).unwrap();
    fs::write(gtk.join("settings.ini"), "[Settings]\ngtk-enable-animations=0\n").unwrap();
    let small = "* { font-size: 1px; padding: 0; margin: 0; border-width: 0; min-width: 0; min-height: 0; -gtk-icon-source: none }";
    fs::write(gtk.join("gtk.css"), small).unwrap();
    [("LOCPATH", locales.into()), ("LC_ALL", locale.into()), ("XDG_CONFIG_HOME", config.into())]
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
    let libraries = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
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
                    "prefs": {
                        "intl.accept_languages": looks.language,
                        "profile.default_content_setting_values.cookies": if looks.keeps { 1 } else { 2 },
                    },
                },
            })
        }
        Browser::WebKit => {
            let mut args = vec!["--automation"];
            args.extend(looks.dark.then_some("--dark-mode"));
            // The driver's own scripts run all the same.
            args.extend((!looks.script).then_some("--enable-javascript-markup=false"));
            args.extend((!looks.keeps).then_some("--cookies-policy=never"));
            json!({ "webkitgtk:browserOptions": { "binary": minibrowser(), "args": args } })
        }
        Browser::Firefox => json!({
            "browserName": "firefox",
            "moz:firefoxOptions": {
                "args": ["-headless", format!("--width={}", width.max(500)), format!("--height={height}")],
                "prefs": {
                    "intl.accept_languages": looks.language,
                    "ui.systemUsesDarkTheme": i32::from(looks.dark),
                    "layout.css.prefers-color-scheme.content-override": i32::from(!looks.dark),
                    "browser.display.document_color_use": if looks.forced { 2 } else { 0 },
                    "ui.prefersReducedMotion": 1,
                    "network.cookie.cookieBehavior": if looks.keeps { 5 } else { 2 },
                    // A zoom is the window's, and stays when the address changes.
                    "browser.zoom.siteSpecific": false,
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
