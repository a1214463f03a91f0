//! Every refusal has its code, moves nothing, and says privately why.

use crate::core::catalogue::SHIPPED;
use crate::core::directory::{self, Status};
use crate::core::testing::{AMINA, BULK, PAYBILL, STORE, STRANGER, UNKNOWN, World, account, party};
use crate::core::{AccountKind, Catalogue, Channel, Credential, Order, Outcome, ResultCode};
use crate::store::Read;

/// The code of a changed payment of 1,500.00 to Amina.
fn code_of(change: impl FnOnce(&mut Order)) -> &'static str {
    let mut world = World::new();
    let mut order = world.b2c("1500");
    change(&mut order);
    let before = world.available(BULK, AccountKind::Utility);
    let seen = world.run(&order);
    assert_eq!(world.available(BULK, AccountKind::Utility), before);
    assert_eq!(seen.parameters, []);
    assert_eq!(seen.decision.report.reference, order.reference);
    assert!(!seen.decision.private.is_empty());
    world.assert_books();
    seen.code()
}

fn amount(text: &str) -> impl FnOnce(&mut Order) {
    move |order| order.parameters = vec![("Amount".into(), text.into())]
}

#[test]
fn each_wrong_thing_has_its_code() {
    assert_eq!(code_of(|order| order.command = "BusinessPayments".into()), "1002");
    assert_eq!(code_of(|order| order.command = "RegisterURL".into()), "1002");
    assert_eq!(code_of(|order| order.command = "CustomerPayBillOnline".into()), "1002");
    assert_eq!(code_of(|order| order.initiator = None), "2001");
    assert_eq!(code_of(|order| order.initiator.as_mut().unwrap().identifier = "nobody".into()), "2001");
    assert_eq!(code_of(|order| order.initiator.as_mut().unwrap().identifier_type = 1), "2001");
    assert_eq!(code_of(|order| order.initiator.as_mut().unwrap().short_code = Some("99999".into())), "2001");
    assert_eq!(code_of(|order| order.primary = None), "6");
    assert_eq!(code_of(|order| order.primary = party(1, BULK)), "6");
    assert_eq!(code_of(|order| order.primary = party(4, "99999")), "6");
    assert_eq!(code_of(|order| order.receiver = None), "7");
    assert_eq!(code_of(|order| order.receiver = party(1, "254799999999")), "7");
    assert_eq!(code_of(|order| order.receiver = party(1, "12")), "7");
    assert_eq!(code_of(|order| order.receiver = party(4, PAYBILL)), "7");
    assert_eq!(code_of(|order| order.receiver = party(1, UNKNOWN)), "2040");
    assert_eq!(code_of(|order| order.parameters.clear()), "24");
}

#[test]
fn amounts_have_a_format_and_limits_to_the_cent() {
    for text in ["-7000", "1e3", "0", "0.00", "12.345", "lots"] {
        assert_eq!(code_of(amount(text)), "2020", "{text}");
    }
    assert_eq!(code_of(amount("9.99")), "2");
    assert_eq!(code_of(amount("250000.01")), "3");
    assert_eq!(code_of(amount("100000.01")), "1");
    let mut world = World::new();
    let orders = [world.b2c("10.00"), world.b2c("99990.00")];
    assert_eq!(orders.map(|order| world.run(&order).code()), ["0", "0"]);
    assert_eq!(world.available(BULK, AccountKind::Utility), "0.00");
}

#[test]
fn an_amount_of_another_currency_moves_nothing() {
    let mut world = World::new();
    for (named, code) in [("USD", "2025"), ("KES", "0"), (" kes ", "0"), ("", "0"), ("KE", "2025")] {
        let mut order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "10");
        order.parameters.push(("Currency".into(), named.into()));
        let before = world.available(PAYBILL, AccountKind::Working);
        assert_eq!(world.run(&order).code(), code, "{named:?}");
        assert_eq!(world.available(PAYBILL, AccountKind::Working) == before, code != "0", "{named:?}");
    }
    let paid = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "10");
    let receipt = world.run(&paid).decision.report.receipt;
    let mut reversal = world.reversal(STRANGER, &receipt);
    reversal.parameters.push(("Currency".into(), "UGX".into()));
    assert_eq!(world.run(&reversal).code(), "2025");
}

