//! The handset side's own service: a payment made on a phone, and its answer. `wsdl/Handset.wsdl` is its
//! description.

use serde::{Deserialize, Serialize};

use super::markup::{DECLARATION, ENVELOPE_BYTES, push_all, push_element, push_optional};
use crate::soap::Version;

/// The namespace of the handset side's messages.
pub(super) const HANDSET: &str = "urn:lango:handset:1";

/// Who pays or is paid, as the handset side names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandsetParty {
    /// A subscriber, by the phone number.
    Msisdn(String),
    /// An organization or agent, by the shortcode.
    ShortCode(String),
}

/// SubmitPayment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandsetPayment {
    /// The payment's own id on the handset side; duplicates are found by it.
    pub session_id: String,
    /// What is done: a command ID of the catalogue's, which says who may pay and be paid.
    pub transaction_type: String,
    /// The payer.
    pub payer: HandsetParty,
    /// The payee.
    pub payee: HandsetParty,
    /// What the payer typed as account number.
    pub account_reference: Option<String>,
    /// At most two decimals.
    pub amount: String,
    /// When the payer confirmed it, as the handset side says; only logged.
    pub timestamp: Option<String>,
}

/// SubmitPaymentResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandsetAnswer {
    /// 0 is success.
    pub result_code: String,
    /// The code in words.
    pub result_desc: String,
    /// The receipt.
    pub transaction_id: Option<String>,
    /// What the payer has left.
    pub balance: Option<String>,
    /// The payee's own code for why it does not want the payment, such as `C2B00012`.
    pub receiver_code: Option<String>,
}

/// Writes the whole envelope, in the version of SOAP of the request.
pub fn write_handset_answer(answer: &HandsetAnswer, version: Version) -> String {
    let envelope = version.namespace();
    let mut out = String::with_capacity(ENVELOPE_BYTES + 128 + answer.result_desc.len());
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, envelope, r#""><soapenv:Body>"#]);
    push_all(&mut out, &[r#"<SubmitPaymentResponse xmlns=""#, HANDSET, r#"">"#]);
    push_element(&mut out, "ResultCode", &answer.result_code);
    push_element(&mut out, "ResultDesc", &answer.result_desc);
    push_optional(&mut out, "TransactionID", answer.transaction_id.as_deref());
    push_optional(&mut out, "Balance", answer.balance.as_deref());
    push_optional(&mut out, "ReceiverCode", answer.receiver_code.as_deref());
    out.push_str("</SubmitPaymentResponse></soapenv:Body></soapenv:Envelope>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_written_to_the_byte() {
        let answer = HandsetAnswer {
            result_code: "1".into(),
            result_desc: "The balance is insufficient for the transaction.".into(),
            transaction_id: Some("UKN519G2QV".into()),
            balance: None,
            receiver_code: Some("C2B<12".into()),
        };
        assert_eq!(
            write_handset_answer(&answer, Version::Soap11),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
                r#"<SubmitPaymentResponse xmlns="urn:lango:handset:1"><ResultCode>1</ResultCode>"#,
                "<ResultDesc>The balance is insufficient for the transaction.</ResultDesc>",
                "<TransactionID>UKN519G2QV</TransactionID><ReceiverCode>C2B&lt;12</ReceiverCode>",
                "</SubmitPaymentResponse></soapenv:Body></soapenv:Envelope>",
            )
        );
    }
}
