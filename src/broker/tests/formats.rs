//! The records that each request writes have their fields in order, without names: each field keeps its
//! place for ever, and records from before that, with names, are still read.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::broker::accepted::Used;
use crate::broker::trace::{Leg, LegKind};
use crate::broker::wire::{ConfirmationNews, ResultNews};
use crate::core::{Initiator, Party, Receipt, Report, ReportValue, ResultCode, Shortcode};
use crate::mminterface::C2bPayment;
use crate::store::{Fields, Record, Stored};

fn conversation() -> ConversationId {
    ConversationId::parse("AG_20261123_00004a1b2c3d4e5f6071").unwrap()
}

fn accepted() -> Accepted {
    let party = |of: &str| Party { identifier_type: 4, identifier: of.into(), short_code: None };
    let initiator = Initiator { identifier_type: 11, identifier: "lipa".into(), short_code: Some("600100".into()) };
    Accepted {
        order: Order {
            initiator: Some(initiator),
            primary: Some(party("600100")),
            receiver: Some(party("600000")),
            parameters: vec![("Amount".into(), "10".into())],
            reference: vec![("Batch".into(), "7".into())],
            remark: Some("November".into()),
            ..order(conversation(), Timestamp::from_seconds(1))
        },
        organization: Some(Shortcode::parse("600100").unwrap()),
        credential_refused: Some("no".into()),
        result_url: Some("https://r".into()),
        timeout_url: Some("https://t".into()),
        original: None,
        delivery: DeliveryId::from_text("msg_1"),
        expires: Timestamp::from_seconds(2),
        state: AcceptedState::Decided { code: "0".into(), receipt: "UKQ0IFYFDS".into(), reason: "done".into() },
    }
}

fn result_news() -> ResultNews {
    let mut report = Report::new(ResultCode::Success, Receipt::parse("UKQ0IFYFDS").unwrap());
    report.parameters = vec![("Name".into(), ReportValue::Text("Amina".into()))];
    report.reference = vec![("Batch".into(), "7".into())];
    ResultNews {
        originator_conversation: "one-id".into(),
        conversation: conversation().to_string(),
        report,
        owners: vec!["600100".into(), "party/duka".into()],
    }
}

fn confirmation_news() -> ConfirmationNews {
    let payment = C2bPayment {
        trans_type: "Pay Bill".into(),
        trans_id: "UKQ0IFYFDS".into(),
        trans_time: "20261123104512".into(),
        trans_amount: "10.00".into(),
        business_short_code: "600000".into(),
        bill_ref_number: Some("INV-1".into()),
        org_account_balance: Some("20.00".into()),
        third_party_trans_id: Some("T-1".into()),
        msisdn: "254722000001".into(),
        kyc: vec![("[Personal Details][First Name]".into(), "Amina".into())],
    };
    ConfirmationNews { conversation: conversation().to_string(), payment }
}

fn used() -> Used {
    Used { conversation: conversation(), fingerprint: vec![0, 1, 255], cached: true }
}

fn leg() -> Leg {
    Leg { kind: LegKind::Acknowledgement, at: Timestamp::from_seconds(1), message: "HTTP/1.1 200 OK".into() }
}

fn record(value: Vec<u8>) -> Record {
    Record { version: 1, value: Bytes::from(value), captured: Vec::new() }
}

/// The same value, as format 1 had it, is read, and is the same again.
fn assert_read_from_before<T: Stored>(value: &T) {
    assert_eq!((T::FIELDS, T::FORMAT), (Fields::InOrder, 2), "{}", T::NAME);
    let mut before = vec![1];
    value.serialize(&mut rmp_serde::Serializer::new(&mut before).with_struct_map()).unwrap();
    let now = encode(value);
    assert!(now.len() < before.len(), "{} got no shorter", T::NAME);
    for form in [before, now.clone()] {
        assert_eq!(encode(&decode::<T>(&record(form)).unwrap()), now, "{}", T::NAME);
    }
}

#[test]
fn records_from_before_are_read() {
    assert_read_from_before(&accepted());
    assert_read_from_before(&used());
    assert_read_from_before(&result_news());
    assert_read_from_before(&confirmation_news());
    assert_read_from_before(&leg());
}

/// A record's fields in the order in which they are kept.
fn fields<T: Stored>(value: &T) -> Value {
    let bytes = encode(value);
    assert_eq!(bytes[0], 2);
    crate::store::testing::fields(&bytes)
}

#[test]
fn each_field_has_its_place() {
    let id = "AG_20261123_00004a1b2c3d4e5f6071";
    let order = json!([
        "api",
        "BusinessPayment",
        id,
        "one-id",
        "duka",
        [11, "lipa", "600100"],
        [4, "600100", null],
        [4, "600000", null],
        [["Amount", "10"]],
        [["Batch", "7"]],
        "November",
        1_000_000
    ]);
    assert_eq!(
        fields(&accepted()),
        json!([
            order,
            "600100",
            "no",
            "https://r",
            "https://t",
            null,
            "msg_1",
            2_000_000,
            { "Decided": ["0", "UKQ0IFYFDS", "done"] }
        ])
    );
    let bytes = encode(&used());
    let kept: (serde_bytes::ByteBuf, serde_bytes::ByteBuf, bool) = rmp_serde::from_slice(&bytes[1..]).unwrap();
    assert_eq!((bytes[0], kept.0.as_slice(), kept.1.as_slice(), kept.2), (2, id.as_bytes(), &[0, 1, 255][..], true));
    let text = result_news().report.description;
    let report = json!(["Success", text, "UKQ0IFYFDS", [["Name", { "Text": "Amina" }]], [["Batch", "7"]]]);
    assert_eq!(fields(&result_news()), json!(["one-id", id, report, ["600100", "party/duka"]]));
    let payment = json!([
        "Pay Bill",
        "UKQ0IFYFDS",
        "20261123104512",
        "10.00",
        "600000",
        "INV-1",
        "20.00",
        "T-1",
        "254722000001",
        [["[Personal Details][First Name]", "Amina"]]
    ]);
    assert_eq!(fields(&confirmation_news()), json!([id, payment]));
    assert_eq!(fields(&leg()), json!(["Acknowledgement", 1_000_000, "HTTP/1.1 200 OK"]));
}
