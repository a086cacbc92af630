//! Text alerts: a number is confirmed by whoever reads it, with a six-digit code on a page of ours, and by nothing else. The gateway is
//! a real Kannel; the phone is its own fake SMSC.

use crate::axe;
use crate::harness::{
    Api, Browser, CLINIC, Contract, Holder, Kannel, MailServer, Mood, Stack, Visitor, until_so,
};
use crate::s13_confirmed::{presses, stack_entries};
use assent_core::decision::{Act, Choice, Decision};
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::Surface;
use assent_core::wire::{MayReason, Problem, SignUpRequest};
use reqwest::StatusCode;
use reqwest::header::ORIGIN;

pub(crate) const NUMBER: &str = "+447700900123";
pub(crate) const ADDRESS: &str = "gwenllian@post.example.org";

#[tokio::test(flavor = "multi_thread")]
async fn signed_up_on_the_page_and_confirmed_with_the_code_from_the_phone() {
    if !Kannel::is_wanted() {
        return;
    }
    let mut stack = Stack::starts().await;
    let kannel = stack.kannel_starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(Browser::Chromium).await;
    visitor.allows_script(false).await;

    visitor.opens(&format!("{}/alerts", site.api)).await;
    visitor.presses_on_page("#wanted-text-clinic-changes").await;
    visitor.writes("#phone", "+44 7700 900123").await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say what happens next", async || visitor.counts("[role=status]").await == 1).await;
    visitor.photographs("text-signed-up").await;
    let text = kannel.text(NUMBER, 1, "STOP").await;
    for part in ["Glanmôr", "72 hours", &format!("{}/code", site.api), "Not you?", "Reply STOP"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let code = code(&text);
    let before = api.may(Channel::Text, NUMBER, "clinic-changes").await;
    assert_eq!((before.may, before.reason), (Choice::No, MayReason::Unconfirmed), "a text confirms nothing");

    visitor.presses_on_page("main a[href*='/code']").await;
    until_so("the page to ask for the code", async || visitor.counts("#code").await == 1).await;
    assert!(!visitor.address().await.contains("7700"), "no number in an address");
    visitor.allows_script(true).await;
    axe::finds_nothing(&visitor, "the page for the code").await;
    visitor.allows_script(false).await;
    visitor.photographs("text-code").await;
    // The number is there already: it is this browser's sign-up.
    visitor.writes("#code", &wrong(&code)).await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say that it does not fit", async || visitor.counts("[role=alert]").await == 1)
        .await;
    visitor.photographs("text-code-wrong").await;
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Unconfirmed);
    visitor.writes("#code", &format!("{} {}", &code[..3], &code[3..])).await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say what it is about", async || visitor.counts("ul.said").await == 1).await;
    assert!(visitor.reads("ul.said").await.contains("Clinic changes"));
    visitor.photographs("text-code-right").await;
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Unconfirmed);
    visitor.presses_on_page("form[action*='/confirm/'] button").await;
    until_so("the page to say that it is confirmed", async || visitor.counts("[role=status]").await == 1)
        .await;
    visitor.photographs("text-confirmed").await;

    let after = api.may(Channel::Text, NUMBER, "clinic-changes").await;
    assert_eq!((after.may, after.reason), (Choice::Yes, MayReason::Granted), "the very next answer is yes");
    let message = after.message.expect("what a text must carry");
    assert!(message.list_unsubscribe.is_none() && message.your_alerts.contains("/your-alerts/"));
    let other = api.may(Channel::Text, NUMBER, "health-campaigns").await;
    assert_eq!((other.may, other.reason), (Choice::No, MayReason::NotAsked), "for nothing else");

    // The request and the confirmation are two records, each with its time.
    let export = api.export("ndjson", "&purpose=text-clinic-changes").await;
    let records: Vec<serde_json::Value> = export
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|line| Some(serde_json::from_str(line["record"].as_str()?).unwrap()))
        .collect();
    let said: Vec<_> =
        records.iter().map(|record| (record["act"].as_str().unwrap(), &record["decisions"])).collect();
    let given = serde_json::json!({ "text-clinic-changes": Decision::Given });
    let confirmed = serde_json::json!({ "text-clinic-changes": Decision::Confirmed });
    assert_eq!(said, [(Act::Save.as_str(), &given), (Act::Link.as_str(), &confirmed)]);
    assert_eq!(records[1]["surface"].as_str(), Some(Surface::Message.as_str()));
    assert!(records[0]["time"].as_str() < records[1]["time"].as_str());
    assert_eq!(after.receipt.as_deref(), records[1]["id"].as_str());

    // Entering it twice is one confirmation, and nothing more is sent.
    let entries = stack_entries(&api).await;
    assert_eq!(enters(&api, NUMBER, &code).await, StatusCode::OK);
    assert_eq!(stack_entries(&api).await, entries);
    assert_eq!(kannel.texts(NUMBER).len(), 1);
    let said = stack.said();
    assert!(
        !said.contains("7700900123") && !said.contains(&code),
        "neither number nor code in the server's log"
    );
}

