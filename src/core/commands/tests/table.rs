//! Row by row, each command ID: what moves from where to where, what is told of it in which order and
//! form, how its parties may be named, and which parameters it needs.

use super::street::{self, CHILD, COMMANDS, Does, FUNDS, HOME, JUMA, PARTNER, Parties, Stand, charge, text};
use crate::core::testing::{World, account, party};
use crate::core::{AccountKind, Order};

const AMOUNT: i64 = 150_000;
const NOW_COMPACT: &str = "20231121230000";
const NOW_DOTTED: &str = "21.11.2023 23:00:00";

fn world() -> World {
    street::street(street::catalogue())
}

/// Whom a command of HOME's pays.
fn payee(does: Does) -> &'static str {
    match does {
        Does::Move { stand: Stand::One, .. } => HOME,
        Does::Move { stand: Stand::Inside, .. } => CHILD,
        Does::Move { .. } => PARTNER,
        _ => JUMA,
    }
}

fn right(world: &mut World, command: &str, does: Does) -> Order {
    street::order(world, command, does, HOME, payee(does), &text(AMOUNT))
}

fn orders() -> impl Iterator<Item = (&'static str, Does)> {
    let money = |does| matches!(does, Does::PayCustomer { .. } | Does::Move { .. } | Does::Withdraw);
    COMMANDS.into_iter().filter(move |(_, does)| money(*does))
}

fn line(kind: AccountKind, amount: i64) -> String {
    let shown = text(amount);
    format!("{}|KES|{shown}|{shown}|0.00|0.00", kind.alias())
}

#[test]
fn each_payment_moves_what_it_says_and_tells_it_in_the_order_of_the_wire() {
    for (command, does) in orders() {
        let mut world = world();
        let order = right(&mut world, command, does);
        let seen = world.run(&order);
        assert_eq!(seen.code(), "0", "{command}: {}", seen.decision.private);
        assert_eq!(seen.decision.report.description, "The service request is processed successfully.");
        let receipt = seen.decision.report.receipt.to_string();
        let funds = text(FUNDS);
        let expected: Vec<(&str, String)> = match does {
            Does::PayCustomer { charges, .. } => {
                let due: i64 = charges.iter().map(|(_, bands)| charge(bands, AMOUNT).1).sum();
                assert_eq!(world.available(JUMA, AccountKind::Working), text(FUNDS + AMOUNT), "{command}");
                vec![
                    ("TransactionAmount", text(AMOUNT)),
                    ("TransactionReceipt", receipt),
                    ("B2CRecipientIsRegisteredCustomer", "Y".into()),
                    ("B2CChargesPaidAccountAvailableFunds", text(-due)),
                    ("ReceiverPartyPublicName", "254722000001 - Juma Kamau".into()),
                    ("TransactionCompletedDateTime", NOW_DOTTED.into()),
                    ("B2CUtilityAccountAvailableFunds", text(FUNDS - AMOUNT)),
                    ("B2CWorkingAccountAvailableFunds", funds),
                ]
            }
            Does::Move { from, to, .. } => {
                assert_eq!(world.available(payee(does), to), text(FUNDS + AMOUNT), "{command}");
                let minor = FUNDS - AMOUNT;
                let left = text(minor);
                let structured = format!("{{Amount={{BasicAmount={left}, MinimumAmount={minor}, CurrencyCode=KES}}}}");
                vec![
                    ("InitiatorAccountCurrentBalance", structured.clone()),
                    ("DebitAccountCurrentBalance", structured),
                    ("Amount", text(AMOUNT)),
                    ("DebitPartyAffectedAccountBalance", line(from, minor)),
                    ("TransCompletedTime", NOW_COMPACT.into()),
                    ("DebitPartyCharges", String::new()),
                    ("ReceiverPartyPublicName", format!("{} - Duka", payee(does))),
                    ("Currency", "KES".into()),
                ]
            }
            _ => vec![
                ("Amount", text(AMOUNT)),
                ("DebitPartyCharges", String::new()),
                ("TransCompletedTime", NOW_COMPACT.into()),
                ("DebitPartyAffectedAccountBalance", line(AccountKind::Working, FUNDS - AMOUNT)),
            ],
        };
        let expected: Vec<_> = expected.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(seen.parameters, expected, "{command}");
        world.assert_books();
    }
}

