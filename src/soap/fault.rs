//! SOAP faults of both versions, as sent.

use std::fmt::Write;

use super::Position;
use super::envelope::Version;
use super::escape::{escape_attribute, escape_text};
use super::names::QName;

/// What kind of fault: whose doing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The envelope is in no namespace that we know.
    VersionMismatch,
    /// A header block must be understood, and is not.
    MustUnderstand,
    /// The message is wrong: `Client` in SOAP 1.1, `Sender` in 1.2.
    Client,
    /// We are: `Server` in SOAP 1.1, `Receiver` in 1.2.
    Server,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The version that the fault is written in.
    pub version: Version,
    /// The kind.
    pub code: FaultCode,
    /// Why, for people; in English.
    pub reason: String,
    /// The same for programs.
    pub detail: Option<Box<FaultDetail>>,
    /// The header block that must be understood and is not.
    pub not_understood: Option<Box<QName>>,
}

/// What a program may want to know about a message that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultDetail {
    /// The elements from the root's child down, with slashes.
    pub path: String,
    /// Where.
    pub position: Position,
    /// What may stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// The namespace of [`FaultDetail`]'s elements.
const DETAIL: &str = "urn:lango:fault:1";

impl FaultCode {
    fn local(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::VersionMismatch, _) => "VersionMismatch",
            (Self::MustUnderstand, _) => "MustUnderstand",
            (Self::Client, Version::Soap11) => "Client",
            (Self::Client, Version::Soap12) => "Sender",
            (Self::Server, Version::Soap11) => "Server",
            (Self::Server, Version::Soap12) => "Receiver",
        }
    }
}

impl FaultDetail {
    fn write(&self, out: &mut String) {
        let Position { line, column } = self.position;
        let [path, expected, found] = [&self.path, &self.expected, &self.found].map(|text| escape_text(text));
        let _ = write!(
            out,
            "<flaw xmlns=\"{DETAIL}\"><path>{path}</path><line>{line}</line><column>{column}</column>\
             <expected>{expected}</expected><found>{found}</found></flaw>"
        );
    }
}

impl Fault {
    /// A fault that says what is wrong in words alone.
    pub fn new(version: Version, code: FaultCode, reason: impl Into<String>) -> Self {
        Self { version, code, reason: reason.into(), detail: None, not_understood: None }
    }

