//! What callbacks say and what their answers mean: the payloads that the outbox keeps, and their
//! forms on the wire (protocol.md 3 and 4.3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::accepted::original_place;
use super::call::switched;
use super::mask::masked;
use super::style;
use super::trace;
use crate::access::{Access, Sealed, Vault};
use crate::callbacks::{Acknowledgement, Document, Exchange, Kind, PaymentQueryResult, Wire, shown};
use crate::core::{Order, Report};
use crate::mminterface::{
    C2bPayment, Interfaces, Read, ReceiverStyle, ResultDocument, Tolerances, ValidationResult, write_confirmation,
    write_queue_timeout, write_result,
};
use crate::store::{self, Fields, Record, Store, Stored, WriteSet, encode};
use crate::telemetry::metrics::Metrics;

/// The result of a third party's request, as it is kept until it is delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ResultNews {
    /// The third party's name for the conversation.
    pub originator_conversation: String,
    /// Our name for it.
    pub conversation: String,
    /// What became of it.
    pub report: Report,
    /// Whose style it is sent in: the first of them who has one.
    #[serde(default)]
    pub owners: Vec<String>,
}

impl Stored for ResultNews {
    const NAME: &'static str = "a result";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

impl ResultNews {
    /// The result of an order.
    pub fn of(order: &Order, report: Report, owners: Vec<String>) -> Self {
        Self {
            originator_conversation: order.originator_conversation.clone(),
            conversation: order.conversation.as_str().to_owned(),
            report,
            owners,
        }
    }

    /// As kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    fn document(self, captured: &[i64]) -> ResultDocument {
        let parameters = self.report.rendered(captured);
        let Report { code, description, receipt, reference, .. } = self.report;
        ResultDocument {
            result_type: 0,
            result_code: code.to_string(),
            result_desc: description,
            originator_conversation_id: self.originator_conversation,
            conversation_id: self.conversation,
            transaction_id: Some(receipt.to_string()),
            parameters,
            reference_data: reference,
        }
    }
}

/// The notice that a request expired, as it is kept until it is delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TimeoutNews {
    /// The third party's name for the conversation.
    pub originator_conversation: String,
    /// Our name for it.
    pub conversation: String,
    /// The request without its header, sealed: it holds a SecurityCredential (S5).
    pub original: Option<Sealed>,
}

impl Stored for TimeoutNews {
    const NAME: &'static str = "a timeout notice";
}

impl TimeoutNews {
    /// As kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

/// A payment that is confirmed to the organization, as it is kept until it is delivered. The
/// organization's balance after it is captured at its commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ConfirmationNews {
    /// Our name for the conversation.
    pub conversation: String,
    /// What is confirmed.
    pub payment: C2bPayment,
}

impl Stored for ConfirmationNews {
    const NAME: &'static str = "a confirmation";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

impl ConfirmationNews {
    /// As kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

/// The wire of callbacks: SOAP in the form of each receiver.
#[derive(Debug)]
pub struct SoapWire {
    /// Opens what was sealed.
    pub vault: Arc<Vault>,
    /// Knows receivers' styles.
    pub store: Arc<dyn Store>,
    /// Knows how patiently a third party's answers are read.
    pub access: Arc<Access>,
    /// What answers must fit.
    pub interfaces: Arc<Interfaces>,
    /// Where uses of tolerances are counted.
    pub metrics: Arc<Metrics>,
}

impl SoapWire {
    fn style<'o>(&self, owners: impl IntoIterator<Item = &'o str>) -> Result<ReceiverStyle, String> {
        style::of_first(&*self.store, owners).map_err(|error| error.to_string())
    }

    fn tolerances(&self, third_party: &str) -> Tolerances {
        let party = self.access.third_party(third_party);
        party.map_or_else(Tolerances::default, |party| switched(&party.tolerances))
    }

    fn counted<T>(&self, read: Read<T>) -> T {
        read.tolerances.iter().for_each(|name| self.metrics.tolerance_used(name));
        read.value
    }
}

impl Wire for SoapWire {
    fn render(&self, kind: Kind, payload: &[u8], captured: &[i64]) -> Result<Document, String> {
        let (about, text) = match kind {
            Kind::Result => {
                let news = decoded::<ResultNews>(payload)?;
                let style = self.style(news.owners.iter().map(String::as_str))?;
                let result = news.document(captured);
                let text = write_result(&result, style.result);
                (result.conversation_id, text)
            }
            Kind::Timeout => {
                let news: TimeoutNews = decoded(payload)?;
                let sealed = news.original.ok_or("the original request is gone")?;
                let place = original_place(&news.conversation);
                let original = self.vault.open(&place, &sealed).map_err(|error| error.to_string())?;
                let text = write_queue_timeout(&news.originator_conversation, original.expose().as_bytes());
                (news.conversation, text)
            }
            Kind::Confirmation => {
                let ConfirmationNews { conversation, mut payment } = decoded(payload)?;
                if let Some(balance) = captured.first() {
                    payment.org_account_balance = Some(crate::core::Amount::from_minor(*balance).to_string());
                }
                let style = self.style([payment.business_short_code.as_str()])?;
                (conversation, write_confirmation(&payment, style.c2b))
            }
        };
        Ok(Document { body: text.into_bytes(), about })
    }

    fn trace(&self, write_set: &mut WriteSet, exchange: &Exchange<'_>) {
        trace::record_exchange(write_set, exchange);
    }

    fn excerpt(&self, body: &[u8]) -> String {
        masked(shown(body))
    }

    fn acknowledgement(&self, third_party: &str, kind: Kind, body: &[u8]) -> Acknowledgement {
        self.counted(self.interfaces.read_acknowledgement(kind.into(), body, self.tolerances(third_party)))
    }

    fn validation_result(&self, third_party: &str, body: &[u8]) -> Option<ValidationResult> {
        self.interfaces.read_verdict(body, self.tolerances(third_party)).map(|read| self.counted(read))
    }

    fn payment_query_result(&self, third_party: &str, body: &[u8]) -> Option<PaymentQueryResult> {
        self.interfaces.read_payment_query_result(body, self.tolerances(third_party)).map(|read| self.counted(read))
    }

    fn soap_action(&self, kind: Kind) -> Option<&'static str> {
        (kind == Kind::Confirmation).then_some("ConfirmC2BPayment")
    }
}

fn decoded<T: Stored>(payload: &[u8]) -> Result<T, String> {
    let record = Record { version: 0, value: payload.to_vec().into(), captured: Vec::new() };
    store::decode(&record).map_err(|error| error.to_string())
}
