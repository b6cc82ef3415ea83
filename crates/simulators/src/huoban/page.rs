//! The page at `/`: every table as people see it.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    values::FieldKind,
    world::{Item, Table, World},
};

/// Rows shown of a table, the newest.
const MOST_ROWS: usize = 200;

const HEAD: &str = "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"refresh\" content=\"5\"><title>伙伴云（模拟）</title><style>\
body{font:14px/1.5 system-ui,sans-serif;margin:2em;color:#222}table{border-collapse:collapse;margin:.5em 0 2em}\
th,td{border:1px solid #ccc;padding:.2em .6em;white-space:nowrap}th{background:#f3f5f8}td.n{text-align:right}\
p{color:#666}</style></head><body><h1>伙伴云（模拟）</h1>\
<p>这是用来演示和测试的假服务。表格由回音写入，每 5 秒刷新一次。</p>";

pub(super) fn render(world: &World) -> String {
    let mut page = HEAD.to_owned();
    if world.tables.is_empty() {
        page.push_str("<p>还没有表格。</p>");
    }
    for table in &world.tables {
        show(&mut page, table);
    }
    page.push_str("</body></html>");
    page
}

fn show(page: &mut String, table: &Table) {
    let (name, rows) = (escaped(&table.name), table.items.len());
    // Writing into a String cannot fail.
    let _ = write!(page, "<h2>{name}</h2><p>编号 {}，共 {rows} 行</p><table><tr>", escaped(&table.id));
    for field in &table.fields {
        let _ = write!(page, "<th>{}</th>", escaped(&field.name));
    }
    page.push_str("</tr>");
    for item in table.items.iter().rev().take(MOST_ROWS) {
        show_row(page, table, item);
    }
    page.push_str("</table>");
}

fn show_row(page: &mut String, table: &Table, item: &Item) {
    page.push_str("<tr>");
    for field in &table.fields {
        let text = item.fields.get(&field.id).map(|value| shown(field.kind, value)).unwrap_or_default();
        let class =
            if matches!(field.kind, FieldKind::Number | FieldKind::Percent) { " class=\"n\"" } else { "" };
        let _ = write!(page, "<td{class}>{}</td>", escaped(&text));
    }
    page.push_str("</tr>");
}

fn shown(kind: FieldKind, value: &Value) -> String {
    match (kind, value) {
        (FieldKind::Percent, Value::Number(number)) => {
            format!("{:.1}%", number.as_f64().unwrap_or_default() * 100.0)
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
