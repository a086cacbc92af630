//! Tiles: the tree cut into files of up to 256 hashes, and bundles of up to 256 entries.
//!
//! Source: c2sp.org/tlog-tiles v0.1.0, tile height 8. Item `i` of tile `(level, n)` is the root of
//! the leaves `(256n + i) * 256^level .. (256n + i + 1) * 256^level`; only full tiles are hashed
//! into the level above. Paths are relative, without a leading slash. Nothing is read or written
//! here.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::fmt::Write as _;
use core::str::FromStr;

use crate::hash::{HASH_LEN, Hash, parse_decimal};
use crate::merkle::root_of;

/// Levels of the tree in one tile.
pub const TILE_HEIGHT: u8 = 8;
/// Items in a full tile or bundle.
pub const TILE_WIDTH: u16 = 256;
/// Longest entry a bundle can hold, in bytes.
pub const MAX_ENTRY_LEN: usize = 65_535;

/// Highest level a path may name. Trees of up to 2^63 - 1 leaves use levels 0 to 7.
const MAX_LEVEL: u8 = 63;
const WIDTH: u64 = TILE_WIDTH as u64;

/// One hash tile: which, and how many of its items it holds (1 to 256; 256 is full).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// 0 for leaf hashes; each level above spans 256 times as many leaves. At most 63.
    pub level: u8,
    /// Number within the level, from 0.
    pub index: u64,
    /// Items present, 1 to 256.
    pub width: u16,
}

/// One bundle of entries: the entries under the level-0 tile of the same index and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bundle {
    /// Number, from 0; it begins at entry `256 * index`.
    pub index: u64,
    /// Entries present, 1 to 256.
    pub width: u16,
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TilePath {
    /// `tile/<L>/<N>[.p/<W>]`.
    Hashes(Tile),
    /// `tile/entries/<N>[.p/<W>]`.
    Entries(Bundle),
}

/// The text is not a tile's path in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TilePathError {
    /// Does not begin with `tile/` and have a level and a number.
    #[error("a tile's path is tile/<level>/<number> or tile/entries/<number>")]
    BadShape,
    /// Not 0 to 63 without leading zeros.
    #[error("the level is not a number from 0 to 63 without leading zeros")]
    BadLevel,
    /// Not groups of three digits, all but the last after an `x`, without a leading zero group.
    #[error("the number is not in groups of three digits, as in x001/x234/067")]
    BadNumber,
    /// Not 1 to 255 without leading zeros.
    #[error("the width is not a number from 1 to 255 without leading zeros")]
    BadWidth,
}

impl TilePath {
    /// Reads a path such as `tile/0/x001/x234/067.p/44`.
    ///
    /// # Errors
    /// [`TilePathError`]. Whether the tile exists is [`Tile::exists_at`]'s question.
    pub fn parse(path: &str) -> Result<Self, TilePathError> {
        let (level, number) = path
            .strip_prefix("tile/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or(TilePathError::BadShape)?;
        let level = if level == "entries" {
            None
        } else {
            match parse_decimal(level) {
                Some(level) if level <= u64::from(MAX_LEVEL) => Some(level as u8),
                _ => return Err(TilePathError::BadLevel),
            }
        };
        let (number, width) = match number.split_once(".p/") {
            None => (number, TILE_WIDTH),
            Some((number, width)) => match parse_decimal(width) {
                Some(width @ 1..WIDTH) => (number, width as u16),
                _ => return Err(TilePathError::BadWidth),
            },
        };
        let index = parse_number(number).ok_or(TilePathError::BadNumber)?;
        Ok(match level {
            Some(level) => TilePath::Hashes(Tile { level, index, width }),
            None => TilePath::Entries(Bundle { index, width }),
        })
    }
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        Self::parse(path)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TilePath::Hashes(tile) => fmt::Display::fmt(tile, f),
            TilePath::Entries(bundle) => fmt::Display::fmt(bundle, f),
        }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, Number(self.index, self.width))
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/entries/{}", Number(self.index, self.width))
    }
}

