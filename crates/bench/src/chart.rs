//! The chart: what grows with a log and what does not, one small picture each. Plain SVG with its values written at the points.

use std::fmt::Write as _;

use crate::logs::Grown;
use crate::table::count;

const WIDTH: usize = 720;
const HEIGHT: usize = 560;
/// One picture's size, and where its points may be in it.
const PICTURE: (f64, f64) = (360.0, 280.0);
const LEFT: f64 = 50.0;
const RIGHT: f64 = 330.0;
const TOP: f64 = 75.0;
const BOTTOM: f64 = 225.0;
const COLOURS: [&str; 2] = ["#1f5fa8", "#b4431f"];

/// A line of one picture: its name, its values by size.
struct Line {
    name: &'static str,
    values: Vec<Option<f64>>,
}

/// Draws it.
pub(crate) fn draw(grown: &[Grown]) -> String {
    let of = |value: fn(&Grown) -> Option<f64>| grown.iter().map(value).collect::<Vec<_>>();
    let not_empty = |grown: &Grown, value: f64| (grown.size > 0).then_some(value);
    let line = |name, values| Line { name, values };
    let pictures = [
        (
            "A decision, milliseconds",
            vec![
                line("99 of 100 within", of(|log| log.append.map(|append| append.1))),
                line("half within", of(|log| log.append.map(|append| append.0))),
            ],
        ),
        (
            "Memory, MiB",
            vec![line(
                "at most resident",
                of(|log| log.memory.map(|bytes| bytes as f64 / f64::from(1 << 20))),
            )],
        ),
        (
            "Disk per receipt, bytes",
            vec![
                line(
                    "on disk",
                    grown.iter().map(|log| not_empty(log, log.disk as f64 / log.size as f64)).collect(),
                ),
                line("sealed", grown.iter().map(|log| not_empty(log, log.sealed)).collect()),
            ],
        ),
        ("Start with warm files, seconds", vec![line("until it answers", of(|log| log.start))]),
    ];
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    for (number, (title, lines)) in pictures.iter().enumerate() {
        let (x, y) = ((number % 2) as f64 * PICTURE.0, (number / 2) as f64 * PICTURE.1);
        let _ = writeln!(out, "<g transform=\"translate({x} {y})\">");
        picture(&mut out, title, lines, grown);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

fn picture(out: &mut String, title: &str, lines: &[Line], grown: &[Grown]) {
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"28\" font-size=\"14\" font-weight=\"bold\">{title}</text>");
    let _ = writeln!(out, "<path d=\"M{LEFT} {BOTTOM}H{RIGHT}\" stroke=\"#888\"/>");
    let most =
        lines.iter().flat_map(|line| &line.values).flatten().fold(0.0, |most: f64, value| most.max(*value));
    let at = |column: usize, value: f64| {
        let part = column as f64 / (grown.len() - 1).max(1) as f64;
        (
            LEFT + 15.0 + part * (RIGHT - LEFT - 30.0),
            BOTTOM - value / most.max(f64::MIN_POSITIVE) * (BOTTOM - TOP),
        )
    };
    for (column, log) in grown.iter().enumerate() {
        let x = at(column, 0.0).0;
        let size = count(log.size);
        let _ =
            writeln!(out, "<text x=\"{x:.0}\" y=\"{}\" text-anchor=\"middle\">{size}</text>", BOTTOM + 18.0);
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">receipts in the log</text>",
        BOTTOM + 36.0
    );
    for (number, (Line { name, values }, colour)) in lines.iter().zip(COLOURS).enumerate() {
        let points =
            values.iter().enumerate().filter_map(|(column, value)| Some((at(column, (*value)?), (*value)?)));
        let points: Vec<((f64, f64), f64)> = points.collect();
        let path: Vec<String> = points.iter().map(|((x, y), _)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        // The upper line's values stand above it, the lower one's below.
        let beside = if number == 0 { -8.0 } else { 17.0 };
        for ((x, y), value) in points {
            let y_text = y + beside;
            let digits = if value < 10.0 { 2 } else { 0 };
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y_text:.1}\" text-anchor=\"middle\" fill=\"{colour}\">{value:.digits$}</text>"
            );
        }
        let x = LEFT + number as f64 * 130.0;
        let _ = writeln!(out, "<text x=\"{x}\" y=\"46\" fill=\"{colour}\">{name}</text>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_stands_in_the_chart_and_what_is_missing_does_not() {
        let log = |size, append| Grown {
            size,
            fill_rate: None,
            disk: size * 1234,
            sealed: 617.0,
            start: Some(0.25),
            append,
            memory: Some(77 << 20),
        };
        let chart = draw(&[log(0, Some((1.5, 2.5))), log(100_000, Some((3.5, 4.5))), log(1_000_000, None)]);
        for text in [">1.50<", ">4.50<", ">77<", ">1234<", ">617<", ">0.25<", ">100 000<"] {
            assert!(chart.contains(text), "{text}");
        }
        assert!(!chart.contains("NaN") && !chart.contains("inf"), "an empty log has no receipt to take disk");
    }
}
