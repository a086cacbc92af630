//! What the layers draw from: one language of the notice, and no word that only pages use.
//!
//! The server makes it from the layers' data, the widget reads it from the same data as JSON (`frontend/widget`); both
//! must give the same, for what the server rendered is what the widget takes over.

use assent_core::ids::PurposeId;
use assent_core::notice::{PurposeText, Route, StorageKind};
use assent_core::wire::LayerData;
use assent_core::words::Words;

/// The part of the layers' data that is drawn or checked in the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BannerData {
    /// The site's id.
    pub site: String,
    /// Hash of the notice on screen, in hex.
    pub notice: String,
    /// Its language (BCP 47).
    pub language: String,
    /// Verifier key of the log.
    pub log_key: String,
    /// Name of the controller.
    pub controller: String,
    /// Its full privacy statement.
    pub privacy_url: String,
    /// Heading of the banner.
    pub title: String,
    /// What the banner says.
    pub intro: String,
    /// What it says where the browser says no to what shares data; empty where nothing does.
    pub heard: String,
    /// The banner's purposes, in order.
    pub purposes: Vec<BannerPurpose>,
    /// Recipients: id, name, privacy statement; in the order of their ids.
    pub recipients: Vec<(String, String, String)>,
    /// The interface's own words.
    pub words: BannerWords,
}

/// A purpose and what is said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BannerPurpose {
    /// Its name in records.
    pub id: PurposeId,
    /// The legal route.
    pub route: Route,
    /// Ids of the recipients.
    pub recipients: Vec<String>,
    /// What is kept on the device.
    pub storage: Vec<Stored>,
    /// What it is called and what it is for.
    pub text: PurposeText,
}

/// Something kept on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// How long it is kept; 0 until the browser is closed.
    pub days: u32,
    /// Whether it stays on the device at all: pixels and frames are only fetched.
    pub kept: bool,
    /// Id of the recipient that reads it, or anything else for the controller.
    pub read_by: String,
}

impl BannerPurpose {
    /// Whether there is something for the person to choose ([`assent_core::notice::Purpose::is_choice`]).
    #[must_use]
    pub fn is_choice(&self) -> bool {
        !matches!(self.route, Route::Necessary | Route::Service)
    }
}

impl BannerData {
    /// Id, name and privacy statement of a recipient.
    pub(crate) fn recipient(&self, id: &str) -> Option<&(String, String, String)> {
        self.recipients.iter().find(|recipient| recipient.0 == id)
    }
}

impl From<&LayerData> for BannerData {
    /// A purpose that has no texts in this language is left out; a notice with such a purpose is refused long before.
    fn from(data: &LayerData) -> Self {
        let purposes = data.purposes.iter().filter_map(|purpose| {
            let stored = purpose.storage.iter().map(|item| Stored {
                name: item.name.clone(),
                days: item.days,
                kept: item.days > 0 || !matches!(item.kind, StorageKind::Pixel | StorageKind::Frame),
                read_by: item.read_by.clone(),
            });
            Some(BannerPurpose {
                id: purpose.id.clone(),
                route: purpose.route,
                recipients: purpose.recipients.clone(),
                storage: stored.collect(),
                text: data.text.purposes.get(&purpose.id)?.clone(),
            })
        });
        let recipients =
            data.recipients.iter().map(|(id, (name, url))| (id.clone(), name.clone(), url.clone()));
        Self {
            site: data.site.as_str().to_owned(),
            notice: data.notice.to_hex(),
            language: data.language.clone(),
            log_key: data.log_key.clone(),
            controller: data.controller.clone(),
            privacy_url: data.privacy_url.clone(),
            title: data.text.title.clone(),
            intro: data.text.intro.clone(),
            heard: data.heard.clone(),
            purposes: purposes.collect(),
            recipients: recipients.collect(),
            words: BannerWords::from(&data.text.words),
        }
    }
}

/// The words that the layers use, each by the name it has in [`Words`].
///
/// A list and not a field each: forty fields are forty times the code to read, to copy and to drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BannerWords(Vec<String>);

macro_rules! banner_words {
    ($($word:ident)*) => {
        /// Where each word stands in the list.
        #[allow(non_camel_case_types, reason = "they are the names of the words")]
        enum Place { $($word,)* }
        impl From<&Words> for BannerWords {
            fn from(words: &Words) -> Self {
                Self(vec![$(words.$word.clone(),)*])
            }
        }
        #[expect(missing_docs, reason = "each is documented in assent_core::words")]
        impl BannerWords {
            /// The names of the words, in the order of [`BannerWords::new`].
            pub const NAMES: &[&str] = &[$(stringify!($word),)*];
            $(
                #[must_use]
                pub fn $word(&self) -> &str {
                    self.at(Place::$word as usize)
                }
            )*
        }
    };
}

impl BannerWords {
    /// The words in the order of [`BannerWords::NAMES`].
    #[must_use]
    pub fn new(words: Vec<String>) -> Self {
        Self(words)
    }

    fn at(&self, place: usize) -> &str {
        self.0.get(place).map_or("", String::as_str)
    }
}

banner_words! {
    accept decline choose save close hide your_choices accepted declined saved change_any_time recording recorded
    record_waiting record_doubtful receipt download checked_record checked_signature checked_wording check_failed receipt_limits
    on off always_on route_consent route_statistics route_necessary data recipients only_us storage storage_none
    retention day days session read_by privacy_of details asked_by
}
