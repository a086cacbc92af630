//! The choices page: what is asked, what holds now, one press to change each answer, and everything said so far.
//!
//! Each press is its own form, so agreeing, objecting and taking back cost the same: one press, no script. The
//! page does not decide anything; `server` reads the form and comes back here. Send it with
//! `Cache-Control: no-store`: going back must not show an older state.

use super::age;
use super::details::{facts, route_words};
use super::hand_over::{Onward, onward};
use super::layout::{Here, Icon, SiteFrame, icon, link, site_document};
use super::when;
use crate::fill;
use assent_core::age::{AgeBand, AgeError};
use assent_core::decision::{Act, Choice, Decision, Standing};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Purpose, Route};
use assent_core::record::{Record, Surface};
use assent_core::words::Words;
use leptos::prelude::*;
use std::collections::BTreeMap;

/// What the choices page needs.
#[derive(Debug, Clone)]
pub struct ChoicesProps {
    /// The site.
    pub frame: SiteFrame,
    /// Drawn at random for this answer. Each form's `key` field is this with an ending of its own
    /// (`-accept-all`, `-reject-all`, `-on-{purpose}`, `-off-{purpose}`): at most 53 bytes more, of `a-z0-9-`.
    pub key: String,
    /// What holds; a purpose that is missing was not asked yet.
    pub standings: BTreeMap<PurposeId, Standing>,
    /// The controller's other sites that these choices can be taken on to.
    pub onward: Vec<Onward>,
    /// The holder's records, oldest first, as the log has them.
    pub history: Vec<Record>,
    /// How old the holder said they are, where it is asked.
    pub age: Option<AgeBand>,
    /// What came of the form post that led here.
    pub outcome: Option<Outcome>,
    /// Whether the request said `Sec-GPC: 1`.
    pub gpc: bool,
    /// Where people learn to control cookies in their browser.
    pub browser_help: Option<String>,
}

/// What came of a form post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is recorded, and is the last of the history.
    Recorded,
    /// The form was for an older notice. Nothing is recorded.
    QuestionsChanged,
    /// The record could not be kept. Nothing is recorded.
    NotRecorded,
    /// The form was not one of ours. Nothing is recorded.
    NotUnderstood,
}

/// The whole document.
#[must_use]
pub fn render(props: &ChoicesProps) -> String {
    let frame = &props.frame;
    let words = frame.words();
    let text = frame.text();
    let decided = props.standings.values().any(|standing| *standing != Standing::NotAsked);
    let asked =
        frame.notice.asked_at(Asked::Banner).map(|purpose| card(props, purpose, &words)).collect_view();
    let before = (!decided).then(|| all_at_once(props, &words));
    let after = decided.then(|| all_at_once(props, &words));
    let nothing_yet = (props.history.is_empty() && !decided)
        .then(|| view! { <p class="calm">{icon(Icon::Off)}<span>{words.history_none.clone()}</span></p> });
    let gpc = props
        .gpc
        .then(|| view! { <p class="calm">{icon(Icon::Always)}<span>{words.gpc_on.clone()}</span></p> });
    let help = props
        .browser_help
        .as_deref()
        .map(|address| view! { <p>{link(address, words.browser_help.clone())}</p> });
    let memory = frame.notice.memory;
    let remembered =
        fill(&fill(&words.remembered, &memory.grant_days.to_string()), &memory.refusal_days.to_string());
    let main = view! {
        {props.outcome.map(|outcome| region(props, outcome, &words))}
        <p class="who">{fill(&words.asked_by, &frame.notice.controller.name)}</p>
        <h1>{words.your_choices.clone()}</h1>
        <p class="lede">{text.intro.clone()}</p>
        {nothing_yet}
        {gpc}
        {age(props, &words)}
        {before}
        <section aria-labelledby="one-by-one">
            <h2 id="one-by-one">{words.one_by_one.clone()}</h2>
            {asked}
        </section>
        {after}
        {onward(frame, &props.onward, &words)}
        {frame.has_alerts().then(|| alerts(props, &words))}
        {(!props.history.is_empty()).then(|| history(props, &words))}
        <section class="small">
            <p>{words.this_browser.clone()}</p>
            <p>{remembered}</p>
            {help}
        </section>
    };
    site_document(frame, Here::Choices, &words.your_choices, main.into_any())
}

