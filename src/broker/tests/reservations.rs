//! Reservations that nobody settles (L3).

use super::*;
use crate::broker::reservations::ABANDONED_MAX;
use crate::core::Receipt;
use crate::store::Stored;

/// A reservation as the core files it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Reservation {
    receipt: Receipt,
}

impl Stored for Reservation {
    const NAME: &'static str = "an open reservation";
}

/// Files so many that run out then and have no transaction: damage, or a mistake of ours.
async fn files_without_transaction(house: &House, count: usize, runs_out: Timestamp) {
    let mut write_set = WriteSet::new();
    for _ in 0..count {
        let receipt = Receipt::issue(house.broker.parts.zone.day(testing::NOW), 0, house.broker.draw());
        let key = Key::of("reservation").number(runs_out.micros().unsigned_abs()).text(receipt.as_str());
        write_set.put(key, encode(&Reservation { receipt }));
    }
    house.store.commit(write_set).await.unwrap();
}

/// A payment whose funds are reserved, by a node that stopped before it was settled, and the reservation as it
/// had that node at hand.
async fn reserved(house: &House) -> (CustomerPayment, Account, (Box<Transaction>, u64)) {
    let (core, store) = (house.broker.core(), &*house.store);
    let shortcode = Shortcode::parse("600000").unwrap();
    let new = NewOrganization {
        shortcode,
        name: "Maji".into(),
        products: vec!["Paybill Head Office".into()],
        parent: None,
        validation: false,
        tariff: None,
    };
    store.commit(directory::create_organization(&core, store, new, testing::NOW).unwrap()).await.unwrap();
    reserved_by(house, "254722000000", "1").await
}

/// The same by another payer, to the organization that there is.
async fn reserved_by(house: &House, payer: &str, session: &str) -> (CustomerPayment, Account, (Box<Transaction>, u64)) {
    let (core, store) = (house.broker.core(), &*house.store);
    let msisdn = Msisdn::try_from(payer.to_owned()).unwrap();
    let name = PersonName { first: "Amina".into(), ..PersonName::default() };
    let created = directory::create_subscriber(store, msisdn.clone(), name, true, testing::NOW).unwrap();
    store.commit(created).await.unwrap();
    let purse = Account::new(Holder::Subscriber(msisdn), AccountKind::Working);
    let amount = Amount::from_minor(100_000);
    let funded = directory::fund(&core, store, purse.clone(), amount, testing::NOW, house.broker.draw()).unwrap();
    store.commit(funded.1).await.unwrap();
    let payment = CustomerPayment {
        command: "CustomerPayBillOnline".into(),
        conversation: ConversationId::issue(&house.broker.parts.zone, testing::NOW, house.broker.draw()),
        gateway: "ussd".into(),
        session: session.into(),
        payer: HandsetParty::Msisdn(payer.into()),
        payee: HandsetParty::Shortcode("600000".into()),
        account_reference: Some("INV-1".into()),
        amount: "100".into(),
        received: testing::NOW,
    };
    let authorized = house.broker.authorize(&payment, fingerprint::of_payment(&payment), "<submitted/>").await.unwrap();
    let Authorized::Reserved(transaction, written) = authorized else { panic!("it was not reserved") };
    assert_eq!(purse.balance(store).unwrap(), Balance { available: 90_000, reserved: 10_000 });
    (payment, purse, (transaction, written))
}

#[tokio::test(start_paused = true)]
async fn l3_a_reservation_that_a_stopped_node_left_is_given_back_at_the_next_start() {
    let house = House::built();
    let (payment, purse, _) = reserved(&house).await;
    let early = House::on(Arc::clone(&house.store));
    assert_eq!(early.broker.resume().await.unwrap().payments, 0, "its time has not run out");
    let next = House::on(Arc::clone(&house.store));
    next.clock.advance(Duration::from_secs(60));
    assert_eq!(next.broker.resume().await.unwrap().payments, 1);
    assert_eq!(purse.balance(&*next.store).unwrap(), Balance { available: 100_000, reserved: 0 });
    let told = next.broker.pay(payment, "<submitted/>").await.unwrap();
    assert_eq!(told.report.code.as_str(), "L000003", "the gateway learns the end when it asks again");
}

