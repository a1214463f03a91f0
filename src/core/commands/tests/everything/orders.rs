//! One order, payment or question after the other.

use std::time::Duration;

use super::super::street::{Does, EXPIRY, HOME, PARTNER, Parties, order, payment, text};
use super::super::turns::{organization, subscriber};
use super::steps::Fault;
use super::{Play, receiver};
use crate::core::Credential;
use crate::core::directory::Status;

impl Play {
    pub(super) fn order(
        &mut self,
        command: &'static str,
        does: Does,
        (from, to): (usize, usize),
        amount: i64,
        fault: Fault,
    ) {
        let (home, to) = (organization(from), receiver(does, to));
        let mut order = order(&mut self.world, command, does, home, to, &text(amount));
        let initiator = order.initiator.as_mut().unwrap();
        let asks = matches!(does, Does::AskBalance | Does::AskStatus | Does::AskIdentity | Does::Reverse);
        let fault = if asks || does == Does::Register { Fault::None } else { fault };
        let expected = match fault {
            Fault::None => self.ideal.order(does, home, to, amount, self.world.now.seconds()),
            Fault::TooLate => {
                order.received = self.world.now.minus(Duration::from_secs(EXPIRY + 1));
                "19"
            }
            Fault::UnknownOperator => {
                initiator.identifier = "nobody".into();
                "2001"
            }
            Fault::WrongCredential => "2001",
            Fault::NoRole => {
                initiator.identifier = "clerk".into();
                if self.ideal.states[home] == Status::Active { "21" } else { "2001" }
            }
            Fault::Foreign => {
                let other = if home == PARTNER { HOME } else { PARTNER };
                initiator.short_code = Some(other.into());
                if self.ideal.acts(other) { "2043" } else { "2001" }
            }
        };
        let credential = match fault {
            Fault::WrongCredential => Credential::Refused("wrong".into()),
            _ => Credential::Verified,
        };
        let draw = self.world.draw();
        let decision = self.world.core.execute(&self.world.facts, &order, credential, self.world.now, draw).unwrap();
        let seen = self.world.settle(decision);
        self.ended(seen.code());
        assert_eq!(seen.code(), expected, "{command} {home} {to} {amount} {fault:?}: {}", seen.decision.private);
        self.ideal.issued(&seen.decision, home);
        match does {
            Does::AskBalance if expected != "0" => {}
            Does::AskBalance => assert_eq!(seen.value("AccountBalance"), self.ideal.balances(home)),
            Does::AskStatus | Does::AskIdentity | Does::Register | Does::Reverse => {}
            // Even what was refused has used its name up.
            _ => self.orders.push(order),
        }
    }

    pub(super) fn pay(
        &mut self,
        command: &'static str,
        does: Does,
        parties: Parties,
        (from, to): (usize, usize),
        amount: i64,
    ) {
        let (payer, payee) = match parties {
            Parties::ToOrganization => (subscriber(from), organization(to)),
            Parties::ToSubscriber => (subscriber(from), subscriber(to)),
            Parties::FromOrganization => (organization(from), subscriber(to)),
        };
        let payment = payment(&mut self.world, command, payer, payee, &text(amount));
        let expected = self.ideal.pay(does, payer, payee, amount, self.world.now.seconds());
        let seen = self.world.authorize(&payment);
        assert_eq!(seen.code(), expected, "{command} {payer} {payee} {amount}: {}", seen.decision.private);
        self.ended(seen.code());
        self.ideal.issued(&seen.decision, payer);
        assert_eq!(self.world.authorize(&payment).code(), "15", "l6: one session, one payment");
        self.ended("15");
    }

    /// Whoever has to do with a transaction, and nobody else, is told how it stands (S1).
    pub(super) fn ask(&mut self, which: usize, home: &'static str) {
        let Some((receipt, status, amount)) = self.ideal.known(which, home) else { return };
        let mut order = self.world.order("TransactionStatusQuery", home);
        order.parameters = vec![("ReceiptNumber".into(), receipt.to_string())];
        let seen = self.world.run(&order);
        self.ended(seen.code());
        match status {
            _ if !self.ideal.acts(home) => assert_eq!(seen.code(), "2001", "{home} asks"),
            Some(status) => {
                assert_eq!((seen.value("TransactionStatus"), seen.value("Amount")), (status, text(amount).as_str()));
            }
            None => assert_eq!(seen.code(), "2032", "s1: {receipt} is not {home}'s"),
        }
    }
}
