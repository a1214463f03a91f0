//! WSDL 1.1 with document/literal SOAP bindings: which operations there are, and the schema of
//! their messages. Anything else that WSDL can say is refused.

mod bindings;

use std::collections::BTreeMap;

use self::bindings::is_soap;
use super::builtin::XSD;
use super::load::Loader;
use super::tree::Node;
use super::{Files, Schema, SchemaError, SchemaReason};
use crate::soap::names::QName;

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";

/// A compiled WSDL 1.1 document.
#[derive(Debug)]
pub struct Wsdl {
    target: String,
    schema: Schema,
    operations: Vec<Operation>,
    services: Vec<Service>,
}

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
    pub fn compile(entry: &str, files: &dyn Files) -> Result<Self, Vec<SchemaError>> {
        let mut loader = Loader::new(files);
        let mut definitions = Vec::new();
        let mut pending: Vec<Node> = loader.entry(entry).into_iter().collect();
        while let Some(mut root) = pending.pop() {
            if root.name == QName::new(XSD, "schema") {
                loader.schema(root);
                continue;
            }
            if root.name != QName::new(WSDL, "definitions") {
                loader.errors.push(root.invalid("it is no WSDL 1.1 document"));
                continue;
            }
            for node in root.children.iter().filter(|node| node.name == QName::new(WSDL, "import")) {
                match node.attribute("location") {
                    Some(location) => pending.extend(loader.follow(node, location)),
                    None => loader.errors.push(node.invalid("it has no `location`")),
                }
            }
            for node in root.children.iter_mut().filter(|node| node.name == QName::new(WSDL, "types")) {
                let documentation = QName::new(WSDL, "documentation");
                for schema in std::mem::take(&mut node.children) {
                    if schema.name != documentation {
                        loader.schema(schema);
                    }
                }
            }
            definitions.push(root);
        }
        let mut reading = Reading::default();
        for root in &definitions {
            reading.definitions(root);
        }
        let target = definitions.first().and_then(|root| root.attribute("targetNamespace")).unwrap_or("").to_owned();
        let (operations, services) = reading.resolve();
        loader.errors.append(&mut reading.errors);
        let schema = Schema::from_loaded(loader)?;
        let undeclared = reading.undeclared(&schema);
        if undeclared.is_empty() { Ok(Self { target, schema, operations, services }) } else { Err(undeclared) }
    }

    /// The operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The schema of its messages.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Its target namespace.
    pub fn target_namespace(&self) -> &str {
        &self.target
    }
}

/// The parts of a message: names, and the elements that they are.
type Message = BTreeMap<String, QName>;

/// An operation of a port type: its messages.
struct Abstract {
    input: QName,
    output: Option<QName>,
}

