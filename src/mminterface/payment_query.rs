//! What a customer would have to pay, asked before there is a payment (protocol.md 4.4): the question of
//! the handset side and its answer, and the question that the organization's server gets and what it says.

use std::collections::BTreeMap;

use super::c2b::query_message;
use super::handset::HANDSET;
use super::lenient::Elements;
use super::markup::{DECLARATION, ENVELOPE, ENVELOPE_BYTES, push_all, push_element, push_optional};
use super::request::Read;
use super::style::C2bStyle;
use super::tolerances::ANSWER_FREE_FORM;
use crate::soap::{EnvelopeReader, Name, Normalization, Version, Visitor, to_utf8};

/// QueryPayment: the handset side asks for a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandsetQuery {
    /// The service by which would be paid: a command ID of the catalogue's.
    pub transaction_type: String,
    /// Who would pay.
    pub msisdn: String,
    /// Whom.
    pub short_code: String,
    /// What the customer typed as account number.
    pub account_reference: String,
    /// What the customer means to pay, if that is known already.
    pub amount: Option<String>,
}

/// QueryPaymentResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandsetQueryAnswer {
    /// 0: the organization knows the bill.
    pub result_code: String,
    /// The code in words.
    pub result_desc: String,
    /// By which the question can be found again.
    pub conversation_id: Option<String>,
    /// The organization's name for itself.
    pub utility_name: Option<String>,
    /// Whom the bill is made out to.
    pub customer_name: Option<String>,
    /// What is owed, as the organization says it.
    pub amount: Option<String>,
    /// The organization's own code for why it does not know the bill.
    pub receiver_code: Option<String>,
}

/// C2BPaymentQueryRequest: the question that the organization's server gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentQuery {
    /// "Pay Bill" or "Buy Goods".
    pub trans_type: String,
    /// 19 digits.
    pub trans_id: String,
    /// yyyyMMddHHmmss.
    pub trans_time: String,
    /// Who is asked.
    pub business_short_code: String,
    /// What the customer typed as account number.
    pub bill_ref_number: String,
    /// Who would pay.
    pub msisdn: String,
    /// What the customer means to pay.
    pub amount: Option<String>,
}

/// C2BPaymentQueryResult.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentQueryResult {
    /// 0: the bill is known.
    pub result_code: String,
    /// The code in words.
    pub result_desc: Option<String>,
    /// The organization's name for itself.
    pub utility_name: Option<String>,
    /// Whom the bill is made out to.
    pub customer_name: Option<String>,
    /// What is owed.
    pub amount: Option<String>,
}

/// Writes the envelope for the query URL.
pub fn write_payment_query(query: &PaymentQuery, style: C2bStyle) -> String {
    query_message(query, style)
}

/// Reads the body of an answer; none if it holds none that may be read.
pub(super) fn payment_query_result(
    envelope: &EnvelopeReader<'_>,
    body: &[u8],
    normal: &Normalization<'_>,
) -> Option<Read<PaymentQueryResult>> {
    let value = match fitting(envelope, body, normal) {
        Some(fields) => result_of(|name| fields.get(name).cloned())?,
        None if normal.apply(ANSWER_FREE_FORM) => read_payment_query_result(body)?,
        None => return None,
    };
    Some(Read { value, tolerances: normal.used() })
}

/// Reads the answer of a query URL by local names; none if it holds no code.
pub fn read_payment_query_result(body: &[u8]) -> Option<PaymentQueryResult> {
    let elements = Elements::read(&String::from_utf8_lossy(body));
    result_of(|name| elements.some_text_of(&[name]).map(str::to_owned))
}

fn fitting(
    envelope: &EnvelopeReader<'_>,
    body: &[u8],
    normal: &Normalization<'_>,
) -> Option<BTreeMap<&'static str, String>> {
    let utf8 = to_utf8(body, None).ok()?;
    let mut fields = Fields::of(&["ResultCode", "ResultDesc", "UtilityName", "CustomerName", "Amount"]);
    envelope.read(&utf8.bytes, normal, &mut (), &mut fields).ok()?;
    Some(fields.found)
}

fn result_of(field: impl Fn(&str) -> Option<String>) -> Option<PaymentQueryResult> {
    Some(PaymentQueryResult {
        result_code: field("ResultCode")?,
        result_desc: field("ResultDesc"),
        utility_name: field("UtilityName"),
        customer_name: field("CustomerName"),
        amount: field("Amount"),
    })
}

