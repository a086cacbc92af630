//! Makes a data directory with a log of so many receipts, in this process: the same records, by the same ledger and store, that as
//! many visitors would have made over HTTP. Of visitors the first half is from five years ago, so that its time is over and a purge takes it.

use std::collections::VecDeque;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use assent_core::decision::{Act, Decision};
use assent_core::hash::{base64_encode, sha256};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel};
use assent_core::record::{Signals, Surface};
use assent_core::retention::RetentionClass;
use assent_core::site::SiteFile;
use assent_core::subject::SubjectToken;
use assent_ledger::testing::block_on;
use assent_ledger::{
    Appended, Clock, Contact, Draft, Idempotency, Ledger, LogConfig, OperatorKey, Outside, Store,
    SystemClock, SystemRandom,
};
use assent_store_sled::SledStore;

const FIVE_YEARS_MS: u64 = 5 * 365 * 24 * 60 * 60 * 1000;
/// Decisions that wait at any time.
const WAITING: usize = 1024;
/// Receipts that are remembered, evenly spread, to be asked for later.
const SAMPLE: u64 = 4096;
/// The operator's key of every log here.
const KEY: [u8; 32] = [42; 32];

/// What is known of a log that was filled.
#[derive(Debug)]
pub(crate) struct Filled {
    /// Mean bytes of a sealed row's content.
    pub(crate) sealed: f64,
    /// Mean bytes of a record.
    pub(crate) record: usize,
    /// Some receipts' ids and their holders.
    pub(crate) receipts: Vec<(String, SubjectToken)>,
}

/// A clock that is late.
struct Late(u64);

impl Clock for Late {
    fn now(&self) -> u64 {
        SystemClock.now() - self.0
    }
}

/// Fills `folder/data` and writes `folder/assent.key`.
///
/// # Errors
/// When anything cannot be written.
pub(crate) fn fill(folder: &Path, text: &str, site: &SiteFile, receipts: u64) -> Result<Filled> {
    let Begun { store, config, operator, ledger } = begin(folder, text, site, FIVE_YEARS_MS)?;
    let mut visitors = Visitors::new(site, receipts)?;
    visitors.decide(&ledger, FIVE_YEARS_MS, 0..receipts / 2)?;
    drop(ledger);
    let ledger = Ledger::open(config, Arc::clone(&store), &operator, outside(0))?;
    visitors.decide(&ledger, 0, receipts / 2..receipts)?;

    let (mut sealed, mut rows) = (0, 0);
    for index in (0..receipts).step_by(step(receipts)) {
        let row = store.row(&site.id, index)?;
        let length = row.as_ref().and_then(|row| row.record()).map(|record| record.sealed.len());
        sealed += length.unwrap_or(0);
        rows += usize::from(length.is_some());
    }
    let record = visitors.record / visitors.receipts.len().max(1);
    Ok(Filled { sealed: sealed as f64 / rows.max(1) as f64, record, receipts: visitors.receipts })
}

/// Fills `folder/data` with so many people who signed up for one alert by email and confirmed it, each with an address of
/// [`address`].
///
/// # Errors
/// When anything cannot be written.
pub(crate) fn subscribers(
    folder: &Path,
    text: &str,
    site: &SiteFile,
    (alert, people): (&PurposeId, u64),
) -> Result<()> {
    let Begun { ledger, .. } = begin(folder, text, site, 0)?;
    let kept = site.retention_rules().due(RetentionClass::of(1), SystemClock.now());
    let draft = Draft { act: Act::Save, surface: Surface::AlertForm, retain_until: kept, ..draft(site)? };
    let say = |draft: &Draft, decision: Decision| {
        ledger.append(Draft { decisions: [(alert.clone(), decision)].into(), ..draft.clone() })
    };
    // Who asked is confirmed once that is recorded.
    let (mut asked, mut confirmed) = (VecDeque::new(), VecDeque::new());
    for number in 0..people + 2 * WAITING as u64 {
        crate::stop::check()?;
        if number < people {
            let mut random = [1; 16];
            random[..8].copy_from_slice(&number.to_be_bytes());
            let subject = SubjectToken::from_random(random).id();
            let contact = Contact { channel: Channel::Email, address: address(number) };
            let draft = Draft { subject, contacts: vec![contact], ..draft.clone() };
            let answer = say(&draft, Decision::Given);
            asked.push_back((draft, answer));
        }
        let is_over = number >= people;
        if (asked.len() > WAITING || is_over)
            && let Some((draft, answer)) = asked.pop_front()
        {
            let expect_previous = Some(block_on(answer)?.id);
            confirmed.push_back(say(&Draft { expect_previous, ..draft }, Decision::Confirmed));
        }
        if (confirmed.len() > WAITING || is_over)
            && let Some(answer) = confirmed.pop_front()
        {
            block_on(answer)?;
        }
    }
    Ok(())
}

