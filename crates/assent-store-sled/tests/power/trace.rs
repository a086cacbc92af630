//! What a process did to its files, read from `strace -f -y -xx`, and what a power cut at some moment may leave of it.
//!
//! The model is harsher than most disks: whatever was not synced is lost or kept page by page, each page with a prefix of the
//! writes it got, in any combination; names are durable once their folder was synced. `sync_file_range` counts for nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

const PAGE: u64 = 4096;

/// Chance that can be repeated (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

/// One thing the process did, in the order it did them.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Bytes into a file (by its number in the trace) at a place.
    Write { file: usize, at: u64, bytes: Vec<u8> },
    /// A file cut or extended.
    Truncate { file: usize, len: u64 },
    /// A file's content made durable.
    Sync { file: usize },
    /// A name given to a file, or taken away.
    Name { path: PathBuf, file: Option<usize> },
    /// A folder made.
    Folder { path: PathBuf },
    /// A name moved, with everything below it.
    Move { from: PathBuf, to: PathBuf },
    /// A folder's names made durable.
    SyncFolder { path: PathBuf },
    /// A line on standard output.
    Said(String),
}

/// Reads a trace: what happened below `root`.
pub(crate) fn read(trace: &str, root: &Path) -> Vec<Event> {
    let mut reader =
        Reader { root, fds: HashMap::new(), names: HashMap::new(), files: 0, events: Vec::new() };
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    for line in trace.lines() {
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(begin) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, begin);
        } else if call.starts_with("<... ") {
            let end = call.split_once("resumed>").map_or("", |(_, end)| end);
            if let Some(begin) = unfinished.remove(pid) {
                reader.call(&format!("{begin}{end}"));
            }
        } else {
            reader.call(call);
        }
    }
    reader.events
}

struct Reader<'a> {
    root: &'a Path,
    /// By descriptor: file number and where `write` goes.
    fds: HashMap<i32, (usize, u64)>,
    /// By path: the file that has this name now.
    names: HashMap<PathBuf, usize>,
    files: usize,
    events: Vec<Event>,
}

impl Reader<'_> {
    fn call(&mut self, call: &str) -> Option<()> {
        let (name, rest) = call.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        let result = result.split(['<', ' ']).next()?;
        if result.starts_with('-') {
            return None;
        }
        let parts: Vec<&str> = arguments.split(", ").collect();
        match name {
            "openat" => {
                let path = PathBuf::from(String::from_utf8(text(parts[1])?).ok()?);
                let fd: i32 = result.parse().ok()?;
                if !path.starts_with(self.root) || parts[2].contains("O_DIRECTORY") {
                    self.fds.remove(&fd);
                    return None;
                }
                if path.is_dir() || !parts[2].contains("O_CREAT") && !self.names.contains_key(&path) {
                    self.fds.remove(&fd);
                    return None;
                }
                let file = match self.names.get(&path) {
                    Some(file) => *file,
                    None => {
                        self.files += 1;
                        self.names.insert(path.clone(), self.files);
                        self.events.push(Event::Name { path, file: Some(self.files) });
                        self.files
                    }
                };
                if parts[2].contains("O_TRUNC") {
                    self.events.push(Event::Truncate { file, len: 0 });
                }
                self.fds.insert(fd, (file, 0));
            }
            "pwrite64" => {
                let (file, _) = *self.fds.get(&descriptor(parts[0])?)?;
                let (bytes, at) = (text(parts[1])?, parts[3].parse().ok()?);
                self.events.push(Event::Write { file, at, bytes });
            }
            "write" => {
                let fd = descriptor(parts[0])?;
                let bytes = text(parts[1])?;
                if fd == 1 {
                    self.events.push(Event::Said(String::from_utf8_lossy(&bytes).into_owned()));
                    return None;
                }
                let (file, at) = self.fds.get_mut(&fd)?;
                let (file, begin) = (*file, *at);
                *at += bytes.len() as u64;
                self.events.push(Event::Write { file, at: begin, bytes });
            }
            "ftruncate" => {
                let (file, _) = *self.fds.get(&descriptor(parts[0])?)?;
                self.events.push(Event::Truncate { file, len: parts[1].parse().ok()? });
            }
            "fsync" | "fdatasync" => {
                let named =
                    parts[0].split_once('<').and_then(|(_, path)| text_of(path.trim_end_matches('>')));
                match self.fds.get(&descriptor(parts[0])?) {
                    Some((file, _)) => self.events.push(Event::Sync { file: *file }),
                    None => {
                        let path = PathBuf::from(String::from_utf8(named?).ok()?);
                        self.events.push(Event::SyncFolder { path });
                    }
                }
            }
            "mkdir" => {
                let path = PathBuf::from(String::from_utf8(text(parts[0])?).ok()?);
                self.events.push(Event::Folder { path });
            }
            "rename" => {
                let path = |part| Some(PathBuf::from(String::from_utf8(text(part)?).ok()?));
                let (from, to) = (path(parts[0])?, path(parts[1])?);
                if let Some(file) = self.names.remove(&from) {
                    self.names.insert(to.clone(), file);
                }
                self.events.push(Event::Move { from, to });
            }
            "unlink" | "unlinkat" => {
                // A name in a folder that stands before it.
                let (folder, part) = if name == "unlink" { ("", parts[0]) } else { (parts[0], parts[1]) };
                let folder = folder.split_once('<').and_then(|(_, path)| text_of(path.trim_end_matches('>')));
                let folder = PathBuf::from(String::from_utf8(folder.unwrap_or_default()).ok()?);
                let path = folder.join(String::from_utf8(text(part)?).ok()?);
                self.names.remove(&path);
                self.events.push(Event::Name { path, file: None });
            }
            _ => {}
        }
        None
    }
}