#[derive(Default)]
struct Reading<'t> {
    errors: Vec<SchemaError>,
    messages: BTreeMap<QName, Message>,
    /// By port type and name.
    abstracts: BTreeMap<(QName, String), Abstract>,
    bindings: BTreeMap<QName, &'t Node>,
    services: Vec<Service>,
    /// Every port of a service, with the binding that it names.
    ports: Vec<(&'t Node, QName)>,
    /// Every element that a message names, with where.
    named: Vec<(&'t Node, QName)>,
}

impl<'t> Reading<'t> {
    fn definitions(&mut self, root: &'t Node) {
        self.allow(root, &["name", "targetNamespace"]);
        let target = root.attribute("targetNamespace").unwrap_or("");
        for node in self.parts(root) {
            match node.name.local.as_str() {
                "import" => self.allow(node, &["namespace", "location"]),
                "types" => self.allow(node, &[]),
                "message" => self.message(node, target),
                "portType" => self.port_type(node, target),
                "binding" => {
                    self.allow(node, &["name", "type"]);
                    if self.bindings.insert(QName::new(target, node.label()), node).is_some() {
                        self.errors.push(node.error(SchemaReason::Twice));
                    }
                }
                "service" => self.service(node),
                other => self.errors.push(node.unsupported(format!("`{other}` in a WSDL"))),
            }
        }
    }

    fn message(&mut self, node: &'t Node, target: &str) {
        self.allow(node, &["name"]);
        let mut message = Message::new();
        for part in self.parts(node) {
            self.allow(part, &["name", "element"]);
            match part.attribute("element") {
                Some(element) if part.name.local == "part" => {
                    let Some(element) = self.expanded(part, element) else { continue };
                    self.named.push((part, element.clone()));
                    message.insert(part.label().to_owned(), element);
                }
                _ => self.errors.push(part.unsupported("a part of a message that is not an element")),
            }
        }
        if self.messages.insert(QName::new(target, node.label()), message).is_some() {
            self.errors.push(node.error(SchemaReason::Twice));
        }
    }

    fn port_type(&mut self, node: &'t Node, target: &str) {
        self.allow(node, &["name"]);
        for operation in self.parts(node) {
            self.allow(operation, &["name"]);
            let mut input = None;
            let mut output = None;
            for part in self.parts(operation) {
                self.allow(part, &["name", "message"]);
                let message = part.attribute("message").and_then(|message| self.expanded(part, message));
                match (part.name.local.as_str(), message) {
                    ("input", Some(message)) if input.is_none() && output.is_none() => input = Some(message),
                    ("output", Some(message)) if input.is_some() && output.is_none() => output = Some(message),
                    (other, _) => {
                        self.errors.push(part.unsupported(format!("`{other}` at this place of an operation")))
                    }
                }
            }
            let key = (QName::new(target, node.label()), operation.label().to_owned());
            match input {
                None => self.errors.push(operation.unsupported("an operation without input")),
                Some(input) => {
                    if self.abstracts.insert(key, Abstract { input, output }).is_some() {
                        self.errors.push(operation.unsupported("a second operation of the same name"));
                    }
                }
            }
        }
    }

    fn service(&mut self, node: &'t Node) {
        self.allow(node, &["name"]);
        let mut ports = Vec::new();
        for port in self.parts(node) {
            self.allow(port, &["name", "binding"]);
            let address = match port.children.as_slice() {
                [address] if is_soap(address, "address") => address.attribute("location"),
                _ => None,
            };
            let binding = port.attribute("binding").and_then(|binding| self.expanded(port, binding));
            match (binding, address) {
                (Some(binding), Some(address)) => {
                    self.ports.push((port, binding));
                    ports.push(Port { name: port.label().to_owned(), address: address.to_owned() });
                }
                _ => self.errors.push(port.unsupported("a port without a binding and one SOAP address")),
            }
        }
        self.services.push(Service { name: node.label().to_owned(), ports });
    }

    /// The elements that messages name and the schema does not declare.
    fn undeclared(&self, schema: &Schema) -> Vec<SchemaError> {
        self.named
            .iter()
            .filter(|(_, element)| schema.element(&element.namespace, &element.local).is_none())
            .map(|(node, element)| node.error(SchemaReason::Undeclared(format!("the element `{element}`"))))
            .collect()
    }

    fn expanded(&mut self, node: &Node, name: &str) -> Option<QName> {
        node.expand(name).map_err(|error| self.errors.push(error)).ok()
    }

    /// The WSDL elements inside one, documentation left out; whatever else is inside is an error.
    fn parts(&mut self, node: &'t Node) -> Vec<&'t Node> {
        if node.has_text {
            self.errors.push(node.invalid("text stands inside it"));
        }
        let mut parts = Vec::new();
        for part in &node.children {
            if part.name.namespace != WSDL {
                self.errors.push(part.unsupported(format!("`{}` at this place of a WSDL", part.name)));
            } else if part.name.local != "documentation" {
                parts.push(part);
            }
        }
        parts
    }

    fn allow(&mut self, node: &Node, allowed: &[&str]) {
        for (name, _) in &node.attributes {
            if !name.namespace.is_empty() || !allowed.contains(&name.local.as_str()) {
                self.errors.push(node.unsupported(format!("the attribute `{name}`")));
            }
        }
    }
}
