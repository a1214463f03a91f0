//! A customer's payment, from the handset side to the organization (domain.md 5, protocol.md 4.1):
//! authorize, ask the organization, complete or cancel, confirm.
//!
//! The payer's funds are reserved durably before anybody is asked, and the reservation ends in one
//! commit with the confirmation (L3, D1). An answer of the organization's that comes after the
//! payer's window finds nobody waiting (D5).

use serde::{Deserialize, Serialize};

use super::Broker;
use super::fingerprint;
use super::retry::{Next, Tries, Undecided};
use super::trace::{self, Leg, LegKind, Step};
use super::validation::{Heard, Said};
use super::wire::ConfirmationNews;
use crate::callbacks::{Callback, DeliveryId, Kind, Queued, enqueue};
use crate::core::catalogue::Flow;
use crate::core::{CancelReason, CustomerPayment, Decision, Held, Report, SettleError, State, Transaction, directory};
use crate::mminterface::C2bPayment;
use crate::store::{Key, ReadError, Stored, WriteSet, decode, encode};

/// What a gateway asked for under one of its session ids, and what became of it. The counters that
/// the report shows are captured beside the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    /// Of the payload; see [`super::fingerprint`].
    #[serde(with = "serde_bytes")]
    fingerprint: Vec<u8>,
    /// What it was told, once settled.
    report: Option<Report>,
}

impl Stored for Session {
    const NAME: &'static str = "a handset session";
}

/// What the gateway is told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The outcome.
    pub report: Report,
    /// The counters that it shows.
    pub captured: Vec<i64>,
}

/// Why the gateway gets no outcome.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPaid {
    /// The session id was used for another payment.
    #[error("the SessionID was used before for another payment")]
    OtherPayment,
    /// The core is away, and the payer does not wait for it.
    #[error("the core is away")]
    Away,
    /// The same payment is under way right now.
    #[error("the payment is under way")]
    UnderWay,
    /// What is reserved is no payment of a handset.
    #[error("the reservation is not a handset's")]
    NoHandset,
    /// It could not be decided.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

impl From<ReadError> for NotPaid {
    fn from(error: ReadError) -> Self {
        Self::Undecided(error.into())
    }
}

/// What became of the first half of a payment.
pub(super) enum Authorized {
    /// The funds are reserved, by the commit of this number.
    Reserved(Box<Transaction>, u64),
    /// A rule forbade it, or it was told before.
    Ended(Told),
}

impl Broker {
    /// Takes a payment from its submission, the message of which is kept, to its end.
    pub(super) async fn pay(&self, payment: CustomerPayment, submission: &str) -> Result<Told, NotPaid> {
        let fingerprint = fingerprint::of_payment(&payment);
        let (transaction, written) = match self.authorize(&payment, fingerprint, submission).await? {
            Authorized::Ended(told) => return Ok(told),
            Authorized::Reserved(transaction, written) => (transaction, written),
        };
        let deadline = payment.received.plus(self.parts.limits.validation_window);
        let heard = self.ask(&transaction, deadline).await?;
        let session = session_key(&payment.gateway, &payment.session);
        self.settle(Held::Written(transaction, written), &session, heard).await
    }

    fn told_before(&self, session: &Key, fingerprint: &[u8]) -> Result<Option<Told>, NotPaid> {
        let Some(record) = self.parts.store.record(session)? else { return Ok(None) };
        let before: Session = decode(&record)?;
        if before.fingerprint != fingerprint {
            return Err(NotPaid::OtherPayment);
        }
        match before.report {
            Some(report) => Ok(Some(Told { report, captured: record.captured })),
            None => Err(NotPaid::UnderWay),
        }
    }

