//! Decisions: what a subject said about named purposes, by which act, and what holds afterwards.
//!
//! Everything here is a pure function of the notice, what was said before, and what is said now. It does not
//! know who asks, what time it is, or where the answer is kept.

use crate::ids::PurposeId;
use crate::notice::{Asked, Notice, Purpose, Route};
use alloc::collections::BTreeMap;
use serde::{Deserialize, Serialize};

/// What the person pressed or wrote for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// They agree (consent), or have nothing against it (statistics, soft opt-in).
    Yes,
    /// They do not agree, or object.
    No,
}

/// What a choice means, given the purpose's route and what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Consent given where there was none.
    Given,
    /// Consent not given, and there was none before.
    Refused,
    /// Consent taken back.
    Withdrawn,
    /// Statistics and soft opt-in routes: the person objected.
    Objected,
    /// Said again what already held, so the clock starts anew.
    Renewed,
    /// The consent ended by time. Written by the server, never by a person.
    Expired,
    /// For alerts: whoever reads the address said that the yes given for it is theirs.
    Confirmed,
}

impl Decision {
    /// Every decision, in the order they are shown.
    pub const ALL: [Self; 7] = [
        Self::Given,
        Self::Refused,
        Self::Withdrawn,
        Self::Objected,
        Self::Renewed,
        Self::Expired,
        Self::Confirmed,
    ];

    /// The word in records, exports and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Objected => "objected",
            Self::Renewed => "renewed",
            Self::Expired => "expired",
            Self::Confirmed => "confirmed",
        }
    }

    /// Whether it is a yes, alone or together with a confirmation. Everything else ends what was.
    #[must_use]
    pub fn is_yes(self) -> bool {
        matches!(self, Self::Given | Self::Renewed | Self::Confirmed)
    }
}

/// How it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The "accept" button: yes to every purpose that was asked.
    AcceptAll,
    /// The "decline" button: no to every purpose that was asked.
    RejectAll,
    /// Saved a page or layer of single choices.
    Save,
    /// A link in a message.
    Link,
    /// The mail program's unsubscribe button (RFC 8058).
    OneClick,
    /// A text saying STOP.
    TextStop,
    /// A browser signal such as GPC.
    Signal,
    /// By telephone, entered by staff.
    Phone,
    /// On paper, entered by staff.
    Paper,
    /// In person, entered by staff.
    Staff,
    /// By a program the controller runs.
    Api,
    /// By nobody: the time of what was said is over.
    Expiry,
}

impl Act {
    /// The word in records and exports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptAll => "accept-all",
            Self::RejectAll => "reject-all",
            Self::Save => "save",
            Self::Link => "link",
            Self::OneClick => "one-click",
            Self::TextStop => "text-stop",
            Self::Signal => "signal",
            Self::Phone => "phone",
            Self::Paper => "paper",
            Self::Staff => "staff",
            Self::Api => "api",
            Self::Expiry => "expiry",
        }
    }

    /// Whether a visitor's own browser may claim this act. Staff and system acts come in by other doors.
    #[must_use]
    pub fn is_visitors(self) -> bool {
        matches!(self, Self::AcceptAll | Self::RejectAll | Self::Save)
    }
}

/// What holds for one purpose and one subject now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing was said.
    NotAsked,
    /// An address was signed up but its owner has not confirmed it: counts as no.
    Unconfirmed,
    /// A young person's yes, until staff talked with them: counts as no.
    PendingContact,
    /// Yes, by consent, until taken back or expired.
    Granted,
    /// No.
    Refused,
    /// There was a yes and it was taken back.
    Withdrawn,
    /// Statistics and soft opt-in routes: no, by objection.
    Objected,
    /// There was a yes, or a sign-up that nobody confirmed, and its time is over.
    Expired,
}

impl Standing {
    /// Whether the purpose may be acted on. Everything but an unbroken yes is a no.
    #[must_use]
    pub fn allows(self) -> bool {
        self == Self::Granted
    }

    /// Whether there is a yes, or one that waits for something.
    #[must_use]
    pub fn has_yes(self) -> bool {
        matches!(self, Self::Granted | Self::Unconfirmed | Self::PendingContact)
    }

