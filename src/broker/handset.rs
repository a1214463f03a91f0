//! The handset side's door: a subscriber's payment in, its outcome out, in one exchange.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hyper::{Method, StatusCode};

use super::describe::{self, Description};
use super::payment::{NotPaid, Told};
use super::third_party::{method_not_allowed, not_found, soap_answer};
use super::{Answer, Broker, Request, Service};
use crate::core::{ConversationId, CustomerPayment, ResultCode};
use crate::mminterface::{HandsetAnswer, HandsetPayment, write_handset_answer};

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
            Method::GET | Method::HEAD => describe::answer(&self.parts.interfaces, description, &request),
            Method::POST => self.submitted(&request).await,
            _ => method_not_allowed(),
        }
    }

    async fn submitted(&self, request: &Request) -> Answer {
        // The gateway is who its key says: session ids of two gateways never meet.
        let gateway = request.peer.key.map(|key| key.to_string()).unwrap_or_default();
        let submitted = match self.parts.interfaces.read_handset(&request.body) {
            Ok(submitted) => submitted,
            Err(failure) => return self.unreadable(request, &gateway, failure),
        };
        let answer = match self.pay(self.customer_payment(request, gateway, submitted)).await {
            Ok(told) => outcome(&told),
            Err(error) => {
                tracing::warn!(address = %request.peer.address, %error, "a customer's payment got no outcome");
                no_outcome(&error)
            }
        };
        soap_answer(StatusCode::OK, write_handset_answer(&answer))
    }

    fn customer_payment(&self, request: &Request, gateway: String, submitted: HandsetPayment) -> CustomerPayment {
        CustomerPayment {
            command: submitted.transaction_type.name().to_owned(),
            conversation: ConversationId::issue(&self.parts.zone, request.received, self.draw()),
            gateway,
            session: submitted.session_id,
            payer: submitted.msisdn,
            short_code: submitted.short_code,
            account_reference: submitted.account_reference,
            amount: submitted.amount,
            received: request.received,
        }
    }
}

fn outcome(told: &Told) -> HandsetAnswer {
    let parameters = told.report.rendered(&told.captured);
    HandsetAnswer {
        result_code: told.report.code.to_string(),
        result_desc: told.report.description.clone(),
        transaction_id: Some(told.report.receipt.to_string()),
        balance: parameters.into_iter().find(|(key, _)| key == "Balance").map(|(_, balance)| balance),
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
    HandsetAnswer { result_code: code.to_owned(), result_desc: text, transaction_id: None, balance: None }
}