fn region(props: &ChoicesProps, outcome: Outcome, words: &Words) -> AnyView {
    let why = match outcome {
        Outcome::Recorded => return recorded(props, words),
        Outcome::QuestionsChanged => words.questions_changed.clone(),
        Outcome::NotRecorded => words.try_again.clone(),
        Outcome::NotUnderstood => words.not_understood.clone(),
    };
    view! {
        <div class="region bad" role="alert" tabindex="-1" autofocus=true>
            {icon(Icon::Alert)}
            <div>
                <h2>{words.not_changed.clone()}</h2>
                <p>{why}</p>
            </div>
        </div>
    }
    .into_any()
}

fn recorded(props: &ChoicesProps, words: &Words) -> AnyView {
    let last = props.history.last();
    let heading = match last.map(|record| record.act) {
        Some(Act::AcceptAll) => &words.accepted,
        Some(Act::RejectAll) => &words.declined,
        _ => &words.saved,
    };
    let said = last.map(|record| {
        view! {
            {said(props, record, words)}
            <p>{when::time(&record.time, &words.months)}</p>
            <p>{receipt_link(&props.frame, record, words)}</p>
        }
    });
    view! {
        <div class="region good" role="status" tabindex="-1" autofocus=true>
            {icon(Icon::On)}
            <div>
                <h2>{heading.clone()}</h2>
                {said}
            </div>
        </div>
    }
    .into_any()
}

/// Both buttons are the same element with the same class: refusing is as easy as accepting.
fn all_at_once(props: &ChoicesProps, words: &Words) -> AnyView {
    let frame = &props.frame;
    let asked: Vec<&Purpose> =
        frame.notice.asked_at(Asked::Banner).filter(|purpose| purpose.is_choice()).collect();
    if asked.is_empty() {
        return ().into_any();
    }
    // Nobody is offered what would be refused: declining is always one press.
    let may_agree = asked.iter().all(|purpose| frame.notice.age_allows(purpose, props.age).is_ok());
    let form = |act: Act, choice: Choice, label: &str| {
        let choices = asked.iter().map(|purpose| (purpose.id.clone(), choice)).collect();
        press(props, act, act.as_str(), choices, label.to_string())
    };
    view! {
        <section class="all" aria-labelledby="all-at-once">
            <h2 id="all-at-once">{words.all_at_once.clone()}</h2>
            <div class="pair">
                {may_agree.then(|| form(Act::AcceptAll, Choice::Yes, &words.accept))}
                {form(Act::RejectAll, Choice::No, &words.decline)}
            </div>
        </section>
    }
    .into_any()
}

/// The question for an age, where it is asked. A form that changes nothing: the answer comes with whatever is pressed next.
fn age(props: &ChoicesProps, words: &Words) -> Option<AnyView> {
    let frame = &props.frame;
    let question = age::question(&frame.notice.age_bands(Asked::Banner), props.age, None, words)?;
    Some(
        view! {
            <form method="get" action=format!("{}/choices", frame.api) class="sign-up">
                <input type="hidden" name="lang" value=frame.language.clone()/>
                {question}
                <button type="submit" class="press">{words.code_press.clone()}</button>
            </form>
        }
        .into_any(),
    )
}

/// One button that records something, as a form of its own.
fn press(
    props: &ChoicesProps,
    act: Act,
    ending: &str,
    choices: Vec<(PurposeId, Choice)>,
    label: String,
) -> AnyView {
    let frame = &props.frame;
    let hidden = [
        ("notice".to_string(), frame.hash.to_hex()),
        ("language".to_string(), frame.language.clone()),
        ("act".to_string(), act.as_str().to_string()),
        ("surface".to_string(), Surface::ChoicesPage.as_str().to_string()),
        ("key".to_string(), format!("{}-{ending}", props.key)),
    ]
    .into_iter()
    .chain(props.age.map(|band| ("age".to_string(), band.to_string())))
    .chain(choices.into_iter().map(|(purpose, choice)| {
        let value = match choice {
            Choice::Yes => "yes",
            Choice::No => "no",
        };
        (format!("choice.{purpose}"), value.to_string())
    }))
    .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
    .collect_view();
    view! {
        <form method="post" action=format!("{}/choices", frame.api)>
            {hidden}
            <button type="submit" class="press">{label}</button>
        </form>
    }
    .into_any()
}

fn standing_of(props: &ChoicesProps, purpose: &Purpose) -> Standing {
    props.standings.get(&purpose.id).copied().unwrap_or(Standing::NotAsked)
}

