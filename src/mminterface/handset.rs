//! The handset side's own service: a subscriber's payment and its answer. `wsdl/Handset.wsdl` is its
//! description.

use serde::{Deserialize, Serialize};

use super::markup::{DECLARATION, ENVELOPE, ENVELOPE_BYTES, push_all, push_element, push_optional};

/// The namespace of the handset side's messages.
pub(super) const HANDSET: &str = "urn:lango:handset:1";

/// How a subscriber pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HandsetPaymentType {
    /// To a paybill, with an account number.
    CustomerPayBillOnline,
    /// To a till.
    CustomerBuyGoodsOnline,
}

impl HandsetPaymentType {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::CustomerPayBillOnline => "CustomerPayBillOnline",
            Self::CustomerBuyGoodsOnline => "CustomerBuyGoodsOnline",
        }
    }

    /// The type with this name on the wire.
    pub fn named(name: &str) -> Option<Self> {
        [Self::CustomerPayBillOnline, Self::CustomerBuyGoodsOnline].into_iter().find(|kind| kind.name() == name)
    }
}

/// SubmitPayment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandsetPayment {
    /// The payment's own id on the handset side; duplicates are found by it.
    pub session_id: String,
    /// How.
    pub transaction_type: HandsetPaymentType,
    /// The payer.
    pub msisdn: String,
    /// The payee.
    pub short_code: String,
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

/// Writes the whole envelope.
pub fn write_handset_answer(answer: &HandsetAnswer) -> String {
    let mut out = String::with_capacity(ENVELOPE_BYTES + 128 + answer.result_desc.len());
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#""><soapenv:Body>"#]);
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
            write_handset_answer(&answer),
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

    #[test]
    fn a_type_is_known_by_its_name() {
        for kind in [HandsetPaymentType::CustomerPayBillOnline, HandsetPaymentType::CustomerBuyGoodsOnline] {
            assert_eq!(HandsetPaymentType::named(kind.name()), Some(kind));
        }
        assert_eq!(HandsetPaymentType::named("customerpaybillonline"), None);
    }
}
