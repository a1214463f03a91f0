//! What would become of a third party's request, gate by gate, for the provider's operators. The gates
//! are the same code that requests go through; but nobody is let in, nothing is counted or used up, and
//! what the core decides is not committed.

use std::net::IpAddr;
use std::sync::Arc;

use super::call::{claim, switched};
use super::describe::Description;
use super::destination::Destinations;
use super::register_url::wanted;
use super::request::{speaks_for, unreadable_store, why_refused};
use super::{Broker, Refusal, fingerprint};
use crate::access::{CredentialVerdict, KeyFingerprint, NetworkKind, ThirdParty};
use crate::core::{Account, Credential, Decision, Order, Report, ResultCode};
use crate::mminterface::{
    DocumentFailure, DocumentKind, GenericRequest, MediaFailure, Read, ReadFailure, RequestDocument, Tolerances,
    in_utf8,
};
use crate::soap::Version;

/// A request as somebody has it in a file, and what is known of how it came.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The path that it was sent to.
    pub path: String,
    /// Its body.
    pub message: Vec<u8>,
    /// Where it came from; without it, no gate asks.
    pub address: Option<IpAddr>,
    /// The key of its client certificate; likewise.
    pub key: Option<KeyFingerprint>,
}

/// How one gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It lets the request through.
    Open,
    /// It does not.
    Closed,
    /// It was not asked: what it needs to know was not said.
    NotAsked,
}

/// One gate's verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which gate.
    pub gate: &'static str,
    /// How it stands.
    pub stands: Stands,
    /// What it found, or its private reason.
    pub detail: String,
    /// What the sender gets to know of a closed gate; nothing where the connection is closed without a word.
    pub told: Option<Told>,
}

/// What the sender of a request gets to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The public code.
    pub code: String,
    /// Its text.
    pub text: String,
    /// By the result, after a request that was accepted; otherwise by the answer.
    pub by_result: bool,
}

impl Told {
    fn by_result(code: ResultCode, text: &str) -> Self {
        Self { code: code.to_string(), text: text.to_owned(), by_result: true }
    }
}

impl Step {
    fn open(gate: &'static str, detail: impl Into<String>) -> Self {
        Self { gate, stands: Stands::Open, detail: detail.into(), told: None }
    }

    fn not_asked(gate: &'static str, detail: &str) -> Self {
        Self { gate, stands: Stands::NotAsked, detail: detail.to_owned(), told: None }
    }

    fn closed(gate: &'static str, refusal: &Refusal) -> Self {
        let told = Told { code: refusal.code().to_owned(), text: refusal.description(), by_result: false };
        Self { gate, stands: Stands::Closed, detail: refusal.reason(), told: Some(told) }
    }

    fn of(gate: &'static str, verdict: Result<String, Refusal>) -> Self {
        match verdict {
            Ok(detail) => Self::open(gate, detail),
            Err(refusal) => Self::closed(gate, &refusal),
        }
    }
}

/// A request whose sender is on record and whose document could be read.
struct Understood {
    third_party: Arc<ThirdParty>,
    document: RequestDocument,
    tolerances: Tolerances,
}

impl Broker {
    /// Asks each gate on the way of a request, in the order of the way. A gate that needs what a closed one
    /// before it would have found is left out.
    pub async fn explain(&self, inquiry: &Inquiry) -> Vec<Step> {
        let kind = match Description::of_third_party_path(&inquiry.path, &self.parts.change_password_path) {
            Some(Description::Request) => DocumentKind::Request,
            Some(Description::RegisterUrl) => DocumentKind::RegisterUrl,
            _ => return vec![not_explained(&inquiry.path)],
        };
        let mut steps = vec![self.address_step(inquiry.address)];
        let Some(understood) = self.understand(inquiry, kind, &mut steps) else { return steps };
        match kind {
            DocumentKind::Request => self.order_steps(&understood, &mut steps).await,
            DocumentKind::RegisterUrl => steps.push(self.registration_step(&understood)),
        }
        steps
    }

    fn address_step(&self, address: Option<IpAddr>) -> Step {
        let Some(address) = address else { return Step::not_asked("address", "nobody said where it came from") };
        match self.parts.access.admits(address) {
            true => Step::open("address", format!("{address} is in some third party's network")),
            false => Step {
                gate: "address",
                stands: Stands::Closed,
                detail: format!("{address} is in nobody's network: the connection is closed before the handshake"),
                told: None,
            },
        }
    }

