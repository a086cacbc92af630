//! What people told staff, alerts on other routes than consent, and lists of rows: judged and recorded, without a mail server.

use crate::app::{Answer, ORIGIN, SITE, STAFF, TestApp, key, to};
use crate::post::{Place, header as header_of};
use assent_core::standing::CONFIRM_MS;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::app::alerts::outbox::do_what_is_due;
use server::app::now;

/// The test site as a charity's, with an alert on each route.
pub(crate) fn charity() -> String {
    let alerts = "[[alerts]]\ntopic = \"appeals\"\nchannels = [\"email\"]\nroute = \"soft-opt-in\"\n\
        [alerts.soft_opt_in]\nkind = \"charitable\"\ncollected = \"On our donation form.\"\nopt_out = \"A box below the address.\"\n\
        [[alerts]]\ntopic = \"offers\"\nchannels = [\"email\"]\nroute = \"soft-opt-in\"\n\
        [alerts.soft_opt_in]\nkind = \"commercial\"\ncollected = \"In our shop.\"\nopt_out = \"A box below the address.\"\n\
        [[alerts]]\ntopic = \"visits\"\nchannels = [\"email\"]\nroute = \"service\"\n\n[text.en]\n";
    let texts = ["appeals", "offers", "visits"].map(|topic| {
        format!(
            "\n[text.en.alerts.{topic}]\nname = \"{topic}\"\ndescription = \"Tells you more.\"\ndata = [\"your address\"]\n\
             retention = \"until you stop it\"\n"
        )
    });
    let number = "jurisdiction = [\"GB\"]\ncharity = \"1234567\"\n";
    let file = SITE.replace("jurisdiction = [\"GB\"]\n", number).replace("[text.en]\n", alerts);
    file + &texts.concat()
}

pub(crate) async fn publishes(app: &TestApp, file: &str) -> Answer {
    let request = to(Method::PUT, "/v1/clinic/site-file")
        .header(header::AUTHORIZATION, format!("Bearer {STAFF}"))
        .header(header::CONTENT_TYPE, "application/toml");
    app.ask(request.body(Body::from(file.to_string())).unwrap()).await
}

