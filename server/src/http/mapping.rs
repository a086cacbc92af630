//! Which application error becomes which problem.

use super::error::{Code, Problem};
use crate::app::alerts::renewal::LookError;
use crate::app::alerts::rows::RowsError;
use crate::app::alerts::sign_up::{SignUpError, Wrong};
use crate::app::alerts::talk::TalkError;
use crate::app::alerts::told::TellError;
use crate::app::export::BadFilter;
use crate::app::may::MayError;
use crate::app::people::PeopleError;
use crate::app::record::RecordError;
use crate::app::sites::ApplyError;
use crate::app::webhooks::staff::RedeliverError;
use assent_core::age::AgeError;
use assent_core::decision::ChoiceError;
use assent_core::notice::Channel;
use assent_ledger::{AppendError, ErasureError, ExportError, ReadError};

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::UnknownNotice => Code::UnknownNotice.into(),
            RecordError::StaleNotice => Code::StaleNotice.into(),
            RecordError::UnknownLanguage => Code::UnknownLanguage.into(),
            RecordError::AskedElsewhere(_) => Self::with(Code::UnknownPurpose, error.to_string()),
            RecordError::Age(error) => error.into(),
            RecordError::BadTime => Code::BadTime.into(),
            RecordError::TooMany => Code::TooManyDecisions.into(),
            RecordError::TooManyQuestions => Code::TooManyQuestions.into(),
            RecordError::Choices(error) => error.into(),
            RecordError::Append(error) => error.into(),
            RecordError::Read(error) => error.into(),
            RecordError::Stopped(cause) => Self::internal(cause),
        }
    }
}

impl From<TellError> for Problem {
    fn from(error: TellError) -> Self {
        let refusal = match error {
            TellError::Refused(refusal) => refusal,
            TellError::Record(error) => return error.into(),
        };
        let known = Code::ALL.iter().find(|code| code.as_str() == refusal.code());
        // What only a list's rows can be refused for never comes here.
        Self::with(known.copied().unwrap_or(Code::BadBody), refusal.to_string())
    }
}

impl From<AgeError> for Problem {
    fn from(error: AgeError) -> Self {
        match error {
            AgeError::Missing => Code::AgeMissing,
            AgeError::NotAsked => Code::BadAge,
            AgeError::TooYoung => Code::TooYoung,
        }
        .into()
    }
}

impl From<TalkError> for Problem {
    fn from(error: TalkError) -> Self {
        match error {
            TalkError::NobodyWaits => Self::with(Code::NotFound, error.to_string()),
            TalkError::Refused(refusal) => TellError::Refused(refusal).into(),
            TalkError::Record(error) => error.into(),
        }
    }
}

impl From<RowsError> for Problem {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Record(error) => error.into(),
            other => Self::with(Code::BadBody, other.to_string()),
        }
    }
}

impl From<ChoiceError> for Problem {
    fn from(error: ChoiceError) -> Self {
        let code = match &error {
            ChoiceError::UnknownPurpose { .. } => Code::UnknownPurpose,
            ChoiceError::NotAChoice { .. } => Code::NotAChoice,
            ChoiceError::Empty => Code::NoChoices,
            ChoiceError::ActDiffers { .. } => Code::ActDiffers,
            ChoiceError::ActNotVisitors { .. } => Code::ActNotVisitors,
            _ => Code::BadBody,
        };
        // These name acts and purposes, which are ids with a strict form, and nothing else that was sent.
        Self::with(code, error.to_string())
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Busy | AppendError::SubjectMoved { .. } => Code::Busy.into(),
            AppendError::KeyReused => Code::IdempotencyKeyReused.into(),
            AppendError::Restricted => Code::Restricted.into(),
            AppendError::Gone => Code::RecordGone.into(),
            AppendError::TakenOver => Code::TakenOver.into(),
            AppendError::Unavailable | AppendError::OutcomeUnknown => {
                Self { code: Code::LedgerStopped, detail: Some(error.to_string()), cause: Some(error.into()) }
            }
            other => Self::internal(other),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Restricted { .. } => Code::Restricted.into(),
            other => Self::internal(other),
        }
    }
}