#[test]
fn each_payment_takes_its_identifier_types_and_no_others() {
    for (command, does) in orders() {
        let mut world = world();
        for identifier_type in 1..=14 {
            let mut order = right(&mut world, command, does);
            order.primary = party(identifier_type, HOME);
            let expected = if identifier_type == 4 { "0" } else { "6" };
            assert_eq!(world.decide(&order).report.code.as_str(), expected, "{command} from type {identifier_type}");

            let mut order = right(&mut world, command, does);
            order.receiver = party(identifier_type, payee(does));
            let fits = match does {
                Does::PayCustomer { .. } => identifier_type == 1,
                Does::Move { .. } => identifier_type == 4,
                // A withdrawal has no receiver, so what is said of one is not looked at.
                _ => true,
            };
            let expected = if fits { "0" } else { "7" };
            assert_eq!(world.decide(&order).report.code.as_str(), expected, "{command} to type {identifier_type}");
        }
    }
}

/// The parameters of each command: those that it needs, then those that it may have.
const PARAMETERS: [(&str, &[&str], &[&str]); 8] = [
    ("BusinessPayBill", &["Amount", "AccountReference"], &[]),
    ("TransactionReversal", &["OriginalTransactionID"], &["Amount"]),
    ("AccountBalance", &[], &["ShortCode", "OrgShortCodeList", "AccountType"]),
    ("TransactionStatusQuery", &[], &["ReceiptNumber", "OriginatorConversationID", "ConversationID"]),
    ("OrgRevenueSettlement", &[], &["HeadOffice"]),
    ("OrgBankAccountWithdrawal", &["Amount"], &["HeadOffice"]),
    ("CheckIdentity", &[], &[]),
    ("RegisterURL", &[], &[]),
];

#[test]
fn each_command_has_its_parameters_and_says_which_one_is_missing() {
    let catalogue = street::catalogue();
    for (command, does) in COMMANDS.into_iter().filter(|(_, does)| !matches!(does, Does::Handset { .. })) {
        let listed = PARAMETERS.iter().find(|(other, _, _)| *other == command);
        let (needed, may): (&[&str], &[&str]) = match (listed, does) {
            (Some((_, needed, may)), _) => (needed, may),
            (None, Does::Move { .. }) => (&["Amount"], &["AccountReference"]),
            (None, _) => (&["Amount"], &[]),
        };
        let service = catalogue.command(command).unwrap();
        let of = |mandatory| {
            let rules = service.parameters.iter().filter(move |rule| rule.mandatory == mandatory);
            rules.map(|rule| rule.key.as_str()).collect::<Vec<_>>()
        };
        assert_eq!((of(true), of(false)), (needed.to_vec(), may.to_vec()), "{command}");
        if does == Does::Reverse || does == Does::Register {
            continue;
        }
        for key in needed {
            for value in [None, Some(" ")] {
                let mut world = world();
                let mut order = right(&mut world, command, does);
                order.parameters.retain(|(other, _)| other != key);
                order.parameters.extend(value.map(|value| ((*key).to_owned(), value.to_owned())));
                let seen = world.run(&order);
                let said = (seen.code(), seen.decision.report.description.as_str());
                assert_eq!(said, ("24", format!("The mandatory parameter {key} is missing.").as_str()), "{command}");
            }
        }
    }
}

