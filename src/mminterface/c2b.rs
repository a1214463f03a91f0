//! A customer's payment, as the validation and confirmation URLs get it (protocol.md 4.3).

use serde::{Deserialize, Serialize};

use super::markup::{ENVELOPE, ENVELOPE_BYTES, pairs_bytes, push_all, push_element};
use super::payment_query::PaymentQuery;
use super::style::{C2bEnvelope, C2bPrefix, C2bStyle, EmptyElements, TypeElement, TypeWords};

/// The namespace of the C2B messages; only their root elements are in it.
const C2B: &str = "http://cps.huawei.com/cpsinterface/c2bpayment";

/// What both messages tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct C2bPayment {
    /// "Pay Bill" or "Buy Goods".
    pub trans_type: String,
    /// The receipt.
    pub trans_id: String,
    /// yyyyMMddHHmmss.
    pub trans_time: String,
    /// Two decimals.
    pub trans_amount: String,
    /// The payee.
    pub business_short_code: String,
    /// What the payer typed as account number.
    pub bill_ref_number: Option<String>,
    /// The payee's balance afterwards; only confirmations carry it.
    pub org_account_balance: Option<String>,
    /// What the validation answered; only confirmations carry it.
    pub third_party_trans_id: Option<String>,
    /// The payer.
    pub msisdn: String,
    /// What is known of the payer: name and value, in order.
    pub kyc: Vec<(String, String)>,
}

/// Writes the envelope for the validation URL.
pub fn write_validation(payment: &C2bPayment, style: C2bStyle) -> String {
    let mut message = Message::start(&payment.kyc, style, "C2BPaymentValidationRequest");
    message.common(payment);
    message.field("MSISDN", &payment.msisdn);
    message.kyc(&payment.kyc);
    message.end()
}

/// Writes the envelope for the confirmation URL.
pub fn write_confirmation(payment: &C2bPayment, style: C2bStyle) -> String {
    let mut message = Message::start(&payment.kyc, style, "C2BPaymentConfirmationRequest");
    message.common(payment);
    message.field("OrgAccountBalance", payment.org_account_balance.as_deref().unwrap_or_default());
    message.optional("ThirdPartyTransID", payment.third_party_trans_id.as_deref());
    message.field("MSISDN", &payment.msisdn);
    message.kyc(&payment.kyc);
    message.end()
}

/// The envelope for the query URL; the rest of it is beside its type.
pub(super) fn query_message(query: &PaymentQuery, style: C2bStyle) -> String {
    let mut message = Message::start(&[], style, "C2BPaymentQueryRequest");
    message.trans_type(&query.trans_type);
    message.field("TransID", &query.trans_id);
    message.field("TransTime", &query.trans_time);
    message.field("BusinessShortCode", &query.business_short_code);
    message.field("BillRefNumber", &query.bill_ref_number);
    message.field("MSISDN", &query.msisdn);
    if let Some(amount) = &query.amount {
        message.field("Amount", amount);
    }
    message.end()
}

/// One message under way.
struct Message {
    out: String,
    style: C2bStyle,
    root: &'static str,
}