fn card(props: &ChoicesProps, purpose: &Purpose, words: &Words) -> AnyView {
    let frame = &props.frame;
    let Some(text) = frame.text().purposes.get(&purpose.id) else { return ().into_any() };
    let standing = standing_of(props, purpose);
    let heading = format!("purpose-{}", purpose.id);
    view! {
        <article class="card" aria-labelledby=heading>
            <div class="card-head">
                <h3 id=heading.clone()>{text.name.clone()}</h3>
                {state(purpose, standing, words)}
            </div>
            <p>{text.description.clone()}</p>
            <p class="route">{route_words(purpose.route, words)}</p>
            {purpose.is_choice().then(|| change(props, purpose, standing, &text.name, words))}
            <details>
                <summary>{words.details.clone()}<span class="listen">": "{text.name.clone()}</span></summary>
                {facts(&frame.notice, purpose, text, words)}
            </details>
        </article>
    }
    .into_any()
}

/// What holds, in an icon, a word and a reason.
fn state(purpose: &Purpose, standing: Standing, words: &Words) -> AnyView {
    if !purpose.is_choice() {
        return view! { <p class="state always">{icon(Icon::Always)}<strong>{words.always_on.clone()}</strong></p> }
            .into_any();
    }
    let (class, drawing, word) = if standing.has_yes() && !standing.allows() {
        ("state waiting", Icon::Waiting, &words.off)
    } else if purpose.allows(standing) {
        ("state on", Icon::On, &words.on)
    } else {
        ("state off", Icon::Off, &words.off)
    };
    let reason = match standing {
        Standing::NotAsked | Standing::Granted if purpose.route == Route::Statistics => &words.not_objected,
        Standing::NotAsked => &words.not_said,
        Standing::Unconfirmed => &words.unconfirmed,
        Standing::PendingContact => &words.age_contact,
        Standing::Granted => &words.given,
        Standing::Refused => &words.refused,
        Standing::Withdrawn => &words.withdrawn,
        Standing::Objected => &words.objected,
        Standing::Expired => &words.expired,
    };
    view! {
        <p class=class>
            {icon(drawing)}
            <span><strong>{word.clone()}</strong>" – "{reason.clone()}</span>
        </p>
    }
    .into_any()
}

/// The one button that turns a purpose the other way.
fn change(props: &ChoicesProps, purpose: &Purpose, standing: Standing, name: &str, words: &Words) -> AnyView {
    let on = purpose.allows(standing) || standing.has_yes();
    if !on && let Err(error) = props.frame.notice.age_allows(purpose, props.age) {
        let bands = props.frame.notice.age_bands(purpose.asked);
        let why = match error {
            AgeError::TooYoung => age::too_young(&bands, !purpose.substantial_data, words),
            AgeError::Missing | AgeError::NotAsked => words.age_missing.clone(),
        };
        return view! { <p class="calm">{icon(Icon::Off)}<span>{why}</span></p> }.into_any();
    }
    let (choice, ending, label) = match (on, purpose.route) {
        (true, Route::Statistics) => (Choice::No, "off", &words.object),
        (true, _) => (Choice::No, "off", &words.withdraw),
        (false, _) => (Choice::Yes, "on", &words.agree),
    };
    let ending = format!("{ending}-{}", purpose.id);
    press(props, Act::Save, &ending, vec![(purpose.id.clone(), choice)], fill(label, name))
}

fn alerts(props: &ChoicesProps, words: &Words) -> AnyView {
    let frame = &props.frame;
    let said: Vec<&Purpose> = frame
        .notice
        .asked_at(Asked::AlertForm)
        .filter(|purpose| standing_of(props, purpose) != Standing::NotAsked)
        .collect();
    let list = if said.is_empty() {
        view! { <p>{words.alerts_none.clone()}</p> }.into_any()
    } else {
        said.into_iter().map(|purpose| alert_card(props, purpose, words)).collect_view().into_any()
    };
    view! {
        <section aria-labelledby="your-alerts">
            <h2 id="your-alerts">{words.your_alerts.clone()}</h2>
            {list}
            <ul class="ways">
                <li><a href=frame.page("your-alerts")>{words.manage.clone()}</a></li>
                <li><a href=frame.page("alerts")>{frame.alerts_title(words)}</a></li>
            </ul>
        </section>
    }
    .into_any()
}

