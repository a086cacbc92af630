//! The pages that links in messages lead to: confirm, stop, ask for a fresh link, and what was done.
//!
//! Each shows what one press will do, and a form with that one button; nothing happens by opening them, because programs open
//! links too. The links themselves, and what a press does, are `server`'s.

use super::layout::{Here, Icon, SiteFrame, icon, sentence, site_document};
use super::when;
use crate::fill;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel};
use assent_core::words::Words;
use leptos::prelude::*;

/// What any of these pages needs.
#[derive(Debug, Clone)]
pub struct LinkProps {
    /// The site.
    pub frame: SiteFrame,
    /// The page's own path after `{api}/`, for the language links and the form.
    pub path: String,
    /// What it is about.
    pub about: About,
}

/// What the page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Confirm these for an address.
    Confirm(Vec<PurposeId>, String),
    /// These are confirmed.
    Confirmed(Vec<PurposeId>),
    /// These are confirmed, and wait until staff talked with the person, who is young.
    ToTalk(Vec<PurposeId>),
    /// Stop one alert.
    Stop(PurposeId),
    /// It is stopped.
    Stopped(PurposeId),
    /// Keep one alert, which ends by itself at this time (RFC 3339).
    Keep(PurposeId, String),
    /// It is kept.
    Kept(PurposeId),
    /// The link does nothing any more.
    Over,
    /// Enter the code from a text: with the number, if it is known, and whether what was entered before does not fit.
    Code(String, bool),
    /// Ask for a fresh link.
    AskForLink(AskError),
    /// A link is on its way, if the address is known.
    LinkSent,
}

/// What was wrong with asking for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskError {
    /// Nothing.
    None,
    /// No address was written, or it is not one.
    Address,
    /// The number is not one.
    Phone,
    /// It could not be kept.
    NotRecorded,
}

/// The whole document.
#[must_use]
pub fn render(props: &LinkProps) -> String {
    let LinkProps { frame, path, about } = props;
    let words = frame.words();
    let (title, main) = match about {
        About::Confirm(wanted, address) => {
            let address = view! { <strong class="address">{address.clone()}</strong> }.into_any();
            let main = view! {
                <p>{sentence(&words.confirm_what, address)}</p>
                {alerts(frame, wanted)}
                {form(props, "", &words.confirm_press)}
                <p>{words.confirm_not_you.clone()}</p>
            };
            (&words.confirm_title, main.into_any())
        }
        About::Confirmed(wanted) | About::ToTalk(wanted) => {
            let title = frame.alerts_title(&words);
            let waits = matches!(about, About::ToTalk(_));
            let done = if waits { &words.age_contact } else { &words.confirm_done };
            let main =
                view! { {good(done)} <h1>{title.clone()}</h1> {alerts(frame, wanted)} {ways(frame, &words)} };
            return site_document(frame, Here::Other(path), &title, main.into_any());
        }
        About::Stop(purpose) => {
            let name = frame.name_of(purpose.as_str());
            let main = view! {
                <p>{fill(&words.stop_what, &name)}</p>
                {form(props, "page", &words.stop_press)}
                {ways(frame, &words)}
            };
            (&words.stop_title, main.into_any())
        }
        About::Stopped(purpose) => {
            let title = frame.name_of(purpose.as_str());
            let main = view! { {good(&words.stop_done)} <h1>{title.clone()}</h1> {ways(frame, &words)} };
            return site_document(frame, Here::Other(path), &title, main.into_any());
        }
        About::Keep(purpose, end) => {
            let name = frame.name_of(purpose.as_str());
            let main = view! {
                <p>{fill(&fill(&words.keep_what, &name), &when::day(end, &words.months))}</p>
                {form(props, "", &words.keep_press)}
                <p>{words.mail_keep_else.clone()}</p>
                {ways(frame, &words)}
            };
            (&words.keep_title, main.into_any())
        }
        About::Kept(purpose) => {
            let title = frame.name_of(purpose.as_str());
            let main = view! { {good(&words.keep_done)} <h1>{title.clone()}</h1> {ways(frame, &words)} };
            return site_document(frame, Here::Other(path), &title, main.into_any());
        }
        About::Over => (
            &words.link_over,
            view! { <p>{words.link_over_help.clone()}</p> {ways(frame, &words)} }.into_any(),
        ),
        About::Code(phone, wrong) => (&words.code_title, code(props, phone, *wrong, &words)),
        About::AskForLink(error) => (&words.link_title, ask(props, *error, &words)),
        About::LinkSent => {
            let title = words.link_title.clone();
            let main = view! { {good(&words.link_sent)} <h1>{title.clone()}</h1> {ways(frame, &words)} };
            return site_document(frame, Here::Other(path), &title, main.into_any());
        }
    };
    let failed = matches!(
        about,
        About::AskForLink(AskError::Address | AskError::Phone | AskError::NotRecorded) | About::Code(_, true)
    );
    let document_title = if failed { format!("{} {title}", words.error) } else { title.clone() };
    site_document(
        frame,
        Here::Other(path),
        &document_title,
        view! { <h1>{title.clone()}</h1> {main} }.into_any(),
    )
}

