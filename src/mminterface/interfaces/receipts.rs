//! What third parties' servers acknowledge callbacks with: against the schemas, or by local names where
//! an answer does not fit them and that is tolerated.

use std::collections::BTreeMap;

use super::check::Findings;
use super::known::Known;
use super::{C2B_WSDL, Description, Interfaces, REQUEST_WSDL, declared};
use crate::mminterface::acknowledgement::{
    Acknowledgement, CallbackKind, judged, read_acknowledgement, read_fault_of_receiver,
};
use crate::mminterface::markup::RESPONSE;
use crate::mminterface::request::Read;
use crate::mminterface::tolerances::{ACKNOWLEDGEMENT_FREE_FORM, Tolerances};
use crate::soap::{
    ElementId, Event, Limits, Name, Normalization, Position, QName, Reader, Root, Schema, SchemaError, Version,
    Visitor, to_utf8, validate,
};

const RESULT_WSDL: &str = "CBPInterface_Result.wsdl";
const TIMEOUT_WSDL: &str = "QueueTimeoutNotification.wsdl";
const RESPONSE_XSD: &str = "CPSInterface_Response.xsd";

/// The descriptions of acknowledgements.
#[derive(Debug)]
pub(super) struct Receipts {
    /// Of a result, as its WSDL says: ResponseMsg in the namespace of results.
    result: Description,
    /// Of a result, as the specification prints it: ResponseMsg in the namespace of requests.
    printed: Description,
    timeout: Description,
    confirmation: Description,
    /// The document inside ResponseMsg.
    document: Schema,
    document_root: ElementId,
    known: Known,
}

impl Receipts {
    pub(super) fn compile(files: &BTreeMap<String, String>, findings: &mut Findings) -> Option<Self> {
        let result = findings.note(Description::of_answers(RESULT_WSDL, "GenericAPIResult", files));
        let printed = findings.note(Description::of_answers(REQUEST_WSDL, "GenericAPIRequest", files));
        let timeout = findings.note(Description::of_answers(TIMEOUT_WSDL, "notifyQueueTimeout", files));
        let confirmation = findings.note(Description::of_answers(C2B_WSDL, "ConfirmC2BPayment", files));
        let document = findings.note(document(files));
        let (document, document_root) = document?;
        Some(Self {
            result: result?,
            printed: printed?,
            timeout: timeout?,
            confirmation: confirmation?,
            document,
            document_root,
            known: Known::default(),
        })
    }

    /// What those are enforced on.
    pub(super) fn descriptions(&self) -> [&Description; 3] {
        [&self.result, &self.timeout, &self.confirmation]
    }

    /// The document inside ResponseMsg, if it fits.
    fn document(&self, text: &str, limits: &Limits, normal: &Normalization<'_>) -> Option<Said> {
        let options = normal.reader_options(Position::START);
        let mut reader = Reader::of_text(text, limits, options).ok()?;
        let mut said = Said::default();
        validate(&self.document, &mut reader, Root::Element(self.document_root), normal, &mut said).ok()?;
        Some(said)
    }
}

impl Interfaces {
    /// Reads the answer to a callback; `Unreadable` if it does not fit its schema and may not be read
    /// by local names, or says nothing either way.
    pub fn read_acknowledgement(
        &self,
        kind: CallbackKind,
        body: &[u8],
        tolerances: Tolerances,
    ) -> Read<Acknowledgement> {
        let known = &self.receipts.known;
        known.or_read(kind, body, tolerances, || self.read_unknown(kind, body, tolerances))
    }

    fn read_unknown(&self, kind: CallbackKind, body: &[u8], tolerances: Tolerances) -> Read<Acknowledgement> {
        let normal = tolerances.answer();
        let value = self.fitting(kind, body).unwrap_or_else(|| match read_acknowledgement(kind, body) {
            Acknowledgement::Unreadable => Acknowledgement::Unreadable,
            read if normal.apply(ACKNOWLEDGEMENT_FREE_FORM) => read,
            _ => Acknowledgement::Unreadable,
        });
        Read { value, tolerances: normal.used() }
    }