    /// Envelope, caller and document.
    fn understand(&self, inquiry: &Inquiry, kind: DocumentKind, steps: &mut Vec<Step>) -> Option<Understood> {
        let (read, tolerances) = match self.envelope(inquiry) {
            Ok(read) => read,
            Err(step) => {
                steps.push(step);
                return None;
            }
        };
        let GenericRequest { header, document, document_position, version, .. } = &read.value;
        let version = if *version == Version::Soap12 { "SOAP 1.2" } else { "SOAP 1.1" };
        steps.push(Step::open("envelope", format!("{version}{}", patience(&read.tolerances))));
        let need = match kind {
            DocumentKind::Request => NetworkKind::Vpn,
            DocumentKind::RegisterUrl => self.registration_need(),
        };
        let (third_party, gates) = self.parts.access.examine(&claim(header), inquiry.address, inquiry.key, need);
        steps.extend(gates.into_iter().map(|one| match one.verdict {
            Some(verdict) => Step::of(one.gate, verdict.map_err(Refusal::Access)),
            None => Step::not_asked(one.gate, "what it needs to know was not said"),
        }));
        match self.parts.interfaces.read_document(kind, document, *document_position, tolerances) {
            Ok(read) => {
                let command = &read.value.command_id;
                steps.push(Step::open("document", format!("{command}{}", patience(&read.tolerances))));
                third_party.map(|third_party| Understood { third_party, document: read.value, tolerances })
            }
            Err(failure) => {
                steps.push(Step::closed("document", &Refusal::Document(failure)));
                None
            }
        }
    }

    /// The envelope, read as patiently as the third party's messages are: its certificate says whose they
    /// are, or, if nobody showed one, its header.
    fn envelope(&self, inquiry: &Inquiry) -> Result<(Read<GenericRequest>, Tolerances), Step> {
        let access = &self.parts.access;
        let of_key = inquiry.key.and_then(|key| access.third_party_with_key(&key));
        let tolerances = of_key.as_ref().map_or_else(Tolerances::default, |party| switched(&party.tolerances));
        let read = self.read_envelope(&inquiry.message, tolerances)?;
        let header = &read.value.header;
        let named =
            access.third_parties().into_iter().find(|party| inquiry.key.is_none() && party.sp_id == header.sp_id);
        let Some(named) = named else { return Ok((read, tolerances)) };
        let tolerances = switched(&named.tolerances);
        Ok((self.read_envelope(&inquiry.message, tolerances)?, tolerances))
    }

    fn read_envelope(&self, message: &[u8], tolerances: Tolerances) -> Result<Read<GenericRequest>, Step> {
        let closed = |failure: ReadFailure| match failure {
            ReadFailure::Refused { code, description, reason } => {
                Step::closed("envelope", &Refusal::Document(DocumentFailure { code, description, reason }))
            }
            ReadFailure::Fault(fault) => Step {
                gate: "envelope",
                stands: Stands::Closed,
                detail: fault.reason.clone(),
                told: Some(Told { code: "a SOAP fault".to_owned(), text: fault.reason, by_result: false }),
            },
        };
        let utf8 = in_utf8(Some("text/xml"), message, tolerances).map_err(|failure| match failure {
            MediaFailure::Encoding(fault) => closed(ReadFailure::Fault(fault)),
            MediaFailure::MediaType => Step::not_asked("envelope", "its media type is not known"),
        })?;
        self.parts.interfaces.read_request(&utf8.value, tolerances).map_err(closed)
    }

    fn registration_step(&self, understood: &Understood) -> Step {
        let Understood { third_party, document, tolerances } = understood;
        let registered = wanted(document, *tolerances)
            .and_then(|wanted| self.registration_of(third_party, wanted.value))
            .and_then(|registration| self.registering(&registration).map(|_| registration));
        let told = registered.map(|registration| {
            format!("confirmations for {} would go to {}", registration.shortcode, registration.confirmation_url)
        });
        Step::of("registration", told)
    }

    async fn order_steps(&self, understood: &Understood, steps: &mut Vec<Step>) {
        let Understood { third_party, document, .. } = understood;
        let fits = self.must_be_order(document);
        let goes_on = fits.is_ok();
        steps.push(Step::of("command", fits.map(|()| "it can be ordered, and has the parameters it needs".to_owned())));
        if !goes_on {
            return;
        }
        let order = self.order(self.parts.clock.now(), &third_party.name, document);
        let repeat = self.repeat_step(third_party, document, &order);
        let is_new = repeat.stands == Stands::Open;
        steps.push(repeat);
        match self.credential_step(third_party, document, &order).await {
            Ok((step, credential)) => {
                steps.push(step);
                // A request that was answered before is not decided again.
                if is_new {
                    steps.push(self.destinations_step(third_party, document, &order));
                    steps.push(self.core_step(&order, credential));
                }
            }
            Err(refusal) => steps.push(Step::closed("credential", &refusal)),
        }
    }

