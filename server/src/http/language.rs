//! Which of the site's languages to answer in: asked for by name, else as the browser prefers.

use axum::http::{HeaderMap, header};

/// Wanted languages, best first.
pub(super) fn wanted<'a>(lang: Option<&'a str>, headers: &'a HeaderMap) -> Vec<&'a str> {
    let mut wanted: Vec<&str> = lang.into_iter().collect();
    let accepted =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut weighted: Vec<(&str, f32)> = accepted
        .split(',')
        .filter_map(|part| {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse().ok())?;
            let tag = tag.trim();
            (!tag.is_empty() && tag != "*" && weight > 0.0).then_some((tag, weight))
        })
        .take(16)
        .collect();
    weighted.sort_by(|a, b| b.1.total_cmp(&a.1));
    wanted.extend(weighted.into_iter().map(|(tag, _)| tag));
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_preferred_comes_first() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en;q=0.5, cy-GB, *;q=0.1, fr;q=0"));
        assert_eq!(wanted(None, &headers), ["cy-GB", "en"]);
        assert_eq!(wanted(Some("en"), &headers), ["en", "cy-GB", "en"]);
    }
}