fn alert_card(props: &ChoicesProps, purpose: &Purpose, words: &Words) -> AnyView {
    let frame = &props.frame;
    let standing = standing_of(props, purpose);
    let heading = format!("purpose-{}", purpose.id);
    let name = alert_name(frame, purpose, words);
    let on = standing.has_yes() || purpose.allows(standing);
    // A new yes needs an address, so it is asked on the sign-up form; a no needs only this press.
    let stop = on.then(|| change(props, purpose, standing, &name, words));
    view! {
        <article class="card" aria-labelledby=heading>
            <div class="card-head">
                <h3 id=heading.clone()>{name.clone()}</h3>
                {state(purpose, standing, words)}
            </div>
            {stop}
        </article>
    }
    .into_any()
}

/// An alert's name with its channel, because one topic has one name on every channel.
fn alert_name(frame: &SiteFrame, purpose: &Purpose, words: &Words) -> String {
    let name = frame.name_of(purpose.id.as_str());
    match purpose.channel {
        Some(channel) => format!("{name} ({})", super::alerts::channel_words(channel, words).to_lowercase()),
        None => name,
    }
}

fn history(props: &ChoicesProps, words: &Words) -> AnyView {
    let entries = props
        .history
        .iter()
        .rev()
        .map(|record| {
            view! {
                <li>
                    <p class="entry-time">
                        {when::time(&record.time, &words.months)}
                        <span class="exact">{record.time.clone()}</span>
                    </p>
                    <p>{act_words(record.act, words)}" ("{surface_words(record.surface, words)}")"</p>
                    {age::said(record.age, words)}
                    {said(props, record, words)}
                    <p class="entry-links">
                        {receipt_link(&props.frame, record, words)}
                        <a href=props.frame.page(&format!("notices/{}", record.notice))>
                            {words.wording_shown.clone()}
                        </a>
                    </p>
                </li>
            }
        })
        .collect_view();
    view! {
        <section aria-labelledby="history">
            <h2 id="history">{words.history.clone()}</h2>
            <ol class="entries" reversed=true>{entries}</ol>
        </section>
    }
    .into_any()
}

fn said(props: &ChoicesProps, record: &Record, words: &Words) -> AnyView {
    let frame = &props.frame;
    let each = record.decisions.iter().map(|(id, decision)| {
        let name = match frame.notice.purpose(id) {
            Some(purpose) => alert_name(frame, purpose, words),
            None => id.to_string(),
        };
        view! { <li><strong>{name}</strong>": "{decision_words(*decision, words)}</li> }
    });
    view! { <ul class="said">{each.collect_view()}</ul> }.into_any()
}

fn receipt_link(frame: &SiteFrame, record: &Record, words: &Words) -> AnyView {
    let time = when::plain(&record.time, &words.months);
    let address = format!("{}/receipts/{}", frame.api, record.id);
    let file = format!("receipt-{}.json", record.id);
    view! { <a href=address download=file>{fill(&words.receipt_of, &time)}</a> }.into_any()
}

pub(super) fn decision_words(decision: Decision, words: &Words) -> String {
    match decision {
        Decision::Given => &words.given,
        Decision::Refused => &words.refused,
        Decision::Withdrawn => &words.withdrawn,
        Decision::Objected => &words.objected,
        Decision::Renewed => &words.renewed,
        Decision::Expired => &words.expired,
        Decision::Confirmed => &words.confirmed,
    }
    .clone()
}

pub(super) fn act_words(act: Act, words: &Words) -> String {
    match act {
        Act::AcceptAll => &words.act_accept_all,
        Act::RejectAll => &words.act_reject_all,
        Act::Save => &words.act_save,
        Act::Link => &words.act_link,
        Act::OneClick => &words.act_one_click,
        Act::TextStop => &words.act_text_stop,
        Act::Signal => &words.act_signal,
        Act::Phone => &words.act_phone,
        Act::Paper => &words.act_paper,
        Act::Staff => &words.act_staff,
        Act::Api => &words.act_api,
        Act::Expiry => &words.act_expiry,
    }
    .clone()
}

pub(super) fn surface_words(surface: Surface, words: &Words) -> String {
    match surface {
        Surface::FirstLayer => &words.on_first_layer,
        Surface::Preferences => &words.on_preferences,
        Surface::ChoicesPage => &words.on_choices_page,
        Surface::AlertForm => &words.on_alert_form,
        Surface::Content => &words.on_content,
        Surface::Page => &words.on_page,
        Surface::Message => &words.on_message,
        Surface::Server => &words.on_server,
        Surface::Told => &words.on_told,
        Surface::HandOver => &words.on_hand_over,
    }
    .clone()
}
