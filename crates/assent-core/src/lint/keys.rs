//! Keys that a site file has no place for, and keys that it must have, before it is read as one.
//!
//! Every unknown key is refused anyway ([`crate::site`]). Those that other banners have for what is unfair are told here with the rule
//! that they would break, so that whoever brings them along learns why there is no such switch. Not a list of all that is refused.

use super::Finding;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Value;

/// Rule, the way out, and keys without `_`, `-` and capitals.
const KEYS: [(&str, &str, &[&str]); 5] = [
    (
        "pre-ticked",
        "Take it out: what people agree to is off until they switch it on.",
        &[
            "default",
            "checked",
            "prechecked",
            "preticked",
            "preselected",
            "selected",
            "enabled",
            "optout",
            "highprivacy",
        ],
    ),
    (
        "no-press",
        "Take it out: only a press is a yes.",
        &[
            "acceptonscroll",
            "acceptonclose",
            "acceptontimeout",
            "acceptonclick",
            "dismissonscroll",
            "dismissontimeout",
            "dismissonlinkclick",
            "impliedconsent",
            "autoaccept",
            "acceptafter",
        ],
    ),
    (
        "no-decline",
        "Take it out: the no stands beside the yes, on the same layer, and looks the same.",
        &[
            "hidedecline",
            "hidereject",
            "hidedeclineall",
            "showdecline",
            "showreject",
            "showrejectbutton",
            "denyallcta",
            "declineaslink",
            "declinelayer",
            "rejectlayer",
            "acceptcolor",
            "acceptcolour",
            "declinecolor",
            "declinecolour",
            "rejectcolor",
            "rejectcolour",
            "primarybutton",
            "equalweightbuttons",
        ],
    ),
    (
        "no-way-back",
        "Take it out: each page keeps a way back to the choices.",
        &[
            "hideback",
            "hidewayback",
            "showback",
            "wayback",
            "showicon",
            "hideicon",
            "revocable",
            "hidewithdraw",
            "floatingbutton",
        ],
    ),
    (
        "wall",
        "Take it out: the page can be read by whoever says no or nothing.",
        &["mustconsent", "wall", "cookiewall", "blockpage", "disablepageinteraction", "forceconsent"],
    ),
];

/// What of a whole site file, as it was written, breaks a rule by a key or by leaving one out.
#[must_use]
pub fn check_keys(file: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk("", file, &mut findings);
    findings
}

fn walk(place: &str, value: &Value, findings: &mut Vec<Finding>) {
    let inside = |key: &str| if place.is_empty() { key.to_string() } else { format!("{place}.{key}") };
    match value {
        Value::Array(all) => {
            for (at, one) in all.iter().enumerate() {
                let name = one.get("id").or_else(|| one.get("topic")).or_else(|| one.get("name"));
                let place = inside(name.and_then(Value::as_str).unwrap_or(&at.to_string()));
                let missing = |key: &&str| one.get(*key).is_none();
                if one.is_object()
                    && place.rsplit('.').nth(1) == Some("storage")
                    && let Some(key) = ["name", "kind", "days", "read_by"].iter().find(|key| missing(key))
                {
                    let message = format!("Say its `{key}`: name, kind, days and read_by, each.");
                    findings.push(Finding { rule: "storage-unsaid", place: place.clone(), message });
                }
                walk(&place, one, findings);
            }
        }
        Value::Object(all) => {
            for (key, one) in all {
                // A name of somebody's is no switch.
                let is_name = place == "recipients" || place == "text" || place.starts_with("text.");
                let plain: String = key.chars().filter(|c| !matches!(c, '_' | '-')).collect();
                let plain = plain.to_lowercase();
                let known = KEYS.iter().find(|(_, _, keys)| keys.contains(&plain.as_str()));
                // The evidence for soft opt-in, which has this name.
                let is_ours = key == "opt_out" && place.ends_with("soft_opt_in");
                if let Some((rule, message, _)) = known.filter(|_| !is_name && !is_ours) {
                    findings.push(Finding { rule, place: inside(key), message: message.to_string() });
                }
                walk(&inside(key), one, findings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