impl Tile {
    /// The tile `(level, index)` at its width in a tree of `size` leaves; `None` when it has no
    /// item there.
    pub fn at_size(level: u8, index: u64, size: u64) -> Option<Self> {
        let width = width_at(index, items_at(level, size))?;
        Some(Tile { level, index, width })
    }

    /// Whether a log of `size` leaves has exactly this tile: full ones for as long as it lives,
    /// partial ones at that size only.
    pub fn exists_at(&self, size: u64) -> bool {
        Self::at_size(self.level, self.index, size) == Some(*self)
    }

    /// Whether a partial tile of this or a larger width exists at `size`, so that this one existed
    /// at some earlier size.
    pub fn existed_by(&self, size: u64) -> bool {
        (1..=TILE_WIDTH).contains(&self.width)
            && Self::at_size(self.level, self.index, size).is_some_and(|now| now.width >= self.width)
    }

    /// Whether it holds all 256 items.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Content length in bytes, 32 for each item.
    pub fn byte_len(&self) -> usize {
        usize::from(self.width) * HASH_LEN
    }
}

impl Bundle {
    /// The bundle `index` at its width in a log of `size` entries.
    pub fn at_size(index: u64, size: u64) -> Option<Self> {
        let width = width_at(index, size)?;
        Some(Bundle { index, width })
    }

    /// Whether a log of `size` entries has exactly this bundle.
    pub fn exists_at(&self, size: u64) -> bool {
        Self::at_size(self.index, size) == Some(*self)
    }
}

/// All hash tiles of a tree of `size` leaves, lowest level first; at most one partial a level.
pub fn tiles_at(size: u64) -> impl Iterator<Item = Tile> {
    new_tiles(0, size)
}

/// The hash tiles that a tree of `new` leaves has and one of `old` leaves had not, or had at a
/// smaller width: what must be written when the log grows. Lowest level first.
pub fn new_tiles(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    (0..TILE_HEIGHT).flat_map(move |level| {
        let (before, after) = (items_at(level, old), items_at(level, new));
        let last = if before < after { after.div_ceil(WIDTH) } else { 0 };
        (before / WIDTH..last).filter_map(move |index| Tile::at_size(level, index, new))
    })
}

/// Items of `level` in a tree of `size` leaves.
pub const fn items_at(level: u8, size: u64) -> u64 {
    if level < 8 { size >> (level * TILE_HEIGHT) } else { 0 }
}

/// Where the perfect subtree `(level, index)` of the binary tree lies in the tiles: a run of items
/// of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubtreeLocation {
    /// Level of the tile.
    pub tile_level: u8,
    /// Index of the tile.
    pub tile_index: u64,
    /// First item.
    pub start: u16,
    /// One past the last item, at most 256.
    pub end: u16,
}

impl SubtreeLocation {
    /// Locates the subtree over leaves `index * 2^level .. (index + 1) * 2^level`, for levels up
    /// to 63.
    pub const fn of(level: u8, index: u64) -> Self {
        let within = level % TILE_HEIGHT;
        let first = index << within;
        let start = (first % WIDTH) as u16;
        SubtreeLocation {
            tile_level: level / TILE_HEIGHT,
            tile_index: first / WIDTH,
            start,
            end: start + (1 << within),
        }
    }

    /// The subtree's root, from the items of its tile; `None` when the tile is too narrow.
    pub fn root(&self, items: &[Hash]) -> Option<Hash> {
        items.get(usize::from(self.start)..usize::from(self.end)).map(root_of)
    }
}

/// A tile's content is not as long as its width says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tile of {width} hashes has {} bytes, not {actual}", usize::from(*width) * HASH_LEN)]
pub struct TileContentError {
    /// Items the tile should hold.
    pub width: u16,
    /// Bytes it holds.
    pub actual: usize,
}

/// Reads a tile's content: `width` hashes of 32 bytes, nothing between or after.
///
/// # Errors
/// [`TileContentError`].
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileContentError> {
    let (hashes, rest) = bytes.as_chunks::<HASH_LEN>();
    if rest.is_empty() && hashes.len() == usize::from(width) {
        Ok(hashes.iter().copied().map(Hash).collect())
    } else {
        Err(TileContentError { width, actual: bytes.len() })
    }
}

