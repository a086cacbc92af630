//! The widget: takes over the first layer that the embed painted, draws what comes after it, and checks receipts.
//!
//! What a press leads to ([`flow`]) and what a receipt must show ([`check`]) are plain code, tested without a browser.
//! Only `entry` touches the page, and only the loader (`frontend/loader`) owns the cookie, the queue and the gates:
//! nothing here can let a tag go.

pub mod check;
pub mod data;
pub mod flow;
pub mod json;

#[cfg(target_arch = "wasm32")]
pub mod entry;

#[cfg(test)]
mod tests;
