//! Giving space back: files of rows are written anew one after another, without what is gone; then sled is copied without the keys of
//! what is gone, and the copy takes its place.
//!
//! sled's deletes cost memory and give nothing back, so keys are left out of a copy instead. The copy runs beside commits
//! and absorbing: what changes in the index meanwhile is noted and copied again, in ever shorter rounds; only the last one, with
//! the small main tree, and the swap hold absorbing up; a file of rows does while it is written. A crash leaves each file as it was or as
//! it is to be, and the old sled or the new one, which need not know of each other: the index may name rows that are gone, because
//! the rows tell. Whatever else lies about is removed at the next start.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use assent_core::ids::SiteId;
use assent_ledger::store::{Reclaimed, Replaces, StoreError};

use crate::database::{Database, Databases};
use crate::keys::{self, Key, SiteNumber};
use crate::rows::Rows;
use crate::seen::Seen;
use crate::{Inner, lock};

/// Names the folder with the databases in force.
const CURRENT: &str = "current";
/// The first one.
const FIRST: &str = "sled-0";
/// Bytes that are copied into sled at once.
const AT_ONCE: usize = 512 << 10;
/// Keys that may be left for the last round, which holds absorbing up.
const FEW: usize = 2000;
/// Rounds before the last one is made whatever is left.
const ROUNDS: usize = 20;

/// The name of the folder with the databases in force.
///
/// # Errors
/// When the file that says so cannot be read, or names no folder although there are some: it was lost or damaged. Nothing is made or
/// removed then.
pub(crate) fn current(dir: &Path) -> io::Result<String> {
    let current = match fs::read_to_string(dir.join(CURRENT)) {
        Ok(name) => name.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => FIRST.to_owned(),
        Err(error) => return Err(error),
    };
    let all = folders(dir)?;
    if all.contains(&current) || (all.is_empty() && current == FIRST) {
        return Ok(current);
    }
    let found =
        if all.is_empty() { "there is none".to_owned() } else { format!("there is {}", all.join(", ")) };
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "the file `{CURRENT}` is lost or damaged: it should name the folder of the databases in force, and {found}"
        ),
    ))
}

/// Removes the databases that are not in force, left by a copy that was cut short. Only once those in force were opened, with the journal
/// that goes on from them: whatever is removed is needed by nobody.
pub(crate) fn remove_others(dir: &Path, current: &str) -> io::Result<()> {
    let others = folders(dir)?.into_iter().filter(|name| name != current);
    others.into_iter().try_for_each(|name| fs::remove_dir_all(dir.join(name)))
}

