//! For browsers and auditors: the embed, notices, decisions, receipts, state and the log's files.

pub(super) mod assets;
pub(super) mod decisions;
pub(super) mod embed;
pub(super) mod log;
pub(super) mod notices;
pub(super) mod receipts;
pub(super) mod state;
pub(super) mod texts;
