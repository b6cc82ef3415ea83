//! Query strings in the forms that the official SDKs send: bracketed, repeated, comma-joined, and JSON.

use serde_json::Value;

/// The decoded pairs of a query string, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(pub Vec<(String, String)>);

/// One `sort` condition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub field: String,
    pub descending: bool,
}

impl Query {
    /// Decodes `+` and percent escapes.
    pub fn parse(raw: &str) -> Self {
        let url = reqwest::Url::parse(&format!("http://query/?{raw}"));
        Self(url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default())
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A list given as `key`, `key[]` or `key[n]`, repeated or joined by commas. Empty members are ignored, so that
    /// an empty list is no list at all: `recordIds=` matches the whole sheet, as on the real service.
    pub fn list(&self, key: &str) -> Vec<String> {
        let named = |k: &str| k == key || k.strip_prefix(key).is_some_and(|rest| rest.starts_with('['));
        let values = self.0.iter().filter(|(k, _)| named(k)).flat_map(|(_, v)| v.split(','));
        values.filter(|v| !v.is_empty()).map(str::to_owned).collect()
    }

    /// The sort conditions. A JSON array is taken for an object without a field, as on the real service; and conditions
    /// without numbers, as the JavaScript SDK sends them, for a single one, by a column with all their names.
    pub fn sorts(&self) -> Vec<Sort> {
        let mut sorts: Vec<Sort> = Vec::new();
        let mut unnumbered = None;
        for (key, value) in &self.0 {
            if key == "sort" {
                let json: Value = serde_json::from_str(value).unwrap_or_default();
                let field = json["field"].as_str().unwrap_or("undefined").to_owned();
                sorts.push(Sort { field, descending: json["order"] == "desc" });
            } else if key == "sort[][field]"
                && let Some(sort) = unnumbered.and_then(|at: usize| sorts.get_mut(at))
            {
                sort.field = format!("{},{value}", sort.field);
            } else if key.starts_with("sort[") && key.ends_with("[field]") {
                unnumbered = unnumbered.or((key == "sort[][field]").then_some(sorts.len()));
                sorts.push(Sort { field: value.clone(), descending: false });
            } else if key.starts_with("sort[")
                && key.ends_with("[order]")
                && let Some(last) = sorts.last_mut()
            {
                last.descending = value == "desc";
            }
        }
        sorts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_every_form_the_sdks_use() {
        for raw in [
            "recordIds=a&recordIds=b",
            "recordIds%5B%5D=a&recordIds%5B%5D=b",
            "recordIds=a,b",
            "recordIds[0]=a&recordIds[1]=b",
        ] {
            assert_eq!(Query::parse(raw).list("recordIds"), ["a", "b"], "{raw}");
        }
        assert!(Query::parse("recordIds=").list("recordIds").is_empty());
    }

    #[test]
    fn sorts_come_in_every_form_the_sdks_use() {
        let wanted = [Sort { field: "人 数".into(), descending: true }];
        for raw in [
            "sort%5B%5D%5Bfield%5D=%E4%BA%BA+%E6%95%B0&sort%5B%5D%5Border%5D=desc",
            "sort[0][field]=人%20数&sort[0][order]=desc",
            "sort=%7B%22field%22%3A+%22人 数%22,%22order%22:%22desc%22%7D",
        ] {
            assert_eq!(Query::parse(raw).sorts(), wanted, "{raw}");
        }
        assert_eq!(Query::parse("sort=[{\"field\":\"a\"}]").sorts()[0].field, "undefined");

        let fields =
            |raw: &str| Query::parse(raw).sorts().into_iter().map(|sort| sort.field).collect::<Vec<_>>();
        assert_eq!(
            fields("sort[0][field]=a&sort[0][order]=asc&sort[1][field]=b&sort[1][order]=asc"),
            ["a", "b"]
        );
        assert_eq!(fields("sort={\"field\":\"a\"}&sort={\"field\":\"b\"}"), ["a", "b"]);
        assert_eq!(fields("sort[][field]=a&sort[][order]=asc&sort[][field]=b&sort[][order]=asc"), ["a,b"]);
    }
}
