//! Email and text alerts: asked, confirmed, stopped, and what holds for one address.
//!
//! Every step is a record in the log, like any other decision. What is sent for it goes through [`outbox`], from jobs that the
//! log's store keeps; no address stands in a job, a link or a log line.

pub mod bounce;
pub mod centre;
pub mod code;
pub mod confirm;
pub mod incoming;
pub mod job;
pub mod link;
pub mod list;
pub mod message;
pub mod outbox;
pub mod questions;
pub mod renewal;
pub mod rows;
mod say;
mod sealed;
pub mod sign_up;
pub mod standings;
pub mod stop;
pub mod subscriber;
pub mod talk;
pub mod template;
pub mod told;
mod written;

pub use sealed::Sealer;
