//! HTML pages and their forms. They work without script; what they look like is `ui::pages`.

pub(super) mod alerts;
pub(super) mod choices;
pub(super) mod code;
pub(super) mod confirm;
pub(super) mod form;
pub(super) mod frame;
pub(super) mod hand_over;
pub(super) mod keep;
pub(super) mod log;
pub(super) mod missing;
pub(super) mod problems;
pub(super) mod root;
pub(super) mod schedule;
pub(super) mod stop;
pub(super) mod your_alerts;
