//! Dates and times for people: `2026-11-22T05:56:05.123Z` becomes "22 November 2026, 05:56 UTC".
//!
//! Only the form that records use (RFC 3339 in UTC). It knows no clock and no time zones.

use leptos::prelude::*;

/// The time in plain words; what is not of the expected form comes back as it is.
pub(crate) fn plain(time: &str, months: &str) -> String {
    parts(time, months).unwrap_or_else(|| time.to_string())
}

/// The day of it, in plain words.
#[must_use]
pub fn day(time: &str, months: &str) -> String {
    plain(time.split_once('T').map_or(time, |(day, _)| day), months)
}

fn parts(time: &str, months: &str) -> Option<String> {
    let (date, clock) = time.split_once('T').unwrap_or((time, ""));
    let mut numbers = date.splitn(3, '-');
    let (year, month, day) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let month = months.split(' ').nth(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    let day: u8 = day.parse().ok()?;
    match clock.get(..5) {
        Some(minutes) => Some(format!("{day} {month} {year}, {minutes} UTC")),
        None => Some(format!("{day} {month} {year}")),
    }
}

/// The time in plain words, marked up with its exact value.
pub(crate) fn time(time: &str, months: &str) -> AnyView {
    let words = plain(time, months);
    view! { <time datetime=time.to_string()>{words}</time> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words() {
        let months = "January February March April May June July August September October November December";
        for (time, words) in [
            ("2026-11-22T05:56:05.123Z", "22 November 2026, 05:56 UTC"),
            ("2026-01-02", "2 January 2026"),
            ("yesterday", "yesterday"),
            ("2026-13-01T00:00:00Z", "2026-13-01T00:00:00Z"),
            ("2026-00-01T00:00:00Z", "2026-00-01T00:00:00Z"),
        ] {
            assert_eq!(plain(time, months), words);
        }
    }
}
