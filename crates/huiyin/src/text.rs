//! Words for the terminal: what others wrote made fit for it, and the system's errors in plain words.

use std::io::{self, ErrorKind};
use std::path::Path;

/// A text on one line, in which nothing can move the cursor or change the terminal.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Bytes as they can be read: JSON indented, another text as it is, the rest escaped.
pub(crate) fn readable(bytes: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes)
        && let Ok(pretty) = serde_json::to_string_pretty(&value)
    {
        return pretty;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

/// Why a file that the operator named cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> String {
    let file = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("there is no file {file}"),
        ErrorKind::PermissionDenied => format!("the file {file} may not be read by this user"),
        ErrorKind::IsADirectory => format!("{file} is a folder: expected a file"),
        ErrorKind::InvalidData => format!("the file {file} is not a text (UTF-8)"),
        _ => format!("the file {file} cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_could_command_it() {
        assert_eq!(on_one_line("a\x1b[2J\nb"), "a [2J b");
        assert_eq!(readable(b"\x1b[2Jnot json"), "\u{fffd}[2Jnot json");
        assert_eq!(readable(&[0xff, 0x1b, b'a']), "\\xff\\x1ba");
        assert_eq!(readable("{\"文\":1}".as_bytes()), "{\n  \"文\": 1\n}");
    }
}
