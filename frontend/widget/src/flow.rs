//! What each press leads to: the layer shown next, and what must be done about it.
//!
//! Knows no browser and no receipt format; `entry` carries the effects out.

use assent_core::decision::{Act, Choice};
use assent_core::ids::PurposeId;
use assent_core::notice::Route;
use assent_core::record::Surface;
use std::sync::Arc;
use ui::app::Check;
use ui::{BannerData, Choices, Press, Progress, ReceiptFacts, State, View};

/// What was pressed, as the record must later say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    /// How.
    pub act: Act,
    /// Where.
    pub surface: Surface,
    /// What.
    pub choices: Choices,
}

/// Something to be done outside this module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Hand the decision to the loader: it applies at once. (One from the first layer is there already.)
    Decide(Pressed),
    /// Fetch the last receipt and check it.
    FetchReceipt,
    /// Nothing is on screen any more.
    Closed,
}

/// The banner's state and how it moves.
#[derive(Debug, Clone)]
pub struct Flow {
    data: Arc<BannerData>,
    state: State,
    // What the loader has on file.
    said: Choices,
    // Counts decisions, so that the answer to an earlier one does not speak for a later one.
    round: u32,
}

impl Flow {
    /// Begins at the first layer, as the embed painted it.
    #[must_use]
    pub fn new(data: Arc<BannerData>) -> Self {
        Self { data, state: State::first(), said: Choices::new(), round: 0 }
    }

