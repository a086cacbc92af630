//! What stands in a message: the operator's own words where there are any, who sends it, and a way out, the same in both bodies.

use crate::alerts::{signs_up, token};
use crate::app::{SITE, TestApp, key};
use crate::post::{Place, header};
use crate::told::publishes;
use axum::http::StatusCode;
use server::app::alerts::outbox::do_what_is_due;
use server::app::now;

/// A message's bodies in clear: what is quoted-printable is read.
fn clear(message: &str) -> String {
    let joined = message.replace("=\n", "");
    let mut parts = joined.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'=');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn every_sentence_can_be_the_operators_and_the_way_out_stays() {
    let place = Place::empty();
    let own = "\n[text.en.words]\nmail_confirm_subject = \"{} asks you\"\nmail_confirm_why = \"You wrote to {}, we think:\"\n\
        mail_confirm_how = \"Go on here:\"\nmail_confirm_not_you = \"Else forget us.\"\n";
    let file =
        SITE.replacen("default_language", "mail_from = \"alerts@example.org\"\ndefault_language", 1) + own;
    let app = TestApp::new().await;
    assert_eq!(publishes(&app, &file).await.status, StatusCode::OK);
    let app = app.configured(&place.configuration());
    let post = place.opens();
    signs_up(&app, &token(), &key(), "ann@example.org").await;
    let site = app.app.sites.all()[0].clone();
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let message = post.messages().pop().unwrap();
    assert_eq!(header(&message, "Subject"), "Example Health asks you");
    assert!(header(&message, "From").ends_with("<alerts@example.org>"), "the site's own sender");
    let message = clear(&message);
    for says in [
        "You wrote to Example Health, we think:",
        "Go on here:",
        "Else forget us.",
        "This message was sent by Example Health",
    ] {
        assert_eq!(message.matches(says).count(), 2, "{says} in both bodies: {message}");
    }
    for leads_to in ["/v1/clinic/confirm/", "/v1/clinic/your-alerts/"] {
        assert!(message.matches(leads_to).count() >= 2, "{leads_to} in both bodies: {message}");
    }
    assert!(!message.contains("Somebody, we hope you"), "and none of ours in their place");

    let lost = file.replace("{} asks you", "We ask you");
    let answer = publishes(&app, &lost).await;
    answer.is_problem(422, "notice-refused");
    assert!(answer.text().contains("placeholder-lost"), "who sends it must be said: {}", answer.text());
}
