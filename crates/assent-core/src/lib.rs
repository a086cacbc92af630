//! Words and rules of consent, and the proofs.
//!
//! What may be asked and how ([`notice`], [`site`], [`lint`]), what was said ([`decision`], [`record`]), and how
//! anyone can check it later without trusting us ([`receipt`], [`export_format`] over [`merkle`], [`note`],
//! [`checkpoint`], [`tile`], [`proof`], [`commitment`]), and how others watch that the log tells everyone the same
//! ([`witness`], [`policy`], [`history`]). The browser, the server and `assent verify` run this same
//! code. It takes the time, randomness and bytes it needs as arguments and returns values: no clock, no
//! randomness, no I/O, no standard library.
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod ids;
pub mod subject;

pub mod languages;
pub mod lint;
pub mod notice;
pub mod site;
pub mod words;

pub mod age;
pub mod choice_cookie;
pub mod decision;
pub mod event;
pub mod hand_over;
pub mod record;
pub mod retention;
pub mod standing;
pub mod wire;

pub mod accounting;
pub mod bundle;
pub mod dpv;
pub mod kantara;
pub mod schemas;
pub mod view;

pub mod checkpoint;
pub mod commitment;
pub mod export_format;
pub mod hash;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod told;

pub mod history;
pub mod policy;
pub mod withdrawals;
pub mod witness;

mod canonical;
#[cfg(test)]
mod fixture;
