//! The audit bundle ([`assent_core::bundle`]) as a zip archive: written in one pass, and checked file by file.
//!
//! [`write()`] makes it from a site's ledger and [`check`] judges it with nothing but the file; they share the layout in core
//! and no code. [`entries`] and [`checkpoints`] read one that was checked. None of them opens files: they are given what to write
//! to and what to read from.

mod archive;
mod check;
mod page;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use check::{BundleFault, BundleSummary, check};
pub use read::{checkpoints, entries};
pub use write::write;
