//! The built product, started: Assent with an empty store, both example sites, and the third parties they talk to.
//!
//! Each test has its own, in a temporary folder and on free ports, so that tests can run side by side.

use reqwest::Client;
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;

use super::gateway::{Contract, GatewayFake};
use super::http::{self, Api};
use super::kannel::{self, Kannel};
use super::mail::MailServer;
use super::part::Part;
use super::process::Process;
use super::tls::Certificate;
use super::{places, until_so};

/// The health provider's site.
pub(crate) const CLINIC: &str = "clinic";
/// The charity's site.
pub(crate) const CHARITY: &str = "charity";

const STAFF_TOKEN: &str = "a-staff-token-for-tests-only";

/// One example site: its addresses in this run.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The site's own origin, as in `http://clinic.localhost:20001`.
    pub(crate) origin: String,
    /// Assent's address for it: `{public_url}/v1/{id}`.
    pub(crate) api: String,
}

impl Site {
    /// A page's whole address; the path starts with a slash.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The origin of `api`.
    pub(crate) fn assent(&self) -> &str {
        self.api.split("/v1/").next().unwrap_or_default()
    }
}

/// Everything that runs for one test. Ends with it.
pub(crate) struct Stack {
    // Dropped in this order: programs before the folder they write to.
    assent: Option<Process>,
    sites: Process,
    client: Client,
    ports: Ports,
    folder: TempDir,
    /// What Assent takes for the time when it starts, as `2016-03-01 10:00:00` in UTC; it goes on from there. Nothing: the time it is.
    time: Option<&'static str>,
    /// The certificate that this machine trusts instead of its own.
    trusts: Option<PathBuf>,
}

#[derive(Clone, Copy)]
struct Ports {
    assent: u16,
    clinic: u16,
    charity: u16,
    third_party: u16,
    mail: u16,
}

impl Stack {
    /// Starts Assent, publishes both site files, and starts the example sites.
    pub(crate) async fn starts() -> Self {
        Self::starts_at(None).await
    }

    /// The same at another time, by Debian's libfaketime; nothing where that is left out, and then `what` is skipped, which is told.
    pub(crate) async fn starts_in(time: &'static str, what: &str) -> Option<Self> {
        if !Part::Faketime.is_wanted(what) {
            return None;
        }
        Part::Faketime.is_here(places::faketime().is_some(), what);
        Some(Self::starts_at(Some(time)).await)
    }

