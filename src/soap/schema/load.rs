//! Finds the schemas that a file names: its own, and all that it imports and includes.

use std::collections::BTreeSet;

use super::builtin::XSD;
use super::tree::{self, Node};
use super::{Files, SchemaError, SchemaReason};
use crate::soap::Position;
use crate::soap::names::QName;

/// Collects the roots of schema files; each file is read once, so circles end.
pub(super) struct Loader<'f> {
    files: &'f dyn Files,
    seen: BTreeSet<String>,
    pub(super) schemas: Vec<Node>,
    pub(super) errors: Vec<SchemaError>,
}

impl<'f> Loader<'f> {
    pub(super) fn new(files: &'f dyn Files) -> Self {
        Self { files, seen: BTreeSet::new(), schemas: Vec::new(), errors: Vec::new() }
    }

    /// Reads a file by the name that it was given under; none if it was read already, or cannot be.
    pub(super) fn entry(&mut self, file: &str) -> Option<Node> {
        let missing = || SchemaError {
            file: file.to_owned(),
            position: Position::START,
            name: file.to_owned(),
            reason: SchemaReason::MissingFile(file.to_owned()),
        };
        self.read(file, missing)
    }

    /// Reads the file that `node` names as `location`, under that name or its last part.
    pub(super) fn follow(&mut self, node: &Node, location: &str) -> Option<Node> {
        let last = location.rsplit(['/', '\\']).next().unwrap_or(location);
        let name = if self.files.read(location).is_some() { location } else { last };
        self.read(name, || node.error(SchemaReason::MissingFile(location.to_owned())))
    }

    fn read(&mut self, file: &str, missing: impl FnOnce() -> SchemaError) -> Option<Node> {
        if self.seen.contains(file) {
            return None;
        }
        self.seen.insert(file.to_owned());
        let parsed = match self.files.read(file) {
            Some(text) => tree::parse(file, text),
            None => Err(missing()),
        };
        parsed.map_err(|error| self.errors.push(error)).ok()
    }

    /// Takes a schema, and follows what it imports and includes.
    pub(super) fn schema(&mut self, root: Node) {
        let mut pending = vec![root];
        while let Some(root) = pending.pop() {
            if root.name != QName::new(XSD, "schema") {
                self.errors.push(root.invalid("it is no XSD schema"));
                continue;
            }
            let target = root.attribute("targetNamespace").unwrap_or("");
            for node in root.children.iter().filter(|node| node.name.namespace == XSD) {
                let wanted = match node.name.local.as_str() {
                    "import" => node.attribute("namespace").unwrap_or(""),
                    "include" => target,
                    _ => continue,
                };
                let Some(location) = node.attribute("schemaLocation") else { continue };
                let Some(other) = self.follow(node, location) else { continue };
                if other.attribute("targetNamespace").unwrap_or("") == wanted {
                    pending.push(other);
                } else {
                    // This also refuses to include a schema without namespace into one that has one.
                    self.errors.push(node.invalid(format!("`{location}` is not a schema of the namespace `{wanted}`")));
                }
            }
            self.schemas.push(root);
        }
    }
}
