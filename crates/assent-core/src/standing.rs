//! What holds now: a subject's decisions, folded in order, and whether a notice may still be answered.
//!
//! Times are Unix milliseconds that the caller brings. A consent is remembered only as long as the notice promises;
//! a no is never forgotten here (that it may be asked again after a while is the banner's question). Records count in
//! the order they were taken down, except that a yes which waited in a browser does not undo a no said after it.

use crate::decision::{Decision, Standing};
use crate::ids::PurposeId;
use crate::notice::{Asked, Notice, Purpose};
use alloc::collections::BTreeMap;

/// How long after its replacement a notice that was already on screen may still be answered.
pub const GRACE_MS: u64 = 10 * 60 * 1000;
/// How long a sign-up for alerts waits to be confirmed. Afterwards it is as if nobody had asked, and is purged.
pub const CONFIRM_MS: u64 = 3 * DAY_MS;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What one record decided, and when it was taken down.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// When it was taken down, Unix milliseconds.
    pub at: u64,
    /// When the person pressed, by their own clock, if they said so. Unix milliseconds.
    pub acted: Option<u64>,
    /// Whether a yes in it counts without a confirmation: it was told to staff, with evidence.
    pub settled: bool,
    /// Whether a yes to an alert in it waits until staff talked with the person.
    pub young: bool,
    /// Whether staff wrote down in it that they did.
    pub talked: bool,
    /// Purpose by purpose.
    pub decisions: &'a BTreeMap<PurposeId, Decision>,
}

/// What holds for one purpose, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What holds.
    pub standing: Standing,
    /// When it was said, Unix milliseconds; 0 when nothing was.
    pub since: u64,
}

/// What holds at `now` for every purpose of `notice` that is a choice, after everything in `said`, oldest first.
#[must_use]
pub fn standings<'a>(
    notice: &Notice,
    said: impl IntoIterator<Item = Said<'a>>,
    now: u64,
) -> BTreeMap<PurposeId, Standing> {
    held(notice, said, now).into_iter().map(|(id, held)| (id, held.standing)).collect()
}

/// The same as [`standings`], with the time of each.
#[must_use]
pub fn held<'a>(
    notice: &Notice,
    said: impl IntoIterator<Item = Said<'a>>,
    now: u64,
) -> BTreeMap<PurposeId, Held> {
    let choices = notice.purposes.iter().filter(|purpose| purpose.is_choice());
    let mut standings: BTreeMap<PurposeId, Held> = choices
        .map(|purpose| (purpose.id.clone(), Held { standing: Standing::NotAsked, since: 0 }))
        .collect();
    let grant_ms = u64::from(notice.memory.grant_days) * DAY_MS;
    let mut last_no: BTreeMap<&PurposeId, u64> = BTreeMap::new();
    // Since when a yes waits to be confirmed.
    let mut waits: BTreeMap<&PurposeId, u64> = BTreeMap::new();
    for Said { at, acted, settled, young, talked, decisions } in said {
        for (id, decision) in decisions {
            let (Some(purpose), Some(standing)) = (notice.purpose(id), standings.get_mut(id)) else {
                continue;
            };
            end_if_over(purpose, standing, at);
            // A yes counts from the press, if that was earlier; a clock that is ahead gains nothing.
            let mut since = acted.map_or(at, |acted| acted.min(at));
            // Details from before the route was there are not used on it.
            if decision.is_yes() && since < purpose.collected_from() {
                continue;
            }
            // Anybody can type an address that is not theirs: asking again neither ends nor renews what its owner confirmed.
            let confirmed = purpose.asked == Asked::AlertForm
                && matches!(standing.standing, Standing::Granted | Standing::PendingContact);
            let asked_again = confirmed && matches!(decision, Decision::Given | Decision::Renewed);
            if asked_again {
                since = standing.since;
            }
            // A change that is still to come ends nothing yet.
            let changed = purpose.changed_at().map(|at| at.saturating_mul(1000)).filter(|at| *at <= now);
            let over = (purpose.asked == Asked::Banner && now.saturating_sub(since) >= grant_ms)
                || changed.is_some_and(|changed| since < changed);
            let is_yes = decision.is_yes();
            let waited = waits.get(id).map_or(0, |asked| at.saturating_sub(*asked));
            let young = young && purpose.asked == Asked::AlertForm;
            let granted = if young { Standing::PendingContact } else { Standing::Granted };
            let after = match (*decision, standing.standing) {
                (Decision::Confirmed, Standing::Unconfirmed) if waited < CONFIRM_MS && !talked => granted,
                (Decision::Confirmed, Standing::PendingContact) if talked => Standing::Granted,
                // What was taken back meanwhile, or waited too long, is not confirmed into a yes.
                (Decision::Confirmed, before) => before,
                (_, before) if asked_again => before,
                (decision, _) if settled && decision.is_yes() => granted,
                (decision, _) => Standing::after(decision, purpose.asked),
            };
            // Pressed before that no, and only taken down after it. A browser's clock that is behind errs towards no.
            let is_late = acted.is_some_and(|acted| last_no.get(id).is_some_and(|no| acted < *no));
            if is_yes && is_late {
                continue;
            }
            if !is_yes {
                last_no.insert(id, at);
            }
            if after == Standing::Unconfirmed && *decision != Decision::Confirmed {
                waits.insert(id, at);
            }
            // What a confirmation leaves unconfirmed goes on waiting since it was asked.
            if *decision == Decision::Confirmed && after == Standing::Unconfirmed {
                since = standing.since;
            }
            let after = if after == Standing::Granted && over { Standing::Expired } else { after };
            *standing = Held { standing: after, since };
        }
    }
    for purpose in &notice.purposes {
        if let Some(held) = standings.get_mut(&purpose.id) {
            end_if_over(purpose, held, now);
        }
    }
    for (id, asked) in waits {
        let waits_in_vain = now.saturating_sub(asked) >= CONFIRM_MS;
        if let Some(held) = standings.get_mut(id).filter(|held| held.standing == Standing::Unconfirmed)
            && waits_in_vain
        {
            held.standing = Standing::Expired;
        }
    }
    standings
}

