//! Guards that hold alone: each of these tests fails when one check is taken away, whatever checks come before
//! and after it. Many say the same of the usual party, and differ where a head office acts for its store, or
//! where something changes while others decide.

use crate::core::catalogue::SHIPPED;
use crate::core::directory::{self, OrganizationChange, Status, SubscriberChange};
use crate::core::testing::{
    AMINA, BULK, PAYBILL, STORE, STRANGER, TILL, UNKNOWN, World, account, handset_party, party, shortcode,
};
use crate::core::{Account, AccountKind, Amount, Care, CareError, Catalogue, Draw, Msisdn, Order, Receipt, State};

fn set_organization(world: &World, code: &str, status: Status) -> Result<(), directory::AdminError> {
    let change = OrganizationChange { status: Some(status), ..OrganizationChange::default() };
    let changed = directory::change_organization(&world.core, &world.facts, &shortcode(code), change, world.now)?;
    world.facts.commit(changed.write_set).unwrap();
    Ok(())
}

fn set_subscriber(world: &World, msisdn: &str, status: Status) -> Result<(), directory::AdminError> {
    let change = SubscriberChange { status: Some(status), ..SubscriberChange::default() };
    let msisdn = Msisdn::try_from(msisdn.to_owned()).unwrap();
    let changed = directory::change_subscriber(&world.facts, &msisdn, change)?;
    world.facts.commit(changed.write_set).unwrap();
    Ok(())
}

fn freeze(world: &World, account: &Account, frozen: bool) {
    world.facts.commit(directory::freeze(&world.facts, account, frozen).unwrap()).unwrap();
}

/// Amina pays the organization.
fn paid(world: &mut World, to: &str) -> Receipt {
    let payment = world.handset("CustomerPayBillOnline", to, "1500");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    receipt
}

/// The store moves its own money, by its head office.
fn within_store(world: &mut World) -> Order {
    let mut order = world.b2b("BusinessTransferFromMMFToUtility", PAYBILL, STORE, "10");
    order.primary = party(4, STORE);
    order
}

#[test]
fn who_is_not_active_neither_pays_nor_is_paid() {
    // The public code, and the state of the one whose fault it is.
    let mut world = World::new();
    world.fund(account(STORE, AccountKind::Working), "500");
    set_organization(&world, STORE, Status::Suspended).unwrap();
    let order = within_store(&mut world);
    assert_eq!(world.run(&order).code(), "11", "a payer that is suspended, for which its head office acts");
    let order = world.order("OrgRevenueSettlement", PAYBILL);
    let order = Order { primary: party(4, STORE), ..order };
    assert_eq!(world.run(&order).code(), "11", "a settlement of it");
    set_organization(&world, STRANGER, Status::Suspended).unwrap();
    let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "10");
    assert_eq!(world.run(&order).code(), "14", "a payee");
    let payment = world.handset("CustomerPayBillOnline", STRANGER, "10");
    assert_eq!(world.authorize(&payment).code(), "14", "a customer's payee");
    let order = world.b2b("BusinessPayBill", STRANGER, PAYBILL, "10");
    assert_eq!(world.run(&order).code(), "2001", "an initiator's organization");

    set_subscriber(&world, AMINA, Status::Suspended).unwrap();
    let order = world.b2c("100");
    assert_eq!(world.run(&order).code(), "14", "a customer");
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "10");
    assert_eq!(world.authorize(&payment).code(), "11", "a customer who pays");
    world.assert_books();
}

#[test]
fn nothing_is_given_back_by_or_to_who_is_not_active() {
    let mut world = World::new();
    let [of_store, of_paybill] = [paid(&mut world, STORE), paid(&mut world, PAYBILL)];
    set_organization(&world, STORE, Status::Suspended).unwrap();
    let order = world.reversal(PAYBILL, &of_store);
    assert_eq!(world.run(&order).code(), "11");
    set_subscriber(&world, AMINA, Status::Suspended).unwrap();
    let order = world.reversal(PAYBILL, &of_paybill);
    assert_eq!(world.run(&order).code(), "14");
    world.assert_books();
}

