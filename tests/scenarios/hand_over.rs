//! A choice goes on to another site of the same controller only when the person presses there, and then only what both ask in the
//! same words.

use crate::axe;
use crate::harness::{Browser, CHARITY, CLINIC, Stack, Visitor, form_field, in_every_browser, key, until_so};
use assent_core::choice_cookie::ChoiceCookie;
use assent_core::decision::{Act, Choice, Decision};
use assent_core::record::Surface;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{RequestBuilder, Response, StatusCode};

/// Makes the charity's site the clinic's second one: the clinic's questions, of which one has another word in it.
pub(crate) fn makes_one_controller_of(stack: &Stack) {
    let (clinic, charity) = (stack.site(CLINIC), stack.site(CHARITY));
    let first = stack.site_file(CLINIC);
    let second = first
        .replacen("id = \"clinic\"", "id = \"charity\"", 1)
        .replace(&clinic.origin, &charity.origin)
        .replace(clinic.assent(), charity.assent())
        .replacen("cookie_domain = \"clinic.localhost\"", "cookie_domain = \"charity.localhost\"", 1);
    let name = "[text.en.purposes.surveys]\nname = \"";
    assert!(second.contains(name), "the example has surveys");
    let second = second.replacen(name, &format!("{name}Our own: "), 1);
    let first = first.replacen("default_language", "hands_over_to = [\"charity\"]\ndefault_language", 1);
    for (name, file) in [("second.toml", second), ("first.toml", first)] {
        let path = stack.path(name);
        std::fs::write(&path, file + "\n[log]\ncheckpoint_seconds = 0\n").unwrap();
        stack.runs_well(&["site", "apply", path.to_str().unwrap()]);
    }
}

/// What the first site's choices page offers a browser with this cookie: the ticket.
async fn ticket(stack: &Stack, cookie: &str) -> Option<String> {
    let page = stack.api(CLINIC).get("choices?lang=en").header(COOKIE, cookie).send().await.unwrap();
    let text = page.text().await.unwrap();
    let (_, rest) = text.split_once("name=\"ticket\" value=\"")?;
    Some(rest.split('"').next().unwrap().to_string())
}

