//! Languages: the interface speaks those that come in the box, from right to left where they are written so, and one of them
//! travels to a visitor.

use crate::axe;
use crate::harness::{Browser, CLINIC, Looks, Pages, Stack, Visitor, in_every_browser};
use serde_json::Value;

const PAGE: &str = "<head><script src='%TAG%'></script></head><body><main><h1>A page</h1><p>Text.</p>
    <iframe data-purpose=embeds data-src=/frame.html title='A film' width=400 height=260></iframe></main>";

/// The clinic's texts again under other languages, with the language's tag before each sentence (the same text twice would be one that
/// nobody translated); the interface's own words differ.
pub(crate) fn also_in(file: &str, languages: &[&str]) -> String {
    let mut file: toml::Table = file.parse().unwrap();
    let texts = file["text"].as_table_mut().unwrap();
    let mut text = texts["en"].clone();
    text.as_table_mut().unwrap().remove("words");
    for language in languages {
        let mut own = text.clone();
        let mark = |text: &mut toml::Value, key: &str| {
            text[key] = format!("{language}: {}", text[key].as_str().unwrap()).into();
        };
        mark(&mut own, "intro");
        for table in ["purposes", "alerts"] {
            let purposes = own[table].as_table_mut().unwrap();
            purposes.iter_mut().for_each(|(_, purpose)| mark(purpose, "description"));
        }
        texts.insert((*language).to_string(), own);
    }
    file.to_string()
}

async fn side(visitor: &Visitor) -> Value {
    let script = "const host = document.querySelector('#assent-choices'), root = host.shadowRoot;
        const at = act => root.querySelector(`[data-act=${act}]`).getBoundingClientRect().left;
        const frame = document.querySelector('assent-frame');
        return { dir: host.dir, direction: getComputedStyle(root.querySelector('section')).direction,
            first: at('accept-all') > at('reject-all') ? 'right' : 'left', frame: getComputedStyle(frame.shadowRoot.firstChild).direction }";
    visitor.runs(script).await
}

in_every_browser!(one_language_travels_and_stands_as_it_is_written);

async fn one_language_travels_and_stands_as_it_is_written(browser: Browser) {
    let stack = Stack::starts().await;
    let pages = Pages::of(&stack, CLINIC, PAGE, |file| also_in(&file, &["ar", "pl", "ur"])).await;
    for (language, accept, decline, choices, rtl) in [
        ("ar", "قبول", "رفض", "اختيارات الخصوصية الخاصة بك", true),
        ("ur-PK", "قبول کریں", "رد کریں", "آپ کے رازداری کے انتخاب", true),
        ("pl", "Akceptuj", "Odrzuć", "Twoje ustawienia prywatności", false),
    ] {
        let visitor = Visitor::arrives_with(browser, Looks { language, ..Looks::default() }).await;
        visitor.visits(&pages.origin).await;
        visitor.is_asked().await;
        let text = visitor.banner_text().await;
        assert!(text.contains(accept) && text.contains(decline), "{language}: {text}");
        let (dir, first) = if rtl { ("rtl", "right") } else { ("ltr", "left") };
        assert_eq!(
            side(&visitor).await,
            serde_json::json!({ "dir": dir, "direction": dir, "first": first, "frame": dir }),
            "{language}, on a page that is written from left to right"
        );
        visitor.takes_picture(&format!("language-{language}")).await;
        axe::finds_nothing(&visitor, language).await;
        visitor.has_the_widget().await;
        visitor.presses("choose").await;
        visitor.sees_in_banner("[data-act='save']").await;
        assert!(visitor.banner_text().await.contains(choices));
        visitor.takes_picture(&format!("language-{language}-choices")).await;

        // One language and no other came.
        let script = "const done = arguments[0]; fetch(document.scripts[0].src).then(answer => answer.text()).then(done)";
        let embed = visitor.runs_to_its_end(script).await;
        let embed = embed.as_str().unwrap();
        assert!(embed.contains(accept));
        for other in ["Accept", "قبول کریں", "Akceptuj"].into_iter().filter(|other| *other != accept)
        {
            assert!(!embed.contains(&format!(">{other}<")), "{language}: {other}");
        }
        visitor.opens(&format!("{}/choices?lang={language}", stack.site(CLINIC).api)).await;
        assert_eq!(visitor.runs("return document.documentElement.dir").await, dir);
        visitor.takes_picture(&format!("language-{language}-page")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_nobody_reviewed_are_named_and_a_language_can_be_given_whole() {
    let stack = Stack::starts().await;
    let path = stack.path("languages.toml");
    let check = |text: String| {
        std::fs::write(&path, text).unwrap();
        let output = stack.runs(&["site", "check", path.to_str().unwrap()]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let file = stack.site_file(CLINIC);
    let (code, said) = check(also_in(&file, &["pl"]));
    assert!(code == Some(0) && said.contains("`pl`") && !said.contains("`en`"), "{said}");
    let (code, said) = check(also_in(&file, &["tlh"]));
    assert!(code == Some(1) && said.contains("[text.tlh.words]"), "{said}");
}
