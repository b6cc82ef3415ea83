//! Cutting a file into rows, without ever holding more than one: a JSON array or NDJSON, told apart by the first
//! character. Rows are not judged here, so that a broken one cannot hide the ones after it.

use std::io::{self, BufRead};

/// Longest row that is sent, in bytes.
pub(super) const LONGEST_ROW: usize = 2 * 1024 * 1024;
/// What some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// In NDJSON its line, in an array its position; both from 1.
    pub(super) number: u64,
    /// Its bytes, or why it cannot be sent.
    pub(super) content: Result<Vec<u8>, &'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    Array,
    Ended,
}

/// The rows of a file, in order.
pub(super) struct Rows<R> {
    input: R,
    format: Option<Format>,
    number: u64,
}

/// The bytes of a row so far. What is too long is read on, but not kept.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Gathered {
    fn push(&mut self, byte: u8) {
        if self.bytes.len() < LONGEST_ROW {
            self.bytes.push(byte);
        } else {
            self.too_long = true;
        }
    }

    fn content(self) -> Result<Vec<u8>, &'static str> {
        if self.too_long { Err("longer than 2 MiB") } else { Ok(self.bytes.trim_ascii().to_vec()) }
    }
}

/// Where in a JSON text one is: enough to find the end of a value.
#[derive(Default)]
struct JsonCursor {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl JsonCursor {
    /// Whether this byte stands between values of the outer array.
    fn is_outside(&self) -> bool {
        self.depth == 0 && !self.in_string
    }

    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

impl<R: BufRead> Rows<R> {
    /// The rows of this input.
    pub(super) fn new(input: R) -> Self {
        Self { input, format: None, number: 0 }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let first = self.input.fill_buf()?.first().copied();
        self.input.consume(usize::from(first.is_some()));
        Ok(first)
    }

    /// Looks at the first character that is no blank. Blank lines before it count as lines.
    fn recognise(&mut self) -> io::Result<Format> {
        if self.input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            self.input.consume(BYTE_ORDER_MARK.len());
        }
        loop {
            match self.input.fill_buf()?.first() {
                None => return Ok(Format::Ended),
                Some(b'[') => {
                    self.number = 0;
                    self.input.consume(1);
                    return Ok(Format::Array);
                }
                Some(byte) if byte.is_ascii_whitespace() => {
                    self.number += u64::from(*byte == b'\n');
                    self.input.consume(1);
                }
                Some(_) => return Ok(Format::Lines),
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Row>> {
        loop {
            let mut line = Gathered::default();
            let mut ended = false;
            while !ended {
                match self.byte()? {
                    Some(b'\n') => break,
                    Some(byte) => line.push(byte),
                    None => ended = true,
                }
            }
            self.number += 1;
            let content = line.content();
            if content.as_ref().is_ok_and(Vec::is_empty) {
                if ended {
                    return Ok(None);
                }
                continue;
            }
            return Ok(Some(Row { number: self.number, content }));
        }
    }

    fn next_item(&mut self) -> io::Result<Option<Row>> {
        let (mut item, mut cursor) = (Gathered::default(), JsonCursor::default());
        self.number += 1;
        let ended = loop {
            match self.byte()? {
                None => {
                    self.format = Some(Format::Ended);
                    let content = Err("the list ends before its closing bracket");
                    return Ok(Some(Row { number: self.number, content }));
                }
                Some(b',') if cursor.is_outside() => break false,
                Some(b']') if cursor.is_outside() => break true,
                Some(byte) => {
                    cursor.step(byte);
                    item.push(byte);
                }
            }
        };
        if ended {
            self.format = Some(Format::Ended);
        }
        match item.content() {
            Ok(bytes) if bytes.is_empty() && ended => Ok(None),
            Ok(bytes) if bytes.is_empty() => Ok(Some(Row { number: self.number, content: Err("empty") })),
            content => Ok(Some(Row { number: self.number, content })),
        }
    }

    fn read(&mut self) -> io::Result<Option<Row>> {
        let format = match self.format {
            Some(format) => format,
            None => self.recognise()?,
        };
        self.format.get_or_insert(format);
        match format {
            Format::Lines => self.next_line(),
            Format::Array => self.next_item(),
            Format::Ended => Ok(None),
        }
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Result<String, &'static str>)> {
        // A tiny buffer, so that every boundary falls somewhere.
        let input = io::BufReader::with_capacity(3, text.as_bytes());
        Rows::new(input)
            .map(|row| row.unwrap())
            .map(|row| (row.number, row.content.map(|bytes| String::from_utf8(bytes).unwrap())))
            .collect()
    }

    #[test]
    fn lines_keep_their_numbers() {
        let found = rows("{\"a\":1}\r\n\n  \nbroken\n{\"b\":2}");
        assert_eq!(
            found,
            [(1, Ok("{\"a\":1}".to_owned())), (4, Ok("broken".to_owned())), (5, Ok("{\"b\":2}".to_owned()))]
        );
        assert_eq!(rows("\n\n{}\n"), [(3, Ok("{}".to_owned()))]);
        assert_eq!(rows(""), []);
    }

    #[test]
    fn an_array_is_cut_between_its_items_only() {
        let found = rows("\u{feff} [ {\"t\":\"a,]\\\"}\",\"l\":[1,{}]} ,\n{\"t\":\"\\ud800\"}, 5 ] ");
        assert_eq!(
            found,
            [
                (1, Ok("{\"t\":\"a,]\\\"}\",\"l\":[1,{}]}".to_owned())),
                (2, Ok("{\"t\":\"\\ud800\"}".to_owned())),
                (3, Ok("5".to_owned())),
            ]
        );
        assert_eq!(rows("[]"), []);
        assert_eq!(rows("[{},,{}]").len(), 3);
        assert_eq!(rows("[{}")[0].1, Err("the list ends before its closing bracket"));
    }

    #[test]
    fn an_endless_row_is_refused_and_the_next_one_kept() {
        let text = format!("{}\n{{}}\n", "x".repeat(LONGEST_ROW + 1));
        assert_eq!(rows(&text), [(1, Err("longer than 2 MiB")), (2, Ok("{}".to_owned()))]);
    }
}
