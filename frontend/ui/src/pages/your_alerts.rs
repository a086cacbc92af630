//! Everything one address told us about alerts: a switch for each, one press that stops all, another address, and the receipts.
//!
//! Reached by a link from a message, without account or script. An old link shows what can be stopped, and offers a fresh one. Which records count, and what a press does, are `server`'s.

use super::age;
use super::choices::{act_words, decision_words, surface_words};
use super::layout::{Here, Icon, SiteFrame, icon, sentence, site_document};
use super::link::good;
use super::when;
use crate::fill;
use assent_core::age::AgeBand;
use assent_core::decision::Standing;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel, Purpose};
use assent_core::record::Record;
use assent_core::words::Words;
use leptos::prelude::*;
use std::collections::BTreeMap;

/// What the page needs.
#[derive(Debug, Clone)]
pub struct YourAlertsProps {
    /// The site.
    pub frame: SiteFrame,
    /// The page's own path after `{api}/`.
    pub path: String,
    /// The address it is about.
    pub address: String,
    /// The form's `key` field, drawn at random for this answer.
    pub key: String,
    /// The alerts on the address's channel, and what holds for each.
    pub standings: BTreeMap<PurposeId, Standing>,
    /// Records about them, oldest first.
    pub history: Vec<Record>,
    /// The ages to choose from, where a new yes needs one and it is not known.
    pub ages: Vec<AgeBand>,
    /// What the address is.
    pub channel: Channel,
    /// When the link is too old for more than stopping: after how many days links are.
    pub old: Option<u32>,
    /// What came of a press.
    pub outcome: Option<Outcome>,
}

/// What came of a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The switches are as they were set.
    Saved,
    /// Everything is stopped.
    AllStopped,
    /// A message is on its way to another address.
    MoveAsked,
    /// A fresh link is on its way to the address.
    LinkSent,
    /// The link is too old for that.
    TooOld,
    /// The other address is not one.
    BadAddress,
    /// The other number is of a country that no texts are sent to.
    Elsewhere,
    /// A new yes needs an age.
    AgeMissing,
    /// Too young for a new yes.
    TooYoung,
    /// It could not be kept.
    NotRecorded,
}

/// The whole document.
#[must_use]
pub fn render(props: &YourAlertsProps) -> String {
    let YourAlertsProps { frame, path, .. } = props;
    let words = frame.words();
    let title = words.your_alerts.clone();
    let action = format!("{}/{path}", frame.api);
    let switches = frame
        .notice
        .purposes
        .iter()
        .filter_map(|purpose| Some((purpose, props.standings.get(&purpose.id).copied()?)))
        .filter(|(_, standing)| props.old.is_none() || is_ticked(*standing))
        .map(|(purpose, standing)| switch(frame, purpose, standing, &words))
        .collect::<Vec<_>>();
    let hidden = view! {
        <input type="hidden" name="language" value=frame.language.clone()/>
        <input type="hidden" name="key" value=props.key.clone()/>
    };
    let main = view! {
        {props.outcome.map(|outcome| said(props, outcome, &words))}
        <h1>{title.clone()}</h1>
        {beginning(props, &action, hidden.clone().into_any(), &words)}
        {(props.old.is_none() || !switches.is_empty()).then(|| saving(props, &action, hidden.clone().into_any(), switches, &words))}
        <section aria-labelledby="stop-all">
            <h2 id="stop-all">{words.stop_all.clone()}</h2>
            <p>{words.centre_stop_what.clone()}</p>
            <form method="post" action=action.clone()>
                {hidden.clone()}
                <button type="submit" class="press" name="press" value="stop-all">{words.stop_all.clone()}</button>
            </form>
        </section>
        {props.old.is_none().then(|| moving(props, action, hidden.into_any(), &words))}
        {props.old.is_none().then(|| history(props, &words))}
    };
    site_document(frame, Here::Other(path), &title, main.into_any())
}

/// The switches. An old link's page has none where nothing can be stopped.
fn saving(
    props: &YourAlertsProps,
    action: &str,
    hidden: AnyView,
    switches: Vec<AnyView>,
    words: &Words,
) -> AnyView {
    view! {
        <p>{words.centre_what.clone()}</p>
        <form method="post" action=action.to_string() class="sign-up">
            {hidden}
            <fieldset class="card">
                <legend>{words.your_alerts.clone()}</legend>
                {switches}
            </fieldset>
            {props.old.is_none().then(|| age::question(&props.ages, None, None, words))}
            <button type="submit" class="press" name="press" value="save">{words.centre_save.clone()}</button>
        </form>
    }
    .into_any()
}

/// Whose page it is; or, where the link is old, what it is still good for, with a button for a fresh one. Then nothing is said of the
/// address, for the link may have come anywhere.
fn beginning(props: &YourAlertsProps, action: &str, hidden: AnyView, words: &Words) -> AnyView {
    let Some(days) = props.old else {
        let address = view! { <strong class="address">{props.address.clone()}</strong> }.into_any();
        return view! { <p>{sentence(&words.centre_for, address)}</p> }.into_any();
    };
    view! {
        <p>{fill(&words.centre_old, &days.to_string())}</p>
        <form method="post" action=action.to_string()>
            {hidden}
            <button type="submit" class="press" name="press" value="link">{words.link_press.clone()}</button>
        </form>
    }
    .into_any()
}

