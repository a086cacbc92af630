//! Finds the programs that building and testing need, installs those that are missing, and says which it did, a line
//! each. Uses only package registries, through their ordinary clients (rustup, apt, npm, pip, cargo).

pub(crate) mod apt;
pub(crate) mod browsers;
pub(crate) mod exim;
pub(crate) mod npm;
pub(crate) mod python;
pub(crate) mod wheels;
pub(crate) mod widget_rustc;

/// Whether whoever runs the tests leaves a part of them out: `ASSENT_TEST_WITHOUT` names it, which the tests read too (`harness/part.rs`
/// knows the names). Says so.
pub(crate) fn is_left_out(part: &str) -> bool {
    let named = std::env::var("ASSENT_TEST_WITHOUT").unwrap_or_default();
    let left_out = named.split(',').any(|name| name.trim() == part);
    if left_out {
        crate::say::note(format_args!(
            "without {part}, as ASSENT_TEST_WITHOUT says: what needs it is skipped"
        ));
    }
    left_out
}
