//! A small JSON reader (RFC 8259): text to a tree, and nothing else.
//!
//! `serde_json` with derived readers for the notice's words and the record would be a third of what a visitor downloads.
//! Both texts have few kinds of values; what this does not know (fractions, exponents, numbers beyond 64 bits) it refuses,
//! as it refuses a key twice and depth beyond [`DEEPEST`]. Tests compare it with `serde_json`.

/// Deepest nesting that is read.
pub const DEEPEST: u32 = 16;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number from 0 up.
    Number(u64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object: names and values, no name twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole text, or nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        (reader.at == text.len()).then_some(value)
    }

    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The text under `name` of an object.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    /// This text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of this list; of anything else none.
    #[must_use]
    pub fn entries(&self) -> &[Self] {
        match self {
            Self::List(entries) => entries,
            _ => &[],
        }
    }

    /// The members of this object; of anything else none.
    #[must_use]
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        let found = self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(value)
    }

    fn value(&mut self, depth: u32) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        self.space();
        match self.peek()? {
            b'"' => Some(Json::Text(self.string()?)),
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                if !self.take(b'}') {
                    loop {
                        self.space();
                        let name = self.string()?;
                        let value = if self.take(b':') { self.value(depth + 1)? } else { return None };
                        if members.iter().any(|(earlier, _)| *earlier == name) {
                            return None;
                        }
                        members.push((name, value));
                        if !self.take(b',') {
                            break;
                        }
                    }
                    if !self.take(b'}') {
                        return None;
                    }
                }
                Some(Json::Object(members))
            }
            b'[' => {
                self.at += 1;
                let mut entries = Vec::new();
                if !self.take(b']') {
                    loop {
                        entries.push(self.value(depth + 1)?);
                        if !self.take(b',') {
                            break;
                        }
                    }
                    if !self.take(b']') {
                        return None;
                    }
                }
                Some(Json::List(entries))
            }
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            _ => self.digits(),
        }
    }

    fn digits(&mut self) -> Option<Json> {
        let start = self.at;
        let mut number: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        let good = !digits.is_empty() && (digits.len() == 1 || !digits.starts_with('0'));
        (good && !matches!(self.peek(), Some(b'.' | b'e' | b'E'))).then_some(Json::Number(number))
    }

    fn string(&mut self) -> Option<String> {
        if self.next()? != b'"' {
            return None;
        }
        let mut text = String::new();
        loop {
            // What stands between escapes is taken whole: quotes and backslashes are never inside a character.
            let start = self.at;
            while !matches!(self.peek()?, b'"' | b'\\' | ..=0x1f) {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
            match self.next()? {
                b'"' => return Some(text),
                b'\\' => text.push(self.escape()?),
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let first = self.hex()?;
                if matches!(first, 0xd800..=0xdbff) {
                    if self.next()? != b'\\' || self.next()? != b'u' {
                        return None;
                    }
                    let second = self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    return char::from_u32(0x10000 + ((first - 0xd800) << 10) + second);
                }
                return char::from_u32(first);
            }
            same @ (b'"' | b'\\' | b'/') => char::from(same),
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let mut number = 0;
        for _ in 0..4 {
            number = number << 4 | char::from(self.next()?).to_digit(16)?;
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn same(ours: &Json, theirs: &Value) -> bool {
        match (ours, theirs) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(ours), Value::Bool(theirs)) => ours == theirs,
            (Json::Number(ours), Value::Number(theirs)) => theirs.as_u64() == Some(*ours),
            (Json::Text(ours), Value::String(theirs)) => ours == theirs,
            (Json::List(ours), Value::Array(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
            }
            (Json::Object(ours), Value::Object(theirs)) => {
                ours.len() == theirs.len()
                    && ours
                        .iter()
                        .all(|(name, ours)| theirs.get(name).is_some_and(|theirs| same(ours, theirs)))
            }
            _ => false,
        }
    }

    #[test]
    fn reads_what_another_reader_reads() {
        for text in [
            "null",
            " [ true , false,null ] ",
            "{}",
            "[]",
            "\"\"",
            r#"{"a":{"b":[1,0,18446744073709551615]},"":"x"}"#,
            r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é😀""#,
            "{\"a\" :\t1 ,\r\n\"b\":[ ]}",
        ] {
            let ours = Json::parse(text).unwrap_or_else(|| panic!("not read: {text}"));
            assert!(same(&ours, &serde_json::from_str(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_json_or_not_ours() {
        for text in [
            "",
            " ",
            "nul",
            "tru",
            "truex",
            "{",
            "}",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\n\"",
            "\"\\ud800\\ue000\"",
            "01",
            "-",
            "1 2",
            "é",
            "{\"a\":1}x",
            "+1",
            "\u{feff}1",
        ] {
            assert_eq!(Json::parse(text), None, "{text:?}");
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text:?}");
        }
        for text in ["-1", "1.5", "1e3", "18446744073709551616", "{\"a\":1,\"a\":2}"] {
            assert_eq!(Json::parse(text), None, "{text:?}");
        }
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert_eq!(Json::parse(&deep), None);
    }
}
