//! How far an endpoint was told, and the published schedule by which an event that it did not take is tried again.
//!
//! Values only: where this is kept and who acts on it is [`super`]'s.

use assent_core::event::EventKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// How long is waited after the first try that failed, the second, and so on; after one more it is given up. Milliseconds. Source:
/// Standard Webhooks 1.0.0, whose first try is at once.
pub(super) const WAITS: [u64; 9] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// Longest that an endpoint may ask to be left alone. Milliseconds.
const WAIT_MAX: u64 = 24 * HOUR;
/// Most events that wait at a time. The log itself is the queue for the rest.
pub(super) const WAITING_MAX: usize = 1000;
/// Most events that are remembered as given up; the oldest are forgotten first. They can still be told again by their time.
const GIVEN_UP_MAX: usize = 1000;

/// Names an event: the entry it is made of, and its kind.
pub(super) type Which = (u64, EventKind);

/// What an endpoint was told. Holds nothing about people: events are made anew from the log each time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The first entry that was not looked at yet.
    pub(super) next: u64,
    /// Since when it is told nothing: Unix milliseconds.
    pub(super) disabled: Option<u64>,
    /// Events that it did not take, by entry.
    pub(super) troubles: Vec<Trouble>,
}

/// An event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub(super) index: u64,
    pub(super) kind: EventKind,
    /// How often it was tried.
    pub(super) tries: u32,
    /// When it was tried last: Unix milliseconds.
    pub(super) tried: u64,
    /// When it is tried again: Unix milliseconds. Nothing: it was given up.
    pub(super) due: Option<u64>,
    /// Why it was not taken.
    pub(super) reason: String,
}

/// A try that failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// Why. No personal data.
    pub(super) reason: String,
    /// How long the endpoint asked to be left alone.
    pub(super) wait: Option<Duration>,
    /// When: Unix milliseconds.
    pub(super) at: u64,
    /// 0 to 255: how much later than the schedule says, up to a tenth, so that not everything comes back at the same moment.
    pub(super) jitter: u8,
}

impl Progress {
    /// As it is kept: text keys and whole numbers.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What was kept; nothing when it cannot be read.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Events that are to be tried again now, the longest due first.
    pub(super) fn due(&self, now: u64, most: usize) -> Vec<Which> {
        let mut due: Vec<_> =
            self.troubles.iter().filter(|it| it.due.is_some_and(|due| due <= now)).collect();
        due.sort_by_key(|trouble| trouble.due);
        due.iter().take(most).map(|trouble| (trouble.index, trouble.kind)).collect()
    }

    /// How many events wait, and how many were given up.
    pub(super) fn counts(&self) -> (usize, usize) {
        let waiting = self.troubles.iter().filter(|trouble| trouble.due.is_some()).count();
        (waiting, self.troubles.len() - waiting)
    }

    /// Whether so many wait that no more can.
    pub(super) fn is_full(&self) -> bool {
        self.counts().0 >= WAITING_MAX
    }

    /// It was taken, or there is no such event any more.
    pub(super) fn done(&mut self, which: Which) {
        self.troubles.retain(|trouble| (trouble.index, trouble.kind) != which);
    }

