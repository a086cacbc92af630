//! Whoever cannot show who they are is told nothing: a mail server, a text gateway or a receiver of webhooks whose certificate nobody here
//! trusts, or that is another's. The message stays, the log says why, and once the certificate is good it is sent.

use crate::harness::{
    CLINIC, Certificate, Holder, HttpsServer, MailServer, Stack, WEBHOOK_SECRET, free_port, until_so,
};
use crate::s13_confirmed::{ADDRESS, signs_up};
use crate::texts::{self, NUMBER};
use assent_core::decision::Act;
use serde_json::Value;

const NOT_TRUSTED: &str = "its certificate is of an issuer that is not trusted here";
const ANOTHERS: &str = "its certificate is of another name";
/// Nobody asks for it by this name.
const ANOTHER: &str = "another.example.org";

/// What somebody shows, what is trusted here, and why that is not enough.
struct Fault {
    shown: Certificate,
    trusted: Option<Certificate>,
    why: &'static str,
}

/// A good certificate for `localhost`, and one of each fault.
fn faults(stack: &Stack) -> (Certificate, [Fault; 2]) {
    let folder = stack.path("certificates");
    std::fs::create_dir(&folder).unwrap();
    let [good, other] = ["localhost", ANOTHER].map(|host| Certificate::of(&folder, host));
    let not_trusted = Fault { shown: good.clone(), trusted: None, why: NOT_TRUSTED };
    let anothers = Fault { shown: other.clone(), trusted: Some(other), why: ANOTHERS };
    (good, [not_trusted, anothers])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_is_given_nothing_after_starttls_with_a_wrong_certificate() {
    mail("starttls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_is_given_nothing_over_tls_with_a_wrong_certificate() {
    mail("tls").await;
}

async fn mail(tls: &'static str) {
    if !MailServer::is_exim() {
        return;
    }
    let mut stack = Stack::starts().await;
    let (good, faults) = faults(&stack);
    for (number, Fault { shown, trusted, why }) in faults.into_iter().enumerate() {
        let server = stack.encrypted_mail_server_starts(tls, &shown).await;
        let mail_with = |ca: Option<&Certificate>| {
            let ca = ca.map_or("", |ca| ca.cert.to_str().unwrap());
            let lines = [("host", "localhost"), ("tls", tls), ("ca_file", ca)];
            lines.map(|(name, value)| (name, toml::Value::from(value)))
        };
        stack.configures("mail", mail_with(trusted.as_ref()));
        stack.assent_is_killed();
        stack.assent_starts().await;
        let address = format!("{number}-{ADDRESS}");
        signs_up(&stack.api(CLINIC), &address, &["email-clinic-changes"], "en").await;
        waits(&stack, why).await;
        assert!(server.mails().is_empty() && !stack.said().contains("handed over"), "{tls}: {why}");

        // It is still to be sent, over a crash; a good certificate is all it takes.
        drop(server);
        let server: MailServer = stack.encrypted_mail_server_starts(tls, &good).await;
        stack.configures("mail", mail_with(Some(&good)));
        stack.assent_is_killed();
        stack.assent_starts().await;
        assert_eq!(server.mail(1).await.header("to"), address);
        assert_eq!(server.mails().len(), 1, "{tls}: {why}: once");
        server.forgets();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_gateway_is_given_nothing_with_a_wrong_certificate() {
    let mut stack = Stack::starts().await;
    let (good, faults) = faults(&stack);
    for (number, Fault { shown, trusted, why }) in faults.into_iter().enumerate() {
        let port = free_port();
        let server = HttpsServer::starts(port, &shown).await;
        let lines: [(&'static str, toml::Value); 4] = [
            ("kind", "webhook".into()),
            ("url", format!("https://localhost:{port}").into()),
            ("sender", "Glanmor".into()),
            ("password", WEBHOOK_SECRET.into()),
        ];
        stack.configures("gateway", lines);
        starts_trusting(&mut stack, trusted.as_ref()).await;
        // One that is no other's: the one before waits, and is tried too.
        let phone = format!("{}{number}", &NUMBER[..NUMBER.len() - 1]);
        texts::signs_up(&stack.api(CLINIC), None, Some(&phone), &["text-clinic-changes"], "en").await;
        waits(&stack, why).await;
        assert!(server.took().is_empty() && !stack.said().contains("handed over"), "{why}");

        drop(server);
        let server = HttpsServer::starts(port, &good).await;
        starts_trusting(&mut stack, Some(&good)).await;
        until_so("the text to be taken", async || server.took().len() == 1).await;
        let text: Value = serde_json::from_str(&server.took()[0]).unwrap();
        assert_eq!(text["to"], phone, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_nothing_with_a_wrong_certificate() {
    let mut stack = Stack::starts().await;
    let (good, faults) = faults(&stack);
    for Fault { shown, trusted, why } in faults {
        let port = free_port();
        let server = HttpsServer::starts(port, &shown).await;
        let endpoint = format!(
            "[[endpoints]]\nsite = \"{CLINIC}\"\nname = \"to-{port}\"\nurl = \"https://localhost:{port}/\"\nprivate = true\nsecrets = [\"{WEBHOOK_SECRET}\"]\n"
        );
        std::fs::write(stack.path("webhooks.toml"), endpoint).unwrap();
        stack.configures("webhooks", [("endpoints_file", "webhooks.toml".into())]);
        starts_trusting(&mut stack, trusted.as_ref()).await;
        let api = stack.api(CLINIC);
        api.records(&Holder::new(), &api.says(Act::AcceptAll).await).await;
        until_so("the event to wait, and staff to be told why", async || {
            let answer = api.as_staff(api.get("webhooks")).send().await.unwrap();
            let waiting = &answer.json::<Value>().await.unwrap()["endpoints"][0]["undelivered"][0];
            waiting["reason"].as_str() == Some(why)
        })
        .await;
        let metrics = api.get_address(&stack.address("/metrics")).send().await.unwrap().text().await.unwrap();
        let waits = |line: &str| line.starts_with("assent_webhook_waiting") && line.ends_with(" 1");
        assert!(metrics.lines().any(waits), "{metrics}");
        assert!(server.took().is_empty(), "{why}");

        drop(server);
        let server = HttpsServer::starts(port, &good).await;
        starts_trusting(&mut stack, Some(&good)).await;
        until_so("the event to be taken", async || server.took().len() == 1).await;
        assert!(server.took()[0].contains("assent.decision.granted"), "{why}");
    }
}

/// The log says that a message waits, why, and nothing of anybody's address.
async fn waits(stack: &Stack, why: &str) {
    until_so("the log to say why a message waits", async || {
        stack.said().lines().any(|line| line.contains("a message waits") && line.contains(why))
    })
    .await;
    assert!(!stack.said().contains("gwenllian") && !stack.said().contains("7700900"));
}

/// Starts Assent again on a machine that trusts only this certificate, or what it trusts by itself.
async fn starts_trusting(stack: &mut Stack, certificate: Option<&Certificate>) {
    stack.trusts(certificate);
    stack.assent_is_killed();
    stack.assent_starts().await;
}