    /// What an answer says that fits its schema, or is a SOAP fault.
    fn fitting(&self, kind: CallbackKind, body: &[u8]) -> Option<Acknowledgement> {
        let utf8 = to_utf8(body, None).ok()?;
        let (limits, normal) = (&self.limits, Tolerances::strict().answer());
        let said = |description: &Description| {
            let mut said = Said::default();
            description.envelope(limits).read(&utf8.bytes, &normal, &mut (), &mut said).ok()?;
            Some(said)
        };
        let receipts = &self.receipts;
        let read = match kind {
            CallbackKind::Result => said(&receipts.printed)
                .or_else(|| said(&receipts.result))
                .and_then(|message| receipts.document(&message.text, limits, &normal))
                .map(Said::judged),
            CallbackKind::Timeout => said(&receipts.timeout).map(Said::judged),
            CallbackKind::Validation => said(&self.validation).map(Said::judged),
            // Free text, which says nothing about success.
            CallbackKind::Confirmation => said(&receipts.confirmation).map(|_| Acknowledgement::Positive),
        };
        read.or_else(|| if is_fault(&utf8.bytes, limits) { read_fault_of_receiver(body) } else { None })
    }
}

fn document(files: &BTreeMap<String, String>) -> Result<(Schema, ElementId), Vec<SchemaError>> {
    let schema = Schema::compile(&[RESPONSE_XSD], files)?;
    let root = declared(&schema, RESPONSE_XSD, &QName::new(RESPONSE, "response"))?;
    Ok((schema, root))
}

/// Whether a message is well formed and its first element of the body is a fault of its own version
/// of SOAP. WSDL never declares one: it may always come.
fn is_fault(message: &[u8], limits: &Limits) -> bool {
    let Ok(mut reader) = Reader::new(message, limits) else { return false };
    let (mut depth, mut namespace, mut in_body, mut found) = (0_usize, "", false, None);
    loop {
        match reader.next() {
            Ok(Event::Start(start)) => {
                let is = |local| start.name == Name { namespace, local };
                match depth {
                    0 => {
                        let versions = [Version::Soap11, Version::Soap12].map(Version::namespace);
                        let known = versions.into_iter().find(|known| start.name.namespace == *known);
                        match known.filter(|_| start.name.local == "Envelope") {
                            Some(known) => namespace = known,
                            None => return false,
                        }
                    }
                    1 => in_body = is("Body"),
                    2 if in_body && found.is_none() => found = Some(is("Fault")),
                    _ => {}
                }
                depth += 1;
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(_)) => {}
            Ok(Event::Eof) => return found == Some(true),
            Err(_) => return false,
        }
    }
}

/// What a valid acknowledgement holds.
#[derive(Default)]
struct Said {
    code: String,
    description: String,
    /// The text of the element that was closed last: of the root, in the end.
    text: String,
}

impl Said {
    fn judged(self) -> Acknowledgement {
        judged(self.code.trim(), self.description.trim()).unwrap_or(Acknowledgement::Unreadable)
    }
}