fn with_ticket(request: RequestBuilder, origin: &str, ticket: &str) -> RequestBuilder {
    let body = format!("ticket={ticket}");
    assert_eq!(form_field(body.as_bytes(), "ticket").as_deref(), Some(ticket), "it needs no escaping");
    request.header(ORIGIN, origin).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// `name=value` of the choice cookie that an answer sets.
fn cookie(answer: &Response) -> Option<String> {
    let set = answer.headers().get(SET_COOKIE)?.to_str().unwrap();
    Some(set.split(';').next().unwrap().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_take_their_choices_on_by_plain_forms() {
    let stack = Stack::starts().await;
    makes_one_controller_of(&stack);
    let (clinic, charity) = (stack.api(CLINIC), stack.api(CHARITY));
    let entries = async || stack.api(CHARITY).export("ndjson", "").await.lines().count();
    let before = entries().await;

    // One says yes to all, the other no.
    let mut cookies = Vec::new();
    for act in [Act::AcceptAll, Act::RejectAll] {
        let body = clinic.says(act).await;
        let answer = clinic.decides(&crate::harness::Holder::new(), &key(), &body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        cookies.push(cookie(&answer).unwrap());
    }
    assert_eq!(ticket(&stack, "").await, None, "whoever said nothing is offered nothing");
    let mut tickets = Vec::new();
    for cookie in &cookies {
        tickets.push(ticket(&stack, cookie).await.expect("both are offered to go on"));
    }
    // Looking at it, as often as one likes, changes nothing.
    for ticket in &tickets {
        let shown =
            with_ticket(charity.post("hand-over"), clinic.site.assent(), ticket).send().await.unwrap();
        assert_eq!((shown.status(), cookie(&shown)), (StatusCode::OK, None));
    }
    assert_eq!(entries().await, before);

    for (ticket, (expected, decision)) in
        tickets.iter().zip([(Choice::Yes, Decision::Given), (Choice::No, Decision::Refused)])
    {
        let taken = with_ticket(charity.post("hand-over/take"), charity.site.assent(), ticket);
        let taken = taken.send().await.unwrap();
        assert_eq!(taken.status(), StatusCode::SEE_OTHER);
        assert!(taken.headers()[LOCATION].to_str().unwrap().starts_with(&charity.site.api));
        let kept = cookie(&taken).expect("the other site's pages are told");
        let kept = ChoiceCookie::parse(kept.strip_prefix("assent=").unwrap()).unwrap();
        assert_eq!(kept.choices.get("analytics"), Some(&expected));
        assert_eq!(kept.choices.get("surveys"), None, "asked there in other words, so it stays a question");
        let history = charity.history(&crate::harness::Holder(kept.token)).await;
        let [record] = &history[..] else { panic!("one record, not {}", history.len()) };
        assert_eq!((record.act, record.surface), (Act::Save, Surface::HandOver));
        assert_eq!(record.origin.as_deref(), Some(charity.site.assent()));
        assert_eq!(record.decisions.get("analytics"), Some(&decision));
        assert!(!record.decisions.contains_key("surveys"));
    }
    let after = entries().await;

    // Used, forged, for another site, from elsewhere: said, and nothing is recorded.
    let mut forged = tickets[0].clone();
    forged.replace_range(60..61, if &forged[60..61] == "A" { "B" } else { "A" });
    let (ours, theirs) = (clinic.site.assent(), charity.site.assent());
    for (api, path, origin, ticket, status) in [
        (&charity, "hand-over/take", theirs, &tickets[0], 409),
        (&charity, "hand-over", ours, &tickets[0], 409),
        (&charity, "hand-over/take", theirs, &forged, 422),
        (&clinic, "hand-over/take", ours, &tickets[1], 422),
        (&charity, "hand-over/take", "http://evil.localhost", &tickets[1], 403),
        (&charity, "hand-over/take", charity.site.origin.as_str(), &tickets[1], 403),
    ] {
        let answer = with_ticket(api.post(path), origin, ticket).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), cookie(&answer)), (status, None), "{path} from {origin}");
    }
    assert_eq!(entries().await, after);
}

in_every_browser!(nothing_to_complain_about_where_choices_go_on);

async fn nothing_to_complain_about_where_choices_go_on(browser: Browser) {
    let stack = Stack::starts().await;
    makes_one_controller_of(&stack);
    let clinic = stack.site(CLINIC);
    for (colours, looks) in browser.colours() {
        let visitor = Visitor::arrives_with(browser, looks).await;
        visitor.visits(&clinic.page("/")).await;
        visitor.presses("accept-all").await;
        visitor.has_sent_everything(CLINIC).await;
        visitor.opens(&format!("{}/choices?lang=en", clinic.api)).await;
        assert_eq!(visitor.counts("section[aria-labelledby='hand-over'] button").await, 1);
        axe::finds_nothing(&visitor, &format!("the choices page with its offer, {colours}")).await;
        visitor.presses_on_page("section[aria-labelledby='hand-over'] button").await;
        until_so("the other site's page", async || {
            visitor.reads("h1").await.starts_with("Your choices from")
        })
        .await;
        axe::finds_nothing(&visitor, &format!("the page that takes over, {colours}")).await;
    }
}

in_every_browser!(takes_their_choices_on);

async fn takes_their_choices_on(browser: Browser) {
    let stack = Stack::starts().await;
    makes_one_controller_of(&stack);
    let (clinic, charity) = (stack.site(CLINIC), stack.site(CHARITY));
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&clinic.page("/")).await;
    visitor.presses("accept-all").await;
    visitor.has_sent_everything(CLINIC).await;
    if browser != Browser::WebKit {
        visitor.allows_script(false).await;
    }
    visitor.opens(&format!("{}/choices?lang=en", clinic.api)).await;
    visitor.photographs("hand-over-offered").await;
    visitor.presses_on_page("section[aria-labelledby='hand-over'] button").await;
    until_so("the other site's page", async || {
        visitor.reads("h1").await.starts_with("Your choices from clinic.localhost")
    })
    .await;
    let said = visitor.reads("ul.said").await;
    assert!(said.contains("On") && !said.contains("urvey"), "{said}");
    visitor.photographs("hand-over-asked").await;
    let records = async || stack.api(CHARITY).export("ndjson", "").await.matches("hand-over").count();
    assert_eq!(records().await, 0, "nothing before a press");
    visitor.presses_on_page("main form button").await;
    until_so("the other site to say that it is kept", async || {
        visitor.address().await.starts_with(&format!("{}/choices?", charity.api))
    })
    .await;
    let history = visitor.reads("section[aria-labelledby='history']").await;
    assert!(history.contains("taken over from another of our sites"), "{history}");
    visitor.photographs("hand-over-taken").await;
    if browser != Browser::WebKit {
        visitor.allows_script(true).await;
    }
    visitor.visits(&charity.page("/")).await;
    assert_eq!(visitor.runs("return window.assent.state().choices.analytics").await, "yes");
    assert_eq!(
        visitor.runs("return window.assent.state().choices.surveys ?? null").await,
        serde_json::Value::Null
    );
    assert!(visitor.is_being_asked().await, "what is asked only there is still asked");
    assert_eq!(records().await, 1);
}
