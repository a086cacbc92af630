//! Words that give an unfair text away, in the languages that come in the box, and how they are found. Judges nothing.
//!
//! A list cannot understand a text: it finds what people usually write. Each entry is what nobody needs in a fair one.

/// What says nothing about what happens.
pub(super) const VAGUE: &[&str] = &[
    "improve your experience",
    "improve user experience",
    "improve the user experience",
    "enhance your experience",
    "better experience",
    "and similar purposes",
    "for various purposes",
    "for other purposes",
    "among other things",
    "we may use",
    "we might use",
    "we may share",
    "we might share",
    "we may collect",
    "we might collect",
    "may be used",
    "might be used",
    "may be shared",
    "might be shared",
    "may include",
    "might include",
    "may help us",
    "might help us",
    "gwella eich profiad",
    "feabhas a chur ar do thaithí",
    "améliorer votre expérience",
    "ihr erlebnis verbessern",
    "ihr erlebnis zu verbessern",
    "ihre erfahrung verbessern",
    "ihre erfahrung zu verbessern",
    "mejorar su experiencia",
    "mejorar tu experiencia",
    "migliorare la tua esperienza",
    "migliorare la sua esperienza",
    "melhorar a sua experiência",
    "melhorar sua experiência",
    "poprawić twoje doświadczenia",
    "poprawy twoich doświadczeń",
    "îmbunătăți experiența",
    "pagerinti jūsų patirtį",
    "deneyiminizi iyileştirmek",
    "hagaajinta khibradaada",
    "покращити ваш досвід",
    "покращення вашого досвіду",
    "改善您的体验",
    "提升您的体验",
    "تحسين تجربتك",
    "آپ کے تجربے کو بہتر",
    "ਤੁਹਾਡੇ ਅਨੁਭਵ ਨੂੰ ਬਿਹਤਰ",
    "আপনার অভিজ্ঞতা উন্নত",
    "તમારા અનુભવને બહેતર",
];

/// What presses on feelings.
pub(super) const GUILT: &[&str] = &[
    "sorry to see",
    "are you sure",
    "please don't",
    "please don’t",
    "we respect you",
    "you will miss",
    "you'll miss",
    "miss out",
    "support us by accepting",
    "ydych chi'n siŵr",
    "ydych chi’n siŵr",
    "an bhfuil tú cinnte",
    "êtes-vous sûr",
    "sind sie sicher",
    "está seguro de",
    "estás seguro de",
    "sei sicuro di",
    "tem a certeza",
    "tem certeza",
    "czy na pewno",
    "sunteți sigur",
    "ar tikrai norite",
    "emin misiniz",
    "ma hubtaa",
    "ви впевнені",
    "您确定",
    "你确定",
    "هل أنت متأكد",
    "کیا آپ کو یقین ہے",
    "ਕੀ ਤੁਹਾਨੂੰ ਯਕੀਨ ਹੈ",
    "আপনি কি নিশ্চিত",
    "શું તમને ખાતરી છે",
];

/// What calls something else than a press a yes.
pub(super) const IMPLIED: &[&str] = &[
    "by continuing",
    "by using this site",
    "by using this website",
    "by using our site",
    "by using our website",
    "by browsing",
    "by scrolling",
    "by closing",
    "continued use of this",
    "drwy barhau i",
    "trwy barhau i",
    "trí leanúint ar aghaidh",
    "en continuant votre navigation",
    "en poursuivant votre navigation",
    "durch die weitere nutzung",
    "indem sie fortfahren",
    "al continuar navegando",
    "si continúa navegando",
    "continuando a navigare",
    "continuando la navigazione",
    "proseguendo la navigazione",
    "ao continuar a navegar",
    "ao continuar navegando",
    "kontynuując przeglądanie",
    "continuând navigarea",
    "toliau naršydami",
    "gezinmeye devam ederek",
    "markaad sii wadato",
    "продовжуючи перегляд",
    "продовжуючи користуватися",
    "继续浏览即表示",
    "继续使用即表示",
    "بمتابعة التصفح",
    "بالاستمرار في استخدام",
];

