//! What the scenarios stand on: the built product started in a folder of its own, people with browsers, and the
//! plain HTTP that programs and auditors speak.
//!
//! Nothing here knows how the product is made inside; it knows addresses, wire bodies and what is drawn on screen.

mod browser;
mod exim;
mod gateway;
mod http;
mod kannel;
mod log;
mod mail;
mod npm;
mod other_log;
mod page;
mod pages;
mod part;
mod places;
mod process;
mod python;
mod stack;
mod terminal;
mod tls;
mod visitor;
mod witness;
mod wordpress;

pub(crate) use browser::{Browser, Looks, in_every_browser};
pub(crate) use gateway::{AUTH_TOKEN, Contract, Mood, WEBHOOK_SECRET};
pub(crate) use http::{Api, Holder, key, receipt, record};
pub(crate) use kannel::{INBOUND, Kannel};
pub(crate) use log::Log;
pub(crate) use mail::{Mail, MailServer};
pub(crate) use npm::npm;
pub(crate) use other_log::{OtherLog, entries};
pub(crate) use page::Page;
pub(crate) use pages::Pages;
pub(crate) use part::Part;
pub(crate) use places::{project, screenshots, tests_folder};
pub(crate) use process::Process;
pub(crate) use python::{python, python_says, python_with};
pub(crate) use stack::{CHARITY, CLINIC, Site, Stack, assent, free_port, offline};
pub(crate) use terminal::at_a_terminal;
pub(crate) use tls::{Certificate, HttpsServer};
pub(crate) use visitor::Visitor;
pub(crate) use witness::{Asker, Witness};
pub(crate) use wordpress::WordPress;

use std::time::{Duration, Instant};

/// Asks again and again until there is an answer, and fails with `what` when there is none in half a minute.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited 30 seconds in vain: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A field of a form's body.
pub(crate) fn form_field(body: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// [`until`] for something that is so or is not.
pub(crate) async fn until_so(what: &str, mut look: impl AsyncFnMut() -> bool) {
    until(what, async || look().await.then_some(())).await;
}
