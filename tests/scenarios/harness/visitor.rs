//! A person with a browser, in verbs: opens, presses, follows, sees. And what a suspicious person would look at
//! afterwards: cookies, storage, requests.
//!
//! The banner is found by its contract only: the host element, its open shadow root, `data-act` on what is pressed.

use assent_core::choice_cookie::{COOKIE_NAME, ChoiceCookie};
use assent_core::hash::base64_decode;
use fantoccini::Locator;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::WindowHandle;
use serde_json::{Value, json};
use std::sync::Mutex;

use super::browser::{Browser, Looks, Session};
use super::http::Holder;
use super::{places, until, until_so};

/// The banner's host element.
const HOST: &str = "#assent-choices";

/// A cookie the browser keeps, of whatever site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) domain: String,
}

/// A person with a browser of their own.
pub(crate) struct Visitor {
    session: Session,
    /// Addresses asked for so far (Chromium).
    asked: Mutex<Vec<String>>,
}

impl Visitor {
    /// Someone with an empty browser.
    pub(crate) async fn arrives(browser: Browser) -> Self {
        Self::arrives_with(browser, Looks::default()).await
    }

    /// Someone whose empty browser is set up in a certain way.
    pub(crate) async fn arrives_with(browser: Browser, looks: Looks) -> Self {
        let visitor = Self { session: Session::starts(browser, looks).await, asked: Mutex::default() };
        match browser {
            Browser::Chromium => visitor.looks(looks).await,
            Browser::Firefox | Browser::WebKit => visitor.has_size(looks.size).await,
        }
        if !looks.script && browser != Browser::WebKit {
            visitor.allows_script(false).await;
        }
        visitor
    }

