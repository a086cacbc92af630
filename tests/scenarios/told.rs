//! Scenarios 16 and 18: what staff write down. A call is recorded with its script and whether it was recorded, the person gets a copy or
//! is asked, and charitable soft opt-in is refused for details from before it was law. The mail server is a real one.

use crate::harness::{Api, CHARITY, CLINIC, Stack, key};
use crate::s13_confirmed::{presses, stack_entries};
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use assent_core::receipt::Receipt;
use assent_core::wire::{MayReason, Problem};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

const ADDRESS: &str = "gwenllian@post.example.org";

async fn tells(api: &Api, body: &Value) -> Response {
    let request = api.as_staff(api.post("told")).header("idempotency-key", key());
    request.json(body).send().await.unwrap()
}

async fn problem(answer: Response) -> (StatusCode, String) {
    (answer.status(), answer.json::<Problem>().await.unwrap().code)
}

fn call() -> Value {
    json!({
        "by": "phone", "script": "Alerts by phone, version 3", "staff": "M. Rees", "said": "2026-03-02T09:30:00Z",
        "recording": "told", "evidence": { "kind": "recording", "reference": "call 2026/118" },
        "language": "cy", "email": ADDRESS, "choices": { "email-clinic-changes": "yes" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_written_down_and_the_person_gets_a_copy() {
    let mut stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let before = stack_entries(&api).await;
    let mut unanswered = call();
    unanswered.as_object_mut().unwrap().remove("recording");
    let refused = problem(tells(&api, &unanswered).await).await;
    assert_eq!(refused, (StatusCode::UNPROCESSABLE_ENTITY, "recording-unanswered".into()));
    let mut scriptless = call();
    scriptless["script"] = "".into();
    assert_eq!(problem(tells(&api, &scriptless).await).await.1, "told-incomplete");
    assert_eq!(stack_entries(&api).await, before, "nothing is half written");

    let answer = tells(&api, &call()).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let text = answer.text().await.unwrap();
    let log_key = api.log_key().await;
    let verified = Receipt::parse(&text).unwrap().verify(Some(&log_key)).unwrap();
    let record: Value = serde_json::from_str(verified.record()).unwrap();
    assert_eq!(record["act"], "phone");
    assert_eq!(record["told"]["script"], "Alerts by phone, version 3");
    assert_eq!(record["told"]["staff"], "M. Rees");
    let file = stack.path("receipt.json");
    std::fs::write(&file, &text).unwrap();
    let checked = stack.runs_well(&["verify", file.to_str().unwrap()]);
    assert!(checked.contains("Told to staff: phone") && checked.contains("M. Rees"), "{checked}");

    // The copy waits for the mail server across a crash, in the person's language, and says how to stop.
    stack.assent_is_killed();
    let mail_server = stack.mail_server_starts().await;
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::Yes, MayReason::Granted));
    let mail = mail_server.mail(1).await;
    assert_eq!((mail.header("to"), mail.header("content-language")), (ADDRESS, "cy"));
    assert!(mail.header("subject").starts_with("Eich copi"), "{}", mail.header("subject"));
    let page = api.get_address(&mail.link("your-alerts")).send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("M. Rees") && page.contains("Alerts by phone, version 3"),
        "the page says who wrote it"
    );
    assert!(!stack.said().contains("gwenllian"), "no address in the server's log");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_evidence_the_person_is_asked_and_counts_once_they_say_so() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = stack.api(CLINIC);
    let mut body = call();
    body.as_object_mut().unwrap().remove("evidence");
    assert_eq!(tells(&api, &body).await.status(), StatusCode::CREATED);
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::Unconfirmed));
    presses(&api, &mail_server.mail(1).await.link("confirm")).await;
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::Yes, MayReason::Granted));
}

/// The charity's site file with appeals on soft opt-in in the place of news, and with its number where it has one.
fn soft_opt_in(file: &str, number: &str) -> String {
    let soft = "topic = \"appeals\"\nroute = \"soft-opt-in\"\nsoft_opt_in = { kind = \"charitable\", collected = \"On our donation form.\", \
        opt_out = \"A box below the address.\" }\n";
    let file = file.replacen("topic = \"news\"\n", soft, 1).replace(".alerts.news]", ".alerts.appeals]");
    file.replacen("[controller]\n", &format!("[controller]\n{number}"), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn charitable_soft_opt_in_is_only_a_charitys_and_only_since_it_is_law() {
    let stack = Stack::starts().await;
    let api = stack.api(CHARITY);
    let publishes = async |file: String| {
        let request = api.as_staff(api.request(reqwest::Method::PUT, "site-file"));
        request.header("content-type", "application/toml").body(file).send().await.unwrap()
    };
    let refused = publishes(soft_opt_in(&stack.site_file(CHARITY), "")).await;
    let refused: Problem = refused.json().await.unwrap();
    assert_eq!(refused.code, "notice-refused");
    assert!(refused.detail.unwrap().contains("soft-opt-in-charity"));
    let number = "charity = \"1234567\"\n";
    assert_eq!(publishes(soft_opt_in(&stack.site_file(CHARITY), number)).await.status(), StatusCode::OK);

    let gift = |said: &str, choice: &str| {
        json!({
            "by": "paper", "script": "Gift form 4", "staff": "A. Okafor", "said": said, "language": "en", "email": ADDRESS,
            "evidence": { "kind": "signed-form", "reference": "gift 2210" }, "directly": true, "opt_out_offered": true,
            "choices": { "email-appeals": choice },
        })
    };
    let before = stack_entries(&api).await;
    let refused = tells(&api, &gift("2026-01-20", "yes")).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused: Problem = refused.json().await.unwrap();
    assert_eq!(refused.code, "soft-opt-in-too-early");
    assert!(refused.detail.unwrap().contains("5 February 2026"), "and it says why");
    assert_eq!(stack_entries(&api).await, before);
    assert_eq!(api.may(Channel::Email, ADDRESS, "appeals").await.reason, MayReason::NotAsked);

    assert_eq!(tells(&api, &gift("2026-02-05", "yes")).await.status(), StatusCode::CREATED);
    let may = api.may(Channel::Email, ADDRESS, "appeals").await;
    assert_eq!((may.may, may.reason), (Choice::Yes, MayReason::SoftOptIn));
    let stop = may.message.unwrap().list_unsubscribe.unwrap();
    let stop = stop.trim_matches(['<', '>']).strip_prefix(&format!("{}/", api.site.api)).unwrap().to_string();
    assert!(api.post(&stop).send().await.unwrap().status().is_success());
    let may = api.may(Channel::Email, ADDRESS, "appeals").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::Objected), "one press from the message");
    let again = tells(&api, &gift("2026-02-06", "yes")).await;
    assert_eq!(problem(again).await, (StatusCode::CONFLICT, "said-no-since".into()));
}
