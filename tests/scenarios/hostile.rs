//! Pages and browsers that get in the way: old libraries that change what every list can do, no storage, no cookies, a clock
//! that is years off, a policy that blocks half, a notice full of markup, a service that is slow or answers rubbish, a frame. The page
//! works, nothing runs before a yes, the person can choose, and what they chose is recorded once.

use crate::harness::{
    Browser, CLINIC, Holder, Looks, Pages, Stack, Visitor, in_every_browser, until, until_so,
};
use crate::statistics::counts as counts_unasked;
use assent_core::decision::Act;
use assent_core::subject::SubjectToken;
use serde_json::Value;

const PAGE: &str = "<head><script src='%TAG%'></script>
    <script type=text/plain data-purpose=analytics src=/counted.js></script></head>
    <body><h1>A page</h1><p>Text.</p>";

/// Notes whose decisions leave the page.
const LISTEN: &str = "const real = fetch; window.fetch = (address, how) => {
        const whose = how?.headers?.['assent-subject'];
        if (whose && how.method == 'POST') (window.whose ||= []).push(whose);
        return real(address, how);
    };";

/// How many scripts ran. A number, because what some of these pages do to lists and texts, they do to a driver's answers too.
async fn ran(visitor: &Visitor) -> Value {
    visitor.runs("return window.ran?.length ?? 0").await
}

/// Whoever decided on this page.
async fn holder(visitor: &Visitor) -> Holder {
    let token = until("a decision to leave the page", async || {
        visitor.runs("return window.whose?.[0] ?? null").await.as_str().map(String::from)
    })
    .await;
    Holder(SubjectToken::parse(token.trim_matches('"')).unwrap())
}

/// [`PAGE`], which begins with `script`.
async fn page(stack: &Stack, script: &str, change: impl FnOnce(String) -> String) -> Pages {
    Pages::of(stack, CLINIC, &format!("<script>{LISTEN}{script}</script>{PAGE}"), change).await
}

/// Asks on a page; a yes holds at once and is recorded once. Gives the visitor on that page.
async fn asks_and_records_once(browser: Browser, stack: &Stack, pages: &Pages) -> Visitor {
    let visitor = Visitor::arrives(browser).await;
    is_asked_and_recorded_once(&visitor, stack, pages).await;
    visitor
}

async fn is_asked_and_recorded_once(visitor: &Visitor, stack: &Stack, pages: &Pages) {
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    assert_eq!(ran(visitor).await, 0, "before a yes");
    visitor.presses("accept-all").await;
    until_so("the script to run", async || ran(visitor).await == 1).await;
    let holder = holder(visitor).await;
    let history = until("the record", async || {
        Some(stack.api(CLINIC).history(&holder).await).filter(|history| !history.is_empty())
    })
    .await;
    let acts: Vec<_> = history.iter().map(|record| record.act).collect();
    assert_eq!(acts, [Act::AcceptAll]);
}

// WebKit's driver hands what it finds through the page's own lists and texts, and presses nothing where libraries changed those.
in_every_browser!(old_libraries_do_not_get_in_the_way: in_chromium Chromium, in_firefox Firefox);

async fn old_libraries_do_not_get_in_the_way(browser: Browser) {
    let stack = Stack::starts().await;
    // As Prototype, MooTools and their like did: lists that print as text, and additions that `for in` finds.
    let script = "Array.prototype.toJSON = function () { return '[' + this.join() + ']' };
        String.prototype.toJSON = function () { return '\"' + this + '\"' };
        Array.prototype.each = Array.prototype.forEach; Object.prototype.keys = function () { return [] };
        Function.prototype.bind = function (self) { const f = this; return () => f.apply(self) };";
    let pages = page(&stack, script, |file| file).await;
    let visitor = asks_and_records_once(browser, &stack, &pages).await;
    visitor.visits(&pages.origin).await;
    assert!(!visitor.is_being_asked().await, "and is remembered");
}

in_every_browser!(without_storage_the_choice_is_recorded_all_the_same);

