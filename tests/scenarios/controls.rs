//! `window.assent` for the site's own controls, and what a browser says by itself (Global Privacy Control).

use crate::harness::{Browser, CLINIC, Pages, Stack, Visitor, in_every_browser, until, until_so};
use assent_core::decision::{Act, Choice, Decision};
use assent_core::receipt::Receipt;
use assent_core::record::Surface;
use serde_json::{Value, json};

const PAGE: &str = "<head><script>
        window.heard = [];
        for (const what of ['ready', 'change', 'recorded'])
            document.addEventListener('assent:' + what, event => heard.push([what, event.detail]));
    </script><script src='%TAG%'></script></head>
    <body><h1>A page</h1><button id=yes>Count my visits</button>
    <script>document.querySelector('#yes').onclick = () => assent.set({ analytics: true })</script>";

/// What a promise of the page ends with: its value, or the error's words.
async fn ends(visitor: &Visitor, expression: &str) -> Value {
    let script =
        format!("const done = arguments[0]; ({expression}).then(done, error => done(String(error)))");
    visitor.runs_to_its_end(&script).await
}

async fn heard(visitor: &Visitor, what: &str) -> Vec<Value> {
    let list = visitor.runs("return heard").await;
    let list = list.as_array().unwrap().iter().filter(|one| one[0] == what).map(|one| one[1].clone());
    list.collect()
}

in_every_browser!(a_sites_own_controls);

