//! The audit bundle: which files one zip archive holds, and the manifest that lists them.
//!
//! Everything an auditor needs of one log, in files that say what they are: the export with its proofs, the same as a table, every
//! notice at its hash, the log's own files as anyone can mirror them, the checkpoints that receipts were given under, schemas, and
//! a page to read. `FORMAT.md` says what each must agree with. Not here: archives, and the checking of their content.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::export_format::FooterLine;
use crate::hash::Hash;

/// Value of the manifest's `format` field.
pub const BUNDLE_FORMAT: &str = "assent-bundle/v1";
/// The manifest. It is the last file of the archive.
pub const MANIFEST: &str = "manifest.json";
/// The export ([`crate::export_format`]).
pub const RECORDS: &str = "records.ndjson";
/// The same records as a table.
pub const TABLE: &str = "records.csv";
/// One [`CheckpointLine`] for each checkpoint that receipts of the records were given under, ascending.
pub const CHECKPOINTS: &str = "checkpoints.ndjson";
/// The public checkpoint with the cosignatures of witnesses, where there is one.
pub const COSIGNED: &str = "cosigned-checkpoint";
/// A page to read.
pub const PAGE: &str = "index.html";
/// Folder of notices: `{hash}.json`, the exact bytes.
pub const NOTICES: &str = "notices/";
/// Folder of the log's public files: `checkpoint`, `tile/…`. The signed checkpoint proves them, so the manifest does not list them.
pub const LOG: &str = "log/";
/// Folder of JSON Schemas.
pub const SCHEMAS: &str = "schemas/";

/// What the archive is, and the files in it but [`MANIFEST`] itself and those in [`LOG`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`BUNDLE_FORMAT`].
    pub format: String,
    /// The site.
    pub site: String,
    /// The log's origin.
    pub origin: String,
    /// The log's key.
    pub key: String,
    /// When it was made: RFC 3339, UTC.
    pub made: String,
    /// What made it, as `assent 0.1.0`.
    pub program: String,
    /// Entries of the log at the checkpoint.
    pub size: u64,
    /// First entry of the range.
    pub first: u64,
    /// One past its last entry.
    pub end: u64,
    /// What was asked for, in the exporter's words.
    pub filter: serde_json::Map<String, serde_json::Value>,
    /// How many entries of each kind the range has.
    pub counts: FooterLine,
    /// The files, in the archive's order.
    pub files: Vec<BundleFile>,
}

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleFile {
    /// Its name in the archive.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Hash,
}

/// One line of [`CHECKPOINTS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLine {
    /// Entries under it.
    pub size: u64,
    /// The signed note.
    pub checkpoint: String,
}