impl Message {
    fn start(kyc: &[(String, String)], style: C2bStyle, root: &'static str) -> Self {
        let mut out = String::with_capacity(2 * ENVELOPE_BYTES + pairs_bytes(kyc));
        match style.envelope {
            C2bEnvelope::Live => {
                out.push_str(r#"<?xml version="1.0" encoding="utf-8" ?>"#);
                push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE]);
                out.push_str(r#"" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>"#);
            }
            C2bEnvelope::Document => {
                out.push_str(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
                push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE]);
                out.push_str(r#""><soapenv:Header/><soapenv:Body>"#);
            }
        }
        let prefix = prefix(style);
        push_all(&mut out, &["<", prefix, ":", root, " xmlns:", prefix, r#"=""#, C2B, r#"">"#]);
        Self { out, style, root }
    }

    /// The fields with which both messages begin.
    fn common(&mut self, payment: &C2bPayment) {
        self.trans_type(&payment.trans_type);
        self.field("TransID", &payment.trans_id);
        self.field("TransTime", &payment.trans_time);
        self.field("TransAmount", &payment.trans_amount);
        self.field("BusinessShortCode", &payment.business_short_code);
        self.optional("BillRefNumber", payment.bill_ref_number.as_deref());
        self.optional("InvoiceNumber", None);
    }

    fn trans_type(&mut self, trans_type: &str) {
        let element = match self.style.type_element {
            TypeElement::TransType => "TransType",
            TypeElement::TransactionType => "TransactionType",
        };
        match self.style.type_words {
            TypeWords::Apart => self.field(element, trans_type),
            TypeWords::Joined => self.field(element, in_one_word(trans_type)),
        }
    }

    fn field(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            push_all(&mut self.out, &["<", name, "/>"]);
        } else {
            push_element(&mut self.out, name, text);
        }
    }

    fn optional(&mut self, name: &str, text: Option<&str>) {
        match (text.filter(|text| !text.is_empty()), self.style.empty) {
            (Some(text), _) => self.field(name, text),
            (None, EmptyElements::LeftOut) => {}
            (None, EmptyElements::Written) => self.field(name, ""),
        }
    }

    fn kyc(&mut self, kyc: &[(String, String)]) {
        let left_out = self.style.empty_kyc == EmptyElements::LeftOut;
        for (name, value) in kyc.iter().filter(|(_, value)| !(left_out && value.is_empty())) {
            self.out.push_str("<KYCInfo>");
            self.field("KYCName", name);
            self.field("KYCValue", value);
            self.out.push_str("</KYCInfo>");
        }
    }

    fn end(mut self) -> String {
        push_all(&mut self.out, &["</", prefix(self.style), ":", self.root, "></soapenv:Body></soapenv:Envelope>"]);
        self.out
    }
}

fn prefix(style: C2bStyle) -> &'static str {
    match style.prefix {
        C2bPrefix::Ns1 => "ns1",
        C2bPrefix::C2b => "c2b",
    }
}