/// Until when what holds at `now` goes on holding if nobody says anything: Unix milliseconds, [`u64::MAX`] for ever. Never too late, and
/// sometimes early: then [`held`] is to be asked again.
#[must_use]
pub fn holds_until(notice: &Notice, held: &BTreeMap<PurposeId, Held>, now: u64) -> u64 {
    let each = held.iter().filter_map(|(id, held)| Some((notice.purpose(id)?, held)));
    let ends = each.flat_map(|(purpose, held)| {
        let changes = purpose.changed_at().map(|at| at.saturating_mul(1000)).filter(|at| *at > now);
        let days = match (held.standing, purpose.asked) {
            (Standing::Granted, Asked::Banner) => Some(notice.memory.grant_days),
            (Standing::Granted, Asked::AlertForm) => purpose.ends_after_days,
            _ => None,
        };
        let lasts = match held.standing {
            Standing::Unconfirmed => Some(CONFIRM_MS),
            _ => days.map(|days| u64::from(days) * DAY_MS),
        };
        [changes, lasts.map(|lasts| held.since.saturating_add(lasts))]
    });
    ends.flatten().min().unwrap_or(u64::MAX)
}

/// Ends a yes to an alert whose time is over by `at`.
fn end_if_over(alert: &Purpose, held: &mut Held, at: u64) {
    let lasts = alert.ends_after_days.map(|days| u64::from(days) * DAY_MS);
    if held.standing == Standing::Granted && lasts.is_some_and(|lasts| at.saturating_sub(held.since) >= lasts)
    {
        held.standing = Standing::Expired;
    }
}

