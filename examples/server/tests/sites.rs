//! What must hold for both example sites: site files that Assent accepts, and pages that a person can copy.
//!
//! Reads the files; starts nothing. How the pages behave in a browser is tested in `tests/`.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use assent_core::lint;
use assent_core::site::SiteFile;
use std::path::{Path, PathBuf};

const SITES: [(&str, &str); 2] = [("health-provider", "clinic"), ("community-charity", "charity")];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn site_file(name: &str) -> SiteFile {
    toml::from_str(&std::fs::read_to_string(folder(name).join("site.toml")).unwrap()).unwrap()
}

#[test]
fn site_files_make_notices_without_findings() {
    for (name, id) in SITES {
        let file = site_file(name);
        assert_eq!(file.id.as_str(), id);
        let notice = file.notice().unwrap();
        assert_eq!(lint::check(&notice), [], "{name}");
        assert_eq!(notice.languages.keys().collect::<Vec<_>>(), ["cy", "en"], "{name}");
    }
}

/// One page of a site: its address on the site, and its text.
fn pages(name: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, at: &str, out: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let file = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{at}{file}/"), out);
            } else if file.ends_with(".html") {
                let address = format!("{at}{}", if file == "index.html" { "" } else { &file });
                out.push((address, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let mut out = Vec::new();
    walk(&folder(name), "/", &mut out);
    out
}

/// The opening tags of a page, as written.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

#[test]
fn every_page_carries_the_one_tag_and_the_way_back() {
    for (name, id) in SITES {
        let pages = pages(name);
        assert!(pages.len() >= 16, "{name}");
        for (address, html) in &pages {
            let place = format!("{name}{address}");
            let welsh = address.starts_with("/cy/");
            let (language, query) = if welsh { ("cy", "?lang=cy") } else { ("en", "") };
            let base = format!("http://privacy.{id}.localhost:8700/v1/{id}");
            assert!(html.starts_with("<!doctype html>\n<!-- "), "{place}: no opening comment");
            assert!(html.contains(&format!("<html lang=\"{language}\">")), "{place}: language");
            let embed = format!("<script async src=\"{base}/embed.js{query}\"></script>");
            assert_eq!(html.matches(&embed).count(), 1, "{place}: one tag");
            assert_eq!(html.matches("embed.js").count(), 1, "{place}: one tag");
            let back = format!("<a data-assent=\"open\" href=\"{base}/choices{query}\">");
            assert!(
                html.split("<footer").nth(1).is_some_and(|footer| footer.contains(&back)),
                "{place}: way back"
            );
            let other = if welsh { address.replacen("/cy", "", 1) } else { format!("/cy{address}") };
            assert!(pages.iter().any(|(have, _)| *have == other), "{place}: {other} is missing");
            assert!(html.contains(&format!("href=\"{other}\"")), "{place}: no link to {other}");
        }
    }
}

#[test]
fn nothing_of_others_is_fetched_without_a_declared_purpose() {
    // The one tag, and what carries the sign-up form.
    let ours = ["/embed.js", "/alerts.js"];
    for (name, _) in SITES {
        let file = site_file(name);
        for (address, html) in pages(name) {
            for tag in tags(&html) {
                let place = format!("{name}{address}: <{tag}>");
                if let Some(purposes) = attribute(tag, "data-purpose") {
                    for purpose in purposes.split_whitespace() {
                        assert!(file.purposes.iter().any(|have| have.id.as_str() == purpose), "{place}");
                    }
                    let inert = tag.contains(" type=\"text/plain\"")
                        || tag.contains(" data-src=")
                        || tag.starts_with("template");
                    assert!(inert, "{place} would run at once");
                } else if let Some(source) = attribute(tag, "src") {
                    assert!(
                        source.starts_with('/') || ours.iter().any(|script| source.contains(script)),
                        "{place} is fetched from elsewhere"
                    );
                }
                assert!(!tag.contains(" style=") && !tag.contains(" onclick="), "{place} needs a weaker CSP");
            }
        }
    }
}

#[test]
fn links_inside_a_site_lead_somewhere() {
    for (name, _) in SITES {
        for (address, html) in pages(name) {
            for target in tags(&html)
                .flat_map(|tag| {
                    [attribute(tag, "href"), attribute(tag, "src"), attribute(tag, "data-results")]
                })
                .flatten()
            {
                if !target.starts_with('/') {
                    continue;
                }
                let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
                let file = folder(name).join(&path[1..]);
                let file = if path.ends_with('/') { file.join("index.html") } else { file };
                let text = std::fs::read_to_string(&file);
                assert!(text.is_ok(), "{name}{address}: {target}");
                let found = fragment.is_empty()
                    || text.is_ok_and(|text| text.contains(&format!("id=\"{fragment}\"")));
                assert!(found, "{name}{address}: {target}");
            }
        }
    }
}

/// What the seed promise of the health provider lists, each in the words of the notice.
#[test]
fn the_health_provider_names_every_category_of_analytics_data() {
    let file = site_file("health-provider");
    let text = &file.text["en"].purposes["analytics"];
    let listed = text.data.join("\n").to_lowercase();
    for category in [
        "ip address",
        "location",
        "browser type",
        "browser language",
        "times",
        "demographic",
        "pages",
        "select",
    ] {
        assert!(listed.contains(category), "{category}");
    }
}
