//! The service as its callers see it: real store, real ledger, no socket. One module per promise.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests say what they expect by unwrapping")]

mod alerts;
mod altered_files;
mod app;
mod log;

mod addresses;
mod age;
mod age_shown;
mod asking_witnesses;
mod backups;
mod bad_input;
mod bad_requests;
mod bundles;
mod command_line;
mod configuration;
mod cors;
mod decisions;
mod embed;
mod forms;
mod frozen_backups;
mod full_disk;
mod good_backups;
mod hand_over;
mod hostile_addresses;
mod messages;
mod no_wins;
mod old_links;
mod openapi;
mod people;
mod post;
mod publication;
mod questions;
mod rolled_back;
mod staff;
mod standings;
mod texts;
mod told;
mod webhooks;
mod witness;