/// What is no route for storing or reading.
pub(super) const LEGITIMATE: &[&str] = &[
    "legitimate interest",
    "legitimate interests",
    "buddiant dilys",
    "buddiannau dilys",
    "leas dlisteanach",
    "intérêt légitime",
    "intérêts légitimes",
    "berechtigtes interesse",
    "berechtigten interesses",
    "berechtigte interessen",
    "berechtigten interessen",
    "interés legítimo",
    "intereses legítimos",
    "legittimo interesse",
    "interesse legittimo",
    "interesse legítimo",
    "interesses legítimos",
    "uzasadniony interes",
    "uzasadnionego interesu",
    "interes legitim",
    "interesul legitim",
    "teisėtas interesas",
    "teisėtų interesų",
    "meşru menfaat",
    "законний інтерес",
    "законного інтересу",
    "正当利益",
    "合法利益",
    "المصلحة المشروعة",
    "مصلحة مشروعة",
    "جائز مفاد",
];

/// Names that belong to what cannot be refused.
pub(super) const ESSENTIAL: &[&str] = &[
    "strictly necessary",
    "necessary cookies",
    "necessary",
    "essential",
    "essentials",
    "required",
    "angenrheidiol",
    "hanfodol",
    "riachtanach",
    "strictement nécessaires",
    "cookies nécessaires",
    "cookies essentiels",
    "notwendige cookies",
    "notwendig",
    "erforderlich",
    "essenziell",
    "cookies necesarias",
    "estrictamente necesarias",
    "cookie necessari",
    "strettamente necessari",
    "cookies necessários",
    "estritamente necessários",
    "niezbędne",
    "strict necesare",
    "būtini",
    "zorunlu",
    "необхідні",
    "必要",
    "ضرورية",
];

/// Groups, where a name should stand.
pub(super) const GROUPS: &[&str] = &[
    "partners",
    "our partners",
    "selected partners",
    "trusted partners",
    "advertising partners",
    "marketing partners",
    "analytics partners",
    "third parties",
    "other third parties",
    "advertisers",
    "vendors",
    "suppliers",
    "affiliates",
    "others",
    "partneriaid",
    "ein partneriaid",
    "trydydd partïon",
    "partenaires",
    "nos partenaires",
    "tiers",
    "partner",
    "unsere partner",
    "dritte",
    "socios",
    "nuestros socios",
    "terceros",
    "i nostri partner",
    "terze parti",
    "parceiros",
    "os nossos parceiros",
    "terceiros",
    "partnerzy",
    "nasi partnerzy",
    "parteneri",
    "partneriai",
    "партнери",
    "合作伙伴",
    "شركاؤنا",
];

/// Labels of a yes that do not say it.
pub(super) const NO_YES: &[&str] = &[
    "ok",
    "okay",
    "got it",
    "continue",
    "carry on",
    "proceed",
    "next",
    "i understand",
    "understood",
    "close",
    "dismiss",
    "fine",
    "great",
    "iawn",
    "parhau",
    "d'accord, continuer",
    "continuer",
    "weiter",
    "verstanden",
    "continuar",
    "entendido",
    "continua",
    "ho capito",
    "dalej",
    "rozumiem",
    "continuă",
    "tęsti",
    "devam",
    "далі",
    "继续",
    "知道了",
    "متابعة",
];

/// Labels of a no that do not say it.
pub(super) const NO_NO: &[&str] = &[
    "settings",
    "options",
    "more options",
    "manage",
    "manage options",
    "learn more",
    "more information",
    "maybe later",
    "later",
    "not now",
    "ask me later",
    "close",
    "dismiss",
    "continue",
    "x",
    "×",
    "gosodiadau",
    "dim nawr",
    "paramètres",
    "plus tard",
    "einstellungen",
    "später",
    "ajustes",
    "más tarde",
    "impostazioni",
    "più tardi",
    "definições",
    "mais tarde",
    "ustawienia",
    "później",
    "setări",
    "nustatymai",
    "ayarlar",
    "daha sonra",
    "налаштування",
    "пізніше",
    "设置",
    "稍后",
    "الإعدادات",
    "لاحقًا",
];

