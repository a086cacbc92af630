//! Handing a choice over to another site of the same controller: which questions two notices ask in the same words.
//!
//! Only what the person would read is compared, in the language they read it in. It does not know who hands over, or
//! whether anybody pressed.

use crate::decision::{Choice, Standing};
use crate::ids::PurposeId;
use crate::notice::{Asked, Controller, Notice, Purpose};
use alloc::collections::BTreeMap;

/// Whether both speak for the same organisation, as people know it.
#[must_use]
pub fn same_controller(one: &Controller, other: &Controller) -> bool {
    (&one.name, &one.address) == (&other.name, &other.address)
}

/// What of `standings`, which hold under `from`, can be handed over to `to`: yes and no to what both banners ask in the same words.
/// What was not asked, has expired, or differs in a word is not among it.
#[must_use]
pub fn carried(
    from: &Notice,
    to: &Notice,
    language: &str,
    standings: &BTreeMap<PurposeId, Standing>,
) -> BTreeMap<PurposeId, Choice> {
    if !same_controller(&from.controller, &to.controller) {
        return BTreeMap::new();
    }
    let said = standings.iter().filter_map(|(id, standing)| {
        let choice = match standing {
            Standing::Granted => Choice::Yes,
            Standing::Refused | Standing::Withdrawn | Standing::Objected => Choice::No,
            Standing::NotAsked | Standing::Unconfirmed | Standing::Expired => return None,
        };
        same_question(from, to, language, id).then(|| (id.clone(), choice))
    });
    said.collect()
}

/// Whether two notices ask the same of people, in the same words of `language`, under this name.
fn same_question(one: &Notice, other: &Notice, language: &str, id: &PurposeId) -> bool {
    let (Some(a), Some(b)) = (one.purpose(id), other.purpose(id)) else { return false };
    let text = |notice: &Notice| notice.languages.get(language)?.purposes.get(id).cloned();
    let parties = |notice: &Notice, purpose: &Purpose| {
        let readers = purpose.storage.iter().map(|item| &item.read_by);
        let named = purpose.recipients.iter().chain(readers);
        named.map(|id| notice.recipients.get(id).cloned()).collect::<alloc::vec::Vec<_>>()
    };
    a.is_choice()
        && (a.asked, b.asked) == (Asked::Banner, Asked::Banner)
        && (a.route, a.sharing) == (b.route, b.sharing)
        && (&a.storage, &a.special_categories) == (&b.storage, &b.special_categories)
        && parties(one, a) == parties(other, b)
        && text(one).is_some()
        && text(one) == text(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::notice::Route;
    use alloc::string::String;

    fn id(name: &str) -> PurposeId {
        PurposeId::new(name).unwrap()
    }

    fn names(to: &Notice, language: &str, said: &[(&str, Standing)]) -> BTreeMap<String, Choice> {
        let standings = said.iter().map(|(name, standing)| (id(name), *standing)).collect();
        let carried = carried(&fixture::notice(), to, language, &standings);
        carried.into_iter().map(|(id, choice)| (String::from(id.as_str()), choice)).collect()
    }

    #[test]
    fn what_was_said_goes_over_and_nothing_else() {
        use Standing::{Expired, Granted, NotAsked, Objected, Refused, Unconfirmed, Withdrawn};
        let same = fixture::notice();
        for (standing, choice) in
            [(Granted, Choice::Yes), (Refused, Choice::No), (Withdrawn, Choice::No), (Objected, Choice::No)]
        {
            let expected = [(String::from("analytics"), choice)].into();
            assert_eq!(names(&same, "en", &[("analytics", standing)]), expected, "{standing:?}");
        }
        for standing in [NotAsked, Unconfirmed, Expired] {
            assert!(names(&same, "en", &[("analytics", standing)]).is_empty(), "{standing:?}");
        }
        let said = [("session", Granted), ("email-news", Granted), ("teleport", Granted)];
        assert!(names(&same, "en", &said).is_empty(), "only what both banners ask");
        assert!(names(&same, "tlh", &[("analytics", Granted)]).is_empty(), "only in words that were read");
    }

    #[test]
    fn one_word_of_difference_and_it_is_asked_there() {
        type Change = fn(&mut Notice);
        let changes: [(&str, Change); 8] = [
            ("the description", |notice| {
                for text in notice.languages.values_mut() {
                    text.purposes.get_mut("analytics").unwrap().description.push('!');
                }
            }),
            ("the retention", |notice| {
                for text in notice.languages.values_mut() {
                    text.purposes.get_mut("analytics").unwrap().retention = "for ever".into();
                }
            }),
            ("the route", |notice| analytics(notice).route = Route::Statistics),
            ("the sharing", |notice| analytics(notice).sharing = true),
            ("what is stored", |notice| analytics(notice).storage.clear()),
            ("who receives it", |notice| {
                notice.recipients.values_mut().for_each(|party| party.location = "elsewhere".into());
            }),
            ("that there are others", |notice| analytics(notice).recipients.clear()),
            ("the controller", |notice| notice.controller.name.push_str(" Ltd")),
        ];
        for (what, change) in changes {
            let mut to = fixture::notice();
            change(&mut to);
            assert_ne!(to, fixture::notice(), "{what} was changed");
            assert!(names(&to, "en", &[("analytics", Standing::Granted)]).is_empty(), "{what}");
        }
        let mut technical = fixture::notice();
        analytics(&mut technical).google.clear();
        analytics(&mut technical).tools.clear();
        let carried = names(&technical, "en", &[("analytics", Standing::Granted)]);
        assert_eq!(carried.len(), 1, "what a page's tools are told is nothing that people read");
    }

    fn analytics(notice: &mut Notice) -> &mut Purpose {
        notice.purposes.iter_mut().find(|purpose| purpose.id == id("analytics")).unwrap()
    }
}