fn descriptor(part: &str) -> Option<i32> {
    part.split('<').next()?.parse().ok()
}

/// The bytes of a quoted string.
fn text(part: &str) -> Option<Vec<u8>> {
    text_of(part.strip_prefix('"')?.strip_suffix('"')?)
}

fn text_of(hex: &str) -> Option<Vec<u8>> {
    hex.split("\\x").skip(1).map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// One file while the events pass: what is durable, and what was done since.
#[derive(Default, Clone)]
struct FileState {
    durable: Vec<u8>,
    since: Vec<Event>,
}

impl FileState {
    fn sync(&mut self) {
        for event in std::mem::take(&mut self.since) {
            apply(&mut self.durable, &event);
        }
    }

    /// What the disk may hold: every page with a prefix of the writes it got since the last sync.
    fn torn(&self, rng: &mut Dice) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let mut pages: BTreeMap<u64, Vec<(u64, &[u8])>> = BTreeMap::new();
        for event in &self.since {
            match event {
                Event::Truncate { len, .. } if rng.below(2) == 0 => {
                    bytes.resize(*len as usize, 0);
                    pages.retain(|page, _| page * PAGE < *len);
                }
                Event::Write { at, bytes, .. } => {
                    let mut done = 0;
                    while done < bytes.len() {
                        let place = at + done as u64;
                        let room = (PAGE - place % PAGE) as usize;
                        let part = &bytes[done..bytes.len().min(done + room)];
                        pages.entry(place / PAGE).or_default().push((place, part));
                        done += part.len();
                    }
                }
                _ => {}
            }
        }
        for writes in pages.into_values() {
            let kept = rng.below(writes.len() + 1);
            for (at, part) in &writes[..kept] {
                let end = *at as usize + part.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at as usize..end].copy_from_slice(part);
            }
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Truncate { len, .. } => bytes.resize(*len as usize, 0),
        Event::Write { at, bytes: new, .. } => {
            let end = *at as usize + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at as usize..end].copy_from_slice(new);
        }
        _ => {}
    }
}

/// Everything up to some event, and what of it is durable.
#[derive(Default, Clone)]
pub(crate) struct Disk {
    files: HashMap<usize, FileState>,
    names: BTreeMap<PathBuf, usize>,
    folders: Vec<PathBuf>,
    /// Changes of names that no sync of their folder covers yet, in order.
    names_since: Vec<Event>,
    /// What was said so far.
    pub(crate) said: Vec<String>,
}

impl Disk {
    pub(crate) fn pass(&mut self, event: &Event) {
        match event {
            Event::Write { file, .. } | Event::Truncate { file, .. } => {
                self.files.entry(*file).or_default().since.push(event.clone());
            }
            Event::Sync { file } => {
                self.files.entry(*file).or_default().sync();
                // A new file's sync makes its name durable on the file systems people use.
                let (mine, others) = std::mem::take(&mut self.names_since).into_iter().partition(
                    |event| matches!(event, Event::Name { file: Some(named), .. } if named == file),
                );
                self.names_since = others;
                let mine: Vec<Event> = mine;
                mine.iter().for_each(|event| self.name(event));
            }
            Event::Name { .. } | Event::Folder { .. } | Event::Move { .. } => {
                self.names_since.push(event.clone());
            }
            Event::SyncFolder { path } => {
                let covered = |event: &Event| match event {
                    Event::Name { path: of, .. }
                    | Event::Folder { path: of }
                    | Event::Move { to: of, .. } => of.parent() == Some(path),
                    _ => false,
                };
                // Names are journalled in order: what came before the last covered change is durable with it.
                let end = self.names_since.iter().rposition(covered).map_or(0, |last| last + 1);
                let durable: Vec<Event> = self.names_since.drain(..end).collect();
                durable.iter().for_each(|event| self.name(event));
            }
            Event::Said(text) => self.said.push(text.clone()),
        }
    }

    fn name(&mut self, event: &Event) {
        match event {
            Event::Name { path, file: Some(file) } => drop(self.names.insert(path.clone(), *file)),
            Event::Name { path, file: None } => drop(self.names.remove(path)),
            Event::Folder { path } => self.folders.push(path.clone()),
            Event::Move { from, to } => {
                let moved: Vec<_> =
                    self.names.range(from.clone()..).map(|(path, file)| (path.clone(), *file)).collect();
                for (path, file) in moved {
                    if let Ok(rest) = path.strip_prefix(from) {
                        self.names.remove(&path);
                        let to = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                        self.names.insert(to, file);
                    }
                }
            }
            _ => {}
        }
    }

    /// Writes what a power cut now may leave of `from` into `to`.
    pub(crate) fn cut(&self, from: &Path, to: &Path, rng: &mut Dice) {
        let mut left = self.clone();
        let kept = rng.below(self.names_since.len() + 1);
        let since = self.names_since[..kept].to_vec();
        since.iter().for_each(|event| left.name(event));
        let place = |path: &Path| path.strip_prefix(from).ok().map(|rest| to.join(rest));
        for folder in left.folders.iter().filter_map(|folder| place(folder)) {
            std::fs::create_dir_all(folder).unwrap();
        }
        for (path, file) in &left.names {
            let Some(path) = place(path) else { continue };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let bytes = left.files.get(file).map(|file| file.torn(rng)).unwrap_or_default();
            std::fs::write(path, bytes).unwrap();
        }
    }
}
