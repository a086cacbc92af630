//! Programs of the operator's that are told of decisions: what they hear over kills, while they are away, when they have enough, and while a
//! secret is replaced. The receivers check signatures with the libraries of Standard Webhooks, in Python and in Rust.

use crate::harness::{Api, CLINIC, Holder, Process, Stack, project, python_with, record, until, until_so};
use crate::s13_confirmed::signs_up_and_confirms;
use assent_core::decision::Act;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ADDRESS: &str = "gwenllian@post.example.org";

/// Writes the endpoints and starts Assent with them.
async fn tells(stack: &mut Stack, endpoints: &str) {
    std::fs::write(stack.path("webhooks.toml"), endpoints).unwrap();
    stack.configures("webhooks", [("endpoints_file", "webhooks.toml".into()), ("timeout_seconds", 2.into())]);
    stack.assent_is_killed();
    stack.assent_starts().await;
}

fn endpoint(name: &str, url: &str, secrets: &[&str]) -> String {
    format!(
        "[[endpoints]]\nsite = \"{CLINIC}\"\nname = \"{name}\"\nurl = \"{url}\"\nprivate = true\nsecrets = {secrets:?}\n"
    )
}

/// A receiver in this process: it answers as it is told.
#[derive(Clone)]
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<Value>>>,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Receiver {
    async fn starts() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let receiver =
            Self { url, heard: Arc::default(), answer: Arc::new(Mutex::new((204, String::new()))) };
        let router = Router::new().fallback(hears).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    fn answers(&self, status: u16, location: &str) {
        *self.answer.lock().unwrap() = (status, location.to_string());
    }

    fn ids(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|event| event["id"].as_str().unwrap().to_string()).collect()
    }
}

/// 0 hangs.
async fn hears(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    Webhook::new(SECRET).unwrap().verify(&body, &headers).expect("a signature that fits");
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(headers["webhook-id"], event["id"].as_str().unwrap());
    receiver.heard.lock().unwrap().push(event);
    let (status, location) = receiver.answer.lock().unwrap().clone();
    match status {
        0 => std::future::pending().await,
        _ => (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, location)]).into_response(),
    }
}

/// The example's receiver, in Python. It ends with the test.
fn example(port: u16, secret: &str, folder: &Path) -> Option<Process> {
    std::fs::write(folder.join("crm.secret"), format!("{secret}\n")).unwrap();
    let script = project().join("examples/webhook-receiver/receiver.py");
    let mut command =
        python_with("standardwebhooks", &script, "hearing of events by examples/webhook-receiver")?;
    command.arg(port.to_string()).args([folder.join("crm.secret"), folder.join("events.ndjson")]);
    Some(Process::start("receiver", &mut command))
}

