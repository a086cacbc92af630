//! A real mail server on this machine, and the mailbox it delivers into: Debian's Exim, or where that is left out one of Python's. The
//! messages are read by Python's own mail package, which has nothing in common with what wrote them.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::part::Part;
use super::places::{python_packages, tests_folder};
use super::process::Process;
use super::python::has;
use super::tls::Certificate;
use super::{exim, until};

/// A mail server that takes everything.
pub(crate) struct MailServer {
    mailbox: PathBuf,
    port: u16,
    _process: Process,
}

/// A message as a mail program would read it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mail {
    headers: Vec<(String, String)>,
    /// Content types: of the whole, then of each part.
    pub(crate) types: Vec<String>,
    pub(crate) text: String,
    pub(crate) html: String,
    /// What is wrong with how it is written.
    pub(crate) defects: Vec<String>,
}

impl Mail {
    /// A header that must stand once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().unwrap_or_else(|| panic!("no {name} in {:?}", self.headers));
        assert!(found.next().is_none(), "{name} stands twice");
        &value.1
    }

    /// The first link in the text to this part of Assent.
    pub(crate) fn link(&self, part: &str) -> String {
        let mut lines = self.text.lines().map(str::trim);
        let found = lines.find(|line| line.starts_with("http") && line.contains(&format!("/{part}/")));
        found.unwrap_or_else(|| panic!("no link to {part} in {}", self.text)).to_string()
    }
}

impl MailServer {
    /// Starts one that takes messages without login or encryption.
    pub(crate) async fn starts(folder: &Path, port: u16) -> Self {
        if !exim::is_wanted() {
            return Self::starts_with(folder, port, &[]).await;
        }
        let mailbox = folder.join("mailbox");
        let process = exim::start(folder, port, &mailbox, None).await;
        Self { mailbox, port, _process: process }
    }

    /// Whether Exim is used; not when it is left out. It must be here.
    pub(crate) fn is_exim() -> bool {
        exim::is_wanted()
    }

    /// Starts Exim with encryption: `starttls`, or `tls` from the first byte on.
    pub(crate) async fn starts_encrypted(
        folder: &Path,
        port: u16,
        tls: &str,
        certificate: &Certificate,
    ) -> Self {
        let mailbox = folder.join("mailbox");
        let process = exim::start(folder, port, &mailbox, Some((tls, certificate))).await;
        Self { mailbox, port, _process: process }
    }

    /// Throws away what was delivered.
    pub(crate) fn forgets(&self) {
        std::fs::remove_dir_all(&self.mailbox).unwrap();
    }

    /// Starts Python's with further arguments of `mail.py`.
    pub(crate) async fn starts_with(folder: &Path, port: u16, more: &[&str]) -> Self {
        let mailbox = folder.join("mailbox");
        let mut command = script();
        command.arg("serve").arg(port.to_string()).arg(&mailbox).args(more);
        Part::Python.is_here(has("aiosmtpd"), "a mail server in Python");
        let mut process = Process::start("mail server", &mut command);
        process.says("that it listens", |line| line.contains("listening").then_some(())).await;
        Self { mailbox, port, _process: process }
    }

    /// Somebody else's program sends a message by it.
    pub(crate) fn sends(&self, to: &str, headers: &serde_json::Value, text: &str) {
        let port = self.port.to_string();
        let output = script().args(["send", &port, to, &headers.to_string(), text]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What was delivered, in the order it came.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let output = script().arg("read").arg(&self.mailbox).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The message with this number (from 1), once it came.
    pub(crate) async fn mail(&self, number: usize) -> Mail {
        until(&format!("message {number} to come"), async || self.mails().into_iter().nth(number - 1)).await
    }
}

fn script() -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", python_packages()).arg(tests_folder().join("scenarios/mail.py"));
    command
}
