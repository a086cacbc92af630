//! Black-box tests of the built product: what a visitor, a staff member and an auditor would see.
//!
//! Each scenario of the main job is a module, numbered as in the list people agreed on; what is not numbered guards
//! promises beside it. The binaries, the web files and the browsers are real; only the folder and the ports are the
//! test's own. What runs and where it is found: [`harness`].
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests say what they expect by unwrapping, and print why they fail"
)]

mod harness;

mod s01_nothing_before_a_choice;
mod s02_decline;
mod s03_preferences;
mod s04_choices_page;
mod s05_receipt;
mod s06_sign_up;
mod s07_export;
mod s08_crash;
mod s09_bad_requests;
mod s10_no_wasm;
mod s11_server_stopped;
mod s13_confirmed;
mod s14_stopped;
mod s15_your_alerts;

mod age;
mod alert_screenshots;
mod alerts_in_every_language;
mod alike;
mod at_once;
mod auto_responders;
mod axe;
mod bounces;
mod broken_embed;
mod bundle;
mod certificates;
mod controls;
mod copied_log;
mod examples;
mod fair_asking;
mod gates;
mod gateways;
mod going_back;
mod hand_over;
mod hostile;
mod included;
mod languages;
mod layouts;
mod leftovers;
mod links;
mod lists;
mod long_lists;
mod messages_in_every_language;
mod monitor;
mod names;
mod no_holds;
mod only_a_press;
mod pinned;
mod progress;
mod promised;
mod purging;
mod reach;
mod remembering;
mod reminders;
mod screenshots;
mod sign_up_in_page;
mod statistics;
mod strict;
mod suppressed;
mod tag_manager;
mod texts;
mod texts_in;
mod told;
mod tools;
mod types;
mod upkeep;
mod vectors;
mod verify_offline;
mod views;
mod webhooks;
mod withdrawal;
mod witness;
mod wordpress;
