//! Scenario 5: the receipt a person keeps proves itself on a machine that has nothing else.

use crate::harness::{Browser, CLINIC, Holder, Stack, Visitor, in_every_browser, offline};
use assent_core::decision::Act;
use assent_core::receipt::Receipt;
use std::path::Path;

in_every_browser!(the_receipt_on_screen_can_be_kept);

async fn the_receipt_on_screen_can_be_kept(browser: Browser) {
    let stack = Stack::starts().await;
    let visitor = Visitor::arrives(browser).await;
    visitor.visits(&stack.site(CLINIC).page("/")).await;
    visitor.presses("reject-all").await;
    visitor.sees_in_banner("[data-state='recorded']").await;
    visitor.presses("receipt").await;
    visitor.sees_in_banner("a[download]").await;
    visitor.photographs("receipt").await;
    let address = visitor.in_banner_script("root.querySelector('a[download]').href").await;
    let downloaded = from_data_address(address.as_str().unwrap());
    let (api, holder) = (stack.api(CLINIC), visitor.holder().await);
    let id = api.state(&holder).await.receipts.remove(0);
    let served = api.receipt(&holder, &id).await.bytes().await.unwrap();
    assert_eq!(downloaded, served, "the file on screen is the file that is served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_verifies_offline_and_no_byte_of_it_may_differ() {
    let stack = Stack::starts().await;
    let (api, holder) = (stack.api(CLINIC), Holder::new());
    api.records(&holder, &api.says(Act::RejectAll).await).await;
    let log_key = api.log_key().await.to_string();
    let id = api.state(&holder).await.receipts.remove(0);
    let downloaded = api.receipt(&holder, &id).await.bytes().await.unwrap();

    let file = stack.path("receipt.json");
    std::fs::write(&file, &downloaded).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let copy = kept.path().join("receipt.json");
    std::fs::copy(&file, &copy).unwrap();
    drop(stack);

    let output = offline(&["verify", copy.to_str().unwrap()]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // Who brings the log's key learns more: that it is this log's.
    let output = offline(&["verify", copy.to_str().unwrap(), "--key", &log_key]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    for at in 0..downloaded.len() {
        let changed = changed(&downloaded, at);
        let found =
            std::str::from_utf8(&changed).map(|text| Receipt::parse(text).and_then(|it| it.verify(None)));
        assert!(!matches!(found, Ok(Ok(_))), "a change of byte {at} went unseen");
        // The program says so too; starting it for each byte would take long.
        if at % 29 == 0 {
            let complaint = complaint(&copy, &changed);
            assert!(complaint.split_whitespace().count() >= 4, "a sentence, please: {complaint:?}");
        }
    }
}

fn changed(receipt: &[u8], at: usize) -> Vec<u8> {
    let mut changed = receipt.to_vec();
    changed[at] ^= 1;
    changed
}

/// What `assent verify` says about a file that is not good.
fn complaint(file: &Path, content: &[u8]) -> String {
    std::fs::write(file, content).unwrap();
    let output = offline(&["verify", file.to_str().unwrap()]);
    assert!(!output.status.success(), "accepted {}", String::from_utf8_lossy(content));
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).unwrap()
}

/// The content of a `data:` address with percent encoding.
fn from_data_address(address: &str) -> Vec<u8> {
    let text = address.split_once(',').expect("a data address").1;
    let mut bytes = text.bytes();
    let mut content = Vec::new();
    while let Some(byte) = bytes.next() {
        content.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    content
}