    /// The whole envelope.
    pub fn to_xml(&self) -> String {
        let mut out = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{}\">{}<soapenv:Body>\
             <soapenv:Fault>",
            self.version.namespace(),
            self.header(),
        );
        match self.version {
            Version::Soap11 => self.write_soap11(&mut out),
            Version::Soap12 => self.write_soap12(&mut out),
        }
        out.push_str("</soapenv:Fault></soapenv:Body></soapenv:Envelope>");
        out
    }

    /// The HTTP status to send it with. SOAP 1.1 over HTTP knows only 500.
    pub fn http_status(&self) -> u16 {
        match (self.version, self.code) {
            (Version::Soap12, FaultCode::Client) => 400,
            _ => 500,
        }
    }

    /// The header of a fault: SOAP 1.2 names there what would be understood (5.4.7) and what was not
    /// (5.4.8).
    fn header(&self) -> String {
        match (self.version, self.code, &self.not_understood) {
            (Version::Soap12, FaultCode::VersionMismatch, _) => "<soapenv:Header><soapenv:Upgrade>\
                 <soapenv:SupportedEnvelope qname=\"soapenv:Envelope\"/>\
                 <soapenv:SupportedEnvelope xmlns:soap11=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                 qname=\"soap11:Envelope\"/></soapenv:Upgrade></soapenv:Header>"
                .to_owned(),
            (Version::Soap12, FaultCode::MustUnderstand, Some(name)) if name.namespace.is_empty() => {
                format!("<soapenv:Header><soapenv:NotUnderstood qname=\"{}\"/></soapenv:Header>", name.local)
            }
            (Version::Soap12, FaultCode::MustUnderstand, Some(name)) => format!(
                "<soapenv:Header><soapenv:NotUnderstood xmlns:block=\"{}\" qname=\"block:{}\"/></soapenv:Header>",
                escape_attribute(&name.namespace),
                name.local
            ),
            _ => String::new(),
        }
    }

    fn write_soap11(&self, out: &mut String) {
        let _ = write!(
            out,
            "<faultcode>soapenv:{}</faultcode><faultstring>{}</faultstring>",
            self.code.local(self.version),
            escape_text(&self.reason)
        );
        // SOAP 1.1, 4.4: a detail never tells about header blocks; who makes the fault sees to that.
        if let Some(detail) = &self.detail {
            out.push_str("<detail>");
            detail.write(out);
            out.push_str("</detail>");
        }
    }

    fn write_soap12(&self, out: &mut String) {
        let _ = write!(
            out,
            "<soapenv:Code><soapenv:Value>soapenv:{}</soapenv:Value></soapenv:Code><soapenv:Reason>\
             <soapenv:Text xml:lang=\"en\">{}</soapenv:Text></soapenv:Reason>",
            self.code.local(self.version),
            escape_text(&self.reason)
        );
        if let Some(detail) = &self.detail {
            out.push_str("<soapenv:Detail>");
            detail.write(out);
            out.push_str("</soapenv:Detail>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Event, Limits, Reader};

    fn texts(xml: &str) -> Vec<String> {
        let mut reader = Reader::new(xml.as_bytes(), &Limits::default()).unwrap();
        let mut texts = Vec::new();
        loop {
            match reader.next().unwrap() {
                Event::Text(text) => texts.push(text.to_owned()),
                Event::Eof => return texts,
                _ => {}
            }
        }
    }

    fn detail(text: &str) -> FaultDetail {
        let [path, expected, found] = [text, text, text].map(str::to_owned);
        FaultDetail { path, position: Position { line: 3, column: 7 }, expected, found }
    }

    #[test]
    fn a_soap_1_1_fault_names_code_and_reason() {
        let detail = Some(Box::new(detail("Body")));
        let fault = Fault { detail, ..Fault::new(Version::Soap11, FaultCode::Client, "no Body") };
        assert_eq!(texts(&fault.to_xml()), ["soapenv:Client", "no Body", "Body", "3", "7", "Body", "Body"]);
        assert_eq!(fault.http_status(), 500);
        assert!(fault.to_xml().contains("http://schemas.xmlsoap.org/soap/envelope/"));
    }

    #[test]
    fn a_soap_1_2_fault_says_sender() {
        let fault = Fault::new(Version::Soap12, FaultCode::Client, "no Body");
        assert_eq!(texts(&fault.to_xml()), ["soapenv:Sender", "no Body"]);
        assert_eq!(fault.http_status(), 400);
        assert!(fault.to_xml().contains("http://www.w3.org/2003/05/soap-envelope"));
    }

    #[test]
    fn soap_1_2_names_in_a_header_what_was_not_understood() {
        let fault = |namespace: &str| Fault {
            not_understood: Some(Box::new(QName::new(namespace, "Route"))),
            ..Fault::new(Version::Soap12, FaultCode::MustUnderstand, "Route")
        };
        let named = r#"<soapenv:NotUnderstood xmlns:block="urn:a&amp;b" qname="block:Route"/>"#;
        assert!(fault("urn:a&b").to_xml().contains(named));
        assert!(fault("").to_xml().contains(r#"<soapenv:NotUnderstood qname="Route"/>"#));
        assert_eq!(texts(&fault("urn:a&b").to_xml()), ["soapenv:MustUnderstand", "Route"]);
    }

    #[test]
    fn what_a_client_sent_cannot_break_out_of_a_fault() {
        for version in [Version::Soap11, Version::Soap12] {
            for code in [FaultCode::VersionMismatch, FaultCode::MustUnderstand, FaultCode::Client, FaultCode::Server] {
                let reason = "</faultstring>&\u{0}";
                let fault = Fault { detail: Some(Box::new(detail(reason))), ..Fault::new(version, code, reason) };
                assert!(texts(&fault.to_xml()).concat().contains("</faultstring>&\u{FFFD}"));
            }
        }
    }
}
