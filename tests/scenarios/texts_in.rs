//! What people write back: STOP and its kin stop every text and nothing else, "Cancel my appointment" is read by people, START grants
//! nothing, HELP is answered. From a real Kannel; from the others as they sign.

use crate::harness::{
    AUTH_TOKEN, Api, CLINIC, Contract, INBOUND, Kannel, Stack, WEBHOOK_SECRET, python_says, until, until_so,
};
use crate::s13_confirmed::{presses, stack_entries};
use crate::texts::{ADDRESS, NUMBER, asked_for_on_both, code, enters, signs_up};
use assent_core::decision::Choice;
use assent_core::notice::Channel;
use assent_core::wire::{MayReason, Problem, TextsResponse};
use reqwest::{RequestBuilder, StatusCode};

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_one_confirmation_and_then_silence_and_cancel_my_appointment_is_for_people() {
    if !Kannel::is_wanted() {
        return;
    }
    let (mut stack, mail_server, kannel, api) = asked_for_on_both("en").await;
    let address = ADDRESS;
    presses(&api, &mail_server.mail(1).await.link("confirm")).await;
    assert_eq!(enters(&api, NUMBER, &code(&kannel.text(NUMBER, 1, "STOP").await)).await, StatusCode::OK);

    kannel.writes(NUMBER, "Cancel my appointment").await;
    let texts = until("the text to wait for staff", async || {
        Some(texts(&api).await.texts).filter(|texts| !texts.is_empty())
    })
    .await;
    assert_eq!((texts[0].number.as_str(), texts[0].text.as_str()), (NUMBER, "Cancel my appointment"));
    for topic in ["clinic-changes", "health-campaigns"] {
        assert_eq!(api.may(Channel::Text, NUMBER, topic).await.may, Choice::Yes, "it stops nothing");
    }

    // The server is away when STOP is written: Kannel brings it again.
    stack.assent_is_killed();
    kannel.writes(NUMBER, "Stop.").await;
    stack.assent_starts().await;
    let answer = kannel.text(NUMBER, 2, "Stopped").await;
    assert!(answer.contains("Glanmôr") && answer.contains("Emails stay"), "{answer}");
    for topic in ["clinic-changes", "health-campaigns"] {
        assert_eq!(api.may(Channel::Text, NUMBER, topic).await.reason, MayReason::Withdrawn);
    }
    assert_eq!(
        api.may(Channel::Email, address, "clinic-changes").await.may,
        Choice::Yes,
        "email is unchanged"
    );
    let export = api.export("ndjson", "&purpose=text-clinic-changes").await;
    assert!(export.contains("text-stop"), "the record says how it was said");
    let entries = stack_entries(&api).await;
    kannel.writes(NUMBER, "STOP!!").await;
    kannel.writes(NUMBER, "unsubscribe me").await;
    kannel.writes(NUMBER, "help").await;
    let help = kannel.text(NUMBER, 3, "Questions?").await;
    assert!(help.contains("@"), "how to reach people: {help}");
    assert_eq!(stack_entries(&api).await, entries, "what is stopped already is not recorded again");

    // START asks for a confirmation step; it grants nothing.
    kannel.writes(NUMBER, "START").await;
    let start = kannel.text(NUMBER, 4, "/alerts").await;
    assert!(start.contains(&format!("{}/alerts", api.site.api)), "{start}");
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Withdrawn);
    assert_eq!(stack_entries(&api).await, entries);
    assert_eq!(kannel.texts(NUMBER).len(), 4, "one answer to all those STOPs");

    // Asked, confirmed and stopped anew: that STOP has its own answer, in a language of theirs.
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "cy").await;
    assert_eq!(enters(&api, NUMBER, &code(&kannel.text(NUMBER, 5, "STOP").await)).await, StatusCode::OK);
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.may, Choice::Yes);
    kannel.writes(NUMBER, "STOPALL").await;
    assert!(kannel.text(NUMBER, 6, "Glanmôr").await.contains("Wedi"));

    // Staff did what was asked, and it is forgotten.
    let done = serde_json::json!({ "id": texts[0].id });
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(api.as_staff(api.post("texts/done")).json(&done).send().await.unwrap().status(), status);
    }
    assert!(self::texts(&api).await.texts.is_empty());
    assert_eq!(api.get("texts").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(api.post("texts/done").json(&done).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let said = stack.said();
    assert!(
        !said.contains("900123") && !said.contains("appointment"),
        "neither numbers nor words in the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn notifys_texts_come_with_the_token_and_only_once() {
    let mut stack = Stack::starts().await;
    let lines = [("replies", true.into()), ("inbound_secret", INBOUND.into())];
    let fake = stack.gateway_starts(Contract::Notify, lines).await;
    let api = stack.api(CLINIC);
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    let text = fake.text(1).await;
    assert_eq!(text.to, NUMBER);
    assert_eq!(enters(&api, NUMBER, &code(&text.text)).await, StatusCode::OK);

    let body = |id: &str, message: &str| {
        serde_json::json!({
            "id": id, "source_number": "447700900123", "destination_number": "07900900999", "message": message,
            "date_received": "2026-11-25T10:00:00.000000Z",
        })
    };
    let stop = body("d8b2f2a6-0001-4c6c-9f3e-2f1a8e5f0001", "Stop");
    for wrong in [None, Some("another-secret-for-tests-only"), Some("")] {
        let request = api.post("texts/in").json(&stop);
        let request = match wrong {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        is_refused(request).await;
    }
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.may, Choice::Yes);
    let send = async |body: &serde_json::Value| {
        let answer = api.post("texts/in").bearer_auth(INBOUND).json(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.text().await.unwrap(), "");
    };
    send(&stop).await;
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Withdrawn);
    assert!(fake.text(2).await.text.contains("Stopped"));

    // Asked and confirmed anew; the old STOP comes again, and is old.
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    assert_eq!(enters(&api, NUMBER, &code(&fake.text(3).await.text)).await, StatusCode::OK);
    let entries = stack_entries(&api).await;
    send(&stop).await;
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.may, Choice::Yes);
    let question = body("d8b2f2a6-0002-4c6c-9f3e-2f1a8e5f0002", "Are you open on Boxing Day?");
    send(&question).await;
    send(&question).await;
    assert_eq!(texts(&api).await.texts.len(), 1, "and a question is one question");
    assert_eq!(stack_entries(&api).await, entries);
    for bad in [serde_json::json!({ "id": "x" }), serde_json::json!([])] {
        let answer = api.post("texts/in").bearer_auth(INBOUND).json(&bad).send().await.unwrap();
        assert_eq!(answer.json::<Problem>().await.unwrap().code, "bad-body");
    }
    // Somebody who is erased leaves no text either.
    let erase = serde_json::json!({ "whose": { "contact": { "channel": "text", "address": NUMBER } }, "reason": "asked" });
    let answer = api.as_staff(api.post("people/erase")).json(&erase).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(texts(&api).await.texts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn twilios_texts_are_signed() {
    let mut stack = Stack::starts().await;
    let fake = stack.gateway_starts(Contract::Twilio, [("replies", true.into())]).await;
    let api = stack.api(CLINIC);
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    assert_eq!(enters(&api, NUMBER, &code(&fake.text(1).await.text)).await, StatusCode::OK);
    let form = [
        ("MessageSid", "SM00000000000000000000000000000001"),
        ("From", NUMBER),
        ("To", "+447700900999"),
        ("Body", "STOP \u{1f64f}"),
        ("NumSegments", "1"),
    ];
    let signature = |address: &str, token: &str| {
        let sorted: Vec<String> = {
            let mut form = form.to_vec();
            form.sort_unstable();
            form.iter().map(|(name, value)| format!("{name}{value}")).collect()
        };
        python_says(
            "import base64, hashlib, hmac, sys\n\
             print(base64.b64encode(hmac.new(sys.argv[1].encode(), sys.argv[2].encode(), hashlib.sha1).digest()).decode())",
            &[token, &format!("{address}{}", sorted.concat())],
        )
    };
    let address = format!("{}/texts/in", api.site.api);
    let other = format!("{}/texts/in", stack.site("charity").api);
    for forged in [
        None,
        Some(String::new()),
        Some("not base64".into()),
        Some(signature(&address, "another-token-0123456789abcdef")),
        Some(signature(&other, AUTH_TOKEN)),
    ] {
        let request = api.post("texts/in").form(&form);
        is_refused(match forged {
            Some(signature) => request.header("x-twilio-signature", signature),
            None => request,
        })
        .await;
    }
    let good = signature(&address, AUTH_TOKEN);
    let mut altered = form;
    altered[1].1 = "+447700900124";
    is_refused(api.post("texts/in").form(&altered).header("x-twilio-signature", &good)).await;
    assert_eq!(
        api.may(Channel::Text, NUMBER, "clinic-changes").await.may,
        Choice::Yes,
        "none of that did anything"
    );

    let entries = stack_entries(&api).await;
    for _ in 0..2 {
        let answer =
            api.post("texts/in").form(&form).header("x-twilio-signature", &good).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/xml");
        assert!(answer.text().await.unwrap().ends_with("<Response/>"), "Twilio says nothing to the person");
    }
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Withdrawn);
    assert_eq!(stack_entries(&api).await, entries + 1);
    assert!(fake.text(2).await.text.contains("Stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_says_stop_is_never_written_to() {
    let mut stack = Stack::starts().await;
    let fake = stack.gateway_starts(Contract::Webhook, [("replies", true.into())]).await;
    let api = stack.api(CLINIC);
    let key = standardwebhooks::Webhook::new(WEBHOOK_SECRET).unwrap();
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let send = async |id: &str, at: i64, from: &str, text: &str| {
        let body = serde_json::json!({ "type": "text.received", "from": from, "text": text }).to_string();
        let request = api.post("texts/in").header("content-type", "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", at.to_string());
        request.header("webhook-signature", key.sign(id, at, body.as_bytes()).unwrap()).body(body)
    };
    is_refused(send("old", now() - 3600, NUMBER, "STOP").await).await;
    is_refused(api.post("texts/in").body("{}")).await;
    for (id, from, text) in
        [("1", NUMBER, "STOP"), ("1", NUMBER, "STOP"), ("2", NUMBER, "stop"), ("3", "Glanmor", "STOP")]
    {
        assert_eq!(send(id, now(), from, text).await.send().await.unwrap().status(), StatusCode::OK, "{id}");
    }
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Suppressed);
    assert!(fake.text(1).await.text.contains("Stopped"));
    // Until they ask for it themselves.
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    let text = fake.text(2).await.text;
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.reason, MayReason::Suppressed);
    assert_eq!(enters(&api, NUMBER, &code(&text)).await, StatusCode::OK);
    assert_eq!(api.may(Channel::Text, NUMBER, "clinic-changes").await.may, Choice::Yes);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_gateway_that_takes_replies_nobody_is_heard_and_texts_carry_a_link() {
    let mut stack = Stack::starts().await;
    is_refused(stack.api(CLINIC).post("texts/in").bearer_auth(INBOUND).body("STOP")).await;
    let fake = stack.gateway_starts(Contract::Notify, []).await;
    let api = stack.api(CLINIC);
    is_refused(api.post("texts/in").bearer_auth(INBOUND).body("STOP")).await;
    signs_up(&api, None, Some(NUMBER), &["text-clinic-changes"], "en").await;
    let text = fake.text(1).await.text;
    assert!(text.contains(&format!("{}/your-alerts", api.site.api)) && !text.contains("STOP"), "{text}");
    until_so("nothing else to be sent", async || fake.taken().len() == 1).await;
}

async fn texts(api: &Api) -> TextsResponse {
    let answer = api.as_staff(api.get("texts")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

async fn is_refused(request: RequestBuilder) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(answer.json::<Problem>().await.unwrap().code, "not-the-gateway");
}
