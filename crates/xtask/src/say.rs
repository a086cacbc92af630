//! What a person sees while xtask works: one line per thing found, installed or built, and a spinner with the time for
//! what takes long. Without a terminal only the lines remain.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Something that takes a while.
#[derive(Debug)]
pub(crate) struct Step {
    bar: ProgressBar,
    what: String,
    began: Instant,
}

/// Starts a step; `what` reads like "building the widget".
pub(crate) fn step(what: impl Into<String>) -> Step {
    let what = what.into();
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar.set_message(what.clone());
    bar.enable_steady_tick(Duration::from_millis(100));
    if !std::io::stderr().is_terminal() {
        eprintln!("  ..  {what}");
    }
    Step { bar, what, began: Instant::now() }
}

impl Step {
    /// Ends the step with what came of it.
    pub(crate) fn done(self, result: impl Display) {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f32();
        if seconds < 1.0 {
            line("ok", format_args!("{}: {result}", self.what));
        } else {
            line("ok", format_args!("{}: {result} ({})", self.what, time(self.began.elapsed())));
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One line with its kind before it.
pub(crate) fn line(kind: &str, text: impl Display) {
    eprintln!("{kind:>4}  {text}");
}

/// A tool that was there.
pub(crate) fn found(text: impl Display) {
    line("ok", format_args!("found {text}"));
}

/// Something to know that stops nothing.
pub(crate) fn note(text: impl Display) {
    line("note", text);
}

/// The headline of a part of the work.
pub(crate) fn headline(text: impl Display) {
    eprintln!("\n{text}");
}

/// Why the command failed, with every cause.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("\nerror: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}

/// Bytes as a person reads them.
pub(crate) fn bytes(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A duration as a person reads it.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f32();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}
