//! A third party's verdict on a payment, as its server answers ValidateC2BPayment: against the schema,
//! or by local names where it does not fit and that is tolerated.

use super::acknowledgement::{ValidationResult, read_validation_result};
use super::request::Read;
use super::tolerances::ANSWER_FREE_FORM;
use crate::soap::{EnvelopeReader, Name, Normalization, Visitor, to_utf8};

/// Reads the body of an answer; none if it holds no verdict that may be read.
pub(super) fn verdict(
    envelope: &EnvelopeReader<'_>,
    body: &[u8],
    normal: &Normalization<'_>,
) -> Option<Read<ValidationResult>> {
    let value = match fitting(envelope, body, normal) {
        Some(result) => result,
        None if normal.apply(ANSWER_FREE_FORM) => read_validation_result(body)?,
        None => return None,
    };
    Some(Read { value, tolerances: normal.used() })
}

fn fitting(envelope: &EnvelopeReader<'_>, body: &[u8], normal: &Normalization<'_>) -> Option<ValidationResult> {
    let utf8 = to_utf8(body, None).ok()?;
    let mut verdict = VerdictVisitor::default();
    envelope.read(&utf8.bytes, normal, &mut (), &mut verdict).ok()?;
    Some(verdict.0)
}

/// Takes the fields of C2BPaymentValidationResult.
#[derive(Default)]
struct VerdictVisitor(ValidationResult);

impl Visitor for VerdictVisitor {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, name: &Name<'_>, text: &str) {
        let some = || (!text.is_empty()).then(|| text.to_owned());
        match name.local {
            "ResultCode" => text.clone_into(&mut self.0.result_code),
            "ResultDesc" => self.0.result_desc = some(),
            "ThirdPartyTransID" => self.0.third_party_trans_id = some(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mminterface::{Interfaces, Tolerances, write_validation_result};

    fn read(body: &str, tolerances: Tolerances) -> Option<(ValidationResult, Vec<&'static str>)> {
        let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
        interfaces.read_verdict(body.as_bytes(), tolerances).map(|read| (read.value, read.tolerances))
    }

    fn accepted() -> ValidationResult {
        ValidationResult {
            result_code: "0".into(),
            result_desc: Some("Service processing successful".into()),
            third_party_trans_id: Some("77".into()),
        }
    }

    #[test]
    fn an_answer_that_fits_needs_no_patience() {
        let answer = write_validation_result(&accepted());
        assert_eq!(read(&answer, Tolerances::strict()), Some((accepted(), vec![])));
    }

    #[test]
    fn what_real_receivers_answer_is_read_by_name() {
        let answer = write_validation_result(&accepted());
        let misspelled = answer.replace("ThirdPartyTransID", "ThirdPartyTransactionID");
        let broken = answer.replace("http://cps.huawei.com/", "http://cp-\n\ts.huawei.com/");
        let padded = format!("\n<?xml version=\"1.0\"?>{answer}");
        for (answer, tolerance) in
            [(misspelled, "answer-misspelled-id"), (broken, "answer-free-form"), (padded, "answer-free-form")]
        {
            assert_eq!(read(&answer, Tolerances::default()), Some((accepted(), vec![tolerance])), "{answer}");
            assert_eq!(read(&answer, Tolerances::strict()), None, "{answer}");
        }
        assert_eq!(read("<html>no verdict</html>", Tolerances::default()), None);
    }
}
