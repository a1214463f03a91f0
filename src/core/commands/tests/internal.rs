//! What is our own fault is code 17 for third parties, with the reason in the log: it moves nothing.

use crate::clock::Timestamp;
use crate::core::catalogue::{CatalogueError, SHIPPED};
use crate::core::testing::{AMINA, BULK, PAYBILL, World};
use crate::core::{Account, AccountKind, Catalogue, State};
use crate::store::CommitError;

/// The shipped catalogue with one text in place of another.
fn changed(from: &str, to: &str) -> Result<Catalogue, Vec<CatalogueError>> {
    let texts = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), text.replace(from, to)));
    Catalogue::parse(&texts.collect::<Vec<_>>())
}

#[test]
fn a_day_before_all_limits_and_tariffs_is_code_17_and_moves_nothing() {
    let mut world = World::new();
    // The catalogue begins with 2006.
    world.now = Timestamp::from_seconds(1_100_000_000);
    let before = (world.balance(AMINA, AccountKind::Working), world.balance(BULK, AccountKind::Utility));
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "100");
    let paid_out = world.b2c("100");
    for seen in [world.authorize(&payment), world.run(&paid_out)] {
        let report = &seen.decision.report;
        assert_eq!((seen.code(), report.description.as_str()), ("17", "System internal error."));
        assert!(seen.decision.private.contains("is in force"), "{}", seen.decision.private);
        assert_eq!(seen.decision.transaction.as_ref().unwrap().state, State::Declined);
        assert_eq!(seen.parameters, []);
    }
    assert_eq!((world.balance(AMINA, AccountKind::Working), world.balance(BULK, AccountKind::Utility)), before);
    world.assert_books();
}

#[test]
fn no_catalogue_comes_into_force_in_which_a_day_before_a_tariff_would_be_code_17() {
    let errors = changed("from = 2006-01-01\nrule = [\n", "from = 2030-01-01\nrule = [\n").unwrap_err();
    let told =
        |error: &CatalogueError| error.file == "tariffs.toml" && error.message.contains("begins after the limits");
    assert!(!errors.is_empty() && errors.iter().all(told), "{errors:#?}");
}

/// The bound of a counter that is neither payer's, payee's nor limit: nobody who asked could do anything about it.
#[test]
fn a_bound_that_is_nobodys_fault_declines_with_17() {
    let mut world = World::new();
    let order = world.b2c("1500");
    let decision = world.decide(&order);
    let counter = Account::of_provider(AccountKind::ChargesIncome).available();
    let error = CommitError::Bound { counter, value: i64::MAX, delta: 1 };
    let declined = world.core.bounded(&decision, &error).unwrap();
    assert_eq!(declined.report.code.as_str(), "17");
    assert_eq!(declined.transaction.as_ref().unwrap().state, State::Declined);
    assert!(!declined.declinable);
    world.settle(declined);
    assert_eq!(world.available(BULK, AccountKind::Utility), "100000.00");
    world.assert_books();
}
