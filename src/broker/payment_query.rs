//! What a customer would have to pay: the handset side asks before the payer confirms, and the
//! organization's query URL answers inside the payer's window (protocol.md 4.4). It moves no money and
//! leaves nothing but its trace.

use std::sync::Arc;

use super::third_party::soap_answer;
use super::trace::{self, Leg, LegKind, Step};
use super::{Answer, Broker, Request, style};
use crate::callbacks::urls::{self, Registration};
use crate::callbacks::{Asked, Reply, Validation};
use crate::clock::Timestamp;
use crate::core::catalogue::Flow;
use crate::core::{ConversationId, ResultCode, Shortcode, directory};
use crate::mminterface::{
    HandsetQuery, HandsetQueryAnswer, PaymentQuery, PaymentQueryResult, Tolerances, is_success,
    write_handset_query_answer, write_payment_query,
};
use crate::soap::Version;
use crate::store::{ReadError, WriteSet};

/// Characters of what an organization says that are passed on.
const SAID_CHARACTERS_MAX: usize = 255;

/// Why nobody is asked.
enum Unasked {
    /// The service is none by which a customer pays an organization.
    Service,
    /// There is no such organization, or it is not paid at present.
    Organization,
    /// It has not said where it can be asked.
    NoUrl,
}

impl Broker {
    /// Answers QueryPayment.
    pub(super) async fn payment_queried(self: &Arc<Self>, mut request: Request) -> Answer {
        // The gateways' own interface: nothing is tolerated.
        if let Err(answer) = self.bring_to_utf8(&mut request, Tolerances::strict()) {
            return *answer;
        }
        let gateway = request.peer.key.map(|key| key.to_string()).unwrap_or_default();
        let asked = match self.parts.interfaces.read_handset_query(&request.body) {
            Ok(asked) => asked,
            Err(failure) => return self.unreadable(&request, &gateway, failure),
        };
        let answer = self.query_answer(&request, &asked).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a payment query got no answer");
            plain(ResultCode::Internal)
        });
        let version = Version::claimed_by(&request.body);
        soap_answer(version, write_handset_query_answer(&answer, version))
    }

    async fn query_answer(&self, request: &Request, asked: &HandsetQuery) -> Result<HandsetQueryAnswer, ReadError> {
        let (registration, url, trans_type) = match self.whom_to_ask(asked)? {
            Ok(whom) => whom,
            Err(Unasked::Service) => return Ok(plain(ResultCode::Command)),
            Err(Unasked::Organization) => return Ok(plain(ResultCode::ReceiverParty)),
            Err(Unasked::NoUrl) => {
                let result_desc = "The organization does not answer payment queries.".to_owned();
                return Ok(HandsetQueryAnswer { result_desc, ..plain(ResultCode::ReceiverDeclined) });
            }
        };
        let conversation = ConversationId::issue(&self.parts.zone, request.received, self.draw());
        let query = self.query(asked, trans_type, request);
        let style = style::of_first(&*self.parts.store, [asked.short_code.as_str()])?;
        let began = self.parts.clock.now();
        let window = self.parts.limits.validation_window;
        let question = Validation {
            third_party: registration.third_party,
            url,
            soap_action: Some("QueryC2BPayment"),
            body: write_payment_query(&query, style.c2b).into(),
            // A clock that was set back must not make the payer wait longer.
            deadline: request.received.plus(window).since(began).min(window),
        };
        let told = self.parts.callbacks.query(&question).await;
        let (conversation, outcome) = (conversation.as_str(), told.outcome.name());
        tracing::info!(
            conversation,
            trans_id = query.trans_id,
            shortcode = asked.short_code,
            outcome,
            "payment queried"
        );
        self.keep_query(conversation, request, &question, &told, began).await;
        Ok(HandsetQueryAnswer { conversation_id: Some(conversation.to_owned()), ..answer_of(told.outcome) })
    }

    /// Where the organization wants to be asked, and how the service is called there.
    fn whom_to_ask(&self, asked: &HandsetQuery) -> Result<Result<(Registration, String, String), Unasked>, ReadError> {
        let core = self.core();
        let trans_type = match core.catalogue().command(&asked.transaction_type).map(|service| &service.flow) {
            Some(Flow::CustomerPayment(rules)) => rules.trans_type.clone(),
            _ => return Ok(Err(Unasked::Service)),
        };
        let Ok(shortcode) = Shortcode::parse(&asked.short_code) else { return Ok(Err(Unasked::Organization)) };
        let store = &*self.parts.store;
        if !directory::organization(store, &shortcode)?.is_some_and(|payee| payee.status.may_receive()) {
            return Ok(Err(Unasked::Organization));
        }
        let Some(registration) = urls::registration(store, shortcode.as_str())? else { return Ok(Err(Unasked::NoUrl)) };
        let url = registration.query_url.clone().filter(|url| !url.is_empty());
        Ok(url.map(|url| (registration, url, trans_type)).ok_or(Unasked::NoUrl))
    }

    fn query(&self, asked: &HandsetQuery, trans_type: String, request: &Request) -> PaymentQuery {
        PaymentQuery {
            trans_type,
            trans_id: nineteen_digits(self.parts.entropy.u64()),
            trans_time: self.parts.zone.compact(request.received),
            business_short_code: asked.short_code.clone(),
            bill_ref_number: asked.account_reference.clone(),
            msisdn: asked.msisdn.clone(),
            amount: asked.amount.clone(),
        }
    }

    /// Keeps what went over the wire. No money hangs on it, so a store that does not take it is no
    /// reason to leave the payer without an answer.
    async fn keep_query(
        &self,
        conversation: &str,
        request: &Request,
        question: &Validation,
        told: &Asked<PaymentQueryResult>,
        began: Timestamp,
    ) {
        let opening = Leg::masking(LegKind::Query, request.received, trace::http_request(request));
        let question = trace::query_legs(question, told, began, self.parts.clock.now());
        let mut write_set = WriteSet::new();
        trace::record(&mut write_set, conversation, Step::Opening, &[opening]);
        trace::record(&mut write_set, conversation, Step::Question, &question);
        if let Err(error) = self.commit(write_set).await {
            tracing::error!(conversation, %error, "the messages of a payment query could not be kept");
        }
    }
}

