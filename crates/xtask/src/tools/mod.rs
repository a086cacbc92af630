//! Finds the programs that building and testing need, installs those that are missing, and says which it did, a line
//! each. Uses only package registries, through their ordinary clients (rustup, apt, npm, pip, cargo).

pub(crate) mod apt;
pub(crate) mod browsers;
pub(crate) mod exim;
pub(crate) mod npm;
pub(crate) mod python;
pub(crate) mod wheels;
pub(crate) mod widget_rustc;