    pub(super) async fn authorize(
        &self,
        payment: &CustomerPayment,
        fingerprint: Vec<u8>,
        submission: &str,
    ) -> Result<Authorized, NotPaid> {
        let session = session_key(&payment.gateway, &payment.session);
        let mut tries = Tries::default();
        let mut declined = None;
        loop {
            if let Some(told) = self.told_before(&session, &fingerprint)? {
                return Ok(Authorized::Ended(told));
            }
            if self.is_away() {
                return Err(NotPaid::Away);
            }
            let mut decision = match declined.take() {
                Some(decision) => decision,
                None => {
                    let (facts, now) = (&*self.parts.store, self.parts.clock.now());
                    self.parts.core.at(now).authorize(facts, payment, now, self.draw())?
                }
            };
            // What nobody has to agree to is completed already.
            let reserved = decision.transaction.as_ref().is_some_and(|made| made.state == State::Authorized);
            let report = (!reserved).then(|| decision.report.clone());
            let record = Session { fingerprint: fingerprint.clone(), report };
            let mut write_set = std::mem::take(&mut decision.write_set);
            write_set.expect_absent(session.clone());
            write_set.put_capturing(session.clone(), encode(&record), decision.captures.clone());
            let conversation = payment.conversation.as_str();
            let opening = Leg::masking(LegKind::Submission, payment.received, submission);
            trace::record(&mut write_set, conversation, Step::Opening, &[opening]);
            let error = match self.commit(write_set).await {
                Ok(committed) => match decision.transaction.take().filter(|_| reserved) {
                    Some(transaction) => return Ok(Authorized::Reserved(transaction, committed.sequence)),
                    None => {
                        self.log_payment(&decision);
                        continue;
                    }
                },
                Err(error) => error,
            };
            if let Next::Bound(error) = tries.after(error).await? {
                declined = self.core().bounded(&decision, &error);
            }
        }
    }

    /// Ends the reservation: completed with its confirmation, or given back.
    pub(super) async fn settle(&self, held: Held, session: &Key, heard: Heard) -> Result<Told, NotPaid> {
        let receipt = held.receipt();
        let mut known = Some(held);
        let Heard { mut said, legs } = heard;
        let mut tries = Tries::default();
        loop {
            let mut decision = match self.end(known.take().unwrap_or(Held::Receipt(receipt)), &said) {
                Ok(decision) => decision,
                Err(SettleError::Overdue(_)) => {
                    said = Said::No(CancelReason::Expired);
                    continue;
                }
                Err(SettleError::PayeeClosed(_)) => {
                    said = Said::No(CancelReason::PayeeClosed);
                    continue;
                }
                // Somebody was faster, who also wrote down what to tell.
                Err(SettleError::Ended { .. }) => return self.told(session),
                Err(error) => return Err(NotPaid::Undecided(error.into())),
            };
            let mut write_set = std::mem::take(&mut decision.write_set);
            self.note_told(&mut write_set, session, &decision)?;
            if let Some(transaction) = &decision.transaction {
                trace::record(&mut write_set, transaction.conversation.as_str(), Step::Question, &legs);
            }
            let queued = match decision.transaction.as_ref().filter(|_| decision.report.code.is_success()) {
                Some(transaction) => self.confirm(&mut write_set, transaction)?,
                None => None,
            };
            match self.commit(write_set).await {
                Ok(_) => {
                    queued.into_iter().for_each(|queued| self.parts.callbacks.wake(queued));
                    self.log_payment(&decision);
                    return self.told(session);
                }
                Err(error) => match tries.after(error).await? {
                    Next::Again => {}
                    // What was reserved always fits back; only our own fault gets here.
                    Next::Bound(error) => return Err(Undecided::Commit(error).into()),
                },
            }
        }
    }

    fn end(&self, held: Held, said: &Said) -> Result<Decision, SettleError> {
        let (facts, now) = (&*self.parts.store, self.parts.clock.now());
        match said {
            Said::Yes { third_party_trans_id } => {
                self.parts.core.at(now).complete(facts, held, third_party_trans_id.as_deref(), now)
            }
            Said::No(reason) => self.parts.core.at(now).cancel(facts, held, reason.clone(), now),
        }
    }

