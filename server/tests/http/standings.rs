//! What is remembered of an address is what the log says, whatever was done since; and it is remembered, and found ready.

use crate::app::{SITE, TestApp};
use crate::told::{may, publishes};
use assent_core::decision::Act;
use assent_core::notice::Channel;
use assent_core::subject::SubjectToken;
use assent_core::wire::{EraseReason, EraseRequest, Whose};
use server::app::alerts::confirm::confirm;
use server::app::alerts::link::ContactKey;
use server::app::alerts::standings::AddressStanding;
use server::app::alerts::stop::{Which, stop};
use server::app::alerts::subscriber::Subscriber;
use server::app::sites::Site;
use server::app::{now, people};
use std::sync::Arc;

fn contact(site: &Site, address: &str) -> ContactKey {
    ContactKey { channel: Channel::Email, hash: site.ledger.contact_hash(Channel::Email, address) }
}

/// Asks, and sees that it is answered from the log, or by what is still true.
async fn asked(app: &TestApp, address: &str) -> (String, bool) {
    let site = app.app.sites.all()[0].clone();
    let (hash, now) = (contact(&site, address).hash, now());
    let fresh = AddressStanding::of(&site, &Subscriber::read(&site, &hash, now).unwrap());
    let before = site.standings.remembered(&site, &hash, now);
    assert!(
        before.as_ref().is_none_or(|before| *before == fresh),
        "{before:?} is remembered, and {fresh:?} holds"
    );
    let first = may(app, address, "news").await;
    assert_eq!(may(app, address, "news").await, first);
    let remembered = site.standings.remembered(&site, &hash, now);
    assert!(remembered.as_ref().is_none_or(|after| *after == fresh), "{remembered:?}, {fresh:?}");
    (first.1.as_str().unwrap().to_string(), remembered.is_some())
}

/// Anything that can be done about three addresses, at random, and after each the truth for all of them.
#[tokio::test]
async fn whatever_happens_nothing_is_answered_from_before_it() {
    const ADDRESSES: [&str; 3] = ["ann@example.org", "bob@example.org", "cat@example.org"];
    let app = TestApp::new().await;
    let mut signed_up: Vec<(SubjectToken, ContactKey)> = Vec::new();
    let mut dice = 20_261_126_u64;
    let mut throw = |sides: usize| {
        // Knuth's MMIX constants; the high bits are the random ones.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % sides
    };
    let (mut remembered, mut reasons) = (0, std::collections::BTreeSet::new());
    for _ in 0..120 {
        let site = app.app.sites.all()[0].clone();
        let address = ADDRESSES[throw(3)];
        let to = contact(&site, address);
        let one = (!signed_up.is_empty()).then(|| throw(signed_up.len()));
        let whom = one.map(|one| signed_up[one].0.id());
        match (throw(10), one, whom) {
            (0 | 1, ..) | (_, None, _) | (_, _, None) => {
                let token = crate::alerts::token();
                crate::alerts::signs_up(&app, &token, &crate::app::key(), address).await;
                signed_up.push((SubjectToken::parse(&token).unwrap(), to));
            }
            (2..=4, Some(one), _) => {
                let (token, to) = &signed_up[one];
                drop(confirm(&site, (token.id(), *to, None), now()).await);
            }
            (5, ..) => _ = stop(&site, to, Which::All, Act::Link, now()).await.unwrap(),
            (6, _, Some(whom)) => _ = site.ledger.restrict(whom, "dispute-7".into()).await.unwrap(),
            (7, _, Some(whom)) => _ = site.ledger.release(whom).await.unwrap(),
            (8, ..) => {
                site.ledger.set_bounced(to.hash, throw(2) == 0).await.unwrap();
                site.ledger.suppress(to.hash, throw(3) == 0).await.unwrap();
            }
            (_, _, Some(whom)) => {
                let request = EraseRequest {
                    whose: Whose::Subject(whom),
                    reason: EraseReason::Asked,
                    suppress: throw(2) == 0,
                };
                drop(people::erase(Arc::clone(&site), request).await);
            }
        }
        for address in ADDRESSES {
            let (reason, is_remembered) = asked(&app, address).await;
            reasons.insert(reason);
            remembered += usize::from(is_remembered);
        }
    }
    assert!(remembered > 100, "{remembered} of 360 were remembered");
    for reason in ["granted", "unconfirmed", "withdrawn", "suppressed", "restricted", "not-asked"] {
        assert!(reasons.contains(reason), "{reason} never came up: {reasons:?}");
    }
}

#[tokio::test]
async fn another_notice_is_answered_for_by_what_it_says() {
    let app = TestApp::new().await;
    let token = crate::alerts::token();
    crate::alerts::signs_up(&app, &token, &crate::app::key(), "ann@example.org").await;
    let site = app.app.sites.all()[0].clone();
    let token = SubjectToken::parse(&token).unwrap();
    confirm(&site, (token.id(), contact(&site, "ann@example.org"), None), now()).await.unwrap();
    // Whoever asked for a change hears of it a moment before it is over, and until then nothing is remembered.
    loop {
        let (reason, is_remembered) = asked(&app, "ann@example.org").await;
        assert_eq!(reason, "granted");
        if is_remembered {
            break;
        }
    }
    let without =
        SITE.replace("topic = \"news\"", "topic = \"other\"").replace("alerts.news]", "alerts.other]");
    let published = publishes(&app, &without).await;
    assert!(published.status.is_success(), "{}", published.text());
    assert_eq!(may(&app, "ann@example.org", "news").await.1, "no-route");
}

/// At a start every address is gone through; whoever asks then reads no log.
#[tokio::test]
async fn after_a_start_every_address_is_found_ready() {
    let app = TestApp::new().await;
    let mut addresses = Vec::new();
    for person in 0..20 {
        let address = format!("p{person}@example.org");
        crate::alerts::signs_up(&app, &crate::alerts::token(), &crate::app::key(), &address).await;
        addresses.push(address);
    }
    let app = app.restarted();
    let site = app.app.sites.all()[0].clone();
    let known =
        |address: &String| site.standings.remembered(&site, &contact(&site, address).hash, now()).is_some();
    assert!(!site.standings.prepared() && !addresses.iter().any(known));
    app.app.sites.prepare_standings().unwrap();
    while !site.standings.prepared() {
        tokio::task::yield_now().await;
    }
    assert!(addresses.iter().all(known));
    assert_eq!(asked(&app, "p7@example.org").await, ("unconfirmed".into(), true));
}
