//! What the core refuses: the third party gets the code and nothing more, nothing changes, and the log has
//! the private reason.

use crate::office::{AMINA, BULK, Office, PAYBILL, Wish, pay_out};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_order_gets_its_code_changes_nothing_and_its_reason_is_in_the_log_alone() {
    let mut office = Office::opened().await;
    let amount = |text| [("Amount", text)];
    let (small, large, dear, usual) = (amount("9.99"), amount("250000.01"), amount("100000.01"), amount("100"));
    let stranger = Wish { receiver: Some((1, "254799999999")), ..pay_out(&usual) };
    let foreign = Wish { primary: Some((4, PAYBILL)), ..pay_out(&usual) };
    let powerless = Wish { home: PAYBILL, primary: Some((4, PAYBILL)), ..pay_out(&usual) };
    let wrong = [
        (pay_out(&small), "2", "9.99 is less than 10.00"),
        (pay_out(&large), "3", "250000.01 is more than 250000.00"),
        (pay_out(&dear), "1", "100000.00 are available for 100000.01 in the Utility Account"),
        (stranger, "7", "there is no subscriber 254799999999"),
        (foreign, "2043", "may not act for"),
        (powerless, "21", "has no role in force on the channel API with the permission"),
    ];
    for (wish, code, reason) in &wrong {
        let result = office.gets(wish).await;
        assert_eq!(result.result_code, *code, "{reason}: {result:?}");
        assert!(!result.result_desc.contains(reason), "{result:?}");
        assert!(result.parameters.is_empty(), "{result:?}");
    }
    assert_eq!(office.available(BULK, "utility"), "100000.00");
    assert_eq!(office.available(PAYBILL, "working"), "50000.00");
    assert_eq!(office.available(AMINA, "working"), "0.00");
    let log = office.closes();
    for (_, code, reason) in &wrong {
        let told = log.lines().filter(|line| line.contains("request decided") && line.contains(reason)).count();
        assert_eq!(told, 1, "{code}: {reason:?} is not in the log once: {log}");
    }
}
