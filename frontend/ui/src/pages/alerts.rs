//! The alert sign-up form, and the page after it.
//!
//! Nothing is ticked until the person ticks it; after an error their own ticks and addresses come back. Checking
//! an address and recording the wish are `server`'s tasks.

use super::age;
use super::details::facts;
use super::layout::{Here, Icon, SiteFrame, icon, site_document};
use super::when;
use crate::fill;
use assent_core::age::AgeBand;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel, Purpose, Route};
use assent_core::words::Words;
use leptos::prelude::*;

/// What the sign-up form needs.
#[derive(Debug, Clone)]
pub struct AlertsProps {
    /// The site.
    pub frame: SiteFrame,
    /// The form's `key` field, drawn at random for this answer.
    pub key: String,
    /// Alerts to show ticked: only what this person ticked in the post that failed. Empty at first.
    pub wanted: Vec<PurposeId>,
    /// Soft opt-in alerts that this person refused in the post that failed.
    pub objected: Vec<PurposeId>,
    /// The email address they wrote.
    pub email: String,
    /// The number they wrote.
    pub phone: String,
    /// How old they said they are.
    pub age: Option<AgeBand>,
    /// What was wrong with the post, in the order shown.
    pub errors: Vec<AlertError>,
}

/// What can be wrong with a sign-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertError {
    /// No alert is ticked.
    NothingWanted,
    /// An email alert is ticked and there is no address.
    EmailMissing,
    /// The email address is not one.
    EmailWrong,
    /// A text alert is ticked and there is no number.
    PhoneMissing,
    /// The number is not one.
    PhoneWrong,
    /// No texts are sent to the number's country.
    PhoneElsewhere,
    /// How old they are was not said.
    AgeMissing,
    /// They are too young to say yes.
    TooYoung,
    /// The form was for an older notice.
    QuestionsChanged,
    /// The record could not be kept.
    NotRecorded,
    /// The form was not one of ours.
    NotUnderstood,
}

/// What the page after a sign-up needs.
#[derive(Debug, Clone)]
pub struct DoneProps {
    /// The site.
    pub frame: SiteFrame,
    /// The alerts that were recorded.
    pub wanted: Vec<PurposeId>,
    /// The receipt's id, and where it is; nothing when there is none.
    pub receipt: Option<(String, String)>,
    /// When it was recorded: RFC 3339 in UTC.
    pub time: String,
    /// Whether nothing is sent before staff talked with the person, who is young.
    pub talk: bool,
}

/// The whole document with the form.
#[must_use]
pub fn render(props: &AlertsProps) -> String {
    let frame = &props.frame;
    let words = frame.words();
    let text = frame.text();
    let title = frame.alerts_title(&words);
    let next = [&words.next_recorded, &words.next_confirmed, &words.next_stop]
        .map(|step| view! { <li>{step.clone()}</li> })
        .into_iter()
        .collect_view();
    let bands = frame.notice.age_bands(Asked::AlertForm);
    let about_age = |error: &&AlertError| matches!(error, AlertError::AgeMissing | AlertError::TooYoung);
    let wrong_age = props.errors.iter().find(about_age).map(|error| error.words(frame, &words));
    let intro =
        (!text.alerts_intro.is_empty()).then(|| view! { <p class="lede">{text.alerts_intro.clone()}</p> });
    let main = view! {
        {summary(props, &words)}
        <p class="who">{fill(&words.asked_by, &frame.notice.controller.name)}</p>
        <h1>{title.clone()}</h1>
        {intro}
        <form method="post" action=format!("{}/alerts", frame.api) novalidate=true class="sign-up">
            <input type="hidden" name="notice" value=frame.hash.to_hex()/>
            <input type="hidden" name="language" value=frame.language.clone()/>
            <input type="hidden" name="key" value=props.key.clone()/>
            <div hidden=true>
                <label for="website">{words.trap.clone()}</label>
                <input type="text" id="website" name="website" tabindex="-1" autocomplete="off"/>
            </div>
            {channel(props, Channel::Email, &words)}
            {channel(props, Channel::Text, &words)}
            {age::question(&bands, props.age, wrong_age.as_deref(), &words)}
            <section aria-labelledby="next">
                <h2 id="next">{words.next.clone()}</h2>
                <ol class="next">{next}</ol>
            </section>
            <button type="submit" class="press">{words.sign_up.clone()}</button>
        </form>
        <p><a href=frame.page("your-alerts")>{words.link_title.clone()}</a></p>
    };
    let title = if props.errors.is_empty() { title } else { format!("{} {title}", words.error) };
    site_document(frame, Here::Alerts, &title, main.into_any())
}

