//! The operator's key: where it comes from, and a new one in its place.
//!
//! It comes from one of three places (`ledger.key_file`, `ledger.key`, `ledger.key_command`); how it wraps secrets is the
//! ledger's. A rotation keeps the new key on disk before it is used for anything, so that a crash never loses it.

use crate::backup::Repository;
use crate::config::{Config, Ledger};
use crate::data_dir::{DataDirError, lock, remember_backups, replace_file};
use assent_core::ids::SiteId;
use assent_ledger::{Rotated, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// The 32 bytes that wrap every other secret.
#[derive(Clone)]
pub struct OperatorKey(pub Zeroizing<[u8; 32]>);

impl OperatorKey {
    /// The ledger's form of it.
    #[must_use]
    pub fn for_ledger(&self) -> assent_ledger::OperatorKey {
        assent_ledger::OperatorKey::from_bytes(*self.0)
    }

    /// Draws a new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn draw() -> io::Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut()).map_err(io::Error::other)?;
        Ok(Self(key))
    }

    /// 32 bytes in base64 on one line, as a key file holds them.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_ref()) + "\n")
    }

    fn parse(text: &str, place: &str) -> Result<Self, DataDirError> {
        let malformed = || DataDirError::KeyMalformed(place.to_string());
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| malformed())?);
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed())?;
        Ok(Self(Zeroizing::new(key)))
    }
}

/// Reads the key from where the configuration says; nothing when it is to be in a file that is not there.
pub(crate) fn read(config: &Ledger) -> Result<Option<OperatorKey>, DataDirError> {
    if !config.key.is_empty() {
        return OperatorKey::parse(&config.key, "ledger.key").map(Some);
    }
    if !config.key_command.is_empty() {
        return run(&config.key_command).map(Some);
    }
    let file = config.key_file.relative();
    let next = next(&file);
    if next.exists() {
        return Err(DataDirError::RotationUnfinished(next));
    }
    read_file(&file)
}

/// Draws the first key, where the configuration says that it is to be in a file.
pub(crate) fn create(config: &Ledger) -> Result<OperatorKey, DataDirError> {
    let path = config.key_file.relative();
    let key = OperatorKey::draw().map_err(|source| DataDirError::Io { path: path.clone(), source })?;
    // Whole, and under its name for good, before anything is wrapped under it.
    replace_file(&path, key.to_text().as_bytes())?;
    tracing::warn!(
        key_file = %path.display(),
        "made a new operator's key: copy it to a safe place elsewhere now; without it no record can be read"
    );
    Ok(key)
}

/// What the command prints is the key. Its own messages go where ours go.
fn run(command: &str) -> Result<OperatorKey, DataDirError> {
    let failed = |why| DataDirError::KeyCommand { command: command.to_string(), why };
    let mut shell = Command::new("sh");
    let done = shell.args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let done = done.map_err(|error| failed(error.to_string()))?;
    let printed = Zeroizing::new(done.stdout);
    if !done.status.success() {
        return Err(failed(done.status.to_string()));
    }
    let text = std::str::from_utf8(&printed).map_err(|_| failed("it printed no text".into()))?;
    OperatorKey::parse(text, "what ledger.key_command prints")
}

pub(crate) fn read_file(path: &Path) -> Result<Option<OperatorKey>, DataDirError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataDirError::Io { path: path.to_path_buf(), source }),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata =
            fs::metadata(path).map_err(|source| DataDirError::Io { path: path.to_path_buf(), source })?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(DataDirError::KeyExposed(path.to_path_buf()));
        }
    }
    OperatorKey::parse(&text, &path.display().to_string()).map(Some)
}

/// Where a new key waits while it is taking the old one's place.
fn next(key_file: &Path) -> PathBuf {
    let mut name = key_file.file_name().unwrap_or_default().to_owned();
    name.push(".next");
    key_file.with_file_name(name)
}

/// A key took another's place.
#[derive(Debug)]
pub struct KeyRotated {
    /// Subjects' secrets that are wrapped anew, of each site; nothing of a site where an earlier attempt came this far.
    pub sites: Vec<(SiteId, Option<u64>)>,
    /// Where the old key is now: backups made under it need it. Nothing when the operator keeps it.
    pub old: Option<PathBuf>,
}

