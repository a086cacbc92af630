//! The Assent server: HTTP, pages, configuration and the command line, around the ledger.
//!
//! [`cli`] reads the [`config`] and starts one command. [`http`] turns requests into calls of [`app`], whose
//! use-cases know nothing of HTTP and ask `assent-core` for the rules and `assent-ledger` for the keeping. Only
//! `http` knows statuses, only `config` and `cli` read the environment, only [`data_dir`], [`operator_key`], [`backup`], [`assets`],
//! [`witness`] and [`monitor`] read files, only [`deliver`] opens outgoing connections.
//!
//! Beside the log stand two programs that watch logs of others: [`witness`], which cosigns them, and [`monitor`], which
//! follows them.

pub mod cli;
pub mod config;
pub mod data_dir;
pub mod http;

pub mod app;
pub mod assets;
pub mod backup;
pub mod bundle;
pub mod copied_log;
pub mod metrics;
pub mod operator_key;

pub mod deliver;
pub mod monitor;
pub mod witness;

/// Sealing and sending many small answers on several threads is what an allocator can make slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