    /// It was not taken. Answers when it is tried again; nothing when it is given up.
    pub(super) fn failed(&mut self, which: Which, failure: &Failure) -> Option<u64> {
        let trouble = self.trouble(which);
        let wait = WAITS.get(trouble.tries as usize).map(|wait| {
            let asked = failure.wait.map_or(0, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            (wait + wait / 10 * u64::from(failure.jitter) / 255).max(asked.min(WAIT_MAX))
        });
        trouble.tries += 1;
        trouble.tried = failure.at;
        trouble.reason.clone_from(&failure.reason);
        trouble.due = wait.map(|wait| failure.at + wait);
        let due = trouble.due;
        if due.is_none() {
            self.forget_oldest();
        }
        due
    }

    /// The endpoint wants no more: it is told nothing until staff enable it, and then this first.
    pub(super) fn disable(&mut self, which: Which, now: u64) {
        self.disabled = Some(now);
        let trouble = self.trouble(which);
        *trouble =
            Trouble { tries: 0, tried: now, due: Some(now), reason: "it answered 410".into(), ..*trouble };
    }

    /// Tries it once more at once, and by the whole schedule.
    pub(super) fn again(&mut self, which: Which, now: u64) {
        let trouble = self.trouble(which);
        trouble.tries = 0;
        trouble.due = Some(now);
    }

    /// Tells everything from this entry on again; what was not reached yet comes after it anyway.
    pub(super) fn again_from(&mut self, index: u64) {
        self.next = self.next.min(index);
        let next = self.next;
        self.troubles.retain(|trouble| trouble.index < next);
    }

    fn trouble(&mut self, (index, kind): Which) -> &mut Trouble {
        let place = self.troubles.partition_point(|trouble| (trouble.index, trouble.kind) < (index, kind));
        let there = self.troubles.get(place).is_some_and(|it| (it.index, it.kind) == (index, kind));
        if !there {
            let reason = String::new();
            let new = Trouble { index, kind, tries: 0, tried: 0, due: None, reason };
            self.troubles.insert(place, new);
        }
        &mut self.troubles[place]
    }

    fn forget_oldest(&mut self) {
        let mut given_up = self.counts().1;
        self.troubles.retain(|trouble| {
            let forget = trouble.due.is_none() && given_up > GIVEN_UP_MAX;
            given_up -= usize::from(forget);
            !forget
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHICH: Which = (7, EventKind::Granted);

    fn failure(at: u64) -> Failure {
        Failure { reason: "it answered 500".into(), wait: None, at, jitter: 0 }
    }

    #[test]
    fn the_schedule_is_the_published_one_for_each_event() {
        let (mut progress, mut now) = (Progress::default(), 1_000_000);
        let hours = [2, 5, 10, 14, 20, 24].map(|hours| hours * 3600);
        for seconds in [5, 300, 1800].into_iter().chain(hours) {
            let due = progress.failed(WHICH, &failure(now)).unwrap();
            assert_eq!(due - now, seconds * 1000);
            assert!(progress.due(due - 1, 16).is_empty());
            assert_eq!(progress.due(due, 16), [WHICH]);
            // Another one has a schedule of its own.
            assert_eq!(progress.failed((8, EventKind::Granted), &failure(now)), Some(now + 5000));
            progress.done((8, EventKind::Granted));
            now = due;
        }
        assert_eq!(progress.failed(WHICH, &failure(now)), None, "the tenth try was the last");
        assert_eq!((progress.counts(), progress.troubles[0].tries), ((0, 1), 10));
        assert!(progress.due(u64::MAX, 16).is_empty());
        progress.again(WHICH, now);
        assert_eq!((progress.due(now, 16), progress.counts()), (vec![WHICH], (1, 0)));
        assert_eq!(progress.failed(WHICH, &failure(now)), Some(now + 5000), "and begins anew");
    }

    #[test]
    fn an_endpoint_may_ask_for_more_time_but_not_for_ever() {
        let asks = |seconds| Failure { wait: Some(Duration::from_secs(seconds)), ..failure(0) };
        let due = |failure: &Failure| Progress::default().failed(WHICH, failure).unwrap();
        assert_eq!(due(&asks(1)), 5000);
        assert_eq!(due(&asks(60)), 60_000);
        assert_eq!(due(&asks(u64::MAX)), 24 * HOUR);
        assert_eq!(due(&Failure { jitter: 255, ..failure(0) }), 5500);
    }

    #[test]
    fn what_was_given_up_is_forgotten_from_the_oldest_and_what_waits_never() {
        let mut progress = Progress::default();
        progress.failed((0, EventKind::Granted), &failure(0));
        for index in 1..=GIVEN_UP_MAX as u64 + 5 {
            progress.again((index, EventKind::Granted), 0);
            progress.trouble((index, EventKind::Granted)).tries = WAITS.len() as u32;
            assert_eq!(progress.failed((index, EventKind::Granted), &failure(0)), None);
        }
        assert_eq!(progress.counts(), (1, GIVEN_UP_MAX));
        assert_eq!(progress.troubles[1].index, 6);
        assert_eq!(Progress::from_bytes(&progress.to_bytes()), Some(progress));
    }

    #[test]
    fn everything_from_an_entry_on_is_told_again_and_nothing_is_skipped() {
        let mut progress = Progress { next: 10, ..Progress::default() };
        progress.failed((3, EventKind::Granted), &failure(0));
        progress.failed(WHICH, &failure(0));
        progress.again_from(20);
        assert_eq!((progress.next, progress.troubles.len()), (10, 2));
        progress.again_from(5);
        assert_eq!((progress.next, progress.troubles.len()), (5, 1));
    }
}
