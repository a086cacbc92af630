//! Endpoints that are told of events: what they hear, and what becomes of it when they fail, hang, lie or have enough. Real receivers
//! on loopback; time is a value.

use crate::app::{HOLDER, ORIGIN, SITE, STAFF, TestApp, key, to};
use crate::openapi::{document, has_shape};
use assent_core::decision::{Act, Decision};
use assent_core::event::Event;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectToken;
use assent_ledger::Draft;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use server::app::alerts::confirm::confirm;
use server::app::alerts::link::ContactKey;
use server::app::alerts::renewal::look;
use server::app::now;
use server::app::sites::LogIs;
use server::app::webhooks::{Endpoint, More, tell};
use server::config::endpoints::read;
use standardwebhooks::Webhook;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const SECOND: u64 = 1000;
const HOUR: u64 = 60 * 60 * SECOND;

/// How a receiver answers.
#[derive(Clone)]
enum Mood {
    Takes,
    Answers(u16, &'static [(&'static str, &'static str)]),
    /// Answers so to events of this type, and takes the others.
    Dislikes(&'static str),
    SendsTo(String),
    Hangs,
}

/// A program of the operator's, on loopback. It ends with the test.
#[derive(Clone)]
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Receiver {
    async fn starts() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?key=1", listener.local_addr().unwrap());
        let receiver = Self { url, heard: Arc::default(), mood: Arc::new(Mutex::new(Mood::Takes)) };
        let router = Router::new().fallback(hears).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn heard(&self) -> Vec<(HeaderMap, Bytes)> {
        self.heard.lock().unwrap().clone()
    }

    /// Everything it heard, each checked against a secret; then it forgets.
    fn events(&self) -> Vec<Event> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        let event = |(headers, body): (HeaderMap, Bytes)| {
            Webhook::new(SECRET).unwrap().verify(&body, &headers).unwrap();
            let event: Event = serde_json::from_slice(&body).unwrap();
            assert_eq!(headers["webhook-id"], event.id.as_str());
            assert_eq!(headers[header::CONTENT_TYPE], "application/cloudevents+json");
            event
        };
        heard.into_iter().map(event).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.id).collect()
    }

    fn types(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.type_name).collect()
    }
}

async fn hears(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    receiver.heard.lock().unwrap().push((headers, body.clone()));
    let mood = receiver.mood.lock().unwrap().clone();
    let status = |status| StatusCode::from_u16(status).unwrap();
    match mood {
        Mood::Takes => StatusCode::NO_CONTENT.into_response(),
        Mood::Answers(code, headers) => {
            let mut answer = (status(code), "no").into_response();
            for (name, value) in headers {
                answer.headers_mut().insert(*name, value.parse().unwrap());
            }
            answer
        }
        Mood::Dislikes(kind) => {
            let event: Event = serde_json::from_slice(&body).unwrap();
            status(if event.type_name == kind { 500 } else { 200 }).into_response()
        }
        Mood::SendsTo(url) => (StatusCode::FOUND, [(header::LOCATION, url)]).into_response(),
        Mood::Hangs => std::future::pending().await,
    }
}

/// One endpoint's table, at a receiver on this machine.
fn endpoint(name: &str, url: &str, more: &str) -> String {
    let place = if url.starts_with("http:") { "private = true\n" } else { "" };
    let secret = if more.contains("secret") { String::new() } else { format!("secrets = [\"{SECRET}\"]\n") };
    format!("[[endpoints]]\nsite = \"clinic\"\nname = \"{name}\"\nurl = \"{url}\"\n{secret}{place}{more}\n")
}

/// A service with these endpoints, told from now on.
async fn service(endpoints: &str) -> TestApp {
    with(TestApp::new().await, endpoints).await
}

async fn with(app: TestApp, endpoints: &str) -> TestApp {
    std::fs::write(app.path("webhooks.toml"), endpoints).unwrap();
    let app = app.configured("[webhooks]\nendpoints_file = \"webhooks.toml\"\ntimeout_seconds = 1\n");
    app.app.webhooks.begin_all(&app.app, now()).await.unwrap();
    app
}

async fn restarted(app: TestApp) -> TestApp {
    let app = app.restarted();
    app.app.webhooks.begin_all(&app.app, now()).await.unwrap();
    app
}

