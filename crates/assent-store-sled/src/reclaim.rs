//! Giving space back: a new sled beside the old one gets everything that is live, and then takes its place.
//!
//! sled's deletes cost memory and give nothing back, so rows that are gone are left out of a copy instead. The copy runs beside
//! commits and absorbing: what changes meanwhile is noted and copied again, in ever shorter rounds; only the last one, and the swap,
//! hold absorbing up. A crash before the swap leaves the old one; whatever else lies about is removed at the next start.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use assent_core::ids::SiteId;
use assent_ledger::store::{Reclaimed, Replaces, Row, StoreError};

use crate::absorb::STEP;
use crate::keys::{self, KINDS, Key, ROWS, SiteNumber};
use crate::main_tree::MainTree;
use crate::{Inner, lock};

/// Names the folder that is in force.
const CURRENT: &str = "current";
/// Keys that may be left for the last round, which holds absorbing up.
const FEW: usize = 2000;
/// Rounds before the last one is made whatever is left.
const ROUNDS: usize = 20;

/// The name of the folder with the sled in force; other ones, left by a copy that was cut short, are removed.
pub(crate) fn current(dir: &Path) -> io::Result<String> {
    let current = match fs::read_to_string(dir.join(CURRENT)) {
        Ok(name) => name.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "main-0".to_owned(),
        Err(error) => return Err(error),
    };
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let other = name.to_str().is_some_and(|name| name.starts_with("main-") && name != current);
        if other {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(current)
}

fn set_current(dir: &Path, name: &str) -> io::Result<()> {
    let new = dir.join("current.new");
    let mut file = File::create(&new)?;
    file.write_all(name.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, dir.join(CURRENT))?;
    File::open(dir)?.sync_all()
}

impl Inner {
    pub(crate) fn reclaim(&self, replaces: &Replaces<'_>) -> Result<Reclaimed, StoreError> {
        let _one_at_a_time = lock(&self.reclaiming);
        let failed = |error| StoreError::new("be copied", error);
        // What is recent is not copied, so it is put where it is.
        self.absorb_down_to(0)?;
        let old = self.main()?;
        let name = next_name(old.folder());
        let folder = self.dir.join(&name);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        let new = MainTree::open(&folder, self.cache).map_err(|error| StoreError::new("be copied", error))?;
        let done = self.copy(&old, Arc::new(new), replaces, &name);
        // Whichever is not in force goes. Readers that are still in it read on.
        let goes = if done.is_ok() { old.folder().to_path_buf() } else { folder };
        drop(old);
        drop(fs::remove_dir_all(goes));
        done
    }

    fn copy(
        &self,
        old: &MainTree,
        new: Arc<MainTree>,
        replaces: &Replaces<'_>,
        name: &str,
    ) -> Result<Reclaimed, StoreError> {
        let before = old.disk_len();
        let mut copy = Copy::new(old, &new, replaces);
        // What changes in the old one while it is copied, and must be copied again.
        let mut touched: BTreeSet<Key> = BTreeSet::new();
        copy.everything(&mut || self.absorb_meanwhile(&mut touched))?;
        for _ in 0..ROUNDS {
            if touched.len() <= FEW {
                break;
            }
            copy.again(std::mem::take(&mut touched))?;
            self.absorb_meanwhile(&mut touched)?;
        }
        // The last round: absorbing stands still until the new one is in force.
        let absorbing = lock(&self.absorbing);
        touched.insert(keys::ABSORBED.to_vec());
        copy.again(touched)?;
        let rows = copy.finish()?;
        set_current(&self.dir, name).map_err(|error| StoreError::new("be swapped", error))?;
        let after = new.disk_len();
        *self.main.write().unwrap_or_else(PoisonError::into_inner) = Some(new);
        drop(absorbing);
        Ok(Reclaimed { rows, before, after })
    }

    /// Absorbs what is due while the copy runs, because the absorber waits for it.
    fn absorb_meanwhile(&self, touched: &mut BTreeSet<Key>) -> Result<(), StoreError> {
        let _absorbing = lock(&self.absorbing);
        while self.recent().bytes() >= crate::ABSORB_AT
            && self.absorb_step(Some(&mut |key: &Key| touched.extend([key.clone()])))?
        {
            self.absorbed.notify_all();
        }
        Ok(())
    }
}

/// `main-7` after `main-6`.
fn next_name(folder: &Path) -> String {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let number: u64 = name.strip_prefix("main-").and_then(|number| number.parse().ok()).unwrap_or(0);
    format!("main-{}", number + 1)
}

struct Copy<'a> {
    old: &'a MainTree,
    new: &'a MainTree,
    replaces: &'a Replaces<'a>,
    sites: HashMap<SiteNumber, SiteId>,
    /// A bit for each row that is no record any more, by site.
    gone: HashMap<SiteNumber, Vec<u64>>,
    /// Rows that were replaced on the way.
    replaced: u64,
    batch: sled::Batch,
    bytes: usize,
}

