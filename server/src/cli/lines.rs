//! A text read with every line ended alike, by one `\n`, the last one too: spreadsheets end them in three ways, and rows are counted by
//! them. Nothing else is changed.

use std::io::{self, Read};

/// The text, as it is read on.
#[derive(Debug)]
pub(super) struct Lines<R> {
    inner: R,
    /// The last byte that was read was a `\r`, which was given on as the end of a line: a `\n` behind it belongs to it.
    after_return: bool,
    /// The last byte that was given on.
    last: u8,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, after_return: false, last: b'\n' }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = self.inner.read(buffer)?;
            if read == 0 && self.last != b'\n' {
                buffer[0] = b'\n';
                self.last = b'\n';
                return Ok(1);
            }
            let mut kept = 0;
            for at in 0..read {
                let byte = buffer[at];
                let is_second = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if !is_second {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
            }
            if kept > 0 {
                self.last = buffer[kept - 1];
            }
            // A `\n` alone may have been left out; nothing would mean the end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every pair falls apart.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            self.0 = rest;
            buffer[0] = *first;
            Ok(1)
        }
    }

    #[test]
    fn every_line_ends_with_one_line_feed() {
        for (text, lines) in [
            ("", ""),
            ("a", "a\n"),
            ("a\n", "a\n"),
            ("a\r\nb\rc\nd", "a\nb\nc\nd\n"),
            ("\r\n\r\n", "\n\n"),
            ("\n\r", "\n\n"),
            ("a\r\n\nb\r\r\n", "a\n\nb\n\n"),
        ] {
            let (mut whole, mut slow) = (String::new(), String::new());
            Lines::new(text.as_bytes()).read_to_string(&mut whole).unwrap();
            Lines::new(Slowly(text.as_bytes())).read_to_string(&mut slow).unwrap();
            assert_eq!((whole.as_str(), slow.as_str()), (lines, lines), "{text:?}");
        }
    }
}
