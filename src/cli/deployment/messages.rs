//! What the demonstration's programs send: documents and envelopes as legacy programs build them, from
//! nothing but what `demo.json` says. For `lango demo`, the tests and the benchmarks.

use anyhow::Result;

use super::ReadDemonstration;
use crate::access::{security_credential, sp_password};
use crate::mminterface::{
    Caller, CallerHeader, InitiatorFields, PartyFields, RequestDocument, write_request_document, write_request_envelope,
};

/// The time in headers. Nothing in it is looked at; it goes into the digest as it is.
const TIME_STAMP: &str = "20261123104512";

/// Who calls, as the SOAP header says.
#[derive(Clone, Copy)]
pub struct Claimed<'a> {
    /// The spId.
    pub sp_id: &'a str,
    /// The serviceId, if it is told.
    pub service_id: Option<&'a str>,
    /// The password that goes into the digest.
    pub password: &'a str,
}

/// A payment that a third party asks for.
#[derive(Clone, Copy, Debug)]
pub struct PayOut<'a> {
    /// The command ID.
    pub command: &'a str,
    /// The operator's user name.
    pub initiator: &'a str,
    /// The organization that pays, and whose operator it is.
    pub shortcode: &'a str,
    /// The subscriber who is paid.
    pub receiver: &'a str,
    /// How much.
    pub amount: &'a str,
}

impl ReadDemonstration {
    /// The third party's true claim to be itself.
    pub fn claim(&self) -> Claimed<'_> {
        let party = &self.file.third_party;
        Claimed { sp_id: &party.sp_id, service_id: Some(&party.service_id), password: &party.password }
    }

    /// A payment that is in order.
    pub fn salary(&self) -> PayOut<'_> {
        PayOut {
            command: "BusinessPayment",
            initiator: &self.file.initiator.name,
            shortcode: &self.file.initiator.shortcode,
            receiver: self.file.subscribers.first().map_or("", |subscriber| &subscriber.msisdn),
            amount: "1000.00",
        }
    }

    /// The document that asks for a payment.
    pub fn pay_out(&self, id: &str, order: &PayOut<'_>) -> Result<RequestDocument> {
        Ok(RequestDocument {
            remark: Some("November".into()),
            parameters: vec![("Amount".into(), order.amount.into())],
            primary_party: Some(party(4, order.shortcode)),
            receiver_party: Some(party(1, order.receiver)),
            ..self.document(order.command, id, order.initiator, order.shortcode)?
        })
    }

    /// The document that asks for the balances of the initiator's organization.
    pub fn balance(&self, id: &str) -> Result<RequestDocument> {
        let initiator = &self.file.initiator;
        Ok(RequestDocument {
            parameters: vec![("ShortCode".into(), initiator.shortcode.clone())],
            receiver_party: Some(party(4, &initiator.shortcode)),
            ..self.document("AccountBalance", id, &initiator.name, &initiator.shortcode)?
        })
    }

    /// The envelope around a document, with the header that belongs to the claim.
    pub fn envelope(&self, claimed: Claimed<'_>, document: &RequestDocument) -> String {
        envelope_around(claimed, &write_request_document(document))
    }

    fn document(&self, command: &str, id: &str, initiator: &str, shortcode: &str) -> Result<RequestDocument> {
        let operator = &self.file.initiator;
        Ok(RequestDocument {
            command_id: command.into(),
            originator_conversation_id: id.into(),
            timestamp: Some("2026-11-23T10:45:12.0000521Z".into()),
            caller: Caller {
                caller_type: "2".into(),
                third_party_id: Some("broker_4".into()),
                result_url: Some(format!("{}/result", self.file.receiver.url)),
                ..Caller::default()
            },
            initiator: Some(InitiatorFields {
                identifier_type: 11,
                identifier: initiator.into(),
                security_credential: security_credential(&operator.password, &self.read(&operator.credential_cert)?)?,
                short_code: Some(shortcode.into()),
            }),
            key_owner: Some(1),
            ..RequestDocument::default()
        })
    }
}

/// The envelope around the text of a document, whatever it is.
pub fn envelope_around(claimed: Claimed<'_>, document: &str) -> String {
    let header = CallerHeader {
        sp_id: claimed.sp_id.into(),
        sp_password: Some(sp_password(claimed.sp_id, claimed.password, TIME_STAMP)),
        service_id: claimed.service_id.map(str::to_owned),
        time_stamp: Some(TIME_STAMP.into()),
    };
    write_request_envelope(&header, document)
}

fn party(identifier_type: u32, identifier: &str) -> PartyFields {
    PartyFields { identifier_type, identifier: identifier.into(), short_code: None }
}