    /// What the gateway is told goes into the commit that makes it true.
    fn note_told(&self, write_set: &mut WriteSet, session: &Key, decision: &Decision) -> Result<(), ReadError> {
        let Some(record) = self.parts.store.record(session)? else { return Ok(()) };
        let before: Session = decode(&record)?;
        let after = Session { report: Some(decision.report.clone()), ..before };
        write_set.expect_version(session.clone(), record.version);
        write_set.put_capturing(session.clone(), encode(&after), decision.captures.clone());
        Ok(())
    }

    fn told(&self, session: &Key) -> Result<Told, NotPaid> {
        let record = self.parts.store.record(session)?.ok_or(NotPaid::UnderWay)?;
        let report = decode::<Session>(&record)?.report.ok_or(NotPaid::UnderWay)?;
        Ok(Told { report, captured: record.captured })
    }

    /// Queues the confirmation in the commit that completes the payment.
    fn confirm(&self, write_set: &mut WriteSet, transaction: &Transaction) -> Result<Option<Queued>, ReadError> {
        let payee = &transaction.credit.account;
        let (Some(registration), Some(owner)) = (self.registration(transaction)?, payee.holder.shortcode()) else {
            return Ok(None);
        };
        let conversation = transaction.conversation.as_str().to_owned();
        let news = ConfirmationNews { conversation, payment: self.c2b(transaction)? };
        let callback = Callback {
            kind: Kind::Confirmation,
            owner: owner.as_str().to_owned(),
            third_party: registration.third_party,
            url: registration.confirmation_url,
            payload: news.to_bytes(),
        };
        let id = DeliveryId::draw(&*self.parts.entropy);
        Ok(Some(enqueue(write_set, callback, id, self.parts.clock.now(), vec![payee.available()])))
    }

    /// The payment as the organization sees it. The balance after it is known at the commit.
    pub(super) fn c2b(&self, transaction: &Transaction) -> Result<C2bPayment, ReadError> {
        let core = self.core();
        let trans_type = match core.catalogue().command(&transaction.command).map(|service| &service.flow) {
            Some(Flow::CustomerPayment(rules)) => rules.trans_type.clone(),
            _ => transaction.command.clone(),
        };
        Ok(C2bPayment {
            trans_type,
            trans_id: transaction.receipt.to_string(),
            trans_time: self.parts.zone.compact(transaction.initiated),
            trans_amount: transaction.amount.to_string(),
            business_short_code: transaction.credit.account.holder.to_string(),
            bill_ref_number: transaction.account_reference.clone(),
            org_account_balance: None,
            third_party_trans_id: transaction.third_party_trans_id.clone(),
            msisdn: transaction.debit.account.holder.to_string(),
            kyc: self.kyc(transaction)?,
        })
    }

    /// The payer's names: three KYCInfo, always (protocol.md 4.3).
    fn kyc(&self, transaction: &Transaction) -> Result<Vec<(String, String)>, ReadError> {
        let name = match &transaction.debit.account.holder {
            crate::core::Holder::Subscriber(msisdn) => directory::subscriber(&*self.parts.store, msisdn)?,
            _ => None,
        }
        .map(|subscriber| subscriber.name)
        .unwrap_or_default();
        let parts = [("First Name", name.first), ("Middle Name", name.middle), ("Last Name", name.last)];
        Ok(parts.map(|(part, value)| (format!("[Personal Details][{part}]"), value)).into())
    }

    fn log_payment(&self, decision: &Decision) {
        let report = &decision.report;
        self.parts.metrics.answer(report.code.as_str());
        tracing::info!(
            receipt = report.receipt.as_str(),
            code = report.code.as_str(),
            reason = decision.private,
            "customer's payment decided"
        );
    }
}

/// What became of a gateway's session.
pub(super) fn session_key(gateway: &str, session: &str) -> Key {
    Key::of("payment").text(gateway).text(session)
}
