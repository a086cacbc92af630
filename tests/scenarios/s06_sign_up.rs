//! Scenario 6: signing up for email only. Nothing may be sent until the address is confirmed, and the address is
//! nowhere on the disk in clear.

use crate::harness::{Browser, CLINIC, Holder, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::Choice;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::subject::SubjectToken;
use assent_core::wire::{MayReason, Problem, SignUpRequest};
use std::path::Path;

const ADDRESS: &str = "gwenllian.unlikely-name@post.example.org";
const LOCAL_PART: &[u8] = b"gwenllian.unlikely-name";
const NUMBER: &str = "+447700900123";

in_every_browser!(signed_up_for_email_only_and_not_yet_confirmed);

async fn signed_up_for_email_only_and_not_yet_confirmed(browser: Browser) {
    let mut stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(browser).await;

    visitor.opens(&format!("{}/alerts", site.api)).await;
    assert_eq!(visitor.counts("input[type=checkbox]:checked").await, 0, "nothing is ticked for the person");
    visitor.presses_on_page("#wanted-email-clinic-changes").await;
    visitor.writes("#email", ADDRESS).await;
    visitor.photographs("alerts-form").await;
    visitor.presses_on_page("form.sign-up button[type=submit]").await;
    until_so("the page to say what happens next", async || visitor.counts("[role=status]").await == 1).await;
    visitor.photographs("alerts-signed-up").await;
    assert!(!visitor.address().await.contains("unlikely"), "no address in an address");

    let may = api.may(Channel::Text, NUMBER, "clinic-changes").await;
    assert_eq!((may.may, may.reason), (Choice::No, MayReason::NotAsked), "may we text? no");
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!(
        (may.may, may.reason),
        (Choice::No, MayReason::Unconfirmed),
        "may we email? not until it is confirmed"
    );
    let other = api.may(Channel::Email, ADDRESS, "health-campaigns").await;
    assert_eq!((other.may, other.reason), (Choice::No, MayReason::NotAsked), "and about nothing else");
    let same =
        api.may(Channel::Email, &ADDRESS.to_uppercase().replace("GWEN", "Gwen"), "clinic-changes").await;
    assert_eq!(same.may, Choice::No);

    let (_, notice) = api.notice().await;
    let wanted = vec![PurposeId::new("text-clinic-changes").unwrap()];
    let by_program = SignUpRequest {
        notice,
        language: "en".into(),
        wanted,
        told: Vec::new(),
        objected: Vec::new(),
        email: None,
        phone: None,
        age: None,
    };
    let answer = api.signs_up(&Holder::new(), &by_program).await;
    assert_eq!(answer.json::<Problem>().await.unwrap().code, "contact-missing");
    let phone = Some("07700 900 124".into());
    let answer = api.signs_up(&Holder::new(), &SignUpRequest { phone, ..by_program }).await;
    let problem = answer.text().await.unwrap();
    assert!(problem.contains("bad-phone") && !problem.contains("900"), "no number in a problem: {problem}");

    let cookies = visitor.cookies().await;
    assert!(visitor.choice().await.is_none(), "signing up for alerts is no choice about this browser");
    let kept = cookies.iter().find(|cookie| cookie.name == "assent-sign-up").expect("the receipt can be had");
    let holder = Holder(SubjectToken::parse(&kept.value).unwrap());
    let records = api.history(&holder).await;
    let [record] = &records[..] else { panic!("one record") };
    assert_eq!(
        record.decisions.keys().map(ToString::to_string).collect::<Vec<_>>(),
        ["email-clinic-changes"]
    );
    assert_eq!(record.contacts.len(), 1);
    assert!(!String::from_utf8(record.to_bytes()).unwrap().contains("unlikely"), "not in the record");
    assert!(!stack.said().contains("unlikely"), "not in the server's own log");

    for state in ["while it runs", "after it stopped"] {
        let found = files_with(&stack.data(), LOCAL_PART);
        assert!(found.is_empty(), "{state} the address is in {found:?}");
        stack.assent_is_killed();
    }
    stack.assent_starts().await;
    let may = api.may(Channel::Email, ADDRESS, "clinic-changes").await;
    assert_eq!(may.reason, MayReason::Unconfirmed, "and it is still known by its hash");
}

/// Files below `folder` that hold `needle`, in whatever case.
fn files_with(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = 0_usize;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                seen += bytes.len();
                if bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle)) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    assert!(seen > 1000, "there is something to search");
    found
}
