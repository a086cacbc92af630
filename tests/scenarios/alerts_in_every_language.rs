//! The pages of an address's alerts in every language of a site that has several: asked for, signed up, confirmed, one switched on,
//! receipts kept, everything stopped; without script. Read by Python's parser in all of them, and in a browser in one from right to left.

use crate::axe;
use crate::harness::{Api, Browser, CLINIC, Looks, Mail, Page, Stack, Visitor, until_so};
use crate::languages::also_in;
use crate::s13_confirmed::{ADDRESS, signs_up};
use assent_core::decision::Choice;
use assent_core::languages::is_right_to_left;
use assent_core::notice::Channel;
use assent_core::receipt::Receipt;
use assent_core::wire::MayReason;
use assent_core::words::Words;
use std::collections::BTreeSet;
use std::io::Read as _;

pub(crate) const WANTED: &str = "email-clinic-changes";
const TICKED: (&str, &str) = ("wanted", "email-health-campaigns");

/// Left to right and right to left, Latin letters and others.
pub(crate) const LANGUAGES: [&str; 7] = ["en", "cy", "ar", "pl", "so", "ur", "zh"];

/// The clinic's site in these languages.
async fn clinic_in(stack: &Stack, tags: &[&str]) -> Api {
    let more: Vec<&str> = tags.iter().copied().filter(|tag| !["en", "cy"].contains(tag)).collect();
    let file = also_in(&stack.site_file(CLINIC), &more) + "\n[log]\ncheckpoint_seconds = 0\n";
    let path = stack.path("languages.toml");
    std::fs::write(&path, file).unwrap();
    stack.runs_well(&["site", "apply", path.to_str().unwrap()]);
    stack.api(CLINIC)
}

/// The page is of this language, stands as it is written, and has no script.
#[track_caller]
pub(crate) fn is_in(page: &Page, tag: &str, heading: &str) {
    assert_eq!(page.lang.as_deref(), Some(tag));
    assert_eq!(page.dir.as_deref(), Some(if is_right_to_left(tag) { "rtl" } else { "ltr" }), "{tag}");
    assert_eq!(page.headings.first().map(String::as_str), Some(heading), "{tag}");
    assert!(page.title.starts_with(heading), "{tag}: {}", page.title);
    assert_eq!(page.scripts, 0, "{tag}");
}

/// Both bodies are of this language, say who sends them and lead out; nothing is loaded.
#[track_caller]
pub(crate) fn is_message_in(mail: &Mail, tag: &str, (to, sender): (&str, &str), words: &Words) {
    assert_eq!((mail.header("to"), mail.header("content-language")), (to, tag));
    assert_eq!(mail.defects, [""; 0], "{tag}");
    let html = Page::of(&mail.html);
    assert_eq!(html.lang.as_deref(), Some(tag));
    assert_eq!(html.dir.as_deref(), Some(if is_right_to_left(tag) { "rtl" } else { "ltr" }), "{tag}");
    assert_eq!((html.scripts, html.loads), (0, 0), "{tag}");
    for body in [&mail.text, &mail.html] {
        assert!(body.contains(&words.mail_sender.replacen("{}", sender, 1)), "{tag}: {body}");
    }
    let out = mail.link("your-alerts");
    assert!(out.ends_with(&format!("lang={tag}")), "{out}");
    assert!(html.links.iter().any(|link| link.href.as_ref() == Some(&out)), "{tag}: a way out in both");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_about_alerts_is_whole_in_every_language() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = clinic_in(&stack, &LANGUAGES).await;
    let (notice, _) = api.notice().await;
    assert_eq!(notice.languages.len(), LANGUAGES.len());
    for (number, tag) in LANGUAGES.iter().enumerate() {
        let words = notice.languages[*tag].words.clone().filled(tag);
        let address = format!("{tag}-{ADDRESS}");
        signs_up(&api, &address, &[WANTED], tag).await;
        let mail = mail_server.mail(2 * number + 1).await;
        is_message_in(&mail, tag, (&address, &notice.controller.name), &words);
        let confirm = Page::opens(&api, &mail.link("confirm")).await;
        is_in(&confirm, tag, &words.confirm_title);
        assert_eq!(confirm.form("").buttons[0].text, words.confirm_press, "{tag}");
        let (confirmed, _) = confirm.presses(&api, (&mail.link("confirm"), ""), &[]).await;
        assert!(confirmed.status.contains(&words.confirm_done), "{tag}: {}", confirmed.status);

        // A fresh link is asked for in the language, and comes in it.
        let ask = Page::opens(&api, &format!("{}/your-alerts?lang={tag}", api.site.api)).await;
        is_in(&ask, tag, &words.link_title);
        let (sent, _) = ask.presses(&api, ("", ""), &[("email", &address)]).await;
        assert!(sent.status.contains(&words.link_sent), "{tag}: {}", sent.status);
        let fresh = mail_server.mail(2 * number + 2).await;
        is_message_in(&fresh, tag, (&address, &notice.controller.name), &words);
        walked(&api, &fresh, tag, &words, &address).await;
    }
}

