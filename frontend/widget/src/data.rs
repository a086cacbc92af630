//! The layers' data, from the JSON that the loader hands over to the type that the components draw.
//!
//! Written out by hand because derived readers are large (see [`crate::json`]); a test compares the outcome with the
//! derived reader's.

use crate::json::Json;
use assent_core::ids::PurposeId;
use assent_core::notice::{PurposeText, Route};
use ui::{BannerData, BannerPurpose, BannerWords, Stored};

/// Reads the layers' data; nothing when it is not as the server writes it.
#[must_use]
pub fn banner_data(text: &str) -> Option<BannerData> {
    let json = Json::parse(text)?;
    let mut reader = Reader { complete: true };
    let said = reader.get(&json, "text");
    let texts = reader.get(said, "purposes");
    let words = reader.get(said, "words");
    let mut purposes = Vec::new();
    for entry in reader.get(&json, "purposes").entries() {
        purposes.push(purpose(&mut reader, entry, texts)?);
    }
    let mut recipients = Vec::new();
    for (id, party) in reader.get(&json, "recipients").members() {
        let [name, url] = party.entries() else { return None };
        recipients.push((id.clone(), name.as_text()?.to_owned(), url.as_text()?.to_owned()));
    }
    let data = BannerData {
        site: reader.own(&json, "site"),
        notice: reader.own(&json, "notice"),
        language: reader.own(&json, "language"),
        log_key: reader.own(&json, "log_key"),
        controller: reader.own(&json, "controller"),
        privacy_url: reader.own(&json, "privacy_url"),
        title: reader.own(said, "title"),
        intro: reader.own(said, "intro"),
        heard: json.text("heard").unwrap_or_default().to_owned(),
        purposes,
        recipients,
        words: BannerWords::new(BannerWords::NAMES.iter().map(|name| reader.own(words, name)).collect()),
    };
    reader.complete.then_some(data)
}

/// Reads on past what is missing and remembers it: a way out after each text would be most of this file's size.
struct Reader {
    complete: bool,
}

impl Reader {
    fn get<'a>(&mut self, json: &'a Json, name: &str) -> &'a Json {
        json.get(name).unwrap_or_else(|| {
            self.complete = false;
            &Json::Null
        })
    }

    fn own(&mut self, json: &Json, name: &str) -> String {
        let text = self.get(json, name);
        self.text(text)
    }

    fn text(&mut self, json: &Json) -> String {
        match json {
            Json::Text(text) => text.clone(),
            _ => {
                self.complete = false;
                String::new()
            }
        }
    }

    // None when there is no such list.
    fn texts(&mut self, json: &Json, name: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for entry in json.get(name).unwrap_or(&Json::Null).entries() {
            texts.push(self.text(entry));
        }
        texts
    }
}

fn purpose(reader: &mut Reader, json: &Json, texts: &Json) -> Option<BannerPurpose> {
    let mut storage = Vec::new();
    for item in json.get("storage").unwrap_or(&Json::Null).entries() {
        let Json::Number(days) = *reader.get(item, "days") else { return None };
        storage.push(Stored {
            name: reader.own(item, "name"),
            days: days.try_into().ok()?,
            kept: days > 0 || !matches!(item.text("kind")?, "pixel" | "frame"),
            read_by: reader.own(item, "read_by"),
        });
    }
    let id = json.text("id")?;
    let text = texts.get(id)?;
    Some(BannerPurpose {
        id: PurposeId::new(id).ok()?,
        route: match json.text("route")? {
            "consent" => Route::Consent,
            "statistics" => Route::Statistics,
            "necessary" => Route::Necessary,
            "soft-opt-in" => Route::SoftOptIn,
            "service" => Route::Service,
            _ => return None,
        },
        recipients: reader.texts(json, "recipients"),
        storage,
        text: PurposeText {
            name: reader.own(text, "name"),
            description: reader.own(text, "description"),
            data: reader.texts(text, "data"),
            retention: reader.own(text, "retention"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_core::notice::{GoogleKey, StorageItem, StorageKind};

    #[test]
    fn reads_what_the_derived_reader_reads() {
        let mut data = crate::tests::layer_data();
        let search = &mut data.purposes[2];
        search.recipients = vec!["counter".into()];
        search.storage.push(StorageItem {
            name: "_c*".into(),
            kind: StorageKind::LocalStorage,
            days: 30,
            read_by: "counter".into(),
        });
        search.storage.push(StorageItem {
            name: "dot.gif".into(),
            kind: StorageKind::Pixel,
            days: 0,
            read_by: "counter".into(),
        });
        data.recipients.insert("counter".into(), ("Counter “Ltd”".into(), "https://counter.example/".into()));
        data.heard = "Heard.".into();
        let expected = BannerData::from(&data);
        assert_eq!(banner_data(&serde_json::to_string(&data).unwrap()).as_ref(), Some(&expected));
        // Not drawn, so not read.
        data.purposes[2].google = vec![GoogleKey::AnalyticsStorage];
        assert_eq!(banner_data(&serde_json::to_string(&data).unwrap()), Some(expected));
    }

    #[test]
    fn what_is_missing_or_unheard_of_is_refused() {
        let text = serde_json::to_string(&crate::tests::layer_data()).unwrap();
        for (from, to) in [
            ("\"accept\"", "\"axcept\""),
            ("\"statistics\"", "\"unheard-of\""),
            ("\"search\"", "\"Search\""),
            ("\"log_key\"", "\"logkey\""),
        ] {
            assert!(text.contains(from));
            assert_eq!(banner_data(&text.replace(from, to)), None, "{from}");
        }
        assert_eq!(banner_data(""), None);
    }
}
