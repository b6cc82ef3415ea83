//! Public holidays given as files: a folder with one for each year, named after it (`2026.json`), in the format of the
//! public repository `holiday-cn`. Operators put a new year beside the others and run `huiyin apply`, which stores what
//! the files say with the rules.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use domain::calendar::{Holiday, HolidayYear};
use serde_json::Value;

use super::problem::Problem;

/// The key that names the folder.
pub(super) const KEY: &str = "holidays";
/// Where in the configuration they are put.
pub(super) const PLACE: &str = "rules.holidays";
/// Most days of a year that are no ordinary ones, rather more than there are.
const MOST_DAYS: usize = 400;

/// What the files of a folder say.
#[derive(Debug, Default)]
pub struct HolidayFiles {
    /// By year, rising.
    pub years: Vec<HolidayYear>,
    /// The file of each of the years.
    pub files: Vec<PathBuf>,
    /// Everything that is wrong with their form.
    pub faults: Vec<String>,
}

impl HolidayFiles {
    /// Reads a folder. Whatever else is in it is not looked at.
    pub fn read(folder: &Path) -> Self {
        let mut read = Self::default();
        let mut names = match list(folder) {
            Ok(names) => names,
            Err(fault) => {
                read.faults.push(fault);
                return read;
            }
        };
        names.sort_unstable();
        if names.is_empty() {
            let expected = "expected one for each year, like 2026.json";
            read.faults
                .push(format!("there are no files of years in the folder {}: {expected}", folder.display()));
        }
        for (year, file) in names {
            match of_file(&file, year) {
                Ok(holidays) => {
                    read.years.push(holidays);
                    read.files.push(file);
                }
                Err(faults) => {
                    let told = faults.into_iter().map(|fault| format!("{}: {fault}", file.display()));
                    read.faults.extend(told);
                }
            }
        }
        read
    }

    /// A problem of the rules, told of the file in which it stands.
    pub(super) fn told(&self, problem: Problem) -> Problem {
        let within = problem.path.strip_prefix(PLACE).and_then(|rest| rest.strip_prefix('['));
        let Some((place, rest)) = within.and_then(|rest| rest.split_once("].")) else { return problem };
        let file = place.parse::<usize>().ok().and_then(|place| self.files.get(place));
        let Some(file) = file else { return problem };
        let mut message = format!("{}: {rest}: {}", file.display(), problem.message);
        for (place, file) in self.files.iter().enumerate() {
            message = message.replace(&format!("holidays[{place}]."), &format!("{} ", file.display()));
        }
        Problem { path: KEY.to_owned(), message }
    }
}

/// The files of years in a folder.
fn list(folder: &Path) -> Result<Vec<(i32, PathBuf)>, String> {
    let unread = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!(
                "there is no folder {}: expected one with a file for each year, like 2026.json",
                folder.display()
            )
        }
        _ => format!("the folder {} cannot be read: {error}", folder.display()),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let file = entry.map_err(unread)?.path();
        let name =
            file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
        let year = name.filter(|name| name.len() == 4).and_then(|name| name.parse().ok());
        found.extend(year.map(|year| (year, file)));
    }
    Ok(found)
}

fn of_file(file: &Path, year: i32) -> Result<HolidayYear, Vec<String>> {
    let text = fs::read_to_string(file).map_err(|error| vec![format!("the file cannot be read: {error}")])?;
    let value = serde_json::from_str(text.trim_start_matches('\u{feff}'));
    let value: Value = value.map_err(|error| vec![format!("the file is not JSON: {error}")])?;
    let mut faults = Vec::new();
    if value["year"] != year {
        faults
            .push(format!("year: found {}, expected {year}, as the file's name says", shown(&value["year"])));
    }
    let days = match value["days"].as_array() {
        Some(days) if days.len() <= MOST_DAYS => days.as_slice(),
        Some(days) => {
            faults.push(format!("days: found {} days, expected those of one year", days.len()));
            &[]
        }
        None => {
            faults.push(format!("days: found {}, expected a list `[…]` of days", shown(&value["days"])));
            &[]
        }
    };
    let days = days.iter().enumerate().filter_map(|(place, day)| of_day(day, place, &mut faults)).collect();
    if faults.is_empty() { Ok(HolidayYear { year, days }) } else { Err(faults) }
}

/// Keys of the format that say nothing of a day are not looked at.
fn of_day(day: &Value, place: usize, faults: &mut Vec<String>) -> Option<Holiday> {
    let mut wrong = |key: &str, expected: &str| {
        faults.push(format!("days[{place}].{key}: found {}, expected {expected}", shown(&day[key])));
    };
    let name = day["name"].as_str();
    if name.is_none() {
        wrong("name", "a text like \"国庆节\"");
    }
    let date = day["date"].as_str().filter(|text| text.len() == "2026-10-01".len());
    let date = date.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    if date.is_none() {
        wrong("date", "a day like \"2026-10-01\"");
    }
    let is_off_day = day["isOffDay"].as_bool();
    if is_off_day.is_none() {
        wrong("isOffDay", "true or false");
    }
    Some(Holiday { name: name?.to_owned(), date: date?, is_off_day: is_off_day? })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("{:?}", text.chars().take(20).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a section".to_owned(),
    }
}