fn in_one_word(trans_type: &str) -> &str {
    match trans_type {
        "Pay Bill" => "PayBill",
        "Buy Goods" => "BuyGoods",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment() -> C2bPayment {
        C2bPayment {
            trans_type: "Pay Bill".into(),
            trans_id: "UKN519G2QV".into(),
            trans_time: "20261123184401".into(),
            trans_amount: "123.00".into(),
            business_short_code: "600000".into(),
            bill_ref_number: Some("INV & 7".into()),
            org_account_balance: Some("1123.00".into()),
            third_party_trans_id: None,
            msisdn: "254722000000".into(),
            kyc: vec![
                ("[Personal Details][First Name]".into(), "Wanjiku".into()),
                ("[Personal Details][Middle Name]".into(), String::new()),
                ("[Personal Details][Last Name]".into(), "Otieno".into()),
            ],
        }
    }

    #[test]
    fn a_live_confirmation_is_written_to_the_byte() {
        assert_eq!(
            write_confirmation(&payment(), C2bStyle::LIVE),
            concat!(
                r#"<?xml version="1.0" encoding="utf-8" ?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" "#,
                r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>"#,
                r#"<ns1:C2BPaymentConfirmationRequest xmlns:ns1="http://cps.huawei.com/cpsinterface/c2bpayment">"#,
                "<TransType>Pay Bill</TransType><TransID>UKN519G2QV</TransID><TransTime>20261123184401</TransTime>",
                "<TransAmount>123.00</TransAmount><BusinessShortCode>600000</BusinessShortCode>",
                "<BillRefNumber>INV &amp; 7</BillRefNumber><OrgAccountBalance>1123.00</OrgAccountBalance>",
                "<MSISDN>254722000000</MSISDN>",
                "<KYCInfo><KYCName>[Personal Details][First Name]</KYCName><KYCValue>Wanjiku</KYCValue></KYCInfo>",
                "<KYCInfo><KYCName>[Personal Details][Middle Name]</KYCName><KYCValue/></KYCInfo>",
                "<KYCInfo><KYCName>[Personal Details][Last Name]</KYCName><KYCValue>Otieno</KYCValue></KYCInfo>",
                "</ns1:C2BPaymentConfirmationRequest></soapenv:Body></soapenv:Envelope>",
            )
        );
    }

    #[test]
    fn a_live_validation_has_no_balance_and_no_third_partys_id() {
        let payment = C2bPayment { third_party_trans_id: Some("77".into()), bill_ref_number: None, ..payment() };
        let written = write_validation(&payment, C2bStyle::LIVE);
        assert!(
            written.contains("<BusinessShortCode>600000</BusinessShortCode><MSISDN>254722000000</MSISDN><KYCInfo>")
        );
        assert!(written.ends_with("</ns1:C2BPaymentValidationRequest></soapenv:Body></soapenv:Envelope>"));
        assert!(!written.contains("ThirdPartyTransID") && !written.contains("OrgAccountBalance"));
    }

    #[test]
    fn the_form_of_the_documents_writes_everything_out() {
        let payment = C2bPayment { bill_ref_number: None, ..payment() };
        let written = write_confirmation(&payment, C2bStyle::DOCUMENT);
        assert!(written.contains(concat!(
            "<soapenv:Header/><soapenv:Body>",
            r#"<c2b:C2BPaymentConfirmationRequest xmlns:c2b="http://cps.huawei.com/cpsinterface/c2bpayment">"#,
            "<TransactionType>PayBill</TransactionType>",
        )));
        assert!(written.contains(
            "<BillRefNumber/><InvoiceNumber/><OrgAccountBalance>1123.00</OrgAccountBalance><ThirdPartyTransID/>"
        ));
    }

    #[test]
    fn each_setting_changes_what_it_says_and_nothing_else() {
        let payment = C2bPayment { bill_ref_number: None, ..payment() };
        let live = write_validation(&payment, C2bStyle::LIVE);
        let prefix = C2bStyle { prefix: C2bPrefix::C2b, ..C2bStyle::LIVE };
        let expected = live.replace("ns1:C2B", "c2b:C2B").replace("xmlns:ns1", "xmlns:c2b");
        assert_eq!(write_validation(&payment, prefix), expected);
        let element = C2bStyle { type_element: TypeElement::TransactionType, ..C2bStyle::LIVE };
        assert_eq!(write_validation(&payment, element), live.replace("TransType>", "TransactionType>"));
        let words = C2bStyle { type_words: TypeWords::Joined, ..C2bStyle::LIVE };
        assert_eq!(write_validation(&payment, words), live.replace("Pay Bill", "PayBill"));
        let empty = C2bStyle { empty: EmptyElements::Written, ..C2bStyle::LIVE };
        let expected = live.replace("<MSISDN>", "<BillRefNumber/><InvoiceNumber/><MSISDN>");
        assert_eq!(write_validation(&payment, empty), expected);
        let kyc = C2bStyle { empty_kyc: EmptyElements::LeftOut, ..C2bStyle::LIVE };
        let middle = "<KYCInfo><KYCName>[Personal Details][Middle Name]</KYCName><KYCValue/></KYCInfo>";
        assert_eq!(write_validation(&payment, kyc), live.replace(middle, ""));
    }

    #[test]
    fn a_third_partys_id_comes_back_in_the_confirmation() {
        let payment = C2bPayment { third_party_trans_id: Some("77".into()), ..payment() };
        let written = write_confirmation(&payment, C2bStyle::LIVE);
        assert!(written.contains("</OrgAccountBalance><ThirdPartyTransID>77</ThirdPartyTransID><MSISDN>"));
    }
}