#[test]
fn s2_a_web_role_never_passes_the_api_door_nor_an_api_role_the_web_door() {
    let mut world = World::new();
    world.operator(BULK, "web", &["Business Manager", "Business Auditor"]);
    world.operator(BULK, "balance", &["Balance Query Org API"]);
    for user in ["web", "balance"] {
        let mut order = world.b2c("1500");
        order.initiator.as_mut().unwrap().identifier = user.into();
        assert_eq!(world.run(&order).code(), "21", "{user}");
    }
    let mut balance = world.order("AccountBalance", BULK);
    balance.initiator.as_mut().unwrap().identifier = "web".into();
    assert_eq!(world.run(&balance).code(), "21", "the permission is held, but on the other channel");
    let mut order = world.b2c("1500");
    order.channel = Channel::Web;
    assert_eq!(world.run(&order).code(), "1002");
}

/// The shipped catalogue with the role Cashier, and perhaps with both initiators of the API excluding each other.
fn with_cashiers(excluding: bool) -> crate::core::Core {
    const CASHIER: &str = "\n[[role]]\nname = \"Cashier\"\nchannel = \"api\"\npermissions = [\"pay customers\"]\n";
    let files: Vec<_> = SHIPPED
        .iter()
        .map(|(name, text)| {
            let pair = "roles = [\"Org B2C API Initiator\", \"Org B2B API Initiator\"]";
            let shipped = "roles = [\"B2B Web Maker\", \"B2B Web Checker\"]";
            let text = if excluding { text.replace(shipped, pair) } else { (*text).to_owned() };
            ((*name).to_owned(), if *name == "roles.toml" { text + CASHIER } else { text })
        })
        .collect();
    let settings = World::new().core.settings.clone();
    crate::core::Core::new(std::sync::Arc::new(Catalogue::parse(&files).unwrap()), settings)
}

#[test]
fn s3_roles_that_came_to_exclude_each_other_void_each_other_and_no_third() {
    let mut world = World::new();
    world.core = with_cashiers(false);
    world.operator(BULK, "cashier", &["Org B2C API Initiator", "Org B2B API Initiator", "Cashier"]);
    world.core = with_cashiers(true);
    let mut order = world.b2c("1500");
    assert_eq!(world.run(&order).code(), "21");
    order = world.b2c("1501");
    order.initiator.as_mut().unwrap().identifier = "cashier".into();
    assert_eq!(world.run(&order).code(), "0");
}

#[test]
fn a_role_counts_only_between_its_dates() {
    let mut world = World::new();
    let id = world.operator(BULK, "soon", &[]);
    let effective = world.now.plus(std::time::Duration::from_secs(10));
    let expires = Some(world.now.plus(std::time::Duration::from_secs(20)));
    let grant = crate::core::roles::Grant { role: "Org B2C API Initiator".into(), effective, expires };
    let granted = directory::grant_roles(&world.core, &world.facts, id, vec![grant], world.now).unwrap();
    world.facts.commit(granted.write_set).unwrap();
    let mut codes = Vec::new();
    for amount in ["101", "102", "103"] {
        let mut order = world.b2c(amount);
        order.initiator.as_mut().unwrap().identifier = "soon".into();
        codes.push(world.run(&order).code());
        world.pass(10);
    }
    assert_eq!(codes, ["21", "0", "21"]);
}