/// The names of all folders of databases, in order: `sled-` and a number.
fn folders(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        names.extend(name.to_str().filter(|name| number(name).is_some()).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("sled-")?;
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

/// Names the databases in force. Answers whether that is durable: when it is not, the file names them, and a power cut may yet undo it.
///
/// # Errors
/// The file names those it named before.
fn set_current(dir: &Path, name: &str) -> io::Result<io::Result<()>> {
    let new = dir.join("current.new");
    let mut file = File::create(&new)?;
    file.write_all(name.as_bytes())?;
    file.sync_all()?;
    let folder = File::open(dir)?;
    fs::rename(&new, dir.join(CURRENT))?;
    Ok(folder.sync_all())
}

impl Inner {
    pub(crate) fn reclaim(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError> {
        let _one_at_a_time = lock(&self.reclaiming);
        let done = self.reclaim_all(replaces);
        if done.is_err() {
            // It may be sled that failed, while it was held here.
            let _absorbing = lock(&self.absorbing);
            self.open_sled_again();
        }
        done
    }

    fn reclaim_all(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError> {
        let failed = |error| StoreError::new("be copied", error);
        // What was erased is still in the journal's last file, and what is recent is not copied, so it is put where it is.
        lock(&self.journal).end_file();
        self.absorb_down_to(0)?;
        {
            let _absorbing = lock(&self.absorbing);
            self.tidy_journal(true)?;
        }
        let old = self.sled()?;
        // Who was erased is named in an index that could not be removed.
        remove_others(&self.dir, name_of(old.folder())).map_err(failed)?;
        let before = old.disk_len() + self.rows.disk_len();
        let gone = self.rewrite_rows(&old, replaces)?;
        let name = next_name(old.folder());
        let folder = self.dir.join(&name);
        let new =
            Databases::open(&folder, self.cache).map_err(|error| StoreError::new("be copied", error))?;
        let done = self.copy(&old, Arc::new(new), &gone, &name);
        *lock(&self.touched) = None;
        // Whichever is not in force goes, once that is sure. Readers that are still in it read on.
        let in_force = self.sled().ok().map(|sled| sled.folder().to_path_buf());
        let goes = match (&done, in_force) {
            (Ok(_), _) => Some(old.folder().to_path_buf()),
            (Err(_), Some(in_force)) if in_force != folder => Some(folder),
            // The next start knows which is not needed.
            (Err(_), _) => None,
        };
        drop(old);
        let removed = goes.map_or(Ok(()), fs::remove_dir_all);
        let after = done?.disk_len() + self.rows.disk_len();
        removed.map_err(|error| StoreError::new("remove what was copied", error))?;
        Ok(Reclaimed { rows: gone.replaced, before, after })
    }

    /// Writes every file of rows anew. Answers what is no record any more.
    fn rewrite_rows(&self, sled: &Databases, replaces: &Replaces<'_>) -> Result<Gone, StoreError> {
        let mut gone = Gone::default();
        for (site, number) in sites(&sled.main)? {
            for part in self.rows.parts_of(number)? {
                let _absorbing = lock(&self.absorbing);
                self.rewrite_part(&site, number, part, replaces, &mut gone)?;
                // The absorber waits for us, so we do what it would.
                self.absorb_due()?;
            }
        }
        Ok(gone)
    }

    fn rewrite_part(
        &self,
        site: &SiteId,
        number: SiteNumber,
        part: u64,
        replaces: &Replaces<'_>,
        gone: &mut Gone,
    ) -> Result<(), StoreError> {
        let rows: &Rows = &self.rows;
        rows.rewrite(number, part, &mut |index, row| {
            // What takes a row's place and is not absorbed yet is newer than what is asked about, and will be written over it. It is looked for
            // afterwards: who is carried over is in `recent` before their month is gone.
            let comes = || self.recent().site(site).is_some_and(|site| site.replaces(index));
            let replaced = replaces(site, index, row).filter(|_| !comes());
            if replaced.as_ref().unwrap_or(row).record().is_none() {
                gone.add(number, index);
            }
            gone.replaced += u64::from(replaced.is_some());
            replaced
        })
    }

    fn copy(
        &self,
        old: &Arc<Databases>,
        new: Arc<Databases>,
        gone: &Gone,
        name: &str,
    ) -> Result<Arc<Databases>, StoreError> {
        // What changes in the old index while it is copied, by whomever, is noted, and copied again.
        let touched = || lock(&self.touched).replace(BTreeSet::new()).unwrap_or_default();
        {
            let _absorbing = lock(&self.absorbing);
            touched();
        }
        let (from, to) = (old.index()?, new.index()?);
        let mut copy = Copy::new(to, Some(&new.seen));
        for entry in from.under(&[]) {
            let (key, value) = entry?;
            if !gone.names(&key, &value) && copy.put(&key, Some(&value))? {
                let _absorbing = lock(&self.absorbing);
                self.absorb_due()?;
            }
        }
        for _ in 0..ROUNDS {
            if lock(&self.touched).as_ref().is_none_or(|touched| touched.len() <= FEW) {
                break;
            }
            // Between two steps: a key is noted before it is written.
            let keys = {
                let _absorbing = lock(&self.absorbing);
                touched()
            };
            copy.again(from, keys, gone)?;
            let _absorbing = lock(&self.absorbing);
            self.absorb_due()?;
        }
        // The last round: absorbing stands still until the new one is in force.
        let absorbing = lock(&self.absorbing);
        if !Arc::ptr_eq(&self.sled()?, old) {
            let why = "the databases failed while they were copied, and what they hold in memory may not be what was written";
            return Err(StoreError::new("be copied", why));
        }
        copy.again(from, touched(), gone)?;
        copy.flush()?;
        let mut copy = Copy::new(&new.main, None);
        for entry in old.main.under(&[]) {
            let (key, value) = entry?;
            copy.put(&key, Some(&value))?;
        }
        copy.flush()?;
        let failed = |error| StoreError::new("be swapped", error);
        let durable = set_current(&self.dir, name).map_err(failed)?;
        *self.sled.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&new));
        if let Err(error) = durable {
            // Nothing more is taken before it is durable (`revive`): what is absorbed from here on would be missing in the old one.
            self.failed.store(true, std::sync::atomic::Ordering::Release);
            return Err(failed(error));
        }
        drop(absorbing);
        Ok(new)
    }

    /// Absorbs what is due, because the absorber waits for the lock on `absorbing`, which is held.
    fn absorb_due(&self) -> Result<(), StoreError> {
        while self.recent().bytes() >= crate::ABSORB_AT && self.absorb_step(&mut |took| self.rest(took))? {
            self.absorbed.notify_all();
        }
        Ok(())
    }
}

fn sites(main: &Database) -> Result<Vec<(SiteId, SiteNumber)>, StoreError> {
    let sites = main.under(keys::SITES).map(|entry| {
        let (key, value) = entry?;
        keys::parse_site(&key, &value).ok_or_else(|| StoreError::damaged("read the list of sites"))
    });
    sites.collect()
}

fn name_of(folder: &Path) -> &str {
    folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// `sled-7` after `sled-6`.
fn next_name(folder: &Path) -> String {
    format!("sled-{}", number(name_of(folder)).unwrap_or(0) + 1)
}

/// Rows that are no records: a bit for each, by site.
#[derive(Default)]
struct Gone {
    bits: HashMap<SiteNumber, Vec<u64>>,
    /// How many of all rows were replaced now.
    replaced: u64,
}

impl Gone {
    fn add(&mut self, number: SiteNumber, index: u64) {
        let bits = self.bits.entry(number).or_default();
        let place = (index / 64) as usize;
        if bits.len() <= place {
            bits.resize(place + 1, 0);
        }
        bits[place] |= 1 << (index % 64);
    }

    /// Whether a key of the index names such a row.
    fn names(&self, key: &[u8], value: &[u8]) -> bool {
        let index = match keys::parse(key) {
            Some((number, b'I', _)) => keys::parse_index(value).map(|index| (number, index)),
            Some((number, b'C', rest)) => {
                rest.get(32..).and_then(keys::parse_u64).map(|index| (number, index))
            }
            _ => None,
        };
        index.is_some_and(|(number, index)| {
            let bits = self.bits.get(&number).and_then(|bits| bits.get((index / 64) as usize));
            bits.is_some_and(|bits| bits & (1 << (index % 64)) != 0)
        })
    }
}

/// Puts keys into a new database, many at a time.
struct Copy<'a> {
    to: &'a Database,
    /// Where it is noted who is in it.
    seen: Option<&'a Seen>,
    batch: sled::Batch,
    bytes: usize,
}

impl<'a> Copy<'a> {
    fn new(to: &'a Database, seen: Option<&'a Seen>) -> Self {
        Copy { to, seen, batch: sled::Batch::default(), bytes: 0 }
    }

    /// Copies keys as they are now, or takes them away.
    fn again(&mut self, from: &Database, keys: BTreeSet<Key>, gone: &Gone) -> Result<(), StoreError> {
        for key in keys {
            let value = from.get(&key, "what changed")?;
            let value = value.filter(|value| !gone.names(&key, value));
            self.put(&key, value.as_deref())?;
        }
        Ok(())
    }

    /// Puts a key into the new database, or takes it away. Answers whether a part was finished.
    fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<bool, StoreError> {
        self.bytes += key.len() + value.map_or(0, <[u8]>::len);
        match value {
            Some(value) => {
                if let Some(seen) = self.seen {
                    seen.add(std::iter::once(key));
                }
                self.batch.insert(key, value);
            }
            None => self.batch.remove(key),
        }
        if self.bytes < AT_ONCE {
            return Ok(false);
        }
        self.flush()?;
        Ok(true)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        self.to.write(std::mem::take(&mut self.batch))
    }
}
