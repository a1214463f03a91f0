//! Schemas.

mod error;

pub use self::error::{SchemaError, SchemaReason};
use super::names::{Name, QName};

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

impl Files for std::collections::BTreeMap<String, String> {
    fn read(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }
}

/// A declared element of a [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ElementId(u32);

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {}

impl Schema {
    /// Compiles schema files and all that they import and include.
    pub fn compile(_entries: &[&str], _files: &dyn Files) -> Result<Self, Vec<SchemaError>> {
        unimplemented!()
    }

    /// The global element of this name.
    pub fn element(&self, _namespace: &str, _local: &str) -> Option<ElementId> {
        unimplemented!()
    }

    /// The name of a declared element.
    pub fn element_name(&self, _element: ElementId) -> Name<'_> {
        unimplemented!()
    }
}

/// A compiled WSDL 1.1 document.
#[derive(Debug)]
pub struct Wsdl {}

/// An operation of a port type that a SOAP binding binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// The element that its request's body holds.
    pub input: QName,
    /// The element that its answer's body holds.
    pub output: Option<QName>,
    /// The header blocks that the binding gives its request.
    pub headers: Vec<QName>,
    /// The SOAPAction that the binding gives it.
    pub soap_action: String,
}

/// A service of a WSDL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its ports.
    pub ports: Vec<Port>,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its address as the WSDL says.
    pub address: String,
}

impl Wsdl {
    /// Compiles a WSDL and all that it imports.
    pub fn compile(_entry: &str, _files: &dyn Files) -> Result<Self, Vec<SchemaError>> {
        unimplemented!()
    }

    /// The operations.
    pub fn operations(&self) -> &[Operation] {
        unimplemented!()
    }

    /// The services.
    pub fn services(&self) -> &[Service] {
        unimplemented!()
    }

    /// The schema of its messages.
    pub fn schema(&self) -> &Schema {
        unimplemented!()
    }

    /// Its target namespace.
    pub fn target_namespace(&self) -> &str {
        unimplemented!()
    }
}