impl From<ErasureError> for Problem {
    fn from(error: ErasureError) -> Self {
        match error {
            // A hold's reason is a code, not a person's.
            ErasureError::Held(_) => Self::with(Code::Held, error.to_string()),
            ErasureError::Append(error) => error.into(),
            ErasureError::Read(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<LookError> for Problem {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Read(ExportError::Read(error)) => error.into(),
            LookError::Record(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::Address(address) if address.0 == Channel::Email => Code::BadEmail.into(),
            PeopleError::Address(_) => Code::BadPhone.into(),
            PeopleError::Reason | PeopleError::Review | PeopleError::ReviewPast => {
                Self::with(Code::BadBody, error.to_string())
            }
            PeopleError::Unknown(_) | PeopleError::UnknownReceipt(_) => Code::UnknownSubject.into(),
            PeopleError::Erasure(error) => error.into(),
            PeopleError::Read(error) => error.into(),
            PeopleError::Stopped(cause) => Self::internal(cause),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Record(error) => error.into(),
            SignUpError::Form(wrong) => match wrong.first() {
                None | Some(Wrong::NothingWanted) => Code::NoChoices.into(),
                Some(Wrong::NotAnAlert(id)) => {
                    Self::with(Code::UnknownPurpose, format!("`{id}` is no alert here."))
                }
                Some(Wrong::Missing(channel)) => {
                    Self::with(Code::ContactMissing, format!("An alert by {} is wanted.", channel.as_str()))
                }
                Some(Wrong::Malformed(Channel::Email)) => Code::BadEmail.into(),
                Some(Wrong::Malformed(Channel::Text)) => Code::BadPhone.into(),
                Some(Wrong::Age(error)) => (*error).into(),
                Some(Wrong::Elsewhere) => Code::PhoneElsewhere.into(),
            },
        }
    }
}

impl From<BadFilter> for Problem {
    fn from(error: BadFilter) -> Self {
        match error {
            BadFilter::Read(error) => error.into(),
            // These name keys and a purpose, which is an id with a strict form.
            other => Self::with(Code::BadQuery, other.to_string()),
        }
    }
}

impl From<MayError> for Problem {
    fn from(error: MayError) -> Self {
        match error {
            MayError::Address(address) if address.0 == Channel::Email => Code::BadEmail.into(),
            MayError::Address(_) => Code::BadPhone.into(),
            MayError::TooMany => Self::with(Code::BadBody, error.to_string()),
            MayError::Read(error) => error.into(),
        }
    }
}

impl From<RedeliverError> for Problem {
    fn from(error: RedeliverError) -> Self {
        match error {
            RedeliverError::Unknown => Self::with(Code::NotFound, error.to_string()),
            RedeliverError::What => Self::with(Code::BadBody, error.to_string()),
            RedeliverError::Time => Self::with(Code::BadTime, error.to_string()),
            RedeliverError::Record(error) => error.into(),
        }
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Shape(_)
            | ApplyError::File(_)
            | ApplyError::OtherSite { .. }
            | ApplyError::Sender { .. }
            | ApplyError::Template { .. }
            | ApplyError::Moved(_)
            | ApplyError::RouteChanged { .. }
            | ApplyError::SharesCookies { .. }
            | ApplyError::HandsOver(_) => Self::with(Code::BadSiteFile, error.to_string()),
            ApplyError::Unfair(findings) => {
                Self::with(Code::NoticeRefused, crate::app::sites::findings(&findings))
            }
            ApplyError::NoLog(_) => Self::with(Code::NoLog, error.to_string()),
            ApplyError::LogExists(_) => Self::with(Code::LogExists, error.to_string()),
            ApplyError::Publish(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(error)
    }
}