/// The whole document after a sign-up.
#[must_use]
pub fn render_done(props: &DoneProps) -> String {
    let frame = &props.frame;
    let words = frame.words();
    let title = frame.alerts_title(&words);
    let purposes = || props.wanted.iter().filter_map(|id| frame.notice.purpose(id));
    let by_text = purposes().any(|purpose| purpose.channel == Some(Channel::Text));
    let wanted = purposes().map(|purpose| {
        let name = frame.name_of(purpose.id.as_str());
        let channel = purpose.channel.map(|channel| channel_words(channel, &words));
        view! {
            <li>
                <strong>{name}</strong>
                {channel.map(|channel| view! { <span>" – "{channel.to_string()}</span> })}
                ": "
                {words.unconfirmed.clone()}
            </li>
        }
    });
    let wanted = wanted.collect_view();
    let time = when::plain(&props.time, &words.months);
    let receipt = props.receipt.clone().map(|(id, address)| {
        let file = format!("receipt-{id}.json");
        view! { <p><a href=address download=file>{fill(&words.receipt_of, &time)}</a></p> }
    });
    let main = view! {
        <div class="region good" role="status" tabindex="-1" autofocus=true>
            {icon(Icon::On)}
            <div>
                <p class="strong">{words.signed_up.clone()}</p>
                <ul class="said">{wanted}</ul>
                {props.talk.then(|| view! { <p>{words.age_contact.clone()}</p> })}
                <p>{when::time(&props.time, &words.months)}</p>
            </div>
        </div>
        <h1>{title.clone()}</h1>
        {by_text.then(|| view! { <p><a class="press" href=frame.page("code")>{words.code_title.clone()}</a></p> })}
        {receipt}
        <p>{words.next_stop.clone()}</p>
        <p><a class="press" href=frame.page("your-alerts")>{words.manage.clone()}</a></p>
    };
    site_document(frame, Here::Alerts, &title, main.into_any())
}

/// A channel's heading.
pub(crate) fn channel_words(channel: Channel, words: &Words) -> &str {
    match channel {
        Channel::Email => &words.by_email,
        Channel::Text => &words.by_text,
    }
}

impl AlertError {
    fn words(self, frame: &SiteFrame, words: &Words) -> String {
        match self {
            Self::AgeMissing => &words.age_missing,
            Self::TooYoung => {
                return age::too_young(&frame.notice.age_bands(Asked::AlertForm), true, words);
            }
            Self::NothingWanted => &words.wanted_missing,
            Self::EmailMissing => &words.email_missing,
            Self::EmailWrong => &words.email_wrong,
            Self::PhoneMissing => &words.phone_missing,
            Self::PhoneWrong => &words.phone_wrong,
            Self::PhoneElsewhere => &words.phone_elsewhere,
            Self::QuestionsChanged => &words.questions_changed,
            Self::NotRecorded => &words.try_again,
            Self::NotUnderstood => &words.not_understood,
        }
        .clone()
    }

    /// The id of the field it is about.
    fn field(self, frame: &SiteFrame) -> Option<String> {
        match self {
            Self::NothingWanted => first_wanted(frame).map(|purpose| format!("wanted-{}", purpose.id)),
            Self::EmailMissing | Self::EmailWrong => Some("email".into()),
            Self::PhoneMissing | Self::PhoneWrong | Self::PhoneElsewhere => Some("phone".into()),
            Self::AgeMissing | Self::TooYoung => {
                let bands = frame.notice.age_bands(Asked::AlertForm);
                bands.first().map(|band| age::field_id(*band))
            }
            Self::QuestionsChanged | Self::NotRecorded | Self::NotUnderstood => None,
        }
    }
}

fn summary(props: &AlertsProps, words: &Words) -> Option<AnyView> {
    if props.errors.is_empty() {
        return None;
    }
    let each = props.errors.iter().map(|error| {
        let text = error.words(&props.frame, words);
        match error.field(&props.frame) {
            Some(field) => view! { <li><a href=format!("#{field}")>{text}</a></li> }.into_any(),
            None => view! { <li>{text}</li> }.into_any(),
        }
    });
    let each = each.collect_view();
    Some(
        view! {
            <div class="region bad" role="alert" tabindex="-1" autofocus=true>
                {icon(Icon::Alert)}
                <div>
                    <h2>{words.problem.clone()}</h2>
                    <ul>{each}</ul>
                </div>
            </div>
        }
        .into_any(),
    )
}

fn channel(props: &AlertsProps, channel: Channel, words: &Words) -> Option<AnyView> {
    let frame = &props.frame;
    let topics: Vec<&Purpose> = frame
        .notice
        .asked_at(Asked::AlertForm)
        .filter(|purpose| purpose.channel == Some(channel) && purpose.is_choice())
        .collect();
    if topics.is_empty() {
        return None;
    }
    let first = first_wanted(frame).map(|purpose| &purpose.id);
    let holds_first = topics.iter().any(|purpose| Some(&purpose.id) == first);
    let nothing = props.errors.contains(&AlertError::NothingWanted) && holds_first;
    let error = nothing.then(|| field_error("wanted-error", &words.wanted_missing, words));
    let described = nothing.then_some("wanted-error");
    let topics = topics.into_iter().map(|purpose| topic(props, purpose, words)).collect_view();
    Some(
        view! {
            <fieldset class="card" aria-describedby=described>
                <legend>{channel_words(channel, words).to_string()}</legend>
                {error}
                {topics}
                {address(props, channel, words)}
            </fieldset>
        }
        .into_any(),
    )
}