/// Whether a press at `acted` may answer a notice that another one replaced at `replaced`.
///
/// People agree only to words that were on screen; a page that was open when the words changed may still be
/// answered for [`GRACE_MS`].
#[must_use]
pub fn may_answer(replaced: Option<u64>, acted: u64) -> bool {
    replaced.is_none_or(|replaced| acted <= replaced.saturating_add(GRACE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::*;
    use proptest::{collection, option};
    use std::string::ToString;
    use std::vec::Vec;

    fn after(said: &[(u64, &str, Decision)], now: u64, purpose: &str) -> Standing {
        let said: Vec<_> = said.iter().map(|(at, id, decision)| (*at, None, *id, *decision)).collect();
        after_queued(&said, now, purpose)
    }

    fn after_queued(said: &[(u64, Option<u64>, &str, Decision)], now: u64, purpose: &str) -> Standing {
        let notice = fixture::site_file().notice().unwrap();
        let one = |id, decision| BTreeMap::from([(PurposeId::new(id).unwrap(), decision)]);
        let maps: Vec<_> =
            said.iter().map(|(at, acted, id, decision)| (*at, *acted, one(id, *decision))).collect();
        let said = maps.iter().map(|(at, acted, decisions)| Said {
            at: *at,
            acted: *acted,
            settled: false,
            young: false,
            talked: false,
            decisions,
        });
        standings(&notice, said, now)[purpose]
    }

    #[test]
    fn the_last_word_holds_until_its_time_is_over() {
        use Decision::{Given, Refused, Renewed, Withdrawn};
        let year = 366 * DAY_MS;
        for (said, now, holds) in [
            (&[][..], 0, Standing::NotAsked),
            (&[(0, "surveys", Given)], 1, Standing::NotAsked),
            (&[(0, "analytics", Given)], 1, Standing::Granted),
            (&[(0, "analytics", Given)], year, Standing::Expired),
            (&[(0, "analytics", Given), (year / 2, "analytics", Renewed)], year, Standing::Granted),
            (&[(0, "analytics", Given), (1, "analytics", Withdrawn)], 2, Standing::Withdrawn),
            (&[(0, "analytics", Refused)], year, Standing::Refused),
            (&[(0, "unheard-of", Given)], 1, Standing::NotAsked),
        ] {
            assert_eq!(after(said, now, "analytics"), holds, "{said:?} at {now}");
        }
    }

    #[test]
    fn an_alert_needs_a_confirmation_in_time_and_nothing_taken_back_before_it() {
        use Decision::{Confirmed, Given, Renewed, Withdrawn};
        let late = CONFIRM_MS;
        for (said, now, holds) in [
            (&[(0, Given)][..], late - 1, Standing::Unconfirmed),
            (&[(0, Given)], late, Standing::Expired),
            (&[(0, Given), (9, Confirmed)], 366 * DAY_MS, Standing::Granted),
            (&[(0, Given), (late, Confirmed)], late + 1, Standing::Expired),
            (&[(0, Given), (5, Renewed), (late, Confirmed)], late + 1, Standing::Granted),
            (&[(0, Given), (5, Withdrawn), (9, Confirmed)], 10, Standing::Withdrawn),
            (&[(0, Given), (5, Confirmed), (9, Withdrawn)], 10, Standing::Withdrawn),
            (&[(0, Given), (5, Confirmed), (9, Given)], late + 9, Standing::Granted),
            (&[(0, Given), (5, Confirmed), (9, Withdrawn), (12, Given)], 13, Standing::Unconfirmed),
            (&[(0, Given), (5, Confirmed), (9, Withdrawn), (12, Confirmed)], 13, Standing::Withdrawn),
            (&[(0, Confirmed)], 1, Standing::NotAsked),
        ] {
            let said: Vec<_> = said.iter().map(|(at, decision)| (*at, "email-news", *decision)).collect();
            assert_eq!(after(&said, now, "email-news"), holds, "{said:?} at {now}");
        }
    }

    #[test]
    fn an_alert_ends_by_itself_where_the_notice_says_so_unless_its_owner_keeps_it() {
        use Decision::{Confirmed, Expired, Given, Renewed};
        let mut notice = fixture::site_file().notice().unwrap();
        let alert = notice.purposes.iter_mut().find(|purpose| purpose.id.as_str() == "email-news").unwrap();
        alert.ends_after_days = Some(100);
        let (end, kept) = (9 + 100 * DAY_MS, 90 * DAY_MS);
        for (said, now, holds) in [
            (&[(0, Given), (9, Confirmed)][..], end - 1, Standing::Granted),
            (&[(0, Given), (9, Confirmed)], end, Standing::Expired),
            (&[(0, Given), (9, Confirmed), (end + 5, Expired)], end + 6, Standing::Expired),
            (&[(0, Given), (9, Confirmed), (kept, Confirmed)], end, Standing::Granted),
            (&[(0, Given), (9, Confirmed), (kept, Confirmed)], kept + 100 * DAY_MS, Standing::Expired),
            // Whoever types the address into the form keeps nothing alive.
            (&[(0, Given), (9, Confirmed), (kept, Renewed)], end, Standing::Expired),
            (
                &[(0, Given), (9, Confirmed), (end + 5, Expired), (end + 6, Confirmed)],
                end + 7,
                Standing::Expired,
            ),
        ] {
            let id = PurposeId::new("email-news").unwrap();
            let maps: Vec<_> =
                said.iter().map(|(at, decision)| (*at, BTreeMap::from([(id.clone(), *decision)]))).collect();
            let said = maps.iter().map(|(at, decisions)| Said {
                at: *at,
                acted: None,
                settled: false,
                young: false,
                talked: false,
                decisions,
            });
            assert_eq!(standings(&notice, said, now)["email-news"], holds, "{maps:?} at {now}");
        }
    }

    #[test]
    fn a_young_persons_yes_waits_until_they_were_talked_with_and_nothing_goes_round_it() {
        use Decision::{Confirmed, Given, Refused, Withdrawn};
        use Standing::{Granted, PendingContact, Unconfirmed};
        let (notice, id) = (fixture::notice(), PurposeId::new("email-news").unwrap());
        let (plain, young, talked) = ((false, false, false), (false, true, false), (false, false, true));
        // What was told with evidence, of somebody young.
        let settled = (true, true, false);
        for (said, holds) in [
            (&[(Given, young)][..], Unconfirmed),
            (&[(Given, young), (Confirmed, young)], PendingContact),
            (&[(Given, young), (Confirmed, young), (Confirmed, talked)], Granted),
            (&[(Given, young), (Confirmed, young), (Withdrawn, talked)], Standing::Withdrawn),
            // A talk confirms no address.
            (&[(Given, young), (Confirmed, talked)], Unconfirmed),
            (&[(Given, young), (Refused, plain), (Confirmed, talked)], Standing::Refused),
            // Signing up again with another age, or pressing the link again.
            (&[(Given, young), (Confirmed, young), (Given, plain)], PendingContact),
            (&[(Given, young), (Confirmed, young), (Given, plain), (Confirmed, plain)], PendingContact),
            (
                &[(Given, young), (Confirmed, young), (Withdrawn, plain), (Given, plain), (Confirmed, plain)],
                Granted,
            ),
            // Somebody types the address of somebody old.
            (&[(Given, plain), (Confirmed, plain), (Given, young)], Granted),
            (&[(Given, settled)], PendingContact),
            (&[(Given, settled), (Confirmed, talked)], Granted),
        ] {
            let maps: Vec<_> = said
                .iter()
                .map(|(decision, how)| (BTreeMap::from([(id.clone(), *decision)]), *how))
                .collect();
            let said = maps.iter().zip(1..).map(|((decisions, (settled, young, talked)), at)| Said {
                at,
                acted: None,
                settled: *settled,
                young: *young,
                talked: *talked,
                decisions,
            });
            assert_eq!(standings(&notice, said, 20)["email-news"], holds, "{maps:?}");
        }
        let given = BTreeMap::from([(PurposeId::new("analytics").unwrap(), Given)]);
        let on_banner =
            Said { at: 1, acted: None, settled: false, young: true, talked: false, decisions: &given };
        assert_eq!(
            standings(&notice, [on_banner], 2)["analytics"],
            Granted,
            "nobody can be talked with there"
        );
    }

    proptest! {
        /// Whatever was said: until the time that `holds_until` names, and a millisecond before it, all of it holds.
        #[test]
        fn what_holds_goes_on_holding_as_long_as_is_said(
            said in collection::vec((0_u64..900, 0_u64..3, 0_usize..7, any::<[bool; 3]>(), any::<bool>()), 0..8),
            (changed, ends) in (option::of(0_i64..900), option::of(1_u16..400)),
            (now, share) in (0_u64..900, 0_u64..1000),
        ) {
            let mut notice = fixture::site_file().notice().unwrap();
            for purpose in notice.purposes.iter_mut().filter(|purpose| purpose.is_choice()) {
                let at = changed.map(|day| jiff::Timestamp::from_second(day * 86_400).unwrap().to_string());
                purpose.changed = at;
                purpose.ends_after_days = ends.filter(|_| purpose.asked == Asked::AlertForm);
            }
            let mut times: Vec<_> = said.iter().map(|(day, ..)| *day).collect();
            times.sort_unstable();
            let maps: Vec<_> = said.iter().map(|(_, _, what, _, alert)| {
                let id = if *alert { "email-news" } else { "analytics" };
                // Only an alert is ever confirmed.
                let decision = Some(Decision::ALL[*what]).filter(|what| *alert || *what != Decision::Confirmed);
                BTreeMap::from([(PurposeId::new(id).unwrap(), decision.unwrap_or(Decision::Given))])
            }).collect();
            let said: Vec<_> = said.iter().zip(times).zip(&maps).map(|(((_, before, _, [settled, young, talked], _), day), decisions)| Said {
                at: day * DAY_MS, acted: Some(day.saturating_sub(*before) * DAY_MS),
                settled: *settled, young: *young, talked: *talked, decisions,
            }).collect();
            let now = now.max(said.last().map_or(0, |said| said.at / DAY_MS)) * DAY_MS;
            let at_now = held(&notice, said.iter().copied(), now);
            let until = holds_until(&notice, &at_now, now).min(now + 2000 * DAY_MS);
            if until > now {
                for later in [now + (until - 1 - now) / 1000 * share, until - 1] {
                    prop_assert_eq!(&held(&notice, said.iter().copied(), later), &at_now, "at {}", later);
                }
            }
        }
    }

    #[test]
    fn a_significant_change_ends_a_yes_from_before_and_no_no() {
        use Decision::{Given, Refused};
        let changed = 1_793_523_600_000;
        let mut notice = fixture::site_file().notice().unwrap();
        notice.purposes[1].changed = Some("2026-11-01T09:00:00Z".into());
        assert_eq!(notice.purposes[1].changed_at(), Some(changed / 1000));
        for (at, decision, now, holds) in [
            (changed - 1, Given, changed + 1, Standing::Expired),
            (changed - 1, Given, changed - 1, Standing::Granted),
            (changed, Given, changed + 1, Standing::Granted),
            (changed - 1, Refused, changed + 1, Standing::Refused),
        ] {
            let decisions = BTreeMap::from([(PurposeId::new("analytics").unwrap(), decision)]);
            let said =
                Said { at, acted: None, settled: false, young: false, talked: false, decisions: &decisions };
            let held = held(&notice, [said], now)["analytics"];
            assert_eq!(held, Held { standing: holds, since: at }, "{decision:?} at {at}, now {now}");
        }
    }

    #[test]
    fn a_yes_that_waited_in_a_browser_does_not_undo_a_later_no() {
        use Decision::{Given, Refused, Withdrawn};
        for (said, holds) in [
            (
                &[(10, Some(9), "analytics", Given), (20, None, "analytics", Withdrawn)][..],
                Standing::Withdrawn,
            ),
            (&[(20, None, "analytics", Refused), (30, Some(10), "analytics", Given)], Standing::Refused),
            (&[(20, None, "analytics", Refused), (30, Some(25), "analytics", Given)], Standing::Granted),
            (&[(20, None, "analytics", Given), (30, Some(10), "analytics", Withdrawn)], Standing::Withdrawn),
        ] {
            assert_eq!(after_queued(said, 40, "analytics"), holds, "{said:?}");
        }
    }

    #[test]
    fn what_was_told_with_evidence_stands_and_only_from_when_the_route_was_there() {
        use crate::notice::{CHARITABLE_FROM, Route, SoftOptIn, SoftOptInKind};
        let mut file = fixture::site_file();
        let id = PurposeId::new("email-news").unwrap();
        let given = BTreeMap::from([(id.clone(), Decision::Given)]);
        let objected = BTreeMap::from([(id.clone(), Decision::Objected)]);
        let now = CHARITABLE_FROM + 9 * DAY_MS;
        let told = |acted, settled| Said {
            at: now,
            acted: Some(acted),
            settled,
            young: false,
            talked: false,
            decisions: &given,
        };
        let after = |file: &crate::site::SiteFile, said: &[Said<'_>]| {
            standings(&file.notice().unwrap(), said.iter().copied(), now)[&id]
        };
        assert_eq!(after(&file, &[told(1, true)]), Standing::Granted);
        assert_eq!(after(&file, &[told(1, false)]), Standing::Unconfirmed);
        let no = Said {
            at: now - 1,
            acted: None,
            settled: false,
            young: false,
            talked: false,
            decisions: &objected,
        };
        assert_eq!(after(&file, &[no, told(1, true)]), Standing::Objected, "it was said before that no");

        file.alerts[0].route = Route::SoftOptIn;
        let (collected, opt_out) = ("On our form.".into(), "A box.".into());
        file.alerts[0].soft_opt_in = Some(SoftOptIn { kind: SoftOptInKind::Charitable, collected, opt_out });
        assert_eq!(after(&file, &[told(CHARITABLE_FROM - 1, true)]), Standing::NotAsked);
        assert_eq!(after(&file, &[told(CHARITABLE_FROM, true)]), Standing::Granted);
        assert_eq!(after(&file, &[told(CHARITABLE_FROM, false)]), Standing::Unconfirmed);
        file.alerts[0].soft_opt_in.as_mut().unwrap().kind = SoftOptInKind::Commercial;
        assert_eq!(after(&file, &[told(CHARITABLE_FROM - 1, true)]), Standing::Granted);
    }

    #[test]
    fn a_replaced_notice_may_be_answered_for_ten_minutes() {
        assert!(may_answer(None, u64::MAX));
        assert!(may_answer(Some(1000), 999));
        assert!(may_answer(Some(1000), 1000 + GRACE_MS));
        assert!(!may_answer(Some(1000), 1001 + GRACE_MS));
    }
}