fn said(props: &YourAlertsProps, outcome: Outcome, words: &Words) -> AnyView {
    let young = || age::too_young(&props.frame.notice.age_bands(Asked::AlertForm), true, words);
    let text = match outcome {
        Outcome::Saved => return good(&words.centre_saved),
        Outcome::AllStopped => return good(&words.stop_all_done),
        Outcome::MoveAsked => return move_asked(props, words),
        Outcome::LinkSent => return good(&words.link_sent),
        Outcome::TooOld => fill(&words.centre_old, &props.old.unwrap_or_default().to_string()),
        Outcome::BadAddress if props.channel == Channel::Text => words.phone_wrong.clone(),
        Outcome::BadAddress => words.email_wrong.clone(),
        Outcome::Elsewhere => words.phone_elsewhere.clone(),
        Outcome::AgeMissing => words.age_missing.clone(),
        Outcome::TooYoung => young(),
        Outcome::NotRecorded => words.try_again.clone(),
    };
    view! {
        <div class="region bad" role="alert" tabindex="-1" autofocus=true>
            {icon(Icon::Alert)}
            <div><h2>{words.problem.clone()}</h2><p>{text}</p></div>
        </div>
    }
    .into_any()
}

/// Says that a message is on its way, and where a code from it goes.
fn move_asked(props: &YourAlertsProps, words: &Words) -> AnyView {
    if props.channel == Channel::Email {
        return good(&words.move_sent);
    }
    view! {
        {good(&words.move_number_sent)}
        <ul class="ways"><li><a href=props.frame.page("code")>{words.code_title.clone()}</a></li></ul>
    }
    .into_any()
}

/// A yes that waits for a talk stays ticked: it is wanted, and saving something else must not end it.
fn is_ticked(standing: Standing) -> bool {
    standing.allows() || standing == Standing::PendingContact
}

fn switch(frame: &SiteFrame, purpose: &Purpose, standing: Standing, words: &Words) -> AnyView {
    let id = format!("wanted-{}", purpose.id);
    let about = format!("about-{}", purpose.id);
    let text = frame.text().purposes.get(&purpose.id);
    let description = text.map(|text| text.description.clone()).unwrap_or_default();
    let (drawing, word) = match standing {
        Standing::Granted => (Icon::On, &words.on),
        Standing::Unconfirmed => (Icon::Waiting, &words.unconfirmed),
        Standing::PendingContact => (Icon::Waiting, &words.age_contact),
        _ => (Icon::Off, &words.off),
    };
    let ticked = is_ticked(standing);
    view! {
        <div class="tick">
            <input type="checkbox" name="wanted" value=purpose.id.to_string() id=id.clone() checked=ticked aria-describedby=about.clone()/>
            <label for=id>{frame.name_of(purpose.id.as_str())}</label>
            <div class="hint" id=about>
                <p>{description}</p>
                <p class="state">{icon(drawing)}<span>{word.clone()}</span></p>
            </div>
        </div>
    }
    .into_any()
}

fn moving(props: &YourAlertsProps, action: String, hidden: AnyView, words: &Words) -> AnyView {
    let wrong = matches!(props.outcome, Some(Outcome::BadAddress | Outcome::Elsewhere));
    let (title, what, label, press, kind) = match props.channel {
        Channel::Email => (
            &words.move_title,
            &words.move_what,
            &words.move_label,
            &words.move_press,
            ("email", "email", "email"),
        ),
        Channel::Text => {
            let (title, what) = (&words.move_number_title, &words.move_number_what);
            (title, what, &words.phone_number, &words.code_press, ("tel", "tel", "tel"))
        }
    };
    let (kind, autocomplete, inputmode) = kind;
    view! {
        <section aria-labelledby="move">
            <h2 id="move">{title.clone()}</h2>
            <p id="move-hint">{what.clone()}</p>
            <form method="post" action=action novalidate=true class="sign-up">
                {hidden}
                <div class="field">
                    <label for="address">{label.clone()}</label>
                    <input type=kind id="address" name="address" autocomplete=autocomplete inputmode=inputmode spellcheck="false"
                        aria-describedby="move-hint" aria-invalid=wrong.then_some("true")/>
                </div>
                <button type="submit" class="press" name="press" value="move">{press.clone()}</button>
            </form>
        </section>
    }
    .into_any()
}

fn history(props: &YourAlertsProps, words: &Words) -> AnyView {
    let frame = &props.frame;
    let base = format!("{}/{}", frame.api, props.path);
    let entries = props.history.iter().rev().map(|record| {
        let each = record.decisions.iter().map(|(id, decision)| {
            view! { <li><strong>{frame.name_of(id.as_str())}</strong>": "{decision_words(*decision, words)}</li> }
        });
        let time = when::plain(&record.time, &words.months);
        let file = format!("receipt-{}.json", record.id);
        view! {
            <li>
                <p class="entry-time">
                    {when::time(&record.time, &words.months)}
                    <span class="exact">{record.time.clone()}</span>
                </p>
                <p>{act_words(record.act, words)}" ("{surface_words(record.surface, words)}")"</p>
                {age::said(record.age, words)}
                {record.told.as_ref().map(|told| {
                    let who = fill(&words.told_by, &told.staff);
                    view! { <p>{fill(&who, &told.script)}</p> }
                })}
                <ul class="said">{each.collect_view()}</ul>
                <p class="entry-links">
                    <a href=format!("{base}/receipts/{}", record.id) download=file>{fill(&words.receipt_of, &time)}</a>
                    <a href=frame.page(&format!("notices/{}", record.notice))>{words.wording_shown.clone()}</a>
                </p>
            </li>
        }
    });
    view! {
        <section aria-labelledby="history">
            <h2 id="history">{words.history.clone()}</h2>
            <p><a href=format!("{base}/receipts.zip") download="receipts.zip">{words.centre_receipts.clone()}</a></p>
            <ol class="entries" reversed=true>{entries.collect_view()}</ol>
        </section>
    }
    .into_any()
}