/// What tells devices apart.
pub(super) const FINGERPRINT: &[&str] = &[
    "fingerprint",
    "fingerprints",
    "fingerprinting",
    "installed fonts",
    "device characteristics",
    "canvas",
    "olion bysedd",
];

/// Names of storage that counts or advertises, whatever a file calls it; other letters may not follow, except after a `_`.
const TRACKERS: &[&str] = &[
    "_ga",
    "_gid",
    "_gat",
    "_gcl_",
    "__utma",
    "__utmb",
    "__utmc",
    "__utmz",
    "_fbp",
    "_fbc",
    "_hjid",
    "_hjsession",
    "_hjsessionuser",
    "_clck",
    "_clsk",
    "_uetsid",
    "_uetvid",
    "_uetmsclkid",
    "muid",
    "_pk_",
    "_ttp",
    "_pin_",
    "li_fat_id",
    "_sp_id",
    "_sp_ses",
    "ajs_",
    "__hstc",
    "hubspotutk",
    "_scid",
    "_rdt_",
    "ide",
];

/// Whether a storage item's name is one that a known counter or advertiser gives.
pub(super) fn is_tracker(name: &str) -> bool {
    let name = name.to_lowercase();
    TRACKERS.iter().any(|tracker| {
        name.strip_prefix(tracker)
            .is_some_and(|rest| tracker.ends_with('_') || !rest.starts_with(char::is_alphabetic))
            // Without an underscore before them they are whole names: `ide_theme` is an editor's.
            && (tracker.starts_with('_') || name == *tracker)
    })
}

/// Words that turn the one after them, or before them, into its opposite.
const NOT: &[&str] = &[
    "non", "not", "no", "un", "nicht", "ddim", "nad", "nid", "pas", "olmayan", "değil", "nu", "nie", "inne",
    "ne", "não", "не", "غير",
];

/// Whether a text says that something is not so: "non-essential". As whole words, and in Chinese anywhere.
pub(super) fn denies(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains('非') || text.split(|c: char| !c.is_alphabetic()).any(|word| NOT.contains(&word))
}

/// Whether one of `phrases` stands in `text`, as whole words: `used` is not in `unused`. In scripts other than Latin words have
/// other ends, or none that can be seen, and any place counts.
pub(super) fn contains(text: &str, phrases: &[&str]) -> bool {
    let text = text.to_lowercase();
    phrases.iter().any(|phrase| {
        let is_latin = phrase.chars().all(|c| c < '\u{250}' || ('\u{1e00}'..'\u{2100}').contains(&c));
        text.match_indices(phrase).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + phrase.len()..].chars().next();
            !is_latin || (!before.is_some_and(char::is_alphabetic) && !after.is_some_and(char::is_alphabetic))
        })
    })
}

/// Whether `text` is one of `phrases` and nothing else.
pub(super) fn is_one(text: &str, phrases: &[&str]) -> bool {
    let text = text.trim().trim_end_matches(['.', '!', '…']).to_lowercase();
    phrases.contains(&text.as_str())
}

/// Faces and hearts (Unicode's emoticons, symbols of feeling, and those that are typed).
pub(super) fn has_face(text: &str) -> bool {
    let is_one = |c: char| {
        matches!(c, '\u{1f600}'..='\u{1f64f}' | '\u{1f910}'..='\u{1f92f}' | '\u{1f970}'..='\u{1f97a}' | '\u{1fae0}'..='\u{1fae8}'
            | '\u{1f493}'..='\u{1f49f}' | '\u{2639}'..='\u{263b}' | '\u{2764}' | '\u{2665}')
    };
    text.chars().any(is_one) || [":-(", ":-)", ":'(", ":("].iter().any(|typed| text.contains(typed))
}
