//! The question as plain markup, for pages that a server puts together: what people without script are asked, in the place where the
//! inline layout stands. Script replaces nothing of it: inside `noscript` it is there only for who has none.

use assent_core::languages::is_right_to_left;
use assent_core::notice::{Asked, Notice};
use assent_core::site::SiteFile;
use std::fmt::Write as _;

/// The element of the inline layout, with the question inside for who has no script: two forms alike, and the way to the single choices.
/// Where a yes needs an age, which the choices page asks, only the way there.
pub(super) fn markup(file: &SiteFile, notice: &Notice, language: &str) -> String {
    let text = &notice.languages[language];
    let api = format!("{}/v1/{}", file.public_url, file.id);
    let (lang, title, intro) = (escape(language), escape(&text.title), escape(&text.intro));
    let who = escape(&text.words.asked_by.replacen("{}", &notice.controller.name, 1));
    let dir = if is_right_to_left(language) { " dir=\"rtl\"" } else { "" };
    let mut html = format!(
        "<div data-assent=\"here\"><noscript><section aria-labelledby=\"assent-title\" lang=\"{lang}\"{dir}>\n\
         <p>{who}</p>\n<h2 id=\"assent-title\">{title}</h2>\n<p>{intro}</p>\n"
    );
    let answers = [("accept-all", "yes", &text.words.accept), ("reject-all", "no", &text.words.decline)];
    let asks_age = !notice.age_bands(Asked::Banner).is_empty();
    for (act, said, word) in answers.into_iter().filter(|_| !asks_age) {
        let _ = write!(html, "<form method=\"post\" action=\"{api}/choices\">");
        let fields = [
            ("notice", &*notice.hash().to_hex()),
            ("language", &*lang),
            ("act", act),
            ("surface", "first-layer"),
        ];
        for (name, value) in fields {
            let _ = write!(html, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
        }
        for purpose in notice.asked_at(Asked::Banner).filter(|purpose| purpose.is_choice()) {
            let _ = write!(html, "<input type=\"hidden\" name=\"choice.{}\" value=\"{said}\">", purpose.id);
        }
        let _ = writeln!(html, "<button>{}</button></form>", escape(word));
    }
    let _ = writeln!(
        html,
        "<p><a href=\"{api}/choices?lang={lang}\">{}</a></p>\n</section></noscript></div>",
        escape(&text.words.choose)
    );
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