fn named(app: &TestApp, name: &str) -> Arc<Endpoint> {
    let mut all = app.app.webhooks.all().iter();
    Arc::clone(all.find(|endpoint| endpoint.name().as_str() == name).unwrap())
}

/// Tells an endpoint what is due at a time, until nothing is.
async fn tells(app: &TestApp, name: &str, at: u64) {
    let endpoint = named(app, name);
    while tell(&app.app, &endpoint, at).await.unwrap() == More::Now {}
}

async fn staff(app: &TestApp, path: &str, body: Option<Value>) -> crate::app::Answer {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let request = to(method, &format!("/v1/clinic/webhooks{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {STAFF}"))
        .header(header::CONTENT_TYPE, "application/json");
    app.ask(request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()).await
}

/// The first endpoint as staff see it.
async fn state(app: &TestApp) -> Value {
    let answer = staff(app, "", None).await;
    has_shape(&document(), "WebhooksResponse", &answer.json());
    answer.json()["endpoints"][0].clone()
}

async fn done(app: &TestApp, path: &str, body: Value) {
    let answer = staff(app, path, Some(body)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_hears_what_happens_from_now_on_and_never_an_address() {
    let receiver = Receiver::starts().await;
    let app = TestApp::new().await;
    app.records(json!({ "surveys": "yes" })).await;
    let app = with(app, &endpoint("crm", &receiver.url, "")).await;
    let yes = app.records(json!({ "analytics": "yes", "surveys": "no" })).await;
    let wish = json!({ "notice": app.notice(), "language": "en", "wanted": ["email-news"], "email": "ann@example.org" });
    let request = to(Method::POST, "/v1/clinic/alerts")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, ORIGIN)
        .header("assent-subject", crate::app::OTHER)
        .header("idempotency-key", key());
    let answer = app.ask(request.body(Body::from(wish.to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let other = SITE.replace("We would like to count visits.", "May we count visits?");
    app.app.sites.apply(&other, None, LogIs::There).await.unwrap();
    // A record that names a notice which is not in force any more.
    app.records(json!({ "analytics": "no" })).await;
    tells(&app, "crm", now()).await;

    let heard = receiver.heard();
    let text: Vec<String> =
        heard.iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect();
    assert!(!text.concat().contains("ann@") && !text.concat().contains("example.org\""), "{text:#?}");
    let mut events = receiver.events();
    events.sort_by(|a, b| (&a.time, &a.type_name).cmp(&(&b.time, &b.type_name)));
    let types: Vec<&str> = events.iter().map(|event| event.type_name.as_str()).collect();
    assert_eq!(
        types,
        [
            "assent.decision.granted",
            // It was a yes before the endpoint was there.
            "assent.decision.withdrawn",
            "assent.decision.requested",
            "assent.notice.published",
            "assent.decision.withdrawn",
        ]
    );
    for event in &events {
        has_shape(&document(), "Event", &json!(event));
        assert_eq!(event.source, "https://privacy.example.org/v1/clinic");
    }
    let record: Value = serde_json::from_str(yes.json()["record"].as_str().unwrap()).unwrap();
    let holder = SubjectToken::parse(HOLDER).unwrap().id();
    assert_eq!(events[0].id, format!("{}-granted", record["id"].as_str().unwrap()));
    assert_eq!(
        serde_json::to_value(&events[0].data).unwrap(),
        json!({ "site": "clinic", "receipt": record["id"], "subject": holder, "purposes": ["analytics"] })
    );
    assert_eq!(events[0].time, record["time"].as_str().unwrap());
    assert_eq!(events[2].data.contacts.len(), 1, "an address is a keyed hash");
    assert_eq!(events[3].data.notice, Some(app.notice()));
    tells(&app, "crm", now()).await;
    assert!(receiver.heard().is_empty(), "each is told once");
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("assent_webhook_taken_total{site=\"clinic\",endpoint=\"crm\"} 5"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_an_objection_and_an_end_by_time_are_told_too() {
    const DAY: u64 = 24 * HOUR;
    let receiver = Receiver::starts().await;
    let app = service(&endpoint(
        "crm",
        &receiver.url,
        "events = [\"granted\", \"confirmed\", \"objected\", \"expired\"]",
    ))
    .await;
    let ends = "channels = [\"email\", \"text\"]";
    let file = crate::told::charity().replacen(ends, &format!("{ends}\nends_after_days = 100"), 1);
    assert_eq!(crate::told::publishes(&app, &file).await.status, StatusCode::OK);
    let token = crate::alerts::token();
    crate::alerts::signs_up(&app, &token, &key(), "ann@example.org").await;
    let site = app.app.sites.all()[0].clone();
    let hash = site.ledger.contact_hash(Channel::Email, "ann@example.org");
    let subject = SubjectToken::parse(&token).unwrap().id();
    confirm(&site, (subject, ContactKey { channel: Channel::Email, hash }, None), now()).await.unwrap();
    let gift = |choice: &str| {
        json!({ "by": "paper", "script": "Gift form 4", "staff": "A. Okafor", "said": "2026-03-02", "language": "en",
            "evidence": { "kind": "signed-form", "reference": "gift 2210" }, "directly": true, "opt_out_offered": true,
            "email": "ann@example.org", "choices": { "email-appeals": choice } })
    };
    for choice in ["yes", "no"] {
        let answer = crate::told::staff(&app, "told", &key(), &gift(choice)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    assert_eq!(look(&site, now() + 101 * DAY).await.unwrap().ended, 1);
    tells(&app, "crm", now()).await;
    let events = receiver.events();
    let mut heard: Vec<(&str, Vec<&str>)> = events
        .iter()
        .map(|event| (event.type_name.as_str(), event.data.purposes.iter().map(PurposeId::as_str).collect()))
        .collect();
    heard.sort();
    assert_eq!(
        heard,
        [
            ("assent.decision.confirmed", vec!["email-news"]),
            ("assent.decision.expired", vec!["email-news"]),
            // Soft opt-in: told and not refused.
            ("assent.decision.granted", vec!["email-appeals"]),
            ("assent.decision.objected", vec!["email-appeals"]),
        ]
    );
    for event in &events {
        has_shape(&document(), "Event", &json!(event));
        assert!(!json!(event).to_string().contains("ann@"), "never an address");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_endpoints_hear_what_each_chose() {
    let (one, two) = (Receiver::starts().await, Receiver::starts().await);
    let tables = endpoint("one", &one.url, "events = [\"withdrawn\", \"objected\"]")
        + &endpoint("two", &two.url, "events = [\"notice-published\"]");
    let app = service(&tables).await;
    app.records(json!({ "analytics": "yes" })).await;
    app.records(json!({ "analytics": "no" })).await;
    app.app.sites.apply(&SITE.replace("visits.", "visits!"), None, LogIs::There).await.unwrap();
    tells(&app, "one", now()).await;
    tells(&app, "two", now()).await;
    assert_eq!(one.types(), ["assent.decision.withdrawn"]);
    assert_eq!(two.types(), ["assent.notice.published"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_taken_is_tried_again_by_the_schedule_and_holds_up_no_other() {
    let receiver = Receiver::starts().await;
    let app = service(&endpoint("crm", &receiver.url, "")).await;
    receiver.is(Mood::Dislikes("assent.decision.granted"));
    app.records(json!({ "analytics": "yes" })).await;
    app.records(json!({ "analytics": "no" })).await;
    let began = now();
    tells(&app, "crm", began).await;
    let mut types = receiver.types();
    types.sort();
    assert_eq!(types, ["assent.decision.granted", "assent.decision.withdrawn"]);
    let undelivered = &state(&app).await["undelivered"][0];
    assert_eq!((&undelivered["tries"], &undelivered["reason"]), (&json!(1), &json!("it answered 500")));
    tells(&app, "crm", began + 4 * SECOND).await;
    assert!(receiver.heard().is_empty(), "not before its time");
    receiver.is(Mood::Takes);
    tells(&app, "crm", began + 6 * SECOND).await;
    let ids = receiver.ids();
    assert_eq!(json!(ids), json!([undelivered["id"]]), "the same event, with the same id");
    assert_eq!(state(&app).await["undelivered"], json!([]));
    tells(&app, "crm", began + 24 * HOUR).await;
    assert!(receiver.heard().is_empty());

    // An endpoint that asks for more time gets it.
    receiver.is(Mood::Answers(503, &[("retry-after", "600")]));
    app.records(json!({ "analytics": "yes" })).await;
    let asked = now();
    tells(&app, "crm", asked).await;
    receiver.events();
    tells(&app, "crm", asked + 599 * SECOND).await;
    assert!(receiver.heard().is_empty());
    tells(&app, "crm", asked + 601 * SECOND).await;
    assert_eq!(receiver.ids().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_tenth_try_it_is_given_up_and_staff_may_tell_it_again() {
    let receiver = Receiver::starts().await;
    let app = service(&endpoint("crm", &receiver.url, "")).await;
    receiver.is(Mood::Answers(500, &[]));
    app.records(json!({ "analytics": "yes" })).await;
    let mut at = now();
    for tries in 1..=10 {
        tells(&app, "crm", at).await;
        assert_eq!(receiver.heard().len(), tries);
        assert_eq!(state(&app).await["undelivered"][0]["tries"], tries);
        // Longer than every wait and its jitter.
        at += 27 * HOUR;
    }
    tells(&app, "crm", at).await;
    let ids = receiver.ids();
    assert_eq!(ids.len(), 10);
    let given_up = &state(&app).await["undelivered"][0];
    assert_eq!((&given_up["next"], &given_up["id"]), (&Value::Null, &json!(ids[0])));
    assert!(
        app.get("/metrics")
            .await
            .text()
            .contains("assent_webhook_given_up{site=\"clinic\",endpoint=\"crm\"} 1")
    );

    receiver.is(Mood::Takes);
    done(&app, "/redeliver", json!({ "endpoint": "crm", "id": ids[0] })).await;
    tells(&app, "crm", now()).await;
    assert_eq!(receiver.ids(), ids[..1]);
    assert_eq!(state(&app).await["undelivered"], json!([]));
}

/// The log is the queue: what an endpoint did not take for days must not fill anything.
#[tokio::test(flavor = "multi_thread")]
async fn when_a_thousand_events_wait_the_log_waits_and_goes_on_when_the_endpoint_is_back() {
    let receiver = Receiver::starts().await;
    let app = service(&endpoint("crm", &receiver.url, "")).await;
    let site = app.app.sites.all()[0].clone();
    for round in 0..11_u8 {
        let draft = |n: u8| Draft {
            subject: SubjectToken::from_random([round, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).id(),
            acted: None,
            notice: site.hash,
            language: "en".into(),
            act: Act::Save,
            surface: Surface::Preferences,
            origin: None,
            decisions: [(PurposeId::new("analytics").unwrap(), Decision::Given)].into(),
            signals: Signals::default(),
            age: None,
            told: None,
            contacts: Vec::new(),
            retain_until: now() + 1000 * HOUR,
            expect_previous: None,
            idempotency: None,
        };
        let landing: Vec<_> = (0..95).map(|n| site.ledger.append(draft(n))).collect();
        for landed in landing {
            landed.await.unwrap();
        }
    }
    receiver.is(Mood::Answers(503, &[("retry-after", "86400")]));
    let began = now();
    tells(&app, "crm", began).await;
    let shown = state(&app).await;
    let waiting = shown["undelivered"].as_array().unwrap().len();
    assert!((1000..1008).contains(&waiting), "{waiting}");
    assert_eq!(receiver.ids().len(), waiting + 1, "one more was tried");
    assert_eq!(shown["behind"], 1045 - waiting);
    receiver.is(Mood::Takes);
    tells(&app, "crm", began + 200 * SECOND).await;
    assert!(receiver.heard().is_empty());
    tells(&app, "crm", began + 300 * SECOND).await;
    assert_eq!(receiver.ids().len(), 1045 - waiting, "what is new need not wait for what is old");
    tells(&app, "crm", began + 25 * HOUR).await;
    assert_eq!(receiver.ids().len(), waiting);
    let shown = state(&app).await;
    assert_eq!((&shown["undelivered"], &shown["behind"]), (&json!([]), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_410_is_told_nothing_until_staff_enable_it() {
    let receiver = Receiver::starts().await;
    let app = service(&endpoint("crm", &receiver.url, "")).await;
    receiver.is(Mood::Answers(410, &[]));
    app.records(json!({ "analytics": "yes" })).await;
    tells(&app, "crm", now()).await;
    let first = receiver.ids();
    app.records(json!({ "analytics": "no" })).await;
    receiver.is(Mood::Takes);
    tells(&app, "crm", now() + 100 * HOUR).await;
    let app = restarted(app).await;
    tells(&app, "crm", now() + 100 * HOUR).await;
    assert!(receiver.heard().is_empty(), "also after a restart");
    let shown = state(&app).await;
    assert!(shown["disabled"].is_string() && shown["behind"] == 1, "{shown}");
    assert_eq!(shown["undelivered"][0]["reason"], "it answered 410");
    assert!(
        app.get("/metrics")
            .await
            .text()
            .contains("assent_webhook_disabled{site=\"clinic\",endpoint=\"crm\"} 1")
    );

    done(&app, "/enable", json!({ "endpoint": "crm" })).await;
    tells(&app, "crm", now()).await;
    let told = receiver.ids();
    assert!(told.len() == 2 && told.contains(&first[0]), "from where it stopped: {told:?}");
    assert_eq!(state(&app).await["disabled"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let (receiver, inside) = (Receiver::starts().await, Receiver::starts().await);
    let app = service(&endpoint("crm", &receiver.url, "")).await;
    receiver.is(Mood::SendsTo(inside.url.clone()));
    app.records(json!({ "analytics": "yes" })).await;
    tells(&app, "crm", now()).await;
    assert_eq!(receiver.heard().len(), 1);
    assert!(inside.heard().is_empty());
    assert_eq!(state(&app).await["undelivered"][0]["reason"], "it answered 302");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_even_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Written down, and behind a name.
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let app = service(&endpoint("crm", &format!("https://{host}:{port}/hook"), "")).await;
        app.records(json!({ "analytics": "yes" })).await;
        tells(&app, "crm", now()).await;
        assert_eq!(state(&app).await["undelivered"][0]["reason"], "its address is private", "{host}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // The same address, allowed: then it is reached, and speaks no TLS.
    let more = "private = true";
    let app = service(&endpoint("crm", &format!("https://127.0.0.1:{port}/hook"), more)).await;
    app.records(json!({ "analytics": "yes" })).await;
    tells(&app, "crm", now()).await;
    assert!(listener.accept().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_holds_up_nobody_else() {
    let (hangs, takes) = (Receiver::starts().await, Receiver::starts().await);
    hangs.is(Mood::Hangs);
    let app = service(&(endpoint("hangs", &hangs.url, "") + &endpoint("takes", &takes.url, ""))).await;
    app.records(json!({ "analytics": "yes" })).await;
    app.records(json!({ "surveys": "yes" })).await;
    let (began, slow, shared) = (Instant::now(), named(&app, "hangs"), Arc::clone(&app.app));
    let waiting = tokio::spawn(async move { tell(&shared, &slow, now()).await.unwrap() });
    tells(&app, "takes", now()).await;
    assert_eq!(takes.ids().len(), 2);
    app.records(json!({ "analytics": "no" })).await;
    assert!(!waiting.is_finished(), "it hangs still");
    waiting.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "both of its events took one timeout");
    let undelivered = state(&app).await["undelivered"].clone();
    assert_eq!(undelivered.as_array().unwrap().len(), 2);
    assert_eq!(undelivered[0]["reason"], "no whole answer in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_without_a_moment_in_which_nobody_can_check() {
    let receiver = Receiver::starts().await;
    let app = TestApp::new().await;
    std::fs::write(app.path("next.secret"), format!("{NEXT_SECRET}\n")).unwrap();
    let both = format!("secret_files = [\"next.secret\"]\nsecrets = [\"{SECRET}\"]");
    let app = with(app, &endpoint("crm", &receiver.url, &both)).await;
    app.records(json!({ "analytics": "yes" })).await;
    tells(&app, "crm", now()).await;
    let heard = receiver.heard();
    let (headers, body) = &heard[0];
    assert_eq!(headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    for secret in [SECRET, NEXT_SECRET] {
        Webhook::new(secret).unwrap().verify(body, headers).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_between_a_decision_and_the_next_start() {
    let receiver = Receiver::starts().await;
    let app = service(&endpoint("crm", &receiver.url, "")).await;
    receiver.is(Mood::Answers(500, &[]));
    app.records(json!({ "analytics": "yes" })).await;
    tells(&app, "crm", now()).await;
    // Recorded, and the process ends before anybody is told.
    app.records(json!({ "analytics": "no" })).await;
    let tried = receiver.ids();
    let app = restarted(app).await;
    receiver.is(Mood::Takes);
    tells(&app, "crm", now() + 6 * SECOND).await;
    let told = receiver.ids();
    assert!(told.len() == 2 && told.contains(&tried[0]), "{told:?}");
    // What was taken is known after another restart, once it was kept.
    tells(&app, "crm", now() + 8 * SECOND).await;
    let app = restarted(app).await;
    tells(&app, "crm", now() + 24 * HOUR).await;
    assert!(receiver.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_tell_again_one_event_or_everything_since_a_time() {
    let receiver = Receiver::starts().await;
    let app = service(&endpoint("crm", &receiver.url, "")).await;
    for choice in ["yes", "no", "yes"] {
        app.records(json!({ "analytics": choice })).await;
    }
    app.app.sites.apply(&SITE.replace("visits.", "visits!"), None, LogIs::There).await.unwrap();
    tells(&app, "crm", now()).await;
    let events = receiver.events();
    assert_eq!(events.len(), 4);
    for event in &events {
        done(&app, "/redeliver", json!({ "endpoint": "crm", "id": event.id })).await;
        tells(&app, "crm", now()).await;
        assert_eq!(receiver.events(), std::slice::from_ref(event), "the same in every byte that is signed");
    }
    let mut since: Vec<&Event> = events.iter().collect();
    since.sort_by(|a, b| a.time.cmp(&b.time));
    done(&app, "/redeliver", json!({ "endpoint": "crm", "since": since[1].time })).await;
    tells(&app, "crm", now()).await;
    let mut again = receiver.ids();
    let mut expected: Vec<String> = since[1..].iter().map(|event| event.id.clone()).collect();
    again.sort();
    expected.sort();
    assert_eq!(again, expected);

    let decided = events.iter().find(|event| !event.id.starts_with("notice-")).unwrap();
    let unknown = format!("{}-refused", &decided.id[..36]);
    for (body, status, code) in [
        (json!({ "endpoint": "crm", "id": unknown }), 404, "not-found"),
        (json!({ "endpoint": "crm", "id": "é".repeat(30) }), 404, "not-found"),
        (json!({ "endpoint": "other", "id": events[0].id }), 404, "not-found"),
        (json!({ "endpoint": "crm" }), 422, "bad-body"),
        (json!({ "endpoint": "crm", "id": "x", "since": "2026-01-01T00:00:00Z" }), 422, "bad-body"),
        (json!({ "endpoint": "crm", "since": "yesterday" }), 422, "bad-time"),
        (json!({ "endpoint": "crm", "since": "2026-01-01T00:00:00+01:00" }), 422, "bad-time"),
        (json!({ "endpoint": "C R M", "id": "x" }), 422, "bad-body"),
        (json!({ "endpoint": "crm", "all": true }), 422, "unknown-field"),
    ] {
        has_shape(&document(), "Problem", &staff(&app, "/redeliver", Some(body.clone())).await.json());
        staff(&app, "/redeliver", Some(body)).await.is_problem(status, code);
    }
    staff(&app, "/enable", Some(json!({ "endpoint": "other" }))).await.is_problem(404, "not-found");
    app.get("/v1/clinic/webhooks").await.is_problem(401, "unauthorised");
    tells(&app, "crm", now()).await;
    assert!(receiver.heard().is_empty(), "nothing of this did anything");
    let shown = state(&app).await["url"].as_str().unwrap().to_string();
    assert!(shown.ends_with("/hook"), "what may be secret in an address is not shown: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_is_not_told_of_and_what_is_restricted_waits() {
    let receiver = Receiver::starts().await;
    let app = service(&endpoint("crm", &receiver.url, "events = [\"granted\", \"withdrawn\"]")).await;
    let site = app.app.sites.all()[0].clone();
    let holder = SubjectToken::parse(HOLDER).unwrap().id();
    app.records(json!({ "analytics": "yes" })).await;
    site.ledger.restrict(holder, "dispute".into()).await.unwrap();
    let began = now();
    tells(&app, "crm", began).await;
    assert!(receiver.heard().is_empty());
    assert_eq!(state(&app).await["undelivered"][0]["reason"], "its record is restricted");
    site.ledger.release(holder).await.unwrap();
    tells(&app, "crm", began + 6 * SECOND).await;
    assert_eq!(receiver.types(), ["assent.decision.granted"]);
    assert_eq!(state(&app).await["undelivered"], json!([]));

    receiver.is(Mood::Answers(500, &[]));
    app.records(json!({ "analytics": "no" })).await;
    tells(&app, "crm", began + 7 * SECOND).await;
    assert_eq!(receiver.ids().len(), 1);
    let kept = format!("{:?}", site.ledger.jobs().unwrap());
    assert!(!kept.contains(&holder.to_string()), "what is kept names nobody");
    let reason = assent_ledger::store::GoneReason::Asked;
    site.ledger.erase(holder, reason, false).await.unwrap();
    tells(&app, "crm", began + 60 * SECOND).await;
    assert!(receiver.heard().is_empty());
    assert_eq!(state(&app).await["undelivered"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_begun_while_the_server_runs_is_told_from_its_beginning() {
    let receiver = Receiver::starts().await;
    let app = with(TestApp::empty(), &endpoint("crm", &receiver.url, "")).await;
    tells(&app, "crm", now()).await;
    let request = to(Method::PUT, "/v1/clinic/site-file?log=create")
        .header(header::AUTHORIZATION, format!("Bearer {STAFF}"))
        .header(header::CONTENT_TYPE, "application/toml");
    let answer = app.ask(request.body(Body::from(SITE)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    // Killed at once.
    let app = restarted(app).await;
    tells(&app, "crm", now()).await;
    assert_eq!(receiver.types(), ["assent.notice.published"]);
}

#[test]
fn endpoints_that_cannot_work_or_are_not_safe_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("webhooks.toml");
    let good = endpoint("crm", "https://crm.example.org/hook", "");
    let refused = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let error = read(&file).map_or_else(|error| format!("{error:#}"), |_| "nothing".into());
        assert!(!error.contains("MfKQ9r8"), "no secret is repeated: {error}");
        error
    };
    assert_eq!(refused(&good), "nothing");
    assert_eq!(refused(""), "nothing");
    let here = "http://127.0.0.1:1/";
    for (text, says) in [
        (good.clone() + &good, "a name of its own"),
        (good.replace("https:", "http:"), "use https"),
        (good.replace("https:", "ftp:"), "must begin with https"),
        (good.replace("crm.example.org", "me:pw@crm.example.org"), "no user"),
        (good.replace("https://crm.example.org/hook", "crm"), "must begin with https"),
        (good.replace(SECRET, "").replace("\"\"", ""), "needs 1 to 4"),
        (good.replace(&format!("[\"{SECRET}\"]"), &format!("\"{SECRET}\"")), "line 5"),
        (good.replace("site =", "siet ="), "siet"),
        (good.clone() + "events = []", "empty list"),
        (good.clone() + "events = [\"given\"]", "given"),
        (endpoint("crm", here, "secret_files = [\"missing\"]"), "missing"),
        (good.replace("\"crm\"", "\"C R M\""), "is not a name"),
    ] {
        let error = refused(&text);
        assert!(error.contains(says), "{says}: {error}");
    }
    // A secret of the wrong kind is found when the service opens.
    std::fs::write(&file, good.replace(SECRET, "whsec_c2hvcnQ=")).unwrap();
    let variables = [("ASSENT_WEBHOOKS_ENDPOINTS_FILE".to_string(), file.display().to_string())];
    let config = server::config::load(None, &variables.into()).unwrap().config;
    let error = format!("{:#}", server::app::webhooks::Webhooks::new(&config.webhooks).unwrap_err());
    assert!(error.contains("24 to 64 random bytes") && error.contains("crm"), "{error}");
}
