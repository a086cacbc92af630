//! When something last changed about a subject or a contact, so that what was worked out about them need not be worked out again
//! before that.
//!
//! Remembered in a table of fixed size, by a part of their ids: two who share a place are both taken to have changed. Not
//! here: what changed, and what was worked out. Nothing of this is kept: after a start everything has changed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use assent_core::hash::Hash;
use assent_core::subject::SubjectId;

/// Places: a megabyte.
const PLACES: usize = 1 << 17;
/// Something is changing just now.
const NOW: u64 = u64::MAX;

/// A moment in the life of a log, to ask later what changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// Where changes about one subject or contact are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangePlace(pub u32);

impl ChangePlace {
    /// Of a subject.
    #[must_use]
    pub fn of_subject(subject: &SubjectId) -> Self {
        Self::of(&subject.0)
    }

    /// Of a contact.
    #[must_use]
    pub fn of_contact(contact: &Hash) -> Self {
        Self::of(&contact.0)
    }

    /// Ids are random, and keyed hashes are as good as.
    fn of(id: &[u8]) -> Self {
        let first = id.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte));
        ChangePlace(first % PLACES as u32)
    }
}

/// About whom a change is.
#[derive(Debug)]
pub(crate) enum About {
    /// Nothing that anybody said or may be sent.
    Nobody,
    /// Subjects and contacts.
    Places(Vec<ChangePlace>),
    /// Perhaps everybody.
    Everybody,
}

/// When something last changed, by place.
#[derive(Debug)]
pub(crate) struct Changes {
    /// What the store holds is not known: it may show at any time.
    unknown: AtomicBool,
    /// Moments that have been.
    moments: AtomicU64,
    everybody: AtomicU64,
    places: Box<[AtomicU64]>,
}

impl Default for Changes {
    fn default() -> Self {
        let places = std::iter::repeat_with(AtomicU64::default).take(PLACES);
        let [moments, everybody] = [0, 0].map(AtomicU64::new);
        Changes { unknown: AtomicBool::new(false), moments, everybody, places: places.collect() }
    }
}

impl Changes {
    /// Now. To be asked for before anything is read.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.moments.load(SeqCst))
    }

    /// Whether what was read after `since` is still what there is, at all these places.
    pub(crate) fn none_since(&self, since: Moment, mut at: impl Iterator<Item = ChangePlace>) -> bool {
        let before = |last: &AtomicU64| last.load(SeqCst) <= since.0;
        !self.unknown.load(SeqCst)
            && before(&self.everybody)
            && at.all(|place| self.places.get(place.0 as usize).is_some_and(before))
    }

    /// It is not known what the store holds, until [`Self::known`]. What was remembered is not used, because anybody's look at the
    /// store may make visible what a commit left there.
    pub(crate) fn not_known(&self) {
        self.unknown.store(true, SeqCst);
    }

    /// The store was read again, and everybody counts as changed.
    pub(crate) fn known(&self) {
        drop(self.begin(About::Everybody));
        self.unknown.store(false, SeqCst);
    }

    /// Something changes from here on until what this returns is dropped: not before may readers see it or anybody hear of it, and by
    /// the end readers must see it. One at a time.
    pub(crate) fn begin(&self, about: About) -> Changing<'_> {
        let changing = Changing { changes: self, about };
        changing.each(|last| last.store(NOW, SeqCst));
        changing
    }
}

/// A change that is under way.
pub(crate) struct Changing<'a> {
    changes: &'a Changes,
    about: About,
}

impl Changing<'_> {
    fn each(&self, set: impl Fn(&AtomicU64)) {
        match &self.about {
            About::Nobody => {}
            About::Places(places) => {
                places.iter().filter_map(|place| self.changes.places.get(place.0 as usize)).for_each(set);
            }
            About::Everybody => set(&self.changes.everybody),
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        // Whoever asked for the moment before this one may have read what was before; whoever asks after it reads what is.
        let moment = self.changes.moments.fetch_add(1, SeqCst) + 1;
        self.each(|last| last.store(moment, SeqCst));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_or_during_a_change_does_not_hold_after_it() {
        let changes = Changes::default();
        let (one, other) =
            (ChangePlace::of_contact(&Hash([1; 32])), ChangePlace::of_subject(&SubjectId([2; 16])));
        let holds = |since, places: &[ChangePlace]| changes.none_since(since, places.iter().copied());
        let before = changes.moment();
        assert!(holds(before, &[one, other]));
        let changing = changes.begin(About::Places(vec![one]));
        let during = changes.moment();
        assert!(!holds(during, &[one, other]), "while it changes nothing that was worked out is used");
        assert!(holds(during, &[other]));
        drop(changing);
        assert!(!holds(before, &[one]) && !holds(during, &[other, one]));
        let after = changes.moment();
        assert!(holds(after, &[one, other]) && holds(before, &[other]));
        drop(changes.begin(About::Nobody));
        assert!(holds(after, &[one, other]));
        drop(changes.begin(About::Everybody));
        assert!(!holds(after, &[]) && holds(changes.moment(), &[one, other]));
        assert!(!holds(changes.moment(), &[ChangePlace(PLACES as u32)]), "no place");
        changes.not_known();
        let meanwhile = changes.moment();
        assert!(!holds(meanwhile, &[]));
        changes.known();
        assert!(!holds(meanwhile, &[]), "what was read meanwhile was of nobody knows when");
        assert!(holds(changes.moment(), &[one, other]));
    }
}
