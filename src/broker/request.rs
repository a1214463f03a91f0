//! GenericAPIRequest: from the bytes of a third party's request to the answer `0`
//! (design.md 2, steps 4 to 8).

use std::sync::Arc;
use std::time::Duration;

use super::accepted::{Accepted, AcceptedState, Standing, Used, accepted_key, original_place, used_key, waiting_key};
use super::call::Call;
use super::destination::Destinations;
use super::third_party::soap_answer;
use super::trace::{self, Leg, LegKind, Step};
use super::waiting::Place;
use super::{Answer, Broker, Refusal, Request, fingerprint};
use crate::access::{
    self, CredentialRefusal, CredentialVerdict, NetworkKind, NoShare, Permit, Sealed, Secret, Share, ThirdParty,
};
use crate::callbacks::{self, DeliveryId};
use crate::clock::Timestamp;
use crate::core::directory::Operator;
use crate::core::{self, Channel, ConversationId, Order, Shortcode};
use crate::mminterface::{
    DocumentKind, GenericRequest, InitiatorFields, Interfaces, PartyFields, RequestDocument, ResponseDocument,
    write_response,
};
use crate::soap::Version;
use crate::store::{CommitError, ReadError, WriteSet, encode};

/// The identifier type of an organization's shortcode (protocol.md 1.4).
const SHORTCODE: u32 = 4;

/// The answer to an accepted request, and what waits for it.
struct Acknowledged {
    answer: Answer,
    code: String,
    /// The delivery that may leave once the answer was written, if there is one.
    delivery: Option<DeliveryId>,
}

impl Acknowledged {
    fn new(used: &Used, originator_conversation: &str, version: Version, delivery: Option<DeliveryId>) -> Self {
        let conversation = used.conversation.as_str();
        let response = match used.cached {
            true => ResponseDocument::cached(conversation, originator_conversation),
            false => ResponseDocument::accepted(conversation, originator_conversation),
        };
        let answer = soap_answer(version, write_response(&response, version));
        Self { answer, code: response.response_code, delivery }
    }
}

impl Broker {
    /// Answers a request to the general path.
    pub(super) async fn generic_request(self: &Arc<Self>, mut request: Request) -> Answer {
        let call = match self.call(&mut request, NetworkKind::Vpn, Interfaces::read_request) {
            Ok(call) => call,
            Err(answer) => return *answer,
        };
        match self.accept(&request, &call).await {
            Ok(acknowledged) => self.acknowledge(acknowledged),
            Err(refusal) => self.refuse(&request, &call.permit.third_party().name, &refusal),
        }
    }

    /// Step 6: the document inside the request.
    pub(super) fn document(&self, kind: DocumentKind, call: &Call<GenericRequest>) -> Result<RequestDocument, Refusal> {
        let GenericRequest { document, document_position, .. } = &call.message;
        let read = self.parts.interfaces.read_document(kind, document, *document_position, call.tolerances);
        let read = read.map_err(Refusal::Document)?;
        self.count_tolerances(&read.tolerances);
        Ok(read.value)
    }

    /// The command is one that can be ordered, with parameters as it needs them.
    pub(super) fn must_be_order(&self, document: &RequestDocument) -> Result<(), Refusal> {
        let core = self.core();
        if !core.command_known(&document.command_id) {
            return Err(Refusal::Command(document.command_id.clone()));
        }
        core.flaw(&document.command_id, &document.parameters).map_or(Ok(()), |flaw| Err(Refusal::Parameter(flaw)))
    }

    async fn accept(self: &Arc<Self>, request: &Request, call: &Call<GenericRequest>) -> Result<Acknowledged, Refusal> {
        let document = self.document(DocumentKind::Request, call)?;
        self.must_be_order(&document)?;
        if let Some(shortcode) = starter(&document) {
            self.parts.access.start(&call.permit, shortcode).map_err(Refusal::Access)?;
        }
        let third_party = call.permit.third_party();
        let order = self.order(request.received, &third_party.name, &document);
        let fingerprint = fingerprint::of_order(&order, document.caller.result_url.as_deref());
        if let Some(before) = self.repeated(third_party, &order, &fingerprint)? {
            let again = self.result_again(&before.conversation).await;
            return Ok(Acknowledged::new(&before, &order.originator_conversation, call.message.version, again));
        }
        if self.parts.store.health().refusing.is_some() {
            return Err(Refusal::Internal("the store refuses".into()));
        }
        let share = self.share(&call.permit)?;
        let place = self.waiting.place(self.parts.limits.waiting_max)?.within(share);
        let (accepted, diverted) = self.accepted(request, call, &document, order).await?;
        self.keep(request, call, accepted, diverted, fingerprint, place).await
    }

