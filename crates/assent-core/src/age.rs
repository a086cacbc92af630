//! How old somebody says they are, where a site asks: in bands, because no birth date is wanted, and what each may say yes to.
//!
//! The law puts the first limit (who is younger cannot consent: UK GDPR Art 8 with DPA 2018 s.9, 13 there; 13 to 16 in the EU), the
//! controller's promise the second (who is younger is talked with, so that they understand what they agreed to). Whether somebody
//! says the truth about it is not judged here; who says nothing is taken for too young.

use crate::notice::{Asked, Notice, Purpose, Route};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// That a site asks how old people are: where, and which two limits matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgeQuestion {
    /// Where it is asked: with the choices of the banner, on the sign-up form for alerts, or at both.
    pub asked: Vec<Asked>,
    /// Who is younger than this, in years, cannot say yes: 13 to 16.
    pub consent_from: u8,
    /// Who is younger than this, in years, is talked with before their yes to an alert counts: at least `consent_from`, at most 18.
    pub contact_under: u8,
}

impl Default for AgeQuestion {
    fn default() -> Self {
        Self { asked: Vec::new(), consent_from: 13, contact_under: 16 }
    }
}

impl AgeQuestion {
    /// The bands that people choose from, the youngest first.
    #[must_use]
    pub fn bands(&self) -> Vec<AgeBand> {
        let (first, second) = (self.consent_from, self.contact_under);
        let mut bands = [AgeBand::Under(first)].to_vec();
        if first < second {
            bands.push(AgeBand::Between(first, second - 1));
        }
        bands.push(AgeBand::From(second.max(first)));
        bands
    }
}

/// How old somebody said they are. In records and bodies `under-13`, `13-15`, `16-plus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AgeBand {
    /// Younger than this, in years: cannot say yes.
    Under(u8),
    /// From the first to the second, both included: their yes to an alert waits until somebody talked with them.
    Between(u8, u8),
    /// At least this.
    From(u8),
}

impl fmt::Display for AgeBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Under(age) => write!(f, "under-{age}"),
            Self::Between(first, last) => write!(f, "{first}-{last}"),
            Self::From(age) => write!(f, "{age}-plus"),
        }
    }
}

/// The text is no band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an age band is written `under-13`, `13-15` or `16-plus`")]
pub struct NotABand;

impl FromStr for AgeBand {
    type Err = NotABand;

    fn from_str(text: &str) -> Result<Self, NotABand> {
        let number = |text: &str| text.parse::<u8>().map_err(|_| NotABand);
        let band = match text.split_once('-').ok_or(NotABand)? {
            ("under", age) => Self::Under(number(age)?),
            (age, "plus") => Self::From(number(age)?),
            (first, last) => Self::Between(number(first)?, number(last)?),
        };
        // One text for each: a band is compared by it.
        if band.to_string() == text { Ok(band) } else { Err(NotABand) }
    }
}

impl TryFrom<String> for AgeBand {
    type Error = NotABand;

    fn try_from(text: String) -> Result<Self, NotABand> {
        text.parse()
    }
}

impl From<AgeBand> for String {
    fn from(band: AgeBand) -> Self {
        band.to_string()
    }
}

/// Why somebody's yes is not taken, or the band that came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// The site asks, and nothing was said.
    #[error("a yes needs an age band here")]
    Missing,
    /// The site does not ask there, or has no such band: what was not asked for is not kept.
    #[error("no such age band is asked for here")]
    NotAsked,
    /// Too young to say yes, or to say it where nobody can be talked with.
    #[error("too young to say yes to this")]
    TooYoung,
}

impl Notice {
    /// The bands that people choose from at one place; none where they are not asked.
    #[must_use]
    pub fn age_bands(&self, at: Asked) -> Vec<AgeBand> {
        let asked = self.age.as_ref().filter(|question| question.asked.contains(&at));
        asked.map(AgeQuestion::bands).unwrap_or_default()
    }

