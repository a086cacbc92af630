//! A witness, started: `assent witness` with a key and a state of its own, watching the logs it is told of.

use super::http;
use super::part::{Part, runs};
use super::process::Process;
use super::stack::alone;
use super::{places, until_so};
use assent_core::checkpoint::Checkpoint;
use assent_core::hash::sha256;
use assent_core::note::VerifierKey;
use reqwest::{Client, Response};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A running witness. Ends with the test.
pub(crate) struct Witness {
    // Dropped in this order: the program before the folder it writes to.
    process: Option<Process>,
    asker: Asker,
    /// Its public key.
    pub(crate) key: VerifierKey,
    folder: TempDir,
}

/// A way to ask a witness, for as long as it is there.
#[derive(Clone)]
pub(crate) struct Asker {
    client: Client,
    address: String,
    /// The witness's public key.
    pub(crate) key: VerifierKey,
}

impl Asker {
    /// Sends it a request. No answer when it is gone.
    pub(crate) async fn add(&self, body: impl Into<reqwest::Body>) -> Option<Response> {
        self.client.post(format!("{}/add-checkpoint", self.address)).body(body).send().await.ok()
    }
}

impl Witness {
    /// Makes a key and starts a witness of these logs.
    pub(crate) async fn starts(name: &str, logs: &[VerifierKey]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy: String = logs.iter().map(|key| format!("log {key}\n")).collect();
        std::fs::write(folder.path().join("witness.policy"), policy + "quorum none\n").unwrap();
        std::fs::write(folder.path().join("witness.toml"), "[log]\nformat = \"json\"\n").unwrap();
        let made = command(folder.path()).args(["key", "--name", name]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let key = VerifierKey::parse(String::from_utf8(made.stdout).unwrap().trim_end()).unwrap();
        let asker = Asker { client: http::client(), address: String::new(), key: key.clone() };
        let mut witness = Self { process: None, asker, key, folder };
        witness.starts_again().await;
        witness
    }

    /// Starts it on what it left behind, and waits until it answers.
    pub(crate) async fn starts_again(&mut self) {
        let command = command(self.folder.path());
        self.runs(command).await;
    }

    /// The same under strace, which writes what it sees to `trace`. `false` when strace is left out.
    pub(crate) async fn starts_again_watched(&mut self, trace: &Path) -> bool {
        let what = "the order in which a witness writes and answers";
        if !Part::Strace.is_wanted(what) {
            return false;
        }
        Part::Strace.is_here(runs("strace", "-V"), what);
        let plain = command(self.folder.path());
        let mut watched = alone(Path::new("strace"), self.folder.path());
        watched.args([
            "-f",
            "-y",
            "-s",
            "64",
            "-e",
            "trace=/fsync|fdatasync|rename.*|write|writev|sendto",
            "-o",
        ]);
        watched.arg(trace).arg(plain.get_program()).args(plain.get_args());
        // strace lets go of the program when it is killed, so both are ended together.
        watched.process_group(0);
        self.runs(watched).await;
        true
    }

    async fn runs(&mut self, mut command: Command) {
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut process = Process::start("assent witness", &mut command);
        let address = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(line["address"].as_str()?.to_string())
        };
        self.asker.address = format!("http://{}", process.says("where it listens", address).await);
        self.process = Some(process);
        let ready = format!("{}/readyz", self.asker.address);
        until_so("the witness to be ready", async || {
            self.asker.client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Ends it the hard way, as a power cut would.
    pub(crate) fn is_killed(&mut self) {
        self.process = None;
    }

    /// What it logged since it was started last.
    pub(crate) fn said(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// For tasks that ask it while it may be killed.
    pub(crate) fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Sends it a request. No answer when it is gone.
    pub(crate) async fn add(&self, body: impl Into<reqwest::Body>) -> Option<Response> {
        self.asker.add(body).await
    }

    /// The same; gives the status and the body, which must come.
    pub(crate) async fn adds(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        let answer = self.add(body).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// `GET` of one of its addresses.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.asker.client.get(format!("{}{path}", self.asker.address)).send().await.unwrap()
    }

    /// The newest checkpoint it cosigned of a log, with its cosignature on it, if there is one.
    pub(crate) async fn latest(&self, log: &VerifierKey) -> Option<Checkpoint> {
        let answer = self.get(&format!("/{}/checkpoint", sha256(log.name().as_bytes()))).await;
        if !answer.status().is_success() {
            return None;
        }
        let signed = Checkpoint::verify(&answer.text().await.unwrap(), log).unwrap();
        let ours = signed.cosignatures(std::slice::from_ref(&self.key)).unwrap();
        assert_eq!(ours.len(), 1, "the witness's own line is on it");
        Some(signed.checkpoint().clone())
    }

    /// Its submission prefix.
    pub(crate) fn address(&self) -> &str {
        &self.asker.address
    }

    /// A file or folder of its own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs another `assent witness` command where it lies; the exit code and everything it said.
    pub(crate) fn also_runs(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = command(self.folder.path()).args(arguments).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    }
}

fn command(folder: &Path) -> Command {
    let mut command = alone(&places::assent(), folder);
    command.args(["--config", "witness.toml", "witness"]);
    command
}
