//! `assent people`: erase, restrict, hold, through the running server or straight in the store.
//!
//! An address may be given as `-`: it is then read from standard input, so that it stands in no shell history.

use super::opened::Opened;
use crate::app::people;
use crate::config::Loaded;
use anyhow::Context as _;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use assent_core::wire::{
    EraseReason, EraseRequest, HeldSubject, HoldRequest, HoldsResponse, PeopleResponse, RestrictRequest,
    Whose, WhoseRequest,
};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Erase: the records can never be opened again. Entries in the log, proofs and other people's receipts stay as they were.
    /// Exit code 1: nobody was found (the address is suppressed all the same), or somebody is held and stays.
    Erase {
        #[command(flatten)]
        whose: Who,
        /// asked: the person asked. controller: the organisation's own reason.
        #[arg(long, value_enum, default_value = "asked")]
        reason: Reason,
        /// Do not suppress their addresses: they may be written to again if they sign up anew.
        #[arg(long)]
        no_suppress: bool,
    },
    /// Freeze (UK GDPR Art 18): nobody looks at the records until they are released.
    Restrict {
        #[command(flatten)]
        whose: Who,
        /// A code or reference; no personal data.
        #[arg(long)]
        reason: String,
    },
    /// End a restriction.
    Release {
        #[command(flatten)]
        whose: Who,
    },
    /// Keep from erasure and purge.
    Hold {
        #[command(flatten)]
        whose: Who,
        /// A code or reference; no personal data.
        #[arg(long)]
        reason: String,
        /// Day on which somebody looks at it again, as 2027-03-01.
        #[arg(long)]
        review: String,
    },
    /// End a hold.
    LetGo {
        #[command(flatten)]
        whose: Who,
    },
    /// List whose records are held, why, and when somebody looks at it again. Exit code 1: for some that day is over.
    Holds {
        /// The site.
        #[arg(long)]
        site: String,
    },
}

#[derive(Debug, clap::Args)]
struct Who {
    /// The site.
    #[arg(long)]
    site: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct By {
    /// A subject's id, as it stands in receipts and exports.
    #[arg(long)]
    subject: Option<String>,
    /// Whose receipt this is, by its id.
    #[arg(long)]
    receipt: Option<String>,
    /// Everybody who named this email address; `-` reads it from standard input.
    #[arg(long)]
    email: Option<String>,
    /// Everybody who named this number; `-` reads it from standard input.
    #[arg(long)]
    phone: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Reason {
    Asked,
    Controller,
}

impl Who {
    fn whose(&self) -> anyhow::Result<Whose> {
        let By { subject, receipt, email, phone } = &self.by;
        whose(subject.as_deref(), receipt.as_deref(), email.as_deref(), phone.as_deref())?
            .context("say whose: --subject, --receipt, --email or --phone")
    }
}

/// Who is meant by the first that was given; an address may be `-` for standard input.
pub(super) fn whose(
    subject: Option<&str>,
    receipt: Option<&str>,
    email: Option<&str>,
    phone: Option<&str>,
) -> anyhow::Result<Option<Whose>> {
    let contact = |channel, text: &str| -> anyhow::Result<Option<Whose>> {
        let mut address = text.to_string();
        if text == "-" {
            address.clear();
            std::io::stdin().read_line(&mut address).context("cannot read standard input")?;
        }
        Ok(Some(Whose::Contact { channel, address: address.trim().to_string() }))
    };
    match (subject, receipt, email, phone) {
        (Some(id), ..) => Ok(Some(Whose::Subject(SubjectId::parse(id)?))),
        (_, Some(id), ..) => Ok(Some(Whose::Receipt(id.to_string()))),
        (_, _, Some(address), _) => contact(Channel::Email, address),
        (.., Some(number)) => contact(Channel::Text, number),
        (None, None, None, None) => Ok(None),
    }
}

/// Tells everybody who is held; answers whether no review is late.
fn holds(site: &str, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let HoldsResponse { held } = match Opened::of(loaded)? {
        Opened::Here(here) => here.run(site, people::holds)??,
        Opened::There(server) => serde_json::from_reader(server.get(&format!("/v1/{site}/people/holds"))?)?,
    };
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let mut late = false;
    for HeldSubject { subject, reason, review } in &held {
        let is_late = *review < today;
        late |= is_late;
        let over = if is_late { " (over)" } else { "" };
        super::data(&format!("{subject} is held ({reason}), to be looked at again on {review}{over}\n"))?;
    }
    super::data(&format!("{} held\n", held.len()))?;
    Ok(ExitCode::from(u8::from(late)))
}

pub(super) fn run(arguments: Arguments, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let at = |who: &Who, verb: &str| format!("/v1/{}/people/{verb}", who.site);
    let done = match arguments.command {
        Command::Erase { whose: who, reason, no_suppress } => {
            let reason = match reason {
                Reason::Asked => EraseReason::Asked,
                Reason::Controller => EraseReason::Controller,
            };
            let request = EraseRequest { whose: who.whose()?, reason, suppress: !no_suppress };
            match Opened::of(loaded)? {
                Opened::Here(here) => here.run(&who.site, |site| people::erase(site, request))??,
                Opened::There(server) => server.post(&at(&who, "erase"), &request)?,
            }
        }
        Command::Restrict { whose: who, reason } => {
            let request = RestrictRequest { whose: who.whose()?, reason };
            match Opened::of(loaded)? {
                Opened::Here(here) => here.run(&who.site, |site| people::restrict(site, request))??,
                Opened::There(server) => server.post(&at(&who, "restrict"), &request)?,
            }
        }
        Command::Release { whose: who } => {
            let request = WhoseRequest { whose: who.whose()? };
            match Opened::of(loaded)? {
                Opened::Here(here) => here.run(&who.site, |site| people::release(site, request.whose))??,
                Opened::There(server) => server.post(&at(&who, "release"), &request)?,
            }
        }
        Command::Hold { whose: who, reason, review } => {
            let request = HoldRequest { whose: who.whose()?, reason, review };
            match Opened::of(loaded)? {
                Opened::Here(here) => here.run(&who.site, |site| people::hold(site, request))??,
                Opened::There(server) => server.post(&at(&who, "hold"), &request)?,
            }
        }
        Command::LetGo { whose: who } => {
            let request = WhoseRequest { whose: who.whose()? };
            match Opened::of(loaded)? {
                Opened::Here(here) => here.run(&who.site, |site| people::let_go(site, request.whose))??,
                Opened::There(server) => server.post(&at(&who, "let-go"), &request)?,
            }
        }
        Command::Holds { site } => return holds(&site, loaded),
    };
    let PeopleResponse { subjects, records, held } = done;
    super::data(&format!("{} subject(s), {records} record(s)\n", subjects.len()))?;
    for HeldSubject { subject, reason, review } in &held {
        super::data(&format!(
            "not erased: {subject} is held ({reason}), to be looked at again on {review}\n"
        ))?;
    }
    Ok(ExitCode::from(u8::from(subjects.is_empty() || !held.is_empty())))
}
