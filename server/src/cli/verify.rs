//! `assent verify`: checks a receipt, an export, an audit bundle, a copied log or a data directory offline and says in plain
//! words what it found.
//!
//! Exit codes: 0 everything holds; 1 something does not, and it says where; 2 what was named (or the key's file) cannot be
//! read, or not by this release or with this operator's key, or it is none of these. In JSON `holds` is then true, false or null.

mod bundle;
mod data;
mod log;

use super::opened::bar;
use anyhow::{Context as _, bail};
use assent_core::checkpoint::SignedCheckpoint;
use assent_core::export_format::{ExportFault, ExportSummary, ExportVerifier, Line, MAX_LINE_BYTES};
use assent_core::note::VerifierKey;
use assent_core::policy::{Assessment, Policy, Quorum};
use assent_core::receipt::{KeyTrust, RECEIPT_FORMAT, Receipt};
use assent_core::record::Record;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest receipt that is read, in bytes.
const RECEIPT_MAX: u64 = 8 << 20;
/// Bytes that are read at once: what a pipe holds, or more.
const READ_AT_ONCE: usize = 256 << 10;
/// What some editors write in front of a text they save as UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A receipt (JSON), an export (NDJSON), an audit bundle (zip), a folder with a copy of a log's public files, or a data directory
    /// that no server is using (it is copied to the folder for temporary files, and not changed).
    file: PathBuf,
    /// The log's key, or a file with it, from the site's log page. Without it: checked against the key the file
    /// brings along, which shows that nothing changed since signing, but not who signed.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// For a data directory: the file with the operator's key (ledger.key_file). Without it records stay sealed, and all else is
    /// checked.
    #[arg(long, value_name = "FILE")]
    operator_key: Option<PathBuf>,
    /// File in tlog-policy format: which witnesses must have cosigned the checkpoint of a receipt, an export, a bundle or a copied
    /// log. It names the log's key, too.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

/// What was found.
struct Verdict {
    holds: bool,
    /// For people, one line each.
    lines: Vec<String>,
    /// For programs.
    json: Value,
    /// The signed checkpoint that it holds against, where there is one: the one with lines of witnesses, if it brings such a one.
    checkpoint: Option<String>,
}

