//! Two windows of one person decide at once, while nothing reaches the service: both decisions are recorded, each once, by one person, and
//! both windows obey the later one.

use crate::harness::{Browser, CLINIC, Stack, Visitor, in_every_browser, until_so};
use assent_core::decision::{Act, Choice, Standing};

in_every_browser!(two_windows_decide_at_once);

async fn two_windows_decide_at_once(browser: Browser) {
    let stack = Stack::starts().await;
    let (site, api) = (stack.site(CLINIC), stack.api(CLINIC));
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    let first = visitor.opens_a_window().await;
    visitor.visits(&site.page("/")).await;
    visitor.is_asked().await;
    visitor.has_the_widget().await;

    stack.assent().is_halted();
    visitor.presses("accept-all").await;
    let second = visitor.turns_to(first).await;
    visitor.runs("assent.rejectAll()").await;
    stack.assent().goes_on();

    let analytics = async || visitor.runs("return assent.state().allowed.analytics").await;
    visitor.has_sent_everything(CLINIC).await;
    assert_eq!(analytics().await, false);
    until_so("the question to go", async || !visitor.is_being_asked().await).await;
    let holder = visitor.holder().await;
    let mut acts = Vec::new();
    until_so("both to be recorded", async || {
        acts = api.history(&holder).await.iter().map(|record| record.act).collect();
        acts.len() >= 2
    })
    .await;
    assert_eq!(acts, [Act::AcceptAll, Act::RejectAll], "each once, by one person");
    assert_eq!(api.state(&holder).await.purposes["analytics"], Standing::Withdrawn);
    visitor.turns_to(second).await;
    until_so("the other window to obey", async || analytics().await == false).await;
    assert_eq!(visitor.choice().await.unwrap().choices["analytics"], Choice::No);
    assert_eq!(visitor.holder().await.0.reveal(), holder.0.reveal());
}
