//! The wasm entry: what the loader calls, and what it is asked for.
//!
//! The loader calls `start` once, with the element that holds the first layer, and `press` for everything that happens
//! outside the widget's own markup. All state is in one place ([`Widget`]); presses and answers change it and then draw.

use crate::check::check;
use crate::data::banner_data;
use crate::flow::{Effect, Flow, Pressed};
use crate::json::Json;
use assent_core::decision::Choice;
use assent_core::ids::PurposeId;
use assent_core::record::Surface;
use js_sys::Promise;
use leptos::mount::hydrate_from;
use leptos::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;
use ui::{BannerData, Choices, FirstLayer, Press, View, layer_html, progress};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, Event, HtmlElement};

#[wasm_bindgen]
extern "C" {
    /// The loader's side of the bridge.
    #[derive(Debug, Clone)]
    pub type Host;
    #[wasm_bindgen(method)]
    fn decide(this: &Host, act: &str, surface: &str, choices: &str) -> Promise;
    #[wasm_bindgen(method)]
    fn choices(this: &Host) -> String;
    #[wasm_bindgen(method)]
    fn close(this: &Host);
    // Markup goes through the loader's Trusted Types policy.
    #[wasm_bindgen(method)]
    fn html(this: &Host, element: &Element, markup: &str);
    #[wasm_bindgen(method)]
    fn subject(this: &Host) -> String;
    #[wasm_bindgen(method)]
    fn last_receipt(this: &Host) -> Promise;
}

struct Widget {
    data: Arc<BannerData>,
    flow: Flow,
    // Holds the two below, each only while it has something to show.
    root: HtmlElement,
    first: Element,
    layer: Element,
    host: Host,
}

thread_local! {
    static WIDGET: RefCell<Option<Widget>> = const { RefCell::new(None) };
}

/// Takes over the first layer inside `root`. Fails when `data` cannot be read; the loader then goes on without it.
#[wasm_bindgen]
pub fn start(root: HtmlElement, data: &str, host: Host) -> Result<(), JsError> {
    let wrong = || JsError::new("data");
    let data = Arc::new(banner_data(data).ok_or_else(wrong)?);
    let first = root.first_element_child().ok_or_else(wrong)?;
    let layer = document().create_element("div").map_err(|_| wrong())?;
    let drawn = data.clone();
    hydrate_from(root.clone(), move || view! { <FirstLayer data=drawn /> }).forget();
    let listener = Closure::<dyn Fn(Event)>::new(|event: Event| clicked(&event));
    let _ = root.add_event_listener_with_callback("click", listener.as_ref().unchecked_ref());
    listener.forget();
    let flow = Flow::new(data.clone());
    WIDGET.set(Some(Widget { data, flow, root, first, layer, host }));
    Ok(())
}

// Every button and switch of every layer but the first one's yes and no, which the loader takes. A switch is clicked by keys and by its
// label too.
fn clicked(event: &Event) {
    let Some(target) = event.target() else { return };
    let target: Element = target.unchecked_into();
    if let Ok(Some(button)) = target.closest("[data-act]") {
        press(&button.get_attribute("data-act").unwrap_or_default());
    } else if let Some(Ok(purpose)) = target.id().strip_prefix("p-").map(PurposeId::new) {
        let is_on = target.matches(":checked").unwrap_or_default();
        pressed(Press::Switch(purpose, if is_on { Choice::Yes } else { Choice::No }));
    }
}

/// A button of the widget, by its `data-act`, or something that happened outside: `choose` (the way back), `accept-all` or
/// `reject-all` (pressed on the first layer: to be confirmed), `ask` (the answer was not taken), `hide` (decided in another tab),
/// `waiting` (the service is away).
#[wasm_bindgen]
pub fn press(what: &str) {
    let mut surface = Surface::FirstLayer;
    with(&mut |widget| {
        if widget.flow.state().view == View::Preferences {
            surface = Surface::Preferences;
        }
    });
    pressed(match what {
        "choose" => Press::Choose,
        "accept-all" => Press::Accept(surface),
        "reject-all" => Press::Decline(surface),
        "save" => Press::Save,
        "receipt" => Press::Receipt,
        "close" => Press::Close,
        _ => {
            return change(&mut |widget| match what {
                "ask" => widget.flow.ask(),
                "hide" => widget.flow.hide(),
                _ => widget.flow.waiting(),
            });
        }
    });
}