fn written(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("events.ndjson")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn staff(api: &Api, path: &str, body: &Value) {
    let answer = api.as_staff(api.post(path)).json(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT.as_u16(), "{}", answer.text().await.unwrap());
}

async fn state(api: &Api) -> Value {
    let answer = api.as_staff(api.get("webhooks")).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["endpoints"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_ours_hears_everything_that_happened_while_it_was_away() {
    let mut stack = Stack::starts().await;
    let folder = stack.path("");
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}/");
    tells(&mut stack, &endpoint("crm", &url, &[SECRET])).await;
    let mail_server = stack.mail_server_starts().await;
    let (api, holder) = (stack.api(CLINIC), Holder::new());
    let granted = api.records(&holder, &api.says(Act::AcceptAll).await).await;
    until_so("the event to wait", async || state(&api).await["undelivered"][0]["tries"] == 1).await;
    // Recorded, and killed before or after it was tried.
    api.records(&holder, &api.says(Act::RejectAll).await).await;
    stack.assent_is_killed();
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    let Some(mut receiver) = example(port, SECRET, &folder) else { return };
    receiver.says("that it listens", |line| line.contains("listening").then_some(())).await;
    signs_up_and_confirms(&api, &mail_server, ADDRESS, &["email-clinic-changes"]).await;
    let kinds = |events: &[Value]| -> BTreeSet<String> {
        let kind = |event: &Value| event["type"].as_str().unwrap().trim_start_matches("assent.").to_string();
        events.iter().map(kind).collect()
    };
    let wanted = ["decision.confirmed", "decision.granted", "decision.requested", "decision.withdrawn"];
    let events = until("every event to be written down", async || {
        let events = written(&folder);
        wanted.iter().all(|kind| kinds(&events).contains(*kind)).then_some(events)
    })
    .await;
    let ids: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "each once");
    let log_key = api.log_key().await;
    let granted = record(&granted.verify(Some(&log_key)).unwrap());
    let event = events.iter().find(|event| event["type"] == "assent.decision.granted").unwrap();
    assert_eq!(event["id"], format!("{}-granted", granted.id));
    assert_eq!((&event["data"]["receipt"], &event["time"]), (&json!(granted.id), &json!(granted.time)));
    let text = std::fs::read_to_string(folder.join("events.ndjson")).unwrap();
    assert!(!text.contains("gwenllian") && !stack.said().contains("gwenllian"), "no address anywhere");

    // A secret is replaced: first both sign, then the receiver changes, then the old one goes.
    tells(&mut stack, &endpoint("crm", &url, &[NEXT_SECRET, SECRET])).await;
    let (api, before) = (stack.api(CLINIC), written(&folder).len());
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    until_so("the old secret to do", async || written(&folder).len() > before).await;
    receiver.is_killed();
    let mut receiver = example(port, NEXT_SECRET, &folder).unwrap();
    receiver.says("that it listens", |line| line.contains("listening").then_some(())).await;
    let before = written(&folder).len();
    api.records(&holder, &api.says(Act::RejectAll).await).await;
    until_so("the new secret to do", async || written(&folder).len() > before).await;
    // A stranger's request is not taken.
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = stranger.post(&url).header("webhook-id", "x").body("{\"id\":\"x\"}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED.as_u16());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_makes_an_event_disappear() {
    let mut stack = Stack::starts().await;
    let receiver = Receiver::starts().await;
    tells(&mut stack, &endpoint("crm", &receiver.url, &[SECRET])).await;
    let mut recorded = BTreeSet::new();
    for round in 0..5 {
        let api = stack.api(CLINIC);
        let body = api.says(Act::AcceptAll).await;
        let before = recorded.clone();
        for _ in 0..4 + round {
            let receipt = api.records(&Holder::new(), &body).await;
            let id = record(&receipt.verify(None).unwrap()).id;
            recorded.insert(format!("{id}-granted"));
        }
        // At another moment each time: before anybody was told, while, and after.
        until_so("as many of them to be heard", async || {
            let heard: BTreeSet<String> = receiver.ids().into_iter().collect();
            recorded.difference(&before).filter(|id| heard.contains(*id)).count() >= 2 * round
        })
        .await;
        stack.assent_is_killed();
        stack.assent_starts().await;
    }
    until_so("every event to be heard", async || {
        let heard: BTreeSet<String> = receiver.ids().into_iter().collect();
        recorded.is_subset(&heard)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_may_hang_send_elsewhere_or_have_enough() {
    let mut stack = Stack::starts().await;
    let (receiver, other, inside) =
        (Receiver::starts().await, Receiver::starts().await, Receiver::starts().await);
    let tables = endpoint("crm", &receiver.url, &[SECRET])
        + &endpoint("other", &other.url, &[SECRET])
        // Not allowed to be where it is.
        + &endpoint("inside", &inside.url.replace("http:", "https:"), &[SECRET]).replace("private = true\n", "");
    tells(&mut stack, &tables).await;
    let (api, holder) = (stack.api(CLINIC), Holder::new());
    receiver.answers(0, "");
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    until_so("the other one to be told", async || other.ids().len() == 1).await;
    until_so("the one that hangs to be given its time", async || {
        state(&api).await["undelivered"][0]["reason"] == "no whole answer in time"
    })
    .await;
    receiver.answers(307, &inside.url);
    until_so("the one that sends elsewhere to be tried again", async || {
        state(&api).await["undelivered"][0]["reason"] == "it answered 307"
    })
    .await;
    receiver.answers(410, "");
    api.records(&holder, &api.says(Act::RejectAll).await).await;
    until_so("it to have enough", async || state(&api).await["disabled"].is_string()).await;
    let heard = receiver.ids().len();
    receiver.answers(204, "");
    stack.assent_is_killed();
    stack.assent_starts().await;
    let api = stack.api(CLINIC);
    assert!(state(&api).await["disabled"].is_string());
    api.records(&holder, &api.says(Act::AcceptAll).await).await;
    until_so("the other one to be told that too", async || other.ids().len() >= 3).await;
    assert_eq!(receiver.ids().len(), heard, "it is told nothing");
    staff(&api, "webhooks/enable", &json!({ "endpoint": "crm" })).await;
    until_so("it to be told the rest", async || receiver.ids().len() > heard + 1).await;

    let (id, heard) = (receiver.ids()[0].clone(), receiver.ids().len());
    staff(&api, "webhooks/redeliver", &json!({ "endpoint": "crm", "id": id })).await;
    until_so("it to be told again", async || receiver.ids()[heard..].contains(&id)).await;
    assert!(inside.ids().is_empty(), "nobody within was asked anything");
    assert!(stack.said().contains("its address is private"));
}