    /// The word in answers and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not-asked",
            Self::Unconfirmed => "unconfirmed",
            Self::PendingContact => "pending-contact",
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Objected => "objected",
            Self::Expired => "expired",
        }
    }

    /// What holds after `decision` about a purpose that is asked at `asked`.
    ///
    /// A yes to an alert stays [`Standing::Unconfirmed`] until a separate confirmation says otherwise. What was said before
    /// can matter too: [`crate::standing::standings`].
    #[must_use]
    pub fn after(decision: Decision, asked: Asked) -> Self {
        match decision {
            Decision::Given | Decision::Renewed if asked == Asked::AlertForm => Self::Unconfirmed,
            Decision::Given | Decision::Renewed | Decision::Confirmed => Self::Granted,
            Decision::Refused => Self::Refused,
            Decision::Withdrawn => Self::Withdrawn,
            Decision::Objected => Self::Objected,
            Decision::Expired => Self::Expired,
        }
    }
}

/// Why choices are not acceptable. Nothing is recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// The notice has no such purpose.
    #[error("the notice has no purpose `{purpose}`")]
    UnknownPurpose {
        /// What was named.
        purpose: PurposeId,
    },
    /// The purpose is told, not asked.
    #[error("`{purpose}` is {route}: people are told about it, there is nothing to choose")]
    NotAChoice {
        /// What was named.
        purpose: PurposeId,
        /// Its route.
        route: &'static str,
    },
    /// No purpose was named.
    #[error("no purpose was decided")]
    Empty,
    /// "Accept all" with a no, "reject all" with a yes, or one of them leaving a banner purpose out.
    #[error("`{act}` must say the same of every purpose the banner asks, and `{purpose}` differs")]
    ActDiffers {
        /// The claimed act.
        act: &'static str,
        /// The first purpose that does not fit it.
        purpose: PurposeId,
    },
    /// A browser claimed an act that only staff or the system can make.
    #[error("`{act}` is not an act a visitor's browser can make")]
    ActNotVisitors {
        /// The claimed act.
        act: &'static str,
    },
}

/// Turns what a visitor pressed into decisions, or refuses it whole.
///
/// `before` is what held for the purposes named; a purpose that is missing there was not asked yet.
pub fn decide(
    notice: &Notice,
    act: Act,
    choices: &BTreeMap<PurposeId, Choice>,
    before: &BTreeMap<PurposeId, Standing>,
) -> Result<BTreeMap<PurposeId, Decision>, ChoiceError> {
    if !act.is_visitors() {
        return Err(ChoiceError::ActNotVisitors { act: act.as_str() });
    }
    if choices.is_empty() {
        return Err(ChoiceError::Empty);
    }
    let wanted = match act {
        Act::AcceptAll => Some(Choice::Yes),
        Act::RejectAll => Some(Choice::No),
        _ => None,
    };
    if let Some(wanted) = wanted {
        let asked = notice.purposes.iter().filter(|p| p.is_choice() && p.asked == Asked::Banner);
        for purpose in asked {
            if choices.get(&purpose.id) != Some(&wanted) {
                let purpose = purpose.id.clone();
                return Err(ChoiceError::ActDiffers { act: act.as_str(), purpose });
            }
        }
        if let Some((purpose, _)) = choices.iter().find(|(_, choice)| **choice != wanted) {
            let purpose = purpose.clone();
            return Err(ChoiceError::ActDiffers { act: act.as_str(), purpose });
        }
    }
    let mut decisions = BTreeMap::new();
    for (id, choice) in choices {
        let Some(purpose) = notice.purpose(id) else {
            return Err(ChoiceError::UnknownPurpose { purpose: id.clone() });
        };
        if !purpose.is_choice() {
            let route = purpose.route.as_str();
            return Err(ChoiceError::NotAChoice { purpose: id.clone(), route });
        }
        let standing = before.get(id).copied().unwrap_or(Standing::NotAsked);
        decisions.insert(id.clone(), meaning(purpose, *choice, standing));
    }
    Ok(decisions)
}

