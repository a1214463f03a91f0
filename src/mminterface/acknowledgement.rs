//! What third parties' servers answer to our calls: acknowledgements (protocol.md 3.2, 3.3) and the
//! verdict on a payment (4.3), by local names alone: for what does not fit the schemas, which
//! [`Interfaces`](super::Interfaces) reads first.

use super::lenient::Elements;

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallbackKind {
    /// A ResultURL, with a result.
    Result,
    /// A QueueTimeoutURL, with an expired request.
    Timeout,
    /// A validation URL.
    Validation,
    /// A confirmation URL.
    Confirmation,
}

/// What the body of a successful HTTP answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It was received.
    Positive,
    /// The receiver says that it failed.
    Negative {
        /// Its code.
        code: String,
        /// Its words.
        description: String,
    },
    /// It says nothing that we understand; the HTTP status stands alone.
    Unreadable,
}

/// A third party's verdict on a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationResult {
    /// See [`is_success`]; anything else cancels the payment.
    pub result_code: String,
    /// The code in words.
    pub result_desc: Option<String>,
    /// The third party's own id, which comes back in the confirmation.
    pub third_party_trans_id: Option<String>,
}

impl ValidationResult {
    /// Whether the payment may be completed.
    pub fn accepts(&self) -> bool {
        is_success(&self.result_code)
    }
}

/// Whether a code means success: nothing but zeros, of any number.
pub fn is_success(code: &str) -> bool {
    let code = code.trim();
    !code.is_empty() && code.bytes().all(|byte| byte == b'0')
}

/// Reads the answer to a callback by local names, whatever its form.
pub fn read_acknowledgement(kind: CallbackKind, body: &[u8]) -> Acknowledgement {
    let elements = Elements::read(&String::from_utf8_lossy(body));
    match kind {
        CallbackKind::Result => match elements.text_of(&["ResponseMsg"]) {
            // The document is the element's text, or, from some, its children.
            Some(document) if !document.is_empty() => verdict(&Elements::read(document)),
            _ => verdict(&elements),
        },
        CallbackKind::Timeout | CallbackKind::Validation => verdict(&elements),
        // Free text, which says nothing about success.
        CallbackKind::Confirmation if elements.text_of(&["C2BPaymentConfirmationResult"]).is_some() => {
            Acknowledgement::Positive
        }
        CallbackKind::Confirmation => fault(&elements).unwrap_or(Acknowledgement::Unreadable),
    }
}

/// Reads the answer of a validation URL; none if it holds no code.
pub fn read_validation_result(body: &[u8]) -> Option<ValidationResult> {
    let elements = Elements::read(&String::from_utf8_lossy(body));
    let owned = |names: &[&str]| elements.some_text_of(names).map(str::to_owned);
    Some(ValidationResult {
        result_code: owned(&["ResultCode"])?,
        result_desc: owned(&["ResultDesc"]),
        third_party_trans_id: owned(&["ThirdPartyTransID", "ThirdPartyTransactionID"]),
    })
}

fn verdict(elements: &Elements) -> Acknowledgement {
    let description = elements.text_of(&["ResponseDesc", "ResultDesc"]).unwrap_or_default();
    let code = elements.text_of(&["ResponseCode", "ResultCode"]);
    code.and_then(|code| judged(code, description)).or_else(|| fault(elements)).unwrap_or(Acknowledgement::Unreadable)
}

/// What a code means; nothing if it is none.
pub(super) fn judged(code: &str, description: &str) -> Option<Acknowledgement> {
    if is_success(code) {
        return Some(Acknowledgement::Positive);
    }
    let negative = || Acknowledgement::Negative { code: code.to_owned(), description: description.to_owned() };
    is_number(code).then(negative)
}

/// Reads a SOAP fault; none if there is none.
pub(super) fn read_fault_of_receiver(body: &[u8]) -> Option<Acknowledgement> {
    fault(&Elements::read(&String::from_utf8_lossy(body)))
}

/// A SOAP fault, of either version: the receiver's program failed, whatever its HTTP status says.
fn fault(elements: &Elements) -> Option<Acknowledgement> {
    elements.text_of(&["Fault"])?;
    let owned = |names: &[&str]| elements.some_text_of(names).unwrap_or_default().to_owned();
    Some(Acknowledgement::Negative {
        code: owned(&["faultcode", "Value"]),
        description: owned(&["faultstring", "Text"]),
    })
}