/// A tile's content.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(hashes.len() * HASH_LEN);
    for hash in hashes {
        bytes.extend_from_slice(&hash.0);
    }
    bytes
}

/// An entry is too long for a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {position} of the bundle has {len} bytes; at most {MAX_ENTRY_LEN} fit")]
pub struct BundleEncodeError {
    /// Which entry of those given, from 0.
    pub position: usize,
    /// Its length in bytes.
    pub len: usize,
}

/// Why some bytes are not a bundle of the given width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleDecodeError {
    /// The bytes end inside an entry or before the last.
    #[error("the bundle ends inside entry {position} of {width}")]
    Truncated {
        /// Entry that is not whole, from 0.
        position: u16,
        /// Entries the bundle should hold.
        width: u16,
    },
    /// Bytes follow the last entry.
    #[error("{excess} bytes follow the last entry of the bundle")]
    TrailingBytes {
        /// How many.
        excess: usize,
    },
}

/// A bundle's content: for each entry its length as 2 bytes, big-endian, then its bytes.
///
/// # Errors
/// [`BundleEncodeError`].
pub fn encode_bundle<T: AsRef<[u8]>>(entries: &[T]) -> Result<Vec<u8>, BundleEncodeError> {
    let mut bytes = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).map_err(|_| BundleEncodeError { position, len: entry.len() })?;
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads a bundle of `width` entries.
///
/// # Errors
/// [`BundleDecodeError`].
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleDecodeError> {
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    for position in 0..width {
        let truncated = BundleDecodeError::Truncated { position, width };
        let (len, after) = rest.split_first_chunk::<2>().ok_or(truncated)?;
        let (entry, after) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*len))).ok_or(truncated)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(BundleDecodeError::TrailingBytes { excess: rest.len() }) }
}

/// Width of tile `index` when its level has `items`.
fn width_at(index: u64, items: u64) -> Option<u16> {
    let width = items.checked_sub(index.checked_mul(WIDTH)?)?.min(WIDTH);
    if width == 0 { None } else { Some(width as u16) }
}

/// A tile's number and width as a path writes them.
struct Number(u64, u16);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 20 digits of a u64 make seven groups.
        let mut groups = String::new();
        let mut divisor = 1_000_000_000_000_000_000;
        while divisor > 1 {
            if self.0 >= divisor {
                write!(groups, "x{:03}/", self.0 / divisor % 1000)?;
            }
            divisor /= 1000;
        }
        write!(f, "{groups}{:03}", self.0 % 1000)?;
        if self.1 == TILE_WIDTH { Ok(()) } else { write!(f, ".p/{}", self.1) }
    }
}

fn parse_number(text: &str) -> Option<u64> {
    let (leading, last) = match text.rsplit_once('/') {
        Some((leading, last)) => (Some(leading), last),
        None => (None, text),
    };
    let mut number = 0_u64;
    for group in leading.into_iter().flat_map(|leading| leading.split('/')) {
        let group = three_digits(group.strip_prefix('x')?)?;
        if number == 0 && group == 0 {
            return None;
        }
        number = number.checked_mul(1000)?.checked_add(group)?;
    }
    number.checked_mul(1000)?.checked_add(three_digits(last)?)
}