    async fn starts_at(time: Option<&'static str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports {
            assent: free_port(),
            clinic: free_port(),
            charity: free_port(),
            third_party: free_port(),
            mail: free_port(),
        };
        write_config(folder.path(), ports);
        let sites = Process::start("example-sites", &mut example_sites(ports));
        let mut stack =
            Self { assent: None, sites, client: http::client(), ports, folder, time, trusts: None };
        stack.assent_starts().await;
        for id in [CLINIC, CHARITY] {
            // Public at once, so that tests need not wait for the interval.
            let file = format!("{}\n[log]\ncheckpoint_seconds = 0\n", stack.site_file(id));
            let path = stack.path(&format!("{id}.toml"));
            std::fs::write(&path, file).unwrap();
            stack.runs_well(&["log", "create", path.to_str().unwrap()]);
        }
        stack
            .sites
            .says("that the third parties answer", |line| line.contains("third-party").then_some(()))
            .await;
        stack
    }

    /// Starts Assent and waits until it is ready. On the same port and the same data as before.
    pub(crate) async fn assent_starts(&mut self) {
        let mut command = self.command(&["serve"]);
        self.assent = Some(Process::start("assent", &mut command));
        let ready = format!("http://127.0.0.1:{}/readyz", self.ports.assent);
        until_so("Assent to be ready", async || {
            assert!(self.assent.as_mut().is_some_and(Process::runs), "assent serve ended: {}", self.said());
            self.client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Starts the mail server that Assent is configured for. Until then messages wait.
    pub(crate) async fn mail_server_starts(&self) -> MailServer {
        MailServer::starts(self.folder.path(), self.ports.mail).await
    }

    /// The same, which takes nothing without STARTTLS and this login; Assent is configured for it, and must be started again.
    pub(crate) async fn strict_mail_server_starts(&self, user: &str, password: &str) -> MailServer {
        let Certificate { cert, key } = Certificate::of(self.folder.path(), "localhost");
        let lines = [
            ("host", "localhost"),
            ("tls", "starttls"),
            ("username", user),
            ("password", password),
            ("ca_file", cert.to_str().unwrap()),
        ];
        self.configures("mail", lines.map(|(name, value)| (name, value.into())));
        let more = [cert.to_str().unwrap(), key.to_str().unwrap(), user, password];
        MailServer::starts_with(self.folder.path(), self.ports.mail, &more).await
    }

    /// The same, Exim with encryption (`starttls` or `tls`) and this certificate, where Assent looks for it on its next start. Without a login.
    pub(crate) async fn encrypted_mail_server_starts(
        &self,
        tls: &str,
        certificate: &Certificate,
    ) -> MailServer {
        MailServer::starts_encrypted(self.folder.path(), self.ports.mail, tls, certificate).await
    }

    /// Starts a real Kannel, and Assent again with it as its gateway. What people write reaches the clinic's site.
    pub(crate) async fn kannel_starts(&mut self) -> Kannel {
        let port = free_port();
        let inbound = format!("{}/texts/in", self.address(&format!("/v1/{CLINIC}")));
        let kannel = Kannel::starts(self.folder.path(), port, &inbound).await;
        let url = format!("http://127.0.0.1:{port}/cgi-bin/sendsms");
        let lines: [(&'static str, toml::Value); 7] = [
            ("kind", "kannel".into()),
            ("url", url.into()),
            ("username", "assent".into()),
            ("password", kannel::PASSWORD.into()),
            ("sender", kannel::SHORT_CODE.into()),
            ("replies", true.into()),
            ("inbound_secret", kannel::INBOUND.into()),
        ];
        self.configures("gateway", lines);
        self.assent_is_killed();
        self.assent_starts().await;
        kannel
    }

    /// Starts Assent again with a contract fake as its gateway, and these lines more.
    pub(crate) async fn gateway_starts(
        &mut self,
        contract: Contract,
        more: impl IntoIterator<Item = (&'static str, toml::Value)>,
    ) -> GatewayFake {
        let fake = GatewayFake::starts(contract).await;
        self.configures("gateway", fake.configuration().into_iter().chain(more));
        self.assent_is_killed();
        self.assent_starts().await;
        fake
    }

    /// Changes a section of Assent's configuration, for when it starts next.
    pub(crate) fn configures(
        &self,
        section: &str,
        lines: impl IntoIterator<Item = (&'static str, toml::Value)>,
    ) {
        let path = self.path("assent.toml");
        let mut config: toml::Table = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let table = config.entry(section).or_insert_with(|| toml::Table::new().into());
        let table = table.as_table_mut().unwrap();
        table.extend(lines.into_iter().map(|(name, value)| (name.to_string(), value)));
        std::fs::write(&path, config.to_string()).unwrap();
    }

    /// Which certificate the machine trusts, and no other, from Assent's next start on; nothing: what it trusts by itself.
    pub(crate) fn trusts(&mut self, certificate: Option<&Certificate>) {
        self.trusts = certificate.map(|certificate| certificate.cert.clone());
    }

    /// What time it is for Assent from its next start on, and for each command.
    pub(crate) fn time_is(&mut self, time: Option<&'static str>) {
        self.time = time;
    }

    /// Ends Assent the hard way, as a power cut would.
    pub(crate) fn assent_is_killed(&mut self) {
        self.assent = None;
    }

    /// Assent itself, while it runs.
    pub(crate) fn assent(&self) -> &Process {
        self.assent.as_ref().expect("Assent was started")
    }

    /// What Assent logged since it was started last.
    pub(crate) fn said(&self) -> String {
        self.assent.as_ref().map(Process::output).unwrap_or_default()
    }

    /// A site's HTTP addresses.
    pub(crate) fn api(&self, id: &'static str) -> Api {
        Api::new(self.client.clone(), STAFF_TOKEN, self.site(id))
    }

    /// A site's addresses.
    pub(crate) fn site(&self, id: &'static str) -> Site {
        let Ports { assent, clinic, charity, .. } = self.ports;
        let port = if id == CLINIC { clinic } else { charity };
        Site {
            origin: format!("http://{id}.localhost:{port}"),
            api: format!("http://privacy.{id}.localhost:{assent}/v1/{id}"),
        }
    }

    /// Assent's own address without a site.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.assent)
    }

    /// The third parties' origin.
    pub(crate) fn third_party(&self) -> String {
        format!("http://collector.localhost:{}", self.ports.third_party)
    }

    /// What the third parties heard from pages of a site, oldest first: objects with `kind`, `path`, `cookies`,
    /// `detail`. What people open by hand (privacy statements) is not in it.
    pub(crate) async fn heard(&self, id: &str) -> Vec<Value> {
        let answer = self.client.get(format!("{}/heard", self.third_party())).send().await.unwrap();
        let list: Vec<Value> = answer.json().await.unwrap();
        list.into_iter().filter(|entry| entry["site"] == id || entry["site"] == "").collect()
    }

    /// A file or folder in this test's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Assent's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Runs `assent` with the configuration of this test.
    pub(crate) fn runs(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The same; it must succeed. Gives what it printed.
    pub(crate) fn runs_well(&self, arguments: &[&str]) -> String {
        let output = self.runs(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "assent {arguments:?} failed: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The site file of an example with this run's addresses.
    pub(crate) fn site_file(&self, id: &str) -> String {
        let output = example_sites(self.ports).args(["site-file", id]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `assent` with the configuration of this test, to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = alone(&places::assent(), self.folder.path());
        command.args(arguments).arg("--config").arg(self.path("assent.toml"));
        if let Some(certificate) = &self.trusts {
            command.env("SSL_CERT_FILE", certificate);
        }
        if let Some(time) = self.time {
            command.env("LD_PRELOAD", places::faketime().expect("it was looked for at the start"));
            command.env("FAKETIME", format!("@{time}")).env("TZ", "UTC");
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
        }
        command
    }
}

/// Runs `assent` as an auditor would who has nothing but the file: an empty folder, no configuration, no server.
pub(crate) fn offline(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    alone(&places::assent(), folder.path()).args(arguments).output().unwrap()
}

/// `assent` in a folder, without configuration.
pub(crate) fn assent(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = alone(&places::assent(), folder);
    command.args(arguments);
    command
}

/// A command that takes nothing from this process's environment but the path to other programs.
pub(super) fn alone(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder);
    command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "LLVM_PROFILE_FILE"));
    command
}

fn example_sites(ports: Ports) -> Command {
    let mut command = Command::new(places::example_sites());
    command.arg("--examples").arg(places::project().join("examples"));
    for (flag, port) in [
        ("--assent-port", ports.assent),
        ("--health-port", ports.clinic),
        ("--charity-port", ports.charity),
        ("--third-party-port", ports.third_party),
    ] {
        command.arg(flag).arg(port.to_string());
    }
    command
}

fn write_config(folder: &Path, ports: Ports) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let secret = |name: &str, content: &str| {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(folder.join(name)).unwrap();
        std::io::Write::write_all(&mut { file }, content.as_bytes()).unwrap();
    };
    let mut key = [0; 32];
    getrandom::fill(&mut key).unwrap();
    secret("assent.key", &assent_core::hash::base64_encode(&key));
    secret("staff.token", STAFF_TOKEN);
    let web = places::web();
    let config = toml::toml! {
        [server]
        data_dir = "data"
        [ledger]
        key_file = "assent.key"
        [staff]
        token_file = "staff.token"
        [mail]
        host = "127.0.0.1"
        tls = "none"
        [log]
        format = "json"
    };
    let mut config = config;
    config["mail"].as_table_mut().unwrap().insert("port".into(), i64::from(ports.mail).into());
    let server = config["server"].as_table_mut().unwrap();
    server.insert("listen".into(), format!("127.0.0.1:{}", ports.assent).into());
    server.insert("web_dir".into(), web.to_str().unwrap().into());
    std::fs::write(folder.join("assent.toml"), config.to_string()).unwrap();
}

/// A port nobody listens on, outside the range that outgoing connections are given. Tests that run side by side
/// are other processes and begin at other numbers.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(16) % 12_000;
    loop {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + (begin + offset) % 12_000).expect("below 32000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
