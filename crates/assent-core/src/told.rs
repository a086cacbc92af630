//! What somebody said away from any page, as staff wrote it down: by telephone, on paper, in person, or in another system.
//!
//! It stands in the record, so that the receipt shows it. Whether it counts at once is decided here: only with evidence that
//! somebody else can look at. Where the words of a script are kept, and whether the evidence is any good, is the controller's to know.

use crate::decision::Act;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Longest text in a [`Told`], in characters.
pub const TOLD_MAX: usize = 200;

/// How it was said, which words were read out, who wrote it down, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// How it was said.
    pub by: Telling,
    /// The details came from the person themselves, and not by way of others. Soft opt-in needs it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub directly: bool,
    /// What shows that it was said. Without it a yes waits until the person confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// It came in with a list: the list's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The person could refuse when the details were collected. Soft opt-in needs it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub opt_out_offered: bool,
    /// By telephone: whether the person was told of a recording, or there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// Which version of the script or form the person had before them, as the controller names it.
    pub script: String,
    /// Who wrote it down: a name or number that the controller knows.
    pub staff: String,
    /// Staff talked with somebody young, or with who looks after them, so that they understand what they agreed to.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub talked: bool,
}

/// How something was said away from any page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Telling {
    /// By telephone.
    Phone,
    /// On paper.
    Paper,
    /// In person.
    InPerson,
    /// On a form or in a system of the controller's that is not Assent.
    Elsewhere,
}

impl Telling {
    /// Every way, in the order they are documented.
    pub const ALL: [Self; 4] = [Self::Phone, Self::Paper, Self::InPerson, Self::Elsewhere];

    /// The word in records, bodies and lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Paper => "paper",
            Self::InPerson => "in-person",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// The act of a record of it.
    #[must_use]
    pub fn act(self) -> Act {
        match self {
            Self::Phone => Act::Phone,
            Self::Paper => Act::Paper,
            Self::InPerson => Act::Staff,
            Self::Elsewhere => Act::Api,
        }
    }
}

/// Whether a call was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recording {
    /// It was, and the person was told so at its start.
    Told,
    /// It was not.
    NotRecorded,
}

/// Something that shows what was said, and where the controller keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// Where it is kept: a file number or the like. No personal data.
    pub reference: String,
}

/// What can show that something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// Paper with the person's signature.
    SignedForm,
    /// A recording that the person was told of.
    Recording,
    /// What another system wrote down when the person pressed there.
    SystemRecord,
}

impl EvidenceKind {
    /// Every kind, in the order they are documented.
    pub const ALL: [Self; 3] = [Self::SignedForm, Self::Recording, Self::SystemRecord];

    /// The word in records, bodies and lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedForm => "signed-form",
            Self::Recording => "recording",
            Self::SystemRecord => "system-record",
        }
    }
}

/// What keeps a [`Told`] from being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToldError {
    /// The script is missing or too long.
    #[error("`script` must say which words were read, in 1 to {TOLD_MAX} characters on one line")]
    Script,
    /// The person who wrote it down is missing or too long.
    #[error("`staff` must say who wrote it down, in 1 to {TOLD_MAX} characters on one line")]
    Staff,
    /// A call about which nobody said whether it was recorded.
    #[error("say whether the person was told of a recording (`told`) or there was none (`not-recorded`)")]
    RecordingUnanswered,
    /// Evidence without a place, or a recording that was made unsaid.
    #[error("`evidence` must say where it is kept, and can be a recording only where `recording` is `told`")]
    Evidence,
}

impl Told {
    /// Whether a yes told like this counts at once. Otherwise it waits for the person to confirm it: staff can mishear, and anybody
    /// can say an address that is not theirs.
    #[must_use]
    pub fn settles(&self) -> bool {
        self.evidence.is_some()
    }

    /// Checks what can be checked without the notice.
    ///
    /// # Errors
    /// The first [`ToldError`].
    pub fn check(&self) -> Result<(), ToldError> {
        let named = |text: &str| {
            text.chars().any(char::is_alphanumeric)
                && text.chars().count() <= TOLD_MAX
                && !text.chars().any(char::is_control)
        };
        if !named(&self.script) {
            return Err(ToldError::Script);
        }
        if !named(&self.staff) {
            return Err(ToldError::Staff);
        }
        if self.by == Telling::Phone && self.recording.is_none() {
            return Err(ToldError::RecordingUnanswered);
        }
        let recorded = self.recording == Some(Recording::Told);
        match &self.evidence {
            Some(evidence) if !named(&evidence.reference) => Err(ToldError::Evidence),
            Some(Evidence { kind: EvidenceKind::Recording, .. }) if !recorded => Err(ToldError::Evidence),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        Told {
            by: Telling::Phone,
            script: "Alerts by phone, 3".into(),
            staff: "M. Rees".into(),
            recording: Some(Recording::Told),
            evidence: Some(Evidence { kind: EvidenceKind::Recording, reference: "call 2026/118".into() }),
            directly: true,
            opt_out_offered: true,
            talked: false,
            list: None,
        }
    }

    #[test]
    fn only_evidence_settles_and_each_fault_has_its_name() {
        assert_eq!(told().check(), Ok(()));
        assert!(told().settles());
        assert!(!Told { evidence: None, ..told() }.settles());
        let long = "x".repeat(TOLD_MAX + 1);
        for (told, error) in [
            (Told { script: " ".into(), ..told() }, ToldError::Script),
            (Told { script: long.clone(), ..told() }, ToldError::Script),
            (Told { staff: String::new(), ..told() }, ToldError::Staff),
            (Told { staff: "M.\nRees".into(), ..told() }, ToldError::Staff),
            (Told { recording: None, evidence: None, ..told() }, ToldError::RecordingUnanswered),
            (Told { recording: Some(Recording::NotRecorded), ..told() }, ToldError::Evidence),
            (
                Told {
                    evidence: Some(Evidence { kind: EvidenceKind::SignedForm, reference: "?".into() }),
                    ..told()
                },
                ToldError::Evidence,
            ),
        ] {
            assert_eq!(told.check(), Err(error));
        }
        let paper = Told { by: Telling::Paper, recording: None, evidence: None, ..told() };
        assert_eq!(paper.check(), Ok(()));
    }
}