fn three_digits(text: &str) -> Option<u64> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::tests::subtrees;
    use crate::merkle::{RangeError, inclusion_proof, leaf_hash};
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec;

    fn hashes(level: u8, index: u64, width: u16) -> TilePath {
        TilePath::Hashes(Tile { level, index, width })
    }

    #[test]
    fn the_specification_s_paths() {
        for (path, tile) in [
            ("tile/0/005", hashes(0, 5, 256)),
            ("tile/0/000", hashes(0, 0, 256)),
            ("tile/1/000.p/1", hashes(1, 0, 1)),
            ("tile/0/x001/000", hashes(0, 1000, 256)),
            ("tile/3/x001/x234/067", hashes(3, 1_234_067, 256)),
            ("tile/0/x001/x234/067.p/44", hashes(0, 1_234_067, 44)),
            ("tile/63/x018/x446/x744/x073/x709/x551/615.p/255", hashes(63, u64::MAX, 255)),
            ("tile/entries/x001/x234/067", TilePath::Entries(Bundle { index: 1_234_067, width: 256 })),
            ("tile/entries/000.p/1", TilePath::Entries(Bundle { index: 0, width: 1 })),
        ] {
            assert_eq!(TilePath::parse(path), Ok(tile));
            assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        use TilePathError as E;
        for (path, error) in [
            ("", E::BadShape),
            ("/tile/0/000", E::BadShape),
            ("tile/0", E::BadShape),
            ("tile/00/000", E::BadLevel),
            ("tile/64/000", E::BadLevel),
            ("tile/-1/000", E::BadLevel),
            ("tile/data/000", E::BadLevel),
            ("tile/0/", E::BadNumber),
            ("tile/0/5", E::BadNumber),
            ("tile/0/0005", E::BadNumber),
            ("tile/0/x005", E::BadNumber),
            ("tile/0/x000/005", E::BadNumber),
            ("tile/0/x01/005", E::BadNumber),
            ("tile/0/001/005", E::BadNumber),
            ("tile/0/x001/x005", E::BadNumber),
            ("tile/0/x001//005", E::BadNumber),
            ("tile/0/+05", E::BadNumber),
            ("tile/0/x018/x446/x744/x073/x709/x551/616", E::BadNumber),
            ("tile/0/005/", E::BadNumber),
            ("tile/0/005.p", E::BadNumber),
            ("tile/0/005.p/", E::BadWidth),
            ("tile/0/005.p/0", E::BadWidth),
            ("tile/0/005.p/01", E::BadWidth),
            ("tile/0/005.p/256", E::BadWidth),
            ("tile/0/005.p/1/", E::BadWidth),
        ] {
            assert_eq!(TilePath::parse(path), Err(error), "{path:?}");
        }
    }

    #[test]
    fn the_specification_s_example_of_70_000() {
        let tiles: Vec<_> = tiles_at(70_000).collect();
        let of_level = |level| tiles.iter().filter(move |tile| tile.level == level);
        assert_eq!(of_level(0).filter(|tile| tile.is_full()).count(), 273);
        assert_eq!(of_level(0).next_back().map(|tile| tile.width), Some(112));
        assert_eq!(of_level(1).map(|tile| tile.width).collect::<Vec<_>>(), [256, 17]);
        assert_eq!(of_level(2).map(|tile| tile.width).collect::<Vec<_>>(), [1]);
        assert_eq!(tiles.len(), 274 + 2 + 1);
        let at_256: Vec<_> = tiles_at(256).map(|tile| tile.to_string()).collect();
        assert_eq!(at_256, ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(tiles_at(0).count(), 0);
    }

    #[test]
    fn new_tiles_and_paths_agree_with_tlog_tiles() {
        let sizes = [0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 65_535, 65_536, 65_537, 70_000];
        for new in sizes {
            for old in sizes.into_iter().filter(|old| *old <= new) {
                let ours: Vec<_> = new_tiles(old, new).map(|tile| tile.to_string()).collect();
                // Their paths carry the height, as x/mod's did.
                let theirs: Vec<_> = tlog_tiles::Tile::new_tiles(8, old, new)
                    .iter()
                    .map(|tile| tile.path().replacen("tile/8/", "tile/", 1))
                    .collect();
                assert_eq!(ours, theirs, "{old} to {new}");
            }
        }
    }

    #[test]
    fn which_tiles_exist() {
        let tile = |level, index, width| Tile { level, index, width };
        assert!(tile(0, 0, 256).exists_at(70_000));
        assert!(tile(0, 273, 112).exists_at(70_000));
        assert!(!tile(0, 273, 111).exists_at(70_000));
        assert!(tile(0, 273, 111).existed_by(70_000));
        assert!(!tile(0, 273, 113).existed_by(70_000));
        assert!(!tile(0, 273, 0).existed_by(70_000));
        assert!(!tile(0, 274, 1).existed_by(70_000));
        assert!(!tile(0, u64::MAX, 256).exists_at(u64::MAX));
        assert!(!tile(63, 0, 1).exists_at(u64::MAX));
        assert!(Bundle { index: 273, width: 112 }.exists_at(70_000));
        assert!(!Bundle { index: 273, width: 256 }.exists_at(70_000));
    }

    /// Proofs made from tiles alone are the proofs made from all leaves.
    #[test]
    fn proofs_come_out_of_tiles() {
        let size = 700;
        let leaves: Vec<Hash> = (0..size).map(|i: u64| leaf_hash(&i.to_be_bytes())).collect();
        let mut items = vec![leaves.clone()];
        while let Some(last) = items.last().filter(|last| last.len() >= 256) {
            let above = last.as_chunks::<256>().0.iter().map(|tile| root_of(tile)).collect();
            items.push(above);
        }
        let mut from_tiles = |level: u8, index: u64| -> Result<Hash, RangeError> {
            let place = SubtreeLocation::of(level, index);
            let tile = Tile::at_size(place.tile_level, place.tile_index, size).unwrap();
            let first = (tile.index * 256) as usize;
            let bytes =
                encode_hashes(&items[usize::from(tile.level)][first..first + usize::from(tile.width)]);
            assert_eq!(bytes.len(), tile.byte_len());
            let content = decode_hashes(&bytes, tile.width).unwrap();
            Ok(place.root(&content).unwrap())
        };
        for index in 0..size {
            assert_eq!(
                inclusion_proof(index, size, &mut from_tiles),
                inclusion_proof(index, size, &mut subtrees(&leaves))
            );
        }
        assert_eq!(SubtreeLocation::of(7, 1).root(&leaves[..255]), None, "too narrow");
        assert_eq!(decode_hashes(&[0; 63], 2), Err(TileContentError { width: 2, actual: 63 }));
        assert_eq!(decode_hashes(&[0; 96], 2), Err(TileContentError { width: 2, actual: 96 }));
    }

    #[test]
    fn bundles() {
        let entries: [&[u8]; 3] = [b"", b"a", &[7; 300]];
        let bytes = encode_bundle(&entries).unwrap();
        assert_eq!(bytes[..6], [0, 0, 0, 1, b'a', 1]);
        assert_eq!(decode_bundle(&bytes, 3), Ok(entries.to_vec()));
        let truncated = |position, width| Err(BundleDecodeError::Truncated { position, width });
        assert_eq!(decode_bundle(&bytes, 4), truncated(3, 4));
        assert_eq!(decode_bundle(&bytes[..bytes.len() - 1], 3), truncated(2, 3));
        assert_eq!(decode_bundle(&bytes[..3], 2), truncated(1, 2));
        assert_eq!(decode_bundle(&bytes, 2), Err(BundleDecodeError::TrailingBytes { excess: 302 }));
        let long = vec![0; MAX_ENTRY_LEN + 1];
        assert_eq!(encode_bundle(&[&long[1..]]).map(|bytes| bytes.len()), Ok(MAX_ENTRY_LEN + 2));
        assert_eq!(
            encode_bundle(&[b"".as_slice(), &long]),
            Err(BundleEncodeError { position: 1, len: MAX_ENTRY_LEN + 1 })
        );
    }

    proptest! {
        #[test]
        fn paths_round_trip(level in 0_u8..64, index: u64, width in 1_u16..=256) {
            for path in [hashes(level, index, width), TilePath::Entries(Bundle { index, width })] {
                prop_assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
            }
        }

        #[test]
        fn what_parses_prints_the_same(
            path in "tile/(0|1|63|64|entries)/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?"
        ) {
            if let Ok(tile) = TilePath::parse(&path) {
                prop_assert_eq!(tile.to_string(), path);
            }
        }

        #[test]
        fn bundles_round_trip(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..40)) {
            let bytes = encode_bundle(&entries).unwrap();
            prop_assert_eq!(decode_bundle(&bytes, entries.len() as u16).unwrap(), entries);
        }
    }
}