/// Somebody signed up at the clinic by email and by text at once, in this language. Nothing is confirmed yet.
pub(crate) async fn asked_for_on_both(language: &str) -> (Stack, MailServer, Kannel, Api) {
    let mut stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let kannel = stack.kannel_starts().await;
    let api = stack.api(CLINIC);
    let wanted = ["email-clinic-changes", "text-clinic-changes", "text-health-campaigns"];
    signs_up(&api, Some(ADDRESS), Some(NUMBER), &wanted, language).await;
    (stack, mail_server, kannel, api)
}

#[tokio::test(flavor = "multi_thread")]
async fn by_email_and_by_text_are_confirmed_one_by_one_and_everything_is_seen_with_a_link_by_text() {
    if !Kannel::is_wanted() {
        return;
    }
    let (_stack, mail_server, kannel, api) = asked_for_on_both("cy").await;
    let address = ADDRESS;
    let text = kannel.text(NUMBER, 1, "STOP").await;
    assert!(text.contains("72 awr"), "in the language it was asked for in: {text}");
    presses(&api, &mail_server.mail(1).await.link("confirm")).await;
    assert_eq!(api.may(Channel::Email, address, "clinic-changes").await.may, Choice::Yes);
    assert_eq!(
        api.may(Channel::Text, NUMBER, "clinic-changes").await.reason,
        MayReason::Unconfirmed,
        "who reads the mailbox says nothing about the phone"
    );
    assert_eq!(enters(&api, NUMBER, &code(&text)).await, StatusCode::OK);
    for topic in ["clinic-changes", "health-campaigns"] {
        assert_eq!(api.may(Channel::Text, NUMBER, topic).await.may, Choice::Yes);
    }
    assert_eq!(api.may(Channel::Email, address, "health-campaigns").await.reason, MayReason::NotAsked);

    // A fresh link, by text.
    let asks = [("phone", "+44 7700 900123"), ("email", ""), ("language", "en")];
    let answer = api.post("your-alerts").header(ORIGIN, api.site.assent()).form(&asks).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let text = kannel.text(NUMBER, 2, "/your-alerts/").await;
    let link = text.split(' ').find(|word| word.contains("/your-alerts/")).unwrap().to_string();
    let path = link.strip_prefix(&format!("{}/", api.site.api)).unwrap();
    let page = api.get(path).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(NUMBER), "{page}");
    let path = path.split('?').next().unwrap();
    let press = [("press", "stop-all"), ("language", "en"), ("key", "a-key-of-its-own")];
    let answer = api.post(path).header(ORIGIN, api.site.assent()).form(&press).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    for topic in ["clinic-changes", "health-campaigns"] {
        assert_eq!(api.may(Channel::Text, NUMBER, topic).await.reason, MayReason::Withdrawn);
    }
    assert_eq!(
        api.may(Channel::Email, address, "clinic-changes").await.may,
        Choice::Yes,
        "email is unchanged"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_fails_hangs_or_refuses_loses_nothing_and_holds_up_no_email() {
    let mut stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let fake = stack.gateway_starts(Contract::Webhook, [("timeout_seconds", 1.into())]).await;
    let api = stack.api(CLINIC);

    fake.is(Mood::Failing);
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    until_so("Assent to have tried in vain", async || fake.asked() > 0).await;
    signs_up(&api, Some("ann@example.org"), None, &["email-clinic-changes"], "en").await;
    mail_server.mail(1).await;
    stack.assent_is_killed();
    fake.is(Mood::Good);
    stack.assent_starts().await;
    let first = fake.text(1).await;
    assert_eq!((first.to.as_str(), fake.taken().len()), (NUMBER, 1));

    // One that takes it and never says so is asked again: the same words under the same id, which it can tell.
    fake.is(Mood::Silent);
    signs_up(&api, None, Some("+447700900124"), &["text-clinic-changes"], "en").await;
    let second = fake.text(2).await;
    fake.is(Mood::Good);
    let again = fake.text(3).await;
    assert_eq!(second, again);
    assert_ne!(second.id, first.id);
    assert_eq!(enters(&api, "+447700900124", &code(&again.text)).await, StatusCode::OK);

    // One that refuses the number is not asked again.
    fake.is(Mood::Refusing);
    let asked = fake.asked();
    signs_up(&api, None, Some("+447700900125"), &["text-clinic-changes"], "en").await;
    until_so("Assent to say so", async || stack.said().contains("refused for good")).await;
    fake.is(Mood::Good);
    signs_up(&api, None, Some("+447700900126"), &["text-clinic-changes"], "en").await;
    assert_eq!(fake.text(4).await.to, "+447700900126");
    assert_eq!(fake.asked(), asked + 2);
    assert!(!stack.said().contains("+4477009001"), "no number in the server's log");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_cannot_be_guessed() {
    let mut stack = Stack::starts().await;
    let fake = stack.gateway_starts(Contract::Webhook, []).await;
    let api = stack.api(CLINIC);
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    let good = code(&fake.text(1).await.text);
    let entries = stack_entries(&api).await;
    for bad in ["", "12345", "1234567", "abcdef", "......", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}"] {
        assert_eq!(enters(&api, NUMBER, bad).await, StatusCode::UNPROCESSABLE_ENTITY, "{bad}: and is no try");
    }
    assert_eq!(
        enters(&api, "+447700900199", &good).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "of another number"
    );
    // All at once, so that none could be counted before the next.
    let guesses = (0..20).map(|guess| {
        let (api, code) =
            (api.clone(), format!("{:06}", (good.parse::<u32>().unwrap() + 1 + guess) % 1_000_000));
        tokio::spawn(async move { enters(&api, NUMBER, &code).await })
    });
    for guess in guesses.collect::<Vec<_>>() {
        assert_eq!(guess.await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(
        enters(&api, NUMBER, &good).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the right one comes too late"
    );
    stack.assent_is_killed();
    stack.assent_starts().await;
    assert_eq!(enters(&api, NUMBER, &good).await, StatusCode::UNPROCESSABLE_ENTITY, "also after a restart");
    assert_eq!(stack_entries(&api).await, entries, "nothing was recorded");

    // Somebody else's number is not held up.
    signs_up(&api, None, Some("+447700900124"), &["text-clinic-changes"], "en").await;
    assert_eq!(enters(&api, "+447700900124", &code(&fake.text(2).await.text)).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_with_one_number_is_asked_one_by_one_and_a_no_is_for_all() {
    let mut stack = Stack::starts().await;
    let fake = stack.gateway_starts(Contract::Webhook, []).await;
    let api = stack.api(CLINIC);
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    let mother = code(&fake.text(1).await.text);
    signs_up(&api, None, Some(NUMBER), &["text-health-campaigns"], "cy").await;
    let son = code(&fake.text(2).await.text);
    assert_ne!(mother, son, "each sign-up has its own code");
    // Nobody's phone can be filled: a third text goes out, a fourth does not.
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    fake.text(3).await;
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    until_so("Assent to refuse", async || stack.said().contains("too often today")).await;
    assert_eq!(enters(&api, NUMBER, &son).await, StatusCode::OK);
    assert_eq!(api.may(Channel::Text, NUMBER, "health-campaigns").await.may, Choice::Yes);
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Unconfirmed);
    assert_eq!(enters(&api, NUMBER, &mother).await, StatusCode::OK);
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.may, Choice::Yes);
    assert_eq!(fake.taken().len(), 3);

    // Whoever holds the phone may say stop, and it is for everybody who named the number.
    let asks = [("phone", NUMBER), ("language", "en")];
    let answer = api.post("your-alerts").header(ORIGIN, api.site.assent()).form(&asks).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let text = fake.text(4).await.text;
    let link =
        text.split(' ').find(|word| word.contains("/your-alerts/")).unwrap().split('?').next().unwrap();
    let path = link.strip_prefix(&format!("{}/", api.site.api)).unwrap();
    let press = [("press", "stop-all"), ("language", "en"), ("key", "a-key-of-its-own")];
    let answer = api.post(path).header(ORIGIN, api.site.assent()).form(&press).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    for topic in ["clinic-changes", "health-campaigns"] {
        assert_eq!(api.may(Channel::Text, NUMBER, topic).await.reason, MayReason::Withdrawn);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_other_countries_are_told_so() {
    let mut stack = Stack::starts().await;
    let fake = stack.gateway_starts(Contract::Webhook, []).await;
    let api = stack.api(CLINIC);
    let entries = stack_entries(&api).await;
    for (number, code) in [
        ("+33 6 12 34 56 78", "phone-elsewhere"),
        ("+1 212 555 0123", "phone-elsewhere"),
        ("07700 900123", "bad-phone"),
        ("+44 7700", "bad-phone"),
        ("+999 12345678", "bad-phone"),
    ] {
        let answer = asks(&api, None, Some(number), &["text-clinic-changes"], "en").await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.json::<Problem>().await.unwrap().code, code, "{number}");
    }
    assert_eq!((stack_entries(&api).await, fake.asked()), (entries, 0), "nothing was recorded, nothing sent");

    let visitor = Visitor::arrives(Browser::Chromium).await;
    visitor.allows_script(false).await;
    visitor.opens(&format!("{}/alerts", api.site.api)).await;
    visitor.presses_on_page("#wanted-text-clinic-changes").await;
    visitor.writes("#phone", "+33 6 12 34 56 78").await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say so", async || visitor.counts("#phone-error").await == 1).await;
    assert!(visitor.reads("#phone-error").await.contains("country"));

    // A site may write to more.
    let file = stack.site_file(CLINIC).replacen(
        "\npublic_url",
        "\ntext_countries = [\"+44\", \"+33\"]\npublic_url",
        1,
    );
    let path = stack.path("more.toml");
    std::fs::write(&path, file).unwrap();
    stack.runs_well(&["site", "apply", path.to_str().unwrap()]);
    signs_up(&api, None, Some("+33 6 12 34 56 78"), &["text-clinic-changes"], "en").await;
    assert_eq!(fake.text(1).await.to, "+33612345678");
}

/// Signs up as a program of the site's would.
pub(crate) async fn signs_up(
    api: &Api,
    email: Option<&str>,
    phone: Option<&str>,
    wanted: &[&str],
    language: &str,
) {
    let answer = asks(api, email, phone, wanted, language).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}

async fn asks(
    api: &Api,
    email: Option<&str>,
    phone: Option<&str>,
    wanted: &[&str],
    language: &str,
) -> reqwest::Response {
    let (_, notice) = api.notice().await;
    let wanted = wanted.iter().map(|id| PurposeId::new(id).unwrap()).collect();
    let (email, phone) = (email.map(Into::into), phone.map(Into::into));
    api.signs_up(
        &Holder::new(),
        &SignUpRequest {
            notice,
            language: language.into(),
            wanted,
            told: Vec::new(),
            objected: Vec::new(),
            email,
            phone,
            age: None,
        },
    )
    .await
}

/// The code in a text.
pub(crate) fn code(text: &str) -> String {
    // In languages without spaces, too.
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    numbers.find(|digits| digits.len() == 6).unwrap_or_else(|| panic!("no code in {text}")).to_string()
}

/// Another code.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// Enters a code on the page, and presses the button that a right one leads to, as a browser without script does.
pub(crate) async fn enters(api: &Api, number: &str, code: &str) -> StatusCode {
    let fields = [("phone", number), ("code", code), ("language", "en")];
    let answer = api.post("code").header(ORIGIN, api.site.assent()).form(&fields).send().await.unwrap();
    let (status, page) = (answer.status(), answer.text().await.unwrap());
    let action = page.split("<form").find_map(|form| form.split("/confirm/").nth(1));
    if let Some(link) = action.and_then(|action| action.split('"').next()) {
        presses(api, &format!("{}/confirm/{link}", api.site.api)).await;
    }
    status
}
