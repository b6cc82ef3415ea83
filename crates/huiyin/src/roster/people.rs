//! The file that says by which mobile number or e-mail address a colleague is known to Feishu.

use std::path::Path;

use csv::{Position, StringRecord};
use serde::Deserialize;

use crate::failure::{Failure, Result};
use crate::text::unreadable;

/// The columns of a CSV file.
const COLUMNS: [&str; 3] = ["name", "mobile", "email"];

#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    /// Their name in the roster.
    pub(super) name: String,
    /// Their mobile number; empty for none.
    #[serde(default)]
    pub(super) mobile: String,
    /// Their e-mail address; empty for none.
    #[serde(default)]
    pub(super) email: String,
}

/// Reads CSV or JSON.
pub(super) fn read(file: &Path) -> Result<Vec<Person>> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::Usage(unreadable(file, &error)))?;
    let read = parse(text.trim_start_matches('\u{feff}'));
    read.map_err(|problem| Failure::Usage(format!("{}: {problem}", file.display())))
}

/// The problem names a line and no content of it.
fn parse(text: &str) -> std::result::Result<Vec<Person>, String> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|error| {
            format!("line {}: expected a list of {{\"name\", \"mobile\", \"email\"}}", error.line())
        });
    }
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = rows.headers().map_err(|error| wrong(error.position()))?;
    let header: StringRecord = header.iter().map(str::to_lowercase).collect();
    if header.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if !header.iter().any(|cell| cell == COLUMNS[0]) || !header.iter().all(|cell| COLUMNS.contains(&cell)) {
        return Err("line 1: expected the columns name,mobile,email".to_owned());
    }
    rows.records().map(|row| person(row, &header)).collect()
}

fn person(row: csv::Result<StringRecord>, header: &StringRecord) -> std::result::Result<Person, String> {
    let row = row.map_err(|error| wrong(error.position()))?;
    let person: Option<Person> = row.deserialize(Some(header)).ok();
    person.filter(|person| !person.name.is_empty()).ok_or_else(|| wrong(row.position()))
}

fn wrong(position: Option<&Position>) -> String {
    let line = position.map_or(1, Position::line);
    format!("line {line}: expected as many cells as the first line, and a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_say_the_same() {
        let csv = parse("Email,Name,Mobile\r\na@example.com, 王小售 ,13800000001\n\n,\"李小后\",\n");
        let json =
            parse(r#"[{"name":"王小售","mobile":"13800000001","email":"a@example.com"},{"name":"李小后"}]"#);
        assert!(csv.is_ok() && csv == json, "not the same");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_never_quoted() {
        for (text, expected) in [
            ("", "the file is empty"),
            ("姓名,手机", "line 1: expected the columns"),
            ("name,mobile\n王小售,13800000001,x", "line 2"),
            ("name,mobile\n,13800000001", "line 2"),
            ("[{\"name\":\"王小售\",\"phone\":\"13800000001\"}]", "line 1"),
        ] {
            let problem = parse(text).err().unwrap();
            assert!(problem.contains(expected) && !problem.contains("1380"), "{problem}");
        }
    }
}
