//! The reference tells the truth: its addresses are the router's, and answers have the shapes it states.

use crate::app::{HOLDER, TestApp, to};
use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

pub(crate) fn document() -> Value {
    serde_json::to_value(server::http::openapi::document()).unwrap()
}

#[test]
fn the_document_is_reviewed() {
    let mut document = document();
    document["info"]["version"] = json!("0.0.0");
    insta::assert_json_snapshot!("openapi", document);
}

#[test]
fn the_documents_addresses_are_the_routers() {
    let source = include_str!("../../src/http/router.rs");
    let routed = source.lines().filter_map(|line| line.split_once(".route(\"")?.1.split_once("\", "));
    let mut routed: Vec<(String, usize)> = routed
        .map(|(path, handlers)| {
            (
                path.replace("{*path}", "{path}"),
                handlers.matches("get(").count()
                    + handlers.matches("post(").count()
                    + handlers.matches("put(").count()
                    // Another handler where speed is measured: one method in both.
                    + usize::from(["decisions)", "may)", "may_bulk)"].iter().any(|other| handlers.starts_with(other))),
            )
        })
        .collect();
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let mut documented: Vec<(String, usize)> =
        paths.iter().map(|(path, item)| (path.clone(), item.as_object().unwrap().len())).collect();
    routed.sort();
    documented.sort();
    assert_eq!(routed, documented);
}

/// Fails unless `value` has the shape that the document gives `name`.
#[track_caller]
pub(crate) fn has_shape(document: &Value, name: &str, value: &Value) {
    assert!(document["components"]["schemas"].get(name).is_some(), "no shape {name}");
    let schema =
        json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}: {value}");
}

#[tokio::test]
async fn answers_have_their_shapes() {
    let (app, document) = (TestApp::new().await, document());
    let body = app.decision(json!({ "analytics": "yes" }));
    has_shape(&document, "DecisionRequest", &body);
    has_shape(&document, "Receipt", &app.records(json!({ "analytics": "yes" })).await.json());
    let state =
        to(Method::GET, "/v1/clinic/state").header("assent-subject", HOLDER).body(Body::empty()).unwrap();
    has_shape(&document, "StateResponse", &app.ask(state).await.json());
    has_shape(&document, "Problem", &app.get("/nothing").await.json());
    has_shape(&document, "Problem", &app.decides(&json!({}), "k").await.json());
}

#[test]
fn the_wire_types_have_the_shapes_of_the_document() {
    use assent_core::decision::Choice;
    use assent_core::notice::Channel;
    use assent_core::wire::{
        BouncedRequest, MayBulkRequest, MayBulkResponse, MayReason, MayRequest, MayResponse, MessageLinks,
        SignUpRequest, TextDoneRequest, TextToRead, TextsResponse,
    };
    let (document, topic) = (document(), assent_core::ids::PurposeId::new("news").unwrap());
    let address = "ann@example.org".to_string();
    let question = MayRequest { channel: Channel::Email, address: address.clone(), topic };
    has_shape(&document, "MayRequest", &json!(question));
    let bounced = BouncedRequest { channel: Channel::Email, address: address.clone(), bounces: true };
    has_shape(&document, "BouncedRequest", &json!(bounced));
    let [id, received, number, text] =
        ["1", "2026-11-25T10:00:00.000Z", "+447700900123", "When?"].map(String::from);
    let texts = TextsResponse { texts: vec![TextToRead { id: id.clone(), received, number, text }] };
    has_shape(&document, "TextsResponse", &json!(texts));
    has_shape(&document, "TextDoneRequest", &json!(TextDoneRequest { id }));
    let reason = MayReason::Unconfirmed;
    let message = MessageLinks {
        list_unsubscribe: Some("<https://privacy.example.org/v1/clinic/stop/x>".into()),
        list_unsubscribe_post: Some("List-Unsubscribe=One-Click".into()),
        your_alerts: "https://privacy.example.org/v1/clinic/your-alerts/x".into(),
    };
    let answer = MayResponse { may: Choice::No, reason, receipt: Some("x".into()), message: Some(message) };
    has_shape(&document, "MayResponse", &json!(answer));
    let channel = Channel::Email;
    let topic = assent_core::ids::PurposeId::new("news").unwrap();
    let many = MayBulkRequest { channel, topic, addresses: vec![address.clone()] };
    has_shape(&document, "MayBulkRequest", &json!(many));
    has_shape(&document, "MayBulkResponse", &json!(MayBulkResponse { answers: vec![answer] }));
    let (notice, language) = (assent_core::hash::Hash([0; 32]), "en".to_string());
    let wish = SignUpRequest {
        notice,
        language,
        wanted: Vec::new(),
        told: Vec::new(),
        objected: Vec::new(),
        email: Some(address),
        phone: None,
        age: "16-plus".parse().ok(),
    };
    has_shape(&document, "SignUpRequest", &json!(wish));
    what_was_told_has_its_shapes(&document);
}

fn what_was_told_has_its_shapes(document: &Value) {
    use assent_core::notice::Channel;
    use assent_core::told::{Evidence, EvidenceKind, Recording, Telling};
    use assent_core::wire::{RowOutcome, RowResult, ToldRequest, ToldRow, ToldRowsRequest, ToldRowsResponse};
    let purpose = assent_core::ids::PurposeId::new("email-news").unwrap();
    let told = ToldRequest {
        by: Telling::InPerson,
        script: "Form 7".into(),
        staff: "M. Rees".into(),
        said: "2026-03-02".into(),
        recording: Some(Recording::NotRecorded),
        evidence: Some(Evidence { kind: EvidenceKind::SignedForm, reference: "file B-12".into() }),
        directly: true,
        opt_out_offered: true,
        age: "13-15".parse().ok(),
        language: "en".into(),
        email: Some("ann@example.org".into()),
        phone: Some("+447700900123".into()),
        choices: [(purpose, assent_core::decision::Choice::Yes)].into(),
    };
    has_shape(document, "ToldRequest", &json!(told));
    let talk = assent_core::wire::ContactedRequest {
        id: "email-00".into(),
        by: told.by,
        script: told.script,
        staff: told.staff,
        said: told.said,
        recording: told.recording,
        choices: told.choices,
    };
    has_shape(document, "ContactedRequest", &json!(talk));
    let person = assent_core::wire::ToContact {
        id: talk.id,
        channel: Channel::Email,
        address: "ann@example.org".into(),
        language: "en".into(),
        waiting: talk.choices.keys().map(|id| (id.clone(), talk.said.clone())).collect(),
        substantial_data: true,
    };
    has_shape(
        document,
        "ToContactResponse",
        &json!(assent_core::wire::ToContactResponse { people: vec![person] }),
    );
    let (list, rows) = ("spring.csv".into(), vec![ToldRow::default()]);
    let rows = ToldRowsRequest { list, dry_run: true, copies: false, rows };
    has_shape(document, "ToldRowsRequest", &json!(rows));
    let [reason, column, receipt] = ["bad-value", "how", "x"].map(|text| Some(text.to_string()));
    for result in [RowResult::Recorded, RowResult::Good, RowResult::Already, RowResult::Refused] {
        let rows = vec![RowOutcome {
            result,
            reason: reason.clone(),
            column: column.clone(),
            receipt: receipt.clone(),
            copy: true,
        }];
        has_shape(document, "ToldRowsResponse", &json!(ToldRowsResponse { rows }));
    }
}