impl<'a> Copy<'a> {
    fn new(old: &'a MainTree, new: &'a MainTree, replaces: &'a Replaces<'a>) -> Self {
        let (sites, gone) = (HashMap::new(), HashMap::new());
        Copy { old, new, replaces, sites, gone, replaced: 0, batch: sled::Batch::default(), bytes: 0 }
    }

    fn know_sites(&mut self) -> Result<(), StoreError> {
        for entry in self.old.under(keys::SITES) {
            let (key, value) = entry?;
            let site = keys::parse_site(&key, &value);
            let (site, number) = site.ok_or_else(|| StoreError::damaged("read the list of sites"))?;
            self.sites.insert(number, site);
            self.put(&key, Some(value.to_vec()))?;
        }
        Ok(())
    }

    /// Copies every key, rows first. `between` is called after each part.
    fn everything(&mut self, between: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.know_sites()?;
        let mut numbers: Vec<SiteNumber> = self.sites.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            for kind in KINDS {
                for entry in self.old.under(&keys::kind(number, kind)) {
                    let (key, value) = entry?;
                    if self.entry(&key, &value)? {
                        between()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes everything durable. Answers how many rows were replaced.
    fn finish(mut self) -> Result<u64, StoreError> {
        self.flush()?;
        Ok(self.replaced)
    }

    /// Copies keys as they are now, or takes them away. Rows first, as always.
    fn again(&mut self, keys: BTreeSet<Key>) -> Result<(), StoreError> {
        let is_rows = |key: &Key| keys::parse(key).is_some_and(|(_, kind, _)| kind == b'R');
        let (rows, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_rows);
        self.know_sites()?;
        for key in rows.into_iter().chain(others) {
            match self.old.get(&key, "what changed")? {
                Some(value) => drop(self.entry(&key, &value)?),
                None => drop(self.put(&key, None)?),
            }
        }
        Ok(())
    }

    /// Copies one key, unless what it leads to is gone. Answers whether a part was finished.
    fn entry(&mut self, key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        match keys::parse(key) {
            Some((number, b'R', chunk)) => {
                let chunk = keys::parse_u64(chunk).ok_or_else(|| StoreError::damaged("read rows"))?;
                let rows = self.rows(number, chunk, value)?;
                self.put(key, Some(rows))
            }
            Some((number, b'I', _)) => match keys::parse_index(value) {
                Some(index) if self.is_gone(number, index) => self.put(key, None),
                _ => self.put(key, Some(value.to_vec())),
            },
            Some((number, b'C', rest)) => match rest.get(32..).and_then(keys::parse_u64) {
                Some(index) if self.is_gone(number, index) => self.put(key, None),
                _ => self.put(key, Some(value.to_vec())),
            },
            _ => self.put(key, Some(value.to_vec())),
        }
    }

    /// A chunk of rows with those replaced that are to be.
    fn rows(&mut self, number: SiteNumber, chunk: u64, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let damaged = |index: u64| StoreError::damaged(format!("read row {index}"));
        let rows = keys::parse_rows(value).ok_or_else(|| damaged(chunk * ROWS))?;
        let site = self.sites.get(&number).ok_or_else(|| StoreError::damaged("find a row's site"))?;
        let mut copied = Vec::with_capacity(rows.len());
        for (index, bytes) in (chunk * ROWS..).zip(rows) {
            if bytes.is_empty() {
                copied.push(Vec::new());
                continue;
            }
            let row = Row::from_bytes(bytes).ok_or_else(|| damaged(index))?;
            let replaced = (self.replaces)(site, index, &row);
            if replaced.as_ref().unwrap_or(&row).record().is_none() {
                let bits = self.gone.entry(number).or_default();
                let (place, bit) = ((index / 64) as usize, 1 << (index % 64));
                if bits.len() <= place {
                    bits.resize(place + 1, 0);
                }
                // A chunk may be copied more than once.
                self.replaced += u64::from(replaced.is_some() && bits[place] & bit == 0);
                bits[place] |= bit;
            }
            copied.push(replaced.map_or_else(|| bytes.to_vec(), |row| row.to_bytes()));
        }
        Ok(keys::rows_value(&copied))
    }

    fn is_gone(&self, number: SiteNumber, index: u64) -> bool {
        let bits = self.gone.get(&number).and_then(|bits| bits.get((index / 64) as usize));
        bits.is_some_and(|bits| bits & (1 << (index % 64)) != 0)
    }

    /// Puts a key into the new database, or takes it away. Answers whether a part was finished.
    fn put(&mut self, key: &[u8], value: Option<Vec<u8>>) -> Result<bool, StoreError> {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        match value {
            Some(value) => self.batch.insert(key, value),
            None => self.batch.remove(key),
        }
        if self.bytes < STEP {
            return Ok(false);
        }
        self.flush()?;
        Ok(true)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        self.new.write(std::mem::take(&mut self.batch))
    }
}