pub(crate) async fn staff(app: &TestApp, path: &str, key: &str, body: &Value) -> Answer {
    let request = to(Method::POST, &format!("/v1/clinic/{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {STAFF}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    app.ask(request.body(Body::from(body.to_string())).unwrap()).await
}

/// The answer to "may we?", and its reason.
pub(crate) async fn may(app: &TestApp, address: &str, topic: &str) -> (Value, Value) {
    let question = json!({ "channel": "email", "address": address, "topic": topic });
    let answer = staff(app, "may", "k", &question).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer = answer.json();
    (answer["may"].clone(), answer["reason"].clone())
}

fn call(email: &str, choices: Value) -> Value {
    json!({
        "by": "phone", "script": "Alerts by phone, 3", "staff": "M. Rees", "said": "2026-03-02T09:30:00Z",
        "recording": "told", "evidence": { "kind": "recording", "reference": "call 2026/118" },
        "language": "en", "email": email, "choices": choices,
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name);
    body
}

fn yes() -> Value {
    json!({ "email-news": "yes" })
}

#[tokio::test]
async fn a_call_is_recorded_with_all_that_was_said_about_it() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let body = call("Ann@Example.org", yes());
    let answer = staff(&app, "told", "k1", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let record: Value = serde_json::from_str(answer.json()["record"].as_str().unwrap()).unwrap();
    assert_eq!((&record["act"], &record["surface"]), (&json!("phone"), &json!("told")));
    assert_eq!(record["acted"], "2026-03-02T09:30:00.000Z", "when it was said");
    assert_eq!(record["told"]["script"], "Alerts by phone, 3");
    assert_eq!(record["told"]["staff"], "M. Rees");
    assert_eq!(record["told"]["recording"], "told");
    assert_eq!(record["told"]["evidence"]["reference"], "call 2026/118");
    assert!(!answer.text().to_lowercase().contains("ann@example"), "no address in clear");
    assert_eq!(may(&app, "ann@example.org", "news").await, (json!("yes"), json!("granted")));
    assert_eq!(site.ledger.jobs().unwrap().len(), 1, "a copy waits to be sent");

    let again = staff(&app, "told", "k1", &body).await;
    assert_eq!(again.body, answer.body, "sent twice is recorded once");
    staff(&app, "told", "k1", &with(body.clone(), "staff", json!("N. Owen")))
        .await
        .is_problem(422, "idempotency-key-reused");
    assert_eq!(site.ledger.jobs().unwrap().len(), 1);

    // It is no sign-up that somebody has yet to confirm.
    do_what_is_due(&app.app, &site, now() + CONFIRM_MS + 120_000).await.unwrap();
    assert_eq!(may(&app, "ann@example.org", "news").await.1, "granted");

    // The same person by telephone: no more.
    let no = call("ann@example.org", json!({ "email-news": "no" }));
    let answer = staff(&app, "told", "k2", &no).await;
    assert!(answer.json()["record"].as_str().unwrap().contains("\"email-news\":\"withdrawn\""));
    assert_eq!(may(&app, "ann@example.org", "news").await, (json!("no"), json!("withdrawn")));
    assert_eq!(site.ledger.jobs().unwrap().len(), 0, "who says no is not written to");
    staff(&app, "told", "k3", &body).await.is_problem(409, "said-no-since");
}

#[tokio::test]
async fn each_way_of_telling_has_its_act_counts_at_once_and_brings_a_copy() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    for (number, (by, act)) in
        [("phone", "phone"), ("paper", "paper"), ("in-person", "staff"), ("elsewhere", "api")]
            .iter()
            .enumerate()
    {
        let address = format!("{by}@example.org");
        let body = with(call(&address, yes()), "by", json!(by));
        // Only a call can be recorded.
        let form = json!({ "kind": "signed-form", "reference": "box 4" });
        let body = if *by == "phone" { body } else { with(without(body, "recording"), "evidence", form) };
        let answer = staff(&app, "told", &key(), &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{by}: {}", answer.text());
        let record: Value = serde_json::from_str(answer.json()["record"].as_str().unwrap()).unwrap();
        assert_eq!((&record["act"], &record["told"]["by"]), (&json!(act), &json!(by)));
        assert_eq!(may(&app, &address, "news").await, (json!("yes"), json!("granted")), "{by}");
        assert_eq!(site.ledger.jobs().unwrap().len(), number + 1, "{by}: a copy waits to be sent");
    }
}

#[tokio::test]
async fn without_evidence_a_yes_waits_for_the_person() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let body = with(without(call("ann@example.org", yes()), "evidence"), "recording", json!("not-recorded"));
    let answer = staff(&app, "told", "k", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(may(&app, "ann@example.org", "news").await, (json!("no"), json!("unconfirmed")));
    assert_eq!(site.ledger.jobs().unwrap().len(), 2, "a message that asks, and a time to forget");
    do_what_is_due(&app.app, &site, now() + CONFIRM_MS + 120_000).await.unwrap();
    assert_eq!(may(&app, "ann@example.org", "news").await.1, "not-asked", "nobody confirmed it");
}

#[tokio::test]
async fn what_is_not_whole_is_refused_with_its_reason() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &charity()).await.status, StatusCode::OK);
    let good = || call("ann@example.org", yes());
    let appeal = |said: &str| {
        let body = call("ann@example.org", json!({ "email-appeals": "yes" }));
        let body = with(with(body, "said", json!(said)), "directly", json!(true));
        with(body, "opt_out_offered", json!(true))
    };
    let before = app.entries();
    for (body, status, code) in [
        (without(good(), "recording"), 422, "recording-unanswered"),
        (with(good(), "recording", json!("not-recorded")), 422, "told-incomplete"),
        (with(good(), "script", json!(" ")), 422, "told-incomplete"),
        (with(good(), "staff", json!("x".repeat(201))), 422, "told-incomplete"),
        (with(good(), "by", json!("telegraph")), 422, "bad-body"),
        (with(good(), "said", json!("yesterday")), 422, "bad-time"),
        (with(good(), "said", json!("2999-01-01")), 422, "said-in-future"),
        (with(good(), "language", json!("tlh")), 422, "unknown-language"),
        (with(good(), "email", json!("ann")), 422, "bad-email"),
        (with(good(), "phone", json!("07700 900123")), 422, "bad-phone"),
        (with(good(), "phone", json!("+1 212 555 0123")), 422, "phone-elsewhere"),
        (without(good(), "email"), 422, "contact-missing"),
        (with(good(), "choices", json!({})), 422, "no-choices"),
        (with(good(), "choices", json!({ "analytics": "yes" })), 422, "unknown-purpose"),
        (with(good(), "choices", json!({ "email-teleport": "yes" })), 422, "unknown-purpose"),
        (with(good(), "choices", json!({ "email-visits": "no" })), 422, "not-a-choice"),
        (appeal("2026-01-31"), 422, "soft-opt-in-too-early"),
        (appeal("2026-02-04T23:59:59Z"), 422, "soft-opt-in-too-early"),
        (without(appeal("2026-02-05"), "directly"), 422, "soft-opt-in-not-offered"),
        (without(appeal("2026-02-05"), "opt_out_offered"), 422, "soft-opt-in-not-offered"),
        (with(good(), "extra", json!(1)), 422, "unknown-field"),
    ] {
        let answer = staff(&app, "told", &key(), &body).await;
        answer.is_problem(status, code);
        assert!(
            !answer.text().contains("ann@") && !answer.text().contains("07700"),
            "nothing sent comes back"
        );
    }
    let anonymous = to(Method::POST, "/v1/clinic/told").header(header::CONTENT_TYPE, "application/json");
    let answer = app.ask(anonymous.body(Body::from(good().to_string())).unwrap()).await;
    answer.is_problem(401, "unauthorised");
    assert_eq!(app.entries(), before);

    assert_eq!(staff(&app, "told", &key(), &good()).await.status, StatusCode::CREATED);
    let erase = json!({ "whose": { "contact": { "channel": "email", "address": "ann@example.org" } }, "reason": "asked" });
    assert_eq!(staff(&app, "people/erase", "k", &erase).await.status, StatusCode::OK);
    staff(&app, "told", &key(), &good()).await.is_problem(409, "suppressed");
}