/// The first alert that people tick.
fn first_wanted(frame: &SiteFrame) -> Option<&Purpose> {
    frame.notice.asked_at(Asked::AlertForm).find(|purpose| purpose.route == Route::Consent)
}

/// An alert that is sent unless the person objects: told, with a box to refuse it.
fn told(props: &AlertsProps, purpose: &Purpose, words: &Words) -> Option<AnyView> {
    let text = props.frame.text().purposes.get(&purpose.id)?;
    let (id, about) = (format!("objected-{}", purpose.id), format!("about-{}", purpose.id));
    let named = about.clone();
    let refused = props.objected.contains(&purpose.id);
    Some(
        view! {
            <div class="told" role="group" aria-labelledby=named>
                <p class="strong" id=about>{text.name.clone()}</p>
                <p class="hint">{text.description.clone()}" "{words.soft_told.clone()}</p>
                <input type="hidden" name="told" value=purpose.id.to_string()/>
                <div class="tick">
                    <input type="checkbox" name="objected" value=purpose.id.to_string() id=id.clone() checked=refused/>
                    <label for=id>{words.soft_no.clone()}<span class="listen">": "{text.name.clone()}</span></label>
                    <details>
                        <summary>{words.details.clone()}<span class="listen">": "{text.name.clone()}</span></summary>
                        {facts(&props.frame.notice, purpose, text, words)}
                    </details>
                </div>
            </div>
        }
        .into_any(),
    )
}

fn topic(props: &AlertsProps, purpose: &Purpose, words: &Words) -> Option<AnyView> {
    if purpose.route == Route::SoftOptIn {
        return told(props, purpose, words);
    }
    let text = props.frame.text().purposes.get(&purpose.id)?;
    let id = format!("wanted-{}", purpose.id);
    let about = format!("about-{}", purpose.id);
    let ticked = props.wanted.contains(&purpose.id);
    Some(
        view! {
            <div class="tick">
                <input type="checkbox" name="wanted" value=purpose.id.to_string() id=id.clone() checked=ticked aria-describedby=about.clone()/>
                <label for=id>{text.name.clone()}</label>
                <p class="hint" id=about>{text.description.clone()}</p>
                <details>
                    <summary>{words.details.clone()}<span class="listen">": "{text.name.clone()}</span></summary>
                    {facts(&props.frame.notice, purpose, text, words)}
                </details>
            </div>
        }
        .into_any(),
    )
}

/// The channel's address field.
fn address(props: &AlertsProps, channel: Channel, words: &Words) -> AnyView {
    let wrong = |error: &AlertError| match channel {
        Channel::Email => matches!(error, AlertError::EmailMissing | AlertError::EmailWrong),
        Channel::Text => {
            matches!(error, AlertError::PhoneMissing | AlertError::PhoneWrong | AlertError::PhoneElsewhere)
        }
    };
    let error = props.errors.iter().copied().find(wrong);
    let (id, label, hint, value) = match channel {
        Channel::Email => ("email", &words.email_address, &words.email_hint, &props.email),
        Channel::Text => ("phone", &words.phone_number, &words.phone_hint, &props.phone),
    };
    let (kind, autocomplete, inputmode) = match channel {
        Channel::Email => ("email", "email", "email"),
        Channel::Text => ("tel", "tel", "tel"),
    };
    // The hints say that only what is ticked uses it, which is not so where something is sent without a tick.
    let alerts = props.frame.notice.asked_at(Asked::AlertForm);
    let told = alerts.filter(|it| it.route == Route::SoftOptIn).any(|it| it.channel == Some(channel));
    let hint = match channel {
        _ if !told => Some(hint.clone()),
        Channel::Email => None,
        Channel::Text => Some(words.phone_wrong.clone()),
    };
    let described = [hint.as_ref().map(|_| format!("{id}-hint")), error.map(|_| format!("{id}-error"))];
    let described = described.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let described = (!described.is_empty()).then_some(described);
    let shown =
        error.map(|error| field_error(&format!("{id}-error"), &error.words(&props.frame, words), words));
    view! {
        <div class="field">
            <label for=id>{label.clone()}</label>
            {hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> })}
            {shown}
            <input
                type=kind
                id=id
                name=id
                value=value.clone()
                autocomplete=autocomplete
                inputmode=inputmode
                spellcheck="false"
                aria-describedby=described
                aria-invalid=error.map(|_| "true")
            />
        </div>
    }
    .into_any()
}

fn field_error(id: &str, text: &str, words: &Words) -> AnyView {
    view! {
        <p class="field-error" id=id.to_string()>
            {icon(Icon::Alert)}
            <span><span class="listen">{words.error.clone()}" "</span>{text.to_string()}</span>
        </p>
    }
    .into_any()
}
