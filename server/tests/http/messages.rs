//! What stands in a message: the operator's own words where there are any, who sends it, and a way out, the same in both bodies.

use crate::alerts::{signs_up, token};
use crate::app::{SITE, TestApp, key};
use crate::post::{Place, header};
use crate::told::publishes;
use assent_core::notice::Channel;
use axum::http::StatusCode;
use server::app::alerts::link::ContactKey;
use server::app::alerts::outbox::{do_what_is_due, send_link};
use server::app::now;
use std::collections::BTreeSet;

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

#[tokio::test]
async fn a_fresh_link_that_is_asked_for_again_is_another_message() {
    const HOUR: u64 = 60 * 60 * 1000;
    let place = Place::empty();
    let app = TestApp::new().await.configured(&place.configuration());
    let post = place.opens();
    let site = app.app.sites.all()[0].clone();
    signs_up(&app, &token(), &key(), "ann@example.org").await;
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let hash = site.ledger.contact_hash(Channel::Email, "ann@example.org");
    for later in [0, HOUR] {
        // The pause after the one before is over.
        do_what_is_due(&app.app, &site, now() + later).await.unwrap();
        let to = ContactKey { channel: Channel::Email, hash };
        send_link(&site, to, "en".into(), now() + later).await.unwrap();
        do_what_is_due(&app.app, &site, now() + later).await.unwrap();
    }
    let ids: BTreeSet<String> = post.messages().iter().map(|message| header(message, "Message-ID")).collect();
    assert_eq!(ids.len(), 3, "mailboxes drop what they have: {ids:?}");
}

/// The test site with a template for every message, and one for confirmations.
fn with_templates(text: &str, html: &str) -> String {
    let all = "[messages.all]\ntext = '''{% for part in parts %}{{ part.paragraph or part.why or '' }} {{ part.link or '' }}{% endfor %}'''\n\
        html = '''<p class=\"all\">{{ controller.name }}</p>{% for name, link in links | items %}<a href=\"{{ link }}\">{{ link }}</a>{% endfor %}'''\n";
    format!("{SITE}\n{all}[messages.confirm]\ntext = '''{text}'''\nhtml = '''{html}'''\n")
}

#[tokio::test]
async fn a_whole_message_can_be_the_operators_and_what_it_must_have_stays() {
    let place = Place::empty();
    let text = "{{ controller.name }} greets you{% if language == 'en' %} in English{% endif %}: {{ alerts | join(', ') }}\nYes: {{ links.confirm }}\nMore: {{ links.your_alerts }}\n";
    let html = "<html lang=\"{{ language }}\" dir=\"{{ direction }}\"><h1>{{ controller.name }}</h1><p style=\"color: green\">{{ subject }} {{ alerts[0] }} & '\
        </p><a href=\"{{ links.confirm }}\">Yes</a> <a href=\"{{ links.your_alerts }}\">More</a></html>\n";
    let app = TestApp::new().await;
    let named = SITE.replace("Example Health", "Health <b>& Co</b>");
    let file = with_templates(text, html).replace(SITE, &named);
    let published = publishes(&app, &file).await;
    assert_eq!(published.status, StatusCode::OK, "{}", published.text());
    let app = app.configured(&place.configuration());
    let post = place.opens();
    signs_up(&app, &token(), &key(), "ann@example.org").await;
    let site = app.app.sites.all()[0].clone();
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let message = clear(&post.messages().pop().unwrap());
    let escaped = "Health &lt;b&gt;&amp; Co&lt;/b&gt;";
    for says in [
        "Health <b>& Co</b> greets you in English: ",
        "Yes: http",
        &format!("<h1>{escaped}</h1><p style=\"color: green\">"),
        "lang=en\">Yes</a>",
    ] {
        assert!(message.contains(says), "{says} in {message}");
    }
    assert!(!message.contains("Somebody, we hope you"), "nothing of ours: {message}");
    let (_, html) = message.split_once("text/html").unwrap();
    assert!(!html.contains("<b>"), "a name is no markup: {html}");

    // The other messages have the general one.
    let hash = site.ledger.contact_hash(Channel::Email, "ann@example.org");
    send_link(&site, ContactKey { channel: Channel::Email, hash }, "en".into(), now()).await.unwrap();
    do_what_is_due(&app.app, &site, now()).await.unwrap();
    let message = clear(&post.messages().pop().unwrap());
    assert!(message.contains("<p class=\"all\">") && message.contains("/your-alerts/"), "{message}");
}

