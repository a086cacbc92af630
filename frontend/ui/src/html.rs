//! Markup as text, for the layers that only the widget draws.
//!
//! Those layers never come from the server, so nothing is taken over and a typed view would only be large: each kind of
//! element, attribute and child is code of its own in every visitor's download. Here the markup is written down as it
//! is, and every value goes in through one door that escapes it. The first layer, which the server renders and the
//! widget takes over, is a typed view (`first_layer.rs`).

/// Markup under construction.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Adds `markup` with one of `values`, escaped, in place of each `{}`. Markup never comes from data, and a `{}` stands
    /// between tags or inside a double-quoted attribute.
    pub(crate) fn put(&mut self, markup: &'static str, values: &[&str]) {
        let mut values = values.iter();
        let mut before = 0;
        for (at, byte) in markup.bytes().enumerate() {
            if byte == b'{' {
                self.0.push_str(&markup[before..at]);
                if let Some(value) = values.next() {
                    self.escaped(value);
                }
                before = at + "{}".len();
            }
        }
        self.0.push_str(&markup[before..]);
    }

    /// The markup.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn escaped(&mut self, value: &str) {
        for character in value.chars() {
            let name = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                _ => "",
            };
            if name.is_empty() {
                self.0.push(character);
            } else {
                self.0.push_str(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(markup: &'static str, values: &[&str]) -> String {
        let mut html = Html::default();
        html.put(markup, values);
        html.finish()
    }

    #[test]
    fn values_stand_where_the_markup_says() {
        assert_eq!(put("<b>plain</b>", &[]), "<b>plain</b>");
        assert_eq!(put("<b id=\"{}\">{}</b>{}", &["a", "é😀", ""]), "<b id=\"a\">é😀</b>");
        assert_eq!(put("{}{}", &["{}", "x"]), "{}x", "a value is not read as markup");
    }

    #[test]
    fn hostile_values_stay_text() {
        for hostile in [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "' onclick='alert(1)",
            "</b></title></textarea><svg onload=alert(1)>",
            "<!-- {} -->",
            "&lt;b&gt;",
        ] {
            let html = put("<a href=\"{}\">{}</a>", &[hostile, hostile]);
            let inside = html
                .strip_prefix("<a href=\"")
                .and_then(|rest| rest.strip_suffix("</a>"))
                .and_then(|rest| rest.split_once("\">"))
                .unwrap();
            for part in [inside.0, inside.1] {
                assert!(!part.contains(['<', '>', '"', '\'']), "{part}");
                let read = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
                    .iter()
                    .fold(part.to_owned(), |text, (from, to)| text.replace(from, to));
                assert_eq!(read, hostile);
            }
        }
    }
}
