//! Recording what somebody said through a message, or what ended by itself: worked out against all they said before, and again if that moved meanwhile.

use crate::app::record::{RecordError, TRIES};
use crate::app::sites::Site;
use assent_core::age::AgeBand;
use assent_core::decision::{Act, Decision};
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::record::{Signals, Surface};
use assent_core::retention::RetentionClass;
use assent_core::subject::SubjectId;
use assent_core::told::Told;
use assent_ledger::{AppendError, Appended, Contact, Draft, Opened, rfc3339};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is said, of which words.
#[derive(Debug, Clone)]
pub(super) struct Saying {
    /// The notice whose words it is about.
    pub(super) notice: Hash,
    /// The language they were read in.
    pub(super) language: String,
    /// Purpose by purpose.
    pub(super) decisions: BTreeMap<PurposeId, Decision>,
    /// The address it is about, when it is known in clear.
    pub(super) contact: Option<Contact>,
    /// How old the person said they are, where it belongs to a yes.
    pub(super) age: Option<AgeBand>,
    /// What staff wrote down about it, and when it was said (Unix milliseconds).
    pub(super) told: Option<(Told, u64)>,
}

impl Saying {
    /// What a person says through a message, or what ended by itself.
    pub(super) fn new(notice: Hash, language: String, decisions: BTreeMap<PurposeId, Decision>) -> Self {
        Self { notice, language, decisions, contact: None, age: None, told: None }
    }

    /// The same about an address.
    pub(super) fn about(self, contact: Option<Contact>) -> Self {
        Self { contact, ..self }
    }
}

/// Records what `saying` makes of the subject's history, or nothing where it makes nothing of it.
pub(super) async fn say(
    site: &Arc<Site>,
    subject: SubjectId,
    act: Act,
    now: u64,
    saying: impl Fn(&Site, &[Opened]) -> Option<Saying> + Send + Sync + 'static,
) -> Result<Option<Appended>, RecordError> {
    let saying = Arc::new(saying);
    let mut tries = 0;
    loop {
        let (reader, saying) = (Arc::clone(site), Arc::clone(&saying));
        let work = move || -> Result<Option<Draft>, RecordError> {
            // Read before the history: what comes in between is then noticed.
            let expect_previous = reader.ledger.newest(&subject)?;
            let history = reader.ledger.history(&subject)?;
            let Some(said) = saying(&reader, &history) else { return Ok(None) };
            let Saying { notice, language, mut decisions, contact, age, told } = said;
            if expect_previous.is_none() && told.is_none() {
                // Whatever they had is gone: there is nothing of theirs to take back.
                let taken_back = decisions.values_mut().filter(|decision| **decision == Decision::Withdrawn);
                taken_back.for_each(|decision| *decision = Decision::Refused);
            }
            let surface = match &told {
                Some(_) => Surface::Told,
                None if act == Act::Expiry => Surface::Server,
                None => Surface::Message,
            };
            let (told, acted) = told.map(|(told, said)| (told, rfc3339(said))).unzip();
            if decisions.is_empty() {
                return Ok(None);
            }
            // That something ended by itself is no use of it, and is kept no longer than what ended.
            let last_use = history.iter().rev().find(|opened| opened.record.act != Act::Expiry);
            let since = last_use.filter(|_| act == Act::Expiry).map_or(now, |opened| opened.time);
            Ok(Some(Draft {
                subject,
                acted,
                notice,
                language,
                act,
                surface,
                origin: None,
                decisions,
                signals: Signals::default(),
                age,
                told,
                // A record with an address is kept as long as one, also where the address itself cannot be read now.
                retain_until: reader.file.retention_rules().due(RetentionClass::of(1), since),
                contacts: contact.into_iter().collect(),
                expect_previous,
                idempotency: None,
            }))
        };
        let draft = crate::app::blocking(work).await.map_err(RecordError::Stopped)??;
        let Some(draft) = draft else { return Ok(None) };
        match site.ledger.append(draft).await {
            Err(AppendError::SubjectMoved { .. }) if tries < TRIES => tries += 1,
            other => return Ok(Some(other?)),
        }
    }
}