    pub(super) fn order(&self, received: Timestamp, third_party: &str, document: &RequestDocument) -> Order {
        Order {
            channel: Channel::Api,
            command: document.command_id.clone(),
            conversation: ConversationId::issue(&self.parts.zone, received, self.draw()),
            originator_conversation: document.originator_conversation_id.clone(),
            third_party: third_party.to_owned(),
            initiator: document.initiator.as_ref().map(initiator),
            primary: document.primary_party.as_ref().map(party),
            receiver: document.receiver_party.as_ref().map(party),
            parameters: document.parameters.clone(),
            reference: document.reference_data.clone(),
            remark: document.remark.clone(),
            received,
        }
    }

    /// What is kept of it, and what was made of URLs that may not be called.
    async fn accepted(
        &self,
        request: &Request,
        call: &Call<GenericRequest>,
        document: &RequestDocument,
        order: Order,
    ) -> Result<(Accepted, Vec<String>), Refusal> {
        let (organization, credential_refused) = match self.credential(&call.permit, document, &order).await? {
            Ok(organization) => (organization, None),
            Err(reason) => (None, Some(reason)),
        };
        let (third_party, result_url) = (call.permit.third_party(), document.caller.result_url.as_deref());
        let Destinations { result, timeout, diverted } = self.destinations(third_party, result_url, &order.reference);
        let accepted = Accepted {
            organization,
            credential_refused,
            result_url: result,
            timeout_url: timeout,
            original: Some(self.seal_original(request, &call.message, &order)?),
            delivery: DeliveryId::draw(&*self.parts.entropy),
            expires: order.received.plus(self.expiry(&order.command)),
            state: AcceptedState::Waiting,
            order,
        };
        Ok((accepted, diverted))
    }

    /// The organization whose operator proved to be the initiator, or why its credential is refused. A
    /// third party speaks for the operators of its own organizations only: anybody else's are to it
    /// like operators that do not exist, in answer and in time (S1, S6), and cannot be locked by its
    /// guesses.
    async fn credential(
        &self,
        permit: &Permit,
        document: &RequestDocument,
        order: &Order,
    ) -> Result<Result<Option<Shortcode>, String>, Refusal> {
        let operator = self.core().initiator(&*self.parts.store, order).map_err(unreadable_store)?;
        let own = operator.as_ref().filter(|operator| speaks_for(permit.third_party(), operator));
        let credential = document.initiator.as_ref().map_or("", |initiator| &initiator.security_credential);
        let own_id = own.map(|operator| operator.id.value());
        match self.parts.access.verify_credential(&permit.third_party().name, own_id, credential).await {
            CredentialVerdict::Verified => Ok(Ok(own.and_then(|operator| operator.shortcode.clone()))),
            CredentialVerdict::Refused(CredentialRefusal::Crowded) => Err(Refusal::Access(access::Refusal::ShareSpent)),
            // Not the sender's fault, so it must not be told 2001 and lose its id for it.
            CredentialVerdict::Refused(CredentialRefusal::Unavailable) => {
                Err(Refusal::Overloaded("credentials cannot be checked"))
            }
            CredentialVerdict::Refused(refusal) => Ok(Err(why_refused(operator.is_some(), own.is_some(), refusal))),
        }
    }

    /// How long a request for this command may wait for the core: as its service says, and never
    /// longer than the settings allow.
    fn expiry(&self, command: &str) -> Duration {
        let core = self.core();
        let service = core.catalogue().command(command);
        let of_service = service.and_then(|service| service.request_seconds_max).map(Duration::from_secs);
        of_service.map_or(self.parts.limits.request_expiry, |limit| limit.min(self.parts.limits.request_expiry))
    }

    fn seal_original(&self, request: &Request, generic: &GenericRequest, order: &Order) -> Result<Sealed, Refusal> {
        let place = original_place(order.conversation.as_str());
        let original = Secret::new(callbacks::shown(&generic.without_header(&request.body)));
        self.parts
            .vault
            .seal(&place, &original, &*self.parts.entropy)
            .map_err(|error| Refusal::Internal(error.to_string()))
    }

