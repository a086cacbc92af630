//! A PostgreSQL of its own for the peer: made by `initdb` in the run's folder, with every default, listening on a socket there
//! only, ended with the run. PostgreSQL refuses to run as root, so root runs it as `postgres` or `nobody`.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::server::Program;

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    program: Program,
    /// What clients connect to.
    pub(crate) url: String,
    /// `postgres --version`.
    pub(crate) version: String,
}

/// Where PostgreSQL 15's programs are, when they are installed.
pub(crate) fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    let usual = ["/usr/lib/postgresql/15/bin", "/usr/pgsql-15/bin", "/usr/local/pgsql/bin"];
    let mut folders = usual.map(PathBuf::from).into_iter().chain(folders);
    folders.find(|folder| {
        let version = Command::new(folder.join("postgres")).arg("--version").output();
        folder.join("initdb").is_file()
            && version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains(" 15."))
    })
}

impl Cluster {
    /// Makes it in `folder` and starts it.
    pub(crate) fn start(programs: &Path, folder: &Path) -> Result<Self> {
        let version = Command::new(programs.join("postgres")).arg("--version").output()?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_string();
        fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let other = other_user()?;
        if let Some((user, group)) = other {
            chown(folder, Some(user), Some(group))?;
        }
        let command = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(folder).env_remove("PGDATA").stdin(Stdio::null());
            if let Some((user, group)) = other {
                command.uid(user).gid(group);
            }
            command
        };
        let data = folder.join("data");
        let mut initdb = command("initdb");
        initdb.arg("--pgdata").arg(&data).args([
            "--username",
            "peer",
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
        ]);
        let made = initdb.arg("--no-locale").output().context("cannot start initdb")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = command("postgres");
        server.arg("-D").arg(&data).args(["-c", "listen_addresses=", "-k"]).arg(folder);
        let program = Program::start(&mut server, &folder.with_extension("log"), Signal::INT)?;
        let url = format!("postgres://peer@localhost/postgres?host={}", folder.display());
        let began = Instant::now();
        loop {
            let asked = command("pg_isready").arg("-q").arg("-h").arg(folder).status()?;
            if asked.success() {
                return Ok(Self { program, url, version });
            }
            crate::stop::check()?;
            if began.elapsed() > Duration::from_secs(60) {
                bail!("PostgreSQL does not answer; it said\n{}", program.said());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it cleanly.
    pub(crate) fn stop(self) -> Result<()> {
        self.program.stop(Signal::INT)
    }
}

/// The user and group to run as, when this process is root.
fn other_user() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |name: &str| {
        let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let mut fields = line.split(':').skip(1).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).context("root needs a user `postgres` or `nobody` to run PostgreSQL as")
}