#[test]
fn s1_no_organization_acts_for_another_whatever_id_is_swapped() {
    let mut world = World::new();
    world.fund(account(STRANGER, AccountKind::Utility), "1000");
    world.fund(account(STORE, AccountKind::Working), "1000");
    // The operator is Bulk's, the money is another's.
    let mut order = world.b2c("100");
    order.primary = party(4, STRANGER);
    assert_eq!(world.run(&order).code(), "2043");
    // The shortcode of the initiator is swapped, too: there is an operator of that name there, whose
    // credential would have to be right.
    let mut order = world.b2c("101");
    order.primary = party(4, STRANGER);
    order.initiator.as_mut().unwrap().short_code = Some(STRANGER.into());
    let refused = Credential::Refused("wrong password".into());
    let draw = world.draw();
    let decision = world.core.execute(&world.facts, &order, refused, world.now, draw).unwrap();
    assert_eq!(decision.report.code, ResultCode::Initiator);
    // A store does not act for its head office.
    let mut order = world.b2b("BusinessTransferFromUtilityToMMF", STORE, PAYBILL, "10");
    order.primary = party(4, PAYBILL);
    assert_eq!(world.run(&order).code(), "2043");
    // An operator's id does not help either.
    let id = world.operator(BULK, "second", &["Org B2C API Initiator"]);
    let mut order = world.b2c("102");
    let initiator = order.initiator.as_mut().unwrap();
    (initiator.identifier_type, initiator.identifier) = (12, id.to_string());
    order.primary = party(4, STRANGER);
    initiator.short_code = Some(STRANGER.into());
    assert_eq!(world.run(&order).code(), "2001");
    order.initiator.as_mut().unwrap().short_code = None;
    order.conversation = world.b2c("1").conversation;
    order.originator_conversation.push('x');
    assert_eq!(world.run(&order).code(), "2043");
    assert_eq!(world.available(STRANGER, AccountKind::Utility), "1000.00");
}

#[test]
fn an_initiator_without_a_shortcode_is_looked_for_where_the_business_is() {
    let mut world = World::new();
    let mut order = world.b2c("100");
    order.initiator.as_mut().unwrap().short_code = None;
    assert_eq!(world.run(&order).code(), "0");
}

#[test]
fn s6_every_wrong_initiator_looks_the_same() {
    let mut world = World::new();
    let id = world.operator(BULK, "locked", &["Org B2C API Initiator"]);
    world.facts.commit(directory::set_status(&world.facts, id, Status::Locked).unwrap().write_set).unwrap();
    let mut reports = Vec::new();
    for (user, credential) in [
        ("nobody", Credential::Verified),
        ("nobody", Credential::Refused("unknown".into())),
        ("locked", Credential::Verified),
        ("locked", Credential::Refused("wrong".into())),
        ("api", Credential::Refused("wrong".into())),
    ] {
        let mut order = world.b2c("100");
        order.initiator.as_mut().unwrap().identifier = user.into();
        let draw = world.draw();
        let decision = world.core.execute(&world.facts, &order, credential, world.now, draw).unwrap();
        reports.push(decision.report);
    }
    assert!(reports.iter().all(|report| *report == reports[0]), "{reports:#?}");
    assert_eq!(reports[0].description, "The initiator information is invalid.");
    assert_eq!(reports[0].receipt.as_str(), "RKL0000000");
}

#[test]
fn a_product_that_does_not_grant_the_service_is_2028() {
    let mut world = World::new();
    let mut order = world.b2c("100");
    order.initiator.as_mut().unwrap().short_code = Some(PAYBILL.into());
    order.primary = party(4, PAYBILL);
    assert_eq!(world.run(&order).code(), "2028");
}

