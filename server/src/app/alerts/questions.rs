//! How many questions a site asks in an hour: messages that ask whether a sign-up was theirs, to all addresses together.
//!
//! Anybody can type any number of numbers into a form, and each text costs: a cap bounds what that can cost the operator, and how many
//! strangers are bothered. It is one for all, so that its answer tells nothing of an address. It is counted in memory: a restart begins
//! anew. What an address is not sent, because it was asked so often today, is not counted: nobody can fill an hour with one number. How often
//! one address is asked is [`outbox`](super::outbox)'s; how often one client may ask is the proxy's.

use super::link::ContactKey;
use super::outbox::CONFIRMATIONS_A_DAY;
use crate::config::Limits;
use assent_core::hash::Hash;
use assent_core::notice::Channel;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// An hour in milliseconds.
const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;

/// What was asked, site by site and channel by channel.
#[derive(Debug)]
pub struct Questions {
    by_email: usize,
    by_text: usize,
    asked: Mutex<BTreeMap<(String, Channel), Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    /// When, oldest first: of the last hour. Unix milliseconds.
    times: VecDeque<u64>,
    /// When and whom, as keyed hashes, oldest first: of the last day.
    addresses: VecDeque<(u64, Hash)>,
    /// How often each of those.
    often: BTreeMap<Hash, usize>,
    /// How often there was no more room.
    refused: u64,
}

impl Questions {
    /// With nothing asked yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let Limits { email_questions_per_hour: by_email, text_questions_per_hour: by_text, .. } = *limits;
        Self { by_email, by_text, asked: Mutex::default() }
    }

    /// Whether a site may ask each of these at `now` (Unix milliseconds), which is counted; or none, and then it is not. An address that
    /// was counted [`CONFIRMATIONS_A_DAY`] times within a day is sent nothing more, and is answered alike.
    pub(super) fn take(&self, site: &str, asks: &[ContactKey], now: u64) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = true;
        for ContactKey { channel, .. } in asks {
            let one = asked.entry((site.to_string(), *channel)).or_default();
            while one.times.front().is_some_and(|at| at + HOUR <= now) {
                one.times.pop_front();
            }
            if one.times.len() >= self.most(*channel) {
                one.refused += 1;
                all = false;
                tracing::warn!(
                    site,
                    channel = channel.as_str(),
                    "so many were asked within an hour that no more are"
                );
            }
        }
        for ContactKey { channel, hash } in asks.iter().filter(|_| all) {
            let one = asked.entry((site.to_string(), *channel)).or_default();
            if one.counts(*hash, now) {
                one.times.push_back(now);
            }
        }
        all
    }

    /// How often a site had no more room on a channel, since the start.
    #[must_use]
    pub fn refused(&self, site: &str, channel: Channel) -> u64 {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&(site.to_string(), channel)).map_or(0, |one| one.refused)
    }

    fn most(&self, channel: Channel) -> usize {
        match channel {
            Channel::Email => self.by_email,
            Channel::Text => self.by_text,
        }
    }
}

impl Asked {
    /// Whether this address was not counted too often today, and counts it then.
    fn counts(&mut self, address: Hash, now: u64) -> bool {
        while let Some((at, old)) = self.addresses.front().copied()
            && at + DAY <= now
        {
            self.addresses.pop_front();
            let left = self.often.remove(&old).unwrap_or_default();
            if left > 1 {
                self.often.insert(old, left - 1);
            }
        }
        let often = self.often.entry(address).or_default();
        let counts = *often < CONFIRMATIONS_A_DAY;
        if counts {
            *often += 1;
            self.addresses.push_back((now, address));
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_core::hash::sha256;

    fn asked(channel: Channel, address: &str) -> ContactKey {
        ContactKey { channel, hash: sha256(address.as_bytes()) }
    }

    #[test]
    fn one_address_takes_no_more_room_than_it_is_sent_messages() {
        let questions = Questions { by_email: 5, by_text: 1, asked: Mutex::default() };
        let take = |address: &str, at| questions.take("clinic", &[asked(Channel::Email, address)], at);
        assert!((0..100).all(|_| take("ann", 1000)), "asked three times, and no more are sent");
        assert!(take("bob", 1000) && take("cat", 1000));
        assert!(!take("dan", 1000) && !take("ann", 1000), "where there is no room, nobody is told apart");
        assert!((0..100).all(|_| take("ann", 1000 + HOUR)), "not counted for a day");
        let next = 1000 + DAY;
        assert!((0..100).all(|_| take("ann", next)));
        assert!(take("bob", next) && take("cat", next) && !take("dan", next));
    }

    #[test]
    fn an_hour_has_so_many_and_what_lacks_room_on_one_channel_is_not_counted_on_the_other() {
        let questions = Questions { by_email: 2, by_text: 1, asked: Mutex::default() };
        let [email, text] = [Channel::Email, Channel::Text];
        // Somebody else each time.
        let new = |channel, at: u64| asked(channel, &at.to_string());
        let take = |channels: &[Channel], at| {
            questions.take("clinic", &channels.iter().map(|it| new(*it, at)).collect::<Vec<_>>(), at)
        };
        assert!(take(&[text], 1000));
        assert!(!take(&[text], 2000) && !take(&[email, text], 2000));
        assert!(take(&[email], 3000) && take(&[email], 4000) && !take(&[email], 4000 + HOUR / 2));
        assert!(
            questions.take("library", &[new(email, 4000), new(text, 4000)], 4000),
            "each site for itself"
        );
        assert!(!take(&[text], 1000 + HOUR - 1) && take(&[text], 1000 + HOUR), "an hour after it was asked");
        assert!(take(&[email], 3000 + HOUR) && !take(&[email], 3000 + HOUR));
        assert_eq!((questions.refused("clinic", text), questions.refused("clinic", email)), (3, 2));
        assert_eq!(questions.refused("library", text), 0);
    }
}
