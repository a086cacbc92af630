//! The form of the emails that Assent sends: the built-in templates, or those of the site file, which may change everything but three things. A message
//! has every link it is sent for and the way out, says who sends it, and loads nothing.
//!
//! A template that does not keep to that is refused when the site file is published. One that fails all the same when a message is made (an
//! earlier release took it) is left aside for the built-in one, which is logged: nobody waits for a message because of its looks. What a
//! message says is `message.rs`'s.

use assent_core::languages::is_right_to_left;
use assent_core::notice::{Controller, Notice};
use assent_core::site::{MessageKind, MessageTemplate, SiteFile};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The built-in template of the plain text.
pub const TEXT: &str = include_str!("templates/mail.txt");
/// The built-in template of the HTML.
pub const HTML: &str = include_str!("templates/mail.html");

/// What would make a mail program ask somebody else for something, and tell them that the message was opened.
const LOADS: [&str; 12] = [
    "<img",
    "<script",
    "<iframe",
    "<link",
    "<object",
    "<embed",
    "<video",
    "<audio",
    "<svg",
    "url(",
    "@import",
    "image-set(",
];
/// Attributes that would, too.
const LOADING: [&str; 4] = ["src", "srcset", "background", "poster"];

/// A piece of a message, in order. One of `paragraph`, `list`, and `why` with `link`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    pub(super) paragraph: Option<String>,
    pub(super) list: Option<Vec<String>>,
    pub(super) why: Option<String>,
    pub(super) link: Option<String>,
}

/// What a template is given.
#[derive(Debug, Serialize)]
pub(super) struct Values<'a> {
    pub(super) kind: MessageKind,
    pub(super) subject: &'a str,
    pub(super) language: &'a str,
    /// `ltr` or `rtl`.
    direction: &'static str,
    controller: &'a Controller,
    /// All of it, in order.
    parts: &'a [Part],
    /// The alerts that it is about, by name.
    alerts: Vec<&'a str>,
    /// Its links by what they lead to: `confirm`, `keep`, `your_alerts`.
    links: BTreeMap<String, &'a str>,
}

impl<'a> Values<'a> {
    pub(super) fn new(
        kind: MessageKind,
        (subject, language): (&'a str, &'a str),
        controller: &'a Controller,
        parts: &'a [Part],
    ) -> Self {
        let alerts = parts.iter().filter_map(|part| part.list.as_ref()).flatten().map(String::as_str);
        // `{public_url}/v1/{site}/{what it leads to}/…`.
        let leads_to =
            |link: &&'a str| Some((link.split("/v1/").nth(1)?.split('/').nth(1)?.replace('-', "_"), *link));
        let links = parts.iter().filter_map(|part| part.link.as_deref());
        Self {
            kind,
            subject,
            language,
            direction: if is_right_to_left(language) { "rtl" } else { "ltr" },
            controller,
            parts,
            alerts: alerts.collect(),
            links: links.filter_map(|link| leads_to(&link)).collect(),
        }
    }
}

/// Why a template is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// It is no template, or uses what there is not.
    #[error("{0}")]
    Broken(String),
    /// People could not do what the message is for, or get out.
    #[error("it leaves out the link `links.{0}`")]
    NoLink(String),
    /// People would not know who writes.
    #[error("it leaves out who sends the message: `controller.name`")]
    NoSender,
    /// Somebody would learn that the message was opened.
    #[error("a mail program would load something for `{0}`")]
    Loads(&'static str),
}

/// Both bodies of a message: text and HTML.
pub(super) fn render(own: &BTreeMap<MessageKind, MessageTemplate>, values: &Values<'_>) -> (String, String) {
    if let Some(template) = own.get(&values.kind).or_else(|| own.get(&MessageKind::All)) {
        match filled(template, values) {
            Ok(bodies) => return bodies,
            Err((body, fault)) => {
                let kind = values.kind.as_str();
                tracing::error!(kind, body, %fault, "a message's template cannot be used: the built-in one is");
            }
        }
    }
    // Nothing is looked for in what is ours: whatever people's words hold, it is better sent than an empty message.
    let ours = |name, template| rendered(name, template, values).expect("they use what every message has");
    (ours("message.txt", TEXT), ours("message.html", HTML))
}

