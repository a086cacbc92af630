//! Lists for whoever sends: every address that may be written to about one topic, and every address that must not be at all.
//!
//! A list is true when it is written and grows old at once: whoever sends later asks "may we?" again. Suppressed addresses are
//! kept as keyed hashes only, so that is what the second list holds.

use super::standings::AddressStanding;
use super::subscriber::Subscriber;
use crate::app::may::answer_of;
use crate::app::sites::Site;
use assent_core::decision::Choice;
use assent_core::notice::{Channel, Purpose};
use assent_ledger::{ExportError, ExportFilter, defuse, rfc3339};
use serde::{Deserialize, Serialize};
use std::io::Write;

/// How a list is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// For spreadsheets, with a line of names.
    #[default]
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// One address that may be written to.
#[derive(Debug, Serialize)]
struct Row {
    address: String,
    /// The language it signed up in.
    language: String,
    /// When it was confirmed.
    confirmed: String,
    receipt: String,
    list_unsubscribe: String,
    your_alerts: String,
}

/// One address that must not be.
#[derive(Debug, Serialize)]
struct Suppressed {
    /// HMAC-SHA-256 of the address under the site's key, in hex.
    hash: String,
    since: String,
}

/// Writes every address that may be written to about `alert`, in memory that does not grow with them. Blocks. Answers how many.
///
/// # Errors
/// [`ExportError`]; what was written is not the whole list.
pub fn allowed(
    site: &Site,
    alert: &Purpose,
    form: Form,
    now: u64,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    let mut rows = Rows::new(form, out);
    let filter = ExportFilter { purpose: Some(alert.id.clone()), ..ExportFilter::default() };
    let mut each = |shown: assent_ledger::Shown<'_>| {
        if !shown.record.grants(&alert.id) {
            return Ok(());
        }
        for contact in shown.record.contacts.iter().filter(|contact| Some(contact.channel) == alert.channel) {
            let all = Subscriber::read(site, &contact.hash, now)?;
            let answer = answer_of(site, alert, contact.hash, &AddressStanding::of(site, &all));
            // Whoever confirmed more than once stands where they did last.
            let by_this = answer.receipt.as_deref() == Some(shown.record.id.as_str());
            if answer.may != Choice::Yes || !by_this {
                continue;
            }
            let Some(clear) = all.contact() else { continue };
            let links = answer.message;
            rows.write(&Row {
                address: match (form, clear.channel) {
                    (Form::Csv, Channel::Email) => defuse(clear.address.clone()),
                    // A number begins with its sign, and is one.
                    _ => clear.address.clone(),
                },
                language: shown.record.language.clone(),
                confirmed: shown.record.time.clone(),
                receipt: shown.record.id.clone(),
                list_unsubscribe: links
                    .as_ref()
                    .and_then(|links| links.list_unsubscribe.clone())
                    .unwrap_or_default(),
                your_alerts: links.map(|links| links.your_alerts).unwrap_or_default(),
            })?;
        }
        Ok(())
    };
    site.ledger.export_each(&filter, &mut each, &mut |_| ())?;
    rows.end()
}

/// Writes every suppressed address, as its keyed hash. Blocks. Answers how many.
///
/// # Errors
/// [`ExportError`].
pub fn suppressed(site: &Site, form: Form, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut rows = Rows::new(form, out);
    for (hash, since) in site.ledger.suppressions()? {
        rows.write(&Suppressed { hash: hash.to_hex(), since: rfc3339(since) })?;
    }
    rows.end()
}

enum Rows<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Write>>, u64),
    Ndjson(&'a mut dyn Write, u64),
}

impl<'a> Rows<'a> {
    fn new(form: Form, out: &'a mut dyn Write) -> Self {
        match form {
            Form::Csv => Self::Csv(Box::new(csv::WriterBuilder::new().from_writer(out)), 0),
            Form::Ndjson => Self::Ndjson(out, 0),
        }
    }

    fn write(&mut self, row: &impl Serialize) -> Result<(), ExportError> {
        match self {
            Self::Csv(table, count) => {
                table.serialize(row).map_err(std::io::Error::other)?;
                *count += 1;
            }
            Self::Ndjson(out, count) => {
                serde_json::to_writer(&mut **out, row).map_err(std::io::Error::other)?;
                out.write_all(b"\n")?;
                *count += 1;
            }
        }
        Ok(())
    }

    fn end(self) -> Result<u64, ExportError> {
        match self {
            Self::Csv(mut table, count) => {
                table.flush()?;
                Ok(count)
            }
            Self::Ndjson(_, count) => Ok(count),
        }
    }
}