/// Takes the texts of some elements.
pub(super) struct Fields {
    names: &'static [&'static str],
    found: BTreeMap<&'static str, String>,
}

impl Fields {
    fn of(names: &'static [&'static str]) -> Self {
        Self { names, found: BTreeMap::new() }
    }

    /// Those of QueryPayment.
    pub(super) fn of_handset_query() -> Self {
        Self::of(&["TransactionType", "MSISDN", "ShortCode", "AccountReference", "Amount"])
    }

    /// The question; none if an operator's description let something else pass.
    pub(super) fn handset_query(mut self) -> Option<HandsetQuery> {
        let mut take = |name: &str| self.found.remove(name);
        Some(HandsetQuery {
            transaction_type: take("TransactionType")?,
            msisdn: take("MSISDN")?,
            short_code: take("ShortCode")?,
            account_reference: take("AccountReference")?,
            amount: take("Amount"),
        })
    }
}

impl Visitor for Fields {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, name: &Name<'_>, text: &str) {
        let known = self.names.iter().find(|known| **known == name.local);
        if let Some(known) = known.filter(|_| !text.is_empty()) {
            self.found.insert(known, text.to_owned());
        }
    }
}

/// Writes QueryPaymentResponse, whole, in the version of SOAP of the request.
pub fn write_handset_query_answer(answer: &HandsetQueryAnswer, version: Version) -> String {
    let envelope = version.namespace();
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES + answer.result_desc.len());
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, envelope, r#""><soapenv:Body>"#]);
    push_all(&mut out, &[r#"<QueryPaymentResponse xmlns=""#, HANDSET, r#"">"#]);
    push_element(&mut out, "ResultCode", &answer.result_code);
    push_element(&mut out, "ResultDesc", &answer.result_desc);
    push_optional(&mut out, "ConversationID", answer.conversation_id.as_deref());
    push_optional(&mut out, "UtilityName", answer.utility_name.as_deref());
    push_optional(&mut out, "CustomerName", answer.customer_name.as_deref());
    push_optional(&mut out, "Amount", answer.amount.as_deref());
    push_optional(&mut out, "ReceiverCode", answer.receiver_code.as_deref());
    out.push_str("</QueryPaymentResponse></soapenv:Body></soapenv:Envelope>");
    out
}

/// Writes QueryPayment, whole: for the `pay` command and tests.
pub fn write_handset_query(query: &HandsetQuery) -> String {
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES);
    push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#""><soapenv:Body>"#]);
    push_all(&mut out, &[r#"<QueryPayment xmlns=""#, HANDSET, r#"">"#]);
    push_element(&mut out, "TransactionType", &query.transaction_type);
    push_element(&mut out, "MSISDN", &query.msisdn);
    push_element(&mut out, "ShortCode", &query.short_code);
    push_element(&mut out, "AccountReference", &query.account_reference);
    push_optional(&mut out, "Amount", query.amount.as_deref());
    out.push_str("</QueryPayment></soapenv:Body></soapenv:Envelope>");
    out
}

/// Reads QueryPaymentResponse, by local names; none if there is no code.
pub fn read_handset_query_answer(body: &[u8]) -> Option<HandsetQueryAnswer> {
    let answer = Elements::read(&String::from_utf8_lossy(body));
    let owned = |name| answer.some_text_of(&[name]).map(str::to_owned);
    Some(HandsetQueryAnswer {
        result_code: owned("ResultCode")?,
        result_desc: owned("ResultDesc").unwrap_or_default(),
        conversation_id: owned("ConversationID"),
        utility_name: owned("UtilityName"),
        customer_name: owned("CustomerName"),
        amount: owned("Amount"),
        receiver_code: owned("ReceiverCode"),
    })
}

/// Writes what an organization's server answers, as documented: for the demonstration and tests.
pub fn write_payment_query_result(query: &PaymentQuery, result: &PaymentQueryResult) -> String {
    let mut out = super::client::c2b_answer("C2BPaymentQueryResult");
    push_element(&mut out, "ResultCode", &result.result_code);
    push_optional(&mut out, "ResultDesc", result.result_desc.as_deref());
    push_element(&mut out, "TransID", &query.trans_id);
    push_element(&mut out, "BillRefNumber", &query.bill_ref_number);
    push_optional(&mut out, "UtilityName", result.utility_name.as_deref());
    push_optional(&mut out, "CustomerName", result.customer_name.as_deref());
    push_optional(&mut out, "Amount", result.amount.as_deref());
    out.push_str("</c2b:C2BPaymentQueryResult></soapenv:Body></soapenv:Envelope>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mminterface::{Interfaces, Tolerances};

    fn interfaces() -> Interfaces {
        Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]))
    }

    fn query() -> PaymentQuery {
        PaymentQuery {
            trans_type: "Pay Bill".into(),
            trans_id: "1000000000000000007".into(),
            trans_time: "20261123184401".into(),
            business_short_code: "600000".into(),
            bill_ref_number: "INV & 7".into(),
            msisdn: "254722000000".into(),
            amount: None,
        }
    }

    fn result() -> PaymentQueryResult {
        PaymentQueryResult {
            result_code: "0".into(),
            result_desc: Some("found".into()),
            utility_name: Some("Duka & Sons".into()),
            customer_name: Some("Wanjiku Otieno".into()),
            amount: Some("1250.00".into()),
        }
    }

    #[test]
    fn a_query_is_written_to_the_byte() {
        assert_eq!(
            write_payment_query(&query(), C2bStyle::LIVE),
            concat!(
                r#"<?xml version="1.0" encoding="utf-8" ?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" "#,
                r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>"#,
                r#"<ns1:C2BPaymentQueryRequest xmlns:ns1="http://cps.huawei.com/cpsinterface/c2bpayment">"#,
                "<TransType>Pay Bill</TransType><TransID>1000000000000000007</TransID>",
                "<TransTime>20261123184401</TransTime><BusinessShortCode>600000</BusinessShortCode>",
                "<BillRefNumber>INV &amp; 7</BillRefNumber><MSISDN>254722000000</MSISDN>",
                "</ns1:C2BPaymentQueryRequest></soapenv:Body></soapenv:Envelope>",
            )
        );
        let with_amount = PaymentQuery { amount: Some("5.00".into()), ..query() };
        let written = write_payment_query(&with_amount, C2bStyle::DOCUMENT);
        assert!(written.contains("<TransactionType>PayBill</TransactionType>"), "{written}");
        assert!(written.contains("</MSISDN><Amount>5.00</Amount></c2b:C2BPaymentQueryRequest>"), "{written}");
    }

    #[test]
    fn an_answer_is_read_against_its_schema_or_by_local_names_where_that_is_tolerated() {
        let interfaces = interfaces();
        let read = |body: &str, tolerances| {
            interfaces.read_payment_query_result(body.as_bytes(), tolerances).map(|read| (read.value, read.tolerances))
        };
        let answer = write_payment_query_result(&query(), &result());
        assert_eq!(read(&answer, Tolerances::strict()), Some((result(), vec![])));
        let by_hand = answer.replace("c2b:", "").replace("xmlns:c2b", "xmlns");
        assert_eq!(read(&by_hand, Tolerances::strict()), None);
        assert_eq!(read(&by_hand, Tolerances::default()), Some((result(), vec!["answer-free-form"])));
        for nothing in ["", "<html>no bill</html>", "<ResultCode/>", "ResultCode 0"] {
            assert_eq!(read(nothing, Tolerances::default()), None, "{nothing}");
        }
    }

    #[test]
    fn the_handset_side_asks_and_reads_what_it_is_told() {
        let asked = HandsetQuery {
            transaction_type: "CustomerPayBillOnline".into(),
            msisdn: "254722000001".into(),
            short_code: "600000".into(),
            account_reference: "INV <7>".into(),
            amount: Some("10".into()),
        };
        let interfaces = interfaces();
        assert_eq!(interfaces.read_handset_query(write_handset_query(&asked).as_bytes()), Ok(asked.clone()));
        let no_account = HandsetQuery { account_reference: String::new(), ..asked };
        assert!(interfaces.read_handset_query(write_handset_query(&no_account).as_bytes()).is_err());
        let told = HandsetQueryAnswer {
            result_code: "0".into(),
            result_desc: "found".into(),
            conversation_id: Some("AG_20261123_00000000000000000001".into()),
            utility_name: Some("Duka & Sons".into()),
            customer_name: None,
            amount: Some("1250.00".into()),
            receiver_code: Some("C2B<12".into()),
        };
        let written = write_handset_query_answer(&told, Version::Soap11);
        assert_eq!(read_handset_query_answer(written.as_bytes()), Some(told));
    }
}
