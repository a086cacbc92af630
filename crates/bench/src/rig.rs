//! What every figure needs: the site, the programs, a folder of its own that goes with the run, and servers in it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use assent_core::ids::PurposeId;
use assent_core::site::SiteFile;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::fill::{self, Filled};
use crate::requests::{Asker, free_address};
use crate::server::Server;
use crate::{Figure, Plan};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The staff token of every server here.
pub(crate) const STAFF: &str = "the-staff-token-of-a-bench";
const SITE: &str = "examples/health-provider/site.toml";

/// The bench's own folder and what runs in it.
#[derive(Debug)]
pub(crate) struct Rig {
    folder: tempfile::TempDir,
    programs: PathBuf,
    text: String,
    pub(crate) site: SiteFile,
    pub(crate) asker: Asker,
}

/// A folder with one log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) folder: PathBuf,
    pub(crate) size: u64,
    pub(crate) filled: Filled,
}

impl Rig {
    /// Makes the folder below `below`.
    pub(crate) fn new(below: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("assent-bench-").tempdir_in(below)?;
        // PostgreSQL runs as somebody else.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let text = fs::read_to_string(repository(SITE)).context("cannot read the example site")?;
        let site: SiteFile = toml::from_str(&text)?;
        let programs =
            std::env::current_exe()?.parent().context("this program is in no folder")?.to_path_buf();
        let asker = Asker::new(&site)?;
        Ok(Self { folder, programs, text, site, asker })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where xtask built a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A log of so many receipts, in a folder of this name.
    pub(crate) fn log(&self, name: &str, size: u64) -> Result<Log> {
        let folder = self.folder().join(name);
        let filled = fill::fill(&folder, &self.text, &self.site, size)?;
        fs::write(folder.join("staff.token"), STAFF)?;
        Ok(Log { folder, size, filled })
    }

    /// A log of so many subscribers to one alert by email, in a folder of this name.
    pub(crate) fn subscribers(&self, name: &str, alert: &PurposeId, people: u64) -> Result<Log> {
        let folder = self.folder().join(name);
        fill::subscribers(&folder, &self.text, &self.site, (alert, people))?;
        fs::write(folder.join("staff.token"), STAFF)?;
        let filled = Filled { sealed: 0.0, record: 0, receipts: Vec::new() };
        Ok(Log { folder, size: 2 * people, filled })
    }

    /// The server, at work in a log.
    pub(crate) fn serve(&self, log: &Log) -> Result<Server> {
        let address = free_address()?;
        let mut command = self.assent(log, address)?;
        Server::start(command.arg("serve"), &log.folder.join("server.log"), address, &self.asker)
    }

    /// The server that stores nothing, in a log of its own.
    pub(crate) fn serve_without_storage(&self, log: &Log) -> Result<Server> {
        let address = free_address()?;
        let mut command = Command::new(self.program("examples/no_storage"));
        command.arg(configure(log, address)?);
        Server::start(&mut command, &log.folder.join("server.log"), address, &self.asker)
    }

    /// The command line, for a log without a server, or with one at an address.
    pub(crate) fn assent(&self, log: &Log, server: SocketAddr) -> Result<Command> {
        let mut command = Command::new(self.program("assent"));
        command.arg("--config").arg(configure(log, server)?);
        Ok(command)
    }
}

/// Writes the configuration: every default, but where it listens and who staff is.
fn configure(log: &Log, address: SocketAddr) -> Result<PathBuf> {
    let file = log.folder.join("assent.toml");
    let text = format!(
        "[server]\nlisten = \"{address}\"\ndata_dir = \"data\"\n[ledger]\nkey_file = \"assent.key\"\n\
         [staff]\ntoken_file = \"staff.token\"\n"
    );
    fs::write(&file, text)?;
    Ok(file)
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(ROOT).join(path)
}

/// Bytes of disk below a folder: whole blocks, as `du` counts.
pub(crate) fn disk(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { disk(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(bytes)
}

/// Bytes that are free on a folder's disk.
pub(crate) fn free_bytes(folder: &Path) -> Result<u64> {
    let about = rustix::fs::statvfs(folder)?;
    Ok(about.f_bavail * about.f_frsize)
}

/// Bytes of disk that a run takes at most: logs of all sizes, and the largest once more while its space is given back.
pub(crate) fn disk_needed(plan: &Plan) -> u64 {
    let speed = 3_000_000_000;
    let figures =
        [Figure::Append, Figure::Disk, Figure::Memory, Figure::Purge, Figure::Start, Figure::Verify];
    let logs = plan.any(&figures) || plan.any(&[Figure::Export, Figure::Proofs]);
    let subscribers = if plan.has(Figure::May) { plan.size * 5000 } else { 0 };
    speed + subscribers + if logs { plan.size * 1900 } else { 0 }
}

/// Keeps this process, and so all that it starts, to the first two processors it may use, and returns their numbers.
pub(crate) fn two_processors() -> Result<Vec<usize>> {
    let may = sched_getaffinity(None)?;
    let two: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|number| may.is_set(*number)).take(2).collect();
    ensure!(two.len() == 2, "the figures are for two processors, and there is one");
    let mut set = CpuSet::new();
    two.iter().for_each(|number| set.set(*number));
    sched_setaffinity(None, &set)?;
    Ok(two)
}