#[tokio::test]
async fn a_template_that_leaves_out_what_people_need_is_refused_with_its_place() {
    let app = TestApp::new().await;
    let good = "{{ controller.name }} <a href=\"{{ links.confirm }}\">1</a> <a href=\"{{ links.your_alerts }}\">2</a>";
    let with = |more: &str| format!("{good}{more}");
    let loading = [
        ("<table BACKGROUND = \"https://t.example/p.gif\">", "would load something for `background`"),
        ("<b/srcset=\"//t.example/p.gif\">", "would load something for `srcset`"),
        ("<input\ntype=image\tsrc=//t.example/p.gif>", "would load something for `src`"),
        ("<b class=\"a\"src=x>", "would load something for `src`"),
        ("<b poster=x>", "would load something for `poster`"),
        (
            "<style>p { background: Image-Set(\"//t.example/p.gif\" 1x) }</style>",
            "would load something for `image-set(`",
        ),
        ("<!--[if mso]><img alt=x><![endif]-->", "would load something for `<img`"),
    ];
    let loading = loading.map(|(more, why)| (good, with(more), why));
    let hidden = [
        (
            "{{ controller.name }} <a href=\"{{ links.confirm }}\">1</a> <!-- <a href=\"{{ links.your_alerts }}\">2</a> --!>",
            "leaves out the link `links.your_alerts`",
        ),
        (
            "{{ controller.name }} <a href=\"{{ links.confirm }}\">1</a> <!----> {{ links.your_alerts }}",
            "leaves out the link `links.your_alerts`",
        ),
        (
            "<a href='{{ links.confirm }}'>1</a> <a href='{{ links.your_alerts }}'>2</a> <!-- {{ controller.name }}",
            "leaves out who sends the message",
        ),
    ];
    let hidden = hidden.map(|(html, why)| (good, html.to_string(), why));
    for (text, html, why) in loading.into_iter().chain(hidden) {
        let answer = publishes(&app, &with_templates(text, &html)).await;
        answer.is_problem(422, "bad-site-file");
        assert!(answer.text().contains(why), "{why}: {}", answer.text());
    }
    for (text, html, why) in [
        (
            good,
            "{{ controller.name }} <a href=\"{{ links.confirm }}\">1</a>",
            "`html` of the message `confirm` in `en`: it leaves out the link `links.your_alerts`",
        ),
        (
            "{{ controller.name }} {{ links.your_alerts }}",
            good,
            "`text` of the message `confirm` in `en`: it leaves out the link `links.confirm`",
        ),
        ("{{ links.confirm }} {{ links.your_alerts }}", good, "it leaves out who sends the message"),
        (
            "{{ controller.name }} {{ links.confirm }} {{ links.your_alerts }} {{ first_name }}",
            good,
            "`first_name`",
        ),
        ("{{ controller.name }} {{ links.keep }}", good, "`links.keep`"),
        ("{% if %}", good, "syntax error"),
        (
            good,
            "<a href=\"{{ links.confirm }}\">1</a><a href=\"{{ links.your_alerts }}\">2</a>{{ controller.name }}<IMG SRC=\"https://t.example/p.gif\">",
            "would load something for `<img`",
        ),
        (
            good,
            "<a href=\"{{ links.confirm }}\">1</a><a href=\"{{ links.your_alerts }}\">2</a>{{ controller.name }}<b style=\"background: url(//t.example)\">",
            "would load something for `url(`",
        ),
        (
            good,
            "<a href=\"{{ links.confirm }}\">1</a><a href=\"{{ links.your_alerts }}\">2</a>{{ controller.name }}{% include '/etc/passwd' %}",
            "unknown statement include",
        ),
    ] {
        let answer = publishes(&app, &with_templates(text, html)).await;
        answer.is_problem(422, "bad-site-file");
        assert!(answer.text().contains(why), "{why}: {}", answer.text());
    }
    // What every message has is checked with each of them: a fresh link's has nothing to confirm.
    let general = with_templates(good, good).replace("links | items", "[['x', links.confirm]]");
    let answer = publishes(&app, &general).await;
    answer.is_problem(422, "bad-site-file");
    let text = answer.text();
    assert!(text.contains("`html` of the message `all`") && text.contains("undefined value"), "{text}");
    publishes(&app, &with_templates(good, good).replace("messages.confirm", "messages.party"))
        .await
        .is_problem(422, "bad-site-file");
    assert_eq!(publishes(&app, &with_templates(good, good)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_printed_templates_change_nothing() {
    let place = Place::empty();
    let app = TestApp::new().await;
    let printed = format!(
        "{SITE}\n[messages.all]\ntext = '''\n{}'''\nhtml = '''\n{}'''\n",
        server::app::alerts::template::TEXT,
        server::app::alerts::template::HTML
    );
    let app = app.configured(&place.configuration());
    let post = place.opens();
    let mut bodies = Vec::new();
    for (file, address) in [(SITE.to_string(), "ann@example.org"), (printed, "ann@example.com")] {
        assert_eq!(publishes(&app, &file).await.status, StatusCode::OK);
        signs_up(&app, &token(), &key(), address).await;
        let site = app.app.sites.all()[0].clone();
        do_what_is_due(&app.app, &site, now()).await.unwrap();
        let message = clear(&post.messages().pop().unwrap());
        // Links are sealed anew each time, and parts are told apart by something new.
        let lines = message.lines().filter(|line| {
            !line.contains("http")
                && !line.contains("boundary")
                && !line.starts_with("--")
                && !line.contains(": ")
        });
        bodies.push(lines.map(ToString::to_string).collect::<Vec<_>>());
    }
    assert!(bodies[0].len() > 20, "{bodies:?}");
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn the_guides_example_is_a_template() {
    let guide = include_str!("../../README.md");
    let (_, from) = guide.split_once("```toml\n[messages.confirm]").expect("the guide has one");
    let (example, _) = from.split_once("\n```").unwrap();
    let app = TestApp::new().await;
    let answer = publishes(&app, &format!("{SITE}\n[messages.confirm]{example}\n")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}
