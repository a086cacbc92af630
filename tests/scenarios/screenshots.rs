//! Pictures of everything a person sees, on both example sites and in every look, from right to left too, and a page that shows them side by side.
//!
//! Not a check, so it runs only when asked for: `cargo test -p tests -- --ignored screenshots`. The pictures are left in
//! `target/screenshots`, with `index.html` beside them.

use crate::harness::{Browser, CHARITY, CLINIC, Looks, Stack, Visitor, screenshots, until_so};
use crate::layouts::pictures_of_every_look;
use std::fmt::Write as _;

const SITES: [(&str, &str); 2] = [(CLINIC, "health provider"), (CHARITY, "community charity")];
const LANGUAGES: [(&str, &str); 2] = [("en", "/"), ("cy", "/cy/")];
pub(crate) const SIZES: [(&str, (u32, u32)); 2] = [("desktop", (1280, 860)), ("phone", (390, 844))];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures; checks nothing"]
async fn screenshots_of_everything() {
    let stack = Stack::starts().await;
    let mut sheet = String::from(HEAD);
    for (id, name) in SITES {
        for (language, path) in LANGUAGES {
            for (size_name, size) in SIZES {
                for dark in [false, true] {
                    let scheme = if dark { "dark" } else { "light" };
                    let visitor = Visitor::arrives_with(
                        Browser::Chromium,
                        Looks { language, dark, size, ..Looks::default() },
                    )
                    .await;
                    let mut camera = Camera {
                        visitor,
                        prefix: format!("{id}-{language}-{size_name}-{scheme}"),
                        taken: Vec::new(),
                    };
                    camera.walks(&stack, id, language, path).await;
                    let _ = write!(
                        sheet,
                        "<h2>{name}, {language}, {size_name}, {scheme}</h2><div class=\"{size_name}\">"
                    );
                    for (file, what) in camera.taken {
                        let _ = write!(
                            sheet,
                            "<figure><a href=\"{file}.png\"><img src=\"{file}.png\" alt=\"\"></a><figcaption>{what}</figcaption></figure>"
                        );
                    }
                    sheet.push_str("</div>");
                    std::fs::write(screenshots().join("index.html"), &sheet).unwrap();
                }
            }
        }
    }
    sheet.push_str(&pictures_of_every_look(&stack).await);
    std::fs::write(screenshots().join("index.html"), &sheet).unwrap();
    eprintln!("pictures: {}", screenshots().join("index.html").display());
}

struct Camera {
    visitor: Visitor,
    prefix: String,
    /// File name without its ending, and what is on it.
    taken: Vec<(String, &'static str)>,
}

impl Camera {
    async fn walks(&mut self, stack: &Stack, id: &'static str, language: &str, path: &str) {
        let site = stack.site(id);
        self.visitor.visits(&site.page(path)).await;
        self.visitor.is_asked().await;
        self.takes("1-banner", "the question").await;
        self.visitor.presses("choose").await;
        self.visitor.sees_in_banner("[data-act='save']").await;
        self.takes("2-preferences", "single choices").await;
        self.visitor.presses_in_banner("#p-analytics").await;
        self.visitor.presses("save").await;
        self.visitor.sees_in_banner("[data-state='recorded']").await;
        self.takes("3-confirmation", "the confirmation").await;
        self.visitor.presses("receipt").await;
        self.visitor.sees_in_banner("a[download]").await;
        self.takes("4-receipt", "the receipt").await;
        self.visitor.presses("close").await;
        until_so("the receipt to be gone", async || !self.visitor.shows_in_banner("a[download]").await).await;
        self.takes("5-decided", "afterwards, with the way back").await;
        self.takes_page("6-choices", "the choices page", &format!("{}/choices?lang={language}", site.api))
            .await;
        self.takes_page(
            "7-alerts",
            "the alert sign-up form",
            &format!("{}/alerts?lang={language}", site.api),
        )
        .await;
        self.takes_page("8-log", "the log's page", &format!("{}/log?lang={language}", site.api)).await;
    }

    async fn takes(&mut self, part: &str, what: &'static str) {
        let name = format!("{}-{part}", self.prefix);
        self.visitor.takes_picture(&name).await;
        self.taken.push((name, what));
    }

    async fn takes_page(&mut self, part: &str, what: &'static str, address: &str) {
        let name = format!("{}-{part}", self.prefix);
        self.visitor.opens(address).await;
        self.visitor.takes_long_picture(&name).await;
        self.taken.push((name, what));
    }
}

/// The head of a page of pictures.
pub(crate) const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><title>What people see</title><style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; background: #eee; color: #222 }
div { display: flex; flex-wrap: wrap; gap: 1rem; align-items: start }
figure { margin: 0; width: 24rem } .phone figure { width: 11rem }
img { width: 100%; border: 1px solid #999; background: #fff }
</style><h1>What people see</h1>";
