//! The list of rules: what each asks of a site file, and whose rule it is. Checks nothing itself.
//!
//! `assent site rules` prints it, and the operator guide holds what that prints.

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable id, as `vague-purpose`.
    pub id: &'static str,
    /// What a site file keeps.
    pub keeps: &'static str,
    /// Whose rule it is.
    pub source: &'static str,
}

macro_rules! rules {
    ($($id:literal $keeps:literal $source:literal;)*) => {
        /// Every rule, in the order of the guide: who asks, what is asked, in which words, for how long, of whom.
        pub const RULES: &[Rule] = &[$(Rule { id: $id, keeps: $keeps, source: $source },)*];
    };
}

rules! {
    "controller-unnamed" "The controller has a name, an address and a way to write to it." "UK GDPR Art 13(1)(a)";
    "no-privacy-statement" "The full privacy statement is linked." "UK GDPR Art 13";
    "regulator-unnamed" "The regulator has a name, and an address where people can complain." "UK GDPR Art 13(2)(d)";
    "party-unnamed" "Every recipient has a name of its own, not that of a group such as \"our partners\", and a privacy statement." "ICO, consent: name the third parties";
    "party-missing" "Whoever reads what a purpose stores is among the purpose's recipients." "ICO, consent; Planet49 (C-673/17)";

    "pre-ticked" "Nothing switches a purpose or an alert on before the person does." "Planet49 (C-673/17); EDPB 03/2022, skipping; taskforce type B";
    "no-press" "Only a press is a yes: no scrolling, going on, closing or waiting, neither by a key nor in what people are told." "UK GDPR Art 4(11); EDPB 05/2020";
    "no-decline" "Nothing hides the no, makes a link of it, puts it a layer further away or gives it other colours." "EDPB 03/2022, obstructing; taskforce types A, C, D, E";
    "no-way-back" "Nothing takes away the way back to the choices." "UK GDPR Art 7(3); taskforce type K";
    "wall" "Nothing closes the page to whoever has not agreed." "UK GDPR Art 7(4); EDPB 05/2020";
    "storage-unsaid" "A storage item says what it is, for how many days it stays and who reads it." "Planet49 (C-673/17)";

    "vague-purpose" "A purpose says what happens, not what \"may\" happen or \"improve your experience\"." "EDPB 03/2022, left in the dark";
    "bundled" "Statistics and advertising are purposes of their own, each with its own choice." "UK GDPR recital 43; ICO, consent: granular";
    "too-many" "At most seven purposes on one screen." "EDPB 03/2022, overloading";
    "data-missing" "A purpose with a choice says what data it takes." "UK GDPR Art 5(1)(a)";
    "retention-missing" "A purpose says how long its data is kept." "UK GDPR Art 13(2)(a)";
    "storage-unnamed" "A storage item has a name, with letters before a `*`: what a refused purpose declares is removed." "PECR reg 6";
    "storage-lifetime" "A storage item lasts at most 400 days." "browsers cut it there";
    "storage-conflict" "What is declared twice is the same both times, and never both necessary and a choice." "EDPB 03/2022, left in the dark; PECR reg 6";
    "own-cookie" "The cookie that keeps the choice, where it is declared, is necessary, the controller's, and as old as `[memory]` lets it become." "ICO, storage and access: document the duration";
    "necessary-shared" "A necessary purpose shares nothing, and only the controller and its processors receive it; nobody else reads what it stores." "PECR reg 6, Sch A1 para 4";
    "necessary-not" "What counts visits or advertises is not declared as necessary, and nothing that can be refused is called so." "PECR reg 6; taskforce type I";
    "legitimate-interest" "Nobody claims a legitimate interest for storing or reading." "PECR reg 6; taskforce type H";
    "sharing-undeclared" "A purpose with a recipient that decides for itself has `sharing = true`, so that Global Privacy Control says no to it." "W3C GPC; EDPB 03/2022, left in the dark";
    "statistics-undeclared" "The statistics route has evidence for each condition of the exception." "PECR Sch A1 para 5";
    "statistics-shared" "The statistics route shares nothing: processors only, no advertising, no pixels or frames of others." "PECR Sch A1 para 5; ICO";
    "statistics-fingerprint" "The statistics route does not tell devices apart by what they give away." "PECR Sch A1 para 5(2)";
    "google-unasked" "Google's advertising keys follow a purpose that people agree to and that says that it shares." "PECR reg 6; Google's EU user consent policy";
    "tool-unasked" "Microsoft's advertising keys follow a purpose that people agree to and that says that it shares; Clarity, which records sessions, one that they agree to." "PECR reg 6; Microsoft's terms";
    "route-not-here" "Soft opt-in and service routes are for alerts, not for the banner; statistics and necessary not for alerts." "PECR regs 6 and 22";

    "text-empty" "Every text a person needs is there in every language." "UK GDPR Art 12(1)";
    "text-long" "No text is too long to be read before a choice: headings, names and buttons least of all." "EDPB 03/2022, overloading";
    "text-hidden" "No text has characters that cannot be seen or that turn the reading direction round." "UAX 9; EDPB 03/2022, left in the dark";
    "language-switches" "Who begins to read in one language reads the rest in it." "EDPB 03/2022, fickle";
    "placeholder-lost" "A replaced sentence keeps each `{}`: the purpose, party or number it is about." "UK GDPR Art 12(1)";
    "guilt" "No emotive or blaming words around a choice, and no \"are you sure?\"." "EDPB 03/2022, stirring, obstructing";
    "faces" "No faces and no hearts around a choice." "EDPB 03/2022, stirring";
    "labels-unequal" "Accept and decline are worded alike: short, neither hidden in a sentence, and told apart." "ICO; CNIL; EDPB 03/2022";
    "label-unclear" "Accept says yes and decline says no: neither is \"OK\", \"continue\", \"settings\" or \"not now\"." "UK GDPR Art 4(11); EDPB 03/2022, left in the dark";

    "memory-refusal" "A refusal is remembered at least 182 days." "CNIL and ICO: six months";
    "memory-grant" "A grant is remembered at least 182 and at most 366 days." "EDPB 03/2022, overloading; CNIL: six months";
    "age-limits" "Who is asked how old they are can consent from 13 to 16 on, as the law puts it, and is talked with up to 18." "UK GDPR Art 8; DPA 2018 s.9";
    "age-unasked" "Where people give substantial data, they are asked how old they are: a young person's yes needs a talk first." "UK GDPR Art 25";
    "soft-opt-in-undeclared" "Soft opt-in says which it is, and has evidence for collecting details directly and for the opt-out." "PECR reg 22(3), (3A)";
    "soft-opt-in-charity" "Only a charity, which states its number, uses the charitable soft opt-in." "PECR reg 22(3A)";
}

/// The table of all rules, in Markdown, as the operator guide has it.
#[must_use]
pub fn table() -> alloc::string::String {
    let mut table =
        alloc::string::String::from("| rule | what a site file keeps | whose rule |\n| --- | --- | --- |\n");
    for Rule { id, keeps, source } in RULES {
        for part in ["| `", id, "` | ", keeps, " | ", source, " |\n"] {
            table.push_str(part);
        }
    }
    table
}
