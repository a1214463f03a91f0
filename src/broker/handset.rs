//! The handset side's door: a subscriber's payment in, its outcome out, in one exchange.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hyper::Method;

use super::describe::Description;
use super::payment::{NotPaid, Told};
use super::third_party::{method_not_allowed, not_found, options, soap_answer};
use super::trace;
use super::{Answer, Broker, Request, Service};
use crate::core::{self, ConversationId, CustomerPayment, RECEIVER_CODE, ResultCode};
use crate::mminterface::{HandsetAnswer, HandsetParty, HandsetPayment, Tolerances, write_handset_answer};
use crate::soap::Version;

/// The service behind the handset door.
#[derive(Debug)]
pub struct HandsetService(pub Arc<Broker>);

impl Service for HandsetService {
    fn answer(&self, request: Request) -> BoxFuture<'_, Answer> {
        let broker = Arc::clone(&self.0);
        Box::pin(broker.handset(request))
    }
}

impl Broker {
    async fn handset(self: Arc<Self>, request: Request) -> Answer {
        let Some(description) = Description::of_handset_path(request.uri.path()) else { return not_found() };
        match request.method {
            Method::GET | Method::HEAD => self.describe(description, &request),
            Method::POST if description == Description::HandsetQuery => self.payment_queried(request).await,
            Method::POST => self.submitted(request).await,
            Method::OPTIONS => options(),
            _ => method_not_allowed(),
        }
    }

    async fn submitted(&self, mut request: Request) -> Answer {
        // The gateways' own interface: nothing is tolerated.
        if let Err(answer) = self.bring_to_utf8(&mut request, Tolerances::strict()) {
            return *answer;
        }
        let request = &request;
        // The gateway is who its certificate says: session ids of two gateways never meet.
        let gateway = request.peer.key.map(|key| key.to_string()).unwrap_or_default();
        let submitted = match self.parts.interfaces.read_handset(&request.body) {
            Ok(submitted) => submitted,
            Err(failure) => return self.unreadable(request, &gateway, failure),
        };
        let submission = trace::http_request(request);
        let answer = match self.pay(self.customer_payment(request, gateway, submitted), &submission).await {
            Ok(told) => outcome(&told),
            Err(error) => {
                tracing::warn!(address = %request.peer.address, %error, "a customer's payment got no outcome");
                no_outcome(&error)
            }
        };
        let version = Version::claimed_by(&request.body);
        soap_answer(version, write_handset_answer(&answer, version))
    }

    fn customer_payment(&self, request: &Request, gateway: String, submitted: HandsetPayment) -> CustomerPayment {
        CustomerPayment {
            command: submitted.transaction_type,
            conversation: ConversationId::issue(&self.parts.zone, request.received, self.draw()),
            gateway,
            session: submitted.session_id,
            payer: party(submitted.payer),
            payee: party(submitted.payee),
            account_reference: submitted.account_reference,
            amount: submitted.amount,
            received: request.received,
        }
    }
}

fn party(named: HandsetParty) -> core::HandsetParty {
    match named {
        HandsetParty::Msisdn(msisdn) => core::HandsetParty::Msisdn(msisdn),
        HandsetParty::ShortCode(short_code) => core::HandsetParty::Shortcode(short_code),
    }
}

fn outcome(told: &Told) -> HandsetAnswer {
    let parameters = told.report.rendered(&told.captured);
    let parameter = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    HandsetAnswer {
        result_code: told.report.code.to_string(),
        result_desc: told.report.description.clone(),
        transaction_id: Some(told.report.receipt.to_string()),
        balance: parameter("Balance"),
        receiver_code: parameter(RECEIVER_CODE),
    }
}

fn no_outcome(error: &NotPaid) -> HandsetAnswer {
    let (code, text) = match error {
        NotPaid::OtherPayment => ("15", "The SessionID was used before for another payment.".to_owned()),
        NotPaid::UnderWay => ("100000000", "The payment is under way; ask again with the same SessionID.".to_owned()),
        NotPaid::Away => ("26", "System busy. The service request is rejected.".to_owned()),
        NotPaid::NoHandset | NotPaid::Undecided(_) => {
            (ResultCode::Internal.as_str(), ResultCode::Internal.text().to_owned())
        }
    };
    HandsetAnswer { result_code: code.to_owned(), result_desc: text, ..HandsetAnswer::default() }
}