/// What the handset side is told.
fn answer_of(outcome: Reply<PaymentQueryResult>) -> HandsetQueryAnswer {
    match outcome {
        Reply::Answered(result) if is_success(result.result_code.trim()) => HandsetQueryAnswer {
            result_desc: result.result_desc.map_or_else(|| ResultCode::Success.text().to_owned(), said),
            utility_name: result.utility_name.map(said),
            customer_name: result.customer_name.map(said),
            amount: result.amount.map(said),
            ..plain(ResultCode::Success)
        },
        Reply::Answered(result) => HandsetQueryAnswer {
            result_desc: result.result_desc.map_or_else(|| ResultCode::ReceiverDeclined.text().to_owned(), said),
            receiver_code: Some(said(result.result_code)),
            ..plain(ResultCode::ReceiverDeclined)
        },
        Reply::Late | Reply::Unreachable(_) | Reply::Unreadable => {
            let result_desc = "The organization did not answer.".to_owned();
            HandsetQueryAnswer { result_desc, ..plain(ResultCode::ReceiverDeclined) }
        }
    }
}

fn plain(code: ResultCode) -> HandsetQueryAnswer {
    HandsetQueryAnswer {
        result_code: code.as_str().to_owned(),
        result_desc: code.text().to_owned(),
        ..HandsetQueryAnswer::default()
    }
}

fn said(text: String) -> String {
    text.chars().take(SAID_CHARACTERS_MAX).collect()
}

/// A number of 19 digits (protocol.md 4.4).
fn nineteen_digits(drawn: u64) -> String {
    const FIRST: u64 = 1_000_000_000_000_000_000;
    (FIRST + drawn % (9 * FIRST)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::Unreachable;

    #[test]
    fn a_query_has_nineteen_digits_whatever_is_drawn() {
        for drawn in [0, 1, u64::MAX, 9_000_000_000_000_000_000, 8_999_999_999_999_999_999] {
            assert_eq!(nineteen_digits(drawn).len(), 19, "{drawn}");
        }
    }

    #[test]
    fn what_an_organization_says_is_passed_on_within_bounds_and_silence_is_no_bill() {
        let result = |code: &str| PaymentQueryResult {
            result_code: code.into(),
            amount: Some("9".repeat(1000)),
            customer_name: Some("Wanjiku".into()),
            ..PaymentQueryResult::default()
        };
        let known = answer_of(Reply::Answered(result("00000000")));
        assert_eq!((known.result_code.as_str(), known.customer_name.as_deref()), ("0", Some("Wanjiku")));
        assert_eq!(known.amount.map(|amount| amount.len()), Some(SAID_CHARACTERS_MAX));
        let unknown = answer_of(Reply::Answered(result("C2B00012")));
        assert_eq!((unknown.receiver_code.as_deref(), unknown.amount), (Some("C2B00012"), None));
        assert_ne!(unknown.result_code, "0");
        for silent in [Reply::Late, Reply::Unreadable, Reply::Unreachable(Unreachable::Busy)] {
            let told = answer_of(silent);
            assert_eq!((told.result_code, told.amount), (unknown.result_code.clone(), None));
        }
    }
}