#[test]
fn a_frozen_account_neither_pays_nor_is_paid_nor_bears_a_charge() {
    let mut world = World::new();
    paid(&mut world, PAYBILL);
    let purse = account(AMINA, AccountKind::Working);
    let [utility, working, charges, settlement] =
        [AccountKind::Utility, AccountKind::Working, AccountKind::ChargesPaid, AccountKind::OrganizationSettlement]
            .map(|kind| account(PAYBILL, kind));
    for frozen in [&purse, &utility, &charges] {
        freeze(&world, frozen, true);
        let payment = world.handset("CustomerPayBillOnline", PAYBILL, "1500");
        assert_eq!(world.authorize(&payment).code(), "2006", "{frozen:?}");
        freeze(&world, frozen, false);
    }
    for frozen in [utility, working, charges, settlement] {
        freeze(&world, &frozen, true);
        let order = world.order("OrgRevenueSettlement", PAYBILL);
        assert_eq!(world.run(&order).code(), "2006", "{frozen:?}");
        freeze(&world, &frozen, false);
    }
    let order = world.order("OrgRevenueSettlement", PAYBILL);
    assert_eq!(world.run(&order).code(), "0");
    world.assert_books();
}

#[test]
fn what_the_initiators_products_do_not_grant_says_nothing_about_others() {
    let mut world = World::new();
    let mut order = world.b2c("100");
    order.initiator.as_mut().unwrap().short_code = Some(TILL.into());
    order.primary = party(4, TILL);
    order.receiver = party(1, "254799999999");
    assert_eq!(world.run(&order).code(), "2028", "and not that there is no such customer");
}

#[test]
fn an_organization_that_is_acted_for_needs_the_product_itself() {
    let mut world = World::new();
    let mut order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "10");
    order.primary = party(4, STORE);
    assert_eq!(world.run(&order).code(), "2028", "a store starts no payments to others");
    world.assert_books();
}

#[test]
fn a_service_that_pays_organizations_pays_no_phone_number() {
    let mut world = World::new();
    let mut order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "10");
    order.receiver = party(1, AMINA);
    assert_eq!(world.run(&order).code(), "7");
    assert_eq!(world.available(AMINA, AccountKind::Working), "10000.00");
}

#[test]
fn payer_and_payee_stand_to_each_other_as_the_service_says() {
    let mut world = World::new();
    let itself = world.b2b("BusinessPayBill", PAYBILL, PAYBILL, "10");
    assert_eq!(world.run(&itself).code(), "7", "another one");
    for (code, name) in [("610000", "Merchant"), ("620000", "Another")] {
        world.organization(code, name, &["Merchant Head Office"], None);
        world.operator(code, "api", &["Org B2B API Initiator"]);
    }
    world.fund(account("610000", AccountKind::Working), "500");
    for (payee, what) in [("620000", "inside a hierarchy"), ("610000", "not itself")] {
        let order = world.b2b("MerchantServicesMMFAccountTransfer", "610000", payee, "10");
        assert_eq!(world.run(&order).code(), "7", "{what}");
    }
    let mut payment = world.handset("SendMoney", UNKNOWN, "10");
    payment.payee = handset_party(AMINA);
    assert_eq!(world.authorize(&payment).code(), "7", "who pays itself");
    world.assert_books();
}

#[test]
fn what_was_paid_in_is_no_payment_that_could_be_given_back() {
    let mut world = World::new();
    let to = account(PAYBILL, AccountKind::Utility);
    let (receipt, paid_in) =
        directory::fund(&world.core, &world.facts, to, Amount::from_minor(1_000), world.now, Draw(5)).unwrap();
    world.facts.commit(paid_in).unwrap();
    let order = world.reversal(PAYBILL, &receipt);
    assert_eq!(world.run(&order).code(), "R000002");
    let within = world.b2b("BusinessTransferFromMMFToUtility", PAYBILL, PAYBILL, "100");
    let receipt = world.run(&within).decision.report.receipt;
    let order = world.reversal(PAYBILL, &receipt);
    assert_eq!(world.run(&order).code(), "R000002", "nor is a transfer that the service does not name");
}

