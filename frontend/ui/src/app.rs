//! The banner as a whole: which layer is on screen, and what its parts know.
//!
//! [`State`] is everything that changes; a [`Press`] is everything a person can do. What a press leads to is decided
//! in `frontend/widget`, where it can be tested without a browser.

use crate::BannerData;
use crate::confirmation::confirmation;
use crate::preferences::preferences;
use crate::receipt_view::receipt_view;
use assent_core::decision::{Act, Choice};
use assent_core::ids::PurposeId;
use assent_core::record::Surface;

/// Which layer is on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The question: accept, decline, choose.
    FirstLayer,
    /// One switch per purpose.
    Preferences,
    /// What was chosen, and how its record fares.
    Confirmation,
    /// What the receipt proves.
    Receipt,
    /// Nothing; the way back is the loader's.
    Nothing,
}

/// How the record of a decision fares. The choice itself applies from the press on, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// On its way.
    Recording,
    /// The service could not be reached; it is kept and sent again.
    Waiting,
    /// Acknowledged, and the receipt passed every check.
    Recorded,
    /// Acknowledged, but the receipt did not pass.
    Doubtful,
}

/// A receipt and what was checked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptFacts {
    /// The receipt file's text, as it was sent.
    pub text: String,
    /// Its id; empty when the file could not be read.
    pub id: String,
    /// When the record was taken down; empty when the file could not be read.
    pub time: String,
    /// The record is under the signed head of the log, and says what was pressed.
    pub record: Check,
    /// The head is signed with this log's key.
    pub signature: Check,
    /// The record names the wording that this page showed.
    pub wording: Check,
}

/// The outcome of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It holds.
    Passed,
    /// It does not hold, or could not be made.
    Failed,
}

/// A choice for each of some purposes; no purpose twice.
pub type Choices = Vec<(PurposeId, Choice)>;

/// Everything about the banner that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The layer on screen.
    pub view: View,
    /// Where each switch stands, for every purpose that is a choice.
    pub choices: Choices,
    /// What was pressed last.
    pub act: Act,
    /// How its record fares.
    pub progress: Progress,
    /// The last receipt that came.
    pub receipt: Option<ReceiptFacts>,
    /// Whether there is an earlier decision, so that its receipt can be fetched.
    pub has_receipt: bool,
}

impl State {
    /// The state in which the server renders and a first visit begins: the question, everything off that may be off.
    #[must_use]
    pub fn first() -> Self {
        Self {
            view: View::FirstLayer,
            choices: Vec::new(),
            act: Act::Save,
            progress: Progress::Recording,
            receipt: None,
            has_receipt: false,
        }
    }

    /// Whether the switch of `purpose` is on.
    #[must_use]
    pub fn is_on(&self, purpose: &PurposeId) -> bool {
        self.choices.iter().any(|(id, choice)| id == purpose && *choice == Choice::Yes)
    }
}

/// Something the person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// Yes to all, from this layer.
    Accept(Surface),
    /// No to all, from this layer.
    Decline(Surface),
    /// Open the single choices.
    Choose,
    /// Put one switch on or off; nothing is decided yet.
    Switch(PurposeId, Choice),
    /// Keep the switches as they stand.
    Save,
    /// Show the receipt.
    Receipt,
    /// Leave the layer without deciding, or hide a confirmation.
    Close,
}

/// The markup of the layer that `state` names, as the browser draws it; nothing for the first layer, which is
/// [`FirstLayer`](crate::FirstLayer).
#[must_use]
pub fn layer_html(data: &BannerData, state: &State) -> String {
    match state.view {
        View::FirstLayer | View::Nothing => String::new(),
        View::Preferences => preferences(data, state),
        View::Confirmation => confirmation(data, state),
        View::Receipt => receipt_view(data, state),
    }
}