fn filled(
    template: &MessageTemplate,
    values: &Values<'_>,
) -> Result<(String, String), (&'static str, TemplateFault)> {
    let text = body("message.txt", &template.text, values).map_err(|fault| ("text", fault))?;
    let html = body("message.html", &template.html, values).map_err(|fault| ("html", fault))?;
    Ok((text, html))
}

/// One body of a template that is not ours, which must have what people need.
fn body(name: &'static str, template: &str, values: &Values<'_>) -> Result<String, TemplateFault> {
    let body = rendered(name, template, values)?;
    let is_html = name.ends_with(".html");
    let escaped = super::message::escape;
    // Nobody reads a comment, but some mail programs load what stands in one.
    let read = if is_html { without_comments(&body) } else { body.clone() };
    let leads = |link: &str| if is_html { has_link(&read, &escaped(link)) } else { read.contains(link) };
    if let Some((what, _)) = values.links.iter().find(|(_, link)| !leads(link)) {
        return Err(TemplateFault::NoLink(what.clone()));
    }
    let name_of = &values.controller.name;
    if !read.contains(&if is_html { escaped(name_of) } else { name_of.clone() }) {
        return Err(TemplateFault::NoSender);
    }
    // Looked for in what is the template's own: `dpo@important.org` loads nothing.
    let own = serde_json::to_value(values).map(|values| rendered(name, template, &without_letters(values)));
    let own = own.ok().and_then(Result::ok).unwrap_or_else(|| body.clone()).to_lowercase();
    let loads = LOADS.into_iter().find(|loads| own.contains(loads));
    let loads = loads.or_else(|| LOADING.into_iter().find(|name| has_attribute(&own, name)));
    match loads.filter(|_| is_html) {
        Some(loads) => Err(TemplateFault::Loads(loads)),
        None => Ok(body),
    }
}

/// Whether something in HTML in small letters has an attribute of this name: behind a space, a `/` or another one's end, and with a value.
fn has_attribute(html: &str, name: &str) -> bool {
    html.match_indices(name).any(|(at, _)| {
        html[..at].ends_with(|before: char| before.is_whitespace() || matches!(before, '/' | '"' | '\''))
            && html[at + name.len()..].trim_start().starts_with('=')
    })
}

/// Whether something in HTML leads to this address.
fn has_link(html: &str, address: &str) -> bool {
    html.match_indices(address).any(|(at, _)| {
        let before = html[..at].trim_end_matches(['"', '\'']).trim_end();
        let name = before.strip_suffix('=').map(str::trim_end);
        name.and_then(|name| name.get(name.len().checked_sub(4)?..))
            .is_some_and(|name| name.eq_ignore_ascii_case("href"))
    })
}

/// HTML without its comments, as it is read; one that does not end hides the rest.
fn without_comments(html: &str) -> String {
    let mut read = String::new();
    let mut rest = html;
    while let Some((before, comment)) = rest.split_once("<!--") {
        read.push_str(before);
        // `<!-->` and `<!--->` are whole ones, and `--!>` ends one as `-->` does.
        rest = if let Some(after) = comment.strip_prefix('>').or_else(|| comment.strip_prefix("->")) {
            after
        } else {
            let ends = ["-->", "--!>"].map(|end| comment.find(end).map(|at| at + end.len()));
            ends.into_iter().flatten().min().map_or("", |end| &comment[end..])
        };
    }
    read + rest
}

/// The same values with an `x` for each letter of what people wrote; what a template may compare stays.
fn without_letters(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace(char::is_alphabetic, "x").into(),
        Value::Array(items) => items.into_iter().map(without_letters).collect(),
        Value::Object(fields) => {
            let stays = |name: &str| matches!(name, "kind" | "language" | "direction");
            let fields = fields.into_iter().map(|(name, value)| {
                let value = if stays(&name) { value } else { without_letters(value) };
                (name, value)
            });
            Value::Object(fields.collect())
        }
        other => other,
    }
}

