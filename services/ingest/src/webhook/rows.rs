//! Taking a body apart into rows without understanding them, so that one broken row spoils no other.

/// The rows of a body: the items of a JSON array, else a single object, else one row a line.
pub fn split(body: &[u8]) -> Vec<&[u8]> {
    let body = body.trim_ascii();
    match body.first() {
        None => Vec::new(),
        Some(b'[') => items(body),
        Some(_) if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() => vec![body],
        Some(_) => body
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
            .collect(),
    }
}

/// The items of an array, found by commas outside strings and brackets. What is no JSON at all ends up as rows that
/// are refused one by one.
fn items(array: &[u8]) -> Vec<&[u8]> {
    let inside = &array[1..];
    let inside = inside.strip_suffix(b"]").unwrap_or(inside);
    let mut items = Vec::new();
    let (mut start, mut depth, mut in_string, mut escaped) = (0, 0_i32, false, false);
    for (at, byte) in inside.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                items.push(inside[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = inside[start..].trim_ascii();
    if !last.is_empty() {
        items.push(last);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<&str> {
        split(body.as_bytes()).into_iter().map(|row| std::str::from_utf8(row).unwrap()).collect()
    }

    #[test]
    fn arrays_objects_and_lines() {
        assert_eq!(texts(r#" [ {"a":1}, {"b":"x,]}\" "} ] "#), [r#"{"a":1}"#, r#"{"b":"x,]}\" "}"#]);
        assert_eq!(texts("{\n \"a\": 1\n}"), ["{\n \"a\": 1\n}"]);
        assert_eq!(texts("{\"a\":1}\n\n{\"b\":2}\r\n"), [r#"{"a":1}"#, r#"{"b":2}"#]);
        assert!(texts("  ").is_empty());
        assert!(texts("[]").is_empty());
    }

    #[test]
    fn a_broken_row_stays_alone() {
        assert_eq!(texts(r#"[{"a":"\ud800"},{"b":nonsense},{"c":3}]"#).len(), 3);
        assert_eq!(texts("{\"a\":1}\n{\"b\":\n{\"c\":3}").len(), 3);
    }
}
