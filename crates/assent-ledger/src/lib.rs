//! The ledger: append, sign, seal, recover, erase and export, over a [`Store`].
//!
//! A [`Ledger`] is one site's log. [`Ledger::append`] turns a judged [`Draft`] into a durable record under a signed
//! checkpoint; `append.rs` tells that story from top to bottom, crashes included, and `erase.rs` and `purge.rs` tell how
//! people leave it again. Not here: whether a decision is
//! allowed (`assent-core`), how receipts are verified (`assent-core`, so that it works without any of this), who may
//! ask (the server), and how a store keeps its bytes (the store's package).

mod append;
mod attendant;
mod backup;
mod changes;
mod check;
mod checkpoint_file;
mod cipher;
mod complaint;
mod draft;
mod erase;
mod error;
mod export;
mod export_csv;
mod files;
mod follow;
mod growing;
mod id;
mod import;
mod in_order;
mod judge;
mod keys;
mod ledger;
mod outside;
mod owed;
mod purge;
mod recover;
mod request;
mod retention;
mod seal;
mod sequence;
mod shared;
mod stats;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod touched;
mod tree;

pub use backup::{CopyError, LogCopy, PartKind, Parts, RestoreError, restore};
pub use changes::{ChangePlace, Moment};
pub use check::check_unopened;
pub use cipher::{Cipher, NONCE_LEN, TAG_LEN};
pub use draft::{
    Appended, CheckReport, Contact, Draft, ExportFilter, ExportSummary, Idempotency, LogConfig,
    NoticeVersion, Opened, Progress, Published, PublishedNotice, Shown,
};
pub use erase::{Hold, Restriction};
pub use error::{
    AppendError, CheckError, CreateError, ErasureError, ExportError, ImportError, OpenError, ReadError,
    causes,
};
pub use export_csv::{CSV_COLUMNS, CSV_COLUMNS_BEFORE_AGE, CsvTable, defuse};
pub use follow::Entry;
pub use id::{ReceiptId, ReceiptIdError};
pub use import::{Import, Imported, ImportedBody, is_unfinished};
pub use keys::{KeyStoreError, OperatorKey, Rotated, can_rotate, rotate};
pub use ledger::Ledger;
pub use outside::{
    Clock, Outside, Random, RandomError, SystemClock, SystemRandom, month, month_name, rfc3339,
};
pub use owed::Owed;
pub use retention::{DueRule, PurgePlan, Retention};
pub use stats::{BATCH_BOUNDS, Stats, StatsNow};
pub use store::Store;
