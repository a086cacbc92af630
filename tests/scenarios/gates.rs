//! What a page marks is held back until what it needs is agreed to, and goes back when that is taken back.

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::{Act, Decision};
use assent_core::hash::{base64_encode, sha256};
use assent_core::record::Surface;
use serde_json::{Value, json};

const PAGE: &str = "<head><script src='%TAG%'></script>
    <link rel=stylesheet data-purpose=surveys data-href=/late.css></head>
    <body><h1>A page</h1>
    <script type=text/plain data-purpose=analytics src=/first.js></script>
    <script type=text/plain data-purpose=analytics>window.ran.push('inline after ' + window.ran.length)</script>
    <script type=text/plain data-purpose=analytics data-type=module src=/module.js></script>
    <script type=text/plain data-purpose='analytics surveys' src=/both.js></script>
    <script type=text/plain data-purpose=spying src=/spying.js></script>
    <iframe data-purpose=embeds data-src=/frame.html title='A film' width=400 height=260></iframe>
    <video data-purpose=embeds controls width=320 height=240><source data-src=/film.webm></video>
    <template data-purpose=surveys><p id=out>Out of the template.</p></template>
    <p style='height:900px'>Text.</p>";

/// What ran, sorted: modules come when they come.
async fn ran(visitor: &Visitor) -> Vec<String> {
    let list = visitor.runs("return window.ran ?? []").await;
    let mut list: Vec<String> = serde_json::from_value(list).unwrap();
    list.sort();
    list
}

async fn waits_for(visitor: &Visitor, expected: &[&str]) {
    let mut seen = Vec::new();
    for _ in 0..400 {
        seen = ran(visitor).await;
        if seen == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("ran {seen:?}, not {expected:?}");
}

async fn page(visitor: &Visitor) -> Value {
    visitor
        .runs(
            "const frame = document.querySelector('iframe'), film = document.querySelector('video');
             return { frame: frame.getAttribute('src'), film: film.querySelector('source').getAttribute('src'),
                 places: document.querySelectorAll('assent-frame').length, out: document.querySelectorAll('#out').length,
                 colour: getComputedStyle(document.querySelector('h1')).color == 'rgb(1, 2, 3)' }",
        )
        .await
}

in_every_browser!(marked_tags_wait_and_go_back);

async fn marked_tags_wait_and_go_back(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let held = json!({ "frame": null, "film": null, "places": 2, "out": 0, "colour": false });
    until_so("both films to have something in their place", async || page(&visitor).await == held).await;
    assert_eq!(ran(&visitor).await, [""; 0]);

    // One of two purposes is not enough, and an undeclared one never is.
    visitor.presses("choose").await;
    visitor.presses_in_banner("#p-analytics").await;
    visitor.presses("save").await;
    waits_for(&visitor, &["/first.js", "/module.js", "inline after 1"]).await;
    assert_eq!(page(&visitor).await, held);

    // A tag that a single-page app adds later is seen; a second purpose lets go what needs both.
    visitor
        .runs(
            "const late = document.createElement('script'); late.type = 'text/plain'; late.dataset.purpose = 'analytics';
             late.setAttribute('src', '/late.js'); document.body.append(late)",
        )
        .await;
    waits_for(&visitor, &["/first.js", "/late.js", "/module.js", "inline after 1"]).await;
    visitor.runs("assent.open()").await;
    visitor.presses("accept-all").await;
    waits_for(&visitor, &["/both.js", "/first.js", "/late.js", "/module.js", "inline after 1"]).await;
    let open = json!({ "frame": "/frame.html", "film": "/film.webm", "places": 0, "out": 1, "colour": true });
    until_so("everything to be let go", async || page(&visitor).await == open).await;

    // Taken back: the films give way to their places, and what was kept is removed, on every path a script may reach.
    visitor
        .runs(
            "document.cookie = '_sp_id.1=x;path=/'; document.cookie = '_sp_ses.1=x;path=/;domain=clinic.localhost';
             localStorage['clinic.survey'] = 'x'; localStorage['the.sites.own'] = 'x'",
        )
        .await;
    visitor.runs("assent.withdraw()").await;
    until_so("everything to be held again", async || page(&visitor).await == held).await;
    let left: Vec<_> =
        visitor.other_cookies().await.into_iter().filter(|name| name.starts_with("_sp")).collect();
    assert_eq!(left, [""; 0]);
    let storage = visitor.storage().await;
    assert_eq!((&storage["clinic.survey"], &storage["the.sites.own"]), (&Value::Null, &json!("x")));
}

in_every_browser!(what_tags_say_about_themselves_stays);

/// What a tag says about itself holds when it is let go: a hash that does not fit keeps a script from running, a nonce satisfies the
/// page's policy, and what says `async` waits for nobody. Pixels are fetched once.
async fn what_tags_say_about_themselves_stays(browser: Browser) {
    let stack = Stack::starts().await;
    let hash =
        |path: &str| base64_encode(&sha256(format!("(window.ran ||= []).push({path:?})").as_bytes()).0);
    let page = format!(
        "<head><script nonce=n1 src='%TAG%'></script></head><body><h1>A page</h1>
         <script type=text/plain data-purpose=analytics src=/good.js nonce=n1 integrity='sha256-{}' crossorigin=anonymous></script>
         <script type=text/plain data-purpose=analytics src=/bad.js nonce=n1 integrity='sha256-{}'></script>
         <script type=text/plain data-purpose=analytics src=/async.js nonce=n1 async></script>
         <script type=text/plain data-purpose=analytics src=/no-nonce.js></script>
         <img data-purpose=analytics data-src=/pixel.css?one alt=''>",
        hash("/good.js"),
        hash("/other.js"),
    );
    let policy =
        "<meta http-equiv=Content-Security-Policy content=\"script-src 'nonce-n1' 'wasm-unsafe-eval'\">";
    let pages =
        Pages::of(&stack, CLINIC, &page.replacen("<head>", &format!("<head>{policy}"), 1), |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let pixels =
        async || visitor.requests().await.iter().filter(|asked| asked.ends_with("/pixel.css?one")).count();
    assert_eq!((ran(&visitor).await.len(), pixels().await), (0, 0));
    visitor.presses("accept-all").await;
    waits_for(&visitor, &["/async.js", "/good.js"]).await;
    let tags = "return [...document.querySelectorAll('body script[data-purpose]')].map(tag => [new URL(tag.src).pathname, tag.type,
        tag.async, tag.nonce, tag.integrity.slice(0, 7), tag.crossOrigin])";
    let expected = json!([
        ["/good.js", "", false, "n1", "sha256-", "anonymous"],
        ["/bad.js", "", false, "n1", "sha256-", null],
        ["/async.js", "", true, "n1", "", null],
        ["/no-nonce.js", "", false, "", "", null],
    ]);
    assert_eq!(visitor.runs(tags).await, expected);
    visitor.runs("assent.withdraw()").await;
    visitor.runs("assent.open()").await;
    visitor.presses("accept-all").await;
    visitor.has_sent_everything(CLINIC).await;
    waits_for(&visitor, &["/async.js", "/good.js"]).await;
    assert_eq!(pixels().await, 1, "each is let go once");
}