fn pressed(press: Press) {
    let (mut press, mut todo) = (Some(press), None);
    change(&mut |widget| {
        let Some(press) = press.take() else { return };
        if press == Press::Choose {
            let said = on_file(&widget.host.choices());
            let decided = !widget.host.subject().is_empty();
            widget.flow.on_file(said, decided);
        }
        todo = widget.flow.press(press).map(|effect| (effect, widget.host.clone()));
    });
    let Some((effect, host)) = todo else { return };
    match effect {
        Effect::Decide(pressed) => decide(host, pressed),
        Effect::FetchReceipt => {
            let answer = host.last_receipt();
            spawn_local(checked(answer, None));
        }
        Effect::Closed => host.close(),
    }
}

fn on_file(text: &str) -> Choices {
    let mut said = Choices::new();
    if let Some(json) = Json::parse(text) {
        for (id, choice) in json.members() {
            let choice = if choice.as_text() == Some("yes") { Choice::Yes } else { Choice::No };
            if let Ok(id) = PurposeId::new(id) {
                said.push((id, choice));
            }
        }
    }
    said
}

fn decide(host: Host, pressed: Pressed) {
    let mut choices = String::from("{");
    for (purpose, choice) in &pressed.choices {
        if choices.len() > 1 {
            choices.push(',');
        }
        let said = if *choice == Choice::Yes { "yes" } else { "no" };
        for part in ["\"", purpose.as_str(), "\":\"", said, "\""] {
            choices.push_str(part);
        }
    }
    choices.push('}');
    let answer = host.decide(pressed.act.as_str(), pressed.surface.as_str(), &choices);
    let mut round = 0;
    with(&mut |widget| round = widget.flow.round());
    spawn_local(checked(answer, Some((round, pressed))));
}

// Checks the receipt that comes: of decision `round`, when there is one, or of an earlier one that was asked for.
async fn checked(answer: Promise, decision: Option<(u32, Pressed)>) {
    // Pending while the service is away; a refusal comes as `press("ask")`.
    let Ok(answer) = JsFuture::from(answer).await else { return };
    let text = answer.as_string().unwrap_or_default();
    change(&mut |widget| {
        let pressed = decision.as_ref().map(|(_, pressed)| pressed);
        let facts = check(&text, &widget.data, &widget.host.subject(), pressed);
        match &decision {
            Some((round, _)) => widget.flow.receipt(*round, facts),
            None => widget.flow.fetched(facts),
        }
    });
}

fn with(step: &mut dyn FnMut(&mut Widget)) {
    WIDGET.with_borrow_mut(|widget| {
        if let Some(widget) = widget {
            step(widget);
        }
    });
}

/// Takes a step and draws what it changed.
fn change(step: &mut dyn FnMut(&mut Widget)) {
    with(&mut |widget| {
        let before = widget.flow.state().view;
        step(widget);
        // Errors of the page's own methods: nothing of ours can be out of place.
        let _ = draw(widget, before);
    });
}

fn draw(widget: &Widget, before: View) -> Result<(), JsValue> {
    let Widget { data, root, first, layer, host, .. } = widget;
    let state = widget.flow.state();
    let now = state.view;
    if now == before {
        // Switches draw themselves; only the progress line changes under the person's eyes.
        if let Some(line) = layer.query_selector(".progress")? {
            let (name, inside) = progress(data, state);
            if line.get_attribute("data-state").as_deref() != Some(name) {
                line.set_attribute("data-state", name)?;
                host.html(&line, &inside);
            }
        }
        return Ok(());
    }
    first.remove();
    layer.remove();
    host.html(layer, &layer_html(data, state));
    // To the heading of what is new; back from the single choices, to the button that led there.
    let (shown, target) = match now {
        View::Nothing => return Ok(()),
        View::FirstLayer => (first, "[data-act=choose]"),
        _ => (layer, "h2"),
    };
    root.append_child(shown)?;
    if (now != View::FirstLayer || before == View::Preferences)
        && let Some(found) = root.query_selector(target)?
    {
        found.unchecked_into::<HtmlElement>().focus()?;
    }
    Ok(())
}