#[test]
fn who_gives_back_needs_a_product_for_it() {
    // Tills cannot.
    let starts = "starts = [\n  \"AccountBalance\", \"TransactionStatusQuery\",\n  \"TransactionReversal\",\n]";
    let without = "starts = [\"AccountBalance\", \"TransactionStatusQuery\"]";
    let texts = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), text.replace(starts, without)));
    let mut world = World::under(Catalogue::parse(&texts.collect::<Vec<_>>()).unwrap());
    world.organization("600009", "Till of the paybill", &["Merchant Till"], Some(PAYBILL));
    let payment = world.handset("CustomerBuyGoodsOnline", "600009", "1500");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    let by_head_office = world.reversal(PAYBILL, &receipt);
    assert_eq!(world.run(&by_head_office).code(), "2028", "the till, for which its head office acts");
    let unknown = Receipt::parse("RKL5ABCDEF").unwrap();
    let by_till = world.reversal(TILL, &unknown);
    assert_eq!(world.run(&by_till).code(), "2028", "the initiator's own, which learns nothing of others");
    world.assert_books();
}

#[test]
fn l5_what_is_paid_in_takes_no_receipt_of_another() {
    let world = World::new();
    let to = |holder| account(holder, AccountKind::Working);
    let fund = |to, minor| {
        directory::fund(&world.core, &world.facts, to, Amount::from_minor(minor), world.now, Draw(5))
            .map(|(_, set)| set)
    };
    let [one, other] = [to(AMINA), to(UNKNOWN)].map(|to| fund(to, 1_000).unwrap());
    world.facts.commit(one).unwrap();
    assert!(world.facts.commit(other).is_err());
    assert_eq!(fund(to(AMINA), 0), Err(directory::AdminError::NoAmount));
    assert_eq!(fund(to(AMINA), -1), Err(directory::AdminError::NoAmount));
    world.assert_books();
}

#[test]
fn what_is_closed_is_empty_and_stays_closed() {
    let mut world = World::new();
    let refused = set_subscriber(&world, AMINA, Status::Closed);
    assert!(matches!(refused, Err(directory::AdminError::NotEmpty(_))), "{refused:?}");
    // Money that comes in while it is being closed.
    let unknown = Msisdn::try_from(UNKNOWN.to_owned()).unwrap();
    let close = SubscriberChange { status: Some(Status::Closed), ..SubscriberChange::default() };
    let closing = directory::change_subscriber(&world.facts, &unknown, close).unwrap();
    world.fund(account(UNKNOWN, AccountKind::Working), "1");
    assert!(world.facts.commit(closing.write_set).is_err());

    world.organization("611111", "Gone", &["Bulk"], None);
    set_organization(&world, "611111", Status::Closed).unwrap();
    let again = set_organization(&world, "611111", Status::Active);
    assert!(matches!(again, Err(directory::AdminError::Closed(_))), "{again:?}");
    world.assert_books();
}

#[test]
fn what_was_declined_has_no_charges() {
    let mut world = World::new();
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "10000");
    let declined = world.authorize(&payment).decision.transaction.unwrap();
    assert_eq!((declined.state, declined.code.as_str(), declined.charges), (State::Declined, "1", Vec::new()));
}

#[test]
fn s1_an_operator_cares_for_its_own_organization_alone_and_only_while_it_is_active() {
    let mut world = World::new();
    let roles = ["Business Administrator"];
    let [administrator, other] = [(PAYBILL, &roles[..]), (STRANGER, &roles[..])].map(|(home, roles)| {
        let id = world.operator(home, "boss", roles);
        directory::operator(&world.facts, id).unwrap().unwrap()
    });
    let api = |home: &str| directory::operator_named(&world.facts, Some(&shortcode(home)), "api").unwrap().unwrap();
    let unlocks = |world: &World, by: &directory::Operator, whom: &str| {
        world.core.may_care(&world.facts, Care::Unlock, by.id, &api(whom), world.now).map(drop)
    };
    assert!(unlocks(&world, &administrator, PAYBILL).is_ok());
    assert!(unlocks(&world, &administrator, STORE).is_ok(), "below it");
    assert!(matches!(unlocks(&world, &administrator, BULK), Err(CareError::Refused(_))));
    assert!(matches!(unlocks(&world, &other, PAYBILL), Err(CareError::Refused(_))));
    let suspended = directory::set_status(&world.facts, administrator.id, Status::Suspended).unwrap();
    world.facts.commit(suspended.write_set).unwrap();
    assert!(matches!(unlocks(&world, &administrator, PAYBILL), Err(CareError::Refused(_))));
}