async fn without_storage_the_choice_is_recorded_all_the_same(browser: Browser) {
    let stack = Stack::starts().await;
    let script = "for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])
        Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError') } });";
    let pages = page(&stack, script, |file| file).await;
    let visitor = asks_and_records_once(browser, &stack, &pages).await;
    visitor.visits(&pages.origin).await;
    assert!(!visitor.is_being_asked().await, "the cookie remembers");
}

in_every_browser!(without_cookies_the_choice_holds_as_long_as_the_page);

async fn without_cookies_the_choice_holds_as_long_as_the_page(browser: Browser) {
    let stack = Stack::starts().await;
    let script = "Object.defineProperty(Document.prototype, 'cookie', {
        get() { throw new DOMException('no', 'SecurityError') }, set() { throw new DOMException('no', 'SecurityError') } });";
    let pages = page(&stack, script, |file| file).await;
    let visitor = asks_and_records_once(browser, &stack, &pages).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    assert_eq!(ran(&visitor).await, 0, "what is not remembered is not allowed");
}

in_every_browser!(a_browser_that_keeps_nothing_is_asked_on_every_page);

/// Not as a page's script would have it: the person's own setting.
async fn a_browser_that_keeps_nothing_is_asked_on_every_page(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = page(&stack, "", |file| file).await;
    let visitor = Visitor::arrives_with(browser, Looks { keeps: false, ..Looks::default() }).await;
    is_asked_and_recorded_once(&visitor, &stack, &pages).await;
    assert_eq!(visitor.runs("return document.cookie").await, "");
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    assert_eq!(ran(&visitor).await, 0, "what is not remembered is not allowed");
}

in_every_browser!(a_clock_that_is_years_off_grants_nothing_later);

async fn a_clock_that_is_years_off_grants_nothing_later(browser: Browser) {
    let stack = Stack::starts().await;
    for years in [-20, 12] {
        let script = format!(
            "const Right = Date, off = {years} * 31557600000; window.Date = class extends Right {{
                constructor(...all) {{ all.length ? super(...all) : super(Right.now() + off) }}
                static now() {{ return Right.now() + (window.right ? 0 : off) }} }};"
        );
        let pages = page(&stack, &script, |file| file).await;
        asks_and_records_once(browser, &stack, &pages).await;
    }
    let pages = page(&stack, "", |file| file).await;
    // A choice from the future, as a clock that was ahead left it: asked again, and no yes.
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let script = "const later = Math.floor(Date.now() / 1000) + 12 * 31557600;
        document.cookie = `assent=v1.BwcHBwcHBwcHBwcHBwcHBw.0123456789abcdef.${later}.analytics:y~embeds:y~surveys:y;path=/`";
    visitor.runs(script).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    assert_eq!(ran(&visitor).await, 0);
}

in_every_browser!(rubbish_from_the_service_is_asked_again);

async fn rubbish_from_the_service_is_asked_again(browser: Browser) {
    let stack = Stack::starts().await;
    // Something between browser and service answers for it twice: a page of a hotel's network, then half a message.
    let script = "let left = 2; const listened = window.fetch; window.fetch = (address, how) =>
        how?.method == 'POST' && left-- > 0
            ? Promise.resolve(new Response('<html>Please log in', { status: left ? 200 : 502 }))
            : listened(address, how);";
    let pages = page(&stack, script, |file| file).await;
    asks_and_records_once(browser, &stack, &pages).await;
}

in_every_browser!(a_page_prepared_unseen_tells_nobody_and_records_nothing);