in_every_browser!(a_film_is_agreed_to_in_its_place);

async fn a_film_is_agreed_to_in_its_place(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let place = "document.querySelector('assent-frame').shadowRoot";
    let text = visitor.runs(&format!("return {place}.querySelector('div').innerText")).await;
    let text = text.as_str().unwrap();
    for part in ["Films from Playhouse Video", "Playhouse Video Ltd", "Agree: "] {
        assert!(text.contains(part), "{part} in {text}");
    }
    visitor.photographs("place").await;
    // A script that presses says nothing for the person.
    visitor.runs(&format!("{place}.querySelector('.act').click()")).await;
    assert_eq!(page(&visitor).await["places"], 2);
    assert_eq!(visitor.choice().await, None);

    visitor.runs(&format!("{place}.querySelector('.act').focus()")).await;
    visitor.types('\u{e007}').await;
    until_so("both films to be shown", async || page(&visitor).await["places"] == 0).await;
    assert_eq!(
        visitor.runs("return document.activeElement.localName").await,
        "iframe",
        "the focus goes along"
    );
    visitor.has_sent_everything(CLINIC).await;
    let [record] = &stack.api(CLINIC).history(&visitor.holder().await).await[..] else {
        panic!("one record")
    };
    assert_eq!((record.act, record.surface), (Act::Save, Surface::Content));
    let said: Vec<_> = record.decisions.iter().map(|(id, decision)| (id.as_str(), *decision)).collect();
    assert_eq!(said, [("embeds", Decision::Given)], "nothing else was said");
    assert!(visitor.is_being_asked().await, "the rest is still a question");
    assert_eq!(ran(&visitor).await, [""; 0]);

    // Declining the rest does not touch it if the person says so.
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    assert_eq!(visitor.in_banner_script("root.querySelector('#p-embeds').checked").await, true);
    visitor.presses("save").await;
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(page(&visitor).await["places"], 0);
}
