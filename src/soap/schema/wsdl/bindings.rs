//! SOAP bindings: document/literal over HTTP, and nothing else.

use std::collections::BTreeMap;

use super::{Operation, Reading, Service, WSDL};
use crate::soap::names::QName;
use crate::soap::schema::SchemaReason;
use crate::soap::schema::tree::Node;

const SOAP_11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const SOAP_12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const HTTP_TRANSPORT: &str = "http://schemas.xmlsoap.org/soap/http";

impl<'t> Reading<'t> {
    /// Puts bindings, port types and messages together, once all are read.
    pub(super) fn resolve(&mut self) -> (Vec<Operation>, Vec<Service>) {
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
}

/// Whether an element is this one of WSDL's SOAP extension.
pub(super) fn is_soap(node: &Node, local: &str) -> bool {
    matches!(node.name.namespace.as_str(), SOAP_11 | SOAP_12) && node.name.local == local
}
