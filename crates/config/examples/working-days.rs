//! Prints every day of the years whose public holidays stand in a folder, and whether whoever declares no calendar works on
//! it: `2026-10-10 works`. `tests/holidays.py` compares it with what others know.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate};
use config::HolidayFiles;
use domain::calendar::{Calendar, Holidays, Hours};

fn main() -> ExitCode {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "config/holidays".to_owned());
    let read = HolidayFiles::read(Path::new(&folder));
    if !read.faults.is_empty() {
        eprintln!("{}", read.faults.join("\n"));
        return ExitCode::FAILURE;
    }
    let holidays = Arc::new(Holidays::of(&read.years));
    let calendar = Calendar::new(Hours::default(), chrono_tz::Asia::Shanghai, holidays);
    for year in read.years.iter().filter(|year| year.is_announced()).map(|year| year.year) {
        let first = NaiveDate::from_yo_opt(year, 1).unwrap_or_default();
        for day in first.iter_days().take_while(|day| day.year() == year) {
            println!("{day} {}", if calendar.is_working_day(day) { "works" } else { "off" });
        }
    }
    ExitCode::SUCCESS
}