/// A template with values in it. What is put into HTML is escaped.
fn rendered(name: &'static str, template: &str, values: &impl Serialize) -> Result<String, TemplateFault> {
    let broken = |error: minijinja::Error| {
        // What is not there is named by where it stands.
        let part = error.range().and_then(|range| template.get(range));
        TemplateFault::Broken(format!(
            "{error}{}",
            part.map(|part| format!(": `{part}`")).unwrap_or_default()
        ))
    };
    let mut environment = Environment::new();
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_formatter(|out, state, value| {
        if state.auto_escape() == AutoEscape::None || value.is_safe() {
            return minijinja::escape_formatter(out, state, value);
        }
        // Slashes stay as they are: an address is read by people, too.
        out.write_str(&super::message::escape(&value.to_string())).map_err(Into::into)
    });
    environment.add_template(name, template).map_err(broken)?;
    environment.get_template(name).and_then(|found| found.render(values)).map_err(broken)
}

/// Fills a site file's templates with what messages of each kind have, in every language.
///
/// # Errors
/// The first that does not do: kind, language, `text` or `html`, and why.
pub fn check(
    file: &SiteFile,
    notice: &Notice,
) -> Result<(), (MessageKind, String, &'static str, TemplateFault)> {
    for (kind, template) in &file.messages {
        let kinds =
            if *kind == MessageKind::All { &MessageKind::EACH[..] } else { std::slice::from_ref(kind) };
        for (kind, language) in
            kinds.iter().flat_map(|kind| notice.languages.keys().map(move |tag| (*kind, tag)))
        {
            let parts = sample(file, kind, language);
            let values = Values::new(kind, ("A subject", language), &notice.controller, &parts);
            filled(template, &values).map_err(|(body, fault)| (kind, language.clone(), body, fault))?;
        }
    }
    Ok(())
}

/// A message of this kind, of words that nobody would write.
fn sample(file: &SiteFile, kind: MessageKind, language: &str) -> Vec<Part> {
    let leads_to: &[&str] = match kind {
        MessageKind::Confirm | MessageKind::Move => &["confirm", "your-alerts"],
        MessageKind::Remind => &["keep", "your-alerts"],
        MessageKind::All | MessageKind::Moved | MessageKind::Copy | MessageKind::Link => &["your-alerts"],
    };
    let mut parts = vec![Part { paragraph: Some("A paragraph.".into()), ..Part::default() }];
    if matches!(kind, MessageKind::Confirm | MessageKind::Move | MessageKind::Copy) {
        parts.push(Part { list: Some(vec!["An alert".into()]), ..Part::default() });
    }
    parts.extend(leads_to.iter().map(|what| Part {
        why: Some("A reason:".into()),
        link: Some(format!("{}/v1/{}/{what}/sample?lang={language}", file.public_url, file.id)),
        ..Part::default()
    }));
    parts.push(Part { paragraph: Some(format!("From {}.", file.controller.name)), ..Part::default() });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller() -> Controller {
        serde_json::from_value(serde_json::json!({
            "name": "Health url(x) @import", "address": "1 Src= Street", "email": "dpo@important.org",
            "privacy_url": "https://example.org/privacy",
            "regulator": { "name": "Regulator", "url": "https://regulator.example" },
        }))
        .unwrap()
    }

    #[test]
    fn no_word_empties_a_message_and_none_that_is_empty_is_called_none() {
        let parts = [
            Part { paragraph: Some(String::new()), ..Part::default() },
            Part { list: Some(vec!["Images url(x) src= @import".into()]), ..Part::default() },
            Part { list: Some(Vec::new()), ..Part::default() },
            Part { paragraph: Some("Nobody is named here: dpo@important.org".into()), ..Part::default() },
        ];
        let controller = controller();
        let values = Values::new(MessageKind::Copy, ("A subject", "en"), &controller, &parts);
        let (text, html) = render(&BTreeMap::new(), &values);
        for body in [&text, &html] {
            assert!(
                body.contains("dpo@important.org") && body.contains("Images url(x) src= @import"),
                "{body}"
            );
            assert!(!body.to_lowercase().contains("none") && !body.contains("href"), "{body}");
        }
        // The operator's own template is not left aside for their words, either.
        let own =
            "{{ controller.name }} {{ alerts | join }} {{ controller.email | split('@') | last }}, mine";
        let own = MessageTemplate { text: own.into(), html: own.into() };
        let (text, html) = render(&BTreeMap::from([(MessageKind::All, own)]), &values);
        assert!(text.ends_with("important.org, mine") && html.ends_with("important.org, mine"), "{html}");
    }
}