impl Visitor for Said {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, name: &Name<'_>, text: &str) {
        match name.local {
            "ResponseCode" | "ResultCode" => text.clone_into(&mut self.code),
            "ResponseDesc" | "ResultDesc" => text.clone_into(&mut self.description),
            _ => text.clone_into(&mut self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mminterface::{write_acknowledgement, write_confirmation_result};

    const FREE: &str = "acknowledgement-free-form";

    fn read(kind: CallbackKind, body: &str, tolerances: Tolerances) -> (Acknowledgement, Vec<&'static str>) {
        let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
        let read = interfaces.read_acknowledgement(kind, body.as_bytes(), tolerances);
        (read.value, read.tolerances)
    }

    fn declined(code: &str, description: &str) -> Acknowledgement {
        Acknowledgement::Negative { code: code.into(), description: description.into() }
    }

    fn timed_out(namespace: &str, code: &str) -> String {
        format!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><l:notifyQueueTimeoutResponse xmlns:l="{namespace}"><l:result><r:ResultCode xmlns:r="http://api-v1.gen.mm.vodafone.com/mminterface/result">{code}</r:ResultCode></l:result></l:notifyQueueTimeoutResponse></s:Body></s:Envelope>"#
        )
    }

    const LOCAL: &str = "http://www.csapi.org/schema/timeoutnotification/data/v1_0/local";

    #[test]
    fn what_fits_its_schema_needs_no_patience() {
        let printed = write_acknowledgement("00000000", "success");
        let (request, result) = ("mminterface/request", "mminterface/result");
        let fault = "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value></e:Code><e:Reason><e:Text>no</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>";
        let rows = [
            (CallbackKind::Result, printed.clone(), Acknowledgement::Positive),
            (CallbackKind::Result, printed.replace(request, result), Acknowledgement::Positive),
            (CallbackKind::Result, write_acknowledgement("200000001", "overload"), declined("200000001", "overload")),
            (CallbackKind::Result, write_acknowledgement("Success", ""), Acknowledgement::Unreadable),
            (CallbackKind::Result, fault.to_owned(), declined("e:Receiver", "no")),
            (CallbackKind::Timeout, timed_out(LOCAL, "00000000"), Acknowledgement::Positive),
            (CallbackKind::Timeout, timed_out(LOCAL, "000000001"), declined("000000001", "")),
            (CallbackKind::Confirmation, write_confirmation_result("UKN519G2QV"), Acknowledgement::Positive),
        ];
        for (kind, body, expected) in rows {
            for tolerances in [Tolerances::strict(), Tolerances::default()] {
                assert_eq!(read(kind, &body, tolerances), (expected.clone(), vec![]), "{body}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_read_by_name_only() {
        let fits = write_acknowledgement("00000000", "success");
        let declines = write_acknowledgement("200000001", "overload");
        let bare = "<ResponseMsg><response><ResponseCode>0</ResponseCode></response></ResponseMsg>".to_owned();
        let elsewhere = write_confirmation_result("1").replace("http://cps.huawei.com/", "urn:x:");
        let fault = "<Envelope><Body><Fault><faultcode>Server</faultcode><faultstring>no</faultstring></Fault></Body></Envelope>";
        let rows = [
            (
                CallbackKind::Result,
                fits.replace("mminterface/request", "mminterface/elsewhere"),
                Acknowledgement::Positive,
            ),
            (CallbackKind::Result, fits.replace("mminterface/response", "other"), Acknowledgement::Positive),
            (CallbackKind::Result, format!("\n{fits}").replace("<soapenv:Header/>", "<x/>"), Acknowledgement::Positive),
            (CallbackKind::Result, bare, Acknowledgement::Positive),
            (
                CallbackKind::Result,
                declines.replace("mminterface/response", "other"),
                declined("200000001", "overload"),
            ),
            (CallbackKind::Result, fault.to_owned(), declined("Server", "no")),
            (CallbackKind::Timeout, timed_out("urn:x", "0"), Acknowledgement::Positive),
            (CallbackKind::Confirmation, elsewhere, Acknowledgement::Positive),
        ];
        for (kind, body, expected) in rows {
            assert_eq!(read(kind, &body, Tolerances::default()), (expected.clone(), vec![FREE]), "{body}");
            assert_eq!(read(kind, &body, Tolerances::strict().with(FREE)), (expected, vec![FREE]), "{body}");
            for without in [Tolerances::strict(), Tolerances::default().without(FREE)] {
                assert_eq!(read(kind, &body, without), (Acknowledgement::Unreadable, vec![]), "{body}");
            }
        }
    }

    #[test]
    fn what_says_nothing_uses_no_patience() {
        for body in ["Success", "<html><body><p>It works!<br></body></html>", "<a><Fault/>"] {
            let kind = CallbackKind::Confirmation;
            assert_eq!(read(kind, body, Tolerances::strict()), (Acknowledgement::Unreadable, vec![]), "{body}");
        }
        let plain = read(CallbackKind::Result, "Success", Tolerances::default());
        assert_eq!(plain, (Acknowledgement::Unreadable, vec![]));
    }
}