    /// Step 8: one commit, then the answer, and beside it the dispatch.
    async fn keep(
        self: &Arc<Self>,
        request: &Request,
        call: &Call<GenericRequest>,
        accepted: Accepted,
        diverted: Vec<String>,
        fingerprint: Vec<u8>,
        place: Place,
    ) -> Result<Acknowledged, Refusal> {
        let (order, version) = (&accepted.order, call.message.version);
        let used = Used { conversation: order.conversation.clone(), fingerprint, cached: self.is_away() };
        let delivery = Some(accepted.delivery.clone());
        let acknowledged = Acknowledged::new(&used, &order.originator_conversation, version, delivery);
        let used_at = used_key(&order.third_party, &order.originator_conversation);
        let mut write_set = WriteSet::new();
        write_set.expect_absent(used_at.clone());
        write_set.expect_absent(accepted_key(&order.conversation));
        write_set.put(used_at, encode(&used));
        write_set.put(accepted_key(&order.conversation), encode(&accepted));
        write_set.put(waiting_key(&order.conversation), Vec::new());
        let answer = &acknowledged.answer;
        let answer = trace::http_answer(answer.status.as_u16(), &answer.headers, &answer.body);
        let mut legs = vec![Leg::masking(LegKind::Request, request.received, trace::http_request(request))];
        for what in diverted {
            let (conversation, third_party) = (order.conversation.as_str(), &order.third_party);
            tracing::warn!(conversation, third_party, what, "a request names where no callback may go");
            legs.push(Leg { kind: LegKind::Diverted, at: request.received, message: what });
        }
        legs.push(Leg::masking(LegKind::Answer, self.parts.clock.now(), answer));
        trace::record(&mut write_set, order.conversation.as_str(), Step::Opening, &legs);
        self.parts.callbacks.hold(&accepted.delivery);
        match self.commit(write_set).await {
            Ok(committed) => {
                let standing = Standing { accepted, version: committed.sequence };
                let conversation = standing.accepted.order.conversation.clone();
                tokio::spawn(Arc::clone(self).dispatch(conversation, Some(standing), place));
                Ok(acknowledged)
            }
            Err(error) => {
                self.parts.callbacks.release(&accepted.delivery);
                self.not_kept(call, order, &used.fingerprint, error)
            }
        }
    }

    /// The same request came twice at once, or the store could not take it.
    fn not_kept(
        &self,
        call: &Call<GenericRequest>,
        order: &Order,
        fingerprint: &[u8],
        error: CommitError,
    ) -> Result<Acknowledged, Refusal> {
        match error {
            CommitError::Expectation(_) => match self.repeated(call.permit.third_party(), order, fingerprint)? {
                Some(before) => {
                    Ok(Acknowledged::new(&before, &order.originator_conversation, call.message.version, None))
                }
                None => Err(Refusal::Internal("a conversation id was drawn twice".into())),
            },
            CommitError::Busy => Err(Refusal::Overloaded("the store's queue is full")),
            CommitError::Full => Err(Refusal::Overloaded("the store has no room")),
            error => Err(Refusal::Internal(error.to_string())),
        }
    }

    fn acknowledge(&self, acknowledged: Acknowledged) -> Answer {
        self.parts.metrics.answer(&acknowledged.code);
        let mut answer = acknowledged.answer;
        if let Some(delivery) = acknowledged.delivery {
            let callbacks = Arc::clone(&self.parts.callbacks);
            answer.written = Some(Box::new(move || callbacks.release(&delivery)));
        }
        answer
    }

    /// The third party's share of the places among the waiting.
    fn share(&self, permit: &Permit) -> Result<Share, Refusal> {
        self.shares.take(&permit.third_party().name).map_err(|none| match none {
            NoShare::PartyHasItsShare => Refusal::Access(access::Refusal::ShareSpent),
            NoShare::AllTaken => Refusal::Overloaded("too many requests wait for the core"),
        })
    }
}

/// The shortcode that starts a request: whose money or balance it is about.
fn starter(document: &RequestDocument) -> Option<&str> {
    let party = document.primary_party.as_ref().or(document.receiver_party.as_ref());
    let party = party.filter(|party| party.identifier_type == SHORTCODE).map(|party| party.identifier.as_str());
    party.or(document.initiator.as_ref().and_then(|initiator| initiator.short_code.as_deref()))
}

/// A third party speaks for the operators of its own organizations only.
pub(super) fn speaks_for(third_party: &ThirdParty, operator: &Operator) -> bool {
    let shortcodes = &third_party.shortcodes;
    operator.shortcode.as_ref().is_some_and(|shortcode| shortcodes.iter().any(|own| own == shortcode.as_str()))
}

/// Why a credential was refused, for logs: of operators of others, that they are that.
pub(super) fn why_refused(operator_known: bool, spoken_for: bool, refusal: CredentialRefusal) -> String {
    match (operator_known, spoken_for) {
        (true, false) => "the operator is of an organization that the third party does not act for".to_owned(),
        _ => refusal.reason().to_owned(),
    }
}

fn initiator(fields: &InitiatorFields) -> core::Initiator {
    core::Initiator {
        identifier_type: fields.identifier_type,
        identifier: fields.identifier.clone(),
        short_code: fields.short_code.clone(),
    }
}

fn party(fields: &PartyFields) -> core::Party {
    core::Party {
        identifier_type: fields.identifier_type,
        identifier: fields.identifier.clone(),
        short_code: fields.short_code.clone(),
    }
}

pub(super) fn first_url<const N: usize>(urls: [Option<&str>; N]) -> Option<String> {
    urls.into_iter().flatten().map(str::trim).find(|url| !url.is_empty()).map(str::to_owned)
}

pub(super) fn unreadable_store(error: ReadError) -> Refusal {
    Refusal::Internal(error.to_string())
}