/// The limits of each payment, both included, in cents: domain.md 6; of payments between businesses
/// and of cash what the catalogue says, for no source does.
fn limits(does: Does) -> (i64, i64) {
    match does {
        Does::PayCustomer { .. } => (1_000, 25_000_000),
        Does::Move { .. } | Does::Withdraw => (100, 5_000_000_000),
        Does::Handset { least, .. } => (least * 100, 25_000_000),
        _ => unreachable!("it has no amount"),
    }
}

#[test]
fn each_payment_has_its_limits_to_the_cent() {
    const LESS: &str = "Declined due to limit rule: less than the minimum transaction amount.";
    const GREATER: &str = "Declined due to limit rule: greater than the maximum transaction amount.";
    const INSUFFICIENT: &str = "The balance is insufficient for the transaction.";
    let handsets = COMMANDS.into_iter().filter(|(_, does)| matches!(does, Does::Handset { .. }));
    for (command, does) in orders().chain(handsets) {
        let (least, most) = limits(does);
        // There is not as much money here as the most: what gets past the limit finds too little.
        for (amount, code, said) in [
            (least - 1, "2", LESS),
            (least, "0", "The service request is processed successfully."),
            (most, "1", INSUFFICIENT),
            (most + 1, "3", GREATER),
        ] {
            let mut world = world();
            let seen = match does {
                Does::Handset { parties, .. } => {
                    let (from, to) = sides(parties);
                    let payment = street::payment(&mut world, command, from, to, &text(amount));
                    world.authorize(&payment)
                }
                _ => {
                    let order = street::order(&mut world, command, does, HOME, payee(does), &text(amount));
                    world.run(&order)
                }
            };
            let report = &seen.decision.report;
            assert_eq!((report.code.as_str(), report.description.as_str()), (code, said), "{command} of {amount}");
        }
    }
}

fn sides(parties: Parties) -> (&'static str, &'static str) {
    match parties {
        Parties::ToOrganization => (JUMA, HOME),
        Parties::ToSubscriber => (JUMA, super::street::SUBSCRIBERS[0]),
        Parties::FromOrganization => (HOME, JUMA),
    }
}

#[test]
fn l8_each_band_of_each_charge_ends_at_its_cent() {
    for (command, does) in COMMANDS {
        let charges: Vec<street::Bands> = match does {
            Does::PayCustomer { charges, .. } => charges.iter().map(|(_, bands)| *bands).collect(),
            Does::Handset { charge, .. } => vec![charge],
            _ => continue,
        };
        let (least, most) = limits(does);
        let edges =
            charges.iter().flat_map(|bands| bands.iter()).flat_map(|(edge, ..)| [-1, 0, 1].map(|at| edge * 100 + at));
        for amount in edges.filter(|amount| (least..=most).contains(amount)) {
            let mut world = world();
            let due = charges
                .iter()
                .map(|bands| charge(bands, amount))
                .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            let transaction = match does {
                Does::Handset { parties, from, .. } => {
                    let (payer, to) = sides(parties);
                    fill(&mut world, payer, from, amount + due.0);
                    let payment = street::payment(&mut world, command, payer, to, &text(amount));
                    world.authorize(&payment).decision.transaction.unwrap()
                }
                _ => {
                    fill(&mut world, HOME, AccountKind::Utility, amount);
                    let order = street::order(&mut world, command, does, HOME, JUMA, &text(amount));
                    world.run(&order).decision.transaction.unwrap()
                }
            };
            assert_eq!(transaction.code.as_str(), "0", "{command} of {amount}");
            let borne = |by_business: bool| -> i64 {
                let charges = transaction.charges.iter();
                let parts = charges.filter(|charge| (charge.account.kind == AccountKind::ChargesPaid) == by_business);
                parts.map(|charge| charge.amount.minor()).sum()
            };
            assert_eq!((borne(false), borne(true)), due, "{command} of {amount}");
        }
    }
}

/// Sees to it that there is enough to pay this.
fn fill(world: &mut World, holder: &str, kind: AccountKind, amount: i64) {
    if amount > FUNDS {
        world.fund(account(holder, kind), &text(amount - FUNDS));
    }
}
