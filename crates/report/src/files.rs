//! Tables as files that spreadsheets open.

use rust_xlsxwriter::{Format, Workbook, XlsxError};

use crate::table::{Cell, Table};

/// What makes spreadsheets read a text file as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// With which a text would be a formula, behind blanks too.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// As CSV.
    #[error("the table cannot be written as CSV")]
    Csv(#[from] csv::Error),
    /// As a workbook.
    #[error("the table cannot be written as a workbook")]
    Xlsx(#[from] XlsxError),
}

/// Comma-separated values in UTF-8. A text with which a formula could begin has an apostrophe before it: names come from
/// anybody.
///
/// # Errors
/// If it cannot be written, which memory always can.
pub fn csv(table: &Table) -> Result<Vec<u8>, FileError> {
    let mut writer = csv::Writer::from_writer(BYTE_ORDER_MARK.as_bytes().to_vec());
    writer.write_record(&table.columns)?;
    for row in &table.rows {
        writer.write_record(row.iter().map(plain))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) if text.trim_start().starts_with(FORMULA) => format!("'{text}"),
        other => other.to_string(),
    }
}

/// An Excel workbook of one sheet.
///
/// # Errors
/// If the table is larger than a sheet.
pub fn xlsx(table: &Table, name: &str) -> Result<Vec<u8>, FileError> {
    let mut workbook = Workbook::new();
    let head = Format::new().set_bold();
    let (day, number) = (Format::new().set_num_format("yyyy-mm-dd"), Format::new().set_num_format("0.00"));
    let share = Format::new().set_num_format("0.0%");
    let sheet = workbook.add_worksheet().set_name(name)?;
    for (place, column) in (0..).zip(&table.columns) {
        sheet.write_string_with_format(0, place, *column, &head)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (line, row) in (1..).zip(&table.rows) {
        for (place, cell) in (0..).zip(row) {
            match cell {
                Cell::Empty => continue,
                Cell::Text(text) => sheet.write_string(line, place, text)?,
                Cell::Day(of) => {
                    let of = rust_xlsxwriter::ExcelDateTime::parse_from_str(&of.to_string())?;
                    sheet.write_datetime_with_format(line, place, &of, &day)?
                }
                #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
                Cell::Count(count) => sheet.write_number(line, place, *count as f64)?,
                Cell::Number(of) => sheet.write_number_with_format(line, place, *of, &number)?,
                Cell::Share(of) => sheet.write_number_with_format(line, place, *of, &share)?,
            };
        }
    }
    sheet.autofit();
    Ok(workbook.save_to_buffer()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let rows = vec![
            vec![
                Cell::Text("=cmd|' /C calc'!A0".into()),
                Cell::Count(3),
                Cell::Number(1.5),
                Cell::Share(0.25),
            ],
            vec![Cell::Text("云帆, \"科技\"".into()), Cell::Empty, Cell::Text("≥2.00".into()), Cell::Empty],
        ];
        Table { columns: vec!["群聊", "提问", "中位", "占比"], rows }
    }

    #[test]
    fn a_name_is_never_a_formula() {
        let text = String::from_utf8(csv(&table()).unwrap()).unwrap();
        let expected =
            "\u{feff}群聊,提问,中位,占比\n'=cmd|' /C calc'!A0,3,1.50,25.0%\n\"云帆, \"\"科技\"\"\",,≥2.00,\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn whatever_a_formula_begins_with_is_made_a_text() {
        for begins in FORMULA {
            for text in [format!("{begins}1"), format!(" \n{begins}1")] {
                assert_eq!(plain(&Cell::Text(text.clone())), format!("'{text}"));
            }
        }
        assert_eq!(plain(&Cell::Text("1-2".into())), "1-2");
    }

    #[test]
    fn a_workbook_is_an_archive() {
        let bytes = xlsx(&table(), "报表").unwrap();
        assert!(bytes.starts_with(b"PK"), "a zip file");
    }
}
