//! Whether two requests are the same one sent twice: a digest over what they ask for.
//!
//! Left out is what a client makes anew when it sends the same request again: the header with its
//! timestamp and spPassword, the SecurityCredential (its padding is random) and the message's own
//! Timestamp.

use aws_lc_rs::digest::{Context, SHA256};

use crate::core::{CustomerPayment, HandsetParty, Order, Party};

/// The digest of what an order asks for, and of where the sender wants its result.
pub(super) fn of_order(order: &Order, result_url: Option<&str>) -> Vec<u8> {
    let mut digest = Fields::new();
    digest.field(&order.command);
    digest.field(order.remark.as_deref().unwrap_or_default());
    let initiator = order.initiator.as_ref();
    digest.number(initiator.map_or(u32::MAX, |initiator| initiator.identifier_type));
    digest.field(initiator.map_or("", |initiator| &initiator.identifier));
    digest.field(initiator.and_then(|initiator| initiator.short_code.as_deref()).unwrap_or_default());
    digest.party(order.primary.as_ref());
    digest.party(order.receiver.as_ref());
    digest.pairs(&order.parameters);
    digest.pairs(&order.reference);
    digest.field(result_url.unwrap_or_default());
    digest.finish()
}

/// The digest of what a customer's payment asks for.
pub(super) fn of_payment(payment: &CustomerPayment) -> Vec<u8> {
    let mut digest = Fields::new();
    digest.field(&payment.command);
    digest.handset_party(&payment.payer);
    digest.handset_party(&payment.payee);
    digest.field(payment.account_reference.as_deref().unwrap_or_default());
    digest.field(&payment.amount);
    digest.finish()
}

/// Fields with their lengths, so that no field can run into the next.
struct Fields(Context);

impl Fields {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    fn number(&mut self, number: u32) {
        self.0.update(&number.to_be_bytes());
    }

    fn field(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn pairs(&mut self, pairs: &[(String, String)]) {
        self.0.update(&(pairs.len() as u64).to_be_bytes());
        for (key, value) in pairs {
            self.field(key);
            self.field(value);
        }
    }

    fn party(&mut self, party: Option<&Party>) {
        match party {
            Some(party) => {
                self.number(party.identifier_type);
                self.field(&party.identifier);
            }
            None => self.number(u32::MAX),
        }
    }

    /// A shortcode can have the digits of a phone number.
    fn handset_party(&mut self, party: &HandsetParty) {
        self.number(match party {
            HandsetParty::Msisdn(_) => 1,
            HandsetParty::Shortcode(_) => 2,
        });
        self.field(party.identifier());
    }

    fn finish(self) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Timestamp, Zone};
    use crate::core::{ConversationId, Draw};

    #[test]
    fn l6_the_same_digits_as_a_phone_number_and_as_a_shortcode_are_two_payments() {
        let zone = Zone::named("Africa/Nairobi").unwrap();
        let to = |payee| CustomerPayment {
            command: "SendMoney".into(),
            conversation: ConversationId::issue(&zone, Timestamp::default(), Draw(1)),
            gateway: "ussd".into(),
            session: "1".into(),
            payer: HandsetParty::Msisdn("722000000".into()),
            payee,
            account_reference: None,
            amount: "10".into(),
            received: Timestamp::default(),
        };
        let [phone, till] = [HandsetParty::Msisdn("0722000001".into()), HandsetParty::Shortcode("0722000001".into())];
        assert_ne!(of_payment(&to(phone.clone())), of_payment(&to(till)));
        assert_eq!(of_payment(&to(phone.clone())), of_payment(&to(phone)));
    }
}