    /// What is to be drawn.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Number of the last decision.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.round
    }

    /// What the loader has on file, and whether a decision is behind it; a browser's signal says no without one. Told before
    /// the single choices open.
    pub fn on_file(&mut self, said: Choices, decided: bool) {
        self.state.has_receipt = decided;
        self.said = said;
    }

    /// Takes a press.
    pub fn press(&mut self, press: Press) -> Option<Effect> {
        match press {
            Press::Accept(surface) => Some(self.decide(Act::AcceptAll, surface, self.all(Choice::Yes))),
            Press::Decline(surface) => Some(self.decide(Act::RejectAll, surface, self.all(Choice::No))),
            Press::Save => {
                let choices = self.state.choices.clone();
                Some(self.decide(Act::Save, Surface::Preferences, choices))
            }
            // Already open: the switches stay as they were put.
            Press::Choose if self.state.view == View::Preferences => None,
            Press::Choose => {
                self.state.choices = self.standing();
                self.state.view = View::Preferences;
                None
            }
            Press::Switch(purpose, choice) => {
                for (id, stands) in &mut self.state.choices {
                    if *id == purpose {
                        *stands = choice;
                    }
                }
                None
            }
            Press::Receipt if self.state.receipt.is_some() => {
                self.state.view = View::Receipt;
                None
            }
            Press::Receipt => Some(Effect::FetchReceipt),
            Press::Close => {
                let undecided = self.choices().any(|purpose| self.said(purpose).is_none());
                match self.state.view {
                    // The question stays until it is answered.
                    View::Preferences if undecided => {
                        self.ask();
                        None
                    }
                    _ => {
                        self.state.view = View::Nothing;
                        Some(Effect::Closed)
                    }
                }
            }
        }
    }

    /// The question again: it was never answered, or the answer was not taken.
    pub fn ask(&mut self) {
        self.said.clear();
        self.state = State::first();
    }

    /// Nothing to ask here any more: decided elsewhere.
    pub fn hide(&mut self) {
        if self.state.view == View::FirstLayer {
            self.state.view = View::Nothing;
        }
    }

    /// The service cannot be reached for now.
    pub fn waiting(&mut self) {
        if self.state.progress == Progress::Recording {
            self.state.progress = Progress::Waiting;
        }
    }

    /// The receipt of decision `round` came and was checked.
    pub fn receipt(&mut self, round: u32, receipt: ReceiptFacts) {
        if round != self.round {
            return;
        }
        let good =
            [receipt.record, receipt.signature, receipt.wording].iter().all(|check| *check == Check::Passed);
        self.state.progress = if good { Progress::Recorded } else { Progress::Doubtful };
        self.state.receipt = Some(receipt);
    }

    /// An earlier receipt was fetched and checked: show it.
    pub fn fetched(&mut self, receipt: ReceiptFacts) {
        self.state.receipt = Some(receipt);
        self.state.view = View::Receipt;
    }

    fn decide(&mut self, act: Act, surface: Surface, choices: Choices) -> Effect {
        self.round += 1;
        self.said.clone_from(&choices);
        self.state.choices.clone_from(&choices);
        self.state.act = act;
        self.state.progress = Progress::Recording;
        self.state.receipt = None;
        self.state.view = View::Confirmation;
        Effect::Decide(Pressed { act, surface, choices })
    }

    fn choices(&self) -> impl Iterator<Item = &PurposeId> {
        self.data.purposes.iter().filter(|purpose| purpose.is_choice()).map(|purpose| &purpose.id)
    }

    fn said(&self, purpose: &PurposeId) -> Option<Choice> {
        self.said.iter().find(|(id, _)| id == purpose).map(|(_, choice)| *choice)
    }

    fn all(&self, choice: Choice) -> Choices {
        self.choices().map(|id| (id.clone(), choice)).collect()
    }

    // Where the switches stand before they are touched: as said, else off, except where the law says "on until objected".
    fn standing(&self) -> Choices {
        let purposes = self.data.purposes.iter().filter(|purpose| purpose.is_choice());
        purposes
            .map(|purpose| {
                let unsaid = if purpose.route == Route::Statistics { Choice::Yes } else { Choice::No };
                (purpose.id.clone(), self.said(&purpose.id).unwrap_or(unsaid))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{data, id};

    fn flow() -> Flow {
        Flow::new(Arc::new(data()))
    }

    fn choices(list: &[(&str, Choice)]) -> Choices {
        list.iter().map(|(purpose, choice)| (id(purpose), *choice)).collect()
    }

    #[test]
    fn one_press_decides_and_shows_it() {
        for (press, act, choice) in [
            (Press::Accept(Surface::FirstLayer), Act::AcceptAll, Choice::Yes),
            (Press::Decline(Surface::FirstLayer), Act::RejectAll, Choice::No),
        ] {
            let mut flow = flow();
            let choices = choices(&[("analytics", choice), ("search", choice)]);
            let pressed = Pressed { act, surface: Surface::FirstLayer, choices };
            assert_eq!(flow.press(press), Some(Effect::Decide(pressed)));
            assert_eq!(flow.state().view, View::Confirmation);
            assert_eq!(flow.state().progress, Progress::Recording);
            assert_eq!(flow.press(Press::Close), Some(Effect::Closed));
            assert_eq!(flow.state().view, View::Nothing);
        }
    }

    #[test]
    fn consent_is_off_until_switched_on_and_statistics_on_until_switched_off() {
        let mut flow = flow();
        flow.press(Press::Choose);
        assert_eq!(flow.state().view, View::Preferences);
        let expected = choices(&[("analytics", Choice::No), ("search", Choice::Yes)]);
        assert_eq!(flow.state().choices, expected);
        flow.press(Press::Switch(id("search"), Choice::No));
        flow.press(Press::Switch(id("analytics"), Choice::Yes));
        flow.press(Press::Switch(id("unheard-of"), Choice::Yes));
        let choices = choices(&[("analytics", Choice::Yes), ("search", Choice::No)]);
        let pressed = Pressed { act: Act::Save, surface: Surface::Preferences, choices };
        assert_eq!(flow.press(Press::Save), Some(Effect::Decide(pressed)));
    }

    #[test]
    fn closing_without_deciding_decides_nothing() {
        let mut flow = flow();
        flow.press(Press::Choose);
        flow.press(Press::Switch(id("analytics"), Choice::Yes));
        assert_eq!(flow.press(Press::Close), None);
        assert_eq!(flow.state().view, View::FirstLayer);
        flow.press(Press::Choose);
        assert!(!flow.state().is_on(&id("analytics")));
        // Opened again while it is open: nothing jumps back.
        flow.press(Press::Switch(id("analytics"), Choice::Yes));
        flow.press(Press::Choose);
        assert!(flow.state().is_on(&id("analytics")));
    }

    #[test]
    fn who_decided_comes_back_to_what_they_said_and_may_leave_it() {
        let mut flow = flow();
        flow.on_file(choices(&[("analytics", Choice::Yes), ("search", Choice::No)]), true);
        flow.press(Press::Choose);
        assert!(flow.state().is_on(&id("analytics")));
        assert!(!flow.state().is_on(&id("search")));
        assert_eq!(flow.press(Press::Receipt), Some(Effect::FetchReceipt));
        assert_eq!(flow.press(Press::Close), Some(Effect::Closed));
    }

    #[test]
    fn recorded_is_said_only_of_a_receipt_that_passed_every_check() {
        let good = ReceiptFacts {
            text: String::new(),
            id: String::new(),
            time: String::new(),
            record: Check::Passed,
            signature: Check::Passed,
            wording: Check::Passed,
        };
        let record = ReceiptFacts { record: Check::Failed, ..good.clone() };
        let signature = ReceiptFacts { signature: Check::Failed, ..good.clone() };
        let wording = ReceiptFacts { wording: Check::Failed, ..good.clone() };
        for (receipt, progress) in [
            (good.clone(), Progress::Recorded),
            (record, Progress::Doubtful),
            (signature, Progress::Doubtful),
            (wording, Progress::Doubtful),
        ] {
            let mut flow = flow();
            flow.press(Press::Decline(Surface::FirstLayer));
            flow.waiting();
            assert_eq!(flow.state().progress, Progress::Waiting);
            flow.receipt(flow.round(), receipt);
            assert_eq!(flow.state().progress, progress);
        }
        // The receipt of an earlier press does not speak for a later one.
        let mut flow = flow();
        flow.press(Press::Accept(Surface::FirstLayer));
        let earlier = flow.round();
        flow.press(Press::Choose);
        flow.press(Press::Decline(Surface::Preferences));
        flow.receipt(earlier, good);
        assert_eq!(flow.state().progress, Progress::Recording);
        assert_eq!(flow.state().receipt, None);
    }

    #[test]
    fn an_answer_that_was_not_taken_is_asked_again() {
        let mut flow = flow();
        flow.press(Press::Accept(Surface::FirstLayer));
        flow.ask();
        assert_eq!(flow.state(), &State::first());
    }

    #[test]
    fn decided_elsewhere_hides_the_question_but_not_an_open_layer() {
        let mut flow = flow();
        flow.hide();
        assert_eq!(flow.state().view, View::Nothing);
        flow.press(Press::Choose);
        flow.hide();
        assert_eq!(flow.state().view, View::Preferences);
    }
}
