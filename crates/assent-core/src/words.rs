//! The interface's own words, in the languages that come in the box.
//!
//! They are part of what a person is shown, so they become part of every notice, and an operator may replace any
//! of them in the site file. Rules for them: plain, no blame, accept and decline worded alike.
//! The operator's own texts (title, purposes) are in [`crate::notice::Text`].
//!
//! Two groups: words that the banner's layers need, and words that only the pages on Assent's own address need. The embed
//! carries only the few of the first group that [`crate::wire::EmbedWords`] names.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

macro_rules! words {
    (
        layers { $($(#[$doc:meta])* $field:ident: $en:literal, $cy:literal;)* }
        pages { $($(#[$page_doc:meta])* $page:ident: $page_en:literal, $page_cy:literal;)* }
    ) => {
        /// Every word and sentence of the interface. `{}` in a sentence stands for what its comment says.
        ///
        /// A notice that is older than one of the words does not have it, keeps its bytes and so its hash, and reads it
        /// as empty: [`Words::filled`].
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
        pub struct Words {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "String::is_empty")]
                pub $field: String,
            )*
            $(
                $(#[$page_doc])*
                #[serde(skip_serializing_if = "String::is_empty")]
                pub $page: String,
            )*
        }
        /// Names of the words of the banner's layers.
        const LAYERS: &[&str] = &[$(stringify!($field)),*];
        /// Names of all words.
        const NAMES: &[&str] = &[$(stringify!($field),)* $(stringify!($page)),*];
        impl Words {
            /// The word of this name, to be written.
            fn word(&mut self, name: &str) -> Option<&mut String> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)*
                    $(stringify!($page) => Some(&mut self.$page),)*
                    _ => None,
                }
            }
            /// The words of a language that comes in the box ([`crate::languages`]), or nothing.
            #[must_use]
            pub fn built_in(language: &str) -> Option<Self> {
                let base = language.split('-').next().unwrap_or(language);
                match base {
                    "en" => Some(Self::from(&[$($en,)* $($page_en),*])),
                    "cy" => Some(Self::from(&[$($cy,)* $($page_cy),*])),
                    _ => crate::languages::words(language),
                }
            }
            /// Every word with its name.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, &str)> {
                [
                    $((stringify!($field), self.$field.as_str()),)*
                    $((stringify!($page), self.$page.as_str()),)*
                ]
                .into_iter()
            }
            /// These words without the ones that only Assent's own pages use.
            #[must_use]
            pub fn without_pages(mut self) -> Self {
                $(self.$page.clear();)*
                self
            }
        }
    };
}

impl Words {
    /// Words in the order of [`NAMES`].
    fn from(texts: &[&str]) -> Self {
        let mut words = Self::default();
        for (name, text) in NAMES.iter().zip(texts) {
            if let Some(word) = words.word(name) {
                *word = text.to_string();
            }
        }
        words
    }

    /// These words with the operator's replacements.
    #[must_use]
    pub fn with(mut self, replaced: &WordsOverride) -> Self {
        for (name, text) in &replaced.0 {
            if let Some(word) = self.word(name) {
                word.clone_from(text);
            }
        }
        self
    }

    /// These words with empty ones taken from the built-in words of `language`, else from English.
    #[must_use]
    pub fn filled(mut self, language: &str) -> Self {
        let built_in = Self::built_in(language).or_else(|| Self::built_in("en"));
        for (name, text) in built_in.iter().flat_map(Self::each) {
            if let Some(word) = self.word(name).filter(|word| word.is_empty()) {
                *word = text.to_string();
            }
        }
        self
    }
}

/// Reads them by name. Not derived: with so many fields that took a minute and a half to compile.
impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::default().with(&WordsOverride::deserialize(deserializer)?))
    }
}

/// An operator's replacements for some of the words, by the same names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WordsOverride(BTreeMap<&'static str, String>);

impl WordsOverride {
    /// The words that are not here.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().copied().filter(|name| !self.0.contains_key(name))
    }

    /// Puts a word in.
    #[cfg(test)]
    pub(crate) fn set(&mut self, name: &'static str, text: &str) {
        self.0.insert(name, text.to_string());
    }

    /// Whether every word of the banner's layers is here, so that a language needs no others.
    #[must_use]
    pub fn has_layers(&self) -> bool {
        LAYERS.iter().all(|name| self.0.contains_key(name))
    }
}

impl<'de> Deserialize<'de> for WordsOverride {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = WordsOverride;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("words by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut words = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let known = NAMES.iter().find(|known| **known == name);
                    let known = known.ok_or_else(|| A::Error::unknown_field(&name, NAMES))?;
                    if words.insert(*known, map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field(known));
                    }
                }
                Ok(WordsOverride(words))
            }
        }

        deserializer.deserialize_map(ByName)
    }
}

