//! Reading somebody's log over HTTP: its checkpoint, its tiles, its entries.
//!
//! Source: c2sp.org/tlog-tiles v0.1.0. What is read is bounded in length and time, and not believed: a checkpoint must be
//! signed ([`assent_core::checkpoint`]) and tiles must lead to its root ([`assent_core::history`]), which callers check.

use super::{Proxies, Unreachable, agent, read_body};
use assent_core::hash::Hash;
use assent_core::tile::{
    Bundle, MAX_ENTRY_LEN, SubtreeLocation, TILE_WIDTH, Tile, TileContentError, decode_hashes,
};
use std::collections::BTreeMap;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Uri;

/// Longest checkpoint that is read, in bytes: the text and a few hundred signature lines.
const MAX_CHECKPOINT_LEN: usize = 1 << 20;
/// Longest bundle: 256 entries of the greatest length, each after two bytes.
const MAX_BUNDLE_LEN: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_LEN);

const FOUND: u16 = 200;
const NOT_FOUND: u16 = 404;
const GONE: u16 = 410;

/// Somebody's log.
#[derive(Debug)]
pub struct LogReader {
    prefix: String,
    agent: Agent,
}

/// Why something of a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The address is not one of http or https.
    #[error("{0} is not an http or https address")]
    BadUrl(String),
    /// No connection, or no whole answer in time.
    #[error("{address} cannot be read")]
    Unreachable {
        /// What was asked for.
        address: String,
        /// Why.
        #[source]
        source: Unreachable,
    },
    /// Another answer than the thing.
    #[error("{address} was answered with status {status}{}", moved(location.as_deref()))]
    Status {
        /// What was asked for.
        address: String,
        /// The HTTP status.
        status: u16,
        /// Where it was sent on to, if it was; that is not followed.
        location: Option<String>,
    },
    /// A tile of the wrong length.
    #[error("{address} is not the tile it should be")]
    Tile {
        /// What was asked for.
        address: String,
        /// Why.
        #[source]
        source: TileContentError,
    },
    /// No tile of the tree has the subtree.
    #[error("a tree of {size} entries has no subtree {index} at level {level}")]
    NoSuchSubtree {
        /// Level of the subtree.
        level: u8,
        /// Its number within the level.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
}

fn moved(location: Option<&str>) -> String {
    location.map(|to| format!(" (moved to {to}: give that address)")).unwrap_or_default()
}

impl LogReader {
    /// The log at `prefix`, whose every file may take `timeout`.
    ///
    /// # Errors
    /// [`ReadError::BadUrl`].
    pub fn new(prefix: &str, timeout: Duration, proxies: Proxies) -> Result<Self, ReadError> {
        let prefix = prefix.trim_end_matches('/');
        let uri = prefix.parse::<Uri>().ok();
        let good = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if good {
            Ok(Self { prefix: prefix.to_string(), agent: agent(timeout, proxies) })
        } else {
            Err(ReadError::BadUrl(prefix.to_string()))
        }
    }

    /// The checkpoint's bytes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn checkpoint(&self) -> Result<Vec<u8>, ReadError> {
        self.get("checkpoint", MAX_CHECKPOINT_LEN)
    }

    /// The hashes of a tile. A partial one that is gone is taken from the full tile, which a log may keep instead.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tile(&self, tile: Tile) -> Result<Vec<Hash>, ReadError> {
        let full = Tile { width: TILE_WIDTH, ..tile };
        let (bytes, read) = match self.get(&tile.to_string(), tile.byte_len()) {
            Err(error) if !tile.is_full() && error.is_missing() => {
                (self.get(&full.to_string(), full.byte_len())?, full)
            }
            other => (other?, tile),
        };
        let address = || self.address(&read.to_string());
        let mut hashes = decode_hashes(&bytes, read.width)
            .map_err(|source| ReadError::Tile { address: address(), source })?;
        hashes.truncate(usize::from(tile.width));
        Ok(hashes)
    }

    /// The bytes of a bundle, and how many entries are in them: those of `bundle`, or 256 when a partial one is gone and
    /// the full one took its place.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn bundle(&self, bundle: Bundle) -> Result<(Vec<u8>, u16), ReadError> {
        let full = Bundle { width: TILE_WIDTH, ..bundle };
        match self.get(&bundle.to_string(), MAX_BUNDLE_LEN) {
            Err(error) if bundle.width < TILE_WIDTH && error.is_missing() => {
                Ok((self.get(&full.to_string(), MAX_BUNDLE_LEN)?, full.width))
            }
            other => Ok((other?, bundle.width)),
        }
    }

    /// The address of a file of the log.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.prefix)
    }

    fn get(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        let address = self.address(path);
        let unreachable = |source| ReadError::Unreachable { address: address.clone(), source };
        let answer = self.agent.get(&address).call().map_err(|error| unreachable(error.into()))?;
        let (parts, body) = answer.into_parts();
        match parts.status.as_u16() {
            FOUND => read_body(body, limit).map_err(unreachable),
            status => {
                let location =
                    parts.headers.get("location").and_then(|to| to.to_str().ok()).map(ToString::to_string);
                Err(ReadError::Status { address, status, location })
            }
        }
    }
}

impl ReadError {
    /// Whether the log says that it has no such file.
    fn is_missing(&self) -> bool {
        matches!(self, ReadError::Status { status: NOT_FOUND | GONE, .. })
    }
}

/// Subtree roots of the tree of one size, read from its tiles. Each tile is read once.
#[derive(Debug)]
pub struct TreeReader<'a> {
    log: &'a LogReader,
    size: u64,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl<'a> TreeReader<'a> {
    /// The tree of `size` entries of `log`.
    #[must_use]
    pub fn new(log: &'a LogReader, size: u64) -> Self {
        Self { log, size, tiles: BTreeMap::new() }
    }

    /// Root of the perfect subtree `(level, index)`, as [`assent_core::merkle`] asks for it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, ReadError> {
        let place = SubtreeLocation::of(level, index);
        let missing = ReadError::NoSuchSubtree { level, index, size: self.size };
        let Some(tile) = Tile::at_size(place.tile_level, place.tile_index, self.size) else {
            return Err(missing);
        };
        let hashes = match self.tiles.entry((tile.level, tile.index)) {
            std::collections::btree_map::Entry::Occupied(read) => read.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => free.insert(self.log.tile(tile)?),
        };
        place.root(hashes).ok_or(missing)
    }
}