async fn a_sites_own_controls(browser: Browser) {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let state = visitor.runs("return assent.state()").await;
    assert_eq!(
        (&state["decided"], &state["choices"], &state["language"]),
        (&json!(false), &json!({}), &json!("en"))
    );
    assert_eq!(
        (&state["allowed"]["analytics"], &state["allowed"]["necessary"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(state["signals"], json!({ "gpc": false, "dnt": false }));
    assert_eq!(heard(&visitor, "ready").await.len(), 1);
    assert_eq!(ends(&visitor, "assent.receipt()").await, Value::Null);

    // A page cannot say yes for a person who pressed nothing, and cannot say anything about what is not asked.
    for call in [
        "assent.acceptAll()",
        "assent.set({ analytics: true })",
        "assent.set({ analytics: 'yes', surveys: 'no' })",
    ] {
        assert_eq!(ends(&visitor, call).await, "Error: assent: a yes needs a press", "{call}");
    }
    assert!(ends(&visitor, "assent.set({ spying: true })").await.as_str().unwrap().contains("not asked"));
    assert!(ends(&visitor, "assent.set({ necessary: false })").await.as_str().unwrap().contains("not asked"));
    assert_eq!(visitor.choice().await, None);

    visitor.presses_on_page("#yes").await;
    until_so("the yes to hold", async || {
        visitor.runs("return assent.state().allowed.analytics").await == true
    })
    .await;
    assert!(visitor.is_being_asked().await, "the rest is still a question");
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(heard(&visitor, "change").await.last().unwrap()["choices"], json!({ "analytics": "yes" }));

    // No is said without anything, takes the question away, and leaves what was not named.
    let receipt = ends(&visitor, "assent.withdraw('surveys', 'embeds', 'email-tracking')").await;
    let receipt = Receipt::parse(receipt.as_str().unwrap()).expect("it ends with the receipt");
    assert!(receipt.verify(None).is_ok());
    until_so("the question to go", async || !visitor.is_being_asked().await).await;
    let choice = visitor.choice().await.unwrap();
    assert_eq!(choice.choices.values().filter(|choice| **choice == Choice::Yes).count(), 1);
    assert_eq!(choice.choices.len(), 4);
    ends(&visitor, "assent.rejectAll()").await;
    let kept = until("the receipt to be found again", async || {
        ends(&visitor, "assent.receipt()").await.as_str().map(String::from)
    })
    .await;
    assert_eq!(heard(&visitor, "recorded").await.last().unwrap(), &json!(kept));
    let history = api.history(&visitor.holder().await).await;
    let said: Vec<_> = history.iter().map(|record| (record.act, record.surface)).collect();
    assert_eq!(
        said,
        [(Act::Save, Surface::Page), (Act::Save, Surface::Page), (Act::RejectAll, Surface::Page)]
    );
    assert_eq!(history[2].decisions.values().filter(|decision| **decision == Decision::Withdrawn).count(), 1);

    // Nobody hears any more who does not want to.
    let script = "let times = 0; const off = assent.on('change', () => times++); off(); assent.rejectAll(); return times";
    assert_eq!(visitor.runs(script).await, 0);
}

in_every_browser!(a_sites_own_no_is_never_taken_for_an_earlier_press);

/// Where the widget cannot run, what the banner says of a press stands until it is put away. What is said meanwhile counts.
async fn a_sites_own_no_is_never_taken_for_an_earlier_press(browser: Browser) {
    let stack = Stack::starts().await;
    let policy = "<meta http-equiv=content-security-policy content=\"script-src * 'unsafe-inline'\">";
    let page = PAGE.replace("<head>", &format!("<head>{policy}"));
    let pages = Pages::of(&stack, CLINIC, &page, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let counts = async || visitor.runs("return assent.state().allowed.analytics").await == true;
    visitor.presses("reject-all").await;
    visitor.sees_in_banner("[data-act='close']").await;
    visitor.presses_on_page("#yes").await;
    until_so("the yes to hold", async || counts().await).await;
    ends(&visitor, "assent.rejectAll()").await;
    assert!(!counts().await);
    let history = stack.api(CLINIC).history(&visitor.holder().await).await;
    let said: Vec<_> = history.iter().map(|record| (record.act, record.surface)).collect();
    assert_eq!(
        said,
        [(Act::RejectAll, Surface::FirstLayer), (Act::Save, Surface::Page), (Act::RejectAll, Surface::Page)]
    );
}

in_every_browser!(two_presses_at_once_are_one_decision_and_the_way_back_counts);

async fn two_presses_at_once_are_one_decision_and_the_way_back_counts(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let script = "const no = document.querySelector('#assent-choices').shadowRoot.querySelector('[data-act=reject-all]');
        no.click(); no.click(); assent.open()";
    visitor.runs(script).await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(stack.api(CLINIC).history(&visitor.holder().await).await.len(), 1);
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.presses("close").await;
    until_so("the choices to close", async || !visitor.shows_in_banner("[data-act='save']").await).await;
}

/// Global Privacy Control, for browsers that have no such setting.
const GPC: &str = "<script>if (!('globalPrivacyControl' in navigator))
    Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })</script>";

/// Every purpose of the clinic shares data.
fn all_share(file: String) -> String {
    let file = file.replace("sharing = true\n", "");
    file.replace("route = \"consent\"\n", "route = \"consent\"\nsharing = true\n")
}

in_every_browser!(global_privacy_control_is_a_no_until_the_person_says_more);

async fn global_privacy_control_is_a_no_until_the_person_says_more(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, &format!("{GPC}{PAGE}"), all_share).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.asks_not_to_share().await;
    visitor.visits(&pages.origin).await;
    let state = visitor.runs("return assent.state()").await;
    assert_eq!(state["decided"], true, "the browser has answered: {state}");
    assert_eq!(state["choices"]["analytics"], "no");
    assert_eq!(state["signals"]["gpc"], true);
    assert!(!visitor.is_being_asked().await);
    assert_eq!(visitor.choice().await, None, "nothing is stored for it");

    visitor.runs("assent.open()").await;
    visitor.sees_in_banner("[data-act='save']").await;
    assert!(!visitor.shows_in_banner("[data-act='receipt']").await, "no decision, no receipt");
    visitor.presses("close").await;
    assert!(!visitor.is_being_asked().await);
    visitor.runs("assent.open()").await;
    visitor.presses_in_banner("#p-analytics").await;
    visitor.presses("save").await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    assert_eq!(
        visitor.runs("return assent.state().allowed.analytics").await,
        true,
        "the person's own word counts"
    );
    let [record] = &stack.api(CLINIC).history(&visitor.holder().await).await[..] else {
        panic!("one record")
    };
    assert!(record.signals.gpc);
}

in_every_browser!(the_banner_says_that_it_heard_the_browser);

async fn the_banner_says_that_it_heard_the_browser(browser: Browser) {
    let stack = Stack::starts().await;
    let one_shares = |file: String| {
        file.replacen(
            "id = \"analytics\"\nroute = \"consent\"\n",
            "id = \"analytics\"\nroute = \"consent\"\nsharing = true\n",
            1,
        )
    };
    for says in [true, false] {
        let page = if says { format!("{GPC}{PAGE}") } else { PAGE.into() };
        let pages = Pages::of(&stack, CLINIC, &page, one_shares).await;
        let visitor = Visitor::arrives(browser).await;
        if says {
            visitor.asks_not_to_share().await;
        }
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        let sentence = "Your browser asks sites not to share your data. That is a no to: Website statistics, Films from Playhouse Video.";
        assert_eq!(visitor.banner_text().await.contains(sentence), says, "on the question");
        visitor.has_the_widget().await;
        visitor.presses("choose").await;
        visitor.sees_in_banner("[data-act='save']").await;
        assert_eq!(visitor.banner_text().await.contains(sentence), says, "among the single choices");
        visitor.takes_picture(&format!("heard-{says}")).await;
    }
}

in_every_browser!(do_not_track_counts_only_where_a_site_honours_it);

async fn do_not_track_counts_only_where_a_site_honours_it(browser: Browser) {
    let stack = Stack::starts().await;
    for honours in [false, true] {
        let change = |file: String| {
            let line = if honours { "honour_dnt = true\n\n[controller]" } else { "[controller]" };
            all_share(file).replacen("[controller]", line, 1)
        };
        let says = "<script>Object.defineProperty(navigator, 'doNotTrack', { value: '1' })</script>";
        let pages = Pages::of(&stack, CLINIC, &format!("{says}{PAGE}"), change).await;
        let visitor = Visitor::arrives(browser).await;
        visitor.visits(&pages.origin).await;
        let state = visitor.runs("return assent.state()").await;
        assert_eq!((&state["decided"], &state["signals"]["dnt"]), (&json!(honours), &json!(honours)));
        if honours {
            ends(&visitor, "assent.rejectAll()").await;
            let [record] = &stack.api(CLINIC).history(&visitor.holder().await).await[..] else {
                panic!("one record")
            };
            assert!(record.signals.dnt && !record.signals.gpc);
        }
    }
}

in_every_browser!(only_a_significant_change_asks_again_and_only_those_who_agreed);

async fn only_a_significant_change_asks_again_and_only_those_who_agreed(browser: Browser) {
    let stack = Stack::starts().await;
    Pages::of(&stack, CLINIC, PAGE, |file| file).await;
    let (agreed, refused) = (Visitor::arrives(browser).await, Visitor::arrives(browser).await);
    for (visitor, act) in [(&agreed, "accept-all"), (&refused, "reject-all")] {
        visitor.visits(&stack.site(CLINIC).page("/")).await;
        visitor.presses(act).await;
        visitor.has_sent_everything(CLINIC).await;
    }
    // New words ask nobody.
    let edited = |file: String| file.replace("Website statistics", "Statistics of the website");
    let pages = Pages::of(&stack, CLINIC, PAGE, edited).await;
    for visitor in [&agreed, &refused] {
        visitor.visits(&pages.origin).await;
        assert_eq!(visitor.runs("return assent.state().decided").await, true);
    }
    // A change of one purpose asks those who agreed to it, about it.
    let decided = jiff::Timestamp::now().as_second();
    until_so("a later second", async || jiff::Timestamp::now().as_second() > decided).await;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let changed = |file: String| {
        file.replacen("id = \"analytics\"\n", &format!("id = \"analytics\"\nchanged = \"{now}\"\n"), 1)
    };
    let pages = Pages::of(&stack, CLINIC, PAGE, changed).await;
    for (visitor, decided) in [(&agreed, false), (&refused, true)] {
        visitor.visits(&pages.origin).await;
        let state = visitor.runs("return assent.state()").await;
        assert_eq!(
            (&state["decided"], &state["allowed"]["analytics"]),
            (&json!(decided), &json!(false)),
            "{state}"
        );
        assert_eq!(state["allowed"]["surveys"], !decided, "what did not change holds");
    }
    let standing = stack.api(CLINIC).state(&agreed.holder().await).await;
    assert_eq!(standing.purposes["analytics"], assent_core::decision::Standing::Expired);
    assert_eq!(standing.purposes["surveys"], assent_core::decision::Standing::Granted);
}