/// A browser prepares pages that nobody may ever see, and opens others behind the one that is read: nobody is told, nobody decides.
async fn a_page_prepared_unseen_tells_nobody_and_records_nothing(browser: Browser) {
    let stack = Stack::starts().await;
    // Counting runs as soon as people were told.
    let script = "let unseen = true; Object.defineProperty(document, 'hidden', { get: () => unseen });
        window.comesIntoSight = () => { unseen = false; document.dispatchEvent(new Event('visibilitychange')) };";
    let pages = page(&stack, script, counts_unasked).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.runs_to_its_end("setTimeout(arguments[0], 500)").await;
    assert!(!visitor.is_being_asked().await);
    assert_eq!(ran(&visitor).await, 0);
    visitor.runs("comesIntoSight()").await;
    visitor.is_asked().await;
    until_so("counting to begin", async || ran(&visitor).await == 1).await;
    assert_eq!(visitor.runs("return window.whose ?? null").await, Value::Null, "nobody decided anything");
    assert_eq!(visitor.choice().await, None);
}

in_every_browser!(a_choice_in_a_frame_is_heard_around_it);

async fn a_choice_in_a_frame_is_heard_around_it(browser: Browser) {
    let stack = Stack::starts().await;
    let page = format!(
        "{PAGE}<script>if (top == self) document.body.append(Object.assign(document.createElement('iframe'), {{ src: '/inside', width: 900, height: 600 }}))</script>"
    );
    let pages = Pages::of(&stack, CLINIC, &page, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    let press = "const button = frames[0].document.querySelector('#assent-choices')?.shadowRoot.querySelector('[data-act=reject-all]');
        button?.click(); return !!button";
    until_so("the frame to ask", async || visitor.runs(press).await == true).await;
    until_so("the page around it to know", async || !visitor.is_being_asked().await).await;
    visitor.has_sent_everything(CLINIC).await;
    let history = stack.api(CLINIC).history(&visitor.holder().await).await;
    assert_eq!(history.iter().map(|record| record.act).collect::<Vec<_>>(), [Act::RejectAll]);
    assert_eq!(ran(&visitor).await, 0);
}

in_every_browser!(what_a_policy_keeps_back_is_recorded_on_a_page_that_lets_it);

/// The page may run the embed and must not talk to Assent: neither the widget nor a decision gets through.
async fn what_a_policy_keeps_back_is_recorded_on_a_page_that_lets_it(browser: Browser) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let page = "<head><script>
            const policy = { '/half': \"connect-src 'self'\", '/nothing': \"script-src 'unsafe-inline'\" }[location.pathname];
            addEventListener('securitypolicyviolation', event => (window.broken ||= []).push(event.effectiveDirective));
            if (policy) document.write(`<meta http-equiv=Content-Security-Policy content=\"${policy}\">`);
        </script><script src='%TAG%'></script>
        <script type=text/plain data-purpose=analytics src=/counted.js></script></head>
        <body><h1>A page</h1><a data-assent=open href='%CHOICES%'>Your choices</a>";
    let page = page.replace("%CHOICES%", &format!("{}/choices", site.api));
    let pages = Pages::of(&stack, CLINIC, &page, |file| file).await;
    let visitor = Visitor::arrives(browser).await;

    // No script of Assent's at all: nothing runs, and the way back is a link like others.
    visitor.opens(&format!("{}/nothing", pages.origin)).await;
    assert_eq!(
        visitor.runs("return [!!window.assent, window.ran ?? []]").await,
        serde_json::json!([false, []])
    );
    visitor.presses_on_page("a[data-assent]").await;
    until_so("the choices page to open", async || visitor.address().await.starts_with(&site.api)).await;

    visitor.visits(&format!("{}/half", pages.origin)).await;
    visitor.is_asked().await;
    assert_eq!(ran(&visitor).await, 0, "before a yes");
    visitor.presses("accept-all").await;
    until_so("the script to run", async || ran(&visitor).await == 1).await;
    assert_eq!(visitor.waiting(CLINIC).await, 1, "it waits in the browser");
    let blocked = "return window.broken?.includes('connect-src') ?? false";
    until_so("the policy to have kept it back", async || visitor.runs(blocked).await == true).await;
    let holder = visitor.holder().await;
    assert_eq!(api.history(&holder).await.len(), 0);
    // Single choices have their own page where the widget cannot run.
    visitor.runs("assent.open()").await;
    until_so("the choices page to open", async || visitor.address().await.starts_with(&site.api)).await;

    visitor.visits(&pages.origin).await;
    visitor.has_sent_everything(CLINIC).await;
    let acts: Vec<_> = api.history(&holder).await.iter().map(|record| record.act).collect();
    assert_eq!(acts, [Act::AcceptAll]);
}

in_every_browser!(a_slow_service_holds_up_neither_the_page_nor_the_choice);

/// Slow is not away: the service took the request and does not answer for as long as it likes.
async fn a_slow_service_holds_up_neither_the_page_nor_the_choice(browser: Browser) {
    let stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let page = "<head><script>
            if (location.pathname == '/late') addEventListener('load', () => setTimeout(() => document.head.append(
                Object.assign(document.createElement('script'), { src: '%TAG%' }))));
            else document.write('<script src=\"%TAG%\"><\\/script>');
        </script><script type=text/plain data-purpose=analytics src=/counted.js></script></head><body><h1>A page</h1>";
    let pages = Pages::of(&stack, CLINIC, page, |file| file).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    visitor.has_the_widget().await;
    stack.assent().is_halted();
    visitor.presses("accept-all").await;
    until_so("the script to run", async || ran(&visitor).await == 1).await;
    assert!(!visitor.is_being_asked().await);
    assert_eq!(visitor.waiting(CLINIC).await, 1);
    let holder = visitor.holder().await;
    stack.assent().goes_on();
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(api.history(&holder).await.len(), 1, "recorded once");

    // Somebody else's embed does not come: their page is there, and nothing of it runs until it does.
    let other = Visitor::arrives(browser).await;
    stack.assent().is_halted();
    other.opens(&format!("{}/late", pages.origin)).await;
    assert_eq!(other.reads("h1").await, "A page");
    assert_eq!(
        other.runs("return [!!window.assent, window.ran ?? []]").await,
        serde_json::json!([false, []])
    );
    stack.assent().goes_on();
    other.is_asked().await;
    assert_eq!(ran(&other).await, 0);
}

in_every_browser!(a_notice_full_of_markup_stays_text);

/// Whoever writes the notice writes text: nothing of it becomes markup or script, on any layer, in any place.
async fn a_notice_full_of_markup_stays_text(browser: Browser) {
    let stack = Stack::starts().await;
    let bad =
        "</script><img src=x onerror=window.pwned=1>${window.pwned=1}`+(window.pwned=1)+`\u{2028}'\\\"&lt;";
    let hostile = |file: String| {
        let mut file: toml::Table = toml::from_str(&file).unwrap();
        let purposes = file["text"]["en"]["purposes"].as_table_mut().unwrap();
        for text in purposes.iter_mut().map(|(_, text)| text.as_table_mut().unwrap()) {
            for (_, value) in text.iter_mut().filter(|(_, value)| value.is_str()) {
                *value = format!("{} {bad}", value.as_str().unwrap()).into();
            }
        }
        let text = file["text"]["en"].as_table_mut().unwrap();
        for name in ["title", "intro"] {
            let value = format!("{} {bad}", text[name].as_str().unwrap());
            text.insert(name.into(), value.into());
        }
        file.remove("log");
        file.to_string()
    };
    let page = format!(
        "{PAGE}<iframe data-purpose=embeds data-src=/frame.html title=A width=400 height=260></iframe>"
    );
    let pages = Pages::of(&stack, CLINIC, &page, hostile).await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&pages.origin).await;
    visitor.is_asked().await;
    assert!(visitor.banner_text().await.contains("onerror=window.pwned=1"), "it is shown as it was written");
    visitor.presses("choose").await;
    visitor.sees_in_banner("[data-act='save']").await;
    visitor.presses("accept-all").await;
    until_so("the script to run", async || ran(&visitor).await == 1).await;
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(visitor.runs("return window.pwned ?? null").await, Value::Null);
    visitor.opens(&format!("{}/choices", stack.site(CLINIC).api)).await;
    assert_eq!(
        visitor.runs("return [window.pwned ?? null, document.images.length]").await,
        serde_json::json!([null, 0])
    );
}