    /// Whether somebody who said this about their age may say yes to `purpose`. A no needs no age.
    ///
    /// What is no consent (statistics, necessary, service) is nobody's to be too young for. What takes substantial data waits for a
    /// talk (SEED-A-32), and nobody can talk with a visitor of the banner, whose address is not known: so there it stays a no.
    ///
    /// # Errors
    /// [`AgeError`].
    pub fn age_allows(&self, purpose: &Purpose, band: Option<AgeBand>) -> Result<(), AgeError> {
        let bands = self.age_bands(purpose.asked);
        if bands.is_empty() || !matches!(purpose.route, Route::Consent | Route::SoftOptIn) {
            return Ok(());
        }
        let band = band.ok_or(AgeError::Missing)?;
        if !bands.contains(&band) {
            return Err(AgeError::NotAsked);
        }
        let alone = purpose.asked == Asked::Banner && purpose.substantial_data;
        match band {
            AgeBand::From(_) => Ok(()),
            AgeBand::Between(..) if !alone => Ok(()),
            AgeBand::Between(..) | AgeBand::Under(_) => Err(AgeError::TooYoung),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::ids::PurposeId;

    fn asking(asked: &[Asked]) -> Notice {
        Notice {
            age: Some(AgeQuestion { asked: asked.to_vec(), ..AgeQuestion::default() }),
            ..fixture::notice()
        }
    }

    #[test]
    fn bands_follow_from_the_two_limits_and_have_one_text_each() {
        let texts = |consent_from, contact_under| -> Vec<String> {
            let question = AgeQuestion { consent_from, contact_under, ..AgeQuestion::default() };
            question.bands().into_iter().map(String::from).collect()
        };
        assert_eq!(texts(13, 16), ["under-13", "13-15", "16-plus"]);
        assert_eq!(texts(13, 14), ["under-13", "13-13", "14-plus"]);
        assert_eq!(texts(16, 16), ["under-16", "16-plus"], "nobody is talked with");
        for band in [AgeBand::Under(13), AgeBand::Between(13, 15), AgeBand::From(16)] {
            assert_eq!(band.to_string().parse(), Ok(band));
        }
        for text in
            ["", "13", "under-", "under-013", "+13-15", "16-plus ", "UNDER-13", "13-15-16", "300-plus"]
        {
            assert_eq!(text.parse::<AgeBand>(), Err(NotABand), "{text}");
        }
    }

    #[test]
    fn who_is_too_young_or_says_nothing_agrees_to_nothing_and_nobody_is_asked_elsewhere() {
        let (young, middle, old) = (AgeBand::Under(13), AgeBand::Between(13, 15), AgeBand::From(16));
        let judged = |notice: &Notice, purpose: &str, band| {
            notice.age_allows(notice.purpose(&PurposeId::new(purpose).unwrap()).unwrap(), band)
        };
        let both = asking(&[Asked::Banner, Asked::AlertForm]);
        for purpose in ["analytics", "email-news"] {
            assert_eq!(judged(&both, purpose, None), Err(AgeError::Missing), "{purpose}");
            assert_eq!(judged(&both, purpose, Some(young)), Err(AgeError::TooYoung), "{purpose}");
            assert_eq!(judged(&both, purpose, Some(middle)), Ok(()), "{purpose}");
            assert_eq!(judged(&both, purpose, Some(old)), Ok(()), "{purpose}");
            assert_eq!(judged(&both, purpose, Some(AgeBand::From(13))), Err(AgeError::NotAsked), "{purpose}");
        }
        assert_eq!(judged(&both, "counting", None), Ok(()), "statistics are no consent");
        let form = asking(&[Asked::AlertForm]);
        assert_eq!(judged(&form, "analytics", None), Ok(()));
        assert_eq!(judged(&form, "email-news", None), Err(AgeError::Missing));

        let mut substantial = both;
        for purpose in &mut substantial.purposes {
            purpose.substantial_data = true;
        }
        assert_eq!(judged(&substantial, "analytics", Some(middle)), Err(AgeError::TooYoung));
        assert_eq!(judged(&substantial, "analytics", Some(old)), Ok(()));
        assert_eq!(
            judged(&substantial, "email-news", Some(middle)),
            Ok(()),
            "there somebody talks with them"
        );
    }
}
