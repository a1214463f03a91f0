//! Finds the schemas that a file names: its own, and all that it imports and includes.

use std::collections::BTreeSet;

use super::builtin::XSD;
use super::tree::{self, Node};
use super::{Files, SchemaError, SchemaReason};
use crate::soap::Position;
use crate::soap::names::QName;

/// Collects the roots of schema files; each file is taken once (a file without namespace once for each
/// namespace that includes it), so circles end.
pub(super) struct Loader<'f> {
    files: &'f dyn Files,
    /// Files, with the namespace that they were included into.
    seen: BTreeSet<(String, String)>,
    pub(super) schemas: Vec<Node>,
    pub(super) errors: Vec<SchemaError>,
}

impl<'f> Loader<'f> {
    pub(super) fn new(files: &'f dyn Files) -> Self {
        Self { files, seen: BTreeSet::new(), schemas: Vec::new(), errors: Vec::new() }
    }

    /// The files that were read so far.
    pub(super) fn files_read(&self) -> BTreeSet<String> {
        self.seen.iter().map(|(file, _)| file.clone()).collect()
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
        self.read(self.found(location), || node.error(SchemaReason::MissingFile(location.to_owned())))
    }

    /// The name under which there is a file for a location, if there is one.
    fn found<'l>(&self, location: &'l str) -> &'l str {
        let last = location.rsplit(['/', '\\']).next().unwrap_or(location);
        if self.files.read(location).is_some() { location } else { last }
    }

    /// Reads a file to be included into a schema of the namespace `target`. If it has no namespace it
    /// takes that one (XSD 1.0 part 1, 4.2.1).
    fn include(&mut self, node: &Node, location: &str, target: &str) -> Option<Node> {
        let file = self.found(location);
        let adopted = self.files.read(file).filter(|_| !target.is_empty()).filter(|text| {
            let root = tree::parse(file, text).ok();
            root.is_some_and(|root| root.attribute("targetNamespace").is_none())
        });
        match adopted {
            None => self.follow(node, location),
            Some(text) if self.seen.insert((file.to_owned(), target.to_owned())) => {
                tree::parse_into(file, text, target).map_err(|error| self.errors.push(error)).ok()
            }
            Some(_) => None,
        }
    }

    fn read(&mut self, file: &str, missing: impl FnOnce() -> SchemaError) -> Option<Node> {
        if !self.seen.insert((file.to_owned(), String::new())) {
            return None;
        }
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
                let location = node.attribute("schemaLocation");
                let (wanted, other) = match (node.name.local.as_str(), location) {
                    ("import", Some(location)) => {
                        (node.attribute("namespace").unwrap_or(""), self.follow(node, location))
                    }
                    // Without a place, what is meant must stand beside it in the same WSDL.
                    ("import", None) => continue,
                    ("include", Some(location)) => (target, self.include(node, location, target)),
                    ("include", None) => {
                        self.errors.push(node.invalid("it has no `schemaLocation`"));
                        continue;
                    }
                    _ => continue,
                };
                let Some(other) = other else { continue };
                if other.attribute("targetNamespace").unwrap_or("") == wanted {
                    pending.push(other);
                } else {
                    let location = location.unwrap_or_default();
                    self.errors.push(node.invalid(format!("`{location}` is not a schema of the namespace `{wanted}`")));
                }
            }
            self.schemas.push(root);
        }
    }
}