/// What a choice means for a purpose, given what held before.
#[must_use]
pub fn meaning(purpose: &Purpose, choice: Choice, before: Standing) -> Decision {
    use Standing::{Granted, PendingContact, Unconfirmed};
    match (choice, before) {
        (Choice::Yes, Granted | Unconfirmed | PendingContact) => Decision::Renewed,
        (Choice::Yes, _) => Decision::Given,
        (Choice::No, _) if matches!(purpose.route, Route::Statistics | Route::SoftOptIn) => {
            Decision::Objected
        }
        (Choice::No, Granted | Unconfirmed | PendingContact) => Decision::Withdrawn,
        (Choice::No, _) => Decision::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use std::vec::Vec;

    fn choices(list: &[(&str, Choice)]) -> BTreeMap<PurposeId, Choice> {
        list.iter().map(|(id, choice)| (PurposeId::new(id).unwrap(), *choice)).collect()
    }

    #[track_caller]
    fn check(
        act: Act,
        pressed: &[(&str, Choice)],
        before: &[(&str, Standing)],
        expected: &[(&str, Decision)],
    ) {
        let before = before.iter().map(|(id, standing)| (PurposeId::new(id).unwrap(), *standing)).collect();
        let decided = decide(&fixture::notice(), act, &choices(pressed), &before).unwrap();
        let decided: Vec<_> = decided.iter().map(|(id, decision)| (id.as_str(), *decision)).collect();
        assert_eq!(decided, expected);
    }

    #[test]
    fn a_choice_means_what_it_means_against_what_was_said() {
        use Choice::{No, Yes};
        use Standing::{Expired, Granted, NotAsked, Refused, Withdrawn};
        check(Act::Save, &[("analytics", Yes)], &[], &[("analytics", Decision::Given)]);
        check(
            Act::Save,
            &[("analytics", Yes)],
            &[("analytics", Granted)],
            &[("analytics", Decision::Renewed)],
        );
        check(
            Act::Save,
            &[("analytics", No)],
            &[("analytics", Granted)],
            &[("analytics", Decision::Withdrawn)],
        );
        for before in [NotAsked, Refused, Withdrawn, Expired] {
            check(
                Act::Save,
                &[("analytics", No)],
                &[("analytics", before)],
                &[("analytics", Decision::Refused)],
            );
            check(
                Act::Save,
                &[("analytics", Yes)],
                &[("analytics", before)],
                &[("analytics", Decision::Given)],
            );
        }
        check(Act::Save, &[("counting", No)], &[], &[("counting", Decision::Objected)]);
        check(
            Act::RejectAll,
            &[("analytics", No), ("counting", No), ("surveys", No)],
            &[("surveys", Granted)],
            &[
                ("analytics", Decision::Refused),
                ("counting", Decision::Objected),
                ("surveys", Decision::Withdrawn),
            ],
        );
    }

    #[test]
    fn choices_that_do_not_fit_are_refused_whole() {
        use Choice::{No, Yes};
        let refused = |act, pressed: &[(&str, Choice)]| {
            decide(&fixture::notice(), act, &choices(pressed), &BTreeMap::new()).unwrap_err()
        };
        assert!(matches!(refused(Act::Save, &[]), ChoiceError::Empty));
        assert!(matches!(refused(Act::Save, &[("spying", Yes)]), ChoiceError::UnknownPurpose { .. }));
        assert!(matches!(refused(Act::Save, &[("session", Yes)]), ChoiceError::NotAChoice { .. }));
        assert!(matches!(refused(Act::Phone, &[("analytics", Yes)]), ChoiceError::ActNotVisitors { .. }));
        let partly = [("analytics", Yes), ("surveys", Yes)];
        assert!(matches!(refused(Act::AcceptAll, &partly), ChoiceError::ActDiffers { .. }));
        let mixed = [("analytics", No), ("counting", No), ("surveys", No), ("email-news", Yes)];
        assert!(matches!(refused(Act::RejectAll, &mixed), ChoiceError::ActDiffers { .. }));
    }

    #[test]
    fn only_an_unbroken_yes_allows() {
        let notice = fixture::notice();
        let purpose = |id: &str| notice.purpose(&PurposeId::new(id).unwrap()).unwrap();
        use Standing::{
            Expired, Granted, NotAsked, Objected, PendingContact, Refused, Unconfirmed, Withdrawn,
        };
        for standing in [NotAsked, Unconfirmed, PendingContact, Refused, Withdrawn, Objected, Expired] {
            assert!(!purpose("analytics").allows(standing), "{standing:?}");
            assert!(!purpose("email-news").allows(standing), "{standing:?}");
            assert!(purpose("session").allows(standing));
            assert_eq!(purpose("counting").allows(standing), standing != Objected);
        }
        assert!(purpose("analytics").allows(Granted));
        assert_eq!(Standing::after(Decision::Given, Asked::AlertForm), Unconfirmed);
    }
}
