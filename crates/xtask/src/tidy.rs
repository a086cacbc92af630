//! `cargo xtask tidy`: the house rules that no compiler knows. Every source file opens with what it is for, the arrows
//! between packages point as ARCHITECTURE.md draws them, words that belong to one folder stay there, and no file
//! names a package registry's host or one person's machine. Does not format and does not lint Rust.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::place::Place;
use crate::{run, say};

/// Which workspace packages a package may use, in builds and in tests.
const ARROWS: [(&str, &[&str]); 10] = [
    ("assent-core", &[]),
    ("assent-ledger", &["assent-core"]),
    ("assent-store-sled", &["assent-core", "assent-ledger"]),
    ("ui", &["assent-core"]),
    ("widget", &["assent-core", "ui"]),
    ("server", &["assent-core", "assent-ledger", "assent-store-sled", "ui"]),
    ("tests", &["assent-core"]),
    ("example-sites", &["assent-core"]), // its tests read the site files
    ("xtask", &["assent-core"]),
    ("bench", &["assent-core", "assent-ledger", "assent-store-sled"]), // it fills logs without a server
];

/// Outside packages that only one of ours may use.
const ONE_HOME: [(&str, &str); 1] = [("sled", "assent-store-sled")];

/// Words that may stand only below some folders of the product's own source.
struct Fence {
    words: &'static [&'static str],
    only_in: &'static [&'static str],
    reason: &'static str,
}

const FENCES: [Fence; 4] = [
    Fence {
        words: &["StatusCode"],
        only_in: &["server/src/http/"],
        reason: "only server/src/http knows HTTP status codes",
    },
    Fence {
        words: &["env::var", "env::vars", "env::set_var", "env::args"],
        only_in: &["server/src/config/", "server/src/cli/", "server/src/main.rs"],
        reason: "only config and cli read the environment",
    },
    Fence {
        words: &["TcpStream::connect", "UdpSocket", "reqwest::", "ureq::", "lettre::"],
        only_in: &["server/src/deliver/", "server/src/cli/"],
        reason: "only server/src/deliver opens outgoing connections (the command line talks to its own server)",
    },
    Fence {
        words: &["assent_store_sled"],
        only_in: &["server/src/", "crates/assent-store-"],
        reason: "only server names a concrete store",
    },
];

/// Where the fences stand: the product, not its tools, examples or black-box tests.
const PRODUCT: [&str; 5] =
    ["server/", "frontend/", "crates/assent-core/", "crates/assent-ledger/", "crates/assent-store-sled/"];

/// Files a newcomer looks for.
const PAGES: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

/// Text that belongs in no file, in halves so that this file passes.
const NOWHERE: [(&str, &str); 9] = [
    ("registry.npm", "js.org"),
    ("registry.yarn", "pkg.com"),
    ("static.crates", ".io"),
    ("index.crates", ".io"),
    ("files.python", "hosted.org"),
    ("deb.debian", ".org"),
    ("static.rust-", "lang.org"),
    ("/root", "/."),
    ("/work/", "main"),
];

/// Checks and fails with the list of what is wrong.
///
/// # Errors
/// When a rule is broken.
pub(crate) fn run() -> Result<()> {
    check(&Place::find()?)
}

/// As [`run`], for a project that was already found.
///
/// # Errors
/// When a rule is broken.
pub(crate) fn check(place: &Place) -> Result<()> {
    let files = files(place)?;
    let mut wrong = Vec::new();
    let mut sources = 0;
    for file in &files {
        let Ok(text) = fs::read_to_string(place.root.join(file)) else { continue };
        sources += usize::from(opening(file).is_some());
        check_opening(file, &text, &mut wrong);
        check_words(file, &text, &mut wrong);
    }
    check_arrows(place, &mut wrong);
    check_core(place, &mut wrong);
    for page in PAGES {
        if !place.root.join(page).is_file() {
            wrong.push(format!("{page}: missing"));
        }
    }
    if wrong.is_empty() {
        say::line(
            "ok",
            format_args!(
                "{} files, {sources} of them sources: openings, arrows, fences and pages",
                files.len()
            ),
        );
        return Ok(());
    }
    bail!("house rules broken:\n    {}", wrong.join("\n    "))
}

/// What git tracks or would track.
fn files(place: &Place) -> Result<BTreeSet<String>> {
    let mut command = Command::new("git");
    command.current_dir(&place.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = run::output(&mut command)?;
    Ok(list.split('\0').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect())
}

/// What a kind of source file must begin with, where it must.
fn opening(file: &str) -> Option<&'static [&'static str]> {
    let ending = file.rsplit_once('.')?.1;
    match ending {
        "rs" => Some(&["//!"]),
        "js" | "mjs" | "css" => Some(&["/*", "//"]),
        _ => None,
    }
}

