//! The table: figure, measured, bar, goal, verdict; for a terminal and as Markdown. Says what was measured; never fails on it.

use std::fmt::Write as _;

/// Which side of a bar is good, with bar and goal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    AtLeast(f64, f64),
    AtMost(f64, f64),
    /// It is told, and nothing is asked of it.
    Nothing,
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Where it stands in the table.
    pub(crate) place: u8,
    pub(crate) figure: String,
    /// The figure, or why there is none.
    pub(crate) value: Result<f64, String>,
    pub(crate) wanted: Wanted,
    /// How the figure and its bars are written.
    pub(crate) unit: Unit,
    /// What it was made of.
    pub(crate) detail: String,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// A part: `0.42`.
    Ratio,
    /// So many times as much: `1.42 ×`.
    Times,
    /// Bytes: `512 MiB`.
    Bytes,
    /// Seconds: `0.42 s`.
    Seconds,
    /// A second: `310 k/s`.
    Rate,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Unit::Ratio => format!("{value:.2}"),
            Unit::Times => format!("{value:.2} ×"),
            Unit::Bytes => format!("{:.0} MiB", value / f64::from(1 << 20)),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Rate => format!("{:.0} k/s", value / 1e3),
        }
    }
}

impl Row {
    fn verdict(&self) -> &'static str {
        let Ok(value) = self.value else { return "not measured" };
        let (bar, goal) = match self.wanted {
            Wanted::AtLeast(bar, goal) => (value >= bar, value >= goal),
            Wanted::AtMost(bar, goal) => (value <= bar, value <= goal),
            Wanted::Nothing => return "told",
        };
        match (bar, goal) {
            (_, true) => "goal",
            (true, false) => "bar",
            (false, false) => "**missed**",
        }
    }

    /// Figure, measured, bar, goal, verdict.
    fn cells(&self) -> [String; 5] {
        let measured = match &self.value {
            Ok(value) if self.detail.is_empty() => self.unit.text(*value),
            Ok(value) => format!("{} ({})", self.unit.text(*value), self.detail),
            Err(why) => why.clone(),
        };
        let wanted = |sign: &str, value| format!("{sign} {}", self.unit.text(value));
        let (bar, goal) = match self.wanted {
            Wanted::AtLeast(bar, goal) => (wanted("≥", bar), wanted("≥", goal)),
            Wanted::AtMost(bar, goal) => (wanted("≤", bar), wanted("≤", goal)),
            Wanted::Nothing => ("none".into(), "none".into()),
        };
        [self.figure.clone(), measured, bar, goal, self.verdict().to_string()]
    }
}

/// Rows in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        let cells = row.cells();
        crate::say(format_args!("{}: {}: {}", cells[0], cells[1], cells[4].trim_matches('*')));
        self.0.push(row);
    }

    /// Aligned Markdown, which a terminal shows well enough.
    pub(crate) fn to_markdown(&self) -> String {
        let mut rows = self.0.clone();
        rows.sort_by_key(|row| row.place);
        let head = ["figure", "measured", "bar", "goal", "verdict"].map(str::to_string);
        let lines: Vec<[String; 5]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
        let widths: [usize; 5] = std::array::from_fn(|column| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        });
        let mut out = String::new();
        for (number, line) in lines.iter().enumerate() {
            let mut text = String::from("|");
            for (cell, width) in line.iter().zip(widths) {
                let _ = write!(text, " {cell:width$} |");
            }
            let _ = writeln!(out, "{text}");
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
                let _ = writeln!(out, "|{}|", rule.join("|"));
            }
        }
        out
    }
}

/// The middle one; the mean of both when there are two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// The median of the rounds' own ratios: what disturbed a round disturbed both sides of it.
pub(crate) fn median_ratio(over: &[f64], under: &[f64]) -> f64 {
    median(over.iter().zip(under).map(|(over, under)| over / under))
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_which_line_a_figure_reached() {
        let verdict = |value, wanted| {
            let (figure, detail) = ("a figure".into(), String::new());
            let row = Row { place: 0, figure, value, wanted, unit: Unit::Ratio, detail };
            row.verdict()
        };
        let (least, most) = (Wanted::AtLeast(0.4, 0.55), Wanted::AtMost(4.0, 2.5));
        assert_eq!(verdict(Ok(0.55), least), "goal");
        assert_eq!(verdict(Ok(0.4), least), "bar");
        assert_eq!(verdict(Ok(0.39), least), "**missed**");
        assert_eq!(verdict(Ok(2.5), most), "goal");
        assert_eq!(verdict(Ok(4.0), most), "bar");
        assert_eq!(verdict(Ok(f64::NAN), most), "**missed**");
        assert_eq!(verdict(Err("no peer".into()), most), "not measured");
    }

    #[test]
    fn medians_and_counts() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!((median_ratio(&[1.0, 9.0, 4.0], &[2.0, 3.0, 4.0]) - 1.0).abs() < 1e-9);
        assert_eq!(count(1_234_567), "1 234 567");
    }
}