    fn repeat_step(&self, third_party: &ThirdParty, document: &RequestDocument, order: &Order) -> Step {
        let fingerprint = fingerprint::of_order(order, document.caller.result_url.as_deref());
        match self.repeated(third_party, order, &fingerprint) {
            Ok(None) => Step::open("repeat", "its OriginatorConversationID is new"),
            Ok(Some(used)) => Step {
                gate: "repeat",
                stands: Stands::NotAsked,
                detail: format!("it was sent before, and gets the answer of {} again", used.conversation.as_str()),
                told: None,
            },
            Err(refusal) => Step::closed("repeat", &refusal),
        }
    }

    /// What a credential is found to be worth. The sender learns it from the result.
    async fn credential_step(
        &self,
        third_party: &ThirdParty,
        document: &RequestDocument,
        order: &Order,
    ) -> Result<(Step, Credential), Refusal> {
        let operator = self.core().initiator(&*self.parts.store, order).map_err(unreadable_store)?;
        let own = operator.as_ref().filter(|operator| speaks_for(third_party, operator));
        let sent = document.initiator.as_ref().map_or("", |initiator| &initiator.security_credential);
        let verdict = self.parts.access.examine_credential(own.map(|operator| operator.id.value()), sent).await;
        let reason = match verdict {
            CredentialVerdict::Verified => {
                return Ok((Step::open("credential", "the operator's, and in force"), Credential::Verified));
            }
            CredentialVerdict::Refused(refusal) => why_refused(operator.is_some(), own.is_some(), refusal),
        };
        let told = Told::by_result(ResultCode::Initiator, ResultCode::Initiator.text());
        let step = Step { gate: "credential", stands: Stands::Closed, detail: reason.clone(), told: Some(told) };
        Ok((step, Credential::Refused(reason)))
    }

    /// Where the news of it would go. No URL keeps a request back.
    fn destinations_step(&self, third_party: &ThirdParty, document: &RequestDocument, order: &Order) -> Step {
        let result_url = document.caller.result_url.as_deref();
        let Destinations { result, diverted, .. } = self.destinations(third_party, result_url, &order.reference);
        let detail = match result {
            _ if !diverted.is_empty() => diverted.join("; "),
            Some(_) => "the result goes to a URL that may be called".to_owned(),
            None => "nobody named a URL for the result".to_owned(),
        };
        Step::open("callbacks", detail)
    }

    fn core_step(&self, order: &Order, credential: Credential) -> Step {
        let now = self.parts.clock.now();
        match self.parts.core.at(now).execute(&*self.parts.store, order, credential, now, self.draw()) {
            Ok(decision) => decided(&decision),
            Err(error) => Step::closed("core", &unreadable_store(error)),
        }
    }
}

/// What the core decided, without its receipt, which is not issued.
fn decided(decision: &Decision) -> Step {
    let Report { code, description, .. } = &decision.report;
    if !code.is_success() && *code != ResultCode::AwaitingApproval {
        return Step {
            gate: "core",
            stands: Stands::Closed,
            detail: decision.private.clone(),
            told: Some(Told::by_result(*code, description)),
        };
    }
    Step::open("core", moves(decision).unwrap_or_else(|| description.clone()))
}

/// What a decision moves, in words.
fn moves(decision: &Decision) -> Option<String> {
    let made = decision.transaction.as_ref()?;
    let named = |account: &Account| format!("the {} of {}", account.kind.alias(), account.holder);
    let mut told = format!("{} from {} to {}", made.amount, named(&made.debit.account), named(&made.credit.account));
    for charge in &made.charges {
        told.push_str(&format!(", {} ({}) from {}", charge.amount, charge.label, named(&charge.account)));
    }
    Some(told)
}

fn patience(tolerances: &[&'static str]) -> String {
    match tolerances {
        [] => String::new(),
        names => format!(", let through by {}", names.join(", ")),
    }
}

fn not_explained(path: &str) -> Step {
    Step {
        gate: "path",
        stands: Stands::Closed,
        detail: format!("\"{path}\" is not explained; /mminterface/request and /mminterface/registerURL are"),
        told: None,
    }
}