/// The page with everything: a switch, the receipts, stop everything.
async fn walked(api: &Api, mail: &Mail, tag: &str, words: &Words, address: &str) {
    let link = mail.link("your-alerts");
    let page = Page::opens(api, &link).await;
    is_in(&page, tag, &words.your_alerts);
    assert!(page.text.contains(address) && page.text.contains(&words.centre_what), "{tag}: {}", page.text);
    for (button, text) in [("save", &words.centre_save), ("stop-all", &words.stop_all)] {
        assert_eq!(page.form(button).buttons[0].text, *text, "{tag}");
    }
    let there: BTreeSet<_> = page.links.iter().filter_map(|link| link.lang.as_deref()).collect();
    assert_eq!(there.len(), LANGUAGES.len() - 1, "{tag}: a way to each other language: {there:?}");

    let (saved, _) = page.presses(api, (&link, "save"), &[TICKED]).await;
    is_in(&saved, tag, &words.your_alerts);
    assert!(saved.status.contains(&words.centre_saved) && saved.alert.is_empty(), "{tag}: {}", saved.status);
    for topic in ["clinic-changes", "health-campaigns"] {
        let may = api.may(Channel::Email, address, topic).await;
        assert_eq!((may.may, may.reason), (Choice::Yes, MayReason::Granted), "{tag} {topic}");
    }

    let kept: Vec<_> = saved.links.iter().filter(|link| link.download.is_some()).collect();
    let (zip, one) = (kept[0], kept[1]);
    assert_eq!(zip.text, words.centre_receipts, "{tag}");
    let file = api.get_address(zip.href.as_deref().unwrap()).send().await.unwrap().bytes().await.unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    assert_eq!(zip.len(), kept.len() - 1, "{tag}: each receipt that the page names");
    let log_key = api.log_key().await;
    let mut text = String::new();
    zip.by_name(one.download.as_deref().unwrap()).unwrap().read_to_string(&mut text).unwrap();
    let receipt = Receipt::parse(&text).unwrap();
    receipt.verify(Some(&log_key)).unwrap();
    let alone = api.get_address(one.href.as_deref().unwrap()).send().await.unwrap().text().await.unwrap();
    assert_eq!(alone, text, "{tag}");

    let (stopped, at) = saved.presses(api, (&link, "stop-all"), &[]).await;
    assert!(at.contains(&format!("lang={tag}")), "{at}");
    is_in(&stopped, tag, &words.your_alerts);
    assert!(stopped.status.contains(&words.stop_all_done), "{tag}: {}", stopped.status);
    let ticked = stopped.form("save").fields.iter().filter(|field| field.kind == "checkbox" && field.sent);
    assert_eq!(ticked.count(), 0, "{tag}");
    for topic in ["clinic-changes", "health-campaigns"] {
        assert_eq!(
            api.may(Channel::Email, address, topic).await.reason,
            MayReason::Withdrawn,
            "{tag} {topic}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_right_to_left_in_a_browser_without_script() {
    let stack = Stack::starts().await;
    let mail_server = stack.mail_server_starts().await;
    let api = clinic_in(&stack, &["en", "ur"]).await;
    signs_up(&api, ADDRESS, &[WANTED], "ur").await;
    let mail = mail_server.mail(1).await;
    let visitor =
        Visitor::arrives_with(Browser::Chromium, Looks { language: "ur", ..Looks::default() }).await;
    visitor.allows_script(false).await;
    visitor.opens(&mail.link("confirm")).await;
    visitor.presses_on_page("main form button").await;
    until_so("it to be confirmed", async || visitor.counts("[role=status]").await == 1).await;
    let link = mail.link("your-alerts");
    visitor.opens(&link).await;
    visitor.photographs("your-alerts-ur").await;
    visitor.presses_on_page("#wanted-email-health-campaigns").await;
    visitor.presses_on_page("button[value=save]").await;
    until_so("it to be saved", async || visitor.address().await.contains("done=saved")).await;
    assert_eq!(api.may(Channel::Email, ADDRESS, "health-campaigns").await.may, Choice::Yes);

    visitor.allows_script(true).await;
    visitor.opens(&link).await;
    axe::finds_nothing(&visitor, "the page with everything, from right to left").await;
    let drawn = visitor
        .runs(
            "const at = css => document.querySelector(css).getBoundingClientRect();
             const box = at('#wanted-email-clinic-changes'), label = at('label[for=wanted-email-clinic-changes]');
             const dir = css => getComputedStyle(document.querySelector(css)).direction;
             return { dir: dir('main'), address: dir('main .address'), number: dir('footer a[href^=\"tel:\"]'), ticks: box.left > label.left,
                 fits: document.documentElement.scrollWidth <= innerWidth }",
        )
        .await;
    assert_eq!(
        drawn,
        serde_json::json!({ "dir": "rtl", "address": "ltr", "number": "ltr", "ticks": true, "fits": true })
    );
    visitor.allows_script(false).await;
    visitor.opens(&link).await;
    visitor.presses_on_page("button[value=stop-all]").await;
    until_so("it to be stopped", async || visitor.address().await.contains("done=stopped")).await;
    visitor.photographs("your-alerts-ur-stopped").await;
    assert_eq!(visitor.counts("input[type=checkbox]:checked").await, 0);
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::Withdrawn));
}