impl Verdict {
    /// Judges the cosignatures, too.
    fn under(mut self, policy: &Policy) -> anyhow::Result<Self> {
        if !self.holds {
            return Ok(self);
        }
        let note = self.checkpoint.as_deref().unwrap_or_default();
        let kind = self.json["kind"].as_str().unwrap_or_default().to_string();
        let assessed = policy.open(note).map_err(anyhow::Error::from);
        let assessed = assessed.and_then(|signed| Ok((policy.assess(&signed)?, signed)));
        let (Assessment { quorum, cosigned_by }, signed) = match assessed {
            Ok(assessed) => assessed,
            Err(error) => {
                let sentence = format!("its checkpoint is not as the policy wants it: {error:#}");
                return Ok(bad(&kind, "checkpoint-not-trusted", &sentence, None, None));
            }
        };
        if quorum == Quorum::Missing {
            let sentence = "too few of the policy's witnesses cosigned its checkpoint";
            return Ok(bad(&kind, "quorum-missing", sentence, None, None));
        }
        let names: Vec<&str> = cosigned_by.iter().map(|by| by.witness.as_str()).collect();
        let names =
            if names.is_empty() { "nobody, and the policy needs nobody".into() } else { names.join(", ") };
        let size = signed.checkpoint().size;
        self.lines.push(format!(
            "Its checkpoint of {size} entries is signed with a key that the policy names, and cosigned by {names}."
        ));
        if self.json["end"].as_u64().is_some_and(|end| end > size) {
            self.lines.push(format!("Entries from {size} on came later: it says nothing of them."));
        }
        self.json["cosigned_size"] = size.into();
        let by = cosigned_by.iter().map(|by| json!({ "witness": by.witness, "time": by.time }));
        self.json["cosigned_by"] = by.collect();
        Ok(self)
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let verdict = match judge(arguments) {
        Ok(verdict) => verdict,
        Err(error) => {
            super::note(format_args!("assent verify: {error:#}"));
            if arguments.json {
                let json = json!({ "holds": null, "code": "not-judged", "message": format!("{error:#}") });
                super::data(&format!("{json}\n"))?;
            }
            return Ok(ExitCode::from(2));
        }
    };
    if arguments.json {
        super::data(&format!("{}\n", verdict.json))?;
    } else {
        super::data(&(verdict.lines.iter().map(|line| plain(line) + "\n").collect::<String>()))?;
    }
    Ok(ExitCode::from(u8::from(!verdict.holds)))
}

fn judge(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let key = arguments.key.as_deref().map(key).transpose()?;
    let Some(path) = &arguments.policy else { return judge_file(arguments, key) };
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let policy = Policy::parse_bytes(&text).with_context(|| format!("{} is not a policy", path.display()))?;
    if data::is_one(&arguments.file) && !log::is_one(&arguments.file) {
        bail!("--policy: a data directory has no one checkpoint to judge; judge a copy of each log")
    }
    // Where it names one log, its key is the one to trust.
    let key = match policy.logs() {
        [log] => key.or_else(|| Some(log.key.clone())),
        _ => key,
    };
    judge_file(arguments, key)?.under(&policy)
}

fn judge_file(arguments: &Arguments, key: Option<VerifierKey>) -> anyhow::Result<Verdict> {
    let path = &arguments.file;
    if path.is_dir() {
        return folder(path, key, arguments.operator_key.as_deref());
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut reader = BufReader::with_capacity(READ_AT_ONCE, file);
    let begin = reader.fill_buf().with_context(|| format!("cannot read {}", path.display()))?;
    if begin.starts_with(bundle::BEGINS) {
        if bundle::is_another_archive(path) {
            bail!("{} is an archive, but no audit bundle of Assent", path.display());
        }
        return Ok(bundle::judge(path, key, &bar("bytes")));
    }
    let marked = begin.starts_with(BYTE_ORDER_MARK);
    let head = String::from_utf8_lossy(begin.strip_prefix(BYTE_ORDER_MARK).unwrap_or(begin)).into_owned();
    let Some(kind) = kind(&head) else {
        bail!("{} is neither a receipt, an export (NDJSON) nor a bundle of Assent", path.display());
    };
    if marked {
        // Nothing that is proven is in it.
        reader.consume(BYTE_ORDER_MARK.len());
    }
    if kind == "receipt" {
        return receipt(reader, key.as_ref());
    }
    let bar = bar("bytes");
    bar.set_length(path.metadata().map_or(0, |about| about.len()));
    let verdict = export(reader, key, &bar);
    bar.finish_and_clear();
    verdict
}

fn folder(path: &Path, key: Option<VerifierKey>, operator: Option<&Path>) -> anyhow::Result<Verdict> {
    if log::is_one(path) {
        return log::judge(path, key, &bar("entries"));
    }
    if data::is_one(path) {
        return data::judge(path, key.as_ref(), operator, &bar("entries"));
    }
    bail!("{} is neither a copy of a log (it has no file `checkpoint`) nor a data directory", path.display());
}

/// What the file says it is. Whether it is good is judged later, by readers that name what is wrong.
fn kind(head: &str) -> Option<&'static str> {
    let (receipts, _) = RECEIPT_FORMAT.split_once("v1")?;
    if head.trim_start().starts_with("{\"kind\"") {
        return Some("export");
    }
    head.contains(receipts).then_some("receipt")
}

/// What a file says must not move the cursor of the terminal it is shown on.
pub(super) fn plain(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The key, or the one in the file of this name.
pub(super) fn key(text: &str) -> anyhow::Result<VerifierKey> {
    match std::fs::read_to_string(text) {
        Ok(file) => VerifierKey::parse(file.trim())
            .with_context(|| format!("--key: {text} does not hold a log's key (vkey)")),
        // A key has two of them.
        Err(error) if text.matches('+').count() < 2 => Err(error).with_context(|| {
            format!("--key: {text} is not a log's key (vkey), and no file that can be read")
        }),
        Err(_) => VerifierKey::parse(text.trim()).context("--key is not a log's key (vkey)"),
    }
}

/// `1 notice`, `2 notices`.
fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn receipt(reader: impl BufRead, key: Option<&VerifierKey>) -> anyhow::Result<Verdict> {
    let mut bytes = Vec::new();
    reader.take(RECEIPT_MAX).read_to_end(&mut bytes).context("cannot read the file")?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(bad(
            "receipt",
            "malformed",
            "this is not a receipt file: it is not UTF-8 text",
            None,
            None,
        ));
    };
    let verified = Receipt::parse(text.trim_end()).and_then(|receipt| receipt.verify(key));
    let receipt = match verified {
        Ok(receipt) => receipt,
        Err(error) => {
            let code = error.code();
            let sentence = format!("{:#}", anyhow::Error::from(error));
            return Ok(bad("receipt", code, &sentence, None, None));
        }
    };
    let checkpoint = receipt.checkpoint();
    let note = receipt.signed_checkpoint().note().to_string();
    let Ok(record) = Record::from_bytes(receipt.record().as_bytes()) else {
        return Ok(bad("receipt", "record-unreadable", "its record is not a consent record", None, None));
    };
    if !receipt.key().name().ends_with(&format!("/v1/{}/log", record.site)) {
        let sentence = "its record is of another site than the log it is in";
        return Ok(bad("receipt", "origin-mismatch", sentence, None, None));
    }
    let mut lines = vec![
        match receipt.trust() {
            KeyTrust::Pinned => "The receipt is genuine: the record is in the log exactly as it stands here.",
            KeyTrust::SelfAsserted => {
                "The receipt is whole: the record is in a log signed with the key that the receipt brings along. Whose \
                 key that is was not checked: give the log's key with --key."
            }
        }
        .to_string(),
        format!("Log: {}, entry {} of {}", receipt.key().name(), receipt.index(), checkpoint.size),
    ];
    lines.push(format!("Recorded: {}, by {}, notice {}", record.time, record.act.as_str(), record.notice));
    lines.extend(record.age.map(|age| format!("Age, as they said: {age}")));
    if let Some(told) = &record.told {
        let acted = record.acted.as_deref().unwrap_or_default();
        let (by, script, staff) = (told.by.as_str(), &told.script, &told.staff);
        lines.push(format!("Told to staff: {by}, {acted}, words {script}, written down by {staff}"));
    }
    lines.extend(record.decisions.iter().map(|(id, decision)| format!("  {id}: {}", decision.as_str())));
    lines.push(trust(receipt.trust()).to_string());
    lines.push("It proves what was recorded then. It does not say what was chosen later.".to_string());
    let json = json!({
        "holds": true, "kind": "receipt", "origin": receipt.key().name(), "index": receipt.index(),
        "size": checkpoint.size, "key_pinned": receipt.trust() == KeyTrust::Pinned,
        "record": record.id,
    });
    Ok(Verdict { holds: true, lines, json, checkpoint: Some(note) })
}

/// Checks an export line by line, and hands out what each line holds.
pub(super) fn read_export(
    mut reader: impl BufRead,
    key: Option<VerifierKey>,
    bar: &ProgressBar,
    each: &mut dyn FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<Result<ExportSummary, ExportFault>> {
    let mut verifier = ExportVerifier::new(key);
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than the longest, so that the verifier sees that it is longer.
        let length = reader.by_ref().take(MAX_LINE_BYTES as u64 + 2).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        bar.inc(length as u64);
        // What is not UTF-8 is no line of an export; the verifier says so, with the place.
        let text = str::from_utf8(&line).map_or_else(|_| String::from_utf8_lossy(&line), Cow::Borrowed);
        match verifier.line(text.strip_suffix('\n').unwrap_or(&text)) {
            Ok(Some(found)) => each(found)?,
            Ok(None) => {}
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(verifier.finish())
}

fn export(reader: impl BufRead, key: Option<VerifierKey>, bar: &ProgressBar) -> anyhow::Result<Verdict> {
    let summary = match read_export(reader, key, bar, &mut |_| Ok(()))? {
        Ok(summary) => summary,
        Err(fault) => {
            return Ok(bad("export", fault.code(), &fault.to_string(), Some(fault.line), fault.index));
        }
    };
    let checkpoint = summary.checkpoint.checkpoint();
    let origin = summary.checkpoint.log_key().name().to_string();
    let mut lines = vec![
        format!(
            "The export holds: each of its {} entries is what was logged, in its place, and none between them is missing.",
            summary.end - summary.first
        ),
        format!(
            "Log: {origin}, entries {} to {} (not included) of {}; what lies outside is not part of it",
            summary.first, summary.end, checkpoint.size
        ),
        format!("It says it was asked for: {}", Value::Object(summary.filter.clone())),
        format!(
            "{}, {}, {} withheld, {} gone",
            count(summary.records, "record"),
            count(summary.notices, "notice"),
            summary.withheld,
            summary.gone
        ),
    ];
    lines.extend(by_reason(&summary));
    lines.push(trust(summary.trust).to_string());
    let json = json!({
        "holds": true, "kind": "export", "origin": origin, "first": summary.first, "end": summary.end,
        "size": checkpoint.size, "records": summary.records, "notices": summary.notices,
        "withheld": summary.withheld, "gone": summary.gone, "changes": summary.changes,
        "summaries": summary.summaries, "untold": summary.untold, "key_pinned": summary.trust == KeyTrust::Pinned,
    });
    Ok(Verdict { holds: true, lines, json, checkpoint: Some(to_judge(&summary, None)) })
}

/// The checkpoint that a policy judges: whose witnesses' lines count is the policy's to say.
fn to_judge(summary: &ExportSummary, cosigned: Option<&SignedCheckpoint>) -> String {
    let signed = cosigned.or(summary.cosigned.as_ref()).unwrap_or(&summary.checkpoint);
    signed.note().to_string()
}

/// Why what is not shown is not shown, one line a reason.
fn by_reason(summary: &ExportSummary) -> impl Iterator<Item = String> {
    let withheld = summary.withheld_by_reason.iter().map(|it| ("withheld", it));
    let gone = summary.gone_by_reason.iter().map(|it| ("gone", it));
    let untold = (summary.untold > 0)
        .then(|| format!("  {} of them not told of one by one in a summary in the range", summary.untold));
    withheld.chain(gone).map(|(what, (reason, count))| format!("  {what}, {reason}: {count}")).chain(untold)
}

fn bad(kind: &str, code: &str, sentence: &str, line: Option<u64>, entry: Option<u64>) -> Verdict {
    let lines = vec![format!("This {kind} does not hold: {sentence} ({code})")];
    let json = json!({ "holds": false, "kind": kind, "code": code, "message": sentence, "line": line, "entry": entry });
    Verdict { holds: false, lines, json, checkpoint: None }
}

fn trust(trust: KeyTrust) -> &'static str {
    match trust {
        KeyTrust::Pinned => "Signed with the key you gave.",
        KeyTrust::SelfAsserted => {
            "Signed with the key it brings along. To know whose key that is, compare it with the site's log page (--key)."
        }
    }
}
