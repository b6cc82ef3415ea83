//! Secrets given as files: `NAME_file` with the path of a file that holds `NAME`.

use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};

use serde_json::{Map, Value};

use super::idle::Idle;
use super::load::Scope;
use super::path::Path;
use super::problem::Fault;
use super::schema::Shape;

/// A key of this ending names the file that holds the key without it.
pub(super) const SUFFIX: &str = "_file";

/// Takes out of a lower layer what the upper one gives in the other form, so that the upper one holds.
pub(super) fn drop_overridden(lower: &mut Value, upper: &Value) {
    let (Value::Object(lower), Value::Object(upper)) = (lower, upper) else { return };
    for (key, value) in upper {
        match key.strip_suffix(SUFFIX) {
            Some(base) => lower.remove(base),
            None => lower.remove(&format!("{key}{SUFFIX}")),
        };
        if let Some(below) = lower.get_mut(key) {
            drop_overridden(below, value);
        }
    }
}

/// A secret that the configuration gives as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// The key that names it: `database.passwords.ingest_file`.
    pub key: String,
    pub file: PathBuf,
}

/// Every secret of a configuration that is given as a file, without those of what is switched off. Relative paths start at `folder`.
pub(super) fn list(root: &Value, folder: &FilePath, shape: &Shape) -> Vec<SecretFile> {
    let mut found = Vec::new();
    collect(root, &Path::default(), folder, shape, &mut found);
    let idle = Idle::of(root);
    found.retain(|secret| !idle.holds_text(&secret.key));
    found
}

fn collect(node: &Value, path: &Path, folder: &FilePath, shape: &Shape, found: &mut Vec<SecretFile>) {
    match node {
        Value::Object(object) => {
            for name in secrets_by_file(object, path, shape) {
                let key = format!("{name}{SUFFIX}");
                if let Some(file) = object[&key].as_str() {
                    found.push(SecretFile { key: path.key(&key).to_string(), file: folder.join(file) });
                }
            }
            object.iter().for_each(|(key, value)| collect(value, &path.key(key), folder, shape, found));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| collect(item, &path.index(index), folder, shape, found));
        }
        _ => {}
    }
}

/// Reads secrets from their files.
pub(super) struct Reader<'a> {
    /// Where relative paths start.
    pub(super) folder: &'a FilePath,
    /// What may stand where.
    pub(super) shape: &'a Shape,
    /// What its reader uses; a file that gives no secret matters only for this.
    pub(super) scope: Scope<'a>,
    /// Of what is switched off nothing is read.
    pub(super) idle: &'a Idle,
}

impl Reader<'_> {
    /// Replaces every secret's `NAME_file` by `NAME` with the file's contents. What cannot be read is a fault, and a
    /// stand-in takes its place.
    pub(super) fn read(&self, root: &mut Value) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.visit(root, &Path::default(), &mut faults);
        faults
    }

    fn visit(&self, node: &mut Value, path: &Path, faults: &mut Vec<Fault>) {
        match node {
            Value::Object(object) => {
                for name in secrets_by_file(object, path, self.shape) {
                    self.read_one(object, &name, path, faults);
                }
                for (key, value) in object {
                    self.visit(value, &path.key(key), faults);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.visit(item, &path.index(index), faults);
                }
            }
            _ => {}
        }
    }

    fn read_one(&self, object: &mut Map<String, Value>, name: &str, path: &Path, faults: &mut Vec<Fault>) {
        let key = format!("{name}{SUFFIX}");
        let given = object.remove(&key);
        let place = path.key(name);
        let value = if object.contains_key(name) {
            Err(format!("`{name}` is given as well: expected one of the two"))
        } else if self.idle.holds(&place) {
            Ok(not_given(&place))
        } else {
            let secret = contents(given.as_ref(), name, self.folder);
            if self.scope.uses_secret(&place.to_string()) {
                secret
            } else {
                secret.or_else(|_| Ok(not_given(&place)))
            }
        };
        let value = match value {
            Ok(secret) => Value::String(secret),
            Err(message) => {
                faults.push(Fault::unread(path, &key, name, message));
                object.remove(name).unwrap_or_else(|| Value::String("x:x".to_owned()))
            }
        };
        object.insert(name.to_owned(), value);
    }
}

/// What stands for a secret that is not ours.
fn not_given(place: &Path) -> String {
    format!("not given: {place}")
}

/// The names of the secrets of this section that are given as files.
fn secrets_by_file(object: &Map<String, Value>, path: &Path, shape: &Shape) -> Vec<String> {
    let names = object.keys().filter_map(|key| key.strip_suffix(SUFFIX));
    names.filter(|name| shape.is_secret(&path.key(name))).map(str::to_owned).collect()
}

fn contents(given: Option<&Value>, name: &str, folder: &FilePath) -> Result<String, String> {
    let Some(Value::String(file)) = given else {
        return Err(format!("expected the path of a file that holds `{name}`"));
    };
    let file = folder.join(file);
    let shown = file.display();
    let text = std::fs::read_to_string(&file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("there is no file {shown}: expected one that holds `{name}`"),
        ErrorKind::PermissionDenied => format!("the file {shown} may not be read by this user"),
        ErrorKind::InvalidData => format!("the file {shown} is not a text (UTF-8)"),
        ErrorKind::IsADirectory => format!("{shown} is a folder: expected a file that holds `{name}`"),
        _ => format!("the file {shown} cannot be read"),
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err(format!("the file {shown} is empty")) } else { Ok(secret.to_owned()) }
}
