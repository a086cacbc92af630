//! Where the site asks how old people are, whatever shows a record shows what was said; and a bundle from before it did still verifies.

use crate::age::{app, records};
use crate::app::{HOLDER, STAFF, TestApp, key, to};
use crate::backups::runs;
use crate::bundles::{packed, unpacked};
use assent_core::bundle::{PAGE, TABLE};
use assent_core::subject::SubjectToken;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::fs;

/// The clinic, asking everywhere, with one decision of somebody of 14 and a no from before of somebody who said nothing.
async fn asked() -> TestApp {
    let (app, _) = app("\"banner\", \"alert-form\"").await;
    let says = async |choice: &str, act: &str, age: Option<&str>| {
        let mut body = app.decision(json!({ "analytics": choice, "surveys": choice }));
        body["act"] = act.into();
        if let Some(age) = age {
            body["age"] = age.into();
        }
        let answer = app.decides(&body, &key()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    };
    says("no", "reject-all", None).await;
    says("yes", "accept-all", Some("13-15")).await;
    app
}

async fn export(app: &TestApp, format: &str) -> String {
    let request = to(Method::GET, &format!("/v1/clinic/export?format={format}"))
        .header(header::AUTHORIZATION, format!("Bearer {STAFF}"));
    let answer = app.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.text()
}

#[tokio::test]
async fn every_view_of_a_record_says_how_old_they_said_they_are() {
    let app = asked().await;
    let table = export(&app, "csv").await;
    let last = |line: &str| line.rsplit_once(',').unwrap().1.to_string();
    let column: Vec<String> = table.lines().map(last).collect();
    assert_eq!(column, ["\"age\"", "\"\"", "\"\"", "\"13-15\"", "\"13-15\""], "{table}");

    for format in ["dpv", "dpv-receipt"] {
        let lines = export(&app, format).await;
        let ages = |line: &str| -> Vec<Value> {
            let view: Value = serde_json::from_str(line).unwrap();
            let records = view.get("@graph").unwrap_or(&view["dpv:hasRecordOfActivity"]).as_array().unwrap();
            let age = |record: &Value| record["dpv:hasDataSubject"]["dpv:hasPersonalData"].clone();
            records.iter().map(age).collect()
        };
        let lines: Vec<Vec<Value>> = lines.lines().map(ages).collect();
        let young = json!([{ "@type": "pd:AgeRange", "rdf:value": "13-15" }]);
        assert_eq!(lines, [vec![Value::Null, Value::Null], vec![young.clone(), young]], "{format}");
    }

    let cookie = app.decides(&app.decision(json!({ "analytics": "no" })), &key()).await;
    let cookie = cookie.header(header::SET_COOKIE).split(';').next().unwrap().to_string();
    let request = to(Method::GET, "/v1/clinic/choices?lang=en").header(header::COOKIE, cookie);
    let page = app.ask(request.body(Body::empty()).unwrap()).await.text();
    let said = "How old are you? <strong>13 to 15</strong>";
    assert_eq!(page.matches(said).count(), 1, "of three records one has it: {page}");
    let subject = SubjectToken::parse(HOLDER).unwrap().id();
    assert_eq!(records(&app.app.sites.all()[0].clone(), subject).len(), 3);

    let request = to(Method::GET, &format!("/v1/clinic/notices/{}", app.notice()));
    let request = request.header(header::ACCEPT, "text/html");
    let notice = app.ask(request.body(Body::empty()).unwrap()).await.text();
    for answer in ["How old are you?", "Under 13", "13 to 15", "16 or over"] {
        assert!(notice.contains(answer), "what was asked stands in the notice: {answer}");
    }
}

// Whoever kept a bundle of an earlier version has one whose table ends before the column.
#[tokio::test]
async fn a_bundle_says_it_too_and_one_from_before_still_verifies() {
    let app = asked().await;
    let folder = app.stopped();
    let path = folder.path();
    runs(path, &["export", "--site", "clinic", "--format", "bundle", "--output", "bundle.zip"], 0);
    let files = unpacked(&fs::read(path.join("bundle.zip")).unwrap());
    let content = |name: &str| {
        String::from_utf8(files.iter().find(|(there, _)| there == name).unwrap().1.clone()).unwrap()
    };
    let page = content(PAGE);
    assert!(
        page.contains("how old they are, with the choices of the banner and on the sign-up form")
            && page.contains("13-15"),
        "{page}"
    );
    let table = content(TABLE);
    assert!(table.lines().next().unwrap().ends_with(",\"age\""), "{table}");

    let judged = |table: &str, code: i32| -> Value {
        let mut files = files.clone();
        files.iter_mut().find(|(name, _)| name == TABLE).unwrap().1 = table.into();
        fs::write(path.join("file.zip"), packed(&files, None)).unwrap();
        serde_json::from_str(&runs(path, &["verify", "--json", "file.zip"], code)).unwrap()
    };
    let before: String =
        table.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string() + "\r\n").collect();
    judged(&table, 0);
    judged(&before, 0);
    for changed in [table.replace("13-15", "16-plus"), before.replacen("refused", "given", 1), String::new()]
    {
        assert!(changed != table && changed != before);
        assert_eq!(judged(&changed, 1)["code"], "table-differs", "{changed}");
    }
}
