//! The page of an audit bundle: what is in it, the accounts, the notices with their words, and how to check it. For reading, in any
//! browser, with nothing fetched and no script; the files beside it are the evidence.
//!
//! Everything on it comes from the verified export and from the notices' bytes. It is English; notices stand in their languages.

use assent_core::accounting::Purge;
use assent_core::age::AgeQuestion;
use assent_core::bundle::{CHECKPOINTS, COSIGNED, LOG, MANIFEST, Manifest, NOTICES, RECORDS, SCHEMAS, TABLE};
use assent_core::export_format::ExportSummary;
use assent_core::hash::Hash;
use assent_core::notice::{Asked, Notice, Text};
use assent_ledger::{NoticeVersion, rfc3339};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

/// Records that are gone, by reason and day.
pub(super) type Gone = BTreeMap<(String, String), u64>;

/// What the export came to.
pub(super) struct Account {
    pub(super) summary: ExportSummary,
    pub(super) gone: Gone,
    /// Purge summaries, by entry.
    pub(super) purges: Vec<(u64, Purge)>,
    /// Erasure summaries: their entries, and of how many each tells.
    pub(super) erasures: Vec<(u64, usize)>,
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#6b7280;--soft:#f3f4f6}\
@media(prefers-color-scheme:dark){:root{--soft:#1f2937;--line:#9ca3af}}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}\
h1,h2,h3,h4{line-height:1.25}\
table{border-collapse:collapse;width:100%;margin:0 0 1rem}\
caption{text-align:left;font-weight:600;padding:.25rem 0}\
th,td{border:1px solid var(--line);padding:.35rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
pre,code{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;background:var(--soft);padding:.75rem;margin:0 0 1rem}\
section[lang]{border-left:.25rem solid var(--line);padding-left:1rem;margin:1rem 0}";

/// The page.
pub(super) fn render(
    manifest: &Manifest,
    account: &Account,
    checkpoint: &str,
    versions: &[NoticeVersion],
    notices: &[(Hash, Vec<u8>)],
) -> String {
    let read: Vec<(Hash, Option<Notice>)> =
        notices.iter().map(|(hash, bytes)| (*hash, serde_json::from_slice(bytes).ok())).collect();
    let newest = versions.last().map(|version| version.hash);
    let newest = read.iter().find(|(hash, _)| Some(*hash) == newest).and_then(|(_, notice)| notice.as_ref());
    let whose = newest.map_or(manifest.site.as_str(), |notice| notice.controller.name.as_str());
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = head(&mut page, manifest, whose)
        .and_then(|()| about(&mut page, manifest, checkpoint))
        .and_then(|()| accounts(&mut page, &account.summary))
        .and_then(|()| left(&mut page, account))
        .and_then(|()| told(&mut page, versions, &read))
        .and_then(|()| how(&mut page, manifest))
        .and_then(|()| writeln!(page, "</main></body></html>"));
    page
}

/// Text as HTML.
struct Html<T>(T);

impl<T: Display> Display for Html<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

fn head(page: &mut String, manifest: &Manifest, whose: &str) -> fmt::Result {
    let title = format!("Consent records of {whose}, site {}", manifest.site);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>\n\
         <p>This page belongs to a bundle of files for an auditor. The page is for reading; the files beside it are the evidence, and \
         <a href=\"#check\">can be checked</a> without trusting whoever made them.</p>\n",
        title = Html(title)
    )
}

fn rows<'a>(
    page: &mut String,
    caption: &str,
    rows: impl IntoIterator<Item = (&'a str, String)>,
) -> fmt::Result {
    write!(page, "<table><caption>{}</caption>", Html(caption))?;
    for (name, value) in rows {
        write!(page, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", Html(name), Html(value))?;
    }
    writeln!(page, "</table>")
}

/// A table whose last column is a number.
fn counted(
    page: &mut String,
    caption: &str,
    columns: &[&str],
    rows: impl IntoIterator<Item = (Vec<String>, u64)>,
) -> fmt::Result {
    write!(page, "<table><caption>{}</caption><thead><tr>", Html(caption))?;
    for column in columns {
        write!(page, "<th scope=\"col\">{}</th>", Html(column))?;
    }
    write!(page, "</tr></thead><tbody>")?;
    for (names, number) in rows {
        let (first, more) = names.split_first().map_or(("", [].as_slice()), |(a, b)| (a.as_str(), b));
        write!(page, "<tr><th scope=\"row\">{}</th>", Html(first))?;
        for name in more {
            write!(page, "<td>{}</td>", Html(name))?;
        }
        write!(page, "<td class=\"n\">{number}</td></tr>")?;
    }
    writeln!(page, "</tbody></table>")
}

fn about(page: &mut String, manifest: &Manifest, checkpoint: &str) -> fmt::Result {
    let filter = if manifest.filter.is_empty() {
        "everything".to_string()
    } else {
        serde_json::Value::Object(manifest.filter.clone()).to_string()
    };
    writeln!(page, "<h2>What this is</h2>")?;
    rows(
        page,
        "Log and range",
        [
            ("Log", manifest.origin.clone()),
            ("Its key", manifest.key.clone()),
            ("Entries in the log", manifest.size.to_string()),
            ("Entries accounted for here", format!("{} to {} (not included)", manifest.first, manifest.end)),
            ("Asked for", filter),
            ("Made", format!("{} by {}", manifest.made, manifest.program)),
        ],
    )?;
    writeln!(page, "<p>The signed head that everything here is proven by:</p><pre>{}</pre>", Html(checkpoint))
}

fn accounts(page: &mut String, summary: &ExportSummary) -> fmt::Result {
    writeln!(
        page,
        "<h2>Accounts</h2><p>Every entry of the range is one of these. A record that is gone or withheld still has its entry in the \
         log; erasures and purges are told in entries of their own.</p>"
    )?;
    let mut lines: Vec<(Vec<String>, u64)> = vec![
        (vec!["Records, shown and proven".into()], summary.records),
        (vec!["Notices".into()], summary.notices),
        (vec!["Changes of keys or retention rules".into()], summary.changes),
        (vec!["Summaries of erasures and purges".into()], summary.summaries),
    ];
    let by = |what: &str, reason: &String| vec![format!("{what}: {reason}")];
    lines.extend(summary.gone_by_reason.iter().map(|(reason, n)| (by("Records gone", reason), *n)));
    lines.extend(summary.withheld_by_reason.iter().map(|(reason, n)| (by("Records withheld", reason), *n)));
    lines.push((vec!["All entries of the range".into()], summary.end - summary.first));
    counted(page, "Entries by what became of them", &["Entry", "Number"], lines)?;
    if summary.untold > 0 {
        writeln!(
            page,
            "<p>{} entries whose records are gone are not told of one by one in a summary of this range: it comes with the next \
             day's, lies beyond, or counts entries before the range, too.</p>",
            summary.untold
        )?;
    }
    Ok(())
}

/// What left.
fn left(page: &mut String, account: &Account) -> fmt::Result {
    writeln!(page, "<h2>Erased and purged</h2>")?;
    if account.gone.is_empty() {
        return writeln!(page, "<p>No record of the range was erased or purged.</p>");
    }
    let days = account.gone.iter().map(|((reason, day), n)| (vec![reason.clone(), day.clone()], *n));
    counted(page, "Tombstones by reason and day", &["Reason", "Day (UTC)", "Records"], days)?;
    let told = account.erasures.iter().map(|(at, n)| (vec![format!("entry {at}")], *n as u64));
    counted(page, "Summaries of erasures", &["Told at", "Records"], told)?;
    let told =
        account.purges.iter().map(|(at, it)| (vec![it.period.clone(), format!("entry {at}")], it.count));
    counted(page, "Purges by the month records went with", &["Month", "Told at", "Records"], told)
}

fn told(page: &mut String, versions: &[NoticeVersion], read: &[(Hash, Option<Notice>)]) -> fmt::Result {
    writeln!(page, "<h2>What people were told and asked</h2>")?;
    for version in versions {
        let until = version.replaced.map_or("now".to_string(), rfc3339);
        let hash = version.hash;
        writeln!(
            page,
            "<h3>Notice of {from}</h3><p>Entry {at}, in force until {until}. Exact words, with hash <code>{hash}</code>: \
             <a href=\"{NOTICES}{hash}.json\">{NOTICES}{hash}.json</a></p>",
            from = Html(rfc3339(version.published)),
            at = version.index,
            until = Html(until),
        )?;
        let notice = read.iter().find(|(have, _)| *have == hash).and_then(|(_, notice)| notice.as_ref());
        let Some(notice) = notice else {
            writeln!(page, "<p>It is of a later version than this program; the file has it whole.</p>")?;
            continue;
        };
        if let Some(question) = &notice.age {
            ages(page, question)?;
        }
        for (language, text) in &notice.languages {
            in_language(page, notice, language, text)?;
        }
    }
    Ok(())
}

/// Who may say yes under the notice. What each person said stands with their record.
fn ages(page: &mut String, question: &AgeQuestion) -> fmt::Result {
    let place = |asked: &Asked| match asked {
        Asked::Banner => "with the choices of the banner",
        Asked::AlertForm => "on the sign-up form",
    };
    let places: Vec<&str> = question.asked.iter().map(place).collect();
    let bands: Vec<String> = question.bands().into_iter().map(String::from).collect();
    writeln!(
        page,
        "<p>People were asked how old they are, {}, and chose one of <code>{}</code>. What they chose is <code>age</code> in their record \
         and the last column of the table.</p>",
        places.join(" and "),
        bands.join("</code>, <code>"),
    )
}

fn in_language(page: &mut String, notice: &Notice, language: &str, text: &Text) -> fmt::Result {
    write!(
        page,
        "<section lang=\"{0}\"><h4>{1} ({0})</h4><p>{2}</p><ul>",
        Html(language),
        Html(&text.title),
        Html(&text.intro)
    )?;
    for purpose in &notice.purposes {
        let Some(words) = text.purposes.get(&purpose.id) else { continue };
        write!(
            page,
            "<li><strong>{}</strong> (<code>{}</code>, <code>{}</code>): {} {}. {}</li>",
            Html(&words.name),
            Html(&purpose.id),
            purpose.route.as_str(),
            Html(&words.description),
            Html(words.data.join(", ")),
            Html(&words.retention)
        )?;
    }
    writeln!(page, "</ul></section>")
}

fn how(page: &mut String, manifest: &Manifest) -> fmt::Result {
    writeln!(
        page,
        "<h2 id=\"check\">Check it yourself</h2>\
         <p>With the program, on any machine, offline: it reads the whole archive and names the first thing that is wrong. Get the \
         log's key from the site's log page or from whoever you trust, not from here.</p>\
         <pre>assent verify bundle.zip --key '{}'</pre>\
         <p>Without our program: <code>{RECORDS}</code> is checked by <code>examples/verify-offline/verify_export.py</code> of the source, a page \
         of Python, and any receipt that a person kept by <code>verify.py</code> beside it. <code>{LOG}</code> is a log in the form of C2SP tlog-tiles, for any \
         verifier of that form. The files <code>FORMAT.md</code> of the source and <code>{SCHEMAS}</code> here describe every byte.</p>\
         <pre>python3 verify_export.py {RECORDS} '{0}'</pre>",
        Html(&manifest.key)
    )?;
    rows(
        page,
        "Files",
        [
            (RECORDS, "every entry of the range with its proof, one a line: the evidence".to_string()),
            (TABLE, "the same records for a spreadsheet".into()),
            (CHECKPOINTS, "the signed heads that the records' receipts were given under".into()),
            (COSIGNED, "the public head with the signatures of witnesses; not in every bundle".into()),
            (NOTICES, "every notice at its hash".into()),
            (LOG, "the log's public files".into()),
            (SCHEMAS, "JSON Schemas".into()),
            (MANIFEST, "length and hash of every file".into()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_text() {
        assert_eq!(Html("<script>&\"'").to_string(), "&lt;script&gt;&amp;&quot;&#39;");
    }
}