/// What was done, read out at once.
pub(super) fn good(text: &str) -> AnyView {
    view! {
        <div class="region good" role="status" tabindex="-1" autofocus=true>
            {icon(Icon::On)}
            <div><p class="strong">{text.to_string()}</p></div>
        </div>
    }
    .into_any()
}

fn alerts(frame: &SiteFrame, wanted: &[PurposeId]) -> AnyView {
    let each = wanted.iter().map(|id| {
        let text = frame.text().purposes.get(id).map(|text| text.description.clone());
        view! { <li><strong>{frame.name_of(id.as_str())}</strong>{text.map(|text| view! { <span class="about">{text}</span> })}</li> }
    });
    view! { <ul class="said">{each.collect_view()}</ul> }.into_any()
}

fn form(props: &LinkProps, source: &'static str, label: &str) -> AnyView {
    let LinkProps { frame, path, .. } = props;
    view! {
        <form method="post" action=format!("{}/{path}", frame.api)>
            <input type="hidden" name="language" value=frame.language.clone()/>
            {(!source.is_empty()).then(|| view! { <input type="hidden" name="from" value=source/> })}
            <button type="submit" class="press">{label.to_string()}</button>
        </form>
    }
    .into_any()
}

fn ways(frame: &SiteFrame, words: &Words) -> AnyView {
    view! {
        <ul class="ways">
            <li><a href=frame.page("your-alerts")>{words.manage.clone()}</a></li>
            <li><a href=frame.page("alerts")>{frame.alerts_title(words)}</a></li>
        </ul>
    }
    .into_any()
}

fn ask(props: &LinkProps, error: AskError, words: &Words) -> AnyView {
    let (at_email, at_phone) = match error {
        AskError::None => (None, None),
        AskError::Address => (Some(words.email_wrong.clone()), None),
        AskError::Phone => (None, Some(words.phone_wrong.clone())),
        AskError::NotRecorded => (Some(words.try_again.clone()), None),
    };
    let has_texts =
        props.frame.notice.asked_at(Asked::AlertForm).any(|purpose| purpose.channel == Some(Channel::Text));
    let phone = (has_texts || at_phone.is_some())
        .then(|| field(&PHONE, &words.phone_number, String::new(), at_phone, words));
    view! {
        <p>{words.link_what.clone()}</p>
        <form method="post" action=format!("{}/{}", props.frame.api, props.path) novalidate=true class="sign-up">
            <input type="hidden" name="language" value=props.frame.language.clone()/>
            {field(&EMAIL, &words.email_address, String::new(), at_email, words)}
            {phone}
            <button type="submit" class="press">{words.link_press.clone()}</button>
        </form>
    }
    .into_any()
}

fn code(props: &LinkProps, phone: &str, wrong: bool, words: &Words) -> AnyView {
    let error = wrong.then(|| words.code_wrong.clone());
    view! {
        <p>{words.code_what.clone()}</p>
        <form method="post" action=format!("{}/{}", props.frame.api, props.path) novalidate=true class="sign-up">
            <input type="hidden" name="language" value=props.frame.language.clone()/>
            {field(&PHONE, &words.phone_number, phone.to_string(), None, words)}
            {field(&CODE, &words.code_label, String::new(), error, words)}
            <button type="submit" class="press">{words.code_press.clone()}</button>
        </form>
    }
    .into_any()
}

/// Id and name, type, `inputmode`, `autocomplete` of a field.
type Kind = (&'static str, &'static str, &'static str, &'static str);
const EMAIL: Kind = ("email", "email", "email", "email");
const PHONE: Kind = ("phone", "tel", "tel", "tel");
const CODE: Kind = ("code", "text", "numeric", "one-time-code");

fn field(kind: &Kind, label: &str, value: String, error: Option<String>, words: &Words) -> AnyView {
    let (id, kind, inputmode, autocomplete) = *kind;
    let error_id = format!("{id}-error");
    let described = error.is_some().then(|| error_id.clone());
    let invalid = error.is_some().then_some("true");
    let shown = error.map(|text| {
        view! {
            <p class="field-error" id=error_id role="alert">
                {icon(Icon::Alert)}
                <span><span class="listen">{words.error.clone()}" "</span>{text}</span>
            </p>
        }
    });
    view! {
        <div class="field">
            <label for=id>{label.to_string()}</label>
            {shown}
            <input type=kind id=id name=id value=value autocomplete=autocomplete inputmode=inputmode spellcheck="false"
                aria-describedby=described aria-invalid=invalid/>
        </div>
    }
    .into_any()
}