/// Only a number can be a code of failure: words such as "Success" stand in this place, too.
fn is_number(code: &str) -> bool {
    let digits = code.strip_prefix('-').unwrap_or(code);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INNER: &str = r#"<?xml version="1.0" encoding="UTF-8"?><response xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/response"><ResponseCode>00000000</ResponseCode><ResponseDesc>success</ResponseDesc></response>"#;

    fn envelope(message: &str) -> String {
        format!(
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>{message}</soapenv:Body></soapenv:Envelope>"#
        )
    }

    fn negative(code: &str, description: &str) -> Acknowledgement {
        Acknowledgement::Negative { code: code.into(), description: description.into() }
    }

    #[test]
    fn acknowledgements_of_results_are_understood_in_every_form() {
        let escaped = INNER.replace('<', "&lt;").replace('>', "&gt;");
        let failed = INNER.replace("00000000", "200000003").replace("success", "Internal Server Error");
        let rows: Vec<(&str, String, Acknowledgement)> = vec![
            (
                "as documented",
                envelope(&format!(
                    r#"<req:ResponseMsg xmlns:req="http://api-v1.gen.mm.vodafone.com/mminterface/request"><![CDATA[{INNER}]]></req:ResponseMsg>"#
                )),
                Acknowledgement::Positive,
            ),
            (
                "in no namespace",
                envelope(&format!("<ResponseMsg><![CDATA[{INNER}]]></ResponseMsg>")),
                Acknowledgement::Positive,
            ),
            (
                "in the result namespace",
                envelope(&format!(
                    r#"<ResponseMsg xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/result"><![CDATA[{INNER}]]></ResponseMsg>"#
                )),
                Acknowledgement::Positive,
            ),
            (
                "escaped by a SOAP library",
                envelope(&format!("<ns0:ResponseMsg xmlns:ns0=\"x\">{escaped}</ns0:ResponseMsg>")),
                Acknowledgement::Positive,
            ),
            (
                "extra empty elements",
                envelope(&format!(
                    "<ns2:ResponseMsg xmlns:ns2=\"x\"><ns2:a/><![CDATA[{INNER}]]><ns2:b/></ns2:ResponseMsg>"
                )),
                Acknowledgement::Positive,
            ),
            (
                "nine zeros",
                envelope(&format!("<ResponseMsg><![CDATA[{}]]></ResponseMsg>", INNER.replace("00000000", "000000000"))),
                Acknowledgement::Positive,
            ),
            (
                "one zero",
                envelope(&format!("<ResponseMsg><![CDATA[{}]]></ResponseMsg>", INNER.replace("00000000", " 0 "))),
                Acknowledgement::Positive,
            ),
            (
                "white space before and inside",
                format!("\n\n {}", envelope(&format!("<ResponseMsg>\n <![CDATA[ {INNER} ]]></ResponseMsg>"))),
                Acknowledgement::Positive,
            ),
            (
                "children instead of text",
                envelope("<ResponseMsg><response><ResponseCode>0</ResponseCode></response></ResponseMsg>"),
                Acknowledgement::Positive,
            ),
            ("the document alone", INNER.to_owned(), Acknowledgement::Positive),
            (
                "words instead of a document",
                envelope("<ResponseMsg>Success</ResponseMsg>"),
                Acknowledgement::Unreadable,
            ),
            (
                "a word as code",
                envelope(
                    "<ResponseMsg><![CDATA[<response><ResponseCode>Success</ResponseCode></response>]]></ResponseMsg>",
                ),
                Acknowledgement::Unreadable,
            ),
            ("plain text", "Success".to_owned(), Acknowledgement::Unreadable),
            ("nothing", String::new(), Acknowledgement::Unreadable),
            ("a page", "<html><body><p>It works!<br></body></html>".to_owned(), Acknowledgement::Unreadable),
            (
                "failed",
                envelope(&format!("<ResponseMsg><![CDATA[{failed}]]></ResponseMsg>")),
                negative("200000003", "Internal Server Error"),
            ),
            (
                "failed, without words",
                envelope("<ResponseMsg><![CDATA[<response><ResponseCode>-1</ResponseCode></response>]]></ResponseMsg>"),
                negative("-1", ""),
            ),
        ];
        for (variant, body, expected) in rows {
            assert_eq!(read_acknowledgement(CallbackKind::Result, body.as_bytes()), expected, "{variant}");
        }
    }

    #[test]
    fn acknowledgements_of_timeouts_are_understood() {
        let answer = |code: &str| {
            envelope(&format!(
                r#"<loc:notifyQueueTimeoutResponse xmlns:loc="http://www.csapi.org/schema/timeoutnotification/data/v1_0/local"><loc:result><r:ResultCode xmlns:r="x">{code}</r:ResultCode><r:ResultDesc xmlns:r="x"> success</r:ResultDesc></loc:result></loc:notifyQueueTimeoutResponse>"#
            ))
        };
        let read = |code| read_acknowledgement(CallbackKind::Timeout, answer(code).as_bytes());
        assert_eq!(read("00000000"), Acknowledgement::Positive);
        assert_eq!(read("000000001"), negative("000000001", "success"));
        assert_eq!(read(""), Acknowledgement::Unreadable);
    }

    #[test]
    fn a_fault_is_no_acknowledgement_of_anything() {
        let first = envelope(
            "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>no database</faultstring></soapenv:Fault>",
        );
        let second = "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value></e:Code><e:Reason><e:Text>no database</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>";
        for kind in [CallbackKind::Result, CallbackKind::Timeout, CallbackKind::Confirmation] {
            assert_eq!(read_acknowledgement(kind, first.as_bytes()), negative("soapenv:Server", "no database"));
            assert_eq!(read_acknowledgement(kind, second.as_bytes()), negative("e:Receiver", "no database"));
        }
        assert_eq!(read_validation_result(first.as_bytes()), None);
    }

    #[test]
    fn any_confirmation_result_is_an_acknowledgement() {
        let answer = envelope(
            r#"<c2b:C2BPaymentConfirmationResult xmlns:c2b="http://cps.huawei.com/cpsinterface/c2bpayment">C2B Payment Transaction UKN519G2QV result received.</c2b:C2BPaymentConfirmationResult>"#,
        );
        assert_eq!(read_acknowledgement(CallbackKind::Confirmation, answer.as_bytes()), Acknowledgement::Positive);
        assert_eq!(read_acknowledgement(CallbackKind::Confirmation, b"OK"), Acknowledgement::Unreadable);
    }

    #[test]
    fn verdicts_on_payments_are_understood_in_every_form() {
        let verdict = |code: &str, desc: Option<&str>, id: Option<&str>| {
            Some(ValidationResult {
                result_code: code.into(),
                result_desc: desc.map(Into::into),
                third_party_trans_id: id.map(Into::into),
            })
        };
        let rows = [
            (
                "prefix c2b",
                r#"<c2b:C2BPaymentValidationResult xmlns:c2b="http://cps.huawei.com/cpsinterface/c2bpayment"><ResultCode>0</ResultCode><ResultDesc>Service processing successful</ResultDesc><ThirdPartyTransID>1234560000088888</ThirdPartyTransID></c2b:C2BPaymentValidationResult>"#,
                verdict("0", Some("Service processing successful"), Some("1234560000088888")),
            ),
            (
                "prefix ns1",
                r#"<ns1:C2BPaymentValidationResult xmlns:ns1="http://cps.huawei.com/cpsinterface/c2bpayment"><ResultCode>C2B00012</ResultCode></ns1:C2BPaymentValidationResult>"#,
                verdict("C2B00012", None, None),
            ),
            (
                "no prefix",
                r#"<C2BPaymentValidationResult><ResultCode>-1</ResultCode><ResultDesc/></C2BPaymentValidationResult>"#,
                verdict("-1", None, None),
            ),
            (
                "qualified children",
                r#"<c2b:C2BPaymentValidationResult xmlns:c2b="x"><c2b:ResultCode> 0 </c2b:ResultCode></c2b:C2BPaymentValidationResult>"#,
                verdict("0", None, None),
            ),
            (
                "the id's other spelling",
                r#"<C2BPaymentValidationResult><ResultCode>0</ResultCode><ThirdPartyTransactionID>7</ThirdPartyTransactionID></C2BPaymentValidationResult>"#,
                verdict("0", None, Some("7")),
            ),
            (
                "a line break in the namespace",
                "<c2b:C2BPaymentValidationResult xmlns:c2b=\"http://cp-\n\ts.huawei.com/cpsinterface/c2bpayment\"><ResultCode>0</ResultCode></c2b:C2BPaymentValidationResult>",
                verdict("0", None, None),
            ),
            (
                "an undeclared prefix",
                "<c2b:C2BPaymentValidationResult><ResultCode>0</ResultCode></c2b:C2BPaymentValidationResult>",
                verdict("0", None, None),
            ),
            ("no code", "<C2BPaymentValidationResult><ResultDesc>fine</ResultDesc></C2BPaymentValidationResult>", None),
            ("an empty code", "<C2BPaymentValidationResult><ResultCode/></C2BPaymentValidationResult>", None),
        ];
        for (variant, message, expected) in rows {
            assert_eq!(read_validation_result(envelope(message).as_bytes()), expected, "{variant}");
            assert_eq!(
                read_validation_result(format!("\r\n {}", envelope(message)).as_bytes()),
                expected,
                "{variant}, after white space"
            );
        }
        assert_eq!(read_validation_result(b""), None);
        assert_eq!(read_validation_result(b"\xFF\xFE<"), None);
    }

    #[test]
    fn only_zeros_accept_a_payment() {
        for (code, accepts) in [
            ("0", true),
            ("00000000", true),
            (" 0", true),
            ("", false),
            ("00000001", false),
            ("-0", false),
            ("O", false),
        ] {
            assert_eq!(is_success(code), accepts, "{code:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            for kind in [CallbackKind::Result, CallbackKind::Timeout, CallbackKind::Validation, CallbackKind::Confirmation] {
                read_acknowledgement(kind, &body);
            }
            read_validation_result(&body);
        }
    }
}