fn check_opening(file: &str, text: &str, wrong: &mut Vec<String>) {
    let Some(openings) = opening(file) else { return };
    if !openings.iter().any(|opening| text.starts_with(opening)) {
        wrong.push(format!("{file}: begins without saying what it is for ({})", openings.join(" or ")));
    }
}

fn check_words(file: &str, text: &str, wrong: &mut Vec<String>) {
    for (left, right) in NOWHERE {
        let word = format!("{left}{right}");
        if text.contains(&word) {
            wrong.push(format!("{file}: mentions {word}, which is somebody's registry or machine"));
        }
    }
    let product = PRODUCT.iter().any(|folder| file.starts_with(folder));
    if !product || !file.ends_with(".rs") || is_test(file) {
        return;
    }
    for fence in &FENCES {
        if fence.only_in.iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = fence.words.iter().find(|word| code.contains(**word)) {
                wrong.push(format!("{file}:{}: {word}: {}", number + 1, fence.reason));
            }
        }
    }
}

/// Tests may look from outside: ask by HTTP, read a variable that their own child process sets.
fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.contains("/examples/") || file.ends_with("/tests.rs")
}

fn check_arrows(place: &Place, wrong: &mut Vec<String>) {
    let none = Vec::new();
    let packages = place.metadata["packages"].as_array().unwrap_or(&none);
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            wrong.push(format!("{name}: a package ARCHITECTURE.md and this check do not know"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap_or(&none) {
            let to = dependency["name"].as_str().unwrap_or_default();
            // A package may use itself in its tests, with other features.
            if ours.contains(to) && to != name && !allowed.contains(&to) {
                wrong.push(format!("{name}: must not depend on {to}; arrows point towards assent-core"));
            }
            if let Some((_, home)) = ONE_HOME.iter().find(|(outside, home)| *outside == to && *home != name) {
                wrong.push(format!("{name}: must not depend on {to}, which belongs to {home}"));
            }
            if name == "widget" && hydrates(dependency) && dependency["target"].is_null() {
                wrong.push(format!(
                    "widget: {to} must be under [target.'cfg(target_arch = \"wasm32\")'.dependencies]: in one build with \
                     ssr its handlers vanish"
                ));
            }
        }
    }
}

/// Whether a dependency of the widget brings Leptos's `hydrate` into the build.
fn hydrates(dependency: &Value) -> bool {
    let features = dependency["features"].as_array();
    let hydrate = features.is_some_and(|features| features.iter().any(|feature| feature == "hydrate"));
    dependency["name"] == "leptos" || (dependency["name"] == "ui" && hydrate)
}

fn check_core(place: &Place, wrong: &mut Vec<String>) {
    let file = "crates/assent-core/src/lib.rs";
    let text = fs::read_to_string(place.root.join(file)).unwrap_or_default();
    if !text.contains("#![no_std]") && !text.contains("no_std)]") {
        wrong.push(format!(
            "{file}: must say #![no_std]; the browser, the server and an auditor run the same code"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(file: &str, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        check_opening(file, text, &mut wrong);
        check_words(file, text, &mut wrong);
        wrong
    }

    #[test]
    fn a_source_that_does_not_say_what_it_is_for_is_named() {
        assert_eq!(wrong("server/src/a.rs", "use std::fs;\n").len(), 1);
        assert_eq!(wrong("frontend/a.css", "a {}\n").len(), 1);
        assert!(wrong("server/src/a.rs", "//! For this.\n").is_empty());
        assert!(wrong("frontend/a.css", "/* For this. */\n").is_empty());
        assert!(wrong("README.md", "words\n").is_empty());
    }

    #[test]
    fn fenced_words_stay_in_their_folder() {
        let text = "//! For this.\nfn f() -> StatusCode { StatusCode::OK }\n";
        assert_eq!(
            wrong("server/src/app/a.rs", text),
            ["server/src/app/a.rs:2: StatusCode: only server/src/http knows HTTP status codes"]
        );
        assert!(wrong("server/src/http/a.rs", text).is_empty());
        assert!(wrong("examples/server/src/a.rs", text).is_empty(), "examples are not the product");
        assert!(wrong("server/tests/http/a.rs", text).is_empty(), "tests look from outside");
        assert!(
            wrong("server/src/app/a.rs", "//! Not StatusCode.\n// StatusCode\n").is_empty(),
            "comments may name it"
        );
    }

    #[test]
    fn registries_and_machines_are_named_nowhere() {
        let host = ["registry.npm", "js.org"].concat();
        assert_eq!(wrong("package-lock.json", &format!("\"resolved\": \"{host}/a\"")).len(), 1);
    }

    #[test]
    fn every_arrow_points_to_a_package_that_has_arrows() {
        for (_, allowed) in ARROWS {
            assert!(allowed.iter().all(|to| ARROWS.iter().any(|(from, _)| from == to)));
        }
    }
}