    /// Changes colours and size (Chromium).
    pub(crate) async fn looks(&self, looks: Looks) {
        let scheme = if looks.dark { "dark" } else { "light" };
        // Pictures and measurements are of what stands still.
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
            { "name": "forced-colors", "value": if looks.forced { "active" } else { "none" } },
        ]);
        self.session.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        self.has_size(looks.size).await;
    }

    /// Makes the page this large, in CSS pixels.
    pub(crate) async fn has_size(&self, size: (u32, u32)) {
        self.session.has_size(size).await;
    }

    /// Zooms to 400 % of a window of 1280 by 1024.
    pub(crate) async fn zooms(&self) {
        self.session.zooms().await;
    }

    /// Whether the person asked the system for less motion (Chromium).
    pub(crate) async fn wants_it_still(&self, still: bool) {
        let value = if still { "reduce" } else { "no-preference" };
        let features = json!([{ "name": "prefers-reduced-motion", "value": value }]);
        self.session.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Which browser it is.
    pub(crate) fn browser(&self) -> Browser {
        self.session.browser
    }

    /// Switches script on pages off, or on again; pages opened from now on obey. Not in WebKit, whose visitors arrive without script or
    /// with it.
    pub(crate) async fn allows_script(&self, allowed: bool) {
        self.session.allows_script(allowed).await;
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) async fn opens(&self, address: &str) {
        self.session.client.goto(address).await.unwrap();
    }

    /// Opens a page of a site and waits until the one tag has done its work there.
    pub(crate) async fn visits(&self, address: &str) {
        self.opens(address).await;
        until_so("the embed to have run", async || self.runs("return !!window.assent").await == true).await;
    }

    /// Opens another window of the same browser; everything is done there from now on. Gives the one before.
    pub(crate) async fn opens_a_window(&self) -> WindowHandle {
        let opened = self.session.client.new_window(false).await.unwrap();
        self.turns_to(opened.handle).await
    }

    /// Goes on in another of the open windows. Gives the one before.
    pub(crate) async fn turns_to(&self, window: WindowHandle) -> WindowHandle {
        let before = self.session.client.window().await.unwrap();
        self.session.client.switch_to_window(window).await.unwrap();
        before
    }

    /// The address of another page of the same site: the first link to one.
    pub(crate) async fn finds_another_page(&self) -> String {
        let script = "return [...document.links].map(link => link.href.split('#')[0])
            .find(to => to.startsWith(location.origin + '/') && to != location.href.split('#')[0])";
        self.runs(script).await.as_str().expect("the site has more than one page").to_string()
    }

    /// The page's address.
    pub(crate) async fn address(&self) -> String {
        self.session.client.current_url().await.unwrap().to_string()
    }

    /// Runs a script in the page and gives what it returns.
    pub(crate) async fn runs(&self, script: &str) -> Value {
        self.session.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Runs a script that ends by calling its last argument.
    pub(crate) async fn runs_to_its_end(&self, script: &str) -> Value {
        self.session.client.execute_async(script, Vec::new()).await.unwrap()
    }

    /// Presses what carries `data-act="{act}"` in the banner, as soon as it can be pressed.
    pub(crate) async fn presses(&self, act: &str) {
        self.presses_in_banner(&format!("[data-act='{act}']")).await;
    }

    /// Presses something in the banner, as soon as it can be pressed.
    pub(crate) async fn presses_in_banner(&self, css: &str) {
        // What is drawn may be replaced while the widget takes over.
        until(&format!("`{css}` in the banner to be pressed"), async || {
            let element = self.in_banner(css).await?;
            (element.is_displayed().await.ok()? && element.click().await.is_ok()).then_some(())
        })
        .await;
    }

    /// Presses something on the page, as soon as it can be pressed.
    pub(crate) async fn presses_on_page(&self, css: &str) {
        until(&format!("`{css}` to be pressed"), async || {
            let element = self.session.client.find(Locator::Css(css)).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    /// Presses and lets go of one key, wherever the focus is. Keys without a letter are WebDriver's (`\u{e004}` is Tab).
    pub(crate) async fn types(&self, key: char) {
        let keys = KeyActions::new("keyboard".into());
        let keys = keys.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        self.session.client.perform_actions(keys).await.unwrap();
    }

    /// Asks sites by the browser's own setting not to share data (Firefox). The others have none: there a page pretends it.
    pub(crate) async fn asks_not_to_share(&self) {
        if self.browser() == Browser::Firefox {
            let script = "Services.prefs.setBoolPref('privacy.globalprivacycontrol.enabled', true)";
            self.session.chrome(script, json!([])).await;
        }
    }

    /// Writes into a field of the page.
    pub(crate) async fn writes(&self, css: &str, text: &str) {
        until(&format!("`{css}` to be written into"), async || {
            let field = self.session.client.find(Locator::Css(css)).await.ok()?;
            field.send_keys(text).await.ok()
        })
        .await;
    }

    /// Waits until something shows in the banner.
    pub(crate) async fn sees_in_banner(&self, css: &str) {
        until_so(&format!("`{css}` to show in the banner"), async || self.shows_in_banner(css).await).await;
    }

    /// Whether something shows in the banner now.
    pub(crate) async fn shows_in_banner(&self, css: &str) -> bool {
        match self.in_banner(css).await {
            Some(element) => element.is_displayed().await.unwrap_or(false),
            None => false,
        }
    }

    /// Waits until the question is on the screen.
    pub(crate) async fn is_asked(&self) {
        self.sees_in_banner("[data-act='accept-all']").await;
        self.sees_in_banner("[data-act='reject-all']").await;
    }

    /// Whether the question is on the screen now.
    pub(crate) async fn is_being_asked(&self) -> bool {
        self.shows_in_banner("[data-act='accept-all']").await
            || self.shows_in_banner("[data-act='reject-all']").await
    }

    /// Waits until the widget's files have arrived.
    pub(crate) async fn has_the_widget(&self) {
        let script = "return performance.getEntriesByType('resource').filter(entry => entry.responseEnd
            && /assent(_bg)?\\.(js|wasm)$/.test(entry.name)).length";
        until_so("the widget's two files to arrive", async || self.runs(script).await == 2).await;
    }

    /// The whole text of the banner.
    pub(crate) async fn banner_text(&self) -> String {
        self.in_banner_script("root.innerText").await.as_str().unwrap_or_default().to_string()
    }

    /// The value of an expression in which `root` is the element that holds the banner.
    pub(crate) async fn in_banner_script(&self, expression: &str) -> Value {
        let root = format!("document.querySelector('{HOST}').shadowRoot.querySelector('#root')");
        self.runs(&format!("const root = {root}; return {expression}")).await
    }

    /// The text of something on the page, as soon as it is there. A page that is replaced meanwhile is no error, and
    /// each driver says so in words of its own.
    pub(crate) async fn reads(&self, css: &str) -> String {
        until(&format!("`{css}` to be read"), async || {
            let element = self.session.client.find(Locator::Css(css)).await.ok()?;
            element.text().await.ok()
        })
        .await
    }

    /// How many elements of the page match.
    pub(crate) async fn counts(&self, css: &str) -> usize {
        self.session.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// Every cookie in the browser, of every site (WebKit: those that the page's own site gets).
    pub(crate) async fn cookies(&self) -> Vec<Kept> {
        let list = match self.session.browser {
            Browser::Chromium => {
                self.session.devtools("Storage.getCookies", json!({})).await["cookies"].clone()
            }
            Browser::Firefox => {
                let script = "return Services.cookies.cookies.map(c => ({ name: c.name, value: c.value, domain: c.host }))";
                self.session.chrome(script, json!([])).await
            }
            Browser::WebKit => {
                let list = self.session.client.get_all_cookies().await.unwrap();
                list.iter()
                    .map(|cookie| json!({ "name": cookie.name(), "value": cookie.value(), "domain": cookie.domain() }))
                    .collect()
            }
        };
        let text = |cookie: &Value, name: &str| cookie[name].as_str().unwrap_or_default().to_string();
        let list = list.as_array().expect("a list of cookies");
        list.iter()
            .map(|cookie| Kept {
                name: text(cookie, "name"),
                value: text(cookie, "value"),
                domain: text(cookie, "domain"),
            })
            .collect()
    }

    /// Names of the cookies in the browser, without the one that keeps the choice.
    pub(crate) async fn other_cookies(&self) -> Vec<String> {
        self.cookies()
            .await
            .into_iter()
            .map(|cookie| cookie.name)
            .filter(|name| name != COOKIE_NAME)
            .collect()
    }

    /// The cookie that keeps the choice; it must be well formed.
    pub(crate) async fn choice(&self) -> Option<ChoiceCookie> {
        let cookie = self.cookies().await.into_iter().find(|cookie| cookie.name == COOKIE_NAME)?;
        Some(ChoiceCookie::parse(&cookie.value).unwrap_or_else(|| panic!("malformed: {}", cookie.value)))
    }

    /// For how many days from now on the browser keeps that cookie, as the page on screen gets it.
    pub(crate) async fn choice_is_kept_for(&self) -> i64 {
        let cookies = self.session.client.get_all_cookies().await.unwrap();
        let cookie = cookies.iter().find(|cookie| cookie.name() == COOKIE_NAME).expect("the choice is kept");
        let ends = cookie.expires_datetime().expect("it ends at a time").unix_timestamp();
        (ends - jiff::Timestamp::now().as_second()) / 86_400
    }

    /// The token in that cookie.
    pub(crate) async fn holder(&self) -> Holder {
        Holder(self.choice().await.expect("the choice is kept in a cookie").token)
    }

    /// Everything in the page's `localStorage` and `sessionStorage`.
    pub(crate) async fn storage(&self) -> Value {
        self.runs("return { ...localStorage, ...sessionStorage }").await
    }

    /// Waits until no decision waits in the browser to be sent.
    pub(crate) async fn has_sent_everything(&self, site: &str) {
        let script = format!("return JSON.parse(localStorage.getItem('assent.queue.{site}') ?? '[]').length");
        until_so("every decision to be acknowledged", async || self.runs(&script).await == 0).await;
    }

    /// How many decisions wait in the browser to be sent.
    pub(crate) async fn waiting(&self, site: &str) -> u64 {
        let script = format!("return JSON.parse(localStorage.getItem('assent.queue.{site}') ?? '[]').length");
        self.runs(&script).await.as_u64().expect("a number")
    }

    /// Every address asked for: in Chromium since the browser started, by whatever frame; in the others what the
    /// page on screen asked for.
    pub(crate) async fn requests(&self) -> Vec<String> {
        match self.session.browser {
            Browser::Chromium => {
                let entries = self.session.command("se/log", json!({ "type": "performance" })).await;
                let mut asked = self.asked.lock().unwrap();
                asked.extend(entries.as_array().into_iter().flatten().filter_map(request));
                asked.clone()
            }
            Browser::Firefox | Browser::WebKit => {
                let script = "return [location.href, ...performance.getEntriesByType('resource').map(entry => entry.name)]";
                let list = self.runs(script).await;
                let list = list.as_array().expect("a list of addresses");
                list.iter().filter_map(Value::as_str).map(String::from).collect()
            }
        }
    }

    /// Forgets the requests so far (Chromium).
    pub(crate) async fn forgets_requests(&self) {
        self.requests().await;
        self.asked.lock().unwrap().clear();
    }

    /// What the browser complained about: blocked by policy, failed scripts (Chromium).
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.session.command("se/log", json!({ "type": "browser" })).await;
        let entries = entries.as_array().into_iter().flatten();
        entries.filter_map(|entry| entry["message"].as_str().map(String::from)).collect()
    }

    /// Takes a picture, when pictures are wanted (`ASSENT_SCREENSHOTS=1`).
    pub(crate) async fn photographs(&self, name: &str) {
        if std::env::var_os("ASSENT_SCREENSHOTS").is_some_and(|value| value != "0") {
            self.takes_picture(&format!("{name}-{:?}", self.browser()).to_lowercase()).await;
        }
    }

    /// Takes a picture.
    pub(crate) async fn takes_picture(&self, name: &str) {
        keep(name, &self.session.client.screenshot().await.unwrap());
    }

    /// Takes a picture of the whole page, however long (Chromium).
    pub(crate) async fn takes_long_picture(&self, name: &str) {
        let size = self.session.devtools("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.session.devtools("Page.captureScreenshot", params).await;
        keep(name, &base64_decode(picture["data"].as_str().unwrap()).unwrap());
    }

    async fn in_banner(&self, css: &str) -> Option<Element> {
        self.in_shadow(HOST, css).await
    }

    /// Something in the shadow root of an element.
    pub(crate) async fn in_shadow(&self, host: &str, css: &str) -> Option<Element> {
        let found: Result<Element, CmdError> = async {
            let host = self.session.client.find(Locator::Css(host)).await?;
            host.shadow_root().await?.find(Locator::Css(css)).await
        }
        .await;
        found.ok()
    }
}

/// The address in a log entry about a request that left the page.
fn request(entry: &Value) -> Option<String> {
    let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
    let message = &message["message"];
    if message["method"] != "Network.requestWillBeSent" {
        return None;
    }
    let address = message["params"]["request"]["url"].as_str()?;
    address.starts_with("http").then(|| address.to_string())
}

fn keep(name: &str, picture: &[u8]) {
    let folder = places::screenshots();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}