words! {
    layers {
        /// Button: yes to all.
        accept: "Accept", "Derbyn";
        /// Button: no to all.
        decline: "Decline", "Gwrthod";
        /// Button: open the single choices.
        choose: "Choose", "Dewis";
        /// Button: keep the single choices.
        save: "Save my choices", "Cadw fy newisiadau";
        /// Button: close a layer without deciding.
        close: "Close", "Cau";
        /// Button: hide a confirmation.
        hide: "Hide", "Cuddio";
        /// The permanent way back, and the title of the choices page.
        your_choices: "Your privacy choices", "Eich dewisiadau preifatrwydd";
        /// Confirmation heading after accepting everything.
        accepted: "You accepted", "Fe wnaethoch dderbyn";
        /// Confirmation heading after declining everything.
        declined: "You declined", "Fe wnaethoch wrthod";
        /// Confirmation heading after single choices.
        saved: "Your choices are saved", "Mae eich dewisiadau wedi’u cadw";
        /// Confirmation: how to come back.
        change_any_time: "You can change this at any time from “Your privacy choices”.", "Gallwch newid hyn unrhyw bryd o “Eich dewisiadau preifatrwydd”.";
        /// State of the record: not yet acknowledged.
        recording: "Your choice applies now. It is being recorded.", "Mae eich dewis yn berthnasol nawr. Mae’n cael ei gofnodi.";
        /// State of the record: acknowledged and checked.
        recorded: "Recorded and checked.", "Wedi’i gofnodi a’i wirio.";
        /// State of the record: could not be sent yet.
        record_waiting: "Your choice applies now. It will be recorded when the service can be reached.", "Mae eich dewis yn berthnasol nawr. Caiff ei gofnodi pan fydd modd cyrraedd y gwasanaeth.";
        /// State of the record: the answer did not pass the checks.
        record_doubtful: "Your choice applies. The receipt we were sent did not pass its checks.", "Mae eich dewis yn berthnasol. Ni wnaeth y dderbynneb basio’r gwiriadau.";
        /// Link and heading: the receipt.
        receipt: "Your receipt", "Eich derbynneb";
        /// Link: keep the receipt as a file.
        download: "Download", "Lawrlwytho";
        /// Receipt view: what was checked.
        checked_record: "The record is the one in the log", "Y cofnod yw’r un yn y log";
        /// Receipt view: what was checked.
        checked_signature: "The log’s signature is genuine", "Mae llofnod y log yn ddilys";
        /// Receipt view: what was checked.
        checked_wording: "The wording is what you were shown", "Y geiriad yw’r hyn a ddangoswyd i chi";
        /// Receipt view: a check that failed. `{}` is what was checked.
        check_failed: "Did not pass: {}", "Ni phasiodd: {}";
        /// Receipt view: what it does not prove.
        receipt_limits: "A receipt proves what was recorded at that time. It does not say what you chose later.", "Mae derbynneb yn profi’r hyn a gofnodwyd bryd hynny. Nid yw’n dweud beth a ddewisoch wedyn.";
        /// Label: on.
        on: "On", "Ymlaen";
        /// Label: off.
        off: "Off", "I ffwrdd";
        /// Label of a necessary purpose.
        always_on: "Always on", "Ymlaen bob amser";
        /// Route in plain words: consent.
        route_consent: "Off unless you agree", "I ffwrdd oni bai eich bod yn cytuno";
        /// Route in plain words: statistics.
        route_statistics: "On unless you object", "Ymlaen oni bai eich bod yn gwrthwynebu";
        /// Route in plain words: necessary.
        route_necessary: "Needed for the site to work", "Ei angen er mwyn i’r wefan weithio";
        /// Detail heading: data categories.
        data: "What is collected", "Yr hyn a gesglir";
        /// Detail heading: recipients.
        recipients: "Who receives it", "Pwy sy’n ei dderbyn";
        /// Detail: nobody but the controller. `{}` is the controller.
        only_us: "Only {}", "Dim ond {}";
        /// Detail heading: storage items.
        storage: "What is kept on your device", "Yr hyn a gedwir ar eich dyfais";
        /// Detail: nothing is stored on the device.
        storage_none: "Nothing is kept on your device for this.", "Ni chedwir dim ar eich dyfais ar gyfer hyn.";
        /// Detail heading: retention.
        retention: "How long it is kept", "Am faint y caiff ei gadw";
        /// Storage item: lifetime of one day.
        day: "1 day", "1 diwrnod";
        /// Storage item: lifetime. `{}` is a number.
        days: "{} days", "{} diwrnod";
        /// Storage item: lifetime of zero days.
        session: "until you close the browser", "nes i chi gau’r porwr";
        /// Storage item: who reads it. `{}` is a name.
        read_by: "read by {}", "darllenir gan {}";
        /// Link to a party's privacy statement. `{}` is its name.
        privacy_of: "Privacy statement of {}", "Datganiad preifatrwydd {}";
        /// Summary that opens the details.
        details: "Details", "Manylion";
        /// Heading of the history on the choices page.
        history: "What you told us", "Yr hyn a ddywedoch wrthym";
        /// History when there is none.
        history_none: "You have not told us anything yet. Everything that needs your agreement is off.", "Nid ydych wedi dweud dim wrthym eto. Mae popeth sydd angen eich cytundeb i ffwrdd.";
        /// Decision in a history.
        given: "you agreed", "cytunasoch";
        /// Decision in a history.
        refused: "you declined", "gwrthodasoch";
        /// Decision in a history.
        withdrawn: "you took your agreement back", "tynnoch eich cytundeb yn ôl";
        /// Decision in a history.
        objected: "you objected", "gwrthwynebasoch";
        /// Decision in a history.
        renewed: "you agreed again", "cytunasoch eto";
        /// Decision in a history.
        expired: "your agreement ended by time", "daeth eich cytundeb i ben";
        /// Button on the choices page. `{}` is a purpose.
        withdraw: "Take back: {}", "Tynnu’n ôl: {}";
        /// Button on the choices page. `{}` is a purpose.
        object: "Object: {}", "Gwrthwynebu: {}";
        /// Button on the choices page. `{}` is a purpose.
        agree: "Agree: {}", "Cytuno: {}";
        /// Choices page: how to ask in other ways. `{}` is the email address.
        contact: "Questions? Write to {}.", "Cwestiynau? Ysgrifennwch at {}.";
        /// Choices page: complaints. `{}` is the regulator.
        complain: "You can complain to us, and to {}.", "Gallwch gwyno i ni, ac i {}.";
        /// Placeholder of a blocked frame. `{}` is a purpose.
        frame_blocked: "This content is off until you agree to: {}", "Mae’r cynnwys hwn i ffwrdd nes i chi gytuno i: {}";
        /// Sign-up form: label.
        email_address: "Email address", "Cyfeiriad e-bost";
        /// Sign-up form: label.
        phone_number: "Mobile number", "Rhif symudol";
        /// Sign-up form: a channel's heading.
        by_email: "By email", "Drwy e-bost";
        /// Sign-up form: a channel's heading.
        by_text: "By text message", "Drwy neges destun";
        /// Sign-up form: button.
        sign_up: "Sign up", "Cofrestru";
        /// Sign-up form: done. The address still has to be confirmed.
        signed_up: "Thank you. Nothing will be sent until the address is confirmed. Please look for our message.", "Diolch. Ni anfonir dim nes i’r cyfeiriad gael ei gadarnhau. Chwiliwch am ein neges.";
        /// Alert state.
        unconfirmed: "waiting to be confirmed", "yn aros i gael ei gadarnhau";
        /// The browser says no to what shares data. `{}` is the purposes it says no to.
        signal_heard: "Your browser asks sites not to share your data. That is a no to: {}. Only you can change it here.", "Mae eich porwr yn gofyn i wefannau beidio â rhannu eich data. Mae hynny’n “na” i: {}. Dim ond chi all newid hynny yma.";
        /// Who asks. `{}` is the controller.
        asked_by: "{} asks", "Mae {} yn gofyn";
        /// Link between languages: the other language's own name for itself.
        language_name: "English", "Cymraeg";
    }
    pages {
        /// Link past the header.
        skip: "Skip to the content", "Neidio i’r cynnwys";
        /// Name of the list of languages.
        languages: "Language", "Iaith";
        /// Name of the list of pages.
        pages: "Pages", "Tudalennau";
        /// Link to the site itself.
        back: "Back to the site", "Yn ôl i’r wefan";
        /// How to call. `{}` is a telephone number.
        telephone: "Telephone: {}", "Ffôn: {}";
        /// Link to the page about the log.
        proven: "How this is proven", "Sut y profir hyn";
        /// The months, from the first, with spaces between.
        months: "January February March April May June July August September October November December", "Ionawr Chwefror Mawrth Ebrill Mai Mehefin Gorffennaf Awst Medi Hydref Tachwedd Rhagfyr";
        /// Choices page: where choices are kept.
        this_browser: "Your choices belong to this browser. Another browser or device will ask you again.", "Mae eich dewisiadau’n perthyn i’r porwr hwn. Bydd porwr neu ddyfais arall yn gofyn i chi eto.";
        /// Choices page: how long. The first `{}` is the days of a yes, the second of a no.
        remembered: "A yes is remembered for {} days and a no for {} days. After that, we ask again.", "Cofir “ie” am {} diwrnod a “na” am {} diwrnod. Wedi hynny, byddwn yn gofyn eto.";
        /// Heading: answer every question in one press.
        all_at_once: "All at once", "Y cyfan ar unwaith";
        /// Heading: answer the questions singly.
        one_by_one: "One by one", "Fesul un";
        /// State of a purpose nothing was said about.
        not_said: "you have not said yet", "nid ydych wedi dweud eto";
        /// State of a statistics purpose without an objection.
        not_objected: "you have not objected", "nid ydych wedi gwrthwynebu";
        /// The browser sends Global Privacy Control.
        gpc_on: "Your browser sends the Global Privacy Control signal. Everything that needs your agreement is off until you say yes.", "Mae eich porwr yn anfon signal Global Privacy Control. Mae popeth sydd angen eich cytundeb i ffwrdd nes i chi ddweud “ie”.";
        /// Link to help with the browser’s own cookie settings.
        browser_help: "How to control cookies in your browser", "Sut i reoli cwcis yn eich porwr";
        /// A form was not taken.
        not_changed: "Nothing was changed", "Ni newidiwyd dim";
        /// Why: the notice is newer than the form.
        questions_changed: "The questions have changed since you opened the page. Please read them again.", "Mae’r cwestiynau wedi newid ers i chi agor y dudalen. Darllenwch nhw eto.";
        /// Why: the record could not be kept.
        try_again: "This could not be recorded just now. Please try again in a few minutes.", "Nid oedd modd cofnodi hyn nawr. Rhowch gynnig arall arni ymhen ychydig funudau.";
        /// Why: the form could not be read.
        not_understood: "What was sent could not be read. Please try again from this page.", "Nid oedd modd darllen yr hyn a anfonwyd. Rhowch gynnig arall arni o’r dudalen hon.";
        /// Route in plain words: soft opt-in.
        route_soft_opt_in: "You can say no at any time", "Gallwch ddweud “na” unrhyw bryd";
        /// Route in plain words: service.
        route_service: "Part of a service you use", "Rhan o wasanaeth rydych yn ei ddefnyddio";
        /// Kind of a storage item.
        kind_cookie: "Cookie", "Cwci";
        /// Kind of a storage item.
        kind_local_storage: "Kept by the page (localStorage)", "Wedi’i gadw gan y dudalen (localStorage)";
        /// Kind of a storage item.
        kind_session_storage: "Kept by the page for this visit (sessionStorage)", "Wedi’i gadw gan y dudalen am yr ymweliad hwn (sessionStorage)";
        /// Kind of a storage item.
        kind_pixel: "Counting image (pixel)", "Delwedd gyfrif (picsel)";
        /// Kind of a storage item.
        kind_frame: "Embedded frame", "Ffrâm wedi’i mewnosod";
        /// What a recipient is to the controller.
        role_processor: "works on our instructions", "yn gweithio ar ein cyfarwyddiadau";
        /// What a recipient is to the controller.
        role_joint: "decides together with us", "yn penderfynu ar y cyd â ni";
        /// What a recipient is to the controller.
        role_independent: "decides for itself", "yn penderfynu drosto’i hun";
        /// Where a recipient is. `{}` is a country or region.
        location: "Location: {}", "Lleoliad: {}";
        /// History: how it was said.
        act_accept_all: "You accepted everything", "Derbyniasoch bopeth";
        /// History: how it was said.
        act_reject_all: "You declined everything", "Gwrthodasoch bopeth";
        /// History: how it was said.
        act_save: "You chose", "Dewisasoch";
        /// History: how it was said.
        act_link: "By a link in a message", "Drwy ddolen mewn neges";
        /// History: how it was said.
        act_one_click: "By your mail program’s unsubscribe button", "Drwy fotwm dad-danysgrifio eich rhaglen e-bost";
        /// History: how it was said.
        act_text_stop: "By texting STOP", "Drwy anfon STOP mewn neges destun";
        /// History: how it was said.
        act_signal: "By a signal from your browser", "Drwy signal gan eich porwr";
        /// History: how it was said.
        act_phone: "By telephone", "Dros y ffôn";
        /// History: how it was said.
        act_paper: "On paper", "Ar bapur";
        /// History: how it was said.
        act_staff: "In person", "Wyneb yn wyneb";
        /// History: how it was said.
        act_api: "By one of our programs", "Gan un o’n rhaglenni";
        /// History: where it was said.
        on_first_layer: "on the banner", "ar y faner";
        /// History: where it was said.
        on_preferences: "in the choices on the site", "yn y dewisiadau ar y wefan";
        /// History: where it was said.
        on_choices_page: "on this page", "ar y dudalen hon";
        /// History: where it was said.
        on_alert_form: "on the sign-up form", "ar y ffurflen gofrestru";
        /// History: where it was said.
        on_content: "at the content itself", "wrth y cynnwys ei hun";
        /// History: where it was said.
        on_page: "on a page of the site", "ar un o dudalennau’r wefan";
        /// History: link to a receipt. `{}` is a date and time.
        receipt_of: "Download the receipt of {}", "Lawrlwytho derbynneb {}";
        /// History: link to the notice that was on screen.
        wording_shown: "Read what you were shown", "Darllen yr hyn a ddangoswyd i chi";
        /// Heading: alerts signed up for.
        your_alerts: "Your alerts", "Eich hysbysiadau";
        /// Alerts: none.
        alerts_none: "Alerts belong to an address, and this page knows only this browser. Ask for a link to see what your address is signed up for.", "Mae hysbysiadau’n perthyn i gyfeiriad, a dim ond y porwr hwn y mae’r dudalen hon yn ei adnabod. Gofynnwch am ddolen i weld yr hyn y mae eich cyfeiriad wedi cofrestru amdano.";
        /// Sign-up form: under the email address.
        email_hint: "Used only for the email alerts you tick.", "Defnyddir hwn ar gyfer yr hysbysiadau e-bost a diciwch yn unig.";
        /// Sign-up form: under the mobile number.
        phone_hint: "With its country code, such as +44 7700 900123. Used only for the text alerts you tick.", "Gyda chod y wlad, megis +44 7700 900123. Defnyddir hwn ar gyfer yr hysbysiadau testun a diciwch yn unig.";
        /// Sign-up form: heading.
        next: "What happens next", "Beth sy’n digwydd nesaf";
        /// What happens next: first.
        next_recorded: "What you ticked is recorded, and you get a receipt.", "Caiff yr hyn a dicioch ei gofnodi, a chewch dderbynneb.";
        /// What happens next: second.
        next_confirmed: "We send one message to the address or number. Nothing else is sent until you confirm within 72 hours: by the button on the page the email leads to, or by the code in the text.", "Anfonwn un neges i’r cyfeiriad neu’r rhif. Ni anfonir dim arall nes i chi gadarnhau o fewn 72 awr: â’r botwm ar y dudalen y mae’r e-bost yn arwain ati, neu â’r cod yn y neges destun.";
        /// What happens next: third.
        next_stop: "You can stop any alert at any time, with one press, from any message or with a link that we send you.", "Gallwch atal unrhyw hysbysiad unrhyw bryd, ag un gwasgiad, o unrhyw neges neu â dolen a anfonwn atoch.";
        /// Heading over a form’s errors.
        problem: "There is a problem", "Mae problem";
        /// Said before an error at its field, for those who listen.
        error: "Error:", "Gwall:";
        /// Form error.
        wanted_missing: "Tick at least one alert", "Ticiwch o leiaf un hysbysiad";
        /// Form error.
        email_missing: "Enter your email address, or untick the email alerts", "Rhowch eich cyfeiriad e-bost, neu ddad-diciwch yr hysbysiadau e-bost";
        /// Form error.
        email_wrong: "Enter an email address in full, such as name@example.org", "Rhowch gyfeiriad e-bost llawn, megis enw@example.org";
        /// Form error.
        phone_missing: "Enter your mobile number, or untick the text alerts", "Rhowch eich rhif symudol, neu ddad-diciwch yr hysbysiadau testun";
        /// Form error.
        phone_wrong: "Enter a mobile number with its country code, such as +44 7700 900123", "Rhowch rif symudol gyda chod y wlad, megis +44 7700 900123";
        /// Heading of a page with a notice.
        notice: "What people are told and asked", "Yr hyn a ddywedir ac a ofynnir";
        /// What the page with a notice is.
        notice_what: "This is the exact wording, kept for ever. Every receipt names the wording it answers by this fingerprint.", "Dyma’r union eiriad, wedi’i gadw am byth. Mae pob derbynneb yn enwi’r geiriad y mae’n ei ateb drwy’r ôl bys hwn.";
        /// Label: a SHA-256 value.
        fingerprint: "Fingerprint (SHA-256)", "Ôl bys (SHA-256)";
        /// Label: since when a notice is used.
        published: "Published", "Cyhoeddwyd";
        /// Label: until when a notice was used.
        replaced: "Replaced", "Disodlwyd";
        /// A notice that is in use.
        notice_current: "This wording is in use now.", "Mae’r geiriad hwn yn cael ei ddefnyddio nawr.";
        /// A notice that is no longer in use.
        notice_old: "This wording is no longer in use.", "Nid yw’r geiriad hwn yn cael ei ddefnyddio mwyach.";
        /// Link from an old notice to the current one.
        notice_newer: "Read the wording in use now", "Darllen y geiriad a ddefnyddir nawr";
        /// Heading: the notice’s own bytes.
        notice_document: "The document, byte for byte", "Y ddogfen, beit wrth feit";
        /// Title of the log’s page.
        log: "The log", "Y log";
        /// What the log is. `{}` is the controller.
        log_what: "Every decision recorded for {} is sealed in this log. The log only grows: an entry cannot be changed, removed or moved without it showing.", "Caiff pob penderfyniad a gofnodir ar gyfer {} ei selio yn y log hwn. Dim ond tyfu y mae’r log: ni ellir newid, dileu na symud cofnod heb i hynny ddod i’r amlwg.";
        /// What the log is not.
        log_private: "The log names nobody. Each entry is a number that means nothing without the receipt it belongs to.", "Nid yw’r log yn enwi neb. Rhif yw pob cofnod, nad yw’n golygu dim heb y dderbynneb y mae’n perthyn iddi.";
        /// Heading: the log’s present state.
        log_now: "The log now", "Y log nawr";
        /// A log without entries.
        log_empty: "Nothing has been recorded yet.", "Nid oes dim wedi’i gofnodi eto.";
        /// Label: number of entries.
        log_size: "Entries", "Nifer y cofnodion";
        /// Label: the tree’s root.
        log_root: "Fingerprint of all entries (root)", "Ôl bys yr holl gofnodion (gwreiddyn)";
        /// Label: the log’s origin.
        log_origin: "Name of the log", "Enw’r log";
        /// Label: the log’s verifier key.
        log_key: "Key that checks its signatures", "Yr allwedd sy’n gwirio ei lofnodion";
        /// Heading: the checkpoint.
        log_checkpoint: "What the log has signed (checkpoint)", "Yr hyn y mae’r log wedi’i lofnodi (checkpoint)";
        /// Heading: checking a receipt.
        log_check: "How to check a receipt", "Sut i wirio derbynneb";
        /// Checking a receipt: first. `{}` is the link to the choices page.
        log_check_first: "Download your receipt from this page: {}.", "Lawrlwythwch eich derbynneb o’r dudalen hon: {}.";
        /// Checking a receipt: second, followed by a command.
        log_check_run: "Run this on any computer. It needs no connection and asks us nothing.", "Rhedwch hwn ar unrhyw gyfrifiadur. Nid oes angen cysylltiad ac nid yw’n gofyn dim i ni.";
        /// Checking a receipt: third.
        log_check_says: "It says that the record is the one in the log and that the log’s signature is genuine, or it names what is wrong.", "Mae’n dweud mai’r cofnod yw’r un yn y log a bod llofnod y log yn ddilys, neu’n enwi’r hyn sydd o’i le.";
        /// History: how it was said.
        act_expiry: "Its time was over", "Daeth ei amser i ben";
        /// History: where it was said, when nobody said anything.
        on_server: "nobody had to do anything", "nid oedd angen i neb wneud dim";
        /// Label: after how many days an alert ends.
        ends_by_itself: "Ends by itself after", "Daw i ben ohono’i hun ar ôl";
        /// Page and message: an alert ends soon.
        keep_title: "Do you still want this?", "Ydych chi’n dal eisiau hwn?";
        /// Page and message: which alert ends soon, and when.
        keep_what: "You agreed that we may send you “{}”. That ends by itself on {}.", "Cytunasoch y cawn anfon “{}” atoch. Daw hynny i ben ohono’i hun ar {}.";
        /// The button that keeps an alert.
        keep_press: "Keep getting it", "Parhau i’w gael";
        /// An alert was kept.
        keep_done: "Thank you. You will go on getting this.", "Diolch. Byddwch yn parhau i gael hwn.";
        /// Message: before the link that keeps an alert.
        mail_keep_how: "To keep getting it, open this page and press the button:", "I barhau i’w gael, agorwch y dudalen hon a gwasgwch y botwm:";
        /// Message: what happens otherwise.
        mail_keep_else: "If you do nothing, it stops by itself.", "Os na wnewch ddim, daw i ben ohono’i hun.";
        /// Text: an alert ends soon. `{}` is its name, then a date, then an address.
        text_keep: "“{}” ends by itself on {}. To keep it: {}", "Daw “{}” i ben ohono’i hun ar {}. I’w gadw: {}";
        /// Title of the retention schedule.
        schedule: "How long records are kept", "Am ba hyd y cedwir cofnodion";
        /// What the schedule is. `{}` is the controller.
        schedule_what: "{} keeps the proof of what you chose for no longer than this. Every night, records are deleted by these same rules.", "Nid yw {} yn cadw’r prawf o’r hyn a ddewisoch yn hirach na hyn. Bob nos, caiff cofnodion eu dileu yn ôl yr un rheolau hyn.";
        /// Column: which records.
        schedule_records: "Records", "Cofnodion";
        /// Column: for how long.
        schedule_kept: "Kept for", "Cedwir am";
        /// Column: from when the days are counted.
        schedule_from: "Counted from", "Yn cyfrif o";
        /// Row: records without an address.
        schedule_anonymous: "Choices of visitors who gave no address", "Dewisiadau ymwelwyr na roddodd gyfeiriad";
        /// Row: from when, for records without an address.
        schedule_anonymous_from: "The visitor’s newest choice", "Dewis diweddaraf yr ymwelydd";
        /// Row: records with an address.
        schedule_linked: "Choices and sign-ups with an email address or a phone number", "Dewisiadau a chofrestriadau gyda chyfeiriad e-bost neu rif ffôn";
        /// Row: from when, for records with an address.
        schedule_linked_from: "The person’s last use of any of our sites", "Defnydd diwethaf y person o unrhyw un o’n gwefannau";
        /// How records go.
        schedule_ends: "Then the key that opens them is destroyed. What stays in the log is a number that means nothing, so that other people can still check their receipts.", "Yna dinistrir yr allwedd sy’n eu hagor. Yr hyn sy’n aros yn y log yw rhif nad yw’n golygu dim, fel y gall pobl eraill barhau i wirio eu derbynebau.";
        /// How to have records erased before. `{}` is an email address.
        schedule_sooner: "You can ask us to erase yours sooner: {}.", "Gallwch ofyn i ni ddileu eich rhai chi’n gynt: {}.";
        /// Link to the schedule as a table for a spreadsheet.
        schedule_table: "As a table (CSV)", "Fel tabl (CSV)";
        /// Heading: addresses for programs.
        for_programs: "For programs", "Ar gyfer rhaglenni";
        /// Title: a page that is not there.
        not_found: "There is no such page", "Nid oes tudalen o’r fath";
        /// What to do about a page that is not there.
        not_found_help: "Please check the address, or start from one of these pages.", "Gwiriwch y cyfeiriad, neu dechreuwch o un o’r tudalennau hyn.";
        /// Decision in a history.
        confirmed: "you confirmed that the address is yours", "cadarnhasoch mai chi biau’r cyfeiriad";
        /// Where it was said.
        on_message: "from a message we sent", "o neges a anfonwyd gennym";
        /// Title: the page that a confirmation message leads to.
        confirm_title: "Please confirm", "Cadarnhewch, os gwelwch yn dda";
        /// What confirming does. `{}` is the address.
        confirm_what: "Somebody asked for these to be sent to {}:", "Gofynnodd rhywun i’r rhain gael eu hanfon at {}:";
        /// What to do otherwise.
        confirm_not_you: "If it was not you, close this page. Nothing will be sent, and the request is deleted after 72 hours.", "Os nad chi oedd, caewch y dudalen hon. Ni anfonir dim, a chaiff y cais ei ddileu ar ôl 72 awr.";
        /// Button: confirms.
        confirm_press: "Yes, send me these", "Ie, anfonwch y rhain ataf";
        /// Said after confirming.
        confirm_done: "Thank you, it is confirmed. From now on these can be sent to you.", "Diolch, mae wedi’i gadarnhau. O hyn ymlaen gellir anfon y rhain atoch.";
        /// Title: a link that does nothing any more.
        link_over: "This link no longer works", "Nid yw’r ddolen hon yn gweithio mwyach";
        /// What to do about such a link.
        link_over_help: "It may be too old, or what it was for may have been stopped since. You can sign up again, or ask for a fresh link to your alerts.", "Efallai ei bod yn rhy hen, neu fod yr hyn yr oedd ar ei gyfer wedi’i atal ers hynny. Gallwch gofrestru eto, neu ofyn am ddolen newydd i’ch hysbysiadau.";
        /// Title: the page of a link that stops something.
        stop_title: "Stop these messages", "Atal y negeseuon hyn";
        /// What stopping does. `{}` is the alert’s name.
        stop_what: "Press the button, and “{}” is not sent to you any more. You need no account and no reason.", "Gwasgwch y botwm, ac ni anfonir “{}” atoch mwyach. Nid oes angen cyfrif na rheswm arnoch.";
        /// Button: stops one alert.
        stop_press: "Stop it", "Ei atal";
        /// Said after stopping one alert.
        stop_done: "Stopped. This is not sent to you any more.", "Wedi’i atal. Ni anfonir hyn atoch mwyach.";
        /// Button: stops every alert.
        stop_all: "Stop everything", "Atal popeth";
        /// Said after stopping every alert.
        stop_all_done: "Everything is stopped. No alert is sent to this address any more.", "Mae popeth wedi’i atal. Ni anfonir unrhyw hysbysiad i’r cyfeiriad hwn mwyach.";
        /// Link to everything an address is signed up for.
        manage: "See and change all your alerts", "Gweld a newid eich holl hysbysiadau";
        /// Whose page it is. `{}` is the address.
        centre_for: "These are the alerts of {}.", "Dyma hysbysiadau {}.";
        /// What the page does.
        centre_what: "Tick what you want and untick what you do not, then save. It applies at once.", "Ticiwch yr hyn rydych am ei gael a dad-diciwch y gweddill, yna cadwch. Bydd yn berthnasol ar unwaith.";
        /// Button: keeps the ticks.
        centre_save: "Save", "Cadw";
        /// Said after saving.
        centre_saved: "Saved. It applies from now on.", "Wedi’i gadw. Mae’n berthnasol o hyn ymlaen.";
        /// What the button “stop everything” is for.
        centre_stop_what: "One press ends every alert to this address.", "Mae un gwasgiad yn dod â phob hysbysiad i’r cyfeiriad hwn i ben.";
        /// Link: every receipt in one file.
        centre_receipts: "Download all your receipts", "Lawrlwytho’ch holl dderbynebau";
        /// What a link that is too old is still good for. `{}` is a number of days.
        centre_old: "This link is older than {} days, so here you can only stop alerts. To see everything you told us, to say yes to more or to change the address, have a new link sent to the same address.", "Mae’r ddolen hon yn hŷn na {} diwrnod, felly dim ond atal hysbysiadau y gallwch ei wneud yma. I weld popeth a ddywedasoch wrthym, i ddweud ie i fwy neu i newid y cyfeiriad, gofynnwch am ddolen newydd i’r un cyfeiriad.";
        /// Heading: another address.
        move_title: "Change your email address", "Newid eich cyfeiriad e-bost";
        /// What changing the address does.
        move_what: "We write to the new address first. Until it is confirmed there, the old one stays as it is.", "Byddwn yn ysgrifennu at y cyfeiriad newydd yn gyntaf. Nes ei gadarnhau yno, bydd yr hen un yn aros fel y mae.";
        /// Label: another address.
        move_label: "New email address", "Cyfeiriad e-bost newydd";
        /// Button: sends a confirmation to another address.
        move_press: "Send a message to the new address", "Anfon neges i’r cyfeiriad newydd";
        /// Said after that.
        move_sent: "A message is on its way to the new address. Nothing has changed yet.", "Mae neges ar ei ffordd i’r cyfeiriad newydd. Nid oes dim wedi newid eto.";
        /// Heading: another number.
        move_number_title: "Change your mobile number", "Newid eich rhif symudol";
        /// What changing the number does.
        move_number_what: "We send a code to the new number first. Until it is confirmed with that code, the old one stays as it is.", "Anfonwn god i’r rhif newydd yn gyntaf. Nes ei gadarnhau â’r cod hwnnw, bydd yr hen un yn aros fel y mae.";
        /// Said after that. A link to where the code is entered follows.
        move_number_sent: "A code is on its way to the new number. Nothing has changed yet.", "Mae cod ar ei ffordd i’r rhif newydd. Nid oes dim wedi newid eto.";
        /// Title: asking for a link.
        link_title: "Already signed up?", "Wedi cofrestru eisoes?";
        /// What asking for a link does.
        link_what: "Write your address or number, and we send you a link to everything it told us. There you can stop any alert.", "Rhowch eich cyfeiriad neu’ch rhif, a byddwn yn anfon dolen atoch i bopeth a ddywedodd wrthym. Yno gallwch atal unrhyw hysbysiad.";
        /// Button: sends the link.
        link_press: "Send me my link", "Anfonwch fy nolen ataf";
        /// Said after asking for a link, whether the address is known or not.
        link_sent: "If that address told us anything, a message with the link is on its way to it.", "Os yw’r cyfeiriad hwnnw wedi dweud rhywbeth wrthym, mae neges gyda’r ddolen ar ei ffordd iddo.";
        /// Email: subject of a confirmation. `{}` is the controller.
        mail_confirm_subject: "Please confirm: messages from {}", "Cadarnhewch: negeseuon gan {}";
        /// Email: why it comes. `{}` is the controller.
        mail_confirm_why: "Somebody, we hope you, asked {} to send these to this address:", "Gofynnodd rhywun, chi gobeithio, i {} anfon y rhain i’r cyfeiriad hwn:";
        /// Email: the same, when they would come instead of going elsewhere. `{}` is the controller.
        mail_move_why: "Somebody, we hope you, asked {} to send these to this address instead of another one:", "Gofynnodd rhywun, chi gobeithio, i {} anfon y rhain i’r cyfeiriad hwn yn lle un arall:";
        /// Email: what to do. A link follows.
        mail_confirm_how: "If you want them, open this page within 72 hours and press the button there:", "Os ydych am eu cael, agorwch y dudalen hon o fewn 72 awr a gwasgwch y botwm yno:";
        /// Email: what to do otherwise.
        mail_confirm_not_you: "If it was not you, you need do nothing. Nothing else will be sent, and the request is deleted after 72 hours.", "Os nad chi oedd, nid oes angen i chi wneud dim. Ni anfonir dim arall, a chaiff y cais ei ddileu ar ôl 72 awr.";
        /// Email: the way out. A link follows.
        mail_way_out: "To see or stop what is sent to this address, now or later:", "I weld neu atal yr hyn a anfonir i’r cyfeiriad hwn, nawr neu’n nes ymlaen:";
        /// Email: subject of a fresh link. `{}` is the controller.
        mail_link_subject: "Your link: alerts from {}", "Eich dolen: hysbysiadau gan {}";
        /// Email: what the fresh link is. `{}` is the controller. The link follows.
        mail_link_why: "You asked {} for a link to everything this address told us. There you can stop any alert:", "Gofynasoch i {} am ddolen i bopeth a ddywedodd y cyfeiriad hwn wrthym. Yno gallwch atal unrhyw hysbysiad:";
        /// Email: who asked for nothing.
        mail_link_not_you: "If you did not ask for it, you need do nothing.", "Os na ofynasoch amdani, nid oes angen i chi wneud dim.";
        /// Email to an address that another took the place of: subject. `{}` is the controller.
        mail_moved_subject: "Moved to another address: messages from {}", "Symudwyd i gyfeiriad arall: negeseuon gan {}";
        /// Email to such an address: what happened. `{}` is the controller.
        mail_moved_why: "What {} sent to this address goes to another one from now on. Somebody with a link from our messages to you asked for that, and it was confirmed at the new address.", "Bydd yr hyn a anfonodd {} i’r cyfeiriad hwn yn mynd i un arall o hyn ymlaen. Gofynnodd rhywun â dolen o’n negeseuon atoch am hynny, ac fe’i cadarnhawyd yn y cyfeiriad newydd.";
        /// Email to such an address: how to object. A link follows, and then how to reach the controller.
        mail_moved_not_you: "If you did not want that, write to us at once; and here you see what was said, and can have your messages back:", "Os nad oeddech am hynny, ysgrifennwch atom ar unwaith; ac yma gwelwch yr hyn a ddywedwyd, a gallwch gael eich negeseuon yn ôl:";
        /// Email: who sends it. `{}` is the controller.
        mail_sender: "This message was sent by {}.", "Anfonwyd y neges hon gan {}.";
        /// Form error.
        phone_elsewhere: "We cannot send texts to this country. Enter another number, or untick the text alerts", "Ni allwn anfon negeseuon testun i’r wlad hon. Rhowch rif arall, neu ddad-diciwch yr hysbysiadau testun";
        /// Title: where the code from a text is entered.
        code_title: "Enter the code from our text", "Rhowch y cod o’n neges destun";
        /// What entering it does.
        code_what: "We sent a six-digit code to your mobile number. Enter both here within 72 hours, and the text alerts you asked for can be sent to you. Until then nothing else is sent.", "Anfonwyd cod chwe digid i’ch rhif symudol. Rhowch y ddau yma o fewn 72 awr, a gellir anfon yr hysbysiadau testun y gofynasoch amdanynt. Tan hynny ni anfonir dim arall.";
        /// Label: the code.
        code_label: "Six-digit code", "Cod chwe digid";
        /// Button: confirms by the code.
        code_press: "Continue", "Parhau";
        /// Form error.
        code_wrong: "This code does not fit this number, or it is over. After five wrong codes a number has to wait for a day. Check both, or sign up again for a new code", "Nid yw’r cod hwn yn cyd-fynd â’r rhif hwn, neu mae wedi dod i ben. Ar ôl pum cod anghywir rhaid i rif aros am ddiwrnod. Gwiriwch y ddau, neu gofrestrwch eto i gael cod newydd";
        /// Text: the code. `{}` is it.
        text_code: "{} is your code for text alerts.", "{} yw eich cod ar gyfer hysbysiadau testun.";
        /// Text: what the code says yes to. `{}` is the names of alerts.
        text_code_for: "It says yes to: {}.", "Mae’n dweud ie i: {}.";
        /// Text: where the code goes. `{}` is a short address.
        text_code_where: "Enter it within 72 hours: {}", "Rhowch ef o fewn 72 awr: {}";
        /// Text: what to do otherwise.
        text_not_you: "Not you? Do nothing.", "Nid chi? Peidiwch â gwneud dim.";
        /// Text: the way out, where texts can be answered.
        text_reply_stop: "Reply STOP to stop.", "Atebwch STOP i atal.";
        /// Text: the way out, where they cannot. `{}` is a short address.
        text_way_out: "To stop: {}", "I atal: {}";
        /// Text: a fresh link follows.
        text_link: "Your alerts, to see, change or stop: {}", "Eich hysbysiadau, i’w gweld, eu newid neu eu hatal: {}";
        /// Text to a number that another took the place of. `{}` is an address.
        text_moved: "Our texts go to another number from now on, as was asked for. Not you? {}", "Bydd ein negeseuon testun yn mynd i rif arall o hyn ymlaen, fel y gofynnwyd. Nid chi? {}";
        /// Text: the answer to STOP.
        text_stopped: "Stopped. You get no more texts from us. Emails stay as they are.", "Wedi’i atal. Ni chewch ragor o negeseuon testun gennym. Mae e-byst yn aros fel y maent.";
        /// Text: the answer to START. `{}` is a short address.
        text_start: "To get texts from us, choose them here and enter the code we send: {}", "I gael negeseuon testun gennym, dewiswch nhw yma a rhowch y cod a anfonwn: {}";
        /// Text: the answer to HELP. `{}` is how to reach the controller.
        text_help: "Questions? {}", "Cwestiynau? {}";
        /// Where something was said: to staff, not on a page of ours.
        on_told: "told to us", "wedi’i ddweud wrthym";
        /// Sign-up form: an alert that is sent unless the person objects (soft opt-in).
        soft_told: "We will also send you this, unless you tick the box below.", "Byddwn hefyd yn anfon hwn atoch, oni bai eich bod yn ticio’r blwch isod.";
        /// Sign-up form: the box that objects to it.
        soft_no: "Do not send me this", "Peidiwch ag anfon hwn ataf";
        /// History: who wrote down what was told, and which words were read. `{}` is a name, the second `{}` the name of a script.
        told_by: "Written down by {}. Words used: {}.", "Ysgrifennwyd gan {}. Geiriau a ddefnyddiwyd: {}.";
        /// Email with a copy of what was told to staff: subject. `{}` is the controller.
        mail_told_subject: "Your copy: messages from {}", "Eich copi: negeseuon gan {}";
        /// Email with a copy of what was told to staff: why. `{}` is the controller; a list follows.
        mail_told_why: "You told {} that these may be sent to this address. We wrote it down, and this is your copy:", "Dywedasoch wrth {} y gellir anfon y rhain i’r cyfeiriad hwn. Fe’i nodwyd gennym, a dyma’ch copi:";
        /// Email with a copy of what was told to staff: what to do if it is not so.
        mail_told_not_you: "If that is not so, or you changed your mind, stop them here:", "Os nad yw hynny’n wir, neu os ydych wedi newid eich meddwl, rhowch stop arnynt yma:";
        /// Text with a copy of what was told to staff. `{}` is an address.
        text_told: "You told us that we may text you. To see or stop what we send: {}", "Dywedasoch wrthym y cawn anfon negeseuon testun atoch. I weld neu atal yr hyn a anfonwn: {}";
        /// Choices page, heading: taking choices on to other sites of the controller.
        hand_over_title: "On our other sites", "Ar ein gwefannau eraill";
        /// Choices page: what that does.
        hand_over_what: "There you are asked some of this in the same words. The button shows you there what would be taken over; nothing is, until you press again.", "Yno gofynnir rhai o’r cwestiynau hyn i chi yn yr un geiriau. Mae’r botwm yn dangos i chi yno beth fyddai’n cael ei drosglwyddo; ni wneir dim nes i chi wasgu eto.";
        /// Button: leads to the other site. `{}` is its host.
        hand_over_go: "Use these choices on {} too", "Defnyddio’r dewisiadau hyn ar {} hefyd";
        /// Title of the page there. `{}` is the host of the site that the choices are from.
        hand_over_from: "Your choices from {}", "Eich dewisiadau o {}";
        /// What the button there does. `{}` is the host of the site that the choices are from.
        hand_over_ask: "You said this on {}. Here you are asked the same, in the same words. Nothing is taken over until you press the button, and whatever else is asked here stays as it is.", "Dywedasoch hyn ar {}. Yma gofynnir yr un peth i chi, yn yr un geiriau. Ni throsglwyddir dim nes i chi wasgu’r botwm, ac mae popeth arall a ofynnir yma yn aros fel y mae.";
        /// Button: takes them over.
        hand_over_press: "Use these choices here", "Defnyddio’r dewisiadau hyn yma";
        /// The ticket is too old, or none of ours.
        hand_over_over: "These choices can no longer be taken over from where you came. Please begin again on the page of your choices there.", "Ni ellir trosglwyddo’r dewisiadau hyn mwyach o’r lle y daethoch. Dechreuwch eto ar dudalen eich dewisiadau yno.";
        /// The ticket was used before. A link to the choices page follows.
        hand_over_used: "These choices were taken over before. What holds now is on this page:", "Trosglwyddwyd y dewisiadau hyn o’r blaen. Mae’r hyn sy’n berthnasol nawr ar y dudalen hon:";
        /// Where something was said: on the page that takes choices over.
        on_hand_over: "taken over from another of our sites", "wedi’i drosglwyddo o un arall o’n gwefannau";
        /// Sign-up form: a field for machines that fill in everything. Nobody sees it.
        trap: "Leave this field empty", "Gadewch y maes hwn yn wag";
        /// Sign-up form: question. Only a band is kept.
        age_title: "How old are you?", "Beth yw eich oed?";
        /// Age band. `{}` is a number.
        age_under: "Under {}", "Dan {}";
        /// Age band. `{}` and `{}` are numbers, both included.
        age_between: "{} to {}", "{} i {}";
        /// Age band. `{}` is a number.
        age_from: "{} or over", "{} neu drosodd";
        /// Sign-up form: no age band was chosen.
        age_missing: "Choose how old you are", "Dewiswch beth yw eich oed";
        /// After signing up, for young people: nothing is sent until staff have talked with them.
        age_contact: "Nothing will be sent until we have talked with you or somebody who looks after you.", "Ni anfonir dim nes i ni siarad â chi neu â rhywun sy’n gofalu amdanoch.";
        /// Somebody is too young to agree by themselves. `{}` is the age from which they can.
        age_too_young: "To say yes here you need to be {} or over. Somebody who looks after you can write to us.", "I ddweud ie yma mae angen i chi fod yn {} neu drosodd. Gall rhywun sy’n gofalu amdanoch ysgrifennu atom.";
    }
}
