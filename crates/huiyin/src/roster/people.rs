//! The file that says by which mobile number or e-mail address a colleague is known to Feishu.

use std::path::Path;

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
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next().ok_or("the file is empty")?;
    let header: Vec<String> = cells(header).iter().map(|cell| cell.to_lowercase()).collect();
    if !header.contains(&COLUMNS[0].to_owned()) || header.iter().any(|cell| !COLUMNS.contains(&cell.as_str()))
    {
        return Err("line 1: expected the columns name,mobile,email".to_owned());
    }
    lines.map(|(number, line)| person(&header, line).ok_or_else(|| wrong(number))).collect()
}

fn wrong(number: usize) -> String {
    format!("line {}: expected as many cells as the first line, without quotes, and a name", number + 1)
}

fn person(header: &[String], line: &str) -> Option<Person> {
    let cells = cells(line);
    if cells.len() != header.len() || line.contains('"') {
        return None;
    }
    let cell = |name: &str| header.iter().position(|column| column == name).map(|at| cells[at].clone());
    let name = cell("name").filter(|name| !name.is_empty())?;
    Some(Person {
        name,
        mobile: cell("mobile").unwrap_or_default(),
        email: cell("email").unwrap_or_default(),
    })
}

fn cells(line: &str) -> Vec<String> {
    line.split(',').map(|cell| cell.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_say_the_same() {
        let csv = parse("Email,Name,Mobile\r\na@example.com, 王小售 ,13800000001\n\n,李小后,\n");
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
