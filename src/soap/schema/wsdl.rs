//! WSDL 1.1 with document/literal SOAP bindings: which operations there are, and the schema of
//! their messages. Anything else that WSDL can say is refused.

use std::collections::BTreeMap;

use super::builtin::XSD;
use super::load::Loader;
use super::tree::Node;
use super::{Files, Schema, SchemaError, SchemaReason};
use crate::soap::names::QName;

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const SOAP_11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const SOAP_12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const HTTP_TRANSPORT: &str = "http://schemas.xmlsoap.org/soap/http";

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

    /// Puts bindings, port types and messages together, once all are read.
    fn resolve(&mut self) -> (Vec<Operation>, Vec<Service>) {
        for (port, binding) in &self.ports {
            if !self.bindings.contains_key(binding) {
                self.errors.push(port.error(SchemaReason::Undeclared(format!("the binding `{binding}`"))));
            }
        }
        let mut operations: Vec<Operation> = Vec::new();
        for binding in self.bindings.values().copied().collect::<Vec<_>>() {
            for operation in self.binding(binding) {
                // A SOAP 1.2 binding of the same port type says the same again.
                if !operations.iter().any(|other| other.name == operation.name && other.input == operation.input) {
                    operations.push(operation);
                }
            }
        }
        (operations, std::mem::take(&mut self.services))
    }

    fn binding(&mut self, node: &'t Node) -> Vec<Operation> {
        let Some(port_type) = node.attribute("type").and_then(|name| self.expanded(node, name)) else {
            self.errors.push(node.invalid("a binding without port type"));
            return Vec::new();
        };
        let mut style = "document";
        let mut operations = Vec::new();
        for part in &node.children {
            if is_soap(part, "binding") {
                self.allow(part, &["style", "transport"]);
                style = part.attribute("style").unwrap_or("document");
                if part.attribute("transport") != Some(HTTP_TRANSPORT) {
                    self.errors.push(part.unsupported("another transport than HTTP"));
                }
            } else if part.name == QName::new(WSDL, "operation") {
                operations.extend(self.bound_operation(part, &port_type, style));
            } else if part.name != QName::new(WSDL, "documentation") {
                self.errors.push(part.unsupported(format!("`{}` in a binding", part.name)));
            }
        }
        operations
    }

    fn bound_operation(&mut self, node: &'t Node, port_type: &QName, style: &str) -> Option<Operation> {
        self.allow(node, &["name"]);
        let mut soap_action = String::new();
        let mut style = style;
        let mut headers = Vec::new();
        let mut bodies = BTreeMap::new();
        for part in &node.children {
            if is_soap(part, "operation") {
                self.allow(part, &["soapAction", "style", "soapActionRequired"]);
                soap_action = part.attribute("soapAction").unwrap_or("").to_owned();
                style = part.attribute("style").unwrap_or(style);
            } else if part.name.namespace == WSDL && matches!(part.name.local.as_str(), "input" | "output") {
                let (body, more) = self.bound_message(part);
                bodies.insert(part.name.local.as_str(), body);
                if part.name.local == "input" {
                    headers = more;
                }
            } else if part.name != QName::new(WSDL, "documentation") {
                self.errors.push(part.unsupported(format!("`{}` in a bound operation", part.name)));
            }
        }
        if style != "document" {
            self.errors.push(node.unsupported(format!("the style `{style}`")));
        }
        let name = node.label().to_owned();
        let Some(found) = self.abstracts.get(&(port_type.clone(), name.clone())) else {
            self.errors.push(node.error(SchemaReason::Undeclared(format!("the operation in `{port_type}`"))));
            return None;
        };
        let (input, output) = (found.input.clone(), found.output.clone());
        let part_of = |direction: &str| bodies.get(direction).cloned().flatten();
        let input = self.body(node, &input, part_of("input"))?;
        let output = match output {
            Some(output) => Some(self.body(node, &output, part_of("output"))?),
            None => None,
        };
        Some(Operation { name, input, output, headers, soap_action })
    }

    /// What a bound message says: the part that is its body, if it names one, and its headers.
    fn bound_message(&mut self, node: &'t Node) -> (Option<String>, Vec<QName>) {
        self.allow(node, &["name"]);
        let mut body = None;
        let mut headers = Vec::new();
        for part in &node.children {
            if part.name == QName::new(WSDL, "documentation") {
                continue;
            }
            if part.attribute("use") != Some("literal") {
                self.errors.push(part.unsupported("another use than literal"));
            }
            if is_soap(part, "body") {
                self.allow(part, &["use", "parts"]);
                body = part.attribute("parts").map(str::to_owned);
            } else if is_soap(part, "header") {
                self.allow(part, &["use", "message", "part"]);
                let message = part.attribute("message").and_then(|message| self.expanded(part, message));
                let message = message.and_then(|message| self.messages.get(&message));
                match message.and_then(|message| message.get(part.attribute("part")?)) {
                    Some(element) => headers.push(element.clone()),
                    None => self.errors.push(part.error(SchemaReason::Undeclared("the header's message part".into()))),
                }
            } else {
                self.errors.push(part.unsupported(format!("`{}` in a bound message", part.name)));
            }
        }
        (body, headers)
    }

    /// The one element of a message's body.
    fn body(&mut self, node: &Node, message: &QName, part: Option<String>) -> Option<QName> {
        let Some(parts) = self.messages.get(message) else {
            self.errors.push(node.error(SchemaReason::Undeclared(format!("the message `{message}`"))));
            return None;
        };
        let element = match &part {
            Some(part) => parts.get(part.trim()),
            None if parts.len() == 1 => parts.values().next(),
            None => None,
        };
        if element.is_none() {
            self.errors.push(node.unsupported(format!("a body of `{message}` that is not exactly one part")));
        }
        element.cloned()
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

fn is_soap(node: &Node, local: &str) -> bool {
    matches!(node.name.namespace.as_str(), SOAP_11 | SOAP_12) && node.name.local == local
}