/// The address of a subscriber.
pub(crate) fn address(number: u64) -> String {
    format!("person-{number:07}@example.org")
}

struct Begun {
    store: Arc<dyn Store>,
    config: LogConfig,
    operator: OperatorKey,
    ledger: Ledger,
}

/// A log that begins `late` milliseconds ago, with its notice.
fn begin(folder: &Path, text: &str, site: &SiteFile, late: u64) -> Result<Begun> {
    let data = folder.join("data");
    let kept = data.join("sites").join(site.id.as_str());
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    fs::write(kept.join("site.toml"), text)?;
    let mut key =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("assent.key"))?;
    key.write_all(base64_encode(&KEY).as_bytes())?;

    let store: Arc<dyn Store> = Arc::new(SledStore::open(&data.join("store"))?);
    let config = LogConfig {
        site: site.id.clone(),
        origin: site.log_origin(),
        keys: data.join("keys").join(site.id.as_str()),
        checkpoint: data.join("checkpoints").join(site.id.as_str()),
        queue: LogConfig::DEFAULT_QUEUE,
        accept_clock: false,
    };
    let operator = OperatorKey::from_bytes(KEY);
    let ledger = Ledger::create(config.clone(), Arc::clone(&store), &operator, outside(late))?;
    block_on(ledger.publish_notice(site.notice()?.document()))?;
    block_on(ledger.publish_change(site.retention_rules().document()))?;
    Ok(Begun { store, config, operator, ledger })
}

/// A clock that is so many milliseconds late, and real randomness.
fn outside(late: u64) -> Outside {
    Outside { clock: Box::new(Late(late)), random: Box::new(SystemRandom) }
}

/// Somebody who accepts everything on the banner.
fn draft(site: &SiteFile) -> Result<Draft> {
    let notice = site.notice()?;
    let purposes = notice.asked_at(Asked::Banner).filter(|purpose| purpose.is_choice());
    Ok(Draft {
        subject: SubjectToken::from_random([0; 16]).id(),
        acted: Some("2026-01-01T00:00:00.000Z".into()),
        notice: notice.hash(),
        language: site.default_language.clone(),
        act: Act::AcceptAll,
        surface: Surface::FirstLayer,
        origin: site.origins.first().cloned(),
        decisions: purposes.map(|purpose| (purpose.id.clone(), Decision::Given)).collect(),
        signals: Signals::default(),
        age: None,
        told: None,
        contacts: Vec::new(),
        retain_until: 0,
        expect_previous: None,
        idempotency: None,
    })
}

fn step(receipts: u64) -> usize {
    (receipts / SAMPLE).max(1) as usize
}

/// Everybody new, and saying yes.
struct Visitors<'a> {
    site: &'a SiteFile,
    draft: Draft,
    step: u64,
    record: usize,
    receipts: Vec<(String, SubjectToken)>,
}

impl<'a> Visitors<'a> {
    fn new(site: &'a SiteFile, receipts: u64) -> Result<Self> {
        let (draft, step) = (draft(site)?, step(receipts) as u64);
        Ok(Self { site, draft, step, record: 0, receipts: Vec::new() })
    }

    fn decide(&mut self, ledger: &Ledger, late: u64, numbers: std::ops::Range<u64>) -> Result<()> {
        let retain_until =
            self.site.retention_rules().due(RetentionClass::Anonymous, SystemClock.now() - late);
        let mut waiting = VecDeque::new();
        for number in numbers {
            crate::stop::check()?;
            if number.is_multiple_of(1_000_000) && number > 0 {
                crate::say(format_args!("{} receipts", crate::table::count(number)));
            }
            let mut random = [0; 16];
            random[..8].copy_from_slice(&number.to_be_bytes());
            let token = SubjectToken::from_random(random);
            let subject = token.id();
            let request = sha256(&random);
            let idempotency = Some(Idempotency { key: format!("{subject}/{number}"), request });
            let draft = Draft { subject, retain_until, idempotency, ..self.draft.clone() };
            waiting.push_back((number, token, ledger.append(draft)));
            if waiting.len() == WAITING {
                self.hear(waiting.pop_front())?;
            }
        }
        while !waiting.is_empty() {
            self.hear(waiting.pop_front())?;
        }
        Ok(())
    }

    fn hear<F>(&mut self, first: Option<(u64, SubjectToken, F)>) -> Result<()>
    where
        F: Future<Output = Result<Appended, assent_ledger::AppendError>>,
    {
        let Some((number, token, answer)) = first else { return Ok(()) };
        let appended = block_on(answer)?;
        if number.is_multiple_of(self.step) {
            self.record += appended.receipt.unverified_record().len();
            self.receipts.push((appended.id.to_string(), token));
        }
        Ok(())
    }
}
