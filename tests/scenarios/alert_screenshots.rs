//! Pictures of every page about alerts, with what comes of each press: in light and dark colours, on a desktop and a phone, from left to
//! right and from right to left; and a page that shows them side by side.
//!
//! Not a check, so it runs only when asked for: `cargo test -p tests -- --ignored screenshots`. The pictures are left in
//! `target/screenshots`, with `alerts.html` beside them.

use crate::harness::{Api, Browser, Looks, MailServer, Stack, Visitor, screenshots, until_so};
use crate::languages::also_in;
use crate::reminders::{at_night, ends, told};
use crate::s13_confirmed::{ADDRESS, signs_up};
use crate::screenshots::{HEAD, SIZES};
use assent_core::notice::Channel;
use std::fmt::Write as _;

/// What is opened, written and pressed before the picture is taken.
struct Scene {
    name: &'static str,
    address: String,
    writes: &'static [(&'static str, &'static str)],
    presses: Option<&'static str>,
}

/// The scenes of one language, in this order: the pages as links lead to them, then what presses make of them. A press can be repeated,
/// in each look, until the next one takes its ground away.
async fn scenes(api: &Api, mail_server: &MailServer, language: &str) -> Vec<Scene> {
    let asked = mail_server.mails().len();
    let (old, new) = (format!("{language}-{ADDRESS}"), format!("new-{language}-{ADDRESS}"));
    told(api, &old, 25).await;
    mail_server.mail(asked + 1).await;
    at_night(api).await;
    let reminder = mail_server.mail(asked + 2).await;
    signs_up(api, &new, &["email-clinic-changes", "email-health-campaigns"], language).await;
    let request = mail_server.mail(asked + 3).await;
    let message = api.may(Channel::Email, &old, "clinic-changes").await.message.unwrap();
    let stop = format!("{}?lang={language}", message.list_unsubscribe.unwrap().trim_matches(['<', '>']));
    let here = |link: String| link.replace("lang=en", &format!("lang={language}"));
    let (keep, centre) = (here(reminder.link("keep")), here(reminder.link("your-alerts")));
    let confirm = request.link("confirm");
    let page = |path: &str| format!("{}/{path}?lang={language}", api.site.api);
    let button = Some("main form button");
    let scene =
        |name, address: &str, writes, presses| Scene { name, address: address.into(), writes, presses };
    vec![
        scene("form", &page("alerts"), &[], None),
        scene(
            "form-failed",
            &page("alerts"),
            &[("#email", "gwenllian at post")],
            Some("form.sign-up button"),
        ),
        scene("confirm", &confirm, &[], None),
        scene("stop", &stop, &[], None),
        scene("keep", &keep, &[], None),
        scene("code", &page("code"), &[], None),
        scene(
            "code-wrong",
            &page("code"),
            &[("#phone", "+447700900123"), ("#code", "123456")],
            Some("form.sign-up button"),
        ),
        scene("ask", &page("your-alerts"), &[], None),
        scene("ask-failed", &page("your-alerts"), &[("#email", "no address")], Some("form.sign-up button")),
        scene(
            "ask-sent",
            &page("your-alerts"),
            &[("#email", "nobody@post.example.org")],
            Some("form.sign-up button"),
        ),
        scene("link-over", &page("confirm/x"), &[], None),
        scene("centre", &centre, &[], None),
        scene("centre-move-failed", &centre, &[("#address", "no address")], Some("button[value=move]")),
        scene("confirmed", &confirm, &[], button),
        scene("kept", &keep, &[], button),
        scene("centre-saved", &centre, &[], Some("button[value=save]")),
        scene("stopped", &stop, &[], button),
        scene("centre-all-stopped", &centre, &[], Some("button[value=stop-all]")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures; checks nothing"]
async fn screenshots_of_alerts() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = ends(&stack, |file| also_in(&file, &["ar"])).await;
    let visitor = Visitor::arrives(Browser::Chromium).await;
    let mut sheet = String::from(HEAD);
    for language in ["en", "ar"] {
        for scene in scenes(&api, &mail_server, language).await {
            let Scene { name, address, writes, presses } = scene;
            let _ = write!(sheet, "<h2>{language}: {name}</h2><div>");
            for (size_name, size) in SIZES {
                for dark in [false, true] {
                    visitor.looks(Looks { dark, size, ..Looks::default() }).await;
                    visitor.opens(&address).await;
                    for (field, text) in writes {
                        visitor.writes(field, text).await;
                    }
                    // A page that says what was done before is what the press leads to.
                    let is_done = visitor.counts("[role=status]").await > 0;
                    if let Some(button) = presses.filter(|_| !is_done) {
                        visitor.presses_on_page(button).await;
                        until_so(name, async || visitor.counts("[role=status], [role=alert]").await > 0)
                            .await;
                    }
                    let scheme = if dark { "dark" } else { "light" };
                    let file = format!("alerts-{language}-{name}-{size_name}-{scheme}");
                    visitor.takes_long_picture(&file).await;
                    let _ = write!(
                        sheet,
                        "<figure><a href=\"{file}.png\"><img src=\"{file}.png\" alt=\"\"></a><figcaption>{size_name}, {scheme}</figcaption></figure>"
                    );
                }
            }
            sheet.push_str("</div>");
        }
    }
    std::fs::write(screenshots().join("alerts.html"), &sheet).unwrap();
    eprintln!("pictures: {}", screenshots().join("alerts.html").display());
}
