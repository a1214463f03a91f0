//! SOAP faults of both versions, as sent.

use std::fmt::Write;

use super::envelope::Version;
use super::escape::escape_text;

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
    /// More about it: the text of one `message` element in the detail.
    pub detail: Option<String>,
}

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

impl Fault {
    /// The whole envelope.
    pub fn to_xml(&self) -> String {
        let mut out = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{}\">{}<soapenv:Body>\
             <soapenv:Fault>",
            self.version.namespace(),
            self.upgrade(),
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

    /// SOAP 1.2, 5.4.7: a VersionMismatch says which versions would do.
    fn upgrade(&self) -> &'static str {
        match (self.version, self.code) {
            (Version::Soap12, FaultCode::VersionMismatch) => {
                "<soapenv:Header><soapenv:Upgrade>\
                 <soapenv:SupportedEnvelope qname=\"soapenv:Envelope\"/>\
                 <soapenv:SupportedEnvelope xmlns:soap11=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                 qname=\"soap11:Envelope\"/></soapenv:Upgrade></soapenv:Header>"
            }
            _ => "",
        }
    }

    fn write_soap11(&self, out: &mut String) {
        let _ = write!(
            out,
            "<faultcode>soapenv:{}</faultcode><faultstring>{}</faultstring>",
            self.code.local(self.version),
            escape_text(&self.reason)
        );
        // SOAP 1.1, 4.4: the detail is about the Body alone.
        if let Some(detail) = &self.detail {
            let _ = write!(out, "<detail><message>{}</message></detail>", escape_text(detail));
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
            let _ = write!(out, "<soapenv:Detail><message>{}</message></soapenv:Detail>", escape_text(detail));
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

    #[test]
    fn a_soap_1_1_fault_names_code_and_reason() {
        let fault = Fault {
            version: Version::Soap11,
            code: FaultCode::Client,
            reason: "no Body".into(),
            detail: Some("line 1".into()),
        };
        assert_eq!(texts(&fault.to_xml()), ["soapenv:Client", "no Body", "line 1"]);
        assert_eq!(fault.http_status(), 500);
        assert!(fault.to_xml().contains("http://schemas.xmlsoap.org/soap/envelope/"));
    }

    #[test]
    fn a_soap_1_2_fault_says_sender() {
        let fault = Fault { version: Version::Soap12, code: FaultCode::Client, reason: "no Body".into(), detail: None };
        assert_eq!(texts(&fault.to_xml()), ["soapenv:Sender", "no Body"]);
        assert_eq!(fault.http_status(), 400);
        assert!(fault.to_xml().contains("http://www.w3.org/2003/05/soap-envelope"));
    }

    #[test]
    fn what_a_client_sent_cannot_break_out_of_a_fault() {
        for version in [Version::Soap11, Version::Soap12] {
            for code in [FaultCode::VersionMismatch, FaultCode::MustUnderstand, FaultCode::Client, FaultCode::Server] {
                let reason = "</faultstring>&\u{0}".to_owned();
                let fault = Fault { version, code, reason: reason.clone(), detail: Some(reason) };
                assert!(texts(&fault.to_xml()).concat().contains("</faultstring>&\u{FFFD}"));
            }
        }
    }
}