/// A yes that comes now finds nobody, so nothing is gained by keeping the money any longer.
#[tokio::test(start_paused = true)]
async fn l3_what_a_killed_node_reserved_goes_back_when_its_payer_waits_no_more() {
    let house = House::built();
    let (payment, purse, (transaction, written)) = reserved(&house).await;
    let next = House::on(Arc::clone(&house.store));
    assert_eq!(next.broker.resume().await.unwrap().payments, 0);
    // Both draw from one seed.
    (0..100).for_each(|_| _ = next.broker.draw());
    let (_, late, _) = reserved_by(&next, "254722000009", "2").await;
    let watch = tokio::spawn(Arc::clone(&next.broker).watch_reservations());
    next.clock.advance(Duration::from_millis(7_999));
    tokio::time::sleep(RESERVATIONS_EVERY * 2).await;
    assert_eq!(purse.balance(&*next.store).unwrap().reserved, 10_000, "its payer may still wait");
    next.clock.advance(Duration::from_millis(1));
    tokio::time::sleep(RESERVATIONS_EVERY * 2).await;
    assert_eq!(purse.balance(&*next.store).unwrap(), Balance { available: 100_000, reserved: 0 });
    assert_eq!(late.balance(&*next.store).unwrap().reserved, 10_000, "this node's own may be about to be settled");
    let told = next.broker.pay(payment.clone(), "<submitted/>").await.unwrap();
    assert_eq!(told.report.code.as_str(), "L000003");
    // The node that was thought dead says yes after all.
    let held = Held::Written(transaction, written);
    let key = session_key(&payment.gateway, &payment.session);
    let yes = Heard { said: Said::Yes { third_party_trans_id: None }, legs: Vec::new() };
    let told = house.broker.settle(held, &key, yes).await.unwrap();
    assert_eq!(told.report.code.as_str(), "L000003");
    assert_eq!(purse.balance(&*next.store).unwrap(), Balance { available: 100_000, reserved: 0 });
    watch.abort();
}

#[tokio::test(start_paused = true)]
async fn l3_a_reservation_that_nobody_settles_is_given_back_by_itself() {
    let house = House::built();
    let (_, purse, _) = reserved(&house).await;
    let watch = tokio::spawn(Arc::clone(&house.broker).watch_reservations());
    house.clock.advance(Duration::from_secs(59));
    tokio::time::sleep(RESERVATIONS_EVERY * 2).await;
    assert_eq!(purse.balance(&*house.store).unwrap().reserved, 10_000, "its time has not run out");
    house.clock.advance(Duration::from_secs(1));
    tokio::time::sleep(RESERVATIONS_EVERY * 2).await;
    assert_eq!(purse.balance(&*house.store).unwrap(), Balance { available: 100_000, reserved: 0 });
    watch.abort();
}

#[tokio::test(start_paused = true)]
async fn l3_a_reservation_that_cannot_be_given_back_does_not_keep_the_others_nor_the_start() {
    let house = House::built();
    files_without_transaction(&house, 250, Timestamp::from_micros(1)).await;
    assert_eq!(house.broker.resume().await.unwrap().payments, 0);
}

/// So many are looked at when a node starts. Those that run out later than they do go back all the same, but
/// when their own time has run out.
#[tokio::test(start_paused = true)]
async fn l3_what_is_beyond_those_that_a_start_takes_over_goes_back_when_its_time_has_run_out() {
    for (taken_over, back_after) in [(ABANDONED_MAX - 1, 8), (ABANDONED_MAX, 60)] {
        let house = House::built();
        let (_, purse, _) = reserved(&house).await;
        files_without_transaction(&house, taken_over, testing::NOW.plus(Duration::from_secs(59))).await;
        let next = House::on(Arc::clone(&house.store));
        next.broker.take_over_reservations().unwrap();
        next.clock.advance(Duration::from_secs(back_after - 1));
        next.broker.give_back_overdue().await.unwrap();
        assert_eq!(purse.balance(&*next.store).unwrap().reserved, 10_000, "{taken_over} run out before it");
        next.clock.advance(Duration::from_secs(1));
        assert_eq!(next.broker.give_back_overdue().await.unwrap(), 1);
        assert_eq!(purse.balance(&*next.store).unwrap(), Balance { available: 100_000, reserved: 0 });
    }
}
