//! Schemas: XSD and WSDL 1.1 files compiled into the tables that documents are validated by.
//!
//! It does what web services' schemas use and refuses the rest by name, with file and line. It does
//! not fetch anything: files are handed in.

mod builtin;
mod compile;
mod decimal;
mod error;
mod lexical;
mod load;
mod model;
mod moment;
mod particles;
mod pattern;
mod restriction;
mod simple;
#[cfg(test)]
mod tests;
mod tree;
mod wildcard;
mod wsdl;

use std::collections::BTreeMap;

pub use self::error::{SchemaError, SchemaReason};
pub(super) use self::model::{Attribute, Content, Element, Flat, Given, Item, Model, Slot, State, Type, TypeId};
pub use self::model::{ElementId, Schema};
pub(super) use self::simple::SimpleType;
pub(super) use self::wildcard::Process;
pub use self::wsdl::{Operation, Port, Service, Wsdl};

/// The files that a schema is compiled from.
pub trait Files {
    /// The text of the file of this name.
    fn read(&self, name: &str) -> Option<&str>;
}

impl Files for [(&str, &str)] {
    fn read(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, text)| *text)
    }
}

impl<const N: usize> Files for [(&str, &str); N] {
    fn read(&self, name: &str) -> Option<&str> {
        self.as_slice().read(name)
    }
}

impl Files for BTreeMap<String, String> {
    fn read(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }
}

impl Schema {
    /// Compiles schema files and all that they import and include.
    pub fn compile(entries: &[&str], files: &dyn Files) -> Result<Self, Vec<SchemaError>> {
        let mut loader = load::Loader::new(files);
        for entry in entries {
            if let Some(root) = loader.entry(entry) {
                loader.schema(root);
            }
        }
        Self::from_loaded(loader)
    }

    fn from_loaded(loader: load::Loader<'_>) -> Result<Self, Vec<SchemaError>> {
        let files = loader.files_read();
        let mut errors = loader.errors;
        match compile::compile(&loader.schemas) {
            Ok(schema) if errors.is_empty() => Ok(Self { files, ..schema }),
            Ok(_) => Err(errors),
            Err(more) => {
                errors.extend(more);
                Err(errors)
            }
        }
    }
}
