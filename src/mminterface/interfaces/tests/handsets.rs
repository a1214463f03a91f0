//! The handset side's payments, which are our own and read without patience.

use super::*;
use crate::mminterface::{HandsetParty, write_handset_payment};

fn payment() -> HandsetPayment {
    HandsetPayment {
        session_id: "ussd-1".into(),
        transaction_type: "CustomerPayBillOnline".into(),
        payer: HandsetParty::Msisdn("254722000000".into()),
        payee: HandsetParty::ShortCode("600000".into()),
        account_reference: Some("INV 7".into()),
        amount: "123.5".into(),
        timestamp: None,
    }
}

#[test]
fn a_handset_payment_is_read_as_it_was_written() {
    let till = HandsetPayment {
        transaction_type: "CustomerBuyGoodsOnline".into(),
        account_reference: None,
        timestamp: Some("20261123184401".into()),
        ..payment()
    };
    let [agent, customer] = [HandsetParty::ShortCode("600004".into()), HandsetParty::Msisdn("254733000000".into())];
    let sent = HandsetPayment { transaction_type: "SendMoney".into(), payee: customer.clone(), ..payment() };
    let deposit =
        HandsetPayment { transaction_type: "AgentDeposit".into(), payer: agent, payee: customer, ..payment() };
    for payment in [payment(), till, sent, deposit] {
        assert_eq!(interfaces().read_handset(write_handset_payment(&payment).as_bytes()), Ok(payment));
    }
}

#[test]
fn a_flawed_handset_payment_is_a_fault_that_names_the_element() {
    let rows = [
        ("Amount", HandsetPayment { amount: "-5".into(), ..payment() }),
        ("Amount", HandsetPayment { amount: "5.005".into(), ..payment() }),
        ("Amount", HandsetPayment { amount: " 5".into(), ..payment() }),
        ("MSISDN", HandsetPayment { payer: HandsetParty::Msisdn("0722 000000".into()), ..payment() }),
        ("ShortCode", HandsetPayment { payee: HandsetParty::ShortCode("6000".into()), ..payment() }),
        ("PayerShortCode", HandsetPayment { payer: HandsetParty::ShortCode("6000".into()), ..payment() }),
        ("PayeeMSISDN", HandsetPayment { payee: HandsetParty::Msisdn("600000".into()), ..payment() }),
        ("TransactionType", HandsetPayment { transaction_type: "pay bill".into(), ..payment() }),
        ("SessionID", HandsetPayment { session_id: String::new(), ..payment() }),
    ];
    for (element, payment) in rows {
        match interfaces().read_handset(write_handset_payment(&payment).as_bytes()) {
            Err(ReadFailure::Fault(fault)) => assert!(fault.reason.contains(element), "{}", fault.reason),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_handset_payment_names_one_payer_and_one_payee() {
    let written = write_handset_payment(&payment());
    let (payer, payee) = ("<MSISDN>254722000000</MSISDN>", "<ShortCode>600000</ShortCode>");
    let flawed = [
        written.replace(payer, ""),
        written.replace(payee, ""),
        written.replace(payer, &format!("{payer}<PayerShortCode>600004</PayerShortCode>")),
        written.replace(payee, &format!("{payee}<PayeeMSISDN>254733000000</PayeeMSISDN>")),
    ];
    for message in flawed {
        assert!(interfaces().read_handset(message.as_bytes()).is_err(), "{message}");
    }
}