#[test]
fn the_same_amount_to_the_same_customer_waits_two_minutes() {
    let mut world = World::new();
    let mut codes = Vec::new();
    for (seconds, amount) in [(0, "100"), (119, "100"), (0, "100.01"), (1, "100.00")] {
        world.pass(seconds);
        let order = world.b2c(amount);
        codes.push(world.run(&order).code());
    }
    assert_eq!(codes, ["0", "L000001", "0", "0"]);

    // What another organization pays has nothing to do with it.
    world.fund(account(STRANGER, AccountKind::Utility), "1000");
    let mut order = world.order("BusinessPayment", STRANGER);
    order.receiver = party(1, AMINA);
    order.parameters = vec![("Amount".into(), "100".into())];
    assert_eq!(world.run(&order).code(), "0");

    let off = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), text.replace("same_amount_seconds = 120\n", "")));
    let mut world = World::under(Catalogue::parse(&off.collect::<Vec<_>>()).unwrap());
    let codes = [(); 2].map(|()| {
        let order = world.b2c("100");
        world.run(&order).code()
    });
    assert_eq!(codes, ["0", "0"], "a service can do without the rule");
}

#[test]
fn what_came_to_nothing_is_not_the_same_amount_and_another_command_is() {
    let mut world = World::new();
    let too_much = world.b2c("100000.01");
    assert_eq!(world.run(&too_much).code(), "1");
    world.fund(account(BULK, AccountKind::Utility), "0.01");
    let again = world.b2c("100000.01");
    assert_eq!(world.run(&again).code(), "0");
    world.fund(account(BULK, AccountKind::Utility), "1000");
    let [paid, mut salary] = [world.b2c("100"), world.b2c("100")];
    salary.command = "SalaryPayment".into();
    assert_eq!([&paid, &salary].map(|order| world.run(order).code()), ["0", "L000001"]);
}

#[test]
fn a_customer_holds_at_most_the_limit() {
    let mut world = World::new();
    world.fund(account(BULK, AccountKind::Utility), "900000");
    let orders = [world.b2c("250000"), world.b2c("240000.01"), world.b2c("240000")];
    assert_eq!(orders.map(|order| world.run(&order).code()), ["0", "8", "0"]);
    assert_eq!(world.available(AMINA, AccountKind::Working), "500000.00");
    world.assert_books();
}

#[test]
fn a_refused_payment_is_on_record_and_a_declined_one_has_a_receipt() {
    let mut world = World::new();
    let mut early = world.b2c("100");
    early.receiver = party(1, "254799999999");
    let early_seen = world.run(&early);
    assert!(early_seen.decision.report.receipt.is_none());
    let late = world.b2c("250000");
    let late_seen = world.run(&late);
    assert!(!late_seen.decision.report.receipt.is_none());
    for order in [&early, &late] {
        assert!(world.facts.record(&Outcome::key(&order.conversation)).unwrap().is_some());
    }
}

#[test]
fn an_old_request_is_refused_where_the_service_says_so() {
    let files: Vec<_> = SHIPPED
        .iter()
        .map(|(name, text)| {
            let command = "command = \"BusinessPayment\"\n";
            ((*name).to_owned(), text.replace(command, &format!("{command}request_seconds_max = 30\n")))
        })
        .collect();
    let mut world = World::under(Catalogue::parse(&files).unwrap());
    let orders = [world.b2c("100"), world.b2c("101")];
    world.pass(30);
    assert_eq!(world.run(&orders[0]).code(), "0");
    world.pass(1);
    assert_eq!(world.run(&orders[1]).code(), "19");
}

#[test]
fn parameters_can_be_judged_before_anything_is_read() {
    let world = World::new();
    let flaw = |command, key: &str, value: &str| {
        let parameters = [(key.to_owned(), value.to_owned())];
        world.core.flaw(command, &parameters).map(|flaw| flaw.description)
    };
    assert_eq!(flaw("BusinessPayment", "Amount", "-5"), None);
    let missing = Some("The mandatory parameter Amount is missing.".to_owned());
    assert_eq!(flaw("BusinessPayment", "Amount", " "), missing);
    let format = Some("The format of parameter ShortCode is invalid.".to_owned());
    assert_eq!(flaw("AccountBalance", "ShortCode", "abc"), format);
    assert!(world.core.command_known("BusinessPayment"));
    assert!(!world.core.command_known("RegisterURL") && !world.core.command_known("CustomerPayBillOnline"));
}