#[tokio::test]
async fn each_route_has_its_own_answer() {
    let app = TestApp::new().await;
    let no_charity = charity().replace("charity = \"1234567\"\n", "");
    let refused = publishes(&app, &no_charity).await;
    refused.is_problem(422, "notice-refused");
    assert!(refused.text().contains("soft-opt-in-charity"), "{}", refused.text());
    assert_eq!(publishes(&app, &charity()).await.status, StatusCode::OK);

    assert_eq!(may(&app, "ann@example.org", "appeals").await.1, "not-asked", "silence is nothing");
    assert_eq!(may(&app, "ann@example.org", "visits").await, (json!("yes"), json!("service")));
    assert_eq!(may(&app, "ann@example.org", "teleport").await.1, "no-route");

    let told = |said: &str, choices: Value| {
        let body = with(call("ann@example.org", choices), "directly", json!(true));
        with(with(body, "opt_out_offered", json!(true)), "said", json!(said))
    };
    // Customers' details may be older; supporters' may not.
    for (said, choices) in
        [("2025-11-02", json!({ "email-offers": "yes" })), ("2026-02-05", json!({ "email-appeals": "yes" }))]
    {
        let answer = staff(&app, "told", &key(), &told(said, choices)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    for topic in ["offers", "appeals"] {
        assert_eq!(may(&app, "ann@example.org", topic).await, (json!("yes"), json!("soft-opt-in")));
    }
    let no = told("2026-03-01", json!({ "email-appeals": "no" }));
    let answer = staff(&app, "told", &key(), &no).await;
    assert!(answer.json()["record"].as_str().unwrap().contains("\"email-appeals\":\"objected\""));
    assert_eq!(may(&app, "ann@example.org", "appeals").await, (json!("no"), json!("objected")));
    assert_eq!(may(&app, "ann@example.org", "offers").await.1, "soft-opt-in", "each for itself");

    let question = json!({ "channel": "email", "address": "ann@example.org", "topic": "offers" });
    let message = staff(&app, "may", "k", &question).await.json()["message"].clone();
    assert!(message["list_unsubscribe"].is_string(), "it can be stopped in one press");
    let stop = message["list_unsubscribe"].as_str().unwrap().trim_matches(['<', '>']).to_string();
    let stop = to(Method::POST, stop.strip_prefix("https://privacy.example.org").unwrap());
    assert!(app.ask(stop.body(Body::empty()).unwrap()).await.status.is_success());
    assert_eq!(may(&app, "ann@example.org", "offers").await, (json!("no"), json!("objected")));

    // Suppressed is no for everything.
    let erased = json!({ "whose": { "contact": { "channel": "email", "address": "ann@example.org" } }, "reason": "asked" });
    assert_eq!(staff(&app, "people/erase", "k", &erased).await.status, StatusCode::OK);
    assert_eq!(may(&app, "ann@example.org", "visits").await, (json!("no"), json!("suppressed")));
}

async fn posts(app: &TestApp, fields: &[(&str, &str)]) -> Answer {
    let notice = app.notice().to_hex();
    let own = [("notice", notice.as_str()), ("language", "en")];
    let body =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(own).extend_pairs(fields).finish();
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, ORIGIN);
    app.ask(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn the_form_tells_about_soft_opt_in_with_a_box_to_refuse_it() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &charity()).await.status, StatusCode::OK);
    let page = app.get("/v1/clinic/alerts").await.text();
    assert!(page.contains("unless you tick the box below"), "it is told");
    assert!(!page.contains(" checked"), "and nothing is ticked");
    assert!(!page.contains("email-visits"), "a service is not subscribed to");
    let told = [("told", "email-appeals"), ("told", "email-offers")];

    let fields = [&[("key", "a1"), ("email", "ann@example.org"), ("objected", "email-offers")], &told[..]];
    let answer = posts(&app, &fields.concat()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    // Anybody can type an address: it is used only after its reader confirmed it.
    assert_eq!(may(&app, "ann@example.org", "appeals").await, (json!("no"), json!("unconfirmed")));
    assert_eq!(may(&app, "ann@example.org", "offers").await, (json!("no"), json!("objected")));
    assert_eq!(may(&app, "ann@example.org", "news").await.1, "not-asked");

    let before = app.entries();
    // No address, so there is nobody to tell; an alert that is asked cannot be told.
    let nobody = [&[("key", "a2")], &told[..]].concat();
    assert_eq!(posts(&app, &nobody).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let asked = [("key", "a3"), ("email", "bob@example.org"), ("told", "email-news")];
    assert_eq!(posts(&app, &asked).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // A machine fills in what nobody sees: it is answered like everybody, and nothing is kept.
    let trapped = [
        ("key", "a4"),
        ("email", "bot@example.org"),
        ("wanted", "email-news"),
        ("website", "https://x.example"),
    ];
    let answer = posts(&app, &trapped).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(app.entries(), before);
    assert_eq!(may(&app, "bot@example.org", "news").await.1, "not-asked");
    let empty = [("key", "a5"), ("email", "cat@example.org"), ("wanted", "email-news"), ("website", "")];
    assert_eq!(posts(&app, &empty).await.status, StatusCode::SEE_OTHER);
    assert_eq!(may(&app, "cat@example.org", "news").await.1, "unconfirmed");
}

fn row(address: &str) -> Value {
    json!({
        "channel": "email", "address": address, "topic": "news", "said": "2026-03-02", "how": "paper",
        "script": "Form 7", "staff": "M. Rees", "evidence": "signed-form", "reference": "file B-12",
    })
}

#[tokio::test]
async fn each_row_is_taken_or_refused_with_its_reason_and_once() {
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &charity()).await.status, StatusCode::OK);
    let gone = call("gone@example.org", yes());
    assert_eq!(staff(&app, "told", &key(), &gone).await.status, StatusCode::CREATED);
    let erase = json!({ "whose": { "contact": { "channel": "email", "address": "gone@example.org" } }, "reason": "asked" });
    assert_eq!(staff(&app, "people/erase", "k", &erase).await.status, StatusCode::OK);
    let held = call("held@example.org", yes());
    assert_eq!(staff(&app, "told", &key(), &held).await.status, StatusCode::CREATED);

    let texts =
        |row: Value, number: &str| with(with(row, "channel", json!("text")), "address", json!(number));
    let appeal = |said: &str| {
        with(
            with(with(row("soft@example.org"), "topic", json!("appeals")), "said", json!(said)),
            "directly",
            json!("yes"),
        )
    };
    let offered = |row: Value| with(row, "opt_out_offered", json!("yes"));
    let cases = [
        (row("one@example.org"), "good", None),
        (with(row("One@Example.org"), "reference", json!("file B-13")), "refused", Some("duplicate")),
        (without(row("two@example.org"), "evidence"), "refused", Some("no-evidence")),
        (with(row("two@example.org"), "topic", json!("events")), "refused", Some("unknown-purpose")),
        (row("gone@example.org"), "refused", Some("suppressed")),
        (row("held@example.org"), "refused", Some("already-holds")),
        (row("not an address"), "refused", Some("bad-email")),
        (texts(row(""), "+1 212 555 0123"), "refused", Some("phone-elsewhere")),
        (texts(row(""), "07700 900123"), "refused", Some("bad-phone")),
        (with(row("three@example.org"), "said", json!("2999-01-01")), "refused", Some("said-in-future")),
        (with(row("four@example.org"), "said", json!("02/03/2026")), "refused", Some("bad-time")),
        (with(row("five@example.org"), "how", json!("phone")), "refused", Some("recording-unanswered")),
        (with(row("six@example.org"), "how", json!("owl")), "refused", Some("bad-value")),
        (with(row("seven@example.org"), "script", json!("")), "refused", Some("told-incomplete")),
        (offered(appeal("2026-01-15")), "refused", Some("soft-opt-in-too-early")),
        (
            with(appeal("2026-02-15"), "address", json!("other@example.org")),
            "refused",
            Some("soft-opt-in-not-offered"),
        ),
        (with(offered(appeal("2026-02-15")), "address", json!("third@example.org")), "good", None),
        (with(without(row("eight@example.org"), "evidence"), "choice", json!("no")), "good", None),
    ];
    let rows: Vec<Value> = cases.iter().map(|(row, ..)| row.clone()).collect();
    let take = async |dry_run: bool| {
        let body = json!({ "list": "spring.csv", "dry_run": dry_run, "rows": rows });
        let answer = staff(&app, "told/rows", "k", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()["rows"].as_array().unwrap().clone()
    };
    let is = |found: &[Value], good: &str| {
        assert_eq!(found.len(), cases.len());
        for ((row, result, reason), found) in cases.iter().zip(found) {
            let result = if *result == "good" { good } else { *result };
            assert_eq!((&found["result"], &found["reason"]), (&json!(result), &json!(reason)), "{row}");
            assert_eq!(
                found["receipt"].is_string(),
                matches!(good, "recorded" | "already") && result == good
            );
        }
    };
    let before = app.entries();
    is(&take(true).await, "good");
    assert_eq!(app.entries(), before, "a dry run records nothing");
    is(&take(false).await, "recorded");
    assert_eq!(app.entries(), before + 3);
    is(&take(false).await, "already");
    assert_eq!(app.entries(), before + 3, "the second time adds nothing");
    assert_eq!(may(&app, "one@example.org", "news").await, (json!("yes"), json!("granted")));
    assert_eq!(may(&app, "third@example.org", "appeals").await, (json!("yes"), json!("soft-opt-in")));
    assert_eq!(may(&app, "eight@example.org", "news").await, (json!("no"), json!("refused")));
    let site = app.app.sites.all()[0].clone();
    let jobs = site.ledger.jobs().unwrap().len();
    assert_eq!(jobs, 4, "copies of the two calls, and of the two rows with a yes");

    let many = json!({ "list": "x", "rows": vec![row("a@example.org"); 501] });
    staff(&app, "told/rows", "k", &many).await.is_problem(422, "bad-body");
    staff(&app, "told/rows", "k", &json!({ "list": "", "rows": [] })).await.is_problem(422, "bad-body");
}

#[tokio::test]
async fn the_people_of_a_list_get_one_copy_each_and_never_a_second() {
    const MINUTE: u64 = 60_000;
    let place = Place::empty();
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &charity()).await.status, StatusCode::OK);
    let app = app.configured(&place.configuration());
    let site = app.app.sites.all()[0].clone();
    let offer = |address: &str| {
        let row = with(with(row(address), "topic", json!("offers")), "directly", json!("yes"));
        with(row, "opt_out_offered", json!("yes"))
    };
    let list = |rows: &[Value], copies: bool| json!({ "list": "spring", "copies": copies, "rows": rows });
    let copies = async |body: Value| -> Vec<(Value, Value)> {
        let answer = staff(&app, "told/rows", "k", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let rows = answer.json()["rows"].as_array().unwrap().clone();
        rows.into_iter().map(|row| (row["result"].clone(), row["copy"].clone())).collect()
    };
    let said_no = with(row("no@example.org"), "choice", json!("no"));
    let rows =
        [row("ann@example.org"), offer("ann@example.org"), said_no, row("bob@example.org"), row("nobody")];
    let dry = with(list(&rows, true), "dry_run", json!(true));
    let [good, refused] = ["good", "refused"].map(|word| json!(word));
    let expects = |result: &Value| {
        let row = |copy: bool| (result.clone(), json!(copy));
        [row(true), row(true), row(false), row(true), (refused.clone(), json!(false))]
    };
    assert_eq!(copies(dry).await, expects(&good));
    assert!(site.ledger.jobs().unwrap().is_empty(), "a dry run sends nothing");
    let mut without_copies = list(&rows, true);
    without_copies.as_object_mut().unwrap().remove("copies");
    assert_eq!(
        copies(without_copies).await,
        expects(&json!("recorded")),
        "they are sent unless it is said that they are not"
    );
    let kept = site.ledger.jobs().unwrap();
    assert_eq!(kept.len(), 2, "one for each address");
    assert!(!format!("{kept:?}").contains("example"), "and none in clear");
    // Stopped before it is sent: not in the copy.
    assert_eq!(
        staff(&app, "told", &key(), &call("bob@example.org", json!({ "email-news": "no" }))).await.status,
        StatusCode::CREATED
    );
    let post = place.opens();
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    assert!(post.messages().is_empty(), "it waits for more rows about the same address");
    // Killed, and brought again: what is there is there, and the jobs are.
    assert!(copies(list(&rows[..2], true)).await.iter().all(|row| *row == (json!("already"), json!(false))));
    drop(site);
    let app = app.restarted();
    let site = app.app.sites.all()[0].clone();
    do_what_is_due(&app.app, &site, now() + 2 * MINUTE).await.unwrap();
    let messages = post.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(header_of(&messages[0], "To"), "ann@example.org");
    assert!(messages[0].contains("- News") && messages[0].contains("- offers"), "{}", messages[0]);
    do_what_is_due(&app.app, &site, now() + 4 * MINUTE).await.unwrap();
    assert!(site.ledger.jobs().unwrap().is_empty(), "nothing came meanwhile");

    // A row that is new later is in a message of its own, which has nothing of before; and one without copies is in none.
    let cat = [row("cat@example.org")];
    for (rows, sends) in
        [(list(&rows, true), 1), (list(&[offer("bob@example.org")], true), 2), (list(&cat, false), 2)]
    {
        assert_eq!(staff(&app, "told/rows", "k", &rows).await.status, StatusCode::OK);
        do_what_is_due(&app.app, &site, now() + 2 * MINUTE).await.unwrap();
        assert_eq!(post.messages().len(), sends, "{rows}");
    }
    assert!(post.messages()[1].contains("- offers") && !post.messages()[1].contains("- News"));
    assert_eq!(may(&app, "cat@example.org", "news").await.1, "granted");
}

#[tokio::test]
async fn a_list_of_copies_that_nobody_carries_costs_nothing_and_goes_when_somebody_does() {
    let app = TestApp::new().await;
    let site = app.app.sites.all()[0].clone();
    let rows = json!({ "list": "spring", "rows": [row("ann@example.org"), row("bob@example.org")] });
    assert_eq!(staff(&app, "told/rows", "k", &rows).await.status, StatusCode::OK);
    let kept = site.ledger.jobs().unwrap();
    let later = now() + 60 * 60 * 1000;
    let next = do_what_is_due(&app.app, &site, later).await.unwrap();
    assert_eq!(
        (site.ledger.jobs().unwrap(), next),
        (kept, Some(later + 60_000)),
        "without a mail server they wait as they are"
    );
    drop(site);
    let place = Place::empty();
    let app = app.configured(&place.configuration());
    let site = app.app.sites.all()[0].clone();
    do_what_is_due(&app.app, &site, later).await.unwrap();
    let post = place.opens();
    // One was tried; the other waited for nobody in vain.
    for minute in 1..4 {
        do_what_is_due(&app.app, &site, later + minute * 60_000).await.unwrap();
        assert_eq!(post.messages().len(), 2);
    }
    assert!(site.ledger.jobs().unwrap().is_empty());
}

#[tokio::test]
async fn a_row_that_comes_while_its_addresss_copy_is_sent_is_in_the_next_one() {
    const MINUTE: u64 = 60_000;
    let place = Place::empty();
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &charity()).await.status, StatusCode::OK);
    let app = app.configured(&place.configuration());
    let post = place.opens();
    let site = app.app.sites.all()[0].clone();
    let list = |row: Value| json!({ "list": "spring", "rows": [row] });
    assert_eq!(staff(&app, "told/rows", "k", &list(row("ann@example.org"))).await.status, StatusCode::OK);
    let (reached, goes_on) = post.holds();
    let (outbox, its_site) = (app.app.clone(), site.clone());
    let sending =
        tokio::spawn(async move { do_what_is_due(&outbox, &its_site, now() + 2 * MINUTE).await.unwrap() });
    tokio::task::spawn_blocking(move || reached.recv().unwrap()).await.unwrap();
    let offer = with(with(row("ann@example.org"), "topic", json!("offers")), "directly", json!("yes"));
    let answer = staff(&app, "told/rows", "k", &list(with(offer, "opt_out_offered", json!("yes")))).await;
    assert_eq!(answer.json()["rows"][0]["copy"], true, "{}", answer.text());
    goes_on.send(()).unwrap();
    sending.await.unwrap();

    do_what_is_due(&app.app, &site, now() + 4 * MINUTE).await.unwrap();
    let messages = post.messages();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("- News") && !messages[0].contains("- offers"), "{}", messages[0]);
    assert!(messages[1].contains("- offers") && !messages[1].contains("- News"), "{}", messages[1]);
    assert_ne!(header_of(&messages[0], "Message-ID"), header_of(&messages[1], "Message-ID"));
    do_what_is_due(&app.app, &site, now() + 6 * MINUTE).await.unwrap();
    assert!(site.ledger.jobs().unwrap().is_empty(), "it ends when nothing more came");
}