/// Wraps every site's secrets under a new key: the one in the file `to`, or a new one. The server must be stopped. Cut short, it
/// is to be run again, with the same `to`.
///
/// # Errors
/// [`DataDirError`]; nothing that was readable before is unreadable after, as long as both keys are kept.
pub fn rotate(
    config: &Config,
    to: Option<&Path>,
    today: &str,
    progress: &mut dyn FnMut(&SiteId, u64, u64),
) -> Result<KeyRotated, DataDirError> {
    let root = config.server.data_dir.relative();
    let _lock = lock(&root)?;
    let key_file = config.ledger.key_file.relative();
    let in_file = config.ledger.key.is_empty() && config.ledger.key_command.is_empty();
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| DataDirError::Io { path: path.clone(), source }
    };
    let old = if in_file { read_file(&key_file)? } else { read(&config.ledger)? };
    let lost = || DataDirError::KeyLost { data_dir: root.clone(), key_file: key_file.clone() };
    let old = old.ok_or_else(lost)?;
    let given =
        to.map(|to| read_file(to)?.ok_or_else(|| at(to)(io::ErrorKind::NotFound.into()))).transpose()?;
    let waiting = next(&key_file);
    let new = match (in_file, given) {
        // Such a key is not ours to keep: it must be somewhere already.
        (false, given) => given.ok_or(DataDirError::NoNewKey)?,
        (true, given) => match (read_file(&waiting)?, given) {
            (Some(waiting_key), Some(given)) if waiting_key.0 != given.0 => {
                return Err(DataDirError::RotationUnfinished(waiting));
            }
            (Some(waiting_key), _) => waiting_key,
            (None, given) => given.map_or_else(OperatorKey::draw, Ok).map_err(at(&waiting))?,
        },
    };
    let (from, into) = (old.for_ledger(), new.for_ledger());
    let keys = root.join("keys");
    let with_keys = with_keys(&keys).map_err(at(&keys))?;
    // Before a key waits: from then on nothing starts until every site is under it.
    for site in &with_keys {
        let folder = keys.join(site.as_str());
        assent_ledger::can_rotate(&folder, site, &from, &into)
            .map_err(|source| DataDirError::KeysUnready { site: site.clone(), folder, source })?;
    }
    if in_file {
        replace_file(&waiting, new.to_text().as_bytes())?;
    }
    remember_backups(&root, &Repository::folder_of(&old))?;
    let mut sites = Vec::new();
    for site in with_keys {
        let folder = keys.join(site.as_str());
        let done = assent_ledger::rotate(&folder, &site, &from, &into, &SystemRandom, &mut |done, total| {
            progress(&site, done, total);
        });
        let done = done.map_err(|source| DataDirError::Keys { site: site.clone(), source })?;
        sites.push((site, if let Rotated::Now(secrets) = done { Some(secrets) } else { None }));
    }
    if !in_file {
        return Ok(KeyRotated { sites, old: None });
    }
    let kept = keep_old(&key_file, &old, today)?;
    fs::rename(&waiting, &key_file).map_err(at(&key_file))?;
    let parent = key_file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(at(parent))?;
    Ok(KeyRotated { sites, old: Some(kept) })
}

/// Sites that keys are here of. Folders of an unfinished rotation have names that are no site's.
fn with_keys(keys: &Path) -> io::Result<BTreeSet<SiteId>> {
    let site = |name: &OsStr| SiteId::new(name.to_str()?.split('.').next()?).ok();
    fs::read_dir(keys)?
        .filter_map(|folder| folder.map(|folder| site(&folder.file_name())).transpose())
        .collect()
}

/// Keeps the old key beside the new one, in a file that no other key is in: a day may see several rotations.
fn keep_old(key_file: &Path, old: &OperatorKey, today: &str) -> Result<PathBuf, DataDirError> {
    let text = old.to_text();
    let mut nth = 1_u32;
    loop {
        let mut name = key_file.file_name().unwrap_or_default().to_owned();
        name.push(if nth == 1 { format!(".until-{today}") } else { format!(".until-{today}-{nth}") });
        let kept = key_file.with_file_name(name);
        match fs::read(&kept).map(Zeroizing::new) {
            Ok(there) if there.as_slice() == text.as_bytes() => return Ok(kept),
            Ok(_) => nth += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace_file(&kept, text.as_bytes())?;
                return Ok(kept);
            }
            Err(source) => return Err(DataDirError::Io { path: kept, source }),
        }
    }
}

impl std::fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorKey(…)")
    }
}
